"""fal.ai: a request is queued, runs for seconds, and is learnt of by its webhook or by asking.

A create has no idempotency key: whatever leaves its outcome open is Unknown, never Later. fal's own retries stay on:
what it repeats is not billed. COMPLETED is no success: only the result's own status and body tell. Any customer's
webhook is signed with fal's keys, so the account's `user_id` is compared too, where it is set.
"""

import base64
import hashlib
import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

from packshot.brief import ratio_of
from packshot.errors import Forged, ProviderError
from packshot.providers import Credentials, Provider
from packshot.replies import (
    More,
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

BASE_URL = "https://queue.fal.run"
PLATFORM = "https://api.fal.ai"
KEYS = "https://rest.fal.ai"
TOLERANCE = 300  # seconds

# --- what each model takes: a field that is not here is never sent ---------------------------------------------------
_Fields = dict[str, Any]
_STEPS: Mapping[str, int] = {"low": 15, "medium": 28, "high": 50}


def _ratio(shot: Shot, ratios: tuple[str, ...], auto: str = "auto") -> _Fields:
    """The ratio asked for or the nearest one; the first picture's own is `auto`, or no field at all."""
    brief = shot.brief
    exact = brief.width is not None and not brief.like_input
    asked = "auto" if brief.like_input else "" if exact else brief.aspect_ratio
    if asked == "auto" and shot.inputs:
        return {"aspect_ratio": auto} if auto else {}
    shape = shot.width / shot.height
    nearest = min(ratios, key=lambda ratio: abs(math.log(shape / (ratio_of(ratio) or 1))))
    return {"aspect_ratio": asked if asked in ratios else nearest}


def _fitted(
    shot: Shot, pixels: tuple[int, int], sides: tuple[int, int], step: int = 16, widest: float = 20
) -> tuple[int, int]:
    """The smallest size of that shape that covers the picture, within a model's limits of area, sides and ratio."""
    shape = min(widest, max(1 / widest, shot.width / shot.height))
    cover = max(shot.width, shot.height * shape)
    area = min(pixels[1], max(pixels[0], cover * cover / shape))
    shrink = min(1.0, sides[1] / max(math.sqrt(area * shape), math.sqrt(area / shape)))
    wanted = math.sqrt(area * shape) * shrink, math.sqrt(area / shape) * shrink
    width, height = (min(sides[1], max(sides[0], math.ceil(round(side, 6) / step) * step)) for side in wanted)
    if width * height > pixels[1]:
        width, height = (side - step for side in (width, height))
    return width, height


def _size(shot: Shot, **limits: Any) -> _Fields:
    width, height = _fitted(shot, **limits)
    return {"image_size": {"width": width, "height": height}}


def _google(shot: Shot, ratios: tuple[str, ...], tiers: bool = True) -> _Fields:
    """One picture whatever the words say: each one is billed."""
    tier = {"resolution": shot.brief.billed_resolution} if tiers else {}
    return {**_ratio(shot, ratios), **tier, "limit_generations": True}


def _flex(shot: Shot) -> _Fields:
    fields, brief = _FLUX_2(shot), shot.brief
    if brief.guidance is not None:
        fields["guidance_scale"] = min(10.0, max(1.5, brief.guidance))
    return fields | ({"num_inference_steps": _STEPS[brief.detail]} if brief.detail else {})


def _gpt(shot: Shot) -> _Fields:
    size = _size(shot, pixels=(655_360, 8_294_400), sides=(16, 3840), widest=3)
    return size | ({"quality": shot.brief.detail} if shot.brief.detail else {})


def _qwen(shot: Shot) -> _Fields:
    words = shot.brief.negative_prompt[:500]  # its documented limit
    return _size(shot, pixels=(512**2, 2048**2), sides=(16, 4096)) | ({"negative_prompt": words} if words else {})


def _reve(shot: Shot) -> _Fields:
    return {} if len(shot.inputs) == 1 else _ratio(shot, _REVE, auto="")


def _sdxl(shot: Shot) -> _Fields:
    """A size of about the one megapixel that the model was trained on."""
    fields, brief = _size(shot, pixels=(1024**2, 1024**2), sides=(512, 2048), step=32), shot.brief
    if brief.guidance is not None:
        fields["guidance_scale"] = min(20.0, max(0.0, brief.guidance))
    if brief.detail is not None:
        fields["num_inference_steps"] = _STEPS[brief.detail]
    if brief.strength is not None and shot.inputs:
        fields["strength"] = brief.strength
    return fields | ({"negative_prompt": brief.negative_prompt} if brief.negative_prompt else {})


def _birefnet(shot: Shot) -> _Fields:
    large = max(shot.inputs[0].width, shot.inputs[0].height) > 1024
    return {"operating_resolution": "2048x2048" if large else "1024x1024"}


def _product_shot(shot: Shot) -> _Fields:
    """One placement, one picture: the automatic placement makes, and bills, ten."""
    look = {"ref_image_url": shot.inputs[1].url} if len(shot.inputs) > 1 else {"scene_description": shot.prompt}
    if shot.brief.like_input:
        return {**look, "placement_type": "original", "original_quality": True, "num_results": 1}
    size = _fitted(shot, pixels=(10**6, 10**6), sides=(64, 4096), step=8)
    placed = {"placement_type": "manual_placement", "manual_placement_selection": "bottom_center", "num_results": 1}
    return {**look, **placed, "shot_size": list(size)}


@dataclass(frozen=True, slots=True)
class _Takes:
    """A family of endpoints and its input fields.

    limit    pictures, at most
    more     what it takes beside the words, the pictures, the seed and the format
    text     what the endpoint without pictures is called after the family's id; None: there is none
    edit     the same with pictures; `several`: with more than one, where that is another endpoint
    images   the field of its pictures; one that is no list takes the first
    prompt   whether it takes words; `seeds`: how many seeds there are, 0: it takes none
    form     the field of the file's format, empty when it lets nobody choose one
    """

    limit: int
    more: Callable[[Shot], _Fields]
    text: str | None = ""
    edit: str = "/edit"
    several: str = ""
    images: str = "image_urls"
    prompt: bool = True
    seeds: int = 2**31
    form: str = "output_format"


_BASIC = ("1:1", "2:3", "3:2", "3:4", "4:3", "4:5", "5:4", "9:16", "16:9", "21:9")
_BANANA_2 = (*_BASIC, "1:4", "4:1", "1:8", "8:1")
_KONTEXT_RATIOS = ("1:1", "2:3", "3:2", "3:4", "4:3", "9:16", "16:9", "21:9", "9:21")
_REVE = ("1:1", "2:3", "3:2", "3:4", "4:3", "9:16", "16:9")
_FLUX_2 = partial(_size, pixels=(512**2, 2048**2), sides=(512, 2048))
_KONTEXT = _Takes(1, partial(_ratio, ratios=_KONTEXT_RATIOS, auto=""), "/text-to-image", "", images="image_url")
_CUT = _Takes(1, lambda shot: {}, None, "", images="image_url", prompt=False, seeds=0, form="")
_SEEDREAM = partial(_size, pixels=(960**2, 4096**2), sides=(240, 4096))

MODELS: Mapping[str, _Takes] = {  # where fal names no limit of pictures, it is the model's own
    "fal-ai/nano-banana": _Takes(10, partial(_google, ratios=_BASIC, tiers=False)),
    "fal-ai/nano-banana-2": _Takes(14, partial(_google, ratios=_BANANA_2)),
    "fal-ai/nano-banana-pro": _Takes(14, partial(_google, ratios=_BASIC)),
    "fal-ai/flux-pro/kontext": _KONTEXT,
    "fal-ai/flux-pro/kontext/max": _KONTEXT,
    "fal-ai/flux-2-pro": _Takes(8, _FLUX_2),
    "fal-ai/flux-2-max": _Takes(8, _FLUX_2),
    "fal-ai/flux-2-flex": _Takes(10, _flex),
    "fal-ai/bytedance/seedream/v4": _Takes(10, _SEEDREAM, "/text-to-image", form=""),
    "openai/gpt-image-2": _Takes(10, _gpt, seeds=0),
    "fal-ai/qwen-image-2": _Takes(3, _qwen, "/text-to-image"),
    "fal-ai/reve": _Takes(4, _reve, "/text-to-image", several="/remix", images="image_url", seeds=0),
    "fal-ai/fast-sdxl": _Takes(1, _sdxl, edit="/image-to-image", images="image_url", form="format"),
    "fal-ai/birefnet/v2": replace(_CUT, more=_birefnet),
    "fal-ai/bria/background/remove": _CUT,
    "fal-ai/bria/product-shot": replace(_CUT, limit=2, more=_product_shot),
}


def _asked(shot: Shot) -> tuple[str, _Fields]:
    """The endpoint and its input. Raises ProviderError for what the table does not know."""
    takes, count = MODELS.get(shot.model), len(shot.inputs)
    if takes is None or shot.mask is not None or count > takes.limit or (takes.text is None and not count):
        raise ProviderError(f"no translation for {count} pictures or a mask to {shot.model}")
    fields: _Fields = {"prompt": shot.prompt} if takes.prompt else {}
    several = count > 1 and takes.several
    if count:
        listed = [source.url for source in shot.inputs]
        name = "image_urls" if several else takes.images
        fields[name] = listed if name == "image_urls" else listed[0]
    fields |= takes.more(shot)
    if takes.seeds and shot.seed is not None:
        fields["seed"] = shot.seed % takes.seeds
    if takes.form:  # what we encode ourselves (webp) is asked for without loss
        fields[takes.form] = "jpeg" if shot.brief.format == "jpg" else "png"
    return shot.model + (several or (takes.edit if count else takes.text or "")), fields


# --- requests --------------------------------------------------------------------------------------------------------
def _request(
    method: str, path: str, credentials: Credentials, body: object = None, base: str = BASE_URL, **query: str
) -> Request:
    url = (credentials.get("base_url") or base).rstrip("/") + path
    headers = {"authorization": f"Key {credentials.get('token', '')}"}
    if body is not None:
        headers["content-type"] = "application/json"
    return Request(method, url, headers, dump(body) if body is not None else b"", query)


def write(shot: Shot, credentials: Credentials, webhook_url: str | None) -> Request:
    """Queue a request. Raises ProviderError for a model, a number of pictures or a mask not in the table."""
    endpoint, fields = _asked(shot)
    query = {} if webhook_url is None else {"fal_webhook": webhook_url}
    return _request("POST", f"/{endpoint}", credentials, fields, **query)


def write_poll(remote: str, credentials: Credentials) -> Request:
    """Ask for a request's status."""
    return _request("GET", f"/{remote}/status", credentials)


def write_cancel(remote: str, credentials: Credentials) -> Request:
    """Take it out of the queue, or tell the model to stop; repeating it is harmless."""
    return _request("PUT", f"/{remote}/cancel", credentials)


def write_keys(credentials: Credentials) -> Request:
    """fal's public keys, a JWKS; no secret is sent along."""
    return replace(_request("GET", "/.well-known/jwks.json", credentials, base=KEYS), headers={})


def write_list(model: str, since: int, credentials: Credentials) -> Request:
    """The newest 100 requests with pictures to a model since a time: without pictures none bears our label."""
    start = datetime.fromtimestamp(since / 1000, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    takes = MODELS.get(model)
    query = {"endpoint_id": model + (takes.edit if takes else ""), "start": start, "expand": "payloads", "limit": "100"}
    return _request("GET", "/v1/models/requests/by-endpoint", credentials, base=PLATFORM, **query)


def write_probe(credentials: Credentials) -> Request:
    """What a model costs; free, and it takes a key."""
    return _request("GET", "/v1/models/pricing", credentials, base=PLATFORM, endpoint_id="fal-ai/nano-banana")


# --- replies ---------------------------------------------------------------------------------------------------------
_NAME = r"[A-Za-z0-9][A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]+)*"
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
# Of an address only {owner}/{app}/requests/{id} is kept, whose owner and app are not the endpoint's; what is asked goes
# to the base, so a simulator on this machine may stand anywhere below its port.
_ADDRESS = re.compile(
    rf"(?:https://queue\.fal\.run|http://127\.0\.0\.1:\d{{1,5}}(?:/[a-z_]+)?)/({_NAME}/{_NAME}/requests/({_ID.pattern}))"
)
_LOCKED = re.compile(r"balance|locked", re.IGNORECASE)
_STATUS = re.compile(r"Invalid status code: ([45]\d\d)")
_CREATE = {401: "provider_unauthorized", 402: "provider_quota", 404: "provider_model_unknown"}
_RESULT = {402: "provider_quota", 404: "provider_expired", 499: "provider_canceled"}
_TYPES = {"content_policy_violation": "content_refused", "no_media_generated": "provider_empty"}


def _path(address: object, tail: str = "") -> tuple[str, str]:
    """`{owner}/{app}/requests/{id}` and the id of one of fal's own addresses; empty when it is none."""
    text = text_of(address, 500)
    found = _ADDRESS.fullmatch(text.removesuffix(tail)) if text.endswith(tail) else None
    return (found[1], found[2]) if found else ("", "")


def _refused(status: int, fields: Mapping[str, Any], by_status: Mapping[int, str]) -> Reply:
    """An error by the type that the model gave it, else by its status."""
    detail = fields.get("detail")
    for fault in detail if isinstance(detail, list) else ():
        kind = within(fault, "type")
        if isinstance(kind, str) and kind in _TYPES:
            return no(_TYPES[kind])
    return no(by_status.get(status, "provider_invalid_input" if status < 500 else "provider_failed"))


def _made(output: Mapping[str, Any]) -> Reply:
    flags, images = output.get("has_nsfw_concepts"), output.get("images")
    if isinstance(flags, list) and any(flag is True for flag in flags):
        return no("content_refused")  # the picture is black
    listed = images if isinstance(images, list) else [output.get("image")]
    urls = addresses_of(within(image, "url") for image in listed)
    return Ready(urls) if urls else no("provider_empty")


def read(response: Response) -> Reply:
    """What a create's answer means. 5xx, other oddities and unreadable bodies are Unknown: it may run, and be paid."""
    status, fields = response.status, fields_of(response.body)
    if status == 429:
        return later(response.headers)
    if status == 403:
        return no("provider_quota" if _LOCKED.search(str(fields.get("detail"))) else "provider_unauthorized")
    if 400 <= status < 500 and status not in (408, 499):
        return _refused(status, fields, _CREATE)
    path, number = _path(fields.get("status_url"), "/status")
    return Taken(path) if status == 200 and path and number == fields.get("request_id") else Unknown()


def read_poll(response: Response) -> Reply:
    """What a request's status means; the result of one that has ended lies elsewhere."""
    if response.status == 404:
        return no("provider_lost")
    fields = fields_of(response.body)
    path, _ = _path(fields.get("response_url"))
    ended = response.status == 200 and fields.get("status") == "COMPLETED" and path
    return More(Request("GET", f"/{path}")) if ended else Working()


def read_more(response: Response) -> Reply:
    """What a result means: the model's output, or the failure's own status and body. A proxy's page is neither."""
    status, fields = response.status, fields_of(response.body)
    if status == 200 and fields:
        return _made(fields)
    told = "detail" in fields or "error_type" in fields
    early = status == 400 and "in progress" in str(fields.get("detail"))
    if status < 400 or status in (401, 403, 408, 429) or early or not (told or status == 404):
        return Working()
    return _refused(status, fields, _RESULT)


def verify(credentials: Credentials, headers: Mapping[str, str], body: bytes, now: int) -> None:
    """Ed25519 by any of fal's keys over four lines, within 300 s, about the request that the body names."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    names = ("request-id", "user-id", "timestamp", "signature")
    number, user, stamp, signature = (text_of(headers.get(f"x-fal-webhook-{name}")) for name in names)
    if not (number and user and re.fullmatch(r"[0-9]{1,12}", stamp) and re.fullmatch(r"[0-9a-fA-F]{128}", signature)):
        raise Forged("a header is missing or malformed")
    if abs(now - int(stamp)) > TOLERANCE:
        raise Forged("the message is too old or too new")
    if credentials.get("user_id") and user != credentials["user_id"]:
        raise Forged("it is about another account")
    signed = "\n".join((number, user, stamp, hashlib.sha256(body).hexdigest())).encode()
    keys = within(fields_of(credentials.get("keys", "").encode(errors="replace")), "keys")
    for key in keys[:20] if isinstance(keys, list) else ():
        text = text_of(within(key, "x"))
        try:
            public = Ed25519PublicKey.from_public_bytes(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
            public.verify(bytes.fromhex(signature), signed)
            break
        except (InvalidSignature, ValueError):
            continue
    else:
        raise Forged("no key matches")
    if fields_of(body).get("request_id") != number:
        raise Forged("the body is about another request")


def read_webhook(body: bytes) -> tuple[str, Reply]:
    """The request's id and what became of it. Raises ProviderError for what is no message of fal's."""
    fields = fields_of(body)
    number, status, payload = text_of(fields.get("request_id"), 64), fields.get("status"), fields.get("payload")
    if not _ID.fullmatch(number) or status not in ("OK", "ERROR"):
        raise ProviderError("the webhook's body is no request")
    if fields.get("payload_error") or not isinstance(payload, dict):
        return number, Working()  # asking will bring it
    if status == "OK":
        return number, _made(payload)
    code = _STATUS.search(str(fields.get("error")))
    return number, _refused(int(code[1]) if code else 500, payload, _RESULT)


def read_list(response: Response, label: str, hook: str) -> str | None:
    """The request that was asked for with our label in its inputs' addresses; webhooks are not listed."""
    items = within(fields_of(response.body), "items")
    for item in items if label and response.status == 200 and isinstance(items, list) else ():
        if f"{label}-" in json.dumps(within(item, "json_input")):  # an input is called {label}-{place}.{form}
            app = "/".join(text_of(within(item, "endpoint_id")).split("/")[:2])
            path, _ = _path(f"{BASE_URL}/{app}/requests/{text_of(within(item, 'request_id'))}")
            return path or None
    return None


provider = Provider(
    completion="webhook",
    base_url=BASE_URL,
    output_hosts=("fal.media", "*.fal.media"),
    images_per_call=1,
    typical=(8, 15, 40),  # assumed until measured
    deadline=600,  # assumed: what takes longer is not coming
    write=write, read=read,
    write_poll=write_poll, read_poll=read_poll, read_more=read_more, write_cancel=write_cancel,
    verify=verify, read_webhook=read_webhook, write_keys=write_keys,
    write_list=write_list, read_list=read_list, write_probe=write_probe,
    named=lambda remote: remote.rpartition("/")[2],
    secrets={"token": True, "user_id": False},
    api_hosts=("rest.fal.ai", "api.fal.ai"),
    poll_pause=2,
    lasts=604_800,
)  # fmt: skip
