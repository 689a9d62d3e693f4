"""3x3 convolution with ReLU as plain numpy, in the two ways that are fast: by unrolling, and by Winograd's tiles.

Activations are float32 arrays (channels, rows, columns); what lies outside them is 0. Both ways work in strips of rows,
so that what a matrix product reads stays inside the cache. Run them with OPENBLAS_NUM_THREADS=1: more threads only spin
on these sizes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]

COLUMN_BYTES = 3 << 20  # size of the unrolled input of one matrix product
TILE_BYTES = 1 << 19  # size of the transformed tiles of one matrix product
LEAST_COLUMNS = 96  # narrower arrays are quicker unrolled,
LEAST_MADE = 32  # and so are layers with fewer channels to come out, for which the tiles cost more than they save
SPREADING = np.array([[6, 0, 0], [-4, -4, -4], [-4, 4, -4], [1, 2, 4], [1, -2, 4], [0, 0, 24]]) / 24  # the paper's G


@dataclass(frozen=True, eq=False)
class Layer:
    """One convolution: kernel (out, taps * in), taps row by row, and bias (out,)."""

    kernel: Array
    bias: Array

    @property
    def channels(self) -> int:
        """Channels that go in, for a 3x3 kernel."""
        return int(self.kernel.shape[1]) // 9

    @cached_property
    def tiled(self) -> Array:
        """The kernel in Winograd's 6x6 domain, (36, out, in)."""
        taps = self.kernel.reshape(-1, 3, 3, self.channels).transpose(0, 3, 1, 2).astype(np.float64)
        tiles = SPREADING @ taps @ SPREADING.T
        return np.ascontiguousarray(tiles.transpose(2, 3, 0, 1).reshape(36, -1, self.channels), np.float32)


def convolve(x: Array, layer: Layer, spread: int = 1) -> Array:
    """3x3 convolution with dilation `spread`, same size, then ReLU."""
    _, rows, columns = x.shape
    tiles = spread == 1 and columns >= LEAST_COLUMNS and layer.channels > 3 and len(layer.bias) >= LEAST_MADE
    tiles = tiles and rows % 4 == columns % 4 == 0
    out = _by_tiles(x, layer) if tiles else _unrolled(x, layer, spread)
    out += layer.bias[:, None, None]
    np.maximum(out, 0, out=out)
    return out


def _unrolled(x: Array, layer: Layer, spread: int) -> Array:
    channels, rows, columns = x.shape
    padded = np.zeros((channels, rows + 2 * spread, columns + 2 * spread), np.float32)
    padded[:, spread:-spread, spread:-spread] = x
    out = np.empty((len(layer.bias), rows, columns), np.float32)
    step = max(1, COLUMN_BYTES // (9 * channels * columns * 4))
    unrolled = np.empty((9, channels, min(step, rows), columns), np.float32)
    for top in range(0, rows, step):
        high = min(step, rows - top)
        block = unrolled if high == unrolled.shape[2] else np.empty((9, channels, high, columns), np.float32)
        for tap in range(9):
            y, left = top + tap // 3 * spread, tap % 3 * spread
            block[tap] = padded[:, y : y + high, left : left + columns]
        out[:, top : top + high] = (layer.kernel @ block.reshape(9 * channels, -1)).reshape(-1, high, columns)
    return out


def _by_tiles(x: Array, layer: Layer) -> Array:
    """Lavin, Gray, "Fast Algorithms for Convolutional Neural Networks" (CVPR 2016), F(4x4, 3x3).

    Four by four results come from six by six inputs with 36 products in place of 144.
    """
    channels, rows, columns = x.shape
    wide, made = columns // 4, len(layer.bias)
    out = np.empty((made, rows, wide, 4), np.float32)
    step = max(1, TILE_BYTES // (36 * channels * wide * 4))  # rows of tiles
    for first in range(0, rows, 4 * step):
        high = min(step, (rows - first) // 4)
        lines = _lines(x, first - 1, first + 4 * high + 1)
        across = _spread([*lines[..., :-1], lines[0, ..., 1:], lines[1, ..., 1:]])
        tiles = _spread([across[:, :, row : row + 4 * high - 3 : 4] for row in range(6)])
        products = (layer.tiled @ tiles.reshape(36, channels, high * wide)).reshape(6, 6, made, high, wide)
        result = _gathered(_gathered(products).swapaxes(0, 1))  # (column, row, out, tile row, tile column)
        place = out[:, first : first + 4 * high].reshape(made, high, 4, wide, 4)
        for column in range(4):
            place[..., column] = result[column].transpose(1, 2, 0, 3)
    return out.reshape(made, rows, columns)


def _lines(x: Array, top: int, bottom: int) -> Array:
    """Rows `top` to `bottom`, rim 0, columns sorted by their place in a tile: (4, channels, rows, tiles + 1)."""
    channels, rows, columns = x.shape
    lines = np.zeros((4, channels, bottom - top, columns // 4 + 1), np.float32)
    strip = x[:, max(top, 0) : min(bottom, rows)]
    own = lines[:, :, max(-top, 0) :][:, :, : strip.shape[1]]
    own[0, ..., 1:] = strip[..., 3::4]
    for place in (1, 2, 3):
        own[place, ..., :-1] = strip[..., place - 1 :: 4]
    return lines


def _spread(d: Sequence[Array]) -> Array:
    """Six inputs of a tile, along one axis, in Winograd's domain: B^T d."""
    out = np.empty((6, *d[0].shape), np.float32)
    even, odd = d[4] - 4 * d[2], d[3] - 4 * d[1]
    np.add(even, odd, out=out[1])
    np.subtract(even, odd, out=out[2])
    np.subtract(d[4], d[2], out=even)
    np.subtract(d[3], d[1], out=odd)
    odd += odd
    np.add(even, odd, out=out[3])
    np.subtract(even, odd, out=out[4])
    np.multiply(d[0] - d[2], 4, out=out[0])
    out[0] += even
    np.multiply(d[1] - d[3], 4, out=out[5])
    out[5] += d[5] - d[3]
    return out


def _gathered(m: Array) -> Array:
    """Six products along the first axis become four results: A^T m."""
    out = np.empty((4, *m.shape[1:]), np.float32)
    near, far = m[1] + m[2], m[3] + m[4]
    np.add(m[0], near, out=out[0])
    out[0] += far
    np.add(near, 4 * far, out=out[2])
    near, far = m[1] - m[2], m[3] - m[4]
    np.add(near, 2 * far, out=out[1])
    np.add(near, 8 * far, out=out[3])
    out[3] += m[5]
    return out
