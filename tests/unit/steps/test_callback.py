"""Callbacks on a fake clock: who is told, when it is tried again, when we stop, and that nothing is lost or changed."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any
from unittest import mock

import pytest
import standardwebhooks.webhooks as reference

from packshot import delivery, events, signing
from packshot.brief import Brief
from packshot.delivery import DeliveryRow, DeliveryState, Receiver, Try
from packshot.egress import NoAnswer, NotSent, Posted
from packshot.errors import Stale
from packshot.job import Call, Credits, Failure, Job, Route, State
from packshot.steps.callback import SCHEDULE, Courier, callback
from packshot.steps.view import Gallery
from packshot.wire import dump

START = 1_767_323_045_000
DAY = 86_400_000
JOB = Job(
    id="job_" + "0" * 26, account="acc", model="studio", operation="generate", state=State.FAILED, version=4,
    created=START, updated=START, deadline=START + DAY, count=1, price=1, reserved=Credits(1), charged=Credits(),
    routes=(Route("studio", "studio"),), calls=(Call(0, 1),), started=START, finished=START,
    failure=Failure("no", "No."),
)  # fmt: skip
HOOK = "https://shop.example/hook"
OLD, NEW, OWN = (signing.new_secret(bytes([byte]) * 32) for byte in b"onw")
Sent = tuple[int, str, Mapping[str, str], bytes]


class Crash(BaseException):
    """The process died."""


@dataclass
class World:
    """Every port at once, in memory, with the clock."""

    brief: Brief = field(default_factory=lambda: Brief("generate", "studio", callback_url=HOOK, metadata={"a": "b"}))
    job: Job = JOB
    receivers: dict[str, Receiver] = field(default_factory=dict)
    keys: dict[str | None, list[str]] = field(default_factory=lambda: {None: [OWN]})
    answers: dict[str, list[Any]] = field(default_factory=dict)
    now: int = START
    takes: int = 0
    luck: float = 0.5
    rows: dict[str, DeliveryRow] = field(default_factory=dict)
    queued: list[tuple[int, dict[str, Any]]] = field(default_factory=list)
    told: list[tuple[str, Mapping[str, object]]] = field(default_factory=list)
    sent: list[Sent] = field(default_factory=list)
    crash_before_record: bool = False

    def room(self) -> Courier:
        me: Any = self
        here, clock, gallery = "https://api.example", lambda: self.now, Gallery(me, "")
        return Courier(me, me, me, me, Bus(self.told), me, clock, lambda: self.luck, here, gallery)

    # jobs
    def both(self, account: str, job_id: str) -> tuple[Job, Brief] | None:
        return (self.job, self.brief) if (account, job_id) == ("acc", self.job.id) else None

    # deliveries
    def open(self, account: str, *, created: int, **given: Any) -> DeliveryRow:
        id = delivery.id_of(given["job"], given["event_id"], given["target"])
        fresh = DeliveryRow(
            account, id, state="pending", tries=(), created=created, next_try=created, version=1, **given
        )
        return self.rows.setdefault(id, fresh)

    def get(self, account: str, delivery_id: str) -> DeliveryRow | None:
        return self.rows.get(delivery_id)

    def record(self, row: DeliveryRow, attempt: Try | None, state: DeliveryState, next_try: int | None) -> DeliveryRow:
        if self.crash_before_record:
            self.crash_before_record = False
            raise Crash
        if self.rows[row.id].version != row.version:
            raise Stale(row.id)
        tries = (*row.tries, attempt) if attempt else row.tries
        self.rows[row.id] = replace(row, tries=tries, state=state, next_try=next_try, version=row.version + 1)
        return self.rows[row.id]

    # endpoints
    def of(self, account: str) -> list[Receiver]:
        return list(self.receivers.values())

    def secrets(self, account: str, endpoint_id: str | None) -> list[str]:
        return self.keys.get(endpoint_id, [])

    def disable(self, account: str, endpoint_id: str, reason: str) -> None:
        self.receivers[endpoint_id] = replace(self.receivers[endpoint_id], disabled=reason)

    def mark(self, account: str, endpoint_id: str, failing_since: int | None) -> None:
        self.receivers[endpoint_id] = replace(self.receivers[endpoint_id], failing_since=failing_since)

    # queue
    def send(self, body: Mapping[str, object], *, group: str, delay: int = 0) -> None:
        assert group == "acc"
        assert 0 <= delay <= 900
        self.queued.append((self.now + delay * 1000, dict(body)))

    # egress
    def post(self, url: str, headers: Mapping[str, str], body: bytes, seconds: float) -> Posted:
        self.sent.append((self.now, url, headers, body))
        self.now += self.takes
        script = self.answers.get(url, [])
        answer = script.pop(0) if len(script) > 1 else script[0] if script else 204
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, Posted) else Posted(answer, None)

    def add(self, name: str, *wanted: str, disabled: str | None = None) -> Receiver:
        self.receivers[name] = Receiver(name, f"https://{name}.example/", wanted, disabled)
        self.keys[name] = [signing.new_secret(name.encode().ljust(24, b"."))]
        return self.receivers[name]

    def event(self, type: str = "job.failed") -> None:
        callback({"kind": "event", "account": "acc", "job": self.job.id, "type": type}, room=self.room())

    def pump(self, until: int) -> None:
        """Let time pass: queue messages when due, and the sweep for rows that have no message."""
        while True:
            due = [(at, body) for at, body in self.queued]
            swept = [
                (row.next_try + 5_000, {"kind": "delivery", "account": "acc", "id": row.id})
                for row in self.rows.values()
                if row.next_try is not None
            ]
            at, body = min([*due, *swept], key=lambda one: one[0], default=(until + 1, {}))
            if at > until:
                self.now = max(self.now, until)
                return
            self.queued = [one for one in self.queued if one != (at, body)]
            self.now = max(self.now, at)
            callback(body, room=self.room())

    def only(self) -> DeliveryRow:
        (row,) = self.rows.values()
        return row

    def urls(self) -> list[str]:
        return sorted(url for _, url, _, _ in self.sent)


@dataclass
class Bus:
    """Keeps what was put."""

    told: list[tuple[str, Mapping[str, object]]]

    def put(self, events: Iterable[tuple[str, Mapping[str, object]]]) -> None:
        self.told.extend(events)


def verified(sent: Sent, secret: str) -> Any:
    at, _, headers, body = sent
    with mock.patch.object(reference, "datetime", wraps=datetime) as clock:
        clock.now.return_value = datetime.fromtimestamp(at // 1000, UTC)
        return reference.Webhook(secret).verify(body, dict(headers))


def test_a_terminal_event_reaches_the_callback_url_signed_by_the_account() -> None:
    world = World(takes=130)
    world.event()
    world.pump(START + 1000)
    ((at, url, headers, body),) = world.sent
    assert (at, url) == (START, HOOK)
    assert verified(world.sent[0], OWN) == json.loads(body)
    assert headers["webhook-id"] == json.loads(body)["id"] == world.only().event_id
    assert headers["webhook-timestamp"] == str(START // 1000)
    assert (headers["content-type"], headers["user-agent"]) == ("application/json", "packshot/1")
    assert body == dump(events.event_of(JOB, metadata={"a": "b"}, type="job.failed", api_url="https://api.example"))
    assert world.only().state == "delivered"
    assert world.only().tries == ((START, 200, 200, ""),)
    assert (world.only().next_try, world.queued) == (None, [])


@pytest.mark.parametrize("state", [State.COMPLETED, State.PARTIAL, State.FAILED, State.CANCELED])
def test_every_ending_is_told(state: State) -> None:
    world = World(job=replace(JOB, state=state))
    world.event(f"job.{state}")
    world.pump(START)
    assert json.loads(world.sent[0][3])["data"]["state"] == state


@pytest.mark.parametrize("luck", [0.0, 0.5, 0.999])
def test_the_schedule_to_the_millisecond(luck: float) -> None:
    world = World(answers={HOOK: [500]}, luck=luck, takes=70)
    world.event()
    world.pump(START + 3 * DAY)
    gaps = [after - before - 70 for (before, *_), (after, *_) in zip(world.sent, world.sent[1:], strict=False)]
    planned = [round(seconds * 1000 * (0.9 + 0.2 * luck)) for seconds in SCHEDULE[1:]]
    assert len(world.sent) == len(SCHEDULE) == 8
    for gap, plan in zip(gaps, planned, strict=True):
        late = 1_000 if plan <= 900_000 else 5_000  # a queue counts whole seconds; the sweep has a grace of five
        assert plan <= gap <= plan + late
    assert (world.only().state, world.only().next_try) == ("failed", None)
    assert [status for _, status, _, _ in world.only().tries] == [500] * 8


def test_the_row_says_when_even_if_the_message_is_lost() -> None:
    world = World(answers={HOOK: [500, 200]})
    world.event()
    world.pump(START)
    assert world.only().next_try == START + 5_000
    world.queued.clear()
    world.pump(START + DAY)
    assert [at for at, *_ in world.sent] == [START, START + 10_000]


def test_a_long_wait_is_in_the_row_and_not_in_the_queue() -> None:
    world = World(answers={HOOK: [500]})
    world.event()
    world.pump(START + 310_000)
    assert len(world.sent) == 3
    assert world.queued == []
    assert world.only().next_try == START + 5_000 + 300_000 + 1_800_000


@pytest.mark.parametrize(
    ("status", "asked", "pause"),
    [
        (429, 120, 120), (502, 120, 120), (503, 120, 120), (504, 120, 120), (503, 7_200, 3_600), (503, 2, 5),
        (503, None, 5), (500, 120, 5), (404, 120, 5), (301, 120, 5), (503, 10**9, 3_600), (503, 0, 5),
    ],
)  # fmt: skip
def test_a_busy_receiver_says_when(status: int, asked: int | None, pause: int) -> None:
    world = World(answers={HOOK: [Posted(status, asked), 200]})
    world.event()
    world.pump(START)
    assert world.only().next_try == START + pause * 1000
    assert len(world.queued) == (pause <= 900)


@pytest.mark.parametrize(
    ("answer", "status", "reason"),
    [
        (301, 300, "redirect"), (307, 300, "redirect"), (404, 400, "status"), (500, 500, "status"), (503, 500, "busy"),
        (NotSent("unreachable"), 0, "unreachable"), (NotSent("refused"), 0, "refused"),
        (NoAnswer("timeout"), 0, "timeout"), (NoAnswer("broken"), 0, "broken"),
    ],
)  # fmt: skip
def test_only_2xx_is_delivered_and_only_the_class_is_kept(answer: Any, status: int, reason: str) -> None:
    world = World(answers={HOOK: [answer]})
    world.event()
    world.pump(START)
    assert world.only().state == "pending"
    assert world.only().tries == ((START, status, 0, reason),)


def test_410_ends_a_delivery_and_switches_its_endpoint_off() -> None:
    world = World(brief=Brief("generate", "studio"))
    world.add("ep_a")
    world.answers = {"https://ep_a.example/": [410]}
    world.event()
    world.pump(START + DAY)
    assert len(world.sent) == 1
    assert world.receivers["ep_a"].disabled == "gone"
    ((type, detail),) = world.told
    assert type == events.ENDPOINT_DISABLED == detail["type"]
    assert world.only().state == "failed"
    world.event()
    assert world.queued == []


def test_410_from_a_callback_url_ends_the_delivery() -> None:
    world = World(answers={HOOK: [410]})
    world.event()
    world.pump(START + DAY)
    assert (len(world.sent), world.only().state, world.told) == (1, "failed", [])


def test_five_days_of_nothing_but_failures_switch_an_endpoint_off() -> None:
    world = World(brief=Brief("generate", "studio"))
    world.add("ep_a", "job.created", "job.failed")
    world.answers = {"https://ep_a.example/": [500]}
    world.event("job.created")
    world.pump(START + 5 * DAY - 1)
    assert world.receivers["ep_a"].failing_since == START
    assert [one.disabled for one in world.receivers.values()] == [None]
    world.now = START + 5 * DAY
    world.event()
    world.pump(world.now)
    assert world.receivers["ep_a"].disabled == "failing"
    assert [type for type, _ in world.told] == [events.ENDPOINT_DISABLED]
    assert {row.state for row in world.rows.values()} == {"failed"}


def test_one_success_forgets_the_failures() -> None:
    world = World(brief=Brief("generate", "studio"))
    world.add("ep_a")
    world.answers = {"https://ep_a.example/": [500, 200]}
    world.event()
    world.pump(START)
    assert world.receivers["ep_a"].failing_since == START
    world.pump(START + 6_000)
    assert world.receivers["ep_a"].failing_since is None


def test_two_secrets_sign_while_one_is_rotated_out() -> None:
    world = World(keys={None: [NEW, OLD]}, answers={HOOK: [500, 200]})
    world.event()
    world.pump(START)
    world.keys = {None: [NEW]}
    world.pump(START + 6_000)
    first, second = world.sent
    assert verified(first, NEW) == verified(first, OLD) == verified(second, NEW)
    with pytest.raises(reference.WebhookVerificationError):
        verified(second, OLD)


def test_a_retry_has_the_same_id_and_bytes_and_a_new_timestamp() -> None:
    world = World(answers={HOOK: [500, NoAnswer("timeout"), 200]})
    world.event()
    world.brief = replace(world.brief, metadata={"changed": "later"})
    world.pump(START + DAY)
    assert len(world.sent) == 3
    assert len({(headers["webhook-id"], body) for _, _, headers, body in world.sent}) == 1
    assert len({headers["webhook-timestamp"] for _, _, headers, _ in world.sent}) == 3


def test_a_crash_between_send_and_note_sends_the_same_once_more() -> None:
    world = World(crash_before_record=True)
    world.event()
    message = world.queued[0]
    with pytest.raises(Crash):
        world.pump(START)
    assert world.only().state == "pending"
    world.queued.append(message)
    world.pump(START + DAY)
    first, second = world.sent
    assert first[2]["webhook-id"] == second[2]["webhook-id"]
    assert first[3] == second[3]
    assert world.only().state == "delivered"


def test_nothing_is_noted_before_it_was_sent() -> None:
    world = World(answers={HOOK: [Exception("the process is about to die")]})
    world.event()
    with pytest.raises(Exception, match="about to die"):
        world.pump(START)
    assert world.only().tries == ()


def test_a_filter_picks_events_and_none_means_the_terminal_ones() -> None:
    world = World(brief=Brief("generate", "studio", callback_url=HOOK))
    world.add("ep_all", *events.OF_JOBS)
    world.add("ep_early", "job.created")
    world.add("ep_default")
    world.add("ep_off", *events.OF_JOBS, disabled="by_caller")
    for type in ("job.created", "job.processing", "job.failed"):
        world.sent.clear()
        world.event(type)
        world.pump(world.now)
        wanted = {
            "job.created": ["https://ep_all.example/", "https://ep_early.example/"],
            "job.processing": ["https://ep_all.example/"],
            "job.failed": ["https://ep_all.example/", "https://ep_default.example/", HOOK],
        }
        assert world.urls() == sorted(wanted[type])
    assert {row.target for row in world.rows.values()} == {"ep_all", "ep_early", "ep_default", "job"}


def test_each_endpoint_is_signed_with_its_own_secret() -> None:
    world = World()
    world.add("ep_a")
    world.event()
    world.pump(START)
    by_url = {url: (at, url, headers, body) for at, url, headers, body in world.sent}
    assert verified(by_url[HOOK], OWN) == verified(by_url["https://ep_a.example/"], world.keys["ep_a"][0])
    with pytest.raises(reference.WebhookVerificationError):
        verified(by_url["https://ep_a.example/"], OWN)


def test_a_dead_endpoint_is_nobody_elses_problem() -> None:
    world = World(takes=0)
    names = [f"ep_{index}" for index in range(5)]
    for name in names:
        world.add(name)
    world.answers = {"https://ep_0.example/": [NoAnswer("timeout")], HOOK: [NotSent("unreachable")]}
    world.event()
    assert world.sent == []
    assert len(world.queued) == 6
    world.pump(START)
    assert [row.state for row in world.rows.values()].count("delivered") == 4


def test_repeated_messages_change_nothing() -> None:
    world = World()
    world.event()
    world.event()
    world.pump(START)
    world.event()
    world.pump(START + DAY)
    callback({"kind": "delivery", "account": "acc", "id": world.only().id}, room=world.room())
    assert len(world.sent) == 1
    world = World(answers={HOOK: [500, 200]})
    world.event()
    world.pump(START)
    again = {"kind": "delivery", "account": "acc", "id": world.only().id}
    callback(again, room=world.room())
    world.event()
    assert len(world.sent) == 1
    assert len(world.queued) == 1


def test_of_two_workers_one_notes_and_one_message_goes_on() -> None:
    world = World(answers={HOOK: [500]})
    world.event()
    message = world.queued.pop()[1]
    inner = world.post

    def slow(*given: Any) -> Posted:
        world.post = inner  # type: ignore[method-assign]
        callback(message, room=world.room())
        return inner(*given)

    world.post = slow  # type: ignore[assignment,method-assign]
    callback(message, room=world.room())
    assert len(world.sent) == 2
    assert (len(world.only().tries), len(world.queued)) == (1, 1)


def test_a_replay_is_tried_at_once_and_keeps_its_bytes() -> None:
    world = World()
    world.event()
    world.pump(START)
    row = world.only()
    world.now += DAY
    world.record(row, None, "pending", world.now)
    callback({"kind": "delivery", "account": "acc", "id": row.id}, room=world.room())
    assert world.sent[0][3] == world.sent[1][3]
    assert (world.only().state, len(world.only().tries)) == ("delivered", 2)


def test_an_endpoints_new_address_is_used_and_a_gone_or_disabled_one_is_not_called() -> None:
    for change, reason in ((None, "endpoint_deleted"), ("by_caller", "endpoint_disabled"), ("", "")):
        world = World(brief=Brief("generate", "studio"))
        old = world.add("ep_a")
        world.event()
        world.receivers = {} if change is None else {"ep_a": replace(old, url="https://b.example/", disabled=change)}
        world.pump(START)
        assert world.urls() == ([] if reason else ["https://b.example/"])
        assert world.only().state == ("failed" if reason else "delivered")
        assert world.only().tries[0][3] == reason


def test_nothing_leaves_unsigned() -> None:
    world = World(keys={})
    world.event()
    world.pump(START)
    assert world.sent == []
    assert (world.only().state, world.only().tries[0][3]) == ("failed", "no_secret")


def test_events_that_never_happened_and_unknown_rows_are_dropped() -> None:
    world = World()
    world.event("job.completed")
    world.event("nonsense")
    callback({"kind": "event", "account": "other", "job": JOB.id, "type": "job.failed"}, room=world.room())
    callback({"kind": "delivery", "account": "acc", "id": "dlv_unknown"}, room=world.room())
    assert (world.rows, world.sent, world.queued) == ({}, [], [])
