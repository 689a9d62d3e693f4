"""Who calls: a key's account, what the key may do, and how often."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from packshot.job import Cap, Credits

STATUSES = ("active", "trialing", "past_due", "canceled", "suspended")
"""What an account can be; the keys of a suspended one are dead."""

SPENDING = ("active", "trialing")
"""Of these, those that may take new jobs; the others may look."""


@dataclass(frozen=True, slots=True)
class Principal:
    """A caller whose key was good. `rpm` and `burst` are the key's rate limit in requests.

    What follows is of the account as it was when the key was looked up, up to a minute ago: `balance`, a hint;
    `status`, which says whether it may spend; `models`, what it uses per operation where a caller names no model;
    `own`, the providers it has keys of its own for. `prefer` is how this key wants routes chosen. `caps` are the
    month's budgets that apply, by whose they are: `account`, or the key's id.
    """

    account: str
    key_id: str
    mode: Literal["live", "test"]
    scopes: frozenset[str]
    rpm: int = 60
    burst: int = 20
    balance: Credits | None = None
    status: str = "active"
    models: Mapping[str, str] = field(default_factory=dict)
    own: tuple[str, ...] = ()
    prefer: str | None = None
    caps: Mapping[str, Cap] = field(default_factory=dict)

    @property
    def test(self) -> bool:
        """A test key spends nothing and runs on the built-in studio only."""
        return self.mode == "test"
