"""Whatever JSON comes with a good key: no answer is our fault, and no credit moves without a job that is told of.

Each dialect's own examples are sent to the shipped handlers, whole or spoilt: members dropped, of another type, huge,
nested, from another alphabet, from another vendor. Nobody's wait takes time here: it is over at once.
"""

import itertools
import json
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from packshot import dialects
from packshot.answers import Answer, JobView
from packshot.aws.accounts import AccountTable
from packshot.aws.books import Books
from packshot.steps import submit
from packshot.wire import Request, Response
from packshot.wishes import Submit, Wish
from tests.contract.test_dialects import EXAMPLES
from tests.flow.conftest import Tenant, make_tenant
from tests.flow.test_doors_and_tenants import keyed
from tests.flow.world import World

pytestmark = pytest.mark.sweep

VENDORS = [name for name in dialects.NAMES if name != dialects.OURS]
MOST = 60
"""Examples of each dialect."""

RICH = 1_000_000


def bodies(name: str) -> list[tuple[Mapping[str, Any], dict[str, Any]]]:
    """(request, its JSON) of what a dialect takes."""
    examples = [json.loads(file.read_text()) for owner, file in EXAMPLES if owner == name]
    posts = [one["request"] for one in examples if "wish" in one and one.get("request", {}).get("method") == "POST"]
    return [(post, post["json"]) for post in posts if isinstance(post.get("json"), dict)]


FOREIGN = sorted(
    {(field, json.dumps(value)) for name in dialects.NAMES for _, body in bodies(name) for field, value in body.items()}
)
"""Fields of all dialects."""

ODD: tuple[Any, ...] = (
    None,
    True,
    0,
    -1,
    1.5,
    10**18,
    -(10**400),
    1e308,
    "",
    " ",
    "x" * 9000,
    "\u0000",
    "\ud83d\udca9",
    "\u202e\u0661\u0967",
    "https://10.0.0.1/x",
    "https://[::1",
    "data:image/png;base64,AAAA",
    "job_01kaj2v6w0000000000000001a",
    "[[prf_01kaj2v6w0000000000000001a]]",
    [],
    {},
    [None],
    [[[[]]]],
    {"a": {"b": {"c": []}}},
    ["https://shop.example/1.jpg"] * 40,
)


@st.composite
def spoilt(draw: st.DrawFn, name: str) -> tuple[Mapping[str, Any], Any]:
    """A request of the dialect with its body as it is, or spoilt in up to three places."""
    request, body = draw(st.sampled_from(bodies(name)))
    body = json.loads(json.dumps(body))
    for _ in range(draw(st.integers(0, 3))):
        place = draw(st.sampled_from(_places(body)))
        value = draw(st.sampled_from(ODD) | st.text(max_size=12) | st.integers() | st.floats(allow_nan=False))
        match draw(st.sampled_from(("drop", "odd", "foreign", "swap", "wrap"))):
            case "drop":
                _change(body, place, lambda box, at: box.pop(at))
            case "odd":
                _change(body, place, lambda box, at, new=value: box.__setitem__(at, deepcopy(new)))
            case "foreign":
                field, text = draw(st.sampled_from(FOREIGN))
                body[field] = json.loads(text)
            case "swap":
                other = _found(body, draw(st.sampled_from(_places(body))))
                _change(body, place, lambda box, at, new=other: box.__setitem__(at, json.loads(json.dumps(new))))
            case _:
                _change(body, place, lambda box, at: box.__setitem__(at, [box[at]]))
    return request, body


def _places(value: Any, *above: Any) -> list[tuple[Any, ...]]:
    """The ways to all members, however deep; the whole has none."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    found = [(*above, at) for at, _ in inner]
    return [*found, *(place for at, each in inner for place in _places(each, *above, at))] or [()]


def _found(body: Any, place: tuple[Any, ...]) -> Any:
    for at in place:
        body = body[at]
    return body


def _change(body: Any, place: tuple[Any, ...], how: Callable[[Any, Any], object]) -> None:
    if place:
        how(_found(body, place[:-1]), place[-1])


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Response, bool]]:
    """The answers that told a caller of the job they asked for, as they were written, and whether it was a new one."""
    written: list[tuple[Response, bool]] = []
    match = dialects.match

    def spied(path: str) -> dialects.Dialect:
        dialect = match(path)

        def write(wish: Wish, answer: Answer, request: Request) -> Response:
            response = dialect.write(wish, answer, request)
            if isinstance(wish, Submit) and isinstance(answer, JobView):
                written.append((response, answer.fresh))
            return response

        return replace(dialect, write=write)

    monkeypatch.setattr(dialects, "match", spied)
    return written


@pytest.mark.parametrize("name", VENDORS)
def test_any_json_gets_an_answer_and_every_credit_has_a_job(
    name: str, stack: World, told: list[tuple[Response, bool]], monkeypatch: pytest.MonkeyPatch
) -> None:
    ticks = itertools.count(step=1000)
    monkeypatch.setitem(submit.hold.__kwdefaults__, "clock", lambda: float(next(ticks)))
    tenant, statuses = make_tenant(stack, "acct_any", topup=RICH), set[int]()

    # without shrinking: each try leaves its rows, which makes the next one slower
    @settings(
        max_examples=MOST,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(sent=spoilt(name), long=st.booleans())
    def check(sent: tuple[Mapping[str, Any], Any], long: bool) -> None:
        before = len(told)
        status = _send(stack, name, sent, tenant, long=long)
        statuses.add(status)
        # where a job came to nothing while its caller waited, the vendors have a 5xx of their own for that
        assert status < 500 or (told[before:] and status == told[-1][0].status), f"{status} for {sent}"
        _every_credit_is_accounted_for(tenant, sum(fresh for _, fresh in told))

    check()
    assert Books("packshot").verify(tenant.account) == ()
    assert told, "never a job"
    assert len(statuses) > 1, f"never anything but {statuses}"


def _send(stack: World, name: str, sent: tuple[Mapping[str, Any], Any], tenant: Tenant, *, long: bool) -> int:
    request, body = sent
    own, query = keyed(name, tenant.key)
    headers = {"content-type": "application/json", **request.get("headers", {}), **own}
    raw, asked = json.dumps(body).encode(), urlencode({**request.get("query", {}), **query})
    if long:
        return int(stack.long("POST", request["url"], headers=headers, query=asked, raw=raw)["statusCode"])
    return int(stack.api("POST", request["url"], raw=raw, headers=headers, query=asked).status)


def _every_credit_is_accounted_for(tenant: Tenant, jobs: int) -> None:
    sums, account = Books("packshot").sums(tenant.account), AccountTable("packshot").account(tenant.account)
    assert account is not None
    assert account.available + sums.reserved == account.granted - sums.spent
    assert sums.jobs == jobs
