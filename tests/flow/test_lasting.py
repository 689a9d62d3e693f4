"""Lasting addresses, pictures that are kept for good, and callers who cannot wait, or may not spend."""

import json
from dataclasses import replace
from itertools import chain, repeat
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest

from packshot.aws.books import Books
from packshot.steps import large, submit
from tests.flow.conftest import Net, Tenant, make_tenant, photo
from tests.flow.test_jobs import JOBS, asset, available, books_are_straight, job, provider_job, ready
from tests.flow.world import Killed, World

API = "https://api.example.com"
PICTURES = "/packshot/v1/pictures"
SMALL = {"width": 512, "height": 512}
IMAGES, NUMBERED, GENERATE = "/v1/images/generations", "/v1/api/generate", "/v1/phota/generate"


def finished(stack: World, tenant: Tenant, **wish: Any) -> dict[str, Any]:
    """A finished studio job."""
    answer = stack.api("POST", JOBS, {"images": [asset(stack, tenant)], **SMALL, **wish}, key=tenant.key)
    assert answer.status == 202, answer.text
    stack.run()
    done = job(stack, tenant, answer.json["id"])
    assert done["state"] == "completed", done
    return dict(done)


def object_of(location: str) -> tuple[str, bytes, str]:
    """(key, bytes, kind) of what a presigned address opens."""
    parts = urlsplit(location)
    bucket, key = (parts.netloc.partition(".")[0], parts.path[1:])
    if bucket not in ("uploads", "outputs"):
        bucket, _, key = parts.path[1:].partition("/")
    found = boto3.client("s3", "us-east-1").get_object(Bucket=bucket, Key=key)
    return key, found["Body"].read(), found["ContentType"]


def opened(stack: World, address: str) -> tuple[str, bytes, str]:
    """What somebody without a key gets to see."""
    answer = stack.api("GET", address.removeprefix(API))
    assert (answer.status, answer.text) == (302, ""), answer.text
    return object_of(answer.headers["location"])


# -------------------------------------------------------------------------------------------------- lasting addresses


def test_a_kept_picture_has_an_address_for_good(stack: World, net: Net, tenant: Tenant) -> None:
    done = finished(stack, tenant, keep=True)
    (output,) = done["outputs"]
    assert output["url_expires_at"] is None
    assert output["url"].startswith(f"{API}{PICTURES}/outputs/{tenant.account}/{done['id']}/00-")
    key, data, kind = opened(stack, output["url"])
    assert key == f"keep/{tenant.account}/{done['id']}/{output['url'].rpartition('/')[2]}"
    assert (len(data), kind) == (output["bytes"], "image/jpeg")
    assert job(stack, tenant, done["id"])["outputs"][0]["url"] == output["url"]


def test_links_last_as_long_as_the_picture_and_other_addresses_a_day(stack: World, net: Net, tenant: Tenant) -> None:
    linked, plain = (finished(stack, tenant, **wish)["outputs"][0] for wish in ({"delivery": "links"}, {}))
    key, data, _ = opened(stack, linked["url"])
    assert key.startswith(f"out/{tenant.account}/")
    assert (len(data), linked["url_expires_at"]) == (linked["bytes"], None)
    assert plain["url_expires_at"] is not None
    assert API not in plain["url"]
    assert object_of(plain["url"])[0].startswith(f"out/{tenant.account}/")


def test_an_asset_and_its_thumbnail_can_be_opened_without_a_key(stack: World, net: Net, tenant: Tenant) -> None:
    name = asset(stack, tenant)
    shown = stack.api("GET", f"/packshot/v1/assets/{name}", key=tenant.key).json
    assert opened(stack, shown["thumbnail_url"])[0] == f"assets/{tenant.account}/{name}"  # as long as there is no other
    stack.run()
    assert opened(stack, shown["url"]) == (f"assets/{tenant.account}/{name}", photo(), "image/jpeg")
    assert opened(stack, shown["thumbnail_url"])[0] == f"thumbnails/{tenant.account}/{name}.jpg"


def test_a_wrong_address_is_nowhere_and_says_nothing(stack: World, net: Net, tenant: Tenant) -> None:
    name, done = asset(stack, tenant), finished(stack, tenant, keep=True)
    home, own = f"{PICTURES}/assets/{tenant.account}", done["outputs"][0]["url"].removeprefix(API)
    make_tenant(stack, "acct_two")
    other_digit = "1" if own[-5] == "0" else "0"
    wrong = [
        f"{home}/{name}x", f"{home}/{name}/thumb", f"{home}/{name}/thumbnail/x", f"{home}", PICTURES,
        f"{PICTURES}/assets/acct_two/{name}", f"{PICTURES}/profiles/{tenant.account}/{name}",
        f"{home}/as_{'0' * 26}", f"{home}/{done['id']}", f"{own[:-5]}{other_digit}.jpg", f"{own}/x",
        own.rpartition("/")[0],
        own.replace(tenant.account, "acct_two"), own.replace("/outputs/", "/keep/"), own.replace("00-", "01-"),
        f"{PICTURES}/outputs/{tenant.account}/{done['id']}/brief", f"{PICTURES}/outputs/{tenant.account}/x/y",
    ]  # fmt: skip
    answers = [stack.api("GET", path) for path in wrong]
    assert [answer.status for answer in answers] == [404] * len(wrong)
    assert len({answer.text for answer in answers}) == 1
    assert stack.api("GET", f"{home}/{name}").status == stack.api("GET", own).status == 302
    assert stack.api("DELETE", own).status == 401
    assert stack.api("DELETE", own, key=tenant.key).status == 405


def test_an_own_address_is_an_input_without_being_fetched(stack: World, net: Net, tenant: Tenant) -> None:
    name = asset(stack, tenant)
    kept, out = (
        finished(stack, tenant, **wish)["outputs"][0]["url"] for wish in ({"keep": True}, {"delivery": "links"})
    )
    for address in (f"{API}{PICTURES}/assets/{tenant.account}/{name}", kept, out):
        done = finished(stack, tenant, images=[address])
        assert done["brief"]["images"] != [address]
    assert net.pages == {}
    net.pages["https://replicate.delivery/pred0.png"] = photo(1024, 1024)
    net.after_create = lambda prediction: ready(net, prediction)
    provider_job(stack, tenant, images=[kept, name])
    stack.run(seconds=1)
    assert len(net.creates[0]["input"]["input_images"]) == 2
    books_are_straight(tenant)


def test_another_accounts_address_opens_nothing_from_inside(stack: World, net: Net, tenant: Tenant) -> None:
    other = make_tenant(stack, "acct_two")
    name, kept = asset(stack, tenant), finished(stack, tenant, keep=True)["outputs"][0]["url"]
    for address in (f"{API}{PICTURES}/assets/{tenant.account}/{name}", kept):
        taken = stack.api("POST", JOBS, {"images": [address], **SMALL}, key=other.key)
        assert (taken.status, job(stack, other, taken.json["id"])["brief"]["images"]) == (202, [address])
        stack.run()
        assert job(stack, other, taken.json["id"])["error"]["code"] == "image_url_status"  # fetched, as any address is
    assert available(stack, other) == 100
    assert stack.api("POST", JOBS, {"images": [name], **SMALL}, key=other.key).json["code"] == "unknown_asset"


# ------------------------------------------------------------------------------------------------- who cannot wait


@pytest.fixture
def patient(stack: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever holds an answer lets the world's time pass."""

    def sleep(seconds: float) -> None:
        stack.clock.sleep(seconds)
        stack.run()

    monkeypatch.setitem(submit.hold.__kwdefaults__, "sleep", sleep)
    monkeypatch.setitem(submit.hold.__kwdefaults__, "clock", lambda: stack.clock.now)


@pytest.mark.usefixtures("patient")
def test_a_call_that_runs_out_of_time_is_cancelled_and_given_back(stack: World, net: Net, tenant: Tenant) -> None:
    stack.deaf.add("poller")  # it would jump ahead of whoever waits
    began = stack.clock.now
    wish = {"model": "flux-2", "prompt": "a cup", "size": "1024x1024"}
    answer = stack.api("POST", IMAGES, wish, key=tenant.key)
    assert answer.status >= 500
    assert 25 <= stack.clock.now - began < 28
    (ended,) = stack.api("GET", JOBS, key=tenant.key).json["data"]
    assert (ended["state"], ended["credits"]["refunded"], available(stack, tenant)) == ("canceled", 3, 100)
    stack.run()
    assert set(net.predictions.values()) == {"canceled"}
    ready(net)
    stack.run(seconds=300, sweeps=True)
    assert job(stack, tenant, ended["id"])["state"] == "canceled"
    books_are_straight(tenant)


@pytest.mark.usefixtures("patient")
def test_whoever_joins_a_job_does_not_cancel_it(stack: World, net: Net, tenant: Tenant) -> None:
    stack.deaf.add("poller")
    wish = {"prompt": "a cup", "base_model": "flux-2", "client_request_id": "order-7", "response_mode": "urls"}
    headers = {"x-api-key": tenant.key}
    first = stack.api("POST", GENERATE, {**wish, "async": True}, headers=headers)
    assert first.status == 202, first.text
    joined = stack.api("POST", GENERATE, wish, headers=headers)
    assert (joined.status, joined.json["detail"]) == (504, "Not ready in time; the job goes on.")
    assert job(stack, tenant, first.json["job_id"])["state"] == "processing"
    ready(net)
    stack.deaf.clear()
    stack.run(seconds=300, sweeps=True)
    assert job(stack, tenant, first.json["job_id"])["state"] == "completed"
    books_are_straight(tenant)


@pytest.mark.usefixtures("patient")
def test_a_call_that_is_done_in_time_is_answered_and_paid(stack: World, net: Net, tenant: Tenant) -> None:
    net.after_create = lambda name: ready(net, name)
    wish = {"model": "flux-2", "prompt": "a cup", "size": "1024x1024", "response_format": "url"}
    answer = stack.api("POST", IMAGES, wish, key=tenant.key)
    assert (answer.status, len(answer.json["data"]), available(stack, tenant)) == (200, 1, 97)


@pytest.mark.parametrize("door", ["api", "url"])
def test_a_job_ends_soon_after_the_function_that_waited_for_it_has_died(
    stack: World, net: Net, tenant: Tenant, monkeypatch: pytest.MonkeyPatch, door: str
) -> None:
    def dies(seconds: float) -> None:
        raise Killed

    stack.deaf.add("poller")
    monkeypatch.setitem(submit.hold.__kwdefaults__, "sleep", dies)
    body = json.dumps({"model": "flux-2", "prompt": "a cup", "size": "1024x1024"}).encode()
    headers = {"authorization": f"Bearer {tenant.key}", "content-type": "application/json"}
    with pytest.raises(Killed):
        if door == "api":
            stack.api("POST", IMAGES, raw=body, headers=headers)
        else:
            stack.long("POST", IMAGES, headers=headers, raw=body)
    lasts = {"api": 25 + submit.AFTERWARDS, "url": 600}[door]  # the provider's own deadline comes first
    stack.run(seconds=lasts - 5, sweeps=True)
    (open_still,) = stack.api("GET", JOBS, key=tenant.key).json["data"]
    assert (open_still["state"], available(stack, tenant)) == ("processing", 97)
    stack.run(seconds=125, sweeps=True)
    ended = job(stack, tenant, open_still["id"])
    assert (ended["state"], ended["error"]["code"]) == ("failed", "deadline_exceeded")
    assert available(stack, tenant) == 100
    books_are_straight(tenant)


def test_a_job_that_somebody_wants_afterwards_keeps_its_own_deadline(stack: World, net: Net, tenant: Tenant) -> None:
    stack.deaf.add("poller")
    ticks = chain([0.0], repeat(99.0))
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(submit.hold.__kwdefaults__, "clock", lambda: next(ticks))
        wish = {"model": "flux-2", "prompt": "a cup", "aspect_ratio": "1:1"}
        answer = stack.api("POST", JOBS, wish, key=tenant.key, headers={"prefer": "wait=5"})
    assert (answer.status, answer.json["state"]) == (202, "pending")
    stack.run(seconds=120, sweeps=True)
    assert job(stack, tenant, answer.json["id"])["state"] == "processing"


# ---------------------------------------------------------------------------------------------------- large answers


def test_an_answer_too_large_for_lambda_lies_where_it_says(
    stack: World, net: Net, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = finished(stack, tenant, delivery="bytes")
    path = f"{JOBS}/{done['id']}"
    whole = stack.api("GET", path, key=tenant.key)
    monkeypatch.setattr(large, "LARGEST", len(whole.text) - 1)
    sent_on = stack.api("GET", path, key=tenant.key)
    assert (whole.status, sent_on.status, sent_on.text) == (200, 303, "")
    assert (sent_on.headers["x-request-id"], sent_on.headers["cache-control"]) == ("req-1", "no-store")
    key, body, kind = object_of(sent_on.headers["location"])
    assert (key, body, kind) == ("answers/req-1", whole.text.encode(), "application/json")
    assert stack.api("GET", f"{PICTURES}/answers/req-1").status == 404
    assert stack.api("GET", "/packshot/v1/account", key=tenant.key).status == 200


@pytest.mark.usefixtures("patient")
def test_a_post_whose_answer_is_too_large_is_sent_on_and_done_once(
    stack: World, net: Net, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(large, "LARGEST", 10_000)
    net.after_create = lambda name: ready(net, name)
    wish = {"model": "flux-2", "prompt": "a cup", "size": "1024x1024", "response_format": "b64_json"}
    answer = stack.api("POST", IMAGES, wish, key=tenant.key)
    assert answer.status == 303
    _, body, kind = object_of(answer.headers["location"])
    assert (kind, len(json.loads(body)["data"]), len(net.creates)) == ("application/json", 1, 1)
    assert available(stack, tenant) == 97


# ---------------------------------------------------------------------------------------------------------- short ids


@pytest.mark.parametrize("prompt", ["lipstick on fire", "a cup"], ids=["another wish", "the same wish"])
def test_a_short_id_that_is_taken_is_drawn_again(
    stack: World, net: Net, tenant: Tenant, monkeypatch: pytest.MonkeyPatch, prompt: str
) -> None:
    def invoke(name: str, event: dict[str, Any]) -> Any:
        event["requestContext"]["requestId"] = f"req-{len(stack.invocations)}"
        return World.invoke(stack, name, event)

    monkeypatch.setattr(stack, "invoke", invoke)
    drawn = iter([bytes(10), bytes(10), bytes(10), b"\x01" * 10])
    function = stack.functions["submit"]
    function.intake = replace(function.intake, randomness=lambda size: next(drawn))
    numbers = []
    for words in ("a cup", prompt):
        wish = {"model": "nanobanana2", "image_url": "https://shop.example/mug.jpg", "prompt": words}
        answer = stack.api("POST", NUMBERED, wish, headers={"x-api-key": tenant.key})
        assert answer.status == 200, answer.text
        numbers.append(answer.json["data"]["id"])
    assert (numbers[1] - numbers[0], list(drawn)) == (0x010, [])
    shown = [stack.api("GET", f"/v1/api/job/{number}", headers={"x-api-key": tenant.key}).json for number in numbers]
    assert [one["data"]["prompt"] for one in shown] == ["a cup", prompt]
    books_are_straight(tenant)


def test_a_short_id_is_not_drawn_for_ever(stack: World, net: Net, tenant: Tenant) -> None:
    function = stack.functions["submit"]
    function.intake = replace(function.intake, randomness=bytes)
    wish = {"model": "nanobanana2", "image_url": "https://shop.example/mug.jpg"}
    answers = [
        stack.api("POST", NUMBERED, {**wish, "prompt": words}, headers={"x-api-key": tenant.key}) for words in "ab"
    ]
    assert answers[0].status == 200
    assert answers[1].status >= 400
    assert len(stack.api("GET", JOBS, key=tenant.key).json["data"]) == 1
    books_are_straight(tenant)


# ------------------------------------------------------------------------------------------------------ who may spend


@pytest.mark.parametrize("status", ["past_due", "canceled"])
def test_an_account_that_does_not_pay_may_look_but_not_spend(
    stack: World, net: Net, tenant: Tenant, status: str
) -> None:
    running, done = provider_job(stack, tenant), finished(stack, tenant)
    Books("packshot").change(tenant.account, {"status": status})
    stack.clock.sleep(61)  # keys are remembered for a minute
    wish = {"images": [asset(stack, tenant)], **SMALL}
    for key in (tenant.key, tenant.test_key):
        refused = stack.api("POST", JOBS, wish, key=key)
        assert (refused.status, refused.json["code"]) == (403, "account_inactive")
    assert stack.api("GET", "/packshot/v1/account", key=tenant.key).json["status"] == status
    assert stack.api("POST", "/packshot/v1/quotes", wish, key=tenant.key).json["total"] == 1
    assert job(stack, tenant, done["id"])["outputs"][0]["url"]
    assert len(stack.api("GET", JOBS, key=tenant.key).json["data"]) == 2
    assert stack.api("POST", f"{JOBS}/{running}/cancel", key=tenant.key).json["state"] == "canceled"
    assert available(stack, tenant) == 99
    books_are_straight(tenant)


def test_a_status_that_was_remembered_is_still_checked_where_credits_are_taken(
    stack: World, net: Net, tenant: Tenant
) -> None:
    wish = {"images": [asset(stack, tenant)], **SMALL}
    Books("packshot").change(tenant.account, {"status": "past_due"})
    refused = stack.api("POST", JOBS, wish, key=tenant.key)
    assert (refused.status, refused.json["code"]) == (403, "account_inactive")
    assert available(stack, tenant) == 100


def test_a_trial_spends_and_a_suspended_account_is_nobody(stack: World, net: Net, tenant: Tenant) -> None:
    Books("packshot").change(tenant.account, {"status": "trialing"})
    assert finished(stack, tenant)["credits"]["charged"] == 1
    Books("packshot").change(tenant.account, {"status": "suspended"})
    stack.clock.sleep(61)
    assert stack.api("GET", "/packshot/v1/account", key=tenant.key).status == 401
