"""A finished picture as a channel wants it: shape, size, format, file size, label. The product is never cropped and
never repainted; empty background is padded, or cropped where the product would stand too small."""

from __future__ import annotations

import datetime
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image

from packshot.channels import Channel, Output, Rule
from packshot.channels.check import ratio_of, size_kept
from packshot.channels.ground import BLOCK, NEAR, WHITE, Colour, Ground, Mask, ground, reach
from packshot.channels.measure import open_any
from packshot.picture import FORMATS, LARGEST_SIDE, MOST_PIXELS, WIDEST_RATIO, Picture, encode, upright

LOWEST_QUALITY = 70
"""A jpg is not made worse than this for the sake of its size."""

SNAP = 10
"""Levels from white that compression leaves around a product, in the squares next to those that are near white."""

MOST_ENLARGED = 4
"""A small picture is not mended by enlarging it further than this: what one would see is not the product."""


@dataclass(frozen=True, slots=True)
class Frame:
    """A window on a picture, in its pixels, which may reach beyond it, and the size it is brought to."""

    left: float
    top: float
    wide: float
    high: float
    columns: int
    rows: int


def bound(channel: Channel, test: str, today: datetime.date) -> tuple[Rule, ...]:
    """A channel's rules of one kind that are more than advice."""
    return tuple(rule for rule in channel.on(today) if rule.test == test and rule.severity != "info")


def wanted(
    channel: Channel,
    *,
    today: datetime.date,
    size: tuple[int, int] | None = None,
    format: str | None = None,
    quality: int | None = None,
) -> Output:
    """What a studio picture for the channel should be: the caller's size, format and quality, each where the channel
    would not mind it, else the channel's own."""
    output = channel.output
    if size and _takes(channel, size, today):
        output = replace(output, width=size[0], height=size[1])
    if format in FORMATS and all(format in rule.limits["formats"] for rule in bound(channel, "format", today)):
        output = replace(output, format=format)
    if quality and all(quality >= rule.limits["min"] for rule in bound(channel, "jpeg_quality", today)):
        output = replace(output, quality=quality)
    return output


def _takes(channel: Channel, size: tuple[int, int], today: datetime.date) -> bool:
    ratios = _ratios(channel, today)
    shaped = not ratios or any(abs(size[0] / size[1] / ratio - 1) <= within for ratio, within in ratios)
    return shaped and fits(channel, size, today)


def fits(channel: Channel, size: tuple[int, int], today: datetime.date) -> bool:
    """Whether a picture of these sides is neither too small nor too large."""
    return all(all(size_kept(rule.limits, *size).values()) for rule in bound(channel, "size", today))


def conform(
    source: bytes | Picture, channel: Channel, *, source_type: str, today: datetime.date, output: Output | None = None
) -> bytes:
    """Bring a picture to what the channel wants (`output`, else the channel's own) and encode it.

    Where the channel leaves the shape free, the picture keeps its own and its longer side becomes the output's. What
    no encoding mends stays as it is: a background that is not nearly white, a product that touches the edge, blur, a
    border, a png that is too large, a jpg that still is at quality 70. Raises BadPicture.
    """
    picture = picture_of(source) if isinstance(source, bytes) else source
    output = output or channel.output
    if picture.has_alpha and (output.white or output.format == "jpg"):
        picture = on_white(picture)
    seen = ground(Image.fromarray(picture.pixels))
    frame = framing(seen, (picture.width, picture.height), channel, output, today, exact=True)
    picture = framed(picture, frame, padding(seen, output))
    white = output.white and near_white(seen)
    if white:
        picture = whitened(picture)
    label = labelled(channel, source_type, today)
    return encoded(picture, output, limit=largest_file(channel, today), source_type=label, exact=white)


def picture_of(data: bytes) -> Picture:
    """The upright pixels of any file that can be measured; of an animation, the first picture. Raises BadPicture."""
    return Picture(upright(open_any(data)))


def labelled(channel: Channel, source_type: str, today: datetime.date) -> str:
    """The IPTC term that a channel wants for a picture that was made in this way."""
    for rule in bound(channel, "digital_source_type", today):
        source_type = rule.limits["label"].get(source_type, source_type)
    return source_type


def largest_file(channel: Channel, today: datetime.date) -> int | None:
    """How many bytes a file may have; None: nothing is said."""
    return min((rule.limits["max"] for rule in bound(channel, "file_size", today)), default=None)


def padding(seen: Ground, output: Output) -> Colour:
    """What a picture is padded with: its own background's colour, where it has one."""
    if seen.colour is None or near_white(seen) or (output.white and not seen.plain):
        return WHITE
    return seen.colour


def near_white(seen: Ground) -> bool:
    """Whether the background is nearly white, so that it can be made exactly so."""
    return seen.plain and seen.colour is not None and min(seen.colour) >= 255 - NEAR


def framing(
    seen: Ground, size: tuple[int, int], channel: Channel, output: Output, today: datetime.date, *, exact: bool
) -> Frame:
    """How a picture of this size is to be cut and scaled. `exact`: to the output's size; else only as far as a rule
    asks for it, and no more than four times enlarged."""
    width, height = size
    ratio = _shape(width / height, output.width / output.height, _ratios(channel, today), exact)
    wide, high = max(float(width), height * ratio), max(float(height), width / ratio)
    left, top = (width - wide) / 2, (height - high) / 2
    larger = _size(ratio, channel, output, today)
    if seen.box is not None and not seen.touches and output.fill is not None:
        box_wide, box_high = seen.box[2] - seen.box[0], seen.box[3] - seen.box[1]
        fill = max(box_wide / wide, box_high / high)
        close = max(box_wide / output.fill, box_high / output.fill * ratio)
        broken = not all(_within(fill, rule) for rule in bound(channel, "fill", today))
        if broken and larger[0] <= MOST_ENLARGED * close:
            wide, high = close, close / ratio
            left, top = (seen.box[0] + seen.box[2] - wide) / 2, (seen.box[1] + seen.box[3] - high) / 2
    columns, rows = max(1, round(wide)), max(1, round(high))
    many = columns * rows > MOST_PIXELS or max(columns, rows) > LARGEST_SIDE
    if exact or many or not (fits(channel, (columns, rows), today) or larger[0] > MOST_ENLARGED * wide):
        columns, rows = larger
    return Frame(left, top, wide, high, columns, rows)


def _within(fill: float, rule: Rule) -> bool:
    least, most = rule.limits.get("min", 0.0), rule.limits.get("max", 1.0)
    return bool(least <= fill <= most)


def _ratios(channel: Channel, today: datetime.date) -> list[tuple[float, float]]:
    """The ratios that all rules take, each with how far one may be off; empty: the shape is free."""
    rules = bound(channel, "ratio", today)
    sets = [{ratio_of(text) for text in rule.limits["ratios"]} for rule in rules]
    within = min((rule.limits["within"] for rule in rules), default=0.0)
    return [(ratio, within) for ratio in sorted(set.intersection(*sets))] if sets else []


def _shape(own: float, output: float, ratios: list[tuple[float, float]], exact: bool) -> float:
    if not ratios:
        return own
    off, target, within = min((abs(own / ratio - 1), ratio, within) for ratio, within in ratios)
    if off > within:
        return output
    if not exact:
        return own
    return output if abs(target / output - 1) <= within else target


def _size(ratio: float, channel: Channel, output: Output, today: datetime.date) -> tuple[int, int]:
    """The output's size, or one of another shape with the same longer side, or as much more as the rules want."""
    if ratio == output.width / output.height:
        return output.width, output.height
    longest = max(output.width, output.height)
    wide, high = (longest, longest / ratio) if ratio >= 1 else (longest * ratio, longest)
    more = 1.0
    for rule in bound(channel, "size", today):
        limits = rule.limits
        more = max(more, limits.get("width_min", 0) / wide, limits.get("height_min", 0) / high)
    more = min(more, LARGEST_SIDE / longest, (MOST_PIXELS / (wide * high)) ** 0.5)
    columns, rows = int(wide * more + 1e-6), int(high * more + 1e-6)
    least = -(-max(columns, rows) // WIDEST_RATIO)
    return max(columns, least), max(rows, least)


def framed(picture: Picture, frame: Frame, colour: Colour) -> Picture:
    """The window on a picture at its new size, what lies beyond it in a colour (clear, where the picture has alpha)."""
    across, down = frame.columns / frame.wide, frame.rows / frame.high
    place = (
        max(0, round(-frame.left * across)),
        max(0, round(-frame.top * down)),
        min(frame.columns, round((picture.width - frame.left) * across)),
        min(frame.rows, round((picture.height - frame.top) * down)),
    )
    part = (
        max(0.0, frame.left),
        max(0.0, frame.top),
        min(float(picture.width), frame.left + frame.wide),
        min(float(picture.height), frame.top + frame.high),
    )
    size = (place[2] - place[0], place[3] - place[1])
    image = Image.fromarray(picture.pixels)
    if part != (0.0, 0.0, float(image.width), float(image.height)) or size != image.size:
        image = image.resize(size, Image.Resampling.LANCZOS, part)
    if size == (frame.columns, frame.rows):
        return Picture(np.array(image))
    canvas = Image.new(image.mode, (frame.columns, frame.rows), (*colour, 0)[: len(image.getbands())])
    canvas.paste(image, place[:2])
    return Picture(np.array(canvas))


def whitened(picture: Picture) -> Picture:
    """Make the nearly white background of an opaque picture exactly white: in squares that can be reached from the
    frame, by at most 5 levels, and by at most 10 in the squares next to those."""
    image = Image.fromarray(picture.pixels)
    squares = reach(image, NEAR)
    around = np.pad(squares, 1)
    next_to = around[:-2, 1:-1] | around[2:, 1:-1] | around[1:-1, :-2] | around[1:-1, 2:]
    return _blank(picture, squares | (next_to & reach(image, SNAP)))


def _blank(picture: Picture, squares: Mask) -> Picture:
    pixels = picture.pixels.copy()
    for row in range(squares.shape[0]):
        strip = pixels[row * BLOCK : (row + 1) * BLOCK]
        strip[:, squares[row].repeat(BLOCK)[: picture.width]] = 255
    return Picture(pixels)


def on_white(picture: Picture) -> Picture:
    """A picture with alpha, laid on exact white."""
    image = Image.fromarray(picture.pixels)
    white = Image.new("RGBA", image.size, (*WHITE, 255))
    white.alpha_composite(image)
    return Picture(np.array(white.convert("RGB")))


def encoded(picture: Picture, output: Output, *, limit: int | None, source_type: str, exact: bool) -> bytes:
    """Encode in the output's format. Where its white must be `exact`, a webp is without loss, and what a jpg made
    nearly white is made so before it is encoded again.

    A jpg or webp that has more than `limit` bytes: at the highest quality from 70 up that keeps it, else at 70.
    """

    def at(quality: int, exact: bool = False) -> bytes:
        return encode(picture, format=output.format, quality=quality, source_type=source_type, exact=exact)

    data = at(output.quality, exact)
    if exact and output.format == "jpg":
        picture = _blank(picture, reach(open_any(data), NEAR))
        data = at(output.quality)
    if limit is None or len(data) <= limit or output.format == "png" or output.quality <= LOWEST_QUALITY:
        return data
    low, high, best = LOWEST_QUALITY, output.quality, at(LOWEST_QUALITY)
    while low < high and len(best) <= limit:
        middle = (low + high + 1) // 2
        tried = at(middle)
        if len(tried) <= limit:
            low, best = middle, tried
        else:
            high = middle - 1
    return best
