"""File names that every marketplace takes, and texts that say no more than was told."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from packshot.channels.names import LONGEST_ALT, LONGEST_NAME, Ending, alt_text, ending, file_name

MUG = {"title": "Coffee mug", "brand": "Acme", "colour": "red", "material": "ceramic", "category": "kitchen"}


@pytest.mark.parametrize(
    "metadata, external_id, expected",
    [
        (MUG, "SKU-12/7", "acme-coffee-mug-red-sku-12-7-amazon-1.jpg"),
        ({"name": "Häßliche Tasse №1"}, None, "hassliche-tasse-no1-amazon-1.jpg"),
        ({"Title": "Red mug", "color": "red"}, None, "red-mug-amazon-1.jpg"),
        ({"title": "咖啡杯"}, "A1", "product-a1-amazon-1.jpg"),
        ({}, None, "product-amazon-1.jpg"),
        ({"title": "../../etc/passwd\0?x=1#y"}, "..", "etc-passwd-x-1-y-amazon-1.jpg"),
    ],
)
def test_a_name_is_made_of_what_is_known(metadata: dict[str, str], external_id: str | None, expected: str) -> None:
    assert file_name(metadata, external_id, channel="amazon", place=0, format="jpg") == expected


@pytest.mark.parametrize("format, end", [("jpg", "jpg"), ("tiff", "tif"), ("webp", "webp")])
def test_a_name_ends_as_its_format(format: str, end: str) -> None:
    assert file_name(MUG, None, channel="ebay", place=2, format=format).endswith(f"-ebay-3.{end}")


@pytest.mark.parametrize("place, format", [(-1, "jpg"), (1_000_000, "jpg"), (0, "heic"), (0, "")])
def test_what_cannot_be_a_name_is_refused(place: int, format: str) -> None:
    with pytest.raises(ValueError, match=r"must be|is between"):
        file_name(MUG, None, channel="ebay", place=place, format=format)


@given(
    st.dictionaries(st.sampled_from(["title", "name", "brand", "colour", "color"]), st.text(max_size=300)),
    st.none() | st.text(max_size=300),
    st.integers(0, 999_999),
)
def test_any_name_is_safe(metadata: dict[str, str], external_id: str | None, place: int) -> None:
    made = file_name(metadata, external_id, channel="walmart", place=place, format="jpg")
    assert set(made) <= set("abcdefghijklmnopqrstuvwxyz0123456789-.") and made.count(".") == 1
    assert len(made) <= LONGEST_NAME and made[0] not in "-." and "--" not in made
    assert made.endswith(f"-walmart-{place + 1}.jpg")
    assert ending(made) == Ending("jpg", False, None)


@pytest.mark.parametrize(
    "name, expected",
    [
        ("a/b.c/mug.PNG", Ending("png", False, None)),
        ("https://x.example:8443/mug.jpg?v=1#t", Ending("jpg", True, 8443)),
        ("https://x.example/mug%2Ejpg", Ending("jpg", False, None)),
        ("https://x.example/mug.jpg/", Ending("", False, None)),
        ("mug.jpg#?", Ending("jpg", False, None)),
        (".jpg", Ending("", False, None)),
        ("", Ending("", False, None)),
        ("https://x.example:99999/mug.jpg", None),
        ("https://[::1/mug.jpg", None),
    ],
)
def test_how_a_name_ends(name: str, expected: Ending | None) -> None:
    assert ending(name) == expected


@pytest.mark.parametrize(
    "metadata, words, expected",
    [
        (MUG, (), "Red ceramic Coffee mug by Acme."),
        (MUG, ("white-marble", "soft light"), "Red ceramic Coffee mug by Acme, white marble, soft light."),
        ({"title": "Red Acme mug", "brand": "acme", "color": "RED"}, (), "Red Acme mug."),
        ({"title": "Redwood bowl", "colour": "red"}, (), "Red Redwood bowl."),
        ({"category": "mugs"}, (), "Mugs."),
        ({"brand": "Acme"}, (), "Acme."),
        ({"price": "9.99", "sku": "7"}, (), "Product photo."),
        ({}, ("oak",), "Oak."),
        ({"title": " Mug\n\x07with  lid. "}, (), "Mug with lid."),
    ],
)
def test_a_text_says_what_was_told(metadata: dict[str, str], words: tuple[str, ...], expected: str) -> None:
    assert alt_text(metadata, words) == expected


@given(
    st.dictionaries(st.sampled_from(["title", "brand", "colour", "material", "category"]), st.text(max_size=200)),
    st.lists(st.text(max_size=60), max_size=4),
)
def test_any_text_is_one_short_sentence(metadata: dict[str, str], words: list[str]) -> None:
    text = alt_text(metadata, words)
    assert 2 <= len(text) <= LONGEST_ALT and text.endswith(".") and text.isprintable()


def test_a_long_text_ends_between_words() -> None:
    text = alt_text({"title": "very " * 40 + "long mug"})
    assert text == " ".join(["Very"] + ["very"] * 23) + "."
