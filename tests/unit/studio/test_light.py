"""Contact, cast shadow and reflection on shapes whose answer is known, and what a picture with them shows."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from packshot.studio import Cutout, Look, Shot, light
from packshot.studio import compose as compose_from
from packshot.studio.compose import sun_of
from packshot.studio.place import ground_line
from packshot.studio.plates import Sun, plates
from tests.unit.studio import stand_in
from tests.unit.studio.pictures import opened
from tests.unit.studio.test_compose import box_cutout

ANGLE = math.radians(15)
SUN = Sun(lean=1.0, reach=0.05, softness=0.5, strength=1.0, contact=1.0)


def post(wide: int = 10) -> np.ndarray:
    """A post that is 120 pixels high."""
    alpha = np.zeros((200, 300), np.float32)
    alpha[40:160, 100 : 100 + wide] = 1
    return alpha


def made(cutout: Cutout, preset: str, **wishes: object) -> np.ndarray:
    shot = Shot(preset, 512, 512, seed=2, format="png", look=Look(**wishes))  # type: ignore[arg-type]
    return opened(compose_from(cutout, shot, folder=stand_in.folder())).astype(float)


# ------------------------------------------------------------------------------------------------------------ ground


def test_the_ground_follows_the_feet() -> None:
    alpha = np.zeros((100, 100), np.float32)
    alpha[10:60, 20:80] = 1  # a table's top
    alpha[60:90, 20:26] = alpha[60:80, 74:80] = 1  # a long leg in front, a short one behind
    ground = ground_line(alpha)
    assert ground[25] == 90 and ground[79] == 80
    assert 80 < ground[50] < 90
    assert ground[0] == 90 and ground[99] == 80


def test_the_side_of_a_bulging_bottle_is_not_its_base() -> None:
    y, x = np.mgrid[0:200, 0:200]
    narrow = (abs(x - 100) < 20) & (y < 190)
    ground = ground_line((narrow | ((x - 100) ** 2 + ((y - 120) * 0.6) ** 2 < 40**2)).astype(np.float32))
    assert ground.min() > 185


def test_nothing_stands_on_the_lower_edge() -> None:
    assert (ground_line(np.zeros((20, 30), np.float32)) == 20).all()


# ------------------------------------------------------------------------------------------------------------ shadow


def test_shadows_get_softer_and_lighter_with_height() -> None:
    """A post throws a shadow to the right: dark and sharp beside its foot, blurred where its top falls."""
    alpha = post(30)
    dark = light.cast(alpha, ground_line(alpha), 60, SUN, ANGLE)
    line = dark[140:180].max(0)
    assert line[135] > 2 * line[235] > 0.05
    assert line[60] < 0.05, "nothing falls towards the light"
    spread = [float((dark[:, x] > 0.5 * dark[:, x].max()).sum()) for x in (135, 235)]
    assert spread[1] > 1.5 * spread[0]
    sharp = light.cast(alpha, ground_line(alpha), 60, replace(SUN, softness=0.01), ANGLE)[140:180].max(0)
    assert sharp[140] > 1.4 * sharp[225] > 0.4, "light comes in from the sides"


@pytest.mark.parametrize("lean, reach", [(1.0, 0.05), (-0.8, 0.1), (0.5, -0.2), (0.0, 0.3)])
def test_the_shadow_of_the_top_falls_where_the_sun_says(lean: float, reach: float) -> None:
    """Lean and reach are ways in the picture: the far end of a 120 pixel post's shadow is 120 times as far."""
    alpha = post()
    sun = Sun(lean, reach, 0.02, 1.0, 1.0)
    dark = light.cast(alpha, ground_line(alpha), 60, sun, ANGLE)
    y, x = np.nonzero(dark > 0.25)
    tip = x.max() - 110 if lean > 0 else x.min() - 100
    assert not lean or tip == pytest.approx(120 * lean, abs=8)
    assert (y.max() if reach > 0 else y.min()) - 160 == pytest.approx(120 * reach, abs=8)


def test_the_shadow_s_edge_has_no_step() -> None:
    """Along any row and column the darkness bends gradually: where the search for what throws it ends, nothing is cut
    off."""
    y, x = np.mgrid[0:400, 0:600]
    alpha = (((x - 350) / 60) ** 2 + ((y - 220) / 110) ** 2 < 1).astype(np.float32)
    dark = light.cast(alpha, ground_line(alpha), 160, Sun(-1.1, 0.02, 0.7, 1.0, 1.0), ANGLE)
    far = dark[:, :250]
    assert far.max() > 0.2
    assert max(np.abs(np.diff(far, 2, axis=axis)).max() for axis in (0, 1)) < 0.03


def test_a_higher_camera_sees_a_deeper_shadow() -> None:
    alpha = np.zeros((200, 300), np.float32)
    alpha[100:160, 100:180] = 1
    deep = [
        int((light.cast(alpha, ground_line(alpha), 70, SUN, math.radians(a))[:, 200] > 0.3).sum()) for a in (10, 40)
    ]
    assert deep[1] > 1.5 * deep[0] > 0


def test_contact_is_darkest_at_the_foot_and_gone_above() -> None:
    alpha = post(60)
    dark = light.contact(alpha, ground_line(alpha), 85, ANGLE)
    assert dark[160, 130] > 0.7 > dark[164, 130] > dark[170, 130] > dark[180, 130]
    assert dark[160, 162] > dark[160, 170] > dark[160, 190]
    assert dark[80, 162] < 0.02


def test_a_lying_product_has_a_shadow_all_around_and_more_away_from_the_light() -> None:
    alpha = np.zeros((200, 200), np.float32)
    alpha[60:140, 60:140] = 1
    dark, touch = light.lying(alpha, 80, Sun(1.0, 0.4, 0.4, 1.0, 1.0))
    assert dark[100, 143] > dark[100, 56] + 0.2 and dark[143, 100] > dark[56, 100]
    sides = [touch[100, 140], touch[100, 59], touch[140, 100], touch[59, 100]]
    assert min(sides) > 0.2 and np.ptp(sides) < 0.05


def test_a_reflection_is_upside_down_fades_and_blurs() -> None:
    alpha = np.zeros((200, 100), np.float32)
    alpha[40:120, 30:70] = 1
    colours = np.zeros((200, 100, 3), np.float32)
    colours[40:80, :, 0] = colours[80:120, :, 2] = 1.0  # red above, blue below
    image, cover = light.mirror(colours, alpha, ground_line(alpha), 60, 0.2)
    assert image[125, 50, 2] > 0.5 > image[125, 50, 0] and image[180, 50, 0] > image[180, 50, 2]
    assert cover[125, 50] > cover[150, 50] > cover[190, 50] and cover[110].max() < 0.3
    edge = [np.abs(np.diff(cover[row])).max() / cover[row].max() for row in (122, 190)]
    assert edge[0] > 1.5 * edge[1]


# ------------------------------------------------------------------------------------------------------------ wishes


def test_a_look_changes_the_shadow() -> None:
    plate = plates(stand_in.folder())[0]
    assert sun_of(plate, Look()) == plate.sun
    none, hard, soft = (sun_of(plate, Look(shadow=word)) for word in ("none", "hard", "soft"))
    assert none.strength == none.contact == 0
    assert hard.softness < plate.sun.softness < soft.softness and hard.strength > soft.strength
    assert sun_of(plate, Look(softness="hard")) == hard
    assert sun_of(plate, Look(softness="hard", shadow="soft")) == soft, "the shadow's own word counts"


def test_a_product_darkens_the_ground_it_stands_on_and_only_near_it() -> None:
    pixels = made(box_cutout(160, 160), "studio")
    red = (pixels[..., 0] > pixels[..., 1] + 60).nonzero()
    bottom, middle = int(red[0].max()), int(red[1].mean())
    assert pixels[bottom + 3, middle].mean() < pixels[500, middle].mean() - 25
    assert pixels[20, 20].min() > 150, "the sweep stays light in the corners"
    bare = made(box_cutout(160, 160), "studio", shadow="none")
    assert abs(bare[bottom + 8, middle].mean() - bare[500, middle].mean()) < 12


@pytest.mark.parametrize("side", ["left", "right"])
def test_the_shadow_falls_away_from_the_plate_s_light(side: str) -> None:
    """With the shadow and without: it is darker on the side away from the light."""
    shaded, bare = (made(box_cutout(100, 160), "oak", light=side, shadow=word) for word in (None, "none"))
    change = (bare - shaded).mean(2)
    left, right = change[300:, :150].sum(), change[300:, 362:].sum()
    assert (right > 3 * left) if side == "left" else (left > 3 * right)


def test_no_shadow_falls_beside_the_floor() -> None:
    """On a podium's disc, which takes a third of the frame, the shadow ends where the disc does."""
    shaded, bare = (made(box_cutout(200, 160), "plaster", light="left", shadow=word) for word in ("hard", "none"))
    change = (bare - shaded).mean(2)
    assert change[390:440, 330:380].max() > 20
    assert change[:, 470:].max() < 6 and change[480:].max() < 6


def test_dark_marble_mirrors_the_product_and_a_wish_takes_it_away() -> None:
    def redness(**wishes: object) -> float:
        pixels = made(box_cutout(160, 160), "luxury", **wishes)
        red = (pixels[..., 0] > pixels[..., 1] + 60).nonzero()
        bottom = int(np.bincount(red[0], minlength=512).astype(bool)[:420].nonzero()[0].max())
        below = pixels[bottom + 30, int(red[1].mean())]
        return float(below[0] / max(below[1], 1))

    assert redness() > 1.5 > redness(reflection=False)


def test_a_shadow_keeps_the_floor_s_hue() -> None:
    """Under the product's shadow the floor is the same colour, only darker: nothing grey is laid on it."""
    wish = {"colour": (200, 90, 40)}
    shaded, bare = (
        made(box_cutout(160, 160, (90, 90, 90)), "studio", **wish),
        made(box_cutout(160, 160, (90, 90, 90)), "studio", shadow="none", **wish),
    )
    dark = (bare - shaded)[..., 0] > 30
    outside = dark & ~(np.ptp(shaded, axis=2) < 12)
    assert outside.sum() > 300
    linear = lambda p: (p[outside] / 255) ** 2.2  # noqa: E731
    share = linear(shaded) / linear(bare)
    assert np.median(share[:, 0] / share[:, 1]) == pytest.approx(1, abs=0.2)
