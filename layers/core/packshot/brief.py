"""Brief: what a caller asked for, normalised and immutable. Pure; sizes in pixels."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Self, get_args

Operation = Literal["generate", "edit", "remix", "enhance", "upscale", "remove_background", "relight", "inpaint", "fix"]
OPERATIONS: tuple[Operation, ...] = get_args(Operation)
Format = Literal["png", "jpg", "webp"]
Resolution = Literal["1K", "2K", "4K"]
Delivery = Literal["urls", "bytes", "links"]
"""`links` are lasting addresses, as long as the picture lasts; `urls` are presigned for a day."""
Detail = Literal["low", "medium", "high"]
Role = Literal["product", "reference", "mask", "profile"]
Channel = Literal["amazon", "google", "walmart", "ebay", "etsy", "shopify", "zalando", "meta", "tiktok"]
CHANNELS: tuple[Channel, ...] = get_args(Channel)
"""The marketplaces whose rules are known: `catalog/marketplaces.json`."""
Gate = Literal["strict", "balanced", "creative"]
Adjust = Literal["white_balance", "exposure", "relight"]

LONG_SIDE: Mapping[str, int] = {"1K": 1024, "2K": 2048, "4K": 4096}
"""The longer side of a picture at each resolution, in pixels."""

RESOLUTION_FACTOR: Mapping[str, int] = {"1K": 1, "2K": 2, "4K": 4}
"""What a resolution costs, as a multiple of the model's credits."""

MIN_SIDE, MAX_SIDE = 512, 4096

_SPELT_OUT = ("count", "aspect_ratio", "resolution", "format", "delivery")
"""Stored even at their defaults, so that a job keeps its meaning when a default changes."""

_TUPLES = {"look", "box", "point", "channels", "adjust"}


@dataclass(frozen=True, slots=True)
class Image:
    """One input picture.

    `kind` says what `value` is: an `https` address (`url`), one that must be ours (`own`), an asset's id, an earlier
    output's key (`output`), `{profile}/{number}`, or a key in the uploads bucket (`upload`). `role` says what it is
    for: what is photographed, the look to follow (`reference`), where to change it (`mask`: white is changed), or who
    is in it (`profile`).
    """

    kind: Literal["url", "own", "asset", "output", "profile", "upload"]
    value: str
    role: Role = "product"


@dataclass(frozen=True, slots=True)
class Brief:
    """What is wanted. `aspect_ratio` is `auto` or `w:h`; `width` and `height`, when given, are exact and win over it;
    `like_input` wins over both: the first picture's own size, times `scale`.

    strength    0..1, how far an enhancement, an upscale or an edit may go from what it was given
    guidance    how literally the words are taken, in the models' usual scale (CFG)
    detail      effort against time, where a model offers that
    mask_kind   what a mask's changed places are: white, black, or transparent
    background  what stands behind the product, where an operation leaves it open
    look        (version, prompt, studio set) of an account's own preset, as it was when the job was taken
    box, point  where the product is, as shares of the first picture: (left, top, right, bottom), (x, y)
    channels    the marketplaces that the pictures are for, one picture each, in this order
    fidelity    how much a picture may differ from the product that was given, before it is no longer delivered
    adjust      what may be corrected about the product's own light and colours
    keep        the outputs never expire
    cache       equal jobs share their pictures; None: where the seed is fixed
    prefer      how to choose among the model's routes (`routing`); None: as the key, or the catalogue, says
    dialect     whose form the callbacks have; empty for our own
    outbox      the folder in the outputs bucket where an upload's results are copied to
    """

    operation: Operation
    model: str
    prompt: str = ""
    negative_prompt: str = ""
    images: tuple[Image, ...] = ()
    preset: str | None = None
    look: tuple[int, str, str] | None = None
    count: int = 1
    aspect_ratio: str = "auto"
    width: int | None = None
    height: int | None = None
    resolution: Resolution = "1K"
    like_input: bool = False
    scale: int | None = None
    strength: float | None = None
    guidance: float | None = None
    detail: Detail | None = None
    mask_kind: Literal["white", "black", "transparent"] = "white"
    background: Literal["transparent", "white"] | None = None
    box: tuple[float, float, float, float] | None = None
    point: tuple[float, float] | None = None
    channels: tuple[Channel, ...] = ()
    fidelity: Gate | None = None
    adjust: tuple[Adjust, ...] = ()
    quality: int | None = None
    seed: int | None = None
    format: Format = "jpg"
    delivery: Delivery = "urls"
    callback_url: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    external_id: str | None = None
    keep: bool = False
    cache: bool | None = None
    prefer: str | None = None
    dialect: str = ""
    outbox: str | None = None

    def dump(self) -> dict[str, Any]:
        """The brief as JSON values, without what is at its default."""
        raw: dict[str, Any] = {"operation": self.operation, "model": self.model}
        for name, each in self.__dataclass_fields__.items():
            value = getattr(self, name)
            if name in raw or (value == each.default and name not in _SPELT_OUT) or value in ((), {}):
                continue
            if name == "images":
                value = [_image(image) for image in self.images]
            raw[name] = dict(value) if name == "metadata" else list(value) if isinstance(value, tuple) else value
        return raw

    @classmethod
    def load(cls, raw: Mapping[str, Any]) -> Self:
        """The inverse of `dump`."""
        fields = {name: value for name, value in raw.items() if name in cls.__dataclass_fields__}
        fields["images"] = tuple(Image(*image) for image in raw.get("images", ()))
        for name in _TUPLES & fields.keys():
            fields[name] = tuple(fields[name])
        return cls(**fields)

    def of(self, *roles: Role) -> tuple[Image, ...]:
        """The pictures of these roles, in order."""
        return tuple(image for image in self.images if image.role in roles)

    @property
    def billed_resolution(self) -> Resolution:
        """The resolution that is paid for: the one asked for, or the smallest that holds the exact size."""
        if self.width is None or self.height is None:
            return self.resolution
        longest = max(self.width, self.height)
        return "1K" if longest <= 1024 else "2K" if longest <= 2048 else "4K"


def _image(image: Image) -> list[str]:
    return [image.kind, image.value] if image.role == "product" else [image.kind, image.value, image.role]


def ratio_of(text: str) -> float | None:
    """`w:h` as width over height; None for `auto`. Raises ValueError when it is neither."""
    if text == "auto":
        return None
    left, _, right = text.partition(":")
    width, height = float(left), float(right)
    if not (0.05 <= width / height <= 20 if width > 0 and height > 0 else False):
        raise ValueError(text)
    return width / height


def frame(brief: Brief, source: tuple[int, int]) -> tuple[int, int]:
    """The output's width and height, in pixels, given the first input's.

    `like_input` keeps the input's size, times `scale`. Else the longer side is the resolution's and the shorter follows
    the ratio (the input's for `auto`), rounded to a multiple of 8.
    """
    if brief.like_input:
        return source[0] * (brief.scale or 1), source[1] * (brief.scale or 1)
    if brief.width is not None and brief.height is not None:
        return brief.width, brief.height
    ratio = ratio_of(brief.aspect_ratio) or source[0] / source[1]
    longest = LONG_SIDE[brief.resolution]
    shorter = longest / ratio if ratio >= 1 else longest * ratio
    side = max(8, round(shorter / 8) * 8)
    return (longest, side) if ratio >= 1 else (side, longest)
