"""Start ministack, the local AWS, with five corrections towards how AWS behaves. `tools/local.py` runs this.

    GATEWAY_PORT=4566 BIND_HOST=127.0.0.1 .tools/emulator/bin/python tools/emulator.py

1. A function runs on PACKSHOT_LAMBDA_PYTHON, a bare interpreter: what it imports must come from its layers. As
   published, it runs on the emulator's own interpreter and can import the emulator's packages.
2. A function has at most PACKSHOT_WORKERS processes (one that may hold a caller for minutes: four times as many; one
   that is given a whole vCPU: as many as there are cores), and a call beyond that waits. As published, every concurrent
   call starts one more process; a burst starves the machine.
3. The table's stream is read on a thread of its own. As published, one thread reads all sources and calls the stream's
   function itself, so a slow relay stops every queue.
4. A state machine may be written in YAML. As published, such a definition deploys and then fails every execution.
5. An S3 event says which version of the object it is about. As published, it does not.

The corrections reach into ministack's inside, so the version is checked first. tests/e2e/test_emulator.py shows that
each is in force, and tests/unit/test_emulator.py that the places they touch look as expected.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Mapping
from importlib.metadata import version
from typing import Any

MINISTACK = "1.5.33"
LONG = 300  # seconds; a function that may take longer than this keeps callers waiting on purpose
LONG_FACTOR = 4
WHOLE_VCPU = 1769  # MB of memory that come with one vCPU
STREAM_PAUSE = 1.0  # seconds without news from the stream before it is looked at anyway


class Turnstile:
    """Lets a number of calls of each function in at a time; the others wait."""

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self.lock = threading.Lock()
        self.gates: dict[str, threading.Semaphore] = {}

    def gate(self, config: dict[str, Any]) -> threading.Semaphore:
        """The gate of one function."""
        timeout = float(config.get("Timeout", 3))
        places = self.workers * (LONG_FACTOR if timeout > LONG else 1)
        if int(config.get("MemorySize", 128)) >= WHOLE_VCPU:
            places = min(places, max(2, os.cpu_count() or 2))
        with self.lock:
            return self.gates.setdefault(str(config.get("FunctionArn")), threading.Semaphore(places))

    def wrap(self, execute: Callable[[dict[str, Any], Any, str], Any]) -> Callable[[dict[str, Any], Any, str], Any]:
        """The same execution, behind the gate."""

        def waiting(function: dict[str, Any], event: Any, request_id: str) -> Any:
            with self.gate(function.get("config") or function):
                return execute(function, event, request_id)

        return waiting


def read_streams_apart(poll: Callable[[], bool], wake: threading.Event) -> Callable[[], bool]:
    """Run `poll` on its own thread whenever `wake` is set; return what the common thread is to call instead."""
    news = threading.Event()
    rouse = wake.set

    def both() -> None:
        rouse()
        news.set()

    wake.set = both  # type: ignore[method-assign]
    started = threading.Lock()

    def loop() -> None:
        while True:
            news.clear()
            if not poll():
                news.wait(STREAM_PAUSE)

    def nothing() -> bool:
        if started.acquire(blocking=False):
            threading.Thread(target=loop, name="packshot-streams", daemon=True).start()
        return False

    return nothing


def definition_as_json(definition: str) -> str:
    """A state machine's definition as the interpreter wants it: JSON."""
    try:
        json.loads(definition)
    except ValueError:
        import yaml

        return json.dumps(yaml.safe_load(definition))
    return definition


class Versions:
    """Carries the version of an S3 object from the upload to the event about it, which one thread makes."""

    def __init__(self) -> None:
        self.current = threading.local()

    def remember(self, fire: Callable[..., None]) -> Callable[..., None]:
        """The same notification, with its version noted."""

        def noting(*arguments: Any, version_id: str | None = None, **options: Any) -> None:
            self.current.version = version_id
            try:
                fire(*arguments, version_id=version_id, **options)
            finally:
                self.current.version = None

        return noting

    def add(self, dispatch: Callable[..., Any]) -> Callable[..., Any]:
        """The same delivery, with the version in S3's events."""

        def adding(event: Mapping[str, Any], *arguments: Any, **options: Any) -> Any:
            version_id = getattr(self.current, "version", None)
            if version_id and event.get("Source") == "aws.s3":
                detail = json.loads(event["Detail"])
                detail["object"]["version-id"] = version_id
                event = {**event, "Detail": json.dumps(detail)}
            return dispatch(event, *arguments, **options)

        return adding


def correct(python: str, workers: int) -> None:
    """Put the corrections in force."""
    if version("ministack") != MINISTACK:
        raise SystemExit(f"tools/emulator.py corrects ministack {MINISTACK}, this is {version('ministack')}")
    from ministack.core import lambda_runtime
    from ministack.services import eventbridge, lambda_svc, s3
    from ministack.services.cloudformation import provisioners

    script = lambda_runtime._PYTHON_WORKER_SCRIPT
    detect = lambda_runtime._detect_runtime_binary
    lambda_runtime._detect_runtime_binary = lambda runtime: (
        (python, script) if runtime.startswith("python") else detect(runtime)
    )
    lambda_svc._execute_function_warm = Turnstile(workers).wrap(lambda_svc._execute_function_warm)
    lambda_svc._poll_dynamodb_streams = read_streams_apart(lambda_svc._poll_dynamodb_streams, lambda_svc.esm_wake)
    define = provisioners._sfn_definition
    provisioners._sfn_definition = lambda properties: definition_as_json(define(properties))
    versions = Versions()
    s3._fire_s3_event = versions.remember(s3._fire_s3_event)
    eventbridge._dispatch_event = versions.add(eventbridge._dispatch_event)


def main() -> None:
    """Correct, then serve until a signal comes."""
    correct(os.environ["PACKSHOT_LAMBDA_PYTHON"], int(os.environ.get("PACKSHOT_WORKERS", "4")))
    from ministack.app import main as serve

    serve()


if __name__ == "__main__":
    main()
