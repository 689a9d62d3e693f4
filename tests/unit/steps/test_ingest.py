"""How many pictures a provider gave, and how often a fetch is worth repeating."""

from dataclasses import replace
from typing import Any

import pytest

from packshot import lifecycle, timing
from packshot.brief import Brief
from packshot.brief import Image as Given
from packshot.egress import FetchFailed
from packshot.errors import Stale
from packshot.facts import Delivered, Intended
from packshot.fidelity import Fidelity, verdict
from packshot.fidelity.gates import LIMITS
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
        self.look: Any = None

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
        room = Importer(here, here, here, lambda: NOW + 10_000, here, lambda job, brief: self.look)
        ingest(MESSAGE, room=room, receives=receives)
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


PASSING = [
    ("url_timeout", None),
    ("url_unreachable", None),
    *(("url_status", one) for one in (408, 425, 429, 500, 503)),
]


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


# ---------------------------------------------------------------------------------------------- is it still the same

LIMIT = LIMITS["colour_delta_e"]
TRUE = Fidelity(silhouette=1.0, colour_delta_e=0.0, stretch=1.0, scale=1.0, found=1.0)
DOUBTFUL = replace(TRUE, colour_delta_e=(LIMIT.same + LIMIT.changed) / 2)
ANOTHER = replace(TRUE, colour_delta_e=2 * LIMIT.changed)
GATES = [
    (gate, found, kept)
    for gate, rows in {"strict": (1, 0, 0), "balanced": (1, 1, 0), "creative": (1, 1, 1), None: (1, 1, 1)}.items()
    for found, kept in zip((TRUE, DOUBTFUL, ANOTHER), rows, strict=True)
]


def shown(found: Any, gate: Any, images: int = 1) -> World:
    """A job with a product of its own, whose pictures all look like `found`, or one after the other."""
    world = World(images, urls(images))
    world.brief = replace(world.brief, images=(Given("asset", "as_1"),), fidelity=gate)
    each = iter(found if isinstance(found, list) else [found] * images)
    world.look = lambda picture: next(each)
    return world


@pytest.mark.parametrize(("gate", "found", "kept"), GATES)
def test_a_gate_holds_back_what_it_says(gate: Any, found: Fidelity, kept: int) -> None:
    world = shown(found, gate)
    job = world.ingest()
    if kept:
        report = job.outputs[0].report
        assert job.state is State.COMPLETED and job.charged == Credits(0, 3)
        assert report["fidelity"]["verdict"] == verdict(found, gate or "creative")
        assert report.get("check", []) == ([] if found is TRUE else ["fidelity"])
    else:
        assert job.failure is not None and job.failure.code == "product_changed" and job.state is State.FAILED
        assert (job.refunded, world.stored, world.leaked) == (job.reserved, {}, [45_000])


def test_of_several_pictures_those_that_are_true_are_delivered_and_charged() -> None:
    job = shown([TRUE, ANOTHER, TRUE], "strict", 3).ingest()
    assert job.state is State.PARTIAL and [output.place for output in job.outputs] == [0, 2]
    assert (job.charged, job.refunded) == (Credits(0, 6), Credits(0, 3))


@pytest.mark.parametrize(("gate", "state"), [("strict", State.FAILED), ("balanced", State.COMPLETED)])
def test_a_product_that_cannot_be_compared_is_never_called_the_same(gate: str, state: State) -> None:
    world = shown(TRUE, gate)
    world.look = None
    job = world.ingest()
    assert job.state is state
    if state is State.FAILED:
        assert job.failure is not None and job.failure.code == "product_unseen"
    else:
        assert job.outputs[0].report == {"check": ["not_compared"]}


def test_words_alone_have_no_product_to_compare_with() -> None:
    world = World(1, urls(1))
    world.look = lambda picture: pytest.fail("nothing to look at")
    assert world.ingest().outputs[0].report == {}


def test_a_channel_gets_its_own_size_and_a_report_whoever_made_the_picture() -> None:
    world = World(2, urls(2))
    world.brief = replace(world.brief, width=None, height=None, channels=("amazon", "zalando"))
    one, two = world.ingest().outputs
    assert (one.width, one.height) == (2000, 2000) and two.height / two.width == pytest.approx(1.44, abs=0.01)
    assert [output.report["compliance"]["channel"] for output in (one, two)] == ["amazon", "zalando"]
    assert one.report["compliance"]["verdict"] == "warn"  # what Amazon asks for is known from others only
