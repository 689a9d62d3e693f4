"""A picture lands in the uploads bucket: an asset arrives, or `inbox/{account}/{preset}/{name}` becomes a job.

Exactly once per object version: the version is the idempotency key. What cannot become a job becomes an event
`upload.rejected` with the reason, and nothing else.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from packshot import events, ids, observe
from packshot.brief import Brief, Image, ratio_of
from packshot.catalog import presets
from packshot.errors import CallerError
from packshot.ports import Bus, Pictures
from packshot.principal import SPENDING, Principal
from packshot.sniff import sniff
from packshot.steps.keep import CONTENT_TYPES, MAX_UPLOAD, Assets
from packshot.steps.submit import Intake, submit
from packshot.strip import stripped
from packshot.wishes import Submit

_NAME = re.compile(r"[^/\x00-\x1f\x7f]{1,200}")


class Account(Protocol):
    """An account as it stands."""

    @property
    def status(self) -> str: ...


class Known(Protocol):
    """Accounts by id."""

    def account(self, account: str) -> Account | None:
        """The account as it stands now."""
        ...


class Head(Protocol):
    """Size in bytes, and the uploader's own metadata (names in lower case)."""

    @property
    def bytes(self) -> int: ...
    @property
    def metadata(self) -> Mapping[str, str]: ...


class Inbox(Pictures, Protocol):
    """The uploads bucket, with what S3 knows of an object."""

    def head(self, key: str) -> Head | None:
        """What an object is without reading it, or None."""
        ...


class Rejected(Exception):
    """An upload that cannot become a job; the message is public."""


@dataclass(frozen=True, slots=True)
class Gate:
    """What taking uploads in takes."""

    intake: Intake
    accounts: Known
    assets: Assets
    uploads: Inbox
    bus: Bus
    now: Callable[[], int]


def upload(detail: Mapping[str, object], *, room: Gate) -> None:
    """Take one S3 event's `detail`. Raises only what a repetition may mend."""
    thing = detail["object"]
    if not isinstance(thing, Mapping):
        raise ValueError("object")
    key = str(thing["key"])
    if key.startswith("assets/"):
        _arrived(key, room)
        return
    version = str(thing.get("version-id") or thing.get("etag") or thing.get("sequencer"))
    account = [*key.split("/"), ""][1]
    try:
        brief = _brief(key, room)
        principal = Principal(account, "upload", "live", frozenset())
        wish = Submit(brief, idempotency_key=f"upload:{key}:{version}")
        view = submit(wish, principal, f"upload-{version}", intake=room.intake)
        observe.log("upload taken", account=account, job=view.job.id, fresh=view.fresh)
    except (Rejected, CallerError) as error:
        code = error.code if isinstance(error, CallerError) else "upload_rejected"
        event = events.upload_rejected(
            account, f"{key}:{version}", key=key, code=code, message=str(error), at=room.now()
        )
        room.bus.put([(events.UPLOAD_REJECTED, event)])
        observe.log("upload rejected", "WARNING", account=account, code=code)


def _brief(key: str, room: Gate) -> Brief:
    parts = key.split("/")
    if (
        len(parts) != 4
        or parts[0] != "inbox"
        or not all(_NAME.fullmatch(part) and part not in (".", "..") for part in parts)
    ):
        raise Rejected("The path must be inbox/{account}/{preset}/{name}.jpg, .png or .webp.")
    _, account, preset, name = parts
    stem, dot, ending = name.rpartition(".")
    if not stem or not dot or ending.lower() not in ("jpg", "jpeg", "png", "webp"):
        raise Rejected("The name must end in .jpg, .jpeg, .png or .webp.")
    known = room.accounts.account(account)
    if known is None or known.status not in SPENDING:
        raise Rejected("There is no such account.")
    if preset not in presets():
        raise Rejected(f"There is no such preset. Known: {', '.join(presets())}.")
    head = room.uploads.head(key)
    if head is None:
        raise Rejected("The object is gone.")
    size, metadata = head.bytes, head.metadata
    if not 0 < size <= MAX_UPLOAD:
        raise Rejected(f"A picture may have 1 byte to {MAX_UPLOAD // 1024 // 1024} MB.")
    if sniff(room.uploads.get(key) or b"") is None:
        raise Rejected("The object is not a JPEG, PNG or WebP picture.")
    return Brief(
        "generate",
        metadata.get("model", "studio"),
        images=(Image("upload", key),),
        preset=preset,
        count=_count(metadata.get("count", "1")),
        aspect_ratio=_ratio(metadata.get("ratio", "auto")),
        outbox=f"outbox/{account}/{preset}/{stem}",
    )


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 10):
        raise Rejected("The metadata `count` must be 1 to 10.")
    return int(text)


def _ratio(text: str) -> str:
    try:
        ratio_of(text)
    except (ValueError, ZeroDivisionError):
        raise Rejected("The metadata `ratio` must be auto or w:h.") from None
    return text


def _arrived(key: str, room: Gate) -> None:
    """A direct upload is complete: its asset is ready, or rejected with the reason.

    S3 took it as the caller sent it. What hangs on the picture is taken off and the picture put back under its key, and
    only then is its row ready. Whoever dies between has lost nothing: the message comes again, and S3 tells of the new
    object as well; that one is clean, and what was told of the row once stays.
    """
    parts = key.split("/")
    if len(parts) != 3 or not ids.is_id("as", parts[2]):
        return
    head = room.uploads.head(key)
    if head is None:
        return
    data = room.uploads.get(key) if head.bytes <= MAX_UPLOAD else None
    kind = sniff(data) if data is not None else None
    if data is None or kind is None:
        room.assets.settle(parts[1], parts[2], "rejected", head.bytes, "not a JPEG, PNG or WebP picture")
        return
    clean = stripped(data)
    if clean != data:
        room.uploads.put(key, clean, CONTENT_TYPES[kind])
    room.assets.settle(parts[1], parts[2], "ready", len(clean), None)
