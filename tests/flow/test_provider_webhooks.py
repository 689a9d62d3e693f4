"""What providers say too early, too late, twice, or in somebody else's name; and those who are told to stop."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from packshot import catalog
from tests.flow.simulated import MICRO_USD, WAYS, Told, Town, Way, own_clients, rows, town, whole

__all__ = ["own_clients", "town", "whole"]

TELLING = [name for name, way in WAYS.items() if way.tells]
HOOKED = [name for name in TELLING if WAYS[name].hooked]
STOPPABLE = [name for name in HOOKED if WAYS[name].facts.write_cancel]
NAMED_LATER = [name for name, way in WAYS.items() if not way.at_once]
SIGNED = [name for name in TELLING if name != "productai"]
TIMED = ["replicate", "fal", "phota"]
"""Their webhooks say when they were sent."""


def price(way: Way) -> int:
    """What a picture costs its caller."""
    return catalog.models()[way.model].credits


def stops(town: Town) -> int:
    """How often a provider was told to stop."""
    return sum(one["path"].endswith("/cancel") for one in town.net.still.requests)


def running(town: Town, patch: pytest.MonkeyPatch, name: str, words: str, seconds: float = 0) -> str:
    """A job that its provider works at; nobody asks how far it is."""
    town.stack.deaf.add("poller")
    job = town.ask(WAYS[name], words, patch)
    town.stack.run(seconds=seconds)
    assert (town.state(job), town.net.effects()) == ("processing", 1)
    return job


def done(town: Town, patch: pytest.MonkeyPatch, name: str) -> str:
    """A job that a webhook has completed."""
    job = town.ask(WAYS[name], "", patch)
    found = town.ended(job)
    assert found["state"] == "completed" and town.net.told
    return job


def canceled(town: Town, job: str) -> None:
    """The job ends so, whatever comes, and costs nothing."""
    assert town.cancel(job)["state"] == "canceled"
    town.stack.deaf.clear()
    town.stack.run(seconds=130, sweeps=True)
    found = town.job(job)
    assert (found["state"], found["outputs"], found["credits"]["charged"]) == ("canceled", [], 0)
    town.is_settled(charged=0)


# ------------------------------------------------------------------------------------------------------ told to stop


@pytest.mark.parametrize("name", WAYS)
def test_what_is_canceled_while_it_waits_is_never_asked_for(
    town: Town, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    town.stack.deaf.add("dispatch")
    job = town.ask(WAYS[name], "", monkeypatch)
    town.stack.run()
    assert (town.state(job), len(town.stack.waiting)) == ("pending", 1)
    canceled(town, job)
    assert (town.net.creates(), stops(town), town.leaks()) == ([], 0, [])


@pytest.mark.parametrize("name", NAMED_LATER)
def test_what_is_canceled_while_it_runs_is_stopped_where_it_can_be(
    town: Town, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    job = running(town, monkeypatch, name, "[[sim:slow=60]]")
    canceled(town, job)
    assert (len(town.net.creates()), stops(town)) == (1, name in STOPPABLE)
    assert {told.status for told in town.net.told} <= {200}
    wasted = name in TELLING and name not in STOPPABLE  # nobody asks for a job that has ended
    assert town.leaks() == [MICRO_USD] * wasted


def test_what_does_not_let_itself_be_stopped_is_one_leak(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    job = running(town, monkeypatch, "fal", "[[sim:slow=60]][[sim:stubborn]][[sim:webhook=dup]]")
    canceled(town, job)
    assert (stops(town), [told.status for told in town.net.told], town.leaks()) == (1, [200] * 3, [MICRO_USD])


@pytest.mark.parametrize("name", STOPPABLE)
def test_nobody_can_be_stopped_whose_answer_was_lost(town: Town, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    job = running(town, monkeypatch, name, "[[sim:slow=60]][[sim:500-after]][[sim:webhook=dup]]")
    canceled(town, job)
    assert (stops(town), [told.status for told in town.net.told], town.leaks()) == (0, [200] * 3, [MICRO_USD])


@pytest.mark.parametrize("name", NAMED_LATER)
def test_what_is_done_stays_done(town: Town, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    job = town.ask(WAYS[name], "", monkeypatch)
    before = town.ended(job)
    after = town.cancel(job)
    assert (before["state"], after["state"], len(after["outputs"])) == ("completed", "completed", 1)
    assert before["credits"] == after["credits"]
    town.stack.run(seconds=60)
    assert (stops(town), town.leaks()) == (0, [])
    town.is_settled(charged=price(WAYS[name]))


@pytest.mark.parametrize("name", NAMED_LATER)
def test_what_is_canceled_before_its_picture_is_home_is_one_leak(
    town: Town, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    town.stack.deaf.add("ingest")
    job = town.ask(WAYS[name], "", monkeypatch)
    town.stack.run(seconds=20)
    assert (town.state(job), {one.queue for one in town.stack.waiting}) == ("processing", {"ingest"})
    canceled(town, job)
    assert (stops(town), town.leaks()) == (0, [MICRO_USD])


# ---------------------------------------------------------------------------------------------------- early and late


@pytest.mark.parametrize("name", TELLING)
def test_the_webhook_is_there_before_the_creates_answer(town: Town, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Who is found by the request's name alone (Claid's one address for all) is told again until it is known."""
    town.net.early = 1.5
    town.stack.deaf.add("poller")
    job = town.ask(WAYS[name], "", monkeypatch)
    found = town.ended(job)
    assert (found["state"], len(town.net.creates()), town.leaks()) == ("completed", 1, [])
    first, last = town.net.told[0].status, town.net.told[-1].status
    assert (first, last) == (200 if WAYS[name].hooked else 401, 200)
    assert len(found["attempts"]) == 1
    town.stack.deaf.clear()
    town.stack.run(seconds=60)
    town.is_settled(charged=price(WAYS[name]))


@pytest.mark.parametrize("name", TELLING)
def test_a_success_after_the_deadline_is_one_leak_and_the_refund_stays(
    town: Town, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """It runs for longer than anybody waits. Replicate ends it by itself: it was told how long that is."""
    way = WAYS[name]
    job = town.ask(way, f"[[sim:slow={2 * way.facts.deadline}]][[sim:webhook=dup]]", monkeypatch)
    found, stops_itself = town.ended(job), name == "replicate"
    code = "provider_canceled" if stops_itself else "deadline_exceeded"
    assert (found["state"], found["error"]["code"], town.leaks()) == ("failed", code, [])
    assert stops_itself or not town.net.told
    town.stack.run(seconds=2 * way.facts.deadline, sweeps=True)  # not sooner than it takes, whenever it began
    assert town.job(job) == found and [told.status for told in town.net.told] == [200] * 3
    assert (len(town.net.creates()), town.leaks()) == (1, [] if stops_itself else [MICRO_USD])
    town.is_settled(charged=0)


@pytest.mark.parametrize("name", HOOKED)
def test_only_a_list_finds_what_neither_its_answer_nor_its_webhook_names(
    town: Town, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    way = WAYS[name]
    job = town.ask(way, "[[sim:500-after]][[sim:webhook=none]]", monkeypatch)
    found, listed = town.ended(job), way.facts.write_list is not None
    assert found["state"] == ("completed" if listed else "failed")
    assert (len(town.net.creates()), town.net.effects(), town.leaks()) == (1, 1, [])
    town.is_settled(charged=price(way) * listed)


# -------------------------------------------------------------------------------------------------- forged and again


def post(town: Town, told: Told) -> int:
    """Deliver it, by whoever it may be."""
    return int(town.stack.api("POST", told.path, raw=told.body, headers=told.headers).status)


def other_token(told: Told) -> Told:
    return replace(told, path=f"{told.path[:-1]}{'x' if told.path[-1] != 'x' else 'y'}")


def other_attempt(told: Told) -> Told:
    *most, _, token = told.path.split("/")
    return replace(told, path="/".join((*most, "2", token)))


def other_account(told: Told) -> Told:
    return replace(told, path=told.path.replace("/acct_one/", "/acct_two/"))


def other_provider(told: Told) -> Told:
    ours, other = told.path.split("/")[2], "replicate" if "/hooks/replicate" not in told.path else "bfl"
    return replace(told, path=told.path.replace(f"/hooks/{ours}", f"/hooks/{other}"))


def other_body(told: Told) -> Told:
    return replace(told, body=told.body.replace(b"{", b"{ ", 1))


def no_json(told: Told) -> Told:
    return replace(told, body=b"\xff" * 100)


def refused(town: Town, told: Told) -> None:
    """401, and nothing is written or asked for."""
    before, asked = rows(), len(town.net.still.requests)
    assert post(town, told) == 401
    town.stack.run(seconds=30)
    assert rows() == before
    assert not [one for one in town.net.still.requests[asked:] if "jwks" not in one["path"]]


@pytest.mark.parametrize("spoil", [other_token, other_attempt, other_account, other_provider, no_json])
@pytest.mark.parametrize("name", HOOKED)
def test_nobody_else_is_believed(
    town: Town, monkeypatch: pytest.MonkeyPatch, name: str, spoil: Callable[[Told], Told]
) -> None:
    done(town, monkeypatch, name)
    refused(town, spoil(town.net.told[0]))


@pytest.mark.parametrize("name", SIGNED)
def test_a_body_that_was_changed_on_its_way_is_refused(town: Town, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    done(town, monkeypatch, name)
    refused(town, other_body(town.net.told[0]))


@pytest.mark.parametrize("name", SIGNED)
def test_a_forged_webhook_leaves_a_running_job_alone(town: Town, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    job = running(town, monkeypatch, name, "[[sim:webhook=forged]]", seconds=10)
    assert {told.status for told in town.net.told} == {401} and town.state(job) == "processing"


@pytest.mark.parametrize("name", TELLING)
def test_a_webhook_that_comes_again_changes_nothing(town: Town, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    job = done(town, monkeypatch, name)
    (told,), before, asked = town.net.told, rows(), len(town.net.still.requests)
    for _ in range(3):
        assert post(town, told) == 200
        town.stack.run(seconds=30)
    assert rows() == before and len(town.net.still.requests) == asked
    assert town.job(job)["state"] == "completed" and town.leaks() == []
    town.stack.clock.sleep(600)
    assert post(town, told) == (401 if name in TIMED else 200)
    town.stack.run(seconds=30)
    assert town.leaks() == []
    town.is_settled(charged=price(WAYS[name]))
