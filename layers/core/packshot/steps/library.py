"""Kept pictures are looked at: one that is to be fetched is fetched, each gets its size and a thumbnail; profiles too.

Repeated, it writes the same again. What cannot be a picture says so in its row; nothing is lost by trying again.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from packshot import observe
from packshot.egress import FetchFailed
from packshot.picture import BadPicture, Picture, decode, finish
from packshot.ports import Http, Pictures
from packshot.sniff import sniff
from packshot.steps.keep import CONTENT_TYPES, MAX_UPLOAD, key_of, profile_key, thumbnail_of
from packshot.strip import stripped

THUMBNAIL = 512
"""The longer side of a thumbnail, in pixels."""

REFERENCE = 2048
"""The longer side of a profile's pictures, in pixels."""

SECONDS = 20
PATIENCE = 3
"""How often an address that may yet answer is tried."""

MOST_PICTURES = 50
"""Of one profile, as the API takes them."""


class Assets(Protocol):
    """Asset rows."""

    def source(self, account: str, asset_id: str) -> str | None: ...
    def settle(
        self, account: str, asset_id: str, state: str, size: int, reason: str | None, *, content_type: str | None = None
    ) -> None: ...
    def measure(self, account: str, asset_id: str, width: int, height: int) -> None: ...


class Profiles(Protocol):
    """Profile rows."""

    def sources(self, account: str, profile_id: str) -> tuple[str, ...]: ...
    def settle(self, account: str, profile_id: str, state: str, images: int, message: str) -> None: ...


class Uploads(Pictures, Protocol):
    """The uploads bucket."""

    def delete(self, key: str) -> None:
        """Remove an object, if it is there."""
        ...


@dataclass(frozen=True, slots=True)
class Librarian:
    """What looking at kept pictures takes."""

    assets: Assets
    profiles: Profiles
    uploads: Uploads
    http: Http


def look(message: Mapping[str, object], *, room: Librarian, receives: int = 1) -> None:
    """Carry out one message about an asset or a profile. `receives` is how often the queue has handed it out.

    Raises FetchFailed while an address may yet answer: then the queue brings the message again.
    """
    account, patient = str(message["account"]), receives < PATIENCE
    if "asset" in message:
        _asset(account, str(message["asset"]), room, patient=patient)
    else:
        _profile(account, str(message["profile"]), room, patient=patient)


def _asset(account: str, asset_id: str, room: Librarian, *, patient: bool) -> None:
    source, key = room.assets.source(account, asset_id), key_of(account, asset_id)
    if source is not None:
        try:
            data = stripped(room.http.fetch(source, hosts=None, seconds=SECONDS, max_bytes=MAX_UPLOAD))
        except FetchFailed as error:
            if error.may_pass and patient:
                raise
            room.assets.settle(account, asset_id, "rejected", 0, str(error))
            return
        kind = CONTENT_TYPES[sniff(data) or "jpg"]
        room.uploads.put(key, data, kind)
    else:
        stored = room.uploads.get(key)
        if stored is None:  # deleted meanwhile
            return
        data, kind = stored, None
    try:
        picture = decode(data)
    except BadPicture as error:
        room.assets.settle(account, asset_id, "rejected", len(data), str(error))
        return
    room.uploads.put(thumbnail_of(account, asset_id), _small(picture, THUMBNAIL, 85), "image/jpeg")
    room.assets.measure(account, asset_id, picture.width, picture.height)
    if source is not None:
        room.assets.settle(account, asset_id, "ready", len(data), None, content_type=kind)


def _profile(account: str, profile_id: str, room: Librarian, *, patient: bool) -> None:
    """Our own copies of all its pictures, or an error that names the first that cannot be used.

    Of a profile that was deleted meanwhile nothing stays.
    """
    sources = room.profiles.sources(account, profile_id)
    if not sources:  # deleted: whoever looked before us may have died with pictures put
        _forget(account, profile_id, MOST_PICTURES, room)
    for number, url in enumerate(sources):
        try:
            picture = decode(room.http.fetch(url, hosts=None, seconds=SECONDS, max_bytes=MAX_UPLOAD))
        except (FetchFailed, BadPicture) as error:
            if isinstance(error, FetchFailed) and error.may_pass and patient:
                raise
            room.profiles.settle(account, profile_id, "error", number, f"images[{number}]: {error}")
            return
        data = _small(picture, REFERENCE, 95)
        room.uploads.put(profile_key(account, profile_id, number), data, "image/jpeg")
    if sources:
        room.profiles.settle(account, profile_id, "ready", len(sources), "")
    if sources and not room.profiles.sources(account, profile_id):
        _forget(account, profile_id, len(sources), room)
    elif sources:
        observe.log("profile ready", account=account, profile=profile_id, images=len(sources))


def _forget(account: str, profile_id: str, images: int, room: Librarian) -> None:
    for number in range(images):
        room.uploads.delete(profile_key(account, profile_id, number))


def _small(picture: Picture, side: int, quality: int) -> bytes:
    scale = min(1.0, side / max(picture.width, picture.height))
    width, height = max(1, round(picture.width * scale)), max(1, round(picture.height * scale))
    return finish(picture, width, height, format="jpg", quality=quality, source_type="digitalCapture")
