"""What a caller can want, whatever the dialect: the values that a dialect's `read` makes of a request."""

from collections.abc import Mapping
from dataclasses import dataclass

from packshot.brief import Brief, Channel, Image


@dataclass(frozen=True, slots=True)
class Inline:
    """A picture that came inside the request; `image` is its place in the brief's images."""

    image: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Say:
    """Nothing of ours: the dialect answers by itself, with this JSON value."""

    payload: object
    status: int = 200


@dataclass(frozen=True, slots=True)
class Submit:
    """Take a job. An empty `brief.model` is the account's choice for the operation.

    wait      how long the answer may be held, in seconds
    final     an answer that is not final by then is none: the job is cancelled and its credits go back
    price     credits for one image by the dialect's own list; None for the catalogue's
    lenient   fields of the brief that a model may leave unheard; all others it must be able to express
    profiles  ids whose reference pictures go along, after the brief's own
    inline    pictures that came in the request and become assets first
    short_id  the job's id must also be a number that JSON carries whole (`ids.number_of`)
    balance   the answer tells what the account has left
    estimate  the answer tells how long the job is likely to take
    """

    brief: Brief
    wait: int = 0
    idempotency_key: str | None = None
    inline: tuple[Inline, ...] = ()
    final: bool = False
    price: int | None = None
    lenient: frozenset[str] = frozenset()
    profiles: tuple[str, ...] = ()
    short_id: bool = False
    balance: bool = False
    estimate: bool = False


@dataclass(frozen=True, slots=True)
class Quote:
    """The price of a brief; the rest as in a Submit."""

    brief: Brief
    price: int | None = None
    lenient: frozenset[str] = frozenset()
    profiles: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Check:
    """Measure a picture by the rules of marketplaces: the one named by `image`, or `data` that came in the request.
    `name` is what its file is called there."""

    channels: tuple[Channel, ...]
    name: str | None = None
    image: Image | None = None
    data: bytes = b""


@dataclass(frozen=True, slots=True)
class GetJob:
    """One job as it stands. `part` is the image that the caller asked about, where a dialect names single images."""

    id: str
    part: int | None = None


@dataclass(frozen=True, slots=True)
class GetJobs:
    """Several jobs as they stand, in this order; `parts` names one image of each."""

    ids: tuple[str, ...]
    parts: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class ListJobs:
    """Jobs, newest first. `after` and `before` bound the creation time, ms; `key` is the id of the key they came by.
    With `offset` (instead of a cursor) that many are passed over and the answer counts all, up to a thousand."""

    limit: int = 20
    cursor: str | None = None
    offset: int | None = None
    key: str | None = None
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
    """The presets, the system's first; `owner` is `system` or `account`."""

    limit: int = 100
    offset: int = 0
    category: str | None = None
    owner: str | None = None


@dataclass(frozen=True, slots=True)
class GetPreset:
    """One preset; `{id}@{version}` names an older version."""

    id: str


@dataclass(frozen=True, slots=True)
class PutPreset:
    """A new preset of the account, or, with an `id`, its next version. `studio` is the system preset whose set the
    built-in renderer uses for it."""

    title: str
    prompt: str
    id: str | None = None
    studio: str = "studio"
    category: str = "custom"
    description: str = ""


@dataclass(frozen=True, slots=True)
class DeletePreset:
    """Forget a preset of the account."""

    id: str


@dataclass(frozen=True, slots=True)
class PutAsset:
    """Keep a picture that came in the request. The same bytes a second time are the same asset."""

    data: bytes
    filename: str | None = None
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ImportAsset:
    """Keep the picture at an address: the asset is `processing` until it was fetched."""

    url: str
    filename: str | None = None
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PresignAsset:
    """Prepare an upload of `size` bytes that goes straight to the bucket."""

    content_type: str
    size: int
    filename: str | None = None
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ListAssets:
    """Assets, newest first. With `offset` (instead of a cursor) the answer counts all, up to a thousand."""

    limit: int = 20
    cursor: str | None = None
    offset: int | None = None
    tag: str | None = None


@dataclass(frozen=True, slots=True)
class GetAsset:
    """One asset as it stands."""

    id: str


@dataclass(frozen=True, slots=True)
class DeleteAsset:
    """Forget a kept picture."""

    id: str


@dataclass(frozen=True, slots=True)
class GetPicture:
    """A picture at its lasting address, for whoever has that address: `assets/{account}/{id}[/thumbnail]` or
    `outputs/{account}/{job}/{name}`."""

    path: str


@dataclass(frozen=True, slots=True)
class CreateProfile:
    """A set of reference pictures (https addresses) under one name; `tag` groups profiles and never changes."""

    images: tuple[str, ...]
    tag: str | None = None


@dataclass(frozen=True, slots=True)
class ListProfiles:
    """The account's profiles, oldest first."""

    tag: str | None = None


@dataclass(frozen=True, slots=True)
class GetProfile:
    """One profile."""

    id: str


@dataclass(frozen=True, slots=True)
class GetProfilePicture:
    """The first picture of a profile, as JPEG."""

    id: str


@dataclass(frozen=True, slots=True)
class DeleteProfile:
    """Forget a profile and its pictures."""

    id: str


@dataclass(frozen=True, slots=True)
class GetAccount:
    """Balances, plan and limits."""


@dataclass(frozen=True, slots=True)
class ChangeAccount:
    """Which model the account uses per operation where a caller names none; an empty text is the default again."""

    models: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class PutProviderKey:
    """The account's own credentials at a provider: from the next minute on its jobs use them. Values are texts."""

    provider: str
    fields: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class DeleteProviderKey:
    """Forget them: this deployment's are used again."""

    provider: str


@dataclass(frozen=True, slots=True)
class GetUsage:
    """What each key used between two times, ms."""

    since: int
    until: int


@dataclass(frozen=True, slots=True)
class GetCallbackSecret:
    """The account's own callback secret, in the clear."""


@dataclass(frozen=True, slots=True)
class CreateEndpoint:
    """Register a callback endpoint of the account. With a `form` (a dialect's name) it hears of that dialect's jobs
    alone, in that dialect's own form."""

    url: str
    events: tuple[str, ...]
    description: str = ""
    form: str = ""


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
    Say | Submit | Quote | Check | GetJob | GetJobs | ListJobs | CancelJob | ListModels | ListPresets | GetPreset
    | PutPreset | DeletePreset | PutAsset | ImportAsset | PresignAsset | ListAssets | GetAsset | DeleteAsset
    | GetPicture | CreateProfile | ListProfiles | GetProfile | GetProfilePicture | DeleteProfile | GetAccount
    | ChangeAccount | PutProviderKey | DeleteProviderKey | GetUsage | GetCallbackSecret | CreateEndpoint
    | ListEndpoints | ChangeEndpoint | DeleteEndpoint | RotateEndpoint | TestEndpoint | ListDeliveries
    | ReplayDelivery | ReplayRange | Document
)  # fmt: skip
