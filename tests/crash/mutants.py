"""Bugs put into the shipped code on purpose: the harness must find every one. A mutant that lives is a hole in it.

Each is a few lines that undo one precaution. Where a bug needs two at once, interleavings look for it; the others are
swept over the scenarios where they can show, at the calls of the functions where they can show.
"""

import contextlib
import gc
import os
import random
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pytest

from packshot import events, lifecycle
from packshot.aws import jobs, queues, rows
from packshot.aws.calls import Refused as ConditionFailed
from packshot.egress import NoAnswer
from packshot.errors import Stale
from packshot.facts import Cancelled, DeadlinePassed, Ingested, Intended
from packshot.job import State, Step
from packshot.replies import Later
from packshot.steps import callback, dispatch, relay, store, submit, sweep, tend, upstream
from tests.crash.faults import Call
from tests.crash.interleavings import PAIRS, orders
from tests.crash.scenarios import SCENARIOS
from tests.crash.stage import Stage, stage
from tests.crash.sweep import Explorer, Found, each, forked

Patch = Callable[[pytest.MonkeyPatch], None]


@dataclass(frozen=True)
class Mutant:
    """One. `scenarios`, or the `pair` of interleavings, that show it; `functions`: whose calls are cut (empty: all)."""

    name: str
    what: str
    patch: Patch
    scenarios: tuple[str, ...] = ()
    functions: frozenset[str] = frozenset()
    pair: str = ""


MUTANTS: dict[str, Mutant] = {}


def mutant(*scenarios: str, functions: str = "", pair: str = "") -> Callable[[Patch], Patch]:
    """Put a patch on the list."""

    def put(patch: Patch) -> Patch:
        name, what = patch.__name__, str(patch.__doc__)
        MUTANTS[name] = Mutant(name, what, patch, scenarios, frozenset(functions.split()), pair)
        return patch

    return put


# ------------------------------------------------------------------------------------------------------------ money


def _one_by_one(db: Any, items: list[Mapping[str, Any]]) -> None:
    """A transaction's items as writes of their own."""
    writes = {"Put": db.put_item, "Update": db.update_item}
    for item in items:
        for kind, request in item.items():
            if kind in writes:
                try:
                    writes[kind](**request)
                except db.exceptions.ConditionalCheckFailedException as error:
                    raise ConditionFailed(tuple(jobs.Reason(one is item, None) for one in items)) from error


def _split(patch: pytest.MonkeyPatch, kind: str) -> None:
    real = jobs.call

    def call(operation: Any, **request: Any) -> Any:
        items = request.get("TransactItems", [])
        if items and kind in items[0]:
            return _one_by_one(jobs.client("dynamodb"), items)
        return real(operation, **request)

    patch.setattr(jobs, "call", call)


@mutant("webhook", functions="submit")
def split_reserve(patch: pytest.MonkeyPatch) -> None:
    """A job is written first, then its brief, then the balance."""
    _split(patch, "Put")


@mutant("cancel_running", functions="submit")
def split_settle(patch: pytest.MonkeyPatch) -> None:
    """A job ends first, then its credits go back."""
    _split(patch, "Update")


@mutant(pair="settle and cancel")
def unguarded_finish(patch: pytest.MonkeyPatch) -> None:
    """A job is written whatever stands there by now."""
    real = rows.change

    def change(*args: Any, **more: Any) -> Any:
        if more.get("only_if") == "#ver = :ver" and str(args[2]).startswith("job#"):
            more |= {"only_if": "attribute_exists(#pk)", "given": None}
        return real(*args, **more)

    patch.setattr(rows, "change", change)


@mutant("partial", functions="ingest")
def appended_outputs(patch: pytest.MonkeyPatch) -> None:
    """A picture that comes home a second time is one more."""
    patch.setitem(lifecycle.LEGAL, Step.DONE, frozenset({Ingested}))

    def refused(self: Any, refused: Any, after: Any) -> None:
        raise Stale(after.id)

    patch.setattr(jobs.JobTable, "_refused", refused)


@mutant("partial", functions="none")
def charged_by_count(patch: pytest.MonkeyPatch) -> None:
    """What was asked for is charged, not what was delivered."""
    real = lifecycle._finish
    patch.setattr(lifecycle, "_finish", lambda job, at: replace(real(job, at), charged=job.reserved))


@mutant("webhook", functions="submit")
def forgotten_key(patch: pytest.MonkeyPatch) -> None:
    """An idempotency key is not looked at."""
    real = jobs.JobTable.reserve

    def reserve(self: Any, *args: Any, **more: Any) -> Any:
        return real(self, *args, **{**more, "idempotency": None})

    patch.setattr(jobs.JobTable, "reserve", reserve)


@mutant("webhook", functions="submit")
def own_reserve_unknown(patch: pytest.MonkeyPatch) -> None:
    """A reserve whose answer was lost is not known again."""
    patch.setattr(jobs.JobTable, "_known", lambda *args: None)


# -------------------------------------------------------------------------------------------------------- providers


@mutant("webhook", functions="dispatch")
def no_intent(patch: pytest.MonkeyPatch) -> None:
    """The intent is written together with what came of it."""
    real, kept = dispatch.apply, []

    def apply(table: Any, job: Any, fact: Any) -> Any:
        if isinstance(fact, Intended):
            kept[:] = [(job, fact)]
            return lifecycle.advance(job, fact)
        if kept:
            job, _ = real(table, *kept.pop())
        return real(table, job, fact)

    patch.setattr(dispatch, "apply", apply)


@mutant("webhook", functions="dispatch")
def blind_retry(patch: pytest.MonkeyPatch) -> None:
    """A create without an answer is sent again."""
    real = upstream.Upstream._once

    def once(self: Any, provider: Any, request: Any, credentials: Any, read: str, seconds: float) -> Any:
        try:
            return getattr(provider, read)(self.send(provider, request, credentials, seconds=seconds))
        except NoAnswer:
            return Later(5, busy=False)
        except upstream.NotSent:
            return real(self, provider, request, credentials, read, seconds)

    patch.setattr(upstream.Upstream, "_once", once)


@mutant("webhook", functions="dispatch")
def random_token(patch: pytest.MonkeyPatch) -> None:
    """The provider is told another token than the one that was written down."""
    real = dispatch._webhook
    patch.setattr(dispatch, "_webhook", lambda *args: real(*args[:3], replace(args[3], token="x" * 32)))


@mutant("webhook_late", functions="none")
def no_fence(patch: pytest.MonkeyPatch) -> None:
    """A result of an older attempt is taken for the newest's."""
    real = lifecycle._fits

    def fits(call: Any, fact: Any) -> bool:
        newest = getattr(fact, "attempt", 0)
        return real(call, replace(fact, attempt=call.attempt.number) if isinstance(newest, int) and newest else fact)

    patch.setattr(lifecycle, "_fits", fits)


@mutant("webhook_late", functions="none")
def late_result_unlisted(patch: pytest.MonkeyPatch) -> None:
    """What comes too late is nobody's loss."""
    patch.setattr(lifecycle, "_leaks", lambda job, fact: iter(()))


@mutant("cancel_delivered", functions="submit")
def leak_listed_once(patch: pytest.MonkeyPatch) -> None:
    """Whoever dies between a job's end and its leak takes the leak along."""
    patch.setattr("packshot.steps.consequences.wasted", lambda before, after: ())


@mutant("webhook_lost", functions="dispatch")
def list_not_read(patch: pytest.MonkeyPatch) -> None:
    """A request without an id is not looked for at its provider."""
    real = tend._unknown
    patch.setattr(tend, "_unknown", lambda job, index, attempt, _, room: real(job, index, attempt, None, room))


@mutant("at_once", functions="dispatch")
def kept_pictures_forgotten(patch: pytest.MonkeyPatch) -> None:
    """Pictures that came with an answer are not found again."""
    patch.setattr(dispatch, "_recover", lambda job, index, room: None)


@mutant("next_route", functions="none")
def place_kept(patch: pytest.MonkeyPatch) -> None:
    """A place at a provider is never given back."""
    patch.setattr("packshot.aws.slots.SlotTable.free", lambda *args: None)


@mutant("deadline", functions="none")
def no_deadline(patch: pytest.MonkeyPatch) -> None:
    """A deadline passes, and nothing happens."""
    real = tend.apply

    def apply(table: Any, job: Any, fact: Any) -> Any:
        return (job, ()) if isinstance(fact, DeadlinePassed) else real(table, job, fact)

    patch.setattr(tend, "apply", apply)


# ---------------------------------------------------------------------------------------- stream, queues and pollers


@mutant("webhook", functions="relay")
def relay_swallows(patch: pytest.MonkeyPatch) -> None:
    """A change whose consequences failed is forgotten: events live outside the transaction."""
    real = relay._one

    def one(change: Any, world: Any) -> None:
        with contextlib.suppress(Exception):
            real(change, world)

    patch.setattr(relay, "_one", one)


@mutant("webhook", functions="relay")
def parked_thrown_away(patch: pytest.MonkeyPatch) -> None:
    """What was parked is deleted without a second try."""
    patch.setattr(sweep, "_redo", lambda body, room: True)


@mutant("poller_dies", functions="none")
def sweep_looks_at_nothing(patch: pytest.MonkeyPatch) -> None:
    """Only a poller looks after what is due: what was started once is not started again."""
    patch.setattr(sweep, "_lane", lambda lane, room: 0)
    patch.setattr(sweep, "_poller", lambda lane, room: 0)


@mutant("webhook", functions="relay")
def sent_or_not(patch: pytest.MonkeyPatch) -> None:
    """A message that could not be sent is not missed."""
    real = queues.Sqs.send

    def send(self: Any, body: Any, **more: Any) -> None:
        with contextlib.suppress(Exception):
            real(self, body, **more)

    patch.setattr(queues.Sqs, "send", send)


# --------------------------------------------------------------------------------------------- pictures and callbacks


@mutant("webhook", functions="ingest")
def random_object_key(patch: pytest.MonkeyPatch) -> None:
    """A picture's key is drawn anew each time."""
    real = store.store

    class Renamed:
        def __init__(self, outputs: Any) -> None:
            self.outputs, self.tail = outputs, os.urandom(4).hex()

        def put(self, key: str, *rest: Any) -> None:
            self.outputs.put(f"{key}.{self.tail}", *rest)

    def stored(job: Any, brief: Any, place: int, made: Any, outputs: Any, **more: Any) -> Any:
        renamed = Renamed(outputs)
        done = real(job, brief, place, made, renamed, **more)
        return replace(done, key=f"{done.key}.{renamed.tail}")

    patch.setattr("packshot.steps.ingest.store", stored)


@mutant("webhook", functions="relay callback")
def new_event_id(patch: pytest.MonkeyPatch) -> None:
    """Each time an event is told it has another id."""
    real = events._event
    patch.setattr(events, "_event", lambda name, *rest: real(f"{name}{random.random()}"[:60], *rest))  # noqa: S311


@mutant("webhook", functions="callback")
def marked_before_sent(patch: pytest.MonkeyPatch) -> None:
    """A callback is written down as delivered, then sent."""
    real = callback._send

    def send(row: Any, url: str, secrets: Any, at: int, room: Any) -> Any:
        room.deliveries.record(row, (at, 200, 0, ""), "delivered", None)
        return real(row, url, secrets, at, room)

    patch.setattr(callback, "_send", send)


@mutant("receiver_down", functions="none")
def refusal_is_delivery(patch: pytest.MonkeyPatch) -> None:
    """Whatever a receiver answers, it was told."""
    real = callback._send
    patch.setattr(callback, "_send", lambda *args: (real(*args), (200, None, ""))[1])


@mutant("questions", functions="none")
def ends_twice(patch: pytest.MonkeyPatch) -> None:
    """A job that has ended may be cancelled all the same."""
    real = submit._cancelled

    def cancelled(job: Any, table: Any, now: int) -> Any:
        if job.state.terminal:
            before = replace(job, state=State.PROCESSING, charged=None)
            table.save(before, lifecycle.advance(before, Cancelled(now))[0])
        return real(job, table, now)

    patch.setattr(submit, "_cancelled", cancelled)


@mutant(pair="submit and submit, one key")
def key_row_alone(patch: pytest.MonkeyPatch) -> None:
    """An idempotency key is looked up before the reserve, and written after it."""
    real = jobs.JobTable.reserve

    def reserve(self: Any, job: Any, brief: Any, *, idempotency: Any = None, **more: Any) -> Any:
        if idempotency is None:
            return real(self, job, brief, **more)
        name = f"idem#{idempotency[0]}"
        known = jobs.call(self._db.get_item, TableName=self._table, Key=rows.key(job.account, name))
        if known.get("Item"):
            return str(rows.unpack(known["Item"])["job"])
        taken = real(self, job, brief, **more)
        row = {"pk": job.account, "sk": name, "job": job.id}
        jobs.call(self._db.put_item, **rows.insert(self._table, row, only_if=""))
        return taken

    patch.setattr(jobs.JobTable, "reserve", reserve)


# ------------------------------------------------------------------------------------------------------------ the hunt


def hunted(found: Mutant, played: Stage) -> Found:
    """Look for a mutant, in a copy of the process; stop where it shows."""
    with pytest.MonkeyPatch.context() as patch:
        found.patch(patch)
        if found.pair:
            return orders(PAIRS[found.pair], played, stop=True)

        def wanted(call: Call, kind: str) -> bool:
            return not found.functions or call.function in found.functions

        total = Found()
        for name in found.scenarios:
            if not total.wrong:
                work = Explorer(played, SCENARIOS[name], wanted, stop=True).run
                total.add(forked(work, name).wait())
        return total


def main(names: list[str]) -> int:
    """Print which were found, and how; 1 where one lives."""
    out: Any = sys.__stdout__
    began, living = time.monotonic(), 0
    with stage() as played:
        gc.collect()
        gc.freeze()
        tasks = [(name, lambda name=name: hunted(MUTANTS[name], played)) for name in names or MUTANTS]  # type: ignore[misc]
        for name, found in each(tasks):
            living += not found.wrong
            where, what = found.wrong[0] if found.wrong else ("LIVES", MUTANTS[name].what)
            print(f"{name:24} {found.points:4} runs  {where}: {what.splitlines()[-1][:150]}", file=out, flush=True)
        gc.unfreeze()
    print(f"{len(names or MUTANTS)} mutants, {living} live, {time.monotonic() - began:.0f} s", file=out)
    return 1 if living else 0
