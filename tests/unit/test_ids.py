"""Ids sort by time, hold nothing that needs escaping, and are told from other text."""

import pytest
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


LAST_DAY = 3_755_289_600_000  # 2089-01-01
SHORT_TIMES = st.integers(ids.SHORT_EPOCH, LAST_DAY)


@given(st.integers(0, 2**53 - 1))
def test_every_number_below_2_53_is_one_short_id(number: int) -> None:
    made = ids.of_number("job", number)
    assert ids.is_id("job", made)
    assert ids.number_of(made) == number


@given(SHORT_TIMES, RANDOM)
def test_every_short_id_is_one_number_below_2_53(at: int, randomness: bytes) -> None:
    made = ids.short("job", at, randomness)
    number = ids.number_of(made)
    assert number is not None
    assert 0 <= number < 2**53
    assert ids.of_number("job", number) == made
    assert ids.number_of(ids.short("as", at, randomness)) == number


@given(SHORT_TIMES, RANDOM, RANDOM)
def test_two_short_ids_of_a_millisecond_differ_in_twelve_bits(at: int, one: bytes, other: bytes) -> None:
    same = one[0] == other[0] and one[1] >> 4 == other[1] >> 4
    assert (ids.short("job", at, one) == ids.short("job", at, other)) is same


@given(SHORT_TIMES, SHORT_TIMES, RANDOM, RANDOM)
def test_short_ids_and_their_numbers_sort_by_time(first: int, second: int, one: bytes, other: bytes) -> None:
    a, b = ids.short("job", first, one), ids.short("job", second, other)
    if first < second:
        assert a < b
        assert (ids.number_of(a) or 0) < (ids.number_of(b) or 0)


@given(SHORT_TIMES, RANDOM)
def test_a_short_id_lies_where_any_other_of_its_time_lies(at: int, randomness: bytes) -> None:
    made = ids.short("job", at, randomness)
    assert ids.is_id("job", made)
    assert ids.floor("job", at) <= made < ids.floor("job", at + 1)


@given(TIMES, RANDOM)
def test_an_ordinary_id_has_no_number(at: int, randomness: bytes) -> None:
    if any(randomness[2:]) or randomness[1] & 0x0F:
        assert ids.number_of(ids.make("job", at, randomness)) is None


@given(st.integers(0, ids.SHORT_EPOCH - 1), RANDOM)
def test_nothing_from_before_the_epoch_has_a_number(at: int, randomness: bytes) -> None:
    assert ids.number_of(ids.short("job", at, randomness)) is None


@given(st.text())
def test_other_text_has_no_number(text: str) -> None:
    assert ids.number_of(text) is None


def test_known_numbers() -> None:
    assert ids.number_of(ids.short("job", ids.SHORT_EPOCH, bytes(10))) == 0
    assert ids.number_of(ids.short("job", ids.SHORT_EPOCH, b"\xff" * 10)) == 4095
    assert ids.number_of(ids.short("job", ids.SHORT_EPOCH + 1, bytes(10))) == 4096
    assert ids.of_number("job", 0) == ids.floor("job", ids.SHORT_EPOCH)
    assert ids.short("job", 1_770_000_000_000, b"\xab\xcd" + b"\xff" * 8) == ids.of_number(
        "job", 192_163_200_000 * 4096 + 0xABC
    )
    lowest = ids.make("job", ids.SHORT_EPOCH, bytes([0, 0, 0, 0, 0, 0, 0, 0, 0, 1]))
    assert [ids.number_of(bad) for bad in (lowest, "", "job_", "job_" + "0" * 26, "job_" + "u" * 26)] == [None] * 5


@pytest.mark.parametrize("number", [-1, 2**53, 2**64, -(2**60)])
def test_a_number_out_of_range_is_no_id(number: int) -> None:
    with pytest.raises(ValueError):
        ids.of_number("job", number)
