"""What a model cannot express is refused by name; what it can becomes a priced job, split into calls."""

from dataclasses import replace

import pytest

from packshot import planning
from packshot.brief import Brief, Image
from packshot.catalog import models, presets
from packshot.errors import CallerError
from packshot.providers import NAMES, load

PHOTO = (Image("asset", "as_1"),)
STUDIO = Brief("generate", "studio", images=PHOTO)
FLUX = Brief("generate", "flux-2", "a cup", aspect_ratio="1:1")
REFUSED = [
    (replace(STUDIO, images=()), "images"),
    (replace(STUDIO, images=PHOTO * 2), "images"),
    (replace(STUDIO, prompt="on marble"), "prompt"),
    (replace(STUDIO, negative_prompt="hands"), "negative_prompt"),
    (replace(STUDIO, preset="nothing"), "preset"),
    (replace(FLUX, prompt=""), "prompt"),
    (replace(FLUX, negative_prompt="hands"), "negative_prompt"),
    (replace(FLUX, width=700, height=700), "width"),
    (replace(FLUX, resolution="4K"), "resolution"),
    (replace(FLUX, aspect_ratio="7:3"), "aspect_ratio"),
    (replace(FLUX, aspect_ratio="auto"), "aspect_ratio"),
    (replace(FLUX, images=PHOTO * 9), "images"),
    (replace(FLUX, model="nanobanana2", seed=1), "seed"),
    (replace(FLUX, count=11), "count"),
]


@pytest.mark.parametrize(("brief", "field"), REFUSED, ids=lambda value: value if isinstance(value, str) else "")
def test_a_wish_that_the_model_cannot_express_is_refused_by_its_field(brief: Brief, field: str) -> None:
    with pytest.raises(CallerError) as refused:
        planning.check(brief, planning.model_of(brief))
    assert refused.value.field == field and 400 <= refused.value.status < 500


@pytest.mark.parametrize(
    "brief",
    [STUDIO, FLUX, replace(STUDIO, seed=0, quality=90, preset="luxury", count=10, resolution="4K", aspect_ratio="7:3"),
     replace(FLUX, images=PHOTO, aspect_ratio="auto", prompt="", preset="amazon")],
)  # fmt: skip
def test_what_it_can_express_is_accepted(brief: Brief) -> None:
    planning.check(brief, planning.model_of(brief))


def test_an_unknown_model_is_refused_with_the_known_ones() -> None:
    with pytest.raises(CallerError) as refused:
        planning.model_of(replace(STUDIO, model="nope"))
    assert refused.value.code == "unknown_model" and "studio" in refused.value.message


@pytest.mark.parametrize(
    ("count", "size", "shares"), [(1, 1, [1]), (3, 1, [1, 1, 1]), (10, 4, [4, 4, 2]), (2, 10, [2])]
)
def test_a_job_is_split_into_the_calls_that_its_provider_can_make(count: int, size: int, shares: list[int]) -> None:
    brief = replace(FLUX, count=count, resolution="2K")
    model = planning.model_of(brief)
    job = planning.plan(
        brief, model, model.routes, planning.Limits(size, 8_000), job_id="job_1", account="a", now=1_000, test=False,
        request_id="r",
    )  # fmt: skip
    assert [call.images for call in job.calls] == shares and next(call.first for call in job.calls) == 0
    assert (job.price, job.due, job.lane, job.deadline) == (6, 9_000, "replicate", 1_000 + model.deadline * 1000)
    assert sum(call.images for call in job.calls) == count
    assert job.routes[0].micro_usd == 2 * model.routes[0].micro_usd


def test_the_catalogue_names_only_what_exists() -> None:
    for model in models().values():
        assert model.routes and model.credits >= 1
        assert model.accepts <= {"prompt", "negative_prompt", "preset", "seed", "quality", "exact_size"}
        for route in model.routes:
            assert route.provider in NAMES and load(route.provider).deadline <= model.deadline
    assert {"studio", "amazon", "luxury", "lifestyle"} <= set(presets())


def test_every_preset_is_a_set_that_the_studio_can_make() -> None:
    from packshot import studio

    assert {preset.studio for preset in presets().values()} <= set(studio.PRESETS)
