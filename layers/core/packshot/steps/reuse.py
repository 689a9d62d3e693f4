"""Equal briefs share their pictures: a call whose twin is done gets copies, one whose twin still runs waits for it.

Equal means: same account and mode, same words, sizes and seed, same model and preset version, inputs with the same
content, the same images of the job. The row of a name only says whose call it is; the pictures are found by that job.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from packshot.brief import Brief
from packshot.catalog import presets
from packshot.job import Job, Output, Step
from packshot.ports import Jobs, Pictures
from packshot.wire import dump

KNOWN_MS = 86_400_000
"""How long pictures are shared: a day, well within the time that outputs are kept."""

WAIT_MS = 3_000, 30_000
"""How soon a twin's job is looked at again: at first, and at most."""

_OF_THE_CALLER = frozenset(
    {
        "images", "callback_url", "metadata", "external_id", "keep", "delivery", "dialect", "outbox", "cache", "prefer",
    }
)  # fmt: skip
"""What changes nothing about the pictures."""


class Claims(Protocol):
    """Rows that say whose call a name is."""

    def claim(
        self, account: str, name: str, mine: tuple[str, int], until: int, *, instead: tuple[str, int] | None = None
    ) -> tuple[str, int]:
        """Take a free name, or one that is `instead` somebody's who will not deliver. Whose it is now."""
        ...


@dataclass(frozen=True, slots=True)
class Archive:
    """What sharing takes; `now` in ms."""

    jobs: Jobs
    claims: Claims
    outputs: Pictures
    now: Callable[[], int]


@dataclass(frozen=True, slots=True)
class Wait:
    """A twin is being made: look again then (ms)."""

    until: int


def name_of(job: Job, brief: Brief, index: int, inputs: Sequence[bytes]) -> str:
    """The name that equal calls have: a hash, 64 hex digits."""
    call, wishes = job.calls[index], {key: value for key, value in brief.dump().items() if key not in _OF_THE_CALLER}
    preset = presets().get(brief.preset or "")
    told = [
        wishes, preset.version if preset else None, job.test, call.first, call.images,
        [[image.role, hashlib.sha256(data).hexdigest()] for image, data in zip(brief.images, inputs, strict=True)],
    ]  # fmt: skip
    return hashlib.sha256(dump(told)).hexdigest()


def reused(
    job: Job, brief: Brief, index: int, inputs: Sequence[bytes], *, room: Archive, wait: bool = True
) -> tuple[Output, ...] | Wait | None:
    """A twin's pictures as this job's outputs, or a time to look again, or None: then this call makes them itself.

    Without `wait`, a twin that still runs is no reason to wait for it.
    """
    name, mine = name_of(job, brief, index, inputs), (job.id, index)
    until = room.now() + KNOWN_MS
    owner = room.claims.claim(job.account, name, mine, until)
    if owner == mine:
        return None
    leader = room.jobs.get(job.account, owner[0])
    call = leader.calls[owner[1]] if leader and owner[1] < len(leader.calls) else None
    if leader and call and call.step is Step.DONE:
        try:
            found = _copies(leader, call.first, call.images, job, brief, room)
        except LookupError:
            found = ()
        if found:
            return found
    elif leader and call and not (leader.state.terminal or call.step.settled):
        age = room.now() - job.created
        return Wait(room.now() + min(max(WAIT_MS[0], age // 2), WAIT_MS[1])) if wait else None
    owner = room.claims.claim(job.account, name, mine, until, instead=owner)
    return None if owner == mine or not wait else Wait(room.now() + WAIT_MS[0])


def _copies(leader: Job, first: int, images: int, job: Job, brief: Brief, room: Archive) -> tuple[Output, ...]:
    """Copies of a call's outputs, under this job's own keys. Raises LookupError where one is gone."""
    outputs = [output for output in leader.outputs if first <= output.place < first + images]
    if len(outputs) < images:
        return ()
    made = []
    for output in outputs:
        key = f"{'keep' if brief.keep else 'out'}/{job.account}/{job.id}/{output.key.rpartition('/')[2]}"
        room.outputs.copy(output.key, key)
        if brief.outbox:
            room.outputs.copy(key, f"{brief.outbox}/{output.place + 1}.{brief.format}")
        made.append(replace(output, key=key, reused=True))
    return tuple(made)
