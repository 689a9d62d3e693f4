"""Relight: even out the light of a snapshot and let a soft key light fall from the upper left. Opt-in and bounded.

What it is not: no new shadow, reflection or highlight is drawn, old ones stay where they are, and no shape is guessed.
It is what a photographer does with a graduated filter: slow changes of brightness over the whole picture. A pixel's
hue and chromaticity stay, and so do white and black, so a white ground remains white.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from packshot.picture import Picture, encode
from packshot.studio import check, tone
from packshot.studio.field import Field, Mask, soft
from packshot.studio.values import ENGINE, Cutout, Rendered

METHOD = "illumination polynomial evened, soft key from the upper left"
GLANCE = 256  # longer side of the copy on which the light is estimated
DEGREE = 3  # of the polynomial that describes it
EVEN = 0.9  # share of the estimated unevenness that is taken away at full strength
KEY = 0.7  # stops: more at the upper left, less at the lower right, at full strength
MOST = 0.8  # stops: bound of the whole correction
STEADY = 3e-4  # pull of the polynomial towards no unevenness at all
ROUNDS = 8
BLACK = 0.004  # linear light added before logarithms


def relight(picture: Picture, *, strength: float = 0.5, format: str = "jpg", quality: int = 90) -> Rendered:
    """The picture at its own size in another light, `strength` 0..1; the report has the CIEDE2000 difference to the
    input (a sample of its pixels) and the largest gains in stops."""
    stops, told = _relit(picture, strength)
    pixels = tone.applied(picture.pixels, stops)
    data = encode(Picture(pixels), format=format, quality=quality, source_type="algorithmicallyEnhanced")
    change = check.change(picture.pixels, pixels)
    report: dict[str, float | str] = {"engine": ENGINE, "method": METHOD, "strength": strength, **told, **change}
    return Rendered(data, picture.width, picture.height, report)


def relit_product(cutout: Cutout, picture: Picture, *, strength: float = 0.5) -> tuple[Cutout, dict[str, float | str]]:
    """The cut-out of a picture in the light that `relight` would give that picture, before it is set anywhere; and the
    report, where `adjust_delta_e_mean` and `_max` are the CIEDE2000 difference that this makes to the product."""
    stops, told = _relit(picture, strength)
    rgb = tone.applied(cutout.rgb, stops)
    before, after = (np.dstack([colours, cutout.alpha]) for colours in (cutout.rgb, rgb))
    change = {f"adjust_{name}": value for name, value in check.change(before, after).items()}
    return replace(cutout, rgb=rgb), {"relight": METHOD, **told, **change}


def _relit(picture: Picture, strength: float) -> tuple[Field, dict[str, float]]:
    """Stops of light for a small copy of the picture, and what the report says of them."""
    small, seen = tone.reduced(picture.pixels, GLANCE)
    uneven = _illumination(small, seen)
    wanted = strength * (KEY * _key(small.shape[0], small.shape[1]) - EVEN * uneven)
    wanted -= wanted[seen].mean()
    stops = (MOST * np.tanh(wanted / MOST)).astype(np.float32)
    return stops, {
        "uneven_stops": round(float(np.ptp(uneven)), 3),
        "gain_stops_min": round(float(stops.min()), 3),
        "gain_stops_max": round(float(stops.max()), 3),
    }


def _illumination(small: Field, seen: Mask) -> Field:
    """Slow changes of brightness in stops (rows, columns), about 0.

    A polynomial whose gradient fits the picture's: light changes slowly and everywhere, paint suddenly and in few
    places, so large gradients hardly count (Cauchy weights, refitted a few times).
    """
    rows, columns = seen.shape
    logs = soft(np.log2(tone.luminance(small) + BLACK).astype(np.float32), 1.5)
    usable = seen & (small.max(-1) < 0.98) & (small.max(-1) > 0.01)
    side = max(rows, columns)
    y = ((np.arange(rows) - rows / 2 + 0.5) / side)[:, None] * np.ones((1, columns))
    x = ((np.arange(columns) - columns / 2 + 0.5) / side)[None] * np.ones((rows, 1))
    powers = [(n, d - n) for d in range(1, DEGREE + 1) for n in range(d + 1)]
    basis = [x**a * y**b for a, b in powers]
    if usable.sum() < 64:
        return np.zeros((rows, columns), np.float32)
    down, across = np.gradient(logs.astype(np.float64) * side)
    slopes = [np.gradient(one * side) for one in basis]
    a_down = np.stack([slope[0][usable] for slope in slopes], -1)
    a_across = np.stack([slope[1][usable] for slope in slopes], -1)
    y_down, y_across = down[usable], across[usable]
    pull = STEADY * len(y_down) * np.eye(len(basis))
    found = np.zeros(len(basis))
    width = 1.0  # stops over the whole side: what a slow change may be
    for _ in range(ROUNDS):
        miss = (y_down - a_down @ found) ** 2 + (y_across - a_across @ found) ** 2
        weight = 1 / (1 + miss / width**2)
        left = (a_down * weight[:, None]).T @ a_down + (a_across * weight[:, None]).T @ a_across + pull
        right = (a_down * weight[:, None]).T @ y_down + (a_across * weight[:, None]).T @ y_across
        found = np.linalg.solve(left, right)
    light = sum(one * share for one, share in zip(basis, found, strict=True))
    level: Field = np.asarray(light - np.asarray(light)[seen].mean(), np.float32)
    return level


def _key(rows: int, columns: int) -> Field:
    """A lamp at the upper left: 1 there, falling to -1 at the lower right."""
    y, x = (np.arange(rows) + 0.5)[:, None] / rows, (np.arange(columns) + 0.5)[None] / columns
    away = np.hypot(x + 0.1, y + 0.1)
    return (1 - 2 * (away - 0.14) / (1.556 - 0.14)).astype(np.float32)
