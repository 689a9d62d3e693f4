"""Materials as procedures: each makes a tile of tone, 0 (its darkest colour) to 1 (its lightest), seen from above.

A tile is a field (rows, columns); `unit` is the length in tile pixels of about one product width. Every detail is
given in units, so that a tile twice as large shows the same material, only finer.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from packshot.studio.field import BICUBIC, Field, resize, soft

Random = np.random.Generator
Surface = Callable[[Random, int, int, float], Field]


def cloud(random: Random, rows: int, columns: int, tall: float, wide: float) -> Field:
    """Smooth noise, mean 0 and deviation about 1, whose lumps are `tall` x `wide` pixels."""
    grid = random.standard_normal((int(rows / tall) + 3, int(columns / wide) + 3), np.float32)
    whole = resize(grid, int(grid.shape[1] * wide) + 1, int(grid.shape[0] * tall) + 1, BICUBIC)
    top, left = int(min(tall, whole.shape[0] - rows)), int(min(wide, whole.shape[1] - columns))
    return whole[top : top + rows, left : left + columns] * np.float32(1.4)


def clouds(random: Random, rows: int, columns: int, tall: float, wide: float, octaves: int, gain: float = 0.5) -> Field:
    """Fractal noise: each octave half as large and `gain` times as strong; made small where nothing small is in it."""
    by = int(min(tall, wide) * 0.5 ** (octaves - 1) / 4)
    if by >= 2:
        small = clouds(random, rows // by + 2, columns // by + 2, tall / by, wide / by, octaves, gain)
        return resize(small, columns, rows, BICUBIC)
    total = np.zeros((rows, columns), np.float32)
    for n in range(octaves):
        size = 0.5**n
        if min(tall, wide) * size < 1:
            break
        total += np.float32(gain**n) * cloud(random, rows, columns, tall * size, wide * size)
    return total


def wood(random: Random, rows: int, columns: int, unit: float) -> Field:
    """A table top of boards that run from left to right: growth rings, fibres, pores and narrow joints."""
    board = 0.62 * unit
    across = np.arange(rows, dtype=np.float32)[:, None] / board + random.uniform(0, 1)
    number = np.floor(across).astype(int)[:, 0]
    kinds = random.normal(0, 1, (int(number.max()) + 1, 3)).astype(np.float32)
    along = clouds(random, rows, columns, 0.5 * unit, 3.2 * unit, 3, 0.45)
    shifted = np.empty_like(along)
    for n in np.unique(number):  # every board is cut from another place of the tree
        band = number == n
        shifted[band] = np.roll(along[band], int(kinds[n, 2] * columns), axis=1)
    rings = across * 5.5 + 1.25 * shifted + kinds[number, 0][:, None] * 3
    saw = rings - np.floor(rings)
    ring = saw**1.6 * (1 - np.clip((saw - 0.9) / 0.1, 0, 1))
    fibre = cloud(random, rows, columns, max(1.0, 0.004 * unit), 0.28 * unit)
    fibre += 0.7 * cloud(random, rows, columns, max(1.0, 0.011 * unit), 0.7 * unit)
    pores = np.clip(cloud(random, rows, columns, max(1.0, 0.005 * unit), 0.09 * unit) - 1.5, 0, 1)
    tone = 0.66 - 0.20 * ring + 0.045 * fibre - 0.16 * pores * (0.4 + ring) + 0.075 * kinds[number, 1][:, None]
    tone += 0.05 * clouds(random, rows, columns, 0.6 * unit, 1.6 * unit, 2)
    joint: Field = np.minimum(across % 1, 1 - across % 1) * board
    tone *= 1 - 0.62 * np.exp(-((joint / max(0.8, 0.006 * unit)) ** 2)) - 0.10 * np.exp(-joint / (0.02 * unit))
    return np.asarray(tone, np.float32)


def marble(random: Random, rows: int, columns: int, unit: float) -> Field:
    """Cloudy stone with veins along the level lines of fractal noise; their width wanders."""
    tone = 0.90 + 0.05 * clouds(random, rows, columns, 0.9 * unit, 1.2 * unit, 4)
    drift: Field = np.arange(columns, dtype=np.float32) / np.float32(unit)
    slope: Field = np.arange(rows, dtype=np.float32)[:, None] / np.float32(unit)
    for strength, size, width in ((0.44, 1.3, 0.035), (0.24, 0.8, 0.02), (0.15, 0.45, 0.014)):
        level = clouds(random, rows, columns, size * unit, size * unit, 6, 0.52)
        level += 0.9 / size * np.sin((drift * random.uniform(0.5, 0.9) - slope) * 1.9 + random.uniform(0, 6))
        presence = np.clip(0.35 + 0.55 * clouds(random, rows, columns, 0.8 * unit, 0.8 * unit, 2), 0, 1.3)
        line = np.exp(-np.abs(level) / (width * (0.6 + presence)))
        haze = np.exp(-np.abs(level) / 0.35)
        tone -= strength * presence * (0.72 * line + 0.28 * haze)
    return tone.clip(0, 1).astype(np.float32)


def concrete(random: Random, rows: int, columns: int, unit: float) -> Field:
    """Trowelled cement: broad stains, fine sand, a few air holes."""
    tone = 0.6 + 0.085 * clouds(random, rows, columns, 0.9 * unit, 1.3 * unit, 6, 0.58)
    tone += 0.03 * random.standard_normal((rows, columns), np.float32)
    holes = np.clip(cloud(random, rows, columns, max(1.5, 0.016 * unit), max(1.5, 0.018 * unit)) - 3.1, 0, 1)
    tone -= 0.5 * soft(holes.astype(np.float32), 0.7)
    return tone.astype(np.float32)


def linen(random: Random, rows: int, columns: int, unit: float) -> Field:
    """Woven cloth: two sets of uneven threads, slubs, and soft folds."""
    pitch = max(3.0, 0.016 * unit)
    y, x = np.arange(rows, dtype=np.float32)[:, None], np.arange(columns, dtype=np.float32)[None]
    wobble = 0.35 * pitch * cloud(random, rows, columns, 10 * pitch, 3 * pitch)
    weft = np.sin(2 * np.pi * (y + wobble) / pitch)
    warp = np.sin(2 * np.pi * (x + 0.35 * pitch * cloud(random, rows, columns, 3 * pitch, 10 * pitch)) / pitch)
    over = np.sign(np.sin(np.pi * y / pitch) * np.sin(np.pi * x / pitch)).astype(np.float32)
    weave = np.where(over > 0, weft, warp)
    slub = cloud(random, rows, columns, pitch, 12 * pitch) + cloud(random, rows, columns, 12 * pitch, pitch)
    folds = clouds(random, rows, columns, 0.9 * unit, 2.2 * unit, 2)
    return np.asarray(0.62 + 0.07 * weave + 0.045 * slub + 0.05 * folds, np.float32)
