"""Providers face upstream. One file each, pure functions; the folder is the registry.

A provider writes requests and reads replies; it never sends anything. Every provider exports one `provider` record.
Facts about it (completion mode, hosts, timing, limits) are fields, asked for by name; nothing elsewhere compares
provider names.
"""

import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Literal

from packshot.brief import Brief
from packshot.job import Failure
from packshot.wire import Request, Response


@dataclass(frozen=True, slots=True)
class Shot:
    """What one call asks of a provider: the brief, how many images, where our own copies of the inputs are, its size.

    `inputs` are presigned https addresses in the brief's order, `mask` another (white is changed); `width` and
    `height` are the final size in pixels.
    """

    brief: Brief
    prompt: str
    model: str
    images: int
    inputs: tuple[str, ...]
    width: int
    height: int
    seed: int | None
    mask: str | None = None


@dataclass(frozen=True, slots=True)
class Taken:
    """The provider accepted and named the request."""

    remote: str


@dataclass(frozen=True, slots=True)
class Working:
    """Not ready yet."""


@dataclass(frozen=True, slots=True)
class Ready:
    """Results: addresses of pictures."""

    urls: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class No:
    """It will not be made here. `final`: nowhere else either (bad input, refused content)."""

    failure: Failure
    final: bool = False


@dataclass(frozen=True, slots=True)
class Later:
    """Surely no effect upstream; try again after `seconds`."""

    seconds: int


@dataclass(frozen=True, slots=True)
class Unknown:
    """The answer does not tell whether the request had an effect."""


Reply = Taken | Working | Ready | No | Later | Unknown

Credentials = Mapping[str, str]
"""A provider's secret as the operator stored it, e.g. {"token": …, "webhook_secret": …, "base_url": …}."""


@dataclass(frozen=True, slots=True)
class Provider:
    """One upstream as a value. `typical` are the measured p50, p75 and p90 of its running time, in seconds;
    `first_look` is when to look whether anybody works on a call, where that is not p50."""

    completion: Literal["render", "webhook", "poll", "sync"]
    base_url: str
    output_hosts: tuple[str, ...]
    images_per_call: int
    typical: tuple[int, int, int]
    deadline: int
    write: Callable[[Shot, Credentials, str | None], Request]
    read: Callable[[Response], Reply]
    write_poll: Callable[[str, Credentials], Request]
    read_poll: Callable[[Response], Reply]
    write_cancel: Callable[[str, Credentials], Request] | None = None
    verify: Callable[[Credentials, Mapping[str, str], bytes, int], None] | None = None
    read_webhook: Callable[[bytes], tuple[str, Reply]] | None = None
    first_look: int | None = None


NAMES = tuple(sorted(module.name for module in pkgutil.iter_modules(__path__)))


def load(name: str) -> Provider:
    """The provider of that name. Raises LookupError for a name that is no file of this folder."""
    if name not in NAMES:
        raise LookupError(name)
    provider: Provider = import_module(f"{__name__}.{name}").provider
    return provider
