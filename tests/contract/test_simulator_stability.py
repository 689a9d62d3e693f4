"""The simulator of Stability AI against its documents, against our own provider, and its directives.

There is no official client of this API to hold it against.
"""

import base64
import io
import json
import time
import urllib.request
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.error import HTTPError, URLError

import pytest
from PIL import Image

from packshot import providers
from packshot.brief import Brief, frame
from packshot.errors import ProviderError
from packshot.multipart import Part, compose
from packshot.providers.stability import LARGEST_FORM, MODELS
from packshot.replies import Later, Made, Reply, Shot, Source, Taken, Unknown, Working, no
from packshot.wire import Request, Response
from simulators.kit import HUGE
from simulators.server import Server
from simulators.stability import SERVICES, TOKEN

provider = providers.load("stability")
RELIGHT, CREATIVE = "replace-background-and-relight", "upscale-creative"
LATER = (RELIGHT, CREATIVE)


def drawn(width: int, height: int, form: str = "JPEG") -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (width, height), "teal").save(out, form)
    return out.getvalue()


def given(width: int = 300, height: int = 200) -> Source:
    return Source("", drawn(width, height), "image/jpeg", width, height)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server(0, latency=0.03, hang=0.3) as running:
        yield running


@pytest.fixture(autouse=True)
def fresh(server: Server) -> None:
    control(server, "POST", "reset")


@pytest.fixture
def credentials(server: Server) -> dict[str, str]:
    return {"token": TOKEN, "base_url": f"{server.url}/stability"}


def send(request: Request) -> Response:
    data = request.body if request.method == "POST" else None
    raw = urllib.request.Request(request.url, data, dict(request.headers), method=request.method)
    try:
        with urllib.request.urlopen(raw, timeout=5) as answer:
            return Response(answer.status, {k.lower(): v for k, v in answer.headers.items()}, answer.read())
    except HTTPError as error:
        with error:
            return Response(error.code, {k.lower(): v for k, v in error.headers.items()}, error.read())


def control(server: Server, method: str, verb: str, payload: object = None) -> Any:
    body = b"" if payload is None else json.dumps(payload).encode()
    return send(Request(method, f"{server.url}/_sim/{verb}", {}, body)).json()


def effects(server: Server) -> int:
    return sum(bool(entry["effect"]) for entry in control(server, "GET", "requests")["requests"])


def shot(prompt: str = "a cup", model: str = "core", inputs: tuple[Source, ...] | None = None, **brief: Any) -> Shot:
    takes = MODELS[model]
    inputs = (given(),) * takes.least if inputs is None else inputs
    asked = Brief(model="any", prompt=prompt, **{"operation": "generate", "aspect_ratio": "1:1", **brief})
    mask = Source("", drawn(300, 200, "PNG"), "image/png", 300, 200) if takes.mask else None
    return Shot(asked, prompt, model, 1, inputs, *frame(asked, (300, 200)), brief.get("seed"), mask)


def create(credentials: dict[str, str], wanted: Shot) -> Reply:
    return provider.read(send(provider.write(wanted, credentials, None)))


def settle(credentials: dict[str, str], remote: str, times: int = 50) -> Reply:
    assert provider.write_poll and provider.read_poll
    for _ in range(times):
        reply = provider.read_poll(send(provider.write_poll(remote, credentials)))
        if not isinstance(reply, Working):
            break
        time.sleep(0.02)
    return reply


def make(credentials: dict[str, str], wanted: Shot) -> Reply:
    reply = create(credentials, wanted)
    assert isinstance(reply, Taken) is (wanted.model in LATER) or not isinstance(reply, Taken | Made)
    return settle(credentials, reply.remote) if isinstance(reply, Taken) else reply


def opened(reply: Reply) -> Image.Image:
    assert isinstance(reply, Made), reply
    return Image.open(io.BytesIO(reply.pictures[0]))


# --- plain HTTP, as documented ---------------------------------------------------------------------------------------
def post(server: Server, path: str, accept: str = "application/json", **fields: str | bytes) -> Response:
    parts = [Part(name, value, "x.jpg", "image/jpeg") if isinstance(value, bytes) else Part(name, value.encode())
             for name, value in fields.items()]  # fmt: skip
    kind, body = compose(parts)
    headers = {"authorization": f"Bearer {TOKEN}", "accept": accept, "content-type": kind}
    return send(Request("POST", f"{server.url}/stability/v2beta/stable-image/{path}", headers, body))


def test_an_answer_is_json_or_bytes_as_the_caller_accepts(server: Server) -> None:
    told = post(server, "generate/core", prompt="a cup", seed="7", output_format="webp")
    assert {name: told.json()[name] for name in ("seed", "finish_reason")} == {"seed": 7, "finish_reason": "SUCCESS"}
    plain = post(server, "generate/core", "image/*", prompt="a cup", seed="7", output_format="webp")
    assert plain.body == base64.b64decode(told.json()["image"]) and plain.headers["content-type"] == "image/webp"
    assert (plain.headers["seed"], plain.headers["finish-reason"]) == ("7", "SUCCESS")


def test_json_is_refused_and_so_is_a_large_form(server: Server) -> None:
    headers = {"authorization": f"Bearer {TOKEN}", "content-type": "application/json"}
    url = f"{server.url}/stability/v2beta/stable-image/generate/core"
    assert send(Request("POST", url, headers, b'{"prompt":"a cup"}')).status == 400
    large = post(server, "edit/remove-background", image=bytes(LARGEST_FORM))
    assert (large.status, provider.read(large), effects(server)) == (413, no("provider_invalid_input"), 0)


@pytest.mark.parametrize(
    ("path", "fields", "wrong"),
    [
        ("generate/core", {}, ["prompt"]), ("generate/core", {"prompt": "x", "image": drawn(64, 64)}, ["image"]),
        ("generate/core", {"prompt": "x", "aspect_ratio": "4:3", "seed": "-1"}, ["aspect_ratio", "seed"]),
        ("generate/core", {"prompt": "x" * 10_001, "output_format": "jpg"}, ["prompt", "output_format"]),
        ("generate/ultra", {"prompt": "x", "image": drawn(64, 64)}, ["strength"]),
        ("generate/sd3", {"prompt": "x", "strength": "0.5", "cfg_scale": "11"}, ["cfg_scale", "strength"]),
        ("generate/sd3", {"prompt": "x", "image": drawn(64, 64), "strength": "1", "aspect_ratio": "1:1"},
         ["mode", "aspect_ratio"]),
        ("generate/sd3", {"prompt": "x", "model": "sd3.5-flash", "negative_prompt": "y"}, ["negative_prompt"]),
        ("edit/inpaint", {"prompt": "x", "image": b"no picture"}, ["image"]),
        ("edit/remove-background", {"image": drawn(64, 64), "output_format": "jpeg"}, ["output_format"]),
        (f"edit/{RELIGHT}", {"subject_image": drawn(64, 64), "preserve_original_subject": "2"},
         ["preserve_original_subject", "background_prompt"]),
        ("upscale/fast", {"image": drawn(1100, 1000), "prompt": "x"}, ["prompt", "image"]),
        ("upscale/conservative", {"image": drawn(64, 64), "creativity": "0.1"}, ["prompt", "creativity"]),
        ("upscale/creative", {"image": drawn(16, 16), "prompt": "x", "creativity": "many"}, ["creativity", "image"]),
    ],
)  # fmt: skip
def test_what_is_not_documented_is_refused(
    server: Server, path: str, fields: Mapping[str, Any], wrong: list[str]
) -> None:
    answer = post(server, path, **fields)
    assert set(answer.json()) == {"id", "name", "errors"}
    assert (answer.status, [each.partition(":")[0] for each in answer.json()["errors"]]) == (400, wrong)
    assert (provider.read(answer), effects(server)) == (no("provider_invalid_input"), 0)


def test_the_probe_tells_good_keys_from_bad(credentials: dict[str, str]) -> None:
    assert provider.write_probe is not None
    assert send(provider.write_probe(credentials)).json() == {"credits": 1000.0}
    assert send(provider.write_probe({**credentials, "token": "x"})).status == 401


# --- our provider ----------------------------------------------------------------------------------------------------
SIZES = {
    "ultra": (1024, 1024), "core": (1280, 1280), "sd3.5-large": (1024, 1024), "sd3.5-medium": (1024, 1024),
    "sd3.5-large-turbo": (1024, 1024), "sd3.5-flash": (1024, 1024), "inpaint": (300, 200),
    "remove-background": (300, 200), RELIGHT: (300, 200), "upscale-fast": (1200, 800),
    "upscale-conservative": (2496, 1664), CREATIVE: (3520, 2368),
}  # fmt: skip


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("form", ["jpg", "webp"])
def test_each_model_makes_a_picture(credentials: dict[str, str], server: Server, model: str, form: Any) -> None:
    wishes: dict[str, Any] = {"negative_prompt": "hands", "seed": 2**32 - 1, "guidance": 30.0, "strength": 0.4}
    image = opened(make(credentials, shot("a cup", model, format=form, **wishes)))
    plain = form == "jpg" and model != "remove-background"
    assert (image.format, image.size) == ("JPEG" if plain else "PNG", SIZES[model])
    assert image.mode == ("RGBA" if model == "remove-background" else "RGB")
    assert effects(server) == 1


@pytest.mark.parametrize(
    ("model", "operation", "pictures"),
    [("ultra", "edit", 1), ("sd3.5-large", "edit", 1), ("sd3.5-flash", "edit", 1), (RELIGHT, "relight", 1),
     (RELIGHT, "remix", 2), ("upscale-fast", "upscale", 1), ("upscale-conservative", "upscale", 1)],
)  # fmt: skip
def test_each_operation_with_pictures(
    credentials: dict[str, str], server: Server, model: str, operation: Any, pictures: int
) -> None:
    words = "" if operation == "upscale" else "on marble"
    wanted = shot(words, model, (given(),) * pictures, operation=operation, like_input=True)
    assert opened(make(credentials, wanted)).width > 0
    assert effects(server) == 1


def test_a_picture_is_shrunk_to_what_a_service_takes(credentials: dict[str, str]) -> None:
    large = (given(1536, 1300),)
    first = opened(make(credentials, shot("", "upscale-fast", large, operation="upscale", like_input=True)))
    assert first.width * first.height <= 16 << 20 and abs(first.width / first.height - 1536 / 1300) < 0.01
    assert provider.longest_input == 1536
    with pytest.raises(ProviderError):
        noise = Source("", bytes(LARGEST_FORM), "image/png", 1536, 1536)
        provider.write(shot("", "remove-background", (noise,)), credentials, None)


def test_a_service_without_words_takes_its_directives_from_a_setting(
    credentials: dict[str, str], server: Server
) -> None:
    control(server, "POST", "defaults", {"behave": {"stability": "[[sim:moderated]]"}})
    assert make(credentials, shot("", "remove-background")) == no("content_refused")


ANYWAY = [
    ("moderated", no("content_refused"), 1), ("no-image", no("provider_empty"), 1),
    ("refused", no("content_refused"), 0), ("invalid", no("provider_invalid_input"), 0),
    ("unauthorized", no("provider_unauthorized"), 0), ("quota", no("provider_quota"), 0),
    ("gone", no("provider_model_unknown"), 0), ("429", Later(60), 0), ("500-before", Unknown(), 0),
    ("500-after", Unknown(), 1), ("garbage-after", Unknown(), 1),
]  # fmt: skip


@pytest.mark.parametrize("model", ["core", RELIGHT])
@pytest.mark.parametrize(("directive", "expected", "made"), ANYWAY)
def test_each_directive_ends_in_its_reply(
    credentials: dict[str, str], server: Server, model: str, directive: str, expected: Reply, made: int
) -> None:
    assert make(credentials, shot(f"a cup [[sim:{directive}]]", model)) == expected
    assert effects(server) == made


@pytest.mark.parametrize("model", ["core", RELIGHT])
def test_a_create_that_hangs_has_an_effect(credentials: dict[str, str], server: Server, model: str) -> None:
    with pytest.raises((URLError, ConnectionError)):
        create(credentials, shot("a cup [[sim:hang-after]]", model))
    assert effects(server) == 1


def test_a_failure_has_another_end_where_it_is_polled_for(credentials: dict[str, str], server: Server) -> None:
    assert create(credentials, shot("a cup [[sim:fail]]")) == Unknown()
    taken = create(credentials, shot("a cup [[sim:fail]]", RELIGHT))
    assert isinstance(taken, Taken)
    assert isinstance(settle(credentials, taken.remote, 5), Working)  # the deadline ends it
    assert effects(server) == 2


@pytest.mark.parametrize("directive", ["poll-503=2", "slow=0.1"])
def test_trouble_on_the_way_does_not_matter(credentials: dict[str, str], server: Server, directive: str) -> None:
    assert opened(make(credentials, shot(f"a cup [[sim:{directive}]]", RELIGHT))).size == (300, 200)
    assert effects(server) == 1


def test_a_result_that_is_gone_or_another_keys(credentials: dict[str, str]) -> None:
    assert make(credentials, shot("a cup [[sim:expired-output]]", RELIGHT)) == no("provider_lost")
    assert settle(credentials, "0" * 64) == no("provider_lost")
    assert isinstance(settle({**credentials, "token": "x"}, "0" * 64, 2), Working)


@pytest.mark.parametrize(
    ("directive", "starts", "length"),
    [("broken-output", b"<html>", 0), ("wrong-type", b"GIF8", 0), ("huge-output", b"\x89PNG", HUGE),
     ("black-only", b"\x89PNG", 0), ("truncated-output", b"\xff\xd8", 0)],
)  # fmt: skip
def test_each_spoiled_picture(credentials: dict[str, str], directive: str, starts: bytes, length: int) -> None:
    reply = make(credentials, shot(f"a cup [[sim:{directive}]]"))
    assert isinstance(reply, Made) and reply.pictures[0].startswith(starts) and len(reply.pictures[0]) >= length


def test_every_service_of_the_simulator_is_used() -> None:
    assert {takes.path for takes in MODELS.values()} == set(SERVICES)
