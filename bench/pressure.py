"""One account with very many jobs at once, another with a few: `python -m bench pressure [JOBS]`.

The deployed handlers in one process (tests/flow/world.py) on a clock of their own. What is modelled is AWS's part: each
queue starts a bounded number of workers, a message holds one for as long as its function takes, and of the messages
that wait a fair queue gives the one whose account has the fewest at work. For contrast the same with queues that are
not fair, and with a provider that never calls back, so that all is left to its lane's poller.
"""

import contextlib
import heapq
import io
import json
import random
import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench import outage
from bench.storm import Storm, items, open_jobs
from bench.upstreams import Upstreams
from packshot.aws.books import Books
from packshot.aws.jobs import job_of
from packshot.job import Job, State
from packshot.timing import rank
from tests.flow.conftest import make_tenant
from tests.flow.world import QUEUES, Message

OUT = Path(__file__).resolve().parents[1] / "out" / "bench" / "pressure.json"
JOBS, FEW, SEED = 200, 10, 7
PLACES = {"dispatch": 5, "ingest": 3}
"""Workers of each queue: the template's 100 and 50, made as small as the crowd is."""

TAKES = {"dispatch": 2.0, "ingest": 1.5}
"""Seconds that a message holds its worker."""

EVERY = 5.0
"""Seconds between two jobs of the account with few."""


@dataclass
class Crowd(Storm):
    """No bad weather: every message comes once and in time, but only as fast as there are workers."""

    fair: bool = True
    busy: list[tuple[float, str, str]] = field(default_factory=list)
    """Until when, in which queue, for whom."""

    def run(self) -> None:
        """Until nothing more happens and no job is open."""
        self.at(self.world.clock.now + 60, self._sweep)
        while True:
            self._settle()
            late = [one.visible for one in self.world.waiting if one.queue in QUEUES]
            times = [when for when in late if when > self.world.clock.now] + [until for until, _, _ in self.busy]
            times += [self._events[0][0]] if self._events else []
            if not times:
                return
            self.world.clock.now = max(self.world.clock.now, min(times))
            while self._events and self._events[0][0] <= self.world.clock.now:
                heapq.heappop(self._events)[2]()

    def _settle(self) -> None:
        now = self.world.clock.now
        self.busy = [one for one in self.busy if one[0] > now]
        while True:
            self._collect()
            if self._stream:
                batch, self._stream = self._stream, []
                self.world.invoke("relay", {"Records": [{"dynamodb": record} for record in batch]})
            elif (message := self._next()) is not None:
                self.busy.append((now + TAKES.get(message.queue, 0.1), message.queue, message.body["account"]))
                self._receive(message)
            else:
                return

    def _next(self) -> Message | None:
        """The message that a free worker gets: of the account with the fewest at work, the oldest."""
        for queue in QUEUES:
            at_work = Counter(account for _, name, account in self.busy if name == queue)
            if at_work.total() >= PLACES.get(queue, 1000):
                continue
            waiting = [one for one in self.world.waiting if one.queue == queue and one.visible <= self.world.clock.now]
            if waiting:
                return min(waiting, key=lambda one: (at_work[one.body["account"]] if self.fair else 0, one.visible))
        return None


@dataclass(frozen=True)
class Run:
    """What became of the jobs, and how long they took, s."""

    crowd: tuple[float, ...]
    few: tuple[float, ...]
    states: Mapping[str, int]
    left_over: int
    drifts: int
    creates: int

    @property
    def wrong(self) -> list[str]:
        """Every promise that was broken."""
        found = [f"{number} jobs {state}" for state, number in self.states.items() if state != State.COMPLETED]
        found += [f"{self.left_over} left over"] * bool(self.left_over) + [f"{self.drifts} drifts"] * bool(self.drifts)
        jobs = len(self.crowd) + len(self.few)
        return found + [f"{self.creates} creates for {jobs} jobs"] * (self.creates != jobs)


def run(number: int, few: int = FEW, *, fair: bool = True, called: bool = True, seed: int = SEED) -> Run:
    """So many jobs of one account at once; then `few` of another, one after the other. `called`: the provider's webhook
    comes; else only the poller asks."""
    ids, upstreams = random.Random(seed), Upstreams(seed, 0.0, 0.0, lambda: outage.BEGIN)  # noqa: S311
    with contextlib.redirect_stdout(io.StringIO()), outage.shop(upstreams, ids) as made:
        crowd = Crowd(made, upstreams, _Calm(seed), fair=fair)
        if called:
            upstreams.call = crowd.webhook
        big, small = (make_tenant(made, name, outage.PRICE * 10_000) for name in ("acct_big", "acct_small"))
        taken: dict[str, list[str]] = {big.account: [], small.account: []}

        def submit(tenant: Any, place: int) -> None:
            crowd.coming -= 1
            wish = {**outage.WISH, "prompt": f"a red box, number {place}"}
            answer = made.api("POST", "/packshot/v1/jobs", wish, key=tenant.key)
            if answer.status == 429:
                crowd.coming += 1
                crowd.at(made.clock.now + int(answer.headers["retry-after"]), lambda: submit(tenant, place))
                return
            if answer.status != 202:
                raise RuntimeError(answer.text)
            taken[tenant.account].append(answer.json["id"])

        for tenant, jobs, start, pause in ((big, number, 0.0, 0.0), (small, few, 1.0, EVERY)):
            for place in range(jobs):
                crowd.coming += 1
                when = made.clock.now + start + pause * place
                crowd.at(when, lambda tenant=tenant, place=place: submit(tenant, place))  # type: ignore[misc]
        crowd.run()
        found: dict[str, Job] = {}
        for item in items():
            if item.range_key.value.startswith("job#"):
                job = job_of(item.to_json()["Attributes"])
                found[job.id] = job
        books = Books("packshot")

        def took(account: str) -> tuple[float, ...]:
            jobs = (found[name] for name in taken[account])
            return tuple(((job.finished or job.deadline) - job.created) / 1000 for job in jobs)

        return Run(
            took(big.account),
            took(small.account),
            Counter(job.state.value for job in found.values()),
            open_jobs() + len(made.waiting) + len(crowd.dead),
            sum(len(books.verify(account)) for account in taken),
            len(upstreams.creates),
        )


class _Calm(random.Random):
    """The weather's dice, which never say that something comes late or twice."""

    def random(self) -> float:
        return 1.0


def figures(number: int = JOBS) -> dict[str, Any]:
    """All that was measured, as JSON values."""
    ways = {
        "alone": run(0),
        "fair": run(number),
        "not fair": run(number, fair=False),
        "fair, polled": run(number, called=False),
    }
    spread = {name: {"few": _spread(one.few), "crowd": _spread(one.crowd)} for name, one in ways.items()}
    return {"jobs": number, "seconds": spread, "wrong": {name: one.wrong for name, one in ways.items()}}


def _spread(seconds: tuple[float, ...]) -> dict[str, float]:
    if not seconds:
        return {}
    ranked = [round(one * 10) for one in seconds]
    return {name: rank(ranked, percent) / 10 for name, percent in (("p50", 50), ("p95", 95), ("max", 100))}


def main(number: int = JOBS) -> None:
    """Run, print, write."""
    found = figures(number)
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps(found, indent=1) + "\n")
    print(f"{number} jobs of one account at once, {FEW} of another; seconds from taken to finished")
    for name, one in found["seconds"].items():
        for who, spread in one.items():
            print(f"{name:14} {who:6}", *(f"{rank} {seconds:7.1f}" for rank, seconds in spread.items()))
    for name, wrong in found["wrong"].items():
        print(f"{name:14} wrong: {'; '.join(wrong) or 'nothing'}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]))
