"""API keys: their form, their checksum, what is stored of them. Pure.

`pk_live_` or `pk_test_`, a 10-character key id, `_`, 32 random base62 characters (190 bits), 6 characters of CRC32
over all that stands before. The prefix and the checksum let scanners and our own door reject typing errors without a
read. At 190 random bits a plain SHA-256 of the secret is all that a table needs to hold (docs/decisions/0004).
"""

import hashlib
import hmac
import zlib
from dataclasses import dataclass
from typing import Literal

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
ID_LENGTH, SECRET_LENGTH, CHECK_LENGTH = 10, 32, 6


@dataclass(frozen=True, slots=True)
class Key:
    """A key that is well formed; whether it is known is the table's to say."""

    mode: Literal["live", "test"]
    id: str
    secret: str

    @property
    def digest(self) -> str:
        """What the table holds: SHA-256 of the secret, hex."""
        return hashlib.sha256(self.secret.encode()).hexdigest()

    def matches(self, digest: str) -> bool:
        """Constant-time comparison with a stored digest."""
        return hmac.compare_digest(self.digest, digest)

    def __str__(self) -> str:
        body = f"pk_{self.mode}_{self.id}_{self.secret}"
        return body + _check(body)

    def __repr__(self) -> str:
        return f"Key({self.mode}, {self.id})"


def mint(mode: Literal["live", "test"], randomness: bytes) -> Key:
    """A new key from at least 32 random bytes."""
    text = _base62(int.from_bytes(randomness, "big"), ID_LENGTH + SECRET_LENGTH)
    return Key(mode, text[:ID_LENGTH], text[ID_LENGTH:])


def parse(text: str) -> Key | None:
    """The key in `text`, or None when its form or its checksum is wrong."""
    parts = text.split("_")
    if len(parts) != 4 or parts[0] != "pk" or parts[1] not in ("live", "test") or not text.isascii():
        return None
    secret, check = parts[3][:-CHECK_LENGTH], parts[3][-CHECK_LENGTH:]
    if len(parts[2]) != ID_LENGTH or len(secret) != SECRET_LENGTH:
        return None
    if not hmac.compare_digest(_check(text[:-CHECK_LENGTH]), check):
        return None
    return Key("live" if parts[1] == "live" else "test", parts[2], secret)


def _check(text: str) -> str:
    return _base62(zlib.crc32(text.encode()), CHECK_LENGTH)


def _base62(number: int, length: int) -> str:
    digits = []
    for _ in range(length):
        number, digit = divmod(number, 62)
        digits.append(_ALPHABET[digit])
    return "".join(reversed(digits))
