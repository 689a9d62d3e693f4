"""What lies in the bucket of a picture that a caller handed over says nothing of where it was taken (AT31), and nothing
hangs behind its end (AT32): whichever door it came through."""

import base64
import hashlib
import io
from typing import Any

import boto3
import numpy as np
import pytest
from PIL import Image, ImageOps

from packshot.picture import decode
from packshot.strip import stripped
from tests.flow.conftest import Net, Tenant
from tests.flow.test_jobs import JOBS, job
from tests.flow.test_library import ASSETS, MUG, get, imported
from tests.flow.world import Message, World
from tests.security.hostile import EVIL, PLACE, camera, located, product, saved, segment, turned, zipped

KINDS = ("jpg", "png", "webp")


def dirty(kind: str) -> bytes:
    return located(kind) + zipped()


def lying(tenant: Tenant, name: str) -> bytes:
    """The one object of an asset."""
    key = f"assets/{tenant.account}/{name}"
    return bytes(boto3.client("s3", "us-east-1").get_object(Bucket="uploads", Key=key)["Body"].read())


def arrives(stack: World, tenant: Tenant, data: bytes) -> tuple[str, dict[str, Any]]:
    """A direct upload, and what S3 says of it."""
    ask = {"content_type": "image/jpeg", "bytes": len(data)}
    ticket = stack.api("POST", ASSETS, ask, key=tenant.key).json
    key = ticket["fields"]["key"]
    boto3.client("s3", "us-east-1").put_object(Bucket="uploads", Key=key, Body=data)
    told = {"detail": {"object": {"key": key, "version-id": "v1"}}}
    stack.waiting.append(Message("uploads", told, 0))
    return str(ticket["asset"]["id"]), told


def sent(stack: World, tenant: Tenant, data: bytes) -> str:
    headers = {"content-type": "image/jpeg"}
    return str(stack.api("POST", ASSETS, raw=data, key=tenant.key, headers=headers).json["id"])


@pytest.mark.parametrize("kind", KINDS)
def test_no_asset_says_where_it_was_taken_and_none_has_a_tail(
    stack: World, net: Net, tenant: Tenant, kind: str
) -> None:
    """AT31 and AT32, for what is sent, what comes by a form and what is fetched."""
    data = dirty(kind)
    net.pages[MUG] = data
    names = [sent(stack, tenant, data), arrives(stack, tenant, data)[0], imported(stack, tenant)]
    stack.run()
    for name in names:
        kept, shown = lying(tenant, name), get(stack, tenant, f"{ASSETS}/{name}")
        assert [mark for mark in (*PLACE, *EVIL) if mark in kept] == [] and kept == stripped(data)
        assert (shown["state"], shown["bytes"]) == ("ready", len(kept)) and len(kept) < len(data)
        assert np.array_equal(decode(kept).pixels, decode(data).pixels)


def test_a_picture_inside_a_request_is_kept_without_its_place(stack: World, net: Net, tenant: Tenant) -> None:
    data = dirty("jpg")
    image = "data:image/jpeg;base64," + base64.b64encode(data).decode()
    taken = stack.api("POST", JOBS, {"images": [image], "width": 512, "height": 512}, key=tenant.key)
    assert taken.status == 202, taken.text
    s3 = boto3.client("s3", "us-east-1")
    keys = [one["Key"] for one in s3.list_objects_v2(Bucket="uploads")["Contents"]]
    assert [s3.get_object(Bucket="uploads", Key=key)["Body"].read() for key in keys] == [stripped(data)]


def test_the_same_bytes_are_still_the_same_asset_though_others_lie_there(
    stack: World, net: Net, tenant: Tenant
) -> None:
    data = dirty("jpg")
    name = sent(stack, tenant, data)
    assert sent(stack, tenant, data) == name and lying(tenant, name) == stripped(data)
    assert get(stack, tenant, f"{ASSETS}/{name}")["sha256"] == hashlib.sha256(data).hexdigest()
    other = sent(stack, tenant, stripped(data))
    assert other != name and lying(tenant, other) == lying(tenant, name)


def test_a_picture_that_lay_on_its_side_still_stands(stack: World, net: Net, tenant: Tenant) -> None:
    for kind in ("JPEG", "PNG", "WEBP"):
        data = saved(product(120, 80), kind, exif=turned(), xmp=b"CANARY")
        name, _ = arrives(stack, tenant, data)
        stack.run()
        kept, shown = lying(tenant, name), get(stack, tenant, f"{ASSETS}/{name}")
        assert (shown["width"], shown["height"]) == (80, 120) and b"CANARY" not in kept
        assert ImageOps.exif_transpose(Image.open(io.BytesIO(kept))).size == (80, 120)


def test_a_direct_upload_is_put_back_once_and_what_s3_says_of_that_changes_nothing(
    stack: World, net: Net, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    from packshot.aws.pictures import Bucket

    put: list[str] = []
    real = Bucket.put

    def counted(self: Bucket, key: str, *rest: Any) -> None:
        put.append(key)
        real(self, key, *rest)

    monkeypatch.setattr(Bucket, "put", counted)
    name, told = arrives(stack, tenant, dirty("png"))
    stack.run()
    before = lying(tenant, name), get(stack, tenant, f"{ASSETS}/{name}")
    stack.waiting.append(Message("uploads", told, 0))
    stack.run()
    assert (lying(tenant, name), get(stack, tenant, f"{ASSETS}/{name}")) == before
    assert [key for key in put if key.startswith("assets/")] == [f"assets/{tenant.account}/{name}"]
    clean, _ = arrives(stack, tenant, stripped(dirty("png")))
    stack.run()
    assert get(stack, tenant, f"{ASSETS}/{clean}")["state"] == "ready"
    assert [key for key in put if key.startswith("assets/")] == [f"assets/{tenant.account}/{name}"]
    kind = boto3.client("s3", "us-east-1").head_object(Bucket="uploads", Key=f"assets/{tenant.account}/{name}")
    assert kind["ContentType"] == "image/png"


def test_a_fix_of_what_complies_gives_it_back_without_its_place(stack: World, net: Net, tenant: Tenant) -> None:
    """What an address holds, or the inbox, is not ours to change; what we give back of it carries no place on."""
    cut = product(300, 200, "RGBA")
    cut.putalpha(cut.getchannel("G").point(lambda green: 255 if green < 99 else 0))
    wish = {"images": [sent(stack, tenant, saved(cut, "PNG"))], "channels": ["amazon"], "seed": 1}
    made = stack.api("POST", JOBS, wish, key=tenant.key).json["id"]
    stack.run()
    s3 = boto3.client("s3", "us-east-1")
    (key,) = [one["Key"] for one in s3.list_objects_v2(Bucket="outputs", Prefix="out/")["Contents"]]
    assert job(stack, tenant, made)["state"] == "completed"
    ours = s3.get_object(Bucket="outputs", Key=key)["Body"].read()
    spoilt = ours[:20] + segment(0xE1, camera().tobytes()) + segment(0xFE, b"53.5511") + ours[20:] + zipped()
    assert Image.open(io.BytesIO(spoilt)).getexif().get_ifd(0x8825)
    net.pages[MUG] = spoilt
    for picture, said in ((MUG, ["metadata: what is no picture was removed"]), (sent(stack, tenant, ours), [])):
        fixed = stack.api("POST", "/packshot/v1/fixes", {"image": picture, "channels": ["amazon"]}, key=tenant.key)
        assert fixed.status == 202, fixed.text
        stack.run()
        (output,) = job(stack, tenant, fixed.json["id"])["outputs"]
        assert output["sha256"] == hashlib.sha256(ours).hexdigest()
        assert output["report"]["fixed"] == said
