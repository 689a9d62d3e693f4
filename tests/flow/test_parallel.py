"""A hundred submits at once on a balance for ten: ten jobs, in whatever order their requests to the table arrive."""

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import pytest

from packshot.aws import clients, jobs
from packshot.aws.books import Books
from packshot.job import Credits
from tests.flow.conftest import Net, Tenant, make_tenant, net, stack
from tests.flow.test_jobs import JOBS, PROVIDER_JOB, available
from tests.flow.world import World
from tests.turns import Turns

__all__ = ["net", "stack"]

MANY = 100


@pytest.fixture
def turns(stack: World) -> Iterator[Turns]:
    """One task goes on at a time; another may be chosen before each request to the table."""
    chance = random.Random(12)  # noqa: S311
    made = Turns(lambda alive: chance.choice(alive))

    def wait(**_: Any) -> None:
        made.pause()

    events = clients.client("dynamodb").meta.events
    events.register_first("before-send.dynamodb", wait)
    yield made
    events.unregister("before-send.dynamodb", wait)


def told(answers: Sequence[Any]) -> Counter[tuple[int, str]]:
    """How often each answer was given."""
    return Counter((one.status, one.json.get("code", "")) for one in answers)


def state(stack: World, tenant: Tenant) -> tuple[int, int, tuple[str, ...]]:
    """Credits left, jobs there, and what the books find wrong."""
    return (
        available(stack, tenant),
        Books("packshot").sums(tenant.account).jobs,
        Books("packshot").verify(tenant.account),
    )


def test_a_hundred_submits_on_a_balance_for_ten_make_ten_jobs(stack: World, net: Net, turns: Turns) -> None:
    tenant = make_tenant(stack, "acct_one", topup=30)
    one = partial(stack.api, "POST", JOBS, PROVIDER_JOB, key=tenant.key)
    assert told(turns.run(*[one] * MANY)) == {(202, ""): 10, (402, "insufficient_credits"): 90}
    assert state(stack, tenant) == (0, 10, ())
    stack.run()
    assert len(net.creates) == 10


def test_so_do_a_hundred_processes_that_all_believe_the_balance_to_be_whole(
    stack: World, net: Net, turns: Turns, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody knows of anybody else's submit: each sends what would have been right at first."""
    tenant = make_tenant(stack, "acct_one", topup=17)
    assert Books("packshot").grant(tenant.account, "monthly", 13, "g1", at=int(stack.clock.now * 1000), actor="test")
    real = jobs.JobTable.reserve

    def forgetful(self: Any, *given: Any, **more: Any) -> Any:
        fresh = jobs.JobTable("packshot")
        fresh._hints[tenant.account] = Credits(13, 17)
        return real(fresh, *given, **more)

    monkeypatch.setattr(jobs.JobTable, "reserve", forgetful)
    one = partial(stack.api, "POST", JOBS, PROVIDER_JOB, key=tenant.key)
    assert told(turns.run(*[one] * MANY)) == {(202, ""): 10, (402, "insufficient_credits"): 90}
    assert state(stack, tenant) == (0, 10, ())


def test_a_hundred_submits_under_one_idempotency_key_are_one_job(stack: World, net: Net, turns: Turns) -> None:
    tenant = make_tenant(stack, "acct_one", topup=30)
    headers = {"idempotency-key": "order-1"}
    answers = turns.run(*[partial(stack.api, "POST", JOBS, PROVIDER_JOB, key=tenant.key, headers=headers)] * MANY)
    assert told(answers) == {(202, ""): 1, (200, ""): 99}
    assert len({one.json["id"] for one in answers}) == 1
    assert state(stack, tenant) == (27, 1, ())
