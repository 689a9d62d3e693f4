"""What simulators send: signed webhooks with a few retries, and fetches of input pictures."""

import base64
import hashlib
import hmac
import time
import urllib.request
from datetime import UTC, datetime
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlsplit

from simulators.world import World

MAX_INPUT = 30_000_000
LOOPBACK = ("127.0.0.1", "localhost", "::1")


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        """Redirects are not followed."""


_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _Stay)


def stamp(when: float | None) -> str | None:
    """A moment as providers write it."""
    return datetime.fromtimestamp(when, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z") if when else None


def fetch(url: str) -> bytes:
    """An input picture, from the web or out of a data URI. Raises OSError."""
    if url.startswith("data:"):
        return base64.b64decode(url.partition(",")[2])
    with _opener.open(urllib.request.Request(url, headers={"user-agent": "simulator"}), timeout=10) as response:
        data: bytes = response.read(MAX_INPUT)
    return data


def may_call(url: object) -> bool:
    """Whether a webhook may go there: https, or plain http to this machine."""
    if not isinstance(url, str):
        return False
    parts = urlsplit(url)
    return bool(parts.hostname) and (parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK))


def sign(secret: str, number: str, when: int, body: bytes) -> str:
    """The `webhook-signature` of Standard Webhooks."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = hmac.new(key, f"{number}.{when}.".encode() + body, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(signed).decode()}"


def post_signed(world: World, url: str, body: bytes, number: str, secret: str, *, about: str, age: int = 0,
                pause: float = 0.0, tries: int = 0) -> None:  # fmt: skip
    """Deliver a webhook after `pause` seconds, dated `age` seconds back; repeat while the answer is not 2xx."""

    def deliver() -> None:
        when = int(time.time()) - age
        headers = {"content-type": "application/json", "user-agent": "simulator", "webhook-id": number,
                   "webhook-timestamp": str(when), "webhook-signature": sign(secret, number, when, body)}  # fmt: skip
        status: int | str
        try:
            with _opener.open(urllib.request.Request(url, body, headers, method="POST"), timeout=10) as response:
                status = response.status
        except HTTPError as error:
            status = error.code
        except (OSError, ValueError) as error:
            status = type(error).__name__
        entry = {"at": time.time(), "id": number, "about": about, "url": url, "status": status, "body": body.decode()}
        world.note(world.webhooks, entry)
        retries = world.settings["retries"]
        if not (isinstance(status, int) and 200 <= status < 300) and tries < len(retries):
            post_signed(world, url, body, number, secret, about=about, age=age, pause=retries[tries], tries=tries + 1)

    world.later(pause, deliver)
