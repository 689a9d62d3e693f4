"""The plates: photographs of empty sets, made once in a renderer, with what one must know to put a product there.

They lie in the data package `packshot_sets`: `sets.json`, and one square file for each. That is an sRGB picture (AVIF)
or, for a sweep, a small field of light: a grey 16-bit PNG of linear light relative to that on the floor where the
product stands. Lengths are shares of the plate's width (x) or height (y), angles degrees, colours of light linear.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, Literal

import numpy as np
from PIL import Image

from packshot.studio.errors import StudioError
from packshot.studio.field import Bytes, Field

Side = Literal["left", "right", "top"]
View = Literal["front", "high", "top"]

INDEX = "sets.json"
OTHER_SIDE: dict[Side, Side] = {"left": "right", "right": "left", "top": "top"}


class SetsMissing(StudioError):
    """The plates are absent or damaged: a fault of the deployment, never of the caller."""


@dataclass(frozen=True)
class Sun:
    """The main light, by the shadow of an upright rod. `lean` and `reach` are the way of its tip's shadow to the right
    and downwards in the picture, per height of the rod in the picture; `softness` is the width of its penumbra on the
    floor per height of the rod. `strength` 0..1 is the darkness of the cast shadow, `contact` 0..1 that of the line
    where product and floor touch."""

    lean: float
    reach: float
    softness: float
    strength: float
    contact: float


@dataclass(frozen=True)
class Stand:
    """The foot of the product's ground line, and the largest box that the product may take above it."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Plate:
    """One set; `source` is its picture's file, of which a mirrored plate shows the mirror image. A field of light has
    `fill_light` relative to the floor's colour."""

    id: str
    title: str
    surface: str
    view: View
    light: Side
    season: str | None
    colour: tuple[int, int, int]  # mean of the floor, 8-bit sRGB
    words: tuple[str, ...]
    neutral: bool  # a field of light, to be multiplied by any colour
    unit: int | None  # of a field of light: the number that means 1.0
    pitch: float  # the camera's downward angle
    fov: float  # vertical field of view
    horizon: float
    edge: float | None  # where floor meets wall; None: seamless
    floor: tuple[tuple[float, float], ...]  # polygon that takes shadow and reflection
    stand: Stand
    sun: Sun
    gloss: float  # 0..1, strength of the reflection
    polish: float  # 0..1, its blur
    grain: float  # deviation in 8-bit levels
    fill_light: tuple[float, float, float]  # linear light that falls from the set on the product's rim
    source: Traversable
    mirrored: bool = False

    @property
    def name(self) -> str:
        return f"{self.id}-mirrored" if self.mirrored else self.id

    def mirror(self) -> Plate:
        """The same set seen in a mirror: its light comes from the other side."""
        return replace(
            self,
            light=OTHER_SIDE[self.light],
            floor=tuple((1 - x, y) for x, y in self.floor),
            stand=replace(self.stand, x=1 - self.stand.x),
            sun=replace(self.sun, lean=-self.sun.lean),
            mirrored=not self.mirrored,
        )

    def depression(self, y: float) -> float:
        """Angle in radians by which the camera looks down on the floor at height y of the plate, 2 to 90 degrees."""
        angle = math.radians(self.pitch) + math.atan((2 * y - 1) * math.tan(math.radians(self.fov) / 2))
        return min(max(angle, math.radians(2)), math.pi / 2)


@lru_cache(maxsize=4)
def plates(folder: Path | None = None) -> tuple[Plate, ...]:
    """All plates in the order of their ids; `folder` replaces the built-in ones. Raises SetsMissing."""
    try:
        source: Traversable = folder if folder is not None else resources.files("packshot_sets")
        entries = json.loads(source.joinpath(INDEX).read_text("utf-8"))
        found = [_plate(entry, source) for entry in entries]
    except (OSError, ModuleNotFoundError, KeyError, TypeError, ValueError) as error:
        raise SetsMissing("the plates of the studio's sets could not be read") from error
    if not found:
        raise SetsMissing("the studio has no plates")
    return tuple(sorted(found, key=lambda plate: plate.id))


def _plate(entry: dict[str, Any], source: Traversable) -> Plate:
    known = {name: entry[name] for name in Plate.__dataclass_fields__ if name not in ("unit", "source", "mirrored")}
    corners = tuple((float(x), float(y)) for x, y in entry["floor"])
    lists = {name: tuple(entry[name]) for name in ("colour", "words", "fill_light")}
    nested = {"floor": corners, "stand": Stand(**entry["stand"]), "sun": Sun(**entry["sun"])}
    if bool(entry["neutral"]) != ("unit" in entry):
        raise ValueError("a field of light has a unit, a picture none")
    return Plate(**{**known, **lists, **nested}, unit=entry.get("unit"), source=source.joinpath(entry["file"]))


@lru_cache(maxsize=1)
def pixels(plate: Plate) -> Bytes:
    """A plate's picture (S, S, 3) uint8 sRGB, as it is stored: not mirrored. Raises SetsMissing."""
    return np.asarray(_opened(plate, "AVIF").convert("RGB"))


@lru_cache(maxsize=1)
def light(plate: Plate) -> Field:
    """A sweep's field of light (S, S), 1.0 where the product stands; not mirrored. Raises SetsMissing."""
    return np.asarray(_opened(plate, "PNG"), np.float32) / np.float32(plate.unit or 1)


def _opened(plate: Plate, format: str) -> Image.Image:
    try:
        with plate.source.open("rb") as file:
            image = Image.open(file, formats=(format,))
            image.load()
            return image
    except OSError as error:
        raise SetsMissing(f"the plate {plate.id} could not be read") from error
