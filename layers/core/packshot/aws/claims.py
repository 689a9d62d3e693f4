"""Whose call a name is (`steps.reuse`): a row for a day, in the account's own partition."""

from packshot.aws import rows
from packshot.aws.calls import Refused, call
from packshot.aws.clients import client


class ClaimTable:
    """`steps.reuse.Claims` in the table: pk the account, sk `twin#{name}`."""

    def __init__(self, table_name: str) -> None:
        self._table = table_name
        self._db = client("dynamodb")

    def claim(
        self, account: str, name: str, mine: tuple[str, int], until: int, *, instead: tuple[str, int] | None = None
    ) -> tuple[str, int]:
        """Take a free name, or one that is `instead` somebody's. Whose it is now; `until` in ms."""
        row = {"pk": account, "sk": f"twin#{name}", "job": mine[0], "call": mine[1], "expires": until // 1000}
        only_if = "attribute_not_exists(#pk)"
        given: dict[str, object] = {}
        if instead is not None:
            only_if = "#job = :job AND #call = :call"
            given = {"job": instead[0], "call": instead[1]}
        try:
            call(self._db.put_item, **rows.insert(self._table, row, only_if=only_if, given=given))
        except Refused as refused:
            item = refused.reasons[0].item
            if not item:  # it has just expired, and the pictures with it
                return mine
            owner = rows.unpack(item)
            return owner["job"], owner["call"]
        return mine
