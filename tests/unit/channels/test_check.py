"""Bad pictures and the lines they get: verdict, measured, required, fix, word for word (`lines.json`)."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from packshot.channels import channels
from packshot.channels.check import Line, Report, check, judge
from packshot.channels.measure import Measured, measure
from packshot.picture import BadPicture
from tests.unit.channels.bad import BAD
from tests.unit.channels.pictures import jpg, labelled, noise, product

LINES = json.loads(Path(__file__).with_name("lines.json").read_text())
TODAY = date(2027, 1, 31)

seen = cache(lambda name: measure(BAD[name]()))


def line_of(report: Report, rule: str) -> Line:
    return next(line for line in report.lines if line.rule == rule)


def judged(measured: Measured, channel: str, *, name: str | None = None, made: str | None = None) -> Report:
    return judge(measured, channels()[channel], name=name, today=TODAY, made=made)


@pytest.mark.parametrize("row", LINES, ids=[f"{row[0]}-{row[1]}-{row[3]}" for row in LINES])
def test_a_bad_picture_gets_this_line(row: list[Any]) -> None:
    channel, rule, day, picture, verdict, measured, required, fix = row
    report = judge(seen(picture), channels()[channel], name=None, today=date.fromisoformat(day))
    assert line_of(report, rule).dump() == {
        "rule": rule,
        "verdict": verdict,
        "measured": measured,
        "required": required,
        "fix": fix,
    }


def test_every_rule_that_can_be_broken_is_shown_broken() -> None:
    shown = {(row[0], row[1]) for row in LINES} | {("google", "size_most")}
    wanted = {
        (one.id, rule.rule) for one in channels().values() for rule in one.rules if rule.test not in ("unseen", "name")
    }
    assert shown == wanted


@pytest.mark.parametrize(
    "channel, rule, size",
    [
        ("google", "size_most", (9000, 8000)),
        ("amazon", "size", (10_001, 600)),
        ("shopify", "size", (5000, 5001)),
        ("shopify", "size", (4999, 5005)),
        ("shopify", "size_most", (4470, 4475)),
    ],
)
def test_sizes_beyond_what_is_decoded_are_judged_all_the_same(channel: str, rule: str, size: tuple[int, int]) -> None:
    measured = replace(seen("small"), width=size[0], height=size[1])
    line = line_of(judged(measured, channel), rule)
    assert line.verdict != "pass" and line.fix == "make the picture smaller"


GOOD = {
    "amazon": (2000, 2000, 0.86),
    "google": (1500, 1500, 0.8),
    "walmart": (2200, 2200, 0.8),
    "ebay": (1600, 1600, 0.8),
    "etsy": (2000, 1500, 0.8),
    "shopify": (2048, 2048, 0.8),
    "zalando": (1801, 2600, 0.8),
    "meta": (1024, 1024, 0.8),
    "tiktok": (1000, 1000, 0.85),
}


@pytest.mark.parametrize("channel", channels())
def test_a_good_picture_passes_and_is_told_to_change_nothing(channel: str) -> None:
    width, height, fill = GOOD[channel]
    report = check(jpg(product(width, height, fill)), channels()[channel], name="mug.jpg", today=TODAY)
    assert report.channel == channel and report.verdict == "pass"
    assert {line.fix for line in report.lines} == {None}


@pytest.mark.parametrize("channel", channels())
def test_what_nobody_can_measure_passes_and_says_so(channel: str) -> None:
    rules = {rule.rule: rule for rule in channels()[channel].on(TODAY) if rule.test == "unseen"}
    lines = {line.rule: line for line in judged(seen("small"), channel).lines if line.rule in rules}
    for name, rule in rules.items():
        expected = Line(name, "pass", "not measured: look at the picture", rule.limits["required"], None)
        assert lines[name] == expected


def test_the_verdict_is_the_worst_line() -> None:
    assert judged(seen("small"), "ebay").verdict == "fail"
    assert judged(seen("middling"), "ebay").verdict == "warn"
    dumped = judged(seen("middling"), "ebay").dump()
    assert dumped["verdict"] == "warn" and json.loads(json.dumps(dumped)) == dumped


@pytest.mark.parametrize(
    "channel, name, verdict",
    [
        ("google", "mug.jpg", "pass"),
        ("google", "mug.JPEG", "pass"),
        ("google", "https://shop.example/mug.jpg?width=500", "pass"),
        ("google", "mug", "pass"),
        ("google", "mug.png", "fail"),
        ("google", "mug.webp.tiff", "fail"),
        ("walmart", "https://cdn.example:8443/mug.jpeg", "pass"),
        ("walmart", "mug.jpg", "pass"),
        ("walmart", "https://cdn.example/mug.jpg?X-Amz-Signature=0", "fail"),
        ("walmart", "mug.jpg?v=1", "fail"),
        ("walmart", "https://cdn.example/mug.jpg?", "fail"),
        ("walmart", "https://cdn.example:9000/mug.jpg", "fail"),
        ("walmart", "https://cdn.example:no/mug.jpg", "fail"),
        ("walmart", "https://cdn.example/mug", "fail"),
        ("walmart", "https://cdn.example/mug.png", "fail"),
    ],
)
def test_a_name_ends_as_the_bytes_are(channel: str, name: str, verdict: str) -> None:
    line = line_of(judged(measure(jpg(product(640, 640))), channel, name=name), "name")
    assert (line.verdict, line.measured) == (verdict, name)
    assert line.fix == (None if verdict == "pass" else "publish it under a lasting name that ends in .jpg")


def test_without_a_name_nothing_is_said_of_it() -> None:
    line = line_of(judged(seen("small"), "walmart"), "name")
    assert (line.verdict, line.measured) == ("pass", "not measured: no name was given")
    assert line.required == "ends in .jpg or .jpeg; no query string; port 80, 443, 8080, 8443"


AI, MIXED = "trainedAlgorithmicMedia", "compositeWithTrainedAlgorithmicMedia"


@pytest.mark.parametrize(
    "own, made, verdict, measured",
    [
        (AI, None, "pass", AI),
        (MIXED, None, "warn", MIXED),
        ("compositeCapture", None, "pass", "compositeCapture"),
        ("compositeCapture", AI, "warn", "compositeCapture"),
        (None, AI, "warn", "none"),
        (None, "digitalCapture", "pass", "none"),
        (AI, "digitalCapture", "pass", AI),
        (None, None, "pass", "not measured: the file does not say how it was made"),
    ],
)
def test_google_wants_to_be_told_of_a_models_work(
    own: str | None, made: str | None, verdict: str, measured: str
) -> None:
    data = jpg(product(640, 640), **({"xmp": labelled(own)} if own else {}))
    line = line_of(check(data, channels()["google"], name=None, today=TODAY, made=made), "digital_source_type")
    assert (line.verdict, line.measured) == (verdict, measured)


def test_a_background_that_is_not_plain_leaves_the_product_unmeasured() -> None:
    report = judged(measure(jpg(noise(1000, 1000, 80))), "amazon")
    for rule in ("fill", "whole_product"):
        line = line_of(report, rule)
        assert (line.verdict, line.measured) == ("pass", "not measured: the background is not plain")
    assert line_of(report, "background").verdict == "warn"


def test_a_product_at_the_edge_is_named_as_the_reason() -> None:
    line = line_of(judged(seen("cropped"), "walmart"), "background")
    assert line.verdict == "fail" and line.measured["outside"] == 1.0
    assert line.fix == "make the border 255,255,255: the product, or something else, reaches into it"


def test_what_is_no_picture_has_no_report() -> None:
    with pytest.raises(BadPicture) as refusal:
        check(b"no picture", channels()["ebay"], name=None, today=TODAY)
    assert refusal.value.code == "not_an_image"
