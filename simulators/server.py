"""One loopback port for every simulator: `/replicate/…` goes to `simulators/replicate.py`, `/_sim/…` controls them all.

GET  /                  what is here (HTML)
GET  /_sim/health       {"ok": true}
GET  /_sim/credentials  what packshot uses locally (the same data file)
GET  /_sim/requests     every call received, oldest first; ?method=POST&path=/predictions (a part of the path) filters
GET  /_sim/webhooks     every webhook delivery tried
GET  /_sim/defaults     the settings; POST a JSON object of some of them to change them
POST /_sim/reset        forget everything and go back to the default settings
"""

import html
import json
import pkgutil
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol, Self
from urllib.parse import parse_qsl, urlsplit

import simulators
from simulators.world import DEFAULTS, World

CREDENTIALS = Path(__file__).resolve().parent.parent / "layers/core/packshot/catalog/simulated.json"
MAX_BODY = 60_000_000
SECRETS = ("authorization", "x-api-key", "x-goog-api-key", "x-key", "x-photio-key", "x-amz-security-token")

_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>simulators</title>
<style>body {{ font: 16px/1.5 sans-serif; max-width: 64rem; margin: 2rem auto; padding: 0 1rem }}
pre {{ background: #f4f4f4; padding: 1rem; overflow-x: auto; line-height: 1.35 }}</style>
<h1>Simulated providers</h1>
<p>Each is at an address of its own and answers as its vendor documents. Pictures are painted, nothing is charged, and
nothing leaves this machine but webhooks and the fetching of input pictures.</p>
<p>{links}</p>
<h2>Directives</h2>
<pre>{general}</pre>
<p>The setting: <code>curl -d '{{"behave": {{"photoroom": "[[sim:fail]]"}}}}' {url}/_sim/defaults</code></p>
<h2>Control</h2>
<pre>{control}</pre>
"""
_BLOCK = """<h2 id="{name}">{name}</h2>
<p>Address: <code>{url}</code><br>packshot's <code>base_url</code>: <code>{base}</code><br>
Credentials: <code>{secrets}</code> under <code>{name}</code> at <a href="/_sim/credentials">/_sim/credentials</a></p>
<pre>{help}</pre>
"""


@dataclass(frozen=True, slots=True)
class Call:
    """One request to a simulator; `path` is what follows its prefix, header names are lower case."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back. `effect` names what the call brought about, for the log; `hang` closes without an answer."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    effect: str = ""
    hang: bool = False


class Simulated(Protocol):
    """What a simulator's file exports as `Simulator`; it is made with the world and its own address."""

    HELP: str

    def __init__(self, world: World, url: str) -> None: ...

    def answer(self, call: Call) -> Answer:
        """Answer one request."""
        ...

    def reset(self) -> None:
        """Forget everything."""
        ...


def as_json(status: int, payload: object, headers: Mapping[str, str] | None = None, effect: str = "") -> Answer:
    """An answer with a JSON body."""
    return Answer(status, json.dumps(payload).encode(), {"content-type": "application/json", **(headers or {})}, effect)


class Simulators:
    """Every simulator in one world, without a port: `url` is what their addresses begin with."""

    def __init__(self, world: World, url: str) -> None:
        self.world, self.url = world, url
        self.simulators: dict[str, Simulated] = {}
        for module in pkgutil.iter_modules(simulators.__path__):
            room = {} if module.name == "__main__" else vars(import_module(f"simulators.{module.name}"))
            for name, made in room.get("SIMULATORS", {module.name: room.get("Simulator")}).items():
                if made:
                    self.simulators[name] = made(world, f"{url}/{name}")

    def answer(self, call: Call) -> Answer:
        """Find who answers."""
        name, _, rest = call.path.lstrip("/").partition("/")
        if name == "_sim":
            return self._control(call, rest)
        if name in self.simulators:
            inner = Call(call.method, f"/{rest}", call.query, call.headers, call.body)
            answer = self.simulators[name].answer(inner)
            self.world.note(self.world.requests, _entry(name, self.world.now(), inner, answer))
            return answer
        return self._index() if not name else as_json(404, {"detail": "No simulator of that name."})

    def _control(self, call: Call, verb: str) -> Answer:
        match call.method, verb:
            case "GET", "health":
                return as_json(200, {"ok": True, "simulators": sorted(self.simulators)})
            case "GET", "credentials":
                return as_json(200, json.loads(CREDENTIALS.read_bytes()))
            case "GET", "requests":
                wanted = [entry for entry in list(self.world.requests)
                          if entry["method"] == call.query.get("method", entry["method"])
                          and call.query.get("path", "") in entry["path"]]  # fmt: skip
                return as_json(200, {"count": len(wanted), "requests": wanted})
            case "GET", "webhooks":
                return as_json(200, {"count": len(self.world.webhooks), "webhooks": list(self.world.webhooks)})
            case "POST", "reset":
                self.world.reset()
                for simulator in self.simulators.values():
                    simulator.reset()
                return as_json(200, self.world.settings)
            case (("GET" | "POST"), "defaults"):
                changes = json.loads(call.body or b"{}") if call.method == "POST" else {}
                if unknown := sorted(set(changes) - set(DEFAULTS)):
                    return as_json(422, {"detail": f"unknown settings: {', '.join(unknown)}"})
                self.world.settings |= changes
                return as_json(200, self.world.settings)
        return as_json(404, {"detail": __doc__})

    def _index(self) -> Answer:
        """What is here: the directives once, then each simulator."""
        kit, known = import_module("simulators.kit").__doc__ or "", json.loads(CREDENTIALS.read_bytes())
        blocks = [
            _BLOCK.format(
                name=name,
                url=f"{self.url}/{name}",
                base=f"{self.url}{known.get(name, {}).get('path', f'/{name}')}",
                secrets=html.escape(", ".join(field for field in known.get(name, {}) if field != "path")) or "none",
                help=html.escape(simulator.HELP.strip()),
            )
            for name, simulator in sorted(self.simulators.items())
        ]
        links = " ".join(f'<a href="#{name}">{name}</a>' for name in sorted(self.simulators))
        control, general = html.escape(__doc__ or ""), html.escape(kit.partition("\n")[2].strip())
        page = _PAGE.format(url=self.url, control=control.partition("\n")[2].strip(), general=general, links=links)
        return Answer(200, (page + "".join(blocks)).encode(), {"content-type": "text/html; charset=utf-8"})


class Server(Simulators):
    """The port and everything behind it. A context manager; port 0 takes any free one."""

    def __init__(self, port: int = 0, **settings: Any) -> None:
        self._http = _Http(("127.0.0.1", port), type("Handler", (_Handler,), {"owner": self}))
        super().__init__(World(**settings), f"http://127.0.0.1:{self._http.server_address[1]}")

    def __enter__(self) -> Self:
        threading.Thread(target=self._http.serve_forever, args=(0.05,), name="simulators", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.world.stop()
        self._http.shutdown()
        self._http.server_close()


def _entry(name: str, now: float, call: Call, answer: Answer) -> dict[str, Any]:
    try:
        body = json.loads(call.body) if call.body else None
    except ValueError:
        body = f"{len(call.body)} bytes"
    headers = {key: value for key, value in call.headers.items() if key not in SECRETS}
    query = {key: value for key, value in call.query.items() if key != "key"}
    return {"at": now, "simulator": name, "method": call.method, "path": call.path, "query": query,
            "headers": headers, "body": body, "status": None if answer.hang else answer.status,
            "effect": answer.effect}  # fmt: skip


class _Http(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is none of our business."""


class _Handler(BaseHTTPRequestHandler):
    owner: Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def _serve(self) -> None:
        length = int(self.headers.get("content-length") or 0)
        if length > MAX_BODY:
            self.close_connection = True
            return self._send(as_json(413, {"detail": "too large"}))
        url = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        call = Call(self.command, url.path, dict(parse_qsl(url.query)), headers, self.rfile.read(length))
        try:
            answer = self.owner.answer(call)
        except ValueError:
            answer = as_json(400, {"title": "Bad request", "detail": "The body is not valid JSON.", "status": 400})
        if answer.hang:
            self.owner.world.stopping.wait(float(self.owner.world.settings["hang"]))
            self.close_connection = True
            return None
        return self._send(answer)

    def _send(self, answer: Answer) -> None:
        self.send_response(answer.status)
        for name, value in {**answer.headers, "content-length": str(len(answer.body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = _serve  # noqa: N815

    def log_message(self, format: str, *args: Any) -> None:
        """The request log is at /_sim/requests."""
