"""A provider calls: prove it is the one, about this very attempt, then store what it says. The first to tell wins.

Everything that does not fit gets the same 401 and writes nothing: unknown job, wrong token, bad signature, old message.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hmac import compare_digest
from typing import Protocol

from packshot import observe, providers
from packshot.egress import NoAnswer, NotSent
from packshot.errors import Forged, ProviderError
from packshot.job import Attempt, Job
from packshot.ports import Jobs, Pictures
from packshot.providers import Credentials, Provider
from packshot.replies import Later, Look, Made, Ready, Reply, Taken, Unknown, Working
from packshot.routing import account_of
from packshot.steps.apply import apply
from packshot.steps.keep import keep_results
from packshot.steps.upstream import Upstream
from packshot.wire import Request, Response, json_response

KEYS_MS, KEYS_AGAIN_MS = 86_400_000, 60_000
"""How long a provider's public keys are believed, and how soon they may be asked for again when none of them fits."""


LOOK_SECONDS = 8
"""How long the provider may take to answer while its own delivery waits."""


class Remotes(Protocol):
    """Where a request's name leads, for providers whose webhook is set once for the whole account."""

    def find(self, provider: str, name: str) -> tuple[str, str, int, int] | None:
        """(account, job, call, attempt) of the request of that name."""
        ...


@dataclass(frozen=True, slots=True)
class Listener:
    """What listening takes; `now` in ms. `keys` remembers providers' public keys."""

    jobs: Jobs
    upstream: Upstream
    outputs: Pictures
    remotes: Remotes
    now: Callable[[], int]
    keys: dict[str, tuple[int, str]] = field(default_factory=dict)


def provider_webhook(path: Mapping[str, str], request: Request, *, room: Listener) -> Response:
    """Take one delivery. 200 for what was understood, new or not; 401 for what proves nothing."""
    try:
        _take(path, request, room)
    except (ProviderError, LookupError, ValueError) as error:
        observe.log("webhook refused", "WARNING", provider=path.get("provider", ""), reason=type(error).__name__)
        return json_response(401, {"error": "unauthorized"})
    return json_response(200, {"ok": True})


def _take(path: Mapping[str, str], request: Request, room: Listener) -> None:
    name = path["provider"]
    provider = providers.load(name)
    if provider.verify is None or provider.read_webhook is None:
        raise Forged("no webhooks")
    known = _proven(provider, name, None, request, room)
    if provider.account_hook and "job" not in path:
        found = room.remotes.find(name, provider.read_webhook(request.body)[0])
        if found is None:
            raise Forged("unknown request")
        account, job_id, index, number = found
    else:
        account, job_id, index, number = path["account"], path["job"], int(path["call"]), int(path["attempt"])
    job = room.jobs.get(account, job_id)
    if job is None or not 0 <= index < len(job.calls):
        raise Forged("unknown job")
    observe.bind(job=job.id, account=job.account, request_id=job.request_id)
    attempt = next((one for one in job.calls[index].attempts if one.number == number), None)
    if attempt is None or attempt.provider != name:
        raise Forged("unknown attempt")
    if not provider.account_hook and not compare_digest(attempt.token.encode(), path["token"].encode()):
        raise Forged("wrong token")
    if attempt.own:
        known = _proven(provider, name, account_of(job, attempt), request, room)
    if known is None:
        raise Forged("not signed by this provider")
    _tell(job, index, attempt, provider, known, request.body, room)


def _tell(
    job: Job, index: int, attempt: Attempt, provider: Provider, credentials: Credentials, body: bytes, room: Listener
) -> None:
    assert provider.read_webhook is not None  # noqa: S101
    remote, reply = provider.read_webhook(body)
    if attempt.remote is not None and provider.named(attempt.remote) != remote:
        raise Forged("another request's webhook")
    if isinstance(reply, Look):
        reply = _looked(job, index, attempt, provider, credentials, remote, room)
    if attempt.remote is None and isinstance(reply, Working):  # the create's own answer was lost: now it can be polled
        reply = Taken(remote)
    fact = room.upstream.fact(reply, index, attempt, now=room.now(), due=job.calls[index].due)
    apply(room.jobs, job, fact)
    observe.log("webhook taken", provider=attempt.provider, attempt=attempt.number, reply=type(reply).__name__)


def _looked(
    job: Job, index: int, attempt: Attempt, provider: Provider, credentials: Credentials, remote: str, room: Listener
) -> Reply:
    """A message that proves little: what the provider itself says when it is asked, unless that is known already."""
    if provider.write_poll is None or attempt.delivered is not None:
        return Working()
    request = provider.write_poll(attempt.remote or remote, credentials)
    reply = room.upstream.ask(provider, request, credentials, read="read_poll", seconds=LOOK_SECONDS)
    if isinstance(reply, Made):
        return Ready(keep_results(job, index, attempt.number, reply.pictures, room.outputs))
    return Working() if isinstance(reply, (Later, Unknown)) else reply


def _proven(provider: Provider, name: str, account: str | None, request: Request, room: Listener) -> Credentials | None:
    """The credentials under which a delivery is genuine, or None."""
    credentials = room.upstream.credentials(name, account)
    if credentials is None or provider.verify is None:
        return None
    now = room.now()
    for again in (False, True):
        keys = _keys(provider, name, credentials, again, room) if provider.write_keys else ""
        if again and not keys:
            break
        try:
            provider.verify({**credentials, "keys": keys}, request.headers, request.body, now // 1000)
        except Forged:
            continue
        return credentials
    return None


def _keys(provider: Provider, name: str, credentials: Credentials, again: bool, room: Listener) -> str:
    """The provider's public keys as it publishes them; `again`: those known did not fit, so ask, but not too often."""
    at, text = room.keys.get(name, (-KEYS_MS, ""))
    if room.now() - at < (KEYS_AGAIN_MS if again else KEYS_MS):
        return "" if again else text
    assert provider.write_keys is not None  # noqa: S101
    try:
        answer = room.upstream.send(provider, provider.write_keys(credentials), credentials, seconds=5)
        text = answer.body.decode() if answer.status == 200 else text
    except (NotSent, NoAnswer, UnicodeDecodeError):
        observe.log("public keys unread", "WARNING", provider=name)
    room.keys[name] = (room.now(), text)
    return text
