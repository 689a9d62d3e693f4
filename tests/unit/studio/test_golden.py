"""Golden pictures: one product in seven sets and a remix, 256 pixels a side, kept in `golden/`.

    python -m tests.unit.studio.test_golden       makes them again; look at them before they are committed

They are compared by the means of squares of 4 pixels, so that the grain does not count. Tolerance, in
8-bit levels of any channel: 2 in every square, 0.4 on average.
"""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from packshot.picture import Picture
from packshot.studio import Cutout, Look, Rendered, Shot, compose, remix
from tests.unit.studio import stand_in

GOLDEN = Path(__file__).parent / "golden"
SIDE, SQUARE = 256, 4
WORST, MEAN = 2.0, 0.4


def vase(angle: float = 12) -> Cutout:
    """A round vase, lit from the left, seen from `angle` degrees above; its rim is soft."""
    scale = 4
    rows, columns = 360 * scale, 240 * scale
    y, x = np.mgrid[0:rows, 0:columns] / scale
    flat = np.sin(np.radians(angle))
    radius = 62 + 26 * np.sin((y - 40) / 75)
    base = ((x - 120) / 62) ** 2 + ((y - 310) / (62 * flat)) ** 2 < 1
    inside = ((abs(x - 120) < radius) & (y > 40) & (y < 310)) | base
    light = 0.35 + 0.6 * np.clip(1 - ((x - 95) / radius) ** 2, 0, 1)
    rgb = np.rint(light[..., None] * (60, 140, 190) + 20 * (np.sin(y / 9) > 0.8)[..., None]).astype(np.uint8)
    size = (columns // scale, rows // scale)
    small = np.asarray(Image.fromarray((inside * 255).astype(np.uint8)).resize(size, Image.Resampling.BOX))
    top, left = np.nonzero(small)
    box = (int(left.min()), int(top.min()), int(left.max()) + 1, int(top.max()) + 1)
    return Cutout(np.asarray(Image.fromarray(rgb).resize(size, Image.Resampling.BOX)), small, box, 1.0)


def shot(preset: str, **wishes: object) -> Shot:
    return Shot(preset, SIDE, SIDE, seed=4, format="png", look=Look(**wishes))  # type: ignore[arg-type]


def reference() -> Picture:
    pixels = np.full((120, 120, 3), (150, 170, 160), np.uint8)
    pixels[70:] = (120, 90, 70)
    return Picture(pixels)


SHOTS = {
    "sweep": shot("studio", light="left"),
    "sweep-red-hard": shot("studio", light="right", colour=(170, 50, 44), shadow="hard"),
    "oak-front": shot("oak", view="front", light="left"),
    "oak-high": shot("oak", view="high", light="right", warmth="warm"),
    "oak-top": shot("oak", view="top", light="left"),
    "luxury": shot("luxury"),
    "white": shot("white"),
}


def made(name: str) -> Rendered:
    cutout = vase(38 if "high" in name else 12)
    if name == "remix":
        return remix(cutout, reference(), shot("remix", light="left"), folder=stand_in.folder())
    return compose(cutout, SHOTS[name], folder=stand_in.folder())


def squares(pixels: np.ndarray) -> np.ndarray:
    return pixels.astype(np.float32).reshape(SIDE // SQUARE, SQUARE, SIDE // SQUARE, SQUARE, 3).mean((1, 3))


@pytest.mark.parametrize("name", [*SHOTS, "remix"])
def test_a_picture_looks_as_it_did(name: str) -> None:
    picture = np.asarray(Image.open(io.BytesIO(made(name).data)).convert("RGB"))
    golden = np.asarray(Image.open(GOLDEN / f"{name}.webp").convert("RGB"))
    away = np.abs(squares(picture) - squares(golden))
    assert away.max() <= WORST and away.mean() <= MEAN


def test_the_goldens_are_small_and_all_are_used() -> None:
    files = list(GOLDEN.iterdir())
    assert {file.stem for file in files} == {*SHOTS, "remix"}
    assert sum(file.stat().st_size for file in files) < 400_000


def test_the_tolerance_would_notice_a_weaker_shadow() -> None:
    golden = np.asarray(Image.open(GOLDEN / "sweep.webp").convert("RGB"))
    data = compose(vase(), shot("studio", light="left", shadow="soft"), folder=stand_in.folder()).data
    other = np.asarray(Image.open(io.BytesIO(data)))
    assert np.abs(squares(other) - squares(golden)).max() > 3 * WORST


def make() -> None:
    GOLDEN.mkdir(exist_ok=True)
    for name in [*SHOTS, "remix"]:
        Image.open(io.BytesIO(made(name).data)).save(GOLDEN / f"{name}.webp", lossless=True, method=6, quality=100)


if __name__ == "__main__":
    make()
