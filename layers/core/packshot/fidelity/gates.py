"""What a gate lets through: two limits for each measure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, get_args

from packshot.fidelity.values import Fidelity

Gate = Literal["strict", "balanced", "creative"]
Verdict = Literal["same", "check", "changed"]


@dataclass(frozen=True)
class Limit:
    """`same`: as far as this the product is the same; `changed`: beyond this it is another. In between, look."""

    same: float
    changed: float

    def verdict(self, value: float) -> Verdict:
        """Low is good where `same` is below `changed`, high is good otherwise."""
        sign = 1 if self.same < self.changed else -1
        if sign * value <= sign * self.same:
            return "same"
        return "changed" if sign * value > sign * self.changed else "check"


LIMITS: Final[Mapping[str, Limit]] = {
    "found": Limit(0.55, 0.45),
    "silhouette": Limit(0.98, 0.0),  # what hangs on to a product may be another thing of its colour behind it
    "lost": Limit(0.015, 0.04),
    "stretch": Limit(1.05, 1.10),
    "colour_delta_e": Limit(1.75, 3.0),
    "colour_moved": Limit(0.02, 0.06),
    "marks": Limit(0.75, 0.55),
    "added": Limit(0.01, 0.05),
}

NOTED: Final[Mapping[str, Verdict]] = {
    "missing": "changed",
    "mirrored": "changed",
    "several": "check",
    "cropped": "check",
    "too_small": "check",
    "outline_unsure": "same",
    "turned": "same",
}
"""What a note alone means."""


def verdict(fidelity: Fidelity, gate: Gate) -> Verdict:
    """ "same", "check" (a person should look) or "changed" (it is another product).

    `strict` and `balanced` judge alike and differ in what is delivered: only "same", or all but "changed". `creative`
    says "changed" only of a product that is missing. Raises ValueError for another gate.
    """
    if gate not in get_args(Gate):
        raise ValueError(f"gate must be one of {', '.join(get_args(Gate))}, not {gate!r}")
    if "missing" in fidelity.notes:
        return "changed"
    said = {NOTED[note] for note in fidelity.notes}
    for name, limit in LIMITS.items():
        value = getattr(fidelity, name)
        if value is not None:
            said.add(limit.verdict(value))
    if "changed" in said:
        return "check" if gate == "creative" else "changed"
    return "check" if "check" in said else "same"
