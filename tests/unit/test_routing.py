"""Which of a job's routes comes first, whose key it is made with, and when a call without one is looked at again."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from packshot.health import Health
from packshot.job import Attempt, Call, Credits, Job, Route, State
from packshot.lifecycle import untried
from packshot.routing import HELD_MS, LONGEST_HELD_MS, PREFERENCES, Way, account_of, held_until, named, ordered

NOW = 1_795_248_000_000

WAYS = (
    Way(0, Route("a", "m", 30), Health(rate=0.80, took=9_000), Health(), 5),
    Way(1, Route("b", "m", 10), Health(rate=0.99, took=20_000), Health(), 5),
    Way(2, Route("c", "m", 20), Health(rate=0.95, took=3_000), Health(), 5),
)
ROUTES = tuple(way.route for way in WAYS)


def job(*attempts: tuple[str, str]) -> tuple[Job, Call]:
    """A job by three routes whose call has had attempts, by provider and outcome."""
    made = tuple(Attempt(n, name, "m", "t", 0, 0, outcome=told) for n, (name, told) in enumerate(attempts, 1))
    call = Call(0, 1, attempts=made)
    planned = Job("j", "acct", "flux-2", "generate", State.PENDING, 1, 0, 0, 9, 1, 1, Credits(), ROUTES, (call,))
    return planned, call


@pytest.mark.parametrize(
    ("prefer", "order"),
    [("order", "abc"), ("price", "bca"), ("latency", "cab"), ("success", "bca"), ("", "abc"), ("nonsense", "abc")],
)
def test_the_preferred_way_comes_first(prefer: str, order: str) -> None:
    for ways in (WAYS, WAYS[::-1], (WAYS[1], WAYS[2], WAYS[0])):
        found = "".join(way.route.provider for way in ordered(sorted(ways, key=lambda way: way.place), prefer))
        assert found == order
    assert set(PREFERENCES) == {"order", "price", "latency", "success"}


@pytest.mark.parametrize("prefer", PREFERENCES)
def test_equal_ways_keep_the_jobs_order(prefer: str) -> None:
    same = [Way(place, Route("p", f"m{place}", 10), Health(), Health(), 8) for place in range(4)]
    assert [way.place for way in ordered(same, prefer)] == [0, 1, 2, 3]


def test_what_was_never_measured_counts_as_typical_and_as_never_failing() -> None:
    fresh = Way(3, Route("d", "m", 40), Health(), Health(), 4)
    assert [way.place for way in ordered([*WAYS, fresh], "latency")] == [2, 3, 0, 1]
    assert [way.place for way in ordered([*WAYS, fresh], "success")] == [3, 1, 2, 0]


def test_a_hair_in_the_success_rate_does_not_turn_the_order() -> None:
    near = [replace(WAYS[0], health=Health(rate=0.971)), replace(WAYS[1], health=Health(rate=0.974))]
    assert [way.place for way in ordered(near, "success")] == [0, 1]


def test_an_own_key_has_a_name_of_its_own() -> None:
    mine, _ = job()
    assert account_of(mine, Route("a", "m")) is None
    assert account_of(mine, Route("a", "m", own=True)) == "acct"
    assert account_of(mine, Attempt(1, "a", "m", "t", 0, 0, own=True)) == "acct"
    assert (named("a", None), named("a", "acct")) == ("a", "a@acct")


@pytest.mark.parametrize(
    ("pauses", "wait"),
    [
        ([(0, 0)], HELD_MS),  # no pause runs: somebody else's probe, or every place is taken
        ([(30_000, 0)], 30_000),
        ([(30_000, 60_000)], 60_000),  # both must be over
        ([(90_000, 0), (0, 30_000)], 30_000),  # the first of them
        ([(600_000, 0)], LONGEST_HELD_MS),  # a pause may end early
        ([(-5, 0), (40_000, 0)], HELD_MS),
        ([], HELD_MS),
    ],
)
def test_a_call_is_looked_at_when_the_first_way_may_be_open(pauses: list[tuple[int, int]], wait: int) -> None:
    ways = [
        replace(WAYS[0], health=Health(until=NOW + route), provider=Health(until=NOW + whole))
        for route, whole in pauses
    ]
    assert held_until(ways, NOW) == NOW + wait


@given(st.lists(st.tuples(st.integers(-(10**9), 10**9), st.integers(-(10**9), 10**9)), max_size=5))
def test_the_wait_is_bounded_on_both_sides(pauses: list[tuple[int, int]]) -> None:
    ways = [replace(WAYS[0], health=Health(until=NOW + a), provider=Health(until=NOW + b)) for a, b in pauses]
    assert HELD_MS <= held_until(ways, NOW) - NOW <= LONGEST_HELD_MS


@pytest.mark.parametrize(
    ("attempts", "places"),
    [
        ([], (0, 1, 2)),
        ([("a", "provider_failed")], (1, 2)),
        ([("b", "busy")], (0, 2)),
        ([("a", "busy"), ("b", "provider_failed")], (2,)),
        ([("a", "busy"), ("b", "provider_failed"), ("c", "unreachable")], (0, 2)),
        ([("a", "busy"), ("b", "busy"), ("c", "busy"), ("a", "provider_failed")], (1, 2)),
        ([("a", "provider_failed"), ("b", "provider_quota"), ("c", "deadline_exceeded")], ()),
    ],
)
def test_never_tried_routes_come_before_busy_ones_and_failed_ones_never_again(
    attempts: list[tuple[str, str]], places: tuple[int, ...]
) -> None:
    assert untried(*job(*attempts)) == places
