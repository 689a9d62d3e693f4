"""The plates: what is read of them, which one is chosen, how they are painted; and the built-in ones, each of them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from packshot.studio import PRESETS, Cutout, Look, SetsMissing, Shot, StudioError
from packshot.studio.backdrop import backdrop, fill_of, floor_share
from packshot.studio.choose import choose
from packshot.studio.colour import TO_LINEAR, to_srgb
from packshot.studio.place import Window, on_plate
from packshot.studio.plates import Plate, light, pixels, plates
from packshot.studio.sets import Scene
from packshot.studio.snapshot import lit_from, looked_down, seen_from
from tests.unit.studio import stand_in
from tests.unit.studio.pictures import away

WHOLE = Window(0, 0, 1, 1)


def stands() -> tuple[Plate, ...]:
    return plates(stand_in.folder())


def one(id: str) -> Plate:
    return next(plate for plate in stands() if plate.id == id)


def drawn(rows: int, columns: int, inside: np.ndarray) -> Cutout:
    alpha = np.where(inside, 255, 0).astype(np.uint8)
    y, x = np.nonzero(inside)
    return Cutout(np.full((rows, columns, 3), 120, np.uint8), alpha, (x.min(), y.min(), x.max() + 1, y.max() + 1), 1.0)


def can(angle: float) -> Cutout:
    """A can seen from `angle` degrees above: its base is an ellipse."""
    y, x = np.mgrid[0:400, 0:300]
    flat = np.sin(np.radians(angle))
    base = ((x - 150) / 80) ** 2 + ((y - 300) / (80 * flat + 0.5)) ** 2 < 1
    return drawn(400, 300, base | ((abs(x - 150) < 80) & (y > 100) & (y <= 300)))


FRONT = can(4)
HIGH = can(40)


# ------------------------------------------------------------------------------------------------------------- index


def test_a_folder_s_index_is_read_in_order_and_only_once() -> None:
    assert [plate.id for plate in stands()] == sorted(entry["id"] for entry in stand_in.SETS)
    assert stands() is stands()


def test_a_picture_is_read_as_it_is_and_a_field_of_light_is_linear() -> None:
    picture = pixels(one("oak-front-left"))
    assert picture.shape == (512, 512, 3) and away(picture[450, 250], np.array([180, 130, 90], np.uint8)) < 12
    field = light(one("sweep-front-left"))
    assert field.shape == (192, 192) and float(field[154, 86]) == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize(
    "index",
    [None, "", "[]", "{", "[{}]", json.dumps([{**stand_in.SETS[0], "unit": 0, "neutral": False}])],
    ids=["absent", "empty", "no plates", "broken", "a bare row", "a picture with a unit"],
)
def test_a_damaged_index_is_the_deployment_s_fault(tmp_path: Path, index: str | None) -> None:
    if index is not None:
        (tmp_path / "sets.json").write_text(index)
    with pytest.raises(SetsMissing):
        plates(tmp_path)


@pytest.mark.parametrize("damage", ["absent", "broken"])
def test_a_damaged_plate_is_too(tmp_path: Path, damage: str) -> None:
    stand_in.write(tmp_path)
    file = tmp_path / "oak-front-left.avif"
    file.unlink() if damage == "absent" else file.write_bytes(file.read_bytes()[:99])
    plate = next(plate for plate in plates(tmp_path) if plate.id == "oak-front-left")
    with pytest.raises(SetsMissing, match="oak-front-left"):
        pixels(plate)
    assert issubclass(SetsMissing, StudioError)


# ------------------------------------------------------------------------------------------------------------ choice


def chosen(look: Look, cutout: Cutout = FRONT, seeds: int = 12) -> set[str]:
    return {choose(look, seed, cutout, stands()).plate.name for seed in range(seeds)}


@pytest.mark.parametrize(
    "look, cutout, names",
    [
        (Look(surface="oak"), FRONT, {"oak-front-left", "oak-front-left-mirrored"}),
        (Look(surface="oak"), HIGH, {"oak-high-left", "oak-high-left-mirrored"}),
        (Look(surface="oak", view="front"), HIGH, {"oak-front-left", "oak-front-left-mirrored"}),
        (Look(surface="oak", light="left"), FRONT, {"oak-front-left"}),
        (Look(surface="oak", light="right"), FRONT, {"oak-front-left-mirrored"}),
        (Look(surface="oak", view="top", light="right"), FRONT, {"oak-top-left-mirrored"}),
        (Look(surface="dark-marble"), FRONT, {"dark-marble-front-top"}),
        (Look(season="winter"), FRONT, {"snow-high-left", "snow-high-left-mirrored"}),
        (Look(season="snow"), FRONT, {"snow-high-left", "snow-high-left-mirrored"}),
    ],
)
def test_the_wishes_choose_and_the_seed_mirrors(look: Look, cutout: Cutout, names: set[str]) -> None:
    assert chosen(look, cutout) == names


def test_nobody_gets_snow_who_did_not_ask_for_it() -> None:
    assert not any(name.startswith("snow") for name in chosen(Look(), HIGH, 60))
    assert not any("top" in name for name in chosen(Look(surface="oak"), HIGH, 60))


@pytest.mark.parametrize(
    "look, missed",
    [
        (Look(surface="oak", view="front", light="right"), ()),
        (Look(surface="slate"), ("surface",)),
        (Look(surface="dark-marble", view="top", light="left"), ("light", "view")),
        (Look(surface="oak", season="winter"), ("season",)),
        (Look(surface="oak", colour=(1, 2, 3)), ("colour",)),
        (Look(surface="oak", view="top", reflection=True), ("reflection",)),
        (Look(surface="sweep", colour=(1, 2, 3), softness="hard", warmth="warm", shadow="none"), ()),
    ],
)
def test_wishes_that_no_plate_meets_are_named(look: Look, missed: tuple[str, ...]) -> None:
    assert choose(look, 0, FRONT, stands()).missed == missed


def test_a_mirrored_plate_is_the_mirror_image() -> None:
    plate = replace(one("oak-front-left"), stand=replace(one("oak-front-left").stand, x=0.4))
    other = plate.mirror()
    assert (other.light, other.sun.lean, other.stand.x, other.name) == ("right", -0.6, 0.6, "oak-front-left-mirrored")
    scene, part = Scene(Look()), Window(0.1, 0.2, 0.5, 0.5)
    mirrored = Window(0.4, 0.2, 0.5, 0.5)
    assert np.allclose(
        backdrop(other, mirrored, 64, 64, scene, 0.8), backdrop(plate, part, 64, 64, scene, 0.8)[:, ::-1]
    )


@pytest.mark.parametrize("angle", [0, 8, 16, 35, 45, 60])
def test_a_round_base_tells_the_camera_s_height(angle: float) -> None:
    assert angle > 30 or looked_down(can(angle)) == pytest.approx(angle, abs=3)
    assert seen_from(can(angle)) == ("high" if angle > 25 else "front")


@pytest.mark.parametrize("slope, side", [(-60, "left"), (60, "right"), (8, None)])
def test_a_product_that_is_lit_from_a_side_gets_a_set_that_is_too(slope: int, side: str | None) -> None:
    rgb = FRONT.rgb + (np.linspace(-1, 1, 300) * slope)[None, :, None]
    cutout = replace(FRONT, rgb=rgb.clip(0, 255).astype(np.uint8))
    assert lit_from(cutout) == side
    sides = {choose(Look(surface="oak"), seed, cutout, stands()).plate.light for seed in range(12)}
    assert sides == ({side} if side else {"left", "right"})
    assert choose(Look(surface="oak", light="right"), 0, cutout, stands()).plate.light == "right"


def test_a_flat_base_with_round_corners_is_seen_from_the_front() -> None:
    y, x = np.mgrid[0:400, 0:300]
    inside = (abs(x - 150) < 80) & (y > 100) & (y < 330)
    for corner in (80, 219):
        cut = (abs(x - corner) < 20) & (y > 310) & ((x - corner) ** 2 + (y - 310) ** 2 > 400)
        inside &= ~(cut & (abs(x - 150) > 60))
    assert seen_from(drawn(400, 300, inside)) == "front"


# ----------------------------------------------------------------------------------------------------------- framing


@pytest.mark.parametrize("frame", [(512, 512), (512, 1400), (1400, 512), (1024, 48), (60, 900)])
@pytest.mark.parametrize("id", [entry["id"] for entry in stand_in.SETS])
def test_the_product_stands_on_the_floor_inside_the_frame(id: str, frame: tuple[int, int]) -> None:
    plate = one(id)
    for seed in range(5):
        layer, window = on_plate(FRONT, Shot("studio", *frame, seed=seed), plate)
        assert layer.left >= 0 and layer.left + layer.alpha.shape[1] <= frame[0]
        assert layer.top >= 0 and layer.top + layer.alpha.shape[0] <= frame[1]
        assert window.left >= 0 and window.left + window.width <= 1.0001
        assert window.top >= 0 and window.top + window.height <= 1.0001
        foot = window.top + window.height * (layer.top + layer.alpha.shape[0]) / frame[1]
        assert plate.view == "top" or abs(foot - plate.stand.y) < 0.09


@pytest.mark.parametrize("fill", [0.8, 0.95, 1.0])
@pytest.mark.parametrize("cutout", [FRONT, drawn(100, 400, np.ones((100, 400), bool))], ids=["tall", "wide"])
def test_a_wished_fill_is_kept_in_a_set_too_and_nothing_is_cropped(cutout: Cutout, fill: float) -> None:
    for id in ("oak-front-left", "oak-top-left"):
        layer, _ = on_plate(cutout, Shot("oak", 500, 500, seed=3, fill=fill), one(id))
        high, wide = layer.alpha.shape
        assert max(high, wide) / 500 == pytest.approx(fill, abs=0.005)
        assert high / wide == pytest.approx((cutout.box[3] - cutout.box[1]) / (cutout.box[2] - cutout.box[0]), rel=0.03)
        assert layer.left >= 0 and layer.top >= 0 and layer.left + wide <= 500 and layer.top + high <= 500


@pytest.mark.parametrize("cutout", [FRONT, drawn(100, 400, np.ones((100, 400), bool))], ids=["tall", "wide"])
def test_on_a_podium_nothing_stands_beside_it(cutout: Cutout) -> None:
    plate = one("plaster-front-left")
    for seed in range(6):
        layer, window = on_plate(cutout, Shot("plaster", 900, 900, seed=seed), plate)
        foot = window.top + window.height * (layer.top + layer.alpha.shape[0]) / 900
        assert foot == pytest.approx(plate.stand.y, abs=0.003)


def test_a_floor_is_where_its_polygon_is() -> None:
    share = floor_share(one("oak-front-left"), Window(0, 0.25, 0.5, 0.5), 100, 100)
    assert share[:35].max() < 0.01 and share[45:].min() > 0.99
    assert floor_share(one("oak-top-left"), WHOLE, 10, 10).min() == pytest.approx(1)


@pytest.mark.parametrize("colour", [(232, 120, 90), (12, 14, 20), (255, 255, 255), (0, 90, 200)], ids=str)
def test_a_sweep_has_exactly_the_wished_colour_where_its_light_is_one(colour: tuple[int, int, int]) -> None:
    plate = one("sweep-front-left")
    picture = backdrop(plate, WHOLE, 192, 192, Scene(Look(colour=colour)), 0.8)
    assert np.rint(to_srgb(picture[154, 86])) == pytest.approx(np.array(colour), abs=1)
    assert picture.max() <= 1
    assert fill_of(plate, Scene(Look(colour=colour))) == pytest.approx(0.7 * TO_LINEAR[list(colour)])


# ------------------------------------------------------------------------------------------------------ the true ones


def built_in() -> list[Any]:
    return [pytest.param(plate, id=plate.id) for plate in plates()]


@pytest.mark.parametrize("plate", built_in())
def test_a_built_in_plate_says_what_it_shows(plate: Plate) -> None:
    assert plate.view in ("front", "high", "top") and plate.light in ("left", "right", "top")
    assert plate.sun.lean >= -0.3 if plate.light == "left" else plate.sun.lean <= 0.3 or plate.light == "top"
    assert (plate.pitch > 60) == (plate.view == "top")
    assert 0.05 <= plate.sun.strength <= 1 and 0 <= plate.gloss <= 1 and 0 <= plate.polish <= 1
    stand = plate.stand
    assert 0.3 <= stand.width <= 0.8 and 0.3 <= stand.height <= stand.y
    share = floor_share(plate, WHOLE, 100, 100)
    assert share[min(99, round(100 * stand.y)), round(100 * stand.x)] > 0.9, "the product stands on the floor"
    if plate.neutral:
        field = light(plate)
        at = round(plate.stand.y * len(field)), round(plate.stand.x * len(field))
        assert plate.view == "top" or float(field[at]) == pytest.approx(1, abs=0.05)
        assert min(field.shape) >= 192
    else:
        picture = pixels(plate)
        assert picture.shape[0] == picture.shape[1] >= 1536
        foot = picture[round(stand.y * 1535) - 60 : round(stand.y * 1535) + 60, 600:936].reshape(-1, 3).mean(0)
        assert np.abs(foot - plate.colour).max() < 40, "the floor's colour is that of the picture"


def test_every_plate_can_be_asked_for() -> None:
    assert {plate.surface for plate in plates()} <= set(PRESETS)
