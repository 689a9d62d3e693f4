"""What a brief means to an account: our own addresses, its presets and profiles, its models, and what its key may."""

from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from packshot import addresses, ids
from packshot.answers import Profile
from packshot.brief import Brief, Image
from packshot.catalog import Model, Preset
from packshot.errors import CallerError
from packshot.job import Output
from packshot.principal import Principal
from packshot.steps.settle import PROFILE_PICTURES, Lookups, settled
from packshot.wishes import Submit

API, ACME = "https://api.example.com", "acct_one"
ASSET, JOB = (ids.make(prefix, 1_770_000_000_000, b"0123456789") for prefix in ("as", "job"))
NAME = f"00-{'a' * 32}.jpg"
OWN_ASSET = addresses.asset(API, ACME, ASSET)
OWN_OUTPUT = addresses.output(API, Output(f"keep/{ACME}/{JOB}/{NAME}", 8, 8, 5, "", "image/jpeg"))
PHOTO = Image("url", "https://shop.example/mug.jpg")
LIVE = Principal(ACME, "k1", "live", frozenset())
TEST = replace(LIVE, mode="test")
AUTUMN = Preset("pre_1", 3, "Autumn", "", "custom", "dry leaves, low sun", "wood", "account")


@dataclass
class Rows:
    """Presets and profiles, each under (account, id); and who was asked for what."""

    known: dict[tuple[str, str], Any] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)

    def get(self, account: str, name: str) -> Any:
        self.asked.append((account, name))
        return self.known.get((account, name))


def profile(name: str, images: int = 2, state: str = "ready") -> Profile:
    return Profile(name, state, 1, images)


def room(*things: Preset | Profile, account: str = ACME, **more: Any) -> Lookups:
    rows = Rows({(account, thing.id): thing for thing in things})
    return Lookups(**{"presets": rows, "profiles": rows, "api_url": API, **more})


def settle(
    brief: Brief, *things: Preset | Profile, principal: Principal = LIVE, at: Lookups | None = None, **wish: Any
) -> tuple[Brief, Model]:
    return settled(Submit(brief, **wish), principal, at or room(*things))


def generate(*images: Image, model: str = "", **more: Any) -> Brief:
    return Brief("generate", model, images=images, **more)


def refused(code: str, field: str | None, *given: Any, **more: Any) -> str:
    with pytest.raises(CallerError) as caught:
        settle(*given, **more)
    assert (caught.value.code, caught.value.field) == (code, field)
    return caught.value.message


# -------------------------------------------------------------------------------------------------- our own addresses


@pytest.mark.parametrize(
    ("address", "image"), [(OWN_ASSET, Image("asset", ASSET)), (OWN_OUTPUT, Image("output", f"{JOB}/{NAME}"))]
)
@pytest.mark.parametrize("kind", ["url", "own"])
def test_an_own_address_is_the_picture_behind_it(address: str, image: Image, kind: Any) -> None:
    brief, model = settle(generate(Image(kind, address)))
    assert (brief.images, model.id) == ((image,), "studio")


def test_a_picture_keeps_its_role_and_its_place() -> None:
    remix = Brief("remix", "studio", images=(PHOTO, Image("url", OWN_ASSET, "reference")))
    assert settle(remix)[0].images == (PHOTO, Image("asset", ASSET, "reference"))
    inpaint = Brief("inpaint", "flux-fill", "a cup", images=(Image("own", OWN_OUTPUT), Image("url", OWN_ASSET, "mask")))
    assert settle(inpaint)[0].images == (Image("output", f"{JOB}/{NAME}"), Image("asset", ASSET, "mask"))


def test_another_accounts_address_is_fetched_like_any_other_and_never_looked_up() -> None:
    stranger = replace(LIVE, account="acct_two")
    assert settle(generate(Image("url", OWN_ASSET)), principal=stranger)[0].images == (Image("url", OWN_ASSET),)


@pytest.mark.parametrize(
    ("address", "principal"),
    [
        (OWN_ASSET, replace(LIVE, account="acct_two")),
        (OWN_OUTPUT, replace(LIVE, account="acct_two")),
        ("https://shop.example/mug.jpg", LIVE),
        (OWN_ASSET + "/thumbnail", LIVE),
        (ASSET, LIVE),
    ],
)
def test_where_only_our_own_will_do_another_address_is_refused(address: str, principal: Principal) -> None:
    images = (Image("url", "https://shop.example/1.jpg"), Image("own", address))
    refused("invalid_field", "images[1]", generate(*images, model="flux-2"), principal=principal)


def test_what_is_no_address_is_left_alone() -> None:
    images = (Image("asset", ASSET), Image("asset", "inline"), Image("upload", "inbox/a/b/c.jpg"))
    assert settle(generate(*images, model="flux-2"))[0].images == images


@pytest.mark.parametrize(
    "address", ["http://shop.example/a.jpg", "https://127.0.0.1/a.jpg", "https://shop.example:22/a", "https://u:p@a.b/"]
)
def test_an_address_that_may_not_be_reached_is_refused(address: str) -> None:
    refused("invalid_field", "images[1]", generate(PHOTO, Image("url", address), model="flux-2"))
    refused("invalid_field", "callback_url", generate(PHOTO, callback_url=address))


def test_on_this_machine_its_own_ports_pass() -> None:
    here = generate(Image("url", "http://127.0.0.1:8601/a.jpg"), callback_url="http://127.0.0.1:8602/hook")
    assert settle(here, at=room(local=True))[0].images == here.images
    refused("invalid_field", "images[0]", here)


# ------------------------------------------------------------------------------------------------------------ presets


def test_an_accounts_preset_is_remembered_as_it_stood() -> None:
    brief, _ = settle(generate(PHOTO, preset="pre_1"), AUTUMN)
    assert (brief.preset, brief.look) == ("pre_1", (3, "dry leaves, low sun", "wood"))
    assert Brief.load(brief.dump()) == brief


def test_a_system_preset_needs_no_look_and_no_reading() -> None:
    at = room()
    for preset in (None, "luxury"):
        brief, _ = settle(generate(PHOTO, preset=preset), at=at)
        assert (brief.preset, brief.look) == (preset, None)
    assert at.presets.asked == []  # type: ignore[attr-defined]


def test_a_version_is_asked_for_by_its_name() -> None:
    old = replace(AUTUMN, id="pre_1@2", version=2, prompt="green leaves")
    brief, _ = settle(generate(PHOTO, preset="pre_1@2"), AUTUMN, old)
    assert (brief.preset, brief.look) == ("pre_1@2", (2, "green leaves", "wood"))


def test_another_accounts_preset_is_as_unknown_as_one_that_never_was() -> None:
    known = room(AUTUMN, account="acct_two")
    messages = {
        refused("unknown_preset", "preset", generate(PHOTO, preset="pre_1"), at=known),
        refused("unknown_preset", "preset", generate(PHOTO, preset="pre_0")),
    }
    assert len(messages) == 1


def test_a_preset_is_refused_where_a_model_or_an_operation_takes_none() -> None:
    refused("unsupported_by_model", "preset", Brief("edit", "flux-2", "x", images=(PHOTO,), preset="pre_1"), AUTUMN)


# ----------------------------------------------------------------------------------------------------------- profiles


def test_a_profiles_pictures_go_along_after_the_briefs_own() -> None:
    people = (profile("prf_1", 2), profile("prf_2", 1))
    brief, model = settle(generate(PHOTO, prompt="at the sea"), *people, profiles=("prf_2", "prf_1"))
    assert brief.images == (
        PHOTO,
        Image("profile", "prf_2/0", "profile"),
        Image("profile", "prf_1/0", "profile"),
        Image("profile", "prf_1/1", "profile"),
    )
    assert model.id == "nanobanana2"


def test_of_a_large_profile_the_first_pictures_go_along() -> None:
    brief, _ = settle(generate(prompt="at the sea", aspect_ratio="1:1"), profile("prf_1", 50), profiles=("prf_1",))
    assert [image.value for image in brief.images] == [f"prf_1/{number}" for number in range(PROFILE_PICTURES)]


def test_profiles_count_as_pictures_of_the_model() -> None:
    people = [profile(f"prf_{number}", 9) for number in range(3)]
    names = tuple(each.id for each in people)
    refused("unsupported_by_model", "images", generate(PHOTO, model="studio"), people[0], profiles=names[:1])
    refused("unsupported_by_model", "images", generate(prompt="x", model="flux-2"), *people, profiles=names)


@pytest.mark.parametrize("state", ["validating", "error", None])
def test_a_profile_must_be_ready_and_ones_own(state: str | None) -> None:
    brief = generate(PHOTO, prompt="x")
    if state is None:
        at = room(profile("prf_1"), account="acct_two")
        assert refused("unknown_profile", "profiles", brief, at=at, profiles=("prf_1",)).startswith("There is no")
    else:
        refused("unknown_profile", "profiles", brief, profile("prf_1", state=state), profiles=("prf_1",))


# ------------------------------------------------------------------------------------------------- models and test keys


def test_an_unnamed_model_is_the_accounts_choice_else_the_studio() -> None:
    chooses = replace(LIVE, models={"generate": "flux-2", "edit": "seedream"})
    assert settle(generate(PHOTO))[1].id == "studio"
    brief, model = settle(generate(PHOTO), principal=chooses)
    assert (brief.model, model.id) == ("flux-2", "flux-2")
    assert settle(generate(PHOTO, model="studio"), principal=chooses)[1].id == "studio"
    assert settle(Brief("upscale", "", images=(PHOTO,), like_input=True), principal=chooses)[1].id == "studio"
    refused("unsupported_by_model", "seed", Brief("edit", "", "x", images=(PHOTO,), seed=1), principal=chooses)


def test_a_test_key_runs_on_the_studio_whatever_the_account_chose() -> None:
    chooses = replace(TEST, models={"generate": "flux-2"})
    assert settle(generate(PHOTO), principal=chooses)[1].id == "studio"
    refused("test_key_not_allowed", "model", generate(PHOTO, model="flux-2"), principal=TEST)
    refused("unsupported_by_model", "prompt", generate(PHOTO, prompt="x"), principal=TEST)
    refused("unsupported_by_model", "operation", Brief("edit", "", "x", images=(PHOTO,)), principal=TEST)


@pytest.mark.parametrize("status", ["active", "trialing", "past_due", "canceled"])
def test_settling_does_not_ask_whether_an_account_may_spend(status: str) -> None:
    assert settle(generate(PHOTO), principal=replace(LIVE, status=status))[1].id == "studio"


def test_what_may_stay_unheard_is_left_out_and_all_else_is_refused() -> None:
    wish = generate(PHOTO, model="studio", prompt="on a table", negative_prompt="hands")
    still = replace(wish, operation="enhance")
    refused("unsupported_by_model", "prompt", still)
    brief, _ = settle(still, lenient=frozenset({"prompt", "negative_prompt"}))
    assert (brief.prompt, brief.negative_prompt) == ("", "")
    heard, _ = settle(replace(wish, model="flux-2"), lenient=frozenset({"prompt", "negative_prompt"}))
    assert (heard.prompt, heard.negative_prompt) == ("on a table\nAvoid: hands", "")
