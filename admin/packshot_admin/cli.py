"""The command line: `packshot-admin --stack-name packshot-dev show-account acme`.

The same against AWS and against an emulator (AWS_ENDPOINT_URL). Ends with 0, with 1 when the books disagree or the
request cannot be met, with 2 when the command line is wrong.
"""

import argparse
import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import replace

from botocore.exceptions import BotoCoreError, ClientError

from packshot import catalog
from packshot.brief import OPERATIONS
from packshot.errors import CallerError, PackshotError
from packshot.principal import STATUSES
from packshot.routing import PREFERENCES
from packshot_admin import commands, estate, limits, stack, upstreams
from packshot_admin.commands import Result
from packshot_admin.stack import Mistake, Stack


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command. Returns the exit status."""
    given = _parser().parse_args(argv)
    run: Callable[[Stack, argparse.Namespace], Result] = given.run
    try:
        with redirect_stdout(sys.stderr):  # the core logs to stdout, which is for the result alone
            result = run(_stack(given), given)
    except Mistake as error:
        return _fail(str(error), 2)
    except CallerError as error:
        return _fail("there is no such account or key" if error.code == "not_found" else error.message)
    except PackshotError as error:
        return _fail(str(error) or type(error).__name__)
    except ClientError as error:
        return _fail(f"AWS refused {error.operation_name}: {error.response['Error'].get('Message', error)}")
    except BotoCoreError as error:
        return _fail(str(error))
    if "json" in given:
        print(json.dumps(dict(result.facts), indent=2, ensure_ascii=False))
    else:
        print("\n".join(_text(result.facts)))
    if result.note:
        print(result.note, file=sys.stderr if "json" in given else sys.stdout)
    return 0 if result.good else 1


def _stack(given: argparse.Namespace) -> Stack:
    """What the command line names wins over what the stack says."""
    named = {
        name: value
        for name in ("table", "key_id", "stage", "uploads", "outputs")
        if (value := getattr(given, name, ""))
    }
    name = getattr(given, "stack_name", "") or os.environ.get("PACKSHOT_STACK", "")
    return replace(stack.find(name) if name else Stack(), **named)


def _text(facts: Mapping[str, object], indent: str = "") -> list[str]:
    lines = []
    for name, value in facts.items():
        label = f"{indent}{name.replace('_', ' ')}:"
        if isinstance(value, list) and value and isinstance(value[0], dict):
            table = [list(value[0]), *([str(_short(one)) for one in row.values()] for row in value)]
            widths = [max(map(len, column)) for column in zip(*table, strict=True)]
            lines.append(label)
            lines += [f"{indent}  " + "  ".join(map(str.ljust, row, widths)).rstrip() for row in table]
        else:
            lines.append(f"{label} {_short(value)}")
    return lines


def _short(value: object) -> object:
    if isinstance(value, dict):
        return ", ".join(f"{name} {inner}" for name, inner in value.items()) or "none"
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return value if value not in (None, "") else "-"


def _fail(message: str, status: int = 1) -> int:
    print(f"packshot-admin: {message}", file=sys.stderr)
    return status


def _parser() -> argparse.ArgumentParser:
    where = argparse.ArgumentParser(add_help=False)
    where.add_argument("--stack-name", default=argparse.SUPPRESS, help="the deployment (or PACKSHOT_STACK)")
    where.add_argument("--table", default=argparse.SUPPRESS, help="its table")
    where.add_argument("--key-id", default=argparse.SUPPRESS, help="its KMS key for callback secrets")
    where.add_argument("--stage", default=argparse.SUPPRESS, help="its stage, as in packshot/{stage}/providers/")
    where.add_argument("--uploads", default=argparse.SUPPRESS, help="its bucket of uploads")
    where.add_argument("--outputs", default=argparse.SUPPRESS, help="its bucket of outputs")
    where.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="print JSON")
    parser = argparse.ArgumentParser("packshot-admin", description="Operate a packshot deployment.", parents=[where])
    verbs = parser.add_subparsers(required=True, metavar="COMMAND")

    def verb(run: Callable[[Stack, argparse.Namespace], Result], name: str = "") -> argparse.ArgumentParser:
        about = (run.__doc__ or "").splitlines()[0]
        name = name or run.__name__.replace("_", "-")
        made = verbs.add_parser(name, parents=[where], help=about, description=about)
        made.set_defaults(run=run)
        return made

    one = verb(commands.create_account)
    one.add_argument("name")
    one.add_argument("--id", default="", help="default: a new acc_… id")
    one.add_argument("--plan", choices=tuple(catalog.plans()), default="free")
    one.add_argument("--email", default="")
    one.add_argument("--status", choices=STATUSES, default="active")
    one.add_argument("--topup", type=int, default=0, metavar="N", help="credits that do not lapse")
    for option, about in (
        ("--monthly", "credits until the first renewal"),
        ("--allowance", "credits a month from then on; with 0 it does not renew"),
        ("--rpm", "requests a minute of each key"),
        ("--burst", "requests at once"),
    ):
        one.add_argument(option, type=int, metavar="N", help=f"{about}; default: the plan's")
    one = verb(commands.set_plan)
    one.add_argument("account")
    one.add_argument("plan", choices=tuple(catalog.plans()))
    one.add_argument("--allowance", type=int, metavar="N", help="credits a month; default: the plan's")
    one = verb(commands.set_status)
    one.add_argument("account")
    one.add_argument("status", choices=STATUSES)
    one = verb(commands.set_model)
    one.add_argument("account")
    one.add_argument("operation", choices=OPERATIONS)
    one.add_argument("model", help="or '': the default again")
    verb(commands.renew).add_argument("account")
    one = verb(commands.grant)
    one.add_argument("account")
    one.add_argument("--pool", choices=("monthly", "topup"), required=True)
    one.add_argument("--amount", type=int, required=True, metavar="N")
    one.add_argument("--id", dest="external_id", required=True, help="your own id of it; one never grants twice")
    one.add_argument("--reason", default="")
    one = verb(commands.create_key)
    one.add_argument("account")
    one.add_argument("--mode", choices=("live", "test"), default="live")
    one.add_argument("--scopes", default="", help=f"default: {','.join(commands.ALL_SCOPES)}")
    one.add_argument("--name", default="")
    verb(commands.revoke_key).add_argument("kid", metavar="KEY_ID")
    verb(commands.show_account).add_argument("account")
    one = verb(commands.verify_ledger)
    one.add_argument("account", nargs="?", default="")
    one.add_argument("--all", action="store_true")
    verb(commands.list_accounts)
    one = verb(commands.usage)
    one.add_argument("account")
    one.add_argument("--since", required=True, metavar="TIME", help="2026-11-01, or 2026-11-01T08:30:00Z")
    one.add_argument("--until", default="", metavar="TIME", help="default: now")
    one = verb(limits.set_budget)
    one.add_argument("account")
    one.add_argument("--key", default="", metavar="KEY_ID", help="of this key alone")
    one.add_argument("--credits", metavar="N", help="credits a month, or none")
    one.add_argument("--usd", metavar="AMOUNT", help="US dollars a month that providers may cost, or none")
    one = verb(limits.set_preference)
    one.add_argument("kid", metavar="KEY_ID")
    one.add_argument("prefer", choices=(*PREFERENCES, ""), help="which routes first; '': as the catalogue says")
    verb(estate.leaks)
    one = verb(estate.export)
    one.add_argument("account")
    one.add_argument("file")
    verb(estate.import_, "import").add_argument("file")
    one = verb(estate.delete_account)
    one.add_argument("account")
    one.add_argument("--confirm", default="", metavar="ACCOUNT", help="its id once more")
    one.add_argument("--keep-years", type=int, default=10, metavar="N", help="how long entries of money stay")
    verb(upstreams.show_providers, "providers")
    verb(upstreams.probe).add_argument("provider")
    one = verb(commands.set_provider_key)
    one.add_argument("provider")
    one.add_argument("fields", nargs="+", metavar="FIELD=VALUE")
    return parser


if __name__ == "__main__":
    sys.exit(main())
