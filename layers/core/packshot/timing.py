"""How long a provider really takes: a few of its last running times, and when it is worth asking. Pure; whole seconds.

A result that was only found by asking was ready some time before: half-way since the last look is the best guess, and
the only one that cannot make every next look later than the last.
"""

import hashlib
import math
from collections.abc import Sequence
from typing import Protocol

KEPT = 40
"""Running times that are remembered of a provider, the newest last."""

ENOUGH = 8
"""With fewer, the constants in the provider's own file stand."""

ONE_IN = 4
"""The share of jobs that are measured: a measurement costs a write."""

Looks = tuple[int, int, int]
"""p50, p75 and p90 of a running time, in seconds."""


class Timings(Protocol):
    """What is known of providers' running times."""

    def looks(self, provider: str) -> Looks | None:
        """The provider's p50, p75 and p90, at most a minute old; None while too little is known. Never raises."""
        ...

    def add(self, provider: str, ms: int) -> None:
        """One more running time. Never raises; one that is lost does not matter."""
        ...


def sampled(job_id: str) -> bool:
    """Whether a job is one of those that are measured: always the same answer for the same job."""
    return hashlib.sha256(job_id.encode()).digest()[0] % ONE_IN == 0


def halfway(since: int, now: int) -> int:
    """When something was ready that was not at `since` and is now, as best we know."""
    return now - max(0, now - since) // 2


def added(seconds: Sequence[int], ms: int) -> tuple[int, ...]:
    """The running times with one more, in whole seconds, at least one."""
    return (*seconds, max(1, math.ceil(ms / 1000)))[-KEPT:]


def quantiles(seconds: Sequence[int]) -> Looks | None:
    """p50, p75, p90 by nearest rank (each is a time that occurred), or None when there are too few to tell."""
    if len(seconds) < ENOUGH:
        return None
    ranked = sorted(seconds)

    return rank(ranked, 50), rank(ranked, 75), rank(ranked, 90)


def rank(seconds: Sequence[int], percent: int) -> int:
    """A percentile by nearest rank, of one time at least."""
    return sorted(seconds)[-(-percent * len(seconds) // 100) - 1]
