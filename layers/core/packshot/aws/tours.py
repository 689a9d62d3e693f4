"""How far the night's look at the books has come: one row. It is the only row that reconcile may write."""

from dataclasses import asdict
from typing import Any

from packshot.aws import rows
from packshot.aws.calls import Refused, call
from packshot.aws.clients import client
from packshot.errors import Stale
from packshot.tour import Tour

PK, SK = "reconcile#tour", "tour"


class TourTable:
    """`steps.reconcile.Tours` in the table."""

    def __init__(self, table_name: str) -> None:
        self._table = table_name
        self._db = client("dynamodb")

    def read(self) -> Tour:
        """The tour as it stands."""
        found = call(self._db.get_item, TableName=self._table, Key=rows.key(PK, SK), ConsistentRead=True)
        return _tour(rows.unpack(found["Item"])) if found.get("Item") else Tour()

    def write(self, before: Tour, after: Tour) -> None:
        """The next step of the tour. Raises Stale when somebody else made it."""
        row = {"pk": PK, "sk": SK, **asdict(after)}
        only_if, given = "#step = :step", {"step": before.step}
        try:
            put = rows.insert(self._table, row, only_if=f"attribute_not_exists(#pk) OR {only_if}", given=given)
            call(self._db.put_item, **put)
        except Refused as refused:
            item = refused.reasons[0].item
            if not item or _tour(rows.unpack(item)) != after:  # else our first answer was lost
                raise Stale(PK) from refused


def _tour(row: dict[str, Any]) -> Tour:
    return Tour(**{name: row[name] for name in Tour.__dataclass_fields__})
