"""POST /packshot/v1/checks.  A picture comes in; how it stands with marketplaces goes out. It changes nothing."""

import time
from dataclasses import dataclass
from functools import partial
from typing import Any

from packshot import env, gateway
from packshot.answers import Answer
from packshot.aws.accounts import AccountTable
from packshot.aws.pictures import Bucket
from packshot.aws.rate import RateTable
from packshot.egress import Egress
from packshot.principal import Principal
from packshot.steps import check, serve
from packshot.wire import Request
from packshot.wishes import Wish


@dataclass(frozen=True, slots=True)
class Settings:
    """What this function is given."""

    table_name: str
    uploads_bucket: str
    outputs_bucket: str
    egress_local: str
    api_url: str


def now() -> int:
    """Milliseconds since 1970."""
    return time.time_ns() // 1_000_000


settings = env.load(Settings)
scales = check.Scales(
    Bucket(settings.uploads_bucket),
    Bucket(settings.outputs_bucket),
    Egress(local=settings.egress_local == "1"),
    now,
    settings.api_url,
)
door = serve.Door(AccountTable(settings.table_name), RateTable(settings.table_name), "check")


def carry_out(wish: Wish, principal: Principal, request: Request) -> Answer:
    """Measures."""
    return check.check(wish, principal, room=scales)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """API Gateway events in, their answers out."""
    request_id = event["requestContext"].get("requestId") or context.aws_request_id
    arrived = partial(gateway.request_of, event)
    return gateway.reply_of(serve.serve(arrived, request_id, door=door, carry_out=carry_out, now=now()))
