"""From "about here" to an exact outline: closed-form matting in a thin band, then the opaque decision.

Levin, Lischinski, Weiss, "A Closed-Form Solution to Natural Image Matting", PAMI 30 (2008): in each 3x3 window alpha is
a linear function of colour. The Laplacian is never built; each window keeps nine whitened colours, so one step of
conjugate gradients is a gather, two small products and a scatter over the band alone.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from packshot.studio.field import BICUBIC, Bytes, Field, Mask, grow, islands, local_mean, resize, sample, shrink, soft

EPSILON = 2e-4  # regularisation of the colour covariance, colours in 0..1: about the noise of a phone picture
TRUST = 0.06  # pull of the model's own opinion on undecided pixels
STEPS = 60
HAZE, VEIL = 0.2, 0.12  # alpha below the first is background, within the second of 1 product
ENOUGH = 1e-4  # squared residual relative to the start at which the solver stops


def band_of(sure: Field, radius: int) -> tuple[Mask, Mask]:
    """(product, undecided): certain inside, and the band around every outline and every doubtful place."""
    inside = shrink(sure > 0.9, radius)
    outside = shrink(sure < 0.08, radius)
    return inside, ~(inside | outside)


def solve(pixels: Bytes, sure: Field, inside: Mask, undecided: Mask) -> Field:
    """Alpha 0..1 of a (H, W, 3) uint8 picture: 1 in `inside`, solved where `undecided`, 0 elsewhere."""
    rows, columns = undecided.shape
    alpha = inside.astype(np.float32)
    window = grow(undecided, 1)
    window[[0, -1]] = False
    window[:, [0, -1]] = False
    centres = np.flatnonzero(window)
    if not len(centres):
        return alpha
    around = (np.arange(-1, 2)[:, None] * columns + np.arange(-1, 2)).ravel()
    members = centres[:, None] + around
    colours = pixels.reshape(-1, 3)[members].astype(np.float32) / 255
    colours -= colours.mean(1, keepdims=True)
    spread = colours.transpose(0, 2, 1) @ colours / 9 + (EPSILON / 9) * np.eye(3, dtype=np.float32)
    white = colours @ np.linalg.cholesky(np.linalg.inv(spread.astype(np.float64))).astype(np.float32) / 3

    nodes = np.flatnonzero(grow(window, 1))
    place = np.zeros(rows * columns, np.int32)
    place[nodes] = np.arange(len(nodes), dtype=np.int32)
    members = place[members]
    free = undecided.ravel()[nodes]
    opinion = ((sure - 0.2) / 0.6).clip(0, 1)
    guess = np.where(free, opinion.ravel()[nodes], alpha.ravel()[nodes]).astype(np.float64)

    def laplacian(x: NDArray[np.float64]) -> NDArray[np.float64]:
        p = x.astype(np.float32)[members]
        q = p - p.mean(1, keepdims=True) - (white @ (p[:, None] @ white).transpose(0, 2, 1))[:, :, 0]
        summed: NDArray[np.float64] = np.bincount(members.ravel(), q.ravel(), len(nodes)).astype(np.float64)
        return summed

    def system(x: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.where(free, laplacian(x) + TRUST * x, 0.0)

    weight = (8 / 9 - (white**2).sum(2)).astype(np.float64)
    scale = 1 / np.maximum(np.bincount(members.ravel(), weight.ravel(), len(nodes)) + TRUST, 1e-6)
    x = guess.copy()
    residual = np.where(free, TRUST * guess, 0.0) - system(x)
    z = scale * residual
    direction = z.copy()
    power = first = float(residual @ z)
    for _ in range(STEPS):
        if power <= ENOUGH * first or power <= 1e-12:
            break
        image = system(direction)
        length = power / float(direction @ image)
        x += length * direction
        residual -= length * image
        z = scale * residual
        power, before = float(residual @ z), power
        direction = z + (power / before) * direction
    alpha.ravel()[nodes] = np.where(free, x, alpha.ravel()[nodes]).clip(0, 1)
    return alpha


def decide(alpha: Field, sure: Field, radius: int) -> Field:
    """Products are opaque: only pixels near an outline may stay half transparent, and loose specks go.

    Thin parts (straps, wires) have no inside and keep what the solver found, as long as they hang on the product.
    """
    alpha = ((alpha - HAZE) / (1 - HAZE - VEIL)).clip(0, 1)
    solid = alpha > 0.5
    alpha[shrink(grow(shrink(solid, 1), 1), radius)] = 1
    # The outline of a thick part is smooth: even out what noise did to it, and keep it as steep as it was.
    thick = grow(shrink(alpha > 0.5, 4), 7)
    even = ((soft(alpha, 1.4) - 0.5) * 1.9 + 0.5).clip(0, 1)
    alpha = np.where(thick, even, alpha).astype(np.float32)
    named = islands(alpha > 0.12)
    held = np.bincount(named.ravel(), (solid & (sure > 0.6)).ravel())
    held[0] = 0
    keep = held >= max(0.02 * held.max(), 12)
    alpha[~grow(keep[named], 1)] = 0
    holes = islands(alpha < 0.5)
    size = np.bincount(holes.ravel())
    tiny = size < max(9, int(2e-5 * alpha.size))
    tiny[0] = False
    alpha[tiny[holes]] = 1
    return alpha


def guided(alpha: Field, small: Bytes, large: Bytes) -> Field:
    """Enlarge alpha to the size of `large` as a local linear function of its colours.

    He, Sun, "Fast Guided Filter" (2015): alpha = a . colour + b per 5x5 window of the small picture, (a, b) enlarged.
    Only undecided pixels are recomputed; (rows, columns) of alpha and `small` agree.
    """
    rows, columns = large.shape[:2]
    out = resize(alpha, columns, rows, BICUBIC).clip(0, 1)
    edge = (out > 0.004) & (out < 0.996)
    colours: Field = small.astype(np.float32) / np.float32(255)
    means = [local_mean(np.ascontiguousarray(colours[..., c]), 2) for c in range(3)]
    level = local_mean(alpha, 2)
    spread = np.empty((*alpha.shape, 3, 3), np.float32)
    joint = np.empty((*alpha.shape, 3), np.float32)
    for c in range(3):
        joint[..., c] = local_mean(colours[..., c] * alpha, 2) - means[c] * level
        for d in range(c, 3):
            spread[..., c, d] = local_mean(colours[..., c] * colours[..., d], 2) - means[c] * means[d]
            spread[..., d, c] = spread[..., c, d]
    used = grow((alpha > 0) & (alpha < 1), 3)
    slope = np.zeros_like(joint)
    slope[used] = np.linalg.solve(spread[used] + 1e-4 * np.eye(3, dtype=np.float32), joint[used][..., None])[..., 0]
    offset = level - (slope * np.stack(means, -1)).sum(-1)
    at = np.nonzero(edge)
    value = sample(local_mean(offset, 1), at, rows, columns)
    for c in range(3):
        value += sample(local_mean(slope[..., c], 1), at, rows, columns) * (large[..., c][at] / 255)
    out[at] = value.clip(0, 1)
    return out
