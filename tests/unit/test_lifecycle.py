"""Every step meets every fact; the table of legal moves is the whole truth."""

import itertools
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from packshot import lifecycle
from packshot.facts import (
    Accepted,
    Announce,
    Busy,
    CallFact,
    Cancelled,
    CancelRemote,
    DeadlinePassed,
    Delivered,
    Dispatch,
    Ended,
    Fact,
    Ingest,
    Ingested,
    Intended,
    Leak,
    Lost,
    Nudged,
    Refused,
    Reused,
    Running,
    Stranded,
    Watch,
)
from packshot.job import Attempt, Call, Credits, Failure, Job, Output, Route, State, Step
from packshot.lifecycle import MAX_ATTEMPTS, advance, owed

FAILURE = Failure("provider_failed", "It did not work.")


def attempt(number: int = 1, provider: str = "alpha", deadline: int = 5_000) -> Attempt:
    return Attempt(number, provider, provider[0], "token", 1_000, deadline, micro_usd=40_000)


def picture(place: int) -> Output:
    return Output(f"out/{place:02d}", 8, 8, 10, f"sha{place}", "image/jpeg")


def job(step: Step = Step.WAITING, *, calls: int = 1, routes: int = 2, count: int | None = None) -> Job:
    """A job whose first call stands at `step`; two routes, price 3, reserved from both pools."""
    tried = step is not Step.WAITING
    first = Call(
        0,
        1,
        step,
        due=2_000,
        attempts=(attempt(),) if tried else (),
        results=("https://x/1",) if step is Step.DELIVERED else (),
    )
    rest = tuple(Call(place, 1, due=2_000) for place in range(1, calls))
    count = count or calls
    return Job(
        "job_1",
        "acct",
        "m",
        "generate",
        State.PROCESSING if tried else State.PENDING,
        4,
        1_000,
        1_000,
        60_000,
        count,
        3,
        Credits(2, 3 * count - 2),
        (Route("alpha", "a"), Route("beta", "b"))[:routes],
        (first, *rest),
    )


def facts(number: int = 1, call: int = 0, at: int = 1_500) -> list[CallFact]:
    return [
        Intended(call, attempt(number), at, 2_000),
        Accepted(call, number, at, "r1", 2_500),
        Running(call, number, at, 2_500),
        Delivered(call, number, at, ("https://x/1",)),
        Refused(call, number, at, FAILURE),
        Refused(call, number, at, FAILURE, final=True),
        Busy(call, number, at, 3_000),
        Lost(call, number, at, 3_000),
        Ingested(call, number, at, (picture(0),)),
        Nudged(call, at, 9_000),
        Reused(call, at, (replace(picture(0), reused=True),)),
        Stranded(call, at, FAILURE),
    ]


@pytest.mark.parametrize("step", Step)
@pytest.mark.parametrize("fact", facts(), ids=lambda fact: type(fact).__name__)
def test_a_fact_moves_a_call_exactly_where_the_table_says(step: Step, fact: CallFact) -> None:
    before = job(step)
    if step.settled:
        before = replace(before, calls=(before.calls[0], Call(1, 1, due=2_000)), count=2)
    after, effects = advance(before, fact)
    moved = type(fact) in lifecycle.LEGAL[step]
    assert (after is not before) == moved
    if moved:
        assert (after.version, after.updated) == (5, 1_500)
    else:
        assert not [effect for effect in effects if not isinstance(effect, Leak)]


@pytest.mark.parametrize("state", [state for state in State if state.terminal])
@pytest.mark.parametrize(
    "fact", [*facts(), Cancelled(2_000), DeadlinePassed(99_000)], ids=lambda fact: type(fact).__name__
)
def test_a_terminal_state_never_changes(state: State, fact: Fact) -> None:
    before = replace(job(Step.RUNNING), state=state, charged=Credits())
    after, _ = advance(before, fact)
    assert after is before


@pytest.mark.parametrize("fact", facts(number=7), ids=lambda fact: type(fact).__name__)
def test_a_fact_about_another_attempt_changes_nothing(fact: CallFact) -> None:
    for step in Step:
        before = job(step, calls=2)
        after, _ = advance(before, fact)
        assert after is before or isinstance(fact, (Nudged, Reused, Stranded))


def test_one_image_from_pending_to_completed() -> None:
    taken = job(routes=1)
    assert owed(None, taken) == (Announce("job.created"), Dispatch(0, "alpha"))
    working, effects = advance(taken, Intended(0, attempt(), 1_100, 2_000))
    assert working.state is State.PROCESSING and effects == (Announce("job.processing"), Watch("alpha"))
    running, effects = advance(working, Accepted(0, 1, 1_200, "r1", 2_000))
    assert running.calls[0].attempts[0].remote == "r1" and effects == (Watch("alpha"),)
    delivered, effects = advance(running, Delivered(0, 1, 1_900, ("https://x/1",)))
    assert effects == (Ingest(0),)
    done, effects = advance(delivered, Ingested(0, 1, 2_200, (picture(0),), (("ingest", 300),)))
    assert done.state is State.COMPLETED and effects == (Announce("job.completed"), Ended(0, 1))
    assert (done.charged, done.refunded, done.due, done.lane) == (Credits(2, 1), Credits(), None, None)
    assert done.timings == {"ingest": 300}


def test_the_webhook_may_come_before_the_answer_to_the_create() -> None:
    delivered, _ = advance(job(Step.INTENT), Delivered(0, 1, 1_900, ("https://x/1",)))
    again, effects = advance(delivered, Accepted(0, 1, 2_000, "r1", 3_000))
    assert delivered.calls[0].step is Step.DELIVERED and again is delivered and effects == ()


def test_a_refusal_goes_to_the_next_route_and_a_final_one_ends_the_call() -> None:
    onward, effects = advance(job(Step.RUNNING), Refused(0, 1, 2_000, FAILURE))
    assert (onward.calls[0].step, onward.calls[0].route) == (Step.WAITING, 1) and effects == (
        Ended(0, 1),
        Dispatch(0, "beta"),
    )
    assert onward.calls[0].attempts[0].outcome == "provider_failed"
    ended, effects = advance(job(Step.RUNNING), Refused(0, 1, 2_000, FAILURE, final=True))
    assert ended.state is State.FAILED and ended.failure == FAILURE
    assert effects == (Announce("job.failed"), Ended(0, 1))
    assert ended.charged == Credits() and ended.refunded == ended.reserved


def test_busy_waits_and_gives_up_in_the_end() -> None:
    waiting, effects = advance(job(Step.INTENT, routes=1), Busy(0, 1, 2_000, 32_000))
    assert effects == (Ended(0, 1), Dispatch(0, "alpha", delay=30)) and waiting.due == 32_000
    one = job(Step.INTENT)
    crowded = replace(
        one, calls=(replace(one.calls[0], attempts=tuple(attempt(n) for n in range(1, MAX_ATTEMPTS + 1))),)
    )
    after, _ = advance(crowded, Busy(0, MAX_ATTEMPTS, 2_000, 32_000))
    assert after.calls[0].step is Step.FAILED and after.state is State.FAILED


def test_a_busy_provider_is_passed_over_while_there_is_another() -> None:
    onward, effects = advance(job(Step.INTENT), Busy(0, 1, 2_000, 32_000))
    assert (onward.calls[0].route, onward.calls[0].due) == (1, 2_000)
    assert effects == (Ended(0, 1), Dispatch(0, "beta"))
    second, _ = advance(onward, Intended(0, attempt(2, "beta"), 2_100, 3_000))
    back, effects = advance(second, Busy(0, 2, 2_200, 7_200, "unreachable"))  # both were full: the first again
    assert (back.calls[0].route, back.calls[0].due) == (0, 7_200)
    assert effects == (Ended(0, 2), Dispatch(0, "alpha", delay=5))
    third, _ = advance(back, Intended(0, attempt(3), 7_300, 9_000))
    last, _ = advance(third, Refused(0, 3, 7_400, FAILURE))
    assert lifecycle.untried(last, last.calls[0]) == (1,)


def test_a_call_takes_the_route_that_was_chosen() -> None:
    begun, effects = advance(job(), Intended(0, attempt(1, "beta"), 1_100, 2_000, route=1))
    assert begun.calls[0].route == 1 and begun.lane == "beta" and Watch("beta") in effects
    onward, _ = advance(begun, Refused(0, 1, 2_000, FAILURE))
    assert onward.calls[0].route == 0


def test_pictures_of_an_equal_job_cost_nothing() -> None:
    shared = replace(picture(0), reused=True)
    done, effects = advance(job(), Reused(0, 1_200, (shared,)))
    assert (done.state, done.outputs, done.charged) == (State.COMPLETED, (shared,), Credits())
    assert done.refunded == done.reserved and effects == (Announce("job.completed"),)
    half, _ = advance(job(calls=2), Reused(0, 1_200, (shared,)))
    half, _ = advance(half, Intended(1, attempt(), 1_300, 3_000))
    half, _ = advance(half, Delivered(1, 1, 1_400, ("https://x/1",)))
    half, _ = advance(half, Ingested(1, 1, 1_500, (picture(1),)))
    assert half.charged is not None and (half.state, half.charged.total) == (State.COMPLETED, 3)


def test_what_a_job_cost_upstream_is_what_came_back_or_may_have() -> None:
    begun, _ = advance(job(), Intended(0, attempt(), 1_100, 2_000))
    assert begun.spent == 0
    assert advance(begun, Lost(0, 1, 1_200, 2_000))[0].spent == 40_000
    assert advance(begun, Delivered(0, 1, 1_200, ("u",)))[0].spent == 40_000
    assert advance(begun, Refused(0, 1, 1_200, FAILURE))[0].spent == 0
    assert replace(job(), routes=(Route("a", "a", 5), Route("b", "b", 7)), count=3).estimate == 21


def test_an_unknown_outcome_stays_with_its_attempt_until_the_deadline() -> None:
    lost, effects = advance(job(Step.INTENT), Lost(0, 1, 2_000, 4_000))
    assert lost.calls[0].step is Step.INTENT and lost.calls[0].attempts[0].outcome == "unknown" and effects == ()
    assert advance(lost, DeadlinePassed(4_999))[0] is lost
    next_one, effects = advance(lost, DeadlinePassed(5_000))
    assert next_one.calls[0].route == 1 and effects == (Ended(0, 1), Dispatch(0, "beta"))


def test_partial_delivery_charges_what_was_delivered_and_returns_the_rest_to_its_pools() -> None:
    before = replace(job(Step.DELIVERED, calls=2, routes=1), reserved=Credits(5, 1))
    before, _ = advance(before, Ingested(0, 1, 2_000, (picture(0),)))
    before, _ = advance(before, Intended(1, attempt(), 2_100, 3_000))
    after, effects = advance(before, Refused(1, 1, 2_200, FAILURE))
    assert after.state is State.PARTIAL and after.failure == FAILURE
    assert effects == (Announce("job.partial"), Ended(1, 1))
    assert (after.charged, after.refunded) == (Credits(3, 0), Credits(2, 1))


def test_cancelling_gives_everything_back_and_stops_the_provider() -> None:
    after, effects = advance(job(Step.RUNNING), Cancelled(2_000))
    assert after.state is State.CANCELED and after.refunded == after.reserved and after.outputs == ()
    assert effects == (Announce("job.canceled"), CancelRemote(0), Ended(0, 1))


def test_the_jobs_deadline_ends_it_with_what_there_is() -> None:
    before, _ = advance(job(Step.DELIVERED, calls=2), Ingested(0, 1, 2_000, (picture(0),)))
    after, _ = advance(before, DeadlinePassed(60_000))
    assert after.state is State.PARTIAL and after.failure and after.failure.code == "deadline_exceeded"


def test_a_success_after_the_end_is_a_leak_and_nothing_else() -> None:
    ended, _ = advance(job(Step.RUNNING), Cancelled(2_000))
    after, effects = advance(ended, Delivered(0, 1, 3_000, ("https://x/1",)))
    assert after is ended and effects == (Leak(0, 1, "alpha", 40_000),)
    moved_on, _ = advance(job(Step.RUNNING), Refused(0, 1, 2_000, FAILURE))
    second, _ = advance(moved_on, Intended(0, attempt(2, "beta"), 2_100, 3_000))
    same, effects = advance(second, Delivered(0, 1, 3_000, ("https://x/1",)))
    assert same is second and effects == (Leak(0, 1, "alpha", 40_000),)


def test_what_was_delivered_and_then_not_wanted_is_a_leak() -> None:
    _, effects = advance(job(Step.DELIVERED), Cancelled(2_000))
    assert effects == (Announce("job.canceled"), Ended(0, 1), Leak(0, 1, "alpha", 40_000))
    _, effects = advance(job(Step.DELIVERED, routes=1), Refused(0, 1, 2_000, FAILURE))
    assert effects == (Announce("job.failed"), Ended(0, 1), Leak(0, 1, "alpha", 40_000))
    _, effects = advance(job(Step.DELIVERED), Refused(0, 1, 2_000, FAILURE))
    assert effects == (Ended(0, 1), Dispatch(0, "beta"), Leak(0, 1, "alpha", 40_000))
    _, effects = advance(job(Step.DELIVERED), DeadlinePassed(60_000))
    assert Leak(0, 1, "alpha", 40_000) in effects
    done, effects = advance(job(Step.DELIVERED, calls=2), Ingested(0, 1, 2_000, (picture(0),)))
    assert not [one for one in effects if isinstance(one, Leak)]
    _, effects = advance(done, Cancelled(2_500))
    assert Leak(0, 1, "alpha", 40_000) in effects


def test_fewer_pictures_than_asked_make_a_partial_job_that_says_so() -> None:
    before = job(Step.DELIVERED, count=2)
    before = replace(before, calls=(replace(before.calls[0], images=2),))
    after, _ = advance(before, Ingested(0, 1, 2_000, (picture(0),)))
    assert after.state is State.PARTIAL and after.failure == lifecycle.TOO_FEW
    assert after.charged is not None and after.charged.total == 3


def test_results_carry_when_they_were_ready() -> None:
    for fact, ready in ((Delivered(0, 1, 2_000, ("u",), 1_700), 1_700), (Delivered(0, 1, 2_000, ("u",)), 2_000)):
        after, _ = advance(job(Step.RUNNING), fact)
        assert after.calls[0].attempts[0].delivered == ready


def test_what_a_row_still_owes_is_found_in_the_row_alone() -> None:
    assert owed(None, job(Step.DELIVERED)) == (Announce("job.processing"), Ingest(0))
    assert owed(None, job(Step.RUNNING)) == (Announce("job.processing"), Watch("alpha"))


def test_a_job_survives_its_own_row() -> None:
    for step, calls in itertools.product(Step, (1, 3)):
        before = job(step, calls=calls)
        assert Job.load(before.dump()) == before


steps = st.lists(st.tuples(st.integers(0, 13), st.integers(0, 1), st.integers(1, 3)), max_size=25)


@settings(max_examples=300, deadline=None)
@given(steps)
def test_any_sequence_of_facts_keeps_the_promises(choices: list[tuple[int, int, int]]) -> None:
    """Twice is as good as once; terminal is for ever; charged + refunded = reserved; nothing is charged undelivered."""
    now = job(calls=2)
    at = 1_500
    for kind, call, number in choices:
        at += 400
        fact: Fact = [*facts(number, call, at), Cancelled(at), DeadlinePassed(at)][kind]
        if isinstance(fact, Ingested):
            fact = replace(fact, outputs=(picture(call),))
        if isinstance(fact, Reused):
            fact = replace(fact, outputs=(replace(picture(call), reused=True),))
        after, _ = advance(now, fact)
        again, _ = advance(after, fact)
        if not isinstance(fact, (Running, Nudged, Lost, Accepted, Busy)):
            assert again is after
        if now.state.terminal:
            assert after is now
        if after.state.terminal:
            assert after.charged is not None
            assert after.charged + after.refunded == after.reserved
            assert min(after.charged.monthly, after.charged.topup, after.refunded.monthly, after.refunded.topup) >= 0
            assert after.charged.total == after.price * sum(not output.reused for output in after.outputs)
        else:
            assert after.charged is None and after.due is not None and after.lane is not None
        now = after


@pytest.mark.parametrize("step", [Step.INTENT, Step.RUNNING])
def test_a_provider_that_outlives_the_job_is_told_to_stop(step: Step) -> None:
    after, effects = advance(job(step), DeadlinePassed(60_000))
    assert after.state is State.FAILED and effects == (Announce("job.failed"), CancelRemote(0), Ended(0, 1))


def test_a_provider_that_said_no_is_not_told_to_stop() -> None:
    _, effects = advance(job(Step.RUNNING, routes=1), Refused(0, 1, 2_000, FAILURE))
    assert effects == (Announce("job.failed"), Ended(0, 1))
