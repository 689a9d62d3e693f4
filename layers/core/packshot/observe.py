"""The one logger and the one meter: JSON lines with the keys of Powertools' Logger, CloudWatch's embedded metrics.

Written by hand because its import costs a cold start more than all of `submit`'s own code (docs/decisions/0005); a
parity test holds it to Powertools' form. Only fields named by the caller are written, so prompts, keys and presigned
addresses cannot slip in, and a scrub catches what looks like one all the same.
"""

import json
import os
import re
import sys
import time
from collections.abc import Mapping
from contextvars import ContextVar

_LEVELS = {"DEBUG": 10, "INFO": 20, "WARNING": 30, "ERROR": 40}
_THRESHOLD = _LEVELS.get(os.environ.get("LOG_LEVEL", "INFO"), 20)
_SECRET = re.compile(
    r"(pk_(?:live|test)_[0-9A-Za-z_]+|r8_\w+|whsec_[0-9A-Za-z+/=]+|X-Amz-(?:Signature|Credential|Security-Token)=[^&\"\s]+"
    r"|(?:[?&])key=[^&\"\s]+|Bearer\s+[^\s\"]+)"
)
_context: ContextVar[Mapping[str, object]] = ContextVar("packshot")


def bind(**fields: object) -> None:
    """Set what every following line of this thread carries (job id, request id); replaces what was bound before."""
    _context.set({name: value for name, value in fields.items() if value is not None})


def log(message: str, level: str = "INFO", **fields: object) -> None:
    """Write one line. `message` is a constant sentence; what varies goes into fields."""
    if _LEVELS[level] < _THRESHOLD:
        return
    now = time.time()
    stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(now)) + f",{int(now * 1000) % 1000:03d}+0000"
    line = {
        "level": level,
        "message": message,
        "timestamp": stamp,
        "service": os.environ.get("AWS_LAMBDA_FUNCTION_NAME", "packshot"),
        **_context.get({}),
        **fields,
    }
    _write(line)


def metric(values: Mapping[str, float], unit: str = "Count", **dimensions: str) -> None:
    """Put numbers in CloudWatch's embedded metric format (EMF); `dimensions` are few and low in cardinality."""
    _write(
        {
            "_aws": {
                "Timestamp": int(time.time() * 1000),
                "CloudWatchMetrics": [
                    {
                        "Namespace": "packshot",
                        "Dimensions": [sorted(dimensions)],
                        "Metrics": [{"Name": name, "Unit": unit} for name in values],
                    }
                ],
            },
            **dimensions,
            **values,
        }
    )


def _write(line: Mapping[str, object]) -> None:
    text = json.dumps(line, default=str, separators=(",", ":"), ensure_ascii=False)
    sys.stdout.write(_SECRET.sub("[hidden]", text) + "\n")
