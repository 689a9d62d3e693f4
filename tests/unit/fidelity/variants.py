"""What may become of a product: pictures that still show it, and pictures that do not.

Every function is deterministic in its random generator. A product is (rows, columns, 4) uint8, cropped to its box.
"""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageFilter

from packshot.studio.colour import TO_LINEAR, to_srgb

Pixels = np.ndarray
Random = np.random.Generator
FLIP = Image.Transpose.FLIP_LEFT_RIGHT
BICUBIC = Image.Resampling.BICUBIC


def sweep(random: Random, wide: int, high: int) -> Pixels:
    """A seamless ground: one colour, brighter on one side."""
    colour = random.uniform(60, 250, 3) * 0.3 + random.uniform(60, 250) * 0.7
    across, down = np.meshgrid(np.linspace(-1, 1, wide), np.linspace(-1, 1, high))
    light = 1 + random.uniform(-0.15, 0.15) * across + random.uniform(-0.15, 0.15) * down
    grain = random.normal(0, 1.5, (high, wide, 1))
    return (colour * light[..., None] + grain).clip(0, 255).astype(np.uint8)


def texture(random: Random, wide: int, high: int) -> Pixels:
    """Something like wood or stone below a wall."""
    colour = random.uniform(70, 220) * np.array([1.0, random.uniform(0.7, 1), random.uniform(0.5, 1)])
    grains = [random.normal(0, 1, (max(2, high // n), max(2, wide // (n * 4)))) for n in (4, 16, 48)]
    lumps = sum(
        np.asarray(Image.fromarray(one.astype(np.float32)).resize((wide, high), BICUBIC)) * weight
        for one, weight in zip(grains, (6, 8, 10), strict=True)
    )
    out = (colour + lumps[..., None]).clip(0, 255).astype(np.uint8)
    wall = int(high * random.uniform(0.2, 0.6))
    out[:wall] = sweep(random, wide, wall)
    return out


def scene(random: Random, wide: int, high: int, photo: Pixels | None = None) -> Pixels:
    """A background: a sweep, a texture, or another photograph out of focus."""
    kind = random.integers(3)
    if kind == 0 or (kind == 2 and photo is None):
        return sweep(random, wide, high)
    if kind == 1 or photo is None:
        return texture(random, wide, high)
    blur = ImageFilter.GaussianBlur(float(random.uniform(6, 20)))
    return np.asarray(Image.fromarray(photo).resize((wide, high), BICUBIC).filter(blur))


def laid(product: Pixels, ground: Pixels, size: float, at: tuple[float, float]) -> Pixels:
    """The product on a background with a soft shadow; its longer side is `size` of the frame's shorter side, and `at`
    says where in what room is left (0..1)."""
    high, wide = ground.shape[:2]
    scale = size * min(wide, high) / max(product.shape[:2])
    scale = min(scale, wide / product.shape[1], high / product.shape[0])
    small = Image.fromarray(product).resize(
        (max(1, int(product.shape[1] * scale)), max(1, int(product.shape[0] * scale))), Image.Resampling.LANCZOS
    )
    left, top = round(at[0] * (wide - small.width)), round(at[1] * (high - small.height))
    out = Image.fromarray(ground)
    cover = Image.new("L", out.size)
    cover.paste(small.getchannel("A"), (left + small.width // 30, top + small.height // 25))
    shade = cover.filter(ImageFilter.GaussianBlur(max(small.size) / 25)).point(lambda level: level * 45 // 100)
    out.paste((20, 18, 16), mask=shade)
    out.paste(small, (left, top), small)
    return np.asarray(out)


def turned(product: Pixels, degrees: float, tilt: float = 0.0) -> Pixels:
    """Turned in the plane of the picture, and the camera moved by `tilt` degrees to the side (a homography)."""
    pad = max(product.shape[:2]) // 8
    out = Image.fromarray(np.pad(product, ((pad, pad), (pad, pad), (0, 0))))
    sine, cosine = np.sin(np.radians(tilt)), np.cos(np.radians(tilt))
    if tilt:
        wide, high = out.size
        x, y, far = wide / 2, high / 2, 2.5 * max(out.size)
        # (u, v) of the new picture comes from (u / (cosine - u sine / far), ...) around the middle, at distance `far`
        turn = np.array([[1, 0, 0], [0, cosine, 0], [-sine / far, 0, cosine]])
        move, back = np.array([[1, 0, -x], [0, 1, -y], [0, 0, 1]]), np.array([[1, 0, x], [0, 1, y], [0, 0, 1]])
        whole = back @ turn @ move
        out = out.transform(out.size, Image.Transform.PERSPECTIVE, tuple((whole / whole[2, 2]).ravel()[:8]), BICUBIC)
    return cropped(np.asarray(out.rotate(-degrees, BICUBIC, expand=True)))


def cropped(product: Pixels) -> Pixels:
    rows, columns = np.flatnonzero((product[..., 3] > 2).any(1)), np.flatnonzero((product[..., 3] > 2).any(0))
    return product[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def relit(pixels: Pixels, gain: float, warm: float, gamma: float) -> Pixels:
    """Linear light times `gain`, red times and blue divided by `warm`, to the power of `gamma`."""
    out = pixels.copy()
    light = TO_LINEAR[pixels[..., :3]] * np.array([gain * warm, gain, gain / warm], np.float32)
    out[..., :3] = np.rint(to_srgb(light.clip(0, 1) ** np.float32(gamma)))
    return out


def jpeg(pixels: Pixels, quality: int) -> Pixels:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "JPEG", quality=quality)
    return np.asarray(Image.open(out).convert("RGB"))


def recoloured(product: Pixels, degrees: float, where: Pixels | None = None) -> Pixels:
    """Other hues: the plane of Cb and Cr is turned; what has no colour gets one."""
    out = product.copy()
    coded = np.asarray(Image.fromarray(product[..., :3]).convert("YCbCr"), np.float32)
    b, r = coded[..., 1] - 128, coded[..., 2] - 128
    solid = product[..., 3] > 200
    cosine, sine = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    b, r = cosine * b - sine * r, sine * b + cosine * r
    if float(np.hypot(b, r)[solid].mean()) < 12:
        b, r = b + 18 * cosine, r + 18 * sine
    coded = np.stack([coded[..., 0], b + 128, r + 128], -1).clip(0, 255).astype(np.uint8)
    changed = np.asarray(Image.fromarray(coded, "YCbCr").convert("RGB"))
    mask = solid if where is None else where
    out[..., :3] = np.where(mask[..., None], changed, product[..., :3])
    return out


def part(product: Pixels, random: Random, low: float, high: float) -> Pixels:
    """A mask (rows, columns) of a piece at one end of the product, `low`..`high` of its area, by a straight cut."""
    y, x = np.nonzero(product[..., 3] > 127)
    angle = random.uniform(0, 2 * np.pi)
    along = x * np.cos(angle) + y * np.sin(angle)
    limit = np.quantile(along, random.uniform(low, high))
    out = np.zeros(product.shape[:2], bool)
    every_y, every_x = np.indices(out.shape)
    out[:] = every_x * np.cos(angle) + every_y * np.sin(angle) < limit
    return out


def marked(product: Pixels) -> list[tuple[int, int, int]]:
    """Squares (row, column, side) of the product with the most fine contrast, best first, none beside itself twice."""
    side = max(8, max(product.shape[:2]) // 24)
    grey = Image.fromarray(product[..., :3]).convert("L")
    fine = np.asarray(grey, np.float32) - np.asarray(grey.filter(ImageFilter.GaussianBlur(side / 3)), np.float32)
    found = []
    for y in range(0, product.shape[0] - side + 1, side):
        for x in range(0, product.shape[1] - side + 1, side):
            if (product[y : y + side, x : x + side, 3] > 250).all():
                found.append((float(fine[y : y + side, x : x + side].std()), y, x))
    found.sort(reverse=True)
    return [(y, x, side) for _, y, x in found[: max(4, len(found) // 5)]]


def garbled(product: Pixels, random: Random) -> Pixels:
    """The marks' squares in another order, each upside down."""
    out = product.copy()
    squares = marked(product)
    for (y, x, side), n in zip(squares, np.roll(random.permutation(len(squares)), 1), strict=True):
        v, u, _ = squares[n]
        out[y : y + side, x : x + side, :3] = product[v : v + side, u : u + side, :3][::-1]
    return out


def smeared(product: Pixels) -> Pixels:
    """The marks blurred away."""
    out = product.copy()
    for y, x, side in marked(product):
        blurred = Image.fromarray(product[..., :3]).crop((x - side, y - side, x + 2 * side, y + 2 * side))
        middle = np.asarray(blurred.filter(ImageFilter.GaussianBlur(side / 3)))[side : 2 * side, side : 2 * side]
        out[y : y + side, x : x + side, :3] = middle
    return out


def patterned(product: Pixels, random: Random) -> Pixels:
    """Another texture on the same shape, of the same mean colour: crossing stripes."""
    out = product.copy()
    y, x = np.indices(product.shape[:2])
    period = max(product.shape[:2]) / random.uniform(14, 24)
    wave = np.sign(np.sin(2 * np.pi * (x + 0.4 * y) / period)) + np.sign(np.sin(2 * np.pi * (y - 0.4 * x) / period))
    solid = product[..., 3] > 127
    mean = product[..., :3][solid].mean(0)
    shade = np.asarray(Image.fromarray(product[..., :3]).filter(ImageFilter.GaussianBlur(period)), np.float32)
    out[..., :3] = (0.5 * shade + 0.5 * mean + 22 * wave[..., None]).clip(0, 255)
    return out


def without(product: Pixels, random: Random) -> Pixels:
    """A piece of 6 to 14 % cut off, off one end."""
    out = product.copy()
    out[..., 3] = np.where(part(product, random, 0.06, 0.14), 0, product[..., 3])
    return out


def grown(product: Pixels, random: Random) -> Pixels:
    """A round piece of 6 to 14 % of its area added at its outline, of its own colours."""
    area = float((product[..., 3] > 127).sum())
    radius = int(np.sqrt(area * random.uniform(0.06, 0.14) / np.pi * 1.6))
    pad = 2 * radius
    out = np.pad(product, ((pad, pad), (pad, pad), (0, 0)), mode="edge")
    out[:pad, :, 3] = out[-pad:, :, 3] = 0
    out[:, :pad, 3] = out[:, -pad:, 3] = 0
    solid = out[..., 3] > 127
    rim = solid & ~(np.roll(solid, 2, 0) & np.roll(solid, -2, 0) & np.roll(solid, 2, 1) & np.roll(solid, -2, 1))
    ys, xs = np.nonzero(rim)
    n = random.integers(len(ys))
    y, x = np.indices(solid.shape)
    disc = (np.hypot(y - ys[n], x - xs[n]) < radius) & ~solid
    near = np.median(out[..., :3][solid & (np.hypot(y - ys[n], x - xs[n]) < radius)], axis=0)
    shade = 1 - 0.25 * (np.hypot(y - ys[n] + radius / 3, x - xs[n] + radius / 3) / radius)
    out[..., :3] = np.where(disc[..., None], (near * shade[..., None]).clip(0, 255), out[..., :3])
    out[..., 3] = np.where(disc, 255, out[..., 3])
    return cropped(out)


def stretched(product: Pixels, across: float, down: float) -> Pixels:
    size = (round(product.shape[1] * across), round(product.shape[0] * down))
    return np.asarray(Image.fromarray(product).resize(size, BICUBIC))


def _spot(random: Random) -> tuple[float, float]:
    return float(random.uniform()), float(random.uniform(0.3, 1))


def _one(change: Callable[[Pixels, Random], Pixels]) -> Callable[[Pixels, Random, Pixels], Pixels]:
    def made(product: Pixels, random: Random, ground: Pixels) -> Pixels:
        return laid(change(product, random), ground, float(random.uniform(0.35, 0.85)), _spot(random))

    return made


def _lit(product: Pixels, random: Random) -> Pixels:
    gain, warm, gamma = random.uniform(0.85, 1.15), random.uniform(0.87, 1.15), random.uniform(0.87, 1.15)
    return relit(product, float(gain), float(warm), float(gamma))


def _everything(product: Pixels, random: Random, ground: Pixels) -> Pixels:
    small = turned(_lit(product, random), float(random.uniform(-4, 4)), float(random.uniform(-4, 4)))
    return jpeg(laid(small, ground, float(random.uniform(0.35, 0.85)), _spot(random)), 75)


def _upscaled(product: Pixels, random: Random, ground: Pixels) -> Pixels:
    rows, columns = product.shape[:2]
    low = np.asarray(Image.fromarray(product).resize((columns * 2 // 3, rows * 2 // 3), Image.Resampling.LANCZOS))
    out = laid(low, ground, float(random.uniform(0.4, 0.7)), _spot(random))
    return np.asarray(Image.fromarray(out).resize((out.shape[1] * 3 // 2, out.shape[0] * 3 // 2), BICUBIC))


def repainted(product: Pixels, random: Random) -> Pixels:
    """What a careful generator does: every part a little out of place (at most 0.8 % of the longer side), light that
    varies over the product by a tenth, detail slightly softened, grain."""
    rows, columns = product.shape[:2]

    def lumps(n: int) -> Pixels:
        rough = Image.fromarray(random.uniform(-1, 1, (n, n)).astype(np.float32))
        return np.asarray(rough.resize((columns, rows), BICUBIC)).clip(-1, 1)

    pad = max(rows, columns) // 40
    wide = np.pad(product, ((pad, pad), (pad, pad), (0, 0)))
    wide[..., :3] = np.pad(product[..., :3], ((pad, pad), (pad, pad), (0, 0)), mode="edge")
    reach = 0.008 * max(rows, columns)
    y, x = np.indices((rows, columns))
    at = (np.rint(y + pad + reach * lumps(6)).astype(int), np.rint(x + pad + reach * lumps(6)).astype(int))
    moved = Image.fromarray(wide[at]).filter(ImageFilter.GaussianBlur(max(rows, columns) / 900))
    out = np.asarray(moved).copy()
    light = TO_LINEAR[out[..., :3]] * (1 + 0.1 * lumps(4)[..., None])
    out[..., :3] = (to_srgb(light.clip(0, 1).astype(np.float32)) + random.normal(0, 2, light.shape)).clip(0, 255)
    return out


def _twice(product: Pixels, random: Random, ground: Pixels) -> Pixels:
    size = float(random.uniform(0.35, 0.45))
    across = ground.shape[1] >= ground.shape[0]
    first, second = ((0.05, 0.9), (0.95, 0.9)) if across else ((0.5, 0.02), (0.5, 0.98))
    return laid(product, laid(product, ground, size, first), size, second)


SAME: dict[str, Callable[[Pixels, Random, Pixels], Pixels]] = {
    "moved": _one(lambda product, random: product),
    "relit": _one(_lit),
    "jpeg": lambda product, random, ground: jpeg(
        laid(product, ground, float(random.uniform(0.35, 0.85)), _spot(random)), 70
    ),
    "turned": _one(lambda p, random: turned(p, float(random.uniform(-6, 6)), float(random.uniform(-6, 6)))),
    "upscaled": _upscaled,
    "everything": _everything,
    "repainted": _one(lambda p, random: repainted(_lit(p, random), random)),
}
CHANGED: dict[str, Callable[[Pixels, Random, Pixels], Pixels]] = {
    "hue": _one(lambda p, random: recoloured(p, float(random.uniform(30, 120) * random.choice([-1, 1])))),
    "hue_of_part": _one(
        lambda p, random: recoloured(p, float(random.uniform(40, 140)), part(p, random, 0.2, 0.5) & (p[..., 3] > 127))
    ),
    "garbled": _one(garbled),
    "smeared": _one(lambda p, random: smeared(p)),
    "patterned": _one(patterned),
    "part_gone": _one(without),
    "part_added": _one(grown),
    "stretched": _one(lambda p, random: stretched(p, *random.permutation([1.15, 1.0]).tolist())),
    "mirrored": _one(lambda p, random: np.ascontiguousarray(p[:, ::-1])),
    "missing": lambda product, random, ground: ground,
    "twice": _twice,
}
