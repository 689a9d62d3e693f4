"""One request from the outside: find its dialect, its caller and its wish; have the wish carried out; answer.

Every way out is an answer in the caller's dialect with a request id. A 5xx is a bug of ours, and says nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from packshot import dialects, keys, observe
from packshot.answers import Answer, Said
from packshot.errors import CallerError, PackshotError
from packshot.principal import Principal
from packshot.scopes import SCOPES
from packshot.wire import Request, Response
from packshot.wishes import Say, Wish


class Keys(Protocol):
    """Known keys."""

    def principal(self, key: keys.Key) -> Principal | None:
        """Who the key belongs to; None when it is unknown, revoked, expired, or its secret does not match."""
        ...


class Rates(Protocol):
    """Rate limits."""

    def take(self, kid: str, bucket: str, rpm: int, burst: int, now: int) -> "Rate":
        """One request more."""
        ...


class Rate(Protocol):
    """How a key stands with its limit."""

    @property
    def allowed(self) -> bool:
        """Whether this request may go on."""
        ...

    @property
    def remaining(self) -> int:
        """Requests that would be let through at once."""
        ...

    @property
    def wait(self) -> int:
        """Whole seconds until the next request is let through (refused), or until the limit is full again (allowed)."""
        ...


CarryOut = Callable[[Wish, Principal, Request], Answer]


@dataclass(frozen=True, slots=True)
class Door:
    """What it takes to let a caller in. `bucket` names the limit that this side of the API draws from."""

    keys: Keys
    rates: Rates
    bucket: str
    generosity: int = 1

    def admit(self, key: str | None, now: int) -> tuple[Principal, Rate]:
        """The caller behind a key. Raises CallerError 401 or 429."""
        if not key:
            raise CallerError(
                "missing_api_key", "Give an API key as a bearer token.", headers={"www-authenticate": "Bearer"}
            )
        parsed = keys.parse(key)
        principal = self.keys.principal(parsed) if parsed else None
        if principal is None:
            raise CallerError(
                "invalid_api_key",
                "This API key is not valid.",
                headers={"www-authenticate": 'Bearer error="invalid_token"'},
            )
        rpm, burst = principal.rpm * self.generosity, principal.burst * self.generosity
        rate = self.rates.take(principal.key_id, self.bucket, rpm, burst, now)
        if not rate.allowed:
            raise CallerError(
                "rate_limited",
                "Too many requests for this key.",
                retry_after=max(1, rate.wait),
                headers=_rate_headers(rpm, burst, 0, rate.wait),
            )
        return principal, rate


def serve(arrived: Callable[[], Request], request_id: str, *, door: Door, carry_out: CarryOut, now: int) -> Response:
    """Answer one request; `arrived` reads it from the event it came in. Never raises."""
    observe.bind(request_id=request_id)
    dialect, method, limits = dialects.load(dialects.OURS), "", {}
    request: Request | None = None
    try:
        request = arrived()
        request = replace(request, headers={**request.headers, "x-request-id": request_id})
        dialect, method = dialects.match(request.url), request.method
        key = dialect.key_of(request)
        if key is None and request.method in ("GET", "HEAD"):
            wish = _read_unknown(dialect, request, door, now)
            principal = Principal("", "", "test", frozenset())
        else:
            principal, rate = door.admit(key, now)
            rpm, burst = principal.rpm * door.generosity, principal.burst * door.generosity
            limits = _rate_headers(rpm, burst, rate.remaining, rate.wait)
            observe.bind(request_id=request_id, account=principal.account, key_id=principal.key_id)
            wish = dialect.read(request)
            scope = SCOPES.get(type(wish))
            if scope is not None and scope not in principal.scopes:
                raise CallerError("scope_missing", f"This key lacks the scope {scope}.", details={"scope": scope})
        answer = Said(wish.payload, wish.status) if isinstance(wish, Say) else carry_out(wish, principal, request)
        response = dialect.write(wish, answer, request)
    except PackshotError as error:
        response = dialect.write_error(error, request_id, request)
        limits = {} if "ratelimit" in response.headers else limits
    except Exception as error:  # noqa: BLE001  # the last door: whatever it is, the caller gets an answer and we get a line
        observe.log("unexpected error", "ERROR", error=type(error).__name__, at=_where(error))
        response = dialect.write_error(None, request_id, request)
    headers = {**limits, **response.headers, "x-request-id": request_id, "cache-control": "no-store"}
    observe.log("request", method=method, status=response.status, bytes=len(response.body))
    return replace(response, headers=headers, body=b"" if method == "HEAD" else response.body)


def _read_unknown(dialect: dialects.Dialect, request: Request, door: Door, now: int) -> Wish:
    """The wish of a caller without a key: what needs one says so before it says what else is wrong."""
    try:
        wish = dialect.read(request)
    except CallerError as error:
        if error.status not in (404, 405):
            door.admit(None, now)
        raise
    if type(wish) in SCOPES:
        door.admit(None, now)
    return wish


def _rate_headers(rpm: int, burst: int, remaining: int, seconds: int) -> dict[str, str]:
    """The fields of draft-ietf-httpapi-ratelimit-headers: policy and state."""
    return {
        "ratelimit-policy": f'"requests";q={rpm};w=60;burst={burst}',
        "ratelimit": f'"requests";r={remaining};t={seconds}',
    }


def _where(error: BaseException) -> str:
    """File and line of the innermost frame: enough to find it, nothing of the data in it."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_code.co_filename.rsplit('/', 1)[-1]}:{trace.tb_lineno}" if trace else ""
