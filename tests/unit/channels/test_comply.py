"""A finished picture as each channel wants it."""

from __future__ import annotations

import io
from datetime import date

import numpy as np
import pytest
from PIL import Image

from packshot.channels import Channel, channels
from packshot.channels.check import check
from packshot.channels.comply import Frame, bound, conform, encoded, framed, labelled, wanted, whitened
from packshot.channels.measure import measure
from packshot.picture import BadPicture, Picture
from packshot.studio.colour import delta_e, lab
from tests.unit.channels.pictures import BLUE, camera, clear, jpg, lined, noise, pixels, product, saved

TODAY = date(2027, 1, 31)
CHANNEL = pytest.mark.parametrize("channel", channels().values(), ids=list(channels()))
PHOTOGRAPH = noise(1400, 1050, 70)

GIVEN = {
    "as large": lambda: jpg(product(2000, 2000)),
    "small": lambda: jpg(product(800, 800, 0.6)),
    "wide, lossy": lambda: saved(product(1200, 800, 0.7), "WEBP", quality=80),
    "tall, subsampled": lambda: jpg(product(700, 1400), subsampling=2),
    "off white": lambda: saved(product(900, 900, ground=(254, 253, 252)), "PNG"),
    "clear": lambda: saved(clear(product(900, 700)), "PNG"),
    "cmyk": lambda: jpg(product(900, 900).convert("CMYK")),
    "turned": lambda: jpg(product(1200, 800), exif=camera(gps=True, orientation=6)),
    "gif": lambda: saved(product(900, 900), "GIF"),
    "tiff": lambda: saved(product(900, 900), "TIFF"),
}

ADVICE = {
    "ratio_advised",  # the shape is free: nothing is padded for advice
    "fill_advised",  # nor is it cropped
    "size_advised",  # of a shape of its own, only the longer side is the output's
}
"""Lines that stay as they are: told, never a warning."""


@CHANNEL
@pytest.mark.parametrize("given", GIVEN)
def test_what_is_made_for_a_channel_passes_there(channel: Channel, given: str) -> None:
    made = conform(GIVEN[given](), channel, source_type="digitalCapture", today=TODAY)
    report = check(made, channel, name=f"mug.{channel.output.format}", today=TODAY)
    assert report.verdict == "pass"
    assert {line.rule for line in report.lines if line.fix} <= ADVICE
    seen = measure(made)
    assert not seen.exif and seen.source_type == "digitalCapture" and seen.format == channel.output.format
    if bound(channel, "ratio", TODAY) and channel.id != "etsy":
        assert (seen.width, seen.height) == (channel.output.width, channel.output.height)


@CHANNEL
@pytest.mark.parametrize(
    "picture, stays",
    [
        (PHOTOGRAPH, {"background", "sharpness"}),
        (product(900, 900, ground=(200, 200, 200)), {"background"}),
        (product(900, 900, shift=300), {"background", "whole_product"}),
        (lined(product(900, 900)), {"background", "frame"}),
    ],
    ids=["photograph", "grey", "cropped", "framed"],
)
def test_what_no_encoding_mends_stays_and_is_named(channel: Channel, picture: Image.Image, stays: set[str]) -> None:
    made = conform(saved(picture, "PNG"), channel, source_type="digitalCapture", today=TODAY)
    lines = zip(channel.on(TODAY), check(made, channel, name=None, today=TODAY).lines, strict=True)
    assert {rule.test for rule, line in lines if line.verdict != "pass"} <= stays


@CHANNEL
@pytest.mark.parametrize("size", [(1200, 500), (500, 1200)])
def test_nothing_of_the_product_is_lost(channel: Channel, size: tuple[int, int]) -> None:
    """Four marks in the corners of a photograph are all there afterwards."""
    image = Image.new("RGB", size, (120, 130, 110))
    for x in (0, size[0] - 60):
        for y in (0, size[1] - 60):
            image.paste((250, 20, 20), (x, y, x + 60, y + 60))
    made = pixels(conform(saved(image, "PNG"), channel, source_type="print", today=TODAY)).astype(int)
    marks = (made[..., 0] > 200) & (made[..., 1] < 80)
    scale = min(made.shape[1] / size[0], made.shape[0] / size[1])
    assert marks.sum() == pytest.approx(4 * 3600 * scale**2, rel=0.06)


def test_padding_has_the_pictures_own_colour_where_it_has_one() -> None:
    tall = channels()["zalando"]
    on_blue = pixels(conform(jpg(product(900, 900, ground=BLUE)), tall, source_type="print", today=TODAY))
    assert np.abs(on_blue[5, 900].astype(int) - BLUE).max() <= 3
    noisy = pixels(conform(saved(PHOTOGRAPH, "PNG"), tall, source_type="print", today=TODAY))
    assert (noisy[5, 900] == 255).all()
    etsy = pixels(
        conform(
            saved(product(900, 300, ground=(200, 190, 180)), "PNG"),
            channels()["etsy"],
            source_type="print",
            today=TODAY,
        )
    )
    assert np.abs(etsy[5, 900].astype(int) - (200, 190, 180)).max() <= 2


def test_the_product_keeps_its_colours() -> None:
    made = pixels(
        conform(saved(product(2200, 2200, 0.8), "PNG"), channels()["walmart"], source_type="print", today=TODAY)
    )
    inside = made[1000:1020, 1000:1020].reshape(-1, 3)
    assert delta_e(lab(inside), lab(np.tile(np.uint8(BLUE), (400, 1)))).max() < 1


def test_whitening_goes_no_further_than_it_says() -> None:
    image = product(400, 400, 0.5, colour=(244, 244, 244), ground=(251, 252, 253))
    before = np.asarray(image).astype(int)
    after = whitened(Picture(np.array(image))).pixels
    changed = (after != before).any(2)
    assert (after[changed] == 255).all() and (before[changed] >= 245).all()
    assert (after[:40] == 255).all()
    disc = np.asarray(product(400, 400, 0.5, colour=(0, 0, 0)).convert("L")) == 0
    assert not changed[disc].any()


@pytest.mark.parametrize("limit, low, high", [(None, 92, 92), (10**7, 92, 92), (60_000, 70, 91), (100, 70, 70)])
def test_a_file_is_made_as_good_as_its_limit_allows(limit: int | None, low: int, high: int) -> None:
    output = wanted(channels()["ebay"], today=TODAY, quality=92)
    picture = Picture(np.asarray(noise(300, 300, 60)))
    data = encoded(picture, output, limit=limit, source_type="print", exact=False)
    quality = measure(data).quality
    assert quality is not None and low <= quality <= high
    if limit == 60_000:
        better = encoded(
            picture,
            wanted(channels()["shopify"], today=TODAY, quality=quality + 1),
            limit=None,
            source_type="print",
            exact=False,
        )
        assert len(data) <= limit < len(better)


@pytest.mark.parametrize("format", ["png", "webp", "jpg"])
def test_white_is_exact_in_every_format(format: str) -> None:
    google = channels()["google"]
    output = wanted(google, today=TODAY, size=(800, 800), format=format)
    data = saved(product(900, 900, 0.8, ground=(254, 253, 255)), "PNG")
    seen = measure(conform(data, google, source_type="print", today=TODAY, output=output))
    assert (seen.format, seen.ground.border) == (format, 1.0) and seen.ground.outside > 0.9995


def test_googles_label_is_written_for_what_a_model_made() -> None:
    data = jpg(product(1500, 1500, 0.8))
    for made in ("trainedAlgorithmicMedia", "compositeWithTrainedAlgorithmicMedia"):
        there = conform(data, channels()["google"], source_type=made, today=TODAY)
        assert measure(there).source_type == "trainedAlgorithmicMedia"
        elsewhere = conform(data, channels()["ebay"], source_type=made, today=TODAY)
        assert measure(elsewhere).source_type == made
    assert labelled(channels()["google"], "compositeCapture", TODAY) == "compositeCapture"


@pytest.mark.parametrize(
    "channel, wish, expected",
    [
        ("amazon", {}, (2000, 2000, "jpg", 90)),
        ("amazon", {"size": (1200, 1200), "format": "png", "quality": 80}, (1200, 1200, "png", 80)),
        ("amazon", {"size": (900, 900), "format": "webp"}, (2000, 2000, "jpg", 90)),
        ("walmart", {"size": (2400, 2400)}, (2400, 2400, "jpg", 90)),
        ("walmart", {"size": (2400, 3200)}, (2200, 2200, "jpg", 90)),
        ("google", {"size": (800, 600), "format": "webp"}, (800, 600, "webp", 90)),
        ("ebay", {"quality": 80, "format": "tiff"}, (1600, 1600, "jpg", 90)),
        ("ebay", {"quality": 95}, (1600, 1600, "jpg", 95)),
        ("zalando", {"size": (1000, 1440), "format": "png"}, (1000, 1440, "jpg", 90)),
    ],
)
def test_a_wish_is_kept_where_the_channel_does_not_mind(channel: str, wish: dict, expected: tuple) -> None:
    output = wanted(channels()[channel], today=TODAY, **wish)
    assert (output.width, output.height, output.format, output.quality) == expected


def test_a_window_shows_what_it_frames() -> None:
    image = np.zeros((40, 60, 3), np.uint8)
    image[10:20, 30:50] = (200, 100, 50)
    same = framed(Picture(image), Frame(0, 0, 60, 40, 60, 40), (255, 255, 255))
    assert (same.pixels == image).all()
    part = framed(Picture(image), Frame(30, 10, 20, 10, 20, 10), (255, 255, 255)).pixels
    assert (part == (200, 100, 50)).all()
    beyond = framed(Picture(image), Frame(-20, -10, 100, 60, 100, 60), (1, 2, 3)).pixels
    assert (beyond[:10] == (1, 2, 3)).all() and (beyond[10:50, 20:80] == image).all()
    glass = np.dstack([image, np.full((40, 60), 128, np.uint8)])
    assert framed(Picture(glass), Frame(-20, 0, 100, 40, 100, 40), (1, 2, 3)).pixels[0, 0].tolist() == [1, 2, 3, 0]


def test_what_is_no_picture_is_refused() -> None:
    with pytest.raises(BadPicture):
        conform(b"GIF89a", channels()["ebay"], source_type="print", today=TODAY)


def test_extreme_shapes_stay_within_what_can_be_a_picture() -> None:
    for channel in channels().values():
        for size in ((64, 1280), (1280, 64)):
            made = conform(
                saved(Image.new("RGB", size, (90, 90, 90)), "PNG"), channel, source_type="print", today=TODAY
            )
            assert Image.open(io.BytesIO(made)).width <= 8192 and measure(made).height <= 8192
