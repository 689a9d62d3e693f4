"""A job as its caller sees it: addresses for its outputs, or their bytes when the brief asked for those."""

from dataclasses import replace

from packshot.answers import JobView, OutputView
from packshot.job import Output
from packshot.ports import Pictures

URL_SECONDS = 86_400
MAX_INLINE = 4_000_000
"""Bytes of pictures that fit one answer: a Lambda answer holds 6 MB and base64 takes a third more."""


def show(view: JobView, outputs: Pictures, now: int, *, inline: bool = True) -> JobView:
    """Fill in the outputs of a finished job. Presigned addresses live for 24 hours and are new at every look."""
    if not view.job.outputs:
        return view
    wanted = inline and view.brief.delivery == "bytes"
    fits = sum(output.bytes for output in view.job.outputs) <= MAX_INLINE
    shown = tuple(_one(output, outputs, now, data=wanted and fits) for output in view.job.outputs)
    return replace(view, outputs=shown)


def _one(output: Output, outputs: Pictures, now: int, *, data: bool) -> OutputView:
    url = outputs.url(output.key, URL_SECONDS, output.key.rsplit("/", 1)[-1])
    return OutputView(output, url, now + URL_SECONDS * 1000, outputs.get(output.key) if data else None)
