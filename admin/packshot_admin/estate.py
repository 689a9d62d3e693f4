"""Commands about a whole account: carried into a file and back, deleted for good; and what was paid for nothing."""

import base64
import hashlib
import json
from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from packshot import providers
from packshot.aws import estate, rows, spend
from packshot.aws.accounts import KNOWN_MS, AccountTable
from packshot.aws.books import Books
from packshot.aws.pictures import Bucket
from packshot.aws.vault import Vault
from packshot.errors import not_found
from packshot_admin.commands import Result, now_ms
from packshot_admin.stack import Mistake, Stack

FORM = 1
"""The version of the file's own form; the rows in it have theirs."""

YEAR_S = 31_557_600
UPLOADS = ("assets", "thumbnails", "inputs", "inbox", "profiles")
OUTPUTS = ("out", "keep", "cutouts", "results", "outbox")
"""Where an account's pictures are, below a folder of its name. `answers/` has none; it is empty after a day."""


def export(stack: Stack, given: Namespace) -> Result:
    """Write one account into a file: its rows and the digests of its keys, without pictures and without open jobs."""
    found, still = estate.read(stack.need("table"), given.account)
    head = {"packshot": "account", "form": FORM, "schema": rows.VERSION, "account": given.account, "at": now_ms()}
    lines = [json.dumps(head), *(json.dumps(_plain(item), sort_keys=True) for item in found)]
    body = "".join(f"{line}\n" for line in lines)
    end = json.dumps({"rows": len(found), "sha256": hashlib.sha256(body.encode()).hexdigest()})
    path = Path(given.file)
    part = path.with_name(path.name + ".part")
    part.touch(mode=0o600)  # briefs and sealed secrets are in it
    part.write_text(f"{body}{end}\n")
    part.replace(path)
    left_out = [job.id for job in still]
    note = "Jobs that run are left out; what they reserved is in the copy's balance." if still else ""
    return Result({"account": given.account, "file": str(path), "rows": len(found), "left_out": left_out}, note)


def import_(stack: Stack, given: Namespace) -> Result:
    """Bring back an account from a file, where there is none of its name; once more ends what a first try began."""
    account, found = _read(Path(given.file))
    estate.write(stack.need("table"), account, found)
    drifts = [{"account": account, "row": one.row, "field": one.field} for one in Books(stack.table).verify(account)]
    note = "The books disagree." if drifts else "The books are right. Pictures are not in the file."
    return Result({"account": account, "rows": len(found), "drifts": drifts}, note, good=not drifts)


def delete_account(stack: Stack, given: Namespace) -> Result:
    """Delete an account for good: keys, rows, pictures, its own provider keys. Entries of money stay, without names."""
    if given.confirm != given.account:
        raise Mistake("this cannot be undone: say --confirm and the account's id once more")
    if given.keep_years < 0:
        raise Mistake("--keep-years is 0 or more")
    table, now = stack.need("table"), now_ms()
    buckets = ((Bucket(stack.need("uploads")), UPLOADS), (Bucket(stack.need("outputs")), OUTPUTS))
    stage, account = stack.need("stage"), AccountTable(table).account(given.account)
    if account is None:
        raise not_found()
    facts: dict[str, object] = {"account": account.id, "deleted": False}
    if account.status != "suspended":
        Books(table).change(account.id, {"status": "suspended", "closing": now})
    closing = estate.closing(table, account.id)
    if closing is not None and now - closing < 2 * KNOWN_MS:
        return Result(facts, "Its keys die now. Run this again in two minutes.", good=False)
    if still := estate.open_jobs(table, account.id):
        return Result({**facts, "open_jobs": still}, "Run this again when its jobs have ended.", good=False)
    objects = sum(bucket.clear(f"{folder}/{account.id}/") for bucket, folders in buckets for folder in folders)
    for name in providers.NAMES:
        Vault().delete(providers.secret_name(f"packshot/{stage}/providers/", name, account.id))
    elsewhere = [f"{kind}#{name}@{account.id}" for kind in ("health", "slots") for name in providers.NAMES]
    jobs = estate.forget(table, account.id, now // 1000 + given.keep_years * YEAR_S, now, elsewhere)
    facts |= {"deleted": True, "jobs": jobs, "objects": objects, "money_kept_years": given.keep_years}
    return Result(facts, "Backups of the table forget it after 35 days, logs after LogRetentionDays.")


def leaks(stack: Stack, given: Namespace) -> Result:
    """What was paid upstream for nothing, by month and provider."""
    found = spend.leaks(stack.need("table"), Books(stack.table).accounts())
    table = [
        {"month": month, "provider": provider, "times": times, "usd": micro_usd / 1_000_000}
        for (month, provider), (times, micro_usd) in found.items()
    ]
    return Result({"leaks": table, "usd": sum(micro_usd for _, micro_usd in found.values()) / 1_000_000})


def _read(path: Path) -> tuple[str, list[dict[str, Any]]]:
    try:
        lines = path.read_text().splitlines()
        head, end = json.loads(lines[0]), json.loads(lines[-1])
        body = "".join(f"{line}\n" for line in lines[:-1])
        whole = hashlib.sha256(body.encode()).hexdigest() == end["sha256"]
        kind, form, schema = head["packshot"], head["form"], head["schema"]
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise Mistake(f"{path} is no export of an account ({type(error).__name__})") from None
    if kind != "account" or not whole:
        raise Mistake(f"{path} is damaged, or not whole")
    if form > FORM or schema > rows.VERSION:
        raise Mistake(f"{path} was written by a newer packshot")
    return head["account"], [_typed(json.loads(line)) for line in lines[1:-1]]


def _plain(item: Mapping[str, Any]) -> dict[str, Any]:
    """A row as JSON: bytes as base64, as DynamoDB's own JSON has them."""
    return {
        name: {"B": base64.b64encode(bytes(one["B"])).decode()} if "B" in one else one for name, one in item.items()
    }


def _typed(item: Mapping[str, Any]) -> dict[str, Any]:
    return {name: {"B": base64.b64decode(one["B"])} if "B" in one else one for name, one in item.items()}
