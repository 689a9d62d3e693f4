"""The Gemini simulator against the official client, against our own provider, and against its list of directives."""

import base64
import io
import json
import urllib.request
from collections.abc import Iterator
from itertools import product
from typing import Any
from urllib.error import HTTPError

import pytest
from google import genai
from google.genai import errors, types
from PIL import Image

from packshot import providers
from packshot.brief import Brief, frame
from packshot.providers.gemini import MODELS
from packshot.replies import Later, Made, No, Reply, Shot, Source
from packshot.wire import Request, Response
from simulators.gemini import TOKEN, shape_of
from simulators.server import Server

provider = providers.load("gemini")
FLASH, PRO = "gemini-3.1-flash-image", "gemini-3-pro-image"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server(0, latency=0.02, hang=0.5) as running:
        yield running


@pytest.fixture(autouse=True)
def fresh(server: Server) -> None:
    send(Request("POST", f"{server.url}/_sim/reset"))


def official(server: Server, version: str | None = None, key: str = TOKEN) -> genai.Client:
    there = types.HttpOptions(base_url=f"{server.url}/gemini", api_version=version)
    return genai.Client(api_key=key, http_options=there)


@pytest.fixture
def client(server: Server) -> Iterator[genai.Client]:
    with official(server) as client:
        yield client


@pytest.fixture
def credentials(server: Server) -> dict[str, str]:
    return {"token": TOKEN, "base_url": f"{server.url}/gemini"}


def send(request: Request, timeout: float = 5) -> Response:
    data = request.body if request.method == "POST" else None
    query = "".join(f"?{name}={value}" for name, value in request.query.items())
    raw = urllib.request.Request(request.url + query, data, dict(request.headers), method=request.method)
    try:
        with urllib.request.urlopen(raw, timeout=timeout) as answer:
            return Response(answer.status, {k.lower(): v for k, v in answer.headers.items()}, answer.read())
    except HTTPError as error:
        return Response(error.code, {k.lower(): v for k, v in error.headers.items()}, error.read())


def posts(server: Server) -> list[dict[str, Any]]:
    return list(send(Request("GET", f"{server.url}/_sim/requests?method=POST&path=generateContent")).json()["requests"])


def encoded(form: str) -> bytes:
    out = io.BytesIO()
    Image.linear_gradient("L").resize((96, 64)).convert("RGB").save(out, form)
    return out.getvalue()


PHOTO, PNG = encoded("JPEG"), encoded("PNG")


def opened(data: bytes | None) -> Image.Image:
    return Image.open(io.BytesIO(data or b""))


def shot(prompt: str = "a cup", model: str = FLASH, pictures: int = 0, **brief: Any) -> Shot:
    asked = Brief(model="any", prompt=prompt, **{"operation": "generate", "aspect_ratio": "1:1", **brief})
    inputs = tuple(Source("", PHOTO, "image/jpeg", 96, 64) for _ in range(pictures))
    return Shot(asked, prompt, model, 1, inputs, *frame(asked, (96, 64)), None)


def create(credentials: dict[str, str], wanted: Shot) -> Reply:
    return provider.read(send(provider.write(wanted, credentials, None)))


# --- the official client --------------------------------------------------------------------------------
def shaped(ratio: str = "16:9", size: str = "1K") -> types.GenerateContentConfig:
    image = types.ImageConfig(aspect_ratio=ratio, image_size=size)
    return types.GenerateContentConfig(response_modalities=["IMAGE"], image_config=image)


@pytest.mark.parametrize(("version", "path"), [(None, "/v1/"), ("v1", "/v1/"), ("v1beta", "/v1beta/")])
def test_the_official_client_makes_a_picture(server: Server, version: str | None, path: str) -> None:
    with official(server, version) as client:
        made = client.models.generate_content(model=FLASH, contents="a cup", config=shaped())
    (part,) = made.parts or []
    assert part.inline_data is not None and opened(part.inline_data.data).size == (1376, 768)
    assert made.candidates is not None and made.candidates[0].finish_reason == types.FinishReason.STOP
    assert made.usage_metadata is not None and made.usage_metadata.candidates_token_count == 1120
    assert (made.model_version, made.response_id) == (FLASH, posts(server)[-1]["effect"])
    assert posts(server)[-1]["path"].startswith(path)


def test_the_official_client_sends_pictures_and_gets_words_too(server: Server, client: genai.Client) -> None:
    sources = [types.Part.from_bytes(data=PHOTO, mime_type="image/jpeg"), Image.open(io.BytesIO(PNG))]
    made = client.models.generate_content(model=PRO, contents=["on marble [[sim:drafts]]", *sources])
    words, draft, early, last = made.parts or []
    assert words.text and draft.thought and early.inline_data and not early.thought
    assert last.inline_data is not None and opened(last.inline_data.data).size == (1264, 848)
    parts = posts(server)[-1]["body"]["contents"][0]["parts"]
    assert [len(part) for part in parts] == [1, 1, 1]


def test_the_official_client_meets_a_success_without_a_picture(client: genai.Client) -> None:
    moderated = client.models.generate_content(model=FLASH, contents="[[sim:moderated]]")
    assert moderated.candidates is not None and moderated.candidates[0].content is None
    assert moderated.candidates[0].finish_reason == types.FinishReason.IMAGE_SAFETY
    refused = client.models.generate_content(model=FLASH, contents="[[sim:refused=BLOCKLIST]]")
    assert refused.candidates is None and refused.prompt_feedback is not None
    assert refused.prompt_feedback.block_reason == types.BlockedReason.BLOCKLIST
    none = client.models.generate_content(model=FLASH, contents="[[sim:no-image]]")
    assert none.candidates is not None and none.candidates[0].finish_reason == types.FinishReason.NO_IMAGE


@pytest.mark.parametrize(
    ("words", "error", "code", "status"),
    [
        ("429", errors.ClientError, 429, "RESOURCE_EXHAUSTED"),
        ("quota", errors.ClientError, 429, "RESOURCE_EXHAUSTED"),
        ("invalid", errors.ClientError, 400, "INVALID_ARGUMENT"),
        ("billing", errors.ClientError, 400, "FAILED_PRECONDITION"),
        ("unauthorized", errors.ClientError, 400, "INVALID_ARGUMENT"),
        ("gone", errors.ClientError, 404, "NOT_FOUND"),
        ("500-before", errors.ServerError, 503, "UNAVAILABLE"),
        ("500-after", errors.ServerError, 500, "INTERNAL"),
    ],
)
def test_the_official_client_meets_documented_errors_once(
    server: Server, client: genai.Client, words: str, error: type[errors.APIError], code: int, status: str
) -> None:
    with pytest.raises(error) as met:
        client.models.generate_content(model=FLASH, contents=f"a cup [[sim:{words}]]")
    assert (met.value.code, met.value.status) == (code, status)
    assert len(posts(server)) == 1


def test_the_official_client_lists_the_models(server: Server, client: genai.Client) -> None:
    names = [model.name for model in client.models.list(config={"page_size": 3})]
    assert {f"models/{name}" for name in MODELS} <= set(names) and len(names) == len(set(names)) == 4
    assert client.models.get(model=FLASH).name == f"models/{FLASH}"
    with pytest.raises(errors.ClientError, match="API key not valid"), official(server, key="another") as stranger:
        stranger.models.get(model=FLASH)


# --- what the reference allows --------------------------------------------------------------------------
BLOB = {"mimeType": "image/png", "data": base64.b64encode(PNG).decode()}


def body_of(parts: Any = None, **rest: Any) -> dict[str, Any]:
    return {"contents": [{"role": "user", "parts": parts or [{"text": "a cup"}]}], **rest}


def image(**config: Any) -> dict[str, Any]:
    return body_of(generationConfig={"imageConfig": config})


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (body_of(), 200),
        (body_of([{"text": "a cup"}, {"inlineData": BLOB}], safetySettings=[]), 200),
        (body_of([{"inline_data": {"mime_type": "image/png", "data": BLOB["data"]}}]), 200),
        (image(aspectRatio="21:9", imageSize="512"), 200),
        ({"contents": [{"parts": [{"text": "a cup"}]}], "generation_config": {"response_modalities": ["Image"]}}, 200),
        (image(aspectRatio="7:5"), 400),
        (image(imageSize="1k"), 400),
        (image(imageSize="8K"), 400),
        (image(outputMimeType="image/png"), 400),
        (body_of(generationConfig={"n": 2}), 400),
        (body_of(generationConfig={"candidateCount": 2}), 400),
        (body_of(prompt="a cup"), 400),
        (body_of([{"inlineData": {**BLOB, "mimeType": "image/jpeg"}}]), 400),
        (body_of([{"inlineData": {**BLOB, "data": "?"}}]), 400),
        (body_of([{"inlineData": BLOB}] * 15), 400),
        (body_of([{"text": "x" * (20 << 20)}]), 400),
        ({"contents": []}, 400),
        ([], 400),
    ],
)
@pytest.mark.parametrize("version", ["v1", "v1beta"])
def test_only_what_is_documented_is_taken(server: Server, version: str, body: object, status: int) -> None:
    url = f"{server.url}/gemini/{version}/models/{FLASH}:generateContent"
    answer = send(Request("POST", url, {"x-goog-api-key": TOKEN}, json.dumps(body).encode()))
    assert answer.status == status
    assert bool(posts(server)[-1]["effect"]) is (status == 200)
    if status == 400:
        assert answer.json()["error"]["status"] == "INVALID_ARGUMENT"


def test_a_call_without_a_key_and_unknown_places(server: Server) -> None:
    url = f"{server.url}/gemini/v1beta/models/{FLASH}:generateContent"
    assert send(Request("POST", url)).json()["error"]["status"] == "PERMISSION_DENIED"
    for path in ("v1beta/models/gemini-2.5-flash-image-preview:generateContent", "v1beta/tuned", f"v2/models/{FLASH}"):
        assert send(Request("POST", f"{server.url}/gemini/{path}", {"x-goog-api-key": TOKEN}, b"{}")).status == 404


# --- our own provider -----------------------------------------------------------------------------------
@pytest.mark.parametrize(("model", "pictures"), list(product(MODELS, (0, 1, 3))))
def test_every_model_makes_and_edits(credentials: dict[str, str], model: str, pictures: int) -> None:
    wanted = shot("größer [[sim:drafts]]", model, pictures, aspect_ratio="auto" if pictures else "3:2")
    reply = create(credentials, wanted)
    assert isinstance(reply, Made) and len(reply.pictures) == 1
    picture = opened(reply.pictures[0])
    assert picture.size == (1264, 848) and picture.width >= wanted.width and picture.height >= wanted.height


@pytest.mark.parametrize(
    ("brief", "size"),
    [
        ({"resolution": "2K", "aspect_ratio": "16:9"}, (2752, 1536)),
        ({"width": 1500, "height": 1400}, (2048, 2048)),
        ({"width": 800, "height": 500}, (1264, 848)),
        ({"width": 4096, "height": 512}, (12288, 1536)),
    ],
)
def test_the_smallest_tier_that_is_not_smaller(
    server: Server, credentials: dict[str, str], brief: Any, size: Any
) -> None:
    made = provider.write(shot("[[sim:no-image]]", **brief), credentials, None)
    assert send(made).status == 200
    assert shape_of(FLASH, {"image_config": json.loads(made.body)["generationConfig"]["imageConfig"]}, [])[:2] == size


@pytest.mark.parametrize(
    ("directive", "code", "effect"),
    [
        ("fail", "provider_failed", True), ("500-before", "provider_failed", False),
        ("500-after", "provider_failed", True), ("garbage-after", "provider_empty", True),
        ("invalid", "provider_invalid_input", False), ("unauthorized", "provider_unauthorized", False),
        ("billing", "provider_quota", False), ("quota", "provider_quota", False),
        ("gone", "provider_model_unknown", False), ("refused", "content_refused", False),
        *((f"refused={why}", "content_refused", False) for why in ("SAFETY", "OTHER", "BLOCKLIST", "IMAGE_SAFETY")),
        *((f"moderated={reason}", "content_refused", True) for reason in (
            "SAFETY", "RECITATION", "PROHIBITED_CONTENT", "BLOCKLIST", "SPII", "IMAGE_SAFETY",
            "IMAGE_PROHIBITED_CONTENT", "IMAGE_RECITATION",
        )),
        *((f"no-image={reason}", "provider_empty", True) for reason in (
            "NO_IMAGE", "IMAGE_OTHER", "OTHER", "MALFORMED_RESPONSE", "MAX_TOKENS", "STOP",
        )),
    ],
)  # fmt: skip
def test_a_failure_on_request(
    server: Server, credentials: dict[str, str], directive: str, code: str, effect: bool
) -> None:
    reply = create(credentials, shot(f"a cup [[sim:{directive}]]"))
    assert isinstance(reply, No) and reply.failure.code == code
    assert reply.final is (code == "content_refused")
    assert [bool(one["effect"]) for one in posts(server)] == [effect]


def test_busy_as_often_as_asked(server: Server, credentials: dict[str, str]) -> None:
    send(Request("POST", f"{server.url}/_sim/defaults", {}, b'{"retry_after": 6.2}'))
    replies = [create(credentials, shot("a cup [[sim:429=2]]")) for _ in range(3)]
    assert replies[:2] == [Later(7), Later(7)] and isinstance(replies[2], Made)
    assert [bool(one["effect"]) for one in posts(server)] == [False, False, True]
    send(Request("POST", f"{server.url}/_sim/defaults", {}, b'{"retry_after": null}'))
    assert create(credentials, shot("a mug [[sim:429]]")) == Later(30)


def test_no_answer_but_an_effect(server: Server, credentials: dict[str, str]) -> None:
    with pytest.raises(OSError):
        send(provider.write(shot("[[sim:hang-after]]"), credentials, None), timeout=0.2)
    assert posts(server)[-1]["effect"] and posts(server)[-1]["status"] is None


def test_a_picture_that_is_not_what_was_asked_for(credentials: dict[str, str]) -> None:
    for directive, begins in [("broken-output", b"<html>"), ("wrong-type", b"GIF8"), ("truncated-output", b"\xff\xd8")]:
        reply = create(credentials, shot(f"[[sim:{directive}]]"))
        assert isinstance(reply, Made) and reply.pictures[0].startswith(begins)
    for directive in ("black", "black-only"):
        reply = create(credentials, shot(f"[[sim:{directive}]]"))
        assert isinstance(reply, Made) and opened(reply.pictures[0]).convert("L").getextrema() == (0, 0)
    assert len(send(provider.write(shot("[[sim:huge-output]]"), credentials, None)).body) > provider.max_answer


def test_the_probe_tells_whether_a_key_works(credentials: dict[str, str]) -> None:
    assert provider.write_probe is not None
    answer = send(provider.write_probe(credentials))
    assert answer.status == 200 and len(answer.json()["models"]) == 1
    assert send(provider.write_probe({**credentials, "token": "another"})).status == 400
