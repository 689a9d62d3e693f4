"""The table of what may become of a product, and pictures that are none."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from packshot.fidelity import Fidelity, examine, verdict
from packshot.picture import Picture
from packshot.studio import BadCutout, Cutout, WeightsMissing
from packshot.studio.field import bounds
from tests.unit.fidelity.variants import CHANGED, SAME, cropped, laid, recoloured, relit, sweep


def alone(cutout: Cutout) -> np.ndarray:
    return cropped(np.dstack([cutout.rgb, cutout.alpha]))


def told(cutout: Cutout, kind: str, make: Callable[..., np.ndarray]) -> Fidelity:
    random = np.random.default_rng(zlib.crc32(kind.encode()))
    return examine(cutout, Picture(make(alone(cutout), random, sweep(random, 640, 560))))


@pytest.mark.parametrize("kind", SAME)
def test_the_same_product_is_the_same(kind: str, coffee: Cutout, shoe: Cutout) -> None:
    fidelity = told(coffee if kind in ("relit", "jpeg", "turned") else shoe, kind, SAME[kind])
    assert verdict(fidelity, "strict") == "same", fidelity


SAYS: dict[str, Callable[[Fidelity], bool]] = {
    "hue": lambda f: f.colour_delta_e > 8 and f.silhouette > 0.98 and f.stretch < 1.02,
    "hue_of_part": lambda f: f.colour_moved > 0.1 and f.silhouette > 0.98,
    "garbled": lambda f: f.marks < 0.6 and f.colour_delta_e < 5 and f.silhouette > 0.98,
    "smeared": lambda f: f.marks < 0.6 and f.colour_moved < 0.02 and f.silhouette > 0.98,
    "patterned": lambda f: "missing" in f.notes or f.added > 0.06,
    "part_gone": lambda f: f.silhouette < 0.97,
    "part_added": lambda f: f.silhouette < 0.97 and f.colour_delta_e < 2.5,
    "stretched": lambda f: f.stretch == pytest.approx(1.15, abs=0.02) and f.colour_delta_e < 2.5,
    "mirrored": lambda f: f.notes == ("mirrored",) and f.silhouette > 0.98,
    "missing": lambda f: f.notes == ("missing",) and f.silhouette is None,
    "twice": lambda f: f.notes == ("several",) and f.silhouette > 0.98,
}


@pytest.mark.parametrize("kind", CHANGED)
def test_a_changed_product_is_not_and_the_right_measure_says_so(kind: str, coffee: Cutout, shoe: Cutout) -> None:
    fidelity = told(shoe if kind in ("hue", "missing", "patterned", "twice") else coffee, kind, CHANGED[kind])
    assert verdict(fidelity, "strict") != "same", fidelity
    assert SAYS[kind](fidelity), fidelity


def test_another_product_is_not_the_product(coffee: Cutout, shoe: Cutout) -> None:
    picture = laid(alone(shoe), sweep(np.random.default_rng(1), 600, 600), 0.7, (0.5, 0.8))
    assert verdict(examine(coffee, Picture(picture)), "balanced") == "changed"


def on_nothing(product: np.ndarray, side: int, size: int, left: int, top: int) -> np.ndarray:
    """The product, `size` pixels long, on a clear (side, side) picture: it needs no look of the model."""
    small = Image.fromarray(product)
    small.thumbnail((size, size), Image.Resampling.LANCZOS)
    out = Image.new("RGBA", (side, side))
    out.paste(small, (left, top))
    return np.asarray(out)


def test_a_darker_lamp_is_told_as_light_and_not_as_colour(coffee: Cutout) -> None:
    darker = relit(alone(coffee), 0.6, 1.0, 1.0)
    fidelity = examine(coffee, Picture(on_nothing(darker, 500, 350, 60, 80)))
    assert fidelity.light_change == pytest.approx(np.log2(0.6), abs=0.05)
    assert fidelity.colour_delta_e < 1.5


def test_size_is_told(coffee: Cutout) -> None:
    own = alone(coffee)
    fidelity = examine(coffee, Picture(on_nothing(own, 500, 250, 20, 220)))
    assert fidelity.scale == pytest.approx(250 / max(own.shape[:2]), rel=0.01)
    assert fidelity.found > 0.8


def test_a_product_cut_off_by_the_frame_is_to_be_looked_at(coffee: Cutout) -> None:
    made = on_nothing(alone(coffee), 600, 400, 10, 100)
    fidelity = examine(coffee, Picture(made[:, 60:]))
    assert "cropped" in fidelity.notes
    assert fidelity.silhouette < 0.95


@pytest.mark.parametrize("by", [1, 2])
def test_a_cut_out_picture_is_its_own_silhouette(by: int, coffee: Cutout, tmp_path: Path) -> None:
    pixels = np.dstack([coffee.rgb, coffee.alpha]).repeat(by, 0).repeat(by, 1)
    absent = tmp_path / "none.npz"  # the model is not asked
    fidelity = examine(coffee, Picture(pixels), weights=absent, operation="remove_background")
    assert verdict(fidelity, "strict") == "same", fidelity
    assert fidelity.scale == pytest.approx(by, rel=0.005)
    left, top, right, bottom = bounds(coffee.alpha > 127) or (0, 0, 0, 0)
    pixels[top * by : bottom * by, (right * 7 // 8 + left // 8) * by :, 3] = 0
    fidelity = examine(coffee, Picture(pixels), weights=absent, operation="remove_background")
    assert fidelity.lost > 0.03, fidelity
    assert verdict(fidelity, "strict") != "same", fidelity


def test_what_should_stay_in_its_place_is_searched_for_if_it_did_not(coffee: Cutout) -> None:
    made = on_nothing(alone(coffee), 640, 240, 390, 40)
    assert verdict(examine(coffee, Picture(made), operation="relight"), "strict") == "same"


@pytest.mark.parametrize("side", [64, 300])
def test_a_picture_of_one_colour_shows_no_product(side: int, coffee: Cutout) -> None:
    fidelity = examine(coffee, Picture(np.full((side, side, 3), 200, np.uint8)))
    assert fidelity.notes == ("missing",)
    assert all(verdict(fidelity, gate) == "changed" for gate in ("strict", "balanced", "creative"))


def test_a_tiny_picture_is_not_judged_but_looked_at(coffee: Cutout) -> None:
    fidelity = examine(coffee, Picture(laid(alone(coffee), sweep(np.random.default_rng(6), 64, 64), 0.6, (0.5, 0.5))))
    assert "too_small" in fidelity.notes
    assert fidelity.marks is None
    assert verdict(fidelity, "strict") == "check"


def test_a_tiny_product_is_not_judged() -> None:
    alpha = np.zeros((200, 200), np.uint8)
    alpha[90:110, 90:120] = 255
    tiny = Cutout(np.full((200, 200, 3), 90, np.uint8), alpha, (90, 90, 120, 110), 1.0)
    assert examine(tiny, Picture(np.full((300, 300, 3), 200, np.uint8))).notes == ("too_small",)


def test_an_empty_cut_out_is_refused() -> None:
    empty = Cutout(np.zeros((80, 80, 3), np.uint8), np.zeros((80, 80), np.uint8), (0, 0, 1, 1), 0.0)
    with pytest.raises(BadCutout):
        examine(empty, Picture(np.zeros((80, 80, 3), np.uint8)))


def test_absent_weights_are_a_fault_of_the_deployment(coffee: Cutout, tmp_path: Path) -> None:
    made = laid(alone(coffee), sweep(np.random.default_rng(7), 400, 400), 0.7, (0.5, 0.5))
    with pytest.raises(WeightsMissing):
        examine(coffee, Picture(made), weights=tmp_path / "none.npz")


def test_the_same_pixels_give_the_same_report(coffee: Cutout) -> None:
    picture = Picture(on_nothing(recoloured(alone(coffee), 90), 400, 280, 50, 60))
    first, second = (json.dumps(examine(coffee, picture).to_report()) for _ in range(2))
    assert first == second
