"""The main job, run over HTTP as a user would: every sample photo in four styles, finished by signed callback.

`python tools/demo.py` needs the stack that `make up` leaves running. It writes out/demo/<photo>-<style>.jpg, a contact
sheet and report.json, and exits 0 only if every job completed and every callback verified.
"""

import json
import os
import queue
import sys
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
from PIL import Image, ImageDraw, ImageFont
from standardwebhooks import Webhook, WebhookVerificationError

ROOT = Path(__file__).resolve().parent.parent
PHOTOS = ROOT / "examples" / "photos"
STATE = ROOT / os.environ.get("PACKSHOT_OUT", "out")
OUT = STATE / "demo"
STYLES = ("studio", "amazon", "luxury", "lifestyle")
PATIENCE = 240
"""Seconds without any news before the demo gives up."""


@dataclass
class Task:
    """One job of the demo. Times are of the monotonic clock, in s."""

    photo: str
    style: str
    id: str = ""
    submitted: float = 0.0
    terminal: float = 0.0
    verified: bool = False
    job: dict[str, Any] = field(default_factory=dict)


class Receiver(ThreadingHTTPServer):
    """A loopback receiver for callbacks: verifies each with the `standardwebhooks` package and queues it."""

    def __init__(self, secret: str) -> None:
        self.webhook = Webhook(secret)
        self.inbox: queue.Queue[tuple[str, bool]] = queue.Queue()
        for port in range(8690, 8700):
            try:
                super().__init__(("127.0.0.1", port), _Handler)
                return
            except OSError:
                continue
        sys.exit("No free port between 8690 and 8699 for the callback receiver.")

    @property
    def url(self) -> str:
        """Where callbacks go."""
        return f"http://127.0.0.1:{self.server_address[1]}/callbacks"


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        try:
            event = self.server.webhook.verify(body, dict(self.headers.items()))
            self.server.inbox.put((event["data"]["job"], True))
            self.send_response(204)
        except (WebhookVerificationError, ValueError):
            self.send_response(400)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Quiet: the progress bar has the screen."""


def main() -> int:
    """Run the demo; the exit code."""
    local = json.loads((STATE / "local.json").read_text())
    OUT.mkdir(parents=True, exist_ok=True)
    receiver = Receiver(local["callback_secret"])
    threading.Thread(target=receiver.serve_forever, daemon=True).start()
    api = httpx.Client(base_url=local["api_url"], headers={"authorization": f"Bearer {local['key']}"}, timeout=60)
    began = time.monotonic()
    photos = sorted(path for path in PHOTOS.iterdir() if path.suffix in (".jpg", ".png", ".webp"))
    tasks = _submit(api, photos, receiver.url)
    _collect(api, tasks, receiver)
    for task in tasks:
        _download(api, task)
    _sheet(photos, tasks)
    report = _report(tasks, time.monotonic() - began)
    (OUT / "report.json").write_text(json.dumps(report, indent=2) + "\n")
    return _goodbye(local, tasks, report)


def _submit(api: httpx.Client, photos: list[Path], callback_url: str) -> list[Task]:
    assets = {}
    for path in photos:
        answer = _ok(api.post("/packshot/v1/assets", files={"file": (path.name, path.read_bytes())}))
        assets[path.stem] = answer["id"]
    tasks = [Task(path.stem, style) for style in STYLES for path in photos]
    for number, task in enumerate(tasks):
        task.submitted = time.monotonic()
        body = {
            "images": [assets[task.photo]],
            "preset": task.style,
            "aspect_ratio": "1:1",
            "seed": 7,
            "callback_url": callback_url,
            "external_id": f"{task.photo}-{task.style}",
            "metadata": {"source": "demo"},
        }
        task.id = _ok(api.post("/packshot/v1/jobs", json=body))["id"]
        _bar(number + 1, len(tasks), "submitted")
    return tasks


def _collect(api: httpx.Client, tasks: list[Task], receiver: Receiver) -> None:
    waiting = {task.id: task for task in tasks}
    while waiting:
        try:
            job_id, verified = receiver.inbox.get(timeout=PATIENCE)
        except queue.Empty:
            print(f"\nNo news for {PATIENCE} s; {len(waiting)} jobs are still open.", file=sys.stderr)
            break
        task = waiting.pop(job_id, None)
        if task is None:
            continue
        task.verified = verified
        task.job = _ok(api.get(f"/packshot/v1/jobs/{task.id}"))
        task.terminal = time.monotonic()
        _bar(len(tasks) - len(waiting), len(tasks), "finished ")
    print()


def _download(api: httpx.Client, task: Task) -> None:
    for output in task.job.get("outputs", [])[:1]:
        answer = httpx.get(output["url"], timeout=60)
        answer.raise_for_status()
        (OUT / f"{task.photo}-{task.style}.jpg").write_bytes(answer.content)


def _sheet(photos: list[Path], tasks: list[Task]) -> None:
    """Before, then the four afters, one row a photo."""
    cell, gap, head = 320, 12, 44
    sheet = Image.new("RGB", (gap + 5 * (cell + gap), head + len(photos) * (cell + gap)), (245, 245, 243))
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(20)
    for column, title in enumerate(("before", *STYLES)):
        draw.text((gap + column * (cell + gap) + 4, 12), title, fill=(60, 60, 60), font=font)
    for row, path in enumerate(photos):
        files = [path, *(OUT / f"{path.stem}-{style}.jpg" for style in STYLES)]
        for column, file in enumerate(files):
            if not file.exists():
                continue
            with Image.open(file) as picture:
                picture.thumbnail((cell, cell))
                x = gap + column * (cell + gap) + (cell - picture.width) // 2
                y = head + row * (cell + gap) + (cell - picture.height) // 2
                sheet.paste(picture.convert("RGB"), (x, y))
    sheet.save(OUT / "contact-sheet.jpg", quality=88, optimize=True)


def _report(tasks: list[Task], seconds: float) -> dict[str, Any]:
    jobs = [_line(task) for task in tasks]
    credits = {name: sum(job["credits"].get(name, 0) for job in jobs) for name in ("reserved", "charged", "refunded")}
    waits = sorted(job["ms"] for job in jobs if job["ms"])
    return {
        "jobs": jobs,
        "totals": {
            "jobs": len(jobs),
            "completed": sum(job["state"] == "completed" for job in jobs),
            "callbacks_verified": sum(job["callback_verified"] for job in jobs),
            "credits": credits,
            "seconds": round(seconds, 2),
            "ms_median": waits[len(waits) // 2] if waits else None,
            "ms_max": waits[-1] if waits else None,
        },
    }


def _line(task: Task) -> dict[str, Any]:
    job = task.job
    output = (job.get("outputs") or [{}])[0]
    credits = job.get("credits", {})
    return {
        "id": task.id,
        "photo": task.photo,
        "style": task.style,
        "state": job.get("state", "unknown"),
        "callback_verified": task.verified,
        "ms": round((task.terminal - task.submitted) * 1000) if task.terminal else None,
        "phases_ms": job.get("timings", {}),
        "credits": {name: credits.get(name, 0) for name in ("reserved", "charged", "refunded")},
        "output": {name: output.get(name) for name in ("width", "height", "bytes", "content_type")},
        "report": output.get("report", {}),
    }


def _goodbye(local: dict[str, Any], tasks: list[Task], report: dict[str, Any]) -> int:
    good = all(task.verified and task.job.get("state") == "completed" for task in tasks)
    totals = report["totals"]
    print(
        f"{totals['completed']} of {totals['jobs']} jobs completed, {totals['callbacks_verified']} callbacks verified, "
        f"{totals['credits']['charged']} credits, {totals['seconds']} s."
    )
    print(f"\nLook at   out/demo/contact-sheet.jpg\nAPI       {local['api_url']}\nkey       {local['key']}\n")
    print("Next, paste one:\n")
    print(f"  curl -s {local['api_url']}/packshot/v1/account -H 'Authorization: Bearer {local['key']}'\n")
    job = '{"images":["data:image/jpeg;base64,\'"$(base64 -w0 examples/photos/cup.jpg)"\'"],"preset":"luxury"}'
    print(
        f"  echo '{job}' | curl -s {local['api_url']}/packshot/v1/jobs -H 'Authorization: Bearer {local['key']}' \\\n"
        "    -H 'Content-Type: application/json' -H 'Prefer: wait=20' --data-binary @-\n"
    )
    print("  make down    stops everything\n")
    return 0 if good else 1


def _ok(answer: httpx.Response) -> dict[str, Any]:
    if answer.status_code >= 400:
        sys.exit(f"\n{answer.request.method} {answer.request.url}: {answer.status_code} {answer.text}")
    found: dict[str, Any] = answer.json()
    return found


def _bar(done: int, total: int, what: str) -> None:
    filled = round(30 * done / total)
    print(f"\r  [{'█' * filled}{'·' * (30 - filled)}] {done:3d}/{total} {what}", end="", flush=True)


if __name__ == "__main__":
    sys.exit(main())
