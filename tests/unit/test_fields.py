"""A vendor's object read field by field: what is taken, what is refused and under which name, and pictures in it."""

import base64
from collections.abc import Callable
from typing import Any

import pytest

from packshot.brief import Image
from packshot.errors import CallerError
from packshot.fields import MAX_ADDRESS, Album, Fields
from packshot.wire import Request
from packshot.wishes import Inline

Read = Callable[[Fields], Any]
PNG, JPEG, WEBP = b"\x89PNG\r\n\x1a\n" + b"p" * 90, b"\xff\xd8\xff\xe0" + b"j" * 90, b"RIFF\0\0\0\0WEBPVP8 " + b"w" * 90
REQUIRED: dict[str, Read] = {
    "text": lambda fields: fields.text("a"),
    "whole": lambda fields: fields.whole("a", 1, 9),
    "number": lambda fields: fields.number("a", 0, 1),
    "choice": lambda fields: fields.choice("a", ("x", "y")),
    "texts": lambda fields: fields.texts("a", most=3),
    "address": lambda fields: fields.address("a"),
}


def refused(code: str, field: str | None, read: Callable[[], object]) -> str:
    """The message of the refusal."""
    with pytest.raises(CallerError) as caught:
        read()
    assert (caught.value.code, caught.value.field) == (code, field)
    return caught.value.message


def base64_of(data: bytes) -> str:
    return base64.b64encode(data).decode()


# ------------------------------------------------------------------------------------------------- the whole object


@pytest.mark.parametrize("kind", ["", "application/json", "text/plain", "application/x-www-form-urlencoded"])
def test_a_json_body_is_read_whatever_it_calls_itself(kind: str) -> None:
    fields = Fields.of_json(Request("POST", "/", {"content-type": kind}, b'{"a":1,"b":null}'))
    assert (fields.values, fields.written) == ({"a": 1, "b": None}, False)


@pytest.mark.parametrize("body", [b"", b"{", b"{'a':1}", b'{"a":1,"a":2}', b'{"a":NaN}', b'{"a":"\xff"}', b"[" * 9999])
def test_a_body_that_is_no_json_is_refused(body: bytes) -> None:
    refused("malformed_json", None, lambda: Fields.of_json(Request("POST", "/", body=body)))


@pytest.mark.parametrize("body", [b"[]", b'"a"', b"1", b"null", b"true"])
def test_a_body_that_is_no_object_is_refused(body: bytes) -> None:
    refused("malformed_request", None, lambda: Fields.of_json(Request("POST", "/", body=body)))


def test_a_null_was_not_given() -> None:
    fields = Fields({"a": 0, "b": None, "c": "", "d": False})
    assert [fields.has(name) for name in "abcde"] == [True, False, True, True, False]


def test_only_known_fields_pass_where_it_is_asked() -> None:
    fields = Fields({"a": 1, "b": None})
    fields.only(("a", "b", "c"))
    fields.only(iter("ab"))
    refused("unknown_field", "b", lambda: fields.only(("a",)))
    refused("unknown_field", "x" * 60, lambda: Fields({"x" * 99: 1}).only(()))
    refused("unknown_field", "a??b", lambda: Fields({"a\n\x1bb": 1}).only(()))


@pytest.mark.parametrize("given", [{}, {"a": None}], ids=["absent", "null"])
@pytest.mark.parametrize("read", REQUIRED.values(), ids=REQUIRED)
def test_a_field_without_default_is_required(read: Read, given: dict[str, Any]) -> None:
    assert refused("missing_field", "a", lambda: read(Fields(given))) == "Required."


@pytest.mark.parametrize("given", [{}, {"a": None}], ids=["absent", "null"])
def test_what_was_not_given_is_at_its_default(given: dict[str, Any]) -> None:
    fields = Fields(given)
    assert (fields.text("a", "", least=3), fields.text("a", "words", most=2)) == ("", "words")
    assert (fields.whole("a", 1, 9, 0), fields.whole("a", 1, 9, 12)) == (0, 12)
    assert (fields.number("a", 1, 9, 0.0), fields.number("a", 1, 9, 0.5)) == (0.0, 0.5)
    assert (fields.choice("a", ("x",), ""), fields.choice("a", ("x",), "z")) == ("", "z")
    assert (fields.flag("a", True), fields.flag("a", False)) == (True, False)
    assert (fields.texts("a", (), most=1), fields.texts("a", ("x", "y"), most=1)) == ((), ("x", "y"))
    assert (fields.address("a", ""), fields.address("a", "none")) == ("", "none")


# ------------------------------------------------------------------------------------------------------- one by one

GOOD: list[tuple[object, Read, object]] = [
    ("ab", lambda fields: fields.text("a", least=2, most=2), "ab"),
    ("", lambda fields: fields.text("a"), ""),
    ("x" * 8000, lambda fields: fields.text("a"), "x" * 8000),
    (1, lambda fields: fields.whole("a", 1, 9), 1),
    (9, lambda fields: fields.whole("a", 1, 9), 9),
    (4.0, lambda fields: fields.whole("a", 1, 9), 4),
    (-3, lambda fields: fields.whole("a", -5, 9), -3),
    (0, lambda fields: fields.number("a", 0, 1), 0.0),
    (1, lambda fields: fields.number("a", 0, 1), 1.0),
    (0.25, lambda fields: fields.number("a", 0, 1), 0.25),
    ("y", lambda fields: fields.choice("a", iter(("x", "y"))), "y"),
    (True, lambda fields: fields.flag("a", False), True),
    (False, lambda fields: fields.flag("a", True), False),
    ([], lambda fields: fields.texts("a", most=2), ()),
    (["x", "y" * 2048], lambda fields: fields.texts("a", most=2), ("x", "y" * 2048)),
    ("https://a.example/b?c=d", lambda fields: fields.address("a"), "https://a.example/b?c=d"),
    ("http://a.example/", lambda fields: fields.address("a"), "http://a.example/"),
    ("HTTPS://a.example/", lambda fields: fields.address("a", schemes=("https",)), "HTTPS://a.example/"),
]


@pytest.mark.parametrize(("value", "read", "expected"), GOOD)
def test_a_good_value_is_taken(value: object, read: Read, expected: object) -> None:
    found = read(Fields({"a": value}))
    assert found == expected
    assert type(found) is type(expected)


BAD: list[tuple[Read, tuple[object, ...]]] = [
    (lambda fields: fields.text("a", least=2, most=4), ("x", "xxxxx", "", 1, True, [], {}, ["xx"])),
    (lambda fields: fields.text("a"), ("x" * 8001, 0, False)),
    (
        lambda fields: fields.whole("a", 1, 9),
        (0, 10, -1, 1.5, 9.5, "4", "", True, False, [], {}, [4], 10**400, float("inf"), -float("inf")),
    ),
    (
        lambda fields: fields.number("a", 0, 1),
        (-0.01, 1.01, "0.5", "", True, False, [], {}, 10**400, float("inf"), -float("inf"), float("nan")),
    ),
    (lambda fields: fields.choice("a", ("x", "y")), ("z", "X", "", "xy", 1, True, ["x"], {"x": 1})),
    (lambda fields: fields.flag("a", True), ("true", "false", 0, 1, "", [], {})),
    (lambda fields: fields.texts("a", most=2), ("x", {}, 1, True, ["x", "y", "z"])),
    (
        lambda fields: fields.address("a"),
        (
            "",
            "a.example",
            "/a",
            "ftp://a.example/",
            "https:///a",
            "https://",
            "https://u:p@a.example/",
            "https://a.example/ b",
            "https://a.example/\n",
            "https://ä.example/",
            "https://a.example:99999/",
            "data:image/png;base64,AAAA",
            "https://a.example/" + "x" * MAX_ADDRESS,
            1,
            ["https://a.example/"],
        ),
    ),
    (lambda fields: fields.address("a", schemes=("https",)), ("http://a.example/",)),
]


@pytest.mark.parametrize(("read", "value"), [(read, value) for read, values in BAD for value in values])
def test_a_bad_value_is_refused_by_name(read: Read, value: object) -> None:
    message = refused("invalid_field", "a", lambda: read(Fields({"a": value})))
    assert message.startswith("Must ")


@pytest.mark.parametrize("item", ["", "x" * 6, 1, None, ["x"], True])
def test_a_bad_item_is_refused_by_its_place(item: object) -> None:
    refused("invalid_field", "a[1]", lambda: Fields({"a": ["x", item]}).texts("a", most=3, size=5))


@pytest.mark.parametrize(
    ("text", "read", "expected"),
    [
        ("7", lambda fields: fields.whole("a", 1, 9), 7),
        ("-7", lambda fields: fields.whole("a", -9, 9), -7),
        ("007", lambda fields: fields.whole("a", 1, 9), 7),
        ("0.5", lambda fields: fields.number("a", 0, 1), 0.5),
        ("1", lambda fields: fields.number("a", 0, 1), 1.0),
        ("true", lambda fields: fields.flag("a", False), True),
        ("false", lambda fields: fields.flag("a", True), False),
        ("x", lambda fields: fields.choice("a", ("x",)), "x"),
    ],
)
def test_a_form_writes_its_numbers_and_flags(text: str, read: Read, expected: object) -> None:
    found = read(Fields({"a": text}, written=True))
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    "text", ["", " 7", "7 ", "+7", "7.0", "7,0", "0x7", "1e0", "٧", "seven", "1" * 16, "NaN", "inf", "7\n"]
)
def test_a_form_that_writes_no_whole_number_is_refused(text: str) -> None:
    refused("invalid_field", "a", lambda: Fields({"a": text}, written=True).whole("a", -(10**20), 10**20))


@pytest.mark.parametrize("text", ["", ".5", "5.", "+0.5", "1e-1", "0.5.5", "٠.٥", "nan", "-", "0." + "1" * 16, " 1"])
def test_a_form_that_writes_no_number_is_refused(text: str) -> None:
    refused("invalid_field", "a", lambda: Fields({"a": text}, written=True).number("a", -(10**20), 10**20))


@pytest.mark.parametrize("text", ["True", "TRUE", "1", "0", "yes", ""])
def test_a_form_that_writes_no_flag_is_refused(text: str) -> None:
    refused("invalid_field", "a", lambda: Fields({"a": text}, written=True).flag("a", True))


# ---------------------------------------------------------------------------------------------------------- pictures


def test_an_album_keeps_pictures_in_order_and_says_which_came_as_bytes() -> None:
    album = Album()
    album.add("https://a.example/1.jpg", "image")
    album.add(f"data:image/png;base64,{base64_of(PNG)}", "image")
    album.add(base64_of(JPEG), "style", "reference")
    album.put(WEBP, "mask", "mask")
    album.add("http://a.example/2.jpg", "image")
    assert album.images == (
        Image("url", "https://a.example/1.jpg"),
        Image("asset", "inline"),
        Image("asset", "inline", "reference"),
        Image("asset", "inline", "mask"),
        Image("url", "http://a.example/2.jpg"),
    )
    assert album.inline == (Inline(1, PNG), Inline(2, JPEG), Inline(3, WEBP))


@pytest.mark.parametrize("ending", ["\n", "\r\n", ""])
def test_base64_may_be_broken_into_lines(ending: str) -> None:
    text, album = base64_of(PNG), Album()
    album.add(ending.join([text[:76], text[76:], ""]), "image")
    assert album.inline == (Inline(0, PNG),)


def test_what_a_data_uri_says_of_its_kind_does_not_matter_as_long_as_it_is_one_of_ours() -> None:
    album = Album()
    album.add(f"data:image/webp;base64,{base64_of(JPEG)}", "image")
    assert album.inline == (Inline(0, JPEG),)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "words",
        "HTTPS://a.example/1.jpg",
        "ftp://a.example/1.jpg",
        "https://",
        "https://a.example/1 2.jpg",
        "https://u:p@a.example/",
        "https://a.example/" + "x" * MAX_ADDRESS,
        base64_of(b"hello, this is no picture"),
        base64_of(PNG)[:-1],
        base64_of(PNG) + "=",
        base64_of(PNG)[:8] + " " + base64_of(PNG)[8:],
        base64_of(PNG)[:8] + "\t" + base64_of(PNG)[8:],
        base64_of(PNG).replace("iVBO", "iV-O"),
        "ä" + base64_of(PNG),
        "\ud800",
        "data:",
        "data:image/png;base64,",
        "data:image/png,xyz",
        f"data:image/gif;base64,{base64_of(PNG)}",
        f"data:text/html;base64,{base64_of(PNG)}",
        f"data:image/png;base64,{base64_of(b'<svg/>')}",
        f"data:image/png;base64,{base64_of(PNG)[:-1]}",
    ],
)
def test_what_is_no_picture_is_refused_by_name_and_leaves_no_trace(text: str) -> None:
    album = Album()
    refused("invalid_field", "images[3]", lambda: album.add(text, "images[3]"))
    assert (album.images, album.inline) == ((), ())


def test_bytes_must_begin_like_a_picture() -> None:
    album = Album()
    for data in (b"", b"GIF89a", b"\x89PNG"):
        refused("invalid_field", "file", lambda data=data: album.put(data, "file"))
    assert (album.images, album.inline) == ((), ())
