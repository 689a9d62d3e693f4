"""Gemini's image models on loopback: `generateContent` and the list of models under /v1 and /v1beta, as documented.

Field names may be written in either spelling, as Google's servers take both. Stricter than the original in one way: a
field that is not documented for these models is a 400. Not here: streams, the interactions API, files, tools.
"""

import base64
import binascii
import io
import json
import re
import secrets
from collections.abc import Callable, Mapping
from typing import Any

from PIL import Image

from simulators.kit import Asked, black, credentials, picture, spoiled
from simulators.server import Answer, Call, as_json
from simulators.world import World

TOKEN: str = credentials("gemini")["token"]

HELP = """
Gemini (/gemini): POST /v1beta/models/{model}:generateContent, GET /v1beta/models; the same under /v1

[[sim:slow=8]]  [[sim:fail]] a 500 after it ran  [[sim:invalid]]  [[sim:unauthorized]]  [[sim:gone]] 404
[[sim:moderated]] refused after it ran; a finish reason may be named: [[sim:moderated=PROHIBITED_CONTENT]]
[[sim:refused]] at once; a block reason may be named: [[sim:refused=BLOCKLIST]]
[[sim:quota]] the day's quota is used up  [[sim:billing]] 400 FAILED_PRECONDITION  [[sim:429]] [[sim:429=3]]
[[sim:500-before]] [[sim:500-before=3]] overloaded  [[sim:500-after]]  [[sim:garbage-after]]  [[sim:hang-after]]
[[sim:no-image]] NO_IMAGE; another may be named: [[sim:no-image=IMAGE_OTHER]], STOP answers in words only
[[sim:drafts]] a draft before the picture  [[sim:black]]  [[sim:black-only]]  [[sim:broken-output]]
[[sim:truncated-output]]  [[sim:wrong-type]]  [[sim:huge-output]]
"""

COMMON = {
    "1:1": (1024, 1024), "2:3": (848, 1264), "3:2": (1264, 848), "3:4": (896, 1200), "4:3": (1200, 896),
    "4:5": (928, 1152), "5:4": (1152, 928), "9:16": (768, 1376), "16:9": (1376, 768), "21:9": (1584, 672),
}  # fmt: skip
"""Pixels at 1K; the other sizes are multiples."""
LONG = {**COMMON, "1:4": (512, 2048), "4:1": (2048, 512), "1:8": (384, 3072), "8:1": (3072, 384)}
TIMES = {"512": 0.5, "1K": 1, "2K": 2, "4K": 4}

MODELS: Mapping[str, tuple[Mapping[str, tuple[int, int]], Mapping[str, int]]] = {
    "gemini-3.1-flash-image": (LONG, {"512": 747, "1K": 1120, "2K": 1680, "4K": 2520}),
    "gemini-nano-banana-2.1": (LONG, {"1K": 1120, "2K": 1680, "4K": 2520}),
    "gemini-3-pro-image": (COMMON, {"1K": 1120, "2K": 1120, "4K": 2000}),
    "gemini-3.1-flash-lite-image": (LONG, {"1K": 1120}),
}
"""Each model's ratios, and its sizes with the tokens that one picture takes."""

INPUTS = {"PNG": "image/png", "JPEG": "image/jpeg", "WEBP": "image/webp"}
MOST_PICTURES, PICTURE_BYTES, REQUEST_BYTES = 14, 7 << 20, 20 << 20
Fields = dict[str, Any]


class Wrong(Exception):
    """A request that Gemini refuses as INVALID_ARGUMENT."""


# --- requests ----------------------------------------------------------------------------------------------------
def plain(value: object, known: Mapping[str, Callable[[Any], object]], where: str) -> Fields:
    """A message's fields by their names with underscores. Raises Wrong for one that is unknown or of the wrong form."""
    if not isinstance(value, dict):
        raise Wrong(f"Invalid value at '{where}', not an object.")
    found = {re.sub("([A-Z])", r"_\1", name).lower(): each for name, each in value.items()}
    for name, each in found.items():
        if name not in known:
            raise Wrong(f"Invalid JSON payload received. Unknown name \"{name}\" at '{where}': Cannot find field.")
        if not known[name](each):
            raise Wrong(f"Invalid value at '{where}.{name}'.")
    return found


def _text(value: Any) -> bool:
    return isinstance(value, str)


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _list(value: Any) -> bool:
    return isinstance(value, list)


def _object(value: Any) -> bool:
    return isinstance(value, dict)


def _modalities(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and {str(each).upper() for each in value} <= {"TEXT", "IMAGE"}


BODY = {"contents": _list, "generation_config": _object, "safety_settings": _list, "system_instruction": _object}
CONTENT = {"role": lambda value: value in ("user", "model"), "parts": _list}
PART = {
    "text": _text,
    "inline_data": _object,
    "thought": lambda value: isinstance(value, bool),
    "thought_signature": _text,
}
BLOB = {"mime_type": _text, "data": _text}
SAFETY = {"category": _text, "threshold": _text}
CONFIG = {
    "response_modalities": _modalities, "image_config": _object, "temperature": _number, "top_p": _number,
    "top_k": _number, "seed": _number, "candidate_count": lambda value: value == 1, "max_output_tokens": _number,
    "stop_sequences": _list,
}  # fmt: skip
IMAGE = {"aspect_ratio": _text, "image_size": _text}


def words_and_pictures(body: Fields) -> tuple[str, list[bytes]]:
    """All text and all pictures of a request. Raises Wrong."""
    words, pictures = [], []
    for place, content in enumerate(body.get("contents", [])):
        for part in plain(content, CONTENT, f"contents[{place}]").get("parts", []):
            given = plain(part, PART, "parts")
            words.append(given.get("text", ""))
            if "inline_data" in given:
                pictures.append(_picture(plain(given["inline_data"], BLOB, "inline_data")))
    if not any(words) and not pictures:
        raise Wrong("GenerateContentRequest.contents: contents is not specified")
    if len(pictures) > MOST_PICTURES:
        raise Wrong(f"At most {MOST_PICTURES} images are supported.")
    return " ".join(words), pictures


def _picture(blob: Fields) -> bytes:
    text = str(blob.get("data", "")).replace("-", "+").replace("_", "/")  # either alphabet of base64 is taken
    try:
        data = base64.b64decode(text, validate=True)
        with Image.open(io.BytesIO(data)) as image:
            kind = INPUTS.get(image.format or "")
    except (binascii.Error, OSError):
        raise Wrong("Unable to process input image. Please retry.") from None
    if kind is None or kind != blob.get("mime_type") or len(data) > PICTURE_BYTES:
        raise Wrong("Unsupported MIME type or too large an image.")
    return data


def shape_of(model: str, config: Fields, pictures: list[bytes]) -> tuple[int, int, str]:
    """Width, height and size of the picture to be made. Raises Wrong for what the model does not have."""
    ratios, tokens = MODELS[model]
    image = plain(config.get("image_config", {}), IMAGE, "generation_config.image_config")
    size, ratio = image.get("image_size", "1K"), image.get("aspect_ratio", "1:1")
    if size not in tokens or ratio not in ratios:
        raise Wrong(f"{model} has no aspect ratio {ratio} at {size}.")
    if "aspect_ratio" not in image and pictures:
        with Image.open(io.BytesIO(pictures[-1])) as last:
            ratio = min(ratios, key=lambda name: abs(ratios[name][0] / ratios[name][1] - last.width / last.height))
    width, height = (round(side * TIMES[size]) for side in ratios[ratio])
    return width, height, size


# --- the service -------------------------------------------------------------------------------------------------
def problem(status: int, name: str, message: str, *details: Fields) -> Answer:
    """An error as Google writes it."""
    error: Fields = {"code": status, "message": message, "status": name}
    return as_json(status, {"error": {**error, "details": list(details)} if details else error})


def detail(kind: str, **fields: Any) -> Fields:
    """One detail of an error."""
    return {"@type": f"type.googleapis.com/google.rpc.{kind}", **fields}


class Simulator:
    """`/gemini`: what `https://generativelanguage.googleapis.com` is to the world."""

    HELP = HELP

    def __init__(self, world: World, url: str) -> None:
        self.world = world
        self.reset()

    def reset(self) -> None:
        """Forget how many pictures were made: the same words give another picture each time."""
        self.made = 0

    def answer(self, call: Call) -> Answer:
        """Route one request."""
        key = call.headers.get("x-goog-api-key") or call.query.get("key")
        if not key:
            return problem(403, "PERMISSION_DENIED", "Method doesn't allow unregistered callers.")
        if not secrets.compare_digest(key.encode(), TOKEN.encode()):
            return _wrong_key()
        version, _, rest = call.path.strip("/").partition("/")
        if version not in ("v1", "v1beta"):
            return Answer(404, b"<!DOCTYPE html><title>Error 404 (Not Found)!!1</title>", {"content-type": "text/html"})
        kind, _, name = rest.partition("/")
        model, _, verb = name.partition(":")
        if kind != "models" or (name and model not in MODELS):
            return _unknown(model, version)
        try:
            match call.method, bool(name), verb:
                case "GET", False, "":
                    return _listed(call)
                case "GET", True, "":
                    return as_json(200, _model(model))
                case "POST", True, "generateContent":
                    return self._make(model, version, call.body)
        except Wrong as wrong:
            return problem(400, "INVALID_ARGUMENT", str(wrong))
        return _unknown(model, version)

    def _make(self, model: str, version: str, raw: bytes) -> Answer:
        if len(raw) > REQUEST_BYTES:
            raise Wrong("Request payload size exceeds the limit: 20971520 bytes.")
        try:
            parsed = json.loads(raw)
        except ValueError:
            raise Wrong("Invalid JSON payload received.") from None
        body = plain(parsed, BODY, "request")
        config = plain(body.get("generation_config", {}), CONFIG, "generation_config")
        for setting in body.get("safety_settings", []):
            plain(setting, SAFETY, "safety_settings")
        words, pictures = words_and_pictures(body)
        width, height, size = shape_of(model, config, pictures)
        asked = Asked(self.world, "gemini", words)
        if "gone" in asked:
            return _unknown(model, version)
        if refusal := self._refusal(asked, model):
            return refusal
        number = f"gen_{secrets.token_urlsafe(16)}"
        self.world.sleep(asked.latency)
        if "hang-after" in asked:
            return Answer(0, effect=number, hang=True)
        if "500-after" in asked or "fail" in asked:
            return Answer(500, problem(500, "INTERNAL", "An internal error has occurred.").body, effect=number)
        if "garbage-after" in asked:
            return Answer(200, b"<html><h1>It worked!</h1></html>", {"content-type": "text/html"}, number)
        candidate = self._candidate(asked, pictures, (width, height), config)
        used = MODELS[model][1][size]
        prompt = len(words) // 4 + 1 + 1120 * len(pictures)
        usage = {"promptTokenCount": prompt, "candidatesTokenCount": used, "totalTokenCount": prompt + used}
        told = {"candidates": [candidate], "usageMetadata": usage, "modelVersion": model, "responseId": number}
        return as_json(200, told, effect=number)

    def _refusal(self, asked: Asked, model: str) -> Answer | None:
        if asked.once("429"):
            pause = self.world.settings["retry_after"]
            wait = [] if pause is None else [detail("RetryInfo", retryDelay=f"{pause}s")]
            return problem(
                429, "RESOURCE_EXHAUSTED", "You exceeded your current quota.", _quota(model, "Minute"), *wait
            )
        if asked.once("500-before"):
            return problem(503, "UNAVAILABLE", "The model is overloaded. Please try again later.")
        if "quota" in asked:  # looks like any other 429 apart from the quota's name
            wait = [detail("RetryInfo", retryDelay="7s")]
            return problem(429, "RESOURCE_EXHAUSTED", "You exceeded your current quota.", _quota(model, "Day"), *wait)
        if "unauthorized" in asked:
            return _wrong_key()
        if "billing" in asked:
            return problem(400, "FAILED_PRECONDITION", "Please enable billing on your project.")
        if "invalid" in asked:
            raise Wrong("The simulator was asked to find a fault.")
        if "refused" in asked:
            feedback = {"blockReason": asked.value("refused", "PROHIBITED_CONTENT")}
            return as_json(
                200, {"promptFeedback": feedback, "usageMetadata": {"promptTokenCount": 1}, "modelVersion": model}
            )
        return None

    def _candidate(self, asked: Asked, pictures: list[bytes], size: tuple[int, int], config: Fields) -> Fields:
        if "moderated" in asked:
            return {"finishReason": asked.value("moderated", "IMAGE_SAFETY"), "index": 0}
        parts: list[Fields] = []
        if "no-image" in asked:
            reason = asked.value("no-image", "NO_IMAGE")
            parts = [{"text": "I can only describe it."}] if reason == "STOP" else []
            return {"content": {"role": "model", "parts": parts}, "finishReason": reason, "index": 0}
        with self.world.lock:
            self.made += 1
            seed = self.made
        if "TEXT" in map(str.upper, config.get("response_modalities", ["TEXT", "IMAGE"])):
            parts.append({"text": "Here is your picture."})
        if "drafts" in asked:
            parts += [{**_inline(black(64, 64)), "thought": True}, _inline(black(64, 64))]
        data = spoiled(asked, picture(asked, pictures[0] if pictures else None, *size, seed, "jpeg"))
        parts.append({**_inline(data), "thoughtSignature": base64.b64encode(b"signature").decode()})
        return {"content": {"role": "model", "parts": parts}, "finishReason": "STOP", "index": 0}


def _inline(data: bytes) -> Fields:
    kind = "image/png" if data.startswith(b"\x89PNG") else "image/jpeg"
    return {"inlineData": {"mimeType": kind, "data": base64.b64encode(data).decode()}}


def _quota(model: str, span: str) -> Fields:
    name = f"GenerateRequestsPer{span}PerProjectPerModel"
    metric = "generativelanguage.googleapis.com/generate_requests_per_model"
    violation = {"quotaMetric": metric, "quotaId": name, "quotaDimensions": {"location": "global", "model": model}}
    return detail("QuotaFailure", violations=[violation])


def _wrong_key() -> Answer:
    info = detail("ErrorInfo", reason="API_KEY_INVALID", domain="googleapis.com",
                  metadata={"service": "generativelanguage.googleapis.com"})  # fmt: skip
    return problem(400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key.", info)


def _unknown(model: str, version: str) -> Answer:
    words = f"models/{model} is not found for API version {version}, or is not supported for generateContent."
    return problem(404, "NOT_FOUND", words)


def _listed(call: Call) -> Answer:
    asked, token = call.query.get("pageSize", "50"), call.query.get("pageToken", "0")
    if not (asked.isdecimal() and token.isdecimal()):
        raise Wrong("Invalid page.")
    first, size = int(token), int(asked) or 50
    names = list(MODELS)
    rest = {"nextPageToken": str(first + size)} if first + size < len(names) else {}
    return as_json(200, {"models": [_model(name) for name in names[first : first + size]], **rest})


def _model(name: str) -> Fields:
    return {"name": f"models/{name}", "displayName": name, "version": "001", "inputTokenLimit": 131_072,
            "outputTokenLimit": 32_768, "supportedGenerationMethods": ["generateContent", "countTokens"]}  # fmt: skip
