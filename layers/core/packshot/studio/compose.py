"""Set the cut-out into its set and write the file: the product's inside is copied, only its rim is blended."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from packshot.picture import FORMATS, LARGEST_SIDE, MOST_PIXELS, Picture, encode
from packshot.studio import check, light, sets
from packshot.studio.backdrop import backdrop, fill_of, floor_share
from packshot.studio.choose import choose
from packshot.studio.colour import TO_LINEAR, levels
from packshot.studio.errors import BadShot
from packshot.studio.field import BICUBIC, Bytes, Field, resize
from packshot.studio.place import Layer, Window, ground_line, on_plate, on_white
from packshot.studio.plates import Plate, Sun, plates
from packshot.studio.values import ENGINE, Cutout, Rendered, Shot
from packshot.studio.wrap import STRIP, Glow, lay, lay_in
from packshot.words.look import Look

SMALLEST = 32  # pixels a side: the shape of the widest picture that is taken, at 1K
STAGE = 768  # longer side of the small picture in which shadows and reflection are computed
SET = 1536  # the same of the set itself; a sweep needs no more than STAGE
SOFTER, HARDER = 1.7, 0.35  # what a wish makes of the shadow's softness
DEEPER = 1.15  # and a hard one of its strength
DITHER = 0.5  # least deviation of the grain in 8-bit levels: less leaves bands
HIDDEN = 0.6  # share of the set's own reflection that a product's takes the place of
LEAST_GLOSS = 0.16  # strength of a reflection that was asked for
LYING = 0.6  # of the darkness under a standing product's edge: that under one that lies
TINGE = 0.5  # how much of the fill light's colour a shadow takes


def compose(cutout: Cutout, shot: Shot, *, folder: Path | None = None) -> Rendered:
    """One finished picture of a cut-out. The same arguments give the same bytes on one machine.

    `folder` replaces the built-in plates. The report's `delta_e_max` is measured on the composed pixels, before they
    are encoded: what a lossy format does to them afterwards is the format's. Raises BadShot for what the studio does
    not make, SetsMissing without plates.
    """
    return composed(cutout, shot, sets.scene_of(shot), folder=folder)


def composed(cutout: Cutout, shot: Shot, scene: sets.Scene, *, folder: Path | None = None) -> Rendered:
    """The same with a scene of one's own; the preset is only its name."""
    _refuse(shot)
    canvas = np.full((shot.height, shot.width, 3), 255, np.uint8)
    report: dict[str, float | str | bool | list[str]] = {
        "engine": ENGINE,
        "set": shot.preset,
        "cutout_confidence": cutout.confidence,
    }
    if scene.exact_white:
        layer = on_white(cutout, shot)
        for y in range(0, layer.alpha.shape[0], STRIP):
            rows = slice(layer.top + y, layer.top + y + STRIP)
            target = canvas[rows, layer.left : layer.left + layer.alpha.shape[1]]
            lay(target[: layer.alpha.shape[0] - y], layer.rgb[y : y + STRIP], layer.alpha[y : y + STRIP])
        report["ignored"] = list(sets.stated(scene.look))
    else:
        choice = choose(scene.look, shot.seed, cutout, plates(folder), preset=shot.preset)
        layer, window = on_plate(cutout, shot, choice.plate)
        glow = _build(canvas, layer, shot, scene, choice.plate, window)
        lay_in(canvas, layer.rgb, layer.alpha, layer.left, layer.top, glow)
        report |= {"plate": choice.plate.name, "view": choice.plate.view, "ignored": list(choice.missed)}
    kind = "algorithmicallyEnhanced" if scene.exact_white else "composite"
    data = encode(Picture(canvas), format=shot.format, quality=shot.quality, source_type=kind, exact=scene.exact_white)
    report |= {"product_scale": round(layer.scale, 4), "fill": layer.fill}
    report |= check.fidelity(canvas, layer.rgb, layer.alpha, layer.left, layer.top)
    if scene.exact_white:
        report |= check.white(data, layer.alpha, layer.left, layer.top)
    return Rendered(data, shot.width, shot.height, report)


def _refuse(shot: Shot) -> None:
    if not all(SMALLEST <= side <= LARGEST_SIDE for side in (shot.width, shot.height)):
        raise BadShot(f"each side must be between {SMALLEST} and {LARGEST_SIDE} pixels")
    if shot.width * shot.height > MOST_PIXELS:
        raise BadShot(f"at most {MOST_PIXELS // 1_000_000} megapixels")
    if shot.format not in FORMATS:
        raise BadShot(f"the studio writes {', '.join(FORMATS)}, not {shot.format!r}")
    if not 1 <= shot.quality <= 100:
        raise BadShot("quality must be between 1 and 100")
    if shot.fill is not None and not 0.05 <= shot.fill <= 1:
        raise BadShot("fill must be between 0.05 and 1")


def sun_of(plate: Plate, look: Look) -> Sun:
    """The plate's main light as the look wants its shadow."""
    sun, wish = plate.sun, look.shadow or look.softness
    if wish == "none":
        return replace(sun, strength=0.0, contact=0.0)
    if wish == "hard":
        return replace(sun, softness=sun.softness * HARDER, strength=min(1.0, sun.strength * DEEPER))
    if wish == "soft":
        return replace(sun, softness=sun.softness * SOFTER, strength=sun.strength / DEEPER)
    return sun


def _build(canvas: Bytes, layer: Layer, shot: Shot, scene: sets.Scene, plate: Plate, window: Window) -> Glow:
    """Paint the set, its shadows and reflection into the canvas; returns the light that falls on the product's rim."""
    longest = max(shot.width, shot.height)
    columns, rows = (round(side * min(1.0, STAGE / longest)) for side in (shot.width, shot.height))
    foot = (layer.top + layer.alpha.shape[0]) / shot.height
    by = min(1.0, (STAGE if plate.neutral else SET) / longest)
    picture = backdrop(plate, window, round(shot.width * by), round(shot.height * by), scene, foot)
    shade, added = _lit(layer, shot, scene, plate, window, columns, rows)
    high, wide = picture.shape[:2]
    shade = resize(shade, wide, high)
    mean = max(sum(plate.fill_light) / 3, 1e-3)
    for c, fill in enumerate(plate.fill_light):
        picture[..., c] *= shade * (1 + (1 - shade) * TINGE * (fill / mean - 1))
        if added is not None:
            picture[..., c] += resize(np.ascontiguousarray(added[..., c]), wide, high)
    glow = Glow.of(picture, fill_of(plate, scene), shot.width, shot.height)
    _paint(canvas, picture, max(DITHER, plate.grain), sets.random_of(shot.preset, shot.seed, "grain"))
    return glow


def _lit(
    layer: Layer, shot: Shot, scene: sets.Scene, plate: Plate, window: Window, columns: int, rows: int
) -> tuple[Field, Field | None]:
    """What the product does to the light on the floor, at the stage's size: (share of it that is left (rows, columns),
    linear light (rows, columns, 3) of the reflection)."""
    alpha, colours = _staged(layer, shot, columns, rows)
    by = columns / shot.width
    high, wide = layer.alpha.shape[0] * by, layer.alpha.shape[1] * by
    size = math.sqrt(high * wide)
    sun = sun_of(plate, scene.look)
    if plate.view == "top":
        dark, touch = light.lying(alpha, size, sun)
        return (1 - sun.strength * dark) * (1 - LYING * sun.contact * touch), None
    floor = floor_share(plate, window, columns, rows)
    ground = ground_line(alpha)
    angle = plate.depression(window.top + window.height * min(float(ground.max()) / rows, 1.0))
    dark = light.cast(alpha, ground, size, sun, angle) if sun.strength else np.zeros_like(alpha)
    touch = light.contact(alpha, ground, size, angle) if sun.contact else np.zeros_like(alpha)
    shade = (1 - floor * sun.strength * dark) * (1 - floor * sun.contact * touch)
    gloss = _gloss(plate, scene.look)
    if not gloss:
        return shade, None
    image, cover = light.mirror(colours, alpha, ground, size, plate.polish)
    shade *= 1 - HIDDEN * gloss * floor * cover
    return shade, (gloss * floor)[..., None] * image


def _gloss(plate: Plate, look: Look) -> float:
    if look.reflection is None:
        return plate.gloss
    return max(plate.gloss, LEAST_GLOSS) if look.reflection else 0.0


def _staged(layer: Layer, shot: Shot, columns: int, rows: int) -> tuple[Field, Field]:
    """The product on the stage: alpha 0..1 (rows, columns) and linear colours (rows, columns, 3)."""
    by = columns / shot.width
    high, wide = layer.alpha.shape
    size = (max(1, round(wide * by)), max(1, round(high * by)))
    at = (round(layer.left * by), round(layer.top * by))
    frame = Image.new("L", (columns, rows))
    frame.paste(Image.fromarray(layer.alpha).resize(size, Image.Resampling.BOX), at)
    colours = Image.new("RGB", (columns, rows))
    colours.paste(Image.fromarray(layer.rgb).resize(size, Image.Resampling.BOX), at)
    return np.asarray(frame, np.float32) / np.float32(255), TO_LINEAR[np.asarray(colours)]


def _paint(canvas: Bytes, picture: Field, grain: float, random: np.random.Generator) -> None:
    """Linear colours enlarged to the canvas strip by strip, with the grain that also dithers them to 8 bits."""
    height, width = canvas.shape[:2]
    rows, columns = picture.shape[:2]
    planes = [Image.fromarray(levels(picture[..., c])) for c in range(3)]
    apart = 31  # columns between the channels' grain: enough to be independent of each other
    for y in range(0, height, STRIP):
        end = min(y + STRIP, height)
        part = (0.0, y * rows / height, float(columns), end * rows / height)
        noise = random.standard_normal((end - y, width + 2 * apart), np.float32) * np.float32(grain)
        for c, plane in enumerate(planes):
            strip = np.array(plane.resize((width, end - y), BICUBIC, part))
            strip += noise[:, c * apart : c * apart + width]
            strip += np.float32(0.5)
            canvas[y:end, :, c] = strip.clip(0, 255, out=strip)
