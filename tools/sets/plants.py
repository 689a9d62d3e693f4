"""Leaves, petals, twigs of blossom and of fir around a product, and baubles."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from sets.nodes import Graph
from sets.shapes import Floats, Ints, material, mesh, scattered, turned

Shape = tuple[Floats, Ints]

MAPLE = (  # angle in degrees from the tip, radius
    (0, 1.0), (9, 0.74), (15, 0.76), (24, 0.5), (30, 0.42), (37, 0.6), (42, 0.78), (50, 0.98), (57, 0.78), (66, 0.74),
    (74, 0.55), (84, 0.42), (92, 0.52), (102, 0.72), (112, 0.5), (124, 0.42), (140, 0.34), (160, 0.22), (180, 0.14),
)  # fmt: skip
RIBS = (0.0, 50.0, 102.0)


def leaf(curl: float, twist: float) -> tuple[Shape, Floats]:
    """A maple leaf of radius 1 that points along +y, and how near each point is to a rib (1 = on it)."""
    angles = np.radians(np.arange(0, 360, 4.0))
    folded = np.degrees(np.minimum(angles, 2 * math.pi - angles))
    keys = np.array(MAPLE)
    outline = np.interp(folded, keys[:, 0], keys[:, 1])
    radii = np.linspace(0.0, 1.0, 8)[1:]
    reach = outline[None] * radii[:, None]
    x, y = reach * np.sin(angles), reach * np.cos(angles)
    away = np.hypot(x, y)
    z = curl * away**2 + twist * x * y + 0.05 * np.sin(5 * x + 3 * y) * away
    ring = np.stack([x, y, z], -1).reshape(-1, 3)
    points = np.vstack([ring, [[0, 0, 0]]])
    many = len(angles)
    faces = net_around(len(radii), many)
    rib = np.zeros((len(radii), many))
    for angle in RIBS:
        rib[:, np.abs(folded - angle) < 2.1] = 1.0
    return (points, faces), np.append(rib.ravel(), 1.0)


def net_around(rings: int, many: int) -> Ints:
    """Quads between closed rings of `many` points; the last point is the middle of the innermost ring."""
    here = np.arange(many)
    after = (here + 1) % many
    faces = [
        np.stack([r * many + here, r * many + after, (r + 1) * many + after, (r + 1) * many + here], -1)
        for r in range(rings - 1)
    ]
    middle = np.full(many, rings * many)
    half = here[::2]
    faces.append(np.stack([middle[::2], (half + 2) % many, (half + 1) % many, half], -1))
    return np.vstack(faces)


def autumn_paint(graph: Graph) -> None:
    tone, rib = graph.attribute("tone"), graph.attribute("rib")
    colour = graph.ramp(
        tone, (0.0, "#5e2417"), (0.25, "#a33a17"), (0.5, "#c8641c"), (0.75, "#d9982c"), (1.0, "#8a5a2b")
    )
    spot = graph.step(graph.noise(graph.position(), 90, 4), 0.55, 0.75)
    colour = graph.mix(graph.times(spot, 0.45), colour, "#4c2a14")
    colour = graph.shade(colour, graph.step(graph.noise(graph.position(), 300, 3), 0.3, 0.7, 0.9, 1.1))
    colour = graph.mix(graph.times(graph.step(rib, 0.72, 1.0), 0.55), colour, "#e0b070")
    graph.finish(colour, 0.5, graph.plus(rib, graph.noise(graph.position(), 120, 3)), 0.0012, specular_ior_level=0.35)


def ring(
    dice: Any, count: int, clear: tuple[float, float], field: tuple[float, float, float, float], front: float
) -> Floats:
    """Random places (N, 2) in a field (left, right, near, far) outside the ellipse `clear`, denser away from it."""
    kept: list[tuple[float, float]] = []
    left, right, near, far = field
    while len(kept) < count:
        x, y = dice.uniform(left, right), dice.uniform(near, far)
        away = math.hypot(x / clear[0], y / clear[1])
        if (
            away > 1
            and not (y < front and abs(x) < clear[0] * 1.05)
            and dice.uniform() < min(1.0, 0.35 + 0.5 * (away - 1))
        ):
            kept.append((x, y))
    return np.array(kept)


def leaves(flat: bool) -> None:
    """Maple leaves around the stand point, three curls."""
    dice = np.random.default_rng(51)
    stuff = material("leaves", autumn_paint)
    field = (-0.36, 0.36, -0.36, 0.36) if flat else (-0.75, 0.75, -0.12, 0.5)
    for curl, twist in ((0.16, 0.12), (0.28, -0.2), (-0.14, 0.25)):
        spots = ring(dice, 16 if flat else 44, (0.25, 0.25) if flat else (0.2, 0.14), field, -0.03 if not flat else -9)
        count = len(spots)
        sizes = dice.uniform(0.036, 0.06, count)
        tilt = dice.normal(0, 0.16, count)
        z = 0.003 + sizes * (0.3 * np.abs(np.sin(tilt)) + max(0.0, -curl)) + dice.uniform(0, 0.004, count)
        shape, rib = leaf(curl, twist)
        turns = turned(dice.uniform(0, 2 * math.pi, count), tilt, dice.uniform(0, 2 * math.pi, count))
        scattered(
            "leaves", shape, np.column_stack([spots, z]), turns, sizes, stuff, {"rib": rib}, tone=dice.beta(2, 2, count)
        )


def petal() -> tuple[Shape, Floats]:
    """A cherry petal of length 1 along +y with a notched tip, cupped; how far each point is from the foot."""
    v, u = np.meshgrid(np.linspace(0, 1, 9), np.linspace(-1, 1, 7), indexing="ij")
    width = 0.46 * np.sin(math.pi * np.clip(0.08 + 0.9 * v, 0, 1) ** 1.25) ** 0.75
    x = u * width
    y = v - 0.12 * np.exp(-((u / 0.3) ** 2)) * np.clip((v - 0.6) / 0.4, 0, 1)
    z = 0.5 * x**2 + 0.18 * v**2
    points = np.stack([x, y, z], -1).reshape(-1, 3)
    corner = (np.arange(8)[:, None] * 7 + np.arange(6)[None]).reshape(-1, 1)
    return (points, corner + np.array([[0, 1, 8, 7]])), v.ravel()


def petal_paint(graph: Graph) -> None:
    length, tone = graph.attribute("length"), graph.attribute("tone")
    pale = graph.mix(tone, "#fbeef0", "#f5d3da")
    colour = graph.mix(graph.step(length, 0.0, 0.55), "#dd8fa3", pale)
    graph.finish(colour, 0.55, specular_ior_level=0.2, subsurface_weight=0.0)


def petals(flat: bool) -> None:
    """Loose cherry petals, and a twig in blossom behind the stand point (around it in a flat lay)."""
    dice = np.random.default_rng(61)
    stuff = material("petals", petal_paint)
    shape, along = petal()
    field = (-0.34, 0.34, -0.34, 0.34) if flat else (-0.5, 0.5, -0.1, 0.4)
    spots = ring(dice, 46 if flat else 60, (0.22, 0.23) if flat else (0.16, 0.1), field, -9 if flat else 0.0)
    count = len(spots)
    places = np.column_stack([spots, np.full(count, 0.0015)])
    turns = turned(dice.uniform(0, 2 * math.pi, count), dice.normal(0, 0.12, count), dice.uniform(-0.3, 0.3, count))
    scattered(
        "petals",
        shape,
        places,
        turns,
        dice.uniform(0.014, 0.019, count),
        stuff,
        {"length": along},
        tone=dice.uniform(0, 1, count),
    )
    twigs: tuple[tuple[tuple[float, float], tuple[float, float]], ...]
    if flat:
        twigs = (((-0.34, 0.13), (-0.06, 0.3)), ((0.34, -0.1), (0.12, -0.3)))
    else:
        twigs = (((-0.5, 0.12), (-0.1, 0.2)), ((0.52, 0.26), (0.14, 0.17)), ((-0.3, 0.33), (0.25, 0.3)))
    for start, end in twigs:
        blossom_twig(dice, stuff, start, end)


def blossom_twig(dice: Any, stuff: Any, start: tuple[float, float], end: tuple[float, float]) -> None:
    """A bent twig from start to end on the table with flowers of five petals in bunches."""
    line = bent(dice, start, end, 0.012, 0.02)
    tube(line, 0.0035, 0.0015, material("bark", bark))
    shape, along = petal()
    places, turns, sizes, tones, hearts = [], [], [], [], []
    for knot in line[2::2]:
        for _ in range(int(dice.integers(3, 6))):
            heart = knot + dice.normal(0, 0.016, 3) + [0, 0, 0.014]
            heart[2] = max(heart[2], 0.008)
            tilt, yaw, tone = dice.normal(0, 0.6), dice.uniform(0, 2 * math.pi), dice.uniform(0, 0.8)
            flower = turned(np.array([yaw]), np.array([tilt]), np.array([0.0]))[0]
            open_by = dice.uniform(0.15, 0.6)
            for number in range(5):
                own = turned(np.array([number * 2 * math.pi / 5]), np.array([open_by]), np.array([0.0]))[0]
                places.append(heart)
                turns.append(flower @ own)
                sizes.append(dice.uniform(0.017, 0.02))
                tones.append(tone)
            hearts.append((heart, flower))
    scattered(
        "flowers",
        shape,
        np.array(places),
        np.array(turns),
        np.array(sizes),
        stuff,
        {"length": along},
        tone=np.array(tones),
    )
    stamens(dice, hearts)


def stamens(dice: Any, hearts: list[tuple[Floats, Floats]]) -> None:
    """A tuft of thin threads with yellow tips in each flower."""
    thread = np.array(
        [
            [-0.03, 0, 0],
            [0.03, 0, 0],
            [0.03, 0, 0.8],
            [-0.03, 0, 0.8],
            [-0.09, 0, 0.85],
            [0.09, 0, 0.85],
            [0.09, 0, 1],
            [-0.09, 0, 1],
        ]
    )
    places = np.repeat([heart for heart, _ in hearts], 9, axis=0)
    many = len(places)
    lean = turned(dice.uniform(0, 2 * math.pi, many), dice.uniform(0.1, 0.7, many), dice.uniform(0, 6, many))
    turns = np.repeat([flower for _, flower in hearts], 9, axis=0) @ lean
    stuff = material(
        "stamens", lambda graph: graph.finish(graph.mix(graph.attribute("tip"), "#e9b8bd", "#d8a934"), 0.6)
    )
    tip = (thread[:, 2] > 0.82).astype(float)
    shape = (thread, np.array([[0, 1, 2, 3], [4, 5, 6, 7]]))
    scattered("stamens", shape, places, turns, np.full(many, 0.009), stuff, {"tip": tip})


def bark(graph: Graph) -> None:
    point = graph.position()
    graph.finish(
        graph.ramp(graph.noise(point, 180, 4), (0.3, "#2c1d17"), (0.7, "#5a4034")),
        0.8,
        graph.noise(point, 400, 3),
        0.001,
    )


def bent(
    dice: Any, start: tuple[float, float], end: tuple[float, float], z: float, bow: float, parts: int = 14
) -> Floats:
    """Points (parts, 3) along a crooked line."""
    share = np.linspace(0, 1, parts)[:, None]
    line = np.array([*start, z]) * (1 - share) + np.array([*end, z * 0.6]) * share
    side = np.array([-(end[1] - start[1]), end[0] - start[0], 0.0])
    line += (
        side
        / np.linalg.norm(side)
        * (np.sin(math.pi * share) * dice.normal(0, bow) + dice.normal(0, 0.0025, (parts, 1)))
    )
    return np.asarray(line)


def tube(line: Floats, thick: float, thin: float, stuff: Any) -> Any:
    """A round twig along points (N, 3), from radius thick to thin."""
    ahead = np.gradient(line, axis=0)
    ahead /= np.linalg.norm(ahead, axis=1, keepdims=True)
    side = np.cross(ahead, [0, 0, 1.0])
    side /= np.linalg.norm(side, axis=1, keepdims=True)
    up = np.cross(side, ahead)
    turn = np.linspace(0, 2 * math.pi, 9)[:-1]
    radius = np.linspace(thick, thin, len(line))[:, None, None]
    points = line[:, None] + radius * (np.cos(turn)[:, None] * side[:, None] + np.sin(turn)[:, None] * up[:, None])
    here = np.arange(8)
    row = np.stack([here, (here + 1) % 8, (here + 1) % 8 + 8, here + 8], -1)
    faces = (row[None] + 8 * np.arange(len(line) - 1)[:, None, None]).reshape(-1, 4)
    return mesh("twig", points.reshape(-1, 3), faces, stuff)


def fir_paint(graph: Graph) -> None:
    tone = graph.attribute("tone")
    graph.finish(graph.ramp(tone, (0.0, "#16281a"), (0.6, "#24402a"), (1.0, "#47683f")), 0.45, specular_ior_level=0.4)


def fir(flat: bool) -> None:
    """Fir twigs with baubles behind the stand point (around it in a flat lay)."""
    dice = np.random.default_rng(71)
    needles, brown = material("needles", fir_paint), material("bark", bark)
    if flat:
        ends = [
            ((-0.38, 0.34), (-0.1, 0.25)),
            ((-0.36, 0.36), (-0.26, 0.02)),
            ((0.38, -0.36), (0.12, -0.26)),
            ((0.37, -0.36), (0.27, -0.04)),
            ((0.38, 0.36), (0.2, 0.27)),
        ]
        balls = [(-0.235, 0.225, 0.024), (0.245, -0.235, 0.028), (-0.29, 0.15, 0.017), (0.21, 0.3, 0.018)]
    else:
        ends = [
            ((-0.62, 0.24), (-0.12, 0.17)),
            ((-0.5, 0.36), (0.02, 0.27)),
            ((0.62, 0.26), (0.13, 0.19)),
            ((0.5, 0.4), (0.0, 0.3)),
            ((-0.4, 0.1), (-0.19, 0.05)),
            ((0.45, 0.12), (0.21, 0.07)),
        ]
        balls = [
            (-0.2, 0.11, 0.026),
            (0.215, 0.15, 0.031),
            (0.145, 0.23, 0.022),
            (-0.3, 0.2, 0.03),
            (-0.1, 0.24, 0.021),
        ]
    for start, end in ends:
        fir_branch(dice, start, end, needles, brown)
    red = material("red", lambda graph: graph.finish("#8e1420", 0.22, metallic=0.55, coat_weight=0.6))
    gold = material("gold", lambda graph: graph.finish("#c9953a", 0.25, metallic=1.0))
    for number, (x, y, radius) in enumerate(balls):
        ball(x, y, radius, gold if number % 2 else red)


def fir_branch(dice: Any, start: tuple[float, float], end: tuple[float, float], needles: Any, brown: Any) -> None:
    """A stem with side twigs to both sides and needles all around them."""
    lines = [bent(dice, start, end, 0.02, 0.03, 16)]
    tube(lines[0], 0.004, 0.0018, brown)
    way = np.array([end[0] - start[0], end[1] - start[1]])
    length = float(np.hypot(*way))
    heading = math.atan2(way[1], way[0])
    for at in range(1, 14):
        for side in (-1, 1):
            foot = lines[0][at]
            turn = heading + side * dice.uniform(0.6, 0.95)
            reach = (0.05 + 0.1 * (1 - at / 16)) * dice.uniform(0.75, 1.15) * min(1.0, length / 0.35)
            tip = (foot[0] + reach * math.cos(turn), foot[1] + reach * math.sin(turn))
            line = bent(dice, (foot[0], foot[1]), tip, 0.016, 0.006, 8)
            line[:, 2] += np.linspace(0, dice.uniform(-0.006, 0.02), 8)
            tube(line, 0.0016, 0.0009, brown)
            lines.append(line)
    spine = np.array(
        [
            [-0.04, 0, 0],
            [0.04, 0, 0],
            [0.03, 0, 0.9],
            [-0.03, 0, 0.9],
            [0, -0.04, 0],
            [0, 0.04, 0],
            [0, 0.03, 0.95],
            [0, -0.03, 0.95],
        ]
    )
    shape = (spine, np.array([[0, 1, 2, 3], [4, 5, 6, 7]]))
    places, turns = [], []
    for line in lines:
        reach = float(np.linalg.norm(np.diff(line, axis=0), axis=1).sum())
        count = int(reach / 0.00042)
        share = np.sort(dice.uniform(0, len(line) - 1.001, count))
        low = share.astype(int)
        places.append(line[low] + (line[low + 1] - line[low]) * (share - low)[:, None])
        ahead = line[low + 1] - line[low]
        yaw = np.arctan2(ahead[:, 1], ahead[:, 0]) - math.pi / 2
        spin = turned(np.zeros(count), dice.normal(0.85, 0.16, count), np.zeros(count))
        about = np.linspace(0, count * 2.4, count)
        # lean away from the twig, spin about it, lay the twig's own direction (z) along the branch
        upright = turned(yaw, np.full(count, -math.pi / 2), about)
        turns.append(upright @ spin)
    where = np.vstack(places)
    count = len(where)
    scattered(
        "fir", shape, where, np.vstack(turns), dice.uniform(0.013, 0.019, count), needles, tone=dice.beta(2, 2.5, count)
    )


def ball(x: float, y: float, radius: float, stuff: Any) -> Any:
    """A bauble on the table."""
    v, u = np.meshgrid(np.linspace(0, math.pi, 33), np.linspace(0, 2 * math.pi, 65), indexing="ij")
    points = np.stack(
        [x + radius * np.sin(v) * np.cos(u), y + radius * np.sin(v) * np.sin(u), radius + radius * np.cos(v)], -1
    )
    corner = (np.arange(32)[:, None] * 65 + np.arange(64)[None]).reshape(-1, 1)
    return mesh("ball", points.reshape(-1, 3), corner + np.array([[0, 65, 66, 1]]), stuff)
