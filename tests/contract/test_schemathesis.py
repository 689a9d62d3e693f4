"""Our own API against its own description: Schemathesis makes the requests, the shipped handlers answer them.

Whatever comes in, the answer is one that `openapi.json` describes: its status, its content type, its body.
"""

import base64
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import checks
from schemathesis.specs.openapi import checks as conformance

from packshot import api
from tests.flow.conftest import Net, Tenant, make_tenant, photo
from tests.flow.world import World, world

DOCUMENT: dict[str, Any] = json.loads(api.data("openapi.json"))
OPERATIONS = sorted(
    ((method.upper(), path) for path, item in DOCUMENT["paths"].items() for method in item),
    key=lambda each: (each[0] == "DELETE", each[1], each[0]),
)
CHECKS = [
    checks.not_a_server_error,
    conformance.status_code_conformance,
    conformance.content_type_conformance,
    conformance.response_schema_conformance,
]
MOST = 12
"""Examples of each operation."""

IMAGE = "https://shop.example/mug.jpg"

Start = Callable[[str, list[tuple[str, str]]], object]


class Gateway:
    """The HTTP API as a WSGI application."""

    def __init__(self, stack: World) -> None:
        self.stack = stack
        self.statuses: set[int] = set()

    def __call__(self, environ: Mapping[str, Any], start: Start) -> Iterable[bytes]:
        """Answer one request."""
        named = {name[5:].replace("_", "-").lower(): value for name, value in environ.items() if name[:5] == "HTTP_"}
        if environ.get("CONTENT_TYPE"):
            named["content-type"] = environ["CONTENT_TYPE"]
        size = int(environ.get("CONTENT_LENGTH") or 0)
        path = environ["PATH_INFO"].encode("latin-1").decode("utf-8", "replace")
        raw, query = environ["wsgi.input"].read(size), environ.get("QUERY_STRING", "")
        answer = self.stack.api(environ["REQUEST_METHOD"], path, raw=raw, headers=named, query=query)
        self.statuses.add(answer.status)
        start(f"{answer.status} {HTTPStatus(answer.status).phrase}", list(answer.headers.items()))
        is_text = "json" in answer.headers.get("content-type", "json")
        return [answer.text.encode() if is_text else base64.b64decode(answer.text)]


@dataclass(frozen=True)
class Running:
    """A packshot with something of everything in it: `known` ids by the first step of their path."""

    stack: World
    tenant: Tenant
    known: Mapping[str, str]


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    """One for all operations: what one of them takes away, another has seen before."""
    net = Net()
    net.pages[IMAGE] = photo()
    with pytest.MonkeyPatch.context() as patch, world(patch, net) as stack:
        tenant = make_tenant(stack, "acct_one", topup=1_000_000)
        yield Running(stack, tenant, _filled(stack, tenant))


def _filled(stack: World, tenant: Tenant) -> Mapping[str, str]:
    def post(path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        answer = stack.api("POST", f"/packshot/v1/{path}", body, key=tenant.key)
        assert answer.status in (201, 202), answer.text
        made: dict[str, Any] = answer.json
        return made

    job = post("jobs", {"images": [IMAGE], "width": 512, "height": 512, "callback_url": "https://shop.example/hooks"})
    found = {
        "jobs": job["id"],
        "presets": post("presets", {"title": "Slate", "prompt": "on slate"})["id"],
        "profiles": post("profiles", {"images": [IMAGE]})["id"],
        "callback-endpoints": post("callback-endpoints", {"url": IMAGE, "events": ["job.completed"]})["id"],
        "assets": post("assets", {"url": IMAGE})["id"],
        "provider-keys": "replicate",
    }
    stack.run()
    deliveries = stack.api("GET", f"/packshot/v1/jobs/{job['id']}/deliveries", key=tenant.key).json["data"]
    return {**found, "deliveries": deliveries[0]["id"]}


@pytest.mark.parametrize(("method", "path"), OPERATIONS, ids=[f"{method} {path}" for method, path in OPERATIONS])
def test_every_answer_is_described(method: str, path: str, running: Running) -> None:
    app, known, good = Gateway(running.stack), running.known, running.tenant.key
    operation = schemathesis.openapi.from_wsgi("/packshot/v1/openapi.json", app)[path][method]
    app.statuses.clear()
    kind = path.removeprefix("/packshot/v1/").partition("/")[0]

    @settings(max_examples=MOST, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy(), real=st.booleans(), key=st.sampled_from([good] * 4 + ["", "pk_live_x"]))
    def check(case: Any, real: bool, key: str) -> None:
        if real and "id" in case.path_parameters and kind in known:
            case.path_parameters["id"] = known[kind]
        case.call_and_validate(checks=CHECKS, headers={"authorization": f"Bearer {key}"} if key else {})

    check()
    assert app.statuses


def test_a_year_before_1000_has_four_digits(running: Running) -> None:
    since, until = "0053-12-11T01:55:45.000Z", "0053-12-12T00:00:00.000Z"
    query = f"since={since}&until={until}"
    answer = running.stack.api("GET", "/packshot/v1/usage", key=running.tenant.key, query=query)
    assert (answer.json["since"], answer.json["until"]) == (since, until)
