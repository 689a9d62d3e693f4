"""botocore clients: one per service and process, with timeouts that fit a function's own.

`AWS_ENDPOINT_URL` (or its per-service form) is read by botocore itself and points everything at an emulator. The low
level client is used because boto3's resources would triple the cold start of `submit`.
"""

import os
from functools import cache
from threading import Lock
from typing import Any

from botocore.config import Config
from botocore.session import Session

ATTEMPTS = 3
"""How often botocore sends a request at most. Every write must bear being repeated after a lost answer."""

_making = Lock()


def client(service: str) -> Any:
    """The process's client of that service; made at the first call."""
    with _making:  # botocore sessions are not safe to build clients from in two threads at once
        return _client(service)


@cache
def _client(service: str) -> Any:
    return _session().create_client(service, region_name=os.environ.get("AWS_REGION"), config=_config(service))


@cache
def _session() -> Session:
    return Session()


def _config(service: str) -> Config:
    retries: Any = {"mode": "standard", "total_max_attempts": ATTEMPTS}
    if service != "s3":
        return Config(connect_timeout=1, read_timeout=5, retries=retries, parameter_validation=False)
    emulated = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    return Config(
        connect_timeout=1,
        read_timeout=60,
        retries=retries,
        parameter_validation=False,
        signature_version="s3v4",
        s3={"addressing_style": "path"} if emulated else {},
    )


def role() -> dict[str, str]:
    """The credentials of the function's own role, as they stand now; empty where there are none."""
    found = _session().get_credentials()
    if found is None:
        return {}
    frozen = found.get_frozen_credentials()
    fields = {"access_key": frozen.access_key, "secret_key": frozen.secret_key, "session_token": frozen.token}
    return {name: value for name, value in fields.items() if value}
