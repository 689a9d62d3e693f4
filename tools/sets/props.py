"""Podiums, steps, a slab of stone, and what throws a shadow from outside the picture."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from mathutils import Vector  # type: ignore[import-not-found]
from sets.light import Key
from sets.shapes import Floats, block, drum, material, mesh, scattered, turned


def podium(stuff: Any, radius: float, height: float) -> None:
    """A low drum under the product and two quiet solids far behind it."""
    drum("podium", (0.0, 0.0), radius, 0.0, height, stuff, 0.003)
    drum("pillar", (0.3, 0.34), 0.09, 0.0, height + 0.1, stuff, 0.003)
    block("block", (-0.46, 0.28, 0.0), (-0.25, 0.5, height + 0.05), stuff, 0.003)


def steps(stuff: Any) -> None:
    """Three broad steps behind the stand point that rise to the right."""
    for number, (left, near) in enumerate(((-0.14, 0.2), (0.02, 0.27), (0.16, 0.34))):
        block("step", (left, near, 0.0), (1.6, 0.75, 0.055 * (number + 1)), stuff, 0.003)


def slab(stuff: Any, radius: float, height: float) -> None:
    """An uneven flat stone under the product."""
    dice = np.random.default_rng(81)
    turn = np.linspace(0, 2 * math.pi, 181)[:-1]
    edge = radius * (
        1
        + sum(dice.normal(0, 0.035) * np.cos(n * turn + dice.uniform(0, 6)) for n in range(1, 9))
        + 0.006 * dice.normal(0, 1, 180)
    )
    levels = ((0.9, -0.02), (1.0, 0.1), (1.02, 0.5), (1.0, 0.85), (0.985, 0.97), (0.965, 1.0))
    rows = [
        np.stack([edge * wide * np.cos(turn), edge * wide * np.sin(turn), np.full(180, height * z)], -1)
        for wide, z in levels
    ]
    points = np.vstack([np.vstack(rows), [[0, 0, height]]])
    here = np.arange(180)
    after = (here + 1) % 180
    faces = [
        np.stack([r * 180 + here, r * 180 + after, (r + 1) * 180 + after, (r + 1) * 180 + here], -1)
        for r in range(len(levels) - 1)
    ]
    last = (len(levels) - 1) * 180
    fan = np.stack(
        [last + here[::2], last + here[1::2], last + (here[::2] + 2) % 180, np.full(90, len(levels) * 180)], -1
    )
    mesh("slab", points, np.vstack([*faces, fan]), stuff, smooth=False)


def shade(kind: str, key: Key, height: float) -> None:
    """Hang a window's frame or a bough between the key light and the set; the stand point stays in the light."""
    stuff = material("shade", lambda graph: graph.finish("#202020", 0.9))
    foot, lamp = Vector((0, 0, height + 0.05)), Vector(key.at)
    way = (lamp - foot).normalized()
    side = way.cross(Vector((0, 0, 1))).normalized()
    up = side.cross(way)
    centre = foot + way * 0.75

    def at(u: float, v: float) -> Floats:
        return np.array(centre + side * u + up * v)

    things = []
    if kind == "window":
        bars = [
            (-0.115 - 0.02, -0.115, -1.5, 1.5),
            (0.115, 0.135, -1.5, 1.5),
            (-1.5, 1.5, 0.15, 0.17),
            (-1.5, 1.5, -0.17, -0.15),
        ]
        walls = [(-3, -0.37, -3, 3), (0.37, 3, -3, 3), (-0.4, 0.4, 0.46, 3), (-0.4, 0.4, -3, -0.46)]
        for left, right, low, high in bars + walls:
            corners = np.array([at(left, low), at(right, low), at(right, high), at(left, high)])
            things.append(mesh("shade", corners, np.array([[0, 1, 2, 3]]), stuff, smooth=False))
    else:
        dice = np.random.default_rng(91)
        long = np.array([[0, 0, 0], [0.09, 0.3, 0], [0.075, 0.6, 0], [0, 1, 0], [-0.075, 0.6, 0], [-0.09, 0.3, 0]])
        shape = (long, np.array([[0, 1, 2, 5], [5, 2, 3, 4]]))
        for u, v, lean in (
            (-0.42, 0.3, -0.9),
            (0.36, 0.42, 0.9),
            (-0.1, 0.5, 0.1),
            (0.5, 0.05, 1.5),
            (-0.55, -0.05, -1.6),
        ):
            stem = np.array(
                [at(u - 0.3 * s * math.sin(lean), v + 0.12 - 0.3 * s * math.cos(lean)) for s in np.linspace(0, 1, 9)]
            )
            basis = np.stack([np.array(side), np.array(up), np.array(way)], -1)
            fan = np.repeat(np.array([-1.0, 1.0]), 9) * dice.uniform(0.7, 1.0, 18) + lean + math.pi
            flat = turned(fan, np.zeros(18), np.zeros(18))
            things.append(
                scattered("shade", shape, np.vstack([stem, stem]), basis @ flat, dice.uniform(0.11, 0.19, 18), stuff)
            )
    for thing in things:
        thing.visible_camera = thing.visible_diffuse = thing.visible_glossy = False
