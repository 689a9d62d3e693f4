"""Delivery rows: what was sent to whom and how it went; the pending ones are in the `due` index under `callback`."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from packshot import ids
from packshot.aws import rows
from packshot.aws.calls import Refused, call
from packshot.aws.clients import client
from packshot.delivery import MAX_TRIES_KEPT, DeliveryRow, DeliveryState, Try, id_of, parts_of
from packshot.errors import Stale
from packshot.wire import dump

LANE = "callback"
KEPT_S = 30 * 86_400

LATE_MS = 86_400_000
"""How much later than its job a delivery may be made, at most: ranges of time are looked up by the job's id."""


class DeliveryTable:
    """Deliveries in the table."""

    def __init__(self, table_name: str) -> None:
        self._table = table_name
        self._db = client("dynamodb")

    def open(
        self,
        account: str,
        *,
        job: str,
        event_id: str,
        type: str,
        target: str,
        url: str,
        body: bytes,
        created: int,
        next_try: int | None = None,
        form: str = "",
    ) -> DeliveryRow:
        """Write the delivery, or find the one that is there and return it as it is: its bytes never change.

        `next_try` (ms) is when the sweep takes it up if nobody tried before; without it, at once.
        """
        row = DeliveryRow(
            account,
            id_of(job, event_id, target),
            job,
            event_id,
            type,
            target,
            url,
            body,
            "pending",
            (),
            created,
            created if next_try is None else next_try,
            1,
            form,
        )
        fields: dict[str, object] = {
            "pk": account,
            "sk": _sk(row.id),
            "event_id": event_id,
            "type": type,
            "target": target,
            "url": url,
            "body": body,
            "form": form or None,
            "created": created,
            "expires": created // 1000 + KEPT_S,
            **_moving(row),
        }
        try:
            call(self._db.put_item, **rows.insert(self._table, fields))
        except Refused as refused:
            item = refused.reasons[0].item
            known = _row(rows.unpack(item)) if item else self.get(account, row.id)
            if known is None:
                raise Stale(row.id) from refused
            return known
        return row

    def record(self, row: DeliveryRow, attempt: Try | None, state: DeliveryState, next_try: int | None) -> DeliveryRow:
        """Write how a try went, or (without one) that the delivery is to be sent again. Raises Stale.

        Only the last tries are kept. A row that already says exactly this is our own write, whose answer was lost.
        """
        tries = (*row.tries, attempt)[-MAX_TRIES_KEPT:] if attempt else row.tries
        due = next_try if state == "pending" else None
        after = replace(row, tries=tries, state=state, next_try=due, version=row.version + 1)
        fields = _moving(after)
        drop = tuple(name for name in ("lane", "due") if name not in fields)
        update = rows.change(
            self._table,
            row.account,
            _sk(row.id),
            put=fields,
            drop=drop,
            only_if="#ver = :ver",
            given={"ver": row.version},
        )
        try:
            call(self._db.update_item, **update)
        except Refused as refused:
            if self.get(row.account, row.id) != after:
                raise Stale(row.id) from refused
        return after

    def get(self, account: str, delivery_id: str) -> DeliveryRow | None:
        """The delivery as it stands now; None for what is none, or another account's."""
        if not account or parts_of(delivery_id) is None:
            return None
        key = rows.key(account, _sk(delivery_id))
        found = call(self._db.get_item, TableName=self._table, Key=key, ConsistentRead=True)
        return _row(rows.unpack(found["Item"])) if found.get("Item") else None

    def due(self, until: int, limit: int) -> list[tuple[str, str, int]]:
        """(account, delivery id, due) of pending deliveries due at or before `until`, earliest first."""
        asked = rows.query(
            self._table,
            "#lane = :lane AND #due <= :until",
            {"lane": LANE, "until": until},
            IndexName="due",
            Limit=limit,
        )
        found = map(rows.unpack, call(self._db.query, **asked)["Items"])
        return [(row["pk"], id_of_row(row["sk"]), row["due"]) for row in found]

    def of_job(self, account: str, job: str) -> tuple[DeliveryRow, ...]:
        """The job's deliveries, oldest event first."""
        if not account or len(job) > 200:
            return ()
        only = "#pk = :pk AND begins_with(#sk, :prefix)"
        found = self._query(only, {"pk": account, "prefix": f"delivery#{job}#"}, ConsistentRead=True)
        return tuple(sorted(found, key=lambda row: (row.created, row.id)))

    def of_endpoint(self, account: str, endpoint: str, since: int, until: int) -> Iterator[DeliveryRow]:
        """Deliveries to an endpoint made in a span of time (ms), by the age of their jobs."""
        since, until = max(0, since), min(max(0, until), 2**48 - 2)
        if not account or since > until:
            return iter(())
        given: dict[str, object] = {
            "pk": account,
            "low": f"delivery#{ids.floor('job', max(0, since - LATE_MS))}",
            "high": f"delivery#{ids.floor('job', until + 1)}",
            "target": endpoint,
            "since": since,
            "until": until,
        }
        return self._query(
            "#pk = :pk AND #sk BETWEEN :low AND :high",
            given,
            FilterExpression="#target = :target AND #created BETWEEN :since AND :until",
        )

    def _query(self, only: str, given: dict[str, object], **more: Any) -> Iterator[DeliveryRow]:
        asked = rows.query(self._table, only, given, **more)
        while True:
            answer = call(self._db.query, **asked)
            yield from map(_row, map(rows.unpack, answer["Items"]))
            if "LastEvaluatedKey" not in answer:
                return
            asked["ExclusiveStartKey"] = answer["LastEvaluatedKey"]


def _sk(delivery_id: str) -> str:
    return "delivery#" + delivery_id.removeprefix("dlv_").replace("~", "#")


def id_of_row(sk: str) -> str:
    """The delivery's id, from its row's sort key."""
    return "dlv_" + sk.removeprefix("delivery#").replace("#", "~")


def _moving(row: DeliveryRow) -> dict[str, object]:
    """The attributes that change; a delivery is in the index while it is pending."""
    fields: dict[str, object] = {
        "v": rows.VERSION,
        "ver": row.version,
        "state": row.state,
        "tries": dump(row.tries).decode(),
    }
    return fields | ({"lane": LANE, "due": row.next_try} if row.next_try is not None else {})


def _row(row: dict[str, Any]) -> DeliveryRow:
    delivery_id = id_of_row(row["sk"])
    job, _, _ = parts_of(delivery_id) or ("", "", "")
    tries = tuple((one[0], one[1], one[2], one[3]) for one in json.loads(row["tries"]))
    return DeliveryRow(
        row["pk"],
        delivery_id,
        job,
        row["event_id"],
        row["type"],
        row["target"],
        row["url"],
        row["body"],
        row["state"],
        tries,
        row["created"],
        row.get("due"),
        row["ver"],
        row.get("form", ""),
    )
