"""One finished picture against one product: find it, align it, measure it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from packshot.fidelity import colours, marks, silhouette
from packshot.fidelity.align import shifted
from packshot.fidelity.product import Pose, Product, product_of, smaller
from packshot.fidelity.register import Place, finer, registered
from packshot.fidelity.values import Fidelity
from packshot.picture import Picture
from packshot.studio import BadCutout, Cutout
from packshot.studio.field import LANCZOS, Box, Bytes, bounds

LONGEST = 384  # pixels of the product's longer side at which it is compared, at most
NEAR = 480  # pixels of its longer side in the part of the picture that is looked at closely, at most
LEAST = 48  # pixels below which nothing can be said
OUTLINE = 256  # the same, for the outline
REACH = 3  # pixels of a product half LONGEST long, by which a part may be out of place: another view, not another part
IN_PLACE = frozenset({"remove_background", "upscale", "enhance", "relight"})  # operations that leave the product there
LOST = 0.35  # score below which the product is not in the picture
CROPPED = 0.01  # share of the product outside the frame from which it counts as cut off
TURNED = 8.0  # degrees
CLEAR = 0.01  # share of transparent pixels that makes a picture its own silhouette


def examine(product: Cutout, output: Picture, *, weights: Path | None = None, operation: str = "generate") -> Fidelity:
    """Compare a product with a finished picture of it.

    `operation` out of IN_PLACE: the product is looked for where it was first. Raises BadCutout for a cut-out without
    any product, WeightsMissing when the model's weights cannot be read.
    """
    box = bounds(product.alpha > 127)
    if box is None:
        raise BadCutout("this cut-out is empty")
    own = product_of(product.rgb, product.alpha, box, LONGEST)
    if own.longest < LEAST:
        return Fidelity(notes=("too_small",))
    pixels, clear = _opaque(output.pixels, own)
    picture = Image.fromarray(pixels)
    place = registered(own, picture, _stayed(product, box, output) if operation in IN_PLACE else None)
    if place is None or place.score < LOST:
        return Fidelity(found=max(0.0, place.score) if place else 0.0, notes=("missing",))
    told = replace(_seen_at(place), scale=place.pose.size / max(box[2] - box[0], box[3] - box[1]))
    return _measured(told, own, pixels, clear, place.pose, weights)


def _close(pixels: Bytes, region: Box, by: float) -> Image.Image:
    """A region of a picture, scaled."""
    left, top, right, bottom = region
    part = Image.fromarray(np.ascontiguousarray(pixels[top:bottom, left:right]))
    size = (max(1, round(part.width * by)), max(1, round(part.height * by)))
    return part.resize(size, LANCZOS, reducing_gap=3.0) if by < 1 else part


def _opaque(pixels: Bytes, product: Product) -> tuple[Bytes, Bytes | None]:
    """(RGB, the alpha of a cut-out picture or None): what is clear becomes white behind a dark product, else black."""
    if pixels.shape[2] == 3:
        return pixels, None
    alpha = pixels[..., 3]
    behind = 255 if float(product.rgb[product.mask].mean()) < 0.5 else 0
    ground = Image.new("RGB", (pixels.shape[1], pixels.shape[0]), (behind,) * 3)
    ground.paste(Image.fromarray(np.ascontiguousarray(pixels[..., :3])), mask=Image.fromarray(alpha.copy()))
    return np.asarray(ground), alpha if float((alpha < 128).mean()) > CLEAR else None


def _stayed(cutout: Cutout, box: Box, output: Picture) -> Pose:
    """Where the product is if the whole picture was only scaled."""
    by = (output.width / cutout.width, output.height / cutout.height)
    middle = np.array([(box[0] + box[2]) / 2 * by[0], (box[1] + box[3]) / 2 * by[1]])
    return Pose(np.diag(by) * max(box[2] - box[0], box[3] - box[1]), middle)


def _measured(
    told: Fidelity, own: Product, pixels: Bytes, clear: Bytes | None, rough: Pose, weights: Path | None
) -> Fidelity:
    """Measure a product that was found at `rough`. `clear`: the alpha of a picture that is cut out itself."""
    region = silhouette.around(rough, (pixels.shape[1], pixels.shape[0]))
    by = min(1.0, NEAR / rough.size)
    near = _close(pixels, region, by)
    pose = finer(own, near, rough.into(by, *region[:2]))
    told = replace(told, stretch=pose.stretch)
    size = min(own.longest, round(pose.size))
    if size < LEAST:
        return replace(told, notes=(*told.notes, "too_small"))
    frame = smaller(own, size)
    seen, inside = shifted(smaller(frame, size // 2), frame, pose, near, REACH)
    coloured = colours.compare(frame, seen, inside)
    if coloured is None:
        return replace(told, notes=(*told.notes, "too_small"))
    survived, added = marks.compare(frame, seen, inside)
    outline = smaller(frame, min(OUTLINE, size))
    if clear is None:
        standing = silhouette.standing_out(np.asarray(near), weights)
    else:
        standing = np.asarray(_close(clear, region, by), np.float32) / np.float32(255)
    shape = silhouette.compare(
        outline,
        coloured.light.shine(outline.rgb),
        silhouette.reduced(np.dstack([seen, inside]), outline),
        silhouette.framed(standing, near.size, pose, outline),
        exact=clear is not None,
    )
    noted = {"cropped": shape.outside > CROPPED, "outline_unsure": shape.unsure}
    return replace(
        told,
        silhouette=shape.iou,
        lost=shape.missing,
        colour_delta_e=coloured.delta_e,
        light_change=coloured.light_change,
        colour_moved=coloured.moved,
        marks=survived,
        added=added,
        notes=(*told.notes, *(note for note, so in noted.items() if so)),
    )


def _seen_at(place: Place) -> Fidelity:
    """What the place alone says."""
    noted = {
        "mirrored": place.pose.mirrored,
        "several": place.copies > 1,
        "turned": abs(place.pose.angle) > TURNED,
    }
    return Fidelity(found=min(1.0, place.score), notes=tuple(note for note, so in noted.items() if so))
