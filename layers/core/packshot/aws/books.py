"""What an operator writes: accounts, grants, keys. Every write is safe to repeat under the same id."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from packshot.aws import budgets, rows
from packshot.aws.accounts import Account, now_ms
from packshot.aws.audit import Drift, Read, Sums, audit
from packshot.aws.calls import Refused, call, every
from packshot.aws.clients import client
from packshot.aws.renewals import LANE
from packshot.errors import CallerError, not_found
from packshot.job import Credits
from packshot.keys import Key
from packshot.ledger import insufficient

POOLS = ("monthly", "topup")

PASSES = 3
"""How often an account is read before a drift is believed."""


@dataclass(frozen=True, slots=True)
class KeyInfo:
    """A key as its owner may see it: never its secret, never its digest."""

    id: str
    mode: str
    name: str
    scopes: tuple[str, ...]
    status: str
    created: int
    expires_at: int | None = None


class Books:
    """The operator's side of account, grant and key rows."""

    def __init__(self, table_name: str, now: Callable[[], int] = now_ms) -> None:
        self._table = table_name
        self._db = client("dynamodb")
        self._now = now

    def create(self, account: Account) -> None:
        """Open an account with its first credits (`account.granted`).

        Raises CallerError `state_conflict` when the id is another account's.
        """
        row: dict[str, object] = {
            "pk": account.id,
            "sk": "account",
            "name": account.name,
            "status": account.status,
            "created": account.created,
            "monthly": account.granted.monthly,
            "topup": account.granted.topup,
            "granted_monthly": account.granted.monthly,
            "granted_topup": account.granted.topup,
            "rpm": account.rpm,
            "burst": account.burst,
            "secret": account.secret,
            "plan": account.plan,
            "allowance": account.allowance or None,
            "renews": account.renews,
            "email": account.email,
        }
        register = {"pk": "accounts", "sk": account.id}
        items = [rows.insert(self._table, row), rows.insert(self._table, register, only_if="")]
        if account.renews is not None:
            items.append(rows.insert(self._table, _renewal(account.id, account.renews), only_if=""))
        for pool in POOLS:
            if amount := getattr(account.granted, pool):
                opening = {"pool": pool, "amount": amount, "at": account.created, "actor": "admin", "reason": "opening"}
                items.append(rows.insert(self._table, {"pk": account.id, "sk": f"grant#opening-{pool}", **opening}))
        try:
            call(self._db.transact_write_items, TransactItems=[{"Put": item} for item in items])
        except Refused as refused:
            stored = self._get(account.id, "account")
            if not stored or (stored["created"], stored.get("secret")) != (account.created, account.secret):
                raise CallerError("state_conflict", f"There is an account {account.id} already.") from refused

    def change(self, account: str, put: Mapping[str, object], *, renews: int | None = None) -> None:
        """Set fields of an account's row; with `renews` (ms), when its monthly pool starts again. Raises CallerError
        `not_found`."""
        fields = {**put, "renews": renews} if renews is not None else dict(put)
        items: list[rows.Item] = [{"Update": rows.change(self._table, account, "account", put=fields)}]
        if renews is not None:
            items.append({"Put": rows.insert(self._table, _renewal(account, renews), only_if="")})
        try:
            call(self._db.transact_write_items, TransactItems=items)
        except Refused:
            raise not_found() from None

    def grant(
        self, account: str, pool: str, amount: int, external_id: str, *, at: int, actor: str, reason: str = ""
    ) -> bool:
        """Give credits, once per external id. False when that grant was made before.

        A negative amount takes back what is not spent. Raises CallerError when the id was used for another amount or
        pool, when the account is missing, or when there is not enough to take back.
        """
        if pool not in POOLS:
            raise CallerError("invalid_field", "A pool is monthly or topup.", field="pool")
        if amount == 0:
            raise CallerError("invalid_field", "A grant of nothing changes nothing.", field="amount")
        update = rows.change(
            self._table,
            account,
            "account",
            add={pool: amount, f"granted_{pool}": amount},
            only_if=f"attribute_exists(#pk) AND #{pool} >= :least",
            given={"least": max(0, -amount)},
        )
        entry = rows.insert(
            self._table,
            {
                "pk": account,
                "sk": f"grant#{external_id}",
                "pool": pool,
                "amount": amount,
                "at": at,
                "actor": actor,
                "reason": reason,
            },
        )
        try:
            call(self._db.transact_write_items, TransactItems=[{"Put": entry}, {"Update": update}])
        except Refused as refused:
            if refused.reasons[0].failed:
                return self._repeated(account, external_id, pool, amount, at)
            stored = self._get(account, "account")
            if stored is None:
                raise not_found() from refused
            raise insufficient(-amount, Credits(stored["monthly"], stored["topup"])) from refused
        return True

    def create_key(
        self, account: str, key: Key, scopes: tuple[str, ...], *, at: int, name: str = "", expires_at: int | None = None
    ) -> None:
        """Store a key's digest, and a pointer to it with the account. Raises CallerError when there is no account."""
        row: dict[str, object] = {
            "pk": f"key#{key.id}",
            "sk": "key",
            "account": account,
            "digest": key.digest,
            "mode": key.mode,
            "scopes": scopes,
            "status": "active",
            "created": at,
            "expires_at": expires_at,
            "name": name,
        }
        items = [
            {"ConditionCheck": rows.check(self._table, account, "account", only_if="attribute_exists(#pk)")},
            {"Put": rows.insert(self._table, row)},
            {"Put": rows.insert(self._table, {"pk": account, "sk": f"key#{key.id}"}, only_if="")},
        ]
        try:
            call(self._db.transact_write_items, TransactItems=items)
        except Refused as refused:
            if refused.reasons[0].failed:
                raise not_found() from refused
            stored = self._get(f"key#{key.id}", "key")
            if not stored or not key.matches(stored["digest"]):
                raise CallerError("state_conflict", "There is a key of that id already.") from refused

    def revoke_key(self, kid: str) -> None:
        """End a key; caches let go of it within a minute. Raises CallerError when there is none."""
        self.change_key(kid, {"status": "revoked"})

    def change_key(self, kid: str, put: Mapping[str, object]) -> None:
        """Set fields of a key's row; caches follow within a minute. Raises CallerError when there is none."""
        try:
            call(self._db.update_item, **rows.change(self._table, f"key#{kid}", "key", put=put))
        except Refused as refused:
            raise not_found() from refused

    def spent(self, account: str, name: str, at: int) -> tuple[int, int]:
        """(credits, micro US dollars) counted against a budget in the month of `at` (ms); `name` is `account` or a
        key's id."""
        row = self._get(account, budgets.sort_key(name, at)) or {}
        return row.get("credits", 0), row.get("micro", 0)

    def keys(self, account: str) -> list[KeyInfo]:
        """The account's keys, revoked ones too."""
        found = []
        for pointer in self._rows(account, "key#"):
            row = self._get(pointer["sk"], "key")
            if row:
                found.append(
                    KeyInfo(
                        row["pk"][4:],
                        row["mode"],
                        row.get("name", ""),
                        tuple(row["scopes"]),
                        row["status"],
                        row["created"],
                        row.get("expires_at"),
                    )
                )
        return found

    def accounts(self) -> list[str]:
        """Every account's id, in order."""
        return list(self.after(""))

    def after(self, account: str) -> Iterator[str]:
        """The ids that come after an account's, in order; read page by page."""
        only = "#pk = :pk AND #sk > :after" if account else "#pk = :pk"
        asked = rows.query(self._table, only, {"pk": "accounts", "after": account or None}, ConsistentRead=True)
        return (rows.unpack(item)["sk"] for item in every(self._db.query, asked))

    def verify(self, account: str) -> tuple[Drift, ...]:
        """Recompute the account from its rows and report all that disagrees.

        The table has no snapshot of a whole partition and jobs move while it is read: only what three passes report
        alike is a drift. The first pass that finds nothing ends it.
        """
        found: tuple[Drift, ...] = ()
        alike: set[object] = set()
        for number in range(PASSES):
            found = self._audit(account)[0]
            if number:
                found = tuple(drift for drift in found if drift.alike in alike)
            alike = {drift.alike for drift in found}
            if not found:
                break
        return found

    def sums(self, account: str) -> Sums:
        """What the account's jobs hold and have cost. Raises CallerError when there is no account."""
        return self._audit(account)[1]

    def _audit(self, account: str) -> tuple[tuple[Drift, ...], Sums]:
        row = self._get(account, "account")
        if row is None:
            raise not_found()
        known = self._get("accounts", account) is not None
        kinds = ("grant", "job", "brief", "leak", "budget", "spent")
        grants, jobs, briefs, leaks, caps, closed = (self._items(account, f"{kind}#") for kind in kinds)
        read = Read(row, known, grants, jobs, briefs, leaks, caps, self._get(account, LANE), closed)
        return audit(read, self._now())

    def _repeated(self, account: str, external_id: str, pool: str, amount: int, at: int) -> bool:
        stored = self._get(account, f"grant#{external_id}")
        if stored is None or (stored["pool"], stored["amount"]) != (pool, amount):
            raise CallerError(
                "state_conflict",
                f"The id {external_id} was used for another grant: "
                + (f"{stored['amount']} {stored['pool']}." if stored else "try again."),
            )
        return bool(stored["at"] == at)

    def _get(self, pk: str, sk: str) -> dict[str, Any] | None:
        found = call(self._db.get_item, TableName=self._table, Key=rows.key(pk, sk), ConsistentRead=True)
        return rows.unpack(found["Item"]) if found.get("Item") else None

    def _rows(self, pk: str, prefix: str) -> Iterator[dict[str, Any]]:
        return map(rows.unpack, self._items(pk, prefix))

    def _items(self, pk: str, prefix: str) -> Iterator[Mapping[str, Any]]:
        only = "#pk = :pk AND begins_with(#sk, :prefix)" if prefix else "#pk = :pk"
        asked = rows.query(self._table, only, {"pk": pk, "prefix": prefix or None}, ConsistentRead=True)
        return every(self._db.query, asked)


def _renewal(account: str, at: int) -> dict[str, object]:
    """The row that says when (`aws/renewals.py`)."""
    return {"pk": account, "sk": LANE, "lane": LANE, "due": at}
