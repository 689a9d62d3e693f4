"""The only way a step changes a job: a fact, the pure lifecycle, one conditional write; again if somebody was first."""

from packshot import lifecycle
from packshot.errors import Stale
from packshot.facts import Effect, Fact, Leak
from packshot.job import Job
from packshot.ports import Jobs

TRIES = 10


def apply(jobs: Jobs, job: Job, fact: Fact) -> tuple[Job, tuple[Effect, ...]]:
    """Apply `fact` to `job` as it stands in the table. Returns the job afterwards and the effects of *this* write.

    No effects come back when the fact changed nothing: somebody else's write already had them. Raises Stale after
    `TRIES` lost races.
    """
    for _ in range(TRIES):
        after, effects = lifecycle.advance(job, fact)
        try:
            if after is not job:
                jobs.save(job, after)
            for effect in effects:  # after the write: a race that is lost may make a waste of nothing
                if isinstance(effect, Leak):
                    jobs.leak(job, effect.call, effect.attempt, effect.provider, effect.micro_usd)
            return after, effects if after is not job else ()
        except Stale:
            fresh = jobs.get(job.account, job.id)
            if fresh is None:
                raise
            job = fresh
    raise Stale(job.id)
