"""The fal simulator against the official client, against our own provider, and against its list of directives."""

import io
import json
import threading
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import product
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode

import fal_client
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from PIL import Image

from packshot import providers
from packshot.brief import Brief, frame
from packshot.errors import Forged, ProviderError
from packshot.providers.fal import MODELS
from packshot.replies import Later, More, No, Ready, Reply, Shot, Source, Taken, Unknown, Working
from packshot.wire import Request, Response
from simulators.fal import SEED, TOKEN, USER, key_of
from simulators.fal_models import ENDPOINTS, faults
from simulators.server import Server

NANO = "fal-ai/nano-banana"
SDXL = "fal-ai/fast-sdxl"
CUTS = ("fal-ai/birefnet/v2", "fal-ai/bria/background/remove")
provider = providers.load("fal")


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server(0, latency=0.03, retries=[0.1, 0.2], late=0.3, hang=0.5) as running:
        yield running


@pytest.fixture(autouse=True)
def fresh(server: Server) -> None:
    control(server, "POST", "_sim/reset")


@pytest.fixture
def credentials(server: Server) -> dict[str, str]:
    found = {"token": TOKEN, "user_id": USER, "base_url": f"{server.url}/fal"}
    return found | {"keys": send(provider.write_keys(found)).body.decode()}  # type: ignore[misc]


@pytest.fixture
def client(server: Server, monkeypatch: pytest.MonkeyPatch) -> fal_client.SyncClient:
    monkeypatch.setattr(fal_client.client, "QUEUE_URL_FORMAT", f"{server.url}/fal/")
    monkeypatch.setattr(fal_client.client, "RUN_URL_FORMAT", f"{server.url}/fal/")
    return fal_client.SyncClient(key=TOKEN)


class Inbox:
    """A receiver of webhooks: answers with `statuses` in turn, then 200."""

    def __init__(self) -> None:
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.statuses: list[int] = []
        inbox = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                inbox.got.append(({name.lower(): value for name, value in self.headers.items()}, body))
                self.send_response(inbox.statuses.pop(0) if inbox.statuses else 200)
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                """Quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/hook?token=a&b=c"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def wait(self, count: int, seconds: float = 3) -> list[tuple[dict[str, str], bytes]]:
        until = time.monotonic() + seconds
        while len(self.got) < count and time.monotonic() < until:
            time.sleep(0.01)
        return self.got


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    inbox = Inbox()
    yield inbox
    inbox.server.shutdown()
    inbox.server.server_close()


def send(request: Request, timeout: float = 5) -> Response:
    url = request.url + (f"?{urlencode(request.query)}" if request.query else "")
    raw = urllib.request.Request(url, request.body or None, dict(request.headers), method=request.method)
    try:
        with urllib.request.urlopen(raw, timeout=timeout) as answer:
            return Response(answer.status, {k.lower(): v for k, v in answer.headers.items()}, answer.read())
    except HTTPError as error:
        return Response(error.code, {k.lower(): v for k, v in error.headers.items()}, error.read())


def control(server: Server, method: str, path: str, payload: object = None) -> Any:
    body = b"" if payload is None else json.dumps(payload).encode()
    return send(Request(method, f"{server.url}/{path}", {}, body)).json()


def creates(server: Server) -> list[dict[str, Any]]:
    return [one for one in control(server, "GET", "_sim/requests?method=POST")["requests"] if one["path"][1] != "_"]


def shot(prompt: str = "a cup", model: str = NANO, inputs: tuple[str, ...] = (), label: str = "", **brief: Any) -> Shot:
    asked = Brief(model="any", prompt=prompt, **{"operation": "generate", "aspect_ratio": "1:1", **brief})
    sources = tuple(Source(url, b"", "image/png", 96, 64) for url in inputs)
    return Shot(asked, prompt, model, 1, sources, *frame(asked, (960, 640)), brief.get("seed"), label=label)


def create(credentials: dict[str, str], wanted: Shot, hook: str | None = None) -> Reply:
    return provider.read(send(provider.write(wanted, credentials, hook)))


def look(credentials: dict[str, str], remote: str) -> Reply:
    """A poll, and the rest of the answer as the core fetches it: below the same base, with the same headers."""
    assert provider.write_poll and provider.read_poll and provider.read_more
    asked = provider.write_poll(remote, credentials)
    reply = provider.read_poll(send(asked))
    if isinstance(reply, More):
        url = credentials["base_url"] + reply.request.url
        return provider.read_more(send(replace(reply.request, url=url, headers=asked.headers)))
    return reply


def settle(credentials: dict[str, str], remote: str) -> Reply:
    for _ in range(200):
        reply = look(credentials, remote)
        if not isinstance(reply, Working):
            return reply
        time.sleep(0.02)
    raise AssertionError("never ended")


def make(credentials: dict[str, str], wanted: Shot) -> Reply:
    reply = create(credentials, wanted)
    return settle(credentials, reply.remote) if isinstance(reply, Taken) else reply


def picture(url: str) -> Image.Image:
    return Image.open(io.BytesIO(send(Request("GET", url)).body))


@pytest.fixture
def photo(credentials: dict[str, str]) -> str:
    made = make(credentials, shot(aspect_ratio="3:2"))
    assert isinstance(made, Ready)
    return made.urls[0]


# --- the official client ---------------------------------------------------------------------------------------------
def test_the_official_client_submits_waits_and_gets(client: fal_client.SyncClient) -> None:
    seen: list[Any] = []
    made = client.subscribe(NANO, {"prompt": "a cup", "aspect_ratio": "16:9"}, on_queue_update=seen.append)
    assert picture(made["images"][0]["url"]).size == (1360, 768)
    assert isinstance(seen[-1], fal_client.Completed)
    handle = client.submit("fal-ai/bytedance/seedream/v4/text-to-image", {"prompt": "a cup [[sim:slow=0.2]]"})
    assert isinstance(handle.status(), fal_client.Queued | fal_client.InProgress)
    assert handle.response_url.endswith(f"/fal/fal-ai/bytedance/requests/{handle.request_id}")
    assert handle.get()["seed"] == client.result("fal-ai/bytedance", handle.request_id)["seed"]


def test_the_official_client_meets_documented_errors(server: Server, client: fal_client.SyncClient) -> None:
    for words, status, kind in [
        ("[[sim:moderated]]", 422, None), ("[[sim:fail]]", 500, "runner_server_error"), ("[[sim:refused]]", 422, None),
        ("[[sim:fail=startup_timeout]]", 504, "startup_timeout"), ("[[sim:quota]]", 403, None),
    ]:  # fmt: skip
        with pytest.raises(fal_client.FalClientHTTPError) as wrong:
            client.subscribe(NANO, {"prompt": words})
        assert (wrong.value.status_code, wrong.value.error_type) == (status, kind)
    with pytest.raises(fal_client.FalClientHTTPError) as unknown:
        client.submit(NANO, {"prompt": "a cup", "nonsense": 1})
    assert unknown.value.response.json()["detail"][0]["loc"] == ["body", "nonsense"]
    with pytest.raises(fal_client.FalClientHTTPError) as stranger:
        fal_client.SyncClient(key="wrong").submit(NANO, {"prompt": "a cup"})
    assert stranger.value.status_code == 401
    client.submit(NANO, {"prompt": "[[sim:429]]"})  # it tries again by itself: why we send by plain HTTP
    assert [one["effect"] != "" for one in creates(server)[-2:]] == [False, True]


def test_the_official_client_cancels_and_names_its_webhook(client: fal_client.SyncClient, inbox: Inbox) -> None:
    handle = client.submit(NANO, {"prompt": "[[sim:slow=9]]"})
    handle.cancel()
    with pytest.raises(fal_client.FalClientHTTPError) as canceled:
        handle.get()
    assert canceled.value.error_type == "client_cancelled"
    with pytest.raises(fal_client.FalClientHTTPError):
        handle.cancel()
    made = client.submit(NANO, {"prompt": "a cup"}, webhook_url=inbox.url)
    assert json.loads(inbox.wait(1)[0][1])["request_id"] == made.request_id


# --- our provider ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("model", MODELS)
def test_every_model_makes_a_picture(credentials: dict[str, str], photo: str, model: str) -> None:
    takes = MODELS[model]
    counts = {1, takes.limit if takes.limit < 5 else 2} | ({0} if takes.text is not None else set())
    for count in sorted(counts):
        wanted = shot("on marble", model, (photo,) * count, aspect_ratio="3:2", seed=2**32 - 1, detail="low",
                      negative_prompt="hands", guidance=99, strength=0.3, format="jpg")  # fmt: skip
        reply = make(credentials, wanted)
        assert isinstance(reply, Ready) and len(reply.urls) == 1
        made = picture(reply.urls[0])
        assert abs(made.width / made.height - 1.5) < 0.1
        assert made.mode == ("RGBA" if model in CUTS else "RGB")


def test_every_endpoint_is_met_at_any_size() -> None:
    """What the simulator was told of fal's endpoints and what we send agree everywhere."""
    reached, sizes = set(), [(512, 4096), (777, 512), (4096, 4096), (8000, 100), (30, 30)]
    for (model, takes), (width, height) in product(MODELS.items(), sizes):
        for count in range(takes.text is None, min(takes.limit, 2) + 1):
            wanted = shot("a cup", model, ("https://in.example/1.png",) * count, width=9, height=9)
            request = provider.write(replace(wanted, width=width, height=height), {"token": "x"}, None)
            reached.add(endpoint := request.url.removeprefix(provider.base_url + "/"))
            assert faults(endpoint, json.loads(request.body)) == []
    assert reached == set(ENDPOINTS)


def test_a_lost_create_is_found_by_our_label(credentials: dict[str, str], photo: str) -> None:
    since = int(time.time() * 1000) - 60_000
    made = [create(credentials, shot(inputs=(f"{photo}?name=job_1-0-{n}-0.png",))) for n in (1, 11)]
    assert isinstance(made[0], Taken) and isinstance(made[1], Taken) and provider.write_list and provider.read_list
    for each in made:
        settle(credentials, each.remote)  # type: ignore[union-attr]
    listed = send(provider.write_list(NANO, since, credentials))
    assert provider.read_list(listed, "job_1-0-1", "") == made[0].remote
    assert provider.read_list(listed, "job_1-0-2", "") is None
    assert provider.read_list(send(provider.write_list(NANO, since + 10**8, credentials)), "job_1-0-1", "") is None


def test_the_probe_tells_a_good_key_from_a_bad_one(credentials: dict[str, str]) -> None:
    assert provider.write_probe
    assert send(provider.write_probe(credentials)).status == 200
    assert send(provider.write_probe({**credentials, "token": "wrong"})).status == 401


def test_cancel_in_each_state(credentials: dict[str, str]) -> None:
    def canceled(words: str, after: float) -> tuple[list[int], Reply]:
        taken = create(credentials, shot(words))
        assert isinstance(taken, Taken) and provider.write_cancel
        time.sleep(after)
        statuses = [send(provider.write_cancel(taken.remote, credentials)).status for _ in range(2)]
        return statuses, settle(credentials, taken.remote)

    queued, running, over = canceled("[[sim:slow=9]]", 0), canceled("[[sim:slow=0.4]]", 0.2), canceled("a cup", 0.2)
    assert queued[0] == [202, 400] and isinstance(queued[1], No) and queued[1].failure.code == "provider_canceled"
    assert running[0] == [202, 202] and isinstance(running[1], Ready)  # it was told, and finished all the same
    assert over[0] == [400, 400] and isinstance(over[1], Ready)
    assert send(provider.write_cancel("fal-ai/x/requests/none", credentials)).json() == {"status": "NOT_FOUND"}  # type: ignore[misc]
    assert isinstance(lost := look(credentials, "fal-ai/nano-banana/requests/none"), No)
    assert lost.failure.code == "provider_lost"


# --- webhooks --------------------------------------------------------------------------------------------------------
def prove(credentials: dict[str, str], got: tuple[dict[str, str], bytes]) -> tuple[str, Reply]:
    assert provider.verify and provider.read_webhook
    provider.verify(credentials, got[0], got[1], int(time.time()))
    return provider.read_webhook(got[1])


@pytest.mark.parametrize("words", ["a cup", "moderated", "fail", "no-image", "no-media", "unloadable", "retried"])
def test_the_webhook_proves_itself_and_means_the_same_as_a_poll(
    credentials: dict[str, str], inbox: Inbox, words: str
) -> None:
    taken = create(credentials, shot(f"[[sim:{words}]]"), inbox.url)
    assert isinstance(taken, Taken)
    told = prove(credentials, inbox.wait(1)[0])
    assert told == (provider.named(taken.remote), settle(credentials, taken.remote))
    ids = {json.loads(inbox.got[0][1])[name] for name in ("request_id", "gateway_request_id")}
    assert len(ids) == (2 if words == "retried" else 1)


@pytest.mark.parametrize("kind", ["webhook=forged", "webhook=stale", "other-user", "other-body"])
def test_a_webhook_that_must_be_refused(credentials: dict[str, str], inbox: Inbox, kind: str) -> None:
    create(credentials, shot(f"[[sim:{kind}]]"), inbox.url)
    with pytest.raises(Forged):
        prove(credentials, inbox.wait(1)[0])


def test_keys_rotate(server: Server, credentials: dict[str, str], inbox: Inbox) -> None:
    raw = key_of(0).public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    assert len(SEED) == 32 and len(raw) == 32 and len(json.loads(credentials["keys"])["keys"]) == 1
    control(server, "POST", "fal/_rotate")
    create(credentials, shot(), inbox.url)
    with pytest.raises(Forged):
        prove(credentials, inbox.wait(1)[0])
    fetched = send(provider.write_keys(credentials)).body.decode()  # type: ignore[misc]
    assert len(json.loads(fetched)["keys"]) == 2
    assert isinstance(prove({**credentials, "keys": fetched}, inbox.got[0])[1], Ready)


def test_webhooks_can_be_lost_doubled_late_cut_or_empty(credentials: dict[str, str], inbox: Inbox) -> None:
    taken = create(credentials, shot("[[sim:webhook=none]]"), inbox.url)
    assert isinstance(taken, Taken) and isinstance(settle(credentials, taken.remote), Ready)
    assert inbox.wait(1, 0.2) == []
    create(credentials, shot("[[sim:webhook=dup]]"), inbox.url)
    assert len({prove(credentials, got)[0] for got in inbox.wait(3)}) == 1 and len(inbox.got) == 3
    inbox.got.clear()
    create(credentials, shot("[[sim:webhook=truncated]]"), inbox.url)
    with pytest.raises(ProviderError):
        prove(credentials, inbox.wait(1)[0])
    inbox.got.clear()
    empty = create(credentials, shot("[[sim:payload-error]]"), inbox.url)
    assert isinstance(empty, Taken) and prove(credentials, inbox.wait(1)[0])[1] == Working()
    assert isinstance(settle(credentials, empty.remote), Ready)
    inbox.got.clear()
    inbox.statuses = [503]
    create(credentials, shot("[[sim:webhook=late:0.3]]"), inbox.url)
    assert inbox.wait(1, 0.2) == [] and len(inbox.wait(2)) == 2


# --- directives ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("directive", "code", "effect"),
    [
        ("fail", "provider_failed", True), ("fail=runner_disconnected", "provider_failed", True),
        ("fail=client_cancelled", "provider_canceled", True), ("moderated", "content_refused", True),
        ("no-media", "provider_empty", True), ("no-image", "provider_empty", True),
        ("unloadable", "provider_invalid_input", True), ("refused", "content_refused", False),
        ("invalid", "provider_invalid_input", False), ("unauthorized", "provider_unauthorized", False),
        ("quota", "provider_quota", False), ("gone", "provider_model_unknown", False),
    ],
)  # fmt: skip
def test_a_failure_on_request(
    server: Server, credentials: dict[str, str], directive: str, code: str, effect: bool
) -> None:
    reply = make(credentials, shot(f"a cup [[sim:{directive}]]"))
    assert isinstance(reply, No) and reply.failure.code == code
    assert [bool(one["effect"]) for one in creates(server)] == [effect]


def test_a_flagged_picture_is_refused_and_a_plain_black_one_is_not(credentials: dict[str, str]) -> None:
    flagged, plain = (make(credentials, shot(f"[[sim:{kind}]]", SDXL)) for kind in ("black", "black-only"))
    assert isinstance(flagged, No) and flagged.final
    assert isinstance(plain, Ready) and picture(plain.urls[0]).convert("L").getextrema() == (0, 0)


def test_what_was_created_when_the_answer_did_not_say(
    server: Server, credentials: dict[str, str], inbox: Inbox
) -> None:
    replies = [create(credentials, shot("[[sim:429=2]]")) for _ in range(3)]
    assert replies[:2] == [Later(1), Later(1)] and isinstance(replies[2], Taken)
    for directive in ("500-before", "500-after", "garbage-after", "evil-poll"):
        assert create(credentials, shot(f"[[sim:{directive}]]"), inbox.url) == Unknown()
    with pytest.raises(OSError):
        send(provider.write(shot("[[sim:hang-after]]"), credentials, inbox.url), timeout=0.3)
    effects = [one["effect"] for one in creates(server)]
    assert list(map(bool, effects)) == [False, False, True, False, True, True, True, True]
    told = {prove(credentials, got)[0] for got in inbox.wait(4)}
    assert told == set(effects[4:])  # the webhook brings what the answer did not


def test_trouble_while_polling_passes_and_files_may_be_spoiled(server: Server, credentials: dict[str, str]) -> None:
    assert isinstance(make(credentials, shot("[[sim:poll-503=2]]")), Ready)
    for directive, status, kind in [
        ("broken-output", 200, b"<html>"), ("wrong-type", 200, b"GIF8"), ("expired-output", 404, b"Not found"),
        ("truncated-output", 200, b"\xff\xd8"), ("huge-output", 200, b"\x89PNG"),
    ]:  # fmt: skip
        reply = make(credentials, shot(f"[[sim:{directive}]]"))
        assert isinstance(reply, Ready)
        file = send(Request("GET", reply.urls[0]))
        assert file.status == status and file.body.startswith(kind)
    evil = make(credentials, shot("[[sim:evil-output]]"))
    assert isinstance(evil, Ready) and evil.urls[0].startswith("https://evil.example/")
    assert TOKEN not in json.dumps(control(server, "GET", "_sim/requests"))
