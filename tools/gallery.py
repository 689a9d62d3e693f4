"""Make docs/gallery: snapshots and what the studio makes of them, chosen to include what goes wrong.

    .venv/bin/python tools/gallery.py           all pictures, and their reports in docs/gallery/reports.json

What is said about each picture is written by hand in docs/gallery/README.md: somebody looked at it at full size.
"""

from __future__ import annotations

import io
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "layers/core"), str(ROOT / "layers/imaging")]

from PIL import Image  # noqa: E402

from packshot import studio, words  # noqa: E402
from packshot.picture import Picture, decode  # noqa: E402

GALLERY = ROOT / "docs/gallery"
PHOTOS, SNAPSHOTS = ROOT / "examples/photos", ROOT / "bench/studio/snapshots"
SIDE = 640  # pixels of a picture in the gallery; made at 1024
QUALITY = 80


@dataclass(frozen=True)
class Entry:
    """One pair: a snapshot, the words, a seed, and hints where they were needed."""

    name: str
    photo: str
    prompt: str
    seed: int = 1
    box: tuple[float, float, float, float] | None = None


ENTRIES = (
    Entry("perfume-white", "perfume.jpg", "pure white background"),
    Entry("perfume-dark-marble", "perfume.jpg", "on dark marble with a reflection"),
    Entry("shoe-sweep", "shoe.jpg", "studio, soft light from the left"),
    Entry("shoe-concrete", "shoe.jpg", "on concrete, light from the right"),
    Entry("cup-oak", "cup.jpg", "on an oak table"),
    Entry("cup-sage", "cup.jpg", "sage green background"),
    Entry("coffee-white-marble", "coffee.png", "on white marble"),
    Entry("coffee-walnut", "coffee.png", "on walnut"),
    Entry("handbag-plaster", "handbag.jpg", "on a plaster podium"),
    Entry("handbag-blush", "handbag.jpg", "blush backdrop, no shadow"),
    Entry("headphones-terrazzo", "headphones.jpg", "on terrazzo"),
    Entry("headphones-navy", "headphones.jpg", "navy backdrop, hard light"),
    Entry("lamp-oak", "lamp.jpg", "on an oak table, warm light"),
    Entry("lamp-white", "lamp.jpg", "pure white background"),
    Entry("teddy-christmas", "teddy.jpg", "christmas"),
    Entry("teddy-mustard", "teddy.jpg", "mustard backdrop"),
    Entry("chair-white", "chair.jpg", "pure white background"),
    Entry("chair-terracotta", "chair.jpg", "terracotta backdrop"),
    Entry("shoe-linen", "shoe.jpg", "flat lay on linen"),
    Entry("perfume-moss", "perfume.jpg", "on moss"),
)


def of_snapshots() -> tuple[Entry, ...]:
    """Pictures of the labelled set: the easy, the hard, and one with a hint."""
    known = {file.stem.partition("-")[2]: file.name for file in sorted(SNAPSHOTS.glob("*.jpg"))}
    wanted = (
        ("boots", "on white marble"), ("kettle", "charcoal backdrop with a reflection"),
        ("umbrella", "pure white background"), ("butter-dish", "powder blue backdrop"),
        ("beer-mug", "on slate"), ("bowl", "on oak"), ("slippers", "flat lay on linen"), ("mug", "studio"),
    )  # fmt: skip
    return tuple(
        Entry(f"{name}-{words.replace(' ', '-')}", known[name], words) for name, words in wanted if name in known
    )


def main() -> None:
    """Make every pair."""
    GALLERY.mkdir(parents=True, exist_ok=True)
    for old in GALLERY.glob("*.webp"):
        old.unlink()
    reports = {}
    for entry in (*ENTRIES, *of_snapshots()):
        folder = PHOTOS if (PHOTOS / entry.photo).exists() else SNAPSHOTS
        source = decode((folder / entry.photo).read_bytes())
        cutout = studio.cut_out(source, box=entry.box)
        reading = words.read(entry.prompt)
        shot = studio.Shot(reading.preset or "studio", 1024, 1024, entry.seed, "png", look=reading.look)
        made = studio.compose(cutout, shot)
        pair(source, made.data).save(GALLERY / f"{entry.name}.webp", quality=QUALITY, method=6)
        checks = [*(["low_confidence"] if cutout.confidence < studio.CHECK else []), *cutout.warnings]
        reports[entry.name] = {"prompt": entry.prompt, **made.report, "check": checks}
        print(entry.name, cutout.confidence, checks)
    (GALLERY / "reports.json").write_text(json.dumps(reports, indent=1) + "\n")


def pair(source: Picture, made: bytes) -> Image.Image:
    """Before and after, side by side."""
    frame = Image.new("RGB", (2 * SIDE, SIDE), (255, 255, 255))
    before = Image.fromarray(source.pixels[..., :3])
    before.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
    frame.paste(before, ((SIDE - before.width) // 2, (SIDE - before.height) // 2))
    after = Image.open(io.BytesIO(made)).convert("RGB").resize((SIDE, SIDE), Image.Resampling.LANCZOS)
    frame.paste(after, (SIDE, 0))
    return frame


if __name__ == "__main__":
    main()
