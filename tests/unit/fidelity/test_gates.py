"""What each gate makes of each measure."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest

from packshot.fidelity import Fidelity, verdict
from packshot.fidelity.gates import LIMITS, NOTED
from packshot.fidelity.values import NOTES

GOOD = Fidelity(
    silhouette=1.0,
    lost=0.0,
    colour_delta_e=0.0,
    light_change=0.0,
    colour_moved=0.0,
    marks=1.0,
    added=0.0,
    stretch=1.0,
    scale=1.0,
    found=1.0,
)


@pytest.mark.parametrize("gate", ["strict", "balanced", "creative"])
def test_a_product_that_is_as_it_was_passes_every_gate(gate: str) -> None:
    assert verdict(GOOD, gate) == "same"
    assert verdict(replace(GOOD, marks=None), gate) == "same"


@pytest.mark.parametrize("name", LIMITS)
def test_each_measure_alone_decides(name: str) -> None:
    limit = LIMITS[name]
    step = 1e-6 if limit.changed > limit.same else -1e-6
    for value, said in (
        (limit.same, "same"),
        (limit.same + step, "check"),
        (limit.changed, "check"),
        (limit.changed + step, "changed"),
    ):
        fidelity = replace(GOOD, **{name: value})
        assert verdict(fidelity, "strict") == verdict(fidelity, "balanced") == said
        assert verdict(fidelity, "creative") == ("same" if said == "same" else "check")


def test_every_note_has_a_meaning() -> None:
    assert set(NOTED) == set(NOTES)
    assert set(LIMITS) <= {field.name for field in fields(Fidelity)}


@pytest.mark.parametrize("note", NOTES)
def test_each_note_alone_decides(note: str) -> None:
    fidelity = replace(GOOD, notes=(note,))
    assert verdict(fidelity, "strict") == NOTED[note]
    creative = "changed" if note == "missing" else "check" if NOTED[note] == "changed" else NOTED[note]
    assert verdict(fidelity, "creative") == creative


def test_a_gate_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match="gate must be one of"):
        verdict(GOOD, "lenient")


def test_the_report_is_json_with_four_places() -> None:
    report = replace(GOOD, colour_delta_e=1 / 3, marks=None, notes=("turned",)).to_report()
    assert report["colour_delta_e"] == 0.3333
    assert report["marks"] is None
    assert report["notes"] == ["turned"]
    assert list(report) == [field.name for field in fields(Fidelity)]
