"""The table's stream: records to the changes that the relay understands. Rows of no interest give nothing."""

from collections.abc import Iterable, Mapping
from typing import Any

from packshot.aws import rows
from packshot.aws.deliveries import id_of_row
from packshot.aws.jobs import job_of
from packshot.events import PING
from packshot.ports import Change


def changes(records: Iterable[Mapping[str, Any]]) -> list[Change]:
    """What each record says, in order. A record that cannot be read becomes a change that names its row alone."""
    return [change for record in records if (change := _change(record["dynamodb"])) is not None]


def _change(record: Mapping[str, Any]) -> Change | None:
    account, sk = record["Keys"]["pk"]["S"], record["Keys"]["sk"]["S"]
    old, new = record.get("OldImage"), record.get("NewImage")
    if new is None or (old is None and "restored" in new):  # brought back from a copy: the world knows of it
        return None
    if sk.startswith("job#"):
        try:
            return Change(account, sk[4:], before=job_of(old) if old else None, after=job_of(new))
        except Exception:  # noqa: BLE001  # whatever is wrong with the image, the row itself can be looked at again
            return Change(account, sk[4:])
    if sk.startswith("delivery#") and _asks(rows.unpack(old) if old else None, rows.unpack(new)):
        return Change(account, delivery=id_of_row(sk))
    if sk.startswith("asset#") and _unseen(rows.unpack(old) if old else None, rows.unpack(new)):
        return Change(account, asset=sk[6:])
    if sk.startswith("profile#") and old is None:
        return Change(account, profile=sk[8:])
    return None


def _unseen(old: Mapping[str, Any] | None, new: Mapping[str, Any]) -> bool:
    """An asset that is to be fetched, has just arrived, or came once more."""
    if new["state"] == "processing":
        return old is None
    fresh = old is None or old["state"] != "ready" or "width" in old
    return new["state"] == "ready" and "width" not in new and fresh


def _asks(old: Mapping[str, Any] | None, new: Mapping[str, Any]) -> bool:
    """A delivery that somebody asked for: a new test, or one made pending without a try (a replay)."""
    if new["state"] != "pending":
        return False
    return new["type"] == PING if old is None else bool(old["tries"] == new["tries"])
