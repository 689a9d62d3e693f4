"""What an account keeps besides jobs: assets, presets, profiles, its own settings. Made, changed and forgotten here."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from packshot import ids, planning, providers, urls
from packshot.answers import Answer, Done, Entry, Profile
from packshot.brief import OPERATIONS
from packshot.catalog import Preset, presets
from packshot.errors import CallerError, Stale, not_found
from packshot.principal import Principal
from packshot.steps.keep import Keeper, profile_key
from packshot.wishes import (
    ChangeAccount,
    CreateProfile,
    DeleteAsset,
    DeletePreset,
    DeleteProfile,
    DeleteProviderKey,
    ImportAsset,
    PresignAsset,
    PutAsset,
    PutPreset,
    PutProviderKey,
    Wish,
)


class Presets(Protocol):
    """Presets that accounts made."""

    def get(self, account: str, preset_id: str) -> Preset | None: ...
    def put(self, account: str, preset: Preset) -> None: ...
    def delete(self, account: str, preset_id: str) -> None: ...
    def count(self, account: str) -> None: ...


class Profiles(Protocol):
    """Profile rows."""

    def put(self, account: str, profile: Profile, sources: tuple[str, ...]) -> None: ...
    def get(self, account: str, profile_id: str) -> Profile | None: ...
    def delete(self, account: str, profile_id: str) -> None: ...
    def count(self, account: str) -> None: ...


class Settings(Protocol):
    """Account rows, written."""

    def choose(self, account: str, models: dict[str, str]) -> None: ...
    def has_own(self, account: str, provider: str, has: bool) -> None: ...


class Vault(Protocol):
    """Accounts' own credentials at providers."""

    def put(self, name: str, fields: Mapping[str, str]) -> None: ...
    def delete(self, name: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Cabinet:
    """What collecting takes; `now` in ms, `secrets` is what the names of the operator's provider keys begin with."""

    keeper: Keeper
    presets: Presets
    profiles: Profiles
    settings: Settings
    vault: Vault
    secrets: str
    now: Callable[[], int]
    randomness: Callable[[int], bytes]
    local: bool = False


def collect(wish: Wish, principal: Principal, *, room: Cabinet) -> Answer | None:
    """Carry out a wish about what an account keeps; None for any other wish. Raises CallerError."""
    account, now = principal.account, room.now()
    match wish:
        case PutAsset():
            return room.keeper.put(wish, account, now, room.randomness(10))
        case ImportAsset(url):
            _check(url, "url", room)
            return room.keeper.fetch(wish, account, now, room.randomness(10))
        case PresignAsset():
            return room.keeper.ticket(wish, account, now, room.randomness(10))
        case DeleteAsset(id):
            room.keeper.forget(account, id)
        case PutPreset():
            return Entry(_put_preset(wish, account, room).describe())
        case DeletePreset(id):
            room.presets.delete(account, id)
        case CreateProfile(images, tag):
            for place, url in enumerate(images):
                _check(url, f"images[{place}]", room)
            room.profiles.count(account)
            profile = Profile(ids.make("prf", now, room.randomness(10)), "validating", now, len(images), tag)
            room.profiles.put(account, profile, images)
            return profile
        case DeleteProfile(id):
            _forget_profile(account, id, room)
        case ChangeAccount(models):
            room.settings.choose(account, _chosen(dict(models)))
            return None  # the account, as it now stands, is the answer
        case PutProviderKey(provider, fields):
            _check_fields(provider, fields)
            room.vault.put(providers.secret_name(room.secrets, provider, account), fields)
            room.settings.has_own(account, provider, True)
        case DeleteProviderKey(provider):
            _secrets_of(provider)
            room.settings.has_own(account, provider, False)
            room.vault.delete(providers.secret_name(room.secrets, provider, account))
        case _:
            return None
    return Done()


def _forget_profile(account: str, profile_id: str, room: Cabinet) -> None:
    """The pictures first: a crash leaves a profile that can be deleted again, never faces that nothing names."""
    profile = room.profiles.get(account, profile_id)
    if profile is None:
        raise not_found()
    keys = [profile_key(account, profile_id, number) for number in range(profile.images)]
    for key in keys:
        room.keeper.uploads.delete(key)
    room.profiles.delete(account, profile_id)
    if profile.state == "validating":  # whoever looks at it may have put one back until its row was gone
        for key in keys:
            room.keeper.uploads.delete(key)


def _put_preset(wish: PutPreset, account: str, room: Cabinet) -> Preset:
    if wish.studio not in presets():
        raise CallerError("unknown_preset", f"Must be one of {', '.join(presets())}.", field="studio")
    if wish.id is None:
        room.presets.count(account)
        name, version, created = ids.make("pre", room.now(), room.randomness(10)), 1, room.now()
    else:
        before = room.presets.get(account, wish.id)
        if before is None or "@" in wish.id:
            raise not_found()
        name, version, created = before.id, before.version + 1, before.created
    preset = Preset(
        name, version, wish.title, wish.description, wish.category, wish.prompt, wish.studio, "account", created
    )
    try:
        room.presets.put(account, preset)
    except Stale:
        raise CallerError("state_conflict", "Somebody else has just changed this preset.") from None
    return preset


def _chosen(models: dict[str, str]) -> dict[str, str]:
    for operation, name in models.items():
        if operation not in OPERATIONS:
            known = ", ".join(OPERATIONS)
            raise CallerError("invalid_field", f"There is no such operation. Known: {known}.", field="models")
        skill = planning.model_of(name).operations.get(operation) if name else None
        if name and (skill is None or not skill.routes):
            raise CallerError("unsupported_by_model", f"{name} cannot {operation}.", field="models")
    return models


def _secrets_of(provider: str) -> Mapping[str, bool]:
    """The fields of a provider's credentials, and whether each is needed. Raises CallerError for no such provider."""
    found = providers.load(provider).secrets if provider in providers.NAMES else None
    if not found:
        raise not_found()
    return found


def _check_fields(provider: str, fields: Mapping[str, str]) -> None:
    known = _secrets_of(provider)
    wrong = next((name for name in fields if name not in known), None)
    missing = next((name for name, needed in known.items() if needed and name not in fields), None)
    if wrong is None and missing is None:
        return
    told = ", ".join(f"{name}{'' if needed else ' (optional)'}" for name, needed in known.items())
    code, problem = ("missing_field", "Required") if wrong is None else ("invalid_field", "There is no such field")
    raise CallerError(code, f"{problem}. {provider} takes {told}.", field="fields")


def _check(url: str, field: str, room: Cabinet) -> None:
    schemes = ("https", "http") if room.local else ("https",)
    if reason := urls.check(url, schemes=schemes, ports=(80, 443), local=room.local):
        raise CallerError("invalid_field", f"This address cannot be fetched: {reason}.", field=field)
