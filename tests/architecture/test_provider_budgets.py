"""What a provider may cost: lines to read, work for a request and for an answer, imports. And that nobody else knows
its name, and that none of its parts is missing.

The times are of the CPU, over the recordings in tests/contract/providers, each input picture with 100 kB.
"""

import ast
import json
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from packshot import providers
from packshot.catalog import models, simulated
from packshot.errors import ProviderError
from packshot.providers import Provider
from packshot.replies import Shot, Source
from packshot.wire import Response
from simulators.server import Simulators
from simulators.world import World
from tests.contract.test_providers import CREDENTIALS, RECORDED, REMOTE, body_of, shot_of

ROOT = Path(__file__).resolve().parents[2]
CORE = ROOT / "layers" / "core" / "packshot"
UPSTREAMS = {
    "aiphotogenerator", "bedrock", "bfl", "claid", "fal", "gemini", "makephotos", "openai", "phota", "photio",
    "photoroom", "productai", "replicate", "stability",
}  # fmt: skip

MEDIAN_LINES, LONGEST = 205, 400
"""Of an upstream's file. The median is what is true now; 120 is the goal. It may only go down."""

MILLISECONDS, TIMES, ROUNDS, KILOBYTES = 2.0, 5, 7, 100

HEAVY = {"numpy", "PIL", "httpx", "cryptography", "botocore", "boto3", "ssrfguard", "pydantic"}
"""Packages that no provider's file loads when it is imported; what needs one imports it where it needs it."""


# ----------------------------------------------------------------------------------------------------------- lines


def test_the_files_are_no_longer_than_they_were() -> None:
    lines = {name: len((CORE / "providers" / f"{name}.py").read_text().splitlines()) for name in UPSTREAMS}
    median = statistics.median(lines.values())
    print(f"lines of an upstream's file: median {median:g}, goal 120,", dict(sorted(lines.items())))
    assert median <= MEDIAN_LINES and max(lines.values()) <= LONGEST


# ------------------------------------------------------------------------------------------------------------- CPU


def recorded(name: str, call: str) -> Iterator[Mapping[str, Any]]:
    """A provider's recordings of one call."""
    for path in sorted((RECORDED / name).glob("*.json")):
        found = json.loads(path.read_bytes())
        if found["call"] == call:
            yield found


def large(source: Source) -> Source:
    """The same input with so many kilobytes."""
    return replace(source, data=bytes(range(250)) * (KILOBYTES * 4))


def action(provider: Provider, made: Mapping[str, Any]) -> Callable[[], object]:
    """What a recording describes, with all but the provider's own part done beforehand."""
    body = body_of(made)
    match made["call"]:
        case "write":
            small = shot_of(made["shot"])
            mask = large(small.mask) if small.mask else None
            shot: Shot = replace(small, inputs=tuple(map(large, small.inputs)), mask=mask)
            return lambda: provider.write(shot, CREDENTIALS, made["webhook"])
        case "read":
            answer = Response(made["status"], made.get("headers", {}), body)
            return lambda: provider.read(answer)
    verify = provider.verify
    assert verify is not None
    return lambda: verify(made["credentials"], made["headers"], body, made["now"])


def milliseconds(act: Callable[[], object]) -> float:
    """CPU time of one run, the median of several rounds; a refusal is an answer too."""
    spent = []
    for _ in range(ROUNDS + 1):
        began = time.process_time()
        for _ in range(TIMES):
            with suppress(ProviderError):
                act()
        spent.append((time.process_time() - began) / TIMES)
    return 1000 * statistics.median(spent[1:])  # the first round compiles patterns and imports


@pytest.mark.parametrize(
    ("name", "call"),
    [(name, call) for name in REMOTE for call in ("write", "read", "verify") if getattr(providers.load(name), call)],
)
def test_a_request_and_an_answer_take_no_time(name: str, call: str) -> None:
    provider = providers.load(name)
    times = [milliseconds(action(provider, made)) for made in recorded(name, call)]
    print(f"{name}.{call}: median {statistics.median(times):.3f} ms CPU, most {max(times):.3f}")
    assert statistics.median(times) <= MILLISECONDS


# --------------------------------------------------------------------------------------------------------- imports

LOADED = "import sys, packshot.providers.{}; print(*sys.modules)"


@pytest.mark.parametrize("name", providers.NAMES)
def test_a_provider_loads_no_other_and_nothing_heavy(name: str) -> None:
    command = [sys.executable, "-c", LOADED.format(name)]
    loaded = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    others = {module for module in loaded if module.startswith("packshot.providers.")}
    assert others == {f"packshot.providers.{name}"}
    assert not HEAVY & {module.partition(".")[0] for module in loaded}


# ----------------------------------------------------------------------------------------------------------- names

NAMED = re.compile(rf"^({'|'.join(providers.NAMES)})$")


def compared(text: str) -> set[str]:
    """Names of providers that a source compares something with, looks for, matches or branches on."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(text)):
        parts: list[ast.AST] = []
        if isinstance(node, ast.Compare):
            parts = [node.left, *node.comparators]
        elif isinstance(node, ast.MatchValue):
            parts = [node.value]
        elif isinstance(node, ast.Call) and getattr(node.func, "attr", "") in ("startswith", "endswith"):
            parts = list(node.args)
        for part in (inner for each in parts for inner in ast.walk(each)):
            if isinstance(part, ast.Constant) and isinstance(part.value, str) and NAMED.match(part.value):
                found.add(part.value)
    return found


def test_nobody_else_compares_the_names_of_providers() -> None:
    files = [path for path in CORE.rglob("*.py") if path.parent != CORE / "providers"]
    files += [*(ROOT / "functions").rglob("*.py"), CORE / "providers" / "__init__.py"]
    assert len(files) > 100
    assert {str(path.relative_to(ROOT)): found for path in files if (found := compared(path.read_text()))} == {}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('route.provider == "fal"', {"fal"}),
        ('"bfl" != name', {"bfl"}),
        ('name in ("openai", "gemini")', {"openai", "gemini"}),
        ('match name:\n    case "phota" | "x":\n        pass', {"phota"}),
        ('name.startswith("claid")', {"claid"}),
        ('provider = "fal"', set()),
        ('"""Neither fal == bfl."""', set()),
        ('kind == "falcon"', set()),
    ],
)
def test_a_comparison_is_seen(text: str, found: set[str]) -> None:
    assert compared(text) == found


# ----------------------------------------------------------------------------------------------------------- whole


def test_the_folder_holds_the_fourteen_upstreams_and_the_studio() -> None:
    assert len(UPSTREAMS) == 14
    assert set(providers.NAMES) == UPSTREAMS | {"studio"}
    assert set(REMOTE) == UPSTREAMS


@pytest.mark.parametrize("name", sorted(UPSTREAMS))
def test_an_upstream_has_all_that_it_needs(name: str) -> None:
    provider, secret = providers.load(name), simulated()[name]
    assert any((RECORDED / name).glob("*.json"))
    assert name in Simulators(World(), "http://127.0.0.1:8600").simulators
    assert any(route.provider == name for model in models().values() for route in model.routes)
    fields = dict(provider.secrets or {})
    assert fields and {field for field, needed in fields.items() if needed} <= set(secret) - {"path"} <= set(fields)
    assert all(value and value.isascii() for value in secret.values())
    assert secret["path"].startswith(f"/{name}") and ("webhook_secret" in fields) is ("webhook_secret" in secret)


def test_nothing_is_left_of_an_upstream_that_is_gone() -> None:
    assert set(simulated()) == UPSTREAMS
    assert {path.name for path in RECORDED.iterdir() if path.is_dir()} == UPSTREAMS
    assert set(Simulators(World(), "http://127.0.0.1:8600").simulators) == UPSTREAMS
    assert {route.provider for model in models().values() for route in model.routes} == UPSTREAMS | {"studio"}
