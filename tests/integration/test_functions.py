"""Every shipped handler on its own sample event (events/NAME.json): the shape that AWS sends is the shape it reads."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.flow.conftest import Net, net, stack
from tests.flow.world import QUEUES, World

__all__ = ["net", "stack"]

EVENTS = Path(__file__).resolve().parents[2] / "events"
NOTHING_FAILED: dict[str, Any] = {"batchItemFailures": []}
SAMPLES = sorted(path.stem for path in EVENTS.glob("*.json"))


def sample(name: str) -> dict[str, Any]:
    event: dict[str, Any] = json.loads((EVENTS / f"{name}.json").read_text())
    return event


def body(reply: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(reply["body"])
    return found


@pytest.mark.parametrize("name", ["submit", "query"])
def test_a_key_that_nobody_knows_is_401(stack: World, name: str) -> None:
    reply = stack.invoke(name, sample(name))
    assert (reply["statusCode"], reply["isBase64Encoded"]) == (401, False)
    assert reply["headers"]["x-request-id"] == "Zx8kLhq2PHcEJ1A="
    assert reply["headers"]["content-type"] == "application/problem+json"
    assert body(reply)["code"] == "invalid_api_key"


def test_a_webhook_about_an_unknown_job_is_401(stack: World) -> None:
    reply = stack.invoke("provider_webhook", sample("provider_webhook"))
    assert (reply["statusCode"], body(reply)) == (401, {"error": "unauthorized"})


@pytest.mark.parametrize("name", ["dispatch", "render", "ingest", "callback"])
def test_a_message_about_an_unknown_job_is_done_with(stack: World, net: Net, name: str) -> None:
    assert stack.invoke(name, sample(name)) == NOTHING_FAILED
    assert not net.creates
    assert not net.posts
    assert not stack.waiting


def test_an_upload_for_an_unknown_account_becomes_an_event(stack: World) -> None:
    assert stack.invoke("upload", sample("upload")) == NOTHING_FAILED
    ((name, event),) = stack.events
    assert (name, event["data"]["error"]["code"]) == ("upload.rejected", "upload_rejected")


def test_a_new_row_in_the_stream_becomes_work_and_news(stack: World) -> None:
    assert stack.invoke("relay", sample("relay")) is None
    job = sample("dispatch")["Records"][0]["body"]
    assert [one.body for one in stack.waiting if one.queue == "render"] == [json.loads(job)]
    assert [one.body["type"] for one in stack.waiting if one.queue == "callbacks"] == ["job.created"]
    assert [name for name, _ in stack.events] == ["job.created"]
    assert not [one for one in stack.waiting if one.queue == "parked"]


def test_a_poller_of_an_empty_lane_is_done(stack: World) -> None:
    started = datetime.fromtimestamp(stack.clock.now, UTC).isoformat().replace("+00:00", "Z")
    assert stack.invoke("poll", {**sample("poll"), "started": started}) == {"next": "done", "wait": 0}
    assert stack.invoke("poll", sample("poll"))["next"] == "done"


def test_a_sweep_of_an_empty_table_finds_nothing(stack: World) -> None:
    assert set(stack.invoke("sweep", sample("sweep")).values()) == {0}
    assert not stack.pollers


@pytest.mark.parametrize("name", sorted(set(QUEUES.values())))
def test_a_message_that_is_no_message_goes_back_alone(stack: World, name: str) -> None:
    event = sample(name)
    (good,) = event["Records"]
    bad = {**good, "messageId": "bad", "body": "{}"}
    assert stack.invoke(name, {"Records": [bad, good]}) == {"batchItemFailures": [{"itemIdentifier": "bad"}]}


def test_every_sample_is_of_a_function_of_this_project(stack: World) -> None:
    assert set(SAMPLES) == set(stack.functions)
