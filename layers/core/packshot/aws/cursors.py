"""Cursors of lists: where a page ended, bound to the account and to the list they came from.

The binding is a checksum, not a secret: the partition that is read always comes from the caller's key, so a forged
cursor shows nobody anything but rows of their own.
"""

import base64
import binascii
import hashlib
import hmac

from packshot.errors import CallerError


def make(account: str, listing: str, last: str) -> str:
    """The cursor after the row `last`."""
    return base64.urlsafe_b64encode(_mark(account, listing, last) + last.encode()).rstrip(b"=").decode()


def read(account: str, listing: str, cursor: str) -> str:
    """The row that a cursor stands after. Raises CallerError when it is not one of this account's list."""
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        last = raw[9:].decode("ascii")
    except (binascii.Error, ValueError):
        raise _bad() from None
    if not last or not hmac.compare_digest(make(account, listing, last), cursor):
        raise _bad()
    return last


def _mark(account: str, listing: str, last: str) -> bytes:
    return hashlib.sha256(f"{account}\n{listing}\n{last}".encode()).digest()[:9]


def _bad() -> CallerError:
    return CallerError("invalid_field", "This cursor is not from this list.", field="cursor")
