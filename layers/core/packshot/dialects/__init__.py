"""Dialects face callers. One file each, pure functions; the folder is the registry.

A dialect reads a request into a wish and writes an answer, or an error, back in its vendor's own form. The longest
prefix that fits a path picks the dialect. Dialects import no dataclasses of their own: all of them are loaded with the
functions that answer, and that must stay cheap (docs/decisions/0005).
"""

import pkgutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module

from packshot.answers import Answer, JobView
from packshot.errors import PackshotError
from packshot.wire import Request, Response
from packshot.wishes import Wish


@dataclass(frozen=True, slots=True)
class Dialect:
    """One API format as a value.

    prefixes     paths that are this dialect's, with all below them (`/v1/phota`, without a slash at the end)
    key_of       the caller's key where this API lets it ride, or None
    read         the wish in a request; raises CallerError
    write        the answer to a wish; most have no use for the request
    write_error  the answer to an error; None is a fault of ours, of which nothing is told. The request is None when
                 it could not be read
    callbacks    the bodies that tell a caller of a job's end, each with a name that is unique within the job; None
                 where the format has no callbacks
    sign         the headers of one such body beside our own (Standard Webhooks): secrets, newest first; the message's
                 id; its time in s; its bytes
    """

    prefixes: tuple[str, ...]
    key_of: Callable[[Request], str | None]
    read: Callable[[Request], Wish]
    write: Callable[[Wish, Answer, Request], Response]
    write_error: Callable[[PackshotError | None, str, Request | None], Response]
    callbacks: Callable[[JobView], Mapping[str, bytes]] | None = None
    sign: Callable[[Sequence[str], str, int, bytes], Mapping[str, str]] | None = None


NAMES = tuple(sorted(module.name for module in pkgutil.iter_modules(__path__)))
OURS = "native"
DEEPEST = 3
"""Segments of the longest prefix there may be."""


def load(name: str) -> Dialect:
    """The dialect of that name. Raises LookupError for a name that is no file of this folder."""
    if name not in NAMES:
        raise LookupError(name)
    dialect: Dialect = import_module(f"{__name__}.{name}").dialect
    return dialect


@cache
def prefixes() -> Mapping[str, Dialect]:
    """Every prefix with its dialect. Raises ValueError when two dialects claim the same."""
    found: dict[str, Dialect] = {}
    for dialect in map(load, NAMES):
        for prefix in dialect.prefixes:
            if found.setdefault(prefix, dialect) is not dialect or prefix.count("/") > DEEPEST:
                raise ValueError(f"two dialects claim {prefix}, or it is too long")
    return found


def match(path: str) -> Dialect:
    """The dialect whose prefix is the longest that `path` begins with; our own for a path of nobody's."""
    known, steps = prefixes(), path.split("/", DEEPEST + 1)
    for depth in range(min(len(steps), DEEPEST + 1), 1, -1):
        found = known.get("/".join(steps[:depth]))
        if found is not None:
            return found
    return load(OURS)
