"""Colour arithmetic: sRGB and linear light (IEC 61966-2-1), CIE L*a*b* (D65), the CIEDE2000 difference."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from packshot.studio.field import Field

Floats = NDArray[np.float64]

_levels = np.arange(256) / 255
TO_LINEAR: Field = np.where(_levels <= 0.04045, _levels / 12.92, ((_levels + 0.055) / 1.055) ** 2.4).astype(np.float32)
"""Linear light 0..1 of each 8-bit sRGB level."""

XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)
WHITE = XYZ.sum(1)


def to_srgb(linear: Field) -> Field:
    """Linear light 0..1 to sRGB levels 0..255, not rounded, clipped."""
    x = linear.clip(0, 1)
    out = np.where(x <= 0.0031308, 12.92 * x, 1.055 * np.power(np.maximum(x, 1e-6), 1 / 2.4) - 0.055)
    levels: Field = (out * 255).astype(np.float32)
    return levels


_STEPS = 65535
_LEVELS = to_srgb(np.linspace(0, 1, _STEPS + 1, dtype=np.float32))


def levels(linear: Field) -> Field:
    """The same from a table: within 0.03 of a level, in a tenth of the time."""
    return _LEVELS[(linear * np.float32(_STEPS) + np.float32(0.5)).clip(0, _STEPS).astype(np.uint16)]


def lin(red: int, green: int, blue: int) -> Field:
    """An 8-bit sRGB colour as three numbers of linear light."""
    return TO_LINEAR[[red, green, blue]]


def lab(srgb: NDArray[np.uint8]) -> Floats:
    """(n, 3) uint8 sRGB to (n, 3) L*a*b*."""
    ratio = TO_LINEAR[srgb].astype(np.float64) @ XYZ.T / WHITE
    f = np.where(ratio > (6 / 29) ** 3, np.cbrt(ratio), ratio / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.stack([116 * f[:, 1] - 16, 500 * (f[:, 0] - f[:, 1]), 200 * (f[:, 1] - f[:, 2])], -1)


def delta_e(one: Floats, two: Floats) -> Floats:
    """CIEDE2000 difference of (n, 3) L*a*b* rows.

    Sharma, Wu, Dalal, "The CIEDE2000 Color-Difference Formula: Implementation Notes", Color Res. Appl. 30 (2005).
    """
    l1, a1, b1 = one.T
    l2, a2, b2 = two.T
    mean_chroma = (np.hypot(a1, b1) + np.hypot(a2, b2)) / 2
    stretch = 1.5 - 0.5 * np.sqrt(mean_chroma**7 / (mean_chroma**7 + 25.0**7))
    c1, c2 = np.hypot(a1 * stretch, b1), np.hypot(a2 * stretch, b2)
    h1, h2 = np.degrees(np.arctan2(b1, a1 * stretch)) % 360, np.degrees(np.arctan2(b2, a2 * stretch)) % 360
    grey = c1 * c2 == 0
    turn = np.where(grey, 0, (h2 - h1 + 180) % 360 - 180)
    turn = np.where((turn == -180) & (h2 > h1), 180, turn)
    dl, dc, dh = l2 - l1, c2 - c1, 2 * np.sqrt(c1 * c2) * np.sin(np.radians(turn / 2))
    level, chroma = (l1 + l2) / 2, (c1 + c2) / 2
    far = np.abs(h1 - h2) > 180
    hue = np.where(grey, h1 + h2, (h1 + h2 + np.where(far, np.where(h1 + h2 < 360, 360, -360), 0)) / 2)

    def wave(times: float, shift: float) -> Floats:
        cosine: Floats = np.cos(np.radians(times * hue + shift))
        return cosine

    t = 1 - 0.17 * wave(1, -30) + 0.24 * wave(2, 0) + 0.32 * wave(3, 6) - 0.20 * wave(4, -63)
    sl = 1 + 0.015 * (level - 50) ** 2 / np.sqrt(20 + (level - 50) ** 2)
    sc, sh = 1 + 0.045 * chroma, 1 + 0.015 * chroma * t
    twist = np.sin(np.radians(60 * np.exp(-(((hue - 275) / 25) ** 2))))
    rt = -2 * np.sqrt(chroma**7 / (chroma**7 + 25.0**7)) * twist
    result: Floats = np.sqrt((dl / sl) ** 2 + (dc / sc) ** 2 + (dh / sh) ** 2 + rt * (dc / sc) * (dh / sh))
    return result
