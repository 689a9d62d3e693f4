"""All that is an account's: read whole, to be carried elsewhere, and forgotten for good. For operators."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from packshot.aws import budgets, rows
from packshot.aws.accounts import now_ms
from packshot.aws.audit import Drift, Read, audit
from packshot.aws.calls import Refused, call, every
from packshot.aws.clients import client
from packshot.aws.jobs import job_of
from packshot.aws.renewals import LANE
from packshot.errors import CallerError, PackshotError, not_found
from packshot.job import Credits, Job

PASSING = ("idem#", "twin#")
"""Rows that name a job for a day: they go where their job goes."""

KEPT_KINDS = ("grant#", "leak#", "spent#")
"""What is kept of an account that is deleted, besides its own row: entries of money."""

KEPT_OF_ACCOUNT = ("v", "pk", "sk", "created", "monthly", "topup", "granted_monthly", "granted_topup", "rpm", "burst")
KEPT_OF_GRANT = ("v", "pk", "sk", "pool", "amount", "at")

BATCH = 40
"""Jobs in a transaction: it may have a hundred items, each job is two, and each of their months one."""

Row = Mapping[str, Any]


def read(table: str, account: str, now: Callable[[], int] = now_ms) -> tuple[list[Row], list[Job]]:
    """Every row that makes the account what it is, as the table gives it, and the jobs that are open.

    A job that is open is left out, and what it reserved is back in the balance: elsewhere nobody would finish it. A
    delivery that is still to be sent is left out, too. Raises PackshotError when the rows do not make sound books.
    """
    found = [dict(item) for item in _partition(table, account)]
    mine = next((item for item in found if item["sk"]["S"] == "account"), None)
    if mine is None or "deleted" in mine:
        raise not_found()
    still = [job for item in found if item["sk"]["S"].startswith("job#") and not (job := job_of(item)).state.terminal]
    kept = _without(found, still)
    for item in list(kept):
        if item["sk"]["S"].startswith("key#"):
            key = call(client("dynamodb").get_item, TableName=table, Key=rows.key(item["sk"]["S"], "key"))
            kept += [key["Item"]] if key.get("Item") else []
    if drifts := check(account, kept, now()):
        raise PackshotError(
            f"{account} changes while it is read, or its books are wrong: {drifts[0].row} {drifts[0].field}"
        )
    return kept, still


def check(account: str, found: Sequence[Row], now: int) -> tuple[Drift, ...]:
    """What disagrees in an account's rows, wherever they come from."""

    def kind(prefix: str) -> list[Row]:
        return sorted(
            (item for item in found if item["pk"]["S"] == account and item["sk"]["S"].startswith(prefix)),
            key=lambda item: str(item["sk"]["S"]),
        )

    (mine,) = kind("account")
    renewal = kind(LANE)
    grants, jobs, briefs, leaks, caps = map(kind, ("grant#", "job#", "brief#", "leak#", "budget#"))
    due = rows.unpack(renewal[0]) if renewal else None
    return audit(Read(rows.unpack(mine), True, grants, jobs, briefs, leaks, caps, renewal=due), now)[0]


def write(table: str, account: str, found: Sequence[Row]) -> None:
    """Put an account's rows where there is none of that name; its own row last, so that nothing works before all does.

    The same rows a second time end what a first try began. Each carries `restored`, which keeps the stream from telling
    the world what it was told long ago. Raises CallerError when the account is there already.
    """
    db = client("dynamodb")
    if call(db.get_item, TableName=table, Key=rows.key(account, "account"), ConsistentRead=True).get("Item"):
        raise CallerError("state_conflict", f"There is an account {account} already.")
    own = None
    for item in found:
        marked = {**item, "restored": {"BOOL": True}}
        if (item["pk"]["S"], item["sk"]["S"]) == (account, "account"):
            own = dict(item)
        elif item["pk"]["S"] == account:
            call(db.put_item, TableName=table, Item=marked)
        else:
            _put_key(table, account, item)
    if own is None:
        raise PackshotError("there is no account in this file")
    puts = [
        {"Put": {"TableName": table, "Item": own, "ConditionExpression": "attribute_not_exists(pk)"}},
        {"Put": rows.insert(table, {"pk": "accounts", "sk": account}, only_if="")},
    ]
    try:
        call(db.transact_write_items, TransactItems=puts)
    except Refused as refused:
        raise CallerError("state_conflict", f"There is an account {account} already.") from refused


def closing(table: str, account: str) -> int | None:
    """When the account's end began, ms; None when it was suspended before anybody wanted to delete it."""
    found = call(client("dynamodb").get_item, TableName=table, Key=rows.key(account, "account"), ConsistentRead=True)
    at: int | None = rows.unpack(found["Item"]).get("closing") if found.get("Item") else None
    return at


def open_jobs(table: str, account: str) -> list[str]:
    """The ids of the jobs that are not at their end."""
    jobs = map(job_of, _partition(table, account, "job#"))
    return [job.id for job in jobs if not job.state.terminal]


def forget(table: str, account: str, expires: int, now: int, elsewhere: Iterable[str] = ()) -> int:
    """Delete all of the account but entries of money, which expire at `expires` (s). How many jobs went.

    What its jobs cost is added up by month (`spent#2026-11`) in the transactions that delete them, so a second try goes
    on where the first one stopped. `elsewhere` are partitions besides its own. Nobody may use the account any more.
    """
    db, number, jobs = client("dynamodb"), 0, list[Job]()
    for pointer in _partition(table, account, "key#"):
        call(db.delete_item, TableName=table, Key=rows.key(pointer["sk"]["S"], "key"))
    for item in _partition(table, account, "job#"):
        jobs.append(job_of(item))
        if len(jobs) == BATCH:
            number += _close(table, account, jobs, expires)
            jobs = []
    number += _close(table, account, jobs, expires)
    for item in _partition(table, account):
        sk = item["sk"]["S"]
        if sk == "account":
            continue
        if sk.startswith("grant#"):
            call(db.put_item, TableName=table, Item=_stripped(item, KEPT_OF_GRANT, expires))
        elif sk.startswith("leak#"):
            call(db.put_item, TableName=table, Item={**item, "expires": {"N": str(expires)}})
        elif not sk.startswith(KEPT_KINDS):
            call(db.delete_item, TableName=table, Key=rows.key(account, sk))
    for pk in elsewhere:
        for item in _partition(table, pk):
            call(db.delete_item, TableName=table, Key=rows.key(pk, item["sk"]["S"]))
    call(db.delete_item, TableName=table, Key=rows.key("accounts", account))
    found = call(db.get_item, TableName=table, Key=rows.key(account, "account"), ConsistentRead=True).get("Item")
    if found and "deleted" not in found:
        left = _stripped(found, KEPT_OF_ACCOUNT, expires) | rows.pack({"status": "suspended", "deleted": now})
        call(db.put_item, TableName=table, Item=left)
    return number


def _without(found: Sequence[dict[str, Any]], still: Sequence[Job]) -> list[Row]:
    """The rows as they would be had these jobs never been taken."""
    gone = {job.id for job in still}
    back = sum((job.reserved for job in still), Credits())
    counted: dict[str, tuple[int, int]] = {}
    for job in still:
        for name in job.budgets:
            sk = budgets.sort_key(name, job.created)
            credits, micro_usd = counted.get(sk, (0, 0))
            counted[sk] = credits + job.price * job.count, micro_usd + job.estimate
    kept: list[Row] = []
    for item in found:
        sk = item["sk"]["S"]
        of_job = sk.startswith(("job#", "brief#", "leak#", "delivery#")) and sk.split("#")[1] in gone
        passing = sk.startswith(PASSING) and item["job"]["S"] in gone
        if of_job or passing or (sk.startswith("delivery#") and "due" in item):
            continue
        if sk == "account":
            kept.append(_plus(item, {"monthly": back.monthly, "topup": back.topup}))
        elif sk in counted:
            kept.append(_plus(item, {"credits": -counted[sk][0], "micro": -counted[sk][1]}))
        else:
            kept.append(item)
    return kept


def _plus(item: Row, more: Mapping[str, int]) -> Row:
    return {**item, **{name: {"N": str(int(item[name]["N"]) + by)} for name, by in more.items()}}


def _put_key(table: str, account: str, item: Row) -> None:
    """A key's row, unless the key is another account's."""
    mine = "attribute_not_exists(pk) OR account = :account"
    try:
        call(
            client("dynamodb").put_item,
            TableName=table,
            Item=item,
            ConditionExpression=mine,
            ExpressionAttributeValues={":account": {"S": account}},
        )
    except Refused as refused:
        raise CallerError("state_conflict", f"The key {item['pk']['S'][4:]} is another account's.") from refused


def _close(table: str, account: str, jobs: Sequence[Job], expires: int) -> int:
    """Some jobs become part of their months' sums. How many there were."""
    sums: dict[str, dict[str, int]] = {}
    items: list[Any] = []
    for job in jobs:
        month = sums.setdefault(budgets.month_of(job.created), dict.fromkeys(("jobs", "monthly", "topup", "micro"), 0))
        charged = job.charged or Credits()
        for name, by in (("jobs", 1), ("monthly", charged.monthly), ("topup", charged.topup), ("micro", job.spent)):
            month[name] += by
        ended = {"ver": job.version}
        items.append({"Delete": rows.check(table, account, f"job#{job.id}", only_if="#ver = :ver", given=ended)})
        items.append({"Delete": {"TableName": table, "Key": rows.key(account, f"brief#{job.id}")}})
    for name, more in sums.items():
        items.append({"Update": rows.count(table, account, f"spent#{name}", more, expires=expires)})
    try:
        if items:
            call(client("dynamodb").transact_write_items, TransactItems=items)
    except Refused as refused:
        raise CallerError("state_conflict", "Somebody else deletes this account at this moment.") from refused
    return len(jobs)


def _stripped(item: Row, names: Sequence[str], expires: int) -> dict[str, Any]:
    return {**{name: item[name] for name in names if name in item}, "expires": {"N": str(expires)}}


def _partition(table: str, account: str, prefix: str = "") -> Iterator[Row]:
    only = "#pk = :pk AND begins_with(#sk, :prefix)" if prefix else "#pk = :pk"
    asked = rows.query(table, only, {"pk": account, "prefix": prefix or None}, ConsistentRead=True)
    return every(client("dynamodb").query, asked)
