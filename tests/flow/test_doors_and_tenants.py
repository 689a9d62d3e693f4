"""Who gets in, by which door, and what they find there: every dialect's key place, tenants, accounts and limits."""

import itertools
import json
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlencode

import pytest

from packshot import dialects, ids
from packshot.aws import jobs
from packshot.aws.books import Books
from packshot.steps import submit
from packshot.wire import Request
from tests.contract.test_dialects import EXAMPLES
from tests.contract.test_error_table import TABLE
from tests.conversations import match
from tests.flow.conftest import Net, Tenant, make_tenant, photo
from tests.flow.test_jobs import JOBS, asset
from tests.flow.world import World

NATIVE = "/packshot/v1"
IMAGE = "https://shop.example/mug.jpg"
WORDS = "a red box on slate"

ORDERS: Mapping[str, tuple[str, dict[str, Any]]] = {
    "native": (JOBS, {"model": "flux-2", "prompt": WORDS, "aspect_ratio": "1:1"}),
    "makephotos": ("/api/v1/generate", {"image_url": IMAGE, "type": "product", "style": "studio"}),
    "aiphotogenerator": (
        "/api/images/generate",
        {"model": "nano-banana-2", "prompt": WORDS, "width": 1024, "height": 1024},
    ),
    "productai": ("/v1/generate", {"model": "nanobanana2", "image_url": IMAGE, "prompt": WORDS}),
    "productai_deployed": ("/v1/api/generate", {"model": "nanobanana2", "image_url": IMAGE, "prompt": WORDS}),
    "phota": ("/v1/phota/generate", {"prompt": WORDS}),
    "photio": ("/v1/inference/generate", {"prompt": WORDS}),
    "openai_images": ("/v1/images/generations", {"prompt": WORDS}),
    "mcp": (
        "/mcp",
        {
            "jsonrpc": "2.0",
            "id": 1,
            "method": "tools/call",
            "params": {"name": "generate_product_photo", "arguments": {"model": "flux-2", "prompt": WORDS}},
        },
    ),
}
"""A good request for a picture, dialect by dialect."""

LOOKS: Mapping[str, tuple[str, str, Any]] = {
    "native": ("GET", f"{NATIVE}/account", None),
    "makephotos": ("GET", "/api/v1/credits", None),
    "productai": ("GET", "/v1/jobs", None),
    "productai_deployed": ("GET", "/v1/api/key-check", None),
    "phota": ("GET", "/v1/phota/models", None),
    "openai_images": ("GET", "/v1/models", None),
    "mcp": ("POST", "/mcp", {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "list_jobs"}}),
}
"""What whoever may not order may still see, where a dialect has something that needs a key and no id."""

PLACES: tuple[Callable[[str], tuple[dict[str, str], dict[str, str]]], ...] = (
    lambda key: ({"authorization": f"Bearer {key}"}, {}),
    lambda key: ({"x-api-key": key}, {}),
    lambda key: ({"x-photio-key": key}, {}),
    lambda key: ({}, {"key": key}),
)
"""Everywhere that a key could ride: headers and query."""


# ---------------------------------------------------------------------------------------------------------- parts


def place_of(name: str) -> int:
    """Which of the places is a dialect's."""
    key_of = dialects.load(name).key_of
    given = [place("k") for place in PLACES]
    fitting = [at for at, (headers, query) in enumerate(given) if key_of(Request("GET", "/", headers, query=query))]
    assert len(fitting) == 1, f"{name} takes its key at {fitting}"
    return fitting[0]


def keyed(name: str, key: str) -> tuple[dict[str, str], dict[str, str]]:
    """Headers and query of a request with a key where the dialect looks for it."""
    return PLACES[place_of(name)](key)


def send(
    stack: World, method: str, path: str, body: Any, given: tuple[Mapping[str, str], Mapping[str, str]]
) -> SimpleNamespace:
    """One request with these headers and this query."""
    headers, query = given
    path, _, asked = path.partition("?")
    whole = "&".join(part for part in (asked, urlencode(query)) if part)
    return stack.api(method, path, body, headers=headers, query=whole)


def order(stack: World, name: str, key: str) -> SimpleNamespace:
    """Order a picture, in the dialect's own way."""
    path, body = ORDERS[name]
    return send(stack, "POST", path, body, keyed(name, key))


def pattern(value: Any) -> Any:
    """An answer of the error table as a pattern: words, ids and seconds may differ. What MCP tells newer clients alone
    is left out."""
    if isinstance(value, dict):
        return {name: pattern(each) for name, each in value.items() if name not in ("resultType", "_meta")}
    if isinstance(value, list):
        return [pattern(each) for each in value]
    if isinstance(value, str) and ("A message." in value or value == "req_1"):
        return "<str>"
    return "<int>" if value == 7 else value


def is_refused(answer: SimpleNamespace, name: str, row: str) -> None:
    """The answer is what the error table says of that code."""
    assert answer.status == TABLE[name][row]["status"], answer.text
    match(answer.json, pattern(TABLE[name][row]["json"]), f"{name}, {row}")
    assert answer.headers["x-request-id"] == "req-1"


@pytest.fixture(autouse=True)
def no_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever waits for a picture has waited long enough."""
    ticks = itertools.count(step=1000)
    monkeypatch.setitem(submit.hold.__kwdefaults__, "clock", lambda: float(next(ticks)))


def taken(tenant: Tenant) -> int:
    """How many jobs the account has."""
    return Books("packshot").sums(tenant.account).jobs


# ---------------------------------------------------------------------------------------------------------- doors


def test_every_dialect_is_here() -> None:
    assert set(ORDERS) == set(dialects.NAMES)
    assert set(LOOKS) <= set(dialects.NAMES)
    assert all(dialects.match(path) is dialects.load(name) for name, (path, _) in ORDERS.items())


@pytest.mark.parametrize("name", dialects.NAMES)
def test_a_good_key_at_its_own_place_gets_a_job(stack: World, net: Net, tenant: Tenant, name: str) -> None:
    order(stack, name, tenant.key)
    assert taken(tenant) == 1


@pytest.mark.parametrize("at", range(len(PLACES)))
@pytest.mark.parametrize("name", dialects.NAMES)
def test_a_good_key_at_another_place_is_none(stack: World, net: Net, tenant: Tenant, name: str, at: int) -> None:
    if at == place_of(name):
        return
    ordered = ("POST", *ORDERS[name])
    for method, path, body in (ordered, LOOKS.get(name, ordered)):
        wrong, none = (send(stack, method, path, body, given) for given in (PLACES[at](tenant.key), ({}, {})))
        assert wrong.status == none.status == 401
        assert wrong.text == none.text
        is_refused(none, name, "missing_api_key")
    assert taken(tenant) == 0


@pytest.mark.parametrize("name", dialects.NAMES)
def test_two_keys_are_read_from_their_own_place_alone(stack: World, net: Net, tenant: Tenant, name: str) -> None:
    everywhere = [place("nonsense") for place in PLACES]
    headers = {field: value for each, _ in everywhere for field, value in each.items()}
    own_headers, own_query = keyed(name, tenant.key)
    path, body = ORDERS[name]
    query = (
        {} if name == dialects.OURS else {"key": "nonsense", **own_query}
    )  # our own API refuses what it does not know
    answer = send(stack, "POST", path, body, ({**headers, **own_headers}, query))
    assert answer.status != 401
    assert taken(tenant) == 1


# ------------------------------------------------------------------------------------------------------- accounts


@pytest.mark.parametrize("name", dialects.NAMES)
@pytest.mark.parametrize("why", ["unknown", "revoked", "suspended", "mistyped"])
def test_a_key_that_is_good_no_longer_is_one_answer(
    stack: World, net: Net, tenant: Tenant, name: str, why: str
) -> None:
    key = tenant.key
    if why == "unknown":
        key = "pk_live_nonsense"
    elif why == "mistyped":
        key = key[:-1] + ("x" if key[-1] != "x" else "y")
    elif why == "revoked":
        Books("packshot").revoke_key(key.split("_")[2])
    else:
        Books("packshot").change(tenant.account, {"status": "suspended"})
    method, path, body = LOOKS.get(name, ("POST", *ORDERS[name]))
    for answer in (order(stack, name, key), send(stack, method, path, body, keyed(name, key))):
        is_refused(answer, name, "invalid_api_key")
    assert taken(tenant) == 0


@pytest.mark.parametrize("name", dialects.NAMES)
@pytest.mark.parametrize("status", ["past_due", "canceled"])
def test_an_account_without_a_subscription_may_look_and_not_order(
    stack: World, net: Net, tenant: Tenant, name: str, status: str
) -> None:
    Books("packshot").change(tenant.account, {"status": status})
    is_refused(order(stack, name, tenant.key), name, "account_inactive")
    assert taken(tenant) == 0
    method, path, body = LOOKS.get(name, ("GET", f"{NATIVE}/account", None))
    given = keyed(name if name in LOOKS else "native", tenant.key)
    answer = send(stack, method, path, body, given)
    assert answer.status == 200, answer.text
    assert "isError" not in answer.text or answer.json["result"]["isError"] is False
    assert Books("packshot").verify(tenant.account) == ()


@pytest.mark.parametrize("name", dialects.NAMES)
def test_who_tries_it_out_may_order(stack: World, net: Net, tenant: Tenant, name: str) -> None:
    Books("packshot").change(tenant.account, {"status": "trialing"})
    order(stack, name, tenant.key)
    assert taken(tenant) == 1
    assert Books("packshot").verify(tenant.account) == ()


# ------------------------------------------------------------------------------------------------------ rate limits


@pytest.mark.parametrize("name", dialects.NAMES)
def test_too_many_requests_are_told_when_to_come_back(stack: World, net: Net, tenant: Tenant, name: str) -> None:
    Books("packshot").change(tenant.account, {"rpm": 1, "burst": 1})
    assert order(stack, name, tenant.key).status != 429
    answer = order(stack, name, tenant.key)
    is_refused(answer, name, "rate_limited")
    seconds = int(answer.headers["retry-after"])
    assert 1 <= seconds <= 60
    assert str(seconds) in answer.text or "<int>" not in json.dumps(pattern(TABLE[name]["rate_limited"]["json"]))
    assert taken(tenant) == 1
    stack.clock.sleep(seconds)
    assert order(stack, name, tenant.key).status != 429


# ---------------------------------------------------------------------------------------------------------- tenants

TOOL = {"jsonrpc": "2.0", "id": 1, "method": "tools/call"}
OWN = ("GetJob", "GetJobs", "CancelJob", "GetAsset", "GetProfile", "GetProfilePicture", "GetPreset", "ListDeliveries")
"""Wishes that name something of an account."""


def _tool(name: str, **given: Any) -> dict[str, Any]:
    return {**TOOL, "params": {"name": name, "arguments": given}}


QUESTIONS: tuple[tuple[str, str, str, Any], ...] = (
    ("native", "GET", f"{NATIVE}/jobs/<job>", None),
    ("native", "GET", f"{NATIVE}/jobs/<job>/deliveries", None),
    ("native", "GET", f"{NATIVE}/assets/<asset>", None),
    ("native", "GET", f"{NATIVE}/profiles/<profile>", None),
    ("native", "GET", f"{NATIVE}/profiles/<profile>/picture", None),
    ("native", "GET", f"{NATIVE}/presets/<preset>", None),
    ("native", "GET", f"{NATIVE}/presets/<preset>@1", None),
    ("native", "POST", f"{NATIVE}/jobs/<job>/cancel", None),
    ("native", "POST", JOBS, {"images": ["<asset>"], "width": 512, "height": 512}),
    ("native", "POST", JOBS, {"images": [IMAGE], "preset": "<preset>"}),
    ("native", "POST", f"{NATIVE}/quotes", {"images": [IMAGE], "preset": "<preset>"}),
    ("native", "PUT", f"{NATIVE}/presets/<preset>", {"title": "Mine", "prompt": WORDS}),
    ("makephotos", "POST", "/api/v1/remove-bg", {"image_url": "<address>"}),
    ("aiphotogenerator", "GET", "/api/images/<job>-0", None),
    ("aiphotogenerator", "GET", "/api/images?ids=<job>-0", None),
    ("productai", "GET", "/v1/jobs/<job>", None),
    ("productai", "POST", "/v1/generate", {"model": "nanobanana2", "asset_id": "<asset>", "prompt": WORDS}),
    ("productai", "POST", "/v1/generate", {"model": "nanobanana2", "image_url": IMAGE, "preset_id": "<preset>"}),
    ("productai_deployed", "GET", "/v1/api/job/<number>", None),
    ("phota", "GET", "/v1/phota/jobs/<job>", None),
    ("phota", "GET", "/v1/phota/profiles/<profile>/status", None),
    ("phota", "GET", "/v1/phota/profiles/<profile>/profile_picture", None),
    ("phota", "POST", "/v1/phota/edit", {"prompt": WORDS, "images": [IMAGE], "profile_ids": ["<profile>"]}),
    ("mcp", "POST", "/mcp", _tool("get_job", job_id="<job>")),
    ("mcp", "POST", "/mcp", _tool("check_photo", job_id="<job>")),
    ("mcp", "POST", "/mcp", _tool("cancel_job", job_id="<job>")),
    ("mcp", "POST", "/mcp", _tool("remove_background", asset_id="<asset>")),
    ("native", "DELETE", f"{NATIVE}/assets/<asset>", None),
    ("native", "DELETE", f"{NATIVE}/presets/<preset>", None),
    ("native", "DELETE", f"{NATIVE}/profiles/<spare>", None),
    ("phota", "DELETE", "/v1/phota/profiles/<profile>", None),
)
"""Requests that name something by its id; those that take it away come last."""


def test_every_dialect_that_names_things_is_asked() -> None:
    naming = {owner for owner, file in EXAMPLES if json.loads(file.read_text()).get("wish", {}).get("type") in OWN}
    assert naming <= {name for name, *_ in QUESTIONS}


def _filled(value: Any, words: Mapping[str, str]) -> Any:
    text = json.dumps(value)
    for name, word in words.items():
        text = text.replace(f"<{name}>", word)
    return json.loads(text)


def _things(stack: World, net: Net, tenant: Tenant) -> dict[str, str]:
    """What there is of an account to name."""
    net.pages[IMAGE] = photo()
    job = stack.api("POST", JOBS, {"images": [IMAGE], "width": 512, "height": 512}, key=tenant.key).json["id"]
    number = order(stack, "productai_deployed", tenant.key).json["data"]["id"]
    preset = stack.api("POST", f"{NATIVE}/presets", {"title": "Slate", "prompt": WORDS}, key=tenant.key)
    profile, spare = (stack.api("POST", f"{NATIVE}/profiles", {"images": [IMAGE]}, key=tenant.key) for _ in range(2))
    assert (preset.status, profile.status, spare.status) == (201, 201, 201), preset.text + profile.text
    kept = asset(stack, tenant)
    address = f"https://api.example.com{NATIVE}/pictures/assets/{tenant.account}/{kept}"
    stack.run()
    made = {"preset": preset.json["id"], "profile": profile.json["id"], "spare": spare.json["id"]}
    return {**made, "job": job, "number": str(number), "asset": kept, "address": address}


def _nothing(stack: World, tenant: Tenant) -> dict[str, str]:
    """Names of the same forms, of nothing at all."""
    now, noise = int(stack.clock.now * 1000) - 5000, b"0123456789"
    prefixes = {"job": "job", "asset": "as", "preset": "pre", "profile": "prf", "spare": "prf"}
    made = {kind: ids.make(prefix, now, noise) for kind, prefix in prefixes.items()}
    number = str(ids.number_of(ids.short("job", now, noise)))
    address = f"https://api.example.com{NATIVE}/pictures/assets/{tenant.account}/{made['asset']}"
    return {**made, "number": number, "address": address}


@pytest.fixture
def two(stack: World, net: Net, tenant: Tenant) -> tuple[Tenant, Tenant]:
    """An account, and a stranger's."""
    return tenant, make_tenant(stack, "acct_two")


def test_a_strangers_things_are_as_good_as_none(stack: World, net: Net, two: tuple[Tenant, Tenant]) -> None:
    owner, stranger = two
    things, nothing = _things(stack, net, owner), _nothing(stack, owner)
    for name, method, path, body in QUESTIONS:
        asked = []
        for words in (things, nothing):
            answer = send(stack, method, *_filled([path, body], words), keyed(name, stranger.key))
            limits = {field for field in answer.headers if field.startswith("ratelimit")}
            asked.append((answer.status, answer.text, {k: v for k, v in answer.headers.items() if k not in limits}))
        assert asked[0] == asked[1], f"{name} {method} {path}"
        assert things["asset"] not in asked[0][1] and things["job"] not in asked[0][1]
    assert taken(stranger) == 0
    for name, method, path, body in QUESTIONS:  # the same questions, from whom they belong to
        answer = send(stack, method, *_filled([path, body], things), keyed(name, owner.key))
        assert "no such" not in answer.text.lower(), f"{name} {method} {path}: {answer.text}"
        assert answer.status < 300 or answer.status >= 500, f"{name} {method} {path}: {answer.text}"
        assert answer.status < 500 or "waited canceled" in TABLE[name], answer.text
    assert all(Books("packshot").verify(who.account) == () for who in two)


# ------------------------------------------------------------------------------------------------------------- logs


@pytest.mark.parametrize("name", dialects.NAMES)
def test_no_key_is_ever_printed(
    stack: World,
    net: Net,
    tenant: Tenant,
    name: str,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    wrong, path, body = "pk_live_0000000000_" + "Z" * 38, *ORDERS[name]
    headers = dict(keyed(name, tenant.key)[0])
    for key in (tenant.key, tenant.test_key, wrong):
        for at in (place_of(name), PLACES.index(PLACES[-1])):
            send(stack, "POST", path, body, PLACES[at](key))
            send(stack, "GET", path, None, PLACES[at](key))
            stack.long("POST", path, headers={"content-type": "text/odd"}, query=f"key={key}&key={key}", raw=b"{")
        send(stack, "DELETE", f"{path}/{key}", None, (headers, {"key": key}))
    stack.run()

    def broken(*_: Any, **__: Any) -> None:
        raise ValueError(f"?key={tenant.key}")

    monkeypatch.setattr(jobs.JobTable, "reserve", broken)
    assert order(stack, name, tenant.key).status >= 500
    printed = "".join(capfd.readouterr()) + caplog.text
    assert '"message":"request"' in printed and '"unexpected error"' in printed
    for key in (tenant.key, tenant.test_key, wrong):
        assert key not in printed and key.rsplit("_", 1)[1][:32] not in printed
    assert "key=" not in printed
