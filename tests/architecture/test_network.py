"""Nobody goes out but `egress`, nobody speaks to AWS but `aws/`: read from the source, where no import can hide."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = (ROOT / "layers" / "core" / "packshot", ROOT / "layers" / "imaging", ROOT / "functions")
SOURCES = sorted(path for room in ROOMS for path in room.rglob("*.py"))

WIRES = frozenset({
    "socket", "ssl", "_socket", "_ssl", "select", "selectors", "asyncio", "anyio",
    "trio", "httpx", "httpcore", "h11", "h2", "httpx2", "ssrfguard", "requests",
    "urllib3", "aiohttp", "websockets", "socketserver", "http", "ftplib", "smtplib", "poplib",
    "imaplib", "telnetlib", "nntplib", "xmlrpc", "webbrowser", "urllib.request", "urllib.robotparser",
    "multiprocessing", "subprocess", "ctypes", "_ctypes", "cffi", "pty",
})  # fmt: skip
"""What can open a connection, or start something that can."""

AWS = frozenset({"boto3", "botocore", "s3transfer", "aiobotocore"})
DYNAMIC = frozenset({"import_module", "__import__", "exec", "eval", "run_module", "run_path"})
SHELLS = frozenset(("os", name) for name in ("system", "popen", "execv", "execve", "posix_spawn", "fork", "spawnv"))

MAY: dict[str, frozenset[str]] = {
    "packshot/egress.py": frozenset({"asyncio", "socket", "ssl", "httpx", "ssrfguard"}),
    "packshot/reach.py": frozenset({"socket"}),  # looks names up, for egress
    "packshot/providers/bedrock.py": frozenset({"botocore"}),  # signs, never sends
    "packshot/dialects/__init__.py": frozenset({"import_module"}),  # its own folder
    "packshot/providers/__init__.py": frozenset({"import_module"}),  # its own folder
    "packshot/validate.py": frozenset({"import_module"}),  # pydantic_core, without its package
    "packshot/studio/runtime.py": frozenset({"import_module"}),  # onnxruntime, where it is installed
}
"""Each exception with its reason; one that is no longer used is an error."""


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT / "layers" / "core" if "core" in path.parts else ROOT))


def wires(source: str) -> Iterator[str]:
    """The forbidden names that a source imports or calls."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            modules = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            modules = []
        for module in modules:
            parts = module.split(".")
            stems = {".".join(parts[: count + 1]) for count in range(len(parts))}
            yield from stems & (WIRES | AWS)
        if isinstance(node, ast.Call):
            called = node.func
            name = (
                called.id if isinstance(called, ast.Name) else called.attr if isinstance(called, ast.Attribute) else ""
            )
            owner = called.value.id if isinstance(called, ast.Attribute) and isinstance(called.value, ast.Name) else ""
            if (name in DYNAMIC and owner in ("", "importlib", "builtins", "runpy")) or (owner, name) in SHELLS:
                yield name


def allowed(name: str) -> frozenset[str]:
    return AWS if name.startswith("packshot/aws/") else MAY.get(name, frozenset())


def test_there_is_something_to_read() -> None:
    names = {name_of(path) for path in SOURCES}
    assert len(names) > 150
    assert set(MAY) <= names


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_only_egress_can_reach_the_network_and_only_aws_the_cloud(path: Path) -> None:
    found = set(wires(path.read_text()))
    assert not found - allowed(name_of(path))


@pytest.mark.parametrize("name", MAY)
def test_an_exception_is_needed(name: str) -> None:
    assert MAY[name] == set(wires((ROOT / "layers" / "core" / name).read_text()))


@pytest.mark.parametrize("source", [
    "import socket", "import urllib.request", "from urllib import request", "from urllib.request import urlopen",
    "import http.client as quiet", "from http import client", "def f():\n    import requests", "import boto3",
    "from botocore.session import Session", "import asyncio.streams", "__import__('socket')", "import subprocess",
    "import importlib\nimportlib.import_module('socket')", "from importlib import import_module\nimport_module('ssl')",
    "exec('import socket')", "import os\nos.system('curl')", "try:\n    import ctypes\nexcept ImportError:\n    pass",
])  # fmt: skip
def test_a_way_out_is_seen(source: str) -> None:
    assert set(wires(source))


@pytest.mark.parametrize(
    "source", ["from urllib.parse import quote", "import sockets", "from packshot.egress import Egress"]
)
def test_what_is_harmless_is_left_alone(source: str) -> None:
    assert not set(wires(source))
