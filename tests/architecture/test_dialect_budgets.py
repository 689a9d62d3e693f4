"""What a dialect may cost: calls of a submit, work to find it by a path. And that nobody else knows its name."""

import ast
import json
import re
import statistics
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from packshot import dialects
from packshot.answers import JobView
from packshot.aws import clients
from packshot.steps import submit
from tests.architecture.test_budgets import CALLS
from tests.contract.test_dialects import EXAMPLES
from tests.flow.conftest import Net, Tenant, net, stack, tenant
from tests.flow.test_doors_and_tenants import ORDERS, order, taken
from tests.flow.world import World

__all__ = ["net", "stack", "tenant"]

ROOT = Path(__file__).resolve().parents[2]
CORE = ROOT / "layers" / "core" / "packshot"
SERVICES = ("dynamodb", "s3", "kms", "secretsmanager", "sqs", "stepfunctions")
MICROSECONDS, LOOKUPS, ROUNDS = 100, 8, 1000

VENDORS = [name for name in dialects.NAMES if name != dialects.OURS]
VENDORS_ROUTES = {"GET /api/v1/upload/signed", "GET /v1/phota/webhook-secret"}
"""In the template: questions that need more than query may do."""

NAMED: Mapping[str, str] = {"api/models.py": "phota", "api/openapi.json": "phota"}
"""Where a description has a dialect's name as an example. The catalogue names providers, which are called so too."""


# ----------------------------------------------------------------------------------------------------------- calls


@pytest.mark.parametrize("name", dialects.NAMES)
def test_an_accepted_submit_makes_few_calls(
    name: str, stack: World, net: Net, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []

    def note(model: Any, **_: Any) -> None:
        made.append(model.name)

    def impatient(wish: Any, view: JobView, *_: Any, **__: Any) -> JobView:
        return view  # what waiting costs is another question

    monkeypatch.setattr(submit, "hold", impatient)
    order(stack, name, tenant.key)
    stack.clock.sleep(10)
    for service in SERVICES:
        clients.client(service).meta.events.register("before-call", note)
    order(stack, name, tenant.key)
    calls = tuple(made)
    assert taken(tenant) == 2
    assert len(calls) <= CALLS
    assert calls == ("UpdateItem", "TransactWriteItems")


# -------------------------------------------------------------------------------------------------------- dispatch


class Counted(dict[str, dialects.Dialect]):
    """Prefixes that know how often they were looked at."""

    looks = 0

    def __contains__(self, key: object) -> bool:
        self.looks += 1
        return super().__contains__(key)

    def __getitem__(self, key: str) -> dialects.Dialect:
        self.looks += 1
        return super().__getitem__(key)

    def get(self, key: str, default: Any = None) -> Any:
        self.looks += 1
        return super().get(key, default)


def paths() -> list[str]:
    """Every address of every example, every prefix, and some that are nobody's."""
    examples = (json.loads(file.read_text()) for _, file in EXAMPLES)
    asked = {example["request"]["url"] for example in examples if "request" in example}
    known = {prefix + more for prefix in dialects.prefixes() for more in ("", "/", "/x")}
    return sorted(asked | known | {"/", "/nobody", "/v2/jobs"})


def test_finding_a_dialect_takes_a_handful_of_look_ups_and_no_import(monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(paths()) > 40
    counted = Counted(dialects.prefixes())
    monkeypatch.setattr(dialects, "prefixes", lambda: counted)
    loaded, most = set(sys.modules), 0
    for path in paths():
        counted.looks = 0
        assert dialects.match(path) in counted.values()
        most = max(most, counted.looks)
    assert 1 <= most <= LOOKUPS
    assert set(sys.modules) == loaded


def test_finding_a_dialect_takes_no_time() -> None:
    asked = paths()
    for path in asked:
        dialects.match(path)
    took = []
    for turn in range(ROUNDS):
        begun = time.perf_counter_ns()
        dialects.match(asked[turn % len(asked)])
        took.append(time.perf_counter_ns() - begun)
    assert statistics.median(took) < MICROSECONDS * 1000


# ------------------------------------------------------------------------------------------------- nothing else knows


def _said(file: Path) -> Iterator[str]:
    """What a file says to machines: a module without its comments and docstrings, all of any other file."""
    if file.suffix != ".py":
        yield file.read_text()
        return
    tree = ast.parse(file.read_text())
    prose = {
        id(one.value) for one in ast.walk(tree) if isinstance(one, ast.Expr) and isinstance(one.value, ast.Constant)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose:
            yield node.value
        for field in ("id", "attr", "name", "module", "arg", "asname"):
            if isinstance(value := getattr(node, field, None), str):
                yield value


def _names_in(file: Path, names: list[str]) -> set[str]:
    text = "\n".join(_said(file)).lower()
    return {name for name in names if re.search(rf"(?<![a-z0-9_]){name}(?![a-z0-9_])", text)}


def _is_of(file: Path, name: str) -> bool:
    """`dialects/<name>.py`, and what a dialect keeps elsewhere under its own name."""
    return re.fullmatch(rf"{name}(_[a-z]+)*", file.stem) is not None


def test_nobody_but_a_dialect_knows_its_name() -> None:
    found = {}
    for file in sorted([*CORE.rglob("*"), *(ROOT / "functions").rglob("*"), *(ROOT / "statemachines").rglob("*")]):
        if file.suffix not in (".py", ".json", ".yaml", ".toml") or file.match("catalog/*.json"):
            continue
        foreign = [name for name in VENDORS if not _is_of(file, name)]
        for name in _names_in(file, foreign):
            found[str(file.relative_to(CORE if CORE in file.parents else ROOT))] = name
    assert found == {file: name for file, name in NAMED.items() if file in found}


def test_the_net_has_no_holes(tmp_path: Path) -> None:
    file = tmp_path / "more.py"
    for text, found in (
        ('"""As phota does."""  # phota', set()),
        ("from packshot.dialects import phota", {"phota"}),
        ("import packshot.dialects.phota as p", {"phota"}),
        ('name == "phota"', {"phota"}),
        ('url.startswith(f"/v1/Phota/{id}")', {"phota"}),
        ("phota = 1", {"phota"}),
        ("photas.x", set()),
    ):
        file.write_text(text)
        assert _names_in(file, VENDORS) == found, text


def test_the_template_knows_two_addresses_of_vendors_and_no_more() -> None:
    routes = re.findall(r'RouteKey: "?([A-Z]+ (/[^"},]*))', (ROOT / "template.yaml").read_text())
    assert len(routes) > 5
    ours = dialects.load(dialects.OURS)
    assert {route for route, path in routes if dialects.match(path) is not ours} == VENDORS_ROUTES


def test_the_folder_is_the_registry() -> None:
    files = {file.stem for file in (CORE / "dialects").glob("*.py")} - {"__init__"}
    assert files == set(dialects.NAMES) == set(ORDERS)
