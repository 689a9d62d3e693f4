"""One call goes to its provider: INTENT is written first, the create is sent once, an unknown outcome stays unknown.

A second message for the same call finds it no longer waiting and does nothing: at most one create per attempt.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from packshot import observe, providers
from packshot.brief import Brief
from packshot.egress import NoAnswer, NotSent
from packshot.errors import ProviderError
from packshot.facts import Delivered, Intended, Nudged, Refused, Reused, Stranded
from packshot.job import Attempt, Failure, Job, Step
from packshot.ports import Http, Jobs, Pictures, Queue
from packshot.replies import Made, Ready, Shot, Taken
from packshot.routing import account_of, named
from packshot.steps import reuse
from packshot.steps.apply import apply
from packshot.steps.inputs import BadInput, Input, gather
from packshot.steps.keep import keep_results, result_key
from packshot.steps.prepare import shot_of
from packshot.steps.route import Chosen, Held, Router, choose, seat
from packshot.steps.upstream import Upstream, simulated, unavailable

LONGEST_DELAY = 900
"""Seconds that a message may be put off; the sweep repeats what must wait longer."""

UNSUPPORTED = Failure("provider_unsupported", "The model's provider cannot make this picture.")


@dataclass(frozen=True, slots=True)
class Dispatcher:
    """What dispatching takes. `api_url` is where webhooks come in; `again` is the queue that the messages come by."""

    jobs: Jobs
    uploads: Pictures
    outputs: Pictures
    http: Http
    upstream: Upstream
    router: Router
    archive: reuse.Archive
    again: Queue
    api_url: str
    remember: Callable[[str, str, tuple[str, str, int, int], int], None]
    now: Callable[[], int]
    token: Callable[[], str]


def dispatch(message: Mapping[str, object], *, room: Dispatcher) -> None:
    """Bring one call to its provider, or tell the provider to stop (`cancel` in the message)."""
    account, job_id, index = str(message["account"]), str(message["job"]), int(str(message["call"]))
    both = room.jobs.both(account, job_id)
    if both is None:
        return
    job, brief = both
    observe.bind(job=job.id, account=account, request_id=job.request_id)
    if message.get("cancel"):
        _cancel(job, index, room)
        return
    call = job.calls[index]
    if job.state.terminal or call.step is not Step.WAITING:
        if call.step is Step.INTENT and not job.state.terminal:
            _recover(job, index, room)
        return
    if message.get("held", call.due) != call.due:  # a later message stands for this call
        return
    inputs = _gathered(job, brief, room) if job.cached else None
    if isinstance(inputs, list):
        twin = reuse.reused(job, brief, index, [one.data for one in inputs], room=room.archive)
        if isinstance(twin, reuse.Wait):
            _hold(job, index, twin.until, room)
            return
        if twin is not None:
            apply(room.jobs, job, Reused(index, room.now(), twin))
            observe.log("reused", outputs=len(twin))
            return
    way, token = choose(job, call, room=room.router), room.token()
    if not isinstance(way, Chosen):
        _no_way(job, index, way, room)
        return
    inputs = _gathered(job, brief, room) if inputs is None else inputs  # before INTENT: what fails may be repeated
    seated = seat(way, job, call, token, room=room.router)
    if not isinstance(seated, Chosen):
        _no_way(job, index, seated, room)
        return
    _attempt(job, brief, index, seated, token, inputs, room)


def _attempt(
    job: Job, brief: Brief, index: int, way: Chosen, token: str, inputs: list[Input] | Failure, room: Dispatcher
) -> None:
    """INTENT, one create, and what came of it."""
    call, route, provider = job.calls[index], way.route, way.provider
    number = len(call.attempts) + 1
    shot: Shot | Failure
    if isinstance(inputs, Failure):
        shot = inputs
    else:
        shot = shot_of(job, brief, index, inputs, provider, route.model, f"{job.id}-{index}-{number}", room.uploads)
    now = room.now()
    attempt = Attempt(
        number,
        route.provider,
        route.model,
        token,
        now,
        min(now + provider.deadline * 1000, job.deadline),
        micro_usd=0 if route.own else route.micro_usd * call.images,
        simulated=simulated(way.credentials),
        size=(shot.width, shot.height) if isinstance(shot, Shot) and brief.like_input else None,
        slot=way.slot,
        own=route.own,
    )
    due = _first_look(call.due, now, provider.completion, room.upstream.looks(route.provider)[0] * 1000)
    job, _ = apply(room.jobs, job, Intended(index, attempt, now, due, way.place))
    if job.calls[index].attempt != attempt:  # somebody was first, or nobody wants it any more
        if way.slot is not None:
            room.router.slots.free(named(route.provider, account_of(job, route)), way.slot, token)
        return
    if isinstance(shot, Failure):
        apply(room.jobs, job, Refused(index, number, room.now(), shot, final=True))
        return
    webhook = _webhook(room.api_url, job, index, attempt) if provider.completion == "webhook" else None
    try:
        request = provider.write(shot, way.credentials, webhook)
    except ProviderError:  # nothing was sent: this provider cannot say it, another route may
        apply(room.jobs, job, Refused(index, number, room.now(), UNSUPPORTED))
        return
    reply = room.upstream.ask(provider, request, way.credentials, read="read")
    if isinstance(reply, Made):
        reply = Ready(keep_results(job, index, number, reply.pictures, room.outputs))
    apply(room.jobs, job, room.upstream.fact(reply, index, attempt, now=room.now(), due=due))
    if provider.account_hook and isinstance(reply, Taken):
        place = (job.account, job.id, index, number)
        room.remember(route.provider, provider.named(reply.remote), place, room.now())
    observe.log("dispatched", provider=route.provider, attempt=number, reply=type(reply).__name__)


def _gathered(job: Job, brief: Brief, room: Dispatcher) -> list[Input] | Failure:
    try:
        return gather(job, brief, uploads=room.uploads, outputs=room.outputs, http=room.http)
    except BadInput as error:
        return error.failure


def _no_way(job: Job, index: int, way: Held | None, room: Dispatcher) -> None:
    """All ways are closed for a while, or there is none."""
    if way is None:
        apply(room.jobs, job, Stranded(index, room.now(), unavailable()))
    else:
        _hold(job, index, way.until, room)


def _hold(job: Job, index: int, until: int, room: Dispatcher) -> None:
    """Nothing is tried: the message comes back later. It is the call's only one: it names the `due` that it was sent
    with, and any other that comes meanwhile, or twice, finds another there."""
    now, due = room.now(), until + 1000
    apply(room.jobs, job, Nudged(index, now, due))
    body = {"account": job.account, "job": job.id, "call": index, "held": due}
    room.again.send(body, group=job.account, delay=min(LONGEST_DELAY, max(1, -(-(until - now) // 1000))))


def _first_look(planned: int, now: int, completion: str, likely: int) -> int:
    """When to look first, as a time. Moving a job in the index costs two units, so what was planned stands where it
    will do: later than likely is fine where a webhook comes first; earlier costs a look, which is three units."""
    if completion == "webhook" and planned >= now + likely:
        return planned
    near = abs(planned - now - likely) <= max(2000, likely // 4)
    return planned if near and planned > now + 1000 else now + likely


def _recover(job: Job, index: int, room: Dispatcher) -> None:
    """An earlier run may have died with the pictures kept and nothing written about them."""
    call = job.calls[index]
    attempt = call.attempt
    if attempt is None or attempt.remote is not None:
        return
    keys = tuple(result_key(job, index, attempt.number, number) for number in range(call.images))
    found = tuple(key for key in keys if room.outputs.get(key) is not None)
    if found and found[0] == keys[0]:
        apply(room.jobs, job, Delivered(index, attempt.number, room.now(), found))
        observe.log("pictures found again", provider=attempt.provider, attempt=attempt.number)


def _webhook(api_url: str, job: Job, index: int, attempt: Attempt) -> str:
    return f"{api_url}/hooks/{attempt.provider}/{job.account}/{job.id}/{index}/{attempt.number}/{attempt.token}"


def _cancel(job: Job, index: int, room: Dispatcher) -> None:
    call = job.calls[index]
    attempt = call.attempt
    if attempt is None or attempt.remote is None:
        return
    provider = providers.load(attempt.provider)
    credentials = room.upstream.credentials(attempt.provider, account_of(job, attempt))
    if provider.write_cancel is None or credentials is None:
        return
    try:
        room.upstream.send(provider, provider.write_cancel(attempt.remote, credentials), credentials)
    except (NotSent, NoAnswer):
        observe.log("cancel did not reach the provider", "WARNING", provider=attempt.provider)
