"""Is this body what it must be? The request models of `api.models`, run by pydantic's compiled core, without pydantic.

`validators.json` holds the models' core schemas as plain typed dicts (made by `tools/openapi.py`); a mutation test
proves that both accept and refuse the same. Messages are ours: they name what is allowed and never repeat the input.
"""

import binascii
import importlib.util
import json
import re
import sys
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from importlib.machinery import PathFinder
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from packshot import api
from packshot.errors import CallerError
from packshot.sniff import sniff

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails, ValidationError

MOST_MEMBERS = 100
"""In one JSON object; no request has a third of that."""

MOST_ERRORS = 20
"""That one answer lists."""

_DATA_URI = re.compile(r"data:image/(?:png|jpeg|webp);base64,")
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_CODES = {"extra_forbidden": "unknown_field", "missing": "missing_field"}


def parse(body: bytes) -> object:
    """Strict JSON (RFC 7493): UTF-8, whole characters, no name twice in an object, no NaN.

    Raises CallerError `malformed_json`.
    """
    try:
        value: object = json.loads(body.decode(), object_pairs_hook=_unique, parse_constant=_no_constant)
        if _SURROGATE.search(body):
            json.dumps(value, ensure_ascii=False).encode()  # half a character: cannot be written, so is not read
        return value
    except (ValueError, RecursionError):
        raise CallerError("malformed_json", "The body is not valid JSON.") from None


def check(name: str, value: object) -> dict[str, Any]:
    """`value` as a dict of what was given, without defaults. Raises CallerError naming every wrong field."""
    try:
        found: dict[str, Any] = _VALIDATORS[name].validate_python(value)
    except _core.ValidationError as error:
        raise refusal(name, error) from None
    return found


def is_address(text: str) -> bool:
    """Well formed and absolute, no credentials in it; whether it may be reached is the submit step's question."""
    if not text.isascii() or not text.isprintable() or " " in text or "\\" in text:
        return False
    try:
        parts = urlsplit(text)
        return (
            parts.scheme in ("http", "https")
            and bool(parts.hostname)
            and "@" not in parts.netloc
            and (parts.port is None or parts.port > 0)
        )
    except ValueError:
        return False


def instant(text: str | None, field: str) -> int | None:
    """A time in ms since 1970. Raises CallerError for a date that no calendar has."""
    if text is None:
        return None
    try:
        return (datetime.fromisoformat(text) - _EPOCH) // timedelta(milliseconds=1)
    except (ValueError, OverflowError):
        raise invalid(field, "There is no such time.") from None


def data_of(uri: str, field: str) -> bytes:
    """What a base64 data URI of a picture holds; nothing when it is no such URI. Raises CallerError."""
    head = _DATA_URI.match(uri)
    try:
        return binascii.a2b_base64(uri[head.end() :], strict_mode=True) if head else b""
    except ValueError:
        raise invalid(field, "The data URI is not valid base64.") from None


def picture(data: bytes, field: str) -> bytes:
    """The bytes themselves, if they begin like a picture. Raises CallerError."""
    if sniff(data) is None:
        raise invalid(field, "Must be a PNG, JPEG or WebP picture.")
    return data


def invalid(field: str, message: str) -> CallerError:
    """The refusal of one field by a rule that is not in the models."""
    errors = [{"field": field, "code": "invalid_field", "message": message}]
    return CallerError("invalid_field", message, field=field, details={"errors": errors})


def refusal(name: str, error: "ValidationError") -> CallerError:
    """The core's findings in our words: the first as the error itself, all of them in `errors`."""
    found = error.errors(include_url=False, include_context=False, include_input=False)[:MOST_ERRORS]
    errors = [_explain(SCHEMAS[name], each) for each in found]
    first = errors[0]
    return CallerError(str(first["code"]), str(first["message"]), field=first["field"], details={"errors": errors})


def _explain(schema: Mapping[str, Any], found: "ErrorDetails") -> dict[str, str | None]:
    code = _CODES.get(found["type"], "invalid_field")
    node: Mapping[str, Any] = schema
    path = ""
    for step in found["loc"]:
        node = _inner(node)
        if isinstance(step, int):
            while node["type"] == "nullable":  # one that says what it allows keeps its cover in `_inner`
                node = node["schema"]
            node, path = node["items_schema"], f"{path}[{step}]"
        elif node["type"] == "typed-dict":
            node, path = node["fields"].get(step, {}).get("schema", {}), _printable(step)
        elif node["type"] == "dict":
            name_is_wrong = len(found["loc"]) == 3 and found["loc"][2] == "[key]"
            node, path = node["keys_schema" if name_is_wrong else "values_schema"], f"{path}.{_printable(step)}"
    if code == "unknown_field":
        message = "There is no such field."
    else:
        what = _inner(node).get("metadata", {}).get("says") or _allowed(_inner(node))
        message = f"{'Required' if code == 'missing_field' else 'Must be'}{':' * (code == 'missing_field')} {what}."
    return {"field": path or None, "code": code, "message": message}


def _inner(node: Mapping[str, Any]) -> Mapping[str, Any]:
    while node.get("type") == "nullable" and "metadata" not in node:
        node = node["schema"]
    return node


def _allowed(node: Mapping[str, Any]) -> str:
    match node["type"]:
        case "int":
            return f"a whole number from {node['ge']} to {node['le']}"
        case "bool":
            return "true or false"
        case "literal":
            return ("one of " if len(node["expected"]) > 1 else "") + ", ".join(node["expected"])
        case "list":
            least = f"{node['min_length']} to" if "min_length" in node else "at most"
            return f"a list of {least} {node['max_length']}, each {_allowed_item(node['items_schema'])}"
        case "str":
            least = f"{node['min_length']} to" if "min_length" in node else "at most"
            return f"text of {least} {node['max_length']} characters"
        case "dict":
            return (
                f"an object of at most {node['max_length']} pairs: names {_allowed(node['keys_schema'])}, "
                f"values {_allowed(node['values_schema'])}"
            )
        case _:
            return "a JSON object"


def _allowed_item(node: Mapping[str, Any]) -> str:
    return node.get("metadata", {}).get("says") or _allowed(node)


def _printable(name: str) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in name[:60])


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs) or len(pairs) > MOST_MEMBERS:
        raise ValueError
    return found


def _no_constant(name: str) -> None:
    raise ValueError(name)


def _load_core() -> Any:
    """pydantic_core's compiled module by itself: its package would import typing machinery worth 20 ms."""
    name = "pydantic_core._pydantic_core"
    package = importlib.util.find_spec("pydantic_core")
    spec = PathFinder.find_spec(name, package.submodule_search_locations) if package else None
    if name in sys.modules or spec is None or spec.loader is None:
        return importlib.import_module("pydantic_core")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


_core = _load_core()
SCHEMAS: Mapping[str, Mapping[str, Any]] = json.loads(api.data("validators.json"))
_VALIDATORS = {name: _core.SchemaValidator(schema) for name, schema in SCHEMAS.items()}
