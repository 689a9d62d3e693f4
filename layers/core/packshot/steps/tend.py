"""One overdue job, looked after: what poll does for its lane, and the sweep for whatever a poller has left lying."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from packshot import observe, providers, timing
from packshot.egress import NoAnswer, NotSent
from packshot.facts import Accepted, CallFact, DeadlinePassed, Dispatch, Ingest, Nudged
from packshot.job import Attempt, Job, Step
from packshot.lifecycle import RETRY_MS
from packshot.ports import Jobs, Pictures
from packshot.providers import Credentials
from packshot.replies import Later, Made, Ready, Unknown
from packshot.routing import account_of
from packshot.steps.apply import apply
from packshot.steps.keep import keep_results
from packshot.steps.outbox import Outbox
from packshot.steps.upstream import Upstream

SKEW_MS = 60_000
"""How far a provider's clock may be from ours."""

SIDE_BY_SIDE = 10
"""Jobs looked after at once: each may hold a provider's connection for half a minute."""


@dataclass(frozen=True, slots=True)
class Tender:
    """What looking after a job takes."""

    jobs: Jobs
    outbox: Outbox
    upstream: Upstream
    outputs: Pictures
    now: Callable[[], int]


def tend_all(due: Sequence[tuple[str, str, int]], *, room: Tender) -> None:
    """Look after many jobs side by side. One job's trouble is not its neighbours'."""
    if not due:
        return
    with ThreadPoolExecutor(min(len(due), SIDE_BY_SIDE)) as pool:
        list(pool.map(lambda one: _safely(one[0], one[1], room), due))


def _safely(account: str, job_id: str, room: Tender) -> None:
    try:
        tend(account, job_id, room=room)
    except Exception as error:  # noqa: BLE001
        observe.log("tend failed", "ERROR", job=job_id, error=type(error).__name__)


def tend(account: str, job_id: str, *, room: Tender) -> None:
    """Let passed deadlines pass; then give each call that is due the push it needs, and note when to look again."""
    job = room.jobs.get(account, job_id)
    if job is None or job.state.terminal:
        return
    observe.bind(job=job.id, account=account, request_id=job.request_id)
    job, _ = apply(room.jobs, job, DeadlinePassed(room.now()))
    for index in range(len(job.calls)):
        call = job.calls[index]
        if job.state.terminal or call.step.settled or call.due > room.now():
            continue
        job, _ = apply(room.jobs, job, _look(job, index, room))


def _look(job: Job, index: int, room: Tender) -> CallFact:
    call, now = job.calls[index], room.now()
    again = Nudged(index, now, now + max(RETRY_MS, now - job.created))  # a backlog is not helped by more messages
    provider = providers.load(job.routes[call.route].provider)
    if call.step is Step.WAITING or provider.completion == "render":
        room.outbox.send(job, Dispatch(index, job.routes[call.route].provider), now)
        return again
    if call.step is Step.DELIVERED:
        room.outbox.send(job, Ingest(index), now)
        return again
    attempt = call.attempt
    if attempt is None:
        return again
    credentials = room.upstream.credentials(attempt.provider, account_of(job, attempt))
    if attempt.remote is None:
        return _unknown(job, index, attempt, credentials, room)
    if credentials is None or provider.write_poll is None:
        return again
    request = provider.write_poll(attempt.remote, credentials)
    reply = room.upstream.ask(provider, request, credentials, read="read_poll")
    observe.log(
        "polled", provider=attempt.provider, attempt=attempt.number, polls=attempt.polls + 1, reply=type(reply).__name__
    )
    if isinstance(reply, (Later, Unknown)):
        asked = min(reply.seconds, 900) * 1000 if isinstance(reply, Later) else 0
        return Nudged(index, now, max(now + asked, room.upstream.next_look(attempt, now)))
    if isinstance(reply, Made):
        reply = Ready(keep_results(job, index, attempt.number, reply.pictures, room.outputs))
    looked = job.updated if attempt.polls else attempt.started
    ready = timing.halfway(looked, now)
    return room.upstream.fact(reply, index, attempt, now=room.now(), due=0, ready=ready)


def _unknown(job: Job, index: int, attempt: Attempt, credentials: Credentials | None, room: Tender) -> CallFact:
    """The create was sent or not, nobody knows. Its webhook may still tell, or the provider's list, or pictures that
    dispatch had already kept; else the attempt's deadline ends it. It is never sent again."""
    now, provider = room.now(), providers.load(attempt.provider)
    if provider.completion == "sync":
        room.outbox.send(job, Dispatch(index, attempt.provider), now)
    elif provider.write_list is not None and provider.read_list is not None and credentials is not None:
        label = f"{job.id}-{index}-{attempt.number}"
        try:
            request = provider.write_list(attempt.model, attempt.started - SKEW_MS, credentials)
            found = provider.read_list(room.upstream.send(provider, request, credentials), label, attempt.token)
        except (NotSent, NoAnswer):
            found = None
        if found:
            observe.log("found in the provider's list", provider=attempt.provider, attempt=attempt.number)
            return Accepted(index, attempt.number, now, found, now)
    return Nudged(index, now, min(now + RETRY_MS, max(attempt.deadline, now + 1000)))
