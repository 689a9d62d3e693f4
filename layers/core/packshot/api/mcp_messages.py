"""The Model Context Protocol's messages: which revision one is of, and what must be right about it. Pure.

Since 2026-07-28 a request says its protocol version in `_meta` and repeats what it wants in HTTP headers; before that,
clients open with `initialize`. Facts: https://modelcontextprotocol.io/specification/2026-07-28/basic and, for older
clients, https://modelcontextprotocol.io/specification/2025-11-25/basic/transports.
"""

import binascii
import re
from collections.abc import Mapping
from typing import Any

from packshot.errors import CallerError
from packshot.wire import Request

CURRENT = "2026-07-28"
LEGACY = ("2025-11-25", "2025-06-18", "2025-03-26")
"""Revisions with `initialize`, newest first; a request that names none is of the last."""

SUPPORTED = (CURRENT, *LEGACY)
PARSE_ERROR, INVALID_REQUEST, METHOD_NOT_FOUND, INVALID_PARAMS, INTERNAL_ERROR = -32700, -32600, -32601, -32602, -32603
HEADER_MISMATCH, UNSUPPORTED_VERSION = -32020, -32022
META = "io.modelcontextprotocol/"

_SENTINEL = re.compile(r"=\?base64\?(.*)\?=")
_KINDS: Mapping[int, str] = {METHOD_NOT_FOUND: "not_found", UNSUPPORTED_VERSION: "unsupported_version"}


def fault(code: int, message: str, data: object = None) -> CallerError:
    """An error of the protocol itself, with its JSON-RPC code."""
    return CallerError(_KINDS.get(code, "malformed_request"), message, details={"rpc": code, "data": data})


def id_of(message: Mapping[str, Any]) -> str | int | None:
    """The id of a request; None where there is none that could be given back."""
    found = message.get("id")
    return found if isinstance(found, (str, int)) and not isinstance(found, bool) else None


def is_modern(request: Request, message: Mapping[str, Any]) -> bool:
    """Whether this is to be read as 2026-07-28 has it: all that does not clearly come from an older client."""
    params = message.get("params")
    said = _meta(params).get(f"{META}protocolVersion") if isinstance(params, dict) else None
    versions = (said, request.headers.get("mcp-protocol-version"))
    return message.get("method") == "server/discover" or any(each not in (None, *LEGACY) for each in versions)


def knows_links(request: Request, message: Mapping[str, Any]) -> bool:
    """Whether the client knows `resource_link` (since 2025-06-18)."""
    return is_modern(request, message) or request.headers.get("mcp-protocol-version") in LEGACY[:-1]


def check(request: Request, method: str, params: Mapping[str, Any]) -> None:
    """What 2026-07-28 asks of every request: complete `_meta`, headers that say the same, a version that we speak.

    Raises CallerError.
    """
    header, meta = request.headers.get("mcp-protocol-version"), _meta(params)
    said = meta.get(f"{META}protocolVersion")
    if said is None and header is not None:
        check_version(header)
    if not isinstance(said, str) or not isinstance(meta.get(f"{META}clientCapabilities"), dict):
        raise fault(INVALID_PARAMS, f"params._meta needs {META}protocolVersion and {META}clientCapabilities.")
    if header != said:
        raise _mismatch("MCP-Protocol-Version")
    check_version(said)
    if request.headers.get("mcp-method") != method:
        raise _mismatch("Mcp-Method")
    name = params.get("name")
    if method == "tools/call" and isinstance(name, str) and _decoded(request.headers.get("mcp-name")) != name:
        raise _mismatch("Mcp-Name")


def check_version(version: str) -> None:
    """Raise CallerError unless we speak this revision."""
    if version not in SUPPORTED:
        data = {"supported": list(SUPPORTED), "requested": version}
        raise fault(UNSUPPORTED_VERSION, "Unsupported protocol version", data)


def _mismatch(header: str) -> CallerError:
    return fault(HEADER_MISMATCH, f"Header mismatch: {header} is missing or does not match the body.")


def _meta(params: Mapping[str, Any]) -> Mapping[str, Any]:
    found = params.get("_meta")
    return found if isinstance(found, dict) else {}


def _decoded(header: str | None) -> str | None:
    """A name that is no plain ASCII comes as `=?base64?...?=`."""
    found = _SENTINEL.fullmatch(header or "")
    if found is None:
        return header
    try:
        return binascii.a2b_base64(found[1], strict_mode=True).decode()
    except ValueError:
        return None
