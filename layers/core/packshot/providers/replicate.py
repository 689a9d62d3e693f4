"""Replicate: a prediction is created, runs for seconds, and is learnt of by its webhook or by asking.

A create has no idempotency key: whatever leaves its outcome open is Unknown, never Later. Results are deleted one hour
after completion. Policy refusals are told from other failures by their text only (`_POLICY`); unknown text fails.
"""

import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Literal
from urllib.parse import quote

from packshot import signing
from packshot.brief import LONG_SIDE, Brief, ratio_of
from packshot.errors import ProviderError
from packshot.providers import Credentials, Provider
from packshot.replies import (
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

BASE_URL = "https://api.replicate.com"
DEADLINE = 600  # seconds; what has not come by then is cancelled there, and another route may take its place


# --- what each model takes: a field that is not here is never sent ---------------------------------------------------
_Fields = dict[str, Any]
_STEPS: Mapping[str | None, int] = {"low": 15, "medium": 30, "high": 50}


def _exact(brief: Brief) -> bool:
    return brief.width is not None and not brief.like_input


def _tier(shot: Shot) -> _Fields:
    return {"resolution": shot.brief.billed_resolution}


def _flux_2(shot: Shot) -> _Fields:
    """Megapixels, or an exact size: the smallest of that shape within the documented 256 to 2048 pixels a side."""
    if not _exact(shot.brief):
        pixels = min(shot.width * shot.height, LONG_SIDE[shot.brief.billed_resolution] ** 2)
        return {"resolution": next((f"{tier} MP" for tier in (1, 2) if pixels <= tier << 20), "4 MP")}
    shrink = min(1.0, 2048 / max(shot.width, shot.height))
    width, height = (max(256, math.ceil(side * shrink / 32) * 32) for side in (shot.width, shot.height))
    return {"aspect_ratio": "custom", "width": width, "height": height}


def _flux_2_flex(shot: Shot) -> _Fields:
    fields, brief = _flux_2(shot), shot.brief
    if brief.guidance is not None:
        fields["guidance"] = min(10.0, max(1.5, brief.guidance))
    if brief.detail is not None:
        fields["steps"] = _STEPS[brief.detail]
    return fields


def _seedream(shot: Shot) -> _Fields:
    """A tier, or an exact size: the smallest of that shape within the documented 1024 to 4096 pixels a side."""
    if not _exact(shot.brief):
        return {"size": shot.brief.billed_resolution}
    grow = max(1.0, 1024 / min(shot.width, shot.height))
    width, height = (min(4096, round(side * grow)) for side in (shot.width, shot.height))
    return {"size": "custom", "width": width, "height": height}


def _gpt(shot: Shot) -> _Fields:
    return {} if shot.brief.detail is None else {"quality": shot.brief.detail}


def _sdxl(shot: Shot) -> _Fields:
    """A size of that shape and about the one megapixel that the model was trained on, in steps of 64."""
    brief, shape = shot.brief, math.sqrt(shot.width / shot.height)
    width, height = (min(2048, max(512, round(side / 64) * 64)) for side in (1024 * shape, 1024 / shape))
    fields: _Fields = {"width": width, "height": height}
    if brief.guidance is not None:
        fields["guidance_scale"] = min(50.0, max(1.0, brief.guidance))
    if brief.detail is not None:
        fields["num_inference_steps"] = _STEPS[brief.detail]
    if brief.strength is not None and shot.inputs:
        fields["prompt_strength"] = brief.strength
    return fields


@dataclass(frozen=True, slots=True)
class _Takes:
    """A model's input fields.

    images   the field of its pictures, at least `least` and at most `limit`; `mask`: that of its mask, if it needs one
    ratios   its aspect ratios; none: it has no such field
    like     how it is told to keep the first picture's ratio: a value of its ratio, a flag of that name, or not at all
    more     whatever else it takes: sizes, quality
    jpg      its name for that format, empty when it lets nobody choose one
    seeds    how many there are; 0: it takes none
    version  its version id, where Replicate runs it by that and not by its name
    """

    images: str
    limit: int
    ratios: tuple[str, ...]
    least: int = 0
    like: Literal["ratio", "match_input_image", ""] = "ratio"
    more: Callable[[Shot], _Fields] = lambda shot: {}
    jpg: str = "jpg"
    seeds: int = 0
    mask: str = ""
    negative: bool = False
    version: str = ""


_BASIC = ("1:1", "2:3", "3:2", "3:4", "4:3", "4:5", "5:4", "9:16", "16:9")
_WIDE = (*_BASIC, "21:9")
_SEEDREAM = ("1:1", "2:3", "3:2", "3:4", "4:3", "9:16", "16:9", "21:9")
_QWEN = ("1:1", "2:3", "3:2", "3:4", "4:3", "9:16", "16:9")
_ANY_SEED = 2**32
_FLUX_2 = _Takes("input_images", 8, _BASIC, more=_flux_2, jpg="png", seeds=_ANY_SEED)  # its jpg is of quality 80
_GPT = _Takes("input_images", 10, ("1:1", "3:2", "2:3"), like="", more=_gpt, jpg="jpeg")
_KONTEXT = _Takes("input_image", 1, (*_WIDE, "9:21", "2:1", "1:2"), seeds=_ANY_SEED)
_SDXL = "7762fd07cf82c948538e41f63f77d685e02b063e37e496e96eefd46c929f9bdc"

MODELS: Mapping[str, _Takes] = {
    "google/nano-banana": _Takes("image_input", 10, _WIDE),
    "google/nano-banana-2": _Takes("image_input", 14, (*_WIDE, "1:4", "4:1", "1:8", "8:1"), more=_tier),
    "google/nano-banana-pro": _Takes("image_input", 14, _WIDE, more=_tier),
    "openai/gpt-image-1.5": _GPT,
    "openai/gpt-image-2": _GPT,
    "black-forest-labs/flux-kontext-pro": _KONTEXT,
    "black-forest-labs/flux-kontext-max": _KONTEXT,
    "black-forest-labs/flux-2-pro": _FLUX_2,
    "black-forest-labs/flux-2-max": _FLUX_2,
    "black-forest-labs/flux-2-flex": replace(_FLUX_2, limit=10, more=_flux_2_flex),
    "black-forest-labs/flux-fill-pro": _Takes("image", 1, (), least=1, jpg="png", seeds=_ANY_SEED, mask="mask"),
    "bytedance/seedream-4": _Takes("image_input", 10, _SEEDREAM, more=_seedream, jpg=""),
    "qwen/qwen-image-2": _Takes("image", 1, _QWEN, like="match_input_image", jpg="", seeds=2**31, negative=True),
    "stability-ai/sdxl": _Takes("image", 1, (), more=_sdxl, jpg="", seeds=_ANY_SEED, negative=True, version=_SDXL),
}


def _takes(shot: Shot) -> _Takes:
    takes = MODELS.get(shot.model)
    if takes is None or not takes.least <= len(shot.inputs) <= takes.limit:
        raise ProviderError(f"no translation for {len(shot.inputs)} pictures to {shot.model}")
    if bool(takes.mask) is (shot.mask is None):
        raise ProviderError(f"{shot.model} takes {'a' if takes.mask else 'no'} mask")
    return takes


def _input(takes: _Takes, shot: Shot) -> _Fields:
    fields: _Fields = {"prompt": shot.prompt, **takes.more(shot)}
    if shot.inputs:
        urls = [source.url for source in shot.inputs]
        fields[takes.images] = urls if takes.limit > 1 else urls[0]
    if takes.mask and shot.mask:
        fields[takes.mask] = shot.mask.url
    if takes.ratios and "custom" not in (fields.get("size"), fields.get("aspect_ratio")):
        fields |= _shape(takes, shot)
    if takes.negative and shot.brief.negative_prompt:
        fields["negative_prompt"] = shot.brief.negative_prompt
    if takes.seeds and shot.seed is not None:
        fields["seed"] = shot.seed % takes.seeds
    if takes.jpg:  # what we encode ourselves (webp) is asked for without loss
        fields["output_format"] = takes.jpg if shot.brief.format == "jpg" else "png"
    return fields


def _shape(takes: _Takes, shot: Shot) -> _Fields:
    asked = "auto" if shot.brief.like_input else "" if _exact(shot.brief) else shot.brief.aspect_ratio
    if asked == "auto" and shot.inputs and takes.like:
        return {"aspect_ratio": "match_input_image"} if takes.like == "ratio" else {takes.like: True}
    shape = shot.width / shot.height
    nearest = min(takes.ratios, key=lambda ratio: abs(math.log(shape / (ratio_of(ratio) or 1))))
    return {"aspect_ratio": asked if asked in takes.ratios else nearest}


# --- requests --------------------------------------------------------------------------------------------------------
def _request(method: str, path: str, credentials: Credentials, body: object = None, **headers: str) -> Request:
    url = (credentials.get("base_url") or BASE_URL).rstrip("/") + path
    named = {"authorization": f"Bearer {credentials.get('token', '')}", **headers}
    return Request(method, url, named, dump(body) if body else b"")


def write(shot: Shot, credentials: Credentials, webhook_url: str | None) -> Request:
    """Create a prediction. Raises ProviderError for a model, a number of pictures or a mask not in the table."""
    takes = _takes(shot)
    body: dict[str, Any] = {"input": _input(takes, shot)}
    if takes.version:
        body["version"] = takes.version
    if webhook_url is not None:
        body |= {"webhook": webhook_url, "webhook_events_filter": ["completed"]}
    headers = {"content-type": "application/json", "cancel-after": f"{DEADLINE}s"}
    path = "/v1/predictions" if takes.version else f"/v1/models/{quote(shot.model)}/predictions"
    return _request("POST", path, credentials, body, **headers)


def write_poll(remote: str, credentials: Credentials) -> Request:
    """Ask for a prediction."""
    return _request("GET", f"/v1/predictions/{quote(remote, safe='')}", credentials)


def write_cancel(remote: str, credentials: Credentials) -> Request:
    """Cancel a prediction; repeating it is harmless."""
    return _request("POST", f"/v1/predictions/{quote(remote, safe='')}/cancel", credentials)


# --- replies ---------------------------------------------------------------------------------------------------------
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_POLICY = re.compile(
    r"\bnsfw\b|\bflagged\b|(?<![-\w])sensitive\b|\bsafety (?:filter|system|check|polic|reason)|\bE005\b"
    r"|content polic|usage polic|\bmoderation (?:block|system|polic)|\bprohibited content",
    re.IGNORECASE,
)
_UNAUTHORIZED = "provider_unauthorized"
_BY_STATUS = {401: _UNAUTHORIZED, 402: "provider_quota", 403: _UNAUTHORIZED, 404: "provider_model_unknown"}


def _object(body: bytes) -> tuple[str, dict[str, Any]]:
    """The body's id and the body as a JSON object; both empty when it has none, or cannot be used."""
    fields = fields_of(body)
    remote = text_of(fields.get("id"), 64)
    return (remote if _ID.fullmatch(remote) else ""), fields


def _reply(prediction: Mapping[str, Any]) -> Reply:
    match prediction.get("status"):
        case "succeeded":
            output = prediction.get("output")
            listed = output if isinstance(output, list) else [output]
            urls = addresses_of(listed)
            deleted = prediction.get("data_removed") is True
            return Ready(urls) if urls else no("provider_expired" if deleted else "provider_empty")
        case "failed":
            return no("content_refused" if _POLICY.search(str(prediction.get("error"))) else "provider_failed")
        case "canceled" | "aborted":
            return no("provider_canceled")
        case _:
            return Working()


def read(response: Response) -> Reply:
    """What a create's answer means. 5xx, other oddities and unreadable bodies are Unknown: it may run, and be paid."""
    remote, prediction = _object(response.body)
    if response.status == 429:
        return later(response.headers)
    if 400 <= response.status < 500 and response.status != 408:
        refused = response.status in (400, 422) and _POLICY.search(str(prediction.get("detail")))
        return no("content_refused" if refused else _BY_STATUS.get(response.status, "provider_invalid_input"))
    if response.status not in (200, 201, 202) or not remote:
        return Unknown()
    reply = _reply(prediction)
    return Taken(remote) if isinstance(reply, Working) else reply


def read_poll(response: Response) -> Reply:
    """What a prediction's state means. Anything but a clear answer is Working: the deadline ends it."""
    if response.status == 404:
        return no("provider_lost")
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


def write_list(model: str, since: int, credentials: Credentials) -> Request:
    """The predictions created from `since` (ms) on, the newest 100."""
    at = datetime.fromtimestamp(since / 1000, UTC).isoformat(timespec="milliseconds")
    request = _request("GET", "/v1/predictions", credentials)
    return replace(request, query={"created_after": at.replace("+00:00", "Z")})


def read_list(response: Response, label: str, hook: str) -> str | None:
    """The prediction that was asked for with our label in its inputs' addresses, or with our webhook's address."""
    listed = within(fields_of(response.body), "results")
    for prediction in listed if response.status == 200 and isinstance(listed, list) else ():
        told = json.dumps([within(prediction, "input"), within(prediction, "webhook")])
        if (label and f"{label}-" in told) or (hook and hook in told):
            return text_of(within(prediction, "id"), 64) or None
    return None


def write_probe(credentials: Credentials) -> Request:
    """Whose token it is; free."""
    return _request("GET", "/v1/account", credentials)


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
    write_list=write_list, read_list=read_list, write_probe=write_probe,
    secrets={"token": True, "webhook_secret": False},
    lasts=3600,
)  # fmt: skip
