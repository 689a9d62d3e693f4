"""What was made, measured: the words of a picture's report."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from packshot.studio.colour import delta_e, lab
from packshot.studio.field import Bytes, Mask

STRIP = 256  # rows that are handled together
RIM = 2  # pixels next to the outline that may be blended
SAMPLE = 40_000  # pixels of the product whose colours are compared
BLOCK = 8  # JPEG codes squares of 8x8; a square that touches the product cannot be exactly white


def interior(alpha: Bytes, depth: int = RIM) -> Mask:
    """Pixels from which everything up to `depth` pixels away, also across corners, is fully the product; beyond the
    array's edge the product goes on."""
    solid = np.pad(alpha == 255, depth, constant_values=True)
    rows, columns = alpha.shape
    across = solid[:, :columns].copy()
    for n in range(1, 2 * depth + 1):
        across &= solid[:, n : n + columns]
    inside = across[:rows].copy()
    for n in range(1, 2 * depth + 1):
        inside &= across[n : n + rows]
    return inside


def fidelity(canvas: Bytes, rgb: Bytes, alpha: Bytes, left: int, top: int) -> dict[str, float]:
    """`delta_e_mean`, `_max`: CIEDE2000 of the composed picture to the plainly scaled product over every pixel inside
    the rim; if more than SAMPLE of them differ, over a sample of those that do."""
    high, wide = alpha.shape
    total, found = 0, 0
    ours, theirs = [], []
    for y in range(0, high, STRIP):
        end, near = min(y + STRIP, high), max(0, y - RIM)
        inside = interior(alpha[near : end + RIM])[y - near : end - near]
        one, two = rgb[y:end], canvas[top + y : top + end, left : left + wide, :3]
        differ = inside & (one != two).any(2)
        total += int(np.count_nonzero(inside))
        if differ.any():
            found += int(np.count_nonzero(differ))
            ours.append(one[differ])
            theirs.append(two[differ])
    if not found:
        return {"delta_e_mean": 0.0, "delta_e_max": 0.0}
    some = slice(None, None, -(-found // SAMPLE))
    made = _difference(np.concatenate(ours)[some], np.concatenate(theirs)[some])
    return {**made, "delta_e_mean": round(made["delta_e_mean"] * found / total, 4)}


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
