"""Rows of another schema: the one before is read, all others are refused and parked, never guessed at."""

from typing import Any

import pytest

from packshot.aws import rows, stream
from packshot.errors import PackshotError
from packshot.ports import Change
from tests.integration.test_aws_world import ACME, NOW, TABLE, World, world

__all__ = ["world"]


@pytest.fixture
def newer(monkeypatch: pytest.MonkeyPatch) -> None:
    """The next packshot."""
    monkeypatch.setattr(rows, "VERSION", rows.VERSION + 1)


@pytest.fixture
def taken(world: World) -> str:
    """A job that this packshot took."""
    world.open(topup=5)
    return world.take(price=1).id


def test_the_next_packshot_goes_on_with_this_ones_jobs(world: World, taken: str, newer: None) -> None:
    job = world.jobs.get(ACME, taken)
    assert job
    assert [name for _, name, _ in world.jobs.due("replicate", NOW + 10**9, 10)] == [taken]
    assert world.books.verify(ACME) == ()


def test_a_row_of_a_newer_packshot_is_refused_and_parked(world: World, taken: str) -> None:
    item: dict[str, Any] = {**(world.row(ACME, f"job#{taken}") or {}), "v": {"N": str(rows.VERSION + 1)}}
    world.db.put_item(TableName=TABLE, Item=item)
    with pytest.raises(PackshotError, match="schema"):
        world.jobs.get(ACME, taken)
    record = {"dynamodb": {"Keys": {name: item[name] for name in ("pk", "sk")}, "NewImage": item}}
    assert stream.changes([record]) == [Change(ACME, taken)]  # relay looks at the row, is refused, and parks it
    assert [drift.field for drift in world.books.verify(ACME)][:1] == ["body"]
