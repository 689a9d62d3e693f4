"""The clock of the lanes: a lease row per provider, and the state machine that is started when nobody holds it."""

from packshot.aws import rows
from packshot.aws.calls import Refused, call
from packshot.aws.clients import client
from packshot.wire import dump

LEASE_MS = 240_000

KNOWN_MS = 5_000
"""How long a process believes a lease without looking. A poller that has let go of its lane must therefore look once
more this much later: until then, somebody may have counted on it."""


class Lease:
    """The poller's own side: it renews its lane's lease while it lives, and lets go of it when nothing is due."""

    def __init__(self, table_name: str) -> None:
        self._table = table_name
        self._db = client("dynamodb")

    def renew(self, lane: str, until: int) -> None:
        """Say that this poller lives until then; never shortens a lease."""
        longer = "attribute_not_exists(#until) OR #until < :until"
        self._set(lane, until, longer, {"until": until})

    def release(self, lane: str) -> bool:
        """Let go of the lane. True when it was held until now: then look for due jobs once more, see KNOWN_MS."""
        return self._set(lane, 0, "#until > :none", {"none": 0})

    def _set(self, lane: str, until: int, only_if: str, given: dict[str, object]) -> bool:
        put: dict[str, object] = {"v": rows.VERSION, "until": until}
        try:
            call(
                self._db.update_item,
                **rows.change(self._table, f"lane#{lane}", "poller", put=put, only_if=only_if, given=given),
            )
        except Refused:
            return False
        return True


class Pollers:
    """`ports.Pollers`: takes a free lease, then starts the lane's poller. Two of them would only be waste."""

    def __init__(self, table_name: str, arn: str) -> None:
        self._table = table_name
        self._arn = arn
        self._db = client("dynamodb")
        self._known: dict[str, int] = {}

    def ensure(self, lane: str, now: int) -> bool:
        """Start the lane's poller unless its lease says that one runs. True when one was started.

        When the start fails, the lease is given back and the error goes on to whoever asked.
        """
        if now < self._known.get(lane, 0):
            return False
        mine = now + LEASE_MS
        if not self._take(lane, mine, now):
            return False
        try:
            client("stepfunctions").start_execution(stateMachineArn=self._arn, input=dump({"lane": lane}).decode())
        except Exception:
            self._known.pop(lane, None)
            self._give_back(lane, mine)
            raise
        return True

    def _take(self, lane: str, mine: int, now: int) -> bool:
        update = rows.change(
            self._table,
            f"lane#{lane}",
            "poller",
            put={"v": rows.VERSION, "until": mine},
            only_if="attribute_not_exists(#until) OR #until < :now",
            given={"now": now},
        )
        until = mine
        try:
            call(self._db.update_item, **update)
        except Refused as refused:
            item = refused.reasons[0].item
            until = rows.unpack(item)["until"] if item else now
        self._known[lane] = min(until, now + KNOWN_MS)
        return until == mine  # also when our first answer was lost; a twin of the same millisecond is only waste

    def _give_back(self, lane: str, mine: int) -> None:
        update = rows.change(
            self._table, f"lane#{lane}", "poller", put={"until": 0}, only_if="#until = :mine", given={"mine": mine}
        )
        try:
            call(self._db.update_item, **update)
        except Refused:
            return
