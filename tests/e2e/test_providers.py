"""Every provider on the deployed stack: its simulator, the functions' real roles; and what goes wrong most often."""

import json
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from packshot import catalog, providers
from tests.e2e.conftest import Api
from tests.e2e.test_money import admin

ROUTES = [
    ("replicate", "flux-2", "generate"), ("fal", "birefnet", "remove_background"), ("fal", "reve", "generate"),
    ("openai", "gpt-image-2.5-flare", "edit"), ("gemini", "nanobanana2.1", "edit"), ("bfl", "flux-2-max", "generate"),
    ("stability", "stable-image-core", "generate"), ("stability", "stability-relight", "relight"),
    ("bedrock", "bedrock-sd3.5-large", "generate"), ("photoroom", "photoroom", "generate"),
    ("claid", "claid", "edit"), ("makephotos", "makephotos", "generate"), ("photio", "photio", "upscale"),
    ("phota", "phota", "generate"), ("aiphotogenerator", "aiphotogenerator", "generate"),
    ("productai", "productai", "generate"),
]  # fmt: skip
"""(provider, a model whose first route leads there, an operation), each way of completion of each."""


def wish(asset: str, model: str, operation: str, words: str = "") -> dict[str, Any]:
    """The least that a model needs."""
    skill = catalog.models()[model].operations[operation]
    asked: dict[str, Any] = {"model": model, "operation": operation, "images": [asset] * skill.min_images}
    if "prompt" in skill.accepts:
        asked["prompt"] = f"On a marble table {words}".strip()
    shaped = "auto" not in catalog.models()[model].ratios or not skill.min_images
    return {**asked, **({"aspect_ratio": "1:1"} if shaped else {})}


def test_every_provider_has_a_row_here() -> None:
    remote = {name for name in providers.NAMES if providers.load(name).completion != "render"}
    assert {name for name, _, _ in ROUTES} == remote and len(remote) == 14


def test_every_provider_makes_a_picture(api: Api, asset: str) -> None:
    def made(row: tuple[str, str, str]) -> dict[str, Any]:
        job = api("POST", "jobs", 202, json=wish(asset, row[1], row[2]))
        return api.finish(str(job["id"]), 180)

    with ThreadPoolExecutor(6) as crowd:
        ended = dict(zip(ROUTES, crowd.map(made, ROUTES), strict=True))
    assert {row: job["state"] for row, job in ended.items()} == dict.fromkeys(ROUTES, "completed")
    for (provider, *_), job in ended.items():
        assert [attempt["provider"] for attempt in job["attempts"]] == [provider]
        assert all(output["simulated"] for output in job["outputs"]) and job["attempts"][0]["simulated"]


def creates(local: dict[str, Any], marker: str) -> list[dict[str, Any]]:
    """The requests to simulators that hold a marker and brought something about."""
    with urllib.request.urlopen(f"{local['simulators_url']}/_sim/requests", timeout=30) as answer:
        found = json.load(answer)["requests"]
    return [one for one in found if one["effect"] and marker in json.dumps(one["body"])]


@pytest.mark.parametrize(
    ("model", "directive", "state", "first"),
    [
        ("flux-2", "hang-after", "completed", "replicate"),  # its answer is lost: found by its webhook or in the list
        ("reve", "500-after", "completed", "fal"),
        ("reve", "webhook=forged", "completed", "fal"),  # never believed: polling finds it
        ("flux-2-max", "webhook=none", "completed", "bfl"),
        ("nanobanana2.1", "moderated", "failed", "gemini"),
    ],
)
def test_what_goes_wrong_upstream_ends_right(
    api: Api, asset: str, local: dict[str, Any], model: str, directive: str, state: str, first: str
) -> None:
    before = api("GET", "account", 200)["credits"]["available"]["total"]
    marker = f"pair-{model}-{directive}"
    words = f"{marker} [[sim:{directive}]]"
    job = api("POST", "jobs", 202, json={"model": model, "prompt": words, "aspect_ratio": "1:1"})
    ended = api.finish(str(job["id"]), 240)
    assert ended["state"] == state, ended
    assert ended["attempts"][0]["provider"] == first
    assert len(creates(local, marker)) <= len(ended["attempts"])
    charged = ended["credits"]["charged"]
    assert charged == (ended["credits"]["price_per_image"] if state == "completed" else 0)
    assert before - api("GET", "account", 200)["credits"]["available"]["total"] >= charged


def test_a_provider_out_of_credit_is_left_alone_and_another_makes_the_picture(api: Api, local: dict[str, Any]) -> None:
    def behave(settings: dict[str, str]) -> None:
        body = json.dumps({"behave": settings}).encode()
        urllib.request.urlopen(f"{local['simulators_url']}/_sim/defaults", body, timeout=30).close()

    behave({"stability": "[[sim:quota]]"})
    try:
        ask = {"model": "stable-image-core", "prompt": "A cup", "aspect_ratio": "1:1"}
        first = api.finish(str(api("POST", "jobs", 202, json=ask)["id"]))
        tried = [(attempt["provider"], attempt["outcome"]) for attempt in first["attempts"]]
        assert (first["state"], tried) == (
            "completed", [("stability", "provider_quota"), ("bedrock", "succeeded")]
        )  # fmt: skip
        for _ in range(20):  # the relay notes it a moment later
            again = api.finish(str(api("POST", "jobs", 202, json=ask)["id"]))
            if len(again["attempts"]) == 1:
                break
        assert [attempt["provider"] for attempt in again["attempts"]] == ["bedrock"]
        rows = {row["provider"]: row for row in admin(local, "providers")["providers"]}
        assert rows["stability"]["breaker"] == "open (provider_quota)"
    finally:
        behave({})


def test_the_operator_sees_every_provider(local: dict[str, Any]) -> None:
    rows = admin(local, "providers")["providers"]
    assert {row["provider"] for row in rows} == {name for name, _, _ in ROUTES}
