"""Cut the product out: find it, draw its outline, clean its rim, say how sure we are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

from packshot.picture import Picture
from packshot.studio import confidence, edge, matte, net, openings
from packshot.studio.errors import NothingFound
from packshot.studio.field import Bytes, Field, bounds
from packshot.studio.find import Find, at_size, find
from packshot.studio.hints import checked
from packshot.studio.shadow import without_shadow
from packshot.studio.thin import with_lines
from packshot.studio.values import Cutout

LONGEST = 4096  # no picture is set larger than this, so nothing is gained by cutting larger ones
WORK = 960  # longer side in pixels of the working picture in which the outline is solved
BAND = 0.007  # half width of the undecided band, of the working picture's longer side
LEAST_CLEAR = 0.03  # share of transparent pixels that makes a cut-out; rounded corners are less
NOISE = 0.7  # blur in pixels against sensor noise, for the outline only
MOST_UNDECIDED = 140_000  # pixels; above, the working picture is reduced


def reduced(pixels: Bytes, longest: int) -> Bytes:
    rows, columns = pixels.shape[:2]
    scale = longest / max(rows, columns)
    if scale >= 1:
        return pixels
    size = (max(1, round(columns * scale)), max(1, round(rows * scale)))
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0))


def _already_cut(pixels: Bytes) -> Cutout:
    """A picture that comes with transparency is its own cut-out."""
    alpha = pixels[..., 3].copy()
    alpha[alpha < 3] = 0
    alpha[alpha > 252] = 255
    box = bounds(alpha > 127)
    if box is None:
        raise NothingFound("the picture is transparent everywhere")
    box = bounds(alpha > 0) or box
    colours = np.ascontiguousarray(pixels[..., :3])
    small = reduced(pixels, WORK)
    small_alpha = small[..., 3].astype(np.float32) / np.float32(255)
    return Cutout(edge.continued(colours, alpha, small[..., :3], small_alpha), alpha, box, 1.0)


def cut_out(
    picture: Picture,
    *,
    weights: Path | None = None,
    box: tuple[float, float, float, float] | None = None,
    point: tuple[float, float] | None = None,
) -> Cutout:
    """The product of a picture, at the picture's own size (reduced to 4096 on the longer side if it is larger).

    A picture with real transparency skips the model. Raises NothingFound when no product stands out.
    """
    checked(box, point)
    pixels = reduced(picture.pixels, LONGEST)
    if pixels.shape[2] == 4:
        clear = float((pixels[..., 3] < 128).mean())
        if clear > LEAST_CLEAR:
            return _already_cut(pixels)
        cover = pixels[..., 3:].astype(np.float32) / np.float32(255)
        pixels = np.asarray(np.rint(pixels[..., :3] * cover + 255 * (1 - cover)), np.uint8)
    found = find(pixels, net.load(weights), box=box, point=point)
    left, top, right, bottom = found.region
    crop = np.ascontiguousarray(pixels[top:bottom, left:right])
    small, sure, small_alpha, radius = _outline(crop, found)
    alpha = small_alpha if small.shape == crop.shape else matte.guided(small_alpha, small, crop)
    alpha = np.where(alpha < 0.012, 0, np.where(alpha > 0.988, 1, alpha)).astype(np.float32)
    whole = np.zeros(pixels.shape[:2], np.uint8)
    rgb = np.empty_like(pixels)
    rgb[:] = edge.mean_colour(small, small_alpha)
    rgb[top:bottom, left:right] = edge.foreground(crop, alpha, small, small_alpha)
    whole[top:bottom, left:right] = np.rint(alpha * 255).astype(np.uint8)
    around = bounds(whole > 0)
    if around is None:
        raise NothingFound("no product stands out from the background")
    frame = (left == 0, top == 0, right == pixels.shape[1], bottom == pixels.shape[0])
    steps = edge.across(small, small_alpha)
    seen = confidence.signs(found, sure, steps, small_alpha, radius, frame)
    warned = confidence.warnings(seen, steps, small, small_alpha, crop.shape[1] / small.shape[1])
    return Cutout(rgb, whole, around, confidence.confidence(seen), warned)


def _outline(crop: Bytes, found: Find) -> tuple[Bytes, Field, Field, int]:
    """The working picture, how sure each of its places is, its alpha, and the half width of the undecided band."""
    longest = WORK
    while True:
        small = reduced(crop, longest)
        sure = at_size(found, small.shape[1], small.shape[0])
        radius = max(2, round(BAND * max(small.shape[:2])))
        inside, undecided = matte.band_of(sure, radius)
        if undecided.sum() <= MOST_UNDECIDED or longest < 400:
            break
        longest = round(longest * 0.8)
    sure = with_lines(small, without_shadow(small, openings.widen(small, sure)), radius)
    inside, undecided = matte.band_of(sure, radius)
    smooth = np.asarray(Image.fromarray(small).filter(ImageFilter.GaussianBlur(NOISE)))
    alpha = matte.decide(matte.solve(smooth, sure, inside, undecided), sure, radius)
    if bounds(alpha > 0.5) is None:
        raise NothingFound("no product stands out from the background")
    return small, sure, alpha, radius
