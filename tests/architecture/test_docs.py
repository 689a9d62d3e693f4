"""What the documents say exists, exists; what callers may meet is in them."""

import re
import string
from argparse import ArgumentParser, _SubParsersAction
from pathlib import Path

import pytest

from packshot import catalog, events
from packshot.dialects import native
from packshot.egress import FETCH_FAILURES
from packshot.errors import STATUS
from packshot.replies import SAY
from packshot_admin import cli

ROOT = Path(__file__).resolve().parents[2]
CORE = ROOT / "layers" / "core" / "packshot"
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
LINK = re.compile(r"\]\(([^)\s]+)\)")
CODE = re.compile(r"^```.*?^```|`[^`\n]+`", re.MULTILINE | re.DOTALL)

every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def code_in(page: Path) -> str:
    """Everything that a page shows as code."""
    return "\n".join(CODE.findall(page.read_text()))


def anchors(page: Path) -> set[str]:
    """What a link can point at within a page."""
    titles = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    kept = string.ascii_lowercase + string.digits + " -_"
    return {"".join(letter for letter in title.lower() if letter in kept).replace(" ", "-") for title in titles}


def read(name: str) -> str:
    """One page."""
    return (ROOT / name).read_text()


@every_page
def test_every_link_leads_somewhere(page: Path) -> None:
    for link in LINK.findall(page.read_text()):
        path, _, anchor = link.partition("#")
        if re.match(r"[a-z]+:", link):
            continue
        target = (page.parent / path).resolve() if path else page
        assert target.is_relative_to(ROOT) and target.exists(), link
        assert not anchor or anchor in anchors(target), link


@every_page
def test_every_make_target_named_exists(page: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):", read("Makefile"), re.MULTILINE))
    assert set(re.findall(r"(?:^|`)make ([a-z]+)", code_in(page), re.MULTILINE)) <= targets


@every_page
def test_every_command_of_the_operator_exists(page: Path) -> None:
    parser: ArgumentParser = cli._parser()
    verbs = next(action for action in parser._actions if isinstance(action, _SubParsersAction))
    named = set(re.findall(r"packshot-admin(?: --[a-z-]+ \S+)* ([a-z][a-z-]*)", code_in(page)))
    assert named <= set(verbs.choices)


def test_every_command_of_the_operator_is_told() -> None:
    verbs = next(action for action in cli._parser()._actions if isinstance(action, _SubParsersAction))
    assert all(f"packshot-admin {verb}" in read("docs/operations.md") for verb in verbs.choices)


@pytest.mark.parametrize("code", STATUS)
def test_every_error_is_in_the_api_page(code: str) -> None:
    assert f"| `{code}` | {STATUS[code]} |" in read("docs/api.md")


def test_every_reason_of_a_failed_job_is_in_the_api_page() -> None:
    source = "\n".join(path.read_text() for path in CORE.rglob("*.py"))
    codes = set(re.findall(r'Failure\(\s*"(\w+)"', source)) | {f"image_{code}" for code in FETCH_FAILURES}
    codes |= {f"image_{code}" for code in re.findall(r'BadPicture\(\s*"(\w+)"', source)}
    codes |= set(SAY)
    told = read("docs/api.md")
    assert [code for code in sorted(codes) if f"| `{code}`" not in told] == []


def test_every_preset_is_in_the_api_page() -> None:
    (line,) = (line for line in read("docs/api.md").splitlines() if line.startswith("| `preset` |"))
    assert [name for name in catalog.presets() if f"`{name}`" not in line] == []


def test_every_route_is_in_the_api_page() -> None:
    told = read("docs/api.md")
    for path, methods in native.ROUTES.items():
        assert [method for method in methods if f"| {method} `{path}` |" not in told] == [], path


def test_every_event_is_in_the_api_page_with_its_schema() -> None:
    told = read("docs/api.md")
    for type in (*events.OF_JOBS, events.PING, events.UPLOAD_REJECTED, events.ENDPOINT_DISABLED):
        assert f"| `{type}` | [{type}.json](" in told


def test_every_function_is_in_the_architecture_page() -> None:
    told = read("docs/architecture.md")
    folders = [path.parent.name for path in (ROOT / "functions").glob("*/app.py")]
    assert folders and [name for name in folders if f"| `{name}` |" not in told] == []


def test_the_readme_is_short() -> None:
    assert len(read("README.md").splitlines()) <= 120
