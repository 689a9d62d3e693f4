"""The camera: how large and where in the frame the product is, and from how high it is seen."""

from __future__ import annotations

import math
from random import Random
from typing import NamedTuple

import bpy  # type: ignore[import-not-found]
import numpy as np

SENSOR = 36.0
MARGIN = 0.04
SHAPES_OF_FRAME = ((768, 576), (576, 768), (704, 704))


class Frame(NamedTuple):
    """The size of a picture in pixels and how its product shall sit in it, in shares of the frame."""

    width: int
    height: int
    area: float
    middle: tuple[float, float]
    cropped: bool


def box_of(cloud: np.ndarray, eye: np.ndarray, pitch: float, focal: float, frame: Frame) -> np.ndarray:
    """Left, top, right, bottom of a cloud of points as shares of the frame, before any shift."""
    down = math.radians(pitch)
    forward, up = np.array([0, math.cos(down), -math.sin(down)]), np.array([0, math.sin(down), math.cos(down)])
    ray = cloud - eye
    depth = np.maximum(ray @ forward, 1e-4)
    unit = SENSOR / focal / max(frame.width, frame.height)
    x = ray[:, 0] / depth / unit / frame.width + 0.5
    y = 0.5 - (ray @ up) / depth / unit / frame.height
    return np.array([x.min(), y.min(), x.max(), y.max()])


def aim(cloud: np.ndarray, frame: Frame, pitch: float, focal: float, rng: Random) -> tuple[float, float, float, float]:
    """Put the camera where the product's box takes the wanted share of the frame, and focus on the product.

    Returns the box, with a margin for what is out of focus.
    """
    low, high = cloud.min(0), cloud.max(0)
    middle = (low + high) / 2
    down = math.radians(pitch)
    back = np.array([0, -math.cos(down), math.sin(down)])
    near, far = 0.3 * float(np.linalg.norm(high - low)), 60.0 * float(np.linalg.norm(high - low))
    for _ in range(40):
        distance = (near * far) ** 0.5
        box = box_of(cloud, middle + back * distance, pitch, focal, frame)
        wide, tall = box[2] - box[0], box[3] - box[1]
        near, far = (distance, far) if wide * tall > frame.area or max(wide, tall) > 0.93 else (near, distance)
    box = box_of(cloud, middle + back * far, pitch, focal, frame)
    if frame.cropped:
        out = (box[2] - box[0]) * (0.5 - rng.uniform(0.08, 0.2))
        frame = frame._replace(middle=(rng.choice((out, 1 - out)), inside(box, frame.middle)[1]))
    else:
        frame = frame._replace(middle=inside(box, frame.middle))
    longest = max(frame.width, frame.height)
    data = bpy.data.cameras.new("camera")
    data.sensor_width, data.lens, data.clip_start, data.clip_end = SENSOR, focal, 0.01, 100
    data.shift_x = ((box[0] + box[2]) / 2 - frame.middle[0]) * frame.width / longest
    data.shift_y = (frame.middle[1] - (box[1] + box[3]) / 2) * frame.height / longest
    data.dof.use_dof, data.dof.focus_distance = True, far - 0.15 * float(high[1] - low[1])
    blur = max(float(high[1] - low[1]) * 0.6, 0.02)
    pixels = rng.uniform(0.6, 1.3)
    lens = focal / 1000
    stop = lens**2 * blur / (far * (far + blur)) * longest / (SENSOR / 1000 * pixels)
    data.dof.aperture_fstop = max(1.4, stop)
    made = bpy.data.objects.new("camera", data)
    made.location = middle + back * far
    made.rotation_euler = (math.pi / 2 - down, 0, 0)
    bpy.context.scene.collection.objects.link(made)
    bpy.context.scene.camera = made
    x, y = frame.middle[0] - (box[0] + box[2]) / 2, frame.middle[1] - (box[1] + box[3]) / 2
    return (box[0] + x - MARGIN, box[1] + y - MARGIN, box[2] + x + MARGIN, box[3] + y + MARGIN)


def inside(box: np.ndarray, middle: tuple[float, float], margin: float = 0.025) -> tuple[float, float]:
    """The middle, moved as little as needed for the whole box to be in the frame."""
    x, y = (
        min(max(at, (high - low) / 2 + margin), 1 - (high - low) / 2 - margin)
        for at, low, high in zip(middle, box[:2], box[2:], strict=True)
    )
    return (x, y)


def framing(case: str, rng: Random) -> Frame:
    """Format, fill and place of the product's box."""
    width, height = rng.choice(SHAPES_OF_FRAME)
    area = {"tiny": rng.uniform(0.03, 0.06), "crop": 0.5}.get(case, rng.uniform(0.16, 0.55))
    x, y = 0.5 + rng.uniform(-0.04, 0.04), 0.53 + rng.uniform(-0.04, 0.05)
    if case in ("off", "tiny"):
        area = min(area, 0.2)
        x, y = 0.5 + rng.choice((-1, 1)) * rng.uniform(0.1, 0.18), 0.5 + rng.uniform(-0.1, 0.12)
    return Frame(width, height, area, (x, y), case == "crop")


def sight(y: float) -> float:
    """Half the width that the camera sees on the ground at depth y."""
    camera = bpy.context.scene.camera
    return float((y - camera.location.y) * SENSOR / 2 / camera.data.lens)
