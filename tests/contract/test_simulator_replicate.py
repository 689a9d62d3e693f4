"""The Replicate simulator against the official client, against our own provider, and against its list of directives."""

import base64
import io
import json
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import product
from typing import Any
from urllib.error import HTTPError

import pytest
import standardwebhooks
from PIL import Image
from replicate.client import Client
from replicate.exceptions import ModelError, ReplicateError
from replicate.webhook import Webhooks, WebhookSigningSecret

from packshot import providers
from packshot.brief import Brief, Resolution, frame
from packshot.catalog import models
from packshot.errors import Forged, ProviderError
from packshot.replies import Later, No, Ready, Reply, Shot, Source, Taken, Unknown, Working
from packshot.wire import Request, Response
from simulators.replicate import TOKEN, WEBHOOK_SECRET
from simulators.replicate_models import faults
from simulators.server import Server

NANO = "google/nano-banana-2"
FILL = "black-forest-labs/flux-fill-pro"
SDXL = "stability-ai/sdxl"
MASK = "https://in.example/mask.png"
provider = providers.load("replicate")


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server(0, latency=0.12, retries=[0.1, 0.2], late=0.6, hang=1.0) as running:
        yield running


@pytest.fixture(autouse=True)
def fresh(server: Server) -> None:
    control(server, "POST", "reset")


@contextmanager
def official(server: Server, token: str = TOKEN) -> Iterator[Client]:
    client = Client(api_token=token, base_url=f"{server.url}/replicate")
    client.poll_interval = 0.05
    yield client
    client._client.close()


@pytest.fixture
def client(server: Server) -> Iterator[Client]:
    with official(server) as client:
        yield client


@pytest.fixture
def credentials(server: Server) -> dict[str, str]:
    return {"token": TOKEN, "webhook_secret": WEBHOOK_SECRET, "base_url": f"{server.url}/replicate"}


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
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/hook"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def wait(self, count: int, seconds: float = 5) -> list[tuple[dict[str, str], bytes]]:
        until = time.monotonic() + seconds
        while len(self.got) < count and time.monotonic() < until:
            time.sleep(0.02)
        return self.got


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    inbox = Inbox()
    yield inbox
    inbox.server.shutdown()
    inbox.server.server_close()


def send(request: Request, timeout: float = 5) -> Response:
    data = request.body if request.method == "POST" else None
    raw = urllib.request.Request(request.url, data, dict(request.headers), method=request.method)
    try:
        with urllib.request.urlopen(raw, timeout=timeout) as answer:
            return Response(answer.status, {k.lower(): v for k, v in answer.headers.items()}, answer.read())
    except HTTPError as error:
        return Response(error.code, {k.lower(): v for k, v in error.headers.items()}, error.read())


def control(server: Server, method: str, verb: str, payload: object = None) -> Any:
    body = b"" if payload is None else json.dumps(payload).encode()
    return send(Request(method, f"{server.url}/_sim/{verb}", {}, body)).json()


def creates(server: Server) -> list[dict[str, Any]]:
    return list(control(server, "GET", "requests?method=POST&path=/predictions")["requests"])


def shot(
    prompt: str = "a cup", model: str = NANO, inputs: tuple[str, ...] = (), mask: str | None = None, **brief: Any
) -> Shot:
    asked = Brief(model="any", prompt=prompt, **{"operation": "generate", "aspect_ratio": "1:1", **brief})
    sources = tuple(Source(url, b"", "image/png", 1, 1) for url in inputs)
    masked = Source(mask, b"", "image/png", 1, 1) if mask else None
    return Shot(asked, prompt, model, 1, sources, *frame(asked, (1000, 1000)), brief.get("seed"), masked)


def create(credentials: dict[str, str], wanted: Shot, hook: str | None = None) -> Reply:
    return provider.read(send(provider.write(wanted, credentials, hook)))


def settle(credentials: dict[str, str], remote: str) -> Reply:
    for _ in range(100):
        reply = provider.read_poll(send(provider.write_poll(remote, credentials)))
        if not isinstance(reply, Working):
            return reply
        time.sleep(0.05)
    raise AssertionError("never ended")


def make(credentials: dict[str, str], wanted: Shot) -> Reply:
    reply = create(credentials, wanted)
    return settle(credentials, reply.remote) if isinstance(reply, Taken) else reply


def picture(url: str) -> Image.Image:
    return Image.open(io.BytesIO(send(Request("GET", url)).body))


# --- the official client --------------------------------------------------------------------------------
def test_the_official_client_runs_a_model(client: Client) -> None:
    url: Any = client.run(NANO, input={"prompt": "a cup", "aspect_ratio": "16:9"})
    assert picture(url).format == "JPEG"
    listed: Any = client.run(
        "bytedance/seedream-4", input={"prompt": "a cup", "size": "custom", "width": 1024, "height": 1280}
    )
    assert picture(listed[0]).size == (1024, 1280)


def test_the_official_client_creates_asks_lists_and_cancels(client: Client) -> None:
    made = client.predictions.create(model=NANO, input={"prompt": "a cup"})
    assert made.status == "starting"
    made.wait()
    assert client.predictions.get(made.id).status == "succeeded"
    slow = client.models.predictions.create(NANO, input={"prompt": "a cup [[sim:slow=9]]"})
    assert client.predictions.cancel(slow.id).status == "canceled"
    assert [one.id for one in client.predictions.list().results] == [slow.id, made.id]
    version = client.models.get(NANO).latest_version
    assert version is not None
    client.predictions.create(version=version.id, input={"prompt": "a cup"}).wait()


def test_the_official_client_pages_through_a_long_list(client: Client) -> None:
    ids = [client.predictions.create(model=NANO, input={"prompt": "a cup [[sim:slow=60]]"}).id for _ in range(103)]
    first = client.predictions.list()
    assert len(first.results) == 100 and first.next is not None
    second = client.predictions.list(first.next)
    assert [one.id for one in [*first.results, *second.results]] == ids[::-1]


def test_the_official_client_waits_no_longer_than_it_was_told(client: Client) -> None:
    made = client.predictions.create(model=NANO, input={"prompt": "a cup [[sim:slow=5]]"}, wait=1)
    assert made.status in ("starting", "processing")


def test_the_official_client_meets_documented_errors(server: Server, client: Client) -> None:
    with pytest.raises(ReplicateError) as wrong:
        client.run(NANO, input={"prompt": "a cup", "aspect_ratio": "7:5"})
    assert wrong.value.status == 422 and "aspect_ratio" in str(wrong.value.detail)
    with pytest.raises(ModelError, match="E005"):
        client.run(NANO, input={"prompt": "[[sim:moderated]]"})
    with pytest.raises(ReplicateError) as unknown:
        client.run("nobody/nothing", input={"prompt": "a cup"})
    assert unknown.value.status == 404
    with official(server, "r8_wrong") as stranger, pytest.raises(ReplicateError) as refused:
        stranger.run(NANO, input={"prompt": "a cup"})
    assert refused.value.status == 401


def test_official_libraries_accept_the_webhooks(client: Client, inbox: Inbox) -> None:
    client.predictions.create(
        model=NANO, input={"prompt": "a cup"}, webhook=inbox.url, webhook_events_filter=["completed"]
    )
    headers, body = inbox.wait(1)[0]
    secret = client.webhooks.default.secret()
    Webhooks.validate(headers=headers, body=body.decode(), secret=secret, tolerance=300)
    assert standardwebhooks.Webhook(secret.key).verify(body, headers)["status"] == "succeeded"
    with pytest.raises(ValueError):
        other = WebhookSigningSecret(key="whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX")
        Webhooks.validate(headers=headers, body=body.decode(), secret=other)


def test_without_a_filter_output_and_completed_are_sent(client: Client, inbox: Inbox) -> None:
    client.predictions.create(model=NANO, input={"prompt": "a cup"}, webhook=inbox.url)
    assert sorted(json.loads(body)["status"] for _, body in inbox.wait(2)) == ["processing", "succeeded"]


# --- our provider ---------------------------------------------------------------------------------------
def sent_by(wanted: Shot) -> dict[str, Any]:
    sent: dict[str, Any] = json.loads(provider.write(wanted, {"token": "x"}, None).body)["input"]
    return sent


def test_every_input_of_our_provider_fits_the_documented_fields() -> None:
    """Two tables written apart, one in the provider and one here, must agree on all that the catalogue can ask."""
    wishes: dict[str, Any] = {
        "seed": 2**32 - 1,
        "guidance": 30,
        "detail": "low",
        "strength": 0.3,
        "negative_prompt": "hands",
    }
    for model in models().values():
        for operation, skill in model.operations.items():
            pictures = tuple(f"https://in.example/{n}.png" for n in range(skill.max_images))
            asked = {wish: value for wish, value in wishes.items() if wish in skill.accepts}
            asked |= {"inputs": pictures, "operation": operation, "mask": MASK if operation == "inpaint" else None}
            sizes: list[dict[str, Any]] = [{"aspect_ratio": ratio} for ratio in model.ratios]
            sizes += [{"like_input": True}] if "like_input" in skill.accepts else []
            for route, size, tier, form in product(skill.routes, sizes, model.resolutions, ("jpg", "png", "webp")):
                if route.provider == "replicate":
                    wanted = shot("a cup", route.model, **asked, **size, resolution=tier, format=form)
                    assert faults(route.model, sent_by(wanted)) == []


@pytest.mark.parametrize("size", [(512, 512), (512, 4096), (4096, 512), (1000, 999), (4096, 4096)])
@pytest.mark.parametrize("model", ["bytedance/seedream-4", "black-forest-labs/flux-2-pro", "stability-ai/sdxl"])
def test_exact_sizes_fit(model: str, size: tuple[int, int]) -> None:
    sent = sent_by(shot("a cup", model, width=size[0], height=size[1]))
    assert faults(model, sent) == []
    assert abs(sent["width"] / sent["height"] / (size[0] / size[1]) - 1) < 0.07 or max(size) > 4 * min(size)


@pytest.mark.parametrize(
    ("tier", "ratio", "size"),
    [("1K", "1:1", (1024, 1024)), ("2K", "16:9", (2736, 1536)), ("1K", "3:2", (1248, 832))],
)
def test_a_call_becomes_a_picture(
    credentials: dict[str, str], tier: Resolution, ratio: str, size: tuple[int, int]
) -> None:
    reply = make(credentials, shot(resolution=tier, aspect_ratio=ratio))
    assert isinstance(reply, Ready)
    assert picture(reply.urls[0]).size == size


def test_an_input_is_fetched_and_sets_the_shape(server: Server, credentials: dict[str, str]) -> None:
    first = make(credentials, shot(aspect_ratio="16:9"))
    assert isinstance(first, Ready)
    second = make(credentials, shot(inputs=first.urls, aspect_ratio="auto"))
    assert isinstance(second, Ready)
    width, height = picture(second.urls[0]).size
    assert abs(width / height - 16 / 9) < 0.05
    missing = make(credentials, shot(inputs=(f"{server.url}/replicate/files/none/0.jpg",)))
    assert isinstance(missing, No) and missing.failure.code == "provider_failed"
    control(server, "POST", "defaults", {"inputs": "lenient"})
    assert isinstance(make(credentials, shot(inputs=(f"{server.url}/replicate/files/none/0.jpg",))), Ready)


def data_uri(image: Image.Image) -> str:
    out = io.BytesIO()
    image.save(out, "PNG")
    return f"data:image/png;base64,{base64.b64encode(out.getvalue()).decode()}"


@pytest.mark.parametrize(
    "model",
    sorted({route.model for one in models().values() for route in one.routes if route.provider == "replicate"}),
)
def test_every_model_of_the_catalogue_makes_a_picture(credentials: dict[str, str], model: str) -> None:
    photo = data_uri(Image.new("RGB", (96, 64), "white"))
    mask = data_uri(Image.new("L", (96, 64), 255)) if model == FILL else None
    reply = make(credentials, shot("on marble", model, (photo,), mask))
    assert isinstance(reply, Ready) and len(reply.urls) == 1
    assert picture(reply.urls[0]).convert("RGB").getextrema() != ((255, 255),) * 3


def test_only_what_the_mask_shows_is_repainted(credentials: dict[str, str]) -> None:
    photo, mask = Image.new("RGB", (96, 64), (10, 20, 30)), Image.new("L", (96, 64), 0)
    mask.paste(255, (48, 0, 96, 64))
    reply = make(credentials, shot("a vase", FILL, (data_uri(photo),), data_uri(mask), operation="inpaint"))
    assert isinstance(reply, Ready)
    made = picture(reply.urls[0])
    assert made.size == photo.size and made.format == "PNG"
    assert made.crop((0, 0, 48, 64)).getcolors() == [(48 * 64, (10, 20, 30))]
    assert min(made.crop((48, 0, 96, 64)).convert("L").tobytes()) > 60


def test_a_mask_of_another_size_fails(credentials: dict[str, str]) -> None:
    photo, mask = Image.new("RGB", (96, 64)), Image.new("L", (64, 64), 255)
    reply = make(credentials, shot("a vase", FILL, (data_uri(photo),), data_uri(mask), operation="inpaint"))
    assert isinstance(reply, No) and reply.failure.code == "provider_failed"


def test_a_community_model_runs_by_its_version_only(server: Server, client: Client) -> None:
    version = client.models.get(SDXL).latest_version
    assert version is not None and len(version.id) == 64
    made: Any = client.run(f"{SDXL}:{version.id}", input={"prompt": "a cup", "num_outputs": 2, "height": 768})
    assert [picture(url).size for url in made] == [(1024, 768)] * 2
    body = json.dumps({"input": {"prompt": "a cup"}}).encode()
    url = f"{server.url}/replicate/v1/models/{SDXL}/predictions"
    assert send(Request("POST", url, {"authorization": f"Bearer {TOKEN}"}, body)).status == 404


def test_a_seed_repeats_a_picture_and_no_seed_does_not(credentials: dict[str, str]) -> None:
    def bytes_of(seed: int | None) -> bytes:
        reply = make(credentials, shot(model="black-forest-labs/flux-2-pro", seed=seed))
        assert isinstance(reply, Ready)
        return send(Request("GET", reply.urls[0])).body

    assert bytes_of(7) == bytes_of(7) != bytes_of(8)
    assert bytes_of(None) != bytes_of(None)


def test_the_webhook_proves_itself_and_means_the_same_as_a_poll(credentials: dict[str, str], inbox: Inbox) -> None:
    taken = create(credentials, shot(), inbox.url)
    assert isinstance(taken, Taken)
    headers, body = inbox.wait(1)[0]
    assert provider.verify and provider.read_webhook
    provider.verify(credentials, headers, body, int(time.time()))
    assert provider.read_webhook(body) == (taken.remote, settle(credentials, taken.remote))


def test_cancel_is_safe_to_repeat(credentials: dict[str, str]) -> None:
    taken = create(credentials, shot("[[sim:slow=9]]"))
    assert isinstance(taken, Taken) and provider.write_cancel
    for _ in range(2):
        assert send(provider.write_cancel(taken.remote, credentials)).status == 200
    reply = settle(credentials, taken.remote)
    assert isinstance(reply, No) and reply.failure.code == "provider_canceled"


# --- directives -----------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("directive", "code"),
    [
        ("fail", "provider_failed"),
        ("fail=CUDA out of memory", "provider_failed"),
        ("moderated", "content_refused"),
        ("refused", "content_refused"),
        ("invalid", "provider_invalid_input"),
        ("canceled", "provider_canceled"),
        ("aborted", "provider_canceled"),
        ("402", "provider_quota"),
        ("403", "provider_unauthorized"),
        ("expired-output", "provider_expired"),
        ("no-image", "provider_empty"),
        ("no-image=list", "provider_empty"),
    ],
)
def test_a_failure_on_request(credentials: dict[str, str], directive: str, code: str) -> None:
    reply = make(credentials, shot(f"a cup [[sim:{directive}]]"))
    assert isinstance(reply, No) and reply.failure.code == code
    assert reply.final is (code == "content_refused")


def test_busy_as_often_as_asked(server: Server, credentials: dict[str, str]) -> None:
    wanted = shot("a cup [[sim:429=2]]")
    replies = [create(credentials, wanted) for _ in range(3)]
    assert replies[:2] == [Later(1), Later(1)] and isinstance(replies[2], Taken)
    assert [one["effect"] != "" for one in creates(server)] == [False, False, True]


def test_an_error_before_has_no_effect_and_an_error_after_has(server: Server, credentials: dict[str, str]) -> None:
    for directive, effect in [("500-before", False), ("500-after", True), ("garbage-after", True)]:
        assert create(credentials, shot(f"[[sim:{directive}]]")) == Unknown()
        assert bool(creates(server)[-1]["effect"]) is effect


def test_no_answer_but_an_effect(server: Server, credentials: dict[str, str], inbox: Inbox) -> None:
    with pytest.raises(OSError):
        send(provider.write(shot("[[sim:hang-after]]"), credentials, inbox.url), timeout=0.3)
    assert creates(server)[-1]["effect"] and creates(server)[-1]["status"] is None
    assert json.loads(inbox.wait(1)[0][1])["id"] == creates(server)[-1]["effect"]


def test_trouble_while_polling_passes(credentials: dict[str, str]) -> None:
    assert isinstance(make(credentials, shot("[[sim:poll-503=2]]")), Ready)


def test_a_file_that_is_no_picture_and_more_pictures_than_asked(credentials: dict[str, str]) -> None:
    broken = make(credentials, shot("[[sim:broken-output]]"))
    assert isinstance(broken, Ready)
    with pytest.raises(OSError):
        picture(broken.urls[0])
    extra = make(credentials, shot("[[sim:extra=3]]"))
    assert isinstance(extra, Ready) and len(extra.urls) == 4


def test_results_are_deleted_after_the_retention(server: Server, credentials: dict[str, str]) -> None:
    taken = create(credentials, shot())
    assert isinstance(taken, Taken)
    ready = settle(credentials, taken.remote)
    assert isinstance(ready, Ready)
    control(server, "POST", "defaults", {"retention": 0})
    gone = settle(credentials, taken.remote)
    assert isinstance(gone, No) and gone.failure.code == "provider_expired"
    assert send(Request("GET", ready.urls[0])).status == 404


@pytest.mark.parametrize("kind", ["forged", "stale"])
def test_a_webhook_that_must_be_refused(credentials: dict[str, str], inbox: Inbox, kind: str) -> None:
    create(credentials, shot(f"[[sim:webhook={kind}]]"), inbox.url)
    headers, body = inbox.wait(1)[0]
    assert provider.verify
    with pytest.raises(Forged):
        provider.verify(credentials, headers, body, int(time.time()))


def test_webhooks_can_be_lost_doubled_late_cut_and_out_of_order(credentials: dict[str, str], inbox: Inbox) -> None:
    taken = create(credentials, shot("[[sim:webhook=none]]"), inbox.url)
    assert isinstance(taken, Taken) and isinstance(settle(credentials, taken.remote), Ready)
    assert inbox.wait(1, 0.3) == []
    create(credentials, shot("[[sim:webhook=dup]]"), inbox.url)
    assert len({headers["webhook-id"] for headers, _ in inbox.wait(3)}) == 1 and len(inbox.got) == 3
    inbox.got.clear()
    create(credentials, shot("[[sim:webhook=reordered]]"), inbox.url)
    assert [json.loads(body)["status"] for _, body in inbox.wait(2)] == ["succeeded", "processing"]
    inbox.got.clear()
    create(credentials, shot("[[sim:webhook=truncated]]"), inbox.url)
    assert provider.read_webhook
    with pytest.raises(ProviderError):
        provider.read_webhook(inbox.wait(1)[0][1])
    inbox.got.clear()
    create(credentials, shot("[[sim:webhook=late:0.5]]"), inbox.url)
    assert inbox.wait(1, 0.35) == [] and len(inbox.wait(1)) == 1


def test_a_webhook_is_repeated_with_one_id_until_it_is_taken(
    server: Server, credentials: dict[str, str], inbox: Inbox
) -> None:
    inbox.statuses = [503, 301]
    taken = create(credentials, shot(), inbox.url)
    assert isinstance(taken, Taken)
    assert len({headers["webhook-id"] for headers, _ in inbox.wait(3)}) == 1 and len(inbox.got) == 3
    time.sleep(0.3)
    tried = [one for one in control(server, "GET", "webhooks")["webhooks"] if one["about"] == taken.remote]
    assert [one["status"] for one in tried] == [503, 301, 200]


@pytest.mark.parametrize("hook", ["http://example.com/x", "ftp://127.0.0.1/x", "nonsense", 7])
def test_a_webhook_address_must_be_https(server: Server, hook: object) -> None:
    body = json.dumps({"input": {"prompt": "a cup"}, "webhook": hook}).encode()
    url = f"{server.url}/replicate/v1/models/{NANO}/predictions"
    assert send(Request("POST", url, {"authorization": f"Bearer {TOKEN}"}, body)).status == 422


@pytest.mark.parametrize(
    ("span", "status"), [("5s", 201), ("1h30m", 201), ("90", 201), ("4s", 422), ("soon", 422), ("", 422)]
)
def test_cancel_after_is_read_as_documented(server: Server, span: str, status: int) -> None:
    body = json.dumps({"input": {"prompt": "a cup"}}).encode()
    headers = {"authorization": f"Bearer {TOKEN}", "cancel-after": span}
    assert send(Request("POST", f"{server.url}/replicate/v1/models/{NANO}/predictions", headers, body)).status == status


def test_a_deadline_cancels_what_runs(server: Server) -> None:
    body = json.dumps({"input": {"prompt": "a cup [[sim:slow=20]]"}}).encode()
    headers = {"authorization": f"Bearer {TOKEN}", "cancel-after": "5"}
    made = send(Request("POST", f"{server.url}/replicate/v1/models/{NANO}/predictions", headers, body)).json()
    time.sleep(5.3)
    url = f"{server.url}/replicate/v1/predictions/{made['id']}"
    assert send(Request("GET", url, headers)).json()["status"] == "canceled"


# --- control --------------------------------------------------------------------------------------------
def test_the_log_holds_no_token_and_reset_empties_it(server: Server, credentials: dict[str, str]) -> None:
    create(credentials, shot())
    assert TOKEN not in json.dumps(control(server, "GET", "requests"))
    assert len(creates(server)) == 1
    control(server, "POST", "defaults", {"latency": 3})
    control(server, "POST", "reset")
    assert creates(server) == [] and control(server, "GET", "defaults")["latency"] == 0.12
    assert "unknown settings" in control(server, "POST", "defaults", {"nonsense": 1})["detail"]


def test_the_index_lists_the_directives(server: Server) -> None:
    page = send(Request("GET", f"{server.url}/")).body.decode()
    assert "[[sim:hang-after]]" in page and "/_sim/requests" in page
