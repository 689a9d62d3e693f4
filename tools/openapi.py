"""Make `openapi.json` and `validators.json` from `packshot.api`'s models; with `--check`, say whether they are stale.

Paths and methods come from the native dialect's own route table, examples from its contract tests: a document that
disagrees with the code cannot be written.
"""

import json
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "layers/core/packshot/api"
EXAMPLES = ROOT / "tests/contract/dialects/native"
PICTURES = ("image/png", "image/jpeg", "image/webp")
VERSION = "1.0.0"


# ----------------------------------------------------------------------------------------------------- validators


def validators() -> dict[str, Any]:
    """Every request model's core schema as a plain typed dict."""
    from packshot.api.models import REQUESTS

    return {model.__name__: plain(model.__pydantic_core_schema__) for model in REQUESTS}


def plain(schema: Mapping[str, Any]) -> dict[str, Any]:
    """A core schema without classes, functions and defaults. Raises ValueError for what JSON cannot say."""
    kind = schema["type"]
    if kind == "model":
        fields = {name: _field(field) for name, field in schema["schema"]["fields"].items()}
        return {"type": "typed-dict", "fields": fields, "extra_behavior": "forbid", "config": {"strict": True}}
    if kind == "default":
        return plain(schema["schema"])
    if kind not in ("str", "int", "float", "bool", "literal", "list", "dict", "nullable"):
        raise ValueError(f"{kind}: not a kind of value that validators.json can hold")
    nested = ("schema", "items_schema", "keys_schema", "values_schema")
    kept = {
        name: plain(value) if name in nested else value
        for name, value in schema.items()
        if name not in ("metadata", "ref", "serialization")
    }
    return _says(kept, schema.get("metadata", {}))


def _field(field: Mapping[str, Any]) -> dict[str, Any]:
    inner = plain(field["schema"])
    return {
        "type": "typed-dict-field",
        "schema": _says(inner, field.get("metadata", {})),
        "required": field["schema"]["type"] != "default",
    }


def _says(node: dict[str, Any], metadata: Mapping[str, Any]) -> dict[str, Any]:
    said = metadata.get("pydantic_js_extra", {}).get("x-expected")
    return {**node, "metadata": {"says": said}} if said else node


# -------------------------------------------------------------------------------------------------------- openapi


@dataclass(frozen=True, slots=True)
class Operation:
    """What the route table does not know about one of its routes."""

    id: str
    summary: str
    tag: str
    answers: Mapping[int, str]
    body: str = ""
    query: str = ""
    scope: str = ""
    refuses: tuple[int, ...] = ()


OPERATIONS: Mapping[str, Operation] = {
    "POST jobs": Operation(
        "createJob",
        "Take a job",
        "Jobs",
        {202: "JobItem", 200: "JobItem"},
        body="JobRequest",
        scope="jobs:write",
        refuses=(402, 409),
    ),
    "GET jobs": Operation("listJobs", "List jobs", "Jobs", {200: "JobList"}, query="JobsQuery", scope="jobs:read"),
    "GET jobs/{id}": Operation("getJob", "One job as it stands", "Jobs", {200: "JobItem"}, scope="jobs:read"),
    "POST jobs/{id}/cancel": Operation(
        "cancelJob",
        "Stop a job and give its credits back",
        "Jobs",
        {200: "JobItem"},
        scope="jobs:cancel",
        refuses=(409,),
    ),
    "POST quotes": Operation(
        "quote", "What a job would cost", "Jobs", {200: "QuoteItem"}, body="JobRequest", scope="jobs:read"
    ),
    "POST checks": Operation(
        "checkPicture",
        "Measure any picture by the rules of marketplaces",
        "Marketplaces",
        {200: "ChecksItem"},
        body="CheckRequest",
        scope="jobs:read",
    ),
    "POST fixes": Operation(
        "fixPicture",
        "Mend a picture for marketplaces: a job with one picture for each",
        "Marketplaces",
        {202: "JobItem", 200: "JobItem"},
        body="FixRequest",
        scope="jobs:write",
        refuses=(402, 409),
    ),
    "GET models": Operation("listModels", "The models", "Catalogue", {200: "ModelList"}, scope="jobs:read"),
    "GET presets": Operation(
        "listPresets", "The presets", "Catalogue", {200: "PresetList"}, query="PresetsQuery", scope="jobs:read"
    ),
    "POST presets": Operation(
        "createPreset",
        "Make a preset",
        "Catalogue",
        {201: "PresetItem"},
        body="PresetRequest",
        scope="jobs:write",
        refuses=(409,),
    ),
    "GET presets/{id}": Operation(
        "getPreset",
        "One preset; `id@version` is an older version",
        "Catalogue",
        {200: "PresetItem"},
        scope="jobs:read",
    ),
    "PUT presets/{id}": Operation(
        "changePreset",
        "The next version of a preset of your own",
        "Catalogue",
        {200: "PresetItem"},
        body="PresetRequest",
        scope="jobs:write",
        refuses=(409,),
    ),
    "DELETE presets/{id}": Operation(
        "deletePreset", "Forget a preset of your own", "Catalogue", {204: ""}, scope="jobs:write"
    ),
    "POST assets": Operation(
        "createAsset",
        "Keep a picture, have it fetched, or prepare to upload one",
        "Assets",
        {201: "AssetItem|UploadTicket"},
        body="UploadRequest|ImportRequest",
        scope="jobs:write",
    ),
    "GET assets": Operation(
        "listAssets", "List assets", "Assets", {200: "AssetList"}, query="AssetsQuery", scope="jobs:read"
    ),
    "GET assets/{id}": Operation(
        "getAsset", "One asset: whether it is ready", "Assets", {200: "AssetItem"}, scope="jobs:read"
    ),
    "DELETE assets/{id}": Operation("deleteAsset", "Forget a picture", "Assets", {204: ""}, scope="jobs:write"),
    "POST profiles": Operation(
        "createProfile",
        "Keep reference pictures under one name",
        "Profiles",
        {201: "ProfileItem"},
        body="ProfileRequest",
        scope="jobs:write",
        refuses=(409,),
    ),
    "GET profiles": Operation(
        "listProfiles", "List profiles", "Profiles", {200: "ProfileList"}, query="ProfilesQuery", scope="jobs:read"
    ),
    "GET profiles/{id}": Operation(
        "getProfile", "One profile: whether it is ready", "Profiles", {200: "ProfileItem"}, scope="jobs:read"
    ),
    "DELETE profiles/{id}": Operation(
        "deleteProfile", "Forget a profile and its pictures", "Profiles", {204: ""}, scope="jobs:write"
    ),
    "GET profiles/{id}/picture": Operation(
        "getProfilePicture", "Its first picture", "Profiles", {200: "image/jpeg"}, scope="jobs:read"
    ),
    "GET account": Operation(
        "getAccount", "Balances, plan and limits", "Account", {200: "AccountItem"}, scope="usage:read"
    ),
    "PATCH account": Operation(
        "changeAccount",
        "Choose models by operation",
        "Account",
        {200: "AccountItem"},
        body="AccountChange",
        scope="account:manage",
    ),
    "PUT provider-keys/{id}": Operation(
        "putProviderKey",
        "Use your own key at a provider",
        "Account",
        {204: ""},
        body="ProviderKeyRequest",
        scope="account:manage",
    ),
    "DELETE provider-keys/{id}": Operation(
        "deleteProviderKey", "Forget your own key at a provider", "Account", {204: ""}, scope="account:manage"
    ),
    "GET usage": Operation(
        "getUsage", "What each key used", "Account", {200: "UsageItem"}, query="UsageQuery", scope="usage:read"
    ),
    "POST account/callback-secret/rotate": Operation(
        "rotateAccountSecret",
        "A new secret for the callback_url of jobs",
        "Callbacks",
        {200: "EndpointItem"},
        body="RotateRequest",
        scope="callbacks:manage",
        refuses=(409,),
    ),
    "POST callback-endpoints": Operation(
        "createEndpoint",
        "Register an endpoint",
        "Callbacks",
        {201: "EndpointItem"},
        body="EndpointRequest",
        scope="callbacks:manage",
        refuses=(409,),
    ),
    "GET callback-endpoints": Operation(
        "listEndpoints", "List endpoints", "Callbacks", {200: "EndpointList"}, scope="callbacks:manage"
    ),
    "PATCH callback-endpoints/{id}": Operation(
        "changeEndpoint",
        "Change an endpoint",
        "Callbacks",
        {200: "EndpointItem"},
        body="EndpointChange",
        scope="callbacks:manage",
        refuses=(409,),
    ),
    "DELETE callback-endpoints/{id}": Operation(
        "deleteEndpoint", "Forget an endpoint", "Callbacks", {204: ""}, scope="callbacks:manage"
    ),
    "POST callback-endpoints/{id}/rotate": Operation(
        "rotateEndpoint",
        "A new secret; the old one signs along for a while",
        "Callbacks",
        {200: "EndpointItem"},
        body="RotateRequest",
        scope="callbacks:manage",
        refuses=(409,),
    ),
    "POST callback-endpoints/{id}/test": Operation(
        "testEndpoint", "Send a test event", "Callbacks", {202: "Acceptance"}, scope="callbacks:manage", refuses=(409,)
    ),
    "POST callback-endpoints/{id}/replay": Operation(
        "replayRange",
        "Send a span of deliveries again",
        "Callbacks",
        {202: "Acceptance"},
        body="ReplayRequest",
        scope="callbacks:manage",
        refuses=(409,),
    ),
    "GET jobs/{id}/deliveries": Operation(
        "listDeliveries", "The delivery log of a job", "Callbacks", {200: "DeliveryList"}, scope="jobs:read"
    ),
    "POST deliveries/{id}/replay": Operation(
        "replayDelivery",
        "Send one delivery again, byte for byte",
        "Callbacks",
        {202: "Acceptance"},
        scope="callbacks:manage",
        refuses=(409,),
    ),
    "GET openapi.json": Operation("getOpenApi", "This document", "About", {200: "*"}),
    "GET pictures/assets/{account}/{id}": Operation(
        "openAsset", "A kept picture at its lasting address", "Pictures", {302: ""}
    ),
    "GET pictures/assets/{account}/{id}/thumbnail": Operation("openThumbnail", "Its thumbnail", "Pictures", {302: ""}),
    "GET pictures/outputs/{account}/{job}/{name}": Operation(
        "openOutput", "A finished picture at its lasting address", "Pictures", {302: ""}
    ),
}

PARAMETERS: Mapping[str, Any] = {
    "IdempotencyKey": {
        "name": "Idempotency-Key",
        "in": "header",
        "schema": {"type": "string", "minLength": 1, "maxLength": 255},
        "description": "The same key with the same body gives the same job again; with another body, 422. Kept 24 h.",
        "example": "order-1001-hero",
    },
    "Prefer": {
        "name": "Prefer",
        "in": "header",
        "schema": {"type": "string"},
        "example": "wait=20",
        "description": "`wait=N` (0 to 600 s, RFC 7240) holds the answer until the job ends; `respond-async` does not.",
    },
    **{
        name.capitalize(): {
            "name": name,
            "in": "path",
            "required": True,
            "schema": {"type": "string"},
            "description": said,
        }
        for name, said in (
            ("id", "The thing's id."),
            ("account", "The account's id."),
            ("job", "The job's id."),
            ("name", "The picture's name."),
        )
    },
}

HEADERS: Mapping[str, Any] = {
    "X-Request-Id": {"description": "Name it when you report a problem.", "schema": {"type": "string"}},
    "RateLimit": {
        "description": "Requests left, and seconds until more come.",
        "schema": {"type": "string"},
        "example": '"requests";r=59;t=1',
    },
    "RateLimit-Policy": {
        "description": "The key's limit.",
        "schema": {"type": "string"},
        "example": '"requests";q=60;w=60;burst=20',
    },
    "Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}},
    "Location": {"description": "The job's path, or where the picture lies.", "schema": {"type": "string"}},
    "Idempotency-Replayed": {
        "description": "`true` when the job is that of an earlier request.",
        "schema": {"type": "string"},
    },
    "Allow": {"description": "The methods of this path.", "schema": {"type": "string"}},
    "WWW-Authenticate": {"description": "Bearer.", "schema": {"type": "string"}},
}

MEANING: Mapping[int, str] = {
    400: "The request cannot be read.",
    401: "No key, or a key that is not valid.",
    402: "Too few credits.",
    403: "The key may not do this.",
    404: "Nothing is here.",
    405: "Not with this method.",
    409: "Not in this state.",
    413: "Too large.",
    415: "Not a type we take.",
    422: "A field is wrong.",
    429: "Too many requests.",
    500: "Our fault; the request id helps us find it.",
    503: "Busy for a moment.",
}
NAMES = {
    400: "BadRequest",
    401: "Unauthorized",
    402: "InsufficientCredits",
    403: "Forbidden",
    404: "NotFound",
    405: "MethodNotAllowed",
    409: "Conflict",
    413: "TooLarge",
    415: "UnsupportedMediaType",
    422: "Invalid",
    429: "RateLimited",
    500: "Internal",
    503: "Unavailable",
}
OWN_HEADERS = {401: ("WWW-Authenticate",), 405: ("Allow",), 429: ("Retry-After",), 503: ("Retry-After",)}


def document() -> dict[str, Any]:
    """The whole description."""
    from pydantic.json_schema import models_json_schema

    from packshot.api import PREFIX
    from packshot.api.models import REQUESTS
    from packshot.api.shapes import ANSWERS
    from packshot.dialects.native import ROUTES

    routes = {f"{method} {path}" for path, methods in ROUTES.items() for method in methods}
    if routes != set(OPERATIONS):
        raise SystemExit(f"routes and operations differ: {sorted(routes ^ set(OPERATIONS))}")
    models = [(model, "validation") for model in REQUESTS] + [(model, "serialization") for model in ANSWERS]
    _, schemas = models_json_schema(models, ref_template="#/components/schemas/{model}")  # type: ignore[arg-type]
    shapes = _tidy(schemas["$defs"])
    examples = _examples()
    paths: dict[str, Any] = {}
    for path, methods in ROUTES.items():
        paths[PREFIX + path] = {
            method.lower(): _operation(
                path, method, OPERATIONS[f"{method} {path}"], shapes, examples.get(f"{method} {path}", [])
            )
            for method in methods
        }
    hidden = {each.query for each in OPERATIONS.values()} | {"EmptyRequest"}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "packshot",
            "version": VERSION,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
            "description": "Product photos from a snapshot: take a job, wait or be called, fetch the pictures.",
        },
        "servers": [{"url": "/"}],
        "security": [{"key": []}],
        "tags": [{"name": name} for name in dict.fromkeys(each.tag for each in OPERATIONS.values())],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "key": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "`Authorization: Bearer pk_live_...` or `pk_test_...`.",
                }
            },
            "parameters": dict(PARAMETERS),
            "headers": dict(HEADERS),
            "responses": {NAMES[status]: _problem(status) for status in MEANING},
            "schemas": {name: shape for name, shape in shapes.items() if name not in hidden},
        },
    }


def _operation(
    path: str, method: str, its: Operation, shapes: Mapping[str, Any], examples: list[Any]
) -> dict[str, Any]:
    named = re.findall("{([a-z]+)}", path)
    parameters: list[dict[str, Any]] = [{"$ref": f"#/components/parameters/{name.capitalize()}"} for name in named]
    if its.id == "createJob":
        parameters += [{"$ref": f"#/components/parameters/{name}"} for name in ("IdempotencyKey", "Prefer")]
    if its.query:
        query = shapes[its.query]
        parameters += [_parameter(name, each, query.get("required", ())) for name, each in query["properties"].items()]
    refuses = {401, 422, 429, 500, 503, *its.refuses, *((403,) if its.scope else ())}
    refuses |= {400, 413, 415} if method in ("POST", "PUT", "PATCH") else set()
    refuses |= {404} if named else set()
    found: dict[str, Any] = {"operationId": its.id, "summary": its.summary, "tags": [its.tag]}
    if its.scope:
        found["description"] = f"Needs the scope `{its.scope}`."
    else:
        found["security"] = []
    if parameters:
        found["parameters"] = parameters
    if its.body:
        found["requestBody"] = _request(its, examples)
    found["responses"] = {
        **{str(status): _answer(its, status, shape, examples) for status, shape in its.answers.items()},
        **{str(status): {"$ref": f"#/components/responses/{NAMES[status]}"} for status in sorted(refuses)},
    }
    return found


def _request(its: Operation, examples: list[Any]) -> dict[str, Any]:
    shown = {each["name"]: {"value": each["request"]["json"]} for each in examples if "json" in each["request"]}
    body = {"schema": _one_of(its.body)}
    content: dict[str, Any] = {"application/json": {**body, "examples": shown} if shown else body}
    if its.id == "createAsset":
        content["multipart/form-data"] = {"schema": _one_of("AssetForm")}
        content |= {kind: {"schema": {"type": "string", "contentMediaType": kind}} for kind in PICTURES}
    return {"required": its.body != "RotateRequest", "content": content}


def _answer(its: Operation, status: int, shape: str, examples: list[Any]) -> dict[str, Any]:
    names = [
        "X-Request-Id",
        *(("RateLimit", "RateLimit-Policy") if its.scope else ()),
        *(("Location", "Idempotency-Replayed") if its.id == "createJob" else ()),
        *(("Location",) if status == 302 else ()),
    ]
    words = {200: "As it stands.", 201: "Made.", 202: "Accepted.", 204: "Gone.", 302: "It lies there, for a while."}
    found: dict[str, Any] = {
        "description": words[status],
        "headers": {name: {"$ref": f"#/components/headers/{name}"} for name in names},
    }
    if not shape:
        return found
    if "/" in shape:
        return {**found, "content": {shape: {"schema": {"type": "string", "contentMediaType": shape}}}}
    schema = {"type": "object"} if shape == "*" else _one_of(shape)
    shown = {
        each["name"]: {"value": each["response"]["json"]}
        for each in examples
        if each.get("response", {}).get("status") == status and "json" in each["response"]
    }
    content = {"schema": schema, "examples": shown} if shown else {"schema": schema}
    return {**found, "content": {"application/json": content}}


def _one_of(names: str) -> dict[str, Any]:
    refs = [{"$ref": f"#/components/schemas/{name}"} for name in names.split("|")]
    return {"oneOf": refs} if refs[1:] else refs[0]


def _parameter(name: str, schema: Mapping[str, Any], required: Sequence[str]) -> dict[str, Any]:
    kept = {
        key: value
        for key, value in schema.items()
        if key not in ("description", "default") or (key == "default" and value is not None)
    }
    kinds = [kind for kind in kept.pop("anyOf", []) if kind != {"type": "null"}]
    kept |= kinds[0] if kinds else {}
    said = {"description": schema["description"]} if "description" in schema else {}
    return {"name": name, "in": "query", "required": name in required, **said, "schema": kept}


def _problem(status: int) -> dict[str, Any]:
    from packshot.errors import STATUS

    own = {500: ["internal_error"], 503: ["unavailable"]}
    codes = own.get(status) or [code for code, its in STATUS.items() if its == status]
    names = ["X-Request-Id", *OWN_HEADERS.get(status, ())]
    schema = {"allOf": [{"$ref": "#/components/schemas/Problem"}, {"properties": {"code": {"enum": codes}}}]}
    return {
        "description": MEANING[status],
        "headers": {name: {"$ref": f"#/components/headers/{name}"} for name in names},
        "content": {"application/problem+json": {"schema": schema}},
    }


def _tidy(value: Any, inside: str = "") -> Any:
    """Without pydantic's titles (they repeat the names) and our own notes."""
    if isinstance(value, dict):
        return {
            key: _tidy(item, key)
            for key, item in value.items()
            if key != "x-expected" and not (key == "title" and isinstance(item, str) and inside != "properties")
        }
    return [_tidy(item) for item in value] if isinstance(value, list) else value


def _examples() -> dict[str, list[Any]]:
    """The contract tests' requests and answers, by route."""
    from packshot.dialects.native import route

    found: dict[str, list[Any]] = {}
    for file in sorted(EXAMPLES.glob("*.json")):
        example = json.loads(file.read_text())
        if "request" in example and "error" not in example:
            path = route(example["request"]["url"])[0]
            entry = {"name": file.stem, "request": example["request"], "response": example.get("response", {})}
            found.setdefault(f"{example['request']['method']} {path}", []).append(entry)
    return found


def render() -> dict[Path, str]:
    """Both files as they must be."""
    made = {"openapi.json": document(), "validators.json": validators()}
    return {FOLDER / name: json.dumps(value, indent=1, ensure_ascii=False) + "\n" for name, value in made.items()}


def main(arguments: list[str]) -> int:
    """Write the files, or with `--check` compare them."""
    sys.path[:0] = [str(ROOT / "layers/core")]
    # The dialect loads validators.json; where there is none yet, make that one first.
    target = FOLDER / "validators.json"
    if not target.exists() and "--check" not in arguments:
        target.write_text(json.dumps(validators(), indent=1) + "\n")
    made = render()
    if "--check" in arguments:
        stale = [path.name for path, text in made.items() if not path.exists() or path.read_text() != text]
        print(f"stale: {', '.join(stale)}; run python tools/openapi.py" if stale else "openapi: fresh")
        return 1 if stale else 0
    for path, text in made.items():
        path.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
