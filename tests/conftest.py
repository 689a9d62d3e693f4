"""A safe environment for every test: no real account can be reached, no real region is guessed."""

import os
from collections.abc import Iterator
from functools import cache

import pytest
from botocore.loaders import JSONFileLoader

os.environ.update(
    AWS_DEFAULT_REGION="us-east-1",
    AWS_REGION="us-east-1",
    AWS_ACCESS_KEY_ID="testing",
    AWS_SECRET_ACCESS_KEY="testing",
    AWS_EC2_METADATA_DISABLED="true",
    OPENBLAS_NUM_THREADS="1",
)
for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_SESSION_TOKEN"):
    os.environ.pop(name, None)

_read = JSONFileLoader.load_file


@cache
def _model(path: str) -> object:
    """botocore's models are read once per process, not once per session: there is one for nearly every test."""
    return _read(JSONFileLoader(), path)


JSONFileLoader.load_file = lambda self, file_path: _model(file_path)  # type: ignore[method-assign]


@pytest.fixture(autouse=True)
def own_clients() -> Iterator[None]:
    """AWS clients live as long as one test: they remember the region and the fakes of whoever made them. So do the
    fields of the log."""
    from packshot import observe
    from packshot.aws import clients

    observe.bind()
    clients._client.cache_clear()
    yield
    clients._client.cache_clear()
