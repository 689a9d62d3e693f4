"""Arithmetic on pictures as plain arrays: local means, growing and shrinking of masks, scaling, islands.

A *field* is a float32 array (rows, columns); a *mask* is a bool array of the same shape.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Field = NDArray[np.float32]
Mask = NDArray[np.bool_]
Bytes = NDArray[np.uint8]
Box = tuple[int, int, int, int]

LANCZOS = Image.Resampling.LANCZOS
BICUBIC = Image.Resampling.BICUBIC
BILINEAR = Image.Resampling.BILINEAR
BOX = Image.Resampling.BOX


def local_mean(x: Field, radius: int) -> Field:
    """Mean over the (2 radius + 1) square around each pixel; outside the picture the edge pixel is repeated."""
    if radius < 1:
        return x
    n = 2 * radius + 1
    total = _sums(_sums(np.pad(x, radius, mode="edge"), n).T, n).T
    return np.ascontiguousarray(total) / np.float32(n * n)


def _sums(x: Field, n: int) -> Field:
    """Sums of `n` neighbouring rows, put together from sums of 1, 2, 4, ... rows."""
    size = x.shape[0] - n + 1
    total, at, width = np.zeros((size, x.shape[1]), np.float32), 0, 1
    while True:
        if n & width:
            total += x[at : at + size]
            at += width
        if 2 * width > n:
            return total
        x = x[:-width] + x[width:]
        width *= 2


def soft(x: Field, sigma: float) -> Field:
    """Gaussian blur of standard deviation `sigma` pixels, edge repeated; wide ones on a reduced copy."""
    if sigma <= 0.3:
        return x
    rows, columns = x.shape
    by = min(int(sigma / 3), 16, min(rows, columns) // 8)
    if by >= 2:
        small = resize(x, -(-columns // by), -(-rows // by), BOX)
        return resize(soft(small, sigma / by), columns, rows, BICUBIC)
    reach = max(1, round(3 * sigma))
    taps = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    taps = (taps / taps.sum()).astype(np.float32)
    for axis in (0, 1):
        width = [(0, 0), (0, 0)]
        width[axis] = (reach, reach)
        padded = np.pad(x, width, mode="edge")
        size = x.shape[axis]
        out = np.zeros_like(x)
        for n, weight in enumerate(taps):
            out += weight * (padded[n : n + size] if axis == 0 else padded[:, n : n + size])
        x = out
    return x


def _count(mask: Mask, radius: int) -> NDArray[np.int32]:
    """How many pixels of `mask` lie in the square around each pixel; nothing lies outside the picture."""
    padded = np.pad(mask, ((radius + 1, radius), (radius + 1, radius)))
    total = padded.cumsum(0, dtype=np.int32).cumsum(1, dtype=np.int32)
    n = 2 * radius + 1
    rows = total[n:] - total[:-n]
    counted: NDArray[np.int32] = rows[:, n:] - rows[:, :-n]
    return counted


def grow(mask: Mask, radius: int) -> Mask:
    """Dilation by a square of 2 radius + 1."""
    return _count(mask, radius) > 0 if radius > 0 else mask


def shrink(mask: Mask, radius: int) -> Mask:
    """Erosion by a square of 2 radius + 1; beyond the picture's edge the mask goes on."""
    return ~grow(~mask, radius)


def resize(x: Field, columns: int, rows: int, how: Image.Resampling = BILINEAR) -> Field:
    """Scale a field; the centre of a pixel is its half."""
    if x.shape == (rows, columns):
        return x
    return np.array(Image.fromarray(np.ascontiguousarray(x, np.float32)).resize((columns, rows), how), np.float32)


def sample(x: Field | Bytes, at: tuple[NDArray[np.intp], ...], rows: int, columns: int) -> Field:
    """What `resize(x, columns, rows)` would hold at some (row, column) places, without making the rest of it."""
    high, wide = x.shape
    y = ((at[0] + 0.5) * (high / rows) - 0.5).clip(0, high - 1)
    c = ((at[1] + 0.5) * (wide / columns) - 0.5).clip(0, wide - 1)
    top, left = np.minimum(y.astype(np.intp), max(high - 2, 0)), np.minimum(c.astype(np.intp), max(wide - 2, 0))
    down, across = (y - top).astype(np.float32), (c - left).astype(np.float32)
    below, right = np.minimum(top + 1, high - 1), np.minimum(left + 1, wide - 1)
    upper = x[top, left] * (1 - across) + x[top, right] * across
    lower = x[below, left] * (1 - across) + x[below, right] * across
    value: Field = upper * (1 - down) + lower * down
    return value


def bounds(mask: Mask) -> Box | None:
    """Tight (left, top, right, bottom) of a mask, right and bottom exclusive; None if it is empty."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not len(rows):
        return None
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def islands(mask: Mask) -> NDArray[np.int32]:
    """Number the 8-connected parts of a mask from 1, background 0: runs per row joined by union-find."""
    rows, columns = mask.shape
    edges = np.diff(np.pad(mask, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    row, start = np.nonzero(edges == 1)
    stop = np.nonzero(edges == -1)[1]
    parent = list(range(len(row)))

    def root(n: int) -> int:
        while parent[n] != n:
            parent[n] = parent[parent[n]]
            n = parent[n]
        return n

    first = np.searchsorted(row, np.arange(rows + 1)).tolist()
    starts, stops = start.tolist(), stop.tolist()
    for y in range(1, rows):
        above, end = first[y - 1], first[y]
        for n in range(first[y], first[y + 1]):
            while above < end and stops[above] < starts[n]:
                above += 1
            m = above
            while m < end and starts[m] <= stops[n]:
                a, b = root(m), root(n)
                parent[max(a, b)] = min(a, b)
                m += 1
    names: dict[int, int] = {}
    label = np.array([names.setdefault(root(n), len(names) + 1) for n in range(len(parent))], np.int32)
    jumps = np.zeros((rows, columns + 1), np.int32)
    np.add.at(jumps, (row, start), label)
    np.add.at(jumps, (row, stop), -label)
    return jumps.cumsum(1, dtype=np.int32)[:, :columns]
