"""Lasting addresses of pictures: `{api}/packshot/v1/pictures/...`. Whoever opens one is sent on to the picture.

Nobody can guess one (an asset's id has 80 random bits, an output's name holds its hash), so they need no key. A caller
may hand them back to us as an input: then nothing is fetched, the picture is taken from where it lies. Pure.
"""

import re

from packshot import ids
from packshot.brief import Image
from packshot.job import Output

PATH = "/packshot/v1/pictures/"
_NAME = re.compile(r"[0-9]{2}-[0-9a-f]{32}\.(?:png|jpg|webp)")


def asset(api_url: str, account: str, asset_id: str, *, thumbnail: bool = False) -> str:
    """Of a kept picture, or of its thumbnail."""
    return f"{api_url}{PATH}assets/{account}/{asset_id}{'/thumbnail' if thumbnail else ''}"


def output(api_url: str, value: Output) -> str:
    """Of a finished image."""
    return f"{api_url}{PATH}outputs/{value.key.partition('/')[2]}"


def image_of(url: str, api_url: str, account: str) -> Image | None:
    """The picture of this account behind one of our own addresses; None for any other address."""
    if not api_url or not url.startswith(api_url + PATH):
        return None
    match url[len(api_url + PATH) :].split("/"):
        case ["assets", owner, asset_id] if owner == account and ids.is_id("as", asset_id):
            return Image("asset", asset_id)
        case ["outputs", owner, job, name] if owner == account and ids.is_id("job", job) and _NAME.fullmatch(name):
            return Image("output", f"{job}/{name}")
    return None
