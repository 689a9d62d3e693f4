"""Of several things that stand out, those behind the product are not it; those beside it are."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from packshot.studio import net
from packshot.studio.find import find
from tests.unit.studio.test_bad_pictures import ground

PRODUCT = (120, 60, 220, 260)  # left, top, right, bottom
DARK = 20


def seen_with(monkeypatch: pytest.MonkeyPatch, other: tuple[int, int, int, int]) -> np.ndarray:
    """What is found of a dark block and another one, by a model that sees what is dark; (320, 320) of the picture."""

    def looks(pixels: np.ndarray, columns: int, rows: int, model: net.Model) -> np.ndarray:
        return np.asarray(Image.fromarray((pixels[..., 0] < 40).astype(np.float32)).resize((columns, rows)))

    monkeypatch.setattr("packshot.studio.find.saliency", looks)
    pixels = ground(320, 320, 190)
    for left, top, right, bottom in (PRODUCT, other):
        pixels[top:bottom, left:right] = DARK
    found = find(pixels, lambda x: x[0])
    left, top, right, bottom = found.region
    whole = np.zeros((320, 320), np.float32)
    whole[top:bottom, left:right] = np.asarray(Image.fromarray(found.sure).resize((right - left, bottom - top)))
    assert whole[160, 170] > 0.9
    return whole


@pytest.mark.parametrize(
    "other", [(240, 120, 300, 220), (30, 40, 90, 200)], ids=["beside and farther away", "on the other side"]
)
def test_what_stands_behind_is_left_out(monkeypatch: pytest.MonkeyPatch, other: tuple[int, int, int, int]) -> None:
    left, top, right, bottom = other
    assert seen_with(monkeypatch, other)[top:bottom, left:right].max() < 0.1


@pytest.mark.parametrize(
    "other",
    [(240, 150, 300, 258), (240, 200, 300, 290), (145, 4, 195, 54)],
    ids=["on the same line", "nearer", "above: what hangs there may belong to it"],
)
def test_what_does_not_is_kept(monkeypatch: pytest.MonkeyPatch, other: tuple[int, int, int, int]) -> None:
    left, top, right, bottom = other
    assert seen_with(monkeypatch, other)[(top + bottom) // 2, (left + right) // 2] > 0.9
