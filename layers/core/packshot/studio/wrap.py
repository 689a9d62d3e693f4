"""Lay the product on the set: its inside is copied, its rim mixed in linear light and tinged with the set's light."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from packshot.studio.check import RIM
from packshot.studio.colour import TO_LINEAR, to_srgb
from packshot.studio.field import Bytes, Field, resize, sample, soft

STRIP = 256  # rows that are handled together at full size
WRAP = 0.22  # of the set's light, where nothing but set were around; half of it on a straight outline
FULL = 255 * (2 * RIM + 1) ** 2  # what _around finds inside
GLOW = 48  # longer side of the field of light that falls on the rim
FILL = 0.35  # share of the set's fill light in it; the rest is what lies behind


@dataclass(frozen=True, eq=False)
class Glow:
    """The light that falls on the product's rim: a small linear picture (rows, columns, 3) of the whole frame."""

    light: Field
    width: int
    height: int

    @classmethod
    def of(cls, picture: Field, fill: Field, width: int, height: int) -> Glow:
        """From the finished set in linear light: blurred, and mixed with the light that comes from all of it."""
        by = GLOW / max(width, height)
        wide, high = max(2, round(width * by)), max(2, round(height * by))
        layers = [soft(resize(np.ascontiguousarray(picture[..., c]), wide, high), 1.2) for c in range(3)]
        light = (1 - FILL) * np.stack(layers, -1) + FILL * fill
        return cls(light.astype(np.float32), width, height)

    def at(self, y: np.ndarray, x: np.ndarray) -> Field:
        """(n, 3) light at some pixels of the frame."""
        where = (y, x)
        return np.stack([sample(self.light[..., c], where, self.height, self.width) for c in range(3)], -1)


def lay(target: Bytes, rgb: Bytes, alpha: Bytes) -> None:
    """Lay colours of one size with `target` on it, in place: copied where alpha is 255, mixed in linear light at the
    rim."""
    inside = alpha == 255
    target[inside] = rgb[inside]
    rim = np.nonzero((alpha > 0) & ~inside)
    cover = (alpha[rim].astype(np.float32) / np.float32(255))[:, None]
    target[rim] = _mixed(TO_LINEAR[rgb[rim]], target[rim], cover)


def lay_in(canvas: Bytes, rgb: Bytes, alpha: Bytes, left: int, top: int, glow: Glow) -> None:
    """Lay the product into a set, in place and in strips. Its rim takes a little of the set's light: WRAP times the
    share of set in the square of RIM pixels around. Farther inside than RIM that is none, and nothing is touched."""
    high, wide = alpha.shape
    for y in range(0, high, STRIP):
        end, above = min(y + STRIP, high), max(0, y - RIM)
        near = alpha[above : end + RIM]
        part, target = alpha[y:end], canvas[top + y : top + end, left : left + wide]
        inside = part == 255
        around = _around(near)[y - above : end - above]
        target[inside] = rgb[y:end][inside]
        rim = np.nonzero((part > 0) & (around < FULL))
        share = (WRAP * (1 - around[rim].astype(np.float32) / np.float32(FULL)))[:, None]
        own = TO_LINEAR[rgb[y:end][rim]]
        own += share * (glow.at(rim[0] + top + y, rim[1] + left) - own)
        target[rim] = _mixed(own, target[rim], (part[rim].astype(np.float32) / np.float32(255))[:, None])


def _around(alpha: Bytes) -> NDArray[np.uint16]:
    """The sum of alpha over the square of RIM pixels around each; beyond the array the product goes on."""
    size, (rows, columns) = 2 * RIM + 1, alpha.shape
    padded = np.pad(alpha.astype(np.uint16), RIM, constant_values=255)
    across = sum((padded[:, n : n + columns] for n in range(size)), np.zeros((), np.uint16))
    total: NDArray[np.uint16] = sum((across[n : n + rows] for n in range(size)), np.zeros((), np.uint16))
    return total


def _mixed(own: Field, behind: Bytes, cover: Field) -> Bytes:
    return np.rint(to_srgb(cover * own + (1 - cover) * TO_LINEAR[behind])).astype(np.uint8)
