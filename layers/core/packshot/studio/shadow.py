"""The old cast shadow is not the product: a smooth, darker copy of the floor, which the model half took along."""

from __future__ import annotations

import numpy as np
from PIL import Image

from packshot.studio.colour import TO_LINEAR
from packshot.studio.field import BICUBIC, BOX, Bytes, Field, Mask, bounds, grow, islands, local_mean, resize, shrink

HALF = 2  # by how much the working picture is reduced: shadows are broad
COARSE = 2  # by how much that picture is reduced again to tell the floor's colour
REACH = 14  # radius in pixels of that reduced picture in which the floor is averaged
DARKEST, LIGHTEST = 0.25, 0.95  # of the floor's light: what is left of it in a shadow
TINT = 0.12  # largest difference of the channels' shares, of their mean: shadows are lit by the same room
STEP = 0.05  # largest local deviation of the share: shadows are smooth
RIM = 3  # pixels of the halved picture around a shadow in which it fades
LEAST = 1e-4  # of the working picture: smaller places are left to the matting
DOUBT = 0.8  # where the model is surer than this, it is the product
UPPER = 0.6  # share of the product's height above which nothing casts a shadow on the floor


def _floor(light: list[Field], empty: Field) -> list[Field]:
    """Colour of the background around each place, per channel and linear, from places of weight `empty` alone."""
    rows, columns = empty.shape
    size = -(-columns // COARSE), -(-rows // COARSE)
    total = local_mean(resize(empty, *size), REACH)
    parts = [local_mean(resize(channel * empty, *size), REACH) / np.maximum(total, 1e-3) for channel in light]
    known = total > 0.02
    return [resize(np.where(known, part, np.float32(0)), columns, rows, BICUBIC) for part in parts]


def shadow_of(pixels: Bytes, sure: Field) -> Mask:
    """Where an old shadow lies among what may be the product; both (rows, columns) of the working picture."""
    rows, columns = sure.shape
    nothing = np.zeros(sure.shape, bool)
    size = max(1, columns // HALF), max(1, rows // HALF)
    sure = resize(sure, *size, BOX)
    body = bounds(sure > 0.5)
    if body is None:
        return nothing
    may = (sure < DOUBT) & (sure > 0.03)
    may[: body[1] + int(UPPER * (body[3] - body[1]))] = False
    if not may.any():
        return nothing
    light = [TO_LINEAR[np.asarray(Image.fromarray(pixels[..., c]).resize(size, BOX))] for c in range(3)]
    floor = _floor(light, (~grow(sure > 0.06, 2)).astype(np.float32))
    share = [part / np.maximum(ground, 1e-3) for part, ground in zip(light, floor, strict=True)]
    mean: Field = (share[0] + share[1] + share[2]) / np.float32(3)
    near = local_mean(mean, 1)
    rough = np.sqrt(np.maximum(local_mean(mean**2, 1) - near**2, 0))
    tint = [local_mean(part, 1) / np.maximum(near, 1e-3) for part in share]
    hue = np.maximum(np.maximum(tint[0], tint[1]), tint[2]) - np.minimum(np.minimum(tint[0], tint[1]), tint[2])
    dark = np.minimum(np.minimum(floor[0], floor[1]), floor[2])
    may &= (dark > 0.01) & (near > DARKEST) & (near < 1.05) & (hue < TINT)
    like = may & (near < LIGHTEST) & (rough < STEP * (0.3 + near))
    like = grow(shrink(like, 1), 1)
    named = islands(like)
    count = np.bincount(named.ravel())
    outside = np.bincount(named.ravel(), grow(sure < 0.04, RIM + 1).ravel())
    true = (count > LEAST * sure.size) & (outside > 0)
    true[0] = False
    found = grow(true[named], RIM) & may  # the shadow's own border is not smooth
    return np.asarray(Image.fromarray(found).resize((columns, rows), Image.Resampling.NEAREST))


def without_shadow(pixels: Bytes, sure: Field) -> Field:
    """`sure` 0..1 with the old shadow set to 0."""
    return np.where(shadow_of(pixels, sure), np.float32(0), sure)
