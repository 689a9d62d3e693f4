"""The labelled snapshots are what their manifest says, and good for measuring: enough, exact, CC0, halves apart."""

from __future__ import annotations

import hashlib
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

FOLDER = Path(__file__).resolve().parents[3] / "bench" / "studio" / "snapshots"
MANIFEST = json.loads((FOLDER / "MANIFEST.json").read_text())
PICTURES: list[dict[str, Any]] = MANIFEST["pictures"]


def alpha_of(picture: dict[str, Any]) -> np.ndarray:
    return np.asarray(Image.open(FOLDER / f"{picture['id']}.png"))


def test_the_files_are_those_of_the_manifest_byte_for_byte() -> None:
    listed = {f"{picture['id']}.{kind}": sha for picture in PICTURES for kind, sha in picture["sha256"].items()}
    there = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in FOLDER.iterdir()
        if path.suffix in (".jpg", ".png")
    }
    assert there == listed


def test_there_are_enough_pictures_of_enough_products() -> None:
    assert len(PICTURES) >= 100
    assert len({picture["product"] for picture in PICTURES}) >= 30


def test_the_halves_share_no_product_and_no_model() -> None:
    halves = {
        half: {picture[key] for picture in PICTURES if picture["half"] == half for key in ("product", "model")}
        for half in ("tuning", "reporting")
    }
    assert not halves["tuning"] & halves["reporting"]
    sizes = [sum(picture["half"] == half for picture in PICTURES) for half in halves]
    assert sum(sizes) == len(PICTURES)
    assert min(sizes) >= 0.4 * len(PICTURES)


def test_everything_is_cc0() -> None:
    assert {MANIFEST["licence"]} == {row["licence"] for row in (*MANIFEST["sources"], *PICTURES)} == {"CC0-1.0"}
    assert {picture["source"] for picture in PICTURES} <= {"own", *(row["package"] for row in MANIFEST["sources"])}


def test_hard_cases_are_there_in_both_halves() -> None:
    hard = {
        "white-on-white", "black-on-black", "thin", "openings", "glass", "plant", "several-products", "touches-frame",
        "tiny", "hard-shadow", "clutter", "from-above",
    }  # fmt: skip
    for half in ("tuning", "reporting"):
        assert hard <= {tag for picture in PICTURES if picture["half"] == half for tag in picture["tags"]}, half


@pytest.mark.parametrize("picture", PICTURES, ids=lambda picture: picture["id"])
def test_the_alpha_fits_its_picture(picture: dict[str, Any]) -> None:
    with Image.open(io.BytesIO((FOLDER / f"{picture['id']}.jpg").read_bytes())) as photo:
        assert (photo.size, photo.mode, len(photo.getexif())) == (tuple(picture["size"]), "RGB", 0)
    alpha = alpha_of(picture)
    assert (alpha.shape[::-1], alpha.dtype) == (tuple(picture["size"]), np.dtype(np.uint8))
    assert (alpha == 0).any()
    assert (alpha == 255).any()
    edge = (alpha > 0) & (alpha < 255)
    assert edge.any()
    inside = alpha > 127
    rows, columns = np.nonzero(inside.any(1))[0], np.nonzero(inside.any(0))[0]
    height, width = alpha.shape
    measured = columns[0] / width, rows[0] / height, (columns[-1] + 1) / width, (rows[-1] + 1) / height
    assert measured == pytest.approx(picture["box"], abs=1e-4)
    at_frame = bool(inside[0].any() or inside[-1].any() or inside[:, 0].any() or inside[:, -1].any())
    assert at_frame == ("touches-frame" in picture["tags"])


def test_the_set_stays_small() -> None:
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) <= 9_000_000
