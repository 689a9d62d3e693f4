"""The studio's values: what was cut out, what is wished for, what was made."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from warnings import catch_warnings, simplefilter

import numpy as np
from PIL import Image, PngImagePlugin

from packshot.studio.errors import BadCutout
from packshot.studio.field import Box, Bytes, bounds
from packshot.words.look import ANY, Look

ENGINE = "studio-2"
CUTOUT_VERSION = 2  # of the stored form; a stored cut-out of another version is made anew
CHECK = 0.6  # a cut-out with a confidence below this one is to be checked by a person

WARNINGS = ("several_products", "touches_frame", "weak_outline", "see_through", "low_contrast", "small_product")


@dataclass(frozen=True, eq=False)
class Cutout:
    """A product without its background.

    rgb         (H, W, 3) uint8 sRGB, the product's own colours; outside it, colours that continue it
    alpha       (H, W) uint8, 255 = product
    box         (left, top, right, bottom) around alpha > 0, right and bottom exclusive
    confidence  0..1; below CHECK someone should look
    warnings    what was noticed, out of WARNINGS:
                several_products  parts of similar weight that do not touch; all of them are kept
                touches_frame     the product is cropped by the picture's frame
                weak_outline      much of the outline lies where the picture hardly changes
                see_through       glass or similar: the background may show through
                low_contrast      product and background are alike, such as white on white
                small_product     few pixels: it will look soft when it is set large
    """

    rgb: Bytes
    alpha: Bytes
    box: Box
    confidence: float
    warnings: tuple[str, ...] = ()

    @property
    def width(self) -> int:
        return int(self.alpha.shape[1])

    @property
    def height(self) -> int:
        return int(self.alpha.shape[0])

    def to_bytes(self) -> bytes:
        """Lossless: a PNG with straight alpha whose text chunk `packshot` carries the rest."""
        stated = {"version": CUTOUT_VERSION, "confidence": self.confidence, "warnings": self.warnings}
        note = PngImagePlugin.PngInfo()
        note.add_text("packshot", json.dumps(stated))
        out = io.BytesIO()
        Image.fromarray(np.dstack([self.rgb, self.alpha])).save(out, "PNG", compress_level=1, pnginfo=note)
        return out.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes) -> Cutout:
        """The inverse of to_bytes; raises BadCutout for anything else."""
        try:
            with catch_warnings():
                simplefilter("error")
                image = Image.open(io.BytesIO(data), formats=("PNG",))
                note = json.loads(str(image.info["packshot"]))
                if note["version"] != CUTOUT_VERSION or image.mode != "RGBA":
                    raise BadCutout("this cut-out was stored by another version")
                pixels = np.asarray(image)
                confidence = float(note["confidence"])
                warned = tuple(word for word in WARNINGS if word in note["warnings"])
        except BadCutout:
            raise
        except Exception as error:
            raise BadCutout("this is not a stored cut-out") from error
        alpha = np.ascontiguousarray(pixels[..., 3])
        box = bounds(alpha > 0)
        if box is None or not 0 <= confidence <= 1:
            raise BadCutout("this cut-out is empty")
        return cls(np.ascontiguousarray(pixels[..., :3]), alpha, box, confidence, warned)


@dataclass(frozen=True)
class Shot:
    """One wished picture: a preset, a size in pixels, a seed that varies the set, a file format, a look.

    `fill` is the exact share of the frame that the product's box takes (the larger of its two sides), for pictures on
    exact white; None: as the preset has it.
    """

    preset: str
    width: int
    height: int
    seed: int = 0
    format: str = "jpg"
    quality: int = 90
    look: Look = ANY
    fill: float | None = None


@dataclass(frozen=True)
class Rendered:
    """One finished file and what was measured on it (see check.py for each word of the report)."""

    data: bytes
    width: int
    height: int
    report: Mapping[str, float | str | bool | list[str]] = field(default_factory=dict)
