"""Every error packshot raises on purpose, on one page.

PackshotError
├── CallerError     the caller can fix it: answered with 4xx, never retried, nothing charged
├── ProviderError   an upstream misbehaved; `steps` turn it into a fact, the lifecycle decides
│   └── Forged      a webhook that does not prove where it comes from: one 401, no reason given
├── Unavailable     a service of ours is throttled: 503 with Retry-After, nothing is held
└── Stale           a row changed since it was read: read it again and decide again

A *failure* is not an exception: it is the reason a job carries (`job.Failure`).
"""

from collections.abc import Mapping
from typing import Final

STATUS: Final[Mapping[str, int]] = {
    "malformed_json": 400,
    "malformed_request": 400,
    "unsupported_version": 400,
    "missing_api_key": 401,
    "invalid_api_key": 401,
    "insufficient_credits": 402,
    "scope_missing": 403,
    "test_key_not_allowed": 403,
    "account_inactive": 403,
    "origin_not_allowed": 403,
    "not_found": 404,
    "method_not_allowed": 405,
    "state_conflict": 409,
    "body_too_large": 413,
    "unsupported_media_type": 415,
    "invalid_field": 422,
    "unknown_field": 422,
    "missing_field": 422,
    "unknown_model": 422,
    "unknown_preset": 422,
    "unknown_asset": 422,
    "unknown_profile": 422,
    "unsupported_by_model": 422,
    "idempotency_key_reused": 422,
    "rate_limited": 429,
}
"""The HTTP status of each code a caller can meet. The codes are part of the public API and never change meaning."""


class PackshotError(Exception):
    """The root: catch this to catch everything packshot raises on purpose."""


class CallerError(PackshotError):
    """The caller can fix it.

    `code` is one of `STATUS`; `message` is for people and never holds a secret or an upstream's text; `field` is
    the offending field as a path (`images[0].url`); `retry_after` is in whole seconds.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        field: str | None = None,
        retry_after: int | None = None,
        details: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.status = STATUS[code]
        self.message = message
        self.field = field
        self.retry_after = retry_after
        self.details = dict(details or {})
        self.headers = dict(headers or {})


class ProviderError(PackshotError):
    """An upstream's answer or message cannot be used."""


class Forged(ProviderError):
    """A webhook whose signature, age or form is wrong. The reason stays inside."""


class Unavailable(PackshotError):
    """Our own store refuses for now (throttled, conflicting); the caller may repeat the request in `retry_after` s."""

    retry_after: Final = 2


class Stale(PackshotError):
    """The row's version moved on since it was read."""


def not_found() -> CallerError:
    """The one answer for what does not exist, is somebody else's, or has expired: byte-identical by design."""
    return CallerError("not_found", "Nothing is here.")
