"""What each simulated Replicate model takes (fields: `replicate_models.json`) and how large its pictures are.

A model with a `version` there is a community model: it is run by that id, not by its name.
"""

import hashlib
import json
import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

MODELS: Mapping[str, Any] = json.loads(Path(__file__).with_suffix(".json").read_bytes())
TIERS = {"1K": 1, "2K": 4, "4K": 16, "0.5 MP": 0.5, "1 MP": 1, "2 MP": 2, "4 MP": 4}
"""Pixels of each tier in units of 1024 x 1024; that a tier fixes the area and not a side is an assumption."""

_WEB = re.compile(r"https?://[^\s]+|data:image/[a-z]+;base64,.+", re.DOTALL)
_SPAN = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s?)?")


def version_of(slug: str) -> str:
    """A model's version id: 64 hex digits."""
    return str(MODELS[slug].get("version") or hashlib.sha256(slug.encode()).hexdigest())


def describe(slug: str, url: str) -> dict[str, Any]:
    """The model object."""
    owner, _, name = slug.partition("/")
    schemas = {"Input": {"type": "object", "properties": MODELS[slug]["input"]}, "Output": {"title": "Output"}}
    version = {"id": version_of(slug), "created_at": "2026-01-01T00:00:00Z", "cog_version": "0",
               "openapi_schema": {"components": {"schemas": schemas}}}  # fmt: skip
    return {"url": url, "owner": owner, "name": name, "description": "simulated", "visibility": "public",
            "run_count": 0, "latest_version": version}  # fmt: skip


def slug_of(version: str) -> str:
    """The model that `owner/name`, `owner/name:version` or a bare version id means; empty when there is none."""
    slug = version.partition(":")[0]
    return slug if slug in MODELS else next((one for one in MODELS if version_of(one) == version), "")


def span_of(text: str | None) -> int | None:
    """A `Cancel-After` in seconds: 5m, 1h30m, 90s or 90; at least 5 s. None without one. Raises ValueError."""
    if text is None:
        return None
    match = _SPAN.fullmatch(text)
    parts = [int(part or 0) for part in match.groups()] if match else [0, 0, 0]
    seconds = parts[0] * 3600 + parts[1] * 60 + parts[2]
    if seconds < 5:
        raise ValueError(text)
    return seconds


def faults(slug: str, given: object) -> list[tuple[str, str]]:
    """(field, what is wrong with it) of an `input`; empty when it fits the model's documented fields."""
    if not isinstance(given, dict):
        return [("input", "input is required")]
    fields = MODELS[slug]["input"]
    found = [(f"input.{name}", "Additional property is not allowed") for name in given if name not in fields]
    found += [("input", f"{name} is required") for name in fields if fields[name].get("required") and name not in given]
    for name, value in given.items():
        found += _fault(fields.get(name), name, value)
    return found


def _fault(one: Mapping[str, Any] | None, name: str, value: object) -> Iterator[tuple[str, str]]:
    if one is None:
        return
    where = f"input.{name}"
    if "enum" in one:
        if value not in one["enum"]:
            yield where, f"{name} must be one of the following: {', '.join(json.dumps(known) for known in one['enum'])}"
        return
    match one["type"]:
        case "string":
            fits = isinstance(value, str)
        case "boolean":
            fits = isinstance(value, bool)
        case "integer":
            fits = isinstance(value, int) and not isinstance(value, bool)
        case "number":
            fits = isinstance(value, (int, float)) and not isinstance(value, bool)
        case "image" | "mask":
            fits = isinstance(value, str) and bool(_WEB.fullmatch(value))
        case _:
            fits = isinstance(value, list) and all(isinstance(url, str) and _WEB.fullmatch(url) for url in value)
            if isinstance(value, list) and len(value) > one["max"]:
                yield where, f"Array must have at most {one['max']} items"
    if not fits:
        yield where, f"Invalid type. Expected: {one['type']}"
    elif isinstance(value, (int, float)) and not one.get("min", value) <= value <= one.get("max", value):
        yield where, f"Must be between {one.get('min')} and {one.get('max')}"


def measure(slug: str, given: Mapping[str, Any], product: tuple[int, int] | None) -> tuple[int, int]:
    """The output's width and height; a repainted picture keeps its own."""
    fields = MODELS[slug]["input"]
    if product and "mask" in given:
        return product

    def value(name: str) -> Any:
        return given.get(name, fields.get(name, {}).get("default"))

    if "custom" in (value("size"), value("aspect_ratio")):
        step = 1 if "size" in fields else 32
        return max(step, value("width") // step * step), max(step, value("height") // step * step)
    if "aspect_ratio" not in fields:
        return (value("width") or 1024) // 8 * 8, (value("height") or 1024) // 8 * 8
    wanted, area = value("aspect_ratio"), TIERS.get(value("resolution") or value("size") or "1K", 1) * 2**20
    if slug.startswith("openai/"):
        return {"3:2": (1536, 1024), "2:3": (1024, 1536)}.get(wanted, (1024, 1024))
    if wanted == "match_input_image" or (product and given.get("match_input_image")):
        width, height = product or (1, 1)
    else:
        width, height = (int(part) for part in wanted.split(":"))
    ratio = min(8.0, max(0.125, width / height))
    sides = (math.sqrt(area * ratio), math.sqrt(area / ratio))
    shrink = min(1.0, (2048 if slug.startswith("black-forest-labs/") else 8192) / max(sides))
    return round(sides[0] * shrink / 16) * 16, round(sides[1] * shrink / 16) * 16
