"""Fill one layer: what `sam build` runs through layers/*/Makefile.

    python3 tools/build_layer.py deps|imaging|core FOLDER

Needs no Docker and no interpreter of the target version: uv fetches the wheels that uv.lock names for the target
platform. For the cloud that is python3.13 on arm64, like the defaults of the template; the environment says otherwise:

    PACKSHOT_RUNTIME       python3.12
    PACKSHOT_ARCHITECTURE  x86_64
    PACKSHOT_HOST          1: for the interpreter and the platform that run this script (`make up`)

deps is cut to what the functions use: botocore describes 400 services in 20 MB, and reading such a description takes a
good part of a cold start.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))
import bootstrap

ROOT = bootstrap.ROOT
CACHE = ROOT / ".aws-sam" / "layers"
PLATFORMS = {"arm64": "aarch64-manylinux_2_28", "x86_64": "x86_64-manylinux_2_28"}
SOURCES = {
    "deps": [],
    "imaging": ["layers/imaging/packshot_weights", "layers/imaging/packshot_sets"],
    "core": ["layers/core/packshot"],
}

# The services that packages and functions talk to; "s3" also signs URLs.
SERVICES = {"dynamodb", "events", "kms", "s3", "secretsmanager", "sqs", "stepfunctions"}
ENDPOINTS = {"dynamodb", "streams.dynamodb", "events", "kms", "s3", "secretsmanager", "sqs", "states", "sts"}
# Of a large service only these operations; a service that is not named keeps all of its own.
OPERATIONS = {
    "dynamodb": {
        "BatchGetItem",
        "BatchWriteItem",
        "DeleteItem",
        "DescribeTable",
        "GetItem",
        "PutItem",
        "Query",
        "Scan",
        "TransactGetItems",
        "TransactWriteItems",
        "UpdateItem",
    },
}
# AWS's endpoints are signed under these; loading all 126 roots of the bundle is a tenth of a cold start.
AUTHORITIES = ("Amazon Root", "Starfield", "DigiCert", "Baltimore")
# Parts of packages that no function imports.
UNUSED = (
    "bin",
    "boto3/data",
    "boto3/examples",
    "numpy/_core/include",
    "numpy/_core/lib",
    "numpy/f2py",
    "numpy/random/lib",
    "numpy.libs/__pycache__",
    "pydantic/v1",
)
UNUSED_PATTERNS = (
    "**/tests",
    "**/__pycache__",
    "**/*.pyi",
    "**/*.c",
    "**/*.h",
    "**/*.pyx",
    "**/*.pxd",
    "**/*.a",
    "*.dist-info/RECORD",
)


def target() -> tuple[str, str]:
    """Minor version of Python and uv's name for the platform; the platform is empty on the host itself."""
    if os.environ.get("PACKSHOT_HOST"):
        return f"{sys.version_info.major}.{sys.version_info.minor}", ""
    runtime = os.environ.get("PACKSHOT_RUNTIME") or "python3.13"
    architecture = os.environ.get("PACKSHOT_ARCHITECTURE") or "arm64"
    if architecture not in PLATFORMS or not runtime.startswith("python3."):
        sys.exit(f"cannot build for {runtime} on {architecture}")
    return runtime.removeprefix("python"), PLATFORMS[architecture]


def fingerprint(layer: str, minor: str, platform: str) -> str:
    """Everything that decides what the layer holds, in one word."""
    digest = hashlib.sha256(f"{layer} {minor} {platform or sys.version}".encode())
    for name in ["uv.lock", "tools/build_layer.py", *SOURCES[layer]]:
        path = ROOT / name
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file() and "__pycache__" not in file.parts:
                digest.update(f"{file.relative_to(ROOT)}\0".encode() + file.read_bytes())
    return digest.hexdigest()[:20]


def install(group: str, folder: Path, minor: str, platform: str) -> None:
    """Install one dependency group of the lock, with its hashes, as wheels."""
    bootstrap.uv()
    with tempfile.TemporaryDirectory() as scratch:
        wanted = Path(scratch) / "requirements.txt"
        bootstrap.run(
            bootstrap.UV, "export", "-q", "--frozen", "--only-group", group, "--no-emit-project", "-o", wanted
        )
        where = ["--python-platform", platform] if platform else []
        bootstrap.run(
            bootstrap.UV, "pip", "install", "-q", "--target", folder, "--python", sys.executable,
            "--python-version", minor, *where, "--only-binary", ":all:", "--no-deps", "--require-hashes", "-r", wanted,
        )  # fmt: skip


def trim(folder: Path) -> None:
    """Remove what no function imports."""
    for pattern in (*UNUSED, *UNUSED_PATTERNS):
        for path in list(folder.glob(pattern)):
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def load(path: Path) -> Any:
    """Read one of botocore's files, packed or not."""
    return json.loads(gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes())


def without_prose(value: Any) -> Any:
    """A service description without its documentation. Only that of the client's own parameters is ever read."""
    if isinstance(value, dict):
        return {
            key: item if key == "clientContextParams" else without_prose(item)
            for key, item in value.items()
            if not (key == "documentation" and isinstance(item, str))
        }
    return [without_prose(item) for item in value] if isinstance(value, list) else value


def cut_operations(model: dict[str, Any], wanted: set[str]) -> dict[str, Any]:
    """A service description with these operations, and only the shapes that they can reach."""
    missing = wanted - set(model["operations"])
    if missing:
        sys.exit(f"botocore does not know {', '.join(sorted(missing))}")
    operations = {name: operation for name, operation in model["operations"].items() if name in wanted}
    reached: set[str] = set()

    def walk(value: Any) -> None:
        if isinstance(value, dict):
            shape = value.get("shape")
            if isinstance(shape, str) and shape not in reached:
                reached.add(shape)
                walk(model["shapes"][shape])
            for item in value.values():
                walk(item)
        elif isinstance(value, list):
            for item in value:
                walk(item)

    walk(operations)
    return {
        **model,
        "operations": operations,
        "shapes": {name: shape for name, shape in model["shapes"].items() if name in reached},
    }


def cut_botocore(folder: Path) -> None:
    """Keep the description of the services in use, unpacked, and their endpoints."""
    data = folder / "botocore" / "data"
    for entry in list(data.iterdir()):
        if entry.is_dir() and entry.name not in SERVICES:
            shutil.rmtree(entry)
    absent = SERVICES - {entry.name for entry in data.iterdir()}
    if absent:
        sys.exit(f"botocore has no data for {', '.join(sorted(absent))}")
    for path in [*data.rglob("*.json"), *data.rglob("*.json.gz")]:
        if path.name.startswith("examples"):
            path.unlink()
            continue
        content = without_prose(load(path))
        service = path.parent.parent.name
        if path.name.startswith("service-2") and service in OPERATIONS:
            content = cut_operations(content, OPERATIONS[service])
        if path.name.startswith("endpoints.json"):
            for partition in content["partitions"]:
                partition["services"] = {name: at for name, at in partition["services"].items() if name in ENDPOINTS}
        path.unlink()
        path.with_name(path.name.removesuffix(".gz")).write_text(json.dumps(content, separators=(",", ":")))
    cut_roots(folder / "botocore" / "cacert.pem")


def cut_roots(bundle: Path) -> None:
    """Keep the authorities that AWS uses; a proxy's own still comes with AWS_CA_BUNDLE, as everywhere."""
    entries = re.split(r"(?=^# Issuer:)", bundle.read_text(), flags=re.MULTILINE)
    kept = [entry for entry in entries if re.search(rf'^# Label: "({"|".join(AUTHORITIES)})', entry, re.MULTILINE)]
    if len(kept) < 10:
        sys.exit("botocore's bundle of roots has another form than expected")
    bundle.write_text("".join(kept))


def interpreter(minor: str) -> str | None:
    """An interpreter of the target version, if this machine has one."""
    if minor == f"{sys.version_info.major}.{sys.version_info.minor}":
        return sys.executable
    found = shutil.which(f"python{minor}")
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    candidates = [Path(found)] if found else []
    for python in [*candidates, *sorted(pyenv.glob(f"{minor}.*/bin/python{minor}"))]:
        asked = subprocess.run(
            [python, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"], text=True, capture_output=True
        )
        if asked.stdout.strip() == minor:
            return str(python)
    return None


def compile_all(folder: Path, minor: str) -> None:
    """Put bytecode beside the source. It is never checked against it: a zip gives every file a new date."""
    python = interpreter(minor)
    if python is None:
        print(
            f"note: no Python {minor} here, so the layer carries no bytecode and starts about twice as slowly",
            file=sys.stderr,
        )
        return
    bootstrap.run(
        python,
        "-m",
        "compileall",
        "-q",
        "--invalidation-mode",
        "unchecked-hash",
        "-s",
        folder,
        "-p",
        "/opt/python",
        folder,
    )


def fill(layer: str, folder: Path, minor: str, platform: str) -> None:
    """Make the content of one layer."""
    folder.mkdir(parents=True)
    if layer in {"deps", "imaging"}:
        install(layer, folder, minor, platform)
        trim(folder)
    if layer == "deps":
        cut_botocore(folder)
    for source in SOURCES[layer]:
        if (ROOT / source).is_dir():
            shutil.copytree(ROOT / source, folder / Path(source).name, ignore=shutil.ignore_patterns("__pycache__"))
    compile_all(folder, minor)


def main(layer: str, artifacts: str) -> None:
    """Fill a layer once for each state of its sources, and hand out copies."""
    minor, platform = target()
    if layer == "core":
        platform = "any"
    kept = CACHE / f"{layer}-{fingerprint(layer, minor, platform)}"
    if not kept.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE) as scratch:
            made = Path(scratch) / "layer"
            fill(layer, made / "python", minor, platform)
            for old in CACHE.glob(f"{layer}-*"):
                if len(list(CACHE.glob(f"{layer}-*"))) > 3:
                    shutil.rmtree(old, ignore_errors=True)
            if not kept.exists():
                made.rename(kept)
    shutil.copytree(kept, artifacts, dirs_exist_ok=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
