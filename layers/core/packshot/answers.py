"""What a caller gets, whatever the dialect: the values that a dialect's `write` turns into a response."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from packshot.brief import Brief
from packshot.job import Credits, Job, Output


@dataclass(frozen=True, slots=True)
class OutputView:
    """An output, where it can be had until `expires` (ms), and its bytes when they were asked for."""

    output: Output
    url: str
    expires: int
    data: bytes | None = None


@dataclass(frozen=True, slots=True)
class JobView:
    """A job as its caller sees it. `fresh` tells an accepted job from the replay of an earlier one."""

    job: Job
    brief: Brief
    outputs: tuple[OutputView, ...] = ()
    fresh: bool = False


@dataclass(frozen=True, slots=True)
class JobPage:
    """Some jobs, newest first, without briefs' inputs and without addresses."""

    jobs: tuple[Job, ...]
    cursor: str | None


@dataclass(frozen=True, slots=True)
class Price:
    """What a brief costs: `per_image` times `count` is `total`, in credits; `available` is what the account has."""

    model: str
    per_image: int
    count: int
    total: int
    available: Credits


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Models or presets as the catalogue holds them."""

    items: tuple[Mapping[str, object], ...]


@dataclass(frozen=True, slots=True)
class Asset:
    """A kept picture. `state` is `uploading`, `ready` or `rejected`."""

    id: str
    state: str
    created: int
    content_type: str
    bytes: int
    filename: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class AssetPage:
    """Some assets, newest first."""

    assets: tuple[Asset, ...]
    cursor: str | None


@dataclass(frozen=True, slots=True)
class Ticket:
    """A prepared upload: POST a form of `fields`, then `file`, to `url` before `expires` (ms)."""

    asset: Asset
    url: str
    fields: Mapping[str, str]
    expires: int


@dataclass(frozen=True, slots=True)
class AccountView:
    """Balances and limits of the key's account."""

    id: str
    name: str
    available: Credits
    granted: Credits
    mode: str
    requests_per_minute: int
    burst: int
    scopes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A callback endpoint; `secret` only in the answer that made it."""

    id: str
    url: str
    events: tuple[str, ...]
    created: int
    disabled: str | None = None
    description: str = ""
    secret: str | None = None
    old_secret_until: int | None = None


@dataclass(frozen=True, slots=True)
class Endpoints:
    """All endpoints of the account."""

    endpoints: tuple[Endpoint, ...]


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event on its way to one target. `tries` are (ms, HTTP status or 0, ms taken, reason)."""

    id: str
    job: str
    event: str
    type: str
    target: str
    state: str
    created: int
    next_try: int | None = None
    tries: tuple[tuple[int, int, int, str], ...] = field(default=())


@dataclass(frozen=True, slots=True)
class Deliveries:
    """A delivery log."""

    deliveries: tuple[Delivery, ...]


@dataclass(frozen=True, slots=True)
class Done:
    """It was done; `count` of things where that is of interest."""

    count: int = 1


@dataclass(frozen=True, slots=True)
class Text:
    """A document as it stands."""

    content_type: str
    body: bytes


Answer = (
    JobView
    | JobPage
    | Price
    | Catalogue
    | Asset
    | AssetPage
    | Ticket
    | AccountView
    | Endpoint
    | Endpoints
    | Deliveries
    | Done
    | Text
)
