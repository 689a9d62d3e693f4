"""The catalogue: models and presets as data files, and their loader. Adding a model is one entry in `models.json`."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from packshot.job import Route


@dataclass(frozen=True, slots=True)
class Model:
    """What a caller names. `credits` is for one image at 1K; `accepts` lists the optional wishes it can express."""

    id: str
    title: str
    credits: int
    operations: tuple[str, ...]
    routes: tuple[Route, ...]
    min_images: int
    max_images: int
    accepts: frozenset[str]
    resolutions: tuple[str, ...]
    ratios: tuple[str, ...]
    max_count: int
    deadline: int

    def describe(self) -> dict[str, object]:
        """The public entry of `GET /models`."""
        return {
            "id": self.id,
            "title": self.title,
            "operations": list(self.operations),
            "credits": {
                size: self.credits * factor
                for size, factor in (("1K", 1), ("2K", 2), ("4K", 4))
                if size in self.resolutions
            },
            "images": {"min": self.min_images, "max": self.max_images},
            "accepts": sorted(self.accepts),
            "resolutions": list(self.resolutions),
            "aspect_ratios": list(self.ratios),
            "max_count": self.max_count,
            "providers": [route.provider for route in self.routes],
        }


@dataclass(frozen=True, slots=True)
class Preset:
    """A look. `studio` names the built-in renderer's set; `prompt` is what a generative model is told."""

    id: str
    version: int
    title: str
    prompt: str
    studio: str

    def describe(self) -> dict[str, object]:
        """The public entry of `GET /presets`."""
        return {"id": self.id, "version": self.version, "title": self.title, "prompt": self.prompt, "owner": "system"}


def _data(name: str) -> Any:
    return json.loads(files(__name__).joinpath(name).read_bytes())


@cache
def models() -> Mapping[str, Model]:
    """Every model by id, in the file's order."""
    return {entry["id"]: _model(entry) for entry in _data("models.json")}


@cache
def presets() -> Mapping[str, Preset]:
    """Every system preset by id, in the file's order."""
    return {entry["id"]: Preset(**entry) for entry in _data("presets.json")}


def _model(entry: Mapping[str, Any]) -> Model:
    return Model(
        id=entry["id"],
        title=entry["title"],
        credits=entry["credits"],
        operations=tuple(entry["operations"]),
        routes=tuple(Route(**route) for route in entry["routes"]),
        min_images=entry["images"][0],
        max_images=entry["images"][1],
        accepts=frozenset(entry["accepts"]),
        resolutions=tuple(entry["resolutions"]),
        ratios=tuple(entry["ratios"]),
        max_count=entry["max_count"],
        deadline=entry["deadline"],
    )


@cache
def simulated() -> Mapping[str, Mapping[str, str]]:
    """What each provider's simulator accepts as credentials, and its path: local mode only."""
    found: Mapping[str, Mapping[str, str]] = _data("simulated.json")
    return found
