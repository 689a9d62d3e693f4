"""What an operator does on the deployed stack: an account in a file and back, the night's look at the books."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from tests.e2e.conftest import Api
from tests.e2e.test_money import admin
from tests.table import SCHEMA


def test_an_account_goes_into_a_file_and_comes_back_in_another_table(
    local: dict[str, Any], aws: Callable[[str], Any], tmp_path: Path
) -> None:
    """The restore drill, but for point-in-time recovery, which the emulator does not have."""
    account = admin(local, "create-account", "drill", "--topup", "20")["account"]
    headers = {"authorization": f"Bearer {admin(local, 'create-key', account)['key']}"}
    with httpx.Client(base_url=local["api_url"], headers=headers, timeout=60) as http:
        body = {"model": "flux-2", "prompt": "a red box [[sim:slow=0.1]]", "aspect_ratio": "1:1"}
        done = Api(http).finish(http.post("/packshot/v1/jobs", json=body).json()["id"])
    assert done["state"] == "completed"
    file, again = tmp_path / "drill.jsonl", tmp_path / "again.jsonl"
    told = admin(local, "export", account, str(file))
    assert told["left_out"] == [] and told["rows"] >= 4
    aws("dynamodb").create_table(TableName="packshot-drill", **SCHEMA)
    try:
        came = admin(local, "import", str(file), "--table", "packshot-drill")
        assert (came["account"], came["drifts"]) == (account, [])
        assert admin(local, "verify-ledger", account, "--table", "packshot-drill") == admin(
            local, "verify-ledger", account
        )
        admin(local, "export", account, str(again), "--table", "packshot-drill")
        assert _rows(again) == _rows(file)
    finally:
        aws("dynamodb").delete_table(TableName="packshot-drill")


def test_the_books_are_read_under_the_role_of_reconcile(
    local: dict[str, Any], outputs: dict[str, str], aws: Callable[[str], Any]
) -> None:
    name = next(
        one["FunctionName"] for one in aws("lambda").list_functions()["Functions"] if "Reconcile" in one["FunctionName"]
    )
    answer = aws("lambda").invoke(FunctionName=name, Payload=b"{}")
    found = json.loads(answer["Payload"].read())
    assert "FunctionError" not in answer, found
    tour = aws("dynamodb").get_item(
        TableName=outputs["TableName"], Key={"pk": {"S": "reconcile#tour"}, "sk": {"S": "tour"}}
    )["Item"]
    assert (tour["done"]["BOOL"], tour["drifts"]["N"], tour["unread"]["N"]) == (True, "0", "0")
    assert int(tour["accounts"]["N"]) >= 1


def _rows(file: Path) -> list[str]:
    """Without the first line, which says when, the last, which is a checksum, and the mark of what was brought back."""
    rows = [json.loads(line) for line in file.read_text().splitlines()[1:-1]]
    return sorted(json.dumps({name: value for name, value in row.items() if name != "restored"}) for row in rows)
