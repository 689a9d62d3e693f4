"""Rate limits as GCRA (a leaky bucket kept as one number): `tat` is when the bucket of a key
will be empty again, in µs since 1970.

A request costs 60 s / rpm; up to `burst` of them may come at once. The warm path is one conditional write. It adds to
what is there, so a lost answer may charge a request twice; none is ever let through uncharged.
"""

from dataclasses import dataclass

from packshot.aws import rows
from packshot.aws.calls import Refused, call
from packshot.aws.clients import client
from packshot.errors import Unavailable

KEPT_S = 3600
"""How long a row outlives its bucket."""

REMEMBERED = 2_000
TRIES = 3


@dataclass(frozen=True, slots=True)
class Rate:
    """How a key stands with its limit. `wait`: whole seconds until the next (refused) or until full (allowed)."""

    allowed: bool
    remaining: int
    wait: int


class RateTable:
    """One row per key and bucket."""

    def __init__(self, table_name: str) -> None:
        self._table = table_name
        self._db = client("dynamodb")
        self._blocked: dict[tuple[str, str], int] = {}
        self._known: dict[tuple[str, str], int] = {}

    def take(self, kid: str, bucket: str, rpm: int, burst: int, now: int) -> Rate:
        """One request more at `now` (ms). Raises Unavailable when the table is busy; what that means is not ours.

        Whoever was refused is refused again without a write until their time comes.
        """
        cost = -(-60_000_000 // max(rpm, 1))  # in µs, as all that follows
        room, at = cost * (max(burst, 1) - 1), now * 1000
        until = self._blocked.get((kid, bucket), 0)
        if at < until:
            return Rate(False, 0, _seconds(until - at))
        self._blocked.pop((kid, bucket), None)
        tat, allowed = self._charge(kid, bucket, cost, room, at)
        if allowed:
            return Rate(True, max(0, (room + cost - (tat - at)) // cost), _seconds(tat - at))
        if len(self._blocked) >= REMEMBERED:
            self._blocked.clear()
        self._blocked[kid, bucket] = tat - room
        return Rate(False, 0, _seconds(tat - room - at))

    def _charge(self, kid: str, bucket: str, cost: int, room: int, at: int) -> tuple[int, bool]:
        """The new `tat` and True, or the one that stands in the way and False."""
        pk, expires = f"rate#{kid}", (at + room + cost) // 1_000_000 + KEPT_S
        given, tat = {"now": at, "full": at + room}, self._known.get((kid, bucket), 0)
        for _ in range(TRIES):
            try:
                if tat < at:
                    idle = rows.change(
                        self._table,
                        pk,
                        bucket,
                        put={"v": 1, "tat": at + cost, "expires": expires},
                        only_if="attribute_not_exists(#tat) OR #tat < :now",
                        given={"now": given["now"]},
                    )
                    call(self._db.update_item, **idle)
                    return self._note(kid, bucket, at + cost), True
                busy = rows.change(
                    self._table,
                    pk,
                    bucket,
                    add={"tat": cost},
                    put={"expires": expires},
                    only_if="#tat >= :now AND #tat <= :full",
                    given=given,
                )
                new = call(self._db.update_item, **busy, ReturnValues="UPDATED_NEW")["Attributes"]
                return self._note(kid, bucket, int(new["tat"]["N"])), True
            except Refused as refused:
                item = refused.reasons[0].item or {}
                tat = int(item["tat"]["N"]) if "tat" in item else 0
            if tat > at + room:
                return tat, False
        raise Unavailable("the limit changes faster than it can be read")

    def _note(self, kid: str, bucket: str, tat: int) -> int:
        """Remember where the bucket stood: it says which of the two writes is worth trying first."""
        if len(self._known) >= REMEMBERED:
            self._known.clear()
        self._known[kid, bucket] = tat
        return tat


def _seconds(microseconds: int) -> int:
    return -(-max(0, microseconds) // 1_000_000)
