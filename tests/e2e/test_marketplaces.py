"""Marketplaces, words and fidelity on the deployed stack: the functions' real roles, layers and routes."""

from datetime import date
from typing import Any

import httpx

from packshot.channels import channels
from packshot.channels.check import check
from tests.e2e.conftest import Api


def of(output: dict[str, Any]) -> dict[str, str]:
    """A picture's rules and how they stand."""
    return {line["rule"]: line["verdict"] for line in output["compliance"]["lines"]}


def test_one_job_makes_a_picture_for_each_channel_and_each_complies(api: Api, asset: str) -> None:
    wish = {"images": [asset], "channels": ["amazon", "zalando"], "metadata": {"title": "Perfume", "colour": "violet"}}
    job = api.finish(str(api("POST", "jobs", 202, json=wish)["id"]), 120)
    assert job["state"] == "completed" and job["credits"]["charged"] == 2
    assert job["timings"]["cut_out"] >= 0 and len(job["attempts"]) == 1  # one call: the cut-out is made once
    for output, name in zip(job["outputs"], wish["channels"], strict=True):
        data = httpx.get(output["url"]).content
        report = output["compliance"]
        assert (report["channel"], output["file_name"]) == (name, f"perfume-violet-{name}-{output['index'] + 1}.jpg")
        assert output["alt"] == "Violet Perfume." and report["verdict"] != "fail"
        again = check(
            data, channels()[name], name=output["file_name"], today=date.fromisoformat(job["finished_at"][:10])
        )
        assert {line.rule: line.verdict for line in again.lines} == of(output)


def test_any_picture_can_be_checked_and_what_is_none_is_refused(api: Api, asset: str) -> None:
    found = api("POST", "checks", 200, json={"image": asset, "channels": ["amazon", "etsy"]})
    assert [one["channel"] for one in found["reports"]] == ["amazon", "etsy"] and found["measured"]["format"] == "jpg"
    assert {line["rule"]: line["verdict"] for line in found["reports"][0]["lines"]}["background"] != "pass"
    none = api("POST", "checks", json={"image": "data:image/png;base64,AAAA", "channels": ["amazon"]})
    assert (none.status_code, none.json()["field"]) == (422, "image")
    gone = api("POST", "checks", json={"image": "as_01kaj2v6w0000000000000001b", "channels": ["amazon"]})
    assert (gone.status_code, gone.json()["code"]) == (422, "unknown_asset")


def test_a_picture_is_mended_and_one_that_complies_comes_back_as_it_was(api: Api, asset: str) -> None:
    first = api.finish(str(api("POST", "fixes", 202, json={"image": asset, "channels": ["amazon"]})["id"]), 120)
    (mended,) = first["outputs"]
    assert first["state"] == "completed" and mended["report"]["fixed"] and of(mended)["background"] == "pass"
    data = httpx.get(mended["url"]).content
    kept = api("POST", "assets", 201, content=data, headers={"content-type": "image/jpeg"})["id"]
    again = api.finish(str(api("POST", "fixes", 202, json={"image": kept, "channels": ["amazon"]})["id"]), 120)
    assert [(one["sha256"], one["report"]["fixed"]) for one in again["outputs"]] == [(mended["sha256"], [])]


def test_words_choose_the_set_and_every_wish_is_told(api: Api, asset: str) -> None:
    wish = {"images": [asset], "model": "studio", "prompt": "on dark marble, light from the left, with a unicorn"}
    (output,) = api.finish(str(api("POST", "jobs", 202, json=wish)["id"]), 120)["outputs"]
    assert output["report"]["understood"] == ["surface: dark-marble", "light: left"]
    assert output["report"]["ignored"] == ["unicorn"] and output["report"]["delta_e_max"] <= 1.0


def test_what_a_provider_made_is_compared_with_the_product(api: Api, asset: str) -> None:
    wish = {"images": [asset], "model": "flux-2", "prompt": "on marble", "aspect_ratio": "1:1"}
    job = api.finish(str(api("POST", "jobs", 202, json=wish)["id"]), 180)
    (output,) = job["outputs"]
    assert job["state"] == "completed" and output["simulated"]
    found = output["fidelity"]
    assert found["gate"] == "creative" and found["verdict"] in ("same", "check", "changed") and found["found"] > 0
    assert (output["check"] == []) is (found["verdict"] == "same")
