"""A picture for a marketplace: brought to what its channel wants, and measured by its rules on the file as it is."""

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from typing import Any

from packshot import studio
from packshot.brief import Brief
from packshot.channels import Channel, channels
from packshot.channels.check import Report, judge
from packshot.channels.comply import conform, largest_file
from packshot.channels.measure import measure
from packshot.channels.mend import SETTING, mend
from packshot.channels.names import file_name
from packshot.picture import Picture
from packshot.steps.store import Finished
from packshot.strip import stripped

ENHANCED = "algorithmicallyEnhanced"


def day_of(now: int) -> date:
    """The day on which rules are looked up; `now` in ms."""
    return datetime.fromtimestamp(now / 1000, UTC).date()


def channel_of(brief: Brief, place: int) -> Channel | None:
    """The channel that a job's picture is for."""
    return channels()[brief.channels[place]] if brief.channels else None


def dressed(
    picture: Picture, channel: Channel, brief: Brief, place: int, words: Mapping[str, Any], *, kind: str, now: int
) -> Finished:
    """Any picture as a channel wants it; `kind` is the IPTC term for how it was made."""
    data = conform(picture, channel, source_type=kind, today=day_of(now))
    return judged(data, channel, brief, place, words, now=now)


def rendered(made: studio.Rendered, channel: Channel, brief: Brief, place: int, *, now: int) -> Finished:
    """What the studio made for a channel; made smaller where its file is larger than the channel takes."""
    today, kind = day_of(now), str(made.report.get("source_type", ENHANCED))
    limit = largest_file(channel, today)
    data = (
        made.data
        if limit is None or len(made.data) <= limit
        else conform(made.data, channel, source_type=kind, today=today)
    )
    return judged(data, channel, brief, place, made.report, now=now)


def mended(
    data: bytes, channel: Channel, cutout: Callable[[], studio.Cutout], brief: Brief, place: int, *, now: int
) -> Finished:
    """The least that makes a picture comply; the product is cut out only where nothing less helps. What passes comes
    back as it is, but for what hangs on it: of that, we keep nothing."""
    today, clean = day_of(now), stripped(data)
    file, done, report = mend(clean, channel, today=today)
    words: dict[str, Any] = {}
    rules = {rule.rule for rule in channel.on(today) if rule.test in SETTING}
    if any(line.rule in rules and line.verdict != "pass" for line in report.lines):
        try:
            product = cutout()
        except studio.NothingFound:
            words["check"] = ["no_product_found"]
        else:
            file, done, report = mend(clean, channel, today=today, cutout=product)
            if done:
                words |= {"cutout_confidence": product.confidence, "check": doubts(product)}
    if clean != data and not any(line.startswith("metadata: ") for line in done):
        done = (*done, "metadata: what is no picture was removed")
    return judged(file, channel, brief, place, {**words, "fixed": list(done)}, now=now)


def judged(data: bytes, channel: Channel, brief: Brief, place: int, words: Mapping[str, Any], *, now: int) -> Finished:
    """A finished file, with the channel's report among the words of its own."""
    found = measure(data)
    name = file_name(brief.metadata, brief.external_id, place=place, format=found.format, channel=channel.id)
    report = judge(found, channel, name=name, today=day_of(now))
    return Finished(
        data, found.width, found.height, found.format,
        {**words, "compliance": report.dump(), "check": [*words.get("check", []), *_broken(report)]},
    )  # fmt: skip


def doubts(cutout: studio.Cutout) -> list[str]:
    """Why somebody should look at a picture that was made from this cut-out."""
    return [*(["low_confidence"] if cutout.confidence < studio.CHECK else []), *cutout.warnings]


def _broken(report: Report) -> list[str]:
    return ["compliance"] if report.verdict == "fail" else []
