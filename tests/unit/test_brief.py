"""The brief's own arithmetic: sizes, ratios, what is billed, and that a brief survives its row."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from packshot.brief import LONG_SIDE, Brief, Image, frame, ratio_of


@pytest.mark.parametrize(
    ("ratio", "resolution", "size"),
    [
        # MakePhotos documents these for 1K; 2K and 4K are the same shapes, two and four times as large.
        ("1:1", "1K", (1024, 1024)),
        ("4:3", "1K", (1024, 768)),
        ("3:4", "1K", (768, 1024)),
        ("16:9", "1K", (1024, 576)),
        ("9:16", "1K", (576, 1024)),
        ("16:9", "2K", (2048, 1152)),
        ("3:4", "4K", (3072, 4096)),
        ("1.91:1", "1K", (1024, 536)),
    ],
)
def test_a_ratio_and_a_resolution_give_a_size(ratio: str, resolution: str, size: tuple[int, int]) -> None:
    brief = Brief("generate", "studio", aspect_ratio=ratio, resolution=resolution)  # type: ignore[arg-type]
    assert frame(brief, (700, 100)) == size


def test_auto_takes_the_shape_of_the_first_picture_and_an_exact_size_wins_over_everything() -> None:
    assert frame(Brief("generate", "studio"), (400, 300)) == (1024, 768)
    assert frame(Brief("generate", "studio", width=700, height=1300, aspect_ratio="1:1"), (400, 300)) == (700, 1300)


def test_like_the_input_means_its_own_size_times_the_scale() -> None:
    assert frame(Brief("enhance", "studio", like_input=True, aspect_ratio="1:1"), (401, 299)) == (401, 299)
    assert frame(Brief("upscale", "studio", like_input=True, scale=4), (401, 299)) == (1604, 1196)


@given(st.tuples(st.integers(64, 1280), st.integers(64, 1280)), st.sampled_from(sorted(LONG_SIDE)))
def test_any_shape_keeps_its_longer_side_and_a_multiple_of_eight(source: tuple[int, int], resolution: str) -> None:
    width, height = frame(Brief("generate", "studio", resolution=resolution), source)  # type: ignore[arg-type]
    assert max(width, height) == LONG_SIDE[resolution] and min(width, height) % 8 == 0
    assert (width >= height) == (source[0] >= source[1]) or width == height


@pytest.mark.parametrize("text", ["", "1", "1:", ":1", "0:1", "1:0", "-1:1", "1:21", "a:b", "1:1:1", "nan:1", "inf:1"])
def test_what_is_no_ratio_is_refused(text: str) -> None:
    with pytest.raises((ValueError, ZeroDivisionError)):
        ratio_of(text)


@pytest.mark.parametrize(
    ("width", "height", "billed"),
    [(512, 512, "1K"), (1024, 600, "1K"), (1025, 600, "2K"), (600, 2048, "2K"), (2049, 512, "4K"), (4096, 4096, "4K")],
)
def test_an_exact_size_is_billed_as_the_resolution_that_holds_it(width: int, height: int, billed: str) -> None:
    assert Brief("generate", "studio", width=width, height=height).billed_resolution == billed


def test_a_brief_survives_its_row() -> None:
    brief = Brief(
        "generate", "flux-2", "a cup",
        images=(Image("url", "https://a.example/1.jpg"), Image("asset", "as_1", "reference")),
        count=3, seed=0, width=512, height=600, metadata={"a": "b"}, external_id="x", outbox="outbox/a/b/c",
        format="webp", delivery="bytes", callback_url="https://a.example/", quality=80, preset="amazon",
        resolution="2K", look=(3, "on slate", "luxury"), strength=0.0, scale=2, guidance=2.5, detail="low", keep=True,
        like_input=True, background="white", mask_kind="black", dialect="phota",
    )  # fmt: skip
    assert Brief.load(json.loads(json.dumps(brief.dump()))) == brief
    assert Brief.load(Brief("generate", "studio").dump()) == Brief("generate", "studio")
