"""What clients and providers do, from a fresh stage until everything is asked. Nobody here knows of faults.

A scenario's first line says what it is about; `ends` are the states in which its jobs may end.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bench.upstreams import A
from packshot.aws.books import Books
from packshot.aws.poller import Lease
from packshot.job import Step
from tests.crash.outside import EARLY, NEVER, NOWHERE
from tests.crash.stage import CALLBACK, ENDPOINT, JOBS, Stage
from tests.flow.conftest import photo
from tests.security.hostile import located

Play = Callable[[Stage], None]
ASSETS, PROFILES, OWN_KEYS = (f"/packshot/v1/{name}" for name in ("assets", "profiles", "provider-keys"))
SMALL: dict[str, Any] = {"width": 512, "height": 512, "format": "jpg"}


@dataclass(frozen=True)
class Scenario:
    """One of them. `spoiled`: how jobs may end besides, once something went wrong. `cut`: whose calls go wrong (empty:
    everybody's), where what the others do here is a scenario of its own."""

    name: str
    play: Play
    ends: frozenset[str]
    spoiled: frozenset[str]
    cut: frozenset[str]


SCENARIOS: dict[str, Scenario] = {}


def scenario(*ends: str, spoiled: str = "", cut: str = "") -> Callable[[Play], Play]:
    """Put a function on the list."""

    def put(play: Play) -> Play:
        name, ended = play.__name__, frozenset(ends or ("completed",))
        SCENARIOS[name] = Scenario(name, play, ended, frozenset(spoiled.split()), frozenset(cut.split()))
        return play

    return put


@scenario()
def studio(stage: Stage) -> None:
    """The built-in renderer, and a callback."""
    stage.ask(model="studio", images=[stage.asset], preset="amazon", seed=1, callback_url=CALLBACK, **SMALL)


@scenario()
def webhook(stage: Stage) -> None:
    """The provider says when it is done."""
    stage.ask(model="first", callback_url=CALLBACK, **SMALL)


@scenario()
def polled(stage: Stage) -> None:
    """The provider says nothing and must be asked."""
    stage.ask(model="polled", **SMALL)


@scenario(cut="dispatch relay poll sweep")
def webhook_lost(stage: Stage) -> None:
    """The provider says so, but nobody hears it: the poller does."""
    stage.outside.fates[A, 0, 1] = "webhook lost"
    stage.ask(model="first", **SMALL)


@scenario(cut="relay dispatch provider_webhook poll sweep")
def webhook_late(stage: Stage) -> None:
    """The provider says so when its attempt has been given up: somebody else has made the picture, this one is lost."""
    stage.outside.fates[A, 0, 1] = "told too late"
    stage.ask(model="both", callback_url=CALLBACK, **SMALL)


@scenario(cut="dispatch provider_webhook relay ingest")
def webhook_early(stage: Stage) -> None:
    """The provider says so before its answer to the create has been written down."""
    stage.outside.fates[A, 0, 1] = EARLY
    stage.ask(model="first", **SMALL)


@scenario(cut="dispatch poll sweep")
def poller_dies(stage: Stage) -> None:
    """Nobody hears of the picture, and the poller that was started never runs: the sweep finds it."""
    stage.outside.fates[A, 0, 1] = "webhook lost"
    stage.world.deaf.add("poller")
    stage.ask(model="first", **SMALL)
    stage.run(90)
    stage.world.deaf.clear()


@scenario(cut="poll sweep")
def two_pollers(stage: Stage) -> None:
    """A second poller of the same lane runs beside the first."""
    stage.outside.fates[A, 0, 1] = "webhook lost"
    stage.ask(model="first", **SMALL)
    stage.until(lambda: bool(stage.world.pollers))
    Lease("packshot").release(A)
    stage.world.pollers += stage.world.pollers[:1]


@scenario(cut="submit relay dispatch provider_webhook ingest")
def next_route(stage: Stage) -> None:
    """The first provider fails, the next one makes the picture; the account may spend so much in a month."""
    Books("packshot").change(stage.tenant.account, {"cap_credits": 50, "cap_micro_usd": 10_000_000})
    stage.outside.fates[A, 0, 1] = "failed"
    stage.ask(model="both", callback_url=CALLBACK, **SMALL)


@scenario(cut="dispatch relay poll sweep")
def busy(stage: Stage) -> None:
    """The provider has no room, and then it has."""
    stage.outside.fates[A, 0, 1] = "429"
    stage.ask(model="first", **SMALL)


@scenario("partial", spoiled="completed failed", cut="relay dispatch provider_webhook ingest callback")
def partial(stage: Stage) -> None:
    """Three pictures of which one fails."""
    stage.outside.fates[A, 1, 1] = "failed"
    stage.ask(model="first", count=3, callback_url=CALLBACK, **SMALL)


@scenario("canceled", "completed", cut="submit relay dispatch provider_webhook callback")
def cancel_running(stage: Stage) -> None:
    """Its caller gives up while the provider works; the provider does not hear of it in time."""
    asked = stage.ask(model="first", callback_url=CALLBACK, **SMALL)
    stage.until(lambda: stage.has(Step.RUNNING))
    stage.cancel(asked)


@scenario("canceled", "completed", cut="submit relay dispatch ingest")
def cancel_delivered(stage: Stage) -> None:
    """Its caller gives up when the picture is there and nobody has brought it home."""
    asked = stage.ask(model="first", **SMALL)
    stage.until(lambda: stage.has(Step.DELIVERED))
    stage.cancel(asked)


@scenario(spoiled="failed", cut="relay ingest dispatch")
def unreachable(stage: Stage) -> None:
    """The provider says where the picture is, and it is not there: the next one makes it, the first has its money."""
    stage.outside.fates[A, 0, 1] = NOWHERE
    stage.ask(model="both", **SMALL)


@scenario("failed", spoiled="completed", cut="relay dispatch poll sweep callback")
def deadline(stage: Stage) -> None:
    """The provider takes it and is never heard of again."""
    stage.outside.fates[A, 0, 1] = NEVER
    stage.ask(model="first", callback_url=CALLBACK, **SMALL)


@scenario()
def upload(stage: Stage) -> None:
    """A picture in the inbox is a job, once; one that is none is an event."""
    stage.upload(f"inbox/{stage.tenant.account}/amazon/red box.jpg", photo(64, 64))
    stage.upload(f"inbox/{stage.tenant.account}/nothing/red box.jpg", photo(64, 64), good=False)


@scenario(cut="upload")
def direct_upload(stage: Stage) -> None:
    """A picture comes by a form, straight to the bucket, and says where it was taken."""
    ticket = stage.insist("POST", ASSETS, {"content_type": "image/jpeg", "bytes": 5_000})
    stage.upload(ticket.json["fields"]["key"], located("jpg"), good=False)


@scenario(cut="submit relay callback sweep")
def receiver_down(stage: Stage) -> None:
    """Who is to be called back is away at first; an endpoint hears of it too."""
    stage.insist("POST", "/packshot/v1/callback-endpoints", {"url": ENDPOINT})
    stage.outside.statuses[:] = [500, 302, 503]
    stage.ask(model="first", callback_url=CALLBACK, **SMALL)


@scenario(cut="callback")
def receiver_gone(stage: Stage) -> None:
    """An endpoint says that it is gone for good."""
    stage.insist("POST", "/packshot/v1/callback-endpoints", {"url": ENDPOINT})
    stage.outside.statuses[:] = [410] * 20
    stage.ask(model="once", images=[stage.asset], **SMALL)


@scenario(spoiled="canceled failed", cut="submit relay dispatch ingest")
def dialect_waits(stage: Stage) -> None:
    """A vendor's client holds its connection until the picture is there."""
    stage.ask(path="/v1/images/generations", model="first", size="1024x1024", response_format="url")


@scenario(cut="relay dispatch ingest")
def at_once(stage: Stage) -> None:
    """The provider's answer is the picture; there is nobody to ask later."""
    stage.ask(model="once", images=[stage.asset], **SMALL)


@scenario(cut="submit relay render")
def channels(stage: Stage) -> None:
    """The studio makes what marketplaces want."""
    stage.ask(model="studio", images=[stage.asset], seed=1, channels=["amazon", "ebay"])


@scenario(cut="submit relay dispatch")
def twins(stage: Stage) -> None:
    """The same wish three times: made once; the second waits for the first, the third finds it done."""
    wish = {"model": "first", "prompt": "a red box, number 0", "cache": True, **SMALL}
    stage.ask(**wish)
    stage.ask(**wish)
    stage.run(120)
    stage.ask(**wish)


@scenario(cut="submit ingest")
def library(stage: Stage) -> None:
    """A fetched picture and a profile, both forgotten again; another is forgotten before it is looked at."""
    stage.outside.pages.update({f"https://shop.example/{name}.jpg": photo(64, 64) for name in ("mug", "sam", "gone")})
    stage.insist("POST", ASSETS, {"url": "https://shop.example/mug.jpg"})
    stage.insist("POST", PROFILES, {"images": ["https://shop.example/sam.jpg"]})
    stage.run(60)
    for path in (ASSETS, PROFILES):
        listed = stage.insist("GET", path)
        for one in listed.json["data"] if listed else ():
            if one["id"] != stage.asset:
                stage.insist("DELETE", f"{path}/{one['id']}")
    profile = stage.insist("POST", PROFILES, {"images": ["https://shop.example/gone.jpg"]})
    if profile and profile.status < 300:  # deleted while it is looked at
        stage.insist("DELETE", f"{PROFILES}/{profile.json['id']}")


@scenario()
def own_key(stage: Stage) -> None:
    """The account brings a key of its own to a provider, changes it, and takes it away."""
    for _ in range(2):
        stage.insist("PUT", f"{OWN_KEYS}/{A}", {"fields": {"token": "r8_own", "webhook_secret": "whsec_b3du"}})
    stage.insist("DELETE", f"{OWN_KEYS}/{A}")


@scenario(spoiled="canceled", cut="submit query check callback")
def questions(stage: Stage) -> None:
    """A studio job is made, and then all is asked about it that can be asked; that it be cancelled comes too late."""
    asked = stage.ask(model="studio", images=[stage.asset], preset="amazon", seed=1, callback_url=CALLBACK, **SMALL)
    stage.run(1)
    for name in asked.ids:
        for path in ("", "/deliveries"):
            stage.insist("GET", f"{JOBS}/{name}{path}")
        stage.insist("POST", "/packshot/v1/checks", {"image": stage.asset, "channels": ["amazon"]})
    stage.insist("GET", JOBS)
    stage.insist("GET", "/packshot/v1/account")
    stage.insist("GET", "/v1/phota/webhook-secret", headers={"x-api-key": stage.tenant.key})
    stage.cancel(asked)


@scenario()
def renewal(stage: Stage) -> None:
    """A month ends: the allowance starts again, once; then there is none any more."""
    books, account = Books("packshot"), stage.tenant.account
    due = int(stage.world.clock.now * 1000) + 1000
    books.change(account, {"allowance": 10}, renews=due)
    stage.run(70)
    books.change(account, {"allowance": None, "renews": None})
    stage.run(32 * 86_400)


@scenario(cut="reconcile")
def night(stage: Stage) -> None:
    """The books are read, a quarter of an hour apart, until all are."""
    stage.ask(model="once", images=[stage.asset], **SMALL)
    for _ in range(4):
        stage.run(900)
        stage.invoke("reconcile")
