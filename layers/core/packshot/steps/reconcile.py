"""Every night: each account's books recomputed from their rows, one account at a time. It tells, it never repairs."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from packshot import observe
from packshot.errors import CallerError, Stale
from packshot.tour import TRIES, Tour

WORK_MS = 600_000
"""No account is begun later than this in a run: the last one has the rest of the function's time."""

TOLD = 100
"""How many drifts of one account are told by name: one broken job can shift all sums."""


class Drift(Protocol):
    """A field that says something else than it must."""

    @property
    def row(self) -> str: ...

    @property
    def field(self) -> str: ...

    @property
    def apart(self) -> int | None: ...


class Books(Protocol):
    """The accounts and their rows."""

    def after(self, account: str) -> Iterator[str]:
        """The ids that come after an account's, in order."""
        ...

    def verify(self, account: str) -> Sequence[Drift]:
        """All that disagrees in an account's rows."""
        ...


class Tours(Protocol):
    """How far the tour has come."""

    def read(self) -> Tour:
        """As it stands."""
        ...

    def write(self, before: Tour, after: Tour) -> None:
        """The next step. Raises Stale when somebody else made it."""
        ...


@dataclass(frozen=True, slots=True)
class Auditor:
    """What reconciling takes; `now` in ms."""

    books: Books
    tours: Tours
    now: Callable[[], int]


def reconcile(*, function: str, room: Auditor) -> dict[str, int]:
    """Go on with the night's tour as far as the time reaches. Returns what this run found, by kind.

    `function` is whose metrics these are: a stack's alarm must not ring for another stack's books.
    """
    begun, stored = room.now(), room.tours.read()
    tour = stored.night(begun)
    if tour.done or tour.held(begun):
        return {"accounts": 0, "drifts": 0, "unread": 0}
    before = tour
    try:
        tour = _go_on(stored, tour, begun, room)
    except Stale:  # two runs at once: the other one has the tour
        return {"accounts": 0, "drifts": 0, "unread": 0}
    names = ("accounts", "drifts", "unread")
    found = {name: getattr(tour, name) - getattr(before, name) for name in names}
    told = {"BooksRead": found["accounts"], "BookDrifts": found["drifts"], "BooksUnread": found["unread"]}
    observe.metric(told, function=function)
    observe.log("reconciled", found=found, done=tour.done, at=tour.at)
    return found


def _go_on(stored: Tour, tour: Tour, begun: int, room: Auditor) -> Tour:
    for account in room.books.after(tour.at):
        if room.now() - begun >= WORK_MS:
            return _write(stored, tour.rest(done=False), room)
        begins = tour.begin(account, room.now())
        tour = stored = _write(stored, begins, room)
        if tour.tries > TRIES:
            observe.log("the books of an account take longer than there is time", "ERROR", account=account)
            tour = tour.end(0, read=False)
        else:
            tour = _look(tour, account, room)
    return _write(stored, tour.rest(done=True), room)


def _write(stored: Tour, tour: Tour, room: Auditor) -> Tour:
    room.tours.write(stored, tour)
    return tour


def _look(tour: Tour, account: str, room: Auditor) -> Tour:
    try:
        drifts = room.books.verify(account)
    except CallerError:
        observe.log("an account is in the register and has no row", "ERROR", account=account)
        return tour.end(1)
    except Exception as error:  # noqa: BLE001
        observe.log("the books of an account cannot be read", "ERROR", account=account, error=type(error).__name__)
        return tour.end(0, read=False)
    for drift in drifts[:TOLD]:  # no texts: what stands there may be a caller's
        observe.log("the books disagree", "ERROR", account=account, row=drift.row, field=drift.field, apart=drift.apart)
    return tour.end(len(drifts))
