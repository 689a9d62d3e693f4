"""One call of the built-in studio: which operation makes what, from which of the brief's pictures; what it refuses."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from PIL import Image

from packshot.brief import Brief, Operation, frame
from packshot.brief import Image as Given
from packshot.catalog import models
from packshot.errors import Stale
from packshot.job import Call, Credits, Job, Route, State
from packshot.steps.render import MAKERS, Darkroom, render

NOW = 1_795_248_000_000
MESSAGE = {"account": "acct_one", "job": "job_1", "call": 0}
COFFEE = (Path(__file__).resolve().parents[3] / "examples" / "photos" / "coffee.png").read_bytes()


def png(width: int, height: int, colour: tuple[int, ...] = (90, 120, 160)) -> bytes:
    out = io.BytesIO()
    Image.new("RGB" if len(colour) == 3 else "RGBA", (width, height), colour).save(out, "PNG")
    return out.getvalue()


def cut() -> bytes:
    """A product that comes cut out: no model runs."""
    out = io.BytesIO()
    image = Image.new("RGBA", (300, 200), (0, 0, 0, 0))
    image.paste((180, 40, 50, 255), (100, 50, 200, 170))
    image.save(out, "PNG")
    return out.getvalue()


class World:
    """One job, its pictures, and what was stored."""

    def __init__(self, brief: Brief, *pictures: bytes) -> None:
        images = tuple(replace(image, value=f"in/{n}") for n, image in enumerate(brief.images))
        self.brief = replace(brief, images=images)
        self.objects = {f"in/{n}": data for n, data in enumerate(pictures)}
        self.asked: list[str] = []
        self.job = Job(
            "job_1", "acct_one", "studio", brief.operation, State.PENDING, 1, NOW, NOW, NOW + 900_000, brief.count, 1,
            Credits(0, brief.count), (Route("studio", "studio"),), (Call(0, brief.count),),
        )  # fmt: skip

    def add(self, provider: str, ms: int) -> None:
        """A running time; whether it is kept is the sample's business."""

    def both(self, account: str, job_id: str) -> tuple[Job, Brief]:
        return self.job, self.brief

    def get(self, key: str, *_: Any) -> Any:
        self.asked.append(key)
        return self.objects.get(key)

    def save(self, before: Job, after: Job) -> None:
        if before.version != self.job.version:
            raise Stale(before.id)
        self.job = after

    def put(self, key: str, data: bytes, content_type: str, **_: Any) -> None:
        self.objects[key] = data

    def render(self) -> Job:
        here: Any = self
        render(MESSAGE, room=Darkroom(here, here, here, here, lambda: NOW + 10_000, here, here))
        return self.job

    def made(self) -> list[np.ndarray]:
        """The finished pictures."""
        job = self.render()
        assert job.state == State.COMPLETED, job.failure
        return [np.asarray(Image.open(io.BytesIO(self.objects[output.key]))) for output in job.outputs]


def brief(operation: Any, *roles: Any, **more: Any) -> Brief:
    images = tuple(Given("upload", "", role) for role in roles or ("product",))
    return Brief(operation, "studio", images=images, **{"format": "png", **more})


def test_the_table_has_what_the_catalogue_promises() -> None:
    assert set(MAKERS) == set(models()["studio"].operations) <= set(get_args(Operation))


@pytest.mark.parametrize(
    "wish, size",
    [
        (brief("generate", width=520, height=600), (520, 600)),
        (brief("remove_background", like_input=True), (300, 200)),
        (brief("upscale", like_input=True), (600, 400)),
        (brief("upscale", like_input=True, scale=4), (1200, 800)),
        (brief("enhance", like_input=True), (300, 200)),
        (brief("relight", like_input=True), (300, 200)),
        (brief("remix", "product", "reference", like_input=True), (300, 200)),
        (brief("remix", "product", "reference", width=512, height=640), (512, 640)),
    ],
    ids=lambda value: value.operation if isinstance(value, Brief) else "",
)
def test_each_operation_makes_its_picture_and_the_same_again(wish: Brief, size: tuple[int, int]) -> None:
    pictures = (cut(), png(200, 200))[: len(wish.images)]
    world = World(wish, *pictures)
    (picture,) = world.made()
    assert (picture.shape[1], picture.shape[0]) == size
    (output,) = world.job.outputs
    assert (output.width, output.height) == size and output.report["engine"] == "studio-1"
    assert set(world.job.timings) <= {"fetch", "cut_out", "compose", "store"}
    again = World(wish, *pictures)
    again.made()
    assert again.job.outputs[0].sha256 == output.sha256


def test_the_pictures_are_taken_by_their_role_not_their_place() -> None:
    wish = brief("remix", "reference", "product", width=512, height=512, seed=3)
    (turned,) = World(wish, png(200, 200), cut()).made()
    (straight,) = World(replace(wish, images=wish.images[::-1]), cut(), png(200, 200)).made()
    assert np.array_equal(turned, straight)
    world = World(replace(wish, like_input=True), png(200, 120), cut())
    assert world.made()[0].shape[:2] == (200, 300), "the product's own size"


@pytest.mark.parametrize("background, format, mode", [(None, "png", 4), ("white", "png", 3), (None, "jpg", 3)])
def test_the_background_is_what_was_asked_for(background: Any, format: Any, mode: int) -> None:
    wish = brief("remove_background", like_input=True, background=background, format=format)
    (picture,) = World(wish, cut()).made()
    assert picture.shape[2] == mode and (picture[:16, :, mode - 1] == (0 if mode == 4 else 255)).all()


def test_strength_reaches_the_operation_and_nothing_means_half() -> None:
    def change(**more: Any) -> dict[str, Any]:
        world = World(brief("enhance", like_input=True, **more), COFFEE)
        world.made()
        return dict(world.job.outputs[0].report)

    none, half, full = change(strength=0.0), change(), change(strength=1.0)
    assert none["delta_e_mean"] == 0 < half["delta_e_mean"] < full["delta_e_mean"]
    assert half == change(strength=0.5)


def test_an_account_s_own_preset_brings_its_set() -> None:
    wish = brief("generate", width=512, height=512, preset="pre_own", look=(3, "on stone", "marble"))
    world = World(wish, cut())
    world.made()
    assert world.job.outputs[0].report["set"] == "marble"


def test_the_cut_out_is_made_once_and_seeds_make_different_pictures() -> None:
    world = World(brief("generate", width=512, height=512, count=2), cut())
    one, two = world.made()
    assert not np.array_equal(one, two)
    for keys in (world.objects, world.asked):
        assert len([key for key in keys if key.startswith("cutouts/")]) == 1


@pytest.mark.parametrize("size", [(1200, 64), (70, 1400)])
def test_a_very_long_picture_is_no_fault(size: tuple[int, int]) -> None:
    data = io.BytesIO()
    image = Image.new("RGBA", size, (0, 0, 0, 0))
    image.paste((180, 40, 50, 255), (size[0] // 4, size[1] // 4, 3 * size[0] // 4, 3 * size[1] // 4))
    image.save(data, "PNG")
    wish = brief("generate")
    (picture,) = World(wish, data.getvalue()).made()
    assert (picture.shape[1], picture.shape[0]) == frame(wish, size)


@pytest.mark.parametrize(
    "wish, pictures, code, start",
    [
        (brief("upscale", like_input=True, scale=4), [png(2100, 120)], "image_too_large", "images[0]: "),
        (brief("upscale", like_input=True), [png(4000, 2600)], "image_too_large", "images[0]: "),
        (brief("remix", "reference", "product"), [png(99, 99), png(99, 99)], "no_product_found", "images[1]: "),
        (brief("remove_background"), [png(99, 99)], "no_product_found", "images[0]: "),
        (brief("remix", "product", "product"), [cut(), cut()], "image_missing", "images: "),
        (brief("enhance", "reference"), [cut()], "image_missing", "images: "),
        (brief("enhance"), [], "image_missing", "images[0]: "),
    ],
    ids=["a side", "megapixels", "no product", "nothing to cut", "no reference", "no picture", "not there"],
)
def test_what_cannot_be_made_is_refused_for_good(wish: Brief, pictures: list[bytes], code: str, start: str) -> None:
    world = World(wish, *pictures)
    job = world.render()
    assert job.state == State.FAILED and job.outputs == ()
    assert job.failure is not None and job.failure.code == code and job.failure.message.startswith(start)
    assert not [key for key in world.objects if key.startswith("out/")]
