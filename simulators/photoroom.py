"""Photoroom: the Image Editing API, the Remove Background API and the account.

Where the documents are silent: a wrong key is a 403 whose body is the one that the troubleshooting page shows, too many
requests are a 429 in the same form, and an upscale, a shadow or an edit by words changes nothing.
"""

import email
import email.policy
import io
import re
import secrets
from collections.abc import Mapping
from typing import Any

from PIL import Image, ImageColor, ImageEnhance

from simulators.kit import HTML, Asked, credentials, cut, spoiled
from simulators.pictures import render
from simulators.server import Answer, Call, as_json
from simulators.world import World

HELP = """photoroom: directives in background.prompt, or in the setting `behave` for requests without one

slow fail invalid unauthorized quota gone 429 500-before 500-after garbage-after hang-after no-image black-only
broken-output truncated-output wrong-type huge-output

fail              a 500 after it ran
no-image          a success with an empty body
ignored           one of the parameters is passed over, and listed in pr-unsupported-attributes
"""

TOKEN: str = credentials("photoroom")["token"]
LARGEST = 30 * 1024 * 1024
_BOOL = ("true", "false")
_PIXELS = {"preview": 250_000, "medium": 1_500_000, "hd": 4_000_000, "full": 36_000_000}
_ROOM = re.compile(r"0|0?\.[0-4]\d*|[0-4]?\d%|\d+px")
_COLOUR = re.compile(r"#?(?:[0-9A-Fa-f]{6}|[0-9A-Fa-f]{8})|[a-z]+")
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_SIDES = ("", "Top", "Bottom", "Left", "Right")

EDIT: Mapping[str, Any] = {
    "imageUrl": re.compile(r"https?://\S+|data:\S+"),
    "removeBackground": _BOOL,
    "background.color": _COLOUR,
    "background.prompt": re.compile(r"(?s).+"),
    "background.seed": _NUMBER,
    "background.expandPrompt.mode": ("ai.auto", "ai.never"),
    "background.scaling": ("fit", "fill"),
    "background.imageUrl": re.compile(r"https?://\S+"),
    "export.format": ("png", "jpeg", "jpg", "webp"),
    "export.dpi": _NUMBER,
    "horizontalAlignment": ("left", "center", "right"),
    "ignorePaddingAndSnapOnCroppedSides": _BOOL,
    "keepExistingAlphaChannel": ("auto", "never"),
    "lighting.mode": ("ai.auto", "ai.preserve-hue-and-saturation"),
    "maxHeight": _NUMBER,
    "maxWidth": _NUMBER,
    "outputSize": re.compile(r"auto|\d+x\d+|originalImage|croppedSubject"),
    "referenceBox": ("subjectBox", "originalImage"),
    "scaling": ("fit", "fill"),
    "shadow.mode": (
        "ai.soft", "ai.hard", "ai.floating", "ai.preset-soft", "ai.preset-hard", "ai.auto-with-overrides",
    ),
    "textRemoval.mode": ("ai.artificial", "ai.natural", "ai.all"),
    "upscale.mode": ("ai.fast", "ai.slow"),
    "verticalAlignment": ("top", "center", "bottom"),
    **{f"{kind}{side}": _ROOM for kind in ("margin", "padding") for side in _SIDES},
}  # fmt: skip
"""The parameters of an edit: their values, or what they look like."""

SEGMENT: Mapping[str, Any] = {
    "format": ("png", "jpg", "webp"),
    "channels": ("rgba", "alpha"),
    "bg_color": re.compile(r"#[0-9A-Fa-f]{6}|[a-z]+"),
    "size": tuple(_PIXELS),
    "crop": _BOOL,
    "despill": _BOOL,
}


class Simulator:
    """`/photoroom`: what `https://image-api.photoroom.com` and `https://sdk.photoroom.com` are to the world."""

    HELP = HELP

    def __init__(self, world: World, url: str) -> None:
        self.world, self.url = world, url

    def reset(self) -> None:
        """Nothing is kept."""

    def answer(self, call: Call) -> Answer:
        """Route one request."""
        key = call.headers.get("x-api-key", "")
        if not secrets.compare_digest(key.removeprefix("sandbox_").encode(), TOKEN.encode()):
            return problem(403, "Unauthorized")
        match call.method, call.path:
            case (("GET" | "POST"), "/v2/edit"):
                return self._edit(call)
            case "POST", "/v1/segment":
                return self._segment(call)
            case "GET", "/v1/account":
                return as_json(200, {"credits": {"available": 100, "subscription": 100}})
            case "GET", "/v2/account":
                return as_json(200, {"images": {"available": 100, "subscription": 100}, "plan": "plus"})
        return problem(404, "Not found")

    def _edit(self, call: Call) -> Answer:
        posted = call.method == "POST"
        given, files = form_of(call) if posted else (dict(call.query), {})
        asked = Asked(self.world, "photoroom", given.get("background.prompt", ""))
        product = files.get("imageFile", b"")
        if not posted and "imageUrl" in given:
            try:
                product = self.world.fetch(given["imageUrl"])
            except OSError:
                return problem(400, "imageUrl: could not be downloaded")
        wrong = _faults(EDIT, given) or _clash(given)
        if wrong or not _picture(product) or (posted and "imageUrl" in given):
            return problem(400, wrong or f"{'imageFile' if posted else 'imageUrl'}: Required")
        passed_over = sorted((set(given) | set(files)) - set(EDIT) - {"imageFile"})
        passed_over += ["background.inner"] if "ignored" in asked else []
        headers = {"x-uncertainty-score": "0.1"}
        if "background.prompt" in given:
            headers["pr-ai-background-seed"] = given.get("background.seed", str(secrets.randbelow(1 << 31)))
        if passed_over:
            headers["pr-unsupported-attributes"] = f"Unsupported attributes: {', '.join(passed_over)}"
        form = given.get("export.format", "png").replace("jpg", "jpeg")
        return self._run(asked, lambda: _edited(product, given, asked, headers, form), form, headers)

    def _segment(self, call: Call) -> Answer:
        given, files = form_of(call)
        asked = Asked(self.world, "photoroom")
        product, wrong = files.get("image_file", b""), _faults(SEGMENT, given)
        if wrong or not _picture(product):
            detail = wrong or "Please provide an image."
            kind = "invalid_parameter" if wrong else "missing_image"
            return as_json(400, {"detail": detail, "status_code": 400, "type": kind})
        form = given.get("format", "png").replace("jpg", "jpeg")
        return self._run(asked, lambda: _cutout(product, given, form), form, {"x-uncertainty-score": "0.1"}, True)

    def _run(self, asked: Asked, make: Any, form: str, headers: Mapping[str, str], basic: bool = False) -> Answer:
        if refusal := _refusal(self.world, asked, basic):
            return refusal
        number = secrets.token_hex(16)
        if "hang-after" in asked:
            return Answer(0, effect=number, hang=True)
        self.world.sleep(asked.latency)
        if "500-after" in asked or "fail" in asked:
            return problem(500, "Unknown error", number)
        if "garbage-after" in asked:
            return Answer(200, HTML, {"content-type": "text/html"}, number)
        data = b"" if "no-image" in asked else spoiled(asked, make)
        return Answer(200, data, {"content-type": f"image/{form}", **headers}, number)


def problem(status: int, message: str, effect: str = "") -> Answer:
    """An error in the form of the Image Editing API."""
    return as_json(status, {"error": {"message": message}}, effect=effect)


def form_of(call: Call) -> tuple[dict[str, str], dict[str, bytes]]:
    """The fields and the files of a form."""
    whole = f"content-type: {call.headers.get('content-type', '')}\r\n\r\n".encode() + call.body
    given, files = {}, {}
    for part in email.message_from_bytes(whole, policy=email.policy.HTTP).iter_parts():
        name, data = str(part.get_param("name", header="content-disposition")), part.get_payload(decode=True)
        if not isinstance(data, bytes):
            continue
        if part.get_filename():
            files[name] = data
        else:
            given[name] = data.decode(errors="replace")
    return given, files


def _faults(known: Mapping[str, Any], given: Mapping[str, str]) -> str:
    for name, value in given.items():
        kind = known.get(name)
        if isinstance(kind, tuple) and value not in kind:
            return f"{name}: Expected one of {', '.join(kind)}"
        if isinstance(kind, re.Pattern) and not kind.fullmatch(value):
            return f"{name}: Invalid"
    return ""


def _clash(given: Mapping[str, str]) -> str:
    """Parameters that exclude each other."""
    kept = given.get("removeBackground") == "false"
    for name in ("referenceBox", "ignorePaddingAndSnapOnCroppedSides", "background.imageUrl"):
        if kept and name in given:
            return f"{name}: can't be provided if removeBackground is set to false"
    if "background.prompt" in given and "background.imageUrl" in given:
        return "background.prompt: neither background.imageUrl nor background.imageFile can be provided"
    bounded = "maxWidth" in given or "maxHeight" in given
    if bounded and given.get("outputSize") not in ("originalImage", "croppedSubject"):
        return "maxWidth: can only be provided if outputSize is originalImage or croppedSubject"
    return ""


def _refusal(world: World, asked: Asked, basic: bool) -> Answer | None:
    if "unauthorized" in asked:
        return problem(403, "Unauthorized")
    if "quota" in asked:
        detail = "API credits exhausted. Please visit the dashboard to purchase more."
        body = {"detail": detail, "status_code": 402, "type": "payment_required"}
        return as_json(402, body if basic else {"error": {"detail": detail}})
    if "gone" in asked:
        return problem(404, "Not found")
    if "invalid" in asked:
        return problem(400, "background.prompt: Invalid")
    if asked.once("429"):
        pause = world.settings["retry_after"]
        busy = problem(429, "Too many requests")
        return Answer(429, busy.body, {**busy.headers, **({} if pause is None else {"retry-after": str(pause)})})
    return problem(500, "Unknown error") if asked.once("500-before") else None


def _picture(data: bytes) -> bool:
    if len(data) > LARGEST:
        return False
    try:
        with Image.open(io.BytesIO(data)) as image:
            image.verify()
    except (OSError, ValueError, SyntaxError):
        return False
    return True


def _saved(image: Image.Image, form: str) -> bytes:
    out = io.BytesIO()
    (image.convert("RGB") if form == "jpeg" else image).save(out, form.upper())
    return out.getvalue()


def _on(image: Image.Image, colour: str) -> Image.Image:
    named = f"#{colour}" if re.fullmatch(r"[0-9A-Fa-f]{6,8}", colour) else colour
    below = Image.new("RGBA", image.size, ImageColor.getrgb(named))
    below.alpha_composite(image)
    return below


def _edited(product: bytes, given: Mapping[str, str], asked: Asked, headers: Mapping[str, str], form: str) -> bytes:
    with Image.open(io.BytesIO(product)) as opened:
        image = opened.convert("RGBA")
    wanted = given.get("outputSize", "auto")
    width, height = map(int, wanted.split("x")) if wanted[0].isdigit() else image.size
    most = (float(given.get("maxWidth", width)) / width, float(given.get("maxHeight", height)) / height)
    width, height = (max(1, round(side * min(1.0, *most))) for side in (width, height))
    if "background.prompt" in given:
        return render(asked.caption, product, width, height, int(float(headers["pr-ai-background-seed"])), form)
    if given.get("removeBackground", "true") == "true":
        own = given.get("keepExistingAlphaChannel") == "auto" and min(image.getchannel("A").tobytes()) < 255
        with Image.open(io.BytesIO(product if own else cut(product))) as opened:
            image = opened.convert("RGBA")
    if "lighting.mode" in given:
        image = ImageEnhance.Brightness(image).enhance(1.2)
    image.thumbnail((width, height))
    canvas = Image.new("RGBA", (width, height))
    canvas.paste(image, ((width - image.width) // 2, (height - image.height) // 2))
    return _saved(_on(canvas, given["background.color"]) if "background.color" in given else canvas, form)


def _cutout(product: bytes, given: Mapping[str, str], form: str) -> bytes:
    with Image.open(io.BytesIO(cut(product))) as opened:
        image = opened.convert("RGBA")
    shrink = min(1.0, (_PIXELS[given.get("size", "full")] / (image.width * image.height)) ** 0.5)
    image = image.resize((max(1, round(image.width * shrink)), max(1, round(image.height * shrink))))
    if given.get("crop") == "true":
        image = image.crop(image.getchannel("A").getbbox())
    if given.get("channels") == "alpha":
        return _saved(image.getchannel("A"), form)
    return _saved(_on(image, given["bg_color"].lstrip("#")) if "bg_color" in given else image, form)
