"""A wish that only looks, carried out."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from packshot import api, catalog
from packshot.answers import AccountView, Answer, AssetPage, Catalogue, Deliveries, Endpoint, JobPage, JobView, Text
from packshot.answers import Endpoints as EndpointList
from packshot.delivery import DeliveryRow
from packshot.errors import CallerError, not_found
from packshot.job import Credits, Job
from packshot.ports import Jobs, Pictures
from packshot.principal import Principal
from packshot.steps.keep import Assets
from packshot.steps.view import show
from packshot.wishes import (
    Document,
    GetAccount,
    GetAsset,
    GetJob,
    ListAssets,
    ListDeliveries,
    ListEndpoints,
    ListJobs,
    ListModels,
    ListPresets,
    Wish,
)


class Shelf(Jobs, Protocol):
    """Jobs, and lists of them."""

    def list_jobs(self, account: str, wish: ListJobs) -> tuple[tuple[Job, ...], str | None]:
        """A page, newest first, and the next cursor. Raises CallerError for a cursor that is not ours."""
        ...


class Account(Protocol):
    """An account as it stands."""

    @property
    def name(self) -> str: ...
    @property
    def available(self) -> Credits: ...
    @property
    def granted(self) -> Credits: ...


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


@dataclass(frozen=True, slots=True)
class Library:
    """What looking takes."""

    jobs: Shelf
    assets: Assets
    accounts: Accounts
    endpoints: Endpoints
    log: Log
    outputs: Pictures
    now: Callable[[], int]


def query(wish: Wish, principal: Principal, *, room: Library) -> Answer:
    """Answer a wish that changes nothing. Raises CallerError; `not_found` for whatever is not the caller's."""
    account = principal.account
    match wish:
        case GetJob(id):
            both = room.jobs.both(account, id)
            if both is None:
                raise not_found()
            return show(JobView(*both), room.outputs, room.now())
        case ListJobs():
            return JobPage(*room.jobs.list_jobs(account, wish))
        case ListDeliveries(job):
            if room.jobs.get(account, job) is None:
                raise not_found()
            return Deliveries(tuple(row.view() for row in room.log.of_job(account, job)))
        case ListModels():
            return Catalogue(tuple(model.describe() for model in catalog.models().values()))
        case ListPresets():
            return Catalogue(tuple(preset.describe() for preset in catalog.presets().values()))
        case ListAssets(limit, cursor):
            return AssetPage(*room.assets.list(account, limit, cursor))
        case GetAsset(id):
            asset = room.assets.get(account, id)
            if asset is None:
                raise not_found()
            return asset
        case GetAccount():
            return view_of(principal, room.accounts)
        case ListEndpoints():
            return EndpointList(tuple(row.endpoint for row in room.endpoints.list(account)))
        case Document():
            return Text("application/json", api.data("openapi.json"))
        case _:
            raise CallerError("method_not_allowed", "This path does not take that method.")


def view_of(principal: Principal, accounts: Accounts) -> AccountView:
    """The caller's account: balances, and the limits of this key."""
    found = accounts.account(principal.account)
    if found is None:
        raise not_found()
    return AccountView(
        principal.account,
        found.name,
        found.available,
        found.granted,
        principal.mode,
        principal.rpm,
        principal.burst,
        tuple(sorted(principal.scopes)),
    )
