"""What a model cannot express is refused by name; what it can becomes a priced job, split into calls."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from packshot import planning
from packshot.brief import OPERATIONS, Brief, Image
from packshot.catalog import models, presets
from packshot.errors import CallerError
from packshot.job import Job
from packshot.providers import NAMES, load

PHOTO = (Image("asset", "as_1"),)
MASKED = (*PHOTO, Image("asset", "as_2", "mask"))
STUDIO = Brief("generate", "studio", images=PHOTO)
FLUX = Brief("generate", "flux-2", "a cup", aspect_ratio="1:1")
REFUSED = [
    (replace(STUDIO, images=()), "images"),
    (replace(STUDIO, images=PHOTO * 2), "images"),
    (replace(STUDIO, operation="enhance", prompt="on marble"), "prompt"),
    (
        replace(STUDIO, operation="remix", images=(*PHOTO, Image("asset", "as_2", "reference")), adjust=("exposure",)),
        "adjust",
    ),
    (replace(FLUX, box=(0.1, 0.1, 0.9, 0.9)), "subject_box"),
    (replace(FLUX, point=(0.5, 0.5)), "subject_point"),
    (replace(STUDIO, channels=("amazon", "etsy"), count=3), "count"),
    (replace(STUDIO, operation="remove_background", like_input=True, channels=("amazon",)), "channels"),
    (replace(STUDIO, operation="fix"), "channels"),
    (replace(STUDIO, operation="edit"), "operation"),
    (replace(STUDIO, operation="inpaint", prompt="add a bow", images=MASKED), "prompt"),
    (replace(STUDIO, preset="nothing"), "preset"),
    (replace(FLUX, prompt=""), "prompt"),
    (replace(FLUX, negative_prompt="hands"), "negative_prompt"),
    (replace(FLUX, width=3000, height=700), "resolution"),
    (replace(FLUX, resolution="4K"), "resolution"),
    (replace(FLUX, aspect_ratio="7:3"), "aspect_ratio"),
    (replace(FLUX, aspect_ratio="auto"), "aspect_ratio"),
    (replace(FLUX, images=PHOTO * 9), "images"),
    (replace(FLUX, model="nanobanana2", seed=1), "seed"),
    (replace(FLUX, count=11), "count"),
    (replace(STUDIO, operation="inpaint"), "mask"),
    (replace(STUDIO, operation="remix"), "reference"),
    (replace(STUDIO, images=(*PHOTO, Image("asset", "as_2", "reference"))), "reference"),
    (replace(STUDIO, images=(*PHOTO, Image("asset", "as_2", "mask"))), "mask"),
    (replace(FLUX, model="flux-fill", operation="inpaint", images=PHOTO), "mask"),
    (replace(STUDIO, operation="remove_background", like_input=True, count=2), "count"),
    (replace(STUDIO, operation="enhance", scale=2), "scale"),
    (replace(STUDIO, operation="enhance", count=2), "count"),
    (replace(STUDIO, operation="upscale", scale=2, resolution="4K"), "aspect_ratio"),
    (replace(FLUX, model="dall-e-2"), "model"),
]


@pytest.mark.parametrize(("brief", "field"), REFUSED, ids=lambda value: value if isinstance(value, str) else "")
def test_a_wish_that_the_model_cannot_express_is_refused_by_its_field(brief: Brief, field: str) -> None:
    with pytest.raises(CallerError) as refused:
        planning.check(brief, planning.model_of(brief.model))
    assert refused.value.field == field and 400 <= refused.value.status < 500


@pytest.mark.parametrize(
    "brief",
    [STUDIO, FLUX, replace(STUDIO, prompt="on ice", negative_prompt="hands", point=(0.5, 0.5), adjust=("exposure",)),
     replace(STUDIO, channels=("amazon", "etsy"), count=2), replace(FLUX, channels=("amazon", "etsy"), count=2),
     replace(STUDIO, operation="inpaint", prompt="remove the tag", images=MASKED, like_input=True),
     replace(STUDIO, operation="fix", channels=("zalando",), aspect_ratio="1:1"),
     replace(STUDIO, seed=0, quality=90, preset="luxury", count=10, resolution="4K", aspect_ratio="7:3"),
     replace(FLUX, images=PHOTO, aspect_ratio="auto", prompt="", preset="amazon")],
)  # fmt: skip
def test_what_it_can_express_is_accepted(brief: Brief) -> None:
    planning.check(brief, planning.model_of(brief.model))


def test_an_unknown_model_is_refused_with_the_known_ones() -> None:
    with pytest.raises(CallerError) as refused:
        planning.model_of("nope")
    assert refused.value.code == "unknown_model" and "studio" in refused.value.message


def planned(brief: Brief, size: int = 1, **more: Any) -> Job:
    model = planning.model_of(brief.model)
    return planning.plan(
        brief, model, model.routes, planning.Limits(size, 8_000), job_id="job_1", account="a", key="k", now=1_000,
        test=False, request_id="r", **more,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("count", "size", "shares"), [(1, 1, [1]), (3, 1, [1, 1, 1]), (10, 4, [4, 4, 2]), (2, 10, [2])]
)
def test_a_job_is_split_into_the_calls_that_its_provider_can_make(count: int, size: int, shares: list[int]) -> None:
    brief = replace(FLUX, count=count, resolution="2K")
    model = planning.model_of(brief.model)
    job = planned(brief, size)
    assert [call.images for call in job.calls] == shares and next(call.first for call in job.calls) == 0
    assert (job.price, job.due, job.lane, job.deadline) == (6, 9_000, "replicate", 1_000 + model.deadline * 1000)
    assert sum(call.images for call in job.calls) == count
    assert job.routes[0].micro_usd == 2 * model.routes[0].micro_usd


def test_a_dialects_own_price_and_patience_win_over_the_catalogue() -> None:
    job = planned(FLUX, price=7, patience=90)
    assert (job.price, job.deadline, job.key) == (7, 91_000, "k")
    assert planned(FLUX, patience=10**6).deadline == planned(FLUX).deadline


def settled(brief: Brief, *lenient: str, choices: Mapping[str, str] | None = None) -> Brief:
    found, model = planning.settle(brief, lenient=frozenset(lenient), choices=choices or {}, usable=lambda _: True)
    assert found.model == model.id
    return found


def test_without_a_model_it_is_the_accounts_then_the_studio_then_the_first_that_can() -> None:
    nameless = replace(STUDIO, model="")
    assert settled(nameless).model == "studio"
    assert settled(nameless, choices={"generate": "seedream"}).model == "seedream"
    assert settled(nameless, choices={"upscale": "studio"}).model == "studio"
    assert settled(replace(nameless, prompt="on oak, light from the left")).model == "studio"
    assert settled(replace(nameless, prompt="on ice")).model == "nanobanana2"
    assert settled(replace(nameless, prompt="on ice"), "prompt").prompt == "on ice"
    assert settled(replace(nameless, prompt="on ice"), "prompt").model == "studio"
    assert settled(replace(nameless, operation="remove_background", like_input=True)).model == "studio"
    inpaint = Brief("inpaint", "", "a lid", images=MASKED, like_input=True)
    assert settled(inpaint).model == "flux-fill"
    assert settled(replace(inpaint, prompt="remove the lid")).model == "studio"
    assert settled(replace(nameless, model="flux-2"), choices={"generate": "studio"}).model == "flux-2"


def test_what_nobody_can_is_refused_with_the_reason_of_the_first_that_comes_near() -> None:
    with pytest.raises(CallerError) as refused:
        settled(Brief("generate", "", "a cup", images=PHOTO * 99))
    assert (refused.value.code, refused.value.field) == ("unsupported_by_model", "images")
    assert refused.value.message.startswith("nanobanana2: ")
    with pytest.raises(CallerError) as refused:
        planning.settle(replace(STUDIO, model=""), lenient=frozenset(), choices={}, usable=lambda _: False)
    assert refused.value.field == "operation"


def test_a_lenient_field_is_left_out_where_it_cannot_be_heard_and_nowhere_else() -> None:
    asked = replace(FLUX, negative_prompt="hands", seed=3, guidance=2.0, detail="high")
    heard = settled(asked, "negative_prompt", "guidance", "detail")
    assert (heard.prompt, heard.negative_prompt, heard.seed) == ("a cup\nAvoid: hands", "", 3)
    assert heard.guidance is None and heard.detail is None
    image = replace(STUDIO, operation="enhance", prompt="on ice", negative_prompt="hands")
    silent = settled(image, "prompt", "negative_prompt")
    assert (silent.prompt, silent.negative_prompt) == ("", "")
    with pytest.raises(CallerError) as refused:
        settled(asked, "negative_prompt", "guidance")
    assert refused.value.field == "detail"


def test_a_name_that_stands_for_an_effort_brings_it_along() -> None:
    assert settled(replace(FLUX, model="gpt-high")).detail == "high"
    with pytest.raises(CallerError) as refused:
        settled(replace(FLUX, model="gpt-high", detail="low"))
    assert refused.value.field == "detail"


def test_the_catalogue_names_only_what_exists() -> None:
    for model in models().values():
        assert model.credits >= 1 and model.operations
        for operation, skill in model.operations.items():
            assert operation in OPERATIONS
            known = set(planning._OPTIONAL) | {"exact_size", "like_input", "words", "erases"}
            assert skill.accepts <= known and 0 <= skill.min_images <= skill.max_images
        for route in model.routes:
            assert route.provider in NAMES and load(route.provider).deadline <= model.deadline
    assert next(iter(models())) == planning.DEFAULT_MODEL
    assert {"studio", "amazon", "luxury", "lifestyle"} <= set(presets())


def test_every_preset_is_a_set_that_the_studio_can_make() -> None:
    from packshot import studio

    assert {preset.studio for preset in presets().values()} <= set(studio.PRESETS)
