"""Hostile pictures at every door of the shipped system: whichever way a picture comes, one decoder judges it, and what
goes on to a provider, to the bucket and back to the caller is a copy of ours."""

import base64
import json
from collections.abc import Callable, Iterator

import boto3
import pytest

from packshot import picture
from packshot.steps import inputs
from tests.flow.conftest import Net, Tenant, net, photo, stack, tenant
from tests.flow.test_jobs import JOBS, job, ready
from tests.flow.world import Message, World
from tests.security.hostile import EVIL, FILES, PLACE, made

__all__ = ["net", "stack", "tenant"]

PAGE = "https://shop.example/front.jpg"
ASSETS = "/packshot/v1/assets"
WISH = {"model": "flux-2", "prompt": "on slate", "aspect_ratio": "1:1", "format": "png"}
REFUSED = (
    "png: 900 megapixels of one bit", "jpg: a thousand scans", "png: cut off", "png: animated",
    "webp: cut off", "png: one pixel", "png: a needle",
)  # fmt: skip
CARRIED = ("jpg: and zip", "png: a page in chunks of its own", "webp: a chunk of its own", "jpg: a place",
           "png: a place", "webp: a place")  # fmt: skip


def bucket(name: str) -> dict[str, bytes]:
    s3 = boto3.client("s3", "us-east-1")
    keys = [each["Key"] for each in s3.list_objects_v2(Bucket=name).get("Contents", ())]
    return {key: s3.get_object(Bucket=name, Key=key)["Body"].read() for key in keys}


def by_address(stack: World, net: Net, tenant: Tenant, data: bytes) -> str:
    net.pages[PAGE] = data
    return PAGE


def by_data_address(stack: World, net: Net, tenant: Tenant, data: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(data).decode()


def by_upload(stack: World, net: Net, tenant: Tenant, data: bytes) -> str:
    answer = stack.api("POST", ASSETS, raw=data, key=tenant.key, headers={"content-type": "image/jpeg"})
    assert answer.status == 201, answer.text
    return str(answer.json["id"])


def by_form(stack: World, net: Net, tenant: Tenant, data: bytes) -> str:
    ask = {"content_type": "image/jpeg", "bytes": len(data)}
    ticket = stack.api("POST", ASSETS, ask, key=tenant.key).json
    key = ticket["fields"]["key"]
    boto3.client("s3", "us-east-1").put_object(Bucket="uploads", Key=key, Body=data)
    stack.waiting.append(Message("uploads", {"detail": {"object": {"key": key, "version-id": "v1"}}}, 0))
    stack.run()
    return str(ticket["asset"]["id"])


DOORS: dict[str, Callable[[World, Net, Tenant, bytes], str]] = {
    "address": by_address, "data address": by_data_address, "upload": by_upload, "form": by_form,
}  # fmt: skip


@pytest.fixture
def judged(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """The sizes of the files that the decoder of a job's pictures was given."""
    seen: list[int] = []

    def decode(data: bytes) -> picture.Picture:
        seen.append(len(data))
        return picture.decode(data)

    monkeypatch.setattr(inputs, "decode", decode)
    yield seen


@pytest.mark.parametrize("door", DOORS)
def test_what_is_refused_is_refused_at_every_door(
    stack: World, net: Net, tenant: Tenant, judged: list[int], door: str
) -> None:
    for name in REFUSED:
        data, verdict = made(name), FILES[name][1]
        judged.clear()
        image = DOORS[door](stack, net, tenant, data)
        taken = stack.api("POST", JOBS, {**WISH, "images": [image]}, key=tenant.key)
        assert taken.status == 202, (name, taken.text)
        stack.run()
        done = job(stack, tenant, taken.json["id"])
        assert (done["state"], done["error"]["code"]) == ("failed", f"image_{verdict}"), name
        assert judged == [len(data)], name
    assert net.creates == []
    assert not [key for key in (*bucket("uploads"), *bucket("outputs")) if not key.startswith("assets/")]


@pytest.mark.parametrize("door", DOORS)
def test_nothing_hidden_goes_on_to_a_provider_or_comes_back(
    stack: World, net: Net, tenant: Tenant, judged: list[int], door: str
) -> None:
    for number, name in enumerate(CARRIED):
        data = made(name)
        assert any(mark in data for mark in (*EVIL, *PLACE))
        image = DOORS[door](stack, net, tenant, data)
        taken = stack.api("POST", JOBS, {**WISH, "images": [image]}, key=tenant.key)
        stack.deaf.add("poller")
        stack.run()
        assert len(net.creates) == number + 1, job(stack, tenant, taken.json["id"])
        ready(net, f"pred{number}")
        net.pages[f"https://replicate.delivery/pred{number}.png"] = spoilt(data)
        stack.deaf.clear()
        stack.run(seconds=120)
        assert job(stack, tenant, taken.json["id"])["state"] == "completed", name
    assert judged
    ours = {**bucket("uploads"), **bucket("outputs")}
    assert len([key for key in ours if key.startswith("inputs/")]) == len(CARRIED)
    assert len([key for key in ours if key.startswith("out/")]) == len(CARRIED)
    for key, body in ours.items():
        assert not [mark for mark in (*EVIL, *PLACE) if mark in body], key
    assert not [mark for mark in EVIL if mark in json.dumps(net.creates).encode()]


def spoilt(data: bytes) -> bytes:
    """What a provider delivers, with everything in it that was in the input."""
    made = photo(1024, 1024)
    return made[:-2] + b"\xff\xd9" + data
