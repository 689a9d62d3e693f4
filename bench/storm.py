"""Drives the in-process world in bad weather: what AWS may do to order and number, from a seed.

Handlers take no time; time passes between them, to the next thing that happens. Records of one row come in order, as
DynamoDB promises; records of different rows, and messages, come in any order, some late, some twice.
"""

import heapq
import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from typing import Any

from moto.dynamodb.models import dynamodb_backends

from bench.upstreams import Task, Upstreams
from tests.flow.world import ACCOUNT, QUEUES, REGION, Message, World, _record

TWICE = 0.05
"""The share of stream batches and messages that come a second time, up to `AGAIN` seconds later."""

AGAIN, LATE, LATE_SECONDS = 60.0, 0.1, 5.0
"""A share `LATE` of the messages is up to that many seconds late."""

BATCH, SWEEP, REDELIVERED = 10, 60.0, 30.0
TRIES = 5
"""Receives of a message before its dead-letter queue."""

SILENT = ("callbacks",)
"""Queues whose messages are thrown away: nobody has asked for callbacks."""


@dataclass
class Storm:
    """The weather over one world. `dead`: messages that no function could take; `calls`: what is still to come."""

    world: World
    upstreams: Upstreams
    luck: random.Random
    dead: list[Message] = field(default_factory=list)
    refused: int = 0
    twice: int = 0
    coming: int = 0
    _events: list[tuple[float, int, Callable[[], None]]] = field(default_factory=list)
    _order: Iterator[int] = field(default_factory=count)
    _stream: list[dict[str, Any]] = field(default_factory=list)
    _late: list[Message] = field(default_factory=list)

    def at(self, when: float, action: Callable[[], None]) -> None:
        """Have something happen."""
        heapq.heappush(self._events, (when, next(self._order), action))

    def run(self) -> None:
        """Until nothing more happens and no job is open."""
        self.at(self.world.clock.now + SWEEP, self._sweep)
        while True:
            self._settle()
            times = [message.visible for message in self.world.waiting if message.queue in QUEUES]
            times += [self._events[0][0]] if self._events else []
            if not times:
                return
            self.world.clock.now = max(self.world.clock.now, min(times))
            while self._events and self._events[0][0] <= self.world.clock.now:
                heapq.heappop(self._events)[2]()

    def webhook(self, when: float, task: Task, tries: int = 3) -> None:
        """Deliver a task's webhook; one that is not taken comes again."""

        def deliver() -> None:
            path, headers, body = self.upstreams.webhook(task)
            if self.world.api("POST", path, raw=body, headers=headers).status != 200:
                self.refused += 1
                if tries:
                    self.webhook(self.world.clock.now + 10, task, tries - 1)

        self.at(when, deliver)

    def _settle(self) -> None:
        """Everything that can happen now."""
        while True:
            self._collect()
            visible = [one for one in self.world.waiting if one.queue in QUEUES and one.visible <= self.world.clock.now]
            if self._stream and (not visible or self.luck.random() < 0.5):
                self._relay()
            elif visible:
                self._receive(self.luck.choice(visible))
            else:
                return

    def _collect(self) -> None:
        """What the handlers have just left behind: records, pollers to start, messages that nobody wants."""
        shard: Any = dynamodb_backends[ACCOUNT][REGION].tables["packshot"].stream_shard
        self._stream += [_record(item.to_json()["dynamodb"]) for item in shard.items]
        shard.items = []
        while self.world.pollers:
            self._start(self.world.pollers.pop(0)["lane"])
        self.world.waiting[:] = [one for one in self.world.waiting if one.queue not in SILENT]

    def _relay(self) -> None:
        batch = []
        for _ in range(min(len(self._stream), self.luck.randint(1, BATCH))):
            keys = self.luck.choice(self._stream)["Keys"]
            first = next(place for place, one in enumerate(self._stream) if one["Keys"] == keys)
            batch.append({"dynamodb": self._stream.pop(first)})
        self.world.invoke("relay", {"Records": batch})
        if self.luck.random() < TWICE:
            self.twice += 1
            again = self.world.clock.now + self.luck.uniform(0, AGAIN)
            self.at(again, lambda: self.world.invoke("relay", {"Records": batch}))

    def _receive(self, message: Message) -> None:
        if not any(one is message for one in self._late) and self.luck.random() < LATE:
            self._late.append(message)
            message.visible = self.world.clock.now + self.luck.uniform(0, LATE_SECONDS)
            return
        self._late = [one for one in self._late if one is not message]
        self.world.waiting = [one for one in self.world.waiting if one is not message]
        message.receives += 1
        record = {
            "messageId": "m-1",
            "body": json.dumps(message.body),
            "eventSource": "aws:sqs",
            "receiptHandle": "",
            "attributes": {"ApproximateReceiveCount": str(message.receives)},
        }
        if self.world.invoke(QUEUES[message.queue], {"Records": [record]})["batchItemFailures"]:
            message.visible = self.world.clock.now + REDELIVERED
            (self.world.waiting if message.receives < TRIES else self.dead).append(message)
        elif self.luck.random() < TWICE:
            self.twice += 1
            again = self.world.clock.now + self.luck.uniform(0, AGAIN)
            self.world.waiting.append(Message(message.queue, message.body, again))

    def _start(self, lane: str) -> None:
        """A poller's execution; what its definition does with the answers (statemachines/poller.asl.yaml)."""
        started = datetime.fromtimestamp(self.world.clock.now, UTC).isoformat().replace("+00:00", "Z")

        def ask() -> None:
            answer = self.world.invoke("poll", {"lane": lane, "started": started})
            if answer["next"] == "wait":
                self.at(self.world.clock.now + answer["wait"], ask)
            elif answer["next"] == "restart":
                self._start(lane)

        self.at(self.world.clock.now, ask)

    def _sweep(self) -> None:
        self.world.invoke("sweep", {})
        if self.coming or open_jobs() or any(message.queue == "parked" for message in self.world.waiting):
            self.at(self.world.clock.now + SWEEP, self._sweep)


def items() -> Iterator[Any]:
    """Every row of the table, in no order."""
    for partition in dynamodb_backends[ACCOUNT][REGION].tables["packshot"].items.values():
        yield from partition.values()


def open_jobs() -> int:
    """How many jobs are in the index of what is due."""
    return sum("lane" in item.attrs and item.range_key.value.startswith("job#") for item in items())
