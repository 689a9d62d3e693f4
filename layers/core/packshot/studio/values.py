"""The studio's values: what was cut out, what is wished for, what was made."""

from __future__ import annotations

import io
import json
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from PIL import Image, PngImagePlugin

from packshot.studio.errors import BadCutout
from packshot.studio.field import Box, Bytes, bounds

ENGINE = "studio-1"
CUTOUT_VERSION = 1


@dataclass(frozen=True, eq=False)
class Cutout:
    """A product without its background.

    rgb         (H, W, 3) uint8 sRGB, the product's own colours; outside it, colours that continue it
    alpha       (H, W) uint8, 255 = product
    box         (left, top, right, bottom) around alpha > 0, right and bottom exclusive
    confidence  0..1; below about 0.6 someone should look
    """

    rgb: Bytes
    alpha: Bytes
    box: Box
    confidence: float

    @property
    def width(self) -> int:
        return int(self.alpha.shape[1])

    @property
    def height(self) -> int:
        return int(self.alpha.shape[0])

    def to_bytes(self) -> bytes:
        """Lossless: a PNG with straight alpha whose text chunk `packshot` carries the rest."""
        note = PngImagePlugin.PngInfo()
        note.add_text("packshot", json.dumps({"version": CUTOUT_VERSION, "confidence": self.confidence}))
        out = io.BytesIO()
        Image.fromarray(np.dstack([self.rgb, self.alpha])).save(out, "PNG", compress_level=1, pnginfo=note)
        return out.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes) -> Cutout:
        """The inverse of to_bytes; raises BadCutout for anything else."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                image = Image.open(io.BytesIO(data), formats=("PNG",))
                note = json.loads(str(image.info["packshot"]))
                if note["version"] != CUTOUT_VERSION or image.mode != "RGBA":
                    raise BadCutout("this cut-out was stored by another version")
                pixels = np.asarray(image)
                confidence = float(note["confidence"])
        except BadCutout:
            raise
        except Exception as error:
            raise BadCutout("this is not a stored cut-out") from error
        alpha = np.ascontiguousarray(pixels[..., 3])
        box = bounds(alpha > 0)
        if box is None or not 0 <= confidence <= 1:
            raise BadCutout("this cut-out is empty")
        return cls(np.ascontiguousarray(pixels[..., :3]), alpha, box, confidence)


@dataclass(frozen=True)
class Shot:
    """One wished picture: a preset, a size in pixels, a seed that varies the set, a file format."""

    preset: str
    width: int
    height: int
    seed: int = 0
    format: str = "jpg"
    quality: int = 90


@dataclass(frozen=True)
class Rendered:
    """One finished file and what was measured on it (see check.py for each word of the report)."""

    data: bytes
    width: int
    height: int
    report: Mapping[str, float | str | bool] = field(default_factory=dict)
