"""What a picture is called and how it is described: file names that marketplaces take, alternative texts that say only
what is known. Standard library only."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from urllib.parse import unquote, urlsplit

EXTENSIONS: Mapping[str, tuple[str, ...]] = {
    "jpg": ("jpg", "jpeg"),
    "png": ("png",),
    "webp": ("webp",),
    "gif": ("gif",),
    "tiff": ("tif", "tiff"),
    "bmp": ("bmp",),
}
"""The name endings of each format; the first is ours."""

LONGEST_NAME = 100
LONGEST_ALT = 125
"""Characters; screen readers pause or stop about there."""

ENDS = " .,;:-"
PLACES = 1_000_000
TITLES = ("title", "name")
COLOURS = ("colour", "color")


@dataclass(frozen=True, slots=True)
class Ending:
    """What a file name or an address ends in: `extension` in lower case without the dot, or empty; `port` None where
    none is given."""

    extension: str
    query: bool
    port: int | None


def ending(name: str) -> Ending | None:
    """How a file name, or the address of a file, ends; None for an address that is none."""
    try:
        parts = urlsplit(name)
        port = parts.port
    except ValueError:
        return None
    last = unquote(parts.path).rpartition("/")[2]
    return Ending(PurePosixPath(last).suffix[1:].lower(), "?" in name.partition("#")[0], port)


def file_name(metadata: Mapping[str, str], external_id: str | None, *, channel: str, place: int, format: str) -> str:
    """A name for picture number `place` (0 is the first) of a product on a channel: small letters, digits and hyphens,
    at most 100 characters, with the ending of `format`. Raises ValueError for a format or a place that cannot be."""
    if not 0 <= place < PLACES:
        raise ValueError(f"a picture's place is between 0 and {PLACES - 1}")
    if format not in EXTENSIONS:
        raise ValueError(f"format must be one of {', '.join(EXTENSIONS)}, not {format!r}")
    told = _told(metadata)
    words = [told.get("brand", ""), _first(told, TITLES), _first(told, COLOURS)]
    tail = "-".join(part for part in (_slug(external_id or "")[:48].strip("-"), _slug(channel), str(place + 1)) if part)
    room = LONGEST_NAME - len(tail) - len(EXTENSIONS[format][0]) - 2
    head = _slug(" ".join(_without_repeats(words)))[:room].strip("-") or "product"
    return f"{head}-{tail}.{EXTENSIONS[format][0]}"


def alt_text(metadata: Mapping[str, str], words: Sequence[str] = ()) -> str:
    """One sentence of at most 125 characters: what the metadata (title or name, colour, brand, material, category)
    says of the product, and the words for the look. What is not given is not said."""
    told = _told(metadata)
    title = _first(told, TITLES) or told.get("category", "")
    before = [_first(told, COLOURS), told.get("material", "")]
    subject = " ".join(_without_repeats([*before, title], keep=2))
    brand = told.get("brand", "")
    if brand and not _says(title, brand):
        subject = f"{subject} by {brand}" if subject else brand
    look = ", ".join(filter(None, (_plain(word).replace("-", " ") for word in words)))
    text = ", ".join(filter(None, (subject, look))).strip(ENDS) or "Product photo"
    text = text[:1].upper() + text[1:]
    if len(text) > LONGEST_ALT - 1:
        text = text[: LONGEST_ALT - 1].rpartition(" ")[0] or text[: LONGEST_ALT - 1]
    return text.rstrip(ENDS) + "."


def _told(metadata: Mapping[str, str]) -> dict[str, str]:
    """The metadata by lower-case key, on one line each, without what is empty."""
    lines = {key.strip().lower(): _plain(value) for key, value in metadata.items()}
    return {key: value for key, value in lines.items() if value}


def _plain(text: str) -> str:
    """Without control characters and without space at the ends."""
    shown = "".join(" " if unicodedata.category(one).startswith(("C", "Z")) else one for one in text)
    return " ".join(shown.split())


def _first(told: Mapping[str, str], keys: Sequence[str]) -> str:
    return next((told[key] for key in keys if key in told), "")


def _without_repeats(parts: Sequence[str], keep: int = 1) -> list[str]:
    """The parts that are not empty and that part number `keep` does not say already."""
    main = parts[keep]
    return [part for place, part in enumerate(parts) if part and (place == keep or not _says(main, part))]


def _says(text: str, word: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(word.casefold())}(?!\w)", text.casefold()) is not None


def _slug(text: str) -> str:
    ascii = unicodedata.normalize("NFKD", text.replace("ß", "ss")).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", ascii.lower()).strip("-")
