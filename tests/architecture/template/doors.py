"""Doors: what a stranger can reach, who asks for the key, what is written down."""

import json
from collections.abc import Iterator
from typing import Any

from tests.architecture.template.reading import (
    Change,
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

ROUTES = {
    **{f"{verb} /{{proxy+}}": "SubmitFunction" for verb in ("POST", "PUT", "PATCH", "DELETE")},
    "GET /api/v1/upload/signed": "SubmitFunction",  # writes the row of an asset that is to come
    "GET /v1/phota/webhook-secret": "SubmitFunction",  # opens a sealed secret
    "POST /hooks/{provider}/{account}/{job}/{call}/{attempt}/{token}": "ProviderWebhookFunction",
    "POST /hooks/{provider}": "ProviderWebhookFunction",
    "POST /packshot/v1/checks": "CheckFunction",  # has the imaging layer
    "$default": "QueryFunction",
}
"""Every way in, and where it leads."""

WITHOUT_A_KEY = {"ProviderWebhookFunction": "a provider proves itself: its signature, and the token of the attempt"}
"""Functions that strangers reach and that ask for something else than an API key."""

WRITTEN = {"requestTime", "requestId", "routeKey", "status", "responseLength", "responseLatency"}
WRITTEN |= {"integrationLatency", "error.responseType"}
"""What the access log may hold. A path or a query can carry a key or a webhook's token."""

GATEWAY_GIVES_UP = 30
URL = "SubmitFunctionUrlPublicPermissions"


def integrations(template: Template) -> dict[str, str]:
    """Integration -> the function behind it."""
    found = template.of("AWS::ApiGatewayV2::Integration").items()
    return {name: named(one.get("IntegrationUri")) for name, one in found}


def routes(template: Template) -> dict[str, str]:
    """Route -> the function behind it."""
    behind = integrations(template)
    return {
        str(route["RouteKey"]): behind.get(named(route.get("Target")), "")
        for route in template.of("AWS::ApiGatewayV2::Route").values()
    }


def permission(function: str, **properties: Any) -> Change:
    """Somebody more may call a function."""
    given = {"FunctionName": {"Ref": function}, "Action": "lambda:InvokeFunction", **properties}
    return extra("OnePermissionMore", "AWS::Lambda::Permission", **given)


@promise(
    {
        "a way that is gone": without("PatchRoute"),
        "a new way": extra(
            "AdminRoute",
            "AWS::ApiGatewayV2::Route",
            RouteKey="POST /admin",
            Target={"Fn::Sub": "integrations/${SubmitIntegration}"},
        ),
        "a way that leads elsewhere": put("PostRoute", "Target", "Fn::Sub", to="integrations/${QueryIntegration}"),
        "a function of ours behind another's name": put(
            "CheckIntegration", "IntegrationUri", to={"Fn::GetAtt": ["QueryFunction", "Arn"]}
        ),
        "the old form of events": put("QueryIntegration", "PayloadFormatVersion", to="1.0"),
        "another kind of integration": put("QueryIntegration", "IntegrationType", to="HTTP_PROXY"),
    }
)
def every_route_leads_where_it_should(template: Template) -> Iterator[str]:
    """Every route is on the list and leads to the function it should."""
    for key, function in set(routes(template).items()) ^ set(ROUTES.items()):
        yield f"{key} to {function} is only on one side"
    for name, one in template.of("AWS::ApiGatewayV2::Integration").items():
        if (one["IntegrationType"], one["PayloadFormatVersion"]) != ("AWS_PROXY", "2.0"):
            yield f"{name} speaks another form"


@promise(
    {
        "submit asks nobody": at(
            "sources", "asks for a key", to=lambda old: [one for one in old if "submit" not in one]
        ),
        "check asks nobody": at("sources", "asks for a key", to=lambda old: [one for one in old if "check" not in one]),
    }
)
def who_is_reached_from_outside_asks_for_a_key(template: Template) -> Iterator[str]:
    """Every function that is reached from outside asks for an API key; a provider proves itself in its own way."""
    reached = {*routes(template).values()}
    reached |= {named(one["TargetFunctionArn"]) for one in template.of("AWS::Lambda::Url").values()}
    for name in reached - set(WITHOUT_A_KEY):
        if template.folders.get(name) not in template.sources["asks for a key"]:
            yield f"{name} asks for no key"


@promise(
    {
        "anybody calls query": put("QueryPermission", "Principal", to="*"),
        "every API there is": drop("QueryPermission", "SourceArn"),
        "another API": put("QueryPermission", "SourceArn", to="arn:aws:execute-api:eu-west-1:1:other/*"),
        "another service": put("QueryPermission", "Principal", to="s3.amazonaws.com"),
        "anybody calls submit, without its URL": drop(URL, "FunctionUrlAuthType"),
        "another service, too": permission("QueryFunction", Principal="s3.amazonaws.com", SourceArn="arn:aws:s3:::x"),
        "another API, too": permission(
            "QueryFunction", Principal="apigateway.amazonaws.com", SourceArn="arn:aws:execute-api:eu-west-1:1:other/*"
        ),
        "anybody calls query as by a URL": permission("QueryFunction", Principal="*", FunctionUrlAuthType="NONE"),
        "the API may not call query": without("QueryPermission"),
        "the API may call poll": permission(
            "PollFunction",
            Principal="apigateway.amazonaws.com",
            SourceArn={"Fn::Sub": "arn:${AWS::Partition}:execute-api:::${Api}/*"},
        ),
    }
)
def callers_of_functions_are_named(template: Template) -> Iterator[str]:
    """Functions are called by our own API and by nobody else; submit also through its URL."""
    called = set()
    for name, one in template.of("AWS::Lambda::Permission").items():
        function = named(one["FunctionName"])
        if one["Principal"] == "*":
            if function != "SubmitFunction" or not (one.get("FunctionUrlAuthType") or one.get("InvokedViaFunctionUrl")):
                yield f"{name}: anybody calls {function}"
        elif one["Principal"] != "apigateway.amazonaws.com":
            yield f"{name}: {one['Principal']} calls {function}"
        elif not str(dug(one, "SourceArn", "Fn::Sub")).endswith("${Api}/*"):
            yield f"{name}: any API calls {function}"
        else:
            called.add(function)
    for function in called ^ set(ROUTES.values()):
        yield f"{function} has a route or a permission, not both"


@promise(
    {
        "query has a URL": extra(
            "QueryUrl", "AWS::Lambda::Url", TargetFunctionArn={"Ref": "QueryFunction"}, AuthType="NONE"
        ),
        "browsers everywhere": put("SubmitFunctionUrl", "Cors", to={"AllowOrigins": ["*"]}),
    }
)
def only_submit_has_a_url(template: Template) -> Iterator[str]:
    """Only submit has a Function URL, for callers who wait longer than the API can."""
    urls = template.of("AWS::Lambda::Url")
    if [named(one["TargetFunctionArn"]) for one in urls.values()] != ["SubmitFunction"]:
        yield f"{sorted(urls)}"
    for name, one in urls.items():
        if "Cors" in one:
            yield f"{name} answers browsers"


def logs(change: Any) -> Any:
    """A change of the access log's format."""
    return put("ApiStage", "AccessLogSettings", "Format", to=change)


@promise(
    {
        "the path": logs(lambda old: old.replace("$context.routeKey", "$context.path")),
        "who asked": logs(lambda old: old.replace("$context.status", "$context.identity.sourceIp")),
        "the query": logs(lambda old: old.replace("$context.status", "$context.querystring")),
        "a header": logs(lambda old: old.replace("$context.status", "$context.authorizer.key")),
        "not JSON": logs("$context.requestId $context.status"),
        "no log at all": drop("ApiStage", "AccessLogSettings"),
        "a log that never ends": put(
            "ApiStage", "AccessLogSettings", "DestinationArn", to="arn:aws:logs:eu-west-1:1:x"
        ),
    }
)
def the_access_log_holds_no_path(template: Template) -> Iterator[str]:
    """The API keeps an access log, of named fields: no path, no query, no address."""
    for name, stage in template.of("AWS::ApiGatewayV2::Stage").items():
        form = dug(stage, "AccessLogSettings", "Format") or ""
        try:
            fields = set(json.loads(form).values())
        except ValueError:
            yield f"{name} logs something else than JSON"
            continue
        for one in fields - {f"$context.{field}" for field in WRITTEN}:
            yield f"{name} logs {one}"
        if named(dug(stage, "AccessLogSettings", "DestinationArn")) != "ApiLogs":
            yield f"{name} logs elsewhere"


@promise(
    {
        "no throttle": drop("ApiStage", "DefaultRouteSettings"),
        "a stage in the path": put("ApiStage", "StageName", to="prod"),
        "bodies in the log": put("ApiStage", "DefaultRouteSettings", "DataTraceEnabled", to=True),
    }
)
def the_api_is_throttled(template: Template) -> Iterator[str]:
    """The API is throttled as a whole, besides the limits of each key, and logs no bodies."""
    for name, stage in template.of("AWS::ApiGatewayV2::Stage").items():
        settings = stage.get("DefaultRouteSettings", {})
        if not 0 < settings.get("ThrottlingRateLimit", 0) <= settings.get("ThrottlingBurstLimit", 0) <= 5000:
            yield f"{name} lets everything in"
        if settings.get("DataTraceEnabled"):
            yield f"{name} logs bodies"
        if stage["StageName"] != "$default":
            yield f"{name} is part of every path"


@promise(
    {
        "query": put("QueryFunction", "Timeout", to=30),
        "webhooks": put("ProviderWebhookFunction", "Timeout", to=60),
        "check": put("CheckFunction", "Timeout", to=900),
    }
)
def functions_answer_before_the_gateway_gives_up(template: Template) -> Iterator[str]:
    """What the API calls answers before the API gives up (30 s); submit, whose URL waits longer, sees to it itself."""
    for name in set(ROUTES.values()) - {"SubmitFunction"}:
        if template.functions[name]["Timeout"] >= GATEWAY_GIVES_UP:
            yield f"{name} may take {template.functions[name]['Timeout']} s"
