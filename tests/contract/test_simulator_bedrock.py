"""The Bedrock simulator against boto3, against our own provider, and against its list of directives."""

import base64
import io
import json
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from types import SimpleNamespace
from typing import Any
from urllib.error import HTTPError

import boto3
import botocore.auth
import httpx
import pytest
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
from PIL import Image

from packshot import providers
from packshot.brief import Brief, frame
from packshot.errors import ProviderError
from packshot.providers.bedrock import MODELS, SERVICE, sign
from packshot.replies import Later, Made, No, Reply, Shot, Source
from packshot.wire import Request, Response
from simulators import bedrock as simulated
from simulators.server import Server

NOW = 1_795_219_200  # 2026-11-21T00:00:00Z
CORE, INPAINT = "stability.stable-image-core-v1:1", "us.stability.stable-image-inpaint-v1:0"
ERASE, REMOVE = "us.stability.stable-image-erase-object-v1:0", "us.stability.stable-image-remove-background-v1:0"
STYLE, FAST = "us.stability.stable-style-transfer-v1:0", "us.stability.stable-fast-upscale-v1:0"
SD35 = "stability.sd3-5-large-v1:0"
provider = providers.load("bedrock")


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server(0, latency=0.02, hang=0.6) as running:
        yield running


@pytest.fixture(autouse=True)
def fresh(server: Server) -> None:
    server.world.reset()


@pytest.fixture
def credentials(server: Server) -> dict[str, str]:
    keys = {"access_key": simulated.ACCESS_KEY, "secret_key": simulated.SECRET_KEY}
    return {**keys, "region": "us-west-2", "base_url": f"{server.url}/bedrock"}


@cache
def official(server: Server, attempts: int | None = None, **keys: str) -> Any:
    """boto3's client; its default is `standard` from 1.44 on, and three attempts."""
    retries: dict[str, Any] = {"total_max_attempts": attempts} if attempts else {"mode": "standard"}
    session = boto3.Session(
        aws_access_key_id=keys.get("access_key", simulated.ACCESS_KEY),
        aws_secret_access_key=keys.get("secret_key", simulated.SECRET_KEY),
        aws_session_token=keys.get("session_token"), region_name=keys.get("region", "us-west-2"),
    )  # fmt: skip
    return session.client("bedrock-runtime", endpoint_url=f"{server.url}/bedrock", config=Config(retries=retries))


def invoke(client: Any, model: str = CORE, **body: Any) -> Any:
    answer = client.invoke_model(modelId=model, body=json.dumps({"prompt": "a cup", **body}))
    return json.loads(answer["body"].read())


def send(request: Request, timeout: float = 5) -> Response:
    raw = urllib.request.Request(request.url, request.body or None, dict(request.headers), method=request.method)
    try:
        with urllib.request.urlopen(raw, timeout=timeout) as answer:
            return Response(answer.status, {k.lower(): v for k, v in answer.headers.items()}, answer.read())
    except HTTPError as error:
        return Response(error.code, {k.lower(): v for k, v in error.headers.items()}, error.read())


def photo(width: int = 96, height: int = 64, mode: str = "RGB", colour: Any = (10, 20, 30)) -> Source:
    out = io.BytesIO()
    Image.new(mode, (width, height), colour).save(out, "PNG")
    return Source("", out.getvalue(), "image/png", width, height)


def shot(
    prompt: str = "a cup", model: str = CORE, inputs: tuple[Source, ...] = (), mask: Source | None = None, **brief: Any
) -> Shot:
    asked = Brief(model="any", prompt=prompt, **{"operation": "generate", "aspect_ratio": "1:1", **brief})
    return Shot(asked, prompt, model, 1, inputs, *frame(asked, (96, 64)), brief.get("seed"), mask)


def create(server: Server, credentials: Mapping[str, str], wanted: Shot, timeout: float = 5) -> Reply:
    written = provider.write(wanted, credentials, None)
    return provider.read(send(sign(written, credentials, int(server.world.now())), timeout))


def effects(server: Server) -> list[bool]:
    return [bool(entry["effect"]) for entry in server.world.requests if entry["method"] == "POST"]


def picture(reply: Reply) -> Image.Image:
    assert isinstance(reply, Made) and len(reply.pictures) == 1
    image = Image.open(io.BytesIO(reply.pictures[0]))
    image.load()
    return image


# --- boto3 --------------------------------------------------------------------------------------------------------
def test_boto3_gets_a_picture(server: Server) -> None:
    answer = invoke(official(server), aspect_ratio="16:9", seed=7, output_format="jpeg")
    assert (answer["seeds"], answer["finish_reasons"]) == ([7], [None])
    image = Image.open(io.BytesIO(base64.b64decode(answer["images"][0])))
    assert image.format == "JPEG" and abs(image.width / image.height - 16 / 9) < 0.05
    assert effects(server) == [True]


def test_boto3_is_known_by_its_api_key(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", simulated.TOKEN)
    assert invoke(official(server, secret_key="keyed"))["images"]
    monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", "another")
    with pytest.raises(ClientError, match="UnrecognizedClientException"):
        invoke(official(server, secret_key="keyed otherwise"))


@pytest.mark.parametrize("keys", [{"secret_key": "wrong"}, {"access_key": "AKIAOTHER"}])
def test_a_wrong_key_is_refused(server: Server, keys: dict[str, str]) -> None:
    with pytest.raises(ClientError) as caught:
        invoke(official(server, **keys))
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403 and effects(server) == [False]


@pytest.mark.parametrize(
    ("directive", "name", "attempts", "sent"),
    [
        ("429=9", "ThrottlingException", None, 3),
        ("429=9", "ThrottlingException", 1, 1),
        ("quota", "ServiceQuotaExceededException", None, 1),
        ("gone", "ResourceNotFoundException", None, 1),
        ("invalid", "ValidationException", None, 1),
        ("unauthorized", "AccessDeniedException", None, 1),
        ("500-before=9", "ServiceUnavailableException", 1, 1),
        ("500-after", "InternalServerException", 1, 1),
        ("fail=ModelTimeoutException", "ModelTimeoutException", 1, 1),
        ("fail=ModelErrorException", "ModelErrorException", 1, 1),
        ("fail=ModelNotReadyException", "ModelNotReadyException", 1, 1),
    ],
)
def test_boto3_tells_an_error_by_its_name(
    server: Server, monkeypatch: pytest.MonkeyPatch, directive: str, name: str, attempts: int | None, sent: int
) -> None:
    monkeypatch.setattr("botocore.endpoint.time", SimpleNamespace(sleep=lambda seconds: None))
    with pytest.raises(ClientError) as caught:
        invoke(official(server, attempts), prompt=f"a cup [[sim:{directive}]]")
    assert caught.value.response["Error"]["Code"] == name
    assert len(effects(server)) == sent


def test_boto3_sees_a_refusal_as_a_success_without_a_picture(server: Server) -> None:
    assert invoke(official(server), prompt="[[sim:moderated]]") == {"finish_reasons": ["Filter reason: output image"]}


@pytest.mark.parametrize(
    ("model", "body"),
    [
        (CORE, {"style": "x"}), (CORE, {"seed": 2**32}), (CORE, {"seed": "7"}), (CORE, {"aspect_ratio": "4:3"}),
        (CORE, {"output_format": "webp"}), (CORE, {"image": photo().base64}), (CORE, {"prompt": ""}),
        (SD35, {"mode": "image-to-image"}), (INPAINT, {}), (INPAINT, {"image": "%%%"}),
        (INPAINT, {"image": photo().base64, "mask": photo(5, 5).base64}), (REMOVE, {"image": photo().base64}),
        (STYLE, {"init_image": photo().base64}), (FAST, {"image": photo(1100, 1100).base64}),
    ],
)  # fmt: skip
def test_what_a_model_does_not_document_is_refused(server: Server, model: str, body: dict[str, Any]) -> None:
    with pytest.raises(ClientError, match="ValidationException"):
        invoke(official(server), model, **body)
    assert effects(server) == [False]


def test_a_model_is_where_its_region_is(server: Server) -> None:
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        invoke(official(server, region="us-east-1"))
    assert invoke(official(server, region="us-east-1"), INPAINT, image=photo().base64)["images"]


# --- signatures ---------------------------------------------------------------------------------------------------
def at(monkeypatch: pytest.MonkeyPatch, now: int) -> None:
    moment = datetime.fromtimestamp(now, UTC).replace(tzinfo=None)
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda remove_tzinfo=True: moment)


@pytest.mark.parametrize("token", [None, "a session token"])
@pytest.mark.parametrize("model", [CORE, INPAINT])
def test_our_signature_is_the_one_that_boto3_puts_on_the_wire(
    server: Server, monkeypatch: pytest.MonkeyPatch, model: str, token: str | None
) -> None:
    at(monkeypatch, NOW)
    keys = {"access_key": simulated.ACCESS_KEY, "secret_key": simulated.SECRET_KEY}
    keys |= {"session_token": token} if token else {}
    client, sent = official.__wrapped__(server, **keys), []
    client.meta.events.register("before-send.bedrock-runtime.InvokeModel", lambda request, **_: sent.append(request))
    with pytest.raises(ClientError):  # the signature is of another day than the simulator's clock
        invoke(client, model, image=photo().base64)
    theirs = {name.lower(): str(value, "ascii") if isinstance(value, bytes) else value
              for name, value in sent[0].headers.items()}  # fmt: skip
    proof = theirs.pop("authorization")
    plain = {name: value for name, value in theirs.items() if name in proof.partition("Signature=")[0]}
    plain = {name: value for name, value in plain.items() if name not in ("x-amz-date", "x-amz-security-token")}
    ours = sign(Request("POST", sent[0].url, plain, sent[0].body), keys, NOW)
    base, mask = {"base_url": f"{server.url}/bedrock"}, photo() if MODELS[model].mask else None
    written = provider.write(shot(model=model, inputs=(photo(),) * MODELS[model].least, mask=mask), base, None)
    assert "%3A" in sent[0].url == written.url
    assert ours.headers["authorization"] == proof
    assert ours.headers["x-amz-date"] == theirs["x-amz-date"]
    assert ours.headers.get("x-amz-security-token") == token


@pytest.mark.parametrize("token", [None, "a session token"])
@pytest.mark.parametrize("region", ["us-west-2", "us-east-1"])
@pytest.mark.parametrize("model", sorted(MODELS))
def test_our_signature_is_what_botocore_computes(
    monkeypatch: pytest.MonkeyPatch, model: str, region: str, token: str | None
) -> None:
    keys = {"access_key": "AKIDEXAMPLE", "secret_key": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "region": region}
    keys |= {"session_token": token} if token else {}
    pictures = tuple(photo() for _ in range(MODELS[model].least))
    mask = photo(mode="L", colour=255) if MODELS[model].mask else None
    written = provider.write(shot(model=model, inputs=pictures, mask=mask), keys, None)
    at(monkeypatch, NOW)
    asked = AWSRequest("POST", written.url, dict(written.headers), written.body)
    secrets = Credentials(keys["access_key"], keys["secret_key"], token)
    botocore.auth.SigV4Auth(secrets, SERVICE, region).add_auth(asked)
    signed = sign(written, keys, NOW)
    assert signed.headers["authorization"] == asked.headers["Authorization"]
    assert (signed.method, signed.url, signed.body) == (written.method, written.url, written.body)
    assert sign(written, keys, NOW) == signed != sign(written, keys, NOW + 1)
    assert httpx.Request("POST", written.url).url.raw_path.decode() == written.url.partition(".com")[2]


def test_the_documented_vector(monkeypatch: pytest.MonkeyPatch) -> None:
    """`get-vanilla` of AWS's Signature Version 4 test suite, whose service is called `service`."""
    monkeypatch.setattr("packshot.providers.bedrock.SERVICE", "service")
    keys = {
        "access_key": "AKIDEXAMPLE",
        "secret_key": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
        "region": "us-east-1",
    }
    made = sign(Request("GET", "https://example.amazonaws.com/"), keys, 1_440_938_160)
    assert made.headers["x-amz-date"] == "20150830T123600Z"
    assert made.headers["authorization"] == (
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
        "SignedHeaders=host;x-amz-date, Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"
    )


@pytest.mark.parametrize(("off", "status"), [(0, 200), (-290, 200), (290, 200), (-320, 403), (320, 403)])
def test_a_signature_is_good_for_five_minutes(
    server: Server, credentials: dict[str, str], off: int, status: int
) -> None:
    written = provider.write(shot(), credentials, None)
    assert send(sign(written, credentials, int(server.world.now()) + off)).status == status


def test_a_changed_request_is_noticed(server: Server, credentials: dict[str, str]) -> None:
    signed = sign(provider.write(shot(), credentials, None), credentials, int(server.world.now()))
    east = signed.headers["authorization"].replace("us-west-2", "us-east-1")
    for changed in (
        replace(signed, body=signed.body.replace(b"cup", b"mug")),
        replace(signed, url=signed.url.replace("core", "ultra")),
        replace(signed, headers={**signed.headers, "accept": "image/png"}),
        replace(signed, headers={**signed.headers, "authorization": east}),
        replace(signed, headers={**signed.headers, "authorization": "AWS4-HMAC-SHA256 nonsense"}),
        replace(signed, headers={}),
    ):
        assert send(changed).status == 403
    assert send(signed).status == 200 and effects(server) == [False] * 6 + [True]


def test_an_api_key_needs_no_signature(server: Server, credentials: dict[str, str]) -> None:
    keyed = {"token": simulated.TOKEN, "base_url": credentials["base_url"]}
    written = provider.write(shot(), keyed, None)
    assert sign(written, keyed, NOW) == written and isinstance(create(server, keyed, shot()), Made)


def test_the_region_is_the_host_and_another_is_refused() -> None:
    assert provider.write(shot(), {"region": "us-east-2"}, None).url.startswith("https://bedrock-runtime.us-east-2.")
    with pytest.raises(ProviderError):
        provider.write(shot(), {"region": "eu-west-1"}, None)


def test_the_probe_tells_good_credentials_from_bad(server: Server, credentials: dict[str, str]) -> None:
    assert provider.write_probe
    probe, now = provider.write_probe(credentials), int(server.world.now())
    assert send(sign(probe, credentials, now)).json()["modelDetails"]["modelLifecycle"]["status"] == "ACTIVE"
    assert send(sign(probe, {**credentials, "secret_key": "wrong"}, now)).status == 403
    assert provider.write_probe({}).url.startswith("https://bedrock.us-west-2.amazonaws.com/foundation-models/")


# --- our provider -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("form", ["jpg", "png", "webp"])
@pytest.mark.parametrize("model", sorted(MODELS))
def test_every_model_makes_a_picture(server: Server, credentials: dict[str, str], model: str, form: str) -> None:
    takes = MODELS[model]
    mask = photo(mode="L", colour=255) if takes.mask else None
    for count in {takes.least, len(takes.images)}:
        wanted = shot("on marble", model, (photo(),) * count, mask, format=form, seed=2**32 - 1, strength=0.4,
                      negative_prompt="hands")  # fmt: skip
        image = picture(create(server, credentials, wanted))
        expected = "JPEG" if form == "jpg" and takes.jpg else takes.other.upper()
        assert image.format == expected
    assert set(effects(server)) == {True}


def test_only_what_the_mask_shows_is_repainted(server: Server, credentials: dict[str, str]) -> None:
    half = Image.new("L", (96, 64))
    half.paste(255, (48, 0, 96, 64))
    out = io.BytesIO()
    half.save(out, "PNG")
    mask = Source("", out.getvalue(), "image/png", 96, 64)
    made = picture(create(server, credentials, shot("a vase", INPAINT, (photo(),), mask, format="png")))
    assert made.crop((0, 0, 48, 64)).getcolors() == [(48 * 64, (10, 20, 30))]


def test_sizes_and_transparency(server: Server, credentials: dict[str, str]) -> None:
    assert picture(create(server, credentials, shot("", FAST, (photo(),), operation="upscale"))).size == (384, 256)
    large = photo(1600, 1200)
    made = picture(create(server, credentials, shot("", FAST, (large,), operation="upscale")))
    assert abs(made.width / made.height - 4 / 3) < 0.01 and made.width * made.height <= 16 << 20
    cut = picture(create(server, credentials, shot("", REMOVE, (photo(),), operation="remove_background")))
    assert cut.mode == "RGBA" and cut.getchannel("A").getextrema()[0] == 0


# --- directives ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("directive", "code", "effect"),
    [
        ("fail", "provider_failed", True), ("fail=ModelErrorException", "provider_failed", True),
        ("fail=ModelTimeoutException", "provider_failed", True), ("moderated", "content_refused", True),
        ("refused", "content_refused", False), ("invalid", "provider_invalid_input", False),
        ("unauthorized", "provider_unauthorized", False), ("quota", "provider_quota", False),
        ("gone", "provider_model_unknown", False), ("500-before", "provider_failed", False),
        ("500-after", "provider_failed", True), ("garbage-after", "provider_empty", True),
        ("no-image", "provider_empty", True), ("broken-output", "provider_empty", True),
        ("wrong-type", "provider_empty", True),
    ],
)  # fmt: skip
def test_a_failure_on_request(
    server: Server, credentials: dict[str, str], directive: str, code: str, effect: bool
) -> None:
    reply = create(server, credentials, shot(f"a cup [[sim:{directive}]]"))
    assert isinstance(reply, No) and reply.failure.code == code and reply.final is (code == "content_refused")
    assert effects(server) == [effect]


def test_busy_as_often_as_asked(server: Server, credentials: dict[str, str]) -> None:
    wanted = shot("a cup [[sim:429=2]]")
    assert [create(server, credentials, wanted) for _ in range(2)] == [Later(1), Later(1)]
    assert isinstance(create(server, credentials, wanted), Made) and effects(server) == [False, False, True]


def test_no_answer_but_an_effect(server: Server, credentials: dict[str, str]) -> None:
    with pytest.raises(OSError):
        create(server, credentials, shot("[[sim:hang-after]]"), timeout=0.3)
    assert effects(server) == [True] and server.world.requests[-1]["status"] is None


def test_pictures_that_are_none(server: Server, credentials: dict[str, str]) -> None:
    half = create(server, credentials, shot("[[sim:truncated-output]]"))
    with pytest.raises(OSError):
        picture(half)
    assert picture(create(server, credentials, shot("[[sim:black-only]]"))).convert("L").getextrema() == (0, 0)
    huge = send(sign(provider.write(shot("[[sim:huge-output]]"), credentials, None), credentials,
                     int(server.world.now())))  # fmt: skip
    assert len(huge.body) > provider.max_answer


def test_a_directive_stands_in_a_setting_too(server: Server, credentials: dict[str, str]) -> None:
    server.world.settings["behave"] = {"bedrock": "[[sim:quota]]"}
    reply = create(server, credentials, shot("", REMOVE, (photo(),), operation="remove_background"))
    assert isinstance(reply, No) and reply.failure.code == "provider_quota"


def test_the_log_holds_no_signature(server: Server, credentials: dict[str, str]) -> None:
    create(server, credentials, shot())
    assert "Signature=" not in json.dumps(server.world.requests)
