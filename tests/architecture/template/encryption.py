"""Encryption: at rest, on the way, and who may open."""

from collections.abc import Iterator
from typing import Any

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

CONDITIONAL = {"UploadsBucketPolicy", "OutputsBucketPolicy", "QueuesPolicy", "AlarmTopic"}
"""What is not everywhere: policies that insist on TLS, and a topic without a reader."""

PLAIN_HTTP = {"Bool": {"aws:SecureTransport": "false"}}
ROOT_OF_THE_ACCOUNT = {"AWS": {"Fn::Sub": "arn:${AWS::Partition}:iam::${AWS::AccountId}:root"}}
TLS = ("PolicyDocument", "Statement", 0)


@promise(
    {
        "a queue in the clear": put("RenderQueue", "SqsManagedSseEnabled", to=False),
        "a dead-letter queue that says nothing": drop("RenderDead", "SqsManagedSseEnabled"),
        "a bucket that says nothing": drop("OutputsBucket", "BucketEncryption"),
        "a table that says nothing": put("Table", "SSESpecification", "SSEEnabled", to=False),
    }
)
def what_is_kept_is_encrypted(template: Template) -> Iterator[str]:
    """Table, buckets and queues are encrypted."""
    for name, queue in template.queues.items():
        if queue.get("SqsManagedSseEnabled") is not True:
            yield f"{name} is in the clear"
    for name, bucket in template.of("AWS::S3::Bucket").items():
        rules = dug(bucket, "BucketEncryption", "ServerSideEncryptionConfiguration") or []
        if not any(dug(rule, "ServerSideEncryptionByDefault", "SSEAlgorithm") for rule in rules):
            yield f"{name} is in the clear"
    for name, table in template.of("AWS::DynamoDB::Table").items():
        if dug(table, "SSESpecification", "SSEEnabled") is not True:
            yield f"{name} is in the clear"


@promise(
    {
        "a queue is forgotten": drop("QueuesPolicy", "Queues", 0),
        "it says nothing": put("QueuesPolicy", "PolicyDocument", "Statement", to=[]),
        "for one account only": put("QueuesPolicy", *TLS, "Principal", to={"AWS": "1"}),
        "sending only": put("QueuesPolicy", *TLS, "Action", to="sqs:SendMessage"),
        "another condition": put("QueuesPolicy", *TLS, "Condition", to={"Bool": {"aws:SecureTransport": "true"}}),
        "a queue with two policies": more("QueuesPolicy", "Queues", item={"Ref": "UploadsQueue"}),
        "a new queue": also(
            extra("NewQueue", "AWS::SQS::Queue", SqsManagedSseEnabled=True),
            "queues.every_queue_has_a_dead_letter_queue_that_keeps_longer",
            "queues.every_queue_is_read_whole_by_one_function",
        ),
    }
)
def queues_refuse_plain_http(template: Template) -> Iterator[str]:
    """Queues refuse plain HTTP; each has one policy."""
    closed: list[str] = []
    for policy in template.of("AWS::SQS::QueuePolicy").values():
        statements = [dug(one, "Fn::If", 1) or one for one in policy["PolicyDocument"]["Statement"]]
        if any(_refuses_plain_http(one, "sqs:*") for one in statements):
            closed += [named(queue) for queue in policy["Queues"]]
    for queue in {*template.queues, *closed}:
        if closed.count(queue) != 1:
            yield f"{queue} is in {closed.count(queue)} policies that refuse it"


@promise(
    {
        "no policy": without("OutputsBucketPolicy"),
        "for another bucket": put("OutputsBucketPolicy", "Bucket", to={"Ref": "UploadsBucket"}),
        "reading only": put("OutputsBucketPolicy", *TLS, "Action", to="s3:GetObject"),
        "the list of objects only": drop("OutputsBucketPolicy", *TLS, "Resource", 1),
        "the policy allows": put("OutputsBucketPolicy", *TLS, "Effect", to="Allow"),
        "another condition": put("OutputsBucketPolicy", *TLS, "Condition", to={}),
        "and lets somebody in": more(
            "OutputsBucketPolicy",
            "PolicyDocument",
            "Statement",
            item={"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "*"},
        ),
    }
)
def buckets_refuse_plain_http_and_let_nobody_else_in(template: Template) -> Iterator[str]:
    """Buckets refuse plain HTTP; their policies let nobody in."""
    policies = {named(policy["Bucket"]): policy for policy in template.of("AWS::S3::BucketPolicy").values()}
    for name in template.of("AWS::S3::Bucket"):
        statements = dug(policies, name, "PolicyDocument", "Statement") or []
        whole = [{"Fn::GetAtt": [name, "Arn"]}, {"Fn::Sub": f"${{{name}.Arn}}/*"}]
        if len(statements) != 1 or not _refuses_plain_http(statements[0], "s3:*"):
            yield f"{name}: {len(statements)} statements, not the one that refuses"
        elif statements[0].get("Resource") != whole:
            yield f"{name} is closed in part"


def _refuses_plain_http(statement: dict[str, Any], action: str) -> bool:
    said = (statement["Effect"], statement.get("Principal"), statement.get("Action"), statement.get("Condition"))
    return said == ("Deny", "*", action, PLAIN_HTTP)


@promise(
    {
        "the cloud is not the cloud": at("made", "Conditions", "IsCloud", "Fn::Equals", 1, to="maybe"),
        "one machine is the default": at("made", "Parameters", "Local", "Default", to="true"),
        "local is the default": at("made", "Conditions", "IsLocal", "Fn::Equals", 1, to="false"),
        "a new exception": at("made", "Resources", "DispatchQueue", "Condition", to="IsCloud"),
        "TLS where there is a mail address": at("made", "Resources", "QueuesPolicy", "Condition", to="HasAlarmEmail"),
        "never for uploads": put("UploadsQueuesPolicy", *TLS, "Fn::If", 0, to="IsLocal"),
    }
)
def only_one_machine_may_do_without_tls(template: Template) -> Iterator[str]:
    """Only `Local=true` leaves out the policies that insist on TLS, and it is not the default."""
    conditions = template.made["Conditions"]
    if conditions["IsCloud"] != {"Fn::Equals": [{"Ref": "Local"}, "false"]}:
        yield "IsCloud is something else"
    if conditions["IsLocal"] != {"Fn::Equals": [{"Ref": "Local"}, "true"]}:
        yield "IsLocal is something else"
    if template.made["Parameters"]["Local"]["Default"] != "false":
        yield "Local is the default"
    for name, resource in template.resources.items():
        wanted = ("HasAlarmEmail" if name == "AlarmTopic" else "IsCloud") if name in CONDITIONAL else None
        if resource.get("Condition") != wanted:
            yield f"{name} is there on condition {resource.get('Condition')}"
    for name, policy in template.of("AWS::SQS::QueuePolicy").items():
        for one in policy["PolicyDocument"]["Statement"]:
            if dug(one, "Fn::If", 0) not in (None, "IsCloud"):
                yield f"{name} insists on condition {one['Fn::If'][0]}"


@promise(
    {
        "the key is never turned": put("CallbackKey", "EnableKeyRotation", to=False),
        "anybody": put("CallbackKey", "KeyPolicy", "Statement", 0, "Principal", to={"AWS": "*"}),
        "one more": more(
            "CallbackKey",
            "KeyPolicy",
            "Statement",
            item={"Effect": "Allow", "Principal": "*", "Action": "kms:Decrypt", "Resource": "*"},
        ),
        "soon gone": put("CallbackKey", "PendingWindowInDays", to=7),
        "deleted with the stack": at("made", "Resources", "CallbackKey", "DeletionPolicy", to="Delete"),
        "replaced": at("made", "Resources", "CallbackKey", "UpdateReplacePolicy", to="Delete"),
    }
)
def the_key_belongs_to_this_account_and_stays(template: Template) -> Iterator[str]:
    """The key that seals callers' secrets is this account's alone, is turned each year, and outlives the stack."""
    for name, key in template.of("AWS::KMS::Key").items():
        statements = key["KeyPolicy"]["Statement"]
        if [(one["Effect"], one["Principal"]) for one in statements] != [("Allow", ROOT_OF_THE_ACCOUNT)]:
            yield f"{name} can be used by others"
        if key.get("EnableKeyRotation") is not True or key.get("PendingWindowInDays") != 30:
            yield f"{name} is not turned, or soon gone"
        kept = (template.resources[name].get("DeletionPolicy"), template.resources[name].get("UpdateReplacePolicy"))
        if kept != ("Retain", "Retain"):
            yield f"{name} goes with the stack"


SIGNED = ("UploadsQueuesPolicy", "PolicyDocument", "Statement", 1)


@promise(
    {
        "for every rule there is": drop(*SIGNED, "Condition"),
        "for another rule": put(*SIGNED, "Condition", "ArnEquals", "aws:SourceArn", to="arn:aws:events:eu-west-1:1:x"),
        "for anybody": put(*SIGNED, "Principal", to="*"),
        "for more than sending": put(*SIGNED, "Action", to="sqs:*"),
    }
)
def only_our_rule_puts_messages_into_queues_from_outside(template: Template) -> Iterator[str]:
    """From outside, only our own rule may put messages into queues, and may do nothing else."""
    for name, policy in template.of("AWS::SQS::QueuePolicy").items():
        for one in policy["PolicyDocument"]["Statement"]:
            statement = dug(one, "Fn::If", 1) or one
            if statement["Effect"] != "Allow":
                continue
            source = named(dug(statement, "Condition", "ArnEquals", "aws:SourceArn"))
            said = (statement["Principal"], listed(statement["Action"]), source)
            if said != ({"Service": "events.amazonaws.com"}, ["sqs:SendMessage"], "UploadsRule"):
                yield f"{name} lets in {said}"
