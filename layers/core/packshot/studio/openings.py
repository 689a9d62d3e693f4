"""Openings in a product, such as between the bars of a chair's back: where the model saw a part of one, find all of it.

Only an opening that was seen at least partly is widened, and only over pixels that look like what is seen through it. A
white label on a bottle before a white wall is therefore never cut out: nobody saw an opening there.
"""

from __future__ import annotations

import numpy as np

from packshot.studio.field import Bytes, Field, Mask, islands, local_mean, shrink

ALIKE = 14.0  # 8-bit levels: largest difference of a channel to the colour seen through the opening
REACH = 40  # radius in pixels of the working picture in which that colour is averaged
MOST_GAIN = 12.0  # an opening that would grow by more was no opening
LEAST = 0.0006  # of the working picture: smaller openings are left to the matting


def enclosed(empty: Mask) -> Mask:
    """The parts of a mask that do not touch the picture's border."""
    named = islands(empty)
    outer = np.unique(np.concatenate([named[0], named[-1], named[:, 0], named[:, -1]]))
    return (named > 0) & ~np.isin(named, outer)


def widen(pixels: Bytes, sure: Field) -> Field:
    """`sure` 0..1 with every half-seen opening set to 0, apart from a rim that the matting decides."""
    seen = enclosed(sure <= 0.6)
    if seen.sum() < LEAST * seen.size:
        return sure
    weight = (seen * (1 - sure)).astype(np.float32)
    near = local_mean(weight, REACH)
    alike = near > 1e-4
    for c in range(3):
        channel = pixels[..., c].astype(np.float32)
        through = local_mean(channel * weight, REACH) / np.maximum(near, 1e-6)
        alike &= np.abs(channel - through) < ALIKE
    outside = (sure <= 0.6) & ~seen
    alike = shrink(alike & ~outside, 1)
    named = islands(alike)
    size = np.bincount(named.ravel())
    known = np.bincount(named.ravel(), (seen & (sure < 0.5)).ravel())
    true = (known * MOST_GAIN > size) & (size > LEAST * sure.size)
    true[0] = False
    return np.where(true[named], np.float32(0), sure)
