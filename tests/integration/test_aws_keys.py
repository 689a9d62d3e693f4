"""How soon a key that is no longer good stops being one: what a process remembers, on a clock of its own."""

import pytest

from packshot import keys
from packshot.aws.accounts import AccountTable
from tests.integration.test_aws_world import ACME, NOW, TABLE, World, world

__all__ = ["world"]

KEY = keys.mint("live", bytes(range(40)))


class Process:
    """A process with a clock."""

    def __init__(self) -> None:
        self.now = NOW
        self.table = AccountTable(TABLE, lambda: self.now)

    def knows(self, at: int) -> bool:
        """Whether the key is good, so many ms later."""
        self.now = NOW + at
        return self.table.principal(KEY) is not None


@pytest.fixture
def process(world: World) -> Process:
    world.open()
    world.books.create_key(ACME, KEY, ("jobs:read",), at=NOW)
    return Process()


@pytest.mark.parametrize("how", ["revoked", "suspended"])
def test_a_key_is_dead_everywhere_a_minute_after_it_was_taken_away(world: World, process: Process, how: str) -> None:
    early, late = process, Process()
    assert early.knows(0) and late.knows(30_000)
    if how == "revoked":
        world.books.revoke_key(KEY.id)
    else:
        world.books.change(ACME, {"status": "suspended"})
    assert early.knows(59_999)  # remembered; using it does not make the memory younger
    assert not early.knows(60_000)
    assert late.knows(89_999) and not late.knows(90_000)
    assert not Process().knows(30_001)


def test_an_expiry_is_kept_to_the_millisecond_however_fresh_the_memory(world: World, process: Process) -> None:
    world.db.update_item(
        TableName=TABLE,
        Key={"pk": {"S": f"key#{KEY.id}"}, "sk": {"S": "key"}},
        UpdateExpression="SET expires_at = :at",
        ExpressionAttributeValues={":at": {"N": str(NOW + 10_000)}},
    )
    assert process.knows(0) and process.knows(9_999)
    assert not process.knows(10_000)


def test_a_new_key_is_known_after_five_seconds_where_it_was_tried_too_early(world: World) -> None:
    process = Process()
    assert not process.knows(0)
    world.open()
    world.books.create_key(ACME, KEY, ("jobs:read",), at=NOW)
    assert not process.knows(4_999) and process.knows(5_000)


def test_a_good_id_with_another_secret_or_mode_is_nobody(world: World, process: Process) -> None:
    assert process.knows(0)
    for other in (keys.Key("live", KEY.id, "x" * 32), keys.Key("test", KEY.id, KEY.secret)):
        assert process.table.principal(other) is None
