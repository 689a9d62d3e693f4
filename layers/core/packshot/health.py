"""How well a provider's routes do: a circuit breaker and two running averages. Pure; times in ms.

A breaker opens after `TRIP` failures in a row, for a pause that doubles each time; when the pause is over one call may
try (`probe`), and its outcome decides. What is wrong with our account there (no credit, a bad key) opens it at once.
A busy provider is left alone for as long as it asked. Refused content or input says nothing about a route.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

TRIP = 5
PAUSE_MS, LONGEST_PAUSE_MS = 30_000, 600_000
PROBE_MS = 60_000
"""How long one call may try before another may."""

WEIGHT = 0.1
"""What one more outcome weighs in the averages."""

PROVIDER = "*"
"""The row that stands for a provider as a whole, beside those of its routes."""

Verdict = Literal["good", "bad", "barred", "busy", ""]
"""What an outcome says of its route; nothing, when it was the request's own fault or nobody's."""

OF_AN_INPUT = "image_"
"""Outcomes that begin so were found out before anything was sent: whoever names a bad picture must not close a route
for everybody else."""

_VERDICTS: Mapping[str, Verdict] = {
    "succeeded": "good",
    "busy": "busy",
    "provider_busy": "busy",
    "provider_unauthorized": "barred",
    "provider_quota": "barred",
    "content_refused": "",
    "provider_invalid_input": "",
    "reused": "",
    "no_product_found": "",
    "mask_nothing": "",
    "provider_canceled": "",
    "provider_unsupported": "",
    "provider_unavailable": "",
}


@dataclass(frozen=True, slots=True)
class Health:
    """One route's, or a whole provider's. `rate` is the share of successes, `took` the running time of a success."""

    streak: int = 0
    opens: int = 0
    until: int = 0
    probe: int = 0
    rate: float = 1.0
    took: int = 0
    reason: str = ""

    def closed(self, now: int) -> bool:
        """Calls may go there."""
        return self.until <= now and not self.opens

    def half_open(self, now: int) -> bool:
        """One call may try."""
        return self.until <= now and self.opens > 0 and self.probe <= now

    def state(self, now: int) -> str:
        """closed, open or half-open."""
        return "closed" if self.closed(now) else "open" if self.until > now else "half-open"


def verdict(outcome: str) -> Verdict:
    """What an attempt's outcome says of its route. Whatever else went wrong, an empty or broken answer or a passed
    deadline included, is the route's fault."""
    if outcome.startswith(OF_AN_INPUT):
        return ""
    return _VERDICTS.get(outcome, "bad" if outcome else "")


def after(before: Health, outcome: str, now: int, *, took: int = 0, busy_until: int = 0) -> Health:
    """A route's health with one more outcome."""
    match verdict(outcome):
        case "good":
            mean = round(before.took + (took - before.took) * WEIGHT) if before.took else took
            return Health(rate=before.rate + (1 - before.rate) * WEIGHT, took=mean)
        case "busy":
            return replace(before, until=max(before.until, busy_until), reason=before.reason or "busy")
        case "barred":
            return _open(before, outcome, now)
        case "bad":
            worse = replace(before, streak=before.streak + 1, rate=before.rate * (1 - WEIGHT))
            tripped = worse.streak >= TRIP or before.opens
            return _open(worse, outcome, now) if tripped else worse
    return before


def _open(before: Health, reason: str, now: int) -> Health:
    if before.opens and before.until > now:  # what was under way when it opened says nothing new
        return before
    pause = min(PAUSE_MS * 2**before.opens, LONGEST_PAUSE_MS)
    return replace(before, opens=before.opens + 1, until=now + pause, probe=0, reason=reason)
