"""Colour casts and lack of light: what is taken away, what is left alone, and what is said of it."""

from __future__ import annotations

import numpy as np
import pytest

from packshot.picture import Picture
from packshot.studio import Cutout, enhance
from packshot.studio.enhance import balanced_product
from tests.unit.studio.pictures import away, flat, lit_by, noisy, opened

CASTS = pytest.mark.parametrize("light", [(1.0, 0.85, 0.62), (0.7, 0.9, 1.0)], ids=["warm", "cool"])


def greys() -> Picture:
    """Lumps of grey, and two coloured things."""
    pixels = np.ascontiguousarray(noisy(low=40, top=200).pixels[..., :1].repeat(3, 2))
    pixels[20:50, 20:50] = (60, 120, 70)
    pixels[70:100, 90:120] = (90, 60, 140)
    return Picture(pixels)


def spread(pixels: np.ndarray) -> float:
    """How far red and blue are apart where the picture is grey."""
    grey = pixels[:, 125:].astype(float)
    return float(np.abs(grey[..., 0].mean() - grey[..., 2].mean()))


@CASTS
def test_a_cast_is_taken_away(light: tuple[float, float, float]) -> None:
    tinted = lit_by(greys(), *light)
    made = enhance(tinted, strength=1.0, format="png")
    assert spread(opened(made)) < 0.4 * spread(tinted.pixels)
    red, _, blue = made.report["white_balance"]  # type: ignore[misc]
    assert (red < 1 < blue) if light[0] > light[2] else (blue < 1 < red)


def test_a_neutral_picture_keeps_its_colours() -> None:
    assert enhance(greys(), strength=1.0).report["white_balance"] == [1, 1, 1]


@CASTS
def test_a_product_of_one_colour_that_fills_the_picture_is_no_cast(light: tuple[float, float, float]) -> None:
    fill = lit_by(Picture(np.ascontiguousarray(noisy(low=40, top=200).pixels[..., :1].repeat(3, 2))), *light)
    assert enhance(fill, strength=1.0).report["white_balance"] == [1, 1, 1]


def test_a_coloured_product_is_not_a_cast() -> None:
    """Red stripes before a bluish wall: the edges say red, the brightest places blue, so nothing is done."""
    pixels = np.asarray(noisy(low=0, top=4).pixels[..., :1] + np.array([128, 134, 142], np.uint8))
    pixels[30:90:8, 40:130] = (190, 40, 30)
    red, green, blue = enhance(Picture(pixels), strength=1.0).report["white_balance"]  # type: ignore[misc]
    assert abs(red - blue) < 1e-3 and green == pytest.approx(red, abs=0.08)


def test_the_cast_that_is_removed_is_bounded() -> None:
    red, _, blue = enhance(lit_by(greys(), 1, 0.5, 0.1), strength=1.0).report["white_balance"]  # type: ignore[misc]
    assert 0.4 < np.log2(blue / red) < 0.61


def test_a_dark_picture_gets_light_and_a_bright_one_none(small: Picture) -> None:
    dark = lit_by(small, 0.3, 0.3, 0.3)
    made = enhance(dark, format="png")
    assert 0.1 < float(made.report["exposure_stops"]) <= 0.7  # type: ignore[arg-type]
    assert away(opened(made), small.pixels) < away(dark.pixels, small.pixels) - 2
    assert enhance(noisy(low=200), format="png").report["exposure_stops"] == 0


def test_each_switch_turns_off_its_own_part_and_no_other() -> None:
    dim = lit_by(greys(), 0.4, 0.34, 0.25)
    both = enhance(dim, strength=1.0).report
    neither = enhance(dim, strength=1.0, white_balance=False, exposure=False, format="png")
    no_colour = enhance(dim, strength=1.0, white_balance=False).report
    no_light = enhance(dim, strength=1.0, exposure=False).report
    assert both["white_balance"] != [1, 1, 1] and float(both["exposure_stops"]) > 0.1  # type: ignore[arg-type]
    assert no_colour["white_balance"] == [1, 1, 1] and float(no_colour["exposure_stops"]) > 0.1  # type: ignore[arg-type]
    assert no_light["white_balance"] == both["white_balance"] and no_light["exposure_stops"] == 0
    assert neither.report["white_balance"] == [1, 1, 1] and neither.report["exposure_stops"] == 0
    assert both["method"] == "grey-edge white balance, exposure, local contrast"
    assert neither.report["method"] == "local contrast"
    ratio = opened(neither).astype(float)[..., 0].mean() / dim.pixels[..., 0].astype(float).mean()
    assert ratio == pytest.approx(1, abs=0.05), "neither switch: no brighter, no darker"


# ------------------------------------------------------------------------------------------------ the product alone


def test_the_product_is_corrected_by_what_the_whole_picture_shows(coffee: Picture, cup: Cutout) -> None:
    light = (0.62, 0.5, 0.36)
    tinted = lit_by(coffee, *light)
    yellow = Cutout(lit_by(Picture(cup.rgb), *light).pixels, cup.alpha, cup.box, cup.confidence, cup.warnings)
    made, report = balanced_product(yellow, tinted)
    inside = cup.alpha == 255
    assert away(made.rgb[inside], cup.rgb[inside]) < 0.75 * away(yellow.rgb[inside], cup.rgb[inside])
    assert (made.alpha == cup.alpha).all() and (made.box, made.confidence) == (cup.box, cup.confidence)
    truth = away(made.rgb[cup.alpha > 0], yellow.rgb[cup.alpha > 0])
    assert truth > 2 and report["adjust_delta_e_mean"] == pytest.approx(truth, rel=0.05)
    assert report["adjust_delta_e_max"] > truth
    assert report["white_balance"][0] < 1 < report["white_balance"][2] and report["exposure_stops"] > 0


def test_nothing_asked_nothing_changed(coffee: Picture, cup: Cutout) -> None:
    made, report = balanced_product(cup, coffee, white_balance=False, exposure=False)
    assert (made.rgb == cup.rgb).all()
    assert report["adjust_delta_e_mean"] == report["adjust_delta_e_max"] == 0


def test_a_product_of_one_colour_keeps_it() -> None:
    alpha = np.zeros((80, 90), np.uint8)
    alpha[10:70, 10:80] = 255
    beige = flat(90, 80, (214, 190, 150))
    made, report = balanced_product(Cutout(beige.pixels, alpha, (10, 10, 80, 70), 1.0), beige)
    assert report["white_balance"] == [1, 1, 1] and (made.rgb == beige.pixels).all()
