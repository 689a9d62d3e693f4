"""Photio: calls under /v1/inference/, the key in X-Photio-Key, one picture made while the caller waits.

Every call is a POST of JSON and every answer is {"status_code": int, "body": str}: a picture in base64, or a short text
that says what is wrong. What is served and what differs from the vendor is listed in docs/dialects.md.
"""

import binascii
import re
from collections.abc import Callable, Mapping
from typing import Any

from packshot import answers as a
from packshot import wishes as w
from packshot.brief import Brief, Detail, Operation
from packshot.dialects import Dialect
from packshot.errors import CallerError, PackshotError, Stale, Unavailable, not_found
from packshot.fields import Album, Fields
from packshot.job import Failure, Job, State
from packshot.validate import invalid
from packshot.wire import Request, Response, json_response

PREFIX = "/v1/inference"
NAME = "photio"

NEGATIVE_PROMPT = "worst quality, low quality, illustration, 3d, 2d, painting, cartoons, sketch"
"""Used when a caller gives none."""

QUALITIES: Mapping[str, Detail] = {"LOW": "low", "MIDDLE": "medium", "HIGH": "high"}
RANDOM = -1
LARGEST_SEED = 4_294_967_296
GUIDANCE = 2.5
DENOISING = 0.2
SCALES = (2, 4)

# Not documented by the vendor; our choices (docs/dialects.md):
PATIENCE = 300  # seconds until a call gives up, with 500
MAX_BODY = 6_000_000  # bytes
MAX_PROMPT = 8000  # characters; generate refuses an empty prompt, which its two pages disagree about
GUIDANCE_RANGE = (0, 30)
SEEDS = 2**32  # a seed is taken modulo this
REMOVE = "Remove what is in the masked area and continue the background."  # regen's prompt when the caller's is empty
REMOVE_BACKGROUND = "rembg"  # the vendor announces it and shows no page: our own call, with `image`
LENIENT = frozenset({"negative_prompt", "seed", "guidance", "detail", "strength"})  # where the account's model has none
WORDLESS = LENIENT | {"prompt"}  # remix, instant and upscale can be done by a model that takes no words
STATUSES: Mapping[str, int] = {  # besides the documented 401 (key trouble) and 500 (service trouble)
    "insufficient_credits": 402,
    "account_inactive": 402,
    "not_found": 404,
    "method_not_allowed": 405,
    "body_too_large": 413,
    "rate_limited": 429,
}
BAD = 400  # every other error of a caller
# And: PNG, in plain base64; generate makes 1024x1024; the default negative prompt holds for the other calls, too; the
# status of HTTP is status_code; what a caller's own picture made impossible is 400, not 500.

KEY_TROUBLE = 401
SERVICE_TROUBLE = 500
ERRORS: Mapping[str, int] = {
    "missing_api_key": KEY_TROUBLE,
    "invalid_api_key": KEY_TROUBLE,
    "scope_missing": KEY_TROUBLE,
    "test_key_not_allowed": KEY_TROUBLE,
    "origin_not_allowed": KEY_TROUBLE,
    **STATUSES,
}
_SAID = {
    "missing_api_key": "Give an API key in the header X-Photio-Key.",
    "invalid_api_key": "This API key is not valid.",
}
"""Messages of our own, whatever the error's."""

_FIELDS = {"scale": "upscale_by", "strength": "denoising_strength", "guidance": "cfg_scale"}
"""What the brief calls it, and what this vendor does."""

_UNNAMED = ("model", "operation", "count", "format", "background", "like_input", "aspect_ratio", "resolution", "width")
"""Parts of a brief that a caller of this API never gave."""

_PICTURE = re.compile(r"images\[([0-9])\]")


def key_of(request: Request) -> str | None:
    """The header X-Photio-Key."""
    return request.headers.get("x-photio-key") or None


# ----------------------------------------------------------------------------------------------------------- read


def read(request: Request) -> w.Wish:
    """The wish in a request. Raises CallerError."""
    reader = READERS.get(_call(request))
    if reader is None:
        raise not_found()
    if request.method != "POST":
        raise CallerError("method_not_allowed", "Every call is a POST.", headers={"allow": "POST"})
    if len(request.body) > MAX_BODY:
        raise CallerError("body_too_large", f"A request may have {MAX_BODY:,} bytes; give larger pictures by address.")
    return reader(Fields.of_json(request))


def _call(request: Request | None) -> str:
    """`generate` of `/v1/inference/generate`; empty for a path of nobody's."""
    under = f"{PREFIX}/"
    return request.url.removeprefix(under) if request is not None and request.url.startswith(under) else ""


def _generate(given: Fields) -> w.Submit:
    return _submit(
        "generate",
        Album(),
        LENIENT,
        prompt=given.text("prompt", least=1, most=MAX_PROMPT),
        negative_prompt=_negative(given),
        detail=_detail(given),
        seed=_seed(given),
        guidance=given.number("cfg_scale", *GUIDANCE_RANGE, GUIDANCE),
        aspect_ratio="1:1",
    )


def _around_product(given: Fields, operation: Operation, words: str) -> w.Submit:
    """Remix, and instant: the same without a picture to follow."""
    prompt = given.text(words, most=MAX_PROMPT)
    pictures = _pictures(given, "product_image", *(["ref_image"] if operation == "remix" else []))
    negative, seed = _negative(given), _seed(given)
    return _submit(operation, pictures, WORDLESS, prompt=prompt, negative_prompt=negative, seed=seed, like_input=True)


def _upscale(given: Fields) -> w.Submit:
    pictures = _pictures(given, "image")
    scale = given.whole("upscale_by", *SCALES, SCALES[0])
    if scale not in SCALES:
        raise invalid("upscale_by", f"Must be {' or '.join(map(str, SCALES))}.")
    likeness = given.number("denoising_strength", 0, 1, DENOISING)  # near 1 means more like the input
    return _submit(
        "upscale",
        pictures,
        WORDLESS,
        prompt=given.text("prompt", "", most=MAX_PROMPT),
        negative_prompt=_negative(given),
        detail=_detail(given),
        scale=scale,
        strength=round(1 - likeness, 6),
        like_input=True,
    )


def _regen(given: Fields) -> w.Submit:
    prompt = given.text("prompt", most=MAX_PROMPT)
    pictures = _pictures(given, "base_image", "mask_image")
    negative, detail = _negative(given), _detail(given)
    return _submit(
        "inpaint",
        pictures,
        LENIENT,
        prompt=prompt if prompt.strip() else REMOVE,
        negative_prompt=negative,
        detail=detail,
        mask_kind="black",
        like_input=True,
    )


def _relight(given: Fields) -> w.Submit:
    return _submit("relight", _pictures(given, "image"), LENIENT, like_input=True)


def _remove_background(given: Fields) -> w.Submit:
    pictures = _pictures(given, "image")
    return _submit("remove_background", pictures, LENIENT, background="transparent", like_input=True)


READERS: Mapping[str, Callable[[Fields], w.Submit]] = {
    "generate": _generate,
    "remix": lambda given: _around_product(given, "remix", "prompt"),
    "instant": lambda given: _around_product(given, "generate", "product_description"),
    "upscale": _upscale,
    "regen": _regen,
    "relight": _relight,
    REMOVE_BACKGROUND: _remove_background,
}
PICTURES: Mapping[str, tuple[str, ...]] = {
    "remix": ("product_image", "ref_image"),
    "instant": ("product_image",),
    "regen": ("base_image", "mask_image"),
}
"""The names of a call's pictures, in the brief's order; of all others it is `image`."""

_ROLES: Mapping[str, Any] = {"ref_image": "reference", "mask_image": "mask"}


def _submit(operation: Operation, pictures: Album, lenient: frozenset[str], **more: Any) -> w.Submit:
    brief = Brief(
        operation=operation, model="", images=pictures.images, format="png", delivery="bytes", dialect=NAME, **more
    )
    return w.Submit(brief, wait=PATIENCE, final=True, inline=pictures.inline, lenient=lenient)


def _pictures(given: Fields, *names: str) -> Album:
    album = Album()
    for name in names:
        album.add(given.text(name, least=1, most=MAX_BODY), name, _ROLES.get(name, "product"))
    return album


def _negative(given: Fields) -> str:
    return given.text("negative_prompt", "", most=MAX_PROMPT) or NEGATIVE_PROMPT


def _detail(given: Fields) -> Detail:
    return QUALITIES[given.choice("quality", QUALITIES, "LOW")]


def _seed(given: Fields) -> int | None:
    seed = given.whole("seed", RANDOM, LARGEST_SEED, RANDOM)
    if seed == 0:
        raise invalid("seed", f"Must be a whole number from 1 to {LARGEST_SEED}, or {RANDOM}.")
    return None if seed == RANDOM else seed % SEEDS


# ---------------------------------------------------------------------------------------------------------- write


def write(wish: w.Wish, answer: a.Answer, request: Request) -> Response:
    """The picture in base64; a job that gave none is an error."""
    if not isinstance(answer, a.JobView):
        raise TypeError(f"{type(wish).__name__}: {type(answer).__name__}")
    picture = next((shown.data for shown in answer.outputs if shown.data is not None), None)
    if picture is not None:
        return _answer(200, binascii.b2a_base64(picture, newline=False).decode())
    failure = answer.job.failure
    if _too_late(answer.job):
        return _answer(SERVICE_TROUBLE, "The picture was not ready in time.")
    if failure is None:
        return _answer(SERVICE_TROUBLE, "The picture cannot be shown.")
    return _answer(BAD if _is_callers(failure) else SERVICE_TROUBLE, _translated(failure.message, _call(request)))


def _too_late(job: Job) -> bool:
    return job.state is State.CANCELED or (job.failure is not None and job.failure.code == "deadline_exceeded")


def _is_callers(failure: Failure) -> bool:
    return failure.code.startswith("image_") or failure.code in ("no_product_found", "content_refused")


def write_error(error: PackshotError | None, _: str, request: Request | None = None) -> Response:
    """A short text. What is no caller's fault says nothing of its cause."""
    if isinstance(error, CallerError):
        status = ERRORS.get(error.code, BAD)
        # A core's challenge speaks of bearer tokens, which this API does not take.
        headers = {name: value for name, value in error.headers.items() if name != "www-authenticate"}
        if error.retry_after is not None:
            headers["retry-after"] = str(error.retry_after)
        message = _SAID.get(error.code) or _translated(error.message, _call(request))
        if status == BAD and error.field is not None and error.field not in _UNNAMED:
            message = f"{_named(error.field, _call(request))}: {message}"
        return _answer(status, message, headers)
    if isinstance(error, (Unavailable, Stale)):  # the vendor knows no 503
        after = {"retry-after": str(Unavailable.retry_after)}
        return _answer(SERVICE_TROUBLE, "Busy for a moment; try again.", after)
    return _answer(SERVICE_TROUBLE, "Something went wrong on our side.")


def _named(field: str, call: str) -> str:
    if field == "prompt" and call == "instant":
        return "product_description"
    return _translated(_FIELDS.get(field, field), call)


def _translated(text: str, call: str) -> str:
    """`images[1]` is `ref_image` in a remix."""
    names = PICTURES.get(call, ("image",))
    return _PICTURE.sub(lambda found: names[min(int(found[1]), len(names) - 1)], text)


def _answer(status: int, body: str, headers: Mapping[str, str] | None = None) -> Response:
    return json_response(status, {"status_code": status, "body": body}, headers)


dialect = Dialect(prefixes=(PREFIX,), key_of=key_of, read=read, write=write, write_error=write_error)
