"""Pictures that a simulated model hands out: the first input (or a stand-in) on a set, with the prompt as its caption.

The same arguments always give the same bytes.
"""

import colorsys
import io
import random
from functools import lru_cache

from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageFont, ImageOps

Colour = tuple[int, int, int]
FORMATS = {"jpg": "JPEG", "jpeg": "JPEG", "png": "PNG", "webp": "WEBP"}
MAX_PIXELS = 64_000_000


@lru_cache(maxsize=24)
def render(
    prompt: str, product: bytes | None, width: int, height: int, seed: int, form: str, mask: bytes | None = None
) -> bytes:
    """A finished picture, encoded. `product` is an encoded input picture; one that does not decode is left out.

    With a `mask`, the product's own picture is kept and the set is painted where the mask is white.
    """
    chance = random.Random(seed)
    hue = chance.random()
    canvas = _set(width, height, hue, chance)
    whole, white = (_flat(product), _flat(mask)) if product and mask else (None, None)
    if whole and white:
        canvas = Image.composite(canvas, whole.resize(canvas.size), white.convert("L").resize(canvas.size))
    else:
        cut = _cutout(product) if product else None
        cut = cut or _stand_in(random.Random(f"{prompt}/{seed}"), (hue + 0.45) % 1)
        _place(canvas, cut, chance.uniform(0.46, 0.54))
        _caption(canvas, prompt)
    out = io.BytesIO()
    canvas.save(out, FORMATS[form], **({"quality": 90} if FORMATS[form] != "PNG" else {"compress_level": 1}))
    return out.getvalue()


def size_of(data: bytes) -> tuple[int, int] | None:
    """Width and height of an encoded picture as it is shown, or None when it is no picture."""
    try:
        with Image.open(io.BytesIO(data)) as image:
            turned = image.getexif().get(0x0112, 1) >= 5
            return (image.height, image.width) if turned else (image.width, image.height)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None


def _colour(hue: float, saturation: float, value: float) -> Colour:
    red, green, blue = (round(part * 255) for part in colorsys.hsv_to_rgb(hue, saturation, value))
    return red, green, blue


def _ramp(width: int, height: int, top: Colour, bottom: Colour) -> Image.Image:
    return ImageOps.colorize(Image.linear_gradient("L").resize((width, height)), top, bottom)


def _set(width: int, height: int, hue: float, chance: random.Random) -> Image.Image:
    """A wall, a floor and a soft key light."""
    canvas = _ramp(width, height, _colour(hue, 0.22, 0.80), _colour(hue, 0.10, 0.95))
    horizon = round(height * chance.uniform(0.66, 0.72))
    floor = _ramp(width, height - horizon, _colour(hue, 0.14, 0.90), _colour(hue, 0.28, 0.70))
    canvas.paste(floor, (0, horizon))
    seam = canvas.crop((0, horizon - height // 24, width, horizon + height // 24))
    canvas.paste(seam.filter(ImageFilter.BoxBlur(height // 60)), (0, horizon - height // 24))
    glow = ImageOps.invert(Image.radial_gradient("L")).resize((width, height))
    light = glow.point([max(0, level - 48) // 3 for level in range(256)])
    canvas.paste((255, 252, 244), (round(width * (chance.random() - 0.5) * 0.4), -height // 6), light)
    return canvas


def _cutout(data: bytes) -> Image.Image | None:
    """The product without its background when that is plain, else the whole picture as a print."""
    try:
        with Image.open(io.BytesIO(data)) as image:
            if image.width * image.height > MAX_PIXELS:
                return None
            image.draft("RGB", (1600, 1600))
            whole = ImageOps.exif_transpose(image).convert("RGBA")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None
    whole.thumbnail((1400, 1400))
    if whole.getchannel("A").getextrema() == (255, 255):
        corners = [whole.getpixel((x, y)) for x in (0, whole.width - 1) for y in (0, whole.height - 1)]
        apart = max(max(c[i] for c in corners) - min(c[i] for c in corners) for i in range(3))  # type: ignore[index]
        if apart < 24:
            plain = Image.new("RGB", whole.size, corners[0][:3])  # type: ignore[index]
            different = ImageChops.difference(whole.convert("RGB"), plain).convert("L")
            mask = different.point([0 if level < 14 else 255 for level in range(256)])
            whole.putalpha(mask.filter(ImageFilter.MedianFilter(5)).filter(ImageFilter.GaussianBlur(1)))
    box = whole.getchannel("A").point([0 if level < 40 else 255 for level in range(256)]).getbbox()
    return whole.crop(box) if box else None


def _flat(data: bytes) -> Image.Image | None:
    """The picture as it is, without transparency."""
    try:
        with Image.open(io.BytesIO(data)) as image:
            if image.width * image.height > MAX_PIXELS:
                return None
            return ImageOps.exif_transpose(image).convert("RGB")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None


def _stand_in(chance: random.Random, hue: float) -> Image.Image:
    """A bottle, when there is no product."""
    image = Image.new("RGBA", (420, 900))
    draw = ImageDraw.Draw(image)
    body, dark = _colour(hue, 0.55, 0.75), _colour(hue, 0.6, 0.45)
    shoulder = chance.randint(200, 300)
    draw.rounded_rectangle((150, 0, 270, 140), 18, fill=dark)
    draw.rectangle((170, 130, 250, shoulder), fill=body)
    draw.rounded_rectangle((20, shoulder - 30, 400, 899), 70, fill=body)
    draw.rectangle((20, 480, 400, 700), fill=_colour(hue, 0.08, 0.97))
    draw.rounded_rectangle((60, shoulder, 95, 860), 16, fill=_colour(hue, 0.35, 0.92))
    return image


def _place(canvas: Image.Image, cut: Image.Image, centre: float) -> None:
    """Stand the product on the floor with its shadow."""
    room = (round(canvas.width * 0.66), round(canvas.height * 0.66))
    product = ImageOps.contain(cut, room, Image.Resampling.LANCZOS)
    left = round(canvas.width * centre - product.width / 2)
    base = round(canvas.height * 0.86)
    shade = Image.new("L", (canvas.width // 4 or 1, canvas.height // 4 or 1))
    reach, drop = product.width // 4, max(2, product.width // 40)
    x, y = left // 4, base // 4
    ImageDraw.Draw(shade).ellipse((x - reach // 12, y - drop, x + reach + reach // 5, y + drop), fill=150)
    shade = shade.filter(ImageFilter.GaussianBlur(max(1, drop * 0.8))).resize(canvas.size)
    canvas.paste((24, 20, 18), (0, 0), shade)
    canvas.paste(product, (left, base - product.height), product)


def _caption(canvas: Image.Image, prompt: str) -> None:
    size = max(10, min(canvas.size) // 44)
    font = ImageFont.load_default(size)
    text = " ".join(prompt.split())[:70].encode("latin-1", "replace").decode("latin-1")
    draw = ImageDraw.Draw(canvas)
    draw.text((size, canvas.height - 2 * size), text, font=font, fill=(60, 58, 55))
    draw.text((canvas.width - 6 * size, size // 2), "simulated", font=font, fill=(60, 58, 55))
