"""What fal's endpoints take and how large their pictures are, written down from fal's documented schemas."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Check = Callable[[Any], str]
"""What is wrong with a value, as pydantic calls it; empty when nothing is."""

PRESETS = {
    "square_hd": (1024, 1024), "square": (512, 512), "portrait_4_3": (768, 1024), "portrait_16_9": (576, 1024),
    "landscape_4_3": (1024, 768), "landscape_16_9": (1024, 576),
}  # fmt: skip
AUTO = {"auto": 1024, "auto_2K": 2048, "auto_4K": 4096}
TIERS = {"0.5K": 512, "1K": 1024, "2K": 2048, "4K": 4096}


def text(value: Any) -> str:
    return "" if isinstance(value, str) else "string_type"


def flag(value: Any) -> str:
    return "" if isinstance(value, bool) else "bool_type"


def url(value: Any) -> str:
    return "" if isinstance(value, str) and value.startswith(("http://", "https://", "data:")) else "url_parsing"


def one_of(*values: str) -> Check:
    return lambda value: "" if value in values else "literal_error"


def number(least: float, most: float, kind: Any = (int, float)) -> Check:
    def check(value: Any) -> str:
        if not isinstance(value, kind) or isinstance(value, bool):
            return "int_type" if kind == (int,) else "float_type"
        return "greater_than_equal" if value < least else "less_than_equal" if value > most else ""

    return check


def whole(least: int, most: int) -> Check:
    return number(least, most, (int,))


def urls(most: int) -> Check:
    def check(value: Any) -> str:
        if not isinstance(value, list) or any(map(url, value)):
            return "list_type"
        return "too_short" if not value else "too_long" if len(value) > most else ""

    return check


def sized(least: int, most: int, sides: tuple[int, int], *more: str, step: int = 1, widest: float = 99) -> Check:
    """A preset, or a width and height; `least` and `most` are areas."""

    def check(value: Any) -> str:
        if not isinstance(value, dict):
            return "" if value in PRESETS or value in more else "literal_error"
        both: Any = value.get("width"), value.get("height")
        if set(value) != {"width", "height"} or any(whole(*sides)(side) or side % step for side in both):
            return "value_error"
        fits = least <= both[0] * both[1] <= most and max(both) <= widest * min(both)
        return "" if fits else "value_error"

    return check


def pair(value: Any) -> str:
    good = isinstance(value, list) and len(value) == 2 and not any(map(whole(64, 4096), value))
    return "" if good else "value_error"


@dataclass(frozen=True)
class Endpoint:
    """`needs` and `takes` are its fields; `flags`: it tells of unsafe pictures; `one`: `image` instead of `images`;
    `shape`: it makes the size of its first input, where nothing is said."""

    needs: Mapping[str, Check]
    takes: Mapping[str, Check]
    form: str = "png"
    flags: bool = False
    one: bool = False
    shape: bool = False

    @property
    def seeds(self) -> bool:
        return "seed" in self.takes


SEED, SYNC = {"seed": whole(0, 2**32 - 1)}, {"sync_mode": flag}
WORDS = {"prompt": text}
MANY = {"num_images": whole(1, 4)}
ANY_FORM = {"output_format": one_of("jpeg", "png", "webp")}
FORM = {"output_format": one_of("jpeg", "png")}
RATIOS = ("21:9", "16:9", "3:2", "4:3", "5:4", "1:1", "4:5", "3:4", "2:3", "9:16")
WIDE = ("4:1", "1:4", "8:1", "1:8")
STRICT = {"safety_tolerance": one_of("1", "2", "3", "4", "5", "6")}
SAFE = {"enable_safety_checker": flag}


def _google(ratios: tuple[str, ...], tiers: tuple[str, ...], **more: Check) -> dict[str, Check]:
    tier = {"resolution": one_of(*tiers)} if tiers else {}
    rest = {"limit_generations": flag, "aspect_ratio": one_of(*ratios)}
    return {**rest, **tier, **MANY, **ANY_FORM, **STRICT, **SEED, **SYNC, **more}


_WEB = {"enable_web_search": flag}
_BANANA_2 = {**_WEB, "thinking_level": one_of("minimal", "high")}
_KONTEXT = {"aspect_ratio": one_of("21:9", "16:9", "4:3", "3:2", "1:1", "2:3", "3:4", "9:16", "9:21"),
            "guidance_scale": number(1, 20), "enhance_prompt": flag,
            **MANY, **FORM, **STRICT, **SEED, **SYNC}  # fmt: skip
_FLUX_SIZE = sized(512**2, 2048**2, (512, 2048))
_FLUX = {"safety_tolerance": one_of("1", "2", "3", "4", "5"), **SAFE, **FORM, **SEED, **SYNC}
_FLEX = {**_FLUX, "guidance_scale": number(1.5, 10), "num_inference_steps": whole(1, 50)}
_SEEDREAM = {"image_size": sized(960**2, 4096**2, (1, 4096), *AUTO), "max_images": whole(1, 6),
             "enhance_prompt_mode": one_of("standard", "fast"), **MANY, **SAFE, **SEED, **SYNC}  # fmt: skip
_GPT = {"image_size": sized(655_360, 8_294_400, (16, 3840), step=16, widest=3), **MANY, **ANY_FORM, **SYNC,
        "quality": one_of("low", "medium", "high")}  # fmt: skip
_QWEN = {"negative_prompt": lambda value: text(value) or ("string_too_long" if len(value) > 500 else ""),
         "image_size": sized(512**2, 2048**2, (1, 8192)), "enable_prompt_expansion": flag, **MANY, **ANY_FORM,
         "seed": whole(0, 2**31 - 1), **SAFE, **SYNC}  # fmt: skip
_REVE = {**MANY, **ANY_FORM, **SYNC}
_REVE_RATIO = {"aspect_ratio": one_of("16:9", "9:16", "3:2", "2:3", "4:3", "3:4", "1:1")}
_SDXL = {"negative_prompt": text, "image_size": sized(512**2, 2048**2, (512, 2048)), "format": one_of("jpeg", "png"),
         "num_inference_steps": whole(1, 50), "guidance_scale": number(0, 20),
         **MANY, **SAFE, **SEED, **SYNC}  # fmt: skip
_PLACES = one_of("upper_left", "upper_right", "bottom_left", "bottom_right", "right_center", "left_center",
                 "upper_center", "bottom_center", "center_vertical", "center_horizontal")  # fmt: skip
_SHOT = {"ref_image_url": url, "scene_description": text, "optimize_description": flag, "fast": flag, "shot_size": pair,
         "placement_type": one_of("original", "automatic", "manual_placement", "manual_padding"),
         "manual_placement_selection": _PLACES, "original_quality": flag, "num_results": whole(1, 4),
         **SYNC}  # fmt: skip
_BIREFNET = {"operating_resolution": one_of("1024x1024", "2048x2048", "2304x2304"), "refine_foreground": flag,
             "mask_only": flag, "output_mask": flag, "output_format": one_of("webp", "png", "gif"), **SYNC,
             "model": one_of("General Use (Light)", "General Use (Light 2K)", "General Use (Heavy)", "Matting",
                             "Portrait", "General Use (Dynamic)")}  # fmt: skip
_EDIT, _ONE = {**WORDS, "image_urls": urls(14)}, {**WORDS, "image_url": url}

ENDPOINTS: Mapping[str, Endpoint] = {
    "fal-ai/nano-banana": Endpoint(WORDS, _google(RATIOS, ())),
    "fal-ai/nano-banana/edit": Endpoint(_EDIT, _google(("auto", *RATIOS), ()), shape=True),
    "fal-ai/nano-banana-2": Endpoint(WORDS, _google((*RATIOS, *WIDE), tuple(TIERS), **_BANANA_2)),
    "fal-ai/nano-banana-2/edit": Endpoint(
        _EDIT, _google(("auto", *RATIOS, *WIDE), tuple(TIERS), **_BANANA_2), shape=True
    ),
    "fal-ai/nano-banana-pro": Endpoint(WORDS, _google(RATIOS, ("1K", "2K", "4K"), **_WEB)),
    "fal-ai/nano-banana-pro/edit": Endpoint(_EDIT, _google(("auto", *RATIOS), ("1K", "2K", "4K"), **_WEB), shape=True),
    "fal-ai/flux-pro/kontext": Endpoint(_ONE, _KONTEXT, "jpeg", flags=True, shape=True),
    "fal-ai/flux-pro/kontext/max": Endpoint(_ONE, _KONTEXT, "jpeg", flags=True, shape=True),
    "fal-ai/flux-pro/kontext/text-to-image": Endpoint(WORDS, _KONTEXT, "jpeg", flags=True),
    "fal-ai/flux-pro/kontext/max/text-to-image": Endpoint(WORDS, _KONTEXT, "jpeg", flags=True),
    **{f"fal-ai/{name}": Endpoint(WORDS, {**fields, "image_size": _FLUX_SIZE}, "jpeg")
       for name, fields in (("flux-2-pro", _FLUX), ("flux-2-max", _FLUX), ("flux-2-flex", _FLEX))},
    **{f"fal-ai/{name}/edit": Endpoint(
        {**WORDS, "image_urls": urls(10)},
        {**fields, "image_size": sized(512**2, 2048**2, (512, 2048), "auto")}, "jpeg", shape=True)
       for name, fields in (("flux-2-pro", _FLUX), ("flux-2-max", _FLUX), ("flux-2-flex", _FLEX))},
    "fal-ai/bytedance/seedream/v4/text-to-image": Endpoint(WORDS, _SEEDREAM),
    "fal-ai/bytedance/seedream/v4/edit": Endpoint({**WORDS, "image_urls": urls(10)}, _SEEDREAM, shape=True),
    "openai/gpt-image-2": Endpoint(WORDS, _GPT),
    "openai/gpt-image-2/edit": Endpoint(_EDIT, {**_GPT, "mask_url": url}, shape=True),
    "fal-ai/qwen-image-2/text-to-image": Endpoint(WORDS, _QWEN),
    "fal-ai/qwen-image-2/edit": Endpoint({**WORDS, "image_urls": urls(3)}, _QWEN, shape=True),
    "fal-ai/reve/text-to-image": Endpoint(WORDS, {**_REVE, **_REVE_RATIO}),
    "fal-ai/reve/edit": Endpoint(_ONE, _REVE, shape=True),
    "fal-ai/reve/remix": Endpoint({**WORDS, "image_urls": urls(4)}, {**_REVE, **_REVE_RATIO}, shape=True),
    "fal-ai/fast-sdxl": Endpoint(WORDS, _SDXL, "jpeg", flags=True),
    "fal-ai/fast-sdxl/image-to-image": Endpoint(
        _ONE, {**_SDXL, "strength": number(0, 1)}, "jpeg", flags=True
    ),
    "fal-ai/birefnet/v2": Endpoint({"image_url": url}, _BIREFNET, one=True),
    "fal-ai/bria/background/remove": Endpoint({"image_url": url}, SYNC, one=True),
    "fal-ai/bria/product-shot": Endpoint({"image_url": url}, _SHOT),
}  # fmt: skip


def faults(name: str, body: Any) -> list[dict[str, Any]]:
    """What is wrong with a request's body, as fal tells it."""
    endpoint = ENDPOINTS[name]
    if not isinstance(body, dict):
        return [_fault((), "model_attributes_type", body)]
    known = {**endpoint.takes, **endpoint.needs}
    found = [_fault((field,), "missing", body) for field in endpoint.needs if field not in body]
    for field, value in body.items():
        kind = known[field](value) if field in known else "extra_forbidden"
        found += [_fault((field,), kind, value)] if kind else []
    if name.endswith("product-shot") and bool(body.get("ref_image_url")) is bool(body.get("scene_description")):
        found.append(_fault((), "value_error", body))
    return found


def _fault(where: tuple[str, ...], kind: str, value: Any) -> dict[str, Any]:
    return {"loc": ["body", *where], "msg": f"Input is not valid ({kind})", "type": kind, "input": value}


def measure(name: str, body: Mapping[str, Any], first: tuple[int, int] | None) -> tuple[int, int]:
    """The size of the picture: as asked for, or of the first input's shape and the endpoint's usual area."""
    endpoint = ENDPOINTS[name]
    if endpoint.one or (first and body.get("original_quality")):
        return first or (1024, 1024)
    if "shot_size" in body:
        return body["shot_size"][0], body["shot_size"][1]
    size = body.get("image_size", "")
    if isinstance(size, dict):
        return size["width"], size["height"]
    if size in PRESETS:
        return PRESETS[size]
    tier = TIERS[body.get("resolution", "1K")] if size not in AUTO else AUTO[size]
    left, _, right = body.get("aspect_ratio", "auto").partition(":")
    shape = int(left) / int(right) if right else first[0] / first[1] if first and endpoint.shape else 1.0
    return _side(tier * math.sqrt(shape)), _side(tier / math.sqrt(shape))


def _side(length: float) -> int:
    return max(16, round(length / 16) * 16)
