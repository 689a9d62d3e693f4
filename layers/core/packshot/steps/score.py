"""What an ended attempt leaves behind: its place at the provider is free, and its route's health knows how it went."""

from dataclasses import dataclass

from packshot import observe, timing
from packshot.health import PROVIDER, verdict
from packshot.job import Job
from packshot.ports import HealthBook, Slots
from packshot.routing import account_of, named

LONGEST_QUIET_MS = 30_000
"""How long a provider that had no room for one call is left alone by all."""


@dataclass(frozen=True, slots=True)
class Scorer:
    """Where it is kept."""

    health: HealthBook
    slots: Slots


def score(job: Job, call: int, number: int, *, room: Scorer) -> None:
    """Carry out `Ended`: told twice, it counts twice in a statistic and does no other harm."""
    attempt = next(one for one in job.calls[call].attempts if one.number == number)
    name = named(attempt.provider, account_of(job, attempt))
    if attempt.slot is not None:
        room.slots.free(name, attempt.slot, attempt.token)
    outcome = attempt.outcome if attempt.ended is not None else ""
    said = verdict(outcome)
    took = max(0, (attempt.delivered or attempt.ended or attempt.started) - attempt.started)
    observe.metric({"AttemptMs": took}, "Milliseconds", provider=attempt.provider, outcome=outcome or "abandoned")
    if attempt.delivered is not None:
        observe.metric({"SpentMicroUsd": attempt.micro_usd}, provider=attempt.provider)
    if not said:
        return
    model = PROVIDER if said in ("barred", "busy") else attempt.model
    if said == "good" and not timing.sampled(job.id) and not _ailing(room, name, attempt.model):
        return
    quiet = min(attempt.again, (attempt.ended or 0) + LONGEST_QUIET_MS)
    after = room.health.note(name, model, outcome, took=took, busy_until=quiet)
    if said == "good" and _ailing(room, name, PROVIDER, model=False):
        room.health.note(name, PROVIDER, outcome, took=took)
    if after is not None and after.opens and said != "good":
        observe.metric({"BreakerOpened": 1}, provider=attempt.provider)
        observe.log("breaker open", "ERROR", provider=name, model=model, until=after.until, reason=after.reason)


def _ailing(room: Scorer, name: str, key: str, *, model: bool = True) -> bool:
    """Whether a success is news: a route with failures in a row, or a provider that was barred."""
    known = room.health.of(name)
    found = [known.get(key)] + ([known.get(PROVIDER)] if model else [])
    return any(one is not None and (one.streak or one.opens) for one in found)
