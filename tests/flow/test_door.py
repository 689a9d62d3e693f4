"""The order of checks at the door, the lists, the keys that come again, and the secrets that sign."""

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from packshot.aws.books import Books
from tests.flow.conftest import SECRET, Net, Tenant, make_tenant
from tests.flow.test_jobs import JOBS, PROVIDER_JOB, available, provider_job, ready
from tests.flow.world import World

ENDPOINTS = "/packshot/v1/callback-endpoints"
BROKEN = b'{"images": ['


@pytest.mark.parametrize(
    ("method", "path", "raw", "status", "code"),
    [
        ("POST", JOBS, BROKEN, 401, "missing_api_key"),
        ("POST", JOBS, b"\xff\xfe", 401, "missing_api_key"),
        ("POST", "/packshot/v1/nothing", b"", 401, "missing_api_key"),
        ("DELETE", "/nowhere", b"", 401, "missing_api_key"),
        ("GET", JOBS, b"", 401, "missing_api_key"),
        ("GET", "/packshot/v1/account", b"", 401, "missing_api_key"),
        ("GET", f"{JOBS}?limit=zzz", b"", 401, "missing_api_key"),
        ("GET", "/packshot/v1/openapi.json?v=2", b"", 200, None),
        ("GET", "/packshot/v1/nothing", b"", 404, "not_found"),
        ("GET", "/", b"", 404, "not_found"),
        ("GET", "/packshot/v1/openapi.json", b"", 200, None),
    ],
)
def test_without_a_key(
    stack: World, net: Net, method: str, path: str, raw: bytes, status: int, code: str | None
) -> None:
    path, _, query = path.partition("?")
    answer = stack.api(method, path, raw=raw, query=query)
    assert answer.status == status and (code is None or answer.json["code"] == code), answer.text
    assert answer.headers["x-request-id"] == "req-1"
    if status == 401:
        assert answer.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize("path", ["/packshot/v1/models", JOBS, "/packshot/v1/openapi.json", "/packshot/v1/nothing"])
def test_head_is_get_without_a_body(stack: World, net: Net, tenant: Tenant, path: str) -> None:
    for key in (tenant.key, "", "pk_live_wrong"):
        full, head = (stack.api(method, path, key=key) for method in ("GET", "HEAD"))
        assert head.text == "" and head.status == full.status
        assert head.headers["content-type"] == full.headers["content-type"]


@pytest.mark.parametrize(
    ("raw", "headers", "status", "code"),
    [
        (BROKEN, {}, 400, "malformed_json"),
        (b"[]", {}, 422, "invalid_field"),
        (b"{}", {"content-type": "text/plain"}, 415, "unsupported_media_type"),
        (b"{" + b" " * 6_000_001 + b"}", {}, 413, "body_too_large"),
        (b'{"nonsense": 1}', {}, 422, "unknown_field"),
    ],
)
def test_a_body_that_says_nothing_costs_nothing(
    stack: World, net: Net, tenant: Tenant, raw: bytes, headers: dict[str, str], status: int, code: str
) -> None:
    answer = stack.api("POST", JOBS, raw=raw, key=tenant.key, headers=headers)
    assert (answer.status, answer.json["code"]) == (status, code)
    assert available(stack, tenant) == 100 and stack.events == []


def test_a_key_that_may_only_look_cannot_order_and_a_revoked_one_can_do_nothing(stack: World, net: Net) -> None:
    reader = make_tenant(stack, "acct_reader", scopes=("jobs:read",))
    answer = stack.api("POST", JOBS, PROVIDER_JOB, key=reader.key)
    assert (answer.status, answer.json["code"], answer.json["scope"]) == (403, "scope_missing", "jobs:write")
    assert stack.api("GET", JOBS, key=reader.key).status == 200
    Books("packshot").revoke_key(reader.key.split("_")[2])
    stack.clock.sleep(61)
    assert stack.api("GET", JOBS, key=reader.key).json["code"] == "invalid_api_key"


def test_an_idempotency_key_is_forgotten_after_a_day_though_its_row_is_there(
    stack: World, net: Net, tenant: Tenant
) -> None:
    stack.deaf.add("stream")
    headers = {"idempotency-key": "order-1"}

    def post(**more: object) -> tuple[int, str]:
        answer = stack.api("POST", JOBS, {**PROVIDER_JOB, **more}, key=tenant.key, headers=headers)
        return answer.status, answer.json.get("id") or answer.json["code"]

    first = post()
    stack.clock.sleep(86_399)
    assert post() == (200, first[1]) and available(stack, tenant) == 97
    stack.clock.sleep(1)
    second = post(seed=5)
    assert second[0] == 202 and second[1] != first[1] and available(stack, tenant) == 94
    assert post(seed=5) == (200, second[1]) and post()[0] == 422
    assert Books("packshot").verify(tenant.account) == ()


def test_two_accounts_may_use_the_same_idempotency_key(stack: World, net: Net, tenant: Tenant) -> None:
    other = make_tenant(stack, "acct_two")
    headers = {"idempotency-key": "order-1"}
    answers = [stack.api("POST", JOBS, PROVIDER_JOB, key=who.key, headers=headers) for who in (tenant, other)]
    assert [answer.status for answer in answers] == [202, 202]


def test_pages_follow_each_other_and_a_cursor_is_its_accounts_own(stack: World, net: Net, tenant: Tenant) -> None:
    stack.deaf.add("stream")
    other = make_tenant(stack, "acct_two")
    made = []
    for number in range(5):
        made.append(provider_job(stack, tenant, external_id=f"sku-{number % 2}"))
        provider_job(stack, other)
        stack.clock.sleep(1)

    def pages(query: str) -> list[str]:
        found: list[str] = []
        cursor = ""
        for _ in range(9):
            page = stack.api("GET", JOBS, key=tenant.key, query=f"{query}{cursor and '&cursor=' + cursor}").json
            found += [one["id"] for one in page["data"]]
            cursor = page["next_cursor"] or ""
            if not cursor:
                return found
        raise AssertionError("the list does not end")

    assert pages("limit=2") == made[::-1] == pages("limit=100")
    assert pages("limit=1&external_id=sku-1") == [made[3], made[1]]
    assert pages("limit=2&state=completed") == []
    cursor = stack.api("GET", JOBS, key=tenant.key, query="limit=2").json["next_cursor"]
    for key, path, given in (
        (other.key, JOBS, cursor),
        (tenant.key, "/packshot/v1/assets", cursor),
        (tenant.key, JOBS, cursor[:-1]),
        (tenant.key, JOBS, "bm9uc2Vuc2U"),
    ):
        answer = stack.api("GET", path, key=key, query=f"limit=2&cursor={given}")
        assert (answer.status, answer.json["field"]) == (422, "cursor")


def test_an_endpoint_is_changed_field_by_field(stack: World, net: Net, tenant: Tenant) -> None:
    made = stack.api(
        "POST", ENDPOINTS, {"url": "https://shop.example/a", "events": ["job.created"]}, key=tenant.key
    ).json
    path = f"{ENDPOINTS}/{made['id']}"

    def change(**fields: object) -> dict:
        answer = stack.api("PATCH", path, fields, key=tenant.key)
        assert answer.status == 200, answer.text
        assert answer.json["secret"] is None
        return {name: answer.json[name] for name in ("url", "events", "disabled", "description")}

    before = {"url": "https://shop.example/a", "events": ["job.created"], "disabled": False, "description": ""}
    assert change() == before
    assert change(description="orders") == {**before, "description": "orders"}
    assert change(disabled=True)["disabled"] is True
    provider_job(stack, tenant, callback_url=None)
    stack.run(seconds=5)
    assert net.posts == []
    assert change(disabled=False, url="https://shop.example/b")["url"] == "https://shop.example/b"
    provider_job(stack, tenant, callback_url=None)
    stack.run(seconds=5)
    ((url, headers, body),) = net.posts
    assert (
        url == "https://shop.example/b" and Webhook(made["secret"]).verify(body, dict(headers))["type"] == "job.created"
    )
    for bad in (
        {"url": "https://10.0.0.1/"},
        {"url": "ftp://a.example/"},
        {"events": ["job.nothing"]},
        {"secret": "x"},
    ):
        assert stack.api("PATCH", path, bad, key=tenant.key).status == 422
    stranger = make_tenant(stack, "acct_two")
    assert stack.api("PATCH", path, {"disabled": True}, key=stranger.key).status == 404
    assert stack.api("PUT", path, {}, key=tenant.key).headers["allow"] == "PATCH, DELETE"


def test_while_a_secret_is_rotated_both_sign_and_afterwards_the_new_one_alone(
    stack: World, net: Net, tenant: Tenant
) -> None:
    path = "/packshot/v1/account/callback-secret/rotate"
    fresh = stack.api("POST", path, {"overlap_seconds": 600}, key=tenant.key).json["secret"]
    assert fresh != SECRET and fresh.startswith("whsec_")
    net.after_create = lambda name: ready(net, name)

    def signed_by(secret: str) -> bool:
        _, headers, body = net.posts[-1]
        try:
            Webhook(secret).verify(body, dict(headers))
        except WebhookVerificationError:
            return False
        return True

    provider_job(stack, tenant)
    stack.run(seconds=20)
    assert len(net.posts) == 1 and len(net.posts[0][1]["webhook-signature"].split()) == 2
    assert signed_by(fresh) and signed_by(SECRET)
    stack.clock.sleep(600)
    provider_job(stack, tenant)
    stack.run(seconds=20)
    assert len(net.posts) == 2 and len(net.posts[1][1]["webhook-signature"].split()) == 1
