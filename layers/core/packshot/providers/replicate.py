"""Replicate: a prediction is created, runs for seconds, and is learnt of by its webhook or by asking.

A create has no idempotency key: whatever leaves its outcome open is Unknown, never Later. Results are deleted one hour
after completion. Policy refusals are told from other failures by their text only (`_POLICY`); unknown text fails.
"""

import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any
from urllib.parse import quote

from packshot import signing
from packshot.brief import ratio_of
from packshot.errors import ProviderError
from packshot.job import Failure
from packshot.providers import Credentials, Later, No, Provider, Ready, Reply, Shot, Taken, Unknown, Working
from packshot.wire import Request, Response, dump

BASE_URL = "https://api.replicate.com"
DEADLINE = 1800  # seconds; Replicate itself kills a prediction after 30 minutes
MAX_RESULTS = 16
MAX_WAIT = 900  # seconds; no Retry-After may park a call for longer


# --- what each model takes: a field that is not here is never sent ---------------------------------------------------
def _tier(shot: Shot) -> dict[str, Any]:
    return {"resolution": shot.brief.billed_resolution}


def _megapixels(shot: Shot) -> dict[str, Any]:
    return {"resolution": next((f"{tier} MP" for tier in (1, 2) if shot.width * shot.height <= tier << 20), "4 MP")}


def _seedream(shot: Shot) -> dict[str, Any]:
    """A tier, or an exact size: the smallest of that shape within the documented 1024 to 4096 pixels a side."""
    if shot.brief.width is None:
        return {"size": shot.brief.billed_resolution}
    grow = max(1.0, 1024 / min(shot.width, shot.height))
    width, height = (min(4096, round(side * grow)) for side in (shot.width, shot.height))
    return {"size": "custom", "width": width, "height": height}


@dataclass(frozen=True, slots=True)
class _Takes:
    """A model's input fields; `jpg` is its name for that format, empty when it lets nobody choose one."""

    images: str
    limit: int
    ratios: tuple[str, ...]
    like_input: bool = True
    size: Callable[[Shot], dict[str, Any]] = lambda shot: {}
    jpg: str = "jpg"
    seed: bool = False


_BASIC = ("1:1", "2:3", "3:2", "3:4", "4:3", "4:5", "5:4", "9:16", "16:9")
_WIDE = (*_BASIC, "21:9")
_SEEDREAM = ("1:1", "2:3", "3:2", "3:4", "4:3", "9:16", "16:9", "21:9")
_FLUX_2 = _Takes("input_images", 8, _BASIC, size=_megapixels, jpg="png", seed=True)  # its jpg is of quality 80
_KONTEXT = _Takes("input_image", 1, (*_WIDE, "9:21", "2:1", "1:2"), seed=True)

MODELS: Mapping[str, _Takes] = {
    "google/nano-banana": _Takes("image_input", 10, _WIDE),
    "google/nano-banana-2": _Takes("image_input", 14, (*_WIDE, "1:4", "4:1", "1:8", "8:1"), size=_tier),
    "google/nano-banana-pro": _Takes("image_input", 14, _WIDE, size=_tier),
    "openai/gpt-image-2": _Takes("input_images", 10, ("1:1", "3:2", "2:3"), like_input=False, jpg="jpeg"),
    "black-forest-labs/flux-kontext-pro": _KONTEXT,
    "black-forest-labs/flux-kontext-max": _KONTEXT,
    "black-forest-labs/flux-2-pro": _FLUX_2,
    "black-forest-labs/flux-2-max": _FLUX_2,
    "bytedance/seedream-4": _Takes("image_input", 10, _SEEDREAM, size=_seedream, jpg=""),
}


def _input(shot: Shot) -> dict[str, Any]:
    takes = MODELS.get(shot.model)
    if takes is None or len(shot.inputs) > takes.limit:
        raise ProviderError(f"no translation for {len(shot.inputs)} pictures to {shot.model}")
    fields: dict[str, Any] = {"prompt": shot.prompt, **takes.size(shot)}
    if shot.inputs:
        fields[takes.images] = list(shot.inputs) if takes.limit > 1 else shot.inputs[0]
    if fields.get("size") != "custom":
        fields["aspect_ratio"] = _ratio(takes, shot)
    if takes.seed and shot.seed is not None:
        fields["seed"] = shot.seed
    if takes.jpg:  # what we encode ourselves (webp) is asked for without loss
        fields["output_format"] = takes.jpg if shot.brief.format == "jpg" else "png"
    return fields


def _ratio(takes: _Takes, shot: Shot) -> str:
    asked = shot.brief.aspect_ratio if shot.brief.width is None else ""
    if asked == "auto" and shot.inputs and takes.like_input:
        return "match_input_image"
    shape = shot.width / shot.height
    nearest = min(takes.ratios, key=lambda ratio: abs(math.log(shape / (ratio_of(ratio) or 1))))
    return asked if asked in takes.ratios else nearest


# --- requests --------------------------------------------------------------------------------------------------------
def _request(method: str, path: str, credentials: Credentials, body: object = None, **headers: str) -> Request:
    url = (credentials.get("base_url") or BASE_URL).rstrip("/") + path
    named = {"authorization": f"Bearer {credentials.get('token', '')}", **headers}
    return Request(method, url, named, dump(body) if body else b"")


def write(shot: Shot, credentials: Credentials, webhook_url: str | None) -> Request:
    """Create a prediction. Raises ProviderError for a model or a number of pictures that is not in the table."""
    body: dict[str, Any] = {"input": _input(shot)}
    if webhook_url is not None:
        body |= {"webhook": webhook_url, "webhook_events_filter": ["completed"]}
    headers = {"content-type": "application/json", "cancel-after": f"{DEADLINE}s"}
    return _request("POST", f"/v1/models/{quote(shot.model)}/predictions", credentials, body, **headers)


def write_poll(remote: str, credentials: Credentials) -> Request:
    """Ask for a prediction."""
    return _request("GET", f"/v1/predictions/{quote(remote, safe='')}", credentials)


def write_cancel(remote: str, credentials: Credentials) -> Request:
    """Cancel a prediction; repeating it is harmless."""
    return _request("POST", f"/v1/predictions/{quote(remote, safe='')}/cancel", credentials)


# --- replies ---------------------------------------------------------------------------------------------------------
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_URL = re.compile(r"https?://[!-~]{1,2000}")
_POLICY = re.compile(
    r"\bnsfw\b|\bflagged\b|(?<![-\w])sensitive\b|\bsafety (?:filter|system|check|polic|reason)|\bE005\b"
    r"|content polic|usage polic|\bmoderation (?:block|system|polic)|\bprohibited content",
    re.IGNORECASE,
)
_SAY: Mapping[str, str] = {
    "content_refused": "The provider's content policy refuses this request.",
    "provider_unauthorized": "The provider does not accept our credentials.",
    "provider_quota": "The provider's account is out of credit or over its spend limit.",
    "provider_model_unknown": "The provider has no model of that name.",
    "provider_invalid_input": "The provider's model does not take this input.",
    "provider_failed": "The provider could not make the picture.",
    "provider_canceled": "The provider ended the request before the picture was made.",
    "provider_empty": "The provider reported success without a picture.",
    "provider_expired": "The provider has already deleted the picture.",
    "provider_lost": "The provider does not know the request any more.",
}
_UNAUTHORIZED = "provider_unauthorized"
_BY_STATUS = {401: _UNAUTHORIZED, 402: "provider_quota", 403: _UNAUTHORIZED, 404: "provider_model_unknown"}


def _no(code: str) -> No:
    return No(Failure(code, _SAY[code]), final=code == "content_refused")


def _object(body: bytes) -> tuple[str, dict[str, Any]]:
    """The body's id and the body as a JSON object; both empty when it has none, or cannot be used."""
    try:
        parsed = json.loads(body)
    except (ValueError, RecursionError):
        return "", {}
    fields = parsed if isinstance(parsed, dict) else {}
    remote = fields.get("id")
    return (remote if isinstance(remote, str) and _ID.fullmatch(remote) else ""), fields


def _reply(prediction: Mapping[str, Any]) -> Reply:
    match prediction.get("status"):
        case "succeeded":
            output = prediction.get("output")
            listed = output if isinstance(output, list) else [output]
            urls = tuple(url for url in islice(listed, MAX_RESULTS) if isinstance(url, str) and _URL.fullmatch(url))
            deleted = prediction.get("data_removed") is True
            return Ready(urls) if urls else _no("provider_expired" if deleted else "provider_empty")
        case "failed":
            return _no("content_refused" if _POLICY.search(str(prediction.get("error"))) else "provider_failed")
        case "canceled" | "aborted":
            return _no("provider_canceled")
        case _:
            return Working()


def read(response: Response) -> Reply:
    """What a create's answer means. 5xx, other oddities and unreadable bodies are Unknown: it may run, and be paid."""
    remote, prediction = _object(response.body)
    if response.status == 429:
        wait = response.headers.get("retry-after", "")
        readable = wait.isdecimal() and len(wait) < 7
        return Later(min(MAX_WAIT, max(1, int(wait))) if readable else 30)
    if 400 <= response.status < 500 and response.status != 408:
        refused = response.status in (400, 422) and _POLICY.search(str(prediction.get("detail")))
        return _no("content_refused" if refused else _BY_STATUS.get(response.status, "provider_invalid_input"))
    if response.status not in (200, 201, 202) or not remote:
        return Unknown()
    reply = _reply(prediction)
    return Taken(remote) if isinstance(reply, Working) else reply


def read_poll(response: Response) -> Reply:
    """What a prediction's state means. Anything but a clear answer is Working: the deadline ends it."""
    if response.status == 404:
        return _no("provider_lost")
    return _reply(_object(response.body)[1]) if response.status == 200 else Working()


def verify(credentials: Credentials, headers: Mapping[str, str], body: bytes, now: int) -> None:
    """Standard Webhooks; `webhook_secret` may hold two, separated by a space, during rotation. Raises Forged."""
    signing.verify(credentials.get("webhook_secret", "").split(), headers, body, now)


def read_webhook(body: bytes) -> tuple[str, Reply]:
    """The prediction's id and what its state means. Raises ProviderError for anything but a prediction."""
    remote, prediction = _object(body)
    if not remote or not isinstance(prediction.get("status"), str):
        raise ProviderError("the webhook's body is no prediction")
    return remote, _reply(prediction)


provider = Provider(
    completion="webhook",
    base_url=BASE_URL,
    output_hosts=("replicate.delivery", "*.replicate.delivery"),
    images_per_call=1,
    typical=(8, 15, 30),  # assumed until measured
    deadline=DEADLINE,
    write=write, read=read,
    write_poll=write_poll, read_poll=read_poll, write_cancel=write_cancel,
    verify=verify, read_webhook=read_webhook,
)  # fmt: skip
