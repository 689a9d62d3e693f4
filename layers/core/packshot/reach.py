"""What `egress` asks before it goes out: who is it, where are we, and for how long may a lookup take."""

import socket
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from email.utils import parsedate_to_datetime
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

LOOKUP_SECONDS = 3.0

Answer = tuple[int, int, int, str, tuple[Any, ...]]
Lookup = Callable[..., Iterable[Answer]]
"""`socket.getaddrinfo`, or a stand-in."""


def bounded(lookup: Lookup, until: float) -> Lookup:
    """A lookup that gives up in time: `getaddrinfo` knows no deadline, so it runs in a thread that nobody waits for."""

    def resolve(host: str, port: int, *rest: int) -> list[Answer]:
        if host == "localhost":  # local mode only, and never whatever else the hosts file says
            host = "127.0.0.1"
        found: list[Answer] = []

        def look() -> None:
            with suppress(OSError, UnicodeError):
                found.extend(lookup(host, port, *rest))

        thread = threading.Thread(target=look, daemon=True)
        thread.start()
        thread.join(max(0.0, min(LOOKUP_SECONDS, until - time.monotonic())))
        if thread.is_alive() or not found:
            raise socket.gaierror(socket.EAI_AGAIN, "no address in time")
        return found

    return resolve


def matches(host: str, pattern: str) -> bool:
    """Whether a host is the pattern, or below it when the pattern is `*.suffix`."""
    return host.endswith(pattern[1:]) if pattern.startswith("*.") else host == pattern


def in_aws(env: Mapping[str, str]) -> bool:
    """Lambda's variables with an AWS endpoint that is not this machine's: an emulator sets the variables too."""
    if not (env.get("AWS_EXECUTION_ENV", "").startswith("AWS_Lambda") or env.get("AWS_LAMBDA_RUNTIME_API")):
        return False
    host = urlsplit(env.get("AWS_ENDPOINT_URL", "")).hostname or ""
    try:
        return host != "localhost" and not ip_address(host).is_loopback
    except ValueError:
        return True


def retry_after(text: str) -> int | None:
    """`Retry-After`: a number of seconds, or a date."""
    if text.isascii() and text.isdecimal():
        return int(text[:9])
    try:
        return max(0, round(parsedate_to_datetime(text).timestamp() - time.time()))
    except (ValueError, OverflowError):
        return None
