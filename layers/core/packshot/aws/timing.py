"""Running times of each provider, one row each beside the lane's lease; in no index, and no harm if one is lost."""

from collections.abc import Callable

from packshot import observe, timing
from packshot.aws import rows
from packshot.aws.accounts import now_ms
from packshot.aws.calls import Refused, call
from packshot.aws.clients import client

KNOWN_MS = 60_000
"""How long a process believes what it has read."""


class TimingTable:
    """`timing.Timings` in the table: pk `lane#{provider}`, sk `timing`, the times in seconds as one list."""

    def __init__(self, table_name: str, now: Callable[[], int] = now_ms) -> None:
        self._table = table_name
        self._db = client("dynamodb")
        self._now = now
        self._known: dict[str, tuple[int, timing.Looks | None]] = {}

    def looks(self, provider: str) -> timing.Looks | None:
        """The provider's p50, p75 and p90, at most a minute old; None while too little is known."""
        now = self._now()
        known = self._known.get(provider)
        if known is None or now >= known[0]:
            known = (now + KNOWN_MS, timing.quantiles(self._quietly(provider)))
            self._known[provider] = known
        return known[1]

    def seconds(self, provider: str) -> tuple[int, ...]:
        """The last running times, in seconds, the newest last."""
        return self._read(provider)[0]

    def add(self, provider: str, ms: int) -> None:
        """One more running time; when somebody else was adding one, theirs stands and ours is lost."""
        try:
            before, version = self._read(provider)
            put: dict[str, object] = {"v": rows.VERSION, "ver": version + 1, "seconds": timing.added(before, ms)}
            update = rows.change(
                self._table,
                f"lane#{provider}",
                "timing",
                put=put,
                only_if="#ver = :before" if version else "attribute_not_exists(#ver)",
                given={"before": version} if version else None,
            )
            call(self._db.update_item, **update)
        except Refused:
            return
        except Exception as error:  # noqa: BLE001  # a job that is done must not suffer for a statistic
            observe.log("running time lost", "WARNING", provider=provider, error=type(error).__name__)

    def _quietly(self, provider: str) -> tuple[int, ...]:
        try:
            return self._read(provider)[0]
        except Exception as error:  # noqa: BLE001  # an answer of the provider's waits to be written: go on without
            observe.log("running times unread", "WARNING", provider=provider, error=type(error).__name__)
            return ()

    def _read(self, provider: str) -> tuple[tuple[int, ...], int]:
        found = call(self._db.get_item, TableName=self._table, Key=rows.key(f"lane#{provider}", "timing"))
        row = rows.unpack(found["Item"]) if found.get("Item") else {}
        return tuple(int(one) for one in row.get("seconds", ())), row.get("ver", 0)
