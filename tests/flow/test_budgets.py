"""A month's budget as callers meet it: refused in every dialect, counted through a job's life, shown to its owner."""

import itertools
from collections.abc import Mapping
from typing import Any

import boto3
import pytest

from packshot import dialects
from packshot.aws.books import Books
from packshot.steps import submit
from tests.flow.conftest import Net, Tenant, make_tenant
from tests.flow.test_doors_and_tenants import WORDS, keyed, order, send
from tests.flow.test_jobs import (
    JOBS,
    PROVIDER_JOB,
    asset,
    available,
    books_are_straight,
    job,
    provider_job,
    ready,
    webhook,
)
from tests.flow.world import World

PRICE, USD = 3, 45_000
"""What flux-2 costs an image: credits, and micro US dollars upstream."""

ACCOUNT = "/packshot/v1/account"
SAID = "This account's budget for the month is used up, or too small for this job."

REFUSED: Mapping[str, tuple[int, Any]] = {
    "native": (
        402,
        {
            "type": "urn:packshot:error:insufficient_credits",
            "title": "Insufficient credits",
            "status": 402,
            "detail": SAID,
            "code": "insufficient_credits",
            "needed": PRICE,
            "budget": "account",
            "request_id": "req-1",
        },
    ),
    "makephotos": (
        402,
        {
            "error": {
                "code": "insufficient_credits",
                "message": SAID,
                "details": {"monthly_remaining": 0, "topup_remaining": 0},
            }
        },
    ),
    "aiphotogenerator": (402, {"success": False, "message": SAID}),
    "productai": (402, {"error": {"code": "insufficient_credits", "message": SAID}}),
    "productai_deployed": (402, {"name": "ApiError", "message": "OUT_OF_TOKENS", "details": SAID}),
    "phota": (402, {"code": "INSUFFICIENT_BALANCE", "detail": SAID, "request_id": "req-1"}),
    "photio": (402, {"status_code": 402, "body": SAID}),
    "openai_images": (
        429,
        {
            "error": {
                "message": f"You exceeded your current quota, please check your plan and billing details. {SAID}",
                "type": "insufficient_quota",
                "param": None,
                "code": "insufficient_quota",
            }
        },
    ),
    "mcp": (
        200,
        {
            "jsonrpc": "2.0",
            "id": 1,
            "result": {"content": [{"type": "text", "text": f"insufficient_credits: {SAID}"}], "isError": True},
        },
    ),
}
"""What a spent budget is in each dialect."""

MORE: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("native", JOBS, {"images": ["https://shop.example/mug.jpg"], "width": 512, "height": 512}),
    ("phota", "/v1/phota/edit", {"prompt": WORDS, "images": ["https://shop.example/mug.jpg"]}),
)
"""Other requests that cost credits."""


def cap(tenant: Tenant, credits: int | None = None, micro_usd: int | None = None, *, key: str = "") -> None:
    """What `packshot-admin set-budget` writes."""
    put = {"cap_credits": credits, "cap_micro_usd": micro_usd}
    if key:
        Books("packshot").change_key(key.split("_")[2], put)
    else:
        Books("packshot").change(tenant.account, put)


def spent(stack: World, tenant: Tenant, name: str = "account") -> tuple[int, int]:
    return Books("packshot").spent(tenant.account, name, int(stack.clock.now * 1000))


def rows_of(tenant: Tenant) -> list[dict[str, Any]]:
    """All that the table holds of an account."""
    found = boto3.client("dynamodb", "us-east-1").scan(TableName="packshot")["Items"]
    return sorted((row for row in found if row["pk"]["S"] == tenant.account), key=lambda row: row["sk"]["S"])


def status(stack: World, key: str, **more: Any) -> int:
    return int(stack.api("POST", JOBS, {**PROVIDER_JOB, **more}, key=key).status)


# ------------------------------------------------------------------------------------------------------- dialects


def test_every_dialect_is_here() -> None:
    assert set(REFUSED) == set(dialects.NAMES)


@pytest.mark.parametrize("name", dialects.NAMES)
def test_a_spent_budget_is_said_in_the_dialects_own_way_and_nothing_happens(
    stack: World, net: Net, tenant: Tenant, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticks = itertools.count(step=1000)  # whoever waits for a picture has waited long enough
    monkeypatch.setitem(submit.hold.__kwdefaults__, "clock", lambda: float(next(ticks)))
    cap(tenant, 0, 0)
    before = rows_of(tenant)
    answer = order(stack, name, tenant.key)
    expected, body = REFUSED[name]
    assert answer.status == expected, answer.text
    assert answer.json == body
    if name == dialects.OURS:
        assert answer.headers["content-type"] == "application/problem+json"
    stack.run()
    assert rows_of(tenant) == before
    assert (available(stack, tenant), net.creates, stack.events, stack.waiting) == (100, [], [], [])
    books_are_straight(tenant)


@pytest.mark.parametrize(("name", "path", "body"), MORE, ids=[path for _, path, _ in MORE])
def test_whatever_costs_credits_is_refused(
    stack: World, net: Net, tenant: Tenant, name: str, path: str, body: Any
) -> None:
    cap(tenant, 0)
    before = rows_of(tenant)
    answer = send(stack, "POST", path, body, keyed(name, tenant.key))
    assert answer.status == 402, answer.text
    stack.run()
    assert rows_of(tenant) == before


@pytest.mark.parametrize("caps", [(PRICE - 1, None), (None, USD - 1), (PRICE - 1, USD), (PRICE, USD - 1)])
def test_either_cap_refuses(stack: World, tenant: Tenant, caps: tuple[int | None, int | None]) -> None:
    cap(tenant, *caps)
    assert status(stack, tenant.key) == 402


def test_a_quote_still_tells_a_price(stack: World, tenant: Tenant) -> None:
    cap(tenant, 0)
    wish = {field: value for field, value in PROVIDER_JOB.items() if field != "callback_url"}
    answer = stack.api("POST", "/packshot/v1/quotes", wish, key=tenant.key)
    assert answer.status == 200, answer.text


def test_a_replay_of_a_job_is_answered_when_the_budget_is_spent(stack: World, net: Net, tenant: Tenant) -> None:
    cap(tenant, PRICE)
    headers = {"idempotency-key": "order-1"}
    first = stack.api("POST", JOBS, PROVIDER_JOB, key=tenant.key, headers=headers)
    again = stack.api("POST", JOBS, PROVIDER_JOB, key=tenant.key, headers=headers)
    assert (first.status, again.status, status(stack, tenant.key)) == (202, 200, 402)
    assert first.json["id"] == again.json["id"]
    assert spent(stack, tenant) == (PRICE, USD)


# ----------------------------------------------------------------------------------------------------- a job's life


def test_a_budget_for_two_jobs_takes_two_and_what_comes_back_makes_room(stack: World, net: Net, tenant: Tenant) -> None:
    cap(tenant, 2 * PRICE + 1, 2 * USD)
    stack.deaf.add("poller")
    first, _ = provider_job(stack, tenant), provider_job(stack, tenant)
    assert status(stack, tenant.key) == 402
    assert spent(stack, tenant) == (2 * PRICE, 2 * USD)
    stack.run()
    assert status(stack, tenant.key, count=2) == 402
    stack.api("POST", f"{JOBS}/{first}/cancel", key=tenant.key)
    assert spent(stack, tenant) == (PRICE, USD)
    third = provider_job(stack, tenant)
    assert status(stack, tenant.key) == 402
    stack.run()
    ready(net, "pred1")
    assert webhook(stack, net, 1) == 200
    net.predictions["pred2"] = "failed"
    assert webhook(stack, net, 2) == 200
    stack.run()
    assert job(stack, tenant, third)["state"] == "failed"
    assert spent(stack, tenant) == (PRICE, USD)
    assert available(stack, tenant) == 100 - PRICE
    books_are_straight(tenant)


def test_a_partial_job_counts_what_was_delivered(stack: World, net: Net, tenant: Tenant) -> None:
    cap(tenant, 100, 100 * USD)
    stack.deaf.add("poller")
    name = provider_job(stack, tenant, count=3)
    stack.run()
    assert spent(stack, tenant) == (3 * PRICE, 3 * USD)
    for number, state in enumerate(("succeeded", "failed", "succeeded")):
        ready(net, f"pred{number}")
        net.predictions[f"pred{number}"] = state
        assert webhook(stack, net, number) == 200
    stack.run()
    assert job(stack, tenant, name)["state"] == "partial"
    assert spent(stack, tenant) == (2 * PRICE, 2 * USD)


def test_a_studio_job_counts_credits_and_no_dollars(stack: World, net: Net, tenant: Tenant) -> None:
    cap(tenant, 2, 0)
    wish = {"images": [asset(stack, tenant)], "width": 512, "height": 512}
    answers = [stack.api("POST", JOBS, wish, key=tenant.key).status for _ in range(3)]
    stack.run()
    assert answers == [202, 202, 402]
    assert spent(stack, tenant) == (2, 0)
    assert status(stack, tenant.key) == 402  # this one costs dollars
    books_are_straight(tenant)


def test_test_keys_are_not_counted(stack: World, net: Net, tenant: Tenant) -> None:
    cap(tenant, 0, 0)
    cap(tenant, 0, 0, key=tenant.test_key)
    wish = {"images": [asset(stack, tenant)], "width": 512, "height": 512}
    taken = stack.api("POST", JOBS, wish, key=tenant.test_key)
    assert taken.status == 202, taken.text
    stack.run()
    assert job(stack, tenant, taken.json["id"])["state"] == "completed"
    assert stack.api("POST", JOBS, wish, key=tenant.key).status == 402
    assert not [row for row in rows_of(tenant) if row["sk"]["S"].startswith("budget#")]


def test_a_job_of_last_month_settles_there(stack: World, net: Net, tenant: Tenant) -> None:
    cap(tenant, PRICE)
    stack.deaf.add("poller")
    first = provider_job(stack, tenant)
    taken = int(stack.clock.now * 1000)
    assert status(stack, tenant.key) == 402
    stack.clock.sleep(31 * 86_400)
    provider_job(stack, tenant)
    assert status(stack, tenant.key) == 402
    stack.api("POST", f"{JOBS}/{first}/cancel", key=tenant.key)
    assert Books("packshot").spent(tenant.account, "account", taken) == (0, 0)
    assert spent(stack, tenant) == (PRICE, USD)
    assert status(stack, tenant.key) == 402


# -------------------------------------------------------------------------------------------- keys and the account


def test_a_keys_budget_is_its_own(stack: World, net: Net, tenant: Tenant) -> None:
    cap(tenant, PRICE, key=tenant.key)
    other = make_tenant(stack, "acct_two")
    assert [status(stack, tenant.key) for _ in range(2)] == [202, 402]
    refusal = stack.api("POST", JOBS, PROVIDER_JOB, key=tenant.key).json
    assert (refusal["budget"], refusal["needed"]) == ("key", PRICE)
    assert "key's budget" in refusal["detail"]
    assert [status(stack, other.key) for _ in range(2)] == [202, 202]
    assert spent(stack, tenant) == (0, 0)
    assert spent(stack, tenant, tenant.key.split("_")[2]) == (PRICE, USD)


def test_a_cap_works_within_a_minute_and_lifts_within_one(stack: World, net: Net, tenant: Tenant) -> None:
    assert status(stack, tenant.key) == 202
    cap(tenant, 0)
    stack.run(seconds=61)
    assert status(stack, tenant.key) == 402
    cap(tenant)
    stack.run(seconds=61)
    assert status(stack, tenant.key) == 202
    assert spent(stack, tenant) == (0, 0)


def test_the_account_shows_the_budgets_that_apply_to_the_key(stack: World, tenant: Tenant) -> None:
    assert stack.api("GET", ACCOUNT, key=tenant.key).json["budgets"] == []
    cap(tenant, 500, 12_500_000)
    cap(tenant, 40, key=tenant.key)
    cap(tenant, None, 1, key=tenant.test_key)
    stack.run(seconds=61)
    whole = {"of": "account", "credits_a_month": 500, "usd_a_month": 12.5}
    own = {"of": "key", "credits_a_month": 40, "usd_a_month": None}
    assert stack.api("GET", ACCOUNT, key=tenant.key).json["budgets"] == [whole, own]
    tested = {"of": "key", "credits_a_month": None, "usd_a_month": 0.000001}
    assert stack.api("GET", ACCOUNT, key=tenant.test_key).json["budgets"] == [whole, tested]
    cap(tenant, 0)
    stack.run(seconds=61)
    assert stack.api("GET", ACCOUNT, key=tenant.key).json["budgets"][0]["credits_a_month"] == 0
