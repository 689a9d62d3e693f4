"""A wish that only looks, carried out."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol, TypeVar

from packshot import api, catalog
from packshot.answers import (
    AccountView,
    Answer,
    AssetPage,
    Catalogue,
    Deliveries,
    Endpoint,
    Entry,
    JobPage,
    JobView,
    JobViews,
    Profile,
    Profiles,
    Raw,
    Redirect,
    Secret,
    Usage,
)
from packshot.answers import Endpoints as EndpointList
from packshot.catalog import Preset
from packshot.delivery import DeliveryRow
from packshot.errors import CallerError, not_found
from packshot.job import Credits
from packshot.ports import Jobs, Pictures
from packshot.principal import Principal
from packshot.steps.keep import Assets, key_of, profile_key, thumbnail_of
from packshot.steps.view import Gallery, show
from packshot.wishes import (
    ChangeAccount,
    Document,
    GetAccount,
    GetAsset,
    GetCallbackSecret,
    GetJob,
    GetJobs,
    GetPicture,
    GetPreset,
    GetProfile,
    GetProfilePicture,
    GetUsage,
    ListAssets,
    ListDeliveries,
    ListEndpoints,
    ListJobs,
    ListModels,
    ListPresets,
    ListProfiles,
    Wish,
)

_T = TypeVar("_T")

PICTURE_SECONDS = 900
"""How long the address works that a lasting one sends on to."""


class Shelf(Jobs, Protocol):
    """Jobs, and lists of them."""

    def list_jobs(self, account: str, wish: ListJobs) -> JobPage:
        """A page, newest first. Raises CallerError for a cursor that is not ours."""
        ...

    def usage(self, account: str, since: int, until: int) -> Usage:
        """What each key used."""
        ...


class Account(Protocol):
    """An account as it stands."""

    @property
    def name(self) -> str: ...
    @property
    def available(self) -> Credits: ...
    @property
    def granted(self) -> Credits: ...
    @property
    def plan(self) -> str: ...
    @property
    def status(self) -> str: ...
    @property
    def allowance(self) -> int: ...
    @property
    def renews(self) -> int | None: ...
    @property
    def email(self) -> str | None: ...
    @property
    def models(self) -> Mapping[str, str]: ...
    @property
    def own(self) -> tuple[str, ...]: ...


class Accounts(Protocol):
    """Account rows."""

    def account(self, account: str) -> Account | None:
        """The account as it stands now."""
        ...


class Row(Protocol):
    """A stored endpoint."""

    @property
    def endpoint(self) -> Endpoint: ...


class Endpoints(Protocol):
    """Endpoint rows."""

    def list(self, account: str) -> Iterable[Row]:
        """All of an account's, oldest first."""
        ...


class Log(Protocol):
    """Delivery rows."""

    def of_job(self, account: str, job: str) -> Iterable[DeliveryRow]:
        """The deliveries of one job, oldest event first."""
        ...


class Presets(Protocol):
    """Presets that accounts made."""

    def get(self, account: str, preset_id: str) -> Preset | None: ...
    def list(self, account: str) -> Iterable[Preset]: ...


class ProfileRows(Protocol):
    """Profile rows."""

    def get(self, account: str, profile_id: str) -> Profile | None: ...
    def list(self, account: str) -> Iterable[Profile]: ...


class Secrets(Protocol):
    """Callback secrets in the clear."""

    def secret(self, account: str) -> Secret | None:
        """The account's own."""
        ...


@dataclass(frozen=True, slots=True)
class Library:
    """What looking takes. `secrets` is None where they cannot be read."""

    jobs: Shelf
    assets: Assets
    presets: Presets
    profiles: ProfileRows
    accounts: Accounts
    endpoints: Endpoints
    log: Log
    gallery: Gallery
    uploads: Pictures
    now: Callable[[], int]
    secrets: Secrets | None = None


def query(wish: Wish, principal: Principal, *, room: Library) -> Answer:
    """Answer a wish that changes nothing. Raises CallerError; `not_found` for whatever is not the caller's."""
    account = principal.account
    match wish:
        case GetJob(id):
            return _found(_job(account, id, room))
        case GetJobs(names):
            known = {id: _job(account, id, room) for id in dict.fromkeys(names)}
            return JobViews(tuple(known[id] for id in names))
        case ListJobs():
            return room.jobs.list_jobs(account, wish)
        case ListDeliveries(job):
            _found(room.jobs.get(account, job))
            return Deliveries(tuple(row.view() for row in room.log.of_job(account, job)))
        case ListModels():
            return Catalogue(tuple(model.describe() for model in catalog.models().values()))
        case ListPresets():
            return _presets(wish, account, room)
        case GetPreset(id):
            return Entry(_found(catalog.presets().get(id) or room.presets.get(account, id)).describe())
        case ListAssets(limit, cursor, offset, tag):
            return AssetPage(*room.assets.list(account, limit, cursor, tag=tag, offset=offset))
        case GetAsset(id):
            return _found(room.assets.get(account, id))
        case GetPicture(path):
            return Redirect(_picture(path, room))
        case ListProfiles(tag):
            return Profiles(tuple(one for one in room.profiles.list(account) if tag is None or one.tag == tag))
        case GetProfile(id):
            return _found(room.profiles.get(account, id))
        case GetProfilePicture(id):
            ready = _found(room.profiles.get(account, id)).state == "ready"
            return Raw("image/jpeg", _found(room.uploads.get(profile_key(account, id, 0)) if ready else None))
        case GetAccount() | ChangeAccount():
            return view_of(principal, room.accounts)
        case GetUsage(since, until):
            return room.jobs.usage(account, since, until)
        case GetCallbackSecret():
            return _found(room.secrets.secret(account) if room.secrets else None)
        case ListEndpoints():
            return EndpointList(tuple(row.endpoint for row in room.endpoints.list(account)))
        case Document():
            return Raw("application/json", api.data("openapi.json"))
        case _:
            raise CallerError("method_not_allowed", "This path does not take that method.")


def view_of(principal: Principal, accounts: Accounts) -> AccountView:
    """The caller's account: balances, plan, and the limits of this key."""
    found = _found(accounts.account(principal.account))
    return AccountView(
        principal.account,
        found.name,
        found.available,
        found.granted,
        principal.mode,
        principal.rpm,
        principal.burst,
        tuple(sorted(principal.scopes)),
        found.plan,
        found.status,
        found.allowance,
        found.renews,
        found.email,
        found.models,
        found.own,
        principal.caps,
    )


def _found(thing: _T | None) -> _T:
    if thing is None:
        raise not_found()
    return thing


def _job(account: str, job_id: str, room: Library) -> JobView | None:
    both = room.jobs.both(account, job_id)
    return show(JobView(*both), room.gallery, room.now()) if both else None


def _presets(wish: ListPresets, account: str, room: Library) -> Catalogue:
    all_of_them = [*catalog.presets().values(), *room.presets.list(account)]
    fitting = [
        one.describe()
        for one in all_of_them
        if (wish.owner in (None, one.owner)) and (wish.category in (None, one.category))
    ]
    return Catalogue(tuple(fitting[wish.offset : wish.offset + wish.limit]), len(fitting))


def _picture(path: str, room: Library) -> str:
    """A fresh address for what lies behind a lasting one."""
    match path.split("/"):
        case ["assets", account, id, *rest] if rest in ([], ["thumbnail"]):
            asset = _found(room.assets.get(account, id))
            _found(asset if asset.state == "ready" else None)
            small = bool(rest) and asset.width > 0  # it is measured after its thumbnail is made
            key = thumbnail_of(account, id) if small else key_of(account, id)
            return room.uploads.url(key, PICTURE_SECONDS)
        case ["outputs", account, job, name]:
            for output in _found(room.jobs.get(account, job)).outputs:
                if output.key.endswith(f"/{name}"):
                    return room.gallery.outputs.url(output.key, PICTURE_SECONDS)
    raise not_found()
