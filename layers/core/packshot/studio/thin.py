"""Thin parts that the model shows only faintly: laces, straps, wires, the bars of a chair.

At the model's resolution they are narrower than a cell. In the working picture they are lines that differ from what is
around them, hang on the product, and lie where the model saw at least a trace.
"""

from __future__ import annotations

import numpy as np

from packshot.studio.field import Bytes, Field, Mask, grow, islands, local_mean, shrink

TRACE = 0.06  # certainty from which the model saw something
MEAN_TRACE = 0.12  # the same, on average along the whole line: otherwise it is a line of the background
RIDGE = 1.4  # the same, of what it saw around the line
DISTINCT = 22.0  # 8-bit levels: smallest difference of a channel to the background around
RESTLESS = 2.5  # the same, in standard deviations of that background
AKIN = 0.4  # largest difference to the product's own colour nearby, of that to the background, in a restless background
LONG = 6  # least length of a line, of its greatest half width
SLIM = 0.6  # most pixels of a line, of its length times its greatest width


def lines(pixels: Bytes, sure: Field, radius: int) -> Mask:
    """Thin parts of the product outside what the model is sure of; (rows, columns) of the working picture."""
    body = sure > 0.5
    half = max(2, round(0.7 * radius))
    colours = pixels.astype(np.float32)
    around, spread, known = _surroundings(colours, (sure < TRACE).astype(np.float32), 3 * radius)
    own, _, near = _surroundings(colours, (sure > 0.8).astype(np.float32), 3 * radius)
    away = np.abs(colours - around)
    differs = (away > np.maximum(DISTINCT, RESTLESS * spread)).any(2)
    away, alike = away.max(2), np.abs(colours - own).max(2)
    differs |= (near > 0.02) & (away > DISTINCT) & (alike < AKIN * away)
    differs = differs & grow(sure > TRACE, half) & (known > 0.02) | body
    thin = differs & ~grow(shrink(differs, half), half + 1) & ~body
    named = islands(thin)
    count = int(named.max()) + 1
    at = np.nonzero(thin)
    name = named[at]
    size = np.bincount(name, minlength=count)
    seen = np.bincount(name, sure[at], count) / np.maximum(size, 1)
    beyond = (~grow(body, half)).astype(np.float32)
    beside = local_mean(sure * beyond, 3 * radius) / np.maximum(local_mean(beyond, 3 * radius), 1e-3)
    level = np.bincount(name, beside[at], count) / np.maximum(size, 1)
    held = np.bincount(name, grow(sure > 0.9, half)[at], count)
    length = np.maximum(*(_extent(name, axis, count) for axis in at))
    true = (
        (seen > MEAN_TRACE)
        & (seen > RIDGE * level)
        & (held > 0)
        & (length > LONG * half)
        & (size < SLIM * length * 2 * half)
    )
    true[0] = False
    true[np.concatenate([named[0], named[-1], named[:, 0], named[:, -1]])] = False  # it runs on: a joint of the floor
    return np.asarray(true[named])


def _surroundings(colours: Field, weight: Field, radius: int) -> tuple[Field, Field, Field]:
    """Mean and standard deviation of the colours around each place, (rows, columns, 3), and the mean weight there."""
    known = local_mean(weight, radius)
    mean, spread = np.empty_like(colours), np.empty_like(colours)
    for c in range(3):
        channel = np.ascontiguousarray(colours[..., c])
        mean[..., c] = local_mean(channel * weight, radius) / np.maximum(known, 1e-3)
        square = local_mean(channel**2 * weight, radius) / np.maximum(known, 1e-3)
        spread[..., c] = np.sqrt(np.maximum(square - mean[..., c] ** 2, 0))
    return mean, spread, known


def _extent(name: np.ndarray, place: np.ndarray, count: int) -> np.ndarray:
    """From the first to the last place along one axis, for each name."""
    low, high = np.full(count, np.iinfo(np.int64).max), np.full(count, -1)
    np.minimum.at(low, name, place)
    np.maximum.at(high, name, place)
    return np.where(high < 0, 0, high - low + 1)


def with_lines(pixels: Bytes, sure: Field, radius: int) -> Field:
    """`sure` 0..1 with 0.95 on every thin part: the matting decides how much of each pixel it covers."""
    return np.where(lines(pixels, sure, radius), np.float32(0.95), sure)
