"""Assets, pictures, queues, the bus and the pollers."""

import json
import time
import urllib.parse
from dataclasses import replace
from typing import Any

import pytest

from packshot.answers import Asset
from packshot.aws.assets import AssetTable
from packshot.aws.bus import EventBus
from packshot.aws.clients import client
from packshot.aws.pictures import Bucket
from packshot.aws.poller import KNOWN_MS, LEASE_MS, Lease, Pollers
from packshot.aws.queues import Sqs
from packshot.errors import Unavailable
from tests.integration.test_aws_world import ACME, NOW, TABLE, World, lose, world

__all__ = ["world"]


def test_assets_are_put_settled_and_listed(world: World) -> None:
    table, now = AssetTable(TABLE), int(time.time() * 1000)
    for place in range(5):
        table.put(ACME, Asset(f"as_{place}", "uploading", now, "image/png", 10, f"{place}.png"))
    table.put(ACME, Asset("as_old", "ready", now - 31 * 86_400_000, "image/png", 10))
    table.settle(ACME, "as_0", "ready", 77, None)
    table.settle(ACME, "as_0", "rejected", 77, "late")
    table.settle(ACME, "as_none", "ready", 1, None)
    table.put(ACME, Asset("as_0", "uploading", now, "image/png", 10))  # repeated
    kept = table.get(ACME, "as_0")
    assert kept and replace(kept, url="", thumbnail_url="") == Asset("as_0", "ready", now, "image/png", 77, "0.png")
    assert table.get(ACME, "as_none") is table.get(ACME, "as_old") is table.get("acc_b", "as_0") is None
    seen, cursor, _ = table.list(ACME, 3, None)
    more, end, _ = table.list(ACME, 3, cursor)
    assert [asset.id for asset in (*seen, *more)] == ["as_4", "as_3", "as_2", "as_1", "as_0"]
    assert end is None


def test_pictures_go_in_and_come_out(world: World) -> None:
    client("s3").create_bucket(Bucket="pics", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    bucket = Bucket("pics")
    bucket.put("in/ä.jpg", b"abc", "image/jpeg", {"job": "j"})
    bucket.copy("in/ä.jpg", "b.jpg")
    head = bucket.head("b.jpg")
    assert head
    assert (head.bytes, head.content_type, head.metadata) == (3, "image/jpeg", {"job": "j"})
    assert (bucket.get("b.jpg"), bucket.get("none"), bucket.head("none")) == (b"abc", None, None)
    url = urllib.parse.urlsplit(bucket.url("b.jpg", 60, 'a "b".jpg'))
    query = urllib.parse.parse_qs(url.query)
    assert query["X-Amz-Expires"] == ["60"]
    assert query["response-content-disposition"] == ["attachment; filename*=UTF-8''a%20%22b%22.jpg"]
    where, fields = bucket.form("assets/a/as_1", "image/png", 1000, 900)
    assert "pics" in where
    assert (fields["key"], fields["Content-Type"]) == ("assets/a/as_1", "image/png")
    bucket.delete("b.jpg")
    assert bucket.get("b.jpg") is None


def test_messages_carry_their_group_and_delay(world: World) -> None:
    url = client("sqs").create_queue(QueueName="q")["QueueUrl"]
    sent: list[dict[str, Any]] = []
    events = client("sqs").meta.events

    def see(params: dict[str, Any], **_: Any) -> None:
        sent.append(params)

    events.register("before-parameter-build.sqs.SendMessage", see)
    Sqs(url).send({"job": "j"}, group=ACME, delay=1000)
    events.unregister("before-parameter-build.sqs.SendMessage", see)
    assert sent == [{"QueueUrl": url, "MessageBody": '{"job":"j"}', "MessageGroupId": ACME, "DelaySeconds": 900}]


def test_events_go_out_in_tens_and_a_refused_one_is_reported(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    batches: list[int] = []

    class Events:
        def put_events(self, Entries: list[dict[str, Any]]) -> dict[str, int]:  # noqa: N803
            batches.append(len(Entries))
            return {"FailedEntryCount": int(any("bad" in entry["DetailType"] for entry in Entries))}

    monkeypatch.setattr("packshot.aws.bus.client", lambda service: Events())
    EventBus("bus").put(("job.completed", {"n": n}) for n in range(23))
    assert batches == [10, 10, 3]
    with pytest.raises(Unavailable):
        EventBus("bus").put([("bad", {})])


class Machines:
    def __init__(self) -> None:
        self.started: list[str] = []
        self.broken = False

    def start_execution(self, *, stateMachineArn: str, input: str) -> None:  # noqa: N803
        if self.broken:
            raise Unavailable
        self.started.append(json.loads(input)["lane"])


def test_one_poller_per_lane(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    machines = Machines()
    monkeypatch.setattr(
        "packshot.aws.poller.client", lambda service: machines if service == "stepfunctions" else client(service)
    )
    one, other, lease = Pollers(TABLE, "arn"), Pollers(TABLE, "arn"), Lease(TABLE)
    machines.broken = True
    with pytest.raises(Unavailable):
        one.ensure("fal", NOW)
    machines.broken = False
    lose("UpdateItem")
    assert one.ensure("fal", NOW + 1)  # the lease was given back
    world.units()
    assert not one.ensure("fal", NOW + KNOWN_MS)
    assert world.units() == (0, 0)
    assert not other.ensure("fal", NOW + 2)
    assert other.ensure("replicate", NOW)
    lease.renew("fal", NOW + LEASE_MS + 10_000)
    lease.renew("fal", NOW + 5)  # never shortens
    assert not other.ensure("fal", NOW + LEASE_MS + 5_000)
    lease.release("fal")
    lease.release("nobody")
    assert other.ensure("fal", NOW + LEASE_MS + 5_000 + KNOWN_MS)
    assert machines.started == ["fal", "replicate", "fal"]
