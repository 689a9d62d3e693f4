"""The rules as data: whose word each is, since when, how hard."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import date
from importlib.resources import files

import pytest

from packshot.brief import CHANNELS
from packshot.channels import Channel, channels
from packshot.channels.check import SIZES, TESTS, ratio_of, size_kept
from packshot.channels.ground import BLOCK
from packshot.channels.names import EXTENSIONS
from packshot.picture import FORMATS, LARGEST_SIDE

LIMITS = {
    "format": {"formats"},
    "still": set(),
    "colour": {"modes", "depth"},
    "size": set(SIZES),
    "ratio": {"ratios", "within"},
    "file_size": {"max"},
    "background": {"border", "outside"},
    "fill": {"min", "max"},
    "whole_product": set(),
    "frame": set(),
    "name": {"match", "extension", "query", "ports"},
    "jpeg_quality": {"min"},
    "sharpness": {"min"},
    "digital_source_type": {"label"},
    "unseen": {"required"},
}
ALL = [
    pytest.param(channel, rule, id=f"{channel.id}-{rule.rule}")
    for channel in channels().values()
    for rule in channel.rules
]
CHANNEL = pytest.mark.parametrize("channel", channels().values(), ids=list(channels()))


def test_the_channels_are_those_that_a_job_may_name() -> None:
    assert tuple(channels()) == CHANNELS


@pytest.mark.parametrize("channel, rule", ALL)
def test_a_rule_says_who_says_so_since_when_and_how_hard(channel: Channel, rule) -> None:
    assert rule.severity in ("fail", "warn", "info") and rule.kind in ("official", "secondary")
    assert rule.source.startswith(("https://", "http://")) and date(2023, 1, 1) < rule.date <= date(2026, 12, 31)
    assert rule.test in TESTS and set(rule.limits) <= LIMITS[rule.test]
    assert rule.test != "unseen" or rule.severity == "info"


@pytest.mark.parametrize("channel, rule", ALL)
def test_what_others_say_of_a_marketplace_fails_no_picture(channel: Channel, rule) -> None:
    assert rule.kind == "official" or rule.severity != "fail"
    host = {"meta": None, "amazon": None, "tiktok": None}.get(channel.id, channel.id)
    if rule.kind == "official":
        assert host is not None and host in rule.source.split("/")[2]


def test_every_source_is_used_and_named_once() -> None:
    data = json.loads(files("packshot.catalog").joinpath("marketplaces.json").read_bytes())
    used = {rule["source"] for channel in data["channels"] for rule in channel["rules"]}
    assert used == set(data["sources"])
    addresses = [source["url"] for source in data["sources"].values()]
    assert len(addresses) == len(set(addresses))


@CHANNEL
@pytest.mark.parametrize("today", [date(2026, 11, 21), date(2027, 1, 30), date(2027, 1, 31), date(2030, 1, 1)])
def test_on_any_day_a_name_means_one_rule(channel: Channel, today: date) -> None:
    names = [rule.rule for rule in channel.on(today)]
    assert len(names) == len(set(names))


@CHANNEL
def test_the_output_keeps_the_channels_own_rules(channel: Channel) -> None:
    output = channel.output
    assert output.format in FORMATS and output.format in EXTENSIONS and 70 <= output.quality <= 95
    assert max(output.width, output.height) <= LARGEST_SIDE
    for rule in channel.rules:
        limits = rule.limits
        if rule.test == "size":
            assert all(size_kept(limits, output.width, output.height).values()), rule.rule
        if rule.test == "ratio":
            own = output.width / output.height
            assert any(abs(own / ratio_of(one) - 1) <= limits["within"] for one in limits["ratios"]), rule.rule
        if rule.test == "format":
            assert output.format in limits["formats"]
        if rule.test == "fill":
            assert output.fill is not None
            # a jpg's outline may blur by a square on either side
            blur = 2 * BLOCK / min(output.width, output.height)
            assert limits.get("min", 0) < output.fill < limits.get("max", 1) - blur
        if rule.test == "background":
            assert output.white
        if rule.test == "jpeg_quality":
            assert output.quality >= limits["min"]


def test_googles_larger_size_is_a_rule_from_its_day_on() -> None:
    google = channels()["google"]

    def sizes(today: date) -> dict[str, tuple[str, int]]:
        rules = [rule for rule in google.on(today) if rule.test == "size" and "width_min" in rule.limits]
        return {rule.rule: (rule.severity, rule.limits["width_min"]) for rule in rules}

    before, after = sizes(date(2027, 1, 30)), sizes(date(2027, 1, 31))
    assert before["size"] == ("warn", 100) and before["size_soon"] == ("warn", 500)
    assert after["size"] == ("fail", 500) and "size_soon" not in after and "size_apparel" not in after


def test_a_request_is_judged_without_a_picture_library() -> None:
    code = (
        "import sys; from packshot.channels import channels; assert len(channels()) == 9;"
        "assert not {'numpy', 'PIL'} & set(sys.modules), 'a picture library was loaded'"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
