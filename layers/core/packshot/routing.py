"""Which of a job's routes a call takes next: the account's order of preference, past what is broken or full. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from packshot.health import Health
from packshot.job import Attempt, Job, Route

Prefer = Literal["order", "price", "latency", "success"]
"""How routes are ordered: as the catalogue lists them, the cheapest first, the fastest, or the one that fails least."""

PREFERENCES: tuple[Prefer, ...] = get_args(Prefer)
HELD_MS = 5_000
"""How long a call waits for a free place, or for somebody else's probe."""

LONGEST_HELD_MS = 120_000


@dataclass(frozen=True, slots=True)
class Way:
    """A route that a call may take: its place in the job, and how it and its provider do."""

    place: int
    route: Route
    health: Health
    provider: Health
    typical: int


def account_of(job: Job, made: Route | Attempt) -> str | None:
    """Whose key a route, or an attempt, is made with: None is this deployment's."""
    return job.account if made.own else None


def named(provider: str, account: str | None) -> str:
    """The name under which health and places of a provider's account are kept."""
    return provider if account is None else f"{provider}@{account}"


def ordered(ways: Sequence[Way], prefer: str) -> list[Way]:
    """The ways, the preferred first; equal ones in the job's order. What was never measured counts as typical, and as
    never failing, so that it is tried."""
    keys: Mapping[str, Callable[[Way], float]] = {
        "price": lambda way: way.route.micro_usd,
        "latency": lambda way: way.health.took or way.typical * 1000,
        "success": lambda way: -round(way.health.rate, 2),
    }
    return sorted(ways, key=keys.get(prefer, lambda way: way.place))


def held_until(ways: Sequence[Way], now: int) -> int:
    """When to look again for a call that no way is open to."""
    soonest = min((max(way.health.until, way.provider.until) for way in ways), default=0)
    return min(max(soonest, now + HELD_MS), now + LONGEST_HELD_MS)
