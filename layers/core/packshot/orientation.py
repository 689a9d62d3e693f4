"""Which way up does a picture stand? Read from a camera's EXIF block or from XMP, and said again in the fewest bytes.

Standard library only, for functions that never decode. Read as our decoder reads it: the first good entry of the first
directory; XMP is asked only where there is a block that does not say, or none.
"""

from __future__ import annotations

import re
import struct

_HEADERS = {b"II*\0": "<", b"II\0*": "<", b"MM\0*": ">", b"MM*\0": ">", b"MM\0+": ">"}
"""Byte orders. The first and the third are right; our decoder reads the others too."""

_NUMBERS = {3: "H", 4: "L", 8: "h", 9: "l"}
"""Types of whole numbers, by their TIFF code."""

_TAG = 0x0112
_PREFIX = b"Exif\0\0"
_XMP = re.compile(rb'tiff:Orientation(?:="|>)([0-9])')


def orientation(exif: bytes | None, xmp: bytes) -> int:
    """1 to 8 as EXIF counts; 1, upright, where nothing says otherwise or it cannot be read. `exif` may begin with its
    JPEG prefix."""
    try:
        turn = _of_exif(exif) if exif else None
    except (struct.error, KeyError):
        return 1  # broken: to our decoder such a block says nothing, nor does it then ask XMP
    if turn is None:
        found = _XMP.search(xmp)
        turn = int(found[1]) if found else 1
    return turn if 1 <= turn <= 8 else 1


def exif_of(turn: int) -> bytes:
    """A block that says which way up, and nothing else; without the prefix it has in a JPEG."""
    return b"MM\0*" + struct.pack(">LHHHLHHL", 8, 1, _TAG, 3, 1, turn, 0, 0)


def _of_exif(block: bytes) -> int | None:
    for _ in range(2):
        block = block.removeprefix(_PREFIX)
    if not block:
        return None
    order = _HEADERS[block[:4]]
    (at,) = struct.unpack_from(order + "L", block, 4)
    count = struct.unpack_from(order + "H", block, at)[0] if at + 2 <= len(block) else 0
    for entry in range(at + 2, min(at + 2 + 12 * count, len(block) - 11), 12):
        tag, kind, number = struct.unpack_from(order + "HHL", block, entry)
        if tag == _TAG and number == 1 and kind in _NUMBERS:
            return int(struct.unpack_from(order + _NUMBERS[kind], block, entry + 8)[0])
    return None
