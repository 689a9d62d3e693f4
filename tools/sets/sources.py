"""What the plates are made from, and how it comes from the registries: nothing else is downloaded.

bpy 5.0.1             PyPI, GPL-3.0; a tool, it leaves nothing of its own in a picture; needs Python 3.11
@pmndrs/assets 1.7.0  npm, CC0-1.0; panoramas of 512 x 256 points as base64 in JavaScript, blurred far behind a set
"""

from __future__ import annotations

import base64
import hashlib
import subprocess
import tarfile
from pathlib import Path

PACKAGE = "@pmndrs/assets@1.7.0"
ARCHIVE = "pmndrs-assets-1.7.0.tgz"
SHA256 = "152bd218a3390703f184f0c6ce16e73c8f0a87f32d38530d418a09d33d8208dc"

SOURCES = [
    {"registry": "npm", "package": PACKAGE, "sha256": SHA256, "licence": "CC0-1.0", "use": "blurred backgrounds"},
]


def panoramas(work: Path) -> Path:
    """The folder of the package's panoramas as OpenEXR files; packs them with `npm pack` the first time.

    Raises ValueError when the package is not the one that was pinned, CalledProcessError when npm fails.
    """
    folder = work / "panoramas"
    if folder.exists():
        return folder
    work.mkdir(parents=True, exist_ok=True)
    archive = work / ARCHIVE
    if not archive.exists():
        subprocess.run(["npm", "pack", "--silent", PACKAGE, "--pack-destination", str(work)], check=True)  # noqa: S607
    if hashlib.sha256(archive.read_bytes()).hexdigest() != SHA256:
        raise ValueError(f"{archive} is not {PACKAGE}")
    unpacked = work / "panoramas.part"
    unpacked.mkdir(exist_ok=True)
    with tarfile.open(archive) as package:
        for member in package.getmembers():
            name = Path(member.name)
            if member.name.startswith("package/hdri/") and name.name.endswith(".exr.js"):
                source = package.extractfile(member)
                text = source.read().decode() if source else ""
                data = text.split("base64,", 1)[1].split("'", 1)[0].split('"', 1)[0]
                (unpacked / name.name.removesuffix(".js")).write_bytes(base64.b64decode(data))
    return unpacked.rename(folder)
