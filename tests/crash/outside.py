"""Everything beyond packshot's own account: four providers, each learnt of in another way, and who is called back.

A and B are the benchmark's (bench/upstreams.py): webhook and list, webhook as a hint. C tells nothing and must be
polled, D answers at once. A request's prompt ends in the number of what was asked, so each can be told from others.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bench.upstreams import MODELS, PICTURE, A, B, Task, Upstreams
from packshot import egress
from packshot.egress import FetchFailed, Posted
from packshot.wire import Request, Response
from tests.crash.faults import Faults, refusal

C, D = "aiphotogenerator", "photoroom"
ROUTES: Mapping[str, tuple[str, int]] = {**MODELS, C: ("flux-2", 50_000), D: ("v2/edit", 20_000)}
"""What each calls its model, and its price in micro US dollars."""

NEVER, EARLY, NOWHERE, OVERTAKEN = "never", "early", "nowhere", "told too late"
"""More fates: taken and never done; done and told before the create is answered; done, and the picture cannot be
fetched. The last is the benchmark's."""

TOLD_BY_LIST, TOLD_BY_WEBHOOK = frozenset({A}), frozenset({A, B})
"""Who finds a request again whose create was never answered."""


@dataclass
class Create:
    """A create that arrived: at whom, for which number, and what became of it."""

    upstream: str
    number: int
    fate: str
    at: float


@dataclass
class Outside(Upstreams):
    """`fates` by (upstream, call, attempt), where C and D count their creates; `statuses` of callbacks, then 204."""

    faults: Faults | None = None
    fates: dict[tuple[str, int, int], str] = field(default_factory=dict)
    statuses: list[int] = field(default_factory=list)
    arrived: list[Create] = field(default_factory=list)
    posts: list[tuple[str, Mapping[str, str], bytes, int]] = field(default_factory=list)
    pages: dict[str, bytes] = field(default_factory=dict)

    def send(self, request: Request, *, hosts: Any, seconds: float, max_bytes: int) -> Response:
        """A provider's answer."""
        assert self.faults is not None
        _, _, path = request.url.partition("://")[2].partition("/")
        upstream, _, rest = path.partition("/")
        if request.method == "POST":
            verb = "cancel" if rest.endswith("/cancel") else "create"
        else:
            verb = "list" if rest == "v1/predictions" else "poll"
        return self.faults.outbound(f"{upstream}.{verb}", lambda: self._served(request, upstream, rest), refusal)

    def fetch(self, url: str, *, hosts: Any, seconds: float = 20, max_bytes: int = 0) -> bytes:
        """A picture."""
        assert self.faults is not None

        def wrong(status: int) -> bytes:
            raise FetchFailed("url_status", status)

        def look() -> bytes:
            if url in self.pages:
                return self.pages[url]
            task = self.tasks[url.rpartition("/")[2].removesuffix(".png")]
            if any(fate == NOWHERE for _, place, fate in self.creates if place == task.place):
                raise FetchFailed("url_status", 404)
            task.fetched = True
            return PICTURE

        try:
            return self.faults.outbound("fetch", look, wrong)
        except egress.NoAnswer:
            raise FetchFailed("url_timeout") from None

    def post(self, url: str, headers: Mapping[str, str], body: bytes, seconds: float = 15) -> Posted:
        """A caller hears something."""
        assert self.faults is not None

        def take() -> Posted:
            status = self.statuses.pop(0) if self.statuses else 204
            self.posts.append((url, headers, body, status))
            return Posted(status, None)

        return self.faults.outbound("callback", take, lambda status: Posted(status, None))

    def _served(self, request: Request, upstream: str, rest: str) -> Response:
        if upstream in (A, B):
            return super().send(request, hosts=(), seconds=0, max_bytes=0)
        if request.method == "GET":
            self.polls.append(upstream)
            return _json({"success": True, "image": self._image(self.tasks[rest.rpartition("/")[2]])})
        number = _number(request.body)
        before = sum(one.upstream == upstream and one.number == number for one in self.arrived)
        fate = self.fates.get((upstream, 0, before + 1), "")
        self.arrived.append(Create(upstream, number, fate, self.now()))
        if fate == "429":
            return refusal(429)
        place = (f"#{number}", 0, round(self.now() * 1000))  # when its attempt was begun: it knows no more of it
        task = Task(f"{upstream}{next(self._numbers)}", upstream, place, {}, self.now() + 10 * (upstream == C), fate)
        self.tasks[task.name] = task
        if upstream == D:
            return Response(500 if fate else 200, {"content-type": "image/png"}, b"" if fate else PICTURE)
        return _json({"success": True, "images": [{"id": task.name, "status": 0}]})

    def _image(self, task: Task) -> dict[str, Any]:
        if self.now() < task.ready:
            return {"id": task.name, "status": 1}
        if task.failure:
            return {"id": task.name, "status": 3, "error": task.failure}
        return {"id": task.name, "status": 2, "url": f"https://www.aiphotogenerator.net/{task.name}.png"}

    def _create(self, upstream: str, body: Mapping[str, Any]) -> Response:
        prompt = str(body["input"]["prompt"] if upstream == A else body["prompt"])
        self.arrived.append(Create(upstream, _number(prompt.encode()), "", self.now()))
        answer = super()._create(upstream, body)
        self.arrived[-1].fate = self.creates[-1][2]
        return answer

    def _fate(self, upstream: str, place: tuple[str, int, int], luck: Any) -> str:
        return self.fates.get((upstream, *place[1:]), "")


def _number(body: bytes) -> int:
    found = re.search(rb"number (\d+)", body)
    assert found is not None
    return int(found[1])


def _json(body: object) -> Response:
    return Response(200, {}, json.dumps(body).encode())
