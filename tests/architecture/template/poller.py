"""The poller: every state leads somewhere, every task ends, and only ids travel."""

import json
import re
from collections.abc import Iterator

from tests.architecture.template.reading import (
    Resource,
    Template,
    at,
    drop,
    promise,
    put,
)

TRAVELS = {"$.lane", "$.passes", "$$.Execution.StartTime"}
"""What the machine may hand to a task: a lane, a count, a time. Never a picture, a prompt or a key."""

EXPRESS_ENDS = 300


def states(template: Template) -> Resource:
    """The states of the poller."""
    found: Resource = template.poller["States"]
    return found


def following(state: Resource) -> list[str]:
    """Every state that may come next."""
    found = [state.get("Next"), state.get("Default")]
    found += [choice.get("Next") for choice in state.get("Choices", [])]
    found += [catch.get("Next") for catch in state.get("Catch", [])]
    return [one for one in found if one]


def tasks(template: Template) -> Iterator[tuple[str, Resource]]:
    """The states that do something."""
    for name, state in states(template).items():
        if state["Type"] == "Task":
            yield name, state


@promise(
    {
        "a state that is not there": at("poller", "States", "Wait", "Next", to="Counting"),
        "a default that is not there": at("poller", "States", "Decide", "Default", to="Nowhere"),
        "a choice that is not there": at("poller", "States", "Decide", "Choices", 0, "Next", to="Nowhere"),
        "a catch that is not there": at(
            "poller", "States", "Poll", "Catch", to=[{"ErrorEquals": ["States.ALL"], "Next": "Nowhere"}]
        ),
        "a beginning that is not there": at("poller", "StartAt", to="Start"),
        "a state without an end": at("poller", "States", "Count", to={"Type": "Pass"}),
        "a choice without a way out": at(
            "poller", "States", "Decide", to=lambda old: {name: one for name, one in old.items() if name != "Default"}
        ),
        "a state nobody reaches": at("poller", "States", to=lambda old: {**old, "Lonely": {"Type": "Succeed"}}),
    }
)
def the_poller_has_no_loose_end(template: Template) -> Iterator[str]:
    """Every state of the poller is reached, and leads to one that exists or ends."""
    there, reached = states(template), {template.poller["StartAt"]}
    for name, state in there.items():
        targets = following(state)
        if not targets and state["Type"] not in {"Succeed", "Fail"} and not state.get("End"):
            yield f"{name} leads nowhere"
        if state["Type"] == "Choice" and "Default" not in state:
            yield f"{name} has no way out"
        reached |= set(targets)
    for name in reached ^ set(there):
        yield f"{name} is {'not there' if name in reached else 'never reached'}"


@promise(
    {
        "a task without a limit": at(
            "poller", "States", "Poll", to=lambda old: {k: v for k, v in old.items() if k != "TimeoutSeconds"}
        ),
        "a limit that comes from outside": at("poller", "States", "Restart", "TimeoutSeconds", to="$.limit"),
        "a limit longer than the machine": at("poller", "States", "Poll", "TimeoutSeconds", to=3600),
        "a limit shorter than the function": at("poller", "States", "Poll", "TimeoutSeconds", to=60),
        "a function that takes longer": put("PollFunction", "Timeout", to=70),
        "a task without a second try": at(
            "poller", "States", "Restart", to=lambda old: {k: v for k, v in old.items() if k != "Retry"}
        ),
        "a second try of nothing": at("poller", "States", "Restart", "Retry", to=[]),
        "no try": at("poller", "States", "Restart", "Retry", 0, "MaxAttempts", to=0),
    }
)
def every_task_of_the_poller_has_a_limit_and_a_retry(template: Template) -> Iterator[str]:
    """Every task of the poller has a limit, longer than its function's own, and is tried again."""
    for name, state in tasks(template):
        limit = state.get("TimeoutSeconds")
        if not isinstance(limit, int) or limit >= EXPRESS_ENDS:
            yield f"{name} has the limit {limit}"
        elif name == "Poll" and limit <= template.functions["PollFunction"]["Timeout"]:
            yield f"{name} ends before its function"
        tries = [retry.get("MaxAttempts", 3) for retry in state.get("Retry", [])]
        if not tries or min(tries) < 1:
            yield f"{name} is not tried again"


@promise(
    {
        "an account along with the lane": at(
            "poller", "States", "Poll", "Parameters", "Payload", to=lambda old: {**old, "account.$": "$.account"}
        ),
        "everything there is": at("poller", "States", "Poll", "Parameters", "Payload", to={"input.$": "$"}),
        "a word of its own": at(
            "poller", "States", "Poll", "Parameters", "Payload", to=lambda old: {**old, "key": "pk_live_1"}
        ),
        "everything starts the next": at(
            "poller", "States", "Restart", "Parameters", "Input", to={"lane.$": "$.answer"}
        ),
    }
)
def only_ids_travel_through_the_poller(template: Template) -> Iterator[str]:
    """Only the lane, a count and a time travel through the poller."""
    for name, state in tasks(template):
        parameters = state.get("Parameters", {})
        for field in ("Payload", "Input"):
            for key, value in parameters.get(field, {}).items():
                if str(value) not in TRAVELS:
                    yield f"{name} hands on {key}: {value}"


@promise(
    {
        "a name it is not given": drop("Poller", "DefinitionSubstitutions", "PollFunctionArn"),
        "a name it does not use": put("Poller", "DefinitionSubstitutions", "TableName", to={"Ref": "Table"}),
        "another function": at("poller", "States", "Poll", "Parameters", "FunctionName", to="${SweepFunctionArn}"),
    }
)
def the_poller_is_given_exactly_what_it_names(template: Template) -> Iterator[str]:
    """The poller is given exactly what it names."""
    names = set(re.findall(r"\$\{(\w+)\}", json.dumps(template.poller)))
    for name, machine in template.of("AWS::StepFunctions::StateMachine").items():
        for one in names ^ set(machine["DefinitionSubstitutions"]):
            yield f"{name}: {one} is only on one side"


@promise(
    {
        "paid by the step": put("Poller", "StateMachineType", to="STANDARD"),
        "its payload in the log": put("Poller", "LoggingConfiguration", "IncludeExecutionData", to=True),
        "no log": drop("Poller", "LoggingConfiguration", "Destinations"),
        "no failures in the log": put("Poller", "LoggingConfiguration", "Level", to="OFF"),
    }
)
def the_poller_is_express_and_logs_failures_without_their_data(template: Template) -> Iterator[str]:
    """The poller is an Express workflow; its failures are logged, without what travelled."""
    for name, machine in template.of("AWS::StepFunctions::StateMachine").items():
        if machine.get("StateMachineType") != "EXPRESS":
            yield f"{name} is paid by the step"
        logging = machine.get("LoggingConfiguration", {})
        if logging.get("IncludeExecutionData") is not False or logging.get("Level") not in {"ERROR", "ALL"}:
            yield f"{name} logs too much, or nothing"
        if "PollerLogs" not in json.dumps(logging.get("Destinations", [])):
            yield f"{name} logs nowhere"
