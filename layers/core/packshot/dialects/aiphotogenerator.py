"""AIPhotoGenerator (www.aiphotogenerator.net): POST /api/images/generate, bearer token, answered at once.

A request is one job of `count` images; the vendor speaks of images only, so image n of a job is `<job id>-<n>`.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from packshot import answers as a
from packshot import api, catalog, ids
from packshot import wishes as w
from packshot.brief import Brief, Image
from packshot.dialects import Dialect
from packshot.errors import CallerError, PackshotError, Stale, Unavailable, not_found
from packshot.fields import MAX_ADDRESS, Fields
from packshot.job import Call, Job, Step
from packshot.validate import invalid, is_address
from packshot.wire import Request, Response, dump, json_response

# Documented.
PREFIX = "/api/images"
MAX_TEXT = 1024
MIN_SIDE, MAX_SIDE = 512, 4096
MAX_COUNT = 10
MAX_INPUT = 10

# Not documented by the vendor; our choices (docs/dialects.md):
QUEUED, PROCESSING, COMPLETED, FAILED = 0, 1, 2, 3  # only 0 is documented, as queued
MAX_IDS = 20  # GET /api/images?ids=a,b, beside GET /api/images/{id}: polling is named, an address for it is not
ALIASES = {"flux-1": "flux-2"}  # the vendor's own sample asks for flux-1, which its list of models does not have
AREA = 1_048_576  # pixels; an image costs the model's credits for each of these that it begins
CANCELED = "Canceled before it was made."  # an image's `error` where neither call nor job gives a reason
LOST = "It could not be made."
FIELDS = {"images": "input", "callback_url": "webhook_url", "operation": "model"}
"""The core's names of fields in this API's words; `webhook_url` is our own addition to the body."""
SIZES = ("resolution", "aspect_ratio")  # of a brief; here width and height say both
WHOLE = "body"  # stands in `errors` for what is wrong with no field in particular
STATUS: Mapping[str, int] = {"malformed_json": 422, "malformed_request": 422, "unsupported_version": 422}
"""Documented are 401, 402, 422, 429 and 500; every code that is not listed keeps its status in `errors.STATUS`."""
UNAVAILABLE = 503
# `prompt` of a finished image is what its model heard: with the negative prompt in it where the model has no field for
# that, and empty where the model works without words. The shapes of `_one` (GET and webhooks), `_image`,
# `write_error` and `_refusal` are ours, too.

_IMAGE = re.compile(r"(.{1,40})-(0|[1-9][0-9]?)", re.ASCII)
_ELEMENT = re.compile(r"\[([0-9]+)\]")


def key_of(request: Request) -> str | None:
    """The bearer token."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None


# ----------------------------------------------------------------------------------------------------------- read


def read(request: Request) -> w.Wish:
    """The wish in a request. Raises CallerError."""
    method = "GET" if request.method == "HEAD" else request.method
    rest = request.url.removeprefix(PREFIX)
    match (method, rest):
        case ("POST", "/generate"):
            return _submit(Fields.of_json(request))
        case (_, "/generate"):
            raise _not_this("POST")
        case ("GET", ""):
            return _several(Fields(request.query).text("ids", least=1, most=2000))
        case (_, ""):
            raise _not_this("GET, HEAD")
    job, number = _image_id(rest.removeprefix("/"))
    if method != "GET":
        raise _not_this("GET, HEAD")
    return w.GetJob(job, number)


def _not_this(allowed: str) -> CallerError:
    return CallerError("method_not_allowed", f"Allowed here: {allowed}.", headers={"allow": allowed})


def _image_id(text: str) -> tuple[str, int]:
    found = _IMAGE.fullmatch(text)
    if found is None or not ids.is_id("job", found[1]):
        raise not_found()
    return found[1], int(found[2])


def _several(text: str) -> w.Wish:
    asked = tuple(dict.fromkeys(text.split(",")))
    if len(asked) > MAX_IDS:
        raise invalid("ids", f"Must be at most {MAX_IDS} ids with commas between them.")
    found = [_image_id(one) for one in asked]
    return w.GetJobs(tuple(job for job, _ in found), tuple(number for _, number in found))


def _submit(body: Fields) -> w.Wish:
    given: dict[str, Any] = {}
    wrong: list[CallerError] = []
    for name, reader in _BODY.items():
        try:
            given[name] = reader(body)
        except CallerError as error:
            wrong.append(error)
    images = _input(given.get("input", ()), wrong)
    if wrong:
        raise _all_of(wrong)
    model = ALIASES.get(given["model"], given["model"])
    brief = Brief(
        operation="generate",
        model=model,
        prompt=given["prompt"],
        negative_prompt=given["negative_prompt"],
        images=images,
        count=given["count"],
        width=given["width"],
        height=given["height"],
        delivery="links",
        callback_url=given["webhook_url"] or None,
        dialect="aiphotogenerator",
    )
    entry = catalog.models().get(model)
    price = None if entry is None else entry.credits * -(-given["width"] * given["height"] // AREA)
    return w.Submit(brief, price=price, lenient=_lenient(entry))


_BODY: Mapping[str, Callable[[Fields], object]] = {
    "model": lambda body: body.text("model", least=1, most=100),
    "prompt": lambda body: body.text("prompt", least=1, most=MAX_TEXT),
    "width": lambda body: body.whole("width", MIN_SIDE, MAX_SIDE),
    "height": lambda body: body.whole("height", MIN_SIDE, MAX_SIDE),
    "count": lambda body: body.whole("count", 1, MAX_COUNT, 1),
    "input": lambda body: body.texts("input", (), most=MAX_INPUT, size=MAX_ADDRESS),
    "negative_prompt": lambda body: body.text("negative_prompt", "", most=MAX_TEXT),
    "webhook_url": lambda body: body.address("webhook_url", "", schemes=("https",)),
}


def _input(addresses: tuple[str, ...], wrong: list[CallerError]) -> tuple[Image, ...]:
    for place, address in enumerate(addresses):
        if not is_address(address):
            wrong.append(invalid(f"input[{place}]", "Must be an absolute https address."))
    return tuple(Image("url", address) for address in addresses)


def _all_of(wrong: list[CallerError]) -> CallerError:
    """One error that tells all of them."""
    first = wrong[0]
    errors = [{"field": one.field, "code": one.code, "message": one.message} for one in wrong]
    return CallerError(first.code, first.message, field=first.field, details={"errors": errors})


def _lenient(entry: catalog.Model | None) -> frozenset[str]:
    """This API requires a prompt of every model, so one that works without words may leave it unheard."""
    skill = entry.operations.get("generate") if entry else None
    wordless = skill is not None and "prompt" not in skill.accepts
    return frozenset({"negative_prompt", "prompt"} if wordless else {"negative_prompt"})


# ---------------------------------------------------------------------------------------------------------- write


def write(wish: w.Wish, answer: a.Answer, _: Request) -> Response:
    """Queued images, one image, or those images of a list that there are."""
    match wish, answer:
        case w.Submit(), a.JobView(job):
            images = [_queued(answer, number) for number in range(job.count)]
            message = f"{job.count} image(s) queued for generation"
            return json_response(200, {"success": True, "images": images, "message": message})
        case w.GetJob(part=number), a.JobView(job):
            if number is None or number >= job.count:
                return write_error(not_found(), "")
            return json_response(200, _one(answer, number))
        case w.GetJobs(parts=parts), a.JobViews(views):
            found = [
                _image(view, number)
                for view, number in zip(views, parts, strict=True)
                if view is not None and number < view.job.count
            ]
            return json_response(200, {"success": True, "images": found})
    raise TypeError(type(answer).__name__)


def callbacks(view: a.JobView) -> Mapping[str, bytes]:
    """One body per image, the one that asking for it would answer."""
    return {str(number): dump(_one(view, number)) for number in range(view.job.count)}


def _one(view: a.JobView, number: int) -> dict[str, Any]:
    return {"success": True, "image": _image(view, number)}


def _image(view: a.JobView, number: int) -> dict[str, Any]:
    """An image as it stands, with its address when it is done and the reason when it failed."""
    image, job, output = _queued(view, number), view.job, _output(view, number)
    call = _call(job, number)
    if output is not None:
        attempt = call.attempt if call else None
        done = (attempt.ended if attempt else None) or job.finished or job.updated
        words = {"url": output.url, "model": job.model, "prompt": view.brief.prompt, "completed_at": _time(done)}
        return {**image, **words}
    if image["status"] == FAILED:
        failure = (call.failure if call else None) or job.failure
        said = CANCELED if job.state == "canceled" else LOST
        return {**image, "error": failure.message.replace("images[", "input[") if failure else said}
    return image


def _queued(view: a.JobView, number: int) -> dict[str, Any]:
    """An image as the vendor documents it: the answer to a submit."""
    job, output = view.job, _output(view, number)
    return {
        "id": f"{job.id}-{number}",
        "status": COMPLETED if output is not None else _status(job, number),
        "width": output.output.width if output is not None else view.brief.width,
        "height": output.output.height if output is not None else view.brief.height,
        "created_at": _time(job.created),
    }


def _status(job: Job, number: int) -> int:
    """Of an image that is not there (yet)."""
    call = _call(job, number)
    if job.state.terminal or (call is not None and call.step is Step.FAILED):
        return FAILED
    waits = call is None or (call.step is Step.WAITING and not call.attempts)
    return QUEUED if waits else PROCESSING


def _output(view: a.JobView, number: int) -> a.OutputView | None:
    return next((shown for shown in view.outputs if shown.output.place == number), None)


def _call(job: Job, number: int) -> Call | None:
    return next((call for call in job.calls if call.first <= number < call.first + call.images), None)


def _time(ms: int) -> str:
    """`2026-01-01T00:00:00.000000Z`: microseconds, as the vendor shows them."""
    return api.iso(ms).replace("Z", "000Z")


def write_error(error: PackshotError | None, request_id: str, _: Request | None = None) -> Response:
    """`success` and `message`; a validation error tells what is wrong with each field, as Laravel does."""
    if isinstance(error, CallerError):
        status, headers = STATUS.get(error.code, error.status), dict(error.headers)
        if status == 401:
            headers.setdefault("www-authenticate", "Bearer")
        if error.retry_after is not None:
            headers["retry-after"] = str(error.retry_after)
        if status == 422:
            return json_response(status, _refusal(error), headers)
        said = "This API token is not valid." if error.code == "invalid_api_key" else error.message
        return json_response(status, {"success": False, "message": said}, headers)
    if isinstance(error, (Unavailable, Stale)):
        said, after = "Busy for a moment; try again.", {"retry-after": str(Unavailable.retry_after)}
        return json_response(UNAVAILABLE, {"success": False, "message": said}, after)
    return json_response(500, {"success": False, "message": "Something went wrong on our side."})


def _refusal(error: CallerError) -> dict[str, Any]:
    found = error.details.get("errors")
    alone = {"field": error.field, "message": error.message}
    listed: list[Any] = found if isinstance(found, list) and found else [alone]
    errors: dict[str, list[str]] = {}
    for one in listed:
        errors.setdefault(_field(one["field"]), []).append(one["message"])
    name, messages = next(iter(errors.items()))
    said = messages[0] if name == WHOLE else f"{name}: {messages[0]}"
    more = len(listed) - 1
    return {"message": f"{said} (and {more} more error{'s' * (more > 1)})" if more else said, "errors": errors}


def _field(name: str | None) -> str:
    """`images[0]` is `input.0` here."""
    if name is None:
        return WHOLE
    root, _, rest = _ELEMENT.sub(r".\1", name).partition(".")
    root = "width" if root in SIZES else FIELDS.get(root, root)
    return f"{root}.{rest}" if rest else root


dialect = Dialect(
    prefixes=(PREFIX,), key_of=key_of, read=read, write=write, write_error=write_error, callbacks=callbacks
)
