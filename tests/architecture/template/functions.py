"""Functions: where their code is, what they carry and are told, who calls them without waiting."""

import json
import re
from collections.abc import Iterator

from tests.architecture.template.reading import (
    Template,
    also,
    at,
    drop,
    dug,
    extra,
    listed,
    more,
    named,
    promise,
    put,
    without,
)

IMAGING = {"CheckFunction", "DispatchFunction", "RenderFunction", "IngestFunction"}
"""They open pictures. numpy starts a thread for each processor unless it is told not to."""

SECRET = re.compile(r"sk-|pk_(live|test)_|whsec_|r8_|AKIA|ASIA|BEGIN [A-Z ]*PRIVATE|password|token", re.IGNORECASE)
"""What a secret looks like, or is called."""

RESERVED = {"IngestFunction", "CallbackFunction"}
"""What fetches pictures that are paid for, and what tells their owner: a crowd at the doors must not hold them up."""

COMES_AGAIN = {
    "SweepFunction": ("SweepFunctionEveryMinute", "rate(1 minute)"),
    "ReconcileFunction": ("ReconcileFunctionEveryQuarter", "rate(15 minutes)"),
}
"""Functions that need no second try because their schedule is one, and that schedule."""

SOURCES = (
    "AWS::Events::Rule",
    "AWS::Scheduler::Schedule",
    "AWS::SNS::Subscription",
    "AWS::SNS::Topic",
    "AWS::S3::Bucket",
)
"""What can call a function without waiting for its answer."""


@promise(
    {
        "a folder that no function runs": at("sources", "there", to=lambda old: [*old, "functions/stray"]),
        "a function whose folder is gone": at("sources", "there", to=lambda old: old[1:]),
    }
)
def folders_and_functions_are_the_same_list(template: Template) -> Iterator[str]:
    """Every folder in `functions/` is a function, and every function a folder."""
    for folder in set(template.folders.values()) ^ set(template.sources["there"]):
        yield f"{folder} is only on one side"


@promise({"a name of its own": at("sources", "folders", to=lambda old: {**old, "TakerFunction": "functions/submit"})})
def a_function_is_named_after_its_folder(template: Template) -> Iterator[str]:
    """A function is named after its folder."""
    for name, folder in template.folders.items():
        words = folder.removeprefix("functions/").split("_")
        if name != "".join(word.capitalize() for word in words) + "Function":
            yield f"{name} runs {folder}"


@promise(
    {
        "a variable nobody reads": put("QueryFunction", "Environment", "Variables", "LEFT_OVER", to="1"),
        "a variable that is missing": drop("QueryFunction", "Environment", "Variables", "API_URL"),
        "a new setting": at("sources", "settings", "functions/query", to=lambda old: [*old, "COLOUR"]),
        "numpy with a thread for each processor": drop(
            "RenderFunction", "Environment", "Variables", "OPENBLAS_NUM_THREADS"
        ),
    }
)
def a_function_is_told_exactly_what_it_reads(template: Template) -> Iterator[str]:
    """A function is told exactly what its `Settings` read."""
    for name in template.functions:
        folder = template.folders.get(name, "")
        common = {"LOG_LEVEL", "OPENBLAS_NUM_THREADS"} if name in IMAGING else {"LOG_LEVEL"}
        wanted = set(template.sources["settings"].get(folder, ())) | common
        for variable in wanted ^ set(template.variables(name)):
            yield f"{name}: {variable} is {'not told' if variable in wanted else 'not read'}"


@promise(
    {
        "a role for two": put("QueryFunction", "Role", to={"Fn::GetAtt": ["SubmitRole", "Arn"]}),
        "a log for two": put("QueryFunction", "LoggingConfig", "LogGroup", to={"Ref": "SubmitLogs"}),
    }
)
def a_function_has_a_role_and_a_log_of_its_own(template: Template) -> Iterator[str]:
    """Each function has a role and a log of its own."""
    for name, function in template.functions.items():
        stem = name.removesuffix("Function")
        if named(function.get("Role")) != f"{stem}Role":
            yield f"{name} has not its own role"
        if named(dug(function, "LoggingConfig", "LogGroup")) != f"{stem}Logs":
            yield f"{name} has not its own log"


@promise(
    {
        "a runtime of its own": put("QueryFunction", "Runtime", to="python3.9"),
        "a processor of its own": put("QueryFunction", "Architectures", to=["x86_64"]),
    }
)
def all_functions_run_on_the_same(template: Template) -> Iterator[str]:
    """All run on the runtime and the processor that the parameters name."""
    for name, function in template.functions.items():
        if function.get("Runtime") != {"Ref": "LambdaRuntime"} or function.get("Architectures") != [
            {"Ref": "Architecture"}
        ]:
            yield f"{name} runs on something else"


@promise(
    {
        "submit loads numpy": more("SubmitFunction", "Layers", item={"Ref": "ImagingLayer"}),
        "render loads none": drop("RenderFunction", "Layers", 2),
        "query loads a layer of somebody else": more(
            "QueryFunction", "Layers", item="arn:aws:lambda:eu-west-1:1:layer:x"
        ),
    }
)
def only_the_picture_makers_carry_the_imaging_layer(template: Template) -> Iterator[str]:
    """Only functions that open pictures carry the imaging layer; the others start light."""
    for name, function in template.functions.items():
        carried = [named(layer) for layer in function.get("Layers", [])]
        if any("Imaging" in layer for layer in carried) != (name in IMAGING):
            yield f"{name} carries {carried}"
        elif len(carried) != (3 if name in IMAGING else 2):
            yield f"{name} carries {len(carried)} layers"


@promise(
    {
        "a provider's token": put("PollFunction", "Environment", "Variables", "OUTPUTS_BUCKET", to="r8_abcdefghijk"),
        "a key of AWS": put("PollFunction", "Environment", "Variables", "TABLE_NAME", to="AKIAIOSFODNN7EXAMPLE"),
        "a key of ours": put("PollFunction", "Environment", "Variables", "TABLE_NAME", to="pk_live_0123456789"),
    }
)
def no_secret_is_in_an_environment(template: Template) -> Iterator[str]:
    """No environment holds a secret, only where one is found."""
    for name, function in template.functions.items():
        if found := SECRET.search(json.dumps(function.get("Environment", {}))):
            yield f"{name} is told {found[0]}…"


@promise(
    {
        "ingest shares its places": drop("IngestFunction", "ReservedConcurrentExecutions"),
        "fewer places than workers": put(
            "CallbackFunction", "ReservedConcurrentExecutions", to={"Fn::If": ["IsProd", 10, {"Ref": "AWS::NoValue"}]}
        ),
        "places for development": put("IngestFunction", "ReservedConcurrentExecutions", to=50),
        "submit takes places away": put("SubmitFunction", "ReservedConcurrentExecutions", to=500),
    }
)
def what_is_paid_for_has_places_of_its_own(template: Template) -> Iterator[str]:
    """In prod, ingest and callback have as many places reserved as their queue may start; nobody else has any."""
    bounds = {
        named(mapping["FunctionName"]): dug(mapping, "ScalingConfig", "MaximumConcurrency")
        for mapping in template.of("AWS::Lambda::EventSourceMapping").values()
    }
    for name, function in template.functions.items():
        reserved = function.get("ReservedConcurrentExecutions")
        wanted = {"Fn::If": ["IsProd", bounds.get(name), {"Ref": "AWS::NoValue"}]} if name in RESERVED else None
        if reserved != wanted:
            yield f"{name} reserves {reserved}"


@promise(
    {
        "a rule calls a function": also(
            more("UploadsRule", "Targets", item={"Id": "f", "Arn": {"Fn::GetAtt": ["UploadFunction", "Arn"]}}),
            "queues.what_the_rule_cannot_deliver_is_kept",
        ),
        "a schedule calls another one": extra(
            "Nightly",
            "AWS::Scheduler::Schedule",
            ScheduleExpression="rate(1 day)",
            Target={"Arn": {"Fn::GetAtt": ["PollFunction", "Arn"]}, "RetryPolicy": {"MaximumRetryAttempts": 0}},
        ),
        "a bucket calls a function": put(
            "UploadsBucket",
            "NotificationConfiguration",
            "LambdaConfigurations",
            to=[{"Event": "s3:ObjectCreated:*", "Function": {"Fn::GetAtt": ["UploadFunction", "Arn"]}}],
        ),
        "a topic calls a function": extra(
            "Told", "AWS::SNS::Subscription", Protocol="lambda", Endpoint={"Fn::GetAtt": ["PollFunction", "Arn"]}
        ),
        "a sweep that is tried again on top": put("SweepFunctionEventInvokeConfig", "MaximumRetryAttempts", to=2),
        "a sweep without a limit of tries": without("SweepFunctionEventInvokeConfig"),
        "a sweep that comes once a day": put("SweepFunctionEveryMinute", "ScheduleExpression", to="rate(1 day)"),
        "a schedule that is switched off": put("SweepFunctionEveryMinute", "State", to="DISABLED"),
        "a look at the books that is tried again on top": put(
            "ReconcileFunctionEventInvokeConfig", "MaximumRetryAttempts", to=2
        ),
        "a look at the books once a month": put(
            "ReconcileFunctionEveryQuarter", "ScheduleExpression", to="rate(30 days)"
        ),
    }
)
def who_is_called_without_waiting_says_where_failures_go(template: Template) -> Iterator[str]:
    """A function that is called without waiting says where its failures go, or comes again: sweep within a
    minute, reconcile within a quarter of an hour."""
    configs = {named(one["FunctionName"]): one for one in template.of("AWS::Lambda::EventInvokeConfig").values()}
    for kind in SOURCES:
        for source, properties in template.of(kind).items():
            for name in template.functions:
                if not _calls(properties, name):
                    continue
                config = configs.get(name, {})
                own, rate = COMES_AGAIN.get(name, ("", ""))
                if source == own:
                    on_time = properties.get("ScheduleExpression") == rate
                    if not on_time or properties.get("State", "ENABLED") != "ENABLED":
                        yield f"{source} does not call {name} at {rate}"
                    if config.get("MaximumRetryAttempts") != 0:
                        yield f"{name} is tried again although it comes again"
                elif not dug(config, "DestinationConfig", "OnFailure", "Destination"):
                    yield f"{source} calls {name}, whose failures go nowhere"


def _calls(properties: object, function: str) -> bool:
    """Whether a source names a function anywhere in its properties."""
    if isinstance(properties, dict):
        if named(properties) == function:
            return True
        return any(_calls(one, function) for one in properties.values())
    return isinstance(properties, list) and any(_calls(one, function) for one in listed(properties))
