"""What an account or a key may spend in a month: counted with the reserve, given back with the finish."""

import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from packshot.aws import budgets, rows
from packshot.aws.jobs import JobTable
from packshot.errors import CallerError, Stale
from packshot.facts import Accepted, Cancelled, DeadlinePassed, Delivered, Ingested, Intended, Lost, Refused, Reused
from packshot.job import Cap, Credits, Failure, Job, Route, State
from packshot.lifecycle import advance
from tests.integration.test_aws_world import ACME, INTENDED, NOW, TABLE, World, lose, output, world

__all__ = ["world"]

USD = 67_000
"""What an image costs upstream in this world, in micro US dollars."""

BOTH = {"account": Cap(credits=100, micro_usd=100 * USD), "kid1": Cap(credits=50)}
DEAREST = (Route("replicate", "google/nano-banana-2", USD), Route("fal", "fal-ai/nano-banana-2", 90_000))
NO = Failure("provider_failed", "No.")


def take(world: World, caps: Mapping[str, Cap], *, idempotency: tuple[str, str] | None = None, **more: Any) -> Job:
    """One more job that counts against these budgets."""
    taken = world.jobs.reserve(*world.job(budgets=tuple(caps), **more), caps=caps, idempotency=idempotency)
    assert isinstance(taken, Job)
    return taken


def fits(world: World, caps: Mapping[str, Cap], **more: Any) -> bool:
    """Whether one more job is taken; if not, nothing was written and the refusal names the budget."""
    before, balance = {name: spent(world, name) for name in caps}, world.balance()
    job, brief = world.job(budgets=tuple(caps), **more)
    try:
        world.jobs.reserve(job, brief, caps=caps)
    except CallerError as error:
        assert error.code == "insufficient_credits"
        assert error.details["needed"] == job.price * job.count
        assert error.details["budget"] in ("account", "key")
        assert {name: spent(world, name) for name in caps} == before
        assert world.balance() == balance
        assert world.jobs.get(job.account, job.id) is None
        assert world.row(job.account, f"brief#{job.id}") is None
        return False
    return True


def spent(world: World, name: str = "account", at: int = NOW) -> tuple[int, int]:
    return world.books.spent(ACME, name, at)


def claim(world: World, job: Job, number: int = 1, route: int = 0) -> Job:
    """The next attempt, by one of the job's routes."""
    way = job.routes[route]
    cost = way.micro_usd * job.calls[0].images
    attempt = replace(INTENDED, number=number, provider=way.provider, model=way.model, micro_usd=cost)
    return world.step(job, Intended(0, attempt, NOW + 400, job.calls[0].due, route))


def deliver(world: World, job: Job, made: int, number: int = 1) -> Job:
    """The open attempt made so many pictures."""
    job = world.step(job, Accepted(0, number, NOW + 500, "abc", job.calls[0].due))
    job = world.step(job, Delivered(0, number, NOW + 8000, ("https://replicate.delivery/xezq/abc/out.jpg",)))
    outputs = tuple(output(place, job.account, job.id) for place in range(made))
    return world.step(job, Ingested(0, number, NOW + 9000, outputs))


def ms(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


# ------------------------------------------------------------------------------------------------------------- caps


@pytest.mark.parametrize(
    ("cap", "jobs"),
    [
        (Cap(credits=6), 3),  # exactly at the cap
        (Cap(credits=7), 3),
        (Cap(credits=5), 2),
        (Cap(micro_usd=3 * USD), 3),
        (Cap(micro_usd=3 * USD - 1), 2),
        (Cap(credits=6, micro_usd=2 * USD), 2),
        (Cap(credits=4, micro_usd=100 * USD), 2),
        (Cap(credits=1), 0),  # a job that can never fit
        (Cap(micro_usd=USD - 1), 0),
        (Cap(credits=0), 0),
        (Cap(micro_usd=0), 0),
        (Cap(credits=0, micro_usd=0), 0),
    ],
)
def test_a_cap_lets_in_what_fits_and_not_a_job_more(world: World, cap: Cap, jobs: int) -> None:
    world.open(monthly=20)
    assert [fits(world, {"account": cap}, price=2) for _ in range(jobs + 2)] == [True] * jobs + [False] * 2
    assert spent(world) == (2 * jobs, USD * jobs)
    assert world.balance() == Credits(20 - 2 * jobs)
    assert world.books.verify(ACME) == ()


def test_a_smaller_job_may_fit_where_a_larger_one_does_not(world: World) -> None:
    world.open(monthly=20)
    caps = {"account": Cap(credits=5)}
    assert fits(world, caps, price=3)
    assert not fits(world, caps, price=1, count=3)
    assert fits(world, caps, price=1, count=2)
    assert not fits(world, caps)


def test_no_dollars_may_be_spent_but_what_costs_none_is_taken(world: World) -> None:
    world.open(monthly=20)
    caps = {"account": Cap(micro_usd=0)}
    free = (Route("studio", "studio"),)
    own = (Route("replicate", "google/nano-banana-2", 0, own=True),)
    assert fits(world, caps, price=2, routes=free)
    assert fits(world, caps, price=2, routes=own)
    assert not fits(world, caps, price=2, routes=(*own, Route("fal", "fal-ai/nano-banana-2", 1)))
    assert spent(world) == (4, 0)


def test_a_key_has_its_own_budget_within_the_accounts(world: World) -> None:
    world.open(monthly=50)
    whole = Cap(credits=6)
    one, two = ({"account": whole, kid: Cap(credits=4)} for kid in ("kid1", "kid2"))
    assert [fits(world, one, price=2) for _ in range(3)] == [True, True, False]
    assert [fits(world, two, price=2) for _ in range(2)] == [True, False]  # the account's is used up first
    assert (spent(world), spent(world, "kid1"), spent(world, "kid2")) == ((6, 3 * USD), (4, 2 * USD), (2, USD))
    with pytest.raises(CallerError) as caught:
        take(world, {"kid1": Cap(credits=4)}, price=2)
    assert caught.value.details == {"needed": 2, "budget": "key"}
    assert "key's budget" in caught.value.message


def test_a_cap_may_be_moved_within_a_month(world: World) -> None:
    world.open(monthly=50)
    assert fits(world, {"account": Cap(credits=10)}, price=8)
    assert not fits(world, {"account": Cap(credits=4)}, price=1)  # now below what is spent already
    assert not fits(world, {"account": Cap(credits=8)}, price=1)
    assert fits(world, {"account": Cap(credits=9)}, price=1)
    assert fits(world, {"account": Cap(micro_usd=3 * USD)}, price=1)  # dollars were counted all along
    assert not fits(world, {"account": Cap(micro_usd=3 * USD)}, price=1)


def test_a_budget_is_the_accounts_own(world: World) -> None:
    world.open(monthly=5)
    world.open("acc_b", monthly=5)
    caps = {"account": Cap(credits=2)}
    assert [fits(world, caps, price=2), fits(world, caps, price=2)] == [True, False]
    assert isinstance(world.jobs.reserve(*world.job("acc_b", price=2, budgets=("account",)), caps=caps), Job)
    assert world.books.spent("acc_b", "account", NOW) == (2, USD)


def test_a_test_job_and_an_account_without_a_cap_have_no_budget(world: World) -> None:
    world.open(monthly=5)
    world.take(price=0, test=True)
    world.take(price=2)
    found = world.db.scan(TableName=TABLE)["Items"]
    assert not [row for row in found if row["sk"]["S"].startswith("budget#")]


# ------------------------------------------------------------------------------------------------------------ races


def test_32_at_once_on_a_budget_for_10_take_exactly_10(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each with a table of its own, as functions have. moto is no database: its requests go one at a time."""
    world.open(monthly=40, topup=60)
    world.metered = False
    caps = {"account": Cap(credits=20, micro_usd=USD * 11), "kid1": Cap(credits=1000)}
    turn, real, start = threading.Lock(), world.db._make_api_call, threading.Barrier(32)

    def one_at_a_time(*given: Any) -> Any:
        with turn:
            return real(*given)

    monkeypatch.setattr(world.db, "_make_api_call", one_at_a_time)
    jobs = [world.job(price=2, budgets=tuple(caps)) for _ in range(32)]

    def submit(number: int) -> str:
        start.wait()
        try:
            JobTable(TABLE).reserve(*jobs[number], caps=caps)
        except CallerError as error:
            return error.code
        return "taken"

    with ThreadPoolExecutor(32) as pool:
        answers = list(pool.map(submit, range(32)))
    assert sorted(answers) == ["insufficient_credits"] * 22 + ["taken"] * 10
    assert spent(world) == spent(world, "kid1") == (20, 10 * USD)
    assert world.balance() == Credits(20, 60)
    assert world.books.sums(ACME).jobs == 10
    assert world.books.verify(ACME) == ()


def test_a_wrong_guess_at_the_pools_counts_once(world: World) -> None:
    world.open(monthly=3, topup=10)
    assert take(world, BOTH, price=4).reserved == Credits(3, 1)
    assert take(world, BOTH, price=4).reserved == Credits(0, 4)
    assert spent(world) == spent(world, "kid1") == (8, 2 * USD)


def test_who_has_neither_budget_nor_credits_hears_of_one(world: World) -> None:
    world.open(monthly=1)
    assert not fits(world, {"account": Cap(credits=1)}, price=2)
    with pytest.raises(CallerError) as caught:
        take(world, {"account": Cap(credits=2)}, price=2)
    assert caught.value.details == {"needed": 2, "monthly_remaining": 1, "topup_remaining": 0}
    assert spent(world) == (0, 0)


@pytest.mark.parametrize("key", [None, ("k", "p")])
def test_a_lost_answer_of_the_reserve_counts_once(world: World, key: tuple[str, str] | None) -> None:
    world.open(monthly=10)
    caps = {"account": Cap(credits=2, micro_usd=USD)}  # used up by the try whose answer is lost
    left = lose("TransactWriteItems")
    job = take(world, caps, price=2, idempotency=key)
    assert left == [0]
    assert world.jobs.get(ACME, job.id) == job
    assert spent(world) == (2, USD)
    if key:  # a replay is told of its job, though there is no room for another
        assert world.jobs.reserve(*world.job(price=2, budgets=("account",)), caps=caps, idempotency=key) == job.id
    assert not fits(world, caps, price=2)
    assert world.books.verify(ACME) == ()


@pytest.mark.parametrize("made", [0, 1, 2])
def test_a_lost_answer_of_the_finish_gives_back_once(world: World, made: int) -> None:
    world.open(monthly=10)
    job = claim(world, take(world, BOTH, price=2, count=2, routes=DEAREST))
    job = world.step(job, Accepted(0, 1, NOW + 500, "abc", job.calls[0].due))
    job = world.step(job, Delivered(0, 1, NOW + 8000, ("https://replicate.delivery/a.jpg",)))
    left = lose("TransactWriteItems")
    outputs = tuple(output(place, ACME, job.id) for place in range(made))
    fact = Ingested(0, 1, NOW + 9000, outputs) if made else Refused(0, 1, NOW + 9000, NO, final=True)
    done = world.step(job, fact)
    assert left == [0]
    assert done.state.terminal
    assert spent(world) == spent(world, "kid1") == (2 * made, 2 * USD)
    assert world.balance() == Credits(10 - 2 * made)
    with pytest.raises(Stale):
        world.jobs.save(done, replace(done, version=done.version + 1))
    assert spent(world) == (2 * made, 2 * USD)


def test_of_two_who_finish_a_job_one_gives_back(world: World) -> None:
    world.open(monthly=10)
    job = claim(world, take(world, BOTH, price=3))
    world.step(job, Cancelled(NOW + 9000))
    with pytest.raises(Stale):
        world.jobs.save(job, advance(job, Refused(0, 1, NOW + 9001, NO, final=True))[0])
    assert spent(world) == spent(world, "kid1") == (0, 0)


# ----------------------------------------------------------------------------------------------------------- finish


@pytest.mark.parametrize(
    ("made", "state", "credits"), [(4, State.COMPLETED, 8), (1, State.PARTIAL, 2), (0, State.FAILED, 0)]
)
def test_a_finish_gives_back_what_was_not_charged(world: World, made: int, state: State, credits: int) -> None:
    world.open(monthly=20)
    job = claim(world, take(world, BOTH, price=2, count=4))
    assert spent(world) == (8, 4 * USD)
    done = deliver(world, job, made) if made else world.step(job, Refused(0, 1, NOW + 9000, NO, final=True))
    assert done.state is state
    assert spent(world) == spent(world, "kid1") == (credits, 4 * USD if made else 0)  # four were made, if not delivered
    assert world.balance() == Credits(20 - credits)
    assert world.books.verify(ACME) == ()


def test_what_was_given_back_is_there_for_the_next_job(world: World) -> None:
    world.open(monthly=20)
    caps = {"account": Cap(credits=2, micro_usd=USD)}
    job = take(world, caps, price=2)
    assert not fits(world, caps, price=2)
    world.step(claim(world, job), Refused(0, 1, NOW + 9000, NO, final=True))
    assert fits(world, caps, price=2)
    assert not fits(world, caps, price=2)


@pytest.mark.parametrize("route", [0, 1])
def test_a_cheaper_route_than_the_dearest_gives_back_the_difference(world: World, route: int) -> None:
    world.open(monthly=20)
    job = take(world, BOTH, price=2, count=2, routes=DEAREST)
    assert spent(world) == (4, 180_000)
    done = deliver(world, claim(world, job, route=route), 2)
    assert done.state is State.COMPLETED
    assert spent(world) == spent(world, "kid1") == (4, (2 * USD, 180_000)[route])


def test_a_canceled_job_gives_back_all_but_what_a_provider_made(world: World) -> None:
    world.open(monthly=20)
    world.step(take(world, BOTH, price=2), Cancelled(NOW + 9000))
    assert spent(world) == spent(world, "kid1") == (0, 0)
    job = claim(world, take(world, BOTH, price=2))
    job = world.step(job, Accepted(0, 1, NOW + 500, "abc", job.calls[0].due))
    made = world.step(job, Delivered(0, 1, NOW + 8000, ("https://replicate.delivery/a.jpg",)))
    assert world.step(made, Cancelled(NOW + 9000)).charged == Credits()
    assert spent(world) == spent(world, "kid1") == (0, USD)


def test_an_attempt_that_nobody_knows_of_may_have_cost_and_counts_beyond_the_cap(world: World) -> None:
    world.open(monthly=20)
    caps = {"account": Cap(micro_usd=90_000)}
    job = claim(world, take(world, caps, routes=DEAREST))
    job = world.step(job, Lost(0, 1, NOW + 500, NOW + 60_000))
    job = world.step(job, DeadlinePassed(INTENDED.deadline))  # the next route is tried
    done = deliver(world, claim(world, job, 2, 1), 1, 2)
    assert done.state is State.COMPLETED
    assert spent(world) == (1, USD + 90_000)
    assert not fits(world, caps, routes=(Route("studio", "studio", 1),))


def test_copies_of_an_equal_jobs_pictures_cost_nothing(world: World) -> None:
    world.open(monthly=20)
    job = take(world, BOTH, price=2)
    copied = (replace(output(0, ACME, job.id), reused=True),)
    done = world.step(job, Reused(0, NOW + 500, copied))
    assert (done.state, done.charged) == (State.COMPLETED, Credits())
    assert spent(world) == spent(world, "kid1") == (0, 0)


# ----------------------------------------------------------------------------------------------------------- months


def test_a_new_month_is_a_new_budget_and_an_old_job_settles_in_its_own(world: World) -> None:
    world.open(monthly=50)
    january, february = ms("2026-01-31T23:59:59.999"), ms("2026-02-01")
    caps = {"account": Cap(credits=2)}
    old = take(world, caps, price=2, created=january)
    assert not fits(world, caps, price=2, created=ms("2026-01-01"))
    take(world, caps, price=2, created=february)
    assert not fits(world, caps, price=2, created=ms("2026-02-28T23:59:59.999"))
    world.step(claim(world, old), Refused(0, 1, february + 9000, NO, final=True))
    assert spent(world, at=january) == (0, 0)
    assert spent(world, at=february) == (2, USD)
    assert fits(world, caps, price=2, created=january)
    assert not fits(world, caps, price=2, created=february)


@pytest.mark.parametrize(
    ("at", "month"),
    [
        ("1970-01-01", "1970-01"),
        ("2024-02-29T23:59:59.999", "2024-02"),
        ("2025-12-31T23:59:59.999", "2025-12"),
        ("2026-01-01", "2026-01"),
    ],
)
def test_months_are_the_calendars_in_utc(at: str, month: str) -> None:
    assert budgets.month_of(ms(at)) == month


def test_a_months_row_is_forgotten_after_a_year(world: World) -> None:
    world.open(monthly=5)
    job = take(world, BOTH, price=2)
    row = rows.unpack(world.row(ACME, budgets.sort_key("kid1", NOW)) or {})
    assert (row["v"], row["credits"], row["micro"]) == (rows.VERSION, 2, USD)
    assert row["expires"] == job.created // 1000 + 400 * 86_400


def test_only_who_has_a_cap_pays_for_counting(world: World) -> None:
    """Two write units for each budget's row, at the reserve and at a finish that gives back."""
    world.open(monthly=20)
    costs = []
    for caps in ({}, {"account": Cap(credits=20)}, {"account": Cap(credits=20), "kid1": Cap(micro_usd=20 * USD)}):
        world.units()
        job = claim(world, take(world, caps, price=1))
        reserve = world.units()[0]
        deliver(world, job, 1)  # all of it was spent: one write of the job alone
        full = world.units()[0]
        job = claim(world, take(world, caps, price=1))
        world.units()
        world.step(job, Cancelled(NOW + 9000))
        costs.append((reserve, full, world.units()[0]))
    first = costs[0]
    assert costs == [tuple(at + more for at, more in zip(first, (n, 0, n), strict=True)) for n in (0, 2, 4)]
