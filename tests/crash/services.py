"""SQS, Step Functions and EventBridge as the world has them, in the form that botocore hears."""

import json
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from tests.architecture.template.reading import named, template
from tests.flow.world import Message, World


@cache
def hidden() -> dict[str, int]:
    """Seconds for which a queue keeps a message to who received it, from the template."""
    queues = template().queues
    return {
        name.removesuffix("Queue").lower(): queue["VisibilityTimeout"]
        for name, queue in queues.items()
        if "VisibilityTimeout" in queue
    }


@cache
def tries() -> dict[str, int]:
    """How often a queue hands out a message before its dead-letter queue gets it, from the template."""
    queues = template().queues
    return {
        name.removesuffix("Queue").lower(): queue["RedrivePolicy"]["maxReceiveCount"]
        for name, queue in queues.items()
        if "RedrivePolicy" in queue and named(queue["RedrivePolicy"]["deadLetterTargetArn"])
    }


@dataclass
class Services:
    """What is asked of them is carried out in `stack`."""

    stack: World
    receipts: dict[str, Message] = field(default_factory=dict)

    def answer(self, service: str, operation: str, body: bytes) -> dict[str, Any] | None:
        """The answer; None for a service that is played elsewhere."""
        if service not in ("sqs", "sfn", "eventbridge"):
            return None
        asked = json.loads(body)
        match operation:
            case "SendMessage":
                self.stack.send(asked["QueueUrl"], json.loads(asked["MessageBody"]), asked["DelaySeconds"])
                return {"MessageId": "m-1"}
            case "ReceiveMessage":
                return {"Messages": self._received(asked["QueueUrl"], asked["MaxNumberOfMessages"])}
            case "DeleteMessage":
                gone = self.receipts.pop(asked["ReceiptHandle"], None)
                self.stack.waiting[:] = [one for one in self.stack.waiting if one is not gone]
                return {}
            case "StartExecution":
                self.stack.start(json.loads(asked["input"]))
                return {"executionArn": "arn:aws:states:us-east-1:1:express:poller:1", "startDate": 0}
            case "PutEvents":
                self.stack.tell(asked["Entries"])
                return {"FailedEntryCount": 0, "Entries": []}
        raise NotImplementedError(operation)

    def _received(self, queue: str, limit: int) -> list[dict[str, str]]:
        now, found = self.stack.clock.now, []
        for message in [one for one in self.stack.waiting if one.queue == queue and one.visible <= now][:limit]:
            message.receives += 1
            message.visible = now + hidden()[queue]
            receipt = f"r{len(self.receipts)}"
            self.receipts[receipt] = message
            found.append({"MessageId": "m-1", "ReceiptHandle": receipt, "Body": json.dumps(message.body)})
        return found
