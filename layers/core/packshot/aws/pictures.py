"""One bucket: pictures in and out, addresses that open for a while, forms for direct uploads."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from botocore.exceptions import ClientError

from packshot.aws.clients import client
from packshot.errors import PackshotError

_ABSENT = frozenset({"NoSuchKey", "404", "NotFound", "403", "AccessDenied"})
"""Without s3:ListBucket, S3 answers 403 for what is not there; that permission is ours to refuse, not to need."""


@dataclass(frozen=True, slots=True)
class Head:
    """What is known of an object without reading it."""

    bytes: int
    content_type: str
    metadata: Mapping[str, str]


class Bucket:
    """`ports.Pictures`, and direct uploads."""

    def __init__(self, name: str) -> None:
        self._name = name

    def put(self, key: str, data: bytes, content_type: str, metadata: Mapping[str, str] | None = None) -> None:
        """Write or overwrite."""
        client("s3").put_object(
            Bucket=self._name, Key=key, Body=data, ContentType=content_type, Metadata=dict(metadata or {})
        )

    def get(self, key: str) -> bytes | None:
        """The whole object, or None when there is none."""
        try:
            body: bytes = client("s3").get_object(Bucket=self._name, Key=key)["Body"].read()
        except ClientError as error:
            _absent(error)
            return None
        return body

    def head(self, key: str) -> Head | None:
        """What an object is, or None when there is none."""
        try:
            found = client("s3").head_object(Bucket=self._name, Key=key)
        except ClientError as error:
            _absent(error)
            return None
        return Head(found["ContentLength"], found.get("ContentType", ""), found.get("Metadata", {}))

    def copy(self, source: str, target: str) -> None:
        """Copy within the bucket. Raises LookupError when the source is not there."""
        try:
            client("s3").copy_object(Bucket=self._name, Key=target, CopySource={"Bucket": self._name, "Key": source})
        except ClientError as error:
            _absent(error)
            raise LookupError(source) from error

    def delete(self, key: str) -> None:
        """Remove an object, if it is there."""
        client("s3").delete_object(Bucket=self._name, Key=key)

    def clear(self, prefix: str) -> int:
        """Remove all below a prefix, old versions too; how much there was. For operators: it lists the bucket."""
        number, asked = 0, {"Bucket": self._name, "Prefix": prefix}
        for page in client("s3").get_paginator("list_object_versions").paginate(**asked):
            found = [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]
            gone = [{"Key": one["Key"], "VersionId": one["VersionId"]} for one in found]
            if gone:
                answer = client("s3").delete_objects(Bucket=self._name, Delete={"Objects": gone, "Quiet": True})
                if answer.get("Errors"):
                    raise PackshotError(f"{len(answer['Errors'])} objects below {prefix} could not be deleted")
            number += len(gone)
        return number

    def url(self, key: str, seconds: int, filename: str | None = None) -> str:
        """A presigned GET address; with `filename`, browsers save it under that name.

        Signed with a role's temporary credentials, it also ends with those.
        """
        wanted: dict[str, Any] = {"Bucket": self._name, "Key": key}
        if filename:
            wanted["ResponseContentDisposition"] = f"attachment; filename*=UTF-8''{quote(filename, safe='')}"
        address: str = client("s3").generate_presigned_url("get_object", Params=wanted, ExpiresIn=seconds)
        return address

    def form(self, key: str, content_type: str, max_bytes: int, seconds: int) -> tuple[str, dict[str, str]]:
        """The address and the fields of a presigned POST that accepts this key, this type and `max_bytes` only."""
        made = client("s3").generate_presigned_post(
            self._name,
            key,
            Fields={"Content-Type": content_type},
            ExpiresIn=seconds,
            Conditions=[{"Content-Type": content_type}, ["content-length-range", 1, max_bytes]],
        )
        return made["url"], made["fields"]


def _absent(error: ClientError) -> None:
    """Return when the object is not there; raise what else happened."""
    if error.response["Error"]["Code"] not in _ABSENT:
        raise error
