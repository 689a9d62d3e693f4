"""moto as it is, and quicker: thousands of tests have a world of their own, and some fill it."""

import copy
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any
from unittest import mock

from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.models.dynamo_type import DynamoType
from moto.dynamodb.models.table import Table
from moto.kms.utils import generate_private_key

_private_key = cache(generate_private_key)


@contextmanager
def quick_moto() -> Iterator[None]:
    """moto sorts the whole table for every query, and copies it for every transaction. Here a query looks only at the
    partition, or the index, that is asked, and a transaction that fails puts back the rows that it names. Every KMS
    key comes with the same RSA key, which nothing here asks for: to find one takes a tenth of a second."""
    query, every, write, narrow = Table.query, Table.all_items, DynamoDBBackend.transact_write_items, threading.local()

    def quick_query(self: Table, hash_key: Any, *rest: Any, **more: Any) -> Any:
        if rest[6] is not None:  # the name of the index
            narrow.items = [item for one in self.items.values() for item in one.values() if "lane" in item.attrs]
        else:
            narrow.items = list(self.items.get(hash_key, {}).values())
        try:
            return query(self, hash_key, *rest, **more)
        finally:
            narrow.items = None

    def narrowed(self: Table) -> Any:
        found = getattr(narrow, "items", None)
        return every(self) if found is None else found

    def quick_write(self: DynamoDBBackend, parts: list[dict[str, Any]]) -> None:
        (name,) = {op["TableName"] for part in parts for op in part.values()}
        table: Any = self.tables[name]
        told = len(table.stream_shard.items)
        named = [op.get("Key") or op["Item"] for part in parts for op in part.values()]
        keys = [(DynamoType(row["pk"]), DynamoType(row["sk"])) for row in named]
        before = [copy.deepcopy(table.get_item(*key)) for key in keys]
        try:
            write(self, parts)
        except Exception:
            del table.stream_shard.items[told:]
            for (partition, place), item in zip(keys, before, strict=True):
                table.items[partition].pop(place, None)
                if item is not None:
                    table.items[partition][place] = item
            raise

    with (
        mock.patch.object(Table, "query", quick_query),
        mock.patch.object(Table, "all_items", narrowed),
        mock.patch.object(Table, "__deepcopy__", lambda self, memo: self, create=True),
        mock.patch.object(DynamoDBBackend, "transact_write_items", quick_write),
        mock.patch("moto.kms.models.generate_private_key", _private_key),
    ):
        yield
