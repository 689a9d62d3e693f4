"""The operator's view of providers and of money: budgets, preferences, breakers, probes, keys."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from packshot import catalog, ids, keys, providers
from packshot.aws import secrets
from packshot.aws.accounts import AccountTable
from packshot.aws.health import HealthTable
from packshot.aws.timing import TimingTable
from packshot.egress import Egress, NoAnswer, NotSent
from packshot.facts import Accepted, Cancelled, Delivered, Ingested, Intended, Lost, Refused
from packshot.health import PROVIDER
from packshot.job import Cap, Failure, Job
from packshot_admin import cli
from simulators.server import Server
from tests.integration.test_aws_admin import run
from tests.integration.test_aws_world import ACME, INTENDED, NOW, TABLE, World, output, world

__all__ = ["world"]

DAY = NOW - NOW % 86_400_000
CANARY = "canaryprovidersecret0123"
PROBED = [name for name in providers.NAMES if providers.load(name).write_probe]
UNPROBED = [name for name in providers.NAMES if name not in PROBED]


@pytest.fixture
def key(world: World) -> str:
    """A key's id, of an account with credits."""
    world.open(monthly=100)
    made = keys.mint("live", b"k" * 40)
    world.books.create_key(ACME, made, ("jobs:write",), at=NOW)
    return made.id


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """What time it is for the commands."""
    time = [NOW]
    for module in ("limits", "upstreams"):
        monkeypatch.setattr(f"packshot_admin.{module}.now_ms", lambda: time[0])
    return time


def caps(key: str) -> dict[str, Cap]:
    row = AccountTable(TABLE).key(key)
    assert row
    return dict(row.principal.caps)


def admin(capsys: pytest.CaptureFixture[str], *argv: str, status: int = 0) -> Any:
    return run(capsys, "--stage", "dev", *argv, status=status)


# ----------------------------------------------------------------------------------------------------------- budgets


def test_budgets_are_set_one_by_one_and_lifted(
    world: World, key: str, clock: list[int], capsys: pytest.CaptureFixture[str]
) -> None:
    shown = admin(capsys, "set-budget", ACME, "--credits", "500", "--usd", "12.50")
    assert shown == {
        "account": ACME,
        "cap_credits": 500,
        "cap_micro_usd": 12_500_000,
        "spent_credits": 0,
        "spent_usd": 0.0,
    }
    assert caps(key) == {"account": Cap(500, 12_500_000)}
    shown = admin(capsys, "set-budget", ACME, "--key", key, "--usd", "0.000001")
    assert (shown["key"], shown["cap_micro_usd"]) == (key, 1)
    assert caps(key) == {"account": Cap(500, 12_500_000), key: Cap(None, 1)}
    admin(capsys, "set-budget", ACME, "--credits", "none")
    admin(capsys, "set-budget", ACME, "--key", key, "--credits", "0", "--usd", "none")
    assert caps(key) == {"account": Cap(None, 12_500_000), key: Cap(0, None)}
    admin(capsys, "set-budget", ACME, "--credits", "none", "--usd", "none")
    admin(capsys, "set-budget", ACME, "--key", key, "--credits", "none")
    assert caps(key) == {}


def test_a_budget_shows_what_this_month_has_spent(
    world: World, key: str, clock: list[int], capsys: pytest.CaptureFixture[str]
) -> None:
    given = {"account": Cap(credits=50), key: Cap(credits=50)}
    world.jobs.reserve(*world.job(price=3, budgets=("account",)), caps=given)
    world.jobs.reserve(*world.job(price=2, budgets=("account", key)), caps=given)
    shown = admin(capsys, "set-budget", ACME, "--credits", "1")
    assert (shown["spent_credits"], shown["spent_usd"]) == (5, 0.134)
    shown = admin(capsys, "set-budget", ACME, "--key", key, "--credits", "1")
    assert (shown["spent_credits"], shown["spent_usd"]) == (2, 0.067)
    clock[0] += 31 * 86_400_000
    assert admin(capsys, "set-budget", ACME, "--credits", "1")["spent_credits"] == 0


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--credits", "-1"),
        ("--credits", "1.5"),
        ("--credits", "x"),
        ("--credits", ""),
        ("--usd", "-0.01"),
        ("--usd", "0.0000001"),
        ("--usd", "x"),
        ("--usd", ""),
        ("--usd", "nan"),
        ("--usd", "inf"),
        ("--usd", "1e999999"),
    ],
)
def test_what_is_no_amount_is_a_mistake(
    world: World, key: str, option: str, value: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert option in admin(capsys, "set-budget", ACME, f"{option}={value}", status=2)
    assert caps(key) == {}


def test_a_budget_needs_a_cap_and_somebody_of_that_name(
    world: World, key: str, capsys: pytest.CaptureFixture[str]
) -> None:
    world.open("acc_b")
    assert "--credits, --usd" in admin(capsys, "set-budget", ACME, status=2)
    for who in (("acc_none",), ("acc_none", "--key", key), (ACME, "--key", "nobody"), ("acc_b", "--key", key)):
        assert "no such account or key" in admin(capsys, "set-budget", *who, "--credits", "1", status=1)
    assert caps(key) == {}
    assert world.row("acc_none", "account") is None


# ------------------------------------------------------------------------------------------------------- preference


def test_a_keys_preference_is_set_and_taken_back(world: World, key: str, capsys: pytest.CaptureFixture[str]) -> None:
    for preference in ("price", "latency", "success", "order"):
        assert admin(capsys, "set-preference", key, preference) == {"key": key, "prefer": preference}
        row = AccountTable(TABLE).key(key)
        assert row
        assert row.principal.prefer == preference
    assert admin(capsys, "set-preference", key, "")["prefer"] is None
    row = AccountTable(TABLE).key(key)
    assert row
    assert row.principal.prefer is None
    assert "no such account or key" in admin(capsys, "set-preference", "nobody", "price", status=1)
    with pytest.raises(SystemExit) as ended:
        cli.main(["--table", TABLE, "set-preference", key, "cheapest"])
    assert ended.value.code == 2


# -------------------------------------------------------------------------------------------------- provider's keys


@pytest.mark.parametrize("name", [name for name in providers.NAMES if providers.load(name).secrets])
def test_a_wrong_field_is_told_which_there_are(world: World, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    known = [*(providers.load(name).secrets or {}), "base_url"]
    told = admin(capsys, "set-provider-key", name, f"{known[0]}={CANARY}", f"api_key={CANARY}", status=2)
    assert f"{name} takes {', '.join(known)}; there is no api_key" in told
    assert CANARY not in told
    for bare in (CANARY, CANARY.upper() + "=="):  # the value alone, its field forgotten
        told = admin(capsys, "set-provider-key", name, bare, status=2)
        assert "FIELD=VALUE" in told
        assert bare not in told
    assert secrets.SecretStore().get(f"packshot/dev/providers/{name}") is None
    shown = admin(capsys, "set-provider-key", name, *(f"{field}={CANARY}" for field in known))
    assert shown == {"secret": f"packshot/dev/providers/{name}", "fields": sorted(known)}


# ---------------------------------------------------------------------------------------------------------- the view


def views(capsys: pytest.CaptureFixture[str]) -> tuple[dict[str, dict[str, Any]], str]:
    """The table by provider, and the notes under it."""
    assert cli.main(["--table", TABLE, "--stage", "dev", "--json", "providers"]) == 0
    shown = capsys.readouterr()
    return {row["provider"]: row for row in json.loads(shown.out)["providers"]}, shown.err


def test_providers_that_nobody_has_used(world: World, clock: list[int], capsys: pytest.CaptureFixture[str]) -> None:
    secrets.put("packshot/dev/providers/fal", {"token": CANARY})
    rows, notes = views(capsys)
    assert list(rows) == [name for name in providers.NAMES if name != "studio"]
    blank = {"breaker": "closed", "p50": None, "p95": None, "success": "-", "usd_today": 0.0}
    for name, row in rows.items():
        assert row == {"provider": name, "configured": "yes" if name == "fal" else "no", **blank}
    assert notes.strip() == ""
    assert cli.main(["--table", TABLE, "--stage", "dev", "providers"]) == 0
    shown = capsys.readouterr()
    assert "usd_today" in shown.out
    assert CANARY not in shown.out + shown.err


def test_breakers_are_shown_with_their_reasons(
    world: World, clock: list[int], capsys: pytest.CaptureFixture[str]
) -> None:
    book = HealthTable(TABLE, lambda: clock[0])
    for _ in range(5):
        book.note("fal", "fal-ai/flux-2-pro", "provider_failed")
    book.note("fal", "fal-ai/nano-banana-2", "succeeded", took=9000)
    book.note("replicate", PROVIDER, "provider_quota")
    book.note("replicate", "google/nano-banana-2", "succeeded", took=9000)
    book.note("bfl", PROVIDER, "busy", busy_until=NOW + 20_000)
    book.note("bfl@acc_b", PROVIDER, "provider_unauthorized")  # an account's own key is no matter of the operator's
    book.note("stability", "sd3.5", "provider_failed")
    rows, notes = views(capsys)
    assert rows["fal"]["breaker"] == "1 of 2 routes"
    assert rows["replicate"]["breaker"] == "open (provider_quota)"
    assert rows["bfl"]["breaker"] == "open (busy)"
    assert rows["stability"]["breaker"] == "closed"
    assert [rows[name]["success"] for name in ("fal", "replicate", "bfl", "stability")] == ["59%", "100%", "-", "90%"]
    assert sorted(notes.strip().splitlines()) == [
        "bfl *: open, busy",
        "fal fal-ai/flux-2-pro: open, provider_failed",
        "replicate *: open, provider_quota",
    ]
    clock[0] = NOW + 31_000
    rows, notes = views(capsys)
    assert [rows[name]["breaker"] for name in ("replicate", "bfl")] == ["half-open (provider_quota)", "closed"]
    assert "fal fal-ai/flux-2-pro: half-open, provider_failed" in notes
    book.note("replicate", PROVIDER, "succeeded")
    assert views(capsys)[0]["replicate"]["breaker"] == "closed"
    clock[0] += 1000
    book.note("replicate", "google/nano-banana-2", "provider_unauthorized")
    assert views(capsys)[0]["replicate"]["breaker"] == "1 of 1 routes"  # the provider's own row is no route


def test_running_times_are_shown_as_measured(
    world: World, clock: list[int], capsys: pytest.CaptureFixture[str]
) -> None:
    table = TimingTable(TABLE)
    for seconds in range(1, 21):
        table.add("fal", seconds * 1000)
    table.add("bfl", 7000)
    rows = views(capsys)[0]
    assert [(rows[name]["p50"], rows[name]["p95"]) for name in ("fal", "bfl", "openai")] == [
        (10, 19),
        (7, 7),
        (None, None),
    ]


def attempt(world: World, job: Job, provider: str, micro_usd: int, started: int, number: int = 1) -> Job:
    begun = replace(INTENDED, number=number, provider=provider, micro_usd=micro_usd, started=started)
    return world.step(job, Intended(0, begun, started, job.calls[0].due))


def delivered(world: World, job: Job) -> Job:
    at = job.updated
    job = world.step(job, Accepted(0, 1, at + 100, "abc", job.calls[0].due))
    return world.step(job, Delivered(0, 1, at + 200, ("https://replicate.delivery/a.jpg",)))


def test_what_providers_cost_today_is_summed_from_the_attempts(
    world: World, clock: list[int], capsys: pytest.CaptureFixture[str]
) -> None:
    world.open(monthly=100)
    world.open("acc_b", monthly=100)
    morning, evening = DAY + 1000, DAY - 1000

    def taken(account: str = ACME, created: int = morning) -> Job:
        made, brief = world.job(account, created=created)
        stored = world.jobs.reserve(replace(made, id=ids.make("job", created, world.serial.to_bytes(10, "big"))), brief)
        assert isinstance(stored, Job)
        return stored

    done = delivered(world, attempt(world, taken(), "replicate", 67_000, morning))
    world.step(done, Ingested(0, 1, morning + 5000, (output(0),)))
    delivered(world, attempt(world, taken("acc_b"), "replicate", 30_000, morning))  # not fetched yet, but made
    made = delivered(world, attempt(world, taken(), "fal", 40_000, morning))
    world.step(made, Cancelled(morning + 5000))  # made for nobody
    lost = attempt(world, taken(), "fal", 5_000, morning)
    world.step(lost, Lost(0, 1, morning + 100, morning + 60_000))  # it may have run
    refused = attempt(world, taken(), "bfl", 1_000_000, morning)
    world.step(refused, Refused(0, 1, morning + 100, Failure("provider_failed", "No.")))
    attempt(world, taken(), "bfl", 1_000_000, morning)  # still open
    delivered(world, attempt(world, taken(created=evening), "openai", 9_000, evening))  # yesterday's
    delivered(world, attempt(world, taken(created=evening), "openai", 7_000, morning))  # taken then, tried today
    rows = views(capsys)[0]
    spent = {name: row["usd_today"] for name, row in rows.items() if row["usd_today"]}
    assert spent == {"replicate": 0.097, "fal": 0.045, "openai": 0.007}
    clock[0] = DAY - 1
    spent = {name: row["usd_today"] for name, row in views(capsys)[0].items() if row["usd_today"]}
    assert spent == {"openai": 0.009}


# ------------------------------------------------------------------------------------------------------------ probes


@pytest.fixture(scope="module")
def simulated() -> Iterator[Server]:
    """All simulators on one of the ports that local mode opens."""
    for port in range(8699, 8640, -1):
        try:
            server = Server(port, retries=[])
        except OSError:
            continue
        with server:
            yield server
        return
    raise AssertionError("every port that local mode may reach is taken")


def credentials(server: Server, name: str) -> dict[str, str]:
    found = dict(catalog.simulated()[name])
    return {**found, "base_url": f"{server.url}{found.pop('path')}"}


@pytest.mark.parametrize("name", PROBED)
def test_a_probe_says_whether_the_key_works(
    world: World, simulated: Server, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    good = credentials(simulated, name)
    before = len(simulated.world.requests)
    secrets.put(f"packshot/dev/providers/{name}", good)
    shown = admin(capsys, "probe", name)
    assert (shown["provider"], shown["works"], shown["status"]) == (name, True, 200)
    assert 0 <= shown["ms"] < 5000
    calls = list(simulated.world.requests)[before:]
    assert [(one["simulator"], one["method"], one["effect"]) for one in calls] == [(name, "GET", "")]  # nothing is made
    wrong = {field: CANARY for field in good if field in ("token", "key", "access_key", "secret_key")}
    secrets.put(f"packshot/dev/providers/{name}", {**good, **wrong})
    assert cli.main(["--table", TABLE, "--stage", "dev", "--json", "probe", name]) == 1
    printed = "".join(capsys.readouterr())
    assert '"works": false' in printed
    assert '"status": 4' in printed
    assert CANARY not in printed
    assert not [value for field, value in good.items() if field not in ("base_url", "region") and value in printed]


@pytest.mark.parametrize("name", UNPROBED)
def test_where_no_free_call_is_known_there_is_no_probe(
    world: World, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "no probe" in admin(capsys, "probe", name, status=2)


def test_a_probe_needs_a_provider_and_a_key(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert "there is no provider called nobody" in admin(capsys, "probe", "nobody", status=2)
    told = admin(capsys, "probe", "fal", status=2)
    assert "packshot-admin set-provider-key fal" in told
    assert "--stage" in run(capsys, "probe", "fal", status=2)


@pytest.mark.parametrize("error", [NotSent("unreachable"), NoAnswer("timeout")])
def test_a_provider_that_cannot_be_reached_does_not_work(
    world: World, error: Exception, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr(Egress, "send", broken)
    secrets.put("packshot/dev/providers/replicate", {"token": CANARY})
    shown = admin(capsys, "probe", "replicate", status=1)
    assert shown == {"provider": "replicate", "works": False, "problem": str(error)}


def test_a_probe_goes_to_the_providers_own_hosts_and_nowhere_else(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    gone: list[tuple[str, str]] = []
    monkeypatch.setattr(Egress, "_run", lambda self, method, url, *_: gone.append((method, url)))
    for name in PROBED:
        fields = {field: CANARY for field in providers.load(name).secrets or {} if field != "region"}
        secrets.put(f"packshot/dev/providers/{name}", fields)
        with pytest.raises(AttributeError):  # no answer comes of it
            admin(capsys, "probe", name)
    assert [method for method, _ in gone] == ["GET"] * len(PROBED)
    assert all(url.startswith("https://") for _, url in gone)
    assert not [url for _, url in gone if CANARY in url and "key=" not in url]
