"""The pictures a brief names, fetched from where they are. Whatever is wrong with one becomes the job's failure."""

from dataclasses import dataclass

from packshot.brief import Brief, Image
from packshot.egress import FetchFailed
from packshot.job import Failure, Job
from packshot.picture import BadPicture, Picture, decode
from packshot.ports import Http, Pictures
from packshot.steps.keep import MAX_UPLOAD, key_of

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


def gather(job: Job, brief: Brief, *, uploads: Pictures, http: Http) -> list[Input]:
    """Every input of a brief, in order. Raises BadInput."""
    return [_one(job.account, index, image, uploads, http) for index, image in enumerate(brief.images)]


def _one(account: str, index: int, image: Image, uploads: Pictures, http: Http) -> Input:
    where = f"images[{index}]"
    if image.kind == "url":
        try:
            data = http.fetch(image.value, hosts=None, seconds=FETCH_SECONDS, max_bytes=MAX_UPLOAD)
        except FetchFailed as error:
            raise BadInput(Failure(f"image_{error.code}", f"{where}: {error}")) from error
    else:
        key = key_of(account, image.value) if image.kind == "asset" else image.value
        stored = uploads.get(key)
        if stored is None:
            raise BadInput(Failure("image_missing", f"{where}: the picture was never uploaded or has expired."))
        data = stored
    try:
        return Input(data, decode(data))
    except BadPicture as error:
        raise BadInput(Failure(f"image_{error.code}", f"{where}: {error}")) from error
