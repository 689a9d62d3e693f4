"""What providers cost in a span of time, from the attempts in the jobs' own rows. For operators: it reads every job."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from packshot import ids
from packshot.aws import rows
from packshot.aws.calls import call
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
