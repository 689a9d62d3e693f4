"""POST, PATCH, DELETE /packshot/… and all of the Function URL.  A wish comes in; a job, or an answer, goes out."""

import os
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
from packshot.aws.sealed import Sealer
from packshot.principal import Principal
from packshot.steps import endpoints, query, serve, submit
from packshot.steps.keep import Keeper
from packshot.steps.view import show
from packshot.wire import Request
from packshot.wishes import CancelJob, PresignAsset, PutAsset, Quote, Submit, Wish


@dataclass(frozen=True, slots=True)
class Settings:
    """What this function is given."""

    table_name: str
    uploads_bucket: str
    outputs_bucket: str
    callback_key_id: str
    egress_local: str


def now() -> int:
    """Milliseconds since 1970."""
    return time.time_ns() // 1_000_000


PATIENCE = {"api": 25, "url": 600}
"""Seconds an answer may be held: the HTTP API ends at 30, the Function URL with the function itself."""

settings = env.load(Settings)
jobs, accounts = JobTable(settings.table_name), AccountTable(settings.table_name)
callbacks, deliveries = EndpointTable(settings.table_name), DeliveryTable(settings.table_name)
assets = AssetTable(settings.table_name)
outputs, keeper = Bucket(settings.outputs_bucket), Keeper(assets, Bucket(settings.uploads_bucket))
intake = submit.Intake(jobs, keeper, now, os.urandom, local=settings.egress_local == "1")
seals = Sealer(settings.callback_key_id)
desk = endpoints.Desk(callbacks, deliveries, seals, now, os.urandom, local=settings.egress_local == "1")
library = query.Library(jobs, assets, accounts, callbacks, deliveries, outputs, now)
door = serve.Door(accounts, RateTable(settings.table_name), "write")


def carry_out(wish: Wish, principal: Principal, request: Request) -> Answer:
    """The step that a wish asks for."""
    match wish:
        case Submit():
            view = submit.submit(wish, principal, request.headers["x-request-id"], intake=intake)
            if wish.wait:
                view = submit.wait(view, min(wish.wait, PATIENCE[request.via]), jobs=jobs)
            return show(view, outputs, now())
        case CancelJob():
            return show(submit.cancel(wish, principal, jobs=jobs, now=now()), outputs, now())
        case Quote():
            return submit.quote(wish, principal, query.view_of(principal, accounts).available, local=intake.local)
        case PutAsset():
            return keeper.put(wish, principal.account, now(), os.urandom(10))
        case PresignAsset():
            return keeper.ticket(wish, principal.account, now(), os.urandom(10))
        case _:
            if request.method in ("GET", "HEAD"):
                return query.query(wish, principal, room=library)
            return endpoints.manage(wish, principal, desk=desk)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """API Gateway and Function URL events in, their answers out."""
    request_id = event["requestContext"].get("requestId") or context.aws_request_id
    arrived = partial(gateway.request_of, event)
    return gateway.reply_of(serve.serve(arrived, request_id, door=door, carry_out=carry_out, now=now()))
