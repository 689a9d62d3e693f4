"""A batch of queue messages, each by itself: what fails goes back to the queue alone (ReportBatchItemFailures)."""

from collections.abc import Callable, Mapping
from typing import Any

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

from packshot import observe

Work = Callable[[dict[str, Any], int], None]
"""(message body, how often the queue has handed it out) → None; raises to have it come again."""


def each(event: Mapping[str, Any], work: Work) -> dict[str, Any]:
    """Do `work` for every record of an SQS event. Returns the identifiers of those that failed."""

    def one(record: SQSRecord) -> None:
        observe.bind()
        try:
            work(record.json_body, int(record.attributes.approximate_receive_count or 1))
        except Exception as error:
            observe.log("message goes back", "WARNING", error=type(error).__name__, message_id=record.message_id)
            raise

    processor = BatchProcessor(EventType.SQS, raise_on_entire_batch_failure=False)
    answer = process_partial_response(event=dict(event), record_handler=one, processor=processor, context=None)
    observe.log("batch", records=len(event["Records"]), failed=len(answer["batchItemFailures"]))
    return dict(answer)
