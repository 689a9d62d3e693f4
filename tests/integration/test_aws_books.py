"""Accounts, grants, keys, and the audit of the books."""

import os
from dataclasses import replace
from typing import Any

import pytest

from packshot import keys
from packshot.aws import rows
from packshot.aws.accounts import AccountTable
from packshot.errors import CallerError
from packshot.job import Credits
from tests.integration.test_aws_world import ACME, NOW, TABLE, World, claim, finish, lose, world

__all__ = ["world"]


def test_a_grant_counts_once_per_id(world: World) -> None:
    world.open()
    assert world.books.grant(ACME, "monthly", 10, "inv-1", at=NOW, actor="t")
    assert not world.books.grant(ACME, "monthly", 10, "inv-1", at=NOW + 1, actor="t")
    for pool, amount in (("monthly", 11), ("topup", 10)):
        with pytest.raises(CallerError) as caught:
            world.books.grant(ACME, pool, amount, "inv-1", at=NOW, actor="t")
        assert caught.value.code == "state_conflict"
    assert world.balance() == Credits(10)
    assert world.books.verify(ACME) == ()


def test_a_grant_whose_answer_is_lost_is_one_grant(world: World) -> None:
    world.open()
    left = lose("TransactWriteItems")
    assert world.books.grant(ACME, "topup", 10, "inv-1", at=NOW, actor="t")
    assert (left, world.balance()) == ([0], Credits(0, 10))


def test_a_grant_can_take_back_what_is_not_spent(world: World) -> None:
    world.open(monthly=10)
    world.take(price=4)
    assert world.books.grant(ACME, "monthly", -6, "back", at=NOW, actor="t")
    with pytest.raises(CallerError) as caught:
        world.books.grant(ACME, "monthly", -1, "more", at=NOW, actor="t")
    assert caught.value.code == "insufficient_credits"
    with pytest.raises(CallerError):
        world.books.grant("acc_none", "monthly", 1, "x", at=NOW, actor="t")
    assert world.books.verify(ACME) == ()


def test_an_account_is_opened_once(world: World) -> None:
    left = lose("TransactWriteItems")
    world.open(monthly=5, topup=7)
    known = world.accounts.account(ACME)
    assert left == [0]
    assert known
    with pytest.raises(CallerError):
        world.books.create(replace(known, secret=b"other"))
    assert world.balance() == Credits(5, 7)
    assert world.books.accounts() == [ACME]
    assert world.books.verify(ACME) == ()


def a_key(world: World, mode: Any = "live", **more: Any) -> keys.Key:
    key = keys.mint(mode, os.urandom(40))
    world.books.create_key(ACME, key, ("jobs:read",), at=NOW, **more)
    return key


def test_a_key_opens_its_account_until_it_is_revoked(world: World) -> None:
    world.open()
    clock = [NOW]
    table = AccountTable(TABLE, now=lambda: clock[0])
    key = a_key(world)
    who = table.principal(key)
    assert who
    assert (who.account, who.key_id, who.mode, who.scopes, who.rpm, who.burst) == (
        ACME,
        key.id,
        "live",
        frozenset({"jobs:read"}),
        60,
        20,
    )
    assert table.principal(replace(key, secret="x" * 32)) is None
    assert table.principal(replace(key, mode="test")) is None
    world.books.revoke_key(key.id)
    assert table.principal(key) == who  # remembered
    clock[0] += 60_000
    assert table.principal(key) is None
    assert [one.status for one in world.books.keys(ACME)] == ["revoked"]


def test_an_unknown_key_is_asked_for_again_after_five_seconds(world: World) -> None:
    world.open()
    clock = [NOW]
    table = AccountTable(TABLE, now=lambda: clock[0])
    key = keys.mint("live", os.urandom(40))
    assert table.principal(key) is None
    world.books.create_key(ACME, key, (), at=NOW)
    assert table.principal(key) is None
    clock[0] += 5_000
    assert table.principal(key) is not None


def test_expired_keys_and_suspended_accounts_are_nobody(world: World) -> None:
    world.open()
    key, short = a_key(world), a_key(world, expires_at=NOW + 10)
    clock = [NOW]
    table = AccountTable(TABLE, now=lambda: clock[0])
    assert table.principal(short)
    clock[0] += 10
    assert table.principal(short) is None
    assert table.principal(key)
    world.db.update_item(**rows.change(TABLE, ACME, "account", put={"status": "suspended"}))
    assert AccountTable(TABLE).principal(key) is None
    with pytest.raises(CallerError):
        world.books.create_key("acc_none", keys.mint("live", os.urandom(40)), (), at=NOW)
    with pytest.raises(CallerError):
        world.books.revoke_key("nobody")
    assert world.row("key#nobody", "key") is None


def test_made_up_keys_do_not_fill_the_memory(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("packshot.aws.accounts.REMEMBERED", 10)
    for number in range(25):
        assert world.accounts.key(f"kid{number}") is None
    assert len(world.accounts._keys) <= 10


def corrupt(world: World, sk: str, **put: object) -> None:
    world.db.update_item(**rows.change(TABLE, ACME, sk, put=put))


def test_the_audit_finds_each_corrupted_field(world: World) -> None:
    world.open(monthly=20, topup=20)
    opened, done = world.take(price=3), finish(world, claim(world, world.take(price=2, count=2)), 1)
    assert world.books.verify(ACME) == ()
    account = rows.unpack(world.row(ACME, "account") or {})
    for name in ("monthly", "topup", "granted_monthly", "granted_topup"):
        corrupt(world, "account", **{name: account[name] + 1})
        assert [drift.field for drift in world.books.verify(ACME)] == [name]
        corrupt(world, "account", **{name: account[name]})
    corrupt(world, "account", status="strange")
    assert [drift.field for drift in world.books.verify(ACME)] == ["status"]
    corrupt(world, "account", status="active")
    for job in (opened, done):
        sk = f"job#{job.id}"
        row = rows.unpack(world.row(ACME, sk) or {})
        body = job.dump()
        cases: list[tuple[str, dict[str, object]]] = [
            ("state", {"state": "failed"}),
            ("ver", {"ver": 77}),
            ("ext", {"ext": "x"}),
            ("due", {"due": 5}),
            ("lane", {"lane": "fal"}),
            ("body", {"body": "{}"}),
            ("body", {"body": b"junk"}),
        ]
        for field, wrong in cases:
            corrupt(world, sk, **wrong)
            assert field in [drift.field for drift in world.books.verify(ACME)], field
            corrupt(world, sk, **{name: row.get(name) for name in wrong})
        for field, change in (("reserved", {"reserved": {"monthly": 9}}), ("charged", {"charged": {"monthly": 1}})):
            corrupt(world, sk, body=rows.fold({**body, **change}))
            found = {drift.field for drift in world.books.verify(ACME)}
            assert field in found
            corrupt(world, sk, body=row["body"])
    world.db.delete_item(TableName=TABLE, Key=rows.key(ACME, f"brief#{opened.id}"))
    assert [drift.field for drift in world.books.verify(ACME)] == ["brief"]
    world.db.delete_item(TableName=TABLE, Key=rows.key("accounts", ACME))
    assert {drift.field for drift in world.books.verify(ACME)} == {"brief", "accounts"}
    corrupt(world, "grant#opening-topup", amount=21)
    assert {drift.field for drift in world.books.verify(ACME)} == {"brief", "accounts", "granted_topup", "topup"}
