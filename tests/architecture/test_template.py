"""What template.yaml promises, checked on the template that CloudFormation gets: after the SAM transform."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import transform
import yaml

ROOT = Path(__file__).resolve().parents[2]
Resource = dict[str, Any]

# Functions that a stranger can make run, all others have a queue, a stream or a clock in front.
PUBLIC = {"SubmitFunction", "QueryFunction", "CheckFunction", "ProviderWebhookFunction"}
# The only actions that know no resource.
LOG_DELIVERY = re.compile(r"logs:(\w*LogDelivery|ListLogDeliveries|PutResourcePolicy|Describe\w+)")
# Functions that open pictures. numpy starts a thread for each processor unless it is told not to.
IMAGING = {"CheckFunction", "DispatchFunction", "RenderFunction", "IngestFunction"}


@cache
def template() -> Resource:
    """The transformed template."""
    return transform.transform()


def of(kind: str) -> dict[str, Resource]:
    """The properties of every resource of one type."""
    resources = template()["Resources"]
    return {name: resource.get("Properties", {}) for name, resource in resources.items() if resource["Type"] == kind}


def named(value: Any) -> str:
    """The resource that a Ref, a GetAtt or a Sub points at."""
    if isinstance(value, dict):
        if "Ref" in value:
            return str(value["Ref"])
        if "Fn::GetAtt" in value:
            return str(value["Fn::GetAtt"][0])
        if "Fn::Sub" in value and isinstance(value["Fn::Sub"], str):
            found = re.search(r"\$\{(\w+)[.}]", value["Fn::Sub"])
            return found[1] if found else ""
    return str(value)


def listed(value: Any) -> list[Any]:
    """One or many, as many."""
    return value if isinstance(value, list) else [value]


def folders() -> dict[str, str]:
    """Logical name of each function -> the folder its code is in, from the template as it is written."""

    class Loader(yaml.SafeLoader):
        """YAML with CloudFormation's short forms, which do not matter here."""

    Loader.add_multi_constructor("!", lambda loader, suffix, node: None)
    written = yaml.load((ROOT / "template.yaml").read_text(), Loader)  # noqa: S506 (a SafeLoader)
    return {
        name: resource["Properties"]["CodeUri"]
        for name, resource in written["Resources"].items()
        if resource["Type"] == "AWS::Serverless::Function"
    }


FOLDERS = folders()


def settings(path: Path) -> set[str]:
    """The variables that a handler reads: the fields of its class Settings."""
    classes = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ClassDef)]
    fields = [line for node in classes if node.name == "Settings" for line in node.body]
    return {
        line.target.id.upper()
        for line in fields
        if isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name)
    }


def statements() -> Iterator[tuple[str, Resource]]:
    """Every statement of every role, with the name of the role."""
    for name, role in of("AWS::IAM::Role").items():
        for policy in role.get("Policies", []):
            for statement in policy["PolicyDocument"]["Statement"]:
                yield name, statement


def states() -> dict[str, Resource]:
    """The states of the poller."""
    document = yaml.safe_load((ROOT / "statemachines" / "poller.asl.yaml").read_text())
    found: dict[str, Resource] = document["States"]
    assert document["StartAt"] in found
    return found


# ------------------------------------------------------------------------------------------------------- functions


def test_folders_and_functions_are_the_same_list() -> None:
    there = {f"functions/{path.parent.name}" for path in (ROOT / "functions").glob("*/app.py")}
    assert set(FOLDERS.values()) == there


@pytest.mark.parametrize("name", FOLDERS)
def test_a_function_is_named_after_its_folder(name: str) -> None:
    folder = FOLDERS[name].removeprefix("functions/")
    assert name == "".join(part.capitalize() for part in folder.split("_")) + "Function"


@pytest.mark.parametrize("name", FOLDERS)
def test_a_function_is_told_exactly_what_it_reads(name: str) -> None:
    given = set(of("AWS::Lambda::Function")[name]["Environment"]["Variables"])
    common = {"LOG_LEVEL", "OPENBLAS_NUM_THREADS"} if name in IMAGING else {"LOG_LEVEL"}
    assert given == settings(ROOT / FOLDERS[name] / "app.py") | common


@pytest.mark.parametrize("name", FOLDERS)
def test_a_function_has_a_role_and_a_log_of_its_own(name: str) -> None:
    function, stem = of("AWS::Lambda::Function")[name], name.removesuffix("Function")
    assert named(function["Role"]) == f"{stem}Role"
    assert named(function["LoggingConfig"]["LogGroup"]) == f"{stem}Logs"
    assert function["Runtime"] == {"Ref": "LambdaRuntime"}
    assert function["Architectures"] == [{"Ref": "Architecture"}]


def test_only_the_picture_makers_carry_the_imaging_layer() -> None:
    layers = {name: [named(layer) for layer in f["Layers"]] for name, f in of("AWS::Lambda::Function").items()}
    heavy = {name for name, carried in layers.items() if any("Imaging" in layer for layer in carried)}
    assert heavy == IMAGING
    assert all(len(carried) == (3 if name in heavy else 2) for name, carried in layers.items())


def test_logs_end() -> None:
    assert all(named(group["RetentionInDays"]) == "LogRetentionDays" for group in of("AWS::Logs::LogGroup").values())


def test_no_secret_in_an_environment() -> None:
    text = json.dumps([f["Environment"] for f in of("AWS::Lambda::Function").values()])
    assert not re.search(r"sk-|whsec_|r8_|AKIA|password|token", text, re.IGNORECASE)


# ------------------------------------------------------------------------------------------------------ permissions


def test_no_role_uses_a_managed_policy_or_a_star() -> None:
    for role in of("AWS::IAM::Role").values():
        assert "ManagedPolicyArns" not in role
    for name, statement in statements():
        assert statement["Effect"] == "Allow"
        for action in listed(statement["Action"]):
            assert "*" not in action, f"{name}: {action}"
            if "*" in listed(statement["Resource"]):
                assert LOG_DELIVERY.fullmatch(action), f"{name}: {action} on everything"


def test_each_role_is_assumed_by_one_service() -> None:
    for name, role in of("AWS::IAM::Role").items():
        (statement,) = role["AssumeRolePolicyDocument"]["Statement"]
        wanted = {"PollerRole": "states", "SweepScheduleRole": "scheduler"}.get(name, "lambda")
        assert statement["Principal"] == {"Service": f"{wanted}.amazonaws.com"}


def test_only_those_who_are_told_where_secrets_are_may_read_them() -> None:
    readers = {name for name, s in statements() if "secretsmanager:GetSecretValue" in listed(s["Action"])}
    functions = of("AWS::Lambda::Function").items()
    told = {name for name, function in functions if "PROVIDER_SECRETS" in function["Environment"]["Variables"]}
    writers = {name for name, s in statements() if "secretsmanager:PutSecretValue" in listed(s["Action"])}
    assert writers == {"SubmitRole"}  # it takes callers' own keys, and can read none
    assert readers | writers == {name.replace("Function", "Role") for name in told}
    assert not readers & writers


def test_secrets_of_callbacks_are_written_by_one_and_read_by_two() -> None:
    users = {(name, action) for name, s in statements() for action in listed(s["Action"]) if action.startswith("kms:")}
    shows = ("SubmitRole", "kms:Decrypt")  # a vendor's API hands its callers their own secret
    assert users == {("SubmitRole", "kms:Encrypt"), shows, ("CallbackRole", "kms:Decrypt")}


def test_only_the_relay_reads_the_stream_and_nobody_scans() -> None:
    readers = {name for name, s in statements() if "dynamodb:GetRecords" in listed(s["Action"])}
    assert readers == {"RelayRole"}
    assert not [name for name, s in statements() if "dynamodb:Scan" in listed(s["Action"])]


def test_who_is_allowed_to_send_is_told_where() -> None:
    functions = of("AWS::Lambda::Function")
    for name, statement in statements():
        if "sqs:SendMessage" in listed(statement["Action"]):
            variables = functions[name.replace("Role", "Function")]["Environment"]["Variables"]
            told = {named(value) for variable, value in variables.items() if variable.endswith("_QUEUE_URL")}
            assert {named(resource) for resource in listed(statement["Resource"])} == told, name


def test_callers_of_functions_are_named() -> None:
    for name, permission in of("AWS::Lambda::Permission").items():
        if permission["Principal"] == "*":
            assert named(permission["FunctionName"]) == "SubmitFunction", name
            assert permission.get("FunctionUrlAuthType") or permission.get("InvokedViaFunctionUrl"), name
        else:
            assert "SourceArn" in permission, name
    reachable = {named(permission["FunctionName"]) for permission in of("AWS::Lambda::Permission").values()}
    assert reachable == PUBLIC


# ------------------------------------------------------------------------------------------------------------- HTTP


def test_every_route_leads_to_a_function() -> None:
    integrations = of("AWS::ApiGatewayV2::Integration")
    routes = {}
    for route in of("AWS::ApiGatewayV2::Route").values():
        integration = route["Target"]["Fn::Sub"].removeprefix("integrations/${").removesuffix("}")
        routes[route["RouteKey"]] = named(integrations[integration]["IntegrationUri"])
    assert routes == {
        **{f"{verb} /{{proxy+}}": "SubmitFunction" for verb in ("POST", "PUT", "PATCH", "DELETE")},
        "GET /api/v1/upload/signed": "SubmitFunction",  # writes the row of an asset that is to come
        "GET /v1/phota/webhook-secret": "SubmitFunction",  # opens a sealed secret
        "POST /hooks/{provider}/{account}/{job}/{call}/{attempt}/{token}": "ProviderWebhookFunction",
        "POST /hooks/{provider}": "ProviderWebhookFunction",
        "POST /packshot/v1/checks": "CheckFunction",  # has the imaging layer
        "$default": "QueryFunction",
    }
    assert all(i["PayloadFormatVersion"] == "2.0" for i in integrations.values())


def test_the_access_log_holds_no_path() -> None:
    (stage,) = of("AWS::ApiGatewayV2::Stage").values()
    form = stage["AccessLogSettings"]["Format"]
    assert stage["StageName"] == "$default"
    assert json.loads(form)
    assert not re.search(r"\$context\.(path|identity|requestOverride|authorizer)|querystring", form, re.IGNORECASE)


def test_the_api_answers_before_its_gateway_gives_up() -> None:
    functions = of("AWS::Lambda::Function")
    assert functions["QueryFunction"]["Timeout"] < 30
    assert functions["ProviderWebhookFunction"]["Timeout"] < 30


# ----------------------------------------------------------------------------------------------------------- queues


def test_every_queue_is_encrypted_and_closed_to_plain_http() -> None:
    queues = of("AWS::SQS::Queue")
    assert all(queue["SqsManagedSseEnabled"] is True for queue in queues.values())
    closed: list[str] = []
    for policy in of("AWS::SQS::QueuePolicy").values():
        said = [s["Fn::If"][1] if "Fn::If" in s else s for s in policy["PolicyDocument"]["Statement"]]
        denied = [s for s in said if s["Effect"] == "Deny"]
        assert [s["Condition"] for s in denied] == [{"Bool": {"aws:SecureTransport": "false"}}]
        closed += [named(queue) for queue in policy["Queues"]]
    assert sorted(closed) == sorted(queues)  # each exactly once: a queue has one policy


def test_only_one_machine_may_do_without_tls() -> None:
    conditions = template()["Conditions"]
    assert conditions["IsCloud"] == {"Fn::Equals": [{"Ref": "Local"}, "false"]}
    assert template()["Parameters"]["Local"]["Default"] == "false"
    conditional = {name for name, r in template()["Resources"].items() if "Condition" in r}
    assert conditional == {"UploadsBucketPolicy", "OutputsBucketPolicy", "QueuesPolicy", "AlarmTopic"}


def test_every_queue_has_a_dead_letter_queue_that_keeps_longer() -> None:
    queues = of("AWS::SQS::Queue")
    for name in queues:
        if name.endswith("Queue") and name != "ParkedQueue":
            dead = name.replace("Queue", "Dead")
            assert named(queues[name]["RedrivePolicy"]["deadLetterTargetArn"]) == dead
            assert queues[name]["RedrivePolicy"]["maxReceiveCount"] >= 5
            assert queues[dead]["MessageRetentionPeriod"] > queues[name]["MessageRetentionPeriod"]


def test_a_message_stays_hidden_while_it_is_worked_on() -> None:
    functions, queues = of("AWS::Lambda::Function"), of("AWS::SQS::Queue")
    consumed = set()
    for name, mapping in of("AWS::Lambda::EventSourceMapping").items():
        source = named(mapping["EventSourceArn"])
        if source in queues:
            consumed.add(source)
            timeout = functions[named(mapping["FunctionName"])]["Timeout"]
            assert queues[source]["VisibilityTimeout"] >= 6 * timeout, name
            assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"], name
            assert mapping["ScalingConfig"]["MaximumConcurrency"] >= 2, name
    assert consumed == {name for name in queues if name.endswith("Queue")} - {"ParkedQueue"}


def test_the_stream_never_stops_for_one_bad_record() -> None:
    (mapping,) = (m for m in of("AWS::Lambda::EventSourceMapping").values() if named(m["EventSourceArn"]) == "Table")
    assert mapping["StartingPosition"] == "TRIM_HORIZON"
    assert 60 <= mapping["MaximumRecordAgeInSeconds"] <= 86400
    assert mapping["MaximumRetryAttempts"] > 0
    assert mapping["BisectBatchOnFunctionError"] is True
    assert named(mapping["DestinationConfig"]["OnFailure"]["Destination"]) == "ParkedQueue"


def test_uploads_come_from_the_two_watched_prefixes_only() -> None:
    (rule,) = of("AWS::Events::Rule").values()
    assert rule["EventPattern"]["detail"]["object"]["key"] == [{"prefix": "inbox/"}, {"prefix": "assets/"}]
    assert named(rule["EventPattern"]["detail"]["bucket"]["name"][0]) == "UploadsBucket"
    (target,) = rule["Targets"]
    assert (named(target["Arn"]), named(target["DeadLetterConfig"]["Arn"])) == ("UploadsQueue", "UploadsDead")


# ---------------------------------------------------------------------------------------------------------- storage


def test_the_table_can_be_brought_back() -> None:
    (table,) = of("AWS::DynamoDB::Table").values()
    assert template()["Resources"]["Table"]["DeletionPolicy"] == "Retain"
    assert template()["Resources"]["Table"]["UpdateReplacePolicy"] == "Retain"
    assert table["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"] is True
    assert table["SSESpecification"]["SSEEnabled"] is True
    assert table["StreamSpecification"]["StreamViewType"] == "NEW_AND_OLD_IMAGES"
    assert table["TimeToLiveSpecification"] == {"AttributeName": "expires", "Enabled": True}
    assert table["DeletionProtectionEnabled"] == {"Fn::If": ["IsProd", True, False]}
    (index,) = table["GlobalSecondaryIndexes"]
    assert (index["IndexName"], index["Projection"]["ProjectionType"]) == ("due", "KEYS_ONLY")


@pytest.mark.parametrize("name", ["UploadsBucket", "OutputsBucket"])
def test_a_bucket_is_private_encrypted_and_forgets(name: str) -> None:
    bucket = of("AWS::S3::Bucket")[name]
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert len(bucket["PublicAccessBlockConfiguration"]) == 4
    assert bucket["OwnershipControls"]["Rules"] == [{"ObjectOwnership": "BucketOwnerEnforced"}]
    assert "BucketEncryption" in bucket
    rules = bucket["LifecycleConfiguration"]["Rules"]
    assert any("AbortIncompleteMultipartUpload" in rule for rule in rules)
    assert {rule["Prefix"]: rule["ExpirationInDays"] for rule in rules if "Prefix" in rule} == {
        "UploadsBucket": {"assets/": 30, "thumbnails/": 30, "inbox/": 30, "inputs/": 1},
        "OutputsBucket": {"out/": 30, "outbox/": 90, "cutouts/": 30, "answers/": 1, "results/": 2},
    }[name]
    policy = of("AWS::S3::BucketPolicy")[f"{name}Policy"]
    (statement,) = policy["PolicyDocument"]["Statement"]
    assert (named(policy["Bucket"]), statement["Effect"]) == (name, "Deny")
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


# ----------------------------------------------------------------------------------------------------------- alarms


def test_somebody_is_told() -> None:
    watched = {
        (alarm["MetricName"], named(alarm["Dimensions"][0]["Value"])) for alarm in of("AWS::CloudWatch::Alarm").values()
    }
    queues = of("AWS::SQS::Queue")
    wanted = {("ApproximateNumberOfMessagesVisible", q) for q in queues if q.endswith("Dead") or q == "ParkedQueue"}
    waiting = ("DispatchQueue", "RenderQueue", "IngestQueue", "CallbacksQueue")
    wanted |= {("ApproximateAgeOfOldestMessage", queue) for queue in waiting}
    wanted |= {("IteratorAge", "RelayFunction")}
    wanted |= {("Errors", function) for function in FOLDERS}
    assert watched == wanted
    for alarm in of("AWS::CloudWatch::Alarm").values():
        assert alarm["AlarmActions"] == {"Fn::If": ["HasAlarmEmail", [{"Ref": "AlarmTopic"}], []]}
        assert alarm["TreatMissingData"] == "notBreaching"


def test_the_dashboard_is_a_dashboard() -> None:
    (dashboard,) = of("AWS::CloudWatch::Dashboard").values()
    widgets = json.loads(dashboard["DashboardBody"]["Fn::Sub"][0])["widgets"]
    drawn = dashboard["DashboardBody"]["Fn::Sub"][0]
    assert len(widgets) == 5
    assert all(f"${{{function}}}" in drawn for function in FOLDERS)


# ----------------------------------------------------------------------------------------------------------- poller


def test_the_poller_has_no_loose_end() -> None:
    for name, state in states().items():
        following = [state.get("Next"), state.get("Default")]
        following += [choice["Next"] for choice in state.get("Choices", [])]
        following += [catch["Next"] for catch in state.get("Catch", [])]
        reached = [target for target in following if target]
        assert set(reached) <= set(states()), name
        assert reached or state["Type"] in {"Succeed", "Fail"} or state.get("End"), name


def test_every_task_of_the_poller_has_a_limit_and_a_retry() -> None:
    functions = of("AWS::Lambda::Function")
    for name, state in states().items():
        if state["Type"] == "Task":
            assert isinstance(state["TimeoutSeconds"], int), name
            assert state["Retry"], name
    assert states()["Poll"]["TimeoutSeconds"] > functions["PollFunction"]["Timeout"]


def test_the_poller_gets_everything_it_names() -> None:
    (machine,) = of("AWS::StepFunctions::StateMachine").values()
    text = (ROOT / "statemachines" / "poller.asl.yaml").read_text()
    assert set(re.findall(r"\$\{(\w+)\}", text)) == set(machine["DefinitionSubstitutions"])
    assert machine["StateMachineType"] == "EXPRESS"
    assert machine["LoggingConfiguration"]["IncludeExecutionData"] is False
