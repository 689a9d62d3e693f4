"""Small secrets that we must be able to read again (they sign callbacks), sealed with KMS for one account each."""

from packshot.aws.clients import client

REMEMBERED = 500


class Sealer:
    """Seals and opens under one KMS key. What was sealed for one account does not open for another."""

    def __init__(self, key_id: str) -> None:
        self._key = key_id
        self._opened: dict[tuple[str, bytes], bytes] = {}

    def seal(self, account: str, plain: bytes) -> bytes:
        """Encrypt for this account."""
        context = {"account": account}
        answer = client("kms").encrypt(KeyId=self._key, Plaintext=plain, EncryptionContext=context)
        return bytes(answer["CiphertextBlob"])

    def open(self, account: str, sealed: bytes) -> bytes:
        """Decrypt what was sealed for this account; remembered in the process."""
        known = self._opened.get((account, sealed))
        if known is not None:
            return known
        context = {"account": account}
        answer = client("kms").decrypt(KeyId=self._key, CiphertextBlob=sealed, EncryptionContext=context)
        plain = bytes(answer["Plaintext"])
        if len(self._opened) >= REMEMBERED:
            self._opened.clear()
        self._opened[account, sealed] = plain
        return plain
