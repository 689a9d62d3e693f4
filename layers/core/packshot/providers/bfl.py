"""Black Forest Labs: a task is created, runs for seconds, and is learnt of by asking; its webhook is only a hint.

A create has no idempotency key: whatever leaves its outcome open is Unknown, never Later. There is no cancel. Results
are deleted ten minutes after they are ready. With a webhook the answer to a create names no address to poll at.
"""

import hashlib
import hmac
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any
from urllib.parse import quote

from packshot.brief import LONG_SIDE
from packshot.errors import Forged, ProviderError
from packshot.providers import Credentials, Provider
from packshot.replies import (
    Look,
    Ready,
    Reply,
    Shot,
    Taken,
    Unknown,
    Working,
    addresses_of,
    fields_of,
    later,
    no,
    text_of,
    within,
)
from packshot.wire import Request, Response, dump

BASE_URL = "https://api.bfl.ai"

# --- what each model takes: a field that is not here is never sent ---------------------------------------------------
_Fields = dict[str, Any]
_STEPS: Mapping[str | None, int] = {"low": 15, "medium": 30, "high": 50}


def _kontext(shot: Shot) -> _Fields:
    """Any ratio from 21:9 to 9:21, in small numbers; it makes about one megapixel of it."""
    shape = min(max(Fraction(shot.width, shot.height), Fraction(9, 21)), Fraction(21, 9)).limit_denominator(21)
    return {"aspect_ratio": f"{shape.numerator}:{shape.denominator}"}


def _flux_2(shot: Shot) -> _Fields:
    """Sides of that shape in steps of 16, 64 at least; 4 megapixels at most, and never more than is paid for."""
    sides = [max(64, -(-side // 16) * 16) for side in (shot.width, shot.height)]
    most = min(4 << 20, LONG_SIDE[shot.brief.billed_resolution] ** 2)
    if sides[0] * sides[1] > most:
        shrink = math.sqrt(most / (shot.width * shot.height))
        sides = [max(64, int(side * shrink) // 16 * 16) for side in (shot.width, shot.height)]
    return {"width": sides[0], "height": sides[1]}


def _flex(shot: Shot) -> _Fields:
    fields, brief = _flux_2(shot), shot.brief
    if brief.guidance is not None:
        fields["guidance"] = min(10.0, max(1.5, brief.guidance))
    if brief.detail is not None:
        fields["steps"] = _STEPS[brief.detail]
    return fields


def _fill(shot: Shot) -> _Fields:
    """The one model whose pictures are documented as base64 only."""
    return {"image": shot.inputs[0].base64, "mask": shot.mask.base64 if shot.mask else ""}


@dataclass(frozen=True, slots=True)
class _Takes:
    """How many pictures a model takes, whether it needs a mask, and what else it is told."""

    limit: int
    more: Callable[[Shot], _Fields]
    least: int = 0
    mask: bool = False


MODELS: Mapping[str, _Takes] = {
    "flux-kontext-pro": _Takes(4, _kontext),
    "flux-kontext-max": _Takes(4, _kontext),
    "flux-2-pro": _Takes(8, _flux_2),
    "flux-2-max": _Takes(8, _flux_2),
    "flux-2-flex": _Takes(8, _flex),
    "flux-2-klein-4b": _Takes(4, _flux_2),
    "flux-2-klein-9b": _Takes(4, _flux_2),
    "flux-pro-1.0-fill": _Takes(1, _fill, least=1, mask=True),
}


def _body(shot: Shot) -> _Fields:
    takes = MODELS.get(shot.model)
    if takes is None or not takes.least <= len(shot.inputs) <= takes.limit:
        raise ProviderError(f"no translation for {len(shot.inputs)} pictures to {shot.model}")
    if takes.mask is (shot.mask is None):
        raise ProviderError(f"{shot.model} takes {'a' if takes.mask else 'no'} mask")
    body: _Fields = {"prompt": shot.prompt, **takes.more(shot)}
    for place, source in enumerate(shot.inputs if not takes.mask else (), 1):
        body["input_image" if place == 1 else f"input_image_{place}"] = source.url
    if shot.seed is not None:
        body["seed"] = shot.seed
    return body | {"output_format": "jpeg" if shot.brief.format == "jpg" else "png"}  # the defaults differ by model


# --- requests --------------------------------------------------------------------------------------------------------
def _request(method: str, path: str, credentials: Credentials, body: object = None) -> Request:
    url = (credentials.get("base_url") or BASE_URL).rstrip("/") + path
    headers = {"x-key": credentials.get("token", "")}
    return Request(
        method, url, headers | ({"content-type": "application/json"} if body else {}), dump(body) if body else b""
    )


def write(shot: Shot, credentials: Credentials, webhook_url: str | None) -> Request:
    """Create a task. Raises ProviderError for a model, a number of pictures or a mask not in the table."""
    body = _body(shot)
    if webhook_url is not None:
        secret = _told(credentials)
        body |= {"webhook_url": webhook_url, **({"webhook_secret": secret} if secret else {})}
    return _request("POST", f"/v1/{quote(shot.model)}", credentials, body)


def write_poll(remote: str, credentials: Credentials) -> Request:
    """Ask for a task: at the address that was given, which may be another region's, or by its id."""
    found = _POLLING.fullmatch(remote)
    path = found[1] if found else f"/v1/get_result?id={quote(remote, safe='')}"
    request = _request("GET", path, credentials)
    return Request("GET", remote, request.headers) if found and not credentials.get("base_url") else request


# --- replies ---------------------------------------------------------------------------------------------------------
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_POLLING = re.compile(
    r"https://(?:[a-z0-9-]{1,40}\.){1,4}bfl\.ai((?:/[A-Za-z0-9_-]{1,64}){1,6}\?id=([A-Za-z0-9_-]{1,64}))"
)
_BY_STATUS = {
    401: "provider_unauthorized",
    402: "provider_quota",
    403: "provider_unauthorized",
    404: "provider_model_unknown",
}


def _object(body: bytes) -> tuple[str, _Fields]:
    """The body's id and the body as a JSON object; both empty when it has none, or cannot be used."""
    fields = fields_of(body)
    remote = text_of(fields.get("id"), 64)
    return (remote if _ID.fullmatch(remote) else ""), fields


def read(response: Response) -> Reply:
    """What a create's answer means. 5xx, other oddities and unreadable bodies are Unknown: it may run, and be paid.

    An address to poll at is kept whole where it is one of bfl.ai's own. Any other (a simulator's, a stranger's) is not
    followed: the id is kept, and asked for at the base.
    """
    remote, task = _object(response.body)
    if response.status == 429:
        return later(response.headers)
    if 400 <= response.status < 500 and response.status != 408:
        return no(_BY_STATUS.get(response.status, "provider_invalid_input"))
    if response.status not in (200, 201, 202) or not remote:
        return Unknown()
    found = _POLLING.fullmatch(text_of(task.get("polling_url"), 600))
    return Taken(found[0] if found and found[2] == remote else remote)


def named(remote: str) -> str:
    """The id, where the address to poll at was kept."""
    found = _POLLING.fullmatch(remote)
    return found[2] if found else remote


def read_poll(response: Response) -> Reply:
    """What a task's state means. Anything but a clear answer is Working: the deadline ends it.

    So is "Task not found", which is also what a replica says that has not heard of a new task yet.
    """
    if response.status != 200:
        return no("provider_lost") if response.status == 422 else Working()
    task = fields_of(response.body)
    match task.get("status"):
        case "Ready":
            urls = addresses_of([within(task, "result", "sample")])
            return Ready(urls) if urls else no("provider_empty")
        case "Request Moderated" | "Content Moderated":
            return no("content_refused")
        case "Error" | "Failed":
            return no("provider_failed")
        case _:
            return Working()


# --- webhooks --------------------------------------------------------------------------------------------------------
def _told(credentials: Credentials) -> str:
    """The secret that BFL is given. It travels in a body and is kept with each task, so the operator's own is not sent:
    whoever reads it learns nothing else."""
    secret = credentials.get("webhook_secret", "").encode(errors="replace")
    return hmac.new(secret, b"bfl webhook", hashlib.sha256).hexdigest() if secret else ""


def proves(secret: str, body: bytes, header: str) -> bool:
    """Whether `sha256=<hex>` is the signature of these bytes."""
    expected = "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return bool(secret) and hmac.compare_digest(expected.encode(), header.encode(errors="replace"))


def verify(credentials: Credentials, headers: Mapping[str, str], body: bytes, now: int) -> None:
    """Raises Forged for a signature that is wrong. One may be missing, for the vendor promises none: the address's
    token stands alone then, and all that such a message brings about is a question to BFL."""
    header = headers.get("x-bfl-signature")
    if header is not None and not proves(_told(credentials), body, header):
        raise Forged("the signature does not match")


def read_webhook(body: bytes) -> tuple[str, Reply]:
    """The task's id, and that it is time to ask. Raises ProviderError for anything but a task."""
    remote, task = _object(body)
    if not remote or not isinstance(task.get("status"), str):
        raise ProviderError("the webhook's body is no task")
    return remote, Look()


def write_probe(credentials: Credentials) -> Request:
    """What is left of the account's credits; free."""
    return _request("GET", "/v1/credits", credentials)


provider = Provider(
    completion="webhook",
    base_url=BASE_URL,
    api_hosts=("*.bfl.ai",),
    output_hosts=("*.bfl.ai", "bfldeliveryprod.blob.core.windows.net"),
    images_per_call=1,
    typical=(8, 15, 30),  # assumed until measured
    signs=False,
    deadline=600,
    write=write, read=read,
    write_poll=write_poll, read_poll=read_poll, named=named,
    verify=verify, read_webhook=read_webhook, write_probe=write_probe,
    secrets={"token": True, "webhook_secret": False},
    lasts=600,
    longest_input=4096,  # 20 megapixels are the limit
    concurrency=24,  # 6 for flux-kontext-max, which then answers 429
)  # fmt: skip
