"""Dispatch queue: one call of one job.  INTENT is written, the provider is called once, its answer is written."""

import secrets
import time
from dataclasses import dataclass
from typing import Any

from packshot import env
from packshot.aws.jobs import JobTable
from packshot.aws.pictures import Bucket
from packshot.aws.secrets import SecretStore
from packshot.aws.timing import TimingTable
from packshot.egress import Egress
from packshot.messages import each
from packshot.steps.dispatch import Dispatcher, dispatch
from packshot.steps.upstream import Upstream


@dataclass(frozen=True, slots=True)
class Settings:
    """What this function is given."""

    table_name: str
    uploads_bucket: str
    outputs_bucket: str
    provider_secrets: str
    simulators_url: str
    api_url: str
    egress_local: str


settings = env.load(Settings)
http, timings = Egress(local=settings.egress_local == "1"), TimingTable(settings.table_name)
room = Dispatcher(
    JobTable(settings.table_name),
    Bucket(settings.uploads_bucket),
    Bucket(settings.outputs_bucket),
    http,
    Upstream(SecretStore(), settings.provider_secrets, http, timings, settings.simulators_url),
    settings.api_url,
    lambda: time.time_ns() // 1_000_000,
    lambda: secrets.token_urlsafe(24),
)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """A batch of the dispatch queue."""
    return each(event, lambda body, receives: dispatch(body, room=room))
