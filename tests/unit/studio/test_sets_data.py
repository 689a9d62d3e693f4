"""The shipped plates: their rows are complete and in range, their files are what the rows and the manifest say."""

import hashlib
import importlib.resources
import json

import numpy as np
import pytest
from PIL import Image

FOLDER = importlib.resources.files("packshot_sets")
ROWS = json.loads((FOLDER / "sets.json").read_text())
MANIFEST = json.loads((FOLDER / "MANIFEST.json").read_text())
SURFACES = {
    "sweep", "white-marble", "dark-marble", "oak", "walnut", "pine", "concrete", "dark-concrete", "linen", "plaster",
    "slate", "terrazzo", "sand", "moss", "snow", "autumn", "spring", "christmas",
}  # fmt: skip
FIELDS = {
    "id", "file", "title", "surface", "view", "light", "season", "colour", "words", "neutral", "pitch", "fov",
    "horizon", "edge", "floor", "stand", "sun", "gloss", "polish", "grain", "fill_light",
}  # fmt: skip

plates = pytest.mark.parametrize("row", ROWS, ids=[row["id"] for row in ROWS])


def share(value: float) -> bool:
    return 0 <= value <= 1


def pixels(row: dict) -> np.ndarray:
    with (FOLDER / row["file"]).open("rb") as file, Image.open(file) as image:
        return np.asarray(image)


LEAST = 32
"""What the studio promises."""


def test_there_are_enough_of_every_kind() -> None:
    assert len(ROWS) >= LEAST
    assert len({row["id"] for row in ROWS}) == len(ROWS)
    assert {row["surface"] for row in ROWS} >= SURFACES
    assert {row["view"] for row in ROWS} == {"front", "high", "top"}
    assert {row["light"] for row in ROWS} == {"left", "right", "top"}
    assert {row["season"] for row in ROWS} >= {None, "winter", "spring", "autumn", "christmas"}


def test_every_view_has_a_plate_that_takes_any_colour() -> None:
    assert {row["view"] for row in ROWS if row["neutral"]} == {"front", "high", "top"}
    assert all(row["neutral"] == (row["surface"] == "sweep") for row in ROWS)


def test_the_folder_is_small_and_holds_nothing_else() -> None:
    names = {entry.name for entry in FOLDER.iterdir() if entry.name != "__pycache__"}
    assert names == {row["file"] for row in ROWS} | {"__init__.py", "NOTICE", "MANIFEST.json", "sets.json"}
    assert sum(len((FOLDER / name).read_bytes()) for name in names) <= 4_000_000


@plates
def test_a_row_is_complete_and_in_range(row: dict) -> None:
    assert set(row) == FIELDS | ({"unit"} if row["neutral"] else set())
    assert row["title"] and row["words"] == sorted(set(row["words"]))
    assert all(word == word.lower() for word in row["words"])
    assert len(row["colour"]) == 3 and all(0 <= channel <= 255 for channel in row["colour"])
    assert {"front": 5 < row["pitch"] < 15, "high": 25 < row["pitch"] < 40, "top": row["pitch"] == 90}[row["view"]]
    assert 15 < row["fov"] < 45
    assert row["edge"] is None or row["horizon"] < row["edge"] < row["stand"]["y"]
    assert share(row["gloss"]) and share(row["polish"]) and 0 <= row["grain"] <= 3
    assert len(row["fill_light"]) == 3 and all(0 < channel < 1.5 for channel in row["fill_light"])


@plates
def test_the_product_has_room(row: dict) -> None:
    stand = row["stand"]
    assert set(stand) == {"x", "y", "width", "height"}
    assert stand["width"] / 2 <= stand["x"] <= 1 - stand["width"] / 2
    assert stand["height"] < stand["y"] < 0.9
    assert stand["width"] >= 0.4 and stand["height"] >= 0.5


@plates
def test_the_stand_point_is_on_the_floor(row: dict) -> None:
    x, y = row["stand"]["x"], row["stand"]["y"]
    corners = row["floor"]
    assert all(share(a) and share(b) for a, b in corners)
    inside = False  # a ray to the right crosses the outline an odd number of times
    for (x0, y0), (x1, y1) in zip(corners, corners[1:] + corners[:1], strict=True):
        if (y0 > y) != (y1 > y) and x < x0 + (y - y0) * (x1 - x0) / (y1 - y0):
            inside = not inside
    assert inside


@plates
def test_the_shadow_falls_away_from_the_light(row: dict) -> None:
    sun = row["sun"]
    assert set(sun) == {"lean", "reach", "softness", "strength", "contact"}
    assert share(sun["strength"]) and share(sun["contact"]) and 0 < sun["softness"] < 2
    assert abs(sun["reach"]) < 2
    side = {"left": sun["lean"] > 0.3, "right": sun["lean"] < -0.3, "top": abs(sun["lean"]) < 0.4}
    assert side[row["light"]]
    assert sun["strength"] > 0.2  # the key light does reach the stand point


@plates
def test_the_horizon_is_where_pitch_and_lens_put_it(row: dict) -> None:
    if row["view"] == "top":
        assert row["horizon"] < -100
    else:
        slope = np.tan(np.radians(row["pitch"])) / np.tan(np.radians(row["fov"] / 2)) / 2
        assert row["horizon"] == pytest.approx(0.5 - slope, abs=0.002)


@plates
def test_a_plate_is_square_and_large(row: dict) -> None:
    plate = pixels(row)
    assert plate.shape[0] == plate.shape[1]
    if row["neutral"]:
        assert plate.ndim == 2 and plate.dtype in (np.uint16, np.int32) and len(plate) >= 256
    else:
        assert plate.shape[2] == 3 and plate.dtype == np.uint8 and len(plate) >= 1536


@plates
def test_the_floor_at_the_stand_point_has_the_colour_that_is_told(row: dict) -> None:
    plate = pixels(row).astype(float)
    side = len(plate)
    y, x = round((0.5 if row["view"] == "top" else row["stand"]["y"]) * side), side // 2
    if row["neutral"]:
        reach = side // 100
        assert plate[y - reach : y + reach + 1, x - reach : x + reach + 1].mean() / row["unit"] == pytest.approx(
            1, abs=0.005
        )
    else:
        patch = plate[y - side // 20 : y + side // 20, x - side // 5 : x + side // 5]
        mean = 255 * ((patch / 255) ** 2.2).mean((0, 1)) ** (1 / 2.2)  # of light: white veins count as they should
        assert mean == pytest.approx(row["colour"], abs=12)


def test_the_manifest_knows_every_file() -> None:
    told = {each["file"]: each for each in MANIFEST["files"]}
    assert set(told) == {row["file"] for row in ROWS}
    for name, each in told.items():
        data = (FOLDER / name).read_bytes()
        assert (len(data), hashlib.sha256(data).hexdigest()) == (each["bytes"], each["sha256"])


def test_everything_in_a_plate_is_in_the_public_domain() -> None:
    assert {each["licence"] for each in MANIFEST["files"]} == {"CC0-1.0"}
    assert {each["licence"] for each in MANIFEST["sources"]} == {"CC0-1.0"}
    assert all(len(each["sha256"]) == 64 for each in MANIFEST["sources"])
