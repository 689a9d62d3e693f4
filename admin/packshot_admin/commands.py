"""The commands. Each takes the deployment and its arguments, and returns what to print: facts by name, in order."""

import base64
import getpass
import os
import re
import sys
import time
from argparse import Namespace
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta

from packshot import catalog, ids, keys, providers
from packshot.aws import secrets
from packshot.aws.accounts import Account, AccountTable
from packshot.aws.books import Books
from packshot.aws.jobs import JobTable
from packshot.aws.renewals import Renewals
from packshot.aws.sealed import Sealer
from packshot.errors import Unavailable, not_found
from packshot.job import Credits
from packshot.ledger import month_later
from packshot.scopes import SCOPES
from packshot_admin.stack import Mistake, Stack

ALL_SCOPES = tuple(sorted(set(SCOPES.values())))
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Result:
    """Facts to print; `good` False ends the command with 1."""

    facts: Mapping[str, object] = field(default_factory=dict)
    note: str = ""
    good: bool = True


def create_account(stack: Stack, given: Namespace) -> Result:
    """Open an account; its callback secret is shown this once."""
    account, now = given.id or ids.make("acc", now_ms(), os.urandom(10)), now_ms()
    if not _ID.fullmatch(account) or account == "accounts":
        raise Mistake("an account's id has up to 64 letters, digits, - and _")
    if given.email and not _EMAIL.fullmatch(given.email):
        raise Mistake(f"{given.email!r} is no email address")
    plan = catalog.plans()[given.plan]
    monthly, allowance = _or(given.monthly, plan["monthly"]), _or(given.allowance, plan["monthly"])
    rpm, burst = _or(given.rpm, plan["requests_per_minute"]), _or(given.burst, plan["burst"])
    if min(monthly, given.topup, allowance) < 0 or min(rpm, burst) < 1:
        raise Mistake("credits cannot be negative, limits must be 1 or more")
    secret = "whsec_" + base64.b64encode(os.urandom(24)).decode()
    sealed = Sealer(stack.need("key_id")).seal(account, secret.encode())
    granted = Credits(monthly, given.topup)
    Books(stack.need("table")).create(
        Account(
            account,
            given.name,
            given.status,
            now,
            granted,
            granted,
            rpm,
            burst,
            sealed,
            plan=given.plan,
            allowance=allowance,
            renews=month_later(now) if allowance else None,
            email=given.email or None,
        )
    )
    return Result({"account": account, "callback_secret": secret}, "The callback secret is not shown again.")


def set_plan(stack: Stack, given: Namespace) -> Result:
    """Move an account to a plan: its limits now, its allowance from the next renewal on."""
    account, plan = _account(stack, given.account), catalog.plans()[given.plan]
    allowance = _or(given.allowance, plan["monthly"])
    if allowance < 0:
        raise Mistake("credits cannot be negative")
    rpm, burst = plan["requests_per_minute"], plan["burst"]
    put = {"plan": given.plan, "rpm": rpm, "burst": burst, "allowance": allowance or None}
    starts = month_later(now_ms()) if allowance and account.renews is None else None
    Books(stack.table).change(account.id, put, renews=starts)
    renews = account.renews if starts is None else starts
    facts = {
        "account": account.id,
        "plan": given.plan,
        "requests_per_minute": rpm,
        "burst": burst,
        "allowance": allowance,
        "renews": _date(renews),
    }
    later = "" if renews is None else " Its credits change at the renewal, not now."
    return Result(facts, f"Its keys follow within a minute.{later}")


def set_status(stack: Stack, given: Namespace) -> Result:
    """Say whether an account may spend, may only look, or is shut out."""
    Books(stack.need("table")).change(given.account, {"status": given.status})
    return Result({"account": given.account, "status": given.status}, "Its keys follow within a minute.")


def set_model(stack: Stack, given: Namespace) -> Result:
    """Choose the account's model of an operation; an empty one is the default again."""
    able = [name for name, model in catalog.models().items() if given.operation in model.operations]
    if given.model and given.model not in able:
        raise Mistake(f"{given.model} cannot {given.operation}; these can: {', '.join(able)}")
    AccountTable(stack.need("table")).choose(given.account, {given.operation: given.model})
    models = dict(_account(stack, given.account).models)
    return Result({"account": given.account, "models": models}, "Its keys follow within a minute.")


def renew(stack: Stack, given: Namespace) -> Result:
    """Bring an account's monthly pool up to date now, as the sweep would."""
    before, now = _account(stack, given.account), now_ms()
    with suppress(Unavailable):
        Renewals(stack.table).renew(before.id, now)
    after = _account(stack, before.id)
    late = after.renews is not None and after.renews <= now
    note = "It is too busy; try again." if late else "" if after.renews != before.renews else "Nothing was due."
    facts = {
        "account": after.id,
        "renewed": after.renews != before.renews,
        "available": asdict(after.available),
        "allowance": after.allowance,
        "renews": _date(after.renews),
    }
    return Result(facts, note, good=not late)


def grant(stack: Stack, given: Namespace) -> Result:
    """Give credits, once per external id."""
    actor = f"packshot-admin:{_user()}"
    fresh = Books(stack.need("table")).grant(
        given.account, given.pool, given.amount, given.external_id, at=now_ms(), actor=actor, reason=given.reason
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
    Books(stack.need("table")).create_key(given.account, key, scopes, at=now_ms(), name=given.name)
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
    """Plan, balances, settings, keys, open jobs."""
    account = _account(stack, given.account)
    books = Books(stack.table)
    sums = books.sums(account.id)
    return Result(
        {
            "account": account.id,
            "name": account.name,
            "email": account.email,
            "plan": account.plan,
            "status": account.status,
            "created": _date(account.created),
            "allowance": account.allowance,
            "renews": _date(account.renews),
            "available": asdict(account.available),
            "reserved": asdict(sums.reserved),
            "spent": asdict(sums.spent),
            "granted": asdict(account.granted),
            "requests_per_minute": account.rpm,
            "burst": account.burst,
            "models": dict(account.models),
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
    """Every account, with its plan and what it has left."""
    table = AccountTable(stack.need("table"))
    found = [account for one in Books(stack.table).accounts() if (account := table.account(one))]
    rows = [
        {"id": one.id, "name": one.name, "plan": one.plan, "status": one.status, **asdict(one.available)}
        for one in found
    ]
    return Result({"accounts": rows})


def usage(stack: Stack, given: Namespace) -> Result:
    """What each key of an account used between two times."""
    since, until = _time(given.since), _time(given.until) if given.until else now_ms()
    if until <= since:
        raise Mistake("--until must be later than --since")
    account = _account(stack, given.account)
    used = JobTable(stack.table).usage(account.id, since, until)
    facts = {
        "account": account.id,
        "since": _instant(used.since),
        "until": _instant(used.until),
        "charged": sum(one.charged for one in used.keys),
        "complete": used.complete,
        "keys": [asdict(one) for one in used.keys],
    }
    return Result(facts, "" if used.complete else "There are more jobs than one look counts: go on from `until`.")


def set_provider_key(stack: Stack, given: Namespace) -> Result:
    """Set fields of a provider's credentials; the others stay. An empty value removes, `-` asks without showing."""
    if given.provider not in providers.NAMES:
        raise Mistake(f"there is no provider called {given.provider}; there are {', '.join(providers.NAMES)}")
    known = {**(providers.load(given.provider).secrets or {}), "base_url": False}
    name = providers.secret_name(f"packshot/{stack.need('stage')}/providers/", given.provider)
    fields = dict(secrets.SecretStore().get(name) or {})
    for pair in given.fields:
        field_name, equals, value = pair.partition("=")
        if not equals or not re.fullmatch(r"[a-z][a-z0-9_]*", field_name):
            raise Mistake("write FIELD=VALUE, FIELD in small letters")  # what was written may be the value alone
        if field_name not in known:
            raise Mistake(f"{given.provider} takes {', '.join(known)}; there is no {field_name}")
        fields[field_name] = _ask(field_name) if value == "-" else value
    secrets.put(name, {one: value for one, value in fields.items() if value})
    return Result(
        {"secret": name, "fields": sorted(one for one, value in fields.items() if value)},
        "Functions use it within five minutes.",
    )


def _account(stack: Stack, name: str) -> Account:
    found = AccountTable(stack.need("table")).account(name)
    if found is None:
        raise not_found()
    return found


def _or(given: int | None, otherwise: int) -> int:
    return otherwise if given is None else given


def _ask(name: str) -> str:
    return getpass.getpass(f"{name}: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"


def now_ms() -> int:
    """The clock."""
    return time.time_ns() // 1_000_000


def _date(at: int | None) -> str | None:
    return None if at is None else time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at / 1000))


def _instant(at: int) -> str:
    return (_EPOCH + timedelta(milliseconds=at)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _time(text: str) -> int:
    """ms of a date or a time; without an offset it is UTC."""
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        raise Mistake(f"{text!r} is no time; write 2026-11-01 or 2026-11-01T08:30:00Z") from None
    return (when.replace(tzinfo=when.tzinfo or UTC) - _EPOCH) // timedelta(milliseconds=1)
