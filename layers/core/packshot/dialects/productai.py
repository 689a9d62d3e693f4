"""ProductAI as its pages describe it: jobs, assets and presets under /v1/, a bearer token, errors as {"error": {...}}.

The vendor's own tools speak another form, under /v1/api/: productai_deployed.py. What is served and what differs from
the vendor is listed in docs/dialects.md.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from packshot import answers as a
from packshot import api, ids, multipart
from packshot import wishes as w
from packshot.brief import Brief, Format, Image
from packshot.dialects import Dialect
from packshot.errors import CallerError, PackshotError, Stale, Unavailable, not_found
from packshot.fields import Fields
from packshot.job import Credits, Job, State
from packshot.validate import invalid, picture
from packshot.wire import Request, Response, dump, json_response

PREFIX = "/v1"
NAME = "productai"

MOST_IMAGES = 4
RATIOS = ("1:1", "4:3", "3:4", "16:9", "9:16")
STATES = ("pending", "processing", "completed", "failed")
CATEGORIES = ("lifestyle", "studio", "seasonal", "custom")
OWNERS = {"system": "system", "user": "account"}
MAX_FILE = 10 * 1024 * 1024
PRESETS_SHOWN = 50
ROWS_SHOWN = 20  # documented for jobs, our choice for assets

# Not documented by the vendor; our choices (docs/dialects.md):
MOST_ROWS = 100  # of a list; documented for presets alone
MOST_SKIPPED = 1000  # the largest offset; totals are counted this far, too
MAX_PROMPT = 4000  # characters; a prompt of nothing but spaces is none
MAX_NAME, MAX_TAGS, MAX_TAG = 255, 20, 50  # of an asset: characters, number, characters each
FORMAT: Format = "jpg"
LENIENT = frozenset({"prompt"})  # a model that takes no words works from the picture alone
STATE = {State.PARTIAL: "completed", State.CANCELED: "failed"}  # by what is left of it; all others by their own name
ASSET = {"uploading": "processing", "rejected": "failed"}  # all others by their own name
FAILED, CANCELED, REFUSED = "generation_failed", "canceled", "content_moderation"  # codes of failed jobs
INVALID = (400, "invalid_request")
FORBIDDEN = (403, "forbidden")
# end of our choices, but for those that say so in _ERRORS

_ERRORS: Mapping[str, tuple[int, str]] = {
    "missing_api_key": (401, "unauthorized"),
    "invalid_api_key": (401, "unauthorized"),
    "insufficient_credits": (402, "insufficient_credits"),
    "rate_limited": (429, "rate_limit_exceeded"),
    # Our choices: the vendor names the statuses 403 and 404, but no code. Everything else is INVALID.
    "scope_missing": FORBIDDEN,
    "test_key_not_allowed": FORBIDDEN,
    "account_inactive": FORBIDDEN,
    "origin_not_allowed": FORBIDDEN,
    "not_found": (404, "not_found"),
    "method_not_allowed": (405, "method_not_allowed"),
}

_SAID = {
    "missing_api_key": "Give an API key: Authorization: Bearer <key>.",
    "invalid_api_key": "This API key is not valid.",
    "account_inactive": "The account's plan does not allow this.",
}
"""Messages of our own, whatever the error's."""

_FIELDS = {
    "images": "image_url",
    "images[0]": "image_url",
    "count": "num_images",
    "preset": "preset_id",
    "callback_url": "webhook_url",
}
"""What the brief calls it, and what this vendor does."""

_UNNAMED = ("operation", "format", "resolution")
"""Parts of a brief that a caller of this API never gave."""


def key_of(request: Request) -> str | None:
    """The bearer token."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None


# ----------------------------------------------------------------------------------------------------------- read


def read(request: Request) -> w.Wish:
    """The wish in a request. Raises CallerError."""
    path = request.url.removeprefix(PREFIX) if request.url.startswith(f"{PREFIX}/") else ""
    id = path.removeprefix("/jobs/") if path.startswith("/jobs/") else None
    if id is not None and not ids.is_id("job", id):
        raise not_found()
    route = ROUTES.get(path if id is None else "/jobs/{id}")
    if route is None:
        raise not_found()
    method, reader = route
    if method != ("GET" if request.method == "HEAD" else request.method):
        allowed = "GET, HEAD" if method == "GET" else method
        raise CallerError("method_not_allowed", f"Allowed here: {allowed}.", headers={"allow": allowed})
    return reader(request) if id is None else w.GetJob(id)


def _generate(request: Request) -> w.Wish:
    given = Fields.of_json(request)
    model = given.text("model", least=1, most=100)
    image = _image(given)
    prompt = given.text("prompt", "", most=MAX_PROMPT).strip()
    preset = given.text("preset_id", "", most=100) or None
    if not prompt and preset is None:
        raise CallerError("missing_field", "Required, unless there is a preset_id.", field="prompt")
    brief = Brief(
        operation="generate",
        model=model,
        prompt=prompt,
        images=(image,),
        preset=preset,
        count=given.whole("num_images", 1, MOST_IMAGES, 1),
        aspect_ratio=given.choice("aspect_ratio", RATIOS, "1:1"),
        format=FORMAT,
        callback_url=given.address("webhook_url", "") or None,
        delivery="links",
        dialect=NAME,
    )
    return w.Submit(brief, lenient=LENIENT, estimate=True)


def _image(given: Fields) -> Image:
    if not given.has("asset_id"):
        if not given.has("image_url"):
            raise CallerError("missing_field", "Required, unless there is an asset_id.", field="image_url")
        return Image("url", given.address("image_url"))
    if given.has("image_url"):
        raise invalid("asset_id", "Give either image_url or asset_id.")
    asset = given.text("asset_id")
    if not ids.is_id("as", asset):
        raise CallerError("unknown_asset", "There is no such asset.", field="asset_id")
    return Image("asset", asset)


def _put_asset(request: Request) -> w.Wish:
    kind = request.headers.get("content-type", "")
    if kind.partition(";")[0].strip().lower() != "multipart/form-data":
        given = Fields.of_json(request)
        tags = given.texts("tags", (), most=MAX_TAGS, size=MAX_TAG)
        return w.ImportAsset(given.address("url"), *_labels(given, tags))
    parts = multipart.parse(kind, request.body)
    file = multipart.file_of(parts)
    if len(file.data) > MAX_FILE:
        raise invalid("file", f"May have {MAX_FILE // 1024 // 1024} MB.")
    form = Fields(
        {
            "name": next((_text(part) for part in parts if part.name == "name"), None),
            "tags": [_text(part) for part in parts if part.name in ("tags[]", "tags")],
        }
    )
    name, tags = _labels(form, form.texts("tags", most=MAX_TAGS, size=MAX_TAG))
    return w.PutAsset(picture(file.data, "file"), name or file.filename, tags)


def _labels(given: Fields, tags: tuple[str, ...]) -> tuple[str | None, tuple[str, ...]]:
    return given.text("name", "", most=MAX_NAME) or None, tuple(dict.fromkeys(tags))


def _text(part: multipart.Part) -> str:
    try:
        return part.data.decode()
    except UnicodeDecodeError:
        raise invalid(part.name.removesuffix("[]"), "Must be text in UTF-8.") from None


def _span(given: Fields, shown: int) -> tuple[int, int]:
    return given.whole("limit", 1, MOST_ROWS, shown), given.whole("offset", 0, MOST_SKIPPED, 0)


def _list_jobs(request: Request) -> w.Wish:
    given = Fields(request.query, written=True)
    limit, offset = _span(given, ROWS_SHOWN)
    return w.ListJobs(limit, offset=offset, state=given.choice("status", STATES, "") or None)


def _list_assets(request: Request) -> w.Wish:
    given = Fields(request.query, written=True)
    limit, offset = _span(given, ROWS_SHOWN)
    return w.ListAssets(limit, offset=offset, tag=given.text("tag", "", most=MAX_TAG) or None)


def _list_presets(request: Request) -> w.Wish:
    given = Fields(request.query, written=True)
    limit, offset = _span(given, PRESETS_SHOWN)
    category = given.choice("category", CATEGORIES, "") or None
    return w.ListPresets(limit, offset, category, OWNERS.get(given.choice("type", OWNERS, "")))


ROUTES: Mapping[str, tuple[str, Callable[[Request], w.Wish]]] = {
    "/generate": ("POST", _generate),
    "/jobs": ("GET", _list_jobs),
    "/jobs/{id}": ("GET", lambda _: w.GetJob("")),
    "/training-asset": ("POST", _put_asset),
    "/my-uploaded-assets": ("GET", _list_assets),
    "/presets": ("GET", _list_presets),
    "/me": ("GET", lambda _: w.GetAccount()),
}


# ---------------------------------------------------------------------------------------------------------- write


def write(wish: w.Wish, answer: a.Answer, _: Request) -> Response:
    """The answer as JSON, with the status that fits the wish."""
    match answer:
        case a.JobView() if isinstance(wish, w.Submit):
            return json_response(202, _accepted(answer))
        case a.JobView():
            return json_response(200, _job(answer.job, answer.outputs))
        case a.JobPage():
            return json_response(200, _page("jobs", map(_job, answer.jobs), answer.total, wish))
        case a.Asset():
            return json_response(201, _asset(answer))
        case a.AssetPage():
            return json_response(200, _page("assets", map(_asset, answer.assets), answer.total, wish))
        case a.Catalogue():
            return json_response(200, _page("presets", map(_preset, answer.items), answer.total, wish))
        case a.AccountView():
            return json_response(200, _account(answer))
    raise TypeError(f"{type(wish).__name__}: {type(answer).__name__}")


def callbacks(view: a.JobView) -> Mapping[str, bytes]:
    """What `GET /v1/jobs/{id}` would answer, once the job has ended."""
    return {"job": dump(_job(view.job, view.outputs))} if view.job.state.terminal else {}


def _accepted(view: a.JobView) -> dict[str, Any]:
    return {
        "job_id": view.job.id,
        "status": _state(view.job),
        "created_at": _time(view.job.created),
        "estimated_time_seconds": view.estimate or 0,
        "model": view.job.model,
        "num_images": view.job.count,
    }


def _state(job: Job) -> str:
    return STATE.get(job.state, job.state.value)


def _job(job: Job, outputs: tuple[a.OutputView, ...] | None = None) -> dict[str, Any]:
    """A job; a list shows it without its pictures."""
    state, ended = _state(job), _time(job.finished)
    begun = {"created_at": _time(job.created), "started_at": _time(job.started)}
    if state == "failed":
        return {"job_id": job.id, "status": state, **begun, "failed_at": ended, "error": _why(job)}
    shown: dict[str, Any] = {"job_id": job.id, "status": state, "progress": api.progress(job), **begun}
    if state == "completed":
        shown["completed_at"] = ended
    shown |= {"model": job.model, "num_images": job.count}
    if state == "completed" and outputs is not None:
        sized = [(each.url, each.output.width, each.output.height) for each in outputs]
        shown["images"] = [{"url": url, "width": width, "height": height} for url, width, height in sized]
    if state == "completed":
        shown["tokens_used"] = (job.charged or Credits()).total
    return shown


def _time(ms: int | None) -> str | None:
    """`2026-11-21T08:00:00Z`: this vendor shows no fractions."""
    return None if ms is None else f"{api.iso(ms)[:-5]}Z"


def _why(job: Job) -> dict[str, str]:
    if job.state is State.CANCELED:
        return {"code": CANCELED, "message": "The job was canceled."}
    if job.failure is None:
        return {"code": FAILED, "message": "The generation failed."}
    code = REFUSED if job.failure.code == "content_refused" else FAILED
    return {"code": code, "message": job.failure.message.replace("images[0]", "image_url")}


def _page(name: str, rows: Iterable[dict[str, Any]], total: int | None, wish: w.Wish) -> dict[str, Any]:
    if not isinstance(wish, (w.ListJobs, w.ListAssets, w.ListPresets)):
        raise TypeError(type(wish).__name__)
    found, offset = list(rows), wish.offset or 0
    end = offset + len(found)
    every = end if total is None else total
    return {name: found, "total": every, "limit": wish.limit, "offset": offset, "has_more": end < every}


def _asset(asset: a.Asset) -> dict[str, Any]:
    return {
        "asset_id": asset.id,
        "name": asset.filename,
        "status": ASSET.get(asset.state, asset.state),
        "url": asset.url or None,
        "thumbnail_url": asset.thumbnail_url or None,
        "width": asset.width or None,
        "height": asset.height or None,
        "file_size": asset.bytes or None,
        "format": asset.content_type.rpartition("/")[2] or None,
        "tags": list(asset.tags),
        "created_at": _time(asset.created),
    }


def _preset(item: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "preset_id": item["id"],
        "name": item["title"],
        "description": item.get("description", ""),
        "category": item.get("category"),
        "type": "user" if item.get("owner") == OWNERS["user"] else "system",
        "thumbnail_url": None,  # ours have none
        "prompt": item["prompt"],
        "recommended_models": list(item.get("models", ())),
        "created_at": _time(item.get("created")),
    }


def _account(account: a.AccountView) -> dict[str, Any]:
    generations = account.available.total
    return {"id": account.id, "email": account.email, "plan": account.plan, "credits": {"generations": generations}}


def write_error(error: PackshotError | None, _: str, __: Request | None = None) -> Response:
    """One envelope for all. What is no caller's fault says nothing of its cause."""
    if isinstance(error, CallerError):
        return _refusal(error)
    if isinstance(error, (Unavailable, Stale)):
        after = {"retry-after": str(Unavailable.retry_after)}
        return _error(503, "internal_error", "Busy for a moment; try again.", after)
    return _error(500, "internal_error", "Something went wrong on our side.")


def _refusal(error: CallerError) -> Response:
    status, code = _ERRORS.get(error.code, INVALID)
    message, headers = _SAID.get(error.code, error.message), dict(error.headers)
    if code == "rate_limit_exceeded":
        seconds = 1 if error.retry_after is None else error.retry_after
        return _error(status, code, message, {**headers, "retry-after": str(seconds)}, seconds)
    if code == "invalid_request" and error.field is not None and error.field not in _UNNAMED:
        field = _FIELDS.get(error.field, error.field)
        message = f"{'asset_id' if error.code == 'unknown_asset' else field}: {message}"
    return _error(status, code, message, headers)


def _error(
    status: int, code: str, message: str, headers: Mapping[str, str] | None = None, seconds: int | None = None
) -> Response:
    after = {} if seconds is None else {"retry_after": seconds}
    return json_response(status, {"error": {"code": code, "message": message, **after}}, headers)


dialect = Dialect(
    prefixes=(PREFIX,), key_of=key_of, read=read, write=write, write_error=write_error, callbacks=callbacks
)
