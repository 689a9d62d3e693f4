"""The little world that the table's tests live in (moto), and what its clients promise."""

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

import botocore.endpoint
import pytest
from botocore.exceptions import ReadTimeoutError
from moto import mock_aws
from moto.core.models import botocore_stubber

from packshot import ids
from packshot.aws import clients
from packshot.aws.accounts import Account, AccountTable
from packshot.aws.books import Books
from packshot.aws.jobs import JobTable
from packshot.brief import Brief, Image
from packshot.facts import Accepted, Cancelled, Delivered, Fact, Ingested, Intended, Refused
from packshot.job import Attempt, Call, Credits, Failure, Job, Output, Route, State
from packshot.lifecycle import advance
from tests.quick import quick_moto
from tests.table import SCHEMA, size_of

TABLE, NOW = "packshot-test", 1_770_000_000_000
ACME = "acc_01kge3h900c5gp2rb1c5gp2rb1"
ARMED: list[tuple[str, Any]] = []
SIZES = {"TransactWriteItems": 2, "PutItem": 1, "UpdateItem": 1, "DeleteItem": 1}


@dataclass
class World:
    """A table, the classes over it, and a meter of what is written."""

    jobs: JobTable
    accounts: AccountTable
    books: Books
    writes: list[tuple[str, int, int]] = field(default_factory=list)
    serial: int = 0
    metered: bool = True

    @property
    def db(self) -> Any:
        return clients.client("dynamodb")

    def open(self, account: str = ACME, monthly: int = 0, topup: int = 0) -> str:
        granted = Credits(monthly, topup)
        self.books.create(Account(account, "Acme", "active", NOW, granted, granted, 60, 20, b"sealed"))
        return account

    def job(self, account: str = ACME, *, price: int = 1, count: int = 1, **more: Any) -> tuple[Job, Brief]:
        """A planned job, as like a real one as can be."""
        self.serial += 1
        made = ids.make("job", NOW + self.serial, self.serial.to_bytes(10, "big"))
        route = Route("replicate", "google/nano-banana-2", 67_000)
        job = Job(
            id=made,
            account=account,
            model="nanobanana2",
            operation="generate",
            state=State.PENDING,
            version=1,
            created=NOW + self.serial,
            updated=NOW + self.serial,
            deadline=NOW + 1_800_000,
            count=count,
            price=price,
            reserved=Credits(),
            routes=(route,),
            calls=(Call(0, count, due=NOW + 12_000),),
            external_id="order-4711",
            request_id="Zx8kLhq2PHcEJ1A=",
        )
        brief = Brief(
            "generate",
            "nanobanana2",
            prompt="on a walnut table, soft morning light",
            count=count,
            images=(Image("url", "https://shop.example/pictures/4711/front.jpg"),),
            callback_url="https://shop.example/hooks/photos",
            external_id="order-4711",
        )
        return replace(job, **more), brief

    def take(self, account: str = ACME, **more: Any) -> Job:
        taken = self.jobs.reserve(*self.job(account, **more))
        assert isinstance(taken, Job)
        return taken

    def step(self, job: Job, fact: Fact) -> Job:
        after, _ = advance(job, fact)
        self.jobs.save(job, after)
        return after

    def row(self, account: str, sk: str) -> dict[str, Any] | None:
        found: dict[str, Any] = self.db.get_item(TableName=TABLE, Key={"pk": {"S": account}, "sk": {"S": sk}})
        return found.get("Item")

    def balance(self, account: str = ACME) -> Credits:
        known = self.accounts.account(account)
        assert known
        return known.available

    def units(self) -> tuple[int, int]:
        """Write units since the last question: of the table, and of the index."""
        table, index = sum(one[1] for one in self.writes), sum(one[2] for one in self.writes)
        self.writes.clear()
        return table, index


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    monkeypatch.setattr(botocore.endpoint, "time", SimpleNamespace(sleep=lambda seconds: None))
    with mock_aws(), quick_moto():
        db = clients.client("dynamodb")
        create_table()
        made = World(JobTable(TABLE), AccountTable(TABLE), Books(TABLE))
        meter = _meter(made)
        db.meta.events.register("before-parameter-build.dynamodb", meter)
        yield made
        db.meta.events.unregister("before-parameter-build.dynamodb", meter)
        while ARMED:
            name, hook = ARMED.pop()
            db.meta.events.unregister(name, hook)


def create_table() -> None:
    """The table as the template has it, as far as it matters here."""
    clients.client("dynamodb").create_table(TableName=TABLE, **SCHEMA)


def _meter(world: World) -> Any:
    """Counts write units from each request: whole KB of each row written, twice in a transaction; one for each entry
    that appears in, or disappears from, the index. A condition check costs what a write costs."""

    def count(params: dict[str, Any], model: Any, **_: Any) -> None:
        factor = SIZES.get(model.name)
        if not world.metered or factor is None or params.get("TableName", TABLE) != TABLE:
            return
        parts = [part for item in params.get("TransactItems", [{"": params}]) for part in item.values()]
        table = index = 0
        for part in parts:
            key = part.get("Key") or {name: part["Item"][name] for name in ("pk", "sk")}
            before = world.db.get_item(TableName=TABLE, Key=key).get("Item", {})
            after = part.get("Item") or _applied(before, part)
            table += factor * max(1, math.ceil(max(size_of(before), size_of(after)) / 1024))
            old, new = ({name: row.get(name) for name in ("lane", "due")} for row in (before, after))
            index += (old != new) * (bool(old["due"]) + bool(new["due"]))
        world.writes.append((model.name, table, index))

    return count


def _applied(row: dict[str, Any], part: dict[str, Any]) -> dict[str, Any]:
    """The row after an update, near enough: sets by name, removes by name."""
    sets, _, removes = part.get("UpdateExpression", "").removeprefix("SET ").partition("REMOVE ")
    row = dict(row)
    for one in filter(None, sets.split(", ")):
        name, _, value = one.strip().partition(" = ")
        if value in part["ExpressionAttributeValues"]:
            row[name[1:]] = part["ExpressionAttributeValues"][value]
    for one in filter(None, removes.split(", ")):
        row.pop(one.strip()[1:], None)
    return row


def lose(operation: str, times: int = 1) -> Any:
    """A hook that lets the next calls of an operation happen and then loses their answers, as a broken wire would."""
    left = [times]

    def hook(request: Any, event_name: str, **_: Any) -> Any:
        if left[0] <= 0:
            return None
        left[0] -= 1
        botocore_stubber(event_name, request)
        raise ReadTimeoutError(endpoint_url=request.url)

    name = f"before-send.dynamodb.{operation}"
    clients.client("dynamodb").meta.events.register_first(name, hook)
    ARMED.append((name, hook))
    return left


INTENDED = Attempt(1, "replicate", "google/nano-banana-2", "t" * 22, NOW + 400, NOW + 900_000, micro_usd=67_000)


def output(place: int, account: str = ACME, job: str = "job_" + "0" * 26) -> Output:
    return Output(f"out/{account}/{job}/{place:02d}-{'a' * 32}.jpg", 1024, 1024, 234_567, "a" * 64, "image/jpeg")


def claim(world: World, job: Job) -> Job:
    return world.step(job, Intended(0, INTENDED, NOW + 400, job.calls[0].due))


def finish(world: World, job: Job, made: int) -> Job:
    """From INTENT to the end, with `made` pictures."""
    if not made:
        return world.step(job, Refused(0, 1, NOW + 9000, Failure("refused", "No."), final=True))
    job = world.step(job, Accepted(0, 1, NOW + 500, "abcdefghijklmnopqrstuvwx12", job.calls[0].due))
    job = world.step(job, Delivered(0, 1, NOW + 8000, ("https://replicate.delivery/xezq/abc/out.jpg",)))
    outputs = tuple(output(place, job.account, job.id) for place in range(made))
    return world.step(job, Ingested(0, 1, NOW + 9000, outputs, (("ingest", 420),)))


def cancel(world: World, job: Job) -> Job:
    return world.step(job, Cancelled(NOW + 9000))


def test_clients_fit_inside_a_function_and_are_made_once(world: World) -> None:
    db = clients.client("dynamodb")
    config = db.meta.config
    assert db is clients.client("dynamodb")
    assert (config.connect_timeout, config.read_timeout) == (1, 5)
    assert vars(clients._config("dynamodb"))["parameter_validation"] is False
    assert config.retries["mode"] == "standard"
    assert config.retries["total_max_attempts"] == 3
    assert clients.client("s3").meta.config.read_timeout == 60


def test_an_emulator_gets_its_buckets_in_the_path(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not vars(clients._config("s3"))["s3"]
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://localhost:4566")
    assert vars(clients._config("s3"))["s3"] == {"addressing_style": "path"}


def test_a_row_of_the_schema_before_is_read_and_a_newer_one_is_not(world: World) -> None:
    from packshot.aws import rows
    from packshot.errors import PackshotError

    assert rows.unpack({"v": {"N": "0"}, "a": {"S": "x"}}) == {"v": 0, "a": "x"}
    assert rows.unpack({"a": {"B": "AAE="}}) == {"a": b"\x00\x01"}  # as a stream's record has it
    with pytest.raises(PackshotError):
        rows.unpack({"v": {"N": "2"}})
    assert json.loads(rows.unfold(rows.fold({"a": "x" * 5000}))) == {"a": "x" * 5000}
    assert isinstance(rows.fold({"a": 1}), str)
