"""The rim of the product: its own colours without the old background, and how well its outline follows the picture."""

from __future__ import annotations

import numpy as np
from PIL import Image

from packshot.studio.field import Bytes, Field, Mask, grow, islands, local_mean, resize, sample, shrink

WIDE, NARROW = 24, 3  # radii in pixels of the working picture
COARSE = 4  # by how much it is reduced for the wide blur
FAINT = 9  # 8-bit levels: less difference than this is no edge
MARGIN = 12  # pixels around the product whose colours continue it, for the sake of resampling


def _blurred(pixels: Field, weight: Field, radius: int) -> Field:
    """Local mean colour of the pixels that have weight: sum(weight * colour) / sum(weight)."""
    total = local_mean(weight, radius)
    return np.stack([local_mean(pixels[..., c] * weight, radius) for c in range(3)], -1) / (total + 1e-5)[..., None]


def _widely_blurred(pixels: Bytes, weight: Field) -> Field:
    """The same over WIDE, on a reduced picture."""
    rows, columns = weight.shape
    size = -(-columns // COARSE), -(-rows // COARSE)
    light = resize(weight, *size, Image.Resampling.BOX)
    parts = [resize(pixels[..., c] * weight, *size, Image.Resampling.BOX) for c in range(3)]
    total = local_mean(light, WIDE // COARSE) + np.float32(1e-5)
    return np.stack([resize(local_mean(part, WIDE // COARSE) / total, columns, rows) for part in parts], -1)


def foreground(pixels: Bytes, alpha: Field, small: Bytes, small_alpha: Field) -> Bytes:
    """Colours of the product alone, (H, W, 3) uint8: the picture itself where alpha is 1, estimated at the rim.

    Forte, "Approximate Fast Foreground Colour Estimation" (ICIP 2021): blurred foreground F and background B, then
    F + alpha (I - alpha F - (1 - alpha) B), wide first and then narrow. The blurs are taken on the working picture.
    """
    rows, columns = alpha.shape
    picture = small.astype(np.float32)
    front = _widely_blurred(small, small_alpha**2)
    back = _widely_blurred(small, (1 - small_alpha) ** 2)
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


def across(small: Bytes, small_alpha: Field) -> Field:
    """Largest difference of a channel, in 8-bit levels, across each place of the outline: product minus background."""
    solid = small_alpha > 0.5
    rim = solid & ~shrink(solid, 1)
    if not rim.any():
        return np.zeros(0, np.float32)
    colours = small.astype(np.float32)
    front = _blurred(colours, small_alpha**2, NARROW)[rim]
    back = _blurred(colours, (1 - small_alpha) ** 2, NARROW)[rim]
    return np.asarray(np.abs(front - back).max(1), np.float32)


def weak_outline(steps: Field) -> float:
    """Share of the outline (0..1) across which the picture hardly changes: a sign that it was guessed. `steps` is what
    across() found."""
    return float((steps < FAINT).mean()) if len(steps) else 1.0


def deep(small_alpha: Field, radius: int) -> Mask:
    """Places farther than `radius` from the outer outline: inside it, where openings are easily missed."""
    outer = islands(~(small_alpha > 0.5))
    border = np.unique(np.concatenate([outer[0], outer[-1], outer[:, 0], outer[:, -1]]))
    return shrink(~np.isin(outer, border[border > 0]), radius)
