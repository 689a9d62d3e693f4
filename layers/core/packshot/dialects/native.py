"""packshot's own API, under /packshot/v1/: strict JSON, one shape per thing, errors as RFC 9457 problems.

What a body may hold is said in `api.models`; here are the routes, the rules between two fields, and the statuses.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from packshot import answers as a
from packshot import api, ids, multipart
from packshot import wishes as w
from packshot.brief import Brief, Image, ratio_of
from packshot.dialects import Dialect
from packshot.errors import CallerError, PackshotError, Stale, Unavailable, not_found
from packshot.validate import check, data_of, instant, invalid, is_address, parse, picture
from packshot.wire import Request, Response, dump, json_response

MAX_BODY = 6_000_000
LONGEST_WAIT = 600
QUERIED = (("GET", "jobs"), ("GET", "assets"), ("GET", "openapi.json"))
"""Where a query may stand; what it says of a public document does not matter."""

PICTURES = ("image/png", "image/jpeg", "image/webp")
INLINE = Image("asset", "inline")
"""Stands in the brief for a picture that came as a data URI, until the submit step has made an asset of it."""

_Read = Callable[[Request, str], w.Wish]
_ID = re.compile("[0-9A-Za-z][0-9A-Za-z._~-]{0,255}")


def key_of(request: Request) -> str | None:
    """The bearer token."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None


# ----------------------------------------------------------------------------------------------------------- read


def read(request: Request) -> w.Wish:
    """The wish in a request. Raises CallerError."""
    if len(request.body) > MAX_BODY:
        raise CallerError("body_too_large", f"A request may have {MAX_BODY:,} bytes; upload larger pictures as assets.")
    path, subject = route(request.url)
    methods = ROUTES.get(path)
    if methods is None:
        raise not_found()
    if "{id}" in path and not _ID.fullmatch(subject):
        raise not_found()
    method = "GET" if request.method == "HEAD" else request.method
    if method not in methods:
        allowed = ", ".join(f"{name}, HEAD" if name == "GET" else name for name in methods)
        raise CallerError("method_not_allowed", f"Allowed here: {allowed}.", headers={"allow": allowed})
    if request.query and (method, path) not in QUERIED:
        check("EmptyRequest", dict(request.query))
    return methods[method](request, subject)


def route(url: str) -> tuple[str, str]:
    """`jobs/job_1/cancel` is the route `jobs/{id}/cancel` and the id `job_1`."""
    path = url.removeprefix(api.PREFIX) if url.startswith(api.PREFIX) else ""
    steps = path.split("/")
    if (path in ROUTES and "{" not in path) or len(steps) < 2:
        return path, ""
    return "/".join([steps[0], "{id}", *steps[2:]]), steps[1]


def _submit(request: Request, _: str) -> w.Wish:
    brief, inline = _brief(request)
    key = request.headers.get("idempotency-key")
    if key is not None and not (1 <= len(key) <= 255 and key.isascii() and key.isprintable()):
        raise invalid("Idempotency-Key", "Must be 1 to 255 printable ASCII characters.")
    return w.Submit(brief, _wait(request.headers.get("prefer", "")), key, inline)


def _brief(request: Request) -> tuple[Brief, tuple[w.Inline, ...]]:
    given = {name: value for name, value in _body(request, "JobRequest").items() if value is not None}
    exact = [name for name in ("width", "height") if name in given]
    if len(exact) == 1:
        raise CallerError(
            "missing_field", "Give width and height together.", field="height" if exact == ["width"] else "width"
        )
    for name in ("aspect_ratio", "resolution"):
        if exact and name in given:
            raise invalid(name, "Give either width and height, or aspect_ratio and resolution.")
    try:
        ratio_of(given.get("aspect_ratio", "auto"))
    except ValueError:
        raise invalid("aspect_ratio", "Must be auto, or width:height between 1:20 and 20:1, such as 4:3.") from None
    if "callback_url" in given and not is_address(given["callback_url"]):
        raise invalid("callback_url", "Must be an absolute https address.")
    images, inline = _images(given.pop("images", []))
    return Brief(**{"operation": "generate", "model": "studio", **given, "images": images}), inline


def _images(given: list[str]) -> tuple[tuple[Image, ...], tuple[w.Inline, ...]]:
    images: list[Image] = []
    inline: list[w.Inline] = []
    for place, text in enumerate(given):
        field = f"images[{place}]"
        if text.startswith("data:"):
            inline.append(w.Inline(place, picture(data_of(text, field), field)))
            images.append(INLINE)
        elif ids.is_id("as", text):
            images.append(Image("asset", text))
        elif len(text) <= 2048 and is_address(text):
            images.append(Image("url", text))
        else:
            raise invalid(field, "Must be an https address, an asset's id (as_...), or a data URI of a picture.")
    return tuple(images), tuple(inline)


def _wait(prefer: str) -> int:
    """Seconds of `Prefer: wait=N` (RFC 7240): the first one counts, what makes no sense is ignored."""
    for preference in prefer.split(","):
        name, _, value = preference.partition(";")[0].partition("=")
        if name.strip().lower() == "wait":
            seconds = value.strip().strip('"')
            return min(int(seconds), LONGEST_WAIT) if re.fullmatch("[0-9]{1,9}", seconds) else 0
    return 0


def _jobs(request: Request, _: str) -> w.Wish:
    given = _query(request, "JobsQuery")
    for name in ("after", "before"):
        given[name] = instant(given.pop(f"created_{name}", None), f"created_{name}")
    return w.ListJobs(**given)


def _query(request: Request, name: str) -> dict[str, Any]:
    """Checked like a body; every value is text on its way here, `limit` means a number."""
    given: dict[str, object] = dict(request.query)
    if re.fullmatch("[0-9]{1,9}", request.query.get("limit", "")):
        given["limit"] = int(request.query["limit"])
    return check(name, given)


def _put_asset(request: Request, _: str) -> w.Wish:
    kind = _media_type(request)
    if kind == "multipart/form-data":
        part = multipart.file_of(request.headers["content-type"], request.body)
        return w.PutAsset(picture(part.data, "file"), part.filename)
    if kind in PICTURES:
        return w.PutAsset(picture(request.body, "file"))
    given = _body(request, "UploadRequest", f"multipart/form-data, {', '.join(PICTURES)}")
    return w.PresignAsset(given["content_type"], given["bytes"], given.get("filename"))


def _create_endpoint(request: Request, _: str) -> w.Wish:
    given = _endpoint(request, "EndpointRequest")
    return w.CreateEndpoint(given["url"], given.get("events", ()), given.get("description", ""))


def _endpoint(request: Request, name: str) -> dict[str, Any]:
    given = {name: value for name, value in _body(request, name).items() if value is not None}
    if "url" in given and not is_address(given["url"]):
        raise invalid("url", "Must be an absolute https address.")
    if "events" in given:
        given["events"] = tuple(dict.fromkeys(given["events"]))
    return given


def _replay(request: Request, subject: str) -> w.Wish:
    given = _body(request, "ReplayRequest")
    since, until = instant(given["since"], "since") or 0, instant(given["until"], "until") or 0
    if until <= since:
        raise invalid("until", "Must be later than since.")
    return w.ReplayRange(subject, since, until, given.get("failed_only", True))


def _rotate(request: Request, subject: str) -> w.Wish:
    given = _body(request, "RotateRequest") if request.body else {}
    return w.RotateEndpoint(subject, given.get("overlap_seconds", 86_400))


def _bare(wish: Callable[[str], w.Wish]) -> _Read:
    """A route whose body, if there is one, says nothing."""

    def read(request: Request, subject: str) -> w.Wish:
        if request.body and request.method == "POST":
            _body(request, "EmptyRequest")
        return wish(subject)

    return read


def _body(request: Request, name: str, besides: str = "") -> dict[str, Any]:
    kind = _media_type(request)
    if kind and kind != "application/json" and not (kind.startswith("application/") and kind.endswith("+json")):
        raise CallerError("unsupported_media_type", f"Send application/json{', ' * bool(besides)}{besides}.")
    return check(name, parse(request.body))


def _media_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


ROUTES: Mapping[str, Mapping[str, _Read]] = {
    "jobs": {"GET": _jobs, "POST": _submit},
    "jobs/{id}": {"GET": _bare(w.GetJob)},
    "jobs/{id}/cancel": {"POST": _bare(w.CancelJob)},
    "jobs/{id}/deliveries": {"GET": _bare(w.ListDeliveries)},
    "deliveries/{id}/replay": {"POST": _bare(w.ReplayDelivery)},
    "quotes": {"POST": lambda request, _: w.Quote(_brief(request)[0])},
    "models": {"GET": _bare(lambda _: w.ListModels())},
    "presets": {"GET": _bare(lambda _: w.ListPresets())},
    "assets": {"GET": lambda request, _: w.ListAssets(**_query(request, "PageQuery")), "POST": _put_asset},
    "assets/{id}": {"GET": _bare(w.GetAsset)},
    "account": {"GET": _bare(lambda _: w.GetAccount())},
    "account/callback-secret/rotate": {"POST": lambda request, _: _rotate(request, "default")},
    "callback-endpoints": {"GET": _bare(lambda _: w.ListEndpoints()), "POST": _create_endpoint},
    "callback-endpoints/{id}": {
        "PATCH": lambda request, subject: w.ChangeEndpoint(subject, **_endpoint(request, "EndpointChange")),
        "DELETE": _bare(w.DeleteEndpoint),
    },
    "callback-endpoints/{id}/rotate": {"POST": _rotate},
    "callback-endpoints/{id}/test": {"POST": _bare(w.TestEndpoint)},
    "callback-endpoints/{id}/replay": {"POST": _replay},
    "openapi.json": {"GET": _bare(lambda _: w.Document())},
}


# ---------------------------------------------------------------------------------------------------------- write


def write(wish: w.Wish, answer: a.Answer) -> Response:
    """The answer as JSON, with the status that fits the wish."""
    match answer:
        case a.Text():
            return Response(200, {"content-type": answer.content_type}, answer.body)
        case a.Done() if isinstance(wish, w.DeleteEndpoint):
            return Response(204)
        case a.JobView():
            return _job(wish, answer)
    status = 201 if isinstance(wish, (w.PutAsset, w.PresignAsset, w.CreateEndpoint)) else 200
    return json_response(202 if isinstance(answer, a.Done) else status, api.shape(wish, answer))


def _job(wish: w.Wish, answer: a.JobView) -> Response:
    body = api.job(answer)
    if not isinstance(wish, w.Submit):
        return json_response(200, body)
    headers = {"location": body["links"]["self"]}
    if not answer.fresh:
        headers["idempotency-replayed"] = "true"
    return json_response(202 if answer.fresh and not answer.job.state.terminal else 200, body, headers)


def write_error(error: PackshotError | None, request_id: str) -> Response:
    """An RFC 9457 problem. What is no caller's fault says nothing of its cause."""
    if isinstance(error, CallerError):
        detail = "This API key is not valid." if error.code == "invalid_api_key" else error.message
        seconds, headers, details = error.retry_after, error.headers, error.details
        return _problem(error.status, error.code, detail, request_id, seconds, headers, error.field, details)
    if isinstance(error, (Unavailable, Stale)):
        return _problem(503, "unavailable", "Busy for a moment; try again.", request_id, Unavailable.retry_after)
    return _problem(500, "internal_error", "Something went wrong on our side.", request_id)


def _problem(
    status: int,
    code: str,
    detail: str,
    request_id: str,
    seconds: int | None = None,
    headers: Mapping[str, str] | None = None,
    field: str | None = None,
    details: Mapping[str, object] | None = None,
) -> Response:
    named = {"content-type": "application/problem+json", **(headers or {})}
    if status == 401:
        named.setdefault("www-authenticate", "Bearer")
    if seconds is not None:
        named["retry-after"] = str(seconds)
    return Response(status, named, dump(api.problem(status, code, detail, request_id, field, details)))


dialect = Dialect(prefix=api.PREFIX, key_of=key_of, read=read, write=write, write_error=write_error)
