"""Is it still the same product? A finished picture, whoever made it, is compared with the product it was made from.

    fidelity = examine(cutout, picture)      found, aligned and measured: outline, colours, marks
    verdict(fidelity, "strict")              "same", "check" or "changed"

Pure functions of pixels: no clock, no network, no environment. docs/fidelity.md says how it is measured and what it
cannot see.
"""

from __future__ import annotations

from packshot.fidelity.examine import examine
from packshot.fidelity.gates import verdict
from packshot.fidelity.values import Fidelity

__all__ = ["Fidelity", "examine", "verdict"]
