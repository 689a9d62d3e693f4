"""What every dialect promises. The folder says which there are; `dialects/<name>/*.json` are each one's examples.

An example holds a `request` with the `wish` it becomes (or the `error` it meets), and, when it goes on, the `answer` to
that wish with the `response` it must be written as. Bodies are under `json` or `text`. `callbacks` are the bodies that
tell of the job, by part; `key` is the key that the request carries, or null; `source` is where the pair comes from.
"""

import json
import re
import subprocess
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, TypeAdapter

from packshot import answers, api, dialects, wishes
from packshot.api import shapes
from packshot.dialects import native
from packshot.errors import STATUS, CallerError, PackshotError, Stale, Unavailable
from packshot.scopes import SCOPES
from packshot.wire import Request, Response, dump

FOLDER = Path(__file__).parent / "dialects"
EXAMPLES = [(file.parent.name, file) for file in sorted(FOLDER.glob("*/*.json"))]
NAMED = [pytest.param(name, file, id=f"{name}-{file.stem}") for name, file in EXAMPLES]
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
WISHES = get_args(wishes.Wish)


def request_in(raw: Mapping[str, Any]) -> Request:
    """A request as an example writes it down."""
    body = dump(raw["json"]) if "json" in raw else raw.get("text", "").encode()
    return Request(raw["method"], raw["url"], raw.get("headers", {}), body, raw.get("query", {}))


def _value(module: Any, raw: Mapping[str, Any]) -> Any:
    fields = {name: value for name, value in raw.items() if name != "type"}
    return TypeAdapter(getattr(module, raw["type"])).validate_python(fields)


def wish_in(raw: Mapping[str, Any]) -> wishes.Wish:
    """A wish as an example writes it down."""
    wish: wishes.Wish = _value(wishes, raw)
    return wish


def answer_in(raw: Mapping[str, Any]) -> answers.Answer:
    """An answer as an example writes it down."""
    answer: answers.Answer = _value(answers, raw)
    return answer


def error_in(raw: Mapping[str, Any]) -> CallerError:
    """An error as an example writes it down."""
    return CallerError(
        raw["code"],
        raw.get("message", ""),
        field=raw.get("field"),
        retry_after=raw.get("retry_after"),
        details=raw.get("details"),
    )


def _read_example(file: Path) -> dict[str, Any]:
    example: dict[str, Any] = json.loads(file.read_text())
    return example


# ------------------------------------------------------------------------------------------------- every dialect


@pytest.mark.parametrize("name", dialects.NAMES)
def test_it_has_examples_of_wishes_answers_and_errors(name: str) -> None:
    examples = [_read_example(file) for owner, file in EXAMPLES if owner == name]
    assert any("wish" in example for example in examples), f"{name} needs tests/contract/dialects/{name}/*.json"
    assert any("answer" in example for example in examples)
    assert any("error" in example for example in examples)


def test_no_two_dialects_claim_a_prefix() -> None:
    prefixes = [prefix for name in dialects.NAMES for prefix in dialects.load(name).prefixes]
    assert len(set(prefixes)) == len(prefixes) == len(dialects.prefixes())
    assert all(prefix.startswith("/") and not prefix.endswith("/") for prefix in prefixes)


@pytest.mark.parametrize(("name", "file"), NAMED)
def test_an_example_holds(name: str, file: Path) -> None:
    dialect, example = dialects.load(name), _read_example(file)
    error: PackshotError | None = None
    wish: wishes.Wish | None = None
    if "request" in example and "error" in example:
        with pytest.raises(CallerError) as caught:
            dialect.read(request_in(example["request"]))
        error = caught.value
        assert (error.code, error.field) == (example["error"]["code"], example["error"].get("field"))
    elif "request" in example:
        wish = dialect.read(request_in(example["request"]))
        assert wish == wish_in(example["wish"])
    elif "error" in example:
        error = error_in(example["error"])
    if "key" in example:
        assert dialect.key_of(request_in(example["request"])) == example["key"]
    if "callbacks" in example:
        told = dialect.callbacks(answer_in(example["answer"])) if dialect.callbacks else {}
        assert {part: json.loads(body) for part, body in told.items()} == example["callbacks"]
    if "response" not in example:
        return
    if error is not None:
        response = dialect.write_error(error, "req_1", None)
    else:
        request = request_in(example["request"]) if "request" in example else Request("GET", dialect.prefixes[0])
        response = dialect.write(wish or wish_in(example["wish"]), answer_in(example["answer"]), request)
    expected = example["response"]
    assert response.status == expected["status"]
    assert {key: response.headers.get(key) for key in expected.get("headers", {})} == expected.get("headers", {})
    if "json" in expected:
        assert response.json() == expected["json"]
    if "text" in expected:
        assert response.body.decode() == expected["text"]


@pytest.mark.parametrize("name", dialects.NAMES)
def test_a_request_without_credentials_has_no_key(name: str) -> None:
    assert not dialects.load(name).key_of(Request("GET", dialects.load(name).prefixes[0] + "/"))


@pytest.mark.parametrize("name", dialects.NAMES)
@pytest.mark.parametrize("method", METHODS)
def test_a_path_of_nobody_is_refused(name: str, method: str) -> None:
    with pytest.raises(CallerError) as caught:
        dialects.load(name).read(Request(method, dialects.load(name).prefixes[0] + "/no/such/path/at-all"))
    assert caught.value.status in (404, 405)


@cache
def _requests(name: str) -> list[Request]:
    raw = [_read_example(file) for owner, file in EXAMPLES if owner == name]
    bare: dict[str, Any] = {"method": "POST", "url": dialects.load(name).prefixes[0] + "/"}
    return [request_in(one["request"]) for one in raw if "request" in one] or [request_in(bare)]


@pytest.mark.parametrize("name", dialects.NAMES)
@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_no_body_whatever_is_our_fault(name: str, data: st.DataObject) -> None:
    base = data.draw(st.sampled_from(_requests(name)))
    body = data.draw(
        st.one_of(
            st.binary(max_size=400),
            _json_values().map(lambda value: json.dumps(value).encode()),
            st.tuples(st.integers(0, len(base.body)), st.binary(max_size=6)).map(
                lambda cut: base.body[: cut[0]] + cut[1] + base.body[cut[0] :]
            ),
        )
    )
    try:
        wish = dialects.load(name).read(Request(base.method, base.url, base.headers, body, base.query))
    except CallerError as error:
        _is_an_answer(dialects.load(name).write_error(error, "req_1", None))
    else:
        assert isinstance(wish, WISHES)


@pytest.mark.parametrize("name", dialects.NAMES)
@pytest.mark.parametrize("code", STATUS)
def test_every_error_of_a_caller_can_be_written(name: str, code: str) -> None:
    error = CallerError(code, "A message.", field="images[0]", retry_after=3, details={"needed": 4})
    response = dialects.load(name).write_error(error, "req_1", None)
    assert 400 <= response.status < 500
    _is_an_answer(response)


@pytest.mark.parametrize("name", dialects.NAMES)
def test_our_own_faults_say_nothing(name: str) -> None:
    for error in (None, Unavailable("table throttled"), Stale("row 7")):
        response = dialects.load(name).write_error(error, "req_1", None)
        assert response.status >= 500
        assert b"thrott" not in response.body and b"row 7" not in response.body
        _is_an_answer(response)


@pytest.mark.parametrize("name", dialects.NAMES)
def test_an_invalid_key_is_one_answer_whatever_the_reason(name: str) -> None:
    write = dialects.load(name).write_error
    assert write(CallerError("invalid_api_key", "revoked"), "r") == write(CallerError("invalid_api_key", "odd"), "r")


@pytest.mark.parametrize("name", dialects.NAMES)
def test_it_loads_without_anything_heavy(name: str) -> None:
    heavy = "pydantic", "boto3", "botocore", "httpx", "email", "numpy", "PIL", "python_multipart"
    loaded = f"sorted(set(sys.modules) & {set(heavy)})"
    code = f"import sys; from packshot import dialects; dialects.load({name!r}); print({loaded})"
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONPATH": ":".join(sys.path)}
    )
    assert ran.stdout.strip() == "[]"


def _is_an_answer(response: Response) -> None:
    assert all(name == name.lower() and value.isprintable() for name, value in response.headers.items())
    if "json" in response.headers.get("content-type", ""):
        json.loads(response.body)


def _json_values() -> st.SearchStrategy[Any]:
    scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
    return st.recursive(
        scalars,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
        max_leaves=12,
    )


# ---------------------------------------------------------------------------------------------------- our own API

DOCUMENT: dict[str, Any] = json.loads(api.data("openapi.json"))
OWN = [pytest.param(file, id=file.stem) for name, file in EXAMPLES if name == "native"]


def test_the_document_describes_every_route_and_no_other() -> None:
    described = {(method.upper(), path) for path, item in DOCUMENT["paths"].items() for method in item}
    assert described == {(method, api.PREFIX + path) for path, each in native.ROUTES.items() for method in each}


def test_every_route_has_an_example() -> None:
    shown = {
        (example["request"]["method"], native.route(example["request"]["url"])[0])
        for example in (_read_example(file) for name, file in EXAMPLES if name == "native")
        if "request" in example and "answer" in example
    }
    assert shown == {(method, path) for path, each in native.ROUTES.items() for method in each}


def test_the_document_names_the_scope_of_every_route() -> None:
    for example in (_read_example(file) for name, file in EXAMPLES if name == "native"):
        if "request" in example and "wish" in example:
            path, method = native.route(example["request"]["url"])[0], example["request"]["method"].lower()
            scope = SCOPES.get(getattr(wishes, example["wish"]["type"]))
            operation = DOCUMENT["paths"][api.PREFIX + path][method]
            assert operation.get("description") == (scope and f"Needs the scope `{scope}`.")
            assert ("security" in operation) == (scope is None)


@pytest.mark.parametrize("file", OWN)
def test_what_is_written_is_what_is_described(file: Path) -> None:
    example = _read_example(file)
    body = example["response"].get("json")
    if "error" in example:
        problem = shapes.Problem.model_validate_json(json.dumps(body))
        assert problem.status == example["response"]["status"] == STATUS[problem.code]
        return
    path = native.route(example["request"]["url"])[0]
    operation = DOCUMENT["paths"][api.PREFIX + path][example["request"]["method"].lower()]
    described = operation["responses"][str(example["response"]["status"])]
    if body is None or path == "openapi.json":
        return
    schema = described["content"]["application/json"]["schema"]
    names = [each["$ref"].rpartition("/")[2] for each in schema.get("oneOf", [schema])]
    assert sum(_fits(getattr(shapes, name), body) for name in names) == 1


def _fits(model: type[BaseModel], body: object) -> bool:
    try:
        found = model.model_validate_json(json.dumps(body))
    except ValueError:
        return False
    assert json.loads(found.model_dump_json(exclude_unset=True)) == body
    return True


@pytest.mark.parametrize(
    "path",
    [
        "",
        "jobs/",
        "jobs//",
        "jobs/{id}",
        "jobs/../models",
        "openapi.json/",
        "models/x",
        "jobs/job_1/cancel/",
        "account/callback-secret",
        "callback-endpoints/%2e/rotate",
        "presets/",
        "presets/pre_1/@2",
        "profiles/prf_1/pictures",
        "pictures",
        "pictures/assets",
        "pictures/assets/acc_1",
        "pictures/assets/acc_1/",
        "pictures/assets/acc_1/as_1/thumbnail/",
        "pictures/assets/acc_1/as_1@2",
        "pictures/assets/../as_1",
        "pictures/assets/{account}/{id}",
        "pictures/outputs/acc_1/job_1",
        "pictures/outputs/acc_1/job_1/a b.jpg",
        "pictures/outputs/acc_1/job_1/00.jpg/thumbnail",
        "pictures/outputs/acc_1/job_1/" + "x" * 257,
    ],
)
def test_a_path_that_is_almost_right_is_not_found(path: str) -> None:
    for method in METHODS:
        with pytest.raises(CallerError) as caught:
            native.read(Request(method, api.PREFIX + path))
        assert caught.value.code == "not_found"


@pytest.mark.parametrize("path", native.ROUTES)
def test_a_wrong_method_names_the_right_ones(path: str) -> None:
    for method in {*METHODS, "BREW"} - set(native.ROUTES[path]) - ({"HEAD"} if "GET" in native.ROUTES[path] else set()):
        with pytest.raises(CallerError) as caught:
            native.read(Request(method, api.PREFIX + re.sub("{[a-z]+}", "job_01kaj2v6w0000000000000001a", path)))
        assert caught.value.code == "method_not_allowed"
        allowed = native.write_error(caught.value, "r").headers["allow"].split(", ")
        assert set(allowed) - {"HEAD"} == set(native.ROUTES[path])


def test_head_is_read_as_get() -> None:
    assert native.read(Request("HEAD", "/packshot/v1/models")) == wishes.ListModels()


@pytest.mark.parametrize(
    ("header", "key"),
    [
        ("Bearer pk_live_a", "pk_live_a"),
        ("bearer  pk_live_a ", "pk_live_a"),
        ("Basic pk_live_a", None),
        ("pk_live_a", None),
        ("Bearer ", None),
        ("", None),
    ],
)
def test_where_the_key_rides(header: str, key: str | None) -> None:
    request = Request("GET", "/packshot/v1/jobs", {"authorization": header}, query={"key": "pk_live_b"})
    assert native.key_of(request) == key


@pytest.mark.parametrize(
    ("prefer", "seconds"),
    [
        ("wait=10", 10),
        ("respond-async, wait=7", 7),
        ('Wait = "5"', 5),
        ("wait=5; x=1, wait=9", 5),
        ("wait=9999", 600),
        ("wait=-1", 0),
        ("wait=ten", 0),
        ("wait", 0),
        ("wait=\u0661", 0),
        ("respond-async", 0),
        (",;=,", 0),
        ("", 0),
    ],
)
def test_prefer(prefer: str, seconds: int) -> None:
    wish = native.read(Request("POST", "/packshot/v1/jobs", {"prefer": prefer}, b"{}"))
    assert isinstance(wish, wishes.Submit) and wish.wait == seconds


@pytest.mark.parametrize("key", ["", "x" * 256, "caf\u00e9", "a\tb"])
def test_an_idempotency_key_is_printable_and_short(key: str) -> None:
    with pytest.raises(CallerError) as caught:
        native.read(Request("POST", "/packshot/v1/jobs", {"idempotency-key": key}, b"{}"))
    assert (caught.value.code, caught.value.field) == ("invalid_field", "Idempotency-Key")


@pytest.mark.parametrize(
    "text",
    [
        "https://",
        "https:///x",
        "https://a b/",
        "https://u:p@shop.example/",
        "https://[::1",
        "https://shop.example:0/",
        "https://shop.example:99999/",
        "https://shop.example\\@evil/",
        "https://sh\u00f6p.example/",
        "as_1",
        "as_",
        "data:",
        "data:image/gif;base64,R0lGODlh",
        "data:image/png;base64,!!!!",
        "data:image/png;base64,UklGRg",
        "x" * 3000,
        "data:image/png,AAAA",
        "data:image/png;base64,AAAA",
        "https://shop.example/" + "x" * 2048,
    ],
)
def test_an_image_that_is_none(text: str) -> None:
    with pytest.raises(CallerError) as caught:
        native.read(Request("POST", "/packshot/v1/jobs", {}, dump({"images": ["https://shop.example/a.jpg", text]})))
    assert (caught.value.code, caught.value.field) == ("invalid_field", "images[1]")
    assert len(caught.value.message) < 120


@pytest.mark.parametrize(
    "ratio",
    ["0:1", "1:0", "1:21", "21:1", "1", "1:1:1", "-1:1", "1e3:1", "nan:1", "Auto", "1.234:1", "\u0661:1", "1:1\n"],
)
def test_a_ratio_that_is_none(ratio: str) -> None:
    with pytest.raises(CallerError) as caught:
        native.read(Request("POST", "/packshot/v1/jobs", {}, dump({"aspect_ratio": ratio})))
    assert (caught.value.code, caught.value.field) == ("invalid_field", "aspect_ratio")


def test_too_large_is_said_before_anything_is_parsed() -> None:
    with pytest.raises(CallerError) as caught:
        native.read(Request("POST", "/packshot/v1/jobs", {}, b"[" * 6_000_001))
    assert caught.value.status == 413


JOBS = "/packshot/v1/jobs"
URL, OTHER = "https://shop.example/a.jpg", "https://shop.example/b.jpg"


@pytest.mark.parametrize(
    ("body", "own"),
    [
        ({"operation": "upscale"}, True),
        ({"operation": "remove_background"}, True),
        ({"operation": "relight", "resolution": "1K"}, False),
        ({"operation": "enhance", "width": 512, "height": 512}, False),
        ({"operation": "inpaint", "aspect_ratio": "auto"}, False),
        ({"operation": "inpaint", "like_input": False}, False),
        ({"operation": "enhance", "resolution": "2K", "like_input": True}, True),
        ({"operation": "edit"}, False),
        ({"operation": "edit", "like_input": True}, True),
        ({}, False),
    ],
)
def test_who_keeps_the_size_of_the_input(body: dict[str, Any], own: bool) -> None:
    wish = native.read(Request("POST", JOBS, {}, dump(body)))
    assert isinstance(wish, wishes.Submit) and wish.brief.like_input is own and wish.brief.model == ""


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"like_input": True, "width": 512, "height": 512}, "width"),
        ({"like_input": True, "aspect_ratio": "1:1"}, "aspect_ratio"),
        ({"operation": "enhance", "scale": 2}, "scale"),
        ({"operation": "inpaint", "mask_kind": "black"}, "mask_kind"),
        ({"operation": "remove_background", "background": "transparent", "format": "jpg"}, "format"),
        ({"operation": "inpaint", "mask": "data:image/png;base64,AAAA"}, "mask"),
        ({"operation": "remix", "reference": "https://a b/"}, "reference"),
    ],
)
def test_two_fields_that_do_not_go_together(body: dict[str, Any], field: str) -> None:
    with pytest.raises(CallerError) as caught:
        native.read(Request("POST", JOBS, {}, dump(body)))
    assert (caught.value.code, caught.value.field) == ("invalid_field", field)


def test_pictures_keep_their_order_and_their_roles() -> None:
    body = {"mask": "data:image/webp;base64,UklGRgQAAABXRUJQ", "reference": OTHER, "images": [URL, "as_" + "0" * 26]}
    wish = native.read(Request("POST", JOBS, {}, dump(body)))
    assert isinstance(wish, wishes.Submit)
    assert [image.role for image in wish.brief.images] == ["product", "product", "reference", "mask"]
    assert [each.image for each in wish.inline] == [3]


@pytest.mark.parametrize(
    ("body", "field", "named"),
    [
        ({"images": [URL], "reference": OTHER}, "images[0]", "images[0]"),
        ({"images": [URL], "reference": OTHER}, "images[1]", "reference"),
        ({"images": [URL], "mask": OTHER}, "images[1]", "mask"),
        ({"images": [URL], "reference": OTHER, "mask": OTHER}, "images[2]", "mask"),
        ({"images": [URL], "profiles": ["prf_1"]}, "images[3]", "profiles"),
        ({"reference": OTHER}, "images[0]", "reference"),
        ({"images": [URL]}, "callback_url", "callback_url"),
        ([], "images[0]", "images[0]"),
    ],
)
def test_an_error_names_a_picture_as_the_caller_does(body: Any, field: str, named: str) -> None:
    error = CallerError("unknown_asset", "There is no such asset.", field=field)
    assert native.write_error(error, "r", Request("POST", JOBS, {}, dump(body))).json()["field"] == named
    assert native.write_error(error, "r", Request("POST", JOBS, {}, b"{")).json()["field"] == field


@pytest.mark.parametrize(
    ("text", "code", "field"),
    [
        (b"RIFF\x04\0\0\0WEBP", "unknown_field", "label"),
        (b"", "missing_field", "file"),
        (b"a\nb", "invalid_field", "tags[0]"),
        (b"\xff", "invalid_field", "tags[0]"),
        (b"x" * 51, "invalid_field", "tags[0]"),
    ],
)
def test_a_form_that_is_none_of_ours(text: bytes, code: str, field: str) -> None:
    file = b'--edge\r\nContent-Disposition: form-data; name="file"\r\n\r\nRIFF\x04\0\0\0WEBP\r\n'
    name = b"tags" if field != "label" else b"label"
    part = b'--edge\r\nContent-Disposition: form-data; name="' + name + b'"\r\n\r\n' + text + b"\r\n"
    body = (b"" if field == "file" else file + part) + b"--edge--\r\n"
    headers = {"content-type": "multipart/form-data; boundary=edge"}
    with pytest.raises(CallerError) as caught:
        native.read(Request("POST", "/packshot/v1/assets", headers, body))
    assert (caught.value.code, caught.value.field) == (code, field)


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        ({"url": "https://a b/"}, "invalid_field", "url"),
        ({"url": URL, "content_type": "image/png"}, "unknown_field", "content_type"),
        ({}, "missing_field", "content_type"),
        ([], "invalid_field", None),
        ({"url": URL, "tags": ["t"] * 21}, "invalid_field", "tags"),
    ],
)
def test_an_asset_that_is_none(body: Any, code: str, field: str | None) -> None:
    with pytest.raises(CallerError) as caught:
        native.read(Request("POST", "/packshot/v1/assets", {}, dump(body)))
    assert (caught.value.code, caught.value.field) == (code, field)


@pytest.mark.parametrize(
    ("query", "code", "field"),
    [
        ({"since": "2026-11-21T08:00:00Z"}, "missing_field", "until"),
        ({}, "missing_field", "since"),
        ({"since": "2026-11-21T08:00:00Z", "until": "2026-11-21T08:00:00Z"}, "invalid_field", "until"),
        ({"since": "2026-13-21T08:00:00Z", "until": "2026-11-21T08:00:00Z"}, "invalid_field", "since"),
    ],
)
def test_a_span_of_time_that_is_none(query: dict[str, str], code: str, field: str) -> None:
    with pytest.raises(CallerError) as caught:
        native.read(Request("GET", "/packshot/v1/usage", query=query))
    assert (caught.value.code, caught.value.field) == (code, field)


def test_a_picture_opens_whatever_its_query_says() -> None:
    path = "assets/acc_1/as_1/thumbnail"
    assert native.read(Request("HEAD", f"/packshot/v1/pictures/{path}", query={"v": "2"})) == wishes.GetPicture(path)


def test_an_operation_that_is_none_has_no_model() -> None:
    body = dump({"models": {"draw": "studio"}})
    with pytest.raises(CallerError) as caught:
        native.read(Request("PATCH", "/packshot/v1/account", {}, body))
    assert (caught.value.code, caught.value.field) == ("invalid_field", "models.draw")
