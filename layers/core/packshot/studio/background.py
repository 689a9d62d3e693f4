"""Take the background away: the product where it was, on nothing or on exact white. Its pixels are the input's own."""

from __future__ import annotations

import numpy as np
from PIL import Image

from packshot.picture import Picture, encode
from packshot.studio import check
from packshot.studio.field import LANCZOS, Bytes, sample
from packshot.studio.place import settle
from packshot.studio.values import ENGINE, Cutout, Rendered
from packshot.studio.wrap import STRIP, lay


def remove_background(
    picture: Picture, cutout: Cutout, *, background: str | None = None, format: str = "png", quality: int = 90
) -> Rendered:
    """The cut-out of a picture at the picture's size, transparent or (`background` "white", or a format without
    transparency) on white, whose share of exactly white pixels the report has."""
    clear = background != "white" and format != "jpg"
    canvas = np.full((picture.height, picture.width, 4 if clear else 3), 255, np.uint8)
    alpha = np.empty((picture.height, picture.width), np.uint8)
    for y in range(0, picture.height, STRIP):
        end = min(y + STRIP, picture.height)
        rgb = _strip(picture.pixels, cutout, y, end, alpha[y:end])
        if clear:
            canvas[y:end, :, :3], canvas[y:end, :, 3] = rgb, alpha[y:end]
        else:
            lay(canvas[y:end], rgb, alpha[y:end])
    data = encode(
        Picture(canvas), format=format, quality=quality, source_type="algorithmicallyEnhanced", exact=not clear
    )
    report: dict[str, float | str | bool] = {
        "engine": ENGINE,
        "background": "transparent" if clear else "white",
        "cutout_confidence": cutout.confidence,
        **check.fidelity(canvas, picture.pixels[..., :3], alpha, 0, 0),
    }
    if not clear:
        report |= check.white(data, alpha, 0, 0)
    return Rendered(data, picture.width, picture.height, report)


def _strip(pixels: Bytes, cutout: Cutout, y: int, end: int, alpha: Bytes) -> Bytes:
    """Rows y..end of the product's colours; fills their `alpha`. A cut-out is smaller than a very large picture: then
    its outline is enlarged, and the inside is the picture's own all the same."""
    rows, columns = pixels.shape[:2]
    by = cutout.height / rows
    part = (0.0, y * by, float(cutout.width), end * by)
    alpha[:] = np.asarray(Image.fromarray(cutout.alpha).resize((columns, end - y), LANCZOS, part))
    settle(alpha)
    nearest_y = ((np.arange(y, end) + 0.5) * by).astype(np.intp)
    nearest_x = ((np.arange(columns) + 0.5) * (cutout.width / columns)).astype(np.intp)
    rgb: Bytes = cutout.rgb[nearest_y][:, nearest_x]
    rim_y, rim_x = np.nonzero((alpha > 0) & (alpha < 255))
    for c in range(3):
        rgb[rim_y, rim_x, c] = np.rint(sample(cutout.rgb[..., c], (rim_y + y, rim_x), rows, columns))
    inside = alpha == 255
    rgb[inside] = _on_white(pixels[y:end][inside])
    return rgb


def _on_white(colours: Bytes) -> Bytes:
    """(n, 3 or 4) colours as the cut-out was made from them: what is a little transparent lies on white."""
    if colours.shape[1] == 3:
        return colours
    cover = colours[:, 3:].astype(np.float32) / np.float32(255)
    return np.asarray(np.rint(colours[:, :3] * cover + 255 * (1 - cover)), np.uint8)
