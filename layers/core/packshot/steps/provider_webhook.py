"""A provider calls: prove it is the one, about this very attempt, then store what it says. The first to tell wins.

Everything that does not fit gets the same 401 and writes nothing: unknown job, wrong token, bad signature, old message.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hmac import compare_digest

from packshot import observe, providers
from packshot.errors import Forged, ProviderError
from packshot.ports import Jobs
from packshot.providers import Taken, Working
from packshot.steps.apply import apply
from packshot.steps.upstream import Upstream
from packshot.wire import Request, Response, json_response


@dataclass(frozen=True, slots=True)
class Listener:
    """What listening takes; `now` in ms."""

    jobs: Jobs
    upstream: Upstream
    now: Callable[[], int]


def provider_webhook(path: Mapping[str, str], request: Request, *, room: Listener) -> Response:
    """Take one delivery. 200 for what was understood, new or not; 401 for what proves nothing."""
    try:
        _take(path, request, room)
    except (ProviderError, LookupError, ValueError) as error:
        observe.log("webhook refused", "WARNING", provider=path.get("provider", ""), reason=type(error).__name__)
        return json_response(401, {"error": "unauthorized"})
    return json_response(200, {"ok": True})


def _take(path: Mapping[str, str], request: Request, room: Listener) -> None:
    provider = providers.load(path["provider"])
    if provider.verify is None or provider.read_webhook is None:
        raise Forged("no webhooks")
    credentials = room.upstream.credentials(path["provider"])
    if credentials is None:
        raise Forged("not configured")
    provider.verify(credentials, request.headers, request.body, room.now() // 1000)
    index, number = int(path["call"]), int(path["attempt"])
    job = room.jobs.get(path["account"], path["job"])
    if job is None or not 0 <= index < len(job.calls):
        raise Forged("unknown job")
    observe.bind(job=job.id, account=job.account, request_id=job.request_id)
    attempt = next((one for one in job.calls[index].attempts if one.number == number), None)
    if (
        attempt is None
        or attempt.provider != path["provider"]
        or not compare_digest(attempt.token.encode(), path["token"].encode())
    ):
        raise Forged("wrong token")
    remote, reply = provider.read_webhook(request.body)
    if attempt.remote is not None and attempt.remote != remote:
        raise Forged("another request's webhook")
    if attempt.remote is None and isinstance(reply, Working):  # the create's own answer was lost: now it can be polled
        reply = Taken(remote)
    fact = room.upstream.fact(reply, index, attempt, now=room.now(), due=job.calls[index].due)
    apply(room.jobs, job, fact)
    observe.log("webhook taken", provider=path["provider"], attempt=number, reply=type(reply).__name__)
