"""Phota: asynchronous jobs (`async: true`); asking for the job is the authority, its callback only a reason to ask.

Every create carries our label as `client_request_id`: the vendor answers a repeated one with the first job and charges
nothing, so a repeat would be safe. Nothing here depends on that: a create is sent once, and what leaves its outcome
open is Unknown (there is no list of jobs to find it in; the callback names it).

The vendor makes `enhance` and `remix` with calls of their own, pinned to nb2 at 2K in the first picture's shape. They
serve where exactly that is asked of nb2; all else that starts from pictures is an edit in words.
"""

import hmac
import math
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from packshot.brief import ratio_of
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

BASE_URL = "https://api.photalabs.com"
API = "/v1/phota"

_ALL = ("1K", "2K", "4K")
MODELS: Mapping[str, tuple[str, ...]] = {
    "nb2": _ALL, "gpt-image-2": _ALL, "qwen-image-2": _ALL[:2], "flux-2": _ALL[:2], "reve": _ALL[:1]
}  # fmt: skip
"""Each with its resolutions."""

RATIOS = ("1:1", "3:4", "4:3", "9:16", "16:9")
PINNED, QUALITY_MODEL = "nb2", "gpt-image-2"
MOST_IMAGES, MOST_INPUTS = 4, 10
OPERATIONS = ("generate", "edit", "enhance", "remix", "relight")

# Not documented: a job's states and body, a callback's body and what exactly is signed of it. This is what packshot's
# own API of that form answers and sends, and what the adapter relies on:
#   job        {"job_id", "status": queued | running | succeeded | failed, "result": the synchronous answer or null,
#              "error": {"code", "detail", "request_id"} or null}; a callback's body is the same
#   signature  X-Phota-Signature: t=<unix time>,v1=<hex>[,v1=<hex>]: HMAC-SHA256 of "<t>.<body>", keyed with the text
#              that GET /v1/phota/webhook-secret gives
STATES = ("queued", "running", "succeeded", "failed")
REFUSED = {
    "CONTENT_MODERATION": "content_refused",  # documented, as the type of an error
    "CANCELED": "provider_canceled",
    "INVALID_REQUEST": "provider_invalid_input",
}
TOLERANCE = 300  # seconds between a signature's time and ours
# Where a signature is made in another way, every callback is refused and asking alone tells. Hosts of signed addresses
# are shown nowhere: the vendor's own domain is assumed.

_BRACKETS = re.compile(r"\[{2,}|\]{2,}")


def _request(method: str, path: str, credentials: Credentials, body: object = None) -> Request:
    url = (credentials.get("base_url") or BASE_URL).rstrip("/") + API + path
    headers = {"x-api-key": credentials.get("token", "")}
    if body is None:
        return Request(method, url, headers)
    return Request(method, url, {**headers, "content-type": "application/json"}, dump(body))


def _framed(shot: Shot) -> dict[str, Any]:
    """Model, shape, size and effort, where they are ours to choose. What is larger than a model's most is enlarged."""
    able, shape = MODELS[shot.model], shot.width / shot.height
    tier = shot.brief.billed_resolution
    nearest = min(RATIOS, key=lambda ratio: abs(math.log(shape / (ratio_of(ratio) or 1))))
    fields: dict[str, Any] = {
        "aspect_ratio": "auto" if shot.inputs and _own_shape(shot) else nearest,
        "resolution": tier if tier in able else able[-1],
        "base_model": shot.model,
    }
    if shot.model == QUALITY_MODEL and shot.brief.detail is not None:
        fields["quality"] = shot.brief.detail
    return fields


def _own_shape(shot: Shot) -> bool:
    """Whether the result has the shape of the first picture."""
    brief = shot.brief
    return brief.like_input or (brief.width is None and brief.aspect_ratio == "auto")


def _call(shot: Shot) -> tuple[str, dict[str, Any]]:
    """The endpoint, and what it takes beside that which all take."""
    urls = [source.url for source in shot.inputs]
    words = {"prompt": _plain(shot.brief.prompt)} if shot.brief.prompt else {}
    if shot.model == PINNED and _own_shape(shot) and shot.brief.billed_resolution != "4K":
        if shot.brief.operation == "enhance" and len(urls) == 1:
            return "/enhance", {"image": urls[0], **words}
        if shot.brief.operation == "remix" and len(urls) == 2:
            return "/remix", {"input_image": urls[0], "reference_image": urls[1], **words}
    if not urls:
        return "/generate", {"prompt": _plain(shot.prompt), **_framed(shot)}
    return "/edit", {"prompt": _plain(shot.prompt), "images": urls, **_framed(shot)}


def _plain(prompt: str) -> str:
    """The words without double brackets: `[[id]]` names a person among the profiles of whoever's key this is."""
    return _BRACKETS.sub(lambda found: found[0][0], prompt)


def write(shot: Shot, credentials: Credentials, webhook_url: str | None) -> Request:
    """Create a job. Raises ProviderError for what this API cannot be told."""
    if shot.model not in MODELS or len(shot.inputs) > MOST_INPUTS or not 1 <= shot.images <= MOST_IMAGES:
        raise ProviderError(f"no translation for {len(shot.inputs)} pictures to {shot.images} of {shot.model}")
    if shot.brief.operation not in OPERATIONS or shot.mask is not None or not (shot.prompt or shot.inputs):
        raise ProviderError(f"no translation for {shot.brief.operation}")
    path, body = _call(shot)
    body |= {
        "num_output_images": shot.images,
        "output_format": "jpg" if shot.brief.format == "jpg" else "png",
        "response_mode": "urls",
        "async": True,
    }
    if webhook_url is not None:
        body["callback_url"] = webhook_url
    if shot.label:
        body["client_request_id"] = shot.label
    return _request("POST", path, credentials, body)


def write_poll(remote: str, credentials: Credentials) -> Request:
    """Ask for a job. The handle's `poll_url` is not used: the documented path is made of the job's id."""
    return _request("GET", f"/jobs/{quote(remote, safe='')}", credentials)


def write_probe(credentials: Credentials) -> Request:
    """The account's profiles; free."""
    return _request("GET", "/profiles/ids", credentials)


_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_BY_STATUS = {401: "provider_unauthorized", 402: "provider_quota", 403: "provider_unauthorized"}


def _object(body: bytes) -> tuple[str, dict[str, Any]]:
    """The body's job id and the body as a JSON object; both empty when it has none, or cannot be used."""
    fields = fields_of(body)
    remote = text_of(fields.get("job_id"), 64)
    return (remote if _ID.fullmatch(remote) else ""), fields


def _reply(job: Mapping[str, Any]) -> Reply:
    match job.get("status"):
        case "succeeded":
            return _made(job.get("result"))
        case "failed":
            return _refusal(within(job, "error", "code"), "provider_failed")
        case _:
            return Working()


def _made(result: object) -> Reply:
    listed = within(result, "download_urls")
    urls = addresses_of(listed) if isinstance(listed, list) else ()
    return Ready(urls) if urls else no("provider_empty")


def _refusal(code: object, otherwise: str) -> Reply:
    return no(REFUSED.get(code, otherwise) if isinstance(code, str) else otherwise)


def read(response: Response) -> Reply:
    """What a create's answer means. 5xx, other oddities and unreadable bodies are Unknown: it may run, and be paid."""
    remote, handle = _object(response.body)
    if response.status == 429:  # no limit is documented
        return later(response.headers)
    if response.status == 400:
        return _refusal(handle.get("code"), "provider_invalid_input")
    if 400 < response.status < 500 and response.status != 408:
        return no(_BY_STATUS.get(response.status, "provider_invalid_input"))
    if response.status not in (200, 201, 202) or not remote:
        return Unknown()
    reply = _reply(handle)
    return Taken(remote) if isinstance(reply, Working) or "result" not in handle else reply


def read_poll(response: Response) -> Reply:
    """What a job's state means. Anything but a clear answer is Working: the deadline ends it."""
    if response.status == 404:
        return no("provider_lost")
    return _reply(_object(response.body)[1]) if response.status == 200 else Working()


_SIGNATURE = re.compile(r"t=([1-9][0-9]{0,11})((?:,v1=[0-9a-f]{64}){1,8})")


def verify(credentials: Credentials, headers: Mapping[str, str], body: bytes, now: int) -> None:
    """The callback's signature; `webhook_secret` may hold two, separated by a space, during rotation. Raises Forged."""
    found = _SIGNATURE.fullmatch(headers.get("x-phota-signature", ""))
    if found is None or abs(now - int(found[1])) > TOLERANCE:
        raise Forged("the signature is missing, malformed or old")
    signed, genuine = f"{found[1]}.".encode() + body, False
    for secret in credentials.get("webhook_secret", "").split():
        expected = "v1=" + hmac.digest(secret.encode(), signed, "sha256").hex()
        for mark in found[2][1:].split(","):
            genuine |= hmac.compare_digest(expected, mark)
    if not genuine:
        raise Forged("no signature matches")


def read_webhook(body: bytes) -> tuple[str, Reply]:
    """The job's id; its state is asked for. Raises ProviderError for anything but a job."""
    remote, job = _object(body)
    if not remote or job.get("status") not in STATES:
        raise ProviderError("the callback's body is no job")
    return remote, Look()


provider = Provider(
    completion="webhook",
    base_url=BASE_URL,
    output_hosts=("photalabs.com", "*.photalabs.com"),
    images_per_call=MOST_IMAGES,
    typical=(20, 40, 90),  # assumed until measured
    deadline=600,  # assumed: what takes longer is not coming
    write=write, read=read,
    write_poll=write_poll, read_poll=read_poll,
    verify=verify, read_webhook=read_webhook, write_probe=write_probe,
    secrets={"token": True, "webhook_secret": False},
    poll_pause=5,  # assumed
    lasts=86_400,
)  # fmt: skip
