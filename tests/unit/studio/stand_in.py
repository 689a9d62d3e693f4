"""Plates for tests, painted with numpy: in the format of the true ones."""

from __future__ import annotations

import atexit
import json
import tempfile
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

SIDE = 512
SWEEP_SIDE = 192
UNIT = 32768
PODIUM = [[0.2, 0.8], [0.35, 0.74], [0.65, 0.74], [0.8, 0.8], [0.65, 0.86], [0.35, 0.86]]


def entry(id: str, surface: str, view: str, **more: Any) -> dict[str, Any]:
    seamless = surface == "sweep" or view == "top"
    pitch = {"front": 8, "high": 32, "top": 90}[view]
    edge = None if seamless else 0.45
    top = 0.0 if view == "top" else 0.45
    return {
        "id": id,
        "file": f"{id}.{'png' if surface == 'sweep' else 'avif'}",
        "title": id,
        "surface": surface,
        "view": view,
        "light": "left",
        "season": None,
        "colour": [255, 255, 255],
        "words": [surface],
        "neutral": surface == "sweep",
        **({"unit": UNIT} if surface == "sweep" else {}),
        "pitch": pitch,
        "fov": 30,
        "horizon": 0.2,
        "edge": edge,
        "floor": [[0, top], [1, top], [1, 1], [0, 1]],
        "stand": {"x": 0.5, "y": 0.8, "width": 0.6, "height": 0.6},
        "sun": {"lean": 0.6, "reach": 0.1, "softness": 0.4, "strength": 0.5, "contact": 0.8},
        "gloss": 0.0,
        "polish": 0.3,
        "grain": 0.6,
        "fill_light": [0.7, 0.7, 0.7],
        **more,
    }


SETS = [
    entry("sweep-front-left", "sweep", "front"),
    entry("sweep-high-left", "sweep", "high"),
    entry("oak-front-left", "oak", "front", colour=[180, 130, 90]),
    entry("oak-high-left", "oak", "high", colour=[180, 130, 90]),
    entry("oak-top-left", "oak", "top", colour=[180, 130, 90]),
    entry("dark-marble-front-top", "dark-marble", "front", light="top", gloss=0.5, polish=0.1, colour=[30, 30, 32]),
    entry("plaster-front-left", "plaster", "front", colour=[210, 200, 190], floor=PODIUM),
    entry("snow-high-left", "snow", "high", season="winter", colour=[235, 238, 244]),
]


def paint(one: dict[str, Any]) -> np.ndarray:
    """A wall above a floor of the plate's colour; a sweep falls off upwards and to the sides; its front is bright."""
    side = SWEEP_SIDE if one["surface"] == "sweep" else SIDE
    y, x = np.mgrid[0:side, 0:side] / side
    if one["surface"] == "sweep":
        return np.rint(UNIT * (1 - 0.3 * np.abs(x - 0.45) - 0.25 * (0.8 - y).clip(0) + 2.5 * (y - 0.8).clip(0))).astype(
            np.uint16
        )
    grain = np.random.default_rng(7).normal(0, 6, (side, side, 1))
    picture = np.array(one["colour"]) + grain
    if one["edge"] is not None:
        picture[y < one["edge"]] = (150, 150, 155)
    return picture.clip(0, 255).astype(np.uint8)


@lru_cache
def folder() -> Path:
    """The index and the pictures, in a folder that is removed when the tests end."""
    kept = tempfile.TemporaryDirectory()
    atexit.register(kept.cleanup)
    return write(Path(kept.name))


def write(folder: Path) -> Path:
    """The index and the pictures, in an empty folder."""
    (folder / "sets.json").write_text(json.dumps(SETS))
    for one in SETS:
        how = {} if one["neutral"] else {"quality": 90, "speed": 9}
        Image.fromarray(paint(one)).save(folder / one["file"], **how)
    return folder
