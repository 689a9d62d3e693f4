"""The inputs of the snapshots: where they come from, their versions, licences and sha256.

Both come from registries and are CC0: 3-D models from a Debian package, light from an npm package.
The Debian package holds five archives of models; only `BlendSwap-CC-0.sh3f` is CC0 and only that one is opened.
"""

from __future__ import annotations

import base64
import hashlib
import io
import re
import subprocess
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple


class Source(NamedTuple):
    """One package and the member taken from it."""

    registry: str
    package: str
    version: str
    licence: str
    sha256: str
    member: str
    member_sha256: str | None


MODELS = Source(
    registry="Debian",
    package="sweethome3d-furniture",
    version="1.8-1",
    licence="CC0-1.0",
    sha256="3ccb90c63f9525e887a767b9cd5c8b6933b8b6b2973a615a5359ee68a2118668",
    member="usr/share/sweethome3d/furniture/BlendSwap-CC-0.sh3f",
    member_sha256="7ef093fe70cedbb160bdb532d86a84580459635e34130c16777f549eba1993dc",
)
LIGHT = Source(
    registry="npm",
    package="@pmndrs/assets",
    version="1.7.0",
    licence="CC0-1.0",
    sha256="152bd218a3390703f184f0c6ce16e73c8f0a87f32d38530d418a09d33d8208dc",
    member="package/hdri/*.exr.js",
    member_sha256=None,
)
GET_MODELS = ["apt-get", "download", f"{MODELS.package}={MODELS.version}"]
GET_LIGHT = ["npm", "pack", "--silent", f"{LIGHT.package}@{LIGHT.version}"]


def checked(data: bytes, sha256: str, name: str) -> bytes:
    """The data again. `SystemExit` if its sha256 is another."""
    found = hashlib.sha256(data).hexdigest()
    if found != sha256:
        raise SystemExit(f"{name} has sha256 {found}, expected {sha256}")
    return data


def download(command: list[str], folder: Path, pattern: str) -> Path:
    """Run a registry's own client in `folder`; the file it brought. `SystemExit` if there is none."""
    if not any(folder.glob(pattern)):
        subprocess.run(command, cwd=folder, check=True)
    brought = sorted(folder.glob(pattern))
    if not brought:
        raise SystemExit(f"{' '.join(command)} brought no {pattern}")
    return brought[0]


def ar_members(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Name and content of each member of an `ar` archive, which a .deb is."""
    at = len(b"!<arch>\n")
    while at + 60 <= len(data):
        name, size = data[at : at + 16].decode().strip().rstrip("/"), int(data[at + 48 : at + 58])
        yield name, data[at + 60 : at + 60 + size]
        at += 60 + size + size % 2


def from_deb(deb: bytes, member: str) -> bytes:
    """One file out of a Debian package. `SystemExit` if it is not there."""
    for name, content in ar_members(deb):
        if name.startswith("data.tar"):
            with tarfile.open(fileobj=io.BytesIO(content)) as archive:
                taken = archive.extractfile(f"./{member}")
                if taken:
                    return taken.read()
    raise SystemExit(f"no {member} in the Debian package")


def models(folder: Path, deb: Path | None) -> Path:
    """The folder of unpacked CC0 models, each a folder with an .obj and an .mtl."""
    target = folder / "models"
    if not (target / "LICENSE.TXT").exists():
        path = deb or download(GET_MODELS, folder, f"{MODELS.package}_*.deb")
        archive = from_deb(checked(path.read_bytes(), MODELS.sha256, path.name), MODELS.member)
        with zipfile.ZipFile(io.BytesIO(checked(archive, str(MODELS.member_sha256), MODELS.member))) as opened:
            opened.extractall(target)  # noqa: S202 - the archive is the pinned one
    return target / "blendswap-cc-0"


def hdris(folder: Path, tarball: Path | None) -> list[Path]:
    """The 18 HDRIs of 512x256 as .exr files, by name."""
    target = folder / "hdri"
    if not target.exists():
        path = tarball or download(GET_LIGHT, folder, "pmndrs-assets-*.tgz")
        data = checked(path.read_bytes(), LIGHT.sha256, path.name)
        target.mkdir(parents=True)
        with tarfile.open(fileobj=io.BytesIO(data)) as archive:
            for entry in archive:
                name = re.fullmatch(r"package/hdri/(\w+\.exr)\.js", entry.name)
                script = archive.extractfile(entry) if name else None
                if name and script:
                    (target / name[1]).write_bytes(base64.b64decode(script.read().split(b"base64,")[1].split(b"'")[0]))
    return sorted(target.glob("*.exr"))
