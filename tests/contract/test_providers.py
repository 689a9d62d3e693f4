"""The promises every provider keeps. Providers are found in their folder; recorded replies in `providers/<name>/`.

A recorded reply is {"source": where the vendor documents it, "call": the function it is for, …, "outcome": what we
expect}. There is nothing to register: a provider without recorded replies fails here.
"""

import json
import math
import string
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from packshot import providers
from packshot.brief import LONG_SIDE, Brief, Image, frame
from packshot.catalog import Model, Skill, models
from packshot.errors import Forged, ProviderError
from packshot.job import Failure
from packshot.providers import Later, No, Provider, Ready, Shot, Taken, Unknown, Working
from packshot.wire import Response

RECORDED = Path(__file__).parent / "providers"
CREDENTIALS = {"token": "r8_test", "webhook_secret": "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX"}
HOOK = "https://hooks.example/provider/1"
SIGNED = ["webhook-id", "webhook-timestamp", "webhook-signature", "x"]
REPLIES = (Taken, Working, Ready, No, Later, Unknown)

REMOTE = [name for name in providers.NAMES if providers.load(name).completion != "render"]
ASYNC = [name for name in REMOTE if providers.load(name).completion != "sync"]
HOOKED = [name for name in REMOTE if providers.load(name).completion == "webhook"]

every_provider = pytest.mark.parametrize("name", providers.NAMES)
every_remote = pytest.mark.parametrize("name", REMOTE)
every_hooked = pytest.mark.parametrize("name", HOOKED)


def recordings() -> Iterator[Any]:
    for path in sorted(RECORDED.glob("*/*.json")):
        yield pytest.param(path.parent.name, path, id=f"{path.parent.name}-{path.stem}")


def shot_of(raw: Mapping[str, Any]) -> Shot:
    brief = Brief(model="any", **{"operation": "generate", **raw["brief"]})
    rest = {name: raw[name] for name in ("prompt", "model", "width", "height")}
    return Shot(brief=brief, images=1, inputs=tuple(raw["inputs"]), seed=raw.get("seed"), mask=raw.get("mask"), **rest)


WISHES: Mapping[str, Any] = {
    "negative_prompt": "hands", "seed": 2**32 - 1, "quality": 80, "guidance": 2.5, "strength": 0.3, "detail": "low",
}  # fmt: skip


def sizes_of(model: Model, skill: Skill) -> Iterator[dict[str, Any]]:
    """Every way to say a size that a model takes: each tier and ratio, exact ones at the limits, the input's own."""
    for tier in model.resolutions:
        for ratio in ("1:1", "3:7", "auto") if "*" in model.ratios else model.ratios:
            yield {"resolution": tier, "aspect_ratio": ratio}
        if "like_input" in skill.accepts and skill.min_images:
            yield {"resolution": tier, "like_input": True}
    if "exact_size" in skill.accepts:
        most = LONG_SIDE[model.resolutions[-1]]
        yield from ({"width": width, "height": height} for width in (512, 777, most) for height in (512, most))


def shots_of(name: str) -> Iterator[Shot]:
    """Every shot the catalogue can ask of a provider: each operation's routes and sizes, with the fewest and the most
    pictures, and all its other wishes at once."""
    provider = providers.load(name)
    for model in models().values():
        for operation, skill in model.operations.items():
            rest = {wish: value for wish, value in WISHES.items() if wish in skill.accepts}
            for size, pictures in product(sizes_of(model, skill), {skill.min_images, skill.max_images}):
                if size.get("aspect_ratio") == "auto" and not pictures:
                    continue
                inputs = tuple(f"https://in.example/{number}.png" for number in range(pictures))
                images = tuple(Image("url", url) for url in inputs)
                raw: dict[str, Any] = {"operation": operation, "model": model.id, **size, **rest}
                brief = Brief(images=images, **raw)
                mask = "https://in.example/mask.png" if operation == "inpaint" else None
                frames = frame(brief, (1500, 1000))
                for route in skill.routes:
                    if route.provider == name:
                        number = provider.images_per_call
                        yield Shot(brief, "a cup", route.model, number, inputs, *frames, brief.seed, mask)


def outcome_of(reply: object) -> dict[str, Any]:
    match reply:
        case No(Failure(code, _), final):
            return {"kind": "No", "code": code, "final": final}
        case Ready(urls):
            return {"kind": "Ready", "urls": list(urls)}
        case _:
            return {"kind": type(reply).__name__, **asdict(reply)}  # type: ignore[call-overload]


def replay(provider: Provider, recorded: Mapping[str, Any]) -> dict[str, Any]:
    """Do what a recording describes; say what came out."""
    body = recorded["text"].encode() if "text" in recorded else json.dumps(recorded.get("body")).encode()
    try:
        match recorded["call"]:
            case "read" | "read_poll" as call:
                answer = Response(recorded["status"], recorded.get("headers", {}), body)
                return outcome_of(getattr(provider, call)(answer))
            case "read_webhook":
                assert provider.read_webhook is not None
                remote, reply = provider.read_webhook(body)
                return {**outcome_of(reply), "remote": remote}
            case "verify":
                assert provider.verify is not None
                provider.verify(recorded["credentials"], recorded["headers"], body, recorded["now"])
                return {"kind": "Genuine"}
            case "write":
                made = provider.write(shot_of(recorded["shot"]), CREDENTIALS, recorded["webhook"])
                seen = {"method": made.method, "url": made.url, "headers": dict(made.headers)}
                return {**seen, "json": json.loads(made.body)}
            case other:
                raise AssertionError(f"no such call: {other}")
    except ProviderError as error:
        return {"kind": type(error).__name__}


@pytest.mark.parametrize(("name", "path"), list(recordings()))
def test_a_recorded_reply_means_what_its_document_says(name: str, path: Path) -> None:
    recorded = json.loads(path.read_bytes())
    assert recorded["source"].startswith(("https://", "documented in "))
    assert replay(providers.load(name), recorded) == recorded["outcome"]


@every_remote
def test_each_way_to_answer_is_recorded(name: str) -> None:
    calls = {json.loads(path.read_bytes())["call"] for path in (RECORDED / name).glob("*.json")}
    wanted = {"write", "read"} | ({"read_poll"} if name in ASYNC else set())
    assert calls >= wanted | ({"verify", "read_webhook"} if name in HOOKED else set())


@every_provider
def test_the_facts_of_a_provider_are_plausible(name: str) -> None:
    provider = providers.load(name)
    assert set(name) <= set(string.ascii_lowercase + string.digits + "_")
    assert provider.images_per_call >= 1
    p50, p75, p90 = provider.typical
    assert 0 < p50 <= p75 <= p90 < provider.deadline <= 86_400
    if provider.completion == "render":
        assert provider.base_url == ""
    else:
        assert provider.base_url.startswith("https://")
        assert provider.base_url == provider.base_url.rstrip("/")
        assert provider.completion == "sync" or provider.output_hosts
        assert all("/" not in host and "." in host.removeprefix("*.") for host in provider.output_hosts)
    if provider.completion == "webhook":
        assert provider.verify is not None
        assert provider.read_webhook is not None


@every_remote
def test_every_route_of_the_catalogue_can_be_written(name: str) -> None:
    for shot in shots_of(name):
        made = providers.load(name).write(shot, CREDENTIALS, HOOK)
        assert made == providers.load(name).write(shot, CREDENTIALS, HOOK)
        assert made.url.startswith(providers.load(name).base_url + "/")
        assert made.method in ("POST", "PUT")
        assert all(header == header.lower() for header in made.headers)


@every_remote
def test_secrets_travel_in_headers_only_and_the_base_can_be_moved(name: str) -> None:
    provider = providers.load(name)
    shot = next(shots_of(name))
    moved = {**CREDENTIALS, "base_url": "http://127.0.0.1:8600/there/"}
    requests = [provider.write(shot, moved, HOOK), provider.write_poll("abc", moved)]
    requests += [provider.write_cancel("abc", moved)] if provider.write_cancel else []
    for made in requests:
        assert made.url.startswith("http://127.0.0.1:8600/there/")
        assert "//" not in made.url.removeprefix("http://")
        for secret in CREDENTIALS.values():
            assert secret not in made.url + made.body.decode() + "".join(made.query.values())


@every_hooked
def test_the_webhook_is_named_only_when_there_is_one(name: str) -> None:
    shot = next(shots_of(name))
    assert HOOK.encode() in providers.load(name).write(shot, CREDENTIALS, HOOK).body
    assert b"webhook" not in providers.load(name).write(shot, CREDENTIALS, None).body


@pytest.mark.parametrize("name", ASYNC)
@pytest.mark.parametrize("remote", ["../account", "a/b", "a?b=c", "a#b", "a b", "\u00e9"])
def test_a_remote_id_stays_one_part_of_the_path(name: str, remote: str) -> None:
    provider = providers.load(name)
    plain = provider.write_poll("abc", CREDENTIALS).url
    odd = provider.write_poll(remote, CREDENTIALS).url
    assert odd.isascii() and odd.count("/") == plain.count("/") and not set(odd) & set("?# ")


@every_remote
@pytest.mark.parametrize("status", [408, 500, 502, 503, 504, 520, 529])
@pytest.mark.parametrize("body", [b"", b"{}", b'{"detail":"x"}', b"<html>"])
def test_a_create_that_may_have_had_an_effect_is_never_repeated(name: str, status: int, body: bytes) -> None:
    reply = providers.load(name).read(Response(status, {"retry-after": "3"}, body))
    assert isinstance(reply, Unknown)


@every_remote
@pytest.mark.parametrize(
    "wait", ["", "0", "-5", "soon", "9" * 40, "9" * 5000, "1e3", "\u00b2", "Wed, 21 Oct 2026 07:28:00 GMT"]
)
def test_a_busy_provider_is_asked_again_soon_enough(name: str, wait: str) -> None:
    reply = providers.load(name).read(Response(429, {"retry-after": wait} if wait else {}, b"slow down"))
    assert isinstance(reply, Later) and 1 <= reply.seconds <= 3600


CANARY = "canary-7f3a"
_NAMES = ["id", "status", "output", "error", "detail", "data_removed", "urls", "succeeded", "failed", "processing"]
_words = st.sampled_from([*_NAMES, "https://replicate.delivery/x.png", "javascript:alert(1)", "\ud800", CANARY])
_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | _words,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_words | st.text(max_size=4), inner, max_size=6),
    max_leaves=12,
)
_bodies = st.binary(max_size=200) | _json.map(lambda value: json.dumps(value).encode())
_hard = [b"[" * 100_000, b'{"id":' * 50_000, b"1" * 10_000, b"\xff\xfe", b"null", b"NaN"]
_hard += [b'{"id":"a","status":"succeeded","output":[' + b'"https://x/y",' * 100_000 + b'"z"]}']


def never_breaks(name: str, status: int, body: bytes) -> None:
    provider = providers.load(name)
    for reply in (provider.read(Response(status, {}, body)), provider.read_poll(Response(status, {}, body))):
        assert isinstance(reply, REPLIES)
        assert_decent(reply)
    if provider.read_webhook is not None:
        try:
            remote, reply = provider.read_webhook(body)
        except ProviderError:
            return
        assert remote and isinstance(reply, Working | Ready | No)
        assert_decent(reply)


def assert_decent(reply: object) -> None:
    """Few, plain addresses and our own words: nothing of an upstream's text."""
    if isinstance(reply, Ready):
        assert 1 <= len(reply.urls) <= 64
        assert all(url.isascii() and url.startswith(("https://", "http://", "data:")) for url in reply.urls)
    if isinstance(reply, No):
        assert CANARY not in repr(reply)
        assert reply.failure.code.isidentifier() and reply.failure.code.islower()
        assert reply.failure.message.endswith(".")


@every_remote
@given(status=st.integers(100, 599), body=_bodies)
def test_no_bytes_break_a_reader(name: str, status: int, body: bytes) -> None:
    never_breaks(name, status, body)


@every_remote
@pytest.mark.parametrize("status", [200, 201, 202, 204, 301, 400, 404, 422, 429, 500])
@pytest.mark.parametrize("body", _hard, ids=range(len(_hard)))
def test_no_hostile_bytes_break_a_reader(name: str, status: int, body: bytes) -> None:
    never_breaks(name, status, body)


@every_remote
@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 422])
def test_a_refusal_is_told_in_our_words(name: str, status: int) -> None:
    body = json.dumps({"detail": CANARY, "error": {"message": CANARY}, "title": CANARY}).encode()
    reply = providers.load(name).read(Response(status, {}, body))
    assert isinstance(reply, No) and not reply.final
    assert_decent(reply)


@pytest.mark.parametrize("name", ASYNC)
@pytest.mark.parametrize("status", [401, 429, 500, 502, 503, 504])
def test_trouble_while_asking_is_not_the_end(name: str, status: int) -> None:
    assert isinstance(providers.load(name).read_poll(Response(status, {}, b"trouble")), Working)


@every_hooked
@given(headers=st.dictionaries(st.sampled_from(SIGNED), st.text()), body=st.binary(max_size=60))
def test_a_stranger_is_only_ever_forged(name: str, headers: dict[str, str], body: bytes) -> None:
    verify = providers.load(name).verify
    assert verify is not None
    for credentials in (CREDENTIALS, {}, {"webhook_secret": ""}, {"webhook_secret": "whsec_%%%"}):
        with pytest.raises(Forged):
            verify(credentials, headers, body, 1_795_219_200)


def test_the_ratios_of_the_catalogue_are_honoured_within_reason() -> None:
    """A provider that lacks a ratio asks for the nearest; it must be near, or the picture loses its edges.

    Exact sizes may have any shape, and are cropped to it.
    """
    for name in REMOTE:
        for shot in (shot for shot in shots_of(name) if shot.brief.width is None):
            sent = json.loads(providers.load(name).write(shot, CREDENTIALS, None).body)
            ratio = str(sent.get("input", {}).get("aspect_ratio", ""))
            if ":" in ratio:
                width, height = map(int, ratio.split(":"))
                assert abs(math.log(width / height / (shot.width / shot.height))) < 0.35
