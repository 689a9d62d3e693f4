"""What is read off a file: its own bytes, not its name, not the picture it was made from."""

from __future__ import annotations

import io
import json
import struct
import warnings
import zlib
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image, ImageCms, ImageDraw, ImageFilter

from packshot.channels.measure import measure, standard_table
from packshot.picture import BadPicture
from tests.unit.channels.pictures import RED, camera, clear, jpg, labelled, lined, noise, pixels, product, saved

MUG = product(640, 480)
DEEP = Image.fromarray(np.asarray(MUG.convert("L")).astype(np.uint16) * 257)
BITMAP = b"BM" + struct.pack("<IHHIIiiHHIIiiII", 54, 0, 0, 54, 40, 9000, 9000, 1, 24, 0, 0, 0, 0, 0, 0)
TWO = {"save_all": True, "append_images": [product(640, 480, 0.5)], "duration": 100}


@pytest.mark.parametrize(
    "data, format, colours, depth",
    [
        (lambda: jpg(MUG), "jpg", "RGB", 8),
        (lambda: jpg(MUG, progressive=True), "jpg", "RGB", 8),
        (lambda: jpg(MUG.convert("CMYK")), "jpg", "CMYK", 8),
        (lambda: jpg(MUG.convert("L")), "jpg", "grey", 8),
        (lambda: saved(MUG, "PNG"), "png", "RGB", 8),
        (lambda: saved(MUG.convert("RGBA"), "PNG"), "png", "RGB with alpha", 8),
        (lambda: saved(MUG.quantize(200), "PNG"), "png", "palette", 2),
        (lambda: saved(DEEP, "PNG"), "png", "grey", 16),
        (lambda: saved(MUG.convert("1"), "PNG"), "png", "grey", 1),
        (lambda: saved(MUG, "WEBP", lossless=True), "webp", "RGB", 8),
        (lambda: saved(MUG, "GIF"), "gif", "palette", 8),
        (lambda: saved(MUG, "TIFF"), "tiff", "RGB", 8),
        (lambda: saved(MUG.convert("CMYK"), "TIFF", compression="tiff_lzw"), "tiff", "CMYK", 8),
        (lambda: saved(MUG, "BMP"), "bmp", "RGB", 8),
    ],
)  # fmt: skip
def test_every_format_is_measured(data: Callable[[], bytes], format: str, colours: str, depth: int) -> None:
    file = data()
    seen = measure(file)
    assert (seen.format, seen.colours, seen.depth, seen.bytes) == (format, colours, depth, len(file))
    assert (seen.width, seen.height, seen.animated, seen.longest) == (640, 480, False, 640)
    assert seen.ground.plain and seen.ground.border == 1.0 and seen.ground.colour == (255, 255, 255)
    assert seen.ground.fill == pytest.approx(0.86, abs=0.04) and seen.ground.touches is False
    assert json.loads(json.dumps(seen.dump()))["ground"]["colour"] == [255, 255, 255]


@pytest.mark.parametrize("kind, animated", [("GIF", True), ("WEBP", True), ("PNG", True), ("TIFF", True)])
def test_a_second_picture_is_seen_and_the_first_is_measured(kind: str, animated: bool) -> None:
    seen = measure(saved(MUG, kind, **TWO))
    assert seen.animated is animated
    assert seen.ground.fill == pytest.approx(0.86, abs=0.05)


def header(width: int, height: int) -> bytes:
    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + body


def doubtful() -> bytes:
    """A TIFF file whose planar configuration (tag 284, SHORT) has two values instead of one: the decoder only warns."""
    data = bytearray(saved(MUG, "TIFF"))
    place = data.index(struct.pack("<HHI", 284, 3, 1), struct.unpack("<I", data[4:8])[0])
    data[place + 4 : place + 8] = struct.pack("<I", 2)
    return bytes(data)


@pytest.mark.parametrize(
    "data, code",
    [
        (lambda: b"", "not_an_image"),
        (lambda: b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not_an_image"),
        (lambda: b"\0\0\0\x18ftypheic" + b"\0" * 40, "unsupported_format"),
        (lambda: saved(MUG.convert("F"), "TIFF"), "unsupported_format"),
        (lambda: saved(MUG.convert("LAB"), "TIFF"), "unsupported_format"),
        (lambda: header(60_000, 60_000), "too_large"),
        (lambda: header(8000, 5130), "too_large"),
        (lambda: header(8193, 600), "too_large"),
        (lambda: saved(Image.new("1", (9000, 9000)), "TIFF", compression="group4"), "too_large"),
        (lambda: b"GIF89a" + struct.pack("<HHBBB", 60_000, 60_000, 0, 0, 0) + b";", "truncated"),
        (lambda: BITMAP, "too_large"),
        (lambda: header(2000, 65), "bad_ratio"),
        (lambda: saved(Image.new("RGB", (200, 63)), "GIF"), "too_small"),
        (doubtful, "truncated"),
        (lambda: jpg(MUG)[:-4000], "truncated"),
        (lambda: saved(MUG, "GIF")[:900], "truncated"),
        (lambda: saved(MUG, "BMP")[:-900], "truncated"),
        (lambda: saved(MUG, "TIFF")[:-900], "truncated"),
        (lambda: saved(MUG, "WEBP")[:-900], "truncated"),
        (lambda: saved(MUG, "GIF", **TWO)[:-2500], None),
    ],
)  # fmt: skip
def test_what_cannot_be_measured_is_refused_with_its_code(data: Callable[[], bytes], code: str | None) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        if code is None:  # the first picture is whole
            assert measure(data()).animated
            return
        with pytest.raises(BadPicture) as refusal:
            measure(data())
    assert refusal.value.code == code
    assert "PIL" not in str(refusal.value)


def test_damage_anywhere_is_a_bad_picture_or_a_picture() -> None:
    random = np.random.default_rng(5)
    files = [jpg(product(96, 80), exif=camera(gps=True), xmp=labelled("print")), saved(product(96, 80), "PNG")]
    files += [
        saved(product(96, 80), kind, **{**TWO, "append_images": [product(96, 80, 0.5)]})
        for kind in ("GIF", "WEBP", "TIFF")
    ]
    files += [saved(clear(product(96, 80)), "PNG"), saved(product(96, 80), "BMP")]
    refused = 0
    for data in files * 6:
        broken = bytearray(data)
        for place in random.integers(0, min(len(broken), 400), 4):
            broken[place] = random.integers(0, 256)
        try:
            measure(bytes(broken))
        except BadPicture:
            refused += 1
    assert 0 < refused < len(files) * 6


@pytest.mark.parametrize("quality", [1, 25, 50, 70, 75, 90, 95, 100])
def test_the_quality_is_read_off_the_tables(quality: int) -> None:
    data = jpg(MUG, quality=quality)
    tables = Image.open(io.BytesIO(data)).quantization
    assert sorted(tables[0]) == sorted(standard_table(quality).ravel())
    assert measure(data).quality == quality


def test_only_a_jpg_has_a_quality() -> None:
    assert measure(saved(MUG, "PNG")).quality is None


def test_camera_place_and_label_are_seen() -> None:
    assert (measure(jpg(MUG)).exif, measure(jpg(MUG)).gps, measure(jpg(MUG)).source_type) == (False, False, None)
    seen = measure(jpg(MUG, exif=camera(), xmp=labelled("trainedAlgorithmicMedia")))
    assert (seen.exif, seen.gps, seen.source_type) == (True, False, "trainedAlgorithmicMedia")
    assert measure(jpg(MUG, exif=camera(gps=True))).gps
    assert measure(saved(MUG, "TIFF")).exif is False


@pytest.mark.parametrize(
    "packet",
    [
        b'<d Iptc4xmpExt:DigitalSourceType = "http://cv.iptc.org/newscodes/digitalsourcetype/print"/>',
        b"<d Iptc4xmpExt:DigitalSourceType='http://cv.iptc.org/newscodes/digitalsourcetype/print'/>",
        b"<Iptc4xmpExt:DigitalSourceType>http://cv.iptc.org/newscodes/digitalsourcetype/print</Iptc4xmpExt:DigitalSourceType>",
        b'<Iptc4xmpExt:DigitalSourceType rdf:resource="http://cv.iptc.org/newscodes/digitalsourcetype/print"/>',
    ],
)
@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "TIFF"])
def test_the_label_is_read_in_all_its_spellings(kind: str, packet: bytes) -> None:
    options = {"tiffinfo": {700: packet}} if kind == "TIFF" else {"xmp": packet}
    assert measure(saved(MUG, kind, **options)).source_type == "print"


def test_the_profile_is_named() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert "sRGB" in str(measure(jpg(MUG, icc_profile=profile)).profile)
    assert measure(jpg(MUG, icc_profile=b"nonsense" * 20)).profile == "unreadable"
    assert measure(jpg(MUG)).profile is None


def test_a_turned_picture_is_measured_upright() -> None:
    subject = np.zeros((640, 480), bool)
    subject[100:500, 60:420] = True
    data = jpg(MUG, exif=camera(orientation=6))
    assert (measure(data).width, measure(data).height) == (480, 640)
    seen = measure(data, subject)
    assert seen.ground.box == (60, 100, 420, 500) and seen.ground.fill == 0.75
    with pytest.raises(ValueError, match="the subject is 640x480, the picture 480x640"):
        measure(data, subject.T)


def test_white_that_turned_254_beside_the_product_is_seen() -> None:
    image = product(1000, 1000)
    ours, theirs = jpg(image), jpg(image, subsampling=2)
    spoilt = pixels(theirs)[pixels(saved(image, "PNG")).min(2) == 255]
    assert (spoilt == 254).any()
    assert measure(ours).ground.outside == 1.0
    assert measure(theirs).ground.outside < 0.999
    assert measure(theirs).ground.border == 1.0


def test_a_square_of_254_far_from_the_product_is_counted_by_the_pixel() -> None:
    image = product(800, 800, 0.5)
    ImageDraw.Draw(image).rectangle((40, 40, 79, 79), fill=(255, 254, 255))
    around = measure(saved(image, "PNG")).ground
    free = np.ones((100, 100), bool)
    touched = np.asarray(product(800, 800, 0.5)).min(2).reshape(100, 8, 100, 8).min((1, 3)) < 250
    free[touched] = False
    assert around.outside == pytest.approx(1 - 1600 / (free.sum() * 64), abs=1e-9)


def test_white_inside_the_product_is_none_of_the_background() -> None:
    image = product(800, 800)
    ImageDraw.Draw(image).ellipse((300, 300, 500, 500), fill=(254, 254, 254))
    assert measure(saved(image, "PNG")).ground.outside == 1.0


def test_white_behind_a_bend_is_background() -> None:
    image = Image.new("RGB", (640, 640), (255, 255, 255))
    draw = ImageDraw.Draw(image)
    for inset, gap in ((40, 300), (120, 160), (200, 400)):  # rings that open on changing sides
        draw.rectangle((inset, inset, 639 - inset, 639 - inset), outline=RED, width=24)
        draw.rectangle((inset, gap, inset + 24, gap + 40), fill=(255, 255, 255))
    draw.rectangle((300, 300, 340, 340), fill=(254, 254, 254))
    share = 41 * 41 / (640 * 640)
    assert 0 < 1 - measure(saved(image, "PNG")).ground.outside < 3 * share


def test_a_transparent_background_is_not_white() -> None:
    around = measure(saved(clear(MUG), "PNG")).ground
    assert around.colour is None and around.border == 0 and around.outside == 0
    assert around.fill == pytest.approx(0.86, abs=0.01) and 0.3 < around.clear < 0.7


def test_a_speck_is_no_product() -> None:
    image = product(640, 640, 0.5)
    ImageDraw.Draw(image).rectangle((20, 20, 21, 21), fill=(0, 0, 0))
    assert measure(saved(image, "PNG")).ground.fill == pytest.approx(0.5, abs=0.01)


def test_an_empty_picture_has_nothing_in_it() -> None:
    around = measure(saved(Image.new("RGB", (300, 300), (255, 255, 255)), "PNG")).ground
    assert (around.box, around.fill, around.touches, around.outside) == (None, 0.0, False, 1.0)


@pytest.mark.parametrize("ground", [(255, 255, 255), (240, 238, 235), (30, 90, 160)])
def test_the_product_is_found_on_any_plain_colour(ground: tuple[int, int, int]) -> None:
    around = measure(jpg(product(800, 600, 0.7, ground=ground))).ground
    assert around.plain and around.fill == pytest.approx(0.7, abs=0.03)
    assert (around.border == 1.0) == (ground == (255, 255, 255))


def test_a_subject_is_believed_where_white_stands_on_white() -> None:
    image = product(800, 800, 0.8, colour=(253, 253, 253))
    subject = np.zeros((800, 800), bool)
    subject[80:720, 80:720] = True
    data = saved(image, "PNG")
    assert measure(data).ground.fill < 0.6
    assert measure(data, subject).ground.fill == 0.8


@pytest.mark.parametrize("inset", [0, 8])
@pytest.mark.parametrize("encode", [jpg, lambda image: jpg(image, subsampling=2), lambda image: saved(image, "PNG")])
def test_a_line_around_the_picture_is_suspected(inset: int, encode: Callable[[Image.Image], bytes]) -> None:
    around = measure(encode(lined(product(800, 800), inset))).ground
    assert around.framed and around.fill is None and around.touches is None


def test_a_white_margin_around_a_photograph_is_a_frame() -> None:
    image = Image.new("RGB", (640, 640), (255, 255, 255))
    image.paste(noise(620, 620, 90).point([min(v, 180) for v in range(256)] * 3), (10, 10))
    assert measure(jpg(image)).ground.framed


@pytest.mark.parametrize(
    "image",
    [
        product(800, 800),
        product(800, 800, ground=(20, 20, 20)),
        product(800, 800, 0.96),
        product(800, 800, shift=200),
        noise(800, 800, 90),
        Image.radial_gradient("L").resize((800, 800)).convert("RGB"),
    ],
)
def test_a_picture_without_a_frame_has_none(image: Image.Image) -> None:
    assert not measure(jpg(image)).ground.framed


def test_blur_is_seen_at_any_contrast_and_size() -> None:
    def sharp(image: Image.Image) -> float:
        return measure(saved(image, "PNG")).sharpness or 0.0

    for colour in (RED, (190, 190, 190)):
        for size in (400, 1600):
            image = product(size, size, colour=colour)
            blurred = [sharp(image.filter(ImageFilter.GaussianBlur(radius))) for radius in (0, 1, 2, 4, 8)]
            assert blurred == sorted(blurred, reverse=True)
            assert blurred[1] > 0.4 and blurred[3] < 0.25 and blurred[4] < 0.2
    assert measure(saved(Image.new("RGB", (300, 300), RED), "PNG")).sharpness is None
