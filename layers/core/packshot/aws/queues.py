"""One SQS queue."""

import json
from collections.abc import Mapping
from typing import Any

from packshot.aws.clients import client
from packshot.wire import dump


class Sqs:
    """`ports.Queue` on a standard queue. The message group makes it a fair one: a busy account waits behind itself."""

    def __init__(self, url: str) -> None:
        self._url = url

    def send(self, body: Mapping[str, object], *, group: str, delay: int = 0) -> None:
        """Send; `group` is the account; `delay` in s, at most 900. A lost answer may send twice."""
        client("sqs").send_message(
            QueueUrl=self._url,
            MessageBody=dump(body).decode(),
            MessageGroupId=group[:128],
            DelaySeconds=max(0, min(delay, 900)),
        )

    def receive(self, limit: int) -> list[tuple[str, dict[str, Any]]]:
        """Up to `limit` (receipt, body) pairs that wait now."""
        found: list[tuple[str, dict[str, Any]]] = []
        while len(found) < limit:
            asked = min(10, limit - len(found))
            answer = client("sqs").receive_message(QueueUrl=self._url, MaxNumberOfMessages=asked, WaitTimeSeconds=0)
            messages = answer.get("Messages", [])
            found += [(message["ReceiptHandle"], json.loads(message["Body"])) for message in messages]
            if len(messages) < asked:
                break
        return found

    def delete(self, receipt: str) -> None:
        """Done with a received message."""
        client("sqs").delete_message(QueueUrl=self._url, ReceiptHandle=receipt)
