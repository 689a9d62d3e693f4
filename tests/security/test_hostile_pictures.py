"""Hostile pictures through the decoder, in a process of its own: the right verdict, little memory, little time."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from packshot import picture
from tests.security.hostile import EVIL, FILES, MEASURED, PLACE, made

ROOT = Path(__file__).parents[2]
MOST_MB, MOST_SECONDS = 600, 2.0
ALL = {**FILES, **MEASURED}
TWO_IN_ONE = [name for name in FILES if FILES[name][1] == "taken" and any(mark in made(name) for mark in EVIL)]
PLACED = [name for name in FILES if name.endswith("a place")]


@pytest.fixture(scope="module")
def reports() -> list[dict[str, Any]]:
    ours = str(Path(picture.__file__).parents[1])
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([ours, str(ROOT)])}
    done = subprocess.run(
        [sys.executable, "-m", "tests.security.weigh"],
        cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=1800,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture(scope="module")
def taken_in(reports: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {one["name"]: one for one in reports if one["how"] == "decode" or one["name"] in MEASURED}


def test_the_corpus_is_large() -> None:
    assert len(ALL) >= 90
    assert len(FILES) + len(MEASURED) == len(ALL)


@pytest.mark.parametrize("name", ALL)
def test_each_file_has_its_verdict(taken_in: dict[str, dict[str, Any]], name: str) -> None:
    assert taken_in[name]["verdict"] == ALL[name][1]


def test_no_file_needs_much_memory_or_time(reports: list[dict[str, Any]]) -> None:
    heaviest, slowest = (max(reports, key=lambda one, by=by: one[by]) for by in ("mb", "seconds"))
    print(f"{len(reports)} readings; at most {heaviest['mb']} MB ({heaviest['name']}),", end=" ")
    print(f"{slowest['seconds']:.2f} CPU seconds ({slowest['name']})")
    assert len(reports) == len(ALL) + len(FILES)
    assert heaviest["mb"] < MOST_MB, heaviest
    assert slowest["seconds"] < MOST_SECONDS, slowest


@pytest.mark.parametrize("name", [*TWO_IN_ONE, *PLACED])
def test_nothing_that_hung_on_a_picture_is_in_our_copy(taken_in: dict[str, dict[str, Any]], name: str) -> None:
    copies = taken_in[name]["copies"]
    assert len(copies) == 3
    for copy in copies:
        assert copy == {"left": [], "same": False, "ends": True, "info": [], "exif": False}


@pytest.mark.parametrize("name", PLACED)
def test_the_places_are_there_to_be_found(name: str) -> None:
    data = made(name)
    assert {b"53.5511", b"CANARY", b"SECRETCAMERA"} <= {mark for mark in PLACE if mark in data}


def test_there_are_enough_files_in_one() -> None:
    assert len(TWO_IN_ONE) >= 12
