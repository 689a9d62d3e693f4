"""The outage benchmark in small: jobs in bad weather, over a first provider that fails every other time."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from bench import outage
from bench.upstreams import FATES, MODELS, A, B
from packshot.facts import DeadlinePassed, Delivered, Leak
from packshot.job import Attempt, Call, Credits, Job, Output, Route, State, Step
from packshot.lifecycle import advance

pytestmark = pytest.mark.sweep

JOBS = 60


@pytest.fixture(scope="module")
def ill() -> Iterator[outage.Run]:
    yield outage.run(JOBS, share=0.5)


@pytest.fixture(scope="module")
def well() -> Iterator[outage.Run]:
    yield outage.run(JOBS, share=0.0)


def test_every_promise_holds_while_a_provider_fails(ill: outage.Run) -> None:
    assert list(outage.wrong(ill)) == []
    assert {job.state for job in ill.jobs.values()} == {State.COMPLETED} and len(ill.jobs) == JOBS
    assert {fate for _, _, fate in ill.upstreams.creates} == {"", *FATES}
    assert ill.twice > 5 and ill.leaks


def test_every_promise_holds_while_all_is_well(well: outage.Run) -> None:
    assert list(outage.wrong(well)) == []
    assert {upstream for upstream, _, _ in well.upstreams.creates} == {A} and not well.leaks
    assert len(well.upstreams.creates) == JOBS == len(well.taken)


def test_a_job_that_both_providers_fail_costs_its_caller_nothing() -> None:
    found = outage.run(JOBS // 3, share=0.9, worse=0.9)
    assert list(outage.wrong(found)) == []
    failed = [job for job in found.jobs.values() if job.state is State.FAILED]
    assert 3 < len(failed) < len(found.jobs) and not any(job.charged.total for job in failed if job.charged)
    assert found.spent == outage.PRICE * (len(found.jobs) - len(failed))


def test_what_failures_cost_is_the_other_providers_time_and_price(ill: outage.Run, well: outage.Run) -> None:
    found = outage.figures(ill, well)
    assert found["wrong"] == [] and found["creates_per_attempt_max"] == 1
    assert found["seconds"]["well"]["p95"] < 30 and found["seconds"]["added_per_job"]["p50"] < 60
    paid = found["delivered_by"][A] * MODELS[A][1] + found["delivered_by"][B] * MODELS[B][1]
    assert found["upstream_usd"]["ill"] == pytest.approx(paid / 1e6 + found["leaks"]["usd"])
    assert str(JOBS) in outage.table(found)


def spoiled(found: outage.Run) -> Iterator[tuple[str, outage.Run]]:
    """Runs in each of which one promise is broken, and what is then said."""
    name, job = next(iter(found.jobs.items()))
    picture = Output("outputs/01.jpg", 8, 8, 10, "sha", "image/jpeg")
    (first, *_), creates = found.upstreams.creates, found.upstreams.creates
    yield "lost", replace(found, jobs={one: job for one, job in found.jobs.items() if one != name})
    for said, changes in (
        ("processing", {"state": State.PROCESSING}),
        ("charged 3 for 2", {"outputs": (*job.outputs, picture)}),
        ("charged 6 for 1", {"charged": Credits(0, 6)}),
    ):
        yield said, replace(found, jobs={**found.jobs, name: replace(job, **changes)})
    yield "drift", replace(found, drifts=("a drift",))
    yield "left and", replace(found, balance=found.balance - 1)
    yield "2 creates", replace(found, upstreams=replace(found.upstreams, creates=[*creates, first]))
    yield "1 leaks unlisted", replace(found, leaks=dict(list(found.leaks.items())[1:]))
    yield "1 listed and none", replace(found, leaks={**found.leaks, (name, 0, 9): 1})
    yield "2 dead letters", replace(found, left_over={"dead letters": 2})


def test_a_broken_promise_is_seen(ill: outage.Run) -> None:
    for said, found in spoiled(ill):
        assert said in "; ".join(outage.wrong(found))


def test_a_picture_that_comes_while_its_call_waits_for_the_next_route_is_a_leak() -> None:
    """The first attempt's deadline has passed and no other way is open yet: nothing will take the picture."""
    first = Attempt(1, A, "flux", "token", 1_000, 5_000, micro_usd=45_000)
    job = Job(
        "job_1", "acct_1", "flux-2", "generate", State.PROCESSING, 2, 0, 1_000, 90_000, 1, 3, Credits(0, 3),
        (Route(A, "flux"), Route(B, "flux")), (Call(0, 1, Step.INTENT, due=5_000, attempts=(first,)),),
    )  # fmt: skip
    waits, _ = advance(job, DeadlinePassed(5_000))
    assert waits.calls[0].step is Step.WAITING and waits.calls[0].route == 1
    after, effects = advance(waits, Delivered(0, 1, 6_000, ("https://x.example/1.png",)))
    assert after is waits and effects == (Leak(0, 1, A, 45_000),)
