"""Standard Webhooks: the published vector, all that must be refused, and agreement with the reference package."""

import base64
from datetime import UTC, datetime
from unittest import mock

import pytest
import standardwebhooks.webhooks as reference
from hypothesis import given
from hypothesis import strategies as st

from packshot import signing
from packshot.errors import Forged

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER = signing.new_secret(b"o" * 32)
ID = "msg_p5jXN8AQM9LWM0D4loKWxJek"
AT = 1614265330
BODY = b'{"test": 2432232314}'
SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def headers(**changed: str) -> dict[str, str]:
    named = {name.replace("_", "-"): value for name, value in changed.items()}
    return {"webhook-id": ID, "webhook-timestamp": str(AT), "webhook-signature": SIGNATURE} | named


def test_the_published_vector() -> None:
    assert signing.sign([SECRET], ID, AT, BODY) == SIGNATURE
    signing.verify(SECRET, headers(), BODY, AT)


def test_header_names_may_come_in_any_case() -> None:
    signing.verify(SECRET, {name.title(): value for name, value in headers().items()}, BODY, AT)


@pytest.mark.parametrize("now", [AT - 300, AT, AT + 300])
def test_five_minutes_are_tolerated(now: int) -> None:
    signing.verify(SECRET, headers(), BODY, now)


@pytest.mark.parametrize("now", [AT - 301, AT + 301, 0])
def test_more_than_five_minutes_are_not(now: int) -> None:
    with pytest.raises(Forged):
        signing.verify(SECRET, headers(), BODY, now)


@pytest.mark.parametrize(
    "signature",
    [
        "v2,AAAA " + SIGNATURE,
        "v1a,AAAA " + SIGNATURE,
        "v1 " + SIGNATURE,
        "v1,not*base64 " + SIGNATURE,
        signing.sign([OTHER, SECRET], ID, AT, BODY),
        signing.sign([SECRET, OTHER], ID, AT, BODY),
        " " + SIGNATURE + " ",
    ],
)
def test_one_good_signature_among_others_is_enough(signature: str) -> None:
    signing.verify(SECRET, headers(webhook_signature=signature), BODY, AT)


def test_any_of_our_secrets_may_have_signed() -> None:
    signing.verify([OTHER, SECRET], headers(), BODY, AT)
    signing.verify((SECRET, OTHER), headers(), BODY, AT)


@pytest.mark.parametrize(
    "signature",
    [
        "",
        "v1",
        "v1,",
        ",",
        ",,",
        " ",
        SIGNATURE.replace(",", ""),
        SIGNATURE.replace("v1,", "v1,,"),
        SIGNATURE + ",",
        SIGNATURE + "," + SIGNATURE,  # two headers, joined on the way
        SIGNATURE.replace("v1,", "v2,"),
        SIGNATURE.replace("v1,", "V1,"),
        SIGNATURE[:-1] + "*",
        SIGNATURE[:-4],
        "v1,not base64",
        "v1,ﬀ\udcff",
        "v1," + base64.b64encode(b"\0" * 32).decode(),
        " ".join(["v1,AAAA"] * 5000),
        signing.sign([OTHER], ID, AT, BODY),
    ],
)
def test_a_bad_signature_is_forged_and_nothing_worse(signature: str) -> None:
    with pytest.raises(Forged):
        signing.verify(SECRET, headers(webhook_signature=signature), BODY, AT)


@pytest.mark.parametrize(
    "timestamp",
    ["", "nan", "inf", "1614265330.0", "1.6e9", "-1614265330", "+1614265330", " 1614265330", "01614265330",
     "1_614_265_330", "١٦١٤٢٦٥٣٣٠", "9" * 5000, "0x60381", "\udcff"],
)  # fmt: skip
def test_a_timestamp_is_a_whole_number_or_forged(timestamp: str) -> None:
    signed = headers(webhook_timestamp=timestamp)
    mac = signing._mac(signing._key(SECRET), f"{ID}.{timestamp}.".encode(errors="replace") + BODY)
    signed["webhook-signature"] = "v1," + base64.b64encode(mac).decode()
    with pytest.raises(Forged):
        signing.verify(SECRET, signed, BODY, AT)


@pytest.mark.parametrize("message_id", ["", "with.dot", "with space", "é", "\udcff", "x" * 257, "a\nb"])
def test_an_id_is_plain_or_forged(message_id: str) -> None:
    with pytest.raises(Forged):
        signing.verify(SECRET, headers(webhook_id=message_id), BODY, AT)
    with pytest.raises(ValueError, match="message id"):
        signing.sign([SECRET], message_id, AT, BODY)


@pytest.mark.parametrize("missing", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_a_missing_or_doubled_header_is_forged(missing: str) -> None:
    less = {name: value for name, value in headers().items() if name != missing}
    for bad in (less, headers() | {missing.upper(): headers()[missing]}, headers() | {missing: ""}, {}):
        with pytest.raises(Forged):
            signing.verify(SECRET, bad, BODY, AT)


@pytest.mark.parametrize(
    "body",
    [b"", b'{"test":2432232314}', BODY + b"\n", b'{"test": 2432232315}', b"\xff\xfe\x00", base64.b64encode(BODY)],
)
def test_another_body_is_forged(body: bytes) -> None:
    with pytest.raises(Forged):
        signing.verify(SECRET, headers(), body, AT)


def test_a_body_that_is_no_text_can_be_signed() -> None:
    body = b"\xff\xfe\x00"
    signing.verify(SECRET, headers(webhook_signature=signing.sign([SECRET], ID, AT, body)), body, AT)


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_c2hvcnQ=", "whsec_***", "é" * 40, "whsec_" + "A" * 200])
def test_a_secret_of_ours_that_is_none_verifies_nothing(secret: str) -> None:
    with pytest.raises(Forged):
        signing.verify(secret, headers(), BODY, AT)
    with pytest.raises(ValueError, match="secret"):
        signing.sign([secret], ID, AT, BODY)


def test_without_secrets_nothing_is_genuine_and_nothing_is_signed() -> None:
    with pytest.raises(Forged):
        signing.verify([], headers(), BODY, AT)
    with pytest.raises(ValueError, match="list"):
        signing.sign([], ID, AT, BODY)
    with pytest.raises(ValueError, match="list"):
        signing.sign(SECRET, ID, AT, BODY)


@pytest.mark.parametrize("length", [0, 23, 65])
def test_a_new_secret_takes_24_to_64_bytes(length: int) -> None:
    with pytest.raises(ValueError, match="24 to 64"):
        signing.new_secret(bytes(length))


@given(key=st.binary(min_size=24, max_size=64), body=st.text(max_size=200), at=st.integers(1, 4_000_000_000))
def test_we_and_the_reference_package_sign_and_verify_the_same(key: bytes, body: str, at: int) -> None:
    secret, raw = signing.new_secret(key), body.encode()
    ours = signing.sign([OTHER, secret], ID, at, raw)
    theirs = reference.Webhook(secret)
    when = datetime.fromtimestamp(at, UTC)
    assert theirs.sign(ID, when, body) == ours.split(" ")[1]
    with mock.patch.object(reference, "datetime", wraps=datetime) as clock:
        clock.now.return_value = when
        theirs.verify(raw, headers(webhook_timestamp=str(at), webhook_signature=ours), json_parse=False)
    signed = headers(webhook_timestamp=str(at), webhook_signature=theirs.sign(ID, when, body))
    signing.verify(secret, signed, raw, at)


@given(
    signature=st.text(max_size=80), timestamp=st.text(max_size=20), message_id=st.text(max_size=20),
    body=st.binary(max_size=40), secret=st.text(max_size=60),
)  # fmt: skip
def test_nothing_but_forged_ever_comes_out(
    signature: str, timestamp: str, message_id: str, body: bytes, secret: str
) -> None:
    sent = headers(webhook_signature=signature, webhook_timestamp=timestamp, webhook_id=message_id)
    with pytest.raises(Forged):
        signing.verify([secret, SECRET], sent, body, AT)
