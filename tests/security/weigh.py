"""Run alone, as a process of its own: read each hostile picture, and say in JSON what it cost and what came of it.

Memory is the process's own high-water mark, set back before each file where the kernel allows it.
"""

import hashlib
import io
import json
import multiprocessing
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image

from packshot.channels.measure import measure
from packshot.picture import BadPicture, Picture, decode, encode
from tests.security.hostile import EVIL, FILES, MEASURED, PLACE

SMALL = 1_000_000
"""Pictures of so many pixels are written again, in all formats."""


def peak() -> int:
    """MB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) // 1024


def forget_peak() -> None:
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return  # then it is the highest of all files until now


def weighed(data: bytes, read: Callable[[bytes], Any]) -> dict[str, Any]:
    """What reading costs, in CPU seconds: the machine may be busy with something else."""
    forget_peak()
    began, found = time.process_time(), None
    try:
        found = read(data)
        verdict = "taken"
    except BadPicture as error:
        verdict = error.code
    report = {"verdict": verdict, "seconds": time.process_time() - began, "mb": peak(), "bytes": len(data)}
    if isinstance(found, Picture) and found.width * found.height <= SMALL:
        report["copies"] = [copied(data, found, form) for form in ("jpg", "png", "webp")]
    return report


def copied(data: bytes, picture: Picture, form: str) -> dict[str, Any]:
    """A copy of ours, beside what came in."""
    made = encode(picture, format=form, source_type="digitalCapture")
    image = Image.open(io.BytesIO(made))
    image.load()
    left = [mark.decode("latin-1") for mark in (*EVIL, *PLACE) if mark in made]
    return {
        "left": left,
        "same": hashlib.sha256(made).digest() == hashlib.sha256(data).digest(),
        "ends": made.endswith({"jpg": b"\xff\xd9", "png": b"IEND\xaeB`\x82"}.get(form, b""))
        and (form != "webp" or int.from_bytes(made[4:8], "little") == len(made) - 8),
        "info": sorted(set(image.info) & {"exif", "icc_profile", "comment", "photoshop", "Comment", "Location"}),
        "exif": bool(image.getexif()),
    }


def weigh(task: tuple[str, str]) -> str:
    name, how = task
    make, _ = FILES.get(name) or MEASURED[name]
    report = weighed(make(), {"decode": decode, "measure": measure}[how])
    return json.dumps({"name": name, "how": how, **report})


def main() -> None:
    """Each file in a child of its own, so that none pays for what another left behind; nothing is harder to measure
    than to take."""
    tasks = [(name, "decode") for name in FILES] + [(name, "measure") for name in (*MEASURED, *FILES)]
    with multiprocessing.get_context("fork").Pool(1, maxtasksperchild=1) as pool:
        for line in pool.imap(weigh, tasks):
            print(line, flush=True)


if __name__ == "__main__":
    main()
