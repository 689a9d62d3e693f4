"""What composing takes at 4K, measured in a child process: a peak is a peak of the whole process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.studio import stand_in

ROOT = Path(__file__).resolve().parents[3]
MOST = 600  # MB: the largest resident set, with the interpreter, numpy, a cut-out of 4096 x 4096 and the finished file
CHILD = """
import sys
from pathlib import Path
import numpy as np
from packshot.studio import Cutout, Look, Shot, compose

side = 4096
alpha = np.zeros((side, side), np.uint8)
alpha[100:-100, 300:-300] = 255
alpha[99, 300:-300] = 120
rgb = np.full((side, side, 3), 120, np.uint8)
rgb[::7] = 90
cutout = Cutout(rgb, alpha, (300, 99, side - 300, side - 100), 1.0)
look = Look(reflection=True) if sys.argv[1] == "oak" else Look()
made = compose(cutout, Shot(sys.argv[1], side, side, format=sys.argv[2], look=look), folder=Path(sys.argv[3]))
assert made.report["delta_e_max"] == 0 and len(made.data) > 100_000
status = Path("/proc/self/status").read_text()  # Linux, as Lambda is; ru_maxrss counts the parent's memory, too
print(int(status.partition("VmHWM:")[2].split()[0]) // 1024)
"""


@pytest.mark.parametrize("preset, format", [("studio", "jpg"), ("oak", "jpg"), ("oak", "png"), ("white", "jpg")])
def test_a_4k_picture_of_a_4k_product_stays_under_600_mb(preset: str, format: str) -> None:
    paths = os.pathsep.join([str(ROOT / "layers/core"), str(ROOT / "layers/imaging")])
    done = subprocess.run(
        [sys.executable, "-c", CHILD, preset, format, str(stand_in.folder())],
        env={"PYTHONPATH": paths, "OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert 100 < int(done.stdout) < MOST
