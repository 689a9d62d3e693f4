"""Everything the core asks of the world, as protocols of a few methods; `aws` and `egress` are what stands behind."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from packshot.brief import Brief
from packshot.job import Job
from packshot.wire import Request, Response

if TYPE_CHECKING:  # a cold start pays for each class
    from packshot.health import Health


@dataclass(frozen=True, slots=True)
class Change:
    """A row of the table's stream: a job before (None: new) and after, a delivery that asks to be sent, or an asset or
    a profile that asks to be looked at.

    A `job` without `after` is a row whose image could not be read.
    """

    account: str
    job: str | None = None
    before: Job | None = None
    after: Job | None = None
    delivery: str | None = None
    asset: str | None = None
    profile: str | None = None


class Jobs(Protocol):
    """Job rows. Every write is conditional on the version that was read."""

    def get(self, account: str, job_id: str) -> Job | None:
        """The job as it stands now (consistent read)."""
        ...

    def both(self, account: str, job_id: str) -> tuple[Job, Brief] | None:
        """The job and its brief in one call."""
        ...

    def save(self, before: Job, after: Job) -> None:
        """Write `after` if the row is still at `before.version`; a finish that gives credits back is one transaction
        with the account. Raises Stale."""
        ...

    def leak(self, job: Job, call: int, attempt: int, provider: str, micro_usd: int) -> None:
        """Record money spent upstream for nothing; a second record of the same attempt changes nothing."""
        ...

    def due(self, lane: str, until: int, limit: int) -> list[tuple[str, str, int]]:
        """(account, job id, due) of the lane's open jobs due at or before `until`, earliest first."""
        ...


class Pictures(Protocol):
    """Objects in one bucket."""

    def put(self, key: str, data: bytes, content_type: str, metadata: Mapping[str, str] | None = None) -> None:
        """Write or overwrite."""
        ...

    def get(self, key: str) -> bytes | None:
        """The whole object, or None when there is none."""
        ...

    def copy(self, source: str, target: str) -> None:
        """Copy within the bucket. Raises LookupError when the source is not there."""
        ...

    def url(self, key: str, seconds: int, filename: str | None = None) -> str:
        """A presigned GET address."""
        ...


class Queue(Protocol):
    """One queue. A message holds ids and keys, never pictures."""

    def send(self, body: Mapping[str, object], *, group: str, delay: int = 0) -> None:
        """Send; `group` is the account, for fair queueing; `delay` in s, at most 900."""
        ...


class Bus(Protocol):
    """The event bus."""

    def put(self, events: Iterable[tuple[str, Mapping[str, object]]]) -> None:
        """Put (detail type, detail) pairs."""
        ...


class Pollers(Protocol):
    """The clock: one poller per lane is enough, two are only waste."""

    def ensure(self, lane: str, now: int) -> bool:
        """Start the lane's poller unless its lease says that one runs. True when one was started."""
        ...


class HealthBook(Protocol):
    """How the routes of providers do. `name` is a provider, or `{provider}@{account}` with an account's own key."""

    def of(self, name: str) -> "Mapping[str, Health]":
        """By model, and `*` for the provider as a whole; a few seconds old at most. Never raises."""
        ...

    def note(self, name: str, model: str, outcome: str, *, took: int = 0, busy_until: int = 0) -> "Health | None":
        """One more outcome; how the route does now, where that was written. Never raises."""
        ...

    def probe(self, name: str, model: str) -> bool:
        """Whether the caller may be the one to try a half-open route."""
        ...


class Slots(Protocol):
    """The places that a provider has for us at once."""

    def take(self, name: str, places: int, token: str, until: int) -> int | None:
        """A place until then (ms), or None when all are taken."""
        ...

    def free(self, name: str, number: int, token: str) -> None:
        """Give it back, if it is still that token's."""
        ...


class Secrets(Protocol):
    """Provider credentials by name, cached a few minutes."""

    def get(self, name: str) -> Mapping[str, str] | None:
        """The secret's fields, or None when the operator has not set it."""
        ...


class Http(Protocol):
    """Outbound HTTP under one policy (`egress`)."""

    def send(self, request: Request, *, hosts: Iterable[str], seconds: float, max_bytes: int) -> Response:
        """Send once, never again. Raises egress.NotSent (surely no effect) or egress.NoAnswer (unknown)."""
        ...

    def fetch(self, url: str, *, hosts: Iterable[str] | None, seconds: float, max_bytes: int) -> bytes:
        """GET a picture; `hosts` None means any public host. Raises egress.FetchFailed with a public code."""
        ...
