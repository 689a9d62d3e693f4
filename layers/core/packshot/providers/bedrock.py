"""Amazon Bedrock: Stability AI's models by InvokeModel; the answer to a create is the picture, in base64.

Credentials are a Bedrock API key (`token`), or an access key whose signature `sign` adds just before a request is
sent: a signature holds the time, and a request says the same whenever it is written. Signing takes `botocore.auth`
alone and no description of a service. A refused prompt or picture is a success with a reason in `finish_reasons`.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote

from packshot.brief import ratio_of
from packshot.errors import ProviderError
from packshot.providers import Credentials, Provider
from packshot.replies import Made, Reply, Shot, Source, bytes_of, fields_of, later, no, within
from packshot.sniff import sniff
from packshot.wire import Request, Response, dump

REGIONS = ("us-west-2", "us-east-1", "us-east-2")  # of the profiles `us.`; the text-to-image models are in the first
_HOSTS = {region: f"bedrock-runtime.{region}.amazonaws.com" for region in REGIONS}
_CONTROL = {region: f"bedrock.{region}.amazonaws.com" for region in REGIONS}
BASE_URL = f"https://{_HOSTS[REGIONS[0]]}"
SERVICE = "bedrock"

# --- what each model takes: a field that is not here is never sent ---------------------------------------------------
_Fields = dict[str, Any]
_RATIOS = ("16:9", "1:1", "21:9", "2:3", "3:2", "4:5", "5:4", "9:16", "9:21")
_SEEDS = 2**32 - 1  # 0 to 4294967294, of which 0 means any


def _words(shot: Shot) -> _Fields:
    if not shot.prompt:
        raise ProviderError(f"{shot.model} takes no picture without words")
    return {"prompt": shot.prompt}


def _text(shot: Shot) -> _Fields:
    shape = shot.width / shot.height
    nearest = min(_RATIOS, key=lambda ratio: abs(math.log(shape / (ratio_of(ratio) or 1))))
    return {**_words(shot), "aspect_ratio": nearest}


def _sd35(shot: Shot) -> _Fields:
    """A ratio is for words alone. With a picture, `strength` must be named: 0 keeps it, 1 ignores it; half is ours."""
    if not shot.inputs:
        return {**_text(shot), "mode": "text-to-image"}
    strength = 0.5 if shot.brief.strength is None else shot.brief.strength
    return {**_words(shot), "mode": "image-to-image", "strength": strength}


def _style(shot: Shot) -> _Fields:
    """Only the caller's own words: the fields tell by themselves which picture is the product and which the look."""
    return {"prompt": shot.brief.prompt} if shot.brief.prompt else {}


def _creativity(least: float, most: float) -> Callable[[Shot], _Fields]:
    """An upscale needs words, and `strength` is a place between the two ends of its range."""

    def fields(shot: Shot) -> _Fields:
        strength = shot.brief.strength
        told = {} if strength is None else {"creativity": round(least + (most - least) * strength, 4)}
        return {"prompt": shot.prompt or "a product photograph, sharp and clean", **told}

    return fields


@dataclass(frozen=True, slots=True)
class _Takes:
    """A model's input: the fields of its pictures, of which it needs `least`, and what else it is told.

    seed, negative  whether it takes a seed, and what to avoid
    jpg             whether it makes that format; `other` is asked for where we encode ourselves
    pixels          of a picture, at most; 0: as many as `longest_input` allows
    """

    images: tuple[str, ...] = ("image",)
    least: int = 1
    more: Callable[[Shot], _Fields] = lambda shot: {}
    seed: bool = True
    negative: bool = True
    mask: bool = False
    jpg: bool = True
    other: str = "png"
    pixels: int = 0


_TEXT = _Takes((), 0, _text)
_PLAIN = _Takes(seed=False, negative=False)
_ENLARGED = _Takes(more=_creativity(0.2, 0.5), other="webp")  # an answer has 16 MB at most: too few for a PNG

MODELS: Mapping[str, _Takes] = {
    "stability.stable-image-core-v1:1": _TEXT,
    "stability.stable-image-ultra-v1:1": _TEXT,
    "stability.sd3-5-large-v1:0": _Takes(least=0, more=_sd35),
    "us.stability.stable-image-inpaint-v1:0": _Takes(more=_words, mask=True),
    "us.stability.stable-image-erase-object-v1:0": _Takes(negative=False, mask=True),
    "us.stability.stable-image-remove-background-v1:0": replace(_PLAIN, jpg=False),
    "us.stability.stable-style-transfer-v1:0": _Takes(("init_image", "style_image"), 2, _style),
    "us.stability.stable-fast-upscale-v1:0": replace(_PLAIN, other="webp", pixels=1 << 20),
    "us.stability.stable-conservative-upscale-v1:0": _ENLARGED,
    "us.stability.stable-creative-upscale-v1:0": replace(_ENLARGED, more=_creativity(0.1, 0.5), pixels=1 << 20),
}


def _takes(shot: Shot) -> _Takes:
    takes = MODELS.get(shot.model)
    if takes is None or not takes.least <= len(shot.inputs) <= len(takes.images):
        raise ProviderError(f"no translation for {len(shot.inputs)} pictures to {shot.model}")
    if takes.mask is (shot.mask is None):
        raise ProviderError(f"{shot.model} takes {'a' if takes.mask else 'no'} mask")
    return takes


def _input(takes: _Takes, shot: Shot) -> _Fields:
    fields = takes.more(shot)
    for name, source in zip(takes.images, shot.inputs, strict=False):
        fields[name] = _small(source, takes.pixels)
    if shot.mask:
        fields["mask"] = shot.mask.base64
    if takes.negative and shot.brief.negative_prompt:
        fields["negative_prompt"] = shot.brief.negative_prompt
    if takes.seed and shot.seed is not None:
        fields["seed"] = shot.seed % _SEEDS or _SEEDS - 1
    return fields | {"output_format": "jpeg" if takes.jpg and shot.brief.format == "jpg" else takes.other}


def _small(source: Source, pixels: int) -> str:
    """The picture in base64, shrunk to a number of pixels."""
    if not pixels or source.width * source.height <= pixels:
        return source.base64
    from packshot.picture import decode, encode, fitted

    shrink = math.sqrt(pixels / (source.width * source.height))
    smaller = fitted(decode(source.data), max(1, int(source.width * shrink)), max(1, int(source.height * shrink)))
    form = "png" if source.content_type == "image/png" else "jpg"
    data = encode(smaller, format=form, quality=95, source_type="digitalCapture")
    return replace(source, data=data).base64


# --- requests --------------------------------------------------------------------------------------------------------
def _region(credentials: Credentials) -> str:
    return credentials.get("region") or REGIONS[0]


def _request(
    method: str, path: str, credentials: Credentials, body: bytes = b"", hosts: Mapping[str, str] = _HOSTS
) -> Request:
    base = credentials.get("base_url")
    if not base and _region(credentials) not in hosts:
        raise ProviderError("these models are in other regions")
    url = (base or f"https://{hosts[_region(credentials)]}").rstrip("/") + path
    headers = {"accept": "application/json", **({"content-type": "application/json"} if body else {})}
    if credentials.get("token"):
        headers["authorization"] = f"Bearer {credentials['token']}"
    return Request(method, url, headers, body)


def write(shot: Shot, credentials: Credentials, webhook_url: str | None) -> Request:
    """InvokeModel, not yet signed. Raises ProviderError for a model, a number of pictures or a mask not in the table,
    and for a region without these models."""
    body = dump(_input(_takes(shot), shot))
    return _request("POST", f"/model/{quote(shot.model, safe='')}/invoke", credentials, body)


def write_probe(credentials: Credentials) -> Request:
    """GetFoundationModel, of the service's other host; free."""
    model = quote("stability.stable-image-core-v1:1", safe="")
    return _request("GET", f"/foundation-models/{model}", credentials, hosts=_CONTROL)


def sign(request: Request, credentials: Credentials, now: int) -> Request:
    """Signature Version 4 as of `now`, in s, over every header; a request that bears an API key stays as it is."""
    if "authorization" in request.headers or not credentials.get("access_key"):
        return request
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest

    stamp = datetime.fromtimestamp(now, UTC).strftime("%Y%m%dT%H%M%SZ")
    headers = {**request.headers, "x-amz-date": stamp}
    if credentials.get("session_token"):
        headers["x-amz-security-token"] = credentials["session_token"]
    keys = SimpleNamespace(access_key=credentials["access_key"], secret_key=credentials.get("secret_key", ""))
    signer = SigV4Auth(keys, SERVICE, _region(credentials))
    asked = AWSRequest(request.method, request.url, headers, request.body, dict(request.query))
    asked.context["timestamp"] = stamp  # what its `add_auth` would take from the clock
    names = signer.signed_headers(signer.headers_to_sign(asked))
    signature = signer.signature(signer.string_to_sign(asked, signer.canonical_request(asked)), asked)
    proof = f"Credential={signer.scope(asked)}, SignedHeaders={names}, Signature={signature}"
    return replace(request, headers={**headers, "authorization": f"AWS4-HMAC-SHA256 {proof}"})


# --- replies ---------------------------------------------------------------------------------------------------------
_UNAUTHORIZED, _QUOTA = "provider_unauthorized", "provider_quota"
_BUSY = ("ThrottlingException", "ModelNotReadyException")
_BY_NAME = {
    "ServiceQuotaExceededException": _QUOTA,
    "ResourceNotFoundException": "provider_model_unknown",  # also one at the end of its life
    "AccessDeniedException": _UNAUTHORIZED,
    "ExpiredTokenException": _UNAUTHORIZED,
    "IncompleteSignatureException": _UNAUTHORIZED,
    "InvalidSignatureException": _UNAUTHORIZED,
    "MissingAuthenticationTokenException": _UNAUTHORIZED,
    "UnrecognizedClientException": _UNAUTHORIZED,
}
_BY_STATUS = {401: _UNAUTHORIZED, 402: _QUOTA, 403: _UNAUTHORIZED, 404: "provider_model_unknown"}


def _name(response: Response, answer: Mapping[str, Any]) -> str:
    """The error's name, without what may stand before `#` and behind `:`."""
    told = response.headers.get("x-amzn-errortype") or str(answer.get("__type", ""))
    return told.partition(":")[0].rpartition("#")[2]


def _result(answer: Mapping[str, Any]) -> Reply:
    reasons = answer.get("finish_reasons")
    reason = next((str(one) for one in reasons if one), "") if isinstance(reasons, list) else ""
    if reason:
        return no("content_refused" if reason.startswith("Filter reason") else "provider_failed")
    picture = bytes_of(within(answer, "images", 0))
    return Made((picture,)) if sniff(picture) else no("provider_empty")


def read(response: Response) -> Reply:
    """What an answer means. Nothing can come later: whatever is neither a picture nor a refusal has failed."""
    status, answer = response.status, fields_of(response.body)
    if 200 <= status < 300:
        return _result(answer)
    name = _name(response, answer)
    if name in _BUSY or (status == 429 and name not in _BY_NAME):
        return later(response.headers)
    if 400 <= status < 500 and status not in (408, 424):  # ModelTimeoutException, ModelErrorException
        return no(_BY_NAME.get(name, _BY_STATUS.get(status, "provider_invalid_input")))
    return no("provider_failed")


provider = Provider(
    completion="sync",
    base_url=BASE_URL,
    output_hosts=(),
    images_per_call=1,
    typical=(6, 12, 30),  # assumed until measured
    deadline=300,
    write=write, read=read, write_probe=write_probe, sign=sign,
    secrets={"token": False, "access_key": False, "secret_key": False, "session_token": False, "region": False},
    api_hosts=(*_HOSTS.values(), *_CONTROL.values())[1:],
    seconds=150,  # a creative upscale takes a minute or more
    max_answer=24 * 1024 * 1024,  # base64 of 16 MB
    inputs="bytes",
    longest_input=3072,  # squared 9,437,184: what a picture may have in pixels
    aws=True,
)  # fmt: skip
