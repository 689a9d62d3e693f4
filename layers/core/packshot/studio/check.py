"""What was made, measured: the words of a picture's report."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from packshot.studio.colour import delta_e, lab
from packshot.studio.field import Bytes, Mask, shrink

STRIP = 256  # rows that are handled together
RIM = 2  # pixels next to the outline that may be blended
SAMPLE = 40_000  # pixels of the product whose colours are compared
BLOCK = 8  # JPEG codes squares of 8x8; a square that touches the product cannot be exactly white


def fill(alpha: Bytes, width: int, height: int) -> dict[str, float]:
    """`fill`: the larger of the shares of the frame's width and height that the product's box takes."""
    return {"fill": round(max(alpha.shape[1] / width, alpha.shape[0] / height), 4)}


def fidelity(canvas: Bytes, rgb: Bytes, alpha: Bytes, left: int, top: int) -> dict[str, float]:
    """`delta_e_mean`, `_max`: CIEDE2000 of the composed picture to the plainly scaled product, inside the rim."""
    solid, rows = alpha == 255, alpha.shape[0]
    inside = np.empty_like(solid)
    for y in range(0, rows, STRIP):
        near = max(0, y - RIM)
        inside[y : y + STRIP] = shrink(solid[near : y + STRIP + RIM], RIM)[y - near : y - near + STRIP]
    step = max(1, int(np.count_nonzero(inside)) // SAMPLE)
    some, skip = [], 0
    for y in range(0, rows, STRIP):
        found = np.flatnonzero(inside[y : y + STRIP])
        some.append(found[skip::step] + y * alpha.shape[1])
        skip = (skip - len(found)) % step
    at = np.divmod(np.concatenate(some), alpha.shape[1])
    return _difference(rgb[at], canvas[at[0] + top, at[1] + left, :3])


def change(before: Bytes, after: Bytes) -> dict[str, float]:
    """`delta_e_mean`, `_max`: CIEDE2000 between two pictures of one size, where they are not transparent."""
    rows, columns = before.shape[:2]
    some = np.arange(0, rows * columns, max(1, rows * columns // SAMPLE) | 1)
    y, x = np.divmod(some, columns)
    if before.shape[2] == 4:
        seen = before[y, x, 3] > 0
        y, x = y[seen], x[seen]
    return _difference(before[y, x, :3], after[y, x, :3])


def _difference(one: Bytes, two: Bytes) -> dict[str, float]:
    if not len(one):
        return {"delta_e_mean": 0.0, "delta_e_max": 0.0}
    difference = delta_e(lab(one), lab(two))
    return {"delta_e_mean": round(float(difference.mean()), 4), "delta_e_max": round(float(difference.max()), 4)}


def background(alpha: Bytes, left: int, top: int, shape: tuple[int, int]) -> Mask:
    """Pixels of the frame in 8x8 squares that the product does not touch."""
    free = np.ones(shape, bool)
    touched = alpha > 0
    high = top + alpha.shape[0]
    for y in range(top - top % BLOCK, high, BLOCK):
        row = np.zeros(-(-shape[1] // BLOCK) * BLOCK, bool)
        part = touched[max(0, y - top) : max(0, y + BLOCK - top)]
        row[left : left + alpha.shape[1]] = part.any(0)
        free[y : y + BLOCK] = ~row.reshape(-1, BLOCK).any(1).repeat(BLOCK)[: shape[1]]
    return free


def white(data: bytes, alpha: Bytes, left: int, top: int) -> dict[str, float | bool]:
    """`white`: share of background pixels that are exactly 255 in the finished file, read again; `white_ok`: all."""
    image = Image.open(io.BytesIO(data))
    free = background(alpha, left, top, (image.height, image.width))
    total, exact = int(np.count_nonzero(free)), 0
    for y in range(0, image.height, STRIP):
        end = min(y + STRIP, image.height)
        seen = np.asarray(image.crop((0, y, image.width, end)).convert("RGB"))
        exact += int(np.count_nonzero((seen == 255).all(2) & free[y:end]))
    return {"white": round(exact / total, 6) if total else 1.0, "white_ok": exact == total}
