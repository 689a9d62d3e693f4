"""A small deterministic interpreter of Amazon States Language: enough to run our own definitions with a fake clock.

Task, Choice, Wait, Pass, Succeed, Fail, Retry and Catch in JSONPath, with the few intrinsics that the definitions use.
Source: states-language.net/spec.html. What it does not know it refuses, so a definition cannot outgrow it unnoticed.
"""

import re
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

Task = Callable[[str, dict[str, Any]], Any]
"""(resource, parameters) → result; raises TaskFailed."""

Step = Generator[float, None, tuple[Any, str | None]]
"""Seconds to wait, and at the end (data, the next state's name)."""


class TaskFailed(Exception):
    """A task's failure under its error name."""

    def __init__(self, name: str, cause: str = "") -> None:
        super().__init__(f"{name}: {cause}")
        self.name = name


@dataclass
class Execution:
    """One run: its transitions (state names in order), its output, how it ended."""

    entered: list[str] = field(default_factory=list)
    output: Any = None
    status: str = "RUNNING"


def load(path: Path, **substitutions: str) -> dict[str, Any]:
    """A definition file with its `${Name}` substitutions filled in; an unknown name is an error."""
    text = re.sub(r"\$\{(\w+)\}", lambda match: substitutions[match[1]], path.read_text())
    definition: dict[str, Any] = yaml.safe_load(text)
    return definition


@dataclass
class Machine:
    """A definition, what its tasks do, and how time passes (`sleep` in seconds)."""

    definition: Mapping[str, Any]
    task: Task
    sleep: Callable[[float], None]
    now: Callable[[], str]
    limit: int = 10_000

    def run(self, payload: Any) -> Execution:
        """Run to the end."""
        walk = self.walk(payload)
        while True:
            try:
                self.sleep(next(walk))
            except StopIteration as end:
                ended: Execution = end.value
                return ended

    def walk(self, payload: Any) -> Generator[float, None, Execution]:
        """Run, but let whoever drives it do the waiting: each item is the seconds until it is to go on."""
        execution = Execution()
        context = {"Execution": {"StartTime": self.now(), "Input": payload}}
        name, data = self.definition["StartAt"], payload
        for _ in range(self.limit):
            execution.entered.append(name)
            state = self.definition["States"][name]
            try:
                data, following = yield from self._enter(state, data, context)
            except TaskFailed as error:
                execution.status, execution.output = "FAILED", error.name
                return execution
            if following is None:
                execution.status, execution.output = "SUCCEEDED", data
                return execution
            name = following
        raise AssertionError("the execution does not end")

    def _enter(self, state: Mapping[str, Any], data: Any, context: Mapping[str, Any]) -> Step:
        match state["Type"]:
            case "Pass":
                result = (
                    _fill(state["Parameters"], data, context) if "Parameters" in state else state.get("Result", data)
                )
                return _put(data, state.get("ResultPath", "$"), result), state.get("Next")
            case "Task":
                return (yield from self._task(state, data, context))
            case "Choice":
                for rule in state["Choices"]:
                    if _choose(rule, data, context):
                        return data, rule["Next"]
                return data, state["Default"]
            case "Wait":
                yield _path(state["SecondsPath"], data, context) if "SecondsPath" in state else state["Seconds"]
                return data, state["Next"]
            case "Succeed":
                return data, None
            case "Fail":
                raise TaskFailed(state["Error"], state.get("Cause", ""))
            case other:
                raise NotImplementedError(other)

    def _task(self, state: Mapping[str, Any], data: Any, context: Mapping[str, Any]) -> Step:
        parameters = _fill(state.get("Parameters", {}), data, context)
        tries: dict[int, int] = {}
        while True:
            try:
                result = self.task(state["Resource"], parameters)
                break
            except TaskFailed as error:
                retrier = next(((i, r) for i, r in enumerate(state.get("Retry", [])) if _caught(error.name, r)), None)
                if retrier and tries.get(retrier[0], 0) < retrier[1].get("MaxAttempts", 3):
                    done = tries.get(retrier[0], 0)
                    tries[retrier[0]] = done + 1
                    pause = retrier[1].get("IntervalSeconds", 1) * retrier[1].get("BackoffRate", 2) ** done
                    yield min(pause, retrier[1].get("MaxDelaySeconds", pause))
                    continue
                catcher = next((c for c in state.get("Catch", []) if _caught(error.name, c)), None)
                if catcher is None:
                    raise
                return _put(data, catcher.get("ResultPath", "$"), {"Error": error.name}), catcher["Next"]
        if "ResultSelector" in state:
            result = _fill(state["ResultSelector"], result, context)
        return _put(data, state.get("ResultPath", "$"), result), state.get("Next")


def _caught(name: str, rule: Mapping[str, Any]) -> bool:
    names = rule["ErrorEquals"]
    return name in names or "States.ALL" in names or ("States.TaskFailed" in names and name != "States.Timeout")


def _choose(rule: Mapping[str, Any], data: Any, context: Mapping[str, Any]) -> bool:
    known = {
        "StringEquals": lambda a, b: a == b,
        "BooleanEquals": lambda a, b: a is b,
        "NumericGreaterThan": lambda a, b: a > b,
    }
    (operator,) = set(rule) - {"Variable", "Next"}
    return bool(known[operator](_path(rule["Variable"], data, context), rule[operator]))


def _fill(template: Any, data: Any, context: Mapping[str, Any]) -> Any:
    if not isinstance(template, dict):
        return template
    filled = {}
    for key, value in template.items():
        if key.endswith(".$"):
            filled[key[:-2]] = _path(value, data, context)
        else:
            filled[key] = _fill(value, data, context)
    return filled


def _path(path: Any, data: Any, context: Mapping[str, Any]) -> Any:
    if added := re.fullmatch(r"States\.MathAdd\((\$[\w.$]*), (-?\d+)\)", path):
        return _path(added[1], data, context) + int(added[2])
    found: Any = data
    if path.startswith("$$"):
        path, found = path[1:], context
    for name in path.split(".")[1:]:
        found = found[name]
    return found


def _put(data: Any, path: str | None, result: Any) -> Any:
    if path is None:
        return data
    if path == "$":
        return result
    return {**data, path.removeprefix("$."): result}
