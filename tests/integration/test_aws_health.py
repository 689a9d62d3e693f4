"""Rows around the router: health, places, whose call a name is, where a request's name leads."""

import json
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import pytest

from packshot.aws import rows
from packshot.aws.claims import ClaimTable
from packshot.aws.health import KNOWN_MS, HealthTable
from packshot.aws.remotes import KNOWN_S, RemoteTable
from packshot.aws.slots import SlotTable
from packshot.health import PAUSE_MS, PROBE_MS, TRIP, Health
from tests.integration.test_aws_world import ACME, NOW, TABLE, World, lose, world

__all__ = ["world"]

MODEL, NAME = "google/nano-banana-2", "replicate"
DAY = NOW + 86_400_000


class Clock:
    """A time that stands still."""

    now = NOW

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def put_health(world: World, one: Health, model: str = MODEL, ver: int = 1) -> None:
    row = {"pk": f"health#{NAME}", "sk": model, "ver": ver, "body": json.dumps(asdict(one))}
    world.db.put_item(**rows.insert(TABLE, row, only_if=""))


def meanwhile(
    monkeypatch: pytest.MonkeyPatch, owner: object, name: str, act: Callable[[], object], times: int = 1
) -> None:
    """Let somebody else be quicker, so many times, just before a method writes."""
    real, left = getattr(owner, name), [times]

    def slow(*args: Any) -> Any:
        if left[0]:
            left[0] -= 1
            act()
        return real(*args)

    monkeypatch.setattr(owner, name, slow)


# --- health ----------------------------------------------------------------------------------------------------------
def test_an_outcome_is_kept_with_its_route_and_read_by_all(world: World, clock: Clock) -> None:
    table = HealthTable(TABLE, clock)
    assert table.of(NAME) == {}
    noted = table.note(NAME, MODEL, "succeeded", took=4_000)
    assert noted == Health(took=4_000)
    table.note(NAME, "other", "provider_failed")
    table.note(f"{NAME}@{ACME}", MODEL, "provider_failed")
    assert table.of(NAME) == {MODEL: Health(took=4_000), "other": Health(streak=1, rate=0.9)}
    assert HealthTable(TABLE, clock).of(f"{NAME}@{ACME}") == {MODEL: Health(streak=1, rate=0.9)}


def test_what_was_read_is_believed_for_five_seconds(world: World, clock: Clock) -> None:
    reader, writer = HealthTable(TABLE, clock), HealthTable(TABLE, clock)
    assert reader.of(NAME) == {}
    for _ in range(TRIP):
        writer.note(NAME, MODEL, "provider_failed")
    clock.now += KNOWN_MS - 1
    assert reader.of(NAME) == {}
    clock.now += 1
    assert reader.of(NAME)[MODEL].opens == 1
    reader.note(NAME, MODEL, "succeeded", took=1)
    assert reader.of(NAME)[MODEL].opens == 0  # what it wrote itself it knows at once


def test_what_changes_nothing_is_not_written(world: World, clock: Clock) -> None:
    world.units()
    assert HealthTable(TABLE, clock).note(NAME, MODEL, "content_refused") == Health()
    assert world.units() == (0, 0)
    HealthTable(TABLE, clock).note(NAME, MODEL, "provider_failed")
    assert world.units() == (1, 0)


def test_an_outcome_that_loses_a_race_is_counted_all_the_same(
    world: World, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow, quick = HealthTable(TABLE, clock), HealthTable(TABLE, clock)
    meanwhile(monkeypatch, slow, "_write", lambda: quick.note(NAME, MODEL, "provider_failed"), times=2)
    assert slow.note(NAME, MODEL, "provider_failed") == Health(streak=3, rate=0.9**3)
    assert quick.of(NAME)[MODEL].streak == 3


def test_an_outcome_that_loses_every_race_is_dropped(
    world: World, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow, quick = HealthTable(TABLE, clock), HealthTable(TABLE, clock)
    meanwhile(monkeypatch, slow, "_write", lambda: quick.note(NAME, MODEL, "provider_failed"), times=9)
    assert slow.note(NAME, MODEL, "provider_failed") is None
    assert quick.of(NAME)[MODEL].streak == 3


def test_a_lost_answer_counts_an_outcome_twice_at_most(world: World, clock: Clock) -> None:
    table = HealthTable(TABLE, clock)
    table.note(NAME, MODEL, "provider_failed")
    left = lose("UpdateItem")
    table.note(NAME, MODEL, "provider_failed")
    assert left == [0] and table.of(NAME)[MODEL].streak in (2, 3)


def test_one_of_many_may_probe_and_another_after_a_minute(world: World, clock: Clock) -> None:
    opened = Health(streak=TRIP, opens=1, until=NOW + PAUSE_MS, reason="provider_failed")
    put_health(world, opened)
    tables = [HealthTable(TABLE, clock) for _ in range(5)]
    assert not any(table.probe(NAME, MODEL) for table in tables)
    clock.now += PAUSE_MS
    assert [table.probe(NAME, MODEL) for table in tables] == [True, False, False, False, False]
    clock.now += PROBE_MS - 1
    assert not tables[0].probe(NAME, MODEL)
    clock.now += 1
    assert [table.probe(NAME, MODEL) for table in tables[::-1]] == [True, False, False, False, False]


def test_two_who_read_the_same_half_open_row_do_not_both_probe(
    world: World, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_health(world, Health(streak=TRIP, opens=1, until=NOW))
    slow, quick, won = HealthTable(TABLE, clock), HealthTable(TABLE, clock), []
    meanwhile(monkeypatch, slow, "_write", lambda: won.append(quick.probe(NAME, MODEL)))
    assert not slow.probe(NAME, MODEL) and won == [True]


def test_a_lost_answer_never_lets_two_probe(world: World, clock: Clock) -> None:
    put_health(world, Health(streak=TRIP, opens=1, until=NOW))
    left = lose("UpdateItem")
    tried = [HealthTable(TABLE, clock).probe(NAME, MODEL) for _ in range(3)]
    assert left == [0] and sum(tried) <= 1


def test_a_closed_route_needs_no_probe_and_writes_none(world: World, clock: Clock) -> None:
    world.units()
    assert HealthTable(TABLE, clock).probe(NAME, MODEL)
    assert world.units() == (0, 0)


def test_a_table_that_does_not_answer_hurts_nobody(world: World, clock: Clock) -> None:
    table = HealthTable("no-such-table", clock)
    assert table.of(NAME) == {}
    assert table.note(NAME, MODEL, "provider_failed") is None


@pytest.mark.parametrize(
    "more",
    [{"body": "[1"}, {"body": '{"mood": 1}'}, {"body": "7"}, {"v": 99, "body": "{}"}, {}],
    ids=["no JSON", "a field of tomorrow", "no object", "a schema of tomorrow", "no body"],
)
def test_a_row_that_nobody_can_read_stops_nobody(world: World, clock: Clock, more: dict[str, Any]) -> None:
    world.db.put_item(TableName=TABLE, Item=rows.pack({"v": 1, "pk": f"health#{NAME}", "sk": MODEL, "ver": 3, **more}))
    table = HealthTable(TABLE, clock)
    assert table.of(NAME).get(MODEL, Health()) == Health()
    table.note(NAME, MODEL, "provider_failed")


# --- places ----------------------------------------------------------------------------------------------------------
UNTIL = NOW + 600_000


def test_there_are_as_many_places_as_there_are(world: World, clock: Clock) -> None:
    table = SlotTable(TABLE, clock)
    taken = [table.take(NAME, 3, f"t{n}", UNTIL) for n in range(5)]
    assert sorted(taken[:3]) == [0, 1, 2] and taken[3:] == [None, None]
    table.free(NAME, taken[1], "t1")
    assert SlotTable(TABLE, clock).take(NAME, 3, "t9", UNTIL) == taken[1]
    assert table.take("fal", 3, "t1", UNTIL) is not None  # another provider's
    assert table.take(NAME, 0, "t1", UNTIL) is None


def test_only_whose_place_it_is_gives_it_back(world: World, clock: Clock) -> None:
    table = SlotTable(TABLE, clock)
    assert table.take(NAME, 1, "mine", UNTIL) == 0
    for token in ("yours", ""):
        table.free(NAME, 0, token)
    table.free(NAME, 7, "mine")
    assert table.take(NAME, 1, "yours", UNTIL) is None
    table.free(NAME, 0, "mine")
    assert table.take(NAME, 1, "yours", UNTIL) == 0
    table.free(NAME, 0, "mine")  # told a second time, when it is another's
    assert table.take(NAME, 1, "theirs", UNTIL) is None


def test_a_place_that_nobody_gives_back_is_free_again_in_time(world: World, clock: Clock) -> None:
    table = SlotTable(TABLE, clock)
    assert table.take(NAME, 1, "dead", UNTIL) == 0
    clock.now = UNTIL - 1
    assert table.take(NAME, 1, "new", UNTIL * 2) is None
    clock.now = UNTIL
    assert table.take(NAME, 1, "new", UNTIL * 2) == 0
    table.free(NAME, 0, "dead")
    assert table.take(NAME, 1, "other", UNTIL * 2) is None


@pytest.mark.parametrize("quicker", [1, 2, 3])
def test_who_loses_a_place_takes_another_or_none_and_no_place_has_two(
    world: World, clock: Clock, monkeypatch: pytest.MonkeyPatch, quicker: int
) -> None:
    slow, quick = SlotTable(TABLE, clock), SlotTable(TABLE, clock)
    taken: list[int | None] = []

    def take() -> None:
        taken.extend(quick.take(NAME, 3, f"q{n}", UNTIL) for n in range(quicker))

    meanwhile(monkeypatch, slow, "_put", take)
    mine = slow.take(NAME, 3, "slow", UNTIL)
    assert (mine is None) is (quicker == 3)
    assert len({*taken, mine}) == quicker + 1
    left = {0, 1, 2} - {*taken, mine}
    assert quick.take(NAME, 3, "last", UNTIL) in (left or {None})


@pytest.mark.parametrize("free", [False, True])
def test_a_lost_answer_does_not_cost_a_place(world: World, clock: Clock, free: bool) -> None:
    table = SlotTable(TABLE, clock)
    left = lose("PutItem") if not free else [0]
    assert table.take(NAME, 1, "mine", UNTIL) == 0
    if free:
        left = lose("PutItem")
    table.free(NAME, 0, "mine")
    assert left == [0] and table.take(NAME, 1, "yours", UNTIL) == 0


# --- whose call a name is --------------------------------------------------------------------------------------------
FIRST, SECOND, THIRD = ("job_1", 0), ("job_2", 1), ("job_3", 0)
TWIN = "ab" * 32


def test_the_first_has_the_name_and_keeps_it(world: World) -> None:
    table = ClaimTable(TABLE)
    assert table.claim(ACME, TWIN, FIRST, DAY) == FIRST
    assert ClaimTable(TABLE).claim(ACME, TWIN, SECOND, DAY) == FIRST
    assert table.claim(ACME, TWIN, FIRST, DAY) == FIRST
    row = world.row(ACME, f"twin#{TWIN}")
    assert row is not None and rows.unpack(row)["expires"] == DAY // 1000


def test_accounts_and_names_do_not_meet(world: World) -> None:
    table = ClaimTable(TABLE)
    assert table.claim(ACME, TWIN, FIRST, DAY) == FIRST
    assert table.claim("acc_other", TWIN, SECOND, DAY) == SECOND
    assert table.claim(ACME, "cd" * 32, SECOND, DAY) == SECOND


def test_of_two_who_take_over_from_the_same_one_gets_it(world: World) -> None:
    table = ClaimTable(TABLE)
    table.claim(ACME, TWIN, FIRST, DAY)
    assert table.claim(ACME, TWIN, SECOND, DAY, instead=FIRST) == SECOND
    assert table.claim(ACME, TWIN, THIRD, DAY, instead=FIRST) == SECOND
    assert table.claim(ACME, TWIN, FIRST, DAY, instead=("job_2", 0)) == SECOND  # another call of that job
    assert table.claim(ACME, TWIN, FIRST, DAY) == SECOND


@pytest.mark.parametrize("instead", [None, FIRST])
def test_a_lost_answer_does_not_cost_the_name(world: World, instead: tuple[str, int] | None) -> None:
    table = ClaimTable(TABLE)
    if instead:
        table.claim(ACME, TWIN, instead, DAY)
    left = lose("PutItem")
    assert table.claim(ACME, TWIN, SECOND, DAY, instead=instead) == SECOND and left == [0]


def test_a_name_that_expired_between_two_looks_is_free(world: World) -> None:
    assert ClaimTable(TABLE).claim(ACME, TWIN, SECOND, DAY, instead=FIRST) == SECOND


# --- where a request's name leads ------------------------------------------------------------------------------------
PLACE = (ACME, "job_1", 0, 2)


def test_a_name_leads_to_its_attempt_for_two_days(world: World) -> None:
    table = RemoteTable(TABLE)
    for _ in range(2):
        table.put("claid", "req-1", PLACE, NOW)
    assert RemoteTable(TABLE).find("claid", "req-1") == PLACE
    assert table.find("claid", "req-2") is None and table.find("bfl", "req-1") is None
    row = world.row("remote#claid", "req-1")
    assert row is not None and rows.unpack(row)["expires"] == NOW // 1000 + KNOWN_S == NOW // 1000 + 2 * 86_400


@pytest.mark.parametrize("name", ["", "x" * 500, "x" * 5_000, "\x00", "remote#claid", "ü" * 400, "*"])
def test_a_strangers_name_is_simply_not_there(world: World, name: str) -> None:
    assert RemoteTable(TABLE).find("claid", name) is None


@pytest.mark.parametrize("name", ["", "x" * 500, "x" * 5_000])
def test_the_table_is_not_asked_for_what_it_would_not_take(world: World, name: str) -> None:
    assert RemoteTable("no-such-table").find("claid", name) is None


@pytest.mark.parametrize("operation", ["PutItem", "GetItem"])
def test_a_lost_answer_loses_no_name(world: World, operation: str) -> None:
    table = RemoteTable(TABLE)
    left = lose(operation)
    table.put("claid", "req-1", PLACE, NOW)
    assert table.find("claid", "req-1") == PLACE and left == [0]
