"""Render with Cycles on the CPU and read the result as linear light."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import bpy  # type: ignore[import-not-found]
import numpy as np
import numpy.typing as npt

Linear = npt.NDArray[np.float32]


def set_up(threads: int, seed: int) -> None:
    """Cycles, three bounces, no caustics, OpenImageDenoise guided by albedo and normals, a fixed seed."""
    scene = bpy.context.scene
    scene.render.engine = "CYCLES"
    scene.render.threads_mode, scene.render.threads = "FIXED", threads
    scene.render.use_persistent_data = False
    scene.render.film_transparent = False
    cycles = scene.cycles
    cycles.device, cycles.seed = "CPU", seed
    cycles.use_adaptive_sampling, cycles.adaptive_threshold, cycles.adaptive_min_samples = True, 0.03, 3
    cycles.use_denoising, cycles.denoiser = True, "OPENIMAGEDENOISE"
    cycles.denoising_input_passes, cycles.denoising_prefilter = "RGB_ALBEDO_NORMAL", "ACCURATE"
    cycles.denoising_quality = "BALANCED"
    cycles.max_bounces, cycles.diffuse_bounces, cycles.glossy_bounces, cycles.transmission_bounces = 3, 2, 2, 1
    cycles.caustics_reflective = cycles.caustics_refractive = False
    cycles.sample_clamp_indirect = 4.0
    cycles.pixel_filter_type, cycles.filter_width = "BLACKMAN_HARRIS", 1.5
    scene.view_settings.view_transform = "Raw"


def shoot(size: int, samples: int, height: int | None = None) -> Linear:
    """The scene as (height or size, size, 3) float32 linear light, top row first."""
    scene = bpy.context.scene
    scene.render.resolution_x, scene.render.resolution_y = size, height or size
    scene.render.resolution_percentage = 100
    scene.cycles.samples = samples
    settings = scene.render.image_settings
    settings.file_format, settings.color_depth, settings.exr_codec = "OPEN_EXR", "32", "NONE"
    with tempfile.TemporaryDirectory() as folder, quiet():
        file = Path(folder) / "shot.exr"
        scene.render.filepath = str(file)
        bpy.ops.render.render(write_still=True)
        return read(file)


def read(file: Path) -> Linear:
    """An OpenEXR file as linear light."""
    image = bpy.data.images.load(str(file))
    try:
        width, height = image.size
        values = np.empty(width * height * 4, np.float32)
        image.pixels.foreach_get(values)
    finally:
        bpy.data.images.remove(image)
    return np.ascontiguousarray(values.reshape(height, width, 4)[::-1, :, :3])


@contextmanager
def quiet() -> Iterator[None]:
    """Blender writes its progress to the process's standard output; keep it away."""
    kept = os.dup(1)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 1)
        yield
    finally:
        os.dup2(kept, 1)
        os.close(nowhere)
        os.close(kept)


@contextmanager
def without(*things: Any) -> Iterator[None]:
    """These objects are away from the render meanwhile."""
    before = [thing.hide_render for thing in things]
    try:
        for thing in things:
            thing.hide_render = True
        yield
    finally:
        for thing, was in zip(things, before, strict=True):
            thing.hide_render = was
