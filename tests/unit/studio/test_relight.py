"""Light that is evened and falls from the upper left: what changes, what does not, and what is said of it."""

from __future__ import annotations

import numpy as np
import pytest

from packshot.picture import Picture
from packshot.studio import Cutout, relight
from packshot.studio.colour import TO_LINEAR, to_srgb
from packshot.studio.relight import relit_product
from tests.unit.studio.pictures import away, flat, noisy, opened


def test_uneven_light_gets_even_and_the_key_comes_from_the_upper_left() -> None:
    wall = noisy(320, 240, 120, 136)
    ramp = np.linspace(0.35, 1, 320, dtype=np.float32)[None, :, None]
    uneven = Picture(np.rint(to_srgb(TO_LINEAR[wall.pixels] * ramp)).astype(np.uint8))
    made = relight(uneven, strength=1.0, format="png")
    step = lambda p: float(p[:, 240:].mean() - p[:, :80].mean())  # noqa: E731
    assert step(opened(made)) < 0.45 * step(uneven.pixels)
    assert float(made.report["uneven_stops"]) > 0.8
    lit = opened(relight(wall, strength=1.0, format="png"))
    assert lit[:60, :80].mean() > lit[90:150, 120:200].mean() + 4 > lit[-60:, -80:].mean() + 8


def test_what_is_painted_is_not_taken_for_light() -> None:
    pixels = flat(240, 240, (200, 200, 200)).pixels.copy()
    pixels[80:180, 20:120] = 40
    report = relight(Picture(pixels), strength=1.0).report
    assert float(report["uneven_stops"]) < 0.05


def test_light_changes_no_hue(small: Picture) -> None:
    made = opened(relight(small, strength=1.0, format="png"))
    before, after = TO_LINEAR[small.pixels], TO_LINEAR[made]
    clear = (small.pixels.min(-1) > 40) & (made.min(-1) > 40)
    ratio = (after[..., 0] / after[..., 1])[clear] / (before[..., 0] / before[..., 1])[clear]
    assert np.abs(ratio - 1).max() < 0.06


def test_the_product_alone_is_lit_as_the_whole_picture_would_be(coffee: Picture, cup: Cutout) -> None:
    whole = opened(relight(coffee, strength=1.0, format="png"))
    made, report = relit_product(cup, coffee, strength=1.0)
    inside = cup.alpha == 255
    assert (made.rgb[inside] == whole[inside]).all()
    assert (made.alpha == cup.alpha).all() and (made.box, made.confidence) == (cup.box, cup.confidence)
    truth = away(made.rgb[cup.alpha > 0], cup.rgb[cup.alpha > 0])
    assert truth > 0.5 and float(report["adjust_delta_e_mean"]) == pytest.approx(truth, rel=0.05)
    assert float(report["adjust_delta_e_max"]) > truth
    assert report["relight"] == relight(coffee).report["method"]
