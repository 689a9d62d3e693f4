"""Forms: what is well formed comes out as it went in; everything else is one error."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from packshot.errors import CallerError
from packshot.multipart import MOST_PARTS, Part, clean, file_of, parse

KIND = 'multipart/form-data; boundary="edge"'


def form(*parts: tuple[str, bytes], end: bytes = b"--edge--\r\n") -> bytes:
    return b"".join(b"--edge\r\n" + head.encode() + b"\r\n\r\n" + data + b"\r\n" for head, data in parts) + end


def head(name: str, filename: str | None = None, more: str = "") -> str:
    return f'Content-Disposition: form-data; name="{name}"' + (f'; filename="{filename}"' if filename else "") + more


def test_one_file() -> None:
    body = form((head("file", "mug.jpg", "\r\nContent-Type: image/JPEG; q=1"), b"\xff\xd8\xff\r\n--edg"))
    assert file_of(parse(KIND, body)) == Part("file", b"\xff\xd8\xff\r\n--edg", "mug.jpg", "image/jpeg")


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(["image", "image[]", "prompt", "\u00fc"]), st.binary(max_size=200)),
        min_size=1,
        max_size=5,
    )
)
def test_what_goes_in_comes_out(fields: list[tuple[str, bytes]]) -> None:
    fields = [(name, data) for name, data in fields if b"\r\n--edge" not in b"\r\n" + data]
    if fields:
        parts = parse(KIND, form(*((head(name), data) for name, data in fields)))
        assert [(part.name, part.data) for part in parts] == fields


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        (form((head("picture", "a.jpg"), b"x")), "missing_field", "file"),
        (form((head("file"), b"x"), (head("file"), b"y")), "invalid_field", "file"),
    ],
)
def test_a_form_that_is_not_one_file(body: bytes, code: str, field: str) -> None:
    with pytest.raises(CallerError) as caught:
        file_of(parse(KIND, body))
    assert (caught.value.code, caught.value.field) == (code, field)


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("multipart/form-data", form((head("file"), b"x"))),
        ("multipart/form-data; boundary=", form((head("file"), b"x"))),
        ("multipart/form-data; boundary=" + "e" * 71, b""),
        ("multipart/form-data; boundary=\u20ac", b""),
        (KIND, b""),
        (KIND, b"--edge\r\n"),
        (KIND, form((head("file"), b"x"), end=b"")),
        (KIND, form((head("file"), b"x"), end=b"--edge")),
        (KIND, form(("Content-Type: image/png", b"x"))),
        (KIND, form(("Content-Disposition: attachment; name=file", b"x"))),
        (KIND, form((head("file", None, "\r\nContent-Transfer-Encoding: base64"), b"eA=="))),
        (KIND, form((head("file", None, "\r\nX: " + "y" * 10_000), b"x"))),
        (KIND, form(*[(head("file"), b"x")] * (MOST_PARTS + 1))),
        (KIND, b'--edge\r\nContent-Disposition: form-data; name="\xff"\r\n\r\nx\r\n--edge--\r\n'),
    ],
)
def test_what_is_no_form_is_malformed(kind: str, body: bytes) -> None:
    with pytest.raises(CallerError) as caught:
        parse(kind, body)
    assert caught.value.code == "malformed_request"


@settings(max_examples=500, deadline=None)
@given(st.binary(max_size=300), st.integers(0, 200), st.text(max_size=40))
def test_no_bytes_are_our_fault(noise: bytes, cut: int, kind: str) -> None:
    whole = form((head("file", "mug.jpg", "\r\nContent-Type: image/jpeg"), b"\xff\xd8\xff"))
    for media, body in (
        (KIND, noise),
        (KIND, whole[:cut] + noise + whole[cut:]),
        (f"multipart/form-data; {kind}", whole),
    ):
        try:
            parse(media, body)
        except CallerError as error:
            assert error.code == "malformed_request"


@pytest.mark.parametrize(
    ("given_name", "kept"),
    [
        ("mug.jpg", "mug.jpg"),
        ("/etc/passwd", "passwd"),
        ("C:\\photos\\mug.jpg", "mug.jpg"),
        ("a\x00b\n.jpg", "ab.jpg"),
        ("", None),
        ("/", None),
        ("x" * 300, "x" * 255),
        ("t\u00e4sse.jpg", "t\u00e4sse.jpg"),
    ],
)
def test_a_file_name_is_never_a_path(given_name: str, kept: str | None) -> None:
    assert clean(given_name) == kept
