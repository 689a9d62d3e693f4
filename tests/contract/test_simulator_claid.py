"""The Claid simulator against the documented examples, our own provider, and its list of directives.

Claid has no official client: what is asked here is asked by plain HTTP.
"""

import io
import json
import time
import urllib.request
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.error import HTTPError

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from packshot import providers
from packshot.brief import Brief
from packshot.errors import Forged, ProviderError
from packshot.replies import Later, No, Ready, Reply, Shot, Source, Taken, Unknown, Working
from packshot.wire import Request, Response
from simulators.claid import TOKEN, WEBHOOK_SECRET
from simulators.server import Server

provider = providers.load("claid")
SIZE = (96, 64)


PHOTO, NO_PICTURE = "https://pictures.example/photo.png", "https://pictures.example/page.html"
HOOK = "https://api.example/hooks/claid"


def fetch(url: str) -> bytes:
    """The web that the simulator sees."""
    if url != PHOTO:
        raise OSError("404")
    out = io.BytesIO()
    Image.new("RGB", SIZE, (200, 30, 40)).save(out, "PNG")
    return out.getvalue()


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server(0, latency=0.05, retries=[0.1], late=0.4, hang=1.0) as running:
        setattr(running.world, "fetch", fetch)  # noqa: B010
        yield running


@pytest.fixture(autouse=True)
def fresh(server: Server) -> None:
    control(server, "POST", "reset")


@pytest.fixture
def credentials(server: Server) -> dict[str, str]:
    return {"token": TOKEN, "webhook_secret": WEBHOOK_SECRET, "base_url": f"{server.url}/claid"}


class Inbox:
    """Where the simulator's webhooks arrive."""

    def __init__(self) -> None:
        self.got: list[tuple[Mapping[str, str], bytes]] = []

    def post(self, url: str, headers: Mapping[str, str], body: bytes) -> int:
        """Take one."""
        assert url == HOOK
        self.got.append((headers, body))
        return 200

    def wait(self, count: int, seconds: float = 5) -> list[tuple[Mapping[str, str], bytes]]:
        """What came, once there are so many or the time is over."""
        until = time.monotonic() + seconds
        while len(self.got) < count and time.monotonic() < until:
            time.sleep(0.02)
        return self.got


@pytest.fixture
def inbox(server: Server, fresh: None, monkeypatch: pytest.MonkeyPatch) -> Inbox:
    inbox = Inbox()
    monkeypatch.setattr(server.world, "post", inbox.post)
    assert ask(server, "PUT", "/account/webhook", {"url": HOOK}).status == 200
    return inbox


def send(request: Request, timeout: float = 5) -> Response:
    data = request.body if request.method in ("POST", "PUT") else None
    raw = urllib.request.Request(request.url, data, dict(request.headers), method=request.method)
    try:
        with urllib.request.urlopen(raw, timeout=timeout) as answer:
            return Response(answer.status, {k.lower(): v for k, v in answer.headers.items()}, answer.read())
    except HTTPError as error:
        return Response(error.code, {k.lower(): v for k, v in error.headers.items()}, error.read())


def ask(server: Server, method: str, path: str, payload: object = None, token: str = TOKEN) -> Response:
    body = b"" if payload is None else json.dumps(payload).encode()
    return send(Request(method, f"{server.url}/claid{path}", {"authorization": f"Bearer {token}"}, body))


def control(server: Server, method: str, verb: str, payload: object = None) -> Any:
    body = b"" if payload is None else json.dumps(payload).encode()
    return send(Request(method, f"{server.url}/_sim/{verb}", {}, body)).json()


def effects(server: Server) -> list[bool]:
    return [bool(one["effect"]) for one in control(server, "GET", "requests?method=POST")["requests"]]


def shot(model: str, prompt: str = "on a wooden table", size: tuple[int, int] = SIZE, **brief: Any) -> Shot:
    asked = Brief(model="any", **{"operation": "generate", "prompt": prompt, **brief})
    return Shot(asked, prompt, model, 1, (Source(PHOTO, b"", "image/png", *SIZE),), *size, None)


def create(credentials: dict[str, str], wanted: Shot) -> Reply:
    return provider.read(send(provider.write(wanted, credentials, None)))


def settle(credentials: dict[str, str], remote: str) -> Reply:
    assert provider.write_poll and provider.read_poll
    for _ in range(100):
        reply = provider.read_poll(send(provider.write_poll(remote, credentials)))
        if not isinstance(reply, Working):
            return reply
        time.sleep(0.02)
    raise AssertionError("never done")


def make(credentials: dict[str, str], wanted: Shot) -> Reply:
    reply = create(credentials, wanted)
    return settle(credentials, reply.remote) if isinstance(reply, Taken) else reply


def picture(reply: Reply) -> Image.Image:
    assert isinstance(reply, Ready) and len(reply.urls) == 1
    return Image.open(io.BytesIO(send(Request("GET", reply.urls[0])).body))


# --- the documented examples -----------------------------------------------------------------------------------------
def test_an_edit_is_answered_with_its_result(server: Server) -> None:
    operations = {"restorations": {"upscale": "smart_enhance"}, "resizing": {"width": "200%", "height": "auto"}}
    told = ask(server, "POST", "/v1/image/edit", {"input": PHOTO, "operations": operations}).json()["data"]
    assert (told["input"]["width"], told["input"]["height"], told["input"]["format"]) == (*SIZE, "PNG")
    assert (told["output"]["width"], told["output"]["height"]) == (192, 128)
    assert (told["output"]["ext"], told["output"]["mime"]) == ("jpg", "image/jpeg")
    assert Image.open(io.BytesIO(send(Request("GET", told["output"]["tmp_url"])).body)).size == (192, 128)


def test_a_scene_makes_four_unless_told_otherwise(server: Server) -> None:
    body = {"object": {"image_url": PHOTO, "scale": 0.55, "position": {"x": 0.35, "y": 0.5}},
            "scene": {"prompt": "marble countertop", "aspect_ratio": "16:9"}}  # fmt: skip
    made = ask(server, "POST", "/v1/scene/create", body).json()["data"]["output"]
    assert [(one["width"], one["height"], one["ext"]) for one in made] == [(1024, 576, "png")] * 4
    assert len({one["tmp_url"] for one in made}) == 4


def test_a_prompted_edit_is_accepted_and_asked_for(server: Server) -> None:
    body = {"input": PHOTO, "options": {"prompt": "add a duck"}}
    told = ask(server, "POST", "/v1/image/ai-edit", body).json()["data"]
    assert (told["status"], told["request"]) == ("ACCEPTED", body) and isinstance(told["id"], int)
    assert told["result_url"] == f"{server.url}/claid/v1/image/ai-edit/{told['id']}"
    time.sleep(0.3)
    done = ask(server, "GET", f"/v1/image/ai-edit/{told['id']}").json()["data"]
    assert (done["status"], done["errors"]) == ("DONE", [])
    assert [one["format"] for one in done["result"]["output_objects"]] == ["PNG"]


OBJECT = {"image_url": PHOTO}
FAULTY: list[tuple[str, Any, str]] = [
    ("image/edit", {"operations": {}}, "input"),
    ("image/edit", {"input": "data:image/png;base64,AAAA", "operations": {}}, "input"),
    ("image/edit", {"input": PHOTO, "operations": {"padded": 1}}, "operations.padded"),
    ("image/edit", {"input": PHOTO, "operations": {"background": {"colour": 1}}}, "operations.background.colour"),
    ("image/edit", {"input": PHOTO, "operations": {"resizing": {"width": True}}}, "operations.resizing.width"),
    ("scene/create", {"object": OBJECT, "scene": {"prompt": "on"}}, "scene.prompt"),
    ("scene/create", {"object": OBJECT, "scene": {"prompt": "on moss", "seed": 1}}, "scene.seed"),
    ("image/ai-edit", {"input": PHOTO, "options": {}}, "options.prompt"),
    ("image/ai-edit", {"input": PHOTO, "options": {"prompt": "a duck", "model": "v3"}}, "options.model"),
    ("image/ai-edit", [], ""),
]


@pytest.mark.parametrize(("path", "body", "field"), FAULTY)
def test_what_is_not_documented_is_refused(server: Server, path: str, body: Any, field: str) -> None:
    answer = ask(server, "POST", f"/v1/{path}", body)
    assert (answer.status, answer.json()["error_code"]) == (422, "9000")
    assert list(answer.json()["error_details"]) == [field] and effects(server) == [False]


def test_errors_look_as_documented(server: Server) -> None:
    denied = ask(server, "POST", "/v1/image/edit", {}, token="wrong")
    want = {
        "error_code": "111",
        "error_type": "auth",
        "error_message": "Authorization is required.",
        "error_details": {},
    }
    assert (denied.status, denied.json()) == (401, want)
    assert ask(server, "GET", "/v1/image/ai-edit/1").status == 404
    body = {"input": PHOTO, "options": {"prompt": "a duck [[sim:429]]"}}
    busy = ask(server, "POST", "/v1/image/ai-edit", body)
    assert (busy.status, busy.json()["detail"]["error_code"], busy.headers["ratelimit-reset"]) == (429, "2001", "1")


def test_a_picture_that_cannot_be_fetched(server: Server) -> None:
    edit = {"input": NO_PICTURE, "operations": {}}
    assert ask(server, "POST", "/v1/image/edit", edit).status == 400
    taken = ask(server, "POST", "/v1/image/ai-edit", {"input": NO_PICTURE, "options": {"prompt": "a duck"}}).json()
    time.sleep(0.3)
    told = ask(server, "GET", f"/v1/image/ai-edit/{taken['data']['id']}").json()["data"]
    assert told["status"] == "ERROR" and told["errors"]


# --- our provider ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("wanted", "form", "size"),
    [
        (shot("scene", format="png"), "PNG", (1024, 683)),
        (shot("scene", size=(576, 1024), negative_prompt="hands", detail="low"), "JPEG", (576, 1024)),
        (shot("ai-edit", operation="edit"), "JPEG", (2048, 1365)),
        (shot("ai-edit", operation="edit", size=(512, 512), format="png"), "PNG", (1024, 1024)),
        (shot("remove-background", "", operation="remove_background", like_input=True), "PNG", SIZE),
        (shot("remove-background", "", operation="remove_background", background="white"), "JPEG", SIZE),
        (shot("upscale", "", operation="upscale", size=(384, 256), scale=4, format="webp"), "PNG", (384, 256)),
    ],
)
def test_what_our_provider_writes_is_made(
    server: Server, credentials: dict[str, str], wanted: Shot, form: str, size: tuple[int, int]
) -> None:
    made = picture(make(credentials, wanted))
    assert (made.format, made.size) == (form, size)
    assert effects(server) == [True]


def test_a_removed_background_is_clear_or_white(credentials: dict[str, str]) -> None:
    clear = picture(make(credentials, shot("remove-background", "", operation="remove_background")))
    assert clear.convert("RGBA").getpixel((0, 0))[3] == 0  # type: ignore[index]
    white = picture(make(credentials, shot("remove-background", "", operation="remove_background", background="white")))
    assert min(white.convert("RGB").getpixel((0, 0))) > 250  # type: ignore[type-var, arg-type]


# --- directives ------------------------------------------------------------------------------------------------------
REFUSED = [("invalid", "provider_invalid_input"), ("unauthorized", "provider_unauthorized"),
           ("forbidden", "provider_unauthorized"), ("quota", "provider_quota"), ("gone", "provider_model_unknown"),
           ("conflict", "provider_failed")]  # fmt: skip


@pytest.mark.parametrize("model", ["scene", "ai-edit"])
@pytest.mark.parametrize(("directive", "code"), REFUSED)
def test_a_refusal_has_no_effect(
    server: Server, credentials: dict[str, str], model: str, directive: str, code: str
) -> None:
    reply = make(credentials, shot(model, f"a cup [[sim:{directive}]]"))
    assert isinstance(reply, No) and (reply.failure.code, reply.final) == (code, False)
    assert effects(server) == [False]


def test_how_a_request_can_end_badly(server: Server, credentials: dict[str, str]) -> None:
    for model in ("scene", "ai-edit"):
        reply = make(credentials, shot(model, "a cup [[sim:no-image]]"))
        assert isinstance(reply, No) and reply.failure.code == "provider_empty"
    reply = make(credentials, shot("ai-edit", "a cup [[sim:fail]]"))
    assert isinstance(reply, No) and reply.failure.code == "provider_failed"
    assert make(credentials, shot("scene", "a cup [[sim:fail]]")) == Unknown()
    assert make(credentials, shot("ai-edit", "a cup [[sim:evil-poll]]")) == Unknown()
    assert effects(server) == [True] * 5


def test_an_edit_takes_directives_from_the_setting(server: Server, credentials: dict[str, str]) -> None:
    control(server, "POST", "defaults", {"behave": {"claid": "[[sim:quota]]"}})
    reply = make(credentials, shot("upscale", "", operation="upscale"))
    assert isinstance(reply, No) and reply.failure.code == "provider_quota"
    control(server, "POST", "defaults", {"behave": {"claid": "[[sim:no-image]]"}})
    reply = make(credentials, shot("upscale", "", operation="upscale"))
    assert isinstance(reply, No) and reply.failure.code == "provider_empty"


@pytest.mark.parametrize("model", ["scene", "ai-edit"])
def test_busy_as_often_as_asked(server: Server, credentials: dict[str, str], model: str) -> None:
    control(server, "POST", "defaults", {"retry_after": 7})
    replies = [create(credentials, shot(model, "a cup [[sim:429=2]]")) for _ in range(3)]
    assert replies[:2] == [Later(7), Later(7)] and isinstance(replies[2], Ready | Taken)
    assert effects(server) == [False, False, True]


@pytest.mark.parametrize("model", ["scene", "ai-edit"])
def test_an_error_before_has_no_effect_and_an_error_after_has(
    server: Server, credentials: dict[str, str], model: str
) -> None:
    for directive, effect in [("500-before", False), ("500-after", True), ("garbage-after", True)]:
        assert create(credentials, shot(model, f"a cup [[sim:{directive}]]")) == Unknown()
        assert effects(server)[-1] is effect
    with pytest.raises(OSError):
        send(provider.write(shot(model, "a cup [[sim:hang-after]]"), credentials, None), timeout=0.4)
    assert effects(server) == [False, True, True, True]


def test_trouble_while_polling_passes(credentials: dict[str, str]) -> None:
    assert isinstance(make(credentials, shot("ai-edit", "a cup [[sim:poll-503=2]]")), Ready)
    lost = settle(credentials, "/v1/image/ai-edit/1")
    assert isinstance(lost, No) and lost.failure.code == "provider_lost"


@pytest.mark.parametrize("model", ["scene", "ai-edit"])
@pytest.mark.parametrize(
    "directive", ["broken-output", "truncated-output", "wrong-type", "expired-output", "black-only"]
)
def test_a_file_can_be_spoiled(credentials: dict[str, str], model: str, directive: str) -> None:
    reply = make(credentials, shot(model, f"a cup [[sim:{directive}]]"))
    assert isinstance(reply, Ready)
    answer = send(Request("GET", reply.urls[0]))
    if directive == "expired-output":
        assert answer.status == 404
    elif directive == "broken-output":
        assert answer.body.startswith(b"<html>")
    elif directive == "truncated-output":
        with pytest.raises(OSError):
            Image.open(io.BytesIO(answer.body)).load()
    else:
        made = Image.open(io.BytesIO(answer.body))
        assert made.format == "GIF" if directive == "wrong-type" else made.getextrema() == ((0, 0),) * 3


def test_a_file_can_be_at_a_strangers(credentials: dict[str, str]) -> None:
    reply = make(credentials, shot("scene", "a cup [[sim:evil-output]]"))
    assert isinstance(reply, Ready) and reply.urls[0].startswith("https://evil.example/")


# --- webhooks --------------------------------------------------------------------------------------------------------
def test_the_webhook_proves_itself_and_means_the_same_as_a_poll(credentials: dict[str, str], inbox: Inbox) -> None:
    taken = create(credentials, shot("ai-edit"))
    assert isinstance(taken, Taken)
    headers, body = inbox.wait(1)[0]
    assert provider.verify and provider.read_webhook
    provider.verify(credentials, headers, body, int(time.time()))
    assert provider.read_webhook(body) == (provider.named(taken.remote), settle(credentials, taken.remote))
    with pytest.raises(Forged):
        provider.verify(credentials, headers, body + b" ", int(time.time()))


def test_webhooks_can_be_forged_lost_doubled_late_cut_and_out_of_order(
    credentials: dict[str, str], inbox: Inbox
) -> None:
    assert provider.verify and provider.read_webhook
    create(credentials, shot("ai-edit", "a cup [[sim:webhook=forged]]"))
    headers, body = inbox.wait(1)[0]
    with pytest.raises(Forged):
        provider.verify(credentials, headers, body, int(time.time()))
    inbox.got.clear()
    create(credentials, shot("ai-edit", "a cup [[sim:webhook=none]]"))
    assert inbox.wait(1, 0.3) == []
    create(credentials, shot("ai-edit", "a cup [[sim:webhook=dup]]"))
    assert len({body for _, body in inbox.wait(3)}) == 1 and len(inbox.got) == 3
    inbox.got.clear()
    create(credentials, shot("ai-edit", "a cup [[sim:webhook=reordered]]"))
    assert [json.loads(body)["data"]["status"] for _, body in inbox.wait(2)] == ["DONE", "PROCESSING"]
    inbox.got.clear()
    create(credentials, shot("ai-edit", "a cup [[sim:webhook=truncated]]"))
    with pytest.raises(ProviderError):
        provider.read_webhook(inbox.wait(1)[0][1])
    inbox.got.clear()
    create(credentials, shot("ai-edit", "a cup [[sim:webhook=late:0.4]]"))
    assert inbox.wait(1, 0.3) == [] and len(inbox.wait(1)) == 1


def test_a_failure_is_told_and_other_calls_have_no_webhook(credentials: dict[str, str], inbox: Inbox) -> None:
    make(credentials, shot("scene"))
    create(credentials, shot("ai-edit", "a cup [[sim:fail]]"))
    assert provider.read_webhook
    _, reply = provider.read_webhook(inbox.wait(1)[0][1])
    assert isinstance(reply, No) and reply.failure.code == "provider_failed" and len(inbox.got) == 1


@given(given_header=st.text(max_size=80), body=st.binary(max_size=60), secret=st.text(max_size=9))
def test_a_stranger_is_only_ever_forged(given_header: str, body: bytes, secret: str) -> None:
    assert provider.verify
    for headers in ({}, {"x-claid-hmac-sha256": given_header}):
        for credentials in ({"webhook_secret": secret}, {}):
            with pytest.raises(Forged):
                provider.verify(credentials, headers, body, 1_795_219_200)


def test_the_log_holds_no_token_and_reset_empties_it(server: Server, credentials: dict[str, str], inbox: Inbox) -> None:
    create(credentials, shot("scene"))
    assert TOKEN not in json.dumps(control(server, "GET", "requests"))
    control(server, "POST", "reset")
    create(credentials, shot("ai-edit"))
    assert inbox.wait(1, 0.3) == []
