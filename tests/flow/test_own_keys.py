"""An account's own keys at providers: taken and forgotten, used by its jobs alone, and no one's business."""

import json
from typing import Any

import boto3
import pytest

from packshot import catalog, keys, providers, signing
from packshot.aws.accounts import AccountTable
from packshot.aws.books import Books
from packshot.egress import NoAnswer
from packshot.steps.upstream import Upstream
from packshot.wire import Request, Response
from tests.flow.conftest import SIMULATED, Net, Tenant, make_tenant
from tests.flow.test_jobs import JOBS, available, books_are_straight, job, provider_job, ready
from tests.flow.world import World

PATH = "/packshot/v1/provider-keys"
TOKEN, HOOK = "canaryowntoken0123456789", "whsec_Q2FuYXJ5T3duSG9va1NlY3JldDAxMjM0"
OURS = SIMULATED["replicate"]
OWN = {"token": TOKEN, "webhook_secret": HOOK}


@pytest.fixture
def tokens(net: Net) -> list[str]:
    """The token of every request that went to the provider."""
    seen: list[str] = []
    send = net.send

    def heard(request: Request, **more: Any) -> Response:
        seen.append(request.headers.get("authorization", "").removeprefix("Bearer "))
        return send(request, **more)

    net.send = heard  # type: ignore[method-assign]
    return seen


def put(stack: World, tenant: Tenant, fields: Any = OWN, provider: str = "replicate", **more: Any) -> Any:
    return stack.api("PUT", f"{PATH}/{provider}", {"fields": fields, **more}, key=tenant.key)


def forget(stack: World, tenant: Tenant, provider: str = "replicate") -> Any:
    return stack.api("DELETE", f"{PATH}/{provider}", key=tenant.key)


def has(stack: World, tenant: Tenant) -> list[str]:
    """The providers that the account shows keys for."""
    found: list[str] = stack.api("GET", "/packshot/v1/account", key=tenant.key).json["provider_keys"]
    return found


def secrets_there() -> list[str]:
    found = boto3.client("secretsmanager", "us-east-1").list_secrets()["SecretList"]
    return sorted(one["Name"] for one in found)


def tell(stack: World, net: Net, number: int, secret: str) -> int:
    """The provider's webhook for its n-th prediction, signed with a secret."""
    path = net.creates[number]["webhook"].removeprefix("https://api.example.com")
    body, at = net.prediction(f"pred{number}"), int(stack.clock.now)
    headers = {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(at),
        "webhook-signature": signing.sign([secret], "msg_1", at, body),
    }
    return int(stack.api("POST", path, raw=body, headers=headers).status)


def on_its_clock(stack: World) -> None:
    """What functions remember of secrets grows old with the world."""
    rooms = [stack.functions[name] for name in ("dispatch", "provider_webhook", "sweep")]
    for upstream in [room.upstream for room in rooms] + [stack.functions["poll"].room.upstream]:
        upstream.secrets._clock = lambda: stack.clock.now


# ------------------------------------------------------------------------------------------------------- the routes


def test_keys_are_put_shown_by_name_alone_and_deleted(stack: World, tenant: Tenant) -> None:
    answer = put(stack, tenant)
    assert (answer.status, answer.text) == (204, "")
    assert put(stack, tenant, {"token": "x" * 4000}, "openai").status == 204
    assert has(stack, tenant) == ["openai", "replicate"]
    assert secrets_there() == [f"packshot/test/accounts/acct_one/{name}" for name in ("openai", "replicate")]
    assert put(stack, tenant, {"token": "another"}).status == 204  # again: what was there is replaced as a whole
    found = boto3.client("secretsmanager", "us-east-1").get_secret_value(
        SecretId="packshot/test/accounts/acct_one/replicate"
    )
    assert json.loads(found["SecretString"]) == {"token": "another"}
    for _ in range(2):  # again is the same
        answer = forget(stack, tenant)
        assert (answer.status, answer.text) == (204, "")
    assert has(stack, tenant) == ["openai"]
    assert secrets_there() == ["packshot/test/accounts/acct_one/openai"]


def test_every_provider_with_secrets_takes_keys_and_no_other_address(stack: World, tenant: Tenant) -> None:
    taken = [name for name in providers.NAMES if providers.load(name).secrets]
    assert set(providers.NAMES) - set(taken) == {"studio"}
    for name in taken:
        known = providers.load(name).secrets or {}
        assert put(stack, tenant, dict.fromkeys(known, TOKEN), name).status == 204, name
        wrong = put(stack, tenant, {**dict.fromkeys(known, TOKEN), "base_url": "https://canary.example"}, name)
        assert (wrong.status, wrong.json["code"], wrong.json["field"]) == (422, "invalid_field", "fields")
        assert all(field in wrong.json["detail"] for field in known), wrong.text
        assert "canary" not in wrong.text
    assert has(stack, tenant) == taken
    assert [forget(stack, tenant, name).status for name in taken] == [204] * len(taken)
    assert (has(stack, tenant), secrets_there()) == ([], [])


WRONG: tuple[tuple[dict[str, str], str], ...] = (
    ({"token": TOKEN, "webhooksecret": HOOK}, "invalid_field"),
    ({"tokn": TOKEN}, "invalid_field"),
    ({"Token": TOKEN}, "invalid_field"),
    ({"token": TOKEN, "base_url": "https://canary.example"}, "invalid_field"),
    ({"token": TOKEN, "simulated": "1"}, "invalid_field"),
    ({"token": TOKEN, "keys": TOKEN}, "invalid_field"),
    ({"webhook_secret": HOOK}, "missing_field"),
)


def test_wrong_fields_are_told_which_there_are(stack: World, tenant: Tenant) -> None:
    for fields, code in WRONG:
        answer = put(stack, tenant, fields)
        assert (answer.status, answer.json["code"]) == (422, code), fields
        assert "replicate takes token, webhook_secret (optional)." in answer.json["detail"]
        assert "canary" not in answer.text
        assert HOOK[6:] not in answer.text
    assert (has(stack, tenant), secrets_there()) == ([], [])


NONE: tuple[Any, ...] = (
    {},
    [],
    None,
    TOKEN,
    {"token": ""},
    {"token": None},
    {"token": 5},
    {"token": [TOKEN]},
    {"": TOKEN},
    {"token": TOKEN * 200},
    {f"canary{n}": TOKEN for n in range(11)},
    {"x" * 65: TOKEN},
)


def test_what_are_no_fields_is_refused(stack: World, tenant: Tenant) -> None:
    for fields in NONE:
        answer = put(stack, tenant, fields)
        assert answer.status == 422, answer.text
        assert TOKEN not in answer.text
    assert (has(stack, tenant), secrets_there()) == ([], [])


def test_an_unknown_provider_is_not_there(stack: World, tenant: Tenant) -> None:
    for name in ("studio", "nobody", "__init__", "Replicate", "replicate.py", "%2e%2e"):
        answers = [put(stack, tenant, OWN, name), forget(stack, tenant, name)]
        assert [(one.status, one.json["code"]) for one in answers] == [(404, "not_found")] * 2, name
    assert (has(stack, tenant), secrets_there()) == ([], [])


def test_it_takes_the_scope_to_manage_the_account(stack: World, tenant: Tenant) -> None:
    poor = make_tenant(stack, "acct_poor", scopes=("jobs:read", "jobs:write", "account:read"))
    for answer in (put(stack, poor), forget(stack, poor), put(stack, poor, {"x": "y"}, "nobody")):
        assert (answer.status, answer.json["code"]) == (403, "scope_missing")
        assert answer.json["scope"] == "account:manage"
    assert [stack.api(method, f"{PATH}/replicate", {"fields": OWN}).status for method in ("PUT", "DELETE")] == [401] * 2
    assert [stack.api(method, f"{PATH}/replicate", key=tenant.key).status for method in ("GET", "POST")] == [405] * 2
    assert secrets_there() == []


# ------------------------------------------------------------------------------------------------------------- jobs


def test_a_minute_later_jobs_use_it_and_it_costs_us_nothing(
    stack: World, net: Net, tenant: Tenant, tokens: list[str]
) -> None:
    stack.deaf.add("poller")
    provider_job(stack, tenant)
    elsewhere, key = AccountTable("packshot"), keys.parse(tenant.key)  # another process that has just seen the key
    assert key
    assert elsewhere.principal(key)
    assert put(stack, tenant).status == 204
    assert getattr(elsewhere.principal(key), "own", None) == ()
    stack.run(seconds=61)
    assert getattr(elsewhere.principal(key), "own", None) == ("replicate",)
    name = provider_job(stack, tenant)
    stack.run()
    assert tokens == [OURS["token"], TOKEN]
    ready(net, "pred1")
    assert tell(stack, net, 1, HOOK) == 200
    stack.run()
    done = job(stack, tenant, name)
    assert done["state"] == "completed"
    (attempt,) = done["attempts"]
    assert (attempt["own_key"], attempt["usd"], attempt["simulated"]) == (True, 0, False)
    assert done["credits"]["charged"] == 3  # what packshot does costs what it costs
    books_are_straight(tenant)


def test_the_deployments_attempts_are_shown_as_such(stack: World, net: Net, tenant: Tenant) -> None:
    name = provider_job(stack, tenant)
    stack.run()
    (attempt,) = job(stack, tenant, name)["attempts"]
    assert (attempt["own_key"], attempt["usd"], attempt["simulated"]) == (False, 0.045, True)


def test_another_tenants_key_is_never_used(stack: World, net: Net, tenant: Tenant, tokens: list[str]) -> None:
    two, three = make_tenant(stack, "acct_two"), make_tenant(stack, "acct_three")
    put(stack, tenant)
    put(stack, two, {"token": "canarysecond"})
    assert (has(stack, tenant), has(stack, two), has(stack, three)) == (["replicate"], ["replicate"], [])
    for who in (tenant, two, three, tenant):
        net.after_create = lambda name: ready(net, name)
        provider_job(stack, who)
        before = len(tokens)
        stack.run(seconds=30)
        expected = {"acct_one": TOKEN, "acct_two": "canarysecond", "acct_three": OURS["token"]}[who.account]
        assert set(tokens[before:]) == {expected}  # the create, and the polls
        assert len(tokens) > before + 1
    assert forget(stack, two).status == 204
    assert (has(stack, tenant), has(stack, two)) == (["replicate"], [])
    assert f"packshot/test/accounts/{tenant.account}/replicate" in secrets_there()


def test_it_opens_providers_that_the_deployment_has_no_key_for(
    stack: World, net: Net, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalog, "simulated", dict)
    other = make_tenant(stack, "acct_two")
    put(stack, tenant)
    net.after_create = lambda name: ready(net, name)
    own, none = provider_job(stack, tenant), provider_job(stack, other)
    stack.run(seconds=60)
    assert job(stack, tenant, own)["state"] == "completed"
    ended = job(stack, other, none)
    assert (ended["state"], ended["error"]["code"], ended["attempts"]) == ("failed", "provider_unavailable", [])
    assert available(stack, other) == 100


def test_the_roles_own_signature_is_for_the_deployments_requests_alone(stack: World) -> None:
    """A key that is no key gets nothing from us: the function's role never signs for an account."""
    rows = {
        "packshot/test/providers/bedrock": {"region": "us-east-1"},
        "packshot/test/accounts/acct_one/bedrock": {"region": "us-east-1"},
    }
    room: Upstream = stack.functions["dispatch"].upstream
    role = {"access_key": "AKIAROLE", "secret_key": "canaryrole"}
    upstream = Upstream(rows, "packshot/test/providers/", room.http, room.timings, "", lambda: role)  # type: ignore[arg-type]
    assert upstream.credentials("bedrock") == {**role, "region": "us-east-1"}
    assert upstream.credentials("bedrock", "acct_one") == {"region": "us-east-1"}
    assert upstream.credentials("bedrock", "acct_two") is None


def test_a_refused_key_bars_its_owners_way_and_nobody_elses(
    stack: World, net: Net, tenant: Tenant, tokens: list[str]
) -> None:
    other = make_tenant(stack, "acct_two")
    put(stack, tenant)
    net.answers = [Response(401, {}, b'{"detail": "Unauthenticated"}')]
    stack.deaf.add("poller")
    name = provider_job(stack, tenant)
    stack.run()
    ended = job(stack, tenant, name)
    assert (ended["state"], ended["error"]["code"]) == ("failed", "provider_unauthorized")
    assert available(stack, tenant) == 100
    stack.run(seconds=6)  # nobody believes in a health longer than five seconds
    mine, others = provider_job(stack, tenant), provider_job(stack, other)
    stack.run()
    assert tokens == [TOKEN, OURS["token"]]  # mine waits for its breaker
    assert (job(stack, tenant, mine)["attempts"], job(stack, other, others)["state"]) == ([], "processing")
    stack.run(seconds=120)
    assert tokens == [TOKEN, OURS["token"], TOKEN]


def test_a_deleted_key_is_used_no_more(stack: World, net: Net, tenant: Tenant, tokens: list[str]) -> None:
    on_its_clock(stack)
    stack.deaf.add("poller")
    put(stack, tenant)
    provider_job(stack, tenant)
    stack.run()
    late = provider_job(stack, tenant)
    forget(stack, tenant)
    stack.run(seconds=301)  # what dispatch knew of the secret is old; this job had been taken with the account's key
    assert tokens[:2] == [TOKEN, TOKEN]
    provider_job(stack, tenant)
    stack.run()
    assert tokens[-1] == OURS["token"]
    assert job(stack, tenant, late)["attempts"][0]["own_key"] is True
    ready(net, "pred0")
    assert [tell(stack, net, 0, secret) for secret in (HOOK, OURS["webhook_secret"])] == [401, 401]


def test_a_key_that_is_gone_before_its_job_was_sent_fails_it_for_nothing(
    stack: World, net: Net, tenant: Tenant, tokens: list[str]
) -> None:
    put(stack, tenant)
    name = provider_job(stack, tenant)
    forget(stack, tenant)
    stack.run()
    ended = job(stack, tenant, name)
    assert (ended["state"], ended["error"]["code"], tokens) == ("failed", "provider_unavailable", [])
    assert available(stack, tenant) == 100
    books_are_straight(tenant)


def test_a_new_key_in_place_of_an_old_one_is_used_within_five_minutes(
    stack: World, net: Net, tenant: Tenant, tokens: list[str]
) -> None:
    on_its_clock(stack)
    stack.deaf.add("poller")
    for token in (TOKEN, "canarysecond"):
        put(stack, tenant, {"token": token})
        stack.run(seconds=301)
        provider_job(stack, tenant)
        stack.run()
    assert tokens == [TOKEN, "canarysecond"]


def test_an_own_key_spends_credits_of_a_budget_and_no_dollars(stack: World, net: Net, tenant: Tenant) -> None:
    Books("packshot").change(tenant.account, {"cap_credits": 7, "cap_micro_usd": 45_000})
    put(stack, tenant, OWN)
    put(stack, tenant, {"token": TOKEN}, "fal")
    put(stack, tenant, {"token": TOKEN}, "bfl")
    provider_job(stack, tenant)
    provider_job(stack, tenant)
    at = int(stack.clock.now * 1000)
    assert Books("packshot").spent(tenant.account, "account", at) == (6, 0)
    answer = stack.api("POST", JOBS, {"model": "flux-2", "prompt": "x", "aspect_ratio": "1:1"}, key=tenant.key)
    assert answer.status == 402


# --------------------------------------------------------------------------------------------------------- webhooks


def test_its_webhooks_are_proven_with_the_accounts_secret_alone(stack: World, net: Net, tenant: Tenant) -> None:
    other = make_tenant(stack, "acct_two")
    stack.deaf.add("poller")
    put(stack, tenant)
    put(stack, other, {"token": "second", "webhook_secret": OURS["webhook_secret"]})
    own, strangers = provider_job(stack, tenant), make_tenant(stack, "acct_three")
    theirs = provider_job(stack, strangers)
    stack.run()
    order = [0, 1] if net.creates[0]["webhook"].count(own) else [1, 0]
    for number in order:
        ready(net, f"pred{number}")
    assert tell(stack, net, order[0], OURS["webhook_secret"]) == 401
    assert tell(stack, net, order[1], HOOK) == 401
    stack.run()
    states = [job(stack, tenant, own)["state"], job(stack, strangers, theirs)["state"]]
    assert states == ["processing", "processing"]
    assert tell(stack, net, order[0], HOOK) == 200
    assert tell(stack, net, order[1], OURS["webhook_secret"]) == 200
    stack.run()
    states = [job(stack, tenant, own)["state"], job(stack, strangers, theirs)["state"]]
    assert states == ["completed", "completed"]


@pytest.mark.parametrize("secret", [None, "whsec_!!"])
def test_without_a_good_webhook_secret_it_is_asked(
    stack: World, net: Net, tenant: Tenant, tokens: list[str], secret: str | None
) -> None:
    put(stack, tenant, {"token": TOKEN, **({"webhook_secret": secret} if secret else {})})
    stack.deaf.add("poller")
    name = provider_job(stack, tenant)
    stack.run()
    ready(net)
    assert tell(stack, net, 0, OURS["webhook_secret"]) == 401
    stack.deaf.clear()
    stack.run(seconds=120, sweeps=True)
    assert job(stack, tenant, name)["state"] == "completed"
    assert set(tokens) == {TOKEN}


def test_a_cancel_and_a_lost_create_ask_with_the_accounts_key(
    stack: World, net: Net, tenant: Tenant, tokens: list[str]
) -> None:
    put(stack, tenant)
    stack.deaf.add("poller")
    name = provider_job(stack, tenant)
    stack.run()
    stack.api("POST", f"{JOBS}/{name}/cancel", key=tenant.key)
    stack.run()
    assert net.predictions == {"pred0": "canceled"}
    net.create_error = NoAnswer("timeout")
    provider_job(stack, tenant)
    stack.run()
    assert tokens == [TOKEN] * 3
