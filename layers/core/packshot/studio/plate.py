"""The empty set as a picture: wall, floor in perspective, room out of focus, pool of light. Linear colours."""

from __future__ import annotations

import numpy as np
from PIL import Image

from packshot.studio.colour import lin
from packshot.studio.field import BICUBIC, Field, Mask, resize, soft
from packshot.studio.sets import Colour, Set, random_of
from packshot.studio.surfaces import Random, Surface


def _stops(tone: Field, colours: tuple[Colour, ...]) -> Field:
    """Tone 0..1 to linear colour (rows, columns, 3) by interpolation between stops."""
    table = np.stack([lin(*colour) for colour in colours])
    at = np.linspace(0, 1, len(colours))
    return np.stack([np.interp(tone, at, table[:, c]) for c in range(3)], -1).astype(np.float32)


def _floor_tone(surface: Surface, far: float, random: Random, rows: int, columns: int, ground: float) -> Field:
    """The surface under a camera that looks down: a tile in perspective, out of focus far away and close by."""
    finest = 0.75  # tile pixels per plate pixel at the picture's lower edge
    horizon = -0.35 * rows
    h = -1 / horizon
    front, back = 1 + h * rows, 1 + h * far * rows
    steep = 1.7 * front * front / h
    tile_columns = int(columns * front / back * finest) + 8
    tile_rows = int(steep * (1 / back - 1 / front) * finest) + 8
    tile = surface(random, tile_rows, tile_columns, 0.5 * min(rows, columns) * finest)
    middle, last = tile_columns / 2, tile_rows - 4.0
    # source x = middle + finest (x - columns/2) front / (1 + h y)
    # source y = last - finest steep (1 / (1 + h y) - 1 / front)
    over = last + finest * steep / front
    matrix = (
        finest * front,
        middle * h,
        middle - finest * front * columns / 2,
        0.0,
        over * h,
        over - finest * steep,
        0.0,
        h,
    )
    view = Image.fromarray(tile).transform((columns, rows), Image.Transform.PERSPECTIVE, matrix, BICUBIC)
    sharp: Field = np.array(view, np.float32)
    sharp[: int(far * rows) - 1] = sharp[int(far * rows)]
    y = np.arange(rows, dtype=np.float32)[:, None] / rows
    away = np.abs(y - ground + 0.05)
    size = max(rows, columns)
    for sigma, start in ((0.0016, 0.08), (0.005, 0.22), (0.011, 0.36)):
        share = ((away - start) / 0.14).clip(0, 1)
        sharp = sharp + share * (soft(sharp, sigma * size) - sharp)
    return sharp


def _room(random: Random, rows: int, columns: int, side: float) -> Field:
    """A bright room far out of focus: window, shelf, plant; relative linear light (rows, columns, 3) about 1.

    The window is on the `side` the light comes from (-1 left). Nothing is sharp: all is painted at a quarter size.
    """
    high, wide = -(-rows // 4), -(-columns // 4)
    size, aspect = max(high, wide), wide / high
    y, x = np.arange(high, dtype=np.float32)[:, None] / high, np.arange(wide, dtype=np.float32)[None] / wide
    across = 1 - x if side > 0 else x
    room = np.ones((high, wide, 3), np.float32) * (1 + 0.35 * np.exp(-((across / 0.5) ** 2)) - 0.25 * across)[..., None]

    def paint(inside: Mask, colour: tuple[float, float, float], blur: float, strength: float = 1.0) -> None:
        cover = strength * soft(inside.astype(np.float32), blur * size)
        room[:] += cover[..., None] * (np.array(colour, np.float32) - room)

    window = random.uniform(0.0, 0.08)
    paint((across > window) & (across < window + 0.27) & (y < 0.31), (1.75, 1.78, 1.78), 0.022)
    paint((np.abs(across - window - 0.135) < 0.009) & (y < 0.31), (0.95, 0.92, 0.88), 0.012)
    paint((np.abs(y - 0.1) < 0.008) & (across > window) & (across < window + 0.27), (0.95, 0.92, 0.88), 0.012)
    shelf = random.uniform(0.62, 0.7)
    paint((across > shelf) & (y > 0.215) & (y < 0.235), (0.42, 0.28, 0.18), 0.011)
    paint((across > shelf) & (y > 0.235) & (y < 0.275), (0.62, 0.56, 0.5), 0.016, 0.6)
    left = shelf + 0.02
    for tint in ((0.72, 0.4, 0.28), (0.92, 0.88, 0.8), (0.3, 0.38, 0.4), (0.8, 0.64, 0.4), (0.55, 0.5, 0.46)):
        width, tall = random.uniform(0.02, 0.06), random.uniform(0.05, 0.13)
        paint((across > left) & (across < left + width) & (y > 0.215 - tall) & (y < 0.215), tint, 0.011)
        left += width + random.uniform(0.008, 0.03)
    stem_x, stem_y = random.uniform(0.44, 0.52), 0.36
    for _ in range(34):
        angle, far = random.uniform(-1.25, 1.25), random.uniform(0.05, 0.24)
        cx, cy = stem_x + far * np.sin(angle) / aspect, stem_y - far * np.cos(angle)
        along = (across - cx) * aspect * np.sin(angle) - (y - cy) * np.cos(angle)
        beside = (across - cx) * aspect * np.cos(angle) + (y - cy) * np.sin(angle)
        green = random.uniform(0.7, 1.5)
        leaf = (along / 0.045) ** 2 + (beside / 0.012) ** 2 < 1
        paint(leaf, (0.26 * green, 0.34 * green, 0.2 * green), 0.009, 0.85)
    paint((np.abs(across - stem_x) * aspect < 0.05) & (y > 0.3), (0.78, 0.68, 0.58), 0.01)
    return np.stack([resize(np.ascontiguousarray(room[..., c]), columns, rows, BICUBIC) for c in range(3)], -1)


def plate(
    scene: Set, preset: str, seed: int, rows: int, columns: int, ground: float, centre: float
) -> tuple[Field, Field]:
    """The empty set: (linear colours (rows, columns, 3), floor share (rows, columns) 0..1).

    `ground` is where the product stands and `centre` its middle, as shares of the height and the width.
    """
    random = random_of(preset, seed, "surface")
    y: Field = (np.arange(rows, dtype=np.float32) / np.float32(rows))[:, None]
    x: Field = (np.arange(columns, dtype=np.float32) / np.float32(columns))[None]
    aspect = columns / rows
    breadth = min(aspect, 1.0) + 0.35 * max(aspect - 1, 0.0)  # the light of a wide set is wide too
    side = -float(np.sign(scene.lamp.lean))  # where the light comes from
    top, bottom = (lin(*colour) for colour in scene.wall)
    reach = scene.edge if scene.surface else ground
    rise = (y / max(reach, 0.05)).clip(0, 1)[..., None]
    wall = np.asarray((top + (bottom - top) * rise**1.3) * np.ones((1, columns, 1)), np.float32)
    if scene.room:
        wall *= 1 + scene.room * (_room(random, rows, columns, side) - 1)
    away = ((x - centre - 0.06 * side) * breadth / 0.55) ** 2 + ((y - ground + 0.36) / 0.42) ** 2
    wall *= (1 + scene.halo * np.exp(-away) - 0.25 * scene.halo / (1 + scene.halo))[..., None]
    spread = ((x - centre - 0.08 * side) * breadth / 0.62) ** 2 + ((y - ground) / 0.42) ** 2
    pool = (1 - scene.pool + scene.pool * np.exp(-0.8 * spread)) * (1 + 0.10 * side * (x - 0.5) * 2)
    share: Field
    floor: Field
    if scene.surface is None:
        share = 1 / (1 + np.exp(-(y - ground + 0.16) / 0.05)) * np.ones_like(x)
        floor = lin(*scene.floor[-1]) * np.ones((rows, columns, 1), np.float32)
    else:
        share = soft(((y > scene.edge) & (x >= 0)).astype(np.float32), 0.0035 * max(rows, columns))
        floor = _stops(_floor_tone(scene.surface, scene.edge, random, rows, columns, ground), scene.floor)
        sheen = 0.22 * scene.gloss**0.5 * np.exp(-(y - scene.edge).clip(0) / 0.12)
        floor = floor + sheen[..., None] * bottom * np.exp(-0.5 * away)[..., None]
    floor = floor * pool[..., None]
    colours: Field = wall + share[..., None] * (floor - wall)
    corner = ((x - 0.5) ** 2 * min(aspect, 1.0) ** 2 + (y - 0.5) ** 2 * min(1 / aspect, 1.0) ** 2) / 0.5
    colours *= (1 - scene.vignette * corner.clip(0, 1) ** 1.3)[..., None]
    return colours.astype(np.float32), share.astype(np.float32)
