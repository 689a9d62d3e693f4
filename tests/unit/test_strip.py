"""What we keep of a picture is the picture: the same pixels, the same way up, nothing that hangs on it (AT31, AT32)."""

import io
import struct
import time
import warnings
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms, ImageOps

from packshot import parts, picture, provenance
from packshot.orientation import exif_of, orientation
from packshot.strip import stripped
from tests.security import hostile
from tests.security.hostile import HTML, chunk, icc, riff, saved, segment, zipped

pytestmark = pytest.mark.filterwarnings("ignore:Image appears to be a malformed MPO")  # as our decoder does

CANARY = b"GPS-CANARY"
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description exif:GPSLatitude="GPS-CANARY"/></x:xmpmeta>'
XMP_HEAD = b"http://ns.adobe.com/xap/1.0/\0"
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
FORMATS = ("JPEG", "PNG", "WEBP")


def scene(mode: str = "RGB", size: tuple[int, int] = (90, 70)) -> Image.Image:
    """No two of its eight ways up look alike."""
    image = Image.radial_gradient("L").resize(size).convert("RGB")
    image.paste((200, 30, 40), (0, 0, size[0] // 3, size[1] // 4))
    if mode in ("RGBA", "LA"):
        image.putalpha(Image.linear_gradient("L").resize(size))
    return image.convert(mode)


def camera(turn: int = 1, order: str = ">") -> bytes:
    """A block as cameras write it: which way up, a note, a place, and a preview that is a JPEG of its own."""
    preview = saved(Image.new("RGB", (16, 16)), "JPEG", comment=CANARY)
    entries = [(0x010E, 2, len(CANARY), 62), (0x0112, 3, 1, turn), (0x8825, 4, 1, 74)]
    head = {">": b"MM\0*", "<": b"II*\0"}[order] + struct.pack(order + "LH", 8, len(entries))
    for tag, kind, count, value in entries:
        small = struct.pack(order + "HH", value, 0) if kind == 3 else struct.pack(order + "L", value)
        head += struct.pack(order + "HHL", tag, kind, count) + small
    head += struct.pack(order + "L", 92) + bytes(62 - len(head) - 4) + CANARY.ljust(12, b"\0")
    place = struct.pack(order + "HHHL4s", 1, 1, 2, 2, b"N\0\0\0") + struct.pack(order + "L", 0)
    second = struct.pack(order + "HHHLLHHLLL", 2, 0x0201, 4, 1, 122, 0x0202, 4, 1, len(preview), 0)
    return head + place + second + preview


def with_jpeg(data: bytes, exif: bytes = b"", xmp: bytes = XMP) -> bytes:
    """A JPEG with all that programs and people hang on one."""
    photoshop = segment(0xED, b"Photoshop 3.0\x008BIM\x04\x04" + CANARY)
    hung = (
        b"\xff\xff\xff"  # fill bytes
        + (segment(0xE1, b"Exif\0\0" + exif) if exif else b"")
        + (segment(0xE1, XMP_HEAD + xmp) if xmp else b"")
        + segment(0xE1, b"http://ns.adobe.com/xmp/extension/\0" + CANARY)
        + segment(0xE2, b"MPF\0" + CANARY)
        + segment(0xEB, b"JP\0\1jumb" + CANARY)
        + photoshop
        + segment(0xEF, CANARY)
        + segment(0xFE, CANARY)
    )
    scan = data.rindex(b"\xff\xda")
    return data[:2] + hung + data[2:scan] + segment(0xFE, CANARY) + data[scan:-2] + segment(0xFE, CANARY) + data[-2:]


def with_png(data: bytes, exif: bytes = b"", xmp: bytes = XMP) -> bytes:
    hung = chunk(b"tEXt", b"Comment\0" + CANARY) + chunk(b"zTXt", b"Author\0\0" + zlib.compress(CANARY))
    hung += chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + xmp) if xmp else b""
    hung += (chunk(b"eXIf", exif) if exif else b"") + chunk(b"caBX", CANARY) + chunk(b"prIv", CANARY)
    behind = chunk(b"tIME", CANARY[:7]) + chunk(b"tEXt", b"Place\0" + CANARY) + chunk(b"prIv", CANARY)
    return data[:33] + hung + data[33:-12] + behind + data[-12:]


def with_webp(data: bytes, exif: bytes = b"", xmp: bytes = XMP) -> bytes:
    image = Image.open(io.BytesIO(data))
    flags = (0x10 if image.mode == "RGBA" else 0) | (0x08 if exif else 0) | (0x04 if xmp else 0)
    at, chunks, features = 12, [], b""
    while at < len(data):
        name, size = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        body = data[at + 8 : at + 8 + size]
        if name == b"VP8X":
            flags |= body[0]
        else:
            chunks.append((name, body))
        at += 8 + size + size % 2
    features = bytes([flags, 0, 0, 0]) + b"".join((side - 1).to_bytes(3, "little") for side in image.size)
    hung = [(b"EXIF", exif)] * bool(exif) + [(b"XMP ", xmp)] * bool(xmp) + [(b"CAMR", CANARY)]
    return riff((b"VP8X", features), (b"ANON", CANARY), *chunks, *hung)


WITH: dict[str, Callable[..., bytes]] = {"JPEG": with_jpeg, "PNG": with_png, "WEBP": with_webp}


def interlaced() -> bytes:
    """An Adam7 picture, which Pillow reads and does not write."""
    pixels = np.asarray(scene())
    rows = b""
    for top, left, down, across in (
        (0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1),
    ):  # fmt: skip
        rows += b"".join(b"\0" + row.tobytes() for row in pixels[top::down, left::across])
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 90, 70, 8, 2, 0, 0, 1))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def in_two_parts() -> bytes:
    """A picture in many small chunks."""
    data = saved(scene(), "PNG")
    at = data.index(b"IDAT") - 4
    body = data[at + 8 : -16]
    return data[:at] + b"".join(chunk(b"IDAT", body[n : n + 99]) for n in range(0, len(body), 99)) + data[-12:]


REAL: dict[str, tuple[str, Callable[[], bytes]]] = {
    "jpg": ("JPEG", lambda: saved(scene(), "JPEG")),
    "jpg, progressive": ("JPEG", lambda: saved(scene(), "JPEG", progressive=True)),
    "jpg, restarts": ("JPEG", lambda: saved(scene(), "JPEG", restart_marker_blocks=2)),
    "jpg, 4:4:4": ("JPEG", lambda: saved(scene(), "JPEG", subsampling=0, quality=100)),
    "jpg, grey": ("JPEG", lambda: saved(scene("L"), "JPEG")),
    "jpg, four inks": ("JPEG", lambda: saved(scene("CMYK"), "JPEG")),
    "jpg, RGB": ("JPEG", lambda: saved(scene(), "JPEG", keep_rgb=True)),
    "jpg, profile": ("JPEG", lambda: saved(scene(), "JPEG", icc_profile=SRGB)),
    "jpg, large profile": ("JPEG", lambda: saved(scene(), "JPEG", icc_profile=icc(200_000))),
    "png": ("PNG", lambda: saved(scene(), "PNG")),
    "png, grey": ("PNG", lambda: saved(scene("L"), "PNG")),
    "png, 16 bits": ("PNG", lambda: saved(scene("L").convert("I;16").point(lambda v: v * 257), "PNG")),
    "png, one bit": ("PNG", lambda: saved(scene("1"), "PNG")),
    "png, alpha": ("PNG", lambda: saved(scene("RGBA"), "PNG")),
    "png, grey, alpha": ("PNG", lambda: saved(scene("LA"), "PNG")),
    "png, palette": ("PNG", lambda: saved(scene("P"), "PNG")),
    "png, palette, clear": ("PNG", lambda: saved(scene("P"), "PNG", transparency=bytes([0, 90, 180, 255]))),
    "png, one colour clear": ("PNG", lambda: saved(scene(), "PNG", transparency=(200, 30, 40))),
    "png, profile": ("PNG", lambda: saved(scene(), "PNG", icc_profile=SRGB, dpi=(300, 300))),
    "png, interlaced": ("PNG", interlaced),
    "png, many chunks": ("PNG", in_two_parts),
    "webp": ("WEBP", lambda: saved(scene(), "WEBP")),
    "webp, lossless": ("WEBP", lambda: saved(scene(), "WEBP", lossless=True)),
    "webp, alpha": ("WEBP", lambda: saved(scene("RGBA"), "WEBP")),
    "webp, lossless, alpha": ("WEBP", lambda: saved(scene("RGBA"), "WEBP", lossless=True)),
    "webp, profile": ("WEBP", lambda: saved(scene(), "WEBP", icc_profile=SRGB)),
}  # fmt: skip

TAILS = {"nothing": b"", "zip": zipped(), "html": HTML, "a second jpg": saved(scene("L"), "JPEG", comment=CANARY)}


def seen(data: bytes) -> tuple[Any, ...]:
    """What a decoder makes of a file: as it lies, upright, and its colours."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        image = Image.open(io.BytesIO(data), formats=FORMATS)
        image.load()
        shown = (image.mode, image.size, image.tobytes(), image.info.get("transparency"), image.getpalette())
        upright = ImageOps.exif_transpose(image)
        return shown, upright.tobytes(), upright.size, image.info.get("icc_profile")


def ends(data: bytes) -> bool:
    """Whether a file ends where its picture does."""
    if data.startswith(b"RIFF"):
        return len(data) == 8 + int.from_bytes(data[4:8], "little")
    return data.endswith((b"\xff\xd9", chunk(b"IEND", b"")))


@pytest.mark.parametrize("tail", TAILS)
@pytest.mark.parametrize("name", REAL)
def test_the_pixels_stay_and_all_that_hangs_on_them_goes(name: str, tail: str) -> None:
    format, make = REAL[name]
    for turn in (1, 6) if tail == "nothing" else (1,):
        plain = make()
        dirty = WITH[format](plain, camera(turn)) + TAILS[tail]
        clean = stripped(dirty)
        assert seen(clean) == seen(dirty), name
        assert dirty.count(CANARY) >= 5 and CANARY not in clean and zlib.compress(CANARY) not in clean
        assert TAILS[tail] == b"" or TAILS[tail] not in clean
        assert ends(clean) and stripped(clean) == clean
        assert len(clean) <= len(plain) + 100, "nothing but which way up is said again"


@pytest.mark.parametrize("name", REAL)
def test_what_has_nothing_hanging_on_it_is_the_same_object(name: str) -> None:
    data = REAL[name][1]()
    clean = stripped(data)
    assert clean is data if name != "png, profile" else clean == data


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("turn", range(1, 9))
@pytest.mark.parametrize("format", FORMATS)
def test_a_picture_keeps_standing_upright(format: str, turn: int, order: str) -> None:
    plain = saved(scene(), format)
    dirty = WITH[format](plain, camera(turn, order))
    assert Image.open(io.BytesIO(dirty)).getexif().get_ifd(0x8825), "the block is one that cameras could write"
    clean = stripped(dirty)
    assert seen(clean) == seen(dirty)
    exif = Image.open(io.BytesIO(clean)).getexif()
    assert dict(exif) == ({0x0112: turn} if turn > 1 else {}) and not exif.get_ifd(0x8825)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert (seen(clean)[2] == (70, 90)) == (turn >= 5)


@pytest.mark.parametrize("format", FORMATS)
def test_where_only_xmp_says_which_way_up_it_is_still_said(format: str) -> None:
    for said, turn in ((b'tiff:Orientation="6"', 6), (b"<tiff:Orientation>8<", 8), (b'tiff:Orientation="9"', 1)):
        dirty = WITH[format](saved(scene(), format), b"", XMP + said)
        clean = stripped(dirty)
        assert seen(clean) == seen(dirty) and CANARY not in clean
        assert Image.open(io.BytesIO(clean)).getexif().get(0x0112, 1) == turn


def test_a_block_in_words_of_an_older_program_is_understood() -> None:
    block = camera(6)
    words = b"\nexif\n%8d\n" % len(block) + block.hex().encode()
    for text in (
        chunk(b"tEXt", b"Raw profile type exif\0" + words),
        chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(words)),
        chunk(b"iTXt", b"Raw profile type exif\0\1\0\0\0" + zlib.compress(words)),
        chunk(b"tEXt", b"exif\0" + block),
    ):
        plain = saved(scene(), "PNG")
        dirty = plain[:33] + text + plain[33:]
        clean = stripped(dirty)
        assert seen(clean) == seen(dirty) and seen(clean)[2] == (70, 90)
        assert dict(Image.open(io.BytesIO(clean)).getexif()) == {0x0112: 6}


@pytest.mark.parametrize("format", FORMATS)
def test_a_broken_block_says_nothing(format: str) -> None:
    for block in (b"II*\0", b"MM\0*\0\0\0\x08\xff\xff", b"nonsense", b"II*\0\xff\xff\xff\xff", camera(6)[:20]):
        dirty = WITH[format](saved(scene(), format), block)
        clean = stripped(dirty)
        assert seen_as_it_lies(clean) == seen_as_it_lies(dirty)
        assert not Image.open(io.BytesIO(clean)).getexif() and CANARY not in clean


def seen_as_it_lies(data: bytes) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        image = Image.open(io.BytesIO(data), formats=FORMATS)
        image.load()
        return image.mode, image.size, image.tobytes(), image.info.get("icc_profile")


@pytest.mark.parametrize("format", FORMATS)
def test_how_a_picture_was_made_is_still_said_and_nothing_else(format: str) -> None:
    said = b'<rdf:D Iptc4xmpExt:DigitalSourceType="http://cv.iptc.org/newscodes/digitalsourcetype/%s"/>'
    for term, kept in ((b"trainedAlgorithmicMedia", True), (b"GPS-CANARY", False)):
        clean = stripped(WITH[format](saved(scene(), format), camera(3), XMP + said % term))
        packet = Image.open(io.BytesIO(clean)).info.get("xmp", b"")
        assert packet == (provenance.label(term.decode()).encode() if kept else b"")
        assert CANARY not in clean and stripped(clean) == clean
        assert Image.open(io.BytesIO(clean)).getexif()[0x0112] == 3


@pytest.mark.parametrize("format", picture.FORMATS)
def test_what_we_made_is_as_we_keep_it(format: str) -> None:
    made = picture.encode(picture.decode(saved(scene("RGBA"), "PNG")), format=format, source_type="composite")
    assert stripped(made) is made or stripped(made) == made
    assert stripped(made + HTML) == made


def test_of_several_pictures_in_one_file_the_first_is_kept() -> None:
    made = saved(scene(), "MPO", save_all=True, append_images=[scene("L").convert("RGB")])
    assert made.count(b"\xff\xd8\xff") == 2 and Image.open(io.BytesIO(made)).format == "MPO"
    clean = stripped(made)
    assert clean.count(b"\xff\xd8\xff") == 1 and Image.open(io.BytesIO(clean)).format == "JPEG"
    assert np.array_equal(picture.decode(clean).pixels, picture.decode(made).pixels)


def test_the_words_of_a_preview_inside_a_kept_segment_go() -> None:
    data = saved(scene(), "JPEG")
    assert data[2:4] == b"\xff\xe0"
    jfif, adobe = data[6:18] + b"\x01\x01" + CANARY, b"Adobe\0\x64\0\0\0\0\1" + CANARY
    clean = stripped(
        data[:2] + segment(0xE0, jfif) + segment(0xEE, adobe) + segment(0xE0, b"JFXX\0" + CANARY) + data[20:]
    )
    assert CANARY not in clean and clean[6:11] == b"JFIF\0" and segment(0xEE, adobe[:12]) in clean
    assert seen(clean) == seen(data)


def test_chunks_that_are_longer_than_they_need_are_cut() -> None:
    data = saved(scene("L"), "PNG")
    head = chunk(b"IHDR", data[16:29] + CANARY)
    clear = chunk(b"tRNS", b"\0\x80" + CANARY)
    dirty = data[:8] + head + chunk(b"gAMA", bytes(4) + CANARY) + clear + data[33:]
    clean = stripped(dirty)
    assert CANARY not in clean and seen(clean) == seen(dirty) and seen(clean)[0][3] == 128
    features = with_webp(saved(scene(), "WEBP"), b"", b"")
    frame = features[30:].partition(b"VP8 ")[2]
    frame = b"VP8 " + frame[: 4 + int.from_bytes(frame[:4], "little")]
    frame += b"\0" * (len(frame) % 2) + b"EVIL\x0a\0\0\0" + CANARY
    moving = riff(
        (b"VP8X", b"\x02" + features[21:30]), (b"ANIM", bytes(6) + CANARY),
        (b"ANMF", bytes(6) + features[24:30] + bytes(4) + frame),
    )  # fmt: skip
    clean = stripped(moving)
    assert CANARY not in clean and seen(clean) == seen(moving) and stripped(clean) == clean


def test_what_our_decoder_reads_behind_the_pixels_stays_there() -> None:
    for data, late in (
        (saved(scene("L"), "PNG"), chunk(b"tRNS", b"\0\x80")),
        (saved(scene("P"), "PNG"), chunk(b"tRNS", bytes(range(250)))),
        (saved(scene(), "PNG"), chunk(b"iCCP", b"a\0\0" + zlib.compress(SRGB))),
    ):
        dirty = data[:-12] + chunk(b"tEXt", b"Place\0" + CANARY) + late + HTML
        clean = stripped(dirty)
        assert clean == data[:-12] + late + data[-12:] and seen(clean) == seen(dirty)
        cut = data[:-12] + late[:-2]
        assert stripped(cut) == clean and seen(cut) == seen(clean)


def test_a_webp_says_what_it_has() -> None:
    data = saved(scene("RGBA"), "WEBP", icc_profile=SRGB)
    for turn, xmp, flags in ((1, b"", 0x30), (1, XMP, 0x30), (6, XMP, 0x38)):
        assert stripped(with_webp(data, camera(turn), xmp))[20] == flags
    labelled = provenance.label("composite").encode()
    clean = stripped(with_webp(data, camera(6), labelled))
    assert clean[20] == 0x3C and Image.open(io.BytesIO(clean)).info["xmp"] == labelled


def test_a_moving_picture_still_moves_for_the_decoder_to_refuse() -> None:
    for kind in ("PNG", "WEBP"):
        data = hostile.moving(kind)
        dirty = (with_png if kind == "PNG" else lambda moving: moving)(data) + HTML
        assert stripped(dirty) == data
        with pytest.raises(picture.BadPicture, match="still"):
            picture.decode(stripped(dirty))


def test_an_animation_of_one_frame_is_a_still_picture() -> None:
    data = saved(scene(), "PNG")
    control, body = chunk(b"acTL", struct.pack(">II", 1, 0)), struct.pack(">IIIIIHHBB", 0, 90, 70, 0, 0, 1, 1, 0, 0)
    dirty = (
        data[:33] + control + chunk(b"fcTL", body) + data[33:-12] + chunk(b"fdAT", b"\0\0\0\1" + CANARY) + data[-12:]
    )
    assert stripped(dirty) == data and picture.decode(dirty)


def test_words_that_end_a_scan_too_early_do_not_bring_back_what_a_decoder_lost() -> None:
    """The scan is over at its first marker: what would go on behind it stays lost, the rest is as grey as before."""
    data = hostile.noise("JPEG", quality=95, restart_marker_blocks=2)
    for at in (data.index(b"\xff\xd1"), data.index(b"\xff\xd3") + 5):
        dirty = data[:at] + segment(0xE1, CANARY) + data[at:]
        clean = stripped(dirty)
        assert CANARY not in clean and seen(clean) == seen(dirty) != seen(data)


def test_a_jpeg_without_its_end_is_taken_as_before_and_keeps_no_words() -> None:
    """Our decoder wants no end once it has all rows, if only something follows."""
    data = with_jpeg(saved(scene(), "JPEG"), camera(6))
    for cut in (data[:-3], data[:-9], data[:-2] + b"\xff\xe1\xff\xff" + CANARY, data[:-2] + HTML):
        clean = stripped(cut)
        assert seen(clean) == seen(cut) and CANARY not in clean and stripped(clean) == clean
    for cut in (data[:-2] + b"\xff\xda\0\x0c\3", data[:-2] + b"\xff\xc4\xff\xff"):
        clean = stripped(cut)
        assert seen(clean) == seen(cut) and CANARY not in clean and stripped(clean) == clean
    waits = with_jpeg(saved(scene(), "JPEG", progressive=True), camera(6))
    for cut in (waits[:-3], waits[: waits.rindex(b"\xff\xc4") + 9]):
        assert judged(cut)[0] == judged(stripped(cut))[0] == "truncated" and CANARY not in stripped(cut)


@pytest.mark.parametrize("format", FORMATS)
def test_what_is_cut_off_is_taken_or_refused_as_before(format: str) -> None:
    dirty = WITH[format](saved(scene(), format), camera(6)) + HTML
    for length in range(0, len(dirty), 7):
        agrees(dirty[:length])


def test_hostile_files_are_judged_as_before() -> None:
    changed = set()
    for name, (make, verdict) in hostile.FILES.items():
        data = make()
        clean = stripped(data)
        if clean is data:  # the decoder sees the same
            continue
        assert stripped(clean) == clean
        if judged(clean)[0] != verdict:
            changed.add(name)
        elif verdict == "taken":
            assert np.array_equal(judged(clean)[1], judged(data)[1]), name
            assert not [mark for mark in (*hostile.EVIL, *hostile.PLACE) if mark in clean], name
    assert changed == {"png: text that swells", "png: much text that swells"}, "it was the text that was refused"


def judged(data: bytes) -> tuple[str, Any]:
    try:
        return "taken", picture.decode(data).pixels
    except picture.BadPicture as error:
        return error.code, None


# ------------------------------------------------------------------------------------------------------------- damage


def agrees(data: bytes) -> None:
    """Nothing raises, twice is once, and whatever was a picture is the same picture.

    Where a scan breaks off, libjpeg guesses the last block in one of two ways, by how much lies behind: as much here.
    """
    clean = stripped(data)
    assert stripped(clean) == clean and len(clean) <= len(data) + 900
    behind = bytes(2000) if data.startswith(b"\xff\xd8") else b""
    try:
        before = seen_as_it_lies(data + behind)
    except Exception:  # noqa: BLE001 it was none
        return
    assert seen_as_it_lies(clean + behind) == before
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            warnings.filterwarnings("ignore", message="Image appears to be a malformed MPO")
            image = Image.open(io.BytesIO(data), formats=FORMATS)
            image.load()  # what is written behind the pixels counts too
            turn = image.getexif().get(0x0112, 1)
    except Exception:  # noqa: BLE001 a broken block: our decoder leaves such a picture as it lies
        return
    assert Image.open(io.BytesIO(clean)).getexif().get(0x0112, 1) == (turn if turn in range(1, 9) else 1)


@given(st.binary(max_size=300))
def test_any_bytes_are_left_or_stripped(data: bytes) -> None:
    for magic in (b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF\x40\0\0\0WEBPVP8X\x0a\0\0\0"):
        agrees(magic + data)


SMALL = {
    name: WITH[format](saved(scene(mode, (24, 20)), format, **more), camera(5, order), XMP) + HTML
    for name, format, mode, order, more in (
        ("jpg", "JPEG", "RGB", ">", {"icc_profile": SRGB}),
        ("jpg, progressive", "JPEG", "RGB", "<", {"progressive": True}),
        ("jpg, restarts", "JPEG", "CMYK", ">", {"restart_marker_blocks": 1}),
        ("png", "PNG", "P", ">", {"transparency": bytes([0, 9])}),
        ("png, alpha", "PNG", "RGBA", "<", {}),
        ("webp", "WEBP", "RGB", ">", {"icc_profile": SRGB}),
        ("webp, alpha", "WEBP", "RGBA", "<", {}),
        ("webp, lossless", "WEBP", "RGB", "<", {"lossless": True}),
    )
}
EDIT = st.tuples(st.integers(0, 9999), st.integers(0, 9999), st.binary(max_size=6))


@settings(deadline=None)
@given(st.sampled_from(sorted(SMALL)), st.lists(EDIT, min_size=1, max_size=4))
@example("png", [(9999, 0, b"")])
def test_a_damaged_picture_is_what_it_was(name: str, edits: list[tuple[int, int, bytes]]) -> None:
    data = SMALL[name]
    for where, length, put in edits:
        at = where * len(data) // 10_000
        data = data[:at] + put + data[at + (length % 8 if length < 9000 else length) :]
    agrees(data)


@given(st.binary(max_size=200), st.binary(max_size=200))
def test_which_way_up_is_always_an_answer(exif: bytes, xmp: bytes) -> None:
    for head in (b"", b"II*\0", b"MM\0*\0\0\0\x08", b"II*\0\x08\0\0\0\2\0\x12\1"):
        assert 1 <= orientation(head + exif, xmp) <= 8
    for turn in range(1, 9):
        assert orientation(exif_of(turn), xmp) == turn


# --------------------------------------------------------------------------------------------------------------- time

LONG: dict[str, Callable[[int], bytes]] = {
    "comments of nothing": lambda n: hostile.with_segments(b"\xff\xfe\0\2" * (n // 4)),
    "fill bytes": lambda n: hostile.with_segments(b"\xff" * n),
    "stuffed bytes": lambda n: hostile.jpg()[:-2] + b"\xff\0" * (n // 2) + b"\xff\xd9",
    "restarts": lambda n: hostile.jpg()[:-2] + b"\xff\xfe\0\2" + b"\xff\xd0" * (n // 2) + b"\xff\xd9",
    "a block in small pieces": lambda n: hostile.with_segments(
        segment(0xE1, b"Exif\0\0" + bytes(n // 40_000)) * 40_000),
    "words of space": lambda n: hostile.png(chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0DigitalSourceType" + b" " * n)),
    "words of the same": lambda n: hostile.png(
        chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + b"DigitalSourceType tiff:Orientation" * (n // 34))),
    "chunks of nothing": lambda n: hostile.png(chunk(b"prIv", b"") * (n // 12)),
    "chunks of something": lambda n: hostile.png(chunk(b"zTXt", bytes(n // 40_000)) * 40_000),
    "words that swell": lambda n: hostile.png(
        chunk(b"zTXt", b"XML:com.adobe.xmp\0\0" + zlib.compress(bytes(9_000_000))) * (n // 9_000)),
    "riff chunks of nothing": lambda n: riff((b"VP8X", bytes(10)), *[(b"EVIL", b"")] * (n // 8)),
}  # fmt: skip


@pytest.mark.parametrize("name", LONG)
def test_twice_as_much_takes_twice_as_long(name: str) -> None:
    took = []
    for size in (10_000_000, 20_000_000):
        data = LONG[name](size)
        began = time.process_time()
        stripped(data)
        took.append(time.process_time() - began)
    assert took[1] < 5 * took[0] + 0.3 and took[1] < 4, took


def test_what_has_too_many_parts_is_left_to_the_decoder_that_refuses_it() -> None:
    for many in (
        hostile.with_segments(segment(0xFE, CANARY) * (parts.MOST_PARTS + 1)),
        hostile.png(chunk(b"tEXt", CANARY) * (parts.MOST_PARTS + 1)),
        riff((b"VP8X", bytes(10)), *[(b"EVIL", CANARY)] * (parts.MOST_PARTS + 1)),
    ):
        assert stripped(many) is many and parts.too_many(many)
    for some in (
        hostile.with_segments(segment(0xFE, CANARY) * (parts.MOST_PARTS - 50)),
        hostile.png(chunk(b"tEXt", CANARY) * (parts.MOST_PARTS - 50)),
    ):
        assert not parts.too_many(some) and CANARY not in stripped(some)
