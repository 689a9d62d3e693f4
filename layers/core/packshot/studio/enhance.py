"""Enhance a snapshot: a neutral white, enough light, a little more local contrast. All bounded, all reported."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from packshot.picture import Picture, encode
from packshot.studio import check, tone
from packshot.studio.field import Field, Mask, local_mean, soft
from packshot.studio.values import ENGINE, Cutout, Rendered

GLANCE = 256  # longer side of the copy on which colour and light are judged
LOOK = 1024  # the same for local contrast
DEAD = 0.04  # stops: smaller casts are left alone
MOST_WARMTH, MOST_TINT = 0.6, 0.2  # stops, blue against red and green against both: the largest cast that is removed
WHITEST = 0.97  # quantile of brightness above which pixels count as the picture's white
OTHER, FEW = (
    0.25,
    0.02,
)  # a picture where less than FEW differs by OTHER stops in colour has one colour: no cast is told
MOST_LIGHT = 0.7  # stops of exposure
LACK = 0.6  # share of the light missing to the brightest hundredth of a picture that is added
TOP = 0.9  # linear light that this hundredth should have
BRIGHT = 0.4  # median linear light from which a picture is bright enough; a stop below it, all of LACK is added
CONTRAST, MOST_CONTRAST = 0.8, 0.4  # share of the detail that is added, and its bound in stops
REACH, FINE = 0.03, 0.002  # of the longer side: detail is what is smaller than the first and larger than the second
FLAT = 0.25  # variance in stops^2 above which a neighbourhood is an edge, which is not raised: no halos
NOISE = 0.03  # stops: smaller detail is left alone
BLACK = 0.004  # linear light added before logarithms


@dataclass(frozen=True, eq=False)
class Correction:
    """What is done to every pixel alike: gains of red, green and blue, the largest 1; stops that bring the light back
    that those take; stops of more light."""

    balance: Field
    loss: float
    light: float

    def report(self) -> dict[str, Any]:
        """`white_balance`: the gains of red, green and blue at unchanged brightness; `exposure_stops`."""
        gains = [round(float(gain), 3) for gain in self.balance * np.exp2(self.loss)]
        return {"white_balance": gains, "exposure_stops": round(self.light, 3)}


def enhance(
    picture: Picture,
    *,
    strength: float = 0.5,
    white_balance: bool = True,
    exposure: bool = True,
    format: str = "jpg",
    quality: int = 90,
) -> Rendered:
    """The picture at its own size with its cast, its exposure and its local contrast put right, `strength` 0..1 of it.

    Each of the first two can be left as it is. White balance is what two estimates agree on. Light is only ever added,
    since what is blown out cannot be brought back. The report has the gains and the CIEDE2000 difference to the input
    (a sample of its pixels).
    """
    share = strength**0.6 if strength > 0 else 0.0
    found = correction(picture, share=share, white_balance=white_balance, exposure=exposure)
    detail = strength * _contrast(picture, found.balance)
    pixels = tone.applied(picture.pixels, detail, light=found.loss + found.light, balance=found.balance)
    data = encode(Picture(pixels), format=format, quality=quality, source_type="algorithmicallyEnhanced")
    done = [("grey-edge white balance", white_balance), ("exposure", exposure), ("local contrast", True)]
    report: dict[str, Any] = {
        "engine": ENGINE,
        "method": ", ".join(name for name, is_on in done if is_on),
        "strength": strength,
        **found.report(),
        **check.change(picture.pixels, pixels),
    }
    return Rendered(data, picture.width, picture.height, report)


def balanced_product(
    cutout: Cutout, picture: Picture, *, white_balance: bool = True, exposure: bool = True
) -> tuple[Cutout, dict[str, Any]]:
    """The cut-out of a picture with the cast and the lack of light of that whole picture taken from the product's
    colours, before it is set anywhere; and the report, where `adjust_delta_e_mean` and `_max` are the CIEDE2000
    difference that this makes to the product."""
    found = correction(picture, share=1.0, white_balance=white_balance, exposure=exposure)
    even = np.zeros((8, 8), np.float32)
    rgb = tone.applied(cutout.rgb, even, light=found.loss + found.light, balance=found.balance)
    before, after = (np.dstack([colours, cutout.alpha]) for colours in (cutout.rgb, rgb))
    change = {f"adjust_{name}": value for name, value in check.change(before, after).items()}
    return replace(cutout, rgb=rgb), {**found.report(), **change}


def correction(picture: Picture, *, share: float, white_balance: bool, exposure: bool) -> Correction:
    """What a picture needs, `share` 0..1 of it."""
    small, seen = tone.reduced(picture.pixels, GLANCE)
    balance = _balance(small, seen, share) if white_balance else np.ones(3, np.float32)
    level = tone.balanced(small, balance)
    before, after = (float(tone.luminance(one)[seen].mean()) + 1e-6 for one in (small, level))
    loss = float(np.log2(before / after))
    return Correction(balance, loss, share * _light(level * np.exp2(loss), seen) if exposure else 0.0)


def _balance(small: Field, seen: Mask, share: float) -> Field:
    """Gains of red, green and blue, the largest 1, that take `share` of the cast away.

    Grey-edge (van de Weijer, Gevers, Gijsenij, "Edge-Based Color Constancy", IEEE TIP 16, 2007) and the white patch:
    the mean of the brightest pixels. A large coloured product misleads either, seldom both the same way: where they
    disagree about the direction nothing is done, else the smaller is believed. A picture of a single colour shows no
    light but a product that fills it.
    """
    useful = seen & (small.max(-1) < 0.98) & (small.min(-1) > 0.002)
    if useful.sum() < 64 or _is_one_colour(small[useful]):
        return np.ones(3, np.float32)
    one, two = _edges(small, useful), _white(small[useful])
    agreed = np.where(one * two > 0, np.sign(one) * np.minimum(np.abs(one), np.abs(two)), 0)
    warmth, tint = np.sign(agreed) * (np.abs(agreed) - DEAD).clip(0, [MOST_WARMTH, MOST_TINT]) * share
    # the light's colour in stops is (-warmth/2 - tint/3, 2 tint/3, warmth/2 - tint/3)
    light = np.array([-warmth / 2 - tint / 3, 2 * tint / 3, warmth / 2 - tint / 3])
    return np.asarray(np.exp2(light.min() - light), np.float32)


def _is_one_colour(colours: Field) -> bool:
    """Whether hardly any of (n, 3) colours has another chromaticity than most, whatever the brightness."""
    red, green, blue = np.log2(colours[colours.min(-1) > 0.01].T + 1e-4)
    if not len(red):
        return True
    casts = np.stack([blue - red, green - (red + blue) / 2])
    away = np.abs(casts - np.median(casts, axis=1)[:, None]).max(0)
    return float((away > OTHER).mean()) < FEW


def _edges(small: Field, useful: Mask) -> NDArray[np.float64]:
    """The cast by the channels' gradients: Minkowski norm 5 of their lengths."""
    channels = [soft(np.ascontiguousarray(small[..., c]), 1.5) for c in range(3)]
    lengths = np.stack([np.hypot(*np.gradient(channel))[useful] for channel in channels], -1)
    return _cast((lengths.astype(np.float64) ** 5).mean(0) ** 0.2)


def _white(colours: Field) -> NDArray[np.float64]:
    """The cast by the mean of the brightest of (n, 3) colours."""
    bright = colours.mean(-1)
    return _cast(colours[bright >= np.quantile(bright, WHITEST)].astype(np.float64).mean(0))


def _cast(mean: NDArray[np.float64]) -> NDArray[np.float64]:
    """(warmth, tint) of a colour in stops: blue over red, green over both."""
    red, green, blue = np.log2(np.maximum(mean, 1e-9))
    return np.array([blue - red, green - (red + blue) / 2])


def _light(level: Field, seen: Mask) -> float:
    """Stops of light that a dark picture lacks: part of the way to white for its brightest hundredth."""
    middle, top = np.quantile(tone.luminance(level)[seen], [0.5, 0.99]) + 1e-4
    return float(np.clip(LACK * np.log2(TOP / top) * np.clip(np.log2(BRIGHT / middle), 0, 1), 0, MOST_LIGHT))


def _contrast(picture: Picture, balance: Field) -> Field:
    """Stops that raise detail of middle size: the difference to an edge-keeping mean (He, Sun, Tang, "Guided Image
    Filtering", PAMI 35, 2013), bounded."""
    small, seen = tone.reduced(picture.pixels, LOOK)
    logs = np.asarray(np.log2(tone.luminance(tone.balanced(small, balance)) + BLACK), np.float32)
    logs[~seen] = logs[seen].mean()
    side = max(logs.shape)
    radius = max(2, round(REACH * side))
    mean = local_mean(logs, radius)
    spread: Field = (local_mean(logs * logs, radius) - mean * mean).clip(0)
    slope: Field = np.asarray(spread / (spread + FLAT), np.float32)
    base = local_mean(slope, radius) * logs + local_mean(mean - slope * mean, radius)
    detail = soft(logs, FINE * side) - base
    detail = CONTRAST * np.sign(detail) * (np.abs(detail) - NOISE).clip(0)
    return np.asarray(MOST_CONTRAST * np.tanh(detail / MOST_CONTRAST), np.float32)
