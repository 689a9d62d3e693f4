"""Two judges, each alone: the library, and a backend of our own that knows only `urls`. Where they differ is a
list with reasons, so that a new release of the library cannot change its mind unnoticed."""

import asyncio
import socket
from collections.abc import Callable
from http.server import ThreadingHTTPServer
from typing import Any

import httpcore
import httpx
import pytest
from ssrfguard.httpx import AsyncSafeTransport

from packshot import egress, urls
from packshot.egress import Egress
from packshot.errors import ProviderError
from tests.security.test_egress_corpus import BY_NAME, HOSTILE, PNG, PUBLIC, World, web, world

__all__ = ["web", "world"]

LEGITIMATE = [
    "http://good.example/", "http://good.example:80/a%20b?c=d&e=%00#f", "HTTP://GOOD.EXAMPLE/", "http://good.example./",
    "http://api.good.example/@127.0.0.1/", "http://good.example/?u=http://127.0.0.1/", "http://good.example?@127.0.0.1",
    "http://good.example#@127.0.0.1", "http://both.example/", "http://bücher.example/ü.png",
    "http://xn--bcher-kva.example/", f"http://{PUBLIC}/", "http://good.example//a/../b", "http://good.example/%2e%2e/",
    "http://good.example/" + "a" * 1900, "http://good.example/?" + "q=1&" * 400, "http://good_host.example/",
]  # fmt: skip
SLACK = {
    "http://good_host.example/": "an underscore is no host name; we refuse it, so does the library",
}
"""Legitimate by somebody's lights, and refused all the same."""

DIFFER = {
    "http://good.example/\\a": "a backslash: parsers disagree on where a host ends at one; here it is only in the path",
    "http://good.example:/": "a colon without a port: harmless, and nobody writes it",
    "http://good.example/\u2028": "a line separator: nothing that is not printable is let into a request or a log",
}
"""Each of these goes to a public host; we refuse it, the library does not."""


class Oracle(httpcore.AsyncNetworkBackend):
    """Look up once, judge every answer by its text, dial the first."""

    def __init__(self, world: World) -> None:
        self.world = world

    async def connect_tcp(self, host: str, port: int, *_: Any, **__: Any) -> Any:
        found = [answer[4][0] for answer in self.world.lookup(host, port)]
        for one in found:
            text = f"http://[{one}]/" if ":" in one else f"http://{one}/"
            if urls.check(text, schemes=("http",), ports=(80,), local=False):
                raise httpcore.ConnectError("refused")
        self.world.dialled.append((found[0], port))
        raise httpcore.ConnectError("it was good")


def by_library(world: World, url: str) -> bool:
    """Whether the library alone dials."""

    async def go() -> None:
        async with AsyncSafeTransport(
            policy=egress._PUBLIC, resolver=world.lookup, verify=egress._tls(), trust_env=False
        ) as transport:
            await transport.handle_async_request(httpx.Request("GET", url, extensions={"timeout": {"connect": 2.0}}))

    return dials(world, go)


def by_ourselves(world: World, url: str) -> bool:
    """Whether `urls` and the oracle alone dial."""
    if urls.check(url, schemes=("http", "https"), ports=(80, 443), local=False):
        return False

    async def go() -> None:
        transport = httpx.AsyncHTTPTransport(trust_env=False)
        transport._pool._network_backend = Oracle(world)
        async with transport:
            await transport.handle_async_request(httpx.Request("GET", url, extensions={"timeout": {"connect": 2.0}}))

    return dials(world, go)


def dials(world: World, go: Callable[[], Any]) -> bool:
    world.asked.clear()
    world.dialled.clear()
    try:
        asyncio.run(go())
    except Exception:  # noqa: BLE001  whatever it raises, it has dialled or not
        return bool(world.dialled)
    return bool(world.dialled)


@pytest.mark.parametrize("url", [*(url for _, url in HOSTILE), *(f"http://{name}/" for name in BY_NAME), *LEGITIMATE])
def test_two_judges_agree_or_the_difference_is_listed(world: World, url: str) -> None:
    library = by_library(world, url)
    assert not world.inward()
    ours = by_ourselves(world, url)
    assert not world.inward()
    assert (library != ours) == (url in DIFFER), (library, ours)
    assert not (ours and not library)


def test_at_least_sixteen_of_seventeen_legitimate_addresses_pass(world: World) -> None:
    out = Egress(local=False, lookup=world.lookup)
    refused = []
    for url in LEGITIMATE:
        try:
            assert out.fetch(url, hosts=None, seconds=5) == PNG
        except ProviderError:
            refused.append(url)
    assert len(LEGITIMATE) >= 17
    assert refused == list(SLACK)


# ---------------------------------------------------------------------------------------------------------- rebinding

ANSWERS = [[PUBLIC], ["127.0.0.1"], ["169.254.169.254"]]


@pytest.fixture
def wires(web: ThreadingHTTPServer, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """Every address that a socket of this process is told to connect to; all of them lead to the web server, which
    swears to be who was called."""
    dialled: list[tuple[str, int]] = []
    connect, peer = socket.socket.connect, socket.socket.getpeername
    called: dict[int, tuple[str, int]] = {}

    def dial(self: socket.socket, address: Any) -> None:
        if address[1] == web.server_port:  # what is meant, not what is tried
            raise AssertionError("only by redirection")
        dialled.append((address[0], address[1]))
        called[self.fileno()] = (address[0], address[1])
        connect(self, ("127.0.0.1", web.server_port))

    monkeypatch.setattr(socket.socket, "connect", dial)
    monkeypatch.setattr(socket.socket, "getpeername", lambda self: called.get(self.fileno()) or peer(self))
    web.served = []  # type: ignore[attr-defined]
    return dialled


@pytest.mark.parametrize("turn", range(3))
def test_a_server_that_answers_three_ways_is_dialled_where_it_was_judged(
    wires: list[tuple[str, int]], turn: int
) -> None:
    given: list[list[str]] = []

    def lookup(host: str, port: int, *_: int) -> Any:
        given.append(ANSWERS[(turn + len(given)) % 3])
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port)) for one in given[-1]]

    out, good = Egress(local=False, lookup=lookup), 0
    for _ in range(6):
        before, looked = len(wires), len(given)
        try:
            assert out.fetch("http://rebind.example/", hosts=None, seconds=5) == PNG
        except ProviderError:
            assert len(wires) == before
        else:
            good += 1
            assert wires[before:] == [(PUBLIC, 80)]
        assert len(given) == looked + 1  # one lookup for one connection: there is no second to be changed
    assert good == 2
    assert set(wires) == {(PUBLIC, 80)}


def test_each_hop_is_looked_up_again_and_judged_again(wires: list[tuple[str, int]]) -> None:
    asked: list[str] = []

    def lookup(host: str, port: int, *_: int) -> Any:
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ANSWERS[len(asked) - 1][0], port))]

    with pytest.raises(ProviderError):
        Egress(local=False, lookup=lookup).fetch("http://rebind.example/to?/again", hosts=None, seconds=5)
    assert (asked, wires) == (["rebind.example"] * 2, [(PUBLIC, 80)])
