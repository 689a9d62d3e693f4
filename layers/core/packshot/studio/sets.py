"""The presets as data: what each wishes of a set. The sets themselves are plates (plates.py), chosen in choose.py."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from packshot.studio.errors import BadShot
from packshot.studio.values import Shot
from packshot.words.look import Look

Colour = tuple[int, int, int]  # 8-bit sRGB

EXACT_WHITE = ("amazon", "white")
SURFACES = (
    "sweep",
    "white-marble",
    "dark-marble",
    "oak",
    "walnut",
    "pine",
    "concrete",
    "dark-concrete",
    "linen",
    "plaster",
    "slate",
    "terrazzo",
    "sand",
    "moss",
    "snow",
    "autumn",
    "spring",
    "christmas",
)

PRESETS: dict[str, Look] = {
    "studio": Look(surface="sweep"),
    **{name: Look() for name in EXACT_WHITE},
    "luxury": Look(surface="dark-marble", reflection=True),
    "lifestyle": Look(surface="oak"),
    "marble": Look(surface="white-marble"),
    "wood": Look(surface="walnut"),
    **{surface: Look(surface=surface) for surface in SURFACES},
}


@dataclass(frozen=True)
class Scene:
    """What is set around the product. `tones` paint a sweep: the wall's upper end, the wall, the floor."""

    look: Look
    exact_white: bool = False
    tones: tuple[Colour, Colour, Colour] | None = None


def scene_of(shot: Shot) -> Scene:
    """The preset with the shot's own wishes over it. Raises BadShot for an unknown preset.

    A season that is wished for takes the place of the preset's surface, since few surfaces have all seasons.
    """
    if shot.preset not in PRESETS:
        raise BadShot(f"the studio has no preset called {shot.preset!r}")
    if shot.preset in EXACT_WHITE:
        return Scene(shot.look, exact_white=True)
    look, own = PRESETS[shot.preset], shot.look
    if own.season is not None:
        look = replace(look, surface=None)
    return Scene(replace(look, **stated(own)))


def stated(look: Look) -> dict[str, Any]:
    """The wishes of a look that are not silent, by the name of their kind."""
    return {one.name: getattr(look, one.name) for one in fields(look) if getattr(look, one.name) is not None}


def random_of(preset: str, seed: int, purpose: str) -> np.random.Generator:
    """The only source of chance: the same words give the same numbers."""
    return np.random.Generator(np.random.PCG64([seed % 2**63, zlib.crc32(f"{preset}/{purpose}".encode())]))
