"""AIPhotoGenerator: one image per call, by exact size; learnt of by asking for the image.

Bearer token; an image's credits depend on its model and size, so no more pixels are asked for than needed. A create has
no idempotency key: whatever leaves its outcome open is Unknown. The prompt is required and has at most 1024 characters;
a longer one is not cut but refused, so that another route may say it all.
"""

import re
from typing import Any
from urllib.parse import quote

from packshot.errors import ProviderError
from packshot.providers import Credentials, Provider
from packshot.replies import Ready, Reply, Shot, Taken, Unknown, Working, addresses_of, fields_of, later, no, within
from packshot.wire import Request, Response, dump

BASE_URL = "https://www.aiphotogenerator.net"
MODELS = frozenset(
    ("stable-diffusion-xl", "flux-2", "flux-2-flex", "nano-banana-pro", "nano-banana", "nano-banana-2", "seedream-4")
)
MAX_TEXT = 1024
MIN_SIDE, MAX_SIDE = 512, 4096
MAX_INPUT = 10

# Not documented: the vendor's page names polling and shows neither an address for it nor any status but 0. This is what
# packshot's own API of that form answers, and what the adapter relies on:
IMAGES = "/api/images"  # GET {IMAGES}/{id} -> {"success": true, "image": {"id", "status", …, "url" | "error"}}
COMPLETED, FAILED = 2, 3  # 0 is queued (documented), 1 is processing
# Why an image failed is told in free words only, so a refused content is not told from any other failure. Results are
# fetched from the vendor's own domain: no page shows an address of a result. Webhooks are named, too, and described
# nowhere: none is asked for.


def _request(method: str, path: str, credentials: Credentials, body: object = None) -> Request:
    url = (credentials.get("base_url") or BASE_URL).rstrip("/") + path
    headers = {"authorization": f"Bearer {credentials.get('token', '')}", "accept": "application/json"}
    if body is None:
        return Request(method, url, headers)
    return Request(method, url, {**headers, "content-type": "application/json"}, dump(body))


def _size(width: int, height: int) -> dict[str, int]:
    """The size itself where both sides are within the limits, else the nearest of that shape."""
    scale = max(1.0, MIN_SIDE / min(width, height))
    scale = min(scale, MAX_SIDE / max(width, height))
    sides = (min(MAX_SIDE, max(MIN_SIDE, round(side * scale))) for side in (width, height))
    return dict(zip(("width", "height"), sides, strict=True))


def write(shot: Shot, credentials: Credentials, webhook_url: str | None) -> Request:
    """Ask for one image. Raises ProviderError for what this API cannot be told."""
    if shot.model not in MODELS or shot.images != 1 or len(shot.inputs) > MAX_INPUT or shot.mask is not None:
        raise ProviderError(f"no translation for {len(shot.inputs)} pictures to {shot.images} of {shot.model}")
    avoid = shot.brief.negative_prompt
    if not 0 < len(shot.prompt) <= MAX_TEXT or len(avoid) > MAX_TEXT:
        raise ProviderError(f"the words are none, or more than {MAX_TEXT} characters")
    body: dict[str, Any] = {"model": shot.model, "prompt": shot.prompt, **_size(shot.width, shot.height), "count": 1}
    if shot.inputs:
        body["input"] = [source.url for source in shot.inputs]
    if avoid:
        body["negative_prompt"] = avoid
    return _request("POST", f"{IMAGES}/generate", credentials, body)


def write_poll(remote: str, credentials: Credentials) -> Request:
    """Ask for an image."""
    return _request("GET", f"{IMAGES}/{quote(remote, safe='')}", credentials)


_ID = re.compile(r"[A-Za-z0-9_-]{1,100}")
_BY_STATUS = {401: "provider_unauthorized", 402: "provider_quota", 403: "provider_unauthorized"}


def _reply(image: object) -> Reply:
    status = within(image, "status")
    if status == COMPLETED:
        urls = addresses_of([within(image, "url")])
        return Ready(urls) if urls else no("provider_empty")
    return no("provider_failed") if status == FAILED else Working()


def read(response: Response) -> Reply:
    """What a create's answer means. 5xx, other oddities and unreadable bodies are Unknown: it may run, and be paid."""
    if response.status == 429:
        return later(response.headers)
    if 400 <= response.status < 500 and response.status != 408:
        return no(_BY_STATUS.get(response.status, "provider_invalid_input"))
    fields = fields_of(response.body)
    image = within(fields, "images", 0)
    remote = within(image, "id")
    if response.status not in (200, 201, 202) or fields.get("success") is not True:
        return Unknown()
    if not isinstance(remote, str) or not _ID.fullmatch(remote):
        return Unknown()
    reply = _reply(image)
    return Taken(remote) if isinstance(reply, Working) else reply


def read_poll(response: Response) -> Reply:
    """What an image's state means. Anything but a clear answer is Working: the deadline ends it."""
    if response.status == 404:
        return no("provider_lost")
    return _reply(within(fields_of(response.body), "image")) if response.status == 200 else Working()


provider = Provider(
    completion="poll",
    base_url=BASE_URL,
    output_hosts=("aiphotogenerator.net", "*.aiphotogenerator.net"),
    images_per_call=1,
    typical=(12, 25, 50),  # assumed until measured
    deadline=600,  # assumed: what takes longer is not coming
    write=write, read=read,
    write_poll=write_poll, read_poll=read_poll,
    secrets={"token": True},
    poll_pause=3,  # assumed: there is a rate limit of unknown height
    lasts=3600,  # assumed
)  # fmt: skip
