"""Callbacks queue: an event to be told, or a delivery to be tried.  Signed POSTs go out to callers."""

import random
import time
from dataclasses import dataclass
from typing import Any

from packshot import env
from packshot.aws.bus import EventBus
from packshot.aws.deliveries import DeliveryTable
from packshot.aws.endpoints import EndpointTable
from packshot.aws.jobs import JobTable
from packshot.aws.pictures import Bucket
from packshot.aws.queues import Sqs
from packshot.aws.receivers import Receivers
from packshot.aws.sealed import Sealer
from packshot.egress import Egress
from packshot.messages import each
from packshot.steps.callback import Courier, callback
from packshot.steps.view import Gallery


@dataclass(frozen=True, slots=True)
class Settings:
    """What this function is given."""

    table_name: str
    callback_key_id: str
    callbacks_queue_url: str
    bus_name: str
    egress_local: str
    api_url: str
    outputs_bucket: str


def now() -> int:
    """Milliseconds since 1970."""
    return time.time_ns() // 1_000_000


settings = env.load(Settings)
room = Courier(
    JobTable(settings.table_name),
    DeliveryTable(settings.table_name),
    Receivers(EndpointTable(settings.table_name), Sealer(settings.callback_key_id), now),
    Sqs(settings.callbacks_queue_url),
    EventBus(settings.bus_name),
    Egress(local=settings.egress_local == "1"),
    now,
    random.random,
    settings.api_url,
    Gallery(Bucket(settings.outputs_bucket), settings.api_url),
)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """A batch of the callbacks queue."""
    return each(event, lambda body, receives: callback(body, room=room))
