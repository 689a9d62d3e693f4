"""A tour of the books: how far the night's look at all accounts has come. Pure."""

from dataclasses import dataclass, replace

DAY_MS = 86_400_000
LASTS_MS = 900_000
"""The longest that one invocation of a function can work."""

TRIES = 2
"""How often one account may be begun: whoever it costs their whole time must not keep back all who come after."""


@dataclass(frozen=True, slots=True)
class Tour:
    """One night's tour: `at` is the last account that is done, `trying` the one that was begun at `begun` (ms) for the
    `tries`th time. `step` counts the writes of the row; `day` is in days since 1970."""

    day: int = -1
    at: str = ""
    trying: str = ""
    begun: int = 0
    tries: int = 0
    accounts: int = 0
    drifts: int = 0
    unread: int = 0
    done: bool = True
    step: int = 0

    def night(self, now: int) -> "Tour":
        """The tour to go on with: a new one once the day has changed and the old one is through."""
        return Tour(now // DAY_MS, done=False, step=self.step) if self.done and self.day < now // DAY_MS else self

    def held(self, now: int) -> bool:
        """Whether somebody may still be reading the account that was begun."""
        return bool(self.trying) and now - self.begun < LASTS_MS

    def begin(self, account: str, now: int) -> "Tour":
        """The next account, or the same once more."""
        tries = self.tries + 1 if account == self.trying else 1
        return replace(self, trying=account, begun=now, tries=tries, step=self.step + 1)

    def end(self, drifts: int, *, read: bool = True) -> "Tour":
        """The account is done with; the row says so with its next write."""
        return replace(
            self,
            at=self.trying,
            trying="",
            tries=0,
            accounts=self.accounts + 1,
            drifts=self.drifts + drifts,
            unread=self.unread + (not read),
        )

    def rest(self, *, done: bool) -> "Tour":
        """Nothing more in this run."""
        return replace(self, done=done, step=self.step + 1)
