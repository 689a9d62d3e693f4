"""One call on the built-in studio: inputs ▸ cut-out ▸ picture ▸ S3 ▸ finish. Repeated, it gives the same bytes."""

import hashlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache

from packshot import observe, studio, timing
from packshot.brief import Brief, Role
from packshot.facts import Ingested, Intended, Refused, Reused
from packshot.job import Attempt, Failure, Job, Output, Step
from packshot.lifecycle import RETRY_MS
from packshot.picture import Picture
from packshot.ports import Http, Jobs, Pictures
from packshot.steps import reuse
from packshot.steps.apply import apply
from packshot.steps.cutouts import Cutouts
from packshot.steps.inputs import BadInput, Input, gather
from packshot.steps.make import Work, finished
from packshot.steps.store import store
from packshot.timing import Timings

ATTEMPT_MS = 300_000


@dataclass(frozen=True, slots=True)
class Darkroom:
    """What rendering takes."""

    jobs: Jobs
    uploads: Pictures
    outputs: Pictures
    http: Http
    now: Callable[[], int]
    timings: Timings
    archive: reuse.Archive
    cutouts: Cutouts


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
        began = time.monotonic()
        inputs = gather(job, brief, uploads=room.uploads, outputs=room.outputs, http=room.http)
        fetched = round((time.monotonic() - began) * 1000)
        if job.cached:  # a twin that still runs is no reason to wait: this takes about as long
            twin = reuse.reused(job, brief, index, [one.data for one in inputs], room=room.archive, wait=False)
            if isinstance(twin, tuple):
                apply(room.jobs, job, Reused(index, room.now(), twin))
                return
        outputs, timings = _make(job, brief, index, inputs, room)
        timings = {"fetch": fetched, **timings}
    except BadInput as error:
        apply(room.jobs, job, Refused(index, number, room.now(), error.failure, final=True))
        return
    apply(room.jobs, job, Ingested(index, number, room.now(), outputs, tuple(timings.items())))
    if timing.sampled(job.id):
        room.timings.add("studio", sum(timings.values()))
    observe.metric({f"{name}Ms": value for name, value in timings.items()}, "Milliseconds", provider="studio")


def _claim(job: Job, index: int, room: Darkroom) -> Job:
    call = job.calls[index]
    if call.step is not Step.WAITING:
        return job
    now, route = room.now(), job.routes[call.route]
    attempt = Attempt(len(call.attempts) + 1, route.provider, route.model, "", now, now + ATTEMPT_MS)
    due = call.due if call.due > now else now + RETRY_MS
    return apply(room.jobs, job, Intended(index, attempt, now, due))[0]


def _make(
    job: Job, brief: Brief, index: int, inputs: list[Input], room: Darkroom
) -> tuple[tuple[Output, ...], dict[str, int]]:
    clock = time.monotonic()
    timings: dict[str, int] = {}

    def lap(name: str) -> None:
        nonlocal clock
        now = time.monotonic()
        timings[name] = timings.get(name, 0) + round((now - clock) * 1000)
        clock = now

    place_of, source = _of(brief, inputs, "product")

    @cache
    def cutout() -> studio.Cutout:
        lap("compose")
        found = room.cutouts.of(job.account, brief, source)
        lap("cut_out")
        return found

    def other(role: Role) -> Callable[[], Picture]:
        return lambda: _of(brief, inputs, role)[1].picture

    work = Work(brief, source, {role: other(role) for role in ("reference", "mask")}, cutout, room.now())
    call = job.calls[index]
    seed = brief.seed if brief.seed is not None else int.from_bytes(hashlib.sha256(job.id.encode()).digest()[:4], "big")
    outputs = []
    for place in range(call.first, call.first + call.images):
        try:
            made = finished(work, (seed + place) % 2**32, place)
        except studio.NothingFound as error:
            message = f"images[{place_of}]: no product could be told from its background."
            raise BadInput(Failure("no_product_found", message)) from error
        except studio.TooLarge as error:
            raise BadInput(Failure("image_too_large", f"images[{place_of}]: {error}")) from error
        except studio.BadShot as error:
            if brief.operation != "inpaint":
                raise  # planning lets nothing else through
            raise BadInput(Failure("mask_nothing", f"mask: {error}")) from error
        lap("compose")
        outputs.append(store(job, brief, place, made, room.outputs))
        lap("store")
    return tuple(outputs), timings


def _of(brief: Brief, inputs: list[Input], role: Role) -> tuple[int, Input]:
    """The first picture of a role, and its place among the brief's."""
    for place, image in enumerate(brief.images):
        if image.role == role:
            return place, inputs[place]
    raise BadInput(Failure("image_missing", f"images: {brief.operation} needs a picture of the role {role}."))
