"""Where scenarios are played: the world of tests/flow on wires that can be cut, with the time of its machinery.

Between two things that happen, time passes at once. What a dead invocation held comes again when AWS would bring it:
a message when its queue shows it once more, a stream's batch at once, a poll as its state machine says.
"""

import contextlib
import heapq
import io
import json
import os
import random
import secrets
import sys
import time
from base64 import urlsafe_b64encode
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cache
from itertools import count
from types import SimpleNamespace
from typing import Any

import pytest

from bench.outage import AWS, BEGIN, PRICE
from bench.upstreams import A, B, Task
from packshot import catalog, providers
from packshot.aws import clients
from packshot.aws.jobs import job_of
from packshot.job import Route, Step
from packshot.steps import submit, sweep
from tests.crash.faults import Faults
from tests.crash.memo import remembered
from tests.crash.outside import EARLY, NEVER, OVERTAKEN, ROUTES, C, D, Outside
from tests.crash.services import Services, hidden, tries
from tests.flow import asl
from tests.flow.conftest import Tenant, make_tenant, photo
from tests.flow.world import ACCOUNT, QUEUES, REGION, ROOT, Killed, Message, World, _record, dynamodb_backends, world

SEED, GRANTED = 7, 100
JOBS = "/packshot/v1/jobs"
CALLBACK, ENDPOINT = "https://shop.example/hooks", "https://shop.example/all"
WAYS: Mapping[str, tuple[str, ...]] = {
    "both": (A, B),
    "first": (A,),
    "polled": (C,),
    "polled-first": (C, B),
    "once": (D,),
}
"""Models that only exist here, and who makes them, in order."""

SWEEP, LIMIT, STREAM_TRIES = 60.0, 400, 10
"""Seconds between sweeps; moments after which whatever still moves is stuck (none needs 100); tries of a batch."""

GRACE, SOON = sweep.GRACE_MS / 1000, sweep.SOON_MS / 1000


@dataclass
class Ask:
    """Something that a client wants: it keeps its idempotency key until it has an answer. `ids` are all it ever got."""

    number: int
    path: str
    body: Mapping[str, Any]
    headers: Mapping[str, str]
    ids: set[str] = field(default_factory=set)
    refused: int = 0


@dataclass
class Stage:
    """One run. `dead`: messages that no function could take; `ended`: executions of the poller."""

    world: World
    outside: Outside
    faults: Faults
    tenant: Tenant
    stranger: Tenant
    asset: str
    log: list[str]
    asks: list[Ask] = field(default_factory=list)
    dead: list[Message] = field(default_factory=list)
    stuck: bool = False
    _events: list[tuple[float, int, Callable[[], None]]] = field(default_factory=list)
    _order: Iterator[int] = field(default_factory=count)
    _sweep_at: float = 0.0
    _swept: int = 0
    _lanes: Counter[str] = field(default_factory=Counter)
    uploads: list[tuple[dict[str, Any], bool]] = field(default_factory=list)

    # -- what a client does ------------------------------------------------------------------------------------------
    def ask(self, *, path: str = JOBS, key: str = "", again: bool = True, **body: Any) -> Ask:
        """Want a job; try again, with the same key, whatever happens."""
        number = len(self.asks)
        headers = {"idempotency-key": f"order-{number}"} if path == JOBS else {}
        if "model" in body and body["model"] != "studio":
            body.setdefault("prompt", f"a red box, number {number}")
        made = Ask(number, path, body, {**headers, "authorization": f"Bearer {key or self.tenant.key}"})
        self.asks.append(made)
        for _ in range(4):
            if self.put(made) or not again:
                break
        return made

    def put(self, asked: Ask) -> bool:
        """Send a wish once; whether it was answered."""
        answer = self.call("POST", asked.path, asked.body, headers=asked.headers)
        if answer is None or answer.status >= 500:
            return False
        if answer.json and "id" in answer.json and answer.status in (200, 202):
            asked.ids.add(str(answer.json["id"]))
        elif answer.status >= 300:
            asked.refused = answer.status
        return True

    def call(self, method: str, path: str, body: object = None, **more: Any) -> Any:
        """One request; None when nobody answered."""
        try:
            return self.world.api(method, path, body, **more)
        except (Killed, Exception):  # noqa: BLE001  # what escapes from a handler is Lambda's 502
            return None

    def insist(self, method: str, path: str, body: object = None, **more: Any) -> Any:
        """One request, tried again until it is answered."""
        for _ in range(4):
            answer = self.call(method, path, body, key=self.tenant.key, **more)
            if answer is not None and answer.status < 500:
                assert answer.status < 400 or answer.status == 409 or self.faults.hit, answer.text
                return answer
        return None

    def invoke(self, function: str) -> None:
        """What a clock starts; if it fails, it is started again at the next turn."""
        with contextlib.suppress(Killed, Exception):
            self.world.invoke(function, {})

    def cancel(self, asked: Ask) -> None:
        """Give up what was asked for."""
        for name in asked.ids:
            self.insist("POST", f"{JOBS}/{name}/cancel")

    def has(self, step: Step) -> bool:
        """Whether a call stands at this step."""
        found = (job_of(row.to_json()["Attributes"]) for row in items() if row.range_key.value.startswith("job#"))
        return any(call.step is step for job in found for call in job.calls)

    def again(self) -> None:
        """Every client asks once more: it may not know what it got."""
        for asked in self.asks:
            if asked.path == JOBS:
                self.put(asked)
        for detail, _ in self.uploads:
            self.world.waiting.append(Message("uploads", {"detail": detail}, self.world.clock.now))

    def upload(self, key: str, data: bytes, *, good: bool = True) -> None:
        """A picture lands in the uploads bucket, and S3 says so. A `good` one is to become a job."""
        import boto3

        boto3.client("s3", REGION).put_object(Bucket="uploads", Key=key, Body=data, Metadata={"ratio": "1:1"})
        detail = {"bucket": {"name": "uploads"}, "object": {"key": key, "size": len(data), "version-id": "v1"}}
        self.uploads.append((detail, good))
        self.world.waiting.append(Message("uploads", {"detail": detail}, self.world.clock.now))

    # -- time --------------------------------------------------------------------------------------------------------
    def at(self, when: float, action: Callable[[], None]) -> None:
        """Have something happen."""
        heapq.heappush(self._events, (when, next(self._order), action))

    def run(self, seconds: float) -> None:
        """Let time pass, and happen what is due."""
        end = self.world.clock.now + seconds
        while True:
            self.settle()
            when = self._next()
            if when is None or when > end:
                self.world.clock.now = max(end, self.world.clock.now)
                return
            self._reach(when)

    def until(self, done: Callable[[], bool], seconds: float = 3600.0) -> None:
        """Let time pass until something is so; or for that long."""
        end = self.world.clock.now + seconds
        while not done():
            if self._one():
                continue
            when = self._next()
            if when is None or when > end:
                return
            self._reach(when)

    def quiet(self) -> None:
        """Until nothing moves any more."""
        for _ in range(LIMIT):
            self.settle()
            when = self._next()
            if when is None:
                return
            self._reach(when)
        self.stuck = True

    def settle(self) -> None:
        """Everything that can happen now."""
        while self._one():
            pass

    def _next(self) -> float | None:
        """When something will happen."""
        times = [one.visible for one in self.world.waiting if one.queue in QUEUES]
        times += [self._events[0][0]] if self._events else []
        found = list(self._found())
        due = max(min(found), self.world.clock.now) if found else 0.0
        self._sweep_at = max(self._swept + 1, -(-due // SWEEP)) * SWEEP
        times += [self._sweep_at] if found else []
        return max(self.world.clock.now, min(times)) if times else None

    def _found(self) -> Iterator[float]:
        """When a sweep would find something: between, one a minute comes and goes, and nobody misses those."""
        yield from (one.visible for one in self.world.waiting if one.queue == "parked")
        for row in items():
            if "lane" in row.attrs:
                lane, due = row.attrs["lane"].value, int(row.attrs["due"].value) / 1000
                yield due + GRACE if lane in self._lanes or lane not in ROUTES else due - SOON

    def _reach(self, when: float) -> None:
        self.world.clock.now = when
        while self._events and self._events[0][0] <= when:
            heapq.heappop(self._events)[2]()
        if self._sweep_at == when:
            self._swept = int(when // SWEEP)
            self.invoke("sweep")

    def _one(self) -> bool:
        if self._relay():
            return True
        if self.world.pollers:
            payload = self.world.pollers.pop(0)
            if "poller" not in self.world.deaf:
                self._lanes[payload["lane"]] += 1
                self._walk(machine(self).walk(payload), payload["lane"])
            return True
        visible = [one for one in self.world.waiting if one.queue in QUEUES and one.visible <= self.world.clock.now]
        visible = [one for one in visible if one.queue not in self.world.deaf]
        if visible:
            self._receive(min(visible, key=lambda one: one.visible))
        return bool(visible)

    def _relay(self) -> bool:
        shard: Any = dynamodb_backends[ACCOUNT][REGION].tables["packshot"].stream_shard
        fresh = shard.items[self.world.seen :]
        self.world.seen = len(shard.items)
        if not fresh or "stream" in self.world.deaf:
            return bool(fresh)
        records = [{"dynamodb": _record(item.to_json()["dynamodb"])} for item in fresh]
        for _ in range(STREAM_TRIES):
            with contextlib.suppress(Killed, Exception):
                self.world.invoke("relay", {"Records": records})
                return True
        self.dead.append(Message("stream", {}, 0))
        return True

    def _receive(self, message: Message) -> None:
        """One message goes to its function. It is hidden meanwhile, and deleted only when it was taken."""
        message.receives += 1
        message.visible = self.world.clock.now + hidden()[message.queue]
        record = {
            "messageId": "m-1",
            "body": json.dumps(message.body),
            "eventSource": "aws:sqs",
            "receiptHandle": "",
            "attributes": {"ApproximateReceiveCount": str(message.receives)},
        }
        taken = False
        with contextlib.suppress(Killed, Exception):
            taken = not self.world.invoke(QUEUES[message.queue], {"Records": [record]})["batchItemFailures"]
        if taken or message.receives >= tries()[message.queue]:
            self.world.waiting[:] = [one for one in self.world.waiting if one is not message]
        if not taken and message.receives >= tries()[message.queue]:
            self.dead.append(message)

    def _walk(self, walk: Generator[float, None, asl.Execution], lane: str) -> None:
        try:
            pause = next(walk)
        except StopIteration as end:
            self.world.executions.append(end.value)
            self._lanes = self._lanes - Counter([lane])
            return
        self.at(self.world.clock.now + pause, lambda: self._walk(walk, lane))

    def task(self, resource: str, parameters: dict[str, Any]) -> Any:
        """What the poller's definition does."""
        if not resource.endswith(":lambda:invoke"):
            self.world.pollers.append(parameters["Input"])
            return {}
        try:
            return {"Payload": self.world.invoke("poll", parameters["Payload"])}
        except Killed:
            raise asl.TaskFailed("Lambda.Unknown") from None
        except Exception as error:
            raise asl.TaskFailed(type(error).__name__) from error

    # -- providers call ----------------------------------------------------------------------------------------------
    def hook(self, when: float, task: Task, tries: int = 3) -> None:
        """Have a task's webhook delivered; one that is not taken comes again."""
        fate = self.outside.creates[-1][2] if self.outside.creates else ""
        if fate == NEVER:
            task.ready = float("inf")
        elif fate == OVERTAKEN:  # while the next provider works
            self.at(self.world.clock.now + 612, lambda: self._deliver(task, tries))
        elif fate == EARLY and tries == 3:
            task.ready = self.world.clock.now
            self._deliver(task, tries)
        else:
            self.at(when, lambda: self._deliver(task, tries))

    def _deliver(self, task: Task, tries: int) -> None:
        path, headers, body = self.outside.webhook(task)
        answer = self.call("POST", path, raw=body, headers=headers)
        if (answer is None or answer.status != 200) and tries:
            self.at(self.world.clock.now + 10, lambda: self._deliver(task, tries - 1))

    def now_iso(self) -> str:
        """The world's time as Step Functions writes it."""
        return datetime.fromtimestamp(self.world.clock.now, UTC).isoformat().replace("+00:00", "Z")


def items() -> Iterator[Any]:
    """Every row of the table."""
    for partition in dynamodb_backends[ACCOUNT][REGION].tables["packshot"].items.values():
        yield from partition.values()


def machine(stage: Stage) -> asl.Machine:
    """The shipped poller."""
    return asl.Machine(_definition(), stage.task, stage.world.clock.sleep, stage.now_iso)


@cache
def _definition() -> dict[str, Any]:
    path = ROOT / "statemachines" / "poller.asl.yaml"
    return asl.load(path, Partition="aws", PollFunctionArn="poll", PollerArn="poller")


class _Log(io.StringIO):
    """What functions print, line by line."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__()
        self._lines = lines

    def write(self, text: str) -> int:
        self._lines.append(text)
        return len(text)


class _Alone:
    """An executor without threads: they would end in another order each time, and cannot be forked."""

    def __init__(self, workers: int) -> None:
        pass

    def __enter__(self) -> "_Alone":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def map(self, work: Callable[[Any], Any], many: Any) -> Iterator[Any]:
        """In order."""
        return map(work, many)

    def submit(self, work: Callable[..., Any], *args: Any) -> "Future[Any]":
        """At once."""
        done: Future[Any] = Future()
        done.set_result(work(*args))
        return done


@contextlib.contextmanager
def stage() -> Iterator[Stage]:
    """A fresh stage: one account with a hundred credits and a picture, providers that are all well."""
    lines: list[str] = []
    ids = random.Random(SEED)  # noqa: S311
    with pytest.MonkeyPatch.context() as patch:
        for name, value in AWS.items():
            patch.setenv(name, value)
        patch.delenv("AWS_PROFILE", raising=False)
        clients._client.cache_clear()
        clients._session.cache_clear()
        patch.setattr(os, "urandom", ids.randbytes)
        patch.setattr(secrets, "token_urlsafe", lambda size: urlsafe_b64encode(os.urandom(size)).decode())
        patch.setattr("packshot.steps.tend.ThreadPoolExecutor", _Alone)
        patch.setattr("packshot.timing.sampled", lambda job_id: True)  # the dearest job is the one to watch
        _sleepless(patch)
        _catalogue(patch)
        outside = Outside(SEED, 0.0, 0.0, lambda: BEGIN)
        with world(patch, outside, wired=True) as made, remembered(patch), contextlib.redirect_stdout(_Log(lines)):
            random.seed(SEED)
            made.clock.now = BEGIN
            services = Services(made)
            faults = outside.faults = Faults(made, services)
            clients._client.cache_clear()
            faults.watch(clients._session())
            made.cold.update(made.functions)
            tenant, stranger = make_tenant(made, "acct_one", GRANTED), make_tenant(made, "acct_two", 0)
            answer = made.api(
                "POST", "/packshot/v1/assets", raw=photo(64, 64), key=tenant.key, headers={"content-type": "image/jpeg"}
            )
            played = Stage(made, outside, faults, tenant, stranger, str(answer.json["id"]), lines)
            outside.now = lambda: made.clock.now
            outside.call = played.hook

            def sleep(seconds: float) -> None:
                played.run(seconds)

            patch.setitem(submit.hold.__kwdefaults__, "sleep", sleep)
            patch.setitem(submit.hold.__kwdefaults__, "clock", lambda: made.clock.now)
            played.quiet()
            made.cold.update(made.functions)
            lines.clear()
            faults.armed = True
            yield played
        clients._client.cache_clear()
        clients._session.cache_clear()


def _sleepless(patch: pytest.MonkeyPatch) -> None:
    """Whoever repeats a call waits on a clock that runs while they do."""
    slept = [0.0]

    def sleep(seconds: float) -> None:
        slept[0] += 40 * seconds  # forty times as often is forty times as slow

    real = time.monotonic
    quick = SimpleNamespace(sleep=sleep, monotonic=lambda: real() + slept[0], time=time.time)
    patch.setattr("botocore.endpoint.time", quick)
    patch.setattr("packshot.aws.calls.time", quick)


def _catalogue(patch: pytest.MonkeyPatch) -> None:
    known, flux, photoroom = catalog.simulated(), catalog.models()["flux-2"], catalog.models()["photoroom"]
    patch.setattr(catalog, "simulated", lambda: {name: known[name] for name in ROUTES})
    changed = dict(catalog.models())
    for name, upstreams in WAYS.items():
        like = photoroom if D in upstreams else flux
        routes = tuple(Route(one, *ROUTES[one]) for one in upstreams)
        does = {"generate": replace(like.operations["generate"], routes=routes)}
        changed[name] = replace(like, id=name, credits=PRICE, routes=routes, operations=does, prefer="order")
    for module in ("packshot.catalog", "packshot.planning"):
        patch.setattr(f"{module}.models", lambda: changed)
    patch.setattr(providers, "NAMES", (*ROUTES, "studio"))


def report() -> Any:
    """Where a run says something while functions' own output is kept."""
    return sys.__stdout__
