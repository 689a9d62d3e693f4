"""Rows and requests as DynamoDB carries them: plain values in, attribute values and expressions out.

Every name in an expression stands behind a `#`, because many plain words (`state`, `status`, `url`) are reserved.
Every condition asks for the old row on failure: a repeated write must be able to recognise its own first try.
"""

import base64
import re
import zlib
from collections.abc import Mapping
from typing import Any

from packshot.errors import PackshotError
from packshot.wire import dump

VERSION = 1
"""The schema version of every row written; readers also accept the one before."""

FOLD_AT = 800
"""Bodies longer than this are deflated, so that the row of an ordinary finished job stays one write unit (1 KB)."""

Item = dict[str, Any]
_NAME = re.compile(r"#(\w+)")


def pack(values: Mapping[str, object]) -> Item:
    """A row from plain values; None is left out."""
    return {name: _pack(value) for name, value in values.items() if value is not None}


def unpack(item: Mapping[str, Any]) -> dict[str, Any]:
    """The plain values of a row, from an answer or from a stream's image. Raises PackshotError on a newer schema."""
    row = {name: _unpack(value) for name, value in item.items()}
    if row.get("v", VERSION) not in (VERSION - 1, VERSION):  # what the index shows of a row has none
        raise PackshotError(f"a row of schema {row['v']}; this packshot reads {VERSION - 1} and {VERSION}")
    return row


def fold(payload: object) -> str | bytes:
    """A JSON body: as text while it is short, deflated when it is long."""
    text = dump(payload)
    return text.decode() if len(text) <= FOLD_AT else zlib.compress(text, 9)


def unfold(body: str | bytes) -> bytes:
    """The JSON text of a body."""
    return zlib.decompress(body) if isinstance(body, bytes) else body.encode()


def insert(
    table: str,
    row: Mapping[str, object],
    *,
    only_if: str = "attribute_not_exists(#pk)",
    given: Mapping[str, object] | None = None,
) -> Item:
    """A Put of a whole row, by default only where there is none."""
    return _request(table, only_if, given, Item=pack({"v": VERSION, **row}))


def change(
    table: str,
    pk: str,
    sk: str,
    *,
    put: Mapping[str, object] | None = None,
    add: Mapping[str, int] | None = None,
    drop: tuple[str, ...] = (),
    only_if: str = "attribute_exists(#pk)",
    given: Mapping[str, object] | None = None,
) -> Item:
    """An Update: `put` sets (None removes), `add` adds to numbers, `drop` removes."""
    put, add = put or {}, add or {}
    sets = [f"#{name} = :new_{name}" for name, value in put.items() if value is not None]
    sets += [f"#{name} = #{name} + :more_{name}" for name in add]
    drops = [f"#{name}" for name in (*drop, *(name for name, value in put.items() if value is None))]
    update = " ".join(f"{verb} {', '.join(parts)}" for verb, parts in (("SET", sets), ("REMOVE", drops)) if parts)
    values = {f"new_{name}": value for name, value in put.items()} | {f"more_{name}": n for name, n in add.items()}
    return _request(table, only_if, {**values, **(given or {})}, Key=key(pk, sk), UpdateExpression=update)


def count(
    table: str,
    pk: str,
    sk: str,
    add: Mapping[str, int],
    *,
    expires: int,
    only_if: str = "",
    given: Mapping[str, object] | None = None,
) -> Item:
    """An Update that adds to numbers of a row which need not be there yet; `expires` in s."""
    sums = ", ".join(f"#{name} = if_not_exists(#{name}, :zero) + :more_{name}" for name in add)
    values = {f"more_{name}": n for name, n in add.items()} | {"zero": 0, "version": VERSION, "expires": expires}
    update = f"SET {sums}, #v = :version, #expires = :expires"
    return _request(table, only_if, {**values, **(given or {})}, Key=key(pk, sk), UpdateExpression=update)


def check(table: str, pk: str, sk: str, *, only_if: str, given: Mapping[str, object] | None = None) -> Item:
    """A ConditionCheck."""
    return _request(table, only_if, given, Key=key(pk, sk))


def query(table: str, only: str, given: Mapping[str, object], **more: Any) -> Item:
    """A Query; `only` is its key condition."""
    text = f"{only} {more.get('FilterExpression', '')}"
    return {
        "TableName": table,
        "KeyConditionExpression": only,
        "ExpressionAttributeNames": {f"#{name}": name for name in _NAME.findall(text)},
        "ExpressionAttributeValues": {f":{name}": _pack(value) for name, value in given.items() if value is not None},
        **more,
    }


def key(pk: str, sk: str) -> Item:
    """A row's key."""
    return {"pk": {"S": pk}, "sk": {"S": sk}}


def _request(table: str, only_if: str, given: Mapping[str, object] | None, **parts: Any) -> Item:
    request = {"TableName": table, "ReturnValuesOnConditionCheckFailure": "ALL_OLD", **parts}
    names = _NAME.findall(f"{only_if} {parts.get('UpdateExpression', '')}")
    values = {f":{name}": _pack(value) for name, value in (given or {}).items() if value is not None}
    if only_if:
        request["ConditionExpression"] = only_if
    if names:
        request["ExpressionAttributeNames"] = {f"#{name}": name for name in names}
    if values:
        request["ExpressionAttributeValues"] = values
    return request


def _pack(value: object) -> dict[str, Any]:
    match value:
        case bool():
            return {"BOOL": value}
        case str():
            return {"S": value}
        case int():
            return {"N": str(value)}
        case bytes():
            return {"B": value}
        case list() | tuple() | frozenset():
            return {"L": [_pack(one) for one in value]}
    raise TypeError(f"no attribute value for {type(value).__name__}")


def _unpack(value: Mapping[str, Any]) -> Any:
    ((kind, inner),) = value.items()
    match kind:
        case "N":
            return int(inner) if "." not in inner and "E" not in inner.upper() else float(inner)
        case "B":  # bytes from the API, base64 text in a stream's record
            return base64.b64decode(inner) if isinstance(inner, str) else bytes(inner)
        case "L":
            return [_unpack(one) for one in inner]
        case "NULL":
            return None
    return inner
