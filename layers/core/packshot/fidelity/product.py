"""What is compared: a product reduced to its own small frame, and the same frame taken out of a finished picture.

Both are (rows, columns) pictures in the *product's frame*: the product's box, its longer side `longest` pixels, with a
margin around. A `Pose` says where that frame lies in a picture.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from packshot.studio.field import BICUBIC, LANCZOS, Box, Bytes, Field, Mask, soft

Matrix = NDArray[np.float64]
MARGIN = 0.14  # of the product's longer side, around its box
EDGE = 0.035  # a step of brightness (0..1) per pixel that counts half as an edge
OUTLINE = 0.5  # the step that an outline counts as, whatever lies behind the product


@dataclass(frozen=True, eq=False)
class Pose:
    """Picture position (x, y) in pixels = `turn` @ (u, v) + `place`; (u, v) are shares of the product's longer side
    from the middle of its box. `turn` is 2x2, `place` is 2."""

    turn: Matrix
    place: Matrix

    @property
    def size(self) -> float:
        """The product's longer side in pixels of the picture."""
        return float(abs(np.linalg.det(self.turn)) ** 0.5)

    @property
    def mirrored(self) -> bool:
        return bool(np.linalg.det(self.turn) < 0)

    @property
    def stretch(self) -> float:
        """How much longer one direction has become than the one across it; 1 = not at all."""
        long, short = np.linalg.svd(self.turn, compute_uv=False)
        return float(long / max(short, 1e-9))

    @property
    def angle(self) -> float:
        """Degrees clockwise by which the product is turned."""
        left, _, right = np.linalg.svd(self.turn @ np.diag([-1.0 if self.mirrored else 1.0, 1.0]))
        whole = left @ right
        return float(np.degrees(np.arctan2(whole[1, 0], whole[0, 0])))

    def into(self, by: float, left: float = 0.0, top: float = 0.0) -> Pose:
        """The same pose in a picture that was cropped at (left, top) and then scaled by `by`."""
        return Pose(self.turn * by, (self.place - (left, top)) * by)


@dataclass(frozen=True, eq=False)
class Product:
    """The product in its frame. `rgb` (rows, columns, 3) 0..1, `alpha` (rows, columns) 0..1, `longest` pixels."""

    rgb: Field
    alpha: Field
    longest: int

    @cached_property
    def mask(self) -> Mask:
        return self.alpha > 0.5

    @cached_property
    def edges(self) -> Field:
        """Edges of the product as in `edges`: those within it, and its outline whatever lies behind."""
        deep = ((soft(self.alpha, 1.2) - 0.8) / 0.2).clip(0, 1).astype(np.float32)
        return edges(self.rgb) * deep + edges(OUTLINE * self.alpha[..., None])


def product_of(rgb: Bytes, alpha: Bytes, box: Box, longest: int) -> Product:
    """A cut-out (rgb, alpha, box as in `Cutout`) in its frame; never enlarged: `longest` becomes its own size then."""
    left, top, right, bottom = box
    longest = min(longest, max(right - left, bottom - top))
    cover = Image.fromarray(np.ascontiguousarray(alpha[top:bottom, left:right]))
    return _framed(Image.fromarray(np.ascontiguousarray(rgb[top:bottom, left:right])), cover, longest)


def _framed(colours: Image.Image, cover: Image.Image, longest: int) -> Product:
    scale = longest / max(colours.size)
    size = (max(1, round(colours.width * scale)), max(1, round(colours.height * scale)))
    around = round(MARGIN * longest)
    small = np.asarray(colours.resize(size, LANCZOS, reducing_gap=3.0), np.float32) / np.float32(255)
    solid = np.asarray(cover.resize(size, Image.Resampling.BOX, reducing_gap=3.0), np.float32) / np.float32(255)
    rgb = np.pad(small, ((around, around), (around, around), (0, 0)), mode="edge")
    return Product(rgb, np.pad(solid, around), longest)


def smaller(product: Product, longest: int) -> Product:
    """The same product in a frame of another size, as a rule a smaller one."""
    around = round(MARGIN * product.longest)
    own = (slice(around, -around or None),) * 2
    colours = Image.fromarray(np.rint(product.rgb[own] * 255).astype(np.uint8))
    return _framed(colours, Image.fromarray(np.rint(product.alpha[own] * 255).astype(np.uint8)), longest)


def flipped(product: Product) -> Product:
    """The product as a mirror shows it."""
    return Product(product.rgb[:, ::-1].copy(), product.alpha[:, ::-1].copy(), product.longest)


def view(picture: Image.Image, pose: Pose, like: Product) -> tuple[Field, Mask]:
    """The frame of `like` out of an RGB picture: ((rows, columns, 3) 0..1, what lies inside the picture)."""
    high, wide = like.alpha.shape
    step = pose.turn / like.longest
    start = pose.place - step @ np.array([wide / 2, high / 2])
    y, x = np.mgrid[0:high, 0:wide] + 0.5
    at = (step[0, 0] * x + step[0, 1] * y + start[0], step[1, 0] * x + step[1, 1] * y + start[1])
    inside = (at[0] >= 0) & (at[0] <= picture.width) & (at[1] >= 0) & (at[1] <= picture.height)
    by = max(1, int(pose.size / like.longest + 0.25))
    seen = picture.reduce(by) if by > 1 else picture
    into = tuple(float(value) / by for value in (*step[0], start[0], *step[1], start[1]))
    pixels = np.asarray(seen.transform((wide, high), Image.Transform.AFFINE, into, BICUBIC), np.float32)
    return (pixels + np.float32(0.5)) / np.float32(255), inside  # Pillow cuts off where it should round


def edges(pixels: Field) -> Field:
    """Edges as (2, rows, columns): strength 0..1 times (cos, sin) of twice their direction, so that it is the same
    whichever side is brighter. Gradients of all channels are added as a structure tensor (Di Zenzo, "A Note on the
    Gradient of a Multi-Image", CVGIP 33, 1986)."""
    xx: Field = np.zeros(pixels.shape[:2], np.float32)
    xy, yy = xx, xx
    for c in range(pixels.shape[2]):
        padded = np.pad(pixels[..., c], 1, mode="edge")
        rows = padded[:-2] + 2 * padded[1:-1] + padded[2:]
        columns = padded[:, :-2] + 2 * padded[:, 1:-1] + padded[:, 2:]
        across = ((rows[:, 2:] - rows[:, :-2]) / 8).astype(np.float32)
        down = ((columns[2:] - columns[:-2]) / 8).astype(np.float32)
        xx, xy, yy = xx + across * across, xy + across * down, yy + down * down
    power = np.sqrt(xx + yy)
    strength = power / (power + np.float32(EDGE)) / (xx + yy + np.float32(1e-9))
    return np.stack([(xx - yy) * strength, 2 * xy * strength]).astype(np.float32)
