"""One method in a process of its own. It runs in the method's room, which holds nothing of this project.

    python peer_worker.py METHOD                                  cuts what comes in on standard input
    python peer_worker.py METHOD --once FILE --side N --make WHAT one picture from a cold start; `cost.py` starts this

A message is a line of JSON, followed by as many bytes as its numbers under `parts` say. In: `{"box": ... , "parts":
{"picture": n}}`. Out: `{"cpu": seconds of the cut-out, "size": [width, height], "parts": {...}}` with

    rgba                 the cut-out, raw bytes of straight alpha
    in_place             PNG, the cut-out on white where it was
    white_jpg, white_png the same as a packshot: square, SIDE pixels, FILL of the frame

or `{"failed": reason}`. Peers are set on white in the short way of `on_white`; packshot sets its own.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any, BinaryIO

from PIL import Image, ImageChops, ImageFilter, ImageOps

SIDE, FILL, QUALITY = 1000, 0.88, 90
VEIL = 12  # alpha below which a pixel does not count for the product's size
MARGIN = 0.05  # of each side, that GrabCut is told to be background
BORDER, FAR = 0.02, 32  # of the shorter side; levels from the border's colour

Box = tuple[float, float, float, float]


@dataclass
class Cut:
    """A cut-out, and how to write it: in its place, or as a packshot of a side in pixels."""

    rgba: Image.Image
    in_place: Callable[[], bytes]
    packshot: Callable[[int, str], bytes]
    scene: Callable[[int], bytes] | None = None  # the studio's alone: in a set
    stored: Callable[[], bytes] | None = None  # and as it keeps it
    told: dict[str, Any] = field(default_factory=dict)


Cutter = Callable[[bytes, Box | None], Cut]


def written(image: Image.Image, format: str) -> bytes:
    """A file: PNG, or JPEG as Pillow writes it when only the quality is given."""
    out = io.BytesIO()
    if format == "png":
        image.convert("RGB").save(out, "PNG", compress_level=1)
    else:
        image.convert("RGB").save(out, "JPEG", quality=QUALITY)
    return out.getvalue()


def over_white(image: Image.Image) -> Image.Image:
    """Straight alpha over exact white."""
    white = Image.new("RGBA", image.size, (255, 255, 255, 255))
    white.alpha_composite(image)
    return white


def on_white(cut: Image.Image, side: int) -> Image.Image:
    """The packshot that a few lines of Pillow make: cropped, scaled to FILL of the frame, in the middle of white."""
    box = cut.getchannel("A").point([0] * VEIL + [255] * (256 - VEIL)).getbbox()
    if box is None:
        raise ValueError("nothing was cut out")
    piece = cut.crop(box)
    by = FILL * side / max(piece.size)
    piece = piece.resize((max(1, round(piece.width * by)), max(1, round(piece.height * by))), Image.Resampling.LANCZOS)
    canvas = Image.new("RGBA", (side, side), (255, 255, 255, 255))
    canvas.alpha_composite(piece, ((side - piece.width) // 2, (side - piece.height) // 2))
    return canvas


def plain(rgba: Image.Image) -> Cut:
    """A peer's cut-out, set on white the short way."""
    return Cut(rgba, lambda: written(over_white(rgba), "png"), lambda side, kind: written(on_white(rgba, side), kind))


def opened(picture: bytes) -> Image.Image:
    """An upright RGB picture."""
    return ImageOps.exif_transpose(Image.open(io.BytesIO(picture))).convert("RGB")


def with_alpha(image: Image.Image, alpha: Image.Image) -> Image.Image:
    """The picture's own colours under an alpha."""
    return Image.merge("RGBA", (*image.split(), alpha))


def rembg(model: str, matting: bool) -> Cutter:
    """rembg as its README calls it: `remove(picture, session=...)`. OMP_NUM_THREADS=1 gives one ONNX thread."""
    library = import_module("rembg")
    session = library.new_session(model)

    def cut(picture: bytes, box: Box | None) -> Cut:
        image: Image.Image = library.remove(Image.open(io.BytesIO(picture)), session=session, alpha_matting=matting)
        return plain(image.convert("RGBA"))

    return cut


def grabcut() -> Cutter:
    """OpenCV's GrabCut, five rounds, from a box: the true one, or all but a margin."""
    cv2, np = import_module("cv2"), import_module("numpy")
    cv2.setNumThreads(1)

    def cut(picture: bytes, box: Box | None) -> Cut:
        image = opened(picture)
        wide, high = image.size
        left, top, right, bottom = box or (MARGIN, MARGIN, 1 - MARGIN, 1 - MARGIN)
        at = (round(left * wide), round(top * high))
        rect = (*at, max(1, round(right * wide) - at[0]), max(1, round(bottom * high) - at[1]))
        marks = np.zeros((high, wide), np.uint8)
        cv2.setRNGSeed(0)
        bgr = np.ascontiguousarray(np.asarray(image)[..., ::-1])
        cv2.grabCut(bgr, marks, rect, np.zeros((1, 65)), np.zeros((1, 65)), 5, cv2.GC_INIT_WITH_RECT)
        alpha = Image.fromarray(((marks & 1) * 255).astype(np.uint8))  # GC_FGD 1 and GC_PR_FGD 3 are odd
        return plain(with_alpha(image, alpha))

    return cut


def pillow() -> Cutter:
    """The naive pipeline: what is far from the border's median colour is product; softened by one pixel."""

    def cut(picture: bytes, box: Box | None) -> Cut:
        image = opened(picture)
        deep = max(1, round(BORDER * min(image.size)))
        inner = (deep, deep, image.width - deep, image.height - deep)
        border = Image.new("L", image.size, 255)
        border.paste(0, inner)
        levels = image.histogram(border)
        colour = tuple(median(levels[256 * n : 256 * n + 256]) for n in range(3))
        red, green, blue = ImageChops.difference(image, Image.new("RGB", image.size, colour)).split()
        far = ImageChops.lighter(red, ImageChops.lighter(green, blue)).point([0] * FAR + [255] * (256 - FAR))
        return plain(with_alpha(image, far.filter(ImageFilter.MedianFilter(5)).filter(ImageFilter.GaussianBlur(1))))

    return cut


def median(counts: list[int]) -> int:
    """The median level of a histogram."""
    seen, half = 0, sum(counts) / 2
    for level, count in enumerate(counts):
        seen += count
        if seen >= half:
            return level
    return 0


def packshot() -> Cutter:
    """The studio as it is shipped: numpy and Pillow alone. A file that it stored itself is taken as a cut-out."""
    studio, pictures = import_module("packshot.studio"), import_module("packshot.picture")
    import_module("packshot.studio.net").load(None)  # the weights

    def cut(picture: bytes, box: Box | None) -> Cut:
        stored = picture.startswith(b"\x89PNG")  # snapshots are JPEG
        image = None if stored else pictures.decode(picture)
        made = studio.Cutout.from_bytes(picture) if stored else studio.cut_out(image, box=box)

        def shot(preset: str, side: int, format: str) -> bytes:
            return bytes(studio.compose(made, studio.Shot(preset, side, side, format=format, quality=QUALITY)).data)

        def in_place() -> bytes:
            return bytes(studio.remove_background(image, made, background="white", format="png").data)

        rgba = with_alpha(Image.fromarray(made.rgb), Image.fromarray(made.alpha))
        return Cut(
            rgba,
            in_place,
            lambda side, kind: shot("amazon", side, kind),
            lambda side: shot("wood", side, "jpg"),
            made.to_bytes,
            {"confidence": made.confidence, "warnings": list(made.warnings)},
        )

    return cut


METHODS: dict[str, Callable[[], Cutter]] = {
    "packshot": packshot,
    "packshot-box": packshot,
    "rembg-u2netp": lambda: rembg("u2netp", False),
    "rembg-u2netp-matting": lambda: rembg("u2netp", True),
    "rembg-u2net": lambda: rembg("u2net", False),
    "rembg-u2net-matting": lambda: rembg("u2net", True),
    "grabcut": grabcut,
    "grabcut-box": grabcut,
    "pillow": pillow,
}


def send(out: BinaryIO, told: dict[str, Any], **parts: bytes) -> None:
    """One message."""
    out.write(json.dumps({**told, "parts": {name: len(part) for name, part in parts.items()}}).encode() + b"\n")
    out.writelines(parts.values())
    out.flush()


def receive(source: BinaryIO) -> tuple[dict[str, Any], dict[str, bytes]]:
    """One message; raises EOFError when there is none."""
    line = source.readline()
    if not line:
        raise EOFError
    told = json.loads(line)
    return told, {name: source.read(size) for name, size in told.pop("parts").items()}


def serve(name: str, out: BinaryIO) -> None:
    """Load the method, say so, cut until there is no more."""
    cut = METHODS[name]()
    send(out, {"ready": True})
    while True:
        try:
            asked, parts = receive(sys.stdin.buffer)
        except EOFError:
            return
        try:
            start = time.process_time()
            made = cut(parts["picture"], asked["box"])
            spent = time.process_time() - start
            packshots = {f"white_{format}": made.packshot(SIDE, format) for format in ("jpg", "png")}
            told = {**made.told, "cpu": spent, "size": list(made.rgba.size)}
            send(out, told, rgba=made.rgba.tobytes(), in_place=made.in_place(), **packshots)
        except Exception as error:  # noqa: BLE001 a method may fail on a picture; the table counts that
            send(out, {"failed": f"{type(error).__name__}: {error}"})


def once(name: str, file: Path, side: int, make: str, out: BinaryIO) -> None:
    """From a cold start: load, cut, make. Tells the CPU seconds after each, and the largest memory in MB."""
    cut = METHODS[name]()
    times = {"loaded": time.process_time()}
    made = cut(file.read_bytes(), None)
    times["cut"] = time.process_time()
    parts = {}
    if make == "white":
        parts["picture"] = made.packshot(side, "jpg")
    elif make == "scene" and made.scene is not None:
        parts["picture"] = made.scene(side)
    elif make == "stored" and made.stored is not None:
        parts["picture"] = made.stored()
    times["made"] = time.process_time()
    send(out, {**times, "peak_mb": peak_mb()}, **parts)


def peak_mb() -> float:
    """This process's own peak. ru_maxrss would count the memory of the process that started it."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("method", choices=METHODS)
    parser.add_argument("--once", type=Path)
    parser.add_argument("--side", type=int, default=SIDE)
    parser.add_argument("--make", choices=("nothing", "white", "scene", "stored"), default="nothing")
    parser.add_argument("--most-mb", type=int, help="address space, so that no method can starve the machine")
    parser.add_argument("--most-cpu", type=int, help="CPU seconds, after which the process is ended")
    asked = parser.parse_args()
    if asked.most_cpu:
        resource.setrlimit(resource.RLIMIT_CPU, (asked.most_cpu, asked.most_cpu + 1))
    if asked.most_mb:
        resource.setrlimit(resource.RLIMIT_AS, (asked.most_mb << 20,) * 2)
    with os.fdopen(os.dup(1), "wb") as out:
        os.dup2(2, 1)  # libraries may print
        if asked.once:
            once(asked.method, asked.once, asked.side, asked.make, out)
        else:
            serve(asked.method, out)


if __name__ == "__main__":
    main()
