"""Keys: what is minted is read back, what was touched is not, and nothing prints the secret."""

from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from packshot import keys

RANDOM = st.binary(min_size=32, max_size=40)
MODES = st.sampled_from(["live", "test"])


@given(MODES, RANDOM)
def test_a_minted_key_is_read_back(mode: Literal["live", "test"], randomness: bytes) -> None:
    key = keys.mint(mode, randomness)
    assert keys.parse(str(key)) == key
    assert len(str(key)) == len("pk_live_") + 10 + 1 + 32 + 6
    assert key.matches(key.digest)
    assert key.secret not in repr(key)


@given(RANDOM, st.data())
def test_one_wrong_character_is_noticed(randomness: bytes, data: st.DataObject) -> None:
    text = str(keys.mint("live", randomness))
    place = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(st.sampled_from(sorted(set("abcXYZ019_-") - {text[place]})))
    assert keys.parse(text[:place] + other + text[place + 1 :]) is None


@given(st.text())
def test_other_text_is_no_key(text: str) -> None:
    assert keys.parse(text) is None
    assert keys.parse(f"pk_live_{text}") is None


@pytest.mark.parametrize(
    "change",
    [
        str.upper,
        lambda key: key + "0",
        lambda key: key[:-1],
        lambda key: f" {key}",
        lambda key: key.replace("live", "test"),
        lambda key: key.replace("pk", "sk", 1),
    ],
)
def test_a_key_in_another_form_is_refused(change: object) -> None:
    text = str(keys.mint("live", bytes(range(40))))
    assert callable(change)
    assert keys.parse(change(text)) is None


def test_two_keys_share_neither_id_nor_digest() -> None:
    one, other = keys.mint("live", b"\x01" * 40), keys.mint("live", b"\x02" * 40)
    assert one.id != other.id
    assert not one.matches(other.digest)
    assert not one.matches("")
