"""The studio against its peers, in one command:

    .venv/bin/python -m bench.studio [--half reporting|tuning] [--limit N] [--only METHOD ...] [--markdown FILE]

    --reuse     measure no picture again that the same version of a method has been measured on
    --parts     only these of quality, cost, truth

What is not measured is taken from out/bench/studio.json, if it is there and of the same version.

The rooms of the peers are made when they are missing (about 400 MB to fetch, 1.3 GB on disk). Results go to
out/bench/studio.json, after every picture, and to standard output; `--markdown` puts them on a page too.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

from bench.studio import cost, peers, quality, table, truth
from bench.studio.peers import METHODS, Method

RESULTS = peers.ROOT / "out" / "bench" / "studio.json"
PARTS = ("quality", "cost", "truth")


def arguments() -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(prog="bench.studio", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--half", choices=("reporting", "tuning"), default="reporting")
    parser.add_argument("--limit", type=int, metavar="N", help="only the first N pictures")
    parser.add_argument("--only", nargs="+", metavar="METHOD", choices=[method.name for method in METHODS])
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--reuse", action="store_true")
    parser.add_argument("--markdown", type=Path, metavar="FILE")
    return parser.parse_args()


def machine() -> dict[str, Any]:
    """What the numbers were measured on."""
    known = Path("/proc/cpuinfo")
    names = [line for line in known.read_text().splitlines() if line.startswith("model name")] if known.exists() else []
    return {
        "cpu": names[0].partition(":")[2].strip() if names else platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "load": os.getloadavg()[0],
        "python": platform.python_version(),
        "numpy": version("numpy"),
        "pillow": version("pillow"),
    }


def known(old: dict[str, Any]) -> dict[str, Any]:
    """What an earlier run measured of versions that are still the same."""
    same = [method for method in METHODS if old.get("versions", {}).get(method.name) == method.version()]
    names = {method.name for method in same}
    kept: dict[str, Any] = {"quality": {name: rows for name, rows in old.get("quality", {}).items() if name in names}}
    for part in ("cost", "cold", "package"):
        kept[part] = {name: value for name, value in old.get(part, {}).items() if name.partition(", ")[0] in names}
    kept["first"] = old.get("first", {})
    if peers.OWN in names and "truth" in old:
        kept["truth"] = old["truth"]
    return kept


def forget(rows: quality.Rows, methods: list[Method], entries: list[dict[str, Any]], everything: bool) -> None:
    """Drop rows that are to be measured again: those of pictures that have changed, or `everything` that was asked."""
    for own in (rows.get(method.name, {}) for method in methods):
        for entry in entries:
            row = own.get(entry["id"])
            if row and (everything or row["sha256"] != entry["sha256"]["jpg"]):
                del own[entry["id"]]


def save(results: dict[str, Any]) -> None:
    """Write the results in one step, so that a broken run leaves a whole file."""
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    fresh = RESULTS.with_suffix(".new")
    fresh.write_text(json.dumps(results, indent=1) + "\n")
    fresh.replace(RESULTS)


def main() -> None:
    asked = arguments()
    start = time.monotonic()
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    methods = [method for method in METHODS if not asked.only or method.name in asked.only]
    everything = quality.pictures(asked.half)
    entries = everything[: asked.limit]
    if not entries:
        sys.exit(f"no pictures of the {asked.half} half in {quality.SNAPSHOTS}")
    old = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    results = known(old)
    forget(results["quality"], methods, entries, "quality" in asked.parts and not asked.reuse)
    results |= {"half": asked.half, "of": len(everything), "pictures": [entry["id"] for entry in entries]}
    results |= {"methods": [method.name for method in methods], "machine": machine()}
    results["versions"] = {method.name: method.version() for method in METHODS}
    results["not_run"] = peers.prepare(methods)
    ready = [method for method in methods if method.name not in results["not_run"]]
    typical = quality.SNAPSHOTS / f"{entries[0]['id']}.jpg"
    results["first"] |= cost.first_imports(ready, typical)
    if "quality" in asked.parts:
        results["not_run"] |= quality.measure(ready, entries, results["quality"], lambda: save(results))
        ready = [method for method in ready if method.name not in results["not_run"]]
    if "cost" in asked.parts:
        results["cold"] |= cost.cold(ready, typical)
        results["package"] |= cost.package_mb(ready)
        results["cost"] |= cost.by_size(ready, typical)
    if "truth" in asked.parts:
        results["truth"] = truth.compare()
    results["machine"] = machine()
    for method in methods:
        if method.version() != results["versions"][method.name]:
            results["versions"][method.name] += f", changed to {method.version()} during the run"
    save(results)
    print(table.table(results))
    if asked.markdown:
        table.write(asked.markdown, table.table(results))
    print(f"{time.monotonic() - start:.0f} s in all; {RESULTS.relative_to(peers.ROOT)}", file=sys.stderr)


if __name__ == "__main__":
    main()
