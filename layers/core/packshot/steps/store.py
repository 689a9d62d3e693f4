"""A finished picture goes to the outputs bucket, under a key made of its own hash: storing it twice changes nothing."""

import hashlib
from collections.abc import Mapping

from packshot.brief import Brief
from packshot.job import Job, Output
from packshot.ports import Pictures
from packshot.steps.keep import CONTENT_TYPES


def store(
    job: Job,
    brief: Brief,
    place: int,
    data: bytes,
    width: int,
    height: int,
    report: Mapping[str, object],
    outputs: Pictures,
    *,
    simulated: bool = False,
) -> Output:
    """Put one picture, image number `place` of its job; copy it to the outbox where the brief names one."""
    sha256 = hashlib.sha256(data).hexdigest()
    key = f"{'keep' if brief.keep else 'out'}/{job.account}/{job.id}/{place:02d}-{sha256[:32]}.{brief.format}"
    outputs.put(key, data, CONTENT_TYPES[brief.format])
    if brief.outbox:
        outputs.copy(key, f"{brief.outbox}/{place + 1}.{brief.format}")
    return Output(key, width, height, len(data), sha256, CONTENT_TYPES[brief.format], simulated, dict(report))
