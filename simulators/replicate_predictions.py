"""A simulated prediction as a value, how Replicate shows it, and how Replicate says no."""

import base64
import math
import secrets
import threading
from dataclasses import dataclass, field
from typing import Any

from simulators.replicate_models import MODELS
from simulators.server import Answer, as_json
from simulators.wire import stamp

HELP = """/replicate: base_url for the official client is this address + /replicate; /_sim/credentials has the token.
Directives, anywhere in the prompt, any number of them:
[[sim:slow=8]]           takes that many seconds
[[sim:fail]]             ends failed; [[sim:fail=Some text]] with that error text
[[sim:moderated]]        ends failed with a content policy text
[[sim:refused]]          422 with a content policy text, no effect
[[sim:invalid]]          422, no effect
[[sim:canceled]]         ends canceled;  [[sim:aborted]] ends aborted without having run
[[sim:429]]              429 once for this prompt; [[sim:429=3]] three times; no effect
[[sim:402]] [[sim:403]]  refuse the create with that status, always, no effect
[[sim:500-before]]       500 once for this prompt, no effect; =3 three times
[[sim:500-after]]        500, but the prediction runs
[[sim:garbage-after]]    201 with an HTML page, but the prediction runs
[[sim:hang-after]]       no answer at all, but the prediction runs
[[sim:poll-503=2]]       that many GETs of the prediction answer 503
[[sim:webhook=none]]     also dup, late (or late:5 seconds), forged, stale, reordered, truncated
[[sim:expired-output]]   succeeds; the files are gone and GET says data_removed
[[sim:broken-output]]    succeeds; the file is an HTML page
[[sim:no-image]]         succeeds with null output; [[sim:no-image=list]] with an empty list
[[sim:extra=3]]          that many more pictures than asked for"""

TERMINAL = ("succeeded", "failed", "canceled", "aborted")


@dataclass
class Prediction:
    """A prediction; guarded by the simulator's lock."""

    model: str
    input: dict[str, Any]
    directives: dict[str, str]
    webhook: str | None
    events: tuple[str, ...]
    deadline: float | None
    seed: int
    created: float
    id: str = field(default_factory=lambda: base64.b32hexencode(secrets.token_bytes(16)).decode().lower().rstrip("="))
    status: str = "starting"
    error: str | None = None
    started: float | None = None
    completed: float | None = None
    pictures: int = 0
    size: tuple[int, int] | None = None
    product: str | None = None
    mask: str | None = None
    done: threading.Event = field(default_factory=threading.Event)

    @property
    def suffix(self) -> str:
        """The output files' ending."""
        form = MODELS[self.model]["input"].get("output_format", {})
        return str(self.input.get("output_format") or form.get("default") or MODELS[self.model].get("files", "jpg"))

    def removed(self, now: float, retention: float) -> bool:
        """Whether results and inputs are deleted by now; never with an endless `retention`."""
        if self.completed is None or retention == math.inf:
            return False
        return now - self.completed > retention or "expired-output" in self.directives

    def view(self, url: str, now: float, retention: float) -> dict[str, Any]:
        """The prediction object; `url` is where this Replicate lives."""
        urls = [f"{url}/files/{self.id}/{index}.{self.suffix}" for index in range(self.pictures)]
        listed = MODELS[self.model]["output"] == "list" or "extra" in self.directives
        output: Any = urls if listed else urls[0] if urls else None
        if self.status == "succeeded" and not urls:
            output = [] if self.directives.get("no-image") == "list" else None
        removed = self.removed(now, retention)
        api = f"{url}/v1/predictions/{self.id}"
        shown: dict[str, Any] = {
            "id": self.id, "model": self.model, "version": "hidden", "status": self.status, "source": "api",
            "input": {} if removed else self.input,
            "output": None if removed or not (urls or self.status == "succeeded") else output,
            "logs": "", "error": self.error, "data_removed": removed,
            "created_at": stamp(self.created), "started_at": stamp(self.started), "completed_at": stamp(self.completed),
            "metrics": {"predict_time": self.completed - self.started} if self.completed and self.started else {},
            "urls": {"get": api, "cancel": f"{api}/cancel", "web": f"{url}/p/{self.id}"},
        }  # fmt: skip
        return shown | ({"deadline": stamp(self.deadline)} if self.deadline else {})


def problem(status: int, title: str, detail: str) -> Answer:
    """An error in Replicate's form of RFC 7807."""
    return as_json(status, {"title": title, "detail": detail, "status": status})


def invalid(wrong: list[tuple[str, str]]) -> Answer:
    """422: the request does not fit."""
    listed = [{"type": "invalid", "field": name, "description": text} for name, text in wrong]
    detail = "".join(f"- {name}: {text}\n" for name, text in wrong)
    return as_json(422, {"title": "Input validation failed", "detail": detail, "status": 422, "invalid_fields": listed})
