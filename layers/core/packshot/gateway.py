"""API Gateway HTTP API (payload 2.0) and Lambda Function URL events, which have the same form, to and from our values.

Header names come lower-cased, the last of a repeated query parameter wins, cookies are ignored.
"""

import binascii
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from packshot.errors import CallerError
from packshot.wire import Request, Response

_TEXT = ("application/json", "application/xml", "application/javascript", "image/svg+xml")


def request_of(event: Mapping[str, Any]) -> Request:
    """The request in an event. Raises CallerError `malformed_request` when its body is not what the event says."""
    context = event.get("requestContext") or {}
    return Request(
        method=str((context.get("http") or {}).get("method", "GET")).upper(),
        url=_path(str(event.get("rawPath") or "/"), str(context.get("stage", ""))),
        headers={str(name).lower(): str(value).strip() for name, value in (event.get("headers") or {}).items()},
        body=_body(event),
        via="url" if ".lambda-url." in str(context.get("domainName", "")) else "api",
        query=dict(parse_qsl(str(event.get("rawQueryString") or ""), keep_blank_values=True)),
    )


def reply_of(response: Response) -> dict[str, Any]:
    """The response as Lambda hands it back; what is not text travels as base64."""
    reply: dict[str, Any] = {"statusCode": response.status, "headers": dict(response.headers)}
    text = _text(response)
    if text is None:
        return {**reply, "body": binascii.b2a_base64(response.body, newline=False).decode(), "isBase64Encoded": True}
    return {**reply, "body": text, "isBase64Encoded": False}


def _path(path: str, stage: str) -> str:
    """A named stage stands before the path; `$default` does not."""
    if stage and path.startswith(f"/{stage}/"):
        return path[len(stage) + 1 :]
    return path


def _body(event: Mapping[str, Any]) -> bytes:
    body = str(event.get("body") or "")
    if not event.get("isBase64Encoded"):
        return body.encode("utf-8", "surrogatepass")
    try:
        return binascii.a2b_base64(body.encode("ascii"))
    except ValueError:
        raise CallerError("malformed_request", "The body did not arrive whole.") from None


def _text(response: Response) -> str | None:
    kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    if response.body and not (kind in _TEXT or kind.startswith("text/") or kind.endswith(("+json", "+xml"))):
        return None
    try:
        return response.body.decode()
    except UnicodeDecodeError:
        return None
