"""The old cast shadow is not the product: a smooth, darker copy of the floor, which the model half took along."""

from __future__ import annotations

import numpy as np

from packshot.studio.colour import TO_LINEAR
from packshot.studio.field import BICUBIC, Bytes, Field, Mask, bounds, grow, islands, local_mean, resize, shrink

COARSE = 4  # by how much the picture is reduced to tell the floor's colour
REACH = 14  # radius in pixels of that reduced picture in which the floor is averaged
DARKEST, LIGHTEST = 0.25, 0.95  # of the floor's light: what is left of it in a shadow
TINT = 0.12  # largest difference of the channels' shares, of their mean: shadows are lit by the same room
STEP = 0.05  # largest local deviation of the share: shadows are smooth
RIM = 5  # pixels around a shadow in which it fades
LEAST = 1e-4  # of the working picture: smaller places are left to the matting
DOUBT = 0.8  # where the model is surer than this, it is the product
UPPER = 0.6  # share of the product's height above which nothing casts a shadow on the floor


def _floor(light: Field, empty: Field) -> Field:
    """Colour of the background around each place, (rows, columns, 3) linear, from places of weight `empty` alone."""
    rows, columns = empty.shape
    size = -(-columns // COARSE), -(-rows // COARSE)
    weight = resize(empty, *size)
    total = local_mean(weight, REACH)
    parts = [local_mean(resize(light[..., c] * empty, *size), REACH) / np.maximum(total, 1e-3) for c in range(3)]
    known = total > 0.02
    return np.stack([resize(np.where(known, part, np.float32(0)), columns, rows, BICUBIC) for part in parts], -1)


def shadow_of(pixels: Bytes, sure: Field) -> Mask:
    """Where an old shadow lies among what may be the product; both (rows, columns) of the working picture."""
    body = bounds(sure > 0.5)
    nothing = np.zeros(sure.shape, bool)
    if body is None:
        return nothing
    light = TO_LINEAR[pixels]
    floor = _floor(light, (grow(sure > 0.06, 3) == 0).astype(np.float32))
    share = light / np.maximum(floor, 1e-3)
    mean = np.ascontiguousarray(share.mean(2), np.float32)
    near = local_mean(mean, 2)
    rough = np.sqrt(np.maximum(local_mean(mean**2, 2) - near**2, 0))
    tint = (
        np.stack([local_mean(np.ascontiguousarray(share[..., c]), 2) for c in range(3)], -1)
        / np.maximum(near, 1e-3)[..., None]
    )
    may = (floor.min(2) > 0.01) & (near > DARKEST) & (near < 1.05) & (tint.max(2) - tint.min(2) < TINT)
    may &= (sure < DOUBT) & (sure > 0.03)
    may[: body[1] + int(UPPER * (body[3] - body[1]))] = False
    like = may & (near < LIGHTEST) & (rough < STEP * (0.3 + near))
    like = grow(shrink(like, 1), 1)
    named = islands(like)
    size = np.bincount(named.ravel())
    outside = np.bincount(named.ravel(), grow(sure < 0.04, RIM + 1).ravel())
    true = (size > LEAST * sure.size) & (outside > 0)
    true[0] = False
    return np.asarray(grow(true[named], RIM) & may)  # the shadow's own border is not smooth


def without_shadow(pixels: Bytes, sure: Field) -> Field:
    """`sure` 0..1 with the old shadow set to 0."""
    return np.where(shadow_of(pixels, sure), np.float32(0), sure)
