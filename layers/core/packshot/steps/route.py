"""Which way a call goes: routes that can be used, in order of preference, past open breakers and full providers."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from packshot import observe, providers
from packshot.health import PROVIDER, Health
from packshot.job import Call, Job, Route
from packshot.lifecycle import ladder
from packshot.ports import HealthBook, Slots
from packshot.providers import Credentials, Provider
from packshot.routing import Way, account_of, held_until, named, ordered
from packshot.steps.upstream import Upstream


@dataclass(frozen=True, slots=True)
class Router:
    """What choosing takes; `now` in ms."""

    upstream: Upstream
    health: HealthBook
    slots: Slots
    now: Callable[[], int]


@dataclass(frozen=True, slots=True)
class Chosen:
    """The way to go."""

    place: int
    route: Route
    provider: Provider
    credentials: Credentials
    slot: int | None = None


@dataclass(frozen=True, slots=True)
class Held:
    """No way is open now: look again then (ms)."""

    until: int


def choose(job: Job, call: Call, *, room: Router, full: frozenset[int] = frozenset()) -> Chosen | Held | None:
    """The way for a call's next attempt, but for those in `full`; None where nobody has set a key for any."""
    for places in ladder(job, call):  # what had no room is next where no other route has a key
        able = [place for place in places if _makes(job.routes[place], call.images)]
        keys = {place: _credentials(job.routes[place], job, room) for place in able}
        usable = [_way(job, call, place, room) for place, key in keys.items() if key is not None]
        if usable:
            break
    else:
        return None
    for way in ordered(usable, job.prefer):
        credentials = keys[way.place]
        if credentials is not None and way.place not in full and _open(way, job, room):
            return Chosen(way.place, way.route, providers.load(way.route.provider), credentials)
    until = min(held_until(usable, room.now()), job.deadline)
    observe.log("held", until=until, routes=[way.route.provider for way in usable])
    return Held(until)


def seat(way: Chosen | Held | None, job: Job, call: Call, token: str, *, room: Router) -> Chosen | Held | None:
    """The chosen way with its place at the provider, marked by `token`; the next one where all places are taken."""
    full: set[int] = set()
    while isinstance(way, Chosen) and way.provider.concurrency:
        name = named(way.route.provider, account_of(job, way.route))
        until = min(room.now() + way.provider.deadline * 1000, job.deadline)
        slot = room.slots.take(name, way.provider.concurrency, token, until)
        if slot is not None:
            return replace(way, slot=slot)
        full.add(way.place)
        way = choose(job, call, room=room, full=frozenset(full))
    return way


def _makes(route: Route, images: int) -> bool:
    """Whether its provider makes so many in one request: a call keeps the size that its first route gave it."""
    return providers.load(route.provider).images_per_call >= images


def _credentials(route: Route, job: Job, room: Router) -> Credentials | None:
    return room.upstream.credentials(route.provider, account_of(job, route))


def _way(job: Job, call: Call, place: int, room: Router) -> Way:
    route = job.routes[place]
    known = room.health.of(named(route.provider, account_of(job, route)))
    model, whole = known.get(route.model, Health()), known.get(PROVIDER, Health())
    again = max(
        (one.again for one in call.attempts if (one.provider, one.model) == (route.provider, route.model)), default=0
    )
    whole = replace(whole, until=max(whole.until, again))
    return Way(place, route, model, whole, room.upstream.looks(route.provider)[0])


def _open(way: Way, job: Job, room: Router) -> bool:
    """Whether calls may go there, or this one may try."""
    name, now = named(way.route.provider, account_of(job, way.route)), room.now()
    healths = ((PROVIDER, way.provider), (way.route.model, way.health))
    if not all(health.closed(now) or health.half_open(now) for _, health in healths):
        return False
    return all(health.closed(now) or room.health.probe(name, model) for model, health in healths)
