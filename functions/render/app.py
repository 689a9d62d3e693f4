"""Render queue: one call of one job for the built-in studio.  Pictures are made and stored, the job is settled."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packshot import env
from packshot.aws.jobs import JobTable
from packshot.aws.pictures import Bucket
from packshot.aws.timing import TimingTable
from packshot.egress import Egress
from packshot.messages import each
from packshot.steps.render import Darkroom, render


@dataclass(frozen=True, slots=True)
class Settings:
    """What this function is given."""

    table_name: str
    uploads_bucket: str
    outputs_bucket: str
    egress_local: str
    studio_weights: str


settings = env.load(Settings)
room = Darkroom(
    JobTable(settings.table_name),
    Bucket(settings.uploads_bucket),
    Bucket(settings.outputs_bucket),
    Egress(local=settings.egress_local == "1"),
    lambda: time.time_ns() // 1_000_000,
    TimingTable(settings.table_name),
    Path(settings.studio_weights) if settings.studio_weights else None,
)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """A batch of the render queue."""
    return each(event, lambda body, receives: render(body, room=room))
