"""A route's health: when its breaker opens, for how long, who may try, and what its averages say."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from packshot.health import LONGEST_PAUSE_MS, PAUSE_MS, PROBE_MS, TRIP, Health, after, verdict

NOW = 1_795_248_000_000

BAD = ("provider_failed", "provider_empty", "provider_black", "provider_lost", "deadline_exceeded", "unreachable")
NEUTRAL = ("", "content_refused", "provider_invalid_input", "provider_canceled", "provider_unsupported", "reused",
           "image_url_status", "image_url_timeout", "image_truncated", "image_missing", "image_mask_size",
           "no_product_found", "mask_nothing")  # fmt: skip
BARRED = ("provider_unauthorized", "provider_quota")


def worn(times: int, outcome: str = "provider_failed", before: Health | None = None, now: int = NOW) -> Health:
    """A route after so many outcomes of one kind."""
    one = before or Health()
    for _ in range(times):
        one = after(one, outcome, now)
    return one


@pytest.mark.parametrize(
    ("outcomes", "said"),
    [(("succeeded",), "good"), (BAD, "bad"), (BARRED, "barred"), (("busy",), "busy"), (NEUTRAL, "")],
)
def test_what_outcomes_say_of_a_route(outcomes: tuple[str, ...], said: str) -> None:
    assert {outcome: verdict(outcome) for outcome in outcomes} == dict.fromkeys(outcomes, said)


@pytest.mark.parametrize("outcome", BAD)
def test_it_opens_at_the_fifth_failure_in_a_row_and_not_before(outcome: str) -> None:
    for times in range(TRIP):
        assert worn(times, outcome).closed(NOW), times
    opened = worn(TRIP, outcome)
    assert (TRIP, opened.opens, opened.until) == (5, 1, NOW + PAUSE_MS)
    assert not opened.closed(NOW) and not opened.half_open(NOW)
    assert (opened.state(NOW), opened.reason) == ("open", outcome)


def test_a_success_between_begins_the_row_again() -> None:
    one = after(worn(TRIP - 1), "succeeded", NOW, took=100)
    assert one.streak == 0 and worn(TRIP - 1, before=one).closed(NOW)


@pytest.mark.parametrize("outcome", NEUTRAL)
def test_the_requests_own_fault_neither_counts_nor_begins_the_row_again(outcome: str) -> None:
    four = worn(TRIP - 1)
    assert after(four, outcome, NOW) is four
    assert not worn(1, before=after(four, outcome, NOW)).closed(NOW)


def test_what_comes_in_while_it_is_open_does_not_make_the_pause_longer() -> None:
    opened = worn(TRIP)
    later = worn(7, before=opened, now=NOW + 5_000)
    assert (later.until, later.opens) == (opened.until, 1)


@pytest.mark.parametrize("outcome", BARRED)
def test_what_is_wrong_with_our_account_opens_it_at_once(outcome: str) -> None:
    opened = after(Health(), outcome, NOW)
    assert (opened.opens, opened.until, opened.reason) == (1, NOW + PAUSE_MS, outcome)


@pytest.mark.parametrize("outcome", BARRED)
def test_ten_calls_in_flight_that_find_no_credit_open_it_once(outcome: str) -> None:
    opened = worn(10, outcome)
    assert (opened.opens, opened.until) == (1, NOW + PAUSE_MS)


def test_no_credit_is_heard_although_the_provider_was_only_busy() -> None:
    busy = after(Health(), "busy", NOW, busy_until=NOW + 5_000)
    assert after(busy, "provider_quota", NOW).until == NOW + PAUSE_MS


@pytest.mark.parametrize("outcome", ["provider_failed", "provider_quota"])
def test_each_failed_probe_doubles_the_pause_up_to_ten_minutes(outcome: str) -> None:
    one, now, pauses = worn(TRIP), NOW, []
    for _ in range(7):
        pauses.append((one.until - now) // 1000)
        now = one.until
        assert one.state(now) == "half-open" and one.half_open(now)
        one = after(replace(one, probe=now + PROBE_MS), outcome, now)
        assert one.probe == 0
    assert pauses == [30, 60, 120, 240, 480, 600, 600] and LONGEST_PAUSE_MS == 600_000


def test_one_call_may_try_when_the_pause_is_over_and_another_a_minute_later() -> None:
    opened = worn(TRIP)
    over = opened.until
    assert not opened.half_open(over - 1) and opened.half_open(over) and not opened.closed(over)
    tried = replace(opened, probe=over + PROBE_MS)
    assert not tried.half_open(over + PROBE_MS - 1) and tried.half_open(over + PROBE_MS)


def test_a_probe_that_succeeds_closes_it_and_forgets_how_often_it_opened() -> None:
    twice = worn(1, before=worn(TRIP), now=NOW + PAUSE_MS)
    assert twice.opens == 2
    closed = after(twice, "succeeded", twice.until, took=4_000)
    assert closed.closed(twice.until) and (closed.streak, closed.opens, closed.until, closed.reason) == (0, 0, 0, "")
    assert worn(TRIP, before=closed).until == NOW + PAUSE_MS


@pytest.mark.parametrize("outcome", ["content_refused", "provider_invalid_input", "busy"])
def test_a_probe_that_tells_nothing_leaves_it_half_open(outcome: str) -> None:
    opened = replace(worn(TRIP), probe=NOW + PAUSE_MS + PROBE_MS)
    told = after(opened, outcome, NOW + PAUSE_MS)
    assert told.opens == 1 and told.half_open(NOW + PAUSE_MS + PROBE_MS)


def test_a_busy_provider_is_left_alone_as_long_as_it_asked_and_then_open_to_all() -> None:
    busy = after(Health(), "busy", NOW, busy_until=NOW + 20_000)
    assert (busy.closed(NOW + 19_999), busy.closed(NOW + 20_000), busy.streak) == (False, True, 0)
    assert after(busy, "busy", NOW, busy_until=NOW + 3_000).until == NOW + 20_000
    assert busy.rate == 1.0 and not busy.half_open(NOW)


def test_averages_move_by_a_tenth() -> None:
    one = after(Health(), "succeeded", NOW, took=10_000)
    assert (one.took, one.rate) == (10_000, 1.0)
    assert after(one, "succeeded", NOW, took=20_000).took == 11_000
    failed = after(one, "provider_failed", NOW, took=600_000)
    assert (failed.took, failed.rate) == (10_000, 0.9)
    assert after(failed, "succeeded", NOW, took=10_000).rate == pytest.approx(0.91)


OUTCOMES = st.sampled_from((*BAD, *NEUTRAL, *BARRED, "busy", "succeeded", "never heard of"))


@given(st.lists(st.tuples(OUTCOMES, st.integers(0, 700_000)), max_size=60))
def test_whatever_comes_it_is_in_one_state_and_no_pause_is_longer_than_ten_minutes(
    told: list[tuple[str, int]],
) -> None:
    one, now = Health(), NOW
    for outcome, gap in told:
        now += gap
        one = after(one, outcome, now, took=gap, busy_until=now + min(gap, 30_000))
        states = {"closed": one.closed(now), "open": one.until > now}
        states["half-open"] = not any(states.values())
        assert [name for name, is_so in states.items() if is_so] == [one.state(now)]
        assert one.half_open(now) <= states["half-open"]
        assert one.until <= now + LONGEST_PAUSE_MS and 0.0 <= one.rate <= 1.0 and one.took >= 0
        assert one.streak < TRIP or one.opens
    assert worn(1, "succeeded", one, now).state(now) == "closed"
