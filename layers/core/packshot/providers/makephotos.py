"""MakePhotos: one call makes one picture of a product while the caller waits, at most 60 seconds.

The key rides in the query, as its API wants. It gives back the credits of a generation that failed or took too long.

What it does not document, and what is made of it here: the sizes at 2K and 4K (two and four times those at 1K), a 429
(it names no limits; a busy gateway may send one), refused content (a failure like any other). Removing a background
works on pictures in its own storage only, and is not offered.
"""

import math
from collections.abc import Mapping
from typing import Any

from packshot.brief import ratio_of
from packshot.errors import ProviderError
from packshot.providers import Credentials, Provider
from packshot.replies import Ready, Reply, Shot, addresses_of, fields_of, later, no, within
from packshot.wire import Request, Response, dump

BASE_URL = "https://makephotos.ai/api/v1"
MODEL = "product"
"""Its only `type`."""

STYLES = ("studio", "amazon", "luxury", "lifestyle")
"""Also presets of ours."""

RATIOS = ("1:1", "4:3", "3:4", "16:9", "9:16")


def _request(method: str, path: str, credentials: Credentials, body: object = None) -> Request:
    url = (credentials.get("base_url") or BASE_URL).rstrip("/") + path
    headers = {"content-type": "application/json"} if body else {}
    return Request(method, url, headers, dump(body) if body else b"", {"key": credentials.get("key", "")})


def _look(shot: Shot) -> dict[str, str]:
    """A style with its own prompt where nothing else was asked for; else our words, which replace that prompt."""
    brief = shot.brief
    preset = brief.preset or "studio"
    if preset in STYLES and brief.look is None and not brief.prompt:
        return {"style": preset}
    style = preset if preset in STYLES and brief.look is None else "studio"
    return {"style": style, "prompt": shot.prompt} if shot.prompt else {"style": style}


def write(shot: Shot, credentials: Credentials, webhook_url: str | None) -> Request:
    """Make a picture. Raises ProviderError for another model, a mask, or any number of pictures but one."""
    if shot.model != MODEL or len(shot.inputs) != 1 or shot.mask is not None or shot.images != 1:
        raise ProviderError(f"no translation of {len(shot.inputs)} pictures to {shot.model}")
    shape = shot.width / shot.height
    body: dict[str, Any] = {
        "image_url": shot.inputs[0].url,
        "type": MODEL,
        **_look(shot),
        "aspect_ratio": min(RATIOS, key=lambda ratio: abs(math.log(shape / (ratio_of(ratio) or 1)))),
        "resolution": shot.brief.billed_resolution,
    }
    return _request("POST", "/generate", credentials, body)


_UNAUTHORIZED, _QUOTA = "provider_unauthorized", "provider_quota"
_BY_CODE: Mapping[object, str] = {
    "missing_api_key": _UNAUTHORIZED, "invalid_api_key": _UNAUTHORIZED,
    "no_active_subscription": _QUOTA, "insufficient_credits": _QUOTA,
    "invalid_params": "provider_invalid_input",
}  # fmt: skip
_BY_STATUS = {401: _UNAUTHORIZED, 402: _QUOTA, 403: _UNAUTHORIZED, 404: "provider_model_unknown"}


def read(response: Response) -> Reply:
    """What the answer means. It is the last word: nothing comes of a request that ended without a picture."""
    status, fields = response.status, fields_of(response.body)
    if status == 429:
        return later(response.headers)
    if 400 <= status < 500 and status != 408:
        code = within(fields, "error", "code")
        known = _BY_CODE.get(code) if isinstance(code, str) else None
        return no(known or _BY_STATUS.get(status, "provider_invalid_input"))
    if status != 200:
        return no("provider_failed")
    urls = addresses_of([fields.get("result_url")])
    return Ready(urls) if urls else no("provider_empty")


def write_probe(credentials: Credentials) -> Request:
    """What is left of the credits; free."""
    return _request("GET", "/credits", credentials)


provider = Provider(
    completion="sync",
    base_url=BASE_URL,
    output_hosts=("res.cloudinary.com",),
    images_per_call=1,
    typical=(15, 18, 20),  # 10 to 20 s are documented
    deadline=180,
    write=write, read=read, write_probe=write_probe,
    secrets={"key": True},
    lasts=30 * 86_400,  # for good, it says
    seconds=75,
)  # fmt: skip
