"""Callbacks of a job that came by a vendor's form: whoever asked for them hears that form, and nobody else does."""

import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import pytest

from packshot import dialects, events, ids
from packshot.answers import JobView
from packshot.brief import Brief
from packshot.dialects import aiphotogenerator, phota
from packshot.job import Call, Credits, Output, State, Step
from packshot.steps.callback import callback
from packshot.steps.view import Gallery, show
from packshot.wire import dump
from tests.unit.steps import test_callback
from tests.unit.steps.test_callback import DAY, HOOK, JOB, NEW, OWN, START, Sent, verified

TELLING = sorted(name for name in dialects.NAMES if dialects.load(name).callbacks)
MUTE = sorted(set(dialects.NAMES) - set(TELLING) - {dialects.OURS})
NUMBERED = ids.of_number("job", 4711)
OUTPUTS = tuple(
    Output(f"out/acc/{NUMBERED}/0{place}-{'a' * 32}.jpg", 1024, 1024, 5, "a" * 64, "image/jpeg") for place in range(3)
)
DONE = replace(
    JOB, id=NUMBERED, state=State.COMPLETED, count=3, outputs=OUTPUTS, charged=Credits(3), failure=None,
    calls=tuple(Call(place, 1, Step.DONE) for place in range(3)),
)  # fmt: skip
NO_JOB = (DONE, replace(JOB, id=NUMBERED), replace(JOB, id=NUMBERED, state=State.CANCELED, failure=None))


@dataclass
class World(test_callback.World):
    """With a bucket whose addresses are new at every look."""

    job: Any = DONE
    looks: int = 0

    def url(self, key: str, seconds: int, filename: str | None = None) -> str:
        self.looks += 1
        return f"https://bucket.example/{key}?look={self.looks}"

    def endpoint(self, name: str, form: str, *wanted: str) -> None:
        self.receivers[name] = replace(self.add(name, *wanted), form=form)

    def heard(self, url: str = HOOK) -> list[Sent]:
        return [one for one in self.sent if one[1] == url]


def world_of(form: str, job: Any = DONE, url: str | None = HOOK, **more: Any) -> World:
    return World(brief=Brief("generate", "studio", callback_url=url, dialect=form), job=job, **more)


def bodies(form: str, world: World) -> dict[str, bytes]:
    """What the dialect says of the job as it stands, by the names of its parts."""
    write = dialects.load(form).callbacks
    assert write
    fresh: Any = World(job=world.job, brief=world.brief)
    return dict(write(show(JobView(world.job, world.brief), Gallery(fresh, ""), START)))


def own_event(world: World, type: str) -> bytes:
    return dump(events.event_of(world.job, metadata={}, type=type, api_url="https://api.example"))


def test_some_forms_have_callbacks_and_some_do_not() -> None:
    assert {"aiphotogenerator", "phota", "productai", "productai_deployed"} <= set(TELLING)
    assert MUTE


@pytest.mark.parametrize("job", NO_JOB, ids=lambda job: str(job.state))
@pytest.mark.parametrize("form", TELLING)
def test_a_jobs_callback_url_hears_the_form_of_the_job(form: str, job: Any) -> None:
    world = world_of(form, job)
    expected = bodies(form, world)
    world.event(f"job.{job.state}")
    world.pump(START)
    event = json.loads(own_event(world, f"job.{job.state}"))
    assert expected
    assert {headers["webhook-id"]: body for _, _, headers, body in world.heard()} == {
        f"{event['id']}-{part}": body for part, body in expected.items()
    }
    assert {row.form for row in world.rows.values()} == {form}
    assert {row.state for row in world.rows.values()} == {"delivered"}
    for sent in world.heard():
        assert verified(sent, OWN) == json.loads(sent[3])


def test_where_each_image_is_told_of_there_is_a_message_for_each() -> None:
    world = world_of("aiphotogenerator", answers={HOOK: [500, 204]})
    world.event("job.completed")
    assert len(world.queued) == len(world.rows) == 3
    world.pump(START)
    assert sorted(row.state for row in world.rows.values()) == ["delivered", "delivered", "pending"]
    world.pump(START + DAY)
    told = [json.loads(body)["image"]["id"] for _, _, _, body in world.heard()]
    assert sorted(told) == sorted([*(f"{NUMBERED}-{place}" for place in range(3)), told[0]])
    assert [len(row.tries) for row in world.rows.values()] == [2, 1, 1]


def phota_marks(headers: Mapping[str, str]) -> tuple[int, list[str]]:
    time, *marks = headers["x-phota-signature"].split(",")
    return int(time.removeprefix("t=")), [mark.removeprefix("v1=") for mark in marks]


def test_a_form_with_a_signature_of_its_own_signs_besides_ours() -> None:
    world = world_of("phota", keys={None: [NEW, OWN]})
    world.event("job.completed")
    world.pump(START)
    ((at, _, headers, body),) = world.heard()
    time, marks = phota_marks(headers)
    signed = f"{START // 1000}.".encode() + body
    assert time == at // 1000 == int(headers["webhook-timestamp"])
    assert marks == [hmac.new(secret.encode(), signed, "sha256").hexdigest() for secret in (NEW, OWN)]
    assert verified(world.heard()[0], OWN) == verified(world.heard()[0], NEW)


def test_a_form_without_a_signature_of_its_own_has_ours_alone() -> None:
    world = world_of("aiphotogenerator")
    assert aiphotogenerator.dialect.sign is None
    assert phota.dialect.sign is not None
    world.event("job.completed")
    world.pump(START)
    names = {"content-type", "user-agent", "webhook-id", "webhook-timestamp", "webhook-signature"}
    assert {frozenset(headers) for _, _, headers, _ in world.heard()} == {frozenset(names)}


def test_an_endpoint_hears_of_the_jobs_of_its_form_and_an_endpoint_without_one_of_all() -> None:
    world = world_of("phota", url=None)
    for name, form in (("ep_phota", "phota"), ("ep_other", "productai"), ("ep_mute", MUTE[0]), ("ep_ours", "")):
        world.endpoint(name, form)
    expected = bodies("phota", world)
    world.event("job.completed")
    world.pump(START)
    assert world.urls() == ["https://ep_ours.example/", "https://ep_phota.example/"]
    (phota_heard,), (ours,) = world.heard("https://ep_phota.example/"), world.heard("https://ep_ours.example/")
    assert phota_heard[3] == expected["job"]
    assert ours[3] == own_event(world, "job.completed")
    assert "x-phota-signature" not in ours[2]
    secret = world.keys["ep_phota"][0]
    mark = hmac.new(secret.encode(), f"{START // 1000}.".encode() + expected["job"], "sha256").hexdigest()
    assert phota_marks(phota_heard[2]) == (START // 1000, [mark])
    assert verified(phota_heard, secret) == json.loads(expected["job"])


def test_a_job_of_our_own_form_is_nothing_to_an_endpoint_of_another() -> None:
    world = world_of("", url=HOOK)
    for form in dialects.NAMES:
        if form != dialects.OURS:
            world.endpoint(f"ep_{form}", form)
    world.event("job.completed")
    world.pump(START)
    assert world.urls() == [HOOK]
    assert world.heard()[0][3] == own_event(world, "job.completed")


@pytest.mark.parametrize("form", [*TELLING, MUTE[0]])
def test_a_form_tells_of_ends_alone_even_where_more_was_asked_for(form: str) -> None:
    world = world_of(form)
    world.endpoint("ep_form", form, *events.OF_JOBS)
    world.endpoint("ep_ours", "", *events.OF_JOBS)
    for type in ("job.created", "job.processing"):
        world.event(type)
    world.pump(START)
    assert world.urls() == ["https://ep_ours.example/"] * 2
    world.event("job.completed")
    world.pump(START)
    assert {"https://ep_form.example/", HOOK} < set(world.urls())


def test_an_endpoint_of_a_form_hears_what_it_asked_for() -> None:
    world = world_of("phota", url=None)
    world.endpoint("ep_fails", "phota", "job.failed")
    world.endpoint("ep_early", "phota", "job.created")
    for type in ("job.created", "job.completed"):
        world.event(type)
    world.pump(START)
    assert world.sent == []


@pytest.mark.parametrize("form", MUTE)
def test_a_form_without_callbacks_lets_ours_speak(form: str) -> None:
    world = world_of(form)
    world.endpoint("ep_form", form)
    world.event("job.completed")
    world.pump(START)
    assert world.urls() == ["https://ep_form.example/", HOOK]
    assert {body for _, _, _, body in world.sent} == {own_event(world, "job.completed")}
    assert {headers["webhook-id"] for _, _, headers, _ in world.sent} == {
        json.loads(own_event(world, "job.completed"))["id"]
    }


@pytest.mark.parametrize("form", TELLING)
def test_what_was_once_written_down_is_sent_again_as_it_was(form: str) -> None:
    world = world_of(form, answers={HOOK: [500] * 6 + [204]})
    world.event("job.completed")
    first = {id: row.body for id, row in world.rows.items()}
    world.pump(START)
    world.event("job.completed")  # told twice: the addresses of the pictures would be others by now
    world.brief = replace(world.brief, metadata={"changed": "later"}, prompt="another")
    world.pump(START + DAY)
    assert {id: row.body for id, row in world.rows.items()} == first
    sent = {(headers["webhook-id"], body) for _, _, headers, body in world.heard()}
    assert len(world.heard()) > len(sent) == len(first)


def test_a_signature_is_of_its_own_try() -> None:
    world = world_of("phota", answers={HOOK: [500, 204]})
    world.event("job.completed")
    world.pump(START + DAY)
    (first, _), (second, _) = (phota_marks(headers) for _, _, headers, _ in world.heard())
    assert second >= first + 5


def test_an_account_that_has_no_secret_hears_nothing_in_any_form() -> None:
    world = world_of("phota", keys={})
    world.event("job.completed")
    world.pump(START)
    assert world.sent == []
    assert [row.state for row in world.rows.values()] == ["failed"]
    callback({"kind": "event", "account": "acc", "job": DONE.id, "type": "job.partial"}, room=world.room())
    assert len(world.rows) == 1
