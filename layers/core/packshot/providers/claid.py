"""Claid: edits and scenes are in the create's own answer; a prompted edit is accepted by number and asked for.

One provider, four calls; a route's model says which: `scene`, `ai-edit`, `remove-background`, `upscale`. A create has
no idempotency key, so whatever leaves its outcome open is Unknown. Results lie at Claid for a day. Its webhook is set
once for an account and tells of prompted edits; it has no time in it, but a delivery that comes twice changes nothing.

Claid documents no answer of its own for refused content, so nothing here is final; and no free call, so no probe.
"""

import math
import re
from collections.abc import Callable, Mapping
from hmac import compare_digest, digest
from typing import Any

from packshot.brief import ratio_of
from packshot.errors import Forged, ProviderError
from packshot.providers import Credentials, Provider
from packshot.replies import (
    Ready,
    Reply,
    Shot,
    Taken,
    Unknown,
    Working,
    addresses_of,
    bytes_of,
    fields_of,
    later,
    no,
    within,
)
from packshot.wire import Request, Response, dump

BASE_URL = "https://api.claid.ai"

_Fields = dict[str, Any]
_SCENES = ("1:1", "2:3", "3:2", "3:4", "4:3", "4:5", "5:4", "9:16", "16:9", "21:9")
_EDITS = ("1:1", "2:3", "3:2", "3:4", "4:3", "9:16", "16:9", "9:21", "21:9")
_PREFERENCE = {"low": "fast", "medium": "optimal", "high": "best"}


# --- what each call takes: a field that is not here is never sent ----------------------------------------------------
def _nearest(shot: Shot, ratios: tuple[str, ...]) -> str:
    shape = shot.width / shot.height
    return min(ratios, key=lambda ratio: abs(math.log(shape / (ratio_of(ratio) or 1))))


def _words(text: str, most: int) -> str:
    """A prompt within the documented 3 to `most` characters; another is not sent at all."""
    if not 3 <= len(text) <= most:
        raise ProviderError(f"a prompt has 3 to {most} characters")
    return text


def _own_shape(shot: Shot) -> bool:
    """Whether the result has the first picture's shape, to within 2 %."""
    first = shot.inputs[0]
    return abs(math.log(shot.width / shot.height * first.height / first.width)) < 0.02


def _format(shot: Shot) -> str:
    return "jpeg" if shot.brief.format == "jpg" else "png"


def _scene(shot: Shot) -> _Fields:
    """A scene around a product: where it stands in its own picture, or, in another shape, in the middle at 0.8 of the
    room (our choice). One image: the default would be four."""
    brief, where = shot.brief, _Fields(placement_type="original")
    if not _own_shape(shot):
        where = {"placement_type": "absolute", "scale": 0.8}
    scene = {"model": "v2", "prompt": _words(shot.prompt, 2048), "aspect_ratio": _nearest(shot, _SCENES)}
    if brief.negative_prompt:
        scene["negative_prompt"] = _words(brief.negative_prompt, 2048)
    if brief.detail is not None:
        scene["preference"] = _PREFERENCE[brief.detail]
    picture = {"image_url": shot.inputs[0].url, **where}
    return {"object": picture, "scene": scene, "output": {"number_of_images": 1, "format": _format(shot)}}


def _ai_edit(shot: Shot) -> _Fields:
    """The newer model keeps the picture's shape; the older one is there for those who want another."""
    options = {"model": "v2", "prompt": _words(shot.prompt, 5000)}
    if not _own_shape(shot):
        options |= {"model": "v1", "aspect_ratio": _nearest(shot, _EDITS)}
    output = {"number_of_images": 1, "format": _format(shot)}
    return {"input": shot.inputs[0].url, "options": options, "output": output}


def _edit(shot: Shot, operations: _Fields, form: str) -> _Fields:
    return {"input": shot.inputs[0].url, "operations": operations, "output": {"format": form}}


def _remove_background(shot: Shot) -> _Fields:
    """Transparent needs png: the default format is jpeg."""
    colour = "#ffffff" if shot.brief.background == "white" else "transparent"
    background = {"remove": {"category": "products", "clipping": False}, "color": colour}
    return _edit(shot, {"background": background}, "png" if colour == "transparent" else _format(shot))


def _upscale(shot: Shot) -> _Fields:
    size = {"width": shot.width, "height": shot.height, "fit": "crop"}
    return _edit(shot, {"restorations": {"upscale": "smart_enhance"}, "resizing": size}, _format(shot))


MODELS: Mapping[str, tuple[str, Callable[[Shot], _Fields]]] = {
    "scene": ("/v1/scene/create", _scene),
    "ai-edit": ("/v1/image/ai-edit", _ai_edit),
    "remove-background": ("/v1/image/edit", _remove_background),
    "upscale": ("/v1/image/edit", _upscale),
}
"""Where each goes, and its body."""


# --- requests --------------------------------------------------------------------------------------------------------
def _request(method: str, path: str, credentials: Credentials, body: _Fields | None = None) -> Request:
    url = (credentials.get("base_url") or BASE_URL).rstrip("/") + path
    headers = {"authorization": f"Bearer {credentials.get('token', '')}"}
    if body is None:
        return Request(method, url, headers)
    return Request(method, url, {**headers, "content-type": "application/json"}, dump(body))


def write(shot: Shot, credentials: Credentials, webhook_url: str | None) -> Request:
    """One call. Raises ProviderError for a model, a number of pictures, a mask or words that it does not take."""
    if shot.model not in MODELS or len(shot.inputs) != 1 or shot.mask is not None or shot.images != 1:
        raise ProviderError(f"no translation to {shot.model}")
    path, body = MODELS[shot.model]
    return _request("POST", path, credentials, body(shot))


def write_poll(remote: str, credentials: Credentials) -> Request:
    """Ask for a prompted edit: `remote` is the path of the address that Claid gave for it."""
    return _request("GET", remote, credentials)


def named(remote: str) -> str:
    """The number by which webhooks speak of it: the end of its path."""
    return remote.rpartition("/")[2]


# --- replies ---------------------------------------------------------------------------------------------------------
# Claid itself writes result_url with http://. Only the path is kept, and goes back to the base over https; a simulator
# is told by its loopback address.
_RESULT_URL = re.compile(
    r"https?://(?:api\.claid\.ai|127\.0\.0\.1:[0-9]{1,5}/claid)(/v1/image/[a-z][a-z/-]{0,40}/([0-9]{1,20}))", re.ASCII
)
_UNAUTHORIZED, _INVALID = "provider_unauthorized", "provider_invalid_input"
_BY_STATUS = {
    401: _UNAUTHORIZED, 402: "provider_quota", 403: _UNAUTHORIZED, 404: "provider_model_unknown",
    409: "provider_failed",
}  # fmt: skip


def _number(data: object) -> str:
    number = within(data, "id")
    return str(number) if isinstance(number, int) and 0 < number < 10**18 and number is not True else ""


def _pictures(told: object) -> Reply:
    """Temporary addresses, of one result or a list of them."""
    listed = told if isinstance(told, list) else [told]
    urls = addresses_of(within(one, "tmp_url") for one in listed)
    return Ready(urls) if urls else no("provider_empty")


def _state(data: object) -> Reply:
    match within(data, "status"):
        case "DONE":
            result = within(data, "result")
            made = _pictures(within(result, "output_objects") or within(result, "output_object"))
            return no("provider_failed") if within(data, "errors") else made
        case "ERROR":
            return no("provider_failed")
        case "CANCELLED":
            return no("provider_canceled")
        case _:
            return Working()


def read(response: Response) -> Reply:
    """What a create's answer means: pictures, or an accepted number. What is unclear may run, and cost: Unknown."""
    status, headers, data = response.status, response.headers, within(fields_of(response.body), "data")
    if status == 429:
        return later({"retry-after": headers.get("ratelimit-reset") or headers.get("retry-after", "")})
    if 400 <= status < 500 and status != 408:
        return no(_BY_STATUS.get(status, _INVALID))
    if status != 200 or not isinstance(data, dict):
        return Unknown()
    if "output" in data:
        return _pictures(data["output"])
    reply, number, given = _state(data), _number(data), within(data, "result_url")
    if not number or "status" not in data or not isinstance(reply, Working):
        return reply if number and "status" in data else Unknown()
    found = _RESULT_URL.fullmatch(given) if isinstance(given, str) else None
    return Taken(found[1]) if found and found[2] == number else Unknown()


def read_poll(response: Response) -> Reply:
    """What a prompted edit's state means. Anything but a clear answer is Working: the deadline ends it."""
    if response.status == 404:
        return no("provider_lost")
    return _state(within(fields_of(response.body), "data")) if response.status == 200 else Working()


# --- webhooks --------------------------------------------------------------------------------------------------------
_HEX = re.compile(r"[0-9a-fA-F]{64}")


def verify(credentials: Credentials, headers: Mapping[str, str], body: bytes, now: int) -> None:
    """HMAC-SHA256 of the raw body. Claid does not say how the digest is written: hex and base64 are both taken.

    Without a secret of ours nothing can prove itself. Raises Forged.
    """
    secret, given = credentials.get("webhook_secret", ""), headers.get("x-claid-hmac-sha256", "")
    told = bytes.fromhex(given) if _HEX.fullmatch(given) else bytes_of(given)
    if not secret or not compare_digest(told, digest(secret.encode(errors="replace"), body, "sha256")):
        raise Forged("the signature does not match")


def read_webhook(body: bytes) -> tuple[str, Reply]:
    """The request's number and what its state means. Raises ProviderError for anything but a result."""
    data = within(fields_of(body), "data")
    number = _number(data)
    if not number or not isinstance(within(data, "status"), str):
        raise ProviderError("the webhook's body is no result")
    return number, _state(data)


provider = Provider(
    completion="poll",
    base_url=BASE_URL,
    output_hosts=("dl.claid.ai",),
    images_per_call=1,
    typical=(10, 20, 40),  # assumed until measured
    deadline=600,  # assumed
    write=write, read=read,
    write_poll=write_poll, read_poll=read_poll, named=named,
    verify=verify, read_webhook=read_webhook,
    secrets={"token": True, "webhook_secret": False},
    account_hook=True,
    poll_pause=3,  # 4 requests a second and 120 a minute are for everything
    lasts=86_400,
    seconds=120,  # assumed: an edit or a scene is made while the call waits
)  # fmt: skip
