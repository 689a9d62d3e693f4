"""Where is the product? Two looks of the model: at the whole picture, then at the part that stood out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from packshot.studio.errors import NothingFound
from packshot.studio.field import BICUBIC, Box, Bytes, Field, bounds, grow, islands, local_mean, resize, shrink
from packshot.studio.hints import Point, Shares, in_pixels, island_at, within
from packshot.studio.net import Model, saliency

WHOLE = 320  # columns and rows of the first look: what the network was trained on
CLOSE = 320  # square root of the pixels of the second look
MARGIN = 0.2  # of the product's longer side, added around it for the second look
BOX_MARGIN = 0.12  # the same around a box that the caller gave
PART = 0.1  # of the heaviest island's weight: lighter ones are dust
HIGHER = 0.12  # of the main part's height: whose foot is higher than that stands behind it
FILLED = 0.7  # of the caller's box: a product that takes less of it was probably not found whole
FAR, FAR_MARGIN = 160, 0.5  # the same for the third look, which only serves the confidence
LONG = 2.0  # pictures longer than this are looked at in their own shape, not squeezed into a square
WINDOWS = (0.5, 0.25)  # half sides, of the picture's shorter side, of the closer looks at a point
LEAST_AREA = 0.0015  # of the picture; smaller finds are dust
LEAST_CERTAIN = 0.6  # a product's surest place is always above this
LEAST_CONTRAST = 2.0  # standard deviation in 8-bit steps below which a picture shows nothing


@dataclass(frozen=True, eq=False)
class Find:
    """`region` of the picture that holds the product, and how sure each of its places is: (rows, columns), 0..1."""

    region: Box
    sure: Field
    agreement: float  # 0..1, overlap of the two looks
    rival: float = 0.0  # 0..1, weight of what else stood out, of the product's
    wavering: float = 0.0  # 0..1, how little a third look, with more around the product, overlaps with the product


def _weights(sure: Field) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    """The islands of a map and what each weighs; the background's weight, the first, is 0."""
    named = islands(sure > 0.3)
    weight = np.bincount(named.ravel(), sure.ravel()).astype(np.float64)
    weight[0] = 0
    return named, weight


def _rival(sure: Field) -> float:
    """Weight of the second heaviest island, of the heaviest one's."""
    weight = np.sort(_weights(sure)[1])
    return float(weight[-2] / max(weight[-1], 1e-6)) if len(weight) > 2 else 0.0


def _main_parts(sure: Field) -> Field:
    """Keep the islands that weigh at least a tenth of the heaviest one and do not stand behind it."""
    named, weight = _weights(sure)
    keep = weight >= PART * weight.max()
    keep[0] = True
    main = bounds(named == int(weight.argmax())) if weight.max() > 0 else None
    for name in np.flatnonzero(keep)[1:] if main else ():
        part = bounds(named == name)
        keep[name] = part is None or main is None or not _behind(part, main)
    return np.where(keep[named], sure, np.float32(0))


def _behind(part: Box, main: Box) -> bool:
    """Whether a part stands beside the main one and farther away: on a floor, that is higher up in the picture. What
    hangs above or lies within the main one's own columns may be a loose part of it."""
    beside = not main[0] <= (part[0] + part[2]) / 2 <= main[2]
    return beside and part[3] < main[3] - HIGHER * (main[3] - main[1])


def _region(box: Box, size: tuple[int, int], seen: tuple[int, int], share: float = MARGIN) -> Box:
    """A box of the reduced picture, in pixels of the full one (`size` = columns, rows) with a margin."""
    across, down = size[0] / seen[0], size[1] / seen[1]
    left, top, right, bottom = box[0] * across, box[1] * down, box[2] * across, box[3] * down
    margin = share * max(right - left, bottom - top) + 4
    return (
        max(0, int(left - margin)),
        max(0, int(top - margin)),
        min(size[0], int(right + margin) + 1),
        min(size[1], int(bottom + margin) + 1),
    )


def _close_size(columns: int, rows: int, side: int = CLOSE) -> tuple[int, int]:
    """Size of a look: the region's own shape, multiples of 32, about `side` squared in all."""
    scale = side / (columns * rows) ** 0.5
    wide, high = (min(max(round(side * scale / 32), 5), 20) * 32 for side in (columns, rows))
    return wide, high


def find(pixels: Bytes, model: Model, *, box: Shares | None = None, point: Point | None = None) -> Find:
    """Find the product of a (H, W, 3) picture, or raise NothingFound.

    A box is believed: the model looks only into it. Of several things a point chooses the one that it lies on.
    """
    rows, columns = pixels.shape[:2]
    if float(np.asarray(Image.fromarray(pixels).resize((64, 64)), np.float32).std((0, 1)).max()) < LEAST_CONTRAST:
        raise NothingFound("the picture shows one even colour")
    if box is not None:
        return _in_box(pixels, model, box, point)
    first, rival = _first_look(pixels, model, point)
    found = bounds(first > 0.5)
    if found is None or float((first > 0.5).mean()) < LEAST_AREA or float(first.max()) < LEAST_CERTAIN:
        raise NothingFound("no product stands out from the background")
    high, wide = first.shape
    region = _region(found, (columns, rows), (wide, high))
    close = _look(pixels, region, model)
    left, top, right, bottom = region
    part = (left * wide / columns, top * high / rows, right * wide / columns, bottom * high / rows)
    again = np.asarray(Image.fromarray(first).resize(close.shape[::-1], BICUBIC, part), np.float32).clip(0, 1)
    both, either = np.minimum(close, again).sum(), np.maximum(close, again).sum()
    sure = _together(close, again)
    sure = _main_parts(_chosen(sure, region, pixels, point))
    wavering = 0.0 if point else _wavering(pixels, model, region, sure)
    return Find(region, sure, float(both / max(either, 1e-6)), rival, wavering)


def _wavering(pixels: Bytes, model: Model, region: Box, sure: Field) -> float:
    """A quick look from farther away: where it takes something else for the product, the choice was a guess."""
    rows, columns = pixels.shape[:2]
    high, wide = sure.shape
    left, top, right, bottom = region
    inner = bounds(sure > 0.5)
    if inner is None:
        return 1.0
    across, down = (right - left) / wide, (bottom - top) / high
    around = (
        int(left + inner[0] * across),
        int(top + inner[1] * down),
        int(left + inner[2] * across),
        int(top + inner[3] * down),
    )
    far = _region(around, (columns, rows), (columns, rows), FAR_MARGIN)
    seen = _look(pixels, far, model, FAR)
    across, down = seen.shape[1] / (far[2] - far[0]), seen.shape[0] / (far[3] - far[1])
    part = [(left - far[0]) * across, (top - far[1]) * down, (right - far[0]) * across, (bottom - far[1]) * down]
    part = [max(part[0], 0), max(part[1], 0), min(part[2], seen.shape[1]), min(part[3], seen.shape[0])]
    again = np.asarray(Image.fromarray(seen).resize((wide, high), BICUBIC, tuple(part)), np.float32) > 0.5
    return 1 - float((again & (sure > 0.5)).sum() / max((again | (sure > 0.5)).sum(), 1))


def _first_look(pixels: Bytes, model: Model, point: Point | None) -> tuple[Field, float]:
    """The main parts of the whole picture, or what is at the point: first of the whole, then of ever closer windows."""
    rows, columns = pixels.shape[:2]
    long = max(rows, columns) > LONG * min(rows, columns)
    wide, high = _close_size(columns, rows) if long else (WHOLE, WHOLE)
    first = saliency(pixels, wide, high, model)
    if point is None:
        return _main_parts(first), _rival(first)
    chosen = island_at(first > 0.3, point)
    for share in WINDOWS:
        if chosen is not None:
            return np.where(chosen, first, np.float32(0)), 0.0
        side = share * min(rows, columns)
        x, y = point[0] * columns, point[1] * rows
        window = (max(0, int(x - side)), max(0, int(y - side)), min(columns, int(x + side)), min(rows, int(y + side)))
        seen = _look(pixels, window, model)
        size = tuple(max(1, round((window[n + 2] - window[n]) * (wide, high)[n] / (columns, rows)[n])) for n in (0, 1))
        left, top = window[0] * wide // columns, window[1] * high // rows
        first = np.zeros_like(first)
        first[top : top + size[1], left : left + size[0]] = resize(seen, *size)[: high - top, : wide - left]
        chosen = island_at(first > 0.3, point)
    if chosen is None:
        raise NothingFound("no product stands out at the point")
    return np.where(chosen, first, np.float32(0)), 0.0


def _look(pixels: Bytes, region: Box, model: Model, side: int = CLOSE) -> Field:
    left, top, right, bottom = region
    wide, high = _close_size(right - left, bottom - top, side)
    return saliency(pixels[top:bottom, left:right], wide, high, model)


def _chosen(sure: Field, region: Box, pixels: Bytes, point: Point | None) -> Field:
    """What of a look belongs to the point; everything, if there is none."""
    if point is None:
        return sure
    rows, columns = pixels.shape[:2]
    left, top, right, bottom = region
    inner = (point[0] * columns - left) / (right - left), (point[1] * rows - top) / (bottom - top)
    chosen = island_at(sure > 0.3, inner)
    if chosen is None:
        raise NothingFound("no product stands out at the point")
    return np.where(grow(chosen, 2), sure, np.float32(0))


def _in_box(pixels: Bytes, model: Model, box: Shares, point: Point | None) -> Find:
    """One look at the box and a margin; what lies outside the box is not the product."""
    rows, columns = pixels.shape[:2]
    asked = in_pixels(box, columns, rows)
    inner = (int(asked[0]), int(asked[1]), int(asked[2]) + 1, int(asked[3]) + 1)
    region = _region(inner, (columns, rows), (columns, rows), BOX_MARGIN)
    seen = _look(pixels, region, model)
    inside = within(asked, region, seen.shape[1], seen.shape[0])
    sure = ((seen * inside - 0.04) / 0.9).clip(0, 1).astype(np.float32)
    if float(sure.max()) < LEAST_CERTAIN:
        raise NothingFound("no product stands out inside the box")
    sure = _main_parts(_chosen(sure, region, pixels, point))
    return Find(region, sure, float(sure.sum() / max(seen.sum(), 1e-6)) * _filling(sure, inside))


def _filling(sure: Field, inside: Field) -> float:
    """How well the product fills the caller's box: 1 from FILLED of its area on."""
    found, asked = bounds(sure > 0.5), bounds(inside >= 1)
    if found is None or asked is None:
        return 0.0
    area = (found[2] - found[0]) * (found[3] - found[1]) / ((asked[2] - asked[0]) * (asked[3] - asked[1]))
    return min(1.0, area / FILLED)


def _together(close: Field, again: Field) -> Field:
    """Merge the looks: the close one draws the outline, the first one says what belongs to the product.

    Close up, the model sometimes takes a part for the whole (a lamp without its shade): what the first look was sure
    of, away from its own blurred outline, stays.
    """
    cell = max(1, round(0.007 * max(again.shape)))
    body = grow(shrink(again > 0.6, cell), cell) & (local_mean(close, 2 * cell) < 0.5)
    merged = 0.75 * close + 0.25 * again
    merged = np.where(body, np.maximum(merged, again), merged)
    sharper: Field = ((merged - 0.04) / 0.9).clip(0, 1).astype(np.float32)
    return sharper


def at_size(found: Find, columns: int, rows: int) -> Field:
    """The certainty of a find, enlarged smoothly to another size of the same region."""
    return resize(found.sure, columns, rows, BICUBIC).clip(0, 1)
