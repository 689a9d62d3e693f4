"""Answers too large for Lambda: what goes out directly, what becomes a copy, and that nothing on the way is lost."""

import json
from dataclasses import dataclass, field

import pytest

from packshot import gateway
from packshot.steps.large import LARGEST, SECONDS, fit
from packshot.wire import Response

LAMBDA = 6 * 1024 * 1024
"""Bytes of the reply that a function hands back, as JSON."""

JSON, PICTURE = "application/json", "image/jpeg"


@dataclass
class Outputs:
    """The outputs bucket."""

    objects: dict[str, tuple[bytes, str]] = field(default_factory=dict)
    asked: list[tuple[str, int]] = field(default_factory=list)

    def put(self, key: str, data: bytes, content_type: str, metadata: object = None) -> None:
        self.objects[key] = (data, content_type)

    def get(self, key: str) -> bytes | None:
        return self.objects[key][0]

    def copy(self, source: str, target: str) -> None:
        raise AssertionError

    def url(self, key: str, seconds: int, filename: str | None = None) -> str:
        self.asked.append((key, seconds))
        return f"https://bucket.example/{key}?signed"


def test_what_fits_goes_out_as_it_is() -> None:
    outputs = Outputs()
    for response in (
        Response(200, {"content-type": JSON}, b"x" * LARGEST),
        Response(204),
        Response(200, {"content-type": PICTURE}, b"x" * (LARGEST * 3 // 4)),
    ):
        assert fit(response, outputs, "req-1") is response
    assert outputs.objects == {}


def test_what_does_not_fit_becomes_a_copy_and_the_way_to_it() -> None:
    outputs, body = Outputs(), b"x" * (LARGEST + 1)
    headers = {"content-type": JSON, "x-request-id": "req-1", "ratelimit": "r=1", "cache-control": "no-store"}
    answer = fit(Response(202, headers, body), outputs, "req-1")
    assert (answer.status, answer.body) == (303, b"")
    assert answer.headers == {
        "x-request-id": "req-1",
        "ratelimit": "r=1",
        "cache-control": "no-store",
        "location": "https://bucket.example/answers/req-1?signed",
    }
    assert outputs.objects == {"answers/req-1": (body, JSON)}
    assert outputs.asked == [("answers/req-1", SECONDS)]


def test_a_body_of_no_kind_is_kept_as_bytes() -> None:
    outputs = Outputs()
    assert fit(Response(200, {}, b"x" * (LARGEST + 1)), outputs, "r").status == 303
    assert outputs.objects["answers/r"][1] == "application/octet-stream"


@pytest.mark.parametrize("size", [LARGEST * 3 // 4, LARGEST * 3 // 4 + 1, LARGEST - 1, LARGEST, LARGEST + 1])
@pytest.mark.parametrize("kind", [JSON, "application/problem+json", "text/plain; charset=utf-8", PICTURE, ""])
def test_whatever_goes_out_fits_in_lambdas_answer(kind: str, size: int) -> None:
    headers = {"content-type": kind} if kind else {}
    reply = gateway.reply_of(fit(Response(200, headers, b"x" * size), Outputs(), "r"))
    assert len(json.dumps(reply)) < LAMBDA
