"""The prebuilt validators say the same as the models they were made from, in words of ours, and quickly."""

import json
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, get_args

import pytest
from openapi_spec_validator import validate as validate_openapi
from pydantic import BaseModel, ValidationError

from packshot import api, events, validate, wishes
from packshot.api import models
from packshot.brief import OPERATIONS, Brief
from packshot.errors import CallerError

ROOT = Path(__file__).resolve().parents[2]
MODELS: dict[str, type[BaseModel]] = {model.__name__: model for model in models.REQUESTS}
SEEDS: dict[str, dict[str, Any]] = {
    "JobRequest": {
        "operation": "generate",
        "model": "studio",
        "prompt": "p",
        "negative_prompt": "n",
        "width": 512,
        "images": ["https://a.example/x", "as_01kaj2v6w0000000000000001a"],
        "reference": "as_01kaj2v6w0000000000000001a",
        "mask": "data:image/png;base64,AAAA",
        "mask_kind": "black",
        "profiles": ["prf_01kaj2v6w0000000000000001a"],
        "preset": "studio",
        "count": 2,
        "aspect_ratio": "4:5",
        "height": 512,
        "resolution": "1K",
        "like_input": True,
        "scale": 2,
        "strength": 0.5,
        "guidance": 7.5,
        "detail": "low",
        "background": "white",
        "subject_box": [0.1, 0.1, 0.9, 0.9],
        "subject_point": [0.5, 0.5],
        "channels": ["amazon"],
        "fidelity": "strict",
        "adjust": ["exposure"],
        "quality": 80,
        "seed": 7,
        "format": "png",
        "delivery": "urls",
        "keep": True,
        "callback_url": "https://a.example/h",
        "metadata": {"a": "b"},
        "external_id": "x",
    },
    "CheckRequest": {"image": "https://a.example/x", "channels": ["amazon", "etsy"], "filename": "x.jpg"},
    "FixRequest": {
        "image": "https://a.example/x",
        "channels": ["amazon"],
        "subject_box": [0.1, 0.1, 0.9, 0.9],
        "subject_point": [0.5, 0.5],
        "delivery": "urls",
        "keep": True,
        "callback_url": "https://a.example/h",
        "metadata": {"a": "b"},
        "external_id": "x",
    },
    "JobsQuery": {
        "limit": 20,
        "cursor": "abc",
        "state": "failed",
        "external_id": "x",
        "created_after": "2026-11-21T08:00:00Z",
        "created_before": "2026-11-21T08:00:00.123+01:00",
        "key_id": "4kT09xQbZa",
    },
    "PresetsQuery": {"limit": 100, "offset": 3, "category": "custom", "owner": "account"},
    "AssetsQuery": {"limit": 1, "cursor": "abc", "tag": "t"},
    "ProfilesQuery": {"tag": "t"},
    "UsageQuery": {"since": "2026-11-21T08:00:00Z", "until": "2026-11-21T09:00:00Z"},
    "PresetRequest": {"title": "t", "prompt": "p", "studio": "studio", "category": "custom", "description": "d"},
    "UploadRequest": {"content_type": "image/png", "bytes": 1, "filename": "a.png", "tags": ["t"]},
    "ImportRequest": {"url": "https://a.example/x", "filename": "a.png", "tags": ["t"]},
    "AssetForm": {"file": "", "tags": ["t"]},
    "ProfileRequest": {"images": ["https://a.example/x"], "tag": "t"},
    "AccountChange": {"models": {"generate": "studio", "remix": ""}},
    "ProviderKeyRequest": {"fields": {"token": "t", "webhook_secret": "s"}},
    "EndpointRequest": {"url": "https://a.example/h", "events": ["job.failed"], "description": "d", "form": "phota"},
    "EndpointChange": {"url": "https://a.example/h", "events": ["job.failed"], "disabled": True, "description": "d"},
    "RotateRequest": {"overlap_seconds": 0},
    "ReplayRequest": {"since": "2026-11-21T08:00:00Z", "until": "2026-11-21T09:00:00Z", "failed_only": False},
    "EmptyRequest": {},
}
ODD: list[Any] = [
    None,
    True,
    False,
    0,
    1,
    -1,
    1.0,
    2.5,
    10**30,
    float("inf"),
    "",
    "x",
    "1",
    "true",
    "auto",
    "1:1",
    "\u0661:1",
    "x" * 41,
    "x" * 201,
    "x" * 501,
    "x" * 2049,
    "x" * 4001,
    "\x00",
    "a\nb",
    "\ud800",
    "\u00e9",
    "as_",
    "data:image/",
    "https://",
    "http://\n",
    "4:5\n",
    [],
    ["x"],
    ["https://a"] * 15,
    [None],
    [[]],
    {},
    {"a": 1},
    {"": "x"},
    {"x" * 41: "y"},
    {str(n): "v" for n in range(17)},
    {"a": None},
    "2026-11-21T08:00:00",
    "2026-11-21t08:00:00z",
    "2026-11-21T08:00:00+01:00",
    "2026-11-22T08:00:00.5Z",
    4294967295,
    4294967296,
    511,
    512,
    4096,
    4097,
    100,
    101,
    ["job.failed"] * 7,
    ["job.failed", "job.no"],
    "image/jpeg",
    "completed",
]


def both(name: str, value: object) -> tuple[Any, Any]:
    """What the model makes of a value and what the validator does; None for a refusal."""
    try:
        by_model = MODELS[name].model_validate(value).model_dump(exclude_unset=True)
    except ValidationError as error:
        by_model = None
        whys = [(each["type"], each["loc"]) for each in error.errors()]
    by_us: Any
    try:
        by_us = validate.check(name, value)
    except CallerError as error:
        errors: Any = error.details["errors"]
        assert by_model is None and len(errors) == min(len(whys), validate.MOST_ERRORS)
        by_us = None
    return by_model, by_us


def mutate(value: Any, dice: random.Random) -> Any:
    """The same value with one thing different."""
    if dice.random() < 0.03 or not isinstance(value, (dict, list)) or not value:
        return dice.choice(ODD)
    changed = dict(value) if isinstance(value, dict) else list(value)
    place: Any = dice.choice(list(changed)) if isinstance(changed, dict) else dice.randrange(len(changed))
    turn = dice.random()
    if turn < 0.15:
        del changed[place]
    elif turn < 0.25 and isinstance(changed, dict):
        changed[dice.choice(["colour", "Model", "", "prompt ", "\ud800"])] = dice.choice(ODD)
    elif turn < 0.35 and isinstance(changed, list):
        changed.append(dice.choice(ODD))
    elif turn < 0.6:
        changed[place] = mutate(changed[place], dice)
    else:
        changed[place] = dice.choice(ODD)
    return changed


@pytest.mark.parametrize("name", MODELS)
def test_the_seeds_are_good(name: str) -> None:
    assert both(name, SEEDS[name]) == (SEEDS[name], SEEDS[name])


@pytest.mark.parametrize("name", MODELS)
def test_models_and_validators_never_differ(name: str) -> None:
    dice, accepted = random.Random(f"packshot {name}"), 0  # noqa: S311
    for _ in range(3000):
        value = SEEDS[name]
        for _ in range(dice.randint(1, 3)):
            value = mutate(value, dice)
        by_model, by_us = both(name, value)
        assert by_model == by_us, value
        accepted += by_us is not None
    assert accepted > (0 if name == "EmptyRequest" else 30)


def test_the_files_are_fresh() -> None:
    ran = subprocess.run([sys.executable, "tools/openapi.py", "--check"], cwd=ROOT, capture_output=True, text=True)
    assert (ran.returncode, ran.stdout.strip()) == (0, "openapi: fresh")


def test_the_document_is_openapi() -> None:
    validate_openapi(json.loads(api.data("openapi.json")))


def test_the_examples_of_the_models_are_good() -> None:
    for name, model in MODELS.items():
        for field, its in model.model_fields.items():
            for example in its.examples or []:
                assert validate.check(name, {**SEEDS[name], field: example})[field] == example


def test_defaults_are_the_briefs_own() -> None:
    brief = Brief("generate", "")
    ours = {"model": None, "images": [], "reference": None, "mask": None, "profiles": [], "like_input": None}
    ours |= dict.fromkeys(("subject_box", "subject_point", "channels", "adjust"))
    for name, its in models.JobRequest.model_fields.items():
        mine = its.get_default(call_default_factory=True)
        assert mine == (ours[name] if name in ours else getattr(brief, name))


def test_a_preset_is_what_the_wish_says() -> None:
    wish = wishes.PutPreset("t", "p")
    for name, its in models.PresetRequest.model_fields.items():
        assert its.is_required() or its.default == getattr(wish, name)


def test_events_are_those_that_happen() -> None:
    assert get_args(models.EventType) == events.OF_JOBS
    assert tuple(models.EndpointRequest.model_fields["events"].default) == events.TERMINAL


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"{",
        b"[1,]",
        b"{'a':1}",
        b'{"a":1,"a":1}',
        b'{"a":{"b":1,"b":2}}',
        b"NaN",
        b'{"a":Infinity}',
        b"\xff\xfe",
        b'"\xc3"',
        "{}".encode("utf-16"),
        b"\xef\xbb\xbf{}",
        b"[" * 100_000,
        b"9" * 5000,
        b"{}{}",
        rb'{"a":"\ud800"}',
        rb'{"\uDFFF":1}',
        b"{" + b",".join(b'"%d":0' % n for n in range(101)) + b"}",
    ],
)
def test_what_is_not_strict_json_is_malformed(body: bytes) -> None:
    with pytest.raises(CallerError) as caught:
        validate.parse(body)
    assert (caught.value.code, caught.value.status) == ("malformed_json", 400)


def test_whole_characters_are_read() -> None:
    assert validate.parse(rb'{"a":"\ud83d\ude00 \\ud800"}') == {"a": "\U0001f600 \\ud800"}


@pytest.mark.parametrize(
    ("value", "code", "field", "message"),
    [
        ({"count": 11}, "invalid_field", "count", "Must be a whole number from 1 to 10."),
        ({"count": "2"}, "invalid_field", "count", "Must be a whole number from 1 to 10."),
        ({"seed": -1}, "invalid_field", "seed", "Must be a whole number from 0 to 4294967295."),
        ({"scale": 3}, "invalid_field", "scale", "Must be 2 or 4."),
        ({"strength": 1.1}, "invalid_field", "strength", "Must be a number from 0 to 1."),
        ({"strength": "1"}, "invalid_field", "strength", "Must be a number from 0 to 1."),
        ({"guidance": -0.1}, "invalid_field", "guidance", "Must be a number from 0 to 30."),
        ({"guidance": True}, "invalid_field", "guidance", "Must be a number from 0 to 30."),
        ({"profiles": ["as_1"]}, "invalid_field", "profiles[0]", "Must be a profile's id (prf_...)."),
        ({"operation": "draw"}, "invalid_field", "operation", f"Must be one of {', '.join(OPERATIONS)}."),
        ({"format": "gif"}, "invalid_field", "format", "Must be one of png, jpg, webp."),
        ({"prompt": "x" * 4001}, "invalid_field", "prompt", "Must be text of at most 4000 characters."),
        ({"metadata": {"colour": 4}}, "invalid_field", "metadata.colour", "Must be text of at most 500 characters."),
        ({"metadata": {"x" * 41: ""}}, "invalid_field", "metadata." + "x" * 41, "Must be text of 1 to 40 characters."),
        (
            {"images": [4]},
            "invalid_field",
            "images[0]",
            "Must be an https address, an asset's id (as_...), or a data URI of a PNG, JPEG or WebP picture.",
        ),
        ({"colour": 4}, "unknown_field", "colour", "There is no such field."),
        ({"metadata": {"[key]": 4}}, "invalid_field", "metadata.[key]", "Must be text of at most 500 characters."),
        ({"\x1b[31m": 4}, "unknown_field", "?[31m", "There is no such field."),
        ([], "invalid_field", None, "Must be a JSON object."),
        (None, "invalid_field", None, "Must be a JSON object."),
    ],
)
def test_a_refusal_names_the_field_and_what_is_allowed(value: Any, code: str, field: str | None, message: str) -> None:
    with pytest.raises(CallerError) as caught:
        validate.check("JobRequest", value)
    error = caught.value
    assert (error.code, error.field, error.message) == (code, field, message)
    assert error.details == {"errors": [{"field": field, "code": code, "message": message}]}


def test_all_errors_are_listed_but_not_without_end() -> None:
    with pytest.raises(CallerError) as caught:
        validate.check("UploadRequest", {"bytes": "secret-input", **{f"f{n}": "secret-input" for n in range(50)}})
    errors: Any = caught.value.details["errors"]
    assert [each["code"] for each in errors[:3]] == ["missing_field", "invalid_field", "unknown_field"]
    assert len(errors) == validate.MOST_ERRORS
    assert "secret-input" not in json.dumps(errors) + caught.value.message


def test_every_field_can_say_what_it_allows() -> None:
    for name, seed in SEEDS.items():
        for field in seed:
            with pytest.raises(CallerError) as caught:
                validate.check(name, {**seed, field: object()})
            assert caught.value.message.startswith("Must be ") and "metadata" not in caught.value.message


def test_the_core_is_loaded_without_its_package_and_gets_along_with_it() -> None:
    code = (
        "import sys; from packshot import validate; assert 'pydantic_core' not in sys.modules;"
        "assert 'typing_extensions' not in sys.modules and 'pydantic' not in sys.modules;"
        "from packshot.api import models; import pydantic_core;"
        "assert validate._core.ValidationError is pydantic_core.ValidationError;"
        "print(models.JobRequest(count=2).count, validate.check('JobRequest', {'count': 2}))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONPATH": ":".join(sys.path)}
    )
    assert ran.stdout.split("\n")[0] == "2 {'count': 2}"


def test_a_hostile_body_is_refused_in_time() -> None:
    began = time.process_time()
    for value in ({"images": list(range(1_000_000))}, {"images": ["x"] * 1_000_000}, {"prompt": "x" * 6_000_000}):
        with pytest.raises(CallerError):
            validate.check("JobRequest", value)
    assert time.process_time() - began < 2
