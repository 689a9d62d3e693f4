"""Asset rows: pictures that callers keep with us for thirty days, and which content is which asset."""

from collections.abc import Mapping
from typing import Any

from packshot import addresses
from packshot.answers import Asset
from packshot.aws import cursors, rows
from packshot.aws.accounts import now_ms
from packshot.aws.calls import Refused, call, remove
from packshot.aws.clients import client

KEPT_S = 30 * 86_400
COUNTED = 1000
"""The most assets that a page with an offset looks at."""


class AssetTable:
    """Assets in the table. A row past its `expires` is gone, even while the table still holds it.

    The row `content#{sha256}` names the asset that has this content. `api_url` is where their addresses begin.
    """

    def __init__(self, table_name: str, api_url: str = "") -> None:
        self._table = table_name
        self._api_url = api_url
        self._db = client("dynamodb")

    def put(self, account: str, asset: Asset, source: str | None = None) -> Asset:
        """Write a new row; the asset that stands: where another has the same content already, that one.

        `source` is the address that its picture is to be fetched from.
        """
        expires = asset.created // 1000 + KEPT_S
        row = {
            "pk": account,
            "sk": f"asset#{asset.id}",
            "state": asset.state,
            "content_type": asset.content_type,
            "bytes": asset.bytes,
            "filename": asset.filename,
            "created": asset.created,
            "expires": expires,
            "tags": list(asset.tags) or None,
            "sha256": asset.sha256 or None,
            "source": source,
        }
        items = [{"Put": rows.insert(self._table, row)}]
        if asset.sha256:
            pointer = {"pk": account, "sk": f"content#{asset.sha256}", "asset": asset.id, "expires": expires}
            free = "attribute_not_exists(#pk) OR #expires <= :now OR #asset = :asset"
            given = {"now": now_ms() // 1000, "asset": asset.id}
            items.append({"Put": rows.insert(self._table, pointer, only_if=free, given=given)})
        try:
            call(self._db.transact_write_items, TransactItems=items)
        except Refused as refused:
            if not refused.reasons[0].failed:  # another upload of the same content came first
                known = self.known(account, asset.sha256)
                if known is None:  # and is gone, but for its content: a delete that died half way
                    call(self._db.delete_item, TableName=self._table, Key=rows.key(account, f"content#{asset.sha256}"))
                return known or self.put(account, asset, source)
            # ids are random: the row that is there is our own, written before an answer was lost
        return self._shown(row)

    def known(self, account: str, sha256: str) -> Asset | None:
        """The asset that has this content, if it is still kept."""
        row = self._row(account, f"content#{sha256}")
        return self.get(account, row["asset"]) if row and row["expires"] * 1000 > now_ms() else None

    def renew(self, account: str, asset: Asset, tags: tuple[str, ...]) -> Asset:
        """Keep it for thirty days more, with these tags as well."""
        put: dict[str, object] = {"expires": now_ms() // 1000 + KEPT_S}
        merged = tuple(dict.fromkeys((*asset.tags, *tags)))
        more = {**put, "tags": list(merged) or None}
        # Measured again, its thumbnail is made again, and lasts as long as the picture.
        row = rows.change(self._table, account, f"asset#{asset.id}", put=more, drop=("width", "height"))
        pointer = rows.change(self._table, account, f"content#{asset.sha256}", put=put)
        try:
            call(self._db.transact_write_items, TransactItems=[{"Update": row}, {"Update": pointer}])
        except Refused:  # deleted meanwhile: what was shown of it was true when we looked
            return asset
        return self.get(account, asset.id) or asset

    def get(self, account: str, asset_id: str) -> Asset | None:
        """The asset as it stands now."""
        row = self._row(account, f"asset#{asset_id}")
        return self._shown(row) if row and row["expires"] * 1000 > now_ms() else None

    def source(self, account: str, asset_id: str) -> str | None:
        """Where its picture is to be fetched from, if it is."""
        row = self._row(account, f"asset#{asset_id}")
        return row.get("source") if row else None

    def list(
        self, account: str, limit: int, cursor: str | None, *, tag: str | None = None, offset: int | None = None
    ) -> tuple[tuple[Asset, ...], str | None, int | None]:
        """A page, newest first, the next cursor, and with an `offset` how many there are (up to a thousand).

        Raises CallerError for a bad cursor.
        """
        last = cursors.read(account, "assets", cursor) if cursor else "~"
        asked = rows.query(
            self._table,
            "#pk = :pk AND #sk BETWEEN :low AND :high",
            {"pk": account, "low": "asset#", "high": f"asset#{last}", "now": now_ms() // 1000, "tag": tag},
            FilterExpression="#expires > :now" + (" AND contains(#tags, :tag)" if tag else ""),
            ScanIndexForward=False,
            Limit=limit + 2 if offset is None and not tag else 200,
        )
        page: list[Asset] = []
        wanted = limit if offset is None else COUNTED
        while True:
            answer = call(self._db.query, **asked)
            for asset in map(self._shown, map(rows.unpack, answer["Items"])):
                if asset.id == last:
                    continue
                if len(page) == wanted:
                    return _cut(account, page, limit, offset)
                page.append(asset)
            if "LastEvaluatedKey" not in answer:
                return _cut(account, page, limit, offset) if offset is not None else (tuple(page), None, None)
            asked["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    def settle(
        self,
        account: str,
        asset_id: str,
        state: str,
        size: int,
        reason: str | None,
        *,
        content_type: str | None = None,
    ) -> None:
        """A picture arrived: `ready` or `rejected`. Once told, it stays; what is unknown stays unknown."""
        put: dict[str, object] = {"state": state, "bytes": size, "reason": reason}
        if content_type is not None:
            put["content_type"] = content_type
        given = {"uploading": "uploading", "processing": "processing"}
        self._quietly(account, asset_id, put, "#state = :uploading OR #state = :processing", given)

    def measure(self, account: str, asset_id: str, width: int, height: int) -> None:
        """What it measures, in pixels."""
        put: dict[str, object] = {"width": width, "height": height}
        self._quietly(account, asset_id, put, "attribute_exists(#pk)", {})

    def delete(self, account: str, asset_id: str) -> None:
        """Forget it. Raises CallerError `not_found`."""
        row = remove(self._db.delete_item, self._table, rows.key(account, f"asset#{asset_id}"[:500]))
        if sha256 := rows.unpack(row).get("sha256"):
            call(self._db.delete_item, TableName=self._table, Key=rows.key(account, f"content#{sha256}"))

    def _quietly(
        self, account: str, asset_id: str, put: Mapping[str, object], only_if: str, given: Mapping[str, object]
    ) -> None:
        told = rows.change(self._table, account, f"asset#{asset_id}", put=put, only_if=only_if, given=given)
        try:
            call(self._db.update_item, **told)
        except Refused:
            return

    def _row(self, account: str, sk: str) -> dict[str, Any] | None:
        if not account or len(sk) > 200:
            return None
        found = call(self._db.get_item, TableName=self._table, Key=rows.key(account, sk), ConsistentRead=True)
        return rows.unpack(found["Item"]) if found.get("Item") else None

    def _shown(self, row: Mapping[str, Any]) -> Asset:
        account, asset_id = row["pk"], row["sk"][6:]
        return Asset(
            asset_id,
            row["state"],
            row["created"],
            row["content_type"],
            row["bytes"],
            row.get("filename"),
            row.get("reason"),
            tuple(row.get("tags") or ()),
            row.get("width", 0),
            row.get("height", 0),
            row.get("sha256") or "",
            addresses.asset(self._api_url, account, asset_id),
            addresses.asset(self._api_url, account, asset_id, thumbnail=True),
        )


def _cut(
    account: str, page: list[Asset], limit: int, offset: int | None
) -> tuple[tuple[Asset, ...], str | None, int | None]:
    if offset is None:
        return tuple(page), cursors.make(account, "assets", page[-1].id), None
    return tuple(page[offset : offset + limit]), None, len(page)
