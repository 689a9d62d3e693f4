"""Which calls the sweep has cut: the same list as in calls.json, and all that the template lets a function do.

A new call without a scenario is not in the list that a sweep finds; a right that nothing needs is not used by any.
"""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from tests.architecture.template.reading import listed as many
from tests.architecture.template.reading import named, template

LISTED = Path(__file__).with_name("calls.json")
SEEN = Path(__file__).resolve().parents[2] / "out" / "crash" / "calls.json"
"""Where a whole sweep writes what it has seen: copy it to LISTED once each new line has been looked at."""

BY_LAMBDA = {
    "logs": {"CreateLogStream", "PutLogEvents"},
    "dynamodb": {"DescribeStream", "GetRecords", "GetShardIterator", "ListStreams"},
    "sqs": {"ReceiveMessage", "DeleteMessage", "ChangeMessageVisibility", "GetQueueAttributes"},
}
"""Rights that Lambda itself uses in a function's name: its log, its stream, its queue."""

UNUSED: dict[tuple[str, str], str] = {
    ("submit", "s3:GetObject"): "a presigned address opens with the rights of who signed it",
    ("query", "s3:GetObject"): "a presigned address opens with the rights of who signed it",
    ("callback", "s3:GetObject"): "a presigned address opens with the rights of who signed it",
    ("submit", "s3:PutObject"): "also answers of more than 6 MB, which no scenario has",
    ("query", "s3:PutObject"): "answers of more than 6 MB, which no scenario has",
    ("dispatch", "bedrock:InvokeModel"): "signed by the provider's file, sent by egress: an outbound request",
    ("poll", "s3:PutObject"): "pictures within the answer to a poll, as Stability's upscale gives them",
    ("sweep", "s3:PutObject"): "the same, where the sweep looks itself",
    ("provider_webhook", "s3:PutObject"): "the same, where a webhook makes us look",
    (
        "poll",
        "dynamodb:PutItem",
    ): "a leak, where a cancel comes between read and write: the pair `poll and cancel`",
}
"""Rights that no scenario needs, and why they are there."""


def listed() -> set[tuple[str, str]]:
    """The calls as they were when somebody last looked."""
    written: dict[str, list[str]] = json.loads(LISTED.read_text())
    return {(function, call) for function, calls in written.items() for call in calls}


def write(pairs: Iterable[tuple[str, str]], path: Path) -> None:
    """In the form of the list."""
    found = sorted({one for one in pairs if ":" not in one[1]})
    functions = {name: [call for one, call in found if one == name] for name in sorted({name for name, _ in found})}
    path.write_text(json.dumps(functions, indent=1) + "\n")


def granted() -> set[tuple[str, str]]:
    """What each function's role allows."""
    made, folders = template(), {name: folder.removeprefix("functions/") for name, folder in template().folders.items()}
    of = {named(function["Role"]): folders[name] for name, function in made.functions.items()}
    return {(of[role], action) for role, said in made.statements() if role in of for action in many(said["Action"])}


def missing(pairs: set[tuple[str, str]]) -> Iterator[str]:
    """Where what was seen, what is listed and what is allowed differ."""
    calls = {one for one in pairs if ":" not in one[1]}
    used = {one for one in pairs if ":" in one[1]}
    for function, call in sorted(calls - listed()):
        yield f"{function} calls {call}, which is not in {LISTED.name}: look whether a scenario cuts it everywhere"
    for function, call in sorted(listed() - calls):
        yield f"{function} does not call {call} any more"
    for function, action in sorted(used - granted()):
        yield f"{function} needs {action}, and its role does not allow it"
    for function, action in sorted(granted() - used - UNUSED.keys()):
        service, _, name = action.partition(":")
        if name not in BY_LAMBDA.get(service, ()):
            yield f"{function} is allowed {action}, and no scenario needs it"
