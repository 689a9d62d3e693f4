"""Make bench/studio/truth/: products rendered in the plates of tools/sets, and alone, in the same light.

    uv run tools/snapshots/truth.py          --work, --deb and --assets as for the snapshots
    uv run tools/snapshots/truth.py --only oak-front-left-boots

For each pair `<plate>-<product>-truth.jpg` shows the product in the set with its true shadow and reflection, and
`<plate>-<product>-product.png` the product alone with alpha: same camera, light, exposure and place in the frame.
A composite of the second over the plate can be compared with the first wherever the plate's floor is.
"""

# /// script
# requires-python = "==3.11.*"
# dependencies = ["bpy==5.0.1", "numpy==1.26.4", "pillow==13.0.0"]
# ///

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from pathlib import Path
from random import Random
from typing import Any

import bpy  # type: ignore[import-not-found]
import numpy as np
from mathutils import Matrix  # type: ignore[import-not-found]
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))

from sets import camera as cameras  # noqa: E402
from sets import pack, probe, scenes, shots  # noqa: E402
from sets import sources as set_sources  # noqa: E402
from sets.recipes import RECIPES  # noqa: E402
from snapshots import develop, models, sources  # noqa: E402
from snapshots.products import PRODUCTS  # noqa: E402

SIDE, SAMPLES, QUALITY = 768, 8, 92
PLATES = {
    "sweep-front-left": ("boots", "handbag", "teddy"),
    "oak-front-left": ("boots", "handbag", "teddy", "mug"),
    "dark-marble-front-left": ("boots", "handbag", "mug"),
    "linen-top-left": ("slippers", "scissors"),
}
FILL = 0.8  # of the box that the plate's stand allows


def stand(name: str, stage: scenes.Stage, rng: Random) -> tuple[list[Any], float]:
    """The product at the stage's stand point, as large as its box allows; its parts and its size in metres."""
    product = next(each for each in PRODUCTS if each.name == name)
    flat = stage.view.pitch == 90
    turn = product.front + (rng.uniform(-25, 25) if flat else -28)
    parts = models.put(product.model, product.size, turn, product.tip)
    if product.crease:
        models.sharpen(parts, product.crease)
    models.paint(parts, product.finish, rng, product.tint)
    cloud = models.points(parts)
    allowed = FILL * min(stage.wide, stage.view.box)
    small, large = 0.01, 3.0
    for _ in range(30):
        factor = (small * large) ** 0.5
        placed = cloud * factor + np.array([0, 0, stage.top])
        box = np.array([cameras.project(stage.camera, tuple(point)) for point in corners(placed)])
        small, large = (small, factor) if max(np.ptp(box, 0)) > allowed else (factor, large)
    models.move(parts, Matrix.Translation((0, 0, stage.top)) @ Matrix.Scale(small, 4))
    return parts, product.size * small


def corners(cloud: np.ndarray) -> np.ndarray:
    """The points that are outermost in some direction: few enough to project one by one."""
    ways = np.random.default_rng(0).normal(size=(200, 3))
    return np.asarray(cloud[np.unique((cloud @ ways.T).argmax(0))])


def alone(parts: list[Any], stage: scenes.Stage) -> None:
    """Hide the set from the camera; it goes on to throw light on the product."""
    for other in bpy.data.objects:
        if other not in parts and other is not stage.camera:
            other.visible_camera = False
    bpy.context.scene.render.film_transparent = True


def pair(plate: str, name: str, panoramas: Path, out: Path, scratch: Path, threads: int) -> dict[str, Any]:
    """Render both pictures; their row of the manifest."""
    recipe = next(each for each in RECIPES if each.id == plate)
    stage = scenes.build(recipe, panoramas)
    shots.set_up(threads, seed=1)
    measured = probe.measure(stage, recipe.exposure)
    parts, size = stand(name, stage, Random(f"truth-{name}"))  # noqa: S311
    row = pack.describe(recipe, stage, measured, np.ones((SIDE, SIDE, 3), np.float32))
    truth = pack.develop(shots.shoot(SIDE, SAMPLES), measured)
    alone(parts, stage)
    seen = develop.rays(scratch / f"{plate}-{name}.exr")
    cover = np.clip(seen[..., 3:], 0, 1)
    colour = pack.develop(seen[..., :3] / np.maximum(cover, 1e-3), measured)
    colour[cover[..., 0] == 0] = 0
    cut = np.dstack([colour, np.round(cover * 255).astype(np.uint8)])
    files = {"truth": out / f"{plate}-{name}-truth.jpg", "product": out / f"{plate}-{name}-product.png"}
    Image.fromarray(truth).save(files["truth"], "JPEG", quality=QUALITY, subsampling=0, optimize=True)
    Image.fromarray(cut).save(files["product"], "PNG", optimize=True)
    return {
        "id": f"{plate}-{name}",
        "plate": plate,
        "product": name,
        "metres": round(size, 3),
        "licence": "CC0-1.0",
        "floor": row["floor"],
        "stand": row["stand"],
        "sha256": {key: hashlib.sha256(file.read_bytes()).hexdigest() for key, file in files.items()},
    }


def listed(out: Path) -> dict[str, dict[str, Any]]:
    """The rows of the manifest that is there, by id."""
    file = out / "MANIFEST.json"
    return {row["id"]: row for row in json.loads(file.read_text())["pairs"]} if file.exists() else {}


def write(out: Path, rows: dict[str, dict[str, Any]]) -> None:
    """The manifest, ordered by id."""
    made = {"licence": "CC0-1.0", "made_by": "tools/snapshots/truth.py", "pairs": [rows[key] for key in sorted(rows)]}
    (out / "MANIFEST.json").write_text(json.dumps(made, indent=1) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--work", type=Path, default=ROOT / "out/snapshots")
    parser.add_argument("--out", type=Path, default=ROOT / "bench/studio/truth")
    parser.add_argument("--deb", type=Path)
    parser.add_argument("--assets", type=Path)
    parser.add_argument("--only", nargs="+", metavar="PLATE-PRODUCT")
    parser.add_argument("--threads", type=int, default=2)
    asked = parser.parse_args()
    asked.work.mkdir(parents=True, exist_ok=True)
    asked.out.mkdir(parents=True, exist_ok=True)
    models.FOLDER = sources.models(asked.work, asked.deb)
    panoramas = set_sources.panoramas(asked.work)
    for plate, names in PLATES.items():
        for name in names:
            if not asked.only or f"{plate}-{name}" in asked.only:
                row = pair(plate, name, panoramas, asked.out, asked.work, asked.threads)
                write(asked.out, listed(asked.out) | {row["id"]: row})
                print(row["id"], flush=True)


if __name__ == "__main__":
    main()
