"""Meshes: grids, boxes, drums, sweeps and folded cloth. Lengths in metres, z up, the camera looks along +y."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import bpy  # type: ignore[import-not-found]
import numpy as np
import numpy.typing as npt
from sets.nodes import Graph

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Facts = Mapping[str, Floats]


def material(name: str, paint: Callable[[Graph], None], flat: bool = False) -> Any:
    """A material whose nodes `paint` makes; `flat` as in Graph."""
    made = bpy.data.materials.new(name)
    made.use_nodes = True
    paint(Graph(made.node_tree, flat))
    return made


def mesh(name: str, points: Floats, faces: Ints, stuff: Any, smooth: bool = True, facts: Facts | None = None) -> Any:
    """An object of points (N, 3) and faces (M, 3 or 4); `facts` are attributes, one number a point."""
    data = bpy.data.meshes.new(name)
    sides = faces.shape[1]
    data.vertices.add(len(points))
    data.vertices.foreach_set("co", np.ascontiguousarray(points, np.float32).ravel())
    data.loops.add(faces.size)
    data.loops.foreach_set("vertex_index", faces.astype(np.int32).ravel())
    data.polygons.add(len(faces))
    data.polygons.foreach_set("loop_start", np.arange(len(faces), dtype=np.int32) * sides)
    data.update(calc_edges=True)
    data.polygons.foreach_set("use_smooth", np.full(len(faces), smooth))
    for key, values in (facts or {}).items():
        data.attributes.new(key, "FLOAT", "POINT").data.foreach_set("value", np.ascontiguousarray(values, np.float32))
    data.validate()
    data.materials.append(stuff)
    made = bpy.data.objects.new(name, data)
    bpy.context.collection.objects.link(made)
    return made


def net(rows: int, columns: int) -> Ints:
    """The quads of a grid of rows x columns points."""
    corner = (np.arange(rows - 1)[:, None] * columns + np.arange(columns - 1)[None]).reshape(-1, 1)
    return np.asarray(corner + np.array([[0, 1, columns + 1, columns]]))


def grid(
    name: str, left: float, right: float, near: float, far: float, cell: float, stuff: Any, height: Any = None
) -> Any:
    """A level grid; `height` is a function of x and y arrays that gives z."""
    xs = np.linspace(left, right, max(2, round((right - left) / cell) + 1))
    ys = np.linspace(near, far, max(2, round((far - near) / cell) + 1))
    x, y = np.meshgrid(xs, ys)
    z = np.zeros_like(x) if height is None else height(x, y)
    return mesh(name, np.stack([x, y, z], -1).reshape(-1, 3), net(len(ys), len(xs)), stuff)


def sheet(name: str, half: float, bottom: float, top: float, y: float, stuff: Any) -> Any:
    """An upright rectangle that faces the camera; its own coordinates are x and y, up from the floor."""
    points = np.array([[-half, bottom, 0], [half, bottom, 0], [half, top, 0], [-half, top, 0]], float)
    made = mesh(name, points, np.array([[0, 1, 2, 3]]), stuff, smooth=False)
    made.location.y, made.rotation_euler.x = y, math.pi / 2
    return made


def sweep(name: str, stuff: Any, near: float, bend: float, radius: float, height: float, half: float) -> Any:
    """A paper roll: level floor up to y = bend, a quarter circle, then upright."""
    turn = np.linspace(0, math.pi / 2, 49)
    arc = np.stack([bend + radius * np.sin(turn), radius - radius * np.cos(turn)], -1)
    profile = np.vstack([[[near, 0.0]], arc, [[bend + radius, height]]])
    xs = np.array([-half, half])
    points = np.array([[x, y, z] for y, z in profile for x in xs])
    return mesh(name, points, net(len(profile), 2), stuff)


def block(
    name: str, low: tuple[float, float, float], high: tuple[float, float, float], stuff: Any, round_by: float = 0.0
) -> Any:
    """A box with rounded edges."""
    points = np.array(
        [[x, y, z] for z in (low[2], high[2]) for y in (low[1], high[1]) for x in (low[0], high[0])], float
    )
    faces = np.array([[0, 2, 3, 1], [4, 5, 7, 6], [0, 1, 5, 4], [2, 6, 7, 3], [0, 4, 6, 2], [1, 3, 7, 5]])
    return rounded(mesh(name, points, faces, stuff, smooth=False), round_by)


def drum(
    name: str, centre: tuple[float, float], radius: float, low: float, high: float, stuff: Any, round_by: float = 0.0
) -> Any:
    """An upright cylinder with rounded edges."""
    bpy.ops.mesh.primitive_cylinder_add(
        vertices=160, radius=radius, depth=high - low, location=(centre[0], centre[1], (low + high) / 2)
    )
    made = bpy.context.object
    made.name = name
    made.data.materials.append(stuff)
    return rounded(made, round_by)


def rounded(thing: Any, by: float) -> Any:
    """Bevel the sharp edges of an object by this radius."""
    if by:
        bevel = thing.modifiers.new("round", "BEVEL")
        bevel.width, bevel.segments, bevel.limit_method, bevel.angle_limit = by, 4, "ANGLE", math.radians(40)
        bevel.harden_normals = True
    for polygon in thing.data.polygons:
        polygon.use_smooth = True
    if not by:
        thing.data.polygons.foreach_set("use_smooth", np.zeros(len(thing.data.polygons), bool))
    return thing


def waves(seed: int, scale: float, octaves: int = 4, falloff: float = 0.5) -> Callable[[Floats, Floats], Floats]:
    """A smooth random surface, 12 plane waves an octave, about -1..1; `scale` is its longest wave in metres."""
    dice = np.random.default_rng(seed)
    turns, phases = dice.uniform(0, 2 * math.pi, (2, octaves, 12))
    lengths = scale * dice.uniform(0.7, 1.3, (octaves, 12)) / 2.0 ** np.arange(octaves)[:, None]

    def surface(x: Floats, y: Floats) -> Floats:
        total = np.zeros_like(x)
        for octave in range(octaves):
            for turn, phase, length in zip(turns[octave], phases[octave], lengths[octave], strict=True):
                angle = 2 * math.pi / length * (x * math.cos(turn) + y * math.sin(turn)) + phase
                total += falloff**octave * np.sin(angle) / 4
        return total

    return surface


def folds(seed: int, depth: float, wide: float, calm: float) -> Callable[[Floats, Floats], Floats]:
    """Soft creases of a laid cloth, rounded between pulled ridges; almost flat within `calm` metres of (0, 0)."""
    bend, other, swell = waves(seed, wide * 3), waves(seed + 1, wide * 2.2, 2), waves(seed + 2, wide * 4, 2)

    def surface(x: Floats, y: Floats) -> Floats:
        phase = 2.2 * bend(x, y) + 0.55 * (x * 0.8 + y * 0.55) / wide
        ridge = np.exp(-((np.sin(math.pi * phase) / 0.42) ** 2)) * (0.55 + 0.45 * np.tanh(2 * swell(x, y)))
        cross = np.exp(-((np.sin(2.4 * other(x, y)) / 0.3) ** 2)) * 0.35
        away = np.clip(np.hypot(x, y) / calm - 0.55, 0, 1)
        away = away * away * (3 - 2 * away)
        return depth * (ridge + cross) * (0.06 + 0.94 * away)

    return surface


def scattered(
    name: str,
    shape: tuple[Floats, Ints],
    places: Floats,
    turns: Floats,
    sizes: Floats,
    stuff: Any,
    local: Facts | None = None,
    **facts: Floats,
) -> Any:
    """Copies of one small shape as one mesh: places (N, 3), turns (N, 3, 3) as matrices, sizes (N,).

    `local` are attributes with a number for each of the shape's points, `facts` with a number for each copy.
    """
    points, faces = shape
    count = len(places)
    moved = np.einsum("nij,pj->npi", turns, points) * sizes[:, None, None] + places[:, None]
    many = (faces[None] + len(points) * np.arange(count)[:, None, None]).reshape(-1, faces.shape[1])
    every = {key: np.repeat(values, len(points)) for key, values in facts.items()}
    every |= {key: np.tile(values, count) for key, values in (local or {}).items()}
    return mesh(name, moved.reshape(-1, 3), many, stuff, facts=every)


def turned(yaw: Floats, tilt: Floats, roll: Floats) -> Floats:
    """Rotation matrices (N, 3, 3): first roll about z, then tilt about x, then yaw about z."""

    def about_z(angle: Floats) -> Floats:
        c, s, o, i = np.cos(angle), np.sin(angle), np.zeros_like(angle), np.ones_like(angle)
        return np.stack([np.stack([c, -s, o], -1), np.stack([s, c, o], -1), np.stack([o, o, i], -1)], -2)

    c, s, o, i = np.cos(tilt), np.sin(tilt), np.zeros_like(tilt), np.ones_like(tilt)
    about_x = np.stack([np.stack([i, o, o], -1), np.stack([o, c, -s], -1), np.stack([o, s, c], -1)], -2)
    return np.asarray(about_z(yaw) @ about_x @ about_z(roll))
