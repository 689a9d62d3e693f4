"""Outdoor grounds: sand, snow, moss; their relief is geometry, their grain is shader nodes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from sets.nodes import Graph
from sets.shapes import Floats, Ints, grid, material, scattered, turned, waves

Field = tuple[float, float, float, float]  # left, right, near, far


def sand(graph: Graph) -> None:
    """Grains of quartz in pale, amber and dark."""
    point = graph.position()
    grain = graph.cells(point, 1500)
    chance, tone, _ = graph.split(grain["Color"])
    patch = graph.noise(point, 9, 4)
    colour = graph.ramp(tone, (0.0, "#b99c78"), (0.35, "#cfb48f"), (0.7, "#dcc5a3"), (1.0, "#efe2cb"))
    colour = graph.mix(graph.step(chance, 0.95, 0.96), colour, "#6f5a45")
    colour = graph.shade(colour, graph.step(patch, 0.3, 0.7, 0.93, 1.05))
    height = graph.plus(graph.noise(point, 900, 3, 0.7), graph.times(graph.noise(point, 130, 3), 0.8))
    graph.finish(colour, 0.85, height, 0.0011, "#d0b793", specular_ior_level=0.3)


def snow(graph: Graph) -> None:
    """Packed fresh snow: almost white, granular, light soaks in a little."""
    point = graph.position()
    height = graph.plus(graph.noise(point, 520, 4, 0.7), graph.times(graph.noise(point, 75, 4, 0.6), 1.7))
    spark = graph.step(graph.noise(point, 1500, 0), 0.78, 0.8)
    colour = graph.mix(graph.noise(point, 14, 4), "#e9edf2", "#f7f8fa")
    graph.finish(colour, graph.step(spark, 0.0, 1.0, 0.65, 0.15), height, 0.0022, "#eef1f4", specular_ior_level=0.4)


def rippled(name: str, field: Field, stuff: Any) -> Any:
    """Wind ripples, 7 cm from crest to crest, steeper on one side; shallow around the stand point."""
    bend, swell, small = waves(21, 1.1, 3), waves(22, 0.8, 2), waves(23, 0.05, 3)

    def height(x: Floats, y: Floats) -> Floats:
        phase = (0.8 * x + 0.6 * y) / 0.075 + 1.1 * bend(x, y)
        part = phase % 1.0
        crest = np.where(part < 0.68, np.sin(math.pi * part / 1.36) ** 2, np.cos(math.pi * (part - 0.68) / 0.64) ** 2)
        calm = 0.55 + 0.45 * np.clip((np.hypot(x, y * 1.3) - 0.1) / 0.15, 0, 1)
        return np.asarray(0.012 * (crest - 0.5) * calm * (0.8 + 0.3 * swell(x, y)) + 0.0005 * small(x, y))

    return grid(name, *field, 0.003, stuff, height)


def drifted(name: str, field: Field, stuff: Any) -> Any:
    """Snow: soft drifts behind and beside the stand point, small lumps everywhere."""
    drift, lump, crumb = waves(31, 1.0, 2), waves(32, 0.09, 3), waves(33, 0.02, 2)

    def height(x: Floats, y: Floats) -> Floats:
        away = np.clip((np.hypot(x, y) - 0.17) / 0.35, 0, 1)
        return np.asarray(
            0.026 * away * (drift(x, y) + 0.25 * away) + (0.0008 + 0.0012 * away) * lump(x, y) + 0.0005 * crumb(x, y)
        )

    return grid(name, *field, 0.004, stuff, height)


def blade() -> tuple[Floats, Ints]:
    """A bent, tapering blade of length 1: seven points, five triangles."""
    levels = np.array([0.0, 0.4, 0.75])
    bow = 0.28 * levels**2
    left = np.stack([-0.055 * (1 - 0.6 * levels), bow, levels], -1)
    right = left * [-1, 1, 1]
    points = np.vstack([left, right, [[0.0, 0.3, 1.0]]])
    return points, np.array([[0, 3, 4], [0, 4, 1], [1, 4, 5], [1, 5, 2], [2, 5, 6]])


def green(graph: Graph) -> None:
    """Moss and grass: dark at the foot, yellow-green at the tip."""
    tip, tone = graph.attribute("tip"), graph.attribute("tone")
    colour = graph.mix(tone, graph.mix(tip, "#1f2a10", "#6f8a2e"), graph.mix(tip, "#2b3212", "#a5a847"))
    graph.finish(colour, 0.6, specular_ior_level=0.25)


def soil(graph: Graph) -> None:
    point = graph.position()
    graph.finish(
        graph.ramp(graph.noise(point, 60, 4), (0.3, "#1c1a10"), (0.7, "#34321b")),
        0.9,
        graph.noise(point, 150, 4),
        0.004,
    )


def mossy(name: str, field: Field, length: float, count: int, eye: tuple[float, float], clear: float) -> Any:
    """Cushions of moss; `count` blades, denser towards the camera's `eye` (y, z), none within `clear` of (0, 0)."""
    dice = np.random.default_rng(41)
    cushion, patch = waves(42, 0.42, 3), waves(43, 0.07, 3)

    def height(x: Floats, y: Floats) -> Floats:
        away = np.clip((np.hypot(x, y) - 0.1) / 0.25, 0, 1)
        return np.asarray((0.006 + 0.02 * away) * cushion(x, y) + 0.007 * patch(x, y))

    grid("soil", *field, 0.01, material("soil", soil), height)
    left, right, near, far = field
    tried = count * 4
    x, y = dice.uniform(left, right, tried), dice.uniform(near, far, tried)
    away = np.hypot(y - eye[0], eye[1])
    kept = (dice.uniform(0, 1, tried) < (away.min() / away) ** 1.3) & (np.hypot(x, y) > clear)
    x, y = x[kept][:count], y[kept][:count]
    z = height(x, y)
    lush = 0.75 + 0.3 * patch(x, y)
    sizes = length * np.clip(lush, 0.4, 1.2) * dice.uniform(0.6, 1.25, len(x))
    turns = turned(dice.uniform(0, 2 * math.pi, len(x)), dice.normal(0, 0.42, len(x)), np.zeros(len(x)))
    tone = np.clip(0.4 + 0.3 * cushion(x, y) + dice.normal(0, 0.22, len(x)), 0, 1)
    shape = blade()
    places = np.stack([x, y, z - 0.1 * sizes], -1)
    return scattered(name, shape, places, turns, sizes, material("green", green), {"tip": shape[0][:, 2]}, tone=tone)
