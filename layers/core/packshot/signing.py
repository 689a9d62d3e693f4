"""Standard Webhooks 1.0 (standardwebhooks.com), symmetric form: signing what goes out, proving what comes in. Pure.

Signed are the bytes of `id.timestamp.body`. A receiver with a rotated secret gets one signature per secret that is
valid, newest first. Own code and not the `standardwebhooks` package, which answers a malformed header with ValueError
or UnicodeDecodeError where we owe a plain 401; the tests hold the two to the same results.
"""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence

from packshot.errors import Forged

TOLERANCE = 300
"""How far a message's timestamp may lie from our clock, in seconds."""

PREFIX = "whsec_"
MIN_KEY, MAX_KEY = 24, 64
"""The length of a secret's key, in bytes."""

_ID = re.compile(r"[!-\-/-~]{1,256}")  # printable ASCII without the full stop, which would shift the signed fields
_TIMESTAMP = re.compile(r"[1-9][0-9]{0,11}")
_MAX_SIGNATURES = 16
_HEADERS = ("webhook-id", "webhook-timestamp", "webhook-signature")


def new_secret(random_bytes: bytes) -> str:
    """A secret in the form receivers expect, made of 24 to 64 random bytes."""
    if not MIN_KEY <= len(random_bytes) <= MAX_KEY:
        raise ValueError(f"a secret takes {MIN_KEY} to {MAX_KEY} random bytes")
    return PREFIX + base64.b64encode(random_bytes).decode()


def sign(secrets: Sequence[str], message_id: str, timestamp: int, body: bytes) -> str:
    """The value of `webhook-signature`: one v1 signature per secret, in the order given (newest first).

    `timestamp` is in seconds and belongs to the attempt, not to the event.
    """
    if isinstance(secrets, str) or not secrets:
        raise ValueError("signing takes a list of secrets")
    if not _ID.fullmatch(message_id):
        raise ValueError("a message id is 1 to 256 printable characters without a full stop")
    signed = _signed(message_id, str(timestamp), body)
    return " ".join("v1," + base64.b64encode(_mac(_key(secret), signed)).decode() for secret in secrets)


def verify(secrets: str | Sequence[str], headers: Mapping[str, str], body: bytes, now: int) -> None:
    """Return quietly when any of `secrets` signed this body within `TOLERANCE` of `now` (seconds); else raise Forged.

    `body` is the raw bytes as they came. Everything malformed is Forged and nothing else, so that no message can make
    a caller fail in another way. Signatures of unknown versions are passed over, as the standard asks.
    """
    message_id, timestamp, signatures = (_one(headers, name) for name in _HEADERS)
    if not _ID.fullmatch(message_id):
        raise Forged("webhook-id is malformed")
    if not _TIMESTAMP.fullmatch(timestamp):
        raise Forged("webhook-timestamp is malformed")
    if abs(now - int(timestamp)) > TOLERANCE:
        raise Forged("webhook-timestamp is too far from now")
    given = [mac for mac in map(_mac_of, signatures.split(" ", _MAX_SIGNATURES)[:_MAX_SIGNATURES]) if mac is not None]
    signed = _signed(message_id, timestamp, body)
    genuine = False
    for secret in [secrets] if isinstance(secrets, str) else secrets:
        try:
            expected = _mac(_key(secret), signed)
        except ValueError as error:
            raise Forged("a secret of ours is malformed") from error
        for mac in given:
            genuine |= hmac.compare_digest(expected, mac)
    if not genuine:
        raise Forged("no signature matches")


def _one(headers: Mapping[str, str], name: str) -> str:
    """The header's only value. Header names may come in any case, but not twice."""
    values = [value for key, value in headers.items() if key.lower() == name]
    if len(values) != 1 or not values[0]:
        raise Forged(f"{name} is missing, empty or repeated")
    return values[0]


def _mac_of(entry: str) -> bytes | None:
    """The MAC in a `v1,<base64>` entry; None for every other version and for whatever is malformed."""
    version, _, text = entry.partition(",")
    if version != "v1":
        return None
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None


def _key(secret: str) -> bytes:
    encoded = secret.removeprefix(PREFIX)
    try:
        key = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError("a secret is whsec_ and base64") from error
    if not MIN_KEY <= len(key) <= MAX_KEY:
        raise ValueError(f"a secret holds {MIN_KEY} to {MAX_KEY} bytes")
    return key


def _signed(message_id: str, timestamp: str, body: bytes) -> bytes:
    return f"{message_id}.{timestamp}.".encode() + body


def _mac(key: bytes, signed: bytes) -> bytes:
    return hmac.digest(key, signed, hashlib.sha256)
