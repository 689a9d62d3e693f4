"""What an account keeps in the table: assets, presets, profiles, and which models it chose."""

import os
from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from packshot import ids, keys
from packshot.answers import Asset, Profile
from packshot.aws import presets, profiles, rows
from packshot.aws.assets import KEPT_S, AssetTable
from packshot.aws.presets import PresetTable
from packshot.aws.profiles import ProfileTable
from packshot.catalog import Preset
from packshot.errors import CallerError, Stale
from tests.integration.test_aws_world import ACME, NOW, TABLE, World, lose, world

__all__ = ["world"]

OTHER = "acc_other"
SHA = "5" * 64
AUTUMN = Preset("pre_1", 1, "Autumn", "for October", "seasonal", "dry leaves", "wood", "account", NOW)
SOURCES = ("https://a.example/1.jpg", "https://a.example/2.jpg")
SAM = Profile("prf_1", "validating", NOW, 2, "people")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """The time that rows are measured by, ms."""
    now = [NOW]
    monkeypatch.setattr("packshot.aws.assets.now_ms", lambda: now[0])
    yield now


@pytest.fixture
def assets(world: World, clock: list[int]) -> AssetTable:
    return AssetTable(TABLE, "https://api.example.com")


def asset(number: int = 0, **more: Any) -> Asset:
    made = ids.make("as", NOW + number, number.to_bytes(10, "big"))
    return Asset(
        **{"id": made, "state": "ready", "created": NOW + number, "content_type": "image/png", "bytes": 9, **more}
    )


def gone(code: str, act: Any, *given: Any) -> None:
    with pytest.raises(CallerError) as caught:
        act(*given)
    assert caught.value.code == code


# ------------------------------------------------------------------------------------------------------------- assets


def test_an_asset_comes_back_as_it_was_put_with_its_addresses(assets: AssetTable) -> None:
    given = asset(1, filename="mug.png", tags=("b", "a"), sha256=SHA)
    stored = assets.put(ACME, given)
    home = f"https://api.example.com/packshot/v1/pictures/assets/{ACME}/{given.id}"
    assert stored == replace(given, url=home, thumbnail_url=f"{home}/thumbnail")
    assert assets.get(ACME, given.id) == assets.known(ACME, SHA) == stored
    assert assets.source(ACME, given.id) is None
    for stranger in (assets.get(OTHER, given.id), assets.known(OTHER, SHA), assets.source(OTHER, given.id)):
        assert stranger is None
    assert assets.get("", given.id) is assets.get(ACME, "x" * 5000) is None


def test_the_same_content_is_one_asset_of_its_account(assets: AssetTable, world: World) -> None:
    first = assets.put(ACME, asset(1, sha256=SHA))
    assert assets.put(ACME, asset(2, sha256=SHA)) == first
    assert world.row(ACME, f"asset#{asset(2).id}") is None
    others = assets.put(OTHER, asset(3, sha256=SHA))
    assert others.id == asset(3).id
    assert assets.put(ACME, asset(4, sha256="6" * 64)).id == asset(4).id


def test_two_uploads_of_one_content_at_once_are_one_asset(assets: AssetTable) -> None:
    assert assets.known(ACME, SHA) is None  # both have looked before either has written
    made = [assets.put(ACME, asset(number, sha256=SHA)) for number in (1, 2)]
    assert made[0] == made[1] == assets.list(ACME, 9, None)[0][0]


def test_one_put_when_its_answer_is_lost(assets: AssetTable) -> None:
    left = lose("TransactWriteItems")
    assert assets.put(ACME, asset(1, sha256=SHA)).id == asset(1).id
    assert left == [0]
    assert assets.known(ACME, SHA) == assets.get(ACME, asset(1).id)


def test_what_is_uploaded_again_is_kept_longer_and_gets_more_tags(assets: AssetTable, clock: list[int]) -> None:
    stored = assets.put(ACME, asset(0, sha256=SHA, tags=("a", "b")))
    clock[0] += 20 * 86_400_000
    renewed = assets.renew(ACME, stored, ("b", "c"))
    assert (renewed.id, renewed.tags) == (stored.id, ("a", "b", "c"))
    clock[0] += 29 * 86_400_000
    assert assets.known(ACME, SHA) == renewed
    clock[0] += 2 * 86_400_000
    assert assets.known(ACME, SHA) is assets.get(ACME, stored.id) is None


def test_what_was_deleted_meanwhile_is_not_renewed(assets: AssetTable, world: World) -> None:
    stored = assets.put(ACME, asset(1, sha256=SHA))
    assets.delete(ACME, stored.id)
    assert assets.renew(ACME, stored, ("x",)) == stored
    assert world.row(ACME, f"asset#{stored.id}") is world.row(ACME, f"content#{SHA}") is None


def test_after_thirty_days_an_asset_is_gone_even_while_its_row_is_there(
    assets: AssetTable, world: World, clock: list[int]
) -> None:
    stored = assets.put(ACME, asset(0, sha256=SHA))
    clock[0] = NOW + KEPT_S * 1000 - 1
    assert assets.get(ACME, stored.id) == stored
    clock[0] += 1
    assert assets.get(ACME, stored.id) is assets.known(ACME, SHA) is None
    assert assets.list(ACME, 9, None) == ((), None, None)
    assert world.row(ACME, f"asset#{stored.id}")
    fresh = replace(asset(7, sha256=SHA), created=clock[0])
    assert assets.put(ACME, fresh).id == fresh.id
    assert assets.known(ACME, SHA) == assets.get(ACME, fresh.id)


def test_a_deleted_asset_takes_its_content_with_it(assets: AssetTable, world: World) -> None:
    stored = assets.put(ACME, asset(1, sha256=SHA))
    gone("not_found", assets.delete, OTHER, stored.id)
    assets.delete(ACME, stored.id)
    assert assets.get(ACME, stored.id) is assets.known(ACME, SHA) is None
    assert world.row(ACME, f"content#{SHA}") is None
    gone("not_found", assets.delete, ACME, stored.id)
    gone("not_found", assets.delete, ACME, "x" * 5000)
    assert assets.put(ACME, asset(2, sha256=SHA)).id == asset(2).id


def test_after_a_delete_whose_answer_was_lost_the_same_content_can_be_kept_again(assets: AssetTable) -> None:
    stored = assets.put(ACME, asset(1, sha256=SHA))
    lost = [lose("DeleteItem"), lose("TransactWriteItems")]  # however many requests a delete is
    assets.delete(ACME, stored.id)
    assert [0] in lost
    again = assets.put(ACME, asset(2, sha256=SHA))
    assert assets.get(ACME, again.id) == again == assets.known(ACME, SHA)


def test_content_whose_asset_is_gone_is_no_ones(assets: AssetTable, world: World) -> None:
    stored = assets.put(ACME, asset(1, sha256=SHA))
    world.db.delete_item(TableName=TABLE, Key=rows.key(ACME, f"asset#{stored.id}"))  # a delete that died half way
    assert assets.known(ACME, SHA) is None
    again = assets.put(ACME, asset(2, sha256=SHA))
    assert assets.get(ACME, again.id) == again == assets.known(ACME, SHA)


def test_a_picture_arrives_once_and_what_was_told_stays(assets: AssetTable) -> None:
    for number, state in enumerate(("uploading", "processing")):
        given = assets.put(ACME, asset(number, state=state, content_type="", bytes=0), "https://a.example/1.jpg")
        assert assets.source(ACME, given.id) == "https://a.example/1.jpg"
        assets.settle(ACME, given.id, "ready", 77, None, content_type="image/webp")
        assets.settle(ACME, given.id, "rejected", 88, "too late", content_type="image/png")
        known = assets.get(ACME, given.id)
        assert known
        assert (known.state, known.bytes, known.reason, known.content_type) == ("ready", 77, None, "image/webp")
    refused = assets.put(ACME, asset(5, state="uploading"))
    assets.settle(ACME, refused.id, "rejected", 3, "not a picture")
    known = assets.get(ACME, refused.id)
    assert known
    assert (known.state, known.reason, known.content_type) == ("rejected", "not a picture", "image/png")


def test_a_measure_is_written_down_where_there_is_an_asset(assets: AssetTable, world: World) -> None:
    stored = assets.put(ACME, asset(1))
    assets.measure(ACME, stored.id, 640, 480)
    known = assets.get(ACME, stored.id)
    assert known
    assert (known.width, known.height, known.state) == (640, 480, "ready")
    for late in ("as_none", asset(9).id):
        assets.measure(ACME, late, 1, 1)
        assets.settle(ACME, late, "ready", 1, None)
        assert world.row(ACME, f"asset#{late}") is None


def test_a_list_pages_newest_first_and_knows_nobody_else(assets: AssetTable) -> None:
    made = [assets.put(ACME, asset(number, sha256=f"{number:064}")).id for number in range(7)]
    assets.put(OTHER, asset(50))
    seen: list[str] = []
    cursor, pages = None, 0
    while pages == 0 or cursor:
        page, cursor, total = assets.list(ACME, 3, cursor)
        seen, pages = seen + [one.id for one in page], pages + 1
        assert total is None
    assert (seen, pages) == (made[::-1], 3)


@pytest.mark.parametrize("page", [1, 2, 200])
def test_a_list_by_tag_finds_all_however_little_the_table_hands_over_at_once(
    assets: AssetTable, world: World, page: int
) -> None:
    for number in range(9):
        assets.put(ACME, asset(number, tags=("odd",) if number % 2 else ("even", "oddly")))
    assets._db = SimpleNamespace(query=lambda **asked: world.db.query(**{**asked, "Limit": page}))
    odd = [asset(number).id for number in (7, 5, 3, 1)]
    first, cursor, _ = assets.list(ACME, 3, None, tag="odd")
    rest, last, _ = assets.list(ACME, 3, cursor, tag="odd")
    assert ([one.id for one in (*first, *rest)], last) == (odd, None)
    assert assets.list(ACME, 3, None, tag="none") == ((), None, None)
    page_of_two, none, total = assets.list(ACME, 2, None, tag="odd", offset=1)
    assert ([one.id for one in page_of_two], none, total) == (odd[1:3], None, 4)


def test_an_offset_counts_all_up_to_a_thousand(assets: AssetTable, monkeypatch: pytest.MonkeyPatch) -> None:
    assert assets.list(ACME, 3, None, offset=0) == ((), None, 0)
    made = [assets.put(ACME, asset(number)).id for number in range(6)][::-1]
    for offset, expected in ((0, made[:4]), (4, made[4:]), (6, []), (99, [])):
        found, cursor, total = assets.list(ACME, 4, None, offset=offset)
        assert ([one.id for one in found], cursor, total) == (expected, None, 6)
    monkeypatch.setattr("packshot.aws.assets.COUNTED", 5)
    assert assets.list(ACME, 4, None, offset=0)[2] == 5


# ------------------------------------------------------------------------------------------------------------ presets


def version(number: int, **more: Any) -> Preset:
    return replace(AUTUMN, version=number, **more)


def test_a_preset_keeps_all_its_versions(world: World) -> None:
    table = PresetTable(TABLE)
    for each in (AUTUMN, version(2, prompt="wet leaves", description=""), version(3, title="Late autumn")):
        table.put(ACME, each)
    assert table.get(ACME, "pre_1") == version(3, title="Late autumn")
    assert [table.get(ACME, f"pre_1@{number}") for number in (1, 2, 3, 4)] == [
        AUTUMN, version(2, prompt="wet leaves", description=""), version(3, title="Late autumn"), None,
    ]  # fmt: skip
    for odd in ("pre_1@", "pre_1@x", "pre_1@-1", "pre_1@٢", "pre_1@123456", "pre_1@1@1", "@1", "x" * 300):
        assert table.get(ACME, odd) is None
    assert table.get(OTHER, "pre_1") is table.get(OTHER, "pre_1@1") is table.get("", "pre_1") is None


def test_a_list_shows_each_preset_once_as_it_stands(world: World) -> None:
    table = PresetTable(TABLE)
    for each in (AUTUMN, version(2), replace(AUTUMN, id="pre_0")):
        table.put(ACME, each)
    table.put(OTHER, AUTUMN)
    assert table.list(ACME) == (replace(AUTUMN, id="pre_0"), version(2))


@pytest.mark.parametrize("before", [0, 1])
def test_a_version_whose_answer_was_lost_is_written_once(world: World, before: int) -> None:
    table = PresetTable(TABLE)
    for number in range(1, before + 1):
        table.put(ACME, version(number))
    left = lose("TransactWriteItems")
    table.put(ACME, version(before + 1))
    table.put(ACME, version(before + 1))
    assert (left, table.get(ACME, "pre_1")) == ([0], version(before + 1))


def test_of_two_changes_at_once_one_is_stale(world: World) -> None:
    table = PresetTable(TABLE)
    table.put(ACME, AUTUMN)
    table.put(ACME, version(2, prompt="mine"))
    with pytest.raises(Stale):
        table.put(ACME, version(2, prompt="yours"))
    with pytest.raises(Stale):
        table.put(ACME, version(4))
    with pytest.raises(Stale):
        table.put(ACME, version(1, prompt="yours"))
    assert table.get(ACME, "pre_1") == table.get(ACME, "pre_1@2") == version(2, prompt="mine")


def test_a_deleted_preset_leaves_its_versions_to_jobs_that_name_them(world: World) -> None:
    table = PresetTable(TABLE)
    gone("not_found", table.put, ACME, version(2))
    table.put(ACME, AUTUMN)
    gone("not_found", table.delete, OTHER, "pre_1")
    left = lose("DeleteItem")
    table.delete(ACME, "pre_1")
    assert (left, table.get(ACME, "pre_1"), table.list(ACME)) == ([0], None, ())
    assert table.get(ACME, "pre_1@1") == AUTUMN
    gone("not_found", table.put, ACME, version(2))
    gone("not_found", table.delete, ACME, "pre_1")
    gone("not_found", table.delete, ACME, "x" * 5000)


def test_an_account_has_so_many_presets_and_no_more(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    table = PresetTable(TABLE)
    monkeypatch.setattr(presets, "MOST", 2)
    for name in ("pre_1", "pre_2"):
        table.count(ACME)
        table.put(ACME, replace(AUTUMN, id=name))
    gone("state_conflict", table.count, ACME)


def test_even_the_longest_presets_are_all_listed_and_counted(world: World) -> None:
    table, longest = PresetTable(TABLE), replace(AUTUMN, prompt="ü" * 4000, description="ü" * 500)
    for number in range(presets.MOST):
        world.db.put_item(**rows.insert(TABLE, {"pk": ACME, "sk": f"preset#pre_{number:03}", **_columns(longest)}))
    assert len(table.list(ACME)) == presets.MOST
    gone("state_conflict", table.count, ACME)


def _columns(preset: Preset) -> dict[str, object]:
    names = ("id", "version", "title", "prompt", "studio", "category", "description", "created")
    return {name: getattr(preset, name) for name in names}


# ----------------------------------------------------------------------------------------------------------- profiles


def test_a_profile_waits_for_its_pictures(world: World) -> None:
    table = ProfileTable(TABLE)
    left = lose("PutItem")
    table.put(ACME, SAM, SOURCES)
    table.put(ACME, replace(SAM, tag="another"), ())
    assert (left, table.get(ACME, "prf_1"), table.sources(ACME, "prf_1")) == ([0], SAM, SOURCES)
    assert table.get(OTHER, "prf_1") is table.get("", "prf_1") is None
    assert table.sources(OTHER, "prf_1") == table.sources(ACME, "x" * 5000) == ()


def test_fifty_long_addresses_fit_in_a_profile(world: World) -> None:
    sources = tuple(f"https://a.example/{number}/{'x' * 2000}" for number in range(50))
    ProfileTable(TABLE).put(ACME, replace(SAM, images=50), sources)
    assert ProfileTable(TABLE).sources(ACME, "prf_1") == sources


@pytest.mark.parametrize(("state", "message"), [("ready", ""), ("error", "image_urls[1]: no picture")])
def test_a_profile_settles_once(world: World, state: str, message: str) -> None:
    table = ProfileTable(TABLE)
    table.put(ACME, SAM, SOURCES)
    table.settle(ACME, "prf_1", state, 2, message)
    settled = replace(SAM, state=state, message=message)
    for late in ("ready", "error", "validating"):
        table.settle(ACME, "prf_1", late, 1, "too late")
        assert table.get(ACME, "prf_1") == settled


def test_a_deleted_profile_stays_deleted(world: World) -> None:
    table = ProfileTable(TABLE)
    table.put(ACME, SAM, SOURCES)
    gone("not_found", table.delete, OTHER, "prf_1")
    table.delete(ACME, "prf_1")
    table.settle(ACME, "prf_1", "ready", 2, "")
    assert table.get(ACME, "prf_1") is world.row(ACME, "profile#prf_1") is None
    gone("not_found", table.delete, ACME, "prf_1")
    gone("not_found", table.delete, ACME, "x" * 5000)


def test_profiles_are_listed_oldest_first_up_to_a_limit(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    table = ProfileTable(TABLE)
    monkeypatch.setattr(profiles, "MOST", 3)
    for name in ("prf_1", "prf_2", "prf_3"):
        table.count(ACME)
        table.put(ACME, replace(SAM, id=name), SOURCES)
    assert [one.id for one in table.list(ACME)] == ["prf_1", "prf_2", "prf_3"]
    assert table.list(OTHER) == ()
    gone("state_conflict", table.count, ACME)


def test_profiles_of_many_pictures_are_all_listed(world: World) -> None:
    table, sources = ProfileTable(TABLE), tuple(f"https://a.example/?{os.urandom(900).hex()}" for _ in range(50))
    for number in range(25):
        table.put(ACME, replace(SAM, id=f"prf_{number:02}"), sources)
    assert [one.id for one in table.list(ACME)] == [f"prf_{number:02}" for number in range(25)]


# ------------------------------------------------------------------------------------------------------------ account


def chosen(world: World) -> dict[str, str]:
    known = world.accounts.account(ACME)
    assert known
    return dict(known.models)


def test_an_account_chooses_a_model_per_operation_and_takes_it_back(world: World) -> None:
    world.open(monthly=3)
    assert chosen(world) == {}
    world.accounts.choose(ACME, {"generate": "flux-2", "edit": "seedream"})
    world.accounts.choose(ACME, {"generate": "nanobanana2"})
    assert chosen(world) == {"generate": "nanobanana2", "edit": "seedream"}
    left = lose("UpdateItem")
    world.accounts.choose(ACME, {"generate": "", "edit": "", "remix": ""})
    assert (left, chosen(world)) == ([0], {})
    assert "models" not in (world.row(ACME, "account") or {})
    assert world.books.verify(ACME) == ()
    gone("not_found", world.accounts.choose, "acc_none", {"generate": "flux-2"})
    assert world.row("acc_none", "account") is None


def test_a_choice_is_known_to_the_process_that_wrote_it_at_once(world: World) -> None:
    world.open()
    key = keys.mint("live", bytes(40))
    world.books.create_key(ACME, key, (), at=NOW)
    before = world.accounts.principal(key)
    world.accounts.choose(ACME, {"generate": "flux-2"})
    after = world.accounts.principal(key)
    assert before
    assert after
    assert (before.models, after.models) == ({}, {"generate": "flux-2"})
