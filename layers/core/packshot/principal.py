"""Who calls: a key's account, what the key may do, and how often."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Principal:
    """A caller whose key was good. `rpm` and `burst` are the key's rate limit in requests."""

    account: str
    key_id: str
    mode: Literal["live", "test"]
    scopes: frozenset[str]
    rpm: int = 60
    burst: int = 20

    @property
    def test(self) -> bool:
        """A test key spends nothing and runs on the built-in studio only."""
        return self.mode == "test"
