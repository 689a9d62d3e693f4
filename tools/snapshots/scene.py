"""One snapshot: the product on a surface, things behind it, light, and a camera that frames it.

The camera always looks along +y and the product is turned instead, so that what stands farther back can never hide it.
"""

from __future__ import annotations

import math
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import bpy  # type: ignore[import-not-found]
import numpy as np
from mathutils import Matrix, Vector  # type: ignore[import-not-found]
from snapshots.framing import Frame, aim, framing, sight
from snapshots.materials import BLACK, WHITE, surface
from snapshots.models import move, paint, points, put, sharpen
from snapshots.products import LARGE_CLUTTER, SMALL_CLUTTER, Product

TABLE = 0.74
LIVELY = ("wood", "wood", "tiles", "cloth", "checked", "painted", "concrete", "rug", "stone")


class Shot(NamedTuple):
    """What was set up: all objects but the product's, where the product is, and figures for the manifest."""

    others: list[Any]
    frame: Frame
    box: tuple[float, float, float, float]
    pitch: float
    surface: str


def slab(size: tuple[float, float, float], centre: tuple[float, float, float], material: Any) -> Any:
    """A box-shaped piece of the room."""
    x, y, z = (side / 2 for side in size)
    data = bpy.data.meshes.new("slab")
    data.from_pydata(
        [(centre[0] + i * x, centre[1] + j * y, centre[2] + k * z) for i in (-1, 1) for j in (-1, 1) for k in (-1, 1)],
        [],
        [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)],
    )
    data.materials.append(material)
    made = bpy.data.objects.new("slab", data)
    bpy.context.scene.collection.objects.link(made)
    return made


def wall(distance: float, base: float, material: Any) -> Any:
    """An upright wall whose pattern lies in its own plane."""
    made = slab((9, 5, 0.1), (0, 2.5, 0), material)
    made.rotation_euler, made.location = (math.pi / 2, 0, 0), (0, distance, base)
    return made


def room(product: Product, case: str, rng: Random, depth: float) -> tuple[list[Any], str]:
    """Surface, floor and wall; and the name of the surface."""
    kind = {"white": "white", "black": "black"}.get(case) or rng.choice(LIVELY)
    if case == "plain":
        kind = rng.choice(("white", "painted", "wood", "concrete", "cloth", "black"))
    if case in ("white", "black") or (case == "plain" and rng.random() < 0.4):
        back = kind
    else:
        back = rng.choice(("painted", "white", "painted", "tiles", "concrete"))
    scale = max(0.35, min(1.0, product.size / 0.5))
    top = surface(kind, rng, scale)
    close = case in ("plain", "white", "black")
    if product.place == "floor" or case in ("white", "black"):
        behind = depth + (rng.uniform(0.25, 1.0) if close else rng.uniform(1.2, 2.6)) * max(0.6, product.size)
        return [slab((14, 14, 0.1), (0, 0, -0.05), top), wall(behind, 0, surface(back, rng))], kind
    edge = depth + (rng.uniform(0.15, 0.4) if close else rng.uniform(0.3, 0.8)) * max(0.5, product.size * 1.5)
    board = slab((rng.uniform(1.4, 2.2), edge + 0.9, 0.03), (rng.uniform(-0.3, 0.3), (edge - 0.9) / 2, -0.015), top)
    behind = edge + (0.02 if close else rng.uniform(1.0, 2.6))
    floor = slab((14, 14, 0.1), (0, 0, -TABLE - 0.05), surface(rng.choice(("wood", "tiles", "rug", "concrete")), rng))
    return [board, floor, wall(behind, -TABLE, surface(back, rng))], kind


def clutter(product: Product, rng: Random, half: np.ndarray) -> list[Any]:
    """Things behind and beside the product, never before it. `half` = its half extents."""
    made: list[Any] = []
    taken: list[tuple[float, float, float]] = [(0, 0, float(max(half[:2])))]
    small = [entry for entry in SMALL_CLUTTER if entry[0] != product.model]
    large = [entry for entry in LARGE_CLUTTER if entry[0] != product.model]
    on_table = product.place == "table"
    plan = (
        [(small, True)] * rng.randint(2, 4) + [(large, False)] * rng.randint(1, 3)
        if on_table
        else [(large, False)] * rng.randint(2, 5)
    )
    for choices, on_top in plan:
        model, size = rng.choice(choices)
        size *= rng.uniform(0.85, 1.1)
        if on_top and product.size < 0.15:
            size *= 0.75
        parts = put(model, size, rng.uniform(-60, 60))
        reach = np.abs(points(parts)[:, :2]).max(0)
        radius = float(max(reach))
        for _ in range(30):
            y, z = half[1] + reach[1] + rng.uniform(0.02, 0.3) * max(0.5, product.size * 2), 0.0
            if on_table and not on_top:
                y, z = half[1] + 0.9 + rng.uniform(0, 0.9) + reach[1] * 0.5, -TABLE
            elif not on_table:
                y = half[1] + reach[1] + rng.uniform(0.1, 1.2) * max(0.4, product.size)
            x = rng.uniform(-0.95, 0.95) * sight(y)
            if all(math.hypot(x - a, y - b) > (radius + r) * 0.85 for a, b, r in taken):
                break
        else:
            for part in parts:
                bpy.data.objects.remove(part)
            continue
        taken.append((x, y, radius))
        move(parts, Matrix.Translation((x, y, z)))
        paint(parts, "plastic", rng)
        made += parts
    return made


def light(hdri: Path, case: str, rng: Random, size: float) -> None:
    """The world, turned, and one lamp that the camera does not see."""
    world = bpy.data.worlds.new("world")
    bpy.context.scene.world = world
    world.use_nodes = True
    nodes, links = world.node_tree.nodes, world.node_tree.links
    picture = bpy.data.images.load(str(hdri))
    pixels = np.array(picture.pixels[:], np.float32).reshape(picture.size[1], picture.size[0], 4)
    rows = np.sin((np.arange(len(pixels)) + 0.5) / len(pixels) * np.pi)[:, None, None]
    mean = float((np.minimum(pixels[..., :3], 30) * rows).sum() / (rows.sum() * pixels.shape[1] * 3))
    image, turn, coords = (
        nodes.new("ShaderNodeTexEnvironment"),
        nodes.new("ShaderNodeMapping"),
        nodes.new("ShaderNodeTexCoord"),
    )
    image.image = picture
    turn.inputs["Rotation"].default_value = (0, 0, rng.uniform(0, 2 * math.pi))
    links.new(coords.outputs["Generated"], turn.inputs["Vector"])
    links.new(turn.outputs[0], image.inputs[0])
    links.new(image.outputs[0], nodes["Background"].inputs[0])
    nodes["Background"].inputs[1].default_value = (0.35 if case == "hard" else 1.0) / max(mean, 1e-3)
    distance = rng.uniform(1.6, 3.0) + size
    lamp = bpy.data.lights.new("lamp", "AREA")
    lamp.size = 0.03 if case == "hard" else rng.choice((0.08, 0.3, 0.8, 1.4))
    share = 5.0 if case == "hard" else rng.uniform(0.4, 3.0)
    lamp.energy = share * math.pi * distance**2
    warm = rng.uniform(-0.25, 0.3)
    lamp.color = (1, 1 - 0.25 * abs(warm), 1 - warm if warm > 0 else 1)
    made = bpy.data.objects.new("lamp", lamp)
    side, up = rng.uniform(-2.6, -0.5), math.radians(rng.uniform(28, 72))
    place = Vector((math.cos(side) * math.cos(up), math.sin(side) * math.cos(up), math.sin(up))) * distance
    made.location = place
    made.rotation_euler = (-place).to_track_quat("-Z", "Y").to_euler()
    made.visible_camera = False
    bpy.context.scene.collection.objects.link(made)


def build(product: Product, case: str, rng: Random, hdris: list[Path]) -> Shot:
    """Set up one snapshot in an empty scene."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    frame = framing(case, rng)
    high = rng.uniform(45, 60) if case == "high" else rng.triangular(5, 45, 16)
    turn = product.front + (rng.uniform(-180, 180) if case == "high" else rng.uniform(-48, 48))
    parts = put(product.model, product.size, turn, product.tip)
    if product.crease:
        sharpen(parts, product.crease)
    forced = {"white": WHITE, "black": BLACK}.get(case)
    paint(parts, product.finish, rng, product.tint, forced)
    if case == "several":
        cloud = points(parts)
        wide = float(np.ptp(cloud[:, 0]))
        for k in range(rng.randint(1, 2)):
            more = put(product.model, product.size * rng.uniform(0.9, 1.0), product.front + rng.uniform(-60, 60))
            paint(more, product.finish, rng, product.tint)
            move(
                more,
                Matrix.Translation(
                    (wide * rng.uniform(1.1, 1.3) * (1 if k == 0 else -1), rng.uniform(-0.3, 0.3) * wide, 0)
                ),
            )
            parts += more
    cloud = points(parts)
    half = (cloud.max(0) - cloud.min(0)) / 2
    box = aim(cloud[:: max(1, len(cloud) // 20000)], frame, high, rng.uniform(30, 60), rng)
    others, kind = room(product, case, rng, float(half[1]))
    if case not in ("plain", "white", "black"):
        others += clutter(product, rng, half)
    light(rng.choice(hdris), case, rng, product.size)
    return Shot(others, frame, box, high, kind)
