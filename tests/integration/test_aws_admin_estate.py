"""A whole account: exported and imported, deleted for good; what was paid for nothing."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from packshot import keys
from packshot.aws import estate, rows, stream
from packshot.aws.accounts import AccountTable
from packshot.aws.clients import client
from packshot.aws.pictures import Bucket
from packshot.errors import CallerError
from packshot.job import Credits
from packshot_admin import cli
from packshot_admin.estate import OUTPUTS, UPLOADS
from tests.integration.test_aws_admin import run
from tests.integration.test_aws_reconcile import healthy
from tests.integration.test_aws_world import ACME, NOW, TABLE, World, claim, finish, lose, world

__all__ = ["healthy", "world"]

OTHER = "acc_other"
WHERE = ("--uploads", "uploads", "--outputs", "outputs", "--stage", "dev")


def everything(world: World) -> dict[tuple[str, str], Any]:
    """All rows of the table."""
    found = world.db.scan(TableName=TABLE)["Items"]
    return {(item["pk"]["S"], item["sk"]["S"]): item for item in found}


def a_key(world: World, account: str) -> keys.Key:
    key = keys.mint("live", os.urandom(40))
    world.books.create_key(account, key, ("jobs:read",), at=NOW)
    return key


def ended(world: World) -> World:
    """Cancel what is open."""
    from packshot.aws.jobs import job_of
    from packshot.facts import Cancelled

    for item in world.db.query(**rows.query(TABLE, "#pk = :pk AND begins_with(#sk, :sk)", {"pk": ACME, "sk": "job#"}))[
        "Items"
    ]:
        if not (job := job_of(item)).state.terminal:
            world.step(job, Cancelled(NOW + 700))
    return world


def wipe(world: World) -> None:
    for pk, sk in everything(world):
        world.db.delete_item(TableName=TABLE, Key=rows.key(pk, sk))


def test_an_account_comes_back_as_it_was(healthy: World, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    ended(healthy)
    key = a_key(healthy, ACME)
    before, file = everything(healthy), str(tmp_path / "acme.jsonl")
    made = run(capsys, "export", ACME, file)
    assert (made["left_out"], made["rows"]) == ([], len(before) - 1)  # all but the register
    assert Path(file).stat().st_mode & 0o777 == 0o600
    wipe(healthy)
    assert run(capsys, "import", file) == {"account": ACME, "rows": len(before) - 1, "drifts": []}
    after = everything(healthy)
    assert {place: {n: v for n, v in row.items() if n != "restored"} for place, row in after.items()} == before
    assert AccountTable(TABLE).principal(key)
    assert "already" in run(capsys, "import", file, status=1)


def test_jobs_that_run_are_left_out_and_what_they_hold_is_given_back(
    healthy: World, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    before, file = healthy.balance(), str(tmp_path / "acme.jsonl")
    open_jobs = healthy.books.sums(ACME).open
    job, brief = healthy.job(price=2)
    late = healthy.jobs.reserve(job, brief, idempotency=("again", "print"))
    made = run(capsys, "export", ACME, file)
    assert made["left_out"] == [*(one.id for one in open_jobs), job.id]
    assert len(open_jobs) == 2
    wipe(healthy)
    assert run(capsys, "import", file)["drifts"] == []
    held = sum((one.reserved for one in open_jobs), Credits())
    assert held.total == 13
    assert healthy.balance() == before + held
    assert late
    names = " ".join(sk for _, sk in everything(healthy))
    assert job.id not in names
    assert "idem#" not in names


def test_an_import_that_stopped_half_way_is_ended_by_the_next(
    healthy: World, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended(healthy)
    key = a_key(healthy, ACME)
    file = str(tmp_path / "acme.jsonl")
    run(capsys, "export", ACME, file)
    wipe(healthy)
    real, left = estate.call, [9]

    def dies(operation: Any, **asked: Any) -> Any:
        left[0] -= 1
        if not left[0]:
            raise KeyboardInterrupt
        return real(operation, **asked)

    monkeypatch.setattr(estate, "call", dies)
    with pytest.raises(KeyboardInterrupt):
        cli.main(["--table", TABLE, "import", file])
    assert AccountTable(TABLE).principal(key) is None  # nothing works before all does
    assert run(capsys, "import", file)["drifts"] == []
    assert AccountTable(TABLE).principal(key)


def test_what_is_brought_back_is_not_announced_again(healthy: World) -> None:
    job = finish(healthy, claim(healthy, healthy.take(price=1)), 1)
    item = healthy.row(ACME, f"job#{job.id}") or {}
    record = {"dynamodb": {"Keys": {name: item[name] for name in ("pk", "sk")}, "NewImage": item}}
    assert len(stream.changes([record])) == 1
    record["dynamodb"]["NewImage"] = {**item, "restored": {"BOOL": True}}
    assert stream.changes([record]) == []
    record["dynamodb"]["OldImage"] = item
    assert len(stream.changes([record])) == 1


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda text: text.replace('"schema": 1', '"schema": 99'), "damaged"),
        (lambda text: "".join(text.splitlines(keepends=True)[:-1]), "no export"),
        (lambda text: text.replace('"monthly": {"N": "', '"monthly": {"N": "9'), "damaged"),
        (lambda text: "", "no export"),
    ],
)
def test_a_file_that_is_not_whole_is_refused(
    healthy: World, capsys: pytest.CaptureFixture[str], tmp_path: Path, damage: Any, says: str
) -> None:
    file = tmp_path / "acme.jsonl"
    run(capsys, "export", ACME, str(file))
    file.write_text(damage(file.read_text()))
    wipe(healthy)
    assert says in run(capsys, "import", str(file), status=2)
    assert everything(healthy) == {}


def test_wrong_books_are_not_exported(healthy: World, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    healthy.db.update_item(**rows.change(TABLE, ACME, "account", add={"topup": 1}))
    assert "books are wrong" in run(capsys, "export", ACME, str(tmp_path / "x"), status=1)
    assert "no such account" in run(capsys, "export", "acc_none", str(tmp_path / "x"), status=1)
    assert list(tmp_path.iterdir()) == []


def furnish(world: World) -> None:
    """Pictures of two accounts in every folder, and a key of its own for a provider."""
    for name, folders in (("uploads", UPLOADS), ("outputs", OUTPUTS)):
        client("s3").create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
        client("s3").put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
        for folder in folders:
            for account in (ACME, OTHER, ACME + "2"):
                for _ in range(2):
                    Bucket(name).put(f"{folder}/{account}/x.png", b"x", "image/png")
    client("secretsmanager").create_secret(Name=f"packshot/dev/accounts/{ACME}/fal", SecretString='{"token": "t"}')
    world.db.put_item(**rows.insert(TABLE, {"pk": f"health#fal@{ACME}", "sk": "*"}))
    world.db.put_item(**rows.insert(TABLE, {"pk": ACME, "sk": "endpoint#ep_1", "url": "https://acme.example/hook"}))


def later(monkeypatch: pytest.MonkeyPatch, minutes: int = 3) -> None:
    from packshot_admin import estate as commands

    real = commands.now_ms
    monkeypatch.setattr(commands, "now_ms", lambda: real() + minutes * 60_000)


def test_a_deleted_account_leaves_its_money_and_nothing_else(
    healthy: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    furnish(healthy)
    healthy.open(OTHER, monthly=5)
    others = {place: row for place, row in everything(healthy).items() if ACME not in "".join(place)}
    key = a_key(healthy, ACME)
    ask = ("delete-account", ACME, *WHERE)
    assert "--confirm" in run(capsys, *ask, status=2)
    assert not run(capsys, *ask, "--confirm", ACME, status=1)["deleted"]
    assert AccountTable(TABLE).principal(key) is None
    later(monkeypatch)
    assert len(run(capsys, *ask, "--confirm", ACME, status=1)["open_jobs"]) == 2
    ended(healthy)
    made = run(capsys, *ask, "--confirm", ACME, "--keep-years", "7")
    assert (made["deleted"], made["jobs"], made["objects"]) == (True, 6, 2 * 10)
    left = everything(healthy)
    mine = {sk: row for (pk, sk), row in left.items() if pk == ACME}
    assert {sk.partition("#")[0] for sk in mine} == {"account", "grant", "leak", "spent"}
    assert "Acme" not in json.dumps(list(mine.values()), default=str)
    assert all("expires" in row and "reason" not in row and "secret" not in row for row in mine.values())
    assert {place: row for place, row in left.items() if ACME not in "".join(place)} == others
    assert (f"key#{key.id}", "key") not in left
    assert (f"health#fal@{ACME}", "*") not in left
    assert client("secretsmanager").list_secrets()["SecretList"] == []
    for name in ("uploads", "outputs"):
        found = client("s3").list_object_versions(Bucket=name)
        assert {one["Key"].split("/")[1] for one in found["Versions"]} == {OTHER, ACME + "2"}
    assert healthy.books.verify(ACME) == ()  # the sums of its months still balance
    assert run(capsys, *ask, "--confirm", ACME)["jobs"] == 0
    with pytest.raises(CallerError):
        healthy.open(ACME)


def test_a_deletion_that_stopped_half_way_counts_no_job_twice(healthy: World, monkeypatch: pytest.MonkeyPatch) -> None:
    ended(healthy)
    monkeypatch.setattr(estate, "BATCH", 2)
    real, left = estate.call, [0]

    def dies(operation: Any, **asked: Any) -> Any:
        answer = real(operation, **asked)
        left[0] -= 1
        if not left[0]:
            raise KeyboardInterrupt
        return answer

    monkeypatch.setattr(estate, "call", dies)
    deaths = 0
    for after in range(1, 60):
        left[0] = after
        try:
            estate.forget(TABLE, ACME, NOW // 1000 + 999, NOW)
            break
        except KeyboardInterrupt:
            deaths += 1
    left[0] = 0
    assert deaths > 3
    month = rows.unpack(healthy.row(ACME, "spent#2026-02") or {})
    assert (month["jobs"], month["monthly"] + month["topup"]) == (6, 20)
    assert healthy.books.verify(ACME) == ()


def test_leaks_are_told_by_month_and_provider(healthy: World, capsys: pytest.CaptureFixture[str]) -> None:
    healthy.open(OTHER)
    for number, (account, provider, at) in enumerate(
        [(OTHER, "fal", NOW), (ACME, "fal", NOW), (OTHER, "fal", NOW + 40 * 86_400_000)]
    ):
        row = {"pk": account, "sk": f"leak#job_{number}#0#1", "provider": provider, "micro_usd": 1500, "at": at}
        healthy.db.put_item(**rows.insert(TABLE, row))
    found = run(capsys, "leaks")["leaks"]
    assert [row for row in found if row["provider"] == "fal"] == [
        {"month": "2026-02", "provider": "fal", "times": 2, "usd": 0.003},
        {"month": "2026-03", "provider": "fal", "times": 1, "usd": 0.0015},
    ]


def test_an_answer_that_is_lost_deletes_nothing_twice(healthy: World) -> None:
    ended(healthy)
    left = lose("TransactWriteItems")
    with pytest.raises(CallerError):  # whose it was cannot be told; the next run goes on
        estate.forget(TABLE, ACME, NOW // 1000 + 999, NOW)
    assert left == [0]
    estate.forget(TABLE, ACME, NOW // 1000 + 999, NOW)
    assert healthy.books.verify(ACME) == ()
