"""What the bodies of our own API want: a job, a fix, or a check. `api.models` says what each may hold; here are the
rules between two fields."""

from collections.abc import Mapping
from typing import Any

from packshot import ids
from packshot import wishes as w
from packshot.brief import Brief, Image, Role, ratio_of
from packshot.errors import CallerError
from packshot.validate import data_of, invalid, is_address, picture

OWN_SIZE = ("remove_background", "upscale", "enhance", "relight", "inpaint")
"""Operations whose picture is as large as what they were given, unless something else is said."""

SMALLEST_BOX = 0.02
"""Share of a side that a subject's box must have."""

ROLES: tuple[Role, ...] = ("reference", "mask")


def brief_of(body: Mapping[str, Any]) -> tuple[Brief, tuple[w.Inline, ...], tuple[str, ...]]:
    """The brief of a `JobRequest`, what pictures came inside it, and its profiles' ids. Raises CallerError."""
    given = {name: value for name, value in body.items() if value is not None}
    operation = given.setdefault("operation", "generate")
    _check_size(given)
    if "callback_url" in given:
        address(given["callback_url"], "callback_url")
    if "scale" in given and operation != "upscale":
        raise invalid("scale", "Goes with upscale alone.")
    if "mask_kind" in given and "mask" not in given:
        raise invalid("mask_kind", "Goes with a mask alone.")
    if operation == "remove_background":
        given.setdefault("format", "png")
    if given.get("background") == "transparent" and given.get("format", "jpg") == "jpg":
        raise invalid("format", "A JPEG cannot be transparent: take png or webp.")
    shaped = any(name in given for name in ("width", "height", "aspect_ratio", "resolution"))
    given.setdefault("like_input", operation in OWN_SIZE and not shaped)
    profiles = tuple(dict.fromkeys(given.pop("profiles", ())))
    _subject(given)
    _channels(given)
    if "adjust" in given:
        given["adjust"] = tuple(dict.fromkeys(given["adjust"]))
    images, inline = _images(given)
    return Brief(**{"model": "", **given, "images": images}), inline, profiles


def _subject(given: dict[str, Any]) -> None:
    """`subject_box` or `subject_point` become the brief's `box` or `point`. Raises CallerError."""
    for name in ("box", "point"):
        if f"subject_{name}" in given:
            given[name] = tuple(float(share) for share in given.pop(f"subject_{name}"))
    if "box" in given and "point" in given:
        raise invalid("subject_point", "Give either a box or a point.")
    left, top, right, bottom = given.get("box", (0, 0, 1, 1))
    if right - left < SMALLEST_BOX or bottom - top < SMALLEST_BOX:
        raise invalid(
            "subject_box", "Must be left, top, right, bottom, and at least a fiftieth of the picture wide and high."
        )


def _channels(given: dict[str, Any]) -> None:
    """Each channel gets one picture, in its own size and format. Raises CallerError."""
    if "channels" not in given:
        return
    for name in ("count", "width", "aspect_ratio", "resolution", "format", "quality"):
        if name in given:
            raise invalid(name, "A channel says this itself: leave it out.")
    if given.get("like_input"):
        raise invalid("like_input", "A channel has its own size: leave it out.")
    given["channels"] = tuple(given["channels"])
    if len(set(given["channels"])) < len(given["channels"]):
        raise invalid("channels", "Name each channel once.")
    given |= {"count": len(given["channels"]), "like_input": False, "aspect_ratio": "1:1"}


def fix_of(body: Mapping[str, Any]) -> tuple[Brief, tuple[w.Inline, ...]]:
    """The brief of a `FixRequest`, and the picture if it came inside. Raises CallerError."""
    given = {name: value for name, value in body.items() if value is not None}
    if "callback_url" in given:
        address(given["callback_url"], "callback_url")
    _subject(given)
    _channels(given)
    images, inline = _images({"images": [given.pop("image")]}, alone="image")
    return Brief(**{**given, "operation": "fix", "model": "studio", "images": images}), inline


def check_of(body: Mapping[str, Any]) -> w.Check:
    """The wish of a `CheckRequest`. Raises CallerError."""
    given = dict(body)
    _channels(given)
    name, text = given.get("filename"), given["image"]
    if text.startswith("data:"):
        return w.Check(given["channels"], name, data=data_of(text, "image"))
    images, _ = _images({"images": [text]}, alone="image")
    return w.Check(given["channels"], name, images[0])


def address(text: str, field: str) -> str:
    """An absolute address, as it is. Raises CallerError."""
    if not is_address(text):
        raise invalid(field, "Must be an absolute https address.")
    return text


def _check_size(given: Mapping[str, Any]) -> None:
    """A size can be said in three ways, of which one is enough. Raises CallerError."""
    exact = [name for name in ("width", "height") if name in given]
    if len(exact) == 1:
        other = "height" if exact == ["width"] else "width"
        raise CallerError("missing_field", "Give width and height together.", field=other)
    for name in ("aspect_ratio", "resolution"):
        if exact and name in given:
            raise invalid(name, "Give either width and height, or aspect_ratio and resolution.")
    for name in ("width", "aspect_ratio"):
        if given.get("like_input") and name in given:
            raise invalid(name, "Give either a size or a ratio, or like_input.")
    try:
        ratio_of(given.get("aspect_ratio", "auto"))
    except ValueError:
        raise invalid("aspect_ratio", "Must be auto, or width:height between 1:20 and 20:1, such as 4:3.") from None


def _images(given: dict[str, Any], alone: str = "") -> tuple[tuple[Image, ...], tuple[w.Inline, ...]]:
    """All pictures of a job, taken out of `given`: the products, then the reference, then the mask. `alone` is what the
    caller calls the only one."""
    products = enumerate(given.pop("images", ()))
    named: list[tuple[str, str, Role]] = [(alone or f"images[{place}]", text, "product") for place, text in products]
    named += [(role, given.pop(role), role) for role in ROLES if role in given]
    images: list[Image] = []
    inline: list[w.Inline] = []
    for place, (field, text, role) in enumerate(named):
        if text.startswith("data:"):
            inline.append(w.Inline(place, picture(data_of(text, field), field)))
            images.append(Image("asset", "inline", role))  # until the submit step has made an asset of it
        elif ids.is_id("as", text):
            images.append(Image("asset", text, role))
        elif len(text) <= 2048 and is_address(text):
            images.append(Image("url", text, role))
        else:
            raise invalid(field, "Must be an https address, an asset's id (as_...), or a data URI of a picture.")
    return tuple(images), tuple(inline)
