"""Two real products, cut out once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from packshot.picture import Picture
from packshot.studio import Cutout, cut_out

PHOTOS = Path(__file__).resolve().parents[3] / "examples" / "photos"


def cut(name: str) -> Cutout:
    photo = Image.open(PHOTOS / name).convert("RGB")
    photo.thumbnail((600, 600), Image.Resampling.LANCZOS)
    return cut_out(Picture(np.asarray(photo)))


@pytest.fixture(scope="session")
def coffee() -> Cutout:
    """A white cup on a saucer, with a handle and a pattern of foam."""
    return cut("coffee.png")


@pytest.fixture(scope="session")
def shoe() -> Cutout:
    """A pair of brown boots with laces and seams."""
    return cut("shoe.jpg")
