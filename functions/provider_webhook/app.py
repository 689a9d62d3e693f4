"""POST /hooks/{provider}/{account}/{job}/{call}/{attempt}/{token}  A provider tells; what proves itself is stored.
POST /hooks/{provider}                                           The same of one that knows one address for all."""

import time
from dataclasses import dataclass
from typing import Any

from packshot import env, gateway, observe
from packshot.aws.clients import role
from packshot.aws.jobs import JobTable
from packshot.aws.pictures import Bucket
from packshot.aws.remotes import RemoteTable
from packshot.aws.secrets import SecretStore
from packshot.aws.timing import TimingTable
from packshot.egress import Egress
from packshot.errors import CallerError, PackshotError
from packshot.steps.provider_webhook import Listener, provider_webhook
from packshot.steps.upstream import Upstream
from packshot.wire import json_response


@dataclass(frozen=True, slots=True)
class Settings:
    """What this function is given."""

    table_name: str
    provider_secrets: str
    outputs_bucket: str
    simulators_url: str
    egress_local: str


settings = env.load(Settings)
timings = TimingTable(settings.table_name)
http = Egress(local=settings.egress_local == "1")
upstream = Upstream(SecretStore(), settings.provider_secrets, http, timings, settings.simulators_url, role)
room = Listener(
    JobTable(settings.table_name),
    upstream,
    Bucket(settings.outputs_bucket),
    RemoteTable(settings.table_name),
    lambda: time.time_ns() // 1_000_000,
)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """One delivery of one provider."""
    observe.bind(request_id=event["requestContext"].get("requestId"))
    try:
        request = gateway.request_of(event)
        response = provider_webhook(event.get("pathParameters") or {}, request, room=room)
    except CallerError:
        response = json_response(401, {"error": "unauthorized"})
    except PackshotError:  # our own store is busy: the provider is to come again
        response = json_response(503, {"error": "try again"}, {"retry-after": "5"})
    observe.log("webhook", status=response.status)
    return gateway.reply_of(response)
