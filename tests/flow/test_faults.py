"""What must hold when things go wrong (reliability.md 8), with the shipped handlers.

The job ends as it should, the books are straight, nothing is paid for twice, nobody is told two different things.
"""

import itertools
import json
from collections import Counter
from collections.abc import Callable
from typing import Any

import boto3
import pytest

from packshot.aws import queues
from packshot.aws.books import Books
from packshot.aws.poller import Lease
from packshot.egress import FetchFailed, NotSent
from packshot.steps.callback import SCHEDULE
from packshot.wire import Response
from tests.flow.conftest import Net, Tenant, photo
from tests.flow.test_jobs import JOBS, asset, available, job, provider_job, ready, webhook
from tests.flow.world import Killed, Message, World

ENDPOINTS = "/packshot/v1/callback-endpoints"
PRICE = 3


def ended(stack: World, net: Net, tenant: Tenant, name: str, state: str, *, charged: int) -> dict[str, Any]:
    """The job ended so, its account paid so much and no more, and no create was sent that no attempt stands for."""
    found = job(stack, tenant, name)
    assert found["state"] == state, found
    assert found["credits"]["charged"] == charged and available(stack, tenant) == 100 - charged
    assert Books("packshot").verify(tenant.account) == ()
    assert len(net.creates) <= len(found["attempts"])
    assert len(found["outputs"]) * PRICE >= charged
    return found


def told_once(stack: World, net: Net, name: str, *types: str) -> None:
    """However often it was said: one set of bytes for each event id, on the bus and to the callback alike."""
    said = {detail["id"]: set[str]() for _, detail in stack.events}
    for _, detail in stack.events:
        said[detail["id"]].add(json.dumps(detail))
    assert all(len(bodies) == 1 for bodies in said.values())
    assert list(dict.fromkeys(kind for kind, _ in stack.events)) == list(types)
    assert len({headers["webhook-id"] for _, headers, _ in net.posts}) == 1
    assert len({body for _, _, body in net.posts}) == 1
    assert len(deliveries(name)) == 1


def deliveries(name: str) -> list[dict[str, Any]]:
    """The rows that say what was sent about a job."""
    items: list[dict[str, Any]] = boto3.client("dynamodb", "us-east-1").scan(TableName="packshot")["Items"]
    return [item for item in items if item["sk"]["S"].startswith(f"delivery#{name}")]


def leaks(tenant: Tenant) -> list[int]:
    """Micro US dollars spent upstream for nothing."""
    items = boto3.client("dynamodb", "us-east-1").scan(TableName="packshot")["Items"]
    return [int(item["micro_usd"]["N"]) for item in items if item["sk"]["S"].startswith("leak#")]


def killer(monkeypatch: pytest.MonkeyPatch, stack: World, at: int) -> Callable[[], int]:
    """Kill the relay just before its `at`-th message; the answer says how many it has sent."""
    real, sent = queues.Sqs.send, [0]

    def send(self: Any, body: Any, **more: Any) -> None:
        if stack.invocations[-1] == "relay":
            sent[0] += 1
            if sent[0] == at:
                raise Killed
        real(self, body, **more)

    monkeypatch.setattr(queues.Sqs, "send", send)
    return lambda: sent[0]


@pytest.mark.parametrize("at", range(1, 6))
def test_the_relay_dies_between_two_messages_and_its_batch_comes_again(
    stack: World, net: Net, tenant: Tenant, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    sent = killer(monkeypatch, stack, at)
    net.after_create = lambda name: ready(net, name)
    name = provider_job(stack, tenant)
    stack.run(seconds=60)
    assert sent() > at
    ended(stack, net, tenant, name, "completed", charged=PRICE)
    assert len(net.creates) == 1
    told_once(stack, net, name, "job.created", "job.processing", "job.completed")


def test_every_batch_and_every_message_comes_twice(stack: World, net: Net, tenant: Tenant) -> None:
    stack.twice = True
    net.after_create = lambda name: ready(net, name)
    name = provider_job(stack, tenant, count=2)
    stack.run(seconds=60)
    ended(stack, net, tenant, name, "completed", charged=2 * PRICE)
    assert len(net.creates) == 2
    told_once(stack, net, name, "job.created", "job.processing", "job.completed")
    assert Counter(kind for kind, _ in stack.events)["job.completed"] == 2


def test_the_studio_too_may_be_told_everything_twice(stack: World, net: Net, tenant: Tenant) -> None:
    stack.twice = True
    wish = {"images": [asset(stack, tenant)], "width": 512, "height": 512, "callback_url": "https://shop.example/hooks"}
    name = stack.api("POST", JOBS, wish, key=tenant.key).json["id"]
    stack.run()
    ended(stack, net, tenant, name, "completed", charged=1)
    told_once(stack, net, name, "job.created", "job.processing", "job.completed")


@pytest.mark.parametrize(
    "trouble", [FetchFailed("url_timeout"), FetchFailed("url_unreachable"), FetchFailed("url_status", 503)]
)
def test_a_result_that_cannot_be_fetched_yet_is_fetched_later(
    stack: World, net: Net, tenant: Tenant, trouble: Exception
) -> None:
    name = provider_job(stack, tenant)
    stack.deaf.add("poller")
    stack.run()
    ready(net)
    net.pages["https://replicate.delivery/pred0.png"] = [trouble, trouble, photo(1024, 1024)]
    assert webhook(stack, net) == 200
    stack.run(seconds=120)
    ended(stack, net, tenant, name, "completed", charged=PRICE)


def test_our_own_bucket_fails_three_times_and_then_takes_the_picture(
    stack: World, net: Net, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = provider_job(stack, tenant)
    stack.deaf.add("poller")
    stack.run()
    ready(net)
    bucket, left = type(stack.functions["ingest"].room.outputs), [3]
    real = bucket.put

    def put(self: Any, *args: Any) -> None:
        left[0] -= 1
        if left[0] >= 0:
            raise OSError("no room")
        real(self, *args)

    monkeypatch.setattr(bucket, "put", put)
    assert webhook(stack, net) == 200
    stack.run(seconds=180)
    ended(stack, net, tenant, name, "completed", charged=PRICE)
    assert stack.invocations.count("ingest") == 4


@pytest.mark.parametrize(
    "trouble", [FetchFailed("url_status", 404), FetchFailed("url_refused"), b"GIF89a", photo()[:900]]
)
def test_a_result_that_is_no_picture_fails_the_job_and_is_our_loss(
    stack: World, net: Net, tenant: Tenant, trouble: Any
) -> None:
    name = provider_job(stack, tenant)
    stack.deaf.add("poller")
    stack.run()
    ready(net)
    net.pages["https://replicate.delivery/pred0.png"] = trouble
    assert webhook(stack, net) == 200
    stack.run(seconds=120)
    found = ended(stack, net, tenant, name, "failed", charged=0)
    assert found["error"]["code"].startswith("provider_output_") and leaks(tenant) == [45_000]


def test_a_receiver_that_is_down_is_tried_again_until_it_is_up(stack: World, net: Net, tenant: Tenant) -> None:
    net.statuses = [500, 302, 503]
    net.after_create = lambda name: ready(net, name)
    name = provider_job(stack, tenant)
    stack.run(seconds=60)
    stack.run(seconds=2_500, sweeps=True)
    (row,) = deliveries(name)
    tries = json.loads(row["tries"]["S"])
    assert [status for _, status, _, _ in tries] == [500, 300, 500, 200] and row["state"]["S"] == "delivered"
    for gap, planned in zip(
        (later[0] - earlier[0] for earlier, later in itertools.pairwise(tries)), SCHEDULE[1:], strict=False
    ):
        assert 0.9 * planned * 1000 <= gap <= 1.1 * planned * 1000 + 120_000
    told_once(stack, net, name, "job.created", "job.processing", "job.completed")
    ended(stack, net, tenant, name, "completed", charged=PRICE)


def test_gone_disables_the_endpoint_and_its_owner_is_told(stack: World, net: Net, tenant: Tenant) -> None:
    made = stack.api("POST", ENDPOINTS, {"url": "https://shop.example/all"}, key=tenant.key)
    assert made.status == 201 and made.json["secret"].startswith("whsec_")
    net.status = 410
    net.after_create = lambda name: ready(net, name)
    for _ in range(2):
        provider_job(stack, tenant, callback_url=None)
        stack.run(seconds=60)
    assert [url for url, _, _ in net.posts] == ["https://shop.example/all"]
    (shown,) = stack.api("GET", ENDPOINTS, key=tenant.key).json["data"]
    assert (shown["disabled"], shown["disabled_reason"]) == (True, "gone")
    (event,) = [detail for kind, detail in stack.events if kind == "callback.endpoint_disabled"]
    assert event["data"]["endpoint"] == made.json["id"] and event["data"]["reason"] == "gone"


def test_two_pollers_at_once_are_only_waste(stack: World, net: Net, tenant: Tenant) -> None:
    stack.deaf.add("poller")
    net.after_create = lambda name: ready(net, name)
    name = provider_job(stack, tenant)
    stack.run()
    assert len(stack.pollers) == 1
    Lease("packshot").release("replicate")
    stack.pollers.append(stack.pollers[0])
    stack.deaf.clear()
    stack.run(seconds=60)
    assert len(stack.executions) >= 2 and {one.status for one in stack.executions} == {"SUCCEEDED"}
    ended(stack, net, tenant, name, "completed", charged=PRICE)
    told_once(stack, net, name, "job.created", "job.processing", "job.completed")


def while_asked(net: Net, monkeypatch: pytest.MonkeyPatch, action: Callable[[], object]) -> None:
    """Do something once, while a poll is on its way back from the provider."""
    real, left = net.prediction, [1]

    def prediction(name: str) -> bytes:
        body = real(name)
        if left[0]:
            left[0] -= 1
            action()
        return body

    monkeypatch.setattr(net, "prediction", prediction)


def test_a_second_poller_overtakes_the_first_while_it_waits_for_the_provider(
    stack: World, net: Net, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    net.after_create = lambda name: ready(net, name)
    event = {"lane": "replicate", "started": "2100-01-01T00:00:00Z"}
    while_asked(net, monkeypatch, lambda: stack.invoke("poll", event))
    name = provider_job(stack, tenant)
    stack.run(seconds=60)
    ended(stack, net, tenant, name, "completed", charged=PRICE)
    assert net.polls == 2 and leaks(tenant) == [] and stack.invocations.count("ingest") == 1


def test_the_webhook_overtakes_the_poller(
    stack: World, net: Net, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    net.after_create = lambda name: ready(net, name)
    while_asked(net, monkeypatch, lambda: webhook(stack, net))
    name = provider_job(stack, tenant)
    stack.run(seconds=60)
    ended(stack, net, tenant, name, "completed", charged=PRICE)
    assert leaks(tenant) == [] and stack.invocations.count("ingest") == 1


def test_a_job_cancelled_while_its_picture_is_being_stored_ends_one_way_only(
    stack: World, net: Net, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = provider_job(stack, tenant)
    stack.deaf.add("poller")
    stack.run()
    ready(net)
    bucket = type(stack.functions["ingest"].room.outputs)
    real = bucket.put

    def put(self: Any, *args: Any) -> None:
        real(self, *args)
        assert stack.api("POST", f"{JOBS}/{name}/cancel", key=tenant.key).json["state"] == "canceled"

    monkeypatch.setattr(bucket, "put", put)
    assert webhook(stack, net) == 200
    stack.run(seconds=60)
    found = ended(stack, net, tenant, name, "canceled", charged=0)
    assert found["outputs"] == [] and leaks(tenant) == [45_000]
    told_once(stack, net, name, "job.created", "job.processing", "job.canceled")


def test_a_batch_that_the_stream_gave_up_stays_for_the_operator_and_stops_nothing(
    stack: World, net: Net, tenant: Tenant
) -> None:
    given_up = {"requestContext": {"condition": "RetryAttemptsExhausted"}, "DDBStreamBatchInfo": {"batchSize": 1}}
    stack.waiting.append(Message("parked", given_up, 0))
    assert stack.invoke("sweep", {})["parked"] == 1
    assert [one.queue for one in stack.waiting] == [
        "parked"
    ]  # for the operator: its alarm goes on, then the dead-letter queue


def test_the_webhook_comes_before_dispatch_has_stored_its_answer(stack: World, net: Net, tenant: Tenant) -> None:
    def early(name: str) -> None:
        ready(net, name)
        assert webhook(stack, net, len(net.creates) - 1) == 200

    net.after_create = early
    name = provider_job(stack, tenant)
    stack.run(seconds=60)
    ended(stack, net, tenant, name, "completed", charged=PRICE)
    assert len(net.creates) == 1 and net.polls == 0


def test_a_webhook_that_only_says_working_brings_the_id_that_was_lost(stack: World, net: Net, tenant: Tenant) -> None:
    net.answers = [Response(500, {}, b"oops")]
    name = provider_job(stack, tenant)
    stack.deaf.add("poller")
    stack.run()
    assert webhook(stack, net) == 200
    ready(net)
    stack.deaf.clear()
    stack.run(seconds=200, sweeps=True)
    ended(stack, net, tenant, name, "completed", charged=PRICE)
    assert len(net.creates) == 1 and net.polls >= 1


def test_a_job_cancelled_between_webhook_and_ingest_shows_nothing_and_costs_nothing(
    stack: World, net: Net, tenant: Tenant
) -> None:
    name = provider_job(stack, tenant)
    stack.deaf |= {"poller", "ingest"}
    stack.run()
    ready(net)
    assert webhook(stack, net) == 200
    stack.run()
    answer = stack.api("POST", f"{JOBS}/{name}/cancel", key=tenant.key)
    assert answer.json["state"] == "canceled" and leaks(tenant) == [45_000]
    stack.deaf.clear()
    assert webhook(stack, net) == 200
    stack.run(seconds=60)
    found = ended(stack, net, tenant, name, "canceled", charged=0)
    assert found["outputs"] == [] and leaks(tenant) == [45_000]
    assert "Contents" not in boto3.client("s3", "us-east-1").list_objects_v2(Bucket="outputs")


def test_a_leak_whose_writer_died_before_it_was_listed_is_listed(
    stack: World, net: Net, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = provider_job(stack, tenant)
    stack.deaf |= {"poller", "ingest"}
    stack.run()
    ready(net)
    assert webhook(stack, net) == 200
    stack.run()
    table, left = type(stack.functions["submit"].jobs), [1]
    real = table.leak

    def leak(self: Any, *args: Any) -> None:
        left[0] -= 1
        if left[0] >= 0:
            raise Killed
        real(self, *args)

    monkeypatch.setattr(table, "leak", leak)
    with pytest.raises(Killed):
        stack.api("POST", f"{JOBS}/{name}/cancel", key=tenant.key)
    stack.deaf.clear()
    stack.run(seconds=60)
    ended(stack, net, tenant, name, "canceled", charged=0)
    assert leaks(tenant) == [45_000]


def test_a_failure_that_polling_finds_gives_everything_back(stack: World, net: Net, tenant: Tenant) -> None:
    net.after_create = lambda name: net.predictions.update({name: "failed"})
    name = provider_job(stack, tenant)
    stack.run(seconds=60)
    found = ended(stack, net, tenant, name, "failed", charged=0)
    assert found["error"]["code"] == "provider_failed" and net.polls == 1 and len(net.creates) == 1
    assert [kind for kind, _ in stack.events][-1] == "job.failed"


def test_a_busy_provider_is_asked_again_when_it_said(stack: World, net: Net, tenant: Tenant) -> None:
    net.answers = [Response(429, {"retry-after": "40"}, b"{}")]
    net.after_create = lambda name: ready(net, name)
    stack.deaf.add("poller")
    name = provider_job(stack, tenant)
    stack.run(seconds=39)
    assert len(net.creates) == 1
    stack.run(seconds=120, sweeps=True)
    found = ended(stack, net, tenant, name, "completed", charged=PRICE)
    assert [one["outcome"] for one in found["attempts"]] == ["busy", "succeeded"] and len(net.creates) == 2


def test_a_provider_that_cannot_be_reached_for_minutes_parks_its_jobs(stack: World, net: Net, tenant: Tenant) -> None:
    net.create_error = NotSent("unreachable")
    stack.deaf.add("poller")
    name = provider_job(stack, tenant)
    stack.run(seconds=180, sweeps=True)
    assert job(stack, tenant, name)["state"] == "processing"
    net.create_error = None
    net.after_create = lambda name: ready(net, name)
    stack.run(seconds=300, sweeps=True)
    ended(stack, net, tenant, name, "completed", charged=PRICE)


def test_a_provider_that_stays_away_fails_the_job_in_the_end(stack: World, net: Net, tenant: Tenant) -> None:
    net.create_error = NotSent("unreachable")
    stack.deaf.add("poller")
    name = provider_job(stack, tenant)
    stack.run(seconds=1_000, sweeps=True)
    found = ended(stack, net, tenant, name, "failed", charged=0)
    assert found["error"]["code"] == "provider_busy" and len(found["attempts"]) == 6


def test_a_create_that_answered_500_is_never_repeated_and_its_webhook_is_taken(
    stack: World, net: Net, tenant: Tenant
) -> None:
    net.answers = [Response(500, {}, b"<html>")]
    stack.deaf.add("poller")
    name = provider_job(stack, tenant)
    stack.run(seconds=200, sweeps=True)
    assert job(stack, tenant, name)["state"] == "processing" and len(net.creates) == 1
    ready(net)
    assert webhook(stack, net) == 200
    stack.run(seconds=60)
    ended(stack, net, tenant, name, "completed", charged=PRICE)


def test_an_input_that_our_bucket_refuses_to_store_leaves_the_call_waiting_not_stuck(
    stack: World, net: Net, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    wish = asset(stack, tenant)
    bucket, left = type(stack.functions["dispatch"].room.uploads), [2]
    real = bucket.put

    def put(self: Any, *args: Any) -> None:
        left[0] -= 1
        if left[0] >= 0:
            raise OSError("no room")
        real(self, *args)

    monkeypatch.setattr(bucket, "put", put)
    net.after_create = lambda name: ready(net, name)
    name = provider_job(stack, tenant, images=[wish])
    stack.run(seconds=150)
    found = ended(stack, net, tenant, name, "completed", charged=PRICE)
    assert len(found["attempts"]) == 1


def test_a_provider_that_never_answers_ends_at_the_deadline(stack: World, net: Net, tenant: Tenant) -> None:
    name = provider_job(stack, tenant)
    stack.run(seconds=1_900, sweeps=True)
    found = ended(stack, net, tenant, name, "failed", charged=0)
    assert found["error"]["code"] == "deadline_exceeded" and len(net.creates) == 1 and net.polls <= 15


@pytest.mark.parametrize("queue", ["dispatch", "callbacks", "ingest"])
def test_what_the_relay_could_not_send_is_parked_and_the_sweep_sends_it(
    stack: World, net: Net, tenant: Tenant, monkeypatch: pytest.MonkeyPatch, queue: str
) -> None:
    real, left = queues.Sqs.send, [1]

    def send(self: Any, body: Any, **more: Any) -> None:
        if self._url == queue and left[0]:
            left[0] -= 1
            raise OSError("the queue is away")
        real(self, body, **more)

    monkeypatch.setattr(queues.Sqs, "send", send)
    net.after_create = lambda name: ready(net, name)
    name = provider_job(stack, tenant)
    stack.run()
    assert [one.queue for one in stack.waiting].count("parked") == 1
    stack.run(seconds=200, sweeps=True)
    assert "parked" not in [one.queue for one in stack.waiting] and left == [0]
    ended(stack, net, tenant, name, "completed", charged=PRICE)
    told_once(stack, net, name, "job.created", "job.processing", "job.completed")


def test_an_event_that_the_bus_refused_is_told_although_the_job_has_gone_on(
    stack: World, net: Net, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    bus, left = type(stack.functions["relay"].world.bus), [1]
    real = bus.put

    def put(self: Any, events: Any) -> None:
        listed = list(events)
        if listed[0][0] == "job.processing" and left[0]:
            left[0] -= 1
            raise OSError("the bus is away")
        real(self, listed)

    monkeypatch.setattr(bus, "put", put)
    net.after_create = lambda name: ready(net, name)
    name = provider_job(stack, tenant)
    stack.run(seconds=30)
    assert "job.processing" not in [kind for kind, _ in stack.events]
    stack.run(seconds=120, sweeps=True)
    assert {kind for kind, _ in stack.events} == {"job.created", "job.processing", "job.completed"}
    ended(stack, net, tenant, name, "completed", charged=PRICE)
