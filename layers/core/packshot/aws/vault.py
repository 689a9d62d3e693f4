"""Accounts' own credentials at providers: written and forgotten here, read by whoever calls the provider."""

from collections.abc import Mapping

from botocore.exceptions import ClientError

from packshot.aws import secrets
from packshot.aws.clients import client


class Vault:
    """`steps.collect.Vault` in Secrets Manager."""

    def put(self, name: str, fields: Mapping[str, str]) -> None:
        """Keep credentials under a name."""
        secrets.put(name, fields)

    def delete(self, name: str) -> None:
        """Forget them for good; there may be none."""
        try:
            client("secretsmanager").delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)
        except ClientError as error:
            if error.response["Error"]["Code"] != "ResourceNotFoundException":
                raise
