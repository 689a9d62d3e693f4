"""Woven linen as shader nodes."""

from __future__ import annotations

import math

from sets.nodes import Graph, Socket

PITCH = 0.00125  # metres from thread to thread: a heavy linen, five pixels in a flat lay


def linen(graph: Graph, pale: str = "#f3ece0", shade: str = "#cfc3af") -> None:
    """Plain weave: threads of uneven thickness go over and under each other."""
    point = graph.drift(graph.position(), 22, 2, 0.0008)
    x, y, _ = graph.split(point)
    warp, warp_up, warp_tone = threads(graph, x, y, 1.0)
    weft, weft_up, weft_tone = threads(graph, y, x, 9.0)
    height_of_warp = graph.times(warp, graph.plus(0.55, graph.times(warp_up, 0.45)))
    height_of_weft = graph.times(weft, graph.plus(0.55, graph.times(weft_up, -0.45)))
    height = graph.math("MAXIMUM", height_of_warp, height_of_weft)
    above = graph.math("GREATER_THAN", height_of_warp, height_of_weft)
    tone = graph.plus(graph.times(above, warp_tone), graph.times(graph.math("SUBTRACT", 1.0, above), weft_tone))
    colour = graph.mix(graph.step(height, 0.2, 0.85), shade, pale)
    colour = graph.shade(colour, graph.step(tone, 0.2, 0.8, 0.86, 1.08))
    colour = graph.shade(colour, graph.step(graph.noise(point, 5, 4), 0.3, 0.7, 0.97, 1.02))
    graph.finish(colour, 0.85, height, 0.00035, shade, specular_ior_level=0.15, sheen_weight=0.15, sheen_roughness=0.5)


def threads(graph: Graph, across: Socket, along: Socket, seed: float) -> tuple[Socket, Socket, Socket]:
    """One family of threads: how full at this point 0..1, over (1) or under (-1), tone 0..1."""
    count = graph.math("DIVIDE", across, PITCH)
    number = graph.math("FLOOR", count)
    slub = graph.noise(graph.join(graph.times(along, 70), graph.times(number, 7.3), seed), 1.0, 2)
    tone = graph.noise(graph.join(graph.times(along, 9), graph.times(number, 3.7), seed + 2), 1.0, 1)
    middle = graph.math("ABSOLUTE", graph.math("SUBTRACT", graph.math("FRACT", count), 0.5))
    full = graph.step(graph.math("DIVIDE", middle, graph.step(slub, 0.25, 0.75, 0.38, 0.56)), 0.0, 1.0, 1.0, 0.0)
    turn = graph.math(
        "COSINE", graph.times(graph.plus(graph.math("DIVIDE", along, PITCH), graph.plus(number, -0.5)), math.pi)
    )
    return full, turn, graph.plus(graph.times(tone, 0.6), graph.times(slub, 0.4))
