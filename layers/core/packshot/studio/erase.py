"""Erase: a masked place takes the set that is around it. Nothing is invented, so nothing can be added.

The place becomes the smoothest surface that meets its surroundings (a membrane: Laplace's equation with their colours
on the border), with grain like theirs. That is right for backdrops and plain tables; a pattern or an edge that runs
into the place cannot be continued, and the report says so.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from packshot.picture import Picture, encode
from packshot.studio.errors import BadShot
from packshot.studio.field import BICUBIC, Box, Bytes, Field, Mask, bounds, grow, local_mean, shrink, soft
from packshot.studio.membrane import membrane
from packshot.studio.values import ENGINE, Cutout, Rendered

METHOD = "erase-to-set"
WORK = 512  # longest side of the copy in which the membrane is found
MARGIN = 0.5  # of the place's larger side: how far around it the set is looked at
LEAST_MARGIN = 24  # pixels, the same
FEATHER = 2  # pixels inside the place over which it is blended with what was there
RIM = 3  # pixels around the product that are not taken for set
STRIP = 256  # rows that are handled together at full size
CALM = 2  # radius in the working copy over which the colours around the place are averaged
NEAR = 16  # pixels of the working copy around the place that are judged
UNEVEN = 2.0  # 8-bit levels: root mean square of detail there from which a person should look
LARGE = 0.4  # share of the picture, likewise
MOST_GRAIN = 12.0  # 8-bit levels
BANDS, BAND = 8, 64  # strips in which grain is measured, and their rows


@dataclass(frozen=True, eq=False)
class Grain:
    """Fine noise: a (channels, channels) matrix that gives white noise its size and colours, and its blur in pixels."""

    mix: Field
    blur: float

    @property
    def size(self) -> float:
        """Root mean square in 8-bit levels."""
        return float(np.sqrt((self.mix**2).sum() / len(self.mix)))


def erase(
    picture: Picture,
    mask: Picture | None,
    cutout: Cutout | None = None,
    *,
    seed: int = 0,
    format: str = "jpg",
    quality: int = 90,
) -> Rendered:
    """The picture with everything gone that is white in the mask; without a mask, with the product of its cut-out gone.

    With both, the product is not taken for set, so none of its colours run into the place. Pixels outside the mask are
    the input's own (a lossy format changes them a little, as it always does). The seed is that of the grain. Raises
    BadShot if the mask has another size, is empty or leaves nothing to continue.
    """
    hole = _hole(picture, mask, cutout)
    set_around = ~hole
    if cutout is not None:
        set_around &= ~grow(_product(cutout, picture), RIM)
    share = int(np.count_nonzero(hole)) / hole.size
    box = _around(hole, set_around)
    small, weight = _reduced(picture.pixels, set_around, box)
    smooth = membrane(_calm(small, weight), weight > 0)
    grain = _grain(picture.pixels, set_around, box)
    pixels = picture.pixels.copy()
    _fill(pixels, hole, box, smooth, grain, seed)
    data = encode(Picture(pixels), format=format, quality=quality, source_type="algorithmicallyEnhanced")
    detail = _detail(small, weight, _shrunk(hole, box, small.shape[:2]))
    check = ["uneven_surroundings"] if detail > UNEVEN else []
    check += ["large_area"] if share > LARGE else []
    report: dict[str, float | str | bool | list[str]] = {
        "engine": ENGINE,
        "method": METHOD,
        "erased_share": round(share, 4),
        "surroundings_detail": round(detail, 2),
        "grain": round(grain.size, 2),
        "check": check,
    }
    return Rendered(data, picture.width, picture.height, report)


def _hole(picture: Picture, mask: Picture | None, cutout: Cutout | None) -> Mask:
    """What is to go; raises BadShot."""
    if mask is None:
        if cutout is None:
            raise BadShot("erasing takes a mask: a picture of the same size, white where something is to go")
        return grow(_product(cutout, picture), RIM)
    if (mask.width, mask.height) != (picture.width, picture.height):
        raise BadShot(
            f"the mask must be as large as its picture, {picture.width} x {picture.height} pixels, "
            f"not {mask.width} x {mask.height}"
        )
    hole: Mask = mask.pixels[..., :3].max(-1) >= 128
    if not hole.any():
        raise BadShot("the mask marks nothing: it must be white where something is to go")
    return hole


def _product(cutout: Cutout, picture: Picture) -> Mask:
    """Where the product is, at the picture's size."""
    image = Image.fromarray(cutout.alpha)
    if image.size != (picture.width, picture.height):
        image = image.resize((picture.width, picture.height), Image.Resampling.BILINEAR)
    return np.asarray(image) > 0


def _around(hole: Mask, set_around: Mask) -> Box:
    """The place and some of the set around it; raises BadShot if there is none."""
    rows, columns = hole.shape
    left, top, right, bottom = bounds(hole) or (0, 0, columns, rows)
    margin = max(LEAST_MARGIN, round(MARGIN * max(right - left, bottom - top)))
    near = (max(0, left - margin), max(0, top - margin), min(columns, right + margin), min(rows, bottom + margin))
    for box in (near, (0, 0, columns, rows)):
        part = set_around[box[1] : box[3], box[0] : box[2]]
        if np.count_nonzero(part) >= max(16, part.size // 500):
            return box
    raise BadShot("the mask leaves nothing of the set that could be continued")


def _reduced(pixels: Bytes, usable: Mask, box: Box) -> tuple[Field, Field]:
    """A small copy of a box: mean levels of the usable pixels (rows, columns, channels), colours weighted by alpha if
    there is one; and the share of usable pixels, 0 where there are hardly any."""
    left, top, right, bottom = box
    by = min(1.0, WORK / max(right - left, bottom - top))
    columns, rows = max(4, round((right - left) * by)), max(4, round((bottom - top) * by))
    depth = pixels.shape[2]
    out = np.empty((rows, columns, depth + 1), np.float32)
    step = max(1, int(STRIP * by))
    for y in range(0, rows, step):
        end = min(y + step, rows)
        above, below = y * (bottom - top) / rows, end * (bottom - top) / rows
        first, last = int(above), min(bottom - top, int(np.ceil(below)))
        area = (slice(top + first, top + last), slice(left, right))
        levels = pixels[area].astype(np.float32) * usable[area][..., None]
        if depth == 4:
            levels[..., :3] *= levels[..., 3:] / 255
        part = (0.0, above - first, float(right - left), below - first)
        for c in range(depth + 1):
            field = levels[..., c] if c < depth else usable[area].astype(np.float32)
            image = Image.fromarray(np.ascontiguousarray(field))
            out[y:end, :, c] = np.asarray(image.resize((columns, end - y), Image.Resampling.BOX, part))
    weight = np.where(out[..., -1] > 0.05, out[..., -1], 0).astype(np.float32)
    return np.asarray(out[..., :-1] / np.maximum(out[..., -1:], 1e-6), np.float32), weight


def _calm(small: Field, weight: Field) -> Field:
    """The known colours without their grain, which would run into the place in streaks."""
    total = local_mean(weight, CALM) + 1e-6
    return np.stack([local_mean(small[..., c] * weight, CALM) / total for c in range(small.shape[2])], -1)


def _detail(small: Field, weight: Field, hole: Mask) -> float:
    """Root mean square, in levels, of what is neither smooth nor grain close to the place."""
    near = grow(hole, NEAR) & (weight > 0.9)
    if not near.any():
        return 0.0
    fine, wide = _calm(small, weight), np.empty_like(small)
    total = local_mean(weight, NEAR) + 1e-6
    for c in range(small.shape[2]):
        wide[..., c] = local_mean(small[..., c] * weight, NEAR) / total
    return float(np.sqrt(((fine - wide)[near] ** 2).mean()))


def _grain(pixels: Bytes, set_around: Mask, box: Box) -> Grain:
    """The noise of the set in a box: its covariance and its blur, from the flattest squares of some bands."""
    left, top, right, bottom = box
    found, beside = [], []
    for y in np.linspace(top, max(top, bottom - BAND), BANDS).astype(int):
        area = (slice(y, min(y + BAND, bottom)), slice(left, right))
        usable = shrink(set_around[area], 4)
        levels = pixels[area][..., :3].astype(np.float32)
        rest = levels - np.stack([soft(levels[..., c], 2.0) for c in range(3)], -1)
        rough = local_mean((rest**2).sum(-1), 4)
        if not usable.any():
            continue
        flat = usable & (rough <= np.quantile(rough[usable], 0.5)) & (levels.max(-1) < 254) & (levels.min(-1) > 1)
        found.append(rest[flat])
        pairs = flat[:, 1:] & flat[:, :-1]
        beside.append((rest[:, 1:][pairs] * rest[:, :-1][pairs]).sum(-1))
    sample = np.concatenate(found) if found else np.empty((0, 3), np.float32)
    if len(sample) < 64:
        return Grain(np.zeros((3, 3), np.float32), 0.0)
    spread = sample.T.astype(np.float64) @ sample / len(sample)
    values, vectors = np.linalg.eigh(spread)
    mix = (vectors * np.sqrt(values.clip(0, MOST_GRAIN**2))) @ vectors.T
    alike = float(np.concatenate(beside).mean()) / max(float(np.trace(spread)), 1e-6)
    # white noise blurred with deviation s is alike exp(-1 / 4 s^2) from one pixel to the next
    blur = float(np.sqrt(-1 / (4 * np.log(alike)))) if 0.05 < alike < 0.95 else 0.0
    return Grain(mix.astype(np.float32), min(blur, 2.0))


def _fill(pixels: Bytes, hole: Mask, box: Box, smooth: Field, grain: Grain, seed: int) -> None:
    """Write the place, in strips: the smooth colours enlarged, grain, and at its rim a blend with what was there."""
    left, top, right, bottom = box
    random = np.random.Generator(np.random.PCG64([seed % 2**63, 0xE7A5E]))
    images = [Image.fromarray(np.ascontiguousarray(smooth[..., c])) for c in range(smooth.shape[2])]
    for y in range(top, bottom, STRIP):
        end = min(y + STRIP, bottom)
        above, below = max(0, y - FEATHER), min(len(hole), end + FEATHER)
        share = _share(hole[above:below])[y - above : end - above, left:right]
        noise = _noise(random, end - y, right - left, grain)
        by = len(smooth) / (bottom - top)
        part = (0.0, (y - top) * by, float(smooth.shape[1]), (end - top) * by)
        levels = np.stack(
            [np.asarray(image.resize((right - left, end - y), BICUBIC, part), np.float32) for image in images], -1
        )
        if levels.shape[2] == 4:
            levels[..., :3] *= 255 / np.maximum(levels[..., 3:], 1)
        levels[..., :3] += noise
        at = share > 0
        target = pixels[y:end, left:right]
        old, mixed = target[at].astype(np.float32), share[at][:, None]
        target[at] = np.rint((mixed * levels[at] + (1 - mixed) * old).clip(0, 255))


def _share(hole: Mask) -> Field:
    """How much of each pixel is new: 0 outside the place, rising over FEATHER pixels inside it."""
    total = hole.astype(np.float32)
    for radius in range(1, FEATHER + 1):
        total += shrink(hole, radius)
    return np.asarray(total / (FEATHER + 1), np.float32)


def _noise(random: np.random.Generator, rows: int, columns: int, grain: Grain) -> Field:
    """(rows, columns, 3) of grain."""
    white = random.standard_normal((rows, columns, 3), np.float32)
    if grain.blur > 0.3:
        white = np.stack([soft(white[..., c], grain.blur) for c in range(3)], -1)
        white *= np.float32(1 / max(float(white.std()), 1e-6))
    return white @ grain.mix


def _shrunk(hole: Mask, box: Box, shape: tuple[int, ...]) -> Mask:
    """The place in the working copy of a box."""
    left, top, right, bottom = box
    part = Image.fromarray(hole[top:bottom, left:right]).resize((shape[1], shape[0]), Image.Resampling.NEAREST)
    return np.asarray(part) > 0
