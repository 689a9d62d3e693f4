"""Egress against servers that misbehave: deadlines hold, byte counts hold, and errors say only what they may."""

import asyncio
import errno
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest

from packshot import egress, reach, urls
from packshot.egress import Egress, FetchFailed, NoAnswer, NotSent, Posted
from packshot.errors import ProviderError
from packshot.wire import Request

PNG = b"\x89PNG\r\n\x1a\n" + b"x" * 100
HERE = ("127.0.0.1",)
Behaviour = Callable[[socket.socket, bytes], None]


class Server:
    """A server on one of the ports that local mode opens, which answers each connection as it is told."""

    def __init__(self, behave: Behaviour) -> None:
        self.requests: list[bytes] = []
        self.behave = behave
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        for port in range(8650, 8700):
            with suppress(OSError):
                self.socket.bind(("127.0.0.1", port))
                break
        self.port = self.socket.getsockname()[1]
        assert self.port in urls.LOCAL_PORTS
        self.socket.listen(20)
        threading.Thread(target=self.accept, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/picture.png"

    def accept(self) -> None:
        while True:
            try:
                peer, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self.talk, args=(peer,), daemon=True).start()

    def talk(self, peer: socket.socket) -> None:
        with peer, suppress(OSError):
            peer.settimeout(10)
            request = b""
            while b"\r\n\r\n" not in request or (
                b"\r\ncontent-length: 2\r\n" in request.lower() and request[-2:] != b"{}"
            ):
                request += peer.recv(65536)
            self.requests.append(request)
            self.behave(peer, request)


@contextmanager
def serving(behave: Behaviour | bytes) -> Iterator[Server]:
    server = Server(behave if callable(behave) else lambda peer, _: peer.sendall(behave))
    try:
        yield server
    finally:
        server.socket.shutdown(socket.SHUT_RDWR)  # wakes `accept`; closing alone would leave the port taken
        server.socket.close()


def answer(status: int = 200, body: bytes = b"", *headers: str, length: int | None = None) -> bytes:
    lines = [f"HTTP/1.1 {status} Whatever", f"content-length: {len(body) if length is None else length}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def drip(head: bytes, drop: bytes = b"x", every: float = 0.05) -> Behaviour:
    def behave(peer: socket.socket, _: bytes) -> None:
        peer.sendall(head)
        while True:
            time.sleep(every)
            peer.sendall(drop)

    return behave


@pytest.fixture
def local(monkeypatch: pytest.MonkeyPatch) -> Egress:
    for name in ("AWS_EXECUTION_ENV", "AWS_LAMBDA_RUNTIME_API"):
        monkeypatch.delenv(name, raising=False)
    return Egress(local=True)


def send(egress: Egress, url: str, seconds: float = 5, max_bytes: int = 1000, **given: Any) -> Any:
    return egress.send(Request("POST", url, **given), hosts=HERE, seconds=seconds, max_bytes=max_bytes)


# --- the ordinary case ----------------------------------------------------------------------------------------------


def test_a_request_goes_out_as_described_and_nothing_is_added(local: Egress, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    with serving(answer(201, b'{"ok":1}', "X-Thing: 1", "Set-Cookie: a=b")) as server:
        got = send(local, server.url + "?a=1", headers={"authorization": "Key k"}, body=b"{}", query={"b": "ü&"})
        send(local, server.url)
    assert (got.status, got.json(), got.headers["x-thing"]) == (201, {"ok": 1}, "1")
    head, _, body = server.requests[0].partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    assert first == "POST /picture.png?a=1&b=%C3%BC%26 HTTP/1.1"
    assert body == b"{}"
    assert {line.lower() for line in lines} == {
        f"host: 127.0.0.1:{server.port}", "authorization: key k", "accept-encoding: identity", "connection: close",
        "user-agent: packshot/1", "content-length: 2",
    }  # fmt: skip
    assert b"ookie" not in server.requests[1]


def test_any_status_is_an_answer_and_redirects_are_not_followed(local: Egress) -> None:
    for status in (302, 404, 500):
        with serving(answer(status, b"no", "Location: http://127.0.0.1:9001/")) as server:
            assert send(local, server.url).status == status
            assert len(server.requests) == 1


def test_a_picture_is_fetched(local: Egress) -> None:
    with serving(answer(200, PNG)) as server:
        assert local.fetch(server.url, hosts=None) == PNG
        assert local.fetch(server.url.replace("127.0.0.1", "localhost"), hosts=None) == PNG
        assert local.fetch(server.url, hosts=HERE) == PNG


def test_many_requests_side_by_side(local: Egress) -> None:
    with serving(answer(200, PNG)) as server:
        got: list[bytes] = []
        threads = [threading.Thread(target=lambda: got.append(local.fetch(server.url, hosts=None))) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert got == [PNG] * 8


# --- callbacks ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("said", "understood"), [
    ("120", 120), (" 0 ", 0), ("1" * 50, 111111111), ("-5", None), ("soon", None), ("", None), ("1.5", None),
    ("Wed, 21 Oct 2015 07:28:00 GMT", 0), ("Wed, 99 Foo", None),
])  # fmt: skip
def test_a_callbacks_answer_is_its_status_and_when_to_come_again(
    local: Egress, said: str, understood: int | None
) -> None:
    with serving(answer(503, b"busy", f"Retry-After: {said}")) as server:
        assert local.post(server.url, {"x": "y"}, b"{}") == Posted(503, understood)


def test_retry_after_may_be_a_date(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: 1445412480 - 90)
    assert reach.retry_after("Wed, 21 Oct 2015 07:28:00 GMT") == 90


def test_a_callback_is_not_redirected(local: Egress) -> None:
    with serving(answer(307, b"", "Location: http://127.0.0.1:9001/")) as server:
        assert local.post(server.url, {}, b"{}").status == 307
        assert len(server.requests) == 1


@pytest.mark.parametrize("head", ["content-length: 99999999", "transfer-encoding: chunked", "content-encoding: gzip"])
def test_a_callbacks_endless_answer_costs_nothing(local: Egress, head: str) -> None:
    with serving(drip(f"HTTP/1.1 200 OK\r\n{head}\r\n\r\n".encode(), b"1\r\nx\r\n")) as server:
        began = time.monotonic()
        assert local.post(server.url, {}, b"{}").status == 200
        assert time.monotonic() - began < 1.5


# --- deadlines and byte counts --------------------------------------------------------------------------------------

CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"


@pytest.mark.parametrize("behave", [
    drip(b"HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\n"),
    drip(b"HTTP/1.1 200 OK\r\nx-slow: "),
    drip(b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 100 Continue\r\n\r\n"),
    drip(CHUNKED, b"1\r\nx\r\n"),
    drip(b"", b""),
], ids=["body", "header", "continue", "chunks", "silence"])  # fmt: skip
def test_one_deadline_for_everything(local: Egress, behave: Behaviour) -> None:
    with serving(behave) as server:
        for act, failure in (
            (lambda: send(local, server.url, seconds=0.5), NoAnswer),
            (lambda: local.fetch(server.url, hosts=None, seconds=0.5), FetchFailed),
        ):
            began = time.monotonic()
            with pytest.raises(failure, match=r"timeout|too long"):
                act()
            assert time.monotonic() - began < 1.0


def flood(peer: socket.socket, _: bytes) -> None:
    peer.sendall(CHUNKED)
    while True:
        peer.sendall(b"10000\r\n" + b"x" * 65536 + b"\r\n")


@pytest.mark.parametrize("behave", [answer(200, b"x" * 1001), answer(200, b"", length=10**12), flood],
                         ids=["counted", "declared", "endless"])  # fmt: skip
def test_no_more_bytes_than_allowed(local: Egress, behave: Behaviour | bytes) -> None:
    with serving(behave) as server:
        with pytest.raises(NoAnswer, match="too_large"):
            send(local, server.url)
        with pytest.raises(FetchFailed) as failed:
            local.fetch(server.url, hosts=None, max_bytes=1000)
        assert failed.value.code == "url_too_large"


@pytest.mark.parametrize("lie", [
    answer(200, PNG, length=1000),
    answer(200, PNG, "content-encoding: gzip"),
    answer(200, PNG, "Content-Encoding: br"),
    answer(200, PNG, "content-length: 7"),
    answer(200, PNG, "transfer-encoding: chunked"),
    CHUNKED + b"1\r\nx\r\n",
    b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nx: " + b"y" * 300_000 + b"\r\n\r\n",
    b"SSH-2.0-OpenSSH_9\r\n",
    b"",
])  # fmt: skip
def test_an_answer_that_lies_is_no_answer(local: Egress, lie: bytes) -> None:
    with serving(lie) as server:
        with pytest.raises(NoAnswer, match="broken"):
            send(local, server.url)
        with pytest.raises(FetchFailed) as failed:
            local.fetch(server.url, hosts=None)
        assert failed.value.code == "url_unreachable"


def test_what_is_more_than_declared_is_never_read(local: Egress) -> None:
    with serving(answer(200, b"x" * 900, length=10)) as server:
        assert send(local, server.url).body == b"x" * 10


# --- sent or not ----------------------------------------------------------------------------------------------------


def refuse(peer: socket.socket, _: bytes) -> None:
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")


def test_what_never_connected_was_not_sent_and_what_broke_may_have_been(local: Egress) -> None:
    with serving(refuse) as server:
        with pytest.raises(NoAnswer):
            send(local, server.url)
        url = server.url
    with pytest.raises(NotSent, match="unreachable"):
        send(local, url)


def test_a_plain_server_behind_https_was_not_sent_anything(local: Egress) -> None:
    with serving(b"") as server, pytest.raises(NotSent, match=r"unreachable|timeout"):
        send(local, server.url.replace("http:", "https:"), seconds=1)
    assert not any(b"POST" in request for request in server.requests)


@pytest.mark.parametrize("headers", [{"x": "a\r\nevil: 1"}, {"x y": "1"}, {"x": "\udcff"}])
def test_a_header_that_cannot_be_said_is_not_sent(local: Egress, headers: dict[str, str]) -> None:
    with serving(answer()) as server:
        with pytest.raises(NotSent, match="refused"):
            send(local, server.url, headers=headers)
        assert not server.requests


def test_a_slow_lookup_ends_with_the_deadline_and_was_not_sent() -> None:
    def lookup(*_: Any) -> Any:
        time.sleep(2)
        return []

    began = time.monotonic()
    with pytest.raises(NotSent):
        Egress(local=False, lookup=lookup).send(
            Request("GET", "https://slow.example/"), hosts=("slow.example",), seconds=0.4, max_bytes=1
        )
    assert time.monotonic() - began < 1.0


def test_an_unknown_name_and_a_silent_address_were_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "no such name")

    with pytest.raises(FetchFailed) as failed:
        Egress(local=False, lookup=unknown).fetch("https://none.example/", hosts=None)
    assert failed.value.code == "url_unreachable"

    async def hang(**_: Any) -> Any:
        await asyncio.sleep(30)

    monkeypatch.setattr("anyio.connect_tcp", hang)
    monkeypatch.setattr(egress, "CONNECT_SECONDS", 0.2)
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("93.184.215.14", 443))]
    with pytest.raises(FetchFailed) as failed:
        Egress(local=False, lookup=lambda *_: found).fetch("https://silent.example/", hosts=None)
    assert failed.value.code == "url_timeout"


# --- pictures -------------------------------------------------------------------------------------------------------


def hops(count: int, target: str | None = None) -> Behaviour:
    def behave(peer: socket.socket, request: bytes) -> None:
        done = int(request.split(b" ")[1].rsplit(b"/", 1)[1].strip(b"picture.png") or 0)
        if done < count:
            peer.sendall(answer(302, b"secret text", f"Location: {target or f'/{done + 1}'}"))
        else:
            peer.sendall(answer(200, PNG))

    return behave


def test_three_redirects_and_no_more(local: Egress) -> None:
    with serving(hops(3)) as server:
        assert local.fetch(server.url, hosts=None) == PNG
        assert len(server.requests) == 4
    with serving(hops(4)) as server:
        with pytest.raises(FetchFailed) as failed:
            local.fetch(server.url, hosts=None)
        assert failed.value.code == "url_refused"
        assert len(server.requests) == 4


@pytest.mark.parametrize("target", [
    "http://127.0.0.1:9001/", "http://127.0.0.1:4566/", "http://127.0.0.1/", "http://localhost:8599/",
    "http://[::ffff:127.0.0.1]:8650/", "http://[::1]:8650/", "http://127.1:8650/", "http://2130706433:8650/",
    "http://0.0.0.0:8650/", "http://169.254.169.254/", "http://169.254.169.254:8650/", "http://10.0.0.1:8650/",
    "//169.254.169.254/", "file:///etc/passwd", "gopher://127.0.0.1:8650/", "http://[", "http://a@127.0.0.1:8650/",
])  # fmt: skip
def test_local_mode_opens_nothing_else_even_through_a_redirect(local: Egress, target: str) -> None:
    with serving(hops(1, target)) as server:
        with pytest.raises(FetchFailed) as failed:
            local.fetch(server.url, hosts=None)
        assert failed.value.code == "url_refused"
        assert len(server.requests) == 1


def test_a_name_that_points_to_this_machine_is_refused_even_in_local_mode() -> None:
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 80))]
    for url in ("http://evil.example/", "http://evil.example:8650/"):
        with pytest.raises(FetchFailed) as failed:
            Egress(local=True, lookup=lambda *_: found).fetch(url, hosts=None)
        assert failed.value.code == "url_refused"


@pytest.mark.parametrize(("said", "code"), [
    (answer(404, b"secret"), "url_status"), (answer(204), "url_status"), (answer(206, PNG), "url_status"),
    (answer(302, b""), "url_status"), (answer(200, b"<html>secret"), "url_not_a_picture"),
    (answer(200), "url_not_a_picture"),
])  # fmt: skip
def test_a_failure_has_a_code_and_says_nothing_of_the_upstream(local: Egress, said: bytes, code: str) -> None:
    with serving(said) as server, pytest.raises(FetchFailed) as failed:
        local.fetch(server.url + "?token=secret", hosts=None)
    assert failed.value.code == code
    assert "secret" not in str(failed.value)
    assert "127.0.0.1" not in str(failed.value)
    assert failed.value.status == (int(said[9:12]) if code == "url_status" else None)


def test_every_code_has_its_sentence() -> None:
    for code in egress.FETCH_FAILURES:
        assert str(FetchFailed(code, 404)).endswith(".")
    for error in (NotSent("x"), NoAnswer("x"), FetchFailed("url_timeout")):
        assert isinstance(error, ProviderError)


# --- whom we talk to ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("hosts", "url", "passes"), [
    (("api.fal.ai",), "https://api.fal.ai/x", True),
    (("api.fal.ai",), "https://API.FAL.AI./x", True),
    (("api.fal.ai",), "https://api.fal.ai:443/x", True),
    (("*.fal.media",), "https://v3.fal.media/x", True),
    (("a.example", "*.fal.media"), "https://a.b.fal.media/x", True),
    (("*.fal.media",), "https://fal.media/x", False),
    (("*.fal.media",), "https://evilfal.media/x", False),
    (("*.fal.media",), "https://fal.media.evil.example/x", False),
    (("api.fal.ai",), "https://v3.api.fal.ai/x", False),
    (("api.fal.ai",), "https://evil.example/api.fal.ai", False),
    (("api.fal.ai",), "https://evil.example#api.fal.ai", False),
    (("api.fal.ai",), "https://api.fal.ai@evil.example/", False),
    (("api.fal.ai",), "http://api.fal.ai/x", False),
    (("api.fal.ai",), "https://api.fal.ai:8443/x", False),
    ((), "https://api.fal.ai/x", False),
])  # fmt: skip
def test_a_host_list_is_exact_or_by_suffix(hosts: tuple[str, ...], url: str, passes: bool) -> None:
    dialled: list[str] = []

    def lookup(host: str, *_: Any) -> Any:
        dialled.append(host)
        raise OSError(errno.EIO, "enough")

    world = Egress(local=False, lookup=lookup)
    with pytest.raises(NotSent, match="unreachable" if passes else "refused"):
        world.send(Request("GET", url), hosts=hosts, seconds=2, max_bytes=1)
    with pytest.raises(FetchFailed):
        world.fetch(url, hosts=hosts)
    assert bool(dialled) == passes


def test_callbacks_take_https_on_443_only() -> None:
    world = Egress(local=False, lookup=lambda *_: [])
    for url in ("http://a.example/", "https://a.example:8443/", "https://127.0.0.1:8650/", "ftp://a.example/"):
        with pytest.raises(NotSent, match="refused"):
            world.post(url, {}, b"")
    with pytest.raises(NotSent, match="unreachable"):
        world.post("https://a.example/", {}, b"")


@pytest.mark.parametrize(("env", "allowed"), [
    ({}, True),
    ({"AWS_ENDPOINT_URL": "http://127.0.0.1:4566"}, True),
    ({"AWS_LAMBDA_RUNTIME_API": "127.0.0.1:9001"}, False),
    ({"AWS_EXECUTION_ENV": "AWS_Lambda_python3.13"}, False),
    ({"AWS_LAMBDA_RUNTIME_API": "127.0.0.1:9001", "AWS_ENDPOINT_URL": "http://localhost:4566"}, True),
    ({"AWS_EXECUTION_ENV": "AWS_Lambda_python3.13", "AWS_ENDPOINT_URL": "http://127.0.0.1:4566"}, True),
    ({"AWS_EXECUTION_ENV": "AWS_Lambda_python3.13", "AWS_ENDPOINT_URL": "http://[::1]:4566"}, True),
    ({"AWS_EXECUTION_ENV": "AWS_Lambda_python3.13", "AWS_ENDPOINT_URL": "https://vpce.example"}, False),
    ({"AWS_EXECUTION_ENV": "AWS_Lambda_python3.13", "AWS_ENDPOINT_URL": "http://10.0.0.1"}, False),
    ({"AWS_EXECUTION_ENV": "AWS_Lambda_python3.13", "AWS_ENDPOINT_URL": "nonsense"}, False),
])  # fmt: skip
def test_local_mode_is_refused_in_aws(monkeypatch: pytest.MonkeyPatch, env: dict[str, str], allowed: bool) -> None:
    for name in ("AWS_EXECUTION_ENV", "AWS_LAMBDA_RUNTIME_API", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    Egress(local=False)
    if allowed:
        Egress(local=True)
    else:
        with pytest.raises(RuntimeError, match="refused in AWS"):
            Egress(local=True)
