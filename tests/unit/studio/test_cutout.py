"""From photo to cut-out: the model's numbers, the outline, the rim, and what is refused."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from packshot.picture import Picture
from packshot.studio import BadCutout, Cutout, NothingFound, WeightsMissing, cut_out, edge, matte, net
from packshot.studio.find import find


def blob(rows: int, columns: int) -> np.ndarray:
    """A soft disc, alpha 0..1."""
    y, x = np.mgrid[0:rows, 0:columns]
    return (0.3 * min(rows, columns) - np.hypot(y - rows / 2, x - columns / 2) + 0.5).clip(0, 1).astype(np.float32)


def on(alpha: np.ndarray, front: tuple[int, int, int], back: tuple[int, int, int], noise: float = 1.5) -> np.ndarray:
    mixed = alpha[..., None] * np.array(front) + (1 - alpha[..., None]) * np.array(back)
    grain = np.random.default_rng(7).normal(0, noise, mixed.shape)
    return (mixed + grain).clip(0, 255).round().astype(np.uint8)


def test_the_network_gives_the_numbers_of_the_reference_runtime() -> None:
    y, x = np.mgrid[0:96, 0:96]
    pixels = np.stack([(x * 2) % 256, (y * 3) % 256, (x + y) % 256], -1).astype(np.uint8)
    pixels[30:70, 35:75] = (220, 40, 30)
    found = net.saliency(pixels, 96, 96, net.load())
    reference = {(50, 55): 0.67524, (32, 37): 0.40302, (10, 10): 0.08735, (69, 40): 0.72449, (80, 80): 0.65629}
    for place, value in reference.items():  # onnxruntime 1.31 on the published file
        assert found[place] == pytest.approx(value, abs=5e-4)
    assert float(found.mean()) == pytest.approx(0.30683, abs=2e-4)


def test_absent_or_foreign_weights_are_a_fault_of_the_deployment(tmp_path: Path) -> None:
    with pytest.raises(WeightsMissing):
        net.load(tmp_path / "none.npz")
    np.savez(tmp_path / "other.npz", shapes=np.array([[1, 1, 3, 3]]), values=np.zeros(10, np.float32))
    with pytest.raises(WeightsMissing):
        net.load(tmp_path / "other.npz")


def test_an_onnx_file_without_its_runtime_or_of_another_model_is_a_fault_of_the_deployment(tmp_path: Path) -> None:
    file = tmp_path / "model.onnx"
    file.write_bytes(b"no model")
    with pytest.raises(WeightsMissing):
        net.load(file)


def test_onnxruntime_gives_the_same_alpha(coffee: Picture, cup: Cutout) -> None:
    pytest.importorskip("onnxruntime", reason="onnxruntime is optional and not installed")
    file = Path(os.environ.get("PACKSHOT_ONNX", "u2netp.onnx"))
    if not file.exists():
        pytest.skip("PACKSHOT_ONNX names no u2netp.onnx (see tools/weights.py for where it comes from)")
    made = cut_out(coffee, weights=file)
    assert np.abs(made.alpha.astype(int) - cup.alpha).max() <= 1 and made.box == cup.box


def test_matting_finds_the_true_edge_from_a_vague_one() -> None:
    true = blob(120, 140)
    pixels = on(true, (200, 60, 40), (90, 140, 160))
    vague = np.asarray(
        Image.fromarray((true * 255).astype(np.uint8)).resize((20, 17)).resize((140, 120), 3), np.float32
    )
    inside, undecided = matte.band_of(vague / 255, 4)
    solved = matte.solve(pixels, vague / 255, inside, undecided)
    before, after = np.abs(vague / 255 - true)[undecided].mean(), np.abs(solved - true)[undecided].mean()
    assert after < 0.04 < before


def test_the_decision_fills_pinholes_and_drops_specks_but_keeps_a_strap() -> None:
    alpha = blob(100, 100)
    alpha[50, 50] = 0.1  # pinhole
    alpha[5:8, 5:8] = 0.9  # speck
    alpha[8:25, 50:52] = 0.9  # strap that hangs on the disc
    decided = matte.decide(alpha.copy(), np.maximum(alpha, 0.01), 3)
    assert decided[50, 50] == 1 and decided[6, 6] == 0 and decided[12, 50] > 0.8


def test_the_rim_keeps_nothing_of_the_old_background() -> None:
    true = blob(120, 140)
    front = np.array([200, 60, 40])
    pixels = on(true, (200, 60, 40), (20, 240, 60), noise=0)
    clean = edge.foreground(pixels, true, pixels, true)
    rim = (true > 0.1) & (true < 0.95)
    assert np.abs(pixels[rim].astype(int) - front).mean() > 30
    assert np.abs(clean[rim].astype(int) - front).mean() < 6
    assert np.array_equal(clean[true == 1], pixels[true == 1])


def test_guided_enlargement_follows_the_picture_and_not_the_pixels_of_the_small_alpha() -> None:
    true = blob(240, 280)
    pixels = on(true, (200, 60, 40), (90, 140, 160), noise=0.5)
    small = np.asarray(Image.fromarray(pixels).resize((70, 60), Image.Resampling.BOX))
    alpha = np.asarray(Image.fromarray(true).resize((70, 60), Image.Resampling.BOX))
    plain = np.asarray(Image.fromarray(alpha).resize((280, 240), Image.Resampling.BICUBIC)).clip(0, 1)
    guided = matte.guided(alpha, small, pixels)
    assert np.abs(guided - true).sum() < 0.6 * np.abs(plain - true).sum()


def test_the_cup_is_found_whole(cup: Cutout, coffee: Picture) -> None:
    left, top, right, bottom = cup.box
    assert (cup.width, cup.height) == (coffee.width, coffee.height)
    assert abs(left - 75) < 8 and abs(top - 17) < 8 and abs(right - 481) < 8 and abs(bottom - 391) < 8
    assert cup.alpha[200, 280] == 255 and cup.alpha[10, 10] == 0 and cup.alpha[390, 590] == 0
    assert 0.40 < (cup.alpha > 127).mean() < 0.52
    assert cup.confidence > 0.8


def test_inside_the_product_no_pixel_is_changed(cup: Cutout, coffee: Picture) -> None:
    inside = cup.alpha == 255
    assert inside.mean() > 0.4
    assert np.array_equal(cup.rgb[inside], coffee.pixels[inside])


def test_nothing_of_the_background_is_kept(cup: Cutout) -> None:
    assert len(np.unique(cup.rgb[:10, :40].reshape(-1, 3), axis=0)) == 1


def test_a_stored_cutout_comes_back_the_same(cup: Cutout) -> None:
    again = Cutout.from_bytes(cup.to_bytes())
    assert np.array_equal(again.rgb, cup.rgb) and np.array_equal(again.alpha, cup.alpha)
    assert (again.box, again.confidence, again.warnings) == (cup.box, cup.confidence, cup.warnings)


def test_warnings_are_stored_with_the_cutout(cup: Cutout) -> None:
    warned = replace(cup, warnings=("touches_frame", "weak_outline"))
    assert Cutout.from_bytes(warned.to_bytes()).warnings == ("touches_frame", "weak_outline")


def test_the_same_picture_gives_the_same_bytes(small: Picture) -> None:
    assert cut_out(small).to_bytes() == cut_out(small).to_bytes()


@pytest.mark.parametrize(
    "change", [lambda b: b[:-400], lambda b: b"", lambda b: b.replace(b'"version": 2', b'"version": 1')]
)
def test_other_bytes_are_not_a_cutout(cup: Cutout, change: Callable[[bytes], bytes]) -> None:
    with pytest.raises(BadCutout):
        Cutout.from_bytes(change(cup.to_bytes()))


def test_a_picture_with_transparency_is_its_own_cutout() -> None:
    pixels = np.zeros((90, 120, 4), np.uint8)
    pixels[20:70, 30:100] = (12, 99, 180, 255)
    cutout = cut_out(Picture(pixels))
    assert cutout.box == (30, 20, 100, 70) and cutout.confidence == 1.0
    assert cutout.rgb[19, 50].tolist() == [12, 99, 180], "colours continue into what was transparent black"


def test_rounded_corners_do_not_make_a_cutout(coffee: Picture) -> None:
    pixels = np.dstack([coffee.pixels, np.full(coffee.pixels.shape[:2], 255, np.uint8)])
    pixels[:12, :12, 3] = 0
    cutout = cut_out(Picture(pixels))
    assert cutout.alpha[390, 590] == 0 and cutout.alpha[200, 280] == 255


@pytest.mark.parametrize(
    "pixels",
    [
        np.full((80, 80, 3), 255, np.uint8),
        np.random.default_rng(3).normal(128, 2, (90, 70, 3)).clip(0, 255).astype(np.uint8),
        np.zeros((80, 80, 4), np.uint8),
    ],
    ids=["white", "grey with noise", "all transparent"],
)
def test_where_nothing_is_nothing_is_found(pixels: np.ndarray) -> None:
    with pytest.raises(NothingFound):
        cut_out(Picture(pixels))


def test_a_close_look_that_loses_half_the_product_is_overruled(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first look sees the whole disc, the second only its upper half: the product stays whole."""

    def looks(pixels: np.ndarray, columns: int, rows: int, model: net.Model) -> np.ndarray:
        seen = (pixels[..., 0] > 145).astype(np.float32)  # the disc is red, the rest is not
        if pixels.shape[0] < 200:
            seen[pixels.shape[0] // 2 :] = 0
        return np.asarray(Image.fromarray(seen).resize((columns, rows)))

    monkeypatch.setattr("packshot.studio.find.saliency", looks)
    found = find(on(blob(200, 200), (200, 60, 40), (90, 140, 160)), lambda x: x[0])
    rows, columns = found.sure.shape
    assert found.sure[int(rows * 0.62), columns // 2] > 0.9
    assert found.agreement < 0.8


def test_a_tiny_picture_works(coffee: Picture) -> None:
    small = np.asarray(Image.fromarray(coffee.pixels).resize((96, 64)))
    cutout = cut_out(Picture(small))
    assert 0.3 < (cutout.alpha > 127).mean() < 0.6
