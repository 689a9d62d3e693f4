"""Jobs found again: by their time, in lists, in the stream."""

import base64
import json
from dataclasses import replace
from typing import Any

import pytest

from packshot.aws.assets import AssetTable
from packshot.aws.jobs import job_of
from packshot.errors import CallerError
from packshot.wishes import ListJobs
from tests.integration.test_aws_world import (
    ACME,
    NOW,
    TABLE,
    World,
    cancel,
    claim,
    finish,
    world,
)

__all__ = ["world"]


def test_due_jobs_come_by_lane_earliest_first(world: World) -> None:
    world.open(monthly=9)
    late, soon = world.take(), world.take(calls=(replace(world.job()[0].calls[0], due=NOW + 5000),))
    ended = cancel(world, world.take())
    assert world.jobs.due("replicate", NOW + 60_000, 10) == [
        (ACME, soon.id, NOW + 5000),
        (ACME, late.id, NOW + 12_000),
    ]
    assert world.jobs.due("replicate", NOW + 60_000, 1) == [(ACME, soon.id, NOW + 5000)]
    assert world.jobs.due("replicate", NOW, 10) == world.jobs.due("fal", NOW + 60_000, 10) == []
    assert ended.state.terminal


def test_a_streams_image_is_read_like_a_row(world: World) -> None:
    world.open(monthly=9)
    done = finish(world, claim(world, world.take()), 1)
    item = world.row(ACME, f"job#{done.id}") or {}
    image = json.loads(json.dumps(item, default=lambda raw: base64.b64encode(raw).decode()))
    assert job_of(image) == done


def test_lists_page_through_everything_newest_first(world: World) -> None:
    world.open(monthly=50)
    made = [world.take().id for _ in range(12)]
    other = world.open("acc_b", monthly=1)
    world.take(other)
    seen: list[str] = []
    cursor, pages = None, 0
    while pages == 0 or cursor:
        page = world.jobs.list_jobs(ACME, ListJobs(5, cursor))
        seen, cursor = seen + [job.id for job in page.jobs], page.cursor
        pages += 1
    assert (seen, pages) == (made[::-1], 3)
    exact = world.jobs.list_jobs(ACME, ListJobs(12))
    assert (len(exact.jobs), exact.cursor, exact.total) == (12, None, None)
    third = world.jobs.list_jobs(ACME, ListJobs(5, offset=10))
    assert ([job.id for job in third.jobs], third.cursor, third.total) == (made[1::-1], None, 12)


def test_lists_filter_by_state_reference_and_time(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.open(monthly=50)
    jobs = [world.take(external_id=f"order-{place % 2}") for place in range(8)]
    cancel(world, jobs[3])

    def listed(**wish: Any) -> list[str]:
        return [job.id for job in world.jobs.list_jobs(ACME, ListJobs(**wish)).jobs]

    assert listed(state="canceled") == [jobs[3].id]
    assert listed(external_id="order-1", state="pending") == [jobs[7].id, jobs[5].id, jobs[1].id]
    assert listed(after=jobs[2].created, before=jobs[5].created) == [jobs[4].id, jobs[3].id, jobs[2].id]
    assert listed(after=jobs[5].created, before=jobs[2].created) == []
    assert listed(after=-5, before=2**60) == [job.id for job in reversed(jobs)]
    monkeypatch.setattr("packshot.aws.jobs.PAGE", 1)  # five looks of one row each, then the page comes short
    short = world.jobs.list_jobs(ACME, ListJobs(5, state="canceled"))
    assert ([job.id for job in short.jobs], bool(short.cursor)) == ([jobs[3].id], True)
    rest = world.jobs.list_jobs(ACME, ListJobs(5, short.cursor, state="canceled"))
    assert (rest.jobs, rest.cursor) == ((), None)


def test_a_cursor_that_was_touched_is_refused(world: World) -> None:
    world.open(monthly=50)
    for _ in range(3):
        world.take()
    cursor = world.jobs.list_jobs(ACME, ListJobs(1)).cursor
    assert cursor
    flipped = cursor[:-1] + ("A" if cursor[-1] != "A" else "B")
    for bad in ("", "x", "ü", "!!!!", cursor + "=", cursor[1:], cursor[:-4], flipped, "A" * 300):
        if bad:
            with pytest.raises(CallerError) as caught:
                world.jobs.list_jobs(ACME, ListJobs(1, bad))
            assert (caught.value.code, caught.value.field) == ("invalid_field", "cursor")
    with pytest.raises(CallerError):
        world.jobs.list_jobs("acc_b", ListJobs(1, cursor))
    with pytest.raises(CallerError):
        AssetTable(TABLE).list(ACME, 1, cursor)
