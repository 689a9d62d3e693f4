"""Job rows: taken in one transaction with their brief and their credits, then moved by one conditional write each.

A job's row holds what it reserved and what it was charged, the account's row only balances: a finish that charges
everything touches the job alone, and a finish that gives back is a transaction of the two.
"""

import json
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from packshot import ids, ledger
from packshot.answers import JobPage, KeyUsage, Usage
from packshot.aws import budgets, cursors, intake, rows
from packshot.aws.calls import Reason, Refused, call, patience
from packshot.aws.clients import client
from packshot.brief import Brief
from packshot.errors import CallerError, PackshotError, Stale, Unavailable
from packshot.job import Cap, Credits, Job
from packshot.wire import dump
from packshot.wishes import ListJobs

RESPLITS = 4
"""How often a reserve is tried with another split of the pools."""

PAGES, PAGE = 5, 200
"""How much of the table one page of a filtered list may look at: requests, and rows in each."""


COUNTED = 10_000
"""The most jobs that one look at the usage counts."""


class JobTable:
    """Jobs and briefs in the table: `ports.Jobs`, the reserve, and the list."""

    def __init__(self, table_name: str) -> None:
        self._table = table_name
        self._db = client("dynamodb")
        self._hints: dict[str, Credits] = {}

    def get(self, account: str, job_id: str) -> Job | None:
        """The job as it stands now (consistent read)."""
        if not _sane(account, job_id):
            return None
        key = rows.key(account, f"job#{job_id}")
        found = call(self._db.get_item, TableName=self._table, Key=key, ConsistentRead=True)
        return job_of(found["Item"]) if found.get("Item") else None

    def both(self, account: str, job_id: str) -> tuple[Job, Brief] | None:
        """The job and its brief in one call."""
        if not _sane(account, job_id):
            return None
        keys = [rows.key(account, f"job#{job_id}"), rows.key(account, f"brief#{job_id}")]
        asked: dict[str, Any] = {self._table: {"Keys": keys, "ConsistentRead": True}}
        found, until = {}, patience()
        while asked:
            answer = call(self._db.batch_get_item, until=until, RequestItems=asked)
            found.update({item["sk"]["S"]: item for item in answer["Responses"].get(self._table, ())})
            asked = answer.get("UnprocessedKeys") or {}
            if asked and time.monotonic() > until:
                raise Unavailable("the table is busy")
        job, brief = found.get(f"job#{job_id}"), found.get(f"brief#{job_id}")
        return (job_of(job), brief_of(brief)) if job and brief else None

    def reserve(
        self,
        job: Job,
        brief: Brief,
        *,
        idempotency: tuple[str, str] | None = None,
        assets: tuple[str, ...] = (),
        hint: Credits | None = None,
        caps: Mapping[str, Cap] | None = None,
    ) -> Job | str:
        """Write job, brief and reserve in one transaction. Returns the job with its `reserved` pools, or the id of the
        job that was taken before under the same idempotency key.

        Raises CallerError (credits, unknown asset, key reused), or Unavailable when the table stays busy. A repeat of
        this very call, by us or by the SDK, finds its own row and returns it. `hint` is what the account had a while
        ago: it decides the first guess at the pools, nothing else. `caps` are the budgets that `job.budgets` names.
        """
        total, until = job.price * job.count, patience()
        pools = self._guess(job.account, total, hint)
        for _ in range(RESPLITS):
            parts = intake.parts(self._table, replace(job, reserved=pools), brief, idempotency, assets, caps or {})
            try:
                call(self._db.transact_write_items, until=until, TransactItems=list(parts.values()))
            except Refused as refused:
                failed = {name: why for name, why in zip(parts, refused.reasons, strict=True) if why.failed}
                known = self._known(job, brief, idempotency, failed)
                if known is not None:
                    return known
                intake.asset_missing(brief, failed)
                intake.over_budget(job, failed)
                if "account" in failed:
                    pools = self._resplit(job.account, total, failed["account"])
                continue
            if job.account in self._hints:
                self._hints[job.account] -= pools
            return replace(job, reserved=pools)
        raise Unavailable("the balance changes faster than it can be read")

    def save(self, before: Job, after: Job) -> None:
        """Write `after` if the row is still at `before.version`; a finish that gives credits back is one transaction
        with the account. Raises Stale, unless the row already is `after`: then our own answer was lost."""
        if before.state.terminal:
            raise Stale(before.id)
        fields: dict[str, object] = {
            "v": rows.VERSION,
            "ver": after.version,
            "state": after.state.value,
            "body": rows.fold(after.dump()),
        }
        if not after.state.terminal and (after.lane, after.due) != (before.lane, before.due):
            fields |= {"lane": after.lane, "due": after.due}
        update = rows.change(
            self._table,
            before.account,
            f"job#{before.id}",
            put=fields,
            drop=("lane", "due") if after.state.terminal else (),
            only_if="#ver = :ver",
            given={"ver": before.version},
        )
        back = after.refunded if after.state.terminal else Credits()
        others = [intake.give_back(self._table, before.account, back)] if back != Credits() else []
        if after.state.terminal:
            settled = (budgets.settle(self._table, after, name) for name in after.budgets)
            others += [item for item in settled if item is not None]
        try:
            if others:
                items = [{"Update": item} for item in (update, *others)]
                call(self._db.transact_write_items, TransactItems=items)
            else:
                call(self._db.update_item, **update)
        except Refused as refused:
            self._refused(refused, after)
        if back != Credits():
            self._hints.pop(before.account, None)

    def leak(self, job: Job, call: int, attempt: int, provider: str, micro_usd: int) -> None:
        """Record money spent upstream for nothing; a second record of the same attempt changes nothing."""
        row = {
            "pk": job.account,
            "sk": f"leak#{job.id}#{call}#{attempt}",
            "provider": provider,
            "micro_usd": micro_usd,
            "at": time.time_ns() // 1_000_000,
        }
        self._put_once(row)

    def due(self, lane: str, until: int, limit: int) -> list[tuple[str, str, int]]:
        """(account, job id, due) of the lane's open jobs due at or before `until`, earliest first."""
        asked = rows.query(
            self._table,
            "#lane = :lane AND #due <= :until",
            {"lane": lane, "until": until},
            IndexName="due",
            Limit=limit,
        )
        found = [rows.unpack(item) for item in call(self._db.query, **asked)["Items"]]
        return [(row["pk"], row["sk"][4:], row["due"]) for row in found if row["sk"].startswith("job#")]

    def list_jobs(self, account: str, wish: ListJobs) -> JobPage:
        """A page, newest first, and the cursor of the next: jobs with `after` <= created < `before`, ms. Where filters
        match little, a page may come short or empty with a cursor: go on with it. With an `offset` there is no cursor
        but a total, up to a thousand. Raises CallerError for a bad cursor."""
        last = cursors.read(account, "jobs", wish.cursor) if wish.cursor else None
        low = _floor(wish.after) if wish.after is not None else ""
        high = min(last or "~", _floor(wish.before) if wish.before is not None else "~")
        if low > high:
            return JobPage((), None, None if wish.offset is None else 0)
        filters = {name: value for name, value in (("state", wish.state), ("ext", wish.external_id)) if value}
        few = not filters and wish.key is None and wish.offset is None
        more: dict[str, Any] = {"ScanIndexForward": False, "Limit": min(wish.limit + 2, PAGE) if few else PAGE}
        if filters:
            more["FilterExpression"] = " AND ".join(f"#{name} = :{name}" for name in filters)
        given = {"pk": account, "low": f"job#{low}", "high": f"job#{high}", **filters}
        asked = rows.query(self._table, "#pk = :pk AND #sk BETWEEN :low AND :high", given, **more)
        wanted = wish.limit if wish.offset is None else PAGES * PAGE
        jobs: list[Job] = []
        for _ in range(PAGES):
            answer = call(self._db.query, **asked)
            for job in map(job_of, answer["Items"]):
                if job.id == high or wish.key not in (None, job.key):  # a BETWEEN's bounds count in; ours do not
                    continue
                if len(jobs) == wanted:
                    return _page(jobs, wish, cursors.make(account, "jobs", jobs[-1].id))
                jobs.append(job)
            if "LastEvaluatedKey" not in answer:
                return _page(jobs, wish, None)
            asked["ExclusiveStartKey"] = answer["LastEvaluatedKey"]
        return _page(jobs, wish, cursors.make(account, "jobs", asked["ExclusiveStartKey"]["sk"]["S"][4:]))

    def usage(self, account: str, since: int, until: int) -> Usage:
        """What each key used between two times, ms, oldest first; up to `COUNTED` jobs."""
        given = {"pk": account, "low": f"job#{_floor(since)}", "high": f"job#{_floor(until)}"}
        asked = rows.query(self._table, "#pk = :pk AND #sk BETWEEN :low AND :high", given, Limit=PAGE)
        counted: list[Job] = []
        while True:
            answer = call(self._db.query, **asked)
            counted += map(job_of, answer["Items"])
            over = "LastEvaluatedKey" not in answer
            if over or len(counted) >= COUNTED:
                return _usage(counted, since, until if over else counted[-1].created, over)
            asked["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    def _put_once(self, row: Mapping[str, object]) -> None:
        try:
            call(self._db.put_item, **rows.insert(self._table, row))
        except Refused:
            return

    def _known(
        self, job: Job, brief: Brief, idempotency: tuple[str, str] | None, failed: Mapping[str, Reason]
    ) -> Job | str | None:
        """The job that stands where we wanted to write: our own from a lost answer, or an earlier one's id."""
        if "idem" in failed and idempotency:
            row = self._row(job.account, intake.idem(idempotency[0]), failed["idem"])
            if row is not None and row["job"] != job.id:
                if row["fingerprint"] != idempotency[1]:
                    raise CallerError("idempotency_key_reused", "This idempotency key came with another request.")
                return str(row["job"])
        if "job" not in failed and "idem" not in failed:
            return None
        both = self.both(job.account, job.id)
        if both is None:
            return None
        known, stored = both
        if dump(stored.dump()) != dump(brief.dump()):
            raise CallerError("state_conflict", "Another request was taken under this job's id.")
        return known if (known.created, known.request_id) == (job.created, job.request_id) else known.id

    def _row(self, account: str, sk: str, why: Reason) -> dict[str, Any] | None:
        """The row that a condition failed on, as the answer shows it, else as it stands now."""
        item = why.item
        if not item:
            found = call(self._db.get_item, TableName=self._table, Key=rows.key(account, sk), ConsistentRead=True)
            item = found.get("Item")
        return rows.unpack(item) if item else None

    def _guess(self, account: str, total: int, hint: Credits | None) -> Credits:
        hint = self._hints.get(account, hint)
        return ledger.split(total, hint) if hint and hint.total >= total else Credits(total, 0)

    def _resplit(self, account: str, total: int, why: Reason) -> Credits:
        row = self._row(account, "account", why)
        if row is None or row.get("status") not in ("active", "trialing"):
            raise CallerError("account_inactive", "This account may not take new jobs.")
        self._hints[account] = Credits(row["monthly"], row["topup"])
        return ledger.split(total, self._hints[account])

    def _refused(self, refused: Refused, after: Job) -> None:
        why = refused.reasons[0]
        if not why.failed:
            raise PackshotError(f"account {after.account} has jobs but no row") from refused
        stored = job_of(why.item) if why.item else self.get(after.account, after.id)
        if stored is None or dump(stored.dump()) != dump(after.dump()):
            raise Stale(after.id) from refused


def job_of(item: Mapping[str, Any]) -> Job:
    """The job in a row, as the API or a stream's record gives it."""
    return Job.load(json.loads(rows.unfold(rows.unpack(item)["body"])))


def brief_of(item: Mapping[str, Any]) -> Brief:
    """The brief in a row."""
    return Brief.load(json.loads(rows.unfold(rows.unpack(item)["body"])))


def _page(jobs: list[Job], wish: ListJobs, cursor: str | None) -> JobPage:
    if wish.offset is None:
        return JobPage(tuple(jobs), cursor)
    return JobPage(tuple(jobs[wish.offset : wish.offset + wish.limit]), None, len(jobs))


def _usage(jobs: list[Job], since: int, until: int, over: bool) -> Usage:
    """Sums of the jobs before `until`: of its own millisecond, a count that stops there may not have seen all."""
    sums: dict[tuple[str, str], tuple[int, ...]] = {}
    for job in jobs:
        if over or job.created < until:
            each = (1, len(job.outputs), job.charged.total if job.charged else 0, job.refunded.total)
            so_far = sums.get((job.key, job.model), (0, 0, 0, 0))
            sums[job.key, job.model] = tuple(map(sum, zip(so_far, each, strict=True)))
    return Usage(since, until, tuple(KeyUsage(*name, *sums[name]) for name in sorted(sums)), over)


def _sane(account: str, job_id: str) -> bool:
    """A key that the table would take; whatever else a stranger sends as an id is simply not there."""
    return bool(account) and len(account) < 500 and len(job_id) < 200


def _floor(at: int) -> str:
    return ids.floor("job", min(max(at, 0), 2**48 - 1))
