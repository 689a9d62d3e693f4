"""Rate limits against a reference, under floods and lost answers."""

import random
from typing import Any

import pytest

from packshot.aws import rate
from packshot.aws.rate import RateTable
from tests.integration.test_aws_world import NOW, TABLE, World, lose, world

__all__ = ["world"]


class Reference:
    """A token bucket the plain way: `burst` tokens, one back every 60 s / rpm."""

    def __init__(self) -> None:
        self.full_at: dict[tuple[str, str], int] = {}

    def take(self, kid: str, bucket: str, rpm: int, burst: int, now: int) -> tuple[bool, int, int]:
        each, at = -(-60_000_000 // rpm), now * 1000
        full_at = max(self.full_at.get((kid, bucket), 0), at)
        if full_at - at > each * (burst - 1):
            return False, 0, -(-(full_at - at - each * (burst - 1)) // 1_000_000)
        self.full_at[kid, bucket] = full_at = full_at + each
        return True, (each * burst - (full_at - at)) // each, -(-(full_at - at) // 1_000_000)


def test_the_rate_limit_agrees_with_a_reference_2400_times(world: World) -> None:
    chance, reference, tables = random.Random(7), Reference(), [RateTable(TABLE), RateTable(TABLE)]  # noqa: S311
    limits = {"a": (60, 20), "b": (600, 5), "c": (7, 1), "d": (7000, 100)}
    now, refusals, writes = NOW, 0, [0]
    world.metered = False

    def count(**_: Any) -> None:
        writes[0] += 1

    world.db.meta.events.register("before-parameter-build.dynamodb.UpdateItem", count)
    for _ in range(2400):
        now += chance.choice((0, 0, 1, 7, 50, 400, 3000))
        kid = chance.choice("abcd")
        rpm, burst = limits[kid]
        got = chance.choice(tables).take(kid, "write", rpm, burst, now)
        assert (got.allowed, got.remaining, got.wait) == reference.take(kid, "write", rpm, burst, now)
        refusals += not got.allowed
    assert 100 < refusals < 2300
    world.db.meta.events.unregister("before-parameter-build.dynamodb.UpdateItem", count)
    assert writes[0] / 2400 < 1.5


def test_a_flood_is_refused_without_writes(world: World) -> None:
    table = RateTable(TABLE)
    assert table.take("k", "b", 60, 1, NOW).allowed
    assert table.take("k", "b", 60, 1, NOW) == rate.Rate(False, 0, 1)
    world.units()
    for _ in range(1000):
        assert not table.take("k", "b", 60, 1, NOW + 500).allowed
    assert world.units() == (0, 0)
    assert table.take("k", "b", 60, 1, NOW + 1000).allowed


@pytest.mark.parametrize("warm", [False, True])
def test_a_lost_answer_charges_twice_at_most(world: World, warm: bool) -> None:
    table = RateTable(TABLE)
    if warm:
        table.take("k", "b", 60, 10, NOW)
    lose("UpdateItem")
    assert table.take("k", "b", 60, 10, NOW).allowed
    left = table.take("k", "b", 60, 10, NOW).remaining
    assert left in ((6, 7) if warm else (7, 8))
