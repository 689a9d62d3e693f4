"""The simulated product-photo services by plain HTTP: what their vendors document, keys, credits, webhooks, uploads."""

import html
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from packshot import dialects
from packshot.wire import Request
from simulators.products import SIMULATORS
from simulators.server import Server
from tests import conversations
from tests.products import FORMS, HOOK, IMAGE, Line, call, fresh, key_of, photo, served

SPOKEN = [*sorted(SIMULATORS), *FORMS]
FOLDER = Path(__file__).parent / "dialects"
TALKS = [file for file in conversations.FILES if file.parent.parent.name in SPOKEN]
LOCAL = "no provider of this deployment"
"""What a conversation says where our catalogue has no route: the vendor makes all of its models."""


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with served() as running:
        yield running


@pytest.fixture
def line(server: Server) -> Line:
    return fresh(server)


@pytest.mark.parametrize("file", TALKS, ids=[f"{file.parent.parent.name}-{file.stem}" for file in TALKS])
def test_a_conversation_goes_as_documented(file: Path, line: Line, tmp_path: Path) -> None:
    talk, dialect = json.loads(file.read_text()), file.parent.parent.name
    line.name = FORMS.get(dialect, dialect)
    line.behave(line.name, f"[[sim:credits={talk.get('credits', 100)}]]")
    talk["exchanges"] = [each for each in talk["exchanges"] if LOCAL not in json.dumps(each)]
    copy = tmp_path / dialect / "conversations" / file.name
    copy.parent.mkdir(parents=True)
    copy.write_text(json.dumps(talk))
    conversations.hold(copy, line, {"key": key_of(line.name), "image": IMAGE}, photo())


def examples(dialect: str) -> Iterator[Any]:
    """Requests that need nothing of before, and whether their dialect refuses them."""
    for file in sorted((FOLDER / dialect).glob("*.json")):
        example = json.loads(file.read_text())
        request, wish = example.get("request"), example.get("wish", {})
        if request is None or example.get("key", "") is None or "of_nobody" in file.stem:
            continue
        images = wish.get("brief", {}).get("images", [])
        kept = wish.get("profiles") or any(image["kind"] != "url" and image["value"] != "inline" for image in images)
        if ("brief" in wish and not kept and "http://" not in json.dumps(request)) or "error" in example:
            yield file.name, request, "error" in example


@pytest.mark.parametrize("dialect", SPOKEN)
def test_a_documented_request_is_taken_or_refused(dialect: str, line: Line) -> None:
    line.behave(FORMS.get(dialect, dialect), "[[sim:broken-output]]")  # spares the time to paint
    line.server.world.settings["inputs"] = "lenient"  # not all of them hold whole pictures
    count = 0
    for name, raw, refused in examples(dialect):
        more = {field: value for field, value in raw.items() if field in ("headers", "query", "text")}
        line.server.simulators[FORMS.get(dialect, dialect)].reset()  # some share a client_request_id
        count += 1
        status, body = line.ask(dialect, raw["method"], raw["url"], raw.get("json"), **more)
        assert 400 <= status < 500 if refused else status in (200, 202), (name, status, body)
    assert count >= 10
    assert len(line.effects()) >= 3


@pytest.mark.parametrize("dialect", SPOKEN)
def test_a_key_in_no_place_or_of_nobody_is_refused(dialect: str, line: Line) -> None:
    line.name = FORMS.get(dialect, dialect)
    prefix = dialects.load(dialect).prefixes[0]
    assert line.send("POST", f"{prefix}/generate", {}, {}, b"{}")[0] == 401
    line.behave(line.name, "[[sim:unauthorized]]")
    assert line.ask(dialect, "POST", f"{prefix}/generate", {})[0] in (400, 401, 422)
    assert line.send("GET", "/nothing/of/the/kind", {}, {}, b"")[0] == 404
    assert not line.effects()


# ------------------------------------------------------------------------------------------------- told and kept

IMAGE_AT = "/api/images/generate"


@pytest.mark.parametrize(
    ("directive", "status"), [("webhook=reordered", [2, 1]), ("fail", [3]), ("webhook=dup", [2, 2, 2])]
)
def test_a_webhook_of_aiphotogenerator_tells_of_an_image(line: Line, directive: str, status: list[int]) -> None:
    wanted = {"model": "flux-2", "prompt": f"a cup [[sim:{directive}]]", "width": 512, "height": 512}
    _, answer = line.ask("aiphotogenerator", "POST", IMAGE_AT, {**wanted, "webhook_url": HOOK})
    told = [json.loads(body)["image"] for _, body in line.wait(len(status))]
    assert [image["status"] for image in told] == status
    assert {image["id"] for image in told} == {answer["images"][0]["id"]}


def test_each_image_is_told_of(line: Line) -> None:
    line.behave("aiphotogenerator", f"[[sim:account-hook={HOOK}]]")
    wanted = {"model": "flux-2", "prompt": "a cup", "width": 512, "height": 512, "count": 3}
    _, answer = line.ask("aiphotogenerator", "POST", IMAGE_AT, wanted)
    told = [json.loads(body)["image"] for _, body in line.wait(3)]
    assert sorted(image["id"] for image in told) == sorted(image["id"] for image in answer["images"])
    assert {call(Request("GET", image["url"])).status for image in told} == {200}


def test_an_account_has_a_webhook_of_its_own(line: Line) -> None:
    line.behave("productai", f"[[sim:account-hook={HOOK}]]")
    wanted = {"model": "seedream", "image_url": IMAGE, "prompt": "a cup"}
    _, answer = line.ask("productai_deployed", "POST", "/v1/api/generate", wanted)
    ((headers, body),) = line.wait(1)
    assert json.loads(body)["job_id"] == str(answer["data"]["id"])
    assert headers["webhook-signature"].startswith("v1,")


def test_a_form_is_posted_to_where_its_ticket_says(line: Line) -> None:
    _, ticket = line.ask("makephotos", "GET", "/api/v1/upload/signed")
    fields = [(f'name="{name}"', value.encode()) for name, value in ticket["fields"].items()]
    parts = [*fields, ('name="file"; filename="a.png"', photo())]
    lines = [f"--x\r\ncontent-disposition: form-data; {head}\r\n\r\n".encode() + data for head, data in parts]
    headers = {"content-type": "multipart/form-data; boundary=x"}
    line.name, url = "makephotos", ticket["url"].partition("/makephotos")[2]
    assert line.send("POST", url, headers, {}, b"\r\n".join(lines) + b"\r\n--x--\r\n")[0] == 204
    assert line.send("GET", ticket["image_url"].partition("/makephotos")[2], {}, {}, b"")[2] == photo()


def test_double_brackets_name_profiles_and_directives(line: Line) -> None:
    status, body = line.ask("phota", "POST", "/v1/phota/generate", {"prompt": "a cup [[sim:refused]]"})
    assert (status, body["code"]) == (400, "CONTENT_MODERATION")
    status, body = line.ask("phota", "POST", "/v1/phota/generate", {"prompt": "[[nobody]] with a cup"})
    assert (status, body["code"]) == (400, "INVALID_REQUEST")


def test_the_index_describes_every_simulator(line: Line) -> None:
    status, headers, page = line.send("GET", "", {}, {}, b"")
    text = page.decode()
    assert status == 200 and headers["content-type"].startswith("text/html")
    assert text.count("slow=8           takes that many seconds") == 1
    for name, simulator in line.server.simulators.items():
        assert f'<h2 id="{name}">' in text and f"{line.server.url}/{name}</code>" in text
        assert html.escape(simulator.HELP.strip()) in text
    assert f"{line.server.url}/makephotos/api/v1</code>" in text
    assert not any(f">{value}<" in text or f" {value}" in text for value in map(key_of, SIMULATORS))
