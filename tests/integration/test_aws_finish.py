"""Moving and finishing a job: charges, races, lost answers, and what each write costs."""

from dataclasses import replace
from typing import Any

import pytest

from packshot.errors import Stale
from packshot.facts import Cancelled
from packshot.job import Credits, State
from packshot.lifecycle import advance
from tests.integration.test_aws_world import (
    ACME,
    NOW,
    World,
    cancel,
    claim,
    finish,
    lose,
    output,
    world,
)

__all__ = ["world"]


@pytest.mark.parametrize(
    ("made", "state", "charged"),
    [
        (4, State.COMPLETED, 8),
        (1, State.PARTIAL, 2),
        (0, State.FAILED, 0),
    ],
)
def test_a_finish_charges_what_was_delivered(world: World, made: int, state: State, charged: int) -> None:
    world.open(monthly=5, topup=10)
    world.take(price=3)
    world.jobs._hints.clear()
    job = world.take(price=2, count=4)
    assert job.reserved == Credits(2, 6)
    done = finish(world, claim(world, job), made)
    assert (done.state, done.charged and done.charged.total) == (state, charged)
    assert world.jobs.get(ACME, job.id) == done
    assert world.balance() == Credits(0, 4) + done.refunded
    row = world.row(ACME, f"job#{job.id}") or {}
    assert "lane" not in row
    assert "due" not in row
    assert world.books.verify(ACME) == ()


def test_a_stale_writer_loses_and_gives_nothing_back(world: World) -> None:
    world.open(monthly=5)
    job = world.take(price=5)
    seen = claim(world, job)
    cancel(world, seen)
    for stale in (job, seen):
        with pytest.raises(Stale):
            world.jobs.save(stale, advance(stale, Cancelled(NOW + 10_000))[0])
    assert world.balance() == Credits(5)
    with pytest.raises(Stale):  # and a terminal job never moves
        world.jobs.save(world.jobs.get(ACME, job.id), replace(seen, version=99))  # type: ignore[arg-type]


def test_settle_and_cancel_race_and_one_of_them_counts(world: World) -> None:
    for cancel_first in (True, False):
        account = world.open(f"acc_{cancel_first}", monthly=5)
        job = claim(world, world.take(account, price=5))
        canceled, _ = advance(job, Cancelled(NOW + 9000))
        done = replace(canceled, state=State.COMPLETED, charged=Credits(5), outputs=(output(0),))
        first, second = (canceled, done) if cancel_first else (done, canceled)
        world.jobs.save(job, first)
        with pytest.raises(Stale):
            world.jobs.save(job, second)
        assert world.balance(account) == Credits(5 if cancel_first else 0)
        assert world.books.verify(account) == ()


@pytest.mark.parametrize("operation", ["UpdateItem", "TransactWriteItems"])
def test_one_finish_when_its_answer_is_lost(world: World, operation: str) -> None:
    world.open(monthly=5)
    job = claim(world, world.take(price=5))
    left = lose(operation)
    done = finish(world, job, 1) if operation == "UpdateItem" else cancel(world, job)
    assert left == [0]
    assert world.jobs.get(ACME, job.id) == done
    assert world.balance() == Credits(0 if operation == "UpdateItem" else 5)
    assert world.books.verify(ACME) == ()


@pytest.mark.parametrize(
    ("provider", "model", "report"),
    [
        ("replicate", "google/nano-banana-2", {}),
        (
            "studio",
            "studio",
            {
                "engine": "studio-1",
                "set": "studio",
                "cutout_confidence": 0.9312,
                "product_scale": 1.7123,
                "fill": 0.8512,
                "delta_e_mean": 0.4312,
                "delta_e_max": 2.1234,
                "white": 1.0,
                "white_ok": True,
            },
        ),
    ],
)
def test_what_an_ordinary_job_costs_in_write_units(
    world: World,
    provider: str,
    model: str,
    report: dict[str, Any],
) -> None:
    world.open(monthly=50)
    world.units()
    job, brief = world.job(price=4)
    job = replace(job, routes=(replace(job.routes[0], provider=provider, model=model),))
    job = world.jobs.reserve(job, brief)  # type: ignore[assignment]
    assert world.units() == (6, 1)
    job = claim(world, job)
    assert world.units() == (1, 0)
    full = replace(output(0, ACME, job.id), report=report)
    done, _ = advance(job, Cancelled(NOW + 9000))
    attempt = replace(
        job.calls[0].attempts[0],
        provider=provider,
        model=model,
        remote="abcdefghijklmnopqrstuvwx12",
        polls=2,
        ended=NOW + 9000,
        outcome="succeeded",
    )
    done = replace(
        done,
        state=State.COMPLETED,
        charged=Credits(4),
        outputs=(full,),
        calls=(replace(job.calls[0], attempts=(attempt,)),),
        timings={"fetch": 310, "cut_out": 900, "compose": 420, "store": 50},
    )
    world.jobs.save(job, done)
    assert world.units() == (1, 1)
    assert world.jobs.get(ACME, job.id) == done


def test_a_finish_that_gives_back_is_two_transacted_rows(world: World) -> None:
    world.open(monthly=50)
    job = claim(world, world.take(price=4))
    world.units()
    cancel(world, job)
    assert world.units() == (4, 1)


def test_a_leak_is_recorded_once(world: World) -> None:
    world.open(monthly=5)
    job = world.take()
    world.jobs.leak(job, 0, 1, "replicate", 67_000)
    world.jobs.leak(job, 0, 1, "replicate", 1)
    row = world.row(ACME, f"leak#{job.id}#0#1") or {}
    assert row["micro_usd"] == {"N": "67000"}
