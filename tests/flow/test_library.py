"""What an account keeps, through the shipped handlers: pictures that are fetched, people, looks, and what they make."""

import io
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
from PIL import Image

from packshot import egress
from packshot.answers import Asset
from packshot.aws.assets import AssetTable
from tests.flow.conftest import Net, Tenant, make_tenant, photo
from tests.flow.test_jobs import JOBS, asset, available, books_are_straight, job, ready
from tests.flow.world import Message, World

ASSETS, PROFILES, PRESETS = (f"/packshot/v1/{name}" for name in ("assets", "profiles", "presets"))
MUG, SAM, ALEX = (f"https://shop.example/{name}.jpg" for name in ("mug", "sam", "alex"))
SMALL = {"width": 512, "height": 512}


def stored(bucket: str = "uploads", under: str = "") -> set[str]:
    found = boto3.client("s3", "us-east-1").list_objects_v2(Bucket=bucket, Prefix=under)
    return {each["Key"] for each in found.get("Contents", ())}


def size_of(key: str) -> tuple[int, int]:
    body = boto3.client("s3", "us-east-1").get_object(Bucket="uploads", Key=key)["Body"].read()
    return Image.open(io.BytesIO(body)).size


def get(stack: World, tenant: Tenant, path: str) -> dict[str, Any]:
    answer = stack.api("GET", path, key=tenant.key)
    assert answer.status == 200, answer.text
    return dict(answer.json)


def imported(stack: World, tenant: Tenant, url: str = MUG, **more: Any) -> str:
    answer = stack.api("POST", ASSETS, {"url": url, **more}, key=tenant.key)
    assert (answer.status, answer.json["state"]) == (201, "processing"), answer.text
    return str(answer.json["id"])


def profile(stack: World, tenant: Tenant, *urls: str) -> str:
    answer = stack.api("POST", PROFILES, {"images": urls, "tag": "people"}, key=tenant.key)
    assert (answer.status, answer.json["state"]) == (201, "validating"), answer.text
    return str(answer.json["id"])


def made(stack: World, tenant: Tenant, **wish: Any) -> str:
    answer = stack.api("POST", JOBS, wish, key=tenant.key)
    assert answer.status == 202, answer.text
    return str(answer.json["id"])


def key_behind(location: str) -> str:
    """The object that a presigned address opens."""
    return urlsplit(location).path.lstrip("/").removeprefix("uploads/").removeprefix("outputs/")


# ------------------------------------------------------------------------------------------------------------- assets


def test_an_asset_is_fetched_measured_and_gets_a_thumbnail(stack: World, net: Net, tenant: Tenant) -> None:
    net.pages[MUG] = photo(1200, 900)
    name = imported(stack, tenant, filename="mug.jpg", tags=["mugs"])
    assert stack.api("GET", f"/packshot/v1/pictures/assets/{tenant.account}/{name}").status == 404
    stack.run()
    shown = get(stack, tenant, f"{ASSETS}/{name}")
    known = {field: shown[field] for field in ("state", "width", "height", "bytes", "content_type", "tags", "reason")}
    assert known == {
        "state": "ready", "width": 1200, "height": 900, "bytes": len(net.pages[MUG]), "content_type": "image/jpeg",
        "tags": ["mugs"], "reason": None,
    }  # fmt: skip
    assert size_of(f"thumbnails/{tenant.account}/{name}.jpg") == (512, 384)
    assert size_of(f"assets/{tenant.account}/{name}") == (1200, 900)


@pytest.mark.parametrize(
    "page",
    [egress.FetchFailed("url_status", 404), b"<html>no picture</html>", photo()[:300], photo(600, 20)],
    ids=["missing", "text", "damaged", "too small"],
)
def test_what_cannot_be_fetched_or_read_is_rejected_with_its_reason(
    stack: World, net: Net, tenant: Tenant, page: Any
) -> None:
    net.pages[MUG] = page
    name = imported(stack, tenant)
    stack.run()
    shown = get(stack, tenant, f"{ASSETS}/{name}")
    assert shown["state"] == "rejected"
    assert shown["reason"]
    assert stored(under="thumbnails/") == set()
    refused = stack.api("POST", JOBS, {"images": [name], **SMALL}, key=tenant.key)
    assert (refused.status, refused.json["code"], refused.json["field"]) == (422, "unknown_asset", "images[0]")
    assert stack.api("GET", f"/packshot/v1/pictures/assets/{tenant.account}/{name}").status == 404


def test_an_address_inside_is_not_even_asked_for(stack: World, net: Net, tenant: Tenant) -> None:
    for url in ("https://169.254.169.254/latest", "https://10.0.0.1/a.jpg", "ftp://shop.example/a.jpg"):
        answer = stack.api("POST", ASSETS, {"url": url}, key=tenant.key)
        assert (answer.status, answer.json["code"]) == (422, "invalid_field")
        answer = stack.api("POST", PROFILES, {"images": [MUG, url]}, key=tenant.key)
        assert (answer.status, answer.json["field"]) == (422, "images[1]")
    assert get(stack, tenant, ASSETS)["data"] == get(stack, tenant, PROFILES)["data"] == []


def test_what_is_sent_is_measured_and_the_same_bytes_are_the_same_asset(stack: World, net: Net, tenant: Tenant) -> None:
    name = asset(stack, tenant)
    stack.run()
    assert size_of(f"thumbnails/{tenant.account}/{name}.jpg") == (480, 360)
    shown = get(stack, tenant, f"{ASSETS}/{name}")
    assert (shown["width"], shown["height"]) == (480, 360)
    looked = stack.invocations.count("ingest")
    assert asset(stack, tenant) == name
    stack.run()
    assert stack.invocations.count("ingest") == looked + 1  # so that its thumbnail lasts as long
    assert asset(stack, make_tenant(stack, "acct_two")) != name


@pytest.mark.parametrize("twice", [False, True])
def test_a_lost_message_is_found_again_and_a_second_one_changes_nothing(
    stack: World, net: Net, tenant: Tenant, twice: bool
) -> None:
    net.pages.update({MUG: photo(), SAM: photo()})
    stack.twice = twice
    name, person = imported(stack, tenant), profile(stack, tenant, SAM)
    stack.deaf.add("ingest")
    stack.run()
    stack.waiting.clear()
    for kind, id in (("asset", name), ("profile", person)):  # as the relay parks what it could not carry out
        stack.waiting.append(Message("parked", {"account": tenant.account, kind: id, "error": "Lost"}, 0))
    stack.deaf.clear()
    stack.run(seconds=61, sweeps=True)
    assert get(stack, tenant, f"{ASSETS}/{name}")["state"] == get(stack, tenant, f"{PROFILES}/{person}")["state"]
    assert get(stack, tenant, f"{ASSETS}/{name}")["state"] == "ready"
    assert not [one for one in stack.waiting if one.queue == "parked"]


def test_a_deleted_asset_leaves_nothing_behind(stack: World, net: Net, tenant: Tenant) -> None:
    name, other = asset(stack, tenant), make_tenant(stack, "acct_two")
    stack.run()
    path = f"{ASSETS}/{name}"
    assert stack.api("DELETE", path, key=other.key).status == 404
    assert stack.api("DELETE", path, key=tenant.key).status == 204
    assert stack.api("DELETE", path, key=tenant.key).status == stack.api("GET", path, key=tenant.key).status == 404
    assert stack.api("GET", f"/packshot/v1/pictures/assets/{tenant.account}/{name}").status == 404
    assert stored() == set()
    again = asset(stack, tenant)
    assert again != name
    assert get(stack, tenant, f"{ASSETS}/{again}")["state"] == "ready"


def test_an_asset_that_was_deleted_while_it_was_fetched_stays_deleted(stack: World, net: Net, tenant: Tenant) -> None:
    net.pages[MUG] = photo()
    name = imported(stack, tenant)
    assert stack.api("DELETE", f"{ASSETS}/{name}", key=tenant.key).status == 204
    stack.run()
    assert stack.api("GET", f"{ASSETS}/{name}", key=tenant.key).status == 404
    assert AssetTable("packshot").get(tenant.account, name) is None


def test_assets_are_listed_by_tag_and_page(stack: World, net: Net, tenant: Tenant) -> None:
    for number in range(5):
        net.pages[f"{MUG}?{number}"] = photo(100 + number)
        imported(stack, tenant, f"{MUG}?{number}", tags=["odd" if number % 2 else "even"])
        stack.clock.sleep(0.001)
    first = stack.api("GET", ASSETS, key=tenant.key, query="tag=even&limit=2").json
    rest = stack.api("GET", ASSETS, key=tenant.key, query=f"tag=even&limit=2&cursor={first['next_cursor']}").json
    assert [len(page["data"]) for page in (first, rest)] == [2, 1]
    assert {tag for page in (first, rest) for each in page["data"] for tag in each["tags"]} == {"even"}
    assert rest["next_cursor"] is None


# ----------------------------------------------------------------------------------------------------------- profiles


def test_a_profiles_pictures_are_ours_and_go_along_to_the_provider(stack: World, net: Net, tenant: Tenant) -> None:
    net.pages.update({MUG: photo(), SAM: photo(3000, 2000), ALEX: photo(300, 400)})
    net.after_create = lambda name: ready(net, name)
    name = profile(stack, tenant, SAM, ALEX)
    waiting = {"profiles": [name], "prompt": "at the sea", "aspect_ratio": "1:1"}
    assert stack.api("POST", JOBS, waiting, key=tenant.key).json["code"] == "unknown_profile"
    assert stack.api("GET", f"{PROFILES}/{name}/picture", key=tenant.key).status == 404
    stack.run()
    assert {field: get(stack, tenant, f"{PROFILES}/{name}")[field] for field in ("state", "images", "tag")} == {
        "state": "ready", "images": 2, "tag": "people",
    }  # fmt: skip
    del net.pages[SAM], net.pages[ALEX]
    assert size_of(f"profiles/{tenant.account}/{name}/0.jpg") == (2048, 1365)
    first = stack.api("GET", f"{PROFILES}/{name}/picture", key=tenant.key)
    assert (first.status, first.headers["content-type"]) == (200, "image/jpeg")
    done = job(stack, tenant, made(stack, tenant, images=[MUG], **waiting))
    assert (done["model"], done["brief"]["profiles"]) == ("nanobanana2", [name])
    stack.run(seconds=1)
    assert job(stack, tenant, done["id"])["state"] == "completed"
    inputs = net.creates[0]["input"]["image_input"]
    assert [size_of(key_behind(url)) for url in inputs] == [(480, 360), (2048, 1365), (300, 400)]
    assert not any("shop.example" in url for url in inputs)
    books_are_straight(tenant)


def test_a_price_counts_the_people_in_the_picture_too(stack: World, net: Net, tenant: Tenant) -> None:
    net.pages[SAM] = photo()
    wish = {"images": [MUG], "profiles": [profile(stack, tenant, SAM)]}
    assert stack.api("POST", "/packshot/v1/quotes", wish, key=tenant.key).json["code"] == "unknown_profile"
    stack.run()
    quote = stack.api("POST", "/packshot/v1/quotes", wish, key=tenant.key).json
    assert quote["model"] == job(stack, tenant, made(stack, tenant, **wish))["model"] != "studio"
    assert available(stack, tenant) == 100 - quote["total"]


def test_a_profile_with_a_bad_picture_is_an_error_and_of_no_use(stack: World, net: Net, tenant: Tenant) -> None:
    net.pages[SAM] = photo()
    name = profile(stack, tenant, SAM, ALEX)
    stack.run()
    shown = get(stack, tenant, f"{PROFILES}/{name}")
    assert (shown["state"], shown["message"].partition(":")[0]) == ("error", "images[1]")
    refused = stack.api("POST", JOBS, {"profiles": [name], "prompt": "x"}, key=tenant.key)
    assert (refused.status, refused.json["code"], refused.json["field"]) == (422, "unknown_profile", "profiles")
    assert stack.api("GET", f"{PROFILES}/{name}/picture", key=tenant.key).status == 404
    assert stack.api("DELETE", f"{PROFILES}/{name}", key=tenant.key).status == 204
    assert stored(under="profiles/") == set()


def test_a_deleted_profile_is_gone_with_its_pictures(stack: World, net: Net, tenant: Tenant) -> None:
    net.pages.update({SAM: photo(), ALEX: photo()})
    name, other = profile(stack, tenant, SAM, ALEX), make_tenant(stack, "acct_two")
    stack.run()
    taken = made(stack, tenant, profiles=[name], prompt="at the sea", aspect_ratio="1:1")
    for path in (f"{PROFILES}/{name}", f"{PROFILES}/{name}/picture"):
        assert stack.api("GET", path, key=other.key).status == 404
    foreign = stack.api("POST", JOBS, {"profiles": [name], "prompt": "x"}, key=other.key)
    assert foreign.json["code"] == "unknown_profile"
    assert stack.api("DELETE", f"{PROFILES}/{name}", key=other.key).status == 404
    assert len(stored(under="profiles/")) == 2
    assert stack.api("DELETE", f"{PROFILES}/{name}", key=tenant.key).status == 204
    assert stored(under="profiles/") == set()
    stack.run()
    ended = job(stack, tenant, taken)  # it was waiting when its pictures went
    assert (ended["state"], ended["error"]["code"], net.creates) == ("failed", "image_missing", [])
    assert available(stack, tenant) == 100


# ------------------------------------------------------------------------------------------------------------ presets


def preset(stack: World, tenant: Tenant, id: str = "", **more: str) -> str:
    wish = {"title": "Autumn", "prompt": "dry leaves, low sun", "studio": "luxury", **more}
    answer = stack.api("PUT" if id else "POST", f"{PRESETS}/{id}" if id else PRESETS, wish, key=tenant.key)
    assert answer.status == (200 if id else 201), answer.text
    return str(answer.json["id"])


def test_the_studio_uses_the_set_of_a_preset_as_it_was_when_the_job_was_taken(
    stack: World, net: Net, tenant: Tenant
) -> None:
    name, wish = preset(stack, tenant), {"images": [asset(stack, tenant)], "seed": 7, **SMALL}
    taken = made(stack, tenant, preset=name, **wish)
    preset(stack, tenant, name, studio="amazon")
    assert stack.api("DELETE", f"{PRESETS}/{name}", key=tenant.key).status == 204
    system = {look: made(stack, tenant, preset=look, **wish) for look in ("luxury", "amazon")}
    older = made(stack, tenant, preset=f"{name}@2", **wish)
    stack.run()
    mark = {id: job(stack, tenant, id)["outputs"][0]["sha256"] for id in (taken, older, *system.values())}
    assert (mark[taken], mark[older]) == (mark[system["luxury"]], mark[system["amazon"]])
    assert mark[taken] != mark[older]
    assert stack.api("POST", JOBS, {"preset": name, **wish}, key=tenant.key).json["code"] == "unknown_preset"


def test_a_provider_is_told_a_presets_words_as_they_were_when_the_job_was_taken(
    stack: World, net: Net, tenant: Tenant
) -> None:
    name, wish = preset(stack, tenant), {"model": "flux-2", "prompt": "a cup", "aspect_ratio": "1:1"}
    made(stack, tenant, preset=name, **wish)
    preset(stack, tenant, name, prompt="snow")
    made(stack, tenant, preset=name, **wish)
    made(stack, tenant, preset=f"{name}@1", **wish)
    stack.run()
    told = [create["input"]["prompt"] for create in net.creates]
    assert sorted(told) == ["dry leaves, low sun\na cup", "dry leaves, low sun\na cup", "snow\na cup"]


def test_a_preset_is_its_accounts_own_and_a_system_preset_nobodys(stack: World, net: Net, tenant: Tenant) -> None:
    name, other = preset(stack, tenant), make_tenant(stack, "acct_two")
    for method, body in (("GET", None), ("PUT", {"title": "x", "prompt": "x"}), ("DELETE", None)):
        assert stack.api(method, f"{PRESETS}/{name}", body, key=other.key).status == 404
    wish = {"images": [asset(stack, other)], "preset": name, **SMALL}
    assert stack.api("POST", JOBS, wish, key=other.key).json["code"] == "unknown_preset"
    for path in ("luxury", f"{name}@1"):
        assert stack.api("PUT", f"{PRESETS}/{path}", {"title": "x", "prompt": "x"}, key=tenant.key).status == 404
        assert stack.api("DELETE", f"{PRESETS}/{path}", key=tenant.key).status == 404
    assert get(stack, tenant, f"{PRESETS}/{name}")["version"] == 1
    owned = stack.api("GET", PRESETS, key=tenant.key, query="owner=account").json["data"]
    assert [each["id"] for each in owned] == [name]


def test_an_assets_row_says_nothing_that_a_caller_gave_us_to_fetch(stack: World, net: Net, tenant: Tenant) -> None:
    name = imported(stack, tenant, f"{MUG}?token=secret")
    assert "secret" not in stack.api("GET", f"{ASSETS}/{name}", key=tenant.key).text
    assert isinstance(AssetTable("packshot").get(tenant.account, name), Asset)
