"""The books checked: an account's numbers recomputed from its grants and jobs, each job against itself. Pure."""

import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from packshot.aws import rows
from packshot.aws.jobs import brief_of, job_of
from packshot.errors import PackshotError
from packshot.job import Credits, Job, State
from packshot.principal import STATUSES

UNREADABLE = (PackshotError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError, zlib.error)
"""Whatever is wrong with a body: that it cannot be read is the finding."""


@dataclass(frozen=True, slots=True)
class Drift:
    """A field that says something else than it must. `row` is the row's sort key."""

    row: str
    field: str
    expected: str
    found: str


@dataclass(frozen=True, slots=True)
class Sums:
    """What an account's jobs come to, and which of them are open."""

    reserved: Credits
    spent: Credits
    jobs: int
    open: tuple[Job, ...]


def audit(
    account: Mapping[str, Any],
    registered: bool,
    grants: Iterable[Mapping[str, Any]],
    jobs: Iterable[rows.Item],
    briefs: Iterator[rows.Item],
) -> tuple[tuple[Drift, ...], Sums]:
    """`balance + reserved + spent = granted` in each pool, and every row that goes into it is sound.

    `jobs` and `briefs` come in the order of their sort keys.
    """
    drifts: list[Drift] = []
    granted, reserved, spent, number, still = Credits(), Credits(), Credits(), 0, []
    for grant in grants:
        granted += Credits(**{grant["pool"]: grant["amount"]})
    for item, brief in _side_by_side(jobs, briefs):
        number += 1
        try:
            job = job_of(item)
        except UNREADABLE as error:
            drifts.append(Drift(item["sk"]["S"], "body", "a job", type(error).__name__))
            continue
        drifts += _of_job(item, job, brief)
        if job.state.terminal:
            spent += job.charged or Credits()
        else:
            reserved += job.reserved
            still.append(job)
    left = granted - reserved - spent
    expected = {
        "granted_monthly": granted.monthly,
        "granted_topup": granted.topup,
        "monthly": left.monthly,
        "topup": left.topup,
    }
    drifts += _differ("account", expected, account)
    for name in ("monthly", "topup"):
        if account.get(name, 0) < 0:
            drifts.append(Drift("account", name, "not negative", str(account[name])))
    if account.get("status") not in STATUSES:
        drifts.append(Drift("account", "status", f"one of {', '.join(STATUSES)}", str(account.get("status"))))
    if not registered:
        drifts.append(Drift("account", "accounts", "an entry in the register", "none"))
    return tuple(drifts), Sums(reserved, spent, number, tuple(still))


def _side_by_side(
    jobs: Iterable[rows.Item], briefs: Iterator[rows.Item]
) -> Iterator[tuple[rows.Item, rows.Item | None]]:
    brief = next(briefs, None)
    for item in jobs:
        wanted = "brief#" + item["sk"]["S"][4:]
        while brief is not None and brief["sk"]["S"] < wanted:
            brief = next(briefs, None)
        yield item, brief if brief is not None and brief["sk"]["S"] == wanted else None


def _of_job(item: rows.Item, job: Job, brief: rows.Item | None) -> Iterator[Drift]:
    row = rows.unpack(item)
    where = row["sk"]
    expected: dict[str, object] = {
        "pk": job.account,
        "sk": f"job#{job.id}",
        "state": job.state.value,
        "ver": job.version,
        "lane": job.lane,
        "due": job.due,
        "ext": job.external_id or None,
    }
    yield from _differ(where, expected, row)
    if job.reserved.total != job.price * job.count or min(job.reserved.monthly, job.reserved.topup) < 0:
        yield Drift(where, "reserved", str(job.price * job.count), str(job.reserved))
    due = _owed(job)
    if (job.charged is None) != (due is None) or (job.charged and not _within(job, due)):
        yield Drift(where, "charged", str(due), str(job.charged.total if job.charged else None))
    try:
        if brief is None or brief_of(brief).count != job.count or brief_of(brief).model != job.model:
            yield Drift(where, "brief", "the job's brief", "none" if brief is None else "another one")
    except UNREADABLE as error:
        yield Drift(where, "brief", "a brief", type(error).__name__)


def _owed(job: Job) -> int | None:
    """What a finished job must have been charged; None while it is open."""
    if not job.state.terminal:
        return None
    made = 0 if job.state is State.CANCELED else min(sum(not one.reused for one in job.outputs), job.count)
    return min(job.price * made, job.reserved.total)


def _within(job: Job, due: int | None) -> bool:
    charged, back = job.charged or Credits(), job.refunded
    return charged.total == due and min(charged.monthly, charged.topup, back.monthly, back.topup) >= 0


def _differ(where: str, expected: Mapping[str, object], row: Mapping[str, Any]) -> Iterator[Drift]:
    for name, value in expected.items():
        if row.get(name) != value:
            yield Drift(where, name, str(value), str(row.get(name)))
