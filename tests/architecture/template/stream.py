"""The table's stream: it never stops for one bad record, and wakes relay only for rows that relay reads."""

import json
from collections.abc import Iterator

from tests.architecture.template.reading import (
    Resource,
    Template,
    also,
    at,
    drop,
    dug,
    extra,
    named,
    promise,
    put,
    without,
)

CHANGES = "RelayFunctionChanges"
STREAM = {"Fn::GetAtt": ["Table", "StreamArn"]}


def mappings(template: Template) -> Iterator[tuple[str, Resource]]:
    """What reads the stream."""
    for name, mapping in template.of("AWS::Lambda::EventSourceMapping").items():
        if named(mapping["EventSourceArn"]) == "Table":
            yield name, mapping


@promise(
    {
        "nobody": without(CHANGES),
        "switched off": put(CHANGES, "Enabled", to=False),
        "somebody else": put(CHANGES, "FunctionName", to={"Ref": "SweepFunction"}),
        "two": also(
            extra("Second", "AWS::Lambda::EventSourceMapping", EventSourceArn=STREAM, FunctionName="other"),
            "stream.the_stream_never_stops_for_one_bad_record",
            "stream.relay_is_woken_by_the_rows_it_reads",
        ),
    }
)
def one_function_reads_the_stream(template: Template) -> Iterator[str]:
    """The stream is read by relay, and by nobody else."""
    found = [named(mapping["FunctionName"]) for _, mapping in mappings(template) if mapping.get("Enabled", True)]
    if found != ["RelayFunction"]:
        yield f"it is read by {found}"


@promise(
    {
        "changes before the first deployment are lost": put(CHANGES, "StartingPosition", to="LATEST"),
        "a record is kept for ever": put(CHANGES, "MaximumRecordAgeInSeconds", to=-1),
        "a record is tried for ever": put(CHANGES, "MaximumRetryAttempts", to=-1),
        "a record is not tried again": put(CHANGES, "MaximumRetryAttempts", to=0),
        "the default, for ever": drop(CHANGES, "MaximumRetryAttempts"),
        "a bad record takes its batch along": put(CHANGES, "BisectBatchOnFunctionError", to=False),
        "what is given up is gone": drop(CHANGES, "DestinationConfig"),
        "what is given up goes where nobody looks": put(
            CHANGES, "DestinationConfig", "OnFailure", "Destination", to={"Fn::GetAtt": ["Bus", "Arn"]}
        ),
        "an answer that says nothing": put(CHANGES, "FunctionResponseTypes", to=["ReportBatchItemFailures"]),
    }
)
def the_stream_never_stops_for_one_bad_record(template: Template) -> Iterator[str]:
    """A batch that fails is halved, tried ten times within an hour, and then parked.

    Relay parks single records by itself and so has no part of a batch to report.
    """
    for name, mapping in mappings(template):
        if mapping.get("StartingPosition") != "TRIM_HORIZON":
            yield f"{name} starts too late"
        if not 60 <= mapping.get("MaximumRecordAgeInSeconds", -1) <= 3600:
            yield f"{name} keeps at one record for {mapping.get('MaximumRecordAgeInSeconds')} s"
        if not 1 <= mapping.get("MaximumRetryAttempts", -1) <= 10:
            yield f"{name} tries {mapping.get('MaximumRetryAttempts')} times"
        if mapping.get("BisectBatchOnFunctionError") is not True:
            yield f"{name} loses whole batches"
        if named(dug(mapping, "DestinationConfig", "OnFailure", "Destination")) != "ParkedQueue":
            yield f"{name} does not park what it gives up"
        if mapping.get("FunctionResponseTypes"):
            yield f"{name} waits for an answer that relay does not give"


@promise(
    {
        "woken by everything": drop(CHANGES, "FilterCriteria"),
        "one kind of row is forgotten": put(
            CHANGES, "FilterCriteria", "Filters", 0, "Pattern", to=lambda old: old.replace('{"prefix": "asset#"}, ', "")
        ),
        "a kind of row that relay does not read": put(
            CHANGES, "FilterCriteria", "Filters", 0, "Pattern", to=lambda old: old.replace("asset#", "rate#")
        ),
        "relay reads one kind more": at("sources", "rows of the stream", to=lambda old: [*old, "budget#"]),
        "changes are left out": put(
            CHANGES, "FilterCriteria", "Filters", 0, "Pattern", to=lambda old: old.replace(', "MODIFY"', "")
        ),
        "not JSON": put(CHANGES, "FilterCriteria", "Filters", 0, "Pattern", to="{"),
        "a second filter": put(CHANGES, "FilterCriteria", "Filters", to=lambda old: [*old, {"Pattern": "{}"}]),
    }
)
def relay_is_woken_by_the_rows_it_reads(template: Template) -> Iterator[str]:
    """Relay is woken by the rows that it reads, and by no others (most are rate limits)."""
    rows = [{"prefix": beginning} for beginning in template.sources["rows of the stream"]]
    wanted = {"eventName": ["INSERT", "MODIFY"], "dynamodb": {"Keys": {"sk": {"S": rows}}}}
    for name, mapping in mappings(template):
        filters = [_pattern(one.get("Pattern", "")) for one in dug(mapping, "FilterCriteria", "Filters") or []]
        if filters != [wanted]:
            yield f"{name} lets through {filters}"


def _pattern(text: str) -> Resource | None:
    """A filter with its beginnings in order; None when it is not JSON."""
    try:
        pattern: Resource = json.loads(text)
    except ValueError:
        return None
    if isinstance(rows := dug(pattern, "dynamodb", "Keys", "sk", "S"), list):
        rows.sort(key=json.dumps)
    return pattern
