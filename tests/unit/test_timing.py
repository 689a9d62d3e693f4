"""Running times: which jobs are measured, what is kept, and what follows from it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from packshot import ids, providers, timing
from packshot.facts import Accepted, Busy, Delivered, Lost, Running
from packshot.job import Attempt
from packshot.replies import Later, Ready, Taken, Unknown, Working
from packshot.steps.dispatch import _first_look
from packshot.steps.upstream import Upstream
from packshot.timing import Looks

TYPICAL = providers.load("replicate").typical


class Known:
    """What is known of running times."""

    def __init__(self, looks: Looks | None) -> None:
        self.known = looks
        self.asked = 0

    def looks(self, provider: str) -> Looks | None:
        self.asked += 1
        return self.known

    def add(self, provider: str, ms: int) -> None:
        raise AssertionError


def upstream(looks: Looks | None = None) -> Upstream:
    return Upstream(None, "", None, Known(looks))  # type: ignore[arg-type]


def attempt(number: int = 1, polls: int = 0) -> Attempt:
    return Attempt(number, "replicate", "m", "t", 1_000_000, 9_000_000, polls=polls)


def test_about_one_job_in_four_is_measured_and_always_the_same_ones() -> None:
    names = [ids.make("job", 1_795_248_000_000 + n, bytes(10)) for n in range(2_000)]
    chosen = [name for name in names if timing.sampled(name)]
    assert 420 < len(chosen) < 580
    assert chosen == [name for name in names if timing.sampled(name)]


def test_too_few_times_say_nothing() -> None:
    assert timing.quantiles([5] * (timing.ENOUGH - 1)) is None
    assert timing.quantiles([5] * timing.ENOUGH) == (5, 5, 5)


@pytest.mark.parametrize(
    ("seconds", "looks"),
    [(range(1, 11), (5, 8, 9)), (range(40, 0, -1), (20, 30, 36)), ([1, 1, 1, 1, 1, 1, 1, 60], (1, 1, 60))],
)
def test_quantiles_are_by_nearest_rank(seconds: range | list[int], looks: Looks) -> None:
    assert timing.quantiles(list(seconds)) == looks


@given(st.lists(st.integers(-5, 3_600_000), max_size=100))
def test_what_is_kept_is_bounded_and_ordered(times: list[int]) -> None:
    kept: tuple[int, ...] = ()
    for ms in times:
        kept = timing.added(kept, ms)
        assert kept[-1] >= 1 and kept[-1] * 1000 >= ms
    assert len(kept) == min(len(times), timing.KEPT)
    looks = timing.quantiles(kept)
    assert looks is None or (looks == tuple(sorted(looks)) and set(looks) <= set(kept))


def test_what_was_found_by_asking_was_ready_halfway() -> None:
    assert timing.halfway(1_000, 9_000) == 5_000
    assert timing.halfway(9_000, 1_000) == 1_000


@pytest.mark.parametrize(
    ("looks", "age", "polls", "seconds"),
    [
        (None, 0, 0, TYPICAL[0]),
        (None, TYPICAL[0], 1, TYPICAL[1] - TYPICAL[0]),
        ((20, 25, 40), 0, 0, 20),
        ((20, 25, 40), 20, 1, 5),
        ((20, 25, 40), 25, 2, 15),
        ((20, 25, 40), 40, 3, 40),
        ((20, 25, 40), 80, 4, 80),
        ((20, 25, 40), 160, 5, 160),
        ((20, 25, 40), 900, 9, 300),
        ((3, 3, 3), 3, 1, 3),
    ],
)
def test_looks_are_at_the_quantiles_after_the_start_and_then_further_and_further_apart(
    looks: Looks | None, age: int, polls: int, seconds: int
) -> None:
    now = 1_000_000 + age * 1000
    assert upstream(looks).next_look(attempt(polls=polls), now) == now + seconds * 1000


def test_what_a_reply_means_for_a_call() -> None:
    up, now = upstream((20, 25, 40)), 1_002_000
    assert up.fact(Taken("r"), 0, attempt(), now=now, due=1_008_000) == Accepted(0, 1, now, "r", 1_008_000)
    assert up.fact(Taken("r"), 0, attempt(), now=now, due=0) == Accepted(0, 1, now, "r", 1_020_000)
    assert up.fact(Working(), 0, attempt(), now=now, due=0) == Running(0, 1, now, 1_020_000)
    assert up.fact(Unknown(), 0, attempt(), now=now, due=0) == Lost(0, 1, now, 1_020_000)
    assert up.fact(Ready(("u",)), 0, attempt(), now=now, due=0, ready=7) == Delivered(0, 1, now, ("u",), 7)


def test_a_result_costs_no_look_at_the_running_times() -> None:
    known = Known(None)
    up = Upstream(None, "", None, known)  # type: ignore[arg-type]
    up.fact(Ready(("u",)), 0, attempt(), now=1_002_000, due=0)
    up.fact(Taken("r"), 0, attempt(), now=1_002_000, due=1_008_000)
    assert known.asked == 0


def test_pauses_after_busy_grow_and_never_undercut_what_the_provider_asked() -> None:
    pauses = []
    for number in range(1, 8):
        fact = upstream().fact(Later(5), 0, attempt(number), now=1_000_000, due=0)
        assert isinstance(fact, Busy)
        pauses.append((fact.until - 1_000_000) // 1000)
    assert pauses == [5, 15, 45, 135, 405, 900, 900]
    asked = upstream().fact(Later(60), 0, attempt(), now=0, due=0)
    assert isinstance(asked, Busy) and asked.until == 60_000


@pytest.mark.parametrize(
    ("completion", "planned", "likely", "first"),
    [
        ("webhook", 8, 8, 8),  # the constants: nothing moves
        ("webhook", 8, 3, 8),  # the webhook comes first: not worth moving
        ("webhook", 8, 9, 8),  # nearly the same
        ("webhook", 8, 30, 30),  # a look at 8 s would be in vain
        ("poll", 8, 3, 3),  # nobody else will tell
        ("poll", 8, 8, 8),
        ("webhook", 0, 8, 8),  # planned for a time that has passed
    ],
)
def test_a_first_look_moves_only_where_that_pays(completion: str, planned: int, likely: int, first: int) -> None:
    assert _first_look(100_000 + planned * 1000, 100_000, completion, likely * 1000) == 100_000 + first * 1000
