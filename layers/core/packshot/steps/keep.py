"""Keep a picture that a caller hands over: into the uploads bucket, with a row that lets jobs name it."""

import hashlib
from dataclasses import dataclass
from typing import Protocol

from packshot import ids
from packshot.answers import Asset, Ticket
from packshot.errors import CallerError
from packshot.job import Job
from packshot.ports import Pictures
from packshot.sniff import sniff
from packshot.wishes import ImportAsset, PresignAsset, PutAsset

MAX_UPLOAD = 20 * 1024 * 1024
"""The largest picture that is taken in, in bytes."""

TICKET_SECONDS = 900
RESULTS = "results/"
CONTENT_TYPES = {"jpg": "image/jpeg", "png": "image/png", "webp": "image/webp"}


class Assets(Protocol):
    """Asset rows."""

    def put(self, account: str, asset: Asset, source: str | None = None) -> Asset:
        """Write a new row; the asset that stands: where another has the same content already, that one."""
        ...

    def known(self, account: str, sha256: str) -> Asset | None:
        """The asset that has this content."""
        ...

    def renew(self, account: str, asset: Asset, tags: tuple[str, ...]) -> Asset:
        """Keep it longer, with these tags as well."""
        ...

    def get(self, account: str, asset_id: str) -> Asset | None:
        """The asset as it stands now."""
        ...

    def list(
        self, account: str, limit: int, cursor: str | None, *, tag: str | None = None, offset: int | None = None
    ) -> tuple[tuple[Asset, ...], str | None, int | None]:
        """A page, newest first, the next cursor, and with an offset how many there are."""
        ...

    def settle(
        self,
        account: str,
        asset_id: str,
        state: str,
        size: int,
        reason: str | None,
        *,
        content_type: str | None = None,
    ) -> None:
        """A picture arrived: ready or rejected."""
        ...

    def delete(self, account: str, asset_id: str) -> None:
        """Forget it. Raises CallerError `not_found`."""
        ...


class Uploads(Pictures, Protocol):
    """The uploads bucket: also hands out forms for direct uploads, and forgets."""

    def delete(self, key: str) -> None:
        """Remove an object, if it is there."""
        ...

    def form(self, key: str, content_type: str, max_bytes: int, seconds: int) -> tuple[str, dict[str, str]]:
        """The address and the fields of a presigned POST that accepts exactly this key and type."""
        ...


def key_of(account: str, asset_id: str) -> str:
    """Where an asset's picture lies in the uploads bucket."""
    return f"assets/{account}/{asset_id}"


def thumbnail_of(account: str, asset_id: str) -> str:
    """Where its thumbnail lies."""
    return f"thumbnails/{account}/{asset_id}.jpg"


def result_key(job: Job, call: int, attempt: int, number: int) -> str:
    """Where a picture lies in the outputs bucket that came with a provider's answer, until it is finished."""
    return f"{RESULTS}{job.account}/{job.id}/{call}-{attempt}-{number}"


def keep_results(job: Job, call: int, attempt: int, pictures: tuple[bytes, ...], outputs: Pictures) -> tuple[str, ...]:
    """Pictures that came with an answer go to the bucket at once, as many as the call wants; the first last: it vouches
    for the others. Their keys."""
    wanted = pictures[: job.calls[call].images]
    keys = tuple(result_key(job, call, attempt, number) for number in range(len(wanted)))
    for key, data in reversed(list(zip(keys, wanted, strict=True))):
        outputs.put(key, data, "application/octet-stream")
    return keys


def profile_key(account: str, profile_id: str, number: int) -> str:
    """Where a profile's picture lies in the uploads bucket."""
    return f"profiles/{account}/{profile_id}/{number}.jpg"


@dataclass(frozen=True, slots=True)
class Keeper:
    """Asset rows and the bucket behind them."""

    assets: Assets
    uploads: Uploads

    def keep(
        self, account: str, data: bytes, filename: str | None, now: int, randomness: bytes, tags: tuple[str, ...] = ()
    ) -> Asset:
        """Store the bytes first, the row second: a crash between leaves an object that its lifecycle rule removes.

        What lies in the bucket is the picture without what hangs on it; the row says how many bytes that is, and its
        hash is that of the caller's bytes: the same a second time are the same asset, kept for thirty days from now.

        Raises CallerError `invalid_field` when the bytes do not begin like a picture we can read.
        """
        if len(data) > MAX_UPLOAD:
            raise CallerError("body_too_large", f"A picture may have {MAX_UPLOAD // 1024 // 1024} MB.")
        kind = sniff(data)
        if kind is None:
            raise CallerError("invalid_field", "The file is not a JPEG, PNG or WebP picture.", field="file")
        from packshot.strip import stripped  # not at the top: few requests bring a picture, each cold start would pay

        sha256, clean = hashlib.sha256(data).hexdigest(), stripped(data)
        known = self.assets.known(account, sha256)
        if known is not None:
            self.uploads.put(key_of(account, known.id), clean, known.content_type)
            return self.assets.renew(account, known, tags)
        new = ids.make("as", now, randomness)
        asset = Asset(new, "ready", now, CONTENT_TYPES[kind], len(clean), filename, tags=tags, sha256=sha256)
        self.uploads.put(key_of(account, asset.id), clean, asset.content_type)
        return self.assets.put(account, asset)

    def put(self, wish: PutAsset, account: str, now: int, randomness: bytes) -> Asset:
        """A picture that came in the request."""
        return self.keep(account, wish.data, wish.filename, now, randomness, wish.tags)

    def fetch(self, wish: ImportAsset, account: str, now: int, randomness: bytes) -> Asset:
        """A picture that is to be fetched: the row asks for it, the relay hears of the row."""
        asset = Asset(ids.make("as", now, randomness), "processing", now, "", 0, wish.filename, tags=wish.tags)
        return self.assets.put(account, asset, wish.url)

    def ticket(self, wish: PresignAsset, account: str, now: int, randomness: bytes) -> Ticket:
        """A form to upload a large picture straight to the bucket; the row turns `ready` when it arrives."""
        new = ids.make("as", now, randomness)
        asset = Asset(new, "uploading", now, wish.content_type, wish.size, wish.filename, tags=wish.tags)
        asset = self.assets.put(account, asset)
        url, fields = self.uploads.form(key_of(account, asset.id), wish.content_type, MAX_UPLOAD, TICKET_SECONDS)
        return Ticket(asset, url, fields, now + TICKET_SECONDS * 1000)

    def forget(self, account: str, asset_id: str) -> None:
        """The row first: what no row names, nobody can use. Raises CallerError `not_found`."""
        self.assets.delete(account, asset_id)
        for key in (key_of(account, asset_id), thumbnail_of(account, asset_id)):
            self.uploads.delete(key)
