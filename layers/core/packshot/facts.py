"""Facts (what the world told us) and effects (what must now happen): the two vocabularies of `lifecycle`. Values."""

from dataclasses import dataclass

from packshot.job import Attempt, Failure, Output


# --- facts ---------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Intended:
    """A worker is about to call the provider, by `route` where that is not the planned one. Written before the call
    (reliability: never pay twice)."""

    call: int
    attempt: Attempt
    at: int
    due: int
    route: int | None = None


@dataclass(frozen=True, slots=True)
class Accepted:
    """The provider took the request and named it `remote`; look again at `due`."""

    call: int
    attempt: int
    at: int
    remote: str
    due: int


@dataclass(frozen=True, slots=True)
class Running:
    """The provider is still at it."""

    call: int
    attempt: int
    at: int
    due: int


@dataclass(frozen=True, slots=True)
class Delivered:
    """The provider has results: addresses of pictures, or keys in our bucket. Money may have been spent.

    `ready` is when they were ready, as best we know; 0 means just now.
    """

    call: int
    attempt: int
    at: int
    results: tuple[str, ...]
    ready: int = 0


@dataclass(frozen=True, slots=True)
class Refused:
    """This route will not make it. `final` means no other route would either (bad input, content refused)."""

    call: int
    attempt: int
    at: int
    failure: Failure
    final: bool = False


@dataclass(frozen=True, slots=True)
class Busy:
    """Surely nothing happened upstream: it had no room (`busy`) or could not be reached (`unreachable`). Try another
    route, or the same one again at `until`."""

    call: int
    attempt: int
    at: int
    until: int
    outcome: str = "busy"


@dataclass(frozen=True, slots=True)
class Lost:
    """The request may or may not have reached the provider: wait for the webhook or the attempt's deadline."""

    call: int
    attempt: int
    at: int
    due: int


@dataclass(frozen=True, slots=True)
class Ingested:
    """The pictures are in our bucket."""

    call: int
    attempt: int
    at: int
    outputs: tuple[Output, ...]
    timings: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Reused:
    """An equal job's pictures do for this call as well: ours are copies of them. Nothing was asked of a provider."""

    call: int
    at: int
    outputs: tuple[Output, ...]


@dataclass(frozen=True, slots=True)
class Stranded:
    """No route is left that could be used: nobody has set a key for those that were not tried."""

    call: int
    at: int
    failure: Failure


@dataclass(frozen=True, slots=True)
class Nudged:
    """Somebody looked, repeated the message, and will look again at `due`."""

    call: int
    at: int
    due: int


@dataclass(frozen=True, slots=True)
class Cancelled:
    """The caller wants it no more."""

    at: int


@dataclass(frozen=True, slots=True)
class DeadlinePassed:
    """The clock: attempts and jobs whose deadline lies before `at` are over."""

    at: int


CallFact = Intended | Accepted | Running | Delivered | Refused | Busy | Lost | Ingested | Reused | Stranded | Nudged
Fact = CallFact | Cancelled | DeadlinePassed


# --- effects -------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Dispatch:
    """Bring a call to its lane: the render queue for the built-in studio, else the dispatch queue."""

    call: int
    provider: str
    delay: int = 0


@dataclass(frozen=True, slots=True)
class Watch:
    """A provider holds a call: its lane's poller must run."""

    provider: str


@dataclass(frozen=True, slots=True)
class Ingest:
    """Results wait at the provider."""

    call: int


@dataclass(frozen=True, slots=True)
class CancelRemote:
    """A provider works on what nobody wants any more: tell it, best effort."""

    call: int


@dataclass(frozen=True, slots=True)
class Announce:
    """A state callers hear about: `job.created`, `job.processing`, …"""

    event: str


@dataclass(frozen=True, slots=True)
class Leak:
    """Money was spent upstream for something that nobody gets."""

    call: int
    attempt: int
    provider: str
    micro_usd: int


@dataclass(frozen=True, slots=True)
class Ended:
    """An attempt is over: its place is free, and what it tells of its route is worth remembering."""

    call: int
    attempt: int


Effect = Dispatch | Watch | Ingest | CancelRemote | Announce | Leak | Ended
