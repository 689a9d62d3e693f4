"""Are the colours still the same? Both pictures are reduced to cells, one change of light for the whole product is
taken off, and what is left is measured cell by cell with CIEDE2000.

The change of light is a gain per channel (von Kries) and one exponent for all three, in linear light:
log2(seen) = gain + exponent * log2(own). Gains may differ from each other by little: a warmer lamp, not another paint.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from packshot.fidelity.product import Matrix, Product
from packshot.studio.colour import XYZ, delta_e, lab, to_srgb
from packshot.studio.field import Field, Mask, shrink, soft

CELLS = 96  # cells along the product's longer side
BLACK = 0.004  # linear light that is added before logarithms: below it, nothing is told apart
TINT = 0.30  # stops by which a channel's gain may differ from the mean gain
EXPONENTS = (0.75, 1.35)
COLOURLESS, COLOURED = 6.0, 16.0  # chroma (CIELAB) up to which a cell has no hue, and from which it surely has
TURNED = 22.0  # degrees of hue that make another colour
LIGHTER = 28.0  # difference of lightness (CIELAB) that makes another colour
ROBUST = 0.9  # share of the cells, the most alike, whose mean difference is told


@dataclass(frozen=True, eq=False)
class Light:
    """A change of light: log2(seen) = gains + exponent * (log2(own) - middle) + middle."""

    gains: Matrix
    exponent: float
    middle: float

    def on(self, own: Matrix) -> Matrix:
        """Linear colours (..., 3) under this light."""
        lit: Matrix = 2 ** (self.middle + self.gains + self.exponent * (np.log2(own + BLACK) - self.middle)) - BLACK
        return lit

    def shine(self, srgb: Field) -> Field:
        """sRGB 0..1 (..., 3) under this light."""
        levels = to_srgb(self.on(linear(srgb).astype(np.float64)).astype(np.float32))
        lit: Field = (levels / 255).astype(np.float32)
        return lit


@dataclass(frozen=True, eq=False)
class Colours:
    """`delta_e` mean CIEDE2000 of the most alike nine tenths; `light_change` in stops, + is brighter; `moved` share
    0..1 of the product's area with another hue or tone; `light` is the picture's light on the product."""

    delta_e: float
    light_change: float
    moved: float
    light: Light


def linear(srgb: Field) -> Field:
    """sRGB 0..1 to linear light 0..1 (IEC 61966-2-1)."""
    x = srgb.clip(0, 1)
    light: Field = np.where(x <= 0.04045, x / 12.92, ((x + 0.055) / 1.055) ** 2.4).astype(np.float32)
    return light


def _cells(values: Field, weight: Field, by: int) -> Field:
    """Weighted means of (rows, columns, n) over by x by squares; what is left over at the end is dropped."""
    rows, columns = weight.shape[0] // by, weight.shape[1] // by
    heavy = weight[: rows * by, : columns * by]
    total = heavy.reshape(rows, by, columns, by).sum((1, 3))
    cut = (values[: rows * by, : columns * by] * heavy[..., None]).reshape(rows, by, columns, by, -1).sum((1, 3))
    mean: Field = (cut / (total[..., None] + 1e-6)).astype(np.float32)
    return mean


def light_between(own: Matrix, seen: Matrix) -> Light:
    """The change of light from (n, 3) to (n, 3) linear colours.

    Least squares with Cauchy weights, six rounds, gains and exponent within their limits.
    """
    one, two = np.log2(own + BLACK), np.log2(seen + BLACK)
    middle = float(one.mean())
    x = one - middle
    clipped = (seen > 0.97) | (own > 0.97)
    weight = np.where(clipped, 0.05, 1.0)
    gains, exponent = np.median(two - one, 0), 1.0
    for _ in range(6):
        rest = two - middle - gains - exponent * x
        vote = weight / (1 + (rest / 0.15) ** 2)
        flat = two - middle - gains
        exponent = float(((vote * x * flat).sum() + 0.05 * len(x)) / ((vote * x * x).sum() + 0.05 * len(x)))
        exponent = min(max(exponent, EXPONENTS[0]), EXPONENTS[1])
        gains = (vote * (two - middle - exponent * x)).sum(0) / np.maximum(vote.sum(0), 1e-9)
        gains = gains.mean() + (gains - gains.mean()).clip(-TINT, TINT)
    return Light(gains, exponent, middle)


def compare(product: Product, seen: Field, inside: Field) -> Colours | None:
    """Compare the product with its aligned frame out of a picture; None when fewer than 12 cells can be seen."""
    by = max(1, round(product.longest / CELLS))
    cover = product.alpha * inside
    deep = (shrink(cover > 0.9, max(1, by // 2))).astype(np.float32)
    if deep.sum() < 0.3 * cover.sum():
        deep = (cover > 0.6).astype(np.float32)
    at = _cells(deep[..., None], np.ones_like(deep), by)[..., 0] > 0.5
    if at.sum() < 12:
        return None
    own = _cells(linear(product.rgb), deep, by)[at].astype(np.float64)
    other = _cells(linear(seen), deep, by)[at].astype(np.float64)
    light = light_between(own, other)
    lit = light.on(own)
    first, second = _lab(lit), _lab(other)
    difference = delta_e(first, second)
    alike = np.sort(difference)[: max(1, round(ROBUST * len(difference)))]
    changed = np.zeros(at.shape, np.float32)
    changed[at] = _moved(first, second)
    stops = float(np.log2((lit @ XYZ[1]).clip(1e-4).mean() / (own @ XYZ[1]).clip(1e-4).mean()))
    return Colours(float(alike.mean()), stops, _share(changed, at), light)


def _lab(light: Matrix) -> Matrix:
    return lab(np.rint(to_srgb(light.astype(np.float32))).astype(np.uint8))


def _moved(one: Matrix, two: Matrix) -> NDArray[np.bool_]:
    """Which of (n, 3) L*a*b* colours have become another colour: hue turned, colour gained or lost, tone changed."""
    c1, c2 = np.hypot(one[:, 1], one[:, 2]), np.hypot(two[:, 1], two[:, 2])
    angle = np.degrees(np.arctan2(one[:, 2], one[:, 1]) - np.arctan2(two[:, 2], two[:, 1]))
    turned = (np.abs((angle + 180) % 360 - 180) > TURNED) & (np.minimum(c1, c2) > (COLOURLESS + COLOURED) / 2)
    gained = (np.minimum(c1, c2) < COLOURLESS) & (np.maximum(c1, c2) > COLOURED)
    moved: NDArray[np.bool_] = turned | gained | (np.abs(one[:, 0] - two[:, 0]) > LIGHTER)
    return moved


def _share(changed: Field, at: Mask) -> float:
    """Share of the cells that changed together with most of their neighbours: single cells are noise."""
    near = soft(changed, 1.0) / np.maximum(soft(at.astype(np.float32), 1.0), 0.05)
    return float(((near > 0.5) & (changed > 0)).sum() / at.sum())
