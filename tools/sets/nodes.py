"""A small language for Blender's shader nodes: every method adds one node and returns its output socket.

A value given to a method is a socket (then it is linked), a number or a tuple (then it is the socket's default).
Lengths are metres, colours `#rrggbb` in sRGB.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import bpy  # type: ignore[import-not-found]

Socket = Any
Colour = tuple[float, float, float, float]


def linear(colour: str) -> Colour:
    """`#rrggbb` in sRGB as linear light with alpha 1."""
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return red, green, blue, 1.0


class Graph:
    """One material's node tree. `flat`: textures are read in x and y only, which halves the cost of a level floor."""

    def __init__(self, tree: Any, flat: bool = False) -> None:
        self.tree = tree
        self.space = "2D" if flat else "3D"
        tree.nodes.clear()

    def add(self, kind: str, inputs: Mapping[Any, Any], **attributes: Any) -> Any:
        """A node of this kind; raises KeyError or IndexError for an input it does not have."""
        node = self.tree.nodes.new(kind)
        for name, value in attributes.items():
            setattr(node, name, value)
        for key, value in inputs.items():
            if isinstance(value, bpy.types.NodeSocket):
                self.tree.links.new(value, node.inputs[key])
            else:
                node.inputs[key].default_value = value
        return node

    def position(self) -> Socket:
        """Where the shaded point lies in its object, metres."""
        return self.add("ShaderNodeTexCoord", {}).outputs["Object"]

    def attribute(self, name: str) -> Socket:
        """A number stored on the mesh's vertices or faces."""
        return self.add("ShaderNodeAttribute", {}, attribute_name=name).outputs["Factor"]

    def split(self, vector: Socket) -> tuple[Socket, Socket, Socket]:
        outputs = self.add("ShaderNodeSeparateXYZ", {0: vector}).outputs
        return outputs[0], outputs[1], outputs[2]

    def join(self, x: Any, y: Any, z: Any = 0.0) -> Socket:
        return self.add("ShaderNodeCombineXYZ", {0: x, 1: y, 2: z}).outputs[0]

    def math(self, operation: str, a: Any, b: Any = 0.0, c: Any = 0.0) -> Socket:
        return self.add("ShaderNodeMath", {0: a, 1: b, 2: c}, operation=operation).outputs[0]

    def plus(self, a: Any, b: Any) -> Socket:
        return self.math("ADD", a, b)

    def times(self, a: Any, b: Any) -> Socket:
        return self.math("MULTIPLY", a, b)

    def place(
        self, vector: Socket, scale: Sequence[float] = (1, 1, 1), turn: float = 0.0, at: Any = (0, 0, 0)
    ) -> Socket:
        """The vector turned about z (radians), then scaled by axis, then moved."""
        if turn:
            vector = self.add("ShaderNodeMapping", {"Vector": vector, "Rotation": (0, 0, turn)}).outputs[0]
        return self.add("ShaderNodeMapping", {"Vector": vector, "Location": at, "Scale": tuple(scale)}).outputs[0]

    def shift(self, vector: Socket, by: Any) -> Socket:
        return self.add("ShaderNodeVectorMath", {0: vector, 1: by}, operation="ADD").outputs[0]

    def noise(self, vector: Socket, scale: float, detail: float = 4, rough: float = 0.5, warp: float = 0) -> Socket:
        """fBm noise, about 0.25..0.75 around 0.5."""
        inputs = {"Vector": vector, "Scale": scale, "Detail": detail, "Roughness": rough, "Distortion": warp}
        return self.add("ShaderNodeTexNoise", inputs, noise_dimensions=self.space).outputs[0]

    def drift(self, vector: Socket, scale: float, detail: float, by: float) -> Socket:
        """The vector moved by a noise of this scale, up to about `by` metres."""
        inputs = {"Vector": vector, "Scale": scale, "Detail": detail}
        noise = self.add("ShaderNodeTexNoise", inputs, noise_dimensions=self.space).outputs[1]
        centred = self.add("ShaderNodeVectorMath", {0: noise, 1: (0.5, 0.5, 0.5)}, operation="SUBTRACT").outputs[0]
        scaled = self.add("ShaderNodeVectorMath", {0: centred, "Scale": 2 * by}, operation="SCALE").outputs[0]
        return self.shift(vector, scaled)

    def cells(self, vector: Socket, scale: float, feature: str = "F1", random: float = 1.0) -> Any:
        """The outputs of a Voronoi texture: Distance, Color, Position."""
        inputs = {"Vector": vector, "Scale": scale, "Randomness": random}
        return self.add("ShaderNodeTexVoronoi", inputs, feature=feature, voronoi_dimensions=self.space).outputs

    def dice(self, vector: Socket) -> tuple[Socket, Socket]:
        """White noise: one number and three numbers 0..1 that depend on the vector only."""
        outputs = self.add("ShaderNodeTexWhiteNoise", {"Vector": vector}, noise_dimensions="3D").outputs
        return outputs[0], outputs[1]

    def step(self, value: Any, low: float, high: float, to_low: float = 0.0, to_high: float = 1.0) -> Socket:
        """A smooth step from `to_low` at `low` to `to_high` at `high`; `low` is the smaller one."""
        inputs = {0: value, 1: low, 2: high, 3: to_low, 4: to_high}
        return self.add("ShaderNodeMapRange", inputs, interpolation_type="SMOOTHSTEP").outputs[0]

    def ramp(self, value: Any, *stops: tuple[float, str]) -> Socket:
        """Colours along 0..1."""
        node = self.add("ShaderNodeValToRGB", {0: value})
        elements = node.color_ramp.elements
        while len(elements) < len(stops):
            elements.new(0.5)
        for element, (at, colour) in zip(elements, stops, strict=True):
            element.position, element.color = at, linear(colour)
        return node.outputs[0]

    def mix(self, share: Any, a: Any, b: Any, blend: str = "MIX") -> Socket:
        """Colour a where share is 0, colour b where it is 1."""
        inputs = {0: share, 6: linear(a) if isinstance(a, str) else a, 7: linear(b) if isinstance(b, str) else b}
        return self.add("ShaderNodeMix", inputs, data_type="RGBA", blend_type=blend, clamp_factor=True).outputs[2]

    def shade(self, colour: Any, by: Any) -> Socket:
        """The colour times a number."""
        return self.mix(1.0, colour, self.join(by, by, by), "MULTIPLY")

    def finish(
        self, colour: Any, rough: Any, height: Any = None, depth: float = 0.001, bounce: str | None = None, **more: Any
    ) -> None:
        """A principled surface; `height` 0..1 is a relief of `depth` metres; `more` are further inputs by name.

        Light that comes by way of this surface sees its plain colour `bounce` only, which costs no textures.
        """
        inputs = {
            "Base Color": linear(colour) if isinstance(colour, str) else colour,
            "Roughness": rough,
            **{name.replace("_", " ").title().replace("Ior", "IOR"): value for name, value in more.items()},
        }
        if height is not None:
            inputs["Normal"] = self.add(
                "ShaderNodeBump", {"Strength": 1.0, "Distance": depth, "Height": height}
            ).outputs[0]
        surface = self.add("ShaderNodeBsdfPrincipled", inputs).outputs[0]
        if bounce:
            plain = self.add("ShaderNodeBsdfDiffuse", {"Color": linear(bounce)}).outputs[0]
            indirect = self.add("ShaderNodeLightPath", {}).outputs["Is Diffuse Ray"]
            surface = self.add("ShaderNodeMixShader", {0: indirect, 1: surface, 2: plain}).outputs[0]
        self.add("ShaderNodeOutputMaterial", {0: surface})
