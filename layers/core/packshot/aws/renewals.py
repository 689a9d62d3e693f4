"""The monthly pool starts again: an account whose time has come gets its allowance, and loses what it did not use.
An account whose subscription is not active gets nothing, and loses the same.

One transaction per account and month: the grant's own name holds the time it was due, so it cannot be written twice.
What comes back from a job that was reserved before goes to the pool it came from, on top of the allowance.
"""

from datetime import UTC, datetime

from packshot import observe
from packshot.aws import rows
from packshot.aws.accounts import Account
from packshot.aws.calls import Refused, call
from packshot.aws.clients import client
from packshot.errors import Unavailable
from packshot.ledger import month_later
from packshot.principal import SPENDING

LANE = "renewal"
TRIES = 5


class Renewals:
    """Renewal rows: pk the account, sk `renewal`, in the index of what is due."""

    def __init__(self, table_name: str) -> None:
        self._table = table_name
        self._db = client("dynamodb")

    def run(self, now: int, limit: int = 100) -> int:
        """Renew what is due, the earliest first; how many there were. One account's trouble is not another's."""
        asked = rows.query(
            self._table, "#lane = :lane AND #due <= :now", {"lane": LANE, "now": now}, IndexName="due", Limit=limit
        )
        found = [rows.unpack(item)["pk"] for item in call(self._db.query, **asked)["Items"]]
        for account in found:
            try:
                self.renew(account, now)
            except Exception as error:  # noqa: BLE001  # it stays due, and the next sweep tries again
                observe.log("renewal failed", "ERROR", account=account, error=type(error).__name__)
        return len(found)

    def renew(self, account: str, now: int) -> None:
        """Bring one account up to date. Several missed months are one renewal: allowances do not add up.

        Raises Unavailable when the account changes faster than it can be read; then it stays due.
        """
        for _ in range(TRIES):
            found = call(
                self._db.get_item, TableName=self._table, Key=rows.key(account, "account"), ConsistentRead=True
            )
            known = Account.of(rows.unpack(found["Item"])) if found.get("Item") else None
            due = known.renews if known else None
            if known is None or due is None:
                self._forget(account)
                return
            if due > now:
                self._write([{"Put": rows.insert(self._table, _row(account, due), only_if="")}])
                return
            if self._renewed(known, due, now):
                return
        raise Unavailable("the account changes faster than it can be read")

    def _renewed(self, account: Account, due: int, now: int) -> bool:
        """False when it was spent from, changed or renewed meanwhile."""
        given = account.allowance if account.status in SPENDING else 0
        more, following = given - account.available.monthly, month_later(due)
        while following <= now:
            following = month_later(following)
        on = datetime.fromtimestamp(due // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        entry = {
            "pk": account.id, "sk": f"grant#renewal-{on}", "pool": "monthly", "amount": more, "at": due,
            "actor": "renewal", "reason": f"allowance of {given}, {account.available.monthly} unused",
        }  # fmt: skip
        same = "#allowance = :allowance" if account.allowance else "attribute_not_exists(#allowance)"
        update = rows.change(
            self._table,
            account.id,
            "account",
            put={"renews": following},
            add={"monthly": more, "granted_monthly": more},
            only_if=f"#monthly = :before AND #renews = :due AND #status = :status AND {same}",
            given={
                "before": account.available.monthly,
                "due": due,
                "status": account.status,
                "allowance": account.allowance or None,
            },
        )
        row = rows.insert(self._table, _row(account.id, following), only_if="")
        done = self._write([{"Put": rows.insert(self._table, entry)}, {"Update": update}, {"Put": row}])
        if done:
            observe.log("renewed", account=account.id, allowance=given, unused=account.available.monthly)
        return done

    def _forget(self, account: str) -> None:
        """The account renews no more, unless somebody has just said otherwise."""
        never = "attribute_not_exists(#renews)"
        gone = {"TableName": self._table, "Key": rows.key(account, LANE)}
        self._write([{"ConditionCheck": rows.check(self._table, account, "account", only_if=never)}, {"Delete": gone}])

    def _write(self, items: list[rows.Item]) -> bool:
        try:
            call(self._db.transact_write_items, TransactItems=items)
        except Refused:
            return False
        return True


def _row(account: str, due: int) -> dict[str, object]:
    return {"pk": account, "sk": LANE, "lane": LANE, "due": due}
