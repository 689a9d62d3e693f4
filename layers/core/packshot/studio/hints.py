"""Where a caller says the product is: a box around it, or a point on it, in shares 0..1 of the upright picture."""

from __future__ import annotations

import math

import numpy as np

from packshot.studio.errors import BadShot
from packshot.studio.field import Box, Field, Mask, islands

Shares = tuple[float, float, float, float]  # left, top, right, bottom
Point = tuple[float, float]  # x, y

LEAST_SIDE = 0.01  # share of the picture below which a box holds nothing
SLACK = 0.06  # of the box's longer side: hand-drawn boxes cut a little off the product
NEAR = 0.04  # of the map's longer side: how far a point may lie beside the product


def checked(box: Shares | None, point: Point | None) -> None:
    """Raise BadShot for hints that do not lie within the picture, or contradict each other."""
    for value in (*(box or ()), *(point or ())):
        if not (math.isfinite(value) and 0 <= value <= 1):
            raise BadShot("a box and a point are given as shares of the picture, from 0 to 1")
    if box is None:
        return
    left, top, right, bottom = box
    if right - left < LEAST_SIDE or bottom - top < LEAST_SIDE:
        raise BadShot("a box is given as left, top, right, bottom, and holds at least a hundredth of each side")
    if point is not None and not (left <= point[0] <= right and top <= point[1] <= bottom):
        raise BadShot("the point lies outside the box")


def in_pixels(box: Shares, columns: int, rows: int) -> tuple[float, float, float, float]:
    return box[0] * columns, box[1] * rows, box[2] * columns, box[3] * rows


def within(box: tuple[float, float, float, float], region: Box, columns: int, rows: int) -> Field:
    """1 inside a box, falling to 0 over SLACK around it, on a map (rows, columns) of `region`; all boxes in pixels."""
    slack = SLACK * max(box[2] - box[0], box[3] - box[1])

    def along(low: float, high: float, start: int, stop: int, count: int) -> Field:
        place = start + (np.arange(count, dtype=np.float32) + 0.5) * ((stop - start) / count)
        outside = np.maximum(low - place, place - high)
        return np.asarray((1.5 - outside / slack).clip(0, 1), np.float32)

    across = along(box[0], box[2], region[0], region[2], columns)
    down = along(box[1], box[3], region[1], region[3], rows)
    return np.minimum(down[:, None], across)


def island_at(mask: Mask, point: Point) -> Mask | None:
    """The 8-connected part of a mask at a point (shares of the mask), or very near to it; None: nothing is there."""
    rows, columns = mask.shape
    named = islands(mask)
    reach = max(1, round(NEAR * max(rows, columns)))
    row, column = min(int(point[1] * rows), rows - 1), min(int(point[0] * columns), columns - 1)
    name = int(named[row, column])
    if name == 0:
        top, left = max(0, row - reach), max(0, column - reach)
        around = named[top : row + reach + 1, left : column + reach + 1]
        places = np.argwhere(around > 0)
        if not len(places):
            return None
        nearest = places[np.argmin(((places - (row - top, column - left)) ** 2).sum(1))]
        name = int(around[tuple(nearest)])
    return np.asarray(named == name)
