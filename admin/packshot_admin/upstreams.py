"""Commands about providers: how they do, and whether their keys work."""

import time
from argparse import Namespace
from dataclasses import dataclass

from packshot import providers
from packshot.aws import spend
from packshot.aws.books import Books
from packshot.aws.clients import role
from packshot.aws.health import HealthTable
from packshot.aws.secrets import SecretStore
from packshot.aws.timing import TimingTable
from packshot.egress import Egress, NoAnswer, NotSent
from packshot.health import PROVIDER, Health
from packshot.providers import Credentials, Provider
from packshot.timing import rank
from packshot_admin.commands import Result, now_ms
from packshot_admin.stack import Mistake, Stack

DAY_MS = 86_400_000
PROBE_SECONDS, MAX_ANSWER = 20, 5_000_000


@dataclass(frozen=True, slots=True)
class _Row:
    """One line of the table; times in s, `None` where too little was measured."""

    provider: str
    configured: str
    breaker: str
    p50: int | None
    p95: int | None
    success: str
    usd_today: float


def show_providers(stack: Stack, given: Namespace) -> Result:
    """How every provider does: key, breaker, running times, success rate, and what it has cost today (UTC)."""
    now = now_ms()
    spent = spend.by_provider(stack.need("table"), Books(stack.table).accounts(), now - now % DAY_MS, now + 1)
    rows, notes = [], []
    for name in providers.NAMES:
        provider = providers.load(name)
        if provider.completion == "render":
            continue
        health = HealthTable(stack.table).of(name)
        seconds = TimingTable(stack.table).seconds(name)
        rows.append(
            _Row(
                name,
                "yes" if _credentials(stack, name) else "no",
                _breaker(health, now),
                rank(seconds, 50) if seconds else None,
                rank(seconds, 95) if seconds else None,
                _success(health),
                round(spent.get(name, 0) / 1_000_000, 4),
            )
        )
        notes += [
            f"{name} {model}: {one.state(now)}, {one.reason}" for model, one in health.items() if not one.closed(now)
        ]
    facts = {"providers": [{field: getattr(row, field) for field in _Row.__slots__} for row in rows]}
    return Result(facts, "\n".join(notes))


def probe(stack: Stack, given: Namespace) -> Result:
    """One cheap real call to a provider, with the key that is set: does it work, and how long does it take?"""
    if given.provider not in providers.NAMES:
        raise Mistake(f"there is no provider called {given.provider}; there are {', '.join(providers.NAMES)}")
    provider, credentials = providers.load(given.provider), _credentials(stack, given.provider)
    if provider.write_probe is None:
        raise Mistake(f"{given.provider} documents no call that costs nothing: there is no probe")
    if not credentials:
        raise Mistake(f"no key is set for {given.provider}: packshot-admin set-provider-key {given.provider} ...")
    request = provider.write_probe(credentials)
    if provider.sign is not None:
        request = provider.sign(request, credentials, now_ms() // 1000)
    began, facts = time.monotonic(), {"provider": given.provider}
    try:
        http = Egress(local="127.0.0.1" in credentials.get("base_url", ""))
        answer = http.send(request, hosts=_hosts(provider, credentials), seconds=PROBE_SECONDS, max_bytes=MAX_ANSWER)
    except (NotSent, NoAnswer) as error:
        return Result({**facts, "works": False, "problem": str(error)}, good=False)
    took = round((time.monotonic() - began) * 1000)
    works = 200 <= answer.status < 300
    return Result({**facts, "works": works, "status": answer.status, "ms": took}, good=works)


def _credentials(stack: Stack, name: str) -> Credentials | None:
    prefix = f"packshot/{stack.need('stage')}/providers/"
    found = SecretStore().get(providers.secret_name(prefix, name))
    signs = found is not None and providers.load(name).aws and not {"access_key", "token"} & found.keys()
    return {**role(), **(found or {})} if signs else found


def _hosts(provider: Provider, credentials: Credentials) -> tuple[str, ...]:
    base = credentials.get("base_url")
    host = (base or provider.base_url).split("://", 1)[-1].split("/", 1)[0].split(":", 1)[0]
    return (host,) if base else (host, *provider.api_hosts)


def _breaker(health: dict[str, Health], now: int) -> str:
    """The provider's own state, or how many of its routes are not closed."""
    whole = health.get(PROVIDER, Health())
    if not whole.closed(now):
        return f"{whole.state(now)} ({whole.reason})"
    routes = [one.closed(now) for model, one in health.items() if model != PROVIDER]
    return "closed" if all(routes) else f"{routes.count(False)} of {len(routes)} routes"


def _success(health: dict[str, Health]) -> str:
    rates = [one.rate for model, one in health.items() if model != PROVIDER]
    return f"{min(rates):.0%}" if rates else "-"
