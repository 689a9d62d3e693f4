"""Servers that drip, swell, lie and never end, against every way out: cut off in time, in little memory.

The client runs in a process of its own, so that its memory is not the servers'.
"""

import gzip
import json
import os
import socket
import subprocess
import sys
import zlib
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from packshot import egress
from tests.unit.test_egress import CHUNKED, PNG, answer, drip, flood, serving

pytestmark = pytest.mark.sweep

ROOT = Path(__file__).parents[2]
SECONDS, GRACE, MOST_MB = 1.0, 0.5, 64
WAYS = ("input", "output", "send", "post")
OK = b"HTTP/1.1 200 OK\r\n"

SWOLLEN = gzip.compress(bytes(300_000_000), 1)
DEFLATED = zlib.compress(bytes(100_000_000), 1)


def forever(head: bytes, again: bytes) -> Callable[[socket.socket, bytes], None]:
    def behave(peer: socket.socket, _: bytes) -> None:
        peer.sendall(head)
        while True:
            peer.sendall(again)

    return behave


SLOW: dict[str, Any] = {
    "a body by the byte": drip(OK + b"content-length: 900\r\n\r\n"),
    "a header by the byte": drip(OK + b"x-slow: "),
    "headers by the line": drip(OK, b"x-slow: 1\r\n"),
    "a status by the byte": drip(b"", b"H"),
    "chunks by the byte": drip(CHUNKED, b"1\r\nx\r\n"),
    "a chunk's length by the byte": drip(CHUNKED, b"0"),
    "a trailer by the byte": drip(CHUNKED + b"0\r\nx: ", b"y"),
    "promises": drip(OK.replace(b"200 OK", b"100 Continue") + b"\r\n", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "silence": drip(b"", b""),
    "a body that stops": drip(OK + b"content-length: 900\r\n\r\nxxx", b""),
}
LARGE: dict[str, Any] = {
    "gzip, said so": answer(200, SWOLLEN, "content-encoding: gzip"),
    "deflate, said so": answer(200, DEFLATED, "content-encoding: deflate"),
    "gzip as a transfer": OK + b"transfer-encoding: gzip, chunked\r\n\r\n" + b"%x\r\n" % len(SWOLLEN) + SWOLLEN,
    "gzip, not said": answer(200, SWOLLEN),
    "chunks without an end": flood,
    "a body without an end": forever(OK + b"\r\n" + PNG, b"x" * 65536),
    "a chunk of 2**60": forever(CHUNKED + b"1000000000000000\r\n", b"x" * 65536),
    "headers without an end": forever(OK, b"x: " + b"y" * 1000 + b"\r\n"),
    "a header without an end": forever(OK + b"x: ", b"y" * 65536),
    "trailers without an end": forever(CHUNKED + b"0\r\n", b"x: " + b"y" * 1000 + b"\r\n"),
    "a chunk's extension without an end": forever(CHUNKED + b"1;", b"x" * 65536),
    "100 after 100": forever(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 500),
    "a length of 10**12": forever(OK + b"content-length: 1000000000000\r\n\r\n", b"x" * 65536),
}
LYING: dict[str, Any] = {
    "more promised than sent": answer(200, PNG, length=1000),
    "two lengths": answer(200, PNG, "content-length: 7"),
    "a length and chunks": answer(200, PNG, "transfer-encoding: chunked"),
    "a length below nothing": OK + b"content-length: -5\r\n\r\n" + PNG,
    "a length in words": OK + b"content-length: ten\r\n\r\n" + PNG,
    "a length of many digits": OK + b"content-length: " + b"9" * 5000 + b"\r\n\r\n",
    "a chunk shorter than it says": CHUNKED + b"ff\r\nx\r\n0\r\n\r\n",
    "a chunk of less than nothing": CHUNKED + b"-1\r\nx\r\n0\r\n\r\n",
    "not http": b"SSH-2.0-OpenSSH_9\r\n",
    "http 0.9": PNG * 9,
    "nothing": b"",
}
ALL = {**SLOW, **LARGE, **LYING}


@pytest.fixture(scope="module")
def reports() -> list[dict[str, Any]]:
    ours = str(Path(egress.__file__).parents[1])
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    environment["PYTHONPATH"] = os.pathsep.join([ours, str(ROOT)])
    with ExitStack() as stack:
        servers = {name: stack.enter_context(serving(behave)) for name, behave in ALL.items()}
        tasks = [(name, way, server.url, SECONDS) for name, server in servers.items() for way in WAYS]
        done = subprocess.run(
            [sys.executable, "-m", "tests.security.thirst", json.dumps(tasks)],
            cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=600,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_no_server_holds_us_longer_than_the_deadline(reports: list[dict[str, Any]]) -> None:
    longest = max(reports, key=lambda one: one["seconds"])
    print(f"{len(reports)} exchanges, at most {longest['seconds']:.2f} s: {longest['name']}, {longest['way']}")
    assert len(reports) == len(ALL) * len(WAYS)
    assert longest["seconds"] <= SECONDS + GRACE, longest


def test_no_server_fills_our_memory(reports: list[dict[str, Any]]) -> None:
    most = max(reports, key=lambda one: one["mb"])
    print(f"{len(reports)} exchanges, at most {most['mb']} MB more: {most['name']}, {most['way']}")
    assert most["mb"] < MOST_MB, most


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", ALL)
def test_nothing_usable_comes_of_it(reports: list[dict[str, Any]], name: str, way: str) -> None:
    came = next(one["came"] for one in reports if (one["name"], one["way"]) == (name, way))
    if way == "post" and came == "posted 200":
        return  # a receiver is believed its status, whatever it says after that
    if (name, way) == ("gzip, not said", "send"):
        assert came == f"answer 200 {len(SWOLLEN)}"  # bytes are bytes: nobody unpacks them
        return
    if name in SLOW:
        assert came in ("url_timeout", "NoAnswer timeout")
    else:
        assert came in (
            "url_too_large", "url_unreachable", "url_timeout", "url_not_a_picture",
            "NoAnswer too_large", "NoAnswer broken", "NoAnswer timeout",
        )  # fmt: skip
