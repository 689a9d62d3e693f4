"""Callback endpoints of an account: made, changed, rotated, tested; deliveries asked for again. The relay sends."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any, Protocol

from packshot import dialects, events, ids, signing, urls
from packshot.answers import Answer, Done, Endpoint
from packshot.delivery import DeliveryRow
from packshot.errors import CallerError, Stale, not_found
from packshot.principal import Principal
from packshot.wire import dump
from packshot.wishes import (
    ChangeEndpoint,
    CreateEndpoint,
    DeleteEndpoint,
    ReplayDelivery,
    ReplayRange,
    RotateEndpoint,
    TestEndpoint,
    Wish,
)

MAX_ENDPOINTS = 20
MAX_REPLAYED = 500
DEFAULT = "default"
"""The id that stands for the account's own secret, which signs a job's `callback_url`."""


class Row(Protocol):
    """A stored endpoint."""

    @property
    def endpoint(self) -> Endpoint: ...


class Endpoints(Protocol):
    """Endpoint rows and sealed signing secrets (`default` is the account's own)."""

    def put(self, account: str, endpoint: Endpoint, secret: bytes) -> None: ...
    def get(self, account: str, endpoint_id: str) -> Row | None: ...
    def list(self, account: str) -> Iterable[Row]: ...
    def change(self, account: str, wish: ChangeEndpoint) -> Row: ...
    def delete(self, account: str, endpoint_id: str) -> None: ...
    def signing(self, account: str, endpoint_id: str) -> Any: ...
    def rotate(self, account: str, endpoint_id: str, before: Any, secret: bytes, old_until: int) -> Any: ...


class Deliveries(Protocol):
    """Delivery rows."""

    def open(
        self,
        account: str,
        *,
        job: str,
        event_id: str,
        type: str,
        target: str,
        url: str,
        body: bytes,
        created: int,
        next_try: int | None = None,
    ) -> DeliveryRow: ...
    def get(self, account: str, delivery_id: str) -> DeliveryRow | None: ...
    def record(self, row: DeliveryRow, attempt: None, state: Any, next_try: int | None) -> DeliveryRow: ...
    def of_endpoint(self, account: str, endpoint: str, since: int, until: int) -> Iterable[DeliveryRow]: ...


class Seals(Protocol):
    """Secrets sealed for an account."""

    def seal(self, account: str, plain: bytes) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Desk:
    """What managing endpoints takes; `now` in ms."""

    endpoints: Endpoints
    deliveries: Deliveries
    seals: Seals
    now: Callable[[], int]
    randomness: Callable[[int], bytes]
    local: bool = False


def manage(wish: Wish, principal: Principal, *, desk: Desk) -> Answer | None:
    """Carry out a wish about callback endpoints; None for any other wish. Raises CallerError."""
    account, now = principal.account, desk.now()
    match wish:
        case CreateEndpoint():
            return _create(wish, account, desk)
        case ChangeEndpoint(url=url):
            if url is not None:
                _check(url, desk.local)
            return desk.endpoints.change(account, wish).endpoint
        case DeleteEndpoint(id):
            desk.endpoints.delete(account, id)
            return Done()
        case RotateEndpoint(id, overlap):
            return _rotate(account, id, now + overlap * 1000, desk)
        case TestEndpoint(id):
            found = _find(account, id, desk)
            event = events.ping(account, found.id, nonce=desk.randomness(10).hex(), at=now)
            desk.deliveries.open(
                account,
                job="test",
                event_id=event["id"],
                type=events.PING,
                target=found.id,
                url=found.url,
                body=dump(event),
                created=now,
            )
            return Done()
        case ReplayDelivery(id):
            row = desk.deliveries.get(account, id)
            if row is None:
                raise not_found()
            return Done(_again([row], now, desk))
        case ReplayRange(id, since, until, failed_only):
            rows = desk.deliveries.of_endpoint(account, _find(account, id, desk).id, since, until)
            return Done(_again([row for row in rows if row.state == "failed" or not failed_only], now, desk))
        case _:
            return None


def _again(rows: list[DeliveryRow], now: int, desk: Desk) -> int:
    """Ask for deliveries to be sent once more: the row says so, the relay sees it. One that is under way stays so."""
    asked = 0
    for row in rows[:MAX_REPLAYED]:
        try:
            desk.deliveries.record(row, None, "pending", now)
            asked += 1
        except Stale:
            continue
    return asked


def _create(wish: CreateEndpoint, account: str, desk: Desk) -> Endpoint:
    if len(tuple(desk.endpoints.list(account))) >= MAX_ENDPOINTS:
        raise CallerError("state_conflict", f"An account has at most {MAX_ENDPOINTS} callback endpoints.")
    _check(wish.url, desk.local)
    if wish.form and (wish.form not in dialects.NAMES or dialects.load(wish.form).callbacks is None):
        known = ", ".join(name for name in dialects.NAMES if dialects.load(name).callbacks is not None)
        raise CallerError("invalid_field", f"Must be one of {known}.", field="form")
    secret = signing.new_secret(desk.randomness(32))
    made = Endpoint(
        ids.make("ep", desk.now(), desk.randomness(10)),
        wish.url,
        wish.events or events.TERMINAL,
        desk.now(),
        description=wish.description,
        form=wish.form,
    )
    desk.endpoints.put(account, made, desk.seals.seal(account, secret.encode()))
    return replace(made, secret=secret)


def _find(account: str, endpoint_id: str, desk: Desk) -> Endpoint:
    row = desk.endpoints.get(account, endpoint_id)
    if row is None:
        raise not_found()
    return row.endpoint


def _rotate(account: str, endpoint_id: str, until: int, desk: Desk) -> Endpoint:
    before = desk.endpoints.signing(account, endpoint_id)
    if before is None:
        raise not_found()
    own = endpoint_id == DEFAULT
    old = Endpoint(DEFAULT, "", events.TERMINAL, desk.now()) if own else _find(account, endpoint_id, desk)
    secret = signing.new_secret(desk.randomness(32))
    try:
        desk.endpoints.rotate(account, endpoint_id, before, desk.seals.seal(account, secret.encode()), until)
    except Stale:
        raise CallerError("state_conflict", "Somebody else has just rotated this secret.") from None
    return replace(old, secret=secret, old_secret_until=until)


def _check(url: str, local: bool) -> None:
    schemes = ("https", "http") if local else ("https",)
    if reason := urls.check(url, schemes=schemes, ports=(443,), local=local):
        raise CallerError("invalid_field", f"This address cannot be called: {reason}.", field="url")
