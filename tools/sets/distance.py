"""What lies far behind a set: a window of a panorama, out of focus, its colour cast taken out."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import numpy.typing as npt
from sets.shots import Linear, read

SIDE = 640  # of the picture made here


def far_away(
    panorama: Path, yaw: float, pitch: float, wide: float, blur: float, colour: float, level: float, lamps: int
) -> Linear:
    """A square of `wide` degrees as linear light with mean luminance `level`.

    The panorama is enlarged smoothly, then every point becomes a disc, as a lens does it: `blur` is the disc's radius
    as a share of the side. `colour` 0..1 is what is kept of the saturation after the highlights were made grey.
    `lamps` small warm lights are strung over it.
    """
    source = np.nan_to_num(read(panorama), nan=0.0, posinf=0.0)
    rows, columns = source.shape[:2]
    axis = (np.arange(SIDE) + 0.5) / SIDE * 2 - 1
    reach = math.tan(math.radians(wide / 2))
    x, z = np.meshgrid(axis * reach, -axis * reach)
    up = math.radians(pitch)
    ahead, height = math.cos(up) - z * math.sin(up), math.sin(up) + z * math.cos(up)
    longitude = np.arctan2(x, ahead) + math.radians(yaw)
    latitude = np.arctan2(height, np.hypot(x, ahead))
    column = (longitude / (2 * math.pi) % 1) * columns - 0.5
    row = np.clip((0.5 - latitude / math.pi) * rows - 0.5, 0, rows - 1.001)
    c0, r0 = np.floor(column).astype(int), np.floor(row).astype(int)
    fc, fr = (column - c0)[..., None], (row - r0)[..., None]

    def at(r: npt.NDArray[np.int64], c: npt.NDArray[np.int64]) -> Linear:
        return np.asarray(source[np.clip(r, 0, rows - 1), c % columns], np.float32)

    upper = at(r0, c0) * (1 - fc) + at(r0, c0 + 1) * fc
    lower = at(r0 + 1, c0) * (1 - fc) + at(r0 + 1, c0 + 1) * fc
    view = np.asarray(upper * (1 - fr) + lower * fr, np.float32)
    view = np.minimum(view, 12 * np.median(view))
    view = through_lens(view, blur)
    return np.ascontiguousarray(balanced(view, colour, level) + strung(lamps, blur), np.float32)


def balanced(view: Linear, colour: float, level: float) -> Linear:
    """A picture whose brightest tenth is grey, with a share `colour` of its saturation, the mean luminance `level`."""
    bright = view.mean(-1) >= np.quantile(view.mean(-1), 0.9)
    view = view / view[bright].mean(0)
    grey = view @ np.array([0.2126, 0.7152, 0.0722])
    view = grey[..., None] + colour * (view - grey[..., None])
    return np.asarray(np.maximum(view, 0) * (level / grey.mean()), np.float32)


def strung(lamps: int, blur: float) -> Linear:
    """Warm lights on four sagging strings, each a disc of its own brightness."""
    dice = np.random.default_rng(7)
    dark = np.zeros((SIDE, SIDE, 3), np.float32)
    area = math.pi * (blur * SIDE) ** 2
    for lamp in range(lamps):
        string, along = lamp % 4, dice.uniform()
        sag = (0.16 + 0.13 * string) + 0.1 * (along - 0.5) ** 2 * (-1) ** string + dice.normal(0, 0.022)
        row, column = int(np.clip(sag, 0, 0.99) * SIDE), int(along * SIDE)
        dark[row, column] += area * dice.uniform(0.12, 1.1) * np.array([1.0, 0.66 + dice.uniform(-0.1, 0.12), 0.3])
    return through_lens(dark, blur)


def through_lens(view: Linear, radius: float) -> Linear:
    """Every point becomes a soft-edged disc of this radius (a share of the side); edges are mirrored."""
    pad = round(radius * SIDE) + 8
    wide = np.pad(view, ((pad, pad), (pad, pad), (0, 0)), mode="reflect")
    side = wide.shape[0]
    axis = np.minimum(np.arange(side), side - np.arange(side))
    away = np.hypot(axis[:, None], axis[None])
    disc = np.clip((radius * SIDE - away) / 3 + 0.5, 0, 1) + 0.15 * np.exp(-((away / (radius * SIDE)) ** 2))
    weight = np.fft.rfft2(disc / disc.sum())
    parts = [np.fft.irfft2(np.fft.rfft2(wide[..., c]) * weight, (side, side)) for c in range(3)]
    return np.asarray(np.stack(parts, -1)[pad:-pad, pad:-pad], np.float32)
