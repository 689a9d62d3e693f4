"""What comes out: formats, sizes, counts, seeds, and bytes instead of addresses."""

import base64
import hashlib
import io

import boto3
import pytest
from PIL import Image

from packshot.steps import large, view
from tests.flow.conftest import Net, Tenant, photo
from tests.flow.test_jobs import JOBS, asset, job, provider_job
from tests.flow.world import World


def made(stack: World, tenant: Tenant, **wish: object) -> dict:
    """A finished studio job."""
    size = {} if "resolution" in wish else {"width": 512, "height": 512}
    taken = stack.api("POST", JOBS, {"images": [asset(stack, tenant)], **size, **wish}, key=tenant.key)
    assert taken.status == 202, taken.text
    stack.run()
    done = job(stack, tenant, taken.json["id"])
    assert done["state"] == "completed", done
    return done


def test_bytes_come_in_the_answer_when_they_were_asked_for(stack: World, net: Net, tenant: Tenant) -> None:
    done = made(stack, tenant, delivery="bytes", preset="amazon")
    (output,) = done["outputs"]
    data = base64.b64decode(output["data"], validate=True)
    assert (len(data), hashlib.sha256(data).hexdigest()) == (output["bytes"], output["sha256"])
    assert Image.open(io.BytesIO(data)).size == (512, 512) and output["url"].startswith("http")


def test_bytes_too_many_for_one_answer_stay_behind_their_addresses(
    stack: World, net: Net, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(view, "MAX_INLINE", 1_000)
    (output,) = made(stack, tenant, delivery="bytes")["outputs"]
    assert "data" not in output and output["url"].startswith("http")


def test_the_largest_direct_answer_fits_a_lambda_answer() -> None:
    assert large.LARGEST * 1.05 + 100_000 < 6 * 1024 * 1024  # text that is escaped grows a little
    assert view.MAX_INLINE * (1 + 3 * 4 / 3) < 1024 * 1024 * 1024 / 2  # bytes, base64, its JSON, in half the memory


def test_addresses_come_alone_when_nothing_was_said(stack: World, net: Net, tenant: Tenant) -> None:
    assert "data" not in made(stack, tenant)["outputs"][0]


@pytest.mark.parametrize(("format", "kind"), [("png", "PNG"), ("webp", "WEBP"), ("jpg", "JPEG")])
def test_a_format_is_the_format_of_the_file(stack: World, net: Net, tenant: Tenant, format: str, kind: str) -> None:
    (output,) = made(stack, tenant, format=format, delivery="bytes")["outputs"]
    picture = Image.open(io.BytesIO(base64.b64decode(output["data"])))
    assert (picture.format, picture.size) == (kind, (512, 512))
    assert output["content_type"] == Image.MIME[kind]
    assert not picture.getexif()


def test_two_at_2k_are_two_different_pictures_and_cost_four(stack: World, net: Net, tenant: Tenant) -> None:
    done = made(stack, tenant, resolution="2K", aspect_ratio="2:1", count=2, seed=7, preset="lifestyle")
    assert [(one["width"], one["height"]) for one in done["outputs"]] == [(2048, 1024)] * 2
    assert len({one["sha256"] for one in done["outputs"]}) == 2
    assert done["credits"]["charged"] == 4


def test_the_same_seed_gives_the_same_bytes_and_another_does_not(stack: World, net: Net, tenant: Tenant) -> None:
    first, again, other = (made(stack, tenant, seed=seed, preset="luxury", count=2) for seed in (11, 11, 99))
    marks = [[one["sha256"] for one in done["outputs"]] for done in (first, again, other)]
    assert marks[0] == marks[1] and not set(marks[0]) & set(marks[2]) and len(set(marks[0])) == 2


def test_an_asset_can_be_looked_at_by_its_owner_alone(stack: World, net: Net, tenant: Tenant) -> None:
    from tests.flow.conftest import make_tenant

    stranger, name = make_tenant(stack, "acct_two"), asset(stack, tenant)
    shown = stack.api("GET", f"/packshot/v1/assets/{name}", key=tenant.key)
    assert (shown.status, shown.json["id"], shown.json["state"]) == (200, name, "ready")
    foreign = stack.api("GET", f"/packshot/v1/assets/{name}", key=stranger.key)
    absent = stack.api("GET", "/packshot/v1/assets/as_" + "0" * 26, key=tenant.key)
    assert (foreign.status, foreign.text) == (404, absent.text)
    assert stack.api("GET", f"/packshot/v1/assets/{name}").status == 401
    assert stack.api("POST", f"/packshot/v1/assets/{name}", {}, key=tenant.key).headers["allow"] == "GET, HEAD, DELETE"


def test_a_direct_upload_turns_ready(stack: World, net: Net, tenant: Tenant) -> None:
    from tests.flow.world import Message

    ask = {"content_type": "image/jpeg", "bytes": 5_000}
    ticket = stack.api("POST", "/packshot/v1/assets", ask, key=tenant.key)
    assert ticket.status == 201, ticket.text
    name = ticket.json["asset"]["id"]
    path = f"/packshot/v1/assets/{name}"
    assert stack.api("GET", path, key=tenant.key).json["state"] == "uploading"
    key = ticket.json["fields"]["key"]
    boto3.client("s3", "us-east-1").put_object(Bucket="uploads", Key=key, Body=photo())
    stack.waiting.append(Message("uploads", {"detail": {"object": {"key": key, "version-id": "v1"}}}, 0))
    stack.run()
    shown = stack.api("GET", path, key=tenant.key).json
    assert (shown["state"], shown["bytes"]) == ("ready", len(photo()))


def test_a_held_answer_is_the_finished_job_also_when_it_failed(
    stack: World, net: Net, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    from packshot.steps import submit

    monkeypatch.setitem(submit.hold.__kwdefaults__, "sleep", lambda seconds: stack.run())
    prefer = {"prefer": "wait=20"}
    good = {"images": [asset(stack, tenant)], "width": 512, "height": 512}
    answer = stack.api("POST", JOBS, good, key=tenant.key, headers=prefer)
    assert (answer.status, answer.json["state"]) == (200, "completed") and answer.json["outputs"][0]["url"]
    bad = {**good, "images": ["https://shop.example/nothing.jpg"]}
    answer = stack.api("POST", JOBS, bad, key=tenant.key, headers=prefer)
    assert (answer.status, answer.json["state"]) == (200, "failed")
    assert answer.json["error"]["code"] == "image_url_status" and answer.json["credits"]["refunded"] == 1
    assert "idempotency-replayed" not in answer.headers


def test_a_held_answer_ends_when_its_time_is_up(
    stack: World, net: Net, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    from packshot.steps import submit

    ticks = iter(range(1_000))
    monkeypatch.setitem(submit.hold.__kwdefaults__, "sleep", lambda seconds: None)
    monkeypatch.setitem(submit.hold.__kwdefaults__, "clock", lambda: float(next(ticks)))
    wish = {"model": "flux-2", "prompt": "a box", "aspect_ratio": "1:1"}
    answer = stack.api("POST", JOBS, wish, key=tenant.key, headers={"prefer": "wait=5"})
    assert (answer.status, answer.json["state"]) == (202, "pending") and next(ticks) < 10
    assert provider_job(stack, tenant) != answer.json["id"]
