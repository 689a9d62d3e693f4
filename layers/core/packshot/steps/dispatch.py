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
from packshot.picture import encode, mask_of
from packshot.ports import Http, Jobs, Pictures
from packshot.providers import Shot
from packshot.steps.apply import apply
from packshot.steps.inputs import BadInput, gather
from packshot.steps.keep import CONTENT_TYPES
from packshot.steps.upstream import SECONDS, Upstream, simulated, unavailable

INPUT_URL_SECONDS = 7200
DEFAULT_PRESET = "studio"
INSTRUCTIONS: Mapping[str, str] = {
    "remix": "The first picture shows a product, the last one a look. Photograph the product of the first picture in"
    " the setting, light and colours of the last. Keep the product exactly as it is, and the first picture's shape.",
    "enhance": "Improve this photograph: exposure, white balance, sharpness and noise. Keep everything in it as it is.",
    "relight": "Light this scene anew: even, soft studio light that fits the whole picture. Keep everything else.",
}
"""What a generative model is told beside the caller's own words, for operations that need none."""


@dataclass(frozen=True, slots=True)
class Dispatcher:
    """What dispatching takes. `api_url` is where webhooks come in."""

    jobs: Jobs
    uploads: Pictures
    outputs: Pictures
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
        size=(shot.width, shot.height) if isinstance(shot, Shot) and brief.like_input else None,
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
        sources = gather(job, brief, uploads=room.uploads, outputs=room.outputs, http=room.http)
    except BadInput as error:
        return error.failure
    keys, mask = [], None
    for place, (image, source) in enumerate(zip(brief.images, sources, strict=True)):
        masks = image.role == "mask"
        picture = mask_of(source.picture, brief.mask_kind) if masks else source.picture
        form = "png" if masks or picture.has_alpha else "jpg"
        key = f"inputs/{job.account}/{job.id}/{place}.{form}"
        data = encode(picture, format=form, quality=95, source_type="digitalCapture")
        room.uploads.put(key, data, CONTENT_TYPES[form])
        url = room.uploads.url(key, INPUT_URL_SECONDS)
        if masks:
            mask = url
        else:
            keys.append(url)
    first = sources[0].picture if sources else None
    width, height = briefs.frame(brief, (first.width, first.height) if first else (1, 1))
    call = job.calls[index]
    seed = (brief.seed + call.first) % 2**32 if brief.seed is not None else None
    model = job.routes[call.route].model
    return Shot(brief, prompt_of(brief), model, call.images, tuple(keys), width, height, seed, mask)


def prompt_of(brief: Brief) -> str:
    """What the operation asks for, the preset's words, then the caller's own; the studio preset's when a picture is to
    be made and there are neither."""
    preset = brief.preset or ("" if brief.prompt or brief.operation != "generate" else DEFAULT_PRESET)
    look = brief.look[1] if brief.look else presets()[preset].prompt if preset else ""
    return "\n".join(words for words in (INSTRUCTIONS.get(brief.operation, ""), look, brief.prompt) if words)


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
