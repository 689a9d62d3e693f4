"""More pixels and no halo, no seam, no other colour; and what is too large."""

from __future__ import annotations

from importlib import import_module

import numpy as np
import pytest
from PIL import Image

from packshot.picture import Picture
from packshot.studio import (
    BadShot,
    TooLarge,
    upscale,
)
from tests.unit.studio.pictures import flat, opened


@pytest.mark.parametrize("scale", [2, 4])
def test_sizes_and_words(small: Picture, scale: int) -> None:
    made = upscale(small, scale=scale)
    assert (made.width, made.height) == (small.width * scale, small.height * scale)
    assert made.report["method"] == "lanczos+luma" and made.report["scale"] == scale


def test_sharpening_grows_with_strength(small: Picture) -> None:
    made = [opened(upscale(small, strength=strength, format="png")) for strength in (0.0, 0.25, 0.5, 1.0)]
    steep = [float((np.diff(one.astype(float), axis=1) ** 2).mean()) for one in made]
    assert steep == sorted(steep) and steep[3] > 1.2 * steep[0] and steep[2] > 1.05 * steep[0]


@pytest.mark.parametrize("scale", [2, 4])
def test_an_edge_gets_no_halo(scale: int) -> None:
    pixels = flat(80, 80, (60, 60, 60)).pixels.copy()
    pixels[:, 40:] = 200
    pixels[50:, 20:60] = (60, 200, 200)
    plain = np.asarray(Image.fromarray(pixels).resize((80 * scale, 80 * scale), Image.Resampling.LANCZOS))
    made = opened(upscale(Picture(pixels), scale=scale, strength=1.0, format="png"))
    upper = slice(0, 40 * scale)
    assert plain[upper].min() < 55 and plain[upper].max() > 205
    assert made[upper].min() >= 60 and made[upper].max() <= 200


def test_it_is_nearer_to_the_truth_than_plain_lanczos(coffee: Picture, small: Picture) -> None:
    made = opened(upscale(small, strength=0.5, format="png"))
    plain = np.asarray(Image.fromarray(small.pixels).resize((600, 400), Image.Resampling.LANCZOS))
    miss = [float(((one.astype(float) - coffee.pixels) ** 2).mean()) for one in (made, plain)]
    assert miss[0] < miss[1]


def test_only_luma_is_sharpened(small: Picture) -> None:
    soft, sharp = (opened(upscale(small, strength=s, format="png")).astype(int) for s in (0.0, 1.0))
    inside = (np.minimum(soft, sharp).min(-1) > 0) & (np.maximum(soft, sharp).max(-1) < 255)
    change = (sharp - soft)[inside]
    assert np.abs(change).max() > 8
    assert np.ptp(change, axis=-1).max() <= 1, "the three channels move together"


def test_upscaling_in_strips_leaves_no_seam(small: Picture, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = opened(upscale(small, format="png")).astype(int)
    monkeypatch.setattr(import_module("packshot.studio.upscale"), "PIECE", 1)
    assert np.abs(opened(upscale(small, format="png")) - whole).max() <= 1


def test_the_colours_of_what_is_clear_do_not_come_in() -> None:
    pixels = flat(90, 60, (230, 220, 40, 255)).pixels.copy()
    pixels[:, :45] = 0  # black, as most programs leave it
    made = opened(upscale(Picture(pixels), scale=4, format="png"))
    seen = made[made[..., 3] > 0]
    assert np.abs(seen[:, :3].astype(int) - [230, 220, 40]).max() <= 3


@pytest.mark.parametrize("size, scale", [((4100, 64), 2), ((64, 2050), 4), ((4000, 2600), 2)])
def test_what_would_be_too_large_is_refused_before_any_work(size: tuple[int, int], scale: int) -> None:
    with pytest.raises(TooLarge, match="8192"):
        upscale(flat(*size, (1, 2, 3)), scale=scale)
    with pytest.raises(BadShot):
        upscale(flat(64, 64, (1, 2, 3)), scale=3)
