"""Brief: what a caller asked for, normalised and immutable. Pure; sizes in pixels."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Self

Operation = Literal["generate"]
Format = Literal["png", "jpg", "webp"]
Resolution = Literal["1K", "2K", "4K"]
Delivery = Literal["urls", "bytes"]

LONG_SIDE: Mapping[str, int] = {"1K": 1024, "2K": 2048, "4K": 4096}
"""The longer side of a picture at each resolution, in pixels."""

RESOLUTION_FACTOR: Mapping[str, int] = {"1K": 1, "2K": 2, "4K": 4}
"""What a resolution costs, as a multiple of the model's credits."""

MIN_SIDE, MAX_SIDE = 512, 4096


@dataclass(frozen=True, slots=True)
class Image:
    """One input picture: an `https` address, an asset's id, or a key in the uploads bucket (`upload`)."""

    kind: Literal["url", "asset", "upload"]
    value: str


@dataclass(frozen=True, slots=True)
class Brief:
    """What is wanted. `aspect_ratio` is `auto` or `w:h`; `width` and `height`, when given, are exact and win over it.

    `outbox` is the folder in the outputs bucket where an upload's results are copied to, else None.
    """

    operation: Operation
    model: str
    prompt: str = ""
    negative_prompt: str = ""
    images: tuple[Image, ...] = ()
    preset: str | None = None
    count: int = 1
    aspect_ratio: str = "auto"
    width: int | None = None
    height: int | None = None
    resolution: Resolution = "1K"
    quality: int | None = None
    seed: int | None = None
    format: Format = "jpg"
    delivery: Delivery = "urls"
    callback_url: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    external_id: str | None = None
    outbox: str | None = None

    def dump(self) -> dict[str, Any]:
        """The brief as JSON values, without what is at its default."""
        raw: dict[str, Any] = {"operation": self.operation, "model": self.model}
        for name in self.__dataclass_fields__:
            value = getattr(self, name)
            if name == "images":
                value = [[image.kind, image.value] for image in self.images]
            if value not in (None, "", [], {}) and name not in raw:
                raw[name] = dict(value) if name == "metadata" else value
        return raw

    @classmethod
    def load(cls, raw: Mapping[str, Any]) -> Self:
        """The inverse of `dump`."""
        fields = {name: value for name, value in raw.items() if name in cls.__dataclass_fields__}
        fields["images"] = tuple(Image(kind, value) for kind, value in raw.get("images", ()))
        return cls(**fields)

    @property
    def billed_resolution(self) -> Resolution:
        """The resolution that is paid for: the one asked for, or the smallest that holds the exact size."""
        if self.width is None or self.height is None:
            return self.resolution
        longest = max(self.width, self.height)
        return "1K" if longest <= 1024 else "2K" if longest <= 2048 else "4K"


def ratio_of(text: str) -> float | None:
    """`w:h` as width over height; None for `auto`. Raises ValueError when it is neither."""
    if text == "auto":
        return None
    left, _, right = text.partition(":")
    width, height = float(left), float(right)
    if not (0.05 <= width / height <= 20 if width > 0 and height > 0 else False):
        raise ValueError(text)
    return width / height


def frame(brief: Brief, source_ratio: float) -> tuple[int, int]:
    """The output's width and height.

    The longer side is the resolution's; the shorter follows the ratio, rounded to a multiple of 8. `source_ratio`
    (width over height of the first input) is used for `auto`.
    """
    if brief.width is not None and brief.height is not None:
        return brief.width, brief.height
    ratio = ratio_of(brief.aspect_ratio) or source_ratio
    longest = LONG_SIDE[brief.resolution]
    shorter = longest / ratio if ratio >= 1 else longest * ratio
    side = max(8, round(shorter / 8) * 8)
    return (longest, side) if ratio >= 1 else (side, longest)
