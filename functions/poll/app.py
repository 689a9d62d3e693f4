"""poller.asl.yaml, state Poll: one pass over a provider's lane.  Says when to come back, or that nothing is left."""

import time
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from packshot import env, observe
from packshot.aws.clients import role
from packshot.aws.jobs import JobTable
from packshot.aws.pictures import Bucket
from packshot.aws.poller import Lease, Pollers
from packshot.aws.queues import Sqs
from packshot.aws.secrets import SecretStore
from packshot.aws.timing import TimingTable
from packshot.egress import Egress
from packshot.steps.outbox import Outbox
from packshot.steps.poll import poll
from packshot.steps.tend import Tender
from packshot.steps.upstream import Upstream


@dataclass(frozen=True, slots=True)
class Settings:
    """What this function is given."""

    table_name: str
    outputs_bucket: str
    provider_secrets: str
    simulators_url: str
    egress_local: str
    dispatch_queue_url: str
    render_queue_url: str
    ingest_queue_url: str


settings = env.load(Settings)
lease, pollers = Lease(settings.table_name), Pollers(settings.table_name, "")
queues = Sqs(settings.dispatch_queue_url), Sqs(settings.render_queue_url), Sqs(settings.ingest_queue_url)
http, timings = Egress(local=settings.egress_local == "1"), TimingTable(settings.table_name)
room = Tender(
    JobTable(settings.table_name),
    Outbox(*queues, pollers),
    Upstream(SecretStore(), settings.provider_secrets, http, timings, settings.simulators_url, role),
    Bucket(settings.outputs_bucket),
    lambda: time.time_ns() // 1_000_000,
)


def handler(event: dict[str, Any], context: Any) -> dict[str, object]:
    """`lane` and `started` (ISO 8601) come from the state machine."""
    observe.bind(lane=event["lane"])
    started = datetime.fromisoformat(event["started"])
    answer = poll(event["lane"], int(started.timestamp() * 1000), room=room, lease=lease)
    observe.log("passed", next=answer.next, seconds=answer.seconds, passes=event.get("passes"))
    return answer.dump()
