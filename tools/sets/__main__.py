"""Make the plates of layers/imaging/packshot_sets again: photographs of empty sets, rendered from procedures.

    uv run tools/sets/__main__.py                            all of them
    uv run tools/sets/__main__.py --only oak-front-left      some of them
    uv run tools/sets/__main__.py --only oak-front-left --size 384 --target out/try    a quick look

Needs Python 3.11 (bpy 5.0.1 is built for it) and npm; sources.py says what comes from which registry and checks it.
Downloads and a PNG of every plate go to out/sets. Nothing of this is needed by the service.

recipes.py the plates as data · nodes.py, woods.py, stones.py, cloth.py, grounds.py what surfaces are made of ·
shapes.py, plants.py, props.py what stands on them · distance.py what lies behind · camera.py, light.py, scenes.py how
it is put together · shots.py, probe.py rendering and measuring · pack.py the files

Exposure and white balance are the grey card's: a card at the stand point is rendered in each set and comes out grey,
white paper there comes out at 0.92. A sweep is kept as a light field, 384 x 384 grey PNG of 16 bits (Pillow writes AVIF
with 8 only): linear light, `unit` = the floor at the stand point; multiply it by any colour and dither when enlarging.

3 CPU s a sweep, 52 to 270 another plate (wood takes the most samples), on two shared cores.
"""

# /// script
# requires-python = "==3.11.*"
# dependencies = ["bpy==5.0.1", "numpy==1.26.4", "pillow==13.0.0"]
# ///

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))

from PIL import Image  # noqa: E402
from sets import pack, probe, scenes, shots, sources  # noqa: E402
from sets.recipes import RECIPES, Recipe  # noqa: E402

FIELD = 384  # pixels of a sweep's light field


def main() -> None:
    """Render, develop, pack; print what each plate cost."""
    parser = argparse.ArgumentParser(description="Make the plates of the built-in studio's sets")
    parser.add_argument("--only", nargs="*", metavar="ID", help="these plates only")
    parser.add_argument("--work", type=Path, default=ROOT / "out/sets", help="where downloads and previews go")
    parser.add_argument("--target", type=Path, default=ROOT / "layers/imaging/packshot_sets")
    parser.add_argument("--size", type=int, default=1536, help="pixels a side")
    parser.add_argument("--samples", type=int, help="instead of the recipe's own number")
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    panoramas = sources.panoramas(args.work)
    args.target.mkdir(parents=True, exist_ok=True)
    total = 0.0
    for recipe in RECIPES:
        if not args.only or recipe.id in args.only:
            total += make(recipe, panoramas, args)
    size = pack.manifest(args.target, RECIPES)
    print(f"{size / 1e6:.2f} MB in all, {total:.0f} CPU s", flush=True)


def make(recipe: Recipe, panoramas: Path, args: argparse.Namespace) -> float:
    """One plate; returns its CPU seconds, the threads' sum."""
    began = time.process_time()
    stage = scenes.build(recipe, panoramas)
    shots.set_up(args.threads, seed=1)
    measured = probe.measure(stage, recipe.exposure)
    sweep = recipe.surface == "sweep"
    light = shots.shoot(FIELD if sweep else args.size, args.samples or recipe.samples)
    row = pack.describe(recipe, stage, measured, light)
    plate = pack.light_field(light, stage) if sweep else pack.develop(light, measured)
    Image.fromarray(pack.develop(light, measured)).save(args.work / f"{recipe.id}.png")
    size = pack.keep(args.target, recipe, row, plate, [each.id for each in RECIPES])
    cost = time.process_time() - began
    cast = f"card off grey by {measured.cast:.1%}"
    print(f"{recipe.id}: {size / 1000:.0f} KB, {cost:.0f} CPU s, {cast}", flush=True)
    return cost


if __name__ == "__main__":
    main()
