"""The places that a provider has for us at once, a row each. A place that nobody gives back is free again in time."""

import random
from collections.abc import Callable

from packshot.aws import rows
from packshot.aws.accounts import now_ms
from packshot.aws.calls import Refused, call
from packshot.aws.clients import client

TRIES = 3


class SlotTable:
    """`ports.Slots` in the table: pk `slots#{name}`, sk the number of the place; `token` says whose it is."""

    def __init__(self, table_name: str, now: Callable[[], int] = now_ms) -> None:
        self._table = table_name
        self._db = client("dynamodb")
        self._now = now

    def take(self, name: str, places: int, token: str, until: int) -> int | None:
        """Take one of `places` until then (ms); its number, or None when all are taken."""
        now = self._now()
        asked = rows.query(self._table, "#pk = :pk", {"pk": f"slots#{name}"}, ConsistentRead=True)
        found = map(rows.unpack, call(self._db.query, **asked)["Items"])
        taken = {int(row["sk"]) for row in found if row["until"] > now}
        free = [number for number in range(places) if number not in taken]
        for number in random.sample(free, min(len(free), TRIES)):
            if self._put(name, number, token, until, "attribute_not_exists(#pk) OR #until <= :now", {"now": now}):
                return number
        return None

    def free(self, name: str, number: int, token: str) -> None:
        """Give a place back, if it is still that token's."""
        self._put(name, number, "", 0, "#token = :token", {"token": token})

    def _put(self, name: str, number: int, token: str, until: int, only_if: str, given: dict[str, object]) -> bool:
        row = {"pk": f"slots#{name}", "sk": f"{number:04d}", "token": token, "until": until}
        try:
            call(self._db.put_item, **rows.insert(self._table, row, only_if=only_if, given=given))
        except Refused as refused:
            mine = refused.reasons[0].item  # our first answer was lost: then it is ours already
            return bool(token) and mine is not None and rows.unpack(mine).get("token") == token
        return True
