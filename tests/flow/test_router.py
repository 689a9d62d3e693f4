"""Several ways to one picture: preferences, breakers, waits and places, with the shipped handlers."""

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from packshot import catalog, egress, providers
from packshot.aws import secrets
from packshot.aws.health import HealthTable
from packshot.health import PAUSE_MS, PROVIDER, TRIP, Health
from packshot.job import Job, Route
from packshot.wire import Request, Response
from packshot_admin import cli
from tests.flow.conftest import Tenant, make_tenant, photo
from tests.flow.test_jobs import JOBS, available, books_are_straight, job
from tests.flow.world import World

PREFIX = "packshot/test/providers/"
HOSTS = {
    "api.replicate.com": "replicate",
    "api.openai.com": "openai",
    "generativelanguage.googleapis.com": "gemini",
}
MODELS = {"replicate": "black-forest-labs/flux-2-pro", "openai": "gpt-image-2", "gemini": "gemini-3-pro-image"}
ALL, CATALOGUE = tuple(MODELS), catalog.models()
PRICE = 3

GONE = Response(404, {}, b"{}")
BROKE = Response(402, {}, b"{}")
DENIED = Response(401, {}, b"{}")
WRONG = Response(422, {}, b"{}")


def busy(seconds: int) -> Response:
    return Response(429, {"retry-after": str(seconds)}, b"{}")


@dataclass
class Outside:
    """Three providers. One answers when it has made the picture, as two do; the first may also take its time.

    `says` is what each answers to a create instead: always, or (a list) used up from the front, None for a picture.
    `takes` is how long the first works on one, s; `lost`: in the end it fails.
    """

    says: dict[str, Response | Exception | list[Response | Exception | None]] = field(default_factory=dict)
    takes: float = 0
    lost: bool = False
    creates: list[tuple[str, str]] = field(default_factory=list)
    ready: dict[str, float] = field(default_factory=dict)
    most: int = 0
    posts: list[tuple[str, Mapping[str, str], bytes]] = field(default_factory=list)
    now: Callable[[], float] = lambda: 0.0

    def __call__(self, *, local: bool) -> "Outside":
        return self

    def send(self, request: Request, *, hosts: Any, seconds: float, max_bytes: int) -> Response:
        host, _, path = request.url.removeprefix("https://").partition("/")
        assert host in hosts
        if path.endswith("/cancel"):
            self.ready.pop(path.split("/")[-2], None)
            return _json({})
        if request.method == "GET":
            return self._prediction(path.rpartition("/")[2])
        key = next(value for header, value in request.headers.items() if header in ("authorization", "x-goog-api-key"))
        return self._create(HOSTS[host], key.rpartition(" ")[2])

    def _create(self, name: str, key: str) -> Response:
        self.creates.append((name, key))
        said = self.says.get(name)
        said = said.pop(0) if isinstance(said, list) and said else said
        if isinstance(said, Exception):
            raise said
        if isinstance(said, Response):
            return said
        data = base64.b64encode(photo(512, 512)).decode()
        if name == "openai":
            return _json({"data": [{"b64_json": data}]})
        if name == "gemini":
            part = {"inlineData": {"mimeType": "image/jpeg", "data": data}}
            return _json({"candidates": [{"content": {"parts": [part]}}]})
        made = f"pred{len(self.creates)}"
        self.ready[made] = self.now() + self.takes
        self.most = max(self.most, sum(at > self.now() for at in self.ready.values()))
        return self._prediction(made)

    def _prediction(self, made: str) -> Response:
        if made not in self.ready:
            return GONE
        ended = "failed" if self.lost else "succeeded"
        state = "processing" if self.now() < self.ready[made] else ended
        return _json({"id": made, "status": state, "output": f"https://replicate.delivery/{made}.jpg"})

    def asked(self) -> list[str]:
        """Who was asked for a picture, in order."""
        return [name for name, _ in self.creates]

    def fetch(self, url: str, *, hosts: Any, seconds: float = 20, max_bytes: int = 0) -> bytes:
        return photo(512, 512)

    def post(self, url: str, headers: Mapping[str, str], body: bytes, seconds: float = 15) -> egress.Posted:
        self.posts.append((url, headers, body))
        return egress.Posted(204, None)


def _json(body: object) -> Response:
    return Response(200, {}, json.dumps(body).encode())


@pytest.fixture
def net() -> Outside:
    return Outside()


@pytest.fixture
def keys(stack: World, net: Outside, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every provider has a key and makes the model; no poller runs where nobody has to wait."""
    routed(monkeypatch, *ALL)
    stack.deaf.add("poller")
    net.now = lambda: stack.clock.now
    for name in MODELS:
        secrets.put(PREFIX + name, {"token": f"ours-{name}"})


@pytest.fixture
def tenant(stack: World, keys: None) -> Tenant:
    return make_tenant(stack, "acct_one")


def routed(monkeypatch: pytest.MonkeyPatch, *names: str, **more: Any) -> None:
    """The model flux-2 by these providers, in this order, and kontext-pro by two; `prices` where not 45,000."""
    prices: dict[str, int] = more.pop("prices", {})
    routes = tuple(Route(name, MODELS[name], prices.get(name, 45_000)) for name in names)
    others = (Route("replicate", "black-forest-labs/flux-kontext-pro"), Route("openai", "gpt-image-1.5"))
    changed = dict(CATALOGUE)
    for name, listed in (("flux-2", routes), ("kontext-pro", others)):
        skills = {each: replace(skill, routes=listed) for each, skill in CATALOGUE[name].operations.items()}
        changed[name] = replace(CATALOGUE[name], routes=listed, operations=skills, **more)
    for module in ("packshot.catalog", "packshot.planning"):
        monkeypatch.setattr(f"{module}.models", lambda: changed)


def limited(monkeypatch: pytest.MonkeyPatch, name: str, **facts: Any) -> None:
    """Other facts about one provider."""
    real = providers.load
    monkeypatch.setattr(providers, "load", lambda one: replace(real(one), **facts) if one == name else real(one))


def submitted(stack: World, tenant: Tenant, **more: Any) -> str:
    wish = {"model": "flux-2", "prompt": "a red box", "width": 512, "height": 512, **more}
    answer = stack.api("POST", JOBS, wish, key=tenant.key)
    assert answer.status == 202, answer.text
    return str(answer.json["id"])


def row(stack: World, tenant: Tenant, name: str) -> Job:
    found: Job | None = stack.functions["dispatch"].room.jobs.get(tenant.account, name)
    assert found is not None
    return found


def done(stack: World, tenant: Tenant, *names: str, seconds: float = 60) -> list[str]:
    """Run until these jobs are completed; by whom each was made."""
    stack.run(seconds=seconds, sweeps=True)
    for name in names:
        found = job(stack, tenant, name)
        assert found["state"] == "completed" and found["credits"]["charged"] == PRICE, found
    books_are_straight(tenant)
    return [row(stack, tenant, name).calls[0].attempts[-1].provider for name in names]


def outcomes(stack: World, tenant: Tenant, name: str) -> list[tuple[str, str]]:
    attempts = row(stack, tenant, name).calls[0].attempts
    return [(one.provider, one.outcome) for one in attempts]


def health(name: str, model: str | None = None) -> Health:
    """As the table has it now."""
    return HealthTable("packshot").of(name).get(MODELS.get(name, "") if model is None else model, Health())


def opened(stack: World, name: str, outcome: str = "provider_failed") -> int:
    """Open a route's breaker (or a provider's, by what bars it) just now; when its pause is over, s."""
    model = PROVIDER if outcome in ("provider_quota", "provider_unauthorized") else MODELS[name]
    for _ in range(TRIP):
        HealthTable("packshot").note(name, model, outcome)
    found = health(name, model)
    assert found.opens == 1 and found.until == stack.clock.now * 1000 + PAUSE_MS
    return found.until // 1000


# --- preferences -----------------------------------------------------------------------------------------------------
PRICES = {"replicate": 50_000, "openai": 40_000, "gemini": 45_000}
BEST = {"order": "replicate", "price": "openai", "latency": "gemini", "success": "openai"}


def measured() -> None:
    """openai never fails, gemini is the fastest."""
    book = HealthTable("packshot")
    for name, seconds in (("replicate", 20), ("openai", 30), ("gemini", 4)):
        book.note(name, MODELS[name], "succeeded", took=seconds * 1000)
    for name in ("replicate", "gemini"):
        book.note(name, MODELS[name], "provider_failed")


@pytest.mark.parametrize(("prefer", "best"), BEST.items())
@pytest.mark.parametrize("who", ["job", "key", "catalogue"])
def test_the_way_is_as_the_job_the_key_or_the_catalogue_prefers(
    stack: World, net: Outside, tenant: Tenant, monkeypatch: pytest.MonkeyPatch, who: str, prefer: str, best: str
) -> None:
    other = "latency" if prefer != "latency" else "price"  # what the weaker voices say
    routed(monkeypatch, *ALL, prices=PRICES, prefer=prefer if who == "catalogue" else other)
    if who != "catalogue":
        kid = tenant.key.split("_")[2]
        assert cli.main(["--table", "packshot", "set-preference", kid, prefer if who == "key" else other]) == 0
    measured()
    name = submitted(stack, tenant, **({"prefer": prefer} if who == "job" else {}))
    assert done(stack, tenant, name) == [best] and net.asked() == [best]
    attempt = row(stack, tenant, name).calls[0].attempts[0]
    assert attempt.micro_usd == PRICES[best] and attempt.model == MODELS[best]


def test_an_unknown_preference_is_refused(stack: World, tenant: Tenant) -> None:
    answer = stack.api("POST", JOBS, {"model": "flux-2", "prompt": "x", "prefer": "luck"}, key=tenant.key)
    assert (answer.status, answer.json["errors"][0]["field"]) == (422, "prefer")


# --- from one route to the next --------------------------------------------------------------------------------------
@pytest.mark.parametrize("late", [False, True], ids=["at once", "in the end"])
def test_what_one_route_cannot_make_the_next_one_makes(stack: World, net: Outside, tenant: Tenant, late: bool) -> None:
    stack.twice = True
    if late:
        stack.deaf.clear()
        net.lost, net.takes = True, 5
    else:
        net.says["replicate"] = GONE
    name = submitted(stack, tenant, callback_url="https://shop.example/hooks")
    assert done(stack, tenant, name) == ["openai"] and net.asked() == ["replicate", "openai"]
    first, second = row(stack, tenant, name).calls[0].attempts
    assert first.outcome == ("provider_failed" if late else "provider_model_unknown") and second.outcome == "succeeded"
    assert available(stack, tenant) == 100 - PRICE and len({body for _, _, body in net.posts}) == 1


def test_refused_content_goes_nowhere_else_and_says_nothing_against_the_route(
    stack: World, net: Outside, tenant: Tenant
) -> None:
    net.says["replicate"] = Response(422, {}, b'{"detail": "flagged as sensitive"}')
    names = [submitted(stack, tenant) for _ in range(TRIP + 1)]
    stack.run(seconds=10)
    for name in names:
        assert job(stack, tenant, name)["error"]["code"] == "content_refused"
    assert net.asked() == ["replicate"] * (TRIP + 1) and health("replicate") == Health()
    assert available(stack, tenant) == 100


def test_input_that_one_model_does_not_take_is_another_routes_and_no_fault(
    stack: World, net: Outside, tenant: Tenant
) -> None:
    net.says["replicate"] = WRONG
    names = [submitted(stack, tenant) for _ in range(TRIP + 1)]
    assert done(stack, tenant, *names) == ["openai"] * (TRIP + 1)
    assert health("replicate") == Health() and net.asked().count("replicate") == TRIP + 1


def test_without_a_key_anywhere_the_job_fails_and_says_so(
    stack: World, net: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalog, "simulated", dict)
    routed(monkeypatch, *ALL)
    tenant = make_tenant(stack, "acct_one")
    name = submitted(stack, tenant)
    stack.run(seconds=10)
    assert job(stack, tenant, name)["error"]["code"] == "provider_unavailable"
    assert net.creates == [] and available(stack, tenant) == 100 and row(stack, tenant, name).calls[0].attempts == ()
    books_are_straight(tenant)


def test_routes_without_a_key_are_passed_over_and_the_last_real_failure_is_told(
    stack: World, net: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    routed(monkeypatch, "openai", "gemini", "replicate")
    secrets.put(PREFIX + "gemini", {"token": "ours-gemini"})
    monkeypatch.setattr(catalog, "simulated", dict)
    net.says["gemini"] = GONE
    tenant = make_tenant(stack, "acct_one")
    name = submitted(stack, tenant)
    stack.run(seconds=10)
    assert job(stack, tenant, name)["error"]["code"] == "provider_model_unknown"
    assert net.asked() == ["gemini"] and available(stack, tenant) == 100


def test_a_call_of_four_never_goes_where_one_is_made(
    stack: World, net: Outside, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    limited(monkeypatch, "openai", images_per_call=4)
    routed(monkeypatch, "openai", "gemini", "replicate")
    net.says["openai"] = GONE
    four, one = submitted(stack, tenant, count=4), submitted(stack, tenant)
    stack.run(seconds=10)
    assert [call.images for call in row(stack, tenant, four).calls] == [4]
    assert outcomes(stack, tenant, four) == [("openai", "provider_model_unknown")]
    assert job(stack, tenant, four)["state"] == "failed"
    assert done(stack, tenant, one) == ["gemini"] and available(stack, tenant) == 100 - PRICE


# --- breakers --------------------------------------------------------------------------------------------------------
def test_after_five_failures_in_a_row_a_route_is_passed_over(stack: World, net: Outside, tenant: Tenant) -> None:
    net.says["replicate"] = GONE
    for _ in range(TRIP):
        assert done(stack, tenant, submitted(stack, tenant), seconds=1) == ["openai"]
    assert net.asked() == ["replicate", "openai"] * TRIP
    assert health("replicate").opens == 1 and health("replicate", PROVIDER) == Health()
    stack.run(seconds=5)  # what another function has written is known in five seconds
    assert done(stack, tenant, submitted(stack, tenant), seconds=1) == ["openai"]
    assert net.asked()[2 * TRIP :] == ["openai"]


def test_another_model_of_that_provider_is_not_passed_over(stack: World, net: Outside, tenant: Tenant) -> None:
    opened(stack, "replicate")
    other = submitted(stack, tenant, model="kontext-pro")
    same = submitted(stack, tenant)
    stack.run(seconds=20)
    assert [row(stack, tenant, name).calls[0].attempts[0].provider for name in (other, same)] == ["replicate", "openai"]


@pytest.mark.parametrize("works", [True, False])
def test_when_the_pause_is_over_one_call_tries_and_its_outcome_decides(
    stack: World, net: Outside, tenant: Tenant, works: bool
) -> None:
    over = opened(stack, "replicate")
    net.takes, net.lost = 20, not works
    stack.run(seconds=over - stack.clock.now)
    names = [submitted(stack, tenant) for _ in range(4)]
    stack.run()
    assert net.asked() == ["replicate", "openai", "openai", "openai"]
    stack.deaf.clear()
    assert done(stack, tenant, *names, seconds=40) == ["replicate" if works else "openai", "openai", "openai", "openai"]
    found = health("replicate")
    assert (found.opens, found.streak) == ((0, 0) if works else (2, TRIP + 1))
    assert works or found.until // 1000 - stack.clock.now > 2 * PAUSE_MS // 1000 - 40
    net.lost = False
    stack.run(seconds=0 if works else 60)
    assert done(stack, tenant, submitted(stack, tenant)) == ["replicate"]
    assert health("replicate").opens == 0


@pytest.mark.parametrize(("answer", "reason"), [(BROKE, "provider_quota"), (DENIED, "provider_unauthorized")])
def test_what_is_wrong_with_our_account_closes_the_whole_provider_at_once(
    stack: World, net: Outside, tenant: Tenant, answer: Response, reason: str
) -> None:
    net.says["replicate"] = answer
    assert done(stack, tenant, submitted(stack, tenant), seconds=6) == ["openai"]
    whole = health("replicate", PROVIDER)
    assert (whole.opens, whole.reason) == (1, reason) and health("replicate") == Health()
    names = [submitted(stack, tenant), submitted(stack, tenant, model="kontext-pro")]
    assert done(stack, tenant, *names, seconds=6) == ["openai", "openai"]
    assert net.asked() == ["replicate", "openai", "openai", "openai"]
    del net.says["replicate"]
    stack.run(seconds=30)
    assert done(stack, tenant, submitted(stack, tenant)) == ["replicate"]
    assert health("replicate", PROVIDER).opens == 0


def test_five_jobs_that_find_no_credit_at_once_close_the_provider_for_half_a_minute(
    stack: World, net: Outside, tenant: Tenant
) -> None:
    net.says["replicate"] = BROKE
    stack.twice = True
    done(stack, tenant, *[submitted(stack, tenant) for _ in range(5)], seconds=5)
    assert health("replicate", PROVIDER).opens == 1


def test_an_accounts_own_key_never_closes_a_route_for_others(stack: World, net: Outside, tenant: Tenant) -> None:
    answer = stack.api("PUT", "/packshot/v1/provider-keys/replicate", {"fields": {"token": "theirs"}}, key=tenant.key)
    assert answer.status == 204, answer.text
    net.says["replicate"] = [DENIED, GONE, GONE, None]
    names = [submitted(stack, tenant) for _ in range(2)]
    assert done(stack, tenant, *names) == ["openai", "openai"]
    assert {key for name, key in net.creates if name == "replicate"} == {"theirs"}
    assert row(stack, tenant, names[0]).calls[0].attempts[0].micro_usd == 0
    assert HealthTable("packshot").of("replicate") == {}
    assert health("replicate@acct_one", PROVIDER).reason == "provider_unauthorized"
    other = make_tenant(stack, "acct_two")
    net.says.clear()
    assert done(stack, other, submitted(stack, other)) == ["replicate"]
    assert net.creates[-1] == ("replicate", "ours-replicate")
