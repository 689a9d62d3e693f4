"""Roles: what each function may do, and nobody else. IAM's own grammar is parliament's business (tools/audit.py)."""

import re
from collections.abc import Iterator
from typing import Any

from packshot.aws import tours
from tests.architecture.template.reading import (
    Change,
    Template,
    drop,
    dug,
    extra,
    listed,
    more,
    named,
    promise,
    put,
)

EVERYTHING = re.compile(r"logs:(\w*LogDelivery|ListLogDeliveries|PutResourcePolicy|Describe\w+)")
"""The only actions that know no resource."""

ASSUMED_BY = {"PollerRole": "states", "SweepScheduleRole": "scheduler", "ReconcileScheduleRole": "scheduler"}
"""Roles of services other than Lambda."""

TABLE = {"Fn::GetAtt": ["Table", "Arn"]}


def says(role: str, number: int, *path: str | int, to: Any) -> Change:
    """One statement of a role says something else."""
    return put(role, "Policies", 0, "PolicyDocument", "Statement", number, *path, to=to)


def grant(role: str, action: str, resource: Any = TABLE, **rest: Any) -> Change:
    """A role may do one thing more."""
    statement = {"Effect": "Allow", "Action": action, "Resource": resource, **rest}
    return more(role, "Policies", 0, "PolicyDocument", "Statement", item=statement)


def users(template: Template, action: str) -> set[str]:
    """The roles that may do something."""
    return {name for name, one in template.statements() if action in listed(one.get("Action"))}


@promise(
    {
        "a managed policy": put("QueryRole", "ManagedPolicyArns", to=["arn:aws:iam::aws:policy/AdministratorAccess"]),
        "a policy beside the roles": extra("Loose", "AWS::IAM::Policy", Roles=[{"Ref": "QueryRole"}]),
        "a managed policy of our own": extra("Loose", "AWS::IAM::ManagedPolicy", Roles=[{"Ref": "QueryRole"}]),
        "a user": extra("Somebody", "AWS::IAM::User"),
    }
)
def permissions_stand_in_the_roles(template: Template) -> Iterator[str]:
    """All permissions stand in the roles themselves: no managed policy, no policy beside them, no user."""
    for name, resource in template.resources.items():
        kind = str(resource["Type"])
        if kind.startswith("AWS::IAM::") and kind != "AWS::IAM::Role":
            yield f"{name} is a {kind}"
        if "ManagedPolicyArns" in resource.get("Properties", {}):
            yield f"{name} uses a managed policy"


@promise(
    {
        "every action there is": says("QueryRole", 0, "Action", to="*"),
        "every action of a service": says("QueryRole", 0, "Action", to=["dynamodb:*"]),
        "half of the actions of a service": says("SubmitRole", 0, "Action", 0, to="dynamodb:Get*"),
        "a letter left open": says("SubmitRole", 0, "Action", 0, to="dynamodb:?etItem"),
        "all but one": grant("QueryRole", "", NotAction="iam:*"),
        "a statement that denies": grant("QueryRole", "dynamodb:GetItem", Effect="Deny"),
        "no action at all": drop("QueryRole", "Policies", 0, "PolicyDocument", "Statement", 0, "Action"),
    }
)
def a_role_allows_actions_by_name(template: Template) -> Iterator[str]:
    """Every action is allowed by its full name."""
    for name, statement in template.statements():
        actions = listed(statement.get("Action", ""))
        if statement["Effect"] != "Allow" or "NotAction" in statement or "Action" not in statement:
            yield f"{name} does not simply allow"
        for action in actions:
            if "*" in action or "?" in action:
                yield f"{name} allows {action}"


@promise(
    {
        "a read of everything": grant("QueryRole", "dynamodb:GetItem", "*"),
        "everything among others": grant("QueryRole", "dynamodb:GetItem", [TABLE, "*"]),
        "all buckets": grant("QueryRole", "s3:GetObject", {"Fn::Sub": "arn:${AWS::Partition}:s3:::*"}),
        "all but one": grant("QueryRole", "dynamodb:GetItem", NotResource=TABLE),
        "one more thing with log delivery": says("PollerRole", 2, "Action", to=lambda old: [*old, "logs:PutLogEvents"]),
    }
)
def only_log_delivery_is_allowed_on_everything(template: Template) -> Iterator[str]:
    """Only the delivery of the poller's log, which knows no resources, is allowed on everything."""
    for name, statement in template.statements():
        everything = "NotResource" in statement or any(_is_everything(one) for one in listed(statement.get("Resource")))
        for action in listed(statement.get("Action", [])):
            if everything and not EVERYTHING.fullmatch(action):
                yield f"{name}: {action} on everything"


def _is_everything(resource: Any) -> bool:
    text = resource["Fn::Sub"] if isinstance(dug(resource, "Fn::Sub"), str) else resource
    if not isinstance(text, str):
        return resource is None
    return bool(re.fullmatch(r"\*|(?:[^:]*:){5}\*", re.sub(r"\$\{[^}]+\}", "", text)))


@promise(
    {
        "another service": put(
            "QueryRole", "AssumeRolePolicyDocument", "Statement", 0, "Principal", to={"Service": "ec2.amazonaws.com"}
        ),
        "anybody": put("QueryRole", "AssumeRolePolicyDocument", "Statement", 0, "Principal", to="*"),
        "one more": more(
            "QueryRole",
            "AssumeRolePolicyDocument",
            "Statement",
            item={"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::1:root"}, "Action": "sts:AssumeRole"},
        ),
        "the scheduler of another account": drop(
            "SweepScheduleRole", "AssumeRolePolicyDocument", "Statement", 0, "Condition"
        ),
        "the machine of another account": drop("PollerRole", "AssumeRolePolicyDocument", "Statement", 0, "Condition"),
    }
)
def each_role_is_assumed_by_one_service(template: Template) -> Iterator[str]:
    """Each role is assumed by one service; by Step Functions and the scheduler only on behalf of this account."""
    ours = {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}
    for name, role in template.of("AWS::IAM::Role").items():
        statements = role["AssumeRolePolicyDocument"]["Statement"]
        service = ASSUMED_BY.get(name, "lambda")
        wanted = {"Effect": "Allow", "Principal": {"Service": f"{service}.amazonaws.com"}, "Action": "sts:AssumeRole"}
        if service != "lambda":
            wanted["Condition"] = ours
        if statements != [wanted]:
            yield f"{name} is assumed by {statements}"


@promise(
    {
        "query reads secrets": grant("QueryRole", "secretsmanager:GetSecretValue"),
        "submit reads what it took": grant("SubmitRole", "secretsmanager:GetSecretValue"),
        "submit reads instead": says("SubmitRole", 5, "Action", to="secretsmanager:GetSecretValue"),
        "callback writes secrets": grant("CallbackRole", "secretsmanager:PutSecretValue"),
        "poll may not read what it is told of": says("PollRole", 3, "Action", to="secretsmanager:DescribeSecret"),
    }
)
def secrets_are_read_by_those_who_are_told_where(template: Template) -> Iterator[str]:
    """Provider keys are read by the functions that call providers; submit takes callers' own keys, and reads none."""
    readers = users(template, "secretsmanager:GetSecretValue")
    writers = users(template, "secretsmanager:PutSecretValue")
    told = {n.replace("Function", "Role") for n in template.functions if "PROVIDER_SECRETS" in template.variables(n)}
    if writers != {"SubmitRole"}:
        yield f"secrets are written by {writers}"
    for name in (readers | writers) ^ told:
        yield f"{name} is told of secrets and may not, or may and is not told"
    for name in readers & writers:
        yield f"{name} reads what it wrote"


@promise(
    {
        "query opens what is sealed": grant("QueryRole", "kms:Decrypt"),
        "callback seals": grant("CallbackRole", "kms:Encrypt"),
        "callback cannot open": says("CallbackRole", 4, "Action", to="kms:DescribeKey"),
    }
)
def callers_secrets_are_sealed_by_one_and_opened_by_two(template: Template) -> Iterator[str]:
    """Secrets of callbacks are sealed by submit, and opened by callback and by submit, for their owner."""
    found = {
        (name, action)
        for name, one in template.statements()
        for action in listed(one.get("Action", []))
        if action.startswith("kms:")
    }
    wanted = {("SubmitRole", "kms:Encrypt"), ("SubmitRole", "kms:Decrypt"), ("CallbackRole", "kms:Decrypt")}
    for name, action in found ^ wanted:
        yield f"{name}: {action}"


@promise(
    {
        "query reads the stream": grant("QueryRole", "dynamodb:GetRecords"),
        "relay may not": says("RelayRole", 0, "Action", to=["dynamodb:DescribeStream", "dynamodb:GetShardIterator"]),
    }
)
def only_the_relay_reads_the_stream(template: Template) -> Iterator[str]:
    """Only relay reads the stream."""
    if (readers := users(template, "dynamodb:GetRecords")) != {"RelayRole"}:
        yield f"the stream is read by {readers}"


@promise(
    {
        "a correction": grant("ReconcileRole", "dynamodb:UpdateItem"),
        "any row": drop("ReconcileRole", "Policies", 0, "PolicyDocument", "Statement", 1, "Condition"),
        "the rows of an account": says(
            "ReconcileRole", 1, "Condition", to={"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": ["acc_1"]}}
        ),
    }
)
def the_auditor_corrects_nothing(template: Template) -> Iterator[str]:
    """Reconcile reads the books and can write no row but its own."""
    own = {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": [tours.PK]}}
    for name, statement in template.statements():
        actions = {one for one in listed(statement.get("Action", [])) if one.startswith("dynamodb:")}
        harmless = not actions - {"dynamodb:GetItem", "dynamodb:Query"}
        bound = actions == {"dynamodb:PutItem"} and statement.get("Condition") == own
        if name == "ReconcileRole" and not harmless and not bound:
            yield f"{name} may {sorted(actions)} under {statement.get('Condition')}"


@promise({"sweep reads the whole table": grant("SweepRole", "dynamodb:Scan")})
def nobody_scans(template: Template) -> Iterator[str]:
    """Nobody reads the whole table."""
    for name in users(template, "dynamodb:Scan"):
        yield f"{name} may scan"


@promise(
    {
        "poll sends where it is not told": says(
            "PollRole", 4, "Resource", to=lambda old: [*old, {"Fn::GetAtt": ["CallbacksQueue", "Arn"]}]
        ),
        "poll is told where it may not send": says("PollRole", 4, "Resource", to=lambda old: old[1:]),
        "query sends": grant("QueryRole", "sqs:SendMessage", {"Fn::GetAtt": ["DispatchQueue", "Arn"]}),
    }
)
def who_may_send_is_told_where(template: Template) -> Iterator[str]:
    """Who may send to queues is told their addresses, and of no others."""
    for name, statement in template.statements():
        if "sqs:SendMessage" in listed(statement.get("Action")):
            variables = template.variables(name.replace("Role", "Function"))
            told = {named(value) for variable, value in variables.items() if variable.endswith("_QUEUE_URL")}
            if (may := {named(one) for one in listed(statement["Resource"])}) != told:
                yield f"{name} may send to {may}, and is told of {told}"


@promise(
    {
        "into the log of another": says("QueryRole", 3, "Resource", to={"Fn::GetAtt": ["SubmitLogs", "Arn"]}),
        "no log": says("QueryRole", 3, "Action", to="logs:DescribeLogStreams"),
        "may make logs that never end": grant("QueryRole", "logs:CreateLogGroup", {"Fn::GetAtt": ["QueryLogs", "Arn"]}),
    }
)
def a_function_writes_only_its_own_log(template: Template) -> Iterator[str]:
    """A function writes into its own log, and can make no other."""
    for name, role in template.functions.items():
        stem = named(role["Role"]).removesuffix("Role")
        logs = [one for own, one in template.statements() if own == f"{stem}Role" and _of_logs(one)]
        wanted = {"logs:CreateLogStream", "logs:PutLogEvents"}
        if {action for one in logs for action in listed(one["Action"])} != wanted:
            yield f"{name} may do something else with logs"
        elif {named(resource) for one in logs for resource in listed(one["Resource"])} != {f"{stem}Logs"}:
            yield f"{name} writes elsewhere"


def _of_logs(statement: dict[str, Any]) -> bool:
    return any(str(action).startswith("logs:") for action in listed(statement.get("Action", [])))
