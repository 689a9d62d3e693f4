"""The sets as data: what stands around the product, and how the light falls."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, replace

import numpy as np

from packshot.studio import surfaces
from packshot.studio.light import Lamp

Colour = tuple[int, int, int]  # 8-bit sRGB


LAMP = Lamp(lean=0.45, reach=0.04, softness=0.16, strength=0.5, contact=0.85)


@dataclass(frozen=True)
class Set:
    """One set. Lengths are shares of the picture's height, brightnesses are linear light."""

    floor: tuple[Colour, ...]  # from the darkest to the lightest tone of the surface
    wall: tuple[Colour, Colour]  # top, bottom
    surface: surfaces.Surface | None = None  # None: a seamless sweep
    edge: float = 0.40  # where the table ends and the wall begins
    room: float = 0.0  # 0..1, how much of a blurred room is seen on the wall
    lamp: Lamp = LAMP
    pool: float = 0.25  # how much darker the floor gets away from the product
    halo: float = 0.2  # glow on the wall behind the product
    gloss: float = 0.0  # 0..1, strength of the reflection
    polish: float = 0.02  # blur of the reflection, of the product's size
    vignette: float = 0.12
    grain: float = 0.9  # deviation in 8-bit levels
    wide: float = 0.70  # the product fills at most these shares of the frame
    tall: float = 0.66
    exact_white: bool = False


WHITE = Set(floor=((255, 255, 255),), wall=((255, 255, 255), (255, 255, 255)), wide=0.88, tall=0.88, exact_white=True)

SETS: dict[str, Set] = {
    "studio": Set(
        floor=((236, 236, 237),),
        wall=((214, 215, 218), (236, 236, 237)),
        lamp=Lamp(0.5, 0.06, 0.15, 0.5, 0.8),
        pool=0.30,
        halo=0.22,
        gloss=0.05,
        polish=0.03,
        vignette=0.14,
    ),
    "amazon": WHITE,
    "white": WHITE,
    "luxury": Set(
        surface=surfaces.marble,
        floor=((236, 222, 198), (138, 130, 122), (52, 51, 54), (27, 27, 30)),
        wall=((10, 10, 12), (30, 30, 34)),
        edge=0.52,
        lamp=Lamp(0.3, 0.05, 0.2, 0.6, 0.9),
        pool=0.5,
        halo=2.4,
        gloss=0.24,
        polish=0.012,
        vignette=0.35,
        grain=1.1,
        wide=0.66,
        tall=0.64,
    ),
    "lifestyle": Set(
        surface=surfaces.wood,
        floor=((60, 36, 20), (124, 82, 50), (176, 128, 86), (212, 172, 130)),
        wall=((226, 214, 198), (206, 188, 166)),
        edge=0.40,
        room=1.0,
        lamp=Lamp(0.62, 0.07, 0.10, 0.62, 0.85),
        pool=0.30,
        halo=0.15,
        gloss=0.07,
        polish=0.05,
        vignette=0.18,
        grain=1.3,
        wide=0.64,
        tall=0.62,
    ),
    "marble": Set(
        surface=surfaces.marble,
        floor=((120, 120, 124), (186, 186, 188), (224, 223, 222), (242, 241, 239)),
        wall=((222, 222, 224), (236, 235, 233)),
        edge=0.40,
        lamp=Lamp(0.42, 0.05, 0.15, 0.45, 0.85),
        pool=0.22,
        halo=0.12,
        gloss=0.13,
        polish=0.014,
        vignette=0.10,
        wide=0.66,
        tall=0.64,
    ),
    "wood": Set(
        surface=surfaces.wood,
        floor=((34, 20, 13), (74, 46, 30), (112, 74, 50), (146, 104, 74)),
        wall=((178, 174, 168), (196, 190, 182)),
        edge=0.40,
        lamp=Lamp(0.5, 0.05, 0.14, 0.52, 0.85),
        pool=0.34,
        halo=0.25,
        gloss=0.08,
        polish=0.05,
        vignette=0.18,
        wide=0.66,
        tall=0.64,
    ),
    "concrete": Set(
        surface=surfaces.concrete,
        floor=((70, 70, 70), (140, 140, 139), (178, 177, 174), (204, 203, 200)),
        wall=((150, 150, 152), (176, 175, 174)),
        edge=0.42,
        lamp=Lamp(0.5, 0.05, 0.13, 0.52, 0.85),
        pool=0.32,
        halo=0.3,
        vignette=0.18,
        wide=0.66,
        tall=0.64,
    ),
    "linen": Set(
        surface=surfaces.linen,
        floor=((130, 116, 96), (196, 182, 160), (224, 213, 196), (243, 236, 224)),
        wall=((232, 226, 216), (238, 232, 222)),
        edge=0.36,
        room=0.35,
        lamp=Lamp(0.55, 0.05, 0.13, 0.42, 0.75),
        pool=0.22,
        halo=0.12,
        vignette=0.12,
        wide=0.66,
        tall=0.64,
    ),
}


def random_of(preset: str, seed: int, purpose: str) -> np.random.Generator:
    """The only source of chance: the same words give the same numbers."""
    return np.random.Generator(np.random.PCG64([seed % 2**63, zlib.crc32(f"{preset}/{purpose}".encode())]))


def turned(scene: Set, preset: str, seed: int) -> Set:
    """The set with the light on the side that the seed says."""
    random = random_of(preset, seed, "light")
    side = -1.0 if random.random() < 0.5 else 1.0
    lean = scene.lamp.lean * side * float(random.uniform(0.85, 1.15))
    return replace(scene, lamp=replace(scene.lamp, lean=lean))
