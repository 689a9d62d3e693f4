"""The tools of the Model Context Protocol's server: what `mcp_tools.json` says of them, and their structured results.

Each result here is what the tool's `outputSchema` promises; a contract test holds the two together.
"""

import json
from collections.abc import Mapping
from functools import cache
from typing import Any

from packshot import answers as a
from packshot import api
from packshot.job import Job

_OF_A_MODEL = ("id", "title", "operations", "credits", "images", "accepts", "resolutions", "aspect_ratios", "max_count")
_COUNTED = ("jobs", "images", "charged", "refunded")


@cache
def tools(without: tuple[str, ...] = ()) -> Mapping[str, Mapping[str, Any]]:
    """The tools by name, always in the same order."""
    known = json.loads(api.data("mcp_tools.json"))
    for tool in known["tools"]:
        if "outputSchema" in tool:
            tool["outputSchema"] = known["shapes"][tool["outputSchema"]]
    return {tool["name"]: tool for tool in known["tools"] if tool["name"] not in without}


def links(view: a.JobView) -> list[dict[str, Any]]:
    """The pictures of a job as resource links."""
    return [
        {
            "type": "resource_link",
            "uri": shown.url,
            "name": f"{view.job.id}-{shown.output.key.rpartition('/')[2]}",
            "mimeType": shown.output.content_type,
            "size": shown.output.bytes,
        }
        for shown in view.outputs
    ]


def structured(name: str | None, answer: a.Answer) -> dict[str, Any]:
    """What the tool of that name answers."""
    match answer:
        case a.JobView() if name == "check_photo":
            return _checks(answer.job)
        case a.JobView():
            return {**_job(answer.job), "outputs": [_output(shown) for shown in answer.outputs]}
        case a.JobPage():
            jobs = [{**_job(job), "images": len(job.outputs)} for job in answer.jobs]
            return {"jobs": jobs, "next_cursor": answer.cursor}
        case a.Price():
            whole = {**api.quote(answer), "available": answer.available.total}
            return {name: value for name, value in whole.items() if name != "object"}
        case a.Catalogue() if name == "list_presets":
            return {"presets": [dict(item) for item in answer.items], "total": answer.total}
        case a.Catalogue():
            return {"models": [{name: item[name] for name in _OF_A_MODEL if name in item} for item in answer.items]}
        case a.Ticket():
            upload = {"asset_id": answer.asset.id, "method": "POST", "url": answer.url, "fields": dict(answer.fields)}
            return {**upload, "expires_at": api.iso(answer.expires)}
        case a.Usage():
            return _usage(answer)
    raise TypeError(type(answer).__name__)


def _job(job: Job) -> dict[str, Any]:
    money = api.job_credits(job)
    return {
        "job_id": job.id,
        "state": job.state.value,
        "progress": api.progress(job),
        "operation": job.operation,
        "model": job.model,
        "count": job.count,
        "test": job.test,
        "created_at": api.iso(job.created),
        "finished_at": api.iso_or_none(job.finished),
        "credits": {name: money[name] for name in ("price_per_image", "reserved", "charged", "refunded")},
        "error": {"code": job.failure.code, "message": job.failure.message} if job.failure else None,
    }


def _output(shown: a.OutputView) -> dict[str, Any]:
    made = shown.output
    return {
        "index": made.place,
        "url": shown.url,
        "url_expires_at": api.iso_or_none(shown.expires),
        "width": made.width,
        "height": made.height,
        "bytes": made.bytes,
        "content_type": made.content_type,
    }


def _checks(job: Job) -> dict[str, Any]:
    names = ("width", "height", "bytes", "content_type", "simulated")
    photos = [
        {"index": made.place, **{name: getattr(made, name) for name in names}, "report": dict(made.report)}
        for made in job.outputs
    ]
    return {"job_id": job.id, "state": job.state.value, "photos": photos}


def _usage(usage: a.Usage) -> dict[str, Any]:
    keys = [{name: getattr(one, name) for name in ("key", "model", *_COUNTED)} for one in usage.keys]
    return {
        "since": api.iso(usage.since),
        "until": api.iso(usage.until),
        "complete": usage.complete,
        "keys": keys,
        "total": {name: sum(getattr(one, name) for one in usage.keys) for name in _COUNTED},
    }
