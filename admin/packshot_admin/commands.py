"""The commands. Each takes the deployment and its arguments, and returns what to print: facts by name, in order."""

import base64
import getpass
import os
import pkgutil
import re
import sys
import time
from argparse import Namespace
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

from packshot import ids, keys, providers
from packshot.aws import secrets
from packshot.aws.accounts import Account, AccountTable
from packshot.aws.books import Books
from packshot.aws.sealed import Sealer
from packshot.errors import not_found
from packshot.job import Credits
from packshot.wishes import SCOPES
from packshot_admin.stack import Mistake, Stack

ALL_SCOPES = tuple(sorted(set(SCOPES.values())))
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


@dataclass(frozen=True, slots=True)
class Result:
    """Facts to print; `good` False ends the command with 1."""

    facts: Mapping[str, object] = field(default_factory=dict)
    note: str = ""
    good: bool = True


def create_account(stack: Stack, given: Namespace) -> Result:
    """Open an account; its callback secret is shown this once."""
    account, now = given.id or ids.make("acc", _now(), os.urandom(10)), _now()
    if not _ID.fullmatch(account) or account == "accounts":
        raise Mistake("an account's id has up to 64 letters, digits, - and _")
    if min(given.monthly, given.topup) < 0 or min(given.rpm, given.burst) < 1:
        raise Mistake("credits cannot be negative, limits must be 1 or more")
    secret = "whsec_" + base64.b64encode(os.urandom(24)).decode()
    sealed = Sealer(stack.need("key_id")).seal(account, secret.encode())
    granted = Credits(given.monthly, given.topup)
    Books(stack.need("table")).create(
        Account(account, given.name, "active", now, granted, granted, given.rpm, given.burst, sealed)
    )
    return Result({"account": account, "callback_secret": secret}, "The callback secret is not shown again.")


def grant(stack: Stack, given: Namespace) -> Result:
    """Give credits, once per external id."""
    actor = f"packshot-admin:{_user()}"
    fresh = Books(stack.need("table")).grant(
        given.account, given.pool, given.amount, given.external_id, at=_now(), actor=actor, reason=given.reason
    )
    account = AccountTable(stack.table).account(given.account)
    left = asdict(account.available) if account else {}
    return Result(
        {"account": given.account, "granted": given.amount if fresh else 0, "available": left},
        "" if fresh else f"The grant {given.external_id} was made before; nothing changed.",
    )


def create_key(stack: Stack, given: Namespace) -> Result:
    """Make a key; it is shown this once."""
    scopes = tuple(given.scopes.split(",")) if given.scopes else ALL_SCOPES
    unknown = sorted(set(scopes) - set(ALL_SCOPES))
    if unknown:
        raise Mistake(f"no such scope: {', '.join(unknown)}; there are {', '.join(ALL_SCOPES)}")
    key = keys.mint(given.mode, os.urandom(40))
    Books(stack.need("table")).create_key(given.account, key, scopes, at=_now(), name=given.name)
    return Result(
        {"key": str(key), "key_id": key.id, "mode": key.mode, "scopes": list(scopes)}, "The key is not shown again."
    )


def revoke_key(stack: Stack, given: Namespace) -> Result:
    """End a key. Takes its id, or the whole key."""
    parsed = keys.parse(given.kid)
    kid = parsed.id if parsed else given.kid
    Books(stack.need("table")).revoke_key(kid)
    return Result({"key_id": kid, "status": "revoked"}, "It stops working within a minute.")


def show_account(stack: Stack, given: Namespace) -> Result:
    """Balances, keys, open jobs."""
    books = Books(stack.need("table"))
    account = AccountTable(stack.table).account(given.account)
    if account is None:
        raise not_found()
    sums = books.sums(account.id)
    return Result(
        {
            "account": account.id,
            "name": account.name,
            "status": account.status,
            "created": _date(account.created),
            "available": asdict(account.available),
            "reserved": asdict(sums.reserved),
            "spent": asdict(sums.spent),
            "granted": asdict(account.granted),
            "requests_per_minute": account.rpm,
            "burst": account.burst,
            "keys": [
                {
                    "id": key.id,
                    "mode": key.mode,
                    "name": key.name,
                    "status": key.status,
                    "created": _date(key.created),
                    "scopes": list(key.scopes),
                }
                for key in books.keys(account.id)
            ],
            "jobs": sums.jobs,
            "open_jobs": [
                {
                    "id": job.id,
                    "state": job.state.value,
                    "model": job.model,
                    "created": _date(job.created),
                    "reserved": job.reserved.total,
                }
                for job in sums.open
            ],
        }
    )


def verify_ledger(stack: Stack, given: Namespace) -> Result:
    """Recompute the books from their rows; 1 when anything disagrees."""
    if bool(given.account) == given.all:
        raise Mistake("name an account, or say --all")
    books = Books(stack.need("table"))
    accounts = books.accounts() if given.all else [given.account]
    drifts = [{"account": account, **asdict(drift)} for account in accounts for drift in books.verify(account)]
    note = "The books disagree." if drifts else "The books are right."
    return Result({"accounts": len(accounts), "drifts": drifts}, note, good=not drifts)


def list_accounts(stack: Stack, given: Namespace) -> Result:
    """Every account, with what it has left."""
    table = AccountTable(stack.need("table"))
    found = [account for one in Books(stack.table).accounts() if (account := table.account(one))]
    return Result(
        {"accounts": [{"id": one.id, "name": one.name, "status": one.status, **asdict(one.available)} for one in found]}
    )


def set_provider_key(stack: Stack, given: Namespace) -> Result:
    """Set fields of a provider's credentials; the others stay. An empty value removes, `-` asks without showing."""
    known = sorted(module.name for module in pkgutil.iter_modules(providers.__path__))
    if given.provider not in known:
        raise Mistake(f"there is no provider called {given.provider}; there are {', '.join(known)}")
    name = f"packshot/{stack.need('stage')}/providers/{given.provider}"
    fields = dict(secrets.SecretStore().get(name) or {})
    for pair in given.fields:
        field_name, equals, value = pair.partition("=")
        if not equals or not re.fullmatch(r"[a-z][a-z0-9_]*", field_name):
            raise Mistake(f"write FIELD=VALUE, FIELD in small letters; {field_name!r} is not that")
        fields[field_name] = _ask(field_name) if value == "-" else value
    secrets.put(name, {one: value for one, value in fields.items() if value})
    return Result(
        {"secret": name, "fields": sorted(one for one, value in fields.items() if value)},
        "Functions use it within five minutes.",
    )


def _ask(name: str) -> str:
    return getpass.getpass(f"{name}: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"


def _now() -> int:
    return time.time_ns() // 1_000_000


def _date(at: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at / 1000))
