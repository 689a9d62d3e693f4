"""Events of both doors become the same request; responses go back as Lambda wants them."""

import base64
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from packshot.errors import CallerError
from packshot.gateway import reply_of, request_of
from packshot.wire import Request, Response, json_response


def event(**changes: Any) -> dict[str, Any]:
    """What an HTTP API sends (payload format 2.0)."""
    return {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": "/packshot/v1/jobs",
        "rawQueryString": "limit=2&state=&limit=3",
        "cookies": ["session=1"],
        "headers": {"Authorization": "Bearer pk_x", "content-type": "application/json"},
        "queryStringParameters": {"limit": "2,3", "state": ""},
        "requestContext": {"stage": "$default", "http": {"method": "POST", "path": "/packshot/v1/jobs"}},
        "body": '{"prompt":"caf\u00e9"}',
        "isBase64Encoded": False,
        **changes,
    }


def test_an_event_becomes_a_request() -> None:
    headers = {"authorization": "Bearer pk_x", "content-type": "application/json"}
    body = '{"prompt":"caf\u00e9"}'.encode()
    assert request_of(event()) == Request("POST", "/packshot/v1/jobs", headers, body, {"limit": "3", "state": ""})


def test_a_function_url_sends_the_same_form() -> None:
    context = {"domainName": "x.lambda-url.eu-central-1.on.aws", "stage": "$default", "http": {"method": "POST"}}
    assert request_of(event(requestContext=context)) == replace(request_of(event()), via="url")


def test_a_bare_event_is_enough() -> None:
    bare = {"rawPath": "/packshot/v1/models", "requestContext": {"http": {"method": "get"}}}
    assert request_of(bare) == Request("GET", "/packshot/v1/models")


def test_a_stage_before_the_path_is_taken_off() -> None:
    context = {"stage": "dev", "http": {"method": "GET"}}
    assert request_of(event(rawPath="/dev/packshot/v1/jobs", requestContext=context)).url == "/packshot/v1/jobs"
    assert request_of(event(rawPath="/device", requestContext=context)).url == "/device"


def test_query_values_are_decoded() -> None:
    assert request_of(event(rawQueryString="a=%C3%A9+b&c&d=%ff")).query == {"a": "\u00e9 b", "c": "", "d": "\ufffd"}


@given(st.binary(max_size=100))
def test_a_base64_body_is_decoded(body: bytes) -> None:
    assert request_of(event(body=base64.b64encode(body).decode(), isBase64Encoded=True)).body == body


@pytest.mark.parametrize("body", ["\u00e9", "abc"])
def test_a_body_that_is_not_what_the_event_says(body: str) -> None:
    with pytest.raises(CallerError) as caught:
        request_of(event(body=body, isBase64Encoded=True))
    assert caught.value.code == "malformed_request"


def test_a_lone_surrogate_does_not_stop_us() -> None:
    assert request_of(event(body="\ud800")).body == b"\xed\xa0\x80"


def test_json_goes_back_as_text() -> None:
    assert reply_of(json_response(202, {"a": "\u00e9"}, {"location": "/x"})) == {
        "statusCode": 202,
        "headers": {"content-type": "application/json", "location": "/x"},
        "body": '{"a":"\u00e9"}',
        "isBase64Encoded": False,
    }


@pytest.mark.parametrize("kind", ["application/problem+json", "text/html; charset=utf-8", "image/svg+xml"])
def test_other_text_too(kind: str) -> None:
    assert reply_of(Response(200, {"content-type": kind}, b"x"))["body"] == "x"


@pytest.mark.parametrize(("kind", "body"), [("image/png", b"\x89PNG"), ("", b"x"), ("text/plain", b"\xff")])
def test_what_is_not_text_goes_as_base64(kind: str, body: bytes) -> None:
    reply = reply_of(Response(200, {"content-type": kind}, body))
    assert reply["isBase64Encoded"] is True and base64.b64decode(reply["body"]) == body


def test_no_body_is_empty_text() -> None:
    assert reply_of(Response(204)) == {"statusCode": 204, "headers": {}, "body": "", "isBase64Encoded": False}
