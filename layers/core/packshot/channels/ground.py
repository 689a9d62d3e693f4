"""What lies around the product: the colour of the background, where it is exactly white, how large the product stands
in it. Measured on the pixels as the file has them, in strips.

A pixel *differs* when a channel lies more than NEAR levels from white, or, on another plain colour, more than PLAIN
levels from that. A square of 8x8 pixels (as JPEG codes them) is *background* when nothing in it differs and it can be
reached from the frame through such squares. So white between a product's handle and body is not counted, and neither
is the square that the outline runs through: no JPEG is exact there. The square next to that one is counted.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops

Mask = NDArray[np.bool_]
Counts = NDArray[np.int64]
Box = tuple[int, int, int, int]
Colour = tuple[int, int, int]

STRIP = 256  # rows that are handled together
BLOCK = 8
NEAR = 5  # levels: 250 and above are near white
PLAIN = 10  # levels from the border's own colour
MOSTLY = 0.8  # share of the border that has its colour, where the background is plain
SPECK = 3  # so many pixels of a row or a column differ before it is the product's
SWEEPS = 32  # how often the way into the background may turn
EDGE = 0.02  # thickness of the border, of the shorter side
LINE = 0.03  # how far in a frame's line is looked for, of the shorter side

WHITE: Colour = (255, 255, 255)
CLEAR = ("RGBA", "LA", "PA", "RGBa", "La")
"""The decoder's modes that have an alpha."""


@dataclass(frozen=True, slots=True)
class Ground:
    """Shares are 0..1.

    colour        of the border, its median; None: it is transparent
    plain         whether the border has one colour
    border        share of the border's pixels that are exactly 255,255,255
    border_near   the same for 250 and above
    outside       share of the background's pixels that are exactly white; None: there is no telling background
    box           (left, top, right, bottom) of the product in the file's pixels; None: none found, or no telling
    fill          larger share of the frame's width and height that the box takes; 0: nothing found; None: no telling
    touches       whether the product reaches the picture's edge; None: no telling
    framed        whether a line or a frame runs along all four sides: a suspicion
    clear         share of pixels that are not opaque
    """

    colour: Colour | None
    plain: bool
    border: float
    border_near: float
    outside: float | None
    box: Box | None
    fill: float | None
    touches: bool | None
    framed: bool
    clear: float


def ground(image: Image.Image, subject: Mask | None = None) -> Ground:
    """Measure a decoded picture. `subject`, (rows, columns) and true where the product is, replaces the guess."""
    edge = _border(image)
    framed = subject is None and _framed(image)
    told = subject is not None or (edge.plain and not framed)
    seen = _inside(image, edge.colour, subject)
    box = seen.box if told else None
    width, height = image.size
    fill = touches = None
    if box is not None:
        fill = max((box[2] - box[0]) / width, (box[3] - box[1]) / height)
        touches = box[0] == 0 or box[1] == 0 or box[2] == width or box[3] == height
    elif told:
        fill, touches = 0.0, False
    return Ground(
        colour=edge.colour,
        plain=edge.plain,
        border=edge.white,
        border_near=edge.near,
        outside=seen.outside if told else None,
        box=box,
        fill=fill,
        touches=touches,
        framed=framed,
        clear=seen.clear,
    )


def layers(image: Image.Image, part: Box) -> tuple[Image.Image, Image.Image | None]:
    """A part of a picture as 8-bit RGB, and its alpha if it has one."""
    piece = image.crop(part)
    if piece.mode.startswith("I"):  # 16-bit grey
        deep = np.asarray(piece).astype(np.int64).clip(0, 65535)
        return Image.fromarray((deep // 257).astype(np.uint8)).convert("RGB"), None
    if piece.mode in CLEAR or "transparency" in image.info:
        piece.info = image.info
        full = piece.convert("RGBA")
        return full.convert("RGB"), full.getchannel("A")
    return piece.convert("RGB"), None


def darkest(rgb: Image.Image) -> Image.Image:
    """The least of each pixel's three channels."""
    red, green, blue = rgb.split()
    return ImageChops.darker(red, ImageChops.darker(green, blue))


def _distance(rgb: Image.Image, colour: Colour) -> Image.Image:
    """How many levels each pixel lies from a colour, in the channel where it is most."""
    red, green, blue = ImageChops.difference(rgb, Image.new("RGB", rgb.size, colour)).split()
    return ImageChops.lighter(red, ImageChops.lighter(green, blue))


def _reference(colour: Colour) -> tuple[Colour, int]:
    """What the background is compared with, and how far it may lie from that."""
    return (WHITE, NEAR) if min(colour) >= 255 - NEAR else (colour, PLAIN)


@dataclass(frozen=True, slots=True)
class _Border:
    colour: Colour | None
    plain: bool
    white: float
    near: float


def _border(image: Image.Image) -> _Border:
    bands = [layers(image, part) for part in _ring(*image.size)]
    count = sum(rgb.width * rgb.height for rgb, _ in bands)
    clear = sum(sum(alpha.histogram()[:128]) for _, alpha in bands if alpha is not None)
    if clear > count / 2:
        return _Border(None, clear >= MOSTLY * count, 0.0, 0.0)
    levels = np.sum([np.reshape(rgb.histogram(), (3, 256)) for rgb, _ in bands], axis=0).cumsum(1)
    red, green, blue = (int(np.searchsorted(one, count / 2)) for one in levels)
    reference, most = _reference((red, green, blue))
    alike = exact = near = 0
    for rgb, alpha in bands:
        alike += sum(_distance(rgb, reference).histogram()[: most + 1])
        least = _opaque(darkest(rgb), alpha).histogram()
        exact += least[255]
        near += sum(least[255 - NEAR :])
    return _Border((red, green, blue), alike >= MOSTLY * count, exact / count, near / count)


def _opaque(least: Image.Image, alpha: Image.Image | None) -> Image.Image:
    """What is not opaque is not white."""
    return least if alpha is None else ImageChops.darker(least, alpha.point([0] * 255 + [255]))


def _ring(width: int, height: int) -> list[Box]:
    """Four bands along the edges that do not overlap."""
    deep = max(1, min(round(EDGE * min(width, height)), (min(width, height) - 1) // 2))
    return [
        (0, 0, width, deep),
        (0, height - deep, width, height),
        (0, deep, deep, height - deep),
        (width - deep, deep, width, height - deep),
    ]


@dataclass(frozen=True, slots=True)
class _Inside:
    box: Box | None
    outside: float | None
    clear: float


def _inside(image: Image.Image, colour: Colour | None, subject: Mask | None) -> _Inside:
    """One pass over the picture: where something differs, and which squares are white."""
    width, height = image.size
    rows: list[NDArray[np.intp]] = []
    columns = np.zeros(width, np.intp)
    touched: list[Mask] = []
    white: list[Counts] = []
    opaque = 0
    for y, rgb, alpha in _strips(image):
        differs = _differs(rgb, alpha, colour, None if subject is None else subject[y : y + rgb.height])
        there = np.asarray(differs) > 0
        rows.append(np.count_nonzero(there, 1))
        columns += np.count_nonzero(there, 0)
        touched.append(np.asarray(differs.reduce(BLOCK)) > 0)
        exact = _opaque(darkest(rgb), alpha).point([0] * 255 + [255])
        white.append(_counted(exact))
        opaque += rgb.width * rgb.height if alpha is None else alpha.histogram()[255]
    least = SPECK if subject is None else 1
    box = _bounds(np.flatnonzero(np.concatenate(rows) >= least), np.flatnonzero(columns >= least))
    free = _reached(~np.concatenate(touched))
    total = int(_sizes(width, height)[free].sum())
    outside = int(np.concatenate(white)[free].sum()) / total if total else None
    return _Inside(box, outside, 1 - opaque / (width * height))


def _strips(image: Image.Image) -> Iterator[tuple[int, Image.Image, Image.Image | None]]:
    for y in range(0, image.height, STRIP):
        yield y, *layers(image, (0, y, image.width, min(y + STRIP, image.height)))


def _differs(rgb: Image.Image, alpha: Image.Image | None, colour: Colour | None, subject: Mask | None) -> Image.Image:
    """255 where the product is, else 0."""
    if subject is not None:
        return Image.fromarray(np.ascontiguousarray(subject, np.uint8) * np.uint8(255))
    if colour is None:
        assert alpha is not None  # noqa: S101 a transparent border has an alpha
        return alpha.point([0] * (NEAR + 1) + [255] * (255 - NEAR))
    reference, most = _reference(colour)
    if alpha is not None:
        rgb = Image.composite(rgb, Image.new("RGB", rgb.size, reference), alpha)
    return _distance(rgb, reference).point([0] * (most + 1) + [255] * (255 - most))


def _counted(exact: Image.Image) -> Counts:
    """How many pixels of each square are 255 where the others are 0: reduce() gives the rounded mean, which tells."""
    means = np.asarray(exact.reduce(BLOCK), np.int64)
    return np.rint(means * _sizes(*exact.size) / 255).astype(np.int64)


def _sizes(width: int, height: int) -> Counts:
    """How many pixels each square has: fewer at the right and at the bottom."""
    across = np.full(math.ceil(width / BLOCK), BLOCK, np.int64)
    down = np.full(math.ceil(height / BLOCK), BLOCK, np.int64)
    across[-1] = width - BLOCK * (len(across) - 1)
    down[-1] = height - BLOCK * (len(down) - 1)
    return down[:, None] * across


def _bounds(rows: NDArray[np.intp], columns: NDArray[np.intp]) -> Box | None:
    if not len(rows) or not len(columns):
        return None
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def _reached(free: Mask) -> Mask:
    """The free squares that can be reached from the frame through free squares."""
    reached = np.zeros_like(free)
    for line in (np.s_[0], np.s_[-1], np.s_[:, 0], np.s_[:, -1]):
        reached[line] = free[line]
    for _ in range(SWEEPS):
        before = int(np.count_nonzero(reached))
        for turned in (np.s_[:, :], np.s_[:, ::-1]):
            _spread(reached[turned], free[turned])
            _spread(reached.T[turned], free.T[turned])
        if np.count_nonzero(reached) == before:
            break
    return reached


def _spread(reached: Mask, free: Mask) -> None:
    """Carry what is reached to the right as far as it is free, in place."""
    places = np.arange(1, free.shape[1] + 1, dtype=np.int32)
    start = np.maximum.accumulate(np.where(reached, places, 0), 1)
    wall = np.maximum.accumulate(np.where(free, 0, places), 1)
    reached |= start > wall


def reach(rgb: Image.Image, most: int) -> Mask:
    """The background of an opaque picture on white, as a mask of its squares of 8x8 pixels (rows / 8, columns / 8):
    nothing in them lies more than `most` levels from white."""
    lut = [0] * (most + 1) + [255] * (255 - most)
    touched = [np.asarray(_distance(strip, WHITE).point(lut).reduce(BLOCK)) > 0 for _, strip, _ in _strips(rgb)]
    return _reached(~np.concatenate(touched))


def _framed(image: Image.Image) -> bool:
    """Whether the picture ends in the same colour on all four sides and, a little further in, changes all along."""
    width, height = image.size
    deep = max(2, round(LINE * min(width, height))) + 3
    if 4 * deep > min(width, height):
        return False
    first = []
    for turn in range(4):
        band = _band(image, turn, deep)
        colour = np.median(band[0], axis=0)
        differs = np.abs(band - colour).max(2)
        alike = (differs <= 16).mean(1) >= 0.98
        inner = int(np.argmin(alike)) if not alike.all() else len(alike)
        if inner in (0, len(alike)) or not (differs[inner : inner + 3] > 24).mean(1).max() >= 0.9:
            return False
        first.append(colour)
    return bool(np.ptp(np.array(first), axis=0).max() <= 16)


def _band(image: Image.Image, side: int, deep: int) -> NDArray[np.int16]:
    """A band along one side, (deep, at most 512, 3), from the edge inwards, without the corners."""
    width, height = image.size
    part = [
        (deep, 0, width - deep, deep),
        (deep, height - deep, width - deep, height),
        (0, deep, deep, height - deep),
        (width - deep, deep, width, height - deep),
    ][side]
    pixels = np.asarray(layers(image, part)[0], np.int16)
    if side >= 2:
        pixels = pixels.transpose(1, 0, 2)
    if side % 2:
        pixels = pixels[::-1]
    return pixels[:, :: max(1, pixels.shape[1] // 512)]
