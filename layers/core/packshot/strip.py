"""A picture file without what is no picture: no camera, no place, no words, no preview, nothing behind its end.

What codes the pixels and their colours stays as it is, byte for byte; which way up a picture stands and how it was made
(the IPTC term) are said again in the fewest bytes. Structure is followed as our decoder follows it, so that what it
takes is stripped. What cannot be followed, or has more parts than `parts` lets pass, our decoder refuses: that is left
as it came. Standard library only, for functions that never decode; each byte is looked at once.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator

from packshot.orientation import exif_of, orientation
from packshot.parts import MOST_PARTS
from packshot.provenance import SOURCE_TYPES, label, source_type_in
from packshot.sniff import sniff

Pieces = list[bytes | memoryview]


def stripped(data: bytes) -> bytes:
    """The same picture with nothing hanging on it; `data` itself where nothing does. Twice is once; never raises."""
    kind = sniff(data)
    pieces = _jpeg(data) if kind == "jpg" else _png(data) if kind == "png" else _webp(data) if kind == "webp" else None
    if pieces is None:
        return data
    clean = b"".join(pieces)
    return data if clean == data else clean


def _term(xmp: bytes) -> bytes:
    """The packet that says how the picture was made, if this one says it in a term that is known."""
    term = source_type_in(xmp)
    return label(term).encode() if term in SOURCE_TYPES else b""


# --------------------------------------------------------------------------------------------------------------- JPEG

_EOI, _SOS, _APP0, _APP1, _APP2, _APP14, _COM = 0xD9, 0xDA, 0xE0, 0xE1, 0xE2, 0xEE, 0xFE
_CODING = frozenset({*range(0xC0, 0xD0), 0xDB, 0xDC, 0xDD}) - {0xC8}
"""Frames, tables, restart intervals, numbers of lines. Other markers that are none of ours make libjpeg give up."""

_MARKER = re.compile(rb"\xff([\x02-\xcf\xd8-\xfe])")
"""Between segments a decoder passes over all else: fill bytes, junk, restarts."""

_SCAN_ENDS = re.compile(rb"\xff([\xc0-\xcf\xd8-\xfe])")

_EXIF, _XMP = b"Exif\0\0", b"http://ns.adobe.com/xap/1.0/\0"


_CUT_OFF = b"\xff\xfe\xff\xff"
"""A comment that is not there: it stands for whatever was cut off behind a scan."""


def _jpeg(data: bytes) -> Pieces | None:
    """The first picture, to its end. Where the file is cut off after a scan, it stays cut off: our decoder takes that
    if no other scan is to come."""
    view = memoryview(data)
    kept: Pieces = [view[:2]]
    camera: list[bytes] = []  # a large block comes in several
    xmp, place, at, scanned = b"", -1, 2, False
    for _ in range(MOST_PARTS + 1):
        found = _MARKER.search(data, at)
        if found is None:
            kept.append(_CUT_OFF)
            break
        kind, start, at = found[1][0], found.start(), found.end()
        if kind == _EOI:
            kept.append(view[start:at])
            break
        end = at + max(2, int.from_bytes(view[at : at + 2], "big"))
        if end > len(data):
            kept.append(_CUT_OFF)
            break
        body = view[at + 2 : end]
        if kind == _SOS:
            scanned, left = True, _SCAN_ENDS.search(data, end)
            end = left.start() if left else len(data)
            kept.append(view[start:end])
            if left is None:
                break
        elif kind in _CODING:
            kept.append(view[start:end])
        elif _APP0 <= kind < 0xF0 or kind == _COM:
            block = b"" if scanned or kind != _APP1 else bytes(body)
            if block.startswith((_EXIF, _XMP)):
                place = len(kept) if place < 0 else place
                if block.startswith(_XMP):
                    xmp = block.removeprefix(_XMP)
                else:
                    camera.append(block.removeprefix(_EXIF) if camera else block)
            if not scanned:
                kept.extend(_of_app(kind, body, view[start:end]))
        else:
            return None
        at = end
    else:
        return None
    if place >= 0:
        turn, term = orientation(b"".join(camera), xmp), _term(xmp)
        kept[place:place] = [
            *([_segment(_APP1, _EXIF + exif_of(turn))] if turn > 1 else []),
            *([_segment(_APP1, _XMP + term)] if term else []),
        ]
    return kept if scanned else None


def _of_app(kind: int, body: memoryview, whole: memoryview) -> Iterator[bytes | memoryview]:
    """What tells a decoder of an application's segment how to read colours: without previews and extras."""
    head = bytes(body[:12])
    if kind == _APP0 and head.startswith(b"JFIF\0") and len(body) >= 14:
        yield _segment(_APP0, head + b"\0\0")
    elif kind == _APP14 and head.startswith(b"Adobe") and len(body) >= 12:
        yield _segment(_APP14, head)
    elif kind == _APP2 and head == b"ICC_PROFILE\0":
        yield whole


def _segment(kind: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, kind, len(body) + 2) + body


# ---------------------------------------------------------------------------------------------------------------- PNG

_NAME = re.compile(rb"\w{4}")
_SIZES = {b"sRGB": (1,), b"gAMA": (4,), b"cHRM": (32,), b"cICP": (4,), b"pHYs": (9,), b"sBIT": (1, 2, 3, 4)}
"""Chunks that say how colours and pixels are meant, and how long they are."""

_CLEAR = {0: 2, 2: 6, 3: 256}
"""The most bytes that say what is transparent, by colour type."""

_ANIMATION = (b"acTL", b"fcTL", b"fdAT")
_PROFILE, _PACKET = b"Raw profile type exif", b"XML:com.adobe.xmp"
_TEXT = {b"tEXt": (_PROFILE, _PACKET, b"exif"), b"zTXt": (_PROFILE, _PACKET), b"iTXt": (_PROFILE, _PACKET)}
"""Words that our decoder reads an orientation from, by the chunks it reads them from."""

_LONGEST_TEXT = 1 << 20


def _png(data: bytes) -> Pieces | None:
    """Chunks up to the end, or to where none follows: a decoder that has all pixels does not ask for more."""
    view = memoryview(data)
    kept: Pieces = [view[:8]]
    words: dict[bytes, tuple[bytes, memoryview]] = {}
    colours, pixels, place, at = -1, False, -1, 8
    moves = _moves(data)
    for _ in range(MOST_PARTS):
        name = data[at + 4 : at + 8]
        if name == b"IEND" or not _NAME.fullmatch(name):
            break
        end = at + 12 + int.from_bytes(view[at : at + 4], "big")
        body, whole = view[at + 8 : end - 4], view[at:end]
        if name == b"IDAT":
            pixels = True
            kept.append(whole)
            if end > len(data):  # all that there is: perhaps all pixels
                return _with_words(kept, place, words)
        elif end > len(data) and (not pixels or end - 4 > len(data)):
            return None
        elif name in _ANIMATION and moves:  # for the decoder to refuse
            kept.append(whole)
        elif name in (b"iCCP", b"tRNS") or not pixels:
            if name == b"IHDR" and len(body) > 9:
                colours = body[9]
            cut = _of_chunk(name, body, colours)
            if cut == len(body) and end <= len(data):
                kept.append(whole)
            elif cut is not None:
                if not pixels and zlib.crc32(body, zlib.crc32(name)) != int.from_bytes(view[end - 4 : end], "big"):
                    return None
                kept.append(_chunk(name, bytes(body[:cut])))
        key = b"exif" if name == b"eXIf" else _key(name, body)
        if key:
            words[key] = (name, body)
            place = len(kept) if place < 0 else place
        at = end
    else:
        return None
    if not pixels:
        return None
    kept.append(_chunk(b"IEND", b""))
    return _with_words(kept, place, words)


def _moves(data: bytes) -> bool:
    """Whether our decoder finds more than one picture: it counts frames before the pixels, and these as one more where
    no frame is theirs."""
    at, frames, framed = 8, 0, False
    for _ in range(MOST_PARTS):
        name = data[at + 4 : at + 8]
        if name in (b"IDAT", b"IEND", b""):
            break
        if name == b"acTL":
            frames = int.from_bytes(data[at + 8 : at + 12], "big")
        framed = framed or name == b"fcTL"
        at += 12 + int.from_bytes(data[at : at + 4], "big")
    return frames > 1 or (frames == 1 and not framed)


def _of_chunk(name: bytes, body: memoryview, colours: int) -> int | None:
    """How many of a chunk's bytes stay; None: nothing of it, its head neither. Our decoder passes over chunks it does
    not know even where they are marked as critical, so they can go."""
    if name == b"IHDR":
        return min(len(body), 13)
    if name == b"PLTE":
        return len(body) if colours == 3 or len(body) <= 768 else None
    if name == b"tRNS":
        return min(len(body), _CLEAR[colours]) if colours in _CLEAR else None
    if name == b"iCCP" or len(body) in _SIZES.get(name, ()):
        return len(body)
    return None


def _key(name: bytes, body: memoryview) -> bytes | None:
    """Which of the words that matter a chunk of text holds, if any."""
    if name not in _TEXT:
        return None
    start = bytes(body[: len(_PROFILE) + 1])
    return next((key for key in _TEXT[name] if start.startswith(key + b"\0")), None)


def _with_words(kept: Pieces, place: int, words: dict[bytes, tuple[bytes, memoryview]]) -> Pieces:
    if place >= 0:
        texts = {key: _text(name, bytes(body)) for key, (name, body) in words.items()}
        xmp = texts.get(_PACKET, b"")
        turn, term = orientation(texts.get(b"exif") or _unhexed(texts.get(_PROFILE)), xmp), _term(xmp)
        kept[place:place] = [
            *([_chunk(b"eXIf", exif_of(turn))] if turn > 1 else []),
            *([_chunk(b"iTXt", _PACKET + b"\0\0\0\0\0" + term)] if term else []),
        ]
    return kept


def _text(name: bytes, body: bytes) -> bytes:
    """What a chunk says; no text is asked to be longer than our decoder lets one be."""
    if name == b"eXIf":
        return _EXIF + body
    _, _, rest = body.partition(b"\0")
    if name == b"tEXt":
        return rest
    packed = name == b"zTXt" or rest[:1] != b"\0"
    rest = rest[1:] if name == b"zTXt" else rest[2:].split(b"\0", 2)[-1]
    try:
        return zlib.decompressobj().decompress(rest, _LONGEST_TEXT) if packed else rest
    except zlib.error:
        return b""


def _unhexed(profile: bytes | None) -> bytes | None:
    """EXIF as older programs wrote it: three lines, then hexadecimal."""
    if profile is None:
        return None
    try:
        return bytes.fromhex("".join(profile.decode("latin-1").split("\n")[3:]))
    except ValueError:
        return b"broken"


def _chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


# --------------------------------------------------------------------------------------------------------------- WebP

_PICTURES = (b"VP8 ", b"VP8L", b"ALPH")
_ICC_FLAG, _EXIF_FLAG, _XMP_FLAG = 0x20, 0x08, 0x04


def _webp(data: bytes) -> Pieces | None:
    """The file as long as it says it is. Without a header of features (VP8X) it is one chunk: the picture."""
    end = 8 + int.from_bytes(data[4:8], "little")
    if end > len(data) or end < 20:
        return None
    view, first = memoryview(data), data[12:16]
    if first == b"VP8X":
        kept = _featured(data, end)
    else:
        stop = _after(data, 12)
        kept = [view[12:stop]] if first in _PICTURES and stop <= end else None
    if kept is None:
        return None
    return [b"RIFF", struct.pack("<I", 4 + sum(map(len, kept))), b"WEBP", *kept]


def _featured(data: bytes, end: int) -> Pieces | None:
    if data[16:20] != b"\x0a\0\0\0" or end < 30:
        return None
    view, flags = memoryview(data), data[20]
    kept: Pieces = [b"", view[21:30]]
    words: dict[bytes, bytes] = {}
    place, at, moving = -1, 30, False
    for _ in range(MOST_PARTS):
        if at == end:
            break
        name, stop = data[at : at + 4], _after(data, at)
        if end - at < 8 or stop > end:
            return None
        if name == b"ANMF":
            frame = _frame(data, at, stop)
            if frame is None:
                return None
            kept += frame
        elif name == b"ANIM" and not moving:
            moving = True
            kept += [b"ANIM\x06\0\0\0", view[at + 8 : at + 14]]
        elif name in (*_PICTURES, b"VP8X") or (name == b"ICCP" and flags & _ICC_FLAG):
            kept.append(view[at:stop])
        elif (name == b"EXIF" and flags & _EXIF_FLAG) or (name == b"XMP " and flags & _XMP_FLAG):
            words.setdefault(name, data[at + 8 : at + 8 + _size(data, at)])
            place = len(kept) if place < 0 else place
        at = stop
    else:
        return None
    xmp = words.get(b"XMP ", b"")
    turn, term = orientation(words.get(b"EXIF"), xmp), _term(xmp)
    said: Pieces = [_riff(b"EXIF", exif_of(turn))] if turn > 1 else []
    said += [_riff(b"XMP ", term)] if term else []
    if said:
        kept[place:place] = said
    flags &= ~(_EXIF_FLAG | _XMP_FLAG)
    flags |= (_EXIF_FLAG if turn > 1 else 0) | (_XMP_FLAG if term else 0)
    kept[0] = b"VP8X\x0a\0\0\0" + bytes([flags])
    return kept


def _frame(data: bytes, at: int, stop: int) -> Pieces | None:
    """A frame of an animation: what leads, then its picture."""
    view, inner = memoryview(data), at + 24
    while inner + 8 <= stop and data[inner : inner + 4] in _PICTURES and _after(data, inner) <= stop:
        inner = _after(data, inner)
    if inner == at + 24:
        return None
    return [b"ANMF", struct.pack("<I", inner - at - 8), view[at + 8 : inner]]


def _size(data: bytes, at: int) -> int:
    return int.from_bytes(data[at + 4 : at + 8], "little")


def _after(data: bytes, at: int) -> int:
    """Where a chunk's successor begins: at an even place."""
    size = _size(data, at)
    return at + 8 + size + size % 2


def _riff(name: bytes, body: bytes) -> bytes:
    return name + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)
