"""From cut-out to file: exact white, untouched products, any size, the same bytes again."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from packshot.studio import ENGINE, PRESETS, BadShot, Cutout, Shot, compose, light, sets


def opened(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def box_cutout(wide: int, high: int, colour: tuple[int, int, int] = (180, 40, 50)) -> Cutout:
    """A plain box with a one pixel soft rim, in a frame twice its size."""
    alpha = np.zeros((2 * high, 2 * wide), np.uint8)
    top, left = high // 2, wide // 2
    alpha[top : top + high, left : left + wide] = 128
    alpha[top + 1 : top + high - 1, left + 1 : left + wide - 1] = 255
    rgb = np.empty((*alpha.shape, 3), np.uint8)
    rgb[:] = colour
    return Cutout(rgb, alpha, (left, top, left + wide, top + high), 0.9)


def on_white(pixels: np.ndarray) -> tuple[int, int, int, int]:
    """Left, top, right, bottom of what is not white."""
    dark = pixels.min(2) < 235
    rows, columns = np.flatnonzero(dark.any(1)), np.flatnonzero(dark.any(0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


@pytest.mark.parametrize("preset", ["amazon", "white"])
@pytest.mark.parametrize("format", ["jpg", "png", "webp"])
def test_the_background_is_exactly_white_in_the_file(cup: Cutout, preset: str, format: str) -> None:
    made = compose(cup, Shot(preset, 640, 512, format=format, quality=80))
    pixels = opened(made.data)
    left, top, right, bottom = on_white(pixels)
    free = np.ones(pixels.shape[:2], bool)
    free[max(0, top - 16) : bottom + 16, max(0, left - 16) : right + 16] = False
    assert free.mean() > 0.2 and (pixels[free] == 255).all()
    assert made.report["white"] == 1.0 and made.report["white_ok"] is True


def test_the_white_check_can_fail(cup: Cutout) -> None:
    from packshot.studio import check

    grey = io.BytesIO()
    Image.new("RGB", (640, 640), (254, 255, 255)).save(grey, "PNG")
    assert check.white(grey.getvalue(), np.zeros((8, 8), np.uint8), 0, 0) == {"white": 0.0, "white_ok": False}


@pytest.mark.parametrize("wide, high", [(200, 80), (60, 260), (150, 150)])
@pytest.mark.parametrize("frame", [(512, 512), (512, 900), (1000, 512)])
def test_on_white_the_product_fills_the_frame_uncropped_and_centred(
    wide: int, high: int, frame: tuple[int, int]
) -> None:
    made = compose(box_cutout(wide, high), Shot("amazon", *frame, format="png"))
    left, top, right, bottom = on_white(opened(made.data))
    assert left > 4 and top > 4 and right < frame[0] - 4 and bottom < frame[1] - 4
    share = max((right - left) / frame[0], (bottom - top) / frame[1])
    assert 0.85 <= share <= 0.90
    assert made.report["fill"] == pytest.approx(share, abs=0.006)
    assert abs(left + right - frame[0]) <= 3 and abs(top + bottom - frame[1]) <= 3
    assert (right - left) / (bottom - top) == pytest.approx(wide / high, rel=0.03)


@pytest.mark.parametrize("preset", PRESETS)
def test_the_product_is_never_repainted(cup: Cutout, preset: str) -> None:
    made = compose(cup, Shot(preset, 512, 512, seed=3, format="png"))
    assert made.report["delta_e_max"] <= 1.0 and made.report["delta_e_mean"] <= 0.1
    assert made.report["set"] == preset and made.report["engine"] == ENGINE
    assert made.report["cutout_confidence"] == cup.confidence
    # and seen from outside: somewhere in the file lies the plainly scaled product
    scale = float(made.report["product_scale"])
    left, top, right, bottom = cup.box
    size = (round((right - left) * scale), round((bottom - top) * scale))
    plain = np.asarray(Image.fromarray(cup.rgb).resize(size, Image.Resampling.LANCZOS, cup.box))
    patch = plain[size[1] // 2 - 4 : size[1] // 2 + 4, size[0] // 2 - 4 : size[0] // 2 + 4]
    places = np.lib.stride_tricks.sliding_window_view(opened(made.data), (8, 8, 3))[:, :, 0]
    assert (places == patch).all((2, 3, 4)).any()


def test_a_repainted_product_would_be_noticed(cup: Cutout) -> None:
    from packshot.studio import check

    canvas = cup.rgb.copy()
    assert check.fidelity(canvas, cup.rgb, cup.alpha, 0, 0)["delta_e_max"] == 0
    canvas[cup.alpha > 0] = np.minimum(canvas[cup.alpha > 0] + np.uint8(4), 255)
    assert check.fidelity(canvas, cup.rgb, cup.alpha, 0, 0)["delta_e_mean"] > 0.5


@pytest.mark.parametrize("preset", ["studio", "lifestyle"])
def test_the_same_wish_gives_the_same_bytes_and_another_seed_another_set(cup: Cutout, preset: str) -> None:
    one, again, other = (compose(cup, Shot(preset, 512, 512, seed=seed)).data for seed in (5, 5, 6))
    assert one == again
    assert one != other


@pytest.mark.parametrize("seed", range(6))
def test_the_light_comes_from_both_sides(seed: int) -> None:
    sides = {np.sign(sets.turned(sets.SETS["studio"], "studio", n).lamp.lean) for n in range(12)}
    assert sides == {-1.0, 1.0}
    assert sets.turned(sets.SETS["studio"], "studio", seed) == sets.turned(sets.SETS["studio"], "studio", seed)


@pytest.mark.parametrize("width, height", [(512, 1400), (1400, 512), (701, 513), (1024, 48)])
@pytest.mark.parametrize("preset", ["studio", "luxury", "lifestyle"])
def test_any_shape_of_frame(cup: Cutout, preset: str, width: int, height: int) -> None:
    made = compose(cup, Shot(preset, width, height, format="webp"))
    assert opened(made.data).shape == (height, width, 3) == (made.height, made.width, 3)


@pytest.mark.parametrize(
    "shot",
    [
        Shot("attic", 512, 512),
        Shot("studio", 31, 512),
        Shot("studio", 512, 8193),
        Shot("studio", 6400, 6400),
        Shot("studio", 512, 512, format="gif"),
        Shot("studio", 512, 512, quality=0),
    ],
    ids=lambda shot: f"{shot.preset}-{shot.width}x{shot.height}-{shot.format}-{shot.quality}",
)
def test_what_the_studio_cannot_do_it_refuses(cup: Cutout, shot: Shot) -> None:
    with pytest.raises(BadShot):
        compose(cup, shot)


def test_the_file_says_how_it_was_made(cup: Cutout) -> None:
    assert b"digitalsourcetype/compositeSynthetic" in compose(cup, Shot("studio", 512, 512)).data


def test_a_product_darkens_the_ground_it_stands_on_and_only_near_it() -> None:
    made = opened(compose(box_cutout(160, 160), Shot("studio", 512, 512, seed=2, format="png")).data).astype(float)
    red = (made[..., 0] > made[..., 1] + 60).nonzero()
    bottom, middle = int(red[0].max()), int(red[1].mean())
    just_below, far_below = made[bottom + 3, middle].mean(), made[500, middle].mean()
    assert just_below < far_below - 25
    assert made[20, 20].min() > 150, "the sweep stays light in the corners"


def test_luxury_mirrors_the_product_and_studio_hardly_does() -> None:
    def redness(preset: str) -> float:
        made = opened(compose(box_cutout(160, 160), Shot(preset, 512, 512, seed=2, format="png")).data).astype(float)
        red = (made[..., 0] > made[..., 1] + 60).nonzero()
        below = made[int(red[0].max()) + 12, int(red[1].mean())]
        return float(below[0] / max(below[1], 1))

    assert redness("luxury") > 1.5 > redness("studio")


def longest_even_run(levels: np.ndarray) -> int:
    """The longest stretch of one and the same level, in pixels, in any row: bands are such stretches."""
    return max(int(np.diff(np.flatnonzero(np.diff(row.astype(int), prepend=-1, append=-1))).max()) for row in levels)


def test_there_is_no_banding_in_the_sweep(cup: Cutout) -> None:
    made = opened(compose(cup, Shot("studio", 700, 512, format="png")).data)
    assert longest_even_run(made[:60, :, 0]) < 40


def test_the_ground_follows_the_feet() -> None:
    alpha = np.zeros((100, 100), np.float32)
    alpha[10:60, 20:80] = 1  # a table's top
    alpha[60:90, 20:26] = alpha[60:80, 74:80] = 1  # a long leg in front, a short one behind
    ground = light.ground_line(alpha)
    assert ground[25] == 90 and ground[79] == 80
    assert 80 < ground[50] < 90
    assert ground[0] == 90 and ground[99] == 80


def test_shadows_get_softer_with_height() -> None:
    """A post throws a shadow to the right: sharp beside its foot, blurred where its top falls."""
    alpha = np.zeros((200, 300), np.float32)
    alpha[40:160, 100:110] = 1
    ground = light.ground_line(alpha)
    dark = light.cast(alpha, ground, 60, light.Lamp(1.0, 0.05, 0.15, 1.0, 1.0))
    line = dark[150:175].max(0)
    assert line[125] > line[215] > 0.02
    assert line[60] < 0.05, "nothing falls towards the light"
    spread = [float((dark[:, x] > 0.5 * dark[:, x].max()).sum()) for x in (125, 205)]
    assert spread[1] > spread[0]


def test_on_white_each_seed_is_another_picture_and_none_breaks_the_fill_rule() -> None:
    cutout = box_cutout(120, 90)
    made = [compose(cutout, Shot("amazon", 512, 512, seed=seed, format="png")) for seed in range(8)]
    fills = [float(one.report["fill"]) for one in made]
    assert len({one.data for one in made}) == 8
    assert all(0.855 <= fill <= 0.905 for fill in fills)
