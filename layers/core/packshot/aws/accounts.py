"""Who a key belongs to, and how an account stands. Keys are remembered in the process for a minute at most."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from packshot.aws import rows
from packshot.aws.calls import Refused, call
from packshot.aws.clients import client
from packshot.errors import CallerError, not_found
from packshot.job import Cap, Credits
from packshot.keys import Key
from packshot.principal import Principal

KNOWN_MS, UNKNOWN_MS = 60_000, 5_000
"""How long a key that was found, or was not, is remembered: a revoked key is dead after a minute everywhere."""

REMEMBERED = 2_000
_NOBODY = "0" * 64


@dataclass(frozen=True, slots=True)
class Account:
    """An account's row. `available` and `granted` are per pool; the secrets are sealed (`aws/sealed.py`).

    `status` is active, trialing, past_due, canceled (the last two may look but not spend) or suspended (its keys are
    dead); the monthly pool is set to `allowance` at `renews` (ms); `models` is its choice per operation, `own` the
    providers that it has keys of its own for, `cap` what it may spend in a month.
    """

    id: str
    name: str
    status: str
    created: int
    available: Credits
    granted: Credits
    rpm: int
    burst: int
    secret: bytes | None = None
    old_secret: bytes | None = None
    old_until: int | None = None
    plan: str = "free"
    allowance: int = 0
    renews: int | None = None
    email: str | None = None
    models: Mapping[str, str] = field(default_factory=dict)
    own: tuple[str, ...] = ()
    cap: Cap | None = None

    @classmethod
    def of(cls, row: dict[str, Any]) -> "Account":
        """From a row's plain values."""
        return cls(
            row["pk"],
            row.get("name", ""),
            row["status"],
            row["created"],
            Credits(row["monthly"], row["topup"]),
            Credits(row["granted_monthly"], row["granted_topup"]),
            row["rpm"],
            row["burst"],
            row.get("secret"),
            row.get("old_secret"),
            row.get("old_until"),
            row.get("plan", "free"),
            row.get("allowance", 0),
            row.get("renews"),
            row.get("email"),
            json.loads(row.get("models", "{}")),
            tuple(row.get("own", ())),
            _cap(row),
        )


@dataclass(frozen=True, slots=True)
class KeyRow:
    """A key as the table knows it, joined with its account's limits. `active` is False for a suspended account's."""

    principal: Principal
    digest: str
    active: bool
    expires_at: int | None


def now_ms() -> int:
    """The clock."""
    return time.time_ns() // 1_000_000


class AccountTable:
    """Account and key rows, as callers need them."""

    def __init__(self, table_name: str, now: Callable[[], int] = now_ms) -> None:
        self._table = table_name
        self._db = client("dynamodb")
        self._now = now
        self._keys: dict[str, tuple[int, KeyRow | None]] = {}

    def principal(self, key: Key) -> Principal | None:
        """Who the key belongs to; None when it is unknown, revoked, expired, or its secret does not match."""
        row = self.key(key.id)
        good = key.matches(row.digest if row else _NOBODY)
        if not good or row is None or not row.active or row.principal.mode != key.mode:
            return None
        if row.expires_at is not None and row.expires_at <= self._now():
            return None
        return row.principal

    def key(self, kid: str) -> KeyRow | None:
        """What is known of a key id, at most a minute old."""
        now = self._now()
        known = self._keys.get(kid)
        if known is not None and now < known[0]:
            return known[1]
        row = self._read(kid)
        if len(self._keys) >= REMEMBERED:  # made-up keys must not fill the memory
            self._keys.clear()
        self._keys[kid] = (now + (KNOWN_MS if row else UNKNOWN_MS), row)
        return row

    def account(self, account: str) -> Account | None:
        """The account as it stands now (consistent read)."""
        row = self._get(account, "account")
        return Account.of(row) if row else None

    def choose(self, account: str, models: Mapping[str, str]) -> None:
        """Which model the account uses per operation; an empty text is the default again. Known to all in a minute.

        Raises CallerError: there is no such account, or somebody else changes it at this moment.
        """
        row = self._get(account, "account")
        if row is None:
            raise not_found()
        before = row.get("models")
        chosen = {name: model for name, model in {**json.loads(before or "{}"), **models}.items() if model}
        change = rows.change(
            self._table,
            account,
            "account",
            put={"models": json.dumps(chosen, sort_keys=True) if chosen else None},
            only_if="#models = :before" if before else "attribute_exists(#pk) AND attribute_not_exists(#models)",
            given={"before": before},
        )
        try:
            call(self._db.update_item, **change)
        except Refused as refused:
            again = self._get(account, "account") or {}
            if json.loads(again.get("models") or "{}") != chosen:  # else it was our own write, whose answer was lost
                raise CallerError("state_conflict", "Somebody else has just changed these settings.") from refused
        self._keys.clear()

    def has_own(self, account: str, provider: str, has: bool) -> None:
        """Note that the account has a key of its own for a provider, or has none any more. Known to all in a minute.

        Raises CallerError: there is no such account, or somebody else changes it at this moment.
        """
        row = self._get(account, "account")
        if row is None:
            raise not_found()
        before = tuple(row.get("own", ()))
        after = tuple(sorted({*before, provider} if has else {*before} - {provider}))
        if after == before:
            return
        change = rows.change(
            self._table,
            account,
            "account",
            put={"own": after or None},
            only_if="#own = :before" if before else "attribute_exists(#pk) AND attribute_not_exists(#own)",
            given={"before": before} if before else None,
        )
        try:
            call(self._db.update_item, **change)
        except Refused as refused:
            if tuple((self._get(account, "account") or {}).get("own", ())) != after:
                raise CallerError("state_conflict", "Somebody else has just changed these settings.") from refused
        self._keys.clear()

    def _read(self, kid: str) -> KeyRow | None:
        row = self._get(f"key#{kid}", "key")
        account = self.account(row["account"]) if row else None
        if row is None or account is None:
            return None
        limits = account.rpm, account.burst, account.available
        caps = {name: cap for name, cap in (("account", account.cap), (kid, _cap(row))) if cap is not None}
        who = Principal(
            account.id, kid, row["mode"], frozenset(row["scopes"]), *limits, account.status, account.models,
            account.own, row.get("prefer"), caps,
        )  # fmt: skip
        active = row["status"] == "active" and account.status != "suspended"
        return KeyRow(who, row["digest"], active, row.get("expires_at"))

    def _get(self, pk: str, sk: str) -> dict[str, Any] | None:
        if not pk or len(pk) > 500:
            return None
        found = call(self._db.get_item, TableName=self._table, Key=rows.key(pk, sk), ConsistentRead=True)
        return rows.unpack(found["Item"]) if found.get("Item") else None


def _cap(row: dict[str, Any]) -> Cap | None:
    """The month's budget in an account's or a key's row."""
    credits, micro_usd = row.get("cap_credits"), row.get("cap_micro_usd")
    return None if credits is None and micro_usd is None else Cap(credits, micro_usd)
