"""Who watches: logs that end, alarms that somebody hears, a dashboard that shows what there is."""

import json
from collections.abc import Iterator

from tests.architecture.template.reading import (
    Resource,
    Template,
    at,
    drop,
    dug,
    extra,
    named,
    promise,
    put,
    without,
)

WAITING = {"DispatchQueue": 120, "RenderQueue": 300, "IngestQueue": 120, "CallbacksQueue": 300}
"""Seconds that the oldest message may wait before somebody is told."""

SILENT = {"SweepFunction": 600, "ReconcileFunction": 3600}
"""Seconds after which a clock that does not tick is missed."""

METRICS = {
    "ApproximateNumberOfMessagesVisible",
    "ApproximateAgeOfOldestMessage",
    "IteratorAge",
    "Errors",
    "Invocations",
    "BookDrifts",
    "BooksUnread",
}
"""Everything that is watched; each has a promise here."""

MANY = "GreaterThanThreshold"
TOLD = {"Fn::If": ["HasAlarmEmail", [{"Ref": "AlarmTopic"}], []]}


def alarms(template: Template, metric: str) -> dict[str, tuple[Resource, str]]:
    """Alarms on one metric, and what they watch."""
    return {
        name: (alarm, named(dug(alarm, "Dimensions", 0, "Value")))
        for name, alarm in template.of("AWS::CloudWatch::Alarm").items()
        if alarm["MetricName"] == metric
    }


def watched(found: dict[str, tuple[Resource, str]], wanted: set[str]) -> Iterator[str]:
    """What nobody watches, what is watched and should not be, what is watched twice."""
    seen = [what for _, what in found.values()]
    for one in {*seen, *wanted}:
        if seen.count(one) != (one in wanted):
            yield f"{one or 'nothing'} is watched by {seen.count(one)}"


def within(alarm: Resource) -> int:
    """Seconds until an alarm goes off."""
    return int(alarm["Period"]) * int(alarm["EvaluationPeriods"])


@promise(
    {
        "a dead-letter queue nobody looks at": without("RenderDeadAlarm"),
        "the parking queue, too": without("ParkedAlarm"),
        "one queue twice, the other never": put(
            "RenderDeadAlarm", "Dimensions", 0, "Value", to={"Fn::GetAtt": ["IngestDead", "QueueName"]}
        ),
        "by the address instead of the name": put(
            "RenderDeadAlarm", "Dimensions", 0, "Value", to={"Ref": "RenderDead"}
        ),
        "after ten": put("RenderDeadAlarm", "Threshold", to=10),
        "when there are none": put("RenderDeadAlarm", "ComparisonOperator", to="LessThanThreshold"),
        "after an hour": put("RenderDeadAlarm", "EvaluationPeriods", to=60),
        "on the average": put("RenderDeadAlarm", "Statistic", to="Average"),
        "of another service": put("RenderDeadAlarm", "Namespace", to="AWS/Lambda"),
    }
)
def the_first_dead_letter_sets_off_an_alarm(template: Template) -> Iterator[str]:
    """The first message in any dead-letter queue sets off an alarm within five minutes."""
    found = alarms(template, "ApproximateNumberOfMessagesVisible")
    yield from watched(found, {name for name in template.queues if name.endswith("Dead") or name == "ParkedQueue"})
    for name, (alarm, queue) in found.items():
        form = (alarm["Namespace"], alarm["Statistic"], alarm["ComparisonOperator"], alarm["Threshold"])
        if form != ("AWS/SQS", "Maximum", MANY, 0) or within(alarm) > 300:
            yield f"{name} goes off at {form} after {within(alarm)} s"
        if alarm["Dimensions"] != [{"Name": "QueueName", "Value": {"Fn::GetAtt": [queue, "QueueName"]}}]:
            yield f"{name} watches something that is no queue"


@promise(
    {
        "nobody looks at the oldest": without("IngestAgeAlarm"),
        "after an hour": put("IngestAgeAlarm", "EvaluationPeriods", to=60),
        "later than promised": put("IngestAgeAlarm", "Threshold", to=3600),
        "of another service": put("IngestAgeAlarm", "Namespace", to="AWS/Lambda"),
        "the youngest": put("IngestAgeAlarm", "Statistic", to="Minimum"),
        "by the address instead of the name": put(
            "IngestAgeAlarm", "Dimensions", 0, "Value", to={"Ref": "IngestQueue"}
        ),
        "nobody looks at the stream": without("RelayAgeAlarm"),
        "a stream of another service": put("RelayAgeAlarm", "Namespace", to="AWS/DynamoDB"),
        "a stream on the average": put("RelayAgeAlarm", "Statistic", to="Average"),
        "a stream that is ahead": put("RelayAgeAlarm", "ComparisonOperator", to="LessThanThreshold"),
        "a stream after an hour": put("RelayAgeAlarm", "EvaluationPeriods", to=60),
        "a stream that is an hour behind": put("RelayAgeAlarm", "Threshold", to=3600000),
    }
)
def work_that_waits_too_long_sets_off_an_alarm(template: Template) -> Iterator[str]:
    """Work that waits longer than two to five minutes, or a stream that is a minute behind, sets off an alarm."""
    found = alarms(template, "ApproximateAgeOfOldestMessage")
    yield from watched(found, set(WAITING))
    for name, (alarm, queue) in found.items():
        form = (alarm["Namespace"], alarm["Statistic"], alarm["ComparisonOperator"], alarm["Threshold"])
        if form != ("AWS/SQS", "Maximum", MANY, WAITING.get(queue)) or within(alarm) > 300:
            yield f"{name} goes off at {form}"
        if alarm["Dimensions"] != [{"Name": "QueueName", "Value": {"Fn::GetAtt": [queue, "QueueName"]}}]:
            yield f"{name} watches something that is no queue"
    behind = alarms(template, "IteratorAge")
    yield from watched(behind, {"RelayFunction"})
    for name, (alarm, _) in behind.items():
        form = (alarm["Namespace"], alarm["Statistic"], alarm["ComparisonOperator"], alarm["Threshold"])
        if form != ("AWS/Lambda", "Maximum", MANY, 60000) or within(alarm) > 300:
            yield f"{name} goes off at {alarm['Threshold']}"


@promise(
    {
        "nobody looks at query": without("QueryErrorsAlarm"),
        "submit is watched twice": put("QueryErrorsAlarm", "Dimensions", 0, "Value", to={"Ref": "SubmitFunction"}),
        "after a thousand": put("QueryErrorsAlarm", "Threshold", to=1000),
        "once an hour": put("QueryErrorsAlarm", "Period", to=3600),
        "when it goes well": put("QueryErrorsAlarm", "ComparisonOperator", to="LessThanThreshold"),
        "of another service": put("QueryErrorsAlarm", "Namespace", to="AWS/SQS"),
    }
)
def a_function_that_fails_sets_off_an_alarm(template: Template) -> Iterator[str]:
    """A few failures of any function within five minutes set off an alarm."""
    found = alarms(template, "Errors")
    yield from watched(found, set(template.functions))
    for name, (alarm, _) in found.items():
        form = (alarm["Namespace"], alarm["Statistic"], alarm["ComparisonOperator"])
        if form != ("AWS/Lambda", "Sum", MANY) or alarm["Threshold"] > 5 or within(alarm) > 300:
            yield f"{name} goes off at {form}, {alarm['Threshold']}"


@promise(
    {
        "nobody notices": without("SweepSilentAlarm"),
        "no news is good news": put("SweepSilentAlarm", "TreatMissingData", to="notBreaching"),
        "it ran too often": put("SweepSilentAlarm", "ComparisonOperator", to=MANY),
        "after a day": put("SweepSilentAlarm", "EvaluationPeriods", to=288),
        "nobody misses the auditor": without("ReconcileSilentAlarm"),
        "the auditor is missed after a week": put("ReconcileSilentAlarm", "Period", to=302400),
    }
)
def a_clock_that_stands_still_sets_off_an_alarm(template: Template) -> Iterator[str]:
    """A sweep that has not run for ten minutes sets off an alarm, and a reconcile that has not run for an hour."""
    found = alarms(template, "Invocations")
    yield from watched(found, set(SILENT))
    for name, (alarm, function) in found.items():
        form = (alarm["Statistic"], alarm["ComparisonOperator"], alarm["Threshold"], alarm["TreatMissingData"])
        if form != ("Sum", "LessThanThreshold", 1, "breaching") or within(alarm) > SILENT.get(function, 0):
            yield f"{name} goes off at {form}"


@promise(
    {
        "nobody hears of a drift": without("BookDriftsAlarm"),
        "nobody hears of books that cannot be read": without("BooksUnreadAlarm"),
        "one drift is none": put("BookDriftsAlarm", "Threshold", to=1),
        "a day later": put("BookDriftsAlarm", "Period", to=86400),
        "on the average": put("BookDriftsAlarm", "Statistic", to="Average"),
        "of another function": put("BookDriftsAlarm", "Dimensions", 0, "Value", to={"Ref": "SweepFunction"}),
        "of all stacks": drop("BookDriftsAlarm", "Dimensions", 0),
        "of another service": put("BooksUnreadAlarm", "Namespace", to="AWS/Lambda"),
    }
)
def books_that_disagree_set_off_an_alarm(template: Template) -> Iterator[str]:
    """The first drift in the books, or an account whose books cannot be read, sets off an alarm."""
    for metric in ("BookDrifts", "BooksUnread"):
        found = alarms(template, metric)
        if len(found) != 1:
            yield f"{metric} is watched by {len(found)}"
        for name, (alarm, _) in found.items():
            form = (alarm["Namespace"], alarm["Statistic"], alarm["ComparisonOperator"], alarm["Threshold"])
            if form != ("packshot", "Sum", MANY, 0) or within(alarm) > 300:
                yield f"{name} goes off at {form}"
            if alarm["Dimensions"] != [{"Name": "function", "Value": {"Ref": "ReconcileFunction"}}]:
                yield f"{name} watches {alarm['Dimensions']}"


@promise(
    {
        "an alarm nobody hears": put("RenderDeadAlarm", "AlarmActions", to=[]),
        "that is switched off": put("RenderDeadAlarm", "ActionsEnabled", to=False),
        "that goes off when all is quiet": put("RenderDeadAlarm", "TreatMissingData", to="breaching"),
        "of something that is not on this page": extra(
            "SlowAlarm",
            "AWS::CloudWatch::Alarm",
            MetricName="Duration",
            AlarmActions=TOLD,
            TreatMissingData="notBreaching",
        ),
        "a topic without a reader": drop("AlarmTopic", "Subscription"),
        "another condition": at("made", "Conditions", "HasAlarmEmail", to={"Fn::Equals": ["a", "b"]}),
    }
)
def somebody_is_told(template: Template) -> Iterator[str]:
    """Every alarm is mailed to `AlarmEmail`; where nothing happens, none goes off."""
    for name, alarm in template.of("AWS::CloudWatch::Alarm").items():
        if alarm["MetricName"] not in METRICS:
            yield f"{name} watches {alarm['MetricName']}"
        if alarm["AlarmActions"] != TOLD or alarm.get("ActionsEnabled") is False:
            yield f"{name} tells nobody"
        if alarm["TreatMissingData"] != "notBreaching" and alarm["MetricName"] != "Invocations":
            yield f"{name} goes off when all is quiet"
    for name, topic in template.of("AWS::SNS::Topic").items():
        if topic.get("Subscription") != [{"Protocol": "email", "Endpoint": {"Ref": "AlarmEmail"}}]:
            yield f"{name} has no reader"
    if template.made["Conditions"]["HasAlarmEmail"] != {"Fn::Not": [{"Fn::Equals": [{"Ref": "AlarmEmail"}, ""]}]}:
        yield "HasAlarmEmail is something else"


@promise(
    {
        "a log that never ends": drop("ApiLogs", "RetentionInDays"),
        "a log with an end of its own": put("QueryLogs", "RetentionInDays", to=3653),
        "no end if one likes": at(
            "made", "Parameters", "LogRetentionDays", "AllowedValues", to=lambda old: [*old, 3653]
        ),
        "no end by default": at("made", "Parameters", "LogRetentionDays", "Default", to=3653),
    }
)
def logs_end(template: Template) -> Iterator[str]:
    """Every log ends after `LogRetentionDays`, a year at most."""
    for name, group in template.of("AWS::Logs::LogGroup").items():
        if named(group.get("RetentionInDays")) != "LogRetentionDays":
            yield f"{name} has an end of its own, or none"
    parameter = template.made["Parameters"]["LogRetentionDays"]
    if parameter["Default"] not in parameter["AllowedValues"] or max(parameter["AllowedValues"]) > 365:
        yield "LogRetentionDays may be for ever"


@promise(
    {
        "not JSON": put("Dashboard", "DashboardBody", "Fn::Sub", 0, to="{"),
        "a widget that is gone": put(
            "Dashboard",
            "DashboardBody",
            "Fn::Sub",
            0,
            to=lambda old: json.dumps({"widgets": json.loads(old)["widgets"][1:]}),
        ),
        "a function that is missing": put(
            "Dashboard", "DashboardBody", "Fn::Sub", 0, to=lambda old: old.replace("${PollFunction}", "poll")
        ),
        "a queue that is missing": put(
            "Dashboard", "DashboardBody", "Fn::Sub", 0, to=lambda old: old.replace("${Ingest}", "")
        ),
    }
)
def the_dashboard_shows_everything(template: Template) -> Iterator[str]:
    """The dashboard shows requests, latency, waiting work, the outbox, and errors of every function."""
    for name, dashboard in template.of("AWS::CloudWatch::Dashboard").items():
        drawn, given = dashboard["DashboardBody"]["Fn::Sub"]
        try:
            widgets = json.loads(drawn)["widgets"]
        except ValueError:
            yield f"{name} is not JSON"
            continue
        if len(widgets) != 5:
            yield f"{name} has {len(widgets)} widgets"
        for one in [*template.functions, *given]:
            if f"${{{one}}}" not in drawn:
                yield f"{name} does not show {one}"
