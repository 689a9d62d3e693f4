"""The night's tour of the books: every account once, whatever happens in between."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from packshot.aws.audit import Drift
from packshot.errors import PackshotError, Stale, not_found
from packshot.steps.reconcile import WORK_MS, Auditor, reconcile
from packshot.tour import DAY_MS, LASTS_MS, Tour

NIGHT = 20_000 * DAY_MS


class Killed(BaseException):
    """The function's time is up."""


@dataclass
class Night:
    """Accounts a to e, of which `wrong` have drifts; reading one takes `takes` ms."""

    names: tuple[str, ...] = ("a", "b", "c", "d", "e")
    wrong: dict[str, int | BaseException] = field(default_factory=dict)
    takes: int = 1000
    clock: int = NIGHT
    row: Tour = field(default_factory=Tour)
    looked: list[str] = field(default_factory=list)
    stale: int = 0

    def now(self) -> int:
        return self.clock

    def after(self, account: str) -> Iterator[str]:
        return iter([name for name in self.names if name > account])

    def verify(self, account: str) -> tuple[Drift, ...]:
        self.clock += self.takes
        self.looked.append(account)
        wrong = self.wrong.get(account, 0)
        if isinstance(wrong, BaseException):
            raise wrong
        return (Drift("account", "monthly", "1", "2"),) * wrong

    def read(self) -> Tour:
        return self.row

    def write(self, before: Tour, after: Tour) -> None:
        if before.step != self.row.step or self.stale == 1:
            raise Stale("tour")
        self.stale = max(0, self.stale - 1)
        self.row = after

    def run(self) -> dict[str, int]:
        return reconcile(function="books", room=Auditor(self, self, self.now))


def test_every_account_is_looked_at_once_a_night() -> None:
    night = Night()
    assert night.run() == {"accounts": 5, "drifts": 0, "unread": 0}
    assert (night.looked, night.row.done) == (list("abcde"), True)
    night.clock += 900_000
    assert night.run()["accounts"] == 0
    night.clock = NIGHT + DAY_MS
    assert night.run()["accounts"] == 5
    assert night.looked == list("abcdeabcde")


def test_what_disagrees_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    night = Night(wrong={"b": 2, "d": 1})
    assert night.run() == {"accounts": 5, "drifts": 3, "unread": 0}
    said = capsys.readouterr().out
    assert said.count("the books disagree") == 3
    assert '"account":"d","row":"account","field":"monthly","apart":1' in said
    assert '"BookDrifts":3' in said
    assert '"function":"books"' in said


def test_a_run_ends_in_time_and_the_next_goes_on() -> None:
    night = Night(takes=WORK_MS // 2)
    assert night.run()["accounts"] == 2
    assert not night.row.done
    assert night.run()["accounts"] == 2
    assert night.run()["accounts"] == 1
    assert (night.looked, night.row.done, night.row.accounts) == (list("abcde"), True, 5)


def test_a_tour_that_takes_longer_than_a_night_is_finished_first() -> None:
    night = Night(takes=WORK_MS)
    night.run()
    night.clock += DAY_MS
    for _ in range(4):
        night.run()
    assert (night.looked, night.row.done) == (list("abcde"), True)


def test_an_account_whose_books_cannot_be_read_is_counted_and_the_others_are_read() -> None:
    night = Night(wrong={"b": PackshotError("a newer schema"), "c": not_found()})
    assert night.run() == {"accounts": 5, "drifts": 1, "unread": 1}
    assert night.looked == list("abcde")


def test_an_account_that_takes_too_long_is_tried_twice_and_keeps_nobody_back() -> None:
    night = Night(wrong={"c": Killed()})
    for _ in range(2):
        with pytest.raises(Killed):
            night.run()
        assert night.run()["accounts"] == 0  # the one that was killed may still be at work
        night.clock += LASTS_MS
    assert night.run() == {"accounts": 3, "drifts": 0, "unread": 1}
    assert night.looked == list("abccde")
    assert night.row.done


def test_of_two_runs_at_once_one_gives_way() -> None:
    night = Night()
    night.row = Tour().night(NIGHT).begin("a", NIGHT - 1)
    assert night.run() == {"accounts": 0, "drifts": 0, "unread": 0}
    late = Night(stale=3)
    assert late.run() == {"accounts": 0, "drifts": 0, "unread": 0}
    assert late.looked == ["a", "b"]
