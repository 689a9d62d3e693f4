"""Ingest queue: results wait at a provider, or a kept picture to be looked at.  Fetched, verified, finished, stored."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packshot import env
from packshot.aws.assets import AssetTable
from packshot.aws.jobs import JobTable
from packshot.aws.pictures import Bucket
from packshot.aws.profiles import ProfileTable
from packshot.aws.timing import TimingTable
from packshot.egress import Egress
from packshot.messages import each
from packshot.steps.cutouts import Cutouts
from packshot.steps.faithful import Examiner
from packshot.steps.ingest import Importer, ingest
from packshot.steps.library import Librarian, look


@dataclass(frozen=True, slots=True)
class Settings:
    """What this function is given."""

    table_name: str
    uploads_bucket: str
    outputs_bucket: str
    egress_local: str
    simulators_url: str
    studio_weights: str


settings = env.load(Settings)
egress = Egress(local=settings.egress_local == "1")
uploads, outputs = Bucket(settings.uploads_bucket), Bucket(settings.outputs_bucket)
assets, profiles = AssetTable(settings.table_name), ProfileTable(settings.table_name)
librarian = Librarian(assets, profiles, uploads, egress)
cutouts = Cutouts(outputs, Path(settings.studio_weights) if settings.studio_weights else None)
room = Importer(
    JobTable(settings.table_name),
    outputs,
    egress,
    lambda: time.time_ns() // 1_000_000,
    TimingTable(settings.table_name),
    Examiner(cutouts, uploads, outputs, egress),
    settings.simulators_url,
)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """A batch of the ingest queue."""
    return each(event, carry_out)


def carry_out(body: Mapping[str, object], receives: int) -> None:
    """One message: it names a job's call, an asset or a profile."""
    if "job" in body:
        ingest(body, room=room, receives=receives)
    else:
        look(body, room=librarian, receives=receives)
