"""Where is the product? Two looks of the model: at the whole picture, then at the part that stood out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from packshot.studio.errors import NothingFound
from packshot.studio.field import BICUBIC, Box, Bytes, Field, bounds, grow, islands, local_mean, resize, shrink
from packshot.studio.net import Layer, saliency

WHOLE = 320  # columns and rows of the first look: what the network was trained on
CLOSE = 320  # square root of the pixels of the second look
MARGIN = 0.2  # of the product's longer side, added around it for the second look
LEAST_AREA = 0.0015  # of the picture; smaller finds are dust
LEAST_CERTAIN = 0.6  # a product's surest place is always above this
LEAST_CONTRAST = 2.0  # standard deviation in 8-bit steps below which a picture shows nothing


@dataclass(frozen=True, eq=False)
class Find:
    """`region` of the picture that holds the product, and how sure each of its places is: (rows, columns), 0..1."""

    region: Box
    sure: Field
    agreement: float  # 0..1, overlap of the two looks


def _main_parts(sure: Field) -> Field:
    """Keep the islands that weigh at least a tenth of the heaviest one."""
    named = islands(sure > 0.3)
    weight = np.bincount(named.ravel(), sure.ravel())
    weight[0] = 0
    keep = weight >= 0.1 * weight.max()
    keep[0] = True
    return np.where(keep[named], sure, np.float32(0))


def _region(box: Box, size: tuple[int, int], seen: tuple[int, int]) -> Box:
    """A box of the reduced picture, in pixels of the full one (`size` = columns, rows) with a margin."""
    across, down = size[0] / seen[0], size[1] / seen[1]
    left, top, right, bottom = box[0] * across, box[1] * down, box[2] * across, box[3] * down
    margin = MARGIN * max(right - left, bottom - top) + 4
    return (
        max(0, int(left - margin)),
        max(0, int(top - margin)),
        min(size[0], int(right + margin) + 1),
        min(size[1], int(bottom + margin) + 1),
    )


def _close_size(columns: int, rows: int) -> tuple[int, int]:
    """Size of the second look: the region's own shape, multiples of 32, about CLOSE squared in all."""
    scale = CLOSE / (columns * rows) ** 0.5
    wide, high = (min(max(round(side * scale / 32), 5), 20) * 32 for side in (columns, rows))
    return wide, high


def find(pixels: Bytes, layers: tuple[Layer, ...]) -> Find:
    """Find the product of a (H, W, 3) picture, or raise NothingFound."""
    rows, columns = pixels.shape[:2]
    if float(np.asarray(Image.fromarray(pixels).resize((64, 64)), np.float32).std((0, 1)).max()) < LEAST_CONTRAST:
        raise NothingFound("the picture shows one even colour")
    first = _main_parts(saliency(pixels, WHOLE, WHOLE, layers))
    box = bounds(first > 0.5)
    if box is None or float((first > 0.5).mean()) < LEAST_AREA or float(first.max()) < LEAST_CERTAIN:
        raise NothingFound("no product stands out from the background")
    region = _region(box, (columns, rows), (WHOLE, WHOLE))
    left, top, right, bottom = region
    wide, high = _close_size(right - left, bottom - top)
    close = saliency(pixels[top:bottom, left:right], wide, high, layers)
    part = (left * WHOLE / columns, top * WHOLE / rows, right * WHOLE / columns, bottom * WHOLE / rows)
    again = np.asarray(Image.fromarray(first).resize((wide, high), BICUBIC, part), np.float32).clip(0, 1)
    both, either = np.minimum(close, again).sum(), np.maximum(close, again).sum()
    agreement = float(both / max(either, 1e-6))
    return Find(region, _main_parts(_together(close, again)), agreement)


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
