"""Build one plate's scene from its recipe: floor, what is behind it, props, camera, light."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import bpy  # type: ignore[import-not-found]
import numpy as np
from sets import camera as cameras
from sets import cloth, grounds, light, plants, props, shapes, stones, woods
from sets.distance import SIDE, far_away
from sets.nodes import Graph
from sets.recipes import Recipe, Room

BEND, RADIUS = 0.7, 0.8  # of the sweep

PAINTS: dict[str, Callable[[Graph], None]] = {
    "sweep": stones.paper,
    "white-marble": stones.white_marble,
    "dark-marble": stones.dark_marble,
    "oak": lambda graph: woods.boards(graph, woods.OAK),
    "walnut": lambda graph: woods.boards(graph, woods.WALNUT),
    "pine": lambda graph: woods.boards(graph, woods.PINE),
    "autumn": lambda graph: woods.boards(graph, woods.GREY),
    "spring": lambda graph: woods.boards(graph, woods.WHITE),
    "christmas": lambda graph: woods.boards(graph, woods.DARK),
    "concrete": lambda graph: stones.concrete(graph, "#b9b7b3", "#a5a3a0", "#8d8b88"),
    "dark-concrete": lambda graph: stones.concrete(graph, "#57575a", "#47484a", "#37383a", 0.62),
    "linen": cloth.linen,
    "plaster": lambda graph: stones.plaster(graph, "#e3d6c8"),
    "white": lambda graph: stones.far_wall(graph, "#ecebe9"),
    "charcoal": lambda graph: stones.far_wall(graph, "#3f4044"),
    "ivory": lambda graph: stones.far_wall(graph, "#e9e4db"),
    "slate": stones.slate,
    "terrazzo": stones.terrazzo,
    "sand": grounds.sand,
    "snow": grounds.snow,
    "moss": stones.slate,
}
SOLID = {"plaster"}  # floors whose material also covers upright faces
PODIUM, SLAB = (0.12, 0.03), (0.125, 0.026)  # radius and height


@dataclass
class Stage:
    """A built scene. `top` is the height of the surface on which the product stands."""

    camera: Any
    key_light: Any
    key: light.Key
    view: cameras.View
    top: float = 0.0
    wide: float = 0.6
    floor: list[cameras.Point] = field(default_factory=list)


def build(recipe: Recipe, panoramas: Path) -> Stage:
    """Clear Blender's scene and build the recipe's; raises KeyError for a word that no table has."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    view = cameras.VIEWS[recipe.view]
    paint = shapes.material(recipe.surface, PAINTS[recipe.surface], recipe.surface not in SOLID)
    radius, top = PODIUM if "podium" in recipe.props else SLAB if "slab" in recipe.props else (0.0, 0.0)
    camera = cameras.place_camera(view, top)
    lay_floor(recipe, paint, camera)
    set_behind(recipe, panoramas)
    set_around(recipe, paint)
    key = light.KEYS[recipe.light, "sweep" if recipe.surface == "sweep" else recipe.soft]
    if isinstance(recipe.behind, str) and recipe.behind.startswith("wall:"):
        key = light.before_wall(key)
    stage = Stage(camera, light.add_light(key, top), key, view, top)
    if recipe.gobo:
        props.shade(recipe.gobo, key, top)
    far = BEND if recipe.surface == "sweep" else recipe.edge
    stage.floor = cameras.ground(camera, view, top, far)
    if radius:
        stage.floor = cameras.disc(camera, (0.0, 0.0, top), 0.96 * radius)
        stage.wide = 0.45
    return stage


def lay_floor(recipe: Recipe, paint: Any, camera: Any) -> None:
    """The floor itself, with its relief where it has one."""
    flat = recipe.view == "top"
    field = (-0.45, 0.45, -0.45, 0.45) if flat else (-1.1, 1.1, -0.4, recipe.edge or 1.6)
    if recipe.surface == "sweep":
        shapes.sweep("floor", paint, -2.5, BEND, RADIUS, 3.0, 3.0)
    elif recipe.surface == "linen":
        shapes.grid(
            "floor",
            -0.9,
            0.9,
            -0.8,
            recipe.edge or 1.6,
            0.004,
            paint,
            shapes.folds(3, 0.013 if flat else 0.008, 0.26, 0.24),
        )
    elif recipe.surface == "sand":
        grounds.rippled("floor", field, paint)
    elif recipe.surface == "snow":
        grounds.drifted("floor", field, paint)
    elif recipe.surface == "moss":
        eye = (camera.location.y, camera.location.z)
        grounds.mossy("floor", field, 0.016, 150_000 if flat else 260_000, eye, 0.0 if flat else 0.92 * SLAB[0])
    elif isinstance(recipe.behind, Room):
        shapes.block("floor", (-2.0, -2.0, -0.03), (2.0, recipe.edge or 2.0, 0.0), paint, 0.002)
    else:
        shapes.grid("floor", -2.5, 2.5, -2.5, recipe.edge or 4.0, 10, paint)


def set_around(recipe: Recipe, paint: Any) -> None:
    """The recipe's props."""
    flat = recipe.view == "top"
    for name in recipe.props:
        if name == "podium":
            props.podium(paint, *PODIUM)
        elif name == "steps":
            props.steps(paint)
        elif name == "slab":
            props.slab(paint, *SLAB)
        else:
            {"leaves": plants.leaves, "petals": plants.petals, "fir": plants.fir}[name](flat)


def set_behind(recipe: Recipe, panoramas: Path) -> None:
    """The wall or the far room."""
    if isinstance(recipe.behind, Room):
        hang(recipe.behind, panoramas, (recipe.edge or 2.0) + 1.6)
    elif recipe.behind and recipe.behind.startswith("wall:"):
        name = recipe.behind.removeprefix("wall:")
        shapes.sheet("wall", 3.0, -0.01, 3.0, recipe.edge or 1.0, shapes.material(name, PAINTS[name], True))


def hang(room: Room, panoramas: Path, y: float) -> None:
    """A picture of the room on a screen that shines: seen by the camera and by mirrors, no light for the set."""
    values = np.ones((SIDE, SIDE, 4), np.float32)
    file = panoramas / f"{room.panorama}.exr"
    values[..., :3] = far_away(file, room.yaw, room.pitch, room.wide, room.blur, room.colour, room.level, room.lamps)
    image = bpy.data.images.new("far", SIDE, SIDE, float_buffer=True, is_data=True)
    image.pixels.foreach_set(np.ascontiguousarray(values[::-1]).ravel())
    half = 1.0

    def paint(graph: Graph) -> None:
        # the mesh has no UV map: the screen's own coordinates do
        x, y, _ = graph.split(graph.position())
        u, v = (graph.plus(graph.math("DIVIDE", a, 2 * half), 0.5) for a in (x, y))
        node = graph.add(
            "ShaderNodeTexImage", {0: graph.join(u, v)}, image=image, interpolation="Cubic", extension="EXTEND"
        )
        shine = graph.add("ShaderNodeEmission", {0: node.outputs[0], 1: 1.0})
        graph.add("ShaderNodeOutputMaterial", {0: shine.outputs[0]})

    screen = shapes.sheet("far", half, -half, half, y, shapes.material("far", paint))
    screen.visible_diffuse = screen.visible_shadow = False
    screen.location.z = 0.1
    bpy.context.view_layer.update()
