"""Deliveries: one event on its way to one target, with the bytes that are sent, the same ones for ever. Pure."""

import re
from dataclasses import dataclass
from typing import Literal

from packshot.answers import Delivery

DeliveryState = Literal["pending", "delivered", "failed"]
Try = tuple[int, int, int, str]
"""When (ms), HTTP status or 0, ms taken, reason."""

MAX_TRIES_KEPT = 20
_PART = re.compile(r"[A-Za-z0-9._-]{1,120}")


@dataclass(frozen=True, slots=True)
class DeliveryRow:
    """A delivery as its row holds it. `version` is what a writer must have read; `next_try` is set while pending;
    `form` is the dialect whose signature the body also gets."""

    account: str
    id: str
    job: str
    event_id: str
    type: str
    target: str
    url: str
    body: bytes
    state: DeliveryState
    tries: tuple[Try, ...]
    created: int
    next_try: int | None
    version: int
    form: str = ""

    def view(self) -> Delivery:
        """As its owner sees it: without the body."""
        return Delivery(
            self.id,
            self.job,
            self.event_id,
            self.type,
            self.target,
            self.state,
            self.created,
            self.next_try,
            self.tries,
        )


@dataclass(frozen=True, slots=True)
class Receiver:
    """An endpoint: no `events` means the terminal ones; `disabled` says why; `failing_since` (ms) until it answers;
    `form` is the dialect whose jobs it hears of, in that dialect's form."""

    id: str
    url: str
    events: tuple[str, ...] = ()
    disabled: str | None = None
    failing_since: int | None = None
    form: str = ""


def id_of(job: str, event: str, target: str) -> str:
    """The delivery's id: it holds its three parts, so it finds its row without an index, and needs no escaping in URLs.

    Raises ValueError when a part holds anything but letters, digits, `.`, `_` and `-`.
    """
    parts = (job, event, target)
    if not all(_PART.fullmatch(part) for part in parts):
        raise ValueError("a delivery's parts are plain identifiers")
    return "dlv_" + "~".join(parts)


def parts_of(delivery_id: str) -> tuple[str, str, str] | None:
    """(job, event, target) of an id, or None when it is not a delivery's."""
    parts = delivery_id.removeprefix("dlv_").split("~")
    if not delivery_id.startswith("dlv_") or len(parts) != 3 or not all(_PART.fullmatch(part) for part in parts):
        return None
    return parts[0], parts[1], parts[2]
