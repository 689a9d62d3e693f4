"""GET and HEAD.  A question comes in; the answer as things stand goes out. It changes nothing."""

import time
from dataclasses import dataclass
from functools import partial
from typing import Any

from packshot import env, gateway
from packshot.answers import Answer
from packshot.aws.accounts import AccountTable
from packshot.aws.assets import AssetTable
from packshot.aws.deliveries import DeliveryTable
from packshot.aws.endpoints import EndpointTable
from packshot.aws.jobs import JobTable
from packshot.aws.pictures import Bucket
from packshot.aws.presets import PresetTable
from packshot.aws.profiles import ProfileTable
from packshot.aws.rate import RateTable
from packshot.principal import Principal
from packshot.steps import large, query, serve
from packshot.steps.view import Gallery
from packshot.wire import Request
from packshot.wishes import Wish


@dataclass(frozen=True, slots=True)
class Settings:
    """What this function is given."""

    table_name: str
    uploads_bucket: str
    outputs_bucket: str
    api_url: str


def now() -> int:
    """Milliseconds since 1970."""
    return time.time_ns() // 1_000_000


settings = env.load(Settings)
table, outputs = settings.table_name, Bucket(settings.outputs_bucket)
accounts = AccountTable(table)
library = query.Library(
    JobTable(table),
    AssetTable(table, settings.api_url),
    PresetTable(table),
    ProfileTable(table),
    accounts,
    EndpointTable(table),
    DeliveryTable(table),
    Gallery(outputs, settings.api_url),
    Bucket(settings.uploads_bucket),
    now,
)
door = serve.Door(accounts, RateTable(table), "read", generosity=10)


def carry_out(wish: Wish, principal: Principal, request: Request) -> Answer:
    """Only looks."""
    return query.query(wish, principal, room=library)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """API Gateway events in, their answers out."""
    request_id = event["requestContext"].get("requestId") or context.aws_request_id
    arrived = partial(gateway.request_of, event)
    response = serve.serve(arrived, request_id, door=door, carry_out=carry_out, now=now())
    return gateway.reply_of(large.fit(response, outputs, request_id))
