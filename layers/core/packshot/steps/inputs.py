"""The pictures a brief names, fetched from where they are. Whatever is wrong with one becomes the job's failure."""

from dataclasses import dataclass

from packshot.brief import Brief, Image
from packshot.egress import FetchFailed
from packshot.job import Failure, Job
from packshot.picture import BadPicture, Picture, decode
from packshot.ports import Http, Pictures
from packshot.steps.keep import MAX_UPLOAD, key_of, profile_key

FETCH_SECONDS = 20


class BadInput(Exception):
    """An input cannot be used; `failure` says which and why, in our own words."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.code)
        self.failure = failure


@dataclass(frozen=True, slots=True)
class Input:
    """One input picture: the bytes as they came, and decoded under the strict profile."""

    data: bytes
    picture: Picture


def gather(job: Job, brief: Brief, *, uploads: Pictures, outputs: Pictures, http: Http) -> list[Input]:
    """Every input of a brief, in order; a mask has the size of what it lies on. Raises BadInput."""
    found = [_one(job.account, index, image, uploads, outputs, http) for index, image in enumerate(brief.images)]
    for image, each in zip(brief.images, found, strict=True):
        first = found[0].picture
        if image.role == "mask" and (each.picture.width, each.picture.height) != (first.width, first.height):
            raise BadInput(Failure("image_mask_size", "The mask must have the size of the picture it lies on."))
    return found


def _one(account: str, index: int, image: Image, uploads: Pictures, outputs: Pictures, http: Http) -> Input:
    where = f"images[{index}]"
    if image.kind == "url":
        try:
            data = http.fetch(image.value, hosts=None, seconds=FETCH_SECONDS, max_bytes=MAX_UPLOAD)
        except FetchFailed as error:
            raise BadInput(Failure(f"image_{error.code}", f"{where}: {error}")) from error
    else:
        stored = _stored(account, image, uploads, outputs)
        if stored is None:
            raise BadInput(Failure("image_missing", f"{where}: the picture was never uploaded or has expired."))
        data = stored
    try:
        return Input(data, decode(data))
    except BadPicture as error:
        raise BadInput(Failure(f"image_{error.code}", f"{where}: {error}")) from error


def _stored(account: str, image: Image, uploads: Pictures, outputs: Pictures) -> bytes | None:
    match image.kind:
        case "asset":
            return uploads.get(key_of(account, image.value))
        case "profile":
            profile, _, number = image.value.partition("/")
            return uploads.get(profile_key(account, profile, int(number)))
        case "output":
            return outputs.get(f"out/{account}/{image.value}") or outputs.get(f"keep/{account}/{image.value}")
        case _:
            return uploads.get(image.value)
