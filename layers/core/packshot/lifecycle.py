"""A job's life as one pure function: `advance(job, fact) -> (job, effects)`.

Facts are what the world told us, effects what must now happen. There is no clock and no I/O here. A fact that does not
fit (late, repeated, about an older attempt) changes nothing: the same job object comes back, so a caller may apply any
fact any number of times. `owed` says what a row as it stands still owes the world; the stream's reader and the sweep
both carry that out, so a crash between a write and its effects loses nothing.
"""

from collections.abc import Iterator
from dataclasses import replace

from packshot.facts import (
    Accepted,
    Announce,
    Busy,
    CallFact,
    Cancelled,
    CancelRemote,
    DeadlinePassed,
    Delivered,
    Dispatch,
    Effect,
    Ended,
    Fact,
    Ingest,
    Ingested,
    Intended,
    Leak,
    Lost,
    Nudged,
    Refused,
    Reused,
    Running,
    Stranded,
    Watch,
)
from packshot.job import Call, Credits, Failure, Job, State, Step

RETRY_MS = 60_000
"""How long a call that waits for our own functions may stand still before the sweep repeats its message."""

MAX_ATTEMPTS = 6
"""Attempts of one call over all its routes; then the call has failed."""

PASSING = ("busy", "unreachable")
"""Outcomes that say nothing against trying the same route again."""

TOO_FEW = Failure("provider_too_few", "The provider gave fewer pictures than were asked for.")

EXPIRED = Failure("deadline_exceeded", "The picture was not ready before its deadline.")

LEGAL: dict[Step, frozenset[type]] = {
    Step.WAITING: frozenset({Intended, Reused, Stranded, Nudged}),
    Step.INTENT: frozenset({Accepted, Running, Delivered, Refused, Busy, Lost, Ingested, Reused, Nudged}),
    Step.RUNNING: frozenset({Accepted, Running, Delivered, Refused, Ingested, Nudged}),
    Step.DELIVERED: frozenset({Ingested, Refused, Nudged}),
    Step.DONE: frozenset(),
    Step.FAILED: frozenset(),
}
"""Which fact can move a call that stands at a step. Whatever is not listed changes nothing."""


def advance(job: Job, fact: Fact) -> tuple[Job, tuple[Effect, ...]]:
    """Apply one fact. Returns the same `job` object and no effects (but for leaks) when the fact changes nothing.

    Leaks come with the fact that makes them, and `wasted` finds those of a change again; `owed` does not.
    """
    if job.state.terminal:
        return job, tuple(_leaks(job, fact))
    match fact:
        case Cancelled():
            after = _finish(replace(job, state=State.CANCELED), fact.at)
        case DeadlinePassed():
            after = _expire(job, fact.at)
        case _:
            call = job.calls[fact.call]
            if not _fits(call, fact):
                return job, tuple(_leaks(job, fact))
            moved = _move(job, call, fact)
            after = _settle(_with(job, fact.call, moved), fact)
    if after == job:
        return job, ()
    after = replace(after, version=job.version + 1, updated=fact.at)
    return after, (*owed(job, after), *wasted(job, after))


def owed(before: Job | None, after: Job) -> tuple[Effect, ...]:
    """What the change from `before` to `after` makes necessary; with `before` None, all that the row still owes."""
    effects: list[Effect] = []
    if before is None or before.state != after.state:
        effects.append(Announce("job.created" if after.state is State.PENDING else f"job.{after.state}"))
    for index, call in enumerate(after.calls):
        old = before.calls[index] if before else None
        if after.state.terminal:
            abandoned = call.step in (Step.INTENT, Step.RUNNING) or call.failure == EXPIRED
            if abandoned and not (before and before.state.terminal):
                effects.append(CancelRemote(index))
            effects.extend(_ended(old, call, index, over=True))
            continue
        effects.extend(_ended(old, call, index, over=False))
        if old is None or (old.step, len(old.attempts), old.route) != (call.step, len(call.attempts), call.route):
            effects.extend(_of_step(after, index, call))
    return tuple(effects)


def _ended(old: Call | None, new: Call, index: int, *, over: bool) -> Iterator[Effect]:
    """The attempts that this change ended; with the job, the open one ends too."""
    before = {one.number: one for one in old.attempts} if old else {}
    for attempt in new.attempts:
        known = before.get(attempt.number)
        if (attempt.ended is not None or over) and (known is None or known.ended is None):
            yield Ended(index, attempt.number)


def _of_step(job: Job, index: int, call: Call) -> Iterator[Effect]:
    match call.step:
        case Step.WAITING:
            again = call.attempt is not None and call.attempt.outcome in PASSING
            delay = max(0, call.due - job.updated) // 1000 if again else 0
            yield Dispatch(index, job.routes[call.route].provider, delay)
        case Step.INTENT | Step.RUNNING:
            yield Watch(job.routes[call.route].provider)
        case Step.DELIVERED:
            yield Ingest(index)


def _fits(call: Call, fact: CallFact) -> bool:
    if type(fact) not in LEGAL[call.step]:
        return False
    if isinstance(fact, (Nudged, Reused, Stranded)):
        return True
    current = call.attempt.number if call.attempt else 0
    if isinstance(fact, Intended):
        return fact.attempt.number == current + 1
    return fact.attempt == current


def _move(job: Job, call: Call, fact: CallFact) -> Call:
    match fact:
        case Intended():
            begun = (*call.attempts, fact.attempt)
            route = call.route if fact.route is None else fact.route
            return replace(call, step=Step.INTENT, route=route, attempts=begun, due=fact.due)
        case Accepted():
            return _attempt(replace(call, step=Step.RUNNING, due=fact.due), remote=fact.remote)
        case Running():
            polls = call.attempts[-1].polls + 1
            return _attempt(replace(call, step=Step.RUNNING, due=fact.due), polls=polls)
        case Delivered():
            due = call.due if call.due > fact.at else fact.at + RETRY_MS  # moving it costs two writes to the index
            ready = replace(call, step=Step.DELIVERED, results=fact.results, due=due)
            return _attempt(ready, delivered=fact.ready or fact.at)
        case Busy():
            if len(call.attempts) >= MAX_ATTEMPTS:
                busy = Failure("provider_busy", "The provider had no room for the request.")
                return _next_route(job, call, busy, fact.at, final=False)
            waits = _attempt(replace(call, step=Step.WAITING), ended=fact.at, outcome=fact.outcome, again=fact.until)
            planned = untried(job, waits)[0]
            way = job.routes[planned]
            again = any((one.provider, one.model) == (way.provider, way.model) for one in waits.attempts)
            return replace(waits, route=planned, due=fact.until if again else fact.at)
        case Lost():
            return _attempt(replace(call, due=fact.due), outcome="unknown")
        case Nudged():
            return replace(call, due=fact.due)
        case Reused():
            done = replace(call, step=Step.DONE, due=0, failure=None)
            return done if call.step is Step.WAITING else _attempt(done, ended=fact.at, outcome="reused")
        case Stranded():
            return replace(call, step=Step.FAILED, due=0, failure=call.failure or fact.failure)
        case Refused():
            return _next_route(job, call, fact.failure, fact.at, final=fact.final)
        case Ingested():
            short = None if len(fact.outputs) >= call.images else TOO_FEW
            done = replace(call, step=Step.DONE, due=0, results=(), failure=short)
            return _attempt(done, ended=fact.at, outcome="succeeded")


def _next_route(job: Job, call: Call, failure: Failure, at: int, *, final: bool) -> Call:
    ended = _attempt(replace(call, results=()), ended=at, outcome=failure.code)
    left = untried(job, ended)
    if final or not left or len(call.attempts) >= MAX_ATTEMPTS:
        return replace(ended, step=Step.FAILED, due=0, failure=failure)
    return replace(ended, step=Step.WAITING, route=left[0], due=at, failure=failure)


def ladder(job: Job, call: Call) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The routes that a call may take next, in the job's order: those never tried, and then those that could not be
    used at the time."""
    ends: dict[tuple[str, str], set[bool]] = {}
    for one in call.attempts:
        ends.setdefault((one.provider, one.model), set()).add(one.outcome in PASSING)
    places = [(place, ends.get((route.provider, route.model))) for place, route in enumerate(job.routes)]
    fresh = tuple(place for place, tried in places if tried is None)
    return fresh, tuple(place for place, tried in places if tried == {True})


def untried(job: Job, call: Call) -> tuple[int, ...]:
    """The first of a call's routes that there are: see `ladder`."""
    fresh, again = ladder(job, call)
    return fresh or again


def _attempt(call: Call, **changes: object) -> Call:
    if not call.attempts:
        return call
    return replace(call, attempts=(*call.attempts[:-1], replace(call.attempts[-1], **changes)))  # type: ignore[arg-type]


def _with(job: Job, index: int, call: Call) -> Job:
    return replace(job, calls=(*job.calls[:index], call, *job.calls[index + 1 :]))


def _settle(job: Job, fact: CallFact) -> Job:
    """Keep the job's own state in step with its calls."""
    if isinstance(fact, Reused):
        job = replace(job, outputs=job.outputs + fact.outputs)
    if isinstance(fact, Ingested):
        job = replace(job, outputs=job.outputs + fact.outputs, timings={**job.timings, **dict(fact.timings)})
    if job.state is State.PENDING and any(call.step is not Step.WAITING for call in job.calls):
        job = replace(job, state=State.PROCESSING, started=job.started or fact.at)
    if not all(call.step.settled for call in job.calls):
        return job
    return _close(job, fact.at)


def _close(job: Job, at: int) -> Job:
    """All calls are settled: the terminal state follows from what was delivered."""
    failure = next((call.failure for call in job.calls if call.failure), None)
    made = len(job.outputs)
    state = State.COMPLETED if made >= job.count else State.PARTIAL if made else State.FAILED
    return _finish(replace(job, state=state, failure=None if state is State.COMPLETED else failure), at)


def _finish(job: Job, at: int) -> Job:
    """The finish movement: charge what was delivered, monthly first, and give back the rest to where it came from."""
    made = sum(not output.reused for output in job.outputs)
    delivered = 0 if job.state is State.CANCELED else min(made, job.count)
    due = min(job.price * delivered, job.reserved.total)
    monthly = min(due, job.reserved.monthly)
    outputs = () if job.state is State.CANCELED else tuple(sorted(job.outputs, key=lambda output: output.key))
    return replace(job, charged=Credits(monthly, due - monthly), outputs=outputs, finished=at)


def _expire(job: Job, at: int) -> Job:
    if at >= job.deadline:
        calls = tuple(
            call if call.step.settled else replace(call, step=Step.FAILED, due=0, failure=EXPIRED) for call in job.calls
        )
        return _close(replace(job, calls=calls), at)
    for index, call in enumerate(job.calls):
        if call.step in (Step.INTENT, Step.RUNNING) and call.attempt and at >= call.attempt.deadline:
            job = _with(job, index, _next_route(job, call, EXPIRED, at, final=False))
    return _close(job, at) if all(call.step.settled for call in job.calls) else job


def wasted(before: Job, after: Job) -> Iterator[Leak]:
    """What a provider made and nobody will get: its result was unusable, or the job ended without taking it."""
    for index, (old, new) in enumerate(zip(before.calls, after.calls, strict=True)):
        paid = old.step in (Step.DELIVERED, Step.DONE)
        taken = after.state is not State.CANCELED and new.step in (Step.DELIVERED, Step.DONE)
        if paid and not taken and old.attempt and old.attempt.micro_usd:
            yield Leak(index, old.attempt.number, old.attempt.provider, old.attempt.micro_usd)


def _leaks(job: Job, fact: Fact) -> Iterator[Effect]:
    """A success that comes too late: its cost is ours, the caller's money stays as it is."""
    if not isinstance(fact, Delivered):
        return
    call = job.calls[fact.call]
    attempt = next((one for one in call.attempts if one.number == fact.attempt), None)
    late = job.state.terminal or (attempt is not None and (attempt is not call.attempt or attempt.ended is not None))
    if attempt and late and attempt.outcome != "succeeded":
        yield Leak(fact.call, attempt.number, attempt.provider, attempt.micro_usd)
