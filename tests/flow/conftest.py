"""The world as a fixture, with a network that is a script."""

import io
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from PIL import Image, ImageDraw

from packshot import catalog, egress, keys
from packshot.aws.accounts import Account
from packshot.aws.books import Books
from packshot.aws.sealed import Sealer
from packshot.job import Credits, Route
from packshot.scopes import SCOPES
from packshot.sniff import sniff
from packshot.wire import Request, Response
from tests.flow.world import World, world

SIMULATED = catalog.simulated()


@dataclass
class Net:
    """The outside: what providers answer, what callbacks were sent, what addresses hold.

    Lists (a page's answers, `answers` to creates, `statuses` of callbacks) are used up from the front.
    """

    predictions: dict[str, str] = field(default_factory=dict)
    creates: list[dict[str, Any]] = field(default_factory=list)
    polls: int = 0
    posts: list[tuple[str, Mapping[str, str], bytes]] = field(default_factory=list)
    pages: dict[str, bytes | Exception | list[bytes | Exception]] = field(default_factory=dict)
    status: int = 204
    statuses: list[int] = field(default_factory=list)
    answers: list[Response] = field(default_factory=list)
    after_create: Callable[[str], None] | None = None
    create_error: Exception | None = None
    answer: Response | None = None

    def __call__(self, *, local: bool) -> "Net":
        return self

    def send(self, request: Request, *, hosts: Any, seconds: float, max_bytes: int) -> Response:
        if request.method == "POST" and request.url.endswith("/predictions"):
            name = f"pred{len(self.creates)}"
            self.creates.append(json.loads(request.body))
            self.predictions[name] = "processing"
            if self.after_create:
                self.after_create(name)
            if self.create_error:
                raise self.create_error
            if self.answers:
                return self.answers.pop(0)
            return self.answer or Response(201, {}, json.dumps({"id": name, "status": "starting"}).encode())
        if request.url.endswith("/cancel"):
            self.predictions[request.url.split("/")[-2]] = "canceled"
            return Response(200, {}, b"{}")
        self.polls += 1
        return Response(200, {}, self.prediction(request.url.split("/")[-1]))

    def prediction(self, name: str) -> bytes:
        """The prediction object, in the form of Replicate's HTTP reference (prediction object)."""
        done = self.predictions[name] == "succeeded"
        output = f"https://replicate.delivery/{name}.png" if done else None
        return json.dumps({"id": name, "status": self.predictions[name], "output": output, "error": None}).encode()

    def fetch(self, url: str, *, hosts: Any, seconds: float = 20, max_bytes: int = 0) -> bytes:
        found = self.pages.get(url, egress.FetchFailed("url_status", 404))
        if isinstance(found, list):
            found = found.pop(0) if len(found) > 1 else found[0]
        if isinstance(found, Exception):
            raise found
        if max_bytes and len(found) > max_bytes:
            raise egress.FetchFailed("url_too_large")
        if sniff(found) is None:  # as the real one: what does not begin like a picture never gets further
            raise egress.FetchFailed("url_not_a_picture")
        return found

    def post(self, url: str, headers: Mapping[str, str], body: bytes, seconds: float = 15) -> egress.Posted:
        self.posts.append((url, headers, body))
        return egress.Posted(self.statuses.pop(0) if self.statuses else self.status, None)


def photo(width: int = 480, height: int = 360) -> bytes:
    """A plain product snapshot: a red box on a light wall."""
    picture = Image.new("RGB", (width, height), (214, 210, 204))
    draw = ImageDraw.Draw(picture)
    draw.rounded_rectangle((width * 0.3, height * 0.2, width * 0.7, height * 0.85), 18, fill=(176, 32, 40))
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=92)
    return out.getvalue()


@pytest.fixture
def net() -> Net:
    return Net()


@pytest.fixture
def stack(monkeypatch: pytest.MonkeyPatch, net: Net) -> Iterator[World]:
    """One provider has a key, and `net` plays it."""
    monkeypatch.setattr(catalog, "simulated", lambda: {"replicate": SIMULATED["replicate"]})
    with world(monkeypatch, net) as made:
        yield made


@dataclass(frozen=True)
class Tenant:
    """An account with a live and a test key."""

    account: str
    key: str
    test_key: str


@pytest.fixture
def tenant(stack: World) -> Tenant:
    return make_tenant(stack, "acct_one")


def make_tenant(stack: World, account: str, topup: int = 100, scopes: tuple[str, ...] | None = None) -> Tenant:
    """Open an account as the operator does: row, grant, keys."""
    import os

    books = Books("packshot")
    at = int(stack.clock.now * 1000)
    secret = Sealer(os.environ["CALLBACK_KEY_ID"]).seal(account, SECRET.encode())
    books.create(Account(account, account, "active", at, Credits(), Credits(), 6000, 500, secret))
    if topup:
        books.grant(account, "topup", topup, f"first-{account}", at=at, actor="test")
    made = []
    for mode in ("live", "test"):
        key = keys.mint(mode, os.urandom(32))  # type: ignore[arg-type]
        books.create_key(account, key, scopes or tuple(sorted(set(SCOPES.values()))), at=at)
        made.append(str(key))
    return Tenant(account, *made)


def routed(monkeypatch: pytest.MonkeyPatch, provider: str, model: str, name: str) -> None:
    """Let one model of the catalogue be made by this provider alone, whatever else can make it."""
    route = Route(provider, model, 1000)
    entry = catalog.models()[name]
    skills = {operation: replace(skill, routes=(route,)) for operation, skill in entry.operations.items()}
    changed = {**catalog.models(), name: replace(entry, routes=(route,), operations=skills)}
    for module in ("packshot.catalog", "packshot.planning"):
        monkeypatch.setattr(f"{module}.models", lambda: changed)


SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
