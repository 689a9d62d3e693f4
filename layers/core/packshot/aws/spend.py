"""What providers cost: for pictures, from the attempts in the jobs' rows; for nothing, from leaks. It reads all."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from packshot import ids
from packshot.aws import rows
from packshot.aws.budgets import month_of
from packshot.aws.calls import call, every
from packshot.aws.clients import client
from packshot.aws.jobs import job_of

LONGEST_JOB_MS = 86_400_000
"""A job may have been taken this long before its last attempt."""


def by_provider(table: str, accounts: Iterable[str], since: int, until: int) -> dict[str, int]:
    """Micro US dollars of the attempts begun in [since, until), ms, whose results came or may have come."""
    spent: Counter[str] = Counter()
    for account in accounts:
        low, high = ids.floor("job", max(0, since - LONGEST_JOB_MS)), ids.floor("job", until)
        given = {"pk": account, "low": f"job#{low}", "high": f"job#{high}"}
        asked: dict[str, Any] = rows.query(table, "#pk = :pk AND #sk BETWEEN :low AND :high", given)
        while True:
            answer = call(client("dynamodb").query, **asked)
            for job in map(job_of, answer["Items"]):
                for attempt in (one for each in job.calls for one in each.attempts):
                    if since <= attempt.started < until and attempt.costs:
                        spent[attempt.provider] += attempt.micro_usd
            if "LastEvaluatedKey" not in answer:
                break
            asked["ExclusiveStartKey"] = answer["LastEvaluatedKey"]
    return dict(spent)


def leaks(table: str, accounts: Iterable[str]) -> dict[tuple[str, str], tuple[int, int]]:
    """(month, provider) -> how often something was paid for that nobody got, and micro US dollars."""
    found: dict[tuple[str, str], tuple[int, int]] = {}
    for account in accounts:
        asked = rows.query(table, "#pk = :pk AND begins_with(#sk, :sk)", {"pk": account, "sk": "leak#"})
        for row in map(rows.unpack, every(client("dynamodb").query, asked)):
            place = month_of(row["at"]), row["provider"]
            times, micro_usd = found.get(place, (0, 0))
            found[place] = times + 1, micro_usd + row["micro_usd"]
    return dict(sorted(found.items()))
