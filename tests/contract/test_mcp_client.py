"""The official client (`mcp`) against our dialect, both eras, over a transport that ends in read and write.

Beside it, what examples cannot say one by one: schemas and readers agree, results keep what `outputSchema` promises,
and every refusal of the core has its place.
"""

import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import anyio
import httpx2
import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mcp import Client, MCPError
from mcp.client.streamable_http import streamable_http_client
from mcp_types import ResourceLink, TextContent

from packshot import answers as a
from packshot import catalog
from packshot import wishes as w
from packshot.api import mcp_messages, mcp_tools
from packshot.brief import Brief
from packshot.dialects import mcp
from packshot.errors import STATUS, CallerError, PackshotError, Stale, Unavailable
from packshot.job import Call, Credits, Failure, Job, Output, Route, State
from packshot.wire import Request, Response, dump

EXAMPLES = [json.loads(file.read_text()) for file in sorted((Path(__file__).parent / "dialects/mcp").glob("*.json"))]
JOB, ASSET = "job_01kaj2v6w0000000000000001a", "as_01kaj2v6w0000000000000001b"
URL = "https://shop.example/mug.jpg"
ROOMY = Credits(1000)


def view(state: State, brief: Brief) -> a.JobView:
    output = Output(f"out/acc_1/{JOB}/00.jpg", 1024, 1024, 4711, "0" * 64, "image/jpeg", report={"fill": 0.85})
    job = Job(
        id=JOB,
        account="acc_1",
        model=brief.model or "studio",
        operation=brief.operation,
        state=state,
        version=1,
        created=1_795_248_000_000,
        updated=1_795_248_002_400,
        deadline=1_795_248_900_000,
        count=brief.count,
        price=1,
        reserved=Credits(brief.count),
        routes=(Route("studio", "studio"),),
        calls=(Call(0, brief.count),),
        charged=Credits(brief.count) if state.terminal else None,
        outputs=(output,) if state is State.COMPLETED else (),
        failure=Failure("content_refused", "The content was refused.") if state is State.FAILED else None,
    )
    shown = tuple(a.OutputView(one, "https://pictures.example/00.jpg", 1_795_334_400_000) for one in job.outputs)
    return a.JobView(job, brief, shown, fresh=True)


def fake(wish: w.Wish) -> a.Answer:
    """What the core would answer."""
    match wish:
        case w.Say(payload, status):
            return a.Said(payload, status)
        case w.Submit(brief) if brief.model == "no-such-model":
            raise CallerError("unknown_model", "There is no model of that name.", field="model")
        case w.Submit(brief) if "forbidden" in brief.prompt:
            return view(State.FAILED, brief)
        case w.Submit(brief, wait):
            return view(State.COMPLETED if wait else State.PENDING, brief)
        case w.GetJob():
            return view(State.COMPLETED, Brief("generate", "studio"))
        case w.CancelJob():
            return view(State.CANCELED, Brief("generate", "studio"))
        case w.ListJobs():
            return a.JobPage((view(State.PENDING, Brief("generate", "studio")).job,), "n3xt")
        case w.ListModels():
            return a.Catalogue(tuple(model.describe() for model in catalog.models().values()))
        case w.ListPresets():
            return a.Catalogue(tuple(preset.describe() for preset in catalog.presets().values()), 8)
        case w.Quote(brief):
            return a.Price("studio", 1, brief.count, brief.count, ROOMY)
        case w.PresignAsset(kind, size, name):
            asset = a.Asset(ASSET, "uploading", 1_795_248_000_000, kind, size, name)
            return a.Ticket(asset, "https://uploads.example/", {"key": "in/a"}, 1_795_248_900_000)
        case w.GetUsage(since, until):
            return a.Usage(since, until, (a.KeyUsage("k1", "studio", 1, 2, 2, 0),))
    raise TypeError(type(wish).__name__)


def answered(request: Request) -> Response:
    try:
        if not mcp.key_of(request):
            raise CallerError("missing_api_key", "Give an API key as a bearer token.")
        wish = mcp.read(request)
        return mcp.write(wish, fake(wish), request)
    except PackshotError as error:
        return mcp.write_error(error, "req_1", request)


def talk(mode: str, do: Callable[[Client], Awaitable[None]], path: str = "/mcp", key: str = "pk_live_x") -> list[Any]:
    """Run `do` with a connected client; returns what went over the wire."""
    seen: list[tuple[Request, Response]] = []

    def serve(sent: httpx2.Request) -> httpx2.Response:
        headers = {name.lower(): value for name, value in sent.headers.items()}
        request = Request(sent.method, sent.url.path, headers, sent.content)
        response = answered(request)
        seen.append((request, response))
        return httpx2.Response(response.status, headers=dict(response.headers), content=response.body)

    async def main() -> None:
        headers = {"authorization": f"Bearer {key}"} if key else {}
        async with httpx2.AsyncClient(transport=httpx2.MockTransport(serve), headers=headers) as http:
            transport = streamable_http_client(f"https://packshot.example{path}", http_client=http)
            async with Client(transport, mode=mode) as client:
                await do(client)

    anyio.run(main)
    return seen


# ---------------------------------------------------------------------------------------------- the official client

ERAS = [("auto", "2026-07-28"), ("2026-07-28", "2026-07-28"), ("legacy", "2025-11-25")]


@pytest.mark.parametrize(("mode", "version"), ERAS)
def test_the_official_client_makes_a_photo(mode: str, version: str) -> None:
    async def do(client: Client) -> None:
        assert client.protocol_version == version
        listed = await client.list_tools()
        assert [tool.name for tool in listed.tools] == [name for name in mcp.TOOLS if name not in mcp.VENDOR_TOOLS]
        quote = await client.call_tool("estimate_cost", {"image_url": URL, "count": 2})
        assert quote.structured_content and quote.structured_content["sufficient"] is True
        job = await client.call_tool("generate_product_photo", {"image_url": URL, "preset": "marble", "count": 2})
        assert not job.is_error
        assert job.structured_content and job.structured_content["state"] == "pending"
        done = await client.call_tool("get_job", {"job_id": job.structured_content["job_id"]})
        text, link = done.content
        assert isinstance(text, TextContent) and json.loads(text.text) == done.structured_content
        assert isinstance(link, ResourceLink) and link.uri == "https://pictures.example/00.jpg"
        checked = await client.call_tool("check_photo", {"job_id": JOB})
        assert checked.structured_content and checked.structured_content["photos"][0]["report"] == {"fill": 0.85}

    seen = talk(mode, do)
    assert all(response.status in (200, 202) for _, response in seen)
    first = json.loads(seen[0][0].body)["method"]
    assert first == {"auto": "server/discover", "legacy": "initialize"}.get(mode, "tools/list")


@pytest.mark.parametrize(("mode", "version"), ERAS)
def test_the_official_client_reads_every_tools_answer(mode: str, version: str) -> None:
    """The client checks structured content against the output schema and raises when they differ."""

    async def do(client: Client) -> None:
        await client.list_tools()
        calls: dict[str, dict[str, Any]] = {
            "generate_product_photo": {"prompt": "A mug", "wait_seconds": 20},
            "get_job": {"job_id": JOB},
            "list_jobs": {"limit": 1, "state": "pending"},
            "cancel_job": {"job_id": JOB},
            "list_models": {},
            "list_presets": {},
            "estimate_cost": {"asset_id": ASSET},
            "upload_asset": {"content_type": "image/png", "bytes": 4711},
            "remove_background": {"asset_id": ASSET, "wait_seconds": 1},
            "check_photo": {"job_id": JOB},
            "get_usage": {"since": "2026-11-01", "until": "2026-11-30"},
            "generate_image": {"prompt": "A mug", "model": "seedream-4"},
        }
        assert tuple(calls) == tuple(mcp.TOOLS)
        for name, arguments in calls.items():
            result = await client.call_tool(name, arguments)
            assert not result.is_error, name
            assert (result.structured_content is None) == (name == "generate_image")

    talk(mode, do, path="/api/mcp")


@pytest.mark.parametrize(("mode", "version"), ERAS)
def test_the_official_client_is_told_what_went_wrong(mode: str, version: str) -> None:
    async def do(client: Client) -> None:
        wrong: tuple[tuple[dict[str, Any], str], ...] = (
            ({"count": 9}, "invalid_field (count): Must be a whole number from 1 to 4."),
            ({"image_url": URL, "model": "no-such-model"}, "unknown_model (model): There is no model of that name."),
        )
        for arguments, said in wrong:
            result = await client.call_tool("generate_product_photo", arguments)
            assert result.is_error and result.structured_content is None
            assert isinstance(result.content[0], TextContent) and result.content[0].text == said
        failed = await client.call_tool("generate_product_photo", {"prompt": "forbidden", "wait_seconds": 5})
        assert failed.is_error and failed.structured_content
        assert failed.structured_content["error"]["code"] == "content_refused"
        with pytest.raises(MCPError) as caught:
            await client.call_tool("no_such_tool", {})
        assert (caught.value.code, caught.value.message) == (-32602, "Unknown tool: no_such_tool")

    talk(mode, do)


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_the_official_client_is_turned_away_without_a_key(mode: str) -> None:
    async def do(client: Client) -> None:
        raise AssertionError("connected")

    with pytest.raises(BaseException) as caught:  # a group of one, from the transport's task group
        talk(mode, do, key="")
    found: BaseException = caught.value
    while isinstance(found, BaseExceptionGroup):
        found = found.exceptions[0]
    assert isinstance(found, MCPError)
    assert (found.code, found.message) == (401, "Give an API key as a bearer token.")


# ---------------------------------------------------------------------------------------------------------- tools


def call(tool: str, arguments: object, *, version: str = "2026-07-28", path: str = "/mcp", id: object = 1) -> Request:
    params: dict[str, Any] = {"name": tool, "arguments": arguments}
    headers = {"mcp-protocol-version": version}
    if version == mcp_messages.CURRENT:
        meta = {"protocolVersion": version, "clientCapabilities": {}}
        params["_meta"] = {f"{mcp_messages.META}{name}": value for name, value in meta.items()}
        headers |= {"mcp-method": "tools/call", "mcp-name": tool}
    body = {"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params}
    return Request("POST", path, headers, json.dumps(body).encode())


def test_every_tool_is_described_and_can_be_called() -> None:
    described = mcp_tools.tools()
    assert tuple(described) == tuple(mcp.TOOLS)
    for name, tool in described.items():
        assert tool["inputSchema"]["type"] == "object" and tool["inputSchema"]["additionalProperties"] is False
        jsonschema.Draft202012Validator.check_schema(tool["inputSchema"])
        assert tool["description"].endswith(".") and tool["title"]
        assert {"readOnlyHint", "openWorldHint"} <= set(tool["annotations"])
        assert ("outputSchema" in tool) == (name != "generate_image")
        if "outputSchema" in tool:
            assert tool["outputSchema"]["type"] == "object"
            jsonschema.Draft202012Validator.check_schema(tool["outputSchema"])


def test_what_changes_nothing_says_so() -> None:
    hints = {name: tool["annotations"] for name, tool in mcp_tools.tools().items()}
    assert {name for name, each in hints.items() if not each["readOnlyHint"]} == {
        "generate_product_photo",
        "cancel_job",
        "upload_asset",
        "remove_background",
        "generate_image",
    }
    assert {name for name, each in hints.items() if each.get("destructiveHint")} == {"cancel_job"}


def test_the_list_of_tools_is_the_same_each_time() -> None:
    def listed(path: str) -> bytes:
        body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
        return answered(Request("POST", path, {"authorization": "Bearer k"}, dump(body))).body

    assert listed("/mcp") == listed("/mcp") != listed("/api/mcp") == listed("/api/mcp")
    ours, vendors = (json.loads(listed(path))["result"]["tools"] for path in ("/mcp", "/api/mcp"))
    assert vendors[:-1] == ours and vendors[-1]["name"] == "generate_image"


def _texts(rule: dict[str, Any]) -> st.SearchStrategy[Any]:
    known = [URL, ASSET, JOB, "4:5", "auto", "2026-11-21", "mug.jpg", "n3xt", *rule.get("enum", [])]
    longest = rule.get("maxLength", 20)
    return st.sampled_from(known) | st.text(max_size=6) | st.sampled_from(["x" * longest, "x" * (longest + 1)])


def _value(rule: dict[str, Any]) -> st.SearchStrategy[Any]:
    odd: st.SearchStrategy[Any] = (
        st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | st.just({}) | st.just([])
    )
    if rule["type"] == "integer":
        low, high = rule["minimum"], rule["maximum"]
        return st.sampled_from([low, high, low - 1, high + 1]) | st.integers(low, high) | odd | st.text(max_size=3)
    if rule["type"] == "array":
        return st.lists(_texts(rule["items"]), max_size=11) | _texts(rule) | odd
    return _texts(rule) | st.integers() | odd


CROSSED = {
    "Give image_url or asset_id, not both.",
    "Give image_url or asset_id.",
    "Must not be before since.",
    "Must be auto, or width:height between 1:20 and 20:1, such as 4:3.",
    "Must be an absolute https address.",  # its form is checked more closely than a schema can say
    "There is no such time.",
}


@pytest.mark.parametrize("name", mcp.TOOLS)
@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_schemas_and_readers_refuse_the_same(name: str, data: st.DataObject) -> None:
    schema = mcp_tools.tools()[name]["inputSchema"]
    rules = {each: _value(rule) for each, rule in schema.get("properties", {}).items()}
    arguments = data.draw(st.fixed_dictionaries({}, optional={**rules, "foreign": st.integers()}))
    allowed = jsonschema.Draft202012Validator(schema).is_valid(arguments)
    try:
        mcp.read(call(name, arguments, path="/api/mcp"))
    except CallerError as error:
        assert "rpc" not in error.details
        assert not allowed or error.message in CROSSED
    else:
        assert allowed


@pytest.mark.parametrize("example", [one for one in EXAMPLES if "structuredContent" in str(one.get("response"))])
def test_results_are_what_the_schema_promises(example: dict[str, Any]) -> None:
    tool = mcp_tools.tools()[example["request"]["json"]["params"]["name"]]
    result = example["response"]["json"]["result"]
    jsonschema.validate(result["structuredContent"], tool["outputSchema"], jsonschema.Draft202012Validator)
    assert json.loads(result["content"][0]["text"]) == result["structuredContent"]


# --------------------------------------------------------------------------------------------------------- errors

HTTP = {code: STATUS[code] for code in mcp.AT_THE_DOOR}


@pytest.mark.parametrize("code", STATUS)
@pytest.mark.parametrize("version", ["2026-07-28", "2025-06-18"])
def test_what_the_core_refuses_of_a_tool_is_its_result(code: str, version: str) -> None:
    error = CallerError(code, "Words.", field="images[0]", retry_after=3, details={"needed": 4})
    response = mcp.write_error(
        error, "req_1", call("generate_product_photo", {"image_url": URL}, version=version, id=9)
    )
    body = response.json()
    if code in HTTP:
        assert response.status == HTTP[code] == body["error"]["code"]
        assert ("id" in body) == (code != "origin_not_allowed")
        return
    if code == "malformed_json":
        assert (response.status, body["error"]["code"]) == (400, -32700)
        return
    assert (response.status, body["id"], body["result"]["isError"]) == (200, 9, True)
    assert ("resultType" in body["result"]) == (version == "2026-07-28")
    assert body["result"]["content"][0]["text"].startswith(f"{code} (image_url): ")


@pytest.mark.parametrize(
    ("tool", "arguments", "field", "said"),
    [
        ("generate_product_photo", {"asset_id": ASSET}, "images[0]", "invalid_field (asset_id): No."),
        ("generate_product_photo", {"prompt": "x"}, "images", "invalid_field (image_url): No."),
        ("generate_product_photo", {}, "operation", "invalid_field (model): No."),
        ("generate_product_photo", {}, "resolution", "invalid_field (resolution): No."),
        ("generate_image", {"prompt": "x"}, "images[2]", "invalid_field (input_image_urls[2]): No."),
        ("generate_image", {"prompt": "x"}, "resolution", "invalid_field (width): No."),
        ("remove_background", {"image_url": URL}, "operation", "invalid_field: No."),
        ("remove_background", {"image_url": URL}, "aspect_ratio", "invalid_field: No."),
        ("list_jobs", {}, None, "invalid_field: No."),
    ],
)
def test_a_refusal_names_the_tools_own_argument(tool: str, arguments: object, field: str | None, said: str) -> None:
    error = CallerError("invalid_field", "No.", field=field)
    response = mcp.write_error(error, "req_1", call(tool, arguments, path="/api/mcp"))
    assert response.json()["result"]["content"] == [{"type": "text", "text": said}]


@pytest.mark.parametrize(("error", "status"), [(None, 500), (Unavailable("table"), 503), (Stale("row"), 503)])
def test_our_own_faults_are_internal_errors_with_the_id(error: PackshotError | None, status: int) -> None:
    response = mcp.write_error(error, "req_1", call("get_job", {"job_id": JOB}, id="a"))
    assert (response.status, response.json()["id"], response.json()["error"]["code"]) == (status, "a", -32603)


def test_the_server_says_the_projects_version() -> None:
    project = (Path(__file__).parents[2] / "pyproject.toml").read_text()
    assert f'version = "{mcp.SERVER["version"]}"' in project
