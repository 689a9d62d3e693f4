"""The promises every provider keeps. Providers are found in their folder; recorded replies in `providers/<name>/`.

A recorded reply is {"source": where the vendor documents it, "call": the function it is for, …, "outcome": what we
expect}. There is nothing to register: a provider without recorded replies fails here.
"""

import base64
import email
import email.policy
import json
import math
import re
import string
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict
from itertools import product
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from packshot import providers
from packshot.brief import LONG_SIDE, Brief, Image, frame
from packshot.catalog import Model, Skill, models
from packshot.errors import Forged, ProviderError
from packshot.job import Failure
from packshot.providers import Provider
from packshot.reach import matches
from packshot.replies import Later, Look, Made, More, No, Ready, Shot, Source, Taken, Unknown, Working, no
from packshot.wire import Request, Response

RECORDED = Path(__file__).parent / "providers"
CREDENTIALS = {
    "token": "r8_test", "webhook_secret": "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX",
    "access_key": "AKIDEXAMPLE", "secret_key": "not-a-secret-key", "region": "us-west-2", "key": "mk_live_test",
}  # fmt: skip
"""Every provider's test credentials in one."""

PIXEL = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC")
"""A red PNG of one pixel: what every input of a recorded shot holds."""

HOOK = "https://hooks.example/provider/1"
LABEL = "job_1-0-1"
SIGNED = ["webhook-id", "webhook-timestamp", "webhook-signature", "x"]
REPLIES = (Taken, Working, Ready, Made, More, No, Later, Unknown)

REMOTE = [name for name in providers.NAMES if providers.load(name).completion != "render"]
ASYNC = [name for name in REMOTE if providers.load(name).write_poll is not None]
HOOKED = [name for name in REMOTE if providers.load(name).completion == "webhook"]

every_provider = pytest.mark.parametrize("name", providers.NAMES)
every_remote = pytest.mark.parametrize("name", REMOTE)
every_hooked = pytest.mark.parametrize("name", HOOKED)


def recordings() -> Iterator[Any]:
    for path in sorted(RECORDED.glob("*/*.json")):
        yield pytest.param(path.parent.name, path, id=f"{path.parent.name}-{path.stem}")


def source(url: str) -> Source:
    return Source(url, PIXEL, "image/png", 1, 1)


def shot_of(raw: Mapping[str, Any]) -> Shot:
    brief = Brief(model="any", **{"operation": "generate", **raw["brief"]})
    rest = {name: raw[name] for name in ("prompt", "model", "width", "height")}
    inputs, mask = tuple(map(source, raw["inputs"])), source(raw["mask"]) if raw.get("mask") else None
    return Shot(brief, images=raw.get("images", 1), inputs=inputs, seed=raw.get("seed"), mask=mask, label=LABEL, **rest)


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
                inputs = tuple(source(f"https://in.example/{number}.png") for number in range(pictures))
                images = tuple(Image("url", each.url) for each in inputs)
                raw: dict[str, Any] = {"operation": operation, "model": model.id, **size, **rest}
                brief = Brief(images=images, **raw)
                mask = source("https://in.example/mask.png") if operation == "inpaint" else None
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
        case Later(seconds):
            return {"kind": "Later", "seconds": seconds}
        case Made(pictures):
            return {"kind": "Made", "sizes": list(map(len, pictures))}
        case More(request):
            return {"kind": "More", "method": request.method, "url": request.url}
        case _:
            return {"kind": type(reply).__name__, **asdict(reply)}  # type: ignore[call-overload]


def body_of(recorded: Mapping[str, Any]) -> bytes:
    """A recorded body: `base64` (a file), `text` (as it is, with its own spaces) or `body` (JSON)."""
    if "base64" in recorded:
        return base64.b64decode(recorded["base64"])
    return recorded["text"].encode() if "text" in recorded else json.dumps(recorded.get("body")).encode()


def sent(request: Request) -> dict[str, Any]:
    """A request's body as a recording shows it: JSON, or a form's fields in order with files as their sizes."""
    kind = request.headers.get("content-type", "")
    if not kind.startswith("multipart/form-data"):
        return {"json": json.loads(request.body)} if request.body else {}
    whole = f"content-type: {kind}\r\n\r\n".encode() + request.body
    form = []
    for part in email.message_from_bytes(whole, policy=email.policy.HTTP).iter_parts():
        data, file = part.get_payload(decode=True), part.get_filename()
        shown = f"{file} {part.get_content_type()} {len(data)} bytes" if file else data.decode()
        form.append([part.get_param("name", header="content-disposition"), shown])
    return {"form": form}


def replay(provider: Provider, recorded: Mapping[str, Any]) -> dict[str, Any]:
    """Do what a recording describes; say what came out."""
    body = body_of(recorded)
    try:
        match recorded["call"]:
            case "read" | "read_poll" | "read_more" as call:
                answer = Response(recorded["status"], recorded.get("headers", {}), body)
                return outcome_of(getattr(provider, call)(answer))
            case "read_webhook":
                assert provider.read_webhook is not None
                remote, reply = provider.read_webhook(body)
                return {**outcome_of(reply), "remote": remote}
            case "read_list":
                assert provider.read_list is not None
                answer = Response(recorded["status"], recorded.get("headers", {}), body)
                return {"kind": "Found", "remote": provider.read_list(answer, LABEL, HOOK)}
            case "write_list":
                assert provider.write_list is not None
                made = provider.write_list(recorded["model"], recorded["since"], CREDENTIALS)
                return {"method": made.method, "url": made.url, "query": dict(made.query)}
            case "verify":
                assert provider.verify is not None
                provider.verify(recorded["credentials"], recorded["headers"], body, recorded["now"])
                return {"kind": "Genuine"}
            case "write":
                made = provider.write(shot_of(recorded["shot"]), CREDENTIALS, recorded["webhook"])
                headers = {name: value.partition("; boundary=")[0] for name, value in made.headers.items()}
                seen = {"method": made.method, "url": made.url, "headers": headers}
                return {**seen, **({"query": dict(made.query)} if made.query else {}), **sent(made)}
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
    wanted |= {"read_more"} if providers.load(name).read_more else set()
    wanted |= {"read_list"} if providers.load(name).read_list else set()
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
        homes = [providers.load(name).base_url, *(f"https://{host}" for host in providers.load(name).api_hosts)]
        assert any(made.url.startswith(f"{home}/") for home in homes)
        assert made.method in ("POST", "PUT")
        assert all(header == header.lower() for header in made.headers)


@every_remote
def test_secrets_travel_in_headers_only_and_the_base_can_be_moved(name: str) -> None:
    provider = providers.load(name)
    shot = next(shots_of(name))
    moved = {**CREDENTIALS, "base_url": "http://127.0.0.1:8600/there/"}
    requests = [provider.write(shot, moved, HOOK)]
    for write in (provider.write_poll, provider.write_cancel):
        requests += [write(remote_of(name), moved)] if write else []
    requests += [provider.write_list(shot.model, 0, moved)] if provider.write_list else []
    requests += [provider.write_probe(moved)] if provider.write_probe else []
    for made in requests:
        assert made.url.startswith("http://127.0.0.1:8600/there/")
        assert "//" not in made.url.removeprefix("http://")
        for field in ("token", "webhook_secret", "secret_key", "key"):
            secret = CREDENTIALS[field]
            assert secret not in made.url + made.body.decode(errors="replace")
            if field == "key":  # a credential of that name is one that the vendor wants in the query, and only there
                assert secret not in " ".join(made.headers.values())
            else:
                assert secret not in " ".join(made.query.values())


@every_hooked
def test_the_webhook_is_named_only_when_there_is_one(name: str) -> None:
    provider, shot = providers.load(name), next(shots_of(name))

    def told(hook: str | None) -> str:
        made = provider.write(shot, CREDENTIALS, hook)
        return made.body.decode() + json.dumps(dict(made.query))

    assert (HOOK in told(HOOK)) is not provider.account_hook
    assert "webhook" not in told(None) and "callback" not in told(None)


def remote_of(name: str) -> str:
    """A name that the provider gave to a request, as a recording has it."""
    for path in sorted((RECORDED / name).glob("*.json")):
        recorded = json.loads(path.read_bytes())
        if recorded["call"] == "read" and recorded["outcome"]["kind"] == "Taken":
            return str(recorded["outcome"]["remote"])
    raise AssertionError(f"{name}: no recorded create was taken")


def with_text(value: Any, text: str) -> Iterator[Any]:
    """Copies of a JSON value, in each of which one text is another."""
    if isinstance(value, str):
        yield text
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from ({**value, key: changed} for changed in with_text(inner, text))
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            yield from ([*value[:place], changed, *value[place + 1 :]] for changed in with_text(inner, text))


HOSTILE = (
    "../account", "a/b", "a?b=c", "a#b", "a b", "\u00e9", "https://evil.example/x", "//evil.example/x", "x" * 3000, "",
    "https://evil.example\\@api.example", "https://user@evil.example/x", "http://169.254.169.254/latest", "file:///etc",
)  # fmt: skip


@pytest.mark.parametrize("name", ASYNC)
@pytest.mark.parametrize("hostile", HOSTILE)
def test_a_name_given_by_a_stranger_leads_nowhere_else(name: str, hostile: str) -> None:
    """Whatever a create's answer holds: what is asked afterwards goes to the provider's own hosts, in plain paths."""
    provider = providers.load(name)
    home = [provider.base_url.partition("://")[2].partition("/")[0], *provider.api_hosts]
    for path in sorted((RECORDED / name).glob("*.json")):
        recorded = json.loads(path.read_bytes())
        if recorded["call"] != "read" or recorded["outcome"]["kind"] != "Taken" or "body" not in recorded:
            continue
        for body in with_text(recorded["body"], hostile):
            reply = provider.read(Response(recorded["status"], {}, json.dumps(body).encode()))
            assert isinstance(reply, REPLIES)
            if isinstance(reply, Taken):
                assert 0 < len(reply.remote) <= 1000 and provider.write_poll is not None
                url = urlsplit(provider.write_poll(reply.remote, CREDENTIALS).url)
                assert url.scheme == "https" and any(matches(url.hostname or "", host) for host in home)
                assert ".." not in url.path and url.path.isascii() and not set(url.path + url.query) & set(" \\#@")


@every_remote
@pytest.mark.parametrize("status", [408, 500, 502, 503, 504, 520, 529])
@pytest.mark.parametrize("body", [b"", b"{}", b'{"detail":"x"}', b"<html>"])
def test_a_create_that_may_have_had_an_effect_is_never_repeated(name: str, status: int, body: bytes) -> None:
    provider = providers.load(name)
    reply = provider.read(Response(status, {"retry-after": "3"}, body))
    if provider.completion == "sync":  # nothing can come of it any more, whatever it cost
        assert reply == no("provider_failed") or isinstance(reply, Unknown)
    else:
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
    readers = [provider.read, provider.read_poll, provider.read_more]
    for reply in (read(Response(status, {}, body)) for read in readers if read is not None):
        assert isinstance(reply, REPLIES)
        assert_decent(reply)
    if provider.read_webhook is not None:
        try:
            remote, reply = provider.read_webhook(body)
        except ProviderError:
            return
        assert remote and isinstance(reply, Working | Ready | No | Look)
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
    read = providers.load(name).read_poll
    assert read is not None and isinstance(read(Response(status, {}, b"trouble")), Working)


@every_hooked
@given(headers=st.dictionaries(st.sampled_from(SIGNED), st.text()), body=st.binary(max_size=60))
def test_a_stranger_is_only_ever_forged(name: str, headers: dict[str, str], body: bytes) -> None:
    verify, signs = providers.load(name).verify, providers.load(name).signs
    assert verify is not None
    for credentials in (CREDENTIALS, {}, {"webhook_secret": ""}, {"webhook_secret": "whsec_%%%"}):
        with pytest.raises(Forged) if signs else suppress(Forged):
            verify(credentials, headers, body, 1_795_219_200)


def test_the_ratios_of_the_catalogue_are_honoured_within_reason() -> None:
    """A provider that lacks a ratio asks for the nearest; it must be near, or the picture loses its edges.

    Exact sizes may have any shape, and are cropped to it.
    """
    for name in REMOTE:
        for shot in (shot for shot in shots_of(name) if shot.brief.width is None):
            body = providers.load(name).write(shot, CREDENTIALS, None).body
            for ratio in re.findall(rb'aspect_?[rR]atio"(?::|\r\n\r\n) ?"?(\d+:\d+)', body):
                width, height = map(int, ratio.split(b":"))
                assert abs(math.log(width / height / (shot.width / shot.height))) < 0.35
