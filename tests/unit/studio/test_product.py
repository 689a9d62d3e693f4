"""The product taken out of its picture, and set into the colours of another: exact, untouched, where it was."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from PIL import Image

from packshot.picture import Picture
from packshot.studio import (
    Cutout,
    Shot,
    background,
    remix,
    remove_background,
)
from packshot.studio.colour import delta_e, lab
from packshot.studio.remix import colours, commonest
from tests.unit.studio.pictures import away, flat, noisy, opened


def test_the_product_stays_where_it_was_and_its_pixels_the_input_s(coffee: Picture, cup: Cutout) -> None:
    made = remove_background(coffee, cup, format="png")
    out = opened(made)
    assert out.shape == (coffee.height, coffee.width, 4)
    inside = out[..., 3] == 255
    assert 0.1 < inside.mean() < 0.9 and (out[..., 3] == 0).mean() > 0.1
    assert (out[inside][:, :3] == coffee.pixels[inside]).mean() > 0.99
    assert made.report["delta_e_mean"] == 0 and made.report["cutout_confidence"] == cup.confidence
    assert made.report["background"] == "transparent" and "white" not in made.report
    assert b"digitalsourcetype/algorithmicallyEnhanced" in made.data
    assert made == remove_background(coffee, cup, format="png")


def test_nothing_of_the_old_background_is_left_under_the_alpha(coffee: Picture, cup: Cutout) -> None:
    out = opened(remove_background(coffee, cup, format="png"))
    clear = out[..., 3] == 0
    assert (out[clear][:, :3] == coffee.pixels[clear]).all(-1).mean() < 0.01


@pytest.mark.parametrize(
    "format, background", [("jpg", None), ("jpg", "transparent"), ("png", "white"), ("webp", "white")]
)
def test_white_is_exactly_white_in_the_file(coffee: Picture, cup: Cutout, format: str, background: str | None) -> None:
    made = remove_background(coffee, cup, background=background, format=format, quality=80)
    out = opened(made)
    assert out.shape == (coffee.height, coffee.width, 3)
    touched = np.asarray(Image.fromarray(cup.alpha >= 4).convert("L").resize((75, 50), Image.Resampling.BOX))
    free = (touched == 0).repeat(8, 0).repeat(8, 1)
    assert free.mean() > 0.1 and (out[free] == 255).all()
    assert made.report["white"] == 1.0 and made.report["white_ok"] is True


def test_webp_keeps_the_alpha(coffee: Picture, cup: Cutout) -> None:
    webp, png = (opened(remove_background(coffee, cup, format=format)) for format in ("webp", "png"))
    assert np.array_equal(webp[..., 3], png[..., 3])


def test_a_picture_larger_than_its_cut_out_keeps_its_size_and_its_own_pixels() -> None:
    picture = noisy(400, 320)
    alpha = np.zeros((160, 200), np.uint8)
    alpha[40:120, 50:150] = 255
    reduced = np.asarray(Image.fromarray(picture.pixels).resize((200, 160), Image.Resampling.BOX))
    made = opened(remove_background(picture, Cutout(reduced, alpha, (50, 40, 150, 120), 0.9), format="png"))
    assert made.shape == (320, 400, 4)
    assert (made[90:230, 110:290, 3] == 255).all() and (made[:70, :, 3] == 0).all()
    assert np.array_equal(made[90:230, 110:290, :3], picture.pixels[90:230, 110:290])


def test_an_invisible_veil_is_taken_off_and_a_pinhole_closed() -> None:
    alpha = np.full((100, 120), 2, np.uint8)
    alpha[20:80, 20:100] = 253
    cutout = Cutout(noisy(120, 100).pixels, alpha, (20, 20, 100, 80), 0.9)
    made = opened(remove_background(Picture(cutout.rgb), cutout, format="png"))
    assert set(np.unique(made[..., 3]).tolist()) == {0, 255}


def test_strips_of_a_cut_out_leave_no_seam(monkeypatch: pytest.MonkeyPatch, coffee: Picture, cup: Cutout) -> None:
    whole = remove_background(coffee, cup, format="png")
    monkeypatch.setattr(background, "STRIP", 17)
    assert remove_background(coffee, cup, format="png") == whole


# ------------------------------------------------------------------------------------------------------------- remix


def two_tone(wall: tuple[int, int, int], floor: tuple[int, int, int]) -> Picture:
    """A wall above a floor, and something else in the middle."""
    pixels = flat(300, 300, wall).pixels.copy()
    pixels[180:] = floor
    pixels[100:240, 100:200] = (250, 20, 200)
    return Picture(pixels)


@pytest.mark.parametrize("wall, floor", [((90, 120, 160), (150, 110, 80)), ((30, 34, 30), (50, 40, 40))])
def test_the_set_has_the_reference_s_colours_and_the_product_its_own(cup: Cutout, wall: Any, floor: Any) -> None:
    made = remix(cup, two_tone(wall, floor), Shot("remix", 512, 512, seed=4, format="png"))
    out = opened(made)
    assert made.report["wall"] == made.report["wall_top"] == "#{:02x}{:02x}{:02x}".format(*wall)
    assert made.report["floor"] == "#{:02x}{:02x}{:02x}".format(*floor)
    assert made.report["delta_e_max"] == 0 and made.report["set"] == "remix"
    near = lambda part, colour: away(part.reshape(-1, 3).mean(0).round().astype(np.uint8), np.array(colour, np.uint8))  # noqa: E731
    assert near(out[4:60], wall) < 5 and near(out[-30:], floor) < 9
    pink = delta_e(lab(out.reshape(-1, 3)), lab(np.full((512 * 512, 3), (250, 20, 200), np.uint8)))
    assert pink.min() > 8, "nothing of the reference's own product comes along"
    assert b'digitalsourcetype/composite"' in made.data
    assert remix(cup, two_tone(wall, floor), Shot("remix", 512, 512, seed=4, format="png")) == made


def test_a_white_reference_gives_exact_white(cup: Cutout) -> None:
    made = remix(cup, two_tone((254, 255, 253), (255, 255, 255)), Shot("remix", 512, 512, format="jpg"))
    assert made.report["white_ok"] is True and made.report["floor"] == "#ffffff"


def test_a_transparent_reference_is_seen_on_white() -> None:
    assert colours(flat(100, 100, (9, 9, 9, 0))) == ((255, 255, 255),) * 3


def test_the_commonest_colour_wins_even_over_its_mean() -> None:
    pixels = np.concatenate([np.full((60, 3), 200), np.full((40, 3), 20)]).astype(np.uint8)
    assert commonest(pixels) == (200, 200, 200)
    many = np.random.default_rng(1).integers(0, 120, (50, 3)).astype(np.uint8)
    assert commonest(np.concatenate([many, pixels])) == (200, 200, 200)


@pytest.mark.parametrize("size", [(64, 64), (1024, 48), (70, 900)])
def test_any_shape(cup: Cutout, size: tuple[int, int]) -> None:
    made = remix(cup, two_tone((90, 120, 160), (150, 110, 80)), Shot("remix", *size, format="png"))
    assert opened(made).shape == (size[1], size[0], 3)
