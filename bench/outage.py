"""Many jobs over a model whose first provider fails 30 % of the time, in bad weather: `python -m bench outage [JOBS]`.

The deployed handlers in one process (tests/flow/world.py) on a clock of their own; the same jobs once more with both
providers well tell what the failures cost in time. Prints a table; all figures go to out/bench/outage.json.
"""

import contextlib
import io
import json
import random
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from bench.storm import Storm, items, open_jobs
from bench.upstreams import FATES, MODELS, A, B, Upstreams
from packshot import catalog
from packshot.aws import clients, rows
from packshot.aws.books import Books
from packshot.aws.jobs import job_of
from packshot.job import Job, Route
from packshot.timing import rank
from tests.flow.conftest import Tenant, make_tenant
from tests.flow.world import World, world

OUT = Path(__file__).resolve().parents[1] / "out" / "bench" / "outage.json"
JOBS, SHARE, SEED, ACCOUNTS = 1000, 0.3, 7, 8
EVERY = 1.0
"""Seconds between two jobs, on average."""

MODEL, PRICE = "outage", 3
WISH = {"model": MODEL, "width": 512, "height": 512, "format": "jpg"}
BEGIN = 1_800_000_000.0
"""When it happens; a fixed time makes the same ids in every run."""

AWS = {
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_EC2_METADATA_DISABLED": "true",
}


@dataclass(frozen=True)
class Run:
    """What became of the jobs. `wanted` are the ids that were given to callers, in the order of their numbers; `leaks`
    (job, call, attempt) -> micro US dollars; `said` counts the lines of the log."""

    wanted: tuple[str, ...]
    jobs: Mapping[str, Job]
    upstreams: Upstreams
    leaks: Mapping[tuple[str, int, int], int]
    drifts: tuple[object, ...]
    balance: int
    granted: int
    spent: int
    left_over: Mapping[str, int]
    said: Mapping[str, int]
    twice: int
    virtual_s: float
    real_s: float
    cpu_s: float

    @property
    def seconds(self) -> list[float]:
        """How long each job took, on the world's clock; by the job's number."""
        found = (self.jobs[name] for name in self.wanted)
        return [((job.finished or job.deadline) - job.created) / 1000 for job in found]

    @property
    def made(self) -> dict[tuple[str, int, int], str]:
        """Pictures that an upstream has made, by (job, call, attempt), and who."""
        return {task.place: task.upstream for task in self.upstreams.tasks.values() if not task.failure}

    @property
    def taken(self) -> set[tuple[str, int, int]]:
        """Attempts whose pictures were delivered."""
        return {place for place, outcome in self.outcomes().items() if outcome == "succeeded"}

    def outcomes(self) -> dict[tuple[str, int, int], str]:
        """How each attempt ended."""
        return {
            (job.id, index, attempt.number): attempt.outcome
            for job in self.jobs.values()
            for index, call in enumerate(job.calls)
            for attempt in call.attempts
        }


def run(number: int = JOBS, *, share: float = SHARE, worse: float = 0.0, seed: int = SEED) -> Run:
    """So many jobs; `share` of A's creates fail, and `worse` of B's."""
    began, luck, log = (time.monotonic(), time.process_time()), random.Random(seed), _Log()  # noqa: S311
    ids, upstreams = random.Random(seed), Upstreams(seed, share, worse, lambda: BEGIN)  # noqa: S311
    with contextlib.redirect_stdout(log), shop(upstreams, ids) as made:
        storm = Storm(made, upstreams, luck)
        upstreams.call = storm.webhook
        found = _through(made, storm, number, ids)
    spent = time.monotonic() - began[0], time.process_time() - began[1]
    return replace(found, said=dict(log.said), real_s=spent[0], cpu_s=spent[1])


@contextlib.contextmanager
def shop(upstreams: Upstreams, ids: random.Random) -> Iterator[World]:
    """The world at `BEGIN`, with one model more: `MODEL`, made by both upstreams, A first."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in AWS.items():
            patch.setenv(name, value)
        clients._client.cache_clear()
        patch.setattr("os.urandom", ids.randbytes)
        patch.setattr("packshot.steps.tend.SIDE_BY_SIDE", 1)  # threads would end in another order each time
        known = catalog.simulated()
        patch.setattr(catalog, "simulated", lambda: {name: known[name] for name in (A, B)})
        flux = catalog.models()["flux-2"]
        routes = tuple(Route(name, *model) for name, model in MODELS.items())
        does = {"generate": replace(flux.operations["generate"], routes=routes)}
        model = replace(flux, id=MODEL, credits=PRICE, routes=routes, operations=does, prefer="order")
        changed = {**catalog.models(), MODEL: model}
        for module in ("packshot.catalog", "packshot.planning"):
            patch.setattr(f"{module}.models", lambda: changed)
        with world(patch, upstreams) as made:
            random.seed(upstreams.seed)
            made.clock.now = BEGIN
            upstreams.now = lambda: made.clock.now
            yield made
        clients._client.cache_clear()


def _through(made: World, storm: Storm, number: int, ids: random.Random) -> Run:
    tenants = [make_tenant(made, f"acct_{place}", PRICE * number) for place in range(ACCOUNTS)]
    names: dict[int, str] = {}

    def submit(place: int, tenant: Tenant) -> None:
        storm.coming -= 1
        ids.seed(f"{storm.upstreams.seed} {place}")  # whoever drew before: a first import, a new client
        wish = {**WISH, "prompt": f"a red box, number {place}"}
        answer = made.api("POST", "/packshot/v1/jobs", wish, key=tenant.key)
        if answer.status != 202:
            raise RuntimeError(answer.text)
        names[place] = answer.json["id"]

    when = made.clock.now
    for place in range(number):
        when += storm.luck.uniform(0, 2 * EVERY)
        tenant = tenants[place % ACCOUNTS]
        storm.at(when, lambda place=place, tenant=tenant: submit(place, tenant))  # type: ignore[misc]
        storm.coming += 1
    storm.run()
    books, accounts = Books("packshot"), [tenant.account for tenant in tenants]
    stored = [rows.unpack(item.to_json()["Attributes"]) for item in items()]
    owners = {row["pk"]: row for row in stored if row["sk"] == "account"}
    pools = ("monthly", "topup")
    now = int(made.clock.now * 1000)
    jobs = [job_of(item.to_json()["Attributes"]) for item in items() if item.range_key.value.startswith("job#")]
    return Run(
        wanted=tuple(names[place] for place in range(number)),
        jobs={job.id: job for job in jobs},
        upstreams=storm.upstreams,
        leaks=dict(_leak(row) for row in stored if row["sk"].startswith("leak#")),
        drifts=tuple(drift for account in accounts for drift in books.verify(account)),
        balance=sum(owners[account].get(pool, 0) for account in accounts for pool in pools),
        granted=sum(owners[account].get(f"granted_{pool}", 0) for account in accounts for pool in pools),
        spent=sum(books.sums(account).spent.total for account in accounts),
        left_over={
            "open jobs": open_jobs(),
            "messages": len(made.waiting),
            "dead letters": len(storm.dead),
            "places held": sum(row["pk"].startswith("slots#") and row["until"] > now for row in stored),
            "webhooks refused": storm.refused,
        },
        said={},
        twice=storm.twice,
        virtual_s=made.clock.now - BEGIN,
        real_s=0.0,
        cpu_s=0.0,
    )


def _leak(row: Mapping[str, Any]) -> tuple[tuple[str, int, int], int]:
    _, job, call, attempt = row["sk"].split("#")
    return (job, int(call), int(attempt)), row["micro_usd"]


class _Log(io.StringIO):
    """Standard output that only counts the lines of the log."""

    def __init__(self) -> None:
        super().__init__()
        self.said: Counter[str] = Counter()

    def write(self, text: str) -> int:
        for line in text.splitlines():
            with contextlib.suppress(ValueError):
                self.said[json.loads(line).get("message", "")] += 1
        return len(text)


# --- what was found --------------------------------------------------------------------------------------------------
def wrong(found: Run) -> Iterator[str]:
    """Every promise that was broken, in a sentence."""
    lost = set(found.wanted) ^ set(found.jobs)
    if lost:
        yield f"{len(lost)} jobs lost or invented"
    for job in found.jobs.values():
        if not job.state.terminal or job.charged is None:
            yield f"{job.id} is {job.state.value}"
        elif job.charged.total != PRICE * len(job.outputs):
            yield f"{job.id} was charged {job.charged.total} for {len(job.outputs)} pictures"
    if found.drifts:
        yield f"the books drift: {found.drifts[:3]}"
    pictures = sum(len(job.outputs) for job in found.jobs.values())
    if found.spent != PRICE * pictures or found.balance + found.spent != found.granted:
        yield f"{found.balance} left and {found.spent} spent of {found.granted}, for {pictures} pictures"
    if most_creates(found) > 1:
        yield f"{most_creates(found)} creates for one attempt"
    wasted = set(found.made) - found.taken
    if wasted != set(found.leaks):
        yield f"{len(wasted - set(found.leaks))} leaks unlisted, {len(set(found.leaks) - wasted)} listed and none"
    paid = sum(MODELS[who][1] for who in found.made.values())
    counted = sum(job.spent for job in found.jobs.values())
    if counted != paid:
        yield f"{counted} micro US dollars counted, {paid} paid"
    for name, number in found.left_over.items():
        if number:
            yield f"{number} {name} left over"


def most_creates(found: Run) -> int:
    """The most creates that upstreams received for one attempt."""
    return max(Counter(place for _, place, _ in found.upstreams.creates).values())


def figures(ill: Run, well: Run) -> dict[str, Any]:
    """All that was measured, as JSON values."""
    added = [after - before for after, before in zip(ill.seconds, well.seconds, strict=True)]
    creates = Counter(upstream for upstream, _, _ in ill.upstreams.creates)
    fates = Counter(fate for upstream, _, fate in ill.upstreams.creates if upstream == A)
    return {
        "jobs": len(ill.wanted),
        "seed": ill.upstreams.seed,
        "share": ill.upstreams.share,
        "states": Counter(job.state.value for job in ill.jobs.values()),
        "wrong": list(wrong(ill)) + [f"well: {line}" for line in wrong(well)],
        "creates": creates,
        "fates": {fate: fates[fate] for fate in FATES},
        "creates_per_attempt_max": most_creates(ill),
        "attempts_per_job": _histogram(ill),
        "outcomes": Counter(ill.outcomes().values()),
        "delivered_by": Counter(ill.made[place] for place in ill.taken),
        "credits": {"charged": ill.spent, "pictures": sum(len(job.outputs) for job in ill.jobs.values())},
        "leaks": {
            "listed": len(ill.leaks),
            "true": len(set(ill.made) - ill.taken),
            "usd": sum(ill.leaks.values()) / 1e6,
        },
        "upstream_usd": {"ill": _usd(ill), "well": _usd(well)},
        "seconds": {"ill": _spread(ill.seconds), "well": _spread(well.seconds), "added_per_job": _spread(added)},
        "noted": {name: ill.said.get(name, 0) for name in ("held", "found in the provider's list")},
        "came_twice": ill.twice,
        "virtual_s": round(ill.virtual_s),
        "real_s": {"ill": round(ill.real_s, 1), "well": round(well.real_s, 1)},
        "cpu_s": {"ill": round(ill.cpu_s, 1), "well": round(well.cpu_s, 1)},
    }


def _histogram(found: Run) -> dict[str, int]:
    counted = Counter(len(call.attempts) for job in found.jobs.values() for call in job.calls)
    return {str(attempts): counted[attempts] for attempts in sorted(counted)}


def _usd(found: Run) -> float:
    return sum(job.spent for job in found.jobs.values()) / 1e6


def _spread(seconds: Sequence[float]) -> dict[str, float]:
    """p50, p95 and the longest, by nearest rank."""
    ranked = [round(one * 10) for one in seconds]
    return {name: rank(ranked, percent) / 10 for name, percent in (("p50", 50), ("p95", 95), ("max", 100))}


def table(found: Mapping[str, Any]) -> str:
    """The figures as lines of text."""

    def listed(counted: Mapping[str, object]) -> str:
        return ", ".join(f"{name} {number}" for name, number in counted.items())

    times = found["seconds"]
    apart = {name: times["ill"][name] - times["well"][name] for name in times["ill"]}
    lines = [
        f"{found['jobs']} jobs, {found['share']:.0%} of A's creates fail, seed {found['seed']}",
        f"ended        {listed(found['states'])}",
        f"fates at A   {listed(found['fates'])}",
        f"creates      {listed(found['creates'])}; at most {found['creates_per_attempt_max']} for an attempt",
        f"attempts     {listed({f'{number} ×': jobs for number, jobs in found['attempts_per_job'].items()})}",
        f"outcomes     {listed(found['outcomes'])}",
        f"delivered by {listed(found['delivered_by'])}",
        f"money        {listed(found['credits'])}; upstream US dollars: {listed(found['upstream_usd'])}",
        f"leaks        {listed(found['leaks'])}",
        f"noted        {listed(found['noted'])}; batches and messages that came twice {found['came_twice']}",
        f"{'seconds':12} {'p50':>7} {'p95':>7} {'max':>7}",
        *(f"{name:12} {row['p50']:7.1f} {row['p95']:7.1f} {row['max']:7.1f}" for name, row in times.items()),
        f"{'difference':12} {apart['p50']:7.1f} {apart['p95']:7.1f} {apart['max']:7.1f}",
        f"wrong        {'; '.join(found['wrong']) or 'nothing'}",
        f"real s       {listed(found['real_s'])}; CPU s {listed(found['cpu_s'])}; the world's s {found['virtual_s']}",
    ]
    return "\n".join(lines)


def main(number: int = JOBS) -> None:
    """Run both, print, write."""
    found = figures(run(number), run(number, share=0.0))
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps(found, indent=1) + "\n")
    print(table(found))
