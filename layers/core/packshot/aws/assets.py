"""Asset rows: pictures that callers keep with us for thirty days."""

from typing import Any

from packshot.answers import Asset
from packshot.aws import cursors, rows
from packshot.aws.accounts import now_ms
from packshot.aws.calls import Refused, call
from packshot.aws.clients import client

KEPT_S = 30 * 86_400


class AssetTable:
    """Assets in the table. A row past its `expires` is gone, even while the table still holds it."""

    def __init__(self, table_name: str) -> None:
        self._table = table_name
        self._db = client("dynamodb")

    def put(self, account: str, asset: Asset) -> None:
        """Write a new row; the same asset a second time changes nothing."""
        row = {
            "pk": account,
            "sk": f"asset#{asset.id}",
            "state": asset.state,
            "content_type": asset.content_type,
            "bytes": asset.bytes,
            "filename": asset.filename,
            "created": asset.created,
            "expires": asset.created // 1000 + KEPT_S,
            "reason": asset.reason,
        }
        try:
            call(self._db.put_item, **rows.insert(self._table, row))
        except Refused:  # ids are random: the row that is there is our own, written before an answer was lost
            return

    def get(self, account: str, asset_id: str) -> Asset | None:
        """The asset as it stands now."""
        if not account or len(asset_id) > 200:
            return None
        found = call(
            self._db.get_item, TableName=self._table, Key=rows.key(account, f"asset#{asset_id}"), ConsistentRead=True
        )
        row = rows.unpack(found["Item"]) if found.get("Item") else None
        return _asset(row) if row and row["expires"] * 1000 > now_ms() else None

    def list(self, account: str, limit: int, cursor: str | None) -> tuple[tuple[Asset, ...], str | None]:
        """A page, newest first, and the next cursor. Raises CallerError for a bad one."""
        last = cursors.read(account, "assets", cursor) if cursor else "~"
        asked = rows.query(
            self._table,
            "#pk = :pk AND #sk BETWEEN :low AND :high",
            {"pk": account, "low": "asset#", "high": f"asset#{last}", "now": now_ms() // 1000},
            FilterExpression="#expires > :now",
            ScanIndexForward=False,
            Limit=limit + 2,
        )
        page: list[Asset] = []
        while True:
            answer = call(self._db.query, **asked)
            for asset in map(_asset, map(rows.unpack, answer["Items"])):
                if asset.id == last:
                    continue
                if len(page) == limit:
                    return tuple(page), cursors.make(account, "assets", page[-1].id)
                page.append(asset)
            if "LastEvaluatedKey" not in answer:
                return tuple(page), None
            asked["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    def settle(self, account: str, asset_id: str, state: str, size: int, reason: str | None) -> None:
        """An upload arrived: `ready` or `rejected`. Once told, it stays; what is unknown stays unknown."""
        put = {"state": state, "bytes": size, "reason": reason}
        told = rows.change(
            self._table,
            account,
            f"asset#{asset_id}",
            put=put,
            only_if="#state = :uploading",
            given={"uploading": "uploading"},
        )
        try:
            call(self._db.update_item, **told)
        except Refused:
            return


def _asset(row: dict[str, Any]) -> Asset:
    return Asset(
        row["sk"][6:],
        row["state"],
        row["created"],
        row["content_type"],
        row["bytes"],
        row.get("filename"),
        row.get("reason"),
    )
