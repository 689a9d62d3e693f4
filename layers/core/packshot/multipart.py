"""multipart/form-data: the parts of a form as values, read and written, and the one file of an upload."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from packshot.errors import CallerError

MOST_PARTS = 32


@dataclass(frozen=True, slots=True)
class Part:
    """One field of a form. `filename` is None for a plain field; it is cleaned and never a path."""

    name: str
    data: bytes
    filename: str | None = None
    content_type: str = ""


def parse(content_type: str, body: bytes) -> tuple[Part, ...]:
    """All parts in their order. Raises CallerError `malformed_request`."""
    from python_multipart.multipart import MultipartParser, parse_options_header

    collector = _Collector(parse_options_header)
    try:
        boundary = parse_options_header(content_type)[1].get(b"boundary", b"")
        if not 1 <= len(boundary) <= 70:
            raise ValueError
        parser = MultipartParser(boundary, collector.callbacks())  # type: ignore[arg-type]
        parser.write(body)
        parser.finalize()
    except ValueError:
        raise _malformed() from None
    if not collector.ended:
        raise _malformed()
    return tuple(collector.parts)


def file_of(parts: tuple[Part, ...]) -> Part:
    """The one part called `file`, whatever else there is. Raises CallerError."""
    files = [part for part in parts if part.name == "file"]
    if not files:
        raise CallerError("missing_field", "Required: one picture.", field="file")
    if len(files) > 1:
        raise CallerError("invalid_field", "Send one picture at a time.", field="file")
    return files[0]


def compose(parts: Iterable[Part]) -> tuple[str, bytes]:
    """A form's content type and body. The same parts always give the same bytes: the boundary is made of them.

    Names and file names are ours, so nothing in them needs escaping (RFC 7578).
    """
    pieces, digest = [], hashlib.sha256()
    for part in parts:
        named = f'form-data; name="{part.name}"' + (f'; filename="{part.filename}"' if part.filename else "")
        kind = f"\r\ncontent-type: {part.content_type}" if part.content_type else ""
        pieces.append((f"content-disposition: {named}{kind}\r\n\r\n".encode(), part.data))
        digest.update(pieces[-1][0] + part.data)
    boundary = f"packshot-{digest.hexdigest()[:40]}"
    body = b"".join(b"--%b\r\n%b%b\r\n" % (boundary.encode(), head, data) for head, data in pieces)
    return f"multipart/form-data; boundary={boundary}", body + f"--{boundary}--\r\n".encode()


def clean(filename: str) -> str | None:
    """A file name without its path and without control characters, 255 at most; None when nothing is left."""
    name = filename.replace("\\", "/").rpartition("/")[2]
    return "".join(letter for letter in name if letter.isprintable()).strip()[:255] or None


def _malformed() -> CallerError:
    return CallerError("malformed_request", "The body is not a valid multipart form.")


class _Collector:
    """Callbacks of the parser: pieces become headers, headers and data become parts."""

    def __init__(self, options_of: Any) -> None:
        self.options_of = options_of
        self.parts: list[Part] = []
        self.ended = False
        self.headers: dict[str, bytes] = {}
        self.name = self.value = b""
        self.data: list[bytes] = []
        self.part = Part("", b"")

    def callbacks(self) -> dict[str, Any]:
        """By the parser's names."""
        names = (
            "part_begin",
            "part_data",
            "part_end",
            "header_field",
            "header_value",
            "header_end",
            "headers_finished",
            "end",
        )
        return {f"on_{name}": getattr(self, name) for name in names}

    def part_begin(self) -> None:
        self.headers, self.name, self.value, self.data = {}, b"", b"", []

    def header_field(self, data: bytes, start: int, end: int) -> None:
        self.name += data[start:end]

    def header_value(self, data: bytes, start: int, end: int) -> None:
        self.value += data[start:end]

    def header_end(self) -> None:
        self.headers[self.name.decode("latin-1").lower()] = self.value
        self.name = self.value = b""

    def headers_finished(self) -> None:
        kind, options = self.options_of(self.headers.get("content-disposition", b""))
        encoding = self.headers.get("content-transfer-encoding", b"binary").strip().lower()
        if kind != b"form-data" or b"name" not in options or encoding not in (b"binary", b"8bit", b"7bit"):
            raise ValueError
        name, filename = options[b"name"].decode(), options.get(b"filename")
        media = self.headers.get("content-type", b"").decode("latin-1").partition(";")[0].strip().lower()
        self.part = Part(name, b"", None if filename is None else clean(filename.decode(errors="replace")), media)

    def part_data(self, data: bytes, start: int, end: int) -> None:
        self.data.append(data[start:end])

    def part_end(self) -> None:
        if len(self.parts) == MOST_PARTS:
            raise ValueError
        self.parts.append(replace(self.part, data=b"".join(self.data)))

    def end(self) -> None:
        self.ended = True
