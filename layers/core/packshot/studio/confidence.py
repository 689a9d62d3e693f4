"""How sure a cut-out is, and what to know about it: measured on the picture and on the model's own doubts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from packshot.studio import edge
from packshot.studio.field import Bytes, Field, Mask, bounds, islands, shrink
from packshot.studio.find import Find

WEAK = 0.15  # share of the outline from which it counts as weak
ALIKE = 16  # 8-bit levels: largest difference of a channel at which a place looks like the background beside it
CLEAR = 0.45  # share of the inside that looks like the background from which it may be seen through
PALE = 20.0  # 8-bit levels: mean difference across the outline below which product and background are alike
RIVAL = 0.3  # of the largest part's area: another part as large as that is another product
TOUCH = 0.02  # of the box's circumference on the picture's frame
SMALL = 256  # pixels of the longer side below which a product will look soft


Frame = tuple[bool, bool, bool, bool]
"""Which sides of the working picture (left, top, right, bottom) are the whole picture's own frame."""


@dataclass(frozen=True)
class Signs:
    """What speaks against a cut-out, each 0..1 (0: nothing)."""

    weak: float  # share of the outline across which the picture hardly changes
    unsettled: float  # share of the product in whose inside the model could not decide
    apart: float  # how little the two looks overlap
    rival: float  # weight of what else stood out, of the product's
    wavering: float  # how little a look from farther away overlaps with the product
    cropped: bool  # the product reaches the picture's frame


def signs(found: Find, sure: Field, steps: Field, alpha: Field, radius: int, frame: Frame) -> Signs:
    """Measured on the working picture: `sure` and `alpha` (rows, columns); `steps` is what edge.across() found."""
    solid = alpha > 0.5
    area = max(float(solid.sum()), 1.0)
    left, top, right, bottom = bounds(solid) or (0, 0, 0, 0)
    cropped = _on_frame(solid, frame) > TOUCH * 2 * (right - left + bottom - top)
    doubtful = (sure > 0.15) & (sure < 0.85) & edge.deep(alpha, 2 * radius)
    weak = edge.weak_outline(steps)
    return Signs(weak, float(doubtful.sum()) / area, 1 - found.agreement, found.rival, found.wavering, cropped)


def confidence(seen: Signs) -> float:
    """0..1, below CHECK where someone should look; the weights were chosen on labelled pictures."""
    doubt = 2.5 * max(0.0, seen.weak - 0.02) + 3 * max(0.0, seen.apart - 0.05) + 2.5 * seen.unsettled
    doubt += 0.5 * max(0.0, seen.rival - 0.1) + 1.2 * max(0.0, seen.wavering - 0.06) + 0.3 * seen.cropped
    return round(float(np.clip(1 - doubt, 0, 1)), 3)


def warnings(seen: Signs, steps: Field, small: Bytes, alpha: Field, scale: float) -> tuple[str, ...]:
    """Words of values.WARNINGS, from the working picture `small` (rows, columns, 3) uint8; `scale` = pixels of the
    whole picture per pixel of it."""
    solid = alpha > 0.5
    box = bounds(solid)
    if box is None:
        return ()
    sizes = np.sort(np.bincount(islands(solid).ravel())[1:])
    contrast = float(steps.mean()) if len(steps) else 0.0
    pale = contrast < PALE or seen.weak > 0.5
    said = {
        "several_products": len(sizes) > 1 and sizes[-2] > RIVAL * sizes[-1],
        "touches_frame": seen.cropped,
        "weak_outline": seen.weak > WEAK,
        "see_through": not pale and _like_background(small, alpha) > CLEAR,
        "low_contrast": pale,
        "small_product": max(box[2] - box[0], box[3] - box[1]) * scale < SMALL,
    }
    return tuple(word for word, true in said.items() if true)


def _on_frame(solid: Mask, frame: Frame) -> int:
    sides = (solid[:, 0], solid[0], solid[:, -1], solid[-1])
    return int(sum(side.sum() for side, own in zip(sides, frame, strict=True) if own))


def _like_background(small: Bytes, alpha: Field) -> float:
    """Share of the product's inside that has the colour of the background to its left and right; on every other row
    and column, which is enough for a share."""
    small, alpha = small[::2, ::2], alpha[::2, ::2]
    inside = shrink(alpha > 0.98, 2)
    if not inside.any():
        return 0.0
    empty = (alpha < 0.02).astype(np.float32)
    count = empty.sum(1)
    alike = inside & (count > 0)[:, None]
    for c in range(3):
        channel = small[..., c].astype(np.float32)
        beside = (channel * empty).sum(1) / np.maximum(count, 1)
        alike &= np.abs(channel - beside[:, None]) < ALIKE
    return float(alike.sum() / inside.sum())
