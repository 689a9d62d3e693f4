"""What the simulators share: settings, logs, and work to be done later."""

import heapq
import itertools
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

KEPT = 20_000  # entries of each log

DEFAULTS: Mapping[str, Any] = {
    "latency": 0.6,  # seconds from create to result
    "webhook": "normal",  # or any value of the webhook directive
    "late": 15.0,  # seconds that a late webhook is late
    "retries": [2.0, 5.0, 12.0, 25.0],  # seconds before each further try of a webhook
    "retry_after": 1,  # seconds, in a 429; null leaves the header out
    "hang": 120.0,  # seconds before a call that hangs is cut
    "inputs": "strict",  # or lenient: an input picture that cannot be fetched is left out instead of failing
    "retention": 3600.0,  # seconds until results are deleted
}


class World:
    """One per server."""

    def __init__(self, **settings: Any) -> None:
        self.base = {**DEFAULTS, **settings}
        self.settings = dict(self.base)
        self.requests: list[dict[str, Any]] = []
        self.webhooks: list[dict[str, Any]] = []
        self.stopping = threading.Event()
        self.era = 0  # work planned before a reset is dropped
        self._work: list[tuple[float, int, int, Callable[[], None]]] = []
        self._number = itertools.count()
        self._wake = threading.Condition()
        self._pool = ThreadPoolExecutor(16, "simulator")
        threading.Thread(target=self._run, name="simulator-clock", daemon=True).start()

    def later(self, seconds: float, work: Callable[[], None]) -> None:
        """Do `work` in a while, on a thread of the pool."""
        with self._wake:
            heapq.heappush(self._work, (time.monotonic() + seconds, next(self._number), self.era, work))
            self._wake.notify()

    def note(self, log: list[dict[str, Any]], entry: dict[str, Any]) -> None:
        """Append to a log, dropping its oldest half when it is full."""
        if len(log) >= KEPT:
            del log[: KEPT // 2]
        log.append(entry)

    def reset(self) -> None:
        """Back to the beginning."""
        with self._wake:
            self.era += 1
            self._work.clear()
        self.requests.clear()
        self.webhooks.clear()
        self.settings = dict(self.base)

    def stop(self) -> None:
        """Let every waiting thread go."""
        self.stopping.set()
        with self._wake:
            self._wake.notify()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _run(self) -> None:
        while not self.stopping.is_set():
            with self._wake:
                now = time.monotonic()
                if not self._work or self._work[0][0] > now:
                    self._wake.wait(self._work[0][0] - now if self._work else None)
                    continue
                _, _, era, work = heapq.heappop(self._work)
            if era == self.era and not self.stopping.is_set():
                self._pool.submit(work)
