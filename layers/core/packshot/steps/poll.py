"""One pass over a provider's lane: look after what is due, side by side, and say when to come back.

The clock is `statemachines/poller.asl.yaml`. Two pollers of one lane are only waste: every write is conditional.
"""

from dataclasses import dataclass
from typing import Protocol

from packshot.steps.tend import Tender, tend_all

BATCH = 10
"""Jobs looked after in one pass."""

LIFE_MS = 240_000
"""How old one execution may get, its next wait included, before it hands over: Express ends at 5 minutes."""

LINGER_S = 6
"""How long a poller that has let go of its lane stays: a little longer than others believe in a lease unread."""

LOOK_AHEAD_MS = 200_000
"""What is due later than this is left to the sweep, which starts a poller in time."""


class Lease(Protocol):
    """The poller's own row: as long as `until` lies ahead, nobody starts another."""

    def renew(self, lane: str, until: int) -> None:
        """Say that this poller lives until then."""
        ...

    def release(self, lane: str) -> bool:
        """Let go of the lane. True when it was held until now."""
        ...


@dataclass(frozen=True, slots=True)
class Pass:
    """What the state machine needs to know: `next` is `wait` (for `seconds`), `restart` or `done`."""

    next: str
    seconds: int = 0

    def dump(self) -> dict[str, object]:
        """As the state machine reads it."""
        return {"next": self.next, "wait": self.seconds}


def poll(lane: str, started: int, *, room: Tender, lease: Lease) -> Pass:
    """One pass. `started` is when this execution began, in ms."""
    now = room.now()
    tend_all(room.jobs.due(lane, now, BATCH), room=room)
    now = room.now()
    ahead = room.jobs.due(lane, now + LOOK_AHEAD_MS, 1)
    if not ahead:  # somebody may have counted on this poller just before it let go: look once more
        return Pass("wait", LINGER_S) if lease.release(lane) else Pass("done")
    seconds = max(1, -(-(ahead[0][2] - now) // 1000))
    if now + seconds * 1000 - started > LIFE_MS:
        return Pass("restart")
    lease.renew(lane, now + LIFE_MS)
    return Pass("wait", seconds)
