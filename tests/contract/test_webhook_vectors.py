"""Webhooks in: for every signed scheme a vector made by somebody else's tool, and all that must be refused.

The vectors come from the Standard Webhooks specification, RFC 8032 (key 1) and `openssl dgst`; the signers below are
this file's own, so that ours is never its own witness. Everything bad is Forged: any other error would be a 5xx.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from packshot import providers
from packshot.errors import Forged
from packshot.providers import bfl


@dataclass(frozen=True)
class Scheme:
    """One way to sign. `timed` names the header that says when; `mark` is the one that proves; `sign` makes all of the
    headers for a body and a time."""

    provider: str
    credentials: Mapping[str, str]
    wrong: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    now: int
    mark: str
    sign: Callable[[bytes, str], dict[str, str]]
    timed: bool

    def take(self, headers: Mapping[str, str], body: bytes, now: int | None = None) -> None:
        """As the door does it."""
        verify = providers.load(self.provider).verify
        assert verify is not None
        verify(self.credentials, headers, body, self.now if now is None else now)

    def refuses(self, headers: Mapping[str, str], body: bytes, now: int | None = None) -> None:
        """Forged, and nothing else."""
        with pytest.raises(Forged):
            self.take(headers, body, now)


SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
ED25519 = Ed25519PrivateKey.from_private_bytes(
    bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
)
JWKS = json.dumps({"keys": [{"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]})
OTHER_JWKS = json.dumps(
    {"keys": [{"kty": "OKP", "crv": "Ed25519", "x": "PUAXw-hDiVqStwqnTRt-vJyYLM8uxJaMwM1V8Sr0Zgw"}]}
)
TOLD = "f1b13ab9d64e63548c9633e85b2fbc98e4d28ab858dfbb7862e31309e670bb54"
"""What BFL is given for the operator's secret `bfl-secret`."""


def _sha256(key: bytes, text: bytes) -> bytes:
    return hmac.new(key, text, hashlib.sha256).digest()


def _standard(body: bytes, stamp: str) -> dict[str, str]:
    signed = b".".join((b"msg_p5jXN8AQM9LWM0D4loKWxJek", stamp.encode(), body))
    mark = base64.b64encode(_sha256(base64.b64decode(SECRET[6:]), signed)).decode()
    named = {"webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek", "webhook-timestamp": stamp}
    return {**named, "webhook-signature": f"v1,{mark}"}


def _fal(body: bytes, stamp: str) -> dict[str, str]:
    lines = "\n".join(("req_1", "user_1", stamp, hashlib.sha256(body).hexdigest()))
    given = {"request-id": "req_1", "user-id": "user_1", "timestamp": stamp}
    given["signature"] = ED25519.sign(lines.encode()).hex()
    return {f"x-fal-webhook-{name}": value for name, value in given.items()}


def _bfl(body: bytes, _: str) -> dict[str, str]:
    return {"x-bfl-signature": f"sha256={_sha256(TOLD.encode(), body).hex()}"}


def _claid(body: bytes, _: str) -> dict[str, str]:
    return {"x-claid-hmac-sha256": base64.b64encode(_sha256(b"woo-secret", body)).decode()}


def _claid_hex(body: bytes, _: str) -> dict[str, str]:
    return {"x-claid-hmac-sha256": _sha256(b"woo-secret", body).hex()}


def _phota(body: bytes, stamp: str) -> dict[str, str]:
    return {"x-phota-signature": f"t={stamp},v1={_sha256(b'phota-secret', stamp.encode() + b'.' + body).hex()}"}


SCHEMES = {
    "standard": Scheme(
        "replicate",
        {"webhook_secret": SECRET},
        {"webhook_secret": "whsec_" + base64.b64encode(b"another secret of 32 bytes......").decode()},
        {
            "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
            "webhook-timestamp": "1614265330",
            "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        },
        b'{"test": 2432232314}',
        1614265330,
        "webhook-signature",
        _standard,
        timed=True,
    ),
    "fal": Scheme(
        "fal",
        {"keys": JWKS},
        {"keys": OTHER_JWKS},
        {
            "x-fal-webhook-request-id": "req_1",
            "x-fal-webhook-user-id": "user_1",
            "x-fal-webhook-timestamp": "1700000000",
            "x-fal-webhook-signature": "0cb9a2efc87a86bb15ce52b58e94a676d8233427deb06fe2ee861f528bc0e722"
            "34af997c4c54d1e94385f894b700e7e77063f0117a972e57a064d0be814a7a01",
        },
        b'{"request_id":"req_1","status":"OK","payload":{"images":[]}}',
        1700000000,
        "x-fal-webhook-signature",
        _fal,
        timed=True,
    ),
    "bfl": Scheme(
        "bfl",
        {"webhook_secret": "bfl-secret"},
        {"webhook_secret": "another"},
        {"x-bfl-signature": "sha256=3e54ea368b1f50f474bec88c34959eceb258d4255e3dfcea1e51f89e1e95e6f4"},
        b'{"id":"t1","status":"Ready"}',
        1700000000,
        "x-bfl-signature",
        _bfl,
        timed=False,
    ),
    "claid": Scheme(
        "claid",
        {"webhook_secret": "woo-secret"},
        {"webhook_secret": "another"},
        {"x-claid-hmac-sha256": "F/QSurTvVrj1P3+ZJaCR7YUu2OSpCAno6Sv31sjunYs="},
        b'{"id":794,"name":"Premium Quality"}',
        1700000000,
        "x-claid-hmac-sha256",
        _claid,
        timed=False,
    ),
    "claid in hex": Scheme(
        "claid",
        {"webhook_secret": "woo-secret"},
        {"webhook_secret": "another"},
        {"x-claid-hmac-sha256": "17f412bab4ef56b8f53f7f9925a091ed852ed8e4a90809e8e92bf7d6c8ee9d8b"},
        b'{"id":794,"name":"Premium Quality"}',
        1700000000,
        "x-claid-hmac-sha256",
        _claid_hex,
        timed=False,
    ),
    "phota": Scheme(
        "phota",
        {"webhook_secret": "phota-secret"},
        {"webhook_secret": "another"},
        {"x-phota-signature": "t=1700000000,v1=380d8dc0d6befa7d38e3ddeab1dcd3c5db65c7c3cda70fceeb4496b72538c0b1"},
        b'{"job_id":"j1","status":"succeeded"}',
        1700000000,
        "x-phota-signature",
        _phota,
        timed=True,
    ),
}
every = pytest.mark.parametrize("scheme", SCHEMES.values(), ids=SCHEMES)
timed = pytest.mark.parametrize("scheme", [one for one in SCHEMES.values() if one.timed], ids=lambda one: one.provider)


def test_every_provider_that_signs_has_a_vector() -> None:
    signing = {name for name in providers.NAMES if providers.load(name).verify and providers.load(name).signs}
    assert signing | {"bfl"} == {scheme.provider for scheme in SCHEMES.values()}


@every
def test_the_vector_is_genuine_and_the_tests_own_signer_agrees(scheme: Scheme) -> None:
    scheme.take(scheme.headers, scheme.body)
    assert scheme.sign(scheme.body, str(scheme.now)) == scheme.headers


def test_bfls_documented_form() -> None:
    mark = "sha256=d9813563a698495a5a8dd585bac86eba341c1cf4eaf7430daeac04aea2e274c1"
    assert bfl.proves("bfl-secret", b'{"id":"t1","status":"Ready"}', mark)
    assert not bfl.proves("", b'{"id":"t1","status":"Ready"}', mark)


@every
def test_every_single_flipped_bit_of_the_body_is_noticed(scheme: Scheme) -> None:
    for place in range(len(scheme.body)):
        for bit in (1, 32, 128):
            changed = bytearray(scheme.body)
            changed[place] ^= bit
            scheme.refuses(scheme.headers, bytes(changed))


@every
def test_another_body_is_not_this_one(scheme: Scheme) -> None:
    loose = json.dumps(json.loads(scheme.body), separators=(" ,", " : ")).encode()
    for body in (loose, scheme.body + b"\n", b"", scheme.body * 2, base64.b64encode(scheme.body), b"\xff\xfe\x00"):
        assert body != scheme.body
        scheme.refuses(scheme.headers, body)


@every
def test_another_secret_proves_nothing(scheme: Scheme) -> None:
    verify = providers.load(scheme.provider).verify
    assert verify is not None
    for credentials in (
        scheme.wrong,
        {},
        dict.fromkeys(scheme.credentials, ""),
        dict.fromkeys(scheme.credentials, "é"),
    ):
        with pytest.raises(Forged):
            verify(credentials, scheme.headers, scheme.body, scheme.now)


def test_who_has_no_secret_believes_nobody_not_even_one_who_has_none_either() -> None:
    """HMAC takes an empty key, and anybody can sign with that."""
    body, stamp = b'{"id":1}', "1700000000"
    plain, dated = _sha256(b"", body), _sha256(b"", stamp.encode() + b"." + body).hex()
    for name, headers in (
        ("claid", {"x-claid-hmac-sha256": base64.b64encode(plain).decode()}),
        ("claid", {"x-claid-hmac-sha256": plain.hex()}),
        ("bfl", {"x-bfl-signature": f"sha256={plain.hex()}"}),
        ("phota", {"x-phota-signature": f"t={stamp},v1={dated}"}),
    ):
        verify = providers.load(name).verify
        assert verify is not None
        for credentials in ({}, {"webhook_secret": ""}):
            with pytest.raises(Forged):
                verify(credentials, headers, body, int(stamp))


@every
def test_a_header_that_is_missing_or_empty_proves_nothing(scheme: Scheme) -> None:
    for name in scheme.headers:
        scheme.refuses({**scheme.headers, name: ""}, scheme.body)
        less = {key: value for key, value in scheme.headers.items() if key != name}
        if scheme.provider != "bfl":  # it promises none: the address's token stands alone, and we ask BFL itself
            scheme.refuses(less, scheme.body)


def _spoilt(mark: str) -> list[str]:
    """What may become of a signature on its way, or be sent in its place."""
    half = len(mark) // 2
    return [
        f"{mark},{mark}",  # two headers, joined on the way
        f"{mark}, {mark}",
        f",{mark}",
        f"{mark},",
        f"{mark},,",
        mark.replace(",", ""),
        mark.replace("=", ""),
        mark[:half],
        mark[half:],
        mark[:-1],
        mark + "A",
        mark + "=",
        mark.swapcase(),
        mark[:half] + "*" + mark[half + 1 :],
        mark[:half] + "é" + mark[half + 1 :],
        mark[:half] + "\udcff" + mark[half + 1 :],
        mark[:half] + "\0" + mark[half:],
        f"{mark}\n",
        f"'{mark}'",
        "null",
        "0" * len(mark),
        "v1,",
        "v2," + mark.removeprefix("v1,"),
        "sha256=",
        "t=,v1=",
        "A" * 100_000,
    ]


@every
def test_a_signature_in_any_other_form_proves_nothing(scheme: Scheme) -> None:
    mark = scheme.headers[scheme.mark]
    for spoilt in _spoilt(mark):
        if spoilt == mark or _means_the_same(scheme, mark, spoilt):
            continue
        scheme.refuses({**scheme.headers, scheme.mark: spoilt}, scheme.body)


def _means_the_same(scheme: Scheme, mark: str, spoilt: str) -> bool:
    """Hex may be in capitals, and one good signature is enough in the standard's list, which spaces divide."""
    hexadecimal = scheme.provider == "fal" or len(mark) == 64
    return (hexadecimal and spoilt.lower() == mark.lower()) or (scheme.provider == "replicate" and f" {mark}" in spoilt)


@timed
@pytest.mark.parametrize("skew", [-300, -299, 0, 299, 300])
def test_five_minutes_either_way_are_on_time(scheme: Scheme, skew: int) -> None:
    scheme.take(scheme.headers, scheme.body, scheme.now + skew)


@timed
@pytest.mark.parametrize("skew", [-301, 301, -86_400, 86_400])
def test_a_second_more_is_too_early_or_too_late(scheme: Scheme, skew: int) -> None:
    scheme.refuses(scheme.headers, scheme.body, scheme.now + skew)


@timed
@pytest.mark.parametrize("form", ["nan", "inf", "{}.0", "{}.5", "+{}", "-{}", " {}", "{} ", "1.7e9", "", "{}\n", "0x1"])
def test_a_time_is_a_whole_number_even_when_it_is_signed(scheme: Scheme, form: str) -> None:
    scheme.refuses(scheme.sign(scheme.body, form.format(scheme.now)), scheme.body)


@timed
def test_the_time_is_signed_too(scheme: Scheme) -> None:
    for other in (scheme.now + 10, scheme.now - 10):
        moved = {name: value.replace(str(scheme.now), str(other)) for name, value in scheme.headers.items()}
        assert moved != scheme.headers
        scheme.refuses(moved, scheme.body)


@pytest.mark.parametrize("name", ["standard", "phota"])
def test_while_a_secret_is_rotated_either_is_good_and_the_old_one_alone_is_not(name: str) -> None:
    scheme = SCHEMES[name]
    verify = providers.load(scheme.provider).verify
    assert verify is not None
    ours, old = scheme.credentials["webhook_secret"], scheme.wrong["webhook_secret"]
    for pair in (f"{ours} {old}", f"{old} {ours}"):
        verify({"webhook_secret": pair}, scheme.headers, scheme.body, scheme.now)
    with pytest.raises(Forged):
        verify({"webhook_secret": old}, scheme.headers, scheme.body, scheme.now)


def test_unknown_versions_before_a_good_signature_are_passed_over() -> None:
    standard, phota = SCHEMES["standard"], SCHEMES["phota"]
    mark, zeros = standard.headers["webhook-signature"], "0" * 64
    for marks in (f"v2,AAAA {mark}", f"v1,AAAA {mark}", f"{mark} v1a,AAAA", f"v1 {mark}"):
        standard.take({**standard.headers, "webhook-signature": marks}, standard.body)
    stamp, good = phota.headers["x-phota-signature"].split(",")
    phota.take({"x-phota-signature": f"{stamp},v1={zeros},{good}"}, phota.body)


@every
def test_a_signed_body_that_is_no_text_raises_nothing_else(scheme: Scheme) -> None:
    """The signature is genuine: what the body means is for the reader to say."""
    body = b'{"request_id":"req_1","x":"\xff\xfe"}'
    try:
        scheme.take(scheme.sign(body, str(scheme.now)), body)
    except Forged:
        assert scheme.provider == "fal"  # whose body must name the request
