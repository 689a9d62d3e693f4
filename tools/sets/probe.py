"""Small renders at the stand point that measure what a compositor has to know of a set's light."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import bpy  # type: ignore[import-not-found]
import numpy as np
from sets import shapes
from sets.scenes import Stage
from sets.shots import Linear, shoot, without

CARD = 0.5  # reflectance of the grey card
WHITE = 0.92  # linear value that a white card (reflectance 1) is exposed to
POST = 0.03  # radius of the post, metres


@dataclass(frozen=True)
class Measured:
    """gain (3,): factors that make the card grey and white WHITE; cast: the card's largest deviation from grey before.

    strength: the key light's share of the light on the floor; contact: how dark the floor is beside a post, 0..1;
    fill (3,): mean linear light that arrives at the product's middle from the set, lamp left out, after the gain.
    """

    gain: Linear
    cast: float
    strength: float
    contact: float
    fill: Linear


def measure(stage: Stage, exposure: float) -> Measured:
    """Render card, post and surroundings; the scene is left as it was."""
    scene = bpy.context.scene
    camera, denoise = scene.camera, scene.cycles.use_denoising
    scene.cycles.use_denoising = False
    try:
        card, dark = lit_card(stage)
        gain = np.asarray(exposure * WHITE * CARD / card, np.float32)
        around = surroundings(stage) * gain
        contact = beside_post(stage)
    finally:
        scene.camera, scene.cycles.use_denoising = camera, denoise
    return Measured(gain, float(np.ptp(card) / card.mean()), float(1 - dark.mean() / card.mean()), contact, around)


def lit_card(stage: Stage) -> tuple[Linear, Linear]:
    """The card's colour (3,), with the key light and without it."""
    stuff = shapes.material("card", lambda graph: graph.finish((CARD, CARD, CARD, 1), 1.0, specular_ior_level=0.0))
    card = shapes.grid("card", -0.03, 0.03, -0.03, 0.03, 0.1, stuff)
    card.location.z = stage.top + 0.004
    eye = overhead(stage, 0.02)
    lit = shoot(8, 512).mean((0, 1))
    with without(stage.key_light):
        dark = shoot(8, 512).mean((0, 1))
    remove(card, eye)
    return lit, dark


def beside_post(stage: Stage) -> float:
    """How much darker the darkest tenth of the floor within 8 mm of a post is than without the post."""
    stuff = shapes.material("post", lambda graph: graph.finish((CARD, CARD, CARD, 1), 1.0, specular_ior_level=0.0))
    eye = overhead(stage, 0.1)
    size = 64
    free = shoot(size, 48).mean(-1)
    post = shapes.drum("post", (0.0, 0.0), POST, stage.top, stage.top + 0.2, stuff)
    taken = shoot(size, 48).mean(-1)
    remove(post, eye)
    axis = ((np.arange(size) + 0.5) / size - 0.5) * 0.1
    away = np.hypot(axis[:, None], axis[None])
    ring = (away > POST + 0.001) & (away < POST + 0.008)
    return float(np.clip(1 - np.quantile(taken[ring], 0.1) / free[ring].mean(), 0, 1))


def surroundings(stage: Stage) -> Linear:
    """Mean light (3,) of the sphere around the product's middle."""
    data = bpy.data.cameras.new("eye")
    data.type, data.panorama_type = "PANO", "EQUIRECTANGULAR"
    eye = bpy.data.objects.new("eye", data)
    eye.location, eye.rotation_euler = (0, 0, stage.top + 0.1), (math.pi / 2, 0, 0)
    bpy.context.collection.objects.link(eye)
    bpy.context.scene.camera = eye
    seen = shoot(32, 64, 16)
    remove(eye)
    weight = np.cos((np.arange(16) + 0.5) / 16 * math.pi - math.pi / 2)[:, None, None]
    return np.asarray((seen * weight).mean((0, 1)) / weight.mean(), np.float32)


def overhead(stage: Stage, side: float) -> Any:
    """An orthographic camera straight above the stand point that sees a square of this side."""
    data = bpy.data.cameras.new("eye")
    data.type, data.ortho_scale, data.clip_start = "ORTHO", side, 0.001
    eye = bpy.data.objects.new("eye", data)
    eye.location = (0, 0, stage.top + 0.45)
    bpy.context.collection.objects.link(eye)
    bpy.context.scene.camera = eye
    return eye


def remove(*things: Any) -> None:
    for thing in things:
        bpy.data.objects.remove(thing, do_unlink=True)
