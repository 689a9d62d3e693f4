"""A product as objects in the scene: imported or built, set down, measured and dressed."""

from __future__ import annotations

import math
import re
from pathlib import Path
from random import Random
from typing import Any

import bpy  # type: ignore[import-not-found]
import numpy as np
from mathutils import Matrix, Vector  # type: ignore[import-not-found]
from snapshots.materials import TINTS, dress, made_of
from snapshots.shapes import SHAPES

FOLDER = Path()


def parts_of(model: str) -> list[Any]:
    """The mesh objects of a model, as imported or built."""
    if model.startswith("own:"):
        return SHAPES[model[4:]]()
    before = set(bpy.data.objects)
    bpy.ops.wm.obj_import(filepath=str(FOLDER / model / f"{model}.obj"))
    return [made for made in bpy.data.objects if made not in before]


def points(parts: list[Any]) -> np.ndarray:
    """World coordinates [n, 3] of all corners, modifiers applied."""
    graph = bpy.context.evaluated_depsgraph_get()
    found = []
    for part in parts:
        real = part.evaluated_get(graph)
        data = real.to_mesh()
        corners = np.empty(len(data.vertices) * 3, np.float32)
        data.vertices.foreach_get("co", corners)
        matrix = np.array(part.matrix_world)
        found.append(corners.reshape(-1, 3) @ matrix[:3, :3].T + matrix[:3, 3])
        real.to_mesh_clear()
    return np.concatenate(found)


def move(parts: list[Any], matrix: Any) -> None:
    """Apply a world transform."""
    for part in parts:
        part.matrix_world = matrix @ part.matrix_world
    bpy.context.view_layer.update()


def put(model: str, size: float, turn: float, tip: float = 0.0) -> list[Any]:
    """A model of `size` metres (longest side), turned (degrees), standing on z = 0 at the origin."""
    parts = parts_of(model)
    bpy.context.view_layer.update()
    move(parts, Matrix.Rotation(math.radians(turn), 4, "Z") @ Matrix.Rotation(math.radians(tip), 4, "X"))
    cloud = points(parts)
    low, high = cloud.min(0), cloud.max(0)
    across = points(parts) @ np.array(Matrix.Rotation(math.radians(-turn), 3, "Z")).T
    scale = size / float((across.max(0) - across.min(0)).max())
    foot = Vector((-(low[0] + high[0]) / 2, -(low[1] + high[1]) / 2, -low[2]))
    move(parts, Matrix.Scale(scale, 4) @ Matrix.Translation(foot))
    for part in parts:
        part["relief"] = size / scale if not model.startswith("own:") else size
    return parts


def sharpen(parts: list[Any], angle: float) -> None:
    """Forget a model's own normals, which are wrong in some: smooth but for edges of more than `angle` degrees."""
    for part in parts:
        with bpy.context.temp_override(object=part, active_object=part, selected_objects=[part]):
            bpy.ops.mesh.customdata_custom_splitnormals_clear()
        part.data.set_sharp_from_angle(angle=math.radians(angle))


def paint(
    parts: list[Any], finish: str, rng: Random, tint: str = "", forced: tuple[float, float, float] | None = None
) -> None:
    """Dress the materials of an object; those that match `tint` get another colour."""
    colour = forced or rng.choice(TINTS)
    for part in parts:
        for slot in part.material_slots:
            if slot.material and not slot.material.get("dressed"):
                given = old_colour(slot.material)
                what = made_of(slot.material.name, finish)
                changed = bool(tint and re.search(tint, slot.material.name))
                dress(slot.material, finish if changed else what, colour if changed else given, part["relief"])
                slot.material["dressed"] = True


def old_colour(material: Any) -> tuple[float, float, float]:
    """The model's own colour, linear; mid brown if it only had a picture."""
    if "colour" in material:
        return tuple(material["colour"])
    if material.node_tree:
        for node in material.node_tree.nodes:
            if node.type == "BSDF_PRINCIPLED":
                base = node.inputs["Base Color"]
                if base.is_linked:
                    return (0.3, 0.16, 0.07)
                return tuple(base.default_value[:3])
    return (0.5, 0.5, 0.5)
