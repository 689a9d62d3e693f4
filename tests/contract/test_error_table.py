"""Every way to be told no, dialect by dialect: `refusals/errors.json` is the reviewed list, and this holds it exactly.

Its rows are the codes of `errors.STATUS`, our own faults (`internal`, `unavailable`, `stale`), and jobs that came to
nothing or not to all, by who hears of it: `waited` held the line, `asked` came back for it. A dialect with two prefixes
has `waited` rows for each that takes jobs. What our own API shows of a job beside its end is `<any>`.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from packshot import dialects, wishes
from packshot.answers import JobView
from packshot.errors import STATUS, CallerError, PackshotError, ProviderError, Stale, Unavailable
from packshot.job import Attempt, Call, Credits, Failure, Job, State, Step
from packshot.ledger import insufficient
from packshot.principal import Principal
from packshot.providers import NAMES as PROVIDERS
from packshot.scopes import SCOPES
from packshot.steps import serve
from packshot.wire import Request, Response
from packshot.wishes import Submit
from tests.contract.test_dialects import EXAMPLES, answer_in, request_in, wish_in
from tests.conversations import match

FILES = sorted((Path(__file__).parent / "dialects").glob("*/refusals/errors.json"))
TABLE: dict[str, dict[str, Any]] = {file.parents[1].name: json.loads(file.read_text()) for file in FILES}
CANARY = "canary-5f1e"

GIVEN: Mapping[str, Mapping[str, Any]] = {
    "missing_api_key": {"headers": {"www-authenticate": "Bearer"}},
    "invalid_api_key": {"headers": {"www-authenticate": 'Bearer error="invalid_token"'}},
    "scope_missing": {"details": {"scope": "jobs:write"}},
    "method_not_allowed": {"headers": {"allow": "POST"}},
    "invalid_field": {"field": "count"},
    "unknown_field": {"field": "colour"},
    "missing_field": {"field": "prompt"},
    "unknown_model": {"field": "model"},
    "unknown_preset": {"field": "preset"},
    "unknown_asset": {"field": "images[0]"},
    "unknown_profile": {"field": "profiles"},
    "unsupported_by_model": {"field": "aspect_ratio"},
    "rate_limited": {"retry_after": 7},
}
"""What the core says along with a code."""

OURS: Mapping[str, PackshotError | None] = {"internal": None, "unavailable": Unavailable("x"), "stale": Stale("x")}

FAILURES = (
    Failure("content_refused", "The provider's safety filter refused this."),
    Failure("provider_failed", "The provider could not make the picture."),
    Failure("image_url_status", "images[0]: the address answered with an error."),
    Failure("no_product_found", "images[0]: no product was found in the picture."),
    Failure("deadline_exceeded", "The picture was not ready before its deadline."),
)
ENDS = (*(failure.code for failure in FAILURES), "canceled", "partial")


# ---------------------------------------------------------------------------------------------------------- parts


def shown(response: Response) -> dict[str, Any]:
    """A response as the table writes it down."""
    headers = {name: value for name, value in response.headers.items() if name != "content-type"}
    body = response.json() if response.body else None
    return {"status": response.status, **({"headers": headers} if headers else {}), "json": body}


def examples(name: str, wish: type) -> Iterator[tuple[Request, JobView, Any]]:
    """A dialect's examples of requests with that wish that end in a job with pictures: request, answer, wish."""
    for owner, file in EXAMPLES:
        example = json.loads(file.read_text()) if owner == name else {}
        if example.get("answer", {}).get("outputs") and example.get("wish", {}).get("type") == wish.__name__:
            view = answer_in(example["answer"])
            done = isinstance(view, JobView) and (view.job.state is State.COMPLETED or name == dialects.OURS)
            if done and "request" in example:
                yield request_in(example["request"]), view, wish_in(example["wish"])


def submits(name: str) -> list[Request]:
    """A dialect's first example of a job that is taken, for each prefix that takes jobs."""
    found: dict[str, Request] = {}
    for owner, file in EXAMPLES:
        example = json.loads(file.read_text()) if owner == name else {}
        if example.get("wish", {}).get("type") == "Submit" and "request" in example:
            request = request_in(example["request"])
            prefix = max((one for one in dialects.load(name).prefixes if request.url.startswith(one)), key=len)
            found.setdefault(prefix, request)
    return list(found.values())


def ended(view: JobView, end: str) -> JobView:
    """The same job with another end, after an attempt that left traces of where it was made."""
    at = 1_795_248_000_000
    tried = Attempt(1, PROVIDERS[0], "some/model", CANARY, at, at + 900_000, remote=CANARY, outcome="failed")
    marked = Call(first=0, images=2, step=Step.DONE, attempts=(tried,), results=(CANARY,))
    job: Job = replace(view.job, count=2, price=4, reserved=Credits(8), request_id="req_1", finished=at + 12_000)
    if end == "partial":
        calls = (replace(marked, images=1), replace(marked, first=1, images=1, step=Step.FAILED, failure=FAILURES[1]))
        job = replace(job, state=State.PARTIAL, calls=calls, charged=Credits(4), outputs=view.job.outputs[:1])
        return replace(view, job=job, outputs=view.outputs[:1])
    failure = next((one for one in FAILURES if one.code == end), None)
    state = State.FAILED if failure else State.CANCELED
    calls = (replace(marked, step=Step.FAILED, failure=failure),)
    job = replace(job, state=state, calls=calls, charged=Credits(), outputs=(), failure=failure)
    return replace(view, job=job, outputs=())


def _made(code: str) -> CallerError:
    return CallerError(code, "A message.", **GIVEN.get(code, {}))


def rows(name: str) -> dict[str, Any]:
    """What a dialect says to all of it."""
    dialect, found = dialects.load(name), {}
    request = submits(name)[0]
    for code in STATUS:
        error = insufficient(4, Credits(2, 1)) if code == "insufficient_credits" else _made(code)
        found[code] = shown(dialect.write_error(error, "req_1", request))
    for code, fault in OURS.items():
        found[code] = shown(dialect.write_error(fault, "req_1", request))
    seen: set[str] = set()
    for kind, wish_type in (("waited", wishes.Submit), ("asked", wishes.GetJob)):
        for asked, view, wish in examples(name, wish_type):
            prefix = max((one for one in dialect.prefixes if asked.url.startswith(one)), key=len)
            label = f"{kind} {prefix}" if len(dialect.prefixes) > 1 and kind == "waited" else kind
            if label in seen or (isinstance(wish, Submit) and not wish.wait):
                continue
            seen.add(label)
            for end in ENDS:
                found[f"{label} {end}"] = shown(dialect.write(wish, ended(view, end), asked))
    return found


# ---------------------------------------------------------------------------------------------------------- tests


def test_the_table_is_of_these_dialects() -> None:
    assert set(TABLE) == set(dialects.NAMES)


@pytest.mark.parametrize("name", dialects.NAMES)
def test_every_answer_is_the_one_in_the_table(name: str) -> None:
    found = rows(name)
    assert set(found) == set(TABLE[name])
    for row, answer in found.items():
        match(answer, TABLE[name][row], f"{name}, {row}")


@pytest.mark.parametrize("name", dialects.NAMES)
def test_the_table_has_every_code_and_every_end(name: str) -> None:
    listed = set(TABLE[name])
    assert set(STATUS) | set(OURS) <= listed
    ends = {row.rpartition(" ")[2] for row in listed if " " in row}
    assert ends == set(ENDS)  # each dialect tells of a job's end in one way at least


@pytest.mark.parametrize("name", dialects.NAMES)
def test_a_status_says_whose_fault_it_is(name: str) -> None:
    for row, answer in TABLE[name].items():
        if row in OURS:
            assert answer["status"] >= 500, row
        elif row in STATUS:
            assert 400 <= answer["status"] < 500 or _is_tools_result(answer), row
        else:
            assert answer["status"] < 600, row


def _is_tools_result(answer: Mapping[str, Any]) -> bool:
    """MCP: what a tool could not do is its result."""
    return answer["status"] == 200 and answer["json"]["result"]["isError"] is True


@pytest.mark.parametrize("name", dialects.NAMES)
def test_no_answer_tells_of_our_insides(name: str) -> None:
    inside = ["traceback", ".py", "packshot.", "site-packages", "/var/task", CANARY, "dynamodb", "lambda"]
    if name != dialects.OURS:  # our own API shows the attempts of a job on purpose
        inside += [provider for provider in PROVIDERS if provider not in _FACES]
    for row, answer in rows(name).items():
        text = json.dumps(answer).lower()
        assert not [word for word in inside if re.search(rf"(?<![a-z]){re.escape(word)}(?![a-z])", text)], row


_FACES = ("studio", "aiphotogenerator", "makephotos", "openai", "phota", "photio", "productai")
"""Providers whose names callers know for another reason: a model and a preset, or an API that we answer."""


# -------------------------------------------------------------------------------------- what was never meant for them

SECRETIVE: Mapping[str, Exception] = {
    "upstream's words": ProviderError(f"Replicate says {CANARY}"),
    "missing name": KeyError(CANARY),
    "wrong value": ValueError(f"/var/task/packshot/{CANARY}.py line 12"),
    "busy store": Unavailable(f"ProvisionedThroughputExceeded {CANARY}"),
    "changed row": Stale(f"job#{CANARY}"),
    "bad key": CallerError("invalid_api_key", CANARY),
}


@pytest.mark.parametrize("name", dialects.NAMES)
@pytest.mark.parametrize("case", SECRETIVE)
def test_an_exceptions_words_stay_inside(
    name: str, case: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    error = SECRETIVE[case]
    known = SimpleNamespace(principal=lambda _: Principal("acct", "kid", "live", frozenset(SCOPES.values())))
    let = SimpleNamespace(take=lambda *_: SimpleNamespace(allowed=True, remaining=1, wait=0))

    def broken(*_: Any) -> Any:
        raise error

    monkeypatch.setattr("packshot.keys.parse", lambda _: "a key")
    for request in submits(name):
        door, headers = serve.Door(known, let, "write"), {"authorization": "Bearer key", **request.headers}
        answer = serve.serve(partial(replace, request, headers=headers), "req_1", door=door, carry_out=broken, now=0)
        told = answer.body.decode() + str(answer.headers)
        assert answer.status == 401 if case == "bad key" else answer.status >= 500
        assert CANARY not in told and "replicate" not in told.lower()
    printed = capsys.readouterr().out
    assert '"message":"request"' in printed and CANARY not in printed


@pytest.mark.parametrize("name", dialects.NAMES)
def test_a_provider_error_is_our_own_fault(name: str) -> None:
    write, request = dialects.load(name).write_error, submits(name)[0]
    assert write(ProviderError(CANARY), "req_1", request) == write(None, "req_1", request)
