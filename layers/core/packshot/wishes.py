"""What a caller can want, whatever the dialect: the values that a dialect's `read` makes of a request."""

from collections.abc import Mapping
from dataclasses import dataclass

from packshot.brief import Brief


@dataclass(frozen=True, slots=True)
class Inline:
    """A picture that came inside the request; `image` is its place in the brief's images."""

    image: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Submit:
    """Take a job. `wait` is how long the answer may be held, in seconds; `inline` pictures become assets first."""

    brief: Brief
    wait: int = 0
    idempotency_key: str | None = None
    inline: tuple[Inline, ...] = ()


@dataclass(frozen=True, slots=True)
class Quote:
    """The price of a brief."""

    brief: Brief


@dataclass(frozen=True, slots=True)
class GetJob:
    """One job as it stands."""

    id: str


@dataclass(frozen=True, slots=True)
class ListJobs:
    """Jobs, newest first. `after` and `before` bound the creation time, ms."""

    limit: int = 20
    cursor: str | None = None
    state: str | None = None
    external_id: str | None = None
    after: int | None = None
    before: int | None = None


@dataclass(frozen=True, slots=True)
class CancelJob:
    """Stop a job and give its credits back."""

    id: str


@dataclass(frozen=True, slots=True)
class ListModels:
    """The catalogue."""


@dataclass(frozen=True, slots=True)
class ListPresets:
    """The presets."""


@dataclass(frozen=True, slots=True)
class PutAsset:
    """Keep a picture that came in the request."""

    data: bytes
    filename: str | None = None


@dataclass(frozen=True, slots=True)
class PresignAsset:
    """Prepare an upload of `size` bytes that goes straight to the bucket."""

    content_type: str
    size: int
    filename: str | None = None


@dataclass(frozen=True, slots=True)
class ListAssets:
    """Assets, newest first."""

    limit: int = 20
    cursor: str | None = None


@dataclass(frozen=True, slots=True)
class GetAsset:
    """One asset as it stands."""

    id: str


@dataclass(frozen=True, slots=True)
class GetAccount:
    """Balances and limits."""


@dataclass(frozen=True, slots=True)
class CreateEndpoint:
    """Register a callback endpoint of the account."""

    url: str
    events: tuple[str, ...]
    description: str = ""


@dataclass(frozen=True, slots=True)
class ListEndpoints:
    """The account's callback endpoints."""


@dataclass(frozen=True, slots=True)
class ChangeEndpoint:
    """Change what is given; None leaves a field alone."""

    id: str
    url: str | None = None
    events: tuple[str, ...] | None = None
    disabled: bool | None = None
    description: str | None = None


@dataclass(frozen=True, slots=True)
class DeleteEndpoint:
    """Forget a callback endpoint."""

    id: str


@dataclass(frozen=True, slots=True)
class RotateEndpoint:
    """A new secret; the old one signs along for `overlap` seconds. `default` is the account's own secret."""

    id: str
    overlap: int = 86_400


@dataclass(frozen=True, slots=True)
class TestEndpoint:
    """Send a test event."""

    id: str


@dataclass(frozen=True, slots=True)
class ListDeliveries:
    """The delivery log of one job."""

    job: str


@dataclass(frozen=True, slots=True)
class ReplayDelivery:
    """Send one delivery again: same event id, same bytes."""

    id: str


@dataclass(frozen=True, slots=True)
class ReplayRange:
    """Send an endpoint's deliveries of a span of time again (ms); `failed_only` leaves delivered ones alone."""

    id: str
    since: int
    until: int
    failed_only: bool = True


@dataclass(frozen=True, slots=True)
class Document:
    """The API's own description."""

    name: str = "openapi"


Wish = (
    Submit
    | Quote
    | GetJob
    | ListJobs
    | CancelJob
    | ListModels
    | ListPresets
    | PutAsset
    | PresignAsset
    | ListAssets
    | GetAsset
    | GetAccount
    | CreateEndpoint
    | ListEndpoints
    | ChangeEndpoint
    | DeleteEndpoint
    | RotateEndpoint
    | TestEndpoint
    | ListDeliveries
    | ReplayDelivery
    | ReplayRange
    | Document
)

SCOPES: Mapping[type, str] = {
    Submit: "jobs:write",
    Quote: "jobs:read",
    GetJob: "jobs:read",
    ListJobs: "jobs:read",
    CancelJob: "jobs:cancel",
    ListModels: "jobs:read",
    ListPresets: "jobs:read",
    PutAsset: "jobs:write",
    PresignAsset: "jobs:write",
    ListAssets: "jobs:read",
    GetAsset: "jobs:read",
    GetAccount: "usage:read",
    CreateEndpoint: "callbacks:manage",
    ListEndpoints: "callbacks:manage",
    ChangeEndpoint: "callbacks:manage",
    DeleteEndpoint: "callbacks:manage",
    RotateEndpoint: "callbacks:manage",
    TestEndpoint: "callbacks:manage",
    ListDeliveries: "jobs:read",
    ReplayDelivery: "callbacks:manage",
    ReplayRange: "callbacks:manage",
}
"""The scope a key needs for a wish; a wish that is not listed needs no key."""
