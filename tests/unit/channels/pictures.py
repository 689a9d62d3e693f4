"""Files to check: a product on a background, in any format, good or spoilt."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

RED, BLUE, WHITE = (150, 40, 60), (30, 60, 90), (255, 255, 255)


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def product(
    width: int,
    height: int,
    fill: float = 0.86,
    *,
    colour: tuple[int, int, int] = RED,
    ground: tuple[int, int, int] = WHITE,
    shift: int = 0,
) -> Image.Image:
    """A disc with a label, in the middle of a plain background; `fill` of the shorter side."""
    image = Image.new("RGB", (width, height), ground)
    draw = ImageDraw.Draw(image)
    x, y, radius = width / 2 + shift, height / 2, min(width, height) * fill / 2
    draw.ellipse((x - radius, y - radius, x + radius - 1, y + radius - 1), fill=colour)
    draw.rectangle((x - radius / 3, y - radius / 5, x + radius / 3, y + radius / 2), fill=BLUE)
    return image


def jpg(image: Image.Image, **options: Any) -> bytes:
    """As our own encoder writes it: no chroma subsampling."""
    return saved(image, "JPEG", **{"quality": 90, "subsampling": 0, **options})


def clear(image: Image.Image) -> Image.Image:
    """The same with nothing where it was white."""
    pixels = np.array(image.convert("RGBA"))
    pixels[(pixels[..., :3] == 255).all(2), 3] = 0
    return Image.fromarray(pixels)


def lined(image: Image.Image, inset: int = 0) -> Image.Image:
    """The same with a thin black line along all four sides."""
    image = image.copy()
    box = (inset, inset, image.width - 1 - inset, image.height - 1 - inset)
    ImageDraw.Draw(image).rectangle(box, outline=(0, 0, 0), width=2)
    return image


def labelled(term: str) -> bytes:
    """An XMP packet that names how a picture was made."""
    address = f"http://cv.iptc.org/newscodes/digitalsourcetype/{term}"
    return f'<x:xmpmeta><rdf:Description Iptc4xmpExt:DigitalSourceType="{address}"/></x:xmpmeta>'.encode()


def camera(*, gps: bool = False, orientation: int = 1) -> Image.Exif:
    exif = Image.Exif()
    exif[0x010F] = "Camera"
    exif[0x0112] = orientation
    if gps:
        exif.get_ifd(0x8825)[1] = "N"
    return exif


def pixels(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def noise(width: int, height: int, spread: float) -> Image.Image:
    """Grey noise, the same every time."""
    levels = np.random.default_rng(7).normal(128, spread, (height, width)).clip(0, 255)
    return Image.fromarray(levels.astype(np.uint8)).convert("RGB")
