"""Upscale: more pixels, the same picture. Lanczos, then luma sharpening within what the source shows nearby."""

from __future__ import annotations

import numpy as np
from PIL import Image

from packshot.picture import LARGEST_SIDE, MOST_PIXELS, Picture, encode
from packshot.studio import edge
from packshot.studio.cutout import WORK, reduced
from packshot.studio.errors import BadShot, TooLarge
from packshot.studio.field import BILINEAR, LANCZOS, Bytes, Field, soft
from packshot.studio.values import ENGINE, Rendered

SCALES = (2, 4)
METHOD = "lanczos+luma"
PIECE = 1 << 20  # output pixels that are handled together
AMOUNT = 1.6  # share of the fine detail that is added at full strength
WIDTH = 0.62  # deviation of the blur that finds it, in source pixels
REACH = 4  # source pixels around a strip: the reach of the filter, and one more
CORE = 0.8  # levels: smaller detail is noise and is left alone
LUMA = np.array([0.299, 0.587, 0.114], np.float32)


def upscale(
    picture: Picture, *, scale: int = 2, strength: float = 0.5, format: str = "jpg", quality: int = 90
) -> Rendered:
    """The picture 2 or 4 times as wide and high; `strength` 0..1 scales the sharpening. No detail is invented: each
    pixel's luma stays between the darkest and the lightest of the source's pixels around it, so there are no halos."""
    if scale not in SCALES:
        raise BadShot(f"scale must be one of {', '.join(map(str, SCALES))}")
    width, height = picture.width * scale, picture.height * scale
    if max(width, height) > LARGEST_SIDE or width * height > MOST_PIXELS:
        raise TooLarge(
            f"{scale} times as large it would have {width} x {height} pixels; at most {LARGEST_SIDE} a side and "
            f"{MOST_PIXELS // 1_000_000} megapixels are made"
        )
    pixels = picture.pixels
    out = np.empty((height, width, pixels.shape[2]), np.uint8)
    if picture.has_alpha:
        alpha = np.ascontiguousarray(pixels[..., 3])
        small = reduced(pixels, WORK)
        cover = small[..., 3].astype(np.float32) / np.float32(255)
        pixels = edge.continued(np.ascontiguousarray(pixels[..., :3]), alpha, small[..., :3], cover)
        _enlarge(alpha[..., None], out[..., 3:], scale, 0.0)
    _enlarge(pixels, out[..., :3], scale, AMOUNT * strength)
    data = encode(Picture(out), format=format, quality=quality, source_type="algorithmicallyEnhanced")
    report: dict[str, float | str | bool] = {"engine": ENGINE, "method": METHOD, "scale": scale, "strength": strength}
    return Rendered(data, width, height, report)


def _enlarge(pixels: Bytes, out: Bytes, scale: int, amount: float) -> None:
    """Fill `out` (rows, columns, 1 or 3), strip by strip; a strip sees a little more than itself, so none shows. In
    float, because 8-bit scaling cuts off between its two passes what goes beyond black and white."""
    rows, columns, depth = out.shape
    margin = 2 * scale  # in output rows: at least three deviations of the blur
    step = max(scale, PIECE // columns // scale * scale)
    for y in range(0, rows, step):
        top, end = max(0, y - margin), min(rows, y + step + margin)
        first = max(0, top // scale - REACH)
        source = pixels[first : end // scale + REACH].astype(np.float32)
        above = top / scale - first
        part = (0.0, above, float(source.shape[1]), above + (end - top) / scale)
        strip = np.stack([_resized(source[..., c], columns, end - top, part, LANCZOS) for c in range(depth)], -1)
        luma = _luma(source)
        low, high = (_resized(around, columns, end - top, part, BILINEAR) for around in _range(luma))
        change = _sharper(_luma(strip), scale, amount).clip(low, high) - _luma(strip)
        keep = slice(y - top, min(rows, y + step) - top)
        out[y : y + step] = np.rint((strip[keep] + change[keep, :, None]).clip(0, 255))


def _resized(
    field: Field, columns: int, rows: int, part: tuple[float, float, float, float], how: Image.Resampling
) -> Field:
    image = Image.fromarray(np.ascontiguousarray(field))
    return np.asarray(image.resize((columns, rows), how, part), np.float32)


def _luma(pixels: Field) -> Field:
    found: Field = pixels @ LUMA if pixels.shape[2] == 3 else pixels[..., 0]
    return found


def _sharper(luma: Field, scale: int, amount: float) -> Field:
    """Enlarged luma with `amount` of its fine detail added."""
    if amount == 0:
        return luma
    detail = luma - soft(luma, WIDTH * scale)
    return np.asarray(luma + amount * np.sign(detail) * (np.abs(detail) - CORE).clip(0), np.float32)


def _range(source: Field) -> tuple[Field, Field]:
    """Smallest and largest value of the 3x3 square around each pixel."""
    found = []
    for pick in (np.minimum, np.maximum):
        padded = np.pad(source, 1, mode="edge")
        across = pick(pick(padded[:, :-2], padded[:, 1:-1]), padded[:, 2:])
        found.append(np.ascontiguousarray(pick(pick(across[:-2], across[1:-1]), across[2:])))
    return found[0], found[1]
