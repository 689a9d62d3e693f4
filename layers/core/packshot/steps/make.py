"""One picture of the built-in studio, by operation. Nothing here is fetched or stored."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from packshot import brief as briefs
from packshot import studio, words
from packshot.brief import Brief, Operation, Role
from packshot.catalog import presets
from packshot.channels import Channel
from packshot.picture import Picture, fitted, mask_of
from packshot.steps import dress
from packshot.steps.inputs import Input
from packshot.steps.store import Finished
from packshot.words.look import ANY, Look

QUALITY = 90
STRENGTH = 0.5
SCALE = 2
WHITE = ("white", "amazon")
"""The sets of exact white: a channel says how much of them the product fills."""


@dataclass(frozen=True, slots=True)
class Work:
    """What pictures are made from: the product, and what else the operation needs, got when it is asked for."""

    brief: Brief
    source: Input
    others: Mapping[Role, Callable[[], Picture]]
    cutout: Callable[[], studio.Cutout]
    now: int

    @property
    def product(self) -> Picture:
        """The first picture."""
        return self.source.picture

    @property
    def file(self) -> dict[str, Any]:
        """How the file is written."""
        return {"format": self.brief.format, "quality": self.brief.quality or QUALITY}

    @property
    def strength(self) -> float:
        """How far an operation goes."""
        return STRENGTH if self.brief.strength is None else self.brief.strength

    @property
    def framed(self) -> Picture:
        """The product's picture in the brief's own size: scaled, and cropped where the shapes differ."""
        return fitted(self.product, *briefs.frame(self.brief, (self.product.width, self.product.height)))

    def shot(self, name: str, seed: int, channel: Channel | None = None, look: Look = ANY) -> studio.Shot:
        """A picture of the brief's own size, or of the channel's."""
        if channel is not None:
            out = channel.output
            fill = out.fill if name in WHITE else None
            return studio.Shot(name, out.width, out.height, seed, out.format, out.quality, look, fill)
        width, height = briefs.frame(self.brief, (self.product.width, self.product.height))
        return studio.Shot(name, width, height, seed, **self.file, look=look)


def _generate(work: Work, seed: int, channel: Channel | None) -> studio.Rendered:
    brief = work.brief
    reading = words.read(brief.prompt, brief.negative_prompt)
    name = brief.look[2] if brief.look else presets()[brief.preset].studio if brief.preset else reading.preset
    if channel is not None and channel.output.white:
        name = "white"
    cutout, adjusted = _adjusted(work)
    made = studio.compose(cutout, work.shot(name or "studio", seed, channel, reading.look))
    return _noted(replace(made, report={**made.report, **adjusted, **_told(reading, made.report)}), cutout)


def _adjusted(work: Work) -> tuple[studio.Cutout, dict[str, Any]]:
    """The product in the colours and the light that the brief lets it have, and what that changed."""
    cutout, wishes = work.cutout(), work.brief.adjust
    report: dict[str, Any] = {}
    if "white_balance" in wishes or "exposure" in wishes:
        balance, light = "white_balance" in wishes, "exposure" in wishes
        cutout, report = studio.balanced_product(cutout, work.product, white_balance=balance, exposure=light)
    if "relight" in wishes:
        cutout, more = studio.relit_product(cutout, work.product, strength=work.strength)
        report = {**report, **more}
    return cutout, report


def _told(reading: words.Reading, report: Mapping[str, Any]) -> dict[str, list[str]]:
    """What became of the prompt's wishes: those that no set could meet are ignored like those that nobody knows."""
    missed = report.get("ignored", [])
    lost = [wish for wish in reading.understood if wish.partition(":")[0] in missed]
    heard = [wish for wish in reading.understood if wish not in lost]
    return {"understood": heard, "ignored": [*reading.ignored, *lost]}


def _noted(made: studio.Rendered, cutout: studio.Cutout) -> studio.Rendered:
    """With what somebody should look at."""
    said: Any = made.report.get("check", [])
    return replace(made, report={**made.report, "check": [*said, *dress.doubts(cutout)]})


def _remix(work: Work, seed: int, channel: Channel | None) -> studio.Rendered:
    cutout = work.cutout()
    return _noted(studio.remix(cutout, work.others["reference"](), work.shot("remix", seed, channel)), cutout)


def _remove_background(work: Work, _: int, __: Channel | None) -> studio.Rendered:
    cutout = work.cutout()
    made = studio.remove_background(work.product, cutout, background=work.brief.background, **work.file)
    return _noted(made, cutout)


def _upscale(work: Work, _: int, __: Channel | None) -> studio.Rendered:
    return studio.upscale(work.product, scale=work.brief.scale or SCALE, strength=work.strength, **work.file)


def _enhance(work: Work, _: int, __: Channel | None) -> studio.Rendered:
    return studio.enhance(work.framed, strength=work.strength, **work.file)


def _relight(work: Work, _: int, __: Channel | None) -> studio.Rendered:
    return studio.relight(work.framed, strength=work.strength, **work.file)


def _inpaint(work: Work, seed: int, _: Channel | None) -> studio.Rendered:
    mask = mask_of(work.others["mask"](), work.brief.mask_kind)
    return studio.erase(work.product, mask, seed=seed, **work.file)


MAKERS: Mapping[Operation, Callable[[Work, int, Channel | None], studio.Rendered]] = {
    "generate": _generate,
    "remix": _remix,
    "remove_background": _remove_background,
    "upscale": _upscale,
    "enhance": _enhance,
    "relight": _relight,
    "inpaint": _inpaint,
}
"""How one picture of each operation is made, from the work, a seed, and the channel that it is for."""


def finished(work: Work, seed: int, place: int) -> Finished:
    """One picture as a file."""
    brief, channel = work.brief, dress.channel_of(work.brief, place)
    if brief.operation == "fix" and channel is not None:
        return dress.mended(work.source.data, channel, work.cutout, brief, place, now=work.now)
    made = MAKERS[brief.operation](work, seed, channel)
    if channel is not None:
        return dress.rendered(made, channel, brief, place, now=work.now)
    return Finished(made.data, made.width, made.height, brief.format, made.report)
