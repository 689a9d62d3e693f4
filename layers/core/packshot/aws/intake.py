"""What a reserve writes, item by item, and what a refused item means. No calls here.

Test jobs cost nothing and leave the account's row alone.
"""

import hashlib
from collections.abc import Mapping
from typing import Any

from packshot.aws import budgets, rows
from packshot.aws.calls import Reason
from packshot.brief import Brief
from packshot.errors import CallerError, PackshotError
from packshot.job import Cap, Credits, Job

IDEMPOTENCY_S = 86_400
"""How long an idempotency key is remembered."""

MAX_BRIEF = 300_000
"""The longest stored brief, in bytes: a row holds 400 KB."""


def parts(
    table: str,
    job: Job,
    brief: Brief,
    idempotency: tuple[str, str] | None,
    assets: tuple[str, ...],
    caps: Mapping[str, Cap],
) -> dict[str, Any]:
    """The items of the transaction by name: `job`, `brief`, `account`, `idem`, `asset#…`, `budget#…`; `job.reserved`
    is set."""
    body = rows.fold(brief.dump())
    if len(body) > MAX_BRIEF:
        raise CallerError("body_too_large", "The request holds more text than a job can carry.")
    row = {
        "pk": job.account,
        "sk": f"job#{job.id}",
        "ver": job.version,
        "state": job.state.value,
        "body": rows.fold(job.dump()),
        "lane": job.lane,
        "due": job.due,
        "ext": job.external_id or None,
    }
    made: dict[str, Any] = {
        "job": {"Put": rows.insert(table, row)},
        "brief": {"Put": rows.insert(table, {"pk": job.account, "sk": f"brief#{job.id}", "body": body})},
    }
    if job.reserved.total:
        made["account"] = {"Update": take(table, job.account, job.reserved)}
    now = job.created // 1000
    if idempotency:
        key, fingerprint = idempotency
        row = {
            "pk": job.account,
            "sk": idem(key),
            "job": job.id,
            "fingerprint": fingerprint,
            "expires": now + IDEMPOTENCY_S,
        }
        free = "attribute_not_exists(#pk) OR #expires <= :now"
        made["idem"] = {"Put": rows.insert(table, row, only_if=free, given={"now": now})}
    for name in job.budgets:
        made[f"budget#{name}"] = {"Update": budgets.take(table, job, name, caps[name])}
    usable = "attribute_exists(#pk) AND #state <> :rejected AND #expires > :now"
    for asset in dict.fromkeys(assets):
        made[f"asset#{asset}"] = {
            "ConditionCheck": rows.check(
                table,
                job.account,
                f"asset#{asset}"[:500],
                only_if=usable,
                given={"rejected": "rejected", "now": now},
            )
        }
    return made


def take(table: str, account: str, pools: Credits) -> rows.Item:
    """Take from the pools. Top-up credits are touched only when the monthly ones are used up to the last."""
    guard = "#status IN (:active, :trialing) AND #monthly >= :monthly AND #topup >= :topup"
    if pools.topup:
        guard += " AND #monthly = :monthly"
    return rows.change(
        table,
        account,
        "account",
        add={"monthly": -pools.monthly, "topup": -pools.topup},
        only_if=guard,
        given={"active": "active", "trialing": "trialing", "monthly": pools.monthly, "topup": pools.topup},
    )


def give_back(table: str, account: str, back: Credits) -> rows.Item:
    """Return to each pool what came from it."""
    if min(back.monthly, back.topup) < 0:
        raise PackshotError("a finish cannot charge more than was reserved")
    return rows.change(table, account, "account", add={"monthly": back.monthly, "topup": back.topup})


def asset_missing(brief: Brief, failed: Mapping[str, Reason]) -> None:
    """Raise CallerError naming the first picture whose asset's check failed."""
    for index, image in enumerate(brief.images):
        if image.kind == "asset" and f"asset#{image.value}" in failed:
            raise CallerError("unknown_asset", "There is no such asset, or it has expired.", field=f"images[{index}]")
    if any(name.startswith("asset#") for name in failed):
        raise CallerError("unknown_asset", "There is no such asset, or it has expired.", field="images")


def over_budget(job: Job, failed: Mapping[str, Reason]) -> None:
    """Raise CallerError where a month's budget has no room for the job."""
    for name in failed:
        if name.startswith("budget#"):
            whose = "account's" if name == "budget#account" else "key's"
            raise CallerError(
                "insufficient_credits",
                f"This {whose} budget for the month is used up, or too small for this job.",
                details={"needed": job.price * job.count, "budget": "account" if whose == "account's" else "key"},
            )


def idem(key: str) -> str:
    """The sort key of an idempotency key's row; the key itself is the caller's text and is not stored."""
    return "idem#" + hashlib.sha256(key.encode()).hexdigest()
