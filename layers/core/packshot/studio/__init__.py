"""The studio: a snapshot of a product in, a finished product photo out. No key, no GPU, no network.

    cutout = cut_out(decode(data))                                the product without its background, made once
    photo = compose(cutout, Shot("studio", 1024, 1024, seed=1))   set into a set, as often as you like

    remove_background(picture, cutout)    the product where it was, on nothing or on exact white
    remix(cutout, reference, shot)        the product in a plain set with the colours of another picture
    upscale(picture), enhance(picture), relight(picture)    the whole picture: larger, clearer, in a more even light

The product's own pixels are scaled, never repainted; the report of every picture proves it, and that of the last three
says how far they went. The studio reads no environment; its function should set OPENBLAS_NUM_THREADS=1, because more
threads only cost time on arrays of this size.
"""

from __future__ import annotations

from packshot.studio.background import remove_background
from packshot.studio.compose import compose
from packshot.studio.cutout import cut_out
from packshot.studio.enhance import enhance
from packshot.studio.errors import BadCutout, BadShot, NothingFound, StudioError, TooLarge, WeightsMissing
from packshot.studio.relight import relight
from packshot.studio.remix import remix
from packshot.studio.sets import SETS
from packshot.studio.upscale import upscale
from packshot.studio.values import ENGINE, Cutout, Rendered, Shot

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
    "TooLarge",
    "WeightsMissing",
    "compose",
    "cut_out",
    "enhance",
    "relight",
    "remix",
    "remove_background",
    "upscale",
]
