"""Credits as arithmetic: prices by resolution, monthly before top-up, a refusal that says what is missing."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from packshot import ledger
from packshot.brief import Brief
from packshot.errors import CallerError
from packshot.job import Credits

AMOUNTS = st.integers(0, 10_000)


@given(AMOUNTS, AMOUNTS, AMOUNTS)
def test_a_split_is_whole_and_takes_topup_only_when_monthly_is_used_up(amount: int, monthly: int, topup: int) -> None:
    balance = Credits(monthly, topup)
    if amount > balance.total:
        with pytest.raises(CallerError) as caught:
            ledger.split(amount, balance)
        assert caught.value.code == "insufficient_credits"
        return
    taken = ledger.split(amount, balance)
    left = balance - taken
    assert taken.total == amount
    assert min(taken.monthly, taken.topup, left.monthly, left.topup) >= 0
    assert taken.topup == 0 or left.monthly == 0


@pytest.mark.parametrize(
    ("resolution", "width", "height", "credits"),
    [
        ("1K", None, None, 3),
        ("2K", None, None, 6),
        ("4K", None, None, 12),
        ("1K", 1024, 512, 3),
        ("1K", 1025, 512, 6),
        ("4K", 600, 2048, 6),
        ("1K", 600, 2049, 12),
    ],
)
def test_a_price_follows_what_is_paid_for(resolution: str, width: int | None, height: int | None, credits: int) -> None:
    brief = Brief("generate", "studio", resolution=resolution, width=width, height=height)  # type: ignore[arg-type]
    assert ledger.price_of(brief, 3) == credits


def test_a_refusal_says_what_is_needed_and_what_is_there() -> None:
    error = ledger.insufficient(5, Credits(1, 2))
    assert (error.status, error.details) == (402, {"needed": 5, "monthly_remaining": 1, "topup_remaining": 2})
    assert error.message == "This needs 5 credits and the account has 3."


@given(AMOUNTS, AMOUNTS, AMOUNTS, AMOUNTS)
def test_credits_add_and_subtract_by_pool(a: int, b: int, c: int, d: int) -> None:
    assert Credits(a, b) + Credits(c, d) - Credits(c, d) == Credits(a, b)
    assert (Credits(a, b) + Credits(c, d)).total == a + b + c + d


def at(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("2026-03-14T15:09:26", "2026-04-14T15:09:26"),
        ("2026-01-28T00:00:00", "2026-02-28T00:00:00"),
        ("2026-01-29T00:00:00", "2026-02-28T00:00:00"),
        ("2026-01-31T23:59:59", "2026-02-28T23:59:59"),
        ("2028-01-31T23:59:59", "2028-02-29T23:59:59"),
        ("2000-01-30T12:00:00", "2000-02-29T12:00:00"),
        ("2100-01-31T00:00:00", "2100-02-28T00:00:00"),
        ("2028-02-29T00:00:00", "2028-03-29T00:00:00"),
        ("2026-03-31T00:00:00", "2026-04-30T00:00:00"),
        ("2026-12-31T23:59:59.999", "2027-01-31T23:59:59.999"),
        ("2026-12-01T00:00:00", "2027-01-01T00:00:00"),
        ("2026-11-30T00:00:00", "2026-12-30T00:00:00"),
        ("1970-01-01T00:00:00.001", "1970-02-01T00:00:00.001"),
    ],
)
def test_a_month_later_is_the_same_day_or_the_months_last(before: str, after: str) -> None:
    assert ledger.month_later(at(before)) == at(after)


@given(st.integers(0, 4_102_444_800_000))
def test_a_month_later_is_the_next_month_at_the_same_time_of_day(moment: int) -> None:
    later = ledger.month_later(moment)
    then, now = (datetime.fromtimestamp(each // 1000, UTC) for each in (moment, later))
    assert 28 * 86_400_000 <= later - moment <= 31 * 86_400_000
    assert (later - moment) % 86_400_000 == 0
    assert (now.year * 12 + now.month) - (then.year * 12 + then.month) == 1
    assert now.day <= then.day
