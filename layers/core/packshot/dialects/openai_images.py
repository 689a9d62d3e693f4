"""The OpenAI Images API: generations and edits under /v1/images/, the models under /v1/models, a bearer token.

Every picture is made while the caller waits, and errors are {"error": {message, type, param, code}}: the official
clients need no more than another base address. What is served and what differs is listed in docs/dialects.md.
"""

import binascii
import re
from collections.abc import Mapping
from typing import Any, cast

from packshot import answers as a
from packshot import catalog, multipart
from packshot import wishes as w
from packshot.brief import LONG_SIDE, MIN_SIDE, Brief, Detail, Format, Operation, Resolution, ratio_of
from packshot.dialects import Dialect
from packshot.errors import CallerError, PackshotError, Stale, Unavailable, not_found
from packshot.fields import Album, Fields
from packshot.job import Failure, State
from packshot.sniff import sniff
from packshot.validate import invalid
from packshot.wire import Request, Response, json_response

IMAGES, MODELS = "/v1/images", "/v1/models"
NAME = "openai_images"

MAX_PROMPT = 32_000
MAX_COUNT = 10
MAX_IMAGES = 16
MAX_MASK = 4_000_000  # bytes
SIDES_DIVIDE_BY = 16
LARGEST = (3840, 2160)
STEEPEST = 3  # no side is more than this times the other
QUALITIES: Mapping[str, Detail | None] = {
    "auto": None,
    "low": "low",
    "medium": "medium",
    "high": "high",
    "standard": "medium",  # of the retired models, as is hd: what it is here is our choice
    "hd": "high",
}
BEYOND = ("xhigh", "max")
FORMATS: Mapping[str, Format] = {"png": "png", "webp": "webp", "jpeg": "jpg"}
NOT_PICTURES = ("gif", "svg")
BACKGROUNDS = ("auto", "transparent", "opaque")
RESPONSE_FORMATS = ("b64_json", "url")
_INVALID = "invalid_request_error"
BY_ADDRESS = "dall-e-"  # the retired models, which answered with an address unless they were told otherwise

# Not documented by the vendor; our choices (docs/dialects.md):
PATIENCE = 600  # seconds until a call gives up, with 500; the official clients wait as long
MAX_BODY = 6_000_000  # bytes; the vendor takes 50 MB a picture
SQUARE = "1:1"  # the size "auto" of a picture made from words alone
MODEL_CREATED = 1_793_491_200  # the catalogue's models, 2026-11-01
MODEL_OWNER = "packshot"
FORBIDDEN = (403, _INVALID, "insufficient_permissions")
BAD_PICTURE = (400, _INVALID, "invalid_image")
INVALID = (400, _INVALID, "invalid_value")  # every error of a caller that is not in a table
OUR_ERRORS: Mapping[str, tuple[int, str, str | None]] = {  # status, type, code
    "scope_missing": FORBIDDEN,
    "test_key_not_allowed": FORBIDDEN,
    "origin_not_allowed": FORBIDDEN,
    "account_inactive": (403, _INVALID, "account_inactive"),
    "unknown_model": (404, _INVALID, "model_not_found"),
    "method_not_allowed": (405, _INVALID, "method_not_supported"),
    "state_conflict": (409, _INVALID, None),
    "body_too_large": (413, _INVALID, None),
    "unsupported_media_type": (400, _INVALID, "unsupported_content_type"),
    "missing_field": (400, _INVALID, "missing_required_parameter"),
    "unknown_field": (400, _INVALID, "unknown_parameter"),
    "unsupported_by_model": (400, _INVALID, "unsupported_value"),
}
# And: a mask calls for a model that inpaints; a model that cannot edit, but can photograph what it is shown (studio),
# does that instead, and one without words leaves the prompt unheard; a size that a model cannot make exactly becomes
# the nearest it can; a 429 for money and a 500 for time say x-should-retry: false, which the official clients honour.

ERRORS: Mapping[str, tuple[int, str, str | None]] = {
    "missing_api_key": (401, _INVALID, None),
    "invalid_api_key": (401, _INVALID, "invalid_api_key"),
    "insufficient_credits": (429, "insufficient_quota", "insufficient_quota"),
    "rate_limited": (429, "requests", "rate_limit_exceeded"),
    "malformed_json": (400, _INVALID, None),
    "malformed_request": (400, _INVALID, None),
    "not_found": (404, _INVALID, None),
    **OUR_ERRORS,
}
MODERATED = (400, "image_generation_user_error", "moderation_blocked")
OURS = (500, "server_error", None)

_FIELDS: Mapping[str, str] = {
    "images": "image",
    "operation": "model",
    "count": "n",
    "detail": "quality",
    "format": "output_format",
    "delivery": "response_format",
    **dict.fromkeys(("width", "height", "aspect_ratio", "resolution", "like_input"), "size"),
}
"""What the brief calls it, and what this vendor does."""

MASK_SIZE = "image_mask_size"
"""The failure that speaks of a mask without naming its place."""

_SIZE = re.compile("([1-9][0-9]{1,4})x([1-9][0-9]{1,4})")
_ID = re.compile("[0-9A-Za-z][0-9A-Za-z._:-]{0,199}")
_PICTURE = re.compile(r"images\[([0-9]{1,2})\]")


def key_of(request: Request) -> str | None:
    """The bearer token."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None


# ----------------------------------------------------------------------------------------------------------- read


def read(request: Request) -> w.Wish:
    """The wish in a request. Raises CallerError."""
    model = _model_in(request.url)
    if request.url == MODELS or model:
        _only(request, "GET")
        return w.ListModels()
    call = request.url.removeprefix(f"{IMAGES}/") if request.url.startswith(f"{IMAGES}/") else ""
    if call not in ("generations", "edits", "variations"):
        raise not_found()
    _only(request, "POST")
    if call == "variations":
        said = "This endpoint is retired and no longer available. Use the image edits endpoint with a prompt."
        raise CallerError("malformed_request", said)
    if len(request.body) > MAX_BODY:
        raise CallerError("body_too_large", f"A request may have {MAX_BODY:,} bytes.")
    if call == "generations":
        return _submit(Fields.of_json(request), "generate", Album())
    return _edit(request)


def _model_in(path: str) -> str:
    """The id in `/v1/models/{id}`; empty for any other path."""
    id = path.removeprefix(f"{MODELS}/") if path.startswith(f"{MODELS}/") else ""
    return id if _ID.fullmatch(id) else ""


def _only(request: Request, method: str) -> None:
    if method != ("GET" if request.method == "HEAD" else request.method):
        allowed = "GET, HEAD" if method == "GET" else method
        raise CallerError("method_not_allowed", f"Allowed here: {allowed}.", headers={"allow": allowed})


def _edit(request: Request) -> w.Wish:
    kind = request.headers.get("content-type", "")
    if kind.partition(";")[0].strip().lower() != "multipart/form-data":
        raise CallerError("unsupported_media_type", "Send multipart/form-data.")
    album, texts, masks = Album(), dict[str, object](), list[bytes]()
    for part in multipart.parse(kind, request.body):
        if part.name in ("image", "image[]"):
            album.put(part.data, "image")
        elif part.name == "mask":
            masks.append(part.data)
        elif part.name == "markup":
            raise CallerError("unsupported_by_model", "No model here takes a markup picture.", field="markup")
        else:
            texts[part.name] = part.data.decode(errors="replace")
    if not 1 <= len(album.images) <= MAX_IMAGES:
        if not album.images:
            raise CallerError("missing_field", "Required: the picture to edit.", field="image")
        raise invalid("image", f"There may be {MAX_IMAGES} pictures at most.")
    if len(masks) > 1:
        raise invalid("mask", "There may be one mask.")
    for mask in masks:
        if sniff(mask) != "png" or len(mask) >= MAX_MASK:
            raise invalid("mask", f"Must be a PNG of less than {MAX_MASK // 1_000_000} MB.")
        album.put(mask, "mask", "mask")
    return _submit(Fields(texts, written=True), "inpaint" if masks else "edit", album)


def _submit(given: Fields, operation: Operation, album: Album) -> w.Submit:
    prompt = given.text("prompt", least=1, most=MAX_PROMPT)
    model = given.text("model", "", most=200)
    entry = catalog.models().get(model)
    skill = entry.operations.get(operation) if entry else None
    if entry and operation == "edit" and skill is None:
        photographs = entry.operations.get("generate")
        if photographs is not None and photographs.max_images:
            operation, skill = "generate", photographs
    if given.flag("stream", False):
        raise CallerError("unsupported_by_model", "Streaming is not served here: leave out stream.", field="stream")
    format = FORMATS[_served(given, "output_format", FORMATS, NOT_PICTURES, "png")]
    quality = given.whole("output_compression", 0, 100, 100)
    if format == "png" and quality < 100:
        raise invalid("output_compression", "Only webp and jpeg are compressed.")
    background = given.choice("background", BACKGROUNDS, "auto")
    if background == "transparent" and format == "jpg":
        raise invalid("background", "A transparent background needs output_format png or webp.")
    answered = given.choice("response_format", RESPONSE_FORMATS, "url" if model.startswith(BY_ADDRESS) else "b64_json")
    brief = Brief(
        operation=operation,
        model=model,
        prompt=prompt,
        images=album.images,
        count=given.whole("n", 1, MAX_COUNT, 1),
        detail=QUALITIES[_served(given, "quality", QUALITIES, BEYOND, "auto")],
        mask_kind="transparent" if operation == "inpaint" else "white",
        background="transparent" if background == "transparent" else None,
        quality=None if format == "png" else max(1, quality),
        format=format,
        delivery="bytes" if answered == "b64_json" else "urls",
        dialect=NAME,
        **_size(given.text("size", "auto"), entry, skill, pictures=bool(album.images)),
    )
    wordless = skill is not None and "prompt" not in skill.accepts
    lenient = frozenset({"detail", "quality", "prompt"} if wordless else {"detail", "quality"})
    return w.Submit(brief, wait=PATIENCE, final=True, inline=album.inline, lenient=lenient)


def _served(given: Fields, name: str, known: Mapping[str, object], beyond: tuple[str, ...], default: str) -> str:
    """One of `known`; of `beyond` the vendor's newest models know, and no model here."""
    value = given.choice(name, (*known, *beyond), default)
    if value in beyond:
        raise CallerError("unsupported_by_model", f"No model here knows {value}.", field=name)
    return value


def _size(text: str, entry: catalog.Model | None, skill: catalog.Skill | None, *, pictures: bool) -> dict[str, Any]:
    """The size in a brief's words: exact where the model can do that, else the nearest shape and resolution it has."""
    if text == "auto":
        own_shape = pictures and (entry is None or "auto" in entry.ratios or "*" in entry.ratios)
        return {"aspect_ratio": "auto" if own_shape else SQUARE}
    found = _SIZE.fullmatch(text)
    if found is None:
        raise invalid("size", "Must be auto, or width and height such as 1024x1024.")
    width, height = int(found[1]), int(found[2])
    shorter, longest = sorted((width, height))
    if width % SIDES_DIVIDE_BY or height % SIDES_DIVIDE_BY or longest > STEEPEST * shorter:
        raise invalid("size", f"Sides must divide by {SIDES_DIVIDE_BY}, and be between 1:{STEEPEST} and {STEEPEST}:1.")
    if shorter < MIN_SIDE or longest > LARGEST[0] or width * height > LARGEST[0] * LARGEST[1]:
        raise invalid("size", f"Must be from {MIN_SIDE}x{MIN_SIDE} to {LARGEST[0]}x{LARGEST[1]}.")
    resolution: Resolution = "1K" if longest <= LONG_SIDE["1K"] else "2K" if longest <= LONG_SIDE["2K"] else "4K"
    if entry is None or skill is None or ("exact_size" in skill.accepts and resolution in entry.resolutions):
        return {"width": width, "height": height}
    nearest = min(entry.resolutions, key=lambda name: abs(LONG_SIDE[name] - LONG_SIDE[resolution]))
    shapes = [ratio for ratio in entry.ratios if ratio not in ("auto", "*")]
    if "*" in entry.ratios:
        ratio = f"{width}:{height}"
    else:
        ratio = min(shapes, key=lambda shape: _apart(ratio_of(shape) or 1, width / height), default="auto")
    return {"aspect_ratio": ratio, "resolution": cast(Resolution, nearest)}


def _apart(one: float, other: float) -> float:
    return max(one / other, other / one)


# ---------------------------------------------------------------------------------------------------------- write


def write(wish: w.Wish, answer: a.Answer, request: Request) -> Response:
    """The pictures, or models; a job that gave no picture is an error."""
    match answer:
        case a.JobView():
            return _pictures(answer) if answer.outputs else _failed(answer)
        case a.Catalogue(items):
            models = [_model(str(item["id"])) for item in items]
            wanted = _model_in(request.url)
            if not wanted:
                return json_response(200, {"object": "list", "data": models})
            found = next((model for model in models if model["id"] == wanted), None)
            return json_response(200, found) if found else write_error(_no_model(wanted), "")
    raise TypeError(f"{type(wish).__name__}: {type(answer).__name__}")


def _no_model(id: str) -> CallerError:
    return CallerError("unknown_model", f"The model '{id}' does not exist.", field="model")


def _model(id: str) -> dict[str, object]:
    return {"id": id, "object": "model", "created": MODEL_CREATED, "owned_by": MODEL_OWNER}


def _pictures(view: a.JobView) -> Response:
    """What is not known for certain is left out: the vendor marks all but `created` as optional."""
    job, brief, first = view.job, view.brief, view.outputs[0].output
    body: dict[str, object] = {
        "created": (job.finished or job.updated) // 1000,
        "data": [_picture(shown) for shown in view.outputs],
        "output_format": next(name for name, format in FORMATS.items() if format == brief.format),
        "size": f"{first.width}x{first.height}",
    }
    if brief.background == "transparent" or brief.format == "jpg":
        body["background"] = brief.background or "opaque"
    if brief.detail is not None:
        body["quality"] = brief.detail
    return json_response(200, body)


def _picture(shown: a.OutputView) -> dict[str, str]:
    if shown.data is None:
        return {"url": shown.url}
    return {"b64_json": binascii.b2a_base64(shown.data, newline=False).decode()}


def _failed(view: a.JobView) -> Response:
    failure = view.job.failure
    late = failure is not None and failure.code == "deadline_exceeded"
    if failure is None or late or view.job.state is State.CANCELED:
        return _error(OURS, "The picture was not ready in time.", headers={"x-should-retry": "false"})
    if failure.code == "content_refused":
        return _error(MODERATED, failure.message)
    if failure.code == "no_product_found" or failure.code.startswith("image_"):
        return _bad_picture(view.brief, failure)
    return _error(OURS, failure.message)


def _bad_picture(brief: Brief, failure: Failure) -> Response:
    masks = [place for place, image in enumerate(brief.images) if image.role == "mask"]
    found = _PICTURE.search(failure.message)
    name = "mask" if failure.code == MASK_SIZE or (found and int(found[1]) in masks) else "image"
    return _error(BAD_PICTURE, _PICTURE.sub(name, failure.message), name)


def write_error(error: PackshotError | None, _: str, __: Request | None = None) -> Response:
    """One envelope for all. What is no caller's fault says nothing of its cause."""
    if isinstance(error, CallerError):
        headers, message = dict(error.headers), error.message
        if error.retry_after is not None:
            headers["retry-after"] = str(error.retry_after)
        if error.code == "invalid_api_key":
            headers, message = {"www-authenticate": "Bearer"}, "Incorrect API key provided."
        if error.code == "insufficient_credits":
            headers["x-should-retry"] = "false"
            message = f"You exceeded your current quota, please check your plan and billing details. {message}"
        return _error(ERRORS.get(error.code, INVALID), message, _named(error.field), headers)
    if isinstance(error, (Unavailable, Stale)):
        after = {"retry-after": str(Unavailable.retry_after)}
        return _error((503, "server_error", None), "Busy for a moment; try again.", headers=after)
    return _error(OURS, "The server had an error while processing your request.")


def _named(field: str | None) -> str | None:
    if field is None:
        return None
    return _FIELDS.get(field.partition("[")[0], field)


def _error(
    kind: tuple[int, str, str | None], message: str, param: str | None = None, headers: Mapping[str, str] | None = None
) -> Response:
    status, type, code = kind
    return json_response(status, {"error": {"message": message, "type": type, "param": param, "code": code}}, headers)


dialect = Dialect(prefixes=(IMAGES, MODELS), key_of=key_of, read=read, write=write, write_error=write_error)
