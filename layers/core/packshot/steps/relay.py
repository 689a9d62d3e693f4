"""The table's stream turned into consequences: work for the queues, events for the bus, callbacks.

One record at a time, each by itself: what fails is parked with its reason and the stream goes on.
"""

from dataclasses import dataclass

from packshot import observe
from packshot.ports import Change, Queue
from packshot.steps.consequences import World, carry_out


@dataclass(frozen=True, slots=True)
class Relay:
    """The world, and the queue for what could not be carried out."""

    world: World
    parked: Queue


def relay(changes: list[Change], *, room: Relay) -> None:
    """Carry out what each change made necessary. Raises only when even parking fails: then the stream repeats."""
    for change in changes:
        try:
            _one(change, room.world)
        except Exception as error:  # noqa: BLE001
            observe.log("parked", "ERROR", job=change.job, error=type(error).__name__)
            room.parked.send(
                {
                    "account": change.account,
                    "job": change.job,
                    "delivery": change.delivery,
                    "asset": change.asset,
                    "profile": change.profile,
                    "error": type(error).__name__,
                },
                group=change.account,
            )


def _one(change: Change, world: World) -> None:
    if change.delivery is not None:
        world.callbacks.send(
            {"kind": "delivery", "account": change.account, "id": change.delivery}, group=change.account
        )
    if change.asset is not None:
        world.outbox.look(change.account, asset=change.asset)
    if change.profile is not None:
        world.outbox.look(change.account, profile=change.profile)
    if change.job is None:
        return
    after = change.after or world.jobs.get(change.account, change.job)
    if after is not None:
        carry_out(change.before, after, world)
