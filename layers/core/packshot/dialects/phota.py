"""Phota, under /v1/phota/: pictures at once or as jobs, and profiles. What differs is told in docs/dialects.md."""

import binascii
import hmac
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from packshot import answers as a
from packshot import api, ids
from packshot import wishes as w
from packshot.brief import Brief, Delivery, Detail, Format, Operation, Resolution, Role
from packshot.catalog import models
from packshot.dialects import Dialect
from packshot.errors import CallerError, PackshotError, Stale, Unavailable, not_found
from packshot.fields import Album, Fields
from packshot.job import Job, State
from packshot.validate import invalid, is_address, parse
from packshot.wire import Request, Response, dump, json_response

PREFIX = "/v1/phota"
NAME = "phota"

RATIOS = ("auto", "1:1", "3:4", "4:3", "9:16", "16:9")
RESOLUTIONS: Mapping[str, Resolution] = {"1K": "1K", "2K": "2K", "4K": "4K"}
QUALITIES: Mapping[str, Detail | None] = {"auto": None, "low": "low", "medium": "medium", "high": "high"}
ALL = tuple(RESOLUTIONS)
MODELS = {"nb2": ALL, "gpt-image-2": ALL, "qwen-image-2": ALL[:2], "flux-2": ALL[:2], "reve": ALL[:1]}
"""The vendor's own, each with its resolutions."""

DEFAULT_MODEL, QUALITY_MODEL = "nb2", "gpt-image-2"
FORMATS: Mapping[str, Format] = {"png": "png", "jpg": "jpg"}
DEFAULT_FORMAT = "png"  # the vendor has announced jpg for 2026-05-08: change it here
MODES: Mapping[str, Delivery] = {"bytes": "bytes", "urls": "urls"}
TIERS = {"standard": (10, 50), "fast": (5, 10)}  # pictures of a profile
MOST_PICTURES, MOST_OUTPUTS, LONGEST_TAG, SYNC_SECONDS = 10, 4, 128, 600

# Not documented by the vendor; our choices (docs/dialects.md):
PRICES = {"generate": 9, "edit": 9, "4K": 18, "enhance": 12, "remix": 12}  # credits for one picture; one is a US cent
# 9 and 18 are what resellers list, 12 is documented; a base_model that is not the vendor's is at the catalogue's price
IDENTITY = 3  # credits more with profiles, as documented for enhance and remix; ours for generate and edit
ANY_SHAPE = "1:1"  # what aspect_ratio auto means where no picture is given
MAX_PROMPT = 4000  # characters; one of nothing but spaces is empty, which generate refuses
MAX_BASE64 = 40_000_000  # characters of one picture; the doors allow less
MOST_PROFILES = 10  # named in one request
MAX_REQUEST_ID = 255  # characters of a client_request_id; used again with another request it is refused with 400
UNHEARD = frozenset({"prompt"})  # of enhance and remix: what a model that takes no words may leave out
SUBJECT = "the subject of the reference pictures"  # stands for [[profile_id]]; of several:
SUBJECTS = "subject {} of the reference pictures"
STATES = {State.PENDING: "queued", State.PROCESSING: "running", State.FAILED: "failed", State.CANCELED: "failed"}
DONE = "succeeded"  # all other states: partial, too
PROFILE = {"validating": "VALIDATING", "ready": "READY", "error": "ERROR"}  # the vendor's words, fewer of them
INVALID, FORBIDDEN = (400, "INVALID_REQUEST"), (403, "FORBIDDEN")
MODERATION = (400, "CONTENT_MODERATION")  # documented, as the type of an error; all other codes of errors are ours
TIMED_OUT, FAILED, CANCELED = (504, "TIMEOUT"), (503, "GENERATION_FAILED"), (503, "CANCELED")  # 504 is documented
INTERNAL, BUSY = (500, "INTERNAL_ERROR"), (503, "UNAVAILABLE")  # both statuses are documented
NO_KEY = "Give an API key in the header X-API-Key."  # 401; the vendor's pages say 401 and 403 for this
# known_subjects counts, for each profile whose pictures were used, the pictures that were made.
# The signature: t=<unix time>,v1=<hex>: HMAC-SHA256 of "<t>.<body>", keyed with the text that webhook-secret gives.
# end of our choices

_ERRORS: Mapping[str, tuple[int, str]] = {
    "missing_api_key": (401, NO_KEY),
    "invalid_api_key": (401, "This API key is not valid."),
    "insufficient_credits": (402, "INSUFFICIENT_BALANCE"),
    **dict.fromkeys(("scope_missing", "test_key_not_allowed", "account_inactive", "origin_not_allowed"), FORBIDDEN),
    "not_found": (404, "NOT_FOUND"),
    "method_not_allowed": (405, "METHOD_NOT_ALLOWED"),
    "state_conflict": (409, "CONFLICT"),
    "body_too_large": (413, "REQUEST_TOO_LARGE"),
    "unsupported_media_type": (415, "UNSUPPORTED_MEDIA_TYPE"),
    "malformed_json": (422, "json_invalid"),
    "missing_field": (422, "missing"),
    "invalid_field": (422, "value_error"),
    "unknown_field": (422, "extra_forbidden"),
    "rate_limited": (429, "RATE_LIMITED"),
}
"""Status and code; for 401 the text, for 422 the type. Everything else (`malformed_request` too) is INVALID."""

_FIELDS = {"model": "base_model", "count": "num_output_images", "detail": "quality", "profiles": "profile_ids"}
"""What the brief calls it, and what this vendor does."""

_PICTURES = {"enhance": ("image",), "remix": ("input_image", "reference_image")}
"""What images[0], images[1] are called, where they have names of their own."""

_NAMED = re.compile(r"\[\[([^\[\]]*)\]\]")
_PLACE = re.compile(r"images\[([0-9]+)\]")

_Read = Callable[[Request, str], w.Wish]


def key_of(request: Request) -> str | None:
    """The header x-api-key."""
    return request.headers.get("x-api-key", "").strip() or None


# ----------------------------------------------------------------------------------------------------------- read


def read(request: Request) -> w.Wish:
    """The wish in a request. Raises CallerError."""
    path, subject = _route(request.url)
    methods = ROUTES.get(path)
    if methods is None:
        raise not_found()
    method = "GET" if request.method == "HEAD" else request.method
    if method not in methods:
        allowed = ", ".join(f"{name}, HEAD" if name == "GET" else name for name in methods)
        raise CallerError("method_not_allowed", f"Allowed here: {allowed}.", headers={"allow": allowed})
    if "{id}" in path and not ids.is_id("job" if path.startswith("jobs") else "prf", subject):
        raise not_found()
    return methods[method](request, subject)


def _route(url: str) -> tuple[str, str]:
    path = url.removeprefix(f"{PREFIX}/") if url.startswith(f"{PREFIX}/") else ""
    steps = path.split("/")
    if (path in ROUTES and "{" not in path) or len(steps) < 2:
        return path, ""
    return "/".join([steps[0], "{id}", *steps[2:]]), steps[1]


def _body(request: Request) -> Fields:
    value = parse(request.body)
    if not isinstance(value, dict):
        raise CallerError("invalid_field", "The body must be a JSON object.")
    return Fields(value)


def _generate(request: Request, _: str) -> w.Wish:
    given = _body(request)
    if not given.text("prompt", "", most=MAX_PROMPT).strip():
        raise CallerError("malformed_request", "Say what the picture should show.", field="prompt")
    return _framed(given, "generate", Album())


def _edit(request: Request, _: str) -> w.Wish:
    given, album = _body(request), Album()
    pictures = given.texts("images", most=MOST_PICTURES, size=MAX_BASE64)
    if not pictures:
        raise invalid("images", f"Must be a list of 1 to {MOST_PICTURES} pictures.")
    for place, picture in enumerate(pictures):
        album.add(picture, f"images[{place}]")
    return _framed(given, "edit", album)


def _pinned(operation: Operation, *required: str) -> _Read:
    """A call whose model and size are not the caller's choice."""

    def read(request: Request, _: str) -> w.Wish:
        given, album = _body(request), Album()
        for name in _PICTURES[operation]:
            role: Role = "reference" if name == "reference_image" else "product"
            album.add(given.text(name, least=1, most=MAX_BASE64), name, role)
        for name in required:
            if not given.has(name):
                raise CallerError("missing_field", "Required.", field=name)
        return _submit(given, operation, album)

    return read


def _framed(given: Fields, operation: Operation, album: Album) -> w.Submit:
    """Where the caller chooses model, shape, size and quality."""
    model = given.text("base_model", DEFAULT_MODEL)
    entry = models().get(model)
    able = MODELS.get(model, entry.resolutions if entry else ())
    if not able:
        raise CallerError("unknown_model", f"Must be one of {', '.join(MODELS)}.", field="base_model")
    resolution = RESOLUTIONS[given.choice("resolution", RESOLUTIONS, "1K")]
    if resolution not in able:
        raise CallerError("unsupported_by_model", f"{model} makes {', '.join(able)}.", field="resolution")
    detail = QUALITIES[given.choice("quality", QUALITIES, "auto")]
    if given.has("quality") and model != QUALITY_MODEL:
        raise CallerError("unsupported_by_model", f"Only {QUALITY_MODEL} has a quality.", field="quality")
    ratio = given.choice("aspect_ratio", RATIOS, "auto")
    ratio = ANY_SHAPE if ratio == "auto" and not album.images else ratio
    return _submit(given, operation, album, model, resolution, aspect_ratio=ratio, detail=detail)


def _submit(
    given: Fields, operation: Operation, album: Album, model: str = "", resolution: Resolution = "2K", **frame: Any
) -> w.Submit:
    prompt, profiles = _subjects(given, operation)
    mode = MODES[given.choice("response_mode", MODES, "bytes")]
    later = given.flag("async", False)
    if later and mode != "urls":
        raise CallerError("malformed_request", 'Goes with response_mode "urls" alone.', field="async")
    callback = given.address("callback_url", "")  # that it is https is checked later: a local deployment takes http
    if callback and not later:
        raise CallerError("malformed_request", "Goes with async alone.", field="callback_url")
    request_id = given.text("client_request_id", "", most=MAX_REQUEST_ID)
    brief = Brief(
        operation=operation,
        model=model,
        prompt=prompt,
        images=album.images,
        count=given.whole("num_output_images", 1, MOST_OUTPUTS, 1),
        resolution=resolution,
        format=FORMATS[given.choice("output_format", FORMATS, DEFAULT_FORMAT)],
        delivery=mode,
        callback_url=callback or None,
        dialect=NAME,
        **frame,
    )
    price = PRICES["4K" if resolution == "4K" else operation] + IDENTITY * bool(profiles)
    return w.Submit(
        brief,
        wait=0 if later else SYNC_SECONDS,
        idempotency_key=f"{NAME}:{request_id}" if request_id else None,
        inline=album.inline,
        final=not later,
        price=price if model in MODELS or not model else None,
        lenient=UNHEARD if operation in _PICTURES else frozenset(),
        profiles=profiles,
    )


def _subjects(given: Fields, operation: Operation) -> tuple[str, tuple[str, ...]]:
    """The prompt in words, and the profiles that it and `profile_ids` name, in order, each once."""
    prompt = given.text("prompt", "", most=MAX_PROMPT)
    named = [(each, "prompt") for each in _NAMED.findall(prompt)]
    if operation != "generate":
        listed = given.texts("profile_ids", (), most=MOST_PROFILES, size=100)
        named += [(each, f"profile_ids[{place}]") for place, each in enumerate(listed)]
    for each, field in named:
        if not ids.is_id("prf", each):
            raise CallerError("unknown_profile", "There is no such profile.", field=field)
    profiles = tuple(dict.fromkeys(each for each, _ in named))
    if len(profiles) > MOST_PROFILES:
        raise invalid("prompt", f"May name at most {MOST_PROFILES} profiles.")

    words = {each: SUBJECTS.format(place + 1) if profiles[1:] else SUBJECT for place, each in enumerate(profiles)}
    return _NAMED.sub(lambda found: words[found[1]], prompt), profiles


def _add_profile(request: Request, _: str) -> w.Wish:
    given = _body(request)
    least, most = TIERS[given.choice("training_tier", TIERS, "standard")]
    urls = given.texts("image_urls", most=most)
    if len(urls) < least:
        raise invalid("image_urls", f"Must be a list of {least} to {most} addresses.")
    for place, url in enumerate(urls):
        if not is_address(url):
            raise invalid(f"image_urls[{place}]", "Must be an absolute https address.")
    return w.CreateProfile(urls, given.text("tag", least=1, most=LONGEST_TAG) if given.has("tag") else None)


def _list_profiles(request: Request, _: str) -> w.Wish:
    given = Fields(request.query, written=True)
    return w.ListProfiles(given.text("tag", least=1, most=LONGEST_TAG) if given.has("tag") else None)


ROUTES: Mapping[str, Mapping[str, _Read]] = {
    "generate": {"POST": _generate},
    "edit": {"POST": _edit},
    "enhance": {"POST": _pinned("enhance")},
    "remix": {"POST": _pinned("remix", "num_output_images", "output_format", "response_mode")},
    "jobs/{id}": {"GET": lambda _, subject: w.GetJob(subject)},
    "webhook-secret": {"GET": lambda _, __: w.GetCallbackSecret()},
    "profiles/add": {"POST": _add_profile},
    "profiles/ids": {"GET": _list_profiles},
    "profiles/{id}": {"DELETE": lambda _, subject: w.DeleteProfile(subject)},
    "profiles/{id}/status": {"GET": lambda _, subject: w.GetProfile(subject)},
    "profiles/{id}/profile_picture": {"GET": lambda _, subject: w.GetProfilePicture(subject)},
    "models": {"GET": lambda _, __: w.ListModels()},
}


# ---------------------------------------------------------------------------------------------------------- write


def write(wish: w.Wish, answer: a.Answer, request: Request) -> Response:
    """The answer in this vendor's form. A synchronous job that came to nothing is an error."""
    match answer:
        case a.JobView() if isinstance(wish, w.Submit) and not wish.wait:
            job, url = answer.job, f"{PREFIX}/jobs/{answer.job.id}"
            return json_response(202, {"job_id": job.id, "status": STATES.get(job.state, DONE), "poll_url": url})
        case a.JobView() if isinstance(wish, w.Submit) and STATES.get(answer.job.state, DONE) != DONE:
            (status, code), said = _failure(answer.job, waited=True)
            return _error(status, code, said, request.headers.get("x-request-id", ""))
        case a.JobView():
            return json_response(200, _result(answer) if isinstance(wish, w.Submit) else _job(answer))
        case a.Raw():
            return Response(200, {"content-type": answer.content_type}, answer.body)
        case a.Secret():
            return json_response(200, {"secret": answer.secret})
        case a.Profile() if isinstance(wish, w.CreateProfile):
            return json_response(200, {"profile_id": answer.id})
        case a.Profile():
            said = answer.message.replace("images[", "image_urls[")
            return json_response(200, {"profile_id": answer.id, "status": PROFILE[answer.state], "message": said})
        case a.Profiles():
            rows = [{"profile_id": p.id, "tag": p.tag, "status": PROFILE[p.state]} for p in answer.profiles]
            return json_response(200, {"profiles": rows})
        case a.Done() if isinstance(wish, w.DeleteProfile):
            return json_response(200, {"profile_id": wish.id, "status": "ok"})
        case a.Catalogue():
            return json_response(200, {"models": list(map(_model, answer.items))})
    raise TypeError(f"{type(wish).__name__}: {type(answer).__name__}")


def callbacks(view: a.JobView) -> Mapping[str, bytes]:
    """What `GET /v1/phota/jobs/{id}` would answer, once the job has ended."""
    return {"job": dump(_job(view))} if view.job.state.terminal else {}


def sign(secrets: Sequence[str], _: str, timestamp: int, body: bytes) -> Mapping[str, str]:
    """The vendor's header: one `v1` for each secret, newest first."""
    signed = f"{timestamp}.".encode() + body
    marks = [f"v1={hmac.digest(secret.encode(), signed, 'sha256').hex()}" for secret in secrets]
    return {"x-phota-signature": ",".join([f"t={timestamp}", *marks])}


def _result(view: a.JobView) -> dict[str, Any]:
    """Pictures in one of two lists: their bytes, where these were asked for and are there, else their addresses."""
    subjects = dict.fromkeys(image.value.partition("/")[0] for image in view.brief.of("profile"))
    held = [each.data for each in view.outputs if each.data is not None]
    carried = len(held) == len(view.outputs)
    return {
        "known_subjects": {"counts": dict.fromkeys(subjects, len(view.outputs))},
        "images": [binascii.b2a_base64(data, newline=False).decode() for data in held] if carried else [],
        "download_urls": [] if carried else [each.url for each in view.outputs],
    }


def _job(view: a.JobView) -> dict[str, Any]:
    job, state = view.job, STATES.get(view.job.state, DONE)
    (_, code), said = _failure(job)
    return {
        "job_id": job.id,
        "status": state,
        "created_at": api.iso(job.created),
        "completed_at": api.iso_or_none(job.finished),
        "result": _result(view) if state == DONE else None,
        "error": {"code": code, "detail": said, "request_id": job.request_id} if state == "failed" else None,
    }


def _failure(job: Job, *, waited: bool = False) -> tuple[tuple[int, str], str]:
    if job.failure is None:
        over = "what was reserved was given back" if job.state.terminal else "the job goes on"
        return (TIMED_OUT, f"Not ready in time; {over}.") if waited else (CANCELED, "Canceled.")
    code, said = job.failure.code, _PLACE.sub(lambda found: _named(found[0], job.operation), job.failure.message)
    if code == "content_refused":
        return MODERATION, said
    if code.startswith("image_") or code == "no_product_found":
        return INVALID, said
    return TIMED_OUT if code == "deadline_exceeded" else FAILED, said


def _model(item: Mapping[str, Any]) -> dict[str, Any]:
    """`endpoints` are the calls that the model can answer; enhance and remix let the account's settings choose."""
    sizes = MODELS.get(item["id"], item["resolutions"])
    able = [name for name in ("generate", "edit", "enhance", "remix") if name in item["operations"]]
    return {"id": item["id"], "name": item["title"], "resolutions": list(sizes), "endpoints": able}


def write_error(error: PackshotError | None, request_id: str, request: Request | None = None) -> Response:
    """The vendor's three shapes: `detail` alone for 401, a list of findings for 422, code and detail for all others."""
    if isinstance(error, CallerError):
        return _refusal(error, request_id, request)
    if isinstance(error, (Unavailable, Stale)):
        return _error(*BUSY, "Try again in a moment.", request_id, {"retry-after": str(Unavailable.retry_after)})
    return _error(*INTERNAL, "Something went wrong on our side.", request_id)


def _refusal(error: CallerError, request_id: str, request: Request | None) -> Response:
    status, code = _ERRORS.get(error.code, INVALID)
    if status == 401:
        return json_response(401, {"detail": code, "request_id": request_id})
    headers = dict(error.headers)
    if error.retry_after is not None:
        headers["retry-after"] = str(error.retry_after)
    operation = request.url.rpartition("/")[2] if request else ""
    field = _named(error.field or "", operation)
    if status == 422:
        where = "query" if request and request.method in ("GET", "HEAD") else "body"
        steps = [int(step) if step.isdecimal() else step for step in re.findall(r"[^\[\]]+", field)]
        found = {"loc": [where, *steps], "msg": error.message, "type": code}
        return json_response(422, {"detail": [found], "request_id": request_id}, headers)
    said = f"{field}: {error.message}" if status == 400 and field not in ("", "operation") else error.message
    return _error(status, code, said, request_id, headers)


def _named(field: str, operation: str) -> str:
    """The vendor's name of a field of the brief; `operation` is the last step of the call's path."""
    if operation == "add":
        return field.replace("images[", "image_urls[")
    for place, name in enumerate(_PICTURES.get(operation, ())):
        if field == f"images[{place}]":
            return name
    return _FIELDS.get(field, field)


def _error(status: int, code: str, said: str, request_id: str, headers: Mapping[str, str] | None = None) -> Response:
    return json_response(status, {"code": code, "detail": said, "request_id": request_id}, headers)


dialect = Dialect((PREFIX,), key_of, read, write, write_error, callbacks, sign)
