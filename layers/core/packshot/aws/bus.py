"""The EventBridge bus."""

from collections.abc import Iterable, Mapping
from itertools import islice

from packshot.aws.clients import client
from packshot.errors import Unavailable
from packshot.wire import dump

SOURCE = "packshot"
BATCH = 10


class EventBus:
    """`ports.Bus`. Events may come twice; whoever listens knows them by their id."""

    def __init__(self, name: str) -> None:
        self._name = name

    def put(self, events: Iterable[tuple[str, Mapping[str, object]]]) -> None:
        """Put (detail type, detail) pairs. Raises Unavailable when the bus refused any: then put all of them again."""
        waiting = iter(events)
        while batch := list(islice(waiting, BATCH)):
            entries = [
                {"Source": SOURCE, "DetailType": kind, "Detail": dump(detail).decode(), "EventBusName": self._name}
                for kind, detail in batch
            ]
            refused = client("events").put_events(Entries=entries)["FailedEntryCount"]
            if refused:
                raise Unavailable(f"the bus refused {refused} events")
