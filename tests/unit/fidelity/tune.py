"""Measure every variant of labelled snapshots, and print what the gates make of them.

    PYTHONPATH=. .venv/bin/python -m tests.unit.fidelity.tune FOLDER HALF OUT.jsonl

FOLDER holds MANIFEST.json with `pictures` (`id`, `half`, `product`), and for each picture id.jpg and its exact alpha
id.png. One line of JSON for each variant goes to OUT.jsonl; what is there already is not measured again.
"""

from __future__ import annotations

import json
import sys
import time
import zlib
from collections import Counter
from pathlib import Path

import numpy as np
from PIL import Image

from packshot.fidelity import Fidelity, examine, verdict
from packshot.picture import Picture
from packshot.studio import Cutout, cut_out
from tests.unit.fidelity.variants import CHANGED, SAME, cropped, jpeg, laid, relit, scene

FRAMES = ((800, 800), (960, 720), (720, 900))
MEASURES = ("silhouette", "lost", "colour_delta_e", "colour_moved", "marks", "added", "stretch", "found", "notes")


def products(folder: Path, half: str) -> list[tuple[str, np.ndarray, Cutout]]:
    """(id, the snapshot (rows, columns, 3), the product by its exact alpha) of one half."""
    found = []
    for one in json.loads((folder / "MANIFEST.json").read_text())["pictures"]:
        if one["half"] == half:
            photo = np.asarray(Image.open(folder / f"{one['id']}.jpg").convert("RGB"))
            alpha = Image.open(folder / f"{one['id']}.png")
            mask = np.asarray(alpha if alpha.mode == "L" else alpha.getchannel("A"))
            found.append((one["id"], photo, cut_out(Picture(np.dstack([photo, mask])))))
    return found


def alone(cutout: Cutout) -> np.ndarray:
    return cropped(np.dstack([cutout.rgb, cutout.alpha]))


def measure(folder: Path, half: str, out: Path) -> None:
    known = products(folder, half)
    done = (
        {(line["product"], line["kind"]) for line in map(json.loads, out.read_text().splitlines())}
        if out.exists()
        else set()
    )
    for n, (name, photo, cutout) in enumerate(known):
        other, behind = known[(n + 1) % len(known)][2], known[(n + 2) % len(known)][1]
        for kind in ("in_place", *SAME, *CHANGED, "other"):
            if (name, kind) in done:
                continue
            random = np.random.default_rng(zlib.crc32(f"{name} {kind}".encode()))
            ground = scene(random, *FRAMES[random.integers(3)], behind)
            if kind == "in_place":
                made = jpeg(relit(photo, *random.uniform(0.9, 1.1, 3).tolist()), 85)
            elif kind == "other":
                made = laid(alone(other), ground, float(random.uniform(0.4, 0.85)), (0.5, 0.9))
            else:
                made = {**SAME, **CHANGED}[kind](alone(cutout), random, ground)
            start = time.process_time()
            operation = "enhance" if kind == "in_place" else "generate"
            told = examine(cutout, Picture(made), operation=operation).to_report()
            line = {"product": name, "kind": kind, "seconds": round(time.process_time() - start, 2), **told}
            with out.open("a") as file:
                file.write(json.dumps(line) + "\n")


def table(lines: list[dict[str, object]]) -> str:
    """Kinds against verdicts of the strict and balanced gates."""
    count: dict[str, Counter[str]] = {}
    for line in lines:
        told = Fidelity(**{name: line[name] for name in MEASURES if name != "notes"}, notes=tuple(line["notes"]))
        for row in (
            line["kind"],
            "all that are the same" if line["kind"] in ("in_place", *SAME) else "all that are changed",
        ):
            count.setdefault(row, Counter())[verdict(told, "strict")] += 1
    rows = ["in_place", *SAME, "all that are the same", *CHANGED, "other", "all that are changed"]
    said = ("same", "check", "changed")
    body = [f"| {row} | " + " | ".join(str(count[row][word]) for word in said) + " |" for row in rows if row in count]
    return "\n".join(["| variant | same | check | changed |", "| --- | --- | --- | --- |", *body])


if __name__ == "__main__":
    measure(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]))
    print(table([json.loads(line) for line in Path(sys.argv[3]).read_text().splitlines()]))
