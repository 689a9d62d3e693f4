"""Adapters and dialects agree: one packshot asks another in the words of each product-photo API.

One world is both deployments. Tenant A asks for a model that is made by such a provider; the provider's key is tenant
B's, and its address leads back into the same world, whose dialect answers. What B makes is made by Replicate, as the
script says.
"""

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
from PIL import Image

from packshot import egress, providers
from packshot.aws import secrets
from packshot.aws.books import Books
from packshot.egress import NoAnswer
from packshot.steps import submit
from packshot.wire import Request, Response
from tests.flow.conftest import Net, Tenant, make_tenant, photo, routed
from tests.flow.test_jobs import JOBS, asset, available, books_are_straight, job, ready, webhook
from tests.flow.test_lasting import API, PICTURES, object_of, opened
from tests.flow.world import World

pytestmark = pytest.mark.sweep

MODEL, PRICE = "seedream", 3
"""What A asks for and pays; no upstream's own model is called so."""

THEIRS = ("nanobanana2", "nb2", "nano-banana-2")
"""The models that B's jobs are made with."""

SIZE = {"width": 640, "height": 512}


@dataclass(frozen=True)
class Upstream:
    """A provider: its model, the path in its `base_url`, the field of its key, what B pays, whether it needs a
    picture."""

    model: str
    path: str = ""
    field: str = "token"
    price: int = 0
    picture: bool = False


UPSTREAMS: Mapping[str, Upstream] = {
    "makephotos": Upstream("product", "/api/v1", "key", price=1, picture=True),
    "photio": Upstream("generate", "/v1/inference", price=5),
    "phota": Upstream("nb2", price=9),
    "productai": Upstream("nanobanana2", price=5, picture=True),
    "aiphotogenerator": Upstream("nano-banana-2", price=4),
}
SYNC, HOOKED, POLLED = ("makephotos", "photio"), ("phota", "productai"), ("phota", "productai", "aiphotogenerator")
REFUSALS = {"phota": "content_refused", "productai": "content_refused", "photio": "provider_invalid_input"}
"""What A hears of content that B's model refuses; the others have no word for that (photio: a bad request, 400)."""

every_upstream = pytest.mark.parametrize("name", UPSTREAMS)
every_polled = pytest.mark.parametrize("name", POLLED)
every_hooked = pytest.mark.parametrize("name", HOOKED)


@dataclass
class Both:
    """The two deployments, and what went between them."""

    stack: World
    net: Net
    a: Tenant
    b: Tenant
    name: str
    asked: list[tuple[Request, Response]] = field(default_factory=list)
    told: list[tuple[str, Mapping[str, str], bytes, int]] = field(default_factory=list)
    lost: set[str] = field(default_factory=set)
    """Methods whose answers do not arrive."""

    def submit(self, **more: Any) -> str:
        """A's job."""
        pictures = {"images": [asset(self.stack, self.a)]} if UPSTREAMS[self.name].picture else {}
        wish = {"model": MODEL, "prompt": "a red box", "format": "png", **SIZE, **pictures, **more}
        answer = self.stack.api("POST", JOBS, wish, key=self.a.key)
        assert answer.status == 202, answer.text
        return str(answer.json["id"])

    def job(self, name: str) -> dict[str, Any]:
        """A's job as it stands."""
        return dict(job(self.stack, self.a, name))

    def theirs(self) -> list[dict[str, Any]]:
        """B's jobs."""
        return list(self.stack.api("GET", JOBS, key=self.b.key).json["data"])

    def spent(self) -> tuple[int, int]:
        """What A and B have paid; their books are looked at on the way."""
        for tenant in (self.a, self.b):
            books_are_straight(tenant)
        return 100 - available(self.stack, self.a), 100 - available(self.stack, self.b)

    # -- the network ---------------------------------------------------------------------------------------------
    def send(self, request: Request, *, hosts: Any, seconds: float, max_bytes: int) -> Response:
        parts = urlsplit(request.url)
        if parts.hostname != f"{self.name}.test":
            return Net.send(self.net, request, hosts=hosts, seconds=seconds, max_bytes=max_bytes)
        assert (parts.scheme, tuple(hosts), parts.query) == ("https", (parts.hostname,), "")
        response = self.answer(request, parts.path)
        assert len(response.body) <= max_bytes
        self.asked.append((request, response))
        if request.method in self.lost:
            raise NoAnswer("timeout")
        return response

    def answer(self, request: Request, path: str) -> Response:
        query = urlencode(request.query)
        if providers.load(self.name).completion == "sync":
            reply = self.stack.long(request.method, path, headers=request.headers, query=query, raw=request.body)
            return Response(reply["statusCode"], reply["headers"], (reply.get("body") or "").encode())
        got = self.stack.api(request.method, path, raw=request.body, headers=request.headers, query=query)
        return Response(got.status, got.headers, got.text.encode())

    def fetch(self, url: str, *, hosts: Any, seconds: float = 20, max_bytes: int = 0) -> bytes:
        if url.startswith(f"{API}{PICTURES}/"):
            return opened(self.stack, url)[1]
        if urlsplit(url).netloc.endswith(".amazonaws.com"):
            return object_of(url)[1]
        return Net.fetch(self.net, url, hosts=hosts, seconds=seconds, max_bytes=max_bytes)

    def post(self, url: str, headers: Mapping[str, str], body: bytes, seconds: float = 15) -> egress.Posted:
        assert url.startswith(f"{API}/hooks/{self.name}/"), url
        lower = {name.lower(): value for name, value in headers.items()}
        status = self.stack.api("POST", url.removeprefix(API), raw=body, headers=lower).status
        self.told.append((url, lower, body, status))
        return egress.Posted(status, None)


@pytest.fixture
def both(stack: World, net: Net, tenant: Tenant, monkeypatch: pytest.MonkeyPatch, name: str) -> Both:
    """A is the tenant; B's key is A's deployment's credential for the provider of this name."""
    made = Both(stack, net, tenant, make_tenant(stack, "acct_two"), name)
    for method in ("send", "fetch", "post"):
        monkeypatch.setattr(net, method, getattr(made, method))
    routed(monkeypatch, name, UPSTREAMS[name].model, MODEL)
    for theirs in THEIRS:
        routed(monkeypatch, "replicate", "google/nano-banana-2", theirs)
    trusts(made, made.b.key)

    def sleep(seconds: float) -> None:
        stack.clock.sleep(seconds)
        stack.run()

    monkeypatch.setitem(submit.hold.__kwdefaults__, "sleep", sleep)
    monkeypatch.setitem(submit.hold.__kwdefaults__, "clock", lambda: stack.clock.now)
    stack.deaf.add("poller")  # it would jump ahead of whoever waits
    return made


def trusts(both: Both, key: str) -> None:
    """The operator of A's deployment sets the credentials of the provider."""
    entry = UPSTREAMS[both.name]
    fields = {entry.field: key, "base_url": f"https://{both.name}.test{entry.path}"}
    if both.name == "phota":
        reply = both.stack.long("GET", "/v1/phota/webhook-secret", headers={"x-api-key": both.b.key})
        fields["webhook_secret"] = json.loads(reply["body"])["secret"]
    secrets.put(f"packshot/test/providers/{both.name}", fields)


def made_at_once(both: Both, **more: object) -> None:
    """Every create at Replicate is answered with its end: a picture, or whatever `more` says."""
    both.net.pages["https://replicate.delivery/made.png"] = photo(1024, 1024)
    end = {"id": "made", "status": "succeeded", "output": "https://replicate.delivery/made.png", "error": None, **more}
    both.net.answer = Response(201, {}, json.dumps(end).encode())


def finish(both: Both, number: int = 0) -> None:
    """Replicate's n-th prediction is done and tells B."""
    ready(both.net, f"pred{number}")
    assert webhook(both.stack, both.net, number) == 200
    both.stack.run()


def pump(both: Both) -> None:
    """Let everything happen; what is polled is looked after by the sweep."""
    both.stack.run()
    if providers.load(both.name).completion == "poll":
        both.stack.run(seconds=130, sweeps=True)


def shows_the_box(both: Both, done: Mapping[str, Any], images: int = 1) -> None:
    """A's pictures have the size asked for and show what B's provider painted."""
    assert (done["state"], done["progress"], len(done["outputs"])) == ("completed", 100, images), done
    for output in done["outputs"]:
        assert (output["width"], output["height"], output["content_type"]) == (640, 512, "image/png")
        assert output["simulated"] is False
        picture = Image.open(io.BytesIO(object_of(output["url"])[1])).convert("RGB")
        red, green, blue = picture.getpixel((320, 270))
        assert picture.size == (640, 512) and red > 140 and max(green, blue) < 90


# ------------------------------------------------------------------------------------------------------ a picture


@every_upstream
def test_a_picture_goes_through_both(both: Both, name: str) -> None:
    made_at_once(both)
    mine = both.submit()
    pump(both)
    shows_the_box(both, both.job(mine))
    (theirs,) = both.theirs()
    assert (theirs["state"], theirs["credits"]["charged"]) == ("completed", UPSTREAMS[name].price)
    assert both.spent() == (PRICE, UPSTREAMS[name].price)
    assert [request.method for request, _ in both.asked].count("POST") == 1 == len(both.net.creates)


@every_upstream
def test_the_upstream_is_asked_for_a_shape_and_size_that_lose_nothing(both: Both, name: str) -> None:
    made_at_once(both)
    mine = both.submit()
    pump(both)
    assert both.job(mine)["state"] == "completed"
    theirs = both.stack.api("GET", f"{JOBS}/{both.theirs()[0]['id']}", key=both.b.key).json["outputs"][0]
    shape = theirs["width"] / theirs["height"]
    assert theirs["width"] >= 640 and theirs["height"] >= 512 and 1 <= shape <= 4 / 3 + 0.01


@every_hooked
def test_the_upstreams_callback_ends_the_job(both: Both, name: str) -> None:
    mine = both.submit()
    both.stack.run()
    assert both.job(mine)["state"] == "processing" and not both.told
    finish(both)
    ((url, _, body, status),) = both.told
    assert (status, json.loads(body)["job_id"]) == (200, both.theirs()[0]["id"])
    shows_the_box(both, both.job(mine))
    assert both.stack.api("POST", url.removeprefix(API), raw=body).status == (401 if name == "phota" else 200)
    assert both.spent() == (PRICE, UPSTREAMS[name].price)


@every_polled
def test_without_callbacks_asking_finds_the_end(both: Both, name: str) -> None:
    both.stack.deaf.add("callbacks")
    mine = both.submit()
    both.stack.run()
    both.stack.run(seconds=130, sweeps=True)
    assert both.job(mine)["state"] == "processing"
    finish(both)
    both.stack.deaf.discard("poller")
    both.stack.run(seconds=300, sweeps=True)
    shows_the_box(both, both.job(mine))
    assert not both.told and {request.method for request, _ in both.asked} == {"GET", "POST"}
    assert both.spent() == (PRICE, UPSTREAMS[name].price)


@every_hooked
def test_several_pictures_are_one_job_of_the_upstream(both: Both, name: str) -> None:
    made_at_once(both)
    mine = both.submit(count=3)
    pump(both)
    shows_the_box(both, both.job(mine), images=3)
    assert (len(both.theirs()), len(both.net.creates)) == (1, 3)
    assert both.spent() == (3 * PRICE, 3 * UPSTREAMS[name].price)


@pytest.mark.parametrize(
    ("name", "wish", "call", "price"),
    [
        ("phota", {"operation": "edit", "images": 1}, "/edit", 9),
        ("phota", {"operation": "edit", "images": 2, "resolution": "4K", "width": None, "height": None}, "/edit", 18),
        ("phota", {"operation": "enhance", "images": 1, "width": None, "height": None}, "/enhance", 12),
        ("phota", {"operation": "remix", "images": 1, "reference": 1, "width": None, "height": None}, "/remix", 12),
        ("phota", {"operation": "relight", "images": 1}, "/edit", 9),
        ("aiphotogenerator", {"operation": "edit", "images": 2}, "/generate", 4),
        ("aiphotogenerator", {"operation": "generate", "width": 1025, "height": 1024}, "/generate", 8),
        ("productai", {"operation": "edit", "images": 1}, "/generate", 5),
    ],
)
def test_every_call_is_understood(both: Both, name: str, wish: dict[str, Any], call: str, price: int) -> None:
    made_at_once(both)
    pictures = [asset(both.stack, both.a) for _ in range(wish.get("images", 0))]
    given = {**wish, "images": pictures, **({"reference": asset(both.stack, both.a)} if "reference" in wish else {})}
    mine = both.submit(**given)
    pump(both)
    done = both.job(mine)
    assert (done["state"], len(done["outputs"])) == ("completed", 1), (done, both.asked)
    request = both.asked[0][0]
    assert request.url.endswith(call)
    (theirs,) = both.theirs()
    shown = both.stack.api("GET", f"{JOBS}/{theirs['id']}", key=both.b.key).json["brief"]
    assert (len(shown["images"]), bool(shown.get("reference"))) == (len(pictures), "reference" in wish)
    assert both.spent()[1] == price


@every_upstream
def test_a_key_can_be_tried_for_nothing(both: Both, name: str) -> None:
    write, field = providers.load(name).write_probe, UPSTREAMS[name].field
    if write is None:
        assert name in ("aiphotogenerator", "photio")
        return
    base = f"https://{name}.test{UPSTREAMS[name].path}"
    for key, status in ((both.b.key, 200), ("pk_live_wrong", 401)):
        request = write({field: key, "base_url": base})
        assert both.answer(request, urlsplit(request.url).path).status == status
    assert both.spent() == (0, 0)


# --------------------------------------------------------------------------------------------------- what goes wrong


def refused(both: Both, mine: str, code: str) -> None:
    """A's job has failed for that reason and cost A nothing."""
    ended = both.job(mine)
    assert (ended["state"], ended["error"]["code"]) == ("failed", code), ended
    assert both.spent()[0] == 0


@every_upstream
def test_an_upstream_without_credits_is_out_of_quota(both: Both, name: str) -> None:
    both.b = make_tenant(both.stack, "acct_poor", topup=0)
    trusts(both, both.b.key)
    mine = both.submit()
    pump(both)
    refused(both, mine, "provider_quota")
    assert not both.theirs() and not both.net.creates and both.asked[0][1].status == 402


@every_upstream
def test_an_upstream_whose_subscription_has_ended_is_told(both: Both, name: str) -> None:
    Books("packshot").change(both.b.account, {"status": "past_due"})
    both.stack.clock.sleep(61)  # keys are remembered for a minute
    mine = both.submit()
    pump(both)
    refused(both, mine, "provider_unauthorized" if name in ("phota", "aiphotogenerator") else "provider_quota")
    assert both.asked[0][1].status in (402, 403) and not both.theirs()


@every_upstream
def test_a_wrong_key_is_told_from_other_refusals(both: Both, name: str) -> None:
    trusts(both, both.b.key[:-1] + ("0" if both.b.key[-1] != "0" else "1"))
    mine = both.submit()
    pump(both)
    refused(both, mine, "provider_unauthorized")
    assert both.asked[0][1].status == 401


@every_upstream
@pytest.mark.parametrize("why", ["CUDA out of memory", "flagged as sensitive (E005)"])
def test_what_the_upstreams_model_cannot_make_fails_for_both(both: Both, name: str, why: str) -> None:
    made_at_once(both, status="failed", output=None, error=why)
    mine = both.submit()
    pump(both)
    refused(both, mine, "provider_failed" if why.startswith("CUDA") else REFUSALS.get(name, "provider_failed"))
    assert [theirs["state"] for theirs in both.theirs()] == ["failed"]
    assert both.spent() == (0, 0)


@every_polled
def test_an_answer_that_is_lost_is_not_asked_for_again(both: Both, name: str) -> None:
    """The upstream has the job, A does not know its name: the callback tells it, where there is one."""
    both.lost.add("POST")
    mine = both.submit()
    both.stack.run()
    both.lost.clear()
    both.stack.run(seconds=130, sweeps=True)
    assert (both.job(mine)["state"], len(both.theirs())) == ("processing", 1)
    finish(both)
    if name in HOOKED:
        shows_the_box(both, both.job(mine))
    else:
        both.stack.run(seconds=providers.load(name).deadline, sweeps=True)
        refused(both, mine, "deadline_exceeded")
    assert both.spent() == (PRICE if name in HOOKED else 0, UPSTREAMS[name].price)
    assert [request.method for request, _ in both.asked].count("POST") == 1


@pytest.mark.parametrize("name", ["phota"])
def test_the_same_label_gives_the_same_job(both: Both, name: str) -> None:
    both.submit()
    both.stack.run()
    request, first = both.asked[0]
    again = both.answer(request, urlsplit(request.url).path)
    assert (again.status, again.json()["job_id"]) == (202, first.json()["job_id"])
    assert len(both.theirs()) == 1


@every_polled
def test_none_of_them_can_be_told_to_stop(both: Both, name: str) -> None:
    assert providers.load(name).write_cancel is None
    mine = both.submit()
    both.stack.run()
    answer = both.stack.api("POST", f"{JOBS}/{mine}/cancel", key=both.a.key)
    assert (answer.json["state"], both.spent()[0]) == ("canceled", 0)
    both.stack.run()
    finish(both)
    both.stack.run(seconds=65, sweeps=True)
    assert both.job(mine)["state"] == "canceled"
    assert all(status == 200 for *_, status in both.told)
    assert both.spent() == (0, UPSTREAMS[name].price)
