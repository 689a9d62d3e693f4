"""Dispatch queue: one call of one job.  INTENT is written, the provider is called once, its answer is written."""

import secrets
from dataclasses import dataclass
from typing import Any

from packshot import env
from packshot.aws.accounts import now_ms
from packshot.aws.claims import ClaimTable
from packshot.aws.clients import role
from packshot.aws.health import HealthTable
from packshot.aws.jobs import JobTable
from packshot.aws.pictures import Bucket
from packshot.aws.queues import Sqs
from packshot.aws.remotes import RemoteTable
from packshot.aws.secrets import SecretStore
from packshot.aws.slots import SlotTable
from packshot.aws.timing import TimingTable
from packshot.egress import Egress
from packshot.messages import each
from packshot.steps.dispatch import Dispatcher, dispatch
from packshot.steps.reuse import Archive
from packshot.steps.route import Router
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
    dispatch_queue_url: str


settings = env.load(Settings)
http, timings = Egress(local=settings.egress_local == "1"), TimingTable(settings.table_name)
jobs, outputs = JobTable(settings.table_name), Bucket(settings.outputs_bucket)
upstream = Upstream(SecretStore(), settings.provider_secrets, http, timings, settings.simulators_url, role)
room = Dispatcher(
    jobs,
    Bucket(settings.uploads_bucket),
    outputs,
    http,
    upstream,
    Router(upstream, HealthTable(settings.table_name), SlotTable(settings.table_name), now_ms),
    Archive(jobs, ClaimTable(settings.table_name), outputs, now_ms),
    Sqs(settings.dispatch_queue_url),
    settings.api_url,
    RemoteTable(settings.table_name).put,
    now_ms,
    lambda: secrets.token_urlsafe(24),
)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """A batch of the dispatch queue."""
    return each(event, lambda body, receives: dispatch(body, room=room))
