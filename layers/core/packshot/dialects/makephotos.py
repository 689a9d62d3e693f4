"""MakePhotos: five calls under /api/v1/, the key in the query, every picture made while the caller waits.

Errors are {"error": {code, message, details}}; money is two pools of credits. What is served and what differs from the
vendor is listed in docs/dialects.md.
"""

from collections.abc import Callable, Mapping
from typing import cast

from packshot import answers as a
from packshot import multipart
from packshot import wishes as w
from packshot.brief import RESOLUTION_FACTOR, Brief, Image, Resolution
from packshot.dialects import Dialect
from packshot.errors import CallerError, PackshotError, Stale, Unavailable, not_found
from packshot.fields import Fields
from packshot.job import Credits, State
from packshot.validate import invalid, picture
from packshot.wire import Request, Response, json_response

PREFIX = "/api/v1"
NAME = "makephotos"

TYPES = ("product",)
STYLES = ("studio", "amazon", "luxury", "lifestyle")
"""Also ids of system presets."""

RATIOS = ("1:1", "4:3", "3:4", "16:9", "9:16")
PATIENCE = 60
"""Seconds until a call gives up."""

GENERATION_PRICE = 1
"""Credits at 1K; times 2 at 2K, times 4 at 4K."""

BACKGROUND_PRICE = 10
"""Credits for a removed background, whatever its size."""

TIERS = ("starter", "pro", "max", "ultra")
STATUSES = ("active", "canceled", "past_due", "trialing")

# Not documented by the vendor; our choices (docs/dialects.md):
MAX_PROMPT = 4000  # characters; a prompt of nothing but spaces is none
MAX_UPLOAD = 4_500_000  # bytes of a form's file; the vendor says "about 4.5 MB"
MAX_SIGNED = 20 * 1024 * 1024  # bytes of a direct upload; the vendor names no limit
CONTENT_TYPES = ("image/jpeg", "image/png", "image/webp")  # of a direct upload, in the query; the first is the default
FORBIDDEN = (403, "forbidden")
OUR_ERRORS: Mapping[str, tuple[int, str]] = {  # situations that the vendor does not have
    "scope_missing": FORBIDDEN,
    "test_key_not_allowed": FORBIDDEN,
    "origin_not_allowed": FORBIDDEN,
    "not_found": (404, "not_found"),
    "method_not_allowed": (405, "method_not_allowed"),
    "rate_limited": (429, "rate_limited"),
}
# And: only pictures at /upload; what the five names of /upload/signed hold (_ticket); any content type of a JSON body;
# the words of every message but those of _SAID, of insufficient_credits and of a timeout.

ERRORS: Mapping[str, tuple[int, str]] = {
    "missing_api_key": (401, "missing_api_key"),
    "invalid_api_key": (401, "invalid_api_key"),
    "insufficient_credits": (402, "insufficient_credits"),
    "account_inactive": (403, "no_active_subscription"),
    **OUR_ERRORS,
}
INVALID = (400, "invalid_params")
"""Every other error of a caller."""

_SAID = {
    "missing_api_key": "No API key provided",
    "invalid_api_key": "API key is invalid or revoked",
    "account_inactive": "No active subscription",
}
"""The vendor's own words, whatever the error's."""

_FIELDS = {"images": "image_url", "images[0]": "image_url", "preset": "style"}
"""What the brief calls it, and what this vendor does."""

_UNNAMED = ("model", "operation", "count", "format", "background", "like_input")
"""Parts of a brief that a caller of this API never gave."""


def key_of(request: Request) -> str | None:
    """The query parameter key."""
    return request.query.get("key") or None


# ----------------------------------------------------------------------------------------------------------- read


def read(request: Request) -> w.Wish:
    """The wish in a request. Raises CallerError."""
    route = ROUTES.get(request.url.removeprefix(PREFIX)) if request.url.startswith(PREFIX) else None
    if route is None:
        raise not_found()
    method, reader = route
    if method != ("GET" if request.method == "HEAD" else request.method):
        allowed = "GET, HEAD" if method == "GET" else method
        raise CallerError("method_not_allowed", f"Allowed here: {allowed}.", headers={"allow": allowed})
    return reader(request)


def _generate(request: Request) -> w.Wish:
    given = Fields.of_json(request)
    image = Image("url", given.address("image_url"))
    given.choice("type", TYPES)
    style = given.choice("style", STYLES)
    prompt = given.text("prompt", "", most=MAX_PROMPT).strip()
    ratio = given.choice("aspect_ratio", RATIOS, "1:1")
    resolution = cast(Resolution, given.choice("resolution", RESOLUTION_FACTOR, "1K"))
    brief = Brief(
        operation="generate",
        model="",
        prompt=prompt,
        images=(image,),
        preset=None if prompt else style,  # a prompt replaces the style's own, so nothing of the style is left
        aspect_ratio=ratio,
        resolution=resolution,
        format="jpg",
        keep=True,
        dialect=NAME,
    )
    return _submit(brief, GENERATION_PRICE * RESOLUTION_FACTOR[resolution])


def _remove_background(request: Request) -> w.Wish:
    brief = Brief(
        operation="remove_background",
        model="",
        images=(Image("own", Fields.of_json(request).address("image_url")),),
        like_input=True,
        background="transparent",
        format="png",
        keep=True,
        dialect=NAME,
    )
    return _submit(brief, BACKGROUND_PRICE)


def _submit(brief: Brief, price: int) -> w.Submit:
    return w.Submit(brief, wait=PATIENCE, final=True, price=price, balance=True)


def _upload(request: Request) -> w.Wish:
    parts = multipart.parse(request.headers.get("content-type", ""), request.body)
    file = multipart.file_of(parts)
    if len(file.data) > MAX_UPLOAD:
        raise invalid("file", f"May have {MAX_UPLOAD / 1_000_000:g} MB; larger ones go through /upload/signed.")
    return w.PutAsset(picture(file.data, "file"), file.filename)


def _upload_signed(request: Request) -> w.Wish:
    kind = Fields(request.query, written=True).choice("content_type", CONTENT_TYPES, CONTENT_TYPES[0])
    return w.PresignAsset(kind, MAX_SIGNED)


ROUTES: Mapping[str, tuple[str, Callable[[Request], w.Wish]]] = {
    "/generate": ("POST", _generate),
    "/remove-bg": ("POST", _remove_background),
    "/credits": ("GET", lambda _: w.GetAccount()),
    "/upload": ("POST", _upload),
    "/upload/signed": ("GET", _upload_signed),
}


# ---------------------------------------------------------------------------------------------------------- write


def write(wish: w.Wish, answer: a.Answer, _: Request) -> Response:
    """The answer as JSON; a job that gave no picture is an error."""
    match answer:
        case a.JobView():
            return _result(answer)
        case a.AccountView():
            return json_response(200, _credits(answer))
        case a.Asset():
            return json_response(200, {"image_url": answer.url})
        case a.Ticket():
            return json_response(200, _ticket(answer))
    raise TypeError(f"{type(wish).__name__}: {type(answer).__name__}")


def _result(view: a.JobView) -> Response:
    job = view.job
    charged = job.charged or Credits()
    if job.state not in (State.COMPLETED, State.PARTIAL):
        refunded = job.charged is not None and not charged.total
        return _error(502, "generation_failed", _why(view), {"refunded": refunded})
    left = view.available or Credits()
    body = {
        "result_url": view.outputs[0].url,
        "credits_used": charged.total,
        "credits_remaining": {"monthly": left.monthly, "topup": left.topup, "total": left.total},
    }
    return json_response(200, body)


def _why(view: a.JobView) -> str:
    failure = view.job.failure
    if failure is None or failure.code == "deadline_exceeded" or view.job.state is not State.FAILED:
        return "Generation timed out"
    return f"AI generation failed. {failure.message.replace('images[0]', 'image_url')}"


def _credits(account: a.AccountView) -> dict[str, object]:
    return {
        "monthly_remaining": account.available.monthly,
        "topup_remaining": account.available.topup,
        "total": account.available.total,
        "credits_limit": account.allowance,
        "tier": account.plan if account.plan in TIERS else None,
        "status": account.status if account.status in STATUSES else None,
    }


def _ticket(ticket: a.Ticket) -> dict[str, object]:
    """The vendor's five names describe a form for Cloudinary; ours is for S3. They hold what is nearest in our form,
    but a client must post `fields`, then `file`, to `url`, and the picture is then at `image_url`."""
    form = ticket.fields
    return {
        "signature": form.get("x-amz-signature", ""),
        "timestamp": ticket.asset.created // 1000,
        "api_key": form.get("x-amz-credential", "").partition("/")[0],
        "cloud_name": ticket.url.partition("://")[2].partition("/")[0],  # a host: no Cloudinary account is named so
        "folder": form.get("key", "").rpartition("/")[0],
        "url": ticket.url,
        "fields": dict(form),
        "image_url": ticket.asset.url,
    }


def write_error(error: PackshotError | None, _: str, __: Request | None = None) -> Response:
    """One envelope for all. What is no caller's fault says nothing of its cause."""
    if isinstance(error, CallerError):
        return _refusal(error)
    if isinstance(error, (Unavailable, Stale)):  # the vendor knows no 503
        after = {"retry-after": str(Unavailable.retry_after)}
        return _error(500, "internal_error", "Unexpected server error; try again in a moment.", headers=after)
    return _error(500, "internal_error", "Unexpected server error")


def _refusal(error: CallerError) -> Response:
    status, code = ERRORS.get(error.code, INVALID)
    headers = {} if status == 401 else dict(error.headers)  # the challenge of a 401 speaks of bearer tokens
    if error.retry_after is not None:
        headers["retry-after"] = str(error.retry_after)
    if code == "insufficient_credits":
        left = {name: _number(error, name) for name in ("monthly_remaining", "topup_remaining")}
        short = f"Not enough credits. Need {_number(error, 'needed')}, have {sum(left.values())}."
        message = error.message if "budget" in error.details else short  # a budget says nothing of the balance
        return _error(status, code, message, left, headers)
    message, field = error.message, error.field
    if code == "invalid_params" and field is not None and field not in _UNNAMED:
        message = f"{_FIELDS.get(field, field)}: {message}"
    return _error(status, code, _SAID.get(error.code, message), headers=headers)


def _number(error: CallerError, name: str) -> int:
    value = error.details.get(name)
    return value if isinstance(value, int) else 0


def _error(
    status: int,
    code: str,
    message: str,
    details: Mapping[str, object] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    body = {"error": {"code": code, "message": message, "details": dict(details or {})}}
    return json_response(status, body, headers)


dialect = Dialect(prefixes=(PREFIX,), key_of=key_of, read=read, write=write, write_error=write_error)
