"""Two upstreams on the world's clock. A speaks Replicate's API and can be ill; B speaks BFL's, is well, slower, dearer.

What becomes of a request is drawn from the seed, the job's number and the attempt's, so it is the same in every run.
"""

import base64
import hashlib
import hmac
import json
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from packshot import catalog, egress, signing
from packshot.wire import Request, Response

A, B = "replicate", "bfl"
MODELS: Mapping[str, tuple[str, int]] = {
    A: ("black-forest-labs/flux-2-pro", 45_000),
    B: ("flux-2-pro", 80_000),
}
"""What each calls the model, and its price in micro US dollars."""

RUNS: Mapping[str, tuple[float, float]] = {A: (5, 12), B: (15, 40)}
"""Seconds that a picture takes, at least and at most."""

FATES = ("500 after effect", "429", "failed", "no moderation", "answer lost", "webhook lost", "told too late")
"""How A fails, each as often as the others:

500 after effect   the picture is made and its webhook comes, but the create was answered with 500
429                nothing happens; A says to come back in five seconds
failed             taken, then failed
no moderation      failed, in words of a moderation that did not answer: no refusal of the content
answer lost        as the first, but the create was never answered
webhook lost       all is well, but nobody says so
told too late      as the first, but A's list does not show it, and its webhook comes after the attempt's deadline
"""

PICTURE = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAEAAAABAAQMAAACQp+OdAAAAA1BMVEWwICjCFU+SAAAAD0lEQVR42mNgGAWjgHwAAAJAAAHgTR1EAAAAAElF"
    "TkSuQmCC"
)
"""The cheapest there is: 64 red pixels square."""


@dataclass
class Task:
    """A request that an upstream has taken. `place` is (job, call, attempt); `ready` in s on the world's clock."""

    name: str
    upstream: str
    place: tuple[str, int, int]
    body: Mapping[str, Any]
    ready: float
    failure: str = ""
    listed: bool = True
    fetched: bool = False


@dataclass
class Upstreams:
    """The network. `share` of A's creates fail, and `worse` of B's, which has only the one way: taken, then failed.
    `call(at, task)` has a task's webhook delivered at a time."""

    seed: int
    share: float
    worse: float
    now: Callable[[], float]
    call: Callable[[float, Task], None] = lambda at, task: None
    tasks: dict[str, Task] = field(default_factory=dict)
    creates: list[tuple[str, tuple[str, int, int], str]] = field(default_factory=list)
    polls: list[str] = field(default_factory=list)
    _numbers: Iterator[int] = field(default_factory=count)

    def __call__(self, *, local: bool) -> "Upstreams":
        return self

    def send(self, request: Request, *, hosts: Any, seconds: float, max_bytes: int) -> Response:
        """Answer as the vendor does."""
        _, _, path = request.url.partition("://")[2].partition("/")
        upstream, _, rest = path.partition("/")
        if request.method == "POST" and not rest.endswith("/cancel"):
            return self._create(upstream, json.loads(request.body))
        self.polls.append(upstream)
        if upstream == B:
            task = self.tasks[rest.partition("?id=")[2]]
            return _json(200, {"id": task.name, **self._state(task)})
        if rest == "v1/predictions":
            listed = [task for task in self.tasks.values() if task.upstream == A and task.listed]
            return _json(200, {"results": [{**self._state(task), **task.body} for task in listed[-100:]]})
        return _json(200, self._state(self.tasks[rest.removesuffix("/cancel").rpartition("/")[2]]))

    def fetch(self, url: str, *, hosts: Any, seconds: float = 20, max_bytes: int = 0) -> bytes:
        """A finished picture."""
        self.tasks[url.rpartition("/")[2].removesuffix(".png")].fetched = True
        return PICTURE

    def post(self, url: str, headers: Mapping[str, str], body: bytes, seconds: float = 15) -> egress.Posted:
        """Nobody wants callbacks here."""
        raise AssertionError(url)

    def _create(self, upstream: str, body: Mapping[str, Any]) -> Response:
        hook = str(body["webhook" if upstream == A else "webhook_url"])
        _, job, call, attempt = hook.removeprefix("https://api.example.com/hooks/").split("/")[1:5]
        prompt = str(body["input"]["prompt"] if upstream == A else body["prompt"])
        luck = random.Random(f"{self.seed} {upstream} {prompt.split()[-1]} {attempt}")  # noqa: S311
        run, pause = luck.uniform(*RUNS[upstream]), luck.uniform(620, 900)
        place = (job, int(call), int(attempt))
        fate = self._fate(upstream, place, luck)
        self.creates.append((upstream, place, fate))
        if fate == "429":
            return _json(429, {"detail": "Request was throttled."}, {"retry-after": "5"})
        task = Task(f"{upstream}{next(self._numbers)}", upstream, place, body, self.now() + run)
        self.tasks[task.name] = task
        if fate in ("failed", "no moderation"):
            task.failure = "Prediction failed." if fate == "failed" else "The moderation service did not answer."
        if fate == "told too late":
            task.listed = False
        if fate != "webhook lost":
            self.call(self.now() + pause if fate == "told too late" else task.ready, task)
        if fate == "answer lost":
            raise egress.NoAnswer("timeout")
        if fate in ("500 after effect", "told too late"):
            return _json(500, {"detail": "Internal server error"})
        return _json(201 if upstream == A else 200, {"id": task.name, **self._state(task)})

    def _fate(self, upstream: str, place: tuple[str, int, int], luck: random.Random) -> str:
        ill = luck.random()
        if upstream == A:
            return luck.choice(FATES) if ill < self.share else ""
        return "failed" if ill < self.worse else ""

    def _state(self, task: Task) -> dict[str, Any]:
        """Replicate's prediction, or BFL's result."""
        over, url = self.now() >= task.ready, f"https://replicate.delivery/{task.name}.png"
        if task.upstream == B:
            status = ("Error" if task.failure else "Ready") if over else "Pending"
            return {"status": status, "result": {"sample": url} if status == "Ready" else None}
        status = ("failed" if task.failure else "succeeded") if over else "processing"
        made = over and not task.failure
        return {"id": task.name, "status": status, "output": url if made else None, "error": task.failure or None}

    def webhook(self, task: Task) -> tuple[str, dict[str, str], bytes]:
        """Path, headers and body of a task's webhook, signed as its vendor signs."""
        body = json.dumps({"id": task.name, **self._state(task)}).encode()
        if task.upstream == B:
            path, secret = task.body["webhook_url"], task.body["webhook_secret"].encode()
            headers = {"x-bfl-signature": "sha256=" + hmac.new(secret, body, hashlib.sha256).hexdigest()}
        else:
            path, at = task.body["webhook"], int(self.now())
            signature = signing.sign([catalog.simulated()[A]["webhook_secret"]], task.name, at, body)
            headers = {"webhook-id": task.name, "webhook-timestamp": str(at), "webhook-signature": signature}
        return path.removeprefix("https://api.example.com"), headers, body


def _json(status: int, body: object, headers: Mapping[str, str] | None = None) -> Response:
    return Response(status, headers or {}, json.dumps(body).encode())
