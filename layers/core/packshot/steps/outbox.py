"""Effects carried out: each one is a message that may safely come twice."""

from collections.abc import Mapping
from dataclasses import dataclass

from packshot import providers
from packshot.facts import Announce, CancelRemote, Dispatch, Effect, Ended, Ingest, Leak, Watch
from packshot.job import Job
from packshot.ports import Pollers, Queue
from packshot.steps.score import Scorer, score


@dataclass(frozen=True, slots=True)
class Outbox:
    """The queues that effects go to, and the pollers."""

    dispatch: Queue
    render: Queue
    ingest: Queue
    pollers: Pollers
    scorer: Scorer | None = None

    def look(self, account: str, **what: str) -> None:
        """An asset or a profile waits to be looked at."""
        self.ingest.send({"account": account, **what}, group=account)

    def send(self, job: Job, effect: Effect, now: int) -> None:
        """Carry out one effect; `Announce` is told by `consequences`, `Leak` was written with its fact."""
        body: Mapping[str, object] = {"account": job.account, "job": job.id}
        match effect:
            case Dispatch(call, provider, delay):
                queue = self.render if providers.load(provider).completion == "render" else self.dispatch
                queue.send({**body, "call": call}, group=job.account, delay=min(delay, 900))
            case Ingest(call):
                self.ingest.send({**body, "call": call}, group=job.account)
            case CancelRemote(call):
                if job.calls[call].attempt and job.calls[call].attempts[-1].remote:
                    self.dispatch.send({**body, "call": call, "cancel": True}, group=job.account)
            case Watch(provider):
                if providers.load(provider).completion in ("webhook", "poll"):
                    self.pollers.ensure(provider, now)
            case Ended(call, attempt):
                if self.scorer is not None:
                    score(job, call, attempt, room=self.scorer)
            case Announce() | Leak():
                pass
