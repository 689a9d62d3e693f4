"""The books recomputed (AT13): a healthy copy is clean, and each field that is off by one is found."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from packshot.aws import rows
from packshot.aws.accounts import Account
from packshot.aws.books import Books
from packshot.aws.clients import client
from packshot.aws.tours import TourTable
from packshot.errors import Stale
from packshot.facts import Cancelled
from packshot.job import Cap, Credits
from packshot.ledger import month_later
from packshot.steps.reconcile import Auditor, reconcile
from packshot.tour import DAY_MS, Tour
from tests.flow.conftest import net, stack
from tests.flow.world import World as Stack
from tests.integration.test_aws_budgets import claim as claim_capped
from tests.integration.test_aws_budgets import deliver
from tests.integration.test_aws_budgets import take as take_capped
from tests.integration.test_aws_world import ACME, NOW, TABLE, World, claim, finish, world

__all__ = ["net", "stack", "world"]

CAPS = {"account": Cap(credits=500, micro_usd=500_000_000), "kid1": Cap(credits=300)}

NOT_OF_THE_BOOKS = {
    "account": {"v", "created", "rpm", "burst", "allowance"},
    "grant": {"v", "at"},
    "job": {"v"},
    "brief": {"v"},
    "leak": {"v", "at"},
    "budget": {"v", "expires"},
    "renewal": {"v"},
}
"""Numbers in each kind of row that say nothing about money, or about what becomes due."""

MONEY = {"version", "count", "price", "reserved", "charged", "monthly", "topup"}
BODIES = {"job": MONEY, "capped": MONEY | {"calls", "attempts", "micro_usd"}, "brief": {"count"}}
"""The numbers, and the ways to them, in a body that do; what providers cost is in the books of those who have a cap."""


@pytest.fixture
def healthy(world: World) -> World:
    """An account with a bit of everything: both pools, a grant, a renewal, budgets, jobs that ended in each way."""
    granted = Credits(20, 100)
    world.books.create(
        Account(ACME, "Acme", "active", NOW, granted, granted, 60, 20, allowance=20, renews=month_later(NOW))
    )
    world.books.grant(ACME, "topup", 7, "inv-1", at=NOW, actor="t")
    world.take(price=3)
    finish(world, claim(world, world.take(price=2, count=2)), 1)
    finish(world, claim(world, world.take(price=16)), 1)
    take_capped(world, CAPS, price=5, count=2)
    done = deliver(world, claim_capped(world, take_capped(world, CAPS, price=1, count=3)), 2)
    assert done.charged
    canceled = claim_capped(world, take_capped(world, CAPS, price=4))
    canceled = world.step(canceled, Cancelled(NOW + 600))
    attempt = canceled.calls[0].attempts[0]
    world.jobs.leak(canceled, 0, attempt.number, attempt.provider, attempt.micro_usd)
    return world


def all_rows(world: World) -> list[dict[str, Any]]:
    """The account's rows."""
    found: list[dict[str, Any]] = world.db.query(**rows.query(TABLE, "#pk = :pk", {"pk": ACME}))["Items"]
    return found


def wrong_bodies(kind: str, value: Any) -> Iterator[Any]:
    """A body with one number of the books off by one, each in turn."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if name in BODIES[kind]:
                for wrong in [inner + 1, inner - 1] if type(inner) is int else wrong_bodies(kind, inner):
                    yield {**value, name: wrong}
    if isinstance(value, list):
        for place, inner in enumerate(value):
            for wrong in wrong_bodies(kind, inner):
                yield [*value[:place], wrong, *value[place + 1 :]]


def wrong_rows(item: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """A row with one number of the books off by one, each in turn, and what that number is called."""
    row = rows.unpack(item)
    kind = row["sk"].partition("#")[0]
    for name, value in row.items():
        if type(value) is int and name not in NOT_OF_THE_BOOKS[kind]:
            for off in (1, -1):
                yield name, rows.pack({**row, name: value + off})
    if "body" in row:
        right = json.loads(rows.unfold(row["body"]))
        for body in wrong_bodies("capped" if "budgets" in right else kind, right):
            yield "body", rows.pack({**row, "body": rows.fold(body)})


def test_a_healthy_copy_is_clean(healthy: World) -> None:
    assert healthy.books.verify(ACME) == ()


def test_each_number_that_is_off_by_one_is_found(healthy: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("packshot.aws.books.PASSES", 1)  # nothing moves here
    healthy.metered = False
    seen = set()
    for item in all_rows(healthy):
        for name, wrong in wrong_rows(item):
            healthy.db.put_item(TableName=TABLE, Item=wrong)
            assert healthy.books.verify(ACME), (item["sk"]["S"], name, wrong)
            seen.add((item["sk"]["S"].partition("#")[0], name))
        healthy.db.put_item(TableName=TABLE, Item=item)
    assert healthy.books.verify(ACME) == ()
    assert seen == {
        *(("account", name) for name in ("monthly", "topup", "granted_monthly", "granted_topup", "renews")),
        *(("job", name) for name in ("ver", "due", "body")),
        *(("budget", name) for name in ("credits", "micro")),
        ("grant", "amount"), ("brief", "body"), ("leak", "micro_usd"), ("renewal", "due"),
    }  # fmt: skip


def test_each_row_that_is_missing_is_found(healthy: World) -> None:
    for item in all_rows(healthy):
        kind = item["sk"]["S"].partition("#")[0]
        if kind in ("account", "leak"):  # without it there is no account; who has leaked cannot be seen from elsewhere
            continue
        healthy.db.delete_item(TableName=TABLE, Key={name: item[name] for name in ("pk", "sk")})
        assert healthy.books.verify(ACME), item["sk"]
        healthy.db.put_item(TableName=TABLE, Item=item)


def test_a_leak_of_no_attempt_is_found(healthy: World) -> None:
    for sk in ("leak#job_0#0#1", "leak#job_zzzz#0#1", f"leak#{_a_job(healthy)}#0#9"):
        row = {"pk": ACME, "sk": sk, "provider": "fal", "micro_usd": 1, "at": NOW}
        healthy.db.put_item(**rows.insert(TABLE, row))
        assert [(drift.row, drift.field) for drift in healthy.books.verify(ACME)] == [(sk, "attempt")]
        healthy.db.delete_item(TableName=TABLE, Key=rows.key(ACME, sk))


def _a_job(world: World) -> str:
    return str(next(row["sk"]["S"] for row in all_rows(world) if row["sk"]["S"].startswith("job#"))[4:])


def test_a_budget_that_has_expired_is_not_missed(healthy: World) -> None:
    for item in all_rows(healthy):
        if item["sk"]["S"].startswith("budget#"):
            healthy.db.delete_item(TableName=TABLE, Key={name: item[name] for name in ("pk", "sk")})
    assert Books(TABLE, lambda: NOW).verify(ACME)
    assert Books(TABLE, lambda: NOW + 401 * DAY_MS).verify(ACME) == ()


def test_a_drift_is_found_while_jobs_are_taken(healthy: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between two looks the numbers move; how far they are apart does not."""
    real = Books._audit

    def busy(self: Books, account: str) -> Any:
        healthy.take(price=1)
        return real(self, account)

    monkeypatch.setattr(Books, "_audit", busy)
    assert healthy.books.verify(ACME) == ()
    healthy.db.update_item(**rows.change(TABLE, ACME, "account", add={"topup": 1}))
    assert [(drift.field, drift.apart) for drift in healthy.books.verify(ACME)] == [("topup", 1)]


def test_a_job_taken_while_the_rows_are_read_is_no_drift(healthy: World, monkeypatch: pytest.MonkeyPatch) -> None:
    real, left = Books._items, [2]

    def meanwhile(self: Books, pk: str, prefix: str) -> Any:
        if prefix == "grant#" and left[0]:
            left[0] -= 1
            healthy.take(price=1)
        return real(self, pk, prefix)

    monkeypatch.setattr(Books, "_items", meanwhile)
    assert healthy.books.verify(ACME) == ()
    assert left == [0]


def test_the_tour_reads_every_account_and_corrects_nothing(healthy: World) -> None:
    for number in range(3):
        healthy.open(f"acc_{number}", monthly=number)
    healthy.db.update_item(**rows.change(TABLE, "acc_1", "account", add={"monthly": 1}))
    before = healthy.row("acc_1", "account")
    room = Auditor(healthy.books, TourTable(TABLE), lambda: NOW)
    assert reconcile(function="books", room=room) == {"accounts": 4, "drifts": 1, "unread": 0}
    assert reconcile(function="books", room=room) == {"accounts": 0, "drifts": 0, "unread": 0}
    assert healthy.row("acc_1", "account") == before


def test_the_tour_has_one_writer(world: World) -> None:
    tours = TourTable(TABLE)
    first = Tour().night(NOW).begin("a", NOW)
    tours.write(Tour(), first)
    tours.write(Tour(), first)  # our own write, whose answer was lost
    assert tours.read() == first
    with pytest.raises(Stale):
        tours.write(Tour(), replace(first, trying="b"))


def test_the_deployed_handler_tells_of_a_drift(stack: Stack, capsys: pytest.CaptureFixture[str]) -> None:
    granted = Credits(5, 0)
    Books("packshot").create(Account("acc_1", "Acme", "active", NOW, granted, granted, 60, 20))
    client("dynamodb").update_item(**rows.change("packshot", "acc_1", "account", add={"monthly": -1}))
    found = stack.functions["reconcile"].handler({}, SimpleNamespace(function_name="books-1"))
    assert found == {"accounts": 1, "drifts": 1, "unread": 0}
    assert '"BookDrifts":1' in capsys.readouterr().out
