"""The Photoroom simulator against the document's plain HTTP examples, our own provider, and its list of directives.

There is no official client.
"""

import io
import json
import urllib.request
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode

import pytest
from PIL import Image

from packshot import providers
from packshot.brief import Brief, frame
from packshot.multipart import Part, compose
from packshot.replies import Later, Made, No, Reply, Shot, Source
from packshot.wire import Request, Response
from simulators.photoroom import EDIT, SEGMENT, TOKEN, form_of
from simulators.server import Call, Server

KEY = {"x-api-key": TOKEN}
provider = providers.load("photoroom")


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server(0, latency=0.02, hang=0.6) as running:
        yield running


@pytest.fixture(autouse=True)
def fresh(server: Server) -> None:
    server.world.reset()


@pytest.fixture
def credentials(server: Server) -> dict[str, str]:
    return {"token": TOKEN, "base_url": f"{server.url}/photoroom/"}


def send(request: Request, timeout: float = 5) -> Response:
    raw = urllib.request.Request(request.url, request.body or None, dict(request.headers), method=request.method)
    try:
        with urllib.request.urlopen(raw, timeout=timeout) as answer:
            return Response(answer.status, {k.lower(): v for k, v in answer.headers.items()}, answer.read())
    except HTTPError as error:
        return Response(error.code, {k.lower(): v for k, v in error.headers.items()}, error.read())


def photo(form: str = "JPEG", mode: str = "RGB", colour: Any = (90, 60, 30)) -> bytes:
    out = io.BytesIO()
    Image.new(mode, (96, 64), colour).save(out, form)
    return out.getvalue()


def post(server: Server, path: str, file: bytes | None = None, **fields: str) -> Response:
    """A form, as `curl --form` sends it; underscores in names are dots."""
    name = "imageFile" if path == "v2/edit" else "image_file"
    parts = [Part(name, file or photo(), "a.jpg", "image/jpeg")]
    parts += [Part(each.replace("__", "."), value.encode()) for each, value in fields.items()]
    kind, body = compose(parts)
    return send(Request("POST", f"{server.url}/photoroom/{path}", {**KEY, "content-type": kind}, body))


def shot(prompt: str = "on white marble", model: str = "v2/edit", png: bytes = b"", **brief: Any) -> Shot:
    asked = Brief(model="any", prompt=prompt, **{"operation": "generate", "aspect_ratio": "1:1", **brief})
    source = Source("", png or photo(), "image/png" if png else "image/jpeg", 96, 64)
    return Shot(asked, prompt, model, 1, (source,), *frame(asked, (96, 64)), brief.get("seed"))


def create(credentials: Mapping[str, str], wanted: Shot, timeout: float = 5) -> Reply:
    return provider.read(send(provider.write(wanted, credentials, None), timeout))


def effects(server: Server) -> list[bool]:
    return [bool(entry["effect"]) for entry in server.world.requests]


def picture(reply: Reply | bytes) -> Image.Image:
    assert isinstance(reply, Made | bytes)
    image = Image.open(io.BytesIO(reply if isinstance(reply, bytes) else reply.pictures[0]))
    image.load()
    return image


# --- the document's examples --------------------------------------------------------------------------------------
def test_an_edit_by_address_as_documented(server: Server, tmp_path: Any) -> None:
    """GET with imageUrl, removeBackground, background.color, outputSize and padding."""
    server.world.fetch = lambda url: photo()  # type: ignore[method-assign]
    try:
        query = {"imageUrl": "https://example.com/photo.jpg", "removeBackground": "true", "background.color": "FFFFFF",
                 "outputSize": "1000x1000", "padding": "0.1"}  # fmt: skip
        answer = send(Request("GET", f"{server.url}/photoroom/v2/edit?{urlencode(query)}", KEY))
    finally:
        del server.world.fetch
    assert (answer.status, answer.headers["content-type"]) == (200, "image/png")
    assert picture(answer.body).size == (1000, 1000) and picture(answer.body).getpixel((0, 0)) == (255,) * 4
    assert answer.headers["x-uncertainty-score"] == "0.1" and "pr-unsupported-attributes" not in answer.headers


def test_an_edit_by_file_as_documented(server: Server) -> None:
    answer = post(server, "v2/edit", background__prompt="on a beach", background__seed="123456", outputSize="200x400")
    assert picture(answer.body).size == (200, 400) and answer.headers["pr-ai-background-seed"] == "123456"
    again = post(server, "v2/edit", background__prompt="on a beach", background__seed="123456", outputSize="200x400")
    assert again.body == answer.body and effects(server) == [True, True]


@pytest.mark.parametrize(("form", "kind"), [("jpeg", "JPEG"), ("jpg", "JPEG"), ("webp", "WEBP"), ("png", "PNG")])
def test_the_format_is_the_one_asked_for(server: Server, form: str, kind: str) -> None:
    assert picture(post(server, "v2/edit", export__format=form).body).format == kind


def test_the_basic_removal_as_documented(server: Server) -> None:
    assert picture(post(server, "v1/segment").body).mode == "RGBA"
    assert picture(post(server, "v1/segment", bg_color="#FF00FF").body).getpixel((0, 0)) == (255, 0, 255, 255)
    assert picture(post(server, "v1/segment", channels="alpha", size="preview", crop="true").body).mode == "L"
    kind, body = compose([Part("format", b"png")])
    bare = Request("POST", f"{server.url}/photoroom/v1/segment", {**KEY, "content-type": kind}, body)
    assert send(bare).json() == {"detail": "Please provide an image.", "status_code": 400, "type": "missing_image"}


def test_what_is_not_known_is_passed_over_and_listed(server: Server) -> None:
    answer = post(server, "v2/edit", background__inner="x", seed="7")
    assert answer.status == 200
    assert answer.headers["pr-unsupported-attributes"] == "Unsupported attributes: background.inner, seed"
    reply = provider.read(answer)
    assert isinstance(reply, No) and reply.failure.code == "provider_invalid_input"


@pytest.mark.parametrize(
    "fields",
    [
        {"outputSize": "big"}, {"export__format": "gif"}, {"removeBackground": "yes"}, {"padding": "0.7"},
        {"background__seed": "x"}, {"shadow__mode": "soft"}, {"lighting__mode": "auto"}, {"maxWidth": "200"},
        {"removeBackground": "false", "referenceBox": "originalImage"}, {"imageUrl": "https://example.com/a.jpg"},
        {"background__prompt": "a", "background__imageUrl": "https://example.com/a.jpg"},
    ],
)  # fmt: skip
def test_what_is_known_is_checked(server: Server, fields: dict[str, str]) -> None:
    answer = post(server, "v2/edit", **fields)
    assert answer.status == 400 and answer.json()["error"]["message"] and effects(server) == [False]


def test_a_file_that_is_no_picture_is_refused(server: Server) -> None:
    assert post(server, "v2/edit", b"<html>").status == post(server, "v1/segment", b"<html>").status == 400


@pytest.mark.parametrize("key", ["", "other", "sandbox_other"])
def test_a_key_is_needed(server: Server, key: str) -> None:
    answer = send(Request("GET", f"{server.url}/photoroom/v2/account", {"x-api-key": key}))
    assert (answer.status, answer.json()) == (403, {"error": {"message": "Unauthorized"}})


def test_the_account_and_the_probe(server: Server, credentials: dict[str, str]) -> None:
    v1 = send(Request("GET", f"{server.url}/photoroom/v1/account", {"x-api-key": f"sandbox_{TOKEN}"}))
    assert v1.json()["credits"]["available"] == 100
    assert provider.write_probe
    assert send(provider.write_probe(credentials)).json()["images"]["subscription"] == 100
    assert send(provider.write_probe({**credentials, "token": "x"})).status == 403
    assert provider.write_probe({}).url == "https://image-api.photoroom.com/v2/account"


# --- our provider -------------------------------------------------------------------------------------------------
BRIEFS: list[tuple[str, dict[str, Any]]] = [
    ("v2/edit", {"operation": "generate", "seed": 2**32 - 1}),
    ("v2/edit", {"operation": "generate", "width": 777, "height": 512}),
    ("v2/edit", {"operation": "remove_background", "like_input": True, "format": "png"}),
    ("v2/edit", {"operation": "remove_background", "like_input": True, "background": "white"}),
    ("v2/edit", {"operation": "relight", "like_input": True}),
    ("v1/segment", {"operation": "remove_background", "like_input": True, "format": "png"}),
    ("v1/segment", {"operation": "remove_background", "like_input": True, "background": "white"}),
]


@pytest.mark.parametrize("png", [b"", photo("PNG", "RGBA", (9, 9, 9, 0))], ids=["jpg", "cut out"])
@pytest.mark.parametrize(("model", "brief"), BRIEFS)
def test_every_operation_makes_a_picture(
    server: Server, credentials: dict[str, str], model: str, brief: dict[str, Any], png: bytes
) -> None:
    wanted = shot(model=model, png=png, **brief)
    request = provider.write(wanted, credentials, None)
    given, files = form_of(Call("POST", "/", {}, request.headers, request.body))
    assert set(given) <= set(EDIT if model == "v2/edit" else SEGMENT) and len(files) == 1
    answer = send(request)
    assert "pr-unsupported-attributes" not in answer.headers
    made = picture(provider.read(answer))
    assert made.size == (wanted.width, wanted.height) and effects(server) == [True]
    if brief["operation"] == "remove_background":
        corner = made.convert("RGBA").getpixel((0, 0))
        assert corner == (255,) * 4 if brief.get("background") == "white" else corner[3] == 0  # type: ignore[index]


def test_a_large_picture_is_asked_for_as_webp(credentials: dict[str, str]) -> None:
    made = picture(create(credentials, shot(resolution="4K")))
    assert (made.format, made.size) == ("WEBP", (4096, 4096))


def test_a_picture_that_was_cut_out_keeps_its_own_edge(credentials: dict[str, str]) -> None:
    own = Image.new("RGBA", (96, 64))
    own.paste((200, 0, 0, 255), (0, 0, 10, 10))
    out = io.BytesIO()
    own.save(out, "PNG")
    made = picture(create(credentials, shot(png=out.getvalue(), operation="remove_background", like_input=True)))
    assert made.tobytes() == own.tobytes()


# --- directives ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("model", ["v2/edit", "v1/segment"])
@pytest.mark.parametrize(
    ("directive", "code", "effect"),
    [
        ("fail", "provider_failed", True), ("500-after", "provider_failed", True),
        ("500-before", "provider_failed", False), ("invalid", "provider_invalid_input", False),
        ("unauthorized", "provider_unauthorized", False), ("quota", "provider_quota", False),
        ("gone", "provider_invalid_input", False), ("garbage-after", "provider_empty", True),
        ("no-image", "provider_empty", True), ("broken-output", "provider_empty", True),
        ("wrong-type", "provider_empty", True),
    ],
)  # fmt: skip
def test_a_failure_on_request(
    server: Server, credentials: dict[str, str], model: str, directive: str, code: str, effect: bool
) -> None:
    server.world.settings["behave"] = {"photoroom": f"[[sim:{directive}]]"}
    reply = create(credentials, shot("", model, operation="remove_background", like_input=True))
    assert isinstance(reply, No) and reply.failure.code == code and not reply.final
    assert effects(server) == [effect]


def test_a_parameter_passed_over_is_a_picture_that_was_not_asked_for(credentials: dict[str, str]) -> None:
    reply = create(credentials, shot("a desk [[sim:ignored]]"))
    assert isinstance(reply, No) and reply.failure.code == "provider_invalid_input"


def test_out_of_credit_is_told_in_each_api_s_own_form(server: Server) -> None:
    server.world.settings["behave"] = {"photoroom": "[[sim:quota]]"}
    assert "detail" in post(server, "v2/edit").json()["error"] and "detail" in post(server, "v1/segment").json()


def test_busy_as_often_as_asked(server: Server, credentials: dict[str, str]) -> None:
    wanted = shot("a desk [[sim:429=2]]")
    assert [create(credentials, wanted) for _ in range(2)] == [Later(1), Later(1)]
    assert isinstance(create(credentials, wanted), Made) and effects(server) == [False, False, True]
    server.world.settings["retry_after"] = None
    assert create(credentials, shot("again [[sim:429]]")) == Later(30)


def test_no_answer_but_an_effect(server: Server, credentials: dict[str, str]) -> None:
    with pytest.raises(OSError):
        create(credentials, shot("[[sim:hang-after]]"), timeout=0.3)
    assert effects(server) == [True] and server.world.requests[-1]["status"] is None


def test_pictures_that_are_none(credentials: dict[str, str]) -> None:
    with pytest.raises(OSError):
        picture(create(credentials, shot("[[sim:truncated-output]]")))
    assert picture(create(credentials, shot("[[sim:black-only]]"))).convert("L").getextrema() == (0, 0)
    assert len(send(provider.write(shot("[[sim:huge-output]]"), credentials, None)).body) > provider.max_answer


def test_the_log_holds_no_key(server: Server, credentials: dict[str, str]) -> None:
    create(credentials, shot())
    assert TOKEN not in json.dumps(server.world.requests)
