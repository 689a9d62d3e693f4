"""ProductAI, the API its pages describe (bearer token, /v1/generate and /v1/jobs): one product picture and a scene in
words become a job of one to four images; it is learnt of by its webhook or by asking.

A create has no idempotency key: whatever leaves its outcome open is Unknown. The prompt always says it all; the
vendor's presets are not used. Its webhooks are not signed: what proves a delivery is the token in the address that the
vendor was given, which nobody can guess and which is checked before the body counts. `verify` therefore asks for no
more than the form of a job.
"""

import math
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from packshot.brief import ratio_of
from packshot.errors import Forged, ProviderError
from packshot.providers import Credentials, Provider
from packshot.replies import (
    MAX_WAIT,
    Later,
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

BASE_URL = "https://api.productai.photo"
MODELS: Mapping[str, int] = {
    "nanobanana2": 5, "nanobananapro": 8, "nanobanana": 3, "kontext-pro": 3, "kontext-max": 3, "seedream": 3,
    "gpt-high": 8,
}  # fmt: skip
"""Each with the vendor's credits for one image."""

RATIOS = ("1:1", "4:3", "3:4", "16:9", "9:16")
MOST_IMAGES = 4

# Not documented: what a webhook carries, and codes of failed jobs beside generation_failed. This is what packshot's own
# API of that form sends, and what the adapter relies on: the webhook's body is that of GET /v1/jobs/{job_id}, and
REFUSED = {"content_moderation": "content_refused", "canceled": "provider_canceled"}


def _request(method: str, path: str, credentials: Credentials, body: object = None) -> Request:
    url = (credentials.get("base_url") or BASE_URL).rstrip("/") + path
    headers = {"authorization": f"Bearer {credentials.get('token', '')}"}
    if body is None:
        return Request(method, url, headers)
    return Request(method, url, {**headers, "content-type": "application/json"}, dump(body))


def _nearest(shot: Shot) -> str:
    shape = shot.width / shot.height
    return min(RATIOS, key=lambda ratio: abs(math.log(shape / (ratio_of(ratio) or 1))))


def write(shot: Shot, credentials: Credentials, webhook_url: str | None) -> Request:
    """Create a job. Raises ProviderError for what this API cannot be told."""
    if shot.model not in MODELS or len(shot.inputs) != 1 or shot.mask is not None:
        raise ProviderError(f"no translation for {len(shot.inputs)} pictures to {shot.model}")
    if not shot.prompt or not 1 <= shot.images <= MOST_IMAGES:
        raise ProviderError(f"{shot.images} images, or no words")
    body: dict[str, Any] = {
        "model": shot.model,
        "image_url": shot.inputs[0].url,
        "prompt": shot.prompt,
        "num_images": shot.images,
        "aspect_ratio": _nearest(shot),
    }
    if webhook_url is not None:
        body["webhook_url"] = webhook_url
    return _request("POST", "/v1/generate", credentials, body)


def write_poll(remote: str, credentials: Credentials) -> Request:
    """Ask for a job."""
    return _request("GET", f"/v1/jobs/{quote(remote, safe='')}", credentials)


def write_probe(credentials: Credentials) -> Request:
    """Whose key it is, and its balance; free."""
    return _request("GET", "/v1/me", credentials)


_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_STATES = ("pending", "processing", "completed", "failed")
_BY_STATUS = {401: "provider_unauthorized", 402: "provider_quota", 403: "provider_quota"}  # 403: the plan is too small


def _object(body: bytes) -> tuple[str, dict[str, Any]]:
    """The body's job id and the body as a JSON object; both empty when it has none, or cannot be used."""
    fields = fields_of(body)
    remote = text_of(fields.get("job_id"), 64)
    return (remote if _ID.fullmatch(remote) else ""), fields


def _reply(job: Mapping[str, Any]) -> Reply:
    match job.get("status"):
        case "completed":
            images = job.get("images")
            urls = addresses_of(within(image, "url") for image in images) if isinstance(images, list) else ()
            return Ready(urls) if urls else no("provider_empty")
        case "failed":
            code = within(job, "error", "code")
            return no(REFUSED.get(code, "provider_failed") if isinstance(code, str) else "provider_failed")
        case _:
            return Working()


def read(response: Response) -> Reply:
    """What a create's answer means. 5xx, other oddities and unreadable bodies are Unknown: it may run, and be paid."""
    remote, job = _object(response.body)
    if response.status == 429:  # the vendor says how long inside the error
        wait = within(job, "error", "retry_after")
        whole = isinstance(wait, int) and not isinstance(wait, bool)
        return Later(min(MAX_WAIT, max(1, wait))) if whole else later(response.headers)
    if 400 <= response.status < 500 and response.status != 408:
        return no(_BY_STATUS.get(response.status, "provider_invalid_input"))
    if response.status not in (200, 201, 202) or not remote:
        return Unknown()
    reply = _reply(job)
    return Taken(remote) if isinstance(reply, Working) else reply


def read_poll(response: Response) -> Reply:
    """What a job's state means. Anything but a clear answer is Working: the deadline ends it."""
    if response.status == 404:
        return no("provider_lost")
    return _reply(_object(response.body)[1]) if response.status == 200 else Working()


def verify(credentials: Credentials, headers: Mapping[str, str], body: bytes, now: int) -> None:
    """Nothing is signed: the token in the address stands alone. Raises Forged for what is no job."""
    try:
        read_webhook(body)
    except ProviderError as error:
        raise Forged(str(error)) from error


def read_webhook(body: bytes) -> tuple[str, Reply]:
    """The job's id and what its state means. Raises ProviderError for anything but a job."""
    remote, job = _object(body)
    if not remote or job.get("status") not in _STATES:
        raise ProviderError("the webhook's body is no job")
    return remote, _reply(job)


provider = Provider(
    completion="webhook",
    base_url=BASE_URL,
    output_hosts=("cdn.productai.photo", "*.productai.photo"),  # the first is that of the page's sample
    images_per_call=MOST_IMAGES,
    typical=(30, 40, 60),  # assumed until measured, but for the 30 s that the page's sample takes
    signs=False,
    deadline=600,  # assumed: what takes longer is not coming
    write=write, read=read,
    write_poll=write_poll, read_poll=read_poll,
    verify=verify, read_webhook=read_webhook, write_probe=write_probe,
    secrets={"token": True},
    poll_pause=6,  # the smallest plan allows ten requests a minute
    lasts=3600,  # assumed: it is a CDN's address, how long it lasts is not said
)  # fmt: skip
