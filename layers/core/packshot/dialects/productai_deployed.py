"""ProductAI as its own tools speak it: calls under /v1/api/, the key in x-api-key, numbers for jobs, one envelope.

The form that the vendor's pages describe is productai.py. What is served and what differs from the vendor is listed in
docs/dialects.md.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, cast

from packshot import answers as a
from packshot import catalog, ids, multipart
from packshot import wishes as w
from packshot.brief import RESOLUTION_FACTOR, Brief, Format, Image, Resolution, ratio_of
from packshot.dialects import Dialect
from packshot.errors import CallerError, PackshotError, Stale, Unavailable, not_found
from packshot.fields import Fields
from packshot.job import State
from packshot.validate import invalid, picture
from packshot.wire import Request, Response, dump, json_response

PREFIX = "/v1/api"
NAME = "productai_deployed"

NANO_BANANA = ("nanobanana", "nanobanana2", "nanobananapro")
SEVERAL = ("seedream", *NANO_BANANA)
"""Models that may be given a list of addresses."""

MOST_PICTURES = 14
TOKENS: Mapping[str, int] = {
    "gpt-low": 2,
    "gpt-medium": 3,
    "gpt-high": 8,
    "kontext-pro": 3,
    "kontext-max": 3,
    "nanobanana": 3,
    "nanobanana2": 5,
    "nanobananapro": 8,
    "seedream": 3,
}
"""Of one picture, whatever its size. Where two lists of the vendor differ, this is the agent skill's; it lacks
nanobanana2, which is at the price of the documented form. What is not here costs what the catalogue says."""

UPSCALE_PRICE = 20
MAX_FILE = 10 * 1024 * 1024
FORMATS: Mapping[str, Format] = {"png": "png", "jpg": "jpg", "jpeg": "jpg"}
DEFAULT_FORMAT = "png"
DEFAULT_RESOLUTION = "2K"  # of the nano banana family

# Not documented by the vendor; our choices (docs/dialects.md):
SHAPES = {"SQUARE": "1:1", "LANDSCAPE": "3:2", "PORTRAIT": "2:3"}  # the names are the vendor's, the numbers are ours
DEFAULT_SHAPE = "SQUARE"
SCALE = 2  # of an upscale
MAX_PROMPT = 4000  # characters
LENIENT = frozenset({"prompt"})  # a model that takes no words works from the picture alone
ABSENT = ("generate-video", "generate-custom-model")  # calls of the vendor that are answered with INVALID_MODEL
STATES = {State.COMPLETED: "COMPLETED", State.PARTIAL: "COMPLETED", State.FAILED: "ERROR", State.CANCELED: "ERROR"}
RUNNING = "RUNNING"  # all other states
ERROR_NAME = "ApiError"  # of every error; documented for one
INVALID = (400, "INVALID_REQUEST")
INVALID_PICTURE = (400, "INVALID_IMAGE_URL")  # the same, where the field is image_url
FORBIDDEN = (403, "FORBIDDEN")
# end of our choices, but for those that say so in _ERRORS

_ERRORS: Mapping[str, tuple[int, str]] = {
    "insufficient_credits": (402, "OUT_OF_TOKENS"),
    # Named by one weak source alone, without the form that is used here.
    "missing_api_key": (401, "INVALID_API_KEY"),
    "invalid_api_key": (401, "INVALID_API_KEY"),
    "unknown_model": (400, "INVALID_MODEL"),
    "not_found": (404, "JOB_NOT_FOUND"),
    "rate_limited": (429, "RATE_LIMIT_EXCEEDED"),
    # Our choices. Everything else is INVALID or INVALID_PICTURE.
    "scope_missing": FORBIDDEN,
    "test_key_not_allowed": FORBIDDEN,
    "account_inactive": FORBIDDEN,
    "origin_not_allowed": FORBIDDEN,
    "method_not_allowed": (405, "METHOD_NOT_ALLOWED"),
}

_SAID = {
    "missing_api_key": "Give an API key in the header x-api-key.",
    "invalid_api_key": "This API key is not valid.",
    "account_inactive": "The account's plan does not allow this.",
}
"""Messages of our own, whatever the error's."""

_UNNAMED = ("operation", "count", "like_input", "scale")
"""Parts of a brief that a caller of this API never gave."""

_RATIO = re.compile("[1-9][0-9]?:[1-9][0-9]?")
_NUMBER = re.compile("0|[1-9][0-9]{0,15}")


def key_of(request: Request) -> str | None:
    """The header x-api-key."""
    return request.headers.get("x-api-key", "").strip() or None


# ----------------------------------------------------------------------------------------------------------- read


def read(request: Request) -> w.Wish:
    """The wish in a request. Raises CallerError."""
    path = request.url.removeprefix(f"{PREFIX}/") if request.url.startswith(f"{PREFIX}/") else ""
    number = path.removeprefix("job/") if path.startswith("job/") else ""
    job = _job_id(number) if number else None
    route = ROUTES.get("job/{id}" if job else path)
    if route is None or path == "job/{id}":
        raise not_found()
    method, reader = route
    if method != ("GET" if request.method == "HEAD" else request.method):
        allowed = "GET, HEAD" if method == "GET" else method
        raise CallerError("method_not_allowed", f"Allowed here: {allowed}.", headers={"allow": allowed})
    return w.GetJob(job) if job else reader(request)


def _job_id(number: str) -> str:
    try:
        return ids.of_number("job", int(number if _NUMBER.fullmatch(number) else -1))
    except ValueError:
        raise not_found() from None


def _generate(request: Request) -> w.Wish:
    given = Fields.of_json(request)
    model = given.text("model", least=1, most=100)
    brief = Brief(
        operation="generate",
        model=model,
        prompt=given.text("prompt", least=1, most=MAX_PROMPT),
        images=_images(given, model),
        aspect_ratio=_shape(given),
        resolution=_resolution(given, model),
        format=FORMATS[given.choice("output_format", FORMATS, DEFAULT_FORMAT)],
        delivery="links",
        dialect=NAME,
    )
    return w.Submit(brief, price=TOKENS.get(model), lenient=LENIENT, short_id=True)


def _images(given: Fields, model: str) -> tuple[Image, ...]:
    value = given.values.get("image_url")
    if not isinstance(value, list):
        return (Image("url", given.address("image_url")),)
    if model not in SEVERAL:
        raise invalid("image_url", f"A list is for {', '.join(SEVERAL)}; this model takes one address.")
    if not 1 <= len(value) <= MOST_PICTURES:
        raise invalid("image_url", f"Must be one address or a list of 1 to {MOST_PICTURES}.")
    named = {f"image_url[{place}]": each for place, each in enumerate(value)}
    return tuple(Image("url", Fields(named).address(name)) for name in named)


def _shape(given: Fields) -> str:
    shape = given.text("aspect_ratio", DEFAULT_SHAPE, most=20)
    try:
        if shape not in SHAPES and (not _RATIO.fullmatch(shape) or ratio_of(shape) is None):
            raise ValueError
    except ValueError:
        raise invalid("aspect_ratio", f"Must be one of {', '.join(SHAPES)}, or a ratio such as 4:3.") from None
    return SHAPES.get(shape, shape)


def _resolution(given: Fields, model: str) -> Resolution:
    """What was asked for; else 2K in the nano banana family where the model can, 1K for all others."""
    known = catalog.models().get(model)
    large = known is not None and model in NANO_BANANA and DEFAULT_RESOLUTION in known.resolutions
    chosen = given.choice("resolution", RESOLUTION_FACTOR, DEFAULT_RESOLUTION if large else "1K")
    return cast(Resolution, chosen)


def _upscale(request: Request) -> w.Wish:
    brief = Brief(
        operation="upscale",
        model="",
        images=(Image("url", Fields.of_json(request).address("image_url")),),
        like_input=True,
        scale=SCALE,
        format=FORMATS[DEFAULT_FORMAT],
        delivery="links",
        dialect=NAME,
    )
    return w.Submit(brief, price=UPSCALE_PRICE, short_id=True)


def _upload(request: Request) -> w.Wish:
    parts = multipart.parse(request.headers.get("content-type", ""), request.body)
    file = multipart.file_of(parts)
    if len(file.data) > MAX_FILE:
        raise invalid("file", f"May have {MAX_FILE // 1024 // 1024} MB.")
    return w.PutAsset(picture(file.data, "file"), file.filename)


def _refuse(_: Request) -> w.Wish:
    raise CallerError("unknown_model", "No model here can make this.", field="model")


ROUTES: Mapping[str, tuple[str, Callable[[Request], w.Wish]]] = {
    "generate": ("POST", _generate),
    "job/{id}": ("GET", lambda _: w.GetJob("")),
    "upscale": ("POST", _upscale),
    "upload-asset": ("POST", _upload),
    "key-check": ("GET", lambda _: w.GetAccount()),
    **dict.fromkeys(ABSENT, ("POST", _refuse)),
}


# ---------------------------------------------------------------------------------------------------------- write


def write(wish: w.Wish, answer: a.Answer, _: Request) -> Response:
    """The answer in the envelope, always with 200."""
    match answer:
        case a.JobView():
            return _data(_job(answer))
        case a.Asset():
            return _data({"id": answer.id, "image_url": answer.url, "mimetype": answer.content_type})
        case a.AccountView():
            return _data({"valid": True, "tokens_remaining": answer.available.total, "plan": answer.plan})
    raise TypeError(f"{type(wish).__name__}: {type(answer).__name__}")


def callbacks(view: a.JobView) -> Mapping[str, bytes]:
    """The account's webhook: the picture and the job's number as text; of a failure nothing but that."""
    if not view.job.state.terminal:
        return {}
    if STATES[view.job.state] == "ERROR":
        return {"job": dump({"status": "error"})}
    url = view.outputs[0].url if view.outputs else None
    return {"job": dump({"status": "success", "image_url": url, "job_id": str(ids.number_of(view.job.id))})}


def _data(data: Mapping[str, Any]) -> Response:
    return json_response(200, {"status": "OK", "data": data})


def _job(view: a.JobView) -> dict[str, Any]:
    """A job without its reason: a failed one says nothing more, and an upscale has no words."""
    state = STATES.get(view.job.state, RUNNING)
    shown: dict[str, Any] = {"id": ids.number_of(view.job.id), "status": state}
    if state != "ERROR" and view.job.operation == "generate":
        shown["prompt"] = view.brief.prompt
    if state == "COMPLETED":
        shown["image_url"] = view.outputs[0].url if view.outputs else None
    return shown


def write_error(error: PackshotError | None, _: str, __: Request | None = None) -> Response:
    """name, message and details. What is no caller's fault says nothing of its cause."""
    if isinstance(error, CallerError):
        return _refusal(error)
    if isinstance(error, (Unavailable, Stale)):
        after = {"retry-after": str(Unavailable.retry_after)}
        return _error(503, "INTERNAL_ERROR", "Busy for a moment; try again.", after)
    return _error(500, "INTERNAL_ERROR", "Something went wrong on our side.")


def _refusal(error: CallerError) -> Response:
    status, code = _ERRORS.get(error.code, INVALID)
    # A core's challenge speaks of bearer tokens, which this API does not take.
    headers = {name: value for name, value in error.headers.items() if name != "www-authenticate"}
    if error.retry_after is not None:
        headers["retry-after"] = str(error.retry_after)
    details, field = _SAID.get(error.code, error.message), (error.field or "").replace("images", "image_url")
    if (status, code) == INVALID and field.startswith("image_url"):
        status, code = INVALID_PICTURE
    if status == 400 and field and field not in _UNNAMED:
        details = f"{field}: {details}"
    return _error(status, code, details, headers)


def _error(status: int, code: str, details: str, headers: Mapping[str, str] | None = None) -> Response:
    return json_response(status, {"name": ERROR_NAME, "message": code, "details": details}, headers)


dialect = Dialect(
    prefixes=(PREFIX,), key_of=key_of, read=read, write=write, write_error=write_error, callbacks=callbacks
)
