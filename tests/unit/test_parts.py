"""How many parts a file has: the count stops where the decoder stops, and never stumbles over damage."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from packshot import parts
from tests.security.hostile import chunk, gif, jpg, png, riff, saved, scans, segment, with_segments


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP"])
def test_what_an_encoder_writes_is_never_too_much(kind: str) -> None:
    assert not parts.too_many(saved(Image.effect_noise((900, 900), 90), kind))


def test_an_optimised_progressive_picture_passes() -> None:
    assert not parts.too_many(saved(Image.effect_noise((600, 600), 90).convert("CMYK"), "JPEG", progressive=True))


@pytest.mark.parametrize(("own", "more"), [(6, parts.MOST_SCANS - 6)])
def test_fifty_scans_pass_and_one_more_does_not(own: int, more: int) -> None:
    assert scans(0, 64).count(b"\xff\xda") == own
    assert not parts.too_many(scans(more, 64))
    assert parts.too_many(scans(more + 1, 64))


def test_a_scan_inside_a_segment_or_behind_the_end_is_none() -> None:
    preview = b"\xff\xda\0\2" * 1000
    assert not parts.too_many(with_segments(segment(0xE1, preview)))
    assert not parts.too_many(jpg() + preview)


def test_stuffed_bytes_and_restarts_are_no_parts() -> None:
    coded = b"\xff\x00\xff\xd0\xff\xff\x00" * 100_000
    assert not parts.too_many(b"\xff\xd8\xff\xda" + struct.pack(">H", 8) + bytes(6) + coded + b"\xff\xd9")


def test_chunks_and_segments_and_blocks_have_their_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "MOST_PARTS", 20)
    monkeypatch.setattr(parts, "MOST_BLOCKS", 20)
    assert not parts.too_many(png(chunk(b"prIv", b"") * 10))
    assert parts.too_many(png(chunk(b"prIv", b"") * 20))
    assert not parts.too_many(with_segments(b"\xff\xfe\0\2" * 5))
    assert parts.too_many(with_segments(b"\xff\xfe\0\2" * 20))
    assert not parts.too_many(gif(b"!\xf9\1x\0" * 3))
    assert parts.too_many(gif(b"!\xf9\1x\0" * 20))
    assert parts.too_many(gif(b"!\xfe" + b"\1x" * 20 + b"\0"))
    assert parts.too_many(gif(b"\1" * 20))
    assert not parts.too_many(riff((b"VP8X", bytes(10)), *[(b"EVIL", b"x")] * 10))
    assert parts.too_many(riff((b"VP8X", bytes(10)), *[(b"EVIL", b"x")] * 20))


@given(
    st.sampled_from([b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"RIFF\xff\0\0\0WEBP"]), st.binary(max_size=300)
)
def test_damage_is_for_the_decoder_to_find(magic: bytes, rest: bytes) -> None:
    assert not parts.too_many(magic + rest)
