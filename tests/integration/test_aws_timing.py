"""The row of a provider's running times."""

from typing import Any

import pytest

from packshot import timing
from packshot.aws import rows
from packshot.aws.timing import KNOWN_MS, TimingTable
from tests.integration.test_aws_world import TABLE, World, world

__all__ = ["world"]


class Clock:
    now = 0

    def __call__(self) -> int:
        return self.now


def row(world: World) -> dict[str, Any]:
    return rows.unpack(world.row("lane#replicate", "timing") or {"v": {"N": "1"}})


def test_times_are_kept_newest_last_and_bounded(world: World) -> None:
    table = TimingTable(TABLE)
    assert table.looks("replicate") is None
    for second in range(1, timing.KEPT + 11):
        table.add("replicate", second * 1000)
    assert row(world)["seconds"] == list(range(11, timing.KEPT + 11))
    assert TimingTable(TABLE).looks("replicate") == (30, 40, 46)


def test_a_time_costs_one_unit_and_none_in_the_index(world: World) -> None:
    table = TimingTable(TABLE)
    for _ in range(timing.KEPT):
        table.add("replicate", 3_600_000)
    world.units()
    table.add("replicate", 3_600_000)
    assert world.units() == (1, 0)
    assert world.jobs.due("replicate", 2**53, 10) == []


def test_it_is_read_once_a_minute(world: World) -> None:
    clock = Clock()
    table = TimingTable(TABLE, clock)
    assert table.looks("replicate") is None
    for _ in range(timing.ENOUGH):
        table.add("replicate", 4_200)
    clock.now = KNOWN_MS - 1
    assert table.looks("replicate") is None
    clock.now = KNOWN_MS
    assert table.looks("replicate") == (5, 5, 5)


def test_two_at_once_lose_one_time_and_nothing_else(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    slow, quick = TimingTable(TABLE), TimingTable(TABLE)
    slow.add("replicate", 1_000)
    stale = slow._read("replicate")
    quick.add("replicate", 2_000)
    monkeypatch.setattr(slow, "_read", lambda provider: stale)
    slow.add("replicate", 3_000)
    assert row(world)["seconds"] == [1, 2]


def test_a_table_that_does_not_answer_hurts_nobody(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    table = TimingTable("no-such-table")
    assert table.looks("replicate") is None
    table.add("replicate", 1_000)
