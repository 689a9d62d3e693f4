"""What most simulators are made of: directives, a request that runs for a while, files, signed webhooks.

Directives stand anywhere in a prompt, `[[sim:slow=8]]`, or in the setting `behave` for services without one. Each
simulator's HELP lists those that mean something to it; the words are the same everywhere:

slow=8           takes that many seconds
fail             ends failed
moderated        ends refused by the content policy, after it ran
refused          refused by the content policy at once, no effect
invalid          refused as invalid input, no effect
unauthorized     refused as if the key were wrong;  quota  as if the account were out of credit;  gone  no such model
429              too many requests, once for these words; 429=3 three times; no effect
500-before       a server error, once for these words (=3 three times), no effect
500-after        a server error, but the request runs
garbage-after    a success with an HTML page for a body, but the request runs
hang-after       no answer at all, but the request runs
poll-503=2       that many looks at the request answer 503
webhook=none     also dup, late (late:5 seconds), forged, stale, reordered, truncated
no-image         succeeds without a picture
black            succeeds with a black picture and the provider's own warning, where it has one
black-only       succeeds with a black picture and no warning
broken-output    succeeds; the file is an HTML page
truncated-output succeeds; the file is cut in half
wrong-type       succeeds; the file is a GIF
huge-output      succeeds; the file has more than 40 MB
expired-output   succeeds; the file is gone
evil-output      succeeds; the address of the file is somebody else's
evil-poll        the address to ask at is somebody else's
"""

import base64
import hashlib
import hmac
import io
import json
import re
import secrets
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from PIL import Image, ImageDraw, ImageFilter

from simulators.pictures import render, size_of
from simulators.server import CREDENTIALS, Answer
from simulators.world import World

DIRECTIVE = re.compile(r"\[\[sim:([a-z0-9-]+)(?:=([^\]]*))?\]\]")
HTML = b"<html><body><h1>It worked!</h1></body></html>"
HUGE = 41 * 1024 * 1024
EVIL = "https://evil.example"


def credentials(name: str) -> dict[str, str]:
    """What packshot uses locally for a provider: one data file for both."""
    found: dict[str, str] = json.loads(CREDENTIALS.read_bytes())[name]
    return found


class Asked:
    """The directives of one request."""

    def __init__(self, world: World, name: str, *texts: str) -> None:
        self.world, self.words = world, " ".join(texts)
        behave = str(world.settings["behave"].get(name, ""))
        self.said = {key: value or "" for key, value in DIRECTIVE.findall(f"{behave} {self.words}")}
        self.key = f"{name} {self.words}"

    def __contains__(self, directive: str) -> bool:
        return directive in self.said

    def value(self, directive: str, default: str = "") -> str:
        """What stands behind the `=`."""
        return self.said.get(directive) or default

    def once(self, directive: str, key: str = "") -> bool:
        """Whether it is asked for and still due: it happens once for the same words, or as often as its value says."""
        if directive not in self.said:
            return False
        return self.world.first(f"{directive} {key or self.key}", int(self.value(directive, "1")))

    @property
    def latency(self) -> float:
        """Seconds until the result."""
        return float(self.value("slow", str(self.world.settings["latency"])))

    @property
    def caption(self) -> str:
        """The words without the directives."""
        return DIRECTIVE.sub("", self.words).strip()


@dataclass
class Task:
    """A request that runs for a while. `status` is queued, running, done, failed, refused or canceled."""

    asked: Asked
    data: dict[str, Any]
    id: str = field(default_factory=lambda: secrets.token_hex(16))
    status: str = "queued"
    created: float = 0.0
    started: float | None = None
    ended: float | None = None
    pictures: list[str] = field(default_factory=list)

    @property
    def over(self) -> bool:
        """Nothing more will happen to it."""
        return self.status not in ("queued", "running")


class Tasks:
    """The requests of one simulator, by id. `finish` fills `pictures` of a task that is done, or raises OSError; `tell`
    is called when a task has ended."""

    def __init__(
        self, world: World, finish: Callable[[Task], None], tell: Callable[[Task], None] | None = None
    ) -> None:
        self.world, self.finish, self.tell = world, finish, tell
        self.known: OrderedDict[str, Task] = OrderedDict()

    def start(self, task: Task) -> Task:
        """Take it in: a quarter of its time it is queued, then it runs."""
        task.created = self.world.now()
        with self.world.lock:
            self.known[task.id] = task
            while len(self.known) > 50_000:
                self.known.popitem(last=False)
        latency = task.asked.latency
        self.world.later(latency / 4, lambda: self._run(task, latency * 3 / 4))
        return task

    def get(self, number: str) -> Task | None:
        """The task of that id."""
        return self.known.get(number)

    def cancel(self, task: Task) -> bool:
        """End it, if it has not ended. Whether it was ended by this."""
        return self._end(task, "canceled")

    def _run(self, task: Task, rest: float) -> None:
        with self.world.lock:
            if task.status != "queued":
                return
            task.status, task.started = "running", self.world.now()
        self.world.later(rest, lambda: self._finish(task))

    def _finish(self, task: Task) -> None:
        if task.over:
            return
        status = "refused" if "moderated" in task.asked else "failed" if "fail" in task.asked else "done"
        if status == "done" and "no-image" not in task.asked:
            try:
                self.finish(task)
            except OSError as error:
                task.data["error"] = str(error)
                status = "failed"
        self._end(task, status)

    def _end(self, task: Task, status: str) -> bool:
        with self.world.lock:
            if task.over:
                return False
            task.status, task.ended = status, self.world.now()
        if self.tell:
            self.tell(task)
        return True


class Files:
    """Pictures that a provider keeps for a while at `{url}/files/{name}`; `at` is what an address begins with."""

    def __init__(self, world: World, url: str) -> None:
        self.world, self.at = world, f"{url}/files"
        self.kept: OrderedDict[str, tuple[float, Callable[[], bytes], Asked]] = OrderedDict()

    def keep(self, make: Callable[[], bytes], form: str, asked: Asked) -> str:
        """An address; the picture is made when it is fetched."""
        name = f"{secrets.token_hex(16)}.{form}"
        with self.world.lock:
            self.kept[name] = (self.world.now(), make, asked)
            while len(self.kept) > 20_000:
                self.kept.popitem(last=False)
        return f"{EVIL}/{name}" if "evil-output" in asked else f"{self.at}/{name}"

    def answer(self, path: str) -> Answer:
        """The file of that path (`/files/{name}`), or what its request asked for instead."""
        name = path.rpartition("/")[2]
        found = self.kept.get(name)
        if found is None or "expired-output" in found[2]:
            return Answer(404, b"Not found", {"content-type": "text/plain"})
        kept, make, asked = found
        if self.world.now() - kept > float(self.world.settings["retention"]):
            return Answer(404, b"Not found", {"content-type": "text/plain"})
        data = spoiled(asked, make)
        kind = "text/html" if data is HTML else f"image/{name.rpartition('.')[2].replace('jpg', 'jpeg')}"
        return Answer(200, data, {"content-type": kind})


def spoiled(asked: Asked, make: Callable[[], bytes]) -> bytes:
    """A result's bytes, or those that were asked for instead of them."""
    if "broken-output" in asked:
        return HTML
    if "black" in asked or "black-only" in asked:
        return black(512, 512)
    if "wrong-type" in asked:
        out = io.BytesIO()
        Image.new("P", (64, 64)).save(out, "GIF")
        return out.getvalue()
    if "huge-output" in asked:
        return black(64, 64) + bytes(HUGE)
    data = make()
    return data[: len(data) // 2] if "truncated-output" in asked else data


def black(width: int, height: int) -> bytes:
    """A black PNG."""
    out = io.BytesIO()
    Image.new("RGB", (width, height)).save(out, "PNG")
    return out.getvalue()


def cut(data: bytes) -> bytes:
    """A stand-in for a cut-out: what lies in a soft ellipse, as a transparent PNG. Raises OSError."""
    with Image.open(io.BytesIO(data)) as opened:
        image = opened.convert("RGBA")
    mask = Image.new("L", image.size)
    ImageDraw.Draw(mask).ellipse(
        (image.width * 0.1, image.height * 0.1, image.width * 0.9, image.height * 0.9), fill=255
    )
    image.putalpha(mask.filter(ImageFilter.GaussianBlur(2)))
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def measured(data: bytes) -> tuple[int, int]:
    """Width and height of an input. Raises OSError for what is no picture."""
    size = size_of(data)
    if size is None:
        raise OSError("not a picture")
    return size


def picture(asked: Asked, product: bytes | None, width: int, height: int, seed: int, form: str) -> Callable[[], bytes]:
    """How to render a result."""
    return lambda: render(asked.caption, product, width, height, seed, form)


def standard(secret: str, number: str, body: bytes) -> Callable[[int], Mapping[str, str]]:
    """Standard Webhooks' headers of a message, at a time in s."""
    key = base64.b64decode(secret.removeprefix("whsec_"))

    def headers(when: int) -> Mapping[str, str]:
        mac = hmac.new(key, f"{number}.{when}.".encode() + body, hashlib.sha256).digest()
        signature = f"v1,{base64.b64encode(mac).decode()}"
        return {"webhook-id": number, "webhook-timestamp": str(when), "webhook-signature": signature}

    return headers


def notify(
    world: World, asked: Asked, url: str, body: dict[str, Any],
    headers_of: Callable[[bytes, int, bool], Mapping[str, str]], older: dict[str, Any] | None = None, about: str = "",
) -> None:  # fmt: skip
    """Deliver a webhook as its request asked: twice, late, forged, too old, cut in half, followed by an `older` one, or
    never. `headers_of(body, time in s, genuine)` signs; a delivery that fails is repeated on the world's schedule."""
    kind, _, value = (asked.value("webhook") or str(world.settings["webhook"])).partition(":")
    if kind == "none":
        return
    data = json.dumps(body).encode()
    data = data[: len(data) // 2] if kind == "truncated" else data
    age, genuine = 3600 if kind == "stale" else 0, kind != "forged"
    wait = float(value or world.settings["late"]) if kind == "late" else 0.0
    for pause in (0.0, 0.2, 0.6) if kind == "dup" else (wait,):
        deliver(world, url, data, lambda when: headers_of(data, when, genuine), about=about, age=age, pause=pause)
    if kind == "reordered" and older is not None:
        again = json.dumps(older).encode()
        deliver(world, url, again, lambda when: headers_of(again, when, True), about=about, pause=0.3)


def deliver(
    world: World, url: str, body: bytes, headers_of: Callable[[int], Mapping[str, str]], *, about: str, age: int = 0,
    pause: float = 0.0, tries: int = 0,
) -> None:  # fmt: skip
    """Deliver after `pause` seconds, dated `age` seconds back; repeat while the answer is not 2xx."""

    def go() -> None:
        headers = {"content-type": "application/json", "user-agent": "simulator", **headers_of(int(world.now()) - age)}
        status = world.post(url, headers, body)
        entry = {"at": world.now(), "about": about, "url": url, "status": status, "headers": headers,
                 "id": headers.get("webhook-id", about), "body": body.decode(errors="replace")}  # fmt: skip
        world.note(world.webhooks, entry)
        retries = world.settings["retries"]
        if not (isinstance(status, int) and 200 <= status < 300) and tries < len(retries):
            deliver(world, url, body, headers_of, about=about, age=age, pause=retries[tries], tries=tries + 1)

    world.later(pause, go)
