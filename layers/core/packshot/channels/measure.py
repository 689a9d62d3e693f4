"""A picture file, measured: what its bytes are and what the pixels in them show. Nothing is believed of its name.

More formats than we take as input can be measured (GIF, TIFF, BMP), under the same limits: sizes are checked on the
header before anything is decoded, warnings are errors, BadPicture is the only exception. Whether a picture has text
or a watermark in it is not measured: nothing this small tells it reliably.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageOps

from packshot.channels.ground import Ground, Mask, ground, layers
from packshot.picture import BadPicture, check_parts, check_size, loaded
from packshot.provenance import source_type_in
from packshot.sniff import sniff

OTHERS = {b"GIF8": "gif", b"BM": "bmp", b"II*\0": "tiff", b"MM\0*": "tiff"}
DECODERS = {"jpg": "JPEG", "png": "PNG", "webp": "WEBP", "gif": "GIF", "tiff": "TIFF", "bmp": "BMP"}
COLOURS = {
    "1": "grey",
    "L": "grey",
    "LA": "grey with alpha",
    "La": "grey with alpha",
    "P": "palette",
    "PA": "palette with alpha",
    "RGB": "RGB",
    "RGBX": "RGB",
    "RGBA": "RGB with alpha",
    "RGBa": "RGB with alpha",
    "CMYK": "CMYK",
    "YCbCr": "YCbCr",
    "I;16": "grey",
    "I;16B": "grey",
    "I;16L": "grey",
}
"""The decoder's modes that can be measured, in a photographer's words."""

ORIENTATION, EXIF_IFD, GPS_IFD, BITS_PER_SAMPLE = 0x0112, 0x8769, 0x8825, 0x0102

LINES = 240  # rows and columns that sharpness is measured on
REACH = 8  # pixels either side of an edge
CONTRAST = 40  # levels between the two sides of an edge worth looking at

LUMINANCE = (
    (16, 11, 10, 16, 24, 40, 51, 61),
    (12, 12, 14, 19, 26, 58, 60, 55),
    (14, 13, 16, 24, 40, 57, 69, 56),
    (14, 17, 22, 29, 51, 87, 80, 62),
    (18, 22, 37, 56, 68, 109, 103, 77),
    (24, 35, 55, 64, 81, 104, 113, 92),
    (49, 64, 78, 87, 103, 121, 120, 101),
    (72, 92, 95, 98, 112, 100, 103, 99),
)
"""The quantisation table at quality 50: ITU-T T.81 (1992), table K.1."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One picture file. Width and height are those of the upright picture, in pixels.

    format       jpg, png, webp, gif, tiff or bmp, by the first bytes
    colours      how a pixel's colour is kept: `RGB`, `RGB with alpha`, `grey`, `palette`, `CMYK`, ...
    depth        bits of one channel
    quality      1..100 on the scale of the Independent JPEG Group, by the quantisation table; None: no JPEG
    exif, gps    whether a camera's block is in it, and a place
    source_type  the IPTC term for how the picture was made, as it stands in the file's XMP
    profile      description of the colour profile
    sharpness    0..1: how much of an edge's height lies within two pixels, for the sharper edges; None: no edge found
    """

    format: str
    width: int
    height: int
    bytes: int
    colours: str
    depth: int
    animated: bool
    quality: int | None
    exif: bool
    gps: bool
    source_type: str | None
    profile: str | None
    ground: Ground
    sharpness: float | None

    @property
    def longest(self) -> int:
        return max(self.width, self.height)

    def dump(self) -> dict[str, Any]:
        """What was measured, as JSON values."""
        raw = asdict(self)
        around = raw["ground"]
        for name in ("colour", "box"):
            around[name] = None if around[name] is None else list(around[name])
        return raw


def format_of(data: bytes) -> str | None:
    """What the bytes begin like: jpg, png, webp, gif, tiff or bmp."""
    return sniff(data) or next((name for magic, name in OTHERS.items() if data.startswith(magic)), None)


def open_any(data: bytes) -> Image.Image:
    """Decode a JPEG, PNG, WebP, GIF, TIFF or BMP file, of an animation the first picture, as it lies in the file (not
    upright, own colours). Raises BadPicture. The caller has capped the number of bytes."""
    format = format_of(data)
    if format is None:
        known = data[4:8] == b"ftyp"
        code = "unsupported_format" if known else "not_an_image"
        raise BadPicture(code, "send a JPEG, PNG, WebP, GIF, TIFF or BMP file")
    with _strictly():
        check_parts(data)
        image = Image.open(io.BytesIO(data), formats=(DECODERS[format],))
        check_size(*image.size)
        if image.mode not in COLOURS:
            raise BadPicture("unsupported_format", "the picture keeps its colours in a way that cannot be read")
        return loaded(image)


@contextmanager
def _strictly() -> Iterator[None]:
    """Whatever a decoder throws is a BadPicture."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            warnings.filterwarnings("ignore", message="Image appears to be a malformed MPO")
            yield
    except BadPicture:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise BadPicture("too_large", "the picture has too many pixels") from error
    except Exception as error:
        raise BadPicture("truncated", "the picture is damaged or incomplete") from error


def measure(data: bytes, subject: Mask | None = None) -> Measured:
    """Measure a file. `subject` is true where the product is, (rows, columns) of the upright picture; else its place
    is taken to be what differs from a plain background.

    Raises BadPicture, and ValueError for a subject of another size.
    """
    image = open_any(data)
    format, width, height = str(format_of(data)), *image.size
    with _strictly():
        exif, gps, turn = _camera(image)
        depth = _depth(image, format, data)
        animated = image.format != "MPO" and bool(getattr(image, "is_animated", False))
        image.load()  # to look for a second picture is to leave the first
    if turn >= 5:
        width, height = height, width
    if subject is not None:
        if subject.shape != (height, width):
            raise ValueError(f"the subject is {subject.shape[1]}x{subject.shape[0]}, the picture {width}x{height}")
        image = ImageOps.exif_transpose(image) if turn > 1 else image
    return Measured(
        format=format,
        width=width,
        height=height,
        bytes=len(data),
        colours=COLOURS[image.mode],
        depth=depth,
        animated=animated,
        quality=_quality(image),
        exif=exif,
        gps=gps,
        source_type=_source_type(image),
        profile=_profile(image),
        ground=ground(image, subject),
        sharpness=sharpness(image),
    )


def _camera(image: Image.Image) -> tuple[bool, bool, int]:
    """Whether there is a camera's block, whether it names a place, and the orientation 1..8. A TIFF file's own tags
    are no camera's."""
    try:
        exif = image.getexif()
        place = bool(exif.get_ifd(GPS_IFD))
        there = place or bool(exif.get_ifd(EXIF_IFD)) if image.format == "TIFF" else bool(exif)
        turn = exif.get(ORIENTATION, 1)
    except Exception:  # noqa: BLE001 a broken block is there, and says nothing
        return True, False, 1
    return there, place, turn if turn in range(1, 9) else 1


def _depth(image: Image.Image, format: str, data: bytes) -> int:
    if format == "png":
        return data[24]
    if format == "tiff":
        return int(max(image.tag_v2.get(BITS_PER_SAMPLE, (1,))))  # type: ignore[attr-defined]
    return 1 if image.mode == "1" else 8


def _quality(image: Image.Image) -> int | None:
    """The quality whose standard table comes nearest to the file's first one, in sum."""
    tables = getattr(image, "quantization", None)
    if not tables:
        return None
    own = sum(tables[min(tables)])
    sums = [int(standard_table(quality).sum()) for quality in range(1, 101)]
    return 1 + int(np.argmin(np.abs(np.array(sums) - own)))


def standard_table(quality: int) -> NDArray[np.int64]:
    """The luminance table of a quality 1..100, as the Independent JPEG Group's library scales it (jcparam.c)."""
    scale = 5000 // quality if quality < 50 else 200 - 2 * quality
    return ((np.array(LUMINANCE) * scale + 50) // 100).clip(1, 255)


def _source_type(image: Image.Image) -> str | None:
    packet = image.info.get("xmp") or image.info.get("XML:com.adobe.xmp") or b""
    return source_type_in(packet.encode() if isinstance(packet, str) else packet)


def _profile(image: Image.Image) -> str | None:
    data = image.info.get("icc_profile")
    if not data:
        return None
    try:
        return ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(io.BytesIO(data))).strip()
    except (ImageCms.PyCMSError, OSError, ValueError):
        return "unreadable"


def sharpness(image: Image.Image) -> float | None:
    """How steep the steeper edges are, 0..1, whatever their contrast: the step over two pixels as a share of the step
    over sixteen, upper quartile over evenly spaced rows and columns."""
    found = []
    for along, count in ((True, image.height), (False, image.width)):
        lines = []
        for at in range(0, count, max(1, count // LINES)):
            part = (0, at, image.width, at + 1) if along else (at, 0, at + 1, image.height)
            lines.append(np.asarray(_grey(image, part), np.int16).ravel())
        found.append(_steepness(np.stack(lines)))
    steep = np.concatenate(found)
    return round(float(np.quantile(steep, 0.75)), 3) if len(steep) else None


def _grey(image: Image.Image, part: tuple[int, int, int, int]) -> Image.Image:
    return layers(image, part)[0].convert("L")


def _steepness(lines: NDArray[np.int16]) -> NDArray[np.float64]:
    """(n, length) levels to the steepness of each edge in them."""
    middle = np.s_[:, REACH:-REACH]
    whole = np.abs(lines[:, 2 * REACH :] - lines[:, : -2 * REACH])
    step = np.pad(np.abs(lines[:, 2:] - lines[:, :-2]), ((0, 0), (1, 1)))
    top = step
    for shift in (1, 2, 4):  # the largest step within 7 pixels to either side
        padded = np.pad(top, ((0, 0), (shift, shift)))
        top = np.maximum(top, np.maximum(padded[:, : -2 * shift], padded[:, 2 * shift :]))
    edges = (whole >= CONTRAST) & (step[middle] == top[middle])
    steep: NDArray[np.float64] = np.minimum(step[middle][edges] / whole[edges], 1.0)
    return steep
