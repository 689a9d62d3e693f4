"""Bytes from strangers: what is taken, what is refused and with which code, and what leaves."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms
from PIL.TiffImagePlugin import IFDRational

from packshot.picture import BadPicture, Picture, decode, encode, finish, mask_of
from packshot.sniff import sniff

RED, BLUE = (200, 30, 40), (20, 40, 210)


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def two_halves(width: int = 96, height: int = 64) -> Image.Image:
    """Red on the left, blue on the right."""
    image = Image.new("RGB", (width, height), RED)
    image.paste(BLUE, (width // 2, 0, width, height))
    return image


def png_header(width: int, height: int) -> bytes:
    """A PNG that promises a size and holds almost nothing."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")
    )


def animated(kind: str) -> bytes:
    frames = [two_halves(), Image.new("RGB", (96, 64), BLUE)]
    return saved(frames[0], kind, save_all=True, append_images=frames[1:], duration=100)


def compressed_bomb() -> bytes:
    """9,000 x 9,000 black pixels in some kilobytes, complete and valid."""
    return saved(Image.new("1", (9000, 9000)), "PNG")


def text_bomb() -> bytes:
    from PIL import PngImagePlugin

    note = PngImagePlugin.PngInfo()
    note.add_text("Comment", "a" * 80_000_000, zip=True)
    return saved(two_halves(), "PNG", pnginfo=note)


BAD: dict[str, tuple[Callable[[], bytes], str]] = {
    "nothing": (lambda: b"", "not_an_image"),
    "text": (lambda: b"hello, this is no picture", "not_an_image"),
    "zip": (lambda: b"PK\3\4" + b"\0" * 60, "not_an_image"),
    "svg called png": (lambda: b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>', "unsupported_format"),
    "gif": (lambda: saved(two_halves().convert("P"), "GIF"), "unsupported_format"),
    "animated gif": (lambda: animated("GIF"), "unsupported_format"),
    "tiff": (lambda: saved(two_halves(), "TIFF"), "unsupported_format"),
    "bmp": (lambda: saved(two_halves(), "BMP"), "unsupported_format"),
    "heic": (lambda: b"\0\0\0\x18ftypheic" + b"\0" * 40, "unsupported_format"),
    "animated webp": (lambda: animated("WEBP"), "animated"),
    "animated png": (lambda: animated("PNG"), "animated"),
    "truncated jpeg": (lambda: saved(two_halves(400, 400), "JPEG")[:-600], "truncated"),
    "truncated png": (lambda: saved(Image.effect_noise((99, 99), 50), "PNG")[:-500], "truncated"),
    "header only": (lambda: b"\xff\xd8\xff\xe0", "truncated"),
    "png that lies": (lambda: png_header(100, 100), "truncated"),
    "1x1": (lambda: saved(Image.new("RGB", (1, 1)), "PNG"), "too_small"),
    "63 high": (lambda: saved(Image.new("RGB", (200, 63)), "PNG"), "too_small"),
    "20000x64 header": (lambda: png_header(20_000, 64), "too_large"),
    "8193 wide": (lambda: png_header(8193, 600), "too_large"),
    "41 megapixels": (lambda: png_header(8000, 5130), "too_large"),
    "9000x9000 bomb": (compressed_bomb, "too_large"),
    "header bomb": (lambda: png_header(60_000, 60_000), "too_large"),
    "text bomb": (text_bomb, "truncated"),
    "needle": (lambda: png_header(2000, 65), "bad_ratio"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_not_taken_is_refused_with_its_code(name: str) -> None:
    make, code = BAD[name]
    with pytest.raises(BadPicture) as refusal:
        decode(make())
    assert refusal.value.code == code
    assert "/" not in str(refusal.value) and "PIL" not in str(refusal.value)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_the_three_formats_are_taken(kind: str) -> None:
    picture = decode(saved(two_halves(), kind))
    assert (picture.width, picture.height, picture.has_alpha) == (96, 64, False)
    assert np.abs(picture.pixels[32, 10].astype(int) - RED).max() < 12


def gps(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif.get_ifd(0x8825)[2] = (IFDRational(48), IFDRational(8), IFDRational(1))
    return exif


@pytest.mark.parametrize("orientation, corner", [(1, RED), (3, BLUE), (2, BLUE), (6, RED), (8, BLUE)])
def test_orientation_is_applied(orientation: int, corner: tuple[int, int, int]) -> None:
    picture = decode(saved(two_halves(), "JPEG", exif=gps(orientation), quality=95))
    upright = orientation < 5
    assert (picture.width, picture.height) == ((96, 64) if upright else (64, 96))
    assert np.abs(picture.pixels[5, 5].astype(int) - corner).max() < 12


@pytest.mark.parametrize("format", ["jpg", "png", "webp"])
def test_no_place_and_no_camera_leaves_but_the_source_type_does(format: str) -> None:
    given = saved(
        two_halves(),
        "JPEG",
        exif=gps(1),
        icc_profile=ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(),
    )
    data = encode(decode(given), format=format, source_type="compositeWithTrainedAlgorithmicMedia")
    image = Image.open(io.BytesIO(data))
    assert sniff(data) == format
    assert not image.getexif() and "icc_profile" not in image.info
    assert b"http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia" in data
    assert b"Iptc4xmpExt:DigitalSourceType" in image.info["xmp"]


def test_cmyk_becomes_rgb() -> None:
    picture = decode(saved(Image.new("CMYK", (80, 80), (0, 255, 255, 0)), "JPEG", quality=95))
    assert picture.pixels.shape == (80, 80, 3)
    red, green, blue = picture.pixels[40, 40].tolist()
    assert red > 200 and green < 60 and blue < 60


def test_sixteen_bit_grey_keeps_its_brightness() -> None:
    deep = Image.fromarray(np.full((80, 70), 0x8080, np.uint16))
    assert decode(saved(deep, "PNG")).pixels[3, 3].tolist() == [128, 128, 128]


def test_palette_with_a_clear_colour_gets_alpha() -> None:
    image = two_halves().quantize(4)
    index = int(np.asarray(image)[5, 5])
    picture = decode(saved(image, "PNG", transparency=index))
    assert picture.has_alpha
    assert picture.pixels[5, 5, 3] == 0 and picture.pixels[5, 90, 3] == 255


def test_an_alpha_channel_that_says_nothing_is_dropped() -> None:
    assert not decode(saved(two_halves().convert("RGBA"), "PNG")).has_alpha


def linear_profile() -> bytes:
    """The smallest RGB profile with sRGB's primaries and no gamma (ICC.1:2001-04)."""

    def xyz(*values: float) -> bytes:
        return b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(value * 65536) for value in values))

    straight = b"curv" + struct.pack(">III", 0, 0, 0)[:8]
    tags = {
        b"desc": b"desc" + struct.pack(">II", 0, 7) + b"linear\0" + b"\0" * 78,
        b"cprt": b"text\0\0\0\0none\0\0\0\0",
        b"wtpt": xyz(0.9642, 1.0, 0.8249),
        b"rXYZ": xyz(0.4361, 0.2225, 0.0139),
        b"gXYZ": xyz(0.3851, 0.7169, 0.0971),
        b"bXYZ": xyz(0.1431, 0.0606, 0.7139),
        b"rTRC": straight,
        b"gTRC": straight,
        b"bTRC": straight,
    }
    table, body = struct.pack(">I", len(tags)), b""
    for name, value in tags.items():
        value += b"\0" * (-len(value) % 4)
        table += name + struct.pack(">II", 128 + 4 + 12 * len(tags) + len(body), len(value))
        body += value
    head = struct.pack(">I4sI4s4s4s", 132 + 12 * len(tags) + len(body), b"none", 0x02100000, b"mntr", b"RGB ", b"XYZ ")
    head += struct.pack(">6H4s", 2026, 1, 1, 0, 0, 0, b"acsp") + b"\0" * 28 + xyz(0.9642, 1.0, 0.8249)[8:]
    return head.ljust(128, b"\0") + table + body


def test_another_profile_is_converted() -> None:
    image = Image.new("RGB", (70, 70), (55, 55, 55))
    picture = decode(saved(image, "PNG", icc_profile=linear_profile()))
    assert np.abs(picture.pixels[9, 9].astype(int) - 128).max() <= 2  # 55 of 255 in linear light is 128 in sRGB


def test_a_broken_profile_is_ignored() -> None:
    picture = decode(saved(Image.new("RGB", (70, 70), (90, 80, 70)), "PNG", icc_profile=b"no profile at all"))
    assert picture.pixels[9, 9].tolist() == [90, 80, 70]


def test_a_palette_may_be_half_clear() -> None:
    image = two_halves().convert("P", palette=Image.Palette.ADAPTIVE, colors=2)
    red = image.getpixel((0, 0))
    clear = bytes(0 if index == red else 128 for index in range(2))
    picture = decode(saved(image, "PNG", transparency=clear))
    assert picture.pixels[9, 9, 3] == 0
    assert np.abs(picture.pixels[9, 90].astype(int) - (*BLUE, 128)).max() <= 2


def test_a_profile_and_an_orientation_hold_from_the_first_row_to_the_last() -> None:
    tall = Image.fromarray(np.repeat(np.arange(700, dtype=np.uint8)[:, None] // 3, 80, axis=1)).convert("RGB")
    whole = ImageCms.profileToProfile(
        tall, ImageCms.ImageCmsProfile(io.BytesIO(linear_profile())), ImageCms.createProfile("sRGB"), outputMode="RGB"
    )
    picture = decode(saved(tall, "PNG", icc_profile=linear_profile(), exif=gps(3)))
    assert np.array_equal(picture.pixels, np.asarray(whole)[::-1, ::-1])


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "LA", "CMYK"])
@pytest.mark.parametrize("kind", ["PNG", "WEBP", "JPEG"])
def test_every_row_is_the_decoders_own(kind: str, mode: str) -> None:
    rng = np.random.default_rng(3)
    bands = len(Image.new(mode, (1, 1)).getbands())
    noise = rng.integers(1, 256, (600, 70, bands), dtype=np.uint8)
    image = Image.merge(mode, [Image.fromarray(noise[..., band].copy()) for band in range(bands)])
    try:
        data = saved(image, kind, **({"lossless": True, "exact": True} if kind == "WEBP" else {}))
    except OSError:
        pytest.skip("not written in this mode")
    same = Image.open(io.BytesIO(data))
    want = np.asarray(same.convert("RGBA" if mode in ("RGBA", "LA") else "RGB"))
    assert np.array_equal(decode(data).pixels, want)


def test_a_phone_file_with_a_second_picture_inside_gives_the_first() -> None:
    data = saved(two_halves(), "MPO", save_all=True, append_images=[Image.new("RGB", (96, 64), BLUE)])
    picture = decode(data)
    assert np.abs(picture.pixels[32, 10].astype(int) - RED).max() < 12


def test_a_script_behind_the_picture_does_not_leave() -> None:
    data = saved(two_halves(), "JPEG") + b"<script>alert(1)</script>"
    assert b"<script>" not in encode(decode(data), format="jpg", source_type="digitalCapture")


@pytest.mark.parametrize("size", [(64, 64), (200, 100), (100, 300), (97, 64)])
@pytest.mark.parametrize("fit", ["cover", "contain"])
def test_the_size_is_exact(size: tuple[int, int], fit: str) -> None:
    picture = Picture(np.asarray(two_halves()))
    data = finish(picture, *size, format="png", source_type="digitalCapture", fit=fit)
    assert Image.open(io.BytesIO(data)).size == size


def test_cover_crops_evenly_and_contain_pads_with_white() -> None:
    picture = Picture(np.asarray(two_halves(96, 64)))
    covered = decode(finish(picture, 64, 64, format="png", source_type="digitalCapture")).pixels
    assert np.abs(covered[32, 8].astype(int) - RED).max() < 4 and np.abs(covered[32, 56].astype(int) - BLUE).max() < 4
    contained = decode(finish(picture, 96, 96, format="png", source_type="digitalCapture", fit="contain")).pixels
    assert contained[3, 3].tolist() == [255, 255, 255] and np.abs(contained[48, 8].astype(int) - RED).max() < 4


def test_transparency_stays_in_png_and_webp_and_becomes_white_in_jpg() -> None:
    pixels = np.zeros((64, 64, 4), np.uint8)
    pixels[:, 32:] = (10, 200, 30, 255)
    picture = Picture(pixels)
    for kind in ("png", "webp"):
        assert decode(finish(picture, 128, 64, format=kind, source_type="composite", fit="contain")).has_alpha
    flat = decode(finish(picture, 128, 128, format="jpg", source_type="composite"))
    assert flat.pixels[5, 5].min() > 250


@pytest.mark.parametrize("wrong", [{"format": "gif"}, {"source_type": "handmade"}, {"fit": "stretch"}])
def test_a_wrong_word_is_our_own_mistake(wrong: dict[str, str]) -> None:
    words: dict[str, Any] = {"format": "jpg", "source_type": "composite", "fit": "cover", **wrong}
    with pytest.raises(ValueError):
        finish(Picture(np.asarray(two_halves())), 64, 64, **words)


@pytest.mark.parametrize(
    "data, kind", [(b"\xff\xd8\xff\xdb", "jpg"), (b"RIFF\0\0\0\0WEBPVP8 ", "webp"), (b"RIFF1234WAVE", None)]
)
def test_sniff(data: bytes, kind: str | None) -> None:
    assert sniff(data) == kind


def steps(*values: int, alpha: tuple[int, ...] = ()) -> Picture:
    """A row of grey pixels, with this alpha."""
    grey = np.repeat(np.array([values], np.uint8)[..., None], 3, axis=2)
    return Picture(np.dstack([grey, np.array([alpha], np.uint8)]) if alpha else grey)


@pytest.mark.parametrize(
    ("changed", "picture", "expected"),
    [
        ("white", steps(0, 127, 128, 255), [0, 0, 255, 255]),
        ("black", steps(0, 127, 128, 255), [255, 255, 0, 0]),
        ("transparent", steps(0, 127, 128, 255), [0, 0, 0, 0]),
        ("transparent", steps(255, 0, 255, 0, alpha=(0, 127, 128, 255)), [255, 255, 0, 0]),
        ("white", steps(255, 0, 255, 0, alpha=(0, 127, 128, 255)), [255, 0, 255, 0]),
        ("black", steps(255, 0, 255, 0, alpha=(0, 127, 128, 255)), [0, 255, 0, 255]),
    ],
)
def test_a_mask_is_white_where_the_picture_is_to_be_changed(
    changed: str, picture: Picture, expected: list[int]
) -> None:
    mask = mask_of(picture, changed).pixels
    assert (mask.dtype, mask.shape) == (np.uint8, (1, 4, 3))
    assert mask[0, :, 0].tolist() == mask[0, :, 1].tolist() == mask[0, :, 2].tolist() == expected


def test_a_masks_colours_are_decided_by_their_brightness() -> None:
    colours = Picture(np.array([[(255, 255, 0), (0, 0, 255), (0, 255, 0), (255, 0, 0)]], np.uint8))
    assert mask_of(colours, "white").pixels[0, :, 0].tolist() == [255, 0, 255, 0]


@pytest.mark.parametrize("changed", ["white", "black", "transparent"])
def test_a_mask_keeps_its_size_and_is_written_without_loss(changed: str) -> None:
    rng = np.random.default_rng(7)
    mask = mask_of(Picture(rng.integers(0, 256, (70, 90, 4), dtype=np.uint8)), changed)
    assert (mask.width, mask.height, mask.has_alpha) == (90, 70, False)
    assert set(np.unique(mask.pixels)) == {0, 255}
    assert np.array_equal(decode(encode(mask, format="png", source_type="digitalCapture")).pixels, mask.pixels)
