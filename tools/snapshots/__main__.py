"""Make bench/studio/snapshots/ again: labelled snapshots of products with exact alpha, CC0.

    uv run tools/snapshots/__main__.py                        brings the inputs with apt-get and npm, renders all
    uv run tools/snapshots/__main__.py --deb FILE --assets FILE   uses packages you already have
    uv run tools/snapshots/__main__.py --only 7 31            renders these again

Blender (PyPI `bpy`, GPL-3.0) is a tool here: nothing of it gets into the pictures. It needs Python 3.11 exactly.
About 18 CPU seconds a picture.
"""

# /// script
# requires-python = "==3.11.*"
# dependencies = ["bpy==5.0.1", "numpy==1.26.4", "pillow==13.0.0"]
# ///

from __future__ import annotations

import argparse
import hashlib
import io
import json
import resource
import sys
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))

from snapshots import develop, models, scene, sources  # noqa: E402
from snapshots.products import PRODUCTS, Product  # noqa: E402

SEED = "snapshots-1"
CASES = {
    "hard": "hard-shadow", "white": "white-on-white", "black": "black-on-black", "crop": "touches-frame",
    "messy": "clutter", "off": "off-centre", "high": "from-above", "several": "several-products",
}  # fmt: skip


def plan() -> list[tuple[int, Product, str]]:
    """Number, product and case of every picture: first one of each product, then the second, and so on."""
    rounds = max(len(product.cases) for product in PRODUCTS)
    order = [(product, product.cases[k]) for k in range(rounds) for product in PRODUCTS if k < len(product.cases)]
    return [(number, *entry) for number, entry in enumerate(order, 1)]


def cpu() -> float:
    """CPU seconds of this process so far."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def true_box(alpha: np.ndarray) -> list[float]:
    """Left, top, right, bottom of what is more than half covered, as shares of the picture."""
    rows, columns = np.nonzero((alpha > 127).any(1))[0], np.nonzero((alpha > 127).any(0))[0]
    height, width = alpha.shape
    edges = columns[0] / width, rows[0] / height, (columns[-1] + 1) / width, (rows[-1] + 1) / height
    return [round(float(edge), 4) for edge in edges]


def take(
    number: int, product: Product, case: str, hdris: list[Path], out: Path, scratch: Path, threads: int
) -> dict[str, Any]:
    """Render one snapshot and its alpha; its row of the manifest."""
    rng = Random(f"{SEED}-{number}-{product.name}-{case}")  # noqa: S311
    shot = scene.build(product, case, rng, hdris)
    develop.settings(shot.frame.width, shot.frame.height, threads)
    linear = develop.rays(scratch / f"{number}.exr")[..., :3]
    alpha = develop.alpha(shot.others, shot.box, scratch / f"{number}-alpha.exr")
    jpeg, done = develop.phone(linear, rng, case)
    png = io.BytesIO()
    Image.fromarray(alpha).save(png, "PNG", optimize=True)
    name = f"{number:03d}-{product.name}"
    (out / f"{name}.jpg").write_bytes(jpeg)
    (out / f"{name}.png").write_bytes(png.getvalue())
    row = {
        "id": name,
        "product": product.name,
        "model": product.model,
        "source": "own" if product.model.startswith("own:") else sources.MODELS.package,
        "licence": "CC0-1.0",
        "half": product.half,
        "tags": sorted({CASES.get(case, case), *product.tags}),
        "surface": shot.surface,
        "pitch": round(shot.pitch, 1),
        "size": [shot.frame.width, shot.frame.height],
        "box": true_box(alpha),
        "sha256": {"jpg": hashlib.sha256(jpeg).hexdigest(), "png": hashlib.sha256(png.getvalue()).hexdigest()},
    }
    return row | done


def listed(out: Path) -> dict[str, dict[str, Any]]:
    """The rows of the manifest that is there, by id."""
    file = out / "MANIFEST.json"
    return {row["id"]: row for row in json.loads(file.read_text())["pictures"]} if file.exists() else {}


def write(out: Path, rows: dict[str, dict[str, Any]]) -> None:
    """The manifest, ordered by number."""
    manifest = {
        "about": "Snapshots of products, rendered for this project, with exact alpha; glass counts as solid.",
        "licence": "CC0-1.0",
        "renderer": "Blender Cycles (PyPI bpy 5.0.1), a tool only",
        "sources": [source._asdict() for source in (sources.MODELS, sources.LIGHT)],
        "pictures": [rows[key] for key in sorted(rows)],
    }
    (out / "MANIFEST.json").write_text(json.dumps(manifest, indent=1) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--work", type=Path, default=ROOT / "out/snapshots", help="folder of inputs and scratch files")
    parser.add_argument("--out", type=Path, default=ROOT / "bench/studio/snapshots")
    parser.add_argument("--deb", type=Path, help="sweethome3d-furniture, already downloaded")
    parser.add_argument("--assets", type=Path, help="@pmndrs/assets as .tgz, already downloaded")
    parser.add_argument("--only", type=int, nargs="+", help="numbers of pictures")
    parser.add_argument("--missing", action="store_true", help="only pictures that are not there yet")
    parser.add_argument("--threads", type=int, default=2)
    asked = parser.parse_args()
    asked.work.mkdir(parents=True, exist_ok=True)
    asked.out.mkdir(parents=True, exist_ok=True)
    models.FOLDER = sources.models(asked.work, asked.deb)
    hdris = sources.hdris(asked.work, asked.assets)
    for number, product, case in plan():
        name = f"{number:03d}-{product.name}"
        if (asked.only and number not in asked.only) or (asked.missing and name in listed(asked.out)):
            continue
        start = cpu()
        row = take(number, product, case, hdris, asked.out, asked.work, asked.threads)
        write(asked.out, listed(asked.out) | {name: row})
        print(f"{name} {case}: {cpu() - start:.1f} CPU s, box {row['box']}", flush=True)


if __name__ == "__main__":
    main()
