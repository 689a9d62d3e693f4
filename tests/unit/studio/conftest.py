"""One small real cut-out, made once: a cup of coffee on a wooden table."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from packshot.picture import Picture, decode
from packshot.studio import Cutout, cut_out

PHOTOS = Path(__file__).resolve().parents[3] / "examples" / "photos"


@pytest.fixture(scope="session")
def coffee() -> Picture:
    return decode((PHOTOS / "coffee.png").read_bytes())


@pytest.fixture(scope="session")
def cup(coffee: Picture) -> Cutout:
    return cut_out(coffee)


@pytest.fixture(scope="session")
def small(coffee: Picture) -> Picture:
    """The same photograph at half its size."""
    return Picture(np.asarray(Image.fromarray(coffee.pixels).resize((300, 200), Image.Resampling.BOX)))
