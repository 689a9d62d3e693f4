"""The rim of the product: its own colours without the old background, and how well its outline follows the picture."""

from __future__ import annotations

import numpy as np
from PIL import Image

from packshot.studio.field import Bytes, Field, Mask, grow, islands, local_mean, sample, shrink

WIDE, NARROW = 24, 3  # radii in pixels of the working picture
MARGIN = 12  # pixels around the product whose colours continue it, for the sake of resampling


def _blurred(pixels: Field, weight: Field, radius: int) -> Field:
    """Local mean colour of the pixels that have weight: sum(weight * colour) / sum(weight)."""
    total = local_mean(weight, radius)
    return np.stack([local_mean(pixels[..., c] * weight, radius) for c in range(3)], -1) / (total + 1e-5)[..., None]


def foreground(pixels: Bytes, alpha: Field, small: Bytes, small_alpha: Field) -> Bytes:
    """Colours of the product alone, (H, W, 3) uint8: the picture itself where alpha is 1, estimated at the rim.

    Forte, "Approximate Fast Foreground Colour Estimation" (ICIP 2021): blurred foreground F and background B, then
    F + alpha (I - alpha F - (1 - alpha) B), wide first and then narrow. The blurs are taken on the working picture.
    """
    rows, columns = alpha.shape
    picture = small.astype(np.float32)
    weight = small_alpha**2
    front = _blurred(picture, weight, WIDE)
    back = _blurred(picture, (1 - small_alpha) ** 2, WIDE)
    mix = small_alpha[..., None]
    first = (front + mix * (picture - mix * front - (1 - mix) * back)).clip(0, 255)
    near = local_mean(small_alpha, NARROW)[..., None]
    front = np.where(near > 0.02, _blurred(first, small_alpha + 1e-4, NARROW), front)
    back = np.where(near < 0.98, _blurred(picture, 1 - small_alpha + 1e-4, NARROW), back)
    out = pixels.copy()
    reach = grow(small_alpha > 0, -(-MARGIN * small.shape[1] // columns) + 1)
    wide = np.asarray(Image.fromarray(reach).resize((columns, rows), Image.Resampling.NEAREST))
    at = np.nonzero((alpha < 1) & wide)
    cover = alpha[at]
    for c in range(3):
        f, b = sample(front[..., c], at, rows, columns), sample(back[..., c], at, rows, columns)
        seen = pixels[..., c][at].astype(np.float32)
        out[..., c][at] = (f + cover * (seen - cover * f - (1 - cover) * b)).clip(0, 255).round()
    out[~(wide | (alpha > 0))] = mean_colour(small, small_alpha)
    return out


def continued(pixels: Bytes, alpha: Bytes, small: Bytes, small_alpha: Field) -> Bytes:
    """The colours of a picture that came cut out, carried on into what is transparent (often black there)."""
    rows, columns = alpha.shape
    front = _blurred(small.astype(np.float32), small_alpha**2, 2 * NARROW)
    reach = grow(small_alpha > 0, -(-MARGIN * small.shape[1] // columns) + 1)
    wide = np.asarray(Image.fromarray(reach).resize((columns, rows), Image.Resampling.NEAREST))
    out = pixels.copy()
    at = np.nonzero((alpha == 0) & wide)
    for c in range(3):
        out[..., c][at] = sample(front[..., c], at, rows, columns).clip(0, 255).round()
    out[~(wide | (alpha > 0))] = mean_colour(small, small_alpha)
    return out


def mean_colour(small: Bytes, small_alpha: Field) -> Bytes:
    """What stands where nothing of the product is: its mean colour, so that no trace of the old background is kept."""
    solid = small_alpha > 0.5
    return np.asarray((small[solid] if solid.any() else small.reshape(-1, 3)).mean(0).round(), np.uint8)


def weak_outline(small: Bytes, small_alpha: Field) -> float:
    """Share of the outline (0..1) across which the picture hardly changes: a sign that it was guessed."""
    solid = small_alpha > 0.5
    rim = solid & ~shrink(solid, 1)
    if not rim.any():
        return 1.0
    colours = small.astype(np.float32)
    front = _blurred(colours, small_alpha**2, 3)[rim]
    back = _blurred(colours, (1 - small_alpha) ** 2, 3)[rim]
    return float((np.abs(front - back).max(1) < 9).mean())


def deep(small_alpha: Field, radius: int) -> Mask:
    """Places farther than `radius` from the outer outline: inside it, where openings are easily missed."""
    outer = islands(~(small_alpha > 0.5))
    border = np.unique(np.concatenate([outer[0], outer[-1], outer[:, 0], outer[:, -1]]))
    return shrink(~np.isin(outer, border[border > 0]), radius)
