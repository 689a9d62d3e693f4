"""The OpenAI Images simulator against the official client, against our own provider, and against its directives."""

import base64
import io
import json
import urllib.request
from collections.abc import Iterator
from itertools import product
from typing import Any
from urllib.error import HTTPError

import openai
import pytest
from PIL import Image

from packshot import providers
from packshot.brief import Brief, frame
from packshot.multipart import Part, compose
from packshot.providers.openai import FIXED, MODELS
from packshot.replies import Later, Made, No, Reply, Shot, Source
from packshot.wire import Request, Response
from simulators.openai import GENERATIONS, TOKEN, checked
from simulators.server import Server

provider = providers.load("openai")
GPT = "gpt-image-2"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server(0, latency=0.02, hang=0.5) as running:
        yield running


@pytest.fixture(autouse=True)
def fresh(server: Server) -> None:
    send(Request("POST", f"{server.url}/_sim/reset"))


@pytest.fixture
def client(server: Server) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{server.url}/openai/v1", api_key=TOKEN, max_retries=0) as client:
        yield client


@pytest.fixture
def credentials(server: Server) -> dict[str, str]:
    return {"token": TOKEN, "base_url": f"{server.url}/openai"}


def send(request: Request, timeout: float = 5) -> Response:
    data = request.body if request.method == "POST" else None
    raw = urllib.request.Request(request.url, data, dict(request.headers), method=request.method)
    try:
        with urllib.request.urlopen(raw, timeout=timeout) as answer:
            return Response(answer.status, {k.lower(): v for k, v in answer.headers.items()}, answer.read())
    except HTTPError as error:
        return Response(error.code, {k.lower(): v for k, v in error.headers.items()}, error.read())


def posts(server: Server) -> list[dict[str, Any]]:
    return list(send(Request("GET", f"{server.url}/_sim/requests?method=POST&path=/images")).json()["requests"])


def encoded(image: Image.Image, form: str = "PNG") -> bytes:
    out = io.BytesIO()
    image.save(out, form)
    return out.getvalue()


PHOTO = encoded(Image.new("RGB", (96, 64), (10, 20, 30)), "JPEG")
PNG = encoded(Image.new("RGB", (96, 64), (10, 20, 30)))


def mask_of(width: int = 96) -> bytes:
    """The right half is to change."""
    mask = Image.new("RGBA", (width, 64), (0, 0, 0, 255))
    mask.paste((0, 0, 0, 0), (width // 2, 0, width, 64))
    return encoded(mask)


def opened(picture: bytes | str | None) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(picture) if isinstance(picture, str) else picture or b""))


def shot(prompt: str = "a cup", model: str = GPT, pictures: int = 0, mask: bytes = b"", **brief: Any) -> Shot:
    asked = Brief(model="any", prompt=prompt, **{"operation": "generate", "aspect_ratio": "1:1", **brief})
    inputs = tuple(Source("", PHOTO, "image/jpeg", 96, 64) for _ in range(pictures))
    masked = Source("", mask, "image/png", 96, 64) if mask else None
    return Shot(asked, prompt, model, 1, inputs, *frame(asked, (96, 64)), None, masked)


def create(credentials: dict[str, str], wanted: Shot) -> Reply:
    return provider.read(send(provider.write(wanted, credentials, None)))


# --- the official client --------------------------------------------------------------------------------
def test_the_official_client_makes_a_picture(client: openai.OpenAI) -> None:
    made = client.images.generate(model=GPT, prompt="a cup", size="1536x864", quality="low", output_format="jpeg", n=2)
    assert made.data is not None and [opened(one.b64_json).size for one in made.data] == [(1536, 864)] * 2
    assert (made.size, made.quality, made.output_format, made.background) == ("1536x864", "low", "jpeg", "opaque")
    assert made.usage is not None and made.usage.total_tokens == made.usage.input_tokens + made.usage.output_tokens
    assert (made._request_id or "").startswith("req_")
    assert made.data[0].b64_json != made.data[1].b64_json and opened(made.data[0].b64_json).format == "JPEG"


def test_the_official_client_edits_one_picture_or_several_with_a_mask(client: openai.OpenAI) -> None:
    one = client.images.edit(model=GPT, image=("cup.jpg", PHOTO, "image/jpeg"), prompt="auf Marmor, größer")
    assert one.data and opened(one.data[0].b64_json).size == (1536, 1024)
    files = [("cup.jpg", PHOTO, "image/jpeg"), ("look.png", PNG, "image/png")]
    mask = ("mask.png", mask_of(), "image/png")
    both = client.images.edit(model=GPT, image=files, mask=mask, prompt="a vase", size="1536x1024")
    assert both.data
    picture = opened(both.data[0].b64_json)
    plain = picture.crop((0, 0, 700, 1024)).getextrema()
    assert all(abs(low - want) < 4 > abs(high - want) for (low, high), want in zip(plain, (10, 20, 30), strict=True))
    assert picture.crop((800, 0, 1536, 1024)).convert("L").getextrema()[1] > 100


def test_the_official_client_lists_the_models_and_their_end(client: openai.OpenAI) -> None:
    dates = {model.id: model.shutdown_date for model in client.models.list()}
    assert dates["gpt-image-1.5"] == "2026-12-01" and dates[GPT] is None and "gpt-image-1" not in dates
    assert set(MODELS) <= set(dates)
    assert client.models.retrieve(GPT).object == "model"
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("dall-e-3")


@pytest.mark.parametrize(
    ("words", "error", "code", "kind"),
    [
        ("refused", openai.BadRequestError, "moderation_blocked", "image_generation_user_error"),
        ("moderated", openai.BadRequestError, "moderation_blocked", "image_generation_user_error"),
        ("invalid", openai.BadRequestError, "invalid_value", "invalid_request_error"),
        ("unauthorized", openai.AuthenticationError, "invalid_api_key", "invalid_request_error"),
        ("unverified", openai.PermissionDeniedError, None, "invalid_request_error"),
        ("gone", openai.NotFoundError, "model_not_found", "invalid_request_error"),
        ("429", openai.RateLimitError, "rate_limit_exceeded", "requests"),
        ("quota", openai.RateLimitError, "insufficient_quota", "insufficient_quota"),
        ("500-after", openai.InternalServerError, None, "server_error"),
    ],
)
def test_the_official_client_meets_documented_errors(
    client: openai.OpenAI, words: str, error: type[openai.APIStatusError], code: str | None, kind: str
) -> None:
    with pytest.raises(error) as met:
        client.images.generate(model=GPT, prompt=f"a cup [[sim:{words}]]")
    assert (met.value.code, met.value.type) == (code, kind)
    assert (met.value.request_id or "").startswith("req_")


def test_the_official_client_repeats_a_create_unless_it_is_told_not_to(server: Server, client: openai.OpenAI) -> None:
    with pytest.raises(openai.InternalServerError):
        client.images.generate(model=GPT, prompt="once [[sim:500-after]]")
    assert len(posts(server)) == 1
    with client.with_options(max_retries=2) as default, pytest.raises(openai.InternalServerError):
        default.images.generate(model=GPT, prompt="thrice [[sim:500-after]]")
    assert openai.DEFAULT_MAX_RETRIES == 2
    again = posts(server)[1:]
    assert [one["headers"]["x-stainless-retry-count"] for one in again] == ["0", "1", "2"]
    assert len({one["effect"] for one in again}) == 3  # three pictures are paid for
    assert not any("idempotency-key" in one["headers"] for one in again)


# --- what the reference allows --------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"response_format": "b64_json"}, "unknown_parameter"), ({"seed": 1}, "unknown_parameter"),
        ({"size": "1000x1000"}, "invalid_value"), ({"size": "3856x1600"}, "invalid_value"),
        ({"size": "1600x512"}, "invalid_value"), ({"size": "640x640"}, "invalid_value"),
        ({"size": "2896x2880"}, "invalid_value"), ({"n": 11}, "invalid_value"), ({"n": "1"}, "invalid_value"),
        ({"model": "gpt-image-1.5", "size": "1536x864"}, "invalid_value"), ({"quality": "xhigh"}, "invalid_value"),
        ({"background": "transparent"}, "invalid_value"), ({"output_compression": 50}, "invalid_value"),
        ({"prompt": None}, "invalid_value"),
    ],
)  # fmt: skip
def test_a_parameter_that_is_not_allowed(server: Server, wrong: dict[str, Any], code: str) -> None:
    body = json.dumps({"model": GPT, "prompt": "a cup", **wrong}).encode()
    headers = {"authorization": f"Bearer {TOKEN}", "content-type": "application/json"}
    answer = send(Request("POST", f"{server.url}/openai/v1/images/generations", headers, body))
    assert (answer.status, answer.json()["error"]["code"]) == (400, code)
    assert answer.json()["error"]["param"] == list(wrong)[-1]
    assert posts(server)[-1]["effect"] == ""


WORDS = [Part("model", GPT.encode()), Part("prompt", b"a cup")]
FORMS = {
    "none": WORDS,
    "two called image": [*WORDS, Part("image", PNG, "a.png", "image/png"), Part("image", PNG, "b.png", "image/png")],
    "both names": [*WORDS, Part("image", PNG, "a.png", "image/png"), Part("image[]", PNG, "b.png", "image/png")],
    "another type": [*WORDS, Part("image", PNG, "a.png", "image/jpeg")],
    "no file name": [*WORDS, Part("image", PNG, None, "image/png")],
    "no picture": [*WORDS, Part("image", b"<html>", "a.png", "image/png")],
    "seventeen": [*WORDS, *(Part("image[]", PNG, f"{n}.png", "image/png") for n in range(17))],
    "a prompt twice": [*WORDS, Part("prompt", b"two"), Part("image", PNG, "a.png", "image/png")],
    "an opaque mask": [*WORDS, Part("image", PNG, "a.png", "image/png"), Part("mask", PNG, "m.png", "image/png")],
    "a mask of another size": [
        *WORDS, Part("image", PNG, "a.png", "image/png"), Part("mask", mask_of(80), "m.png", "image/png"),
    ],
    "fidelity": [*WORDS, Part("input_fidelity", b"high"), Part("image", PNG, "a.png", "image/png")],
}  # fmt: skip


@pytest.mark.parametrize("name", [*FORMS, "cut off", "another boundary", "json"])
def test_a_form_that_is_not_sound(server: Server, name: str) -> None:
    kind, body = compose(FORMS.get(name, [*WORDS, Part("image", PNG, "a.png", "image/png")]))
    body = body[:-30] if name == "cut off" else body
    kind = {"another boundary": "multipart/form-data; boundary=x", "json": "application/json"}.get(name, kind)
    headers = {"authorization": f"Bearer {TOKEN}", "content-type": kind}
    answer = send(Request("POST", f"{server.url}/openai/v1/images/edits", headers, body))
    assert answer.status == 400 and answer.json()["error"]["type"] == "invalid_request_error"
    assert posts(server)[-1]["effect"] == ""


# --- our own provider -----------------------------------------------------------------------------------
@pytest.mark.parametrize(("model", "pictures", "masked"), [*product(MODELS, (0, 1, 3), (False,)), (GPT, 2, True)])
def test_every_model_makes_and_edits(credentials: dict[str, str], model: str, pictures: int, masked: bool) -> None:
    wanted = shot("größer", model, pictures, mask_of() if masked else b"", aspect_ratio="3:2", detail="low")
    reply = create(credentials, wanted)
    assert isinstance(reply, Made) and len(reply.pictures) == 1
    picture = opened(reply.pictures[0])
    assert picture.format == "JPEG" and abs(picture.width / picture.height - 1.5) < 0.02
    assert picture.width >= wanted.width and picture.height >= wanted.height


def test_a_mask_shows_what_changes(credentials: dict[str, str]) -> None:
    reply = create(credentials, shot("a vase", GPT, 1, mask_of(), aspect_ratio="3:2", format="png"))
    assert isinstance(reply, Made)
    picture = opened(reply.pictures[0])
    half = picture.width // 2
    assert picture.format == "PNG" and picture.crop((0, 0, half - 20, 64)).getcolors(9) is not None
    assert picture.crop((half + 20, 0, picture.width, picture.height)).convert("L").getextrema()[1] > 100


def test_any_shape_gets_the_smallest_size_that_is_not_smaller() -> None:
    for width, height, model in product(range(512, 4097, 133), (512, 777, 1024, 2048, 4096), MODELS):
        wanted = shot(model=model, width=width, height=height)
        fields = json.loads(provider.write(wanted, {}, None).body)
        assert checked(fields, GENERATIONS) == fields
        got = tuple(map(int, fields["size"].split("x")))
        if MODELS[model] == FIXED:
            assert got in FIXED
        elif max(width, height) <= 3 * min(width, height):
            assert abs(got[0] / got[1] * height / width - 1) < 0.04
            assert (got[0] >= width and got[1] >= height) or max(got) > 3800 or got[0] * got[1] > 7_900_000
            assert max(got) < max(width, height) + 16 or got[0] * got[1] < 720_000


@pytest.mark.parametrize(
    ("directive", "code", "effect"),
    [
        ("fail", "provider_failed", True), ("moderated", "content_refused", True),
        ("refused", "content_refused", False), ("invalid", "provider_invalid_input", False),
        ("unauthorized", "provider_unauthorized", False), ("unverified", "provider_unauthorized", False),
        ("quota", "provider_quota", False), ("gone", "provider_model_unknown", False),
        ("500-before", "provider_failed", False), ("500-after", "provider_failed", True),
        ("garbage-after", "provider_empty", True), ("no-image", "provider_empty", True),
    ],
)  # fmt: skip
def test_a_failure_on_request(
    server: Server, credentials: dict[str, str], directive: str, code: str, effect: bool
) -> None:
    for pictures in (0, 1):
        reply = create(credentials, shot(f"{pictures} [[sim:{directive}]]", pictures=pictures))
        assert isinstance(reply, No) and reply.failure.code == code
        assert reply.final is (code == "content_refused")
        assert bool(posts(server)[-1]["effect"]) is effect


def test_busy_as_often_as_asked(server: Server, credentials: dict[str, str]) -> None:
    replies = [create(credentials, shot("a cup [[sim:429=2]]")) for _ in range(3)]
    assert replies[:2] == [Later(1), Later(1)] and isinstance(replies[2], Made)
    assert [bool(one["effect"]) for one in posts(server)] == [False, False, True]
    send(Request("POST", f"{server.url}/_sim/defaults", {}, b'{"retry_after": null}'))
    assert create(credentials, shot("a mug [[sim:429]]")) == Later(12)


def test_no_answer_but_an_effect(server: Server, credentials: dict[str, str]) -> None:
    with pytest.raises(OSError):
        send(provider.write(shot("[[sim:hang-after]]"), credentials, None), timeout=0.2)
    assert posts(server)[-1]["effect"] and posts(server)[-1]["status"] is None


def test_a_picture_that_is_not_what_was_asked_for(credentials: dict[str, str]) -> None:
    for directive, begins in [("broken-output", b"<html>"), ("wrong-type", b"GIF8"), ("truncated-output", b"\xff\xd8")]:
        reply = create(credentials, shot(f"[[sim:{directive}]]"))
        assert isinstance(reply, Made) and reply.pictures[0].startswith(begins)
    with pytest.raises(OSError):
        opened(reply.pictures[0]).load()
    for directive in ("black", "black-only"):
        reply = create(credentials, shot(f"[[sim:{directive}]]"))
        assert isinstance(reply, Made) and opened(reply.pictures[0]).convert("L").getextrema() == (0, 0)
    assert len(send(provider.write(shot("[[sim:huge-output]]"), credentials, None)).body) > provider.max_answer


def test_the_probe_tells_whether_a_key_works(credentials: dict[str, str]) -> None:
    assert provider.write_probe is not None
    assert send(provider.write_probe(credentials)).status == 200
    assert send(provider.write_probe({**credentials, "token": "another"})).status == 401
