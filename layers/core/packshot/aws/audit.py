"""The books checked: an account's numbers recomputed from its grants and jobs, each job against itself. Pure."""

import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from packshot.aws import budgets, rows
from packshot.aws.jobs import brief_of, job_of
from packshot.errors import PackshotError
from packshot.job import Credits, Job, State
from packshot.principal import STATUSES

UNREADABLE = (PackshotError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError, zlib.error)
"""Whatever is wrong with a body: that it cannot be read is the finding."""


Row = Mapping[str, Any]
"""A row as the table gives it."""


@dataclass(frozen=True, slots=True)
class Drift:
    """A field that says something else than it must. `row` is the row's sort key."""

    row: str
    field: str
    expected: str
    found: str

    @property
    def apart(self) -> int | None:
        """How much too large a number is; None for what is no number."""
        try:
            return int(self.found) - int(self.expected)
        except ValueError:
            return None

    @property
    def alike(self) -> tuple[object, ...]:
        """What two looks at an account whose jobs move have in common: of numbers, how far they are apart."""
        apart = self.apart
        return self.row, self.field, apart if apart is not None else (self.expected, self.found)


@dataclass(frozen=True, slots=True)
class Read:
    """An account's rows as they were read; `jobs`, `briefs` and `leaks` in the order of their sort keys, packed."""

    account: Mapping[str, Any]
    registered: bool
    grants: Iterable[Row] = ()
    jobs: Iterable[Row] = ()
    briefs: Iterable[Row] = ()
    leaks: Iterable[Row] = ()
    budgets: Iterable[Row] = ()
    renewal: Mapping[str, Any] | None = None
    closed: Iterable[Row] = ()
    """What the jobs of a deleted account came to, by month."""


@dataclass(frozen=True, slots=True)
class Sums:
    """What an account's jobs come to, and which of them are open."""

    reserved: Credits
    spent: Credits
    jobs: int
    open: tuple[Job, ...]


def audit(read: Read, now: int) -> tuple[tuple[Drift, ...], Sums]:
    """`balance + reserved + spent = granted` in each pool, every budget is what its month's jobs took, and every row
    that goes into it is sound. `now` in ms: what has expired by then may be gone."""
    drifts: list[Drift] = []
    granted, reserved, spent, number, still = Credits(), Credits(), Credits(), 0, []
    for grant in map(rows.unpack, read.grants):
        if grant["pool"] in ("monthly", "topup"):
            granted += Credits(**{grant["pool"]: grant["amount"]})
        else:
            drifts.append(Drift(grant["sk"], "pool", "monthly or topup", str(grant["pool"])))
    for month in map(rows.unpack, read.closed):
        spent += Credits(month["monthly"], month["topup"])
    months, leaks = _Months(), _Leaks(() if "deleted" in read.account else read.leaks)
    for item, brief in _side_by_side(read.jobs, iter(read.briefs)):
        number += 1
        try:
            job = job_of(item)
        except UNREADABLE as error:
            drifts.append(Drift(item["sk"]["S"], "body", "a job", type(error).__name__))
            continue
        drifts += _of_job(item, job, brief)
        drifts += leaks.of(job)
        months.add(job)
        if job.state.terminal:
            spent += job.charged or Credits()
        else:
            reserved += job.reserved
            still.append(job)
    drifts += leaks.rest()
    drifts += months.against(map(rows.unpack, read.budgets), now)
    drifts += _of_account(read, granted, granted - reserved - spent)
    return tuple(drifts), Sums(reserved, spent, number, tuple(still))


def _of_account(read: Read, granted: Credits, left: Credits) -> Iterator[Drift]:
    account = read.account
    expected = {
        "granted_monthly": granted.monthly,
        "granted_topup": granted.topup,
        "monthly": left.monthly,
        "topup": left.topup,
    }
    yield from _differ("account", expected, account)
    for name in ("monthly", "topup"):
        if account.get(name, 0) < 0:
            yield Drift("account", name, "not negative", str(account[name]))
    if account.get("status") not in STATUSES:
        yield Drift("account", "status", f"one of {', '.join(STATUSES)}", str(account.get("status")))
    if not read.registered and "deleted" not in account:
        yield Drift("account", "accounts", "an entry in the register", "none")
    if account.get("renews") is not None:
        row = read.renewal or {}
        yield from _differ("renewal", {"due": account["renews"]}, row)


@dataclass(slots=True)
class _Months:
    """What the jobs of each month took of each budget that they name."""

    sums: dict[str, tuple[int, int]] = field(default_factory=dict)
    first: dict[str, int] = field(default_factory=dict)

    def add(self, job: Job) -> None:
        credits = job.price * job.count - job.refunded.total
        micro_usd = job.spent if job.state.terminal else job.estimate
        for name in job.budgets:
            sk = budgets.sort_key(name, job.created)
            so_far = self.sums.get(sk, (0, 0))
            self.sums[sk] = so_far[0] + credits, so_far[1] + micro_usd
            self.first[sk] = min(self.first.get(sk, job.created), job.created)

    def against(self, found: Iterable[Mapping[str, Any]], now: int) -> Iterator[Drift]:
        there = {row["sk"]: row for row in found}
        for sk in sorted({*there, *self.sums}):
            gone = sk not in there and self.first[sk] // 1000 + budgets.KEPT_S <= now // 1000
            if not gone:
                credits, micro_usd = self.sums.get(sk, (0, 0))
                yield from _differ(sk, {"credits": credits, "micro": micro_usd}, there.get(sk, {}))


class _Leaks:
    """Leak rows beside the jobs that they are about."""

    def __init__(self, found: Iterable[Row]) -> None:
        self._found = iter(found)
        self._next = next(self._found, None)

    def of(self, job: Job) -> Iterator[Drift]:
        """What is wrong with a job's leaks, and with those before it that belong to no job."""
        attempts = {
            f"leak#{job.id}#{place}#{one.number}": one for place, call in enumerate(job.calls) for one in call.attempts
        }
        while self._next is not None and self._next["sk"]["S"] < f"leak#{job.id}$":  # `$` comes right after `#`
            row = rows.unpack(self._next)
            attempt = attempts.get(row["sk"])
            if attempt is None:
                yield Drift(row["sk"], "attempt", "an attempt of a job", "none")
            else:
                yield from _differ(row["sk"], {"provider": attempt.provider, "micro_usd": attempt.micro_usd}, row)
            self._next = next(self._found, None)

    def rest(self) -> Iterator[Drift]:
        """Those that come after the last job."""
        while self._next is not None:
            yield Drift(self._next["sk"]["S"], "attempt", "an attempt of a job", "none")
            self._next = next(self._found, None)


def _side_by_side(jobs: Iterable[Row], briefs: Iterator[Row]) -> Iterator[tuple[Row, Row | None]]:
    brief = next(briefs, None)
    for item in jobs:
        wanted = "brief#" + item["sk"]["S"][4:]
        while brief is not None and brief["sk"]["S"] < wanted:
            brief = next(briefs, None)
        yield item, brief if brief is not None and brief["sk"]["S"] == wanted else None


def _of_job(item: Row, job: Job, brief: Row | None) -> Iterator[Drift]:
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
