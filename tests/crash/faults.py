"""One counter over everything that leaves a function: AWS calls and outbound requests. At call k, one of five faults.

`before-send` is where botocore hands a request to the wire: every try of the SDK passes it. We stand there in moto's
place: we may answer a request ourselves, have moto do it, or have moto do it and then say nothing about it.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from botocore.awsrequest import AWSResponse
from botocore.exceptions import ReadTimeoutError
from moto.core.botocore_stubber import MockRawResponse
from moto.core.models import botocore_stubber

from packshot.egress import NoAnswer
from packshot.wire import Response
from tests.crash.services import Services
from tests.flow.world import Killed, World

KINDS = ("dies_before", "dies_after", "error_before", "answer_lost", "throttled")
"""dies_before, dies_after   the process is gone before, or after, the call has had its effect
error_before              the service answers 500, once, and does nothing; the SDK repeats
answer_lost               the effect, then no answer: the SDK repeats it
throttled                 refused as often as this very call is repeated, until its caller gives up
"""

READS = frozenset({"GetItem", "BatchGetItem", "Query", "GetObject", "HeadObject", "GetSecretValue", "Decrypt"})
READS |= {"poll", "list", "fetch"}
"""Calls without an effect."""

KIND = re.compile(rb'"S": ?"([a-z_]+)#|"QueueUrl": ?"([^"]+)"|\\"type\\": ?\\"([^"]+)')
"""What a request is about: kinds of rows, by how their keys begin, or a queue and what kind of message."""

T = TypeVar("T")


@dataclass(frozen=True)
class Call:
    """The k-th call: who made it (the innermost function), and what it was (`service.Operation`). `first` of its
    invocation; `new` where this function had not made it before in this run about the same kind of thing."""

    k: int
    function: str
    name: str
    first: bool = True
    new: bool = True

    @property
    def kinds(self) -> tuple[str, ...]:
        """The faults that can make a difference here. These cannot:

        dies_after a read, dies_before all but the first call   nothing lies between two calls, so to die after the
            one is to die before the other: what an invocation leaves is what its last write left
        error_before, answer_lost at an AWS read                the SDK reads the same again
        error_before at an AWS write that was not new           the SDK repeats what was never done; once is enough to
            see that it does
        throttled at an AWS call that was not new               what its caller makes of the refusal has been seen; what
            is left behind if it gives up, its death before this call shows
        """
        service, _, operation = self.name.partition(".")
        ours, reads = service == "http", operation in READS
        may = {
            "dies_before": self.first,
            "dies_after": not reads,
            "error_before": ours or (self.new and not reads),
            "answer_lost": ours or not reads,
            "throttled": ours or self.new,
        }
        return tuple(kind for kind in KINDS if may[kind])

    def __str__(self) -> str:
        return f"k={self.k} {self.function}: {self.name}"


@dataclass
class Faults:
    """`at`: what each call does, by its number. `ask`, if given, decides at each call instead: the kind, or nothing."""

    stack: World
    services: Services
    at: dict[int, str] = field(default_factory=dict)
    ask: Callable[[Call], str | None] | None = None
    armed: bool = False
    calls: list[Call] = field(default_factory=list)
    hit: list[tuple[Call, str]] = field(default_factory=list)
    body: bytes = b""
    used: set[tuple[str, str]] = field(default_factory=set)
    """(function, IAM action) of all that was asked of AWS."""
    _refused: tuple[int, str, bytes] | None = None
    _seen: set[object] = field(default_factory=set)

    def watch(self, session: Any) -> None:
        """See every request of the clients that this session will make. botocore calls all who listen, whatever the
        first of them says: moto must not hear of a request but from us."""
        events = session.get_component("event_emitter")
        events.unregister("before-send", botocore_stubber)
        events.register("before-send", self._sent)

    def outbound(self, name: str, act: Callable[[], T], wrong: Callable[[int], T]) -> T:
        """One outbound request, which nobody repeats; `wrong` is how a status looks to its caller."""
        self.body = b""
        kind = self._counted(f"http.{name}")
        if kind == "dies_before":
            raise Killed
        if kind == "error_before":
            return wrong(500)
        if kind == "throttled":
            return wrong(429)
        done = act()
        if kind == "dies_after":
            raise Killed
        if kind == "answer_lost":
            raise NoAnswer("timeout")
        return done

    def _counted(self, name: str) -> str | None:
        if not (self.armed and self.stack.running):  # what a scenario arranges by itself always works
            return None
        function, number = self.stack.running[-1]
        what = function, name, tuple(sorted(set(KIND.findall(self.body))))
        first, new = number not in self._seen, what not in self._seen
        self._seen |= {number, what}
        call = Call(len(self.calls), function, name, first, new)
        self.calls.append(call)
        kind = self.ask(call) if self.ask else self.at.get(call.k)
        if kind is not None:
            self.hit.append((call, kind))
        return kind

    def _sent(self, request: Any, event_name: str, **_: Any) -> Any:
        _, service, operation = event_name.split(".")
        body = request.body if isinstance(request.body, bytes) else b""
        _, number = self.stack.running[-1] if self.stack.running else ("", 0)
        this = (number, f"{service}.{operation}", body)
        if self._refused == this:
            return _answer(request, service, busy=True)
        self._refused, self.body = None, body
        kind = self._counted(this[1])
        if self.stack.running:
            self.used |= {(self.stack.running[-1][0], action) for action in actions(service, operation, body)}
        if kind == "dies_before":
            raise Killed
        if kind == "error_before":
            return _answer(request, service, busy=False)
        if kind == "throttled":
            self._refused = this
            return _answer(request, service, busy=True)
        done = self._done(request, event_name, service, operation)
        if kind == "dies_after":
            raise Killed
        if kind == "answer_lost":
            raise ReadTimeoutError(endpoint_url=request.url)
        return done

    def _done(self, request: Any, event_name: str, service: str, operation: str) -> Any:
        answer = self.services.answer(service, operation, request.body)
        if answer is None:
            return botocore_stubber(event_name, request)
        return _response(request, 200, json.dumps(answer))


PREFIXES = {"eventbridge": "events", "sfn": "states", "secrets-manager": "secretsmanager"}
"""How IAM calls services, where it does not say what botocore says."""

ITEMS = {"Put": "PutItem", "Update": "UpdateItem", "Delete": "DeleteItem", "ConditionCheck": "ConditionCheckItem"}
"""What each part of a transaction needs."""

NEEDS = {"HeadObject": ("GetObject",), "CopyObject": ("GetObject", "PutObject")}
"""What other operations need than an action of their own name."""


def actions(service: str, operation: str, body: bytes) -> list[str]:
    """The IAM actions that a request needs."""
    if operation == "TransactWriteItems":
        names = sorted({ITEMS[kind] for part in json.loads(body)["TransactItems"] for kind in part})
    else:
        names = list(NEEDS.get(operation, (operation,)))
    return [f"{PREFIXES.get(service, service)}:{name}" for name in names]


def _answer(request: Any, service: str, *, busy: bool) -> AWSResponse:
    """A service that is ill, or has no room, in its own protocol."""
    if service == "s3":
        code, status = ("SlowDown", 503) if busy else ("InternalError", 500)
        return _response(request, status, f"<Error><Code>{code}</Code><Message></Message></Error>")
    code, status = ("ThrottlingException", 400) if busy else ("InternalServerError", 500)
    return _response(request, status, json.dumps({"__type": code, "message": ""}))


def _response(request: Any, status: int, body: str) -> AWSResponse:
    return AWSResponse(request.url, status, {"content-type": "application/x-amz-json-1.0"}, MockRawResponse(body))  # type: ignore[arg-type]


def refusal(status: int) -> Response:
    """A provider's answer that says only this."""
    return Response(status, {"retry-after": "5"} if status == 429 else {}, b"{}")
