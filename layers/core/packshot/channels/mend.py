"""The least that makes a picture comply with a channel. What passes is left alone: a picture that breaks no rule that
can be mended comes back byte for byte."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from PIL import Image

from packshot.channels import Channel, Output
from packshot.channels.check import VERDICTS, Report, judge
from packshot.channels.comply import (
    bound,
    encoded,
    framed,
    framing,
    labelled,
    largest_file,
    near_white,
    on_white,
    padding,
    picture_of,
    whitened,
)
from packshot.channels.ground import ground
from packshot.channels.measure import Measured, measure
from packshot.picture import FORMATS, Picture, decode
from packshot.provenance import SOURCE_TYPES
from packshot.studio.compose import compose
from packshot.studio.values import Cutout, Shot

ENCODING = frozenset({"format", "still", "colour", "size", "ratio", "file_size", "digital_source_type"})
"""Tests whose rules are mended by encoding the picture anew."""

SETTING = frozenset({"background", "fill", "frame"})
"""Those that are mended by setting the cut-out on white; some pictures do without."""

BEST_QUALITY = 95
MODELS = ("trainedAlgorithmicMedia", "compositeWithTrainedAlgorithmicMedia")
ALTERED = "algorithmicallyEnhanced"
"""What a picture is called that an algorithm has changed, and that does not say how it was made."""


@dataclass(frozen=True, slots=True)
class _Bench:
    """What a picture is mended for, and with."""

    channel: Channel
    today: datetime.date
    cutout: Cutout | None
    made: str | None


@dataclass(frozen=True, slots=True)
class _State:
    """A file and how it stands."""

    data: bytes
    measured: Measured
    report: Report
    done: tuple[str, ...] = ()

    @property
    def broken(self) -> int:
        return sum(VERDICTS.index(line.verdict) for line in self.report.lines)


def mend(
    data: bytes,
    channel: Channel,
    *,
    today: datetime.date,
    cutout: Cutout | None = None,
    made: str | None = None,
) -> tuple[bytes, tuple[str, ...], Report]:
    """Mend what can be mended: the file, what was done (`rule: from to what`), and how it stands now.

    `cutout`, of this picture, lets its background be replaced, unless the frame had cropped the product: white does
    not give back what is missing. `made` is the IPTC digital source type of the picture, where it is known; a file
    that calls itself a model's stays one. A change that mends nothing is not made, so mending twice is mending once.
    The file's name is not judged. Raises BadPicture, and ValueError where `made` is no such term.
    """
    if made is not None and made not in SOURCE_TYPES:
        raise ValueError(f"{made!r} is not an IPTC digital source type")
    bench = _Bench(channel, today, cutout, made)
    state = _look(data, bench)
    while True:
        best = min(_tries(state, bench), key=lambda one: one.broken, default=state)
        if best.broken >= state.broken:
            return state.data, state.done, state.report
        state = replace(best, done=state.done + best.done)


def _look(data: bytes, bench: _Bench) -> _State:
    measured = measure(data)
    return _State(data, measured, judge(measured, bench.channel, name=None, today=bench.today, made=bench.made))


def _tries(state: _State, bench: _Bench) -> Iterator[_State]:
    """The file encoded anew; and, where that leaves something to the cut-out, set on white."""
    needs, seen = _needs(state, bench), state.measured.ground
    whitens = "background" in needs and (seen.colour is None or near_white(seen))
    if needs & ENCODING or whitens or ("fill" in needs and seen.box):
        again = _encoded_anew(state, needs, bench)
        yield again
        needs = _needs(again, bench)
    if bench.cutout is not None and needs & SETTING and "touches_frame" not in bench.cutout.warnings:
        yield _set_on_white(state, bench.cutout, bench)


def _needs(state: _State, bench: _Bench) -> set[str]:
    """The tests that the file does not pass."""
    lines = zip(bench.channel.on(bench.today), state.report.lines, strict=True)
    return {rule.test for rule, line in lines if line.verdict != "pass"}


def _encoded_anew(state: _State, needs: set[str], bench: _Bench) -> _State:
    channel, today = bench.channel, bench.today
    picture = picture_of(state.data)
    if picture.has_alpha and needs & {"background", "colour"}:
        picture = on_white(picture)
    seen = ground(Image.fromarray(picture.pixels))
    output = _output(state.measured, needs, channel)
    frame = framing(seen, (picture.width, picture.height), channel, output, today, exact=False)
    picture = framed(picture, frame, padding(seen, output))
    white = near_white(seen) and not picture.has_alpha and bool(bound(channel, "background", today))
    if white:
        picture = whitened(picture)
    return _finished(state, picture, output, _source_type(state.measured, bench.made), white, bench)


def _set_on_white(state: _State, cutout: Cutout, bench: _Bench) -> _State:
    measured = state.measured
    output = _output(measured, _needs(state, bench), bench.channel)
    around = replace(measured.ground, box=None)
    frame = framing(around, (measured.width, measured.height), bench.channel, output, bench.today, exact=False)
    shot = Shot("white", frame.columns, frame.rows, format="png", fill=output.fill)
    picture = decode(compose(cutout, shot).data)
    term = _source_type(measured, bench.made)
    return _finished(state, picture, output, term if term in MODELS else ALTERED, True, bench)


def _output(measured: Measured, needs: set[str], channel: Channel) -> Output:
    """The file's own format where the channel takes it, at its own quality."""
    output = channel.output
    quality = min(BEST_QUALITY, max(output.quality, measured.quality or 0))
    own = measured.format in FORMATS and "format" not in needs
    if not own or (measured.format == "png" and "file_size" in needs):
        return replace(output, quality=quality)
    return replace(output, format=measured.format, quality=quality)


def _source_type(measured: Measured, made: str | None) -> str:
    """How the picture was made: as its file says where that is a model, else as the caller says, else as its file."""
    own = measured.source_type if measured.source_type in SOURCE_TYPES else None
    return own if own and (own in MODELS or made is None) else made or ALTERED


def _finished(state: _State, picture: Picture, output: Output, source_type: str, white: bool, bench: _Bench) -> _State:
    label, limit = labelled(bench.channel, source_type, bench.today), largest_file(bench.channel, bench.today)
    after = _look(encoded(picture, output, limit=limit, source_type=label, exact=white), bench)
    pairs = zip(state.report.lines, after.report.lines, strict=True)
    done = [
        f"{old.rule}: {_said(old.measured)} to {_said(new.measured)}" for old, new in pairs if old.fix and not new.fix
    ]
    if state.measured.exif:
        done.append("metadata: the camera's block was removed")
    return replace(after, done=tuple(done))


def _said(measured: Any) -> str:
    if isinstance(measured, dict):
        return ", ".join(f"{key} {value}" for key, value in measured.items())
    return str(measured)
