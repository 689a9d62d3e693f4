"""What a changed job owes the world, carried out: messages, events, callbacks. Each may safely come twice."""

from collections.abc import Callable
from dataclasses import dataclass

from packshot import events, observe
from packshot.brief import Brief
from packshot.facts import Announce
from packshot.job import Job
from packshot.lifecycle import owed, wasted
from packshot.ports import Bus, Jobs, Queue
from packshot.steps.outbox import Outbox

EARLIER = ("job.created", "job.processing")
"""What may have gone untold when a change is repeated after the job has moved on."""


@dataclass(frozen=True, slots=True)
class World:
    """Where consequences go; `now` in ms."""

    jobs: Jobs
    outbox: Outbox
    callbacks: Queue
    bus: Bus
    now: Callable[[], int]
    api_url: str


def carry_out(before: Job | None, after: Job, room: World) -> None:
    """Everything that the change of one job owes the world; `before` None repeats all that the row still owes."""
    observe.bind(job=after.id, account=after.account, request_id=after.request_id)
    for leak in wasted(before, after) if before else ():  # once more: whoever made the change may have died before
        room.jobs.leak(after, leak.call, leak.attempt, leak.provider, leak.micro_usd)
    brief: Brief | None = None
    for effect in owed(before, after):
        if isinstance(effect, Announce):
            if brief is None:
                both = room.jobs.both(after.account, after.id)
                brief = both[1] if both else None
            earlier = [one for one in EARLIER if before is None and one != effect.event and events.happened(after, one)]
            for event in (*earlier, effect.event):
                _announce(after, brief, event, room)
        else:
            room.outbox.send(after, effect, room.now())


def _announce(job: Job, brief: Brief | None, event: str, room: World) -> None:
    metadata = brief.metadata if brief else {}
    room.bus.put([(event, events.event_of(job, metadata=metadata, type=event, api_url=room.api_url))])
    room.callbacks.send({"kind": "event", "account": job.account, "job": job.id, "type": event}, group=job.account)
    observe.metric({"Jobs": 1}, event=event.removeprefix("job."), provider=job.routes[0].provider)
    if job.state.terminal and job.charged is not None:
        observe.metric(
            {"CreditsCharged": job.charged.total, "CreditsRefunded": job.refunded.total},
            provider=job.routes[0].provider,
        )
        observe.metric({"JobMs": job.updated - job.created}, "Milliseconds", provider=job.routes[0].provider)
    observe.log("announced", event=event, state=job.state.value)
