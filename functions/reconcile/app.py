"""Every quarter of an hour, for the tour that begins each night.  Whatever disagrees in the books is told."""

import time
from dataclasses import dataclass
from typing import Any

from packshot import env
from packshot.aws.books import Books
from packshot.aws.tours import TourTable
from packshot.steps.reconcile import Auditor, reconcile


@dataclass(frozen=True, slots=True)
class Settings:
    """What this function is given."""

    table_name: str


def now() -> int:
    """Milliseconds since 1970."""
    return time.time_ns() // 1_000_000


settings = env.load(Settings)
room = Auditor(Books(settings.table_name), TourTable(settings.table_name), now)


def handler(event: dict[str, Any], context: Any) -> dict[str, int]:
    """A part of the tour; what it found, by kind."""
    return reconcile(function=context.function_name, room=room)
