"""How far a cut-out is from the true one. Alphas are (rows, columns) uint8, 255 = product, both of one shape.

The definitions are those of the literature on segmentation and matting: IoU as in PASCAL VOC, SAD as in Rhemann et al.,
"A perceptually motivated online benchmark for image matting" (CVPR 2009).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from packshot.studio.colour import delta_e, lab
from packshot.studio.field import Mask, grow, shrink

Bytes = NDArray[np.uint8]

EDGE = 7  # pixels to either side of the true outline: with the outline's own a band of 15
HALO = 6  # pixels outside the true outline
DEEP = 3  # pixels from the true outline inwards where a product's colours are compared
SAMPLE = 40_000  # pixels of the product whose colours are compared


@dataclass(frozen=True)
class Scores:
    """iou 0..1; mae in thousandths of full alpha; sad in thousands of pixels; edge_mae 0..1."""

    iou: float
    mae: float
    sad: float
    edge_mae: float


def scores(alpha: Bytes, truth: Bytes) -> Scores:
    """All four at once. Raises ValueError for shapes that differ."""
    if alpha.shape != truth.shape:
        raise ValueError(f"the cut-out has the shape {alpha.shape}, the truth {truth.shape}")
    wrong = np.abs(alpha.astype(np.float64) - truth) / 255
    band = edge_band(truth)
    return Scores(
        iou=iou(alpha, truth),
        mae=1000 * float(wrong.mean()),
        sad=float(wrong.sum()) / 1000,
        edge_mae=float(wrong[band].mean()) if band.any() else 0.0,
    )


def iou(alpha: Bytes, truth: Bytes) -> float:
    """Intersection over union of the pixels with alpha > 0.5 (more than 127 of 255); 1.0 when both are empty."""
    ours, theirs = alpha > 127, truth > 127
    union = int(np.count_nonzero(ours | theirs))
    return int(np.count_nonzero(ours & theirs)) / union if union else 1.0


def edge_band(truth: Bytes) -> Mask:
    """Pixels that have both product and background within EDGE pixels, across corners too: 15 pixels wide along a
    straight outline (14 where it runs between two pixels). The picture's own edge is no outline."""
    solid = truth > 127
    return grow(solid, EDGE) & ~shrink(solid, EDGE)


def halo(on_white: Bytes, truth: Bytes) -> float:
    """Mean of chroma and darkness, sqrt(a*² + b*²) + (100 - L*), of a cut-out on white (rows, columns, 3) over the
    pixels that are wholly background and lie at most HALO pixels outside the true product. White has 0."""
    ring = grow(truth > 0, HALO) & (truth == 0)
    if not ring.any():
        return 0.0
    colour = lab(on_white[ring])
    return float((np.hypot(colour[:, 1], colour[:, 2]) + 100 - colour[:, 0]).mean())


def fidelity(source: Bytes, on_white: Bytes, alpha: Bytes, truth: Bytes) -> tuple[float, float] | None:
    """(mean, largest) CIEDE2000 between the source and the cut-out on white, both (rows, columns, 3) at 1:1, over
    pixels deep inside the true product that are deep inside the cut-out (alpha > 0.5) too: what a method leaves out
    does not count here, what it repaints or makes see-through does. None where a method kept nothing."""
    inside = shrink(truth == 255, DEEP) & shrink(alpha > 127, DEEP)
    places = np.flatnonzero(inside)
    if not len(places):
        return None
    some = places[:: -(-len(places) // SAMPLE)]
    differs = delta_e(lab(source.reshape(-1, 3)[some]), lab(on_white.reshape(-1, 3)[some]))
    return float(differs.mean()), float(differs.max())
