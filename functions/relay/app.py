"""The table's stream.  Each change of a job becomes its consequences: messages, events, a running poller."""

import time
from dataclasses import dataclass
from typing import Any

from packshot import env
from packshot.aws.bus import EventBus
from packshot.aws.health import HealthTable
from packshot.aws.jobs import JobTable
from packshot.aws.poller import Pollers
from packshot.aws.queues import Sqs
from packshot.aws.slots import SlotTable
from packshot.aws.stream import changes
from packshot.steps.consequences import World
from packshot.steps.outbox import Outbox
from packshot.steps.relay import Relay, relay
from packshot.steps.score import Scorer


@dataclass(frozen=True, slots=True)
class Settings:
    """What this function is given."""

    table_name: str
    dispatch_queue_url: str
    render_queue_url: str
    ingest_queue_url: str
    callbacks_queue_url: str
    parked_queue_url: str
    bus_name: str
    poller_arn: str
    api_url: str


settings = env.load(Settings)
queues = Sqs(settings.dispatch_queue_url), Sqs(settings.render_queue_url), Sqs(settings.ingest_queue_url)
world = World(
    JobTable(settings.table_name),
    Outbox(
        *queues,
        Pollers(settings.table_name, settings.poller_arn),
        Scorer(HealthTable(settings.table_name), SlotTable(settings.table_name)),
    ),
    Sqs(settings.callbacks_queue_url),
    EventBus(settings.bus_name),
    lambda: time.time_ns() // 1_000_000,
    settings.api_url,
)
room = Relay(world, Sqs(settings.parked_queue_url))


def handler(event: dict[str, Any], context: Any) -> None:
    """A batch of stream records, in order."""
    relay(changes(event["Records"]), room=room)
