"""Pictures from strangers become pixels; pixels become finished files. Every picture enters and leaves through here.

In: three formats, limits checked on the header before anything is decoded, warnings are errors, one exception type.
The largest picture that is taken needs less than 600 MB: pixels are turned into ours strip by strip.
Out: exact size, no metadata except the IPTC digital source type, which says honestly how the picture was made.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageOps, PngImagePlugin

from packshot import parts
from packshot.provenance import SOURCE_TYPES, label
from packshot.sniff import sniff

SMALLEST_SIDE, LARGEST_SIDE = 64, 8192
MOST_PIXELS = 40_000_000
WIDEST_RATIO = 20
FORMATS = {"jpg": "JPEG", "png": "PNG", "webp": "WEBP"}
PLAIN = ("RGB", "CMYK", "L")  # modes that a colour profile can speak of
UNSUPPORTED = (b"GIF8", b"BM", b"II*\0", b"MM\0*", b"%PDF", b"<svg", b"<?xml", b"8BPS", b"\0\0\x01\0", b"%!PS")

STRIP = 256  # rows that are turned into our pixels at a time

Image.MAX_IMAGE_PIXELS = 50_000_000

DARKEST = 8
"""No channel of a picture that is all black lies above this: room for JPEG's noise."""


class BadPicture(Exception):
    """The bytes are not a picture we take. `code` is for programs, the message is for people."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, eq=False)
class Picture:
    """`pixels` is uint8 (rows, columns, 3) or, with straight alpha, (rows, columns, 4); sRGB, upright."""

    pixels: NDArray[np.uint8]

    @property
    def width(self) -> int:
        return int(self.pixels.shape[1])

    @property
    def height(self) -> int:
        return int(self.pixels.shape[0])

    @property
    def has_alpha(self) -> bool:
        return bool(self.pixels.shape[2] == 4)


def decode(data: bytes) -> Picture:
    """Turn a JPEG, PNG or WebP file into pixels, or raise BadPicture. The caller has capped the number of bytes."""
    if sniff(data) is None:
        raise _refusal(data)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            warnings.filterwarnings("ignore", message="Image appears to be a malformed MPO")
            return Picture(upright(loaded(_opened(data))))
    except BadPicture:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise BadPicture("too_large", "the picture has too many pixels") from error
    except Exception as error:
        raise BadPicture("truncated", "the picture is damaged or incomplete") from error


def _opened(data: bytes) -> Image.Image:
    check_parts(data)
    image = Image.open(io.BytesIO(data), formats=tuple(FORMATS.values()))
    _check_header(image)
    return image


def _refusal(data: bytes) -> BadPicture:
    head = data[:64].lstrip(b"\xef\xbb\xbf \t\r\n")
    if head.startswith(UNSUPPORTED) or data[4:8] == b"ftyp":
        return BadPicture("unsupported_format", "send the picture as JPEG, PNG or WebP")
    return BadPicture("not_an_image", "this file is not a picture")


def check_parts(data: bytes) -> None:
    """Raise BadPicture for a file that would keep a decoder busy rather than show it a picture."""
    if parts.too_many(data):
        raise BadPicture("too_large", "the file is made of too many parts")


def check_size(width: int, height: int) -> None:
    """Raise BadPicture for sides, or a ratio of them, that are not taken."""
    if min(width, height) < SMALLEST_SIDE:
        raise BadPicture("too_small", f"each side must have at least {SMALLEST_SIDE} pixels")
    if max(width, height) > LARGEST_SIDE or width * height > MOST_PIXELS:
        raise BadPicture("too_large", f"at most {LARGEST_SIDE} pixels a side and {MOST_PIXELS // 1_000_000} megapixels")
    if max(width, height) > WIDEST_RATIO * min(width, height):
        raise BadPicture("bad_ratio", f"one side may be at most {WIDEST_RATIO} times the other")


def _check_header(image: Image.Image) -> None:
    check_size(*image.size)
    # Phones write MPO: a JPEG followed by previews or a gain map. Its first picture is the photograph.
    if image.format != "MPO" and getattr(image, "n_frames", 1) != 1:
        raise BadPicture("animated", "send a still picture, not an animation")


def loaded(image: Image.Image) -> Image.Image:
    """The picture, decoded. Pillow's WebP reader keeps two canvases and the frame while it copies that into a picture;
    the frame's own bytes will do for one, and the canvases go."""
    if image.format != "WEBP":
        image.load()
        return image
    frame = image._decoder.get_next()  # type: ignore[attr-defined]
    mode = image.rawmode  # type: ignore[attr-defined]
    lean = Image.frombuffer(mode, image.size, frame[0], "raw", mode, 0, 1)
    lean.info, lean.format = image.info, image.format
    lean.is_animated = image.is_animated  # type: ignore[attr-defined]
    return lean


def upright(image: Image.Image) -> NDArray[np.uint8]:
    """Apply orientation and colour profile, to `image` itself; return 8-bit RGB, or RGBA if anything is transparent."""
    try:
        ImageOps.exif_transpose(image, in_place=True)
    except Exception:  # noqa: BLE001 a broken EXIF block says nothing about the pixels
        image.info.pop("exif", None)
    clear = image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info
    clear = clear and not image.mode.startswith("I")
    to_srgb = _to_srgb(image)
    pixels = np.empty((image.height, image.width, 4 if clear else 3), np.uint8)
    for top in range(0, image.height, STRIP):
        part = image.crop((0, top, image.width, min(image.height, top + STRIP)))
        part.info = image.info
        if part.mode.startswith("I"):  # 16-bit grey
            deep = np.asarray(part).astype(np.int64)
            part = Image.fromarray((deep.clip(0, 65535) // 257).astype(np.uint8))
        full = part.convert("RGBA") if clear else part  # a palette may be clear in places: not every mode can say so
        flat = part if part.mode in PLAIN else full.convert("RGB")
        pixels[top : top + STRIP, :, :3] = np.asarray(to_srgb(flat))
        if clear:
            pixels[top : top + STRIP, :, 3] = np.asarray(full.getchannel("A"))
    return pixels[..., :3].copy() if clear and pixels[..., 3].min() == 255 else pixels


def _to_srgb(image: Image.Image) -> Callable[[Image.Image], Image.Image]:
    """What turns a part of the picture into sRGB."""
    profile = image.info.get("icc_profile")
    mode = image.mode if image.mode in PLAIN else "L" if image.mode.startswith("I") else "RGB"
    if profile:
        try:
            own = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            if "srgb" not in ImageCms.getProfileDescription(own).lower():
                turn = ImageCms.buildTransform(own, ImageCms.createProfile("sRGB"), mode, "RGB")
                return turn.apply
        except (ImageCms.PyCMSError, OSError, ValueError):
            pass  # an unreadable profile: take the numbers as sRGB, as browsers do
    return lambda part: part.convert("RGB")


def mask_of(picture: Picture, changed: str) -> Picture:
    """A mask as black and white, white where the picture is to be changed: `changed` is white, black or transparent
    (then without transparency nothing is). Grey is decided at 128."""
    if changed == "transparent":
        alpha = picture.pixels[..., 3] if picture.has_alpha else np.full(picture.pixels.shape[:2], 255, np.uint8)
        chosen = alpha < 128
    else:
        grey = np.asarray(Image.fromarray(picture.pixels[..., :3]).convert("L"))
        chosen = grey < 128 if changed == "black" else grey >= 128
    return Picture(np.repeat((chosen * np.uint8(255)).astype(np.uint8)[..., None], 3, axis=2))


def clear_where_white(mask: Picture) -> Picture:
    """A mask as some models take it: transparent where it is white, opaque black elsewhere."""
    pixels = np.zeros((*mask.pixels.shape[:2], 4), np.uint8)
    pixels[..., 3] = 255 - mask.pixels[..., 0]
    return Picture(pixels)


def inverted(mask: Picture) -> Picture:
    """A mask with black where it was white."""
    return Picture(255 - mask.pixels)


def is_black(picture: Picture) -> bool:
    """Whether nothing can be seen: what some models hand out instead of a picture that their filter holds back."""
    return int(picture.pixels[..., :3].max()) <= DARKEST


def finish(
    picture: Picture,
    width: int,
    height: int,
    *,
    format: str,
    quality: int = 90,
    source_type: str,
    fit: str = "cover",
) -> bytes:
    """Bring a picture to exactly width x height and encode it.

    "cover" fills the frame and crops what hangs over, evenly; "contain" shows everything on white (on nothing, if
    the picture is transparent and the format can say so).
    """
    if fit not in ("cover", "contain"):
        raise ValueError(f"fit must be cover or contain, not {fit!r}")
    picture = fitted(picture, width, height, fit)
    return encode(picture, format=format, quality=quality, source_type=source_type)


def fitted(picture: Picture, width: int, height: int, fit: str = "cover") -> Picture:
    """A picture of exactly width x height, as in `finish`."""
    if (picture.width, picture.height) == (width, height):
        return picture
    return Picture(_fitted(picture, width, height, fit))


def _fitted(picture: Picture, width: int, height: int, fit: str) -> NDArray[np.uint8]:
    image = Image.fromarray(picture.pixels)
    across, down = width / picture.width, height / picture.height
    if fit == "cover":
        scale = max(across, down)
        half_wide, half_high = width / scale / 2, height / scale / 2
        middle_x, middle_y = picture.width / 2, picture.height / 2
        part = (
            max(0.0, middle_x - half_wide),
            max(0.0, middle_y - half_high),
            min(float(picture.width), middle_x + half_wide),
            min(float(picture.height), middle_y + half_high),
        )
        return np.array(image.resize((width, height), Image.Resampling.LANCZOS, part))
    scale = min(across, down)
    size = (min(width, max(1, round(picture.width * scale))), min(height, max(1, round(picture.height * scale))))
    frame = Image.new(image.mode, (width, height), (255, 255, 255, 0)[: len(image.getbands())])
    frame.paste(image.resize(size, Image.Resampling.LANCZOS), ((width - size[0]) // 2, (height - size[1]) // 2))
    return np.array(frame)


def encode(picture: Picture, *, format: str, quality: int = 90, source_type: str, exact: bool = False) -> bytes:
    """Write a jpg, png or webp file. jpg has no transparency: the picture is laid on white. `exact` loses nothing in
    webp, where a lossy white is only nearly white."""
    if format not in FORMATS:
        raise ValueError(f"format must be one of {', '.join(FORMATS)}, not {format!r}")
    if source_type not in SOURCE_TYPES:
        raise ValueError(f"{source_type!r} is not an IPTC digital source type")
    image = Image.fromarray(picture.pixels)
    packet = label(source_type)
    out = io.BytesIO()
    if format == "jpg":
        if picture.has_alpha:
            white = Image.new("RGB", image.size, (255, 255, 255))
            white.paste(image, mask=image.getchannel("A"))
            image = white
        image.save(out, "JPEG", quality=quality, subsampling=0, xmp=packet.encode())
    elif format == "png":
        note = PngImagePlugin.PngInfo()
        note.add_itxt("XML:com.adobe.xmp", packet)
        image.save(out, "PNG", compress_level=3, pnginfo=note)
    else:
        image.save(out, "WEBP", quality=quality, lossless=exact, method=2, xmp=packet.encode())
    return out.getvalue()
