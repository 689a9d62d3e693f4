"""Laces and straps that the model shows faintly are kept; a line of the background is not."""

from __future__ import annotations

import numpy as np

from packshot.studio import matte
from packshot.studio.thin import lines, with_lines

WALL, RED = (196, 190, 184), (150, 30, 40)
RADIUS = 7


def shoe() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(pixels, what the model saw, true alpha): a body with a lace that hangs from it and was seen faintly."""
    alpha = np.zeros((300, 300), np.float32)
    alpha[60:160, 80:220] = 1
    alpha[160:250, 150:153] = 1
    pixels = alpha[..., None] * np.array(RED) + (1 - alpha[..., None]) * np.array(WALL)
    pixels += np.random.default_rng(3).normal(0, 1.5, pixels.shape)
    sure = alpha.copy()
    sure[160:250, 140:163] = 0.2
    return pixels.clip(0, 255).round().astype(np.uint8), sure, alpha


def test_a_faint_lace_is_found() -> None:
    pixels, sure, alpha = shoe()
    found = lines(pixels, sure, RADIUS)
    assert found[170:245, 151].all()
    assert not found[alpha == 0].any()


def test_a_line_where_the_model_saw_nothing_is_background() -> None:
    pixels, sure, _ = shoe()
    sure[165:] = 0
    assert not lines(pixels, sure, RADIUS)[175:].any()


def test_a_line_that_hangs_on_nothing_is_background() -> None:
    pixels, sure, _ = shoe()
    pixels[160:175] = WALL
    assert not lines(pixels, sure, RADIUS).any()


def test_a_broad_patch_is_no_line() -> None:
    pixels, sure, _ = shoe()
    pixels[160:250, 130:175] = RED
    assert not lines(pixels, sure, RADIUS)[175:].any()


def test_the_lace_survives_the_matting_and_without_this_step_it_does_not() -> None:
    pixels, sure, alpha = shoe()

    def solved(sure: np.ndarray) -> np.ndarray:
        inside, undecided = matte.band_of(sure, RADIUS)
        return matte.decide(matte.solve(pixels, sure, inside, undecided), sure, RADIUS)

    kept, lost = solved(with_lines(pixels, sure, RADIUS)), solved(sure)
    assert kept[170:245, 151].min() > 0.9 and lost[170:245, 151].max() < 0.6
    assert np.abs(kept - alpha).sum() < 0.5 * np.abs(lost - alpha).sum()


def test_a_line_that_runs_on_beyond_what_the_model_saw_is_a_joint_of_the_floor() -> None:
    pixels, sure, _ = shoe()
    pixels[160:300, 150:153] = RED
    pixels[250:254, 140:163] = RED  # across the joint, where the lace of the other tests ends
    assert not lines(pixels, sure, RADIUS).any()


def test_a_line_like_others_in_the_background_is_one_of_them() -> None:
    pixels, sure, _ = shoe()
    pixels[:, 20:23] = RED
    assert not lines(pixels, sure, RADIUS).any()
