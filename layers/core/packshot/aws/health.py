"""The health of routes, one row each in their provider's partition.

Statistics, not truth: a write that loses a race is tried again a few times and then dropped.
"""

import json
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any

from packshot import health, observe
from packshot.aws import rows
from packshot.aws.accounts import now_ms
from packshot.aws.calls import Refused, call
from packshot.aws.clients import client
from packshot.health import Health
from packshot.wire import dump

KNOWN_MS = 5_000
"""How long a process believes what it has read."""

TRIES = 3


class HealthTable:
    """`ports.HealthBook` in the table: pk `health#{name}`, sk a provider's model, or `*`; read with one query."""

    def __init__(self, table_name: str, now: Callable[[], int] = now_ms) -> None:
        self._table = table_name
        self._db = client("dynamodb")
        self._now = now
        self._known: dict[str, tuple[int, dict[str, Health]]] = {}

    def of(self, name: str) -> dict[str, Health]:
        """Every route's health by model, a few seconds old at most; empty when it cannot be read. Never raises."""
        now = self._now()
        known = self._known.get(name)
        if known is None or now >= known[0]:
            known = (now + KNOWN_MS, self._read(name))
            self._known[name] = known
        return known[1]

    def note(self, name: str, model: str, outcome: str, *, took: int = 0, busy_until: int = 0) -> Health | None:
        """One more outcome; how the route does now, or None when nothing was written. Never raises."""
        try:
            for _ in range(TRIES):
                before, version = self._one(name, model)
                after = health.after(before, outcome, self._now(), took=took, busy_until=busy_until)
                if after == before or self._write(name, model, after, version):
                    self._known.pop(name, None)
                    return after
        except Exception as error:  # noqa: BLE001  # a job's life must not depend on a statistic
            observe.log("health not noted", "WARNING", provider=name, error=type(error).__name__)
        return None

    def probe(self, name: str, model: str) -> bool:
        """Be the one call that tries a half-open route. True for one caller."""
        before, version = self._one(name, model)
        now = self._now()
        if not before.half_open(now):
            return before.closed(now)
        tried = replace(before, probe=now + health.PROBE_MS)
        return self._write(name, model, tried, version)

    def _read(self, name: str) -> dict[str, Health]:
        try:
            found = call(self._db.query, **rows.query(self._table, "#pk = :pk", {"pk": f"health#{name}"}))["Items"]
            return {row["sk"]: _health(row) for row in map(rows.unpack, found)}
        except Exception as error:  # noqa: BLE001
            observe.log("health unread", "WARNING", provider=name, error=type(error).__name__)
            return {}

    def _one(self, name: str, model: str) -> tuple[Health, int]:
        key = rows.key(f"health#{name}", model)
        found = call(self._db.get_item, TableName=self._table, Key=key, ConsistentRead=True)
        row = rows.unpack(found["Item"]) if found.get("Item") else {}
        return _health(row), row.get("ver", 0)

    def _write(self, name: str, model: str, after: Health, version: int) -> bool:
        put: dict[str, object] = {"v": rows.VERSION, "ver": version + 1, "body": dump(asdict(after)).decode()}
        only_if, given = ("#ver = :before", {"before": version}) if version else ("attribute_not_exists(#ver)", None)
        update = rows.change(self._table, f"health#{name}", model, put=put, only_if=only_if, given=given)
        try:
            call(self._db.update_item, **update)
        except Refused:
            return False
        return True


def _health(row: dict[str, Any]) -> Health:
    return Health(**json.loads(row["body"])) if "body" in row else Health()
