"""Develop the rendered light, write a plate, its row in sets.json and its line in MANIFEST.json."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image
from sets import camera as cameras
from sets.light import shadow
from sets.probe import Measured
from sets.recipes import SURFACES, Recipe, Room
from sets.scenes import Stage
from sets.shots import Linear
from sets.sources import SOURCES

UNIT = 32768  # what 1.0 linear is in a light field of 16 bits
KNEE = 0.7  # linear light above it is rolled off towards white, as film does it
QUALITIES = (84, 76, 68, 60, 52, 44, 36)  # of AVIF, best first
MOST = 110_000  # bytes of a plate
GRAIN = 1.0  # 8-bit levels


def develop(light: Linear, measured: Measured) -> npt.NDArray[np.uint8]:
    """Linear light as 8-bit sRGB: balanced and exposed by the grey card, highlights rolled off, nothing else."""
    light = light * measured.gain
    over = KNEE + (1 - KNEE) * (1 - np.exp(-np.maximum(light - KNEE, 0) / (1 - KNEE)))
    light = np.clip(np.where(light > KNEE, over, light), 0, 1)
    return np.round(255 * srgb(light)).astype(np.uint8)


def srgb(light: Linear) -> Linear:
    """Linear light 0..1 as sRGB 0..1 (IEC 61966-2-1)."""
    curve = 1.055 * np.maximum(light, 0.0031308) ** (1 / 2.4) - 0.055
    return np.asarray(np.where(light <= 0.0031308, light * 12.92, curve), np.float32)


def light_field(light: Linear, stage: Stage) -> npt.NDArray[np.uint16]:
    """A sweep's light relative to the floor at the stand point, UNIT = 1.0, in steps of UNIT / 2048."""
    grey = light.mean(-1)
    field = np.minimum(blurred(grey / at_stand(grey, stage)), 65535 / UNIT)
    return np.minimum(np.round(field * UNIT / 16) * 16, 65520).astype(np.uint16)


def blurred(grey: Linear, passes: int = 16) -> Linear:
    """A binomial blur that takes the last noise out of a smooth field."""
    for axis in (0, 1):
        for _ in range(passes):
            width = [(1, 1) if a == axis else (0, 0) for a in (0, 1)]
            wide = np.pad(grey, width, mode="reflect", reflect_type="odd")
            first, middle, last = (np.take(wide, range(s, s + grey.shape[axis]), axis) for s in (0, 1, 2))
            grey = np.asarray((first + 2 * middle + last) / 4, np.float32)
    return grey


def at_stand(grey: Linear, stage: Stage) -> float:
    """The mean of a square of 2 % around the stand point."""
    side = grey.shape[0]
    x, y = (round(share * side) for share in cameras.project(stage.camera, (0, 0, stage.top)))
    reach = max(2, side // 100)
    return float(grey[y - reach : y + reach + 1, x - reach : x + reach + 1].mean())


def describe(recipe: Recipe, stage: Stage, measured: Measured, light: Linear) -> dict[str, Any]:
    """The plate's row in sets.json."""
    surface, view, camera = SURFACES[recipe.surface], stage.view, stage.camera
    neutral = recipe.surface == "sweep"
    fill = measured.fill
    if neutral:
        fill = fill / at_stand((light * measured.gain).mean(-1), stage)
    seen = None
    if recipe.edge is not None and view.pitch < 90:
        seen = cameras.project(camera, (0, recipe.edge, 0.0))[1]
    foot_x, foot_y = cameras.project(camera, (0, 0, stage.top))
    stand_y = view.stand_y if view.pitch == 90 else foot_y
    sun = shadow(camera, view, stage.key, stage.top)
    return {
        "id": recipe.id,
        "file": f"{recipe.id}.{'png' if neutral else 'avif'}",
        "title": f"{surface.title}, {recipe.title}",
        "surface": recipe.surface,
        "view": recipe.view,
        "light": recipe.light,
        "season": surface.season,
        "colour": [255, 255, 255] if neutral else floor_colour(light, stage, measured),
        "words": sorted({*surface.words, *recipe.words}),
        "neutral": neutral,
        **({"unit": UNIT} if neutral else {}),
        "pitch": view.pitch,
        "fov": round(cameras.field_of_view(view), 3),
        "horizon": round(cameras.horizon(camera, view), 4),
        "edge": None if seen is None or not 0 < seen < 1 else round(seen, 4),
        "floor": [[round(x, 4), round(y, 4)] for x, y in stage.floor],
        "stand": {"x": round(foot_x, 4), "y": round(stand_y, 4), "width": stage.wide, "height": view.box},
        "sun": {
            **{key: round(value, 3) for key, value in sun.items()},
            "strength": round(measured.strength, 3),
            "contact": round(measured.contact, 3),
        },
        "gloss": surface.gloss,
        "polish": surface.polish,
        "grain": GRAIN,
        "fill_light": [round(float(channel), 4) for channel in fill],
    }


def floor_colour(light: Linear, stage: Stage, measured: Measured) -> list[int]:
    """The mean colour of the floor around the stand point, 8-bit sRGB."""
    side = light.shape[0]
    x, y = (round(share * side) for share in cameras.project(stage.camera, (0, 0, stage.top)))
    patch = light[max(0, y - side // 20) : y + side // 20, x - side // 5 : x + side // 5]
    mean = np.clip((patch * measured.gain).mean((0, 1)), 0, 1)
    return [round(255 * float(channel)) for channel in srgb(mean.astype(np.float32))]


def encoded(plate: npt.NDArray[np.uint8]) -> bytes:
    """The plate as AVIF in the best of QUALITIES that takes at most MOST bytes, or in the last one."""
    data = b""
    for quality in QUALITIES:
        out = io.BytesIO()
        Image.fromarray(plate).save(out, "AVIF", quality=quality, speed=6, max_threads=1)
        data = out.getvalue()
        if len(data) <= MOST:
            break
    return data


def keep(folder: Path, recipe: Recipe, row: dict[str, Any], plate: npt.NDArray[Any], order: Iterable[str]) -> int:
    """Write the plate and its row; returns the plate's bytes. Rows of ids that are not in `order` are dropped."""
    file = folder / row["file"]
    if row["neutral"]:
        Image.fromarray(plate).save(file, "PNG", optimize=True)
    else:
        file.write_bytes(encoded(plate))
    index = folder / "sets.json"
    rows = {old["id"]: old for old in json.loads(index.read_text())} if index.exists() else {}
    rows[recipe.id] = row
    listed = [rows[id] for id in order if id in rows]
    index.write_text("[\n" + ",\n".join(json.dumps(each) for each in listed) + "\n]\n")
    return len(file.read_bytes())


def manifest(folder: Path, recipes: Iterable[Recipe]) -> int:
    """Write MANIFEST.json for the plates that exist; returns the bytes of the whole folder's data."""
    rows = {row["id"]: row for row in json.loads((folder / "sets.json").read_text())}
    files = []
    for recipe in recipes:
        if recipe.id in rows:
            data = (folder / rows[recipe.id]["file"]).read_bytes()
            inputs = [f"hdri/{recipe.behind.panorama}.exr.js"] if isinstance(recipe.behind, Room) else []
            files.append(
                {
                    "file": rows[recipe.id]["file"],
                    "bytes": len(data),
                    "sha256": hashlib.sha256(data).hexdigest(),
                    "licence": "CC0-1.0",
                    "inputs": inputs,
                }
            )
    made = {"made_by": "tools/sets", "sources": SOURCES, "files": files}
    (folder / "MANIFEST.json").write_text(json.dumps(made, indent=1) + "\n")
    return sum(
        len((folder / name).read_bytes())
        for name in ("sets.json", "MANIFEST.json", *(row["file"] for row in rows.values()))
    )
