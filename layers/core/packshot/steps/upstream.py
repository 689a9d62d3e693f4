"""A provider, its credentials and the wire between: what dispatch, poll and the webhook share. Nothing is retried."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from packshot import catalog, providers
from packshot.egress import NoAnswer, NotSent
from packshot.facts import Accepted, Busy, CallFact, Delivered, Lost, Refused, Running
from packshot.job import Attempt, Failure
from packshot.ports import Http, Secrets
from packshot.providers import Credentials, Provider
from packshot.replies import Later, More, No, Ready, Reply, Taken, Unknown, Working
from packshot.timing import Looks, Timings
from packshot.wire import Request, Response

SECONDS = 30
LONGEST_PAUSE_MS = 300_000
LAST_LOOK_MS = 10_000
FIRST_PAUSE, LONGEST_WAIT = 5, 900


@dataclass(frozen=True, slots=True)
class Upstream:
    """Where providers are. With `simulators` set (local mode), one without a key is its simulator. `role` gives the
    credentials of the function's own role, for a provider that is an AWS service and has a secret without a key."""

    secrets: Secrets
    prefix: str
    http: Http
    timings: Timings
    simulators: str = ""
    role: Callable[[], Mapping[str, str]] = dict
    clock: Callable[[], int] = lambda: time.time_ns() // 1_000_000

    def credentials(self, name: str, account: str | None = None) -> Credentials | None:
        """The operator's secret of that provider, or its simulator's, or None when it cannot be used; with `account`,
        that account's own."""
        if account is not None:
            return self.secrets.get(providers.secret_name(self.prefix, name, account))
        secret = self.secrets.get(providers.secret_name(self.prefix, name))
        if secret is not None:
            signs = providers.load(name).aws and not {"access_key", "token"} & secret.keys()
            return {**self.role(), **secret} if signs else secret
        simulated = catalog.simulated().get(name) if self.simulators else None
        if simulated is None:
            return None
        return {**simulated, "base_url": self.simulators + simulated["path"], "simulated": "1"}

    def hosts(self, provider: Provider, credentials: Credentials) -> tuple[str, ...]:
        """The hosts that requests may go to: one alone where the credentials name it."""
        base = credentials.get("base_url")
        return (_host(base),) if base else (_host(provider.base_url), *provider.api_hosts)

    def ask(
        self, provider: Provider, request: Request, credentials: Credentials, *, read: str, seconds: float | None = None
    ) -> Reply:
        """Send one request and read the reply: `read` is `read` (a create) or `read_poll`. `seconds` is how long it may
        take, where that is not what its provider needs.

        A create that surely was not sent may be tried later; one that was sent without an answer is Unknown.
        """
        seconds = seconds or (provider.seconds if read == "read" else SECONDS)
        reply = self._once(provider, request, credentials, read, seconds)
        if isinstance(reply, More) and provider.read_more is not None:
            more = _completed(reply.request, request, credentials, provider)
            reply = self._once(provider, more, credentials, "read_more", seconds)
        return Unknown() if isinstance(reply, More) else reply

    def _once(self, provider: Provider, request: Request, credentials: Credentials, read: str, seconds: float) -> Reply:
        try:
            response = self.send(provider, request, credentials, seconds=seconds)
        except NotSent:
            return Later(5, busy=False)
        except NoAnswer:
            return Unknown()
        reply: Reply = getattr(provider, read)(response)
        return reply

    def send(
        self, provider: Provider, request: Request, credentials: Credentials, *, seconds: float = SECONDS
    ) -> Response:
        """Send once, to the provider's own hosts. Raises NotSent or NoAnswer."""
        hosts = self.hosts(provider, credentials)
        if provider.sign is not None:
            request = provider.sign(request, credentials, self.clock() // 1000)
        return self.http.send(request, hosts=hosts, seconds=seconds, max_bytes=provider.max_answer)

    def fact(self, reply: Reply, call: int, attempt: Attempt, *, now: int, due: int, ready: int = 0) -> CallFact:
        """What a reply means for a call; `due`, when it was to be looked at anyway, is kept while it lies ahead.

        `ready` is when results were ready, where that was not just now.
        """
        number = attempt.number
        match reply:
            case Taken(remote):
                return Accepted(call, number, now, remote, due if due > now else self.next_look(attempt, now))
            case Working():
                return Running(call, number, now, self.next_look(attempt, now))
            case Ready(found):
                return Delivered(call, number, now, found, ready)
            case No(failure, final):
                return Refused(call, number, now, failure, final)
            case Later(seconds, busy):
                pause = max(seconds, FIRST_PAUSE * 3 ** (number - 1))  # six attempts last through ten minutes of outage
                return Busy(call, number, now, now + min(pause, LONGEST_WAIT) * 1000, "busy" if busy else "unreachable")
            case Unknown():
                return Lost(call, number, now, self.next_look(attempt, now))
        raise TypeError(type(reply).__name__)  # pictures are kept, and a look is made, by who got them

    def next_look(self, attempt: Attempt, now: int) -> int:
        """When a result is likely: the provider's p50, p75, p90 after the attempt's start, then doubling pauses; a last
        time shortly before the attempt's deadline, and then at the deadline itself."""
        last = attempt.deadline - LAST_LOOK_MS
        return min(self._likely(attempt, now), last if now < last else max(attempt.deadline, now + 1000))

    def _likely(self, attempt: Attempt, now: int) -> int:
        looks = self.looks(attempt.provider)
        age = now - attempt.started
        least = providers.load(attempt.provider).poll_pause * 1000
        for seconds in looks:
            if seconds * 1000 > age:
                return now + max(least, seconds * 1000 - age)
        return now + int(max(least, min(looks[-1] * 1000 * 2 ** max(0, attempt.polls - len(looks)), LONGEST_PAUSE_MS)))

    def looks(self, name: str) -> Looks:
        """The provider's p50, p75 and p90: measured, or its file's constants until enough is known."""
        return self.timings.looks(name) or providers.load(name).typical


def _completed(more: Request, first: Request, credentials: Credentials, provider: Provider) -> Request:
    """A further request as the provider wrote it; a bare path goes where the first went, with its headers."""
    if not more.url.startswith("/"):
        return more
    base = (credentials.get("base_url") or provider.base_url).rstrip("/")
    return replace(more, url=base + more.url, headers=first.headers)


def unavailable() -> Failure:
    """The operator has set no key for the route's provider."""
    return Failure("provider_unavailable", "The model's provider is not configured in this deployment.")


def output_hosts(provider: Provider, attempt: Attempt, simulators: str) -> tuple[str, ...]:
    """Where results may be fetched from: the provider's own hosts, or the simulators' when it was simulated."""
    return (_host(simulators),) if attempt.simulated and simulators else provider.output_hosts


def _host(url: str) -> str:
    return url.split("://", 1)[-1].split("/", 1)[0].rsplit("@", 1)[-1].split(":", 1)[0]


def simulated(credentials: Mapping[str, str]) -> bool:
    """Whether these credentials are a simulator's."""
    return credentials.get("simulated") == "1"
