"""Events: one fact about a job, an upload or an endpoint, as the body of a callback and the detail on the bus. Pure.

The same fact always gives the same bytes. Everything in it is settled once the fact is true, so it may be written down
twice, by two workers, long after: nothing of what happened to the job since then shows. That is why there is no
presigned address inside (it would expire while the body stays) but the job's own `url`, where fresh ones can be had,
and why `sequence` counts a job's announcements instead of its row's versions. Prompts stay out. What each event looks
like for its receivers is in `schemas/events`.
"""

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from packshot.job import Job, Output, State

TERMINAL = ("job.completed", "job.partial", "job.failed", "job.canceled")
"""What an endpoint that names no events hears about, and the only events that a job's own `callback_url` gets."""

OF_JOBS = ("job.created", "job.processing", *TERMINAL)
"""Every event that an endpoint may ask for."""

PING = "ping"
ENDPOINT_DISABLED = "callback.endpoint_disabled"
UPLOAD_REJECTED = "upload.rejected"


def event_of(job: Job, *, metadata: Mapping[str, str], type: str, api_url: str) -> dict[str, Any]:
    """One announcement of a job; `metadata` is its brief's. Raises ValueError when it never happened to this job.

    The job may have moved on: an early event shows the job as it was at that moment.
    """
    at = _moment(job, type)
    if at is None:
        raise ValueError(f"{type} is no event of a job in state {job.state}")
    state = State.PENDING if type == "job.created" else State(type.removeprefix("job."))
    over = state.terminal
    data = {
        "job": job.id,
        "account": job.account,
        "state": state.value,
        "operation": job.operation,
        "model": job.model,
        "test": job.test,
        "external_id": job.external_id,
        "metadata": {name: metadata[name] for name in sorted(metadata)},
        "count": job.count,
        "outputs": [_output(index, output) for index, output in enumerate(job.outputs)] if over else [],
        "credits": {
            "reserved": job.reserved.total,
            "charged": job.charged.total if over and job.charged else 0,
            "refunded": job.refunded.total if over else 0,
        },
        "error": {"code": job.failure.code, "message": job.failure.message} if over and job.failure else None,
        "created": moment(job.created),
        "started": moment(job.started) if job.started is not None and type != "job.created" else None,
        "finished": moment(at) if over else None,
        "url": f"{api_url.rstrip('/')}/packshot/v1/jobs/{job.id}",
    }
    sequence = 1 if state is State.PENDING else 2 if not over else 3
    return _event(f"evt_{_tail(job.id)}_{type.removeprefix('job.')}", type, at, sequence, data)


def happened(job: Job, type: str) -> bool:
    """Whether `event_of` has something to tell."""
    return _moment(job, type) is not None


def endpoint_disabled(account: str, endpoint: str, *, url: str, reason: str, cause: str, at: int) -> dict[str, Any]:
    """We stopped calling an endpoint; `cause` is the id of the delivery that was the last straw."""
    data = {"account": account, "endpoint": endpoint, "url": url, "reason": reason, "disabled": moment(at)}
    return _event(f"evt_{_digest(cause)}_disabled", ENDPOINT_DISABLED, at, 1, data)


def upload_rejected(account: str, upload: str, *, key: str, code: str, message: str, at: int) -> dict[str, Any]:
    """A file in the uploads bucket is nothing a job can be made of; `upload` names that file and its version."""
    data = {"account": account, "key": key, "error": {"code": code, "message": message}}
    return _event(f"evt_{_digest(f'{account}/{upload}')}_rejected", UPLOAD_REJECTED, at, 1, data)


def ping(account: str, endpoint: str, *, nonce: str, at: int) -> dict[str, Any]:
    """A test event that somebody asked for; `nonce` is new for each."""
    return _event(f"evt_{_tail(nonce)}_ping", PING, at, 1, {"account": account, "endpoint": endpoint})


def moment(at: int) -> str:
    """Milliseconds since 1970 as ISO 8601 in UTC, always with milliseconds and a Z."""
    return datetime.fromtimestamp(at // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S") + f".{at % 1000:03d}Z"


def _moment(job: Job, type: str) -> int | None:
    """When it happened, or None when it did not."""
    if type == "job.created":
        return job.created
    if type == "job.processing":
        return job.started
    if type in TERMINAL and type == f"job.{job.state}":
        return job.finished
    return None


def _output(index: int, output: Output) -> dict[str, Any]:
    return {
        "index": index,
        "key": output.key,
        "width": output.width,
        "height": output.height,
        "bytes": output.bytes,
        "sha256": output.sha256,
        "content_type": output.content_type,
        "simulated": output.simulated,
    }


def _event(id: str, type: str, at: int, sequence: int, data: Mapping[str, Any]) -> dict[str, Any]:
    return {"id": id, "type": type, "created": moment(at), "sequence": sequence, "data": dict(data)}


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _tail(id: str) -> str:
    return id.partition("_")[2] or id
