"""When no way is open: calls that wait for a breaker, for a busy provider, or for one of its places."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from moto.dynamodb.models import dynamodb_backends

from packshot import catalog
from packshot.aws import secrets
from packshot.aws.health import HealthTable
from packshot.aws.slots import SlotTable
from packshot.egress import NotSent
from packshot.health import PROVIDER, TRIP
from tests.flow.conftest import Tenant, make_tenant
from tests.flow.test_jobs import JOBS, available, books_are_straight, job
from tests.flow.test_router import (
    ALL,
    GONE,
    MODELS,
    PREFIX,
    PRICE,
    Outside,
    busy,
    done,
    health,
    keys,
    limited,
    net,
    opened,
    outcomes,
    routed,
    row,
    submitted,
    tenant,
)
from tests.flow.world import ACCOUNT, REGION, Killed, World

__all__ = ["keys", "net", "tenant"]

DEADLINE = 600
"""Of an attempt by the provider that has places here, s."""


def closed_for_long(stack: World, name: str) -> None:
    """For eight minutes."""
    for _ in range(5):
        at = health(name).until or int(stack.clock.now * 1000)
        for _ in range(TRIP):
            HealthTable("packshot", lambda at=at: at).note(name, MODELS[name], "provider_failed")
    assert health(name).until > stack.clock.now * 1000 + 480_000


def messages(stack: World) -> list[float]:
    """When the messages come that dispatch waits for."""
    return [one.visible for one in stack.waiting if one.queue == "dispatch"]


# --- breakers --------------------------------------------------------------------------------------------------------
def test_when_every_breaker_is_open_the_call_is_held_and_nothing_is_tried(
    stack: World, net: Outside, tenant: Tenant
) -> None:
    over = {opened(stack, name) for name in ALL}
    name = submitted(stack, tenant)
    stack.run(seconds=min(over) - stack.clock.now - 1, sweeps=True)
    held = row(stack, tenant, name)
    assert net.creates == [] and held.calls[0].attempts == () and held.state == "pending"
    assert messages(stack) == [min(over)] and stack.invocations.count("dispatch") == 1
    assert done(stack, tenant, name, seconds=90) == ["replicate"] and net.asked() == ["replicate"]


def test_only_one_of_the_held_calls_tries_and_the_others_follow_its_success(
    stack: World, net: Outside, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    routed(monkeypatch, "replicate")
    net.takes = 10
    over = opened(stack, "replicate")
    names = [submitted(stack, tenant) for _ in range(4)]
    stack.run(seconds=over - stack.clock.now + 9)
    assert net.asked() == ["replicate"]
    stack.deaf.clear()
    assert done(stack, tenant, *names) == ["replicate"] * 4 and len(net.creates) == 4


def test_a_held_call_ends_at_its_deadline_and_is_given_back(
    stack: World, net: Outside, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    routed(monkeypatch, "replicate", deadline=100)
    closed_for_long(stack, "replicate")
    name = submitted(stack, tenant)
    stack.run(seconds=200, sweeps=True)
    found, kept = job(stack, tenant, name), row(stack, tenant, name)
    assert (found["state"], found["error"]["code"]) == ("failed", "deadline_exceeded")
    assert kept.finished is not None and kept.finished - kept.deadline <= 95_000
    assert net.creates == [] and available(stack, tenant) == 100 and messages(stack) == []
    books_are_straight(tenant)


def test_a_held_call_can_be_cancelled(stack: World, net: Outside, tenant: Tenant) -> None:
    for name in ALL:
        closed_for_long(stack, name)
    held = submitted(stack, tenant)
    stack.run(seconds=10)
    assert stack.api("POST", f"{JOBS}/{held}/cancel", key=tenant.key).json["state"] == "canceled"
    stack.run(seconds=130)
    assert net.creates == [] and available(stack, tenant) == 100 and messages(stack) == []


def test_holding_costs_no_more_than_one_message_however_often_it_is_told(
    stack: World, net: Outside, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    limited(monkeypatch, "replicate", concurrency=1)
    routed(monkeypatch, "replicate")
    assert SlotTable("packshot").take("replicate", 1, "other", int(stack.clock.now * 1000) + 45_000) == 0
    stack.twice = True
    name = submitted(stack, tenant)
    stack.run(seconds=30)
    assert len(messages(stack)) <= 2 and net.creates == []
    assert done(stack, tenant, name, seconds=30) == ["replicate"] and len(net.creates) == 1


# --- busy and unreachable --------------------------------------------------------------------------------------------
def test_a_busy_provider_passes_the_call_on_at_once_and_is_left_alone(
    stack: World, net: Outside, tenant: Tenant
) -> None:
    net.says["replicate"] = busy(25)
    assert done(stack, tenant, submitted(stack, tenant), seconds=0) == ["openai"]
    stack.run(seconds=6)
    assert done(stack, tenant, submitted(stack, tenant), seconds=0) == ["openai"]
    assert net.asked() == ["replicate", "openai", "openai"]
    assert health("replicate", PROVIDER).until // 1000 == stack.clock.now - 6 + 25
    net.says.clear()
    stack.run(seconds=20)
    assert done(stack, tenant, submitted(stack, tenant), seconds=0) == ["replicate"]


def test_when_there_is_no_other_route_a_busy_provider_is_asked_again_when_it_said(
    stack: World, net: Outside, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    routed(monkeypatch, "replicate")
    net.says["replicate"] = [busy(40), None]
    name = submitted(stack, tenant)
    stack.run(seconds=39)
    assert len(net.creates) == 1
    assert done(stack, tenant, name, seconds=10) == ["replicate"]
    assert outcomes(stack, tenant, name) == [("replicate", "busy"), ("replicate", "succeeded")]


def test_a_route_without_a_key_is_no_other_route(stack: World, net: Outside, monkeypatch: pytest.MonkeyPatch) -> None:
    routed(monkeypatch, *ALL)
    monkeypatch.setattr(catalog, "simulated", dict)
    secrets.put(PREFIX + "replicate", {"token": "ours"})
    stack.deaf.add("poller")
    tenant = make_tenant(stack, "acct_one")
    net.says["replicate"] = [busy(40), None]
    name = submitted(stack, tenant)
    stack.run(seconds=39)
    assert len(net.creates) == 1 and job(stack, tenant, name)["state"] == "processing"
    assert done(stack, tenant, name, seconds=70) == ["replicate"]


def test_busy_everywhere_the_first_that_has_room_makes_it(stack: World, net: Outside, tenant: Tenant) -> None:
    net.says = {name: [busy(20), None] for name in ALL}
    name = submitted(stack, tenant)
    stack.run(seconds=10)
    assert net.asked() == list(ALL) and row(stack, tenant, name).calls[0].step == "waiting"
    assert done(stack, tenant, name)[0] in ALL and len(net.creates) == 4


def test_a_provider_that_cannot_be_reached_passes_the_call_on(stack: World, net: Outside, tenant: Tenant) -> None:
    net.says["replicate"] = NotSent("unreachable")
    for _ in range(TRIP):
        assert done(stack, tenant, submitted(stack, tenant), seconds=1) == ["openai"]
    assert health("replicate").opens == 1
    stack.run(seconds=5)
    assert done(stack, tenant, submitted(stack, tenant), seconds=1) == ["openai"]
    assert net.asked()[-2:] == ["openai", "openai"]


def test_when_nobody_can_be_reached_the_call_is_tried_again_and_fails_after_six(
    stack: World, net: Outside, tenant: Tenant
) -> None:
    net.says = dict.fromkeys(ALL, NotSent("unreachable"))
    name = submitted(stack, tenant)
    stack.run(seconds=1_700, sweeps=True)
    assert [told for _, told in outcomes(stack, tenant, name)[:5]] == ["unreachable"] * 5
    found = job(stack, tenant, name)
    assert (found["state"], len(net.creates), available(stack, tenant)) == ("failed", 6, 100)
    books_are_straight(tenant)


# --- places ----------------------------------------------------------------------------------------------------------
@pytest.fixture
def two(monkeypatch: pytest.MonkeyPatch, keys: None) -> None:
    """One route, whose provider takes two at once."""
    limited(monkeypatch, "replicate", concurrency=2)
    routed(monkeypatch, "replicate")


def taken(stack: World) -> int:
    """Places that are taken now."""
    table = dynamodb_backends[ACCOUNT][REGION].tables["packshot"]
    rows = [one.to_json()["Attributes"] for one in table.all_items() if one.hash_key.value.startswith("slots#")]
    return sum(int(one["until"]["N"]) > stack.clock.now * 1000 for one in rows)


def test_of_five_jobs_never_more_than_two_are_made_at_once_and_all_are_made(
    stack: World, net: Outside, tenant: Tenant, two: None
) -> None:
    net.takes = 12
    names = [submitted(stack, tenant) for _ in range(5)]
    stack.run(seconds=8)
    assert len(net.creates) == 2 and taken(stack) == 2
    stack.deaf.clear()
    assert done(stack, tenant, *names, seconds=200) == ["replicate"] * 5
    assert (net.most, len(net.creates), taken(stack)) == (2, 5, 0)


def test_a_full_provider_passes_calls_on_to_the_next(
    stack: World, net: Outside, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    limited(monkeypatch, "replicate", concurrency=2)
    net.takes = 12
    names = [submitted(stack, tenant) for _ in range(5)]
    stack.run()
    assert net.asked() == ["replicate", "replicate", "openai", "openai", "openai"] and taken(stack) == 2
    stack.deaf.clear()
    done(stack, tenant, *names)


@pytest.mark.parametrize("answer", [GONE, busy(10), NotSent("x")], ids=["refused", "busy", "unreachable"])
def test_a_place_is_free_again_when_the_provider_did_not_take_the_call(
    stack: World, net: Outside, tenant: Tenant, two: None, answer: Any
) -> None:
    net.says["replicate"] = [answer, None]
    submitted(stack, tenant)
    stack.run()
    assert len(net.creates) == 1 and taken(stack) == 0


def test_a_cancelled_job_gives_its_place_to_the_next(stack: World, net: Outside, tenant: Tenant, two: None) -> None:
    net.takes = 900
    first, _, third = (submitted(stack, tenant) for _ in range(3))
    stack.run(seconds=5)
    assert len(net.creates) == 2
    stack.api("POST", f"{JOBS}/{first}/cancel", key=tenant.key)
    stack.run(seconds=11)
    assert row(stack, tenant, third).calls[0].attempts and (len(net.creates), taken(stack)) == (3, 2)


def test_an_attempt_that_ran_out_of_time_gives_its_place_back(
    stack: World, net: Outside, tenant: Tenant, two: None
) -> None:
    net.takes = 10_000
    for _ in range(2):
        submitted(stack, tenant)
    stack.run()
    third = submitted(stack, tenant)
    stack.run(seconds=DEADLINE - 20, sweeps=True)
    assert len(net.creates) == 2 and row(stack, tenant, third).calls[0].attempts == ()
    net.takes = 0
    assert done(stack, tenant, third, seconds=200) == ["replicate"]


def test_a_relay_that_dies_gives_the_place_back_when_it_lives_again(
    stack: World, net: Outside, tenant: Tenant, two: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, left = SlotTable.free, [1]

    def free(self: SlotTable, *given: Any) -> None:
        if left[0]:
            left[0] -= 1
            raise Killed
        real(self, *given)

    monkeypatch.setattr(SlotTable, "free", free)
    assert done(stack, tenant, submitted(stack, tenant), seconds=1) == ["replicate"]
    assert left == [0] and taken(stack) == 0


def test_a_place_that_nobody_gave_back_is_free_when_its_attempt_would_have_ended(
    stack: World, net: Outside, tenant: Tenant, two: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = SlotTable.free
    monkeypatch.setattr(SlotTable, "free", lambda self, *given: None)
    for _ in range(2):
        done(stack, tenant, submitted(stack, tenant), seconds=0)
    monkeypatch.setattr(SlotTable, "free", real)
    name = submitted(stack, tenant)
    stack.run(seconds=DEADLINE - 10, sweeps=True)
    assert taken(stack) == 2 and row(stack, tenant, name).calls[0].attempts == ()
    assert done(stack, tenant, name, seconds=30) == ["replicate"]


def dying(monkeypatch: pytest.MonkeyPatch, stack: World, act: Callable[[], object]) -> None:
    """Do something once, just before an attempt is written."""
    jobs, left = type(stack.functions["dispatch"].room.jobs), [1]
    real = jobs.save

    def save(self: Any, before: Any, after: Any) -> None:
        if left[0] and after.calls[0].step == "intent":
            left[0] -= 1
            act()
        real(self, before, after)

    monkeypatch.setattr(jobs, "save", save)


def test_a_job_cancelled_while_its_place_was_taken_holds_none(
    stack: World, net: Outside, tenant: Tenant, two: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = submitted(stack, tenant)
    dying(monkeypatch, stack, lambda: stack.api("POST", f"{JOBS}/{name}/cancel", key=tenant.key))
    stack.run()
    assert job(stack, tenant, name)["state"] == "canceled" and net.creates == [] and taken(stack) == 0


def test_of_two_messages_at_once_one_makes_the_attempt_and_one_place_is_taken(
    stack: World, net: Outside, tenant: Tenant, two: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    net.takes = 100
    name = submitted(stack, tenant)
    body = json.dumps({"account": tenant.account, "job": name, "call": 0})
    record = {"messageId": "m", "body": body, "attributes": {"ApproximateReceiveCount": "1"}}
    dying(monkeypatch, stack, lambda: stack.invoke("dispatch", {"Records": [record]}))
    stack.run()
    assert len(net.creates) == 1 and taken(stack) == 1


def test_everything_told_twice_takes_each_place_once(stack: World, net: Outside, tenant: Tenant, two: None) -> None:
    stack.twice, net.takes = True, 10
    names = [submitted(stack, tenant) for _ in range(2)]
    stack.run()
    assert (len(net.creates), taken(stack)) == (2, 2)
    stack.deaf.clear()
    done(stack, tenant, *names)
    assert (len(net.creates), taken(stack), available(stack, tenant)) == (2, 0, 100 - 2 * PRICE)
