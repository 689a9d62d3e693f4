"""The template as a value, promises about it, and small wrong changes that each promise must notice.

A promise is a function that yields what it finds wrong. Beside it stand the changes that break it, each with a name:
a promise that nothing can break says nothing. `tests/architecture/test_template.py` holds the promises and the changes
against each other. Files and promises are found, not registered.
"""

import ast
import copy
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import transform
import yaml

ROOT = Path(__file__).resolve().parents[3]
Resource = dict[str, Any]
Change = Callable[["Template"], None]
Violation = Change | tuple[Change, frozenset[str]]
"""A wrong change, and with it, where there are any, the other promises that it cannot but break."""


@dataclass(frozen=True, slots=True)
class Template:
    """Everything that the promises compare."""

    made: Resource
    """The template that CloudFormation gets: after the SAM transform."""
    poller: Resource
    """The state machine as it is written."""
    sources: Resource
    """What the code says: each function's folder, settings and door; the rows that the stream's reader knows."""

    @property
    def resources(self) -> Resource:
        """All resources."""
        found: Resource = self.made["Resources"]
        return found

    def of(self, kind: str) -> dict[str, Resource]:
        """The properties of every resource of one type."""
        return {name: one.get("Properties", {}) for name, one in self.resources.items() if one["Type"] == kind}

    @property
    def functions(self) -> dict[str, Resource]:
        """The properties of every function."""
        return self.of("AWS::Lambda::Function")

    @property
    def queues(self) -> dict[str, Resource]:
        """The properties of every queue."""
        return self.of("AWS::SQS::Queue")

    @property
    def folders(self) -> dict[str, str]:
        """Logical name of each function -> the folder its code is in."""
        found: dict[str, str] = self.sources["folders"]
        return found

    def statements(self) -> Iterator[tuple[str, Resource]]:
        """Every statement of every role, with the name of the role."""
        for name, role in self.of("AWS::IAM::Role").items():
            for policy in role.get("Policies", []):
                for statement in policy["PolicyDocument"]["Statement"]:
                    yield name, statement

    def variables(self, function: str) -> Resource:
        """What a function is told."""
        found: Resource = self.functions.get(function, {}).get("Environment", {}).get("Variables", {})
        return found


@dataclass(frozen=True, slots=True)
class Promise:
    """One sentence about the template, how to look whether it is so, and what would break it."""

    name: str
    sentence: str
    look: Callable[[Template], Iterable[str]]
    broken_by: Mapping[str, Violation] = field(default_factory=dict)

    def findings(self, template: Template) -> list[str]:
        """What is wrong."""
        return list(self.look(template))


def promise(
    broken_by: Mapping[str, Violation],
) -> Callable[[Callable[[Template], Iterable[str]]], Promise]:
    """Make a promise of a function; its docstring is the sentence that docs/operations.md repeats."""

    def made(look: Callable[[Template], Iterable[str]]) -> Promise:
        return Promise(look.__name__, " ".join((look.__doc__ or "").split()), look, broken_by)

    return made


# ------------------------------------------------------------------------------------------------ reading a template


def named(value: Any) -> str:
    """The resource that a Ref, a GetAtt or a Sub points at."""
    if isinstance(value, dict):
        if "Ref" in value:
            return str(value["Ref"])
        if "Fn::GetAtt" in value:
            return str(value["Fn::GetAtt"][0])
        if "Fn::Sub" in value and isinstance(value["Fn::Sub"], str):
            found = re.search(r"\$\{(\w+)[.}]", value["Fn::Sub"])
            return found[1] if found else ""
    return str(value)


def listed(value: Any) -> list[Any]:
    """One or many, as many."""
    return value if isinstance(value, list) else [value]


def dug(value: Any, *path: str | int) -> Any:
    """What lies at a path, or None."""
    for step in path:
        try:
            value = value[step]
        except (KeyError, IndexError, TypeError):
            return None
    return value


# ----------------------------------------------------------------------------------------------- breaking a template


def put(name: str, *path: str | int, to: Any) -> Change:
    """A property gets another value; `to` may be a function of the old one."""
    return at("made", "Resources", name, "Properties", *path, to=to)


def drop(name: str, *path: str | int) -> Change:
    """A property, or an element of a list, goes."""

    def change(template: Template) -> None:
        del _parent(template, ("made", "Resources", name, "Properties", *path))[path[-1]]

    return change


def more(name: str, *path: str | int, item: Any) -> Change:
    """A list gets one element more."""
    return put(name, *path, to=lambda old: [*old, item])


def without(name: str) -> Change:
    """A resource goes."""

    def change(template: Template) -> None:
        del template.resources[name]

    return change


def extra(name: str, kind: str, **properties: Any) -> Change:
    """A resource comes."""

    def change(template: Template) -> None:
        template.resources[name] = {"Type": kind, "Properties": properties}

    return change


def at(*path: str | int, to: Any) -> Change:
    """Anything in a template's fields gets another value; `to` may be a function of the old one."""

    def change(template: Template) -> None:
        parent = _parent(template, path)
        parent[path[-1]] = to(parent[path[-1]]) if callable(to) else to

    return change


def both(*changes: Change) -> Change:
    """One change after the other."""

    def change(template: Template) -> None:
        for one in changes:
            one(template)

    return change


def also(change: Change, *promises: str) -> Violation:
    """A change that cannot but break other promises, too."""
    return change, frozenset(promises)


def broken(template: Template, change: Change) -> Template:
    """A copy with one change. Raises AssertionError when it changes nothing."""
    copied = copy.deepcopy(template)
    change(copied)
    assert copied != template, "this changes nothing"
    return copied


def _parent(template: Template, path: tuple[str | int, ...]) -> Any:
    value: Any = getattr(template, str(path[0]))
    for step in path[1:-1]:
        value = value[step]
    return value


# ------------------------------------------------------------------------------------------------ what is in the clone


@cache
def template() -> Template:
    """The template of this clone. Nobody may change it; `broken` makes copies."""
    made = json.loads(json.dumps(transform.transform()))  # no part is shared by two: YAML's anchors share theirs
    there = sorted(f"functions/{path.parent.name}" for path in (ROOT / "functions").glob("*/app.py"))
    return Template(
        made,
        yaml.safe_load((ROOT / "statemachines" / "poller.asl.yaml").read_text()),
        {
            "folders": _folders(),
            "there": there,
            "settings": {folder: _settings(ROOT / folder / "app.py") for folder in there},
            "asks for a key": [folder for folder in there if _asks_for_a_key(ROOT / folder / "app.py")],
            "rows of the stream": _rows(ROOT / "layers" / "core" / "packshot" / "aws" / "stream.py"),
        },
    )


def _folders() -> dict[str, str]:
    """Functions and their folders, from the template as it is written: the transform needs another address."""

    class Loader(yaml.SafeLoader):
        """YAML with CloudFormation's short forms, which do not matter here."""

    Loader.add_multi_constructor("!", lambda loader, suffix, node: None)
    written = yaml.load((ROOT / "template.yaml").read_text(), Loader)  # noqa: S506 (a SafeLoader)
    return {
        name: resource["Properties"]["CodeUri"]
        for name, resource in written["Resources"].items()
        if resource["Type"] == "AWS::Serverless::Function"
    }


def _settings(path: Path) -> list[str]:
    """The variables that a handler reads: the fields of its class Settings."""
    classes = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ClassDef)]
    fields = [line for node in classes if node.name == "Settings" for line in node.body]
    return sorted(
        line.target.id.upper()
        for line in fields
        if isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name)
    )


def _asks_for_a_key(path: Path) -> bool:
    """Whether a handler lets everything through the one door that asks for keys."""
    tree = ast.parse(path.read_text())
    (handler,) = (node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "handler")
    through = {ast.unparse(node.func): node for node in ast.walk(handler) if isinstance(node, ast.Call)}
    door = through.get("serve.serve")
    return door is not None and any(word.arg == "door" for word in door.keywords)


def _rows(path: Path) -> list[str]:
    """The beginnings of sort keys that the reader of the stream asks for."""
    return sorted(
        node.args[0].value
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and ast.unparse(node.func) == "sk.startswith"
        and isinstance(node.args[0], ast.Constant)
        and isinstance(node.args[0].value, str)
    )
