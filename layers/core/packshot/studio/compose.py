"""Set the cut-out into its set and write the file: the product's inside is copied, only its rim is blended."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from packshot.picture import FORMATS, LARGEST_SIDE, MOST_PIXELS, Picture, encode
from packshot.studio import check, light, sets
from packshot.studio.colour import TO_LINEAR, to_srgb
from packshot.studio.errors import BadShot
from packshot.studio.field import BICUBIC, LANCZOS, Bytes, Field
from packshot.studio.plate import plate
from packshot.studio.values import ENGINE, Cutout, Rendered, Shot

SMALLEST = 32  # pixels a side: the shape of the widest picture that is taken, at 1K
PLATE = 1024  # longer side of the small picture in which set and shadows are computed
FINE_PLATE = 1536  # the same for a set whose surface has detail
GOLDEN = (5**0.5 - 1) / 2
WHITE_FILL = 0.02
"""How far a seed may move the share of the frame that a product on white fills: 0.86 to 0.90."""

STRIP = 256  # rows that are handled together at full size


@dataclass(frozen=True, eq=False)
class Layer:
    """The scaled product: colours (h, w, 3), alpha (h, w), and the frame's pixel where its upper left corner lies."""

    rgb: Bytes
    alpha: Bytes
    left: int
    top: int
    scale: float


def compose(cutout: Cutout, shot: Shot) -> Rendered:
    """One finished picture of a cut-out. The same arguments give the same bytes on one machine."""
    if shot.preset not in sets.SETS:
        raise BadShot(f"the studio has no preset called {shot.preset!r}")
    return composed(cutout, shot, sets.SETS[shot.preset])


def composed(cutout: Cutout, shot: Shot, scene: sets.Set) -> Rendered:
    """The same in a set of one's own; the preset is only its name."""
    _refuse(shot)
    scene = sets.turned(scene, shot.preset, shot.seed)
    layer = _place(cutout, shot, scene)
    canvas = np.full((shot.height, shot.width, 3), 255, np.uint8)
    if not scene.exact_white:
        _build(canvas, layer, shot, scene)
    _lay(canvas, layer)
    kind = "algorithmicallyEnhanced" if scene.exact_white else "compositeSynthetic"
    data = encode(Picture(canvas), format=shot.format, quality=shot.quality, source_type=kind, exact=scene.exact_white)
    report: dict[str, float | str | bool] = {
        "engine": ENGINE,
        "set": shot.preset,
        "cutout_confidence": cutout.confidence,
        "product_scale": round(layer.scale, 4),
        **check.fill(layer.alpha, shot.width, shot.height),
        **check.fidelity(canvas, layer.rgb, layer.alpha, layer.left, layer.top),
    }
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


def _place(cutout: Cutout, shot: Shot, scene: sets.Set) -> Layer:
    """Scale the product's box into the frame: centred on white, standing a little below the middle elsewhere.

    The seed moves the product a little; on white, where it must stay in the middle, it changes how much it fills:
    steps of the golden ratio keep neighbouring seeds apart.
    """
    left, top, right, bottom = cutout.box
    more = WHITE_FILL * (2 * (shot.seed * GOLDEN % 1) - 1) if scene.exact_white else 0.0
    wide_share, tall_share = scene.wide + more, scene.tall + more
    scale = min(wide_share * shot.width / (right - left), tall_share * shot.height / (bottom - top))
    wide, high = max(1, round((right - left) * scale)), max(1, round((bottom - top) * scale))
    rgb = np.asarray(Image.fromarray(cutout.rgb).resize((wide, high), LANCZOS, cutout.box))
    alpha = np.array(Image.fromarray(cutout.alpha).resize((wide, high), LANCZOS, cutout.box))
    settle(alpha)
    x, y = (shot.width - wide) / 2, (shot.height - high) / 2
    if not scene.exact_white:
        random = sets.random_of(shot.preset, shot.seed, "framing")
        x += float(random.uniform(-0.015, 0.015)) * shot.width
        y += 0.055 * shot.height + float(random.uniform(-0.008, 0.008)) * shot.height
    return Layer(rgb, alpha, round(x), round(y), scale)


def settle(alpha: Bytes) -> None:
    """What is all but clear or all but opaque becomes so, in place: an invisible veil would spoil an exact white."""
    alpha[alpha < 4] = 0
    alpha[alpha > 251] = 255


def _build(canvas: Bytes, layer: Layer, shot: Shot, scene: sets.Set) -> None:
    """Paint the set, its shadows and reflection into the canvas: made small, enlarged strip by strip, dithered."""
    by = min(1.0, (FINE_PLATE if scene.surface else PLATE) / max(shot.width, shot.height))
    columns, rows = round(shot.width * by), round(shot.height * by)
    alpha, colours = _small(layer, shot, columns, rows)
    ground = light.ground_line(alpha)
    high, wide = layer.alpha.shape[0] * by, layer.alpha.shape[1] * by
    size = float((high * wide) ** 0.5)
    stands = float(ground.max()) / rows - 0.03
    middle = (layer.left * by + wide / 2) / columns
    picture, floor = plate(scene, shot.preset, shot.seed, rows, columns, stands, middle)
    lamp = scene.lamp
    dark = lamp.strength * light.cast(alpha, ground, size, lamp)
    touch = lamp.contact * light.contact(alpha, ground, size)
    picture *= (1 - floor * dark)[..., None] * (1 - floor * touch)[..., None]
    if scene.gloss:
        image, cover = light.mirror(colours, alpha, ground, size, scene.polish)
        share = (scene.gloss * floor)[..., None]
        picture = picture * (1 - 0.6 * share * cover[..., None]) + share * image
    levels = [Image.fromarray(np.ascontiguousarray(to_srgb(picture[..., c]))) for c in range(3)]
    random = sets.random_of(shot.preset, shot.seed, "grain")
    for y in range(0, shot.height, STRIP):
        end = min(y + STRIP, shot.height)
        part = (0.0, y * rows / shot.height, float(columns), end * rows / shot.height)
        noise = random.standard_normal((end - y, shot.width), np.float32) * np.float32(scene.grain)
        for c in range(3):
            strip = np.asarray(levels[c].resize((shot.width, end - y), BICUBIC, part), np.float32)
            canvas[y:end, :, c] = np.rint((strip + noise).clip(0, 255))


def _small(layer: Layer, shot: Shot, columns: int, rows: int) -> tuple[Field, Field]:
    """The product on the plate: alpha 0..1 (rows, columns) and linear colours (rows, columns, 3)."""
    by = columns / shot.width
    high, wide = layer.alpha.shape
    size = (max(1, round(wide * by)), max(1, round(high * by)))
    left, top = round(layer.left * by), round(layer.top * by)
    frame = Image.new("L", (columns, rows))
    frame.paste(Image.fromarray(layer.alpha).resize(size, Image.Resampling.BOX), (left, top))
    colours = Image.new("RGB", (columns, rows))
    colours.paste(Image.fromarray(layer.rgb).resize(size, Image.Resampling.BOX), (left, top))
    return np.asarray(frame, np.float32) / np.float32(255), TO_LINEAR[np.asarray(colours)]


def _lay(canvas: Bytes, layer: Layer) -> None:
    """Lay the product on the canvas, in place."""
    high, wide = layer.alpha.shape
    for y in range(0, high, STRIP):
        end = min(y + STRIP, high)
        target = canvas[layer.top + y : layer.top + end, layer.left : layer.left + wide]
        lay(target, layer.rgb[y:end], layer.alpha[y:end])


def lay(target: Bytes, rgb: Bytes, alpha: Bytes) -> None:
    """Lay colours of one size with `target` on it, in place: copied where alpha is 255, mixed in linear light at the
    rim."""
    inside = alpha == 255
    target[inside] = rgb[inside]
    rim = (alpha > 0) & ~inside
    cover = (alpha[rim].astype(np.float32) / 255)[:, None]
    mixed = cover * TO_LINEAR[rgb[rim]] + (1 - cover) * TO_LINEAR[target[rim]]
    target[rim] = np.rint(to_srgb(mixed))
