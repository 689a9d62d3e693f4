"""Is the outline still the same? What stands out in the picture at the product's place, against the product's own mask.

One look of the cut-out model at the place where the product was found (or the picture's own transparency). A part is
missing where nothing stands out *and* the colours are others; a part was added where something of the product's colours
hangs on to it beyond its outline, and stands out too or has an outline of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from packshot.fidelity.product import MARGIN, Pose, Product, edges, view
from packshot.studio.colour import lab
from packshot.studio.field import BICUBIC, Box, Bytes, Field, Mask, grow, islands, resize, shrink, soft
from packshot.studio.net import load, saliency

LOOK = 256  # square root of the pixels that the model looks at
TOLERANCE = 0.012  # of the product's longer side: an outline may lie this far off
GONE, SURE = 0.35, 0.65  # what stands out less is not there; what stands out more is
OTHER = 14.0  # CIELAB distance from which a place does not look like the product any more
LEAST = 0.004  # share of the product's area below which a missing part is noise
SHARP = 0.4  # strength of an edge (0..1, as in `edges`) that is an outline
EDGED = 0.7  # share of the border of a part that was added that must be one
ENDS = 0.03  # share of its border that may lie at the frame's
BLOB = 0.01  # share of the product's area below which nothing was added
BINS = 16  # levels of each channel of the table of the product's colours
UNSURE = 0.75  # share of the product that must stand out for the model's outline to be believed


@dataclass(frozen=True, eq=False)
class Silhouette:
    """`iou` 0..1; `missing`, `added` and `outside` (beyond the picture's frame; also missing) as shares of the
    product's area; `unsure`: the model's outline is not believed, nothing counts as added."""

    iou: float
    missing: float
    added: float
    outside: float
    unsure: bool


def around(pose: Pose, size: tuple[int, int]) -> Box:
    """The region of a picture of `size` (columns, rows) that holds the product and some of its surroundings."""
    reach = (0.5 + MARGIN) * 1.15
    corners = pose.turn @ np.array([[-reach, reach, -reach, reach], [-reach, -reach, reach, reach]])
    low, high = corners.min(1) + pose.place, corners.max(1) + pose.place
    left, top = (min(max(0, int(value)), side - 8) for value, side in zip(low, size, strict=True))
    right, bottom = (max(8, min(side, int(value) + 1)) for value, side in zip(high, size, strict=True))
    return left, top, max(right, left + 8), max(bottom, top + 8)


def standing_out(pixels: Bytes, weights: Path | None) -> Field:
    """How much each place of (rows, columns, 3) stands out, at another size: 0..1. Raises WeightsMissing."""
    rows, columns = pixels.shape[:2]
    scale = LOOK / (rows * columns) ** 0.5
    wide, tall = (min(max(round(side * scale / 32), 4), 16) * 32 for side in (columns, rows))
    return saliency(pixels, wide, tall, load(weights))


def reduced(pixels: Field, like: Product) -> Field:
    """(rows, columns, channels) scaled to the size of a frame."""
    rows, columns = like.alpha.shape
    return np.dstack([resize(pixels[..., c], columns, rows, BICUBIC) for c in range(pixels.shape[2])])


def framed(standing: Field, size: tuple[int, int], pose: Pose, product: Product) -> Field:
    """What stands out in a picture of `size` (columns, rows), in the product's frame: (rows, columns) 0..1."""
    grey = Image.fromarray(np.rint(standing * 255).astype(np.uint8))
    scale = np.array([grey.width / size[0], grey.height / size[1]])
    moved = Pose(scale[:, None] * pose.turn, scale * pose.place)
    seen, inside = view(grey.convert("RGB"), moved, product)
    return np.where(inside, seen[..., 0].clip(0, 1), np.float32(0))


def compare(product: Product, lit: Field, seen: Field, standing: Field, *, exact: bool) -> Silhouette:
    """Compare the product's mask with what stands out in its frame; `lit` is the product in the picture's light, `seen`
    the picture and, as a fourth channel, what of the frame lies inside it, both (rows, columns, ...) sRGB 0..1.
    `exact`: `standing` is the picture's own transparency."""
    mask = product.mask
    area = max(float(mask.sum()), 1.0)
    inside, seen = seen[..., 3] > 0.5, seen[..., :3]
    near = max(1, round(TOLERANCE * product.longest))
    there = standing > GONE
    gone, extra = (product.alpha > 0.9) & ~there, (standing > SURE) & ~grow(mask, near)
    share = float((mask & there).sum() / area)
    unsure = not exact and share < UNSURE
    if not exact:
        gone &= _unlike(lit, seen, product.alpha) > OTHER
        own = _of_its_colours(product, lit, seen) & ~grow(mask, near)
        extra = (extra & own & (not unsure)) | _bounded(own, mask, edges(seen), inside, near)
    gone = _large(gone, LEAST * area) | (mask & ~inside)
    missing, added = float(gone.sum()) / area, float(_attached(extra & inside, mask, near).sum()) / area
    return Silhouette((1 - missing) / (1 + added), missing, added, float((mask & ~inside).sum()) / area, unsure)


def _unlike(lit: Field, seen: Field, alpha: Field) -> Field:
    """CIELAB distance of the product in this light to the picture, each slightly blurred within the product."""
    weight = soft(alpha, 1.5) + np.float32(1e-3)
    blurred = [np.dstack([soft(one[..., c] * alpha, 1.5) / weight for c in range(3)]).clip(0, 1) for one in (lit, seen)]
    one, two = (lab(np.rint(one * 255).astype(np.uint8).reshape(-1, 3)) for one in blurred)
    far: Field = np.sqrt(((one - two) ** 2).sum(1)).reshape(alpha.shape).astype(np.float32)
    return far


def _of_its_colours(product: Product, lit: Field, seen: Field) -> Mask:
    """Where the picture has a colour that covers at least a two-hundredth of the product, or a neighbour of one."""
    bins = (lit[shrink(product.mask, 1)].clip(0, 0.999) * BINS).astype(np.intp)
    count = np.zeros((BINS,) * 3, np.float32)
    np.add.at(count, tuple(bins.T), 1)
    padded = np.pad(count > 0.005 * max(len(bins), 1), 1)
    for axis in range(3):
        padded = padded | np.roll(padded, 1, axis) | np.roll(padded, -1, axis)
    own = padded[1:-1, 1:-1, 1:-1]
    at = (seen.clip(0, 0.999) * BINS).astype(np.intp)
    found: Mask = own[at[..., 0], at[..., 1], at[..., 2]]
    return found


def _bounded(own: Mask, mask: Mask, lines: Field, inside: Mask, near: int) -> Mask:
    """The parts of the product's colours beyond its outline that have an outline of their own: they hang on to the
    product, most of their border is an edge (a shadow's is not), and they end within the frame (a ground does not)."""
    named = islands(_solid(own & (soft(own.astype(np.float32), 1.5) > 0.5)))
    sharp = grow(np.hypot(*lines) > SHARP, 1)
    border = grow(~inside, 2)
    border[[0, 1, -2, -1]] = border[:, [0, 1, -2, -1]] = True
    beside, touching = grow(mask, near + 3), grow(mask, near + 1)
    found = np.zeros_like(mask)
    size = np.bincount(named.ravel())
    size[0] = 0
    for n in np.flatnonzero(size >= BLOB * max(int(mask.sum()), 1)):
        part = named == n
        rim = part & ~shrink(part, 1) & ~beside
        sides = max(int(rim.sum()), 1)
        if (part & touching).any() and (rim & sharp).sum() > EDGED * sides and (part & border).sum() < ENDS * sides:
            found |= part
    return found


def _solid(mask: Mask) -> Mask:
    """A mask without what is thinner than three pixels."""
    return grow(shrink(mask, 1), 1) & mask


def _large(mask: Mask, least: float) -> Mask:
    """The parts of a mask of at least so many pixels."""
    named = islands(mask)
    keep = np.bincount(named.ravel()) >= least
    keep[0] = False
    return keep[named]


def _attached(extra: Mask, mask: Mask, near: int) -> Mask:
    """The solid parts of `extra` that hang on to the product."""
    named = islands(_solid(extra))
    touching = np.unique(named[grow(mask, near + 3)])
    return np.isin(named, touching[touching > 0])
