"""GET and HEAD /packshot/…  A question comes in; the answer as things stand goes out. It changes nothing."""

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
from packshot.aws.rate import RateTable
from packshot.principal import Principal
from packshot.steps import query, serve
from packshot.wire import Request
from packshot.wishes import Wish


@dataclass(frozen=True, slots=True)
class Settings:
    """What this function is given."""

    table_name: str
    outputs_bucket: str


def now() -> int:
    """Milliseconds since 1970."""
    return time.time_ns() // 1_000_000


settings = env.load(Settings)
accounts = AccountTable(settings.table_name)
library = query.Library(
    JobTable(settings.table_name),
    AssetTable(settings.table_name),
    accounts,
    EndpointTable(settings.table_name),
    DeliveryTable(settings.table_name),
    Bucket(settings.outputs_bucket),
    now,
)
door = serve.Door(accounts, RateTable(settings.table_name), "read", generosity=10)


def carry_out(wish: Wish, principal: Principal, request: Request) -> Answer:
    """Only looks."""
    return query.query(wish, principal, room=library)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """API Gateway events in, their answers out."""
    request_id = event["requestContext"].get("requestId") or context.aws_request_id
    arrived = partial(gateway.request_of, event)
    return gateway.reply_of(serve.serve(arrived, request_id, door=door, carry_out=carry_out, now=now()))
