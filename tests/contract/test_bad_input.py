"""What nobody should send, dialect by dialect: `refusals/requests.json` has each request with its exact answer.

A row is a `request`, the `status` and the `json` of its answer, in the patterns of `tests/conversations.py`. No row
gets as far as a job: what is wrong with it shows when it is read. Some rows are answered by the dialect itself.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from packshot import dialects
from packshot.answers import Said
from packshot.errors import CallerError
from packshot.wire import Request, Response
from packshot.wishes import Say
from tests.contract.test_dialects import request_in
from tests.conversations import match

FILES = sorted((Path(__file__).parent / "dialects").glob("*/refusals/requests.json"))
LEAST = 15
"""Rows of a table."""

TABLES: dict[str, list[dict[str, Any]]] = {file.parents[1].name: json.loads(file.read_text()) for file in FILES}
ROWS = [
    pytest.param(name, row, id=f"{name}-{place}") for name in sorted(TABLES) for place, row in enumerate(TABLES[name])
]


def answered(name: str, request: Request) -> Response:
    """What a dialect says to a request that asks for nothing. Raises AssertionError when it does ask for something."""
    dialect = dialects.load(name)
    try:
        wish = dialect.read(request)
    except CallerError as error:
        return dialect.write_error(error, "req_1", request)
    assert isinstance(wish, Say), f"not refused: {wish}"
    return dialect.write(wish, Said(wish.payload, wish.status), request)


@pytest.mark.parametrize("name", [name for name in dialects.NAMES if name != dialects.OURS])
def test_every_vendor_has_a_table_of_some_length(name: str) -> None:
    assert len({json.dumps(row["request"]) for row in TABLES.get(name, ())}) >= LEAST


def test_every_table_is_of_a_dialect() -> None:
    assert set(TABLES) <= set(dialects.NAMES)


@pytest.mark.parametrize(("name", "row"), ROWS)
def test_a_bad_request_is_answered_exactly_so(name: str, row: dict[str, Any]) -> None:
    assert set(row) == {"request", "status", "json"}
    request = request_in(row["request"])
    assert dialects.match(request.url) is dialects.load(name) or row["status"] == 404
    response = answered(name, request)
    assert response.status == row["status"], response.body[:600]
    match(response.json() if response.body else None, row["json"], f"{name} {request.method} {request.url}")
