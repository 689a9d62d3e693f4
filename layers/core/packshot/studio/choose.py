"""Which plate fits: by surface, season, view and light; the seed decides among equals."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from packshot.studio.plates import Plate, Side, View
from packshot.studio.sets import random_of, stated
from packshot.studio.snapshot import lit_from, seen_from
from packshot.studio.values import Cutout
from packshot.words.look import Look

# what it costs to miss a wish: an earlier one weighs more than all later ones together
COSTS = {"surface": 1000, "season": 400, "view": 100, "light": 40, "colour": 20}
UNASKED_SEASON = 10  # blossom on a table that nobody asked to be in spring
OTHER_CAMERA = 4  # a plate that was seen from another height than the product was
OTHER_LIGHT = 1  # a plate whose light comes from another side than the product's did


@dataclass(frozen=True)
class Choice:
    """A plate, and the kinds of wishes that it does not meet."""

    plate: Plate
    missed: tuple[str, ...]


def choose(look: Look, seed: int, cutout: Cutout, plates: Iterable[Plate], *, preset: str = "") -> Choice:
    """The plate that misses least of a look, possibly mirrored; where it is silent about view and light, those of the
    product's own photograph decide. The same arguments choose the same plate."""
    camera, side = look.view or seen_from(cutout), look.light or lit_from(cutout)
    sided = [one for plate in plates for one in ((plate,) if plate.light == "top" else (plate, plate.mirror()))]
    costs = [_cost(plate, look, camera, side) for plate in sided]
    equal = [plate for plate, cost in zip(sided, costs, strict=True) if cost == min(costs)]
    plate = equal[int(random_of(preset, seed, "plate").integers(len(equal)))]
    return Choice(plate, missed(plate, look))


def _cost(plate: Plate, look: Look, camera: View, side: Side | None) -> int:
    cost = sum(COSTS[kind] for kind in missed(plate, look) if kind in COSTS)
    if plate.season is not None and look.season is None and look.surface != plate.surface:
        cost += UNASKED_SEASON
    if plate.view == "top" and look.view is None:
        cost += 2 * OTHER_CAMERA
    cost += OTHER_CAMERA if plate.view != camera else 0
    return cost + (OTHER_LIGHT if side not in (None, plate.light) else 0)


def missed(plate: Plate, look: Look) -> tuple[str, ...]:
    """The kinds of a look's wishes that a plate does not meet; the rest can be done to any plate."""
    met = {
        "surface": look.surface == plate.surface,
        "season": look.season in (plate.season, plate.surface),
        "view": look.view == plate.view,
        "light": look.light == plate.light,
        "colour": plate.neutral,
        "reflection": look.reflection is False or plate.view != "top",
    }
    return tuple(kind for kind in stated(look) if not met.get(kind, True))
