"""The smoothest surface through what is known: Laplace's equation by multigrid."""

from __future__ import annotations

import numpy as np

from packshot.studio.field import Field, Mask

SWEEPS, CYCLES = 4, 8  # relaxations on each level, and walks through the levels
DAMPED = 0.8  # share of each relaxation's step, best against what is rough


def membrane(values: Field, known: Mask) -> Field:
    """(rows, columns, channels) with what is not known filled in: each such pixel becomes the mean of its four
    neighbours (Laplace's equation; nothing flows over the picture's border). Multigrid: a first guess from small
    copies, then its error by walks through them (Briggs, Henson, McCormick, "A Multigrid Tutorial", 2000, ch. 3)."""
    filled = _first(np.asarray(values, np.float32), known)
    for _ in range(CYCLES):
        filled = _cycle(filled, np.zeros_like(filled), ~known)
    return filled


def _first(values: Field, known: Mask) -> Field:
    """What is not known, from means of ever larger squares."""
    if known.all() or max(known.shape) <= 2:
        mean = values[known].mean(0) if known.any() else np.zeros(values.shape[2], np.float32)
        return np.where(known[..., None], values, mean)
    weight = known.astype(np.float32)[..., None]
    total, count = _halved(values * weight), _halved(weight)
    coarse = _first(np.asarray(total / np.maximum(count, 1e-9), np.float32), count[..., 0] > 0)
    return np.where(known[..., None], values, _doubled(coarse, known.shape))


def _cycle(x: Field, right: Field, free: Mask) -> Field:
    """One V-cycle for: four neighbours' mean - x = right where free, x fixed elsewhere. The coarse correction is scaled
    so that the error's energy falls most, which keeps a ragged place from diverging."""
    x = _relaxed(x, right, free)
    if min(free.shape) > 4 and free.any():
        left_over = np.where(free[..., None], right - (_neighbours(x) - x), 0)
        coarse_free = _halved(free[..., None].astype(np.float32))[..., 0] == 1
        nothing = np.zeros((*coarse_free.shape, x.shape[2]), np.float32)
        coarse = _cycle(nothing, 4 * _halved(left_over), coarse_free)
        step = np.where(free[..., None], _doubled(coarse, free.shape), 0)
        effect = np.where(free[..., None], _neighbours(step) - step, 0)
        scale = (step * left_over).sum((0, 1)) / np.minimum((step * effect).sum((0, 1)), -1e-12)
        x = np.asarray(x + scale * step, np.float32)
    return _relaxed(x, right, free)


def _relaxed(x: Field, right: Field, free: Mask) -> Field:
    for _ in range(SWEEPS):
        x = np.where(free[..., None], x + DAMPED * (_neighbours(x) - x - right), x)
    return x


def _neighbours(x: Field) -> Field:
    padded = np.pad(x, ((1, 1), (1, 1), (0, 0)), mode="edge")
    total = padded[:-2, 1:-1] + padded[2:, 1:-1] + padded[1:-1, :-2] + padded[1:-1, 2:]
    return np.asarray(total / 4, np.float32)


def _halved(x: Field) -> Field:
    """Means of 2x2 squares; an odd edge is repeated."""
    x = np.pad(x, ((0, x.shape[0] % 2), (0, x.shape[1] % 2), (0, 0)), mode="edge")
    return np.asarray((x[::2, ::2] + x[1::2, ::2] + x[::2, 1::2] + x[1::2, 1::2]) / 4, np.float32)


def _doubled(x: Field, shape: tuple[int, ...]) -> Field:
    """Twice as large, linear between the centres of pixels, cut to `shape`."""
    for axis in (0, 1):
        x = np.moveaxis(x, axis, 0)
        before, after = np.concatenate([x[:1], x[:-1]]), np.concatenate([x[1:], x[-1:]])
        out = np.empty((2 * len(x), *x.shape[1:]), np.float32)
        out[::2], out[1::2] = 0.75 * x + 0.25 * before, 0.75 * x + 0.25 * after
        x = np.moveaxis(out, 0, axis)
    return x[: shape[0], : shape[1]]
