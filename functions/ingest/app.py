"""Ingest queue: results wait at a provider.  They are fetched, verified, finished, stored, and the job is settled."""

import time
from dataclasses import dataclass
from typing import Any

from packshot import env
from packshot.aws.jobs import JobTable
from packshot.aws.pictures import Bucket
from packshot.aws.timing import TimingTable
from packshot.egress import Egress
from packshot.messages import each
from packshot.steps.ingest import Importer, ingest


@dataclass(frozen=True, slots=True)
class Settings:
    """What this function is given."""

    table_name: str
    outputs_bucket: str
    egress_local: str
    simulators_url: str


settings = env.load(Settings)
room = Importer(
    JobTable(settings.table_name),
    Bucket(settings.outputs_bucket),
    Egress(local=settings.egress_local == "1"),
    lambda: time.time_ns() // 1_000_000,
    TimingTable(settings.table_name),
    settings.simulators_url,
)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """A batch of the ingest queue."""
    return each(event, lambda body, receives: ingest(body, room=room, receives=receives))
