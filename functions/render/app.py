"""Render queue: one call of one job for the built-in studio.  Pictures are made and stored, the job is settled."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packshot import env
from packshot.aws.accounts import now_ms
from packshot.aws.claims import ClaimTable
from packshot.aws.jobs import JobTable
from packshot.aws.pictures import Bucket
from packshot.aws.timing import TimingTable
from packshot.egress import Egress
from packshot.messages import each
from packshot.steps.cutouts import Cutouts
from packshot.steps.render import Darkroom, render
from packshot.steps.reuse import Archive


@dataclass(frozen=True, slots=True)
class Settings:
    """What this function is given."""

    table_name: str
    uploads_bucket: str
    outputs_bucket: str
    egress_local: str
    studio_weights: str


settings = env.load(Settings)
jobs, outputs = JobTable(settings.table_name), Bucket(settings.outputs_bucket)
room = Darkroom(
    jobs,
    Bucket(settings.uploads_bucket),
    outputs,
    Egress(local=settings.egress_local == "1"),
    now_ms,
    TimingTable(settings.table_name),
    Archive(jobs, ClaimTable(settings.table_name), outputs, now_ms),
    Cutouts(outputs, Path(settings.studio_weights) if settings.studio_weights else None),
)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """A batch of the render queue."""
    return each(event, lambda body, receives: render(body, room=room))
