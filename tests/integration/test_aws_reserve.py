"""Taking a job: pools, races, replays, lost answers."""

import time
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from packshot.answers import Asset
from packshot.aws import calls, rows
from packshot.aws.assets import AssetTable
from packshot.brief import Image
from packshot.errors import CallerError, Unavailable
from packshot.job import Credits, Job
from tests.integration.test_aws_world import (
    ACME,
    NOW,
    TABLE,
    World,
    claim,
    finish,
    lose,
    world,
)

__all__ = ["world"]


def refused(code: str, world: World, *args: Any, **more: Any) -> CallerError:
    with pytest.raises(CallerError) as caught:
        world.jobs.reserve(*args, **more)
    assert caught.value.code == code
    return caught.value


def test_a_reserve_writes_job_brief_and_balance_together(world: World) -> None:
    world.open(monthly=10)
    job, brief = world.job(price=4)
    taken = world.jobs.reserve(job, brief)
    assert taken == replace(job, reserved=Credits(4))
    assert world.jobs.get(ACME, job.id) == taken
    assert world.jobs.both(ACME, job.id) == (taken, brief)
    assert world.balance() == Credits(6)
    assert world.books.verify(ACME) == ()


def test_what_is_not_there_is_none(world: World) -> None:
    world.open(monthly=1)
    job = world.take()
    assert world.jobs.get("acc_other", job.id) is None
    assert world.jobs.both("acc_other", job.id) is None
    for odd in ("", "x" * 5000, "job#", "ü" * 199):
        assert world.jobs.get(ACME, odd) is None
        assert world.jobs.both(ACME, odd) is None


def test_monthly_credits_are_spent_to_the_last_before_topup(world: World) -> None:
    world.open(monthly=5, topup=10)
    assert world.take(price=4).reserved == Credits(4, 0)
    assert world.take(price=4).reserved == Credits(1, 3)  # the first guess was wrong, the row put it right
    assert world.take(price=4).reserved == Credits(0, 4)
    error = refused("insufficient_credits", world, *world.job(price=4))
    assert error.details == {"needed": 4, "monthly_remaining": 0, "topup_remaining": 3}
    assert world.books.verify(ACME) == ()


def test_a_guess_from_the_wrong_pool_is_put_right_after_a_grant(world: World) -> None:
    world.open(topup=10)
    assert world.take(price=2).reserved == Credits(0, 2)
    assert world.books.grant(ACME, "monthly", 5, "g1", at=NOW, actor="test")
    assert world.take(price=2).reserved == Credits(2, 0)  # although the process believed the monthly pool empty


@pytest.mark.parametrize("balance", [Credits(4, 0), Credits(0, 4), Credits(1, 3)])
def test_the_last_credits_go_to_one_of_two_jobs(world: World, balance: Credits) -> None:
    world.open(monthly=balance.monthly, topup=balance.topup)
    other = type(world.jobs)(TABLE)  # another process
    other._hints[ACME] = world.jobs._hints[ACME] = balance
    assert isinstance(world.jobs.reserve(*world.job(price=4)), Job)
    with pytest.raises(CallerError) as caught:
        other.reserve(*world.job(price=4))
    assert caught.value.code == "insufficient_credits"
    assert world.balance() == Credits()


def test_64_submits_on_a_balance_for_10_take_exactly_10(world: World) -> None:
    world.open(monthly=7, topup=13)
    taken = 0
    for _ in range(64):
        try:
            world.take(price=2)
            taken += 1
        except CallerError as error:
            assert error.code == "insufficient_credits"
    assert (taken, world.balance()) == (10, Credits())
    assert world.books.verify(ACME) == ()


def test_a_test_job_costs_nothing_and_needs_no_credits(world: World) -> None:
    world.open()
    taken = world.take(price=0, test=True)
    assert taken.reserved == Credits()
    done = finish(world, claim(world, taken), 1)
    assert done.charged == Credits()
    assert world.books.verify(ACME) == ()


def test_a_suspended_or_missing_account_takes_no_jobs(world: World) -> None:
    refused("account_inactive", world, *world.job())
    world.open(monthly=5)
    for status in ("suspended", "past_due", "canceled"):
        world.db.update_item(**rows.change(TABLE, ACME, "account", put={"status": status}))
        refused("account_inactive", world, *world.job())
    world.db.update_item(**rows.change(TABLE, ACME, "account", put={"status": "trialing"}))
    assert isinstance(world.jobs.reserve(*world.job()), Job)


def test_an_idempotency_key_gives_the_same_job_and_another_request_is_refused(world: World) -> None:
    world.open(monthly=5)
    first = world.jobs.reserve(*world.job(), idempotency=("k", "print-a"))
    assert isinstance(first, Job)
    assert world.jobs.reserve(*world.job(), idempotency=("k", "print-a")) == first.id
    refused("idempotency_key_reused", world, *world.job(), idempotency=("k", "print-b"))
    assert world.balance() == Credits(4)


def test_a_replay_is_recognised_when_there_are_no_credits_left(world: World) -> None:
    world.open(monthly=1)
    first = world.jobs.reserve(*world.job(), idempotency=("k", "p"))
    assert isinstance(first, Job)
    assert world.jobs.reserve(*world.job(), idempotency=("k", "p")) == first.id


def test_an_idempotency_key_is_forgotten_after_a_day_and_is_the_accounts_own(world: World) -> None:
    world.open(monthly=5)
    world.open("acc_b", monthly=5)
    first = world.jobs.reserve(*world.job(), idempotency=("k", "p"))
    assert isinstance(first, Job)
    assert isinstance(world.jobs.reserve(*world.job("acc_b"), idempotency=("k", "p")), Job)
    later, brief = world.job()
    nearly = replace(later, created=first.created + 86_399_000)
    refused("idempotency_key_reused", world, nearly, brief, idempotency=("k", "other"))
    again = world.jobs.reserve(replace(later, created=first.created + 86_401_000), brief, idempotency=("k", "other"))
    assert isinstance(again, Job)


def test_an_asset_must_be_there_and_not_rejected(world: World) -> None:
    world.open(monthly=5)
    assets = AssetTable(TABLE)
    created = int(time.time() * 1000)
    for name in ("as_good", "as_bad"):
        assets.put(ACME, Asset(name, "uploading", created, "image/jpeg", 10))
    assets.settle(ACME, "as_bad", "rejected", 10, "not a picture")
    job, brief = world.job()
    job = replace(job, created=created)
    for asset, good in (("as_good", True), ("as_bad", False), ("as_none", False)):
        named = replace(brief, images=(brief.images[0], Image("asset", asset)))
        if good:
            assert isinstance(world.jobs.reserve(job, named, assets=(asset,)), Job)
        else:
            fresh = replace(job, id=world.job()[0].id)
            assert refused("unknown_asset", world, fresh, named, assets=(asset,)).field == "images[1]"
    assert world.balance() == Credits(4)
    stranger = replace(world.job("acc_b")[0], created=created)
    world.open("acc_b", monthly=1)
    refused("unknown_asset", world, stranger, named, assets=("as_good",))


@pytest.mark.parametrize("key", [None, ("k", "p")])
def test_one_reserve_when_its_answer_is_lost(world: World, key: tuple[str, str] | None) -> None:
    world.open(monthly=3)
    left = lose("TransactWriteItems")
    job, brief = world.job(price=2)
    taken = world.jobs.reserve(job, brief, idempotency=key)
    assert left == [0]
    assert taken == replace(job, reserved=Credits(2))
    assert world.balance() == Credits(1)
    assert world.books.verify(ACME) == ()


def test_a_lost_reserve_is_ours_even_when_its_job_has_moved_on(world: World) -> None:
    world.open(monthly=3)
    job, brief = world.job()
    moved = claim(world, world.jobs.reserve(job, brief))  # type: ignore[arg-type]
    assert world.jobs.reserve(job, brief) == moved
    assert world.balance() == Credits(2)


def test_another_request_under_a_jobs_id_is_a_replay_or_a_conflict(world: World) -> None:
    world.open(monthly=3)
    job, brief = world.job()
    world.jobs.reserve(job, brief)
    assert world.jobs.reserve(replace(job, request_id="another", created=job.created + 5), brief) == job.id
    refused("state_conflict", world, job, replace(brief, prompt="another"))


def test_every_answer_lost_is_unavailable_and_takes_no_more_than_once(world: World) -> None:
    world.open(monthly=3)
    lose("TransactWriteItems", 3)
    job, brief = world.job()
    with pytest.raises(Unavailable):
        world.jobs.reserve(job, brief)
    assert world.balance() == Credits(2)
    assert isinstance(world.jobs.reserve(job, brief), Job)
    assert world.balance() == Credits(2)


def test_conflicts_are_sat_out_and_then_reported(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.open(monthly=3)
    clock = [0.0]
    monkeypatch.setattr("packshot.aws.calls.time.monotonic", lambda: clock[0])
    monkeypatch.setattr("packshot.aws.calls.time.sleep", lambda seconds: clock.__setitem__(0, clock[0] + seconds))
    answers: Any = {
        "Error": {"Code": "TransactionCanceledException", "Message": ""},
        "CancellationReasons": [{"Code": "None"}, {"Code": "TransactionConflict"}],
    }
    tries = []

    def busy(**request: Any) -> dict[str, Any]:
        tries.append(clock[0])
        if len(tries) < 5 or stuck:
            raise ClientError(answers, "TransactWriteItems")
        return {}

    stuck = False
    assert calls.call(busy) == {}
    stuck = True
    with pytest.raises(Unavailable):
        calls.call(busy)
    assert 2.0 <= clock[0] < 5
