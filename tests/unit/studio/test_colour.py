"""Colour arithmetic against published values."""

from __future__ import annotations

import numpy as np
import pytest

from packshot.studio.colour import TO_LINEAR, delta_e, lab, to_srgb

# Sharma, Wu, Dalal (2005), table 1: pairs chosen because wrong implementations fail on them.
PAIRS = [
    ((50.0, 2.6772, -79.7751), (50.0, 0.0, -82.7485), 2.0425),
    ((50.0, -1.3802, -84.2814), (50.0, 0.0, -82.7485), 1.0000),
    ((50.0, 0.0, 0.0), (50.0, -1.0, 2.0), 2.3669),
    ((50.0, 2.49, -0.001), (50.0, -2.49, 0.0009), 7.1792),
    ((50.0, 2.49, -0.001), (50.0, -2.49, 0.0011), 7.2195),
    ((50.0, -0.001, 2.49), (50.0, 0.0011, -2.49), 4.7461),
    ((50.0, 2.5, 0.0), (73.0, 25.0, -18.0), 27.1492),
    ((60.2574, -34.0099, 36.2677), (60.4626, -34.1751, 39.4387), 1.2644),
    ((22.7233, 20.0904, -46.6940), (23.0331, 14.9730, -42.5619), 2.0373),
    ((2.0776, 0.0795, -1.1350), (0.9033, -0.0636, -0.5514), 0.9082),
]


@pytest.mark.parametrize("one, two, expected", PAIRS)
def test_ciede2000_agrees_with_the_published_table(one: tuple, two: tuple, expected: float) -> None:
    assert delta_e(np.array([one]), np.array([two]))[0] == pytest.approx(expected, abs=1e-4)
    assert delta_e(np.array([two]), np.array([one]))[0] == pytest.approx(expected, abs=1e-4)


def test_lab_of_known_colours() -> None:
    found = lab(np.array([[255, 255, 255], [255, 0, 0], [0, 0, 0]], np.uint8))
    assert np.allclose(found, [[100, 0, 0], [53.24, 80.09, 67.20], [0, 0, 0]], atol=0.02)


def test_linear_light_and_back_is_the_same_level() -> None:
    assert np.array_equal(np.rint(to_srgb(TO_LINEAR)), np.arange(256))
    assert TO_LINEAR[188] == pytest.approx(0.5029, abs=1e-3)
