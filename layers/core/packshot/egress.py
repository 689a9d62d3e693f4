"""The only outbound HTTP: whom we may talk to, for how long, and how much of an answer we take.

Every request passes the same four gates: the address's text (`urls`), the host list where there is one, every resolved
address (`ssrfguard`, which dials what it judged), and one wall-clock deadline with a byte count for the whole exchange.
A transport is used and no client: no cookies, no proxy from the environment, no redirects, no decoding of its own.
Nothing here repeats a request, and no error's text holds an address or anything that an upstream said.
"""

import asyncio
import functools
import os
import socket
import ssl
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from ipaddress import ip_network
from typing import Any, NamedTuple, TypeVar
from urllib.parse import urlencode, urljoin, urlsplit

import certifi
import httpx
from ssrfguard import DEFAULT_DENIED, AddressTable, Block, Policy, Reach, SSRFGuardError
from ssrfguard.httpx import AsyncSafeTransport

from packshot import reach, urls
from packshot.errors import ProviderError
from packshot.sniff import sniff
from packshot.wire import Request, Response

CONNECT_SECONDS = 3.0
MAX_REDIRECTS, MAX_PICTURE = 3, 20 * 1024 * 1024
_DISCARDED, _GOODBYE_SECONDS = 1024, 0.5
_PASSING = frozenset({408, 425, 429})  # too slow, too early, too often: not for ever
_OUR_HEADERS = {"accept-encoding": "identity", "connection": "close", "user-agent": "packshot/1"}

_DENIED = AddressTable(
    (
        *DEFAULT_DENIED.blocks,
        Block(ip_network("168.63.129.16/32"), "Azure's platform address", "none", Reach.DENIED),
        Block(ip_network("::ffff:0:0:0/96"), "IPv4-translated (SIIT)", "RFC 2765", Reach.DENIED),
    )
)
_PUBLIC = Policy(denied_networks=_DENIED, max_url_length=urls.MAX_LENGTH)
_THIS_MACHINE = Policy(
    denied_networks=_DENIED,
    allowed_networks=(ip_network("127.0.0.1/32"),),
    allowed_ports=frozenset(urls.LOCAL_PORTS),
    allowed_hosts=urls.LOCAL_HOSTS,
)

FETCH_FAILURES: Mapping[str, str] = {
    "url_refused": "This address may not be fetched.",
    "url_unreachable": "The address could not be reached.",
    "url_status": "The address answered with status {status}.",
    "url_timeout": "The address took too long to answer.",
    "url_too_large": "The picture is too large.",
    "url_not_a_picture": "The address did not answer with a JPEG, PNG or WebP picture.",
}

T = TypeVar("T")


class NotSent(ProviderError):
    """Surely without effect. `reason` is refused (by us), unreachable or timeout."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"not sent: {reason}")
        self.reason = reason


class NoAnswer(ProviderError):
    """Sent, and nothing usable came back: the effect is unknown. `reason` is timeout, broken or too_large."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"no answer: {reason}")
        self.reason = reason


class FetchFailed(ProviderError):
    """A picture could not be had. `code` (see `FETCH_FAILURES`) and the message may be shown to who named it."""

    def __init__(self, code: str, status: int | None = None) -> None:
        super().__init__(FETCH_FAILURES[code].format(status=status))
        self.code = code
        self.status = status

    @property
    def may_pass(self) -> bool:
        """Whether the same address may answer later."""
        status = self.status or 0
        busy = self.code == "url_status" and (status >= 500 or status in _PASSING)
        return busy or self.code in ("url_timeout", "url_unreachable")


class Posted(NamedTuple):
    """How a callback was received; `retry_after` in seconds, where the receiver named it."""

    status: int
    retry_after: int | None


class Egress:
    """The world outside, seen through one policy. `local` adds this machine's ports 8600-8699 (see `urls.check`)."""

    def __init__(self, *, local: bool, lookup: reach.Lookup = socket.getaddrinfo) -> None:
        if local and reach.in_aws(os.environ):
            raise RuntimeError("local egress is refused in AWS")
        self._local = local
        self._lookup = lookup

    def send(self, request: Request, *, hosts: Iterable[str], seconds: float, max_bytes: int) -> Response:
        """Send once to a provider's API, over https, to one of `hosts` (exact, or `*.suffix`). Any status is an answer.

        Raises NotSent (surely no effect) or NoAnswer (unknown effect).
        """
        url = request.url
        if request.query:
            url += ("&" if "?" in url else "?") + urlencode(request.query)
        self._judge(url, ("https",), (443,), tuple(hosts))

        async def take(response: httpx.Response) -> Response:
            return Response(response.status_code, dict(response.headers), await _body(response, max_bytes))

        return self._run(request.method, url, request.headers, request.body, seconds, take)

    def fetch(
        self, url: str, *, hosts: Iterable[str] | None, seconds: float = 20, max_bytes: int = MAX_PICTURE
    ) -> bytes:
        """GET a picture. With `hosts` None a stranger named it: any public host, plain http too.

        Up to three redirects, each judged like the first, none from https to http, all within one deadline. Raises
        FetchFailed.
        """
        listed, until = None if hosts is None else tuple(hosts), time.monotonic() + seconds
        secure = listed is not None
        take = functools.partial(_picture, max_bytes)
        try:
            for _ in range(MAX_REDIRECTS + 1):
                self._judge(url, ("https",) if secure else ("http", "https"), (80, 443), listed)
                answer = self._run("GET", url, {"accept": "image/*"}, b"", until - time.monotonic(), take)
                if isinstance(answer, bytes):
                    return answer
                secure = secure or urlsplit(url).scheme == "https"
                url = urljoin(url, answer)
        except NotSent as error:
            raise FetchFailed(f"url_{error.reason}") from error
        except NoAnswer as error:
            raise FetchFailed("url_unreachable" if error.reason == "broken" else f"url_{error.reason}") from error
        except ValueError as error:  # a Location that is no address
            raise FetchFailed("url_refused") from error
        raise FetchFailed("url_refused")

    def post(self, url: str, headers: Mapping[str, str], body: bytes, seconds: float = 15) -> Posted:
        """Call back: https, port 443, no redirects (a 3xx is just a status); the answer's body is thrown away.

        Raises NotSent or NoAnswer.
        """
        self._judge(url, ("https",), (443,), None)
        return self._run("POST", url, headers, body, seconds, _receipt)

    def _judge(self, url: str, schemes: tuple[str, ...], ports: tuple[int, ...], hosts: tuple[str, ...] | None) -> None:
        refused = urls.check(url, schemes=schemes, ports=ports, local=self._local)
        if refused or (hosts is not None and not any(reach.matches(urls.host_of(url), one) for one in hosts)):
            raise NotSent("refused")

    def _run(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes, seconds: float,
        take: Callable[[httpx.Response], Awaitable[T]],
    ) -> T:  # fmt: skip
        until, policy = time.monotonic() + seconds, _THIS_MACHINE if urls.is_local(url) else _PUBLIC
        begun: list[str] = []
        dialled: list[Any] = []

        async def trace(event: str, info: Mapping[str, Any]) -> None:
            if event == "http11.send_request_headers.started":
                begun.append(event)
            elif event == "connection.connect_tcp.complete":
                dialled.append(info["return_value"])

        async def exchange() -> T:
            async with (
                asyncio.timeout(seconds),
                AsyncSafeTransport(
                    policy=policy, resolver=reach.bounded(self._lookup, until), verify=_tls(), trust_env=False
                ) as transport,
            ):
                try:
                    return await take(await transport.handle_async_request(request))
                finally:
                    for stream in dialled:  # httpcore leaves it open when the deadline passes during the TLS handshake
                        await stream.aclose()

        timeouts = {"connect": CONNECT_SECONDS, "read": seconds, "write": seconds, "pool": seconds}
        try:
            request = httpx.Request(
                method, url, headers={**headers, **_OUR_HEADERS}, content=body,
                extensions={"timeout": timeouts, "trace": trace},
            )  # fmt: skip
            if request.url.raw_host.decode().removesuffix(".") != urls.host_of(url):
                raise NotSent("refused")  # two parsers, two hosts
            return asyncio.run(exchange())
        except httpx.LocalProtocolError:  # ours to blame, and noticed before a byte left
            raise NotSent("refused") from None
        except (SSRFGuardError, httpx.InvalidURL, ValueError):
            raise (NoAnswer("broken") if begun else NotSent("refused")) from None
        except (TimeoutError, httpx.TimeoutException):
            raise (NoAnswer("timeout") if begun else NotSent("timeout")) from None
        except (httpx.HTTPError, OSError):
            raise (NoAnswer("broken") if begun else NotSent("unreachable")) from None


async def _body(response: httpx.Response, limit: int) -> bytes:
    """The bytes as sent: uncompressed, as many as declared, at most `limit`. Raises NoAnswer."""
    declared = response.headers.get("content-length")
    if response.headers.get("content-encoding", "identity").lower() != "identity":
        raise NoAnswer("broken")
    if declared is not None and ("transfer-encoding" in response.headers or not declared.isdecimal()):
        raise NoAnswer("broken")
    if declared is not None and int(declared) > limit:
        raise NoAnswer("too_large")
    data = bytearray()
    async for chunk in response.aiter_raw():
        data += chunk
        if len(data) > limit:
            raise NoAnswer("too_large")
    if declared is not None and int(declared) != len(data) and response.status_code not in (204, 304):
        raise NoAnswer("broken")
    return bytes(data)


async def _picture(limit: int, response: httpx.Response) -> bytes | str:
    """The picture, or where to look for it instead."""
    if response.has_redirect_location:
        return str(response.headers["location"])
    if response.status_code != 200:
        raise FetchFailed("url_status", response.status_code)
    data = await _body(response, limit)
    if sniff(data) is None:
        raise FetchFailed("url_not_a_picture")
    return data


async def _receipt(response: httpx.Response) -> Posted:
    """The status decides; a little of the body is read so that a polite receiver can finish its sentence."""
    read = 0
    with suppress(TimeoutError, httpx.HTTPError):
        async with asyncio.timeout(_GOODBYE_SECONDS):
            async for chunk in response.aiter_raw():
                read += len(chunk)
                if read >= _DISCARDED:
                    break
    return Posted(response.status_code, reach.retry_after(response.headers.get("retry-after", "").strip()))


@functools.cache
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context(cafile=certifi.where())
