"""Two accounts: what belongs to one is, to the other, as if it had never been; and asking for it writes nothing.

Every route and tool that takes an id is here (the list of tests/contract/test_scopes.py says which there are), then the
lists with their cursors, the idempotency keys, and the addresses that carry a right of their own.
"""

import itertools
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest

from packshot import dialects, ids
from packshot.steps import submit
from packshot.wire import Request
from tests.contract.test_scopes import MAY, route_of
from tests.flow.conftest import Net, Tenant, make_tenant, net, photo, stack, tenant
from tests.flow.simulated import rows
from tests.flow.test_doors_and_tenants import IMAGE, LOOKS, NATIVE, ORDERS, QUESTIONS, TOOL, WORDS, keyed, send
from tests.flow.test_jobs import JOBS, PROVIDER_JOB, asset
from tests.flow.world import World

__all__ = ["net", "stack", "tenant"]

ENDPOINTS = f"{NATIVE}/callback-endpoints"
RANGE = {"since": "2020-01-01T00:00:00Z", "until": "2020-01-08T00:00:00Z"}
SMALL = {"width": 512, "height": 512}

MORE: tuple[tuple[str, str, str, Any], ...] = (
    ("native", "PATCH", f"{ENDPOINTS}/<endpoint>", {"url": "https://thief.example/"}),
    ("native", "POST", f"{ENDPOINTS}/<endpoint>/rotate", {}),
    ("native", "POST", f"{ENDPOINTS}/<endpoint>/test", None),
    ("native", "POST", f"{ENDPOINTS}/<endpoint>/replay", RANGE),
    ("native", "DELETE", f"{ENDPOINTS}/<endpoint>", None),
    ("native", "POST", f"{NATIVE}/deliveries/<delivery>/replay", None),
    ("native", "POST", f"{NATIVE}/quotes", {"images": ["<asset>"], **SMALL}),
    ("native", "POST", f"{NATIVE}/fixes", {"image": "<asset>", "channels": ["amazon"]}),
    ("native", "POST", f"{NATIVE}/checks", {"image": "<asset>", "channels": ["amazon"]}),
    ("native", "POST", JOBS, {"operation": "inpaint", "images": [IMAGE], "mask": "<asset>", "prompt": WORDS}),
    ("native", "POST", JOBS, {"prompt": WORDS, "model": "phota", "profiles": ["<profile>"], "aspect_ratio": "1:1"}),
    ("native", "PUT", f"{NATIVE}/presets/<preset>", {"title": "Mine", "prompt": WORDS, "category": "seasonal"}),
    ("mcp", "POST", "/mcp", {**TOOL, "params": {"name": "estimate_cost", "arguments": {"asset_id": "<asset>"}}}),
    ("mcp", "POST", "/mcp", {**TOOL, "params": {"name": "upload_asset", "arguments": {"filename": "<asset>"}}}),
)
"""Requests that name something of an account, beside those of the doors' own test."""

NOBODYS = {"GET pictures/{id}", "PUT provider-keys/{id}", "DELETE provider-keys/{id}", "GET models/{id}"}
"""Routes whose ids are no account's."""


def filled(value: Any, words: Mapping[str, str]) -> Any:
    """The question with these ids in it."""
    text = json.dumps(value)
    for name, word in words.items():
        text = text.replace(f"<{name}>", word)
    return json.loads(text)


def things(stack: World, net: Net, tenant: Tenant) -> dict[str, str]:
    """One of each kind that the account can name; nobody has been told of the delivery but the account."""
    net.pages[IMAGE] = photo()

    def made(path: str, body: Any) -> str:
        answer = stack.api("POST", f"{NATIVE}/{path}", body, key=tenant.key)
        assert answer.status in (201, 202), answer.text
        return str(answer.json["id"])

    found = {"endpoint": made("callback-endpoints", {"url": "https://shop.example/all"})}
    found["job"] = made("jobs", {"images": [IMAGE], **SMALL})
    found["preset"] = made("presets", {"title": "Slate", "prompt": WORDS})
    found["profile"], found["spare"] = (made("profiles", {"images": [IMAGE]}) for _ in range(2))
    number = send(stack, "POST", *ORDERS["productai_deployed"], keyed("productai_deployed", tenant.key))
    found |= {"number": str(number.json["data"]["id"]), "asset": asset(stack, tenant)}
    stack.run()
    told, *_ = stack.api("GET", f"{JOBS}/{found['job']}/deliveries", key=tenant.key).json["data"]
    return {**found, "delivery": told["id"], "address": _address(tenant, found["asset"])}


def nothing(stack: World, tenant: Tenant, found: Mapping[str, str]) -> dict[str, str]:
    """Names of the same forms, of what never was."""
    now, noise = int(stack.clock.now * 1000) - 5000, b"0123456789"
    made = {kind: ids.make(name.split("_")[0], now, noise) for kind, name in found.items() if "_" in name[:4]}
    made["delivery"] = f"dlv_{'~'.join((made['job'], *found['delivery'].split('~')[1:]))}"
    number = str(ids.number_of(ids.short("job", now, noise)))
    return {**made, "number": number, "address": _address(tenant, made["asset"])}


def _address(tenant: Tenant, name: str) -> str:
    return f"https://api.example.com{NATIVE}/pictures/assets/{tenant.account}/{name}"


@pytest.fixture(autouse=True)
def no_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever waits for a picture has waited long enough."""
    ticks = itertools.count(step=1000)
    monkeypatch.setitem(submit.hold.__kwdefaults__, "clock", lambda: float(next(ticks)))


def written(stack: World) -> list[Any]:
    """All that is in the table or under way, but for how often each key has asked."""
    kept = [row for row in rows() if not row["pk"]["S"].startswith("rate#")]
    return [kept, list(stack.waiting), list(stack.events), list(stack.pollers)]


def pictures() -> list[tuple[str, str]]:
    """All objects of both buckets, with their digests."""
    pages = [boto3.client("s3").list_objects_v2(Bucket=bucket) for bucket in ("uploads", "outputs")]
    return [(one["Key"], one["ETag"]) for page in pages for one in page.get("Contents", [])]


def test_every_route_that_takes_an_id_is_asked() -> None:
    asked = {name: set() for name in dialects.NAMES}
    named = {"job": "job_x", "asset": "as_x", "preset": "pre_x", "profile": "prf_x", "spare": "prf_x", "number": "7",
             "endpoint": "ep_x", "delivery": "dlv_x"}  # fmt: skip
    for name, method, path, body in (*QUESTIONS, *MORE):
        url, sent = filled([path.partition("?")[0], body], named)
        asked[name].add(route_of(name, Request(method, url, {}, json.dumps(sent).encode())))
    for name, routes in MAY.items():
        assert {route for route in routes if "{id}" in route} - NOBODYS <= asked[name], name
    tools = {"get_job", "cancel_job", "check_photo", "remove_background", "upload_asset", "estimate_cost"}
    assert tools <= asked["mcp"]


def test_what_is_anothers_is_as_if_it_never_was_and_asking_writes_nothing(
    stack: World, net: Net, tenant: Tenant
) -> None:
    stranger = make_tenant(stack, "acct_two")
    theirs = things(stack, net, tenant)
    none, secret = nothing(stack, tenant, theirs), [*theirs.values(), tenant.account, "https://shop.example/all"]
    assert set(none) == set(theirs)
    kept = pictures()
    for name, method, path, body in (*QUESTIONS, *MORE):
        if "upload_asset" in json.dumps(body):
            continue
        asked, before = [], written(stack)
        for words in (theirs, none):
            answer = send(stack, method, *filled([path, body], words), keyed(name, stranger.key))
            plain = {field: value for field, value in answer.headers.items() if not field.startswith("ratelimit")}
            asked.append((answer.status, answer.text, plain))
        assert asked[0] == asked[1], f"{name} {method} {path}"
        assert not [word for word in secret if word in asked[0][1]], f"{name} {method} {path}: {asked[0][1]}"
        free = name in ("mcp", "aiphotogenerator") or path.endswith("/quotes")  # a quote looks at no picture
        assert asked[0][0] >= 400 or free, f"{name} {method} {path}: {asked[0]}"
        assert written(stack) == before, f"{name} {method} {path} wrote something"
    assert pictures() == kept and len(kept) > 3
    for name, method, path, body in MORE:  # and their owner is understood
        answer = send(stack, method, *filled([path, body], theirs), keyed(name, tenant.key))
        assert answer.status != 404 and "no such" not in answer.text.lower(), f"{name} {method} {path}: {answer.text}"


LISTS: tuple[tuple[str, str, str, Any], ...] = (
    *((name, *look) for name, look in LOOKS.items()),
    *(("native", "GET", f"{NATIVE}/{path}", None) for path in
      ("jobs", "assets", "presets?owner=account", "profiles", "callback-endpoints", "usage", "account")),
    ("productai", "GET", "/v1/my-uploaded-assets", None),
    ("productai", "GET", "/v1/presets", None),
    ("productai", "GET", "/v1/me", None),
    ("phota", "GET", "/v1/phota/profiles/ids", None),
    ("phota", "GET", "/v1/phota/webhook-secret", None),
    *(("mcp", "POST", "/mcp", {**TOOL, "params": {"name": name}}) for name in ("list_presets", "get_usage")),
)  # fmt: skip
"""What shows an account its own."""


def test_no_list_shows_a_stranger_anything(stack: World, net: Net, tenant: Tenant) -> None:
    stranger = make_tenant(stack, "acct_two", topup=7)
    before = [send(stack, *look, keyed(name, stranger.key)).text for name, *look in LISTS]
    theirs = things(stack, net, tenant)
    after = [send(stack, *look, keyed(name, stranger.key)).text for name, *look in LISTS]
    own = "".join(send(stack, *look, keyed(name, tenant.key)).text for name, *look in LISTS)
    for kind in ("job", "asset", "preset", "profile", "endpoint"):
        assert theirs[kind] in own, kind
    for (name, _, path, _), one, other in zip(LISTS, before, after, strict=True):
        assert one == other or path.endswith(("presets", "account")), f"{name} {path}"
        assert not [word for word in (*theirs.values(), tenant.account) if word in other], f"{name} {path}"


@pytest.mark.parametrize("path", ["jobs", "assets"])
def test_a_cursor_of_anothers_list_is_no_better_than_one_made_up(
    stack: World, net: Net, tenant: Tenant, path: str
) -> None:
    stranger = make_tenant(stack, "acct_two")
    for _ in range(2):
        ticket = {"content_type": "image/jpeg", "bytes": 2000}
        for made, body in (("jobs", PROVIDER_JOB), ("assets", ticket)):
            assert stack.api("POST", f"{NATIVE}/{made}", body, key=tenant.key).status in (201, 202)
    page = stack.api("GET", f"{NATIVE}/{path}", key=tenant.key, query="limit=1").json
    assert page["next_cursor"] and len(page["data"]) == 1
    before = written(stack)
    told = [
        stack.api("GET", f"{NATIVE}/{path}", key=stranger.key, query=f"limit=1&cursor={cursor}")
        for cursor in (page["next_cursor"], page["next_cursor"][::-1], "AAAA")
    ]
    assert {(one.status, one.text) for one in told} == {(422, told[0].text)}
    assert told[0].json["field"] == "cursor" and written(stack) == before
    tool = {**TOOL, "params": {"name": "list_jobs", "arguments": {"cursor": page["next_cursor"]}}}
    assert page["data"][0]["id"] not in send(stack, "POST", "/mcp", tool, keyed("mcp", stranger.key)).text


def test_one_idempotency_key_of_two_accounts_is_two(stack: World, net: Net, tenant: Tenant) -> None:
    stranger = make_tenant(stack, "acct_two")
    headers = {"idempotency-key": "order-1"}
    first = stack.api("POST", JOBS, PROVIDER_JOB, key=tenant.key, headers=headers).json["id"]
    for body, status in ((PROVIDER_JOB, 202), (PROVIDER_JOB, 200), ({**PROVIDER_JOB, "seed": 7}, 422)):
        answer = stack.api("POST", JOBS, body, key=stranger.key, headers=headers)
        assert answer.status == status and first not in answer.text
    asked = {"prompt": WORDS, "response_mode": "urls", "async": True, "client_request_id": "order-1"}
    made = [send(stack, "POST", "/v1/phota/generate", asked, keyed("phota", who.key)) for who in (tenant, stranger)]
    assert made[0].status == made[1].status < 300 and made[0].text != made[1].text


def test_an_address_to_upload_to_is_bound_to_its_account_and_asset(stack: World, net: Net, tenant: Tenant) -> None:
    wish = {"content_type": "image/jpeg", "bytes": 2000, "filename": "acct_two.jpg"}
    ticket = stack.api("POST", f"{NATIVE}/assets", wish, key=tenant.key)
    assert ticket.status == 201, ticket.text
    assert ticket.json["fields"]["key"].split("/")[1:] == [tenant.account, ticket.json["asset"]["id"]]


def test_an_output_address_names_one_object_and_no_other(stack: World, net: Net, tenant: Tenant) -> None:
    """What its signature covers is S3's to check; that it covers the whole key is ours."""
    net.pages[IMAGE] = photo()
    name = stack.api("POST", JOBS, {"images": [IMAGE], **SMALL}, key=tenant.key).json["id"]
    stack.run()
    job = stack.api("GET", f"{JOBS}/{name}", key=tenant.key).json
    assert job["state"] == "completed"
    for output in job["outputs"]:
        assert f"/{tenant.account}/{name}/" in urlsplit(output["url"]).path
        assert "X-Amz-Signature=" in output["url"] and "X-Amz-Expires=86400" in output["url"]
