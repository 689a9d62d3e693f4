"""What was made, measured: the words of a picture's report."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from packshot.studio.colour import delta_e, lab
from packshot.studio.field import Bytes, Mask, shrink

SAMPLE = 40_000  # pixels of the product whose colours are compared
BLOCK = 8  # JPEG codes squares of 8x8; a square that touches the product cannot be exactly white


def fill(alpha: Bytes, width: int, height: int) -> dict[str, float]:
    """`fill`: the larger of the shares of the frame's width and height that the product's box takes."""
    return {"fill": round(max(alpha.shape[1] / width, alpha.shape[0] / height), 4)}


def fidelity(canvas: Bytes, rgb: Bytes, alpha: Bytes, left: int, top: int) -> dict[str, float]:
    """`delta_e_mean`, `_max`: CIEDE2000 of the composed picture to the plainly scaled product, inside the rim."""
    inside = np.flatnonzero(shrink(alpha == 255, 2))
    if not len(inside):
        return {"delta_e_mean": 0.0, "delta_e_max": 0.0}
    some = inside[:: max(1, len(inside) // SAMPLE)]
    y, x = np.divmod(some, alpha.shape[1])
    difference = delta_e(lab(canvas[y + top, x + left]), lab(rgb[y, x]))
    return {"delta_e_mean": round(float(difference.mean()), 4), "delta_e_max": round(float(difference.max()), 4)}


def background(alpha: Bytes, left: int, top: int, shape: tuple[int, int]) -> Mask:
    """Pixels of the frame in 8x8 squares that the product does not touch."""
    frame = np.zeros((-(-shape[0] // BLOCK) * BLOCK, -(-shape[1] // BLOCK) * BLOCK), bool)
    frame[top : top + alpha.shape[0], left : left + alpha.shape[1]] = alpha > 0
    squares = frame.reshape(frame.shape[0] // BLOCK, BLOCK, frame.shape[1] // BLOCK, BLOCK).any((1, 3))
    free = ~squares
    return free.repeat(BLOCK, 0).repeat(BLOCK, 1)[: shape[0], : shape[1]]


def white(data: bytes, alpha: Bytes, left: int, top: int) -> dict[str, float | bool]:
    """`white`: share of background pixels that are exactly 255 in the finished file, read again; `white_ok`: all."""
    seen = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
    free = background(alpha, left, top, (seen.shape[0], seen.shape[1]))
    if not free.any():
        return {"white": 1.0, "white_ok": True}
    share = float((seen.min(2)[free] == 255).mean())
    return {"white": round(share, 6), "white_ok": share == 1.0}
