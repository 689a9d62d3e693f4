"""The ledger as a state machine: whatever happens in whatever order, the books are right."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from packshot.errors import CallerError
from packshot.job import Credits, Job
from tests.integration.test_aws_world import NOW, TABLE, World, cancel, claim, create_table, finish, lose, world

__all__ = ["world"]

RUNS, STEPS = (100, 30) if "PACKSHOT_SOAK" in os.environ else (12, 12)
"""How many lives of an account, of how many steps: more with `make soak`."""


@contextmanager
def losing(lost: bool) -> Iterator[None]:
    """The answer of one write of each kind is lost, of no later one: three in a row would end the SDK's patience."""
    armed = [lose(operation) for operation in ("UpdateItem", "TransactWriteItems") if lost]
    try:
        yield
    finally:
        for left in armed:
            left[0] = 0


class Ledger(RuleBasedStateMachine):
    """Grants, reserves and every way to finish, in any order: each pool's sums always agree with a plain model."""

    world: World

    @initialize(monthly=st.integers(0, 9), topup=st.integers(0, 9))
    def opened(self, monthly: int, topup: int) -> None:
        self.world.metered = False
        self.world.db.delete_table(TableName=TABLE)  # moto's transactions copy the whole table: keep it small
        create_table()
        self.world.serial += 1
        self.account = self.world.open(f"acc_{self.world.serial}", monthly, topup)
        self.left, self.open, self.grants = Credits(monthly, topup), list[Job](), 0

    @rule(pool=st.sampled_from(["monthly", "topup"]), amount=st.integers(1, 9), repeat=st.booleans())
    def granted(self, pool: str, amount: int, repeat: bool) -> None:
        self.grants += 1
        for _ in range(1 + repeat):
            self.world.books.grant(self.account, pool, amount, f"g{self.grants}", at=NOW, actor="t")
        self.left += Credits(**{pool: amount})

    @rule(price=st.integers(0, 4), count=st.integers(1, 3), lost=st.booleans())
    def taken(self, price: int, count: int, lost: bool) -> None:
        total = price * count
        try:
            with losing(lost):
                job = self.world.take(self.account, price=price, count=count)
        except CallerError:
            assert total > self.left.total
            return
        monthly = min(total, self.left.monthly)
        assert job.reserved == Credits(monthly, total - monthly)
        self.left -= job.reserved
        self.open.append(job)

    @precondition(lambda self: self.open)
    @rule(made=st.integers(0, 3), lost=st.booleans(), stop=st.booleans())
    def finished(self, made: int, lost: bool, stop: bool) -> None:
        job = claim(self.world, self.open.pop())
        with losing(lost):
            done = cancel(self.world, job) if stop else finish(self.world, job, min(made, job.count))
        self.left += done.refunded

    @invariant()
    def the_books_are_right(self) -> None:
        assert self.world.balance(self.account) == self.left
        assert self.world.books.verify(self.account) == ()


def test_the_ledger_holds_whatever_happens(world: World) -> None:
    Ledger.world = world
    run_state_machine_as_test(
        Ledger,
        settings=settings(
            max_examples=RUNS,
            stateful_step_count=STEPS,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            database=None,
        ),
    )
