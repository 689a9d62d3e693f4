"""Equal jobs of one account share their pictures, with the shipped handlers: made once, paid once, told to each."""

import io
import json
from dataclasses import replace
from typing import Any

import boto3
import pytest
from PIL import Image

from packshot import catalog
from packshot.aws.claims import ClaimTable
from tests.flow.conftest import Net, Tenant, make_tenant, photo
from tests.flow.test_jobs import JOBS, asset, available, books_are_straight, job, provider_job, ready, webhook
from tests.flow.world import World

PRICE = 3
SHOP = "https://shop.example/box.jpg"


@pytest.fixture(autouse=True)
def quiet(stack: World) -> None:
    """Only webhooks tell, so that time stands still."""
    stack.deaf.add("poller")


def shot(number: int) -> bytes:
    """What the provider makes: never the same twice."""
    out = io.BytesIO()
    Image.new("RGB", (1024, 1024), (200 - 20 * number, 40 * number % 256, 90)).save(out, "PNG")
    return out.getvalue()


def finish(stack: World, net: Net, *numbers: int) -> None:
    """The provider's n-th pictures are ready, and it says so."""
    for number in numbers:
        ready(net, f"pred{number}")
        net.pages[f"https://replicate.delivery/pred{number}.png"] = shot(number)
        assert webhook(stack, net, number) == 200
    stack.run()


def made(stack: World, net: Net, tenant: Tenant, **more: Any) -> str:
    """A job that a provider has made."""
    name = provider_job(stack, tenant, **more)
    before = len(net.creates)
    stack.run()
    finish(stack, net, *range(before, len(net.creates)))
    return name


def pictures(stack: World, tenant: Tenant, name: str) -> list[bytes]:
    """A completed job's pictures, as they lie under its own keys."""
    found = stack.functions["dispatch"].room.jobs.get(tenant.account, name)
    assert found is not None and found.state == "completed", found
    s3 = boto3.client("s3", "us-east-1")
    for output in found.outputs:
        assert output.key.startswith(f"out/{tenant.account}/{name}/")
    return [s3.get_object(Bucket="outputs", Key=output.key)["Body"].read() for output in found.outputs]


def paid(stack: World, tenant: Tenant, *names: str) -> list[tuple[str, int, list[bool]]]:
    """How jobs ended, what they cost, and which of their pictures were made for another."""
    books_are_straight(tenant)
    found = [job(stack, tenant, name) for name in names]
    costs = [one["credits"]["charged"] for one in found]
    assert available(stack, tenant) == 100 - sum(costs)
    return [
        (one["state"], cost, [bool(output.get("reused")) for output in one["outputs"]])
        for one, cost in zip(found, costs, strict=True)
    ]


OURS, COPY = ("completed", PRICE, [False]), ("completed", 0, [True])
once_and_twice = pytest.mark.parametrize("twice", [False, True], ids=["once", "twice"])


# --- shared ----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("more", "twice"), [({"seed": 5}, False), ({"cache": True}, True)], ids=["a seed, once", "cache, twice"]
)
def test_what_was_made_for_an_equal_job_is_copied_and_free(
    stack: World, net: Net, tenant: Tenant, more: dict[str, Any], twice: bool
) -> None:
    stack.twice = twice
    first = made(stack, net, tenant, **more)
    told = len(net.posts)
    again = provider_job(stack, tenant, **more, metadata={"sku": "B"}, external_id="B", prefer="price")
    stack.run()
    assert len(net.creates) == 1 and paid(stack, tenant, first, again) == [OURS, COPY]
    assert pictures(stack, tenant, first) == pictures(stack, tenant, again)
    found = job(stack, tenant, again)
    assert found["attempts"] == [] and found["credits"]["refunded"] == PRICE and found["outputs"][0]["simulated"]
    event = json.loads(net.posts[told][2])
    assert (event["type"], event["data"]["job"]) == ("job.completed", again)
    assert {kind for kind, one in stack.events if one["data"]["job"] == again} == {"job.created", "job.completed"}


@pytest.mark.parametrize(("followers", "twice"), [(1, False), (2, True)])
def test_who_comes_while_it_is_made_waits_for_it(
    stack: World, net: Net, tenant: Tenant, followers: int, twice: bool
) -> None:
    stack.twice = twice
    names = [provider_job(stack, tenant, seed=5) for _ in range(1 + followers)]
    stack.run(seconds=8)
    assert len(net.creates) == 1
    finish(stack, net, 0)
    stack.run(seconds=30)
    assert len(net.creates) == 1 and paid(stack, tenant, *names) == [OURS] + [COPY] * followers
    assert len({bytes(pictures(stack, tenant, name)[0]) for name in names}) == 1


def test_waiting_for_a_twin_takes_one_message_however_often_it_is_told(stack: World, net: Net, tenant: Tenant) -> None:
    stack.twice = True
    for _ in range(2):
        provider_job(stack, tenant, seed=5)
    stack.run(seconds=25)
    assert len([one for one in stack.waiting if one.queue == "dispatch"]) <= 2 and len(net.creates) == 1


@pytest.mark.parametrize("way", ["failed", "canceled by us", "canceled there"])
def test_when_the_first_does_not_deliver_the_next_makes_it_and_pays(
    stack: World, net: Net, tenant: Tenant, way: str
) -> None:
    stack.twice = True
    first, second, third = (provider_job(stack, tenant, seed=5) for _ in range(3))
    stack.run(seconds=2)
    if way == "canceled by us":
        assert stack.api("POST", f"{JOBS}/{first}/cancel", key=tenant.key).status == 200
    else:
        net.predictions["pred0"] = "failed" if way == "failed" else "canceled"
        assert webhook(stack, net) == 200
    stack.run(seconds=12)
    assert len(net.creates) == 2
    finish(stack, net, 1)
    stack.run(seconds=35)
    ended = ("canceled" if way == "canceled by us" else "failed", 0, [])
    one, *others = paid(stack, tenant, first, second, third)
    assert one == ended and sorted(others) == [COPY, OURS] and len(net.creates) == 2


def test_of_two_who_take_over_at_once_one_makes_it(
    stack: World, net: Net, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [provider_job(stack, tenant, seed=5) for _ in range(3)]
    stack.run(seconds=2)
    net.predictions["pred0"] = "failed"
    assert webhook(stack, net) == 200
    real, left = ClaimTable.claim, [1]

    def claim(self: ClaimTable, account: str, twin: str, mine: tuple[str, int], until: int, **more: Any) -> Any:
        if more and left[0]:
            left[0] -= 1
            other = next(one for one in names[1:] if one != mine[0])
            body = json.dumps({"account": account, "job": other, "call": 0})
            record = {"messageId": "m", "body": body, "attributes": {"ApproximateReceiveCount": "1"}}
            assert stack.invoke("dispatch", {"Records": [record]})["batchItemFailures"] == []
        return real(self, account, twin, mine, until, **more)

    monkeypatch.setattr(ClaimTable, "claim", claim)
    stack.run(seconds=12)
    assert left == [0] and len(net.creates) == 2
    finish(stack, net, 1)
    stack.run(seconds=35)
    assert sorted(paid(stack, tenant, *names)) == sorted([("failed", 0, []), COPY, OURS])


def test_who_waits_for_one_that_never_ends_makes_it_in_the_end(stack: World, net: Net, tenant: Tenant) -> None:
    first, second = (provider_job(stack, tenant, seed=5) for _ in range(2))
    stack.run(seconds=700, sweeps=True)
    assert job(stack, tenant, first)["state"] == "failed" and len(net.creates) == 2
    finish(stack, net, 1)
    assert paid(stack, tenant, first, second) == [("failed", 0, []), OURS]


def test_a_job_of_three_shares_what_there_is_and_makes_the_rest(stack: World, net: Net, tenant: Tenant) -> None:
    first = provider_job(stack, tenant, seed=5, count=3)
    stack.run()
    net.predictions["pred1"] = "failed"
    assert webhook(stack, net, 1) == 200
    finish(stack, net, 0, 2)
    second = provider_job(stack, tenant, seed=5, count=3)
    stack.run()
    assert len(net.creates) == 4 and net.creates[3]["input"]["seed"] == net.creates[1]["input"]["seed"]
    finish(stack, net, 3)
    assert paid(stack, tenant, first, second) == [
        ("partial", 2 * PRICE, [False, False]),
        ("completed", PRICE, [True, False, True]),
    ]
    assert len(set(pictures(stack, tenant, second))) == 3


def test_the_same_content_at_another_address_is_shared(stack: World, net: Net, tenant: Tenant) -> None:
    net.pages[SHOP] = net.pages["https://cdn.example/same.jpg"] = photo()
    first = made(stack, net, tenant, seed=5, images=[SHOP])
    second = made(stack, net, tenant, seed=5, images=["https://cdn.example/same.jpg"])
    third = made(stack, net, tenant, seed=5, images=[asset(stack, tenant)])
    assert len(net.creates) == 1 and paid(stack, tenant, first, second, third) == [OURS, COPY, COPY]


# --- whose pictures they are -----------------------------------------------------------------------------------------
def forget(stack: World, tenant: Tenant, name: str) -> None:
    """As the bucket's lifecycle rule does."""
    for output in stack.functions["dispatch"].room.jobs.get(tenant.account, name).outputs:
        boto3.client("s3", "us-east-1").delete_object(Bucket="outputs", Key=output.key)


def test_a_copy_outlives_what_it_was_copied_from(stack: World, net: Net, tenant: Tenant) -> None:
    first, second = (made(stack, net, tenant, seed=5) for _ in range(2))
    before = pictures(stack, tenant, second)
    forget(stack, tenant, first)
    assert pictures(stack, tenant, second) == before


@once_and_twice
def test_what_is_gone_is_made_anew_and_shared_from_then_on(stack: World, net: Net, tenant: Tenant, twice: bool) -> None:
    first = made(stack, net, tenant, seed=5)
    forget(stack, tenant, first)
    stack.twice = twice
    second, third = (made(stack, net, tenant, seed=5) for _ in range(2))
    assert len(net.creates) == 2 and paid(stack, tenant, first, second, third) == [OURS, OURS, COPY]
    assert pictures(stack, tenant, second) == pictures(stack, tenant, third)


# --- never shared ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({}, {}),
        ({"seed": 5, "cache": False}, {"seed": 5, "cache": False}),
        ({"seed": 5}, {"seed": 5, "cache": False}),
        ({"seed": 5}, {"seed": 6}),
        ({"cache": True}, {"cache": True, "seed": 5}),
        ({"seed": 5}, {"seed": 5, "prompt": "a red  box"}),
        ({"seed": 5}, {"seed": 5, "preset": "amazon"}),
        ({"seed": 5}, {"seed": 5, "format": "jpg"}),
        ({"seed": 5}, {"seed": 5, "aspect_ratio": "3:2"}),
        ({"seed": 5}, {"seed": 5, "model": "kontext-pro"}),
        ({"seed": 5}, {"seed": 5, "images": [SHOP]}),
    ],
    ids=lambda more: ",".join(f"{name}={value}" for name, value in more.items()) or "nothing said",
)
def test_what_differs_or_is_not_to_be_shared_is_made(
    stack: World, net: Net, tenant: Tenant, first: dict[str, Any], second: dict[str, Any]
) -> None:
    net.pages[SHOP] = photo()
    names = [made(stack, net, tenant, **more) for more in (first, second)]
    assert len(net.creates) == 2 and paid(stack, tenant, *names) == [OURS, OURS]


def test_an_address_with_new_content_is_another_picture(stack: World, net: Net, tenant: Tenant) -> None:
    names = []
    for width in (480, 500):
        net.pages[SHOP] = photo(width)
        names.append(made(stack, net, tenant, seed=5, images=[SHOP]))
    assert len(net.creates) == 2 and paid(stack, tenant, *names) == [OURS, OURS]


def test_a_new_version_of_a_preset_is_another_picture(
    stack: World, net: Net, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = made(stack, net, tenant, seed=5, preset="amazon")
    known = catalog.presets()
    later = {**known, "amazon": replace(known["amazon"], version=known["amazon"].version + 1)}
    monkeypatch.setattr("packshot.steps.reuse.presets", lambda: later)
    second = made(stack, net, tenant, seed=5, preset="amazon")
    assert len(net.creates) == 2 and paid(stack, tenant, first, second) == [OURS, OURS]


def test_an_accounts_own_preset_that_was_changed_is_another_picture(stack: World, net: Net, tenant: Tenant) -> None:
    body = {"title": "Ours", "prompt": "on oak", "studio": "studio", "category": "custom"}
    preset = stack.api("POST", "/packshot/v1/presets", body, key=tenant.key).json["id"]
    first = made(stack, net, tenant, seed=5, preset=preset)
    changed = stack.api("PUT", f"/packshot/v1/presets/{preset}", {**body, "prompt": "on slate"}, key=tenant.key)
    assert changed.status == 200, changed.text
    second, third = (made(stack, net, tenant, seed=5, preset=preset) for _ in range(2))
    assert len(net.creates) == 2 and paid(stack, tenant, first, second, third) == [OURS, OURS, COPY]


def test_another_account_makes_its_own(stack: World, net: Net, tenant: Tenant) -> None:
    other = make_tenant(stack, "acct_two")
    first, second = made(stack, net, tenant, seed=5), made(stack, net, other, seed=5)
    assert len(net.creates) == 2 and paid(stack, tenant, first) == paid(stack, other, second) == [OURS]
    waiting = [provider_job(stack, one, seed=6) for one in (tenant, other)]
    stack.run(seconds=5)
    assert len(net.creates) == 4
    finish(stack, net, 2, 3)
    assert paid(stack, tenant, first, waiting[0]) == [OURS, OURS]


# --- the built-in studio ---------------------------------------------------------------------------------------------
def studio(stack: World, tenant: Tenant, key: str = "", **more: Any) -> str:
    wish = {"images": [asset(stack, tenant)], "width": 512, "height": 512, **more}
    taken = stack.api("POST", JOBS, wish, key=key or tenant.key)
    assert taken.status == 202, taken.text
    stack.run()
    return str(taken.json["id"])


def test_the_studio_shares_what_is_done(stack: World, net: Net, tenant: Tenant) -> None:
    stack.twice = True
    first, second = (studio(stack, tenant, seed=5) for _ in range(2))
    assert paid(stack, tenant, first, second) == [("completed", 1, [False]), COPY]
    assert pictures(stack, tenant, first) == pictures(stack, tenant, second)
    assert paid(stack, tenant, first, second, studio(stack, tenant, seed=5, cache=False))[2][1:] == (1, [False])


def test_test_keys_and_live_keys_share_nothing_with_each_other(stack: World, net: Net, tenant: Tenant) -> None:
    tested = [studio(stack, tenant, tenant.test_key, seed=5) for _ in range(2)]
    live = studio(stack, tenant, seed=5)
    free, shared, own = paid(stack, tenant, *tested, live)
    assert (free, shared, own) == (("completed", 0, [False]), COPY, ("completed", 1, [False]))
