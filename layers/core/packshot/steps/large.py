"""An answer that is too large for Lambda goes into the bucket, and the caller is sent there.

Lambda carries 6 MB out, and what is not text as base64 inside of it
(https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html).
"""

from packshot.ports import Pictures
from packshot.wire import Response

LARGEST = 5_500_000
"""Bytes that go out directly; what surrounds the body needs some of the 6 MB, and escaped text grows."""

SECONDS = 3_600


def fit(response: Response, outputs: Pictures, request_id: str) -> Response:
    """The response itself, or a 303 to a presigned copy of its body (RFC 9110, 15.4.4: GET that one, whatever you
    sent). The caller's own credentials are not needed there, and clients do not send them to another host."""
    kind = response.headers.get("content-type", "application/octet-stream")
    text = kind.startswith("text/") or "json" in kind
    if len(response.body) * (1 if text else 4 / 3) <= LARGEST:
        return response
    key = f"answers/{request_id}"
    outputs.put(key, response.body, kind)
    kept = {name: value for name, value in response.headers.items() if name != "content-type"}
    return Response(303, {**kept, "location": outputs.url(key, SECONDS)})
