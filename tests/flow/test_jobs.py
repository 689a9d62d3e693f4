"""Whole jobs through the shipped handlers: the main path, three ways to find a provider's result, the ways to end."""

import json

import pytest
from standardwebhooks import Webhook

from packshot import signing
from packshot.aws.books import Books
from packshot.catalog import simulated
from packshot.egress import NoAnswer
from packshot.job import Credits
from tests.flow.conftest import SECRET, Net, Tenant, make_tenant, photo
from tests.flow.world import World

JOBS = "/packshot/v1/jobs"
PROVIDER_JOB = {
    "model": "flux-2",
    "prompt": "a red box",
    "aspect_ratio": "1:1",
    "format": "png",
    "callback_url": "https://shop.example/hooks",
}


def asset(stack: World, tenant: Tenant) -> str:
    answer = stack.api(
        "POST", "/packshot/v1/assets", raw=photo(), key=tenant.key, headers={"content-type": "image/jpeg"}
    )
    assert answer.status == 201, answer.text
    return str(answer.json["id"])


def job(stack: World, tenant: Tenant, job_id: str) -> dict:
    answer = stack.api("GET", f"{JOBS}/{job_id}", key=tenant.key)
    assert answer.status == 200, answer.text
    return answer.json


def available(stack: World, tenant: Tenant) -> int:
    return stack.api("GET", "/packshot/v1/account", key=tenant.key).json["credits"]["available"]["total"]


def provider_job(stack: World, tenant: Tenant, **more: object) -> str:
    answer = stack.api("POST", JOBS, {**PROVIDER_JOB, **more}, key=tenant.key)
    assert answer.status == 202, answer.text
    return str(answer.json["id"])


def ready(net: Net, name: str = "pred0") -> None:
    net.predictions[name] = "succeeded"
    net.pages[f"https://replicate.delivery/{name}.png"] = photo(1024, 1024)


def webhook(stack: World, net: Net, number: int = 0, **spoil: str) -> int:
    """The provider's webhook for its n-th prediction, signed as Standard Webhooks says."""
    path = net.creates[number]["webhook"].removeprefix("https://api.example.com")
    body = net.prediction(f"pred{number}")
    at = int(stack.clock.now)
    headers = {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(at),
        "webhook-signature": signing.sign([simulated()["replicate"]["webhook_secret"]], "msg_1", at, body),
    }
    headers.update(spoil)
    return stack.api("POST", path, raw=body, headers=headers).status


def books_are_straight(tenant: Tenant) -> None:
    assert Books("packshot").verify(tenant.account) == ()


def test_a_snapshot_becomes_a_finished_photo(stack: World, net: Net, tenant: Tenant) -> None:
    wish = {
        "images": [asset(stack, tenant)],
        "preset": "amazon",
        "width": 640,
        "height": 512,
        "callback_url": "https://shop.example/hooks",
        "metadata": {"sku": "A1"},
        "external_id": "sku-A1",
    }
    taken = stack.api("POST", JOBS, wish, key=tenant.key)
    assert taken.status == 202 and taken.headers["location"].endswith(taken.json["id"])
    assert taken.json["state"] == "pending" and available(stack, tenant) == 99
    stack.run()
    done = job(stack, tenant, taken.json["id"])
    assert done["state"] == "completed" and done["progress"] == 100 and len(done["outputs"]) == 1
    output = done["outputs"][0]
    assert (output["width"], output["height"], output["content_type"]) == (640, 512, "image/jpeg")
    assert output["report"]["white"] is not False and output["url"].startswith("http")
    ((url, headers, body),) = net.posts
    event = Webhook(SECRET).verify(body, dict(headers))
    assert url == "https://shop.example/hooks" and event["type"] == "job.completed"
    assert event["data"]["job"] == done["id"] and event["data"]["metadata"] == {"sku": "A1"}
    assert [name for name, _ in stack.events] == ["job.created", "job.processing", "job.completed"]
    assert available(stack, tenant) == 99
    books_are_straight(tenant)


def test_the_webhook_finishes_a_providers_job_and_the_poller_finds_nothing_to_do(
    stack: World, net: Net, tenant: Tenant
) -> None:
    name = provider_job(stack, tenant)
    stack.deaf.add("poller")
    stack.run()
    assert job(stack, tenant, name)["state"] == "processing" and len(net.creates) == 1
    ready(net)
    assert webhook(stack, net) == 200
    assert webhook(stack, net) == 200
    stack.deaf.clear()
    stack.run()
    done = job(stack, tenant, name)
    assert done["state"] == "completed" and done["outputs"][0]["simulated"] is True
    assert net.polls == 0 and len(net.creates) == 1 and available(stack, tenant) == 97
    assert stack.executions[-1].status == "SUCCEEDED"
    books_are_straight(tenant)


def test_without_a_webhook_the_poller_finds_the_result(stack: World, net: Net, tenant: Tenant) -> None:
    net.after_create = lambda name: ready(net, name)
    name = provider_job(stack, tenant)
    stack.run(seconds=1)
    done = job(stack, tenant, name)
    assert done["state"] == "completed" and net.polls == 1, done
    execution = stack.executions[0]
    assert execution.status == "SUCCEEDED" and "Wait" in execution.entered
    books_are_straight(tenant)


def test_without_webhook_and_poller_the_sweep_finds_the_result(stack: World, net: Net, tenant: Tenant) -> None:
    stack.deaf.add("poller")
    net.after_create = lambda name: ready(net, name)
    name = provider_job(stack, tenant)
    stack.run(seconds=200, sweeps=True)
    assert job(stack, tenant, name)["state"] == "completed" and len(net.creates) == 1
    books_are_straight(tenant)


def test_a_job_whose_stream_record_was_lost_is_found_by_the_sweep(stack: World, net: Net, tenant: Tenant) -> None:
    stack.deaf.add("stream")
    taken = stack.api("POST", JOBS, {"images": [asset(stack, tenant)], "width": 512, "height": 512}, key=tenant.key)
    stack.run()
    stack.deaf.clear()
    stack.run(seconds=130, sweeps=True)
    assert job(stack, tenant, taken.json["id"])["state"] == "completed"


def test_an_unknown_outcome_is_never_sent_again(stack: World, net: Net, tenant: Tenant) -> None:
    net.create_error = NoAnswer("timeout")
    stack.deaf.add("poller")
    name = provider_job(stack, tenant)
    stack.run(seconds=200, sweeps=True)
    assert len(net.creates) == 1 and job(stack, tenant, name)["state"] == "processing"
    ready(net)
    assert webhook(stack, net) == 200
    stack.run()
    assert job(stack, tenant, name)["state"] == "completed"


def test_a_result_after_the_deadline_is_a_leak_and_the_refund_stays(stack: World, net: Net, tenant: Tenant) -> None:
    net.create_error = NoAnswer("timeout")
    name = provider_job(stack, tenant)
    stack.run(seconds=2_000, sweeps=True)
    ended = job(stack, tenant, name)
    assert ended["state"] == "failed" and ended["error"]["code"] == "deadline_exceeded"
    assert available(stack, tenant) == 100
    ready(net)
    assert webhook(stack, net) == 200
    stack.run()
    assert job(stack, tenant, name)["state"] == "failed" and available(stack, tenant) == 100
    books_are_straight(tenant)


@pytest.mark.parametrize(
    "spoil",
    [
        {"webhook-signature": "v1,AAAA"},
        {"webhook-signature": "nonsense"},
        {"webhook-timestamp": "1"},
        {"webhook-id": "x"},
    ],
)
def test_a_forged_webhook_is_401_and_writes_nothing(
    stack: World, net: Net, tenant: Tenant, spoil: dict[str, str]
) -> None:
    name = provider_job(stack, tenant)
    stack.deaf.add("poller")
    stack.run()
    ready(net)
    assert webhook(stack, net, **spoil) == 401
    stack.run()
    assert job(stack, tenant, name)["state"] == "processing"


def test_cancelling_gives_back_and_stops_the_provider(stack: World, net: Net, tenant: Tenant) -> None:
    name = provider_job(stack, tenant, count=2)
    stack.deaf.add("poller")
    stack.run()
    assert available(stack, tenant) == 94 and len(net.creates) == 2
    answer = stack.api("POST", f"{JOBS}/{name}/cancel", key=tenant.key)
    assert answer.status == 200 and answer.json["state"] == "canceled" and available(stack, tenant) == 100
    stack.run()
    assert set(net.predictions.values()) == {"canceled"}
    assert stack.api("POST", f"{JOBS}/{name}/cancel", key=tenant.key).json["state"] == "canceled"
    assert json.loads(net.posts[0][2])["type"] == "job.canceled"
    books_are_straight(tenant)


def test_partial_delivery_charges_what_was_delivered(stack: World, net: Net, tenant: Tenant) -> None:
    name = provider_job(stack, tenant, count=3)
    stack.deaf.add("poller")
    stack.run()
    for number, state in enumerate(("succeeded", "failed", "succeeded")):
        ready(net, f"pred{number}")
        net.predictions[f"pred{number}"] = state
        assert webhook(stack, net, number) == 200
    stack.run()
    done = job(stack, tenant, name)
    assert done["state"] == "partial" and len(done["outputs"]) == 2
    assert (done["credits"]["charged"], done["credits"]["refunded"]) == (6, 3) and available(stack, tenant) == 94
    books_are_straight(tenant)


def test_the_same_idempotency_key_gives_the_same_job(stack: World, net: Net, tenant: Tenant) -> None:
    headers = {"idempotency-key": "order-1"}
    first = stack.api("POST", JOBS, PROVIDER_JOB, key=tenant.key, headers=headers)
    again = stack.api("POST", JOBS, PROVIDER_JOB, key=tenant.key, headers=headers)
    other = stack.api("POST", JOBS, {**PROVIDER_JOB, "seed": 5}, key=tenant.key, headers=headers)
    assert (first.status, again.status, other.status) == (202, 200, 422)
    assert first.json["id"] == again.json["id"] and other.json["code"] == "idempotency_key_reused"
    assert available(stack, tenant) == 97


def test_a_test_key_spends_nothing_and_runs_on_the_studio_alone(stack: World, net: Net, tenant: Tenant) -> None:
    refused = stack.api("POST", JOBS, PROVIDER_JOB, key=tenant.test_key)
    assert (refused.status, refused.json["code"]) == (403, "test_key_not_allowed")
    taken = stack.api(
        "POST", JOBS, {"images": [asset(stack, tenant)], "width": 512, "height": 512}, key=tenant.test_key
    )
    stack.run()
    done = job(stack, tenant, taken.json["id"])
    assert done["state"] == "completed" and done["test"] is True and available(stack, tenant) == 100
    books_are_straight(tenant)


def test_ten_credits_buy_ten_jobs(stack: World, net: Net) -> None:
    poor = make_tenant(stack, "acct_poor", topup=10)
    wish = {"images": [asset(stack, poor)], "width": 512, "height": 512}
    answers = [stack.api("POST", JOBS, wish, key=poor.key).status for _ in range(13)]
    assert answers == [202] * 10 + [402] * 3
    assert Books("packshot").sums(poor.account).reserved == Credits(0, 10)


def test_another_accounts_job_is_not_there(stack: World, net: Net, tenant: Tenant) -> None:
    stranger = make_tenant(stack, "acct_two")
    name = provider_job(stack, tenant)
    for method, path in (
        ("GET", f"{JOBS}/{name}"),
        ("POST", f"{JOBS}/{name}/cancel"),
        ("GET", f"{JOBS}/{name}/deliveries"),
    ):
        foreign = stack.api(method, path, key=stranger.key)
        absent = stack.api(method, path.replace(name, "job_" + "0" * 26), key=stranger.key)
        assert (foreign.status, foreign.text) == (404, absent.text)
    assert job(stack, tenant, name)["state"] == "pending"


def test_an_upload_becomes_one_job_and_its_results_lie_in_the_outbox(stack: World, net: Net, tenant: Tenant) -> None:
    import boto3

    s3 = boto3.client("s3", "us-east-1")
    key = f"inbox/{tenant.account}/amazon/red box.jpg"
    s3.put_object(Bucket="uploads", Key=key, Body=photo(), Metadata={"ratio": "1:1"})
    detail = {"bucket": {"name": "uploads"}, "object": {"key": key, "size": 1, "version-id": "v1"}}
    for _ in range(2):
        from tests.flow.world import Message

        stack.waiting.append(Message("uploads", {"detail": detail}, 0))
        stack.run()
    found = s3.list_objects_v2(Bucket="outputs", Prefix=f"outbox/{tenant.account}/amazon/red box/")["Contents"]
    assert [one["Key"].rsplit("/", 1)[1] for one in found] == ["1.jpg"]
    assert available(stack, tenant) == 99
    books_are_straight(tenant)


@pytest.mark.parametrize(
    ("key", "data", "code"),
    [
        ("inbox/nobody/amazon/a.jpg", photo(), "upload_rejected"),
        ("inbox/acct_one/nothing/a.jpg", photo(), "upload_rejected"),
        ("inbox/acct_one/amazon/deep/a.jpg", photo(), "upload_rejected"),
        ("inbox/acct_one/amazon/a.gif", photo(), "upload_rejected"),
        ("inbox/acct_one/amazon/a.jpg", b"<svg/>", "upload_rejected"),
        ("inbox/acct_one/amazon/a.jpg", b"", "upload_rejected"),
    ],
)
def test_an_upload_that_cannot_become_a_job_becomes_an_event_and_nothing_else(
    stack: World, net: Net, tenant: Tenant, key: str, data: bytes, code: str
) -> None:
    import boto3

    from tests.flow.world import Message

    boto3.client("s3", "us-east-1").put_object(Bucket="uploads", Key=key, Body=data)
    stack.waiting.append(Message("uploads", {"detail": {"object": {"key": key, "version-id": "v1"}}}, 0))
    stack.run()
    assert [name for name, _ in stack.events] == ["upload.rejected"]
    assert stack.events[0][1]["data"]["error"]["code"] == code and available(stack, tenant) == 100
