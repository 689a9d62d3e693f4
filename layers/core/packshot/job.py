"""Job: an accepted brief with a price and a state, split into calls. Frozen values; every time is in ms since 1970.

A job's row is also the ledger entry of its own reserve and finish: `reserved` and `charged` live beside the state that
they belong to, so the two can never disagree (docs/decisions/0002).
"""

from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, field, fields, is_dataclass
from enum import StrEnum
from typing import Any, Self


class State(StrEnum):
    """A job's state as callers see it."""

    PENDING = "pending"
    PROCESSING = "processing"
    COMPLETED = "completed"
    PARTIAL = "partial"
    FAILED = "failed"
    CANCELED = "canceled"

    @property
    def terminal(self) -> bool:
        """A terminal state never changes."""
        return self not in (State.PENDING, State.PROCESSING)


class Step(StrEnum):
    """Where a call is. The comment says who owes it the next move."""

    WAITING = "waiting"  # dispatch or render
    INTENT = "intent"  # nobody, until the outcome of the create is known or its deadline passes
    RUNNING = "running"  # the provider; poll asks
    DELIVERED = "delivered"  # ingest
    DONE = "done"
    FAILED = "failed"

    @property
    def settled(self) -> bool:
        """Nothing more will happen to the call."""
        return self in (Step.DONE, Step.FAILED)


@dataclass(frozen=True, slots=True)
class Credits:
    """An amount in the two pools; whole credits."""

    monthly: int = 0
    topup: int = 0

    @property
    def total(self) -> int:
        """Both pools together."""
        return self.monthly + self.topup

    def __add__(self, other: "Credits") -> "Credits":
        return Credits(self.monthly + other.monthly, self.topup + other.topup)

    def __sub__(self, other: "Credits") -> "Credits":
        return Credits(self.monthly - other.monthly, self.topup - other.topup)


@dataclass(frozen=True, slots=True)
class Cap:
    """What may be spent in a calendar month (UTC): credits, and micro US dollars upstream. None is no limit."""

    credits: int | None = None
    micro_usd: int | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a job or an attempt did not succeed. `code` is stable, `message` is ours, never an upstream's text."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Output:
    """One finished image: where it is, what it measures, how it was made. `bytes` is its size; `reused`: it was made
    for an earlier job and is not charged again."""

    key: str
    width: int
    height: int
    bytes: int
    sha256: str
    content_type: str
    simulated: bool = False
    report: Mapping[str, Any] = field(default_factory=dict)
    reused: bool = False

    @property
    def place(self) -> int:
        """The number of the image within its job, from 0, as its key has it: a partial job leaves some out."""
        return int(self.key.rpartition("/")[2][:2])


@dataclass(frozen=True, slots=True)
class Route:
    """One way to make a model's pictures: a provider, its own model id, its price in micro US dollars an image.

    `own`: with the account's own key at that provider, which costs us nothing.
    """

    provider: str
    model: str
    micro_usd: int = 0
    own: bool = False


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try of one call at one route. `outcome` is empty while it is open; `remote` is the provider's own id.

    `delivered` is when its results were ready, as best we know; `size` is what its pictures must measure where that
    follows from the inputs; `slot` is its place among those that the provider takes at once; `own`: with the account's
    own key; `again` when one that had no room may be asked again.
    """

    number: int
    provider: str
    model: str
    token: str
    started: int
    deadline: int
    remote: str | None = None
    polls: int = 0
    ended: int | None = None
    delivered: int | None = None
    outcome: str = ""
    micro_usd: int = 0
    simulated: bool = False
    size: tuple[int, int] | None = None
    slot: int | None = None
    own: bool = False
    again: int = 0

    @property
    def costs(self) -> bool:
        """Whether it has cost money upstream, or may have."""
        return self.delivered is not None or self.outcome in ("succeeded", "unknown", "deadline_exceeded")


@dataclass(frozen=True, slots=True)
class Call:
    """The share of a job that one provider request can make: `images` pictures, starting at image `first`. `failure`
    is why the call, or its last route so far, failed."""

    first: int
    images: int
    step: Step = Step.WAITING
    route: int = 0
    due: int = 0
    attempts: tuple[Attempt, ...] = ()
    results: tuple[str, ...] = ()
    failure: Failure | None = None

    @property
    def attempt(self) -> Attempt | None:
        """The attempt that is open or was the last."""
        return self.attempts[-1] if self.attempts else None


@dataclass(frozen=True, slots=True)
class Job:
    """A job as its row holds it. `version` is what a writer must have read; `price` is credits for one image; `key` is
    the id of the API key it came by. `prefer` is how its routes are chosen (`routing`), `cached` whether equal jobs
    share their pictures, `budgets` whose caps it counts against (`account`, a key's id)."""

    id: str
    account: str
    model: str
    operation: str
    state: State
    version: int
    created: int
    updated: int
    deadline: int
    count: int
    price: int
    reserved: Credits
    routes: tuple[Route, ...]
    calls: tuple[Call, ...]
    charged: Credits | None = None
    outputs: tuple[Output, ...] = ()
    failure: Failure | None = None
    started: int | None = None
    finished: int | None = None
    test: bool = False
    external_id: str | None = None
    request_id: str = ""
    key: str = ""
    timings: Mapping[str, int] = field(default_factory=dict)
    prefer: str = "order"
    cached: bool = False
    budgets: tuple[str, ...] = ()

    @property
    def refunded(self) -> Credits:
        """What goes back: nothing while the job is open."""
        return self.reserved - self.charged if self.charged is not None else Credits()

    @property
    def estimate(self) -> int:
        """What the job may cost upstream at most, in micro US dollars: each image once, by its dearest route."""
        return self.count * max((route.micro_usd for route in self.routes), default=0)

    @property
    def spent(self) -> int:
        """What it did cost upstream, in micro US dollars: attempts with results, and those that nobody knows of."""
        return sum(attempt.micro_usd for call in self.calls for attempt in call.attempts if attempt.costs)

    @property
    def due(self) -> int | None:
        """When somebody must look at the job again, at the latest; None once it is terminal."""
        if self.state.terminal:
            return None
        return min([self.deadline, *(call.due for call in self.calls if call.due and not call.step.settled)])

    @property
    def lane(self) -> str | None:
        """The provider whose poller looks after the job: that of the call that is due first."""
        if self.state.terminal:
            return None
        open_calls = [call for call in self.calls if not call.step.settled]
        first = min(open_calls, key=lambda call: call.due or self.deadline, default=self.calls[0])
        return self.routes[min(first.route, len(self.routes) - 1)].provider

    def dump(self) -> dict[str, Any]:
        """The job as JSON values; what is at its default is left out."""
        plain: dict[str, Any] = _plain(self)
        return plain

    @classmethod
    def load(cls, raw: Mapping[str, Any]) -> Self:
        """The inverse of `dump`."""
        found = dict(raw)
        found["state"] = State(raw["state"])
        found["reserved"] = Credits(**raw["reserved"])
        found["charged"] = Credits(**raw["charged"]) if "charged" in raw else None
        found["routes"] = tuple(Route(**route) for route in raw["routes"])
        found["calls"] = tuple(_call(call) for call in raw["calls"])
        found["outputs"] = tuple(Output(**output) for output in raw.get("outputs", ()))
        found["failure"] = Failure(**raw["failure"]) if "failure" in raw else None
        found["budgets"] = tuple(raw.get("budgets", ()))
        return cls(**found)


def _call(raw: Mapping[str, Any]) -> Call:
    found = dict(raw)
    found["step"] = Step(raw.get("step", Step.WAITING))
    found["attempts"] = tuple(_attempt(attempt) for attempt in raw.get("attempts", ()))
    found["results"] = tuple(raw.get("results", ()))
    found["failure"] = Failure(**raw["failure"]) if "failure" in raw else None
    return Call(**found)


def _attempt(raw: Mapping[str, Any]) -> Attempt:
    size = raw.get("size")
    return Attempt(**{**raw, "size": tuple(size)} if size else raw)


def _plain(value: Any) -> Any:
    """JSON values; a field of ours that is at its default is left out, so that a row stays within a kilobyte."""
    if is_dataclass(value):
        return {
            one.name: _plain(found) for one in fields(value) if not _at_default(one, found := getattr(value, one.name))
        }
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value.value if isinstance(value, StrEnum) else value


def _at_default(one: Field[Any], value: Any) -> bool:
    default = one.default_factory() if one.default_factory is not MISSING else one.default
    return default is not MISSING and bool(value == default)
