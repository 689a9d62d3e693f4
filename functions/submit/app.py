"""POST, PUT, PATCH, DELETE, and all of the Function URL.  A wish comes in; a job, or an answer, goes out."""

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
from packshot.aws.presets import PresetTable
from packshot.aws.profiles import ProfileTable
from packshot.aws.rate import RateTable
from packshot.aws.receivers import Receivers
from packshot.aws.sealed import Sealer
from packshot.aws.timing import TimingTable
from packshot.aws.vault import Vault
from packshot.principal import Principal
from packshot.steps import collect, endpoints, large, query, serve, submit
from packshot.steps.keep import Keeper
from packshot.steps.settle import Lookups
from packshot.steps.view import Gallery, show
from packshot.wire import Request
from packshot.wishes import CancelJob, Quote, Submit, Wish


@dataclass(frozen=True, slots=True)
class Settings:
    """What this function is given."""

    table_name: str
    uploads_bucket: str
    outputs_bucket: str
    callback_key_id: str
    api_url: str
    egress_local: str
    provider_secrets: str


def now() -> int:
    """Milliseconds since 1970."""
    return time.time_ns() // 1_000_000


PATIENCE = {"api": 25, "url": 600}
"""Seconds an answer may be held: the HTTP API ends at 30, the Function URL with the function itself."""

settings = env.load(Settings)
table, local = settings.table_name, settings.egress_local == "1"
jobs, accounts, callbacks, deliveries = JobTable(table), AccountTable(table), EndpointTable(table), DeliveryTable(table)
assets, presets, profiles = AssetTable(table, settings.api_url), PresetTable(table), ProfileTable(table)
outputs, uploads = Bucket(settings.outputs_bucket), Bucket(settings.uploads_bucket)
keeper, gallery, seals = Keeper(assets, uploads), Gallery(outputs, settings.api_url), Sealer(settings.callback_key_id)
lookups = Lookups(presets, profiles, settings.api_url, local)
intake = submit.Intake(jobs, keeper, lookups, accounts, TimingTable(table), now, os.urandom)
cabinet = collect.Cabinet(
    keeper, presets, profiles, accounts, Vault(), settings.provider_secrets, now, os.urandom, local
)
desk = endpoints.Desk(callbacks, deliveries, seals, now, os.urandom, local)
secrets = Receivers(callbacks, seals, now)
library = query.Library(
    jobs, assets, presets, profiles, accounts, callbacks, deliveries, gallery, uploads, now, secrets
)
door = serve.Door(accounts, RateTable(table), "write")


def carry_out(wish: Wish, principal: Principal, request: Request) -> Answer:
    """The step that a wish asks for."""
    match wish:
        case Submit():
            seconds = min(wish.wait, PATIENCE[request.via])
            patience = seconds if wish.final else None
            view = submit.submit(wish, principal, request.headers["x-request-id"], intake=intake, patience=patience)
            if seconds:
                view = submit.hold(wish, view, seconds, intake=intake)
            return show(view, gallery, now())
        case CancelJob():
            return show(submit.cancel(wish, principal, jobs=jobs, now=now()), gallery, now())
        case Quote():
            return submit.quote(wish, principal, query.view_of(principal, accounts).available, lookups=lookups)
    kept = collect.collect(wish, principal, room=cabinet)
    if kept is not None:
        return kept
    managed = endpoints.manage(wish, principal, desk=desk)
    return managed if managed is not None else query.query(wish, principal, room=library)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """API Gateway and Function URL events in, their answers out."""
    request_id = event["requestContext"].get("requestId") or context.aws_request_id
    arrived = partial(gateway.request_of, event)
    response = serve.serve(arrived, request_id, door=door, carry_out=carry_out, now=now())
    return gateway.reply_of(large.fit(response, outputs, request_id))
