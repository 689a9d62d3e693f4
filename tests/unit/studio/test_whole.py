"""What is done to the whole of a picture: alpha, bounded changes, the same bytes again."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from packshot.picture import Picture
from packshot.studio import (
    Rendered,
    enhance,
    relight,
    tone,
    upscale,
)
from tests.unit.studio.pictures import away, flat, lit_by, noisy, opened, with_alpha

WHOLE: dict[str, Callable[..., Rendered]] = {"upscale": upscale, "enhance": enhance, "relight": relight}


@pytest.mark.parametrize("name", WHOLE)
@pytest.mark.parametrize("format", ["jpg", "png", "webp"])
def test_each_says_how_it_was_made_and_gives_the_same_bytes_again(small: Picture, name: str, format: str) -> None:
    made, again = (WHOLE[name](small, format=format) for _ in range(2))
    assert made == again
    assert b"digitalsourcetype/algorithmicallyEnhanced" in made.data
    by = 2 if name == "upscale" else 1
    assert opened(made).shape == (by * small.height, by * small.width, 3) == (made.height, made.width, 3)


@pytest.mark.parametrize("name", WHOLE)
def test_transparency_stays_where_the_format_has_it_and_lies_on_white_where_not(small: Picture, name: str) -> None:
    picture = with_alpha(small)
    clear = opened(WHOLE[name](picture, format="png"))
    third, half = clear.shape[1] // 3, clear.shape[1] // 2
    assert (clear[:, : third - 6, 3] == 0).all() and (clear[:, half + 6 :, 3] == 255).all()
    assert (np.abs(clear[:, third + 6 : half - 6, 3].astype(int) - 128) <= 1).all()
    solid = opened(WHOLE[name](picture, format="jpg"))
    assert solid.shape[2] == 3 and (solid[:, : third - 16] == 255).all()


@pytest.mark.parametrize("name", ["enhance", "relight"])
@pytest.mark.parametrize("strength", [0.5, 1.0])
def test_nothing_new_is_clipped(name: str, strength: float) -> None:
    for picture in (noisy(), noisy(low=236), noisy(top=20), lit_by(noisy(), 1, 0.8, 0.6)):
        made = opened(WHOLE[name](picture, strength=strength, format="png"))
        before = picture.pixels
        clipped = ((made == 255) & (before < 255)) | ((made == 0) & (before > 0))
        assert clipped.any(-1).mean() <= 0.005
        assert (made[(before == 255).all(-1)] == 255).all(), "white stays white"


@pytest.mark.parametrize("name", ["enhance", "relight"])
def test_more_strength_is_more_change_and_none_is_none(small: Picture, name: str) -> None:
    dim = lit_by(small, 0.5, 0.42, 0.32)
    reports = [WHOLE[name](dim, strength=strength, format="png").report for strength in (0.0, 0.25, 0.5, 1.0)]
    means = [float(report["delta_e_mean"]) for report in reports]
    assert means[0] == 0 == reports[0]["delta_e_max"]
    assert means == sorted(means) and len(set(means)) == 4
    assert 1 < means[2] < 8 and float(reports[2]["delta_e_max"]) < 14


@pytest.mark.parametrize("name", ["enhance", "relight"])
def test_the_reported_change_is_the_true_one(small: Picture, name: str) -> None:
    made = WHOLE[name](small, format="png")
    assert float(made.report["delta_e_mean"]) == pytest.approx(away(opened(made), small.pixels), abs=0.05)


def test_the_curve_rises_everywhere_and_keeps_its_ends() -> None:
    ramp = np.linspace(0, 1, 4001, dtype=np.float32)[None, :, None].repeat(3, 2)
    for stops in (-5.0, -tone.MOST_STOPS, -0.2, 0.3, tone.MOST_STOPS, 5.0):
        out = tone.lit(ramp, stops)[0, :, 0]
        assert out[0] == 0 and out[-1] == pytest.approx(1, abs=1e-6) and (np.diff(out) > 0).all()


@pytest.mark.parametrize("name", WHOLE)
@pytest.mark.parametrize("colour", [(0, 0, 0), (255, 255, 255), (128, 128, 128), (255, 0, 0), (9, 9, 9, 0)])
def test_a_picture_of_one_colour_stays_one(name: str, colour: tuple[int, ...]) -> None:
    made = opened(WHOLE[name](flat(64, 70, colour), strength=1.0, format="png"))
    assert made.shape[2] == len(colour)
    if name != "relight" and len(colour) == 3:
        assert np.ptp(made.reshape(-1, 3), axis=0).max() <= 1
    if colour in ((0, 0, 0), (255, 255, 255)):
        assert (made == colour).all()


def test_strips_leave_no_seam(monkeypatch: pytest.MonkeyPatch) -> None:
    picture, stops = noisy(), np.linspace(-0.8, 0.8, 12, dtype=np.float32).reshape(3, 4)
    whole = tone.applied(picture.pixels, stops)
    monkeypatch.setattr(tone, "PIECE", 1)
    assert np.abs(tone.applied(picture.pixels, stops).astype(int) - whole).max() <= 1
