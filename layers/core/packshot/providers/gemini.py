"""Google Gemini image models: `generateContent` holds its connection until the picture is there.

A success may hold no picture: its finish reason or its block reason tells whether the content policy refused. There is
no idempotency key and no way to ask later: an answer that never came is Unknown, one that came is final.
"""

import math
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from packshot.brief import ratio_of
from packshot.errors import ProviderError
from packshot.providers import Credentials, Provider
from packshot.replies import Made, Reply, Shot, bytes_of, fields_of, later, no, within
from packshot.wire import Request, Response, dump

BASE_URL = "https://generativelanguage.googleapis.com"
VERSION = "v1beta"
"""The documents of the image models are written for it; `v1` is served too and is what Google's client now calls."""


# --- what each model takes -------------------------------------------------------------------------------------------
MOST_PICTURES = 14
_COMMON = ("1:1", "2:3", "3:2", "3:4", "4:3", "4:5", "5:4", "9:16", "16:9", "21:9")
_LONG = (*_COMMON, "1:4", "4:1", "1:8", "8:1")

MODELS: Mapping[str, tuple[str, ...]] = {
    "gemini-3.1-flash-image": _LONG,
    "gemini-nano-banana-2.1": _LONG,
    "gemini-3-pro-image": _COMMON,
}
"""The aspect ratios of each model. All of them take the sizes 1K, 2K and 4K."""


def _ratio(ratios: tuple[str, ...], shot: Shot) -> str:
    """The nearest to the final shape; said even where it is the first picture's own, as there may be several."""
    shape, asked = shot.width / shot.height, shot.brief.aspect_ratio
    if asked in ratios and shot.brief.width is None and not shot.brief.like_input:
        return asked
    return min(ratios, key=lambda ratio: abs(math.log(shape / (ratio_of(ratio) or 1))))


# --- requests --------------------------------------------------------------------------------------------------------
def _request(method: str, path: str, credentials: Credentials, body: object = None, **query: str) -> Request:
    url = f"{(credentials.get('base_url') or BASE_URL).rstrip('/')}/{VERSION}/{path}"
    headers = {"x-goog-api-key": credentials.get("token", "")}
    if body is None:
        return Request(method, url, headers, query=query)
    return Request(method, url, {**headers, "content-type": "application/json"}, dump(body))


def write(shot: Shot, credentials: Credentials, webhook_url: str | None) -> Request:
    """Make a picture. Raises ProviderError for a model or a number of pictures not in the table, and for a mask."""
    ratios = MODELS.get(shot.model)
    if ratios is None or len(shot.inputs) > MOST_PICTURES or shot.mask:
        raise ProviderError(f"no translation for {len(shot.inputs)} pictures to {shot.model}")
    parts: list[dict[str, Any]] = [{"text": shot.prompt}]
    parts += [{"inlineData": {"mimeType": each.content_type, "data": each.base64}} for each in shot.inputs]
    image = {"aspectRatio": _ratio(ratios, shot), "imageSize": shot.brief.billed_resolution}
    body = {
        "contents": [{"role": "user", "parts": parts}],
        "generationConfig": {"responseModalities": ["IMAGE"], "imageConfig": image},
    }
    return _request("POST", f"models/{quote(shot.model)}:generateContent", credentials, body)


def write_probe(credentials: Credentials) -> Request:
    """The first of the models that the key may use; free."""
    return _request("GET", "models", credentials, pageSize="1")


# --- replies ---------------------------------------------------------------------------------------------------------
_REFUSED = {
    "SAFETY", "RECITATION", "PROHIBITED_CONTENT", "BLOCKLIST", "SPII",
    "IMAGE_SAFETY", "IMAGE_PROHIBITED_CONTENT", "IMAGE_RECITATION",
}  # fmt: skip
_BLOCKED = {"SAFETY", "OTHER", "BLOCKLIST", "PROHIBITED_CONTENT", "IMAGE_SAFETY"}
_UNAUTHORIZED = "provider_unauthorized"
_BY_STATUS = {401: _UNAUTHORIZED, 402: "provider_quota", 403: _UNAUTHORIZED, 404: "provider_model_unknown"}
_DELAY = re.compile(r"([0-9]{1,6}(?:\.[0-9]{1,9})?)s")


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _details(fields: Mapping[str, Any], kind: str) -> list[Any]:
    """The details of that kind among an error's."""
    listed = _list(within(fields, "error", "details"))
    return [detail for detail in listed if str(within(detail, "@type")).endswith(f"google.rpc.{kind}")]


def _busy(response: Response, fields: Mapping[str, Any]) -> Reply:
    """A 429: a quota that is counted by the day is no use waiting for; any other names its delay."""
    failed = [violation for detail in _details(fields, "QuotaFailure") for violation in _list(detail.get("violations"))]
    if any("PerDay" in str(within(violation, "quotaId")) for violation in failed):
        return no("provider_quota")
    for detail in _details(fields, "RetryInfo"):
        if delay := _DELAY.fullmatch(str(detail.get("retryDelay"))):
            return later({"retry-after": str(math.ceil(float(delay[1])))})
    return later(response.headers)


def _refusal(status: int, fields: Mapping[str, Any]) -> str:
    """The code of a 4xx. A wrong key is a 400 like any other, apart from its reason."""
    if any(detail.get("reason") == "API_KEY_INVALID" for detail in _details(fields, "ErrorInfo")):
        return _UNAUTHORIZED
    if within(fields, "error", "status") == "FAILED_PRECONDITION":  # without billing, or not from this region
        return "provider_quota"
    return _BY_STATUS.get(status, "provider_invalid_input")


def _picture(part: object) -> bytes:
    """A part's picture, unless it is a draft; both spellings of its field are in use."""
    data = within(part, "inlineData") or within(part, "inline_data")
    kind = within(data, "mimeType") or within(data, "mime_type")
    return bytes_of(within(data, "data")) if str(kind).startswith("image/") and not within(part, "thought") else b""


def read(response: Response) -> Reply:
    """What the one answer means: its last picture that is no draft, or why there is none."""
    fields, status = fields_of(response.body), response.status
    if status == 429:
        return _busy(response, fields)
    if 400 <= status < 500 and status != 408:
        return no(_refusal(status, fields))
    if not 200 <= status < 300:
        return no("provider_failed")
    candidate = within(fields, "candidates", 0)
    blocked = candidate is None and str(within(fields, "promptFeedback", "blockReason")) in _BLOCKED
    if blocked or str(within(candidate, "finishReason")) in _REFUSED:
        return no("content_refused")
    parts = _list(within(candidate, "content", "parts"))
    last = next(filter(None, map(_picture, reversed(parts))), b"")
    return Made((last,)) if last else no("provider_empty")


provider = Provider(
    completion="sync",
    base_url=BASE_URL,
    output_hosts=(),
    images_per_call=1,
    typical=(15, 25, 40),  # assumed until measured
    deadline=240,
    write=write, read=read, write_probe=write_probe,
    secrets={"token": True},
    seconds=180,  # assumed: 4K takes longest
    max_answer=45 * 1024 * 1024,  # assumed: a picture of 4K as base64
    inputs="bytes",
    longest_input=2048,  # ours: one picture may have 7 MB, all of a request about 20 MB as base64
)  # fmt: skip
