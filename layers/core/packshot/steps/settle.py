"""What a brief means to this account: its own pictures, presets, profiles and models. All is checked here, once."""

from dataclasses import dataclass, replace
from typing import Protocol

from packshot import addresses, planning, providers, urls
from packshot.answers import Profile
from packshot.brief import Brief, Image
from packshot.catalog import Model, Preset, presets
from packshot.errors import CallerError
from packshot.principal import Principal
from packshot.wishes import Submit

PROFILE_PICTURES = 3
"""How many reference pictures of a profile go along, at most."""


class Presets(Protocol):
    """Presets that accounts made."""

    def get(self, account: str, preset_id: str) -> Preset | None:
        """The preset as it stands, or the version that `{id}@{version}` names."""
        ...


class Profiles(Protocol):
    """Profile rows."""

    def get(self, account: str, profile_id: str) -> Profile | None:
        """The profile as it stands."""
        ...


@dataclass(frozen=True, slots=True)
class Lookups:
    """What settling takes. `api_url` is where we are; with `local`, this machine's ports 8600-8699 pass."""

    presets: Presets
    profiles: Profiles
    api_url: str
    local: bool = False


def settled(wish: Submit, principal: Principal, room: Lookups) -> tuple[Brief, Model]:
    """The brief as its model will hear it: our own addresses resolved, preset and profiles looked up,
    all checked. Raises CallerError."""
    brief = replace(wish.brief, images=_own(wish.brief.images, principal.account, room.api_url))
    brief = _with_look(brief, principal.account, room)
    brief = _with_profiles(brief, wish.profiles, principal.account, room)
    brief, model = planning.settle(
        brief,
        lenient=wish.lenient,
        choices={} if principal.test else principal.models,
        usable=lambda model: _renders(model) if principal.test else True,
    )
    if principal.test and not _renders(model):
        raise CallerError(
            "test_key_not_allowed", "A test key runs on the built-in studio only; use the model studio.", field="model"
        )
    schemes = ("https", "http") if room.local else ("https",)
    for index, image in enumerate(brief.images):
        if image.kind == "url" and (
            reason := urls.check(image.value, schemes=schemes, ports=(80, 443), local=room.local)
        ):
            raise CallerError("invalid_field", f"This address cannot be fetched: {reason}.", field=f"images[{index}]")
    if brief.callback_url and (
        reason := urls.check(brief.callback_url, schemes=schemes, ports=(443,), local=room.local)
    ):
        raise CallerError("invalid_field", f"This address cannot be called: {reason}.", field="callback_url")
    return brief, model


def _own(images: tuple[Image, ...], account: str, api_url: str) -> tuple[Image, ...]:
    found = []
    for index, image in enumerate(images):
        own = addresses.image_of(image.value, api_url, account) if image.kind in ("url", "own") else None
        if own is None and image.kind == "own":
            raise CallerError("invalid_field", "Must be the address of a picture kept here.", field=f"images[{index}]")
        found.append(replace(own, role=image.role) if own else image)
    return tuple(found)


def _with_look(brief: Brief, account: str, room: Lookups) -> Brief:
    if brief.preset is None or brief.preset in presets():
        return brief
    own = room.presets.get(account, brief.preset)
    return replace(brief, look=(own.version, own.prompt, own.studio)) if own else brief


def _with_profiles(brief: Brief, profiles: tuple[str, ...], account: str, room: Lookups) -> Brief:
    images = brief.images
    for each in profiles:
        profile = room.profiles.get(account, each)
        if profile is None or profile.state != "ready":
            problem = "There is no such profile." if profile is None else "This profile is not ready."
            raise CallerError("unknown_profile", problem, field="profiles")
        numbers = range(min(profile.images, PROFILE_PICTURES))
        images += tuple(Image("profile", f"{profile.id}/{number}", "profile") for number in numbers)
    return replace(brief, images=images)


def _renders(model: Model) -> bool:
    """Whether it needs no provider."""
    return all(providers.load(route.provider).completion == "render" for route in model.routes)
