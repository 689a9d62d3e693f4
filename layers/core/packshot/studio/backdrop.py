"""The empty set as it is seen in the frame: the plate's window, painted and warmed, in linear light."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from PIL import Image, ImageDraw

from packshot.studio import plates
from packshot.studio.colour import TO_LINEAR, lin
from packshot.studio.field import BICUBIC, Bytes, Field, soft
from packshot.studio.place import Window
from packshot.studio.plates import Plate
from packshot.studio.sets import Scene

PAPER = (234, 234, 236)  # of a sweep for which no colour was wished
WARM = {"warm": (1.07, 1.0, 0.86), "cool": (0.9, 1.0, 1.12)}
BLEND = 0.05  # of the height: how softly a sweep's wall goes over into its floor
BEHIND = 0.16  # of the height: how far behind the product it does


def backdrop(plate: Plate, window: Window, columns: int, rows: int, scene: Scene, ground: float) -> Field:
    """Linear colours (rows, columns, 3) of the window. `ground` is the row, as a share, where the product stands."""
    left = 1 - window.left - window.width if plate.mirrored else window.left
    shown = replace(window, left=left)
    picture: Field
    if plate.neutral:
        light = np.asarray(_part(plates.light(plate), shown, columns, rows))
        picture = _painted(light, colour_of(scene)) if scene.tones is None else _toned(light, scene.tones, ground)
    else:
        picture = TO_LINEAR[np.asarray(_part(plates.pixels(plate), shown, columns, rows))]
    if plate.mirrored:
        picture = np.ascontiguousarray(picture[:, ::-1])
    if scene.look.warmth is not None:
        picture *= np.array(WARM[scene.look.warmth], np.float32)
    return picture


def colour_of(scene: Scene) -> Field:
    """Linear colour of a sweep's floor."""
    return lin(*(scene.tones[-1] if scene.tones else scene.look.colour or PAPER))


def fill_of(plate: Plate, scene: Scene) -> Field:
    """Linear colour (3,) of the light that falls from the set on the product's rim."""
    fill = np.asarray(plate.fill_light, np.float32)
    return fill * colour_of(scene) if plate.neutral else fill


def _part(source: Bytes | Field, window: Window, columns: int, rows: int) -> Image.Image:
    high, wide = source.shape[:2]
    right, bottom = window.left + window.width, window.top + window.height
    part = (window.left * wide, window.top * high, right * wide, bottom * high)
    return Image.fromarray(source).resize((columns, rows), BICUBIC, part)


def _painted(light: Field, colour: Field) -> Field:
    """A field of light in a colour: exactly that one where the light is 1. Brighter places stop where the colour's
    largest channel is full, so the hue is the same everywhere."""
    most = 1 / max(float(colour.max()), 1e-3)
    return np.asarray(light.clip(0, most)[..., None] * colour, np.float32)


def _toned(light: Field, tones: tuple[tuple[int, int, int], ...], ground: float) -> Field:
    """A grey sweep in three colours from top to bottom: what is left of its own light is its fall to the sides."""
    rows = light.shape[0]
    top, wall, floor = (lin(*tone) for tone in tones)
    y = (np.arange(rows, dtype=np.float32) / np.float32(rows))[:, None]
    upper = top + (wall - top) * (y / max(ground, 0.05)).clip(0, 1) ** 1.3
    share = 1 / (1 + np.exp(-(y - ground + BEHIND) / BLEND))
    light = light / light.mean(1, keepdims=True).clip(1e-3)
    colours = upper + share * (floor - upper)
    light = np.minimum(light, 1 / colours.max(1, keepdims=True).clip(1e-3))
    return np.asarray(light[..., None] * colours[:, None], np.float32)


def floor_share(plate: Plate, window: Window, columns: int, rows: int) -> Field:
    """How much of each place (rows, columns) is floor, 0..1; a seamless floor ends softly."""
    corners = [
        ((x - window.left) / window.width * columns, (y - window.top) / window.height * rows) for x, y in plate.floor
    ]
    mask = Image.new("L", (columns, rows))
    ImageDraw.Draw(mask).polygon(corners, fill=255)
    share = np.asarray(mask, np.float32) / np.float32(255)
    return soft(share, (0.03 if plate.edge is None else 0.003) * max(rows, columns))
