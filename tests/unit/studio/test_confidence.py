"""The confidence falls with every sign that something is wrong, and each warning has its own cause."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from packshot.studio import edge
from packshot.studio.confidence import Signs, confidence, signs, warnings
from packshot.studio.find import Find
from packshot.studio.values import CHECK
from tests.unit.studio.test_cutout import blob, on

NOTHING = Signs(weak=0.0, unsettled=0.0, apart=0.0, rival=0.0, wavering=0.0, cropped=False)
FREE = (False, False, False, False)


def test_nothing_wrong_is_certain() -> None:
    assert confidence(NOTHING) == 1.0


@pytest.mark.parametrize("sign", ["weak", "unsettled", "apart", "wavering"])
def test_one_bad_sign_is_enough(sign: str) -> None:
    assert confidence(replace(NOTHING, **{sign: 0.45})) < CHECK
    assert confidence(replace(NOTHING, **{sign: 0.03})) > 0.9


def test_lesser_signs_only_lower_it() -> None:
    for changed in (replace(NOTHING, rival=0.6), replace(NOTHING, cropped=True)):
        assert CHECK < confidence(changed) < 0.9
    assert confidence(replace(NOTHING, rival=0.6, cropped=True)) < CHECK


def seen(
    pixels: np.ndarray, alpha: np.ndarray, frame: tuple[bool, bool, bool, bool] = FREE
) -> tuple[Signs, tuple[str, ...]]:
    found = Find((0, 0, *alpha.shape[::-1]), alpha, 1.0)
    steps = edge.across(pixels, alpha)
    measured = signs(found, alpha, steps, alpha, 5, frame)
    return measured, warnings(measured, steps, pixels, alpha, 4.0)


def test_a_clear_disc_has_no_sign() -> None:
    alpha = blob(160, 160)
    measured, words = seen(on(alpha, (200, 60, 40), (90, 140, 160)), alpha)
    assert measured == NOTHING and words == ()


def test_the_outline_that_lies_on_no_edge_is_weak() -> None:
    alpha = blob(160, 160)
    pixels = on(alpha, (200, 60, 40), (90, 140, 160))
    pixels[:, :80] = (200, 60, 40)
    measured, words = seen(pixels, alpha)
    assert measured.weak == pytest.approx(0.5, abs=0.1) and "weak_outline" in words


def test_a_disc_in_the_colour_of_its_ground_has_little_contrast() -> None:
    alpha = blob(160, 160)
    assert "low_contrast" in seen(on(alpha, (250, 250, 250), (244, 244, 244)), alpha)[1]


def test_a_ring_of_glass_lets_the_background_through() -> None:
    alpha = blob(160, 160)
    pixels = on(alpha, (90, 140, 160), (90, 140, 160))
    y, x = np.mgrid[0:160, 0:160]
    pixels[np.abs(np.hypot(x - 80, y - 80) - 46) < 3] = (30, 40, 50)
    measured, words = seen(pixels, alpha)
    assert words == ("see_through",) and measured.weak < 0.1


def test_only_the_picture_s_own_frame_crops() -> None:
    alpha = np.zeros((160, 160), np.float32)
    alpha[40:120, 90:] = 1
    pixels = on(alpha, (200, 60, 40), (90, 140, 160))
    assert seen(pixels, alpha, (False, False, True, False))[0].cropped
    assert not seen(pixels, alpha, (True, True, False, True))[0].cropped


def test_a_second_part_of_similar_size_is_another_product() -> None:
    alpha = np.zeros((160, 160), np.float32)
    alpha[40:120, 10:70] = 1
    alpha[40:120, 100:130] = 1
    assert "several_products" in seen(on(alpha, (200, 60, 40), (90, 140, 160)), alpha)[1]
    alpha[60:120, 100:130] = 0
    assert "several_products" not in seen(on(alpha, (200, 60, 40), (90, 140, 160)), alpha)[1]
