"""Pictures that go wrong elsewhere: each has one answer, and none of them is a confident wrong cut-out."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from packshot.picture import BadPicture, Picture, decode
from packshot.studio import Cutout, NothingFound, cut_out
from packshot.studio.values import CHECK


def pasted(cup: Cutout, ground: np.ndarray, *places: tuple[int, int], wide: int = 150) -> Picture:
    """The cup, `wide` pixels, at (left, top) places of a (H, W, 3) ground."""
    left, top, right, bottom = cup.box
    product = Image.fromarray(np.dstack([cup.rgb, cup.alpha])).crop(cup.box)
    product = product.resize((wide, wide * (bottom - top) // (right - left)), Image.Resampling.LANCZOS)
    made = Image.fromarray(ground.copy())
    for place in places:
        made.paste(product, place, product)
    return Picture(np.asarray(made))


def ground(wide: int, high: int, level: int, noise: float = 1.0) -> np.ndarray:
    grain = np.random.default_rng(2).normal(level, noise, (high, wide, 3))
    return grain.clip(0, 255).round().astype(np.uint8)


def disc(size: int, front: tuple[int, int, int], back: int) -> Picture:
    y, x = np.mgrid[0:size, 0:size]
    pixels = ground(size, size, back)
    pixels[np.hypot(x - size / 2, y - size / 2) < 0.3 * size] = front
    return Picture(pixels)


def to_be_checked(picture: Picture, *words: str) -> bool:
    """Refused, or marked as doubtful, or named with one of the words."""
    try:
        made = cut_out(picture)
    except NothingFound:
        return True
    return made.confidence < CHECK or any(word in made.warnings for word in words)


def test_an_empty_wall_is_no_product() -> None:
    wall = np.linspace(150, 210, 240)[None, :, None] + np.random.default_rng(1).normal(0, 2, (200, 240, 3))
    assert to_be_checked(Picture(wall.clip(0, 255).astype(np.uint8)))


def test_two_products_are_both_kept_and_said(cup: Cutout) -> None:
    made = cut_out(pasted(cup, ground(420, 240, 190), (25, 60), (240, 62)))
    assert made.alpha[110, 90] == 255 and made.alpha[112, 310] == 255
    assert "several_products" in made.warnings


def test_one_product_is_not_several(cup: Cutout) -> None:
    assert "several_products" not in cup.warnings and "touches_frame" not in cup.warnings


def test_a_product_cropped_by_the_frame_is_said(coffee: Picture) -> None:
    made = cut_out(Picture(np.ascontiguousarray(coffee.pixels[:, 190:])))
    assert "touches_frame" in made.warnings


@pytest.mark.parametrize("front, back", [((251, 251, 251), 247), ((9, 9, 9), 6)], ids=["white", "black"])
def test_a_product_in_the_colour_of_its_ground_is_said(front: tuple[int, int, int], back: int) -> None:
    assert to_be_checked(disc(240, front, back), "low_contrast", "weak_outline")


def test_glass_is_said() -> None:
    """A tumbler of which only the rim and two highlights differ from what is behind it."""
    pixels = np.tile(np.linspace(120, 190, 300, dtype=np.float32)[:, None, None], (1, 300, 3))
    glass = np.zeros((300, 300), bool)
    glass[60:250, 95:205] = True
    rim = glass & ~np.roll(np.roll(glass, 5, 1), 0, 0) | glass & ~np.roll(glass, -5, 1) | glass & ~np.roll(glass, -9, 0)
    rim[60:64, 95:205] = True
    pixels[rim] = 60
    pixels[80:200, 110:116] = 250
    noise = np.random.default_rng(4).normal(0, 1.5, pixels.shape)
    assert to_be_checked(Picture((pixels + noise).clip(0, 255).astype(np.uint8)), "see_through")


def test_the_smallest_picture_that_is_taken(coffee: Picture) -> None:
    made = cut_out(Picture(np.asarray(Image.fromarray(coffee.pixels).resize((96, 64)))))
    assert 0.3 < (made.alpha > 127).mean() < 0.6 and "small_product" in made.warnings


@pytest.mark.parametrize("turned", [False, True], ids=["wide", "tall"])
def test_a_product_in_a_strip_of_twenty_to_one(cup: Cutout, turned: bool) -> None:
    pixels = pasted(cup, ground(1600, 80, 200), (700, 12), wide=70).pixels
    true = np.zeros((80, 1600), bool)
    true[12 : 12 + 70 * 374 // 406, 700:770] = True
    if turned:
        pixels, true = np.ascontiguousarray(pixels.transpose(1, 0, 2)), true.T
    made = cut_out(Picture(pixels))
    found = made.alpha > 127
    assert (found & true).sum() > 0.6 * (found | true).sum()


def test_a_picture_that_complies_already_keeps_its_product(cup: Cutout) -> None:
    made = cut_out(pasted(cup, np.full((300, 300, 3), 255, np.uint8), (22, 31), wide=256))
    assert made.box[0] >= 18 and made.box[2] <= 282 and made.confidence >= CHECK
    assert made.alpha[150, 150] == 255 and made.alpha[5, 5] == 0


# ------------------------------------------------------------------------------------------- through packshot.picture


def file(image: Image.Image, format: str, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, format, **options)  # type: ignore[arg-type]
    return out.getvalue()


def test_a_cmyk_file_is_cut_as_its_colours_in_srgb(coffee: Picture, cup: Cutout) -> None:
    picture = decode(file(Image.fromarray(coffee.pixels).convert("CMYK"), "JPEG", quality=95))
    assert picture.pixels.shape == coffee.pixels.shape
    assert np.abs(picture.pixels.astype(int) - coffee.pixels).mean() < 4
    made = cut_out(picture)
    assert (np.abs(made.alpha.astype(int) - cup.alpha) > 64).mean() < 0.02


def test_a_16_bit_file_is_cut_like_its_upper_8_bits(coffee: Picture) -> None:
    grey = np.asarray(Image.fromarray(coffee.pixels).convert("L")).astype(np.uint16)
    deep, plain = (decode(file(Image.fromarray(pixels), "PNG")) for pixels in (grey * 257, grey.astype(np.uint8)))
    assert np.array_equal(deep.pixels, plain.pixels)
    assert 0.3 < (cut_out(deep).alpha > 127).mean() < 0.6


def test_an_animation_is_refused(coffee: Picture) -> None:
    frames = [Image.fromarray(coffee.pixels).resize((120, 80)), Image.new("RGB", (120, 80), (9, 9, 9))]
    for format in ("WEBP", "PNG"):
        with pytest.raises(BadPicture) as caught:
            decode(file(frames[0], format, save_all=True, append_images=frames[1:], duration=90))
        assert caught.value.code == "animated"


def test_alpha_with_holes_is_kept_with_its_holes() -> None:
    pixels = np.zeros((120, 120, 4), np.uint8)
    pixels[20:100, 20:100] = (30, 120, 90, 255)
    pixels[50:60, 50:60, 3] = 0
    pixels[70:75, 70:75, 3] = 128
    made = cut_out(decode(file(Image.fromarray(pixels), "PNG")))
    assert made.alpha[55, 55] == 0 and made.alpha[72, 72] == 128 and made.alpha[40, 40] == 255
    assert made.confidence == 1.0 and made.warnings == ()
