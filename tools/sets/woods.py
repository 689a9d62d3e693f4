"""Boards: each cut out of its own trunk, whose growth rings the board's plane meets."""

from __future__ import annotations

from dataclasses import dataclass

from sets.nodes import Graph, Socket


@dataclass(frozen=True)
class Wood:
    """Lengths in metres. `rings` growth rings a metre, `contrast` of late wood 0..1, `pores` 0..1."""

    pale: str
    mid: str
    dark: str
    board: float = 0.12
    length: float = 1.9
    gap: float = 0.0009
    rings: float = 260
    contrast: float = 0.75
    pores: float = 0.5
    knots: float = 0.0
    rough: float = 0.42
    coat: float = 0.0
    turn: float = 0.0


OAK = Wood("#c9a377", "#b58a5c", "#8f6740", contrast=0.7, pores=0.9, rough=0.45)
WALNUT = Wood("#7d5a40", "#61422d", "#39251a", board=0.15, rings=210, contrast=0.8, pores=0.6, rough=0.38, coat=0.06)
PINE = Wood("#e2c79a", "#d6b27c", "#b37f48", board=0.1, rings=190, contrast=0.85, pores=0.05, knots=1.0, rough=0.5)
DARK = Wood("#4f3b2e", "#3d2c22", "#241914", board=0.14, contrast=0.6, pores=0.7, gap=0.0016, rough=0.5)
GREY = Wood("#b3aa9e", "#9d9388", "#776d63", board=0.13, contrast=0.75, pores=1.0, gap=0.0022, rough=0.7, knots=0.6)
WHITE = Wood("#ebe6de", "#e1dbd2", "#c6beb4", board=0.11, contrast=0.55, pores=0.35, gap=0.0014, rough=0.5)


def boards(graph: Graph, wood: Wood) -> None:
    """Boards along x (turn them by `wood.turn` radians), side by side along y."""
    point = graph.place(graph.position(), turn=wood.turn)
    along, across, up = graph.split(point)
    row = graph.math("FLOOR", graph.math("DIVIDE", across, wood.board))
    _, dice = graph.dice(graph.join(row, 17.0, 3.0))
    first, _, _ = graph.split(dice)
    moved = graph.plus(along, graph.times(first, wood.length))
    piece = graph.math("FLOOR", graph.math("DIVIDE", moved, wood.length))
    _, own = graph.dice(graph.join(row, piece, 5.0))
    tone, side, deep = graph.split(own)

    # the trunk's axis runs along the board, up to 10 cm below it and to the side of it, and leans a little
    local = graph.math("SUBTRACT", across, graph.times(graph.plus(row, 0.5), wood.board))
    seed = graph.join(graph.times(tone, 40.0), graph.times(side, 40.0), graph.times(deep, 40.0))
    line = graph.shift(graph.join(along, local, up), seed)
    slow = graph.noise(graph.place(line, (2.2, 9, 9)), 1.0, 2, 0.5)
    quick = graph.noise(graph.place(line, (9, 60, 60)), 1.0, 3, 0.6)
    offset = graph.plus(local, graph.times(graph.math("SUBTRACT", side, 0.5), 0.2))
    lean = graph.times(graph.math("SUBTRACT", first, 0.5), 0.09)
    depth = graph.plus(graph.plus(graph.times(deep, 0.07), 0.012), graph.times(along, lean))
    radius = graph.math("SQRT", graph.plus(graph.times(offset, offset), graph.times(depth, depth)))
    radius = graph.plus(radius, graph.plus(graph.times(slow, 0.05), graph.times(quick, 0.006)))
    knot: Socket = 0.0
    if wood.knots:
        radius, knot = knots(graph, line, radius, wood.knots)

    # early wood slowly darkens to late wood, then drops back; rings differ in width
    count = graph.times(radius, wood.rings)
    count = graph.plus(count, graph.times(graph.noise(graph.join(count, side, 0.0), 0.35, 1), 3.0))
    ring = graph.math("FRACT", count)
    late = graph.times(graph.step(ring, 0.25, 0.93), graph.step(ring, 0.93, 1.0, 1.0, 0.0))
    strength = graph.noise(graph.join(graph.math("FLOOR", count), tone, 0.0), 3.1, 0)
    late = graph.times(late, graph.step(strength, 0.25, 0.7, 0.35, 1.0))

    fibre = graph.noise(graph.place(line, (12, 650, 650)), 1.0, 3, 0.65)
    streak = graph.noise(graph.place(line, (1.4, 60, 60)), 1.0, 3, 0.55)
    dash = graph.noise(graph.place(line, (45, 1100, 1100)), 1.0, 1, 0.5)
    open_pores = graph.times(graph.step(dash, 0.54, 0.64), graph.step(ring, 0.0, 0.5, 1.0, 0.35))

    colour = graph.mix(graph.step(streak, 0.3, 0.7), wood.pale, wood.mid)
    colour = graph.mix(graph.times(late, wood.contrast), colour, wood.dark)
    colour = graph.shade(colour, graph.step(fibre, 0.25, 0.75, 0.78, 1.18))
    colour = graph.shade(colour, graph.step(tone, 0.0, 1.0, 0.8, 1.12))
    colour = graph.shade(colour, graph.math("SUBTRACT", 1.0, graph.times(open_pores, 0.6 * wood.pores)))
    if wood.knots:
        colour = graph.mix(knot, colour, "#6d4426")

    edge = graph.math("ABSOLUTE", local)
    seam = graph.step(edge, wood.board / 2 - 1.6 * wood.gap, wood.board / 2 - 0.5 * wood.gap)
    ends = graph.math(
        "ABSOLUTE", graph.math("SUBTRACT", graph.math("FRACT", graph.math("DIVIDE", moved, wood.length)), 0.5)
    )
    seam = graph.math(
        "MAXIMUM", seam, graph.step(ends, 0.5 - 1.2 * wood.gap / wood.length, 0.5 - 0.4 * wood.gap / wood.length)
    )
    colour = graph.mix(graph.times(seam, 0.88), colour, "#1a120c")

    relief = graph.math(
        "SUBTRACT", graph.plus(graph.times(fibre, 0.25), graph.times(late, 0.12)), graph.times(open_pores, 0.25)
    )
    relief = graph.math("SUBTRACT", relief, graph.times(seam, 3.0))
    rough = graph.plus(
        wood.rough, graph.plus(graph.times(open_pores, 0.15), graph.times(graph.math("SUBTRACT", streak, 0.5), 0.16))
    )
    graph.finish(
        colour, rough, relief, 0.0005, wood.mid, coat_weight=wood.coat, coat_roughness=0.25, specular_ior_level=0.4
    )


def knots(graph: Graph, line: Socket, radius: Socket, share: float) -> tuple[Socket, Socket]:
    """Branch knots: the rings bend around them; returns the bent radius and the knot's share 0..1."""
    cells = graph.cells(graph.place(line, (2.6, 6, 1)), 1.0)
    chance, _, size = graph.split(cells["Color"])
    here = graph.step(chance, 1 - 0.45 * share, 1 - 0.45 * share + 0.02)
    wobble = graph.times(graph.math("SUBTRACT", graph.noise(line, 60, 2), 0.5), 0.03)
    distance = graph.plus(cells["Distance"], wobble)
    reach = graph.plus(0.03, graph.times(size, 0.035))
    relative = graph.math("DIVIDE", distance, reach)
    bend = graph.times(graph.math("POWER", 2.718, graph.times(graph.times(relative, relative), -0.25)), here)
    core = graph.times(graph.step(relative, 0.6, 1.1, 1.0, 0.0), here)
    return graph.plus(radius, graph.times(bend, 0.03)), graph.times(core, 0.75)
