"""The least a function can be: what every ratio in bench/cold.py is measured against."""

import json
import os
from typing import Any


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """An answer that needs nothing."""
    return {"statusCode": 200, "body": json.dumps({"ok": True, "stage": os.environ.get("STAGE", "")})}
