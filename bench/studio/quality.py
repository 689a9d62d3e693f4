"""Every method on every labelled picture. A row per method and picture is kept; the table is made from rows alone.

A method that cuts nothing out, or fails, is compared as an empty cut-out: all methods are judged on the same pictures.
"""

from __future__ import annotations

import hashlib
import io
import json
import sys
from collections.abc import Callable, Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from bench.studio import metrics, white
from bench.studio.peers import Method, NotRun, Worker

SNAPSHOTS = Path(__file__).parent / "snapshots"

Row = dict[str, Any]
Rows = dict[str, dict[str, Row]]
"""Method, picture, row."""


def pictures(half: str, limit: int | None = None, folder: Path = SNAPSHOTS) -> list[dict[str, Any]]:
    """The manifest's entries of one half, in its order; empty without a manifest."""
    manifest = folder / "MANIFEST.json"
    if not manifest.exists():
        return []
    entries = json.loads(manifest.read_text())["pictures"]
    return [entry for entry in entries if entry["half"] == half][:limit]


def measure(
    methods: Iterable[Method], entries: list[dict[str, Any]], known: Rows, save: Callable[[], None]
) -> dict[str, str]:
    """Fill `known` with a row of each method for each picture, and call `save` after each picture; rows that are there
    stay. Returns why a method could not be run, by name. The order of the methods turns from picture to picture."""
    workers: list[Worker] = []
    reasons: dict[str, str] = {}
    for method in methods:
        try:
            if any(entry["id"] not in known.setdefault(method.name, {}) for entry in entries):
                workers.append(Worker(method))
        except NotRun as error:
            reasons[method.name] = str(error)
    for count, entry in enumerate(entries):
        turn = count % len(workers) if workers else 0
        for worker in workers[turn:] + workers[:turn]:
            rows = known[worker.method.name]
            if entry["id"] not in rows:
                rows[entry["id"]] = row(worker, entry)
        save()
        print(f"{count + 1}/{len(entries)} {entry['id']}", file=sys.stderr, flush=True)
    for worker in workers:
        worker.close()
    return reasons


def row(worker: Worker, entry: dict[str, Any], folder: Path = SNAPSHOTS) -> Row:
    """What one method made of one picture, measured."""
    photo = (folder / f"{entry['id']}.jpg").read_bytes()
    truth = np.asarray(Image.open(folder / f"{entry['id']}.png").convert("L"))
    told, parts = worker.cut(photo, entry["box"])
    made: Row = {"sha256": hashlib.sha256(photo).hexdigest(), "tags": entry["tags"]}
    if "failed" not in told and tuple(told["size"]) != truth.shape[::-1]:
        told = {"failed": f"the cut-out has another size than the picture: {told['size']}"}
    if "failed" in told:
        empty = np.zeros_like(truth)
        return {**made, "failed": told["failed"], **asdict(metrics.scores(empty, truth))}
    alpha = np.frombuffer(parts["rgba"], np.uint8).reshape(*truth.shape, 4)[..., 3]
    source = np.asarray(Image.open(io.BytesIO(photo)).convert("RGB"))
    in_place = np.asarray(Image.open(io.BytesIO(parts["in_place"])).convert("RGB"))
    verdicts = {format: white.judged(parts[f"white_{format}"]) for format in ("jpg", "png")}
    return {
        **made,
        **{name: told[name] for name in ("cpu", "confidence", "warnings") if name in told},
        **{name: round(value, 5) for name, value in asdict(metrics.scores(alpha, truth)).items()},
        "halo": round(metrics.halo(in_place, truth), 4),
        "fidelity": metrics.fidelity(source, in_place, alpha, truth),
        **{f"white_{format}": asdict(verdict) for format, verdict in verdicts.items()},
    }
