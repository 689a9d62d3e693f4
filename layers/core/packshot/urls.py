"""Addresses a stranger may name, judged by their text alone: no lookup, standard library only.

A name that passes may still point inward; `egress` judges every address a name resolves to, and dials what it judged.
The table is spelled out because `ipaddress.is_global` changes its mind between patch releases of Python.
"""

import ipaddress
import re
import unicodedata
from collections.abc import Collection
from urllib.parse import urlsplit

MAX_LENGTH = 2048
LOCAL_PORTS = range(8600, 8700)
"""The ports of this machine that local mode opens: simulators, receivers, a user's own test pictures."""

LOCAL_HOSTS = frozenset({"127.0.0.1", "localhost"})
_DEFAULT_PORT = {"http": 80, "https": 443}
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_QUAD = re.compile(r"(0|[1-9][0-9]{0,2})(\.(0|[1-9][0-9]{0,2})){3}")
_INNER_NAMES = ("localhost", "localdomain", "local", "internal", "intranet", "lan", "arpa")

_CLOSED_V4 = tuple(
    ipaddress.IPv4Network(block)
    for block in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # carrier-grade NAT; also metadata of some clouds
        "127.0.0.0/8",  # loopback
        "168.63.129.16/32",  # Azure's platform address
        "169.254.0.0/16",  # link-local: metadata and Lambda's runtime
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments; also metadata
        "192.0.2.0/24",  # documentation
        "192.31.196.0/24",  # AS112
        "192.52.193.0/24",  # AMT
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",  # private
        "192.175.48.0/24",  # AS112
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, broadcast
    )
)
_OPEN_V6 = ipaddress.IPv6Network("2000::/3")
"""Global unicast. All else is refused: loopback, unique local, link-local, multicast, IPv4 mapped, translated, SIIT."""

_CLOSED_V6 = tuple(
    ipaddress.IPv6Network(block)
    for block in (
        "2001::/23",  # protocol assignments, Teredo among them
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4: an IPv4 address in disguise
        "2620:4f:8000::/48",  # AS112
        "3fff::/20",  # documentation
    )
)


def check(url: str, *, schemes: Collection[str], ports: Collection[int], local: bool) -> str | None:
    """None when `url` may be tried, else a short reason that can be shown to whoever named it.

    `local` adds http and https to this machine's own 127.0.0.1 on `LOCAL_PORTS`, and nothing else.
    """
    if len(url) > MAX_LENGTH:
        return f"it is longer than {MAX_LENGTH} characters"
    if " " in url or "\\" in url or not url.isprintable():
        return "it holds a space, a backslash or a control character"
    try:
        parts = urlsplit(url)
        scheme, host, port = parts.scheme, parts.hostname or "", parts.port
    except ValueError:
        return "it is not a valid address"
    if "@" in parts.netloc:
        return "it holds a user name or a password"
    if "%" in parts.netloc or parts.netloc.endswith(":"):
        return "its host is not valid"
    if port is None:
        port = _DEFAULT_PORT.get(scheme)
    if local and scheme in _DEFAULT_PORT and host in LOCAL_HOSTS and port in LOCAL_PORTS:
        return None
    if scheme not in schemes:
        return "it must begin with " + " or ".join(f"{one}://" for one in sorted(schemes, reverse=True))
    reason = _host(host, bracketed="[" in parts.netloc)
    if reason is None and port not in ports:
        return "its port is not allowed"
    return reason


def is_local(url: str) -> bool:
    """Whether an address that passed `check(..., local=True)` is one of this machine's own."""
    parts = urlsplit(url)
    return parts.hostname in LOCAL_HOSTS and parts.port in LOCAL_PORTS


def host_of(url: str) -> str:
    """The host of an address that passed `check`: lower case, ASCII, without a trailing dot."""
    return _ascii(urlsplit(url).hostname or "") or ""


def _host(host: str, *, bracketed: bool) -> str | None:
    if bracketed:
        return _literal(host)
    name = _ascii(host)
    if name is None:
        return "its host is not a valid name"
    labels = name.split(".")
    if _NUMBER.fullmatch(labels[-1]):  # whatever ends in a number is an address, in one notation or another
        if not _QUAD.fullmatch(host):
            return "its host is a number, not a name"
        return _literal(host)
    if len(name) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        return "its host is not a valid name"
    if len(labels) < 2 or any(name == inner or name.endswith(f".{inner}") for inner in _INNER_NAMES):
        return "its host is not a public name"
    return None


def _ascii(host: str) -> str | None:
    """The name as a resolver sees it; None when look and meaning differ (full-width digits, circled letters)."""
    name = host.removesuffix(".")
    if name.isascii():
        return name
    if unicodedata.normalize("NFKC", name).casefold() != name:
        return None
    try:
        return name.encode("idna").decode("ascii").lower()
    except UnicodeError:
        return None


def _literal(text: str) -> str | None:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return "its host is not a valid address"
    if isinstance(address, ipaddress.IPv4Address):
        closed = any(address in block for block in _CLOSED_V4)
    else:
        closed = address not in _OPEN_V6 or any(address in block for block in _CLOSED_V6)
    return "its host is not a public address" if closed else None
