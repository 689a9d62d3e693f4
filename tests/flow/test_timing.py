"""Polling times follow what is measured: a provider turns slow, or quick, and the looks move with it."""

import pytest

from packshot import timing
from packshot.aws.timing import TimingTable
from tests.flow.conftest import Net, Tenant
from tests.flow.test_jobs import job, provider_job, ready, webhook
from tests.flow.world import World


@pytest.fixture(autouse=True)
def everyone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every job is measured, so that a few are enough."""
    monkeypatch.setattr(timing, "sampled", lambda job_id: True)


def told_after(stack: World, net: Net, tenant: Tenant, seconds: int, jobs: int) -> None:
    """Jobs whose webhooks come so much later."""
    for _ in range(jobs):
        number = len(net.creates)
        provider_job(stack, tenant)
        stack.deaf.add("poller")
        stack.run()
        stack.clock.sleep(seconds)
        ready(net, f"pred{number}")
        assert webhook(stack, net, number) == 200
        stack.deaf.clear()
        stack.run()


def first_look(stack: World, net: Net, tenant: Tenant) -> float:
    """How long after its start a job is asked about first."""
    began, before = stack.clock.now, net.polls
    seen: list[float] = []
    net.after_create = lambda name: ready(net, name)
    prediction = net.prediction
    net.prediction = lambda name: seen.append(stack.clock.now) or prediction(name)  # type: ignore[method-assign, func-returns-value]
    name = provider_job(stack, tenant)
    stack.run(seconds=120)
    net.prediction = prediction  # type: ignore[method-assign]
    net.after_create = None
    assert job(stack, tenant, name)["state"] == "completed" and net.polls == before + 1
    return seen[0] - began


def test_a_slow_provider_is_asked_later_once_that_is_known(stack: World, net: Net, tenant: Tenant) -> None:
    assert first_look(stack, net, tenant) == 8
    told_after(stack, net, tenant, 20, timing.ENOUGH)
    stack.clock.sleep(61)
    assert TimingTable("packshot").looks("replicate") == (20, 20, 20)
    assert first_look(stack, net, tenant) == 20


def test_too_few_measurements_move_nothing(stack: World, net: Net, tenant: Tenant) -> None:
    told_after(stack, net, tenant, 20, timing.ENOUGH - 1)
    stack.clock.sleep(61)
    assert first_look(stack, net, tenant) == 8


def test_what_is_only_learnt_by_asking_counts_as_ready_before_it_was_asked(
    stack: World, net: Net, tenant: Tenant
) -> None:
    """With webhooks off, a time taken for the moment of the look would make every next look later than the last."""
    for _ in range(timing.ENOUGH):
        assert first_look(stack, net, tenant) == 8
    assert TimingTable("packshot").looks("replicate") == (4, 4, 4)
