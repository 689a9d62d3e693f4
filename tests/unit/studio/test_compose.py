"""From cut-out to file: exact white, untouched products, any size, the same bytes again."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from packshot.studio import ENGINE, PRESETS, BadShot, Cutout, Look, Rendered, Shot, check
from packshot.studio import compose as compose_from
from packshot.studio.colour import TO_LINEAR
from packshot.studio.sets import SURFACES
from tests.unit.studio import stand_in


def compose(cutout: Cutout, shot: Shot) -> Rendered:
    return compose_from(cutout, shot, folder=stand_in.folder())


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
    canvas = cup.rgb.copy()
    assert check.fidelity(canvas, cup.rgb, cup.alpha, 0, 0)["delta_e_max"] == 0
    canvas[cup.alpha > 0] = np.minimum(canvas[cup.alpha > 0] + np.uint8(4), 255)
    assert check.fidelity(canvas, cup.rgb, cup.alpha, 0, 0)["delta_e_mean"] > 0.5
    one = cup.rgb.copy()
    y, x = np.argwhere(check.interior(cup.alpha))[12_345]
    one[y, x] = 255 - one[y, x]
    found = check.fidelity(one, cup.rgb, cup.alpha, 0, 0)
    assert found["delta_e_max"] > 5, "a single pixel of the inside is enough"
    assert found["delta_e_mean"] < 0.01


@pytest.mark.parametrize("preset", ["studio", "lifestyle"])
def test_the_same_wish_gives_the_same_bytes_and_another_seed_another_set(cup: Cutout, preset: str) -> None:
    one, again, other = (compose(cup, Shot(preset, 512, 512, seed=seed)).data for seed in (5, 5, 6))
    assert one == again
    assert one != other


@pytest.mark.parametrize("width, height", [(512, 1400), (1400, 512), (701, 513), (1024, 48)])
@pytest.mark.parametrize("preset", ["studio", "luxury", "lifestyle", "amazon"])
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
        Shot("white", 512, 512, fill=1.2),
        Shot("white", 512, 512, fill=0.0),
    ],
    ids=lambda shot: f"{shot.preset}-{shot.width}x{shot.height}-{shot.format}-{shot.quality}-{shot.fill}",
)
def test_what_the_studio_cannot_do_it_refuses(cup: Cutout, shot: Shot) -> None:
    with pytest.raises(BadShot):
        compose(cup, shot)


def test_the_file_says_how_it_was_made(cup: Cutout) -> None:
    assert b'digitalsourcetype/composite"' in compose(cup, Shot("studio", 512, 512)).data


def test_a_product_darkens_the_ground_it_stands_on_and_only_near_it() -> None:
    made = opened(compose(box_cutout(160, 160), Shot("studio", 512, 512, seed=2, format="png")).data).astype(float)
    red = (made[..., 0] > made[..., 1] + 60).nonzero()
    bottom, middle = int(red[0].max()), int(red[1].mean())
    just_below, far_below = made[bottom + 3, middle].mean(), made[500, middle].mean()
    assert just_below < far_below - 25
    assert made[20, 20].min() > 150, "the sweep stays light in the corners"


def test_on_white_each_seed_is_another_picture_and_none_breaks_the_fill_rule() -> None:
    cutout = box_cutout(120, 90)
    made = [compose(cutout, Shot("amazon", 512, 512, seed=seed, format="png")) for seed in range(8)]
    fills = [float(one.report["fill"]) for one in made]
    assert len({one.data for one in made}) == 8
    assert all(0.855 <= fill <= 0.905 for fill in fills)


@pytest.mark.parametrize("fill", [0.5, 0.8, 0.85, 0.9, 1.0])
@pytest.mark.parametrize("frame", [(512, 512), (900, 600), (1000, 1000)])
def test_a_wished_fill_is_exact(cup: Cutout, fill: float, frame: tuple[int, int]) -> None:
    for seed in (0, 3):
        made = compose(cup, Shot("amazon", *frame, seed=seed, format="png", fill=fill))
        seen = opened(made.data).min(2) < 250
        rows, columns = np.flatnonzero(seen.any(1)), np.flatnonzero(seen.any(0))
        share = max((columns[-1] + 1 - columns[0]) / frame[0], (rows[-1] + 1 - rows[0]) / frame[1])
        assert share == pytest.approx(fill, abs=0.005)
        assert made.report["fill"] == pytest.approx(fill, abs=0.005)
        assert made.report["white_ok"] is True


def test_a_veil_around_the_product_does_not_count_for_its_size() -> None:
    cutout = box_cutout(160, 120)
    alpha = cutout.alpha.copy()
    alpha[10:-10, 10:-60] = np.maximum(alpha[10:-10, 10:-60], 6)
    veiled = Cutout(cutout.rgb, alpha, (10, 10, 260, 230), 0.9)
    left, top, right, bottom = on_white(opened(compose(veiled, Shot("white", 512, 512, format="png", fill=0.8)).data))
    assert (right - left) / 512 == pytest.approx(0.8, abs=0.005)
    assert abs(left + right - 512) <= 2 and abs(top + bottom - 512) <= 2


@pytest.mark.parametrize("preset", ["white", "amazon"])
def test_white_stays_white_whatever_is_wished_and_says_what_it_left_out(cup: Cutout, preset: str) -> None:
    made = compose(cup, Shot(preset, 512, 512, look=Look(colour=(9, 9, 200), shadow="hard", light="left")))
    assert made.report["white_ok"] is True
    assert made.report["ignored"] == ["colour", "light", "shadow"]


def test_a_set_s_report_names_its_plate_and_the_wishes_that_it_misses(cup: Cutout) -> None:
    plain = compose(cup, Shot("studio", 512, 512)).report
    assert plain["ignored"] == [] and plain["view"] == "high"
    assert str(plain["plate"]).removesuffix("-mirrored") == "sweep-high-left"
    look = Look(view="top", season="winter", surface="dark-marble")
    wished = compose(cup, Shot("luxury", 512, 512, look=look)).report
    assert wished["plate"] == "dark-marble-front-top" and wished["ignored"] == ["view", "season"]
    assert compose(cup, Shot("slate", 512, 512)).report["ignored"] == ["surface"]


def test_every_surface_is_a_preset() -> None:
    assert set(SURFACES) <= set(PRESETS)


def test_a_season_takes_the_place_of_the_preset_s_surface(cup: Cutout) -> None:
    report = compose(cup, Shot("studio", 512, 512, look=Look(season="winter"))).report
    assert str(report["plate"]).startswith("snow") and report["ignored"] == []


@pytest.mark.parametrize("colour", [(232, 120, 90), (30, 34, 60), (255, 200, 120), (255, 0, 0)], ids=str)
def test_a_sweep_has_the_wished_hue_everywhere(colour: tuple[int, int, int]) -> None:
    made = opened(compose(box_cutout(60, 60), Shot("studio", 512, 512, format="png", look=Look(colour=colour))).data)
    wanted = TO_LINEAR[list(colour)]
    for part in (made[:90, :90], made[:90, -90:], made[-40:, :90], made[-40:, -90:]):
        mean = TO_LINEAR[part.reshape(-1, 3)].mean(0)
        assert mean / mean.max() == pytest.approx(wanted / wanted.max(), abs=0.02)


@pytest.mark.parametrize("warmth, sign", [("warm", 1), ("cool", -1)])
def test_warmth_is_the_set_s_and_never_the_product_s(cup: Cutout, warmth: str, sign: int) -> None:
    look = Look(warmth=warmth)
    plain, tinted = (compose(cup, Shot("studio", 512, 512, format="png", look=one)) for one in (Look(), look))
    change = opened(tinted.data).astype(float) - opened(plain.data)
    assert sign * (change[..., 0] - change[..., 2])[:60].mean() > 4
    assert tinted.report["delta_e_max"] == 0


def longest_even_run(levels: np.ndarray) -> int:
    """The longest stretch of one and the same level, in pixels, in any row: bands are such stretches."""
    return max(int(np.diff(np.flatnonzero(np.diff(row.astype(int), prepend=-1, append=-1))).max()) for row in levels)


@pytest.mark.parametrize("colour", [(236, 236, 237), (26, 28, 34), (120, 20, 20)], ids=str)
def test_there_is_no_banding_in_a_sweep_at_4k(colour: tuple[int, int, int]) -> None:
    """Bands are steps between places that are even in themselves: means of squares of 32 pixels, side by side, never
    differ by as much as a level, and no row is even for long."""
    shot = Shot("studio", 4096, 4096, format="png", look=Look(colour=colour))
    made = opened(compose(box_cutout(60, 60), shot).data)[:1024]
    means = made.reshape(32, 32, 128, 32, 3).astype(np.float32).mean((1, 3))
    assert np.abs(np.diff(means, axis=1)).max() < 0.6 and np.abs(np.diff(means, axis=0)).max() < 0.6
    assert max(longest_even_run(made[::64, :, c]) for c in range(3)) < 40


def test_only_the_rim_takes_the_set_s_light() -> None:
    """A plain product in a black and in a red sweep: no pixel differs from the third one inside its outline on, and the
    first two do."""
    looks = (Look(colour=(8, 8, 8)), Look(colour=(220, 10, 10)))
    product = box_cutout(300, 200, (90, 90, 90))
    dark, red = (opened(compose(product, Shot("studio", 512, 512, format="png", look=look)).data) for look in looks)
    alike = np.argwhere((dark == (90, 90, 90)).all(2) & (red == (90, 90, 90)).all(2))
    (top, left), (bottom, right) = alike.min(0), alike.max(0)
    assert len(alike) == (bottom - top + 1) * (right - left + 1) > 50_000
    middle = (left + right) // 2
    glow = (red.astype(int) - dark)[top - 2 : top, middle, 0]
    assert 30 > glow[0] >= glow[1] > 0


def test_the_grain_is_the_set_s_alone() -> None:
    """On a plain product nothing flickers; beside it every pixel does."""
    made = opened(compose(box_cutout(160, 160), Shot("studio", 512, 512, format="png")).data)
    assert (made == (180, 40, 50)).all(2).sum() > 250 * 250
    assert np.diff(made[20:60, 20:60, 1].astype(int), axis=1).std() > 0.6
