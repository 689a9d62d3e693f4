"""U2-Net-p as plain numpy: a picture goes in, a map of what stands out comes back.

Qin et al., "U2-Net: Going Deeper with Nested U-Structure for Salient Object Detection", Pattern Recognition 106 (2020).
The network is 119 convolutions (batch norm already folded in), max pooling and bilinear enlargement.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache, partial
from importlib import resources
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from packshot.studio import runtime
from packshot.studio.convolve import Array, Layer, convolve
from packshot.studio.errors import WeightsMissing

Model = Callable[[Array], Array]
"""A normalised picture (3, rows, columns), both multiples of 32, to what stands out of it, (rows, columns) 0..1."""

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
        layers.append(Layer(np.ascontiguousarray(kernel), values[at + size : at + size + out]))
        at += size + out
    return tuple(layers)


@lru_cache(maxsize=2)
def load(path: Path | None = None) -> Model:
    """The model. `path` replaces the built-in weights: another .npz of the same shape, or an .onnx file, which needs
    onnxruntime. Raises WeightsMissing."""
    if path is not None and path.suffix == ".onnx":
        return runtime.load(path)
    try:
        source = path if path is not None else resources.files("packshot_weights").joinpath("u2netp.npz")
        with source.open("rb") as file:
            layers = _read(file)
    except (OSError, ModuleNotFoundError, KeyError, ValueError) as error:
        raise WeightsMissing("the weights of the cut-out model could not be read") from error
    if len(layers) != 119:
        raise WeightsMissing("the weights do not belong to this model")
    return partial(_forward, layers)


def _side(x: Array, layer: Layer) -> Array:
    """3x3 convolution to one channel without ReLU: nine weighted sums, shifted and added."""
    channels, rows, columns = x.shape
    taps = (layer.kernel.reshape(9, channels) @ x.reshape(channels, -1)).reshape(9, rows, columns)
    out = np.zeros((rows + 2, columns + 2), np.float32)
    for tap in range(9):
        y, left = 2 - tap // 3, 2 - tap % 3
        out[y : y + rows, left : left + columns] += taps[tap]
    side: Array = out[1:-1, 1:-1] + layer.bias[0]
    return side


def _halve(x: Array) -> Array:
    """2x2 max pooling; sizes are always even here."""
    rows = np.maximum(x[:, 0::2], x[:, 1::2])
    half: Array = np.maximum(rows[:, :, 0::2], rows[:, :, 1::2])
    return half


def _joined(x: Array, level: Array) -> Array:
    """`x` enlarged by two (bilinear, half-pixel centres, edges repeated) above the channels of `level`."""
    channels, rows, columns = x.shape
    out = np.empty((channels + len(level), 2 * rows, 2 * columns), np.float32)
    tall = np.empty((channels, 2 * rows, columns), np.float32)
    _interleave(x.swapaxes(1, 2), tall.swapaxes(1, 2))
    _interleave(tall, out[:channels])
    out[channels:] = level
    return out


def _interleave(x: Array, out: Array) -> None:
    """Enlarge the last axis by two into `out`."""
    quarter, most = 0.25 * x, 0.75 * x
    np.add(most[..., 1:], quarter[..., :-1], out=out[..., 2::2])
    np.add(most[..., :-1], quarter[..., 1:], out=out[..., 1:-1:2])
    out[..., 0], out[..., -1] = x[..., 0], x[..., -1]


def _block(x: Array, layers: Iterator[Layer], depth: int) -> Array:
    """Residual U-block of `depth` levels that shrinks and grows again (RSU-7 .. RSU-4 of the paper)."""
    first = convolve(x, next(layers))
    levels = [convolve(first, next(layers))]
    for _ in range(depth - 2):
        levels.append(convolve(_halve(levels[-1]), next(layers)))
    low = convolve(levels[-1], next(layers), 2)
    x = convolve(np.concatenate([low, levels.pop()]), next(layers))
    while levels:
        x = convolve(_joined(x, levels.pop()), next(layers))
    x += first
    return x


def _flat_block(x: Array, layers: Iterator[Layer]) -> Array:
    """Residual block that widens its kernels (dilation 1, 2, 4, 8) in place of shrinking (RSU-4F)."""
    first = convolve(x, next(layers))
    one = convolve(first, next(layers))
    two = convolve(one, next(layers), 2)
    four = convolve(two, next(layers), 4)
    x = convolve(four, next(layers), 8)
    x = convolve(np.concatenate([x, four]), next(layers), 4)
    x = convolve(np.concatenate([x, two]), next(layers), 2)
    return convolve(np.concatenate([x, one]), next(layers)) + first


def _forward(layers: tuple[Layer, ...], x: Array) -> Array:
    rows, columns = x.shape[1:]
    order = iter(layers)
    down: list[Array] = []
    for depth in (7, 6, 5, 4, 0, 0):
        x = _halve(x) if down else x
        x = _block(x, order, depth) if depth else _flat_block(x, order)
        down.append(x)
    up = [down.pop()]
    for depth in (0, 4, 5, 6, 7):
        x = _joined(x, down.pop())
        x = _block(x, order, depth) if depth else _flat_block(x, order)
        up.append(x)
    sides = []
    for x in reversed(up):
        side = Image.fromarray(_side(x, next(order)))
        sides.append(np.asarray(side.resize((columns, rows), Image.Resampling.BILINEAR)))
    last = next(order)
    logits = np.tensordot(last.kernel[0], np.stack(sides), 1) + last.bias[0]
    return np.asarray(1 / (1 + np.exp(-logits)), np.float32)


def saliency(pixels: NDArray[np.uint8], columns: int, rows: int, model: Model) -> Array:
    """How much each place stands out, 0..1, as (rows, columns) float32; both must be multiples of 32.

    `pixels` is (H, W, 3) uint8 sRGB of any size; it is scaled with Lanczos as the network's authors do.
    """
    small = np.asarray(Image.fromarray(pixels).resize((columns, rows), Image.Resampling.LANCZOS), np.float32)
    small = (small / max(float(small.max()), 1.0) - MEAN) / DEVIATION
    return model(np.ascontiguousarray(small.transpose(2, 0, 1)))
