"""The catalogue: models, presets and plans as data files, and their loader. A model is one entry in `models.json`."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from packshot.brief import Detail
from packshot.job import Route

PRESETS_CREATED = 1_793_491_200_000
"""2026-11-01, in ms."""


@dataclass(frozen=True, slots=True)
class Skill:
    """One operation of a model: how many pictures it takes (a mask is not counted), which optional wishes it can
    express, and who makes it. Without routes nobody does yet."""

    min_images: int
    max_images: int
    accepts: frozenset[str]
    routes: tuple[Route, ...]


@dataclass(frozen=True, slots=True)
class Model:
    """What a caller names. `credits` is for one image at 1K; `routes` are those of its operations, each once.

    `detail` is the effort that the name itself stands for, where it does; `prefer` is how its routes are chosen where
    nobody says.
    """

    id: str
    title: str
    credits: int
    operations: Mapping[str, Skill]
    routes: tuple[Route, ...]
    resolutions: tuple[str, ...]
    ratios: tuple[str, ...]
    max_count: int
    deadline: int
    detail: Detail | None = None
    prefer: str = "order"

    def describe(self) -> dict[str, object]:
        """The public entry of `GET /models`; `images` and `accepts` at its top are the first operation's."""
        skills = {
            name: {"images": {"min": skill.min_images, "max": skill.max_images}, "accepts": sorted(skill.accepts)}
            for name, skill in self.operations.items()
        }
        first = skills.get("generate") or next(iter(skills.values()))
        return {
            "id": self.id,
            "title": self.title,
            "operations": list(skills),
            "credits": {
                size: self.credits * factor
                for size, factor in (("1K", 1), ("2K", 2), ("4K", 4))
                if size in self.resolutions
            },
            **first,
            "capabilities": skills,
            "resolutions": list(self.resolutions),
            "aspect_ratios": list(self.ratios),
            "max_count": self.max_count,
            "providers": list(dict.fromkeys(route.provider for route in self.routes)),
        }


@dataclass(frozen=True, slots=True)
class Preset:
    """A look. `studio` names the built-in renderer's set; `prompt` is what a generative model is told.

    `category` is `lifestyle`, `studio`, `seasonal` or `custom`; `owner` is `system` or `account`; `created` in ms.
    """

    id: str
    version: int
    title: str
    description: str
    category: str
    prompt: str
    studio: str
    owner: str = "system"
    created: int = PRESETS_CREATED

    def describe(self) -> dict[str, object]:
        """The public entry of `GET /presets`; `models` are those recommended for it, `created` is in ms."""
        return {
            "id": self.id,
            "version": self.version,
            "title": self.title,
            "description": self.description,
            "category": self.category,
            "prompt": self.prompt,
            "studio": self.studio,
            "owner": self.owner,
            "models": ["studio", "nanobanana2"],
            "created": self.created,
        }


class _Models(Mapping[str, Model]):
    """Models, each made when it is first asked for: a cold start needs one of sixty."""

    def __init__(self, entries: Mapping[str, Mapping[str, Any]]) -> None:
        self._entries = entries
        self._made: dict[str, Model] = {}

    def __getitem__(self, name: str) -> Model:
        made = self._made.get(name)
        if made is None:
            made = self._made[name] = _model(self._entries[name])
        return made

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)


def _data(name: str) -> Any:
    return json.loads(files(__name__).joinpath(name).read_bytes())


@cache
def models() -> Mapping[str, Model]:
    """Every model by id, in the file's order.

    An entry that is `like` an earlier one takes what it does not say itself from there.
    """
    entries: dict[str, Mapping[str, Any]] = {}
    for entry in _data("models.json"):
        entries[entry["id"]] = {**entries[entry["like"]], **entry} if "like" in entry else entry
    return _Models(entries)


@cache
def presets() -> Mapping[str, Preset]:
    """Every system preset by id, in the file's order."""
    return {entry["id"]: Preset(**entry) for entry in _data("presets.json")}


@cache
def plans() -> Mapping[str, Mapping[str, int]]:
    """What each plan gives: requests a minute and at once, and credits a month."""
    found: Mapping[str, Mapping[str, int]] = _data("plans.json")
    return found


def _model(entry: Mapping[str, Any]) -> Model:
    does = entry["operations"]
    made = [
        (Route(route["provider"], route["model"], route.get("micro_usd", 0)), route.get("operations", does))
        for route in entry["routes"]
    ]
    pinned = {"detail"} if "detail" in entry else set()
    skills = {
        name: Skill(
            min_images=skill["images"][0],
            max_images=skill["images"][1],
            accepts=frozenset(skill["accepts"]) - pinned,
            routes=tuple(route for route, able in made if name in able),
        )
        for name, skill in does.items()
    }
    return Model(
        id=entry["id"],
        title=entry["title"],
        credits=entry["credits"],
        operations=skills,
        routes=tuple(dict.fromkeys(route for route, _ in made)),
        resolutions=tuple(entry["resolutions"]),
        ratios=tuple(entry["ratios"]),
        max_count=entry["max_count"],
        deadline=entry["deadline"],
        detail=entry.get("detail"),
        prefer=entry.get("prefer", "order"),
    )


@cache
def simulated() -> Mapping[str, Mapping[str, str]]:
    """What each provider's simulator accepts as credentials, and its path: local mode only."""
    found: Mapping[str, Mapping[str, str]] = _data("simulated.json")
    return found
