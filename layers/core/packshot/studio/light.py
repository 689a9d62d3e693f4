"""Where the product touches the ground, and what light does there: contact shadow, cast shadow, reflection.

The product is a flat cut-out, so its depth is guessed: it stands on the lower hull of its own outline, and a point
h pixels above that line throws its shadow h * lean to the side. All fields are (rows, columns) of the plate, the set's
small picture.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from packshot.studio.field import BICUBIC, Field, resize, soft

FOOT = 0.27  # of the product's height: lower outline above this is not standing on the ground
COARSE = 320  # longer side of the field in which the wide shadows are computed


@dataclass(frozen=True)
class Lamp:
    """The main light: `lean` is the shadow's way to the side per height, `reach` its way towards the viewer."""

    lean: float
    reach: float
    softness: float  # penumbra per height
    strength: float  # 0..1, darkness of the cast shadow
    contact: float  # 0..1, darkness of the contact shadow


def ground_line(alpha: Field) -> Field:
    """Row of the ground under each column: the lower convex hull of the product's feet, level beyond them."""
    rows, columns = alpha.shape
    solid = alpha > 0.5
    used = np.flatnonzero(solid.any(0))
    if not len(used):
        return np.full(columns, rows, np.float32)
    bottom = rows - 1 - solid[::-1].argmax(0)
    top = int(solid.any(1).argmax())
    low = int(bottom[used].max())
    feet = used[bottom[used] >= low - FOOT * (low - top)]
    hull: list[int] = []
    for x in feet.tolist():
        while len(hull) > 1:
            a, b = hull[-2], hull[-1]
            if (bottom[b] - bottom[a]) * (x - a) > (bottom[x] - bottom[a]) * (b - a):
                break
            hull.pop()
        hull.append(x)
    line: Field = np.interp(np.arange(columns), hull, bottom[hull] + 1).astype(np.float32)
    return line


def contact(alpha: Field, ground: Field, size: float) -> Field:
    """Darkness 0..1 where ground and product almost touch: the low part of the product, blurred at four widths."""
    height = ground[None] - np.arange(alpha.shape[0], dtype=np.float32)[:, None]
    light = np.ones_like(alpha)
    for below, sigma, weight in ((0.014, 0.005, 0.85), (0.05, 0.019, 0.72), (0.11, 0.05, 0.6), (0.25, 0.11, 0.45)):
        low = alpha * ((height < below * size) & (height > -0.004 * size))
        # a thin slab fades when it is blurred; what matters is how near it is, not how thick
        near = squashed(low, sigma * size, 0.55)
        light *= 1 - weight * np.clip(near * (1.0 + 2.2 * sigma / below), 0, 1)
    return 1 - light


def squashed(x: Field, sigma: float, flat: float) -> Field:
    """Gaussian blur of `sigma` across and sigma * flat down: circles on the ground look flat."""
    rows, columns = x.shape
    small = resize(x, max(8, round(columns * flat)), rows)
    return resize(soft(small, sigma * flat), columns, rows)


def cast(alpha: Field, ground: Field, size: float, lamp: Lamp) -> Field:
    """Darkness 0..1 of the shadow on the ground, in seven slabs of height; the higher the slab, the softer its edge."""
    rows, columns = alpha.shape
    scale = min(1.0, COARSE / max(rows, columns))
    high, wide = max(8, round(rows * scale)), max(8, round(columns * scale))
    small = resize(alpha, wide, high)
    line = np.interp((np.arange(wide) + 0.5) / wide, (np.arange(columns) + 0.5) / columns, ground) * scale
    y, x = np.nonzero(small > 0.3)
    height = line[x] - y
    cover = small[y, x]
    tallest = float(height.max(initial=1.0))
    edges = tallest * np.linspace(0, 1, 8) ** 1.5
    depth = 0.10 * size * scale
    light = np.ones((high, wide), np.float32)
    for below, above in pairwise(edges.tolist()):
        slab = (height >= below - 1) & (height <= above)
        if not slab.any():
            continue
        to_x = np.rint(x[slab] + lamp.lean * height[slab]).astype(int)
        to_y = np.rint(line[x[slab]] + lamp.reach * height[slab] - 0.5 * depth).astype(int)
        seen = (to_x >= 0) & (to_x < wide) & (to_y >= 0) & (to_y < high)
        spot = np.zeros((high, wide), np.float32)
        spot[to_y[seen], to_x[seen]] = cover[slab][seen]
        middle = (below + above) / 2
        sigma = 1.2 + lamp.softness * middle
        thick = max(1, round(depth))
        spot = np.maximum.reduce([np.roll(spot, n, 0) for n in range(-thick // 2, thick // 2 + 1)])
        fade = 1 / (1 + 0.7 * middle / (size * scale))
        light *= 1 - fade * np.clip(1.15 * soft(spot, sigma), 0, 1)
    return resize(1 - light, columns, rows, BICUBIC)


def mirror(colours: Field, alpha: Field, ground: Field, size: float, blur: float) -> tuple[Field, Field]:
    """Reflection in the ground: (premultiplied linear colours (rows, columns, 3), cover (rows, columns)).

    Each column is turned over about its own ground; the reflection fades and blurs with the distance from it.
    """
    rows, columns = alpha.shape
    y = np.arange(rows, dtype=np.float32)[:, None]
    below = y - ground[None]
    source = np.rint(2 * ground[None] - y - 1).astype(int)
    visible = (below >= -0.5) & (source >= 0) & (source < rows)
    source = source.clip(0, rows - 1)
    across = np.arange(columns)[None]
    cover = np.where(visible, alpha[source, across], 0).astype(np.float32)
    layers = np.concatenate([colours[source, across] * cover[..., None], cover[..., None]], -1)
    far = (below / (0.3 * size)).clip(0, 1)
    fade = np.exp(-below.clip(0) / (0.34 * size))
    out = np.empty_like(layers)
    for c in range(4):
        one = np.ascontiguousarray(layers[..., c])
        near, wide = soft(one, 0.4 + 0.2 * blur * size), soft(one, 1 + blur * size)
        out[..., c] = (near + (wide - near) * far) * fade
    return out[..., :3], out[..., 3]
