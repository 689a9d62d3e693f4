"""Take a job: check the brief, fix its price, write job, brief and reserve in one transaction; wait for it if asked."""

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from packshot import ids, planning, providers, urls
from packshot.answers import JobView, Price
from packshot.brief import Brief, Image
from packshot.catalog import Model
from packshot.errors import CallerError, not_found
from packshot.facts import Cancelled
from packshot.job import Credits, Job
from packshot.ledger import price_of
from packshot.ports import Jobs
from packshot.principal import Principal
from packshot.steps.apply import apply
from packshot.steps.keep import Keeper
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
    ) -> Job | str:
        """Write job, brief and reserve. Returns the job with its `reserved` pools, or the id of the job that the
        idempotency key made before. Raises CallerError (credits, unknown asset, key reused) or Unavailable."""
        ...


@dataclass(frozen=True, slots=True)
class Intake:
    """What it takes to accept jobs. `now` is the clock in ms, `randomness` gives bytes."""

    jobs: Reserves
    keeper: Keeper
    now: Callable[[], int]
    randomness: Callable[[int], bytes]
    local: bool = False


def submit(wish: Submit, principal: Principal, request_id: str, *, intake: Intake) -> JobView:
    """A brief becomes a job. The same idempotency key with the same brief gives the same job again."""
    brief, model = wish.brief, planning.model_of(wish.brief)
    _check(brief, model, principal, local=intake.local)
    fingerprint = _fingerprint(brief, wish.inline)
    brief = _keep_inline(brief, wish.inline, principal, intake)
    now = intake.now()
    job = planning.plan(
        brief,
        model,
        model.routes,
        _limits(model),
        job_id=ids.make("job", now, intake.randomness(10)),
        account=principal.account,
        now=now,
        test=principal.test,
        request_id=request_id,
    )
    idempotency = (wish.idempotency_key, fingerprint) if wish.idempotency_key else None
    assets = tuple(image.value for image in brief.images if image.kind == "asset")
    taken = intake.jobs.reserve(job, brief, idempotency=idempotency, assets=assets, hint=principal.balance)
    if isinstance(taken, str):
        known = intake.jobs.both(principal.account, taken)
        if known is None:
            raise not_found()
        return JobView(*known)
    return JobView(taken, brief, fresh=True)


def wait(
    view: JobView,
    seconds: float,
    *,
    jobs: Jobs,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> JobView:
    """Hold the answer until the job is terminal or `seconds` have passed; reads grow from 0.15 s apart to 2 s."""
    job, pause, end = view.job, 0.15, clock() + seconds
    while not job.state.terminal and clock() < end:
        sleep(min(pause, max(0.0, end - clock())))
        pause = min(pause * 1.3, 2.0)
        job = jobs.get(job.account, job.id) or job
    return replace(view, job=job)


def quote(wish: Quote, principal: Principal, available: Credits, *, local: bool = False) -> Price:
    """What a brief would cost, checked exactly as a submit would check it."""
    model = planning.model_of(wish.brief)
    _check(wish.brief, model, principal, local=local)
    each = 0 if principal.test else price_of(wish.brief, model.credits)
    return Price(model.id, each, wish.brief.count, each * wish.brief.count, available)


def cancel(wish: CancelJob, principal: Principal, *, jobs: Jobs, now: int) -> JobView:
    """Stop a job; its credits go back in the same write. Of a job that ended already: how it ended."""
    both = jobs.both(principal.account, wish.id)
    if both is None:
        raise not_found()
    job, brief = both
    after, _ = apply(jobs, job, Cancelled(now))
    return JobView(after, brief)


def _check(brief: Brief, model: Model, principal: Principal, *, local: bool) -> None:
    if principal.test and any(providers.load(route.provider).completion != "render" for route in model.routes):
        raise CallerError(
            "test_key_not_allowed", "A test key spends nothing and runs on the built-in studio only.", field="model"
        )
    planning.check(brief, model)
    schemes = ("https", "http") if local else ("https",)
    for index, image in enumerate(brief.images):
        if image.kind == "url" and (reason := urls.check(image.value, schemes=schemes, ports=(80, 443), local=local)):
            raise CallerError("invalid_field", f"This address cannot be fetched: {reason}.", field=f"images[{index}]")
    if brief.callback_url and (reason := urls.check(brief.callback_url, schemes=schemes, ports=(443,), local=local)):
        raise CallerError("invalid_field", f"This address cannot be called: {reason}.", field="callback_url")


def _limits(model: Model) -> planning.Limits:
    first = providers.load(model.routes[0].provider)
    return planning.Limits(first.images_per_call, first.typical[0] * 1000)


def _fingerprint(brief: Brief, inline: tuple[Inline, ...]) -> str:
    digest = hashlib.sha256(dump(brief.dump()))
    for picture in inline:
        digest.update(hashlib.sha256(picture.data).digest())
    return digest.hexdigest()


def _keep_inline(brief: Brief, inline: tuple[Inline, ...], principal: Principal, intake: Intake) -> Brief:
    images = list(brief.images)
    for picture in inline:
        asset = intake.keeper.keep(principal.account, picture.data, None, intake.now(), intake.randomness(10))
        images[picture.image] = Image("asset", asset.id)
    return replace(brief, images=tuple(images))
