"""A box or a point says which of several things is the product."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from packshot.picture import Picture
from packshot.studio import BadShot, Cutout, NothingFound, cut_out, net
from packshot.studio.find import find
from packshot.studio.hints import checked, island_at, within
from tests.unit.studio.test_bad_pictures import ground, pasted


@pytest.fixture(scope="module")
def pair(cup: Cutout) -> Picture:
    """Two cups side by side."""
    return pasted(cup, ground(420, 240, 190), (25, 60), (240, 62))


def test_a_box_chooses_one_of_two(pair: Picture) -> None:
    made = cut_out(pair, box=(0.55, 0.2, 0.95, 0.9))
    assert made.alpha[112, 310] == 255 and not made.alpha[:, :200].any()
    assert made.box[0] > 225 and "several_products" not in made.warnings


def test_a_box_that_is_not_filled_lowers_the_confidence(monkeypatch: pytest.MonkeyPatch) -> None:
    """The model sees only the upper half of what the caller drew a box around."""

    def looks(pixels: np.ndarray, columns: int, rows: int, model: net.Model) -> np.ndarray:
        seen = (pixels[..., 0] < 40).astype(np.float32)
        return np.asarray(Image.fromarray(seen).resize((columns, rows)))

    monkeypatch.setattr("packshot.studio.find.saliency", looks)
    pixels = ground(320, 320, 190)
    pixels[50:160, 50:270], pixels[160:270, 50:270] = 20, 60
    half = find(pixels, lambda x: x[0], box=(0.15, 0.15, 0.85, 0.85))
    whole = find(pixels, lambda x: x[0], box=(0.15, 0.15, 0.85, 0.51))
    assert half.agreement < 0.8 and whole.agreement > 0.95


def test_a_point_chooses_one_of_two(pair: Picture) -> None:
    made = cut_out(pair, point=(90 / 420, 110 / 240))
    assert made.alpha[110, 90] == 255 and not made.alpha[:, 230:].any()


def test_a_point_chooses_within_a_box(pair: Picture) -> None:
    made = cut_out(pair, box=(0.02, 0.1, 0.98, 0.95), point=(310 / 420, 112 / 240))
    assert made.alpha[112, 310] == 255 and made.alpha[110, 90] == 0


def test_where_nothing_is_a_hint_finds_nothing(cup: Cutout) -> None:
    picture = pasted(cup, ground(500, 240, 190), (20, 60))
    with pytest.raises(NothingFound):
        cut_out(picture, point=(0.97, 0.5))
    with pytest.raises(NothingFound):
        cut_out(picture, box=(0.75, 0.1, 0.95, 0.9))


@pytest.mark.parametrize(
    "box, point",
    [
        ((0.1, 0.1, 1.2, 0.9), None),
        ((0.5, 0.1, 0.4, 0.9), None),
        ((0.5, 0.1, 0.505, 0.9), None),
        (None, (float("nan"), 0.5)),
        (None, (-0.1, 0.5)),
        ((0.1, 0.1, 0.4, 0.9), (0.6, 0.5)),
    ],
)
def test_a_hint_that_says_nothing_is_refused(
    box: tuple[float, float, float, float], point: tuple[float, float]
) -> None:
    with pytest.raises(BadShot):
        checked(box, point)


def test_outside_a_box_the_map_falls_to_nothing() -> None:
    soft = within((40, 20, 80, 60), (0, 0, 100, 100), 50, 25)
    assert soft.shape == (25, 50)
    assert soft[10, 30] == 1 and soft[10, 10] == 0 and soft[22, 30] == 0


def test_a_point_just_beside_an_island_means_that_island() -> None:
    mask = np.zeros((50, 50), bool)
    mask[10:20, 10:20] = mask[30:40, 30:40] = True
    chosen = island_at(mask, (0.42, 0.3))
    assert chosen is not None and chosen[15, 15] and not chosen[35, 35]
    assert island_at(mask, (0.9, 0.1)) is None
