"""From a rough place to an exact one: blocks of edges are matched within a few pixels, an affine map is fitted to them.

Each block is trusted across its edges and not along them (its structure tensor is the weight of its shift), so a long
straight side does not hold the fit back. What remains after the fit is a smooth field of small shifts: a slightly other
view of the same product.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from packshot.fidelity.product import Matrix, Pose, Product, edges, view
from packshot.studio.field import BICUBIC, Field, grow, resize, soft

BLOCK = 12  # pixels
STIFF = 0.15  # how strongly a shift is pulled to the affine map, against the weight of one full block of edges
SURE = 0.25  # correlation of a block below which its shift counts for nothing


@dataclass(frozen=True, eq=False)
class Shifts:
    """How blocks moved: `by` (rows, columns, 2) as (x, y) in pixels, `weight` (rows, columns, 2, 2) what that is worth
    in each direction."""

    by: Matrix
    weight: Matrix


def _blocks(x: Field) -> Field:
    """Sums over BLOCK x BLOCK squares; what is left over at the end joins nothing. By matrix products: it is called
    hundreds of times."""
    rows, columns = x.shape[0] // BLOCK, x.shape[1] // BLOCK
    total = _gather(rows, x.shape[0]) @ x @ _gather(columns, x.shape[1]).T
    return total.astype(np.float32, copy=False)


@lru_cache(maxsize=32)
def _gather(blocks: int, size: int) -> Field:
    member: Field = (np.arange(size) // BLOCK == np.arange(blocks)[:, None]).astype(np.float32)
    return member


def match(own: Field, ring: Field, other: Field, reach: int) -> Shifts:
    """Match edges (2, rows, columns) block by block within `reach` pixels; `ring` is where the product or its outline
    is."""
    rows, columns = own.shape[1:]
    padded = np.pad(other, ((0, 0), (reach, reach), (reach, reach)), mode="edge")
    power = (padded**2).sum(0)
    mine = _blocks((own**2).sum(0))
    side = 2 * reach + 1
    best = np.empty((side, side, *mine.shape), np.float32)
    for y in range(side):
        for x in range(side):
            seen = padded[:, y : y + rows, x : x + columns]
            both = _blocks(own[0] * seen[0] + own[1] * seen[1])
            theirs = _blocks(ring * power[y : y + rows, x : x + columns])
            best[y, x] = both / np.sqrt((theirs + 1) * (mine + 1))
    away = np.hypot(*np.mgrid[-reach : reach + 1, -reach : reach + 1]) / reach
    favoured = best - 0.03 * away[..., None, None].astype(np.float32)
    flat = favoured.reshape(side * side, -1)
    at = flat.argmax(0)
    y, x = np.divmod(at, side)
    every = np.arange(flat.shape[1])
    cube = favoured.reshape(side, side, -1)
    by = np.stack([x - reach + _vertex(cube, y, x, every, 1), y - reach + _vertex(cube, y, x, every, 0)], -1)
    alike = best.reshape(side * side, -1)[at, every].reshape(mine.shape).astype(np.float64)
    return Shifts(by.reshape(*mine.shape, 2), _trust(own, alike))


def _trust(own: Field, alike: Matrix) -> Matrix:
    """How much each block's shift is worth, (rows, columns, 2, 2): its structure tensor, less where it fits badly."""
    strength: Matrix = _blocks(np.sqrt((own**2).sum(0))).astype(np.float64)
    lean = [_blocks(part).astype(np.float64) / np.maximum(strength, 1e-6) for part in own]
    tensor = np.empty((*alike.shape, 2, 2))
    tensor[..., 0, 0], tensor[..., 1, 1] = (1 + lean[0]) / 2, (1 - lean[0]) / 2
    tensor[..., 0, 1] = tensor[..., 1, 0] = lean[1] / 2
    worth: Matrix = tensor * (strength / BLOCK * np.clip((alike - SURE) / (1 - SURE), 0, 1) ** 2)[..., None, None]
    return worth


def _vertex(cube: Field, y: NDArray[np.intp], x: NDArray[np.intp], every: NDArray[np.intp], axis: int) -> Matrix:
    """Where, within half a pixel, a parabola through the best shift and its two neighbours has its top."""
    last = len(cube) - 1
    lower, upper = ((y, np.maximum(x - 1, 0)), (y, np.minimum(x + 1, last)))
    if axis == 0:
        lower, upper = ((np.maximum(y - 1, 0), x), (np.minimum(y + 1, last), x))
    before, here, after = cube[(*lower, every)], cube[y, x, every], cube[(*upper, every)]
    bend = before - 2 * here + after
    top: Matrix = np.where(bend < -1e-6, (before - after) / np.minimum(2 * bend, -1e-6), 0.0).clip(-0.5, 0.5)
    return top


def fitted(shifts: Shifts, shape: tuple[int, ...], *, rigid: bool) -> tuple[Matrix, Matrix]:
    """The map of a frame's (x, y) from its middle that carries the blocks best: (2x2 `bend`, 2 `move`) with
    shift = bend @ (x, y) + move; `rigid`: a turn and a scale, else any affine map. Blocks that disagree lose their vote
    (Cauchy weights, four rounds)."""
    rows, columns = shifts.by.shape[:2]
    y, x = np.mgrid[0:rows, 0:columns]
    half = max(shape) / 2
    u = ((x + 0.5) * BLOCK - shape[1] / 2).ravel() / half
    v = ((y + 0.5) * BLOCK - shape[0] / 2).ravel() / half
    one, nil = np.ones_like(u), np.zeros_like(u)
    across = [one, nil, u, -v] if rigid else [one, nil, u, v, nil, nil]
    down = [nil, one, v, u] if rigid else [nil, one, nil, nil, u, v]
    basis = np.stack([np.stack(across, -1), np.stack(down, -1)], 1)
    by, weight = shifts.by.reshape(-1, 2), shifts.weight.reshape(-1, 2, 2)
    total = weight.trace(axis1=1, axis2=2)
    free = basis.shape[2]
    stiff = np.diag([0.01, 0.01, *[1.0] * (free - 2)]) * 0.002 * float(total.sum()) + 1e-9 * np.eye(free)
    vote, known = one, np.zeros(free)
    for _ in range(4):
        heavy = weight * vote[:, None, None]
        normal = np.einsum("nij,nik,nkl->jl", basis, heavy, basis) + stiff
        known = np.linalg.solve(normal, np.einsum("nij,nik,nk->j", basis, heavy, by))
        rest = by - basis @ known
        vote = 1 / (1 + np.einsum("ni,nij,nj->n", rest, weight, rest) / np.maximum(total, 1e-9))
    a, b = known[2:4]
    bend = np.array([[a, -b], [b, a]] if rigid else [known[2:4], known[4:6]])
    return bend / half, known[:2]


def improved(pose: Pose, product: Product, picture: Image.Image, reach: int, *, rigid: bool = False) -> Pose:
    """One step of alignment in an RGB picture."""
    seen, _ = view(picture, pose, product)
    ring = grow(product.mask, 2).astype(np.float32)
    bend, move = fitted(match(product.edges, ring, edges(seen), reach), product.alpha.shape, rigid=rigid)
    return Pose(pose.turn @ (np.eye(2) + bend), pose.place + pose.turn @ move / product.longest)


def shifted(half: Product, product: Product, pose: Pose, picture: Image.Image, reach: int) -> tuple[Field, Field]:
    """The product's frame out of an RGB picture, each part of it moved by what is left after the affine map.

    `half` is the product in a frame of half the size, where shifts of at most `reach` pixels are looked for. Answers
    pixels (rows, columns, 3) 0..1 and what lies inside the picture, (rows, columns) 0..1.
    """
    by = _smooth(match(half.edges, grow(half.mask, 2).astype(np.float32), edges(view(picture, pose, half)[0]), reach))
    rows, columns = product.alpha.shape
    high = round(by.shape[0] * BLOCK * rows / half.alpha.shape[0])
    wide = round(by.shape[1] * BLOCK * columns / half.alpha.shape[1])
    scale = product.longest / half.longest
    field = [resize((by[..., n] * scale).clip(-reach * scale, reach * scale), wide, high, BICUBIC) for n in (0, 1)]
    dx, dy = (np.pad(one, ((0, rows - high), (0, columns - wide)), mode="edge") for one in field)
    y, x = np.mgrid[0:rows, 0:columns].astype(np.float32)
    seen, inside = view(picture, pose, product)
    moved = _at(np.dstack([seen, inside.astype(np.float32)]), x + dx, y + dy)
    return moved[..., :3], moved[..., 3]


def _smooth(shifts: Shifts) -> Field:
    """A field of shifts (rows, columns, 2): each block's own, those of its neighbours where it knows none."""
    weight = [soft(shifts.weight[..., i, j].astype(np.float32), 1.0) for i, j in ((0, 0), (0, 1), (1, 1))]
    pull = np.einsum("yxij,yxj->yxi", shifts.weight, shifts.by).astype(np.float32)
    x, y = soft(pull[..., 0], 1.0), soft(pull[..., 1], 1.0)
    a, b, c = weight[0] + STIFF, weight[1], weight[2] + STIFF
    field: Field = (np.stack([c * x - b * y, a * y - b * x], -1) / (a * c - b * b)[..., None]).astype(np.float32)
    return field


def _at(pixels: Field, x: Field, y: Field) -> Field:
    """Bilinear look-up at (x, y) in pixels, the border repeated."""
    rows, columns = pixels.shape[:2]
    x, y = x.clip(0, columns - 1.001), y.clip(0, rows - 1.001)
    left, top = x.astype(np.intp), y.astype(np.intp)
    across, down = (x - left)[..., None], (y - top)[..., None]
    upper = pixels[top, left] * (1 - across) + pixels[top, left + 1] * across
    lower = pixels[top + 1, left] * (1 - across) + pixels[top + 1, left + 1] * across
    out: Field = (upper * (1 - down) + lower * down).astype(np.float32)
    return out
