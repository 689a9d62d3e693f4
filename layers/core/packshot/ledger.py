"""Credits as arithmetic: what a brief costs, and from which pool a reserve takes it. Pure, whole numbers."""

from calendar import monthrange
from datetime import UTC, datetime

from packshot.brief import RESOLUTION_FACTOR, Brief
from packshot.errors import CallerError
from packshot.job import Credits


def price_of(brief: Brief, credits_per_image: int) -> int:
    """Credits for one image of this brief: the model's credits times the resolution's factor."""
    return credits_per_image * RESOLUTION_FACTOR[brief.billed_resolution]


def split(amount: int, balance: Credits) -> Credits:
    """Take `amount` from the monthly pool first, then from the top-up.

    Raises CallerError `insufficient_credits` when both together do not hold it.
    """
    if amount > balance.total:
        raise insufficient(amount, balance)
    monthly = min(amount, balance.monthly)
    return Credits(monthly, amount - monthly)


def month_later(at: int) -> int:
    """The same time of the next month, ms since 1970 UTC; the last day of a month that has no such day."""
    then = datetime.fromtimestamp(at // 1000, UTC)
    year, month = (then.year + 1, 1) if then.month == 12 else (then.year, then.month + 1)
    later = then.replace(year=year, month=month, day=min(then.day, monthrange(year, month)[1]))
    return int(later.timestamp()) * 1000 + at % 1000


def insufficient(amount: int, balance: Credits) -> CallerError:
    """The refusal, with what is needed and what each pool has."""
    return CallerError(
        "insufficient_credits",
        f"This needs {amount} credits and the account has {balance.total}.",
        details={"needed": amount, "monthly_remaining": balance.monthly, "topup_remaining": balance.topup},
    )
