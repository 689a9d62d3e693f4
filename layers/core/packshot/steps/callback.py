"""Telling the caller: an event becomes one delivery per target, each tried until it arrives or is given up.

A fan-out only writes rows and one message per target, so that no target waits for another. A try is noted after it was
made, never before: a crash between the two sends the same bytes under the same id once more, and loses nothing.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from packshot import dialects, events, observe, signing
from packshot.answers import JobView
from packshot.brief import Brief
from packshot.delivery import DeliveryRow, DeliveryState, Receiver, Try
from packshot.egress import NoAnswer, NotSent, Posted
from packshot.errors import Stale
from packshot.job import Job
from packshot.ports import Bus, Jobs, Queue
from packshot.steps.view import Gallery, show
from packshot.wire import dump

SCHEDULE = (0, 5, 300, 1_800, 7_200, 18_000, 36_000, 36_000)
"""Seconds before each try, counted from the end of the one before; then the delivery has failed."""

JITTER = 0.1
SECONDS = 15.0
MAX_RETRY_AFTER = 3_600
MAX_QUEUE_DELAY = 900
PATIENCE_MS = 5 * 24 * 3_600_000
"""How long an endpoint may fail, with nothing but failures, before we stop calling it."""

EARLY_MS = 2_000
"""A message this much before its row's time is still on time; one that is earlier is a repeat of an older one."""

BUSY = frozenset({429, 502, 503, 504})
JOB = "job"
"""The target that is a job's own `callback_url`; every other target is an endpoint's id."""


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
        form: str = "",
    ) -> DeliveryRow:
        """Write a pending row that is due at once, unless it exists; the row that stands is returned."""
        ...

    def get(self, account: str, delivery_id: str) -> DeliveryRow | None:
        """The row as it stands (consistent read)."""
        ...

    def record(
        self, row: DeliveryRow, attempt: Try | None, state: DeliveryState, next_try: int | None
    ) -> DeliveryRow:  # fmt: skip
        """Add a try to the row if it is still as it was read. Raises Stale."""
        ...


class Endpoints(Protocol):
    """An account's endpoints and secrets."""

    def of(self, account: str) -> Sequence[Receiver]:
        """All of them."""
        ...

    def secrets(self, account: str, endpoint_id: str | None) -> Sequence[str]:
        """The secrets valid now, newest first; the account's own when `endpoint_id` is None."""
        ...

    def disable(self, account: str, endpoint_id: str, reason: str) -> None:
        """Stop calling it."""
        ...

    def mark(self, account: str, endpoint_id: str, failing_since: int | None) -> None:
        """Since when it has only failed; None once it answered."""
        ...


class Post(Protocol):
    """What `egress` offers for callbacks."""

    def post(self, url: str, headers: Mapping[str, str], body: bytes, seconds: float) -> Posted:
        """Send once. Raises NotSent or NoAnswer."""
        ...


@dataclass(frozen=True, slots=True)
class Courier:
    """What telling takes; `now` in ms, `random` in [0, 1)."""

    jobs: Jobs
    deliveries: Deliveries
    endpoints: Endpoints
    queue: Queue
    bus: Bus
    http: Post
    now: Callable[[], int]
    random: Callable[[], float]
    api_url: str
    gallery: Gallery


def callback(message: Mapping[str, object], *, room: Courier) -> None:
    """Carry out one message of the callbacks queue: an event that is to be told, or a delivery that is to be tried."""
    account = str(message["account"])
    if message["kind"] == "event":
        _fan_out(account, str(message["job"]), str(message["type"]), room)
    else:
        _deliver(account, str(message["id"]), room)


def _fan_out(account: str, job_id: str, type: str, room: Courier) -> None:
    both = room.jobs.both(account, job_id)
    if both is None or not events.happened(both[0], type):
        observe.log("event without its job", "WARNING", account=account, job=job_id, type=type)
        return
    job, brief = both
    event = events.event_of(job, metadata=brief.metadata, type=type, api_url=room.api_url)
    targets = [(JOB, brief.callback_url, brief.dialect)] if brief.callback_url and type in events.TERMINAL else []
    for endpoint in room.endpoints.of(account):
        if not endpoint.disabled and type in (endpoint.events or events.TERMINAL):
            targets.append((endpoint.id, endpoint.url, endpoint.form))
    for target, url, form in targets:
        if form not in ("", brief.dialect):
            continue
        for event_id, body in _bodies(event, job, brief, type, form, room):
            row = room.deliveries.open(
                account, job=job_id, event_id=event_id, type=type, target=target, url=url, body=body,
                created=room.now(), form=form,
            )  # fmt: skip
            if row.state == "pending" and not row.tries:
                room.queue.send({"kind": "delivery", "account": account, "id": row.id}, group=account)


def _bodies(
    event: Mapping[str, Any], job: Job, brief: Brief, type: str, form: str, room: Courier
) -> list[tuple[str, bytes]]:
    """(message id, bytes) of what one target is told: our own event, or a dialect's own bodies at a job's end."""
    write = dialects.load(form).callbacks if form else None
    if write is None:
        return [] if form and type not in events.TERMINAL else [(event["id"], dump(event))]
    if type not in events.TERMINAL:
        return []
    parts = write(show(JobView(job, brief), room.gallery, room.now()))
    return [(f"{event['id']}-{part}", body) for part, body in parts.items()]


def _deliver(account: str, delivery_id: str, room: Courier) -> None:
    row = room.deliveries.get(account, delivery_id)
    at = room.now()
    if row is None or row.state != "pending" or (row.next_try or 0) > at + EARLY_MS:
        return
    endpoint, wrong = None, ""
    if row.target != JOB:
        endpoint = next((one for one in room.endpoints.of(account) if one.id == row.target), None)
        wrong = "endpoint_deleted" if endpoint is None else "endpoint_disabled" if endpoint.disabled else ""
    secrets = [] if wrong else room.endpoints.secrets(account, endpoint.id if endpoint else None)
    if not secrets:
        _note(row, (at, 0, 0, wrong or "no_secret"), "failed", None, room)
        return
    status, retry_after, reason = _send(row, endpoint.url if endpoint else row.url, secrets, at, room)
    ended = room.now()
    given_up = status == 410 or len(row.tries) + 1 >= len(SCHEDULE)
    if endpoint is not None:
        given_up |= _judge(endpoint, row, status, ended, room)
    # A tenant learns the class of a status and roughly how long it took: enough to debug, too little to map a network.
    tried = (at, status // 100 * 100, -(-(ended - at) // 100) * 100, reason)
    if not reason or given_up:
        _note(row, tried, "failed" if reason else "delivered", None, room)
        return
    pause = _pause(len(row.tries) + 1, retry_after, room)
    if _note(row, tried, "pending", ended + pause, room) and pause <= MAX_QUEUE_DELAY * 1000:
        again = {"kind": "delivery", "account": account, "id": row.id}
        room.queue.send(again, group=account, delay=-(-pause // 1000))


def _send(row: DeliveryRow, url: str, secrets: Sequence[str], at: int, room: Courier) -> tuple[int, int | None, str]:
    """(HTTP status or 0, Retry-After, reason: empty when it arrived)."""
    headers = {
        "content-type": "application/json",
        "user-agent": "packshot/1",
        "webhook-id": row.event_id,
        "webhook-timestamp": str(at // 1000),
        "webhook-signature": signing.sign(secrets, row.event_id, at // 1000, row.body),
    }
    sign = dialects.load(row.form).sign if row.form else None
    if sign is not None:
        headers |= sign(secrets, row.event_id, at // 1000, row.body)
    try:
        answer = room.http.post(url, headers, row.body, SECONDS)
    except (NotSent, NoAnswer) as error:
        return 0, None, error.reason
    status = answer.status
    if 200 <= status < 300:
        return status, None, ""
    if status == 410 or status in BUSY:
        return status, answer.retry_after, "gone" if status == 410 else "busy"
    return status, None, "redirect" if 300 <= status < 400 else "status"


def _judge(endpoint: Receiver, row: DeliveryRow, status: int, at: int, room: Courier) -> bool:
    """Keep the endpoint's own record; True when this try was its last."""
    if 200 <= status < 300:
        if endpoint.failing_since is not None:
            room.endpoints.mark(row.account, endpoint.id, None)
        return False
    since = endpoint.failing_since
    if status != 410 and (since is None or at - since < PATIENCE_MS):
        if since is None:
            room.endpoints.mark(row.account, endpoint.id, at)
        return False
    reason = "gone" if status == 410 else "failing"
    event = events.endpoint_disabled(row.account, endpoint.id, url=endpoint.url, reason=reason, cause=row.id, at=at)
    room.bus.put([(events.ENDPOINT_DISABLED, event)])
    room.endpoints.disable(row.account, endpoint.id, reason)
    return True


def _pause(tries: int, retry_after: int | None, room: Courier) -> int:
    """Milliseconds until the next try: by the schedule, with jitter, or what the receiver asked for if that is more."""
    scheduled = SCHEDULE[tries] * 1000 * (1 - JITTER + 2 * JITTER * room.random())
    return round(max(scheduled, min(retry_after or 0, MAX_RETRY_AFTER) * 1000))


def _note(row: DeliveryRow, tried: Try, state: DeliveryState, next_try: int | None, room: Courier) -> bool:
    """Write the try down; False when another worker had the same message, whose note then stands."""
    _, status, ms, reason = tried
    observe.log(
        "callback tried", account=row.account, delivery=row.id, status=status, ms=ms, reason=reason, state=state
    )
    try:
        room.deliveries.record(row, tried, state, next_try)
    except Stale:
        return False
    return True
