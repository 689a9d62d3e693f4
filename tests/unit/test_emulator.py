"""tools/emulator.py: each correction by itself, and the places in ministack that they are put into."""

from __future__ import annotations

import json
import os
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

import emulator
import pytest

ROOT = Path(__file__).resolve().parents[2]
PYTHON = ROOT / ".tools" / "emulator" / "bin" / "python"


class Crowd:
    """Counts how many are inside at once; nobody leaves before `size` have come, or 5 s have passed."""

    def __init__(self, size: int) -> None:
        self.lock, self.full = threading.Lock(), threading.Event()
        self.size = size
        self.inside = self.most = 0

    def enter(self, function: dict[str, Any], event: Any, request_id: str) -> None:
        """Be inside for a moment."""
        with self.lock:
            self.inside += 1
            self.most = max(self.most, self.inside)
            if self.inside == self.size:
                self.full.set()
        self.full.wait(5)
        time.sleep(0.02)  # for one too many to show
        with self.lock:
            self.inside -= 1


@pytest.mark.parametrize(("timeout", "most"), [(10, 2), (660, 2 * emulator.LONG_FACTOR)])
def test_a_function_has_so_many_workers(timeout: int, most: int) -> None:
    crowd = Crowd(most)
    execute = emulator.Turnstile(2).wrap(crowd.enter)
    function = {"config": {"FunctionArn": "one", "Timeout": timeout}}
    callers = [threading.Thread(target=execute, args=(function, {}, str(n))) for n in range(16)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert crowd.most == most


def test_functions_do_not_wait_for_each_other() -> None:
    turnstile = emulator.Turnstile(1)
    with turnstile.gate({"FunctionArn": "one"}):
        assert turnstile.gate({"FunctionArn": "two"}).acquire(blocking=False)
        assert not turnstile.gate({"FunctionArn": "one"}).acquire(blocking=False)


def test_a_failing_call_makes_room() -> None:
    def fail(function: dict[str, Any], event: Any, request_id: str) -> None:
        raise OSError

    execute = emulator.Turnstile(1).wrap(fail)
    for _ in range(3):
        with pytest.raises(OSError):
            execute({"FunctionArn": "one"}, {}, "")


def test_the_stream_is_read_on_another_thread() -> None:
    wake, seen = threading.Event(), threading.Semaphore(0)
    threads: list[str] = []

    def poll() -> bool:
        threads.append(threading.current_thread().name)
        seen.release()
        return False

    nothing = emulator.read_streams_apart(poll, wake)
    assert nothing() is False
    assert nothing() is False
    assert seen.acquire(timeout=5)
    time.sleep(0.05)
    wake.set()
    assert seen.acquire(timeout=emulator.STREAM_PAUSE / 2)  # at once, not after the pause
    assert wake.is_set()
    assert set(threads) == {"packshot-streams"}


def test_a_definition_in_yaml_becomes_json() -> None:
    text = (ROOT / "statemachines" / "poller.asl.yaml").read_text()
    assert json.loads(emulator.definition_as_json(text))["StartAt"] == "Begin"
    assert emulator.definition_as_json('{"StartAt":  "X"}') == '{"StartAt":  "X"}'


def test_an_event_of_s3_gets_its_version() -> None:
    sent: list[dict[str, Any]] = []
    versions = emulator.Versions()
    dispatch = versions.add(sent.append)

    def fire(name: str, *, version_id: str | None = None) -> None:
        dispatch({"Source": name, "Detail": json.dumps({"object": {"key": "k"}})})

    noted = versions.remember(fire)
    noted("aws.s3", version_id="v1")
    noted("aws.s3")
    noted("packshot", version_id="v1")
    assert [json.loads(event["Detail"])["object"] for event in sent] == [
        {"key": "k", "version-id": "v1"},
        {"key": "k"},
        {"key": "k"},
    ]


def test_the_places_are_where_they_were() -> None:
    """A new ministack must be looked at before it is used: the pin, and every name that is replaced."""
    script = """
import inspect
from ministack.core import lambda_runtime as runtime
from ministack.services import eventbridge, lambda_svc, s3
from ministack.services.cloudformation import provisioners
import emulator
emulator.correct("/bare/python", 4)
assert runtime._detect_runtime_binary("python3.13") == ("/bare/python", runtime._PYTHON_WORKER_SCRIPT)
assert runtime._detect_runtime_binary("nodejs22.x")[0] == "node"
assert "sys.executable" not in inspect.getsource(runtime.Worker)
assert "_execute_function_warm(" in inspect.getsource(lambda_svc)
assert "_poll_dynamodb_streams()" in inspect.getsource(lambda_svc._poll_loop)
assert "esm_wake" in inspect.getsource(lambda_svc)
assert "_sfn_definition(props)" in inspect.getsource(provisioners)
assert "_fire_s3_event(" in inspect.getsource(s3) and "_eb._dispatch_event(" in inspect.getsource(s3)
assert "version_id=" in inspect.getsource(s3)
assert "_dispatch_event" in dir(eventbridge)
print("as expected")
"""
    done = subprocess.run([PYTHON, "-c", script], cwd=ROOT / "tools", text=True, capture_output=True, check=False)
    assert done.stdout == "as expected\n", done.stderr


def test_a_function_with_a_whole_vcpu_gets_no_more_processes_than_there_are_cores(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    gate = emulator.Turnstile(4).gate({"FunctionArn": "big", "MemorySize": 3008})
    assert [gate.acquire(blocking=False) for _ in range(3)] == [True, True, False]
