"""Marked secrets go in at every door; afterwards nothing printed, queued or stored holds them where they do not belong.

Every image that a row ever had is looked at, not only the last: the stream keeps them all. Bodies are unfolded first.
"""

import base64
import binascii
import json
import logging
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from moto.dynamodb.models import dynamodb_backends

from packshot import signing
from packshot.aws import jobs, queues, secrets
from packshot.wire import Request, Response
from tests.flow.conftest import SECRET, Net, Tenant, make_tenant, net, photo, stack, tenant
from tests.flow.test_jobs import JOBS, PROVIDER_JOB, asset, ready
from tests.flow.world import ACCOUNT, REGION, Message, World

__all__ = ["net", "stack", "tenant"]

PROMPT, NEGATIVE = "canaryprompt a red box on slate", "canarynegative no people"
PICTURE = "https://shop.example/front.jpg?X-Amz-Credential=CANARYCREDENTIAL&X-Amz-Signature=canarysignature"
TOKEN, PROVIDER_HOOK = "r8_CanaryProviderToken000000000000000000", "whsec_Q2FuYXJ5UHJvdmlkZXJIb29rU2VjcmV0"
OWN, OWN_HOOK = "canaryowntoken0123456789", "whsec_Q2FuYXJ5T3duSG9va1NlY3JldDAxMjM0"
"""An account's own credentials; the token is of a form that no scrub knows."""

IDEMPOTENCY = "canaryidempotency"
QUERY = "canaryquery"

NOWHERE = (TOKEN, "CanaryProviderToken", PROVIDER_HOOK[6:], OWN, OWN_HOOK[6:], SECRET[6:], IDEMPOTENCY, QUERY)
"""In no row and no message at all. The API keys are added to these."""

BRIEF_ONLY = ("canaryprompt", "canarynegative", "canarysignature", "CANARYCREDENTIAL")
"""In the brief's row, and in no other."""

PRINTED = (*NOWHERE, *BRIEF_ONLY, "X-Amz-Signature=", "X-Amz-Credential=", "Bearer pk_")
"""In no line of output."""


@dataclass
class Watch:
    """What has been printed, logged and sent so far, and the API keys that may be nowhere."""

    capture: pytest.CaptureFixture[str]
    logs: pytest.LogCaptureFixture
    keys: list[str] = field(default_factory=list)
    sent: list[str] = field(default_factory=list)
    printed: str = ""

    @property
    def secrets(self) -> list[str]:
        """The random part of each key that was used."""
        return [key.rsplit("_", 1)[1][:32] for key in self.keys]

    def read(self) -> str:
        """All that was printed until now."""
        out, err = self.capture.readouterr()
        self.printed += out + err
        return self.printed

    def check(self, stack: World) -> None:
        """Nothing is where it does not belong. Asserts that there was something to look at."""
        printed = self.read() + self.logs.text
        assert '"message":"request"' in printed
        attempts = [text for _, row in _rows() for text in _webhook_tokens(row) if text]
        for canary in (*PRINTED, *self.secrets, *attempts):
            assert canary not in printed, canary
        outside = [*self.sent, json.dumps(stack.events), json.dumps(stack.pollers)]
        for canary in (*NOWHERE, *BRIEF_ONLY, *self.secrets, *attempts, "X-Amz-"):
            assert not [text for text in outside if canary in text], canary
        rows = _rows()
        assert rows
        for sk, row in rows:
            for canary in (*NOWHERE, *self.secrets):
                assert canary not in row, (sk, canary)
            for canary in BRIEF_ONLY:
                assert sk.startswith("brief#") or canary not in row, (sk, canary)


@pytest.fixture
def watch(
    stack: World,
    tenant: Tenant,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> Iterator[Watch]:
    """A world whose provider has a real secret, and whose queues are read along."""
    secrets.put("packshot/test/providers/replicate", {"token": TOKEN, "webhook_secret": PROVIDER_HOOK})
    caplog.set_level(logging.WARNING)  # what Lambda's own root handler would print of libraries' lines
    made = Watch(capsys, caplog, [tenant.key, tenant.test_key])
    send = queues.Sqs.send

    def heard(self: Any, body: Mapping[str, Any], *, group: str, delay: int = 0) -> None:
        made.sent.append(json.dumps([body, group]))
        send(self, body, group=group, delay=delay)

    monkeypatch.setattr(queues.Sqs, "send", heard)
    yield made
    made.check(stack)


def _rows() -> list[tuple[str, str]]:
    """(sort key, all of its text) of every image that any row ever had."""
    table = dynamodb_backends[ACCOUNT][REGION].tables["packshot"]
    found = []
    for item in table.stream_shard.items:
        record = item.to_json()["dynamodb"]
        image = record.get("NewImage", {})
        found.append((record["Keys"]["sk"]["S"], " ".join(_texts(image))))
    return found


def _texts(image: Any) -> Iterator[str]:
    if isinstance(image, dict):
        for name, value in image.items():
            yield name
            yield from _texts(value)
    elif isinstance(image, list):
        for value in image:
            yield from _texts(value)
    else:
        data = getattr(image, "value", image)
        raw = data if isinstance(data, bytes) else str(data).encode()
        yield raw.decode("latin-1")
        for form in (raw, _base64(raw)):
            try:
                yield zlib.decompress(form).decode()
            except (zlib.error, UnicodeDecodeError):
                continue


def _base64(raw: bytes) -> bytes:
    try:
        return base64.b64decode(raw, validate=True)
    except (binascii.Error, ValueError):
        return b""


def _webhook_tokens(row: str) -> list[str]:
    """The tokens of a job's attempts: they open the webhook of one attempt."""
    return [part.split('"', 1)[0] for part in row.split('"token":"')[1:]]


def wish(**more: Any) -> dict[str, Any]:
    return {**PROVIDER_JOB, "prompt": PROMPT, "aspect_ratio": "1:1", **more}


def tell(stack: World, net: Net, number: int = 0, secret: str = PROVIDER_HOOK) -> int:
    """The provider's webhook, signed with the operator's own secret."""
    path = net.creates[number]["webhook"].removeprefix("https://api.example.com")
    payload, at = net.prediction(f"pred{number}"), int(stack.clock.now)
    signed = {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(at),
        "webhook-signature": signing.sign([secret], "msg_1", at, payload),
    }
    return int(stack.api("POST", path, raw=payload, headers=signed).status)


def test_the_marks_would_be_found(stack: World, net: Net, tenant: Tenant, watch: Watch) -> None:
    """The net itself: long briefs are deflated, and still seen through."""
    answer = stack.api("POST", JOBS, wish(metadata={f"k{n}": "x" * 200 for n in range(10)}), key=tenant.key)
    assert answer.status == 202
    briefs = [row for sk, row in _rows() if sk.startswith("brief#")]
    assert briefs
    assert all("canaryprompt" in row for row in briefs)
    stack.run()
    assert net.creates[0]["input"]["prompt"].startswith("canaryprompt")
    assert [text for _, row in _rows() for text in _webhook_tokens(row) if text]


def test_a_studio_job_with_its_callback(stack: World, net: Net, tenant: Tenant, watch: Watch) -> None:
    net.pages[PICTURE] = photo()
    told = {"callback_url": f"https://shop.example/hooks?token={'c' * 12}", "preset": "amazon"}
    for image in (PICTURE, asset(stack, tenant)):
        body = {"images": [image], "width": 512, "height": 512, **told}
        taken = stack.api("POST", JOBS, body, key=tenant.key, headers={"idempotency-key": IDEMPOTENCY + image[:9]})
        assert taken.status == 202, taken.text
        stack.run()
        done = stack.api("GET", f"{JOBS}/{taken.json['id']}", key=tenant.key)
        assert done.json["state"] == "completed"
        assert "X-Amz-Signature=" in done.json["outputs"][0]["url"]
        signature = done.json["outputs"][0]["url"].split("X-Amz-Signature=")[1][:64]
        assert signature not in watch.read()
    assert len(net.posts) == 2
    for path in ("jobs", "assets", "account", f"jobs/{taken.json['id']}/deliveries", "callback-endpoints"):
        assert stack.api("GET", f"/packshot/v1/{path}", key=tenant.key).status == 200
    stack.api("GET", f"{JOBS}/{taken.json['id']}", key=tenant.key)


def test_a_providers_job_with_its_webhook(stack: World, net: Net, tenant: Tenant, watch: Watch) -> None:
    net.pages[PICTURE] = photo()
    assert stack.api("POST", JOBS, wish(images=[PICTURE]), key=tenant.key).status == 202
    stack.deaf.add("poller")
    stack.run()
    ready(net)
    assert tell(stack, net, secret=SECRET) == 401
    assert tell(stack, net) == 200
    stack.run()
    assert stack.events[-1][0] == "job.completed"


def test_a_providers_job_found_by_asking(stack: World, net: Net, tenant: Tenant, watch: Watch) -> None:
    net.after_create = lambda name: ready(net, name)
    assert stack.api("POST", JOBS, wish(), key=tenant.key).status == 202
    stack.run(seconds=120, sweeps=True)
    assert stack.events[-1][0] == "job.completed"


def test_a_failed_job(stack: World, net: Net, tenant: Tenant, watch: Watch) -> None:
    gone = {"images": [PICTURE], "width": 512, "height": 512}
    assert stack.api("POST", JOBS, gone, key=tenant.key).status == 202
    assert stack.api("POST", JOBS, wish(), key=tenant.key).status == 202
    stack.deaf.add("poller")
    stack.run()
    net.predictions["pred0"] = "failed"
    assert tell(stack, net) == 200
    stack.run()
    assert [name for name, _ in stack.events].count("job.failed") == 2


def test_a_callback_endpoint_and_its_secret(stack: World, net: Net, tenant: Tenant, watch: Watch) -> None:
    endpoint = {"url": "https://shop.example/all?canary=1", "events": ["job.completed"]}
    made = stack.api("POST", "/packshot/v1/callback-endpoints", endpoint, key=tenant.key)
    assert made.status == 201, made.text
    rotated = stack.api("POST", f"/packshot/v1/callback-endpoints/{made.json['id']}/rotate", {}, key=tenant.key)
    assert rotated.status == 200, rotated.text
    assert stack.api("POST", f"/packshot/v1/callback-endpoints/{made.json['id']}/test", key=tenant.key).status == 202
    net.status = 500
    stack.run(seconds=60, sweeps=True)
    printed = watch.read()
    for secret in (made.json["secret"], rotated.json["secret"]):
        assert secret.startswith("whsec_")
        assert secret[6:] not in printed
        assert not [sk for sk, row in _rows() if secret[6:] in row]
        assert not [text for text in watch.sent if secret[6:] in text]
    stack.api("GET", "/packshot/v1/callback-endpoints", key=tenant.key)


def put(stack: World, tenant: Tenant, fields: Any, provider: str = "replicate", **more: Any) -> Any:
    return stack.api("PUT", f"/packshot/v1/provider-keys/{provider}", {"fields": fields}, key=tenant.key, **more)


def test_an_accounts_own_provider_key(stack: World, net: Net, tenant: Tenant, watch: Watch) -> None:
    """Taken, used, refused, lost on the way, deleted: it goes to the provider and to nobody else."""
    good, seen, send = {"token": OWN, "webhook_secret": OWN_HOOK}, [], net.send

    def heard(request: Request, **more: Any) -> Response:
        seen.append(request.headers["authorization"])
        return send(request, **more)

    net.send = heard  # type: ignore[method-assign]
    for fields in ({OWN: OWN_HOOK}, {"token": OWN * 200}, {"webhook_secret": OWN_HOOK}, {"token": [OWN]}, OWN):
        assert OWN not in (answer := put(stack, tenant, fields)).text
        assert answer.status == 422
    assert put(stack, tenant, good, OWN).status == 404
    assert put(stack, make_tenant(stack, "acct_nosy", scopes=("account:read",)), good).status == 403
    assert put(stack, tenant, good).status == 204
    told = f'{{"detail": "bad token {OWN}", "error": "{OWN_HOOK}"}}'.encode()
    stack.deaf.add("poller")
    jobs_made = []
    for answer in (None, Response(422, {}, told), Response(500, {}, told), Response(401, {}, told)):
        net.answers = [answer] if answer else []
        taken = stack.api("POST", JOBS, wish(), key=tenant.key)
        assert taken.status == 202, taken.text
        jobs_made.append(taken.json["id"])
        stack.run()
    assert seen == [f"Bearer {OWN}"] * 4
    ready(net)
    assert tell(stack, net, secret=PROVIDER_HOOK) == 401
    assert tell(stack, net, secret=OWN_HOOK) == 200
    stack.run(seconds=700, sweeps=True)
    shown = [stack.api("GET", f"{JOBS}/{name}", key=tenant.key) for name in jobs_made]
    shown += [stack.api("GET", f"/packshot/v1/{path}", key=tenant.key) for path in ("jobs", "account")]
    assert [one.json["state"] for one in shown[:4]] == ["completed", "failed", "failed", "failed"]
    assert all(one.json["attempts"][0]["own_key"] for one in shown[:4])
    assert stack.api("DELETE", "/packshot/v1/provider-keys/replicate", key=tenant.key).status == 204
    assert len(net.posts) >= 4
    for text in (*(one.text for one in shown), *(f"{url}{headers}{body!r}" for url, headers, body in net.posts)):
        assert OWN not in text
        assert OWN_HOOK[6:] not in text


def test_an_own_key_that_cannot_be_kept(
    stack: World, net: Net, tenant: Tenant, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*given: Any) -> None:
        raise ValueError(f"cannot keep {given}")

    monkeypatch.setattr(secrets, "put", broken)
    answer = put(stack, tenant, {"token": OWN, "webhook_secret": OWN_HOOK})
    assert answer.status == 500
    assert OWN not in answer.text
    assert stack.api("GET", "/packshot/v1/account", key=tenant.key).json["provider_keys"] == []


def test_bad_requests_of_every_kind(stack: World, net: Net, tenant: Tenant, watch: Watch) -> None:
    poor = make_tenant(stack, "acct_poor", topup=0)
    nosy = make_tenant(stack, "acct_nosy", scopes=("account:read",))
    unknown = "pk_live_0000000000_" + "Z" * 32 + "000000"
    watch.keys += [poor.key, nosy.key, unknown]
    bad: list[Any] = [
        wish(prompt=[PROMPT]),
        wish(canaryfield=PROMPT),
        wish(count=99),
        wish(model="canaryprompt"),
        wish(preset="canaryprompt"),
        wish(images=["as_" + "0" * 26]),
        wish(images=["http://10.0.0.1/x?X-Amz-Signature=canarysignature"]),
        wish(images=["data:image/png;base64,Y2FuYXJ5"]),
        wish(aspect_ratio="canaryprompt"),
        wish(callback_url="https://user:canaryprompt@shop.example/"),
        wish(callback_url="http://127.0.0.1/canaryprompt"),
        wish(model="studio"),
        wish(width=600),
        wish(seed="canaryprompt"),
        [PROMPT],
    ]
    for body in bad:
        assert stack.api("POST", JOBS, body, key=tenant.key).status in (400, 403, 422), body
    for raw in (
        b'{"prompt": "' + PROMPT.encode(),
        b'{"prompt":"canaryprompt","prompt":"x"}',
        b"\xff" + PROMPT.encode(),
    ):
        assert stack.api("POST", JOBS, raw=raw, key=tenant.key).status == 400
    assert stack.api("POST", JOBS, raw=PROMPT.encode() * 200_000, key=tenant.key).status == 413
    odd = {"content-type": f"text/{PROMPT.split()[0]}"}
    assert stack.api("POST", JOBS, wish(), key=tenant.key, headers=odd).status == 415
    assert stack.api("POST", JOBS, wish(), key=tenant.key, headers={"idempotency-key": IDEMPOTENCY * 40}).status == 422
    assert stack.api("POST", JOBS, wish(), key=poor.key).status == 402
    assert stack.api("POST", JOBS, wish(), key=nosy.key).status == 403
    for key in (
        "",
        unknown,
        tenant.key[:-1],
        tenant.key + "x",
        SECRET,
        "canaryquery",
        tenant.key.replace("live", "test"),
    ):
        assert stack.api("POST", JOBS, wish(), key=key).status == 401
    for method, path, status in (
        ("PUT", f"/packshot/v1/jobs/{QUERY}", 405),
        ("DELETE", f"/packshot/v1/{QUERY}", 404),
        ("GET", f"/packshot/v1/jobs/{QUERY}", 404),
        ("GET", f"/{QUERY}", 404),
    ):
        assert stack.api(method, path, key=tenant.key).status == status, path
    for query in (f"cursor={QUERY}", f"key={tenant.key}&{QUERY}=1", f"state={QUERY}", f"created_after={QUERY}"):
        assert stack.api("GET", JOBS, key=tenant.key, query=query).status in (400, 422), query
    assert stack.api("POST", f"/hooks/replicate/acct_one/job_x/0/1/{QUERY}", raw=PROMPT.encode()).status == 401
    for key in (f"inbox/acct_one/{PROMPT}/a.jpg", f"inbox/acct_one/{PROMPT}"):
        stack.waiting.append(Message("uploads", {"detail": {"object": {"key": key, "version-id": "v1"}}}, 0))
    stack.run()
    rejected = [event for name, event in stack.events if name == "upload.rejected"]
    assert len(rejected) == 2
    stack.events.clear()  # an upload's own path is what these events are about
    assert not net.creates


def test_our_own_faults(stack: World, net: Net, tenant: Tenant, watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exceptions carry whatever they carry; what is printed of them is where they were raised and their name."""
    net.create_error = RuntimeError(f"POST https://api.replicate.com Bearer {TOKEN} {PROMPT} {PICTURE}")
    assert stack.api("POST", JOBS, wish(), key=tenant.key).status == 202
    stack.run(seconds=400, sweeps=True)
    assert '"message goes back"' in watch.read()

    def broken(*_: Any, **__: Any) -> None:
        raise ValueError(f"{PROMPT} {tenant.key} {PICTURE}")

    monkeypatch.setattr(jobs.JobTable, "reserve", broken)
    answer = stack.api("POST", JOBS, wish(), key=tenant.key)
    assert answer.status == 500
    assert "canary" not in answer.text
