"""The built-in studio as a route: it renders here, so there is nothing to write, send or read."""

from typing import TYPE_CHECKING, NoReturn

from packshot.providers import Credentials, Provider
from packshot.wire import Request, Response

if TYPE_CHECKING:
    from packshot.replies import Shot


def _never(*_: object) -> NoReturn:
    raise LookupError("the studio renders; nothing is sent")


def write(shot: "Shot", credentials: Credentials, webhook: str | None) -> Request:
    """Never called: its completion is `render`."""
    _never(shot, credentials, webhook)


def read(response: Response) -> NoReturn:
    """Never called."""
    _never(response)


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
)
