"""Every vendor's client, from start to end, against the deployed stack: the real template, roles enforced, HTTP."""

import json
import os
import threading
import time
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests import conversations
from tests.e2e.conftest import PHOTO
from tests.e2e.test_money import admin

PORTS = range(8650, 8690)
"""Where the stack may fetch pictures from, in local mode."""


class Wire:
    """The Function URL, which waits as long as the vendors do."""

    def __init__(self, url: str) -> None:
        self.http = httpx.Client(base_url=url, timeout=120, follow_redirects=True)

    def send(
        self, method: str, url: str, headers: Mapping[str, str], query: Mapping[str, str], body: bytes
    ) -> tuple[int, Mapping[str, str], bytes]:
        """One request."""
        answer = self.http.request(method, url, headers=dict(headers), params=dict(query), content=body)
        return answer.status_code, answer.headers, answer.content

    def pause(self) -> None:
        """Let it work."""
        time.sleep(0.5)


@pytest.fixture(scope="module")
def image() -> Iterator[str]:
    """A product picture on a page of our own."""

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-type", "image/jpeg")
            self.send_header("content-length", str(len(PHOTO)))
            self.end_headers()
            self.wfile.write(PHOTO)

        def log_message(self, *_: Any) -> None:
            """Quietly."""

    for port in PORTS:
        try:
            server = ThreadingHTTPServer(("127.0.0.1", port), Page)
            break
        except OSError:
            continue
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/mug.jpg"
    server.shutdown()


@pytest.mark.parametrize(
    "file", conversations.FILES, ids=[f"{file.parent.parent.name}-{file.stem}" for file in conversations.FILES]
)
def test_a_conversation_goes_as_documented(file: Path, local: dict[str, Any], image: str) -> None:
    credits = json.loads(file.read_text()).get("credits", 100)
    account = f"vendor-{file.parent.parent.name.replace('_', '-')}-{file.stem.replace('_', '-')}-{os.urandom(3).hex()}"
    admin(local, "create-account", account, "--id", account, "--topup", str(credits), "--rpm", "6000")
    key = str(admin(local, "create-key", account)["key"])
    conversations.hold(file, Wire(local["sync_url"]), {"key": key, "image": image}, PHOTO)
