"""A job as its caller sees it: addresses for its outputs, or their bytes when the brief asked for those."""

from dataclasses import dataclass, replace

from packshot import addresses
from packshot.answers import JobView, OutputView
from packshot.brief import Brief
from packshot.channels import names
from packshot.job import Output
from packshot.ports import Pictures

URL_SECONDS = 86_400
MAX_INLINE = 96_000_000
"""Bytes of pictures that one answer carries, as much as the function's memory holds three times; above, addresses only.
An answer over 6 MB goes out as a copy in the bucket (`steps/large.py`)."""


@dataclass(frozen=True, slots=True)
class Gallery:
    """Where outputs can be seen. `api_url` is where lasting addresses begin."""

    outputs: Pictures
    api_url: str


def show(view: JobView, room: Gallery, now: int) -> JobView:
    """Fill in the outputs of a finished job.

    Presigned addresses live for 24 hours and are new at every look; lasting ones are the same as long as the picture is
    there, and have no end where it is kept for good.
    """
    if not view.job.outputs:
        return view
    fits = sum(output.bytes for output in view.job.outputs) <= MAX_INLINE
    data = view.brief.delivery == "bytes" and fits
    return replace(view, outputs=tuple(_one(output, view.brief, room, now, data=data) for output in view.job.outputs))


def _one(output: Output, brief: Brief, room: Gallery, now: int, *, data: bool) -> OutputView:
    held = room.outputs.get(output.key) if data else None
    suffix = output.key.rpartition(".")[2]
    channel = brief.channels[output.place] if brief.channels else ""
    name = names.file_name(brief.metadata, brief.external_id, channel=channel, place=output.place, format=suffix)
    url, expires = addresses.output(room.api_url, output), None
    if not (brief.keep or brief.delivery == "links"):
        url, expires = room.outputs.url(output.key, URL_SECONDS, name), now + URL_SECONDS * 1000
    return OutputView(output, url, expires, held, name, names.alt_text(brief.metadata))
