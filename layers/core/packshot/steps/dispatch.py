"""One call goes to its provider: INTENT is written first, the create is sent once, an unknown outcome stays unknown.

A second message for the same call finds it no longer waiting and does nothing: at most one create per attempt.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from packshot import brief as briefs
from packshot import observe, providers
from packshot.brief import Brief
from packshot.catalog import presets
from packshot.egress import NoAnswer, NotSent
from packshot.errors import ProviderError
from packshot.facts import Intended, Refused
from packshot.job import Attempt, Failure, Job, Step
from packshot.picture import encode
from packshot.ports import Http, Jobs, Pictures
from packshot.providers import Shot
from packshot.steps.apply import apply
from packshot.steps.inputs import BadInput, gather
from packshot.steps.upstream import SECONDS, Upstream, simulated, unavailable

INPUT_URL_SECONDS = 7200
DEFAULT_PRESET = "studio"


@dataclass(frozen=True, slots=True)
class Dispatcher:
    """What dispatching takes. `api_url` is where webhooks come in."""

    jobs: Jobs
    uploads: Pictures
    http: Http
    upstream: Upstream
    api_url: str
    now: Callable[[], int]
    token: Callable[[], str]


def dispatch(message: Mapping[str, object], *, room: Dispatcher) -> None:
    """Bring one call to its provider, or tell the provider to stop (`cancel` in the message)."""
    account, job_id, index = str(message["account"]), str(message["job"]), int(str(message["call"]))
    both = room.jobs.both(account, job_id)
    if both is None:
        return
    job, brief = both
    observe.bind(job=job.id, account=account, request_id=job.request_id)
    if message.get("cancel"):
        _cancel(job, index, room)
        return
    call = job.calls[index]
    if job.state.terminal or call.step is not Step.WAITING:
        return
    route = job.routes[call.route]
    provider, credentials = providers.load(route.provider), room.upstream.credentials(route.provider)
    shot = _shot(job, brief, index, room) if credentials else None  # before INTENT: what fails here may be repeated
    now = room.now()
    attempt = Attempt(
        len(call.attempts) + 1,
        route.provider,
        route.model,
        room.token(),
        now,
        min(now + provider.deadline * 1000, job.deadline),
        micro_usd=route.micro_usd * call.images,
        simulated=bool(credentials and simulated(credentials)),
    )
    due = _first_look(call.due, now, provider.completion, room.upstream.looks(route.provider)[0] * 1000)
    job, _ = apply(room.jobs, job, Intended(index, attempt, now, due))
    if job.calls[index].attempt != attempt:
        return
    if credentials is None or shot is None:
        apply(room.jobs, job, Refused(index, attempt.number, room.now(), unavailable()))
        return
    if isinstance(shot, Failure):
        apply(room.jobs, job, Refused(index, attempt.number, room.now(), shot, final=True))
        return
    webhook = _webhook(room.api_url, job, index, attempt) if provider.completion == "webhook" else None
    try:
        request = provider.write(shot, credentials, webhook)
    except ProviderError:  # nothing was sent: this provider cannot say it, another route may
        failure = Failure("provider_unsupported", "The model's provider cannot make this picture.")
        apply(room.jobs, job, Refused(index, attempt.number, room.now(), failure))
        return
    reply = room.upstream.ask(provider, request, credentials, read="read")
    fact = room.upstream.fact(reply, index, attempt, now=room.now(), due=due)
    apply(room.jobs, job, fact)
    observe.log("dispatched", provider=route.provider, attempt=attempt.number, reply=type(reply).__name__)


def _first_look(planned: int, now: int, completion: str, likely: int) -> int:
    """When to look first, as a time. Moving a job in the index costs two units, so what was planned stands where it
    will do: later than likely is fine where a webhook comes first; earlier costs a look, which is three units."""
    if completion == "webhook" and planned >= now + likely:
        return planned
    near = abs(planned - now - likely) <= max(2000, likely // 4)
    return planned if near and planned > now + 1000 else now + likely


def _shot(job: Job, brief: Brief, index: int, room: Dispatcher) -> Shot | Failure:
    """The provider gets our own copies: decoded strictly, re-encoded without metadata, never the caller's address."""
    try:
        sources = gather(job, brief, uploads=room.uploads, http=room.http)
    except BadInput as error:
        return error.failure
    keys = []
    for place, source in enumerate(sources):
        key = f"inputs/{job.account}/{job.id}/{place}.jpg"
        data = encode(source.picture, format="jpg", quality=95, source_type="digitalCapture")
        room.uploads.put(key, data, "image/jpeg")
        keys.append(room.uploads.url(key, INPUT_URL_SECONDS))
    ratio = sources[0].picture.width / sources[0].picture.height if sources else 1.0
    width, height = briefs.frame(brief, ratio)
    call = job.calls[index]
    seed = (brief.seed + call.first) % 2**32 if brief.seed is not None else None
    return Shot(brief, prompt_of(brief), job.routes[call.route].model, call.images, tuple(keys), width, height, seed)


def prompt_of(brief: Brief) -> str:
    """The caller's own words, after the preset's when one is named; the studio preset's when there are neither."""
    preset = brief.preset or ("" if brief.prompt else DEFAULT_PRESET)
    return f"{presets()[preset].prompt if preset else ''}\n{brief.prompt}".strip()


def _webhook(api_url: str, job: Job, index: int, attempt: Attempt) -> str:
    return f"{api_url}/hooks/{attempt.provider}/{job.account}/{job.id}/{index}/{attempt.number}/{attempt.token}"


def _cancel(job: Job, index: int, room: Dispatcher) -> None:
    attempt = job.calls[index].attempt
    if attempt is None or attempt.remote is None:
        return
    provider, credentials = providers.load(attempt.provider), room.upstream.credentials(attempt.provider)
    if provider.write_cancel is None or credentials is None:
        return
    try:
        room.http.send(
            provider.write_cancel(attempt.remote, credentials),
            hosts=room.upstream.hosts(provider, credentials),
            seconds=SECONDS,
            max_bytes=65536,
        )
    except (NotSent, NoAnswer):
        observe.log("cancel did not reach the provider", "WARNING", provider=attempt.provider)
