"""The built-in studio as a route: it renders here, so there is nothing to write, send or read."""

from typing import NoReturn

from packshot.providers import Credentials, Provider, Shot
from packshot.wire import Request, Response


def _never(*_: object) -> NoReturn:
    raise LookupError("the studio renders; nothing is sent")


def write(shot: Shot, credentials: Credentials, webhook: str | None) -> Request:
    """Never called: its completion is `render`."""
    _never(shot, credentials, webhook)


def read(response: Response) -> NoReturn:
    """Never called."""
    _never(response)


def write_poll(remote: str, credentials: Credentials) -> Request:
    """Never called."""
    _never(remote, credentials)


provider = Provider(
    completion="render",
    base_url="",
    output_hosts=(),
    images_per_call=4,
    typical=(5, 8, 15),
    first_look=60,
    deadline=300,
    write=write,
    read=read,
    write_poll=write_poll,
    read_poll=read,
)
