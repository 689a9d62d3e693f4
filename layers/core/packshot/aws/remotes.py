"""Where a provider's name for a request leads, for those that call one address with everything: a row for two days."""

from packshot.aws import rows
from packshot.aws.calls import call
from packshot.aws.clients import client

KNOWN_S = 172_800


class RemoteTable:
    """`steps.provider_webhook.Remotes` in the table: pk `remote#{provider}`, sk the provider's name."""

    def __init__(self, table_name: str) -> None:
        self._table = table_name
        self._db = client("dynamodb")

    def put(self, provider: str, name: str, place: tuple[str, str, int, int], now: int) -> None:
        """Remember (account, job, call, attempt) under a name; again is the same. `now` in ms."""
        row = {"pk": f"remote#{provider}", "sk": name, "place": list(place), "expires": now // 1000 + KNOWN_S}
        call(self._db.put_item, **rows.insert(self._table, row, only_if=""))

    def find(self, provider: str, name: str) -> tuple[str, str, int, int] | None:
        """(account, job, call, attempt) of the request of that name."""
        if not 0 < len(name) < 500:
            return None
        found = call(self._db.get_item, TableName=self._table, Key=rows.key(f"remote#{provider}", name))
        if not found.get("Item"):
            return None
        account, job, index, number = rows.unpack(found["Item"])["place"]
        return str(account), str(job), int(index), int(number)
