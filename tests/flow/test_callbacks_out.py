"""Callbacks as their receivers see them: three foreign libraries check what we sign; replays by the API are the same.

The libraries are the standard's own and those of two vendors who sign in this way, openai and replicate.
"""

import base64
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

import openai
import pytest
import standardwebhooks
from replicate.webhook import InvalidSignatureError, InvalidTimestampError, Webhooks, WebhookSigningSecret

from packshot.aws.books import Books
from tests.flow.conftest import SECRET, Net, Tenant, make_tenant
from tests.flow.test_jobs import JOBS, provider_job, ready
from tests.flow.world import World

ENDPOINTS = "/packshot/v1/callback-endpoints"
Sent = tuple[str, Mapping[str, str], bytes]


def _standardwebhooks(secret: str, headers: Mapping[str, str], body: bytes) -> None:
    standardwebhooks.Webhook(secret).verify(body, dict(headers))


def _openai(secret: str, headers: Mapping[str, str], body: bytes) -> None:
    client = openai.OpenAI(api_key="none", base_url="http://127.0.0.1:1")
    client.webhooks.verify_signature(body, dict(headers), secret=secret)


def _replicate(secret: str, headers: Mapping[str, str], body: bytes) -> None:
    Webhooks.validate(headers=dict(headers), body=body.decode(), secret=WebhookSigningSecret(key=secret), tolerance=300)


FOREIGN: Mapping[str, tuple[Callable[[str, Mapping[str, str], bytes], None], tuple[type[Exception], ...]]] = {
    "standardwebhooks": (_standardwebhooks, (standardwebhooks.WebhookVerificationError,)),
    "openai": (_openai, (openai.InvalidWebhookSignatureError,)),
    "replicate": (_replicate, (InvalidSignatureError, InvalidTimestampError)),
}
"""How each says yes, and how no."""


def good(secret: str, sent: Sent) -> bool:
    """What all of them say; they must agree."""
    _, headers, body = sent
    said = set()
    for check, no in FOREIGN.values():
        try:
            check(secret, headers, body)
            said.add(True)
        except no:
            said.add(False)
    assert len(said) == 1
    return said.pop()


def other_secret() -> str:
    return "whsec_" + base64.b64encode(b"somebody else's secret, 32 bytes").decode()


@pytest.fixture
def told(stack: World, net: Net, tenant: Tenant) -> Sent:
    """One callback of a finished job."""
    net.after_create = lambda name: ready(net, name)
    provider_job(stack, tenant)
    stack.run(seconds=20)
    (sent,) = net.posts
    return sent


def test_three_foreign_libraries_take_what_we_sign_and_nothing_else(told: Sent) -> None:
    url, headers, body = told
    assert good(SECRET, told)
    assert not good(other_secret(), told)
    assert not good(SECRET, (url, headers, body.replace(b"completed", b"canceled", 1)))
    for name, value in (
        ("webhook-id", "evt_other"),
        ("webhook-timestamp", str(int(headers["webhook-timestamp"]) + 1)),
        ("webhook-signature", f"v1,{base64.b64encode(bytes(32)).decode()}"),
    ):
        assert not good(SECRET, (url, {**headers, name: value}, body))


@pytest.mark.parametrize("late", [-400, 400])
def test_a_callback_is_dated_when_it_is_sent(stack: World, net: Net, tenant: Tenant, late: int) -> None:
    """The libraries look at the real clock, which ours has left by that much."""
    stack.clock.now += late
    net.after_create = lambda name: ready(net, name)
    provider_job(stack, tenant)
    stack.run(seconds=20)
    assert not good(SECRET, net.posts[0])
    assert abs(int(net.posts[0][1]["webhook-timestamp"]) - stack.clock.now) <= 20


def test_an_endpoint_a_test_event_and_a_rotated_secret(stack: World, net: Net, tenant: Tenant) -> None:
    made = stack.api("POST", ENDPOINTS, {"url": "https://shop.example/a"}, key=tenant.key).json
    assert stack.api("POST", f"{ENDPOINTS}/{made['id']}/test", key=tenant.key).status == 202
    stack.run(seconds=5)
    assert good(made["secret"], net.posts[-1]) and not good(SECRET, net.posts[-1])
    fresh = stack.api("POST", f"{ENDPOINTS}/{made['id']}/rotate", {"overlap_seconds": 60}, key=tenant.key).json
    for wait, old_is_good in ((0, True), (59, True), (2, False)):
        stack.clock.sleep(wait)
        stack.api("POST", f"{ENDPOINTS}/{made['id']}/test", key=tenant.key)
        stack.run()
        assert good(fresh["secret"], net.posts[-1])
        assert good(made["secret"], net.posts[-1]) is old_is_good
    assert len({headers["webhook-id"] for _, headers, _ in net.posts}) == len(net.posts) == 4


def deliveries(stack: World, tenant: Tenant, job: str) -> list[dict]:
    return list(stack.api("GET", f"{JOBS}/{job}/deliveries", key=tenant.key).json["data"])


def test_a_replay_by_the_api_is_the_same_message_with_a_new_date(stack: World, net: Net, tenant: Tenant) -> None:
    net.after_create = lambda name: ready(net, name)
    job = provider_job(stack, tenant)
    stack.run(seconds=20)
    (one,) = deliveries(stack, tenant, job)
    stranger = make_tenant(stack, "acct_two")
    path = f"/packshot/v1/deliveries/{one['id']}/replay"
    for _ in range(2):
        stack.clock.sleep(100)
        assert stack.api("POST", path, key=stranger.key).status == 404
        assert stack.api("POST", path, key=tenant.key).status == 202
        stack.run()
    assert len(net.posts) == 3
    assert len({(url, headers["webhook-id"], body) for url, headers, body in net.posts}) == 1
    stamps = [int(headers["webhook-timestamp"]) for _, headers, _ in net.posts]
    assert stamps[1] - stamps[0] >= 100 and stamps[2] - stamps[1] == 100
    assert good(SECRET, net.posts[0]) and good(SECRET, net.posts[1])
    assert [each["state"] for each in deliveries(stack, tenant, job)] == ["delivered"]


def test_a_range_is_replayed_or_only_what_failed_of_it(stack: World, net: Net, tenant: Tenant) -> None:
    url = "https://shop.example/a"
    made = stack.api("POST", ENDPOINTS, {"url": url, "events": ["job.created"]}, key=tenant.key).json
    start = int(stack.clock.now)
    net.statuses = [204, 410]
    stack.deaf |= {"dispatch", "poller"}
    jobs = []
    for _ in range(2):
        jobs.append(provider_job(stack, tenant, callback_url=None))
        stack.run()
    assert [deliveries(stack, tenant, job)[0]["state"] for job in jobs] == ["delivered", "failed"]
    before = len(net.posts)
    assert before == 2 and stack.events[-1][0] == "callback.endpoint_disabled"
    back = stack.api("PATCH", f"{ENDPOINTS}/{made['id']}", {"disabled": False}, key=tenant.key)
    assert (back.status, back.json["disabled"]) == (200, False)

    def replay(**more: object) -> int:
        given = {"since": iso(start - 10), "until": iso(start + 10), **more}
        answer = stack.api("POST", f"{ENDPOINTS}/{made['id']}/replay", given, key=tenant.key)
        assert answer.status == 202, answer.text
        stack.run()
        return len(net.posts) - before

    assert replay(since=iso(start + 5), until=iso(start + 10)) == 0
    assert replay(failed_only=True) == 1
    assert replay(failed_only=True) == 1
    assert replay(failed_only=False) == 3
    assert len({headers["webhook-id"] for _, headers, _ in net.posts}) == 2
    assert Books("packshot").verify(tenant.account) == ()


def iso(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")


def test_the_body_says_what_its_headers_say(told: Sent) -> None:
    _, headers, body = told
    event = json.loads(body)
    assert event["id"] == headers["webhook-id"] and event["type"] == "job.completed"
    assert headers["content-type"] == "application/json"
