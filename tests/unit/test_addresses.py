"""Lasting addresses: what we hand out we know again, for its owner alone; every other address is a stranger's."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from packshot import addresses, ids
from packshot.brief import Image
from packshot.job import Output

API, ACME = "https://api.example.com", "acct_one"
HOME = f"{API}/packshot/v1/pictures/"
ASSET = ids.make("as", 1_770_000_000_000, b"0123456789")
JOB = ids.make("job", 1_770_000_000_000, b"abcdefghij")
NAME = f"00-{'a' * 32}.jpg"


def output(folder: str = "out", name: str = NAME) -> Output:
    return Output(f"{folder}/{ACME}/{JOB}/{name}", 1024, 1024, 5, "a" * 64, "image/jpeg")


def test_addresses_are_what_they_have_always_been() -> None:
    assert addresses.asset(API, ACME, ASSET) == f"{HOME}assets/{ACME}/{ASSET}"
    assert addresses.asset(API, ACME, ASSET, thumbnail=True) == f"{HOME}assets/{ACME}/{ASSET}/thumbnail"
    assert addresses.output(API, output()) == f"{HOME}outputs/{ACME}/{JOB}/{NAME}"


@pytest.mark.parametrize("folder", ["out", "keep"])
@pytest.mark.parametrize("ending", ["png", "jpg", "webp"])
def test_an_outputs_address_is_the_same_however_long_it_is_kept(folder: str, ending: str) -> None:
    name = f"09-{'0123456789abcdef' * 2}.{ending}"
    address = addresses.output(API, output(folder, name))
    assert addresses.image_of(address, API, ACME) == Image("output", f"{JOB}/{name}")


@given(st.integers(0, 2**48 - 1), st.binary(min_size=10, max_size=10))
def test_an_assets_address_is_known_again(at: int, randomness: bytes) -> None:
    made = ids.make("as", at, randomness)
    assert addresses.image_of(addresses.asset(API, ACME, made), API, ACME) == Image("asset", made)


def test_another_accounts_address_is_a_strangers() -> None:
    for address in (addresses.asset(API, ACME, ASSET), addresses.output(API, output())):
        assert addresses.image_of(address, API, ACME) is not None
        for other in ("acct_two", "acct_on", "acct_one2", "", "ACCT_ONE"):
            assert addresses.image_of(address, API, other) is None


@pytest.mark.parametrize(
    "address",
    [
        "",
        HOME,
        f"{HOME}assets",
        f"{HOME}assets/{ACME}",
        f"{HOME}assets/{ACME}/",
        f"{HOME}assets/{ACME}/{JOB}",
        f"{HOME}assets/{ACME}/{ASSET}/",
        f"{HOME}assets/{ACME}/{ASSET}/thumbnail",
        f"{HOME}assets/{ACME}/{ASSET}?x=1",
        f"{HOME}assets/{ACME}/{ASSET}#x",
        f"{HOME}assets//{ACME}/{ASSET}",
        f"{HOME}assets/{ACME}/../{ACME}/{ASSET}",
        f"{HOME}assets/{ACME}/{ASSET.upper()}",
        f"{HOME}profiles/{ACME}/{ASSET}",
        f"{HOME}outputs/{ACME}/{ASSET}/{NAME}",
        f"{HOME}outputs/{ACME}/{JOB}",
        f"{HOME}outputs/{ACME}/{JOB}/{NAME}/x",
        f"{HOME}outputs/{ACME}/{JOB}/{NAME}?x",
        f"{HOME}outputs/{ACME}/{JOB}/..",
        f"{HOME}outputs/{ACME}/{JOB}/0{NAME}",
        f"{HOME}outputs/{ACME}/{JOB}/00-{'A' * 32}.jpg",
        f"{HOME}outputs/{ACME}/{JOB}/00-{'a' * 31}.jpg",
        f"{HOME}outputs/{ACME}/{JOB}/00-{'a' * 32}.gif",
        f"{HOME}outputs/{ACME}/{JOB}/00-{'a' * 32}.jpg\n",
        f"{HOME}outputs/{ACME}/{JOB}/٠٠-{'a' * 32}.jpg",
        f"http://api.example.com/packshot/v1/pictures/assets/{ACME}/{ASSET}",
        f"https://api.example.com.evil.example/packshot/v1/pictures/assets/{ACME}/{ASSET}",
        f"https://evil.example/{API}/packshot/v1/pictures/assets/{ACME}/{ASSET}",
        f"{API}/packshot/v2/pictures/assets/{ACME}/{ASSET}",
    ],
)
def test_what_only_looks_like_ours_is_not(address: str) -> None:
    assert addresses.image_of(address, API, ACME) is None


def test_who_does_not_know_where_we_are_knows_no_address_of_ours() -> None:
    path = f"/packshot/v1/pictures/assets/{ACME}/{ASSET}"
    assert addresses.image_of(path, "", ACME) is None
    assert addresses.image_of(API + path, "", ACME) is None


@given(st.text())
def test_no_text_does_harm(text: str) -> None:
    assert addresses.image_of(text, API, ACME) is None
    assert addresses.image_of(HOME + text, API, ACME) is None
    assert addresses.image_of(f"{HOME}outputs/{ACME}/{JOB}/{text}", API, ACME) is None
