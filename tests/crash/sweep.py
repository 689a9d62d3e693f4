"""Every scenario, at every call every fault: the run that is well goes on, and at each call a copy of it goes wrong.

A copy is a forked process: it has the same past, meets its fault, and lives until nothing moves any more. So a point
costs only what comes after its fault, and no run can touch another.
"""

import gc
import json
import os
import select
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.crash import coverage
from tests.crash.faults import Call
from tests.crash.invariants import broken
from tests.crash.scenarios import SCENARIOS, Scenario
from tests.crash.stage import Stage, stage

PATIENCE = 120
"""Seconds that one run may take: whatever takes longer hangs."""

PROCESSES = 2
ASKED = frozenset({"submit", "upload"})
"""Functions that make jobs: where one of these went wrong, whoever asked asks again."""


@dataclass
class Found:
    """What some runs have shown. `wrong`: (where, sentence); `pairs`: (function, call), where a call is what botocore
    sends (`service.Operation`), what goes out (`http.…`), or what IAM must allow for it (`service:Action`)."""

    points: int = 0
    wrong: list[tuple[str, str]] = field(default_factory=list)
    pairs: set[tuple[str, str]] = field(default_factory=set)
    note: Any = None

    def add(self, other: "Found") -> None:
        """Take in what another run has shown."""
        self.points += other.points
        self.wrong += other.wrong
        self.pairs |= other.pairs

    def dump(self) -> bytes:
        """As it goes through a pipe."""
        return json.dumps([self.points, self.wrong, sorted(self.pairs), self.note]).encode()

    @classmethod
    def load(cls, data: bytes) -> "Found":
        """As it comes out."""
        points, wrong, pairs, note = json.loads(data)
        return cls(points, [(where, what) for where, what in wrong], {(name, call) for name, call in pairs}, note)


def forked(work: Callable[[], Found], where: str) -> "Child":
    """Work in a copy of this process."""
    reads, writes = os.pipe()
    pid = os.fork()
    if pid:
        os.close(writes)
        return Child(pid, reads, where)
    os.close(reads)
    leave(writes, work)
    raise AssertionError


def leave(pipe: int, work: Callable[[], Found]) -> None:
    """End this process, and tell what the work has shown."""
    try:
        found = work()
    except BaseException:  # noqa: BLE001  # a run must not end its parent's
        found = Found(1, [("", f"the run broke: {traceback.format_exc(limit=-6)}")])
    data = found.dump()
    while data:
        data = data[os.write(pipe, data) :]
    os._exit(0)


@dataclass
class Child:
    """A copy at work."""

    pid: int
    pipe: int
    where: str

    def wait(self) -> Found:
        """What it has shown."""
        data = b""
        while part := os.read(self.pipe, 65536):
            data += part
        os.close(self.pipe)
        os.waitpid(self.pid, 0)
        return Found.load(data) if data else Found(1, [(self.where, "the run hung, or died")])


@dataclass
class Explorer:
    """Plays one scenario, and at each call, for each kind, a copy of the run with that fault."""

    played: Stage
    scenario: Scenario
    wanted: Callable[[Call, str], bool] = lambda call, kind: True
    stop: bool = False
    found: Found = field(default_factory=Found)
    _pipe: int | None = None
    _where: str = ""

    def run(self) -> Found:
        """All of it. In a copy, this does not return."""
        faults = self.played.faults
        faults.ask = self._branch
        try:
            wrong = whole(self.played, self.scenario)
        except BaseException:  # noqa: BLE001
            wrong = [f"the run broke: {traceback.format_exc(limit=-6)}"]
        pairs = {(call.function, call.name) for call in faults.calls if self._cuts(call.function)} | faults.used
        mine = Found(1, [(f"{self.scenario.name} {self._where}".strip(), one) for one in wrong], pairs)
        if self._pipe is not None:
            leave(self._pipe, lambda: mine)
        self.found.add(mine)
        return self.found

    def _cuts(self, function: str) -> bool:
        return not self.scenario.cut or function in self.scenario.cut

    def _branch(self, call: Call) -> str | None:
        for kind in call.kinds:
            if (self.stop and self.found.wrong) or not self.wanted(call, kind) or not self._cuts(call.function):
                continue
            reads, writes = os.pipe()
            pid = os.fork()
            if pid == 0:
                os.close(reads)
                signal.alarm(PATIENCE)
                self.played.faults.ask = None
                self._pipe, self._where = writes, f"{kind} at {call}"
                return kind
            os.close(writes)
            self.found.add(Child(pid, reads, f"{self.scenario.name} {kind} at {call}").wait())
        return None


def whole(played: Stage, scenario: Scenario) -> list[str]:
    """A scenario to its end, and what is broken then."""
    scenario.play(played)
    played.quiet()
    if not played.faults.hit or {call.function for call, _ in played.faults.hit} & ASKED:  # else nothing new is learnt
        played.again()
        played.quiet()
    ends = scenario.ends | (scenario.spoiled if played.faults.hit else frozenset())
    return list(broken(played, ends))


def once(played: Stage, name: str, k: int, kind: str) -> list[str]:
    """One point, in this very process: to look at it."""
    played.faults.at = {k: kind}
    return whole(played, SCENARIOS[name])


def each(tasks: list[tuple[str, Callable[[], Found]]], processes: int = PROCESSES) -> Iterator[tuple[str, Found]]:
    """Every task in a process of its own, so many at a time."""
    running: list[Child] = []
    waiting = list(tasks)
    while waiting or running:
        while waiting and len(running) < processes:
            name, work = waiting.pop(0)
            running.append(forked(work, name))
        child = _first(running)
        running.remove(child)
        yield child.where, child.wait()


def _first(children: list[Child]) -> Child:
    ready, _, _ = select.select([child.pipe for child in children], [], [])
    return next(child for child in children if child.pipe == ready[0])


def sweep(names: list[str], *, parts: int = PROCESSES, say: Callable[[str], Any] = lambda line: None) -> Found:
    """These scenarios, all points."""
    found = Found()
    with stage() as played:
        gc.collect()
        gc.freeze()
        tasks = []
        for name in names:
            for part in range(parts):

                def work(name: str = name, part: int = part) -> Found:
                    gc.disable()
                    # what a function has done before is cut every second time: the soak draws from all
                    chosen = lambda call, kind: call.k % parts == part and (call.new or call.k // parts % 2 == 0)  # noqa: E731
                    return Explorer(played, SCENARIOS[name], chosen).run()

                tasks.append((name, work))
        for name, one in each(tasks):
            say(f"{name:20} {one.points:5} points, {len(one.wrong)} wrong")
            for where, what in one.wrong:
                say(f"  {where}\n      {what}")
            found.add(one)
        gc.unfreeze()
    return found


def main(names: list[str]) -> int:
    """Print what was found; 1 where a promise is broken."""
    began = time.monotonic()
    out: Any = sys.__stdout__
    found = sweep(names or list(SCENARIOS), say=lambda line: print(line, file=out, flush=True))
    if not names:
        found.wrong += [("calls", one) for one in coverage.missing(found.pairs)]
        for where, what in found.wrong:
            if where == "calls":
                print(f"  {what}", file=out)
        coverage.SEEN.parent.mkdir(parents=True, exist_ok=True)
        coverage.write(found.pairs, coverage.SEEN)
    print(f"{found.points} points, {len(found.wrong)} wrong, {time.monotonic() - began:.0f} s", file=out)
    return 1 if found.wrong else 0
