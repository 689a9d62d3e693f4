"""Pictures that turn out bad when the work begins: the job fails with a precise code that names the picture, and every
credit comes back. The same table for the built-in studio and for a provider, which must not hear of it.
"""

import io
import struct
import zlib
from typing import Any

import boto3
import pytest
from PIL import Image

from packshot.aws.books import Books
from packshot.egress import FETCH_FAILURES, FetchFailed
from tests.flow.conftest import Net, Tenant, photo
from tests.flow.test_jobs import JOBS, available, job
from tests.flow.world import World

WHERE = "https://shop.example/product.jpg"


def encoded(width: int, height: int, format: str, **more: Any) -> bytes:
    """A plain picture."""
    out = io.BytesIO()
    Image.new("RGB", (width, height), (200, 30, 40)).save(out, format, **more)
    return out.getvalue()


def animated() -> bytes:
    """Two frames of WebP."""
    frames = [Image.new("RGB", (128, 128), colour) for colour in ("red", "blue")]
    out = io.BytesIO()
    frames[0].save(out, "WEBP", save_all=True, append_images=frames[1:], duration=100)
    return out.getvalue()


def bomb(side: int = 60_000) -> bytes:
    """A PNG of a few kilobytes that claims, and holds, 3.6 gigapixels of nothing."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    pixels = zlib.compress(bytes(1_000_000), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="600" height="600"><rect width="9" height="9"/></svg>'

BAD: dict[str, tuple[bytes | Exception, str]] = {
    "not there": (FetchFailed("url_status", 404), "image_url_status"),
    "broken server": (FetchFailed("url_status", 503), "image_url_status"),
    "slow": (FetchFailed("url_timeout"), "image_url_timeout"),
    "away": (FetchFailed("url_unreachable"), "image_url_unreachable"),
    "too many bytes": (FetchFailed("url_too_large"), "image_url_too_large"),
    "redirect to a private address": (FetchFailed("url_refused"), "image_url_refused"),
    "a web page": (b"<!doctype html><p>hello", "image_url_not_a_picture"),
    "SVG": (SVG, "image_url_not_a_picture"),
    "GIF": (encoded(200, 200, "GIF"), "image_url_not_a_picture"),
    "nothing": (b"", "image_url_not_a_picture"),
    "20 MB and a byte": (b"\xff\xd8\xff" + bytes(20 * 1024 * 1024), "image_url_too_large"),
    "one pixel": (encoded(1, 1, "PNG"), "image_too_small"),
    "half a JPEG": (photo()[: len(photo()) // 2], "image_truncated"),
    "a bomb": (bomb(), "image_too_large"),
    "an animation": (animated(), "image_animated"),
    "a stripe": (encoded(3_000, 100, "PNG"), "image_bad_ratio"),
}

UPLOADED: dict[str, tuple[bytes, str]] = {
    "SVG": (SVG, "image_unsupported_format"),
    "GIF": (encoded(200, 200, "GIF"), "image_unsupported_format"),
    "text": (b"hello, this is a picture, honestly", "image_not_an_image"),
    "half a JPEG": (photo()[: len(photo()) // 2], "image_truncated"),
    "a bomb": (bomb(), "image_too_large"),
}
"""What only shows at work when it was uploaded and used before we have heard of its arrival."""

STUDIO = {"width": 512, "height": 512}
PROVIDER = {"model": "flux-2", "aspect_ratio": "1:1", "prompt": "a box"}


def refused(stack: World, net: Net, tenant: Tenant, wish: dict[str, Any]) -> dict[str, str]:
    """The error of a job that was taken, failed, cost nothing, and sent nothing to a provider."""
    taken = stack.api("POST", JOBS, wish, key=tenant.key)
    assert taken.status == 202, taken.text
    assert available(stack, tenant) < 100
    stack.run(seconds=5)
    done = job(stack, tenant, taken.json["id"])
    assert done["state"] == "failed" and done["outputs"] == []
    assert done["credits"]["charged"] == 0 and available(stack, tenant) == 100
    assert Books("packshot").verify(tenant.account) == ()
    assert net.creates == [] and [kind for kind, _ in stack.events][-1] == "job.failed"
    assert stack.events[-1][1]["data"]["error"] == done["error"]
    error: dict[str, str] = done["error"]
    return error


@pytest.mark.parametrize("wish", [STUDIO, PROVIDER], ids=["studio", "provider"])
@pytest.mark.parametrize("case", BAD)
def test_a_bad_picture_fails_the_job_with_a_precise_code(
    stack: World, net: Net, tenant: Tenant, wish: dict[str, Any], case: str
) -> None:
    net.pages[WHERE], code = BAD[case]
    error = refused(stack, net, tenant, {**wish, "images": [WHERE]})
    assert error["code"] == code and error["message"].startswith("images[0]: ")
    assert WHERE not in error["message"]


def test_every_way_a_fetch_can_fail_is_in_the_table() -> None:
    assert {f"image_{code}" for code in FETCH_FAILURES} <= {code for _, code in BAD.values()}


def test_the_bad_one_of_several_is_named(stack: World, net: Net, tenant: Tenant) -> None:
    net.pages |= {WHERE: photo(), "https://shop.example/2.jpg": encoded(1, 1, "PNG")}
    error = refused(stack, net, tenant, {**PROVIDER, "images": [WHERE, "https://shop.example/2.jpg"]})
    assert error["code"] == "image_too_small" and error["message"].startswith("images[1]: ")


@pytest.mark.parametrize("wish", [STUDIO, PROVIDER], ids=["studio", "provider"])
def test_an_asset_that_was_announced_and_never_uploaded(
    stack: World, net: Net, tenant: Tenant, wish: dict[str, Any]
) -> None:
    ask = {"content_type": "image/jpeg", "bytes": 5_000}
    ticket = stack.api("POST", "/packshot/v1/assets", ask, key=tenant.key)
    error = refused(stack, net, tenant, {**wish, "images": [ticket.json["asset"]["id"]]})
    assert error["code"] == "image_missing" and error["message"].startswith("images[0]: ")


@pytest.mark.parametrize("case", UPLOADED)
def test_a_bad_upload_that_is_used_at_once(stack: World, net: Net, tenant: Tenant, case: str) -> None:
    data, code = UPLOADED[case]
    ask = {"content_type": "image/jpeg", "bytes": 5_000}
    ticket = stack.api("POST", "/packshot/v1/assets", ask, key=tenant.key).json
    boto3.client("s3", "us-east-1").put_object(Bucket="uploads", Key=ticket["fields"]["key"], Body=data)
    error = refused(stack, net, tenant, {**STUDIO, "images": [ticket["asset"]["id"]]})
    assert error["code"] == code and error["message"].startswith("images[0]: ")


@pytest.mark.parametrize("colour", [(255, 255, 255), (128, 128, 128)])
def test_a_picture_of_nothing_has_no_product(
    stack: World, net: Net, tenant: Tenant, colour: tuple[int, int, int]
) -> None:
    out = io.BytesIO()
    Image.new("RGB", (480, 360), colour).save(out, "PNG")
    net.pages[WHERE] = out.getvalue()
    error = refused(stack, net, tenant, {**STUDIO, "images": [WHERE]})
    assert error["code"] == "no_product_found" and error["message"].startswith("images[0]: ")


def test_a_bad_picture_inside_the_request_is_refused_before_a_job_is_made(
    stack: World, net: Net, tenant: Tenant
) -> None:
    for text in ("data:image/png;base64,aGVsbG8=", "data:image/svg+xml;base64,PHN2Zy8+", "data:image/png;base64,%%%"):
        answer = stack.api("POST", JOBS, {**STUDIO, "images": [text]}, key=tenant.key)
        assert (answer.status, answer.json["field"]) == (422, "images[0]")
    assert available(stack, tenant) == 100 and stack.events == []
