"""Profile rows: sets of reference pictures under one name. The pictures lie in the uploads bucket beside them."""

import json
from typing import Any

from packshot.answers import Profile
from packshot.aws import rows
from packshot.aws.calls import Refused, call, every, remove
from packshot.aws.clients import client
from packshot.errors import CallerError

MOST = 500
"""Profiles of one account."""


class ProfileTable:
    """Profiles in the table, sk `profile#{id}`. `sources` are the addresses that its pictures come from."""

    def __init__(self, table_name: str) -> None:
        self._table = table_name
        self._db = client("dynamodb")

    def put(self, account: str, profile: Profile, sources: tuple[str, ...]) -> None:
        """Write a new row; the same profile a second time changes nothing."""
        row = {
            "pk": account,
            "sk": f"profile#{profile.id}",
            "state": profile.state,
            "created": profile.created,
            "images": profile.images,
            "tag": profile.tag,
            "sources": rows.fold(list(sources)),
        }
        try:
            call(self._db.put_item, **rows.insert(self._table, row))
        except Refused:  # ids are random: the row that is there is our own, written before an answer was lost
            return

    def get(self, account: str, profile_id: str) -> Profile | None:
        """The profile as it stands."""
        row = self._row(account, profile_id)
        return _profile(row) if row else None

    def sources(self, account: str, profile_id: str) -> tuple[str, ...]:
        """Where its pictures come from; nothing when there is no such profile."""
        row = self._row(account, profile_id)
        return tuple(json.loads(rows.unfold(row["sources"]))) if row else ()

    def list(self, account: str) -> tuple[Profile, ...]:
        """All of the account's, oldest first."""
        asked = rows.query(self._table, "#pk = :pk AND begins_with(#sk, :sk)", {"pk": account, "sk": "profile#"})
        return tuple(_profile(rows.unpack(item)) for item in every(self._db.query, asked))

    def settle(self, account: str, profile_id: str, state: str, images: int, message: str) -> None:
        """Its pictures were fetched, or were not. Once told, it stays; what was deleted stays deleted."""
        told = rows.change(
            self._table,
            account,
            f"profile#{profile_id}",
            put={"state": state, "images": images, "message": message or None},
            only_if="#state = :validating",
            given={"validating": "validating"},
        )
        try:
            call(self._db.update_item, **told)
        except Refused:
            return

    def delete(self, account: str, profile_id: str) -> None:
        """Forget the profile. Raises CallerError `not_found`."""
        remove(self._db.delete_item, self._table, _key(account, profile_id))

    def count(self, account: str) -> None:
        """Raise CallerError when the account has all that it may have."""
        if len(self.list(account)) >= MOST:
            raise CallerError("state_conflict", f"An account has at most {MOST} profiles.")

    def _row(self, account: str, profile_id: str) -> dict[str, Any] | None:
        if not account:
            return None
        key = _key(account, profile_id)
        found = call(self._db.get_item, TableName=self._table, Key=key, ConsistentRead=True)
        return rows.unpack(found["Item"]) if found.get("Item") else None


def _key(account: str, profile_id: str) -> rows.Item:
    return rows.key(account, f"profile#{profile_id}"[:500])


def _profile(row: dict[str, Any]) -> Profile:
    return Profile(row["sk"][8:], row["state"], row["created"], row["images"], row.get("tag"), row.get("message", ""))
