"""Procedural materials: surfaces to stand on, walls, and the finish of a product. No picture is used."""

from __future__ import annotations

import colorsys
import re
from collections.abc import Callable
from random import Random
from typing import Any

import bpy  # type: ignore[import-not-found]

Colour = tuple[float, float, float]

# words in a material's name that say what it is made of
NAMED = (
    (r"glass$|glas[a-z]*mat|glaskappe|plexi", "glass"),
    (r"metal|chrom|alu|silver|lock$|ring|chord|points|gold|axis|pendulum|brass", "metal"),
    (r"leaf|leaves|grass|green|blatt|stem|stalk|flower$|blume", "leaf"),
    (r"cloth|textil|cushion|fabric|towel|verde|mattress", "cloth"),
    (r"madera|oak|wood|puzzle|thonet", "wood"),
    (r"leather|cuir|kuze", "leather"),
    (r"rubber|erde|ground|forest|soil|shoe", "rubber"),
    (r"paper", "paper"),
    (r"ceram|interior", "ceramic"),
)
ROUGHNESS = {
    "plastic": 0.35, "ceramic": 0.12, "metal": 0.25, "brass": 0.3, "leather": 0.5, "cloth": 0.9, "plush": 1.0,
    "wood": 0.5, "lacquer": 0.08, "leaf": 0.45, "rubber": 0.75, "paper": 0.8, "glass": 0.02,
    "milky": 0.3,
}  # fmt: skip
TINTS: tuple[Colour, ...] = (
    (0.45, 0.06, 0.05), (0.05, 0.13, 0.3), (0.7, 0.45, 0.12), (0.06, 0.2, 0.1), (0.3, 0.14, 0.07), (0.6, 0.55, 0.48),
    (0.5, 0.22, 0.28), (0.1, 0.1, 0.11), (0.15, 0.35, 0.4), (0.65, 0.3, 0.08), (0.28, 0.3, 0.33), (0.8, 0.72, 0.3),
)  # fmt: skip
WHITE: Colour = (0.82, 0.81, 0.79)
BLACK: Colour = (0.018, 0.018, 0.02)


class Graph:
    """A material's node tree, with short words for what is used here."""

    def __init__(self, paint: Any) -> None:
        paint.use_nodes = True
        self.nodes, self.links = paint.node_tree.nodes, paint.node_tree.links
        self.nodes.clear()
        self.out = self.nodes.new("ShaderNodeOutputMaterial")
        self.shader = self.nodes.new("ShaderNodeBsdfPrincipled")
        self.links.new(self.shader.outputs[0], self.out.inputs[0])

    def node(self, kind: str, *, into: Any = None, **values: Any) -> Any:
        """A node of `kind`; a value is a socket's name and what goes in, or a property of the node."""
        made = self.nodes.new(f"ShaderNode{kind}")
        for name, value in values.items():
            socket = made.inputs.get(name.replace("_", " "))
            if socket is None:
                setattr(made, name, value)
            elif isinstance(value, bpy.types.NodeSocket):
                self.links.new(value, socket)
            else:
                socket.default_value = value
        return made

    def set(self, **values: Any) -> None:
        """Inputs of the shader: a value, or a socket."""
        for name, value in values.items():
            socket = self.shader.inputs[name.replace("_", " ")]
            if isinstance(value, bpy.types.NodeSocket):
                self.links.new(value, socket)
            else:
                socket.default_value = value

    def place(self, scale: Colour | float = 1.0, turn: float = 0.0) -> Any:
        """Coordinates in metres, scaled."""
        coords = self.node("TexCoord")
        mapping = self.nodes.new("ShaderNodeMapping")
        mapping.inputs["Scale"].default_value = scale if isinstance(scale, tuple) else (scale,) * 3
        mapping.inputs["Rotation"].default_value = (0, 0, turn)
        self.links.new(coords.outputs["Object"], mapping.inputs["Vector"])
        return mapping.outputs[0]

    def ramp(self, factor: Any, *stops: tuple[float, Colour]) -> Any:
        """Colours along 0..1."""
        made = self.nodes.new("ShaderNodeValToRGB")
        self.links.new(factor, made.inputs[0])
        ends = made.color_ramp.elements
        while len(ends) < len(stops):
            ends.new(0.5)
        for end, (at, colour) in zip(ends, stops, strict=True):
            end.position, end.color = at, (*colour, 1)
        return made.outputs[0]

    def let_light_through(self, colour: Colour) -> None:
        """Glass throws a light shadow of its colour: what caustics would bring costs too many rays."""
        path, mixed = self.node("LightPath"), self.node("MixShader")
        clear = self.node("BsdfTransparent", Color=(*colour, 1))
        either = self.node("Math", operation="MAXIMUM")
        self.links.new(path.outputs["Is Shadow Ray"], either.inputs[0])
        self.links.new(path.outputs["Is Diffuse Ray"], either.inputs[1])
        self.links.new(either.outputs[0], mixed.inputs[0])
        self.links.new(self.shader.outputs[0], mixed.inputs[1])
        self.links.new(clear.outputs[0], mixed.inputs[2])
        self.links.new(mixed.outputs[0], self.out.inputs[0])

    def bump(self, height: Any, strength: float, distance: float) -> None:
        """Relief of `distance` metres."""
        made = self.node("Bump", Strength=strength, Distance=distance, Height=height)
        self.set(Normal=made.outputs[0])


def shade(colour: Colour, by: float) -> Colour:
    """Lighter or darker."""
    return (min(colour[0] * by, 0.95), min(colour[1] * by, 0.95), min(colour[2] * by, 0.95))


def clean(colour: Colour) -> Colour:
    """The colour as a glass's tint: its hue, but nothing lost of its brightest part."""
    brightest = max(*colour, 0.01)
    return (0.97 * colour[0] / brightest, 0.97 * colour[1] / brightest, 0.97 * colour[2] / brightest)


def fresh(name: str) -> tuple[Any, Graph]:
    paint = bpy.data.materials.new(name)
    return paint, Graph(paint)


def surface(kind: str, rng: Random, scale: float = 1.0) -> Any:
    """A floor, table top or wall of a kind named in PATTERNS. Patterns shrink with `scale`; colours are drawn."""
    paint, graph = fresh(kind)
    hue = colorsys.hsv_to_rgb(rng.random(), rng.uniform(0.1, 0.65), rng.uniform(0.12, 0.7))
    PATTERNS[kind](graph, {"white": WHITE, "black": BLACK}.get(kind, hue), rng, scale)
    return paint


def planks(graph: Graph, _: Colour, rng: Random, scale: float) -> None:
    base = rng.choice(
        [(0.36, 0.2, 0.09), (0.5, 0.34, 0.19), (0.16, 0.075, 0.035), (0.55, 0.44, 0.32), (0.3, 0.27, 0.24)]
    )
    turn = rng.choice([0.0, 1.5708, rng.uniform(0, 3)])
    at = graph.place((1 / scale, 9 / scale, 1), turn)
    grain = graph.node("TexNoise", Vector=at, Scale=9.0, Detail=6.0, Roughness=0.65, Distortion=0.6)
    colour = graph.ramp(grain.outputs[0], (0.3, shade(base, 0.6)), (0.7, shade(base, 1.2)))
    boards = graph.node(
        "TexBrick",
        Vector=graph.place(1 / scale, turn),
        Scale=1.0,
        Color1=(1, 1, 1, 1),
        Color2=(0.72, 0.72, 0.72, 1),
        Mortar=(0.15, 0.12, 0.1, 1),
    )
    for name, value in (("Mortar Size", 0.002), ("Brick Width", 1.4), ("Row Height", rng.uniform(0.09, 0.2))):
        boards.inputs[name].default_value = value
    mixed = graph.nodes.new("ShaderNodeMix")
    mixed.data_type, mixed.blend_type = "RGBA", "MULTIPLY"
    mixed.inputs[0].default_value = 1
    graph.links.new(colour, mixed.inputs[6])
    graph.links.new(boards.outputs[0], mixed.inputs[7])
    graph.set(Base_Color=mixed.outputs[2], Roughness=rng.uniform(0.3, 0.6))
    graph.bump(grain.outputs[0], 0.15, 0.002)


def tiles(graph: Graph, hue: Colour, rng: Random, scale: float) -> None:
    first = rng.choice([WHITE, (0.55, 0.5, 0.42), hue, (0.25, 0.26, 0.28)])
    made = graph.node(
        "TexBrick", Vector=graph.place(1 / scale, rng.choice([0.0, 0.785])), Scale=1.0, offset=0.0,
        Color1=(*first, 1), Color2=(*shade(first, 0.85), 1), Mortar=(0.3, 0.29, 0.27, 1),
    )  # fmt: skip
    side = rng.uniform(0.1, 0.3)
    for name, value in (("Mortar Size", 0.004), ("Brick Width", side), ("Row Height", side)):
        made.inputs[name].default_value = value
    graph.set(Base_Color=made.outputs[0], Roughness=rng.uniform(0.12, 0.4))
    graph.bump(made.outputs[1], -0.4, 0.001)


def woven(graph: Graph, hue: Colour, rng: Random, scale: float) -> None:
    at = graph.place(1 / scale, rng.uniform(0, 3))
    weave = graph.node("TexWave", Vector=at, Scale=170.0, Distortion=2.0, Detail=1.0)
    folds = graph.node("TexNoise", Vector=at, Scale=2.5, Detail=3.0)
    graph.set(Base_Color=graph.ramp(weave.outputs[1], (0, shade(hue, 0.8)), (1, shade(hue, 1.1))), Roughness=0.95)
    graph.bump(folds.outputs[0], 0.5, 0.03 * scale)


def checked(graph: Graph, hue: Colour, rng: Random, scale: float) -> None:
    at = graph.place(1 / scale, rng.uniform(0, 1.5))
    made = graph.node("TexChecker", Vector=at, Scale=rng.uniform(14, 40), Color1=(*WHITE, 1), Color2=(*hue, 1))
    folds = graph.node("TexNoise", Vector=at, Scale=2.5, Detail=3.0)
    graph.set(Base_Color=made.outputs[0], Roughness=0.95)
    graph.bump(folds.outputs[0], 0.5, 0.02 * scale)


def painted(graph: Graph, hue: Colour, rng: Random, scale: float) -> None:
    dirt = graph.node("TexNoise", Vector=graph.place(1 / scale), Scale=1.3, Detail=7.0)
    light = rng.choice([hue, (0.62, 0.58, 0.5), (0.45, 0.5, 0.52)])
    graph.set(
        Base_Color=graph.ramp(dirt.outputs[0], (0.3, shade(light, 0.85)), (0.7, light)), Roughness=rng.uniform(0.4, 0.8)
    )


def concrete(graph: Graph, _: Colour, rng: Random, scale: float) -> None:
    grey = rng.uniform(0.16, 0.42)
    at = graph.place(1 / scale)
    cloud = graph.node("TexNoise", Vector=at, Scale=4.0, Detail=12.0, Roughness=0.7)
    colour = graph.ramp(
        cloud.outputs[0], (0.3, (grey * 0.65, grey * 0.64, grey * 0.62)), (0.7, (grey, grey * 0.98, grey * 0.95))
    )
    graph.set(Base_Color=colour, Roughness=0.75)
    graph.bump(cloud.outputs[0], 0.3, 0.004)


def rug(graph: Graph, hue: Colour, rng: Random, scale: float) -> None:
    at = graph.place(1 / scale)
    pile = graph.node("TexNoise", Vector=at, Scale=260.0, Detail=3.0)
    spots = graph.node("TexNoise", Vector=at, Scale=rng.uniform(3, 9), Detail=1.0)
    graph.set(
        Base_Color=graph.ramp(spots.outputs[0], (0.42, hue), (0.5, shade(hue, 0.5)), (0.6, shade(WHITE, 0.8))),
        Roughness=1.0,
    )
    graph.bump(pile.outputs[0], 0.8, 0.006)


def stone(graph: Graph, _: Colour, rng: Random, scale: float) -> None:
    base = rng.choice([(0.7, 0.68, 0.64), (0.05, 0.05, 0.06), (0.35, 0.3, 0.25)])
    at = graph.place(1 / scale)
    veins = graph.node("TexNoise", Vector=at, Scale=2.2, Detail=10.0, Roughness=0.62, Distortion=1.8)
    vein = shade(base, 0.5) if base[0] > 0.2 else (0.3, 0.3, 0.3)
    graph.set(Base_Color=graph.ramp(veins.outputs[0], (0.44, base), (0.5, vein), (0.56, base)), Roughness=0.18)


def plain(graph: Graph, colour: Colour, rng: Random, scale: float) -> None:
    fine = graph.node("TexNoise", Vector=graph.place(1 / scale), Scale=90.0, Detail=2.0)
    graph.set(Base_Color=(*shade(colour, rng.uniform(0.9, 1.08)), 1), Roughness=rng.uniform(0.45, 0.9))
    graph.bump(fine.outputs[0], 0.1, 0.001)


PATTERNS: dict[str, Callable[[Graph, Colour, Random, float], None]] = {
    "wood": planks,
    "tiles": tiles,
    "cloth": woven,
    "checked": checked,
    "painted": painted,
    "concrete": concrete,
    "rug": rug,
    "stone": stone,
    "white": plain,
    "black": plain,
}


def made_of(name: str, finish: str) -> str:
    """What a material called `name` is made of, `finish` if the name does not tell."""
    return next((what for words, what in NAMED if re.search(words, name, re.IGNORECASE)), finish)


def dress(paint: Any, finish: str, colour: Colour, size: float) -> None:
    """Give a product's material its look: colour linear 0..1, relief sized to a product of `size` metres."""
    graph = Graph(paint)
    graph.set(Base_Color=(*colour, 1), Roughness=ROUGHNESS[finish])
    at = graph.place()
    if finish in ("metal", "brass"):
        graph.set(Metallic=1.0, Base_Color=(*(max(part, 0.04) for part in colour), 1))
    elif finish == "leather":
        grain = graph.node("TexVoronoi", Vector=at, Scale=110 / size)
        graph.bump(grain.outputs[0], 0.25, 0.0012 * size)
    elif finish in ("cloth", "plush"):
        fibre = graph.node(
            "TexNoise", Vector=at, Scale=(60 if finish == "cloth" else 30) / size, Detail=4.0, Roughness=0.8
        )
        tone = graph.ramp(fibre.outputs[0], (0.3, shade(colour, 0.6)), (0.7, shade(colour, 1.2)))
        graph.set(Base_Color=tone, Sheen_Weight=0.5)
        graph.bump(fibre.outputs[0], 0.9, 0.01 * size)
    elif finish == "wood":
        stretched = graph.place((6 / size, 6 / size, 0.8 / size))
        grain = graph.node("TexNoise", Vector=stretched, Scale=2.0, Detail=6.0, Roughness=0.65, Distortion=0.8)
        graph.set(Base_Color=graph.ramp(grain.outputs[0], (0.3, shade(colour, 0.65)), (0.7, shade(colour, 1.15))))
    elif finish == "leaf":
        spots = graph.node("TexNoise", Vector=at, Scale=14 / size, Detail=3.0)
        graph.set(Base_Color=graph.ramp(spots.outputs[0], (0.3, shade(colour, 0.7)), (0.7, shade(colour, 1.3))))
    elif finish in ("glass", "milky"):
        clear = (0.85, 0.87, 0.9) if finish == "milky" else clean(colour)
        graph.set(Base_Color=(*clear, 1), Transmission_Weight=0.5 if finish == "milky" else 1.0, IOR=1.45)
        graph.let_light_through(clear)
    elif finish == "lacquer":
        graph.set(Coat_Weight=0.6)
