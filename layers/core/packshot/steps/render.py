"""One call on the built-in studio: inputs ▸ cut-out ▸ picture ▸ S3 ▸ finish. Repeated, it gives the same bytes."""

import hashlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from packshot import brief as briefs
from packshot import observe, studio, timing
from packshot.brief import Brief, Operation, Role
from packshot.catalog import presets
from packshot.facts import Ingested, Intended, Refused, Reused
from packshot.job import Attempt, Failure, Job, Output, Step
from packshot.lifecycle import RETRY_MS
from packshot.picture import Picture, fitted
from packshot.ports import Http, Jobs, Pictures
from packshot.steps import reuse
from packshot.steps.apply import apply
from packshot.steps.inputs import BadInput, Input, gather
from packshot.steps.store import store
from packshot.timing import Timings

ATTEMPT_MS = 300_000
QUALITY = 90
STRENGTH = 0.5
SCALE = 2


@dataclass(frozen=True, slots=True)
class Darkroom:
    """What rendering takes. `weights` replaces the built-in cut-out model when given."""

    jobs: Jobs
    uploads: Pictures
    outputs: Pictures
    http: Http
    now: Callable[[], int]
    timings: Timings
    archive: reuse.Archive
    weights: Path | None = None


@dataclass(frozen=True, slots=True)
class Work:
    """What pictures are made from: the product, and what else the operation needs, got when it is asked for."""

    brief: Brief
    product: Picture
    reference: Callable[[], Picture]
    cutout: Callable[[], studio.Cutout]

    @property
    def file(self) -> dict[str, Any]:
        """How the file is written."""
        return {"format": self.brief.format, "quality": self.brief.quality or QUALITY}

    @property
    def strength(self) -> float:
        """How far an operation goes."""
        return STRENGTH if self.brief.strength is None else self.brief.strength

    @property
    def framed(self) -> Picture:
        """The product's picture in the brief's own size: scaled, and cropped where the shapes differ."""
        return fitted(self.product, *briefs.frame(self.brief, (self.product.width, self.product.height)))

    def shot(self, name: str, seed: int) -> studio.Shot:
        """A picture of the brief's own size."""
        width, height = briefs.frame(self.brief, (self.product.width, self.product.height))
        return studio.Shot(name, width, height, seed, **self.file)


def _generate(work: Work, seed: int) -> studio.Rendered:
    brief = work.brief
    scene = brief.look[2] if brief.look else presets()[brief.preset].studio if brief.preset else "studio"
    return studio.compose(work.cutout(), work.shot(scene, seed))


def _remix(work: Work, seed: int) -> studio.Rendered:
    reference = work.reference()
    return studio.remix(work.cutout(), reference, work.shot("remix", seed))


def _remove_background(work: Work, _: int) -> studio.Rendered:
    return studio.remove_background(work.product, work.cutout(), background=work.brief.background, **work.file)


def _upscale(work: Work, _: int) -> studio.Rendered:
    return studio.upscale(work.product, scale=work.brief.scale or SCALE, strength=work.strength, **work.file)


def _enhance(work: Work, _: int) -> studio.Rendered:
    return studio.enhance(work.framed, strength=work.strength, **work.file)


def _relight(work: Work, _: int) -> studio.Rendered:
    return studio.relight(work.framed, strength=work.strength, **work.file)


MAKERS: Mapping[Operation, Callable[[Work, int], studio.Rendered]] = {
    "generate": _generate,
    "remix": _remix,
    "remove_background": _remove_background,
    "upscale": _upscale,
    "enhance": _enhance,
    "relight": _relight,
}
"""How one picture of each operation is made, from the work and a seed."""


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
        found = _cutout(job.account, source, room)
        lap("cut_out")
        return found

    work = Work(brief, source.picture, lambda: _of(brief, inputs, "reference")[1].picture, cutout)
    call = job.calls[index]
    seed = brief.seed if brief.seed is not None else int.from_bytes(hashlib.sha256(job.id.encode()).digest()[:4], "big")
    outputs = []
    for place in range(call.first, call.first + call.images):
        try:
            made = MAKERS[brief.operation](work, (seed + place) % 2**32)
        except studio.NothingFound as error:
            message = f"images[{place_of}]: no product could be told from its background."
            raise BadInput(Failure("no_product_found", message)) from error
        except studio.TooLarge as error:
            raise BadInput(Failure("image_too_large", f"images[{place_of}]: {error}")) from error
        lap("compose")
        outputs.append(store(job, brief, place, made.data, made.width, made.height, made.report, room.outputs))
        lap("store")
    return tuple(outputs), timings


def _of(brief: Brief, inputs: list[Input], role: Role) -> tuple[int, Input]:
    """The first picture of a role, and its place among the brief's."""
    for place, image in enumerate(brief.images):
        if image.role == role:
            return place, inputs[place]
    raise BadInput(Failure("image_missing", f"images: {brief.operation} needs a picture of the role {role}."))


def _cutout(account: str, source: Input, room: Darkroom) -> studio.Cutout:
    """The cut-out of a picture is made once and kept beside the outputs, under the picture's own hash."""
    key = f"cutouts/{account}/{studio.ENGINE}/{hashlib.sha256(source.data).hexdigest()}"
    kept = room.outputs.get(key)
    if kept is not None:
        return studio.Cutout.from_bytes(kept)
    cutout = studio.cut_out(source.picture, weights=room.weights)
    room.outputs.put(key, cutout.to_bytes(), "application/octet-stream")
    return cutout
