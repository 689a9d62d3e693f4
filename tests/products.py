"""A way to the simulated product-photo services for tests: real ports, but nothing is fetched or told beyond."""

import io
import json
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode

from PIL import Image

from packshot import catalog
from packshot.wire import Request, Response
from simulators.server import Server

IMAGE = "https://shop.example/mug.jpg"
HOOK = "https://hooks.example/x"
FORMS = {"productai_deployed": "productai"}
"""Dialects that another service's address speaks, too."""

_HEADERS = {"photio": "x-photio-key", "phota": "x-api-key", "productai_deployed": "x-api-key"}


def photo() -> bytes:
    """What every address of an input gives: 96 by 64 pixels."""
    out = io.BytesIO()
    Image.new("RGB", (96, 64), "teal").save(out, "PNG")
    return out.getvalue()


def key_of(name: str) -> str:
    """The key that a simulator accepts."""
    return next(value for field, value in catalog.simulated()[name].items() if field in ("key", "token"))


def call(request: Request) -> Response:
    """Send a request as it is."""
    url = request.url + (f"?{urlencode(request.query)}" if request.query else "")
    raw = urllib.request.Request(url, request.body or None, dict(request.headers), method=request.method)
    try:
        with urllib.request.urlopen(raw, timeout=5) as answer:
            return Response(answer.status, {key.lower(): value for key, value in answer.headers.items()}, answer.read())
    except HTTPError as error:
        return Response(error.code, {key.lower(): value for key, value in error.headers.items()}, error.read())


@dataclass
class Line:
    """A line to one service after the other, `name`; `told` is what they posted."""

    server: Server
    name: str = ""
    told: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    def post(self, url: str, headers: Mapping[str, str], body: bytes) -> int:
        """What stands for everybody that is told."""
        self.told.append(({key.lower(): value for key, value in headers.items()}, body))
        return 200

    def send(
        self, method: str, url: str, headers: Mapping[str, str], query: Mapping[str, str], body: bytes
    ) -> tuple[int, Mapping[str, str], bytes]:
        """One request: status, headers, body."""
        answer = call(Request(method, f"{self.server.url}/{self.name}{url}", headers, body, query))
        return answer.status, answer.headers, answer.body

    def ask(self, dialect: str, method: str, url: str, payload: object = None, **more: Any) -> Any:
        """One request with the right key in its place: status and JSON."""
        self.name = FORMS.get(dialect, dialect)
        key, headers, query = key_of(self.name), dict(more.get("headers", {})), dict(more.get("query", {}))
        if dialect == "makephotos":
            query["key"] = key
        elif dialect in _HEADERS:
            headers[_HEADERS[dialect]] = key
        else:
            headers["authorization"] = f"Bearer {key}"
        body = more.get("text", "").encode() if payload is None else json.dumps(payload).encode()
        status, _, data = self.send(method, url, headers, query, body)
        return status, json.loads(data) if method != "HEAD" else None

    def pause(self) -> None:
        """Let time pass."""
        time.sleep(0.01)

    def wait(self, count: int, seconds: float = 3) -> list[tuple[dict[str, str], bytes]]:
        """What was told once it is so much, or time is over."""
        until = time.monotonic() + seconds
        while len(self.told) < count and time.monotonic() < until:
            self.pause()
        return self.told

    def behave(self, name: str, directives: str) -> None:
        """Ask for a behaviour of every request."""
        self.server.world.settings["behave"] = {name: directives}

    def effects(self) -> list[str]:
        """What the creates brought about."""
        return [entry["effect"] for entry in self.server.world.requests if entry["effect"]]


@contextmanager
def served() -> Iterator[Server]:
    """All simulators on a port."""
    with Server(0, latency=0.02, late=0.3, hang=0.1, retries=[]) as running:
        running.world.fetch = lambda url: photo()  # type: ignore[method-assign]
        yield running


def fresh(server: Server) -> Line:
    """A line to simulators that remember nothing."""
    server.world.reset()
    for simulator in server.simulators.values():
        simulator.reset()
    line = Line(server)
    server.world.post = line.post  # type: ignore[method-assign]
    return line
