"""The studio: a snapshot of a product in, a finished product photo out. No key, no GPU, no network.

    cutout = cut_out(decode(data))                                the product without its background, made once
    photo = compose(cutout, Shot("studio", 1024, 1024, seed=1))   set into a set, as often as you like

The product's own pixels are scaled, never repainted; the report of every picture proves it. The studio reads no
environment; its function should set OPENBLAS_NUM_THREADS=1, because more threads only cost time on arrays of this size.
"""

from __future__ import annotations

from packshot.studio.compose import ENGINE, compose
from packshot.studio.cutout import cut_out
from packshot.studio.errors import BadCutout, BadShot, NothingFound, StudioError, WeightsMissing
from packshot.studio.sets import SETS
from packshot.studio.values import Cutout, Rendered, Shot

PRESETS: tuple[str, ...] = tuple(SETS)

__all__ = [
    "ENGINE",
    "PRESETS",
    "BadCutout",
    "BadShot",
    "Cutout",
    "NothingFound",
    "Rendered",
    "Shot",
    "StudioError",
    "WeightsMissing",
    "compose",
    "cut_out",
]
