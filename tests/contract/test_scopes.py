"""What a key must be allowed to do, route by route: `MAY` is the reviewed list, and every dialect's door holds to it.

Each example request of each dialect is sent with every scope alone, with all but one, and without a key. A route that
is not in the list is an error, so nobody adds one without saying who may use it.
"""

import json
import re
from collections.abc import Iterable, Mapping
from functools import partial
from importlib import import_module
from types import SimpleNamespace
from typing import Any

import pytest

from packshot import dialects, keys
from packshot.answers import Answer
from packshot.errors import CallerError, not_found
from packshot.principal import Principal
from packshot.scopes import SCOPES
from packshot.steps import serve
from packshot.wire import Request
from packshot.wishes import Wish
from tests.contract.test_dialects import EXAMPLES, request_in
from tests.flow.test_doors_and_tenants import keyed

ALL = frozenset({"jobs:write", "jobs:read", "jobs:cancel", "usage:read", "account:manage", "callbacks:manage"})
OPEN = ""
"""Asks for no scope."""

MAY: Mapping[str, Mapping[str, str]] = {
    "native": {
        "GET jobs": "jobs:read",
        "POST jobs": "jobs:write",
        "GET jobs/{id}": "jobs:read",
        "POST jobs/{id}/cancel": "jobs:cancel",
        "GET jobs/{id}/deliveries": "jobs:read",
        "POST deliveries/{id}/replay": "callbacks:manage",
        "POST quotes": "jobs:read",
        "POST checks": "jobs:read",
        "POST fixes": "jobs:write",
        "GET models": "jobs:read",
        "GET presets": "jobs:read",
        "POST presets": "jobs:write",
        "GET presets/{id}": "jobs:read",
        "PUT presets/{id}": "jobs:write",
        "DELETE presets/{id}": "jobs:write",
        "GET assets": "jobs:read",
        "POST assets": "jobs:write",
        "GET assets/{id}": "jobs:read",
        "DELETE assets/{id}": "jobs:write",
        "GET profiles": "jobs:read",
        "POST profiles": "jobs:write",
        "GET profiles/{id}": "jobs:read",
        "DELETE profiles/{id}": "jobs:write",
        "GET profiles/{id}/picture": "jobs:read",
        "GET account": "usage:read",
        "PATCH account": "account:manage",
        "PUT provider-keys/{id}": "account:manage",
        "DELETE provider-keys/{id}": "account:manage",
        "GET usage": "usage:read",
        "POST account/callback-secret/rotate": "callbacks:manage",
        "GET callback-endpoints": "callbacks:manage",
        "POST callback-endpoints": "callbacks:manage",
        "PATCH callback-endpoints/{id}": "callbacks:manage",
        "DELETE callback-endpoints/{id}": "callbacks:manage",
        "POST callback-endpoints/{id}/rotate": "callbacks:manage",
        "POST callback-endpoints/{id}/test": "callbacks:manage",
        "POST callback-endpoints/{id}/replay": "callbacks:manage",
        "GET openapi.json": OPEN,
        "GET pictures/{id}": OPEN,
    },
    "makephotos": {
        "POST generate": "jobs:write",
        "POST remove-bg": "jobs:write",
        "GET credits": "usage:read",
        "POST upload": "jobs:write",
        "GET upload/signed": "jobs:write",
    },
    "aiphotogenerator": {"POST generate": "jobs:write", "GET ": "jobs:read", "GET {id}": "jobs:read"},
    "productai": {
        "POST generate": "jobs:write",
        "GET jobs": "jobs:read",
        "GET jobs/{id}": "jobs:read",
        "POST training-asset": "jobs:write",
        "GET my-uploaded-assets": "jobs:read",
        "GET presets": "jobs:read",
        "GET me": "usage:read",
    },
    "productai_deployed": {
        "POST generate": "jobs:write",
        "GET job/{id}": "jobs:read",
        "POST upscale": "jobs:write",
        "POST upload-asset": "jobs:write",
        "GET key-check": "usage:read",
    },
    "phota": {
        "POST generate": "jobs:write",
        "POST edit": "jobs:write",
        "POST enhance": "jobs:write",
        "POST remix": "jobs:write",
        "GET jobs/{id}": "jobs:read",
        "GET webhook-secret": "callbacks:manage",
        "POST profiles/add": "jobs:write",
        "GET profiles/ids": "jobs:read",
        "DELETE profiles/{id}": "jobs:write",
        "GET profiles/{id}/status": "jobs:read",
        "GET profiles/{id}/profile_picture": "jobs:read",
        "GET models": "jobs:read",
    },
    "photio": dict.fromkeys(
        [f"POST {call}" for call in ("generate", "instant", "regen", "relight", "rembg", "remix", "upscale")],
        "jobs:write",
    ),
    "openai_images": {
        "POST generations": "jobs:write",
        "POST edits": "jobs:write",
        "GET models": "jobs:read",
        "GET models/{id}": "jobs:read",
    },
    "mcp": {
        "generate_product_photo": "jobs:write",
        "remove_background": "jobs:write",
        "generate_image": "jobs:write",
        "upload_asset": "jobs:write",
        "get_job": "jobs:read",
        "list_jobs": "jobs:read",
        "check_photo": "jobs:read",
        "cancel_job": "jobs:cancel",
        "estimate_cost": "jobs:read",
        "list_models": "jobs:read",
        "list_presets": "jobs:read",
        "get_usage": "usage:read",
        "server/discover": OPEN,
        "initialize": OPEN,
        "ping": OPEN,
        "tools/list": OPEN,
        "notification": OPEN,
    },
}
"""Each route, or tool, of each dialect with the one scope that it takes."""

_ID = re.compile(
    r"(?<=/)((job|as|pre|prf|ep|dlv)_[^/]+|\d+|(?<=provider-keys/)[^/]+|(?<=v1/models/)[^/]+|(?<=pictures/).+)"
)
_ROOTS = {"openai_images": ("/v1/images/", "/v1/"), "native": ("/packshot/v1/",)}


def route_of(name: str, request: Request) -> str:
    """The key of `MAY` that a request falls under."""
    if name == "mcp":
        sent = json.loads(request.body)
        if "id" not in sent or "method" not in sent:
            return "notification"
        return str(sent["params"]["name"] if sent["method"] == "tools/call" else sent["method"])
    method = "GET" if request.method == "HEAD" else request.method
    path = _ID.sub("{id}", request.url)
    for root in _ROOTS.get(name, tuple(f"{prefix}/" for prefix in dialects.load(name).prefixes)):
        if f"{path}/".startswith(root):
            return f"{method} {path.removeprefix(root.rstrip('/')).removeprefix('/')}"
    raise AssertionError(path)


def requests_of(name: str) -> list[tuple[str, Request]]:
    """(route, request) of each example of a dialect that becomes a wish."""
    found = []
    for owner, file in EXAMPLES:
        example = json.loads(file.read_text()) if owner == name else {}
        if "request" in example and "wish" in example:
            request = request_in(example["request"])
            found.append((route_of(name, request), request))
    return found


def reached(name: str, request: Request, scopes: Iterable[str], key: str | None) -> tuple[bool, Any]:
    """Whether the wish was carried out, and what was answered."""
    principal = Principal("acct", "kid", "live", frozenset(scopes))
    headers = {field: value for field, value in request.headers.items() if field not in _KEYS}
    query = {field: value for field, value in request.query.items() if field != "key"}
    if key is not None:
        more, asked = keyed(name, key)
        headers, query = {**headers, **more}, {**query, **asked}
    seen: list[Wish] = []

    def carry_out(wish: Wish, _: Principal, __: Request) -> Answer:
        seen.append(wish)
        raise not_found()

    door = serve.Door(
        SimpleNamespace(principal=lambda _: principal),
        SimpleNamespace(take=lambda *_: SimpleNamespace(allowed=True, remaining=1, wait=0)),
        "write",
    )
    sent = Request(request.method, request.url, headers, request.body, query)
    answer = serve.serve(partial(_same, sent), "req_1", door=door, carry_out=carry_out, now=0)
    return bool(seen), answer


def _same(request: Request) -> Request:
    return request


_KEYS = ("authorization", "x-api-key", "x-photio-key")
KEY = str(keys.mint("live", bytes(range(40))))


def test_the_scopes_are_these() -> None:
    assert set(SCOPES.values()) == ALL
    assert set(MAY) == set(dialects.NAMES)


@pytest.mark.parametrize("name", dialects.NAMES)
def test_every_route_is_listed_and_has_an_example(name: str) -> None:
    module = import_module(f"packshot.dialects.{name}")
    routes: set[str] = set()
    for path, entry in getattr(module, "ROUTES", {}).items():
        methods = entry if isinstance(entry, Mapping) else [entry[0]]
        if path not in getattr(module, "ABSENT", ()):
            plain = "pictures/{id}" if path.startswith("pictures/") else path.strip("/")
            routes |= {f"{method} {plain}" for method in methods}
    routes |= {f"POST {call}" for call in getattr(module, "READERS", ())}
    routes |= set(getattr(module, "TOOLS", ()))
    shown = {route for route, _ in requests_of(name)}
    assert routes <= set(MAY[name])
    assert shown <= set(MAY[name])
    assert set(MAY[name]) <= shown | _SAID


_SAID = frozenset({"ping", "initialize", "tools/list", "server/discover", "notification"})
"""Need no example here: they say the same to everybody with a key."""


@pytest.mark.parametrize("name", dialects.NAMES)
def test_a_route_takes_one_scope_and_no_other_opens_it(name: str) -> None:
    for route, request in requests_of(name):
        needed = MAY[name][route]
        if needed == OPEN:
            continue
        for scope in ALL:
            went, answer = reached(name, request, {scope}, KEY)
            assert went == (scope == needed), f"{name} {route} with {scope}"
            assert went or _refused(name, answer, needed, request), f"{name} {route} with {scope}"
        assert reached(name, request, ALL - {needed}, KEY)[0] is False, f"{name} {route} with all the others"
        assert reached(name, request, (), KEY)[0] is False, f"{name} {route} without any"


def _refused(name: str, answer: Any, scope: str, request: Request) -> bool:
    """It is the dialect's answer for a missing scope. Some vendors' words for it do not name the scope."""
    told = CallerError("scope_missing", f"This key lacks the scope {scope}.", details={"scope": scope})
    expected = dialects.load(name).write_error(told, "req_1", request)
    return bool(
        answer.status == expected.status and (request.method == "HEAD" or _less(answer.body) == _less(expected.body))
    )


def _less(body: bytes) -> Any:
    """The body without what differs from call to call."""
    return re.sub(rb'"(message|detail|title|instance)":"[^"]*"', b"", body)


@pytest.mark.parametrize("name", dialects.NAMES)
def test_without_a_key_only_what_is_open_to_all_is_reached(name: str) -> None:
    for route, request in requests_of(name):
        went, answer = reached(name, request, ALL, None)
        free = MAY[name][route] == OPEN and request.method in ("GET", "HEAD")
        assert went == free, f"{name} {route}"
        assert free or answer.status == 401, f"{name} {route}: {answer.status}"
