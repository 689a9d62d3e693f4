"""Stability AI: a form goes out, and the picture comes with the answer; two services answer with an id to poll for.

A create has no idempotency key, and there is no webhook, no cancel and no list. Failed calls cost nothing. A refused
result is a success with a blurred picture.
"""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote

from packshot.brief import ratio_of
from packshot.errors import ProviderError
from packshot.multipart import Part, compose
from packshot.providers import Credentials, Provider
from packshot.replies import (
    Made,
    Reply,
    Shot,
    Source,
    Taken,
    Unknown,
    Working,
    bytes_of,
    fields_of,
    later,
    no,
    text_of,
)
from packshot.wire import Request, Response

BASE_URL = "https://api.stability.ai"
LONGEST_INPUT = 1536  # 4 bytes for each of 1536 x 1536 pixels are 9 MiB: no picture alone exceeds the limit
LARGEST_FORM = 10 << 20
LOCKED = 60  # seconds, for more than 150 requests in 10

# --- what each model takes: a field that is not here is never sent ---------------------------------------------------
_Fields = dict[str, Any]
_RATIOS = ("16:9", "1:1", "21:9", "2:3", "3:2", "4:5", "5:4", "9:16", "9:21")
_SEEDS = 2**32 - 1  # 0 to 4294967294, of which 0 means any


def _shape(shot: Shot) -> _Fields:
    shape = shot.width / shot.height
    return {"aspect_ratio": min(_RATIOS, key=lambda ratio: abs(math.log(shape / (ratio_of(ratio) or 1))))}


def _strength(shot: Shot) -> _Fields:
    """It must be named where there is a picture. 0 keeps the picture, 1 ignores it; half is ours."""
    return {"strength": 0.5 if shot.brief.strength is None else shot.brief.strength}


def _ultra(shot: Shot) -> _Fields:
    return _shape(shot) | (_strength(shot) if shot.inputs else {})


def _sd35(shot: Shot) -> _Fields:
    """A ratio is for words alone: a picture keeps its own."""
    fields: _Fields = {"model": shot.model}
    fields |= (
        {"mode": "image-to-image", **_strength(shot)} if shot.inputs else {"mode": "text-to-image", **_shape(shot)}
    )
    return fields | ({} if shot.brief.guidance is None else {"cfg_scale": min(10.0, max(1.0, shot.brief.guidance))})


def _relight(shot: Shot) -> _Fields:
    """The background is put into words, or shown by the last picture; a scene that is only lit anew keeps its own."""
    words = shot.brief.prompt if len(shot.inputs) > 1 else shot.prompt
    if not words and len(shot.inputs) < 2:
        raise ProviderError(f"{shot.model} takes no picture without words")
    fields: _Fields = {"background_prompt": words} if words else {}
    if shot.brief.operation == "relight":
        fields["keep_original_background"] = "true"
    if shot.brief.strength is not None:
        fields["preserve_original_subject"] = round(1 - shot.brief.strength, 4)
    return fields


def _creativity(least: float, most: float) -> Callable[[Shot], _Fields]:
    """An upscale needs words, and `strength` is a place between the two ends of its range."""

    def fields(shot: Shot) -> _Fields:
        strength = shot.brief.strength
        told = {} if strength is None else {"creativity": round(least + (most - least) * strength, 4)}
        return {"prompt": shot.prompt or "a product photograph, sharp and clean", **told}

    return fields


@dataclass(frozen=True, slots=True)
class _Takes:
    """One service: its path, the fields of its pictures, of which it needs `least`, and what else it is told.

    words   the field of the prompt, which is needed where there is one
    rest    whether it takes a seed; `negative`: and what to avoid
    pixels  of a picture, at most
    """

    path: str
    images: tuple[str, ...] = ()
    least: int = 0
    words: str = "prompt"
    more: Callable[[Shot], _Fields] = lambda shot: {}
    seed: bool = True
    negative: bool = True
    mask: bool = False
    jpg: bool = True
    pixels: int = 0


_SD35 = _Takes("generate/sd3", ("image",), more=_sd35)
_PLAIN = _Takes("", ("image",), 1, words="", seed=False, negative=False)

MODELS: Mapping[str, _Takes] = {
    "ultra": _Takes("generate/ultra", ("image",), more=_ultra),
    "core": _Takes("generate/core", more=_shape),
    "sd3.5-large": _SD35,
    "sd3.5-medium": _SD35,
    "sd3.5-large-turbo": replace(_SD35, negative=False),
    "sd3.5-flash": replace(_SD35, negative=False),
    "inpaint": _Takes("edit/inpaint", ("image",), 1, mask=True),
    "remove-background": replace(_PLAIN, path="edit/remove-background", jpg=False),
    "replace-background-and-relight": _Takes(
        "edit/replace-background-and-relight", ("subject_image", "background_reference"), 1, words="", more=_relight
    ),
    "upscale-fast": replace(_PLAIN, path="upscale/fast", pixels=1 << 20),
    "upscale-conservative": _Takes("upscale/conservative", ("image",), 1, words="", more=_creativity(0.2, 0.5)),
    "upscale-creative": _Takes("upscale/creative", ("image",), 1, words="", more=_creativity(0.1, 0.5), pixels=1 << 20),
}


def _takes(shot: Shot) -> _Takes:
    takes = MODELS.get(shot.model)
    if takes is None or not takes.least <= len(shot.inputs) <= len(takes.images):
        raise ProviderError(f"no translation for {len(shot.inputs)} pictures to {shot.model}")
    if takes.mask is (shot.mask is None):
        raise ProviderError(f"{shot.model} takes {'a' if takes.mask else 'no'} mask")
    if takes.words and not shot.prompt:
        raise ProviderError(f"{shot.model} takes no picture without words")
    return takes


def _fields(takes: _Takes, shot: Shot) -> _Fields:
    fields: _Fields = {takes.words: shot.prompt} if takes.words else {}
    fields |= takes.more(shot)
    if takes.negative and shot.brief.negative_prompt:
        fields["negative_prompt"] = shot.brief.negative_prompt
    if takes.seed and shot.seed is not None:
        fields["seed"] = shot.seed % _SEEDS or _SEEDS - 1
    return fields | {"output_format": "jpeg" if takes.jpg and shot.brief.format == "jpg" else "png"}


def _file(name: str, source: Source, pixels: int = 0) -> Part:
    data, form = source.data, "png" if source.content_type == "image/png" else "jpg"
    if pixels and source.width * source.height > pixels:
        from packshot.picture import decode, encode, fitted

        shrink = math.sqrt(pixels / (source.width * source.height))
        smaller = fitted(decode(data), max(1, int(source.width * shrink)), max(1, int(source.height * shrink)))
        data = encode(smaller, format=form, quality=95, source_type="digitalCapture")
    return Part(name, data, f"{name}.{form}", source.content_type)


# --- requests --------------------------------------------------------------------------------------------------------
def _request(method: str, path: str, credentials: Credentials, body: bytes = b"", **headers: str) -> Request:
    url = (credentials.get("base_url") or BASE_URL).rstrip("/") + path
    named = {"authorization": f"Bearer {credentials.get('token', '')}", "accept": "application/json", **headers}
    return Request(method, url, named, body)


def write(shot: Shot, credentials: Credentials, webhook_url: str | None) -> Request:
    """Ask for a picture. Raises ProviderError for a model, a number of pictures or a mask not in the table, and for
    more than may be sent."""
    takes = _takes(shot)
    parts = [_file(name, source, takes.pixels) for name, source in zip(takes.images, shot.inputs, strict=False)]
    parts += [_file("mask", shot.mask)] if shot.mask else []
    parts += [Part(name, str(value).encode()) for name, value in _fields(takes, shot).items()]
    kind, body = compose(parts)
    if len(body) > LARGEST_FORM:
        raise ProviderError("the pictures are too large for one form")
    return _request("POST", f"/v2beta/stable-image/{takes.path}", credentials, body, **{"content-type": kind})


def write_poll(remote: str, credentials: Credentials) -> Request:
    """Ask for a result; only the key that asked for it may."""
    return _request("GET", f"/v2beta/results/{quote(remote, safe='')}", credentials)


def write_probe(credentials: Credentials) -> Request:
    """What is left of the account's credits; free."""
    return _request("GET", "/v1/user/balance", credentials)


# --- replies ---------------------------------------------------------------------------------------------------------
_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")
_BY_STATUS = {
    401: "provider_unauthorized",
    402: "provider_quota",
    403: "provider_unauthorized",
    404: "provider_model_unknown",
}
_BY_NAME = {"content_moderation": "content_refused", "payment_required": "provider_quota"}


def _refusal(status: int, answer: Mapping[str, Any]) -> Reply:
    """An error's name says more than its status: 403 is a refusal of the content, or of the key."""
    return no(_BY_NAME.get(str(answer.get("name")), _BY_STATUS.get(status, "provider_invalid_input")))


def _result(answer: Mapping[str, Any]) -> Reply | None:
    """The picture: `image` where it comes at once, `result` where it is polled for."""
    if answer.get("finish_reason") == "CONTENT_FILTERED":
        return no("content_refused")
    picture = bytes_of(answer.get("image") or answer.get("result"))
    if picture:
        return Made((picture,))
    return no("provider_empty") if "finish_reason" in answer else None


def read(response: Response) -> Reply:
    """What a create's answer means. 5xx, other oddities and unreadable bodies are Unknown: it may run, and be paid."""
    answer = fields_of(response.body)
    if response.status == 429:
        return later(response.headers, LOCKED)
    if 400 <= response.status < 500 and response.status != 408:
        return _refusal(response.status, answer)
    if response.status not in (200, 202):
        return Unknown()
    remote = text_of(answer.get("id"), 128)
    return _result(answer) or (Taken(remote) if _ID.fullmatch(remote) else Unknown())


def read_poll(response: Response) -> Reply:
    """What the answer to a poll means. Anything but a clear answer is Working: the deadline ends it."""
    answer = fields_of(response.body)
    if response.status == 404:
        return no("provider_lost")
    if response.status == 403 and answer.get("name") == "content_moderation":
        return no("content_refused")
    return (_result(answer) if response.status == 200 else None) or Working()


provider = Provider(
    completion="poll",
    base_url=BASE_URL,
    output_hosts=("api.stability.ai",),  # results come inline: no other host is ever fetched from
    images_per_call=1,
    typical=(10, 20, 60),  # assumed until measured
    deadline=600,
    write=write, read=read,
    write_poll=write_poll, read_poll=read_poll, write_probe=write_probe,
    secrets={"token": True},
    poll_pause=10,
    seconds=120,  # assumed: it says nothing of how long it holds a connection
    max_answer=32 * 1024 * 1024,  # base64 of a PNG of about 9 megapixels
    inputs="bytes",
    longest_input=LONGEST_INPUT,
)  # fmt: skip
