"""One pass over a lane: what it answers must fit the five minutes that an Express execution has."""

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from packshot.steps.poll import LINGER_S, Pass, poll

NOW = 1_000_000_000
EXPRESS_MS = 300_000
POLL_MS = 60_000
"""The poll function's own timeout, in ms."""


@dataclass
class Lane:
    """A lane whose next job is due in `ahead` ms (None: nothing is), and its lease."""

    ahead: int | None
    held: bool = True
    renewed: list[int] = field(default_factory=list)

    def due(self, lane: str, until: int, limit: int) -> list[tuple[str, str, int]]:
        at = NOW + self.ahead if self.ahead is not None else None
        return [("a", "job_1", at)] if at is not None and at <= until and at > NOW else []

    def renew(self, lane: str, until: int) -> None:
        self.renewed.append(until)

    def release(self, lane: str) -> bool:
        was, self.held = self.held, False
        return was

    def answer(self, age: int) -> Pass:
        room: Any = SimpleNamespace(jobs=self, now=lambda: NOW)
        return poll("replicate", NOW - age, room=room, lease=self)


@pytest.mark.parametrize("age", range(0, 300_001, 10_000))
@pytest.mark.parametrize("ahead", [1, 1_000, 60_000, 199_999])
def test_no_wait_outlives_the_execution(age: int, ahead: int) -> None:
    answer = Lane(ahead).answer(age)
    assert answer.next in ("wait", "restart")
    if answer.next == "wait":
        assert age + answer.seconds * 1000 + POLL_MS <= EXPRESS_MS
        assert answer.seconds * 1000 >= ahead


@pytest.mark.parametrize("ahead", [1, 60_000, 199_999])
def test_a_new_execution_waits_and_never_restarts_at_once(ahead: int) -> None:
    lane = Lane(ahead)
    assert lane.answer(0).next == "wait" and len(lane.renewed) == 1


@pytest.mark.parametrize("ahead", [None, 200_001])
def test_a_lane_without_work_is_let_go_and_looked_at_once_more(ahead: int | None) -> None:
    lane = Lane(ahead)
    assert lane.answer(0) == Pass("wait", LINGER_S)
    assert lane.answer(6_000) == Pass("done") and not lane.renewed
