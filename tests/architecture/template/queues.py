"""Queues: nothing is lost in them, nothing is done twice at once, and one bad message harms no other."""

from collections.abc import Iterator

from tests.architecture.template.reading import (
    Template,
    also,
    drop,
    dug,
    extra,
    more,
    named,
    promise,
    put,
    without,
)

LAST = {"ParkedQueue"}
"""Where things go that went wrong elsewhere. The sweep empties it, without an event source."""

WATCHED = [{"prefix": "inbox/"}, {"prefix": "assets/"}]
KEPT = "queues.what_failed_is_kept_for_two_weeks"
PLACES = "functions.what_is_paid_for_has_places_of_its_own"
FILTER = ("EventPattern", "detail", "object", "key")


def sources(template: Template) -> Iterator[tuple[str, str, dict[str, object]]]:
    """Queue, function, and what connects them."""
    for mapping in template.of("AWS::Lambda::EventSourceMapping").values():
        if (queue := named(mapping["EventSourceArn"])) in template.queues:
            yield queue, named(mapping["FunctionName"]), mapping


@promise(
    {
        "none": also(drop("RenderQueue", "RedrivePolicy"), KEPT),
        "somebody else's": also(
            put("RenderQueue", "RedrivePolicy", "deadLetterTargetArn", to={"Fn::GetAtt": ["IngestDead", "Arn"]}), KEPT
        ),
        "a queue that is none": also(
            put("RenderQueue", "RedrivePolicy", "deadLetterTargetArn", to={"Fn::GetAtt": ["ParkedQueue", "Arn"]}), KEPT
        ),
        "one that is not there": also(without("RenderDead"), "watch.the_first_dead_letter_sets_off_an_alarm"),
        "after the first failure": put("RenderQueue", "RedrivePolicy", "maxReceiveCount", to=1),
        "never": put("RenderQueue", "RedrivePolicy", "maxReceiveCount", to=1000),
        "that forgets first": also(put("RenderDead", "MessageRetentionPeriod", to=345600), KEPT),
        "that says nothing of how long": also(drop("RenderDead", "MessageRetentionPeriod"), KEPT),
    }
)
def every_queue_has_a_dead_letter_queue_that_keeps_longer(template: Template) -> Iterator[str]:
    """Every queue has a dead-letter queue of its own, which takes what failed five times or more, and keeps it
    longer."""
    queues = template.queues
    for name, queue in queues.items():
        if name.endswith("Dead") or name in LAST:
            continue
        target = named(dug(queue, "RedrivePolicy", "deadLetterTargetArn"))
        if target != name.removesuffix("Queue") + "Dead" or target not in queues:
            yield f"{name} has {target} for its dead letters"
            continue
        if not 5 <= queue["RedrivePolicy"].get("maxReceiveCount", 0) <= 10:
            yield f"{name} gives up after {queue['RedrivePolicy'].get('maxReceiveCount')}"
        if queues[target].get("MessageRetentionPeriod", 0) <= queue["MessageRetentionPeriod"]:
            yield f"{target} forgets before {name}"


@promise(
    {
        "a dead-letter queue of nobody": also(
            extra("OldDead", "AWS::SQS::Queue", SqsManagedSseEnabled=True, MessageRetentionPeriod=1209600),
            "encryption.queues_refuse_plain_http",
            "watch.the_first_dead_letter_sets_off_an_alarm",
        ),
        "a week": put("CallbacksDead", "MessageRetentionPeriod", to=604800),
        "the last one loses what it has": put("ParkedQueue", "MessageRetentionPeriod", to=3600),
        "the last one gives up, too": put(
            "ParkedQueue",
            "RedrivePolicy",
            to={"deadLetterTargetArn": {"Fn::GetAtt": ["UploadsDead", "Arn"]}, "maxReceiveCount": 5},
        ),
    }
)
def what_failed_is_kept_for_two_weeks(template: Template) -> Iterator[str]:
    """What failed, and what was parked, is kept for 14 days, the longest there is."""
    targets = {named(dug(queue, "RedrivePolicy", "deadLetterTargetArn")) for queue in template.queues.values()}
    for name, queue in template.queues.items():
        if not name.endswith("Dead") and name not in LAST:
            continue
        if queue.get("MessageRetentionPeriod", 0) < 1209600:
            yield f"{name} forgets after {queue.get('MessageRetentionPeriod')} s"
        if name not in targets and name not in LAST:
            yield f"{name} is the dead-letter queue of nobody"
        if "RedrivePolicy" in queue:
            yield f"{name} gives up"


@promise(
    {
        "too short": put("RenderQueue", "VisibilityTimeout", to=719),
        "the default": drop("RenderQueue", "VisibilityTimeout"),
        "a function that takes longer": put("IngestFunction", "Timeout", to=300),
        "the sweep takes longer": put("SweepFunction", "Timeout", to=600),
    }
)
def a_message_stays_hidden_for_six_timeouts(template: Template) -> Iterator[str]:
    """A message stays hidden for at least six times as long as its function may work on it."""
    readers = [(queue, function) for queue, function, _ in sources(template)] + [("ParkedQueue", "SweepFunction")]
    for queue, function in readers:
        hidden, timeout = template.queues[queue].get("VisibilityTimeout", 30), template.functions[function]["Timeout"]
        if hidden < 6 * timeout:
            yield f"{queue} hides a message for {hidden} s, {function} may take {timeout} s"


@promise(
    {
        "the whole batch fails": drop("UploadFunctionUploads", "FunctionResponseTypes"),
        "of one": put("RenderFunctionRender", "FunctionResponseTypes", to=[]),
    }
)
def one_bad_message_harms_no_other(template: Template) -> Iterator[str]:
    """Of a batch of messages, only those come back that failed."""
    for queue, function, mapping in sources(template):
        if mapping.get("FunctionResponseTypes") != ["ReportBatchItemFailures"]:
            yield f"{function} fails whole batches of {queue}"


@promise(
    {
        "as many as there are messages": drop("DispatchFunctionDispatch", "ScalingConfig"),
        "one at a time": put("DispatchFunctionDispatch", "ScalingConfig", "MaximumConcurrency", to=1),
        "more than an account may have": put(
            "DispatchFunctionDispatch", "ScalingConfig", "MaximumConcurrency", to=1001
        ),
    }
)
def workers_are_bounded(template: Template) -> Iterator[str]:
    """Each queue starts a bounded number of workers, so that none of them takes all places of the account."""
    for queue, function, mapping in sources(template):
        if not 2 <= (dug(mapping, "ScalingConfig", "MaximumConcurrency") or 0) <= 100:
            yield f"{queue} starts {mapping.get('ScalingConfig')} of {function}"


@promise(
    {
        "nobody reads it": also(without("IngestFunctionIngest"), PLACES),
        "two read it": extra(
            "Twice",
            "AWS::Lambda::EventSourceMapping",
            EventSourceArn={"Fn::GetAtt": ["IngestQueue", "Arn"]},
            FunctionName={"Ref": "IngestFunction"},
            FunctionResponseTypes=["ReportBatchItemFailures"],
            ScalingConfig={"MaximumConcurrency": 50},
        ),
        "switched off": put("IngestFunctionIngest", "Enabled", to=False),
        "some messages are left out": put(
            "IngestFunctionIngest", "FilterCriteria", to={"Filters": [{"Pattern": '{"body": {"kind": ["look"]}}'}]}
        ),
        "dead letters are read like others": also(
            put("IngestFunctionIngest", "EventSourceArn", to={"Fn::GetAtt": ["IngestDead", "Arn"]}),
            "queues.a_message_stays_hidden_for_six_timeouts",
        ),
    }
)
def every_queue_is_read_whole_by_one_function(template: Template) -> Iterator[str]:
    """Every queue is read by one function, and whole: SQS deletes what a filter leaves out."""
    read = [queue for queue, _, mapping in sources(template) if mapping.get("Enabled", True)]
    for name in template.queues:
        wanted = 0 if name.endswith("Dead") or name in LAST else 1
        if read.count(name) != wanted:
            yield f"{name} is read by {read.count(name)}"
    for queue, function, mapping in sources(template):
        if "FilterCriteria" in mapping:
            yield f"{function} leaves out messages of {queue}"


@promise(
    {
        "one prefix more": more("UploadsRule", *FILTER, item={"prefix": "inputs/"}),
        "every object": drop("UploadsRule", *FILTER),
        "of another bucket": put(
            "UploadsRule", "EventPattern", "detail", "bucket", "name", to=[{"Ref": "OutputsBucket"}]
        ),
        "of every bucket": drop("UploadsRule", "EventPattern", "detail", "bucket"),
        "of another service": put("UploadsRule", "EventPattern", "source", to=["aws.ec2"]),
        "of everything that happens": drop("UploadsRule", "EventPattern", "detail-type"),
    }
)
def uploads_come_from_the_two_watched_prefixes(template: Template) -> Iterator[str]:
    """An object becomes a message only under the two watched prefixes of the uploads bucket."""
    for name, rule in template.of("AWS::Events::Rule").items():
        pattern = rule["EventPattern"]
        if dug(pattern, "detail", "object", "key") != WATCHED:
            yield f"{name} watches other prefixes"
        if [named(one) for one in dug(pattern, "detail", "bucket", "name") or []] != ["UploadsBucket"]:
            yield f"{name} watches another bucket"
        if (pattern.get("source"), pattern.get("detail-type")) != (["aws.s3"], ["Object Created"]):
            yield f"{name} watches more than new objects"


@promise(
    {
        "lost": drop("UploadsRule", "Targets", 0, "DeadLetterConfig"),
        "kept elsewhere": put(
            "UploadsRule", "Targets", 0, "DeadLetterConfig", "Arn", to={"Fn::GetAtt": ["IngestDead", "Arn"]}
        ),
        "delivered elsewhere": put("UploadsRule", "Targets", 0, "Arn", to={"Fn::GetAtt": ["ParkedQueue", "Arn"]}),
        "another target": more("UploadsRule", "Targets", item={"Id": "bus", "Arn": {"Fn::GetAtt": ["Bus", "Arn"]}}),
    }
)
def what_the_rule_cannot_deliver_is_kept(template: Template) -> Iterator[str]:
    """What the rule cannot deliver is kept beside what its queue could not do."""
    for name, rule in template.of("AWS::Events::Rule").items():
        for target in rule["Targets"]:
            kept = named(dug(target, "DeadLetterConfig", "Arn"))
            if (named(target["Arn"]), kept) != ("UploadsQueue", "UploadsDead"):
                yield f"{name} sends to {named(target['Arn'])}, and what fails to {kept}"
