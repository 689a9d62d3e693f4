"""What a cut-out tells of the photograph it comes from: how high the camera was, from which side the light came."""

from __future__ import annotations

import math

import numpy as np
from PIL import Image

from packshot.studio.colour import TO_LINEAR
from packshot.studio.field import Bytes, Field
from packshot.studio.place import base_of
from packshot.studio.plates import Side, View
from packshot.studio.tone import luminance
from packshot.studio.values import Cutout

STEEP = 25.0  # degrees: about halfway between the angles at which plates `front` and `high` show their floor
BASE, GLANCE = 256, 96  # longer side of the copies in which the base and the light are looked at
SHORTEST = 10  # pixels of a row in which a slope is looked for
UNEVEN = 0.4  # stops from one side to the other: less is no side
AGREED = 0.6  # of the rows' slopes, one way less the other
BLACK = 0.02  # linear light added before logarithms


def looked_down(cutout: Cutout) -> float:
    """Degrees by which the camera looked down on the product, guessed from its base: a round one shows an ellipse
    whose axes are as 1 to sin(angle); the corner of a box bulges in a like way, but looks steeper than it is.
    Reads low above 30 degrees, which is good enough to tell a low camera from a high one."""
    alpha = _small(cutout.alpha, cutout, BASE)
    x, y = base_of(alpha.astype(np.float32) / np.float32(255))
    if len(x) < 2:
        return 0.0
    bulge = min(2 * (max(y) - (y[0] + y[-1]) / 2) / (x[-1] - x[0]), 0.49)
    # of an ellipse of axes 1 and r, the part less steep than 45 degrees bulges by r (sqrt(1 + r^2) - r)
    return math.degrees(math.asin(min(1.0, bulge / math.sqrt(1 - 2 * bulge))))


def seen_from(cutout: Cutout) -> View:
    """`front` or `high`: which plate the product's own camera height asks for."""
    return "high" if looked_down(cutout) > STEEP else "front"


def lit_from(cutout: Cutout) -> Side | None:
    """The side on which the product is clearly brighter in most of its rows; None: neither."""
    inside = _small(cutout.alpha, cutout, GLANCE) > 250
    logs: Field = np.log2(luminance(TO_LINEAR[_small(cutout.rgb, cutout, GLANCE)]) + np.float32(BLACK))
    slopes = []
    for row, solid in zip(logs, inside, strict=True):
        x = np.flatnonzero(solid)
        if len(x) >= SHORTEST:
            across = (x - x.mean()) / np.ptp(x)
            slopes.append(float(across @ (row[x] - row[x].mean()) / (across @ across)))
    if not slopes or abs(np.median(slopes)) < UNEVEN or abs(np.mean(np.sign(slopes))) < AGREED:
        return None
    return "right" if np.median(slopes) > 0 else "left"


def _small(pixels: Bytes, cutout: Cutout, longest: int) -> Bytes:
    left, top, right, bottom = cutout.box
    by = min(1.0, longest / max(right - left, bottom - top))
    size = (max(2, round((right - left) * by)), max(2, round((bottom - top) * by)))
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BOX, cutout.box))
