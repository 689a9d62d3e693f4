"""How packshot's own API shows things: one pure function per value, JSON out. Keys are always there, null if empty.

Only an output's `data` comes and goes. `shapes.py` describes the same shapes for callers; a contract test holds the
two together.
"""

import binascii
import pkgutil
import time
from collections.abc import Iterable, Mapping
from typing import Any

from packshot import answers as a
from packshot import wishes as w
from packshot.brief import Brief
from packshot.job import Call, Cap, Credits, Job, Output, State, Step

PREFIX = "/packshot/v1/"
_BRIEF = (
    "prompt", "negative_prompt", "preset", "count", "aspect_ratio", "width", "height", "resolution", "like_input",
    "scale", "strength", "guidance", "detail", "mask_kind", "background", "fidelity", "quality", "seed", "format",
    "delivery", "keep", "cache", "prefer", "callback_url",
)  # fmt: skip


def data(name: str) -> bytes:
    """A generated file of this folder: `openapi.json` or `validators.json`."""
    content = pkgutil.get_data(__name__, name)
    if content is None:
        raise FileNotFoundError(name)
    return content


def iso(ms: int) -> str:
    """`2026-11-21T08:00:00.000Z`."""
    whole = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(ms // 1000))
    return f"{whole:0>19}.{ms % 1000:03}Z"  # a year before 1000 comes with fewer digits


def iso_or_none(ms: int | None) -> str | None:
    """The same, or null for a time that has not come."""
    return None if ms is None else iso(ms)


def page(items: Iterable[Mapping[str, Any]], cursor: str | None = None) -> dict[str, Any]:
    """A list."""
    return {"object": "list", "data": list(items), "next_cursor": cursor}


def job(view: a.JobView) -> dict[str, Any]:
    """A job with all that belongs to it. `view.outputs` carries addresses; without them they are null."""
    nothing = dict.fromkeys(("file_name", "alt", "url", "url_expires_at"))
    outputs = [output_view(place, shown) for place, shown in enumerate(view.outputs)] or [
        {**output(place, bare), **nothing} for place, bare in enumerate(view.job.outputs)
    ]
    return {
        **summary(view.job),
        "outputs": outputs,
        "brief": brief(view.brief),
        "metadata": dict(view.brief.metadata),
        "attempts": [shown for place, call in enumerate(view.job.calls) for shown in attempts(place, call)],
        "timings": dict(view.job.timings),
    }


def summary(value: Job) -> dict[str, Any]:
    """A job as lists show it."""
    link = f"{PREFIX}jobs/{value.id}"
    return {
        "id": value.id,
        "object": "job",
        "state": value.state.value,
        "progress": progress(value),
        "operation": value.operation,
        "model": value.model,
        "count": value.count,
        "created_at": iso(value.created),
        "started_at": iso_or_none(value.started),
        "finished_at": iso_or_none(value.finished),
        "deadline_at": iso(value.deadline),
        "credits": job_credits(value),
        "outputs": [output(place, bare) for place, bare in enumerate(value.outputs)],
        "error": {"code": value.failure.code, "message": value.failure.message} if value.failure else None,
        "external_id": value.external_id,
        "key_id": value.key or None,
        "test": value.test,
        "links": {"self": link, "cancel": f"{link}/cancel", "deliveries": f"{link}/deliveries"},
    }


def progress(value: Job) -> int:
    """Percent: the share of finished pictures, 10 to 95 while the job is worked on; 0 before, 100 after."""
    if value.state.terminal:
        return 100
    if value.state is State.PENDING:
        return 0
    settled = sum(call.images for call in value.calls if call.step is Step.DONE)
    return max(10, min(95, 100 * max(settled, len(value.outputs)) // value.count))


def job_credits(value: Job) -> dict[str, Any]:
    """A job's money, in total and by pool; `charged` is null while the job is open."""

    def share(pool: str) -> dict[str, int | None]:
        return {
            "reserved": getattr(value.reserved, pool),
            "charged": getattr(value.charged, pool) if value.charged is not None else None,
            "refunded": getattr(value.refunded, pool),
        }

    return {
        "price_per_image": value.price,
        **share("total"),
        "pools": {"monthly": share("monthly"), "topup": share("topup")},
    }


def brief(value: Brief) -> dict[str, Any]:
    """What was asked for; pictures by address or id, never their data."""
    profiles = dict.fromkeys(image.value.partition("/")[0] for image in value.of("profile"))
    return {
        **{name: getattr(value, name) for name in _BRIEF},
        "subject_box": list(value.box) if value.box else None,
        "subject_point": list(value.point) if value.point else None,
        "channels": list(value.channels) or None,
        "adjust": list(value.adjust) or None,
        "images": [image.value for image in value.of("product")],
        "reference": next((image.value for image in value.of("reference")), None),
        "mask": next((image.value for image in value.of("mask")), None),
        "profiles": list(profiles),
    }


def attempts(place: int, call: Call) -> list[dict[str, Any]]:
    """The tries of one call. Tokens and the provider's own ids stay inside."""
    return [
        {
            "call": place,
            "number": attempt.number,
            "provider": attempt.provider,
            "model": attempt.model,
            "outcome": attempt.outcome or None,
            "started_at": iso(attempt.started),
            "ended_at": iso_or_none(attempt.ended),
            "ms": None if attempt.ended is None else attempt.ended - attempt.started,
            "polls": attempt.polls,
            "usd": attempt.micro_usd / 1_000_000,
            "simulated": attempt.simulated,
            "own_key": attempt.own,
        }
        for attempt in call.attempts
    ]


def output(place: int, value: Output) -> dict[str, Any]:
    """A picture without its address."""
    report = dict(value.report)
    return {
        "index": place,
        "width": value.width,
        "height": value.height,
        "bytes": value.bytes,
        "sha256": value.sha256,
        "content_type": value.content_type,
        "simulated": value.simulated,
        "reused": value.reused,
        "check": report.pop("check", []),
        "compliance": report.pop("compliance", None),
        "fidelity": report.pop("fidelity", None),
        "report": report,
    }


def output_view(place: int, view: a.OutputView) -> dict[str, Any]:
    """A picture with its address and, when it was asked for, its bytes."""
    named = {"file_name": view.file_name, "alt": view.alt or None}
    shown = {**output(place, view.output), **named, "url": view.url, "url_expires_at": iso_or_none(view.expires)}
    if view.data is not None:
        shown["data"] = binascii.b2a_base64(view.data, newline=False).decode()
    return shown


def balance(value: Credits) -> dict[str, int]:
    """Credits by pool."""
    return {"total": value.total, "monthly": value.monthly, "topup": value.topup}


def quote(value: a.Price) -> dict[str, Any]:
    """A price."""
    return {
        "object": "quote",
        "model": value.model,
        "count": value.count,
        "price_per_image": value.per_image,
        "total": value.total,
        "available": balance(value.available),
        "sufficient": value.total <= value.available.total,
    }


def asset(value: a.Asset) -> dict[str, Any]:
    """A kept picture."""
    return {
        "id": value.id,
        "object": "asset",
        "state": value.state,
        "created_at": iso(value.created),
        "content_type": value.content_type or None,
        "bytes": value.bytes,
        "width": value.width or None,
        "height": value.height or None,
        "sha256": value.sha256 or None,
        "filename": value.filename,
        "tags": list(value.tags),
        "url": value.url or None,
        "thumbnail_url": value.thumbnail_url or None,
        "reason": value.reason,
    }


def ticket(value: a.Ticket) -> dict[str, Any]:
    """A prepared upload."""
    return {
        "object": "upload",
        "asset": asset(value.asset),
        "method": "POST",
        "url": value.url,
        "fields": dict(value.fields),
        "expires_at": iso(value.expires),
    }


def preset(item: Mapping[str, Any]) -> dict[str, Any]:
    """A look as the catalogue describes it; its time in words."""
    known = {name: value for name, value in item.items() if name != "created"}
    return {"id": item["id"], "object": "preset", **known, "created_at": iso(item["created"])}


def profile(value: a.Profile) -> dict[str, Any]:
    """A set of reference pictures."""
    return {
        "id": value.id,
        "object": "profile",
        "state": value.state,
        "created_at": iso(value.created),
        "images": value.images,
        "tag": value.tag,
        "message": value.message or None,
    }


def usage(value: a.Usage) -> dict[str, Any]:
    """What keys did in a span of time."""
    return {
        "object": "usage",
        "since": iso(value.since),
        "until": iso(value.until),
        "complete": value.complete,
        "keys": [
            {
                "key_id": one.key or None,
                "model": one.model,
                "jobs": one.jobs,
                "images": one.images,
                "credits": {"charged": one.charged, "refunded": one.refunded},
            }
            for one in value.keys
        ],
    }


def account(value: a.AccountView) -> dict[str, Any]:
    """The account behind a key."""
    return {
        "id": value.id,
        "object": "account",
        "name": value.name,
        "mode": value.mode,
        "plan": value.plan,
        "status": value.status,
        "allowance": value.allowance,
        "renews_at": iso_or_none(value.renews),
        "models": dict(value.models),
        "credits": {"available": balance(value.available), "granted": balance(value.granted)},
        "rate_limit": {"requests_per_minute": value.requests_per_minute, "burst": value.burst},
        "scopes": list(value.scopes),
        "provider_keys": list(value.own),
        "budgets": [budget(name, cap) for name, cap in value.caps.items()],
    }


def budget(name: str, cap: Cap) -> dict[str, Any]:
    """What an account or a key may spend in a month."""
    usd = None if cap.micro_usd is None else cap.micro_usd / 1_000_000
    return {"of": "account" if name == "account" else "key", "credits_a_month": cap.credits, "usd_a_month": usd}


def endpoint(value: a.Endpoint) -> dict[str, Any]:
    """A callback endpoint; its secret only where the answer carries it."""
    return {
        "id": value.id,
        "object": "callback_endpoint",
        "url": value.url,
        "events": list(value.events),
        "description": value.description,
        "form": value.form,
        "disabled": value.disabled is not None,
        "disabled_reason": value.disabled,
        "created_at": iso(value.created),
        "secret": value.secret,
        "old_secret_valid_until": iso_or_none(value.old_secret_until),
    }


def delivery(value: a.Delivery) -> dict[str, Any]:
    """One line of a delivery log."""
    return {
        "id": value.id,
        "object": "delivery",
        "job": value.job,
        "event_id": value.event,
        "type": value.type,
        "target": value.target,
        "state": value.state,
        "created_at": iso(value.created),
        "next_try_at": iso_or_none(value.next_try),
        "tries": [
            {"at": iso(at), "status": status or None, "ms": ms, "reason": reason or None}
            for at, status, ms, reason in value.tries
        ],
    }


def shape(wish: w.Wish, answer: a.Answer) -> dict[str, Any]:
    """Any answer that has a JSON form."""
    match answer:
        case a.JobView():
            return job(answer)
        case a.JobPage():
            return page(map(summary, answer.jobs), answer.cursor)
        case a.Price():
            return quote(answer)
        case a.Checked():
            return {"object": "checks", "measured": dict(answer.measured), "reports": list(answer.reports)}
        case a.Catalogue() if isinstance(wish, w.ListPresets):
            total = len(answer.items) if answer.total is None else answer.total
            return {**page(map(preset, answer.items)), "total": total}
        case a.Catalogue():
            return page({"id": item.get("id"), "object": "model", **item} for item in answer.items)
        case a.Entry():
            return preset(answer.item)
        case a.Asset():
            return asset(answer)
        case a.AssetPage():
            return page(map(asset, answer.assets), answer.cursor)
        case a.Ticket():
            return ticket(answer)
        case a.Profile():
            return profile(answer)
        case a.Profiles():
            return page(map(profile, answer.profiles))
        case a.AccountView():
            return account(answer)
        case a.Usage():
            return usage(answer)
        case a.Endpoint():
            return endpoint(answer)
        case a.Endpoints():
            return page(map(endpoint, answer.endpoints))
        case a.Deliveries():
            return page(map(delivery, answer.deliveries))
        case a.Done():
            return {"object": "acceptance", "count": answer.count}
    raise TypeError(type(answer).__name__)


def problem(
    status: int,
    code: str,
    detail: str,
    request_id: str,
    field: str | None = None,
    details: Mapping[str, object] | None = None,
) -> dict[str, Any]:
    """An error as RFC 9457 has it; `details` cannot replace a member of ours."""
    known = {
        "type": f"urn:packshot:error:{code}",
        "title": code.replace("_", " ").capitalize().replace("api", "API").replace("json", "JSON"),
        "status": status,
        "detail": detail,
        "code": code,
        **({"field": field} if field is not None else {}),
    }
    return {
        **known,
        **{name: value for name, value in (details or {}).items() if name not in known},
        "request_id": request_id,
    }
