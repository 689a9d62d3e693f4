"""Amazon Bedrock: InvokeModel for Stability AI's models, signed as AWS signs or with an API key.

Stricter than the original: a field that a model does not document is refused for every model. Where the documents are
silent: sizes are of about one megapixel, an unknown model is a ResourceNotFoundException.
"""

import base64
import hashlib
import hmac
import io
import json
import math
import re
import secrets
from calendar import timegm
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from time import strptime
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from PIL import Image

from simulators.kit import HTML, Asked, credentials, cut, measured, spoiled
from simulators.pictures import render
from simulators.server import Answer, Call, as_json
from simulators.world import World

HELP = """bedrock: directives in a prompt, or in the setting `behave` for models without one

slow fail moderated refused invalid unauthorized quota gone 429 500-before 500-after garbage-after hang-after
no-image black-only broken-output truncated-output wrong-type huge-output

fail              a success whose finish reason is an inference error; fail=ModelTimeoutException, or any other
                  documented error, answers that one after it ran
moderated         a success whose finish reason names the output image;  refused  the prompt, no effect
429=3             ThrottlingException three times
"""

_KEYS = credentials("bedrock")
ACCESS_KEY, SECRET_KEY = _KEYS["access_key"], _KEYS["secret_key"]
TOKEN = "bedrock-api-key-sim-packshot-0000000000000000"
FAR = 300  # seconds that a signature may be old, or early

STATUS = {
    "AccessDeniedException": 403,
    "InternalServerException": 500,
    "InvalidSignatureException": 403,
    "MissingAuthenticationTokenException": 403,
    "ModelErrorException": 424,
    "ModelNotReadyException": 429,
    "ModelTimeoutException": 408,
    "ResourceNotFoundException": 404,
    "ServiceQuotaExceededException": 400,
    "ServiceUnavailableException": 503,
    "ThrottlingException": 429,
    "UnrecognizedClientException": 403,
    "ValidationException": 400,
}

_RATIOS = ("16:9", "1:1", "21:9", "2:3", "3:2", "4:5", "5:4", "9:16", "9:21")
_SEED = range(4294967295)
_WORDS, _PICTURE = "words", "picture"
_ANY = {"negative_prompt": _WORDS, "seed": _SEED, "output_format": ("jpeg", "png", "webp")}
_MOST = 9_437_184

Size = Callable[[int, int], tuple[int, int]]


def _same(width: int, height: int) -> tuple[int, int]:
    return width, height


def _times_four(width: int, height: int) -> tuple[int, int]:
    return width * 4, height * 4


def _four_megapixels(width: int, height: int) -> tuple[int, int]:
    grow = math.sqrt((1 << 22) / (width * height))
    return max(1, round(width * grow)), max(1, round(height * grow))


@dataclass(frozen=True)
class Model:
    """Its fields (the values of a text, a range, `words`, `picture`, or two ends), those needed, what it makes of the
    first picture's size (nothing: of a ratio), how many pixels a picture may have, and where it is."""

    fields: Mapping[str, Any]
    needed: tuple[str, ...] = ("prompt",)
    size: Size | None = None
    pixels: int = _MOST
    regions: tuple[str, ...] = ("us-east-1", "us-east-2", "us-west-2")
    modes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


_TEXT = {"prompt": _WORDS, "aspect_ratio": _RATIOS, **_ANY, "output_format": ("jpeg", "png")}
_IMAGE = {"image": _PICTURE, "prompt": _WORDS, **_ANY}
_STYLE = {"style_strength": (0.0, 1.0), "composition_fidelity": (0.0, 1.0), "change_strength": (0.1, 1.0)}
_WEST = ("us-west-2",)
_MASKED = {"mask": _PICTURE, "grow_mask": range(21)}
_PLAIN = {"image": _PICTURE, "output_format": _ANY["output_format"]}

MODELS: Mapping[str, Model] = {
    "stability.stable-image-core-v1:1": Model(_TEXT, regions=_WEST),
    "stability.stable-image-ultra-v1:1": Model(_TEXT, regions=_WEST),
    "stability.sd3-5-large-v1:0": Model(
        {**_TEXT, **_IMAGE, "mode": ("text-to-image", "image-to-image"), "strength": (0.0, 1.0)},
        regions=_WEST, modes={"image-to-image": ("image", "strength")},
    ),
    "us.stability.stable-image-inpaint-v1:0": Model({**_IMAGE, **_MASKED}, ("image", "prompt"), _same),
    "us.stability.stable-image-erase-object-v1:0": Model({**_PLAIN, **_MASKED, "seed": _SEED}, ("image",), _same),
    "us.stability.stable-image-remove-background-v1:0": Model(_PLAIN, ("image",), _same),
    "us.stability.stable-style-transfer-v1:0": Model(
        {"init_image": _PICTURE, "style_image": _PICTURE, "prompt": _WORDS, **_ANY, **_STYLE},
        ("init_image", "style_image"), _same,
    ),
    "us.stability.stable-fast-upscale-v1:0": Model(_PLAIN, ("image",), _times_four, 1 << 20),
    "us.stability.stable-conservative-upscale-v1:0": Model(
        {**_IMAGE, "creativity": (0.1, 0.5)}, ("image", "prompt"), _four_megapixels
    ),
    "us.stability.stable-creative-upscale-v1:0": Model(
        {**_IMAGE, "creativity": (0.1, 0.5)}, ("image", "prompt"), _four_megapixels, 1 << 20
    ),
}  # fmt: skip


class Simulator:
    """`/bedrock`: what `https://bedrock-runtime.us-west-2.amazonaws.com` is to the world, and its control plane."""

    HELP = HELP

    def __init__(self, world: World, url: str) -> None:
        self.world, self.url = world, url

    def reset(self) -> None:
        """Nothing is kept."""

    def answer(self, call: Call) -> Answer:
        """Route one request."""
        proof = call.headers.get("authorization", "")
        region = "us-west-2" if hmac.compare_digest(proof.encode(), f"Bearer {TOKEN}".encode()) else ""
        if not region:
            wrong, region = self._signed(call, proof)
            if wrong:
                return error(wrong, "The request's signature does not match, or its key is not known.")
        match call.method, *call.path.strip("/").split("/"):
            case "POST", "model", name, "invoke":
                return self._invoke(call, unquote(name), region)
            case "GET", "foundation-models", name if unquote(name) in MODELS:
                details = {"modelId": unquote(name), "modelLifecycle": {"status": "ACTIVE"}}
                return as_json(200, {"modelDetails": details})
        return error("ResourceNotFoundException", "Could not resolve the foundation model from the model identifier.")

    def _signed(self, call: Call, proof: str) -> tuple[str, str]:
        """What is wrong with a signature, if anything, and the region it is for."""
        if not proof:
            return "MissingAuthenticationTokenException", ""
        found = _PROOF.fullmatch(proof)
        date = call.headers.get("x-amz-date", "")
        if found is None or found["key"] != ACCESS_KEY or not _STAMP.fullmatch(date):
            return "UnrecognizedClientException", ""
        signed = found["names"].split(";")
        seen = {"host": urlsplit(self.url).netloc, **call.headers}
        if not {"host", "x-amz-date"} <= set(signed) <= set(seen) or found["date"] != date[:8]:
            return "InvalidSignatureException", ""
        if abs(timegm(strptime(date, "%Y%m%dT%H%M%SZ")) - self.world.now()) > FAR:
            return "InvalidSignatureException", ""
        path = quote(urlsplit(self.url).path + call.path)  # escaped once by who asks, and once more to be signed
        query = "&".join(sorted(f"{quote(name, '')}={quote(value, '')}" for name, value in call.query.items()))
        headers = "".join(f"{name}:{' '.join(seen[name].split())}\n" for name in signed)
        parts = [call.method, path, query, headers, found["names"], hashlib.sha256(call.body).hexdigest()]
        scope = f"{date[:8]}/{found['region']}/bedrock/aws4_request"
        digest = hashlib.sha256("\n".join(parts).encode()).hexdigest()
        key = f"AWS4{SECRET_KEY}".encode()
        for step in scope.split("/"):
            key = hmac.digest(key, step.encode(), "sha256")
        text = f"AWS4-HMAC-SHA256\n{date}\n{scope}\n{digest}"
        right = hmac.new(key, text.encode(), "sha256").hexdigest()
        return "" if hmac.compare_digest(right, found["signature"]) else "InvalidSignatureException", found["region"]

    def _invoke(self, call: Call, name: str, region: str) -> Answer:
        model, body = MODELS.get(name), json.loads(call.body or b"null")
        if model is None or region not in model.regions:
            return error("ResourceNotFoundException", "Could not resolve the foundation model from the identifier.")
        wrong = faults(model, body)
        if wrong:
            return error("ValidationException", f"Malformed input request: {wrong}, please reformat your input.")
        asked = Asked(self.world, "bedrock", str(body.get("prompt", "")))
        if refusal := _refusal(self.world, asked):
            return refusal
        number = secrets.token_hex(16)
        if "hang-after" in asked:
            return Answer(0, effect=number, hang=True)
        self.world.sleep(asked.latency)
        if "500-after" in asked:
            return error("InternalServerException", "An internal server error occurred. Retry your request.", number)
        if "garbage-after" in asked:
            return Answer(200, HTML, {"content-type": "text/html"}, number)
        if asked.value("fail") in STATUS:
            return error(asked.value("fail"), "The model could not process the request.", number)
        if "fail" in asked:
            return as_json(200, {"finish_reasons": ["Inference error"]}, effect=number)
        if "moderated" in asked:
            return as_json(200, {"finish_reasons": ["Filter reason: output image"]}, effect=number)
        seed = body.get("seed") or secrets.randbelow(4294967294) + 1
        data = [] if "no-image" in asked else [spoiled(asked, lambda: _made(name, model, body, asked, seed))]
        images = [base64.b64encode(each).decode() for each in data]
        return as_json(200, {"seeds": [seed], "finish_reasons": [None], "images": images}, effect=number)


def error(name: str, message: str, effect: str = "") -> Answer:
    """An error in the service's form: its name is in a header."""
    return as_json(STATUS[name], {"message": message}, {"x-amzn-errortype": name}, effect)


def faults(model: Model, body: Any) -> str:
    """The first thing wrong with a body, or nothing."""
    if not isinstance(body, dict):
        return "#: expected type: JSONObject"
    for name in (*model.needed, *model.modes.get(str(body.get("mode")), ())):
        if name not in body:
            return f"#: required key [{name}] not found"
    sizes = {}
    for name, value in body.items():
        kind = model.fields.get(name)
        if kind is None:
            return f"#: extraneous key [{name}] is not permitted"
        if kind == _PICTURE:
            try:
                width, height = sizes[name] = measured(base64.b64decode(value, validate=True))
            except (OSError, ValueError, TypeError):
                return f"#/{name}: not a picture in base64"
            if width * height > model.pixels:
                return f"#/{name}: too many pixels"
        elif not _fits(kind, value):
            return f"#/{name}: {value!r:.40} is not valid"
    if len({sizes[name] for name in ("image", "mask") if name in sizes}) > 1:
        return "#/mask: must be as large as the image"
    return ""


def _fits(kind: Any, value: Any) -> bool:
    if kind == _WORDS:
        return isinstance(value, str) and 1 <= len(value) <= 10_000
    if isinstance(kind, range):
        return isinstance(value, int) and not isinstance(value, bool) and value in kind
    if isinstance(kind[0], float):
        return isinstance(value, int | float) and kind[0] <= value <= kind[1]
    return value in kind


def _refusal(world: World, asked: Asked) -> Answer | None:
    if "unauthorized" in asked:
        return error("AccessDeniedException", "You don't have access to the model with the specified model ID.")
    if "quota" in asked:
        return error("ServiceQuotaExceededException", "Your request exceeds the service quota for your account.")
    if "gone" in asked:
        return error("ResourceNotFoundException", "This model version has reached the end of its life.")
    if "invalid" in asked:
        return error("ValidationException", "Malformed input request, please reformat your input and try again.")
    if "refused" in asked:
        return as_json(200, {"finish_reasons": ["Filter reason: prompt"]})
    if asked.once("429"):
        pause = world.settings["retry_after"]
        busy = error("ThrottlingException", "Too many requests, please wait before trying again.")
        return Answer(429, busy.body, {**busy.headers, **({} if pause is None else {"retry-after": str(pause)})})
    if asked.once("500-before"):
        return error("ServiceUnavailableException", "The service is not available.")
    return None


def _made(name: str, model: Model, body: Mapping[str, Any], asked: Asked, seed: int) -> bytes:
    form = body.get("output_format", "png")
    first = next((body[each] for each in ("image", "init_image") if each in body), None)
    product = base64.b64decode(first) if first else None
    if model.size is None or product is None:
        left, _, right = body.get("aspect_ratio", "1:1").partition(":")
        shape = math.sqrt(int(left) / int(right))
        width, height = (max(64, round(1024 * side / 64) * 64) for side in (shape, 1 / shape))
        return render(asked.caption, product, width, height, seed, form)
    if "remove-background" in name:
        return cut(product)
    size = model.size(*measured(product))
    if "upscale" in name:
        with Image.open(io.BytesIO(product)) as opened:
            larger = opened.convert("RGB").resize(size, Image.Resampling.BILINEAR)
        out = io.BytesIO()
        larger.save(out, form.upper())
        return out.getvalue()
    mask = base64.b64decode(body["mask"]) if "mask" in body else None
    return render(asked.caption, product, *size, seed, form, mask)


_STAMP = re.compile(r"[0-9]{8}T[0-9]{6}Z")
_PROOF = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(?P<key>\w+)/(?P<date>[0-9]{8})/(?P<region>[a-z0-9-]+)/bedrock/aws4_request,"
    r" ?SignedHeaders=(?P<names>[a-z0-9;-]+), ?Signature=(?P<signature>[0-9a-f]{64})"
)
