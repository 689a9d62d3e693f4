"""Photio: six calls, each a POST of JSON that answers with one picture in base64; a route's model is the call's name.

What its pages leave open, and what is made of it here:
status      the body has a `status_code` besides that of HTTP: a call succeeded when both, where given, are 200
codes       200, 401 and 500 are all that is documented; others mean what they mean in HTTP
regen       its path is inferred from the others'
background  removing one is announced without a page, and is not offered
products    `remix` and `instant` take a cut-out only, so a picture without transparency is not sent
sizes       unknown for `generate`; `remix`, `instant` and `regen` give the size of what they were given
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from packshot.errors import ProviderError
from packshot.providers import Credentials, Provider
from packshot.replies import Made, Reply, Shot, bytes_of, fields_of, later, no
from packshot.sniff import sniff
from packshot.wire import Request, Response, dump

BASE_URL = "https://api.photio.io/v1/inference"

_Fields = dict[str, Any]
_QUALITY = {"low": "LOW", "medium": "MIDDLE", "high": "HIGH"}


# --- what each call takes: a field that is not here is never sent ----------------------------------------------------
@dataclass(frozen=True, slots=True)
class _Takes:
    """A call's fields: those of its pictures in order, that of its words, and which wishes it documents.

    own   the words are the caller's alone, where there are any: the call itself says what is to be done
    cut   its first picture is a product without its background
    more  whatever else it takes
    """

    pictures: tuple[str, ...] = ()
    words: str = "prompt"
    negative: bool = True
    detail: bool = False
    seed: bool = False
    mask: str = ""
    own: bool = False
    cut: bool = False
    more: Callable[[Shot], _Fields] = lambda shot: {}


def _guidance(shot: Shot) -> _Fields:
    return {} if shot.brief.guidance is None else {"cfg_scale": shot.brief.guidance}


def _upscaling(shot: Shot) -> _Fields:
    """Near 1, `denoising_strength` means more like the input: the other way round from everybody else's."""
    strength, wanted = shot.brief.strength, shot.brief.scale or 2
    likeness = {} if strength is None else {"denoising_strength": round(1 - strength, 6)}
    return {"upscale_by": 2 if wanted <= 2 else 4, **likeness}


MODELS: Mapping[str, _Takes] = {
    "generate": _Takes(detail=True, seed=True, more=_guidance),
    "instant": _Takes(("product_image",), "product_description", seed=True, cut=True),
    "remix": _Takes(("product_image", "ref_image"), seed=True, own=True, cut=True),
    "upscale": _Takes(("image",), detail=True, own=True, more=_upscaling),
    "regen": _Takes(("base_image",), detail=True, mask="mask_image"),
    "relight": _Takes(("image",), words="", negative=False),
}


def _body(shot: Shot) -> _Fields:
    takes, brief = MODELS.get(shot.model), shot.brief
    if takes is None or len(shot.inputs) != len(takes.pictures) or bool(takes.mask) is (shot.mask is None):
        raise ProviderError(f"no translation of {len(shot.inputs)} pictures to {shot.model}")
    if takes.cut and shot.inputs[0].content_type != "image/png":  # ours are png where they have transparency
        raise ProviderError(f"{shot.model} takes a cut-out")
    fields: _Fields = {}
    if takes.words:
        needed = shot.model != "upscale"
        fields[takes.words] = brief.prompt or (shot.prompt if needed else "") if takes.own else shot.prompt
    fields |= {name: source.base64 for name, source in zip(takes.pictures, shot.inputs, strict=True)}
    if takes.mask and shot.mask:
        fields[takes.mask] = shot.mask.base64
    if takes.negative and brief.negative_prompt:
        fields["negative_prompt"] = brief.negative_prompt
    if takes.detail and brief.detail is not None:
        fields["quality"] = _QUALITY[brief.detail]
    if takes.seed and shot.seed is not None:
        fields["seed"] = shot.seed or 2**32  # its seeds begin at 1
    return fields | takes.more(shot)


def write(shot: Shot, credentials: Credentials, webhook_url: str | None) -> Request:
    """Make a picture. Raises ProviderError for a call, a number of pictures or a mask not in the table."""
    if shot.images != 1:
        raise ProviderError("one picture a call")
    url = f"{(credentials.get('base_url') or BASE_URL).rstrip('/')}/{shot.model}"
    headers = {"x-photio-key": credentials.get("token", ""), "content-type": "application/json"}
    return Request("POST", url, headers, dump(_body(shot)))


# --- replies ---------------------------------------------------------------------------------------------------------
_UNAUTHORIZED = "provider_unauthorized"
_BY_STATUS = {401: _UNAUTHORIZED, 402: "provider_quota", 403: _UNAUTHORIZED, 404: "provider_model_unknown"}
_SPACE = re.compile(r"\s+")


def read(response: Response) -> Reply:
    """What the answer means. It is the last word: nothing comes of a request that ended without a picture."""
    fields = fields_of(response.body)
    status, told = response.status, fields.get("status_code")
    if status == 200 and type(told) is int:
        status = told
    if status == 429:
        return later(response.headers)
    if 400 <= status < 500 and status != 408:
        return no(_BY_STATUS.get(status, "provider_invalid_input"))
    if status != 200:
        return no("provider_failed")
    text = fields.get("body")
    picture = bytes_of(_SPACE.sub("", text)) if isinstance(text, str) else b""
    return Made((picture,)) if sniff(picture) else no("provider_empty")


provider = Provider(
    completion="sync",
    base_url=BASE_URL,
    output_hosts=(),
    images_per_call=1,
    typical=(10, 20, 40),  # assumed until measured
    deadline=300,  # assumed
    write=write, read=read,
    secrets={"token": True},
    seconds=180,  # assumed: the vendor states none
    max_answer=48 * 1024 * 1024,
    inputs="bytes",
    longest_input=2048,  # assumed: keeps a request with a picture and its mask within a few MB
    mask="black",
)  # fmt: skip
