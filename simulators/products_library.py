"""The pictures that an account of a simulated product-photo service keeps: uploads, imports, profiles."""

import io
import os
from collections.abc import Callable
from dataclasses import replace
from urllib.parse import urlsplit

from PIL import Image as Pixels
from PIL import ImageOps

from packshot import answers as a
from packshot import ids, multipart, urls
from packshot import wishes as w
from packshot.brief import Image
from packshot.errors import CallerError
from packshot.wire import Request
from simulators import kit
from simulators.pictures import size_of
from simulators.wire import LOOPBACK
from simulators.world import World

KINDS = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp"}
TICKET_MS = 900_000
UNFETCHED = "This address cannot be fetched"


def ms(seconds: float) -> int:
    """A time in ms."""
    return round(seconds * 1000)


def reachable(url: str, message: str, field: str) -> None:
    """Refuse an address that is neither this machine's nor a public https one. Raises CallerError."""
    if urlsplit(url).hostname in LOOPBACK:
        return
    if reason := urls.check(url, schemes=("https",), ports=(443,), local=False):
        raise CallerError("invalid_field", f"{message}: {reason}.", field=field)


class Library:
    """Assets and profiles by id. `held` has the bytes of assets, of profiles (`{id}/0`) and of posted files."""

    def __init__(self, world: World, files: kit.Files) -> None:
        self.world, self.files = world, files
        self.assets: dict[str, a.Asset] = {}
        self.profiles: dict[str, a.Profile] = {}
        self.held: dict[str, bytes] = {}

    def id(self, prefix: str, make: Callable[[str, int, bytes], str] = ids.make) -> str:
        """A new one."""
        return make(prefix, self.now(), os.urandom(10))

    def now(self) -> int:
        """In ms."""
        return ms(self.world.now())

    def is_ours(self, url: str) -> bool:
        """Whether a picture at that address is kept here."""
        return url.startswith(f"{self.files.at}/")

    def read(self, image: Image) -> bytes:
        """An input picture. Raises OSError."""
        if image.kind in ("url", "own"):
            data = self.files.answer(image.value).body if self.is_ours(image.value) else self.world.fetch(image.value)
        else:
            data = self.held.get(image.value, b"")
        kit.measured(data)
        return data

    # --- assets ------------------------------------------------------------------------------------------------------
    def put(self, wish: w.PutAsset) -> a.Asset:
        """Keep a picture that came in the request. Raises CallerError."""
        asset = a.Asset(self.id("as"), "ready", self.now(), "", 0, wish.filename, tags=wish.tags)
        try:
            return self._keep(asset, wish.data)
        except OSError:
            raise CallerError("invalid_field", "The file is not a picture.", field="file") from None

    def _keep(self, asset: a.Asset, data: bytes) -> a.Asset:
        """A picture that arrived: its asset is ready, with an address. Raises OSError."""
        with Pixels.open(io.BytesIO(data)) as image:
            kind = KINDS.get(image.format or "", "image/jpeg")
        width, height = size_of(data) or (0, 0)
        url = self._address(lambda: data, kind)
        asset = replace(asset, state="ready", content_type=kind, bytes=len(data), width=width, height=height, url=url)
        self.assets[asset.id], self.held[asset.id] = asset, data
        return asset

    def _address(self, make: Callable[[], bytes], kind: str) -> str:
        return self.files.keep(make, kind.rpartition("/")[2].replace("jpeg", "jpg"), kit.Asked(self.world, ""))

    def fetch(self, wish: w.ImportAsset) -> a.Asset:
        """Keep the picture at an address, once it was fetched. Raises CallerError."""
        reachable(wish.url, UNFETCHED, "url")
        asset = a.Asset(self.id("as"), "processing", self.now(), "", 0, wish.filename, tags=wish.tags)
        self.assets[asset.id] = asset

        def arrive() -> None:
            try:
                self._keep(asset, self.read(Image("url", wish.url)))
            except OSError:
                self.assets[asset.id] = replace(asset, state="rejected", reason="It cannot be fetched or read.")

        self.world.later(float(self.world.settings["latency"]), arrive)
        return asset

    def ticket(self, wish: w.PresignAsset) -> a.Ticket:
        """A form to post to where the files are."""
        name = self.id("as")
        url = self._address(lambda: self.held.get(name, b""), wish.content_type)
        asset = a.Asset(name, "uploading", self.now(), wish.content_type, wish.size, url=url)
        fields = {"key": name, "x-amz-credential": "simulated/s3", "x-amz-signature": "simulated"}
        return a.Ticket(asset, self.files.at, fields, self.now() + TICKET_MS)

    def post(self, request: Request) -> int:
        """Take the form of a ticket; the status that S3 would give. Raises CallerError."""
        found = multipart.parse(request.headers.get("content-type", ""), request.body)
        parts = {part.name: part.data for part in found}
        if not {"key", "file", "x-amz-signature"} <= set(parts):
            return 403
        self.held[parts["key"].decode(errors="replace")] = parts["file"]
        return 204

    # --- profiles ----------------------------------------------------------------------------------------------------
    def learn(self, wish: w.CreateProfile) -> a.Profile:
        """A profile that is ready in a while, or explains why it is not. Raises CallerError."""
        for place, url in enumerate(wish.images):
            reachable(url, UNFETCHED, f"images[{place}]")
        made = a.Profile(self.id("prf"), "validating", self.now(), len(wish.images), wish.tag)
        self.profiles[made.id] = made

        def look() -> None:
            ended = replace(made, state="ready")
            for place, url in enumerate(wish.images):
                try:
                    self.held.setdefault(f"{made.id}/0", self.read(Image("url", url)))
                except OSError:
                    ended = replace(made, state="error", message=f"images[{place}]: It cannot be fetched or read.")
                    break
            if made.id in self.profiles:
                self.profiles[made.id] = ended

        self.world.later(float(self.world.settings["latency"]), look)
        return made


def white(mask: bytes, kind: str) -> bytes:
    """A mask with white where the picture is to change."""
    if kind == "white":
        return mask
    with Pixels.open(io.BytesIO(mask)) as opened:
        grey = opened.convert("RGBA").getchannel("A") if kind == "transparent" else opened.convert("L")
    return _encoded(ImageOps.invert(grey), "PNG")


def jpeg(data: bytes) -> bytes:
    """A picture as JPEG."""
    with Pixels.open(io.BytesIO(data)) as image:
        return _encoded(image.convert("RGB"), "JPEG")


def _encoded(image: Pixels.Image, form: str) -> bytes:
    out = io.BytesIO()
    image.save(out, form)
    return out.getvalue()
