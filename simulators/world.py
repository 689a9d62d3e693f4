"""What the simulators share: time, settings, logs, work to be done later, and the way out.

A test may put its own clock in place (`Still`), so that a simulated provider's minutes pass in no time.
"""

import heapq
import itertools
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from simulators import wire

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
    "behave": {},  # simulator -> directives for each of its requests, as in a prompt: {"photoroom": "[[sim:402]]"}
}


class World:
    """One per server."""

    def __init__(self, **settings: Any) -> None:
        self.base = {**DEFAULTS, **settings}
        self.settings = dict(self.base)
        self.requests: list[dict[str, Any]] = []
        self.webhooks: list[dict[str, Any]] = []
        self.seen: Counter[str] = Counter()
        self.stopping = threading.Event()
        self.lock = threading.RLock()
        self.era = 0  # work planned before a reset is dropped
        self._work: list[tuple[float, int, int, Callable[[], None]]] = []
        self._number = itertools.count()
        self._wake = threading.Condition()
        self._pool = ThreadPoolExecutor(16, "simulator")
        self._begin()

    def _begin(self) -> None:
        threading.Thread(target=self._run, name="simulator-clock", daemon=True).start()

    # --- time --------------------------------------------------------------------------------------------------------
    def now(self) -> float:
        """Seconds since 1970."""
        return time.time()

    def sleep(self, seconds: float) -> None:
        """Let whoever asked wait."""
        self.stopping.wait(max(0.0, seconds))

    def later(self, seconds: float, work: Callable[[], None]) -> None:
        """Do `work` in a while, on a thread of the pool."""
        with self._wake:
            heapq.heappush(self._work, (time.monotonic() + seconds, next(self._number), self.era, work))
            self._wake.notify()

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

    # --- the way out -------------------------------------------------------------------------------------------------
    def fetch(self, url: str) -> bytes:
        """An input picture, from the web or out of a data URI. Raises OSError."""
        return wire.fetch(url)

    def post(self, url: str, headers: Mapping[str, str], body: bytes) -> int | str:
        """Deliver a webhook once. The status, or what went wrong."""
        return wire.post(url, headers, body)

    # --- memory ------------------------------------------------------------------------------------------------------
    def first(self, key: str, times: int = 1) -> bool:
        """Whether this happens for one of the first `times` times."""
        with self.lock:
            self.seen[key] += 1
            return self.seen[key] <= times

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
        self.seen.clear()
        self.settings = dict(self.base)

    def stop(self) -> None:
        """Let every waiting thread go."""
        self.stopping.set()
        with self._wake:
            self._wake.notify()
        self._pool.shutdown(wait=False, cancel_futures=True)


class Still(World):
    """A world whose time stands still until somebody else's clock moves: `clock` gives s since 1970, `pass_` moves it.

    Nothing happens by itself: `tick` does what is due. `reach` and `tell` stand for the network.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        pass_: Callable[[float], None],
        reach: Callable[[str], bytes],
        tell: Callable[[str, Mapping[str, str], bytes], int | str],
        **settings: Any,
    ) -> None:
        super().__init__(**settings)
        self._clock, self._pass, self._reach, self._tell = clock, pass_, reach, tell

    def _begin(self) -> None:
        """No thread."""

    def now(self) -> float:
        """The other clock's time."""
        return self._clock()

    def sleep(self, seconds: float) -> None:
        """The other clock moves."""
        self._pass(max(0.0, seconds))

    def later(self, seconds: float, work: Callable[[], None]) -> None:
        """Keep `work` until it is due."""
        heapq.heappush(self._work, (self.now() + seconds, next(self._number), self.era, work))

    def tick(self) -> bool:
        """Do what is due by now. Whether anything was."""
        done = False
        while self._work and self._work[0][0] <= self.now():
            _, _, era, work = heapq.heappop(self._work)
            if era == self.era:
                work()
                done = True
        return done

    def fetch(self, url: str) -> bytes:
        """As the test says; data URIs as ever."""
        return super().fetch(url) if url.startswith("data:") else self._reach(url)

    def post(self, url: str, headers: Mapping[str, str], body: bytes) -> int | str:
        """To the test."""
        return self._tell(url, headers, body)
