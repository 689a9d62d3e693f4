"""Of how many parts is a picture file made? Counted before a decoder walks through them. Standard library only.

A progressive JPEG may draw the whole picture again in a scan of sixty bytes, and a million empty chunks cost a decoder
a step of Python each: such a file is small in bytes and in pixels, and keeps a decoder busy for minutes or hours.
"""

from __future__ import annotations

import re

from packshot.sniff import sniff

MOST_SCANS = 50
"""Encoders write about ten; the most that any known optimiser writes is twenty or so."""

MOST_PARTS = 50_000
"""Segments of a JPEG, chunks of a PNG or WebP. 20 MB in the 8 kB chunks that libpng writes are 2,500."""

MOST_BLOCKS = 200_000
"""Blocks of a GIF, which hold 255 bytes at most: 20 MB in full ones are 82,000."""

_MARKER = re.compile(rb"\xff([\x02-\xcf\xd8-\xfe])")
_SOI, _EOI, _SOS = 0xD8, 0xD9, 0xDA


def too_many(data: bytes) -> bool:
    """Whether the file is made of more parts than any camera or program needs. Damage is for the decoder to find."""
    kind = sniff(data)
    if kind == "jpg":
        return _jpeg(data)
    if kind == "png":
        return _png(data)
    if kind == "webp":
        return _webp(data)
    return data.startswith(b"GIF8") and _gif(data)


def _jpeg(data: bytes) -> bool:
    """Up to the end of the first picture. What follows a scan's header is coded so that no marker can be in it."""
    at, parts, scans = 2, 0, 0
    while found := _MARKER.search(data, at):
        kind = found[1][0]
        if kind == _EOI:
            return False
        at = found.end()
        if kind == _SOI:
            continue
        parts, scans = parts + 1, scans + (kind == _SOS)
        if parts > MOST_PARTS or scans > MOST_SCANS:
            return True
        at += max(2, int.from_bytes(data[at : at + 2], "big"))
    return False


def _png(data: bytes) -> bool:
    at = 8
    for _ in range(MOST_PARTS):
        if at + 8 > len(data) or data[at + 4 : at + 8] == b"IEND":
            return False
        at += 12 + int.from_bytes(data[at : at + 4], "big")
    return True


def _webp(data: bytes) -> bool:
    at = 12
    for _ in range(MOST_PARTS):
        if at + 8 > len(data):
            return False
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        at += 8 + size + size % 2
    return True


def _gif(data: bytes) -> bool:
    """All blocks of all pictures and extensions, and these themselves."""
    at = 13 + _palette(data[10:11])
    blocks = 0
    while blocks <= MOST_BLOCKS:
        kind = data[at : at + 1]
        if kind == b"!":
            at += 2
        elif kind == b",":
            at += 11 + _palette(data[at + 9 : at + 10])
        elif kind in (b"", b";"):
            return False
        else:  # a decoder looks further, byte by byte
            at, blocks = at + 1, blocks + 1
            continue
        blocks += 1
        while blocks <= MOST_BLOCKS and (size := data[at : at + 1]) not in (b"", b"\0"):
            at, blocks = at + 1 + size[0], blocks + 1
        at += 1
    return True


def _palette(flags: bytes) -> int:
    return 3 * (2 << (flags[0] & 7)) if flags and flags[0] & 0x80 else 0
