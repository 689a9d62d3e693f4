"""Remix: the product, untouched, on a plain set that has the colours of another picture's background."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from packshot.picture import Picture
from packshot.studio.colour import lab
from packshot.studio.compose import composed
from packshot.studio.field import Bytes
from packshot.studio.sets import Colour, Scene
from packshot.studio.values import Cutout, Rendered, Shot

GLANCE = 256  # longer side of the copy in which colours are looked for
RIM = 0.09  # of a side: the border in which they are
ALIKE = 9.0  # CIE76 difference within which colours are one
STARTS = 5
PURE = 250  # a background whose every channel is above is a white one


def remix(cutout: Cutout, reference: Picture, shot: Shot, *, folder: Path | None = None) -> Rendered:
    """One finished picture. The set's wall and floor have the commonest colours of the reference's border: nothing of
    the reference's pixels is copied and nothing is painted over. `folder` and errors as in `compose`."""
    wall, low, floor = colours(reference)
    scene = Scene(replace(shot.look, surface="sweep", colour=None), tones=(wall, low, floor))
    if min(*wall, *low, *floor) >= PURE:
        scene, wall, low, floor = Scene(shot.look, exact_white=True), *(((255, 255, 255),) * 3)
    made = composed(cutout, shot, scene, folder=folder)
    words = {"wall_top": _hex(wall), "wall": _hex(low), "floor": _hex(floor)}
    return replace(made, report={**made.report, **words})


def colours(reference: Picture) -> tuple[Colour, Colour, Colour]:
    """The commonest colours of a picture's upper border, of its sides above the middle, and of its lower border."""
    image = Image.fromarray(reference.pixels)
    image.thumbnail((GLANCE, GLANCE), Image.Resampling.BOX)
    small = np.asarray(image)
    if reference.has_alpha:
        cover = small[..., 3:].astype(np.float32) / 255
        small = np.rint(small[..., :3] * cover + 255 * (1 - cover)).astype(np.uint8)
    rows, columns = small.shape[:2]
    down, across = max(1, round(RIM * rows)), max(1, round(RIM * columns))
    sides = np.concatenate([small[:, :across], small[:, -across:]], 1)
    top = small[:down].reshape(-1, 3)
    middle = sides[rows // 5 : max(rows // 5 + 1, rows // 2)].reshape(-1, 3)
    bottom = np.concatenate([small[-down:].reshape(-1, 3), sides[4 * rows // 5 :].reshape(-1, 3)])
    return commonest(top), commonest(middle), commonest(bottom)


def commonest(pixels: Bytes) -> Colour:
    """The colour that most of (n, 3) pixels are like: from each of the fullest cells of a coarse grid, the mean of what
    is near is followed; the one with the most followers wins."""
    where = lab(pixels)
    _, place, count = np.unique((where // ALIKE).astype(int), axis=0, return_inverse=True, return_counts=True)
    best = np.ones(len(pixels), bool)
    most = 0
    for cell in np.argsort(-count, kind="stable")[:STARTS]:
        alike = place.ravel() == cell
        for _ in range(5):
            alike = np.linalg.norm(where - where[alike].mean(0), axis=1) < ALIKE
            if not alike.any():
                break
        if alike.sum() > most:
            best, most = alike, int(alike.sum())
    red, green, blue = np.rint(pixels[best].mean(0)).astype(int).tolist()
    return red, green, blue


def _hex(colour: Colour) -> str:
    return "#{:02x}{:02x}{:02x}".format(*colour)
