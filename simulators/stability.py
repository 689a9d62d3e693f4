"""Stability AI: forms in, pictures out; two services answer with an id, and keep their results for 24 hours.

Stricter than the original: a field that a service does not document is refused. Looser: nobody is locked out for asking
too often. Where the documents are silent: a result that failed is a 500 for whoever asks for it.
"""

import base64
import email
import email.policy
import io
import math
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from PIL import Image, ImageFilter

from simulators.kit import HTML, Asked, Task, Tasks, credentials, cut, measured, spoiled
from simulators.pictures import render
from simulators.server import Answer, Call, as_json
from simulators.world import World

HELP = """stability: directives in a prompt or background_prompt, or in the setting `behave` for services without one

slow fail moderated refused invalid unauthorized quota gone 429 500-before 500-after garbage-after hang-after poll-503
no-image black-only broken-output truncated-output wrong-type huge-output expired-output

fail              a server error after it ran; a result that is polled for stays a server error
moderated         CONTENT_FILTERED: a success with a blurred picture;  refused  a 403, no effect
expired-output    a result that is polled for is gone
"""

TOKEN: str = credentials("stability")["token"]
LARGEST = 10 << 20
_DAY = 24 * 3600
_SEEDS = (0, 4294967294)
_FORMATS = ("jpeg", "png", "webp")
_RATIOS = ("16:9", "1:1", "21:9", "2:3", "3:2", "4:5", "5:4", "9:16", "9:21")
_STYLES = (
    "3d-model", "analog-film", "anime", "cinematic", "comic-book", "digital-art", "enhance", "fantasy-art", "isometric",
    "line-art", "low-poly", "modeling-compound", "neon-punk", "origami", "photographic", "pixel-art", "tile-texture",
)  # fmt: skip
_WORDS = "words"  # a text of 1 to 10,000 characters


@dataclass(frozen=True)
class Service:
    """One path: its fields (the values of a text, the range of a number, or `words`), its pictures with their most
    pixels, what cannot be left out, and how large its result is, given the fields and the first picture's size."""

    fields: Mapping[str, Any]
    size: Callable[[Mapping[str, str], tuple[int, int]], tuple[int, int]]
    files: Mapping[str, int] = field(default_factory=dict)
    needed: tuple[str, ...] = ()
    later: bool = False


def _of_area(pixels: int) -> Callable[[Mapping[str, str], tuple[int, int]], tuple[int, int]]:
    """About so many pixels of the ratio that was asked for; the picture's own where none was."""

    def size(fields: Mapping[str, str], own: tuple[int, int]) -> tuple[int, int]:
        across, _, down = fields.get("aspect_ratio", f"{own[0]}:{own[1]}").partition(":")
        shape = math.sqrt(int(across) / int(down))
        return round(math.sqrt(pixels) * shape / 64) * 64 or 64, round(math.sqrt(pixels) / shape / 64) * 64 or 64

    return size


def _own(_: Mapping[str, str], own: tuple[int, int]) -> tuple[int, int]:
    return own


def _four_times(_: Mapping[str, str], own: tuple[int, int]) -> tuple[int, int]:
    return own[0] * 4, own[1] * 4


_MP = 1 << 20
_OUT = {"output_format": _FORMATS}
_BASIC = {"prompt": _WORDS, "negative_prompt": _WORDS, "seed": _SEEDS, **_OUT}
_ANY, _LARGE, _SMALL = 1 << 28, 9_437_184, _MP

SERVICES: Mapping[str, Service] = {
    "generate/ultra": Service(
        {**_BASIC, "aspect_ratio": _RATIOS, "style_preset": _STYLES, "strength": (0, 1)},
        _of_area(_MP), {"image": _ANY}, ("prompt",),
    ),
    "generate/core": Service(
        {**_BASIC, "aspect_ratio": _RATIOS, "style_preset": _STYLES}, _of_area(_MP * 3 // 2), {}, ("prompt",)
    ),
    "generate/sd3": Service(
        {**_BASIC, "aspect_ratio": _RATIOS, "style_preset": _STYLES, "strength": (0, 1), "cfg_scale": (1, 10),
         "mode": ("text-to-image", "image-to-image"), "output_format": ("jpeg", "png"),
         "model": ("sd3.5-large", "sd3.5-large-turbo", "sd3.5-medium", "sd3.5-flash")},
        _of_area(_MP), {"image": _ANY}, ("prompt",),
    ),
    "edit/inpaint": Service(
        {**_BASIC, "grow_mask": (0, 100), "style_preset": _STYLES}, _own, {"image": _LARGE, "mask": _LARGE},
        ("image", "prompt"),
    ),
    "edit/remove-background": Service({"output_format": ("png", "webp")}, _own, {"image": 4 * _MP}, ("image",)),
    "edit/replace-background-and-relight": Service(
        {"background_prompt": _WORDS, "foreground_prompt": _WORDS, "negative_prompt": _WORDS, "seed": _SEEDS, **_OUT,
         "preserve_original_subject": (0, 1), "original_background_depth": (0, 1),
         "keep_original_background": ("true", "false"), "light_source_strength": (0, 1),
         "light_source_direction": ("above", "below", "left", "right")},
        _own, {"subject_image": _LARGE, "background_reference": _LARGE, "light_reference": _LARGE}, ("subject_image",),
        later=True,
    ),
    "upscale/fast": Service(_OUT, _four_times, {"image": _SMALL}, ("image",)),
    "upscale/conservative": Service(
        {**_BASIC, "creativity": (0.2, 0.5)}, _of_area(4 * _MP), {"image": _LARGE}, ("image", "prompt")
    ),
    "upscale/creative": Service(
        {**_BASIC, "creativity": (0.1, 0.5), "style_preset": _STYLES}, _of_area(8 * _MP), {"image": _SMALL},
        ("image", "prompt"), later=True,
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Form:
    """The fields and the files of a request."""

    fields: dict[str, str]
    files: dict[str, bytes]


def read(kind: str, body: bytes) -> Form:
    """A form's parts. Raises ValueError for anything else."""
    if not kind.startswith("multipart/form-data"):
        raise ValueError("content-type: must be multipart/form-data")
    form = Form({}, {})
    parts = email.message_from_bytes(f"content-type: {kind}\r\n\r\n".encode() + body, policy=email.policy.HTTP)
    for part in parts.iter_parts():
        data: Any = part.get_payload(decode=True)
        name = str(part.get_param("name", header="content-disposition"))
        if part.get_filename():
            form.files[name] = data
        else:
            form.fields[name] = data.decode()
    return form


def faults(service: Service, form: Form) -> list[str]:
    """What is wrong with a form."""
    found = [f"{name}: is required" for name in service.needed if name not in {**form.fields, **form.files}]
    for name, value in form.fields.items():
        rule = service.fields.get(name)
        found += [f"{name}: {wrong}"] if (wrong := _wrong(rule, value)) else []
    for name, data in form.files.items():
        found += [f"{name}: {wrong}"] if (wrong := _unfit(service.files.get(name), data)) else []
    fields, drawn = form.fields, "image" in form.files
    if "strength" in service.fields:
        found += [] if ("strength" in fields) is drawn else ["strength: is required with image, and only there"]
    if "mode" in service.fields:
        found += [] if (fields.get("mode") == "image-to-image") is drawn else ["mode: does not fit image"]
        found += ["aspect_ratio: is for text-to-image only"] if drawn and "aspect_ratio" in fields else []
        small = fields.get("model") in ("sd3.5-large-turbo", "sd3.5-flash")
        found += ["negative_prompt: does not work with this model"] if small and "negative_prompt" in fields else []
    if "background_prompt" in service.fields and not {"background_prompt", "background_reference"} & {
        *fields,
        *form.files,
    }:
        found.append("background_prompt: this or background_reference is required")
    return found


def _wrong(rule: Any, value: str) -> str:
    if rule is None:
        return "is not allowed"
    if rule == _WORDS:
        return "" if 1 <= len(value) <= 10_000 else "must have 1 to 10000 characters"
    if isinstance(rule[0], str):
        return "" if value in rule else f"must be one of {', '.join(rule)}"
    try:
        return "" if rule[0] <= float(value) <= rule[1] else f"must be from {rule[0]} to {rule[1]}"
    except ValueError:
        return "must be a number"


def _unfit(most: int | None, data: bytes) -> str:
    if most is None:
        return "is not allowed"
    try:
        width, height = measured(data)
    except OSError:
        return "is no picture"
    if min(width, height) < 32 or width * height < 1024:
        return "is too small"
    return "" if width * height <= most else f"must have at most {most} pixels"


def problem(status: int, name: str, *errors: str) -> Answer:
    """An error as the API says it."""
    return as_json(status, {"id": secrets.token_hex(16), "name": name, "errors": list(errors)})


def _error() -> Answer:
    return problem(500, "internal_error", "An unexpected server error has occurred.")


class Simulator:
    """`/stability`: what api.stability.ai is to the world."""

    HELP = HELP

    def __init__(self, world: World, url: str) -> None:
        self.world, self.url = world, url
        self.reset()

    def reset(self) -> None:
        """Forget every result."""
        self.tasks = Tasks(self.world, self._finish)

    def answer(self, call: Call) -> Answer:
        """Route one request."""
        scheme, _, token = call.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not secrets.compare_digest(token.encode(), TOKEN.encode()):
            return problem(401, "unauthorized", "authorization: is not valid")
        match call.method, *call.path.strip("/").split("/"):
            case "GET", "v1", "user", "balance":
                return as_json(200, {"credits": 1000.0})
            case "GET", "v2beta", "results", number:
                return self._poll(number, call)
            case "POST", "v2beta", "stable-image", group, name if f"{group}/{name}" in SERVICES:
                return self._create(call, SERVICES[f"{group}/{name}"], name)
        return problem(404, "not_found", "the resource does not exist")

    # --- create ------------------------------------------------------------------------------------------------------
    def _create(self, call: Call, service: Service, name: str) -> Answer:
        if len(call.body) > LARGEST:
            return problem(413, "payload_too_large", "body: payloads cannot be larger than 10MiB in size")
        try:
            form = read(call.headers.get("content-type", ""), call.body)
        except ValueError as error:
            return problem(400, "bad_request", str(error))
        if wrong := faults(service, form):
            return problem(400, "bad_request", *wrong)
        words = [form.fields.get(each, "") for each in ("prompt", "background_prompt")]
        asked = Asked(self.world, "stability", *words)
        if refusal := self._refusal(asked):
            return refusal
        task = Task(
            asked, {"form": form, "service": service, "cut": name == "remove-background"}, secrets.token_hex(32)
        )
        if service.later:
            return self._broken(task) or as_json(200, {"id": self.tasks.start(task).id}, effect=task.id)
        self.world.sleep(asked.latency)
        if "fail" in asked:
            return replace(_error(), effect=task.id)
        task.ended = self.world.now()
        return self._broken(task) or replace(self._picture(task, call, "image"), effect=task.id)

    def _broken(self, task: Task) -> Answer | None:
        """An answer that says nothing of what was done."""
        broken = {"500-after", "garbage-after", "hang-after"} & set(task.asked.said)
        if broken and task.data["service"].later:
            self.tasks.start(task)
        if "500-after" in broken:
            return replace(_error(), effect=task.id)
        if "garbage-after" in broken:
            return Answer(200, HTML, {"content-type": "text/html"}, task.id)
        return Answer(0, effect=task.id, hang=True) if broken else None

    def _refusal(self, asked: Asked) -> Answer | None:
        if asked.once("429"):
            return problem(
                429, "rate_limit_exceeded", "You have exceeded the rate limit of 150 requests in 10 seconds."
            )
        if asked.once("500-before"):
            return _error()
        if "unauthorized" in asked:
            return problem(401, "unauthorized", "authorization: is not valid")
        if "quota" in asked:
            return problem(402, "payment_required", "You lack sufficient credits to make this request.")
        if "gone" in asked:
            return problem(404, "not_found", "the resource does not exist")
        if "refused" in asked:
            return problem(403, "content_moderation", "Your request was flagged by our content moderation system.")
        return problem(400, "bad_request", "prompt: the simulator was asked to") if "invalid" in asked else None

    # --- results -----------------------------------------------------------------------------------------------------
    def _finish(self, task: Task) -> None:
        """There is nothing to fetch: the picture is drawn when it is asked for."""

    def _poll(self, number: str, call: Call) -> Answer:
        task = self.tasks.get(number)
        old = task is not None and task.ended is not None and self.world.now() - task.ended > _DAY
        if task is None or old or (task.over and "expired-output" in task.asked):
            return problem(404, "not_found", "the result does not exist, has expired, or is another key's")
        if task.asked.once("poll-503", number):
            return problem(503, "service_unavailable", "try again later")
        if not task.over:
            return as_json(202, {"id": task.id, "status": "in-progress"})
        return _error() if task.status == "failed" else self._picture(task, call, "result")

    def _picture(self, task: Task, call: Call, name: str) -> Answer:
        """The bytes, or JSON with them as base64, as the caller accepts; made anew each time, and always the same."""
        fields = task.data["form"].fields
        seed = int(fields.get("seed", 0)) or int(task.id[:7], 16)
        form = fields.get("output_format", "png")
        filtered = "moderated" in task.asked
        data = spoiled(task.asked, lambda: _drawn(task, seed, form, filtered))
        reason = "CONTENT_FILTERED" if filtered else "SUCCESS"
        if call.headers.get("accept", "image/*").startswith("application/json"):
            found = {} if "no-image" in task.asked else {name: base64.b64encode(data).decode()}
            return as_json(200, {**found, "finish_reason": reason, "seed": seed})
        headers = {"content-type": f"image/{form}", "finish-reason": reason, "seed": str(seed), "x-request-id": task.id}
        return Answer(200, b"" if "no-image" in task.asked else data, headers)


def _drawn(task: Task, seed: int, form: str, filtered: bool) -> bytes:
    given: Form = task.data["form"]
    first = next(iter(given.files.values()), None)
    if task.data["cut"] and first:
        data = cut(first)
        return data if form == "png" else _encoded(Image.open(io.BytesIO(data)), form)
    width, height = task.data["service"].size(given.fields, measured(first) if first else (1, 1))
    data = render(task.asked.caption, first, width, height, seed, form, given.files.get("mask"))
    return _encoded(Image.open(io.BytesIO(data)).filter(ImageFilter.GaussianBlur(24)), form) if filtered else data


def _encoded(image: Image.Image, form: str) -> bytes:
    out = io.BytesIO()
    image.save(out, form.upper())
    return out.getvalue()
