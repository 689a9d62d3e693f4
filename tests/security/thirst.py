"""Run alone, as a process of its own: fetch, send and post to addresses given as JSON; how long each took, what came of
it, and how far memory rose above where it stood."""

import json
import sys
import time
from pathlib import Path

from packshot.egress import Egress, FetchFailed, NoAnswer, NotSent
from packshot.wire import Request
from tests.security.weigh import forget_peak, peak

HERE = ("127.0.0.1",)


def waited() -> float:
    """Seconds that this thread was ready and another process had the machine: none of our doing."""
    try:
        return int(Path("/proc/thread-self/schedstat").read_text().split()[1]) / 1e9
    except (OSError, IndexError):
        return 0.0


def once(out: Egress, way: str, url: str, seconds: float) -> str:
    try:
        if way == "send":
            done = out.send(Request("GET", url), hosts=HERE, seconds=seconds, max_bytes=8_000_000)
            return f"answer {done.status} {len(done.body)}"
        if way == "post":
            return f"posted {out.post(url, {}, b'{}', seconds=seconds).status}"
        hosts = HERE if way == "output" else None
        return f"picture {len(out.fetch(url, hosts=hosts, seconds=seconds))}"
    except FetchFailed as error:
        return error.code
    except (NotSent, NoAnswer) as error:
        return f"{type(error).__name__} {error.reason}"


def main() -> None:
    tasks = json.loads(sys.argv[1])
    out = Egress(local=True)
    once(out, "input", "http://127.0.0.1:8600/nobody", 1)  # what is imported late is imported now
    for name, way, url, seconds in tasks:
        forget_peak()
        stood, began, ready = peak(), time.monotonic(), waited()
        came = once(out, way, url, seconds)
        took, kept = time.monotonic() - began, waited() - ready
        report = {"name": name, "way": way, "came": came, "seconds": took - kept, "kept": kept, "mb": peak() - stood}
        print(json.dumps(report), flush=True)


if __name__ == "__main__":
    main()
