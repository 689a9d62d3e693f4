"""What dead receivers do to the others: the real callback step, on a clock of its own, behind a queue like ours.

A receiver that is dead swallows each try until our timeout. Workers take what is visible, oldest first and up to a
batch, and work through it one by one, as the function does; SQS's fair queues, which put quiet accounts first, are not
played, so this is the darker picture. `python -m bench receivers`.
"""

import heapq
import random
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass, field, replace
from io import StringIO
from itertools import count
from pathlib import Path
from typing import Any

from packshot import delivery, signing
from packshot.brief import Brief
from packshot.delivery import DeliveryRow, DeliveryState, Receiver, Try
from packshot.egress import NoAnswer, Posted
from packshot.job import Call, Credits, Failure, Job, Route, State
from packshot.steps.callback import SECONDS, Courier, callback
from packshot.steps.view import Gallery

START, MINUTE = 1_767_323_045_000, 60_000
SECRETS = (signing.new_secret(b"r" * 32),)
JOB = Job(
    id="job_0", account="acc_0", model="studio", operation="generate", state=State.FAILED, version=4, created=START,
    updated=START, deadline=START + 60 * MINUTE, count=1, price=1, reserved=Credits(1), charged=Credits(),
    routes=(Route("studio", "studio"),), calls=(Call(0, 1),), started=START, finished=START,
    failure=Failure("no", "No."),
)  # fmt: skip
ACCOUNTS = 200


def shipped() -> tuple[int, int]:
    """(workers, batch) as the template has them."""
    text = (Path(__file__).parents[1] / "template.yaml").read_text()
    found = re.search(r"Queue: !GetAtt CallbacksQueue.Arn\s+BatchSize: (\d+)\s+.*MaximumConcurrency: (\d+)", text)
    if found is None:
        raise ValueError("the template's callbacks queue has no batch and concurrency in the usual place")
    return int(found[2]), int(found[1])


@dataclass
class Town:
    """Every port of the callback step, and the queue in front of it; times in ms."""

    rate: float
    dead: float
    workers: int
    batch: int
    minutes: int = 30
    now: int = START
    rows: dict[str, DeliveryRow] = field(default_factory=dict)
    took: list[int] = field(default_factory=list)
    luck: random.Random = field(default_factory=lambda: random.Random(72))  # noqa: S311
    _coming: list[tuple[int, int, dict[str, Any]]] = field(default_factory=list)
    _order: Iterator[int] = field(default_factory=count)

    def run(self) -> list[int]:
        """How long after its event each callback reached a receiver that is alive, ms."""
        me: Any = self
        room = Courier(me, me, me, me, me, me, lambda: self.now, self.luck.random, "", Gallery(me, ""))
        at, end = float(START), START + self.minutes * MINUTE
        while at < end:
            self._push(round(at), {"kind": "event", "account": self._account(), "job": f"job_{round(at)}"})
            at += self.luck.expovariate(self.rate) * 1000
        free = [START] * self.workers
        heapq.heapify(free)
        with redirect_stdout(StringIO()):
            while self._coming and self._coming[0][0] < end:
                at_work = max(heapq.heappop(free), self._coming[0][0])
                self.now = at_work
                taken: list[dict[str, Any]] = []
                while self._coming and len(taken) < self.batch and self._coming[0][0] <= at_work:
                    taken.append(heapq.heappop(self._coming)[2])
                for message in taken:
                    callback({**message, "type": "job.failed"}, room=room)
                heapq.heappush(free, self.now + 5)
        return self.took

    def _push(self, at: int, message: dict[str, Any]) -> None:
        heapq.heappush(self._coming, (at, next(self._order), message))

    def _account(self) -> str:
        return f"acc_{self.luck.randrange(ACCOUNTS)}"

    def _is_dead(self, account: str) -> bool:
        return int(account[4:]) < self.dead * ACCOUNTS

    # -- ports -----------------------------------------------------------------------------------------------------
    def both(self, account: str, job_id: str) -> tuple[Job, Brief]:
        """A job that has ended, of an account with one receiver."""
        url = f"https://{account}.example/{job_id[4:]}"
        return replace(JOB, id=job_id, account=account), Brief("generate", "studio", callback_url=url)

    def open(self, account: str, *, created: int, **given: Any) -> DeliveryRow:
        """A row that is due at once."""
        name = delivery.id_of(given["job"], given["event_id"], given["target"])
        row = DeliveryRow(
            account, name, state="pending", tries=(), created=created, next_try=created, version=1, **given
        )
        return self.rows.setdefault(name, row)

    def get(self, account: str, delivery_id: str) -> DeliveryRow | None:
        """The row."""
        return self.rows.get(delivery_id)

    def record(self, row: DeliveryRow, attempt: Try | None, state: DeliveryState, next_try: int | None) -> DeliveryRow:
        """One try more."""
        tries = (*row.tries, attempt) if attempt else row.tries
        self.rows[row.id] = replace(row, tries=tries, state=state, next_try=next_try, version=row.version + 1)
        if next_try is not None and next_try - self.now > 900_000:  # the sweep's, once a minute
            late = next_try + self.luck.randrange(MINUTE)
            self._push(late, {"kind": "delivery", "account": row.account, "id": row.id})
        return self.rows[row.id]

    def of(self, account: str) -> Sequence[Receiver]:
        """No endpoints: each job names its own address."""
        return ()

    def secrets(self, account: str, endpoint_id: str | None) -> Sequence[str]:
        """The same for all."""
        return SECRETS

    def send(self, body: Mapping[str, object], *, group: str, delay: int = 0) -> None:
        """Visible after its delay."""
        self._push(self.now + delay * 1000 + 20, dict(body))

    def put(self, told: Iterable[Any]) -> None:
        """The bus hears nothing of this."""

    def post(self, url: str, headers: Mapping[str, str], body: bytes, seconds: float) -> Posted:
        """About an eighth of a second, or the whole timeout."""
        account = url.split("/")[2].split(".")[0]
        if self._is_dead(account):
            self.now += round(SECONDS * 1000)
            raise NoAnswer("timeout")
        self.now += round(self.luck.lognormvariate(4.6, 0.6))
        self.took.append(self.now - int(url.rpartition("/")[2]))
        return Posted(204, None)


def p95(took: list[int]) -> int:
    """The 95th percentile."""
    return sorted(took)[int(len(took) * 0.95)]


def main() -> None:
    """The 95th percentile of those alive, without and with one dead receiver in ten."""
    workers, batch = shipped()
    print(f"{workers} workers; ms from an event to its receiver, 95 %; one account in ten is dead")
    print(f"{'events/s':>8} {'batch':>6} {'all alive':>10} {'10 % dead':>10} {'change':>8}")
    for each in dict.fromkeys((batch, 1)):
        for rate in (1, 2, 5, 8, 12, 20):
            alive, some = (p95(Town(rate, dead, workers, each, minutes=20).run()) for dead in (0.0, 0.1))
            print(f"{rate:8} {each:6} {alive:10} {some:10} {some / alive - 1:8.1%}")


if __name__ == "__main__":
    main()
