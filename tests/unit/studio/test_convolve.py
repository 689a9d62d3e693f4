"""Both ways to convolve give what the definition gives."""

from __future__ import annotations

import numpy as np
import pytest

from packshot.studio import convolve
from packshot.studio.convolve import Layer


def random_layer(channels: int, made: int) -> Layer:
    random = np.random.default_rng(channels)
    return Layer(random.normal(0, 0.2, (made, 9 * channels)).astype(np.float32), random.random(made, np.float32) - 0.5)


def plain(x: np.ndarray, layer: Layer, spread: int) -> np.ndarray:
    channels, rows, columns = x.shape
    around = np.pad(x.astype(np.float64), ((0, 0), (spread, spread), (spread, spread)))
    kernel = layer.kernel.reshape(-1, 9, channels).astype(np.float64)
    out = np.zeros((len(kernel), rows, columns))
    for tap in range(9):
        y, left = tap // 3 * spread, tap % 3 * spread
        out += np.tensordot(kernel[:, tap], around[:, y : y + rows, left : left + columns], 1)
    return np.maximum(out + layer.bias[:, None, None], 0)


@pytest.mark.parametrize("shape, spread", [((16, 20, 24), 1), ((3, 32, 96), 1), ((8, 10, 10), 4), ((16, 32, 128), 2)])
def test_unrolled(shape: tuple[int, int, int], spread: int) -> None:
    x, layer = np.random.default_rng(1).random(shape, np.float32), random_layer(shape[0], 5)
    assert np.allclose(convolve.convolve(x, layer, spread), plain(x, layer, spread), atol=1e-5)


@pytest.mark.parametrize("shape", [(16, 32, 96), (8, 4, 128), (64, 36, 160)])
@pytest.mark.parametrize("size", [1, convolve.TILE_BYTES])
def test_by_tiles(monkeypatch: pytest.MonkeyPatch, shape: tuple[int, int, int], size: int) -> None:
    monkeypatch.setattr(convolve, "TILE_BYTES", size)
    monkeypatch.setattr(convolve, "LEAST_MADE", 1)
    monkeypatch.setattr(convolve, "_unrolled", lambda *_: pytest.fail("the tiles were not used"))
    x, layer = np.random.default_rng(1).random(shape, np.float32), random_layer(shape[0], 6)
    assert np.allclose(convolve.convolve(x, layer), plain(x, layer, 1), atol=3e-5)
