"""Thin parts that the model shows only faintly: laces, straps, wires, the bars of a chair.

At the model's resolution they are narrower than a cell. In the working picture they are lines that differ from what is
around them, hang on the product, and lie where the model saw at least a trace.
"""

from __future__ import annotations

import numpy as np

from packshot.studio.field import BOX, Bytes, Field, Mask, grow, islands, local_mean, resize, shrink

COARSE = 3  # by how much the picture is reduced to tell what colours lie around
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
    traced = sure > TRACE
    if not (traced & ~grow(body, 2 * radius)).any():  # a trace beside the product is only its own blurred outline
        return np.zeros(sure.shape, bool)
    colours = [pixels[..., c].astype(np.float32) for c in range(3)]
    empty, own = (sure < TRACE).astype(np.float32), (sure > 0.8).astype(np.float32)
    known, near = _around(empty, empty, 3 * radius)[1], _around(own, own, 3 * radius)[1]
    differs = np.zeros(sure.shape, bool)
    away, alike = np.zeros_like(sure), np.zeros_like(sure)
    for channel in colours:
        mean, _ = _around(channel, empty, 3 * radius)
        square, _ = _around(channel**2, empty, 3 * radius)
        off = np.abs(channel - mean)
        differs |= off > np.maximum(DISTINCT, RESTLESS * np.sqrt(np.maximum(square - mean**2, 0)))
        np.maximum(away, off, out=away)
        np.maximum(alike, np.abs(channel - _around(channel, own, 3 * radius)[0]), out=alike)
    differs |= (near > 0.02) & (away > DISTINCT) & (alike < AKIN * away)
    reach = grow(traced, half)
    strange = differs & ~reach & ~body  # background that differs from the rest of it, such as its joints
    differs = differs & reach & (known > 0.02) | body
    thin = differs & ~grow(shrink(differs, half), half + 1) & ~body
    named = islands(thin)
    count = int(named.max()) + 1
    at = np.nonzero(thin)
    name = named[at]
    size = np.bincount(name, minlength=count)
    seen = np.bincount(name, sure[at], count) / np.maximum(size, 1)
    beyond = (~grow(body, half)).astype(np.float32)
    beside, _ = _around(sure, beyond, 3 * radius)
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
    true[name[grow(strange, 2)[at]]] = False  # it runs on where the model saw nothing
    true[np.concatenate([named[0], named[-1], named[:, 0], named[:, -1]])] = False
    others = pixels[strange].astype(np.int16)
    for line in np.flatnonzero(true):  # there are more of its kind in the background
        like = np.abs(others - pixels[named == line].mean(0)).max(1) < DISTINCT
        true[line] = np.count_nonzero(like) < size[line]
    return np.asarray(true[named])


def _around(values: Field, weight: Field, radius: int) -> tuple[Field, Field]:
    """Mean of the values that have weight around each place, and the mean weight there; taken on a reduced copy."""
    rows, columns = weight.shape
    size, reach = (-(-columns // COARSE), -(-rows // COARSE)), max(1, round(radius / COARSE))
    known = local_mean(resize(weight, *size, BOX), reach)
    mean = local_mean(resize(values * weight, *size, BOX), reach) / np.maximum(known, 1e-3)
    return resize(np.asarray(mean, np.float32), columns, rows), resize(known, columns, rows)


def _extent(name: np.ndarray, place: np.ndarray, count: int) -> np.ndarray:
    """From the first to the last place along one axis, for each name."""
    low, high = np.full(count, np.iinfo(np.int64).max), np.full(count, -1)
    np.minimum.at(low, name, place)
    np.maximum.at(high, name, place)
    return np.where(high < 0, 0, high - low + 1)


def with_lines(pixels: Bytes, sure: Field, radius: int) -> Field:
    """`sure` 0..1 with 0.95 on every thin part: the matting decides how much of each pixel it covers."""
    return np.where(lines(pixels, sure, radius), np.float32(0.95), sure)
