"""Every minute: whatever stood still longer than it should gets its push. It needs neither stream nor poller."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from packshot import observe, providers
from packshot.ports import Pollers, Queue
from packshot.steps.consequences import World, carry_out
from packshot.steps.tend import Tender, tend_all

GRACE_MS = 30_000
"""How overdue a job must be before the sweep takes it out of its poller's hands."""

SOON_MS = 90_000
BATCH = 50
LATE_MS = 5_000


class Deliveries(Protocol):
    """Delivery rows that wait for their next try."""

    def due(self, until: int, limit: int) -> list[tuple[str, str, int]]:
        """(account, delivery id, due), earliest first."""
        ...


class Parked(Protocol):
    """What the relay could not carry out."""

    def receive(self, limit: int) -> list[tuple[str, dict[str, str]]]:
        """Up to `limit` (receipt, body) pairs."""
        ...

    def delete(self, receipt: str) -> None:
        """Done with it."""
        ...


class Renewals(Protocol):
    """Monthly pools whose time has come."""

    def run(self, now: int) -> int:
        """Fill them up again; how many there were."""
        ...


@dataclass(frozen=True, slots=True)
class Broom:
    """What sweeping takes."""

    tender: Tender
    world: World
    pollers: Pollers
    deliveries: Deliveries
    callbacks: Queue
    parked: Parked
    renewals: Renewals
    now: Callable[[], int]


def sweep(*, room: Broom) -> dict[str, int]:
    """One pass over every lane. Returns what was found, by kind."""
    found = {"jobs": 0, "deliveries": 0, "parked": 0, "pollers": 0, "renewals": room.renewals.run(room.now())}
    for lane in providers.NAMES:
        found["jobs"] += _lane(lane, room)
        found["pollers"] += _poller(lane, room)
    for account, delivery, _ in room.deliveries.due(room.now() - LATE_MS, BATCH):
        room.callbacks.send({"kind": "delivery", "account": account, "id": delivery}, group=account)
        found["deliveries"] += 1
    for receipt, body in room.parked.receive(BATCH):
        found["parked"] += 1
        if _redo(body, room):
            room.parked.delete(receipt)
    observe.metric({f"Swept{name.title()}": count for name, count in found.items()})
    observe.log("swept", found=found)
    return found


def _lane(lane: str, room: Broom) -> int:
    overdue = room.tender.jobs.due(lane, room.now() - GRACE_MS, BATCH)
    tend_all(overdue, room=room.tender)
    if overdue:
        observe.metric({"OldestDueMs": room.now() - overdue[0][2]}, "Milliseconds", lane=lane)
    return len(overdue)


def _poller(lane: str, room: Broom) -> int:
    if providers.load(lane).completion not in ("webhook", "poll"):
        return 0
    now = room.now()
    if not room.tender.jobs.due(lane, now + SOON_MS, 1):
        return 0
    try:
        return int(room.pollers.ensure(lane, now))
    except Exception as error:  # noqa: BLE001
        observe.log("poller did not start", "ERROR", lane=lane, error=type(error).__name__)
        return 0


def _redo(body: dict[str, str], room: Broom) -> bool:
    if "account" not in body:  # the stream's own failure destination names sequence numbers, no rows: for the operator
        observe.log("a batch of the stream was given up; what is due is swept, its events may be missing", "ERROR")
        return False
    try:
        if body.get("delivery"):
            room.callbacks.send(
                {"kind": "delivery", "account": body["account"], "id": body["delivery"]}, group=body["account"]
            )
        for kind in ("asset", "profile"):
            if body.get(kind):
                room.world.outbox.look(body["account"], **{kind: body[kind]})
        if body.get("job"):
            job = room.tender.jobs.get(body["account"], body["job"])
            if job is not None:
                carry_out(None, job, room.world)
    except Exception as error:  # noqa: BLE001
        observe.log("parked change failed again", "ERROR", error=type(error).__name__)
        return False
    return True
