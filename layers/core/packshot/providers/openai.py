"""OpenAI Images: one request holds its connection until the picture is there; nothing is named, polled or canceled.

Words alone are JSON to `/images/generations`; pictures are a form to `/images/edits`. There is no idempotency key: an
answer that never came is Unknown, one that came is final, even a 5xx.
"""

import math
import re
from collections.abc import Mapping

from packshot.errors import ProviderError
from packshot.multipart import Part, compose
from packshot.providers import Credentials, Provider
from packshot.replies import MAX_RESULTS, MAX_WAIT, Later, Made, Reply, Shot, bytes_of, fields_of, later, no, within
from packshot.wire import Request, Response, dump

BASE_URL = "https://api.openai.com"
MOST_PICTURES = 16


# --- sizes -----------------------------------------------------------------------------------------------------------
_STEP, _LONGEST, _RATIO = 16, 3840, 3
_FEWEST, _MOST = 655_360, 8_294_400  # pixels

FREE: tuple[tuple[int, int], ...] = ()
FIXED = ((1024, 1024), (1536, 1024), (1024, 1536))
MODELS: Mapping[str, tuple[tuple[int, int], ...]] = {
    "gpt-image-2": FREE,
    "gpt-image-2.5-flare": FREE,
    "gpt-image-2.5-sunburst": FREE,
    "gpt-image-1.5": FIXED,  # until 2026-12-01
}
"""The sizes of each model; none are listed where any within the limits above will do."""


def _free(width: int, height: int) -> tuple[int, int]:
    """The smallest size of that shape that is not smaller, or the largest there is."""
    longer, shorter = max(width, height), min(width, height)
    found = (1024, 1024)
    for long in range(_STEP, _LONGEST + 1, _STEP):
        least = max(long * shorter * _RATIO, long * longer)  # in units of 1 / (_RATIO * longer) pixels
        short = -(-least // (_RATIO * longer * _STEP)) * _STEP
        if _FEWEST <= long * short <= _MOST:
            found = (long, short)
            if long >= longer:
                break
    return found if width >= height else found[::-1]


def _size(shot: Shot) -> str:
    shape, fixed = shot.width / shot.height, MODELS[shot.model]
    nearest = min(fixed, key=lambda size: abs(math.log(shape * size[1] / size[0])), default=None)
    width, height = nearest or _free(shot.width, shot.height)
    return f"{width}x{height}"


# --- requests --------------------------------------------------------------------------------------------------------
def _request(method: str, path: str, credentials: Credentials, body: bytes = b"", kind: str = "") -> Request:
    url = (credentials.get("base_url") or BASE_URL).rstrip("/") + path
    headers = {"authorization": f"Bearer {credentials.get('token', '')}", **({"content-type": kind} if kind else {})}
    return Request(method, url, headers, body)


def write(shot: Shot, credentials: Credentials, webhook_url: str | None) -> Request:
    """Make or edit a picture. Raises ProviderError for a model, a number of pictures or a mask not in the table."""
    if shot.model not in MODELS or len(shot.inputs) > MOST_PICTURES or (shot.mask and not shot.inputs):
        raise ProviderError(f"no translation for {len(shot.inputs)} pictures to {shot.model}")
    fields = {
        "model": shot.model,
        "prompt": shot.prompt,
        "size": _size(shot),
        "quality": shot.brief.detail or "auto",
        "output_format": "jpeg" if shot.brief.format == "jpg" else "png",  # webp is encoded by us
    }
    if not shot.inputs:
        return _request("POST", "/v1/images/generations", credentials, dump(fields), "application/json")
    parts = [Part(key, value.encode()) for key, value in fields.items()]
    name = "image" if len(shot.inputs) == 1 else "image[]"
    for number, source in enumerate(shot.inputs):
        form = source.content_type.removeprefix("image/")
        parts.append(Part(name, source.data, f"{number}.{form}", source.content_type))
    if shot.mask:
        parts.append(Part("mask", shot.mask.data, "mask.png", shot.mask.content_type))
    kind, body = compose(parts)
    return _request("POST", "/v1/images/edits", credentials, body, kind)


def write_probe(credentials: Credentials) -> Request:
    """The models that the key may use; free."""
    return _request("GET", "/v1/models", credentials)


# --- replies ---------------------------------------------------------------------------------------------------------
_BY_CODE = {
    "moderation_blocked": "content_refused",
    "insufficient_quota": "provider_quota",
    "billing_hard_limit_reached": "provider_quota",
    "model_not_found": "provider_model_unknown",
}
_UNAUTHORIZED = "provider_unauthorized"
_BY_STATUS = {401: _UNAUTHORIZED, 402: "provider_quota", 403: _UNAUTHORIZED, 404: "provider_model_unknown"}
_SPAN = re.compile(
    r"(?:([0-9]{1,4})h)?(?:([0-9]{1,5})m(?!s))?(?:([0-9]{1,6}(?:\.[0-9]{1,9})?)s)?(?:([0-9]{1,9}(?:\.[0-9]{1,9})?)ms)?"
)


def _seconds(span: str) -> float:
    """`6m0s`, `1.5s` or `120ms` in seconds; 0 for anything else."""
    found = _SPAN.fullmatch(span)
    parts = found.groups("0") if found else ()
    return sum(float(part) * unit for part, unit in zip(parts, (3600, 60, 1, 0.001), strict=False))


def _busy(headers: Mapping[str, str]) -> Later:
    """When to ask again: `retry-after`, else its milliseconds, else when the last of the limits is whole again."""
    resets = [_seconds(span) for name, span in headers.items() if name.startswith("x-ratelimit-reset-")]
    said = math.ceil(_seconds(f"{headers.get('retry-after-ms', '')}ms") or max(resets, default=0))
    return later({"retry-after": str(min(MAX_WAIT, said))} if said and "retry-after" not in headers else headers)


def read(response: Response) -> Reply:
    """What the one answer means. Nothing can come after it, so nothing stays unknown."""
    fields, status = fields_of(response.body), response.status
    error = within(fields, "error")
    code = _BY_CODE.get(str(within(error, "code"))) or _BY_CODE.get(str(within(error, "type")))
    if status == 429:
        return no(code) if code == "provider_quota" else _busy(response.headers)
    if 400 <= status < 500 and status != 408:
        return no(code or _BY_STATUS.get(status, "provider_invalid_input"))
    if not 200 <= status < 300:
        return no("provider_failed")
    listed = within(fields, "data")
    found = [bytes_of(within(one, "b64_json")) for one in (listed if isinstance(listed, list) else [])[:MAX_RESULTS]]
    pictures = tuple(filter(None, found))
    return Made(pictures) if pictures else no("provider_empty")


provider = Provider(
    completion="sync",
    base_url=BASE_URL,
    output_hosts=(),
    images_per_call=1,
    typical=(30, 60, 120),  # assumed until measured; high quality is said to take up to two minutes
    deadline=240,
    write=write, read=read, write_probe=write_probe,
    secrets={"token": True},
    seconds=180,
    max_answer=45 * 1024 * 1024,  # a PNG of 3840×2160 as base64, and what is around it
    inputs="bytes",
    mask="clear",
)  # fmt: skip
