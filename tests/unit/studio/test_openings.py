"""A half-seen opening is opened whole; what nobody saw as an opening stays, even in the wall's own colour."""

from __future__ import annotations

import numpy as np

from packshot.studio.openings import enclosed, widen

WALL, WOOD = (190, 186, 178), (120, 70, 30)


def frame() -> tuple[np.ndarray, np.ndarray]:
    """A wooden frame before a wall, and a model that takes all of its opening but the top for product."""
    pixels = np.full((120, 120, 3), WALL, np.uint8)
    pixels[20:100, 20:100] = WOOD
    pixels[35:85, 35:85] = WALL
    sure = np.zeros((120, 120), np.float32)
    sure[20:100, 20:100] = 1
    return pixels, sure


def test_a_half_seen_opening_is_opened_whole() -> None:
    pixels, sure = frame()
    sure[35:50, 35:85] = 0.1
    opened = widen(pixels, sure)
    assert (opened[37:83, 37:83] < 0.2).all()
    assert (opened[22:33, 22:98] == 1).all() and (opened[22:98, 88:98] == 1).all()


def test_a_label_in_the_colour_of_the_wall_is_no_opening() -> None:
    pixels, sure = frame()
    assert np.array_equal(widen(pixels, sure), sure)


def test_a_small_gap_beside_a_large_label_does_not_open_the_label() -> None:
    pixels, sure = frame()
    sure[35:38, 35:85] = 0.1
    assert (widen(pixels, sure)[45:80, 40:80] == 1).all()


def test_enclosed_is_what_does_not_reach_the_border() -> None:
    mask = np.zeros((9, 9), bool)
    mask[0:4, 1] = mask[5:7, 5] = True
    assert enclosed(mask).sum() == 2
