"""Where the product stands: its size by the fill rule, its foot on the floor, the part of the plate that is shown."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from packshot.studio.field import LANCZOS, Bytes, Field, bounds
from packshot.studio.plates import Plate
from packshot.studio.sets import random_of
from packshot.studio.values import Cutout, Shot

GOLDEN = (5**0.5 - 1) / 2
WHITE_FILL, WHITE_SPAN = 0.88, 0.02
"""Share of the frame that a product on white fills, and how far a seed may move it: 0.86 to 0.90."""

VEIL = 12  # alpha below which the product's edge is not seen on white: it does not count for the fill
LOW = 0.05  # how far below the middle of the frame the middle of a standing product is, of the frame's height
CLOSEST = 0.9  # the smallest part of a plate that a seed shows
LOWEST = 0.97  # of the frame's height: no foot is lower, unless the product fills the frame
SLACK = 0.06  # how far from its stand's foot a product may stand, of the plate's height
FOOT = 0.27  # of the product's height: lower outline above this is not standing on the ground


@dataclass(frozen=True, eq=False)
class Layer:
    """The scaled product: colours (h, w, 3), alpha (h, w), and the frame's pixel where its upper left corner lies.
    `fill` is the larger of the shares of the frame's width and height that what is seen of it takes."""

    rgb: Bytes
    alpha: Bytes
    left: int
    top: int
    scale: float
    fill: float


@dataclass(frozen=True)
class Window:
    """The part of a plate that fills the frame, as shares of the plate."""

    left: float
    top: float
    width: float
    height: float


def on_white(cutout: Cutout, shot: Shot) -> Layer:
    """In the middle, filling `shot.fill` of the frame (within a pixel). Without it a seed changes how much it fills:
    steps of the golden ratio keep neighbouring seeds apart."""
    share = shot.fill or WHITE_FILL + WHITE_SPAN * (2 * (shot.seed * GOLDEN % 1) - 1)
    box = bounds(cutout.alpha >= VEIL) or cutout.box
    scale = min(share * shot.width / (box[2] - box[0]), share * shot.height / (box[3] - box[1]))
    middle_x = (box[0] + box[2]) / 2 - cutout.box[0]
    middle_y = (box[1] + box[3]) / 2 - cutout.box[1]
    return _scaled(cutout, shot, scale, shot.width / 2 - middle_x * scale, shot.height / 2 - middle_y * scale)


def on_plate(cutout: Cutout, shot: Shot, plate: Plate) -> tuple[Layer, Window]:
    """The product on its stand. A seed varies the framing a little: how close, how far to the side."""
    random = random_of(shot.preset, shot.seed, "framing")
    shown = float(random.uniform(CLOSEST, 1))
    aside = float(random.uniform(-0.015, 0.015))
    smaller = float(random.uniform(0.96, 1))
    left, top, right, bottom = cutout.box
    stand = plate.stand
    wide, tall = (shot.fill, shot.fill) if shot.fill else (smaller * stand.width, smaller * stand.height)
    scale = min(wide * shot.width / (right - left), tall * shot.height / (bottom - top))
    width, height = shown * min(1, shot.width / shot.height), shown * min(1, shot.height / shot.width)
    share = (bottom - top) * scale / shot.height
    across = min(max(stand.x - width / 2, 0), 1 - width)
    x = ((stand.x - across) / width + aside) * shot.width
    slack = SLACK if max(y for _, y in plate.floor) > 0.99 else 0.0  # a podium is no place to wander about
    foot, near, far = stand.y, stand.y + slack, stand.y - slack
    low = LOW + share / 2
    if plate.view == "top":
        foot, low = stand.y - stand.height / 2 + share * height / 2, share / 2
        near, far = 1.0, 0.0
    down = min(max(foot - (0.5 + low) * height, 0), 1 - height)
    foot = min(max(down + (0.5 + low) * height, far), near)
    wide, tall = (right - left) * scale, (bottom - top) * scale
    x = min(max(x - wide / 2, 0), max(shot.width - wide, 0))
    y = min(max(min((foot - down) / height, LOWEST) * shot.height - tall, 0), max(shot.height - tall, 0))
    layer = _scaled(cutout, shot, scale, x, y)
    return layer, Window(across, down, width, height)


def _scaled(cutout: Cutout, shot: Shot, scale: float, x: float, y: float) -> Layer:
    left, top, right, bottom = cutout.box
    wide, high = max(1, round((right - left) * scale)), max(1, round((bottom - top) * scale))
    rgb = np.asarray(Image.fromarray(cutout.rgb).resize((wide, high), LANCZOS, cutout.box))
    alpha = np.array(Image.fromarray(cutout.alpha).resize((wide, high), LANCZOS, cutout.box))
    settle(alpha)
    seen = bounds(alpha >= VEIL) or (0, 0, wide, high)
    fill = max((seen[2] - seen[0]) / shot.width, (seen[3] - seen[1]) / shot.height)
    at_x, at_y = round(x), round(y)
    inside = (slice(max(0, -at_y), shot.height - at_y), slice(max(0, -at_x), shot.width - at_x))
    return Layer(rgb[inside], alpha[inside], max(0, at_x), max(0, at_y), scale, round(fill, 4))


def settle(alpha: Bytes) -> None:
    """What is all but clear or all but opaque becomes so, in place: an invisible veil would spoil an exact white."""
    alpha[alpha < 4] = 0
    alpha[alpha > 251] = 255


def ground_line(alpha: Field) -> Field:
    """Row of the ground under each column of alpha 0..1: the lower convex hull of the product's feet, which is the
    visible front of its base; level beyond them."""
    rows, columns = alpha.shape
    hull_x, hull_y = base_of(alpha)
    if not len(hull_x):
        return np.full(columns, rows, np.float32)
    line: Field = np.interp(np.arange(columns), hull_x, hull_y).astype(np.float32)
    return line


def base_of(alpha: Field) -> tuple[list[int], list[int]]:
    """Corners (columns, rows) of the lower convex hull of what stands on the ground; of the part that is its base."""
    solid = alpha > 0.5
    used = np.flatnonzero(solid.any(0))
    if not len(used):
        return [], []
    bottom = alpha.shape[0] - solid[::-1].argmax(0)
    top = int(solid.any(1).argmax())
    low = int(bottom[used].max())
    feet = used[bottom[used] >= low - FOOT * (low - top)]
    hull: list[int] = []
    for x in feet.tolist():
        while len(hull) > 1:
            a, b = hull[-2], hull[-1]
            if (bottom[b] - bottom[a]) * (x - a) > (bottom[x] - bottom[a]) * (b - a):
                break
            hull.pop()
        hull.append(x)
    rows = bottom[hull].tolist()
    # the ends of the hull climb along the product's sides: only what is less steep than 45 degrees is base
    level = [n for n in range(len(hull) - 1) if abs(rows[n + 1] - rows[n]) < hull[n + 1] - hull[n]]
    if not level:
        at = rows.index(max(rows))
        return hull[at : at + 1], rows[at : at + 1]
    base = slice(level[0], level[-1] + 2)
    return hull[base], rows[base]
