"""SSRF: hostile addresses against each way out, in a world where names resolve to whatever the attacker likes.

Names come from a table; numbers are parsed by the real C library; `connect` is recorded, and leads to one web server on
loopback whatever address was dialled. An address is *reached* when it is dialled at all, so a bare probe counts too.
"""

import ipaddress
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import anyio
import pytest
import ssrfguard.httpx
from hypothesis import example, given
from hypothesis import strategies as st

from packshot import egress, urls
from packshot.egress import Egress
from packshot.errors import ProviderError
from packshot.wire import Request

PUBLIC, PUBLIC_6 = "93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c"
VERIFY_PEER = ssrfguard.httpx._verify_peer
PNG = b"\x89PNG\r\n\x1a\n" + b"x" * 50

BY_TEXT = {
    "v4 literals": """
        http://127.0.0.1/ http://127.0.0.2/ http://127.255.255.254/ http://0.0.0.0/ http://0.1.2.3/ http://10.0.0.1/
        http://10.255.255.255/ http://172.16.0.1/ http://172.31.255.255/ http://192.168.0.1/ http://100.64.0.1/
        http://100.127.255.254/ http://198.18.0.1/ http://192.0.0.1/ http://192.0.2.1/ http://198.51.100.1/
        http://203.0.113.1/ http://224.0.0.1/ http://239.255.255.250/ http://240.0.0.1/ http://255.255.255.255/
    """,
    "metadata": """
        http://169.254.169.254/latest/meta-data/ https://169.254.169.254/ http://169.254.170.2/v2/credentials
        http://100.100.100.200/ http://192.0.0.192/ http://168.63.129.16/ http://[fd00:ec2::254]/
        http://metadata.google.internal/ http://metadata/ http://instance-data.ec2.internal/ http://169.254.169.254./
    """,
    "Lambda's runtime": """
        http://127.0.0.1:9001/2018-06-01/runtime/invocation/next http://169.254.100.1:9001/ http://localhost:9001/
        http://[::1]:9001/ http://127.0.0.1:4566/ http://127.1:9001/
    """,
    "localhost names": """
        http://localhost/ http://LOCALHOST/ http://localhost./ http://localhost.localdomain/ http://a.localhost/
        http://localhost6/ http://ip6-localhost/ http://printer.local/ http://db.internal/ http://router.lan/
        http://intranet/ http://1.0.0.127.in-addr.arpa/
    """,
    "numbers in disguise": """
        http://2130706433/ http://017700000001/ http://0x7f000001/ http://0x7F000001/ http://0x7f.0.0.1/
        http://0x7f.1/ http://0177.0.0.1/ http://0177.1/ http://127.1/ http://127.0.1/ http://127.0.0.01/
        http://127.0.0.1./ http://0/ http://0x0/ http://00.0.0.0/ http://169.16689662/ http://2852039166/
        http://0251.0376.0251.0376/ http://0xa9fea9fe/ http://1.2.3.4.5/ http://256.1.1.1/ http://4294967297/
        http://93.184.215.014/
    """,
    "unicode hosts": """
        http://①②⑦.⓪.⓪.①/ http://１２７.０.０.１/ http://127。0。0。1/ http://ⓁⓄⒸⒶⓁⒽⓄⓈⓉ/ http://ｌｏｃａｌｈｏｓｔ/
        http://loc\u00adalhost/ http://local\u200dhost.example/ http://１６９.254.169.254/ http://exａmple.com/
        http://faß.example/ http://a⒈com/
    """,
    "v6 literals": """
        http://[::1]/ http://[::]/ http://[0:0:0:0:0:0:0:1]/ http://[fe80::1]/ http://[fe80::1%25eth0]/ http://[fc00::1]/
        http://[fd12:3456::1]/ http://[fec0::1]/ http://[ff02::1]/ http://[2001:db8::1]/ http://[100::1]/ http://[5f00::1]/
        http://[3fff::1]/
    """,
    "v4 inside v6": """
        http://[::ffff:127.0.0.1]/ http://[::ffff:7f00:1]/ http://[::ffff:a9fe:a9fe]/ http://[::ffff:10.0.0.1]/
        http://[::127.0.0.1]/ http://[::7f00:1]/ http://[64:ff9b::7f00:1]/ http://[64:ff9b::169.254.169.254]/
        http://[64:ff9b:1::7f00:1]/ http://[2002:7f00:1::]/ http://[2002:a9fe:a9fe::1]/
        http://[2001:0:7f00:1::80ff:fffe]/ http://[::ffff:0:127.0.0.1]/ http://[::ffff:0:7f00:1]/
        http://[::ffff:127.0.0.1]:8650/ http://[::ffff:168.63.129.16]/
    """,
    "userinfo and parsers": r"""
        http://good.example@127.0.0.1/ http://good.example:pass@127.0.0.1/ http://@127.0.0.1/
        http://user@good.example/ http://user:pass@good.example/ http://127.0.0.1@good.example/ http://good.example/\a
        http://good.example%40127.0.0.1/
        http://127.0.0.1\@good.example/ http://good.example\@127.0.0.1/ http://127.0.0.1\.good.example/
        http:\\127.0.0.1/
        http:///127.0.0.1/ http:/127.0.0.1/ http:127.0.0.1 http://good.example:80@127.0.0.1:80/ http://[127.0.0.1]/
        http://[::1/ http://::1/ http://%31%32%37.0.0.1/ http://127.0.0.1%2f.good.example/ http://good_host.example/
        http://-good.example/ http://good..example/ http://.good.example/ http://good.example:/ http://good.example:99999/
        http://good.example:-1/ http://good.example:8o/ //127.0.0.1/ http://127.0.0.1:80:80/ http://?@127.0.0.1/
    """,
    "schemes": """
        file:///etc/passwd ftp://good.example/ gopher://good.example:80/ dict://good.example/ ldap://good.example/
        data:image/png;base64,AAAA javascript:alert(1) unix:///var/run/docker.sock jar:http://good.example!/ ws://good.example/
    """,
    "ports": """
        http://good.example:22/ http://good.example:25/ http://good.example:6379/ http://good.example:8125/
        http://good.example:8080/ http://good.example:8650/ http://good.example:0/ https://good.example:9001/
    """,
}
CONTROL = [
    "http://good.example/\r\nHost: 127.0.0.1", "http://127.0.0.1\t/", "http://127.0.\n0.1/", "http://good.example\x00.evil/",
    " http://127.0.0.1/", "http://good.example/\u2028", "http://good.example/\x7f", "http://" + "a" * 254 + ".example/",
    "http://good.example/" + "a" * 2048, "", "http://", "http:///", "good.example",
]  # fmt: skip
HOSTILE = [(group, url) for group, lines in BY_TEXT.items() for url in lines.split()] + [
    ("odd", url) for url in CONTROL
]

NAMES: dict[str, list[list[str]]] = {
    "good.example": [[PUBLIC]],
    "api.good.example": [[PUBLIC]],
    "both.example": [[PUBLIC_6, PUBLIC]],
    "xn--bcher-kva.example": [[PUBLIC]],
    "inward.example": [["127.0.0.1"]],
    "metadata.example": [["169.254.169.254"]],
    "private.example": [["10.1.2.3"]],
    "azure.example": [["168.63.129.16"]],
    "six.example": [["::1"]],
    "mapped.example": [["::ffff:127.0.0.1"]],
    "siit.example": [["::ffff:0:127.0.0.1"]],
    "nat64.example": [["64:ff9b::7f00:1"]],
    "mixed.example": [[PUBLIC, "127.0.0.1"]],
    "mixed6.example": [[PUBLIC, "::1"]],
    "rebind.example": [["127.0.0.1"], [PUBLIC]],
    "rebind2.example": [[PUBLIC], ["127.0.0.1"], ["127.0.0.1"]],
    "127.0.0.1.nip.example": [["127.0.0.1"]],
}
BY_NAME = [name for name, answers in NAMES.items() if answers[0][0] not in (PUBLIC, PUBLIC_6) or len(answers[0]) > 1]
BY_NAME.remove("both.example")


class World:
    """What was looked up and what was dialled."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.dialled: list[tuple[str, int]] = []
        self.served: list[str] = []

    def lookup(self, host: str, port: int, *rest: int) -> Any:
        self.asked.append(host)
        answers = NAMES.get(host.rstrip("."))
        if answers is None:
            return socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM, 0, socket.AI_NUMERICHOST)
        found = answers[min(self.asked.count(host), len(answers)) - 1]
        return [
            (socket.AF_INET6, socket.SOCK_STREAM, 6, "", (one, port, 0, 0))
            if ":" in one
            else (socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port))
            for one in found
        ]

    def inward(self) -> list[tuple[str, int]]:
        return [one for one in self.dialled if one[0] not in (PUBLIC, PUBLIC_6) or one[1] not in (80, 443)]


class Web(BaseHTTPRequestHandler):
    """A picture for every path, but `/to?<address>` redirects there."""

    def do_GET(self) -> None:
        path, _, target = self.path.partition("?")
        self.server.served.append(self.path)  # type: ignore[attr-defined]
        self.send_response(302 if path == "/to" else 200)
        if path == "/to":
            self.send_header("location", target)
        self.send_header("content-length", str(len(PNG)))
        self.end_headers()
        self.wfile.write(PNG)

    do_POST = do_GET  # noqa: N815

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(scope="module")
def web() -> Iterator[ThreadingHTTPServer]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Web)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def world(web: ThreadingHTTPServer, monkeypatch: pytest.MonkeyPatch) -> World:
    world, connect = World(), anyio.connect_tcp

    async def dial(remote_host: Any, remote_port: int, **_: Any) -> Any:
        world.dialled.append((str(remote_host), remote_port))
        return await connect("127.0.0.1", web.server_port)

    web.served = world.served  # type: ignore[attr-defined]
    monkeypatch.setattr(anyio, "connect_tcp", dial)
    monkeypatch.setattr(ssrfguard.httpx, "_verify_peer", lambda *_: None)
    for name in ("AWS_EXECUTION_ENV", "AWS_LAMBDA_RUNTIME_API"):
        monkeypatch.delenv(name, raising=False)
    return world


def every_way_out(world: World, url: str, *, local: bool) -> int:
    """Try an address as a picture, a provider's output, a callback and a provider's API; how often it was refused."""
    out = Egress(local=local, lookup=world.lookup)
    hosts = ("*.example", "127.0.0.1", "localhost", "::1", "169.254.169.254")
    refused = 0
    for act in (
        lambda: out.fetch(url, hosts=None, seconds=2),
        lambda: out.fetch(url, hosts=hosts, seconds=2),
        lambda: out.post(url, {}, b"{}", seconds=2),
        lambda: out.send(Request("POST", url), hosts=hosts, seconds=2, max_bytes=9),
    ):
        try:
            act()
        except ProviderError:
            refused += 1
    return refused


def test_the_corpus_is_large() -> None:
    assert len(HOSTILE) + len(BY_NAME) >= 160
    assert len({url for _, url in HOSTILE}) == len(HOSTILE)


@pytest.mark.parametrize("local", [False, True])
@pytest.mark.parametrize(
    ("group", "url"), HOSTILE, ids=[f"{group}-{number}" for number, (group, _) in enumerate(HOSTILE)]
)
def test_a_hostile_address_is_refused_by_its_text(world: World, group: str, url: str, local: bool) -> None:
    assert urls.check(url, schemes=("http", "https"), ports=(80, 443), local=local)
    assert every_way_out(world, url, local=local) == 4
    assert (world.asked, world.dialled) == ([], [])


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("local", [False, True])
@pytest.mark.parametrize("name", BY_NAME)
def test_a_name_that_points_inward_is_not_dialled(world: World, name: str, local: bool, scheme: str) -> None:
    every_way_out(world, f"{scheme}://{name}/", local=local)
    assert world.inward() == []


@pytest.mark.parametrize(
    ("local", "url"),
    [(False, f"http://{host}:{port}/") for host in ("127.0.0.1", "localhost") for port in (8600, 8650, 8699)]
    + [(True, f"http://{host}:{port}/") for host in ("127.0.0.1", "localhost") for port in (80, 443, 8599, 8700, 9001)],
)
def test_only_local_mode_opens_this_machine_and_only_its_ports(world: World, local: bool, url: str) -> None:
    assert every_way_out(world, url, local=local) == 4
    assert world.dialled == []


@pytest.mark.parametrize("local", [False, True])
@pytest.mark.parametrize(
    "target",
    [url for group, url in HOSTILE if group not in ("odd", "schemes") and re.match("http://[^/?]", url)][::3]
    + [f"http://{name}/" for name in BY_NAME]
    + ["file:///etc/passwd", "//127.0.0.1/", "//127.0.0.1:9001/", "gopher://127.0.0.1:80/"],
)
def test_a_redirect_inward_is_not_followed(world: World, target: str, local: bool) -> None:
    if not target.isascii() or "\\" in target:
        target = "http://127.0.0.1/"
    with pytest.raises(ProviderError):
        Egress(local=local, lookup=world.lookup).fetch(f"http://good.example/to?{target}", hosts=None, seconds=5)
    assert world.inward() == []
    assert len(world.dialled) >= 1


def test_what_was_judged_is_dialled(world: World) -> None:
    out = Egress(local=False, lookup=world.lookup)
    assert out.fetch("http://rebind2.example/", hosts=None) == PNG
    assert world.asked == ["rebind2.example"]
    assert world.dialled == [(PUBLIC, 80)]
    with pytest.raises(ProviderError):
        out.fetch("http://rebind2.example/", hosts=None)
    assert len(world.dialled) == 1


def test_the_peer_is_checked_after_connecting(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ssrfguard.httpx, "_verify_peer", VERIFY_PEER)  # and now loopback answers for a public address
    with pytest.raises(ProviderError):
        Egress(local=False, lookup=world.lookup).fetch("http://good.example/", hosts=None)
    assert world.served == []


@pytest.mark.parametrize(
    ("url", "dialled"),
    [
        ("http://good.example/", (PUBLIC, 80)),
        ("http://good.example:80/a%20b?c=d&e=%00#f", (PUBLIC, 80)),
        ("HTTP://GOOD.EXAMPLE/", (PUBLIC, 80)),
        ("http://good.example./", (PUBLIC, 80)),
        ("http://api.good.example/@127.0.0.1/", (PUBLIC, 80)),
        ("http://good.example/?u=http://127.0.0.1/", (PUBLIC, 80)),
        ("http://good.example?@127.0.0.1", (PUBLIC, 80)),
        ("http://good.example#@127.0.0.1", (PUBLIC, 80)),
        ("http://both.example/", (PUBLIC_6, 80)),
        ("http://bücher.example/ü.png", (PUBLIC, 80)),
        ("http://xn--bcher-kva.example/", (PUBLIC, 80)),
        (f"http://{PUBLIC}/", (PUBLIC, 80)),
        (f"http://[{PUBLIC_6}]/", (PUBLIC_6, 80)),
        ("http://good.example/to?http://good.example/", (PUBLIC, 80)),
        ("http://good.example/to?/there", (PUBLIC, 80)),
        ("http://good.example/to?//good.example/", (PUBLIC, 80)),
    ],
)
def test_legitimate_pictures_arrive(world: World, url: str, dialled: tuple[str, int]) -> None:
    assert urls.check(url, schemes=("http", "https"), ports=(80, 443), local=False) is None
    assert Egress(local=False, lookup=world.lookup).fetch(url, hosts=None, seconds=5) == PNG
    assert set(world.dialled) == {dialled}


def test_https_is_dialled_on_443_and_never_falls_back(world: World) -> None:
    assert every_way_out(world, "https://good.example/", local=False) == 4
    assert world.dialled == [(PUBLIC, 443)] * 4
    assert world.served == []


@pytest.mark.parametrize(("target", "ends"), [
    ("http://good.example/", 1), ("https://good.example/2", 2), ("//good.example/2", 2), ("/2", 2),
])  # fmt: skip
def test_a_redirect_never_leaves_https(monkeypatch: pytest.MonkeyPatch, target: str, ends: int) -> None:
    visited: list[str] = []

    def run(_: Egress, method: str, url: str, *rest: Any) -> bytes | str:
        visited.append(url)
        return target if len(visited) == 1 else PNG

    monkeypatch.setattr(Egress, "_run", run)
    with suppress(ProviderError):
        assert Egress(local=False).fetch("https://good.example/1", hosts=None) == PNG
    assert visited == ["https://good.example/1", "https://good.example/2"][:ends]


EDGES = [
    address
    for block in egress._PUBLIC.denied_networks.blocks
    for address in (block.network[0], block.network[-1])
]  # fmt: skip


@pytest.mark.parametrize("address", EDGES, ids=str)
def test_the_text_check_is_never_laxer_than_the_table(address: Any) -> None:
    judge(address)


@given(st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6), st.integers(0, 2**32 - 1).map(
    lambda number: ipaddress.IPv6Address((0x64FF9B << 96) | number))))  # fmt: skip
@example(ipaddress.ip_address("168.63.129.16"))
@example(ipaddress.ip_address("::ffff:0:8.8.8.8"))
def test_nor_for_any_other_address(address: Any) -> None:
    judge(address)


def judge(address: Any) -> None:
    host = f"[{address}]" if address.version == 6 else str(address)
    by_text = urls.check(f"http://{host}/", schemes=("http",), ports=(80,), local=False)
    assert by_text or egress._PUBLIC.permits_address(address)


@given(st.text(max_size=60))
@example("http://[::ffff:1.2.3.4]x/")
def test_no_text_breaks_the_check_and_two_parsers_agree_on_what_passes(text: str) -> None:
    for url in (text, f"http://{text}/", f"http://good.example{text}"):
        if urls.check(url, schemes=("http", "https"), ports=(80, 443), local=False) is None:
            with suppress(ProviderError):
                Egress(local=False, lookup=lambda *_: []).send(
                    Request("GET", url), hosts=(urls.host_of(url),), seconds=1, max_bytes=1
                )
