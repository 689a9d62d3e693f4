"""The marketplaces and their rules for pictures, as data: `catalog/marketplaces.json`.

    channel = channels()["amazon"]            what it asks for, and from whom that is known
    check(data, channel, name=..., today=...)  (check.py) one line per rule, measured on the file's own bytes
    conform(picture, channel, ...)             (comply.py) a finished picture as the channel wants it
    mend(data, channel, ...)                   (mend.py) the least that makes a picture comply

This module needs no picture library, so that a request can be judged by it; nothing here has a clock.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Literal

Severity = Literal["fail", "warn", "info"]
Kind = Literal["official", "secondary"]


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of a channel.

    rule      its name in a report, one of a kind on any day; `test` names what is measured (check.py)
    severity  the verdict when it is broken; `info`: only told. What is not the owner's own word never fails a picture
    kind      whose word it is: the owner's (`official`) or somebody else's about them (`secondary`)
    source    the page that says so
    date      the page's own date where it has one, else the day it was read
    limits    what `test` compares with; lengths in pixels, shares 0..1, files in bytes (1 MB = 1,000,000)
    start     the first day it holds; None: always has
    end       the first day it no longer holds; None: no end is known
    """

    rule: str
    test: str
    severity: Severity
    kind: Kind
    source: str
    date: datetime.date
    limits: Mapping[str, Any]
    start: datetime.date | None = None
    end: datetime.date | None = None

    def holds(self, today: datetime.date) -> bool:
        """Whether it is in force on a day."""
        return (self.start is None or self.start <= today) and (self.end is None or today < self.end)


@dataclass(frozen=True, slots=True)
class Output:
    """A picture as a channel wants it: size in pixels, `format` jpg, png or webp, `quality` of a jpg.

    fill   share of the frame that the product takes (the larger of width and height); None: nothing is said
    white  whether the background should be exactly 255,255,255
    """

    width: int
    height: int
    format: str
    quality: int
    fill: float | None
    white: bool


@dataclass(frozen=True, slots=True)
class Channel:
    """A marketplace."""

    id: str
    title: str
    output: Output
    rules: tuple[Rule, ...]

    def on(self, today: datetime.date) -> tuple[Rule, ...]:
        """The rules in force on a day, in the data's order."""
        return tuple(rule for rule in self.rules if rule.holds(today))


@cache
def channels() -> Mapping[str, Channel]:
    """Every channel by id, in the file's order."""
    data = json.loads(files("packshot.catalog").joinpath("marketplaces.json").read_bytes())
    return {entry["id"]: _channel(entry, data["sources"]) for entry in data["channels"]}


def _channel(entry: Mapping[str, Any], sources: Mapping[str, Mapping[str, str]]) -> Channel:
    rules = tuple(_rule(dict(rule), sources) for rule in entry["rules"])
    return Channel(entry["id"], entry["title"], Output(**entry["output"]), rules)


def _rule(raw: dict[str, Any], sources: Mapping[str, Mapping[str, str]]) -> Rule:
    """What a rule does not say of itself is a limit."""
    name, severity, source = raw.pop("rule"), raw.pop("severity"), sources[raw.pop("source")]
    test, start, end = raw.pop("test", name), raw.pop("from", None), raw.pop("until", None)
    return Rule(
        rule=name,
        test=test,
        severity=severity,
        kind=source["kind"],  # type: ignore[arg-type]
        source=source["url"],
        date=datetime.date.fromisoformat(source["date"]),
        limits=raw,
        start=datetime.date.fromisoformat(start) if start else None,
        end=datetime.date.fromisoformat(end) if end else None,
    )
