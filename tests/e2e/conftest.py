"""The deployed stack, as its users see it: over HTTP, with a receiver for callbacks on loopback."""

import json
import os
import queue
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest

ROOT = Path(__file__).parents[2]
OUT = ROOT / os.environ.get("PACKSHOT_OUT", "out")
PHOTO = (ROOT / "examples" / "photos" / "perfume.jpg").read_bytes()


@pytest.fixture(scope="session")
def local() -> dict[str, Any]:
    """out/local.json of the running stack."""
    found: dict[str, Any] = json.loads((OUT / "local.json").read_text())
    return found


@pytest.fixture(scope="session")
def outputs() -> dict[str, str]:
    """The stack's outputs."""
    found: dict[str, str] = json.loads((OUT / "stack.json").read_text())["outputs"]
    return found


@pytest.fixture(scope="session")
def aws(local: dict[str, Any]) -> Callable[[str], Any]:
    """boto3 clients on the emulator."""
    return lambda service: boto3.client(
        service,
        endpoint_url=local["endpoint_url"],
        region_name=local["region"],
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )


@dataclass
class Api:
    """The API with a key."""

    http: httpx.Client

    def __call__(self, method: str, path: str, expect: int | None = None, **given: Any) -> Any:
        answer = self.http.request(method, f"/packshot/v1/{path}", **given)
        if expect is not None:
            assert answer.status_code == expect, answer.text
        return answer.json() if answer.content and expect is not None else answer

    def finish(self, job_id: str, seconds: float = 60) -> dict[str, Any]:
        """The job once it is terminal."""
        end = time.monotonic() + seconds
        while True:
            job: dict[str, Any] = self("GET", f"jobs/{job_id}", 200)
            if job["state"] in ("completed", "partial", "failed", "canceled"):
                return job
            assert time.monotonic() < end, job
            time.sleep(0.4)


@pytest.fixture(scope="session")
def api(local: dict[str, Any]) -> Iterator[Api]:
    """The HTTP API with the live key."""
    with httpx.Client(
        base_url=local["api_url"], headers={"authorization": f"Bearer {local['key']}"}, timeout=60
    ) as http:
        yield Api(http)


@pytest.fixture(scope="session")
def asset(api: Api) -> str:
    """A sample photo, uploaded."""
    return str(api("POST", "assets", 201, files={"file": ("perfume.jpg", PHOTO)})["id"])


@dataclass
class Receiver:
    """What arrived on loopback: (path, headers, body); `status` is what the receiver answers."""

    url: str
    inbox: "queue.Queue[tuple[str, Mapping[str, str], bytes]]" = field(default_factory=queue.Queue)
    status: list[int] = field(default_factory=list)

    def wait(self, wanted: Callable[[dict[str, Any]], bool], seconds: float = 60) -> tuple[Mapping[str, str], bytes]:
        """The first message that is wanted."""
        end = time.monotonic() + seconds
        while True:
            _, headers, body = self.inbox.get(timeout=max(0.1, end - time.monotonic()))
            if wanted(json.loads(body)):
                return headers, body


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A callback receiver on a port that local mode may call."""
    made = Receiver("")

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            made.inbox.put((self.path, {name.lower(): value for name, value in self.headers.items()}, body))
            self.send_response(made.status.pop(0) if made.status else 204)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    for port in range(8650, 8690):
        try:
            server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
            break
        except OSError:
            continue
    made.url = f"http://127.0.0.1:{server.server_address[1]}/hooks"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield made
    server.shutdown()
    server.server_close()
