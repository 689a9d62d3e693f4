"""The operator's command line: plans, statuses, settings, renewals, usage."""

from collections.abc import Callable

import local
import pytest

from packshot import catalog, keys
from packshot.aws import jobs
from packshot.aws.accounts import Account, AccountTable
from packshot.aws.clients import client
from packshot.aws.renewals import Renewals
from packshot.errors import CallerError
from packshot.job import Credits
from packshot.ledger import month_later
from packshot.principal import STATUSES
from packshot_admin import cli
from tests.integration.test_aws_admin import run
from tests.integration.test_aws_world import ACME, NOW, TABLE, World, claim, finish, world

__all__ = ["world"]

MONTH = month_later(NOW)
DAY = 86_400_000


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """What time it is for the commands."""
    time = [NOW]
    monkeypatch.setattr("packshot_admin.commands.now_ms", lambda: time[0])
    return time


@pytest.fixture
def opened(world: World, capsys: pytest.CaptureFixture[str], clock: list[int]) -> Callable[..., Account]:
    """Opens ACME by command; returns its row."""
    kms = client("kms").create_key()["KeyMetadata"]["KeyId"]

    def make(*options: str) -> Account:
        run(capsys, "create-account", "Acme", "--id", ACME, "--key-id", kms, *options)
        return of(world)

    return make


def of(world: World) -> Account:
    account = world.accounts.account(ACME)
    assert account
    return account


def due(world: World) -> int | None:
    row = world.row(ACME, "renewal")
    return int(row["due"]["N"]) if row else None


@pytest.mark.parametrize("plan", [None, *catalog.plans()])
def test_a_plan_gives_limits_credits_and_a_renewal(
    plan: str | None, world: World, opened: Callable[..., Account], capsys: pytest.CaptureFixture[str]
) -> None:
    account = opened(*(("--plan", plan) if plan else ()))
    says = catalog.plans()[plan or "free"]
    renews = MONTH if says["monthly"] else None
    assert (account.plan, account.rpm, account.burst) == (plan or "free", says["requests_per_minute"], says["burst"])
    assert (account.available, account.allowance) == (Credits(says["monthly"]), says["monthly"])
    assert (account.status, account.email, account.renews, due(world)) == ("active", None, renews, renews)
    assert run(capsys, "verify-ledger", "--all") == {"accounts": 1, "drifts": []}


def test_what_is_said_wins_over_the_plan(world: World, opened: Callable[..., Account]) -> None:
    account = opened(
        *("--plan", "enterprise", "--monthly", "7", "--topup", "3", "--allowance", "30", "--rpm", "5", "--burst", "2"),
        *("--email", "owner@acme.example", "--status", "trialing"),
    )
    assert (account.plan, account.rpm, account.burst, account.available) == ("enterprise", 5, 2, Credits(7, 3))
    assert (account.allowance, account.renews, due(world)) == (30, MONTH, MONTH)
    assert (account.email, account.status) == ("owner@acme.example", "trialing")


def test_an_allowance_of_nothing_does_not_renew(world: World, opened: Callable[..., Account]) -> None:
    account = opened("--plan", "pro", "--allowance", "0", "--monthly", "0")
    assert (account.available, account.allowance, account.renews, due(world)) == (Credits(), 0, None, None)


def test_a_plan_is_changed_and_a_renewal_that_runs_goes_on(
    world: World, opened: Callable[..., Account], capsys: pytest.CaptureFixture[str], clock: list[int]
) -> None:
    opened("--topup", "4", "--rpm", "7")
    assert run(capsys, "set-plan", ACME, "enterprise")["renews"] is None
    assert (of(world).rpm, of(world).burst, of(world).renews, due(world)) == (600, 100, None, None)
    clock[0] += DAY
    starts = month_later(NOW + DAY)
    shown = run(capsys, "set-plan", ACME, "pro")
    assert shown == {
        "account": ACME,
        "plan": "pro",
        "requests_per_minute": 60,
        "burst": 20,
        "allowance": 1000,
        "renews": "2026-03-03T02:40:00Z",
    }
    now = of(world)
    assert (now.plan, now.rpm, now.burst, now.allowance, now.renews, due(world)) == (
        "pro",
        60,
        20,
        1000,
        starts,
        starts,
    )
    clock[0] += DAY
    run(capsys, "set-plan", ACME, "starter", "--allowance", "75")
    now = of(world)
    assert (now.plan, now.allowance, now.renews, due(world)) == ("starter", 75, starts, starts)
    assert now.available == Credits(0, 4)  # credits come at the renewal
    clock[0] = starts
    run(capsys, "renew", ACME)
    run(capsys, "set-plan", ACME, "free")
    assert (of(world).allowance, of(world).available) == (0, Credits(75, 4))
    clock[0] = month_later(starts)
    run(capsys, "renew", ACME)
    assert of(world).available == Credits(0, 4)  # the last allowance lapses with its month
    assert run(capsys, "verify-ledger", ACME)["drifts"] == []


@pytest.mark.parametrize("status", STATUSES)
def test_a_status_says_who_may_look_and_who_may_spend(
    status: str, world: World, opened: Callable[..., Account], capsys: pytest.CaptureFixture[str]
) -> None:
    opened("--topup", "5")
    key = keys.parse(run(capsys, "create-key", ACME)["key"])
    assert key
    assert run(capsys, "set-status", ACME, status) == {"account": ACME, "status": status}
    who = AccountTable(TABLE).principal(key)
    assert (who and who.status) == (None if status == "suspended" else status)
    if status in ("active", "trialing"):
        world.take()
    else:
        with pytest.raises(CallerError) as caught:
            world.take()
        assert caught.value.code == "account_inactive"
    assert run(capsys, "verify-ledger", ACME)["drifts"] == []
    run(capsys, "set-status", ACME, "active")
    assert AccountTable(TABLE).principal(key)


def test_a_model_per_operation_is_chosen_and_let_go(
    world: World, opened: Callable[..., Account], capsys: pytest.CaptureFixture[str]
) -> None:
    opened()
    run(capsys, "set-model", ACME, "generate", "nanobanana2")
    both = {"generate": "nanobanana2", "remove_background": "studio"}
    assert run(capsys, "set-model", ACME, "remove_background", "studio")["models"] == both
    assert of(world).models == both
    key = keys.parse(run(capsys, "create-key", ACME)["key"])
    who = AccountTable(TABLE).principal(key) if key else None
    assert who
    assert who.models == both
    wrong = run(capsys, "set-model", ACME, "remove_background", "nanobanana2", status=2)
    assert "nanobanana2 cannot remove_background; these can: studio" in wrong
    assert "nobody cannot generate" in run(capsys, "set-model", ACME, "generate", "nobody", status=2)
    assert of(world).models == both
    assert run(capsys, "set-model", ACME, "generate", "")["models"] == {"remove_background": "studio"}
    assert run(capsys, "set-model", ACME, "remove_background", "")["models"] == {}
    assert "models" not in (world.row(ACME, "account") or {})


def test_a_renewal_by_hand_is_the_sweeps(
    world: World, opened: Callable[..., Account], capsys: pytest.CaptureFixture[str], clock: list[int]
) -> None:
    opened("--plan", "starter", "--topup", "2")
    before = claim(world, world.take(price=10))
    world.take(price=15)
    early = run(capsys, "renew", ACME)
    assert (early["renewed"], early["available"]) == (False, {"monthly": 25, "topup": 2})
    assert early["renews"] == "2026-03-02T02:40:00Z"
    clock[0] = month_later(MONTH) + DAY  # two were missed: that is one allowance
    done = run(capsys, "renew", ACME)
    assert (done["renewed"], done["available"]) == (True, {"monthly": 50, "topup": 2})
    assert (done["allowance"], done["renews"]) == (50, "2026-05-02T02:40:00Z")
    assert run(capsys, "renew", ACME)["renewed"] is False
    finish(world, before, 0)
    assert of(world).available == Credits(60, 2)  # on top of the allowance
    assert run(capsys, "verify-ledger", ACME)["drifts"] == []


def test_a_renewal_that_does_not_succeed_is_told(
    world: World,
    opened: Callable[..., Account],
    capsys: pytest.CaptureFixture[str],
    clock: list[int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    opened("--plan", "starter")
    clock[0] = MONTH
    monkeypatch.setattr(Renewals, "_renewed", lambda *_: False)
    assert run(capsys, "renew", ACME, status=1)["renewed"] is False
    assert cli.main(["--table", TABLE, "renew", ACME]) == 1
    assert "try again" in capsys.readouterr().out


def test_an_account_without_a_plan_for_it_never_renews(
    world: World, opened: Callable[..., Account], capsys: pytest.CaptureFixture[str], clock: list[int]
) -> None:
    opened("--monthly", "9")
    clock[0] += 400 * DAY
    assert run(capsys, "renew", ACME) == {
        "account": ACME,
        "renewed": False,
        "available": {"monthly": 9, "topup": 0},
        "allowance": 0,
        "renews": None,
    }


def test_an_account_is_shown_with_its_plan_and_settings(
    world: World, opened: Callable[..., Account], capsys: pytest.CaptureFixture[str]
) -> None:
    opened("--plan", "starter", "--email", "owner@acme.example", "--status", "past_due")
    run(capsys, "set-model", ACME, "generate", "flux-2")
    shown = run(capsys, "show-account", ACME)
    assert {name: shown[name] for name in ("plan", "status", "allowance", "renews", "models", "email")} == {
        "plan": "starter",
        "status": "past_due",
        "allowance": 50,
        "renews": "2026-03-02T02:40:00Z",
        "models": {"generate": "flux-2"},
        "email": "owner@acme.example",
    }
    assert run(capsys, "list-accounts")["accounts"] == [
        {"id": ACME, "name": "Acme", "plan": "starter", "status": "past_due", "monthly": 50, "topup": 0}
    ]
    run(capsys, "set-plan", ACME, "free")
    assert cli.main(["--table", TABLE, "show-account", ACME]) == 0
    text = capsys.readouterr().out
    assert "plan: free\n" in text
    assert "models: generate flux-2\n" in text
    assert cli.main(["--table", TABLE, "list-accounts"]) == 0
    assert "id name plan status monthly topup" in " ".join(capsys.readouterr().out.split())


def test_an_account_that_has_little_to_say_is_shown(
    world: World, opened: Callable[..., Account], capsys: pytest.CaptureFixture[str]
) -> None:
    opened()
    shown = run(capsys, "show-account", ACME)
    assert (shown["renews"], shown["email"], shown["models"], shown["allowance"]) == (None, None, {}, 0)
    assert cli.main(["--table", TABLE, "show-account", ACME]) == 0
    assert "renews: -\n" in capsys.readouterr().out


def test_usage_is_counted_per_key_between_two_times(
    world: World, opened: Callable[..., Account], capsys: pytest.CaptureFixture[str], clock: list[int]
) -> None:
    opened("--topup", "100")
    for key, made in (("kid-a", 1), ("kid-b", 0), ("kid-a", 1)):
        finish(world, claim(world, world.take(key=key, price=3)), made)
    clock[0] = NOW + DAY
    used = run(capsys, "usage", ACME, "--since", "2026-02-02")
    first = {"key": "kid-a", "model": "nanobanana2", "jobs": 2, "images": 2, "charged": 6, "refunded": 0}
    second = {"key": "kid-b", "model": "nanobanana2", "jobs": 1, "images": 0, "charged": 0, "refunded": 3}
    assert used == {
        "account": ACME,
        "since": "2026-02-02T00:00:00.000Z",
        "until": "2026-02-03T02:40:00.000Z",
        "charged": 6,
        "complete": True,
        "keys": [first, second],
    }
    for since, until, counted in (
        ("2026-02-02T02:40:00.002Z", "2026-02-02T02:40:00.003Z", ["kid-b"]),
        ("2026-02-02T03:40:00.002+01:00", "2026-02-02T02:40:00.003", ["kid-b"]),
        ("2026-02-03", "2026-02-04", []),
        ("1969-01-01", "2026-02-02", []),
    ):
        used = run(capsys, "usage", ACME, "--since", since, "--until", until)
        assert [one["key"] for one in used["keys"]] == counted, since
    assert cli.main(["--table", TABLE, "usage", ACME, "--since", "2026-02-02"]) == 0
    text = capsys.readouterr().out
    assert "key model jobs images charged refunded kid-a nanobanana2 2 2 6 0" in " ".join(text.split())


def test_usage_that_is_too_much_to_count_says_where_to_go_on(
    world: World, opened: Callable[..., Account], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "PAGE", 2)
    monkeypatch.setattr(jobs, "COUNTED", 2)
    opened("--topup", "10")
    for _ in range(3):
        world.take(key="kid")
    times, counted = ["--since", "2026-02-02", "--until", "2026-02-04"], []
    for complete in (False, True):
        used = run(capsys, "usage", ACME, *times)
        assert used["complete"] is complete
        counted += [one["jobs"] for one in used["keys"]]
        times[1] = used["until"]
        if not complete:
            assert cli.main(["--table", TABLE, "usage", ACME, "--since", "2026-02-02", "--until", "2026-02-04"]) == 0
            assert "go on from `until`" in capsys.readouterr().out
    assert counted == [1, 2]


def test_a_key_may_manage_its_account_by_default(
    world: World, opened: Callable[..., Account], capsys: pytest.CaptureFixture[str]
) -> None:
    opened()
    assert "account:manage" in run(capsys, "create-key", ACME)["scopes"]
    assert run(capsys, "create-key", ACME, "--scopes", "account:manage")["scopes"] == ["account:manage"]


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (("--allowance", "-1"), "credits cannot be negative"),
        (("--monthly", "-1"), "credits cannot be negative"),
        (("--topup", "-1"), "credits cannot be negative"),
        (("--rpm", "0"), "limits must be 1 or more"),
        (("--burst", "0"), "limits must be 1 or more"),
        (("--email", "nobody"), "'nobody' is no email address"),
        (("--email", "a b@c"), "'a b@c' is no email address"),
        (("--id", "accounts"), "an account's id"),
    ],
)
def test_an_account_that_cannot_be_is_not_opened(
    options: tuple[str, ...], why: str, world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    assert why in run(capsys, "create-account", "Acme", "--key-id", "k", *options, status=2)
    assert world.books.accounts() == []


@pytest.mark.parametrize(
    ("argv", "why"),
    [
        (("create-account", "Acme", "--plan", "gold"), "invalid choice: 'gold'"),
        (("create-account", "Acme", "--status", "strange"), "invalid choice: 'strange'"),
        (("create-account", "Acme", "--allowance", "many"), "invalid int value: 'many'"),
        (("set-plan", ACME, "gold"), "invalid choice: 'gold'"),
        (("set-plan", ACME), "required: plan"),
        (("set-status", ACME, "strange"), "invalid choice: 'strange'"),
        (("set-model", ACME, "paint", "studio"), "invalid choice: 'paint'"),
        (("usage", ACME), "required: --since"),
    ],
)
def test_a_word_that_is_none_of_ours_is_refused(
    argv: tuple[str, ...], why: str, world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.open()
    with pytest.raises(SystemExit) as ended:
        cli.main(["--table", TABLE, *argv])
    assert ended.value.code == 2
    assert why in capsys.readouterr().err


@pytest.mark.parametrize(
    ("argv", "why"),
    [
        (("set-plan", ACME, "pro", "--allowance", "-1"), "credits cannot be negative"),
        (("usage", ACME, "--since", "yesterday"), "'yesterday' is no time"),
        (("usage", ACME, "--since", "2026-02-30"), "'2026-02-30' is no time"),
        (("usage", ACME, "--since", "2026-02-02", "--until", "soon"), "'soon' is no time"),
        (("usage", ACME, "--since", "2026-02-02", "--until", "2026-02-02"), "--until must be later"),
        (("usage", ACME, "--since", "9999-12-31"), "--until must be later"),
    ],
)
def test_what_cannot_be_done_changes_nothing(
    argv: tuple[str, ...], why: str, world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.open()
    before = world.row(ACME, "account")
    assert why in run(capsys, *argv, status=2)
    assert world.row(ACME, "account") == before


@pytest.mark.parametrize(
    "argv",
    [
        ("set-plan", "acc_none", "pro"),
        ("set-status", "acc_none", "active"),
        ("set-model", "acc_none", "generate", "studio"),
        ("renew", "acc_none"),
        ("usage", "acc_none", "--since", "2026-02-02"),
    ],
)
def test_nobodys_account_stays_nobodys(argv: tuple[str, ...], world: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert "no such account" in run(capsys, *argv, status=1)
    assert world.db.scan(TableName=TABLE)["Items"] == []


def test_the_account_of_make_up_can_afford_a_demo(
    world: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    kms = client("kms").create_key()["KeyMetadata"]["KeyId"]
    monkeypatch.setattr(local, "admin", lambda *argv: run(capsys, "--key-id", kms, *argv))
    seeded = local.seed_account()
    account = world.accounts.account(seeded["account"])
    assert account
    assert (account.plan, account.rpm, account.burst, account.available.total) == ("pro", 600, 100, 10_000)
    assert seeded["key"] != seeded["test_key"]
