"""A provider, its credentials and the wire between: what dispatch, poll and the webhook share. Nothing is retried."""

from collections.abc import Mapping
from dataclasses import dataclass

from packshot import catalog, providers
from packshot.egress import NoAnswer, NotSent
from packshot.facts import Accepted, Busy, CallFact, Delivered, Lost, Refused, Running
from packshot.job import Attempt, Failure
from packshot.ports import Http, Secrets
from packshot.providers import Credentials, Later, No, Provider, Ready, Reply, Taken, Unknown, Working
from packshot.timing import Looks, Timings
from packshot.wire import Request

SECONDS = 30
MAX_ANSWER = 2 * 1024 * 1024
LONGEST_PAUSE_MS = 300_000
FIRST_PAUSE, LONGEST_WAIT = 5, 900


@dataclass(frozen=True, slots=True)
class Upstream:
    """Where providers are. With `simulators` set (local mode), one without a key is its simulator."""

    secrets: Secrets
    prefix: str
    http: Http
    timings: Timings
    simulators: str = ""

    def credentials(self, name: str) -> Credentials | None:
        """The operator's secret of that provider, or its simulator's, or None when it cannot be used."""
        secret = self.secrets.get(self.prefix + name)
        if secret is not None:
            return secret
        simulated = catalog.simulated().get(name) if self.simulators else None
        if simulated is None:
            return None
        return {**simulated, "base_url": self.simulators + simulated["path"], "simulated": "1"}

    def hosts(self, provider: Provider, credentials: Credentials) -> tuple[str, ...]:
        """The one host that requests may go to."""
        return (_host(credentials.get("base_url") or provider.base_url),)

    def ask(self, provider: Provider, request: Request, credentials: Credentials, *, read: str) -> Reply:
        """Send one request and read the reply: `read` is `read` (a create) or `read_poll`.

        A create that surely was not sent may be tried later; one that was sent without an answer is Unknown.
        """
        try:
            response = self.http.send(
                request, hosts=self.hosts(provider, credentials), seconds=SECONDS, max_bytes=MAX_ANSWER
            )
        except NotSent:
            return Later(5)
        except NoAnswer:
            return Unknown()
        reply: Reply = getattr(provider, read)(response)
        return reply

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
            case Later(seconds):
                pause = max(seconds, FIRST_PAUSE * 3 ** (number - 1))  # six attempts last through ten minutes of outage
                return Busy(call, number, now, now + min(pause, LONGEST_WAIT) * 1000)
            case Unknown():
                return Lost(call, number, now, self.next_look(attempt, now))

    def next_look(self, attempt: Attempt, now: int) -> int:
        """When a result is likely: the provider's p50, p75, p90 after the attempt's start, then doubling pauses."""
        looks = self.looks(attempt.provider)
        age = now - attempt.started
        for seconds in looks:
            if seconds * 1000 > age:
                return now + seconds * 1000 - age
        return now + int(min(looks[-1] * 1000 * 2 ** max(0, attempt.polls - len(looks)), LONGEST_PAUSE_MS))

    def looks(self, name: str) -> Looks:
        """The provider's p50, p75 and p90: measured, or its file's constants until enough is known."""
        return self.timings.looks(name) or providers.load(name).typical


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
