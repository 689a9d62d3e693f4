"""The least that makes a picture comply: what passes is left as it is, and what was done is said."""

from __future__ import annotations

import io
from datetime import date

import numpy as np
import pytest
from PIL import Image

from packshot.channels import Channel, channels
from packshot.channels.check import Report, check
from packshot.channels.measure import measure
from packshot.channels.mend import mend
from packshot.picture import BadPicture
from packshot.studio.values import Cutout
from tests.unit.channels.bad import BAD
from tests.unit.channels.pictures import RED, camera, clear, jpg, labelled, noise, pixels, product, saved
from tests.unit.channels.test_check import GOOD

TODAY = date(2027, 1, 31)
CHANNEL = pytest.mark.parametrize("channel", channels().values(), ids=list(channels()))
SPOILT = ["webp", "gif", "small", "wide", "cmyk", "off white", "clear", "subsampled", "little"]
SPOILT += ["cropped", "framed", "heavy", "composite"]
SCENE = (150, 120, 90)


def cutout(warnings: tuple[str, ...] = ()) -> Cutout:
    """A red disc of 300 pixels that was cut out of a scene of 600."""
    alpha = np.asarray(product(600, 600, 0.5, colour=(255, 255, 255), ground=(0, 0, 0)).convert("L")).copy()
    alpha[alpha > 0] = 255
    rgb = np.empty((600, 600, 3), np.uint8)
    rgb[:] = RED
    return Cutout(rgb, alpha, (150, 150, 450, 450), 0.9, warnings)


@CHANNEL
def test_a_good_picture_comes_back_byte_for_byte(channel: Channel) -> None:
    width, height, fill = GOOD[channel.id]
    data = jpg(product(width, height, fill), exif=camera(gps=True))
    same, done, report = mend(data, channel, today=TODAY, cutout=cutout(), made="digitalCapture")
    assert same == data and done == () and report.verdict == "pass"


@CHANNEL
@pytest.mark.parametrize("name", SPOILT)
def test_mended_twice_is_mended_once(channel: Channel, name: str) -> None:
    data = BAD[name]()
    before = check(data, channel, name=None, today=TODAY)
    once, done, report = mend(data, channel, today=TODAY)
    assert report == check(once, channel, name=None, today=TODAY)
    assert (once == data) == (done == ())
    assert [line.verdict for line in report.lines].count("pass") >= [line.verdict for line in before.lines].count(
        "pass"
    )
    twice, more, again = mend(once, channel, today=TODAY)
    assert (twice, more, again) == (once, (), report)


def passed(report: Report) -> int:
    return [line.verdict for line in report.lines].count("pass")


def mended(data: bytes, channel: str, **more) -> tuple[bytes, tuple[str, ...], dict[str, str]]:
    made, done, report = mend(data, channels()[channel], today=TODAY, **more)
    lines = zip(channels()[channel].on(TODAY), report.lines, strict=True)
    return made, done, {rule.rule: line.verdict for rule, line in lines if line.verdict != "pass"}


@pytest.mark.parametrize(
    "data, channel, done",
    [
        (lambda: saved(product(1600, 1600), "WEBP", lossless=True), "ebay", ("format: webp to jpg",)),
        (lambda: jpg(product(900, 900)), "ebay", ("size_api: 900x900 to 1600x1600", "size_advised: ...")),
        (lambda: jpg(product(1300, 1100, 0.8)), "meta", ("ratio: 1.1818 to 1.0",)),
        (lambda: jpg(product(2200, 2200).convert("CMYK")), "walmart", ("colour: CMYK, 8 bit to RGB, 8 bit",)),
        (lambda: jpg(product(1000, 1000, 0.5)), "tiktok", ("fill: 0.5...", "fill_advised: 0.5...")),
        (lambda: jpg(product(1600, 1600)) + bytes(12_000_000), "ebay", ("file_size: 12...",)),
        (
            lambda: jpg(product(1500, 1500, 0.8), xmp=labelled("compositeWithTrainedAlgorithmicMedia")),
            "google",
            ("digital_source_type: compositeWithTrainedAlgorithmicMedia to trainedAlgorithmicMedia",),
        ),
        (
            lambda: jpg(product(1300, 1100, 0.8), exif=camera(gps=True)),
            "meta",
            ("ratio: 1.1818 to 1.0", "metadata: the camera's block was removed"),
        ),
    ],
)  # fmt: skip
def test_what_was_done_is_said(data, channel: str, done: tuple[str, ...]) -> None:
    made, said, left = mended(data(), channel)
    assert left == {}
    for line, told in zip(said, done, strict=True):
        assert line.startswith(told[:-3]) if told.endswith("...") else line == told
    assert not measure(made).exif


def test_only_what_is_asked_is_changed() -> None:
    made, _, _ = mended(saved(product(1600, 1200), "PNG"), "amazon")
    assert made == saved(product(1600, 1200), "PNG")
    seen = measure(mended(saved(product(1100, 900, ground=(254, 254, 254)), "PNG"), "amazon")[0])
    assert (seen.format, seen.width, seen.height) == ("png", 1100, 900)


def test_near_white_is_made_white_and_no_more() -> None:
    data = saved(product(2000, 2000, ground=(254, 253, 255)), "PNG")
    made, done, left = mended(data, "amazon")
    assert left == {} and [line.split(":")[0] for line in done] == ["background"]
    before, after = pixels(data).astype(int), pixels(made).astype(int)
    assert np.abs(after - before).max() <= 10 and (after[:100] == 255).all()


def test_what_is_clear_is_laid_on_white() -> None:
    made, done, left = mended(saved(clear(product(2200, 2200)), "PNG"), "walmart")
    assert left == {} and measure(made).colours == "RGB" and measure(made).ground.outside == 1.0
    assert [line.split(":")[0] for line in done] == ["colour", "background"]


def scene(width: int = 1200, height: int = 1000) -> bytes:
    image = product(width, height, 0.5, ground=SCENE)
    grain = np.asarray(noise(*image.size, 40)).astype(int) - 128
    return jpg(Image.fromarray((np.asarray(image) + grain).clip(0, 255).astype(np.uint8)))


@pytest.mark.parametrize("channel", ["amazon", "walmart", "tiktok"])
def test_a_cutout_mends_background_and_fill(channel: str) -> None:
    data = scene()
    _, _, left = mended(data, channel)
    assert "background" in left
    made, done, left = mended(data, channel, cutout=cutout())
    assert left == {} and any(line.startswith("background: ") for line in done)
    around = measure(made).ground
    assert around.fill == pytest.approx(channels()[channel].output.fill, abs=0.01) and around.border == 1.0
    assert mended(made, channel, cutout=cutout())[:2] == (made, ())


def test_a_cutout_is_not_used_where_less_will_do() -> None:
    data = saved(product(2000, 2000, ground=(254, 254, 254)), "PNG")
    assert mended(data, "amazon", cutout=cutout())[0] == mended(data, "amazon")[0]


def test_a_cropped_product_is_not_set_in_the_middle_of_white() -> None:
    made, done, left = mended(scene(2000, 2000), "amazon", cutout=cutout(("touches_frame",)))
    assert made == scene(2000, 2000) and done == () and set(left) == {"background"}


@pytest.mark.parametrize(
    "own, made, expected",
    [
        ("trainedAlgorithmicMedia", "digitalCapture", "trainedAlgorithmicMedia"),
        ("digitalCapture", "compositeWithTrainedAlgorithmicMedia", "compositeWithTrainedAlgorithmicMedia"),
        ("digitalCapture", None, "digitalCapture"),
        (None, "humanEdits", "humanEdits"),
        (None, None, "algorithmicallyEnhanced"),
        ("nonsense", None, "algorithmicallyEnhanced"),
    ],
)
def test_how_it_was_made_is_kept(own: str | None, made: str | None, expected: str) -> None:
    data = jpg(product(900, 900), **({"xmp": labelled(own)} if own else {}))
    assert measure(mended(data, "ebay", made=made)[0]).source_type == expected


def test_a_models_picture_stays_one_when_it_is_set_on_white() -> None:
    image = Image.open(io.BytesIO(scene()))
    data = jpg(image, xmp=labelled("trainedAlgorithmicMedia"))
    assert measure(mended(data, "amazon", cutout=cutout())[0]).source_type == "trainedAlgorithmicMedia"


def test_google_is_told_of_a_model_that_the_file_did_not_name() -> None:
    made, done, _ = mended(jpg(product(1500, 1500, 0.8)), "google", made="compositeWithTrainedAlgorithmicMedia")
    assert done == ("digital_source_type: none to trainedAlgorithmicMedia",)
    assert measure(made).source_type == "trainedAlgorithmicMedia"


def test_a_tiny_picture_is_not_blown_up() -> None:
    data = jpg(product(400, 400))
    made, done, left = mended(data, "walmart")
    assert made == data and done == () and {"size", "size_zoom"} <= set(left)
    assert measure(mended(jpg(product(800, 800)), "walmart")[0]).width == 2200


def test_a_product_that_would_be_blown_up_stays_small() -> None:
    data = jpg(product(2000, 2000, 0.1))
    assert mended(data, "amazon")[0] == data


def test_what_is_no_picture_or_no_term_is_refused() -> None:
    with pytest.raises(BadPicture):
        mend(b"no picture", channels()["ebay"], today=TODAY)
    with pytest.raises(ValueError, match="'drawn' is not an IPTC digital source type"):
        mend(jpg(product(900, 900)), channels()["ebay"], today=TODAY, made="drawn")
