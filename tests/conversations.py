"""What a vendor's client says from start to end, and how our answers must look: `dialects/<name>/conversations/*.json`.

An exchange is a `request` and its `response`; `keep` takes values out of an answer for later requests (`{{name}}`);
`until` repeats the exchange until these members have these values. Expected JSON is exact but for patterns: `<str>`,
`<int>`, `<number>`, `<bool>`, `<url>`, `<iso>`, `<base64>`, `<any>`, and `{"<each>": pattern}` for lists.
"""

import base64
import binascii
import io
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from PIL import Image

FOLDER = Path(__file__).parent / "contract" / "dialects"
FILES = sorted(FOLDER.glob("*/conversations/*.json"))
PATIENCE = 120
"""How often an exchange is repeated."""

_ISO = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})")


class Line(Protocol):
    """A way to a running packshot."""

    def send(
        self, method: str, url: str, headers: Mapping[str, str], query: Mapping[str, str], body: bytes
    ) -> tuple[int, Mapping[str, str], bytes]:
        """One request over the door for long waits: status, headers (lower case), body."""
        ...

    def pause(self) -> None:
        """Let time pass and work be done."""
        ...


def hold(file: Path, line: Line, known: Mapping[str, str], photo: bytes) -> None:
    """Have one conversation. `known` has `key` and `image`, an address of `photo`. Raises AssertionError."""
    words = {**known, "image_base64": base64.b64encode(photo).decode(), "mask_base64": mask_of(photo)}
    for place, exchange in enumerate(json.loads(file.read_text())["exchanges"]):
        where = f"{file.parent.parent.name}/{file.stem}, exchange {place}"
        for _ in range(PATIENCE):
            status, headers, raw = _send(exchange["request"], line, words, photo)
            answer = _json(raw)
            if all(_equal(found(answer, path), value) for path, value in exchange.get("until", {}).items()):
                break
            line.pause()
        else:
            raise AssertionError(f"{where}: never became {exchange['until']}: {raw[:400]!r}")
        expected = exchange["response"]
        assert status == expected["status"], f"{where}: {status} {raw[:600]!r}"
        for name, value in expected.get("headers", {}).items():
            match(headers.get(name.lower()), value, f"{where}, header {name}")
        if "json" in expected:
            match(answer, _filled(expected["json"], words), where)
        for name, path in exchange.get("keep", {}).items():
            words[name] = str(found(answer, path))


def match(value: Any, pattern: Any, where: str) -> None:
    """Raise AssertionError where `value` is not as `pattern` says."""
    if isinstance(pattern, str) and pattern.startswith("<") and pattern.endswith(">"):
        assert _KINDS[pattern](value), f"{where}: {str(value)[:200]!r} is not {pattern}"
    elif isinstance(pattern, dict) and set(pattern) == {"<each>"}:
        assert isinstance(value, list) and value, f"{where}: {value!r} is no list with something in it"
        for place, each in enumerate(value):
            match(each, pattern["<each>"], f"{where}[{place}]")
    elif isinstance(pattern, dict):
        assert isinstance(value, dict), f"{where}: {value!r} is no object"
        assert set(value) == set(pattern), f"{where}: {sorted(value)} instead of {sorted(pattern)}: {value}"
        for name, each in pattern.items():
            match(value[name], each, f"{where}.{name}")
    elif isinstance(pattern, list):
        assert isinstance(value, list) and len(value) == len(pattern), f"{where}: {str(value)[:300]!r}"
        for place, each in enumerate(pattern):
            match(value[place], each, f"{where}[{place}]")
    else:
        assert _equal(value, pattern), f"{where}: {value!r} instead of {pattern!r}"


def found(value: Any, path: str) -> Any:
    """What lies at `a.b[0].c`; None where there is nothing."""
    for step in re.findall(r"[^.\[\]]+", path):
        try:
            value = value[int(step)] if isinstance(value, list) else value[step]
        except (KeyError, IndexError, TypeError, ValueError):
            return None
    return value


def mask_of(photo: bytes) -> str:
    """A mask of a photo's size, black in the middle, as base64."""
    size = Image.open(io.BytesIO(photo)).size
    mask = Image.new("L", size, 255)
    mask.paste(0, (size[0] // 3, size[1] // 3, size[0] // 2, size[1] // 2))
    out = io.BytesIO()
    mask.save(out, "PNG")
    return base64.b64encode(out.getvalue()).decode()


def _send(
    request: Mapping[str, Any], line: Line, words: Mapping[str, str], photo: bytes
) -> tuple[int, Mapping[str, str], bytes]:
    headers = {name: str(_filled(value, words)) for name, value in request.get("headers", {}).items()}
    body = b""
    if "json" in request:
        body = json.dumps(_filled(request["json"], words)).encode()
        headers = {"content-type": "application/json", **headers}
    elif "form" in request:
        body = _form(request["form"], words, photo)
        headers = {"content-type": "multipart/form-data; boundary=edge", **headers}
    elif "text" in request:
        body = str(_filled(request["text"], words)).encode()
    query = {name: str(_filled(value, words)) for name, value in request.get("query", {}).items()}
    return line.send(request["method"], str(_filled(request["url"], words)), headers, query, body)


def _form(form: Mapping[str, Any], words: Mapping[str, str], photo: bytes) -> bytes:
    parts = []
    for name, value in form.items():
        for each in value if isinstance(value, list) else [value]:
            if isinstance(each, dict):
                text = _filled(each["content"], words)
                data = photo if text == "{{image_bytes}}" else base64.b64decode(words["mask_base64"])
                head = f'name="{name}"; filename="{each["filename"]}"\r\ncontent-type: {each.get("type", "image/jpeg")}'
            else:
                data, head = str(_filled(each, words)).encode(), f'name="{name}"'
            parts.append(f"--edge\r\ncontent-disposition: form-data; {head}\r\n\r\n".encode() + data + b"\r\n")
    return b"".join(parts) + b"--edge--\r\n"


def _filled(value: Any, words: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        whole = re.fullmatch(r"\{\{(\w+):int\}\}", value)
        if whole:
            return int(words[whole[1]])
        return re.sub(r"\{\{(\w+)\}\}", lambda name: words.get(name[1], name[0]), value)
    if isinstance(value, dict):
        return {name: _filled(each, words) for name, each in value.items()}
    return [_filled(each, words) for each in value] if isinstance(value, list) else value


def _json(raw: bytes) -> Any:
    try:
        return json.loads(raw)
    except ValueError:
        return None


def _equal(one: Any, other: Any) -> bool:
    return bool(one == other) and isinstance(one, bool) == isinstance(other, bool)


def _base64(value: Any) -> bool:
    try:
        return isinstance(value, str) and len(binascii.a2b_base64(value, strict_mode=True)) > 0
    except ValueError:
        return False


_KINDS = {
    "<any>": lambda value: True,
    "<str>": lambda value: isinstance(value, str),
    "<int>": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "<number>": lambda value: isinstance(value, (int, float)) and not isinstance(value, bool),
    "<bool>": lambda value: isinstance(value, bool),
    "<url>": lambda value: isinstance(value, str) and bool(urlsplit(value).scheme and urlsplit(value).netloc),
    "<iso>": lambda value: isinstance(value, str) and bool(_ISO.fullmatch(value)),
    "<base64>": _base64,
}
