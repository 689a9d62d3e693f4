"""What a caller gets, whatever the dialect: the values that a dialect's `write` turns into a response."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from packshot.brief import Brief
from packshot.job import Cap, Credits, Job, Output


@dataclass(frozen=True, slots=True)
class OutputView:
    """An output, where it can be had until `expires` (ms; None: for good), and its bytes when they were asked for.
    `file_name` and `alt` (a text for those who do not see it) follow from the job's metadata."""

    output: Output
    url: str
    expires: int | None
    data: bytes | None = None
    file_name: str | None = None
    alt: str = ""


@dataclass(frozen=True, slots=True)
class JobView:
    """A job as its caller sees it. `fresh` tells an accepted job from the replay of an earlier one.

    Where they were asked for: `available` is what the account has now, `estimate` how long such a job takes, in s.
    """

    job: Job
    brief: Brief
    outputs: tuple[OutputView, ...] = ()
    fresh: bool = False
    available: Credits | None = None
    estimate: int | None = None


@dataclass(frozen=True, slots=True)
class JobViews:
    """Several jobs, in the order they were asked for; None where there is none."""

    views: tuple[JobView | None, ...]


@dataclass(frozen=True, slots=True)
class JobPage:
    """Some jobs, newest first, without briefs' inputs and without addresses. `total` where an offset was given."""

    jobs: tuple[Job, ...]
    cursor: str | None
    total: int | None = None


@dataclass(frozen=True, slots=True)
class Price:
    """What a brief costs: `per_image` times `count` is `total`, in credits; `available` is what the account has."""

    model: str
    per_image: int
    count: int
    total: int
    available: Credits


@dataclass(frozen=True, slots=True)
class Checked:
    """What was measured on a picture, and one report for each channel that was asked for."""

    measured: Mapping[str, object]
    reports: tuple[Mapping[str, object], ...]


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Models or presets, each as the catalogue describes it; `total` counts those that a page left out, too."""

    items: tuple[Mapping[str, object], ...]
    total: int | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """One model or preset, as the catalogue describes it."""

    item: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Asset:
    """A kept picture. `state` is `uploading`, `processing`, `ready` or `rejected`; `width` and `height` are 0 until
    they are known. `url` and `thumbnail_url` are lasting addresses."""

    id: str
    state: str
    created: int
    content_type: str
    bytes: int
    filename: str | None = None
    reason: str | None = None
    tags: tuple[str, ...] = ()
    width: int = 0
    height: int = 0
    sha256: str = ""
    url: str = ""
    thumbnail_url: str = ""


@dataclass(frozen=True, slots=True)
class AssetPage:
    """Some assets, newest first. `total` where an offset was given."""

    assets: tuple[Asset, ...]
    cursor: str | None
    total: int | None = None


@dataclass(frozen=True, slots=True)
class Profile:
    """A set of `images` reference pictures. `state` is `validating`, `ready` or `error`, which `message` explains."""

    id: str
    state: str
    created: int
    images: int
    tag: str | None = None
    message: str = ""


@dataclass(frozen=True, slots=True)
class Profiles:
    """The account's profiles."""

    profiles: tuple[Profile, ...]


@dataclass(frozen=True, slots=True)
class Ticket:
    """A prepared upload: POST a form of `fields`, then `file`, to `url` before `expires` (ms)."""

    asset: Asset
    url: str
    fields: Mapping[str, str]
    expires: int


@dataclass(frozen=True, slots=True)
class AccountView:
    """Balances, plan and limits of the key's account. `allowance` is what the monthly pool is filled up to at `renews`
    (ms); `models` is what it uses per operation where a caller names no model; `own` the providers that it has keys of
    its own for; `caps` the month's budgets that apply, by whose they are."""

    id: str
    name: str
    available: Credits
    granted: Credits
    mode: str
    requests_per_minute: int
    burst: int
    scopes: tuple[str, ...] = ()
    plan: str = "free"
    status: str = "active"
    allowance: int = 0
    renews: int | None = None
    email: str | None = None
    models: Mapping[str, str] = field(default_factory=dict)
    own: tuple[str, ...] = ()
    caps: Mapping[str, Cap] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class KeyUsage:
    """What one key did with one model in a span of time."""

    key: str
    model: str
    jobs: int
    images: int
    charged: int
    refunded: int


@dataclass(frozen=True, slots=True)
class Usage:
    """What an account's keys did from `since` to `until` (ms); `complete` is False where there was too much to count,
    and `until` then is how far the count went."""

    since: int
    until: int
    keys: tuple[KeyUsage, ...]
    complete: bool = True


@dataclass(frozen=True, slots=True)
class Secret:
    """A secret in the clear, and until when the one before it is also used (ms)."""

    secret: str
    old_secret_until: int | None = None


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A callback endpoint; `secret` only in the answer that made it."""

    id: str
    url: str
    events: tuple[str, ...]
    created: int
    disabled: str | None = None
    description: str = ""
    form: str = ""
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
class Raw:
    """A document or a picture as it stands."""

    content_type: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Redirect:
    """It lies elsewhere."""

    url: str


@dataclass(frozen=True, slots=True)
class Said:
    """What a dialect answers by itself."""

    payload: object
    status: int = 200


Answer = (
    Said
    | JobView
    | JobViews
    | JobPage
    | Price
    | Checked
    | Catalogue
    | Entry
    | Asset
    | AssetPage
    | Ticket
    | Profile
    | Profiles
    | AccountView
    | Usage
    | Secret
    | Endpoint
    | Endpoints
    | Deliveries
    | Done
    | Raw
    | Redirect
)
