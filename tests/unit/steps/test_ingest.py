"""How many pictures a provider gave, and how often a fetch is worth repeating."""

from dataclasses import replace
from typing import Any

import pytest

from packshot import lifecycle, timing
from packshot.brief import Brief
from packshot.egress import FetchFailed
from packshot.errors import Stale
from packshot.facts import Delivered, Intended
from packshot.job import Attempt, Call, Credits, Job, Route, State
from packshot.steps.ingest import PATIENCE, Importer, TryAgain, ingest
from tests.flow.conftest import photo

NOW = 1_795_248_000_000
MESSAGE = {"account": "acct_one", "job": "job_1", "call": 0}
PICTURE = photo(96, 96)


class World:
    """One job, one bucket, one network, and what was measured."""

    def __init__(self, images: int, results: tuple[str, ...]) -> None:
        start = Job(
            "job_1", "acct_one", "flux-2", "generate", State.PENDING, 1, NOW, NOW, NOW + 1_800_000, images, 3,
            Credits(0, 3 * images), (Route("replicate", "m", 45_000),), (Call(0, images),),
        )  # fmt: skip
        attempt = Attempt(1, "replicate", "m", "t", NOW, NOW + 900_000, micro_usd=45_000)
        job, _ = lifecycle.advance(start, Intended(0, attempt, NOW, NOW + 8_000))
        self.job, _ = lifecycle.advance(job, Delivered(0, 1, NOW + 9_000, results, NOW + 7_500))
        self.brief = Brief("generate", "flux-2", "a cup", count=images, width=512, height=512)
        self.pages: dict[str, bytes | Exception] = {f"https://x/{n}": PICTURE for n in range(9)}
        self.fetched: list[str] = []
        self.stored: dict[str, bytes] = {}
        self.measured: list[tuple[str, int]] = []
        self.leaked: list[int] = []

    def both(self, account: str, job_id: str) -> tuple[Job, Brief]:
        return self.job, self.brief

    def get(self, *_: Any) -> Job:
        return self.job

    def save(self, before: Job, after: Job) -> None:
        if before.version != self.job.version:
            raise Stale(before.id)
        self.job = after

    def leak(self, job: Job, call: int, attempt: int, provider: str, micro_usd: int) -> None:
        self.leaked.append(micro_usd)

    def fetch(self, url: str, **_: Any) -> bytes:
        self.fetched.append(url)
        found = self.pages[url]
        if isinstance(found, Exception):
            raise found
        return found

    def put(self, key: str, data: bytes, content_type: str) -> None:
        self.stored[key] = data

    def add(self, provider: str, ms: int) -> None:
        self.measured.append((provider, ms))

    def ingest(self, receives: int = 1) -> Job:
        here: Any = self
        ingest(MESSAGE, room=Importer(here, here, here, lambda: NOW + 10_000, here), receives=receives)
        return self.job


def urls(number: int) -> tuple[str, ...]:
    return tuple(f"https://x/{n}" for n in range(number))


def test_more_results_than_asked_are_ignored() -> None:
    world = World(2, urls(5))
    job = world.ingest()
    assert job.state is State.COMPLETED and len(job.outputs) == 2 and world.fetched == ["https://x/0", "https://x/1"]
    assert job.charged == Credits(0, 6) and len(world.stored) == 2


def test_fewer_results_than_asked_are_charged_as_what_they_are_and_the_job_says_why() -> None:
    job = World(4, urls(3)).ingest()
    assert job.state is State.PARTIAL and len(job.outputs) == 3
    assert (job.charged, job.refunded) == (Credits(0, 9), Credits(0, 3))
    assert job.failure is not None and job.failure.code == "provider_too_few"


def test_no_result_at_all_is_a_failure_not_a_success() -> None:
    world = World(2, ())
    job = world.ingest()
    assert job.state is State.FAILED and job.failure is not None and job.failure.code == "provider_empty"
    assert job.refunded == job.reserved and world.leaked == [45_000]


PASSING = [("url_timeout", None), ("url_unreachable", None), ("url_status", 500), ("url_status", 503)]


@pytest.mark.parametrize("error", [FetchFailed(*one) for one in PASSING])
def test_what_may_pass_is_tried_again_and_given_up_in_the_end(error: FetchFailed) -> None:
    world = World(1, urls(1))
    world.pages["https://x/0"] = error
    for receives in range(1, PATIENCE):
        with pytest.raises(TryAgain):
            world.ingest(receives)
    assert world.job.state is State.PROCESSING
    job = world.ingest(PATIENCE)
    assert job.state is State.FAILED and job.failure is not None
    assert job.failure.code == "provider_output_unreachable" and job.refunded == job.reserved


@pytest.mark.parametrize(
    "error", [FetchFailed("url_status", 404), FetchFailed("url_refused"), FetchFailed("url_too_large"), b"<svg/>"]
)
def test_what_will_not_pass_is_not_tried_again(error: Any) -> None:
    world = World(1, urls(1))
    world.pages["https://x/0"] = error
    assert world.ingest().state is State.FAILED and len(world.fetched) == 1


def test_a_second_message_finds_nothing_to_do() -> None:
    world = World(1, urls(1))
    job = world.ingest()
    assert world.ingest() is job and len(world.fetched) == 1


def test_what_is_measured_is_from_the_attempts_start_to_its_results(monkeypatch: pytest.MonkeyPatch) -> None:
    for chosen, measured in ((True, [("replicate", 7_500)]), (False, [])):
        world = World(1, urls(1))
        monkeypatch.setattr(timing, "sampled", lambda job_id, chosen=chosen: chosen)
        world.ingest()
        assert world.measured == measured


def test_an_older_row_without_the_new_field_is_read() -> None:
    world = World(1, urls(1))
    old = replace(world.job.calls[0].attempts[0], delivered=None)
    world.job = Job.load(replace(world.job, calls=(replace(world.job.calls[0], attempts=(old,)),)).dump())
    assert world.ingest().state is State.COMPLETED
