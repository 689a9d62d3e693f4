"""Measure a picture by marketplaces' rules: get it, look at its bytes, say what is right and what is not. Free."""

from collections.abc import Callable
from dataclasses import dataclass

from packshot import addresses
from packshot.answers import Answer, Checked
from packshot.brief import Image
from packshot.channels import channels
from packshot.channels.check import judge
from packshot.channels.measure import measure
from packshot.egress import FetchFailed
from packshot.errors import CallerError, not_found
from packshot.picture import BadPicture
from packshot.ports import Http, Pictures
from packshot.principal import Principal
from packshot.steps.dress import day_of
from packshot.steps.inputs import FETCH_SECONDS
from packshot.steps.keep import MAX_UPLOAD, key_of
from packshot.validate import invalid
from packshot.wishes import Check, Wish


@dataclass(frozen=True, slots=True)
class Scales:
    """What measuring takes. `now` is the clock in ms, `api_url` where lasting addresses begin."""

    uploads: Pictures
    outputs: Pictures
    http: Http
    now: Callable[[], int]
    api_url: str


def check(wish: Wish, principal: Principal, *, room: Scales) -> Answer:
    """One report for each channel. Raises CallerError naming `image` for what is no picture or cannot be had."""
    if not isinstance(wish, Check):
        raise not_found()
    data = wish.data if wish.image is None else _fetched(wish.image, principal, room)
    try:
        found = measure(data)
    except BadPicture as error:
        raise invalid("image", str(error)) from error
    name = wish.name or (wish.image.value if wish.image and wish.image.kind == "url" else None)
    today, known = day_of(room.now()), channels()
    reports = (judge(found, known[one], name=name, today=today) for one in wish.channels)
    return Checked(found.dump(), tuple(report.dump() for report in reports))


def _fetched(image: Image, principal: Principal, room: Scales) -> bytes:
    if image.kind == "url":
        image = addresses.image_of(image.value, room.api_url, principal.account) or image
    if image.kind == "asset":
        found = room.uploads.get(key_of(principal.account, image.value))
    elif image.kind == "output":
        place = f"{principal.account}/{image.value}"
        found = room.outputs.get(f"out/{place}") or room.outputs.get(f"keep/{place}")
    else:
        return _downloaded(image.value, room)
    if found is None:
        raise CallerError("unknown_asset", "There is no such picture, or it has expired.", field="image")
    return found


def _downloaded(url: str, room: Scales) -> bytes:
    try:
        return room.http.fetch(url, hosts=None, seconds=FETCH_SECONDS, max_bytes=MAX_UPLOAD)
    except FetchFailed as error:
        raise invalid("image", f"{error}") from error
