"""Is a picture on white one that a marketplace takes? Judged by the project's own checker, the same for every method.

Only what a machine can see counts: a packshot of the wrong object passes too. That is why the table also has the share
of pictures that pass and whose cut-out is right.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass

from packshot.channels import channels
from packshot.channels.check import check

CHANNEL = "amazon"
RULES = ("background", "fill", "whole_product")
TODAY = datetime.date(2026, 11, 1)  # the rules of that day, so that a later run can be compared


@dataclass(frozen=True)
class Verdict:
    """The rules that a packshot breaks, out of RULES, and the share of the frame that it fills (None: no telling)."""

    broken: tuple[str, ...]
    fill: float | None


def judged(data: bytes) -> Verdict:
    """One packshot. A rule counts as broken whatever its severity. Raises BadPicture for what is none."""
    lines = {line.rule: line for line in check(data, channels()[CHANNEL], name=None, today=TODAY).lines}
    absent = [rule for rule in RULES if rule not in lines]
    if absent:
        raise KeyError(f"the channel {CHANNEL} has no rule {', '.join(absent)}")
    fill = lines["fill"].measured
    broken = tuple(rule for rule in RULES if lines[rule].fix is not None)
    return Verdict(broken, fill if isinstance(fill, float) else None)
