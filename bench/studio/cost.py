"""What a picture costs: CPU seconds, peak memory, the first picture of a cold process, megabytes to install.

Each number is of a process of its own, from its start to its end (os.wait4), with one thread; wall time is not taken.
The peak is the process's own high-water mark, told by itself before it ends: ru_maxrss would hold that of its parent.
"""

from __future__ import annotations

import io
import os
import signal
import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path
from statistics import median
from typing import Any
from unittest import mock

from PIL import Image

from bench.studio import peer_worker, peers
from bench.studio.peers import Method

import build_layer  # isort: skip  tools/ is put on the path by peers

SIDES = (1024, 2048, 4096)
ROUNDS = 3
LAMBDA_MB = 10_240
"""The most memory that an AWS Lambda function can be given; a process may not take more address space."""
PATIENCE = 600  # CPU seconds


def photo(file: Path, side: int) -> bytes:
    """A snapshot enlarged to a longer side: the content stays, the pixels become more."""
    image = Image.open(file).convert("RGB")
    by = side / max(image.size)
    out = io.BytesIO()
    image.resize((round(image.width * by), round(image.height * by)), Image.Resampling.LANCZOS).save(
        out, "JPEG", quality=90
    )
    return out.getvalue()


def once(method: Method, file: Path, side: int, make: str) -> tuple[dict[str, Any], bytes]:
    """One cold process: CPU seconds in all (`cpu`), when `loaded`, after the `cut`, when `made`, `peak_mb`; and what it
    made. `{"failed": reason}` where it broke or took too long."""
    limits = ("--most-mb", str(LAMBDA_MB), "--most-cpu", str(PATIENCE))
    line = peers.command(method, "--once", str(file), "--side", str(side), "--make", make, *limits)
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(line, env=peers.environment(), stdout=out, stderr=errors)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode == -signal.SIGXCPU:
            return {"failed": f"not done after {PATIENCE} CPU s"}, b""
        if process.returncode:
            errors.seek(0)
            said = errors.read().decode(errors="replace").strip().splitlines() or [f"ended with {process.returncode}"]
            return {"failed": said[-1][-200:]}, b""
        out.seek(0)
        told, parts = peer_worker.receive(out)
    return {**told, "cpu": usage.ru_utime + usage.ru_stime}, parts.get("picture", b"")


def by_size(methods: Iterable[Method], snapshot: Path) -> dict[str, dict[str, Any]]:
    """For each method and side: a packshot on white from a cold process; for ours also a set, and both from a stored
    cut-out, which is what a second picture of the same product costs."""
    found: dict[str, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory() as scratch:
        for side in SIDES:
            file = Path(scratch) / f"{side}.jpg"
            file.write_bytes(photo(snapshot, side))
            for method in methods:
                if method.boxed:
                    continue
                found.setdefault(method.name, {})[str(side)] = once(method, file, side, "white")[0]
                if method.own:
                    stored = Path(scratch) / f"{side}.png"
                    stored.write_bytes(once(method, file, side, "stored")[1])
                    again = {"scene": (file, "scene"), "again": (stored, "white"), "scene again": (stored, "scene")}
                    for what, (start, make) in again.items():
                        name = f"{method.name}, {what}"
                        found.setdefault(name, {})[str(side)] = once(method, start, side, make)[0]
    return found


def cold(methods: Iterable[Method], snapshot: Path) -> dict[str, dict[str, Any]]:
    """Import, weights, first cut-out of a fresh process: median CPU seconds of interleaved rounds, when the method was
    loaded and in all. What a first import compiles and caches is there already."""
    ready = [method for method in methods if not method.boxed]
    spent: dict[str, list[dict[str, Any]]] = {method.name: [] for method in ready}
    for _ in range(ROUNDS):
        for method in ready:
            spent[method.name].append(once(method, snapshot, peer_worker.SIDE, "nothing")[0])
    found: dict[str, dict[str, Any]] = {}
    for name, runs in spent.items():
        broken = [run["failed"] for run in runs if "failed" in run]
        medians = {} if broken else {key: median(run[key] for run in runs) for key in ("loaded", "cpu", "peak_mb")}
        found[name] = {"failed": broken[0]} if broken else medians
    return found


def first_imports(methods: Iterable[Method], snapshot: Path) -> dict[str, float]:
    """CPU seconds of the very first process of a room, which compiles what later ones read from a cache; only of rooms
    that have not run yet. Every room is warm afterwards."""
    spent = {}
    for method in {method.room: method for method in methods if not method.own}.values():
        mark = peers.FOLDER / method.room / ".warm"
        if not mark.exists():
            told, _ = once(method, snapshot, peer_worker.SIDE, "nothing")
            if "failed" not in told:
                mark.touch()
                spent[method.room] = told["cpu"]
    return spent


def package_mb(methods: Iterable[Method]) -> dict[str, float]:
    """MB (1,000,000 bytes) without bytecode: of a peer its room and weights; ours is the imaging layer as it is built
    for x86_64, which carries model and sets but no onnxruntime."""
    sizes = {method.name: peers.installed_mb(method) for method in methods if not method.own}
    with tempfile.TemporaryDirectory() as scratch, mock.patch.dict(os.environ, PACKSHOT_ARCHITECTURE="x86_64"):
        layer = Path(scratch) / "imaging"
        build_layer.main("imaging", str(layer))
        return {peers.OWN: peers.folder_bytes(layer) / 1e6, **sizes}
