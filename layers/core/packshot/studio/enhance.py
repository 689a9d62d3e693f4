"""Enhance a snapshot: a neutral white, enough light, a little more local contrast. All bounded, all reported."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from packshot.picture import Picture, encode
from packshot.studio import check, tone
from packshot.studio.field import Field, Mask, local_mean, soft
from packshot.studio.values import ENGINE, Rendered

GLANCE = 256  # longer side of the copy on which colour and light are judged
LOOK = 1024  # the same for local contrast
DEAD = 0.04  # stops: smaller casts are left alone
MOST_WARMTH, MOST_TINT = 0.6, 0.2  # stops, blue against red and green against both: the largest cast that is removed
MOST_LIGHT = 0.7  # stops of exposure
LACK = 0.6  # share of the light missing to the brightest hundredth of a picture that is added
TOP = 0.9  # linear light that this hundredth should have
BRIGHT = 0.4  # median linear light from which a picture is bright enough; a stop below it, all of LACK is added
CONTRAST, MOST_CONTRAST = 0.8, 0.4  # share of the detail that is added, and its bound in stops
REACH, FINE = 0.03, 0.002  # of the longer side: detail is what is smaller than the first and larger than the second
FLAT = 0.25  # variance in stops^2 above which a neighbourhood is an edge, which is not raised: no halos
NOISE = 0.03  # stops: smaller detail is left alone
BLACK = 0.004  # linear light added before logarithms


def enhance(picture: Picture, *, strength: float = 0.5, format: str = "jpg", quality: int = 90) -> Rendered:
    """The picture at its own size with its cast, its exposure and its local contrast put right, `strength` 0..1 of it.

    White balance is what two estimates agree on. Light is only ever added, since what is blown out cannot be brought
    back. The report has the gains and the CIEDE2000 difference to the input (a sample of its pixels).
    """
    share = strength**0.6 if strength > 0 else 0.0
    small, seen = tone.reduced(picture.pixels, GLANCE)
    balance = _balance(small, seen, share)
    level = tone.balanced(small, balance)
    before, after = (float(tone.luminance(one)[seen].mean()) + 1e-6 for one in (small, level))
    loss = float(np.log2(before / after))
    light = share * _light(level * np.exp2(loss), seen)
    detail = strength * _contrast(picture, balance)
    pixels = tone.applied(picture.pixels, detail, light=loss + light, balance=balance)
    data = encode(Picture(pixels), format=format, quality=quality, source_type="algorithmicallyEnhanced")
    red, green, blue = (round(float(gain * np.exp2(loss)), 3) for gain in balance)
    report: dict[str, float | str | bool] = {
        "engine": ENGINE,
        "method": "grey-edge white balance, exposure, local contrast",
        "strength": strength,
        "gain_red": red,
        "gain_green": green,
        "gain_blue": blue,
        "exposure_stops": round(light, 3),
        **check.change(picture.pixels, pixels),
    }
    return Rendered(data, picture.width, picture.height, report)


def _balance(small: Field, seen: Mask, share: float) -> Field:
    """Gains of red, green and blue, the largest 1, that take `share` of the cast away.

    Grey-edge (van de Weijer, Gevers, Gijsenij, "Edge-Based Color Constancy", IEEE TIP 16, 2007) and the mean of the
    nearly grey pixels. A large coloured product misleads either, seldom both the same way: where they disagree about
    the direction nothing is done, else the smaller is believed.
    """
    useful = seen & (small.max(-1) < 0.98) & (small.min(-1) > 0.002)
    if useful.sum() < 64:
        return np.ones(3, np.float32)
    one, two = _edges(small, useful), _greys(small[useful])
    agreed = np.where(one * two > 0, np.sign(one) * np.minimum(np.abs(one), np.abs(two)), 0)
    warmth, tint = np.sign(agreed) * (np.abs(agreed) - DEAD).clip(0, [MOST_WARMTH, MOST_TINT]) * share
    # the light's colour in stops is (-warmth/2 - tint/3, 2 tint/3, warmth/2 - tint/3)
    light = np.array([-warmth / 2 - tint / 3, 2 * tint / 3, warmth / 2 - tint / 3])
    return np.asarray(np.exp2(light.min() - light), np.float32)


def _edges(small: Field, useful: Mask) -> NDArray[np.float64]:
    """The cast by the channels' gradients: Minkowski norm 5 of their lengths."""
    channels = [soft(np.ascontiguousarray(small[..., c]), 1.5) for c in range(3)]
    lengths = np.stack([np.hypot(*np.gradient(channel))[useful] for channel in channels], -1)
    return _cast((lengths.astype(np.float64) ** 5).mean(0) ** 0.2)


def _greys(colours: Field) -> NDArray[np.float64]:
    """The cast by the mean of (n, 3) colours, each weighted by how grey and how bright it is."""
    chroma = (colours.max(-1) - colours.min(-1)) / colours.max(-1)
    weight = np.exp(-((chroma / 0.15) ** 2)) * colours.mean(-1)
    return _cast(np.average(colours.astype(np.float64), axis=0, weights=weight + 1e-9))


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
