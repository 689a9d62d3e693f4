"""Request and Response as plain values, for both directions: what callers send us and what we send upstream."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request. `url` is absolute when it goes out and a path when it came in; header names are lower case.

    `via` tells which door it came in by: the HTTP API or the Function URL.
    """

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    query: Mapping[str, str] = field(default_factory=dict)
    via: Literal["api", "url"] = "api"


@dataclass(frozen=True, slots=True)
class Response:
    """One HTTP response. Header names are lower case."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    def json(self) -> Any:
        """The body as JSON. Raises ValueError when it is none."""
        return json.loads(self.body)


def dump(payload: object) -> bytes:
    """JSON without spaces, UTF-8, keys in the order given: the same value always gives the same bytes."""
    return json.dumps(payload, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def json_request(method: str, url: str, payload: object, **headers: str) -> Request:
    """A request with a JSON body; header names may be written with underscores."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Request(method, url, {"content-type": "application/json", **named}, dump(payload))


def json_response(status: int, payload: object, headers: Mapping[str, str] | None = None) -> Response:
    """A response with a JSON body."""
    return Response(status, {"content-type": "application/json", **(headers or {})}, dump(payload))
