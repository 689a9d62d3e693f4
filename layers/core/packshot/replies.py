"""What a provider is asked for and what its answers mean, as values; and the readers that every provider's file shares.

A provider's text never leaves its file: whatever a caller may read is one of the sentences here.
"""

import base64
import binascii
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from packshot.brief import Brief
from packshot.job import Failure
from packshot.wire import Request


# --- what is asked ---------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Source:
    """Our own copy of one input: decoded strictly, re-encoded without metadata, `content_type` image/jpeg or image/png.

    `url` is a presigned https address, good for two hours, and empty for a provider that takes bytes.
    """

    url: str
    data: bytes
    content_type: str
    width: int
    height: int

    @property
    def base64(self) -> str:
        """The bytes as base64 text."""
        return base64.b64encode(self.data).decode()


@dataclass(frozen=True, slots=True)
class Shot:
    """What one call asks of a provider: the brief, the words, the provider's own model id, how many images, the inputs
    in the brief's order, the mask in the provider's form, and the final size in pixels.

    `label` names the attempt uniquely and is no secret: where a provider keeps a caller's tag with a request, it goes
    there, so that a request whose answer was lost can be found again.
    """

    brief: Brief
    prompt: str
    model: str
    images: int
    inputs: tuple[Source, ...]
    width: int
    height: int
    seed: int | None
    mask: Source | None = None
    label: str = ""


# --- what comes back -------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Taken:
    """The provider accepted and named the request; `remote` is what polling needs, at most 1,000 characters."""

    remote: str


@dataclass(frozen=True, slots=True)
class Working:
    """Not ready yet."""


@dataclass(frozen=True, slots=True)
class Ready:
    """Results: addresses of pictures."""

    urls: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Made:
    """Results: the pictures themselves, encoded."""

    pictures: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class More:
    """The rest of the answer lies elsewhere: send this too, and read what comes with `read_more`."""

    request: Request


@dataclass(frozen=True, slots=True)
class Look:
    """A message that proves nothing by itself: ask the provider now."""


@dataclass(frozen=True, slots=True)
class No:
    """It will not be made here. `final`: nowhere else either (bad input, refused content)."""

    failure: Failure
    final: bool = False


@dataclass(frozen=True, slots=True)
class Later:
    """Surely no effect upstream; try again after `seconds`. `busy`: the provider said so itself."""

    seconds: int
    busy: bool = True


@dataclass(frozen=True, slots=True)
class Unknown:
    """The answer does not tell whether the request had an effect."""


Reply = Taken | Working | Ready | Made | More | Look | No | Later | Unknown

SAY: Mapping[str, str] = {
    "content_refused": "The provider's content policy refuses this request.",
    "provider_unauthorized": "The provider does not accept our credentials.",
    "provider_quota": "The provider's account is out of credit or over its limit.",
    "provider_model_unknown": "The provider has no model of that name.",
    "provider_invalid_input": "The provider's model does not take this input.",
    "provider_failed": "The provider could not make the picture.",
    "provider_canceled": "The provider ended the request before the picture was made.",
    "provider_empty": "The provider reported success without a picture.",
    "provider_expired": "The provider has already deleted the picture.",
    "provider_lost": "The provider does not know the request any more.",
}
"""Every way in which a provider says no, in our words."""

MAX_RESULTS = 16
MAX_WAIT = 900
"""Seconds: no Retry-After may park a call for longer."""


# --- readers ---------------------------------------------------------------------------------------------------------
def no(code: str) -> No:
    """A refusal by its code (of `SAY`); only refused content is final, another route may do better with the rest."""
    return No(Failure(code, SAY[code]), final=code == "content_refused")


def later(headers: Mapping[str, str], default: int = 30) -> Later:
    """When a busy provider may be asked again: its `retry-after` in whole seconds, 1 to 900, else `default`."""
    wait = headers.get("retry-after", "")
    readable = wait.isascii() and wait.isdecimal() and len(wait) < 7
    return Later(min(MAX_WAIT, max(1, int(wait))) if readable else default)


def fields_of(body: bytes) -> dict[str, Any]:
    """The body as a JSON object; empty when it is none, or cannot be used."""
    try:
        parsed = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return parsed if isinstance(parsed, dict) else {}


def within(value: object, *path: str | int) -> Any:
    """What lies at a path in parsed JSON, or None: no shape of a stranger's makes this fail."""
    for step in path:
        if isinstance(step, str):
            value = value.get(step) if isinstance(value, Mapping) else None
        else:
            value = value[step] if isinstance(value, list) and -len(value) <= step < len(value) else None
    return value


def text_of(value: object, most: int = 200) -> str:
    """A text of at most `most` printable ASCII characters without spaces, such as an id; else empty."""
    return value if isinstance(value, str) and 0 < len(value) <= most and _PLAIN.fullmatch(value) else ""


def addresses_of(values: Iterable[object]) -> tuple[str, ...]:
    """The http(s) addresses among the first few values."""
    return tuple(url for url in islice(values, MAX_RESULTS) if isinstance(url, str) and _ADDRESS.fullmatch(url))


def bytes_of(value: object) -> bytes:
    """Base64 text, or a data URI of it, as bytes; empty when it is neither."""
    if not isinstance(value, str):
        return b""
    try:
        return base64.b64decode(value.partition(",")[2] if value.startswith("data:") else value, validate=True)
    except (binascii.Error, ValueError):
        return b""


_PLAIN = re.compile(r"[!-~]+")
_ADDRESS = re.compile(r"https?://[!-~]{1,2000}")
