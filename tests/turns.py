"""Several callers at once, one step at a time, in an order that the test chooses: races that can be repeated.

Each task runs in a thread of its own, but only one of them runs at any moment: it goes on until it calls `pause`, which
tests put before each request to the store. So requests are atomic, as DynamoDB's are, and everything between is not.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

Choose = Callable[[Sequence[int]], int]
"""Which of these tasks, named by their places, goes on."""


@dataclass
class _Task:
    work: Callable[[], Any]
    go: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    result: Any = None
    ended: bool = False


class Turns:
    """Runs tasks by turns."""

    def __init__(self, choose: Choose) -> None:
        self._choose = choose
        self._rest = threading.Semaphore(0)
        self._own = threading.local()

    def pause(self) -> None:
        """Let another go first. Does nothing outside of a task."""
        task = getattr(self._own, "task", None)
        if task is not None:
            self._rest.release()
            task.go.acquire()

    def run(self, *works: Callable[[], Any]) -> list[Any]:
        """What each task returned, or the exception that it raised."""
        tasks = [_Task(work) for work in works]
        threads = [threading.Thread(target=self._live, args=(task,), daemon=True) for task in tasks]
        for task, thread in zip(tasks, threads, strict=True):  # each up to its first request
            thread.start()
            self._step(task)
        while alive := [place for place, task in enumerate(tasks) if not task.ended]:
            self._step(tasks[self._choose(alive)])
        for thread in threads:
            thread.join()
        return [task.result for task in tasks]

    def _step(self, task: _Task) -> None:
        task.go.release()
        self._rest.acquire()

    def _live(self, task: _Task) -> None:
        self._own.task = task
        task.go.acquire()
        try:
            task.result = task.work()
        except Exception as error:  # noqa: BLE001  # it is what the test looks at
            task.result = error
        task.ended = True
        self._rest.release()


def every_order() -> Iterator[Choose]:
    """One way to choose for each order that there is; what is done with one must not depend on anything but it."""
    script: list[tuple[int, int]] = []
    while True:
        taken: list[tuple[int, int]] = []

        yield partial(_chosen, script, taken)
        while taken and taken[-1][0] + 1 == taken[-1][1]:
            taken.pop()
        if not taken:
            return
        last, size = taken.pop()
        script = [*taken, (last + 1, size)]


def _chosen(script: Sequence[tuple[int, int]], taken: list[tuple[int, int]], alive: Sequence[int]) -> int:
    """As the script says, and after its end the first; what was chosen is noted with the number of choices."""
    place = script[len(taken)][0] if len(taken) < len(script) else 0
    taken.append((place, len(alive)))
    return alive[place]
