"""What must be so once nothing moves any more, whatever happened on the way. Read from the stores, not from answers."""

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

from moto.s3.models import s3_backends

from packshot import catalog
from packshot.aws import rows
from packshot.aws.books import Books
from packshot.aws.jobs import brief_of, job_of
from packshot.brief import Brief
from packshot.events import ENDPOINT_DISABLED
from packshot.job import Attempt, Credits, Job, State
from packshot.lifecycle import MAX_ATTEMPTS, PASSING
from packshot.steps.keep import result_key
from tests.crash.outside import ROUTES, TOLD_BY_WEBHOOK, C, D
from tests.crash.stage import CALLBACK, Stage, items
from tests.flow.conftest import SECRET
from tests.flow.world import ACCOUNT, REGION, dynamodb_backends
from tests.security.hostile import PLACE

WITHOUT_NEWS = frozenset({"webhook lost"})
"""Fates of a picture that nobody tells us of."""


class Stores:
    """What lies in the table, its stream and the buckets."""

    def __init__(self, stage: Stage) -> None:
        self.items = [item.to_json()["Attributes"] for item in items()]
        self.rows = [rows.unpack(item) for item in self.items]
        self.jobs: dict[str, Job] = {}
        self.briefs: dict[str, Brief] = {}
        for item in self.items:
            if item["sk"]["S"].startswith("job#"):
                job = job_of(item)
                self.jobs[job.id] = job
            elif item["sk"]["S"].startswith("brief#"):
                self.briefs[item["sk"]["S"][6:]] = brief_of(item)
        self.objects = {
            (bucket, key): bytes(found.value)
            for bucket in ("uploads", "outputs")
            for key, found in s3_backends[ACCOUNT]["aws"].buckets[bucket].keys.items()
        }
        self.leaks = {
            tuple(row["sk"].split("#")[1:]): row["micro_usd"] for row in self.rows if row["sk"].startswith("leak#")
        }
        self.history = _history()
        self.number = {job.id: _number(self.briefs.get(job.id)) for job in self.jobs.values()}


def broken(stage: Stage, ends: frozenset[str]) -> Iterator[str]:
    """Every promise that does not hold, in a sentence that begins with its number. `ends`: how jobs may end here."""
    stage.faults.armed = False
    stores = Stores(stage)
    for promise in PROMISES:
        for sentence in promise(stage, stores):
            yield f"{promise.__name__.upper()}: {sentence}"
    for sentence in i9(stage, stores, ends):
        yield f"I9: {sentence}"


def i1(stage: Stage, stores: Stores) -> Iterator[str]:
    """Money: in each pool, balance = granted - held by open jobs - charged to ended ones; nothing is negative; and the
    product's own audit agrees."""
    for account in (row for row in stores.rows if row["sk"] == "account"):
        mine = [job for job in stores.jobs.values() if job.account == account["pk"]]
        grants = [row for row in stores.rows if row["pk"] == account["pk"] and row["sk"].startswith("grant#")]
        for pool in ("monthly", "topup"):
            granted = sum(row["amount"] for row in grants if row["pool"] == pool)
            gone = sum(getattr(job.reserved if job.charged is None else job.charged, pool) for job in mine)
            if account[pool] != granted - gone or account[pool] < 0 or account[f"granted_{pool}"] != granted:
                yield f"{account['pk']} has {account[pool]} {pool} of {granted}, {gone} are gone"
        for tour in (row for row in stores.rows if row["sk"] == "tour"):
            unread = tour["unread"] > len(stage.faults.hit)  # told, and read the next night
            if (tour["done"], tour["accounts"], tour["drifts"], unread) != (True, 2, 0, False):
                yield f"the night's tour is {tour}"
        yield from map(str, Books("packshot", lambda: int(stage.world.clock.now * 1000)).verify(account["pk"]))


def i2(stage: Stage, stores: Stores) -> Iterator[str]:
    """Reservations: no job is open, so nothing is held: not of a balance, not of a month's budget."""
    for job in stores.jobs.values():
        if not job.state.terminal:
            yield f"{job.id} still holds {job.reserved.total}"
    for row in stores.rows:
        if row["sk"].startswith("budget#"):
            name = row["sk"].split("#")[1]
            mine = [job for job in stores.jobs.values() if job.account == row["pk"] and name in job.budgets]
            spent = sum((job.charged or Credits()).total for job in mine), sum(job.spent for job in mine)
            if (row["credits"], row["micro"]) != spent:
                yield f"{row['sk']} says {row['credits']}, {row['micro']} of {spent}"


def i3(stage: Stage, stores: Stores) -> Iterator[str]:
    """One job, one charge: whoever asked with one key got one job (or had no credits), every job was asked for, and its
    charge is its price for each picture that was made for it."""
    asked = [ask for ask in stage.asks if "idempotency-key" in ask.headers]
    for ask in asked:
        if len(ask.ids) != 1 and (ask.ids or ask.refused != 402):
            yield f"request {ask.number} got the jobs {sorted(ask.ids)} and {ask.refused or 'no refusal'}"
    known = {name for ask in stage.asks for name in ask.ids}
    free = sum("idempotency-key" not in ask.headers for ask in stage.asks)
    strange = len(stores.jobs.keys() - known) - sum(good for _, good in stage.uploads)
    if known - stores.jobs.keys() or not 0 <= strange <= 4 * free:
        yield f"{len(stores.jobs)} jobs, of which {len(known)} were given to somebody"
    for job in stores.jobs.values():
        made = 0 if job.state is State.CANCELED else sum(not one.reused for one in job.outputs)
        if job.charged is not None and job.charged.total != job.price * made:
            yield f"{job.id} was charged {job.charged.total} for {made} pictures at {job.price}"


def i4(stage: Stage, stores: Stores) -> Iterator[str]:
    """Terminal is terminal: in the stream's history, a job's versions count up by one and nothing follows its end."""
    for name, history in stores.history.items():
        for before, after in pairwise(history):
            if before.state.terminal:
                yield f"{name} was {before.state} and became {after.state}"
            if after.version != before.version + 1:
                yield f"{name} went from version {before.version} to {after.version}"


def i5(stage: Stage, stores: Stores) -> Iterator[str]:
    """Pictures: each output is there with its hash, once; nothing lies where a completed job does not list it, nothing
    without a job; no asset says where it was taken, and one that is ready is as large as its row says."""
    outputs = {key: data for (bucket, key), data in stores.objects.items() if bucket == "outputs"}
    for job in stores.jobs.values():
        keys = [one.key for one in job.outputs]
        if len({one.place for one in job.outputs}) != len(keys):
            yield f"{job.id} lists {keys}"
        for one in job.outputs:
            if one.key not in outputs or hashlib.sha256(outputs[one.key]).hexdigest() != one.sha256:
                yield f"{one.key} is not there, or another picture"
        lying = {
            key for key in outputs if key.startswith((f"out/{job.account}/{job.id}/", f"keep/{job.account}/{job.id}/"))
        }
        if job.state is State.COMPLETED and lying != set(keys):
            yield f"{job.id} lists {keys}, there are {sorted(lying)}"
        brief = stores.briefs[job.id]
        if brief.outbox and sum(key.startswith(f"{brief.outbox}/") for key in outputs) != len(keys):
            yield f"{len(keys)} outputs are not in {brief.outbox}"
    profiles = {row["sk"] for row in stores.rows if row["sk"].startswith("profile#")}
    for bucket, key in stores.objects:
        if bucket == "uploads" and key.startswith("profiles/") and f"profile#{key.split('/')[2]}" not in profiles:
            yield f"{key} belongs to no profile"
    assets = {f"assets/{row['pk']}/{row['sk'][6:]}": row for row in stores.rows if row["sk"].startswith("asset#")}
    for bucket, key in stores.objects:
        if bucket == "uploads" and key.startswith("assets/"):
            data, row = stores.objects[bucket, key], assets.get(key, {})
            if any(mark in data for mark in PLACE):
                yield f"{key} says where it was taken"
            if row.get("state") == "ready" and row["bytes"] != len(data):
                yield f"{key} has {len(data)} bytes, its row says {row['bytes']}"
    for key, row in assets.items():
        if row["state"] == "uploading":
            yield f"{key} has arrived, and nobody said so"
    for key in outputs:
        if key.startswith(("out/", "keep/")) and key.split("/")[2] not in stores.jobs:
            yield f"{key} belongs to no job"


def i6(stage: Stage, stores: Stores) -> Iterator[str]:
    """Telling: the bus and the caller hear of every end at least once, always under one id and in the same bytes, and
    of the state that it was."""
    said: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for kind, detail in stage.world.events:
        if kind.startswith("job."):
            said[detail["data"]["job"]][kind].add(json.dumps(detail))
    posted: dict[str, list[tuple[str, bytes]]] = defaultdict(list)
    taken: set[str] = set()
    for url, headers, body, status in stage.outside.posts:
        name = json.loads(body)["data"]["job"]
        if url == CALLBACK:
            posted[name].append((headers["webhook-id"], body))
            taken |= {name} if status < 300 else set()
    for job in stores.jobs.values():
        wanted = {f"job.{one.state}" for one in stores.history[job.id]} - {"job.pending"} | {"job.created"}
        more = {"job.processing"} if job.started is not None else set()
        heard = {kind: len(bodies) for kind, bodies in said[job.id].items()}
        if not wanted <= heard.keys() <= wanted | more or set(heard.values()) != {1}:
            yield f"{job.id}, {job.state}: the bus heard {heard}"
        if stores.briefs[job.id].callback_url == CALLBACK:
            bodies = posted.pop(job.id, [])
            if len(set(bodies)) != 1 or json.loads(bodies[0][1])["data"]["state"] != job.state.value:
                yield f"{job.id}, {job.state}: the caller heard {len(set(bodies))} things"
            elif job.id not in taken:
                yield f"{job.id}, {job.state}: the caller never said that it heard"
    if posted:
        yield f"the caller heard of {sorted(posted)}, and did not want to"
    gone = {url for url, _, _, status in stage.outside.posts if status == 410}
    for row in stores.rows:
        if row["sk"].startswith("delivery#") and row["state"] != ("failed" if row["url"] in gone else "delivered"):
            yield f"{row['sk']} is {row['state']}"
    closed = {detail["id"] for kind, detail in stage.world.events if kind == ENDPOINT_DISABLED}
    if len(closed) != len(gone) or sum(bool(row.get("disabled")) for row in stores.rows) != len(gone):
        yield f"{len(gone)} endpoints are gone, the bus heard of {closed}"


def i7(stage: Stage, stores: Stores) -> Iterator[str]:
    """Nothing is left: no message, dead or waiting, no poller, no row that is due, no place that an attempt holds.
    (What a run took that died before its attempt was written is free again in time.)"""
    tokens = {one.token for job in stores.jobs.values() for call in job.calls for one in call.attempts}
    if stage.stuck:
        yield "it still moves"
    left = Counter(f"{one.queue} {one.body}" for one in [*stage.world.waiting, *stage.dead])
    for message, number in left.items():
        yield f"left over: {number} x {message}"
    if stage.world.pollers:
        yield f"pollers to be started: {stage.world.pollers}"
    for execution in stage.world.executions:
        if execution.status != "SUCCEEDED" and not stage.faults.hit:
            yield f"a poller ended {execution.status}, {execution.output}"
    for row in stores.rows:
        if "lane" in row and not row["sk"].startswith("renew"):
            yield f"{row['sk']} is due"
        if row["pk"].startswith("slots#") and row["until"] and row["token"] in tokens:
            yield f"{row['pk']} {row['sk']} is held"


def i8(stage: Stage, stores: Stores) -> Iterator[str]:
    """Providers: at most one create for an attempt, and at most six attempts; a picture that we heard of and did not
    deliver is a leak row of its price, and nothing else is one."""
    for (_, place, fate), number in Counter(stage.outside.creates).items():
        if number > 1:
            yield f"{number} creates for {place}, {fate}"
    attempts = {
        (job.id, index, one.number): one
        for job in stores.jobs.values()
        for index, call in enumerate(job.calls)
        for one in call.attempts
    }
    tried = Counter((one.provider, stores.number[job]) for (job, _, _), one in attempts.items())
    for (upstream, number), arrived in Counter((one.upstream, one.number) for one in stage.outside.arrived).items():
        if arrived > tried[upstream, number]:
            yield f"{arrived} creates at {upstream} for {tried[upstream, number]} attempts"
    for job in stores.jobs.values():
        if any(len(call.attempts) > MAX_ATTEMPTS for call in job.calls):
            yield f"{job.id} was tried too often"
    made = {place for place in attempts if (task := _task(stage, stores, place)) and not task.failure}
    taken = {place for place, one in attempts.items() if one.outcome == "succeeded" and _delivered(stores, place)}
    listed = {(job, int(call), int(number)) for job, call, number in stores.leaks}
    heard = {place for place in made if attempts[place].provider in TOLD_BY_WEBHOOK and _told(stage, place)}
    for place in (heard - taken) - listed:
        yield f"{place} was made and not delivered, and is no leak"
    for place in made:
        if attempts[place].outcome in PASSING:
            yield f"{place} was made, but said to be {attempts[place].outcome}: it may be asked for again"
    for place in listed - (made - taken):
        yield f"{place} is a leak, but {'was delivered' if place in taken else 'nobody made it'}"
    for (job, call, number), micro in stores.leaks.items():
        one = attempts.get((job, int(call), int(number)))
        if one is None or micro != ROUTES[one.provider][1]:
            yield f"the leak {job} {call} {number} costs {micro}"


def i9(stage: Stage, stores: Stores, ends: frozenset[str]) -> Iterator[str]:
    """Liveness: every job ends, and ends as it should; one that failed instead had a provider that could not be found
    again, whichever way it went."""
    for job in stores.jobs.values():
        if job.state.value in ends:
            continue
        tried = [(index, one) for index, call in enumerate(job.calls) for one in call.attempts]
        lost = tried and all(_lost(stage, stores, job, index, one) for index, one in tried)
        if not (job.state is State.FAILED and lost):
            yield f"{job.id} is {job.state}: {job.failure}, after {[one.outcome for _, one in tried]}"


def i10(stage: Stage, stores: Stores) -> Iterator[str]:
    """Privacy: no line of the log holds a key, a secret, a token or words of a prompt; nobody else sees a job, which
    is asked where all is well: no fault can make a difference to a question."""
    secrets = {
        "key": stage.tenant.key,
        "test key": stage.tenant.test_key,
        "callback secret": SECRET,
        "prompt": "a red box",
    }
    for name in ROUTES:
        for label, value in catalog.simulated()[name].items():
            if label != "path":
                secrets[f"{name}'s {label}"] = value
    for job in stores.jobs.values():
        for call in job.calls:
            secrets |= {f"token {one.number}": one.token for one in call.attempts if one.token}
    text = "\n".join(stage.log)
    for name, secret in secrets.items():
        if secret in text:
            yield f"the log holds a {name}"
    for job in () if stage.faults.hit else stores.jobs.values():
        seen = stage.call("GET", f"/packshot/v1/jobs/{job.id}", key=stage.stranger.key)
        if seen is None or seen.status != 404:
            yield f"a stranger who asks for {job.id} gets {seen and seen.status}"


PROMISES = (i1, i2, i3, i4, i5, i6, i7, i8, i10)


def _history() -> Mapping[str, list[Job]]:
    found: dict[str, list[Job]] = defaultdict(list)
    shard: Any = dynamodb_backends[ACCOUNT][REGION].tables["packshot"].stream_shard
    for item in shard.items:
        record = item.to_json()["dynamodb"]
        if record["Keys"]["sk"]["S"].startswith("job#") and record.get("NewImage"):
            job = job_of(record["NewImage"])
            if not found[job.id] or found[job.id][-1] != job:
                found[job.id].append(job)
    return found


def _number(brief: Brief | None) -> int | None:
    _, found, number = (brief.prompt if brief else "").partition("number ")
    return int(number) if found else None


def _task(stage: Stage, stores: Stores, place: tuple[str, int, int]) -> Any:
    """What a provider took for an attempt, if it is done by now."""
    job, index, number = place
    attempts = stores.jobs[job].calls[index].attempts
    provider = attempts[number - 1].provider
    if provider in (C, D):
        place = (f"#{stores.number[job]}", 0, attempts[number - 1].started)
    return next(
        (
            one
            for one in stage.outside.tasks.values()
            if (one.upstream, one.place) == (provider, place) and one.ready <= stage.world.clock.now
        ),
        None,
    )


def _delivered(stores: Stores, place: tuple[str, int, int]) -> bool:
    return stores.jobs[place[0]].state is not State.CANCELED


def _told(stage: Stage, place: tuple[str, int, int]) -> bool:
    return all(fate not in WITHOUT_NEWS for _, where, fate in stage.outside.creates if where == place)


def _lost(stage: Stage, stores: Stores, job: Job, index: int, one: Attempt) -> bool:
    """Whether nobody could have known how an attempt went: it was never asked for, or told its answer to nobody."""
    task = _task(stage, stores, (job.id, index, one.number))
    if task is None or task.failure:
        return True
    if one.provider == C:
        return one.remote is None
    if one.provider == D:
        return ("outputs", result_key(job, index, one.number, 0)) not in stores.objects
    return not task.listed
