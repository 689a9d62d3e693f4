"""Small pictures to work on, and how to look at what was made of them."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from packshot.picture import Picture
from packshot.studio import Rendered
from packshot.studio.colour import TO_LINEAR, delta_e, lab, to_srgb


def opened(made: Rendered) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(made.data)))


def flat(wide: int, high: int, colour: tuple[int, ...]) -> Picture:
    pixels = np.empty((high, wide, len(colour)), np.uint8)
    pixels[:] = colour
    return Picture(pixels)


def noisy(wide: int = 160, high: int = 120, low: int = 0, top: int = 256) -> Picture:
    """Lumps of every level."""
    random = np.random.default_rng(5)
    lumps = Image.fromarray(random.integers(low, top, (high // 8, wide // 8, 3), np.uint8)).resize((wide, high), 3)
    return Picture(np.asarray(lumps))


def with_alpha(picture: Picture) -> Picture:
    """The same, clear on its left third, half clear in the middle one."""
    alpha = np.full((picture.height, picture.width), 255, np.uint8)
    alpha[:, : picture.width // 3] = 0
    alpha[:, picture.width // 3 : picture.width // 2] = 128
    return Picture(np.dstack([picture.pixels, alpha]))


def lit_by(picture: Picture, red: float, green: float, blue: float) -> Picture:
    """The picture under another lamp."""
    linear = TO_LINEAR[picture.pixels] * np.array([red, green, blue], np.float32)
    return Picture(np.rint(to_srgb(linear)).astype(np.uint8))


def away(one: np.ndarray, two: np.ndarray) -> float:
    return float(delta_e(lab(one.reshape(-1, 3)), lab(two.reshape(-1, 3))).mean())
