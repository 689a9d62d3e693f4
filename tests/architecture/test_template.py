"""What template.yaml promises, and that each promise notices when it is broken. The promises are in template/."""

import importlib
from functools import cache
from pathlib import Path

import pytest

from tests.architecture.template.reading import Promise, broken, template

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
SUBJECTS = sorted(path.stem for path in (HERE / "template").glob("*.py") if path.stem != "reading")
PROMISES: dict[str, Promise] = {
    f"{subject}.{name}": found
    for subject in SUBJECTS
    for name, found in vars(importlib.import_module(f"tests.architecture.template.{subject}")).items()
    if isinstance(found, Promise)
}
VIOLATIONS = {f"{name}: {what}": one for name, found in PROMISES.items() for what, one in found.broken_by.items()}


@cache
def before(name: str) -> set[str]:
    """What is wrong with the template as it is: one mistake in it must not fail every test here."""
    return set(PROMISES[name].findings(template()))


@pytest.mark.parametrize("name", PROMISES)
def test_the_template_keeps_its_promise(name: str) -> None:
    assert PROMISES[name].findings(template()) == []


@pytest.mark.parametrize("name", PROMISES)
def test_every_promise_can_be_broken_and_is_a_sentence(name: str) -> None:
    promised = PROMISES[name]
    assert promised.broken_by
    assert promised.sentence.endswith(".")


@pytest.mark.parametrize("violation", VIOLATIONS)
def test_a_broken_promise_is_noticed_and_no_other_is_blamed(violation: str) -> None:
    made = VIOLATIONS[violation]
    change, others = made if isinstance(made, tuple) else (made, frozenset())
    changed = broken(template(), change)
    noticed = {name: new for name, one in PROMISES.items() if (new := set(one.findings(changed)) - before(name))}
    assert set(noticed) == {violation.partition(":")[0], *others}, noticed


@pytest.mark.parametrize("subject", SUBJECTS)
def test_every_promise_is_told_in_the_operations_page(subject: str) -> None:
    page = (ROOT / "docs" / "operations.md").read_text()
    (told,) = (" ".join(part.split()) for part in page.split("\n\n") if f"(`{subject}.py`). " in part)
    promised = " ".join(one.sentence for name, one in PROMISES.items() if name.startswith(f"{subject}."))
    assert told.partition(f"(`{subject}.py`). ")[2] == promised


def test_a_change_that_changes_nothing_is_no_violation() -> None:
    with pytest.raises(AssertionError, match="changes nothing"):
        broken(template(), lambda _: None)
