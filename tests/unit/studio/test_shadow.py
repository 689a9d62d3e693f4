"""An old cast shadow is a smooth, darker copy of the floor; a dark part of the product is not one."""

from __future__ import annotations

import numpy as np

from packshot.studio.shadow import shadow_of, without_shadow

FLOOR, BLUE = np.array((205, 190, 170.0)), np.array((40, 70, 150.0))


def scene(left: np.ndarray, *, grain: float = 1.5) -> tuple[np.ndarray, np.ndarray]:
    """A blue box on a floor with a patch of colour `left` beside its foot, which the model half took along."""
    pixels = np.tile(FLOOR, (240, 320, 1))
    pixels[150:190, 40:121] = left
    pixels[60:190, 120:220] = BLUE
    pixels += np.random.default_rng(6).normal(0, grain, pixels.shape)
    sure = np.zeros((240, 320), np.float32)
    sure[60:190, 120:220] = 1
    sure[150:190, 40:120] = 0.5
    return pixels.clip(0, 255).round().astype(np.uint8), sure


def darker(share: float) -> np.ndarray:
    """The floor's colour with a share of its (linear) light."""
    return np.asarray(255 * ((FLOOR / 255) ** 2.2 * share) ** (1 / 2.2))


def test_a_darker_copy_of_the_floor_is_a_shadow() -> None:
    pixels, sure = scene(darker(0.5))
    found = shadow_of(pixels, sure)
    assert found[155:185, 46:112].mean() > 0.9
    assert not found[60:190, 122:218].any()
    cleared = without_shadow(pixels, sure)
    assert cleared[170, 80] == 0 and cleared[170, 170] == 1


def test_another_hue_is_not() -> None:
    pixels, sure = scene(darker(0.5) * (1.25, 1, 0.7))
    assert not shadow_of(pixels, sure).any()


def test_nearly_black_is_not() -> None:
    pixels, sure = scene(darker(0.05))
    assert not shadow_of(pixels, sure).any()


def test_a_texture_is_not() -> None:
    pixels, sure = scene(darker(0.5))
    pixels[150:190:4, 40:120] = 40
    assert not shadow_of(pixels, sure)[152:188, 44:116].any()


def test_what_the_model_is_sure_of_is_not() -> None:
    pixels, sure = scene(darker(0.5))
    sure[150:190, 40:120] = 0.95
    assert not shadow_of(pixels, sure).any()


def test_nothing_above_the_product_s_middle_is() -> None:
    pixels, sure = scene(darker(0.5))
    assert not shadow_of(pixels[::-1], sure[::-1]).any()
