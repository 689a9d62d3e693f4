"""The operator's command line."""

import json
from typing import Any

import pytest

from packshot import keys
from packshot.aws import rows
from packshot.aws.accounts import AccountTable
from packshot.aws.clients import client
from packshot.aws.sealed import Sealer
from packshot.aws.secrets import SecretStore
from packshot_admin import cli, stack
from tests.integration.test_aws_world import TABLE, World, world

__all__ = ["world"]


def run(capsys: pytest.CaptureFixture[str], *argv: str, status: int = 0) -> Any:
    assert cli.main(["--table", TABLE, "--json", *argv]) == status
    shown = capsys.readouterr()
    return json.loads(shown.out) if shown.out else shown.err


def test_the_command_line_from_account_to_books(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    kms = client("kms").create_key()["KeyMetadata"]["KeyId"]
    made = run(capsys, "create-account", "Acme & Söhne", "--monthly", "10", "--key-id", kms)
    account, secret = made["account"], made["callback_secret"]
    stored = world.accounts.account(account)
    assert stored
    assert stored.name == "Acme & Söhne"
    assert secret.startswith("whsec_")
    assert Sealer(kms).open(account, stored.secret or b"").decode() == secret
    with pytest.raises(Exception, match="InvalidCiphertext"):
        Sealer(kms).open("acc_other", stored.secret or b"")
    assert run(capsys, "grant", account, "--pool", "topup", "--amount", "5", "--id", "inv-1")["granted"] == 5
    assert run(capsys, "grant", account, "--pool", "topup", "--amount", "5", "--id", "inv-1")["granted"] == 0
    again = run(capsys, "grant", account, "--pool", "topup", "--amount", "6", "--id", "inv-1", status=1)
    assert "used for another" in again
    key = run(capsys, "create-key", account, "--mode", "test", "--scopes", "jobs:read,jobs:write")
    parsed = keys.parse(key["key"])
    assert parsed
    assert parsed.id == key["key_id"]
    who = AccountTable(TABLE).principal(parsed)
    assert who
    assert who.test
    assert run(capsys, "revoke-key", key["key"])["status"] == "revoked"
    world.take(account, price=3)
    shown = run(capsys, "show-account", account)
    assert (shown["available"], shown["reserved"]["monthly"], len(shown["open_jobs"])) == (
        {"monthly": 7, "topup": 5},
        3,
        1,
    )
    assert run(capsys, "verify-ledger", "--all") == {"accounts": 1, "drifts": []}
    world.db.update_item(**rows.change(TABLE, account, "account", put={"monthly": 8}))
    assert run(capsys, "verify-ledger", account, status=1)["drifts"][0]["field"] == "monthly"
    assert run(capsys, "list-accounts")["accounts"][0]["id"] == account
    assert cli.main(["--table", TABLE, "show-account", account]) == 0
    assert "Acme & Söhne" in capsys.readouterr().out


def test_the_command_line_says_what_is_wrong(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert "no such account" in run(capsys, "show-account", "acc_none", status=1)
    assert "--key-id" in run(capsys, "create-account", "x", status=2)
    assert "no such scope" in run(capsys, "create-key", "a", "--scopes", "all", status=2)
    assert "name an account" in run(capsys, "verify-ledger", status=2)
    assert "no provider" in run(capsys, "--stage", "dev", "set-provider-key", "nobody", "key=1", status=2)
    assert "no such account or key" in run(capsys, "revoke-key", "nobody", status=1)
    assert cli.main(["--table", "missing", "list-accounts"]) == 1
    assert cli.main(["list-accounts"]) == 2
    assert cli.main(["--stack-name", "packshot-none", "list-accounts"]) == 2
    assert "Traceback" not in capsys.readouterr().err


def test_a_stack_is_found_by_its_name(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    template = {
        "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}},
        "Outputs": {
            "TableName": {"Value": TABLE},
            "CallbackKeyId": {"Value": "k"},
            "ProviderSecrets": {"Value": "packshot/dev/providers/"},
        },
    }
    client("cloudformation").create_stack(StackName="packshot-dev", TemplateBody=json.dumps(template))
    assert cli.main(["list-accounts", "--stack-name", "packshot-dev"]) == 0
    found = stack.find("packshot-dev")
    assert (found.table, found.key_id, found.stage) == (TABLE, "k", "dev")


def test_provider_credentials_are_merged_and_removed(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    name = "packshot/dev/providers/fal"
    store = SecretStore()
    assert store.get(name) is None
    run(capsys, "--stage", "dev", "set-provider-key", "fal", "token=abc=d", "user_id=1")
    assert store.get(name) is None  # remembered as missing for a minute
    store.forget(name)
    assert store.get(name) == {"token": "abc=d", "user_id": "1"}
    assert run(capsys, "--stage", "dev", "set-provider-key", "fal", "user_id=")["fields"] == ["token"]
    assert store.get(name) == {"token": "abc=d", "user_id": "1"}
    assert SecretStore().get(name) == {"token": "abc=d"}
    assert "takes token" in run(capsys, "--stage", "dev", "set-provider-key", "fal", "key=x", status=2)
    assert "FIELD=VALUE" in run(capsys, "--stage", "dev", "set-provider-key", "fal", "Key", status=2)
