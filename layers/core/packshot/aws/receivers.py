"""Endpoints as the callback step needs them: who is to be called, and with which opened secrets to sign."""

from collections.abc import Callable

from packshot.answers import Secret
from packshot.aws.endpoints import DEFAULT, EndpointTable
from packshot.aws.sealed import Sealer
from packshot.delivery import Receiver


class Receivers:
    """`Endpoints` of the callback step, over the endpoint rows and the KMS key that seals their secrets."""

    def __init__(self, endpoints: EndpointTable, sealer: Sealer, now: Callable[[], int]) -> None:
        self._endpoints = endpoints
        self._sealer = sealer
        self._now = now

    def of(self, account: str) -> list[Receiver]:
        """All of an account's endpoints, oldest first."""
        return [
            Receiver(
                one.endpoint.id,
                one.endpoint.url,
                one.endpoint.events,
                one.endpoint.disabled,
                one.failing_since,
                one.endpoint.form,
            )
            for one in self._endpoints.list(account)
        ]

    def secrets(self, account: str, endpoint_id: str | None) -> list[str]:
        """The secrets valid now, newest first; the account's own when `endpoint_id` is None."""
        signing = self._endpoints.signing(account, endpoint_id or DEFAULT)
        valid = signing.valid(self._now()) if signing else ()
        return [self._sealer.open(account, sealed).decode() for sealed in valid]

    def secret(self, account: str) -> Secret | None:
        """The account's own secret in the clear."""
        signing = self._endpoints.signing(account, DEFAULT)
        valid = signing.valid(self._now()) if signing else ()
        if signing is None or not valid:
            return None
        return Secret(self._sealer.open(account, valid[0]).decode(), signing.old_until if len(valid) > 1 else None)

    def disable(self, account: str, endpoint_id: str, reason: str) -> None:
        """Stop calling it."""
        self._endpoints.disable(account, endpoint_id, reason)

    def mark(self, account: str, endpoint_id: str, failing_since: int | None) -> None:
        """Since when it has only failed; None once it answered."""
        if failing_since is not None:
            self._endpoints.failed(account, endpoint_id, failing_since)
        elif (row := self._endpoints.get(account, endpoint_id)) is not None:
            self._endpoints.worked(row)
