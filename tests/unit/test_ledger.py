"""Credits as arithmetic: prices by resolution, monthly before top-up, a refusal that says what is missing."""

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
