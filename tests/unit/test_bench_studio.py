"""The studio's benchmark measures what it says: masks made by hand, values computed by hand."""

from __future__ import annotations

import dataclasses
import io
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from bench.studio import __main__ as command  # noqa: E402
from bench.studio import metrics, peer_worker, peers, quality, table, truth, white  # noqa: E402
from packshot.studio import Look, plates, sets  # noqa: E402


def square(left: int, top: int, right: int, bottom: int, side: int = 40, level: int = 255) -> np.ndarray:
    """Alpha of one opaque rectangle."""
    alpha = np.zeros((side, side), np.uint8)
    alpha[top:bottom, left:right] = level
    return alpha


def test_iou_counts_pixels_above_one_half() -> None:
    assert metrics.iou(square(10, 10, 20, 20), square(15, 10, 25, 20)) == pytest.approx(50 / 150)
    assert metrics.iou(square(10, 10, 20, 20, level=127), square(10, 10, 20, 20)) == 0
    assert metrics.iou(square(10, 10, 20, 20, level=128), square(10, 10, 20, 20)) == 1
    assert metrics.iou(square(0, 0, 0, 0), square(0, 0, 0, 0)) == 1


def test_mae_and_sad_are_the_sums_of_a_hand_made_pair() -> None:
    found = metrics.scores(square(10, 10, 20, 20, level=204), square(10, 10, 20, 20))
    assert found.sad == pytest.approx(100 * 0.2 / 1000)
    assert found.mae == pytest.approx(1000 * 100 * 0.2 / 1600)


def test_the_edge_band_is_fifteen_pixels_about_the_outline() -> None:
    truth = np.zeros((40, 40), np.uint8)
    truth[:, 20:] = 255
    band = metrics.edge_band(truth)
    assert np.flatnonzero(band[5]).tolist() == list(range(13, 27))
    assert band.all(0).sum() == band.any(0).sum()
    dot = np.zeros((40, 40), np.uint8)
    dot[20, 20] = 255
    assert metrics.edge_band(dot).sum() == 15 * 15


def test_edge_mae_sees_only_the_band() -> None:
    truth = np.zeros((40, 40), np.uint8)
    truth[:, 20:] = 255
    far = truth.copy()
    far[:, 35] = 0
    assert metrics.scores(far, truth).edge_mae == 0
    near = truth.copy()
    near[:, 20] = 0
    assert metrics.scores(near, truth).edge_mae == pytest.approx(1 / 14)


def test_scores_refuse_another_shape() -> None:
    with pytest.raises(ValueError, match="shape"):
        metrics.scores(np.zeros((4, 4), np.uint8), np.zeros((4, 5), np.uint8))


def test_halo_is_darkness_and_chroma_in_six_pixels_around() -> None:
    truth = square(15, 15, 25, 25)
    canvas = np.full((40, 40, 3), 255, np.uint8)
    canvas[truth > 0] = 0
    assert metrics.halo(canvas, truth) == pytest.approx(0, abs=1e-3)
    canvas[:9] = 0  # farther than six pixels
    assert metrics.halo(canvas, truth) == pytest.approx(0, abs=1e-3)
    ring = np.zeros((40, 40), bool)
    ring[9:31, 9:31] = True
    ring[15:25, 15:25] = False
    canvas[ring] = 0
    assert metrics.halo(canvas, truth) == pytest.approx(100, abs=1e-3)
    canvas[ring] = (255, 0, 0)  # CIE L*a*b*, D65: 53.24, 80.09, 67.20
    assert metrics.halo(canvas, truth) == pytest.approx(46.76 + 104.55, abs=0.1)


def test_fidelity_sees_what_was_repainted_and_not_what_was_left_out() -> None:
    truth, source = square(5, 5, 35, 35), np.full((40, 40, 3), 120, np.uint8)
    made = source.copy()
    assert metrics.fidelity(source, made, truth, truth) == (0, 0)
    alpha = truth.copy()
    alpha[5:35, 5:20] = 0
    made[:, :20] = 255  # left out
    made[5:8] = 255  # the rim
    assert metrics.fidelity(source, made, alpha, truth) == (0, 0)
    made[20, 30] = 140
    mean, most = metrics.fidelity(source, made, alpha, truth) or (0, 0)
    assert most > 5
    # deep inside both: 24 rows; of 15 columns kept three are too near to the kept part's edge on either side
    assert mean == pytest.approx(most / (24 * 9))
    assert metrics.fidelity(source, made, np.zeros_like(truth), truth) is None


def rgba(alpha: np.ndarray) -> Image.Image:
    """A grey product under an alpha."""
    return Image.fromarray(np.dstack([*[np.full_like(alpha, 90)] * 3, alpha]))


def test_the_short_way_onto_white_fills_the_frame_it_says() -> None:
    made = np.asarray(peer_worker.on_white(rgba(square(4, 12, 24, 22)), 200).convert("L"))
    rows, columns = np.nonzero((made < 250).any(1))[0], np.nonzero((made < 250).any(0))[0]
    assert (columns[0], columns[-1] + 1, rows[0], rows[-1] + 1) == (12, 188, 56, 144)
    assert set(np.unique(made)) == {90, 255}


def test_a_faint_veil_does_not_count_for_the_size_but_stays() -> None:
    alpha = np.maximum(square(0, 0, 40, 40, level=11), square(10, 10, 30, 30))
    made = np.asarray(peer_worker.on_white(rgba(alpha), 200).convert("L"))
    assert np.nonzero((made < 250).any(0))[0][0] == 12
    with pytest.raises(ValueError, match="nothing"):
        peer_worker.on_white(rgba(square(0, 0, 40, 40, level=11)), 200)


def test_naive_pillow_takes_what_differs_from_the_border() -> None:
    picture = np.full((100, 100, 3), 200, np.uint8)
    picture[30:70, 30:70] = 50
    out = io.BytesIO()
    Image.fromarray(picture).save(out, "PNG")
    alpha = np.asarray(peer_worker.METHODS["pillow"]()(out.getvalue(), None).rgba)[..., 3]
    assert metrics.iou(alpha, square(30, 30, 70, 70, side=100)) > 0.97


def test_messages_come_back_as_they_were_sent() -> None:
    pipe = io.BytesIO()
    peer_worker.send(pipe, {"cpu": 1.5}, rgba=b"\n{}", white_jpg=b"")
    pipe.seek(0)
    assert peer_worker.receive(pipe) == ({"cpu": 1.5}, {"rgba": b"\n{}", "white_jpg": b""})
    with pytest.raises(EOFError):
        peer_worker.receive(pipe)


def packshot(top: int, high: int, background: int = 255) -> bytes:
    """A PNG of 1000 pixels with a grey bar."""
    picture = np.full((1000, 1000), background, np.uint8)
    picture[top : top + high, 400:600] = 90
    out = io.BytesIO()
    Image.fromarray(picture).convert("RGB").save(out, "PNG")
    return out.getvalue()


def test_the_marketplaces_rules_are_told_apart() -> None:
    assert white.judged(packshot(60, 880)) == white.Verdict((), 0.88)
    assert white.judged(packshot(250, 500)).broken == ("fill",)
    assert white.judged(packshot(60, 880, background=254)).broken == ("background",)
    assert white.judged(packshot(0, 900)).broken == ("background", "whole_product")


def test_ssim_is_one_for_equal_pictures_and_falls_with_a_shadow() -> None:
    noise = np.random.default_rng(1).integers(100, 160, (40, 40, 3)).astype(np.uint8)
    everywhere = np.ones((40, 40), bool)
    assert truth.ssim(noise, noise, everywhere) == pytest.approx(1, abs=1e-4)
    # flat pictures have no structure: what is left is the term of luminance
    one, two = np.full((40, 40, 3), 100, np.uint8), np.full((40, 40, 3), 200, np.uint8)
    c = (0.01 * 255) ** 2
    assert truth.ssim(one, two, everywhere) == pytest.approx((2 * 100 * 200 + c) / (100**2 + 200**2 + c), abs=1e-3)


def test_without_pairs_there_is_no_truth(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(truth, "FOLDER", tmp_path)
    assert truth.compare() == {}


@pytest.mark.parametrize("neutral", [False, True])
def test_our_own_composite_is_no_distance_from_itself(
    neutral: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    plate = next(one for one in plates.plates() if one.neutral is neutral and one.view == "front")
    alpha, foot = np.zeros((256, 256), np.uint8), round(256 * plate.stand.y)
    alpha[foot - 100 : foot, 90:166] = 255
    product = np.dstack([*[np.full_like(alpha, 90)] * 3, alpha])
    scene = sets.Scene(Look(surface=plate.surface, colour=(180, 170, 160) if neutral else None))
    made = truth._ours(truth._layer(product), plate, scene, (256, 256))
    assert (made[foot - 90 : foot - 10, 100:156] == 90).all()
    assert (made[foot + 1, 90:166] != 90).any(-1).all()
    made[alpha > 0] = 250  # how the product itself looks is not compared
    monkeypatch.setattr(truth, "FOLDER", tmp_path)
    Image.fromarray(made).save(tmp_path / "x-truth.jpg", quality=100, subsampling=0)
    Image.fromarray(product).save(tmp_path / "x-product.png")
    (tmp_path / "MANIFEST.json").write_text(json.dumps({"pairs": [{"id": "x", "plate": plate.id}]}))
    found = truth.compare()["x"]
    assert found["ours"]["error"] < 1.5  # what JPEG and a fitted colour leave
    assert found["ours"]["ssim"] > 0.9
    assert found["ours"]["touched"] < 3 < found["no shadow"]["touched"]
    assert found["ours"]["error"] < min(found["no shadow"]["error"], found["drop shadow"]["error"])


def test_the_halves_are_kept_apart(tmp_path: Path) -> None:
    assert quality.pictures("reporting", folder=tmp_path) == []
    halves = {"a": "tuning", "b": "reporting", "c": "reporting"}
    entries = [{"id": name, "half": half} for name, half in halves.items()]
    (tmp_path / "MANIFEST.json").write_text(json.dumps({"pictures": entries}))
    assert [entry["id"] for entry in quality.pictures("reporting", folder=tmp_path)] == ["b", "c"]
    assert [entry["id"] for entry in quality.pictures("reporting", 1, tmp_path)] == ["b"]


class Stub:
    """A worker that says one thing."""

    def __init__(self, told: dict[str, Any], **parts: bytes) -> None:
        self.told, self.parts = told, parts

    def cut(self, picture: bytes, box: list[float]) -> tuple[dict[str, Any], dict[str, bytes]]:
        return self.told, self.parts


def test_a_failed_cut_out_is_judged_as_an_empty_one(tmp_path: Path) -> None:
    Image.new("RGB", (40, 40)).save(tmp_path / "a.jpg")
    Image.fromarray(square(10, 10, 20, 20)).save(tmp_path / "a.png")
    entry = {"id": "a", "box": [0.25, 0.25, 0.5, 0.5], "tags": []}
    row = quality.row(Stub({"failed": "NothingFound: no"}), entry, tmp_path)  # type: ignore[arg-type]
    assert (row["failed"], row["iou"], row["sad"]) == ("NothingFound: no", 0, 0.1)
    row = quality.row(Stub({"size": [40, 30]}, rgba=b""), entry, tmp_path)  # type: ignore[arg-type]
    assert "another size" in row["failed"]


def results(**changed: Any) -> dict[str, Any]:
    """Results of two methods on two pictures."""
    right = {"iou": 0.95, "mae": 10.0, "sad": 2.0, "edge_mae": 0.05, "cpu": 1.0, "tags": ["thin"], "sha256": "1"}
    right |= {"halo": 1.0, "fidelity": [0.0, 0.5], "confidence": 0.9}
    right |= {f"white_{format}": {"broken": [], "fill": 0.88} for format in ("jpg", "png")}
    wrong = right | {"iou": 0.5, "confidence": 0.3, "white_jpg": {"broken": ["fill"], "fill": 0.5}}
    made: dict[str, Any] = {
        "half": "reporting", "of": 2, "pictures": ["a", "b"], "methods": ["packshot", "rembg-u2netp", "pillow"],
        "quality": {"packshot": {"a": right, "b": wrong}, "pillow": {"a": wrong, "b": {**wrong, "failed": "no"}}},
        "not_run": {"rembg-u2netp": "no such package"}, "cost": {}, "cold": {}, "first": {}, "package": {},
        "versions": {"packshot": "studio 1", "rembg-u2netp": "rembg==2", "pillow": "pillow==13"},
        "machine": {"cpu": "A", "cores": 2, "load": 1.0, "python": "3", "numpy": "2", "pillow": "13"},
    }  # fmt: skip
    return made | changed


def test_the_table_says_what_failed_and_what_was_not_run() -> None:
    text = table.table(results())
    assert "| packshot | 0.725 / 0.725 | 50 % |" in text
    assert "| rembg u2netp (not run: no such package) |" in text
    assert "edge MAE, 1 found by all" in text
    cutouts = text.partition("### Cut-outs")[2].partition("###")[0]
    failed = [line.split("|")[8].strip() for line in cutouts.splitlines() if line.startswith(("| packshot", "| naive"))]
    assert failed == ["0", "1"]
    assert "| packshot | 1 of 1 | 0 of 1 |" in text
    assert "fill 1" in text
    assert "studio 1, rembg==2, pillow==13." in text


def test_the_table_takes_its_place_on_a_page(tmp_path: Path) -> None:
    page = tmp_path / "studio.md"
    table.write(page, "one")
    assert page.read_text().count("## Measured") == 1
    page.write_text(page.read_text() + "\nafter\n")
    table.write(page, "two")
    text = page.read_text()
    assert "two" in text and "one" not in text and text.endswith("\nafter\n")
    page.write_text("nothing")
    with pytest.raises(ValueError, match="measured:begin"):
        table.write(page, "three")


def test_only_what_is_still_the_same_version_is_kept() -> None:
    versions = {method.name: method.version() for method in peers.METHODS}
    old = {"versions": versions, "quality": {"packshot": {"a": {}}, "pillow": {"a": {}}}, "truth": {"x": {}}}
    assert command.known(old)["quality"] == old["quality"]
    changed = old | {"versions": versions | {"packshot": "studio of yesterday"}}
    assert command.known(changed)["quality"] == {"pillow": {"a": {}}}
    assert "truth" not in command.known(changed)


def test_a_changed_picture_is_measured_again() -> None:
    own = next(method for method in peers.METHODS if method.name == "packshot")
    rows = {"packshot": {"a": {"sha256": "1"}, "b": {"sha256": "2"}}}
    entries = [{"id": "a", "sha256": {"jpg": "1"}}, {"id": "b", "sha256": {"jpg": "3"}}]
    command.forget(rows, [own], entries, everything=False)
    assert rows == {"packshot": {"a": {"sha256": "1"}}}
    command.forget(rows, [own], entries, everything=True)
    assert rows == {"packshot": {}}


def test_a_process_that_died_is_started_again() -> None:
    own = next(method for method in peers.METHODS if method.name == "pillow")
    worker = peers.Worker(dataclasses.replace(own, room=peers.OWN))
    out = io.BytesIO()
    Image.fromarray(square(10, 10, 30, 30)).save(out, "PNG")
    worker.process.kill()
    worker.process.wait()
    told, parts = worker.cut(out.getvalue(), [0, 0, 1, 1])
    assert (told["size"], len(parts["rgba"])) == ([40, 40], 40 * 40 * 4)
    assert "failed" in worker.cut(b"no picture", [0, 0, 1, 1])[0]
    worker.close()
    with pytest.raises(peers.NotRun, match="cv2"):
        peers.Worker(dataclasses.replace(own, name="grabcut", room=peers.OWN))


def test_every_pin_is_exact_and_every_method_can_be_started() -> None:
    assert all(pin.count("==") == 1 for pins in peers.ROOMS.values() for pin in pins)
    assert {method.name for method in peers.METHODS} == set(peer_worker.METHODS)
    assert all(method.own or method.version().startswith(method.main) for method in peers.METHODS)
