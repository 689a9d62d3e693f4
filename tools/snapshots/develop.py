"""From rays to a phone's JPEG: Cycles' settings, exposure, white balance, tone curve, noise."""

from __future__ import annotations

import io
from pathlib import Path
from random import Random
from typing import Any

import bpy  # type: ignore[import-not-found]
import numpy as np
from PIL import Image

SAMPLES, ALPHA_SAMPLES = 6, 16


def settings(width: int, height: int, threads: int) -> None:
    """Cycles on the CPU: 6 samples, one diffuse bounce, OpenImageDenoise with albedo and normal, linear floats."""
    scene = bpy.context.scene
    scene.render.engine = "CYCLES"
    scene.render.resolution_x, scene.render.resolution_y = width, height
    scene.render.threads_mode, scene.render.threads = "FIXED", threads
    scene.render.use_persistent_data = True
    scene.render.image_settings.file_format = "OPEN_EXR"
    scene.render.image_settings.color_mode, scene.render.image_settings.color_depth = "RGBA", "32"
    scene.view_settings.view_transform = "Standard"
    cycles = scene.cycles
    cycles.device, cycles.samples, cycles.use_adaptive_sampling = "CPU", SAMPLES, False
    cycles.max_bounces, cycles.diffuse_bounces, cycles.glossy_bounces = 12, 1, 3
    cycles.transmission_bounces, cycles.transparent_max_bounces = 12, 8
    cycles.sample_clamp_indirect, cycles.caustics_reflective, cycles.caustics_refractive = 5.0, False, False
    cycles.use_denoising, cycles.denoiser = True, "OPENIMAGEDENOISE"
    cycles.denoising_input_passes, cycles.denoising_prefilter = "RGB_ALBEDO_NORMAL", "FAST"
    cycles.denoising_quality = "BALANCED"
    scene.world.cycles.sampling_method = "NONE"  # half the time; the lamp is sampled, the world is met by chance


def rays(file: Path) -> np.ndarray:
    """Render the scene; linear RGBA [height, width, 4], top row first."""
    bpy.context.scene.render.filepath = str(file)
    bpy.ops.render.render(write_still=True)
    picture = bpy.data.images.load(str(file))
    width, height = picture.size
    values = np.empty(width * height * 4, np.float32)
    picture.pixels.foreach_get(values)
    bpy.data.images.remove(picture)
    file.unlink()
    return np.asarray(values.reshape(height, width, 4)[::-1])


def alpha(others: list[Any], box: tuple[float, float, float, float], file: Path) -> np.ndarray:
    """8-bit coverage [height, width] of what is not in `others`: same camera, same depth of field.

    Glass counts as solid. Only `box` (left, top, right, bottom in shares) is rendered; the rest is 0.
    """
    scene = bpy.context.scene
    for other in others:
        other.hide_render = True
    shape = bpy.data.materials.new("shape")
    bpy.context.view_layer.material_override = shape
    scene.world = None
    scene.render.film_transparent = scene.render.use_border = True
    scene.render.border_min_x, scene.render.border_max_x = max(box[0], 0), min(box[2], 1)
    scene.render.border_min_y, scene.render.border_max_y = max(1 - box[3], 0), min(1 - box[1], 1)
    scene.cycles.samples, scene.cycles.max_bounces, scene.cycles.use_denoising = ALPHA_SAMPLES, 0, False
    covered = rays(file)[..., 3]
    return np.asarray(np.round(np.clip(covered, 0, 1) * 255), np.uint8)


def expose(linear: np.ndarray, stops: float) -> np.ndarray:
    """Metered as a phone does (mean and highlights), then off by `stops`."""
    light = linear @ np.array([0.2126, 0.7152, 0.0722], np.float32)
    mean, bright = float(np.minimum(light, np.percentile(light, 98)).mean()), float(np.percentile(light, 95))
    gain = (0.24 / max(mean, 1e-4)) ** 0.6 * (0.75 / max(bright, 1e-4)) ** 0.4
    return linear * np.float32(gain * 2**stops)


def tone(linear: np.ndarray) -> np.ndarray:
    """Narkowicz' fit of the ACES curve, then the sRGB transfer function; 0..1."""
    x = linear * 0.8
    shown = np.clip(x * (2.51 * x + 0.03) / (x * (2.43 * x + 0.59) + 0.14), 0, 1)
    return np.where(shown <= 0.0031308, shown * 12.92, 1.055 * shown ** (1 / 2.4) - 0.055)


def phone(linear: np.ndarray, rng: Random, case: str) -> tuple[bytes, dict[str, float]]:
    """The JPEG file of linear RGB [height, width, 3], and what was done. A `white` or `black` case is to look so."""
    stops, warmth, quality = rng.uniform(-0.7, 0.7), rng.uniform(-0.16, 0.2), rng.randint(84, 89)
    if case in ("white", "black"):
        stops, warmth = 0.5 * stops + (0.65 if case == "white" else -2.0), 0.3 * warmth
    grain = rng.uniform(0.4, 1.4)
    tinted = expose(linear, stops) * np.array([1 + warmth, 1, 1 - warmth], np.float32)
    shown = tone(tinted)
    noise = np.random.default_rng(rng.getrandbits(32))
    grey = noise.normal(0, 1, (*shown.shape[:2], 1))
    colour = noise.normal(0, 1, shown.shape)
    shown = shown * 255 + grain * (grey + 0.4 * colour) * (1.2 - 0.5 * shown)
    file = io.BytesIO()
    Image.fromarray(np.clip(np.round(shown), 0, 255).astype(np.uint8)).save(
        file, "JPEG", quality=quality, optimize=True
    )
    return file.getvalue(), {"exposure": round(stops, 2), "warmth": round(warmth, 2), "quality": quality}
