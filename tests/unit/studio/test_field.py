"""The small arithmetic, against slow and obvious versions of itself."""

from __future__ import annotations

import numpy as np
import pytest

from packshot.studio.field import bounds, grow, islands, local_mean, resize, sample, shrink, soft


@pytest.fixture
def field() -> np.ndarray:
    return np.random.default_rng(1).random((23, 31), np.float32)


@pytest.mark.parametrize("radius", [1, 3])
def test_local_mean_is_the_mean_of_the_square(field: np.ndarray, radius: int) -> None:
    around = np.pad(field, radius, mode="edge")
    size = 2 * radius + 1
    plain = [[around[y : y + size, x : x + size].mean() for x in range(31)] for y in range(23)]
    assert np.allclose(local_mean(field, radius), plain, atol=1e-6)


def test_grow_and_shrink_are_the_extremes_of_the_square(field: np.ndarray) -> None:
    mask = field > 0.8
    around = np.pad(mask, 2)
    plain = np.array([[around[y : y + 5, x : x + 5].any() for x in range(31)] for y in range(23)])
    assert (grow(mask, 2) == plain).all()
    assert (shrink(~mask, 2) == ~plain).all()
    assert shrink(np.ones((5, 5), bool), 2).all()


def test_islands_touch_at_corners_but_not_across_gaps() -> None:
    picture = ["##...#", "..#..#", ".....#", "#.###."]
    named = islands(np.array([[c == "#" for c in row] for row in picture]))
    assert named[0, 0] == named[1, 2] != 0
    assert named[0, 5] == named[3, 4] == named[3, 2]
    assert named.max() == 3 and named[0, 3] == 0


def test_islands_of_a_spiral_are_one() -> None:
    mask = np.zeros((41, 41), bool)
    for n in range(0, 20, 2):
        mask[n, max(0, n - 1) : 41 - n] = mask[40 - n, n : 41 - n] = True
        mask[n : 41 - n, 40 - n] = mask[n + 2 : 41 - n, n] = True
    assert islands(mask).max() == 1


def test_sample_is_resize_at_some_places(field: np.ndarray) -> None:
    whole = resize(field, 62, 46)
    at = np.nonzero(whole > 0.5)
    assert np.allclose(sample(field, at, 46, 62), whole[at], atol=1e-5)


@pytest.mark.parametrize("sigma", [1.0, 2.5, 9.0])
def test_soft_has_the_width_it_was_asked_for(sigma: float) -> None:
    dot = np.zeros((161, 161), np.float32)
    dot[80, 80] = 1
    blurred = soft(dot, sigma)
    y = np.arange(161) - 80
    assert blurred.sum() == pytest.approx(1, abs=0.02)
    assert np.sqrt((blurred.sum(1) * y**2).sum()) == pytest.approx(sigma, rel=0.12)


def test_bounds_are_tight() -> None:
    mask = np.zeros((9, 9), bool)
    assert bounds(mask) is None
    mask[2:5, 3] = True
    assert bounds(mask) == (3, 2, 4, 5)
