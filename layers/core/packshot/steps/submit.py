"""Take a job: settle the brief, fix its price, write job, brief and reserve in one transaction; wait if asked to."""

import hashlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from packshot import ids, planning, providers
from packshot.answers import JobView, Price
from packshot.brief import Brief, Image
from packshot.errors import CallerError, not_found
from packshot.job import Cap, Credits, Job, Route
from packshot.ledger import price_of
from packshot.ports import Jobs
from packshot.principal import SPENDING, Principal
from packshot.steps.keep import Keeper
from packshot.steps.settle import Lookups, settled
from packshot.timing import Timings
from packshot.wire import dump
from packshot.wishes import CancelJob, Inline, Quote, Submit


class Reserves(Jobs, Protocol):
    """Jobs, and the one transaction that takes a new one."""

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
        """Write job, brief and reserve. Returns the job with its `reserved` pools, or the id of the job that the
        idempotency key made before. Raises CallerError (credits, unknown asset, key reused) or Unavailable."""
        ...


class Account(Protocol):
    """An account as it stands."""

    @property
    def available(self) -> Credits: ...


class Accounts(Protocol):
    """Account rows."""

    def account(self, account: str) -> Account | None:
        """The account as it stands now."""
        ...


@dataclass(frozen=True, slots=True)
class Intake:
    """What it takes to accept jobs. `now` is the clock in ms, `randomness` gives bytes."""

    jobs: Reserves
    keeper: Keeper
    lookups: Lookups
    accounts: Accounts
    timings: Timings
    now: Callable[[], int]
    randomness: Callable[[int], bytes]


AFTERWARDS = 30
"""Seconds that a job may outlive whoever waited for it: then the sweep ends it, should that function have died."""

DRAWS = 4
"""How often a short id is drawn when another job has it."""


def submit(
    wish: Submit, principal: Principal, request_id: str, *, intake: Intake, patience: int | None = None
) -> JobView:
    """A brief becomes a job. The same idempotency key with the same brief gives the same job again.

    `patience` is how long the caller can be made to wait for it, in s, where nobody wants it afterwards.
    """
    brief, model = settled(wish, principal, intake.lookups)
    if principal.status not in SPENDING:
        raise CallerError("account_inactive", "This account may not take new jobs: its subscription is not active.")
    fingerprint = _fingerprint(wish)
    brief = _keep_inline(brief, wish.inline, principal, intake)
    routes = _routes(model.operations[brief.operation].routes, principal)
    for draw in range(1, DRAWS + 1):
        now = intake.now()
        job = planning.plan(
            brief,
            model,
            routes,
            _limits(routes),
            job_id=(ids.short if wish.short_id else ids.make)("job", now, intake.randomness(10)),
            account=principal.account,
            key=principal.key_id,
            now=now,
            test=principal.test,
            request_id=request_id,
            price=wish.price,
            patience=None if patience is None else patience + AFTERWARDS,
            prefer=brief.prefer or principal.prefer or model.prefer,
            budgets=() if principal.test else tuple(principal.caps),
        )
        idempotency = (wish.idempotency_key, fingerprint) if wish.idempotency_key else None
        assets = tuple(image.value for image in brief.images if image.kind == "asset")
        try:
            taken = intake.jobs.reserve(
                job, brief, idempotency=idempotency, assets=assets, hint=principal.balance, caps=principal.caps
            )
            if isinstance(taken, Job) or idempotency or not wish.short_id:  # else another job's: the same wish twice
                break
        except CallerError as error:
            if error.code != "state_conflict" or not wish.short_id or draw == DRAWS:
                raise
    estimate = _estimate(job, intake) if wish.estimate else None
    if isinstance(taken, str):
        known = intake.jobs.both(principal.account, taken)
        if known is None:
            raise not_found()
        return JobView(*known, estimate=estimate)
    return JobView(taken, brief, fresh=True, estimate=estimate)


def hold(
    wish: Submit,
    view: JobView,
    seconds: float,
    *,
    intake: Intake,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> JobView:
    """Hold the answer until the job is terminal or `seconds` have passed; reads grow from 0.15 s apart to 2 s.

    Where only a final answer counts, a job that is not done by then is cancelled: its credits go back in that write.
    A job that an earlier request made goes on: whoever made it may still wait for it.
    """
    job, pause, end = view.job, 0.15, clock() + seconds
    while not job.state.terminal and clock() < end:
        sleep(min(pause, max(0.0, end - clock())))
        pause = min(pause * 1.3, 2.0)
        job = intake.jobs.get(job.account, job.id) or job
    if wish.final and view.fresh and not job.state.terminal:
        job = _cancelled(job, intake.jobs, intake.now())
    account = intake.accounts.account(job.account) if wish.balance else None
    return replace(view, job=job, available=account.available if account else None)


def quote(wish: Quote, principal: Principal, available: Credits, *, lookups: Lookups) -> Price:
    """What a brief would cost, checked exactly as a submit would check it."""
    wanted = Submit(wish.brief, price=wish.price, lenient=wish.lenient, profiles=wish.profiles)
    brief, model = settled(wanted, principal, lookups)
    listed = price_of(brief, model.credits) if wish.price is None else wish.price
    each = 0 if principal.test else listed
    return Price(model.id, each, brief.count, each * brief.count, available)


def cancel(wish: CancelJob, principal: Principal, *, jobs: Jobs, now: int) -> JobView:
    """Stop a job; its credits go back in the same write. Of a job that ended already: how it ended."""
    both = jobs.both(principal.account, wish.id)
    if both is None:
        raise not_found()
    job, brief = both
    return JobView(_cancelled(job, jobs, now), brief)


def _cancelled(job: Job, jobs: Jobs, now: int) -> Job:
    from packshot.facts import Cancelled  # not at the top: few requests cancel, and each cold start would pay for it
    from packshot.steps.apply import apply

    return apply(jobs, job, Cancelled(now))[0]


def _limits(routes: tuple[Route, ...]) -> planning.Limits:
    first = providers.load(routes[0].provider)
    return planning.Limits(first.images_per_call, (first.first_look or first.typical[0]) * 1000)


def _routes(routes: tuple[Route, ...], principal: Principal) -> tuple[Route, ...]:
    """An operation's routes as this account takes them: those that it has keys of its own for cost us nothing."""
    return tuple(
        replace(route, micro_usd=0, own=True) if route.provider in principal.own else route for route in routes
    )


def _estimate(job: Job, intake: Intake) -> int:
    """How long a job is likely to take, in s: its provider's p75, measured where enough is known."""
    provider = job.routes[0].provider
    return (intake.timings.looks(provider) or providers.load(provider).typical)[1]


def _fingerprint(wish: Submit) -> str:
    digest = hashlib.sha256(dump(wish.brief.dump()))
    for picture in wish.inline:
        digest.update(hashlib.sha256(picture.data).digest())
    for profile in wish.profiles:
        digest.update(profile.encode())
    return digest.hexdigest()


def _keep_inline(brief: Brief, inline: tuple[Inline, ...], principal: Principal, intake: Intake) -> Brief:
    images = list(brief.images)
    for picture in inline:
        asset = intake.keeper.keep(principal.account, picture.data, None, intake.now(), intake.randomness(10))
        images[picture.image] = Image("asset", asset.id, images[picture.image].role)
    return replace(brief, images=tuple(images))
