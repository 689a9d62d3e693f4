"""What kind of picture do these bytes begin like? Standard library only, for functions that never decode."""

from __future__ import annotations


def sniff(data: bytes) -> str | None:
    """Return "jpg", "png" or "webp" by the file's first bytes, else None; says nothing about the rest of the file."""
    if data[:3] == b"\xff\xd8\xff":
        return "jpg"
    if data[:8] == b"\x89PNG\r\n\x1a\n":
        return "png"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "webp"
    return None
