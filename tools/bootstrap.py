"""Put every tool this project needs inside the clone, pinned by uv.lock.

    python3 tools/bootstrap.py              everything
    python3 tools/bootstrap.py project sam  only those

    .tools/uv        uv itself
    .venv            the project: tests, checks, packshot-admin     (group dev)
    .tools/emulator  the local AWS                                  (group emulator)
    .tools/sam       the SAM command line                           (group sam)
    .tools/audit     checkov and parliament, for the template       (group audit)
    .tools/lambda    a bare interpreter, which runs the functions: what they import must come from a layer

Run it as often as you like: a room that matches the lock is left alone, which takes no measurable time.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TOOLS = ROOT / ".tools"
UV = TOOLS / "uv" / "bin" / "uv"
UV_VERSION = "0.13.8"
GROUPS = {
    "project": ("dev", ROOT / ".venv"),
    "emulator": ("emulator", TOOLS / "emulator"),
    "sam": ("sam", TOOLS / "sam"),
    "audit": ("audit", TOOLS / "audit"),
}
ROOMS = (*GROUPS, "lambda")
LOCKED = ("uv.lock", "tools/bootstrap.py")


def environment() -> dict[str, str]:
    """The caller's environment without what would hide the bytecode or point uv at somebody else's room."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in {"PYTHONDONTWRITEBYTECODE", "VIRTUAL_ENV", "PYTHONPATH"}
    }
    return {**kept, "UV_NO_PROGRESS": "1", "UV_PYTHON_DOWNLOADS": "never"}


def run(*command: str | Path, **extra: str) -> None:
    """Run one command in the clone and stop with its output when it fails."""
    done = subprocess.run(
        [str(part) for part in command], cwd=ROOT, env=environment() | extra, text=True, capture_output=True
    )
    if done.returncode:
        sys.exit(f"{' '.join(str(part) for part in command)}\n{done.stdout}{done.stderr}")


def stamp(name: str) -> str:
    """What a room is made from, in one word."""
    digest = hashlib.sha256(f"{sys.version} {ROOT}".encode())
    for file in [*LOCKED, "pyproject.toml"] if name == "project" else LOCKED:
        digest.update((ROOT / file).read_bytes())
    return digest.hexdigest()


def uv() -> None:
    """Install uv in a room of its own, unless the right one is there."""
    if UV.exists() and (TOOLS / "uv" / ".version").exists() and (TOOLS / "uv" / ".version").read_text() == UV_VERSION:
        return
    shutil.rmtree(TOOLS / "uv", ignore_errors=True)
    run(sys.executable, "-m", "venv", TOOLS / "uv")
    run(
        TOOLS / "uv" / "bin" / "python",
        "-m",
        "pip",
        "install",
        "-q",
        "--disable-pip-version-check",
        f"uv=={UV_VERSION}",
    )
    (TOOLS / "uv" / ".version").write_text(UV_VERSION)


def room(name: str) -> None:
    """Make one room agree with the lock."""
    folder = GROUPS[name][1] if name in GROUPS else TOOLS / name
    mark, wanted = folder / ".packshot-stamp", stamp(name)
    if mark.exists() and mark.read_text() == wanted:
        return
    print(f"preparing {folder.relative_to(ROOT)}", flush=True)
    if name == "lambda":
        run(UV, "venv", "-q", "--clear", "--python", sys.executable, folder)
    else:
        group = GROUPS[name][0]
        only = ["--only-group", group, "--no-install-project"] if name != "project" else []
        run(
            UV,
            "sync",
            "-q",
            "--frozen",
            "--compile-bytecode",
            "--python",
            sys.executable,
            *only,
            UV_PROJECT_ENVIRONMENT=str(folder),
        )
    mark.write_text(wanted)


def main(rooms: list[str]) -> None:
    """Make the named rooms, or all of them."""
    unknown = set(rooms) - set(ROOMS)
    if unknown:
        sys.exit(f"no such room: {', '.join(sorted(unknown))}; there are {', '.join(ROOMS)}")
    if sys.version_info < (3, 11):  # noqa: UP036 (this script may meet any Python)
        sys.exit("packshot needs Python 3.11 or newer")
    uv()
    for name in rooms or ROOMS:
        room(name)


if __name__ == "__main__":
    main(sys.argv[1:])
