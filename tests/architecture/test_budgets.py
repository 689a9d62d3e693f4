"""What a job may cost, what a cold start may load, how long a file may be: what breaks a budget breaks the build."""

import json
import math
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import pytest

from bench import cold, warm
from packshot.aws import clients
from tests.architecture.template.reading import listed, named, template
from tests.flow.conftest import Net, Tenant, net, photo, stack, tenant
from tests.flow.test_jobs import JOBS, asset, job, provider_job, ready, webhook
from tests.flow.world import World
from tests.table import size_of

__all__ = ["net", "stack", "tenant"]

ROOT = Path(__file__).resolve().parents[2]
FUNCTIONS = sorted(path.parent.name for path in (ROOT / "functions").glob("*/app.py"))

CALLS, UNITS, STANDARD_TRANSITIONS, COLD = 2, 12, 0.2, 12.0
"""Of an accepted submit whose key is known; of a one-image job; of a job; of submit, against the bare handler."""

CALLBACK, IDEMPOTENCY = 6, 2
"""Write units on top, for those who ask for it: a delivery opened and ended (2 KB and an index entry), a key's row."""

HEAVY = {"boto3", "httpx", "ssrfguard", "pydantic", "aws_lambda_powertools", "numpy", "PIL"}
"""Packages that submit and query never load. `email` is not among them: botocore, urllib3 and http.client import it."""

LONGEST, LONGEST_HANDLER = 400, 120
LONGER: Mapping[str, str] = {}
"""Files of packshot/ that may have more lines, each with its reason."""


# ---------------------------------------------------------------------------------------------------- write units


@dataclass
class Meter:
    """Every write request of botocore, in write units by whose row it was."""

    units: dict[str, int] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)

    @property
    def of_the_job(self) -> int:
        """What the job itself costs: all rows of its account, and their entries in the index."""
        return self.units.get("job", 0)

    def __repr__(self) -> str:
        rest = ", ".join(f"{name} {units}" for name, units in sorted(self.units.items()) if name != "job")
        total = f"{self.of_the_job} write units of the job, {rest or 'no others'}, sum {sum(self.units.values())}"
        return "\n".join([total, *self.lines, ""])


@contextmanager
def metered(stack: World) -> Iterator[Meter]:
    """Count as DynamoDB does: a unit for each started KB of a row, the larger of before and after; twice in a
    transaction; one for each entry that appears in, or leaves, the index. A refused write costs as much as a done one.
    """
    meter, events = Meter(), clients.client("dynamodb").meta.events
    plain = boto3.client("dynamodb", "us-east-1")

    def row(key: Mapping[str, Any]) -> dict[str, Any]:
        found = plain.get_item(TableName="packshot", Key=key, ConsistentRead=True)
        return dict(found.get("Item", {}))

    def before(params: Any, model: Any, context: dict[str, Any], **_: Any) -> None:
        if model.name not in ("TransactWriteItems", "PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem"):
            return
        assert model.name != "BatchWriteItem", "count these too"
        parts = [part for item in params.get("TransactItems", [{"": params}]) for part in item.values()]
        keys = [part.get("Key") or {name: part["Item"][name] for name in ("pk", "sk")} for part in parts]
        context["rows"] = [(key, row(key)) for key in keys]

    def after(model: Any, context: dict[str, Any], http_response: Any, **_: Any) -> None:
        factor = 2 if model.name == "TransactWriteItems" else 1
        for key, old in context.pop("rows", ()):
            new = row(key)
            table = factor * max(1, math.ceil(max(size_of(old), size_of(new)) / 1024))
            at, to = ({name: one.get(name) for name in ("lane", "due")} for one in (old, new))
            index = (at != to) * (bool(at["due"]) + bool(to["due"]))
            whose, kind = _whose(key["pk"]["S"]), key["sk"]["S"].partition("#")[0]
            meter.units[whose] = meter.units.get(whose, 0) + table + index
            refused = "" if http_response.status_code == 200 else " (refused)"
            meter.lines.append(f"  {stack.invocations[-1]:16} {kind:9} {table} + {index}{refused}")

    names = {"before-parameter-build.dynamodb": before, "after-call.dynamodb": after}
    for name, hook in names.items():
        events.register(name, hook)
    yield meter
    for name, hook in names.items():
        events.unregister(name, hook)


def _whose(pk: str) -> str:
    return "job" if pk.startswith("acct_") else "rate limit" if pk.startswith("rate#") else f"shared ({pk})"


@pytest.fixture
def regular(stack: World, net: Net, tenant: Tenant) -> Tenant:
    """A caller who was here before: the process knows the key and from which pool the account pays."""
    provider_job(stack, tenant, callback_url=None)
    stack.deaf.add("poller")
    stack.run()
    ready(net)
    assert webhook(stack, net) == 200
    stack.run()
    stack.deaf.clear()
    stack.run(seconds=30)
    assert not stack.pollers
    assert not stack.waiting
    return tenant


@pytest.mark.parametrize("picture", ["address", "asset"])
def test_a_studio_job_stays_within_its_write_units(stack: World, net: Net, regular: Tenant, picture: str) -> None:
    net.pages["https://shop.example/front.jpg"] = photo()
    image = "https://shop.example/front.jpg" if picture == "address" else asset(stack, regular)
    wish = {"images": [image], "preset": "amazon", "width": 640, "height": 512}
    stack.run()  # the asset has been looked at
    with metered(stack) as meter:
        taken = stack.api("POST", JOBS, wish, key=regular.key)
        stack.run()
    print(f"studio, picture by {picture}:", meter)
    assert job(stack, regular, taken.json["id"])["state"] == "completed"
    assert meter.of_the_job <= UNITS, meter


def test_a_providers_job_with_its_webhook_stays_within_its_write_units(stack: World, net: Net, regular: Tenant) -> None:
    with metered(stack) as meter:
        name = provider_job(stack, regular, callback_url=None)
        stack.deaf.add("poller")
        stack.run()
        ready(net, "pred1")
        assert webhook(stack, net, 1) == 200
        stack.run()
        stack.deaf.clear()
        stack.run()
    print("provider, finished by its webhook:", meter)
    assert job(stack, regular, name)["state"] == "completed"
    assert meter.of_the_job <= UNITS, meter


def test_what_callbacks_and_idempotency_add_to_a_job(stack: World, net: Net, regular: Tenant) -> None:
    net.pages["https://shop.example/front.jpg"] = photo()
    plain = {"images": ["https://shop.example/front.jpg"], "width": 512, "height": 512}
    told = {"callback_url": "https://shop.example/hooks"}
    spent = []
    for wish, headers in ((plain, {}), ({**plain, **told}, {}), (plain, {"idempotency-key": "order-1"})):
        with metered(stack) as meter:
            assert stack.api("POST", JOBS, wish, key=regular.key, headers=headers).status == 202
            stack.run()
        print("studio", *wish, *headers, meter)
        spent.append(meter.of_the_job)
    assert len(net.posts) == 1
    assert (spent[1] - spent[0], spent[2] - spent[0]) == (CALLBACK, IDEMPOTENCY)


def test_a_job_takes_no_step_in_a_standard_workflow(stack: World, net: Net, tenant: Tenant) -> None:
    machines = template().of("AWS::StepFunctions::StateMachine")
    standard = [name for name, machine in machines.items() if machine.get("StateMachineType", "STANDARD") != "EXPRESS"]
    started = {
        named(resource)
        for _, statement in template().statements()
        if "states:StartExecution" in listed(statement["Action"])
        for resource in listed(statement["Resource"])
    }
    assert not standard
    assert not started & set(standard)
    net.after_create = lambda name: ready(net, name)
    for _ in range(5):
        provider_job(stack, tenant)
    stack.run(seconds=1)
    assert all(execution.status == "SUCCEEDED" for execution in stack.executions)
    assert len(stack.executions) <= 2  # one poller looks after a lane, not one after each job
    transitions = sum(len(execution.entered) for execution in stack.executions) if standard else 0
    assert transitions / 5 <= STANDARD_TRANSITIONS


# ----------------------------------------------------------------------------------------------------- cold starts


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> cold.Bench:
    return cold.Bench(tmp_path_factory.mktemp("bench"))


@pytest.mark.parametrize("name", ["submit", "query"])
def test_the_doors_load_nothing_heavy_and_compile_nothing(bench: cold.Bench, name: str) -> None:
    bench.report("submit")  # leaves the job that query asks for
    found = bench.report(name)
    assert found["answer"]["statusCode"] == {"submit": 202, "query": 200}[name], found["answer"]
    assert not HEAVY & {module.partition(".")[0] for module in found["modules"]}
    assert [Path(file).name for file in found["compiled"]] == ["app.py"]  # SAM packs a handler as it is


def test_an_accepted_submit_makes_few_calls(bench: cold.Bench) -> None:
    first, later = warm.calls(bench)
    print(warm.table(first, later))
    assert [call.name for call in later] == ["dynamodb.UpdateItem", "dynamodb.TransactWriteItems"]
    assert len(later) <= CALLS


def test_an_accepted_submit_of_a_quiet_key_makes_few_calls(stack: World, tenant: Tenant) -> None:
    made: list[str] = []

    def note(model: Any, **_: Any) -> None:
        made.append(model.name)

    wish = {"model": "flux-2", "prompt": "a red box", "aspect_ratio": "1:1"}
    assert stack.api("POST", JOBS, wish, key=tenant.key).status == 202
    stack.clock.sleep(10)
    events = clients.client("dynamodb").meta.events
    events.register("before-call.dynamodb", note)
    answer = stack.api("POST", JOBS, wish, key=tenant.key)
    events.unregister("before-call.dynamodb", note)
    assert answer.status == 202
    assert len(made) <= CALLS, made


@pytest.mark.slow
def test_a_cold_start_of_submit_stays_within_its_instructions(bench: cold.Bench) -> None:
    if shutil.which("valgrind") is None:
        if os.environ.get("CI"):  # no assert: it would print the environment
            pytest.fail("valgrind is missing: .ci/run installs it where it may")
        pytest.skip("valgrind is not installed")
    bare, submit = bench.instructions(cold.BARE), bench.instructions("submit")
    assert bare
    assert submit
    print(f"submit {submit:,} instructions, bare {bare:,}: {submit / bare:.2f} times")
    assert submit <= COLD * bare, f"{submit / bare:.2f} times the bare handler"


# ----------------------------------------------------------------------------------------------------------- files


def test_no_file_outgrows_its_reader() -> None:
    core = ROOT / "layers" / "core" / "packshot"
    lengths = {str(path.relative_to(core)): len(path.read_text().splitlines()) for path in core.rglob("*.py")}
    assert {name for name, lines in lengths.items() if lines > LONGEST} == set(LONGER)
    handlers = {name: len((ROOT / "functions" / name / "app.py").read_text().splitlines()) for name in FUNCTIONS}
    assert not {name: lines for name, lines in handlers.items() if lines > LONGEST_HANDLER}


def test_every_function_has_a_sample_event() -> None:
    samples = sorted(path.stem for path in (ROOT / "events").glob("*.json"))
    assert samples == FUNCTIONS
    assert all(json.loads((ROOT / "events" / f"{name}.json").read_text()) for name in samples)
