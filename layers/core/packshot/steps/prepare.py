"""What a call asks of its provider: words, sizes, and our own copies of the inputs."""

from packshot import brief as briefs
from packshot.brief import Brief
from packshot.catalog import presets
from packshot.job import Job
from packshot.picture import Picture, clear_where_white, encode, fitted, inverted, mask_of
from packshot.ports import Pictures
from packshot.providers import Provider
from packshot.replies import Shot, Source
from packshot.steps.inputs import Input
from packshot.steps.keep import CONTENT_TYPES

INPUT_URL_SECONDS = 7200
DEFAULT_PRESET = "studio"
INSTRUCTIONS = {
    "remix": "The first picture shows a product, the last one a look. Photograph the product of the first picture in"
    " the setting, light and colours of the last. Keep the product exactly as it is, and the first picture's shape.",
    "enhance": "Improve this photograph: exposure, white balance, sharpness and noise. Keep everything in it as it is.",
    "relight": "Light this scene anew: even, soft studio light that fits the whole picture. Keep everything else.",
}
"""What a generative model is told beside the caller's own words, for operations that need none."""


MASKS = {"white": lambda mask: mask, "black": inverted, "clear": clear_where_white}
"""From white-where-it-changes to a provider's own form."""


def shot_of(
    job: Job, brief: Brief, index: int, gathered: list[Input], provider: Provider, model: str, label: str,
    uploads: Pictures,
) -> Shot:  # fmt: skip
    """What call `index` asks of a provider's model.

    The provider gets our own copies: decoded strictly, re-encoded without metadata, never the caller's address.
    """
    inputs, mask = [], None
    for place, (image, found) in enumerate(zip(brief.images, gathered, strict=True)):
        picture, masks = _shrunk(found.picture, provider.longest_input), image.role == "mask"
        if masks:
            picture = MASKS[provider.mask](mask_of(picture, brief.mask_kind))
        form = "png" if masks or picture.has_alpha else "jpg"
        data = encode(picture, format=form, quality=95, source_type="digitalCapture")
        url = ""
        if provider.inputs == "url":
            key = f"inputs/{job.account}/{job.id}/{place}.{form}"
            uploads.put(key, data, CONTENT_TYPES[form])
            url = uploads.url(key, INPUT_URL_SECONDS, f"{label}-{place}.{form}")
        source = Source(url, data, CONTENT_TYPES[form], picture.width, picture.height)
        if masks:
            mask = source
        else:
            inputs.append(source)
    first = gathered[0].picture if gathered else None
    width, height = briefs.frame(brief, (first.width, first.height) if first else (1, 1))
    call = job.calls[index]
    seed = (brief.seed + call.first) % 2**32 if brief.seed is not None else None
    return Shot(brief, prompt_of(brief), model, call.images, tuple(inputs), width, height, seed, mask, label)


def prompt_of(brief: Brief) -> str:
    """What the operation asks for, the preset's words, then the caller's own; the studio preset's when a picture is to
    be made and there are neither."""
    preset = brief.preset or ("" if brief.prompt or brief.operation != "generate" else DEFAULT_PRESET)
    look = brief.look[1] if brief.look else presets()[preset].prompt if preset else ""
    return "\n".join(words for words in (INSTRUCTIONS.get(brief.operation, ""), look, brief.prompt) if words)


def _shrunk(picture: Picture, most: int) -> Picture:
    longest = max(picture.width, picture.height)
    if not most or longest <= most:
        return picture
    shrink = most / longest
    return fitted(picture, max(1, round(picture.width * shrink)), max(1, round(picture.height * shrink)))
