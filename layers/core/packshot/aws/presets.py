"""Presets that accounts made: a row for the newest version, and one for every version there was."""

from packshot.aws import rows
from packshot.aws.calls import Refused, call, every, remove
from packshot.aws.clients import client
from packshot.catalog import Preset
from packshot.errors import CallerError, Stale, not_found

MOST = 200
"""Presets of one account."""


class PresetTable:
    """`steps.presets.Presets` in the table: sk `preset#{id}` holds the newest, `presetv#{id}#{version}` each."""

    def __init__(self, table_name: str) -> None:
        self._table = table_name
        self._db = client("dynamodb")

    def get(self, account: str, preset_id: str) -> Preset | None:
        """The preset as it stands, or the version that `{id}@{version}` names."""
        name, at, version = preset_id.partition("@")
        if at and not (version.isascii() and version.isdigit() and 0 < len(version) < 6):
            return None
        sk = _version_key(name, int(version)) if at else f"preset#{name}"
        if not account or len(sk) > 200:
            return None
        found = call(self._db.get_item, TableName=self._table, Key=rows.key(account, sk), ConsistentRead=True)
        return _preset(rows.unpack(found["Item"])) if found.get("Item") else None

    def list(self, account: str) -> tuple[Preset, ...]:
        """All of the account's, by id."""
        asked = rows.query(self._table, "#pk = :pk AND begins_with(#sk, :sk)", {"pk": account, "sk": "preset#"})
        return tuple(_preset(rows.unpack(item)) for item in every(self._db.query, asked))

    def put(self, account: str, preset: Preset) -> None:
        """Write a version; the one before must be the newest until now. A repeat of this very write changes nothing.

        Raises Stale when somebody else wrote that version, CallerError `not_found` when there is none to follow.
        """
        row = {
            "pk": account, "id": preset.id, "version": preset.version, "title": preset.title, "prompt": preset.prompt,
            "studio": preset.studio, "category": preset.category, "description": preset.description or None,
            "created": preset.created,
        }  # fmt: skip
        first = preset.version == 1
        head = rows.insert(
            self._table,
            {**row, "sk": f"preset#{preset.id}"},
            only_if="attribute_not_exists(#pk)" if first else "#version = :before",
            given=None if first else {"before": preset.version - 1},
        )
        each = rows.insert(self._table, {**row, "sk": _version_key(preset.id, preset.version)})
        try:
            call(self._db.transact_write_items, TransactItems=[{"Put": head}, {"Put": each}])
        except Refused:
            stands = self.get(account, preset.id)
            if stands is None:
                raise not_found() from None
            if stands != preset:
                raise Stale(preset.id) from None

    def delete(self, account: str, preset_id: str) -> None:
        """Forget the preset; its versions stay readable for jobs that name one. Raises CallerError `not_found`."""
        remove(self._db.delete_item, self._table, rows.key(account, f"preset#{preset_id}"[:500]))

    def count(self, account: str) -> None:
        """Raise CallerError when the account has all that it may have."""
        if len(self.list(account)) >= MOST:
            raise CallerError("state_conflict", f"An account has at most {MOST} presets.")


def _version_key(preset_id: str, version: int) -> str:
    return f"presetv#{preset_id}#{version:05d}"


def _preset(row: rows.Item) -> Preset:
    return Preset(
        row["id"],
        row["version"],
        row["title"],
        row.get("description", ""),
        row["category"],
        row["prompt"],
        row["studio"],
        "account",
        row["created"],
    )
