"""Marble, slate, terrazzo, concrete and plaster as shader nodes. Lengths in metres."""

from __future__ import annotations

from sets.nodes import Graph, Socket


def ridge(graph: Graph, vector: Socket, scale: float, thin: float, detail: float = 3, warp: float = 0.0) -> Socket:
    """1 on the lines where a noise crosses its middle, 0 away from them; `thin` is half a line in units of noise."""
    noise = graph.noise(vector, scale, detail, 0.5, warp)
    distance = graph.math("ABSOLUTE", graph.math("SUBTRACT", noise, 0.5))
    return graph.step(distance, 0.0, thin, 1.0, 0.0)


def white_marble(graph: Graph) -> None:
    """Carrara with a touch of Calacatta: grey clouds, one family of soft veins, fine threads beside them."""
    point = graph.place(graph.position(), (1, 1, 1), 0.62, (0.37, 0.11, 0.2))
    wavy = graph.drift(graph.drift(point, 2.3, 3, 0.11), 14, 4, 0.012)
    slant = graph.place(wavy, (1.0, 2.7, 1.0))
    cloud = graph.noise(slant, 3.0, 5, 0.55)
    near = graph.step(graph.noise(graph.place(point, (0.8, 1.9, 1)), 2.1, 2), 0.42, 0.66)
    wide = graph.times(ridge(graph, slant, 1.7, 0.055), near)
    thin = graph.times(ridge(graph, slant, 3.7, 0.011, 4), graph.step(cloud, 0.38, 0.62))
    hair = graph.times(ridge(graph, graph.place(wavy, (1.6, 3.1, 1), 0.5), 7.5, 0.008, 5), near)
    core = graph.times(ridge(graph, slant, 1.7, 0.012), near)
    colour = graph.ramp(graph.step(cloud, 0.25, 0.75), (0.0, "#dcdcdc"), (0.45, "#ececeb"), (1.0, "#f3f2f0"))
    colour = graph.mix(graph.times(wide, 0.42), colour, "#a3a6a9")
    colour = graph.mix(graph.times(core, 0.4), colour, "#7b7e82")
    colour = graph.mix(graph.times(thin, 0.42), colour, "#8d9093")
    colour = graph.mix(graph.times(hair, 0.3), colour, "#8b8a88")
    grit = graph.noise(point, 900, 1)
    colour = graph.shade(colour, graph.step(grit, 0.2, 0.8, 0.985, 1.015))
    rough = graph.step(graph.noise(point, 26, 4), 0.3, 0.7, 0.16, 0.23)
    graph.finish(colour, rough, graph.noise(point, 7, 2), 0.0003, bounce="#e6e6e5", specular_ior_level=0.5)


def dark_marble(graph: Graph) -> None:
    """Nero Marquina: near black, few sharp white veins that branch, and a net of hair lines."""
    point = graph.place(graph.position(), (1, 1, 1), -0.5, (0.21, 0.4, 0.3))
    wavy = graph.drift(graph.drift(point, 2.2, 2, 0.12), 11, 2, 0.012)
    slant = graph.place(wavy, (1.0, 2.3, 1.0))
    cloud = graph.noise(point, 9, 6, 0.6)
    rough_edge = graph.drift(slant, 60, 3, 0.0035)
    crack = graph.cells(rough_edge, 1.9, "DISTANCE_TO_EDGE")["Distance"]
    gate = graph.step(graph.noise(point, 2.7, 2), 0.42, 0.58)
    swell = graph.step(graph.noise(wavy, 9, 4, 0.6), 0.34, 0.72, 0.06, 1.0)
    vein = graph.times(graph.step(graph.math("DIVIDE", crack, swell), 0.003, 0.017, 1.0, 0.0), gate)
    halo = graph.times(graph.step(crack, 0.0, 0.09, 1.0, 0.0), gate)
    net = graph.cells(graph.place(graph.drift(wavy, 45, 2, 0.002), (1, 1.6, 1), 0.8), 6.5, "DISTANCE_TO_EDGE")[
        "Distance"
    ]
    hair = graph.times(graph.step(net, 0.0, 0.009, 1.0, 0.0), graph.step(graph.noise(point, 7.3, 3), 0.48, 0.66))
    side = graph.cells(graph.place(rough_edge, (1, 1.3, 1), 0.5), 4.1, "DISTANCE_TO_EDGE")["Distance"]
    thread = graph.times(graph.step(side, 0.0, 0.007, 1.0, 0.0), graph.step(graph.noise(point, 4.1, 3), 0.5, 0.62))
    colour = graph.ramp(graph.step(cloud, 0.3, 0.75), (0.0, "#101012"), (0.6, "#1a1a1c"), (1.0, "#2a2a2c"))
    colour = graph.mix(graph.times(halo, 0.22), colour, "#4c4c4e")
    colour = graph.mix(graph.times(hair, 0.35), colour, "#8d8b88")
    colour = graph.mix(graph.times(thread, 0.5), colour, "#a5a29d")
    colour = graph.mix(graph.times(vein, 0.9), colour, "#dedad3")
    speck = graph.step(graph.noise(point, 420, 2), 0.64, 0.75)
    colour = graph.mix(graph.times(speck, 0.12), colour, "#8a8a8a")
    rough = graph.step(graph.noise(point, 20, 4), 0.3, 0.7, 0.12, 0.19)
    graph.finish(colour, rough, graph.noise(point, 6, 2), 0.0002, bounce="#1d1d1f", specular_ior_level=0.5)


def slate(graph: Graph) -> None:
    """Cleft slate: thin layers that break off in steps, with fine parallel streaks."""
    point = graph.position()
    wavy = graph.drift(point, 9, 5, 0.022)
    layers = graph.noise(graph.place(wavy, (1, 1.7, 1), 0.3), 5.5, 5, 0.55)
    level = graph.times(layers, 9.0)
    part = graph.math("FRACT", level)
    terrace = graph.plus(graph.math("FLOOR", level), graph.step(part, 0.86, 0.99))
    streak = graph.noise(graph.place(wavy, (26, 90, 40), 0.3), 1.0, 4, 0.6)
    fine = graph.noise(point, 380, 4, 0.65)
    height = graph.plus(graph.times(terrace, 0.55), graph.plus(graph.times(streak, 0.25), graph.times(fine, 0.3)))
    height = graph.plus(height, graph.times(graph.noise(point, 40, 4), 0.7))
    cloud = graph.noise(point, 7, 4)
    colour = graph.ramp(graph.step(cloud, 0.3, 0.7), (0.0, "#4b4c4c"), (0.5, "#555656"), (1.0, "#606060"))
    colour = graph.shade(colour, graph.step(streak, 0.25, 0.75, 0.92, 1.08))
    colour = graph.shade(colour, graph.step(fine, 0.25, 0.75, 0.86, 1.14))
    rust = graph.times(graph.step(graph.noise(wavy, 6, 3), 0.6, 0.78), 0.3)
    colour = graph.mix(rust, colour, "#5d5145")
    graph.finish(
        colour, graph.step(fine, 0.3, 0.7, 0.46, 0.62), height, 0.003, bounce="#555656", specular_ior_level=0.5
    )


def terrazzo(graph: Graph) -> None:
    """Chips of four stones in three sizes in a pale binder, ground flat and polished."""
    point = graph.position()
    colour: Socket = graph.ramp(graph.noise(point, 30, 5), (0.3, "#dcd7d0"), (0.7, "#e8e4de"))
    grit = graph.noise(point, 650, 2)
    colour = graph.shade(colour, graph.step(grit, 0.25, 0.75, 0.955, 1.035))
    for scale, share, at in ((330, 0.3, 3.0), (150, 0.28, 1.0), (62, 0.34, 0.0)):
        vector = graph.shift(graph.drift(point, scale * 1.6, 2, 0.22 / scale), (at, at, 0))
        flat = graph.place(vector, (1, 1, 0))
        inside = graph.cells(flat, scale, "DISTANCE_TO_EDGE")["Distance"]
        chance, tone, size = graph.split(graph.cells(flat, scale)["Color"])
        limit = graph.plus(0.06, graph.times(size, 0.14))
        chip = graph.step(graph.math("SUBTRACT", inside, limit), 0.0, 0.02)
        chip = graph.times(chip, graph.step(chance, 1 - share, 1 - share + 0.001))
        stone = graph.ramp(
            tone,
            (0.0, "#8f8a86"),
            (0.18, "#3d3c3d"),
            (0.3, "#b98f72"),
            (0.5, "#c9b8a4"),
            (0.72, "#a5a9a6"),
            (0.9, "#f2eee8"),
        )
        stone.node.color_ramp.interpolation = "CONSTANT"
        grain = graph.noise(graph.shift(point, graph.join(tone, 0.0, 0.0)), scale * 4, 4, 0.6)
        colour = graph.mix(chip, colour, graph.shade(stone, graph.step(grain, 0.25, 0.75, 0.8, 1.15)))
    rough = graph.step(graph.noise(point, 22, 3), 0.3, 0.7, 0.2, 0.29)
    graph.finish(colour, rough, graph.noise(point, 9, 2), 0.0002, bounce="#cfc9c1", specular_ior_level=0.5)


def concrete(graph: Graph, pale: str, mid: str, dark: str, rough: float = 0.72) -> None:
    """Cast and trowelled: cloudy stains, sand in the paste, small air holes and hair cracks."""
    point = graph.position()
    cloud = graph.noise(graph.drift(point, 2.0, 3, 0.1), 2.6, 6, 0.6)
    stain = graph.noise(graph.drift(point, 6, 3, 0.05), 9, 5, 0.62)
    trowel = graph.noise(graph.place(graph.drift(point, 4, 2, 0.08), (5, 26, 5), 0.5), 1.0, 4, 0.55)
    sand = graph.noise(point, 520, 3, 0.7)
    colour = graph.ramp(graph.step(cloud, 0.28, 0.72), (0.0, dark), (0.5, mid), (1.0, pale))
    colour = graph.shade(colour, graph.step(stain, 0.25, 0.75, 0.86, 1.1))
    colour = graph.shade(colour, graph.step(trowel, 0.25, 0.75, 0.94, 1.05))
    colour = graph.shade(colour, graph.step(sand, 0.2, 0.8, 0.87, 1.12))
    holes: Socket = 0.0
    for scale, share in ((95, 0.11), (260, 0.09)):
        cells = graph.cells(graph.place(graph.drift(point, scale * 2, 1, 0.1 / scale), (1, 1, 0)), scale)
        chance, size, _ = graph.split(cells["Color"])
        wide = graph.plus(0.06, graph.times(graph.times(size, size), 0.24))
        hole = graph.step(graph.math("DIVIDE", cells["Distance"], wide), 0.7, 1.0, 1.0, 0.0)
        holes = graph.math("MAXIMUM", holes, graph.times(hole, graph.step(chance, 1 - share, 1 - share + 0.001)))
    crack = graph.cells(graph.drift(graph.drift(point, 3, 3, 0.12), 30, 4, 0.008), 1.6, "DISTANCE_TO_EDGE")["Distance"]
    crack = graph.times(graph.step(crack, 0.0, 0.0022, 1.0, 0.0), graph.step(stain, 0.5, 0.62))
    colour = graph.mix(graph.times(crack, 0.4), colour, dark)
    colour = graph.shade(colour, graph.step(holes, 0.0, 1.0, 1.0, 0.42))
    height = graph.plus(graph.times(sand, 0.12), graph.plus(graph.times(stain, 0.3), graph.times(trowel, 0.5)))
    height = graph.math("SUBTRACT", height, graph.plus(graph.times(holes, 0.9), graph.times(crack, 0.3)))
    graph.finish(
        colour,
        graph.step(stain, 0.3, 0.7, rough - 0.12, rough + 0.1),
        height,
        0.0012,
        bounce=mid,
        specular_ior_level=0.35,
    )


def plaster(graph: Graph, colour_name: str, relief: float = 0.0011) -> None:
    """Hand-laid plaster: broad trowel strokes, fine sand, chalky."""
    point = graph.position()
    stroke = graph.noise(graph.place(graph.drift(point, 3, 3, 0.12), (6, 15, 6), 0.7), 1.0, 4, 0.5)
    cross = graph.noise(graph.place(graph.drift(point, 4, 3, 0.1), (18, 7, 9), -0.4), 1.0, 4, 0.5)
    sand = graph.noise(point, 620, 3, 0.65)
    patch = graph.noise(point, 3.0, 4)
    colour = graph.shade(graph.mix(0.0, colour_name, colour_name), graph.step(patch, 0.3, 0.7, 0.965, 1.02))
    colour = graph.shade(colour, graph.step(stroke, 0.25, 0.75, 0.97, 1.02))
    colour = graph.shade(colour, graph.step(sand, 0.2, 0.8, 0.95, 1.04))
    height = graph.plus(graph.plus(graph.times(stroke, 0.8), graph.times(cross, 0.5)), graph.times(sand, 0.09))
    graph.finish(colour, 0.82, height, relief, bounce=colour_name, specular_ior_level=0.25)


def paper(graph: Graph, colour_name: str = "#d6d6d6") -> None:
    """A matt sweep without any texture."""
    graph.finish(colour_name, 0.9, specular_ior_level=0.1)


def far_wall(graph: Graph, colour: str) -> None:
    """A painted wall that the camera sees out of focus: clouds of tone, no relief."""
    cloud = graph.noise(graph.position(), 3.0, 3)
    graph.finish(
        graph.shade(graph.mix(0.0, colour, colour), graph.step(cloud, 0.3, 0.7, 0.96, 1.03)), 0.9, bounce=colour
    )
