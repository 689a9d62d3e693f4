"""A picture file against a channel's rules: one line per rule, with what was measured on the file's own bytes."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from packshot.channels import Channel, Rule
from packshot.channels.ground import NEAR, Mask
from packshot.channels.measure import Measured, measure
from packshot.channels.names import EXTENSIONS, ending

Verdict = Literal["pass", "warn", "fail"]
VERDICTS: tuple[Verdict, ...] = ("pass", "warn", "fail")
WHITE = "255,255,255"


@dataclass(frozen=True, slots=True)
class Line:
    """How one rule is kept. `fix` says what to do when it is broken, else it is None; a broken rule that is only told
    (`info`) passes all the same. `measured` begins with "not measured" where nothing could be."""

    rule: str
    verdict: Verdict
    measured: Any
    required: str
    fix: str | None

    def dump(self) -> dict[str, Any]:
        """The line as JSON values."""
        return {name: getattr(self, name) for name in ("rule", "verdict", "measured", "required", "fix")}


@dataclass(frozen=True, slots=True)
class Report:
    """A picture on a channel; its verdict is the worst of its lines'."""

    channel: str
    verdict: Verdict
    lines: tuple[Line, ...]

    def dump(self) -> dict[str, Any]:
        """The report as JSON values."""
        return {"channel": self.channel, "verdict": self.verdict, "lines": [line.dump() for line in self.lines]}


@dataclass(frozen=True, slots=True)
class Told:
    """What is known of a picture beside its bytes: the file's name or address, and how it was made (an IPTC term)."""

    name: str | None
    made: str | None


def check(
    data: bytes,
    channel: Channel,
    *,
    name: str | None,
    today: datetime.date,
    subject: Mask | None = None,
    made: str | None = None,
) -> Report:
    """Measure a file and judge it by the rules in force on a day.

    `name` is the file's name or address, if it has one yet; `made` the IPTC digital source type, where it is known
    better than from the file. `subject`, true where the product is, (rows, columns) of
    the upright picture, makes fill and background exact; without it the product is what differs from a plain
    background. Raises BadPicture where the bytes are no picture that can be measured.
    """
    return judge(measure(data, subject), channel, name=name, today=today, made=made)


def judge(
    measured: Measured, channel: Channel, *, name: str | None, today: datetime.date, made: str | None = None
) -> Report:
    """The same for a picture that was measured before: several channels need one measuring."""
    told = Told(name, made)
    lines = tuple(_line(rule, measured, told) for rule in channel.on(today))
    return Report(channel.id, max((line.verdict for line in lines), key=VERDICTS.index, default="pass"), lines)


@dataclass(frozen=True, slots=True)
class Finding:
    """`kept` is None where it cannot be told."""

    kept: bool | None
    measured: Any
    required: str
    fix: str


def _line(rule: Rule, measured: Measured, told: Told) -> Line:
    found = TESTS[rule.test](measured, rule.limits, told)
    broken = found.kept is False
    verdict: Verdict = rule.severity if broken and rule.severity != "info" else "pass"
    return Line(rule.rule, verdict, found.measured, found.required, found.fix if broken else None)


Limits = Mapping[str, Any]


def _format(seen: Measured, limits: Limits, told: Told) -> Finding:
    wanted = limits["formats"]
    return Finding(seen.format in wanted, seen.format, " or ".join(wanted), f"save as {wanted[0]}")


def _still(seen: Measured, limits: Limits, told: Told) -> Finding:
    return Finding(
        not seen.animated, "animated" if seen.animated else "still", "a still picture", "save the first picture alone"
    )


def _colour(seen: Measured, limits: Limits, told: Told) -> Finding:
    kept = seen.colours in limits["modes"] and seen.depth == limits["depth"]
    required = f"{' or '.join(limits['modes'])}, {limits['depth']} bit"
    return Finding(kept, f"{seen.colours}, {seen.depth} bit", required, f"save as {required}")


SIZES = {
    "longest_min": "longest side at least {} px",
    "longest_max": "longest side at most {} px",
    "width_min": "width at least {} px",
    "height_min": "height at least {} px",
    "pixels_max": "at most {} pixels in all",
}


def size_kept(limits: Limits, width: int, height: int) -> dict[str, bool]:
    """Which limits of a rule about size these sides keep."""
    sizes = {"longest": max(width, height), "width": width, "height": height, "pixels": width * height}
    kept = {}
    for key, limit in limits.items():
        what, _, end = key.partition("_")
        kept[key] = sizes[what] >= limit if end == "min" else sizes[what] <= limit
    return kept


def _size(seen: Measured, limits: Limits, told: Told) -> Finding:
    kept = size_kept(limits, seen.width, seen.height)
    required = ", ".join(SIZES[key].format(limit) for key, limit in limits.items())
    small = any(not fine for key, fine in kept.items() if key.endswith("min"))
    fix = "use a larger original; enlarging adds no detail" if small else "make the picture smaller"
    return Finding(all(kept.values()), f"{seen.width}x{seen.height}", required, fix)


def ratio_of(text: str) -> float:
    """`w:h` as width over height."""
    width, _, height = text.partition(":")
    return float(width) / float(height)


def _ratio(seen: Measured, limits: Limits, told: Told) -> Finding:
    own, wanted = seen.width / seen.height, limits["ratios"]
    kept = any(abs(own / ratio_of(one) - 1) <= limits["within"] for one in wanted)
    return Finding(kept, round(own, 4), " or ".join(wanted), f"pad to {wanted[0]}, in the background's colour")


def _file_size(seen: Measured, limits: Limits, told: Told) -> Finding:
    return Finding(
        seen.bytes <= limits["max"], seen.bytes, f"at most {limits['max']} bytes", "save as jpg at a lower quality"
    )


def _background(seen: Measured, limits: Limits, told: Told) -> Finding:
    around = seen.ground
    outside = "not measured" if around.outside is None else _share(around.outside)
    measured = {
        "border": _share(around.border),
        "outside": outside,
        "colour": "transparent" if around.colour is None else ",".join(map(str, around.colour)),
    }
    kept = around.border >= limits["border"] and (around.outside is None or around.outside >= limits["outside"])
    required = f"exactly {WHITE}: border {limits['border']:g}, outside the product {limits['outside']:g}"
    if around.colour is None:
        fix = f"lay the product on {WHITE}"
    elif around.touches and around.outside is not None and around.outside >= limits["outside"]:
        fix = f"make the border {WHITE}: the product, or something else, reaches into it"
    elif min(around.colour) >= 255 - NEAR:
        fix = f"raise what is near white to {WHITE}; save jpg without chroma subsampling (4:4:4)"
    else:
        fix = f"cut the product out and set it on {WHITE}"
    return Finding(kept, measured, required, fix)


def _share(value: float) -> float:
    """Rounded, but only 1 is 1."""
    return round(value, 6) if value == 1 else min(round(value, 6), 0.999999)


def _fill(seen: Measured, limits: Limits, told: Told) -> Finding:
    least, most, own = limits.get("min", 0.0), limits.get("max", 1.0), seen.ground.fill
    required = f"{least:g} to {most:g} of the frame" if most < 1 else f"at least {least:g} of the frame"
    if own is None:
        return Finding(None, "not measured: the background is not plain", required, "")
    fix = "set the product larger in the frame" if own < least else "leave more room around the product"
    return Finding(least <= own <= most, round(own, 4), required, fix)


def _whole_product(seen: Measured, limits: Limits, told: Told) -> Finding:
    required = "the whole product, not touching the edge"
    if seen.ground.touches is None:
        return Finding(None, "not measured: the background is not plain", required, "")
    measured = "touches the edge" if seen.ground.touches else "clear of the edge"
    return Finding(not seen.ground.touches, measured, required, "take the picture again with room around the product")


def _frame(seen: Measured, limits: Limits, told: Told) -> Finding:
    measured = "a line along all four sides" if seen.ground.framed else "none seen"
    return Finding(not seen.ground.framed, measured, "no border or frame", "crop the border away")


def _name(seen: Measured, limits: Limits, told: Told) -> Finding:
    endings = EXTENSIONS[seen.format]
    parts = ["ends in ." + " or .".join(endings)] if limits.get("match") else []
    parts += ["no query string"] if limits.get("query") is False else []
    parts += ["port " + ", ".join(map(str, limits["ports"]))] if "ports" in limits else []
    required = "; ".join(parts)
    if told.name is None:
        return Finding(None, "not measured: no name was given", required, "")
    end = ending(told.name)
    kept = (
        end is not None
        and (end.extension in endings or (not end.extension and not limits.get("extension")))
        and not (end.query and limits.get("query") is False)
        and (end.port is None or "ports" not in limits or end.port in limits["ports"])
    )
    return Finding(kept, told.name, required, f"publish it under a lasting name that ends in .{endings[0]}")


def _jpeg_quality(seen: Measured, limits: Limits, told: Told) -> Finding:
    required = f"at least {limits['min']}, as jpg"
    if seen.quality is None:
        return Finding(None, "not measured: no jpg", required, "")
    fix = "save the original again at a higher quality; what this file lost does not come back"
    return Finding(seen.quality >= limits["min"], seen.quality, required, fix)


def _sharpness(seen: Measured, limits: Limits, told: Told) -> Finding:
    required = f"at least {limits['min']:g}: two pixels' share of an edge"
    if seen.sharpness is None:
        return Finding(None, "not measured: no edge found", required, "")
    return Finding(seen.sharpness >= limits["min"], seen.sharpness, required, "take a sharper picture")


def _digital_source_type(seen: Measured, limits: Limits, told: Told) -> Finding:
    own, label = seen.source_type, limits["label"]
    required = "for pictures made by a model: " + " or ".join(sorted(set(label.values())))
    source = own if own in label else told.made or own
    if source is None:
        return Finding(None, "not measured: the file does not say how it was made", required, "")
    wanted = label.get(source, own)
    return Finding(own == wanted, own or "none", required, f"write the IPTC digital source type {wanted}")


def _unseen(seen: Measured, limits: Limits, told: Told) -> Finding:
    return Finding(None, "not measured: look at the picture", limits["required"], "")


TESTS: Mapping[str, Callable[[Measured, Limits, Told], Finding]] = {
    "format": _format,
    "still": _still,
    "colour": _colour,
    "size": _size,
    "ratio": _ratio,
    "file_size": _file_size,
    "background": _background,
    "fill": _fill,
    "whole_product": _whole_product,
    "frame": _frame,
    "name": _name,
    "jpeg_quality": _jpeg_quality,
    "sharpness": _sharpness,
    "digital_source_type": _digital_source_type,
    "unseen": _unseen,
}
"""What each `test` of the data measures."""
