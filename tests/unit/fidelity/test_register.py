"""A product laid at a known place is found there: roughly by the search, exactly by the finer steps."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from packshot.fidelity.product import Pose, product_of
from packshot.fidelity.register import finer, registered
from packshot.studio import Cutout
from packshot.studio.field import bounds
from tests.unit.fidelity.variants import texture


def farthest(one: Pose, two: Pose) -> float:
    """The largest distance in pixels between where two poses put the corners of a square around the product."""
    corners = np.array([[-0.4, 0.4, -0.4, 0.4], [-0.4, -0.4, 0.4, 0.4]])
    ends = [pose.turn @ corners + pose.place[:, None] for pose in (one, two)]
    return float(np.hypot(*(ends[0] - ends[1])).max())


@pytest.mark.parametrize(("angle", "mirrored"), [(4.0, False), (-17.0, False), (-5.0, True)])
def test_a_product_is_found_where_it_was_laid(angle: float, mirrored: bool, coffee: Cutout) -> None:
    box = bounds(coffee.alpha > 127) or (0, 0, 0, 0)
    longest = max(box[2] - box[0], box[3] - box[1])
    sine, cosine = np.sin(np.radians(angle)), np.cos(np.radians(angle))
    turn = np.array([[cosine, -sine], [sine, cosine]]) @ np.diag([-300.0 if mirrored else 300.0, 300.0])
    true = Pose(turn, np.array([330.0, 260.0]))
    step = np.linalg.inv(turn) * longest  # from the picture's pixels to the cut-out's
    start = np.array([(box[0] + box[2]) / 2, (box[1] + box[3]) / 2]) - step @ true.place
    into = (*step[0], start[0], *step[1], start[1])
    own = Image.fromarray(np.dstack([coffee.rgb, coffee.alpha]))
    laid = own.transform((600, 500), Image.Transform.AFFINE, into, Image.Resampling.BICUBIC)
    picture = Image.fromarray(texture(np.random.default_rng(11), 600, 500))
    picture.paste(laid, mask=laid)
    product = product_of(coffee.rgb, coffee.alpha, box, 384)
    place = registered(product, picture)
    assert place is not None
    assert place.pose.mirrored == mirrored
    assert place.copies == 1
    rough, fine = farthest(place.pose, true), farthest(finer(product, picture, place.pose), true)
    assert rough < 3
    assert fine < 0.3
