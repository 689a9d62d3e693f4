"""What a cut-out takes at its peak, in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]

CHILD = """
import sys
from pathlib import Path
import numpy as np
from PIL import Image
from packshot.picture import Picture
from packshot.studio import cut_out
image = Image.open(sys.argv[1]).convert("RGB").resize((int(sys.argv[2]), int(sys.argv[3])))
made = cut_out(Picture(np.asarray(image)))
assert 0.02 < (made.alpha > 127).mean() < 0.6
status = Path("/proc/self/status").read_text()  # Linux, as Lambda is; ru_maxrss counts the parent's memory, too
print(int(status.partition("VmHWM:")[2].split()[0]) // 1024)
"""


@pytest.mark.parametrize("size, most", [((1024, 1024), 300), ((4000, 3000), 500)], ids=["1K", "12 megapixels"])
def test_the_peak_stays_below_its_budget(size: tuple[int, int], most: int) -> None:
    layers = [ROOT / "layers/core", ROOT / "layers/imaging"]
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(map(str, layers))}
    photo = ROOT / "examples/photos/shoe.jpg"
    command = [sys.executable, "-c", CHILD, str(photo), *map(str, size)]
    child = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600)
    assert child.returncode == 0, child.stderr
    assert 80 < int(child.stdout) <= most
