"""The catalogue: every entry can be loaded, described and made by whom it names; prices are the vendors'."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest

from packshot import catalog, studio
from packshot.brief import LONG_SIDE, Brief, Detail, Operation, ratio_of
from packshot.catalog import Model, Skill, models, plans, presets
from packshot.providers import NAMES, load
from packshot.providers.replicate import MODELS

ACCEPTS = {"prompt", "negative_prompt", "preset", "seed", "quality", "exact_size", "guidance", "strength", "detail",
           "scale", "background", "like_input", "box", "point", "adjust"}  # fmt: skip
READ = {"words", "erases"}  # how a model reads its prompt
HINTS = {"box", "point"}
NOT_MADE = {"gpt-image-1", "gpt-image-1-mini", "dall-e-2", "dall-e-3"}
PUBLISHED = {"nanobanana2": 5, "nanobananapro": 8, "nanobanana": 3, "kontext-pro": 3, "kontext-max": 3, "seedream": 3,
             "gpt-high": 8, "gpt-medium": 3, "gpt-low": 2}  # fmt: skip
VENDORS = {
    "ProductAI": {*PUBLISHED, "gpt-2", "gpt-1.5"},
    "AIPhotoGenerator": {
        "stable-diffusion-xl", "flux-2", "flux-2-flex", "nano-banana-pro", "nano-banana", "nano-banana-2", "seedream-4",
    },
    "Phota": {"flux-2", "gpt-image-2", "nb2", "qwen-image-2", "reve"},
    "OpenAI": {"gpt-image-1", "gpt-image-1-mini", "gpt-image-1.5", "gpt-image-2", "dall-e-2", "dall-e-3"},
}  # fmt: skip

every_model = pytest.mark.parametrize("model", models().values(), ids=models())


def skills() -> Iterator[tuple[Model, str, Skill]]:
    for model in models().values():
        for operation, skill in model.operations.items():
            yield model, operation, skill


@every_model
def test_an_entry_is_within_what_the_core_knows(model: Model) -> None:
    assert model.credits >= 1 and model.title and 1 <= model.max_count <= 10
    assert model.operations and set(model.operations) <= set(get_args(Operation))
    assert model.resolutions and set(model.resolutions) <= set(LONG_SIDE)
    assert model.ratios == ("*",) or all(ratio == "auto" or ratio_of(ratio) for ratio in model.ratios)
    assert model.detail is None or model.detail in get_args(Detail)


@every_model
def test_every_route_can_be_made_in_time(model: Model) -> None:
    assert bool(model.routes) is (model.id not in NOT_MADE)
    assert len(set(model.routes)) == len(model.routes)
    for route in model.routes:
        assert route.provider in NAMES and load(route.provider).deadline <= model.deadline
        assert route.provider != "replicate" or (route.model in MODELS and route.micro_usd > 0)
        assert any(route in skill.routes for skill in model.operations.values())
    for skill in model.operations.values():
        assert bool(skill.routes) is bool(model.routes) and set(skill.routes) <= set(model.routes)


def test_an_operation_takes_its_pictures_and_no_unknown_wish() -> None:
    for model, operation, skill in skills():
        name = f"{model.id}: {operation}"
        assert 0 <= skill.min_images <= skill.max_images <= 14, name
        least = {"generate": 0, "remix": 2}.get(operation, 1)
        assert skill.min_images >= least, name
        assert operation not in ("remove_background", "upscale", "inpaint") or skill.max_images == 1, name
        assert skill.accepts <= ACCEPTS | READ and (not skill.accepts & READ or "prompt" in skill.accepts), name
        assert skill.accepts - {"exact_size"} - READ <= set(Brief.__dataclass_fields__), name
        assert "preset" not in skill.accepts or operation == "generate", name
        assert operation in ("generate", "edit", "remix", "inpaint") or "exact_size" not in skill.accepts or (
            "like_input" in skill.accepts
        ), name  # fmt: skip


def test_a_replicate_skill_asks_for_no_more_than_its_translation_takes() -> None:
    for model, operation, skill in skills():
        for takes in (MODELS[route.model] for route in skill.routes if route.provider == "replicate"):
            assert skill.max_images <= takes.limit and skill.min_images >= takes.least, model.id
            assert ("seed" in skill.accepts) is bool(takes.seeds), model.id
            assert ("negative_prompt" in skill.accepts) is takes.negative, model.id
            assert (operation == "inpaint") is bool(takes.mask), model.id
            assert "prompt" in skill.accepts, model.id


def test_the_studio_comes_first_and_does_all_but_what_needs_imagination() -> None:
    first, second, *_ = models().values()
    assert (first.id, second.id) == ("studio", "nanobanana2")
    wanted = {
        "generate": (1, 1, {"preset", "seed", "exact_size", "like_input", "quality", "adjust", "prompt",
                            "negative_prompt", "words", *HINTS}),
        "remove_background": (1, 1, {"background", "quality", "like_input", *HINTS}),
        "upscale": (1, 1, {"scale", "strength", "quality", "like_input"}),
        "enhance": (1, 1, {"strength", "quality", "like_input"}),
        "relight": (1, 1, {"strength", "quality", "like_input"}),
        "remix": (2, 2, {"seed", "quality", "exact_size", "like_input", *HINTS}),
        "inpaint": (1, 1, {"prompt", "erases", "seed", "quality", "like_input"}),
        "fix": (1, 1, HINTS),
    }  # fmt: skip
    seen = {name: (one.min_images, one.max_images, set(one.accepts)) for name, one in first.operations.items()}
    assert seen == wanted


def test_every_operation_is_somebodys_and_a_mask_is_one_models() -> None:
    assert {operation for _, operation, skill in skills() if skill.routes} == set(get_args(Operation))
    able = {
        wanted: {model.id for model, operation, _ in skills() if operation == wanted} for wanted in get_args(Operation)
    }
    assert able["fix"] == {"studio"} and able["inpaint"] >= {
        "studio",
        "flux-fill",
        "stability-inpaint",
        "gpt-image-2.5-flare",
    }
    assert able["remove_background"] >= {"studio", "birefnet", "photoroom", "claid"}
    assert able["upscale"] >= {"studio", "stability-upscale", "claid"}


@pytest.mark.parametrize("vendor", VENDORS)
def test_every_vendors_models_are_listed(vendor: str) -> None:
    assert VENDORS[vendor] <= set(models())


def test_published_prices_are_kept() -> None:
    assert {name: models()[name].credits for name in PUBLISHED} == PUBLISHED


def test_an_entry_like_another_is_the_other_under_its_own_name_and_price() -> None:
    one, other = models()["nano-banana-2"], models()["nanobanana2"]
    assert (one.id, one.credits) == ("nano-banana-2", 4)
    assert (one.operations, one.routes, one.ratios) == (other.operations, other.routes, other.ratios)


def test_a_pinned_detail_cannot_be_chosen() -> None:
    for name in ("low", "medium", "high"):
        model = models()[f"gpt-{name}"]
        assert model.detail == name
        assert all("detail" not in skill.accepts for skill in model.operations.values())
    assert models()["gpt-2"].detail is None and "detail" in models()["gpt-2"].operations["generate"].accepts


def test_a_route_may_be_for_some_operations_only(monkeypatch: pytest.MonkeyPatch) -> None:
    entry: dict[str, Any] = {
        "id": "a", "title": "A", "credits": 1, "resolutions": ["1K"], "ratios": ["1:1"], "max_count": 1, "deadline": 60,
        "operations": {"edit": {"images": [1, 2], "accepts": ["prompt"]}, "upscale": {"images": [1, 1], "accepts": []}},
        "routes": [{"provider": "p", "model": "all"}, {"provider": "p", "model": "big", "operations": ["upscale"]}],
    }  # fmt: skip
    twin = {"id": "b", "like": "a", "credits": 9, "routes": []}
    monkeypatch.setattr(catalog, "_data", lambda name: [entry, twin])
    made = models.__wrapped__()
    first = made["a"].operations
    assert [route.model for route in made["a"].routes] == ["all", "big"]
    assert [route.model for route in first["edit"].routes] == ["all"]
    assert [route.model for route in first["upscale"].routes] == ["all", "big"]
    assert (made["b"].title, made["b"].credits, made["b"].routes) == ("A", 9, ())
    said = made["a"].describe()  # no `generate`: the first operation's stand at the top
    assert said["images"] == {"min": 1, "max": 2} and said["accepts"] == ["prompt"] and said["providers"] == ["p"]


@every_model
def test_a_description_says_all_and_is_json(model: Model) -> None:
    said: dict[str, Any] = json.loads(json.dumps(model.describe()))
    assert said["operations"] == list(model.operations) == list(said["capabilities"])
    first = said["capabilities"].get("generate", said["capabilities"][said["operations"][0]])
    assert {"images": said["images"], "accepts": said["accepts"]} == first
    assert said["credits"]["1K"] == model.credits and list(said["credits"]) == list(model.resolutions)
    for name, skill in model.operations.items():
        shown = said["capabilities"][name]
        assert shown["images"] == {"min": skill.min_images, "max": skill.max_images}
        assert shown["accepts"] == sorted(skill.accepts)


def test_presets_say_what_they_are_for() -> None:
    for preset in presets().values():
        said = preset.describe()
        assert said["category"] in ("lifestyle", "studio", "seasonal", "custom")
        assert said["description"] and said["owner"] == "system" and said["created"] == 1_793_491_200_000
        assert said["models"] == ["studio", "nanobanana2"] and said["studio"] in studio.PRESETS
        assert set(said) == {
            "id", "version", "title", "description", "category", "prompt", "studio", "owner", "models", "created",
        }  # fmt: skip


def test_plans_are_whole_numbers_by_name() -> None:
    assert list(plans()) == ["free", "starter", "pro", "max", "ultra", "enterprise"]
    assert plans()["pro"] == {"requests_per_minute": 60, "burst": 20, "monthly": 1000}
    assert [plan["monthly"] for plan in plans().values()] == [0, 50, 1000, 3000, 10000, 0]
    assert all(plan["requests_per_minute"] >= 1 and plan["burst"] >= 1 for plan in plans().values())


def test_the_data_files_hold_no_id_twice() -> None:
    for name in ("models.json", "presets.json"):
        ids = [entry["id"] for entry in json.loads((Path(catalog.__file__).parent / name).read_bytes())]
        assert len(set(ids)) == len(ids)
