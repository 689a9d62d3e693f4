"""OpenAI Images on loopback: generations, edits and the list of models, as its reference and its client document them.

Stricter than the original in one way: a parameter that the reference does not list for a model is a 400, transparent
backgrounds too. Not here: streams, edits as JSON, files by id, GIF and SVG. Token counts are made up from the prices.
"""

import base64
import email
import email.policy
import io
import json
import re
import secrets
from collections.abc import Callable, Mapping
from email.message import EmailMessage
from typing import Any

from PIL import Image

from simulators.kit import Asked, credentials, spoiled
from simulators.pictures import render, size_of
from simulators.server import Answer, Call, as_json
from simulators.world import World

TOKEN: str = credentials("openai")["token"]

HELP = """
OpenAI Images (/openai): POST /v1/images/generations and /v1/images/edits, GET /v1/models

[[sim:slow=8]]  [[sim:fail]] a 500 after it ran  [[sim:moderated]] refused after it ran  [[sim:refused]] at once
[[sim:invalid]]  [[sim:unauthorized]]  [[sim:unverified]] 403  [[sim:quota]] insufficient_quota  [[sim:gone]] 404
[[sim:429]] [[sim:429=3]]  [[sim:500-before]] [[sim:500-before=3]]  [[sim:500-after]]  [[sim:garbage-after]]
[[sim:hang-after]]  [[sim:no-image]]  [[sim:black]]  [[sim:black-only]]  [[sim:broken-output]]
[[sim:truncated-output]]  [[sim:wrong-type]]  [[sim:huge-output]]
"""

SOON = "2026-12-01"
MODELS: Mapping[str, str | None] = {
    "gpt-image-2": None,
    "gpt-image-2-2026-04-21": None,
    "gpt-image-2.5-flare": None,
    "gpt-image-2.5-flare-2026-09-08": None,
    "gpt-image-2.5-sunburst": None,
    "gpt-image-2.5-sunburst-2026-09-08": None,
    "gpt-image-1.5": SOON,
    "gpt-image-1-mini": SOON,
    "chatgpt-image-latest": SOON,
}
"""Every model and when it is shut down."""

THREE = ("1024x1024", "1536x1024", "1024x1536")
TOKENS = {
    "low": 200,
    "medium": 1767,
    "high": 7033,
    "xhigh": 7033,
    "max": 7033,
}  # of a square of 1024; made up above high
KINDS = {"PNG": "image/png", "JPEG": "image/jpeg", "WEBP": "image/webp"}
Fields = dict[str, Any]


class Wrong(Exception):
    """A request that OpenAI refuses with a 400."""

    def __init__(self, message: str, param: str | None, code: str | None = "invalid_value") -> None:
        super().__init__(message)
        self.message, self.param, self.code = message, param, code


# --- parameters --------------------------------------------------------------------------------------------------
def _among(*known: str) -> Callable[[str, Any], object]:
    def check(model: str, value: Any) -> object:
        return value in known

    return check


def _within(least: int, most: int) -> Callable[[str, Any], object]:
    def check(model: str, value: Any) -> object:
        return type(value) is int and least <= value <= most

    return check


def _text(most: int) -> Callable[[str, Any], object]:
    def check(model: str, value: Any) -> object:
        return isinstance(value, str) and 0 < len(value) <= most

    return check


def _flexible(model: str) -> bool:
    return model.startswith("gpt-image-2")


def _sized(model: str, value: Any) -> bool:
    """Three sizes, or for the newer models any in steps of 16 within their limits."""
    if value == "auto" or value in THREE:
        return True
    found = re.fullmatch(r"([1-9][0-9]{2,3})x([1-9][0-9]{2,3})", value) if isinstance(value, str) else None
    if not found or not _flexible(model):
        return False
    width, height = int(found[1]), int(found[2])
    fits = max(width, height) <= 3840 and max(width, height) <= 3 * min(width, height)
    return fits and not (width % 16 or height % 16) and 655_360 <= width * height <= 8_294_400


def _rated(model: str, value: Any) -> bool:
    return value in ("auto", "low", "medium", "high") or (value in ("xhigh", "max") and "-2.5-" in model)


def _faithful(model: str, value: Any) -> bool:
    return not _flexible(model) and value in ("low", "high")


COMMON: Mapping[str, Callable[[str, Any], object]] = {
    "model": _text(100), "prompt": _text(32_000), "n": _within(1, 10), "size": _sized, "quality": _rated,
    "output_format": _among("png", "jpeg", "webp"), "output_compression": _within(0, 100),
    "background": _among("auto", "opaque"), "user": _text(1000), "safety_identifier": _text(1000),
}  # fmt: skip
GENERATIONS = {**COMMON, "moderation": _among("auto", "low")}
EDITS = {**COMMON, "input_fidelity": _faithful}


def checked(fields: Fields, known: Mapping[str, Callable[[str, Any], object]]) -> Fields:
    """The parameters as they were given. Raises Wrong for the first that the reference does not allow."""
    for name in fields:
        if name not in known:
            raise Wrong(f"Unknown parameter: '{name}'.", name, "unknown_parameter")
    for name in ("prompt", "model"):
        if name not in fields:
            raise Wrong(f"Missing required parameter: '{name}'.", name, "missing_required_parameter")
    for name, value in fields.items():
        if not known[name](str(fields["model"]), value):
            raise Wrong(f"Invalid value for '{name}'.", name)
    if "output_compression" in fields and fields.get("output_format", "png") == "png":
        raise Wrong("Compression is for jpeg and webp.", "output_compression")
    return fields


# --- forms -------------------------------------------------------------------------------------------------------
def form_of(call: Call) -> list[tuple[str, Any, bytes]]:
    """The parts of a form in order, with their names and contents. Raises Wrong for anything but a sound form."""
    kind = call.headers.get("content-type", "")
    whole = b"content-type: " + kind.encode("latin-1") + b"\r\n\r\n" + call.body
    message = email.message_from_bytes(whole, EmailMessage, policy=email.policy.HTTP)
    if message.get_content_type() != "multipart/form-data" or not message.is_multipart() or message.defects:
        raise Wrong("The body is not a valid multipart form.", None, None)
    found: list[tuple[str, Any, Any]] = []
    for part in message.iter_parts():
        name = part.get_param("name", header="content-disposition")
        if part.defects or part.get_content_disposition() != "form-data" or not isinstance(name, str):
            raise Wrong("A part of the form has no name.", None, None)
        found.append((name, part, part.get_payload(decode=True)))
    return found


def read_form(call: Call) -> tuple[Fields, list[bytes], bytes | None]:
    """Plain fields, pictures and mask of an edit. Raises Wrong."""
    fields: Fields = {}
    images: list[tuple[str, bytes]] = []
    masks: list[bytes] = []
    for name, part, data in form_of(call):
        if name in ("image", "image[]", "mask"):
            _check_picture(name, part, data)
            masks += [data] if name == "mask" else []
            images += [] if name == "mask" else [(name, data)]
        elif part.get_filename() is not None or name in fields:
            raise Wrong(f"Invalid type or a second value for '{name}'.", name, "invalid_type")
        else:
            text = data.decode()
            fields[name] = int(text) if name in ("n", "output_compression") and text.isdecimal() else text
    names = [name for name, _ in images]
    if not images or len(images) > 16 or names not in (["image"], ["image[]"] * len(names)):
        raise Wrong("One 'image', or up to 16 of 'image[]'.", "image", "missing_required_parameter")
    if len(masks) > 1 or (masks and size_of(masks[0]) != size_of(images[0][1])):
        raise Wrong("The mask must have the size of the first image.", "mask", "invalid_image_mask")
    return fields, [data for _, data in images], masks[0] if masks else None


def _check_picture(name: str, part: Any, data: bytes) -> None:
    try:
        with Image.open(io.BytesIO(data)) as image:
            kind, clear = KINDS.get(image.format or ""), "A" in image.getbands()
    except OSError:
        kind, clear = None, False
    if not part.get_filename() or not kind or part.get_content_type() != kind or len(data) >= 50 << 20:
        raise Wrong("Images are PNG, WEBP or JPEG files of less than 50 MB.", name, "invalid_image_file")
    if name == "mask" and (kind != "image/png" or not clear or len(data) >= 4 << 20):
        raise Wrong("The mask is a PNG with an alpha channel of less than 4 MB.", name, "invalid_image_mask")


def white_where_clear(mask: bytes) -> bytes:
    """The mask as the renderer wants it."""
    out = io.BytesIO()
    with Image.open(io.BytesIO(mask)) as image:
        image.getchannel("A").point([255] + [0] * 255).save(out, "PNG")
    return out.getvalue()


# --- the service -------------------------------------------------------------------------------------------------
def problem(status: int, message: str, code: str | None, kind: str = "invalid_request_error",
            param: str | None = None, **headers: str) -> Answer:  # fmt: skip
    """An error as OpenAI writes it; header names with underscores."""
    error = {"message": message, "type": kind, "param": param, "code": code}
    return as_json(status, {"error": error}, {name.replace("_", "-"): value for name, value in headers.items()})


class Simulator:
    """`/openai`: what `https://api.openai.com` is to the world."""

    HELP = HELP

    def __init__(self, world: World, url: str) -> None:
        self.world = world
        self.reset()

    def reset(self) -> None:
        """Forget how many pictures were made: without a seed, the same words give another picture each time."""
        self.made = 0

    def answer(self, call: Call) -> Answer:
        """Route one request; every answer has an id."""
        number = f"req_{secrets.token_hex(16)}"
        try:
            found = self._route(call, number)
        except Wrong as wrong:
            found = problem(400, wrong.message, wrong.code, param=wrong.param)
        headers = {"x-request-id": number, "openai-version": "2020-10-01", **found.headers}
        return Answer(found.status, found.body, headers, found.effect, found.hang)

    def _route(self, call: Call, number: str) -> Answer:
        scheme, _, token = call.headers.get("authorization", "").partition(" ")
        if scheme != "Bearer" or not secrets.compare_digest(token.encode(), TOKEN.encode()):
            return problem(401, "Incorrect API key provided.", "invalid_api_key")
        match call.method, *call.path.strip("/").split("/"):
            case "POST", "v1", "images", "generations":
                if call.headers.get("content-type", "").partition(";")[0] != "application/json":
                    raise Wrong("The body must be JSON.", None, None)
                return self._make(checked(_object(call.body), GENERATIONS), [], None, number)
            case "POST", "v1", "images", "edits":
                fields, images, mask = read_form(call)
                return self._make(checked(fields, EDITS), images, mask, number)
            case "GET", "v1", "models":
                return as_json(200, {"object": "list", "data": [_model(name) for name in MODELS]})
            case "GET", "v1", "models", name if name in MODELS:
                return as_json(200, _model(name))
            case "GET", "v1", "models", name:
                return _unknown(name)
        return problem(404, f"Invalid URL ({call.method} {call.path})", None)

    def _make(self, fields: Fields, images: list[bytes], mask: bytes | None, number: str) -> Answer:
        asked = Asked(self.world, "openai", fields["prompt"])
        if fields["model"] not in MODELS or "gone" in asked:
            return _unknown(fields["model"])
        if refusal := self._refusal(asked):
            return refusal
        self.world.sleep(asked.latency)
        if "hang-after" in asked:
            return Answer(0, effect=number, hang=True)
        if "500-after" in asked or "fail" in asked:
            answer = problem(500, "The server had an error while processing your request.", None, "server_error")
        elif "moderated" in asked:
            answer = _moderated("output")
        elif "garbage-after" in asked:
            answer = Answer(200, b"<html><h1>It worked!</h1></html>", {"content-type": "text/html"})
        else:
            answer = self._pictures(asked, fields, images, mask)
        return Answer(answer.status, answer.body, answer.headers, number)

    def _refusal(self, asked: Asked) -> Answer | None:
        pause = self.world.settings["retry_after"]
        if asked.once("429"):
            wait = {} if pause is None else {"retry_after": str(pause), "retry_after_ms": str(int(pause * 1000))}
            resets = {"x_ratelimit_remaining_requests": "0", "x_ratelimit_reset_requests": "12s"}
            return problem(429, "Rate limit reached.", "rate_limit_exceeded", "requests", **resets, **wait)
        if asked.once("500-before"):
            return problem(503, "The engine is currently overloaded.", None, "server_error")
        if "quota" in asked:
            return problem(429, "You exceeded your current quota.", "insufficient_quota", "insufficient_quota")
        if "unauthorized" in asked:
            return problem(401, "Incorrect API key provided.", "invalid_api_key")
        if "unverified" in asked:
            return problem(403, "Your organization must be verified to use this model.", None)
        if "invalid" in asked:
            raise Wrong("The simulator was asked to find a fault.", "prompt")
        return _moderated("input") if "refused" in asked else None

    def _pictures(self, asked: Asked, fields: Fields, images: list[bytes], mask: bytes | None) -> Answer:
        size, form = fields.get("size", "auto"), fields.get("output_format", "png")
        size = _nearest(images) if size == "auto" else size
        width, height = map(int, size.split("x"))
        white = white_where_clear(mask) if mask else None
        pictures = []
        for _ in range(0 if "no-image" in asked else fields.get("n", 1)):
            with self.world.lock:
                self.made += 1
                seed = self.made
            first = images[0] if images else None
            data = spoiled(asked, lambda s=seed, f=first: render(asked.caption, f, width, height, s, form, white))  # type: ignore[misc]
            pictures.append({"b64_json": base64.b64encode(data).decode()})
        quality = fields.get("quality", "auto").replace("auto", "high")
        told = {"background": "opaque", "output_format": form, "quality": quality, "size": size}
        usage = _usage(asked.words, len(images), len(pictures) * TOKENS[quality] * width * height // 1024**2)
        return as_json(200, {"created": int(self.world.now()), **told, "data": pictures, "usage": usage})


def _object(body: bytes) -> Fields:
    try:
        fields = json.loads(body)
    except ValueError:
        fields = None
    if not isinstance(fields, dict):
        raise Wrong("We could not parse the JSON body of your request.", None, None)
    return fields


def _nearest(images: list[bytes]) -> str:
    width, height = (size_of(images[0]) if images else None) or (1, 1)
    return THREE[0] if 0.8 < width / height < 1.25 else THREE[1 if width > height else 2]


def _usage(words: str, images: int, output: int) -> Fields:
    text, pictures = len(words) // 4 + 1, 320 * images
    details = {"text_tokens": text, "image_tokens": pictures}
    return {"input_tokens": text + pictures, "input_tokens_details": details, "output_tokens": output,
            "total_tokens": text + pictures + output}  # fmt: skip


def _model(name: str) -> Fields:
    return {"id": name, "object": "model", "created": 1776729600, "owned_by": "system", "shutdown_date": MODELS[name]}


def _unknown(name: str) -> Answer:
    return problem(404, f"The model '{name}' does not exist or you do not have access to it.", "model_not_found")


def _moderated(stage: str) -> Answer:
    words = f"Your request was rejected by the safety system ({stage})."
    return problem(400, words, "moderation_blocked", "image_generation_user_error")
