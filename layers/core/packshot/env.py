"""Typed settings: each function declares a frozen dataclass of the variables it reads, once, at cold start.

The only reader of os.environ. A missing variable stops the cold start, not a caller's request.
"""

import os
from dataclasses import fields
from typing import TypeVar

T = TypeVar("T")


def load(settings: type[T]) -> T:
    """Fill a dataclass of `str` fields from the variables of the same names in capitals. Raises KeyError by name."""
    return settings(**{field.name: os.environ[field.name.upper()] for field in fields(settings)})  # type: ignore[arg-type]
