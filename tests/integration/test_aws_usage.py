"""What each key used: counted from the jobs themselves, by key and model, between two times."""

import pytest

from packshot import ids
from packshot.answers import KeyUsage, Usage
from packshot.aws import jobs
from tests.integration.test_aws_world import ACME, NOW, World, cancel, claim, finish, world

__all__ = ["world"]

SINCE, UNTIL = NOW, NOW + 60_000


def used(world: World, since: int = SINCE, until: int = UNTIL, account: str = ACME) -> tuple[KeyUsage, ...]:
    found = world.jobs.usage(account, since, until)
    assert (found.since, found.until, found.complete) == (since, until, True)
    return found.keys


def test_nothing_was_used_by_nobody(world: World) -> None:
    world.open(monthly=5)
    assert world.jobs.usage(ACME, SINCE, UNTIL) == Usage(SINCE, UNTIL, ())
    assert world.jobs.usage("acc_none", SINCE, UNTIL) == Usage(SINCE, UNTIL, ())


def test_a_job_counts_from_when_it_is_taken_and_costs_when_it_ends(world: World) -> None:
    world.open(monthly=50)
    job = world.take(price=3, count=4, key="k1")
    assert used(world) == (KeyUsage("k1", "nanobanana2", 1, 0, 0, 0),)
    finish(world, claim(world, job), 3)
    assert used(world) == (KeyUsage("k1", "nanobanana2", 1, 3, 9, 3),)


def test_every_end_is_counted_as_the_books_have_it(world: World) -> None:
    world.open(monthly=50)
    finish(world, claim(world, world.take(price=2, key="k1")), 1)
    finish(world, claim(world, world.take(price=3, key="k1")), 0)
    cancel(world, world.take(price=4, key="k1"))
    world.take(price=5, key="k1")
    assert used(world) == (KeyUsage("k1", "nanobanana2", 4, 1, 2, 7),)
    sums = world.books.sums(ACME)
    assert (sums.jobs, sums.spent.total, sums.reserved.total) == (4, 2, 5)


def test_keys_and_models_are_told_apart_in_order(world: World) -> None:
    world.open(monthly=50)
    for key, model in (("k2", "studio"), ("k1", "studio"), ("k1", "flux-2"), ("k1", "studio"), ("", "studio")):
        world.take(key=key, model=model)
    assert [(one.key, one.model, one.jobs) for one in used(world)] == [
        ("", "studio", 1),
        ("k1", "flux-2", 1),
        ("k1", "studio", 2),
        ("k2", "studio", 1),
    ]


def test_another_accounts_jobs_are_its_own(world: World) -> None:
    world.open(monthly=5)
    world.open("acc_b", monthly=5)
    world.take("acc_b", key="k1")
    assert used(world) == ()
    assert [one.jobs for one in used(world, account="acc_b")] == [1]


def test_spans_of_time_that_meet_count_each_job_once(world: World) -> None:
    world.open(monthly=50)
    made = [world.take(key="k1").created for _ in range(6)]
    for cut in (made[0], made[2], made[2] + 1, made[-1], made[-1] + 1):
        halves = [sum(one.jobs for one in used(world, *span)) for span in ((SINCE, cut), (cut, UNTIL))]
        assert halves == [sum(at < cut for at in made), sum(at >= cut for at in made)]
    assert used(world, made[-1] + 1, UNTIL) == ()


@pytest.mark.parametrize("page", [1, 3, 200])
def test_a_count_goes_on_over_the_tables_pages(world: World, monkeypatch: pytest.MonkeyPatch, page: int) -> None:
    world.open(monthly=50)
    for number in range(7):
        world.take(key=f"k{number % 2}")
    monkeypatch.setattr(jobs, "PAGE", page)
    assert [(one.key, one.jobs) for one in used(world)] == [("k0", 4), ("k1", 3)]


def test_where_there_is_too_much_the_count_says_how_far_it_went_and_can_go_on(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.open(monthly=50)
    made = [world.take(key="k1").created for _ in range(7)]
    monkeypatch.setattr(jobs, "PAGE", 2)
    monkeypatch.setattr(jobs, "COUNTED", 4)
    first = world.jobs.usage(ACME, SINCE, UNTIL)
    assert (first.complete, first.keys[0].jobs, first.until) == (False, 3, made[3])
    rest = world.jobs.usage(ACME, first.until, UNTIL)
    assert (rest.complete, rest.keys[0].jobs) == (True, 4)


def test_a_count_that_stops_within_a_millisecond_leaves_none_of_its_jobs_out(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.open(monthly=50)
    for place in range(6):
        at = NOW + 1 + place // 3
        world.take(key="k1", id=ids.make("job", at, place.to_bytes(10, "big")), created=at)
    monkeypatch.setattr(jobs, "PAGE", 1)
    for counted in (4, 5):
        monkeypatch.setattr(jobs, "COUNTED", counted)
        first = world.jobs.usage(ACME, SINCE, UNTIL)
        rest = world.jobs.usage(ACME, first.until, UNTIL)
        assert (first.complete, rest.complete) == (False, True)
        assert first.keys[0].jobs + rest.keys[0].jobs == 6


def test_a_test_keys_pictures_cost_nothing(world: World) -> None:
    world.open()
    finish(world, claim(world, world.take(price=0, test=True, key="k_test")), 1)
    assert used(world) == (KeyUsage("k_test", "nanobanana2", 1, 1, 0, 0),)
