"""Our adapters for the product-photo services against their simulators: every model, every directive, every webhook."""

import io
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import RemoteDisconnected
from itertools import product
from typing import Any

import pytest
import standardwebhooks
from PIL import Image

from packshot import catalog, providers
from packshot.brief import Brief, frame
from packshot.errors import Forged, ProviderError
from packshot.providers import aiphotogenerator, phota, productai
from packshot.replies import Later, Look, Made, No, Ready, Reply, Shot, Source, Taken, Working
from packshot.wire import Request
from simulators.products import SIMULATORS
from simulators.server import Server
from tests.products import HOOK, IMAGE, Line, call, fresh, photo, served

NAMES = sorted(SIMULATORS)
SYNC = ("makephotos", "photio")
MODELS = {
    "makephotos": "product", "photio": "generate", "phota": "nb2", "aiphotogenerator": "flux-2",
    "productai": "nanobanana2",
}  # fmt: skip
every = pytest.mark.parametrize("name", NAMES)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with served() as running:
        yield running


@dataclass
class Adapter:
    """One of our own, pointed at its simulator as a local deployment points it."""

    line: Line
    name: str

    def __post_init__(self) -> None:
        known = catalog.simulated()[self.name]
        self.provider = providers.load(self.name)
        self.credentials = {**known, "base_url": self.line.server.url + known["path"]}

    def create(self, prompt: str = "a cup", model: str = "", pictures: int | None = None, hook: str | None = None,
               label: str = "", images: int = 1, mask: bool = False, **brief: Any) -> Reply:  # fmt: skip
        asked = Brief(model="any", prompt=prompt, **{"operation": "generate", "aspect_ratio": "1:1", **brief})
        source = Source(IMAGE, photo(), "image/png", 96, 64)
        number = self.name != "photio" if pictures is None else pictures
        wanted = Shot(asked, prompt, model or MODELS[self.name], images, (source,) * number, *frame(asked, (96, 64)),
                      brief.get("seed"), source if mask else None, label)  # fmt: skip
        return self.provider.read(call(self.provider.write(wanted, self.credentials, hook)))

    def make(self, prompt: str = "a cup", **more: Any) -> Reply:
        """To the end."""
        reply, write, read = self.create(prompt, **more), self.provider.write_poll, self.provider.read_poll
        if not isinstance(reply, Taken):
            return reply
        assert write is not None and read is not None
        remote = reply.remote
        for _ in range(300):
            reply = read(call(write(remote, self.credentials)))
            if not isinstance(reply, Working):
                return reply
            self.line.pause()
        raise AssertionError("never ended")

    def bytes(self, reply: Reply) -> list[bytes]:
        if isinstance(reply, Made):
            return list(reply.pictures)
        assert isinstance(reply, Ready), reply
        return [call(Request("GET", url)).body for url in reply.urls]


@pytest.fixture
def adapter(server: Server, name: str) -> Adapter:
    return Adapter(fresh(server), name)


def code(reply: Reply) -> str:
    return reply.failure.code if isinstance(reply, No) else type(reply).__name__


SHOTS: list[tuple[str, dict[str, Any], tuple[int, int]]] = [
    ("makephotos", {}, (1024, 1024)),
    ("makephotos", {"preset": "luxury", "prompt": "", "resolution": "2K", "aspect_ratio": "16:9"}, (2048, 1152)),
    ("photio", {"detail": "high", "seed": 7, "guidance": 3.0, "negative_prompt": "text"}, (1024, 1024)),
    ("photio", {"model": "instant", "pictures": 1}, (96, 64)),
    ("photio", {"model": "remix", "pictures": 2, "operation": "remix"}, (96, 64)),
    ("photio", {"model": "upscale", "pictures": 1, "operation": "upscale", "scale": 4, "like_input": True}, (384, 256)),
    ("photio", {"model": "regen", "pictures": 1, "operation": "inpaint", "mask": True}, (96, 64)),
    ("photio", {"model": "relight", "pictures": 1, "operation": "relight", "prompt": ""}, (96, 64)),
    ("phota", {"pictures": 0, "images": 2, "aspect_ratio": "16:9"}, (1024, 576)),
    ("phota", {"operation": "edit", "pictures": 2}, (1024, 1024)),
    ("phota", {"operation": "enhance", "aspect_ratio": "auto", "resolution": "2K"}, (2048, 1368)),
    ("phota", {"operation": "remix", "aspect_ratio": "auto", "resolution": "2K", "pictures": 2}, (2048, 1368)),
    ("phota", {"operation": "relight", "model": "gpt-image-2", "detail": "high"}, (1024, 1024)),
    ("aiphotogenerator", {"width": 900, "height": 600, "negative_prompt": "text"}, (900, 600)),
    ("productai", {"images": 3, "aspect_ratio": "4:3"}, (1024, 768)),
]


@pytest.mark.parametrize(("name", "wanted", "size"), SHOTS)
def test_a_shot_becomes_pictures(adapter: Adapter, wanted: dict[str, Any], size: tuple[int, int]) -> None:
    made = adapter.bytes(adapter.make(**wanted))
    assert [Image.open(io.BytesIO(data)).size for data in made] == [size] * wanted.get("images", 1)
    assert len(adapter.line.effects()) == 1


@pytest.mark.parametrize(
    ("name", "model"),
    [
        (one.__name__.rpartition(".")[2], model)
        for one in (aiphotogenerator, phota, productai)
        for model in sorted(one.MODELS)
    ],
)
def test_every_model_of_a_table_is_taken(adapter: Adapter, model: str) -> None:
    assert isinstance(adapter.create(model=model), Taken)


@pytest.mark.parametrize(("name", "model"), [("phota", "gpt-image-2"), ("aiphotogenerator", "nano-banana")])
def test_a_size_that_only_the_vendor_makes_is_taken(adapter: Adapter, model: str) -> None:
    assert isinstance(adapter.create(model=model, resolution="4K"), Taken)


LATE = dict.fromkeys(("phota", "aiphotogenerator", "productai"), "Unknown")
REFUSED = {"phota": "content_refused", "productai": "content_refused", "photio": "provider_invalid_input"}
EMPTY = dict.fromkeys(("makephotos", "phota", "productai"), "provider_empty")
OUTCOMES: list[tuple[str, Any, int]] = [  # directive; what the adapter makes of it, else provider_failed; effects
    ("slow=0.2", "", 1),
    ("fail", {}, 1),
    ("moderated", REFUSED, 1),
    ("refused", REFUSED, 0),
    ("invalid", "provider_invalid_input", 0),
    ("unauthorized", "provider_unauthorized", 0),
    ("quota", "provider_quota", 0),
    ("gone", "provider_invalid_input", 0),
    ("429", "Later", 0),
    ("500-before", LATE, 0),
    ("500-after", LATE, 1),
    ("garbage-after", {**LATE, "makephotos": "provider_empty", "photio": "provider_empty"}, 1),
    ("no-image", EMPTY, 1),
    ("poll-503=2", "", 1),
]


@every
@pytest.mark.parametrize(("directive", "outcome", "effects"), OUTCOMES, ids=[row[0] for row in OUTCOMES])
def test_a_directive_ends_as_the_adapter_says(adapter: Adapter, directive: str, outcome: Any, effects: int) -> None:
    expected = outcome if isinstance(outcome, str) else outcome.get(adapter.name, "provider_failed")
    reply = adapter.make(f"a cup [[sim:{directive}]]")
    assert code(reply) == (expected or ("Made" if adapter.name == "photio" else "Ready"))
    ran = directive == "refused" and adapter.name not in SYNC
    assert len(adapter.line.effects()) == (1 if ran else effects)
    if directive == "poll-503=2" and adapter.name not in SYNC:
        assert [entry["status"] for entry in adapter.line.server.world.requests].count(503) == 2
    if isinstance(reply, Later):
        assert reply.seconds == 1
        assert adapter.bytes(adapter.make(f"a cup [[sim:{directive}]]"))


@every
def test_a_hang_has_its_effect(adapter: Adapter) -> None:
    with pytest.raises(RemoteDisconnected):
        adapter.create("a cup [[sim:hang-after]]")
    assert len(adapter.line.effects()) == 1


BEGINNINGS = {"broken-output": b"<html", "wrong-type": b"GIF8", "black-only": b"\x89PNG", "huge-output": b"\x89PNG",
              "truncated-output": b"\xff\xd8"}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "directive"),
    [pair for pair in product(NAMES, BEGINNINGS) if pair != ("photio", "huge-output")],  # more than its adapter allows
)
def test_a_bad_picture_is_handed_over_as_it_is(adapter: Adapter, directive: str) -> None:
    inline = adapter.name == "photio"  # which answers PNG, and whose adapter reads what it is given
    reply = adapter.make(f"a cup [[sim:{directive}]]", format="jpg")
    if inline and directive in ("broken-output", "wrong-type"):
        assert code(reply) == "provider_empty"
        return
    (data,) = adapter.bytes(reply)
    whole = directive != "truncated-output"
    assert data.startswith(BEGINNINGS[directive]) or (inline and not whole)
    assert (len(data) > 40_000_000) is (directive == "huge-output")
    if not whole:
        with pytest.raises(OSError, match="runcated"):
            Image.open(io.BytesIO(data)).load()


@pytest.mark.parametrize("name", [name for name in NAMES if name != "photio"])
def test_an_address_can_be_gone_or_somebody_elses(adapter: Adapter) -> None:
    gone, evil = adapter.make("a cup [[sim:expired-output]]"), adapter.make("a cup [[sim:evil-output]]")
    assert isinstance(gone, Ready) and call(Request("GET", gone.urls[0])).status == 404
    assert isinstance(evil, Ready) and evil.urls[0].startswith("https://evil.example/")


@pytest.mark.parametrize("name", SYNC)
def test_a_caller_waits_so_long_and_no_longer(adapter: Adapter, monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr(adapter.line.server.world, "sleep", slept.append)
    assert code(adapter.make("a cup [[sim:slow=500]]")) == "provider_failed"
    assert slept == [60 if adapter.name == "makephotos" else 300]
    assert adapter.line.server.simulators[adapter.name].core.spent == 0  # type: ignore[attr-defined]


@every
def test_credits_run_out_and_come_back(adapter: Adapter) -> None:
    assert code(adapter.make()) in ("Ready", "Made")
    price = adapter.line.server.simulators[adapter.name].core.spent  # type: ignore[attr-defined]
    adapter.line.behave(adapter.name, f"[[sim:credits={price * 3 - 1}]]")
    found = [code(adapter.make(words)) for words in ("a cup [[sim:fail]]", "a cup", "a cup")]
    assert found[0] == "provider_failed" and found[1] in ("Ready", "Made") and found[2] == "provider_quota"


@pytest.mark.parametrize("name", [name for name in NAMES if providers.load(name).write_probe])
def test_a_probe_tells_a_good_key_from_a_bad_one(adapter: Adapter) -> None:
    write = adapter.provider.write_probe
    assert write is not None and call(write(adapter.credentials)).status == 200
    assert call(write({**adapter.credentials, "token": "nobody", "key": "nobody"})).status == 401


@pytest.mark.parametrize("name", ["phota"])
def test_a_repeated_create_is_the_first(adapter: Adapter) -> None:
    first, again = adapter.create(label="job_1-0-1"), adapter.create(label="job_1-0-1")
    assert isinstance(first, Taken) and first == again and len(adapter.line.effects()) == 1
    assert code(adapter.create("a bowl", label="job_1-0-1")) == "provider_invalid_input"


HOOKS = {"normal": 1, "none": 0, "dup": 3, "late": 1, "forged": 1, "stale": 1, "reordered": 2, "truncated": 1}


@pytest.mark.parametrize("name", ["phota", "productai"])
@pytest.mark.parametrize(("kind", "count"), HOOKS.items())
def test_a_webhook_comes_as_asked(adapter: Adapter, kind: str, count: int) -> None:
    provider, signed, begun = adapter.provider, adapter.name == "phota", time.monotonic()
    assert provider.verify is not None and provider.read_webhook is not None
    taken = adapter.create(f"a cup [[sim:webhook={kind}]]", hook=HOOK)
    told = adapter.line.wait(count or 1, 3 if count else 0.2)
    assert len(told) == count and (kind != "late" or time.monotonic() - begun > 0.3)
    assert isinstance(taken, Taken) and len({headers["webhook-id"] for headers, _ in told}) <= 1
    for headers, body in told:
        if kind == "truncated":
            with pytest.raises(ProviderError):
                provider.read_webhook(body)
        if kind in (("forged", "stale") if signed else ("truncated",)):
            with pytest.raises(Forged):
                provider.verify(adapter.credentials, headers, body, int(time.time()))
            continue
        provider.verify(adapter.credentials, headers, body, int(time.time()))
        if kind != "truncated":
            remote, reply = provider.read_webhook(body)
            assert remote == taken.remote and isinstance(reply, Look | Ready | Working)
        if signed and kind != "truncated":
            standardwebhooks.Webhook(adapter.credentials["webhook_secret"]).verify(body, headers)
    if kind == "reordered":
        assert [json.loads(body)["status"] in ("processing", "running") for _, body in told] == [False, True]
