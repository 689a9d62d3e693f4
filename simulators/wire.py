"""The one way out of the simulators: webhooks, and fetches of input pictures."""

import base64
import urllib.request
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlsplit

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


def post(url: str, headers: Mapping[str, str], body: bytes) -> int | str:
    """POST once; the status, or the name of what went wrong."""
    try:
        with _opener.open(urllib.request.Request(url, body, dict(headers), method="POST"), timeout=10) as response:
            return int(response.status)
    except HTTPError as error:
        return error.code
    except (OSError, ValueError) as error:
        return type(error).__name__
