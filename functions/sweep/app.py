"""Every minute.  Whatever stood still longer than it should gets its push."""

import time
from dataclasses import dataclass
from typing import Any

from packshot import env
from packshot.aws.bus import EventBus
from packshot.aws.clients import role
from packshot.aws.deliveries import DeliveryTable
from packshot.aws.health import HealthTable
from packshot.aws.jobs import JobTable
from packshot.aws.pictures import Bucket
from packshot.aws.poller import Pollers
from packshot.aws.queues import Sqs
from packshot.aws.renewals import Renewals
from packshot.aws.secrets import SecretStore
from packshot.aws.slots import SlotTable
from packshot.aws.timing import TimingTable
from packshot.egress import Egress
from packshot.steps.consequences import World
from packshot.steps.outbox import Outbox
from packshot.steps.score import Scorer
from packshot.steps.sweep import Broom, sweep
from packshot.steps.tend import Tender
from packshot.steps.upstream import Upstream


@dataclass(frozen=True, slots=True)
class Settings:
    """What this function is given."""

    table_name: str
    outputs_bucket: str
    dispatch_queue_url: str
    render_queue_url: str
    ingest_queue_url: str
    callbacks_queue_url: str
    parked_queue_url: str
    poller_arn: str
    provider_secrets: str
    simulators_url: str
    egress_local: str
    bus_name: str
    api_url: str


def now() -> int:
    """Milliseconds since 1970."""
    return time.time_ns() // 1_000_000


settings = env.load(Settings)
jobs, pollers = JobTable(settings.table_name), Pollers(settings.table_name, settings.poller_arn)
queues = Sqs(settings.dispatch_queue_url), Sqs(settings.render_queue_url), Sqs(settings.ingest_queue_url)
scorer = Scorer(HealthTable(settings.table_name), SlotTable(settings.table_name))
outbox = Outbox(*queues, pollers, scorer)
callbacks, parked = Sqs(settings.callbacks_queue_url), Sqs(settings.parked_queue_url)
http, bus = Egress(local=settings.egress_local == "1"), EventBus(settings.bus_name)
timings = TimingTable(settings.table_name, now)
upstream = Upstream(SecretStore(), settings.provider_secrets, http, timings, settings.simulators_url, role)
room = Broom(
    Tender(jobs, outbox, upstream, Bucket(settings.outputs_bucket), now),
    World(jobs, outbox, callbacks, bus, now, settings.api_url),
    pollers,
    DeliveryTable(settings.table_name),
    callbacks,
    parked,
    Renewals(settings.table_name),
    now,
)


def handler(event: dict[str, Any], context: Any) -> dict[str, int]:
    """One pass; what it found, by kind."""
    return sweep(room=room)
