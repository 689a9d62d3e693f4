"""Ids sort by time, hold nothing that needs escaping, and are told from other text."""

from hypothesis import given
from hypothesis import strategies as st

from packshot import ids

TIMES = st.integers(0, 2**48 - 1)
RANDOM = st.binary(min_size=10, max_size=10)


@given(TIMES, TIMES, RANDOM, RANDOM)
def test_ids_sort_by_time(first: int, second: int, one: bytes, other: bytes) -> None:
    if first < second:
        assert ids.make("job", first, one) < ids.make("job", second, other)


@given(TIMES, RANDOM)
def test_the_floor_lies_below_every_id_of_its_millisecond_and_above_the_one_before(at: int, randomness: bytes) -> None:
    assert ids.floor("job", at) <= ids.make("job", at, randomness)
    if at:
        assert ids.make("job", at - 1, randomness) < ids.floor("job", at)


@given(TIMES, RANDOM)
def test_an_id_is_recognised_by_its_prefix(at: int, randomness: bytes) -> None:
    made = ids.make("job", at, randomness)
    assert len(made) == 30
    assert ids.is_id("job", made)
    assert not ids.is_id("as", made)
    assert not ids.is_id("jo", made)


@given(st.text())
def test_other_text_is_no_id(text: str) -> None:
    assert not ids.is_id("job", text)


def test_known_values() -> None:
    assert ids.make("job", 0, bytes(10)) == "job_" + "0" * 26
    assert ids.make("job", 2**48 - 1, b"\xff" * 10) == "job_7" + "z" * 25
    for bad in (
        "job_" + "0" * 25,
        "job_" + "0" * 27,
        "job_" + "i" * 26,
        "job_" + "0" * 25 + "U",
        "JOB_" + "0" * 26,
        "job_" + "0" * 26 + "\n",
    ):
        assert not ids.is_id("job", bad)
