"""Distance to physical truth: our shadows and reflections against those of the renderer that made the sets.

`truth/` holds pairs: a product rendered in a set by Cycles, and the same product alone, same camera, light and place.
The second is laid over the empty plate by our own code, and by two simpler ways: without a shadow, and with the drop
shadow of a drawing program. All three are compared with the first where the set's floor is and the product is not.
Nothing is moved to fit; of a sweep, which has any colour, the colour is taken from the truth for all three alike.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageChops, ImageFilter

from packshot.studio import Look, plates, sets
from packshot.studio.backdrop import backdrop, floor_share
from packshot.studio.colour import TO_LINEAR, levels
from packshot.studio.compose import _build
from packshot.studio.field import Bytes, Mask, bounds, grow, soft
from packshot.studio.place import Layer, Window
from packshot.studio.values import Shot
from packshot.studio.wrap import lay, lay_in

FOLDER = Path(__file__).parent / "truth"
WHOLE = Window(0.0, 0.0, 1.0, 1.0)
TOUCHED = 8  # levels by which the truth differs from the empty set, where the product's light or shadow falls
DROP, BLUR, DARK = 0.02, 0.03, 0.4
"""A drop shadow: how far below the product and how soft, as shares of its height; how dark."""


@dataclass(frozen=True)
class Distance:
    """ssim, and error: mean absolute difference in levels of 255, over the floor; touched: that error where the truth
    differs from the empty set (None: nowhere)."""

    ssim: float
    error: float
    touched: float | None


def compare() -> dict[str, dict[str, dict[str, Any]]]:
    """Distances by pair and way; empty without pairs."""
    listed = FOLDER / "MANIFEST.json"
    if not listed.exists():
        return {}
    known = {plate.id: plate for plate in plates.plates()}
    found = {}
    for pair in json.loads(listed.read_text())["pairs"]:
        if pair["plate"] in known:
            found[pair["id"]] = {way: asdict(distance) for way, distance in distances(pair, known[pair["plate"]])}
    return found


def distances(pair: dict[str, Any], plate: plates.Plate) -> Iterator[tuple[str, Distance]]:
    """How far each way is from the truth of one pair."""
    truth = np.asarray(Image.open(FOLDER / f"{pair['id']}-truth.jpg").convert("RGB"))
    product = np.asarray(Image.open(FOLDER / f"{pair['id']}-product.png").convert("RGBA"))
    rows, columns = truth.shape[:2]
    layer = _layer(product)
    covered = grow(product[..., 3] > 0, 1)
    floor = (floor_share(plate, WHOLE, columns, rows) > 0.5) & ~covered
    scene = _scene(plate, truth, floor)
    foot = (layer.top + layer.alpha.shape[0]) / rows
    empty = np.rint(levels(backdrop(plate, WHOLE, columns, rows, scene, foot))).astype(np.uint8)
    touched = floor & (np.abs(truth.astype(np.int16) - empty).max(2) > TOUCHED)
    made = {"ours": _ours(layer, plate, scene, (rows, columns)), "no shadow": _plain(empty, layer)}
    made["drop shadow"] = _plain(_dropped(empty, product[..., 3], layer.alpha.shape[0]), layer)
    for way, picture in made.items():
        off = np.abs(picture.astype(np.float64) - truth).mean(2)
        seen = np.where(covered[..., None], truth, picture)
        near = float(off[touched].mean()) if touched.any() else None
        yield way, Distance(ssim(seen, truth, floor), float(off[floor].mean()), near)


def ssim(one: Bytes, two: Bytes, where: Mask) -> float:
    """Mean structural similarity of two pictures' luma over a mask: Gaussian window of 11 pixels, sigma 1.5, K1 0.01,
    K2 0.03 (Wang et al., "Image quality assessment: from error visibility to structural similarity", 2004)."""
    x, y = (np.asarray(Image.fromarray(picture).convert("L"), np.float32) for picture in (one, two))
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    mx, my = soft(x, 1.5), soft(y, 1.5)
    vx, vy, both = soft(x * x, 1.5) - mx * mx, soft(y * y, 1.5) - my * my, soft(x * y, 1.5) - mx * my
    alike = (2 * mx * my + c1) * (2 * both + c2) / ((mx * mx + my * my + c1) * (vx + vy + c2))
    return float(alike[where].mean())


def _layer(product: Bytes) -> Layer:
    """The product where it was rendered."""
    box = bounds(product[..., 3] > 0)
    if box is None:
        raise ValueError("the product's picture is empty")
    left, top, right, bottom = box
    piece = np.ascontiguousarray(product[top:bottom, left:right])
    share = max((right - left) / product.shape[1], (bottom - top) / product.shape[0])
    return Layer(np.ascontiguousarray(piece[..., :3]), np.ascontiguousarray(piece[..., 3]), left, top, 1.0, share)


def _scene(plate: plates.Plate, truth: Bytes, floor: Mask) -> sets.Scene:
    """The plate's own; a sweep in the colour that fits the truth best over its floor: the median, channel by channel,
    of the truth's light by the plate's."""
    if not plate.neutral:
        return sets.Scene(Look(surface=plate.surface))
    size = (truth.shape[1], truth.shape[0])
    light = np.asarray(Image.fromarray(plates.light(plate)).resize(size, Image.Resampling.BICUBIC))
    linear = np.median(TO_LINEAR[truth][floor] / light[floor][:, None].clip(1e-3), axis=0)
    red, green, blue = (round(float(level)) for level in levels(linear.astype(np.float32)))
    return sets.Scene(Look(surface=plate.surface, colour=(red, green, blue)))


def _ours(layer: Layer, plate: plates.Plate, scene: sets.Scene, shape: tuple[int, int]) -> Bytes:
    """What the studio's own compositor makes of the product, at its true place instead of the one it would choose."""
    canvas = np.full((*shape, 3), 255, np.uint8)
    shot = Shot(plate.surface, shape[1], shape[0])
    glow = _build(canvas, layer, shot, scene, plate, WHOLE)
    lay_in(canvas, layer.rgb, layer.alpha, layer.left, layer.top, glow)
    return canvas


def _plain(behind: Bytes, layer: Layer) -> Bytes:
    """The product laid on a picture."""
    canvas = behind.copy()
    high, wide = layer.alpha.shape
    lay(canvas[layer.top : layer.top + high, layer.left : layer.left + wide], layer.rgb, layer.alpha)
    return canvas


def _dropped(empty: Bytes, alpha: Bytes, height: int) -> Bytes:
    """The empty set with the product's blurred outline below it."""
    moved = ImageChops.offset(Image.fromarray(alpha), 0, round(DROP * height))
    shade = np.asarray(moved.filter(ImageFilter.GaussianBlur(BLUR * height)), np.float64) / 255
    darkened: Bytes = np.rint(empty * (1 - DARK * shade[..., None])).astype(np.uint8)
    return darkened
