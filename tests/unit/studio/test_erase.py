"""A place that takes the set around it: nothing else changes, smooth stays smooth, and what cannot be done is said."""

from __future__ import annotations

from importlib import import_module

import numpy as np
import pytest

from packshot.picture import Picture, mask_of
from packshot.studio import BadShot, Cutout
from packshot.studio.erase import erase
from packshot.studio.field import grow, shrink, soft
from packshot.studio.membrane import membrane
from tests.unit.studio.pictures import flat, opened


def sweep(wide: int = 320, high: int = 240, grain: float = 0.0) -> Picture:
    """A backdrop that gets lighter downwards and redder to the right, with a black disc on it."""
    y, x = np.mgrid[:high, :wide]
    levels = np.stack([120 + 0.2 * x + 0.15 * y, 130 + 0.25 * y, 140 + 0.2 * y], -1)
    levels += np.random.default_rng(3).standard_normal(levels.shape) * grain
    return Picture(np.rint(levels).clip(0, 255).astype(np.uint8))


def disc(picture: Picture, x: int = 160, y: int = 120, radius: int = 40) -> tuple[Picture, Picture]:
    """The picture with a black disc on it, and the mask around that."""
    rows, columns = np.mgrid[: picture.height, : picture.width]
    away = np.hypot(columns - x, rows - y)
    pixels = picture.pixels.copy()
    pixels[away < radius] = 0
    mask = np.repeat(((away < radius + 6) * np.uint8(255)).astype(np.uint8)[..., None], 3, 2)
    return Picture(pixels), Picture(mask)


def test_only_what_is_masked_changes_and_the_report_says_how_much() -> None:
    spoilt, mask = disc(sweep(grain=2))
    made = erase(spoilt, mask, format="png")
    hole = mask.pixels[..., 0] > 0
    assert (opened(made)[~hole] == spoilt.pixels[~hole]).all()
    changed = (opened(made) != spoilt.pixels).any(-1)
    assert changed[shrink(hole, 3)].mean() > 0.99
    assert made.report["method"] == "erase-to-set" and made.report["check"] == []
    assert made.report["erased_share"] == pytest.approx(hole.mean(), abs=1e-4)
    assert (made.width, made.height) == (320, 240)


def test_a_smooth_set_comes_back() -> None:
    clean = sweep()
    spoilt, mask = disc(clean)
    away = np.abs(opened(erase(spoilt, mask, format="png")).astype(int) - clean.pixels)
    assert away.max() <= 2


def test_the_rim_is_blended_inside_the_mask() -> None:
    grey, mask = flat(120, 100, (100, 100, 100)), np.zeros((100, 120, 3), np.uint8)
    mask[30:70, 40:80] = 255
    pixels = grey.pixels.copy()
    pixels[30:70, 40:80] = 160
    made = opened(erase(Picture(pixels), Picture(mask), format="png"))[50, 38:46, 0]
    assert made.tolist() == [100, 100, 140, 120, 100, 100, 100, 100]


def test_coloured_grain_keeps_its_colour() -> None:
    pixels = sweep().pixels.astype(float)
    pixels[..., 2] += np.random.default_rng(4).standard_normal(pixels.shape[:2]) * 6
    spoilt, mask = disc(Picture(np.rint(pixels).astype(np.uint8)), radius=50)
    inside = shrink(mask.pixels[..., 0] > 0, 6)
    made = np.diff(opened(erase(spoilt, mask, format="png")).astype(float), axis=1)[inside[:, 1:] & inside[:, :-1]]
    assert made[:, 2].std() > 5 * made[:, 0].std()


def test_grain_goes_on_in_its_size_and_follows_the_seed() -> None:
    spoilt, mask = disc(sweep(grain=4), radius=50)
    made = erase(spoilt, mask, format="png", seed=1)
    inside = shrink(mask.pixels[..., 0] > 0, 6)
    ground = ~grow(mask.pixels[..., 0] > 0, 6)
    fine = lambda pixels, where: np.std(np.diff(pixels.astype(float), axis=1)[where[:, 1:] & where[:, :-1]])  # noqa: E731
    assert fine(opened(made), inside) == pytest.approx(fine(spoilt.pixels, ground), rel=0.25)
    assert float(made.report["grain"]) == pytest.approx(4, rel=0.25)  # type: ignore[arg-type]
    assert made == erase(spoilt, mask, format="png", seed=1)
    assert made.data != erase(spoilt, mask, format="png", seed=2).data
    still, mask = disc(sweep())
    assert float(erase(still, mask).report["grain"]) < 0.5  # type: ignore[arg-type]


def test_a_pattern_or_an_edge_at_the_place_is_to_be_checked() -> None:
    spoilt, mask = disc(sweep())
    striped = spoilt.pixels.copy()
    striped[:, ::12] //= 2
    assert erase(Picture(striped), mask).report["check"] == ["uneven_surroundings"]
    table = spoilt.pixels.copy()
    table[120:] //= 2
    assert erase(Picture(table), mask).report["check"] == ["uneven_surroundings"]
    far = spoilt.pixels.copy()
    far[:30] //= 2
    assert erase(Picture(far), mask).report["check"] == []


def test_a_large_place_is_to_be_checked() -> None:
    mask = flat(320, 240, (255, 255, 255)).pixels.copy()
    mask[:, :160] = 0
    assert erase(sweep(), Picture(mask)).report["check"] == ["large_area"]
    mask[:, :210] = 0
    assert erase(sweep(), Picture(mask)).report["check"] == []


def test_the_product_beside_the_place_does_not_run_into_it() -> None:
    clean = flat(200, 160, (200, 200, 200))
    pixels, alpha = clean.pixels.copy(), np.zeros((160, 200), np.uint8)
    alpha[40:120, 20:100] = 255
    pixels[alpha > 0] = (180, 20, 20)
    mask = np.zeros((160, 200, 3), np.uint8)
    mask[50:110, 103:150] = 255
    product = Cutout(pixels, alpha, (20, 40, 100, 120), 1.0)
    with_it = opened(erase(Picture(pixels), Picture(mask), product, format="png"))
    assert np.abs(with_it.astype(int) - pixels).max() <= 1
    mask[50:110, 100:150] = 255
    touching = opened(erase(Picture(pixels), Picture(mask), product, format="png"))
    without = opened(erase(Picture(pixels), Picture(mask), format="png"))
    there = (slice(55, 105), slice(105, 145))
    assert np.abs(touching[there].astype(int) - 200).max() <= 1 < np.abs(without[there].astype(int) - 200).max() - 20


def test_without_a_mask_the_product_goes() -> None:
    clean = sweep()
    spoilt, mask = disc(clean)
    alpha = mask.pixels[..., 0].copy()
    product = Cutout(spoilt.pixels, alpha, (114, 74, 207, 167), 1.0)
    made = opened(erase(spoilt, None, product, format="png"))
    assert np.abs(made.astype(int) - clean.pixels).max() <= 2
    half = Cutout(spoilt.pixels[::2, ::2], np.ascontiguousarray(alpha[::2, ::2]), (57, 37, 104, 84), 1.0)
    assert np.abs(opened(erase(spoilt, None, half, format="png")).astype(int) - clean.pixels).max() <= 2


def test_transparency_is_continued_like_a_colour() -> None:
    clear = np.dstack([sweep().pixels, np.zeros((240, 320), np.uint8)])
    clear[80:160, 120:200] = (10, 20, 30, 255)
    mask = np.zeros((240, 320, 3), np.uint8)
    mask[70:170, 110:210] = 255
    made = opened(erase(Picture(clear), Picture(mask), format="png"))
    assert made.shape[2] == 4 and made[75:165, 115:205, 3].max() == 0
    assert (made[:70] == clear[:70]).all()


def test_the_polarity_of_a_mask_is_settled_before(small: Picture) -> None:
    mask = flat(small.width, small.height, (255, 255, 255)).pixels.copy()
    mask[20:60, 20:60] = 0
    made = erase(small, mask_of(Picture(mask), "black"))
    assert made.report["erased_share"] == pytest.approx(1600 / (small.width * small.height), abs=1e-4)


@pytest.mark.parametrize(
    "mask, message",
    [
        (None, "takes a mask"),
        (flat(64, 64, (255, 255, 255)), "320 x 240 pixels, not 64 x 64"),
        (flat(320, 240, (0, 0, 0)), "marks nothing"),
        (flat(320, 240, (255, 255, 255)), "leaves nothing"),
    ],
)
def test_what_cannot_be_erased_is_refused(mask: Picture | None, message: str) -> None:
    with pytest.raises(BadShot, match=message):
        erase(sweep(), mask)


def test_a_product_that_leaves_no_set_is_refused() -> None:
    alpha = np.full((240, 320), 255, np.uint8)
    mask = flat(320, 240, (0, 0, 0)).pixels.copy()
    mask[10:20, 10:20] = 255
    with pytest.raises(BadShot, match="leaves nothing"):
        erase(sweep(), Picture(mask), Cutout(sweep().pixels, alpha, (0, 0, 320, 240), 1.0))


def test_strips_leave_no_seam(monkeypatch: pytest.MonkeyPatch) -> None:
    spoilt, mask = disc(sweep(700, 620), 350, 310, 200)
    whole = opened(erase(spoilt, mask, format="png")).astype(int)
    monkeypatch.setattr(import_module("packshot.studio.erase"), "STRIP", 37)
    assert np.abs(opened(erase(spoilt, mask, format="png")) - whole).max() <= 1


@pytest.mark.parametrize("shape, hole", [((90, 130), (20, 77, 9, 111)), ((511, 341), (33, 470, 20, 320))])
def test_the_membrane_is_harmonic(shape: tuple[int, int], hole: tuple[int, ...]) -> None:
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    truth = np.stack([0.3 * x + 0.1 * y, (x * x - y * y) / (2 * shape[1])], -1)
    known = np.ones(shape, bool)
    known[hole[0] : hole[1], hole[2] : hole[3]] = False
    given = np.where(known[..., None], truth, 0).astype(np.float32)
    assert np.abs(membrane(given, known) - truth).max() < 0.1


def test_the_membrane_of_a_ragged_place_stays_within_what_is_around_it() -> None:
    random = np.random.default_rng(1)
    lumps = soft(random.standard_normal((130, 97)).astype(np.float32), 1.2)
    values = random.uniform(20, 230, (130, 97, 3)).astype(np.float32)
    for share in (0.1, 0.5, 0.9):
        known = lumps > np.quantile(lumps, share)
        made = membrane(values, known)
        assert (made[known] == values[known]).all()
        assert values[known].min() - 1 < made.min() and made.max() < values[known].max() + 1
