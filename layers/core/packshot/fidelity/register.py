"""Where the product is in a finished picture: a coarse search over place, size and mirror image, then finer and finer
alignment by an affine map.

Coarse: the product's edges (as doubled directions, so a brighter or a darker background is the same) and colours are
correlated with the reduced picture by FFT (Padfield, "Masked Object Registration in the Fourier Domain", IEEE Trans.
Image Process. 21, 2012). Fine: blocks of edges are matched within a few pixels, and the affine map that carries them is
fitted by weighted least squares, each block trusted across its edges and not along them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from packshot.fidelity.align import improved
from packshot.fidelity.product import Matrix, Pose, Product, edges, flipped, smaller, view
from packshot.studio.field import LANCZOS, Field, grow

COARSE = 128  # longer side in pixels of the picture that is searched
ROOM = 64  # pixels by which a product may hang over two opposite borders of it together
SIZES = tuple(0.17 * 1.17**n for n in range(13))  # the product's longer side, as a share of the picture's
LOOK = 96  # longer side in pixels of the product at which candidates are compared
CANDIDATES = 4
ANGLES = (-10.0, -5.0, 0.0, 5.0, 10.0)
FIRST = ((6, True), (4, True), (5, False), (3, False))  # reach in pixels at LOOK; by a turn and a scale only
FINER = ((96, 3), (192, 4), (384, 3))  # product's longer side in pixels, and the same
STAYED = 0.8  # score above which a product that should be in its place is
CLEARLY = 0.04  # by which a mirror image must fit better to be called one
MIDDLING = 448  # longer side in pixels of the picture in which candidates are compared
WORSE = 0.01  # by which a finer step may lower the score
COPY = 0.8  # of the best score, above which another place holds the product too
FLOOR = 0.004  # variance of colour (0..1 squared) below which a surface counts as even
EDGE_WEIGHT = 0.6  # the rest is colour's


Spectrum = NDArray[np.complexfloating]
Reals = NDArray[np.floating]


@dataclass(frozen=True, eq=False)
class Place:
    """A pose in pixels of the picture, how well the product fits there (at most 1), and in how many places it does."""

    pose: Pose
    score: float
    copies: int


def score_map(product: Product, field: Spectrum, colours: Spectrum, side: int) -> Field:
    """How well the product fits with its frame's top left corner at each place of a (side, side) torus, -1..1.

    `field` is the spectrum of the picture's edges as complex numbers, `colours` those of its channels, of the sum of
    their squares, and of the edges' power.
    """
    shape = (side, side)
    own = product.edges
    ring = grow(product.mask, 1).astype(np.float32)
    mine = np.fft.fft2((own[0] + 1j * own[1]).astype(np.complex64), shape)
    ringed = np.fft.rfft2(ring, shape)
    both = np.fft.ifft2(field * mine.conj()).real
    power = np.fft.irfft2(colours[4] * ringed.conj(), shape)
    fit = both / np.sqrt(np.maximum(power, 0.02 * ring.sum()) * max(float((own**2).sum()), 1e-6))
    mask = product.mask.astype(np.float32)
    n = max(float(mask.sum()), 1.0)
    mean = (product.rgb * mask[..., None]).sum((0, 1)) / n
    masked = np.fft.rfft2(mask, shape).conj()
    rest = np.fft.rfft2(((product.rgb - mean) * mask[..., None]).transpose(2, 0, 1), shape).conj()
    cross = np.fft.irfft2((colours[:3] * rest).sum(0), shape)
    means = np.fft.irfft2(colours[:3] * masked, shape) / n
    spread = np.fft.irfft2(colours[3] * masked, shape) / n - (means**2).sum(0)
    own_spread = float((((product.rgb - mean) ** 2) * mask[..., None]).sum()) / n
    alike = (cross / n + FLOOR) / np.sqrt((np.maximum(spread, 0) + FLOOR) * (own_spread + FLOOR))
    return _together(fit, alike, means, mean)


def _together(fit: Reals, alike: Reals, means: Reals, mean: Reals) -> Field:
    """One score of the edges' fit, the colours' correlation, and the mean chroma ((3, ...) against (3,))."""
    tint = (means - means.mean(0)) - (mean - mean.mean()).reshape(3, *[1] * (means.ndim - 1))
    close = np.exp(-(tint**2).sum(0) / 0.02)
    score = EDGE_WEIGHT * fit + (1 - EDGE_WEIGHT) * np.minimum(alike, 1) * close
    return np.asarray(score, np.float32)


def candidates(product: Product, picture: Image.Image) -> list[tuple[float, Pose]]:
    """The best places of a coarse search with their scores, best first; poses in pixels of `picture` (RGB)."""
    scale = COARSE / max(picture.size)
    wide, high = (max(8, round(side * scale)) for side in picture.size)
    small = np.asarray(picture.resize((wide, high), LANCZOS, reducing_gap=3.0), np.float32) / np.float32(255)
    side = COARSE + ROOM
    lines = edges(small)
    field = np.fft.fft2((lines[0] + 1j * lines[1]).astype(np.complex64), (side, side))
    layers = np.concatenate([small.transpose(2, 0, 1), (small**2).sum(2)[None], (lines**2).sum(0)[None]])
    colours = np.fft.rfft2(layers, (side, side))
    found: list[tuple[float, Pose]] = []
    for size in SIZES:
        longest = round(size * COARSE)
        shape = smaller(product, longest)
        if min(shape.alpha.shape[0] - high, shape.alpha.shape[1] - wide) > ROOM or longest > 1.15 * COARSE:
            continue
        for twin in (shape, flipped(shape)):
            found += _peaks(score_map(twin, field, colours, side), twin, twin is not shape, (wide / picture.width))
    found.sort(key=lambda one: -one[0])
    return found


def _peaks(score: Field, shape: Product, mirrored: bool, scale: float) -> list[tuple[float, Pose]]:
    """The three highest places of a map, half a product apart, as poses in the picture of which it is `scale`."""
    rows, columns = shape.alpha.shape
    side = len(score)
    apart = max(2, shape.longest // 3)
    score = score.copy()
    turn = np.diag([-1.0 if mirrored else 1.0, 1.0]) * shape.longest
    out = []
    for _ in range(3):
        y, x = np.unravel_index(int(score.argmax()), score.shape)
        value = float(score[y, x])
        near_y = np.arange(y - apart, y + apart + 1) % side
        near_x = np.arange(x - apart, x + apart + 1) % side
        score[np.ix_(near_y, near_x)] = -1
        top, left = (n - side if n > side - ROOM else n for n in (int(y), int(x)))
        place = np.array([left + columns / 2, top + rows / 2])
        out.append((value, Pose(turn / scale, place / scale)))
    return out


def fit(product: Product, picture: Image.Image, pose: Pose) -> float:
    """The score of one pose in an RGB picture, -1..1, as in the coarse search."""
    seen, inside = view(picture, pose, product)
    own, other = product.edges, edges(seen)
    ring, mask = grow(product.mask, 1) & inside, product.mask & inside
    if mask.sum() < 0.6 * product.mask.sum():
        return -1.0
    power = max(float((other**2).sum(0)[ring].sum()), 0.02 * float(ring.sum()))
    lines = float((own * other).sum(0)[ring].sum()) / (power * max(float((own**2).sum()), 1e-6)) ** 0.5
    one, two = product.rgb[product.mask], seen[mask]
    mean, means = one.mean(0), two.mean(0)
    cross = float(((product.rgb[mask] - mean) * (two - means)).sum()) / len(two)
    spread, own_spread = float(two.var(0).sum()), float(one.var(0).sum())
    alike = (cross + FLOOR) / ((spread + FLOOR) * (own_spread + FLOOR)) ** 0.5
    return float(_together(np.array(lines), np.array(alike), means, mean))


def registered(product: Product, picture: Image.Image, start: Pose | None = None) -> Place | None:
    """Find the product in an RGB picture, to within about a hundredth of its size: a pose in the picture's pixels.

    `start` is tried first, and the picture is not searched if the product fits there. None when nothing fits at all.
    """
    by = min(1.0, MIDDLING / max(picture.size))
    size = (max(1, round(picture.width * by)), max(1, round(picture.height * by)))
    reduced = picture.resize(size, LANCZOS, reducing_gap=3.0)
    small = smaller(product, min(LOOK, product.longest))
    if start is not None:
        stayed = _settled(small, reduced, [start.into(by)])
        if stayed is not None and stayed.score >= STAYED:
            return Place(stayed.pose.into(1 / by), stayed.score, 1)
    rough = candidates(product, reduced)
    best = _settled(small, reduced, _distinct(rough))
    if best is None:
        return None
    copies = 1 + sum(_again(small, reduced, best, one) for one in _elsewhere(rough, best))
    return Place(best.pose.into(1 / by), best.score, copies)


def _distinct(rough: list[tuple[float, Pose]]) -> list[Pose]:
    """The candidates that are worth a closer look, at least one of each hand."""
    kept: list[Pose] = []
    for mirrored, most in ((False, CANDIDATES), (True, 2)):
        kept += [pose for _, pose in rough if pose.mirrored == mirrored][:most]
    return kept


def _settled(small: Product, picture: Image.Image, poses: list[Pose]) -> Place | None:
    """The best of some poses after each was turned a little and aligned; a mirror image must be clearly better."""
    turned = [Pose(_turn(angle) @ pose.turn, pose.place) for pose in poses for angle in ANGLES]
    scored = sorted(((fit(small, picture, pose), n) for n, pose in enumerate(turned)), reverse=True)
    best: Place | None = None
    for mirrored in (False, True):
        own = [turned[n] for _, n in scored if turned[n].mirrored == mirrored][:2]
        for pose in own:
            for reach, rigid in FIRST:
                pose = improved(pose, small, picture, reach, rigid=rigid)
            score = fit(small, picture, pose)
            if best is None or score > best.score + (CLEARLY if mirrored and not best.pose.mirrored else 0):
                best = Place(pose, score, 1)
    return best


def _turn(angle: float) -> Matrix:
    cosine, sine = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    return np.array([[cosine, -sine], [sine, cosine]])


def _elsewhere(rough: list[tuple[float, Pose]], best: Place) -> list[Pose]:
    """Candidates that might be further copies: apart from the found one and from each other."""
    apart: list[Pose] = [best.pose]
    for score, pose in rough:
        if score > COPY * best.score and all(
            np.hypot(*(pose.place - one.place)) > 0.6 * min(pose.size, one.size) for one in apart
        ):
            apart.append(pose)
    return apart[1 : 1 + CANDIDATES]


def _again(small: Product, picture: Image.Image, best: Place, pose: Pose) -> bool:
    """Whether a candidate, aligned, is the product once more."""
    found = _settled(small, picture, [pose])
    return (
        found is not None
        and found.score > COPY * best.score
        and bool(np.hypot(*(found.pose.place - best.pose.place)) > 0.5 * best.pose.size)
        and 0.4 < found.pose.size / best.pose.size < 2.5
    )


def finer(product: Product, picture: Image.Image, pose: Pose) -> Pose:
    """A pose in an RGB picture, to within a fraction of a pixel; a step that makes it fit worse is not taken."""
    small = smaller(product, min(LOOK, product.longest))
    score = fit(small, picture, pose)
    for longest, reach in FINER:
        if longest <= 1.3 * min(product.longest, pose.size):
            tried = improved(pose, smaller(product, min(longest, product.longest)), picture, reach)
            told = fit(small, picture, tried)
            if told > score - WORSE:
                pose, score = tried, told
    return pose
