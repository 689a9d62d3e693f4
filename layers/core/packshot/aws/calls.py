"""One DynamoDB call, with what may be repeated repeated and what was refused explained.

botocore repeats lost answers and plain throttling, but not a cancelled transaction, whatever cancelled it. Only a
conflict or throttling is transient; a failed condition is an answer.
"""

import random
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError, HTTPClientError

from packshot.errors import Unavailable, not_found

PATIENCE = 2.0
"""Seconds for which conflicts and throttling are sat out, with full jitter."""

_FAILED = frozenset({"ConditionalCheckFailed", "ConditionalCheckFailedException"})
_TRANSIENT = frozenset(
    {
        "TransactionConflict",
        "TransactionConflictException",
        "TransactionInProgressException",
        "ThrottlingError",
        "ThrottlingException",
        "Throttling",
        "ProvisionedThroughputExceeded",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "InternalServerError",
        "ServiceUnavailable",
    }
)


@dataclass(frozen=True, slots=True)
class Reason:
    """Why one item of a write was refused: whether by its condition, and the row that stands there."""

    failed: bool
    item: Mapping[str, Any] | None


class Refused(Exception):
    """A condition did not hold. One reason per item of the transaction, one for a single write."""

    def __init__(self, reasons: tuple[Reason, ...]) -> None:
        super().__init__("condition failed")
        self.reasons = reasons


def patience() -> float:
    """When to stop repeating, on the monotonic clock."""
    return time.monotonic() + PATIENCE


def call(operation: Callable[..., dict[str, Any]], *, until: float | None = None, **request: Any) -> dict[str, Any]:
    """Call. Raises Refused when a condition failed, Unavailable when the table stays busy or gives no answer."""
    until, ceiling = until or patience(), 0.05
    while True:
        try:
            return operation(**request)
        except ClientError as error:
            _explain(error)
            problem: Exception = error
        except HTTPClientError as error:  # botocore has repeated it already; its effect is unknown
            raise Unavailable("no answer from the table") from error
        left = until - time.monotonic()
        if left <= 0:
            raise Unavailable("the table is busy") from problem
        time.sleep(min(left, random.uniform(0, ceiling)))  # noqa: S311
        ceiling = min(ceiling * 2, 1.0)


def every(operation: Callable[..., dict[str, Any]], asked: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """All items of a query, page by page: one answer holds a megabyte at most."""
    while True:
        answer = call(operation, **asked)
        yield from answer["Items"]
        if "LastEvaluatedKey" not in answer:
            return
        asked = {**asked, "ExclusiveStartKey": answer["LastEvaluatedKey"]}


def remove(operation: Callable[..., dict[str, Any]], table: str, key: Mapping[str, Any]) -> Mapping[str, Any]:
    """Delete a row. Returns what it held: nothing when an earlier try of this very call had deleted it.

    Raises CallerError `not_found` when it surely was not there.
    """
    gone = call(operation, TableName=table, Key=key, ReturnValues="ALL_OLD")
    if not gone.get("Attributes") and gone["ResponseMetadata"].get("RetryAttempts", 0) == 0:
        raise not_found()
    found: Mapping[str, Any] = gone.get("Attributes") or {}
    return found


def _explain(error: ClientError) -> None:
    """Raise what the error means; return when the call may be repeated."""
    response: Mapping[str, Any] = error.response
    code = response["Error"]["Code"]
    if code in _FAILED:
        raise Refused((Reason(True, response.get("Item")),)) from error
    if code != "TransactionCanceledException":
        if code in _TRANSIENT:
            return
        raise error
    reasons = response.get("CancellationReasons", ())
    codes = [reason.get("Code", "None") for reason in reasons]
    if any(code in _FAILED for code in codes):
        raise Refused(
            tuple(Reason(reason.get("Code") in _FAILED, reason.get("Item") or None) for reason in reasons)
        ) from error
    if not any(code in _TRANSIENT for code in codes):
        raise error
