"""The simulator of Black Forest Labs against the official client, against our own provider, and its directives."""

import base64
import io
import threading
import time
import urllib.request
import warnings
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError

import pytest
from PIL import Image

from packshot import providers
from packshot.brief import Brief, frame
from packshot.errors import Forged, ProviderError
from packshot.providers.bfl import MODELS, proves
from packshot.replies import Later, Look, Ready, Reply, Shot, Source, Taken, Unknown, Working, no
from packshot.wire import Request, Response
from simulators.bfl import TOKEN, faults, signature
from simulators.kit import HUGE, black
from simulators.server import Server

with warnings.catch_warnings():  # the client was written for an older pydantic
    warnings.simplefilter("ignore", DeprecationWarning)
    from blackforest import BFLClient
    from blackforest.client import BFLError
    from blackforest.types.general.client_config import ClientConfig

provider = providers.load("bfl")
SECRET = "packshot tests only"
PICTURE = black(300, 200)
DATA = f"data:image/png;base64,{base64.b64encode(PICTURE).decode()}"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server(0, latency=0.04, retries=[0.05, 0.1], late=0.3, hang=0.3) as running:
        yield running


@pytest.fixture(autouse=True)
def fresh(server: Server) -> None:
    control(server, "POST", "reset")


@pytest.fixture
def client(server: Server) -> Iterator[BFLClient]:
    """Its paths are relative: they take the place of what follows the last slash of the base."""
    client = BFLClient(TOKEN, base_url=f"{server.url}/bfl/base")
    yield client
    client.session.close()


@pytest.fixture
def credentials(server: Server) -> dict[str, str]:
    return {"token": TOKEN, "webhook_secret": SECRET, "base_url": f"{server.url}/bfl"}


class Inbox(ThreadingHTTPServer):
    """A receiver of webhooks."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.url = f"http://127.0.0.1:{self.server_address[1]}/hook"

    def wait(self, count: int) -> list[tuple[dict[str, str], bytes]]:
        until = time.monotonic() + 3
        while len(self.got) < count and time.monotonic() < until:
            time.sleep(0.01)
        assert len(self.got) >= count
        return self.got


class Handler(BaseHTTPRequestHandler):
    server: Inbox

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.got.append(({name.lower(): value for name, value in self.headers.items()}, body))
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    with Inbox() as inbox:
        threading.Thread(target=inbox.serve_forever, args=(0.02,), daemon=True).start()
        yield inbox
        inbox.shutdown()


def send(request: Request) -> Response:
    data = request.body if request.method == "POST" else None
    raw = urllib.request.Request(request.url, data, dict(request.headers), method=request.method)
    try:
        with urllib.request.urlopen(raw, timeout=5) as answer:
            return Response(answer.status, {k.lower(): v for k, v in answer.headers.items()}, answer.read())
    except HTTPError as error:
        with error:
            return Response(error.code, {k.lower(): v for k, v in error.headers.items()}, error.read())


def control(server: Server, method: str, verb: str) -> Any:
    return send(Request(method, f"{server.url}/_sim/{verb}")).json()


def effects(server: Server) -> int:
    return sum(bool(entry["effect"]) for entry in control(server, "GET", "requests")["requests"])


def shot(prompt: str = "a cup", model: str = "flux-2-pro", pictures: int = 0, **brief: Any) -> Shot:
    inputs = (Source(DATA, PICTURE, "image/png", 300, 200),) * pictures
    asked = Brief(model="any", prompt=prompt, **{"operation": "generate", "aspect_ratio": "1:1", **brief})
    mask = inputs[0] if MODELS[model].mask else None
    return Shot(asked, prompt, model, 1, inputs, *frame(asked, (300, 200)), brief.get("seed"), mask)


def create(credentials: dict[str, str], wanted: Shot, hook: str | None = None) -> Reply:
    return provider.read(send(provider.write(wanted, credentials, hook)))


def look(credentials: dict[str, str], remote: str) -> Reply:
    assert provider.write_poll and provider.read_poll
    return provider.read_poll(send(provider.write_poll(remote, credentials)))


def settle(credentials: dict[str, str], remote: str) -> Reply:
    for _ in range(100):
        reply = look(credentials, remote)
        if not isinstance(reply, Working):
            break
        time.sleep(0.02)
    return reply


def make(credentials: dict[str, str], wanted: Shot) -> Reply:
    reply = create(credentials, wanted)
    return settle(credentials, reply.remote) if isinstance(reply, Taken) else reply


def fetched(url: str) -> Image.Image:
    return Image.open(io.BytesIO(send(Request("GET", url)).body))


# --- the official client ---------------------------------------------------------------------------------------------
QUICK = ClientConfig(sync=True, polling_interval=0.1, max_retries=20)


def test_the_official_client_gets_a_picture(client: BFLClient, server: Server) -> None:
    inputs = {"prompt": "a cup", "input_image": DATA, "aspect_ratio": "16:9", "seed": 7, "webhook_url": "https://x.y/z"}
    made = client.generate("flux-kontext-pro", inputs, QUICK)
    assert (made.result.seed, made.result.prompt) == (7, "a cup")
    assert (fetched(made.result.sample).size, effects(server)) == ((1360, 768), 1)
    sent = control(server, "GET", "requests?method=POST&path=/flux-kontext-pro")["requests"][0]["body"]
    assert "webhook_url" not in sent  # it leaves that out
    task = client.generate("flux-pro-1.1", {"prompt": "a cup", "width": 512, "height": 768})
    assert client.get_task_status(task.id).status == "Pending"


def test_the_official_client_sends_files(client: BFLClient, server: Server, tmp_path: Path) -> None:
    file = tmp_path / "cup.png"
    file.write_bytes(PICTURE)
    endpoint = f"{server.url}/bfl/v1/flux-pro-1.0-fill"
    started = client.process_image(str(file), endpoint, prompt="a cup", mask=base64.b64encode(PICTURE).decode())
    assert fetched(client.get_polling_result(started.task_id, QUICK)["sample"]).size == (300, 200)


@pytest.mark.parametrize("directive", ["429", "500-before", "quota", "unauthorized", "gone", "invalid"])
def test_the_official_client_hears_of_errors(client: BFLClient, server: Server, directive: str) -> None:
    with pytest.raises(BFLError):
        client.generate("flux-pro-1.1", {"prompt": f"a cup [[sim:{directive}]]"})
    assert effects(server) == 0


@pytest.mark.parametrize("directive", ["moderated", "refused", "fail"])
def test_the_official_client_knows_success_only(client: BFLClient, directive: str) -> None:
    patience = ClientConfig(sync=True, polling_interval=0.1, max_retries=2)
    with pytest.raises(BFLError, match="maximum retries"):
        client.generate("flux-pro-1.1", {"prompt": f"a cup [[sim:{directive}]]"}, patience)


# --- plain HTTP ------------------------------------------------------------------------------------------------------
def test_a_webhook_takes_the_place_of_the_polling_address(server: Server, credentials: dict[str, str]) -> None:
    told = send(provider.write(shot(), credentials, "https://hooks.example/1")).json()
    assert set(told) == {"id", "status", "webhook_url", "cost", "input_mp", "output_mp"}
    told = send(provider.write(shot(), credentials, None)).json()
    assert told["polling_url"] == f"{server.url}/bfl/v1/get_result?id={told['id']}"
    unknown = send(Request("GET", f"{server.url}/bfl/v1/get_result?id=nobody")).json()
    assert (unknown["status"], unknown["result"]) == ("Task not found", None)


def test_the_probe_tells_good_keys_from_bad(credentials: dict[str, str]) -> None:
    assert provider.write_probe is not None
    assert send(provider.write_probe(credentials)).json() == {"credits": 1000.0}
    assert send(provider.write_probe({**credentials, "token": "x"})).status == 403


@pytest.mark.parametrize(
    ("model", "body", "wrong"),
    [
        ("flux-2-pro", {}, ["prompt"]),
        ("flux-2-pro", {"prompt": "x", "width": 0, "height": 1024}, ["width"]),
        ("flux-2-pro", {"prompt": "x", "width": 1000, "height": 1024}, [None]),
        ("flux-2-pro", {"prompt": "x", "safety_tolerance": 6, "seed": True}, ["safety_tolerance", "seed"]),
        ("flux-2-flex", {"prompt": "x", "guidance": 11, "steps": 0}, ["guidance", "steps"]),
        ("flux-2-klein-4b", {"prompt": "x", "input_image_5": DATA}, ["input_image_5"]),
        ("flux-kontext-pro", {"prompt": "x", "aspect_ratio": "5:1", "output_format": "jpg"},
         ["aspect_ratio", "output_format"]),
        ("flux-kontext-pro", {"prompt": "x", "input_image": "%", "webhook_url": "http://a.b/"},
         ["input_image", "webhook_url"]),
        ("flux-pro-1.0-fill", {"prompt": "x", "image": "https://in.example/1.png"}, ["image"]),
        ("flux-2-pro", [], [None]),
    ],
)  # fmt: skip
def test_what_is_not_documented_is_refused(model: str, body: Any, wrong: list[str | None]) -> None:
    assert [[*fault["loc"], None][1] for fault in faults(model, body)] == wrong


# --- our provider ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("form", ["jpg", "webp"])
def test_each_model_makes_a_picture(credentials: dict[str, str], server: Server, model: str, form: Any) -> None:
    for pictures in {MODELS[model].least, MODELS[model].limit}:
        reply = make(credentials, shot("a cup", model, pictures, seed=3, guidance=2.0, detail="low", format=form))
        assert isinstance(reply, Ready)
        image = fetched(reply.urls[0])
        assert image.format == ("JPEG" if form == "jpg" else "PNG")
        assert image.size == ((300, 200) if MODELS[model].mask else (1024, 1024))
    assert effects(server) == len({MODELS[model].least, MODELS[model].limit})


@pytest.mark.parametrize(
    ("directive", "expected", "made"),
    [
        ("fail", no("provider_failed"), 1), ("moderated", no("content_refused"), 1),
        ("refused", no("content_refused"), 1), ("no-image", no("provider_empty"), 1),
        ("invalid", no("provider_invalid_input"), 0),
        ("unauthorized", no("provider_unauthorized"), 0), ("quota", no("provider_quota"), 0),
        ("gone", no("provider_model_unknown"), 0), ("429", Later(1), 0), ("500-before", Unknown(), 0),
        ("500-after", Unknown(), 1), ("garbage-after", Unknown(), 1),
    ],
)  # fmt: skip
def test_each_directive_ends_in_its_reply(
    credentials: dict[str, str], server: Server, directive: str, expected: Reply, made: int
) -> None:
    assert make(credentials, shot(f"a cup [[sim:{directive}]]")) == expected
    assert effects(server) == made


def test_a_create_that_hangs_has_an_effect(credentials: dict[str, str], server: Server) -> None:
    with pytest.raises((URLError, ConnectionError)):
        create(credentials, shot("a cup [[sim:hang-after]]"))
    assert effects(server) == 1


@pytest.mark.parametrize("directive", ["poll-503=2", "not-found=2", "status=Warming", "evil-poll", "slow=0.1"])
def test_trouble_on_the_way_does_not_matter(credentials: dict[str, str], server: Server, directive: str) -> None:
    assert isinstance(make(credentials, shot(f"a cup [[sim:{directive}]]")), Ready)
    assert effects(server) == 1


@pytest.mark.parametrize(
    ("directive", "status", "starts", "length"),
    [
        ("broken-output", 200, b"<html>", None), ("wrong-type", 200, b"GIF8", None),
        ("huge-output", 200, b"\x89PNG", HUGE), ("black-only", 200, b"\x89PNG", None),
        ("truncated-output", 200, b"\xff\xd8", None), ("expired-output", 404, b"Not found", None),
    ],
)  # fmt: skip
def test_each_spoiled_file(
    credentials: dict[str, str], directive: str, status: int, starts: bytes, length: int | None
) -> None:
    reply = make(credentials, shot(f"a cup [[sim:{directive}]]"))
    assert isinstance(reply, Ready)
    answer = send(Request("GET", reply.urls[0]))
    assert (answer.status, answer.body[: len(starts)]) == (status, starts)
    assert length is None or len(answer.body) >= length
    evil = make(credentials, shot("a cup [[sim:evil-output]]"))
    assert isinstance(evil, Ready) and evil.urls[0].startswith("https://evil.example/")  # for the core to refuse


# --- webhooks --------------------------------------------------------------------------------------------------------
def told(credentials: dict[str, str], got: tuple[dict[str, str], bytes]) -> tuple[str, Reply]:
    assert provider.verify and provider.read_webhook
    provider.verify(credentials, got[0], got[1], int(time.time()))
    return provider.read_webhook(got[1])


@pytest.mark.parametrize(
    ("directive", "count", "expected"),
    [("", 1, Ready), ("[[sim:fail]]", 1, None), ("[[sim:moderated]]", 1, None), ("[[sim:webhook=dup]]", 3, Ready),
     ("[[sim:webhook=late:0.1]]", 1, Ready), ("[[sim:webhook=reordered]]", 2, Ready)],
)  # fmt: skip
def test_a_signed_webhook_is_a_hint_to_ask(
    credentials: dict[str, str], inbox: Inbox, directive: str, count: int, expected: Any
) -> None:
    taken = create(credentials, shot(f"a cup {directive}"), inbox.url)
    assert isinstance(taken, Taken)
    for got in inbox.wait(count):
        assert SECRET.encode() not in got[1] and got[0]["x-bfl-signature"].startswith("sha256=")
        assert told(credentials, got) == (provider.named(taken.remote), Look())
    assert isinstance(look(credentials, taken.remote), expected or type(no("provider_failed")))


def test_the_operators_own_secret_stays_here(credentials: dict[str, str], server: Server, inbox: Inbox) -> None:
    create(credentials, shot(), inbox.url)
    headers, body = inbox.wait(1)[0]
    sent = control(server, "GET", "requests?method=POST&path=/flux")["requests"][0]["body"]["webhook_secret"]
    assert SECRET not in sent and headers["x-bfl-signature"] == signature(sent, body) != signature(SECRET, body)


def test_a_webhook_that_proves_nothing(credentials: dict[str, str], inbox: Inbox) -> None:
    create(credentials, shot("a cup [[sim:webhook=forged]]"), inbox.url)
    with pytest.raises(Forged):
        told(credentials, inbox.wait(1)[0])
    create(credentials, shot("a cup [[sim:webhook=truncated]]"), inbox.url)
    with pytest.raises(ProviderError):
        told(credentials, inbox.wait(2)[1])
    keyless = {**credentials, "webhook_secret": ""}
    create(keyless, shot("another cup"), inbox.url)
    assert "x-bfl-signature" not in inbox.wait(3)[2][0]
    assert told(credentials, inbox.got[2])[1] == Look()


def test_the_documented_vector() -> None:
    body = b'{"id":"abc","status":"succeeded","output":"https://replicate.delivery/x.png"}'
    header = "sha256=a52dfd1598ee68b138a81c75bdcddf3613e4f2e80f0bb8f5a0af76f8a08573c7"
    assert proves("secret", body, header) and signature("secret", body) == header
    assert not proves("secret", body + b" ", header) and not proves("", body, header)
