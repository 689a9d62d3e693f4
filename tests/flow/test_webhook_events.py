"""Provider webhooks as API Gateway hands them over: as text or as base64, whole or spoilt, with odd headers.

Each is a real delivery of a simulated provider, sent to the shipped handler once more: 200 for what is genuine, 401 for
all the rest, never a 5xx, and the table stays as it was.
"""

import base64
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from packshot.aws import jobs
from packshot.errors import Unavailable
from tests.flow.simulated import Told, Town, own_clients, rows, town, whole
from tests.flow.test_provider_webhooks import HOOKED, SIGNED, done

__all__ = ["own_clients", "town", "whole"]

PROOFS = {
    "replicate": ("webhook-id", "webhook-timestamp", "webhook-signature"),
    "fal": tuple(f"x-fal-webhook-{part}" for part in ("request-id", "user-id", "timestamp", "signature")),
    "bfl": ("x-bfl-signature",),
    "phota": ("x-phota-signature",),
}
"""The headers that prove a delivery of those whose webhooks name the attempt."""


def event_of(told: Told, **more: Any) -> dict[str, Any]:
    """The delivery as an event of an HTTP API, its body as base64."""
    names = ("provider", "account", "job", "call", "attempt", "token")
    return {
        "version": "2.0",
        "rawPath": told.path,
        "rawQueryString": "",
        "headers": dict(told.headers),
        "pathParameters": dict(zip(names, told.path.split("/")[2:], strict=True)),
        "requestContext": {
            "http": {"method": "POST", "path": told.path},
            "requestId": "req-1",
            "stage": "$default",
            "domainName": "api.example.com",
        },
        "body": base64.b64encode(told.body).decode(),
        "isBase64Encoded": True,
        **more,
    }


def answered(town: Town, event: Mapping[str, Any]) -> int:
    """The handler's status. A refusal says always the same, and nothing is ever written by one."""
    before = rows()
    reply = town.stack.invoke("provider_webhook", event)
    town.stack.run()
    assert rows() == before
    if reply["statusCode"] == 401:
        assert reply["body"] == '{"error":"unauthorized"}'
    return int(reply["statusCode"])


@pytest.mark.parametrize("name", HOOKED)
def test_a_body_counts_as_it_was_before_the_gateway_wrapped_it(
    town: Town, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    done(town, monkeypatch, name)
    (told, *_) = town.net.told
    text, folded = told.body.decode(), base64.b64encode(told.body).decode()
    assert answered(town, event_of(told)) == 200
    assert answered(town, event_of(told, body=text, isBase64Encoded=False)) == 200
    for body, wrapped in (
        (folded, False),
        (base64.b64encode(folded.encode()).decode(), True),
        (text, True),
        (folded[:-5], True),
        ("é" + folded, True),
        ("", True),
        (None, False),
        (f"{text[:-1]},\udcff", False),
    ):
        assert answered(town, event_of(told, body=body, isBase64Encoded=wrapped)) == 401, (body, wrapped)


def _spoilt(name: str, headers: Mapping[str, str]) -> Iterator[dict[str, str]]:
    for proof in PROOFS[name]:
        value = headers[proof]
        torn = value.replace(",", "").replace("=", "")[:-1]
        for odd in ("", f"{value},{value}", torn, f"{value[:-3]}é\udcff\0", ",", "nan", "v1,", "A" * 8000):
            yield {**headers, proof: odd}


def test_the_proofs_are_of_all_that_sign() -> None:
    assert set(PROOFS) == set(HOOKED) & set(SIGNED)


@pytest.mark.parametrize("name", PROOFS)
def test_no_header_makes_more_of_it_than_401(town: Town, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    done(town, monkeypatch, name)
    (told, *_) = town.net.told
    spoilt = list(_spoilt(name, told.headers))
    for headers in spoilt:
        assert answered(town, event_of(told, headers=headers)) == 401, headers
    loud = {key.upper(): value for key, value in told.headers.items()}
    assert answered(town, event_of(told, headers=loud)) == 200


@pytest.mark.parametrize("name", HOOKED)
def test_no_path_makes_more_of_it_than_401(town: Town, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    done(town, monkeypatch, name)
    (told, *_) = town.net.told
    given = event_of(told)["pathParameters"]
    for key, odd in (
        ("provider", "nobody"),
        ("provider", "../studio"),
        ("provider", "studio"),
        ("account", ""),
        ("account", "x" * 2000),
        ("job", "job_x"),
        ("job", ""),
        ("call", "x"),
        ("call", "-1"),
        ("call", "9" * 5000),
        ("attempt", "1.5"),
        ("attempt", "²"),
        ("token", ""),
        ("token", "é"),
        ("token", given["token"][:-1]),
    ):
        assert answered(town, event_of(told, pathParameters={**given, key: odd})) == 401, (key, odd[:20])
    less = {key: value for key, value in given.items() if key != "token"}
    for path in (less, {"provider": given["provider"]}, {}, None):
        assert answered(town, event_of(told, pathParameters=path)) == 401, path


def test_while_our_own_table_is_busy_the_provider_is_asked_to_come_again(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one 5xx there is: the sender repeats it, where a 401 would be the end."""
    done(town, monkeypatch, "replicate")
    (told, *_) = town.net.told

    def busy(*_: Any) -> Any:
        raise Unavailable("busy")

    whole_get: Callable[..., Any] = jobs.JobTable.get
    monkeypatch.setattr(jobs.JobTable, "get", busy)
    reply = town.stack.invoke("provider_webhook", event_of(told))
    assert (reply["statusCode"], reply["headers"]["retry-after"]) == (503, "5")
    monkeypatch.setattr(jobs.JobTable, "get", whole_get)
    assert answered(town, event_of(told)) == 200
