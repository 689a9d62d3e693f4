"""The emulator as the project needs it: one experiment for each correction of tools/emulator.py."""

from __future__ import annotations

import io
import json
import os
import time
import uuid
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import boto3
import pytest

ROOT = Path(__file__).resolve().parents[2]
LOCAL = ROOT / os.environ.get("PACKSHOT_OUT", "out") / "local.json"
TRUST = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
CODE = """
import json, os, sys, time, urllib.request

def send(queue, body):
    data = json.dumps({"QueueUrl": queue, "MessageBody": body}).encode()
    who = "Credential=test/20250101/us-east-1/sqs/aws4_request, SignedHeaders=host, Signature=0"
    headers = {"x-amz-target": "AmazonSQS.SendMessage", "content-type": "application/x-amz-json-1.0",
               "authorization": "AWS4-HMAC-SHA256 " + who}  # the bare interpreter has no boto3
    urllib.request.urlopen(urllib.request.Request(os.environ["AWS_ENDPOINT_URL"], data, headers)).read()

def handler(event, context):
    print("called")
    for record in event.get("Records", []):
        if "dynamodb" in record:
            send(os.environ["REPORT"], "stream")
            time.sleep(4)
        else:
            send(os.environ["REPORT"], record["body"])
    time.sleep(event.get("sleep", 0))
    try:
        import ministack
        found = True
    except ImportError:
        found = False
    return {"pid": os.getpid(), "ministack": found, "python": sys.executable, "names": sorted(os.environ)}
"""

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def aws() -> Callable[[str], Any]:
    """A client of the emulator for a service."""
    assert LOCAL.exists(), "these tests need a stack: make up"
    local = json.loads(LOCAL.read_text())
    session: Any = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name=local["region"])
    return lambda service: session.client(service, endpoint_url=local["endpoint_url"])


@pytest.fixture
def name() -> str:
    """A name nobody else has."""
    return f"probe-{uuid.uuid4().hex[:10]}"


@pytest.fixture
def role(aws: Callable[[str], Any], name: str) -> Iterator[str]:
    """A role that may report and read queues and streams, and no more."""
    allowed = {"Effect": "Allow", "Action": ["sqs:*", "dynamodb:*"], "Resource": f"arn:aws:*:*:*:*{name}*"}
    iam = aws("iam")
    trust = json.dumps({"Version": "2012-10-17", "Statement": [TRUST]})
    arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
    iam.put_role_policy(RoleName=name, PolicyName="probe", PolicyDocument=policy)
    yield arn
    iam.delete_role_policy(RoleName=name, PolicyName="probe")
    iam.delete_role(RoleName=name)


@pytest.fixture
def report(aws: Callable[[str], Any], name: str) -> Iterator[str]:
    """A queue to which a probe can report."""
    url = aws("sqs").create_queue(QueueName=f"{name}-report")["QueueUrl"]
    yield url
    aws("sqs").delete_queue(QueueUrl=url)


@pytest.fixture
def probe(aws: Callable[[str], Any], name: str, report: str, role: str) -> Iterator[Callable[[str, int], str]]:
    """Makes functions that do what CODE says."""
    packed, made = io.BytesIO(), []
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("app.py", CODE)

    def make(suffix: str, timeout: int) -> str:
        function = f"{name}-{suffix}"
        aws("lambda").create_function(
            FunctionName=function, Runtime="python3.13", Handler="app.handler", Role=role, Timeout=timeout,
            Code={"ZipFile": packed.getvalue()}, Environment={"Variables": {"REPORT": report}},
        )  # fmt: skip
        made.append(function)
        return function

    yield make
    for function in made:
        aws("lambda").delete_function(FunctionName=function)


def call(aws: Callable[[str], Any], function: str, **event: Any) -> dict[str, Any]:
    """What the function answers."""
    reply = aws("lambda").invoke(FunctionName=function, Payload=json.dumps(event))
    answer: dict[str, Any] = json.loads(reply["Payload"].read())
    assert "FunctionError" not in reply, answer
    return answer


def messages(aws: Callable[[str], Any], queue: str, count: int, limit: float = 20) -> list[tuple[float, str]]:
    """The first messages of a queue and when each was sent."""
    found: list[tuple[float, str]] = []
    until = time.monotonic() + limit
    while len(found) < count and time.monotonic() < until:
        reply = aws("sqs").receive_message(
            QueueUrl=queue, WaitTimeSeconds=1, MaxNumberOfMessages=10, MessageSystemAttributeNames=["SentTimestamp"]
        )
        for message in reply.get("Messages", []):
            found.append((int(message["Attributes"]["SentTimestamp"]) / 1000, message["Body"]))
            aws("sqs").delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
    return sorted(found)


def test_a_function_sees_neither_the_emulator_nor_the_callers_shell(
    aws: Callable[[str], Any], probe: Callable[[str, int], str]
) -> None:
    answer = call(aws, probe("one", 10))
    assert answer["ministack"] is False
    assert Path(answer["python"]).is_relative_to(ROOT / ".tools" / "lambda")
    assert not [variable for variable in answer["names"] if variable.endswith(("_API_KEY", "_API_TOKEN", "_PASSWORD"))]


def test_a_burst_waits_for_few_workers(aws: Callable[[str], Any], probe: Callable[[str, int], str]) -> None:
    function = probe("burst", 30)
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: call(aws, function, sleep=0.1), range(24)))
    assert 1 < len({answer["pid"] for answer in answers}) <= int(os.environ.get("PACKSHOT_WORKERS", "4"))


def test_a_slow_stream_does_not_stop_the_queues(
    aws: Callable[[str], Any], name: str, probe: Callable[[str, int], str], report: str
) -> None:
    source = aws("sqs").create_queue(QueueName=f"{name}-source", Attributes={"VisibilityTimeout": "60"})["QueueUrl"]
    arn = aws("sqs").get_queue_attributes(QueueUrl=source, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    table = aws("dynamodb").create_table(
        TableName=name, BillingMode="PAY_PER_REQUEST", KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
    )["TableDescription"]  # fmt: skip
    mappings = [
        aws("lambda").create_event_source_mapping(
            FunctionName=probe("slow", 30), EventSourceArn=table["LatestStreamArn"], StartingPosition="TRIM_HORIZON"
        ),
        aws("lambda").create_event_source_mapping(FunctionName=probe("quick", 10), EventSourceArn=arn),
    ]
    aws("dynamodb").put_item(TableName=name, Item={"pk": {"S": "1"}})
    ((began, what),) = messages(aws, report, 1)
    assert what == "stream"
    aws("sqs").send_message(QueueUrl=source, MessageBody="queue")
    ((ended, what),) = messages(aws, report, 1)
    assert what == "queue"
    assert ended - began < 3.5  # the slow one sleeps for four seconds
    for mapping in mappings:
        aws("lambda").delete_event_source_mapping(UUID=mapping["UUID"])
    aws("dynamodb").delete_table(TableName=name)
    aws("sqs").delete_queue(QueueUrl=source)


def test_a_state_machine_may_be_written_in_yaml(aws: Callable[[str], Any], name: str, role: str) -> None:
    properties = {
        "StateMachineName": name,
        "StateMachineType": "EXPRESS",
        "RoleArn": role,
        "DefinitionString": "# a comment\nStartAt: A\nStates:\n  A: {Type: Pass, Result: '${Word}', End: true}\n",
        "DefinitionSubstitutions": {"Word": "done"},
    }
    template = {"Resources": {"Machine": {"Type": "AWS::StepFunctions::StateMachine", "Properties": properties}}}
    aws("cloudformation").create_stack(StackName=name, TemplateBody=json.dumps(template))
    aws("cloudformation").get_waiter("stack_create_complete").wait(StackName=name, WaiterConfig={"Delay": 1})
    machine = f"arn:aws:states:us-east-1:000000000000:stateMachine:{name}"
    execution = aws("stepfunctions").start_execution(stateMachineArn=machine)["executionArn"]
    for _ in range(50):
        state = aws("stepfunctions").describe_execution(executionArn=execution)
        if state["status"] != "RUNNING":
            break
        time.sleep(0.1)
    assert (state["status"], json.loads(state["output"])) == ("SUCCEEDED", "done")
    aws("cloudformation").delete_stack(StackName=name)


def test_an_upload_says_which_version_it_is(aws: Callable[[str], Any], name: str, report: str) -> None:
    s3, events = aws("s3"), aws("events")
    arn = aws("sqs").get_queue_attributes(QueueUrl=report, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    s3.create_bucket(Bucket=name)
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    s3.put_bucket_notification_configuration(Bucket=name, NotificationConfiguration={"EventBridgeConfiguration": {}})
    events.put_rule(Name=name, EventPattern=json.dumps({"source": ["aws.s3"], "detail": {"bucket": {"name": [name]}}}))
    events.put_targets(Rule=name, Targets=[{"Id": "report", "Arn": arn}])
    version_id = s3.put_object(Bucket=name, Key="inbox/cup.jpg", Body=b"cup")["VersionId"]
    ((_, body),) = messages(aws, report, 1)
    assert json.loads(body)["detail"]["object"]["version-id"] == version_id
    events.remove_targets(Rule=name, Ids=["report"])
    events.delete_rule(Name=name)
    s3.delete_object(Bucket=name, Key="inbox/cup.jpg", VersionId=version_id)
    s3.delete_bucket(Bucket=name)
