"""A whole packshot in one process: the shipped handlers, moto for AWS, the real poller definition, a clock of its own.

Time stands still until somebody sleeps. `run` pumps the stream, the queues, the state machine and the schedule until
nothing moves any more, so a job's whole life takes milliseconds and is the same every time.
"""

import base64
import hashlib
import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from importlib import import_module, reload
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any
from unittest import mock

from moto import mock_aws
from moto.dynamodb.models import dynamodb_backends

from packshot import studio
from packshot.aws import clients, queues
from packshot.fidelity import Fidelity
from packshot.picture import Picture
from packshot.steps import faithful
from tests.flow import asl
from tests.quick import quick_moto
from tests.table import SCHEMA

ROOT = Path(__file__).parents[2]
ACCOUNT = "123456789012"
REGION = "us-east-1"
FUNCTIONS = (
    "submit",
    "query",
    "check",
    "provider_webhook",
    "upload",
    "dispatch",
    "render",
    "poll",
    "ingest",
    "relay",
    "callback",
    "sweep",
    "reconcile",
)
CUT_OUT = studio.cut_out
QUEUES = {"dispatch": "dispatch", "render": "render", "ingest": "ingest", "callbacks": "callback", "uploads": "upload"}
"""Which function reads which queue."""


SAME = Fidelity(silhouette=1.0, colour_delta_e=0.0, light_change=0.0, colour_moved=0.0, marks=1.0, scale=1.0, found=1.0)


def behind(method: str, path: str) -> str:
    """The function that the template's routes give a request to: the most exact of those that fit."""
    for key, pattern, function in _routes():
        if key in (method, "$default") and pattern.fullmatch(path):
            return function
    raise LookupError(path)


@cache
def _routes() -> list[tuple[str, re.Pattern[str], str]]:
    written = re.findall(
        r'RouteKey: "(\S+?)(?: (\S+))?", Target: !Sub "integrations/\$\{(\w+)Integration\}"',
        (ROOT / "template.yaml").read_text(),
    )
    written.sort(key=lambda one: (one[0] == "$default", "+" in one[1], one[1].count("{")))
    return [
        (method, re.compile(re.sub(r"\{\w+\}", "[^/]+", path.replace("{proxy+}", ".*")) or ".*", re.DOTALL),
         re.sub(r"(?<!^)(?=[A-Z])", "_", target).lower())
        for method, path, target in written
    ]  # fmt: skip


class Killed(BaseException):
    """The process is gone, between one call and the next."""


@dataclass
class Clock:
    """The world's time, s since 1970: starts at the real one, because the receivers' own libraries look at that."""

    now: float = field(default_factory=lambda: float(int(time.time())))

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.now += max(0.0, seconds)


@dataclass
class Message:
    """One message of one queue; `visible` is when it may be received, s."""

    queue: str
    body: dict[str, Any]
    visible: float
    receives: int = 0


@dataclass
class World:
    """The deployed system in one process."""

    clock: Clock
    functions: dict[str, ModuleType] = field(default_factory=dict)
    events: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    pollers: list[dict[str, str]] = field(default_factory=list)
    executions: list[asl.Execution] = field(default_factory=list)
    seen: int = 0
    deaf: set[str] = field(default_factory=set)
    invocations: list[str] = field(default_factory=list)
    waiting: list[Message] = field(default_factory=list)
    ticks: list[Callable[[], bool]] = field(default_factory=list)
    """What else moves with the clock: each does what is due, and says whether anything was."""
    fidelity: Fidelity | None = SAME
    twice: bool = False
    """Deliver every stream batch and every message a second time."""
    running: list[tuple[str, int]] = field(default_factory=list)
    """What runs now, the innermost last, as a function and a number: a provider may call while dispatch waits."""
    cold: set[str] = field(default_factory=set)
    """Functions whose process is gone: the next invocation starts a new one, which remembers nothing."""

    def api(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        key: str = "",
        headers: Mapping[str, str] | None = None,
        raw: bytes | None = None,
        query: str = "",
    ) -> SimpleNamespace:
        """One HTTP request through the gateway's event form; the answer with `status`, `headers`, `json`."""
        data = raw if raw is not None else json.dumps(body).encode() if body is not None else b""
        sent = {
            "content-type": "application/json",
            **({"authorization": f"Bearer {key}"} if key else {}),
            **(headers or {}),
        }
        event = {
            "version": "2.0",
            "rawPath": path,
            "rawQueryString": query,
            "headers": sent,
            "requestContext": {
                "http": {"method": method, "path": path},
                "requestId": "req-1",
                "stage": "$default",
                "domainName": "api.example.com",
            },
            "body": base64.b64encode(data).decode(),
            "isBase64Encoded": True,
        }
        if path.startswith("/hooks/"):
            names = ("provider", "account", "job", "call", "attempt", "token")
            event["pathParameters"] = dict(zip(names, path.split("/")[2:], strict=False))
        reply = self.invoke(behind(method, path), event)
        text = reply.get("body") or ""
        return SimpleNamespace(
            status=reply["statusCode"],
            headers=reply["headers"],
            text=text,
            json=json.loads(text) if text and not reply.get("isBase64Encoded") else None,
        )

    def long(
        self, method: str, path: str, *, headers: Mapping[str, str], query: str = "", raw: bytes = b""
    ) -> dict[str, Any]:
        """One request over the Function URL, which waits longer; the reply as Lambda gives it."""
        event = {
            "version": "2.0",
            "rawPath": path,
            "rawQueryString": query,
            "headers": dict(headers),
            "requestContext": {
                "http": {"method": method, "path": path},
                "requestId": "req-1",
                "stage": "$default",
                "domainName": "abc.lambda-url.eu-central-1.on.aws",
            },
            "body": base64.b64encode(raw).decode(),
            "isBase64Encoded": True,
        }
        reply: dict[str, Any] = self.invoke("submit", event)
        return reply

    def invoke(self, name: str, event: Mapping[str, Any]) -> Any:
        """Run one shipped handler, in the process that the last invocation left or in a new one."""
        self.invocations.append(name)
        if name in self.cold:
            self.cold.discard(name)
            self.functions[name] = reload(self.functions[name])
        context = SimpleNamespace(aws_request_id="req-0", function_name=name)
        self.running.append((name, len(self.invocations)))
        try:
            return self.functions[name].handler(dict(event), context)
        except Killed:
            self.cold.add(name)
            raise
        finally:
            self.running.pop()

    # -- the services that moto does not play here -----------------------------------------------------------------
    def start(self, payload: dict[str, str]) -> None:
        """StartExecution of the poller."""
        self.pollers.append(payload)

    def tell(self, entries: list[dict[str, str]]) -> None:
        """PutEvents."""
        self.events.extend((entry["DetailType"], json.loads(entry["Detail"])) for entry in entries)

    def send(self, queue: str, body: dict[str, Any], delay: int) -> None:
        """SendMessage."""
        self.waiting.append(Message(queue, body, self.clock.now + delay))

    def receive(self, queue: str, limit: int) -> list[tuple[str, dict[str, Any]]]:
        """ReceiveMessage, for who does not mind that a message can be had again at once: (receipt, body) pairs."""
        return [(str(id(one)), one.body) for one in self.waiting if one.queue == queue][:limit]

    def delete(self, receipt: str) -> None:
        """DeleteMessage."""
        self.waiting[:] = [one for one in self.waiting if str(id(one)) != receipt]

    # -- the machinery of AWS ------------------------------------------------------------------------------------
    def run(self, *, seconds: float = 0.0, sweeps: bool = False) -> None:
        """Pump until nothing moves; then let time pass in steps up to `seconds`, sweeping each minute if asked."""
        end = self.clock.now + seconds
        next_sweep = self.clock.now + 60
        while True:
            while self._moves():
                pass
            if self.pollers and "poller" not in self.deaf:
                self._poller(self.pollers.pop(0))
                continue
            if self.clock.now >= end:
                return
            self.clock.sleep(min(5.0, end - self.clock.now))
            if sweeps and self.clock.now >= next_sweep:
                next_sweep += 60
                self.invoke("sweep", {})

    def _moves(self) -> bool:
        return self._stream() or self._messages() or any(tick() for tick in self.ticks)

    def _stream(self) -> bool:
        table = dynamodb_backends[ACCOUNT][REGION].tables["packshot"]
        items = list(table.stream_shard.items)
        fresh, self.seen = items[self.seen :], len(items)
        if not fresh:
            return False
        records = [{"dynamodb": _record(item.to_json()["dynamodb"])} for item in fresh]
        for _ in range(0 if "stream" in self.deaf else 2 if self.twice else 1):
            self._until_it_lives("relay", {"Records": records})
        return True

    def _messages(self) -> bool:
        for message in sorted(self.waiting, key=lambda one: one.visible):
            function = QUEUES.get(message.queue)
            if message.visible > self.clock.now or function is None or message.queue in self.deaf:
                continue
            self.waiting.remove(message)
            message.receives += 1
            record = {
                "messageId": "m-1",
                "body": json.dumps(message.body),
                "eventSource": "aws:sqs",
                "receiptHandle": "",
                "attributes": {"ApproximateReceiveCount": str(message.receives)},
            }
            failed = self._until_it_lives(function, {"Records": [record]})["batchItemFailures"]
            if self.twice and not failed:
                self.invoke(function, {"Records": [record]})
            if failed and message.receives < 5:
                message.visible = self.clock.now + 30
                self.waiting.append(message)
            return True
        return False

    def _until_it_lives(self, name: str, event: Mapping[str, Any]) -> Any:
        """Invoke; what was killed on the way is invoked again with the same event."""
        while True:
            try:
                return self.invoke(name, event)
            except Killed:
                continue

    def _poller(self, payload: dict[str, str]) -> None:
        def task(resource: str, parameters: dict[str, Any]) -> Any:
            if resource.endswith(":lambda:invoke"):
                while self._moves():
                    pass
                return {"Payload": self.invoke("poll", parameters["Payload"])}
            self.pollers.append(parameters["Input"])
            return {}

        definition = asl.load(
            ROOT / "statemachines" / "poller.asl.yaml", Partition="aws", PollFunctionArn="poll", PollerArn="poller"
        )
        started = datetime.fromtimestamp(self.clock.now, UTC).isoformat().replace("+00:00", "Z")
        machine = asl.Machine(definition, task, self.clock.sleep, lambda: started)
        self.executions.append(machine.run(payload))


MADE: dict[tuple[bytes, Any, Any], studio.Cutout] = {}


def _cut_out_once(picture: Picture, *, weights: Any, box: Any = None, point: Any = None) -> studio.Cutout:
    """The real cut-out, made once per picture and process: hundreds of tests send the same few photographs."""
    assert weights is None
    key = hashlib.sha256(repr(picture.pixels.shape).encode() + picture.pixels.tobytes()).digest(), box, point
    if key not in MADE:
        MADE[key] = CUT_OUT(picture, box=box, point=point)
        for pixels in (MADE[key].rgb, MADE[key].alpha):
            pixels.setflags(write=False)
    return MADE[key]


def _record(image: Mapping[str, Any]) -> dict[str, Any]:
    return {name: image[name] for name in ("Keys", "NewImage", "OldImage") if image.get(name)}


@contextmanager
def world(monkeypatch: Any, egress: Callable[..., Any], *, wired: bool = False) -> Iterator[World]:
    """A fresh world; `egress` stands in for the network. Looking for a product in each of thousands of pictures would
    take hours: every one is `SAME`, until a test gives `made.fidelity` another value, or `None` for the real look.
    `wired`: somebody else answers what botocore sends to SQS, Step Functions and EventBridge."""
    clock = Clock()
    with mock_aws(), quick_moto():
        made = World(clock)
        clients.client("dynamodb").create_table(TableName="packshot", **SCHEMA)
        for bucket in ("uploads", "outputs"):
            clients.client("s3").create_bucket(Bucket=bucket)
        clients.client("events").create_event_bus(Name="packshot")
        key = clients.client("kms").create_key()["KeyMetadata"]["KeyId"]
        for name, value in {
            "TABLE_NAME": "packshot",
            "UPLOADS_BUCKET": "uploads",
            "OUTPUTS_BUCKET": "outputs",
            "BUS_NAME": "packshot",
            "DISPATCH_QUEUE_URL": "dispatch",
            "RENDER_QUEUE_URL": "render",
            "INGEST_QUEUE_URL": "ingest",
            "CALLBACKS_QUEUE_URL": "callbacks",
            "PARKED_QUEUE_URL": "parked",
            "POLLER_ARN": "arn:aws:states:us-east-1:1:stateMachine:poller",
            "PROVIDER_SECRETS": "packshot/test/providers/",
            "SIMULATORS_URL": "http://127.0.0.1:8600",
            "API_URL": "https://api.example.com",
            "EGRESS_LOCAL": "1",
            "CALLBACK_KEY_ID": key,
            "STAGE": "test",
            "STUDIO_WEIGHTS": "",
            "LOG_LEVEL": "INFO",
        }.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr("packshot.egress.Egress", egress)
        monkeypatch.setattr(studio, "cut_out", _cut_out_once)
        real = faithful.Examiner.__call__

        def examine(self: faithful.Examiner, job: Any, brief: Any) -> Any:
            return real(self, job, brief) if made.fidelity is None else lambda _: made.fidelity

        monkeypatch.setattr(faithful.Examiner, "__call__", examine)
        for name in FUNCTIONS:
            module = import_module(f"functions.{name}.app")
            made.functions[name] = reload(module)
        monkeypatch.setattr(time, "time_ns", lambda: int(made.clock.now * 1e9))
        if not wired:
            _own_services(monkeypatch, made)
        yield made


def _own_services(monkeypatch: Any, made: World) -> None:
    """SQS, Step Functions and EventBridge end at our own doors: no request is made."""
    start = mock.Mock(side_effect=lambda **asked: made.start(json.loads(asked["input"])))

    def put_events(**asked: Any) -> dict[str, int]:
        made.tell(asked["Entries"])
        return {"FailedEntryCount": 0}

    def send(self: Any, body: Mapping[str, Any], *, group: str, delay: int = 0) -> None:
        made.send(self._url, json.loads(json.dumps(body)), delay)

    monkeypatch.setattr(queues.Sqs, "send", send)
    monkeypatch.setattr(queues.Sqs, "receive", lambda self, limit: made.receive(self._url, limit))
    monkeypatch.setattr(queues.Sqs, "delete", lambda self, receipt: made.delete(receipt))

    real = clients.client
    fakes = {"stepfunctions": SimpleNamespace(start_execution=start), "events": SimpleNamespace(put_events=put_events)}
    for module in ("packshot.aws.poller", "packshot.aws.bus"):
        monkeypatch.setattr(f"{module}.client", lambda service: fakes.get(service) or real(service))
