"""Keep a picture that a caller hands over: into the uploads bucket, with a row that lets jobs name it."""

from dataclasses import dataclass
from typing import Protocol

from packshot import ids
from packshot.answers import Asset, Ticket
from packshot.errors import CallerError
from packshot.ports import Pictures
from packshot.sniff import sniff
from packshot.wishes import PresignAsset, PutAsset

MAX_UPLOAD = 20 * 1024 * 1024
"""The largest picture that is taken in, in bytes."""

TICKET_SECONDS = 900
CONTENT_TYPES = {"jpg": "image/jpeg", "png": "image/png", "webp": "image/webp"}


class Assets(Protocol):
    """Asset rows."""

    def put(self, account: str, asset: Asset) -> None:
        """Write a new row."""
        ...

    def get(self, account: str, asset_id: str) -> Asset | None:
        """The asset as it stands now."""
        ...

    def list(self, account: str, limit: int, cursor: str | None) -> tuple[tuple[Asset, ...], str | None]:
        """A page, newest first, and the next cursor."""
        ...

    def settle(self, account: str, asset_id: str, state: str, size: int, reason: str | None) -> None:
        """An upload arrived: ready or rejected."""
        ...


class Uploads(Pictures, Protocol):
    """The uploads bucket: also hands out forms for direct uploads."""

    def form(self, key: str, content_type: str, max_bytes: int, seconds: int) -> tuple[str, dict[str, str]]:
        """The address and the fields of a presigned POST that accepts exactly this key and type."""
        ...


def key_of(account: str, asset_id: str) -> str:
    """Where an asset's picture lies in the uploads bucket."""
    return f"assets/{account}/{asset_id}"


@dataclass(frozen=True, slots=True)
class Keeper:
    """Asset rows and the bucket behind them."""

    assets: Assets
    uploads: Uploads

    def keep(self, account: str, data: bytes, filename: str | None, now: int, randomness: bytes) -> Asset:
        """Store the bytes first, the row second: a crash between leaves an object that its lifecycle rule removes.

        Raises CallerError `invalid_field` when the bytes do not begin like a picture we can read.
        """
        if len(data) > MAX_UPLOAD:
            raise CallerError("body_too_large", f"A picture may have {MAX_UPLOAD // 1024 // 1024} MB.")
        kind = sniff(data)
        if kind is None:
            raise CallerError("invalid_field", "The file is not a JPEG, PNG or WebP picture.", field="file")
        asset = Asset(ids.make("as", now, randomness), "ready", now, CONTENT_TYPES[kind], len(data), filename)
        self.uploads.put(key_of(account, asset.id), data, asset.content_type)
        self.assets.put(account, asset)
        return asset

    def put(self, wish: PutAsset, account: str, now: int, randomness: bytes) -> Asset:
        """A picture that came in the request."""
        return self.keep(account, wish.data, wish.filename, now, randomness)

    def ticket(self, wish: PresignAsset, account: str, now: int, randomness: bytes) -> Ticket:
        """A form to upload a large picture straight to the bucket; the row turns `ready` when it arrives."""
        asset = Asset(ids.make("as", now, randomness), "uploading", now, wish.content_type, wish.size, wish.filename)
        self.assets.put(account, asset)
        url, fields = self.uploads.form(key_of(account, asset.id), wish.content_type, MAX_UPLOAD, TICKET_SECONDS)
        return Ticket(asset, url, fields, now + TICKET_SECONDS * 1000)
