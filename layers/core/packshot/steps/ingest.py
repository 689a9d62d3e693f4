"""Results at a provider become outputs of ours: fetch ▸ verify ▸ finish the picture ▸ S3 ▸ the job's row."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from packshot import brief as briefs
from packshot import observe, providers, timing
from packshot.brief import Brief
from packshot.egress import FetchFailed
from packshot.facts import Ingested, Refused
from packshot.job import Attempt, Failure, Job, Output, Step
from packshot.picture import BadPicture, decode, finish, is_black
from packshot.ports import Http, Jobs, Pictures
from packshot.steps.apply import apply
from packshot.steps.dress import channel_of, dressed
from packshot.steps.faithful import Look, Untrue, judged
from packshot.steps.keep import RESULTS
from packshot.steps.store import Finished, store
from packshot.steps.upstream import output_hosts
from packshot.timing import Timings

MAX_OUTPUT = 40 * 1024 * 1024
SECONDS = 60
PATIENCE = 3
"""How often a fetch that may yet work is repeated (by the queue) before the route is given up."""


EMPTY = Failure("provider_empty", "The provider reported success without a picture.")


BLACK = Failure("provider_black", "The provider gave a black picture, as models do that hold one back.")


class Black(Exception):
    """A picture shows nothing at all."""


class TryAgain(Exception):
    """Let the queue bring the message again."""


@dataclass(frozen=True, slots=True)
class Importer:
    """What ingesting takes."""

    jobs: Jobs
    outputs: Pictures
    http: Http
    now: Callable[[], int]
    timings: Timings
    examine: Callable[[Job, Brief], Look | None]
    simulators: str = ""


def ingest(message: Mapping[str, object], *, room: Importer, receives: int = 1) -> None:
    """Bring a delivered call's pictures home. `receives` is how often the queue has handed out this message.

    Raises TryAgain while a fetch may still succeed.
    """
    account, job_id, index = str(message["account"]), str(message["job"]), int(str(message["call"]))
    both = room.jobs.both(account, job_id)
    if both is None or both[0].state.terminal or both[0].calls[index].step is not Step.DELIVERED:
        return
    job, brief = both
    observe.bind(job=job.id, account=account, request_id=job.request_id)
    call = job.calls[index]
    attempt = call.attempt
    if attempt is None:
        return
    if not call.results:  # a success without a picture is none
        apply(room.jobs, job, Refused(index, attempt.number, room.now(), EMPTY))
        return
    began, outputs = time.monotonic(), []
    hosts = output_hosts(providers.load(attempt.provider), attempt, room.simulators)
    try:
        look = room.examine(job, brief) if brief.of("product") else None
        untrue = None
        for place, url in enumerate(call.results[: call.images]):
            data = _fetched(url, hosts, room)
            try:
                outputs.append(_finish(job, brief, call.first + place, data, attempt, look, room))
            except Untrue as error:
                untrue = error.failure
        if not outputs and untrue:
            apply(room.jobs, job, Refused(index, attempt.number, room.now(), untrue))
            return
    except FetchFailed as error:
        if error.may_pass and receives < PATIENCE:
            raise TryAgain from error
        failure = Failure("provider_output_unreachable", "The provider's picture could not be fetched.")
        apply(room.jobs, job, Refused(index, attempt.number, room.now(), failure))
        return
    except Black:
        apply(room.jobs, job, Refused(index, attempt.number, room.now(), BLACK))
        return
    except BadPicture:
        failure = Failure("provider_output_broken", "The provider's answer was not a usable picture.")
        apply(room.jobs, job, Refused(index, attempt.number, room.now(), failure))
        return
    spent = round((time.monotonic() - began) * 1000)
    after, _ = apply(room.jobs, job, Ingested(index, attempt.number, room.now(), tuple(outputs), (("ingest", spent),)))
    took = (attempt.delivered or after.updated) - attempt.started
    if timing.sampled(job.id):
        room.timings.add(attempt.provider, took)
    observe.metric({"ProviderMs": took}, "Milliseconds", provider=attempt.provider)


def _fetched(result: str, hosts: tuple[str, ...], room: Importer) -> bytes:
    """A result's bytes: from its provider, or from our bucket where they came with the answer."""
    if not result.startswith(RESULTS):
        return room.http.fetch(result, hosts=hosts, seconds=SECONDS, max_bytes=MAX_OUTPUT)
    data = room.outputs.get(result)
    if data is None:
        raise FetchFailed("url_status", 404)
    if len(data) > MAX_OUTPUT:
        raise FetchFailed("url_too_large")
    return data


def _finish(
    job: Job, brief: Brief, place: int, data: bytes, attempt: Attempt, look: Look | None, room: Importer
) -> Output:
    picture = decode(data)
    if is_black(picture):
        raise Black
    report = judged(brief, look, picture)
    source = "compositeWithTrainedAlgorithmicMedia" if brief.images else "trainedAlgorithmicMedia"
    channel = channel_of(brief, place)
    if channel is not None:
        made = dressed(picture, channel, brief, place, report, kind=source, now=room.now())
    else:
        width, height = attempt.size or briefs.frame(brief, (picture.width, picture.height))
        done = finish(picture, width, height, format=brief.format, quality=brief.quality or 90, source_type=source)
        made = Finished(done, width, height, brief.format, report)
    return store(job, brief, place, made, room.outputs, simulated=attempt.simulated)
