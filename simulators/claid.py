"""Claid over HTTP: edits and scenes while the call waits, prompted edits by number, one webhook for the account.

What the vendor documents is written down here a second time, as `_EDIT`, `_SCENE` and `_AI_EDIT`: what is not in them
is refused with 422. Looser than the original: nothing is limited unless a directive asks for it, the webhook may be
plain http to this machine, and its retries (undocumented) follow the world's schedule.
"""

import base64
import hashlib
import hmac
import io
import itertools
import json
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from PIL import Image

from simulators.kit import EVIL, HTML, Asked, Files, Task, Tasks, credentials, cut, measured, notify, picture
from simulators.server import Answer, Call, as_json
from simulators.wire import may_call, stamp
from simulators.world import World

_CREDENTIALS = credentials("claid")
TOKEN: str = _CREDENTIALS["token"]
WEBHOOK_SECRET: str = _CREDENTIALS["webhook_secret"]

HELP = """/claid   edits have no words and take their directives from the setting behave: {"claid": "[[sim:fail]]"}
[[sim:slow=8]]            takes that many seconds
[[sim:fail]]              a prompted edit ends as ERROR; any other call answers 500 after it ran
[[sim:no-image]]          succeeds without a picture
[[sim:invalid]]           422, no effect;  unauthorized: 401;  forbidden: 403;  quota: 402;  gone: 404;  conflict: 409
[[sim:429]]               429 once for these words; [[sim:429=3]] three times
[[sim:500-before]]        500 once for these words, nothing runs; [[sim:500-after]] 500, but it runs
[[sim:garbage-after]]     200 with an HTML page, but it runs;  hang-after: no answer, but it runs
[[sim:poll-503=2]]        that many looks at a prompted edit answer 503
[[sim:evil-poll]]         the address to ask at is somebody else's;  evil-output: that of the picture
[[sim:webhook=none]]      also dup, late (late:5 seconds), forged, reordered, truncated; stale is as any: it has no time
[[sim:broken-output]]     also truncated-output, wrong-type, huge-output, expired-output, black-only

PUT /claid/account/webhook {"url": ...} stands for the page of that name in the dashboard; null takes it away.
The documents know no answer of its own for refused content: there is no moderated here."""

# --- what the vendor documents ---------------------------------------------------------------------------------------
# A rule is a tuple of what is allowed, a function, a list of rules (any of them), or an object's fields, "!" after the
# name of one that is needed.
Rule = Any
RATIOS = ("21:9", "1:1", "4:3", "3:2", "2:3", "5:4", "4:5", "3:4", "16:9", "9:16")
EDIT_RATIOS = ("1:1", "2:3", "3:2", "3:4", "4:3", "9:16", "16:9", "9:21", "21:9")
FORMATS = {"jpeg": "jpg", "png": "png", "webp": "webp", "avif": "avif", "tiff": "tiff"}
_FLAG: Rule = (True, False)


def _text(least: int, most: int) -> Callable[[object], bool]:
    return lambda value: isinstance(value, str) and least <= len(value) <= most


def _number(least: float, most: float, *kinds: type) -> Callable[[object], bool]:
    return lambda value: type(value) in (kinds or (int, float)) and least <= value <= most  # type: ignore[operator]


def _matches(pattern: str) -> Callable[[object], bool]:
    return lambda value: isinstance(value, str) and re.fullmatch(pattern, value) is not None


def _url(value: object) -> bool:
    return _text(1, 4096)(value) and urlsplit(str(value)).scheme in ("http", "https", "storage")


_COLOUR = _matches("#[0-9a-fA-F]{6}")
_SIDE: Rule = [_number(1, 100_000, int), ("auto",), _matches("[1-9][0-9]*%")]
_OPTIONS: Rule = {"type!": tuple(FORMATS), "quality": _number(1, 100, int), "progressive": _FLAG,
                  "compression": lambda value: True}  # fmt: skip
_FORMAT: Rule = [tuple(FORMATS), _OPTIONS]
_COUNT = _number(1, 4, int)
_KEEP: Rule = {"object_to_keep!": _text(3, 128)}
_CATEGORY: Rule = ("general", "cars", "products")
_EDIT: Rule = {
    "input!": _url,
    "operations!": {
        "restorations": {
            "decompress": (None, "moderate", "strong", "auto"), "polish": _FLAG,
            "upscale": [(None, "smart_enhance", "smart_resize", "faces", "digital_art", "photo"),
                        {"type!": ("photo",), "version!": ("1", "2", "3")}],
        },
        "adjustments": {
            "hdr": [_number(0, 100, int), {"intensity": _number(0, 100, int), "stitching": _FLAG}],
            "exposure": _number(-100, 100, int), "saturation": _number(-100, 100, int),
            "contrast": _number(-100, 100, int), "sharpness": _number(0, 100, int),
        },
        "background": {
            "remove": [_FLAG, {"category": _CATEGORY, "clipping": _FLAG, "selective": _KEEP}],
            "blur": [_FLAG, {"category": _CATEGORY, "selective": _KEEP, "type": ("regular", "lens"),
                             "level": ("low", "medium", "high")}],
            "color": [_COLOUR, ("transparent",)],
        },
        "resizing": {
            "width": _SIDE, "height": _SIDE,
            "fit": [("crop", "cover", "bounds", "canvas", "outpaint"), {"type!": ("cover", "bounds", "canvas")},
                    {"type!": ("crop",), "crop": ("center", "smart")},
                    {"type!": ("outpaint",), "feathering": _matches("[0-9]+%"), "outpaint_by": _text(1, 40)}],
        },
        "padding": _text(1, 40),
        "privacy": {"blur_car_plate": _FLAG, "identity_crop": _FLAG},
        "generative": {"style_transfer": {
            "style_reference_image!": _url, "prompt": _text(3, 1024), "depth_strength": _number(0, 1),
            "denoising_strength": _number(0, 1), "style_strength": _number(0, 1)}},
    },
    "output": [{"format": _FORMAT, "destination": _url, "metadata": lambda value: isinstance(value, dict)}, _url],
}  # fmt: skip
_SCENE: Rule = {
    "object!": [
        {"image_url!": _url, "placement_type!": ("original",)},
        {"image_url!": _url, "placement_type!": ("padding",), "padding!": _text(1, 40)},
        {"image_url!": _url, "placement_type": ("absolute",), "rotation_degree": _number(0, 360),
         "scale": _number(0, 1), "position": {"x": _number(0, 1), "y": _number(0, 1)}},
    ],
    "scene!": [
        {"model": ("v1", "v2-beta", "v2"), "prompt!": [_text(3, 2048), {"text!": _text(3, 2048)},
            {"generate!": (True,), "guidelines": _text(3, 1000)}], "negative_prompt": _text(3, 2048),
         "steps": _number(1, 49, int), "color": _COLOUR, "aspect_ratio": RATIOS,
         "preference": ("fast", "optimal", "best")},
        {"model": ("v1", "v2-beta", "v2"), "effect!": ("shadows",), "color": [_COLOUR, ("transparent",)],
         "view": ("auto", "top", "front"), "aspect_ratio": RATIOS},
    ],
    "output": [{"number_of_images": _COUNT, "destination": _url, "format": _FORMAT}, _url],
}  # fmt: skip
_AI_EDIT: Rule = {
    "input!": _url,
    "options!": {"model": ("v1", "v2"), "prompt!": _text(3, 5000), "aspect_ratio": EDIT_RATIOS,
                 "inference_steps": _number(1, 50, int), "guidance_scale": _number(1, 10)},
    "output": [{"number_of_images": _COUNT, "destination": _url, "format": ("jpeg", "png")}, _url],
}  # fmt: skip


def faults(rule: Rule, value: object, at: str = "") -> dict[str, list[str]]:
    """What is wrong with a value, by the path of the field."""
    if isinstance(rule, list):
        every = [faults(one, value, at) for one in rule]
        return min(every, key=lambda found: (len(found), *found))
    if isinstance(rule, dict):
        if not isinstance(value, dict):
            return {at: ["value is not a valid dict"]}
        known = {name.rstrip("!"): inner for name, inner in rule.items()}
        missing = [name[:-1] for name in rule if name.endswith("!") and name[:-1] not in value]
        found = {f"{at}.{name}".strip("."): ["field required"] for name in missing}
        for name, inner in value.items():
            place = f"{at}.{name}".strip(".")
            found |= faults(known[name], inner, place) if name in known else {place: ["extra fields not permitted"]}
        return found
    fine = rule(value) if callable(rule) else any(type(one) is type(value) and one == value for one in rule)
    return {} if fine else {at: ["value is not permitted"]}


def problem(status: int, code: str, kind: str, message: str, details: Mapping[str, Any] | None = None) -> Answer:
    """An error as documented; of the codes, only 111, 2001 and 9000 are published."""
    body = {"error_code": code, "error_type": kind, "error_message": message, "error_details": details or {}}
    return as_json(status, body)


UNAUTHORIZED = problem(401, "111", "auth", "Authorization is required.")
REFUSALS = {
    "unauthorized": UNAUTHORIZED,
    "forbidden": problem(403, "0", "auth", "Not enough permissions."),
    "quota": problem(402, "0", "billing", "No API calls left."),
    "gone": problem(404, "0", "general", "The requested resource does not exist."),
    "conflict": problem(409, "0", "general", "The request conflicts with the state of the resource."),
    "invalid": problem(422, "9000", "validation", "The simulator was asked to find a fault."),
}
BROKEN = problem(500, "0", "general", "Internal server error.")


class Simulator:
    """`/claid`: what `https://api.claid.ai` and `https://dl.claid.ai` are to the world."""

    HELP = HELP

    def __init__(self, world: World, url: str) -> None:
        self.world, self.url = world, url
        self.reset()

    def reset(self) -> None:
        """Forget every request, file and webhook."""
        self.files = Files(self.world, self.url)
        self.tasks = Tasks(self.world, self._make, self._tell)
        self.numbers = itertools.count(228_654)
        self.hook: str | None = None

    def answer(self, call: Call) -> Answer:
        """Route one request."""
        if call.path.startswith("/files/") and call.method in ("GET", "HEAD"):
            return self.files.answer(call.path)
        scheme, _, token = call.headers.get("authorization", "").partition(" ")
        if scheme != "Bearer" or not hmac.compare_digest(token.encode(), TOKEN.encode()):
            return UNAUTHORIZED
        match call.method, call.path.strip("/").split("/"):
            case "POST", ["v1", "image", "edit"]:
                return self._create(call, _EDIT, self._edit)
            case "POST", ["v1", "scene", "create"]:
                return self._create(call, _SCENE, self._scene)
            case "POST", ["v1", "image", "ai-edit"]:
                return self._create(call, _AI_EDIT, self._ai_edit)
            case "GET", ["v1", "image", "ai-edit", number]:
                return self._look(number)
            case "PUT", ["account", "webhook"]:
                url = json.loads(call.body).get("url")
                if url is not None and not may_call(url):
                    return problem(422, "9000", "validation", "The address must be https.")
                self.hook = url
                return as_json(200, {"data": {"url": url}})
        return REFUSALS["gone"]

    # --- create ------------------------------------------------------------------------------------------------------
    def _create(self, call: Call, rule: Rule, run: Callable[[dict[str, Any], Asked, str], Answer]) -> Answer:
        body = json.loads(call.body)
        if wrong := faults(rule, body):
            message = ". ".join(f"{place}: {', '.join(why)}" for place, why in wrong.items())
            return problem(422, "9000", "validation", message, wrong)
        prompt = (body.get("options") or body.get("scene") or {}).get("prompt", "")
        words = prompt if isinstance(prompt, str) else prompt.get("text") or prompt.get("guidelines", "")
        asked = Asked(self.world, "claid", words)
        if asked.once("429"):
            seconds = str(self.world.settings["retry_after"] or 0)
            limits = {"ratelimit-limit": "120, 120;w=60, 4;w=1", "ratelimit-remaining": "0", "ratelimit-reset": seconds}
            error = {"error_code": "2001", "error_type": "general",
                     "error_message": "Too Many Requests. Rate limit exceeded.", "error_details": {}}  # fmt: skip
            return as_json(429, {"detail": error}, limits)
        if asked.once("500-before"):
            return BROKEN
        if refused := next((answer for word, answer in REFUSALS.items() if word in asked), None):
            return refused
        number = str(next(self.numbers))
        answer = run(body, asked, number)
        if not answer.effect:
            return answer
        if "hang-after" in asked:
            return Answer(0, hang=True, effect=number)
        if "500-after" in asked:
            return Answer(500, BROKEN.body, BROKEN.headers, number)
        return Answer(200, HTML, {"content-type": "text/html"}, number) if "garbage-after" in asked else answer

    def _while_waiting(
        self, asked: Asked, number: str, url: str, make: Callable[[bytes], tuple[list[bytes], str]], many: bool
    ) -> Answer:
        """A call that is answered with its result: fetch the picture, make, keep."""
        try:
            data = self.world.fetch(url)
            width, height = measured(data)
        except OSError:
            return problem(400, "0", "storage", "The input image could not be retrieved.")
        self.world.sleep(asked.latency)
        if "fail" in asked:
            return Answer(500, BROKEN.body, BROKEN.headers, number)
        made, form = make(data)
        shown = [] if "no-image" in asked else [self._shown(one, form, asked) for one in made]
        output = shown if many else shown[0] if shown else _described(width, height, form)
        told = _described(width, height, "png" if data[:4] == b"\x89PNG" else "jpeg")
        return as_json(200, {"data": {"input": told, "output": output}}, effect=number)

    def _edit(self, body: dict[str, Any], asked: Asked, number: str) -> Answer:
        def make(data: bytes) -> tuple[list[bytes], str]:
            form = _form(body, "jpeg")
            return [_encoded(_edited(data, body["operations"], form), form)], form

        return self._while_waiting(asked, number, body["input"], make, many=False)

    def _scene(self, body: dict[str, Any], asked: Asked, number: str) -> Answer:
        output = body.get("output", {}) if isinstance(body.get("output"), dict) else {}
        width, height = _sides(body["scene"].get("aspect_ratio", "1:1"), 1024)

        def make(data: bytes) -> tuple[list[bytes], str]:
            form = _form(body, "png")
            seeds = (int(number) * 10 + place for place in range(output.get("number_of_images", 4)))
            return [picture(asked, data, width, height, seed, FORMATS[form])() for seed in seeds], form

        return self._while_waiting(asked, number, body["object"]["image_url"], make, many=True)

    def _ai_edit(self, body: dict[str, Any], asked: Asked, number: str) -> Answer:
        task = self.tasks.start(Task(asked, {"request": body}, id=number))
        at = EVIL if "evil-poll" in asked else self.url
        return as_json(200, self._view(task) | {"data": {**self._view(task)["data"],
                            "result_url": f"{at}/v1/image/ai-edit/{number}"}}, effect=number)  # fmt: skip

    # --- prompted edits ----------------------------------------------------------------------------------------------
    def _look(self, number: str) -> Answer:
        task = self.tasks.get(number)
        if task is None:
            return problem(404, "0", "image", "Web image not found.")
        if task.asked.once("poll-503", f"poll {number}"):
            return problem(503, "0", "general", "Service unavailable.")
        return as_json(200, self._view(task))

    def _make(self, task: Task) -> None:
        body = task.data["request"]
        data = self.world.fetch(body["input"])
        width, height = measured(data)
        task.data["input"] = _described(width, height, "png" if data[:4] == b"\x89PNG" else "jpeg")
        ratio = body["options"].get("aspect_ratio")  # the newer model makes 2K in the picture's own shape
        longest = 2048 if body["options"].get("model", "v2") == "v2" else 1024
        width, height = _sides(ratio or f"{width}:{height}", longest)
        form, output = _form(body, "png"), body.get("output", {})
        count = output.get("number_of_images", 1) if isinstance(output, dict) else 1
        for place in range(count):
            make = picture(task.asked, data, width, height, int(task.id) * 10 + place, FORMATS[form])
            task.pictures.append(self.files.keep(make, FORMATS[form], task.asked))
        task.data["output"] = [_described(width, height, form, url) for url in task.pictures]

    def _view(self, task: Task, state: str = "") -> dict[str, Any]:
        names = {"queued": "ACCEPTED", "running": "PROCESSING", "done": "DONE", "canceled": "CANCELLED"}
        status = state or names.get(task.status, "ERROR")
        data = {
            "id": int(task.id),
            "status": status,
            "created_at": stamp(task.created),
            "request": task.data["request"],
        }
        if status in ("DONE", "ERROR"):
            when = stamp(task.ended)
            why = task.data.get("error", "The image could not be edited.")
            data["errors"] = [{"error": why, "created_at": when}] if status == "ERROR" else []
        if status == "DONE":
            data["result"] = {"input_object": task.data.get("input", {}), "output_objects": task.data.get("output", [])}
        return {"data": data}

    def _tell(self, task: Task) -> None:
        if self.hook is not None:
            older = self._view(task, "PROCESSING")
            notify(self.world, task.asked, self.hook, self._view(task), signature, older, about=task.id)

    def _shown(self, data: bytes, form: str, asked: Asked) -> dict[str, Any]:
        width, height = measured(data)
        return _described(width, height, form, self.files.keep(lambda: data, FORMATS[form], asked))


def signature(body: bytes, when: int, genuine: bool) -> Mapping[str, str]:
    """The webhook's header, in hex: which it is, the documents leave open."""
    secret = WEBHOOK_SECRET if genuine else base64.b64encode(WEBHOOK_SECRET.encode()).decode()
    return {"x-claid-hmac-sha256": hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}


def _form(body: dict[str, Any], default: str) -> str:
    output = body.get("output")
    form = output.get("format", default) if isinstance(output, dict) else default
    return str(form["type"] if isinstance(form, dict) else form)


def _described(width: int, height: int, form: str, url: str | None = None) -> dict[str, Any]:
    told: dict[str, Any] = {"ext": FORMATS[form], "mps": width * height / 1e6, "mime": f"image/{form}",
                            "format": form.upper(), "width": width, "height": height}  # fmt: skip
    return told if url is None else {**told, "tmp_url": url}


def _sides(ratio: str, longest: int) -> tuple[int, int]:
    left, right = map(int, ratio.split(":"))
    return round(longest * min(1, left / right)), round(longest * min(1, right / left))


def _edited(data: bytes, operations: dict[str, Any], form: str) -> Image.Image:
    """Background and size as asked for; of everything else, nothing can be seen here."""
    background, sizes = operations.get("background") or {}, operations.get("resizing") or {}
    with Image.open(io.BytesIO(cut(data) if background.get("remove") else data)) as opened:
        image = opened.convert("RGBA")
    colour = background.get("color", "#ffffff")
    if colour != "transparent" or form == "jpeg":
        plain = Image.new("RGBA", image.size, "#ffffff" if colour == "transparent" else colour)
        image = Image.alpha_composite(plain, image).convert("RGB")
    sides = [_side(sizes.get(name, "auto"), now) for name, now in (("width", image.width), ("height", image.height))]
    scale = next((side / now for side, now in zip(sides, image.size, strict=True) if side), 1.0)
    wide, high = (side or round(now * scale) for side, now in zip(sides, image.size, strict=True))
    return image.resize((wide, high))


def _side(asked: object, now: int) -> int | None:
    if isinstance(asked, int):
        return asked
    return None if asked == "auto" else round(now * int(str(asked)[:-1]) / 100)


def _encoded(image: Image.Image, form: str) -> bytes:
    out = io.BytesIO()
    image.save(out, form.upper())
    return out.getvalue()
