"""A finished picture goes to the outputs bucket, under a key made of its own hash: storing it twice changes nothing."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from packshot.brief import Brief
from packshot.job import Job, Output
from packshot.ports import Pictures
from packshot.steps.keep import CONTENT_TYPES


@dataclass(frozen=True, slots=True)
class Finished:
    """A picture as a file: its size in pixels, its format (png, jpg, webp), and what was measured on it."""

    data: bytes
    width: int
    height: int
    format: str
    report: Mapping[str, object] = field(default_factory=dict)


def store(job: Job, brief: Brief, place: int, made: Finished, outputs: Pictures, *, simulated: bool = False) -> Output:
    """Put one picture, image number `place` of its job; copy it to the outbox where the brief names one."""
    sha256, kind = hashlib.sha256(made.data).hexdigest(), CONTENT_TYPES[made.format]
    key = f"{'keep' if brief.keep else 'out'}/{job.account}/{job.id}/{place:02d}-{sha256[:32]}.{made.format}"
    outputs.put(key, made.data, kind)
    if brief.outbox:
        outputs.copy(key, f"{brief.outbox}/{place + 1}.{made.format}")
    return Output(key, made.width, made.height, len(made.data), sha256, kind, simulated, dict(made.report))
