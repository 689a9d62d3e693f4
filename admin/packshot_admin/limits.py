"""Commands that bound what an account or a key may spend, and say how its routes are chosen."""

from argparse import Namespace
from decimal import Decimal

from packshot.aws.accounts import AccountTable
from packshot.aws.books import Books
from packshot.errors import not_found
from packshot_admin.commands import Result, now_ms
from packshot_admin.stack import Mistake, Stack


def set_budget(stack: Stack, given: Namespace) -> Result:
    """Cap what an account, or one of its keys, may spend in a calendar month (UTC); `none` lifts a cap."""
    books = Books(stack.need("table"))
    put: dict[str, object] = {}
    if given.credits is not None:
        put["cap_credits"] = None if given.credits == "none" else _whole(given.credits)
    if given.usd is not None:
        put["cap_micro_usd"] = None if given.usd == "none" else _micro(given.usd)
    if not put:
        raise Mistake("say --credits, --usd, or both")
    if given.key:
        if all(one.id != given.key for one in books.keys(given.account)):
            raise not_found()
        books.change_key(given.key, put)
    else:
        books.change(given.account, put)
    credits, micro_usd = books.spent(given.account, given.key or "account", now_ms())
    facts = {"account": given.account, **({"key": given.key} if given.key else {}), **put}
    facts |= {"spent_credits": credits, "spent_usd": micro_usd / 1_000_000}
    return Result(facts, "Its keys follow within a minute. Jobs taken before there was a cap are not counted.")


def set_preference(stack: Stack, given: Namespace) -> Result:
    """Say how a key's jobs choose among a model's routes; an empty preference leaves it to the catalogue."""
    key = AccountTable(stack.need("table")).key(given.kid)
    if key is None:
        raise not_found()
    Books(stack.table).change_key(given.kid, {"prefer": given.prefer or None})
    return Result({"key": given.kid, "prefer": given.prefer or None}, "It follows within a minute.")


def _whole(text: str) -> int:
    if not text.isdecimal():
        raise Mistake("--credits is a whole number, 0 or more, or none")
    return int(text)


def _micro(text: str) -> int:
    try:
        amount = Decimal(text) * 1_000_000
    except ArithmeticError:  # no number, or one beyond all bounds
        raise Mistake("--usd is an amount such as 12.50, or none") from None
    if not amount.is_finite() or amount < 0 or amount != amount.to_integral_value():
        raise Mistake("--usd is an amount such as 12.50, to the millionth, or none")
    return int(amount)
