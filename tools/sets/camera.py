"""The camera of a plate, and what a compositor has to know about it, by projection of points in the scene."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import bpy  # type: ignore[import-not-found]
from bpy_extras.object_utils import world_to_camera_view  # type: ignore[import-not-found]
from mathutils import Vector  # type: ignore[import-not-found]

Point = tuple[float, float]

SENSOR = 36.0  # mm, the side of the square frame
AT_INFINITY = -1000.0  # a flat lay's vanishing line
PRODUCT = 0.2  # metres: the height of the product a set is made for


@dataclass(frozen=True)
class View:
    """A camera height: degrees down, focal length in mm, metres to the stand point, where in the picture that is."""

    pitch: float
    lens: float
    distance: float
    stand_y: float
    box: float
    stop: float


VIEWS = {
    "front": View(pitch=9.0, lens=80, distance=0.86, stand_y=0.79, box=0.6, stop=9.0),
    "high": View(pitch=31.0, lens=70, distance=0.86, stand_y=0.74, box=0.55, stop=13.0),
    "top": View(pitch=90.0, lens=60, distance=0.8, stand_y=0.81, box=0.62, stop=0.0),
}


def place_camera(view: View, height: float = 0.0) -> Any:
    """The scene's camera; it sees the point (0, 0, height) at (0.5, stand_y), in a flat lay in the middle."""
    data = bpy.data.cameras.new("camera")
    data.sensor_fit, data.sensor_width, data.lens = "HORIZONTAL", SENSOR, view.lens
    data.clip_start, data.clip_end = 0.02, 500
    camera = bpy.data.objects.new("camera", data)
    bpy.context.collection.objects.link(camera)
    below = 0.0 if view.pitch == 90 else math.atan((view.stand_y - 0.5) * SENSOR / view.lens)
    ray = math.radians(view.pitch) + below
    camera.location = (0.0, -view.distance * math.cos(ray), height + view.distance * math.sin(ray))
    camera.rotation_euler = (math.radians(90 - view.pitch), 0.0, 0.0)
    if view.stop:
        data.dof.use_dof, data.dof.aperture_fstop = True, view.stop
        data.dof.focus_distance = view.distance * math.cos(below)
        data.dof.aperture_blades = 0
    bpy.context.scene.camera = camera
    bpy.context.view_layer.update()
    return camera


def project(camera: Any, point: tuple[float, float, float]) -> Point:
    """Where a point of the scene lies in the picture: shares of width and height, from the left and from the top."""
    frame = bpy.context.scene.render
    frame.resolution_x = frame.resolution_y = 1024  # the projection asks for the picture's shape: plates are square
    seen = world_to_camera_view(bpy.context.scene, camera, Vector(point))
    return float(seen.x), 1 - float(seen.y)


def field_of_view(view: View) -> float:
    """Vertical, degrees."""
    return math.degrees(2 * math.atan(SENSOR / 2 / view.lens))


def horizon(camera: Any, view: View) -> float:
    """The height at which the floor vanishes, share of the picture from the top."""
    return AT_INFINITY if view.pitch == 90 else project(camera, (0.0, 1e7, 0.0))[1]


def ground(camera: Any, view: View, height: float, far: float | None) -> list[Point]:
    """The floor's polygon, the level `height` as far as y = `far` metres (None: the whole frame)."""
    top = 0.0
    if far is not None and view.pitch < 90:
        top = min(max(project(camera, (0.0, far, height))[1], 0.0), 1.0)
    return [(0.0, top), (1.0, top), (1.0, 1.0), (0.0, 1.0)]


def disc(camera: Any, centre: tuple[float, float, float], radius: float, corners: int = 40) -> list[Point]:
    """The polygon of a level disc, clipped to the frame."""
    points = []
    for corner in range(corners):
        turn = 2 * math.pi * corner / corners
        x, y = project(camera, (centre[0] + radius * math.cos(turn), centre[1] + radius * math.sin(turn), centre[2]))
        points.append((min(max(x, 0.0), 1.0), min(max(y, 0.0), 1.0)))
    return points
