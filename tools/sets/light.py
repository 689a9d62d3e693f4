"""Lamps of a set: one large key light, a neutral sky, and what both do to a product at the stand point."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import bpy  # type: ignore[import-not-found]
from mathutils import Vector  # type: ignore[import-not-found]
from sets.camera import PRODUCT, View, project


@dataclass(frozen=True)
class Key:
    """A square softbox: where it hangs, its side in metres, its share of the light that reaches the stand point."""

    at: tuple[float, float, float]
    side: float
    share: float


# the lamp hangs a little behind the product: its shadow falls to the side and towards the viewer
KEYS = {
    ("left", "soft"): Key((-1.05, 0.38, 1.0), 0.75, 0.62),
    ("right", "soft"): Key((1.05, 0.38, 1.0), 0.75, 0.62),
    ("top", "soft"): Key((-0.1, 0.22, 1.4), 0.9, 0.6),
    ("left", "sweep"): Key((-1.5, 0.1, 1.5), 0.9, 0.52),
    ("right", "sweep"): Key((1.5, 0.1, 1.5), 0.9, 0.52),
    ("top", "sweep"): Key((-0.1, 0.05, 1.7), 0.9, 0.5),
    ("left", "hard"): Key((-1.9, 0.5, 1.75), 0.08, 0.72),
    ("right", "hard"): Key((1.9, 0.5, 1.75), 0.08, 0.72),
    ("left", "low"): Key((-2.1, 0.75, 1.05), 0.2, 0.66),
    ("right", "low"): Key((2.1, 0.75, 1.05), 0.2, 0.66),
    ("top", "hard"): Key((-0.35, 0.8, 2.3), 0.08, 0.7),
}


def before_wall(key: Key) -> Key:
    """The same lamp on the viewer's side, so that it lights a wall behind the product too."""
    x, y, z = key.at
    return replace(key, at=(x, y - 0.42 * math.hypot(x, z) - 0.1, z))


def add_light(key: Key, height: float) -> Any:
    """Hang the key light and fill the world with white light so that both together give about 1 on white at the stand.

    A square lamp of side s and power P seen from afar gives P cos(a) cos(b) / (pi d^2); a sky of radiance L gives pi L.
    """
    lamp = bpy.data.lights.new("key", "AREA")
    lamp.shape, lamp.size = "SQUARE", key.side
    place, stand = Vector(key.at), Vector((0, 0, height))
    way = stand - place
    lamp.energy = key.share * math.pi * math.pi * way.length_squared / (-way.z / way.length)
    key_light = bpy.data.objects.new("key", lamp)
    key_light.location = place
    key_light.rotation_euler = way.to_track_quat("-Z", "Y").to_euler()
    key_light.visible_camera = False
    bpy.context.collection.objects.link(key_light)
    world = bpy.data.worlds.new("sky")
    bpy.context.scene.world = world
    world.use_nodes = True
    world.node_tree.nodes["Background"].inputs["Color"].default_value = (1, 1, 1, 1)
    world.node_tree.nodes["Background"].inputs["Strength"].default_value = 1 - key.share
    return key_light


def shadow(camera: Any, view: View, key: Key, height: float) -> dict[str, float]:
    """Where the shadow of an upright rod falls, per height of the rod as it is seen: lean, reach and penumbra.

    In a flat lay the rod points at the camera; there its true height at the scale of the floor is the unit.
    """
    lamp, tip = Vector(key.at), Vector((0, 0, height + PRODUCT))
    ray = tip - lamp
    hit = tip + ray * ((tip.z - height) / -ray.z)
    foot, end = project(camera, (0, 0, height)), project(camera, tuple(hit))
    if view.pitch == 90:
        unit = project(camera, (PRODUCT, 0, height))[0] - foot[0]
    else:
        unit = foot[1] - project(camera, tuple(tip))[1]
    penumbra = key.side * (hit - tip).length / ray.length
    return {"lean": (end[0] - foot[0]) / unit, "reach": (end[1] - foot[1]) / unit, "softness": penumbra / PRODUCT}
