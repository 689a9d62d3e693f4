"""Black Forest Labs: tasks, their results and files, and a webhook that is signed when a secret came with the task.

Several hosts of the original are one here: api.bfl.ai and its regions, the delivery hosts. Stricter than the original:
a field that a model does not document is refused. Looser: webhooks may be plain http to this machine. Where the
documents are silent: an unknown id is a 200 with the status "Task not found"; a prompt that is refused at once was
accepted first; failed and moderated tasks have the same kind of webhook.
"""

import base64
import binascii
import hashlib
import hmac
import json
import math
import secrets
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from simulators.kit import EVIL, HTML, Asked, Files, Task, Tasks, credentials, measured, notify
from simulators.pictures import render
from simulators.server import Answer, Call, as_json
from simulators.wire import may_call, stamp
from simulators.world import World

HELP = """bfl: directives in a prompt

slow fail moderated refused invalid unauthorized quota gone 429 500-before 500-after garbage-after hang-after poll-503
webhook=none|dup|late|forged|truncated|reordered no-image black-only broken-output truncated-output wrong-type
huge-output expired-output evil-output evil-poll

refused       is accepted first, and ends as "Request Moderated"; `moderated` ends as "Content Moderated"
not-found=2   that many looks at the task answer "Task not found"
status=Odd    that is its status until it has ended
"""

_CREDENTIALS = credentials("bfl")
TOKEN: str = _CREDENTIALS["token"]
FORGED = "another secret"

# name -> (type, least, most) of numbers, or the values of a text, or its kind
_FORMATS = ("jpeg", "png", "webp")
_COMMON: dict[str, Any] = {
    "prompt": "text", "seed": (int, -(2**63), 2**63), "output_format": _FORMATS, "webhook_url": "hook",
    "webhook_secret": "text",
}  # fmt: skip


def _pictures(most: int) -> dict[str, Any]:
    return {f"input_image_{number}".removesuffix("_1"): "picture" for number in range(1, most + 1)}


_STRICT = {"safety_tolerance": (int, 0, 5)}
_LOOSE = {"safety_tolerance": (int, 0, 6), "prompt_upsampling": (bool, 0, 1)}
_SIZED = {"width": (int, 64, 65536), "height": (int, 64, 65536)}
_KONTEXT = {**_COMMON, **_LOOSE, **_pictures(4), "aspect_ratio": "ratio"}
_FLUX_2 = {**_COMMON, **_STRICT, **_SIZED, **_pictures(8)}
_KLEIN = {**_COMMON, **_STRICT, **_SIZED, **_pictures(4)}
_FLEX = {**_FLUX_2, "prompt_upsampling": (bool, 0, 1), "guidance": (float, 1.5, 10), "steps": (int, 1, 50),
         "input_image_blob_path": "text"}  # fmt: skip
_FILL = {
    **_COMMON,
    **_LOOSE,
    "image": "base64",
    "mask": "base64",
    "steps": (int, 15, 50),
    "guidance": (float, 1.5, 100),
}
_FLUX_1_1 = {**_COMMON, **_LOOSE, "image_prompt": "base64", "width": (int, 256, 1440), "height": (int, 256, 1440)}

MODELS: dict[str, dict[str, Any]] = {
    "flux-kontext-pro": _KONTEXT, "flux-kontext-max": _KONTEXT,
    "flux-2-pro": _FLUX_2, "flux-2-max": _FLUX_2, "flux-2-flex": _FLEX,
    "flux-2-klein-4b": _KLEIN, "flux-2-klein-9b": _KLEIN,
    "flux-pro-1.0-fill": _FILL, "flux-pro-1.1": _FLUX_1_1,
}  # fmt: skip
"""FLUX.1.1 is here because the official client knows little else."""

NEEDED = {"flux-pro-1.0-fill": ("image",), "flux-pro-1.1": ()}
"""What cannot be left out, where that is not the prompt."""

STEP = {"flux-pro-1.1": 32}
_STATUS = {"done": "Ready", "failed": "Error", "refused": "Content Moderated"}


def faults(model: str, body: object) -> list[dict[str, Any]]:
    """What the API would find wrong with an input, as it says so."""
    if not isinstance(body, dict):
        return [_fault("model_attributes_type", "Input should be a valid dictionary")]
    known = MODELS[model]
    found = [_fault("missing", "Field required", name) for name in NEEDED.get(model, ("prompt",)) if name not in body]
    for name, value in body.items():
        wrong = "Extra inputs are not permitted" if name not in known else _wrong(known[name], value)
        found += [_fault("extra_forbidden" if name not in known else "value_error", wrong, name)] if wrong else []
    step = STEP.get(model, 16)
    sides = [body[side] for side in ("width", "height") if isinstance(body.get(side), int)]
    found += [_fault("multiple_of", f"Input should be a multiple of {step}") for side in sides if side % step]
    if math.prod(sides) > 4 << 20 and len(sides) == 2:
        found.append(_fault("value_error", "The picture may have at most 4 megapixels"))
    return found


def _fault(kind: str, message: str, *at: str) -> dict[str, Any]:
    return {"type": kind, "loc": ["body", *at], "msg": message}


def _wrong(rule: Any, value: object) -> str:
    """What is wrong with a value, or nothing."""
    if isinstance(rule, tuple) and isinstance(rule[0], type):
        kind, least, most = rule
        fits = isinstance(value, (int, float) if kind is float else kind) and isinstance(value, bool) is (kind is bool)
        return "" if fits and least <= value <= most else f"Input should be {kind.__name__}, {least} to {most}"
    if not isinstance(value, str):
        return "Input should be a valid string"
    if isinstance(rule, tuple):
        return "" if value in rule else f"Input should be one of {', '.join(rule)}"
    if rule == "ratio":
        width, _, height = value.partition(":")
        fits = width.isdecimal() and height.isdecimal() and 9 / 21 <= int(width) / max(1, int(height)) <= 21 / 9
        return "" if fits else "Aspect ratio must be between 21:9 and 9:21"
    if rule == "hook":
        return "" if may_call(value) else "Input should be a valid https URL"
    if rule in ("picture", "base64") and not (rule == "picture" and value.startswith(("https://", "http://"))):
        return "" if _decoded(value) else "Input should be base64"
    return ""


def _decoded(value: str) -> bytes:
    try:
        return base64.b64decode(value.partition(",")[2] if value.startswith("data:") else value, validate=True)
    except binascii.Error:
        return b""


def signature(secret: str, body: bytes) -> str:
    """The value of X-BFL-Signature."""
    return f"sha256={hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}"


class Simulator:
    """`/bfl`: what api.bfl.ai and the delivery hosts are to the world."""

    HELP = HELP

    def __init__(self, world: World, url: str) -> None:
        self.world, self.url = world, url
        self.reset()

    def reset(self) -> None:
        """Forget every task."""
        self.files = Files(self.world, self.url)
        self.tasks = Tasks(self.world, self._finish, self._tell)

    def answer(self, call: Call) -> Answer:
        """Route one request. Asking for a result takes no key."""
        parts = call.path.strip("/").split("/")
        if parts[0] == "files":
            return self.files.answer(call.path)
        if (call.method, parts) == ("GET", ["v1", "get_result"]):
            return self._result(call.query.get("id", ""))
        if not secrets.compare_digest(call.headers.get("x-key", "").encode(), TOKEN.encode()):
            return as_json(403, {"detail": "Not authenticated"})
        match call.method, *parts:
            case "GET", "v1", "credits":
                return as_json(200, {"credits": 1000.0})
            case "POST", "v1", model if model in MODELS:
                return self._create(call, model)
        return as_json(404, {"detail": "Not Found"})

    # --- create ------------------------------------------------------------------------------------------------------
    def _create(self, call: Call, model: str) -> Answer:
        body = json.loads(call.body)
        if wrong := faults(model, body):
            return as_json(422, {"detail": wrong})
        asked = Asked(self.world, "bfl", str(body.get("prompt", "")))
        if refusal := self._refusal(asked):
            return refusal
        task = self.tasks.start(Task(asked, {"model": model, "input": body}, str(uuid4())))
        if "500-after" in asked:
            return Answer(500, b'{"detail":"Internal Server Error"}', effect=task.id)
        if "garbage-after" in asked:
            return Answer(200, HTML, {"content-type": "text/html"}, task.id)
        if "hang-after" in asked:
            return Answer(0, effect=task.id, hang=True)
        hook, cost = body.get("webhook_url"), {"cost": 4.0, "input_mp": 0.0, "output_mp": 1.0}
        at = f"{EVIL if 'evil-poll' in asked else self.url}/v1/get_result?id={task.id}"
        told = {"status": "Pending", "webhook_url": hook} if hook else {"polling_url": at}
        return as_json(200, {"id": task.id, **told, **cost}, effect=task.id)

    def _refusal(self, asked: Asked) -> Answer | None:
        if asked.once("429"):
            pause = self.world.settings["retry_after"]
            headers = {} if pause is None else {"retry-after": str(pause)}
            return as_json(429, {"detail": "Too many active tasks"}, headers)
        if asked.once("500-before"):
            return as_json(500, {"detail": "Internal Server Error"})
        if "unauthorized" in asked:
            return as_json(403, {"detail": "Not authenticated"})
        if "quota" in asked:
            return as_json(402, {"detail": "Insufficient credits"})
        if "gone" in asked:
            return as_json(404, {"detail": "Not Found"})
        return as_json(422, {"detail": [_fault("value_error", "asked to", "prompt")]}) if "invalid" in asked else None

    # --- life --------------------------------------------------------------------------------------------------------
    def _load(self, value: str) -> bytes:
        try:
            data = self.world.fetch(value) if value.startswith(("http", "data:")) else _decoded(value)
            measured(data)
        except OSError:
            if self.world.settings["inputs"] == "strict":
                raise
            return b""
        return data

    def _finish(self, task: Task) -> None:
        body = task.data["input"]
        inputs = [self._load(value) for name, value in body.items() if name.startswith("input_image")]
        product, mask = inputs[0] if inputs else b"", None
        if "image" in body:
            product, mask = self._load(body["image"]), self._load(body["mask"]) if "mask" in body else None
            if mask and measured(mask) != measured(product):
                raise OSError("image and mask have different sizes")
        width, height = _size(task.data["model"], body, product)
        form = body.get("output_format") or ("png" if "kontext" in task.data["model"] else "jpeg")
        seed = task.data["seed"] = body.get("seed", int(task.id[:8], 16))
        made = lambda: render(task.asked.caption, product or None, width, height, seed, form, mask)  # noqa: E731
        task.pictures.append(self.files.keep(made, form, task.asked))

    def _status(self, task: Task) -> str:
        if not task.over:
            return task.asked.value("status", "Pending")
        return "Request Moderated" if "refused" in task.asked else _STATUS[task.status]

    def _made(self, task: Task) -> dict[str, Any] | None:
        if self._status(task) != "Ready":
            return None
        began, ended = task.created, task.ended or task.created
        times = {"start_time": began, "end_time": ended, "duration": ended - began}
        sample = {"sample": task.pictures[0]} if task.pictures else {}
        return {**sample, "prompt": task.data["input"].get("prompt", ""), "seed": task.data.get("seed", 0), **times}

    def _result(self, number: str) -> Answer:
        task = self.tasks.get(number)
        if task and task.asked.once("poll-503", number):
            return as_json(503, {"detail": "Service Unavailable"})
        unknown = task is None or task.asked.once("not-found", number)
        status = "Task not found" if unknown or task is None else self._status(task)
        moderated = {"Moderation Reasons": ["Safety Filter"]} if status.endswith("Moderated") else None
        return as_json(200, {"id": number, "status": status, "result": self._made(task) if task else None,
                             "progress": None, "details": moderated, "preview": None})  # fmt: skip

    def _tell(self, task: Task) -> None:
        body, status = task.data["input"], self._status(task)
        if not body.get("webhook_url"):
            return
        told: dict[str, Any] = {"result": self._made(task)}
        if status != "Ready":
            code = "content_policy_violation" if status.endswith("Moderated") else "generation_failed"
            status, told = "Error", {"error": code, "message": "The picture could not be made."}
        message = {"id": task.id, "status": status, **told, "timestamp": stamp(self.world.now())}

        def headers_of(data: bytes, _: int, genuine: bool) -> Mapping[str, str]:
            secret = body.get("webhook_secret") if genuine else FORGED
            return {"X-BFL-Signature": signature(secret, data)} if secret else {}

        older = {"id": task.id, "status": "Pending", "timestamp": stamp(task.created)}
        notify(self.world, task.asked, body["webhook_url"], message, headers_of, older, about=task.id)


def _size(model: str, body: Mapping[str, Any], product: bytes) -> tuple[int, int]:
    """The result's size: the one asked for, or the picture's, or a megapixel of the ratio asked for."""
    if model == "flux-pro-1.0-fill":
        return measured(product)
    width, height = measured(product) if product else (1024, 1024)
    if "kontext" in model:
        across, _, down = str(body.get("aspect_ratio") or f"{width}:{height}").partition(":")
        shape = math.sqrt(int(across) / int(down))
        return round(1024 * shape / 16) * 16, round(1024 / shape / 16) * 16
    return body.get("width", max(64, width // 16 * 16)), body.get("height", max(64, height // 16 * 16))
