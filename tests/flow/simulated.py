"""A network that is the simulators, on the world's own clock; and what a whole matrix of jobs over it shares.

Requests pass the gates of `packshot.egress` itself: hosts, sizes, what a picture begins like. Only the exchange behind
them is played. One world serves a whole file of tests, because each row of a matrix starts from the same few rows of
the table, some minutes after the one before.
"""

import asyncio
import copy
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest
from moto.dynamodb.models import dynamodb_backends

from packshot import egress, providers
from packshot.aws import clients
from packshot.egress import NoAnswer, NotSent
from packshot.providers import Provider
from simulators import products
from simulators.server import Call, Simulators
from simulators.world import Still
from tests.flow.conftest import SIMULATED, Tenant, make_tenant, routed
from tests.flow.test_jobs import JOBS, asset, available, books_are_straight, job
from tests.flow.test_lasting import API, object_of
from tests.flow.world import ACCOUNT, REGION, World, world

ORIGIN = "http://127.0.0.1:8600"
MICRO_USD = 1000
"""What `routed` says that an attempt costs us."""

GAP = 700
"""Seconds between two rows: whatever a process remembers of the one before is forgotten by then."""


@dataclass(frozen=True)
class Told:
    """One webhook: where it went, with what, and what it was answered."""

    path: str
    headers: Mapping[str, str]
    body: bytes
    status: int


def _table() -> Any:
    return dynamodb_backends[ACCOUNT][REGION].tables["packshot"]


def rows() -> list[dict[str, Any]]:
    """The whole table, as DynamoDB has its items."""
    found = [item.to_json()["Attributes"] for items in _table().items.values() for item in items.values()]
    return sorted(found, key=lambda one: (one["pk"]["S"], one["sk"]["S"]))


class Simulated(egress.Egress):
    """What the world reaches: the simulators, and nobody else.

    `early` is how long the answer to a create is on its way, in s: what is due meanwhile happens before it is read.
    """

    stack: World

    def __init__(self, **settings: Any) -> None:
        super().__init__(local=True)
        self.still = Still(lambda: self.stack.clock.now, self._sleep, self._reach, self._tell, **settings)
        self.simulators = Simulators(self.still, ORIGIN)
        self.told: list[Told] = []
        self.strangers: list[str] = []
        self.early = 0.0

    def __call__(self, *, local: bool) -> "Simulated":
        return self

    def begin(self) -> None:
        """As if nobody had asked for anything. Claid has been told our address, in its dashboard."""
        assert self.simulators.answer(Call("POST", "/_sim/reset", {}, {}, b"")).status == 200
        key = {"authorization": f"Bearer {SIMULATED['claid']['token']}"}
        hook = json.dumps({"url": f"{API}/hooks/claid"}).encode()
        assert self.simulators.answer(Call("PUT", "/claid/account/webhook", {}, key, hook)).status == 200
        self.told.clear()
        self.strangers.clear()
        self.early = 0.0

    def creates(self) -> list[dict[str, Any]]:
        """The creates that arrived."""
        found = (one for one in self.still.requests if one["method"] == "POST")
        return [one for one in found if not one["path"].endswith("/cancel")]

    def effects(self) -> int:
        """How many creates ran, and were paid for."""
        return sum(bool(one["effect"]) for one in self.still.requests)

    def let_pass(self, seconds: float) -> None:
        """Time goes by, and what is due happens."""
        end = self.stack.clock.now + seconds
        while self.stack.clock.now < end:
            self.stack.clock.sleep(min(0.25, end - self.stack.clock.now))
            while self.still.tick():
                pass

    def _run(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes, seconds: float, take: Callable[..., Any]
    ) -> Any:
        """One exchange, as it would be over a wire."""
        if not url.startswith(f"{ORIGIN}/"):
            self.strangers.append(url)
            raise NotSent("unreachable")
        until, parts = self.stack.clock.now + seconds, urlsplit(url)
        lower = {name.lower(): value for name, value in headers.items()}
        answer = self.simulators.answer(Call(method, parts.path, dict(parse_qsl(parts.query)), lower, body))
        if answer.hang or (self.early and method == "POST"):
            self.let_pass(until - self.stack.clock.now if answer.hang else self.early)
        if answer.hang or self.stack.clock.now > until:
            raise NoAnswer("timeout")
        whole = {**answer.headers, "content-length": str(len(answer.body))}
        return asyncio.run(take(httpx.Response(answer.status, headers=whole, stream=httpx.ByteStream(answer.body))))

    # -- what the simulators reach -------------------------------------------------------------------------------
    def _sleep(self, seconds: float) -> None:
        self.stack.clock.sleep(seconds)

    def _reach(self, url: str) -> bytes:
        if not urlsplit(url).netloc.endswith(".amazonaws.com"):
            raise OSError("nobody is there")
        return object_of(url)[1]

    def _tell(self, url: str, headers: Mapping[str, str], body: bytes) -> int:
        """Deliver a webhook. One that is refused leaves no trace."""
        assert url.startswith(f"{API}/hooks/"), url
        lower, before = {name.lower(): value for name, value in headers.items()}, repr(rows())
        status = int(self.stack.api("POST", url.removeprefix(API), raw=body, headers=lower).status)
        assert status == 200 or (status == 401 and repr(rows()) == before), (url, status)
        self.told.append(Told(url.removeprefix(API), lower, body, status))
        return status


# -------------------------------------------------------------------------------------------------------------- ways


SQUARE = {"aspect_ratio": "1:1", "width": None, "height": None}


@dataclass(frozen=True)
class Way:
    """One provider's way to make a picture: a model of the catalogue, and what is asked of it.

    theirs    the provider's own model
    at_once   the answer to a create is the picture, or the reason why there is none
    pictures  how many it is shown
    """

    name: str
    provider: str
    model: str
    theirs: str
    operation: str = "generate"
    pictures: int = 0
    at_once: bool = False
    wish: Mapping[str, Any] = field(default_factory=dict)

    @property
    def facts(self) -> Provider:
        """The provider's file."""
        return providers.load(self.provider)

    @property
    def final(self) -> bool:
        """Nothing can come after a create's answer."""
        return self.facts.completion == "sync"

    @property
    def hooked(self) -> bool:
        """It sends webhooks that name the attempt, and so finds one whose create's answer was lost."""
        return self.facts.completion == "webhook"

    @property
    def tells(self) -> bool:
        """It sends webhooks of what it was asked in this way."""
        return self.facts.verify is not None and not self.at_once

    @property
    def hosted(self) -> bool:
        """Its pictures have addresses."""
        return self.facts.lasts > 0

    @property
    def size(self) -> tuple[int, int]:
        """What its pictures are to measure."""
        return (1024, 1024) if self.wish is SQUARE else (512, 512)


WAYS = {
    way.name: way
    for way in (
        Way("replicate", "replicate", "flux-2", "black-forest-labs/flux-2-pro", "edit", 1),
        Way("fal", "fal", "flux-2", "fal-ai/flux-2-pro", "edit", 1),
        Way("bfl", "bfl", "flux-2", "flux-2-pro", "edit", 1),
        Way("phota", "phota", "phota", "nb2", "edit", 1),
        Way("productai", "productai", "productai", "nanobanana2", "edit", 1, wish=SQUARE),
        Way("aiphotogenerator", "aiphotogenerator", "aiphotogenerator", "nano-banana-2", "edit", 1),
        Way("claid", "claid", "claid", "ai-edit", "edit", 1),
        Way("claid-scene", "claid", "claid", "scene", pictures=1, at_once=True),
        Way("stability", "stability", "stability-relight", "replace-background-and-relight", pictures=1),
        Way("stability-core", "stability", "stable-image-core", "core", at_once=True),
        Way("openai", "openai", "gpt-image-2.5-flare", "gpt-image-2.5-flare", at_once=True),
        Way("gemini", "gemini", "nanobanana2.1", "gemini-nano-banana-2.1", at_once=True),
        Way("bedrock", "bedrock", "bedrock-sd3.5-large", "stability.sd3-5-large-v1:0", at_once=True),
        Way("photoroom", "photoroom", "photoroom", "v2/edit", pictures=1, at_once=True),
        Way("makephotos", "makephotos", "makephotos", "product", pictures=1, at_once=True),
        Way("photio", "photio", "photio-text", "generate", at_once=True, wish=SQUARE),
    )
}


def words_of(way: Way) -> frozenset[str]:
    """The words in the help of a provider's simulator: its directives are among them."""
    if way.provider in products.SIMULATORS:
        text = products.SIMULATORS[way.provider].HELP
    else:
        text = import_module(f"simulators.{way.provider}").HELP
    return frozenset(re.findall(r"[a-z0-9]+(?:-[a-z0-9]+)*", text))


# --------------------------------------------------------------------------------------------------------------- town


@dataclass
class Town:
    """The deployment, its one tenant, and the simulators around it."""

    net: Simulated
    tenant: Tenant
    asset: str
    fresh: Any
    """The table with nothing in it but the tenant and a picture."""

    @property
    def stack(self) -> World:
        """The deployment."""
        return self.net.stack

    def begin(self) -> None:
        """As if nothing had happened yet."""
        table, stack = _table(), self.stack
        table.items = copy.deepcopy(self.fresh)
        table.stream_shard.items.clear()
        stack.seen = 0
        for seen in (stack.waiting, stack.pollers, stack.executions, stack.events, stack.invocations, stack.deaf):
            seen.clear()
        stack.clock.sleep(GAP)
        self.net.begin()

    def ask(self, way: Way, words: str, patch: pytest.MonkeyPatch) -> str:
        """A job that can be made in this way alone."""
        routed(patch, way.provider, way.theirs, way.model)
        wish = {"model": way.model, "operation": way.operation, "prompt": f"a red box {words}".strip(), "format": "jpg",
                "width": 512, "height": 512, **way.wish}  # fmt: skip
        if way.pictures:
            wish["images"] = [self.asset] * way.pictures
        given = {name: value for name, value in wish.items() if value is not None}
        answer = self.stack.api("POST", JOBS, given, key=self.tenant.key)
        assert answer.status == 202, answer.text
        return str(answer.json["id"])

    def job(self, name: str) -> dict[str, Any]:
        """The job as its caller sees it."""
        return dict(job(self.stack, self.tenant, name))

    def state(self, name: str) -> str:
        """The job's state, as its row says it."""
        return next(str(one["state"]["S"]) for one in rows() if one["sk"]["S"] == f"job#{name}")

    def cancel(self, name: str) -> dict[str, Any]:
        """The job as the answer to its cancelling shows it."""
        answer = self.stack.api("POST", f"{JOBS}/{name}/cancel", key=self.tenant.key)
        assert answer.status == 200, answer.text
        return dict(answer.json)

    def ended(self, name: str) -> dict[str, Any]:
        """The job, once it has ended and whatever comes after that has come."""
        self.stack.run(seconds=20)
        for _ in range(40):
            if self.state(name) not in ("pending", "processing"):
                break
            self.stack.run(seconds=65, sweeps=True)
        self.stack.run(seconds=65)
        return self.job(name)

    def leaks(self) -> list[int]:
        """Micro US dollars that were spent for nothing, row by row."""
        return [int(one["micro_usd"]["N"]) for one in rows() if one["sk"]["S"].startswith("leak#")]

    def is_settled(self, *, charged: int) -> None:
        """The books are straight, the tenant paid so much, and nothing waits for anything any more."""
        books_are_straight(self.tenant)
        assert available(self.stack, self.tenant) == 100 - charged
        assert not (self.stack.waiting or self.stack.pollers or self.net.still.tick() or self.net.strangers)
        assert not [one for one in rows() if one["sk"]["S"].startswith("job#") and "due" in one]
        assert all(one["until"]["N"] == "0" for one in rows() if one["pk"]["S"].startswith("slots#"))


@pytest.fixture(scope="module", autouse=True)
def own_clients() -> Iterator[None]:
    """AWS clients live as long as the one world of a file."""
    clients._client.cache_clear()
    yield
    clients._client.cache_clear()


@pytest.fixture(scope="module")
def whole(own_clients: None) -> Iterator[Town]:
    """One world with every simulator; everything happens as soon as it is due."""
    net = Simulated(latency=0.0)
    with pytest.MonkeyPatch.context() as patch, world(patch, net) as stack:
        net.stack = stack
        stack.ticks.append(net.still.tick)
        tenant = make_tenant(stack, "acct_one")
        picture = asset(stack, tenant)
        stack.run()
        yield Town(net, tenant, picture, copy.deepcopy(_table().items))


@pytest.fixture
def town(whole: Town) -> Town:
    """The world as it was at first, some minutes later."""
    whole.begin()
    return whole
