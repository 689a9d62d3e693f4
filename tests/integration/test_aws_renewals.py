"""The month ends: allowances start again, once, whatever goes wrong meanwhile, and the books stay straight."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from packshot.aws import rows
from packshot.aws.accounts import Account
from packshot.aws.renewals import LANE, Renewals
from packshot.errors import Unavailable
from packshot.job import Credits
from packshot.ledger import month_later
from tests.integration.test_aws_world import ACME, NOW, TABLE, World, cancel, claim, finish, lose, world

__all__ = ["world"]

DUE = NOW + 86_400_000


def open_account(
    world: World, account: str = ACME, *, monthly: int = 10, topup: int = 0, allowance: int = 10, renews: int = DUE
) -> str:
    """An account with a plan."""
    granted = Credits(monthly, topup)
    row = Account(account, "Acme", "active", NOW, granted, granted, 60, 20, b"sealed")
    world.books.create(replace(row, plan="pro", allowance=allowance, renews=renews))
    return account


def renewed(world: World, account: str = ACME) -> tuple[Credits, int | None]:
    known = world.accounts.account(account)
    assert known
    assert world.books.verify(account) == ()
    return known.available, known.renews


def grants(world: World, account: str = ACME) -> list[tuple[str, int]]:
    """Renewals as they were written down: when, and how much."""
    found = [row for row in world.books._rows(account, "grant#renewal-") if row["actor"] == "renewal"]
    return [(row["sk"].removeprefix("grant#renewal-"), row["amount"]) for row in found]


def waiting(world: World, account: str = ACME) -> int | None:
    """When the index will bring the account."""
    row = world.row(account, LANE)
    return int(row["due"]["N"]) if row else None


def test_nothing_happens_before_its_time(world: World) -> None:
    open_account(world)
    world.take(price=4)
    assert Renewals(TABLE).run(DUE - 1) == 0
    assert renewed(world) == (Credits(6), DUE)
    assert waiting(world) == DUE


@pytest.mark.parametrize(
    ("monthly", "spent", "allowance"), [(10, 4, 10), (10, 0, 10), (10, 10, 10), (30, 0, 10), (0, 0, 50), (10, 3, 0)]
)
def test_the_monthly_pool_starts_again_at_the_allowance(world: World, monthly: int, spent: int, allowance: int) -> None:
    open_account(world, monthly=monthly, topup=7, allowance=allowance)
    if spent:
        finish(world, claim(world, world.take(price=spent)), 1)
    assert Renewals(TABLE).run(DUE) == 1
    assert renewed(world) == (Credits(allowance, 7), month_later(DUE))
    assert waiting(world) == month_later(DUE)
    assert grants(world) == [("2026-02-03T02:40:00Z", allowance - (monthly - spent))]


def test_a_second_time_changes_nothing(world: World) -> None:
    open_account(world)
    world.take(price=4)
    table = Renewals(TABLE)
    table.renew(ACME, DUE)
    table.renew(ACME, DUE)
    assert table.run(DUE) == 0
    assert renewed(world) == (Credits(10), month_later(DUE))
    assert len(grants(world)) == 1
    assert table.run(month_later(DUE)) == 1
    assert len(grants(world)) == 2


def test_one_renewal_when_its_answer_is_lost(world: World) -> None:
    open_account(world)
    world.take(price=4)
    left = lose("TransactWriteItems")
    Renewals(TABLE).renew(ACME, DUE)
    assert (left, renewed(world)) == ([0], (Credits(10), month_later(DUE)))
    assert len(grants(world)) == 1


def test_one_renewal_when_every_answer_is_lost_and_the_next_sweep_comes(world: World) -> None:
    open_account(world)
    world.take(price=4)
    left = lose("TransactWriteItems", 3)
    assert Renewals(TABLE).run(DUE) == 1  # its trouble is logged
    assert Renewals(TABLE).run(DUE) == 0
    assert (left, renewed(world)) == ([0], (Credits(10), month_later(DUE)))
    assert len(grants(world)) == 1


@pytest.mark.parametrize("months", [1, 2, 3, 14])
def test_several_missed_months_are_one_renewal(world: World, months: int) -> None:
    open_account(world)
    world.take(price=9)
    late = DUE
    for _ in range(months - 1):
        late = month_later(late)
    assert Renewals(TABLE).run(late) == 1
    assert renewed(world) == (Credits(10), month_later(late))
    assert Renewals(TABLE).run(late) == 0


def test_what_comes_back_from_the_month_before_is_on_top_and_goes_with_the_next(world: World) -> None:
    open_account(world, topup=5)
    job = world.take(price=12)
    assert job.reserved == Credits(10, 2)
    Renewals(TABLE).run(DUE)
    assert renewed(world)[0] == Credits(10, 3)
    cancel(world, job)
    assert renewed(world)[0] == Credits(20, 5)
    Renewals(TABLE).run(month_later(DUE))
    assert renewed(world)[0] == Credits(10, 5)
    assert [amount for _, amount in grants(world)] == [10, -10]


def test_what_is_charged_of_the_month_before_stays_charged(world: World) -> None:
    open_account(world)
    job = claim(world, world.take(price=3, count=2))
    Renewals(TABLE).run(DUE)
    done = finish(world, job, 1)
    assert (done.charged, done.refunded) == (Credits(3), Credits(3))
    assert renewed(world)[0] == Credits(13)


def test_a_job_taken_while_it_is_renewed_is_neither_free_nor_paid_twice(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_account(world)
    table, write, jobs = Renewals(TABLE), world.db.transact_write_items, []

    def slow(**asked: Any) -> Any:
        if not jobs:
            jobs.append(world.take(price=4))
        return write(**asked)

    monkeypatch.setattr(table, "_db", SimpleNamespace(get_item=world.db.get_item, transact_write_items=slow))
    table.renew(ACME, DUE)
    assert renewed(world) == (Credits(10), month_later(DUE))
    assert grants(world) == [("2026-02-03T02:40:00Z", 4)]


def test_two_sweeps_at_once_renew_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    open_account(world)
    world.take(price=4)
    slow, write = Renewals(TABLE), world.db.transact_write_items
    other = Renewals(TABLE)

    def late(**asked: Any) -> Any:
        other.renew(ACME, DUE)
        return write(**asked)

    fake = SimpleNamespace(get_item=world.db.get_item, update_item=world.db.update_item, transact_write_items=late)
    monkeypatch.setattr(slow, "_db", fake)
    slow.renew(ACME, DUE)
    assert renewed(world) == (Credits(10), month_later(DUE))
    assert len(grants(world)) == 1


def test_what_an_operator_changes_meanwhile_stands(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    open_account(world)
    table, write, later, told = Renewals(TABLE), world.db.transact_write_items, DUE + 86_400_000, []

    def slow(**asked: Any) -> Any:
        if not told:
            told.append(later)
            world.books.change(ACME, {}, renews=later)
        return write(**asked)

    monkeypatch.setattr(table, "_db", SimpleNamespace(get_item=world.db.get_item, transact_write_items=slow))
    table.renew(ACME, DUE)
    assert (renewed(world), waiting(world), grants(world)) == ((Credits(10), later), later, [])


def test_an_account_that_renews_no_more_is_left_alone_and_forgotten(world: World) -> None:
    open_account(world)
    world.take(price=4)
    world.books.change(ACME, {"plan": "free", "allowance": None, "renews": None})
    assert Renewals(TABLE).run(DUE) == 1
    assert renewed(world) == (Credits(6), None)
    assert (waiting(world), grants(world)) == (None, [])
    assert Renewals(TABLE).run(month_later(DUE)) == 0


def test_a_row_that_comes_early_is_put_off(world: World) -> None:
    open_account(world)
    world.db.update_item(**rows.change(TABLE, ACME, LANE, put={"due": NOW}))
    assert Renewals(TABLE).run(NOW) == 1
    assert (renewed(world), waiting(world)) == ((Credits(10), DUE), DUE)
    assert Renewals(TABLE).run(NOW) == 0


def test_a_plan_that_changes_counts_from_its_next_renewal(world: World) -> None:
    open_account(world)
    later = DUE + 86_400_000
    world.books.change(ACME, {"plan": "max", "allowance": 3000}, renews=later)
    assert (Renewals(TABLE).run(DUE), waiting(world)) == (0, later)
    assert Renewals(TABLE).run(later) == 1
    assert renewed(world) == (Credits(3000), month_later(later))


def test_what_is_due_comes_by_the_index_the_earliest_first(world: World) -> None:
    for number in (3, 1, 2):
        open_account(world, f"acc_{number}", monthly=0, renews=DUE + number)
    world.open("acc_free", monthly=5)
    world.take("acc_free")
    assert Renewals(TABLE).run(DUE + 9, limit=2) == 2
    assert [renewed(world, f"acc_{number}")[0] for number in (1, 2, 3)] == [Credits(10), Credits(10), Credits(0)]
    assert Renewals(TABLE).run(DUE + 9) == 1
    assert world.balance("acc_free") == Credits(4)


def test_one_accounts_trouble_is_not_anothers(world: World) -> None:
    open_account(world, "acc_1", renews=DUE)
    open_account(world, "acc_2", monthly=0, renews=DUE + 1)
    world.db.update_item(**rows.change(TABLE, "acc_1", "account", put={"status": None}))
    assert Renewals(TABLE).run(DUE + 1) == 2
    assert renewed(world, "acc_2")[0] == Credits(10)
    assert waiting(world, "acc_1") == DUE


def test_an_account_that_is_not_there_leaves_nothing_behind(world: World) -> None:
    world.db.put_item(**rows.insert(TABLE, {"pk": "acc_gone", "sk": LANE, "lane": LANE, "due": NOW}))
    assert Renewals(TABLE).run(NOW) == 1
    assert waiting(world, "acc_gone") is world.row("acc_gone", "account") is None


def test_a_renewal_is_never_between_its_parts(world: World) -> None:
    """Grant, balance and the next time are one transaction: where one of them is refused there is none of it."""
    open_account(world)
    world.take(price=4)
    entry = {"pool": "monthly", "amount": 0, "at": 1, "actor": "x"}
    world.db.put_item(**rows.insert(TABLE, {"pk": ACME, "sk": "grant#renewal-2026-02-03T02:40:00Z", **entry}))
    with pytest.raises(Unavailable):
        Renewals(TABLE).renew(ACME, DUE)
    assert (renewed(world), waiting(world)) == ((Credits(6), DUE), DUE)


@pytest.mark.parametrize(("status", "monthly"), [("trialing", 10), ("past_due", 0), ("canceled", 0), ("suspended", 0)])
def test_only_a_subscription_that_is_paid_for_is_filled_up_again(world: World, status: str, monthly: int) -> None:
    open_account(world, topup=3)
    finish(world, claim(world, world.take(price=4)), 1)
    world.books.change(ACME, {"status": status})
    Renewals(TABLE).run(DUE)
    assert renewed(world) == (Credits(monthly, 3), month_later(DUE))


def test_an_account_whose_row_was_lost_is_waited_for_again(world: World) -> None:
    open_account(world)
    world.db.delete_item(TableName=TABLE, Key=rows.key(ACME, LANE))
    Renewals(TABLE).renew(ACME, NOW)
    assert (renewed(world), waiting(world)) == ((Credits(10), DUE), DUE)
