"""The studio: a snapshot of a product in, a finished product photo out. No key, no GPU, no network.

    cutout = cut_out(decode(data))                                the product without its background, made once
    photo = compose(cutout, Shot("studio", 1024, 1024, seed=1))   set into a set, as often as you like

    remove_background(picture, cutout)    the product where it was, on nothing or on exact white
    remix(cutout, reference, shot)        the product in a plain set with the colours of another picture
    erase(picture, mask)                  a place takes the set that is around it
    upscale(picture), enhance(picture), relight(picture)    the whole picture: larger, clearer, in a more even light

The product's own pixels are scaled, never repainted; the report of every picture proves it, and that of the last three
says how far they went. The studio reads no environment; its function should set OPENBLAS_NUM_THREADS=1, because more
threads only cost time on arrays of this size.
"""

from __future__ import annotations

from packshot.studio import sets
from packshot.studio.background import remove_background
from packshot.studio.compose import compose
from packshot.studio.cutout import cut_out
from packshot.studio.enhance import balanced_product, enhance
from packshot.studio.erase import erase
from packshot.studio.errors import BadCutout, BadShot, NothingFound, StudioError, TooLarge, WeightsMissing
from packshot.studio.plates import SetsMissing
from packshot.studio.relight import relight, relit_product
from packshot.studio.remix import remix
from packshot.studio.upscale import upscale
from packshot.studio.values import CHECK, ENGINE, Cutout, Rendered, Shot
from packshot.words.look import Look

PRESETS: tuple[str, ...] = tuple(sets.PRESETS)

__all__ = [
    "CHECK",
    "ENGINE",
    "PRESETS",
    "BadCutout",
    "BadShot",
    "Cutout",
    "Look",
    "NothingFound",
    "Rendered",
    "SetsMissing",
    "Shot",
    "StudioError",
    "TooLarge",
    "WeightsMissing",
    "balanced_product",
    "compose",
    "cut_out",
    "enhance",
    "erase",
    "relight",
    "relit_product",
    "remix",
    "remove_background",
    "upscale",
]
