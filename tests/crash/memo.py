"""What the renderer makes of the same wish is made once, for all processes: it takes seconds and is not under test."""

import hashlib
import os
import pickle
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from packshot import studio
from packshot.steps.make import Work
from packshot.wire import dump


@contextmanager
def remembered(patch: pytest.MonkeyPatch) -> Iterator[None]:
    """Keep cut-outs and finished pictures on disk, under all that they are made from."""
    from packshot.steps import make

    with TemporaryDirectory(prefix="packshot-crash-") as name:
        folder, finished, cut_out = Path(name), make.finished, studio.cut_out

        def finish(work: Work, seed: int, place: int) -> Any:
            told = dump([work.brief.dump(), seed, place, work.now]) + work.source.data
            return _kept(folder, told, lambda: finished(work, seed, place))

        def cut(picture: Any, **hints: Any) -> studio.Cutout:
            told = repr((picture.pixels.shape, hints)).encode() + picture.pixels.tobytes()
            return studio.Cutout.from_bytes(_kept(folder, told, lambda: cut_out(picture, **hints).to_bytes()))

        patch.setattr("packshot.steps.render.finished", finish)
        patch.setattr(studio, "cut_out", cut)
        yield


def _kept(folder: Path, told: bytes, make: Callable[[], Any]) -> Any:
    path = folder / hashlib.sha256(told).hexdigest()
    if path.exists():
        return pickle.loads(path.read_bytes())  # noqa: S301  # our own
    made = make()
    half = path.with_suffix(f".{os.getpid()}")
    half.write_bytes(pickle.dumps(made))
    half.rename(path)
    return made
