"""U2-Net-p as plain numpy: a picture goes in, a map of what stands out comes back.

Qin et al., "U2-Net: Going Deeper with Nested U-Structure for Salient Object Detection", Pattern Recognition 106 (2020).
The network is 119 convolutions (batch norm already folded in), max pooling and bilinear enlargement. Activations are
float32 arrays (channels, rows, columns). Run it with OPENBLAS_NUM_THREADS=1: more threads only spin on these sizes.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from packshot.studio.errors import WeightsMissing

Array = NDArray[np.float32]
Layer = tuple[Array, Array]

COLUMN_BYTES = 3 << 20  # size of the unrolled input per matrix product: it should stay inside the cache
MEAN = np.array([0.485, 0.456, 0.406], np.float32)
DEVIATION = np.array([0.229, 0.224, 0.225], np.float32)


def _read(file: IO[bytes]) -> tuple[Layer, ...]:
    with np.load(file, allow_pickle=False) as archive:
        shapes, values = archive["shapes"], archive["values"]
    layers: list[Layer] = []
    at = 0
    for out, channels, high, wide in shapes.tolist():
        size = out * channels * high * wide
        kernel = values[at : at + size].reshape(out, channels, high * wide).transpose(0, 2, 1).reshape(out, -1)
        layers.append((np.ascontiguousarray(kernel), values[at + size : at + size + out]))
        at += size + out
    return tuple(layers)


@lru_cache(maxsize=2)
def load(path: Path | None = None) -> tuple[Layer, ...]:
    """The layers in order of use, each (kernel (out, taps * in), bias (out,)); `path` replaces the built-in file."""
    try:
        source = path if path is not None else resources.files("packshot_weights").joinpath("u2netp.npz")
        with source.open("rb") as file:
            layers = _read(file)
    except (OSError, ModuleNotFoundError, KeyError, ValueError) as error:
        raise WeightsMissing("the weights of the cut-out model could not be read") from error
    if len(layers) != 119:
        raise WeightsMissing("the weights do not belong to this model")
    return layers


def _convolve(x: Array, layer: Layer, spread: int = 1) -> Array:
    """3x3 convolution with dilation `spread`, same size, then ReLU; in strips, so that the unrolled input is small."""
    kernel, bias = layer
    channels, rows, columns = x.shape
    padded = np.zeros((channels, rows + 2 * spread, columns + 2 * spread), np.float32)
    padded[:, spread:-spread, spread:-spread] = x
    out = np.empty((len(bias), rows, columns), np.float32)
    step = max(1, COLUMN_BYTES // (9 * channels * columns * 4))
    unrolled = np.empty((9, channels, step, columns), np.float32)
    for top in range(0, rows, step):
        high = min(step, rows - top)
        block = unrolled if high == step else np.empty((9, channels, high, columns), np.float32)
        for tap in range(9):
            y, left = top + tap // 3 * spread, tap % 3 * spread
            block[tap] = padded[:, y : y + high, left : left + columns]
        out[:, top : top + high] = (kernel @ block.reshape(9 * channels, -1)).reshape(-1, high, columns)
    out += bias[:, None, None]
    np.maximum(out, 0, out=out)
    return out


def _side(x: Array, layer: Layer) -> Array:
    """3x3 convolution to one channel without ReLU: nine weighted sums, shifted and added."""
    kernel, bias = layer
    channels, rows, columns = x.shape
    taps = (kernel.reshape(9, channels) @ x.reshape(channels, -1)).reshape(9, rows, columns)
    out = np.zeros((rows + 2, columns + 2), np.float32)
    for tap in range(9):
        y, left = 2 - tap // 3, 2 - tap % 3
        out[y : y + rows, left : left + columns] += taps[tap]
    side: Array = out[1:-1, 1:-1] + bias[0]
    return side


def _halve(x: Array) -> Array:
    """2x2 max pooling; sizes are always even here."""
    rows = np.maximum(x[:, 0::2], x[:, 1::2])
    half: Array = np.maximum(rows[:, :, 0::2], rows[:, :, 1::2])
    return half


def _double(x: Array) -> Array:
    """Bilinear enlargement by two, half-pixel centres, edges repeated."""
    for axis in (1, 2):
        before = np.concatenate([x.take([0], axis), x.take(range(x.shape[axis] - 1), axis)], axis)
        after = np.concatenate([x.take(range(1, x.shape[axis]), axis), x.take([-1], axis)], axis)
        pair = np.stack([0.25 * before + 0.75 * x, 0.75 * x + 0.25 * after], axis + 1)
        shape = list(x.shape)
        shape[axis] *= 2
        x = pair.reshape(shape)
    return x


def _block(x: Array, layers: Iterator[Layer], depth: int) -> Array:
    """Residual U-block of `depth` levels that shrinks and grows again (RSU-7 .. RSU-4 of the paper)."""
    first = _convolve(x, next(layers))
    levels = [_convolve(first, next(layers))]
    for _ in range(depth - 2):
        levels.append(_convolve(_halve(levels[-1]), next(layers)))
    low = _convolve(levels[-1], next(layers), 2)
    x = _convolve(np.concatenate([low, levels[-1]]), next(layers))
    for level in reversed(levels[:-1]):
        x = _convolve(np.concatenate([_double(x), level]), next(layers))
    return x + first


def _flat_block(x: Array, layers: Iterator[Layer]) -> Array:
    """Residual block that widens its kernels (dilation 1, 2, 4, 8) in place of shrinking (RSU-4F)."""
    first = _convolve(x, next(layers))
    one = _convolve(first, next(layers))
    two = _convolve(one, next(layers), 2)
    four = _convolve(two, next(layers), 4)
    x = _convolve(four, next(layers), 8)
    x = _convolve(np.concatenate([x, four]), next(layers), 4)
    x = _convolve(np.concatenate([x, two]), next(layers), 2)
    return _convolve(np.concatenate([x, one]), next(layers)) + first


def saliency(pixels: NDArray[np.uint8], columns: int, rows: int, layers: tuple[Layer, ...]) -> Array:
    """How much each place stands out, 0..1, as (rows, columns) float32; both must be multiples of 32.

    `pixels` is (H, W, 3) uint8 sRGB of any size; it is scaled with Lanczos as the network's authors do.
    """
    small = np.asarray(Image.fromarray(pixels).resize((columns, rows), Image.Resampling.LANCZOS), np.float32)
    small = (small / max(float(small.max()), 1.0) - MEAN) / DEVIATION
    order = iter(layers)
    down: list[Array] = []
    x = np.ascontiguousarray(small.transpose(2, 0, 1))
    for depth in (7, 6, 5, 4, 0, 0):
        x = _block(_halve(x) if down else x, order, depth) if depth else _flat_block(_halve(x), order)
        down.append(x)
    up = [x]
    for depth, level in zip((0, 4, 5, 6, 7), reversed(down[:-1]), strict=True):
        x = np.concatenate([_double(x), level])
        x = _block(x, order, depth) if depth else _flat_block(x, order)
        up.append(x)
    sides = []
    for x in reversed(up):
        side = Image.fromarray(_side(x, next(order)))
        sides.append(np.asarray(side.resize((columns, rows), Image.Resampling.BILINEAR)))
    kernel, bias = next(order)
    logits = np.tensordot(kernel[0], np.stack(sides), 1) + bias[0]
    return np.asarray(1 / (1 + np.exp(-logits)), np.float32)
