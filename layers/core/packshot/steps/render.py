"""One call on the built-in studio: inputs ▸ cut-out ▸ set ▸ S3 ▸ finish. Repeated, it makes the same bytes again."""

import hashlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from packshot import brief as briefs
from packshot import observe, studio
from packshot.brief import Brief
from packshot.catalog import presets
from packshot.facts import Ingested, Intended, Refused
from packshot.job import Attempt, Failure, Job, Output, Step
from packshot.lifecycle import RETRY_MS
from packshot.ports import Http, Jobs, Pictures
from packshot.steps.apply import apply
from packshot.steps.inputs import BadInput, Input, gather
from packshot.steps.store import store

ATTEMPT_MS = 300_000


@dataclass(frozen=True, slots=True)
class Darkroom:
    """What rendering takes. `weights` replaces the built-in cut-out model when given."""

    jobs: Jobs
    uploads: Pictures
    outputs: Pictures
    http: Http
    now: Callable[[], int]
    weights: Path | None = None


def render(message: Mapping[str, object], *, room: Darkroom) -> None:
    """Make a call's pictures, unless it is no longer waiting for them."""
    account, job_id, index = str(message["account"]), str(message["job"]), int(str(message["call"]))
    both = room.jobs.both(account, job_id)
    if both is None or both[0].state.terminal:
        return
    job, brief = both
    observe.bind(job=job.id, account=account, request_id=job.request_id)
    job = _claim(job, index, room)
    call = job.calls[index]
    if call.step is not Step.INTENT or call.attempt is None:
        return
    number = call.attempt.number
    try:
        outputs, timings = _make(job, brief, index, room)
    except (BadInput, studio.NothingFound) as error:
        failure = (
            error.failure
            if isinstance(error, BadInput)
            else Failure("no_product_found", "images[0]: no product could be told from its background.")
        )
        apply(room.jobs, job, Refused(index, number, room.now(), failure, final=True))
        return
    apply(room.jobs, job, Ingested(index, number, room.now(), outputs, tuple(timings.items())))
    observe.metric({f"{name}Ms": value for name, value in timings.items()}, "Milliseconds", provider="studio")


def _claim(job: Job, index: int, room: Darkroom) -> Job:
    call = job.calls[index]
    if call.step is not Step.WAITING:
        return job
    now, route = room.now(), job.routes[call.route]
    attempt = Attempt(len(call.attempts) + 1, route.provider, route.model, "", now, now + ATTEMPT_MS)
    due = call.due if call.due > now else now + RETRY_MS
    return apply(room.jobs, job, Intended(index, attempt, now, due))[0]


def _make(job: Job, brief: Brief, index: int, room: Darkroom) -> tuple[tuple[Output, ...], dict[str, int]]:
    clock = time.monotonic()
    timings: dict[str, int] = {}

    def lap(name: str) -> None:
        nonlocal clock
        now = time.monotonic()
        timings[name] = timings.get(name, 0) + round((now - clock) * 1000)
        clock = now

    source = gather(job, brief, uploads=room.uploads, http=room.http)[0]
    lap("fetch")
    cutout = _cutout(job.account, source, room)
    lap("cut_out")
    call = job.calls[index]
    width, height = briefs.frame(brief, source.picture.width / source.picture.height)
    seed = brief.seed if brief.seed is not None else int.from_bytes(hashlib.sha256(job.id.encode()).digest()[:4], "big")
    preset = presets()[brief.preset].studio if brief.preset else "studio"
    outputs = []
    for place in range(call.first, call.first + call.images):
        shot = studio.Shot(preset, width, height, (seed + place) % 2**32, brief.format, brief.quality or 90)
        made = studio.compose(cutout, shot)
        lap("compose")
        outputs.append(store(job, brief, place, made.data, made.width, made.height, made.report, room.outputs))
        lap("store")
    return tuple(outputs), timings


def _cutout(account: str, source: Input, room: Darkroom) -> studio.Cutout:
    """The cut-out of a picture is made once and kept beside the outputs, under the picture's own hash."""
    key = f"cutouts/{account}/{studio.ENGINE}/{hashlib.sha256(source.data).hexdigest()}"
    kept = room.outputs.get(key)
    if kept is not None:
        return studio.Cutout.from_bytes(kept)
    cutout = studio.cut_out(source.picture, weights=room.weights)
    room.outputs.put(key, cutout.to_bytes(), "application/octet-stream")
    return cutout
