"""The table as the template has it, as far as tests need it, and how DynamoDB measures a row."""

from collections.abc import Mapping
from typing import Any

SCHEMA: dict[str, Any] = {
    "BillingMode": "PAY_PER_REQUEST",
    "AttributeDefinitions": [
        {"AttributeName": name, "AttributeType": kind}
        for name, kind in (("pk", "S"), ("sk", "S"), ("lane", "S"), ("due", "N"))
    ],
    "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
    "GlobalSecondaryIndexes": [
        {
            "IndexName": "due",
            "Projection": {"ProjectionType": "KEYS_ONLY"},
            "KeySchema": [{"AttributeName": "lane", "KeyType": "HASH"}, {"AttributeName": "due", "KeyType": "RANGE"}],
        }
    ],
    "StreamSpecification": {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
}


def size_of(row: Mapping[str, Any]) -> int:
    """As DynamoDB counts: names and values in UTF-8, numbers at about half a byte a digit."""
    size = 0
    for name, value in row.items():
        ((kind, inner),) = value.items()
        size += len(name)
        if kind == "N":
            size += len(inner) // 2 + 2
        elif kind == "L":
            size += 3 + sum(1 + size_of({"": one}) for one in inner)
        else:
            size += len(inner) if isinstance(inner, bytes) else len(str(inner).encode())
    return size
