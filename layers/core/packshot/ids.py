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


SHORT_EPOCH = 1_577_836_800_000
"""2020-01-01 in ms, from which short ids count."""

_SHORT_BITS = 12


def short(prefix: str, now: int, randomness: bytes) -> str:
    """A new id that is also a number below 2**53 (`number_of`) until the year 2089: 12 random bits, then zeros.

    Two in the same millisecond may be the same; whoever stores one must notice that and draw again.
    """
    return make(prefix, now, bytes([randomness[0], randomness[1] & 0xF0, *bytes(8)]))


def number_of(text: str) -> int | None:
    """The number of a short id; None for any other id."""
    if not _FORM.fullmatch(text):
        return None
    number = 0
    for letter in text.partition("_")[2]:
        number = number << 5 | _CROCKFORD.index(letter)
    rest = 80 - _SHORT_BITS
    if number & ((1 << rest) - 1) or number >> 80 < SHORT_EPOCH:
        return None
    return (number >> rest) - (SHORT_EPOCH << _SHORT_BITS)


def of_number(prefix: str, number: int) -> str:
    """The short id of a number below 2**53. Raises ValueError for any other."""
    if not 0 <= number < 2**53:
        raise ValueError(number)
    now, low = divmod(number, 1 << _SHORT_BITS)
    return make(prefix, SHORT_EPOCH + now, (low << 68).to_bytes(10, "big"))
