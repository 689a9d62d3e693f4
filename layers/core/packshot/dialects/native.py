"""packshot's own API, under /packshot/v1/: strict JSON, one shape per thing, errors as RFC 9457 problems.

What a body may hold is said in `api.models`; here are the routes, the rules between two fields, and the statuses.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from packshot import answers as a
from packshot import api, jobrequest, multipart
from packshot import wishes as w
from packshot.dialects import Dialect
from packshot.errors import CallerError, PackshotError, Stale, Unavailable, not_found
from packshot.validate import check, instant, invalid, parse, picture
from packshot.wire import Request, Response, dump, json_response

MAX_BODY = 6_000_000
LONGEST_WAIT = 600
LONGEST_USAGE = 92 * 86_400_000  # ms: the longest span of time that one `GET /usage` may ask about

PICTURES = ("image/png", "image/jpeg", "image/webp")
_Read = Callable[[Request, str], w.Wish]
_STEP = "[0-9A-Za-z][0-9A-Za-z._~-]{0,255}"
_ID = re.compile(_STEP.replace("._~", "._~@"))
LASTING = {
    path: re.compile(re.sub("{[a-z]+}", _STEP, path))
    for path in (
        "pictures/assets/{account}/{id}",
        "pictures/assets/{account}/{id}/thumbnail",
        "pictures/outputs/{account}/{job}/{name}",
    )
}
"""The lasting addresses of pictures; all that follows `pictures/` is the wish's path."""

QUERIED = ("jobs", "presets", "assets", "profiles", "usage", "openapi.json", *LASTING)
"""Where a GET may have a query; what it says of a document or a picture that needs no key does not matter."""

_PLACE = re.compile(r"images\[([0-9]+)\]")


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
    if "{" in path and path not in LASTING and not _ID.fullmatch(subject):
        raise not_found()
    method = "GET" if request.method == "HEAD" else request.method
    if method not in methods:
        allowed = ", ".join(f"{name}, HEAD" if name == "GET" else name for name in methods)
        raise CallerError("method_not_allowed", f"Allowed here: {allowed}.", headers={"allow": allowed})
    if request.query and not (method == "GET" and path in QUERIED):
        check("EmptyRequest", dict(request.query))
    return methods[method](request, subject)


def route(url: str) -> tuple[str, str]:
    """`jobs/job_1/cancel` is the route `jobs/{id}/cancel` and the id `job_1`."""
    path = url.removeprefix(api.PREFIX) if url.startswith(api.PREFIX) else ""
    steps = path.split("/")
    if (path in ROUTES and "{" not in path) or len(steps) < 2:
        return path, ""
    lasting = next((name for name, form in LASTING.items() if form.fullmatch(path)), None)
    return (lasting, path.partition("/")[2]) if lasting else ("/".join([steps[0], "{id}", *steps[2:]]), steps[1])


def _submit(request: Request, _: str) -> w.Wish:
    brief, inline, profiles = jobrequest.brief_of(_body(request, "JobRequest"))
    return w.Submit(brief, _wait(request.headers.get("prefer", "")), _idempotency(request), inline, profiles=profiles)


def _idempotency(request: Request) -> str | None:
    key = request.headers.get("idempotency-key")
    if key is not None and not (1 <= len(key) <= 255 and key.isascii() and key.isprintable()):
        raise invalid("Idempotency-Key", "Must be 1 to 255 printable ASCII characters.")
    return key


def _fix(request: Request, _: str) -> w.Wish:
    brief, inline = jobrequest.fix_of(_body(request, "FixRequest"))
    return w.Submit(brief, _wait(request.headers.get("prefer", "")), _idempotency(request), inline)


def _quote(request: Request, _: str) -> w.Wish:
    brief, _inline, profiles = jobrequest.brief_of(_body(request, "JobRequest"))
    return w.Quote(brief, profiles=profiles)


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
    return w.ListJobs(key=given.pop("key_id", None), **given)


def _query(request: Request, name: str) -> dict[str, Any]:
    """Checked like a body; every value is text on its way here, `limit` and `offset` mean numbers."""
    given: dict[str, object] = dict(request.query)
    for number in ("limit", "offset"):
        if re.fullmatch("[0-9]{1,9}", request.query.get(number, "")):
            given[number] = int(request.query[number])
    return check(name, given)


def _usage(request: Request, _: str) -> w.Wish:
    since, until = _span(_query(request, "UsageQuery"))
    if until - since > LONGEST_USAGE:
        raise invalid("until", "Must be at most 92 days after since.")
    return w.GetUsage(since, until)


def _span(given: Mapping[str, Any]) -> tuple[int, int]:
    since, until = instant(given["since"], "since") or 0, instant(given["until"], "until") or 0
    if until <= since:
        raise invalid("until", "Must be later than since.")
    return since, until


def _preset(request: Request, subject: str) -> w.Wish:
    return w.PutPreset(id=subject or None, **_body(request, "PresetRequest"))


def _put_asset(request: Request, _: str) -> w.Wish:
    kind = _media_type(request)
    if kind == "multipart/form-data":
        return _form(request)
    if kind in PICTURES:
        return w.PutAsset(picture(request.body, "file"))
    _check_json(kind, f", multipart/form-data, {', '.join(PICTURES)}")
    body = parse(request.body)
    if isinstance(body, dict) and "url" in body:
        given = check("ImportRequest", body)
        return w.ImportAsset(jobrequest.address(given["url"], "url"), given.get("filename"), _tags(given))
    given = check("UploadRequest", body)
    return w.PresignAsset(given["content_type"], given["bytes"], given.get("filename"), _tags(given))


def _form(request: Request) -> w.Wish:
    """One `file`, and any number of `tags`."""
    parts = multipart.parse(request.headers["content-type"], request.body)
    tags = [part.data.decode(errors="surrogateescape") for part in parts if part.name == "tags"]
    files = [part for part in parts if part.name != "tags"]
    given = check("AssetForm", {**{part.name: "" for part in files}, "tags": tags})
    if len(files) > 1:
        raise invalid("file", "Send one file at a time.")
    return w.PutAsset(picture(files[0].data, "file"), files[0].filename, _tags(given))


def _tags(given: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(given.get("tags", ())))


def _create_profile(request: Request, _: str) -> w.Wish:
    given = _body(request, "ProfileRequest")
    images = tuple(jobrequest.address(url, f"images[{place}]") for place, url in enumerate(given["images"]))
    return w.CreateProfile(images, given.get("tag"))


def _create_endpoint(request: Request, _: str) -> w.Wish:
    given = _endpoint(request, "EndpointRequest")
    return w.CreateEndpoint(**{"events": (), **given})


def _endpoint(request: Request, name: str) -> dict[str, Any]:
    given = {name: value for name, value in _body(request, name).items() if value is not None}
    if "url" in given:
        jobrequest.address(given["url"], "url")
    if "events" in given:
        given["events"] = tuple(dict.fromkeys(given["events"]))
    return given


def _replay(request: Request, subject: str) -> w.Wish:
    given = _body(request, "ReplayRequest")
    return w.ReplayRange(subject, *_span(given), given.get("failed_only", True))


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


def _body(request: Request, name: str) -> dict[str, Any]:
    _check_json(_media_type(request))
    return check(name, parse(request.body))


def _check_json(kind: str, besides: str = "") -> None:
    if kind and kind != "application/json" and not (kind.startswith("application/") and kind.endswith("+json")):
        raise CallerError("unsupported_media_type", f"Send application/json{besides}.")


def _media_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


ROUTES: Mapping[str, Mapping[str, _Read]] = {
    "jobs": {"GET": _jobs, "POST": _submit},
    "jobs/{id}": {"GET": _bare(w.GetJob)},
    "jobs/{id}/cancel": {"POST": _bare(w.CancelJob)},
    "jobs/{id}/deliveries": {"GET": _bare(w.ListDeliveries)},
    "deliveries/{id}/replay": {"POST": _bare(w.ReplayDelivery)},
    "quotes": {"POST": _quote},
    "checks": {"POST": lambda request, _: jobrequest.check_of(_body(request, "CheckRequest"))},
    "fixes": {"POST": _fix},
    "models": {"GET": _bare(lambda _: w.ListModels())},
    "presets": {"GET": lambda request, _: w.ListPresets(**_query(request, "PresetsQuery")), "POST": _preset},
    "presets/{id}": {"GET": _bare(w.GetPreset), "PUT": _preset, "DELETE": _bare(w.DeletePreset)},
    "assets": {"GET": lambda request, _: w.ListAssets(**_query(request, "AssetsQuery")), "POST": _put_asset},
    "assets/{id}": {"GET": _bare(w.GetAsset), "DELETE": _bare(w.DeleteAsset)},
    "profiles": {"GET": lambda request, _: w.ListProfiles(**_query(request, "ProfilesQuery")), "POST": _create_profile},
    "profiles/{id}": {"GET": _bare(w.GetProfile), "DELETE": _bare(w.DeleteProfile)},
    "profiles/{id}/picture": {"GET": _bare(w.GetProfilePicture)},
    "account": {
        "GET": _bare(lambda _: w.GetAccount()),
        "PATCH": lambda request, _: w.ChangeAccount(_body(request, "AccountChange")["models"]),
    },
    "provider-keys/{id}": {
        "PUT": lambda request, subject: w.PutProviderKey(subject, _body(request, "ProviderKeyRequest")["fields"]),
        "DELETE": _bare(w.DeleteProviderKey),
    },
    "usage": {"GET": _usage},
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
    **{path: {"GET": _bare(w.GetPicture)} for path in LASTING},
}


# ---------------------------------------------------------------------------------------------------------- write


SILENT = (w.DeleteEndpoint, w.DeleteAsset, w.DeletePreset, w.DeleteProfile, w.PutProviderKey, w.DeleteProviderKey)
MAKES = (w.PutAsset, w.ImportAsset, w.PresignAsset, w.CreateProfile, w.CreateEndpoint)


def write(wish: w.Wish, answer: a.Answer, _: Request) -> Response:
    """The answer as JSON, with the status that fits the wish."""
    match answer:
        case a.Raw():
            return Response(200, {"content-type": answer.content_type}, answer.body)
        case a.Redirect():
            return Response(302, {"location": answer.url})
        case a.Done() if isinstance(wish, SILENT):
            return Response(204)
        case a.JobView():
            return _job(wish, answer)
    made = isinstance(wish, MAKES) or (isinstance(wish, w.PutPreset) and wish.id is None)
    return json_response(202 if isinstance(answer, a.Done) else 201 if made else 200, api.shape(wish, answer))


def _job(wish: w.Wish, answer: a.JobView) -> Response:
    body = api.job(answer)
    if not isinstance(wish, w.Submit):
        return json_response(200, body)
    headers = {"location": body["links"]["self"]}
    if not answer.fresh:
        headers["idempotency-replayed"] = "true"
    return json_response(202 if answer.fresh and not answer.job.state.terminal else 200, body, headers)


def write_error(error: PackshotError | None, request_id: str, request: Request | None = None) -> Response:
    """An RFC 9457 problem. What is no caller's fault says nothing of its cause."""
    if isinstance(error, CallerError):
        detail = "This API key is not valid." if error.code == "invalid_api_key" else error.message
        seconds, headers, details = error.retry_after, error.headers, error.details
        field = _named(error.field, request)
        return _problem(error.status, error.code, detail, request_id, seconds, headers, field, details)
    if isinstance(error, (Unavailable, Stale)):
        return _problem(503, "unavailable", "Busy for a moment; try again.", request_id, Unavailable.retry_after)
    return _problem(500, "internal_error", "Something went wrong on our side.", request_id)


def _named(field: str | None, request: Request | None) -> str | None:
    """What the caller calls a picture of the brief: after `images` come `reference`, `mask` and the profiles'."""
    found = _PLACE.fullmatch(field or "")
    try:
        given = parse(request.body) if found and request else None
    except CallerError:
        return field
    if found and isinstance(given, dict) and "image" in given:
        return "image"
    if found is None or not isinstance(given, dict) or int(found[1]) < len(given.get("images") or ()):
        return field
    names = [*(role for role in jobrequest.ROLES if given.get(role)), "profiles"]
    return names[min(int(found[1]) - len(given.get("images") or ()), len(names) - 1)]


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


dialect = Dialect(prefixes=(api.PREFIX.rstrip("/"),), key_of=key_of, read=read, write=write, write_error=write_error)
