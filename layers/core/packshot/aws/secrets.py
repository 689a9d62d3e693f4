"""Provider credentials in Secrets Manager: a JSON object of texts under a name, remembered for five minutes."""

import json
import time
from collections.abc import Callable, Mapping

from botocore.exceptions import ClientError

from packshot.aws.clients import client
from packshot.errors import Unavailable

KNOWN_S, MISSING_S = 300, 60
"""How long what was found, or was not, is remembered: a new provider's key works after a minute."""

OWN, OWN_S = "/accounts/", 60
"""What is in the name of a caller's own key, and how long that is remembered."""


class SecretStore:
    """`ports.Secrets`."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._known: dict[str, tuple[float, Mapping[str, str] | None]] = {}

    def get(self, name: str) -> Mapping[str, str] | None:
        """The secret's fields, or None when the operator has not set it."""
        now = self._clock()
        known = self._known.get(name)
        if known is None or now >= known[0]:
            found = _read(name)
            lasts = MISSING_S if found is None else OWN_S if OWN in name else KNOWN_S
            known = (now + lasts, found)
            self._known[name] = known
        return known[1]

    def forget(self, name: str) -> None:
        """Read it anew next time: it was refused, perhaps because it was rotated."""
        self._known.pop(name, None)


def put(name: str, fields: Mapping[str, str]) -> None:
    """Write a secret, new or not."""
    text = json.dumps(dict(fields))
    try:
        client("secretsmanager").create_secret(Name=name, SecretString=text)
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code == "InvalidRequestException":  # one of that name is still being deleted
            raise Unavailable("the secret is being deleted") from error
        if code != "ResourceExistsException":
            raise
        client("secretsmanager").put_secret_value(SecretId=name, SecretString=text)


def _read(name: str) -> Mapping[str, str] | None:
    try:
        text = client("secretsmanager").get_secret_value(SecretId=name)["SecretString"]
    except ClientError as error:  # InvalidRequest: it is marked for deletion
        if error.response["Error"]["Code"] in ("ResourceNotFoundException", "InvalidRequestException"):
            return None
        raise
    fields = json.loads(text)
    return {str(field): str(value) for field, value in fields.items()} or None
