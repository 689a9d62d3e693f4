"""One call of the built-in studio: which operation makes what, from which of the brief's pictures; what it refuses."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from PIL import Image

from packshot import studio
from packshot.brief import Brief, Operation, frame
from packshot.brief import Image as Given
from packshot.catalog import models
from packshot.errors import Stale
from packshot.job import Call, Credits, Job, Route, State
from packshot.picture import decode
from packshot.steps.cutouts import Cutouts
from packshot.steps.make import MAKERS
from packshot.steps.render import Darkroom, render

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


def marked(box: tuple[int, int, int, int] = (120, 60, 160, 100)) -> bytes:
    """A mask of the cut product's size, white in a box."""
    out = io.BytesIO()
    image = Image.new("RGB", (300, 200))
    image.paste((255, 255, 255), box)
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
        render(MESSAGE, room=Darkroom(here, here, here, here, lambda: NOW + 10_000, here, here, Cutouts(here)))
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
    assert {*MAKERS, "fix"} == set(models()["studio"].operations) <= set(get_args(Operation))


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
        (brief("inpaint", "product", "mask", like_input=True), (300, 200)),
    ],
    ids=lambda value: value.operation if isinstance(value, Brief) else "",
)
def test_each_operation_makes_its_picture_and_the_same_again(wish: Brief, size: tuple[int, int]) -> None:
    pictures = (cut(), marked() if wish.of("mask") else png(200, 200))[: len(wish.images)]
    world = World(wish, *pictures)
    (picture,) = world.made()
    assert (picture.shape[1], picture.shape[0]) == size
    (output,) = world.job.outputs
    assert (output.width, output.height) == size and output.report["engine"] == "studio-2"
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
        (brief("inpaint", "product", "mask"), [cut(), marked((0, 0, 0, 0))], "mask_nothing", "mask: "),
        (brief("inpaint", "product", "mask"), [cut(), marked((0, 0, 300, 200))], "mask_nothing", "mask: "),
    ],
    ids=[
        "a side",
        "megapixels",
        "no product",
        "nothing to cut",
        "no reference",
        "no picture",
        "not there",
        "an empty mask",
        "a full mask",
    ],
)
def test_what_cannot_be_made_is_refused_for_good(wish: Brief, pictures: list[bytes], code: str, start: str) -> None:
    world = World(wish, *pictures)
    job = world.render()
    assert job.state == State.FAILED and job.outputs == ()
    assert job.failure is not None and job.failure.code == code and job.failure.message.startswith(start)
    assert not [key for key in world.objects if key.startswith("out/")]


def report_of(wish: Brief, *pictures: bytes) -> dict[str, Any]:
    """What was measured on the first picture."""
    world = World(wish, *pictures)
    world.made()
    return dict(world.job.outputs[0].report)


def test_every_wish_of_a_prompt_is_understood_or_ignored() -> None:
    wish = brief("generate", prompt="on dark marble, light from the left, with a unicorn", width=512, height=512)
    report = report_of(wish, cut())
    assert report["understood"] == ["surface: dark-marble", "light: left"] and report["ignored"] == ["unicorn"]
    assert str(report["plate"]).startswith("dark-marble")
    plain = report_of(replace(wish, preset="amazon"), cut())
    assert plain["understood"] == [] and set(plain["ignored"]) >= {"surface: dark-marble", "light: left"}


def test_each_channel_gets_its_picture_from_one_cut_out() -> None:
    world = World(brief("generate", count=2, channels=("amazon", "zalando"), aspect_ratio="1:1"), cut())
    one, two = world.made()
    assert one.shape == (2000, 2000, 3) and two.shape[0] / two.shape[1] == pytest.approx(1.44, abs=0.01)
    assert len([key for key in world.objects if key.startswith("cutouts/")]) == 1
    rules = (("amazon", "background"), ("zalando", "background_advised"))
    for output, (name, rule) in zip(world.job.outputs, rules, strict=True):
        report = output.report["compliance"]
        assert output.key.endswith(".jpg") and output.content_type == "image/jpeg" and report["channel"] == name
        assert {line["rule"]: line["verdict"] for line in report["lines"]}[rule] == "pass"
    again = World(world.brief, cut())
    again.made()
    assert [one.sha256 for one in again.job.outputs] == [one.sha256 for one in world.job.outputs]


def test_a_picture_that_complies_is_given_back_byte_for_byte_and_another_is_mended() -> None:
    made = World(brief("generate", count=1, channels=("amazon",), aspect_ratio="1:1"), cut())
    made.made()
    (done,) = made.job.outputs
    fix = brief("fix", count=1, channels=("amazon",), aspect_ratio="1:1")
    same = World(fix, made.objects[done.key])
    same.made()
    assert same.job.outputs[0].sha256 == done.sha256 and same.job.outputs[0].report["fixed"] == []
    world = World(fix, COFFEE)
    world.made()
    report = world.job.outputs[0].report
    lines = {line["rule"]: line["verdict"] for line in report["compliance"]["lines"]}
    assert report["fixed"] and lines["background"] == lines["size"] == "pass" and report["cutout_confidence"] > 0


def test_a_fix_of_a_picture_without_a_product_mends_the_rest_and_says_so() -> None:
    report = report_of(brief("fix", count=1, channels=("amazon",), aspect_ratio="1:1"), png(600, 400))
    assert "no_product_found" in report["check"] and report["compliance"]["verdict"] != "pass"


def test_the_product_is_corrected_only_where_that_is_asked_for() -> None:
    wish = brief("generate", width=512, height=512)
    assert "adjust_delta_e_mean" not in report_of(wish, cut())
    report = report_of(replace(wish, adjust=("white_balance", "exposure")), COFFEE)
    assert report["adjust_delta_e_mean"] >= 0 and report["delta_e_max"] <= 1.0


def test_a_doubtful_cut_out_is_told_with_every_picture_made_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    sure = studio.cut_out(decode(cut()))
    unsure = replace(sure, confidence=0.3, warnings=("several_products",))
    monkeypatch.setattr(studio, "cut_out", lambda *_, **__: unsure)
    for wish in (brief("generate", width=512, height=512), brief("remove_background", like_input=True)):
        assert report_of(wish, cut())["check"][:2] == ["low_confidence", "several_products"]


def test_hints_are_part_of_what_a_kept_cut_out_is_of(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(brief("remove_background", like_input=True), cut())
    asked: list[Any] = []
    real = studio.cut_out
    monkeypatch.setattr(studio, "cut_out", lambda picture, **hints: asked.append(hints) or real(picture))
    for more in ({}, {"box": (0.1, 0.1, 0.9, 0.9)}, {"point": (0.5, 0.5)}):
        again = World(replace(world.brief, **more), cut())
        again.objects |= {key: data for key, data in world.objects.items() if key.startswith("cutouts/")}
        again.made()
        world.objects |= again.objects
    assert [hints["box"] or hints["point"] for hints in asked] == [None, (0.1, 0.1, 0.9, 0.9), (0.5, 0.5)]
