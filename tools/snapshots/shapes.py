"""Products built here: turned profiles, bent tubes and bevelled boxes, in metres before scaling.

A part's material is named for what it is made of, as in the archive's models, so that `materials.dress` serves both.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import bpy  # type: ignore[import-not-found]

Point = tuple[float, float, float]
Points = Sequence[tuple[float, float]]


def material(name: str, colour: tuple[float, float, float]) -> Any:
    """A named material; its look comes later."""
    made = bpy.data.materials.new(name)
    made["colour"] = colour
    return made


def mesh(name: str, verts: list[Point], faces: list[tuple[int, ...]], paint: Any, smooth: bool = True) -> Any:
    """An object of one material."""
    data = bpy.data.meshes.new(name)
    data.from_pydata(verts, [], faces)
    data.materials.append(paint)
    data.polygons.foreach_set("use_smooth", [smooth] * len(data.polygons))
    made = bpy.data.objects.new(name, data)
    bpy.context.scene.collection.objects.link(made)
    return made


def lathe(profile: Points, paint: Any, steps: int = 72) -> Any:
    """A profile of (radius, height) turned about z."""
    verts = [
        (r * math.cos(2 * math.pi * i / steps), r * math.sin(2 * math.pi * i / steps), z)
        for r, z in profile
        for i in range(steps)
    ]
    faces: list[tuple[int, ...]] = [
        (j * steps + i, j * steps + (i + 1) % steps, (j + 1) * steps + (i + 1) % steps, (j + 1) * steps + i)
        for j in range(len(profile) - 1)
        for i in range(steps)
    ]
    return mesh("lathe", verts, faces, paint)


def curve(points: Points, count: int = 8) -> list[tuple[float, float]]:
    """Catmull-Rom through the points, `count` steps between two."""
    p = [points[0], *points, points[-1]]
    out = []
    for a, b, c, d in zip(p, p[1:], p[2:], p[3:], strict=False):
        for k in range(count):
            t = k / count
            out.append(
                (
                    0.5
                    * (
                        2 * b[0]
                        + (c[0] - a[0]) * t
                        + (2 * a[0] - 5 * b[0] + 4 * c[0] - d[0]) * t**2
                        + (3 * b[0] - a[0] - 3 * c[0] + d[0]) * t**3
                    ),
                    0.5
                    * (
                        2 * b[1]
                        + (c[1] - a[1]) * t
                        + (2 * a[1] - 5 * b[1] + 4 * c[1] - d[1]) * t**2
                        + (3 * b[1] - a[1] - 3 * c[1] + d[1]) * t**3
                    ),
                )
            )
    return [*out, points[-1]]


def tube(points: Points, radius: float, paint: Any) -> Any:
    """A round tube along (x, z) points."""
    data = bpy.data.curves.new("tube", "CURVE")
    data.dimensions, data.bevel_depth, data.bevel_resolution, data.use_fill_caps = "3D", radius, 6, True
    line = data.splines.new("POLY")
    line.points.add(len(points) - 1)
    for point, (x, z) in zip(line.points, points, strict=True):
        point.co = (x, 0, z, 1)
    data.materials.append(paint)
    made = bpy.data.objects.new("tube", data)
    bpy.context.scene.collection.objects.link(made)
    return made


def box(size: Point, centre: Point, paint: Any, bevel: float = 0.002, turn: float = 0) -> Any:
    """A bevelled box, turned about z by `turn` radians."""
    x, y, z = (s / 2 for s in size)
    verts = [(i * x, j * y, k * z) for i in (-1, 1) for j in (-1, 1) for k in (-1, 1)]
    faces: list[tuple[int, ...]] = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
    made = mesh("box", verts, faces, paint, smooth=False)
    made.location, made.rotation_euler = centre, (0, 0, turn)
    rounded = made.modifiers.new("bevel", "BEVEL")
    rounded.width, rounded.segments = bevel, 3
    return made


def shell(outside: Points, wall: float) -> list[tuple[float, float]]:
    """An open vessel: the outer profile from the foot's middle up, over the lip and down inside."""
    outer = curve(outside)
    inner = [(max(r - wall, 0.0), max(z, outer[0][1] + wall * 1.5)) for r, z in reversed(outer)]
    return [(0.0, outer[0][1]), *outer, *inner, (0.0, inner[-1][1])]


def mug() -> list[Any]:
    paint = material("body", (0.2, 0.35, 0.5))
    body = lathe(shell([(0.034, 0), (0.04, 0.006), (0.041, 0.05), (0.041, 0.095)], 0.004), paint)
    handle = tube(curve([(0.039, 0.078), (0.062, 0.076), (0.068, 0.05), (0.058, 0.027), (0.039, 0.022)]), 0.005, paint)
    return [body, handle]


def bowl() -> list[Any]:
    profile = [(0.045, 0), (0.047, 0.008), (0.07, 0.02), (0.1, 0.055), (0.112, 0.085)]
    return [lathe(shell(profile, 0.005), material("body", (0.75, 0.7, 0.6)))]


def tumbler() -> list[Any]:
    return [
        lathe(
            shell([(0.03, 0), (0.033, 0.003), (0.037, 0.06), (0.04, 0.12)], 0.0025), material("glass", (0.98, 1, 0.99))
        )
    ]


def glass_vase() -> list[Any]:
    profile = [(0.05, 0), (0.062, 0.02), (0.075, 0.08), (0.05, 0.17), (0.035, 0.21), (0.05, 0.26)]
    return [lathe(shell(profile, 0.004), material("glass", (0.82, 0.93, 0.96)))]


def bottle() -> list[Any]:
    profile = [
        (0.034, 0),
        (0.037, 0.006),
        (0.037, 0.18),
        (0.034, 0.205),
        (0.016, 0.24),
        (0.0145, 0.28),
        (0.0145, 0.305),
    ]
    return [
        lathe(shell(profile, 0.003), material("glass", (0.1, 0.3, 0.12))),
        lathe(
            [(0.0375, 0.06), (0.0376, 0.061), (0.0376, 0.15), (0.0375, 0.151)],
            material("paper label", (0.85, 0.8, 0.68)),
        ),
        lathe(
            [(0.0, 0.311), (0.0155, 0.311), (0.016, 0.309), (0.016, 0.255), (0.0152, 0.254)],
            material("foil metal", (0.35, 0.04, 0.06)),
        ),
    ]


def vase() -> list[Any]:
    profile = [(0.045, 0), (0.055, 0.008), (0.085, 0.1), (0.078, 0.18), (0.032, 0.25), (0.03, 0.27), (0.045, 0.3)]
    return [lathe(shell(profile, 0.005), material("body", (0.55, 0.3, 0.2)))]


def kettle() -> list[Any]:
    steel, black = material("steel metal", (0.75, 0.75, 0.76)), material("rubber", (0.02, 0.02, 0.02))
    body = lathe(
        curve(
            [(0, 0), (0.088, 0), (0.094, 0.012), (0.085, 0.1), (0.058, 0.15), (0.05, 0.158), (0.02, 0.166), (0, 0.168)]
        ),
        steel,
    )
    knob = lathe(curve([(0.005, 0.165), (0.007, 0.175), (0.016, 0.183), (0.012, 0.194), (0, 0.196)]), black)
    spout = tube(curve([(-0.07, 0.07), (-0.105, 0.095), (-0.115, 0.135), (-0.14, 0.155)]), 0.013, steel)
    handle = tube(curve([(-0.05, 0.15), (-0.055, 0.215), (0, 0.25), (0.055, 0.215), (0.05, 0.15)]), 0.008, black)
    return [body, knob, spout, handle]


def books() -> list[Any]:
    parts, z = [], 0.0
    rows = (
        ((0.17, 0.24, 0.035), (0.45, 0.08, 0.07), 0.0),
        ((0.16, 0.22, 0.022), (0.05, 0.16, 0.28), 0.18),
        ((0.13, 0.2, 0.028), (0.75, 0.6, 0.2), -0.2),
    )
    for (x, y, h), colour, turn in rows:
        cover = material("paper cover", colour)
        side = (-x / 2 * math.cos(turn), -x / 2 * math.sin(turn))
        parts += [
            box((x - 0.01, y - 0.01, h - 0.006), (0, 0, z + h / 2), material("paper", (0.85, 0.82, 0.72)), 0.001, turn),
            box((x, y, 0.003), (0, 0, z + 0.0015), cover, 0.001, turn),
            box((x, y, 0.003), (0, 0, z + h - 0.0015), cover, 0.001, turn),
            box((0.004, y, h), (side[0], side[1], z + h / 2), cover, 0.0015, turn),
        ]
        z += h
    return parts


def clock() -> list[Any]:
    brass, dark = material("body", (0.1, 0.35, 0.3)), material("dark", (0.02, 0.02, 0.02))
    case = lathe(
        curve([(0, -0.03), (0.058, -0.03), (0.062, -0.024), (0.062, 0.024), (0.058, 0.03), (0.053, 0.028)], 4), brass
    )
    face = lathe([(0, 0.022), (0.055, 0.022)], material("paper face", (0.9, 0.88, 0.82)))
    hands = [
        box((0.004, 0.036, 0.002), (0.008, 0.014, 0.025), dark, 0.0005, -0.5),
        box((0.005, 0.026, 0.002), (-0.009, 0.008, 0.025), dark, 0.0005, 0.9),
    ]
    marks = [
        box((0.003, 0.008, 0.002), (0.046 * math.sin(a), 0.046 * math.cos(a), 0.023), dark, 0.0004, -a)
        for a in (math.pi * k / 6 for k in range(12))
    ]
    turned = [case, face, *hands, *marks]
    for part in turned:
        part.matrix_world = upright(part)
    bells = []
    for x in (-0.035, 0.035):
        bell = lathe(curve([(0.024, 0), (0.022, 0.012), (0.012, 0.02), (0, 0.022)], 4), brass)
        bell.location, bell.rotation_euler = (x, 0, 0.062), (0, x * 14, 0)
        bells.append(bell)
    legs = [tube([(x * 0.75, -0.05), (x, -0.078)], 0.005, brass) for x in (-0.045, 0.045)]
    handle = tube(curve([(-0.03, 0.083), (-0.022, 0.1), (0, 0.107), (0.022, 0.1), (0.03, 0.083)]), 0.0028, dark)
    return [*turned, *bells, *legs, handle]


def upright(part: Any) -> Any:
    """What lay on the table looks to the front (-y) now."""
    from mathutils import Euler, Matrix  # type: ignore[import-not-found]

    here = Matrix.LocRotScale(part.location, part.rotation_euler, None)
    return Euler((math.pi / 2, 0, 0)).to_matrix().to_4x4() @ here


def camera() -> list[Any]:
    black, silver = material("rubber", (0.025, 0.025, 0.025)), material("silver metal", (0.6, 0.6, 0.6))
    glass, paint = material("dark lacquer", (0.01, 0.01, 0.02)), material("black", (0.03, 0.03, 0.03))
    body = [
        box((0.135, 0.04, 0.058), (0, 0, 0.034), black, 0.008),
        box((0.135, 0.038, 0.018), (0, 0, 0.071), silver, 0.006),
        box((0.135, 0.038, 0.008), (0, 0, 0.005), silver, 0.003),
        box((0.042, 0.034, 0.02), (0.005, 0, 0.085), silver, 0.006),
        box((0.028, 0.004, 0.01), (0.005, -0.017, 0.086), glass, 0.001),
    ]
    lens = [
        lathe(
            curve(
                [
                    (0.031, 0.018),
                    (0.031, 0.03),
                    (0.0275, 0.032),
                    (0.0285, 0.05),
                    (0.0285, 0.062),
                    (0.0255, 0.063),
                    (0.0235, 0.055),
                ],
                3,
            ),
            paint,
        ),
        lathe([(0, 0.052), (0.012, 0.0515), (0.0245, 0.05)], glass),
        lathe([(0.0318, 0.02), (0.0322, 0.021), (0.0322, 0.026), (0.0318, 0.027)], silver),
    ]
    for part in lens:
        part.location = (0.005, 0, 0)
        part.matrix_world = upright(part)
        part.matrix_world.translation.z += 0.042
    dials = []
    for x, r in ((-0.045, 0.012), (0.045, 0.014), (0.06, 0.006)):
        dial = lathe(curve([(0, 0.009), (r, 0.009), (r, 0), (r, 0)], 3), silver)
        dial.location = (x, 0, 0.079)
        dials.append(dial)
    return [*body, *lens, *dials]


SHAPES = {
    "mug": mug,
    "bowl": bowl,
    "tumbler": tumbler,
    "glass-vase": glass_vase,
    "bottle": bottle,
    "vase": vase,
    "kettle": kettle,
    "books": books,
    "clock": clock,
    "camera": camera,
}
