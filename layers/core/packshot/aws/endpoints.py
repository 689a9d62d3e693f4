"""Callback endpoints, and the secrets that sign: an endpoint's own, or the account's (`default`).

Secrets are sealed (`aws/sealed.py`) before they come here; two of them are valid while one is being rotated out.
"""

from dataclasses import dataclass
from typing import Any

from packshot.answers import Endpoint
from packshot.aws import rows
from packshot.aws.calls import Refused, call, remove
from packshot.aws.clients import client
from packshot.errors import Stale, not_found
from packshot.wishes import ChangeEndpoint

DEFAULT = "default"
"""The id under which the account's own secret is spoken of."""


@dataclass(frozen=True, slots=True)
class Signing:
    """The sealed secrets that sign; the old one until `old_until` (ms)."""

    secret: bytes
    old_secret: bytes | None = None
    old_until: int | None = None

    def valid(self, now: int) -> tuple[bytes, ...]:
        """Those that sign at `now`, the new one first."""
        old = self.old_secret if self.old_until is not None and now < self.old_until else None
        return (self.secret, old) if old else (self.secret,)


@dataclass(frozen=True, slots=True)
class EndpointRow:
    """An endpoint as it is stored. `disabled` is the reason; `failing_since` (ms) is unset while deliveries succeed."""

    account: str
    endpoint: Endpoint
    signing: Signing
    failing_since: int | None = None


class EndpointTable:
    """Endpoints and signing secrets in the table."""

    def __init__(self, table_name: str) -> None:
        self._table = table_name
        self._db = client("dynamodb")

    def put(self, account: str, endpoint: Endpoint, secret: bytes) -> None:
        """Write a new endpoint with its sealed secret; the same one a second time changes nothing."""
        row: dict[str, object] = {
            "pk": account,
            "sk": f"endpoint#{endpoint.id}",
            "url": endpoint.url,
            "events": endpoint.events,
            "secret": secret,
            "disabled": endpoint.disabled,
            "description": endpoint.description,
            "form": endpoint.form or None,
            "created": endpoint.created,
        }
        try:
            call(self._db.put_item, **rows.insert(self._table, row))
        except Refused:
            return

    def get(self, account: str, endpoint_id: str) -> EndpointRow | None:
        """The endpoint as it stands now."""
        row = self._get(account, f"endpoint#{endpoint_id}")
        return _row(row) if row else None

    def list(self, account: str) -> tuple[EndpointRow, ...]:
        """All endpoints of the account, oldest first."""
        asked = rows.query(
            self._table,
            "#pk = :pk AND begins_with(#sk, :prefix)",
            {"pk": account, "prefix": "endpoint#"},
            ConsistentRead=True,
        )
        found: list[EndpointRow] = []
        while True:
            answer = call(self._db.query, **asked)
            found += map(_row, map(rows.unpack, answer["Items"]))
            if "LastEvaluatedKey" not in answer:
                return tuple(found)
            asked["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    def change(self, account: str, wish: ChangeEndpoint) -> EndpointRow:
        """Change what the wish names; switching on forgets past failures. Raises CallerError `not_found`."""
        put: dict[str, object] = {
            name: value for name in ("url", "events", "description") if (value := getattr(wish, name)) is not None
        }
        if wish.disabled:
            put["disabled"] = "by the caller"
        drop = ("disabled", "failing_since") if wish.disabled is False else ()
        return self._update(account, wish.id, {**put, "v": rows.VERSION}, drop)

    def delete(self, account: str, endpoint_id: str) -> None:
        """Forget an endpoint. Raises CallerError `not_found`."""
        if len(endpoint_id) > 200:
            raise not_found()
        remove(self._db.delete_item, self._table, rows.key(account, f"endpoint#{endpoint_id}"))

    def failed(self, account: str, endpoint_id: str, at: int) -> EndpointRow | None:
        """A delivery failed at `at`; the first failure of a row of them is remembered. None: the endpoint is gone."""
        row = self.get(account, endpoint_id)
        if row is None or row.failing_since is not None:
            return row
        return self._mark(account, endpoint_id, {"failing_since": at}, ())

    def worked(self, row: EndpointRow) -> None:
        """A delivery arrived: costs a write only after failures."""
        if row.failing_since is not None:
            self._mark(row.account, row.endpoint.id, {"v": rows.VERSION}, ("failing_since",))

    def disable(self, account: str, endpoint_id: str, reason: str) -> None:
        """Send nothing more there; `reason` is what its owner is told."""
        self._mark(account, endpoint_id, {"disabled": reason}, ())

    def signing(self, account: str, endpoint_id: str) -> Signing | None:
        """The secrets of an endpoint, or of the account for `default`."""
        row = self._get(account, _sk(endpoint_id))
        return _signing(row) if row and "secret" in row else None

    def rotate(self, account: str, endpoint_id: str, before: Signing, secret: bytes, old_until: int) -> Signing:
        """Put a new sealed secret in the place of `before`, which signs along until `old_until` (ms).

        Raises CallerError `not_found`, or Stale when somebody else rotated it meanwhile.
        """
        after = Signing(secret, before.secret, old_until)
        put: dict[str, object] = {"secret": secret, "old_secret": before.secret, "old_until": old_until}
        update = rows.change(
            self._table,
            account,
            _sk(endpoint_id),
            put=put,
            only_if="#secret = :before",
            given={"before": before.secret},
        )
        try:
            call(self._db.update_item, **update)
        except Refused as refused:
            stored = self._get(account, _sk(endpoint_id))
            if stored is None:
                raise not_found() from refused
            if _signing(stored) != after:
                raise Stale(endpoint_id) from refused
        return after

    def _mark(
        self, account: str, endpoint_id: str, put: dict[str, object], drop: tuple[str, ...]
    ) -> EndpointRow | None:
        update = rows.change(self._table, account, f"endpoint#{endpoint_id}", put=put, drop=drop)
        try:
            answer = call(self._db.update_item, **update, ReturnValues="ALL_NEW")
        except Refused:
            return None
        return _row(rows.unpack(answer["Attributes"]))

    def _update(self, account: str, endpoint_id: str, put: dict[str, object], drop: tuple[str, ...]) -> EndpointRow:
        row = self._mark(account, endpoint_id, put, drop) if len(endpoint_id) < 200 else None
        if row is None:
            raise not_found()
        return row

    def _get(self, account: str, sk: str) -> dict[str, Any] | None:
        if not account or len(sk) > 300:
            return None
        found = call(self._db.get_item, TableName=self._table, Key=rows.key(account, sk), ConsistentRead=True)
        return rows.unpack(found["Item"]) if found.get("Item") else None


def _sk(endpoint_id: str) -> str:
    return "account" if endpoint_id == DEFAULT else f"endpoint#{endpoint_id}"


def _signing(row: dict[str, Any]) -> Signing:
    return Signing(row["secret"], row.get("old_secret"), row.get("old_until"))


def _row(row: dict[str, Any]) -> EndpointRow:
    endpoint = Endpoint(
        row["sk"][9:],
        row["url"],
        tuple(row["events"]),
        row["created"],
        row.get("disabled"),
        row.get("description", ""),
        row.get("form", ""),
        old_secret_until=row.get("old_until"),
    )
    return EndpointRow(row["pk"], endpoint, _signing(row), row.get("failing_since"))
