"""The cut-out of a picture is made once and kept beside the outputs, under the hash of the picture and of its hints."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from packshot import studio
from packshot.brief import Brief
from packshot.ports import Pictures
from packshot.steps.inputs import Input


@dataclass(frozen=True, slots=True)
class Cutouts:
    """Kept cut-outs. `weights` replaces the built-in model when given."""

    outputs: Pictures
    weights: Path | None = None

    def of(self, account: str, brief: Brief, source: Input) -> studio.Cutout:
        """The product of a picture. Raises studio.NothingFound."""
        digest = hashlib.sha256(source.data)
        if brief.box or brief.point:
            digest.update(repr((brief.box, brief.point)).encode())
        key = f"cutouts/{account}/{studio.ENGINE}/{digest.hexdigest()}"
        kept = self.outputs.get(key)
        if kept is not None:
            return studio.Cutout.from_bytes(kept)
        cutout = studio.cut_out(source.picture, weights=self.weights, box=brief.box, point=brief.point)
        self.outputs.put(key, cutout.to_bytes(), "application/octet-stream")
        return cutout
