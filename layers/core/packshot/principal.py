"""Who calls: a key's account, what the key may do, and how often."""

from dataclasses import dataclass
from typing import Literal

from packshot.job import Credits


@dataclass(frozen=True, slots=True)
class Principal:
    """A caller whose key was good. `rpm` and `burst` are the key's rate limit in requests.

    `balance` is what the account had when the key was looked up: a hint, up to a minute old.
    """

    account: str
    key_id: str
    mode: Literal["live", "test"]
    scopes: frozenset[str]
    rpm: int = 60
    burst: int = 20
    balance: Credits | None = None

    @property
    def test(self) -> bool:
        """A test key spends nothing and runs on the built-in studio only."""
        return self.mode == "test"
