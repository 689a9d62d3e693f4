"""Model Context Protocol (modelcontextprotocol.io): JSON-RPC 2.0 in one POST, at /mcp and /api/mcp, bearer key.

Streamable HTTP without streams or sessions: one JSON object answers every request, of the newest revision and of those
before it. /api/mcp has AIPhotoGenerator's own tool besides. What a tool's arguments may be is said by its schema in
`api/mcp_tools.json`, and checked against that.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from packshot import answers as a
from packshot import catalog
from packshot import wishes as w
from packshot.api import mcp_messages as m
from packshot.api import mcp_tools
from packshot.brief import Brief, Image, ratio_of
from packshot.dialects import Dialect
from packshot.errors import CallerError, PackshotError, Stale, Unavailable, not_found
from packshot.fields import Fields
from packshot.job import State
from packshot.validate import instant, invalid, is_address, parse
from packshot.wire import Request, Response, dump, json_response

PREFIX, VENDOR_PREFIX = "/mcp", "/api/mcp"  # the second is documented by AIPhotoGenerator, with its tools

# Not documented; our choices (docs/dialects.md):
SERVER = {"name": "packshot", "title": "packshot", "version": "0.1.0"}
INSTRUCTIONS = (
    "Makes product photos from snapshots. A picture on this machine goes through upload_asset first. Jobs take seconds "
    "to minutes: ask get_job every few seconds until its state is completed, partial, failed or canceled."
)
TTL_MS = 300_000  # of server/discover and tools/list, which are the same for everybody
MAX_BODY = 1_000_000  # no tool takes a picture's bytes
ORIGINS: tuple[str, ...] = ()  # of web pages that may call, beside pages of the host that is called
VENDOR_TOOLS = ("generate_image",)  # beside list_models, which is the same for both
VENDOR_WAIT = 600  # s; AIPhotoGenerator's tools are synchronous, no limit is named
VENDOR_AREA = 1_048_576  # pixels; its image costs the model's credits for each of these that it begins
LOST = "It was not ready in time; its credits went back."
AT_THE_DOOR = (  # answered with their HTTP status, which is also the JSON-RPC code: the protocol has none for them
    "missing_api_key",
    "invalid_api_key",
    "origin_not_allowed",
    "scope_missing",
    "method_not_allowed",
    "body_too_large",
    "unsupported_media_type",
    "rate_limited",
)


def key_of(request: Request) -> str | None:
    """The bearer token."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None


# ----------------------------------------------------------------------------------------------------------- read


def read(request: Request) -> w.Wish:
    """The wish in a request. Raises CallerError; one that no tool's result can tell has its JSON-RPC code along."""
    if request.url not in (PREFIX, VENDOR_PREFIX):
        raise not_found()
    origin = request.headers.get("origin")
    if origin is not None and origin not in ORIGINS and not _same_host(origin, request.headers.get("host", "")):
        raise CallerError("origin_not_allowed", "Web pages of this origin may not call.")
    if request.method != "POST":
        raise CallerError("method_not_allowed", "Allowed here: POST.", headers={"allow": "POST"})
    if len(request.body) > MAX_BODY:
        raise CallerError("body_too_large", f"A message may have {MAX_BODY:,} bytes.")
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() not in ("", "application/json"):
        raise CallerError("unsupported_media_type", "Send application/json.")
    message = parse(request.body)
    if isinstance(message, list):
        raise m.fault(m.INVALID_REQUEST, "Batches are not taken: send one message per request.")
    if not isinstance(message, dict) or message.get("jsonrpc") != "2.0":
        raise m.fault(m.INVALID_REQUEST, "The body must be one JSON-RPC 2.0 message.")
    return _message(request, message)


def _same_host(origin: str, host: str) -> bool:
    try:
        return bool(host) and urlsplit(origin).netloc.lower() == host.lower()
    except ValueError:
        return False


def _message(request: Request, message: Mapping[str, Any]) -> w.Wish:
    method, params = message.get("method"), message.get("params", {})
    modern = m.is_modern(request, message)
    if method is None and not modern and ("result" in message or "error" in message):
        return w.Say(None, 202)  # the answer to a question that we never asked
    if not isinstance(method, str):
        raise m.fault(m.INVALID_REQUEST, "A message needs a method.")
    if "id" not in message:  # a notification: nothing to do, whatever it is
        m.check_version(request.headers.get("mcp-protocol-version", m.CURRENT))
        return w.Say(None, 202)
    if m.id_of(message) is None:
        raise m.fault(m.INVALID_REQUEST, "A request's id must be text or a whole number.")
    if not isinstance(params, dict):
        raise m.fault(m.INVALID_PARAMS, "params must be an object.")
    if modern:
        m.check(request, method, params)
    known = _MODERN if modern else _LEGACY
    if method not in known:
        raise m.fault(m.METHOD_NOT_FOUND, f"Method not found: {_shown(method)}")
    return known[method](request, params)


def _initialize(_: Request, params: Mapping[str, Any]) -> w.Wish:
    wanted = params.get("protocolVersion")
    if not isinstance(wanted, str):
        raise m.fault(m.INVALID_PARAMS, "initialize needs a protocolVersion.")
    version = wanted if wanted in m.LEGACY else m.LEGACY[0]
    can = {"protocolVersion": version, "capabilities": {"tools": {}}}
    return w.Say({**can, "serverInfo": SERVER, "instructions": INSTRUCTIONS})


def _discover(_: Request, __: Mapping[str, Any]) -> w.Wish:
    can = {"supportedVersions": list(m.SUPPORTED), "capabilities": {"tools": {}}, "instructions": INSTRUCTIONS}
    return w.Say({**can, "ttlMs": TTL_MS, "cacheScope": "public"})


def _list_tools(request: Request, params: Mapping[str, Any]) -> w.Wish:
    if params.get("cursor") is not None:
        raise m.fault(m.INVALID_PARAMS, "Invalid cursor")
    return w.Say({"tools": list(_tools(request).values()), "ttlMs": TTL_MS, "cacheScope": "public"})


def _call_tool(request: Request, params: Mapping[str, Any]) -> w.Wish:
    name, given = params.get("name"), params.get("arguments")
    if not isinstance(name, str):
        raise m.fault(m.INVALID_PARAMS, "tools/call needs a tool's name.")
    tool = _tools(request).get(name)
    if tool is None:
        raise m.fault(m.INVALID_PARAMS, f"Unknown tool: {_shown(name)}")
    if given is not None and not isinstance(given, dict):
        raise m.fault(m.INVALID_PARAMS, "arguments must be an object.")
    return TOOLS[name](_arguments(tool, given or {}))


_Method = Callable[[Request, Mapping[str, Any]], w.Wish]
_TOOLS: Mapping[str, _Method] = {"tools/list": _list_tools, "tools/call": _call_tool}
_MODERN: Mapping[str, _Method] = {"server/discover": _discover, **_TOOLS}
_LEGACY: Mapping[str, _Method] = {"initialize": _initialize, "ping": lambda _, __: w.Say({}), **_TOOLS}


def _tools(request: Request) -> Mapping[str, Mapping[str, Any]]:
    return mcp_tools.tools(without=() if request.url == VENDOR_PREFIX else VENDOR_TOOLS)


def _shown(name: str) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in name[:60])


# ---------------------------------------------------------------------------------------------------------- tools


def _arguments(tool: Mapping[str, Any], given: Mapping[str, object]) -> dict[str, Any]:
    """The arguments as the tool's own schema allows them, with its defaults. Raises CallerError."""
    schema, fields = tool["inputSchema"], Fields(given)
    rules, required = schema.get("properties", {}), schema.get("required", ())
    fields.only(rules)
    return {
        name: _argument(fields, name, rule) if name in required or fields.has(name) else rule.get("default")
        for name, rule in rules.items()
    }


def _argument(fields: Fields, name: str, rule: Mapping[str, Any]) -> object:
    if rule["type"] == "integer":
        return fields.whole(name, rule["minimum"], rule["maximum"])
    if rule["type"] == "array":
        found = fields.texts(name, most=rule["maxItems"], size=rule["items"]["maxLength"])
        return [_checked(text, f"{name}[{place}]", rule["items"]) for place, text in enumerate(found)]
    if "enum" in rule:
        return fields.choice(name, rule["enum"])
    return _checked(fields.text(name, least=rule.get("minLength", 0), most=rule["maxLength"]), name, rule)


def _checked(text: str, name: str, rule: Mapping[str, Any]) -> str:
    if rule.get("format") == "uri" and not is_address(text):
        raise invalid(name, "Must be an absolute https address.")
    if "pattern" in rule and not re.match(rf"(?:{rule['pattern']})(?!\n)", text):  # in Python $ lets a newline follow
        raise invalid(name, f"Must be: {rule.get('description', 'of another form')}")
    return text


def _photo(given: Mapping[str, Any]) -> Brief:
    images = _picture(given)
    ratio = given["aspect_ratio"] or ("auto" if images else "1:1")
    try:
        ratio_of(ratio)
    except ValueError:
        raise invalid("aspect_ratio", "Must be auto, or width:height between 1:20 and 20:1, such as 4:3.") from None
    plain = {name: given[name] for name in ("model", "prompt", "preset", "count", "resolution", "seed")}
    return Brief(operation="generate", images=images, aspect_ratio=ratio, **plain)


def _picture(given: Mapping[str, Any]) -> tuple[Image, ...]:
    url, asset = given["image_url"], given["asset_id"]
    if url and asset:
        raise invalid("asset_id", "Give image_url or asset_id, not both.")
    return (Image("url", url),) if url else (Image("asset", asset),) if asset else ()


def _remove_background(given: Mapping[str, Any]) -> w.Wish:
    images = _picture(given)
    if not images:
        raise CallerError("missing_field", "Give image_url or asset_id.", field="image_url")
    brief = Brief(operation="remove_background", model="", images=images, like_input=True, format="png")
    return w.Submit(brief, wait=given["wait_seconds"])


def _usage(given: Mapping[str, Any]) -> w.Wish:
    since, until = (instant(f"{given[name]}T00:00:00Z", name) or 0 for name in ("since", "until"))
    if until < since:
        raise invalid("until", "Must not be before since.")
    return w.GetUsage(since, until + 86_400_000)


def _vendor_image(given: Mapping[str, Any]) -> w.Wish:
    """AIPhotoGenerator requires a prompt of every model, so one that works without words may leave it unheard."""
    model = catalog.models().get(given["model"])
    skill = model.operations.get("generate") if model else None
    wordless = skill is not None and "prompt" not in skill.accepts
    images = tuple(Image("url", text) for text in given["input_image_urls"])
    plain = {name: given[name] for name in ("model", "prompt", "width", "height")}
    price = None if model is None else model.credits * -(-given["width"] * given["height"] // VENDOR_AREA)
    brief = Brief(operation="generate", images=images, **plain)
    lenient = frozenset({"prompt"} if wordless else ())
    return w.Submit(brief, wait=VENDOR_WAIT, final=True, price=price, lenient=lenient)


TOOLS: Mapping[str, Callable[[Mapping[str, Any]], w.Wish]] = {
    "generate_product_photo": lambda given: w.Submit(_photo(given), wait=given["wait_seconds"]),
    "get_job": lambda given: w.GetJob(given["job_id"]),
    "list_jobs": lambda given: w.ListJobs(given["limit"], given["cursor"], state=given["state"]),
    "cancel_job": lambda given: w.CancelJob(given["job_id"]),
    "list_models": lambda _: w.ListModels(),
    "list_presets": lambda given: w.ListPresets(given["limit"], given["offset"]),
    "estimate_cost": lambda given: w.Quote(_photo(given)),
    "upload_asset": lambda given: w.PresignAsset(given["content_type"], given["bytes"], given["filename"]),
    "remove_background": _remove_background,
    "check_photo": lambda given: w.GetJob(given["job_id"]),
    "get_usage": _usage,
    "generate_image": _vendor_image,
}


# ---------------------------------------------------------------------------------------------------------- write


def write(wish: w.Wish, answer: a.Answer, request: Request) -> Response:
    """A JSON-RPC result; a tool's as structured content, and the same as text."""
    if isinstance(answer, a.Said):
        return Response(202) if answer.status == 202 else _result(request, answer.payload)
    name, links, failed = _tool(request), [], False
    if isinstance(answer, a.JobView) and name != "check_photo":
        links = mcp_tools.links(answer) if m.knows_links(request, _peek(request)) else []
        failed = isinstance(wish, w.Submit) and answer.job.state in (State.FAILED, State.CANCELED)
        if name == "generate_image":
            return _result(request, {"content": [_text(_final(answer)), *links], "isError": failed})
    found = mcp_tools.structured(name, answer)
    content = [_text(dump(found).decode()), *links]
    return _result(request, {"content": content, "structuredContent": found, "isError": failed})


def _final(view: a.JobView) -> str:
    """AIPhotoGenerator's tool answers with the final address."""
    failure = view.job.failure
    return "\n".join(shown.url for shown in view.outputs) or (failure.message if failure else LOST)


def _text(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


def _result(request: Request, payload: Any) -> Response:
    message = _peek(request)
    if m.is_modern(request, message):
        payload = {"resultType": "complete", **payload, "_meta": {f"{m.META}serverInfo": SERVER}}
    else:
        payload = {name: value for name, value in payload.items() if name not in ("ttlMs", "cacheScope")}
    return json_response(200, {"jsonrpc": "2.0", "id": m.id_of(message), "result": payload})


def write_error(error: PackshotError | None, request_id: str, request: Request | None = None) -> Response:
    """What a tool could not do is its result, for the model to read; everything else is a JSON-RPC error."""
    message = _peek(request)
    if isinstance(error, (Unavailable, Stale)):
        after = {"retry-after": str(Unavailable.retry_after)}
        return _refusal(503, m.INTERNAL_ERROR, "Busy for a moment; try again.", message, headers=after)
    if not isinstance(error, CallerError):
        return _refusal(500, m.INTERNAL_ERROR, "Internal error", message)
    if error.code in AT_THE_DOOR:
        return _at_the_door(error, {} if error.code == "origin_not_allowed" else message)
    if error.code == "malformed_json":
        return _refusal(400, m.PARSE_ERROR, "Parse error: Invalid JSON", message)
    code = error.details.get("rpc")
    if isinstance(code, int):
        status = 404 if code == m.METHOD_NOT_FOUND else 400
        if request and not m.is_modern(request, message) and code in (m.METHOD_NOT_FOUND, m.INVALID_PARAMS):
            status = 200  # before 2026-07-28 an error that answers a request had no status of its own
        return _refusal(status, code, error.message, message, error.details.get("data"))
    if request is not None and _tool(request):
        return _result(request, {"content": [_text(_told(error, request))], "isError": True})
    code = m.INVALID_PARAMS if error.status == 422 else m.INVALID_REQUEST
    return _refusal(error.status, code, error.message, message)


def _at_the_door(error: CallerError, message: Mapping[str, Any]) -> Response:
    headers, said = dict(error.headers), error.message
    if error.status == 401:
        headers.setdefault("www-authenticate", "Bearer")
    if error.code == "invalid_api_key":
        said = "This API key is not valid."
    if error.code == "scope_missing":
        headers["www-authenticate"] = f'Bearer error="insufficient_scope", scope="{error.details.get("scope", "")}"'
    if error.retry_after is not None:
        headers["retry-after"] = str(error.retry_after)
    return _refusal(error.status, error.status, said, message, headers=headers)


def _refusal(
    status: int,
    code: int,
    said: str,
    message: Mapping[str, Any],
    data: object = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """A JSON-RPC error, without an id where the request had none that could be read."""
    found, error = m.id_of(message), {"code": code, "message": said, **({} if data is None else {"data": data})}
    return json_response(
        status, {"jsonrpc": "2.0", **({} if found is None else {"id": found}), "error": error}, headers
    )


def _told(error: CallerError, request: Request) -> str:
    """`invalid_field (count): Must be ...`: the code, the argument if it is about one, and the words."""
    params = _peek(request)["params"]
    rules, field = _tools(request)[params["name"]]["inputSchema"].get("properties", {}), error.field or ""
    if field.startswith("images"):
        urls = "asset_id" if "asset_id" in (params.get("arguments") or {}) else "image_url"
        field = urls if urls in rules else field.replace("images", "input_image_urls")
    elif field not in rules:
        field = {"operation": "model", "resolution": "width", "aspect_ratio": "width"}.get(field, field)
    said = "There is nothing of this id." if error.code == "not_found" else error.message
    known = field.partition("[")[0] in rules or error.code == "unknown_field"
    return f"{error.code} ({field}): {said}" if known else f"{error.code}: {said}"


def _peek(request: Request | None) -> Mapping[str, Any]:
    """The message in a request, as far as it can be read."""
    if request is None or request.url not in (PREFIX, VENDOR_PREFIX) or len(request.body) > MAX_BODY:
        return {}
    try:
        message = parse(request.body)
    except CallerError:
        return {}
    return message if isinstance(message, dict) else {}


def _tool(request: Request) -> str | None:
    """The tool that a request calls."""
    message = _peek(request)
    params = message.get("params")
    name = params.get("name") if isinstance(params, dict) and message.get("method") == "tools/call" else None
    return name if m.id_of(message) is not None and isinstance(name, str) and name in _tools(request) else None


dialect = Dialect(prefixes=(PREFIX, VENDOR_PREFIX), key_of=key_of, read=read, write=write, write_error=write_error)
