"""Dialects face callers. One file each, pure functions; the folder is the registry.

A dialect reads a request into a wish and writes an answer, or an error, back in its vendor's own form. The longest
prefix that fits a path picks the dialect.
"""

import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module

from packshot.answers import Answer
from packshot.errors import PackshotError
from packshot.wire import Request, Response
from packshot.wishes import Wish


@dataclass(frozen=True, slots=True)
class Dialect:
    """One API format as a value.

    `key_of` finds the caller's key where this API lets it ride; `read` raises CallerError; `write_error` with None is
    the answer to a fault of ours.
    """

    prefix: str
    key_of: Callable[[Request], str | None]
    read: Callable[[Request], Wish]
    write: Callable[[Wish, Answer], Response]
    write_error: Callable[[PackshotError | None, str], Response]


NAMES = tuple(sorted(module.name for module in pkgutil.iter_modules(__path__)))


def load(name: str) -> Dialect:
    """The dialect of that name. Raises LookupError for a name that is no file of this folder."""
    if name not in NAMES:
        raise LookupError(name)
    dialect: Dialect = import_module(f"{__name__}.{name}").dialect
    return dialect


def match(path: str) -> Dialect:
    """The dialect whose prefix is the longest that `path` begins with; our own for a path of nobody's."""
    fitting = [dialect for dialect in map(load, NAMES) if path.startswith(dialect.prefix)]
    return max(fitting, key=lambda dialect: len(dialect.prefix)) if fitting else load("native")
