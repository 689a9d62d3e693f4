"""What clients and providers do, from a fresh stage until everything is asked. Nobody here knows of faults.

A scenario's first line says what it is about; `ends` are the states in which its jobs may end.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bench.upstreams import A
from tests.crash.stage import CALLBACK, Stage

Play = Callable[[Stage], None]
SMALL: dict[str, Any] = {"width": 512, "height": 512, "format": "jpg"}


@dataclass(frozen=True)
class Scenario:
    """One of them."""

    name: str
    play: Play
    ends: frozenset[str]


SCENARIOS: dict[str, Scenario] = {}


def scenario(*ends: str) -> Callable[[Play], Play]:
    """Put a function on the list."""

    def put(play: Play) -> Play:
        SCENARIOS[play.__name__] = Scenario(play.__name__, play, frozenset(ends or ("completed",)))
        return play

    return put


@scenario()
def studio(stage: Stage) -> None:
    """The built-in renderer, and a callback."""
    stage.ask(model="studio", images=[stage.asset], preset="amazon", seed=1, callback_url=CALLBACK, **SMALL)


@scenario()
def webhook(stage: Stage) -> None:
    """The provider says when it is done."""
    stage.ask(model="first", callback_url=CALLBACK, **SMALL)


@scenario()
def polled(stage: Stage) -> None:
    """The provider says nothing and must be asked."""
    stage.ask(model="polled", **SMALL)


@scenario()
def webhook_lost(stage: Stage) -> None:
    """The provider says so, but nobody hears it: the poller does."""
    stage.outside.fates[A, 0, 1] = "webhook lost"
    stage.ask(model="first", **SMALL)


@scenario()
def webhook_late(stage: Stage) -> None:
    """The provider says so after its attempt has been given up: somebody else has made the picture, this one is lost."""
    stage.outside.fates[A, 0, 1] = "told too late"
    stage.ask(model="both", callback_url=CALLBACK, **SMALL)
