"""Rate limits at length: thousands of calls against a plain reference, and three processes in every possible order.

The store is a stand-in for one DynamoDB row, which refuses expressions that it does not know; that DynamoDB takes them
too is for tests/integration/test_aws_rate.py.
"""

import random
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import pytest
from botocore.exceptions import ClientError

from packshot.aws.rate import Rate, RateTable
from tests.integration.test_aws_rate import Reference
from tests.turns import Turns, every_order

pytestmark = pytest.mark.sweep

NOW = 1_770_000_000_000
CONDITIONS: Mapping[str, Callable[[int | None, int, int], bool]] = {
    "attribute_not_exists(#tat) OR #tat < :now": lambda tat, now, _: tat is None or tat < now,
    "#tat >= :now AND #tat <= :full": lambda tat, now, full: tat is not None and now <= tat <= full,
}


class Store:
    """The rows, and each request one by one."""

    def __init__(self, turns: Turns | None = None) -> None:
        self.tats: dict[tuple[str, str], int] = {}
        self.turns = turns
        self.calls = 0

    def update_item(self, **asked: Any) -> dict[str, Any]:
        if self.turns:
            self.turns.pause()
        self.calls += 1
        row = asked["Key"]["pk"]["S"], asked["Key"]["sk"]["S"]
        given = {name: int(value["N"]) for name, value in asked["ExpressionAttributeValues"].items()}
        tat, holds = self.tats.get(row), CONDITIONS[asked["ConditionExpression"]]
        if not holds(tat, given[":now"], given.get(":full", 0)):
            item = {} if tat is None else {"Item": {"tat": {"N": str(tat)}}}
            failed = {"Error": {"Code": "ConditionalCheckFailedException", "Message": ""}, **item}
            assert asked["ReturnValuesOnConditionCheckFailure"] == "ALL_OLD"
            raise ClientError(failed, "UpdateItem")
        if "#tat = #tat + :more_tat" in asked["UpdateExpression"]:
            assert tat is not None
            self.tats[row] = tat + given[":more_tat"]
        else:
            assert "#tat = :new_tat" in asked["UpdateExpression"]
            self.tats[row] = given[":new_tat"]
        return {"Attributes": {"tat": {"N": str(self.tats[row])}}}


def table(store: Store) -> RateTable:
    """A process of its own."""
    made = RateTable("packshot")
    made._db = store
    return made


def test_ten_thousand_calls_of_three_processes_agree_with_a_reference() -> None:
    chance, reference, store = random.Random(53), Reference(), Store()  # noqa: S311
    processes = [table(store) for _ in range(3)]
    limits = {"a": (60, 20), "b": (600, 5), "c": (7, 1), "d": (7000, 100), "e": (1, 1), "f": (60_000, 500)}
    now, let = NOW, dict.fromkeys(limits, 0)
    for _ in range(10_000):
        now += chance.choice((0, 0, 0, 1, 7, 50, 400, 3000))
        kid, bucket = chance.choice("abcdef"), chance.choice(("read", "write"))
        rpm, burst = limits[kid]
        got = chance.choice(processes).take(kid, bucket, rpm, burst, now)
        assert (got.allowed, got.remaining, got.wait) == reference.take(kid, bucket, rpm, burst, now)
        let[kid] += got.allowed
    minutes = (now - NOW) / 60_000
    for kid, (rpm, burst) in limits.items():  # two buckets, each a burst and what came back since
        assert 0 < let[kid] <= 2 * (burst + rpm * minutes)
    assert let["e"] < 10_000 / 6 < store.calls


RPM, BURST = 60, 5
COST = 1_000_000
AT = NOW * 1000
STARTS: Mapping[str, tuple[int | None, int]] = {
    "nothing": (None, 5),
    "long idle": (AT - 90 * COST, 5),
    "just idle": (AT - 1, 5),
    "just empty": (AT, 5),
    "room for three": (AT + 2 * COST, 3),
    "room for two": (AT + 3 * COST, 2),
    "room for one": (AT + 4 * COST, 1),
    "almost room for one": (AT + 4 * COST + 1, 0),
    "full": (AT + 5 * COST, 0),
}
"""What stands in the row, and how many requests there is room for."""

MEMORIES: Mapping[str, Callable[[int], int]] = {
    "none": lambda _: 0,
    "true": lambda tat: tat,
    "old": lambda _: AT + 1,
    "future": lambda _: AT + 50 * COST,
}
"""Where a process believes the bucket to stand."""


@pytest.mark.parametrize("memory", MEMORIES)
@pytest.mark.parametrize("start", STARTS)
def test_three_at_once_never_get_more_than_there_is_nor_less(start: str, memory: str) -> None:
    tat, room = STARTS[start]
    orders = 0
    for choose in every_order():
        turns = Turns(choose)
        store = Store(turns)
        if tat is not None:
            store.tats["rate#k", "write"] = tat
        processes = [table(store) for _ in range(3)]
        if MEMORIES[memory](tat or 0):
            for each in processes:
                each._known["k", "write"] = MEMORIES[memory](tat or 0)
        said = turns.run(*(partial(each.take, "k", "write", RPM, BURST, NOW) for each in processes))
        assert all(isinstance(one, Rate) for one in said), said
        let = sum(one.allowed for one in said)
        assert let == min(3, room)
        assert store.tats["rate#k", "write"] == max(tat or 0, AT) + let * COST
        assert sorted(one.remaining for one in said if one.allowed) == list(range(room - let, room))
        orders += 1
    assert orders >= 6


def test_every_order_is_every_order() -> None:
    """Three tasks of two steps each: 90 orders, none of them twice."""
    found = []
    for choose in every_order():
        turns, steps = Turns(choose), []

        def work(name: str, turns: Turns = turns, steps: list[str] = steps) -> None:
            for _ in range(2):
                turns.pause()
                steps.append(name)

        turns.run(*(partial(work, name) for name in "abc"))
        found.append("".join(steps))
    assert len(found) == len(set(found)) == 90
