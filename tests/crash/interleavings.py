"""Two handlers at once: both run up to their next call, and which goes on is tried in every order.

Each order is a copy of the process. Those with the fewest changes of turn that nobody forced come first; a pair that
has no more than its limit is exhausted.
"""

import contextlib
import gc
import heapq
import importlib.util
import json
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import count
from types import SimpleNamespace
from typing import Any

from bench.upstreams import A
from packshot.job import Step
from tests.crash.faults import Call
from tests.crash.invariants import broken
from tests.crash.scenarios import PROFILES, SMALL
from tests.crash.stage import CALLBACK, JOBS, Ask, Stage, items, stage
from tests.crash.sweep import PATIENCE, Found, each, forked
from tests.flow.conftest import photo
from tests.flow.world import ROOT

LIMIT, ALL = 70, 500
"""Orders of a pair, at most: where changes are checked, and where there is time."""

BESIDES = (b"rate#", b'"key#', b"timing", b"health#", b"secrets-manager", b"kms")
"""Calls about these rows and services meet nobody else's: an order that differs in them alone is the same."""

Action = Callable[[Stage], Any]


@dataclass(frozen=True)
class Pair:
    """What comes first, and the two that then run side by side; how jobs may end."""

    name: str
    before: Action
    first: Action
    second: Action
    ends: frozenset[str] = frozenset({"completed"})


@dataclass
class Turns:
    """Whose turn it is. `choices`: what to do where both can go on; then whoever goes on goes on. `taken`: what was
    done at each step, and whether the other could have."""

    choices: list[int]
    taken: list[tuple[int, bool]] = field(default_factory=list)
    _parked: dict[int, threading.Event] = field(default_factory=dict)
    _arrived: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    _who: dict[int, int] = field(default_factory=dict)

    def park(self) -> None:
        """Called by a handler before each call that may matter to the other."""
        who = self._who.get(threading.get_ident())
        if who is None:
            return
        self._parked[who] = event = threading.Event()
        self._arrived.release()
        event.wait()

    def run(self, works: list[Callable[[], Any]]) -> None:
        """Both to their ends."""
        alive = [0, 1]

        def body(place: int) -> None:
            self._who[threading.get_ident()] = place
            self.park()
            with contextlib.suppress(Exception):  # a handler's error is Lambda's 502, or the message again
                works[place]()
            alive.remove(place)
            self._arrived.release()

        threads = [threading.Thread(target=body, args=(place,), daemon=True) for place in (0, 1)]
        for thread in threads:
            thread.start()
            self._arrived.acquire()
        turn = 0
        while alive:
            both = len(alive) == 2
            wanted = self.choices[len(self.taken)] if len(self.taken) < len(self.choices) else turn
            turn = wanted if both else alive[0]
            self.taken.append((turn, both))
            self._parked.pop(turn).set()
            self._arrived.acquire()


def fresh(name: str) -> Any:
    """A function in a process of its own: a second copy of its module."""
    spec = importlib.util.spec_from_file_location(f"beside_{name}", ROOT / "functions" / name / "app.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# ------------------------------------------------------------------------------------------------------------- events


def message(queue: str) -> Action:
    """The queue's next message goes to its function; the queue keeps it, and brings it again later."""
    function = {"callbacks": "callback"}.get(queue, queue)

    def take(played: Stage) -> Callable[[], Any]:
        found = next(one for one in played.world.waiting if one.queue == queue)
        record = {
            "messageId": "m-1",
            "body": json.dumps(found.body),
            "eventSource": "aws:sqs",
            "receiptHandle": "",
            "attributes": {"ApproximateReceiveCount": "1"},
        }
        return _invoked(function, {"Records": [record]})

    return take


def request(method: str, path: str, body: object = None, **headers: str) -> Action:
    """A request of the client's; `{job}` is its job."""

    def ask(played: Stage) -> Callable[[], Any]:
        named = path.replace("{job}", _job(played)) if "{job}" in path else path
        sent = {"authorization": f"Bearer {played.tenant.key}", "content-type": "application/json", **headers}
        sent = {name.replace("_", "-"): value for name, value in sent.items()}
        event = {
            "version": "2.0",
            "rawPath": named,
            "rawQueryString": "",
            "headers": sent,
            "requestContext": {"http": {"method": method, "path": named}, "requestId": "req-2", "domainName": "x"},
            "body": json.dumps(body) if body is not None else "",
            "isBase64Encoded": False,
        }
        run = _invoked("submit", event)
        key = headers.get("idempotency_key")
        return run if key is None else lambda: _noted(played, key, run())

    return ask


def _noted(played: Stage, key: str, answer: Mapping[str, Any]) -> None:
    """What a client was told that asked with a key."""
    known = [one for one in played.asks if one.headers["idempotency-key"] == key]
    if not known:
        known = [Ask(len(played.asks), JOBS, {}, {"idempotency-key": key})]
        played.asks += known
    if answer["statusCode"] in (200, 202):
        known[0].ids.add(str(json.loads(answer["body"])["id"]))
    else:
        known[0].refused = answer["statusCode"]


def webhook(played: Stage) -> Callable[[], Any]:
    """The provider tells of its task."""
    path, headers, body = played.outside.webhook(next(iter(played.outside.tasks.values())))
    names = ("provider", "account", "job", "call", "attempt", "token")
    event = {
        "version": "2.0",
        "rawPath": path,
        "rawQueryString": "",
        "headers": headers,
        "pathParameters": dict(zip(names, path.split("/")[2:], strict=False)),
        "requestContext": {"http": {"method": "POST", "path": path}, "requestId": "req-3", "domainName": "x"},
        "body": body.decode(),
        "isBase64Encoded": False,
    }
    return _invoked("provider_webhook", event)


def poll(played: Stage) -> Callable[[], Any]:
    """A poller looks."""
    return _invoked("poll", {"lane": A, "started": played.now_iso()})


def sweeps(played: Stage) -> Callable[[], Any]:
    """A minute has come round."""
    return _invoked("sweep", {})


def _invoked(name: str, event: Mapping[str, Any]) -> Callable[[], Any]:
    module = fresh(name)
    return lambda: module.handler(dict(event), SimpleNamespace(aws_request_id="req-0", function_name=name))


def _job(played: Stage) -> str:
    return next(str(row.range_key.value)[4:] for row in items() if str(row.range_key.value).startswith("job#"))


# ------------------------------------------------------------------------------------------------------------ before


def asked(*deaf: str, ready: bool = False, late: bool = False, **wish: Any) -> Action:
    """A job is asked for, and goes as far as it can while these hear nothing. `ready`: its picture is made by then;
    `late`: its deadline has come."""

    def play(played: Stage) -> None:
        played.world.deaf |= set(deaf)
        played.outside.fates[A, 0, 1] = "webhook lost"
        pictures = {"images": [played.asset]} if wish.get("images") else {}
        played.ask(**{"model": "first", **SMALL, **wish, **pictures})
        played.settle()
        if ready:
            played.world.clock.now += 30
        if late:
            played.world.clock.now += 7200

    return play


def delivered(played: Stage, *, late: bool = False) -> None:
    """The picture is there and waits to be brought home."""
    asked("poller", "ingest", ready=True)(played)
    webhook(played)()
    played.settle()
    assert played.has(Step.DELIVERED)
    if late:
        played.world.clock.now += 7200


WISH = {"model": "first", "prompt": "a red box, number 0", **SMALL}
ONE_KEY = request("POST", JOBS, WISH, idempotency_key="order-0")
CANCEL = request("POST", f"{JOBS}/{{job}}/cancel")


def _poor(played: Stage) -> None:
    """There are credits left for one job."""
    from packshot.aws.books import Books

    Books("packshot").grant(played.tenant.account, "topup", -95, "poor", at=1, actor="test")


def _profile(played: Stage) -> None:
    """A profile of one picture, not yet looked at."""
    played.world.deaf.add("ingest")
    played.outside.pages["https://shop.example/sam.jpg"] = photo(64, 64)
    played.insist("POST", PROFILES, {"images": ["https://shop.example/sam.jpg"]})
    played.settle()


def _forget(played: Stage) -> Callable[[], Any]:
    """The client deletes it."""
    (name,) = (str(row.range_key.value)[8:] for row in items() if str(row.range_key.value).startswith("profile#"))
    return request("DELETE", f"{PROFILES}/{name}")(played)


def _nothing(played: Stage) -> None:
    """A fresh start."""


ENDED = frozenset({"completed", "canceled"})
PAIRS = {
    pair.name: pair
    for pair in (
        Pair("settle and cancel", delivered, message("ingest"), CANCEL, ENDED),
        Pair("settle and expire", lambda played: delivered(played, late=True), message("ingest"), sweeps,
             frozenset({"completed", "failed"})),
        Pair("settle and settle", delivered, message("ingest"), message("ingest")),
        Pair("webhook and poll", asked("poller", ready=True), webhook, poll),
        Pair("webhook and webhook", asked("poller", ready=True), webhook, webhook),
        Pair("webhook and cancel", asked("poller", ready=True), webhook, CANCEL, ENDED),
        Pair("poll and poll", asked("poller", ready=True), poll, poll),
        Pair("poll and cancel", asked("poller", ready=True), poll, CANCEL, ENDED),
        Pair("look and forget", _profile, message("ingest"), _forget),
        Pair("submit and submit, one key", _nothing, ONE_KEY, ONE_KEY),
        Pair("submit and submit, one job's credits", _poor, request("POST", JOBS, WISH, idempotency_key="a"),
             request("POST", JOBS, WISH, idempotency_key="b")),
        Pair("cancel and dispatch", asked("dispatch"), CANCEL, message("dispatch"), ENDED),
        Pair("dispatch and dispatch", asked("dispatch"), message("dispatch"), message("dispatch")),
        Pair("render and cancel", asked("render", model="studio", images=True, preset="amazon", seed=1),
             message("render"), CANCEL, ENDED),
        Pair("notify and notify", asked("callbacks", callback_url=CALLBACK), message("callbacks"),
             message("callbacks")),
        Pair("sweep and dispatch", asked("dispatch", late=False), sweeps, message("dispatch")),
        Pair("sweep and settle", delivered, sweeps, message("ingest")),
        Pair("sweep and poll", asked("poller", ready=True), sweeps, poll),
    )
}  # fmt: skip
"""Who may meet whom."""


# ------------------------------------------------------------------------------------------------------------- orders


def one_order(played: Stage, pair: Pair, choices: list[int]) -> tuple[list[tuple[int, bool]], list[str]]:
    """Play one order to its end; what was done at each step, and what is broken."""
    works = [pair.first(played), pair.second(played)]
    turns = Turns(choices)

    def ask(call: Call) -> None:
        if not any(word in played.faults.body or word.decode() in call.name for word in BESIDES):
            turns.park()

    played.faults.ask = ask
    played.world.running.append(("beside", 0))
    turns.run(works)
    played.world.running.clear()
    played.faults.ask = None
    played.world.deaf.clear()
    played.quiet()
    return turns.taken, list(broken(played, pair.ends))


def orders(pair: Pair, played: Stage, *, limit: int = LIMIT, stop: bool = False) -> Found:
    """All orders of a pair, or the first so many, those with the fewest changes of turn first. `stop` at the first that
    breaks something. The note says whether it was all."""
    pair.before(played)
    found, waiting, number = Found(), [(0, 0, list[int]())], count(1)
    while waiting and found.points < limit and not (stop and found.wrong):
        _, _, choices = heapq.heappop(waiting)

        def work(choices: list[int] = choices) -> Found:
            signal.alarm(PATIENCE)
            taken, wrong = one_order(played, pair, choices)
            where = f"{pair.name}: {''.join(str(turn) for turn, _ in taken)}"
            return Found(1, [(where, one) for one in wrong], note=taken)

        told = forked(work, pair.name).wait()
        found.points += 1
        found.wrong += told.wrong
        steps = told.note or []
        turns = [turn for turn, _ in steps]
        for place in range(len(choices), len(steps)):
            if steps[place][1]:
                other = [*turns[:place], 1 - turns[place]]
                heapq.heappush(waiting, (_changes(other, steps), next(number), other))
    found.note = not waiting
    return found


def _changes(turns: list[int], steps: list[tuple[int, bool]]) -> int:
    """How often whoever could have gone on did not."""
    return sum(before != after and both for before, after, (_, both) in zip(turns, turns[1:], steps[1:], strict=False))


def main(names: list[str], limit: int = LIMIT) -> int:
    """Print what was found; 1 where a promise is broken."""
    out: Any = sys.__stdout__
    began, total = time.monotonic(), Found()
    with stage() as played:
        gc.collect()
        gc.freeze()
        tasks = [(name, lambda name=name: orders(PAIRS[name], played, limit=limit)) for name in names or PAIRS]  # type: ignore[misc]
        for name, found in each(tasks):
            print(f"{name:36} {found.points:4} orders{'' if found.note else ', not all'}", file=out, flush=True)
            for where, what in found.wrong:
                print(f"  {where}\n      {what}", file=out, flush=True)
            total.add(found)
        gc.unfreeze()
    print(f"{total.points} orders, {len(total.wrong)} wrong, {time.monotonic() - began:.0f} s", file=out)
    return 1 if total.wrong else 0
