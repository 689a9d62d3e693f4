"""What a provider is handed: our own copies of the pictures, in the size and with the mask that it takes."""

import io
from dataclasses import replace
from typing import Any

import pytest
from PIL import Image

from packshot import providers
from packshot.brief import Brief
from packshot.brief import Image as Given
from packshot.job import Call, Credits, Job, Route, State
from packshot.picture import decode
from packshot.providers import Provider
from packshot.replies import Shot, Source
from packshot.steps.inputs import Input
from packshot.steps.prepare import shot_of

NOW = 1_795_248_000_000
SIZE = (120, 80)
CHANGED = (0, 0, 60, 80)
"""The left half."""


class Bucket:
    """One bucket."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}

    def get(self, key: str) -> bytes | None:
        return self.kept.get(key)

    def put(self, key: str, data: bytes, content_type: str, metadata: Any = None) -> None:
        self.kept[key] = data

    def url(self, key: str, seconds: int, filename: str = "") -> str:
        return f"https://bucket.example/{key}"


def png(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def mask(size: tuple[int, int] = SIZE, changed: int = 255, kept: int = 0) -> bytes:
    image = Image.new("L", size, kept)
    image.paste(changed, (0, 0, size[0] // 2, size[1]))
    return png(image)


def clear_mask() -> bytes:
    """Transparent where it changes."""
    image = Image.new("RGBA", SIZE, (9, 9, 9, 255))
    image.paste((0, 0, 0, 0), CHANGED)
    return png(image)


def shot_for(provider: Provider, *files: bytes, mask_kind: str = "white", mask_last: bool = True) -> Shot:
    """What a provider of these facts gets for a photo, or for a photo and a mask on it."""
    gathered = [Input(data, decode(data)) for data in files]
    masked = mask_last and len(files) > 1
    roles: list[Any] = ["product"] * (len(files) - masked) + ["mask"] * masked
    images = tuple(Given("upload", f"in/{place}", role) for place, role in enumerate(roles))
    kind: Any = mask_kind
    brief = Brief("inpaint", "any", "a ribbon", images=images, like_input=True, mask_kind=kind)
    job = Job(
        "job_1", "acct_one", "any", "inpaint", State.PENDING, 1, NOW, NOW, NOW + 1_800_000, 1, 3,
        Credits(0, 3), (Route("any", "m", 0),), (Call(0, 1),),
    )  # fmt: skip
    return shot_of(job, brief, 0, gathered, provider, "m", "job_1-0-1", Bucket())


def provider_with(**facts: Any) -> Provider:
    return replace(providers.load("replicate"), **facts)


def opened(source: Source | None) -> Image.Image:
    assert source is not None
    return Image.open(io.BytesIO(source.data))


PHOTO = png(Image.new("RGB", SIZE, (200, 30, 40)))
SAID = {"white": mask(), "black": mask(changed=0, kept=255), "transparent": clear_mask()}
"""One mask, in each form that a caller may give."""


@pytest.mark.parametrize("kind", SAID)
@pytest.mark.parametrize(("form", "changed", "kept"), [("white", 255, 0), ("black", 0, 255)])
def test_a_mask_is_white_or_black_where_it_changes(kind: str, form: str, changed: int, kept: int) -> None:
    made = shot_for(provider_with(mask=form), PHOTO, SAID[kind], mask_kind=kind)
    seen = opened(made.mask).convert("RGBA")
    assert seen.getpixel((10, 10)) == (changed, changed, changed, 255)
    assert seen.getpixel((110, 10)) == (kept, kept, kept, 255)
    assert (made.mask and made.mask.content_type) == "image/png" and seen.size == SIZE


@pytest.mark.parametrize("kind", SAID)
def test_a_mask_is_clear_where_it_changes(kind: str) -> None:
    made = shot_for(provider_with(mask="clear"), PHOTO, SAID[kind], mask_kind=kind)
    seen = opened(made.mask)
    assert seen.mode == "RGBA"
    assert seen.getpixel((10, 10))[3] == 0 and seen.getpixel((110, 10))[3] == 255  # type: ignore[index]


def test_a_mask_is_no_input() -> None:
    made = shot_for(provider_with(), PHOTO, mask())
    assert len(made.inputs) == 1 and (made.width, made.height) == SIZE
    assert shot_for(provider_with(), PHOTO).mask is None


@pytest.mark.parametrize(
    ("most", "size"), [(0, (1200, 800)), (1200, (1200, 800)), (1199, (1199, 799)), (600, (600, 400)), (64, (64, 43))]
)
def test_the_longest_input_bounds_pictures_and_their_mask(most: int, size: tuple[int, int]) -> None:
    photo = png(Image.new("RGB", (1200, 800), (200, 30, 40)))
    made = shot_for(provider_with(longest_input=most), photo, mask((1200, 800)))
    assert [opened(made.inputs[0]).size, opened(made.mask).size] == [size, size]
    assert (made.inputs[0].width, made.inputs[0].height) == size
    assert (made.width, made.height) == (1200, 800), "the result has the size of what the caller gave"


def test_a_shrunk_mask_keeps_both_colours() -> None:
    photo = png(Image.new("RGB", (1200, 800)))
    for form in ("white", "black"):
        made = shot_for(provider_with(longest_input=500, mask=form), photo, mask((1200, 800)))
        levels = {level for _, level in opened(made.mask).convert("L").getcolors()}  # type: ignore[union-attr, misc]
        assert {0, 255} <= levels


def test_an_upright_picture_is_bounded_by_its_height() -> None:
    made = shot_for(provider_with(longest_input=300), png(Image.new("RGB", (400, 900))))
    assert opened(made.inputs[0]).size == (133, 300)


def test_a_clear_product_stays_png_and_an_opaque_one_is_jpg() -> None:
    clear = png(Image.new("RGBA", SIZE, (10, 20, 30, 0)))
    made = shot_for(provider_with(), clear, PHOTO, mask_last=False)
    assert [one.content_type for one in made.inputs] == ["image/png", "image/jpeg"]
    assert opened(made.inputs[0]).mode == "RGBA"


@pytest.mark.parametrize(
    ("inputs", "address"), [("url", "https://bucket.example/inputs/acct_one/job_1/"), ("bytes", "")]
)
def test_who_takes_bytes_gets_no_address(inputs: str, address: str) -> None:
    made = shot_for(provider_with(inputs=inputs), PHOTO, mask())
    for source in (*made.inputs, made.mask):
        assert source is not None and source.url.startswith(address) and bool(source.url) is bool(address)
