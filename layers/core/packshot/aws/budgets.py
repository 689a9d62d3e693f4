"""What an account or a key has spent of its month's budget: a row per month, counted in the transactions of its jobs.

A reserve counts a job's whole price and its dearest way upstream; the finish gives back what was not spent. Only who
has a cap has such rows: they cost two write units each time.
"""

from datetime import UTC, datetime

from packshot.aws import rows
from packshot.job import Cap, Job

KEPT_S = 400 * 86_400


def month_of(at: int) -> str:
    """`2026-11` of a time in ms."""
    return datetime.fromtimestamp(at // 1000, UTC).strftime("%Y-%m")


def sort_key(name: str, at: int) -> str:
    """The row of a budget: `name` is `account` or a key's id."""
    return f"budget#{name}#{month_of(at)}"


def take(table: str, job: Job, name: str, cap: Cap) -> rows.Item:
    """Count a new job in, if the cap leaves room for it."""
    credits, micro_usd = job.price * job.count, job.estimate
    guards: list[str] = []
    given: dict[str, object] = {}
    for field, amount, most in (("credits", credits, cap.credits), ("micro", micro_usd, cap.micro_usd)):
        if most is None:
            continue
        if amount > most:
            guards.append("attribute_not_exists(#pk) AND attribute_exists(#pk)")  # it can never fit
        else:
            guards.append(f"(attribute_not_exists(#{field}) OR #{field} <= :{field}_left)")
            given[f"{field}_left"] = most - amount
    return _add(table, job, name, credits, micro_usd, " AND ".join(guards), given)


def settle(table: str, job: Job, name: str) -> rows.Item | None:
    """Take out what an ended job did not spend; None when it spent all."""
    credits, micro_usd = -job.refunded.total, job.spent - job.estimate
    return _add(table, job, name, credits, micro_usd, "", {}) if credits or micro_usd else None


def _add(
    table: str, job: Job, name: str, credits: int, micro_usd: int, only_if: str, given: dict[str, object]
) -> rows.Item:
    return rows.count(
        table,
        job.account,
        sort_key(name, job.created),
        {"credits": credits, "micro": micro_usd},
        expires=job.created // 1000 + KEPT_S,
        only_if=only_if,
        given=given,
    )
