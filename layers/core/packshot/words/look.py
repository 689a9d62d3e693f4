"""What words can wish of a set."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Look:
    """What is wished of a set beyond its preset; None: as the set has it."""

    surface: str | None = None  # what the product stands on: the id of a surface, such as "oak"
    colour: tuple[int, int, int] | None = None  # 8-bit sRGB, of a sweep
    light: Literal["left", "right", "top"] | None = None
    softness: Literal["soft", "hard"] | None = None
    warmth: Literal["warm", "cool"] | None = None
    view: Literal["front", "high", "top"] | None = None  # top: flat lay
    shadow: Literal["none", "soft", "hard"] | None = None
    reflection: bool | None = None
    season: str | None = None


ANY = Look()
"""No wish at all."""
