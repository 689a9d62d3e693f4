"""What light does where a product stands: contact shadow, cast shadow, reflection, and the shadow around a flat lay.

The product is a flat cut-out, so its depth is guessed: it stands on the lower hull of its own outline, and what is
high above that line throws its shadow far along the floor. `angle` is the one, in radians, by which the camera looks
down on the floor at the product's foot: a length on the floor towards the viewer is sin(angle) as long in the picture,
a height cos(angle) as long. The sun's own numbers are lengths in the picture already. All fields are (rows, columns)
of the stage, a small picture of the frame.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from packshot.studio.field import BICUBIC, Field, resize, soft
from packshot.studio.plates import Sun

COARSE = 360  # longer side of the field in which the cast shadow is computed
DEPTH = 0.7  # of its width: how deep a product is taken to be
DEEPEST = 0.8  # of its height: the most
HANGING = 0.14  # of the product's size: how high above its ground line what casts a contact shadow may be
FLATTEST = 0.25  # height over width of a circle on the floor, at least
BOX = 12**-0.5  # deviation of an even penumbra of width 1
HAZE = 0.12  # of the product's size: the blur of a reflection of polish 1, at 0.3 of that size from the ground
PENUMBRAS = 5  # blurs between which that of each place is interpolated
FADE = 0.45  # how fast a shadow gets lighter with the height of what throws it, per product size
THICKNESS = 0.16  # of its size: how high a product is that lies flat


def contact(alpha: Field, ground: Field, size: float, angle: float) -> Field:
    """Darkness 0..1 where ground and product almost touch: the low part of the product, blurred at four widths.

    What hangs a little above the line still stands on the ground, farther back; the higher, the less."""
    flat = min(1.0, max(0.4, 1.4 * math.sin(angle)))
    rows = alpha.shape[0]
    solid = alpha > 0.5
    gap = np.where(solid.any(0), ground - (rows - solid[::-1].argmax(0)), np.inf)
    near = (1 - gap / (HANGING * size)).clip(0, 1).astype(np.float32)
    line = np.where(near > 0, ground - gap, ground).astype(np.float32)
    weight = np.where(near > 0, near, 1)[None]
    height = line[None] - np.arange(rows, dtype=np.float32)[:, None]
    light = np.ones_like(alpha)
    for below, sigma, most in ((0.014, 0.005, 0.85), (0.05, 0.019, 0.72), (0.11, 0.05, 0.6), (0.25, 0.11, 0.45)):
        low = alpha * weight * ((height < below * size) & (height > -0.004 * size))
        # a thin slab fades when it is blurred; what matters is how near it is, not how thick
        dark = squashed(low, sigma * size, flat)
        light *= 1 - most * np.clip(dark * (1.0 + 2.2 * sigma / below), 0, 1)
    return 1 - light


def squashed(x: Field, sigma: float, flat: float) -> Field:
    """Gaussian blur of `sigma` across and sigma * flat down: circles on the ground look flat."""
    rows, columns = x.shape
    small = resize(x, max(8, round(columns * flat)), rows)
    return resize(soft(small, sigma * flat), columns, rows, BICUBIC)


def cast(alpha: Field, ground: Field, size: float, sun: Sun, angle: float) -> Field:
    """Darkness 0..1 of the shadow on the floor; the higher what throws it, the softer and the lighter it is.

    Percentage-closer soft shadows (Fernando, SIGGRAPH 2005 sketches): the mean height of what blocks the light chooses
    how far the hard shadow is blurred at each place.
    """
    rows, columns = alpha.shape
    by = min(1.0, COARSE / max(rows, columns))
    high, wide = max(8, round(rows * by)), max(8, round(columns * by))
    line = np.interp((np.arange(wide) + 0.5) / wide, (np.arange(columns) + 0.5) / columns, ground) * by
    hard, blocker = _blocked(resize(alpha, wide, high), line, sun, angle)
    flat = min(1.0, max(FLATTEST, math.sin(angle)))
    height = _around(blocker, hard, size * by, flat)
    sigma = 0.7 + BOX * sun.softness / max(math.cos(angle), 0.2) * height
    levels = np.geomspace(0.7, max(1.4, float(sigma.max())), PENUMBRAS)
    place = (np.log(sigma / levels[0]) / np.log(levels[1] / levels[0])).clip(0, PENUMBRAS - 1)
    dark = np.zeros_like(hard)
    for n, level in enumerate(levels.tolist()):
        share = (1 - np.abs(place - n)).clip(0)
        if share.any():
            dark += share * squashed(hard, level, flat)
    dark /= 1 + FADE * height / (size * by)
    return resize(dark.astype(np.float32), columns, rows, BICUBIC).clip(0, 1)


def _around(blocker: Field, hard: Field, size: float, flat: float) -> Field:
    """The mean height of what throws the nearest shadow, also where none falls yet: near means outweigh far ones."""
    total, weight = np.zeros_like(hard), np.full_like(hard, 1e-6)
    for reach, share in ((0.05, 1.0), (0.15, 0.03), (0.45, 0.001)):
        total += share * squashed(hard * blocker, reach * size, flat).clip(0)
        weight += share * squashed(hard, reach * size, flat).clip(0)
    return total / weight


def _blocked(alpha: Field, line: NDArray[np.float64], sun: Sun, angle: float) -> tuple[Field, Field]:
    """The hard shadow 0..1 and the mean height in pixels of what throws it.

    Each row of the product is a slice of it: an ellipse that is DEPTH times as deep as it is wide, at most DEEPEST of
    the product's height, whose shadow is a span of pixels in each column.
    """
    rows, columns = alpha.shape
    y, x = np.nonzero(alpha > 0.3)
    if not len(y):
        return np.zeros_like(alpha), np.zeros_like(alpha)
    height = (line[x] - y).clip(0)
    solid = alpha > 0.3
    first, last = solid.argmax(1), columns - solid[:, ::-1].argmax(1)
    half = ((last - first) / 2)[y]
    aside = (x + 0.5 - ((last + first) / 2)[y]) / half
    base = float((last - first)[y.max() - (y.max() - y.min()) // 12 : y.max() + 1].max())
    most = DEEPEST * float(height.max())
    round_ = np.sqrt((1 - aside**2).clip(0.06))
    own, below = np.minimum(2 * half * DEPTH, most) * round_, min(base * DEPTH, most) * round_
    sine = math.sin(angle)
    front = line[x] + sun.reach * height - (below - own).clip(0) / 2 * sine
    to_x = np.rint(x + sun.lean * height).astype(np.intp)
    start = np.rint(front - own * sine - 1).clip(0, rows).astype(np.intp)
    stop = np.rint(front + 0.5).clip(0, rows).astype(np.intp)
    seen = (to_x >= 0) & (to_x < columns) & (start < stop)
    to_x, start, stop, height = to_x[seen], start[seen], stop[seen], height[seen]
    cells = (rows + 1) * columns
    enter, leave = start * columns + to_x, stop * columns + to_x

    def spans(weight: NDArray[np.float64] | None) -> NDArray[np.float64]:
        change = np.bincount(enter, weight, cells) - np.bincount(leave, weight, cells)
        return np.asarray(change.reshape(rows + 1, columns).cumsum(0)[:rows])

    count = spans(None)
    hard = (count > 0.5).astype(np.float32)
    return hard, np.where(count > 0.5, spans(height) / count.clip(1), 0).astype(np.float32)


def mirror(colours: Field, alpha: Field, ground: Field, size: float, polish: float) -> tuple[Field, Field]:
    """Reflection in the ground: (premultiplied linear colours (rows, columns, 3), cover (rows, columns)).

    Each column is turned over about its own ground; the reflection fades and blurs with the distance from it.
    """
    rows, columns = alpha.shape
    blur = HAZE * polish * size
    image, cover = np.zeros((rows, columns, 3), np.float32), np.zeros((rows, columns), np.float32)
    used = np.flatnonzero(alpha.any(0))
    if not len(used):
        return image, cover
    around = 3 * math.ceil(1 + blur)
    left, right = max(0, int(used[0]) - around), min(columns, int(used[-1]) + 1 + around)
    top = max(0, int(ground.min()) - around)
    line = ground[None, left:right]
    y = np.arange(top, rows, dtype=np.float32)[:, None]
    below = y - line
    source = np.rint(2 * line - y - 1).astype(np.intp)
    visible = (below >= -0.5) & (source >= 0) & (source < rows)
    from_ = (source.clip(0, rows - 1), np.arange(left, right)[None])
    seen = np.where(visible, alpha[from_], 0).astype(np.float32)
    far = (below / (0.3 * size)).clip(0, 1)
    fade = np.exp(-below.clip(0) / (0.34 * size))
    for c in range(4):
        one = seen if c == 3 else colours[..., c][from_] * seen
        near, wide = soft(one, 0.4 + 0.2 * blur), soft(one, 1 + blur)
        target = cover if c == 3 else image[..., c]
        target[top:, left:right] = (near + (wide - near) * far) * fade
    return image, cover


def lying(alpha: Field, size: float, sun: Sun) -> tuple[Field, Field]:
    """Around a product that lies flat, seen from above: darkness 0..1 of (its cast shadow, the line where it touches).

    Its lower and its upper half throw the shadow half and all of the way."""
    thick = THICKNESS * size
    light = np.ones_like(alpha)
    for height in (0.35 * thick, thick):
        moved = np.roll(alpha, (round(sun.reach * height), round(sun.lean * height)), (0, 1))
        light *= 1 - 0.5 * soft(moved, 1 + BOX * sun.softness * height)
    near = 0.6 * soft(alpha, 0.008 * size) + 0.55 * soft(alpha, 0.03 * size)
    return (1 - light) / 0.75, near.clip(0, 1)
