"""Identifiers: a prefix, then a ULID in lower case (48 bits of milliseconds, 80 random bits; github.com/ulid/spec).

They sort by time of creation, hold no `/`, and cannot be guessed.
"""

import re

_CROCKFORD = "0123456789abcdefghjkmnpqrstvwxyz"
_FORM = re.compile(r"[a-z]{2,5}_[0-9a-hjkmnp-tv-z]{26}")


def make(prefix: str, now: int, randomness: bytes) -> str:
    """A new id from the time in ms and 10 random bytes."""
    number = (now << 80) | int.from_bytes(randomness[:10], "big")
    return f"{prefix}_" + "".join(_CROCKFORD[(number >> shift) & 31] for shift in range(125, -1, -5))


def floor(prefix: str, at: int) -> str:
    """The smallest id of that millisecond: a bound for range reads."""
    return make(prefix, at, bytes(10))


def is_id(prefix: str, text: str) -> bool:
    """Whether `text` has the form of an id with that prefix."""
    return text.startswith(f"{prefix}_") and _FORM.fullmatch(text) is not None
