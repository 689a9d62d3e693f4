"""Are text, logos and seams still there? Fine, high-contrast detail of the product is compared block by block.

Detail = luma between two blurs (difference of Gaussians). A block that holds detail is looked for within a few pixels
of its place; it survives as far as its normalised cross-correlation and its contrast do.
"""

from __future__ import annotations

import numpy as np

from packshot.fidelity.product import Product
from packshot.studio.field import Field, shrink, soft

LUMA = np.array([0.2126, 0.7152, 0.0722], np.float32)
FINE, COARSE = 0.8, 4.0  # pixels, standard deviations of the two blurs
SIDE = 16  # pixels, a block's side
STEP = 8  # pixels from one block to the next
REACH = 2  # pixels
DETAIL = 0.022  # root mean square of a block's detail (0..1) from which it counts
LEAST = 6  # blocks of detail from which a product has marks
FADED = 0.6  # contrast may fall to this share before it costs
WORST = 0.25  # share of the blocks, the worst, whose mean is told


def detail(rgb: Field, weight: Field) -> Field:
    """Luma between the two blurs, (rows, columns), each taken only over what has `weight`: what lies around the product
    does not enter."""
    luma = (rgb @ LUMA) * weight
    fine, coarse = (soft(luma, sigma) / (soft(weight, sigma) + np.float32(1e-3)) for sigma in (FINE, COARSE))
    band: Field = (fine - coarse) * (weight > 0)
    return band


def _sums(x: Field) -> Field:
    """Sums over SIDE x SIDE squares, STEP apart."""
    total = np.pad(x.astype(np.float64), ((1, 0), (1, 0))).cumsum(0).cumsum(1)
    rows = total[SIDE::STEP][: (x.shape[0] - SIDE) // STEP + 1] - total[: x.shape[0] - SIDE + 1 : STEP]
    sums = rows[:, SIDE::STEP][:, : (x.shape[1] - SIDE) // STEP + 1] - rows[:, : x.shape[1] - SIDE + 1 : STEP]
    out: Field = sums.astype(np.float32)
    return out


def compare(product: Product, seen: Field, inside: Field) -> tuple[float | None, float]:
    """(How well the product's marks survive 0..1 or None if it has none, share of the product's blocks that have detail
    which the product has not). The first is the mean of the worst quarter of the blocks, weighted by their contrast."""
    solid = (product.alpha > 0.95) & (inside > 0.99)
    weight, mask = solid.astype(np.float32), shrink(solid, 2).astype(np.float32)
    if min(mask.shape) < SIDE:
        return None, 0.0
    own, other = detail(product.rgb, weight) * mask, detail(seen, weight)
    count = _sums(mask)
    full = count > 0.6 * SIDE * SIDE
    n = np.maximum(count, 1)
    mine = _sums(own * own).clip(0) / n
    power = _sums((other * mask) ** 2) / n
    rich = full & (mine > DETAIL**2)
    added = full & (power > (2 * DETAIL) ** 2) & (power > 9 * mine)
    extra = float(added.sum() / max(int(full.sum()), 1))
    if rich.sum() < LEAST:
        return None, extra
    alike = np.full(mine.shape, -1, np.float32)
    padded = np.pad(other, REACH, mode="edge")
    theirs = np.zeros_like(mine)
    for y in range(2 * REACH + 1):
        for x in range(2 * REACH + 1):
            moved = padded[y : y + mask.shape[0], x : x + mask.shape[1]] * mask
            here = _sums(moved * moved).clip(0) / n
            value = _sums(own * moved) / n / np.sqrt(np.maximum(here * mine, 1e-12))
            better = value > alike
            alike, theirs = np.where(better, value, alike), np.where(better, here, theirs)
    kept = np.minimum(1, np.sqrt(theirs / np.maximum(mine, 1e-9)) / FADED)
    value = (alike.clip(0, 1) * kept)[rich]
    order = np.argsort(value)
    worst = order[: max(LEAST, round(WORST * len(order)))]
    weight = np.sqrt(mine[rich])[worst]
    return float((value[worst] * weight).sum() / weight.sum()), extra
