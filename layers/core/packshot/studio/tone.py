"""Changing light without repainting: gains of a pixel's own colour, along a curve that keeps black and white.

A gain g acts as g x / (1 + (g - 1) m^2), m the largest of the pixel's three linear channels x. All three are multiplied
by one number, so hue and chromaticity stay; m = 0 and m = 1 stay where they are and the curve rises strictly for g < 2,
so nothing new is clipped.
"""

from __future__ import annotations

import numpy as np
from PIL import Image

from packshot.studio.colour import TO_LINEAR, XYZ, to_srgb
from packshot.studio.field import BICUBIC, Bytes, Field, Mask

MOST_STOPS = 0.9  # of gain, either way: below g = 2, where the curve would turn over
PIECE = 1 << 20  # pixels that are handled together at full size


def reduced(pixels: Bytes, longest: int) -> tuple[Field, Mask]:
    """A small copy: linear colours (rows, columns, 3), and where the picture shows anything."""
    rows, columns = pixels.shape[:2]
    scale = min(1.0, longest / max(rows, columns))
    size = (max(8, round(columns * scale)), max(8, round(rows * scale)))
    small = np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BOX))
    seen = small[..., 3] > 127 if small.shape[2] == 4 else np.ones(small.shape[:2], bool)
    return TO_LINEAR[small[..., :3]], seen if seen.any() else np.ones_like(seen)


def luminance(linear: Field) -> Field:
    """CIE Y of linear colours (rows, columns, 3)."""
    found: Field = linear @ XYZ[1].astype(np.float32)
    return found


def balanced(linear: Field, balance: Field) -> Field:
    """Colours times one gain per channel (none above 1); what is nearly white stays: highlights take no tint."""
    near_white = ((linear.min(-1) - 0.86) / 0.12).clip(0, 1)[..., None]
    return np.asarray(linear * (balance + near_white * (1 - balance)), np.float32)


def lit(linear: Field, stops: Field | float) -> Field:
    """Colours with `stops` more light, (rows, columns) or the same for all, along the curve."""
    gain = np.exp2(np.clip(stops, -MOST_STOPS, MOST_STOPS))
    largest = linear.max(-1)
    return np.asarray(linear * (gain / (1 + (gain - 1) * largest * largest))[..., None], np.float32)


def applied(pixels: Bytes, stops: Field, *, light: float = 0.0, balance: Field | None = None) -> Bytes:
    """A picture (H, W, 3 or 4) in another light, in strips: `balance` first, then `light` for all, then the small field
    `stops`, enlarged smoothly.

    Rounding may not clip either: a level that was neither 0 nor 255 does not become it. Alpha stays.
    """
    rows, columns = pixels.shape[:2]
    field = Image.fromarray(np.ascontiguousarray(stops, np.float32))
    out = pixels.copy()
    step = max(8, PIECE // columns)
    for y in range(0, rows, step):
        end = min(y + step, rows)
        part = (0.0, y * field.height / rows, float(field.width), end * field.height / rows)
        more = np.asarray(field.resize((columns, end - y), BICUBIC, part), np.float32)
        before = pixels[y:end, :, :3]
        linear = TO_LINEAR[before]
        if balance is not None:
            linear = balanced(linear, balance)
        if light:
            linear = lit(linear, light)
        levels = np.rint(to_srgb(lit(linear, more))).astype(np.uint8)
        np.minimum(levels, np.where(before == 255, np.uint8(255), np.uint8(254)), out=levels)
        np.maximum(levels, before != 0, out=levels)
        out[y:end, :, :3] = levels
    return out
