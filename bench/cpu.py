"""CPU of one warm request, in this process: a submit, a webhook's proof, a rate check. `python -m bench cpu`.

The store is `bench/stub.py`'s, answered inside botocore: requests are written, signed and read as ever, and no wire is
in between. Thread CPU time, the median of `TIMES`; the machine's other work is not in it.
"""

import base64
import hashlib
import hmac
import io
import json
import os
from collections.abc import Callable
from contextlib import redirect_stdout
from statistics import median
from time import thread_time
from typing import Any
from unittest import mock

TIMES = 200
BUDGETS = {"submit": 15.0, "webhook proof": 2.0, "rate check": 3.0}
"""Milliseconds that we allow each."""

SETTINGS = {
    "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "bench",
    "AWS_REGION": "eu-central-1",
    "AWS_DEFAULT_REGION": "eu-central-1",
    "TABLE_NAME": "packshot",
    "UPLOADS_BUCKET": "uploads",
    "OUTPUTS_BUCKET": "outputs",
    "CALLBACK_KEY_ID": "bench",
    "API_URL": "https://api.example.com",
    "EGRESS_LOCAL": "",
    "PROVIDER_SECRETS": "packshot/bench/providers/",
}


def each(work: Callable[[int], object]) -> float:
    """Median ms of CPU."""
    spent = []
    for number in range(TIMES):
        before = thread_time()
        work(number)
        spent.append(1000 * (thread_time() - before))
    return median(spent)


def measured() -> dict[str, float]:
    """What each takes."""
    from bench import cold, stub
    from packshot.aws import clients
    from packshot.aws.rate import RateTable
    from packshot.providers import replicate

    event = json.loads((cold.ROOT / "events" / "submit.json").read_text())
    aws = stub.Aws()
    seeded = mock.Mock(aws=aws)
    cold.Bench.reset(seeded)

    def answer(request: Any, **_: Any) -> Any:
        from botocore.awsrequest import AWSResponse

        status, body = aws.answer(request.headers["X-Amz-Target"].decode().partition(".")[2], json.loads(request.body))
        text, head = json.dumps(body).encode(), {"content-type": "application/x-amz-json-1.0"}
        return AWSResponse(request.url, status, head, _Raw(text))

    clients.client("dynamodb").meta.events.register("before-send.dynamodb", answer)
    from functions.submit import app

    def submit(number: int) -> None:
        headers = {**event["headers"], "idempotency-key": f"order-{number}"}
        reply = app.handler({**event, "headers": headers}, None)
        if reply["statusCode"] != 202:
            raise RuntimeError(reply)

    key, body, at = b"k" * 32, b'{"id":"pred","status":"succeeded","output":"' + b"x" * 2000 + b'"}', 1_770_000_000
    mark = hmac.new(key, b"msg_1.%d.%s" % (at, body), hashlib.sha256).digest()
    credentials = {"webhook_secret": "whsec_" + base64.b64encode(key).decode()}
    signed = {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(at),
        "webhook-signature": f"v1,{base64.b64encode(mark).decode()}",
    }
    rates = RateTable("packshot")
    return {
        "submit": each(submit),
        "webhook proof": each(lambda _: replicate.verify(credentials, signed, body, at)),
        "rate check": each(lambda number: rates.take("bench", "write", 6000, 10_000, 1_770_000_000_000 + number)),
    }


class _Raw(io.BytesIO):
    """A body as urllib3 gives it."""

    def stream(self, **_: Any) -> Any:
        """All of it."""
        yield self.read()


def main() -> None:
    """Print each with its budget."""
    with mock.patch.dict(os.environ, SETTINGS), redirect_stdout(io.StringIO()):
        found = measured()
    for name, ms in found.items():
        print(f"{name:14} {ms:7.3f} ms of {BUDGETS[name]:.0f}")


if __name__ == "__main__":
    main()
